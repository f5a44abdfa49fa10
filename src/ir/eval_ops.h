/* eval_ops.h: the pieces of the reference evaluator, one function per kind of instruction. Each
 * computes the whole result into out->data, which is allocated but holds no particular values. */
#ifndef GRADC_EVAL_OPS_H
#define GRADC_EVAL_OPS_H

#include "ir/arith.h"
#include "ir/eval.h"

void eval_fold(Cx *cx, Arena *tmp, const Ins *in, const Tensor *x, Tensor *out);
void eval_view(Cx *cx, const Ins *in, const Tensor *x, Tensor *out);
void eval_gather(Cx *cx, Arena *tmp, const Ins *in, const Tensor *const *arg, Tensor *out);
void eval_scatter(Cx *cx, Arena *tmp, const Ins *in, const Tensor *const *arg, Tensor *out);
void eval_contract(Cx *cx, const Ins *in, const Tensor *x, const Tensor *y, Tensor *out);

/* Instructions with bodies: parts (in a) get their data here. */
void eval_loop(Cx *cx, Arena *a, const Loop *l, const Tensor *arg, Tensor *part, EvalTrap *trap);
void eval_branch(Arena *a, const Branch *b, const Tensor *arg, Tensor *part, EvalTrap *trap);
/* As ir_eval; with a trap, what isn't finite in the inputs was judged where it was made. */
void eval_body(const Fn *f, Arena *a, const Tensor *in, Tensor *out, EvalTrap *trap);

/* Row-major strides in elements. */
void tensor_strides(const Shape *s, int64_t *stride);
/* Fills n elements of type t with v as a cast from f64 (or i64 for other types) gives it. */
void tensor_fill(DType t, void *data, int64_t n, double f, int64_t i);
/* The offsets of all index tuples of `rank` axes with the given extents and strides, in row-major
 * order of the tuples. */
int64_t *offset_table(Arena *tmp, int rank, const int64_t *extent, const int64_t *stride,
                      int64_t *count);

#endif
