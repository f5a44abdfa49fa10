/* pieces.c: axes along which parts are put together. A concatenation is a choice by the index, its
 * derivative a sum of padded parts; at each index all of them are asked and all but one are masked
 * out. In: an axis of an elementwise nest. Out: where to cut it so that in every piece each view is
 * read everywhere or nowhere and each comparison of the index is decided: then value.c leaves out
 * the masks, and the parts that aren't there. A cut costs a loop of its own and a vector that isn't
 * full, so it is made only where that is less. */
#include "loop/lower.h"

enum { MOST_CUTS = 31, MOST_SEEN = 600, MANY_OPS = 400 };
#define UNKNOWN ((int64_t)1 << 40)

/* Where a value is wanted: between which indices of each of its dimensions, and which of them
 * follows the axis, by how much ahead of it. */
typedef struct Wanted {
  int64_t lo[IR_MAX_RANK], hi[IR_MAX_RANK];
  int along;
  int64_t shift;
} Wanted;

typedef struct Seen { /* a value at a place is met once */
  Val v;
  Wanted w;
  bool there;
} Seen;

typedef struct Cuts {
  Low *lw;
  int64_t extent, at[MOST_CUTS];
  int n;
  double ops; /* of what was met, but for parts that are nowhere */
  Vec(Seen) seen;
  bool many; /* more than is worth it */
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
    add_cut(c, n - at + above);
    if (in->op == OP_eq || in->op == OP_ne) add_cut(c, n - at + 1);
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
/* Between which indices the view reads dimension d of its operand. */
static void read_between(const ViewDim *vd, const Wanted *w, int64_t *lo, int64_t *hi) {
  *lo = *hi = dim_is_number(vd->off) ? vd->off : UNKNOWN;
  for (int t = 0; t < vd->n; t++) {
    int64_t c = vd->term[t].coef, from = w->lo[vd->term[t].label], to = w->hi[vd->term[t].label];
    if (!dim_is_number(c) || from == -UNKNOWN || to == UNKNOWN) *lo = UNKNOWN;
    if (*lo == UNKNOWN) break;
    *lo += c > 0 ? c * from : c * to;
    *hi += c > 0 ? c * to : c * from;
  }
  bool even = vd->den == 1 || (*lo == *hi && *lo != UNKNOWN && *lo % vd->den == 0);
  if (*lo == UNKNOWN || !even) *lo = -UNKNOWN, *hi = UNKNOWN;
  else *lo /= vd->den, *hi /= vd->den;
}

static bool look_at(Cuts *c, Val v, const Wanted *w, bool top);

static bool look_below_view(Cuts *c, const Ins *in, const Wanted *w) {
  const View *view = in->u.view;
  const Shape *s = &low_ins(c->lw, in->arg[0])->shape;
  Wanted to;
  memset(&to, 0, sizeof to); /* compared byte by byte */
  to.along = w->along < 0 ? -1 : dim_along(view, w->along);
  to.shift = w->shift;
  bool masked = false;
  for (int d = 0; d < view->rank; d++) {
    read_between(&view->dim[d], w, &to.lo[d], &to.hi[d]);
    if (view->exact || !dim_is_number(s->dim[d])) continue;
    if (to.lo[d] != -UNKNOWN && (to.hi[d] < 0 || to.lo[d] >= s->dim[d])) return false; /* nowhere */
    masked |= to.lo[d] < 0 || to.hi[d] >= s->dim[d];
    to.lo[d] = MAX(to.lo[d], 0);
    to.hi[d] = MIN(to.hi[d], s->dim[d] - 1);
  }
  if (masked) c->ops += 3;
  if (to.along >= 0 && dim_is_number(s->dim[to.along])) {
    to.shift += view->dim[to.along].off;
    if (!view->exact) {
      add_cut(c, -to.shift);
      add_cut(c, s->dim[to.along] - to.shift);
    }
  } else {
    to.along = -1;
  }
  return look_at(c, in->arg[0], &to, false);
}

static bool look_at_operator(Cuts *c, const Ins *in, const Wanted *w) {
  bool all = true;
  if (in->type == T_BOOL && in->nargs == 2 && w->along >= 0)
    cut_comparison(c, in, w->along, w->shift);
  for (int k = 0; k < in->nargs; k++) all &= look_at(c, in->arg[k], w, false);
  if (all || in->op != OP_add) c->ops += op_weight((Op)in->op);
  return true;
}

/* Looks for cuts in value v and counts its operators; false: it is 0 wherever it is wanted. */
static bool look_at(Cuts *c, Val v, const Wanted *w, bool top) {
  const Ins *in = low_ins(c->lw, v);
  if (c->many) return true;
  for (int i = 0; i < c->seen.n; i++)
    if (c->seen.at[i].v == v && !memcmp(&c->seen.at[i].w, w, sizeof *w)) return c->seen.at[i].there;
  if (c->seen.n == MOST_SEEN) {
    c->many = true;
    return true;
  }
  Seen s = {v, *w, true};
  if (!top && low_stored(c->lw, v)) c->ops += 1;
  else if (op_kind((Op)in->op) == KIND_MAP) s.there = look_at_operator(c, in, w);
  else if (in->op == OP_view) s.there = look_below_view(c, in, w);
  else c->ops += 2;
  vec_push(c->lw->arena, &c->seen, s);
  return s.there;
}

static double look_between(Cuts *c, const Nest *n, Wanted w, int axis, int64_t lo, int64_t hi) {
  c->ops = n->root.n;
  c->seen.n = 0;
  w.lo[axis] = lo;
  w.hi[axis] = hi - 1;
  for (int i = 0; i < n->root.n; i++) look_at(c, n->root.at[i], &w, true);
  return c->ops;
}

static double vectors(int64_t n, int lanes) { return (double)((n + lanes - 1) / lanes); }

/* Vector operations with all parts asked for everywhere, against those of each piece by itself. */
static bool cuts_pay(Cuts *c, const Nest *n, const Wanted *w, int axis, int lanes, Pieces *p) {
  Cuts piece = {.lw = c->lw, .extent = c->extent};
  double whole = vectors(c->extent, lanes) * c->ops, apart = 0, spelt = 0;
  for (int i = 0; i <= c->n; i++) {
    int64_t lo = i ? c->at[i - 1] : 0, hi = i < c->n ? c->at[i] : c->extent;
    double ops = look_between(&piece, n, *w, axis, lo, hi);
    apart += vectors(hi - lo, lanes) * ops + 2;
    p->ops[i] = ops;
    spelt += ops;
  }
  return apart < 0.7 * whole && spelt <= MAX(MANY_OPS, 1.2 * c->ops);
}

Pieces axis_pieces(Low *lw, const Nest *n, const AxisIx *at, LoopAxis axis, int lanes) {
  Pieces whole = {1, {0, axis.extent}, {nest_ops(n)}}, p = {0};
  if (lw->may_parallel || n->kind != NEST_MAP || !dim_is_number(axis.extent)) return whole;
  Cuts c = {.lw = lw, .extent = axis.extent};
  Wanted w;
  memset(&w, 0, sizeof w); /* compared byte by byte */
  w.along = axis.axis;
  for (int d = 0; d < n->shape.rank; d++) {
    Dim lo, hi;
    bool known = at[d].ix.n || at[d].ix.off || d < axis.axis;
    if (known && !at[d].dyn && axis_range(lw, &at[d], point_scalar(), &lo, &hi) &&
        dim_is_number(lo) && dim_is_number(hi))
      w.lo[d] = lo, w.hi[d] = hi;
    else w.lo[d] = 0, w.hi[d] = dim_is_number(n->shape.dim[d]) ? n->shape.dim[d] - 1 : UNKNOWN;
  }
  look_between(&c, n, w, axis.axis, 0, axis.extent);
  lanes = lanes_for(lanes, axis.extent);
  if (c.n == 0 || c.many || !cuts_pay(&c, n, &w, axis.axis, lanes, &p)) return whole;
  p.n = c.n + 1;
  for (int i = 0; i < c.n; i++) p.at[i + 1] = c.at[i];
  p.at[p.n] = axis.extent;
  return p;
}
