/* adjoint_call.c: derivatives of calls, in both modes.
 *
 * A function with rules of its own has the derivative they say. Each is linear in its direction, so
 * one of them serves both modes: the transpose of dx -> dy is dy -> dx, and transposing is the
 * adjoint with respect to the direction.
 *
 * A call that is to be computed again has as its adjoint a loop of one step, whose body computes
 * the function's values and then sweeps back. A body is a function of its own, so nothing in it is
 * the same value as one of the way forwards: they are not kept, and their storage is free in
 * between. */
#include "pass/adjoint.h"
#include "pass/tangent.h"

/* The transpose of a rule: the adjoint with respect to its inputs from `first` on, which its
 * outputs are linear in, so that their value doesn't matter. args are those before them, `behind`
 * those after. */
static bool transposed(Builder *b, const Fn *rule, int first, int n, const Val *args,
                       const Val *behind, const Val *seeds, Val *derived) {
  Arena *a = b->cx->arena;
  Val *arg = NEWS(a, Val, rule->in.n + 1), *values = NEWS(a, Val, rule->out.n + 1);
  bool *wrt = NEWS(a, bool, rule->in.n + 1);
  for (int i = 0; i < rule->in.n; i++) {
    const Input *in = &rule->in.at[i];
    wrt[i] = i >= first && i < first + n;
    arg[i] = wrt[i]      ? ir_const_f(b, in->type, &in->shape, 0)
             : i < first ? args[i]
                         : behind[i - first - n];
  }
  return adjoint_into(b, rule, wrt, arg, seeds, values, derived);
}

/* ---- reverse mode ---- */
static bool by_rule(Adjoint *g, const Body *body, const Val *args, const Val *y, const Val *dy,
                    Val *derived) {
  const Fn *f = body->fn;
  if (!body->adjoint)
    return transposed(g->b, body->tangent, f->in.n, fn_float_inputs(f), args, y, dy, derived);
  Val *all = NEWS(g->b->cx->arena, Val, body->adjoint->in.n + 1);
  memcpy(all, args, (size_t)f->in.n * sizeof *all);
  memcpy(all + f->in.n, y, (size_t)f->out.n * sizeof *all);
  memcpy(all + f->in.n + f->out.n, dy, (size_t)fn_float_outputs(f) * sizeof *all);
  ir_inline(g->b, body->adjoint, all, derived);
  return true;
}

/* The body of the step that computes f again: index, f's inputs, cotangents -> adjoints. */
static Fn *again_body(Adjoint *g, const Fn *f, const bool *wrt, const Val *dy, bool guarded) {
  Builder b = ir_begin(f->cx, f->name);
  Arena *a = f->cx->arena;
  int floats = fn_float_outputs(f), n = 0;
  b.span = b.fn->span = f->span;
  Val *args = NEWS(a, Val, f->in.n + 1), *seeds = NEWS(a, Val, floats + 1),
      *values = NEWS(a, Val, f->out.n + 1);
  Val *derived = NEWS(a, Val, f->in.n + 1);
  ir_input(&b, name_of(f->cx, "again"), T_I64, &(Shape){0}, ROLE_ARG, f->span);
  for (int i = 0; i < f->in.n; i++)
    args[i] = ir_input(&b, f->in.at[i].name, f->in.at[i].type, &f->in.at[i].shape, ROLE_ARG,
                       f->in.at[i].span);
  for (int k = 0; k < floats; k++) {
    const Ins *in = ir_ins(g->b, dy[k]);
    seeds[k] = ir_input(&b, in->hint ? in->hint : name_of(f->cx, "d_y"), (DType)in->type,
                        &in->shape, ROLE_ARG, in->span);
  }
  AdjointOf of = {.f = f, .wrt = wrt, .args = args, .seeds = seeds, .guarded = guarded};
  if (!adjoint_with(&b, &of, values, derived)) return NULL;
  for (int i = 0; i < f->in.n; i++)
    if (wrt[i])
      ir_output(&b, name_fmt(f->cx, "d_%s", f->in.at[i].name ? f->in.at[i].name : "x"),
                derived[n++]);
  return ir_finish(&b);
}

/* What the one step collects has an axis in front. */
static Val without_axis(Builder *b, Val x) {
  Shape s = *ir_shape(b, x);
  memmove(s.dim, s.dim + 1, (size_t)(s.rank - 1) * sizeof s.dim[0]);
  s.rank--;
  return ir_reshape(b, x, &s);
}

static bool all_below_limit(const Fn *f, const bool *wrt) {
  for (int i = 0; i < f->in.n; i++)
    if (wrt[i] && f->in.at[i].shape.rank == IR_MAX_RANK) return false;
  return true;
}

/* derived: per wrt input. */
static bool computed_again(Adjoint *g, Val v, const Fn *f, const bool *wrt, const Val *args,
                           const Val *dy, Val *derived) {
  Arena *a = g->b->cx->arena;
  int floats = fn_float_outputs(f);
  Fn *step = again_body(g, f, wrt, dy, adjoint_is_guarded(g, v));
  if (!step) return false;
  Loop once = {.body = step, .trip = 1, .ncollect = step->out.n};
  Val *operand = NEWS(a, Val, f->in.n + floats + 1);
  memcpy(operand, args, (size_t)f->in.n * sizeof *operand);
  memcpy(operand + f->in.n, dy, (size_t)floats * sizeof *operand);
  Val loop = ir_loop(g->b, &once, operand, f->in.n + floats);
  for (int k = 0; k < step->out.n; k++) derived[k] = without_axis(g->b, ir_part(g->b, loop, k));
  return true;
}

static void cotangents(Adjoint *g, Val v, const Fn *f, Val *dy) {
  for (int i = 0, k = 0; i < f->out.n; i++) {
    const Ins *y = fn_ins(f, f->out.at[i].val);
    if (!type_is_float((DType)y->type)) continue;
    Val bar = g->part_bar[v][i];
    dy[k++] = bar ? bar : ir_const_f(g->b, (DType)y->type, &y->shape, 0);
  }
}

void adjoint_call(Adjoint *g, Val v) {
  const Ins *in = fn_ins(g->f, v);
  const Body *body = in->u.body;
  const Fn *f = body->fn;
  Arena *a = g->b->cx->arena;
  bool *wrt = NEWS(a, bool, f->in.n + 1), rule = body->adjoint || body->tangent, good;
  Val *args = NEWS(a, Val, f->in.n + 1), *y = NEWS(a, Val, f->out.n + 1),
      *dy = NEWS(a, Val, f->out.n + 1);
  Val *derived = NEWS(a, Val, f->in.n + 1);
  ir_map_args(in, g->to, args);
  g->b->span = in->span;
  for (int k = 0; k < f->out.n; k++) y[k] = ir_part(g->b, g->to[v], k);
  cotangents(g, v, f, dy);
  for (int i = 0; i < f->in.n; i++)
    wrt[i] = type_is_float(f->in.at[i].type) && (rule || g->active[in->arg[i]]);
  if (rule) good = by_rule(g, body, args, y, dy, derived);
  else if (all_below_limit(f, wrt)) good = computed_again(g, v, f, wrt, args, dy, derived);
  else good = adjoint_into(g->b, f, wrt, args, dy, y, derived);
  g->failed |= !good;
  for (int i = 0, k = 0; i < f->in.n && good; i++) {
    if (!wrt[i]) continue;
    if (g->active[in->arg[i]]) adjoint_give(g, in->arg[i], derived[k]);
    k++;
  }
}

/* ---- forward mode ---- */
static Val tangent_or_zero(const Tangent *g, Val v, Val copy) {
  return g->dot[v] ? g->dot[v] : ir_zeros_like(g->b, copy);
}

bool tangent_call(Tangent *g, const Ins *in, Val call, const Val *args, Val *derived) {
  const Body *body = in->u.body;
  const Fn *f = body->fn;
  Arena *a = g->b->cx->arena;
  Val *y = NEWS(a, Val, f->out.n + 1), *dx = NEWS(a, Val, f->in.n + 1), *all;
  bool *wrt = NEWS(a, bool, f->in.n + 1);
  int n = 0;
  for (int k = 0; k < f->out.n; k++) y[k] = ir_part(g->b, call, k);
  if (!body->adjoint && !body->tangent) {
    for (int i = 0; i < f->in.n; i++)
      if (g->dot[in->arg[i]]) wrt[i] = true, dx[n++] = g->dot[in->arg[i]];
    return tangent_into(g->b, f, wrt, args, dx, y, derived);
  }
  for (int i = 0; i < f->in.n; i++)
    if (type_is_float(f->in.at[i].type)) dx[n++] = tangent_or_zero(g, in->arg[i], args[i]);
  all = NEWS(a, Val, f->in.n + f->out.n + n + 1);
  memcpy(all, args, (size_t)f->in.n * sizeof *all);
  if (!body->tangent) {
    memcpy(all + f->in.n, y, (size_t)f->out.n * sizeof *all);
    return transposed(g->b, body->adjoint, f->in.n + f->out.n, fn_float_outputs(f), all, NULL, dx,
                      derived);
  }
  memcpy(all + f->in.n, dx, (size_t)n * sizeof *all);
  memcpy(all + f->in.n + n, y, (size_t)f->out.n * sizeof *all);
  ir_inline(g->b, body->tangent, all, derived);
  return true;
}
