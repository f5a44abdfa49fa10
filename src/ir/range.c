/* range.c: what values an integer tensor can have, as far as its instructions tell: counters,
 * sizes, numbers and what is computed from them. In: a value. Out: bounds, which are sizes. So
 * indices that are surely inside need no check when the program runs. */
#include "ir/build.h"

typedef struct Range {
  Dim lo, hi;
} Range;

enum { MAX_DEPTH = 24 };

static bool range_of(const Fn *f, Val v, int depth, Range *r);

static bool at_most(const Fn *f, Dim a, Dim b) { return dim_le(f->cx, a, b) == 1; }

static bool join(const Fn *f, Range a, Range b, Range *r) {
  bool lo = at_most(f, a.lo, b.lo), hi = at_most(f, b.hi, a.hi);
  if ((!lo && !at_most(f, b.lo, a.lo)) || (!hi && !at_most(f, a.hi, b.hi))) return false;
  *r = (Range){lo ? a.lo : b.lo, hi ? a.hi : b.hi};
  return true;
}

/* Both, or one of them where that is known to be the smaller (larger) always. */
static bool of_min_max(const Fn *f, Op op, const bool *known, const Range *a, Range *r) {
  if (!known[0] || !known[1]) return false;
  bool lo = at_most(f, a[0].lo, a[1].lo), hi = at_most(f, a[0].hi, a[1].hi);
  if ((!lo && !at_most(f, a[1].lo, a[0].lo)) || (!hi && !at_most(f, a[1].hi, a[0].hi)))
    return false;
  bool min = op == OP_min;
  *r = (Range){a[lo == min ? 0 : 1].lo, a[hi == min ? 0 : 1].hi};
  return true;
}

static bool of_map(const Fn *f, const Ins *in, int depth, Range *r) {
  Range a[3];
  bool known[3];
  for (int i = 0; i < in->nargs; i++) known[i] = range_of(f, in->arg[i], depth + 1, &a[i]);
  switch ((Op)in->op) {
  case OP_cast: *r = a[0]; return known[0] && type_is_int((DType)fn_ins(f, in->arg[0])->type);
  case OP_add:
    if (!known[0] || !known[1]) return false;
    *r = (Range){dim_add(f->cx, a[0].lo, a[1].lo), dim_add(f->cx, a[0].hi, a[1].hi)};
    return true;
  case OP_sub:
    if (!known[0] || !known[1]) return false;
    *r = (Range){dim_sub(f->cx, a[0].lo, a[1].hi), dim_sub(f->cx, a[0].hi, a[1].lo)};
    return true;
  case OP_idiv:
    if (!known[0] || !known[1] || a[1].lo != a[1].hi || !dim_is_number(a[1].lo) || a[1].lo < 1)
      return false;
    *r = (Range){dim_floor_div(f->cx, a[0].lo, a[1].lo), dim_floor_div(f->cx, a[0].hi, a[1].lo)};
    return true;
  case OP_mod:
    if (!known[1] || !at_most(f, 1, a[1].lo)) return false;
    *r = (Range){0, dim_sub(f->cx, a[1].hi, 1)};
    return true;
  case OP_bitand:
    if (!known[1] || a[1].lo != a[1].hi || !at_most(f, 0, a[1].lo)) return false;
    *r = (Range){0, a[1].hi};
    return true;
  case OP_min:
  case OP_max: return of_min_max(f, (Op)in->op, known, a, r);
  case OP_select: return known[1] && known[2] && join(f, a[1], a[2], r);
  case OP_bounded: /* else the program has gone wrong already */
    if (!known[1]) return false;
    *r = (Range){0, dim_sub(f->cx, a[1].hi, 1)};
    return true;
  default: return false;
  }
}

static bool range_of(const Fn *f, Val v, int depth, Range *r) {
  const Ins *in = fn_ins(f, v);
  if (depth > MAX_DEPTH || in->type == T_BUNDLE || !type_is_int((DType)in->type)) return false;
  switch ((Op)in->op) {
  case OP_const: *r = (Range){in->u.i, in->u.i}; return true;
  case OP_size: *r = (Range){in->u.size, in->u.size}; return true;
  case OP_iota: *r = (Range){0, dim_sub(f->cx, in->shape.dim[0], 1)}; return true;
  case OP_reshape: return range_of(f, in->arg[0], depth + 1, r);
  case OP_view: /* 0 where it reads outside */
    if (!range_of(f, in->arg[0], depth + 1, r)) return false;
    return in->u.view->exact || join(f, *r, (Range){0, 0}, r);
  default: return op_kind((Op)in->op) == KIND_MAP && of_map(f, in, depth, r);
  }
}

bool ir_index_below(const Fn *f, Val index, Dim extent) {
  Range i;
  return range_of(f, index, 0, &i) && at_most(f, 0, i.lo) &&
         at_most(f, dim_add(f->cx, i.hi, 1), extent);
}

bool ir_indices_inside(const Fn *f, const Ins *in) {
  const Gather *g = in->u.gather;
  const Shape *full = in->op == OP_gather ? &fn_ins(f, in->arg[0])->shape : &g->full;
  for (int i = 0; i < g->naxes; i++)
    if (!ir_index_below(f, in->arg[i + 1], full->dim[g->axis[i]])) return false;
  return true;
}

bool ir_index_inside(const Fn *f, Val index, Val extent) {
  Range i, n;
  return range_of(f, index, 0, &i) && range_of(f, extent, 0, &n) && at_most(f, 0, i.lo) &&
         at_most(f, dim_add(f->cx, i.hi, 1), n.lo);
}
