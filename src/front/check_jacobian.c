/* check_jacobian.c: jacobian(f), and by it hessian(f). In: a function and arguments. Out: for every
 * result and every thing differentiated by a block of all partial derivatives, with the axes of the
 * result, then those of the argument.
 *
 * A block is one derivative instruction mapped over the basis: forwards along every element of the
 * argument, or backwards from every element of the result, whichever are fewer (`mode:` forces
 * one). What doesn't depend on the direction, the values of f among it, is computed once. */
#include "front/deriv.h"

typedef struct Jacobian {
  Deriv d;
  Val **block; /* per output of the body, per input: the derivative, axes as the user sees them */
  int nblocks; /* inputs of the body */
} Jacobian;

static const Ins *output(const Jacobian *j, int i) {
  return fn_ins(j->d.fn, j->d.fn->out.at[i].val);
}

static bool is_float_output(const Jacobian *j, int i) {
  return type_is_float((DType)output(j, i)->type);
}

/* The axes behind the labels. */
static Shape trailing(const Jacobian *j, const Shape *whole) {
  Shape s = {.rank = whole->rank - j->d.batch->n};
  for (int i = 0; i < s.rank; i++) s.dim[i] = whole->dim[j->d.batch->n + i];
  return s;
}

/* Fewer directions forwards than backwards; where sizes can't be compared forwards, which stores
 * nothing. */
static bool goes_forward(Check *c, const Jacobian *j, int out, int in) {
  if (j->d.f->way != WAY_CHEAPER) return j->d.f->way == WAY_FORWARD;
  Shape y = trailing(j, &output(j, out)->shape), x = trailing(j, &j->d.fn->in.at[in].shape);
  Dim ny = shape_count(c->cx, &y), nx = shape_count(c->cx, &x);
  return ny == nx || dim_le(c->cx, ny, nx) != 1;
}

/* ---- directions ---- */
/* For a tensor of shape `whole`: element (k.., labels.., i..) is 1 where k = i, for all k at once.
 */
static Val basis(Check *c, const Jacobian *j, DType t, const Shape *whole) {
  Shape s = trailing(j, whole), out = shape_join(c->cx, &s, whole), one = {.rank = s.rank};
  ViewDim dim[IR_MAX_RANK];
  ViewTerm term[IR_MAX_RANK][2];
  for (int k = 0; k < s.rank; k++) {
    one.dim[k] = 1;
    term[k][0] = (ViewTerm){k, 1};
    term[k][1] = (ViewTerm){s.rank + j->d.batch->n + k, -1};
    dim[k] = (ViewDim){.den = 1, .n = 2, .term = term[k]};
  }
  View v = {.rank = s.rank, .dim = dim};
  return ir_view(c->b, ir_const_f(c->b, t, &one, 1), &out, &v);
}

/* A body under construction with the inputs of the function. */
static Builder begin_body(Check *c, const Jacobian *j, Val *args) {
  const Fn *f = j->d.fn;
  Builder g = ir_begin(c->cx, f->name);
  g.span = c->b->span;
  for (int i = 0; i < f->in.n; i++)
    args[i] = ir_input(&g, f->in.at[i].name, f->in.at[i].type, &f->in.at[i].shape, ROLE_ARG,
                       f->in.at[i].span);
  return g;
}

/* The body mapped over the directions that its last input takes, or as it is where there is one. */
static Val mapped(Check *c, const Jacobian *j, Builder *g, const Shape *lead, DType t,
                  const Shape *whole) {
  Fn *fn = ir_finish(g);
  bool *over = NEWS(c->cx->arena, bool, fn->in.n + 1);
  Val *args = NEWS(c->cx->arena, Val, fn->in.n + 1);
  memcpy(args, j->d.args.at, (size_t)j->d.fn->in.n * sizeof *args);
  over[fn->in.n - 1] = true;
  args[fn->in.n - 1] = basis(c, j, t, whole);
  return ir_vmap(c->b, fn, over, lead, args);
}

/* x: axes of the directions, labels, others -> labels, `first` of either, then the other. */
static Val in_order(Check *c, const Jacobian *j, Val x, int lead, bool lead_first) {
  int32_t perm[IR_MAX_RANK];
  int rank = ir_shape(c->b, x)->rank, nl = j->d.batch->n, n = 0;
  for (int i = 0; i < nl; i++) perm[n++] = lead + i;
  for (int i = 0; i < lead && lead_first; i++) perm[n++] = i;
  for (int i = lead + nl; i < rank; i++) perm[n++] = i;
  for (int i = 0; i < lead && !lead_first; i++) perm[n++] = i;
  return ir_permute(c->b, x, perm);
}

/* ---- blocks ----
 */
static void forward_blocks(Check *c, Jacobian *j, int in, const bool *outs) {
  const Fn *f = j->d.fn;
  const Input *x = &f->in.at[in];
  Arena *a = c->cx->arena;
  Val *args = NEWS(a, Val, f->in.n + 2);
  bool *wrt = NEWS(a, bool, f->in.n + 1);
  Builder g = begin_body(c, j, args);
  Shape lead = trailing(j, &x->shape);
  wrt[in] = true;
  args[f->in.n] =
      ir_input(&g, name_fmt(c->cx, "t_%s", x->name), x->type, &x->shape, ROLE_ARG, x->span);
  Val bundle = ir_jvp(&g, j->d.fn, wrt, args, f->in.n + 1);
  for (int o = 0, k = f->out.n; o < f->out.n; o++) {
    if (!is_float_output(j, o)) continue;
    if (outs[o]) ir_output(&g, NULL, ir_part(&g, bundle, k));
    k++;
  }
  Val all = mapped(c, j, &g, &lead, x->type, &x->shape);
  for (int o = 0, k = 0; o < f->out.n; o++)
    if (outs[o]) j->block[o][in] = in_order(c, j, ir_part(c->b, all, k++), lead.rank, false);
}

static void reverse_blocks(Check *c, Jacobian *j, int out, const bool *ins) {
  const Fn *f = j->d.fn;
  const Ins *y = output(j, out);
  Arena *a = c->cx->arena;
  Val *args = NEWS(a, Val, f->in.n + f->out.n + 1);
  Builder g = begin_body(c, j, args);
  Shape lead = trailing(j, &y->shape), whole = y->shape;
  Name name = name_fmt(c->cx, "d_%s", f->out.at[out].name ? f->out.at[out].name : "y");
  int n = f->in.n, k = f->out.n;
  for (int o = 0; o < f->out.n; o++) {
    const Ins *r = output(j, o);
    if (!is_float_output(j, o)) continue;
    args[n++] = o == out ? ir_input(&g, name, (DType)y->type, &whole, ROLE_ARG, y->span)
                         : ir_const_f(&g, (DType)r->type, &r->shape, 0);
  }
  Val bundle = ir_vjp(&g, j->d.fn, ins, args, n);
  for (int i = 0; i < f->in.n; i++)
    if (ins[i]) ir_output(&g, NULL, ir_part(&g, bundle, k++));
  Val all = mapped(c, j, &g, &lead, (DType)y->type, &whole);
  for (int i = 0, p = 0; i < f->in.n; i++)
    if (ins[i]) j->block[out][i] = in_order(c, j, ir_part(c->b, all, p++), lead.rank, true);
}

/* All outputs along one input forwards, then for each output the inputs that are left backwards. */
static void all_blocks(Check *c, Jacobian *j) {
  const Fn *f = j->d.fn;
  Arena *a = c->cx->arena;
  j->block = NEWS(a, Val *, f->out.n + 1);
  for (int o = 0; o < f->out.n; o++) j->block[o] = NEWS(a, Val, f->in.n + 1);
  for (int i = 0; i < f->in.n; i++) {
    bool *outs = NEWS(a, bool, f->out.n + 1), any = false;
    for (int o = 0; o < f->out.n && j->d.wrt[i]; o++)
      any |= outs[o] = is_float_output(j, o) && goes_forward(c, j, o, i);
    if (any) forward_blocks(c, j, i, outs);
  }
  for (int o = 0; o < f->out.n; o++) {
    bool *ins = NEWS(a, bool, f->in.n + 1), any = false;
    for (int i = 0; i < f->in.n && is_float_output(j, o); i++)
      any |= ins[i] = j->d.wrt[i] && !goes_forward(c, j, o, i);
    if (any) reverse_blocks(c, j, o, ins);
  }
}

/* ---- the result ---- */
static bool has_room(Check *c, const Jacobian *j) {
  const Fn *f = j->d.fn;
  for (int o = 0; o < f->out.n; o++)
    for (int i = 0; i < f->in.n; i++) {
      int rank = output(j, o)->shape.rank + f->in.at[i].shape.rank - j->d.batch->n;
      if (!j->d.wrt[i] || !is_float_output(j, o) || rank <= IR_MAX_RANK) continue;
      fault(c, E0812, j->d.span,
            "the derivatives of this by `%s` would have %d axes; the limit is %d", f->in.at[i].name,
            rank, IR_MAX_RANK);
      return false;
    }
  return true;
}

/* Per output: the block, or a tuple of blocks, one per thing differentiated by. */
static Value row(Check *c, const Jacobian *j, int out) {
  const Deriv *d = &j->d;
  Value *part = NEWS(c->cx->arena, Value, d->order.n + 1),
        *item = NEWS(c->cx->arena, Value, d->order.n + 1);
  if (!is_float_output(j, out)) return value_int(0);
  for (int i = 0; i < d->order.n; i++)
    part[i] = value_tensor(j->block[out][d->order.at[i]], d->batch);
  int n = deriv_grouped(c, d, part, item);
  return n == 1 ? item[0] : value_tuple(c->cx, item, n);
}

static bool expect_floats(Check *c, const Jacobian *j) {
  for (int o = 0; o < j->d.fn->out.n; o++)
    if (is_float_output(j, o)) return true;
  fault(c, E0403, j->d.span, "`%s` of `%s`, none of whose results is a float",
        deriv_word[j->d.f->mode], j->d.f->of->name);
  return false;
}

Value call_jacobian(Check *c, const FnValue *f, const Call *call) {
  Value result;
  Jacobian j = {
      .d = {.f = f, .span = call->span, .batch = c->unit->batch ? c->unit->batch : &no_labels}};
  for (int i = 0; i < call->n; i++)
    j.d.batch = labels_union(c->cx, j.d.batch, labels_within(c->cx, &call->arg[i].value));
  if (!deriv_build(c, &j.d, call, &result) || !deriv_operands(c, &j.d)) return value_poison();
  if (!expect_floats(c, &j) || !has_room(c, &j)) return value_poison();
  deriv_warn_zero(c, &j.d);
  all_blocks(c, &j);
  Value *rows = NEWS(c->cx->arena, Value, j.d.fn->out.n + 1);
  int next = 0;
  for (int o = 0; o < j.d.fn->out.n; o++) rows[o] = row(c, &j, o);
  return deriv_rebuild(c, &result, rows, &next);
}
