/* check_deriv.c: grad, value_and_grad, jvp and vjp. The differentiated function becomes an SSA
 * function of its own, the body of a vjp or jvp instruction; pass/expand.c puts the derivative
 * there.
 *
 * Where arguments depend on labels, every operand that is differentiated carries all of them, and
 * so does the result: the derivative then is one per label. */
#include "front/deriv.h"

/* ---- the derivative as a function ---- */
int deriv_signature(Check *c, const FnValue *f, Name *names, bool *optional) {
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
    if (f->mode == DERIV_JVP || f->mode == DERIV_VJP || f->mode == DERIV_HVP) return -1;
    return deriv_signature(c, f->of, names, optional);
  }
  return -1;
}

const char *const deriv_word[] = {"grad", "value_and_grad", "jvp",     "vjp",
                                  "hvp",  "jacobian",       "hessian", "vmap"};

bool deriv_is_param(Check *c, Name name) {
  Decl *d = program_find(c->p, name, false);
  return d && d->node->kind == NODE_PARAM;
}

bool deriv_in_group(Name group, Name param) {
  size_t n = strlen(group);
  return !strncmp(group, param, n) && param[n] == '.';
}

/* The instance of a layer by the name that its parameters begin with; NULL: it is none. */
static Name group_name(Check *c, const Node *n) {
  Value v = eval_expr(c, n);
  return v.kind == V_FN && v.u.fn->instance ? layer_prefix(c, v.u.fn) : NULL;
}

static void fault_wrt(Check *c, const FnValue *f, const Node *n, Name name, Name *names,
                      int count) {
  for (int i = 0; i < c->p->decls.n && count < MAX_ARGS; i++) {
    const Decl *d = c->p->decls.at[i];
    if (d->node && (d->node->kind == NODE_PARAM || d->node->kind == NODE_LET))
      names[count++] = d->name;
  }
  Diag *d = fault(c, E0404, n->span, "`%s` has no argument `%s`, and no parameter has that name",
                  f->of->name, name);
  suggest(c, d, name, names, count);
}

/* Whether something that isn't an argument or parameter can be evaluated without a message. */
static bool is_known(Check *c, const Node *n) {
  while (n->kind == NODE_MEMBER) n = n->kid[0];
  Value v;
  Decl *d = program_find(c->p, n->name, false);
  return name_value_quiet(c, n->name, &v) || (d && d->node->kind == NODE_LET) ||
         (c->frame && c->frame->self && layer_has(c->frame->self, n->name));
}

static void add_wrt(Check *c, FnValue *f, const Node *n) {
  Name names[MAX_ARGS];
  bool optional[MAX_ARGS];
  if (n->kind == NODE_TUPLE || n->kind == NODE_LIST) {
    for (int i = 0; i < n->nkids; i++) add_wrt(c, f, n->kid[i]);
    return;
  }
  Name name = dotted_name(c, n), group = NULL;
  if (!name) {
    fault(c, E0404, n->span, "`%s` takes names of arguments%s",
          f->mode == DERIV_VMAP ? "over:" : "wrt:",
          f->mode == DERIV_VMAP ? "" : ", parameters and layers");
    return;
  }
  int count = deriv_signature(c, f->of, names, optional);
  bool found = count < 0 || (f->mode != DERIV_VMAP && deriv_is_param(c, name));
  for (int i = 0; i < count; i++) found = found || names[i] == name;
  if (!found && f->mode != DERIV_VMAP && is_known(c, n)) group = group_name(c, n);
  if (!found && !group) {
    fault_wrt(c, f, n, name, names, MAX(count, 0));
    return;
  }
  Wrt w = {group ? group : name, group != NULL};
  vec_push(c->cx->arena, &f->wrt, w);
}

/* ---- options ---- */
static void read_way(Check *c, FnValue *f, const Node *n) {
  static const char *const words[] = {"forward", "reverse"};
  for (int i = 0; i < 2 && n->kind == NODE_NAME; i++)
    if (!strcmp(n->name, words[i])) {
      f->way = (DerivWay)(WAY_FORWARD + i);
      return;
    }
  Diag *d = fault(c, E0406, n->span, "`mode:` is forward or reverse");
  if (n->kind == NODE_NAME) suggest(c, d, n->name, words, 2);
}

static void read_axes(Check *c, FnValue *f, const Node *n) {
  Value v = eval_expr(c, n);
  if (v.kind == V_INT && v.u.i >= 1 && v.u.i <= IR_MAX_RANK) f->axes = (int32_t)v.u.i;
  else if (v.kind != V_POISON)
    fault(c, E0406, n->span, "`axes:` is a number from 1 to %d", IR_MAX_RANK);
}

static bool option(Check *c, FnValue *f, const Node *a) {
  bool mapped = f->mode == DERIV_VMAP,
       blocks = f->mode == DERIV_JACOBIAN || f->mode == DERIV_HESSIAN;
  if (a->kind != NODE_NAMED) return false;
  if (!strcmp(a->name, mapped ? "over" : "wrt")) add_wrt(c, f, a->kid[0]);
  else if (blocks && !strcmp(a->name, "mode")) read_way(c, f, a->kid[0]);
  else if (mapped && !strcmp(a->name, "axes")) read_axes(c, f, a->kid[0]);
  else return false;
  return true;
}

static const char *options_of(DerivMode mode) {
  return mode == DERIV_VMAP                                ? "`over:` and `axes:`"
         : mode == DERIV_JACOBIAN || mode == DERIV_HESSIAN ? "`wrt:` and `mode:`"
                                                           : "`wrt:`";
}

static Value fault_no_function(Check *c, const Node *a, const Value *v, DerivMode mode) {
  Diag *d = fault(c, E0406, a->span, "`%s` takes a function, not %s", deriv_word[mode],
                  value_text(c->cx, c->b, v));
  if (a->kind == NODE_CALL && a->kid[0]->kind == NODE_NAME)
    diag_hint(c->cx, d, "write %s(%s)(..): the %s is a function, called with the arguments",
              deriv_word[mode], a->kid[0]->name, mode == DERIV_VMAP ? "result" : "derivative");
  return value_poison();
}

Value eval_deriv(Check *c, const Node *n, DerivMode mode) {
  FnValue *f = NEW(c->cx->arena, FnValue);
  *f = (FnValue){.kind = FN_DERIV, .mode = mode, .span = n->span, .axes = 1};
  int errors = c->faults;
  for (int i = 1; i < n->nkids; i++) {
    const Node *a = n->kid[i];
    if (i == 1 && a->kind != NODE_NAMED) {
      Value v = eval_expr(c, a);
      if (v.kind == V_POISON) return v;
      if (v.kind != V_FN) return fault_no_function(c, a, &v, mode);
      f->of = v.u.fn;
      continue;
    }
    if (!f->of) break;
    if (option(c, f, a)) continue;
    Diag *d = fault(c, E0406, a->span, "`%s` takes a function and %s", deriv_word[mode],
                    options_of(mode));
    diag_hint(c->cx, d, "arguments go behind it: %s(%s)(..)", deriv_word[mode], f->of->name);
  }
  if (!f->of) fault(c, E0406, n->span, "`%s` takes a function", deriv_word[mode]);
  if (!f->of || c->faults != errors) return value_poison();
  f->name = name_fmt(c->cx, "%s(%s)", deriv_word[mode], f->of->name);
  return value_fn(f);
}

bool deriv_wants(const FnValue *f, Name name) {
  for (int i = 0; i < f->wrt.n; i++) {
    const Wrt *w = &f->wrt.at[i];
    if (w->group ? deriv_in_group(w->name, name) : w->name == name) return true;
  }
  return f->wrt.n == 0;
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

/* An argument of the function that is made, of a name that no other has. */
static Val open_argument(Check *c, const Deriv *d, Name name, DType t, const Shape *s) {
  for (int i = 0; i < c->b->fn->in.n; i++)
    if (c->b->fn->in.at[i].name == name) {
      name = name_fmt(c->cx, "%s_", name);
      i = -1;
    }
  return ir_input(c->b, name, t, s, ROLE_ARG, d->span);
}

/* A function value asked for by itself: `vjp(f)` takes a cotangent for each float result of f,
 * `jvp(f)` a tangent for each thing that it is with respect to, behind f's arguments. */
static bool open_cotangents(Check *c, Deriv *d) {
  int floats = 0;
  for (int i = 0; i < d->out.n; i++)
    floats += type_is_float((DType)fn_ins(d->fn, d->fn->out.at[i].val)->type);
  for (int i = 0; i < d->fn->out.n; i++) {
    const Ins *y = fn_ins(d->fn, d->fn->out.at[i].val);
    Name own = d->fn->out.at[i].name;
    if (!type_is_float((DType)y->type)) continue;
    if (i >= d->out.n) { /* a state that the body assigns */
      Shape s = y->shape;
      vec_push(c->cx->arena, &d->args, ir_const_f(c->b, (DType)y->type, &s, 0));
      continue;
    }
    Name name = floats == 1 ? name_of(c->cx, "ct")
                : own       ? name_fmt(c->cx, "ct_%s", own)
                            : name_fmt(c->cx, "ct_%d", i);
    vec_push(c->cx->arena, &d->args, open_argument(c, d, name, (DType)y->type, &y->shape));
  }
  return true;
}

static bool open_tangents(Check *c, Deriv *d) {
  Val *at = NEWS(c->cx->arena, Val, d->fn->in.n + 1);
  for (int k = 0; k < d->order.n; k++) {
    const Input *x = &d->fn->in.at[d->order.at[k]];
    at[d->order.at[k]] = open_argument(c, d, name_fmt(c->cx, "t_%s", x->name), x->type, &x->shape);
  }
  for (int i = 0; i < d->fn->in.n; i++)
    if (d->wrt[i]) vec_push(c->cx->arena, &d->args, at[i]);
  return true;
}

static bool cotangents(Check *c, Deriv *d, const Call *extra) {
  bool ones = d->f->mode == DERIV_GRAD || d->f->mode == DERIV_VALUE_AND_GRAD;
  const Arg *a = extra->arg;
  int n = extra->n, k = 0, floats = 0;
  for (int i = 0; i < d->out.n; i++)
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
    if (i >= d->out.n) vec_push(c->cx->arena, &d->args, ir_const_f(c->b, t, &s, 0));
    else if (ones) vec_push(c->cx->arena, &d->args, ir_const_f(c->b, t, &s, 1));
    else if (!extra_operand(c, d, &a[k++], t, &s, "cotangent")) return false;
  }
  return true;
}

/* A group of parameters takes a tuple of tangents. */
static Call ungrouped(Check *c, const Deriv *d, const Call *extra) {
  Call flat = *extra;
  flat.n = 0;
  flat.arg = NEWS(c->cx->arena, Arg, d->order.n + extra->n + 1);
  for (int i = 0; i < extra->n; i++) {
    const Arg *a = &extra->arg[i];
    bool tuple = i < d->groups.n && d->groups.at[i] >= 0 && a->value.kind == V_TUPLE &&
                 a->value.u.tuple.n == d->groups.at[i];
    for (int k = 0; k < (tuple ? d->groups.at[i] : 1); k++)
      flat.arg[flat.n++] = tuple ? (Arg){NULL, a->span, a->value.u.tuple.item[k]} : *a;
  }
  return flat;
}

static bool tangents(Check *c, Deriv *d, const Call *given) {
  Call flat = ungrouped(c, d, given), *extra = &flat;
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
  if (d->f->mode != DERIV_GRAD) all[n++] = deriv_rebuild(c, result, values, &next);
  if (d->f->mode == DERIV_JVP) {
    int k = outs;
    for (int i = 0; i < outs; i++)
      values[i] = type_is_float((DType)fn_ins(d->fn, d->fn->out.at[i].val)->type)
                      ? part(c, d, bundle, k++, NULL)
                      : value_int(0);
    next = 0;
    all[n++] = deriv_rebuild(c, result, values, &next);
    return value_tuple(c->cx, all, n);
  }
  Value *adjoints = NEWS(c->cx->arena, Value, d->order.n + 1);
  for (int i = 0; i < d->order.n; i++) {
    int input = d->order.at[i], k = outs;
    for (int j = 0; j < input; j++) k += d->wrt[j];
    adjoints[i] = part(c, d, bundle, k, name_fmt(c->cx, "d_%s", d->fn->in.at[input].name));
  }
  n += deriv_grouped(c, d, adjoints, all + n);
  return n == 1 ? all[0] : value_tuple(c->cx, all, n);
}

/* ---- the call ---- */
/* Arguments of the function itself, and behind them the tangents or the cotangent. */
static void split(Check *c, const FnValue *f, const Call *call, Call *primal, Call *extra) {
  Name names[MAX_ARGS];
  bool optional[MAX_ARGS];
  int positional = 0, taken = 0;
  *primal = *extra = *call;
  primal->arg = NEWS(c->cx->arena, Arg, call->n + 1);
  extra->arg = NEWS(c->cx->arena, Arg, call->n + 1);
  primal->n = extra->n = 0;
  int n = deriv_signature(c, f->of, names, optional), want = 0;
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

static Value derivative(Check *c, const FnValue *f, const Call *call) {
  Call primal, extra;
  Value result;
  Deriv d = {.f = f, .span = call->span, .batch = c->unit->batch ? c->unit->batch : &no_labels};
  for (int i = 0; i < call->n; i++)
    d.batch = labels_union(c->cx, d.batch, labels_within(c->cx, &call->arg[i].value));
  split(c, f, call, &primal, &extra);
  bool open = c->open && !extra.n;
  c->open = false;
  if (!deriv_build(c, &d, &primal, &result) || !deriv_operands(c, &d)) return value_poison();
  bool forward = f->mode == DERIV_JVP;
  deriv_warn_zero(c, &d);
  bool good = open ? (forward ? open_tangents : open_cotangents)(c, &d)
                   : (forward ? tangents : cotangents)(c, &d, &extra);
  if (!good) return value_poison();
  Val bundle = forward ? ir_jvp(c->b, d.fn, d.wrt, d.args.at, d.args.n)
                       : ir_vjp(c->b, d.fn, d.wrt, d.args.at, d.args.n);
  state_take(c, &d.unit, bundle, d.out.n);
  return results(c, &d, bundle, &result);
}

/* The same derivative in another mode, of what `of` is. */
static FnValue *as_mode(Check *c, const FnValue *f, DerivMode mode, const FnValue *of) {
  FnValue *g = arena_copy(c->cx->arena, f, sizeof *f);
  g->mode = mode;
  g->of = of;
  g->name = name_fmt(c->cx, "%s(%s)", deriv_word[mode], of->name);
  return g;
}

/* H v is the derivative of the gradient along v. */
static Value call_hvp(Check *c, const FnValue *f, const Call *call) {
  const FnValue *gradient = as_mode(c, f, DERIV_GRAD, f->of);
  Value v = derivative(c, as_mode(c, f, DERIV_JVP, gradient), call);
  return v.kind == V_TUPLE ? v.u.tuple.item[1] : v;
}

Value call_deriv(Check *c, const FnValue *f, const Call *call) {
  switch (f->mode) {
  case DERIV_HVP: return call_hvp(c, f, call);
  case DERIV_JACOBIAN: return call_jacobian(c, f, call);
  case DERIV_HESSIAN: /* the Jacobian of the gradient, which is as wide as high: forwards */
    return call_jacobian(c, as_mode(c, f, DERIV_JACOBIAN, as_mode(c, f, DERIV_GRAD, f->of)), call);
  case DERIV_VMAP: return call_vmap(c, f, call);
  default: return derivative(c, f, call);
  }
}
