/* scale.h: products by powers of two, as exp ends; see scale.c. */
#ifndef GRADC_SCALE_H
#define GRADC_SCALE_H

#include "loop/loop.h"

typedef struct LoopScaled {
  Ex p, low, high; /* the value is p * low * high */
  Ex sum;          /* a register: n + magic, where low * high is 2^n */
  double magic;
} LoopScaled;
/* Per register what the one LET that defines it says; 0: it is set again, or defined twice. */
Ex *loop_lets(Arena *a, const Kernel *k);
/* e is such a product of floats; let: of its kernel. */
bool loop_scaled(const Kernel *k, const Ex *let, Ex e, LoopScaled *out);

#endif
