/* build_scan.c: rows that a loop reads by its counter. In: a loop and its operands; what it reads
 * of a captured tensor at an index that is its counter, scaled and shifted, and surely inside:
 * x[t], x[T - 1 - t], x[2*t + 1], however the source came to it (by a function called with x and t,
 * say); along the first axis, where rows are one piece of memory. Out: the same loop, which is
 * given these rows one by one. So the derivative has a row for each step as well, instead of a
 * whole tensor to add one row to. */
#include "ir/build_parts.h"

/* ---- indices ---- */
typedef struct Affine { /* off + coef * counter */
  Dim off, coef;
} Affine;

enum { MAX_DEPTH = 24 };

/* Indices of rows that exist; and products of two such numbers don't overflow. */
static bool is_moderate(Dim d) { return !dim_is_number(d) || (d >= -INT32_MAX && d <= INT32_MAX); }

static bool affine_of(const Fn *f, Val v, int depth, Affine *a) {
  const Ins *in = fn_ins(f, v);
  Cx *cx = f->cx;
  Affine x[2];
  if (depth > MAX_DEPTH || in->shape.rank || (in->type != T_I32 && in->type != T_I64)) return false;
  switch ((Op)in->op) {
  case OP_const: *a = (Affine){in->u.i, 0}; return dim_is_number(in->u.i) && is_moderate(in->u.i);
  case OP_size: *a = (Affine){in->u.size, 0}; return true;
  case OP_arg: *a = (Affine){0, 1}; return in->u.i == 0;
  case OP_neg:
  case OP_cast:
  case OP_add:
  case OP_sub:
  case OP_mul: break;
  default: return false;
  }
  for (int k = 0; k < in->nargs; k++)
    if (!affine_of(f, in->arg[k], depth + 1, &x[k])) return false;
  if (in->op == OP_cast) {
    *a = x[0];
  } else if (in->op == OP_neg) {
    *a = (Affine){dim_mul(cx, -1, x[0].off), -x[0].coef};
  } else if (in->op == OP_mul) { /* numbers: a size times a size is rarely an index */
    Affine number = x[0].coef ? x[1] : x[0], rest = x[0].coef ? x[0] : x[1];
    if (number.coef || !dim_is_number(number.off)) return false;
    *a = (Affine){dim_mul(cx, rest.off, number.off), rest.coef * number.off};
  } else {
    int sign = in->op == OP_sub ? -1 : 1;
    *a = (Affine){(sign < 0 ? dim_sub : dim_add)(cx, x[0].off, x[1].off),
                  x[0].coef + sign * x[1].coef};
  }
  return is_moderate(a->off) && is_moderate(a->coef) && dim_is_number(a->coef);
}

/* Whether the index stays in 0 .. extent - 1 for every step. */
static bool stays_inside(Cx *cx, const Affine *a, Dim trip, Dim extent) {
  Dim last = dim_add(cx, a->off, dim_mul(cx, a->coef, dim_sub(cx, trip, 1)));
  Dim lo = a->coef < 0 ? last : a->off, hi = a->coef < 0 ? a->off : last;
  return dim_le(cx, 0, lo) == 1 && dim_le(cx, dim_add(cx, hi, 1), extent) == 1;
}

/* ---- rows ---- */
typedef struct Rows {
  Cx *cx;
  const Loop *l;
  int capture; /* the first captured input */
} Rows;

/* Whether value v of the body is such a row. */
static bool is_row(const Rows *r, Val v, Affine *a) {
  const Fn *f = r->l->body;
  const Ins *in = fn_ins(f, v);
  if (in->op != OP_gather || in->u.gather->naxes != 1 || in->u.gather->axis[0]) return false;
  const Ins *x = fn_ins(f, in->arg[0]);
  return x->op == OP_arg && x->u.i >= r->capture && affine_of(f, in->arg[1], 0, a) && a->coef &&
         stays_inside(r->cx, a, r->l->trip, x->shape.dim[0]);
}

/* All rows, one behind the other, in the order of the counter. */
static Val all_rows(Builder *b, Val x, const Affine *a, Dim trip) {
  Shape out = *ir_shape(b, x);
  ViewDim dim[IR_MAX_RANK];
  ViewTerm term[IR_MAX_RANK];
  for (int d = 0; d < out.rank; d++) {
    term[d] = (ViewTerm){d, d ? 1 : a->coef};
    dim[d] = (ViewDim){.den = 1, .n = 1, .term = &term[d], .off = d ? 0 : a->off};
  }
  View view = {.rank = out.rank, .dim = dim};
  out.dim[0] = trip;
  return ir_view(b, x, &out, &view);
}

/* Which inputs f's instructions and outputs use, but for those that are rows. */
static bool *used_inputs(const Rows *r, const Fn *f, bool rows) {
  bool *used = NEWS(r->cx->arena, bool, f->in.n + 1);
  Affine a;
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (in->op == OP_arg || (rows && is_row(r, v, &a))) continue;
    for (int k = 0; k < in->nargs; k++)
      if (fn_ins(f, in->arg[k])->op == OP_arg) used[fn_ins(f, in->arg[k])->u.i] = true;
  }
  for (int i = 0; i < f->out.n; i++)
    if (fn_ins(f, f->out.at[i].val)->op == OP_arg) used[fn_ins(f, f->out.at[i].val)->u.i] = true;
  return used;
}

static Val same_input(Builder *b, const Input *in) {
  return ir_input(b, in->name, in->type, &in->shape, in->role, in->span);
}

/* f, whose captures begin at `capture`, without those that `keep` leaves out; its rows, if it is
 * the body, are inputs in front of them. */
static Fn *with_rows(const Rows *r, const Fn *f, int capture, const bool *keep, bool rows) {
  Builder b = ir_begin(r->cx, f->name);
  Val *to = NEWS(r->cx->arena, Val, f->ins.n), *arg;
  Affine a;
  b.fn->span = f->span;
  for (int i = 0; i < capture; i++) to[f->in.at[i].val] = same_input(&b, &f->in.at[i]);
  for (Val v = 1; rows && v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (!is_row(r, v, &a)) continue;
    const Input *of = &f->in.at[fn_ins(f, in->arg[0])->u.i];
    to[v] = ir_input(&b, of->name, (DType)in->type, &in->shape, of->role, of->span);
  }
  for (int i = capture; i < f->in.n; i++)
    if (keep[i - capture]) to[f->in.at[i].val] = same_input(&b, &f->in.at[i]);
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (to[v] || in->op == OP_arg) continue;
    arg = NEWS(r->cx->arena, Val, in->nargs + 1);
    for (int k = 0; k < in->nargs; k++) arg[k] = to[in->arg[k]];
    to[v] = ir_copy(&b, in, arg);
  }
  for (int i = 0; i < f->out.n; i++) {
    ir_output(&b, f->out.at[i].name, to[f->out.at[i].val]);
    b.fn->out.at[i].alias = f->out.at[i].alias;
  }
  b.fn->nest = f->nest;
  return ir_finish(&b);
}

int build_scan_rows(Builder *b, Loop *l, Val **args, int nargs) {
  Cx *cx = b->cx;
  Rows r = {cx, l, 1 + l->ncarry + l->nscan};
  const Fn *f = l->body;
  int rows = 0, n = 0, ncapture = f->in.n - r.capture, behind = nargs - ncapture;
  Affine a;
  for (Val v = 1; v < f->ins.n; v++) rows += is_row(&r, v, &a);
  if (!rows) return nargs;
  const bool *used = used_inputs(&r, f, true);
  const bool *tested = l->cond ? used_inputs(&r, l->cond, false) : NULL;
  bool *keep = NEWS(cx->arena, bool, ncapture + 1);
  for (int i = 0; i < ncapture; i++)
    keep[i] = used[r.capture + i] || (tested && tested[1 + l->ncarry + i]);
  Val *all = NEWS(cx->arena, Val, nargs + rows + 1);
  for (; n < behind; n++) all[n] = (*args)[n];
  for (Val v = 1; v < f->ins.n; v++) {
    if (!is_row(&r, v, &a)) continue;
    const Ins *in = fn_ins(f, v);
    Val x = (*args)[l->counted + fn_ins(f, in->arg[0])->u.i - 1];
    all[n++] = all_rows(b, x, &a, l->trip);
  }
  for (int i = 0; i < ncapture; i++)
    if (keep[i]) all[n++] = (*args)[behind + i];
  Fn *body = with_rows(&r, f, r.capture, keep, true);
  if (l->cond) l->cond = with_rows(&r, l->cond, 1 + l->ncarry, keep, false);
  l->body = body;
  l->nscan += rows;
  *args = all;
  return n;
}
