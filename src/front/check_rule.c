/* check_rule.c: derivatives that the program gives itself, and checkpoints.
 *
 *   adjoint f(x, w; y, dy) = (.., ..)     adjoints of x and of the parameter w, from that of y =
 * f(x) tangent f(x, w, dx, dw; y) = ..       the tangent of y, from those of x and w checkpoint
 * f(x)                       f(x), whose values the backward pass computes again
 *
 * A call of such a function isn't inlined: it is a call instruction with the function and its rules
 * as bodies, which take the arguments and parameters as inputs. A rule is checked like a function
 * of its own, for the types of the call. Both rules are linear, which is checked here: so one of
 * them serves both modes (pass/adjoint_call.c). */
#include "front/deriv.h"
#include "front/rule.h"

/* ---- a call being built ---- */
typedef struct Ruled {
  Deriv d;      /* the function's body */
  Call inner;   /* its arguments, as values of a body */
  Value result; /* of it */
  int *first;   /* per declared argument: its first input, and how many */
  int *count;
  ValueKind *kind; /* what is given for it; V_POISON: nothing */
  int nargs;
  Vec(Val) extra;   /* operands behind the arguments: parameters, and what loops around give */
  Vec(bool) states; /* which of them are states, without derivatives */
  const FnValue *f;
} Ruled;

typedef struct RuleBody { /* a rule's body as it was built; inputs in the order of need */
  const Ruled *r;
  int kind;
  const Node *rule;
  Deriv d;
  int nparams;
  int *y,
      *seed;  /* inputs: per output of the function; per float output, or per float input named */
  int *param; /* inputs that are the parameters named */
  Value *out; /* results: adjoints of what is named, or tangents of the float outputs */
  int nout;
  Fn *raw;
} RuleBody;

static bool is_float_in(const Fn *f, int i) { return type_is_float(f->in.at[i].type); }
static bool is_float_out(const Fn *f, int i) {
  return type_is_float((DType)fn_ins(f, f->out.at[i].val)->type);
}

/* Which declared argument each given one is; its inputs. */
static bool find_inputs(Check *c, Ruled *r, const Call *call) {
  Name names[MAX_ARGS];
  bool optional[MAX_ARGS];
  int n = deriv_signature(c, r->f, names, optional), in = 0, positional = 0;
  r->nargs = MAX(n, call->n);
  r->first = NEWS(c->cx->arena, int, r->nargs + 1);
  r->count = NEWS(c->cx->arena, int, r->nargs + 1);
  r->kind = NEWS(c->cx->arena, ValueKind, r->nargs + 1);
  for (int k = 0; k < r->nargs; k++) r->kind[k] = V_POISON;
  for (int i = 0; i < call->n; i++) {
    int k = call->arg[i].name ? 0 : positional++;
    while (call->arg[i].name && k < n && names[k] != call->arg[i].name) k++;
    if (k >= r->nargs) return false; /* the call itself reports it */
    r->first[k] = in;
    Value v = r->inner.arg[i].value;
    r->kind[k] = v.kind;
    Vec(Value) todo = {0};
    vec_push(c->cx->arena, &todo, v);
    while (todo.n) {
      v = todo.at[--todo.n];
      if (v.kind == V_TENSOR) in++;
      for (int j = 0; v.kind == V_TUPLE && j < v.u.tuple.n; j++)
        vec_push(c->cx->arena, &todo, v.u.tuple.item[j]);
    }
    r->count[k] = in - r->first[k];
  }
  return true;
}

/* The function itself: its body, outputs with all labels. */
static bool build_function(Check *c, Ruled *r, const Call *call, bool again) {
  Deriv *d = &r->d;
  Scope *scope = c->scope;
  d->body = ir_begin(c->cx, r->f->name);
  d->body.span = c->b->span;
  if (!deriv_lift_call(c, d, call, &r->inner)) return false;
  bool found = find_inputs(c, r, call);
  FnValue *plain = arena_copy(c->cx->arena, r->f, sizeof *plain);
  plain->plain = true;
  deriv_enter(c, d);
  const char *many = c->many;
  if (!again) states_refuse(c, "the function has a derivative rule of its own");
  r->result = call_fn(c, plain, &r->inner);
  c->many = many;
  bool good = found && r->result.kind != V_POISON && deriv_outputs(c, d, &r->result);
  if (good) state_outputs(c);
  if (good) d->fn = ir_finish(&d->body);
  deriv_leave(c, d);
  c->scope = scope;
  return good;
}

/* ---- a rule's body ---- */
static int new_input(Check *c, Name name, DType t, const Shape *s, Span at) {
  int i = c->b->fn->in.n;
  ir_input(c->b, name, t, s, ROLE_ARG, at);
  return i;
}

static Value input_value(Check *c, const RuleBody *b, int i) {
  return value_tensor(c->b->fn->in.at[i].val, b->r->d.batch);
}

/* The parameters that the rule names. */
static bool named_params(Check *c, RuleBody *b) {
  int nargs = rule_fn_args(b->r->f->node);
  b->nparams = rule_params(c->p, b->rule, nargs);
  b->param = NEWS(c->cx->arena, int, b->nparams + 1);
  for (int i = 0; i < b->nparams; i++) {
    const Node *n = rule_before(b->rule)->kid[nargs + i];
    Decl *d = program_find(c->p, n->name, false);
    Value v = d && d->node->kind == NODE_PARAM ? unit_param(c, d) : value_poison();
    if (!d || d->node->kind != NODE_PARAM)
      fault(c, E0409, n->span, "the program has no parameter `%s`", n->name);
    else if (decl_is_state(d)) {
      fault(c, E0409, n->span, "`%s` is a state, which has no derivative: a rule doesn't name it",
            n->name);
      return false;
    }
    if (v.kind == V_POISON) return false;
    b->param[i] = (int)ir_ins(c->b, v.u.t.val)->u.i;
  }
  return true;
}

/* What the names behind the arguments stand for, as arguments of the rule's function. */
static void give(Check *c, RuleBody *b, Call *call, int *next, Value v) {
  const Node *arg = rule_fn_arg(b->r->f->run[b->kind]->node, (*next)++);
  (void)c;
  call->arg[call->n++] = (Arg){arg->name, arg->span, v};
}

static bool fault_names(Check *c, const RuleBody *b, int got, const char *what, int want) {
  Diag *d = fault(c, E0409, b->rule->name_span, "this `%s` has %d name%s for %s, not %d",
                  rule_word[b->kind], got, got == 1 ? "" : "s", what, want);
  diag_label(c->cx, d, b->r->d.span, "for this call");
  return false;
}

/* y, as one name or one per result. */
static void make_results(Check *c, RuleBody *b, Value *each) {
  const Fn *f = b->r->d.fn;
  b->y = NEWS(c->cx->arena, int, f->out.n + 1);
  for (int k = 0; k < f->out.n; k++) {
    const Ins *y = fn_ins(f, f->out.at[k].val);
    b->y[k] = new_input(c, f->out.at[k].name ? f->out.at[k].name : name_of(c->cx, "y"),
                        (DType)y->type, &y->shape, y->span);
    each[k] = input_value(c, b, b->y[k]);
  }
}

static bool give_behind(Check *c, RuleBody *b, Call *call, int *next) {
  const Fn *f = b->r->d.fn;
  int names = rule_behind(b->rule)->nkids, floats = fn_float_outputs(f), k = 0, at = 0;
  bool adjoint = b->kind == ADJOINT;
  Value *y = NEWS(c->cx->arena, Value, f->out.n + 1), *dy = NEWS(c->cx->arena, Value, f->out.n + 1);
  make_results(c, b, y);
  if (adjoint) b->seed = NEWS(c->cx->arena, int, floats + 1);
  for (int i = 0; i < f->out.n; i++) {
    dy[i] = value_int(0);
    if (!adjoint || !is_float_out(f, i)) continue;
    const Ins *in = fn_ins(f, f->out.at[i].val);
    Shape s = in->shape;
    b->seed[k] = new_input(c, name_of(c->cx, "dy"), (DType)in->type, &s, in->span);
    dy[i] = input_value(c, b, b->seed[k++]);
  }
  bool whole = names == 1 + adjoint, flat = names == f->out.n + (adjoint ? floats : 0);
  if (!whole && !flat) return fault_names(c, b, names, "results", 1 + adjoint);
  if (whole) give(c, b, call, next, deriv_rebuild(c, &b->r->result, y, &at));
  for (int i = 0; !whole && i < f->out.n; i++) give(c, b, call, next, y[i]);
  at = 0;
  if (whole && adjoint) give(c, b, call, next, deriv_rebuild(c, &b->r->result, dy, &at));
  for (int i = 0; !whole && adjoint && i < f->out.n; i++)
    if (is_float_out(f, i)) give(c, b, call, next, dy[i]);
  return true;
}

/* A value like v with the tangents of its tensors; 0 for what has none. */
static Value tangent_like(Check *c, RuleBody *b, const Value *v, int *k) {
  if (v->kind == V_TUPLE) {
    Value *item = NEWS(c->cx->arena, Value, v->u.tuple.n + 1);
    for (int i = 0; i < v->u.tuple.n; i++) item[i] = tangent_like(c, b, &v->u.tuple.item[i], k);
    return value_tuple(c->cx, item, v->u.tuple.n);
  }
  if (v->kind != V_TENSOR || !type_is_float(ir_type(c->b, v->u.t.val))) return value_int(0);
  Shape s = *ir_shape(c->b, v->u.t.val);
  Name name = name_fmt(c->cx, "d_%s", v->name ? v->name : "x");
  b->seed[*k] = new_input(c, name, ir_type(c->b, v->u.t.val), &s, b->rule->span);
  return value_tensor(c->b->fn->in.at[b->seed[(*k)++]].val, value_labels(v));
}

/* The tangents of the arguments in the order of their declaration, then of the parameters named. */
static bool give_tangents(Check *c, RuleBody *b, Call *call, int *next) {
  const Ruled *r = b->r;
  int nargs = rule_fn_args(r->f->node), names = rule_before(b->rule)->nkids - nargs - b->nparams,
      k = 0, given = 0;
  Value *tangent = NEWS(c->cx->arena, Value, nargs + b->nparams + 1);
  bool *floats = NEWS(c->cx->arena, bool, nargs + b->nparams + 1);
  b->seed = NEWS(c->cx->arena, int, r->d.in.n + b->nparams + 1);
  for (int i = 0; i < nargs; i++) {
    tangent[i] = value_int(0);
    for (int j = 0, positional = 0; j < r->inner.n; j++) {
      const Arg *a = &r->inner.arg[j];
      int at = a->name ? -1 : positional++;
      if (at != i && (at >= 0 || a->name != rule_fn_arg(r->f->node, i)->name)) continue;
      int from = k;
      tangent[i] = tangent_like(c, b, &a->value, &k);
      floats[i] = k > from;
    }
  }
  for (int i = 0; i < b->nparams; i++) {
    const Input *p = &c->b->fn->in.at[b->param[i]];
    Shape s = p->shape;
    b->seed[k] = new_input(c, name_fmt(c->cx, "d_%s", p->name), p->type, &s, b->rule->span);
    tangent[nargs + i] = input_value(c, b, b->seed[k++]);
    floats[nargs + i] = true;
  }
  for (int i = 0; i < nargs + b->nparams; i++) given += floats[i];
  bool all = names == nargs + b->nparams;
  if (!all && names != given) return fault_names(c, b, names, "tangents", given);
  for (int i = 0; i < nargs + b->nparams; i++)
    if (all || floats[i]) give(c, b, call, next, tangent[i]);
  return true;
}

/* Evaluates the rule; its value's tensors. */
static bool run_rule(Check *c, RuleBody *b, Value *result) {
  const Ruled *r = b->r;
  const FnValue *run = r->f->run[b->kind];
  int nargs = rule_fn_args(r->f->node), next = nargs;
  Call call = {.arg = NEWS(c->cx->arena, Arg, rule_fn_args(run->node) + r->inner.n + 1),
               .span = r->d.span,
               .name_span = r->d.span};
  for (int i = 0, positional = 0; i < r->inner.n; i++) {
    Arg a = r->inner.arg[i];
    int k = a.name ? 0 : positional++;
    while (a.name && rule_fn_arg(r->f->node, k)->name != a.name) k++;
    a.name = rule_fn_arg(run->node, k)->name;
    call.arg[call.n++] = a;
  }
  if (!named_params(c, b)) return false;
  if (b->kind == TANGENT && !give_tangents(c, b, &call, &next)) return false;
  if (!give_behind(c, b, &call, &next)) return false;
  *result = call_fn(c, run, &call);
  return result->kind != V_POISON;
}

static int count_leaves(const Value *v) {
  int n = 0;
  if (v->kind != V_TUPLE) return 1;
  for (int i = 0; i < v->u.tuple.n; i++) n += count_leaves(&v->u.tuple.item[i]);
  return n;
}

static void leaves_of(const Value *v, Value *out, int *n) {
  if (v->kind != V_TUPLE) out[(*n)++] = *v;
  for (int i = 0; v->kind == V_TUPLE && i < v->u.tuple.n; i++)
    leaves_of(&v->u.tuple.item[i], out, n);
}

/* One result as an output of the type and shape it belongs to. */
static bool result_like(Check *c, const RuleBody *b, const Value *given, DType t,
                        const Shape *whole, Name name, Val *out) {
  const Labels *batch = b->r->d.batch;
  Shape want = {.rank = whole->rank - batch->n}, got;
  for (int i = 0; i < want.rank; i++) want.dim[i] = whole->dim[batch->n + i];
  Span at = b->rule->kid[0]->span;
  Value v = to_type(c, *given, t, at);
  if (v.kind == V_POISON) return false;
  Shape s = tensor_shape(c->b, &v);
  bool adapts = value_is_untyped(given) && broadcast_dims(&s, &want, &got);
  if (shape_eq(adapts ? &got : &s, &want)) return *out = align(c, &v, batch, &want), true;
  const char *of = name ? name_fmt(c->cx, "`%s`", name) : "the result";
  Diag *d = fault(c, E0410, at, "the %s of %s is %s here, and %s is %s", rule_word[b->kind], of,
                  value_text(c->cx, c->b, &v), of, type_text(c->cx, t, &want));
  diag_label(c->cx, d, b->r->d.span, "for this call");
  return false;
}

/* The inputs whose adjoints the rule gives: floats among the arguments as declared, then
 * parameters. */
static int adjoint_inputs(const RuleBody *b, int *input) {
  const Ruled *r = b->r;
  int n = 0;
  for (int k = 0; k < r->nargs; k++)
    for (int i = r->first[k]; i < r->first[k] + r->count[k]; i++)
      if (is_float_in(r->d.fn, i)) input[n++] = i;
  for (int i = 0; i < b->nparams; i++) input[n++] = b->param[i];
  return n;
}

/* For which arguments a rule may have results besides those that are floats: numbers without a
 * type, which in another call would be floats; integers; any. */
enum { WITH_NUMBERS, WITH_INTEGERS, WITH_ALL };

static bool has_adjoint(const Ruled *r, int k) {
  return r->count[k] == 1 && is_float_in(r->d.fn, r->first[k]);
}

static bool may_have_result(const Ruled *r, int k, int with) {
  ValueKind v = r->kind[k];
  return has_adjoint(r, k) || with == WITH_ALL || v == V_FLOAT || v == V_WEAK ||
         (with == WITH_INTEGERS && v == V_INT);
}

/* Results also for arguments that have no adjoint: only the others count. */
static int only_floats(const RuleBody *b, Value *leaf, int n) {
  const Ruled *r = b->r;
  for (int k = 0; k < r->nargs; k++)
    if (r->count[k] > 1) return n;
  for (int with = WITH_NUMBERS; with <= WITH_ALL; with++) {
    int results = 0, kept = 0, at = 0;
    for (int k = 0; k < r->nargs; k++) results += may_have_result(r, k, with);
    if (results + b->nparams != n) continue;
    for (int k = 0; k < r->nargs; k++) {
      if (has_adjoint(r, k)) leaf[kept++] = leaf[at];
      at += may_have_result(r, k, with);
    }
    while (at < n) leaf[kept++] = leaf[at++];
    return kept;
  }
  return n;
}

static bool take_results(Check *c, RuleBody *b, const Value *result) {
  const Fn *f = b->r->d.fn;
  int n = count_leaves(result), k = 0, want = 0;
  Value *leaf = NEWS(c->cx->arena, Value, n + 1);
  int *input = NEWS(c->cx->arena, int, b->r->d.in.n + b->nparams + 1);
  leaves_of(result, leaf, &k);
  bool adjoint = b->kind == ADJOINT;
  want = adjoint ? adjoint_inputs(b, input) : fn_float_outputs(f);
  if (adjoint && n != want) n = only_floats(b, leaf, n);
  if (!adjoint && n != want && n == f->out.n)
    for (int i = n = 0; i < f->out.n; i++)
      if (is_float_out(f, i)) leaf[n++] = leaf[i];
  if (n != want) {
    Diag *d = fault(c, E0410, b->rule->kid[0]->span, "this %s has %d result%s, and %d %s wanted",
                    rule_word[b->kind], n, n == 1 ? "" : "s", want, want == 1 ? "is" : "are");
    diag_label(c->cx, d, b->r->d.span, "for this call");
    return false;
  }
  b->nout = n;
  bool good = true;
  for (int i = 0, o = 0; i < n && good; i++) {
    while (!adjoint && !is_float_out(f, o)) o++;
    const Input *in = adjoint ? &c->b->fn->in.at[input[i]] : NULL;
    const Ins *y = adjoint ? NULL : fn_ins(f, f->out.at[o++].val);
    Shape s = in ? in->shape : y->shape;
    Val v;
    good =
        result_like(c, b, &leaf[i], in ? in->type : (DType)y->type, &s, in ? in->name : NULL, &v);
    if (good) ir_output(c->b, NULL, v);
  }
  return good;
}

/* The body as it is built: inputs are the arguments, then whatever is asked for. */
static bool build_rule(Check *c, const Ruled *r, int kind, RuleBody *b) {
  *b = (RuleBody){.r = r, .kind = kind, .rule = r->f->rule[kind], .d = r->d};
  Deriv *d = &b->d;
  Scope *scope = c->scope;
  Value result;
  d->body = ir_begin(c->cx, r->f->run[kind]->name);
  d->body.span = b->rule->span;
  for (int i = 0; i < d->in.n; i++) {
    const Input *in = &r->d.fn->in.at[i]; /* the numbers of the values in r->inner as well */
    ir_input(&d->body, in->name, in->type, &in->shape, ROLE_ARG, in->span);
  }
  deriv_enter(c, d);
  bool good = run_rule(c, b, &result) && take_results(c, b, &result);
  if (good) b->raw = ir_finish(&d->body);
  deriv_leave(c, d);
  c->scope = scope;
  return good;
}

/* ---- bodies with the same inputs ---- */
static int extra_number(Check *c, Ruled *r, Val operand, bool state) {
  for (int i = 0; i < r->extra.n; i++)
    if (r->extra.at[i] == operand && r->states.at[i] == state) return i;
  vec_push(c->cx->arena, &r->extra, operand);
  vec_push(c->cx->arena, &r->states, state);
  return r->extra.n - 1;
}

static bool is_own(const RuleBody *b, int i) {
  const Fn *f = b->r->d.fn;
  int seeds = b->kind == ADJOINT ? fn_float_outputs(f) : 0;
  for (int k = 0; k < f->out.n; k++)
    if (b->y[k] == i) return true;
  if (b->kind == TANGENT) {
    int *input = NEWS(f->cx->arena, int, b->r->d.in.n + b->nparams + 1);
    seeds = adjoint_inputs(b, input);
  }
  for (int k = 0; k < seeds; k++)
    if (b->seed[k] == i) return true;
  return false;
}

/* Adds the operands that a body wants besides the arguments. b: NULL for the function itself. */
static bool find_extras(Check *c, Ruled *r, const Deriv *d, const RuleBody *b, const Fn *raw,
                        int **number) {
  *number = NEWS(c->cx->arena, int, raw->in.n + 1);
  for (int i = d->in.n; i < raw->in.n; i++) {
    (*number)[i] = -1;
    if (b && is_own(b, i)) continue;
    Val v = deriv_operand(c, d, raw, i);
    if (!v) return false;
    (*number)[i] = extra_number(c, r, v, raw->in.at[i].role == ROLE_STATE);
  }
  return true;
}

static Builder begin_final(Check *c, const Ruled *r, Name name, Span at, Val *extra,
                           const RuleBody *b, Val *args) {
  const Fn *raw = b ? b->raw : r->d.fn;
  Builder f = ir_begin(c->cx, name);
  f.span = f.fn->span = at;
  for (int i = 0; i < r->d.in.n; i++)
    args[i] = ir_input(&f, raw->in.at[i].name, raw->in.at[i].type, &raw->in.at[i].shape, ROLE_ARG,
                       raw->in.at[i].span);
  for (int i = 0; i < r->extra.n; i++) {
    const Ins in = *ir_ins(c->b, r->extra.at[i]);
    extra[i] = ir_input(&f, in.hint, (DType)in.type, &in.shape, ROLE_ARG, in.span);
  }
  return f;
}

static Fn *final_function(Check *c, const Ruled *r, const int *number) {
  const Fn *raw = r->d.fn;
  Val *args = NEWS(c->cx->arena, Val, raw->in.n + 1),
      *extra = NEWS(c->cx->arena, Val, r->extra.n + 1);
  Val *outs = NEWS(c->cx->arena, Val, raw->out.n + 1);
  Builder f = begin_final(c, r, raw->name, raw->span, extra, NULL, args);
  for (int i = r->d.in.n; i < raw->in.n; i++) args[i] = extra[number[i]];
  ir_inline(&f, raw, args, outs);
  for (int k = 0; k < raw->out.n; k++) ir_output(&f, raw->out.at[k].name, outs[k]);
  return ir_finish(&f);
}

/* Which of the things the rule is for is the float input of the final function; -1: none. */
static int named_as(const RuleBody *b, const int *number, int input, bool extra) {
  int *list = NEWS(b->r->d.fn->cx->arena, int, b->r->d.in.n + b->nparams + 1),
      n = adjoint_inputs(b, list);
  for (int k = 0; k < n; k++)
    if (extra ? list[k] >= b->r->d.in.n && number[list[k]] == input : list[k] == input) return k;
  return -1;
}

/* Whether a rule must name the float input, or give its function's derivative by it as 0. */
static bool must_be_named(const Ruled *r, const Fn *fn, int input) {
  int extra = input - r->d.in.n;
  return fn_uses_input(fn, input) && !(extra >= 0 && r->states.at[extra]);
}

static bool fault_unnamed(Check *c, const RuleBody *b, Name name) {
  Diag *d =
      fault(c, E0410, b->rule->name_span,
            "`%s` uses the parameter `%s`, which this rule doesn't name", b->r->f->name, name);
  diag_hint(c->cx, d, "name it behind the arguments: `%s %s(.., %s%s; ..)`", rule_word[b->kind],
            b->r->f->name, name, b->kind == TANGENT ? ", .." : "");
  return false;
}

static Fn *final_rule(Check *c, const RuleBody *b, const Fn *fn, const int *number) {
  const Ruled *r = b->r;
  const Fn *raw = b->raw, *f = r->d.fn;
  Arena *a = c->cx->arena;
  int nin = r->d.in.n;
  Val *args = NEWS(a, Val, raw->in.n + 1), *extra = NEWS(a, Val, r->extra.n + 1),
      *outs = NEWS(a, Val, raw->out.n + 1);
  Builder g = begin_final(c, r, raw->name, b->rule->span, extra, b, args);
  for (int i = nin; i < raw->in.n; i++)
    if (number[i] >= 0) args[i] = extra[number[i]];
  for (int i = 0; b->kind == TANGENT && i < fn->in.n; i++) {
    if (!is_float_in(fn, i)) continue;
    int k = named_as(b, number, i < nin ? i : i - nin, i >= nin);
    if (k < 0 && must_be_named(r, fn, i)) return fault_unnamed(c, b, fn->in.at[i].name), NULL;
    Val t = ir_input(&g, name_fmt(c->cx, "d_%s", fn->in.at[i].name ? fn->in.at[i].name : "x"),
                     fn->in.at[i].type, &fn->in.at[i].shape, ROLE_ARG, b->rule->span);
    if (k >= 0) args[b->seed[k]] = t;
  }
  for (int k = 0; k < f->out.n; k++) {
    const Input *in = &raw->in.at[b->y[k]];
    args[b->y[k]] = ir_input(&g, in->name, in->type, &in->shape, ROLE_ARG, in->span);
  }
  for (int k = 0; b->kind == ADJOINT && k < fn_float_outputs(f); k++) {
    const Input *in = &raw->in.at[b->seed[k]];
    args[b->seed[k]] = ir_input(&g, in->name, in->type, &in->shape, ROLE_ARG, in->span);
  }
  ir_inline(&g, raw, args, outs);
  for (int k = 0; b->kind == TANGENT && k < raw->out.n; k++) ir_output(&g, NULL, outs[k]);
  for (int i = 0; b->kind == ADJOINT && i < fn->in.n; i++) {
    if (!is_float_in(fn, i)) continue;
    int k = named_as(b, number, i < nin ? i : i - nin, i >= nin);
    if (k < 0 && must_be_named(r, fn, i)) return fault_unnamed(c, b, fn->in.at[i].name), NULL;
    ir_output(&g, NULL,
              k >= 0 ? outs[k] : ir_const_f(&g, fn->in.at[i].type, &fn->in.at[i].shape, 0));
  }
  return ir_finish(&g);
}

/* ---- linear? ---- */
static bool check_linear(Check *c, const RuleBody *b, const Fn *fn, const Fn *rule) {
  const Ins *culprit;
  int from = b->kind == ADJOINT ? fn->in.n + fn->out.n : fn->in.n;
  int to = b->kind == ADJOINT ? rule->in.n : fn->in.n + fn_float_inputs(fn);
  if (ir_is_linear(rule, from, to, &culprit)) return true;
  const Node *last = b->kind == ADJOINT ? rule_behind(b->rule) : rule_before(b->rule);
  Name name = last->kid[last->nkids - 1]->name;
  Diag *d = fault(c, E0411, culprit && culprit->span.source ? culprit->span : b->rule->kid[0]->span,
                  "this %s isn't linear in `%s`", rule_word[b->kind], name);
  if (culprit)
    diag_note(c->cx, d, "`%s` makes it so; a derivative is a sum of products with its direction",
              op_info[culprit->op].name);
  else diag_note(c->cx, d, "its value doesn't become 0 where `%s` is", name);
  diag_label(c->cx, d, b->rule->name_span, "the rule");
  return false;
}

/* ---- the call ---- */
static Value emit_call(Check *c, Ruled *r, bool again) {
  const Deriv *d = &r->d;
  RuleBody body[2];
  int *number[3];
  Fn *rule[2] = {NULL, NULL};
  if (!find_extras(c, r, d, NULL, d->fn, &number[2])) return value_poison();
  for (int k = 0; k < 2; k++) {
    if (again || !r->f->rule[k]) continue;
    if (!build_rule(c, r, k, &body[k]) ||
        !find_extras(c, r, &body[k].d, &body[k], body[k].raw, &number[k]))
      return value_poison();
  }
  Fn *fn = final_function(c, r, number[2]);
  for (int k = 0; k < 2; k++) {
    if (again || !r->f->rule[k]) continue;
    rule[k] = final_rule(c, &body[k], fn, number[k]);
    if (!rule[k] || !check_linear(c, &body[k], fn, rule[k])) return value_poison();
  }
  Val *args = NEWS(c->cx->arena, Val, fn->in.n + 1);
  for (int i = 0; i < d->in.n; i++) args[i] = d->in.at[i].outer;
  for (int i = 0; i < r->extra.n; i++) args[d->in.n + i] = r->extra.at[i];
  Val call = ir_call(c->b, fn, rule[0], rule[1], again, args);
  Value *parts = NEWS(c->cx->arena, Value, fn->out.n + 1);
  int next = 0;
  for (int k = 0; k < d->out.n; k++) parts[k] = value_tensor(ir_part(c->b, call, k), d->batch);
  state_take(c, &d->unit, call, d->out.n);
  return deriv_rebuild(c, &r->result, parts, &next);
}

static Value call_apart(Check *c, const FnValue *f, const Call *call, bool again) {
  for (int i = 0; i < call->n; i++)
    if (has_untyped_variable(&call->arg[i].value)) { /* a trial: the types are those of f itself */
      FnValue *plain = arena_copy(c->cx->arena, f, sizeof *f);
      plain->plain = true;
      return call_fn(c, plain, call);
    }
  FnValue *self = NEW(c->cx->arena, FnValue);
  *self =
      (FnValue){.kind = FN_DERIV, .mode = DERIV_VJP, .of = f, .name = f->name, .span = call->span};
  Ruled r = {.f = f,
             .d = {.f = self,
                   .span = call->span,
                   .called = true,
                   .batch = c->unit->batch ? c->unit->batch : &no_labels}};
  for (int i = 0; i < call->n; i++)
    r.d.batch = labels_union(c->cx, r.d.batch, labels_within(c->cx, &call->arg[i].value));
  return build_function(c, &r, call, again) ? emit_call(c, &r, again) : value_poison();
}

Value call_ruled(Check *c, const FnValue *f, const Call *call) {
  return call_apart(c, f, call, false);
}

Value eval_checkpoint(Check *c, const Node *n) {
  const Node *inner = n->kid[0];
  if (inner->kind != NODE_CALL) {
    Diag *d = fault(c, E0412, n->span, "`checkpoint` stands before the call of a function");
    diag_hint(c->cx, d,
              "as in `checkpoint f(x)`; a block of statements becomes a function of its own");
    return value_poison();
  }
  Call call;
  Value f = eval_expr(c, inner->kid[0]);
  bool good = eval_args(c, inner, &call);
  if (f.kind == V_POISON || !good) return value_poison();
  if (f.kind == V_FN && f.u.fn->kind != FN_LAYER && f.u.fn->kind != FN_LAYERS)
    return call_apart(c, f.u.fn, &call, true);
  return call_value(c, inner, &f, &call);
}
