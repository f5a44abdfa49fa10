/* rules.c: the partial derivatives of ops.def, the expansions of vmath.nn and the patterns of
 * pass/simplify.def as SSA functions, each parsed and checked the first time it is asked for. */
#include "front/check.h"
#include "front/rulebook.h"

#include "base/embedded.h"

typedef struct Rule {
  Op op;
  int operand; /* -1: the expansion */
  DType type;
  const Fn *fn;
} Rule;
typedef struct Pattern {
  const char *text;
  DType type;
  int32_t next; /* in its bucket: number + 1 */
  const Fn *fn;
} Pattern;
enum { PATTERN_BUCKETS = 256 };
typedef struct RuleState {
  RuleBook book; /* first: what the context points to */
  Program *partials, *expansions;
  Vec(Rule) known;
  Vec(Pattern) patterns; /* asked for at every instruction: hashed by the text's address */
  int32_t bucket[PATTERN_BUCKETS];
} RuleState;

static bool find_rule(RuleState *s, Op op, int operand, DType t, const Fn **out) {
  for (int i = 0; i < s->known.n; i++) {
    const Rule *r = &s->known.at[i];
    if (r->op == op && r->operand == operand && r->type == t) return *out = r->fn, true;
  }
  return false;
}

/* ---- partial derivatives ---- */
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

static const char *const letters[] = {"a", "b", "c"};

static Program *bare_program(Cx *cx, RuleState *s) {
  if (!s->partials) s->partials = front_new_bare(cx, true);
  return s->partials;
}

/* The text as a value of type t at that shape; NULL where it has none. */
static const Fn *finish_rule(Check *c, Name name, const char *text, DType t, const Shape *shape) {
  bool is_expr;
  int32_t source = cx_add_source(c->cx, name, text, strlen(text), true);
  const Node *n = ast_parse_line(c->cx, source, &is_expr);
  c->int_type = c->float_type = t;
  Value v = is_expr ? to_type(c, eval_expr(c, n), t, n->span) : value_poison();
  if (v.kind == V_POISON) return NULL;
  ir_output(c->b, NULL, align(c, &v, &no_labels, shape));
  return ir_finish(c->b);
}

static const Fn *build_partial(Cx *cx, RuleState *s, Op op, int i, DType t) {
  Name name = name_fmt(cx, "<rule %s/%s>", op_info[op].name, letters[i]);
  bool fold = op_kind(op) == KIND_FOLD;
  Unit unit = {0};
  Builder b = ir_begin(cx, name);
  Check c = check_begin(bare_program(cx, s), &unit, &b);
  Shape scalar = {0}, line = {.rank = 1, .dim = {dim_named(cx, name_of(cx, "K"))}};
  const Shape *shape = fold ? &line : &scalar;
  for (int k = 0; k < (fold ? 1 : op_info[op].arity); k++)
    add_operand(&c, letters[k], operand_type(op, k, t), shape);
  add_operand(&c, "y", result_type(op, t), &scalar);
  const Fn *fn = finish_rule(&c, name, op_info[op].partial[i], t, shape);
  if (!fn) cx_bug(cx, "the partial %s of the op table is wrong", name);
  return fn;
}

static const Fn *partial(Cx *cx, Op op, int i, DType t) {
  RuleState *s = (RuleState *)cx->rules;
  const Fn *fn = NULL;
  const char *text = op_info[op].partial[i];
  if (!text || !strcmp(text, LINEAR_CAST)) return NULL;
  if (find_rule(s, op, i, t, &fn)) return fn;
  fn = build_partial(cx, s, op, i, t);
  vec_push(cx->arena, &s->known, ((Rule){op, i, t, fn}));
  return fn;
}

/* ---- expansions ---- */
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

/* ---- patterns ---- */
/* A pattern may have no meaning for a type (a quotient of integers): then there is none, and no
 * diagnostic either. */
static const Fn *pattern(Cx *cx, const char *text, DType t) {
  RuleState *s = (RuleState *)cx->rules;
  uint64_t hash =
      (uint64_t)(uintptr_t)text * 0x9E3779B97F4A7C15u + (uint64_t)t * 0x632BE59BD9B4E019u;
  int32_t *head = &s->bucket[hash >> 56];
  for (int32_t i = *head; i; i = s->patterns.at[i - 1].next)
    if (s->patterns.at[i - 1].type == t && s->patterns.at[i - 1].text == text)
      return s->patterns.at[i - 1].fn;
  Name name = name_fmt(cx, "<pattern %s>", text);
  Unit unit = {0};
  Builder b = ir_begin(cx, name);
  Check c = check_begin(bare_program(cx, s), &unit, &b);
  Shape scalar = {0};
  int recorded = cx->diags->list.n, errors = cx->diags->errors;
  for (int k = 0; k < 3; k++) add_operand(&c, letters[k], t, &scalar);
  const Fn *fn = finish_rule(&c, name, text, t, &scalar);
  cx->diags->list.n = recorded;
  cx->diags->errors = errors;
  vec_push(cx->arena, &s->patterns, ((Pattern){text, t, *head, fn}));
  *head = s->patterns.n;
  return fn;
}

RuleBook *rules_new(Cx *cx) {
  RuleState *s = NEW(cx->arena, RuleState);
  s->book = (RuleBook){partial, expansion, pattern};
  return &s->book;
}
