/* deriv_body.c: a function that an instruction has as its body: of a derivative, of vmap, of a call
 * with rules. In: a function of the language and the arguments of a call. Out: an SSA function
 * whose inputs are the tensors among the arguments and the parameters it uses, and the operands for
 * them.
 *
 * Where arguments depend on labels, every operand that is differentiated carries all of them, and
 * so does the result: the derivative then is one per label. */
#include "front/deriv.h"

/* ---- the body ---- */
static Value lift_tensor(Check *c, Deriv *d, Name name, const Value *v, Span at, bool direct) {
  Val outer = v->u.t.val;
  const Labels *labels = value_labels(v);
  DType t = ir_type(c->b, outer);
  if (type_is_float(t) && (d->called || (direct && deriv_wants(d->f, name)))) {
    Shape s = tensor_shape(c->b, v), whole;
    labels = labels_union(c->cx, labels, d->batch);
    if (!labelled_shape(c, labels, &s, at, &whole)) return value_poison();
    outer = align(c, v, labels, &s);
  }
  Shape whole = *ir_shape(c->b, outer);
  Val in = ir_input(&d->body, name, t, &whole, ROLE_ARG, at);
  vec_push(c->cx->arena, &d->in, ((Lifted){name, outer, direct, at}));
  Value r = value_tensor(in, labels);
  r.name = v->name, r.decl = v->decl;
  return r;
}

bool has_untyped_variable(const Value *v) {
  bool tuple = v->kind == V_TUPLE;
  if (v->kind != V_WEAK && !tuple) return false;
  for (int i = 0; i < (tuple ? v->u.tuple.n : v->u.weak->n); i++)
    if (has_untyped_variable(tuple ? &v->u.tuple.item[i] : &v->u.weak->arg[i])) return true;
  return !tuple && v->u.weak->kind == WEAK_VARIABLE;
}

/* In the body it is such a variable, too: what becomes of it there tells its type as well. */
static Value lift_untyped(Check *c, Deriv *d, const Value *v, Span at) {
  Value now = to_tensor(c, *v, at);
  if (now.kind == V_POISON) return now;
  Value r = make_weak(c, &(Weak){.kind = WEAK_VARIABLE,
                                 .shape = tensor_shape(c->b, &now),
                                 .span = at,
                                 .unit = &d->unit,
                                 .labels = value_labels(&now)});
  r.is_float = v->is_float;
  r.name = v->name, r.decl = v->decl;
  return r;
}

Value deriv_lift(Check *c, Deriv *d, Name name, Value v, Span at, bool direct) {
  bool wanted = direct && deriv_wants(d->f, name) && !d->called, named = d->f->wrt.n > 0;
  if (v.kind == V_TUPLE) {
    Value *items = arena_copy(c->cx->arena, v.u.tuple.item, (size_t)v.u.tuple.n * sizeof v);
    for (int i = 0; i < v.u.tuple.n; i++)
      items[i] = deriv_lift(c, d, name_fmt(c->cx, "%s_%d", name, i), items[i], at, false);
    return value_tuple(c->cx, items, v.u.tuple.n);
  }
  bool floating = v.kind == V_FLOAT || (v.kind == V_WEAK && v.is_float);
  if (wanted && (floating || (named && value_is_untyped(&v)))) v = to_type(c, v, d->literal, at);
  else if (has_untyped_variable(&v)) return lift_untyped(c, d, &v, at);
  else if (v.kind != V_TENSOR && value_has_tensor(&v)) v = to_tensor(c, v, at);
  return v.kind == V_TENSOR ? lift_tensor(c, d, name, &v, at, direct) : v;
}

/* The declared element type of argument k; false where it has none. */
static bool declared_type(const FnValue *f, Name name, DType *t) {
  while (f->kind == FN_DERIV) f = f->of;
  if (f->kind != FN_DECL) return false;
  for (int i = 2; i < f->node->nkids; i++) {
    const Node *type = f->node->kid[i]->kid[0];
    if (f->node->kid[i]->name == name) return type && type_find(type->name, t);
  }
  return false;
}

/* An operator that takes only floats makes one of a number, as in a call without a derivative. */
static bool makes_float(const FnValue *f, const Value *v) {
  while (f->kind == FN_DERIV) f = f->of;
  bool number = value_is_untyped(v) || (v->kind == V_AFFINE && value_is_loop_number(v));
  return number && f->kind == FN_MAP && op_info[f->op].typing == TY_FLOAT;
}

bool deriv_adapt(Check *c, const Deriv *d, Name name, Arg *a) {
  DType t = d->literal;
  bool untyped =
      value_is_untyped(&a->value) || a->value.kind == V_BOOL || a->value.kind == V_AFFINE;
  if (untyped && (declared_type(d->f->of, name, &t) || makes_float(d->f->of, &a->value)))
    a->value = to_type(c, a->value, t, a->span);
  return a->value.kind != V_POISON;
}

DType deriv_literal(Check *c, const Call *call) {
  bool some = false;
  DType t = c->float_type;
  for (int i = 0; i < call->n; i++) {
    const Value *v = &call->arg[i].value;
    if (v->kind != V_TENSOR || !type_is_float(ir_type(c->b, v->u.t.val))) continue;
    if (some && ir_type(c->b, v->u.t.val) != t) return c->float_type;
    t = ir_type(c->b, v->u.t.val);
    some = true;
  }
  return t;
}

bool deriv_lift_call(Check *c, Deriv *d, const Call *call, Call *inner) {
  Name names[MAX_ARGS];
  bool optional[MAX_ARGS];
  int n = deriv_signature(c, d->f->of, names, optional);
  *inner = *call;
  inner->arg = NEWS(c->cx->arena, Arg, call->n + 1);
  d->literal = deriv_literal(c, call);
  for (int i = 0; i < call->n; i++) {
    Arg a = call->arg[i];
    Name name = a.name ? a.name : i < n ? names[i] : name_fmt(c->cx, "x%d", i);
    if (!deriv_adapt(c, d, name, &a)) return false;
    a.value = deriv_lift(c, d, name, a.value, a.span, true);
    if (a.value.kind == V_POISON) return false;
    inner->arg[i] = a;
  }
  return true;
}

/* ---- the results ---- */
bool deriv_flatten(Check *c, Deriv *d, const Value *v, Span at) {
  if (v->kind == V_TUPLE) {
    for (int i = 0; i < v->u.tuple.n; i++)
      if (!deriv_flatten(c, d, &v->u.tuple.item[i], at)) return false;
    return true;
  }
  Value x = to_tensor(c, *v, at);
  if (x.kind == V_POISON) return false;
  vec_push(c->cx->arena, &d->out, x);
  return true;
}

static bool check_scalar(Check *c, Deriv *d, const Value *r) {
  const char *word = deriv_word[d->f->mode], *is = value_text(c->cx, c->b, r);
  if (r->kind == V_TUPLE) {
    Diag *e = fault(c, E0402, d->span, "`%s` of `%s`, which has %d results", word, d->f->of->name,
                    r->u.tuple.n);
    diag_hint(c->cx, e, "write a function that returns the one to differentiate");
    return false;
  }
  if (r->kind != V_TENSOR) return true;
  if (tensor_rank(c->b, r) > 0) {
    Diag *e = fault(c, E0402, d->span, "`%s` of `%s`, whose result is %s and not a scalar", word,
                    d->f->of->name, is);
    if (d->f->of->node)
      diag_label(c->cx, e, d->f->of->node->name_span, "`%s` is declared here", d->f->of->name);
    diag_hint(c->cx, e, "take its mean or sum, or use vjp(%s)(.., dy)", d->f->of->name);
    return false;
  }
  if (type_is_float(ir_type(c->b, r->u.t.val))) return true;
  fault(c, E0403, d->span, "`%s` of `%s`, whose result is %s and not a float", word, d->f->of->name,
        is);
  return false;
}

static bool make_outputs(Check *c, Deriv *d, Value *r) {
  bool scalar = d->f->mode == DERIV_GRAD || d->f->mode == DERIV_VALUE_AND_GRAD;
  if (scalar && value_is_untyped(r)) *r = to_type(c, *r, c->float_type, d->span);
  return r->kind != V_POISON && (!scalar || check_scalar(c, d, r)) && deriv_outputs(c, d, r);
}

bool deriv_outputs(Check *c, Deriv *d, const Value *r) {
  if (!deriv_flatten(c, d, r, d->span)) return false;
  for (int i = 0; i < d->out.n; i++) {
    Value *v = &d->out.at[i];
    Shape s = tensor_shape(c->b, v), whole;
    if (!labelled_shape(c, d->batch, &s, d->span, &whole)) return false;
    Val x = align(c, v, d->batch, &s);
    ir_output(c->b, v->name, x);
    *v = value_tensor(x, d->batch);
  }
  return true;
}

/* ---- with respect to what ---- */
static int decl_number(const Program *p, Name name) {
  for (int i = 0; i < p->decls.n; i++)
    if (p->decls.at[i]->name == name && !p->decls.at[i]->prelude) return i;
  return -1;
}

/* Parameters in the order of their declaration, else the floating arguments in theirs. */
static void default_wrt(Check *c, Deriv *d, const Fn *fn) {
  int32_t *order;
  for (int i = d->in.n; i < fn->in.n; i++)
    if (fn->in.at[i].role == ROLE_PARAM && type_is_float(fn->in.at[i].type))
      vec_push(c->cx->arena, &d->order, i);
  order = d->order.at;
  for (int i = 1; i < d->order.n; i++)
    for (int k = i; k > 0; k--) {
      int32_t a = order[k - 1], b = order[k];
      if (decl_number(c->p, fn->in.at[a].name) <= decl_number(c->p, fn->in.at[b].name)) break;
      order[k - 1] = b, order[k] = a;
    }
  for (int i = 0; i < d->in.n && (!d->order.n || d->order.at[0] < d->in.n); i++)
    if (d->in.at[i].direct && type_is_float(fn->in.at[i].type))
      vec_push(c->cx->arena, &d->order, i);
}

static bool argument_of(const Deriv *d, Name name) {
  for (int i = 0; i < d->in.n; i++)
    if (d->in.at[i].direct && d->in.at[i].name == name) return true;
  return false;
}

static int named_input(Check *c, Deriv *d, Name name) {
  for (int i = 0; i < d->in.n; i++)
    if (d->in.at[i].direct && d->in.at[i].name == name) return i;
  /* a parameter the function doesn't use has the derivative 0: it becomes an input all the same */
  if (!deriv_is_param(c, name) || unit_param(c, program_find(c->p, name, false)).kind == V_POISON)
    return -1;
  for (int i = d->in.n; i < c->b->fn->in.n; i++)
    if (c->b->fn->in.at[i].role == ROLE_PARAM && c->b->fn->in.at[i].name == name) return i;
  return -1;
}

/* The parameters of a layer's instance, in the order of their declaration; of the element of an
 * array that a loop goes through, those it uses. */
static bool choose_group(Check *c, Deriv *d, Name name) {
  size_t n = strlen(name);
  int before = d->order.n;
  for (int i = 0; i < c->p->decls.n; i++) {
    const Decl *p = c->p->decls.at[i];
    if (!p->node || p->node->kind != NODE_PARAM || decl_is_state(p) ||
        !deriv_in_group(name, p->name))
      continue;
    int k = named_input(c, d, p->name);
    if (k < 0) return false;
    if (type_is_float(c->b->fn->in.at[k].type)) vec_push(c->cx->arena, &d->order, k);
  }
  for (int i = d->in.n; i < c->b->fn->in.n && d->order.n == before; i++) {
    const Input *in = &c->b->fn->in.at[i];
    if (in->role == ROLE_PARAM && type_is_float(in->type) && !strncmp(in->name, name, n) &&
        in->name[n] == '.')
      vec_push(c->cx->arena, &d->order, i);
  }
  vec_push(c->cx->arena, &d->groups, d->order.n - before);
  return true;
}

static bool choose_one(Check *c, Deriv *d, Name name) {
  const Fn *fn = c->b->fn;
  const Decl *decl = argument_of(d, name) ? NULL : program_find(c->p, name, false);
  if (decl && decl_is_state(decl)) {
    Diag *e = fault(c, E0403, d->span, "`%s` is a state, which has no derivative", name);
    diag_label(c->cx, e, decl->node->name_span, "declared here");
    return false;
  }
  int k = named_input(c, d, name);
  if (k < 0) {
    Diag *e = fault(c, E0403, d->span, "`%s` isn't given as a tensor of floats here", name);
    diag_note(c->cx, e, "`%s` is with respect to it", d->f->name);
    return false;
  }
  if (!type_is_float(fn->in.at[k].type)) {
    Diag *e = fault(c, E0403, d->span, "`%s` is %s: only floats have a derivative", name,
                    type_text(c->cx, fn->in.at[k].type, &fn->in.at[k].shape));
    diag_label(c->cx, e, d->f->span, "the derivative with respect to `%s`", name);
    return false;
  }
  vec_push(c->cx->arena, &d->order, k);
  vec_push(c->cx->arena, &d->groups, -1);
  return true;
}

/* f(2), where f(2.0) was meant. */
static void fault_whole_numbers(Check *c, Diag *e, const Call *call) {
  for (int i = 0; i < call->n; i++)
    if (call->arg[i].value.kind == V_INT) {
      diag_label(c->cx, e, call->arg[i].span, "an integer");
      diag_hint(c->cx, e, "a float is written with a point: %lld.0",
                (long long)call->arg[i].value.u.i);
      return;
    }
}

static bool choose_wrt(Check *c, Deriv *d, const Call *call) {
  for (int i = 0; i < d->f->wrt.n; i++) {
    const Wrt *w = &d->f->wrt.at[i];
    if (!(w->group ? choose_group : choose_one)(c, d, w->name)) return false;
  }
  if (!d->f->wrt.n) {
    default_wrt(c, d, c->b->fn);
    for (int i = 0; i < d->order.n; i++) vec_push(c->cx->arena, &d->groups, -1);
  }
  if (!d->order.n) {
    Diag *e = fault(c, E0405, d->span, "there is nothing to differentiate `%s` by", d->f->of->name);
    diag_note(c->cx, e, "it uses no parameters, and none of its arguments is a float");
    fault_whole_numbers(c, e, call);
    return false;
  }
  return true;
}

void deriv_enter(Check *c, Deriv *d) {
  d->unit = (Unit){.up = c->unit, .b = &d->body, .batch = d->batch, .deriv = d->f};
  c->unit = &d->unit;
  c->b = &d->body;
  c->scope = NULL;
}

void deriv_leave(Check *c, const Deriv *d) {
  c->unit = d->unit.up;
  c->b = c->unit->b;
}

bool deriv_build(Check *c, Deriv *d, const Call *call, Value *result) {
  Scope *scope = c->scope;
  Call inner;
  d->body = ir_begin(c->cx, d->f->of->name);
  d->body.span = c->b->span;
  if (!deriv_lift_call(c, d, call, &inner)) return false;
  const char *many = c->many;
  if (d->f->mode == DERIV_JACOBIAN) states_refuse(c, "a Jacobian is made of many derivatives");
  deriv_enter(c, d);
  *result = call_fn(c, d->f->of, &inner);
  c->many = many;
  bool good = make_outputs(c, d, result) && choose_wrt(c, d, call);
  if (good) state_outputs(c);
  if (good) d->fn = ir_finish(&d->body);
  deriv_leave(c, d);
  c->scope = scope;
  if (!good) return false;
  d->wrt = NEWS(c->cx->arena, bool, d->fn->in.n + 1);
  for (int i = 0; i < d->order.n; i++) d->wrt[d->order.at[i]] = true;
  return true;
}

/* ---- the instruction ---- */
static const Labels *input_labels(const Deriv *d, Name name) {
  for (int i = 0; i < d->unit.params.n; i++)
    if (d->unit.params.at[i].decl->name == name) return value_labels(&d->unit.params.at[i].value);
  return &no_labels;
}

/* What the body took from the loops around it: elements of arrays of layers. */
static Val captured(const Deriv *d, int input) {
  for (int i = 0; i < d->unit.captures.n; i++)
    if (d->unit.captures.at[i].number == input) return d->unit.captures.at[i].outer;
  return 0;
}

Val deriv_operand(Check *c, const Deriv *d, const Fn *fn, int i) {
  if (i < d->in.n) return d->in.at[i].outer;
  Val v = captured(d, i);
  if (v) return v;
  const Input *in = &fn->in.at[i];
  if (in->role == ROLE_ARG) { /* what stands in for a loop's result, in a trial of a loop around */
    if (!c->mute) cx_bug(c->cx, "an input of a derivative's body without an operand");
    return ir_input(c->b, NULL, in->type, &in->shape, ROLE_ARG, in->span);
  }
  Value p = unit_param(c, program_find(c->p, fn->in.at[i].name, false));
  if (p.kind == V_POISON) return 0;
  Shape s = tensor_shape(c->b, &p);
  return align(c, &p, input_labels(d, fn->in.at[i].name), &s);
}

bool deriv_operands(Check *c, Deriv *d) {
  for (int i = 0; i < d->fn->in.n; i++) {
    Val v = deriv_operand(c, d, d->fn, i);
    if (!v) return false;
    vec_push(c->cx->arena, &d->args, v);
  }
  return true;
}

/* ---- results ---- */
Value deriv_rebuild(Check *c, const Value *like, const Value *parts, int *next) {
  if (like->kind != V_TUPLE) return parts[(*next)++];
  Value *items = NEWS(c->cx->arena, Value, like->u.tuple.n + 1);
  for (int i = 0; i < like->u.tuple.n; i++)
    items[i] = deriv_rebuild(c, &like->u.tuple.item[i], parts, next);
  return value_tuple(c->cx, items, like->u.tuple.n);
}

int deriv_grouped(Check *c, const Deriv *d, const Value *parts, Value *items) {
  int next = 0;
  for (int i = 0; i < d->groups.n; i++) {
    int n = d->groups.at[i];
    items[i] = n < 0 ? parts[next] : value_tuple(c->cx, parts + next, n);
    next += n < 0 ? 1 : n;
  }
  return d->groups.n;
}
