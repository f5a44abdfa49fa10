/* eval_fold.c: reductions. Each result element's operand elements are collected in row-major order
 * and combined pairwise (halves, down to runs of 16), which bounds the rounding error of a sum by
 * the logarithm of its length. The step columns of ops.def serve for both: combining an element
 * with an accumulator and combining two accumulators. */
#include "ir/eval_ops.h"

#include <math.h>

enum { RUN = 16 };

__extension__ typedef __int128 Wide; /* integer steps can't overflow in it */

/* The start of an integer fold: the table's value, brought into the range of the type. */
static int64_t start_of(DType t, int64_t v) {
  switch (t) {
  case T_BOOL: return MAX(0, MIN(v, 1));
  case T_U8: return MAX(0, MIN(v, UINT8_MAX));
  case T_I32: return MAX(INT32_MIN, MIN(v, INT32_MAX));
  default: return v;
  }
}

#define MAP(name, arity, typing, accuracy, smooth, weight, symbol, on_float, on_int, da, db, dc,   \
            doc)
#define MOVE(name, doc)
#define DOT(name, doc)
#define LOOP(name, doc)
#define LEAF(name, doc)

/* T: in memory, W: type of a step. */
#define RUN_ROW(name, T, W, start, step)                                                           \
  case OP_##name: {                                                                                \
    T so_far = (T)(start);                                                                         \
    for (int64_t k = 0; k < n; k++) {                                                              \
      const W acc = so_far, a = x[off[k]];                                                         \
      so_far = (T)(step);                                                                          \
    }                                                                                              \
    return so_far;                                                                                 \
  }

static float run_f32(Op op, DType t, const float *x, const int64_t *off, int64_t n) {
  (void)t;
  switch (op) {
#define FOLD(name, typing, accuracy, smooth, start_float, start_int, step, partial, doc)           \
  RUN_ROW(name, float, float, start_float, step)
#include "ir/ops.def"
#undef FOLD
  default: return 0;
  }
}

static double run_f64(Op op, DType t, const double *x, const int64_t *off, int64_t n) {
  (void)t;
  switch (op) {
#define FOLD(name, typing, accuracy, smooth, start_float, start_int, step, partial, doc)           \
  RUN_ROW(name, double, double, start_float, step)
#include "ir/ops.def"
#undef FOLD
  default: return 0;
  }
}

static uint8_t run_u8(Op op, DType t, const uint8_t *x, const int64_t *off, int64_t n) {
  (void)t;
  switch (op) {
#define FOLD(name, typing, accuracy, smooth, start_float, start_int, step, partial, doc)           \
  RUN_ROW(name, uint8_t, Wide, start_of(t, start_int), step)
#include "ir/ops.def"
#undef FOLD
  default: return 0;
  }
}

static int32_t run_i32(Op op, DType t, const int32_t *x, const int64_t *off, int64_t n) {
  (void)t;
  switch (op) {
#define FOLD(name, typing, accuracy, smooth, start_float, start_int, step, partial, doc)           \
  RUN_ROW(name, int32_t, Wide, start_of(t, start_int), step)
#include "ir/ops.def"
#undef FOLD
  default: return 0;
  }
}

static int64_t run_i64(Op op, DType t, const int64_t *x, const int64_t *off, int64_t n) {
  (void)t;
  switch (op) {
#define FOLD(name, typing, accuracy, smooth, start_float, start_int, step, partial, doc)           \
  RUN_ROW(name, int64_t, Wide, start_of(t, start_int), step)
#include "ir/ops.def"
#undef FOLD
  default: return 0;
  }
}

#undef MAP
#undef MOVE
#undef DOT
#undef LOOP
#undef LEAF

#define PAIRWISE(T, fold, run)                                                                     \
  static T fold(Op op, DType t, const T *x, const int64_t *off, int64_t n) {                       \
    static const int64_t both[2] = {0, 1};                                                         \
    if (n <= RUN) return run(op, t, x, off, n);                                                    \
    const T half[2] = {fold(op, t, x, off, n / 2), fold(op, t, x, off + n / 2, n - n / 2)};        \
    return run(op, t, half, both, 2);                                                              \
  }
PAIRWISE(float, fold_f32, run_f32)
PAIRWISE(double, fold_f64, run_f64)
PAIRWISE(uint8_t, fold_u8, run_u8)
PAIRWISE(int32_t, fold_i32, run_i32)
PAIRWISE(int64_t, fold_i64, run_i64)

#define FOLD_ALL(T, fold)                                                                          \
  for (int64_t k = 0; k < nkept; k++)                                                              \
  ((T *)out->data)[k] = fold(op, t, (const T *)x->data + kept[k], folded, nfolded)

void eval_fold(Cx *cx, Arena *tmp, const Ins *in, const Tensor *x, Tensor *out) {
  Op op = (Op)in->op;
  DType t = x->type;
  int64_t stride[IR_MAX_RANK], extent[2][IR_MAX_RANK], step[2][IR_MAX_RANK], nkept, nfolded;
  int rank[2] = {0, 0}; /* of the kept and of the folded axes */
  tensor_strides(&x->shape, stride);
  for (int i = 0; i < x->shape.rank; i++) {
    int group = in->u.axes >> i & 1;
    extent[group][rank[group]] = x->shape.dim[i];
    step[group][rank[group]++] = stride[i];
  }
  int64_t *kept = offset_table(tmp, rank[0], extent[0], step[0], &nkept);
  int64_t *folded = offset_table(tmp, rank[1], extent[1], step[1], &nfolded);
  switch (t) {
  case T_BOOL:
  case T_U8: FOLD_ALL(uint8_t, fold_u8); break;
  case T_I32: FOLD_ALL(int32_t, fold_i32); break;
  case T_I64: FOLD_ALL(int64_t, fold_i64); break;
  case T_F32: FOLD_ALL(float, fold_f32); break;
  case T_F64: FOLD_ALL(double, fold_f64); break;
  default: cx_bug(cx, "fold of a bundle");
  }
}
