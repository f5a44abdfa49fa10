/* guard.h: which values may be computed for nothing, and aren't finite then. */
#ifndef GRADC_GUARD_H
#define GRADC_GUARD_H

#include "pass/derive.h"

typedef struct Guards {
  bool any;      /* else nothing of the following is set */
  bool *guarded; /* per value: every use that matters to a derivative is one that may be put out */
  bool *dropped; /* guarded by slices, gathers or extremes: some of its elements are left out */
  bool *wild;    /* guarded, and may be infinite or NaN, or have such a derivative */
  bool *
      plain; /* guarded by one choice alone, which its cotangent still shows: if c then dy else 0 */
} Guards;

/* guarded: so are the outputs themselves. */
Guards guards_find(const Fn *f, bool guarded);
/* The operand of a contraction with what can't matter put out: where all elements of dy that it
 * meets are 0. dy's labels as `out`, x's as `own`. */
Val guard_operand(Builder *b, Val dy, const uint8_t *out, Val x, const uint8_t *own);

#endif
