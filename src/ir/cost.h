/* cost.h: the arithmetic an instruction asks for, by its mathematics: a multiply-add is two, an
 * elementwise operator one, a reduction one for each element, a loop its body as often as it may
 * run, a branch its dearer body. Named sizes stay names. */
#ifndef GRADC_COST_H
#define GRADC_COST_H

#include "ir/ir.h"

typedef struct CostTerm {
  double n;
  Dim size; /* what it is multiplied with: 1, or a product of named sizes */
} CostTerm;
typedef struct Cost { /* a sum; no two terms have the same size */
  Vec(CostTerm) term;
} Cost;

/* How often a loop's body runs, for estimates: a number times a product of names (1: none). */
double loop_steps(const Loop *l, Dim *names);
Cost ins_cost(const Fn *f, const Ins *in);
Cost fn_cost(const Fn *f);
double cost_number(const Cost *c);                 /* with 1 for every named size */
void cost_print(Cx *cx, const Cost *c, Text *out); /* "1536*N + 12" */

#endif
