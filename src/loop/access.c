/* access.c: how the value at a point of a domain reads stored values. In: a value and the index of
 * each of its dimensions as an affine form over the axes of a domain. Out: one Access per stored
 * value and way of reading it, the types met, the operators to compute. Nothing is emitted; the
 * decisions of fusion, axis merging, vector axis and tiles stand on this. */
#include "loop/lower.h"

typedef struct Seen {
  Val v;
  bool masked;
  Form *at;
} Seen;
typedef struct Walk {
  Low *lw;
  Analysis *an;
  Vec(Seen) seen;
} Walk;

static Form *forms_new(Walk *w, int n) { return NEWS(w->lw->arena, Form, n > 0 ? n : 1); }

static void form_add(Cx *cx, Form *to, const Form *f, Dim by, int axes) {
  to->off = dim_add(cx, to->off, dim_mul(cx, f->off, by));
  to->opaque |= f->opaque;
  for (int i = 0; i < axes; i++)
    if (f->coef[i]) to->coef[i] = dim_add(cx, to->coef[i], dim_mul(cx, f->coef[i], by));
}

static bool forms_eq(const Form *a, const Form *b, int n, int axes) {
  for (int i = 0; i < n; i++)
    if (a[i].off != b[i].off || a[i].opaque != b[i].opaque ||
        memcmp(a[i].coef, b[i].coef, sizeof(int64_t) * (size_t)axes))
      return false;
  return true;
}

bool view_dim_inside(Cx *cx, const ViewDim *vd, const Shape *result, Dim extent) {
  Dim lo = vd->off, hi = vd->off;
  for (int k = 0; k < vd->n; k++) {
    Dim n = result->dim[vd->term[k].label];
    Dim reach = n == 0 ? 0 : dim_mul(cx, vd->term[k].coef, dim_sub(cx, n, 1));
    if (dim_le(cx, reach, 0) == 1) lo = dim_add(cx, lo, reach);
    else if (dim_le(cx, 0, reach) == 1) hi = dim_add(cx, hi, reach);
    else return false;
  }
  return vd->den == 1 && dim_le(cx, 0, lo) == 1 && dim_le(cx, dim_add(cx, hi, 1), extent) == 1;
}

static void block_axes(Analysis *an, const Form *f) {
  for (int i = 0; i < an->axes; i++)
    if (f->coef[i]) an->block[i] = true;
}

/* What stands still wherever the axes go is computed as a scalar and spread: a wide scalar, such as
 * a learning rate in f64, doesn't make the vectors around it shorter. */
static bool stands_still(const Analysis *an, const Form *at, int rank) {
  for (int d = 0; d < rank; d++)
    for (int i = 0; i < an->axes; i++)
      if (at[d].coef[i]) return false;
  return true;
}

static void note_type(Walk *w, const Ins *in, const Form *at) {
  DType t = (DType)in->type;
  int lanes = target_lanes(&w->lw->p->target, t);
  if (lanes < w->an->lanes && !stands_still(w->an, at, in->shape.rank)) w->an->lanes = lanes;
}

static void record(Walk *w, Val leaf, const Shape *s, const Form *at, bool masked) {
  Analysis *an = w->an;
  Access a = {.leaf = leaf, .rank = s->rank, .masked = masked};
  a.dim = forms_new(w, s->rank);
  Cx *cx = w->lw->cx;
  Dim stride = 1;
  for (int d = s->rank - 1; d >= 0; d--) {
    a.dim[d] = at[d];
    for (int i = 0; i < an->axes && !at[d].opaque; i++)
      if (at[d].coef[i]) a.stride[i] = dim_add(cx, a.stride[i], dim_mul(cx, at[d].coef[i], stride));
    stride = dim_mul(cx, stride, s->dim[d]);
  }
  vec_push(w->lw->arena, &an->access, a);
}

static void walk(Walk *w, Val v, const Form *at, bool masked, bool top);

static void walk_view(Walk *w, const Ins *in, const Form *at, bool masked) {
  Low *lw = w->lw;
  Analysis *an = w->an;
  const View *view = in->u.view;
  Form *to = forms_new(w, view->rank);
  const Shape *s = &low_ins(lw, in->arg[0])->shape;
  for (int d = 0; d < view->rank; d++) {
    const ViewDim *vd = &view->dim[d];
    to[d].off = vd->off;
    for (int k = 0; k < vd->n; k++)
      form_add(lw->cx, &to[d], &at[vd->term[k].label], vd->term[k].coef, an->axes);
    if (vd->den != 1) {
      Dim part = 0;
      bool even = !to[d].opaque && dim_divides(lw->cx, to[d].off, vd->den, &part);
      for (int i = 0; i < an->axes; i++)
        even = even && dim_divides(lw->cx, to[d].coef[i], vd->den, &part);
      if (even) {
        dim_divides(lw->cx, to[d].off, vd->den, &to[d].off);
        for (int i = 0; i < an->axes; i++)
          dim_divides(lw->cx, to[d].coef[i], vd->den, &to[d].coef[i]);
      } else {
        block_axes(an, &to[d]);
        to[d].opaque = true;
        if (!view->exact) masked = true;
        continue;
      }
    }
    if (!view->exact && !view_dim_inside(lw->cx, vd, &in->shape, s->dim[d])) {
      block_axes(an, &to[d]);
      masked = true;
      an->ops += 2;
    }
  }
  walk(w, in->arg[0], to, masked, false);
}

static void walk_reshape(Walk *w, const Ins *in, const Form *at, bool masked) {
  Low *lw = w->lw;
  Analysis *an = w->an;
  const Shape *from = &low_ins(lw, in->arg[0])->shape, *to = &in->shape;
  int8_t first[IR_MAX_RANK], count[IR_MAX_RANK];
  if (reshape_split(lw->cx, from, to, first, count)) {
    Form *f = forms_new(w, from->rank);
    for (int d = 0; d < from->rank; d++) {
      Dim stride = 1;
      for (int k = first[d] + count[d] - 1; k >= first[d]; k--) {
        form_add(lw->cx, &f[d], &at[k], stride, an->axes);
        stride = dim_mul(lw->cx, stride, to->dim[k]);
      }
    }
    walk(w, in->arg[0], f, masked, false);
    return;
  }
  Val base = low_base(lw, in->arg[0]);
  if (low_stored(lw, base)) {
    note_type(w, in, at);
    record(w, base, to, at, masked);
    Access *a = &an->access.at[an->access.n - 1];
    Form *lin = forms_new(w, 1);
    Dim stride = 1;
    for (int d = to->rank - 1; d >= 0; d--) {
      form_add(lw->cx, lin, &at[d], stride, an->axes);
      stride = dim_mul(lw->cx, stride, to->dim[d]);
    }
    a->linear = true;
    a->rank = 1;
    a->dim = lin;
    return;
  }
  /* the index of each axis by division: nothing affine is left of it */
  Form *f = forms_new(w, from->rank);
  for (int d = 0; d < from->rank; d++) {
    f[d].opaque = true;
    for (int k = 0; k < to->rank; k++) form_add(lw->cx, &f[d], &at[k], 1, an->axes);
    block_axes(an, &f[d]);
  }
  an->ops += 8;
  walk(w, in->arg[0], f, masked, false);
}

static void walk_gather(Walk *w, const Ins *in, const Form *at) {
  Low *lw = w->lw;
  const Gather *g = in->u.gather;
  const Shape *s = &low_ins(lw, in->arg[0])->shape;
  int nidx = low_ins(lw, in->arg[1])->shape.rank;
  Form *f = forms_new(w, s->rank);
  int rest = nidx;
  for (int d = 0, k = 0; d < s->rank; d++) {
    if (k < g->naxes && g->axis[k] == d) {
      k++;
      f[d].opaque = true;
      for (int i = 0; i < nidx; i++) form_add(lw->cx, &f[d], &at[i], 1, w->an->axes);
    } else {
      f[d] = at[rest++];
    }
  }
  for (int k = 0; k < g->naxes; k++) walk(w, in->arg[k + 1], at, false, false);
  w->an->ops += 6;
  w->an->maps = true;
  note_type(w, in, at);
  walk(w, in->arg[0], f, true, false);
}

static void walk(Walk *w, Val v, const Form *at, bool masked, bool top) {
  Low *lw = w->lw;
  Analysis *an = w->an;
  const Ins *in = low_ins(lw, v);
  for (int i = 0; i < w->seen.n; i++)
    if (w->seen.at[i].v == v && w->seen.at[i].masked == masked &&
        forms_eq(w->seen.at[i].at, at, in->shape.rank, an->axes))
      return;
  Form *copy = arena_copy(lw->arena, at, sizeof(Form) * (size_t)MAX(1, in->shape.rank));
  Seen seen = {v, masked, copy};
  vec_push(lw->arena, &w->seen, seen);

  if (in->op == OP_arg || (!top && low_stored(lw, v))) {
    note_type(w, in, at);
    record(w, v, &in->shape, at, masked);
    return;
  }
  if (op_kind(in->op) != KIND_MOVE) note_type(w, in, at);
  switch (op_kind(in->op)) {
  case KIND_MAP:
    an->ops += op_weight(in->op);
    an->maps = true;
    for (int i = 0; i < in->nargs; i++) walk(w, in->arg[i], at, masked, false);
    return;
  case KIND_LEAF:
    if (in->op == OP_iota) {
      block_axes(an, &at[0]);
      an->maps = true;
      an->ops += 1;
    }
    if (in->op == OP_const || in->op == OP_size) an->maps = true;
    return;
  default: break;
  }
  switch (in->op) {
  case OP_view: walk_view(w, in, at, masked); return;
  case OP_reshape: walk_reshape(w, in, at, masked); return;
  case OP_gather: walk_gather(w, in, at); return;
  default: cx_bug(lw->cx, "lowering reads %%%d (%s), which has no place", v, op_info[in->op].name);
  }
}

void analysis_begin(Low *lw, Analysis *an, const Shape *domain) {
  *an = (Analysis){.axes = domain->rank, .cx = lw->cx};
  for (int i = 0; i < domain->rank; i++) an->extent[i] = domain->dim[i];
  an->lanes = target_lanes(&lw->p->target, T_U8);
}

void analyse(Low *lw, Analysis *an, Val v, const Form *at, bool top) {
  Walk w = {.lw = lw, .an = an};
  walk(&w, v, at, false, top);
}

void analyse_identity(Low *lw, Analysis *an, Val v) {
  Form at[IR_MAX_RANK] = {{0}};
  int rank = low_ins(lw, v)->shape.rank;
  for (int i = 0; i < rank; i++) at[i].coef[i] = 1;
  analyse(lw, an, v, at, true);
}

bool axes_merge(const Analysis *an, int i, int j) {
  if (an->block[i] || an->block[j]) return false;
  for (int k = 0; k < an->access.n; k++) {
    const Access *a = &an->access.at[k];
    if (a->stride[i] != dim_mul(an->cx, a->stride[j], an->extent[j])) return false;
    for (int d = 0; d < a->rank; d++)
      if (a->dim[d].opaque && (a->dim[d].coef[i] || a->dim[d].coef[j])) return false;
  }
  return true;
}

bool access_row_identity(const Analysis *an, const Access *a, const int *axis, int n) {
  if (n == 0) return true;
  if (a->linear || a->rank < n) return false;
  for (int d = 0; d < n; d++) {
    const Form *f = &a->dim[d];
    if (f->opaque || f->off != 0) return false;
    for (int i = 0; i < an->axes; i++)
      if (an->extent[i] != 1 && f->coef[i] != (i == axis[d])) return false;
  }
  return true;
}

bool access_identity(const Analysis *an, const Access *a) {
  if (a->linear || a->masked || a->rank != an->axes) return false;
  int axis[MAX_AXES];
  for (int i = 0; i < an->axes; i++) axis[i] = i;
  return access_row_identity(an, a, axis, an->axes);
}

bool access_same(const Analysis *an, const Access *a, const Access *b) {
  return a->leaf == b->leaf && a->linear == b->linear && a->masked == b->masked &&
         a->rank == b->rank && forms_eq(a->dim, b->dim, a->rank, an->axes);
}

double access_lane_cost(const Access *a, int axis, int lanes) {
  for (int d = 0; d < a->rank; d++)
    if (a->dim[d].opaque && a->dim[d].coef[axis]) return 1.5 * lanes;
  if (a->stride[axis] == 0) return 0.1;
  if (a->stride[axis] == 1) return a->masked ? 1.5 : 1;
  return !a->masked && a->stride[axis] > 1 && a->stride[axis] <= 4 ? 2 * (double)a->stride[axis]
                                                                   : 1.2 * lanes;
}
