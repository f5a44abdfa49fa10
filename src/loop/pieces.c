/* pieces.c: axes along which parts are put together. A concatenation is a choice by the index, its
 * derivative a sum of padded parts; at each index all of them are asked and all but one are masked
 * out. In: an axis of an elementwise nest. Out: where to cut it so that in every piece each view is
 * read everywhere or nowhere and each comparison of the index is decided: then value.c leaves out
 * the masks, and the parts that aren't there. A cut costs a loop of its own and a vector that isn't
 * full, so it is made only where that is less. */
#include "loop/lower.h"

enum { MOST_CUTS = 15, MOST_VIEWS = 24, MANY_OPS = 250 };

typedef struct Cuts {
  Low *lw;
  int64_t extent, at[MOST_CUTS];
  int n, views;
  int64_t from[MOST_VIEWS], to[MOST_VIEWS]; /* where view i is read */
  bool many;                                /* more of them than are worth it */
} Cuts;

static void add_cut(Cuts *c, int64_t x) {
  int i = c->n;
  if (x <= 0 || x >= c->extent) return;
  for (int k = 0; k < c->n; k++)
    if (c->at[k] == x) return;
  if (c->n == MOST_CUTS) {
    c->many = true;
    return;
  }
  for (; i > 0 && c->at[i - 1] > x; i--) c->at[i] = c->at[i - 1];
  c->at[i] = x;
  c->n++;
}

static void add_part(Cuts *c, int64_t from, int64_t to) {
  add_cut(c, from);
  add_cut(c, to);
  if (c->views == MOST_VIEWS) c->many = true;
  else c->from[c->views] = from, c->to[c->views++] = to;
}

/* ---- comparisons of indices ---- */
/* The only dimension of the view's operand that follows the axis, one step for one; -1: none. */
static int dim_along(const View *view, int axis) {
  int along = -1, terms = 0;
  for (int d = 0; d < view->rank; d++)
    for (int t = 0; t < view->dim[d].n; t++)
      if (view->dim[d].term[t].label == axis) along = d, terms++;
  if (terms != 1) return -1;
  const ViewDim *vd = &view->dim[along];
  return vd->den == 1 && vd->n == 1 && vd->term[0].coef == 1 && dim_is_number(vd->off) ? along : -1;
}

/* v is the index along its axis and a number: then *shift is increased by it. */
static bool is_index(const Low *lw, Val v, int axis, int64_t *shift) {
  const Ins *in = low_ins(lw, v);
  if (in->op == OP_iota) return axis == 0;
  if (in->op == OP_cast && type_is_int((DType)in->type))
    return is_index(lw, in->arg[0], axis, shift);
  if (in->op != OP_view || !in->u.view->exact) return false;
  int along = dim_along(in->u.view, axis);
  if (along < 0) return false;
  *shift += in->u.view->dim[along].off;
  return is_index(lw, in->arg[0], along, shift);
}

static bool is_number(const Low *lw, Val v, int64_t *n) {
  const Ins *in = low_ins(lw, v);
  while (in->op == OP_view && in->u.view->exact) in = low_ins(lw, in->arg[0]);
  if (in->op == OP_const && type_is_int((DType)in->type)) return *n = in->u.i, true;
  if (in->op == OP_size && dim_is_number(in->u.size)) return *n = in->u.size, true;
  return false;
}

/* Where a comparison of the index with a number changes. */
static void cut_comparison(Cuts *c, const Ins *in, int axis, int64_t shift) {
  for (int k = 0; k < 2; k++) {
    int64_t n, at = shift;
    if (!is_index(c->lw, in->arg[k], axis, &at) || !is_number(c->lw, in->arg[1 - k], &n)) continue;
    bool above = in->op == (k ? OP_lt : OP_gt) || in->op == (k ? OP_ge : OP_le);
    if (in->op == OP_eq || in->op == OP_ne) add_part(c, n - at, n - at + 1);
    else add_part(c, n - at + above, c->extent);
    return;
  }
}

static bool range_below_view(Low *lw, const Ins *in, const AxisIx *at, Point pt, Dim *lo, Dim *hi) {
  const View *view = in->u.view;
  AxisIx to[IR_MAX_RANK];
  if (!view->exact) return false;
  for (int d = 0; d < view->rank; d++) {
    const ViewDim *vd = &view->dim[d];
    to[d] = axis_number(vd->off);
    if (vd->den != 1) return false;
    for (int t = 0; t < vd->n; t++)
      to[d] = axis_add(lw, to[d], &at[vd->term[t].label], vd->term[t].coef);
  }
  return value_range(lw, in->arg[0], to, pt, lo, hi);
}

bool value_range(Low *lw, Val v, const AxisIx *at, Point pt, Dim *lo, Dim *hi) {
  const Ins *in = low_ins(lw, v);
  switch (in->op) {
  case OP_iota: return !at[0].dyn && axis_range(lw, &at[0], pt, lo, hi);
  case OP_const: *lo = *hi = in->u.i; return type_is_int((DType)in->type);
  case OP_size: *lo = *hi = in->u.size; return type_is_int((DType)in->type);
  case OP_cast:
    return type_is_int((DType)low_ins(lw, in->arg[0])->type) && in->type != T_U8 &&
           value_range(lw, in->arg[0], at, pt, lo, hi);
  case OP_view: return range_below_view(lw, in, at, pt, lo, hi);
  default: return false;
  }
}

int known_comparison(Low *lw, const Ins *in, const AxisIx *at, Point pt) {
  Dim a, a_most, b, b_most;
  Op op = (Op)in->op;
  if (op != OP_lt && op != OP_le && op != OP_gt && op != OP_ge && op != OP_eq && op != OP_ne)
    return -1;
  if (!type_is_int((DType)low_ins(lw, in->arg[0])->type) ||
      !value_range(lw, in->arg[0], at, pt, &a, &a_most) ||
      !value_range(lw, in->arg[1], at, pt, &b, &b_most))
    return -1;
  Cx *cx = lw->cx;
  bool less = dim_le(cx, dim_add(cx, a_most, 1), b) == 1, most = dim_le(cx, a_most, b) == 1;
  bool more = dim_le(cx, dim_add(cx, b_most, 1), a) == 1, least = dim_le(cx, b_most, a) == 1;
  switch (op) {
  case OP_lt: return less ? 1 : least ? 0 : -1;
  case OP_le: return most ? 1 : more ? 0 : -1;
  case OP_gt: return more ? 1 : most ? 0 : -1;
  case OP_ge: return least ? 1 : less ? 0 : -1;
  default: return less || more ? op == OP_ne : -1;
  }
}

/* ---- cuts ---- */
/* Value v, wanted at index + shift of its axis. */
static void find_cuts(Cuts *c, Val v, int axis, int64_t shift, bool top) {
  Low *lw = c->lw;
  const Ins *in = low_ins(lw, v);
  if (c->many || (!top && low_stored(lw, v))) return;
  if (op_kind((Op)in->op) == KIND_MAP) {
    if (in->type == T_BOOL && in->nargs == 2) cut_comparison(c, in, axis, shift);
    for (int k = 0; k < in->nargs; k++) find_cuts(c, in->arg[k], axis, shift, false);
  }
  int along = in->op == OP_view ? dim_along(in->u.view, axis) : -1;
  if (along < 0) return;
  const ViewDim *vd = &in->u.view->dim[along];
  Dim extent = low_ins(lw, in->arg[0])->shape.dim[along];
  if (!dim_is_number(extent)) return;
  int64_t from = -vd->off - shift, to = extent + from;
  if (!in->u.view->exact && (from > 0 || to < c->extent)) add_part(c, from, to);
  find_cuts(c, in->arg[0], along, shift + vd->off, false);
}

static double vectors(int64_t n, int lanes) { return (double)((n + lanes - 1) / lanes); }

/* Vector operations: a masked read of every view everywhere, or plain ones of those there are. */
static bool cuts_pay(const Cuts *c, int lanes) {
  double whole = vectors(c->extent, lanes) * (2 + 3 * c->views), apart = 0;
  for (int i = 0; i <= c->n; i++) {
    int64_t lo = i ? c->at[i - 1] : 0, hi = i < c->n ? c->at[i] : c->extent;
    int there = 0;
    for (int k = 0; k < c->views; k++) there += c->from[k] <= lo && hi <= c->to[k];
    apart += vectors(hi - lo, lanes) * (2 + there) + 1;
  }
  return apart < 0.7 * whole;
}

Pieces axis_pieces(Low *lw, const Nest *n, LoopAxis axis, int lanes) {
  Pieces whole = {1, {0, axis.extent}};
  if (lw->may_parallel || n->kind != NEST_MAP || !dim_is_number(axis.extent)) return whole;
  Cuts c = {.lw = lw, .extent = axis.extent};
  for (int i = 0; i < n->root.n; i++) find_cuts(&c, n->root.at[i], axis.axis, 0, true);
  lanes = lanes_for(lanes, axis.extent);
  if (c.n == 0 || c.many || c.n * nest_ops(n) > MANY_OPS || !cuts_pay(&c, lanes)) return whole;
  Pieces p = {.n = c.n + 1};
  for (int i = 0; i < c.n; i++) p.at[i + 1] = c.at[i];
  p.at[p.n] = axis.extent;
  return p;
}
