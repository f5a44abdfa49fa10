/* tangent.h: what the files of forward mode share. */
#ifndef GRADC_TANGENT_H
#define GRADC_TANGENT_H

#include "pass/derive.h"

typedef struct BundleParts { /* part of the old loop or branch -> part of the new one; -1: none */
  int *value, *tangent;
} BundleParts;

typedef struct Tangent {
  Builder *b;
  const Fn *f;
  Val *to;             /* value of f -> its copy */
  Val *dot;            /* value of f -> its tangent, 0: zero */
  BundleParts **parts; /* of loops and branches that carry tangents */
  Val **derived;       /* tangents of the float outputs of calls that have some */
  bool failed;
} Tangent;

/* tangent_loop.c: the copy of loop or branch v over pairs; fills parts[v]. */
Val tangent_loop(Tangent *g, Val v, const Val *args);
Val tangent_branch(Tangent *g, Val v, const Val *args);
/* adjoint_call.c: the tangents of the float outputs of a call, whose copy is given; false after a
 * diagnostic. */
bool tangent_call(Tangent *g, const Ins *in, Val call, const Val *args, Val *derived);

#endif
