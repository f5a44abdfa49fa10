/* build_choice.c: reads of one side of a choice. In: a view of `if c then a else b`, where c
 * compares a counter with a number or size, as parts laid out side by side are chosen: concat,
 * stack, lists. Out: the same view of the side that all of its reads fall on. So the slice of a
 * concatenation is a slice of the part, and so is the cotangent of one. */
#include "ir/build.h"
#include "ir/build_parts.h"

/* v at the indices of the view w, as a sum of labels of its result: a counter, a number, a size. */
static bool counted_at(const Builder *b, Val v, const View *w, ViewDim *out) {
  const Ins *in = ir_ins(b, v);
  if (in->op == OP_const || in->op == OP_size) {
    *out = (ViewDim){.off = in->op == OP_size ? in->u.size : in->u.i, .den = 1};
    return dim_is_number(out->off) ? out->off >= -INT32_MAX && out->off <= INT32_MAX : true;
  }
  const ViewDim own = {0, 1, 1, &(ViewTerm){0, 1}}, *at = &own;
  if (in->op == OP_view) {
    if (!in->u.view->exact || ir_ins(b, in->arg[0])->op != OP_iota) return false;
    at = &in->u.view->dim[0];
  } else if (in->op != OP_iota) {
    return false;
  }
  for (int t = 0; t < at->n; t++)
    if (w->dim[at->term[t].label].den != 1) return false;
  if (at->den != 1) return false;
  *out = view_substitute(b->cx, at, w);
  return true;
}

/* 1, 0: the comparison of the counter less the number, which lies in lo .. hi, holds, or doesn't,
 * for all of them. -1: for some. */
static int holds_for_all(Cx *cx, Op op, Dim lo, Dim hi) {
  bool below = dim_le(cx, hi, -1) == 1, above = dim_le(cx, 1, lo) == 1;
  bool up = dim_le(cx, 0, lo) == 1, down = dim_le(cx, hi, 0) == 1;
  switch (op) {
  case OP_lt: return below ? 1 : up ? 0 : -1;
  case OP_le: return down ? 1 : above ? 0 : -1;
  case OP_gt: return above ? 1 : down ? 0 : -1;
  case OP_ge: return up ? 1 : below ? 0 : -1;
  case OP_eq: return below || above ? 0 : up && down ? 1 : -1;
  case OP_ne: return below || above ? 1 : up && down ? 0 : -1;
  default: return -1;
  }
}

Val view_of_choice(Builder *b, Val x, const Shape *out, const View *v) {
  const Ins *choice = ir_ins(b, x), *c = ir_ins(b, choice->arg[0]);
  ViewDim at[2];
  Dim lo[2], hi[2];
  if (op_info[c->op].typing != TY_COMPARE || !type_is_int((DType)ir_ins(b, c->arg[0])->type))
    return 0;
  for (int k = 0; k < 2; k++)
    if (!counted_at(b, c->arg[k], v, &at[k]) || !view_interval(b->cx, &at[k], out, &lo[k], &hi[k]))
      return 0;
  if (at[0].n && at[1].n) return 0; /* two counters: their difference has another interval */
  int truth =
      holds_for_all(b->cx, (Op)c->op, dim_sub(b->cx, lo[0], hi[1]), dim_sub(b->cx, hi[0], lo[1]));
  return truth < 0 ? 0 : ir_view(b, choice->arg[truth ? 1 : 2], out, v);
}
