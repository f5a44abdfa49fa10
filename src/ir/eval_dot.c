/* eval_dot.c: contractions, as the sum over labels that defines them. f32 products and sums are
 * taken in double, so that the oracle's rounding error is that of the final store alone; integers
 * are taken modulo 2^64 and wrapped to their type. */
#include "ir/eval_ops.h"

enum { MAX_LABELS = 3 * IR_MAX_RANK, POLL_EVERY = 255 };

typedef struct Nest { /* loops over labels with the steps they make in both operands */
  int depth;
  int64_t extent[MAX_LABELS], step[2][MAX_LABELS];
} Nest;

static void nest_add(Nest *n, int64_t extent, int64_t a, int64_t b) {
  n->extent[n->depth] = extent;
  n->step[0][n->depth] = a;
  n->step[1][n->depth++] = b;
}

static int64_t nest_count(const Nest *n, int depth) {
  int64_t count = 1;
  for (int i = 0; i < depth; i++) count *= n->extent[i];
  return count;
}

/* Advances the loops above `depth` by one iteration. */
static inline void nest_next(const Nest *n, int depth, int64_t *at, int64_t *off) {
  for (int i = depth - 1; i >= 0; i--) {
    off[0] += n->step[0][i];
    off[1] += n->step[1][i];
    if (++at[i] < n->extent[i]) return;
    off[0] -= at[i] * n->step[0][i];
    off[1] -= at[i] * n->step[1][i];
    at[i] = 0;
  }
}

/* One element: all labels of `sum`, the innermost in a loop of its own. */
#define DOT_SUM(T, W)                                                                              \
  const int inner = sum->depth - 1;                                                                \
  const int64_t n = sum->extent[inner], sa = sum->step[0][inner], sb = sum->step[1][inner];        \
  const int64_t rounds = nest_count(sum, inner);                                                   \
  int64_t at[MAX_LABELS] = {0}, off[2] = {0, 0};                                                   \
  W acc = 0;                                                                                       \
  for (int64_t r = 0; r < rounds; r++) {                                                           \
    const T *pa = a + off[0], *pb = b + off[1];                                                    \
    for (int64_t k = 0; k < n; k++) acc += (W)pa[k * sa] * (W)pb[k * sb];                          \
    nest_next(sum, inner, at, off);                                                                \
  }                                                                                                \
  return (T)acc;

static float dot_f32(const Nest *sum, const float *a, const float *b) { DOT_SUM(float, double) }
static double dot_f64(const Nest *sum, const double *a, const double *b) { DOT_SUM(double, double) }
static uint8_t dot_u8(const Nest *sum, const uint8_t *a, const uint8_t *b) {
  DOT_SUM(uint8_t, uint64_t)
}
static int32_t dot_i32(const Nest *sum, const int32_t *a, const int32_t *b) {
  DOT_SUM(int32_t, uint64_t)
}
static int64_t dot_i64(const Nest *sum, const int64_t *a, const int64_t *b) {
  DOT_SUM(int64_t, uint64_t)
}

#define DOT_ALL(T, dot)                                                                            \
  for (int64_t k = 0; k < n; k++) {                                                                \
    if (!(k & POLL_EVERY)) cx_poll(cx);                                                            \
    ((T *)out->data)[k] = dot(&sum, (const T *)x->data + off[0], (const T *)y->data + off[1]);     \
    nest_next(&free, free.depth, at, off);                                                         \
  }

void eval_contract(Cx *cx, const Ins *in, const Tensor *x, const Tensor *y, Tensor *out) {
  const Contract *c = in->u.contract;
  int64_t extent[MAX_LABELS] = {0}, sx[MAX_LABELS] = {0}, sy[MAX_LABELS] = {0};
  int64_t stride[IR_MAX_RANK], at[MAX_LABELS] = {0}, off[2] = {0, 0};
  bool in_out[MAX_LABELS] = {false};
  if (c->nlabels > MAX_LABELS) cx_bug(cx, "contraction over %d labels", c->nlabels);
  tensor_strides(&x->shape, stride);
  for (int i = 0; i < x->shape.rank; i++)
    sx[c->a[i]] = stride[i], extent[c->a[i]] = x->shape.dim[i];
  tensor_strides(&y->shape, stride);
  for (int i = 0; i < y->shape.rank; i++)
    sy[c->b[i]] = stride[i], extent[c->b[i]] = y->shape.dim[i];
  Nest free = {0}, sum = {0};
  for (int i = 0; i < in->shape.rank; i++) {
    int l = c->out[i];
    in_out[l] = true;
    nest_add(&free, extent[l], sx[l], sy[l]);
  }
  for (int l = 0; l < c->nlabels; l++)
    if (!in_out[l]) nest_add(&sum, extent[l], sx[l], sy[l]);
  if (!sum.depth) nest_add(&sum, 1, 0, 0);
  int64_t n = tensor_count(out);
  switch (out->type) {
  case T_U8: DOT_ALL(uint8_t, dot_u8) break;
  case T_I32: DOT_ALL(int32_t, dot_i32) break;
  case T_I64: DOT_ALL(int64_t, dot_i64) break;
  case T_F32: DOT_ALL(float, dot_f32) break;
  case T_F64: DOT_ALL(double, dot_f64) break;
  default: cx_bug(cx, "contraction of truth values");
  }
}
