/* program_fn.c: the SSA of declared functions, of expressions and of what is called from the middle
 * of other work. In: declarations. Out: functions with their parameters as inputs. */
#include "front/check.h"

static bool add_outputs(Check *c, const Value *v, Span at) {
  if (v->kind == V_TUPLE) {
    for (int i = 0; i < v->u.tuple.n; i++)
      if (!add_outputs(c, &v->u.tuple.item[i], at)) return false;
    return true;
  }
  Value x = to_tensor(c, *v, at);
  if (x.kind != V_POISON) ir_output(c->b, v->name, x.u.t.val);
  return x.kind != V_POISON;
}

static void add_nest(const Value *v, Text *out) {
  if (v->kind != V_TUPLE) {
    text_add(out, ".");
    return;
  }
  text_add(out, "(");
  for (int i = 0; i < v->u.tuple.n; i++) add_nest(&v->u.tuple.item[i], out);
  text_add(out, ")");
}

Fn *program_finish(Check *c, const Value *v, Span at) {
  if (v->kind == V_POISON || !add_outputs(c, v, at) || c->reported) return NULL;
  if (c->updates) state_outputs(c);
  Fn *f = ir_finish(c->b);
  Text nest = text_new(c->cx->arena);
  add_nest(v, &nest);
  f->span = at;
  f->nest = text_str(&nest);
  return f;
}

/* The types of fn's arguments as declared, sizes standing for themselves. false: not all have one.
 */
static bool declared_types(Check *c, const FnValue *f, DType *types, Shape *shapes,
                           SizeBindings *sizes) {
  Frame frame = {.fn = f->node, .name = f->name, .prelude = f->prelude, .depth = 1};
  bool good = true;
  c->frame = &frame;
  if (f->instance) layer_enter(c, f, &frame);
  for (int i = 0; i < f->node->nkids - 2 && i < MAX_ARGS; i++) {
    const Node *arg = f->node->kid[2 + i];
    shapes[i] = (Shape){.rank = -1};
    if (!arg->kid[0] && arg->kid[1]) continue; /* its default */
    good = good && arg->kid[0] && resolve_type(c, arg->kid[0], TYPE_ARG, &types[i], &shapes[i]);
  }
  c->frame = NULL;
  c->scope = NULL;
  SizeBindings names = {0};
  for (int i = 0; good && i < f->node->nkids - 2 && i < MAX_ARGS; i++)
    for (int k = 0; k < shapes[i].rank; k++)
      dim_names(c->cx, shapes[i].dim[k], c->cx->arena, &names);
  for (int i = 0; i < names.list.n; i++) {
    Name name = names.list.at[i].name;
    size_bind(c->cx->arena, sizes, name, program_size(c->p, name));
  }
  for (int i = 0; good && i < f->node->nkids - 2 && i < MAX_ARGS; i++)
    for (int k = 0; k < shapes[i].rank; k++)
      shapes[i].dim[k] = dim_subst(c->cx, shapes[i].dim[k], sizes);
  return good;
}

/* f: what is called; decl: whose arguments it takes, f itself or what it is a derivative of. */
static Fn *instance(Check *c, const FnValue *f, const FnValue *decl, const DType *types,
                    const Shape *shapes, int n) {
  Call call = {.arg = NEWS(c->cx->arena, Arg, n + 1)};
  c->b->span = decl->node->name_span;
  for (int i = 0; i < n && i < decl->node->nkids - 2; i++) {
    const Node *arg = decl->node->kid[2 + i];
    if (shapes[i].rank < 0) continue;
    Val in = ir_input(c->b, arg->name, types[i], &shapes[i], ROLE_ARG, arg->span);
    Arg *a = &call.arg[call.n++];
    *a = (Arg){arg->name, arg->span, value_tensor(in, NULL)};
    a->value.name = arg->name, a->value.decl = arg->span;
  }
  Value v = call_fn(c, f, &call);
  return program_finish(c, &v, decl->node->span);
}

/* A name from outside of any source, such as the command line. */
static Fn *unknown_fn(Program *p, Name name) {
  Diag *d = diag(p->cx, E0201, (Span){0}, "there is no function `%s`", name);
  int n = front_fn_count(p);
  const char **names = NEWS(p->cx->arena, const char *, n + 1);
  for (int i = 0; i < n; i++) names[i] = front_fn_node(p, i)->name;
  const char *meant = closest_word(name, names, n);
  if (meant) diag_hint(p->cx, d, "did you mean `%s`?", meant);
  return NULL;
}

/* Cotangents or tangents behind the arguments of what it is a derivative of. */
static bool takes_more(DerivMode m) { return m == DERIV_JVP || m == DERIV_VJP || m == DERIV_HVP; }

static Fn *typed_value(Program *p, const FnValue *value, const FnValue *f, bool updates) {
  Unit unit = {0};
  Builder b = ir_begin(p->cx, value->name);
  Check c = check_begin(p, &unit, &b);
  DType types[MAX_ARGS];
  Shape shapes[MAX_ARGS];
  SizeBindings sizes = {0};
  int errors = diag_errors(p->cx);
  if (!declared_types(&c, f, types, shapes, &sizes)) {
    if (diag_errors(p->cx) == errors) {
      Diag *e = diag(p->cx, E0209, f->node->name_span,
                     "`%s` has arguments without types: it is a template", f->name);
      diag_hint(p->cx, e,
                "call it with values, or write types such as f32[N, 3] to all its arguments");
    }
    return NULL;
  }
  c.preset = &sizes;
  c.updates = updates;
  c.open = value->kind == FN_DERIV && takes_more(value->mode);
  return instance(&c, value, f, types, shapes, MIN(f->node->nkids - 2, MAX_ARGS));
}

Fn *program_function(Program *p, const FnValue *f) { return typed_value(p, f, f, false); }

/* The declared function whose arguments a function takes; NULL where it takes others as well that
 * can't be told: those of a derivative of a vjp. */
static const FnValue *arguments_from(const FnValue *f) {
  if (f->kind == FN_DERIV) f = f->of;
  while (f->kind == FN_DERIV && !takes_more(f->mode)) f = f->of;
  return f->kind == FN_DECL ? f : NULL;
}

static Fn *function_value(Program *p, const Node *expr, bool updates) {
  Unit unit = {0};
  Builder b = ir_begin(p->cx, name_of(p->cx, "function"));
  Check c = check_begin(p, &unit, &b);
  b.span = expr->span;
  Value v = eval_expr(&c, expr);
  if (v.kind == V_POISON) return NULL;
  const FnValue *decl = v.kind == V_FN ? arguments_from(v.u.fn) : NULL;
  if (decl) return typed_value(p, v.u.fn, decl, updates);
  Diag *d =
      diag(p->cx, E0209, expr->span,
           v.kind == V_FN ? "`%s` has no arguments with types of its own" : "%s is no function",
           v.kind == V_FN ? v.u.fn->name : value_text(p->cx, &b, &v));
  diag_hint(p->cx, d, "declare a function that calls it: fn g(x: f32[N]) = ...");
  return NULL;
}

Fn *front_function_value(Program *p, const Node *expr) { return function_value(p, expr, false); }
Fn *front_function_updates(Program *p, const Node *expr) { return function_value(p, expr, true); }

Fn *front_function(Program *p, Name name) {
  Decl *d = program_fn(p, name);
  return d ? program_function(p, d->fn) : unknown_fn(p, name);
}

Fn *front_instance(Program *p, Name name, const DType *types, const Shape *shapes, int n) {
  Decl *d = program_fn(p, name);
  if (!d) return unknown_fn(p, name);
  Unit unit = {0};
  Builder b = ir_begin(p->cx, name);
  Check c = check_begin(p, &unit, &b);
  return instance(&c, d->fn, d->fn, types, shapes, n);
}

/* Sizes that parameters have as well stay names: a parameter's type is made once. */
static bool sizes_are_its_own(Program *p, const SizeBindings *numbers) {
  for (int i = 0; i < numbers->list.n; i++)
    if (program_has_size(p, numbers->list.at[i].name)) return false;
  return true;
}

/* The declared function once more, with numbers for its sizes where there are any. */
static bool asked_again(Program *p, Decl *d, const SizeBindings *numbers) {
  Unit unit = {0};
  Builder b = ir_begin(p->cx, d->name);
  Check c = check_begin(p, &unit, &b);
  DType types[MAX_ARGS];
  Shape shapes[MAX_ARGS];
  SizeBindings sizes = {0};
  int n = MIN(d->fn->node->nkids - 2, MAX_ARGS), errors = diag_errors(p->cx);
  if (!declared_types(&c, d->fn, types, shapes, &sizes)) return true;
  for (int i = 0; i < n; i++)
    for (int k = 0; k < shapes[i].rank; k++)
      shapes[i].dim[k] = dim_subst(p->cx, shapes[i].dim[k], numbers);
  instance(&c, d->fn, d->fn, types, shapes, n);
  return diag_errors(p->cx) == errors;
}

bool front_requires(Program *p, Name name, const SizeBindings *numbers) {
  Decl *d = p->required ? program_fn(p, name) : NULL;
  return !d || !sizes_are_its_own(p, numbers) || asked_again(p, d, numbers);
}

void front_required(Program *p, Name name, Requirements *out) {
  Decl *d = p->required ? program_fn(p, name) : NULL;
  if (!d) return;
  p->asked = out;
  asked_again(p, d, &(SizeBindings){0});
  p->asked = NULL;
}

Fn *front_expr(Program *p, const Node *expr) {
  Unit unit = {0};
  Builder b = ir_begin(p->cx, name_of(p->cx, "expr"));
  Check c = check_begin(p, &unit, &b);
  b.span = expr->span;
  Value v = eval_expr(&c, expr);
  return program_finish(&c, &v, expr->span);
}

static int collect_results(Check *c, const Value *v, Val *out, int n, int max, Span at) {
  if (v->kind == V_TUPLE) {
    for (int i = 0; i < v->u.tuple.n; i++)
      n = collect_results(c, &v->u.tuple.item[i], out, n, max, at);
    return n;
  }
  Value x = to_tensor(c, *v, at);
  if (x.kind == V_TENSOR && n < max) out[n++] = x.u.t.val;
  return n;
}

int front_call(Program *p, Builder *b, Name name, const Val *args, const Name *names, int n,
               Val *out, int max, Span at) {
  Decl *d = program_fn(p, name);
  if (!d) return 0;
  Unit unit = {0};
  Check c = check_begin(p, &unit, b);
  Call call = {.n = n, .arg = NEWS(p->cx->arena, Arg, n + 1), .span = at};
  for (int i = 0; i < n; i++)
    call.arg[i] = (Arg){names ? names[i] : NULL, at, value_tensor(args[i], NULL)};
  Value v = call_fn(&c, d->fn, &call);
  return collect_results(&c, &v, out, 0, max, at);
}
