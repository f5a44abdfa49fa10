/* check_call.c: calls: arguments find their parameters, and the callee's body is checked in place.
 */
#include "front/check.h"

/* ---- arguments to slots ---- */
static const char *list_of(Cx *cx, const Name *names, int n) {
  Text t = text_new(cx->arena);
  for (int i = 0; i < n; i++) text_fmt(&t, "%s%s", i ? ", " : "", names[i]);
  return text_str(&t);
}

static void fault_count(Check *c, const char *what, const Name *names, int n, const Call *call) {
  int given = 0;
  for (int i = 0; i < call->n; i++) given += !call->arg[i].name;
  Diag *d = fault(c, E0204, call->span, "`%s` takes %d argument%s, got %d", what, n,
                  n == 1 ? "" : "s", given);
  diag_note(c->cx, d, "its arguments are (%s)", list_of(c->cx, names, n));
}

/* Where the last argument is called `shape` or `perm`, its numbers may be given one by one:
 * zeros(2, 3) is zeros((2, 3)). */
Call gather_sizes(Check *c, const Name *names, int n, const Call *call) {
  Call whole = *call;
  bool named = false;
  for (int i = 0; i < call->n; i++) named = named || call->arg[i].name;
  if (!n || named || call->n <= n ||
      (strcmp(names[n - 1], "shape") != 0 && strcmp(names[n - 1], "perm") != 0))
    return whole;
  int sizes = call->n - n + 1;
  Value *item = NEWS(c->cx->arena, Value, sizes);
  for (int i = 0; i < sizes; i++) item[i] = call->arg[n - 1 + i].value;
  whole.n = n;
  whole.arg = NEWS(c->cx->arena, Arg, n);
  memcpy(whole.arg, call->arg, (size_t)n * sizeof *whole.arg);
  whole.arg[n - 1].value = value_tuple(c->cx, item, sizes);
  whole.arg[n - 1].span = span_join(call->arg[n - 1].span, call->arg[call->n - 1].span);
  return whole;
}

bool bind_slots(Check *c, const char *what, const Name *names, int n, const Call *call, int *slot) {
  int positional = 0;
  for (int i = 0; i < n; i++) slot[i] = -1;
  for (int i = 0; i < call->n; i++) {
    const Arg *a = &call->arg[i];
    int k = positional;
    if (a->name) {
      for (k = 0; k < n && names[k] != a->name; k++) {
      }
      if (k == n) {
        Diag *d = fault(c, E0205, a->span, "`%s` has no argument called `%s`", what, a->name);
        if (!habit_hint(c, d, HABIT_ARG, a->name)) suggest(c, d, a->name, names, n);
        diag_note(c->cx, d, "its arguments are (%s)", list_of(c->cx, names, n));
        return false;
      }
      if (slot[k] >= 0) {
        Diag *d = fault(c, E0206, a->span, "argument `%s` of `%s` is given twice", a->name, what);
        diag_label(c->cx, d, call->arg[slot[k]].span, "first here");
        return false;
      }
    } else if (positional++ >= n) {
      fault_count(c, what, names, n, call);
      return false;
    } else if (slot[k] >= 0) {
      Diag *d = fault(c, E0206, a->span, "argument `%s` of `%s` is given twice", names[k], what);
      diag_label(c->cx, d, call->arg[slot[k]].span, "first here, by name");
      return false;
    }
    slot[k] = i;
  }
  return true;
}

static void fault_missing(Check *c, const char *what, Name missing, const Call *call, Span decl) {
  Diag *d = fault(c, E0204, call->span, "this call of `%s` lacks the argument `%s`", what, missing);
  if (decl.source && !c->cx->sources.at[decl.source].prelude)
    diag_label(c->cx, d, decl, "declared here");
}

/* ---- declared functions ---- */
static bool is_higher(const Call *call) {
  for (int i = 0; i < call->n; i++)
    if (call->arg[i].value.kind == V_FN) return true;
  return false;
}

/* A limit that one function hits is hit by all that call it: one report is enough. */
static bool limit_reported(Check *c, DiagCode code) {
  for (int i = 0; i < c->cx->diags->list.n; i++)
    if (c->cx->diags->list.at[i]->code == code) return true;
  return false;
}

static void fault_limit(Check *c, DiagCode code, Span at, int limit) {
  c->gave_up = true;
  if (limit_reported(c, code)) return;
  if (code == E0811) {
    fault(c, code, at, "calls are nested more than %d deep", limit);
    return;
  }
  Diag *d = fault(c, code, at, "more than %d calls in one function", limit);
  diag_note(c->cx, d, "calls are inlined; functions that call each other twice grow quickly");
}

/* Inlining must end: a function may not be inside itself, except through functions it was given. */
static bool may_enter(Check *c, const FnValue *f, const Call *call, bool higher) {
  if (c->frame && c->frame->depth >= MAX_CALL_DEPTH) {
    fault_limit(c, E0811, call->span, MAX_CALL_DEPTH);
    return false;
  }
  if (++c->calls > MAX_CALLS) {
    fault_limit(c, E0813, call->span, MAX_CALLS);
    return false;
  }
  for (const Frame *up = c->frame; up; up = up->up)
    if (up->fn == f->node && !(higher && up->higher) &&
        (up->self ? up->self->instance : NULL) == f->instance) {
      Diag *d = fault(c, E0207, call->span, "`%s` calls itself", f->name);
      diag_note(c->cx, d, "calls are inlined, so recursion would never end");
      diag_label(c->cx, d, f->node->name_span, "declared here");
      return false;
    }
  return true;
}

static bool bind_arguments(Check *c, const FnValue *f, const Call *call, const int *slot, int n) {
  bool good = true;
  for (int i = 0; i < n; i++) {
    const Node *arg = f->node->kid[2 + i];
    Value v;
    Span at = arg->span;
    if (slot[i] >= 0) v = call->arg[slot[i]].value, at = call->arg[slot[i]].span;
    else v = eval_expr(c, arg->kid[1]);
    Frame *callee = c->frame;
    Value checked = check_argument(c, arg, v, at);
    c->frame = callee;
    good = good && checked.kind != V_POISON;
    c->scope = scope_add(c, c->scope, arg->name, checked, arg->name_span);
    if (checked.kind == V_TENSOR && v.name) { /* messages name what the caller's line says */
      c->scope->value.name = arg->name;
    }
  }
  return good;
}

static Value call_decl(Check *c, const FnValue *f, const Call *call) {
  if (f->broken) return value_poison();
  int n = MIN(f->node->nkids - 2, MAX_ARGS), slot[MAX_ARGS];
  if (!f->plain && (f->rule[0] || f->rule[1])) return call_ruled(c, f, call);
  Name names[MAX_ARGS] = {0};
  for (int i = 0; i < n; i++) names[i] = f->node->kid[2 + i]->name;
  Call whole = gather_sizes(c, names, n, call);
  call = &whole;
  if (!bind_slots(c, f->name, names, n, call, slot)) return value_poison();
  for (int i = 0; i < n; i++)
    if (slot[i] < 0 && !f->node->kid[2 + i]->kid[1]) {
      fault_missing(c, f->name, names[i], call, f->node->kid[2 + i]->span);
      return value_poison();
    }
  bool higher = is_higher(call);
  if (!may_enter(c, f, call, higher)) return value_poison();
  Scope *scope = c->scope;
  Frame *outer = c->frame;
  Frame frame = {outer,
                 f->node,
                 f->name,
                 call->span,
                 f->prelude,
                 higher,
                 outer ? outer->depth + 1 : 1,
                 {{0}},
                 f->instance ? f : NULL,
                 call,
                 slot,
                 c->b};
  if (!outer && c->preset) frame.sizes = *c->preset;
  c->frame = &frame;
  c->scope = f->instance ? f->instance->scope : NULL;
  Value v = value_poison();
  const Node *body = f->node->kid[1];
  bind_call_sizes(c, f->node, call, slot);
  if (bind_arguments(c, f, call, slot, n)) {
    v = eval_block(c, body);
    const Node *last = body->kind == NODE_BLOCK && body->nkids ? body->kid[body->nkids - 1] : body;
    v = check_result(c, f->node, v, last->span);
  }
  c->scope = scope;
  c->frame = outer;
  v.name = NULL;
  return v;
}

/* ---- elementwise operators and casts by name ---- */
static Value call_map(Check *c, const FnValue *f, const Call *call) {
  static const char *const letters[] = {"a", "b", "c"};
  Name names[3] = {0};
  int arity = op_info[f->op].arity, slot[3];
  Value v[3];
  Span spans[3];
  for (int i = 0; i < arity; i++) names[i] = name_of(c->cx, letters[i]);
  if (!bind_slots(c, f->name, names, arity, call, slot)) return value_poison();
  for (int i = 0; i < arity; i++) {
    if (slot[i] < 0) {
      fault_count(c, f->name, names, arity, call);
      return value_poison();
    }
    v[i] = call->arg[slot[i]].value;
    spans[i] = call->arg[slot[i]].span;
  }
  return apply_map(c, f->op, v, spans, arity, call->span);
}

static Value call_cast(Check *c, const FnValue *f, const Call *call) {
  if (call->n != 1 || call->arg[0].name) {
    Name x = name_of(c->cx, "x");
    fault_count(c, f->name, &x, 1, call);
    return value_poison();
  }
  return cast_value(c, call->arg[0].value, f->type, call->arg[0].span);
}

/* ---- the call ---- */
Value call_fn(Check *c, const FnValue *f, const Call *call) {
  for (int i = 0; i < call->n; i++)
    if (call->arg[i].value.kind == V_POISON) return value_poison();
  switch (f->kind) {
  case FN_DECL: return call_decl(c, f, call);
  case FN_BUILTIN: return call_builtin(c, f, call);
  case FN_MAP: return call_map(c, f, call);
  case FN_CAST: return call_cast(c, f, call);
  case FN_DERIV: return call_deriv(c, f, call);
  case FN_LAYER:
  case FN_LAYERS: return call_layer(c, f, call);
  }
  return value_poison();
}

static Value fault_callee(Check *c, const Node *n, const Value *f) {
  if (f->kind == V_POISON) return *f;
  Diag *d =
      fault(c, E0203, n->kid[0]->span, "this is %s, not a function", value_text(c->cx, c->b, f));
  fault_declared(c, d, f);
  if (f->kind == V_TENSOR) diag_hint(c->cx, d, "an index is written in brackets: x[i]");
  return value_poison();
}

/* Builtins whose arguments aren't values: derivatives with their `wrt:`, inside(x[..]),
 * unchecked(..) and require(..). */
static bool eval_special(Check *c, const Node *n, const Value *f, Value *out) {
  if (f->kind != V_FN || f->u.fn->kind != FN_BUILTIN) return false;
  switch (f->u.fn->builtin->id) {
  case BI_grad: *out = eval_deriv(c, n, DERIV_GRAD); return true;
  case BI_value_and_grad: *out = eval_deriv(c, n, DERIV_VALUE_AND_GRAD); return true;
  case BI_jvp: *out = eval_deriv(c, n, DERIV_JVP); return true;
  case BI_vjp: *out = eval_deriv(c, n, DERIV_VJP); return true;
  case BI_hvp: *out = eval_deriv(c, n, DERIV_HVP); return true;
  case BI_jacobian: *out = eval_deriv(c, n, DERIV_JACOBIAN); return true;
  case BI_hessian: *out = eval_deriv(c, n, DERIV_HESSIAN); return true;
  case BI_vmap: *out = eval_deriv(c, n, DERIV_VMAP); return true;
  case BI_inside:
    if (n->nkids == 2 && n->kid[1]->kind == NODE_INDEX) {
      *out = eval_index(c, n->kid[1], true);
    } else {
      Diag *d = fault(c, E0509, n->span, "`inside` takes one read of a tensor");
      diag_hint(c->cx, d, "as in inside(x[i - 1, j]): x there, and 0 where the index is outside");
      *out = value_poison();
    }
    return true;
  case BI_unchecked:
    if (n->nkids == 2 && n->kid[1]->kind != NODE_NAMED) {
      c->guarded++;
      *out = eval_expr(c, n->kid[1]);
      c->guarded--;
    } else {
      fault(c, E0204, n->span, "`unchecked` takes one expression with reads");
      *out = value_poison();
    }
    return true;
  case BI_require: *out = eval_require(c, n); return true;
  default: return false;
  }
}

bool eval_args(Check *c, const Node *n, Call *call) {
  bool good = true, named = false;
  *call = (Call){.n = n->nkids - 1, .span = n->span, .name_span = n->kid[0]->span};
  call->arg = NEWS(c->cx->arena, Arg, call->n + 1);
  for (int i = 0; i < call->n; i++) {
    const Node *a = n->kid[1 + i];
    Arg *arg = &call->arg[i];
    arg->span = a->span;
    if (a->kind == NODE_NAMED) {
      arg->name = a->name;
      named = true;
      a = a->kid[0];
    } else if (named) {
      Diag *d = fault(c, E0204, a->span, "a positional argument behind one given by name");
      diag_hint(c->cx, d, "arguments by name come last");
      good = false;
    }
    arg->value = eval_expr(c, a);
    good = good && arg->value.kind != V_POISON;
  }
  return good;
}

Value call_value(Check *c, const Node *n, const Value *f, const Call *call) {
  return f->kind == V_FN ? call_fn(c, f->u.fn, call) : fault_callee(c, n, f);
}

Value eval_call(Check *c, const Node *n) {
  Call call;
  Value out, f = eval_expr(c, n->kid[0]);
  if (eval_special(c, n, &f, &out)) return out;
  bool good = eval_args(c, n, &call);
  return good || f.kind != V_FN ? call_value(c, n, &f, &call) : value_poison();
}
