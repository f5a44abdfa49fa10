/* value.c: emits the value at a point: the heart of the lowering. In: a value, the index along each
 * of its dimensions, and a point (how many lanes, which of them count). Elementwise operators
 * recurse at the same index, movement rewrites the index, stored values load, so whole chains
 * become one expression and no operand is ever copied. What an index has to be checked for
 * (padding, gathers) becomes a mask on the loads below.
 *
 * A value wanted twice at one place is computed once: the memo finds it. What does not depend on
 * the lane is computed as a scalar and spread.
 *
 * Which masks a value heeds. A condition does two things: nothing may be read from memory where it
 * doesn't hold, and the value is 0 there (NaN for a gather of numbers with a point). Masks carry
 * the first down to the loads, and a load is 0 where its mask doesn't hold; but not every value
 * comes from a load that has the mask: constants and operators know of none, a register is there
 * already, and what doesn't depend on the lane is read once for all lanes, under no mask by lane.
 * So each value says itself which masks of its point it has heeded (struct Read), where it is made;
 * nobody else asks how it will be read. A view or gather chooses by its own condition where that
 * isn't heeded, and hands on what is said of the masks that were there before. */
#include "loop/lower.h"

#include <math.h>

/* ---- the memo ---- */
static bool ix_eq(const Ix *a, const Ix *b) {
  if (a->n != b->n || a->off != b->off) return false;
  for (int i = 0; i < a->n; i++)
    if (a->term[i].var != b->term[i].var || a->term[i].coef != b->term[i].coef) return false;
  return true;
}

static const Memo *memo_find(Low *lw, Val v, const AxisIx *at, Point pt) {
  for (int32_t i = lw->memo_head[v]; i >= 0; i = lw->memo.at[i].next) {
    const Memo *m = &lw->memo.at[i];
    bool same = m->pt.lanes == pt.lanes && ex_same(lw, m->pt.vmask, pt.vmask) &&
                ex_same(lw, m->pt.smask, pt.smask);
    for (int d = 0; d < m->rank && same; d++)
      same = m->at[d].lane == at[d].lane && ex_same(lw, m->at[d].dyn, at[d].dyn) &&
             ix_eq(&m->at[d].ix, &at[d].ix);
    if (same) return m;
  }
  return NULL;
}

static void memo_add(Low *lw, Val v, const AxisIx *at, Point pt, Read read) {
  int rank = low_ins(lw, v)->shape.rank;
  Memo m = {v, lw->memo_head[v], pt, rank, NULL, read};
  m.at = arena_copy(lw->arena, at, sizeof(AxisIx) * (size_t)MAX(1, rank));
  vec_push(lw->arena, &lw->memo, m);
  lw->memo_head[v] = lw->memo.n - 1;
}

void value_bind(Low *lw, Val v, const AxisIx *at, Point pt, Ex reg) {
  memo_add(lw, v, at, pt, (Read){.e = reg});
}

Block *low_enter(Low *lw, Block *inner, int32_t *mark) {
  *mark = lw->memo.n;
  return st_enter(&lw->m, inner);
}

void low_leave(Low *lw, Block *outer, int32_t mark) {
  while (lw->memo.n > mark) {
    Memo *m = &lw->memo.at[--lw->memo.n];
    lw->memo_head[m->v] = m->next;
  }
  st_leave(&lw->m, outer);
}

/* ---- indices ---- */
static void mask_point(Low *lw, Point *pt, Ex cond) {
  if (ex_always(lw, cond)) return;
  cond = ex_let(lw, cond, NULL);
  if (ex_lanes(lw, cond) > 1) pt->vmask = mask_and(lw, pt->vmask, cond), pt->by_lane = true;
  else pt->smask = mask_and(lw, pt->smask, cond);
}

/* ---- loads ---- */
static Read all_heeded(Ex e) { return (Read){e, true, true}; }

Ix low_linear(Low *lw, const Shape *s, int skip, const AxisIx *at, Dim *lane, Ex *dyn) {
  AxisIx sum = {{0}, 0, 0};
  Dim stride = 1;
  for (int d = s->rank - 1; d >= skip; d--) {
    sum = axis_add(lw, sum, &at[d], stride);
    stride = dim_mul(lw->cx, stride, s->dim[d]);
  }
  *lane = sum.lane;
  *dyn = sum.dyn;
  return sum.ix;
}

static Ex full_mask(Low *lw, Point pt) {
  if (pt.lanes == 1) return pt.smask;
  Ex s = pt.smask ? ex_splat(&lw->m, pt.smask, pt.lanes) : 0;
  if (s && pt.vmask) return low_map2(lw, OP_and, T_BOOL, s, pt.vmask);
  return s ? s : pt.vmask;
}

static Read load(Low *lw, Val v, const Shape *s, const AxisIx *at, Point pt) {
  const Place *p = &lw->place[v];
  if (p->reg >= 0) return (Read){.e = ex_reg(&lw->m, p->reg)};
  if (p->buf < 0) return (Read){0};
  Dim lane;
  Ex dyn;
  Ix ix = low_linear(lw, s, p->skip, at, &lane, &dyn);
  bool varies = lane != 0 || (dyn && ex_lanes(lw, dyn) > 1);
  if (pt.lanes > 1 && !varies) { /* the steps of the lane along several axes cancel */
    if (pt.vmask) dyn = ex_splat(&lw->m, dyn ? dyn : ex_imm_i(&lw->m, T_I32, 1, 0), pt.lanes);
    else pt = (Point){.lanes = 1, .active = 1, .smask = pt.smask};
  }
  bool moved = !dyn || ex_lanes(lw, dyn) == 1;
  if (moved && !pt.by_lane && low_strided(lane, pt.lanes, (DType)low_ins(lw, v)->type))
    return all_heeded(low_load_strided(lw, p->buf, ix, pt.lanes, lane, dyn, pt.active, pt.smask));
  return all_heeded(ex_load(&lw->m, p->buf, ix, pt.lanes, lane, dyn, full_mask(lw, pt)));
}

/* ---- the kinds ---- */
static Read read_at(Low *lw, Val v, const AxisIx *at, Point pt);

static Ex zero_unless(Low *lw, Ex cond, Ex value) {
  DType t = ex_type(lw, value);
  int lanes = MAX(ex_lanes(lw, value), ex_lanes(lw, cond));
  return low_map3(lw, OP_select, t, ex_splat(&lw->m, cond, lanes), ex_splat(&lw->m, value, lanes),
                  low_literal(lw, t, lanes, 0));
}

/* What read gives at point pt, which was `outer` before conditions were added to it: 0 where they
 * don't hold. by_lane, whole: the conditions added to either mask, 0: none. */
static Read heeding(Low *lw, Read read, Point outer, Ex by_lane, Ex whole) {
  if (by_lane && !read.by_lane) read.e = zero_unless(lw, by_lane, read.e);
  if (whole && !read.whole) read.e = zero_unless(lw, whole, read.e);
  read.by_lane |= !outer.vmask;
  read.whole |= !outer.smask;
  return read;
}

/* Index of one operand dimension of a view; adds to cond what must hold for it to be inside. */
static AxisIx view_axis(Low *lw, const Ins *in, int d, Dim extent, const AxisIx *at, Point pt,
                        Ex *cond) {
  const View *view = in->u.view;
  const ViewDim *vd = &view->dim[d];
  AxisIx a = {.ix = ix_number(vd->off)};
  for (int k = 0; k < vd->n; k++) a = axis_add(lw, a, &at[vd->term[k].label], vd->term[k].coef);
  if (vd->den != 1) {
    Cx *cx = lw->cx;
    Dim off, lane;
    bool even = !a.dyn && dim_divides(cx, a.ix.off, vd->den, &off) &&
                dim_divides(cx, a.lane, vd->den, &lane);
    IxTerm *t = NEWS(cx->arena, IxTerm, MAX(1, a.ix.n));
    for (int i = 0; i < a.ix.n && even; i++) {
      t[i].var = a.ix.term[i].var;
      even = dim_divides(cx, a.ix.term[i].coef, vd->den, &t[i].coef);
    }
    if (even) {
      a.ix = (Ix){a.ix.n, t, off};
      a.lane = lane;
    } else {
      Ex e = ex_let(lw, axis_value(lw, &a, pt.lanes), NULL);
      int lanes = ex_lanes(lw, e);
      Ex den = ex_imm_i(&lw->m, T_I32, lanes, vd->den);
      int bits = 0;
      while (bits < 30 && (int64_t)1 << bits < vd->den) bits++;
      bool power = (int64_t)1 << bits == vd->den; /* then shifting and masking round the same way */
      if (!view->exact) {
        Ex mask = ex_imm_i(&lw->m, T_I32, lanes, vd->den - 1);
        Ex rest =
            power ? low_map2(lw, OP_bitand, T_I32, e, mask) : low_map2(lw, OP_mod, T_I32, e, den);
        *cond = mask_and(lw, *cond,
                         low_map2(lw, OP_eq, T_BOOL, rest, ex_imm_i(&lw->m, T_I32, lanes, 0)));
      }
      Ex shift = ex_imm_i(&lw->m, T_I32, lanes, bits);
      e = power ? low_map2(lw, OP_shr, T_I32, e, shift) : low_map2(lw, OP_idiv, T_I32, e, den);
      a = (AxisIx){.dyn = ex_let(lw, e, NULL)};
    }
  }
  if (view->exact || view_dim_inside(lw->cx, vd, &in->shape, extent)) return a;
  if (lw->inside.view == in && lw->inside.dims >> d & 1) return a;
  Dim lo, hi;
  bool known = !a.dyn && axis_range(lw, &a, pt, &lo, &hi);
  bool above = known && dim_le(lw->cx, 0, lo) == 1;
  bool below = known && dim_le(lw->cx, dim_add(lw->cx, hi, 1), extent) == 1;
  if (above && below) return a;
  if (known &&
      (dim_le(lw->cx, dim_add(lw->cx, hi, 1), 0) == 1 || dim_le(lw->cx, extent, lo) == 1)) {
    *cond = ex_imm_i(&lw->m, T_BOOL, 1, 0);
    return a;
  }
  Ex e = ex_let(lw, axis_value(lw, &a, pt.lanes), NULL);
  int lanes = ex_lanes(lw, e);
  if (!above)
    *cond = mask_and(lw, *cond, low_map2(lw, OP_ge, T_BOOL, e, ex_imm_i(&lw->m, T_I32, lanes, 0)));
  if (!below)
    *cond = mask_and(lw, *cond, low_map2(lw, OP_lt, T_BOOL, e, ex_dim(lw, T_I32, lanes, extent)));
  return a;
}

static Read compute_view(Low *lw, const Ins *in, const AxisIx *at, Point pt) {
  const View *view = in->u.view;
  const Shape *s = &low_ins(lw, in->arg[0])->shape;
  AxisIx to[IR_MAX_RANK] = {{{0}, 0, 0}};
  Ex by_lane = 0, whole = 0;
  Point outer = pt;
  for (int d = 0; d < view->rank; d++) {
    Ex one = 0;
    to[d] = view_axis(lw, in, d, s->dim[d], at, pt, &one);
    if (ex_never(lw, one)) return all_heeded(low_literal(lw, (DType)in->type, pt.lanes, 0));
    if (!one) continue;
    Ex *cond = ex_lanes(lw, one) > 1 ? &by_lane : &whole;
    *cond = mask_and(lw, *cond, one);
    mask_point(lw, &pt, one);
  }
  return heeding(lw, read_at(lw, in->arg[0], to, pt), outer, by_lane, whole);
}

Ex value_inside(Low *lw, Val v, const AxisIx *at, Point pt) {
  AxisIx to[2][IR_MAX_RANK] = {{{{0}, 0, 0}}};
  bool stopped = false;
  for (int side = 0;; side = 1 - side) {
    const Ins *in = low_ins(lw, v);
    if (in->op == OP_stop && !stopped) { /* what a padded copy was made of */
      stopped = true;
      v = in->arg[0];
      memcpy(to[side], at, (size_t)in->shape.rank * sizeof *at);
    } else if (in->op == OP_view) {
      const Shape *s = &low_ins(lw, in->arg[0])->shape;
      Ex cond = 0;
      for (int d = 0; d < in->u.view->rank; d++) {
        Ex one = 0;
        to[side][d] = view_axis(lw, in, d, s->dim[d], at, pt, &one);
        cond = mask_and(lw, cond, one);
      }
      if (!in->u.view->exact) return cond && !ex_always(lw, cond) ? ex_let(lw, cond, NULL) : 0;
      v = in->arg[0];
    } else {
      return 0;
    }
    at = to[side];
  }
}

static Read compute_reshape(Low *lw, const Ins *in, const AxisIx *at, Point pt) {
  const Shape *from = &low_ins(lw, in->arg[0])->shape, *to = &in->shape;
  int8_t first[IR_MAX_RANK], count[IR_MAX_RANK];
  AxisIx idx[IR_MAX_RANK];
  memset(idx, 0, sizeof idx);
  if (reshape_split(lw->cx, from, to, first, count)) {
    for (int d = 0; d < from->rank; d++) {
      Dim stride = 1;
      for (int k = first[d] + count[d] - 1; k >= first[d]; k--) {
        idx[d] = axis_add(lw, idx[d], &at[k], stride);
        stride = dim_mul(lw->cx, stride, to->dim[k]);
      }
    }
    return read_at(lw, in->arg[0], idx, pt);
  }
  Val base = low_base(lw, in->arg[0]);
  if (low_stored(lw, base)) {
    Read read = load(lw, base, to, at, pt);
    if (read.e) return read;
  }
  /* the index of each axis by division */
  AxisIx sum = {{0}, 0, 0};
  Dim stride = 1;
  for (int k = to->rank - 1; k >= 0; k--) {
    sum = axis_add(lw, sum, &at[k], stride);
    stride = dim_mul(lw->cx, stride, to->dim[k]);
  }
  Ex e = ex_let(lw, axis_value(lw, &sum, pt.lanes), NULL);
  int lanes = ex_lanes(lw, e);
  for (int d = from->rank - 1; d >= 0; d--) {
    if (from->dim[d] == 1) continue;
    Ex by = ex_dim(lw, T_I32, lanes, from->dim[d]);
    idx[d].dyn = ex_let(lw, low_map2(lw, OP_mod, T_I32, e, by), NULL);
    e = ex_let(lw, low_map2(lw, OP_idiv, T_I32, e, by), NULL);
  }
  return read_at(lw, in->arg[0], idx, pt);
}

static Read compute_gather(Low *lw, const Ins *in, const AxisIx *at, Point pt) {
  const Gather *g = in->u.gather;
  const Shape *s = &low_ins(lw, in->arg[0])->shape;
  int nidx = low_ins(lw, in->arg[1])->shape.rank, rest = nidx;
  AxisIx to[IR_MAX_RANK] = {{{0}, 0, 0}};
  Ex by_lane = 0, whole = 0;
  bool varies = false;
  for (int i = 0; i < nidx; i++) varies |= axis_varies(lw, &at[i]);
  Point pi = varies ? pt : (Point){.lanes = 1, .active = 1, .smask = pt.smask};
  for (int d = 0, k = 0; d < s->rank; d++) {
    if (k == g->naxes || g->axis[k] != d) {
      to[d] = at[rest++];
      continue;
    }
    Ex i = value_reg(lw, in->arg[++k], at, pi);
    DType t = ex_type(lw, i);
    int lanes = ex_lanes(lw, i);
    Ex in1 = low_map2(lw, OP_ge, T_BOOL, i, ex_imm_i(&lw->m, t, lanes, 0));
    Ex in2 = low_map2(lw, OP_lt, T_BOOL, i, ex_dim(lw, t, lanes, s->dim[d]));
    Ex *cond = lanes > 1 ? &by_lane : &whole;
    *cond = mask_and(lw, *cond, ex_let(lw, low_map2(lw, OP_and, T_BOOL, in1, in2), NULL));
    to[d] = (AxisIx){.dyn = ex_let(lw, low_cast(lw, T_I32, i), NULL)};
  }
  Point pv = pt;
  if (by_lane) mask_point(lw, &pv, by_lane);
  if (whole) mask_point(lw, &pv, whole);
  Read read = read_at(lw, in->arg[0], to, pv);
  DType t = (DType)in->type;
  if (!type_is_float(t)) return heeding(lw, read, pt, by_lane, whole);
  Ex cond = mask_and(lw, by_lane, whole);
  int lanes = MAX(ex_lanes(lw, read.e), ex_lanes(lw, cond));
  Ex nan = ex_imm_f(&lw->m, t, lanes, NAN);
  return (Read){.e = low_map3(lw, OP_select, t, ex_splat(&lw->m, cond, lanes),
                              ex_splat(&lw->m, read.e, lanes), nan)};
}

static Ex compute_leaf(Low *lw, const Ins *in, const AxisIx *at, Point pt) {
  DType t = (DType)in->type;
  switch (in->op) {
  case OP_const:
    return type_is_float(t) ? ex_imm_f(&lw->m, t, pt.lanes, in->u.f)
                            : ex_imm_i(&lw->m, t, pt.lanes, in->u.i);
  case OP_size:
    if (dim_is_number(in->u.size)) return low_literal(lw, t, pt.lanes, (double)in->u.size);
    return ex_dim(lw, t, pt.lanes, in->u.size);
  case OP_iota: {
    Ex e = axis_value(lw, &at[0], pt.lanes);
    return ex_splat(&lw->m, low_cast(lw, t, e), pt.lanes);
  }
  default: cx_bug(lw->cx, "lowering meets %s", op_info[in->op].name);
  }
}

/* What the nest has made without a condition, read under one: in memory it may not be yet. .e is 0
 * where it has made nothing of the kind. */
static Read made_here(Low *lw, Val v, const AxisIx *at, Point pt) {
  DType t = (DType)low_ins(lw, v)->type;
  const Memo *made = memo_find(lw, v, at, (Point){.lanes = pt.lanes, .active = pt.active});
  Ex cond = full_mask(lw, pt);
  if (!made) return (Read){0};
  Ex e = made->read.e;
  return all_heeded(cond ? low_map3(lw, OP_select, t, cond, e, low_literal(lw, t, pt.lanes, 0))
                         : e);
}

static Read anchor_here(Low *lw, Val v, const AxisIx *at, Point pt) {
  Read read = made_here(lw, v, at, pt);
  if (!read.e)
    cx_bug(lw->cx, "%s %%%d is wanted where it isn't stored", op_info[low_ins(lw, v)->op].name, v);
  return read;
}

static Ex compute_map(Low *lw, const Ins *in, const AxisIx *at, Point pt) {
  Ex arg[3];
  int known = in->type == T_BOOL ? known_comparison(lw, in, at, pt) : -1;
  if (known >= 0) return ex_imm_i(&lw->m, T_BOOL, pt.lanes, known);
  for (int i = 0; i < in->nargs; i++) {
    if (i == 1 && in->op == OP_select && ex_is_literal(lw, arg[0])) /* the other isn't looked at */
      return value_at(lw, in->arg[ex_always(lw, arg[0]) ? 1 : 2], at, pt);
    arg[i] = value_at(lw, in->arg[i], at, pt);
  }
  return low_map(lw, in->op, (DType)in->type, arg, in->nargs);
}

static Read compute(Low *lw, Val v, const AxisIx *at, Point pt) {
  const Ins *in = low_ins(lw, v);
  switch (op_kind(in->op)) {
  case KIND_MAP: return (Read){.e = compute_map(lw, in, at, pt)};
  case KIND_FOLD:
  case KIND_DOT:
    if (slim_holds(lw, v)) return (Read){.e = slim_anchor(lw, v, at, pt)};
    return anchor_here(lw, v, at, pt);
  case KIND_LEAF: return (Read){.e = compute_leaf(lw, in, at, pt)};
  default: break;
  }
  switch (in->op) {
  case OP_view: return compute_view(lw, in, at, pt);
  case OP_reshape: return compute_reshape(lw, in, at, pt);
  case OP_gather: return compute_gather(lw, in, at, pt);
  default: cx_bug(lw->cx, "%s %%%d is wanted where it isn't stored", op_info[in->op].name, v);
  }
}

enum {
  HIGHEST = 200
}; /* expressions are walked and printed as trees, whose stack is not endless */

/* own: v itself is being made here, so it isn't read from its place. */
static Read value_of(Low *lw, Val v, const AxisIx *at, Point pt, bool own, bool let) {
  const Ins *in = low_ins(lw, v);
  Read read = {0};
  if (pt.lanes > 1) {
    bool varies = false;
    for (int d = 0; d < in->shape.rank; d++) varies |= axis_varies(lw, &at[d]);
    if (!varies) { /* once for all lanes, so under no mask by lane */
      Point one = {.lanes = 1, .active = 1, .smask = pt.smask};
      read = value_of(lw, v, at, one, own, let);
      read.by_lane = !pt.vmask;
      read.e = ex_splat(&lw->m, read.e, pt.lanes);
      return read;
    }
  }
  const Memo *known = memo_find(lw, v, at, pt);
  if (known) {
    read = known->read;
    read.e = ex_splat(&lw->m, read.e, pt.lanes);
    return read;
  }
  if (lw->slim >= 0) own |= slim_holds(lw, v), let |= op_kind(in->op) != KIND_LEAF;
  if (!own && low_stored(lw, v)) {
    read = made_here(lw, v, at, pt);
    if (!read.e) read = load(lw, v, &in->shape, at, pt);
  }
  if (!read.e) read = compute(lw, v, at, pt);
  read.by_lane |= !pt.vmask;
  read.whole |= !pt.smask;
  let |= lw->place[v].uses > 1 || lw->m.k->ex.at[read.e].height > HIGHEST;
  if (let && in->op != OP_const) {
    read.e = ex_let(lw, read.e, in->hint);
    memo_add(lw, v, at, pt, read);
  }
  read.e = ex_splat(&lw->m, read.e, pt.lanes);
  return read;
}

static Read read_at(Low *lw, Val v, const AxisIx *at, Point pt) {
  return value_of(lw, v, at, pt, false, false);
}
Ex value_at(Low *lw, Val v, const AxisIx *at, Point pt) { return read_at(lw, v, at, pt).e; }
Ex value_reg(Low *lw, Val v, const AxisIx *at, Point pt) {
  return ex_let(lw, value_of(lw, v, at, pt, false, true).e, NULL);
}
Ex value_own(Low *lw, Val v, const AxisIx *at, Point pt) {
  return ex_let(lw, value_of(lw, v, at, pt, true, true).e, NULL);
}
