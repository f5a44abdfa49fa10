/* check_expr.c: expressions and statements, except calls and index notation. */
#include "front/check.h"
#include "ir/axis_names.h"

const char size_order_hint[] =
    "which of two named sizes is larger isn't known before a call: let one tell the other, as in "
    "`x: f64[N], y: f64[N + K]`, or set them, -D N=8";

bool expect_dim(Check *c, const Value *v, Span at, const char *what, Dim *out) {
  if (v->kind == V_POISON) return false;
  if (value_dim(v, out)) return true;
  Diag *d = fault(c, E0313, at, "%s must be an integer known at compile time, not %s", what,
                  value_text(c->cx, c->b, v));
  diag_note(c->cx, d,
            "literals, sizes, integer constants and what is computed from them are known");
  if (v->kind == V_WEAK && (v->u.weak->op == OP_idiv || v->u.weak->op == OP_mod))
    diag_hint(c->cx, d,
              "sizes are divided by numbers only: give the quotient a name of its own, as in "
              "`x: f64[Q*K]`");
  if (v->kind == V_WEAK && (v->u.weak->op == OP_min || v->u.weak->op == OP_max))
    diag_hint(c->cx, d, "%s", size_order_hint);
  return false;
}

/* ---- operators ---- */
/* Whether this operand of `and` or `or` alone decides it. */
static bool decides(Op op, const Value *v) {
  return v->kind == V_BOOL && (op == OP_and || op == OP_or) && v->u.truth == (op == OP_or);
}

static Value binary_step(Check *c, const Node *n, Value left) {
  bool second = n->u.op == OP_and || n->u.op == OP_or; /* `i < n and x[i] > 0` */
  if (decides(n->u.op, &left)) return left;            /* `rank(x) == 2 and size(x, 1) == 3` */
  const Guard *outer = c->guards;
  c->guarded += second;
  if (second) guard_condition(c, n->kid[0], n->u.op == OP_and);
  Value v[2] = {left, eval_expr(c, n->kid[1])};
  c->guards = outer;
  c->guarded -= second;
  Span spans[2] = {n->kid[0]->span, n->kid[1]->span};
  if (v[0].kind == V_POISON || v[1].kind == V_POISON) return value_poison();
  if (n->u.op == OP_contract) return matmul(c, v, spans, n->span);
  if (decides(n->u.op, &v[1]) && v[0].kind == V_TENSOR && ir_type(c->b, v[0].u.t.val) == T_BOOL &&
      !tensor_rank(c->b, &v[0]))
    return v[1];
  return apply_map(c, n->u.op, v, spans, 2, n->span);
}

/* A long chain a + b + c + ... leans to the left: walked without recursion. */
static Value eval_binary(Check *c, const Node *n) {
  Vec(const Node *) chain = {0};
  for (; n->kind == NODE_BINARY; n = n->kid[0]) vec_push(c->cx->arena, &chain, n);
  Value v = eval_expr(c, n);
  while (chain.n > 0) {
    n = chain.at[--chain.n];
    Span outer = c->b->span;
    if (!c->cx->sources.at[n->span.source].prelude) c->b->span = n->span;
    v = binary_step(c, n, v);
    c->b->span = outer;
  }
  return v;
}

static Value eval_unary(Check *c, const Node *n) {
  Value v = eval_expr(c, n->kid[0]);
  return apply_map(c, n->u.op, &v, &n->kid[0]->span, 1, n->span);
}

static Value eval_if(Check *c, const Node *n) {
  Value v[3];
  Span spans[3] = {n->kid[0]->span, n->kid[1]->span, n->kid[2]->span};
  v[0] = eval_expr(c, n->kid[0]);
  if (v[0].kind == V_BOOL) return eval_expr(c, n->kid[v[0].u.truth ? 1 : 2]);
  const char *many = states_refuse(
      c, "`if c then a else b` computes both values; `if c { .. } else { .. }` does one of both");
  for (int k = 1; k < 3; k++) { /* reads there need to be inside only where they are taken */
    const Guard *outer = c->guards;
    guard_condition(c, n->kid[0], k == 1);
    c->guarded++;
    v[k] = eval_expr(c, n->kid[k]);
    c->guarded--;
    c->guards = outer;
  }
  c->many = many;
  if (v[0].kind == V_POISON) return v[0];
  if (v[0].kind != V_TENSOR || ir_type(c->b, v[0].u.t.val) != T_BOOL) {
    Diag *d = fault(c, E0310, spans[0], "the condition of `if` is %s, not a truth value (bool)",
                    value_text(c->cx, c->b, &v[0]));
    diag_hint(c->cx, d, "compare it with something, as in `x > 0`");
    fault_declared(c, d, &v[0]);
    return value_poison();
  }
  return apply_select(c, v, spans, n->span);
}

static Value eval_items(Check *c, const Node *n, bool list) {
  Value *v = NEWS(c->cx->arena, Value, n->nkids + 1);
  Span *spans = NEWS(c->cx->arena, Span, n->nkids + 1);
  bool poison = false;
  for (int i = 0; i < n->nkids; i++) {
    v[i] = eval_expr(c, n->kid[i]);
    spans[i] = n->kid[i]->span;
    poison = poison || v[i].kind == V_POISON;
    if (n->kid[i]->kind != NODE_NAME) v[i].name = NULL;
  }
  if (!list) return value_tuple(c->cx, v, n->nkids);
  return poison ? value_poison() : move_stack(c, v, spans, n->nkids, n->span);
}

/* ---- index notation ---- */
static const char per_index[] = "index notation computes the values for all indices at once";

static bool define(Check *c, const Node *n, Value *out) {
  const char *many = states_refuse(c, per_index);
  bool good = eval_define(c, n, out);
  c->many = many;
  return good;
}

static Value reduce(Check *c, const Node *n) {
  const char *many = states_refuse(c, per_index);
  Value v = eval_reduce(c, n);
  c->many = many;
  return v;
}

/* ---- statements ---- */
/* The labels a value depends on are its leading axes. */
void name_axes(Check *c, Val v, const Labels *labels, Name name) {
  int rank = ir_shape(c->b, v)->rank;
  Name axis[IR_MAX_RANK] = {0};
  if (c->frame && c->frame->prelude) return;
  for (int i = 0; i < labels->n; i++) axis[i] = labels->at[i]->name;
  axis_names_note(c->cx, name, rank, axis);
}

void name_tensor(Check *c, const Value *v, Name name) {
  if (v->kind != V_TENSOR) return;
  ir_name(c->b, v->u.t.val, name);
  name_axes(c, v->u.t.val, value_labels(v), name);
}

static void eval_lets(Check *c, const Node *n) {
  Value v = eval_expr(c, n->kid[0]);
  int targets = n->nkids - 1;
  if (v.kind != V_POISON && (v.kind != V_TUPLE || v.u.tuple.n != targets)) {
    Diag *d = fault(c, E0312, n->kid[0]->span, "this is %s, but %d names take it apart",
                    value_text(c->cx, c->b, &v), targets);
    if (v.kind == V_TUPLE) diag_note(c->cx, d, "it has %d parts", v.u.tuple.n);
    else diag_hint(c->cx, d, "give it one name: let %s = ..", n->kid[1]->name);
    v = value_poison();
  }
  for (int i = 0; i < targets; i++) {
    const Node *target = n->kid[1 + i];
    Value part = v.kind == V_TUPLE ? v.u.tuple.item[i] : value_poison();
    name_tensor(c, &part, target->name);
    c->scope = scope_add(c, c->scope, target->name, part, target->span);
  }
}

static bool eval_flow(Check *c, const Node *n) {
  switch (n->kind) {
  case NODE_VAR: eval_var(c, n); return true;
  case NODE_ASSIGN: eval_assign(c, n); return true;
  case NODE_COLLECT: eval_collect(c, n); return true;
  case NODE_CHOICE: eval_choice(c, n); return true;
  case NODE_FOR:
  case NODE_WHILE: eval_loop_statement(c, n); return true;
  default: return false;
  }
}

void eval_statement(Check *c, const Node *n) {
  Value v = value_poison();
  if (eval_flow(c, n)) return;
  if (layer_statement(c, n)) return;
  switch (n->kind) {
  case NODE_PARAM: return; /* misplaced: was reported */
  case NODE_CLOSE:
  case NODE_CHECK: fault(c, E0219, n->span, "this belongs into a `test`"); return;
  case NODE_LET: v = eval_expr(c, n->kid[0]); break;
  case NODE_DEFINE:
    if (!define(c, n, &v)) v = value_poison();
    break;
  case NODE_LETS: eval_lets(c, n); return;
  default: eval_expr(c, n); return; /* an error: the parser takes no other as a statement */
  }
  name_tensor(c, &v, n->name);
  c->scope = scope_add(c, c->scope, n->name, v, n->name_span);
}

/* A block in an expression has variables of its own only: when it is evaluated is nobody's
 * business. */
static bool keeps_variables(Check *c, const Node *block) {
  Vars vars = assigned_vars(c, &block, 1);
  if (!vars.n) return true;
  Diag *d = fault(c, E0216, block->span,
                  "a block in an expression can't assign `%s`, which is declared around it",
                  vars.at[0]->name);
  diag_label(c->cx, d, vars.at[0]->span, "declared here");
  diag_hint(c->cx, d, "assign it the block's value");
  return false;
}

Value eval_block(Check *c, const Node *n) {
  if (n->kind != NODE_BLOCK) return eval_expr(c, n);
  if (!keeps_variables(c, n)) return value_poison();
  Scope *outer = c->scope;
  Value v = value_poison();
  for (int i = 0; i < n->nkids; i++) {
    const Node *s = n->kid[i];
    bool binds = s->kind >= NODE_LET && s->kind <= NODE_CHOICE;
    if (i + 1 < n->nkids || binds) eval_statement(c, s);
    else v = eval_expr(c, s);
    if (i + 1 == n->nkids && binds) {
      Diag *d = fault(c, E0109, s->span, "the block ends without a value");
      diag_hint(c->cx, d, "write the value as its last line");
    }
  }
  if (!n->nkids) fault(c, E0109, n->span, "the block is empty: it has no value");
  c->scope = outer;
  return v;
}

/* ---- the dispatch ---- */
static Value eval_kind(Check *c, const Node *n) {
  switch (n->kind) {
  case NODE_NAME: return name_value(c, n);
  case NODE_INT: return value_int(n->u.i);
  case NODE_FLOAT: return value_float(n->u.f);
  case NODE_BOOL: return value_bool(n->u.i != 0);
  case NODE_STRING: return (Value){.kind = V_STRING, .u.text = n->name};
  case NODE_UNARY: return eval_unary(c, n);
  case NODE_BINARY: return eval_binary(c, n);
  case NODE_IF: return eval_if(c, n);
  case NODE_CALL: return eval_call(c, n);
  case NODE_CHECKPOINT: return eval_checkpoint(c, n);
  case NODE_INDEX: return eval_index(c, n, false);
  case NODE_MEMBER: return eval_member(c, n);
  case NODE_REPEAT:
    fault(c, E0218, n->span,
          "`[layer(..); n]` makes an array of layers, and stands behind `let x =`");
    return value_poison();
  case NODE_REDUCE: return reduce(c, n);
  case NODE_TUPLE: return eval_items(c, n, false);
  case NODE_LIST: return eval_items(c, n, true);
  case NODE_BLOCK: return eval_block(c, n);
  case NODE_NAMED:
  case NODE_SLICE:
  case NODE_ELLIPSIS:
  case NODE_RANGE: cx_bug(c->cx, "a part of a call, an index or a label stands alone");
  default: return value_poison(); /* NODE_ERROR: was reported */
  }
}

Value eval_expr(Check *c, const Node *n) {
  if (!n || c->gave_up) return value_poison();
  cx_poll(c->cx);
  if (++c->depth > MAX_EVAL_DEPTH) {
    Diag *d = fault(c, E0811, n->span, "expressions and calls are nested too deeply here");
    diag_note(c->cx, d, "the limit is %d levels, those of called functions included",
              MAX_EVAL_DEPTH);
    c->gave_up = true;
  }
  Span outer = c->b->span;
  bool dividing = c->dividing;
  if (n->kind != NODE_BINARY && n->kind != NODE_UNARY) c->dividing = false;
  if (!c->cx->sources.at[n->span.source].prelude) c->b->span = n->span;
  Value v = c->gave_up ? value_poison() : eval_kind(c, n);
  c->b->span = outer;
  c->dividing = dividing;
  c->depth--;
  return v;
}
