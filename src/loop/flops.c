/* flops.c: the arithmetic a function whose sizes are numbers asks for: what bench divides by time.
 *
 * An instruction's cost is that of ir/cost.h, but where less than all of its elements are asked for
 * it counts by its share: below a reduction over a triangle those inside, and of a carried tensor
 * of which a step replaces a row, that row. Arithmetic of indices and choices by them, as of a mask
 * or a concatenation, count nothing. A loop counts the steps it does on average where its number of
 * steps follows from the variables of loops around it. */
#include "ir/cost.h"
#include "loop/lower.h"

#include <math.h>

/* ---- what is linear in indices ---- */
typedef struct Linear { /* off + sum coef[k] * index k */
  double off, coef[IR_MAX_RANK];
} Linear;

enum { MOST_DEPTH = 12, MOST_SIDES = 4, MOST_POINTS = 1 << 12 };

static bool linear(const Fn *f, Val v, int depth, Linear *out);

static bool linear_view(const Fn *f, const Ins *in, int depth, Linear *out) {
  Linear x;
  *out = (Linear){0};
  if (!in->u.view->exact || !linear(f, in->arg[0], depth, &x)) return false;
  out->off = x.off;
  for (int d = 0; d < in->u.view->rank; d++) {
    const ViewDim *dim = &in->u.view->dim[d];
    if (dim->den != 1 || !dim_is_number(dim->off)) return false;
    out->off += x.coef[d] * (double)dim->off;
    for (int k = 0; k < dim->n; k++) {
      if (!dim_is_number(dim->term[k].coef)) return false;
      out->coef[dim->term[k].label] += x.coef[d] * (double)dim->term[k].coef;
    }
  }
  return true;
}

static bool is_number(const Linear *a) {
  for (int k = 0; k < IR_MAX_RANK; k++)
    if (a->coef[k] != 0) return false;
  return true;
}

static Linear plus(const Linear *a, const Linear *b, double times) {
  Linear r = {.off = a->off + times * b->off};
  for (int k = 0; k < IR_MAX_RANK; k++) r.coef[k] = a->coef[k] + times * b->coef[k];
  return r;
}

static bool linear(const Fn *f, Val v, int depth, Linear *out) {
  static const Linear zero;
  const Ins *in = fn_ins(f, v);
  Linear a = zero, b = zero;
  *out = zero;
  if (depth > MOST_DEPTH || !type_is_int((DType)in->type)) return false;
  for (int k = 0; k < in->nargs && in->op != OP_view; k++)
    if (k > 1 || !linear(f, in->arg[k], depth + 1, k ? &b : &a)) return false;
  switch (in->op) {
  case OP_view: return linear_view(f, in, depth + 1, out);
  case OP_iota: out->coef[0] = 1; return true;
  case OP_const: out->off = (double)in->u.i; return true;
  case OP_size: out->off = (double)in->u.size; return dim_is_number(in->u.size);
  case OP_cast: *out = a; return true;
  case OP_neg: *out = plus(&zero, &a, -1); return true;
  case OP_add: *out = plus(&a, &b, 1); return true;
  case OP_sub: *out = plus(&a, &b, -1); return true;
  case OP_mul:
    if (is_number(&a)) *out = plus(&zero, &b, a.off);
    else if (is_number(&b)) *out = plus(&zero, &a, b.off);
    else return false;
    return true;
  default: return false;
  }
}

/* ---- triangles ---- */
typedef struct Sides { /* all are >= 0 inside */
  int n;
  Linear side[MOST_SIDES];
} Sides;

static void add_side(const Fn *f, const Ins *in, bool want, Sides *s) {
  Linear a, b, d;
  bool less = in->op == OP_lt || in->op == OP_le, strict = in->op == OP_lt || in->op == OP_gt;
  bool compares = less || in->op == OP_gt || in->op == OP_ge;
  if (!compares || s->n == MOST_SIDES || !linear(f, in->arg[0], 0, &a) ||
      !linear(f, in->arg[1], 0, &b))
    return;
  d = less == want ? plus(&b, &a, -1) : plus(&a, &b, -1);
  if (strict == want) d.off -= 1;
  s->side[s->n++] = d;
}

static void add_sides(const Fn *f, Val v, bool want, Sides *s) {
  const Ins *in = fn_ins(f, v);
  if (in->op == OP_not) {
    add_sides(f, in->arg[0], !want, s);
  } else if (in->op == (want ? OP_and : OP_or)) {
    add_sides(f, in->arg[0], want, s);
    add_sides(f, in->arg[1], want, s);
  } else {
    add_side(f, in, want, s);
  }
}

/* The part of the indices of axes k.. at which no side is negative, the axes before being where
 * `at` says: the last axis by where it begins and ends, the others index by index, or by a grid
 * where there are very many. */
static double inside(const Sides *s, const int64_t *extent, const int *axis, int naxes, int k,
                     double *at, double points) {
  int d = axis[k];
  double n = (double)extent[d], lo = 0, hi = n - 1, sum = 0;
  if (k + 1 < naxes) {
    double steps = MIN(n, fmax(1, floor(points))), stride = n / steps;
    for (double i = 0; i < steps; i++) {
      at[d] = floor((i + 0.5) * stride);
      sum += inside(s, extent, axis, naxes, k + 1, at, points / steps);
    }
    return sum / steps;
  }
  for (int i = 0; i < s->n; i++) {
    const Linear *l = &s->side[i];
    double rest = l->off;
    for (int j = 0; j < k; j++) rest += l->coef[axis[j]] * at[axis[j]];
    if (l->coef[d] > 0) lo = fmax(lo, ceil(-rest / l->coef[d]));
    else if (l->coef[d] < 0) hi = fmin(hi, floor(rest / -l->coef[d]));
    else if (rest < 0) return 0;
  }
  return fmax(0, hi - lo + 1) / n;
}

static double share_inside(const Fn *f, Val cond, bool want) {
  const Shape *s = &fn_ins(f, cond)->shape;
  Sides sides = {0};
  int axis[IR_MAX_RANK], naxes = 0;
  double at[IR_MAX_RANK] = {0};
  if (!shape_is_numbers(s)) return 1;
  add_sides(f, cond, want, &sides);
  for (int d = 0; d < s->rank; d++) {
    bool used = false;
    for (int i = 0; i < sides.n; i++) used |= sides.side[i].coef[d] != 0;
    if (used && s->dim[d] > 0) axis[naxes++] = d;
  }
  return naxes ? inside(&sides, s->dim, axis, naxes, 0, at, MOST_POINTS) : 1;
}

double fold_share(const Fn *f, const Ins *fold) {
  const Ins *in = fn_ins(f, fold->arg[0]);
  if (in->op != OP_select || !type_is_float((DType)fold->type)) return 1;
  for (int k = 1; k <= 2; k++) {
    if (!ins_is_splat(fn_ins(f, in->arg[k]), fold_identity(fold))) continue;
    double share = share_inside(f, in->arg[0], k == 2);
    if (share < 1) return share;
    Boxes where; /* ends that the program computes */
    where_other(f, fold->arg[0], fold_identity(fold), &where);
    return boxes_share(f, &in->shape, &where);
  }
  return 1;
}

/* ---- parts of carried tensors ---- */
/* Of output k of a loop's body: all of it, or the part of what was carried in that it replaces. */
static double share_of_output(const Fn *f, const Loop *l, int k) {
  Update u;
  if (!l || k >= l->ncarry) return 1;
  bool part = update_of(f, f->out.at[k].val, f->in.at[1 + k].val, &u);
  return part ? fmin(1, u.share) : 1;
}

/* ---- shares of all instructions ---- */
static bool same_elements(const Ins *view, const Ins *x) {
  double n = 1;
  if (!view->u.view->exact || !shape_is_numbers(&view->shape) || !shape_is_numbers(&x->shape))
    return false;
  for (int d = 0; d < view->shape.rank; d++) n *= (double)view->shape.dim[d];
  for (int d = 0; d < x->shape.rank; d++) n /= (double)x->shape.dim[d];
  return n == 1;
}

static double *find_shares(const Fn *f, const Loop *l) {
  double *share = NEWS(f->cx->arena, double, f->ins.n);
  for (int k = 0; k < f->out.n; k++) {
    Val v = f->out.at[k].val;
    share[v] = fmax(share[v], share_of_output(f, l, k));
  }
  for (Val v = f->ins.n; v-- > 1;) {
    const Ins *in = fn_ins(f, v);
    OpKind kind = op_kind((Op)in->op);
    double asked = 1;
    if (kind == KIND_MAP || (in->op == OP_view && same_elements(in, fn_ins(f, in->arg[0]))))
      asked = share[v];
    if (kind == KIND_FOLD) asked = fold_share(f, in);
    for (int k = 0; k < in->nargs; k++) share[in->arg[k]] = fmax(share[in->arg[k]], asked);
  }
  return share;
}

/* An integer that follows from indices and numbers that are the same for all of them. */
static bool is_index(const Fn *f, Val v, int depth) {
  const Ins *in = fn_ins(f, v);
  if (depth > MOST_DEPTH || !type_is_int((DType)in->type)) return false;
  if (in->shape.rank == 0 || op_kind((Op)in->op) == KIND_LEAF) return in->op != OP_part;
  bool plain = in->op == OP_view || in->op == OP_cast || in->op == OP_neg || in->op == OP_add ||
               in->op == OP_sub || in->op == OP_mul;
  for (int k = 0; k < in->nargs && plain; k++) plain = is_index(f, in->arg[k], depth + 1);
  return plain;
}

/* Where an element is, and whether it is in a triangle, is no arithmetic of the program's. */
static bool is_of_indices(const Fn *f, Val v) {
  const Ins *in = fn_ins(f, v);
  Linear l;
  if (op_kind((Op)in->op) != KIND_MAP) return false;
  if (in->type != T_BOOL) return linear(f, v, 0, &l);
  for (int k = 0; k < in->nargs; k++) {
    bool truth = fn_ins(f, in->arg[k])->type == T_BOOL;
    const Ins *x = fn_ins(f, in->arg[k]);
    while (truth && x->op == OP_view) x = fn_ins(f, x->arg[0]);
    bool index =
        truth ? is_of_indices(f, (Val)(x - f->ins.at))
              : linear(f, in->arg[k], 0, &l) || (in->shape.rank > 0 && is_index(f, in->arg[k], 0));
    if (!index) return false;
  }
  return true;
}

static bool is_free(const Fn *f, Val v) {
  const Ins *in = fn_ins(f, v);
  return is_of_indices(f, in->op == OP_select ? in->arg[0] : v);
}

/* ---- numbers of steps ---- */
/* A number that follows from loops' variables, at what these are on average; NaN: it doesn't.
 * about: of the inputs. */
static double about_value(const Fn *f, Val v, const double *about, int depth) {
  const Ins *in = fn_ins(f, v);
  double a = NAN, b = NAN;
  if (in->op == OP_arg) return about[in->u.i];
  if (in->shape.rank || !type_is_int((DType)in->type) || depth > MOST_DEPTH) return NAN;
  if (op_kind((Op)in->op) == KIND_MAP && in->nargs > 0)
    a = about_value(f, in->arg[0], about, depth + 1);
  if (op_kind((Op)in->op) == KIND_MAP && in->nargs > 1)
    b = about_value(f, in->arg[1], about, depth + 1);
  switch (in->op) {
  case OP_const: return (double)in->u.i;
  case OP_size: return dim_is_number(in->u.size) ? (double)in->u.size : NAN;
  case OP_cast: return a;
  case OP_neg: return -a;
  case OP_add: return a + b;
  case OP_sub: return a - b;
  case OP_mul: return a * b;
  case OP_max: return isnan(a + b) ? NAN : fmax(a, b);
  case OP_min: return isnan(a + b) ? NAN : fmin(a, b);
  default: return NAN;
  }
}

static double steps_of(const Fn *f, const Ins *in, const double *about) {
  const Loop *l = in->u.loop;
  Dim names;
  double steps = loop_steps(l, &names), n = NAN;
  if (l->counted && l->typical <= 0) n = about_value(f, in->arg[0], about, 0);
  return isnan(n) ? steps : fmin(fmax(n, 0), steps);
}

/* Of the inputs of a body, whose captured values begin at operand `from` and input `input`. */
static double *about_inputs(const Fn *f, const Ins *in, const Fn *body, int from, int input,
                            const double *about) {
  double *inner = NEWS(f->cx->arena, double, body->in.n + 1);
  for (int i = 0; i < body->in.n; i++)
    inner[i] = i < input ? NAN : about_value(f, in->arg[from + i - input], about, 0);
  return inner;
}

/* ---- the count ---- */
typedef struct Count {
  FlopVisit *visit;
  void *data;
  double sum;
} Count;

static void count_fn(Count *c, const Fn *f, const Loop *l, double runs, const double *about);

static void count_loop(Count *c, const Fn *f, const Ins *in, double runs, const double *about) {
  const Loop *l = in->u.loop;
  double steps = steps_of(f, in, about);
  int first = l->counted + l->ncarry;
  double *inner = about_inputs(f, in, l->body, first + l->nscan, 1 + l->ncarry + l->nscan, about);
  inner[0] = fmax(0, (steps - 1) / 2);
  count_fn(c, l->body, l, runs * steps, inner);
  if (!l->cond) return;
  inner = about_inputs(f, in, l->cond, first + l->nscan, 1 + l->ncarry, about);
  inner[0] = fmax(0, (steps - 1) / 2);
  count_fn(c, l->cond, NULL, runs * steps, inner);
}

/* The dearer body. */
static void count_branch(Count *c, const Fn *f, const Ins *in, double runs, const double *about) {
  const Branch *b = in->u.branch;
  const Fn *dear = fn_flops(b->then) >= fn_flops(b->other) ? b->then : b->other;
  count_fn(c, dear, NULL, runs, about_inputs(f, in, dear, 1, 0, about));
}

static void count_fn(Count *c, const Fn *f, const Loop *l, double runs, const double *about) {
  double *share = find_shares(f, l);
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (in->op == OP_loop) {
      count_loop(c, f, in, runs, about);
    } else if (in->op == OP_branch) {
      count_branch(c, f, in, runs, about);
    } else if (!is_free(f, v)) {
      Cost cost = ins_cost(f, in);
      double part = op_kind((Op)in->op) == KIND_FOLD ? fold_share(f, in) : share[v];
      double n = runs * part * cost_number(&cost);
      c->sum += n;
      if (c->visit && n > 0) c->visit(c->data, in, n);
    }
  }
}

double fn_visit_flops(const Fn *f, FlopVisit *visit, void *data) {
  double *about = NEWS(f->cx->arena, double, f->in.n + 1);
  Count c = {visit, data, 0};
  for (int i = 0; i < f->in.n; i++) about[i] = NAN;
  count_fn(&c, f, NULL, 1, about);
  return c.sum;
}

double fn_flops(const Fn *f) { return fn_visit_flops(f, NULL, NULL); }

bool fn_flops_at_most(const Fn *f) {
  const Fn *body[2];
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    const Loop *l = in->op == OP_loop ? in->u.loop : NULL;
    if (l && (l->cond || (l->counted && l->typical <= 0))) return true;
    for (int i = 0, n = ins_bodies(in, body); i < n; i++)
      if (fn_flops_at_most(body[i])) return true;
  }
  return false;
}
