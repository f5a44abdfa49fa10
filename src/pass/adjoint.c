/* adjoint.c: reverse mode. The chain rule over the kinds of the op table, backwards:
 *
 *   MAP    y = op(a0, a1, ..)     da_i += dy * p_i
 *   FOLD   y = fold(a)            da   += broadcast(dy) * p
 *   MOVE   y = move(a)            da   += its transpose of dy
 *   DOT    y = contract(a, b)     da   += contract(dy, b),  db += contract(dy, a)
 *   LOOP   ys = loop(body, ..)    the reversed loop of the body's adjoint (adjoint_loop.c)
 *
 * The rules build instructions, not numbers, so the result can be differentiated again.
 * needs: no vjp/jvp inside (pass_expand)   keeps: the values   breaks: nothing */
#include "ir/rules.h"
#include "pass/adjoint.h"

static Name adjoint_name(Cx *cx, Name hint) { return hint ? name_fmt(cx, "d_%s", hint) : NULL; }

void adjoint_give(Adjoint *g, Val v, Val cotangent) {
  if (!cotangent || ins_is_splat(ir_ins(g->b, cotangent), 0)) return;
  g->bar[v] = g->bar[v] ? ir_map2(g->b, OP_add, g->bar[v], cotangent) : cotangent;
}

static void find_active(Adjoint *g, const bool *wrt) {
  for (int i = 0; i < g->f->in.n; i++) g->active[g->f->in.at[i].val] = wrt[i];
  for (Val v = 1; v < g->f->ins.n; v++) {
    const Ins *in = fn_ins(g->f, v);
    for (int k = 0; k < in->nargs; k++) g->active[v] |= g->active[in->arg[k]];
    g->active[v] = g->active[v] && in->op != OP_stop &&
                   (in->type == T_BUNDLE || type_is_float((DType)in->type));
  }
}

/* dy, whose axes are those a fold left, at the shape of the fold's operand. */
static Val broadcast_over_folded(Builder *b, Val dy, const Shape *wide, uint32_t axes) {
  int32_t at[IR_MAX_RANK];
  for (int axis = 0, k = 0; axis < wide->rank; axis++)
    if (!(axes >> axis & 1)) at[k++] = axis;
  return ir_spread(b, dy, wide, at);
}

/* Whether v may be put out without its cotangent showing it, and has partials that would make NaN
 * of a cotangent of 0: poles, or, of elements left out, what an operand is, which may be anything.
 */
static bool needs_care(const Adjoint *g, Val v) {
  if (!g->guards.any || !g->guards.guarded[v] || g->guards.plain[v]) return false;
  Op op = (Op)fn_ins(g->f, v)->op;
  bool product = op == OP_mul || op == OP_div || op == OP_fma;
  return g->guards.wild[v] || (product && g->guards.dropped[v]);
}

static void adjoint_map(Adjoint *g, Val v, const Val *args, Val dy, int i) {
  const Ins *in = fn_ins(g->f, v);
  Val y = g->to[v];
  if (in->op == OP_cast) { /* between floats: the cast back */
    adjoint_give(g, in->arg[0], ir_cast(g->b, ir_type(g->b, args[0]), dy));
    return;
  }
  bool missing;
  Val p = map_partial(g->b, in, args, y, i, &missing);
  if (missing) {
    report_no_derivative(g->b, in);
    g->failed = true;
  } else if (p) {
    bool careful = in->op == OP_safe_mul || needs_care(g, v);
    adjoint_give(g, in->arg[i], careful ? scale_safely(g->b, dy, p) : scale_cotangent(g->b, dy, p));
  }
}

static void adjoint_fold(Adjoint *g, Val v, Val a, Val dy) {
  const Ins *in = fn_ins(g->f, v);
  Val y = g->to[v];
  Shape wide = *ir_shape(g->b, a);
  Val spread = broadcast_over_folded(g->b, dy, &wide, in->u.axes);
  if (in->op != OP_sum) {
    const Fn *rule = g->b->cx->rules->partial(g->b->cx, (Op)in->op, 0, (DType)in->type);
    if (!rule) cx_bug(g->b->cx, "the partial of %s can't be read", op_info[in->op].name);
    Val p = rule_inline_fold(g->b, rule, a, y, in->u.axes);
    spread = needs_care(g, v) ? scale_safely(g->b, spread, p) : scale_cotangent(g->b, spread, p);
  }
  adjoint_give(g, in->arg[0], spread);
}

/* The other operand may be infinite where dy is put out. */
static Val adjoint_dot(Adjoint *g, const Ins *in, const Val *args, int i, Val dy) {
  const Contract *c = in->u.contract;
  Val other = in->arg[1 - i], arg[] = {args[0], args[1]};
  if (g->guards.any && g->guards.wild[other])
    arg[1 - i] = guard_operand(g->b, dy, c->out, args[1 - i], i ? c->a : c->b);
  return transpose_ins(g->b, in, arg, i, dy);
}

/* The adjoint of a part waits with the instruction it is a part of. */
static void adjoint_part(Adjoint *g, const Ins *in, Val dy) {
  Val whole = in->arg[0];
  if (!g->part_bar[whole])
    g->part_bar[whole] = NEWS(g->b->cx->arena, Val, ins_part_count(fn_ins(g->f, whole)) + 1);
  g->part_bar[whole][in->u.i] = dy;
}

static void adjoint_of(Adjoint *g, Val v) {
  const Ins *in = fn_ins(g->f, v);
  Val dy = g->bar[v], args[IR_MAX_RANK + 1];
  g->b->span = in->span;
  if (in->op == OP_part) {
    adjoint_part(g, in, dy);
    return;
  }
  ir_map_args(in, g->to, args);
  ir_name(g->b, dy, adjoint_name(g->b->cx, in->hint));
  for (int i = 0; i < in->nargs; i++) {
    if (!g->active[in->arg[i]]) continue;
    switch (op_kind((Op)in->op)) {
    case KIND_MAP: adjoint_map(g, v, args, dy, i); break;
    case KIND_FOLD: adjoint_fold(g, v, args[0], dy); break;
    case KIND_DOT: adjoint_give(g, in->arg[i], adjoint_dot(g, in, args, i, dy)); break;
    case KIND_MOVE: adjoint_give(g, in->arg[i], transpose_ins(g->b, in, args, i, dy)); break;
    case KIND_LOOP:
    case KIND_LEAF: cx_bug(g->b->cx, "adjoint of %s", op_info[in->op].name);
    }
  }
}

static Val copy_value(Adjoint *g, Val v) {
  const Ins *in = fn_ins(g->f, v);
  Val *arg = NEWS(g->b->cx->arena, Val, in->nargs + 1);
  ir_map_args(in, g->to, arg);
  if (in->op == OP_loop && g->active[v]) return adjoint_copy_loop(g, v, arg);
  if (in->op == OP_part && fn_ins(g->f, in->arg[0])->op == OP_loop)
    return ir_part(g->b, arg[0], adjoint_loop_part(g, in->arg[0], (int)in->u.i));
  return ir_copy(g->b, in, arg);
}

static void copy_values(Adjoint *g, const Val *args, const Val *given) {
  for (int i = 0; i < g->f->in.n; i++) g->to[g->f->in.at[i].val] = args[i];
  for (Val v = 1; v < g->f->ins.n; v++) {
    if (given && given[v]) g->to[v] = given[v];
    else if (fn_ins(g->f, v)->op != OP_arg) g->to[v] = copy_value(g, v);
  }
}

static void sweep_back(Adjoint *g) {
  Derived outer = g->b->derived;
  for (Val v = g->f->ins.n; v-- > 1;) {
    g->b->derived = DERIVED_ADJOINT;
    Op op = (Op)fn_ins(g->f, v)->op;
    if (g->part_bar[v] && op == OP_loop) adjoint_loop(g, v);
    else if (g->part_bar[v] && op == OP_branch) adjoint_branch(g, v);
    else if (g->part_bar[v] && op == OP_call) adjoint_call(g, v);
    else if (g->bar[v] && op != OP_arg) adjoint_of(g, v);
  }
  g->b->derived = outer;
}

bool adjoint_into(Builder *b, const Fn *f, const bool *wrt, const Val *args, const Val *seeds,
                  Val *values, Val *derived) {
  const Thrift *thrift = b->cx->thrift;
  if (thrift && thrift->levels) f = pass_split(f, &(SplitPlan){thrift->levels, adjoint_tape_bytes});
  return adjoint_with(b, &(AdjointOf){.f = f, .wrt = wrt, .args = args, .seeds = seeds}, values,
                      derived);
}

bool adjoint_is_guarded(const Adjoint *g, Val v) { return g->guards.any && g->guards.guarded[v]; }

bool adjoint_with(Builder *b, const AdjointOf *of, Val *values, Val *derived) {
  const Fn *f = of->f;
  const bool *wrt = of->wrt;
  Arena *a = b->cx->arena;
  if (!derivatives_exist(b, f, wrt)) return false;
  Adjoint g = {.b = b,
               .f = f,
               .to = NEWS(a, Val, f->ins.n),
               .bar = NEWS(a, Val, f->ins.n),
               .part_bar = NEWS(a, Val *, f->ins.n),
               .plan = NEWS(a, LoopPlan *, f->ins.n),
               .active = NEWS(a, bool, f->ins.n),
               .trial = of->trial};
  g.guards = guards_find(f, of->guarded);
  find_active(&g, wrt);
  copy_values(&g, of->args, of->given);
  for (int i = 0; of->sum && i < f->in.n; i++)
    if (wrt[i]) g.bar[f->in.at[i].val] = of->sum[i];
  for (int i = 0, k = 0; i < f->out.n; i++) {
    Val v = f->out.at[i].val;
    values[i] = g.to[v];
    if (!type_is_float((DType)fn_ins(f, v)->type)) continue;
    if (g.active[v]) adjoint_give(&g, v, of->seeds[k]);
    k++;
  }
  sweep_back(&g);
  for (int i = 0, k = 0; i < f->in.n; i++) {
    if (!wrt[i]) continue;
    Val bar = g.bar[f->in.at[i].val];
    derived[k] = bar ? bar : ir_zeros_like(b, of->args[i]);
    ir_name(b, derived[k++], adjoint_name(b->cx, f->in.at[i].name));
  }
  return !g.failed;
}

/* ---- as functions of their own ---- */
static int count_wrt(const Fn *f, const bool *wrt) {
  int n = 0;
  for (int i = 0; i < f->in.n; i++) n += wrt[i];
  return n;
}

static void name_outputs(Walk *w, const Fn *f, const bool *wrt, const Val *values,
                         const Val *derived) {
  for (int i = 0; values && i < f->out.n; i++) ir_output(&w->b, f->out.at[i].name, values[i]);
  for (int i = 0, k = 0; i < f->in.n; i++)
    if (wrt[i]) ir_output(&w->b, adjoint_name(f->cx, f->in.at[i].name), derived[k++]);
}

static Val *input_values(Walk *w, const Fn *f) {
  Val *args = NEWS(f->cx->arena, Val, f->in.n + 1);
  for (int i = 0; i < f->in.n; i++) args[i] = w->to[f->in.at[i].val];
  return args;
}

Fn *pass_adjoint(const Fn *f, const bool *wrt) {
  Walk w = walk_begin(f);
  Val *args = input_values(&w, f);
  Val *seeds = NEWS(f->cx->arena, Val, f->out.n + 1),
      *values = NEWS(f->cx->arena, Val, f->out.n + 1);
  Val *derived = NEWS(f->cx->arena, Val, count_wrt(f, wrt) + 1);
  for (int i = 0, k = 0; i < f->out.n; i++) {
    const Ins *y = fn_ins(f, f->out.at[i].val);
    if (!type_is_float((DType)y->type)) continue;
    Name name = name_fmt(f->cx, "d_%s", f->out.at[i].name ? f->out.at[i].name : "y");
    seeds[k++] = ir_input(&w.b, name, (DType)y->type, &y->shape, ROLE_SEED, f->span);
  }
  if (!adjoint_into(&w.b, f, wrt, args, seeds, values, derived)) return NULL;
  name_outputs(&w, f, wrt, values, derived);
  return fn_without_marks(ir_finish(&w.b));
}

Fn *pass_gradient(const Fn *f, const bool *wrt, bool with_value) {
  const Ins *y = fn_ins(f, f->out.at[0].val);
  if (f->out.n != 1 || !type_is_float((DType)y->type) || y->shape.rank)
    cx_bug(f->cx, "the gradient of %s, which is not a scalar", f->name);
  Walk w = walk_begin(f);
  Val value, *derived = NEWS(f->cx->arena, Val, count_wrt(f, wrt) + 1);
  Val seed = ir_const_f(&w.b, (DType)y->type, NULL, 1);
  if (!adjoint_into(&w.b, f, wrt, input_values(&w, f), &seed, &value, derived)) return NULL;
  name_outputs(&w, f, wrt, with_value ? &value : NULL, derived);
  return fn_without_marks(ir_finish(&w.b));
}
