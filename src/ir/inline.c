/* inline.c: copying instructions and whole functions into a builder; rules at their place of use.
 */
#include "ir/inline.h"
#include "ir/rules.h"

/* ---- one instruction ---- */
static Shape subst_shape(Cx *cx, const Shape *s, const SizeBindings *sizes) {
  Shape r = *s;
  for (int i = 0; sizes && i < r.rank; i++) r.dim[i] = dim_subst(cx, r.dim[i], sizes);
  return r;
}

static Val copy_view(Builder *b, const Ins *in, Val x, const Shape *out,
                     const SizeBindings *sizes) {
  if (!sizes) return ir_view(b, x, out, in->u.view);
  ViewDim dim[IR_MAX_RANK];
  for (int d = 0; d < in->u.view->rank; d++) {
    dim[d] = in->u.view->dim[d];
    ViewTerm *term = NEWS(b->cx->arena, ViewTerm, MAX(dim[d].n, 1));
    for (int t = 0; t < dim[d].n; t++)
      term[t] = (ViewTerm){dim[d].term[t].label, dim_subst(b->cx, dim[d].term[t].coef, sizes)};
    dim[d].term = term;
    dim[d].off = dim_subst(b->cx, dim[d].off, sizes);
  }
  View v = {in->u.view->rank, dim, false, in->u.view->claim};
  return ir_view(b, x, out, &v);
}

static Val copy_body(Builder *b, const Ins *in, const Val *arg, const SizeBindings *sizes) {
  if (in->op == OP_loop) {
    Loop loop = *in->u.loop;
    if (sizes) loop.trip = dim_subst(b->cx, loop.trip, sizes);
    return ir_loop(b, &loop, arg, in->nargs);
  }
  if (in->op == OP_branch)
    return ir_branch(b, in->u.branch->then, in->u.branch->other, arg[0], arg + 1, in->nargs - 1);
  const Body *body = in->u.body;
  if (in->op == OP_call)
    return ir_call(b, body->fn, body->adjoint, body->tangent, body->again, arg);
  bool *wrt = NEWS(b->cx->arena, bool, body->fn->in.n + 1);
  for (int i = 0; i < body->fn->in.n; i++) wrt[i] = body_wrt(body, i);
  if (in->op == OP_vmap) {
    Shape lead = subst_shape(b->cx, &body->lead, sizes);
    return ir_vmap(b, body->fn, wrt, &lead, arg);
  }
  return in->op == OP_vjp ? ir_vjp(b, body->fn, wrt, arg, in->nargs)
                          : ir_jvp(b, body->fn, wrt, arg, in->nargs);
}

static Val copy_leaf(Builder *b, const Ins *in, const Val *arg, const Shape *s,
                     const SizeBindings *sizes) {
  DType t = (DType)in->type;
  switch ((Op)in->op) {
  case OP_const:
    return type_is_float(t) ? ir_const_f(b, t, s, in->u.f) : ir_const_i(b, t, s, in->u.i);
  case OP_size: return ir_size(b, t, s, sizes ? dim_subst(b->cx, in->u.size, sizes) : in->u.size);
  case OP_iota: return ir_iota(b, t, s->dim[0]);
  case OP_part: return ir_part(b, arg[0], (int)in->u.i);
  default: cx_bug(b->cx, "%s can't be copied", op_info[in->op].name);
  }
}

Val ir_copy_with(Builder *b, const Ins *in, const Val *arg, const SizeBindings *sizes) {
  Shape s = subst_shape(b->cx, &in->shape, sizes);
  b->span = in->span;
  b->derived = in->derived;
  b->hint = in->hint;
  Val v;
  switch (op_kind((Op)in->op)) {
  case KIND_MAP:
    v = in->op == OP_cast ? ir_cast(b, (DType)in->type, arg[0]) : ir_map(b, (Op)in->op, arg);
    break;
  case KIND_FOLD: v = ir_fold(b, (Op)in->op, arg[0], in->u.axes); break;
  case KIND_DOT: v = ir_contract(b, arg[0], arg[1], in->u.contract); break;
  case KIND_LOOP: v = copy_body(b, in, arg, sizes); break;
  case KIND_LEAF: v = copy_leaf(b, in, arg, &s, sizes); break;
  case KIND_MOVE:
  default:
    if (in->op == OP_view) v = copy_view(b, in, arg[0], &s, sizes);
    else if (in->op == OP_reshape) v = ir_reshape(b, arg[0], &s);
    else if (in->op == OP_gather)
      v = ir_gather(b, arg[0], arg + 1, in->u.gather->axis, in->u.gather->naxes);
    else v = ir_scatter(b, arg[0], arg + 1, in->u.gather->axis, in->u.gather->naxes, &s);
  }
  b->hint = NULL;
  ir_name(b, v, in->hint);
  return v;
}

Val ir_copy(Builder *b, const Ins *in, const Val *arg) { return ir_copy_with(b, in, arg, NULL); }

/* ---- a whole function ---- */
void ir_map_args(const Ins *in, const Val *to, Val *arg) {
  for (int k = 0; k < in->nargs; k++) arg[k] = to[in->arg[k]];
}

void ir_inline(Builder *b, const Fn *f, const Val *args, Val *outs) {
  Arena *a = b->cx->arena;
  Val *to = NEWS(a, Val, f->ins.n);
  Span span = b->span;
  Derived derived = b->derived;
  for (int i = 0; i < f->in.n; i++) to[f->in.at[i].val] = args[i];
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (in->op == OP_arg) continue;
    Val *arg = NEWS(a, Val, in->nargs + 1);
    ir_map_args(in, to, arg);
    to[v] = ir_copy(b, in, arg);
  }
  b->span = span;
  b->derived = derived;
  for (int i = 0; outs && i < f->out.n; i++) outs[i] = to[f->out.at[i].val];
}

/* ---- rules ---- */
/* A rule speaks of one element (rank 0) or, for reductions, of one line of elements (rank 1);
 * `wide` is the shape the line stands for, `narrow` that of one element. */
typedef struct Place {
  Shape wide, narrow;
  uint32_t axes;
} Place;

static Val rule_step(Builder *b, const Ins *in, const Val *arg, const Place *p) {
  const Shape *s = in->shape.rank ? &p->wide : &p->narrow;
  switch ((Op)in->op) {
  case OP_const:
    return type_is_float((DType)in->type) ? ir_const_f(b, (DType)in->type, s, in->u.f)
                                          : ir_const_i(b, (DType)in->type, s, in->u.i);
  case OP_view: { /* narrow to wide: the folded axes are broadcast */
    int32_t at[IR_MAX_RANK];
    for (int axis = 0, k = 0; axis < p->wide.rank; axis++)
      if (!(p->axes >> axis & 1)) at[k++] = axis;
    return ir_spread(b, arg[0], &p->wide, at);
  }
  case OP_cast: return ir_cast(b, (DType)in->type, arg[0]);
  default: break;
  }
  if (op_kind((Op)in->op) == KIND_FOLD) return ir_fold(b, (Op)in->op, arg[0], p->axes);
  if (op_kind((Op)in->op) == KIND_MAP) return ir_map(b, (Op)in->op, arg);
  cx_bug(b->cx, "a rule uses %s", op_info[in->op].name);
}

static Val inline_rule(Builder *b, const Fn *rule, const Val *args, const Place *p) {
  Val *to = NEWS(b->cx->arena, Val, rule->ins.n);
  for (int i = 0; i < rule->in.n; i++) to[rule->in.at[i].val] = args[i];
  for (Val v = 1; v < rule->ins.n; v++) {
    const Ins *in = fn_ins(rule, v);
    if (in->op == OP_arg) continue;
    Val arg[3] = {0};
    ir_map_args(in, to, arg);
    to[v] = rule_step(b, in, arg, p);
  }
  return to[rule->out.at[0].val];
}

Val rule_inline_map(Builder *b, const Fn *rule, const Val *args, int nargs) {
  if (nargs < rule->in.n) cx_bug(b->cx, "a rule takes %d operands, got %d", rule->in.n, nargs);
  Place p = {.narrow = *ir_shape(b, args[0])};
  p.wide = p.narrow;
  return inline_rule(b, rule, args, &p);
}

Val rule_inline_fold(Builder *b, const Fn *rule, Val a, Val y, uint32_t axes) {
  Place p = {.wide = *ir_shape(b, a), .narrow = *ir_shape(b, y), .axes = axes};
  Val args[] = {a, y};
  return inline_rule(b, rule, args, &p);
}
