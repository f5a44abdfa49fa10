/* rules.c: the partial derivatives of ops.def and the expansions of vmath.nn as SSA functions, each
 * parsed and checked the first time it is asked for. */
#include "front/check.h"
#include "front/rulebook.h"

#include "base/embedded.h"

typedef struct Rule {
  Op op;
  int operand; /* -1: the expansion */
  DType type;
  const Fn *fn;
} Rule;
enum { LETTERS = 3 };

typedef struct Pattern {
  const char *text;
  DType type;
  const Fn *fn;
} Pattern;

typedef struct RuleState {
  RuleBook book; /* first: what the context points to */
  Program *partials, *expansions;
  Vec(Rule) known;
  Vec(Pattern) patterns;
} RuleState;

static bool find_rule(RuleState *s, Op op, int operand, DType t, const Fn **out) {
  for (int i = 0; i < s->known.n; i++) {
    const Rule *r = &s->known.at[i];
    if (r->op == op && r->operand == operand && r->type == t) return *out = r->fn, true;
  }
  return false;
}

/* ---- partial derivatives ------------------------------------------------------------------------------- */
/* The types of operand k and of the result for operands of type t. */
static DType operand_type(Op op, int k, DType t) {
  return op_info[op].typing == TY_SELECT && k == 0 ? T_BOOL : t;
}

static DType result_type(Op op, DType t) {
  switch (op_info[op].typing) {
  case TY_COMPARE: return T_BOOL;
  case TY_BITS: return t == T_F64 ? T_I64 : T_I32;
  case TY_FROM_BITS: return t == T_I64 ? T_F64 : T_F32;
  default: return t;
  }
}

static void add_operand(Check *c, const char *name, DType t, const Shape *s) {
  Name n = name_of(c->cx, name);
  Val v = ir_input(c->b, n, t, s, ROLE_ARG, (Span){0});
  c->scope = scope_add(c, c->scope, n, value_tensor(v, NULL), (Span){0});
}

static const Fn *build_partial(Cx *cx, RuleState *s, Op op, int i, DType t) {
  static const char *const letters[] = {"a", "b", "c"};
  const char *text = op_info[op].partial[i];
  Name name = name_fmt(cx, "<rule %s/%s>", op_info[op].name, letters[i]);
  bool is_expr, fold = op_kind(op) == KIND_FOLD;
  const Node *n = ast_parse_line(cx, cx_add_source(cx, name, text, strlen(text), true), &is_expr);
  Unit unit = {0};
  Builder b = ir_begin(cx, name);
  Check c = check_begin(s->partials, &unit, &b);
  c.int_type = c.float_type = t;
  Shape scalar = {0}, line = {.rank = 1, .dim = {dim_named(cx, name_of(cx, "K"))}};
  const Shape *shape = fold ? &line : &scalar;
  for (int k = 0; k < (fold ? 1 : op_info[op].arity); k++)
    add_operand(&c, letters[k], operand_type(op, k, t), shape);
  add_operand(&c, "y", result_type(op, t), &scalar);
  Value v = is_expr ? to_type(&c, eval_expr(&c, n), t, n->span) : value_poison();
  if (v.kind == V_POISON) cx_bug(cx, "the partial %s of the op table is wrong: %s", name, text);
  ir_output(&b, NULL, align(&c, &v, &no_labels, shape));
  return ir_finish(&b);
}

static const Fn *partial(Cx *cx, Op op, int i, DType t) {
  RuleState *s = (RuleState *)cx->rules;
  const Fn *fn = NULL;
  const char *text = op_info[op].partial[i];
  if (!text || !strcmp(text, LINEAR_CAST)) return NULL;
  if (find_rule(s, op, i, t, &fn)) return fn;
  if (!s->partials) s->partials = front_new_bare(cx, true);
  fn = build_partial(cx, s, op, i, t);
  vec_push(cx->arena, &s->known, ((Rule){op, i, t, fn}));
  return fn;
}

/* ---- expansions ---------------------------------------------------------------------------------------------- */
static const Fn *expansion(Cx *cx, Op op, DType t) {
  RuleState *s = (RuleState *)cx->rules;
  const Fn *fn = NULL;
  if (find_rule(s, op, -1, t, &fn)) return fn;
  if (!s->expansions) {
    s->expansions = front_new_bare(cx, false);
    int32_t source = cx_add_source(cx, "<vmath>", vmath_nn, vmath_nn_size, true);
    front_declare(s->expansions, ast_parse(cx, source));
  }
  Name name = name_fmt(cx, "%s_%s", op_info[op].name, type_info[t].word);
  if (front_fn_find(s->expansions, name)) {
    fn = front_function(s->expansions, name);
    if (!fn) cx_bug(cx, "the expansion %s is wrong", name);
  }
  vec_push(cx->arena, &s->known, ((Rule){op, -1, t, fn}));
  return fn;
}

/* ---- patterns of the simplifier ------------------------------------------------------------------------------- */
static const Fn *build_pattern(Cx *cx, RuleState *s, const char *text, DType t) {
  static const char *const letters[LETTERS] = {"a", "b", "c"};
  bool is_expr;
  Shape scalar = {0};
  Name name = name_of(cx, "<simplify>");
  const Node *n = ast_parse_line(cx, cx_add_source(cx, name, text, strlen(text), true), &is_expr);
  Unit unit = {0};
  Builder b = ir_begin(cx, name);
  Check c = check_begin(s->partials, &unit, &b);
  c.int_type = c.float_type = t;
  for (int k = 0; k < LETTERS; k++) add_operand(&c, letters[k], t, &scalar);
  Value v = is_expr ? to_type(&c, eval_expr(&c, n), t, n->span) : value_poison();
  if (v.kind == V_POISON) cx_bug(cx, "a rule of the simplifier is wrong: %s", text);
  ir_output(&b, NULL, align(&c, &v, &no_labels, &scalar));
  return ir_finish(&b);
}

static const Fn *pattern(Cx *cx, const char *text, DType t) {
  RuleState *s = (RuleState *)cx->rules;
  for (int i = 0; i < s->patterns.n; i++) /* the texts are literals of one table: one place each */
    if (s->patterns.at[i].text == text && s->patterns.at[i].type == t) return s->patterns.at[i].fn;
  if (!s->partials) s->partials = front_new_bare(cx, true);
  const Fn *fn = build_pattern(cx, s, text, t);
  vec_push(cx->arena, &s->patterns, ((Pattern){text, t, fn}));
  return fn;
}

RuleBook *rules_new(Cx *cx) {
  RuleState *s = NEW(cx->arena, RuleState);
  s->book = (RuleBook){partial, expansion, pattern};
  return &s->book;
}
