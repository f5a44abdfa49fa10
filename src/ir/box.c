/* box.c: which elements of a tensor a step changes. In: a value that is made of another tensor of
 * its shape, element by element, and differs from it only where conditions on the indices hold: `if
 * i == k then x else old`, windows, triangles, sums with what is 0 elsewhere. Out: boxes of indices
 * outside of which the two are equal.
 *
 * A box may be larger than what changes, never smaller: a condition that isn't understood limits
 * nothing. A limit compares the index along one axis with what is known before that axis is walked:
 * numbers, sizes, values of rank 0, indices of axes further out. Integers of 32 bits wrap in the
 * program, and limits are computed with 64; so a comparison counts as it stands (an index, perhaps
 * shifted by a number, against one value), and equalities also with terms on both sides, for
 * which it is enough that both are equal modulo 2^32. */
#include "ir/box.h"

enum { MOST_DEPTH = 24, FAR = 1 << 20 /* no index goes around the end of its type by so much */ };

typedef struct Lin { /* off + sum coef[axis] * index + sum times * scalar */
  Dim off;
  int64_t coef[IR_MAX_RANK];
  int n;
  Val scalar[MOST_SCALARS];
  int64_t times[MOST_SCALARS];
  bool mixed; /* arithmetic with scalars: it may wrap */
} Lin;

typedef struct Find {
  const Fn *f;
  int rank;
  double number;
} Find;

/* ---- integers that follow the indices ---- */
static bool lin_add(Cx *cx, Lin *a, const Lin *b, int64_t by) {
  a->off = dim_add(cx, a->off, dim_mul(cx, b->off, by));
  a->mixed |= b->mixed;
  for (int d = 0; d < IR_MAX_RANK; d++) a->coef[d] += b->coef[d] * by;
  for (int i = 0; i < b->n; i++) {
    int k = 0;
    while (k < a->n && a->scalar[k] != b->scalar[i]) k++;
    if (k == MOST_SCALARS) return false;
    if (k == a->n) a->scalar[a->n++] = b->scalar[i], a->times[k] = 0;
    a->times[k] += b->times[i] * by;
  }
  return true;
}

/* The indices at which the view reads its operand. */
static bool below_view(const Find *x, const Ins *in, const Lin *at, Lin *to) {
  const View *view = in->u.view;
  if (!view->exact) return false;
  for (int d = 0; d < view->rank; d++) {
    const ViewDim *vd = &view->dim[d];
    to[d] = (Lin){.off = vd->off};
    if (vd->den != 1) return false;
    for (int t = 0; t < vd->n; t++) {
      Dim c = vd->term[t].coef;
      if (!dim_is_number(c) || c > INT32_MAX || c < -INT32_MAX) return false;
      if (!lin_add(x->f->cx, &to[d], &at[vd->term[t].label], c)) return false;
    }
  }
  return true;
}

static bool is_index_type(DType t) { return t == T_I32 || t == T_I64; }

static bool lin_of(const Find *x, Val v, const Lin *at, int depth, Lin *out) {
  const Ins *in = fn_ins(x->f, v);
  Lin a, to[IR_MAX_RANK];
  *out = (Lin){.n = 0};
  if (depth > MOST_DEPTH || in->type == T_BUNDLE || !is_index_type((DType)in->type)) return false;
  switch (in->op) {
  case OP_const: out->off = in->u.i; return in->u.i <= FAR && in->u.i >= -FAR;
  case OP_size: out->off = in->u.size; return true;
  case OP_iota: *out = at[0]; return true;
  default: break;
  }
  if (in->shape.rank == 0) {
    *out = (Lin){.n = 1, .scalar = {v}, .times = {1}};
    return true;
  }
  switch (in->op) {
  case OP_view: return below_view(x, in, at, to) && lin_of(x, in->arg[0], to, depth + 1, out);
  case OP_stop: return lin_of(x, in->arg[0], at, depth + 1, out);
  case OP_cast:
    if (!lin_of(x, in->arg[0], at, depth + 1, out)) return false;
    return in->type == T_I64 ? !out->mixed : out->n == 0 || fn_ins(x->f, in->arg[0])->type == T_I32;
  case OP_neg:
  case OP_add:
  case OP_sub: {
    bool one = in->op == OP_neg;
    if (!lin_of(x, in->arg[0], at, depth + 1, &a)) return false;
    if (!lin_add(x->f->cx, out, &a, one ? -1 : 1)) return false;
    if (!one && !(lin_of(x, in->arg[1], at, depth + 1, &a) &&
                  lin_add(x->f->cx, out, &a, in->op == OP_sub ? -1 : 1)))
      return false;
    out->mixed |= out->n > 0;
    return true;
  }
  default: return false;
  }
}

/* ---- limits ---- */
static int innermost(const Lin *l) {
  for (int d = IR_MAX_RANK - 1; d >= 0; d--)
    if (l->coef[d]) return d;
  return -1;
}

static bool limit_of(const Find *x, const Ins *in, const Lin *at, bool want, Limit *out) {
  Lin a, b;
  Op op = want ? (Op)in->op : op_opposite((Op)in->op);
  if (op == OP_ne || !lin_of(x, in->arg[0], at, 0, &a) || !lin_of(x, in->arg[1], at, 0, &b))
    return false;
  bool mixed = a.mixed || b.mixed || (a.n && b.n) || (a.n && innermost(&a) >= 0) ||
               (b.n && innermost(&b) >= 0);
  if (mixed && op != OP_eq) return false;
  if (!lin_add(x->f->cx, &a, &b, -1)) return false;
  int axis = innermost(&a);
  if (axis < 0 || (a.coef[axis] != 1 && a.coef[axis] != -1)) return false;
  int64_t sign = -a.coef[axis]; /* the rest goes to the other side */
  *out = (Limit){.op = a.coef[axis] > 0 ? op : op_turned(op),
                 .axis = axis,
                 .off = dim_mul(x->f->cx, a.off, sign),
                 .n = a.n,
                 .wraps = mixed && fn_ins(x->f, in->arg[0])->type == T_I32};
  for (int d = 0; d < axis; d++) out->coef[d] = a.coef[d] * sign;
  for (int i = 0; i < a.n; i++) out->scalar[i] = a.scalar[i], out->times[i] = a.times[i] * sign;
  return true;
}

/* ---- boxes ---- */
static void everywhere(Boxes *b, bool exact) {
  b->n = 1;
  b->box[0] = (Box){.exact = exact};
}

static void boxes_or(Boxes *a, const Boxes *b) {
  if (a->n + b->n > MOST_BOXES) {
    everywhere(a, false);
    return;
  }
  for (int i = 0; i < b->n; i++) a->box[a->n++] = b->box[i];
}

static Box box_and(const Box *a, const Box *b) {
  Box r = *a;
  r.exact &= b->exact;
  for (int i = 0; i < b->n; i++) {
    if (r.n == MOST_LIMITS) r.exact = false;
    else r.limit[r.n++] = b->limit[i];
  }
  for (int i = 0; i < b->nguards; i++) {
    if (r.nguards == MOST_GUARDS) r.exact = false;
    else r.guard[r.nguards] = b->guard[i], r.want[r.nguards++] = b->want[i];
  }
  return r;
}

static void boxes_and(Boxes *a, const Boxes *b) {
  Boxes r = {.n = 0};
  if (a->n * b->n > MOST_BOXES) { /* either holds all there is */
    for (int i = 0; i < a->n; i++) a->box[i].exact = false;
    return;
  }
  for (int i = 0; i < a->n; i++)
    for (int k = 0; k < b->n; k++) r.box[r.n++] = box_and(&a->box[i], &b->box[k]);
  *a = r;
}

static bool is_comparison(Op op) {
  return op == OP_lt || op == OP_le || op == OP_gt || op == OP_ge || op == OP_eq || op == OP_ne;
}

/* Where truth value v, looked at at the indices `at`, may be `want`. */
static void where(const Find *x, Val v, const Lin *at, bool want, int depth, Boxes *out) {
  const Ins *in = fn_ins(x->f, v);
  Boxes b;
  Lin to[IR_MAX_RANK];
  everywhere(out, false);
  if (depth > MOST_DEPTH) return;
  if (in->op == OP_const) {
    everywhere(out, true);
    if ((in->u.i != 0) != want) out->n = 0;
  } else if (in->shape.rank == 0) {
    everywhere(out, true);
    out->box[0].guard[0] = v;
    out->box[0].want[0] = want;
    out->box[0].nguards = 1;
  } else if (in->op == OP_not || in->op == OP_stop) {
    where(x, in->arg[0], at, want == (in->op == OP_stop), depth + 1, out);
  } else if (in->op == OP_view) {
    if (below_view(x, in, at, to)) where(x, in->arg[0], to, want, depth + 1, out);
  } else if (in->op == OP_and || in->op == OP_or) {
    where(x, in->arg[0], at, want, depth + 1, out);
    where(x, in->arg[1], at, want, depth + 1, &b);
    if ((in->op == OP_and) == want) boxes_and(out, &b);
    else boxes_or(out, &b);
  } else if (is_comparison((Op)in->op)) {
    Box *one = &out->box[0];
    one->exact = limit_of(x, in, at, want, &one->limit[0]);
    one->n = one->exact;
  }
}

/* Where v may be anything but x->number. */
static void where_not(const Find *x, Val v, const Lin *at, int depth, Boxes *out) {
  const Ins *in = fn_ins(x->f, v);
  Boxes b, c;
  Lin to[IR_MAX_RANK];
  everywhere(out, false);
  if (depth > MOST_DEPTH) return;
  if (ins_is_splat(in, x->number)) {
    out->n = 0;
  } else if (in->op == OP_view) {
    if (below_view(x, in, at, to)) where_not(x, in->arg[0], to, depth + 1, out);
  } else if (in->shape.rank == 0) { /* one value, whatever it is */
    return;
  } else if (in->op == OP_neg && x->number == 0) {
    where_not(x, in->arg[0], at, depth + 1, out);
  } else if (in->op == OP_select) {
    out->n = 0;
    for (int k = 1; k <= 2; k++) {
      where_not(x, in->arg[k], at, depth + 1, &b);
      if (!b.n) continue;
      where(x, in->arg[0], at, k == 1, 0, &c);
      boxes_and(&b, &c);
      boxes_or(out, &b);
    }
  }
}

/* ---- updates ---- */
static double share_of(const Find *x, const Box *b, const Shape *s) {
  double share = 1;
  for (int d = 0; d < x->rank; d++) {
    double n = MAX(1.0, (double)dim_expected(x->f->cx, s->dim[d], 0)), lo = 0, hi = n;
    bool point = false, above = false, below = false; /* by what the program computes */
    for (int i = 0; i < b->n; i++) {
      const Limit *l = &b->limit[i];
      bool number = !l->n && dim_is_number(l->off);
      for (int k = 0; k < l->axis; k++) number &= !l->coef[k];
      bool up = l->op == OP_ge || l->op == OP_gt;
      if (l->axis != d) continue;
      if (l->op == OP_eq) point = true;
      else if (number && up) lo = MAX(lo, (double)l->off);
      else if (number) hi = MIN(hi, (double)l->off + 1);
      else *(up ? &above : &below) = true;
    }
    double part = MAX(0, hi - lo) / n;
    share *= point ? 1 / n : part * (above && below ? 0.25 : above || below ? 0.5 : 1);
  }
  return share;
}

double boxes_share(const Fn *f, const Shape *s, const Boxes *b) {
  Find x = {f, s->rank, 0};
  double share = 0;
  for (int i = 0; i < b->n; i++) share += share_of(&x, &b->box[i], s);
  return MIN(1, share);
}

static bool is_limited(const Boxes *b) {
  for (int i = 0; i < b->n; i++)
    if (!b->box[i].n && !b->box[i].nguards) return false;
  return true;
}

/* From v down to base: *boxes gets where they differ. */
static bool differs(const Find *x, Val v, Val base, const Lin *at, int depth, Boxes *boxes) {
  const Ins *in = fn_ins(x->f, v);
  Boxes b;
  boxes->n = 0;
  if (v == base) return true;
  if (v < base || depth > MOST_DEPTH || !shape_eq(&in->shape, &fn_ins(x->f, base)->shape))
    return false;
  int first = in->op == OP_select, last = in->op == OP_sub ? 0 : first + 1;
  if (!first && in->op != OP_add && in->op != OP_sub) return false;
  for (int k = last; k >= first; k--) {
    if (!differs(x, in->arg[k], base, at, depth + 1, boxes)) continue;
    if (first) where(x, in->arg[0], at, k == 2, 0, &b);
    else where_not(x, in->arg[1 - k], at, 0, &b);
    boxes_or(boxes, &b);
    return is_limited(boxes);
  }
  return false;
}

bool update_of(const Fn *f, Val v, Val base, Update *u) {
  const Ins *in = fn_ins(f, v);
  Find x = {f, in->shape.rank, 0};
  Lin at[IR_MAX_RANK] = {{.n = 0}};
  if (v == base || in->shape.rank == 0 || op_kind((Op)in->op) != KIND_MAP) return false;
  for (int d = 0; d < x.rank; d++) at[d].coef[d] = 1;
  *u = (Update){.base = base, .v = v, .x = v};
  if (!differs(&x, v, base, at, 0, &u->where)) return false;
  for (int i = 0; i < u->where.n; i++) {
    const Box *b = &u->where.box[i];
    u->share += share_of(&x, b, &in->shape);
    u->whole |= !b->n;
  }
  bool one = in->op == OP_select && u->where.n == 1 && u->where.box[0].exact;
  if (one && in->arg[2] == base) u->x = in->arg[1];
  else if (one && in->arg[1] == base) u->x = in->arg[2];
  return true;
}

void where_other(const Fn *f, Val v, double number, Boxes *out) {
  Find x = {f, fn_ins(f, v)->shape.rank, number};
  Lin at[IR_MAX_RANK] = {{.n = 0}};
  for (int d = 0; d < x.rank; d++) at[d].coef[d] = 1;
  where_not(&x, v, at, 0, out);
}
