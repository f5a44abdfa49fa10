/* check_deriv.c: grad, value_and_grad, jvp and vjp. The differentiated function becomes an SSA
 * function of its own, the body of a vjp or jvp instruction; pass/expand.c puts the derivative
 * there.
 *
 * Where arguments depend on labels, every operand that is differentiated carries all of them, and
 * so does the result: the derivative then is one per label. */
#include "front/check.h"

/* ---- the derivative as a function ------------------------------------------------------------ */
/* Names of the arguments; -1 where they aren't known (a jvp or vjp). */
static int signature(Check *c, const FnValue *f, Name *names, bool *optional) {
  static const char *const letters[] = {"a", "b", "c"};
  int n;
  switch (f->kind) {
  case FN_DECL:
    n = MIN(f->node->nkids - 2, MAX_ARGS);
    for (int i = 0; i < n; i++) {
      names[i] = f->node->kid[2 + i]->name;
      optional[i] = f->node->kid[2 + i]->kid[1] != NULL;
    }
    return n;
  case FN_BUILTIN: return builtin_params(c, f->builtin, names, optional);
  case FN_MAP:
  case FN_CAST:
    n = f->kind == FN_CAST ? 1 : op_info[f->op].arity;
    for (int i = 0; i < n; i++) names[i] = name_of(c->cx, letters[i]), optional[i] = false;
    return n;
  case FN_LAYER:
  case FN_LAYERS: return 0;
  case FN_DERIV:
    if (f->mode == DERIV_JVP || f->mode == DERIV_VJP) return -1;
    return signature(c, f->of, names, optional);
  }
  return -1;
}

static const char *const mode_word[] = {"grad", "value_and_grad", "jvp", "vjp"};

static bool is_param(Check *c, Name name) {
  Decl *d = program_find(c->p, name, false);
  return d && d->node->kind == NODE_PARAM;
}

static void add_wrt(Check *c, FnValue *f, const Node *n) {
  Name names[MAX_ARGS];
  bool optional[MAX_ARGS];
  if (n->kind == NODE_TUPLE || n->kind == NODE_LIST) {
    for (int i = 0; i < n->nkids; i++) add_wrt(c, f, n->kid[i]);
    return;
  }
  Name name = dotted_name(c, n);
  if (!name) {
    fault(c, E0404, n->span, "`wrt:` takes names of arguments or parameters");
    return;
  }
  int count = signature(c, f->of, names, optional);
  bool found = count < 0 || is_param(c, name);
  for (int i = 0; i < count; i++) found = found || names[i] == name;
  if (!found) {
    for (int i = 0; i < c->p->decls.n && count < MAX_ARGS; i++) {
      const Decl *d = c->p->decls.at[i];
      if (d->node && d->node->kind == NODE_PARAM) names[count++] = d->name;
    }
    Diag *d = fault(c, E0404, n->span, "`%s` has no argument `%s`, and no parameter has that name",
                    f->of->name, name);
    suggest(c, d, name, names, count);
    return;
  }
  vec_push(c->cx->arena, &f->wrt, name);
}

Value eval_deriv(Check *c, const Node *n, DerivMode mode) {
  Name wrt = name_of(c->cx, "wrt");
  FnValue *f = NEW(c->cx->arena, FnValue);
  *f = (FnValue){.kind = FN_DERIV, .mode = mode, .span = n->span};
  int errors = diag_errors(c->cx);
  for (int i = 1; i < n->nkids; i++) {
    const Node *a = n->kid[i];
    bool named = a->kind == NODE_NAMED;
    if (i == 1 && !named) {
      Value v = eval_expr(c, a);
      if (v.kind == V_POISON) return v;
      if (v.kind == V_FN) {
        f->of = v.u.fn;
        continue;
      }
      Diag *d = fault(c, E0406, a->span, "`%s` takes a function, not %s", mode_word[mode],
                      value_text(c->cx, c->b, &v));
      if (a->kind == NODE_CALL && a->kid[0]->kind == NODE_NAME)
        diag_hint(c->cx, d,
                  "write %s(%s)(..): the derivative is a function, called with the arguments",
                  mode_word[mode], a->kid[0]->name);
      return value_poison();
    }
    if (!f->of) break;
    if (named && a->name == wrt) {
      add_wrt(c, f, a->kid[0]);
    } else {
      Diag *d = fault(c, E0406, a->span, "`%s` takes a function and `wrt:`", mode_word[mode]);
      diag_hint(c->cx, d, "arguments go behind it: %s(%s)(..)", mode_word[mode], f->of->name);
    }
  }
  if (!f->of) fault(c, E0406, n->span, "`%s` takes a function", mode_word[mode]);
  if (!f->of || diag_errors(c->cx) != errors) return value_poison();
  f->name = name_fmt(c->cx, "%s(%s)", mode_word[mode], f->of->name);
  return value_fn(f);
}

bool deriv_wants(const FnValue *f, Name name) {
  for (int i = 0; i < f->wrt.n; i++)
    if (f->wrt.at[i] == name) return true;
  return f->wrt.n == 0;
}

/* ---- the body -------------------------------------------------------------------------------- */
typedef struct Lifted { /* an input of the body that is an argument */
  Name name;
  Val outer;
  bool direct; /* an argument itself, not a part of a tuple */
  Span span;
} Lifted;

typedef struct Deriv {
  const FnValue *f;
  Span span;
  const Labels *batch;
  Unit unit;
  Builder body;
  Vec(Lifted) in;
  Vec(Value) out; /* the results, one per output of the body */
  Fn *fn;
  bool *wrt;          /* per input */
  Vec(int32_t) order; /* inputs in the order the user sees */
  Vec(Val) args;
} Deriv;

static Value lift_tensor(Check *c, Deriv *d, Name name, const Value *v, Span at, bool direct) {
  Val outer = v->u.t.val;
  const Labels *labels = value_labels(v);
  DType t = ir_type(c->b, outer);
  if (type_is_float(t) && direct && deriv_wants(d->f, name)) {
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

/* An argument as a value of the body: tensors become inputs, what is known at compile time stays.
 */
static Value lift(Check *c, Deriv *d, Name name, Value v, Span at, bool direct) {
  bool wanted = direct && deriv_wants(d->f, name), named = d->f->wrt.n > 0;
  if (v.kind == V_TUPLE) {
    Value *items = arena_copy(c->cx->arena, v.u.tuple.item, (size_t)v.u.tuple.n * sizeof v);
    for (int i = 0; i < v.u.tuple.n; i++)
      items[i] = lift(c, d, name_fmt(c->cx, "%s_%d", name, i), items[i], at, false);
    return value_tuple(c->cx, items, v.u.tuple.n);
  }
  bool floating = v.kind == V_FLOAT || (v.kind == V_WEAK && v.is_float);
  if (wanted && floating)
    v = to_tensor(c, v, at);
  else if (wanted && named && value_is_untyped(&v))
    v = to_type(c, v, c->float_type, at);
  else if (v.kind != V_TENSOR && value_has_tensor(&v))
    v = to_tensor(c, v, at);
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

static bool lift_call(Check *c, Deriv *d, const Call *call, Call *inner) {
  Name names[MAX_ARGS];
  bool optional[MAX_ARGS];
  int n = signature(c, d->f->of, names, optional);
  *inner = *call;
  inner->arg = NEWS(c->cx->arena, Arg, call->n + 1);
  for (int i = 0; i < call->n; i++) {
    Arg a = call->arg[i];
    Name name = a.name ? a.name : i < n ? names[i] : name_fmt(c->cx, "x%d", i);
    DType t;
    bool untyped = value_is_untyped(&a.value) || a.value.kind == V_BOOL || a.value.kind == V_AFFINE;
    if (untyped && declared_type(d->f->of, name, &t)) a.value = to_type(c, a.value, t, a.span);
    a.value = lift(c, d, name, a.value, a.span, true);
    if (a.value.kind == V_POISON) return false;
    inner->arg[i] = a;
  }
  return true;
}

/* ---- the results ----------------------------------------------------------------------------- */
static bool flatten(Check *c, Deriv *d, const Value *v, Span at) {
  if (v->kind == V_TUPLE) {
    for (int i = 0; i < v->u.tuple.n; i++)
      if (!flatten(c, d, &v->u.tuple.item[i], at)) return false;
    return true;
  }
  Value x = to_tensor(c, *v, at);
  if (x.kind == V_POISON) return false;
  vec_push(c->cx->arena, &d->out, x);
  return true;
}

static bool check_scalar(Check *c, Deriv *d, const Value *r) {
  const char *word = mode_word[d->f->mode], *is = value_text(c->cx, c->b, r);
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
  if (r->kind == V_POISON || (scalar && !check_scalar(c, d, r)) || !flatten(c, d, r, d->span))
    return false;
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

/* ---- with respect to what -------------------------------------------------------------------- */
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

static int named_input(Check *c, Deriv *d, Name name) {
  for (int i = 0; i < d->in.n; i++)
    if (d->in.at[i].direct && d->in.at[i].name == name) return i;
  /* a parameter the function doesn't use has the derivative 0: it becomes an input all the same */
  if (!is_param(c, name) || unit_param(c, program_find(c->p, name, false)).kind == V_POISON)
    return -1;
  for (int i = d->in.n; i < c->b->fn->in.n; i++)
    if (c->b->fn->in.at[i].role == ROLE_PARAM && c->b->fn->in.at[i].name == name) return i;
  return -1;
}

static bool choose_wrt(Check *c, Deriv *d) {
  const Fn *fn = c->b->fn;
  for (int i = 0; i < d->f->wrt.n; i++) {
    Name name = d->f->wrt.at[i];
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
  }
  if (!d->f->wrt.n) default_wrt(c, d, fn);
  if (!d->order.n) {
    Diag *e = fault(c, E0405, d->span, "there is nothing to differentiate `%s` by", d->f->of->name);
    diag_note(c->cx, e, "it uses no parameters, and none of its arguments is a float");
    return false;
  }
  return true;
}

/* Builds the body; false after an error. */
static bool build_body(Check *c, Deriv *d, const Call *call, Value *result) {
  Unit *unit = c->unit;
  Scope *scope = c->scope;
  Call inner;
  d->body = ir_begin(c->cx, d->f->of->name);
  d->body.span = c->b->span;
  if (!lift_call(c, d, call, &inner)) return false;
  d->unit = (Unit){.up = unit, .b = &d->body, .batch = d->batch, .deriv = d->f};
  c->unit = &d->unit;
  c->b = &d->body;
  c->scope = NULL;
  *result = call_fn(c, d->f->of, &inner);
  bool good = make_outputs(c, d, result) && choose_wrt(c, d);
  if (good) d->fn = ir_finish(&d->body);
  c->unit = unit;
  c->b = unit->b;
  c->scope = scope;
  if (!good) return false;
  d->wrt = NEWS(c->cx->arena, bool, d->fn->in.n + 1);
  for (int i = 0; i < d->order.n; i++) d->wrt[d->order.at[i]] = true;
  return true;
}

/* ---- the instruction ------------------------------------------------------------------------- */
static const Labels *input_labels(const Deriv *d, Name name) {
  for (int i = 0; i < d->unit.params.n; i++)
    if (d->unit.params.at[i].decl->name == name) return value_labels(&d->unit.params.at[i].value);
  return &no_labels;
}

static bool operands(Check *c, Deriv *d) {
  for (int i = 0; i < d->fn->in.n; i++) {
    Val v = 0;
    if (i < d->in.n) {
      v = d->in.at[i].outer;
    } else {
      Value p = unit_param(c, program_find(c->p, d->fn->in.at[i].name, false));
      if (p.kind == V_POISON) return false;
      Shape s = tensor_shape(c->b, &p);
      v = align(c, &p, input_labels(d, d->fn->in.at[i].name), &s);
    }
    vec_push(c->cx->arena, &d->args, v);
  }
  return true;
}

/* A cotangent or tangent given by the user, as long as what it belongs to. */
static bool extra_operand(Check *c, Deriv *d, const Arg *a, DType t, const Shape *whole,
                          const char *what) {
  Shape want = {.rank = whole->rank - d->batch->n}, got;
  for (int i = 0; i < want.rank; i++) want.dim[i] = whole->dim[d->batch->n + i];
  Value v = to_type(c, a->value, t, a->span);
  if (v.kind == V_POISON) return false;
  Shape s = tensor_shape(c->b, &v);
  bool adapts = value_is_untyped(&a->value) && broadcast_dims(&s, &want, &got);
  bool fits = shape_eq(adapts ? &got : &s, &want);
  if (!fits) {
    Diag *e = fault(c, E0407, a->span, "this %s is %s, and belongs to %s", what,
                    value_text(c->cx, c->b, &v), type_text(c->cx, t, &want));
    fault_declared(c, e, &v);
    return false;
  }
  vec_push(c->cx->arena, &d->args, align(c, &v, d->batch, &want));
  return true;
}

static bool fault_extras(Check *c, Deriv *d, int given, int wanted, const char *what) {
  Diag *e = fault(c, E0407, d->span, "`%s` needs %d %s%s behind the arguments, got %d", d->f->name,
                  wanted, what, wanted == 1 ? "" : "s", given);
  Text t = text_new(c->cx->arena);
  for (int i = 0; i < d->order.n; i++)
    text_fmt(&t, "%s`%s`", i ? ", " : "", d->fn->in.at[d->order.at[i]].name);
  diag_note(c->cx, e, "it is with respect to %s", text_str(&t));
  return false;
}

static bool cotangents(Check *c, Deriv *d, const Call *extra) {
  bool ones = d->f->mode == DERIV_GRAD || d->f->mode == DERIV_VALUE_AND_GRAD;
  const Arg *a = extra->arg;
  int n = extra->n, k = 0, floats = 0;
  for (int i = 0; i < d->fn->out.n; i++)
    floats += type_is_float((DType)fn_ins(d->fn, d->fn->out.at[i].val)->type);
  if (n == 1 && floats > 1 && a->value.kind == V_TUPLE) {
    n = a->value.u.tuple.n;
    Arg *parts = NEWS(c->cx->arena, Arg, n + 1);
    for (int i = 0; i < n; i++) parts[i] = (Arg){NULL, a->span, a->value.u.tuple.item[i]};
    a = parts;
  }
  if (!ones && n != floats) return fault_extras(c, d, n, floats, "cotangent");
  for (int i = 0; i < d->fn->out.n; i++) {
    const Ins *out = fn_ins(d->fn, d->fn->out.at[i].val);
    Shape s = out->shape;
    DType t = (DType)out->type;
    if (!type_is_float(t)) continue;
    if (ones)
      vec_push(c->cx->arena, &d->args, ir_const_f(c->b, t, &s, 1));
    else if (!extra_operand(c, d, &a[k++], t, &s, "cotangent"))
      return false;
  }
  return true;
}

static bool tangents(Check *c, Deriv *d, const Call *extra) {
  if (extra->n != d->order.n) return fault_extras(c, d, extra->n, d->order.n, "tangent");
  for (int i = 0; i < d->fn->in.n; i++) {
    if (!d->wrt[i]) continue;
    int k = 0;
    while (d->order.at[k] != i) k++;
    Shape s = d->fn->in.at[i].shape;
    if (!extra_operand(c, d, &extra->arg[k], d->fn->in.at[i].type, &s, "tangent")) return false;
  }
  return true;
}

/* The parts in the shape of the result: a tensor, or tuples of them. */
static Value rebuild(Check *c, const Value *like, const Value *parts, int *next) {
  if (like->kind != V_TUPLE) return parts[(*next)++];
  Value *items = NEWS(c->cx->arena, Value, like->u.tuple.n + 1);
  for (int i = 0; i < like->u.tuple.n; i++)
    items[i] = rebuild(c, &like->u.tuple.item[i], parts, next);
  return value_tuple(c->cx, items, like->u.tuple.n);
}

static Value part(Check *c, Deriv *d, Val bundle, int k, Name name) {
  Value v = value_tensor(ir_part(c->b, bundle, k), d->batch);
  if (name) ir_name(c->b, v.u.t.val, name);
  v.name = name;
  return v;
}

static Value results(Check *c, Deriv *d, Val bundle, const Value *result) {
  int outs = d->fn->out.n, next = 0, n = 0;
  Value *all = NEWS(c->cx->arena, Value, outs + d->order.n + 2);
  Value *values = NEWS(c->cx->arena, Value, outs + 1);
  for (int i = 0; i < outs; i++) values[i] = part(c, d, bundle, i, d->fn->out.at[i].name);
  if (d->f->mode != DERIV_GRAD) all[n++] = rebuild(c, result, values, &next);
  if (d->f->mode == DERIV_JVP) {
    int k = outs;
    for (int i = 0; i < outs; i++)
      values[i] = type_is_float((DType)fn_ins(d->fn, d->fn->out.at[i].val)->type)
                      ? part(c, d, bundle, k++, NULL)
                      : value_int(0);
    next = 0;
    all[n++] = rebuild(c, result, values, &next);
    return value_tuple(c->cx, all, n);
  }
  for (int i = 0; i < d->order.n; i++) {
    int input = d->order.at[i], k = outs;
    for (int j = 0; j < input; j++) k += d->wrt[j];
    all[n++] = part(c, d, bundle, k, name_fmt(c->cx, "d_%s", d->fn->in.at[input].name));
  }
  return n == 1 ? all[0] : value_tuple(c->cx, all, n);
}

/* ---- the call -------------------------------------------------------------------------------- */
/* Arguments of the function itself, and behind them the tangents or the cotangent. */
static void split(Check *c, const FnValue *f, const Call *call, Call *primal, Call *extra) {
  Name names[MAX_ARGS];
  bool optional[MAX_ARGS];
  int positional = 0, taken = 0;
  *primal = *extra = *call;
  primal->arg = NEWS(c->cx->arena, Arg, call->n + 1);
  extra->arg = NEWS(c->cx->arena, Arg, call->n + 1);
  primal->n = extra->n = 0;
  int n = signature(c, f->of, names, optional), want = 0;
  for (int i = 0; i < call->n; i++) positional += !call->arg[i].name;
  if (n < 0) {
    want = f->mode == DERIV_JVP ? positional / 2 : positional - 1;
  } else {
    for (int i = 0; i < n; i++) {
      bool given = false;
      for (int k = 0; k < call->n; k++) given = given || call->arg[k].name == names[i];
      want += !optional[i] && !given;
    }
  }
  bool whole = f->mode == DERIV_GRAD || f->mode == DERIV_VALUE_AND_GRAD;
  for (int i = 0; i < call->n; i++) {
    bool mine = whole || call->arg[i].name || taken++ < want;
    Call *to = mine ? primal : extra;
    to->arg[to->n++] = call->arg[i];
  }
}

Value call_deriv(Check *c, const FnValue *f, const Call *call) {
  Call primal, extra;
  Value result;
  Deriv d = {.f = f, .span = call->span, .batch = c->unit->batch ? c->unit->batch : &no_labels};
  for (int i = 0; i < call->n; i++)
    d.batch = labels_union(c->cx, d.batch, labels_within(c->cx, &call->arg[i].value));
  split(c, f, call, &primal, &extra);
  if (!build_body(c, &d, &primal, &result) || !operands(c, &d)) return value_poison();
  bool forward = f->mode == DERIV_JVP;
  if (!(forward ? tangents(c, &d, &extra) : cotangents(c, &d, &extra))) return value_poison();
  Val bundle = forward ? ir_jvp(c->b, d.fn, d.wrt, d.args.at, d.args.n)
                       : ir_vjp(c->b, d.fn, d.wrt, d.args.at, d.args.n);
  return results(c, &d, bundle, &result);
}
