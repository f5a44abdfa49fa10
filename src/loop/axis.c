/* axis.c: the index along one axis, an affine part, a step by lane and a computed part; what it can
 * be, and what becomes of it. */
#include "loop/lower.h"

static Ex sum_or_product(Low *lw, Op op, Ex a, Ex b) {
  return low_map(lw, op, T_I32, (Ex[]){a, b}, 2);
}

AxisIx axis_var(Low *lw, Var v) { return (AxisIx){.ix = ix_add_term(&lw->m, ix_number(0), v, 1)}; }
AxisIx axis_plus(Low *lw, AxisIx a, Dim by) {
  a.ix = ix_plus(&lw->m, a.ix, ix_number(by));
  return a;
}

AxisIx axis_add(Low *lw, AxisIx a, const AxisIx *b, Dim by) {
  a.ix = ix_plus(&lw->m, a.ix, ix_scale(&lw->m, b->ix, by));
  if (b->lane) a.lane = dim_add(lw->cx, a.lane, dim_mul(lw->cx, b->lane, by));
  if (b->dyn) {
    int lanes = ex_lanes(lw, b->dyn);
    Ex term = by == 1 ? b->dyn : sum_or_product(lw, OP_mul, b->dyn, ex_dim(lw, T_I32, lanes, by));
    if (a.dyn) {
      lanes = MAX(lanes, ex_lanes(lw, a.dyn));
      term =
          sum_or_product(lw, OP_add, ex_splat(&lw->m, a.dyn, lanes), ex_splat(&lw->m, term, lanes));
    }
    a.dyn = term;
  }
  return a;
}

bool axis_varies(Low *lw, const AxisIx *a) {
  return a->lane != 0 || (a->dyn && ex_lanes(lw, a->dyn) > 1);
}

bool axis_range(Low *lw, const AxisIx *a, Point pt, Dim *lo, Dim *hi) {
  Cx *cx = lw->cx;
  *lo = *hi = a->ix.off;
  for (int i = 0; i < a->ix.n; i++) {
    VarRange r = lw->range.at[a->ix.term[i].var];
    Dim c = a->ix.term[i].coef;
    bool up = dim_le(cx, 0, c) == 1;
    if (!up && dim_le(cx, c, 0) != 1) return false;
    *lo = dim_add(cx, *lo, dim_mul(cx, c, up ? r.lo : r.hi));
    *hi = dim_add(cx, *hi, dim_mul(cx, c, up ? r.hi : r.lo));
  }
  Dim reach = dim_mul(cx, a->lane, pt.active - 1);
  bool up = dim_le(cx, 0, reach) == 1;
  Dim *end = up ? hi : lo;
  *end = dim_add(cx, *end, reach);
  return up || dim_le(cx, reach, 0) == 1;
}

Ex axis_value(Low *lw, const AxisIx *a, int lanes) {
  if (!axis_varies(lw, a)) lanes = 1;
  if (a->dyn && a->lane == 0 && a->ix.n == 0 && a->ix.off == 0) return a->dyn;
  Ex e = ex_index(&lw->m, T_I32, lanes, a->ix, a->lane);
  if (a->dyn) e = sum_or_product(lw, OP_add, e, ex_splat(&lw->m, a->dyn, lanes));
  return e;
}
