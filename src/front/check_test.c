/* check_test.c: `test "title" { .. }`. In: its statements. Out: one SSA function whose outputs are
 * what the assertions compare, and a list that says which outputs belong to which. */
#include "front/check.h"

typedef struct Testing {
  Check *c;
  TestPlan *plan;
  bool good;
} Testing;

static int output(Testing *t, Val v) {
  ir_output(t->c->b, NULL, v);
  return t->c->b->fn->out.n - 1;
}

/* ---- comparisons ---- */
static bool add_pair(Testing *t, TestLine line, Value *v, const Span *spans) {
  Check *c = t->c;
  Shape s;
  const Labels *none = &no_labels;
  const char *word = line.kind == TEST_CLOSE ? "`~=`" : "`==`";
  if (!unify_types(c, v, spans, 2, word, line.span)) return false;
  if (!broadcast_shapes(c, v, spans, 2, word, line.span, &s)) return false;
  line.first = output(t, align(c, &v[0], none, &s));
  output(t, align(c, &v[1], none, &s));
  vec_push(c->cx->arena, &t->plan->lines, line);
  return true;
}

/* Tuples part by part. */
static bool add_pairs(Testing *t, TestLine line, const Value *a, const Value *b,
                      const Span *spans) {
  if (a->kind == V_POISON || b->kind == V_POISON) return false;
  Value v[2] = {*a, *b};
  if (a->kind != V_TUPLE && b->kind != V_TUPLE) return add_pair(t, line, v, spans);
  if (a->kind != b->kind || a->u.tuple.n != b->u.tuple.n) {
    fault(t->c, E0312, line.span, "%s and %s can't be compared", value_text(t->c->cx, t->c->b, a),
          value_text(t->c->cx, t->c->b, b));
    return false;
  }
  bool good = true;
  for (int i = 0; i < a->u.tuple.n; i++)
    good = add_pairs(t, line, &a->u.tuple.item[i], &b->u.tuple.item[i], spans) && good;
  return good;
}

static bool compare(Testing *t, TestKind kind, const Node *n) {
  Check *c = t->c;
  TestLine line = {.kind = kind, .span = n->span, .tolerance = -1};
  Value a = eval_expr(c, n->kid[0]), b = eval_expr(c, n->kid[1]);
  const Node *tol = kind == TEST_CLOSE ? n->kid[2] : NULL;
  Span spans[2] = {n->kid[0]->span, n->kid[1]->span};
  if (tol) {
    Value v = eval_expr(c, tol);
    if (v.kind == V_POISON) return false;
    line.tolerance = v.kind == V_FLOAT ? v.u.f : v.kind == V_INT ? (double)v.u.i : -1;
    if (!(line.tolerance >= 0)) {
      fault(c, E0219, tol->span, "a tolerance is a number from 0 on, known at compile time");
      return false;
    }
  }
  return add_pairs(t, line, &a, &b, spans);
}

static bool assert_true(Testing *t, const Node *n) {
  Value v = eval_expr(t->c, n);
  if (v.kind == V_POISON) return false;
  if (v.kind == V_BOOL) v = to_tensor(t->c, v, n->span);
  if (v.kind != V_TENSOR || ir_type(t->c->b, v.u.t.val) != T_BOOL) {
    Diag *d = fault(t->c, E0219, n->span, "a line of a test is an assertion, and this is %s",
                    value_text(t->c->cx, t->c->b, &v));
    diag_hint(t->c->cx, d, "compare it with something: `a == b`, or `a ~= b` but for rounding");
    return false;
  }
  TestLine line = {.kind = TEST_TRUE, .span = n->span, .first = output(t, v.u.t.val)};
  vec_push(t->c->cx->arena, &t->plan->lines, line);
  return true;
}

/* ---- check grad f(args) ---- */
static const Node *declared_arg(const FnValue *f, const Arg *a, int position) {
  if (f->kind != FN_DECL) return NULL;
  int first = ast_fixed(NODE_FN);
  if (!a->name) return first + position < f->node->nkids ? f->node->kid[first + position] : NULL;
  for (int i = first; i < f->node->nkids; i++)
    if (f->node->kid[i]->name == a->name) return f->node->kid[i];
  return NULL;
}

/* Floats become tensors, which can be moved; so does what the function declares as one. */
static Value movable(Check *c, const Node *arg, Value v, Span at) {
  DType type;
  bool typed = arg && arg->kid[0] && type_find(arg->kid[0]->name, &type) && type_is_float(type);
  if (typed && value_is_untyped(&v)) return to_type(c, v, type, at);
  bool floats = v.kind == V_FLOAT || (v.kind == V_WEAK && v.is_float);
  if (floats || (v.kind != V_TENSOR && v.kind < V_TUPLE && value_has_tensor(&v)))
    return to_tensor(c, v, at);
  return v;
}

static bool check_grad(Testing *t, const Node *n) {
  Check *c = t->c;
  const Node *node = n->kid[0];
  Call call;
  Value f = node->kind == NODE_CALL ? eval_expr(c, node->kid[0]) : value_poison();
  if (node->kind != NODE_CALL) fault(c, E0219, node->span, "`check grad` takes a call: f(args)");
  if (f.kind == V_POISON || !eval_args(c, node, &call)) return false;
  if (f.kind != V_FN) {
    fault(c, E0203, node->kid[0]->span, "this is %s, not a function", value_text(c->cx, c->b, &f));
    return false;
  }
  TestLine line = {.kind = TEST_GRADIENT, .span = n->span, .first = c->b->fn->out.n};
  Unit unit = {0};
  Builder b = ir_begin(c->cx, f.u.fn->name);
  Check own = check_begin(c->p, &unit, &b);
  b.span = n->span;
  for (int i = 0; i < call.n; i++) {
    Arg *a = &call.arg[i];
    const Node *arg = declared_arg(f.u.fn, a, i);
    a->value = movable(c, arg, a->value, a->span);
    if (a->value.kind == V_POISON) return false;
    if (a->value.kind != V_TENSOR) {
      if (!value_has_tensor(&a->value)) continue;
      fault(c, E0219, a->span,
            "the arguments of `check grad` are tensors or known at compile time");
      return false;
    }
    output(t, a->value.u.t.val);
    Name name = a->name ? a->name : arg ? arg->name : name_fmt(c->cx, "x%d", i);
    Val in = ir_input(&b, name, ir_type(c->b, a->value.u.t.val), ir_shape(c->b, a->value.u.t.val),
                      ROLE_ARG, a->span);
    a->value = value_tensor(in, NULL);
  }
  Value v = call_fn(&own, f.u.fn, &call);
  line.function = program_finish(&own, &v, n->span);
  if (line.function) vec_push(c->cx->arena, &t->plan->lines, line);
  return line.function != NULL;
}

/* ---- the whole test ---- */
static bool line_of(Testing *t, const Node *n) {
  Check *c = t->c;
  int faults = c->faults;
  if (n->kind == NODE_CLOSE) return compare(t, TEST_CLOSE, n);
  if (n->kind == NODE_CHECK) return check_grad(t, n);
  if (n->kind == NODE_BINARY && n->u.op == OP_eq) return compare(t, TEST_EQUAL, n);
  if (n->kind < NODE_LET || n->kind > NODE_CHOICE)
    return n->kind != NODE_ERROR && assert_true(t, n);
  eval_statement(c, n);
  return c->faults == faults;
}

bool front_test(Program *p, const Node *n, TestPlan *plan) {
  Unit unit = {0};
  Builder b = ir_begin(p->cx, n->name);
  Check c = check_begin(p, &unit, &b);
  Testing t = {&c, plan, true};
  *plan = (TestPlan){.title = n->name};
  b.span = n->span;
  for (int i = 0; i < n->nkids && !c.gave_up; i++) t.good = line_of(&t, n->kid[i]) && t.good;
  if (t.good) plan->fn = ir_finish(&b);
  return t.good;
}
