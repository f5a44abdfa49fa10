/* check_flow.c: variables and the statements that change them: `var`, assignments, and `if` with
 * blocks. A variable is a name with one value after the other; an assignment puts a new one into
 * the scope. An `if` whose condition is known at compile time picks its block; else both blocks
 * become bodies of a branch, and every variable that one of them assigns is a result of it. */
#include "front/check.h"

/* ---- variables ---- */
void eval_var(Check *c, const Node *n) {
  Value v = eval_expr(c, n->kid[0]);
  Var *var = NEW(c->cx->arena, Var);
  *var = (Var){n->name, n->name_span, ++c->vars};
  name_tensor(c, &v, n->name);
  c->scope = scope_add(c, c->scope, n->name, v, n->name_span);
  c->scope->var = var;
}

const Scope *var_entry(const Scope *s, const Var *var) {
  while (s && s->var != var) s = s->up;
  return s;
}

void assign_value(Check *c, const Var *var, Value v, Span at) {
  name_tensor(c, &v, var->name);
  c->scope = scope_add(c, c->scope, var->name, v, var->span);
  c->scope->var = var;
  c->scope->span = at;
}

void fault_changes(Check *c, const Var *var, const char *was, const char *is, Span at,
                   const char *where) {
  Diag *d = fault(c, E0320, at, "`%s` changes from %s to %s%s", var->name, was, is, where);
  diag_label(c->cx, d, var->span, "declared here");
  diag_hint(c->cx, d,
            "a variable keeps its element type%s; give a value of another kind a name of its own",
            *where ? " and shape" : "");
}

/* A literal takes the element type that the variable has by now. */
static Value with_type_of(Check *c, const Var *var, const Value *old, Value v, Span at) {
  bool typed = old->kind == V_TENSOR || old->kind == V_BOOL;
  if (!typed || v.kind == V_POISON || v.kind >= V_TUPLE) return v;
  DType t = old->kind == V_BOOL ? T_BOOL : ir_type(c->b, old->u.t.val);
  bool number = v.kind != V_TENSOR && v.kind != V_BOOL && t != T_BOOL;
  if (number) return to_type(c, v, t, at);
  if ((v.kind == V_BOOL && t == T_BOOL) || (v.kind == V_TENSOR && ir_type(c->b, v.u.t.val) == t))
    return v;
  fault_changes(c, var, type_info[t].word, value_text(c->cx, c->b, &v), at, "");
  return value_poison();
}

/* Whether a name that is no variable is a parameter, of the layer or of the program. */
static bool is_param(Check *c, Name name) {
  const FnValue *self = c->frame ? c->frame->self : NULL;
  const Decl *d = self ? layer_param(self, name) : NULL;
  if (!d && !(self && layer_has(self, name))) d = program_find(c->p, name, false);
  return d && d->node->kind == NODE_PARAM;
}

static Value fault_no_variable(Check *c, const Node *n) {
  const Scope *s = scope_find(c->scope, n->name);
  Diag *d;
  if (!s && is_param(c, n->name)) {
    d = fault(c, E0216, n->name_span, "`%s` is a parameter: training alone changes it", n->name);
    diag_hint(c->cx, d, "what a function assigns is declared by `state`: `state %s: ..`", n->name);
  } else if (s || program_find(c->p, n->name, false)) {
    d = fault(c, E0216, n->name_span, "`%s` is no variable: it keeps its value", n->name);
    if (s) diag_label(c->cx, d, s->span, "declared here");
    diag_hint(c->cx, d, "a variable is declared by `var`: `var %s2 = %s`", n->name, n->name);
  } else {
    d = fault(c, E0201, n->name_span, "there is no variable `%s` to assign", n->name);
    suggest(c, d, n->name, NULL, 0);
    diag_hint(c->cx, d,
              "`let %s = ..` names a value; `var %s = ..` declares a variable, before the loop "
              "where one changes it",
              n->name, n->name);
    c->scope = scope_add(c, c->scope, n->name, value_poison(), n->name_span); /* said once */
  }
  return value_poison();
}

void eval_assign(Check *c, const Node *n) {
  const Scope *s = scope_find(c->scope, n->name);
  Value v = eval_expr(c, n->kid[0]);
  if (!s && state_assign(c, n, v)) return;
  if (!s || !s->var) {
    fault_no_variable(c, n);
    return;
  }
  Value old = import_value(c, s->unit, s->value);
  if (n->u.op != OP_none) {
    Value pair[2] = {old, v};
    Span spans[2] = {n->name_span, n->kid[0]->span};
    v = apply_map(c, n->u.op, pair, spans, 2, n->span);
  }
  assign_value(c, s->var, with_type_of(c, s->var, &old, v, n->kid[0]->span), n->span);
}

/* ---- which variables blocks assign ---- */
typedef struct Hidden { /* a name that a block declares itself */
  struct Hidden *up;
  Name name;
} Hidden;

typedef struct Finder {
  Check *c;
  Vars vars;
} Finder;

static void found(Finder *f, Name name, const Hidden *hidden) {
  for (; hidden; hidden = hidden->up)
    if (hidden->name == name) return;
  const Scope *s = scope_find(f->c->scope, name);
  if (!s || !s->var) return;
  int at = 0;
  for (; at < f->vars.n && f->vars.at[at]->order <= s->var->order; at++)
    if (f->vars.at[at] == s->var) return;
  vec_push(f->c->cx->arena, &f->vars, s->var);
  for (int i = f->vars.n - 1; i > at; i--) f->vars.at[i] = f->vars.at[i - 1];
  f->vars.at[at] = s->var;
}

static Hidden *hide(Finder *f, Hidden *up, Name name) {
  Hidden *h = NEW(f->c->cx->arena, Hidden);
  *h = (Hidden){up, name};
  return h;
}

/* Returns what is hidden after the statement. */
static Hidden *find_assigned(Finder *f, const Node *n, Hidden *hidden) {
  Hidden *inside = hidden;
  if (!n) return hidden;
  switch (n->kind) {
  case NODE_BLOCK:
    for (int i = 0; i < n->nkids; i++) inside = find_assigned(f, n->kid[i], inside);
    return hidden;
  case NODE_ASSIGN: found(f, n->name, hidden); return hidden;
  case NODE_LETS:
    for (int i = 1; i < n->nkids; i++) hidden = hide(f, hidden, n->kid[i]->name);
    return hidden;
  case NODE_LET:
  case NODE_DEFINE:
  case NODE_VAR:
  case NODE_COLLECT: return hide(f, hidden, n->name);
  case NODE_CHOICE:
    find_assigned(f, n->kid[1], hidden);
    find_assigned(f, n->kid[2], hidden);
    return hidden;
  case NODE_FOR:
    find_assigned(f, n->kid[3], hide(f, hidden, n->name));
    return n->kid[2] ? hide(f, hidden, n->kid[2]->name) : hidden;
  case NODE_WHILE:
    find_assigned(f, n->kid[3], hidden);
    return n->kid[2] ? hide(f, hidden, n->kid[2]->name) : hidden;
  default: return hidden;
  }
}

Vars assigned_vars(Check *c, const Node *const *blocks, int n) {
  Finder f = {.c = c};
  for (int i = 0; i < n; i++) find_assigned(&f, blocks[i], NULL);
  return f.vars;
}

/* ---- blocks ---- */
/* Leaves the names of the block in scope: the caller takes what it needs and drops the rest. */
void eval_statements(Check *c, const Node *block) {
  if (!block) return;
  if (block->kind != NODE_BLOCK) {
    eval_statement(c, block); /* else if */
    return;
  }
  for (int i = 0; i < block->nkids && !c->gave_up; i++) eval_statement(c, block->kid[i]);
}

/* The block that a condition known at compile time picks: its assignments hold behind it. */
static void eval_picked(Check *c, const Node *block) {
  Scope *outer = c->scope;
  Vars vars = assigned_vars(c, &block, 1);
  eval_statements(c, block);
  const Scope *inner = c->scope;
  c->scope = outer;
  for (int i = 0; i < vars.n; i++) {
    const Scope *now = var_entry(inner, vars.at[i]);
    if (now != var_entry(outer, vars.at[i])) assign_value(c, vars.at[i], now->value, now->span);
  }
}

bool eval_condition(Check *c, const Node *n, const char *what, Value *out) {
  const char *many = c->many;
  if (*what == 'w') states_refuse(c, "it is in the condition of a loop");
  Value v = eval_expr(c, n);
  c->many = many;
  *out = v;
  if (v.kind == V_POISON) return false;
  if (v.kind == V_BOOL) return true;
  if (v.kind != V_TENSOR || ir_type(c->b, v.u.t.val) != T_BOOL) {
    Diag *d = fault(c, E0310, n->span, "the condition of `%s` is %s, not a truth value (bool)",
                    what, value_text(c->cx, c->b, &v));
    diag_hint(c->cx, d, "compare it with something, as in `x > 0`");
    return false;
  }
  if (!tensor_rank(c->b, &v)) return true;
  Diag *d = fault(c, E0323, n->span, "the condition of `%s` is %s: one truth value is needed", what,
                  value_text(c->cx, c->b, &v));
  fault_declared(c, d, &v);
  if (*what == 'i') diag_hint(c->cx, d, "to choose per element write `if c then a else b`");
  else diag_hint(c->cx, d, "let the loop run and choose per element: `x = if c then next else x`");
  return false;
}

bool expect_carried(Check *c, const Var *var, const Value *v, Span at) {
  if (v->kind == V_POISON) return false;
  if (v->kind < V_TUPLE) return true;
  Diag *d = fault(c, E0324, at,
                  "`%s` is %s: a loop or a run-time `if` can change tensors and numbers only",
                  var->name, value_text(c->cx, c->b, v));
  diag_label(c->cx, d, var->span, "declared here");
  return false;
}

/* ---- branches ---- */
typedef struct Side {
  Unit *unit; /* that its block is of: a body of its own, or what is around */
  Unit body;
  Builder b;
  const Scope *end;
  Fn *raw;
} Side;
typedef struct BranchResult {
  const Var *var;         /* or */
  const UnitState *state; /* a state */
  const Labels *labels;
  Span at;
} BranchResult;
typedef struct Choice {
  const Node *node;
  Value cond;
  Scope *outer;
  Side side[2];
  bool lanes; /* the condition depends on labels */
  Vec(BranchResult) results;
} Choice;

static Value side_value(Check *c, const Choice *x, int k, const Var *var, Span *at) {
  const Scope *s = var_entry(x->side[k].end, var);
  *at = s == var_entry(x->outer, var) ? x->node->span : s->span;
  return import_value(c, s->unit, s->value);
}

/* The values of both sides as tensors of one type and shape. */
static bool equal_sides(Check *c, Choice *x, const Var *var, Value *v, const Span *at,
                        Shape *shape) {
  const char *text[2];
  int lead = v[0].kind == V_TENSOR || v[0].kind == V_BOOL
                 ? 0
                 : v[1].kind == V_TENSOR || v[1].kind == V_BOOL;
  DType t = T_BOOL;
  for (int k = 0; k < 2; k++) {
    int side = k ? !lead : lead;
    bool adapts = value_is_untyped(&v[side]);
    region_resume(c, x->side[side].unit);
    bool floating = v[!side].kind == V_FLOAT || (v[!side].kind == V_WEAK && v[!side].is_float);
    if (!k && value_is_untyped(&v[side]) && floating)
      v[side] = to_type(c, v[side], c->float_type, at[side]);
    else if (!k || !value_is_untyped(&v[side])) v[side] = to_tensor(c, v[side], at[side]);
    else v[side] = to_type(c, v[side], t, at[side]);
    if (v[side].kind == V_POISON) return false;
    if (!k) t = ir_type(c->b, v[side].u.t.val);
    text[side] = value_text(c->cx, c->b, &v[side]);
    shape[side] = tensor_shape(c->b, &v[side]);
    if (k && adapts && !shape[side].rank) shape[side] = shape[!side];
  }
  DType t0 = ir_type(x->side[0].unit->b, v[0].u.t.val),
        t1 = ir_type(x->side[1].unit->b, v[1].u.t.val);
  if (t0 == t1 && shape_eq(&shape[0], &shape[1])) return true;
  Diag *d = fault(c, E0320, x->node->span, "`%s` is %s after one case and %s after the other",
                  var->name, text[0], text[1]);
  for (int k = 0; k < 2; k++) diag_label(c->cx, d, at[k], "%s", text[k]);
  diag_hint(c->cx, d, "both cases must leave one type and shape");
  return false;
}

/* The values of both sides as outputs of the bodies. */
static bool join_sides(Check *c, Choice *x, const Var *var, Value *v, const Span *at) {
  Shape shape[2];
  if (!equal_sides(c, x, var, v, at, shape)) return false;
  const Labels *all = labels_union(c->cx, value_labels(&v[0]), value_labels(&v[1]));
  for (int k = 0; k < 2; k++) {
    region_resume(c, x->side[k].unit);
    ir_output(c->b, var->name, align(c, &v[k], all, &shape[k]));
  }
  vec_push(c->cx->arena, &x->results, ((BranchResult){var, NULL, all, at[0]}));
  return true;
}

/* The values of both sides, chosen per lane. */
static bool choose_side(Check *c, Choice *x, const Var *var, Value *v, const Span *at) {
  Shape shape[2], scalar = {0};
  if (!equal_sides(c, x, var, v, at, shape)) return false;
  const Labels *all = labels_union(c->cx, value_labels(&v[0]), value_labels(&v[1]));
  all = labels_union(c->cx, all, value_labels(&x->cond));
  Value all_of[3] = {
      value_tensor(align(c, &x->cond, value_labels(&x->cond), &scalar), value_labels(&x->cond))};
  for (int k = 0; k < 2; k++) all_of[1 + k] = value_tensor(align(c, &v[k], all, &shape[k]), all);
  Span spans[3] = {x->node->span, at[0], at[1]};
  assign_value(c, var, apply_select(c, all_of, spans, x->node->span), x->node->span);
  return true;
}

/* The variable after the `if`; where it is a result of the branch, that comes later. */
static void join_variable(Check *c, Choice *x, const Var *var) {
  Unit *unit = c->unit;
  Value v[2];
  Span at[2];
  const Scope *before = var_entry(x->outer, var);
  if (var_entry(x->side[0].end, var) == before && var_entry(x->side[1].end, var) == before) return;
  for (int k = 0; k < 2; k++) {
    region_resume(c, x->side[k].unit);
    v[k] = side_value(c, x, k, var, &at[k]);
  }
  bool good = expect_carried(c, var, &v[0], at[0]) && expect_carried(c, var, &v[1], at[1]);
  region_resume(c, unit);
  bool known = !value_has_tensor(&v[0]) && !value_has_tensor(&v[1]);
  if (good && known && value_is_untyped(&v[0]) && value_is_untyped(&v[1])) {
    Value all[3] = {x->cond, v[0], v[1]};
    Span spans[3] = {x->node->span, at[0], at[1]};
    assign_value(c, var, apply_select(c, all, spans, x->node->span), x->node->span);
    return;
  }
  good = good && (x->lanes ? choose_side : join_sides)(c, x, var, v, at);
  region_resume(c, unit);
  if (!good) assign_value(c, var, value_poison(), x->node->span);
}

/* A state that one of the bodies assigns is a result like a variable. */
static void join_state(Check *c, Choice *x, const UnitState *s) {
  Unit *unit = c->unit;
  for (int i = 0; i < x->results.n; i++) {
    const UnitState *have = x->results.at[i].state;
    if (have && have->decl == s->decl && have->name == s->name) return;
  }
  for (int k = 0; k < 2; k++) {
    region_resume(c, x->side[k].unit);
    ir_output(c->b, s->name, state_value(c, s).u.t.val);
  }
  region_resume(c, unit);
  vec_push(c->cx->arena, &x->results, ((BranchResult){.state = s, .labels = &no_labels}));
}

static void join_states(Check *c, Choice *x) {
  for (int k = 0; k < 2 && !x->lanes; k++)
    for (int i = 0; i < x->side[k].unit->states.n; i++)
      join_state(c, x, &x->side[k].unit->states.at[i]);
}

static void assign_result(Check *c, const BranchResult *r, Value v) {
  if (r->var) {
    assign_value(c, r->var, v, r->at);
    return;
  }
  UnitState s = *r->state;
  s.value = v;
  state_put(c, &s);
}

static void emit_branch(Check *c, Choice *x) {
  RegionInputs in = {0};
  Fn *fn[2];
  for (int k = 0; k < 2; k++) {
    x->side[k].raw = ir_finish(&x->side[k].b);
    region_captures(c, x->side[k].unit, x->side[k].raw, k, false, &in);
  }
  for (int k = 0; k < 2; k++) fn[k] = region_fn(c, x->side[k].raw, k, NULL, 0, &in);
  Val *captures = NEWS(c->cx->arena, Val, in.n + 1);
  for (int i = 0; i < in.n; i++) captures[i] = in.at[i].outer;
  Val bundle = ir_branch(c->b, fn[0], fn[1], x->cond.u.t.val, captures, in.n);
  for (int i = 0; i < x->results.n; i++) {
    const BranchResult *r = &x->results.at[i];
    assign_result(c, r, value_tensor(ir_part(c->b, bundle, i), r->labels));
  }
}

/* A block as a body of its own, or, where the condition depends on labels, in place. */
static void eval_side(Check *c, Choice *x, int k) {
  const Node *n = x->node;
  Side *s = &x->side[k];
  s->unit = x->lanes ? c->unit : &s->body;
  c->guarded += x->lanes;
  if (x->lanes) c->unit->choices++;
  else region_enter(c, &s->body, &s->b, name_of(c->cx, k ? "otherwise" : "then"));
  const Guard *outer = c->guards;
  const char *many = c->many;
  if (x->lanes) states_refuse(c, "the condition is one per index, and both blocks are computed");
  guard_condition(c, n->kid[0], k == 0);
  eval_statements(c, n->kid[1 + k]);
  c->guards = outer;
  c->many = many;
  s->end = c->scope;
  c->scope = x->outer;
  c->guarded -= x->lanes;
  if (x->lanes) c->unit->choices--;
  else region_leave(c);
}

static void eval_branch(Check *c, const Node *n, Value cond) {
  Choice x = {.node = n, .cond = cond, .outer = c->scope, .lanes = value_labels(&cond)->n > 0};
  Vars vars = assigned_vars(c, (const Node *const[]){n->kid[1], n->kid[2]}, 2);
  int faults = c->faults;
  for (int k = 0; k < 2; k++) eval_side(c, &x, k);
  bool failed = c->faults != faults;
  for (int i = 0; i < vars.n; i++) join_variable(c, &x, vars.at[i]);
  if (c->faults == faults) join_states(c, &x);
  if (!failed && c->faults == faults && x.results.n) emit_branch(c, &x);
  else
    for (int i = 0; i < x.results.n; i++)
      if (x.results.at[i].var) assign_value(c, x.results.at[i].var, value_poison(), n->span);
}

void eval_choice(Check *c, const Node *n) {
  Value cond;
  if (++c->depth > MAX_EVAL_DEPTH) {
    fault(c, E0811, n->span, "statements are nested too deeply here");
    c->gave_up = true;
  }
  Vars vars = assigned_vars(c, (const Node *const[]){n->kid[1], n->kid[2]}, 2);
  Span span = c->b->span;
  if (c->gave_up || !eval_condition(c, n->kid[0], "if", &cond))
    for (int i = 0; i < vars.n; i++) assign_value(c, vars.at[i], value_poison(), n->span);
  else if (cond.kind == V_BOOL) eval_picked(c, n->kid[cond.u.truth ? 1 : 2]);
  else eval_branch(c, n, cond);
  c->b->span = span;
  c->depth--;
}
