/* eval.h: the reference evaluator: slow, obvious, the oracle of every other back end. */
#ifndef GRADC_EVAL_H
#define GRADC_EVAL_H

#include "ir/ir.h"

/* A tensor with its elements in row-major order, of the C type of `type`. */
typedef struct Tensor {
  DType type;
  Shape shape; /* numbers only */
  void *data;
} Tensor;
int64_t tensor_count(const Tensor *t);
Tensor tensor_new(Cx *cx, Arena *a, DType type, const Shape *shape); /* zeros */
double tensor_get(const Tensor *t, int64_t i);                       /* element i as a double */
int64_t tensor_get_i(const Tensor *t, int64_t i);
void tensor_set(Tensor *t, int64_t i, double v); /* converted as a cast would */
/* NumPy-like text: 3.0   [1.0, 2.0]   [[1, 2], [3, 4]]; %.{precision}g, shortest exact when 0. */
void tensor_print(Cx *cx, const Tensor *t, int precision, Text *out);

typedef struct EvalPlace { /* an instruction of a function, or of a body in it */
  const Fn *fn;
  Val val;
} EvalPlace;
typedef struct EvalTrap { /* to be zeroed first; filled when trapping non-finite values: the first
                             instruction that made one */
  const Fn *fn; /* whose instruction: the function itself, or the body of a loop or branch in it */
  Val val;      /* 0: none did */
  int64_t element;
  double value;
  int64_t step; /* in the body of a loop: the loop's index; else -1 */
  /* what is asked: */
  const EvalPlace *spared; /* these may make such values */
  int nspared;
  bool mend; /* trap nothing, but put 1 in place of what isn't finite in their results */
} EvalTrap;

/* E0713: a computed index is outside of the extent. */
void ir_index_outside(Cx *cx, Span at, int64_t index, int64_t extent);

/* Evaluates f (all sizes numbers, no derivative instructions) on in[0..f->in.n), writes
 * out[0..f->out.n), whose data lies in a. With trap set, stops at the first instruction of a float
 * type whose result has a NaN or infinity that none of its operands had (trap->val, 0: none). An
 * index outside ends it by cx_gone_wrong. */
void ir_eval(const Fn *f, Arena *a, const Tensor *in, Tensor *out, EvalTrap *trap);

#endif
