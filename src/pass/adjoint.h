/* adjoint.h: what the files of the adjoint share: the state of one reverse sweep. */
#ifndef GRADC_ADJOINT_H
#define GRADC_ADJOINT_H

#include "pass/guard.h"

typedef struct LoopPlan LoopPlan; /* adjoint_loop.c: how one loop is run backwards */

typedef struct Adjoint {
  Builder *b;
  const Fn *f;
  Val *to;         /* value of f -> its copy */
  Val *bar;        /* value of f -> its adjoint so far, 0: none */
  Val **part_bar;  /* instruction with a body -> adjoint per part */
  LoopPlan **plan; /* loop -> its plan */
  bool *active;    /* depends on a wrt input in a differentiable way */
  Guards guards;
  bool trial; /* only to see what is asked for: inner loops needn't choose well */
  bool failed;
} Adjoint;

/* Adds a cotangent to the adjoint of v. */
void adjoint_give(Adjoint *g, Val v, Val cotangent);

/* As adjoint_into, for a body of which some values are known from elsewhere: given[v], where not 0,
 * stands for value v of f and is not computed again; sum[i], where not 0, is what the adjoint of
 * input i is added to. */
typedef struct AdjointOf {
  const Fn *f;
  const bool *wrt;
  const Val *args, *given, *sum, *seeds; /* given, sum: may be NULL */
  bool guarded; /* the outputs may be put out by choices around f (guard.c) */
  bool trial;
} AdjointOf;
bool adjoint_with(Builder *b, const AdjointOf *of, Val *values, Val *derived);
/* Whether the results of instruction v with a body may be put out. */
bool adjoint_is_guarded(const Adjoint *g, Val v);
/* Bytes the loop would save in each step; 0 for what has no derivative. */
double adjoint_tape_bytes(const Loop *l);

/* The loop in the new function, with what its reversal needs collected. */
Val adjoint_copy_loop(Adjoint *g, Val v, const Val *args);
/* Number of part k of loop v in the copy. */
int adjoint_loop_part(const Adjoint *g, Val v, int k);
/* Gives the operands of loop or branch v their adjoints, from part_bar[v]. */
void adjoint_loop(Adjoint *g, Val v);
void adjoint_branch(Adjoint *g, Val v);
/* adjoint_call.c: the same for a call. */
void adjoint_call(Adjoint *g, Val v);

#endif
