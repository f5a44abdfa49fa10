/* range.c: what values an integer tensor can have, as far as its instructions tell: counters,
 * sizes, numbers and what is computed from them, also by way of floats (floor(clip(y, 0, 254.9))).
 * In: a value. Out: bounds, which are sizes. So indices that are surely inside need no check when
 * the program runs. */
#include "ir/build.h"

#include <float.h>
#include <math.h>

/* No end: nothing is known of it. */
typedef struct Range {
  Dim lo, hi;
  bool has_lo, has_hi;
} Range;

typedef struct Reals { /* NaN may be among them */
  double lo, hi;
} Reals;

typedef struct Find {
  const Fn *f;
  int left; /* instructions that may still be looked at: values share operands */
} Find;

enum { MOST_LOOKED_AT = 200 };
static const Range unknown = {0};
static const Reals all_reals = {-INFINITY, INFINITY};

static Range range_of(Find *x, Val v);
static Reals reals_of(Find *x, Val v);

static Range between(Dim lo, Dim hi) { return (Range){lo, hi, true, true}; }
static bool is_known(const Range *r) { return r->has_lo && r->has_hi; }
static bool at_most(const Find *x, Dim a, Dim b) { return dim_le(x->f->cx, a, b) == 1; }

/* ---- ends ---- */
static bool smaller(const Find *x, Dim a, Dim b, Dim *out) {
  *out = at_most(x, a, b) ? a : b;
  return at_most(x, *out, a) && at_most(x, *out, b);
}

static bool larger(const Find *x, Dim a, Dim b, Dim *out) {
  *out = at_most(x, a, b) ? b : a;
  return at_most(x, a, *out) && at_most(x, b, *out);
}

static Range join(const Find *x, Range a, Range b) {
  Range r = {0};
  r.has_lo = a.has_lo && b.has_lo && smaller(x, a.lo, b.lo, &r.lo);
  r.has_hi = a.has_hi && b.has_hi && larger(x, a.hi, b.hi, &r.hi);
  return r;
}

/* The upper end of either holds for the smaller one; its lower end needs both. */
static Range range_of_min(const Find *x, Range a, Range b) {
  Range r = {0};
  r.has_lo = a.has_lo && b.has_lo && smaller(x, a.lo, b.lo, &r.lo);
  r.has_hi = a.has_hi || b.has_hi;
  if (!a.has_hi) r.hi = b.hi;
  else if (!b.has_hi || !smaller(x, a.hi, b.hi, &r.hi)) r.hi = a.hi;
  return r;
}

static Range negative(const Find *x, Range a) {
  Cx *cx = x->f->cx;
  return (Range){dim_sub(cx, 0, a.hi), dim_sub(cx, 0, a.lo), a.has_hi, a.has_lo};
}

static void limits_of(DType t, double *lo, double *hi) {
  *lo = t == T_U8 || t == T_BOOL ? 0 : t == T_I32 ? INT32_MIN : -(double)DIM_MAX_NUMBER;
  *hi = t == T_BOOL ? 1 : t == T_U8 ? UINT8_MAX : t == T_I32 ? INT32_MAX : (double)DIM_MAX_NUMBER;
}

/* What is computed in type t is that unless it wraps; sizes are as small as indices have to be. */
static Range unwrapped(DType t, Range r) {
  double lo, hi;
  limits_of(t, &lo, &hi);
  bool low = r.has_lo && dim_is_number(r.lo) && (double)r.lo < lo;
  bool high = r.has_hi && dim_is_number(r.hi) && (double)r.hi > hi;
  return low || high || !is_known(&r) ? unknown : r;
}

/* ---- integers ---- */
static Range product(const Find *x, Range a, Range b) {
  Cx *cx = x->f->cx;
  const Dim end[4] = {a.lo, a.hi, b.lo, b.hi};
  if (!is_known(&a) || !is_known(&b) || !at_most(x, 0, a.lo) || !at_most(x, 0, b.lo))
    return unknown;
  for (int i = 0; i < 4; i++)
    if (dim_is_number(end[i]) && end[i] > INT16_MAX) return unknown;
  return between(dim_mul(cx, a.lo, b.lo), dim_mul(cx, a.hi, b.hi));
}

static Range quotient(const Find *x, Range a, Range b) {
  if (!is_known(&b) || b.lo != b.hi || !dim_is_number(b.lo) || b.lo < 1) return unknown;
  Range r = a;
  if (a.has_lo) r.lo = dim_floor_div(x->f->cx, a.lo, b.lo);
  if (a.has_hi) r.hi = dim_floor_div(x->f->cx, a.hi, b.lo);
  return r;
}

/* Truncation and saturation keep order; NaN becomes 0. */
static Range of_reals(const Find *x, DType t, Reals r) {
  double lo, hi;
  limits_of(t, &lo, &hi);
  if (t == T_I64 && (r.lo < lo || r.hi > hi)) return unknown;
  Dim least = (Dim)fmin(fmax(lo, trunc(r.lo)), hi), most = (Dim)fmin(fmax(lo, trunc(r.hi)), hi);
  return join(x, between(least, most), between(0, 0));
}

static Range of_cast(Find *x, const Ins *in) {
  DType from = (DType)fn_ins(x->f, in->arg[0])->type;
  if (type_is_float(from)) return of_reals(x, (DType)in->type, reals_of(x, in->arg[0]));
  Range r = range_of(x, in->arg[0]);
  return in->type == T_I64 || from == (DType)in->type ? r : unwrapped((DType)in->type, r);
}

static Range of_map(Find *x, const Ins *in) {
  Cx *cx = x->f->cx;
  Range a[3] = {0};
  if (in->op == OP_cast) return of_cast(x, in);
  for (int i = in->op == OP_select; i < in->nargs; i++) a[i] = range_of(x, in->arg[i]);
  bool both = is_known(&a[0]) && is_known(&a[1]);
  switch ((Op)in->op) {
  case OP_add:
    if (!both) return unknown;
    return unwrapped(in->type,
                     between(dim_add(cx, a[0].lo, a[1].lo), dim_add(cx, a[0].hi, a[1].hi)));
  case OP_sub:
    if (!both) return unknown;
    return unwrapped(in->type,
                     between(dim_sub(cx, a[0].lo, a[1].hi), dim_sub(cx, a[0].hi, a[1].lo)));
  case OP_neg: return is_known(&a[0]) ? unwrapped(in->type, negative(x, a[0])) : unknown;
  case OP_mul: return unwrapped(in->type, product(x, a[0], a[1]));
  case OP_idiv: return quotient(x, a[0], a[1]);
  case OP_mod:
    if (!is_known(&a[1]) || !at_most(x, 1, a[1].lo)) return unknown;
    return between(0, dim_sub(cx, a[1].hi, 1));
  case OP_bitand:
    if (!is_known(&a[1]) || a[1].lo != a[1].hi || !at_most(x, 0, a[1].lo)) return unknown;
    return between(0, a[1].hi);
  case OP_min: return range_of_min(x, a[0], a[1]);
  case OP_max: return negative(x, range_of_min(x, negative(x, a[0]), negative(x, a[1])));
  case OP_select: return join(x, a[1], a[2]);
  case OP_bounded: /* else the program has gone wrong already */
    return is_known(&a[1]) ? between(0, dim_sub(cx, a[1].hi, 1)) : unknown;
  default: return unknown;
  }
}

static Range range_of(Find *x, Val v) {
  const Ins *in = fn_ins(x->f, v);
  if (in->type == T_BUNDLE || type_is_float((DType)in->type) || x->left-- <= 0) return unknown;
  if (in->type == T_BOOL) return between(0, 1);
  Range r = unknown;
  switch ((Op)in->op) {
  case OP_const:
    return in->u.i < -DIM_MAX_NUMBER || in->u.i > DIM_MAX_NUMBER ? unknown
                                                                 : between(in->u.i, in->u.i);
  case OP_size: return between(in->u.size, in->u.size);
  case OP_iota: return between(0, dim_sub(x->f->cx, in->shape.dim[0], 1));
  case OP_stop:
  case OP_reshape: return range_of(x, in->arg[0]);
  case OP_view: /* 0 where it reads outside */
    r = range_of(x, in->arg[0]);
    return in->u.view->exact ? r : join(x, r, between(0, 0));
  case OP_gather: return join(x, range_of(x, in->arg[0]), between(0, 0));
  default: break;
  }
  if (op_kind((Op)in->op) == KIND_MAP) r = of_map(x, in);
  if (in->type == T_U8 && !is_known(&r)) r = between(0, UINT8_MAX);
  return r;
}

/* ---- floats ----
 * Rounded operations keep order, so the rounded ends hold for what is between them. But programs
 * are rewritten, and products are added without being rounded first: ends of sums and products are
 * some units further out. */
enum { SPARE_UNITS = 8 };

static double rounded(DType t, double v) { return t == T_F32 ? (double)(float)v : v; }

static Reals real_ends(DType t, double lo, double hi) {
  if (isnan(lo) || isnan(hi)) return all_reals;
  return (Reals){rounded(t, lo), rounded(t, hi)};
}

static Reals computed(DType t, double lo, double hi) {
  double unit = SPARE_UNITS * (t == T_F32 ? (double)FLT_EPSILON : DBL_EPSILON);
  return real_ends(t, lo - fabs(lo) * unit, hi + fabs(hi) * unit);
}

static Reals from_integers(DType t, Range r) {
  bool lo = r.has_lo && dim_is_number(r.lo), hi = r.has_hi && dim_is_number(r.hi);
  return real_ends(t, lo ? (double)r.lo : -INFINITY, hi ? (double)r.hi : INFINITY);
}

static Reals real_product(DType t, Reals a, Reals b) {
  double p[4] = {a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi}, lo = p[0], hi = p[0];
  for (int i = 0; i < 4; i++) {
    if (isnan(p[i])) return all_reals; /* 0 * inf */
    lo = fmin(lo, p[i]), hi = fmax(hi, p[i]);
  }
  return computed(t, lo, hi);
}

static Reals reals_of_map(Find *x, const Ins *in) {
  DType t = (DType)in->type, from = (DType)fn_ins(x->f, in->arg[0])->type;
  if (in->op == OP_cast && !type_is_float(from)) return from_integers(t, range_of(x, in->arg[0]));
  Reals a[3];
  for (int i = in->op == OP_select; i < in->nargs; i++) a[i] = reals_of(x, in->arg[i]);
  switch ((Op)in->op) {
  case OP_cast: return real_ends(t, a[0].lo, a[0].hi);
  case OP_stop: return a[0];
  case OP_neg: return (Reals){-a[0].hi, -a[0].lo};
  case OP_abs: return a[0].lo >= 0 ? a[0] : (Reals){fmax(0, -a[0].hi), fmax(-a[0].lo, a[0].hi)};
  case OP_add: return computed(t, a[0].lo + a[1].lo, a[0].hi + a[1].hi);
  case OP_sub: return computed(t, a[0].lo - a[1].hi, a[0].hi - a[1].lo);
  case OP_mul: return real_product(t, a[0], a[1]);
  case OP_min: return (Reals){fmin(a[0].lo, a[1].lo), fmin(a[0].hi, a[1].hi)};
  case OP_max: return (Reals){fmax(a[0].lo, a[1].lo), fmax(a[0].hi, a[1].hi)};
  case OP_floor: return (Reals){floor(a[0].lo), floor(a[0].hi)};
  case OP_ceil: return (Reals){ceil(a[0].lo), ceil(a[0].hi)};
  case OP_round: return (Reals){rint(a[0].lo), rint(a[0].hi)};
  case OP_select: return (Reals){fmin(a[1].lo, a[2].lo), fmax(a[1].hi, a[2].hi)};
  default: return all_reals;
  }
}

static Reals reals_of(Find *x, Val v) {
  const Ins *in = fn_ins(x->f, v);
  if (in->type == T_BUNDLE || x->left-- <= 0) return all_reals;
  Reals r;
  switch ((Op)in->op) {
  case OP_const: return real_ends((DType)in->type, in->u.f, in->u.f);
  case OP_size: return from_integers((DType)in->type, between(in->u.size, in->u.size));
  case OP_reshape: return reals_of(x, in->arg[0]);
  case OP_view:
    r = reals_of(x, in->arg[0]);
    return in->u.view->exact ? r : (Reals){fmin(r.lo, 0), fmax(r.hi, 0)};
  case OP_iota:
    return from_integers((DType)in->type, between(0, dim_sub(x->f->cx, in->shape.dim[0], 1)));
  default: return op_kind((Op)in->op) == KIND_MAP ? reals_of_map(x, in) : all_reals;
  }
}

/* ---- asked for indices ---- */
static Range indices(const Fn *f, Val v) {
  Find x = {f, MOST_LOOKED_AT};
  return range_of(&x, v);
}

bool ir_index_below(const Fn *f, Val index, Dim extent) {
  Range i = indices(f, index);
  return is_known(&i) && dim_le(f->cx, 0, i.lo) == 1 &&
         dim_le(f->cx, dim_add(f->cx, i.hi, 1), extent) == 1;
}

bool ir_indices_inside(const Fn *f, const Ins *in) {
  const Gather *g = in->u.gather;
  const Shape *full = in->op == OP_gather ? &fn_ins(f, in->arg[0])->shape : &g->full;
  for (int i = 0; i < g->naxes; i++)
    if (!ir_index_below(f, in->arg[i + 1], full->dim[g->axis[i]])) return false;
  return true;
}

bool ir_index_inside(const Fn *f, Val index, Val extent) {
  Range n = indices(f, extent);
  return n.has_lo && ir_index_below(f, index, n.lo);
}
