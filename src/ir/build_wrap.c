/* build_wrap.c: gathers whose indices are counted, not looked up: x[(i + 1) % n], where the counter
 * goes round once at most, x[min(i + 1, n - 1)], x[max(i - 1, 0)], x[i // 2]. In: a gather's
 * operands. Out: a choice between views, each of them a plain read at linear indices that vectors
 * load as they stand, and whose adjoint adds the same way instead of one element at a time; where
 * axes fall into equal parts, one view of the parts. */
#include "ir/build.h"
#include "ir/build_parts.h"

enum { MOST_PIECES = 4, MOST_DEPTH = 16 };

/* What is checked when the program runs (OP_bounded) is looked up: the check must stay. */

/* An index over the axes of its tensor: the first at whose place the condition holds, or the last,
 * which has none. */
typedef struct Pieces {
  int n;
  ViewDim at[MOST_PIECES];
  Val where[MOST_PIECES];
} Pieces;

static bool number_of(const Builder *b, Val v, Dim *d) {
  const Ins *in = ir_ins(b, v);
  if (in->op == OP_const) *d = in->u.i;
  else if (in->op == OP_size) *d = in->u.size;
  return in->op == OP_const || in->op == OP_size;
}

static ViewDim constant_dim(Dim d) { return (ViewDim){.off = d, .den = 1}; }

/* p + k * q */
static ViewDim linear_sum(Cx *cx, const ViewDim *p, const ViewDim *q, Dim k) {
  ViewTerm *term = NEWS(cx->arena, ViewTerm, p->n + q->n + 1);
  ViewDim r = {dim_add(cx, p->off, dim_mul(cx, k, q->off)), 1, 0, term};
  for (int t = 0; t < p->n; t++) term[r.n++] = p->term[t];
  for (int t = 0; t < q->n; t++)
    term[r.n++] = (ViewTerm){q->term[t].label, dim_mul(cx, k, q->term[t].coef)};
  return r;
}

/* What a view of the index's tensor makes of it; false where it may read outside. */
static bool linear_view(Cx *cx, const ViewDim *p, const View *v, ViewDim *r) {
  if (!v->exact) return false;
  *r = constant_dim(p->off);
  for (int t = 0; t < p->n; t++) {
    const ViewDim *at = &v->dim[p->term[t].label];
    if (at->den != 1) return false;
    *r = linear_sum(cx, r, at, p->term[t].coef);
  }
  return true;
}

static bool linear_of(const Builder *b, Val v, int depth, ViewDim *r) {
  Cx *cx = b->cx;
  const Ins *in = ir_ins(b, v);
  ViewDim p, q, none = constant_dim(0);
  Dim k;
  if (depth > MOST_DEPTH || !type_is_int((DType)in->type)) return false;
  if (number_of(b, v, &k)) return *r = constant_dim(k), true;
  switch ((Op)in->op) {
  case OP_iota: {
    ViewTerm *term = NEW(cx->arena, ViewTerm);
    *term = (ViewTerm){0, 1};
    *r = (ViewDim){0, 1, 1, term};
    return true;
  }
  case OP_cast: return linear_of(b, in->arg[0], depth + 1, r);
  case OP_view:
    return linear_of(b, in->arg[0], depth + 1, &p) && linear_view(cx, &p, in->u.view, r);
  case OP_neg:
    if (!linear_of(b, in->arg[0], depth + 1, &p)) return false;
    return *r = linear_sum(cx, &none, &p, -1), true;
  case OP_add:
  case OP_sub:
    if (!linear_of(b, in->arg[0], depth + 1, &p) || !linear_of(b, in->arg[1], depth + 1, &q))
      return false;
    return *r = linear_sum(cx, &p, &q, in->op == OP_add ? 1 : -1), true;
  case OP_mul: {
    bool first = number_of(b, in->arg[0], &k);
    if (!first && !number_of(b, in->arg[1], &k)) return false;
    if (!linear_of(b, in->arg[first], depth + 1, &p)) return false;
    return *r = linear_sum(cx, &none, &p, k), true;
  }
  default: return false;
  }
}

/* The comparison of v with the limit, of the counter alone where numbers are added to it: so
 * others that look for comparisons of counters know it. (The sums don't wrap: they are indices.) */
static Val below(Builder *b, Op op, Val v, Dim limit) {
  Shape s = *ir_shape(b, v);
  for (;;) {
    const Ins *in = ir_ins(b, v);
    Dim k = 0;
    bool first = in->op == OP_add && number_of(b, in->arg[0], &k);
    if (!first && ((in->op != OP_add && in->op != OP_sub) || !number_of(b, in->arg[1], &k))) break;
    Dim moved = in->op == OP_add ? dim_sub(b->cx, limit, k) : dim_add(b->cx, limit, k);
    if (dim_is_number(moved) && (moved < -INT32_MAX || moved > INT32_MAX)) break;
    limit = moved;
    v = in->arg[first];
  }
  return ir_map2(b, op, v, ir_size(b, ir_type(b, v), &s, limit));
}

/* (p modulo m) where p, the value v, takes at most two rounds: p - q m and p - (q + 1) m. */
static bool wrapped(Builder *b, Val v, Dim m, Pieces *r) {
  Cx *cx = b->cx;
  ViewDim p, one = constant_dim(1);
  Dim lo, hi;
  Shape s = *ir_shape(b, v);
  if (dim_le(cx, 1, m) != 1 || !linear_of(b, v, 0, &p) || !view_interval(cx, &p, &s, &lo, &hi))
    return false;
  for (int64_t q = -1; q <= 1; q++) {
    Dim first = dim_mul(cx, q, m), second = dim_add(cx, first, m);
    if (dim_le(cx, first, lo) != 1 || dim_le(cx, dim_add(cx, hi, 1), dim_add(cx, second, m)) != 1)
      continue;
    r->at[0] = linear_sum(cx, &p, &one, dim_sub(cx, 0, first));
    r->at[1] = linear_sum(cx, &p, &one, dim_sub(cx, 0, second));
    r->n = dim_le(cx, dim_add(cx, hi, 1), second) == 1 ? 1 : 2;
    if (r->n == 2) r->where[0] = below(b, OP_lt, v, second);
    return true;
  }
  return false;
}

static bool pieces_of(Builder *b, Val v, int depth, Pieces *r);

/* min or max of the value v and a number: the number where v is beyond it, else v. */
static bool clamped(Builder *b, Op op, Val v, Dim limit, int depth, Pieces *r) {
  Pieces p;
  if (!pieces_of(b, v, depth + 1, &p) || p.n == MOST_PIECES) return false;
  r->n = p.n + 1;
  r->at[0] = constant_dim(limit);
  r->where[0] = below(b, op == OP_min ? OP_gt : OP_lt, v, limit);
  for (int i = 0; i < p.n; i++) r->at[i + 1] = p.at[i], r->where[i + 1] = p.where[i];
  return true;
}

static bool pieces_view(Builder *b, const Ins *in, int depth, Pieces *r) {
  if (!in->u.view->exact || !pieces_of(b, in->arg[0], depth + 1, r)) return false;
  for (int i = 0; i < r->n; i++) {
    ViewDim p = r->at[i];
    if (!linear_view(b->cx, &p, in->u.view, &r->at[i])) return false;
    if (i < r->n - 1) r->where[i] = ir_view(b, r->where[i], &in->shape, in->u.view);
  }
  return true;
}

static bool pieces_of(Builder *b, Val v, int depth, Pieces *r) {
  const Ins in = *ir_ins(b, v);
  Dim k;
  if (depth > MOST_DEPTH || !type_is_int((DType)in.type)) return false;
  r->n = 1;
  if (linear_of(b, v, depth, &r->at[0])) return true;
  switch ((Op)in.op) {
  case OP_cast: return pieces_of(b, in.arg[0], depth + 1, r);
  case OP_view: return pieces_view(b, &in, depth, r);
  case OP_mod: return number_of(b, in.arg[1], &k) && wrapped(b, in.arg[0], k, r);
  case OP_min:
  case OP_max: {
    bool first = number_of(b, in.arg[0], &k);
    return (first || number_of(b, in.arg[1], &k)) &&
           clamped(b, (Op)in.op, in.arg[first], k, depth, r);
  }
  default: return false;
  }
}

typedef struct Reading {
  Val x;
  Shape out;
  int n, axes; /* indices; axes of each */
  const int32_t *axis;
  const Pieces *index;
  ViewDim dim[IR_MAX_RANK]; /* of x, as far as chosen */
} Reading;

/* The comparison of what is spread, not what is spread of the comparison: see view_of_choice. */
static Val spread_condition(Builder *b, Val where, const Shape *s, const int32_t *at) {
  const Ins in = *ir_ins(b, where);
  if (op_info[in.op].typing != TY_COMPARE) return ir_spread(b, where, s, at);
  Val left = ir_spread(b, in.arg[0], s, at);
  return ir_map2(b, (Op)in.op, left, ir_spread(b, in.arg[1], s, at));
}

/* The choice between the pieces of index k and those after it. */
static Val read_from(Builder *b, Reading *w, int k) {
  if (k == w->n) {
    View v = {.rank = ir_shape(b, w->x)->rank, .dim = w->dim};
    return ir_view(b, w->x, &w->out, &v);
  }
  const Pieces *p = &w->index[k];
  Val r = 0;
  int32_t at[IR_MAX_RANK];
  for (int i = 0; i < w->axes; i++) at[i] = i;
  for (int i = p->n; i-- > 0;) {
    w->dim[w->axis[k]] = p->at[i];
    Val piece = read_from(b, w, k + 1);
    r = !r ? piece : ir_map3(b, OP_select, spread_condition(b, p->where[i], &w->out, at), piece, r);
  }
  return r;
}

/* ---- axes in equal parts ---- */
/* An axis of which an index takes i // k or i % k, and that is a multiple of k long, is two axes:
 * i = k q + r. Over those the index is linear. */
typedef struct Split {
  Builder *b;
  const Shape *s;      /* of the indices */
  Dim by[IR_MAX_RANK]; /* k, 0: the axis is whole */
  int at[IR_MAX_RANK]; /* the label of q, or of the whole axis; r is the next one */
  bool looking;        /* for what is to be split; forms are of no account yet */
} Split;

enum { NO_AXIS = -1 };

/* Which axis of the indices every axis of the operand of a view is, `map` saying so of the view's
 * own. False: it is more than a matter of axes. */
static bool view_axes(const Split *w, const Ins *in, const int8_t *map, int8_t *below_it) {
  const View *v = in->u.view;
  const Shape *x = ir_shape(w->b, in->arg[0]);
  for (int d = 0; d < v->rank; d++) {
    const ViewDim *e = &v->dim[d];
    below_it[d] = NO_AXIS;
    if (e->n == 0 && e->off == 0 && x->dim[d] == 1) continue;
    if (e->n != 1 || e->off != 0 || e->den != 1 || e->term[0].coef != 1) return false;
    below_it[d] = map[e->term[0].label];
    if (x->dim[d] != in->shape.dim[e->term[0].label]) return false;
  }
  return true;
}

/* The axis whose counter v is. */
static int axis_of(const Split *w, Val v, const int8_t *map) {
  const Ins *in = ir_ins(w->b, v);
  int8_t below_it[IR_MAX_RANK];
  if (in->op == OP_iota) return map[0];
  if (in->op == OP_cast) return axis_of(w, in->arg[0], map);
  if (in->op != OP_view || !view_axes(w, in, map, below_it)) return NO_AXIS;
  return axis_of(w, in->arg[0], below_it);
}

static ViewDim label_dim(Cx *cx, int label) {
  ViewTerm *term = NEW(cx->arena, ViewTerm);
  *term = (ViewTerm){label, 1};
  return (ViewDim){0, 1, 1, term};
}

/* v // k or v % k of the counter v. */
static bool part_of(Split *w, const Ins *in, const int8_t *map, ViewDim *r) {
  Cx *cx = w->b->cx;
  Dim k;
  int axis = axis_of(w, in->arg[0], map);
  if (axis == NO_AXIS || !number_of(w->b, in->arg[1], &k) || !dim_is_number(k) || k < 2)
    return false;
  Dim extent = w->s->dim[axis];
  if (w->looking && !w->by[axis]) w->by[axis] = k;
  if (w->by[axis] != k || dim_mul(cx, dim_floor_div(cx, extent, k), k) != extent) return false;
  *r = label_dim(cx, w->at[axis] + (in->op == OP_mod));
  return true;
}

static bool split_form(Split *w, Val v, const int8_t *map, int depth, ViewDim *r) {
  Cx *cx = w->b->cx;
  const Ins *in = ir_ins(w->b, v);
  ViewDim p, q;
  Dim k;
  if (depth > MOST_DEPTH || !type_is_int((DType)in->type)) return false;
  if (number_of(w->b, v, &k)) return *r = constant_dim(k), true;
  switch ((Op)in->op) {
  case OP_iota: {
    if (map[0] == NO_AXIS) return false;
    int axis = map[0];
    ViewDim whole = label_dim(cx, w->at[axis]), rest = label_dim(cx, w->at[axis] + 1);
    *r = w->by[axis] ? linear_sum(cx, &rest, &whole, w->by[axis]) : whole;
    return true;
  }
  case OP_cast: return split_form(w, in->arg[0], map, depth + 1, r);
  case OP_view: {
    int8_t below_it[IR_MAX_RANK];
    return view_axes(w, in, map, below_it) && split_form(w, in->arg[0], below_it, depth + 1, r);
  }
  case OP_idiv:
  case OP_mod: return part_of(w, in, map, r);
  case OP_add:
  case OP_sub:
    if (!split_form(w, in->arg[0], map, depth + 1, &p) ||
        !split_form(w, in->arg[1], map, depth + 1, &q))
      return false;
    return *r = linear_sum(cx, &p, &q, in->op == OP_add ? 1 : -1), true;
  case OP_mul: {
    ViewDim none = constant_dim(0);
    bool first = number_of(w->b, in->arg[0], &k);
    if (!first && !number_of(w->b, in->arg[1], &k)) return false;
    if (!split_form(w, in->arg[first], map, depth + 1, &p)) return false;
    return *r = linear_sum(cx, &none, &p, k), true;
  }
  default: return false;
  }
}

static Val split_gather(Builder *b, Val x, const Val *index, const int32_t *axis, int n,
                        const Shape *out) {
  Shape full = *ir_shape(b, x), s = *ir_shape(b, index[0]), fine = {.rank = 0};
  Split w = {.b = b, .s = &s, .looking = true};
  ViewDim dim[IR_MAX_RANK];
  int8_t map[IR_MAX_RANK];
  for (int i = 0; i < s.rank; i++) map[i] = (int8_t)i;
  for (int i = 0; i < n; i++)
    if (!split_form(&w, index[i], map, 0, &dim[axis[i]])) return 0;
  w.looking = false;
  for (int i = 0; i < out->rank; i++) {
    Dim by = i < s.rank ? w.by[i] : 0;
    if (fine.rank + 2 > IR_MAX_RANK) return 0;
    if (i < s.rank) w.at[i] = fine.rank;
    fine.dim[fine.rank++] = by ? dim_floor_div(b->cx, out->dim[i], by) : out->dim[i];
    if (by) fine.dim[fine.rank++] = by;
  }
  int label = fine.rank - (out->rank - s.rank);
  for (int d = 0, k = 0; d < full.rank; d++) {
    if (k < n && axis[k] == d) {
      if (!split_form(&w, index[k++], map, 0, &dim[d])) return 0;
    } else {
      dim[d] = label_dim(b->cx, label++);
    }
  }
  return ir_reshape(b, ir_view(b, x, &fine, &(View){.rank = full.rank, .dim = dim}), out);
}

Val build_counted_gather(Builder *b, Val x, const Val *index, const int32_t *axis, int n,
                         const Shape *out) {
  Shape full = *ir_shape(b, x);
  Pieces *p = NEWS(b->cx->arena, Pieces, n);
  int views = 1;
  for (int i = 0; i < n; i++)
    if (!ir_index_below(b->fn, index[i], full.dim[axis[i]])) return 0;
  for (int i = 0; i < n; i++) {
    if (!pieces_of(b, index[i], 0, &p[i])) return split_gather(b, x, index, axis, n, out);
    views *= p[i].n;
    if (views > MOST_PIECES) return 0;
  }
  Reading w = {.x = x, .out = *out, .n = n, .axes = ir_shape(b, index[0])->rank, .axis = axis};
  w.index = p;
  int label = w.axes;
  for (int d = 0, k = 0; d < full.rank; d++) {
    if (k < n && axis[k] == d) {
      k++;
      continue;
    }
    ViewTerm *term = NEW(b->cx->arena, ViewTerm);
    *term = (ViewTerm){label++, 1};
    w.dim[d] = (ViewDim){0, 1, 1, term};
  }
  return read_from(b, &w, 0);
}

/* Views and numbers, and choices between them. */
static bool is_choice_of_views(const Builder *b, Val v, int depth) {
  const Ins *i = ir_ins(b, v);
  if (i->op == OP_view || ins_is_const(i)) return true;
  return i->op == OP_select && depth < MOST_PIECES && is_choice_of_views(b, i->arg[1], depth + 1) &&
         is_choice_of_views(b, i->arg[2], depth + 1);
}

/* Where a reshape only merges neighbouring axes of a view, the view's axes are permuted. */
static Val permute_merged(Builder *b, Val x, const int32_t *perm) {
  Cx *cx = b->cx;
  Val below_it = ir_ins(b, x)->arg[0];
  Shape s = *ir_shape(b, x), fine = *ir_shape(b, below_it), out = s;
  int first[IR_MAX_RANK + 1] = {0}, n = 0;
  int32_t order[IR_MAX_RANK];
  for (int d = 0, at = 0; d < s.rank; d++) {
    Dim count = 1;
    do {
      if (at == fine.rank) return 0;
      count = dim_mul(cx, count, fine.dim[at++]);
    } while (count != s.dim[d]);
    first[d + 1] = at;
  }
  if (first[s.rank] != fine.rank) return 0;
  for (int d = 0; d < s.rank; d++) {
    out.dim[d] = s.dim[perm[d]];
    for (int k = first[perm[d]]; k < first[perm[d] + 1]; k++) order[n++] = k;
  }
  return ir_reshape(b, ir_permute(b, below_it, order), &out);
}

Val ir_permute_choice(Builder *b, Val x, const int32_t *perm) {
  const Ins *i = ir_ins(b, x);
  if (i->op == OP_reshape && ir_ins(b, i->arg[0])->op == OP_view) {
    Val merged = permute_merged(b, x, perm);
    if (merged) return merged;
    i = ir_ins(b, x);
  }
  if (i->op != OP_select || !is_choice_of_views(b, x, 0)) return ir_permute(b, x, perm);
  Val arg[3] = {i->arg[0], i->arg[1], i->arg[2]};
  for (int k = 0; k < 3; k++) arg[k] = ir_permute_choice(b, arg[k], perm);
  return ir_map(b, OP_select, arg);
}
