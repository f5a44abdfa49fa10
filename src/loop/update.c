/* update.c: stores of what changes. In: an elementwise nest whose value goes into the place of a
 * tensor that it leaves as it is but for some boxes (ir/box.c). Out: loops over these boxes alone,
 * with bounds from numbers that the program computes.
 *
 * A value may be stored at once where all that the nest reads of the old tensor is the element it
 * replaces, and there is one box. Else every box is computed into a temporary of its own, and then
 * all are copied into the place; numbers and conditions are looked at before anything is stored. */
#include "loop/lower.h"

typedef struct Part { /* of an update: what goes over one box */
  Low *lw;
  const Nest *n;
  const Update *u;
  const Box *box;
  Buf temp;      /* of the box; -1 */
  bool to_place; /* store into the tensor's place: from temp where there is one */
  AxisIx at[IR_MAX_RANK];
  bool point[IR_MAX_RANK]; /* the axis has one index */
  int vec;
} Part;

static Ex number(Low *lw, int64_t n) { return ex_imm_i(&lw->m, T_I64, 1, n); }
static Ex extent_of(Low *lw, Dim d) {
  return dim_is_number(d) ? number(lw, d) : ex_dim(lw, T_I64, 1, d);
}
static Ex to_64(Low *lw, Ex e) { return low_map(lw, OP_cast, T_I64, &e, 1); }
static Ex scalar(Low *lw, Val v) {
  AxisIx none[IR_MAX_RANK];
  memset(none, 0, sizeof none);
  return value_reg(lw, v, none, point_scalar());
}

/* ---- limits ---- */
Ex limit_right(Low *lw, const Limit *l, const AxisIx *at) {
  Ex sum = extent_of(lw, l->off);
  for (int d = 0; d < l->axis; d++) {
    if (!l->coef[d]) continue;
    Ex i = to_64(lw, axis_value(lw, &at[d], 1));
    sum = low_map2(lw, OP_add, T_I64, sum, low_map2(lw, OP_mul, T_I64, number(lw, l->coef[d]), i));
  }
  for (int i = 0; i < l->n; i++) {
    Ex x = to_64(lw, scalar(lw, l->scalar[i]));
    sum = low_map2(lw, OP_add, T_I64, sum, low_map2(lw, OP_mul, T_I64, number(lw, l->times[i]), x));
  }
  if (l->wraps) sum = to_64(lw, low_map(lw, OP_cast, T_I32, &sum, 1));
  return ex_let(lw, sum, NULL);
}

void limit_ends(Low *lw, const Limit *l, Ex right, Dim extent, Ends *e) {
  Ex after = low_map2(lw, OP_add, T_I64, right, number(lw, 1));
  if (l->op == OP_ge || l->op == OP_gt || l->op == OP_eq) {
    if (!e->from) e->from = number(lw, 0);
    e->from = low_map2(lw, OP_max, T_I64, e->from, l->op == OP_gt ? after : right);
  }
  if (l->op == OP_le || l->op == OP_lt || l->op == OP_eq) {
    if (!e->to) e->to = extent_of(lw, extent);
    e->to = low_map2(lw, OP_min, T_I64, e->to, l->op == OP_lt ? right : after);
  }
}

/* All limits of an axis but one, which gives the index, as a truth value; 0: there are none. */
static Ex holds(Part *w, const Limit *but, int axis, Ex index) {
  Low *lw = w->lw;
  Ex all = 0;
  for (int i = 0; i < w->box->n; i++) {
    const Limit *l = &w->box->limit[i];
    if (l->axis == axis && l != but)
      all = mask_and(lw, all, low_map2(lw, l->op, T_BOOL, index, limit_right(lw, l, w->at)));
  }
  return all;
}

static Ends ends_of(Part *w, int axis) {
  Low *lw = w->lw;
  Ends e = {0, 0};
  for (int i = 0; i < w->box->n; i++) {
    const Limit *l = &w->box->limit[i];
    if (l->axis != axis) continue;
    limit_ends(lw, l, limit_right(lw, l, w->at), low_ins(lw, w->u->v)->shape.dim[axis], &e);
  }
  if (e.from) e.from = ex_let(lw, e.from, NULL);
  if (e.to) e.to = ex_let(lw, e.to, NULL);
  return e;
}

static bool limited(const Part *w, int axis) {
  for (int i = 0; i < w->box->n; i++)
    if (w->box->limit[i].axis == axis || w->box->limit[i].coef[axis]) return true;
  return false;
}

/* Some axis further in is limited by the index along this one. */
static bool asked_for(const Part *w, int axis) {
  for (int i = 0; i < w->box->n; i++)
    if (w->box->limit[i].coef[axis]) return true;
  return false;
}

/* ---- elements ---- */
static Ix place_in_temp(Part *w, Dim *lane) {
  const Shape *s = &low_ins(w->lw, w->u->v)->shape;
  Shape kept = {0};
  AxisIx at[IR_MAX_RANK];
  Ex none;
  memset(at, 0, sizeof at);
  for (int d = 0; d < s->rank; d++)
    if (!w->point[d]) at[kept.rank] = w->at[d], kept.dim[kept.rank++] = s->dim[d];
  return low_linear(w->lw, &kept, 0, at, lane, &none);
}

static void element(Low *lw, void *arg, AxisIx ix, Point pt) {
  Part *w = arg;
  Val v = w->u->v;
  Dim lane, lane_in_temp = 0;
  Ex dyn, value;
  if (w->vec >= 0) w->at[w->vec] = ix;
  Ix in_temp = w->temp >= 0 ? place_in_temp(w, &lane_in_temp) : ix_number(0);
  if (w->to_place && w->temp >= 0)
    value = ex_load(&lw->m, w->temp, in_temp, pt.lanes, lane_in_temp, 0, pt.vmask);
  else if (w->u->x != v) value = value_reg(lw, w->u->x, w->at, pt);
  else value = value_own(lw, v, w->at, pt);
  if (w->temp >= 0 && !w->to_place) {
    st_store(&lw->m, w->temp, in_temp, lane_in_temp, 0, pt.vmask, value, false);
    return;
  }
  Ix ix_all = low_linear(lw, &low_ins(lw, v)->shape, 0, w->at, &lane, &dyn);
  if (dyn) dyn = ex_let(lw, dyn, NULL);
  st_store(&lw->m, lw->place[v].buf, ix_all, lane, dyn, pt.vmask, value, false);
}

void low_between(Block *outer, Ends e) {
  Stmt *s = outer->at.at[outer->at.n - 1];
  s->u.loop.from = e.from;
  s->u.loop.to = e.to;
}

/* Opens a loop between computed ends. `last`: the largest index a variable can begin a step at. */
static Var open_between(Low *lw, Ends e, Dim extent, int64_t step, Dim last, LoopMark *mark) {
  Var v = low_for(lw, FOR_SERIAL, "i", 0, extent, step, mark);
  low_between(mark->outer, e);
  lw->range.at[v] = (VarRange){0, last};
  return v;
}

/* By whole vectors from e.from on, then the rest under a mask. */
static void vectors_between(Part *w, Ends e, Dim extent, int lanes) {
  Low *lw = w->lw;
  Cx *cx = lw->cx;
  LoopMark mark;
  Dim last = dim_sub(cx, extent, 1);
  bool whole = lanes == 1 || !dim_is_number(extent) || extent >= lanes;
  if (!e.from) e.from = number(lw, 0);
  if (!e.to) e.to = ex_let(lw, extent_of(lw, extent), NULL);
  Ends first = e;
  if (lanes > 1) {
    Ex more = low_map2(lw, OP_max, T_I64, low_map2(lw, OP_sub, T_I64, e.to, e.from), number(lw, 0));
    Ex in_vectors = low_map2(lw, OP_bitand, T_I64, more, number(lw, -lanes));
    first.to = ex_let(lw, low_map2(lw, OP_add, T_I64, e.from, in_vectors), NULL);
  }
  if (whole) {
    Dim most = lanes == 1 ? last : dim_sub(cx, extent, lanes);
    AxisIx ix = axis_var(lw, open_between(lw, first, extent, lanes, most, &mark));
    ix.lane = lanes > 1;
    element(lw, w, ix, (Point){.lanes = lanes, .active = lanes});
    low_end(lw, mark);
  }
  if (lanes == 1) return;
  Ends rest = {whole ? first.to : e.from, e.to};
  AxisIx ix = axis_var(lw, open_between(lw, rest, extent, lanes, last, &mark));
  ix.lane = 1;
  Ex index = ex_index(&lw->m, T_I64, lanes, ix.ix, 1);
  Ex mask = ex_let(lw, low_map2(lw, OP_lt, T_BOOL, index, ex_splat(&lw->m, e.to, lanes)), NULL);
  element(lw, w, ix, (Point){.lanes = lanes, .active = lanes, .vmask = mask, .by_lane = true});
  low_end(lw, mark);
}

/* ---- axes ---- */
static void walk(Part *w, int axis);

static void walk_under(Part *w, int axis, Ex cond) {
  Low *lw = w->lw;
  int32_t memo;
  Stmt *some = st_if(&lw->m, cond);
  Block *outer = low_enter(lw, &some->u.cond.then, &memo);
  walk(w, axis);
  low_leave(lw, outer, memo);
}

/* The axis has one index, which a limit tells. */
static void walk_point(Part *w, int axis, const Limit *l) {
  Low *lw = w->lw;
  Dim n = low_ins(lw, w->u->v)->shape.dim[axis];
  Ex k = limit_right(lw, l, w->at), end = extent_of(lw, n);
  Ex inside = mask_and(lw, low_map2(lw, OP_ge, T_BOOL, k, number(lw, 0)),
                       low_map2(lw, OP_lt, T_BOOL, k, end));
  inside = mask_and(lw, inside, holds(w, l, axis, k));
  w->at[axis] = (AxisIx){.dyn = ex_let(lw, low_map(lw, OP_cast, T_I32, &k, 1), NULL)};
  walk_under(w, axis + 1, inside);
}

static const Limit *point_limit(const Part *w, int axis) {
  for (int i = 0; i < w->box->n; i++)
    if (w->box->limit[i].axis == axis && w->box->limit[i].op == OP_eq) return &w->box->limit[i];
  return NULL;
}

static void walk_vectors(Part *w) {
  Low *lw = w->lw;
  if (w->vec < 0) {
    element(lw, w, axis_number(0), point_scalar());
    return;
  }
  Dim extent = low_ins(lw, w->u->v)->shape.dim[w->vec];
  int lanes = lanes_for(nest_lanes(w->n), extent);
  Ends e = ends_of(w, w->vec);
  if (e.from || e.to) vectors_between(w, e, extent, lanes);
  else low_vectors(lw, extent, lanes, nest_ops(w->n), element, w);
}

/* The axes from this one on; the one by vectors last. */
static void walk(Part *w, int axis) {
  Low *lw = w->lw;
  const Shape *s = &low_ins(lw, w->u->v)->shape;
  if (axis == s->rank) {
    walk_vectors(w);
    return;
  }
  if (w->point[axis]) {
    walk_point(w, axis, point_limit(w, axis));
    return;
  }
  w->at[axis] = axis_number(0);
  if (axis == w->vec || (s->dim[axis] == 1 && !limited(w, axis))) {
    walk(w, axis + 1);
    return;
  }
  LoopMark mark;
  Ends e = ends_of(w, axis);
  Dim last = dim_sub(lw->cx, s->dim[axis], 1);
  w->at[axis] = axis_var(lw, open_between(lw, e, s->dim[axis], 1, last, &mark));
  walk(w, axis + 1);
  low_end(lw, mark);
}

/* The innermost axis of more than one index that no other one waits for. */
static int vector_axis(const Part *w, const Shape *s) {
  for (int d = s->rank - 1; d >= 0; d--)
    if (!w->point[d] && (s->dim[d] != 1 || limited(w, d))) return asked_for(w, d) ? -1 : d;
  return -1;
}

static void store_part(Part w, bool to_place) {
  Low *lw = w.lw;
  Ex all = 0;
  w.to_place = to_place;
  for (int i = 0; i < w.box->nguards; i++) {
    Ex c = scalar(lw, w.box->guard[i]);
    all = mask_and(lw, all, w.box->want[i] ? c : low_map(lw, OP_not, T_BOOL, &c, 1));
  }
  if (all) walk_under(&w, 0, all);
  else walk(&w, 0);
}

static Part part_of(Low *lw, const Nest *n, const Update *u, const Box *box, bool stashed) {
  const Ins *in = low_ins(lw, u->v);
  Part w = {.lw = lw, .n = n, .u = u, .box = box, .temp = -1};
  Dim count = 1;
  for (int d = 0; d < in->shape.rank; d++) {
    w.point[d] = point_limit(&w, d) != NULL;
    if (!w.point[d]) count = dim_mul(lw->cx, count, in->shape.dim[d]);
  }
  w.vec = vector_axis(&w, &in->shape);
  Name name = name_fmt(lw->cx, "%s'new", in->hint ? in->hint : "part");
  if (stashed) w.temp = low_buffer(lw, name, BUF_TEMP, (DType)in->type, count);
  return w;
}

/* Only where the value's place is that of what it changes. */
static bool goes_in_place(const Low *lw, Val v, Val base) {
  const Place *p = &lw->place[v];
  if (p->buf < 0 || p->skip || p->also.n) return false;
  const Buffer *b = &lw->p->buf.at[p->buf];
  return b->kind == BUF_OUTPUT && b->same_as >= 0 && lw->f->in.at[b->same_as].val == base;
}

void look_at_scalars(Low *lw, const Boxes *boxes) {
  for (int i = 0; i < boxes->n; i++) {
    const Box *b = &boxes->box[i];
    for (int k = 0; k < b->nguards; k++) scalar(lw, b->guard[k]);
    for (int k = 0; k < b->n; k++)
      for (int j = 0; j < b->limit[k].n; j++) scalar(lw, b->limit[k].scalar[j]);
  }
}

/* As fast copied as looked after: a small part of the first cache. */
bool update_small(const Fn *f, Val v, const Target *t) {
  const Ins *in = fn_ins(f, v);
  double n = (double)dim_expected(f->cx, shape_count(f->cx, &in->shape), t->expected);
  return n * type_info[in->type].bytes < (double)(t->l1 / 32);
}

bool update_by_parts(const Update *u) { return !u->whole && u->share <= 0.5; }

void find_updates(Low *lw) {
  const Fn *f = lw->f;
  lw->update = NEWS(lw->arena, Update *, f->ins.n + 1);
  for (int i = 0; i < f->out.n; i++) {
    Update u;
    Val v = low_base(lw, f->out.at[i].val);
    if (f->out.at[i].alias < 0 || !lw->place[v].root || lw->update[v]) continue;
    if (!update_of(f, v, f->in.at[f->out.at[i].alias].val, &u)) continue;
    if (!update_small(f, v, &lw->p->target)) lw->update[v] = arena_copy(lw->arena, &u, sizeof u);
  }
}

bool lower_update(Low *lw, const Nest *n) {
  Update small;
  if (n->kind != NEST_MAP || lw->rows || n->root.n != 1) return false;
  Val v = n->root.at[0];
  const Place *p = &lw->place[v];
  const Update *u = lw->update[v];
  if (p->buf < 0 || lw->p->buf.at[p->buf].same_as < 0) return false;
  Val base = lw->f->in.at[lw->p->buf.at[p->buf].same_as].val;
  if (!goes_in_place(lw, v, base)) return false;
  if (!u && update_of(lw->f, v, base, &small)) u = &small;
  if (!u) return false;
  bool stashed = u->where.n > 1 || !reads_in_place(n, base);
  if (stashed && (u == &small || !update_by_parts(u))) return false;
  lw->may_parallel = false;
  look_at_scalars(lw, &u->where);
  Part part[MOST_BOXES];
  for (int i = 0; i < u->where.n; i++) part[i] = part_of(lw, n, u, &u->where.box[i], stashed);
  for (int to_place = !stashed; to_place < 2; to_place++)
    for (int i = 0; i < u->where.n; i++) store_part(part[i], to_place);
  return true;
}
