/* build_merged.c: sums of products along an axis that several were merged into, o[n, t, c] =
 * sum(u) p[n, c // 64, t, u] * v[n, u, c], as attention with its heads side by side has them. In: a
 * sum. Out: the sum over the axes as they were before, in which a factor depends on some of them
 * only and einsum.c finds a contraction; the merged axis is the result's.
 *
 *   sum(reshape(w) * y)  =>  reshape(sum(w * y'))
 *   sum(reshape(f * g))  =>  sum(f' * g')
 *
 * of which w is a view that repeats along a part of an axis, f and g each repeat along some axis;
 * y' is y with the axes cut as those of w are. */
#include "ir/build.h"
#include "ir/build_parts.h"

typedef struct Cut { /* axes of a coarse shape, each a run of axes of a finer one */
  const Shape *fine;
  int8_t first[IR_MAX_RANK], count[IR_MAX_RANK];
} Cut;

static uint32_t run_of(const Cut *c, int d) { return ((1u << c->count[d]) - 1) << c->first[d]; }

/* x at the finer shape: a view of what x is a view of, so that what repeats is seen to. */
static Val cut(Builder *b, Val x, const Cut *c) {
  if (ir_ins(b, x)->op != OP_view) return ir_reshape(b, x, c->fine);
  ViewDim dim[IR_MAX_RANK];
  ViewTerm term[IR_MAX_RANK];
  int rank = ir_shape(b, x)->rank;
  for (int d = 0; d < rank; d++) {
    Dim stride = 1;
    dim[d] = (ViewDim){0, 1, c->count[d], &term[c->first[d]]};
    for (int k = c->first[d] + c->count[d] - 1; k >= c->first[d]; k--) {
      term[k] = (ViewTerm){k, stride};
      stride = dim_mul(b->cx, stride, c->fine->dim[k]);
    }
  }
  View v = {.rank = rank, .dim = dim};
  return ir_view(b, x, c->fine, &v);
}

static Val cut_product(Builder *b, Val x, const Cut *c) {
  const Ins *i = ir_ins(b, x);
  if (i->op != OP_mul) return cut(b, x, c);
  Val f = i->arg[0], g = i->arg[1];
  f = cut_product(b, f, c);
  return ir_map2(b, OP_mul, f, cut_product(b, g, c));
}

/* ---- a factor that was merged ---- */
/* A view that is read again and again along some, not all, of the axes that became one. */
static bool repeats_within(Builder *b, Val w, const Cut *c, int rank) {
  if (ir_ins(b, w)->op != OP_view) return false;
  uint32_t used = labels_used(b, w);
  for (int d = 0; d < rank; d++)
    if ((run_of(c, d) & used) && (run_of(c, d) & ~used)) return true;
  return false;
}

static bool find_merged(Builder *b, Val x, const Shape *coarse, Cut *c) {
  const Ins *i = ir_ins(b, x);
  if (i->op == OP_mul)
    return find_merged(b, i->arg[0], coarse, c) || find_merged(b, ir_ins(b, x)->arg[1], coarse, c);
  if (i->op != OP_reshape) return false;
  c->fine = ir_shape(b, i->arg[0]);
  return reshape_split(b->cx, coarse, c->fine, c->first, c->count) &&
         repeats_within(b, i->arg[0], c, coarse->rank);
}

static Val sum_of_merged_factor(Builder *b, Val mul, uint32_t axes) {
  Shape coarse = *ir_shape(b, mul), kept = {0};
  Cut c;
  if (!find_merged(b, mul, &coarse, &c)) return 0;
  Shape fine = *c.fine;
  c.fine = &fine;
  uint32_t summed = 0;
  for (int d = 0; d < coarse.rank; d++) {
    if (axes >> d & 1) summed |= run_of(&c, d);
    else kept.dim[kept.rank++] = coarse.dim[d];
  }
  return ir_reshape(b, ir_fold(b, OP_sum, cut_product(b, mul, &c), summed), &kept);
}

/* ---- a product that is cut ---- */
/* The labels that factor k is the same along. */
static uint32_t lacking(Builder *b, const Ins *mul, int k, uint32_t all) {
  return all & ~labels_used(b, mul->arg[k]);
}

static Val sum_of_cut_product(Builder *b, Val x, uint32_t axes) {
  Shape fine = *ir_shape(b, x);
  Ins mul = *ir_ins(b, ir_ins(b, x)->arg[0]);
  Cut c = {.fine = &fine};
  if (mul.op != OP_mul || !reshape_split(b->cx, &mul.shape, &fine, c.first, c.count)) return 0;
  uint32_t all = (1u << mul.shape.rank) - 1;
  uint32_t f = lacking(b, &mul, 0, all), g = lacking(b, &mul, 1, all);
  bool within = false; /* a label that both have is summed, of an axis or of a part */
  for (int d = 0; d < mul.shape.rank; d++) within |= !((f | g) >> d & 1) && (run_of(&c, d) & axes);
  if (!within || !(f & ~g) || !(g & ~f)) return 0;
  return ir_fold(b, OP_sum, cut_product(b, ir_ins(b, x)->arg[0], &c), axes);
}

Val sum_of_merged(Builder *b, Val x, uint32_t axes) {
  const Ins *i = ir_ins(b, x);
  if (!type_is_float((DType)i->type)) return 0;
  if (i->op == OP_mul) return sum_of_merged_factor(b, x, axes);
  return i->op == OP_reshape ? sum_of_cut_product(b, x, axes) : 0;
}
