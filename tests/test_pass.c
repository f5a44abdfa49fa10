/* test_pass.c: the passes: every rule of the simplifier keeps the value, at ordinary and at special
 * operands; named sizes become numbers without changing anything else; f32 becomes f64; derivatives
 * nest in every combination. */
#include "driver/session.h"
#include "fixture.h"
#include "gen_program.h"
#include "ir/arith.h"
#include "ir/rules.h"
#include "laws.h"
#include "pass/pass.h"

#include <float.h>
#include <math.h>

/* ---- simplify.def ---- */
static const struct {
  const char *pattern, *becomes, *differ;
} rules[] = {
#define RULE(pattern, becomes, differ) {pattern, becomes, differ},
#include "pass/simplify.def"
#undef RULE
};

static const double points[] = {0.0, -0.0, 1.0,  -1.0,  0.5,   2.0, -3.25,    1e-3,     17.0,
                                0.1, -0.7, 1e10, -1e10, 1e-10, NAN, INFINITY, -INFINITY};
enum { NPOINTS = COUNT_OF(points), TRIPLES = NPOINTS * NPOINTS * NPOINTS };

/* Both sides as functions of three vectors, every triple of points at once. */
static Tensor side_values(const char *text, DType t, bool simplified) {
  const Fn *rule = cx->rules->pattern(cx, text, t);
  Builder b = ir_begin(cx, name_of(cx, "side"));
  Shape s = SHAPE(TRIPLES);
  Val args[3];
  Tensor in[3], out[1];
  for (int k = 0, stride = 1; k < 3; k++, stride *= NPOINTS) {
    args[k] = ir_input(&b, name_fmt(cx, "x%d", k), t, &s, ROLE_ARG, (Span){0});
    in[k] = tensor_new(cx, cx->arena, t, &s);
    for (int i = 0; i < TRIPLES; i++) tensor_set(&in[k], i, points[i / stride % NPOINTS]);
  }
  ir_output(&b, NULL, rule_inline_map(&b, rule, args, 3));
  const Fn *f = ir_finish(&b);
  if (simplified) f = pass_simplify(f);
  ck_assert_ptr_null(ir_verify(f));
  ir_eval(f, cx->arena, in, out, NULL);
  return out[0];
}

/* Where the table says that an overflow makes the difference, the pattern may be infinite or NaN
 * where the replacement isn't, or have lost what the replacement keeps. */
static bool alike(double x, double y, DType t, const char *differ) {
  double unit = t == T_F32 ? (double)FLT_EPSILON : DBL_EPSILON;
  if (x == y || (x != x && y != y)) return true;
  if (strstr(differ, "overflow") && (!isfinite(x) || fabs(y) > 15 || fabs(y) < 1e-3)) return true;
  if (strstr(differ, "closer") && fabs(x - y) <= 1e-5 * (1 + fabs(y))) return true;
  return fabs(x - y) <= 4 * unit * fabs(x);
}

static void check_rule(const char *pattern, const char *becomes, const char *differ) {
  for (int t = T_F32; t <= T_F64; t++) {
    Tensor x = side_values(pattern, (DType)t, false), y = side_values(becomes, (DType)t, false);
    Tensor z = side_values(pattern, (DType)t, true);
    for (int i = 0; i < TRIPLES; i++) {
      double a = tensor_get(&x, i), b = tensor_get(&y, i), c = tensor_get(&z, i);
      const char *at = text_printf(cx, "%s => %s in %s at a = %g, b = %g, c = %g", pattern, becomes,
                                   type_info[t].word, points[i % NPOINTS],
                                   points[i / NPOINTS % NPOINTS], points[i / NPOINTS / NPOINTS]);
      ck_assert_msg(alike(a, b, (DType)t, differ), "%s: %.17g and %.17g", at, a, b);
      ck_assert_msg(alike(a, c, (DType)t, differ), "%s: simplified %.17g, was %.17g", at, c, a);
    }
  }
}

static int rule_number;
static void one_rule(void) {
  check_rule(rules[rule_number].pattern, rules[rule_number].becomes, rules[rule_number].differ);
}
START_TEST(test_rules) {
  rule_number = _i;
  trapped(one_rule);
}
END_TEST

/* ---- sources ---- */
static double value_of(const Fn *f, uint64_t seed) {
  Tensor out[8];
  ir_eval(f, cx->arena, random_inputs(f, seed, SPICE_SMOOTH), out, NULL);
  double sum = 0;
  for (int i = 0; i < f->out.n; i++)
    for (int64_t k = 0; k < tensor_count(&out[i]); k++)
      sum += tensor_get(&out[i], k) * (double)(k + 1 + i);
  return sum;
}

static SizeBindings bound(const char *name, Dim value) {
  SizeBindings s = {0};
  size_bind(cx->arena, &s, name_of(cx, name), value);
  return s;
}

/* The function with named sizes, bound, and the one written with the numbers agree. */
static const struct {
  const char *text;
  int n;
} with_size[] = {
    {"fn f(x: f64[%s, 3]) = sum(x) / size(x, 0)", 4},
    {"fn f(x: f64[%s + 2]) { let d[i: 0..%s] = x[i + 2] - x[i]\n sum(d * d) }", 5},
    {"fn f(x: f64[2 * %s]) = reshape(x, (2, -1)) @ x[:%s]", 3},
    {"fn f(x: f64[%s]) = sum(exp(x[1:] - x[:-1]))", 6},
    {"fn f(x: f64[%s], y: f64[%s, %s]) = y @ x + x", 1},
    {"fn f(x: f64[%s]) = [max(x), prod(x), sum(x[::2])]", 7},
    {"fn f(x: f64[%s]) = pad(x, axis: 0, before: %s, after: 1)", 2},
};

static const char *filled_in(const char *text, const char *word) {
  Text t = text_new(cx->arena);
  for (const char *p = text; *p; p++) {
    if (p[0] == '%' && p[1] == 's') text_add(&t, word), p++;
    else text_add_n(&t, p, 1);
  }
  return text_str(&t);
}

static void sizes(void) {
  for (int i = 0; i < COUNT_OF(with_size); i++) {
    const Fn *f = function_of(filled_in(with_size[i].text, "N"), "f");
    const Fn *g =
        function_of(filled_in(with_size[i].text, text_printf(cx, "%d", with_size[i].n)), "f");
    SizeBindings s = bound("N", with_size[i].n);
    const Fn *h = pass_bind_sizes(f, &s);
    ck_assert_msg(h != NULL, "%s\n%s", with_size[i].text, diag_text(cx));
    ck_assert_msg(!ir_verify(h), "%s", ir_verify(h));
    ck_assert_msg(ir_equal(pass_simplify(h), pass_simplify(g)), "%s\n%s\n%s", with_size[i].text,
                  dump_text(h), dump_text(g));
    ck_assert_double_eq_tol(value_of(h, 3), value_of(g, 3), 1e-12);
  }
}
START_TEST(test_sizes) { trapped(sizes); }
END_TEST

/* A read that only proves wrong when the sizes are known is reported then, at its place. */
static void sizes_too_small(void) {
  const Fn *f =
      function_of("fn f(x: f64[N], y: f64[M]) {\n  let d[i: 0..N] = y[i]\n  sum(d * x)\n}", "f");
  SizeBindings s = bound("N", 4);
  size_bind(cx->arena, &s, name_of(cx, "M"), 5);
  ck_assert_ptr_nonnull(pass_bind_sizes(f, &s));
  SizeBindings bad = bound("N", 4);
  size_bind(cx->arena, &bad, name_of(cx, "M"), 3);
  ck_assert_ptr_null(pass_bind_sizes(f, &bad));
  ck_assert_int_eq(cx->diags->list.at[0]->code, E0510);
  diag_clear(cx);
}
START_TEST(test_sizes_too_small) { trapped(sizes_too_small); }
END_TEST

/* ---- f32 to f64 ---- */
static void retype(void) {
  for (uint64_t seed = 0; seed < 150; seed++) {
    Rng r = rng_at(seed);
    GenOptions o = {.size = 10};
    Fn *f = gen_function(cx, &r, &o), *g = pass_to_f64(f);
    ck_assert_msg(!ir_verify(g), "seed %llu: %s", (unsigned long long)seed, ir_verify(g));
    for (int i = 0; i < g->in.n; i++) ck_assert(g->in.at[i].type != T_F32);
    for (int i = 0; i < f->in.n; i++) ck_assert(shape_eq(&f->in.at[i].shape, &g->in.at[i].shape));
    for (int i = 0; i < f->out.n; i++)
      ck_assert(shape_eq(&fn_ins(f, f->out.at[i].val)->shape, &fn_ins(g, g->out.at[i].val)->shape));
    for (Val v = 1; v < g->ins.n; v++) /* f32 only where bit patterns need it */
      ck_assert(fn_ins(g, v)->type != T_F32 || fn_ins(g, v)->op == OP_cast ||
                fn_ins(g, v)->op == OP_from_bits || fn_ins(g, v)->op == OP_const);
  }
}
START_TEST(test_retype) { trapped(retype); }
END_TEST

/* ---- derivatives inside derivatives ---- */
/* By the command's own way: an expression and the number it must give. */
static const struct {
  const char *f, *expression;
  double value;
} nested[] = {
    {"fn f(x: f64) = x**3 + 2*x", "grad(f)(2.0)", 14},
    {"fn f(x: f64) = x**3 + 2*x", "grad(grad(f))(2.0)", 12},
    {"fn f(x: f64) = x**3 + 2*x", "grad(grad(grad(f)))(2.0)", 6},
    {"fn f(x: f64) = x**3 + 2*x", "grad(grad(grad(grad(f))))(2.0)", 0},
    {"fn f(x: f64) = exp(2*x)", "grad(grad(grad(grad(f))))(0.0)", 16},
    {"fn f(x: f64) = sin(x)", "grad(grad(grad(grad(f))))(0.5)", 0.479425538604203},
    {"fn f(x: f64) = x**4\nfn g(x: f64) { let (v, t) = jvp(f)(x, 1)\n t }", "grad(g)(2.0)", 48},
    {"fn f(x: f64) = x**4\nfn g(x: f64) { let (v, t) = jvp(grad(f))(x, 1)\n t }", "g(2.0)", 48},
    {"fn f(x: f64) = x**4\nfn g(x: f64) { let (v, t) = jvp(grad(f))(x, 1)\n t }", "grad(g)(2.0)",
     48},
    {"fn f(x: f64) = x**4\nfn g(x: f64) { let (v, t) = jvp(f)(x, 1)\n t }\n"
     "fn h(x: f64) { let (v, t) = jvp(g)(x, 1)\n t }",
     "h(2.0)", 48},
    {"fn f(x: f64) = x**4\nfn g(x: f64) { let (v, d) = vjp(f)(x, 3)\n d }", "grad(g)(2.0)", 144},
    {"fn f(x: f64) = x**4\nfn g(x: f64) = x * grad(f)(x)", "grad(g)(2.0)", 128},
    {"fn f(x: f64, y: f64) = x*x*y\nfn g(x: f64, y: f64) = grad(f, wrt: y)(x, y)",
     "grad(g, wrt: x)(3.0, 5.0)", 6},
    {"fn f(x: f64[3]) = prod(x)\nfn g(x: f64[3]) = grad(f)(x)[0]\nfn h(x: f64[3]) = grad(g)(x)[1]",
     "h([2.0, 3.0, 5.0])", 5},
    {"fn f(x: f64[3]) = prod(x)\nfn g(x: f64[3]) = grad(f)(x)[0]\nfn h(x: f64[3]) = grad(g)(x)[1]",
     "grad(h)([2.0, 3.0, 5.0])[2]", 1},
    {"fn f(w: f64[2, 2], x: f64[2]) = sum(tanh(w @ x))\n"
     "fn n(w: f64[2, 2], x: f64[2]) { let g = grad(f, wrt: w)(w, x)\n sum(g * g) }",
     "sum(grad(n, wrt: w)([[0.0, 0.0], [0.0, 0.0]], [1.0, 2.0]))", 0},
    {"fn f(x: f64) = if x > 0 then x*x else -x*x", "grad(grad(f))(-1.5)", -2},
    {"fn f(x: f64) = abs(x)**3", "grad(grad(f))(-2.0)", 12},
    {"fn f(x: f64) = max(x*x, x)", "grad(grad(f))(3.0)", 2},
};

static void nest(void) {
  for (int i = 0; i < COUNT_OF(nested); i++) {
    Session *s = session_new();
    Results r;
    front_declare(s->program, ast_parse(s->cx, cx_add_source(s->cx, "f", nested[i].f,
                                                             strlen(nested[i].f), false)));
    Status st = session_line(s, "expression", nested[i].expression, &r);
    ck_assert_msg(st == ST_OK, "%s\n%s\n%s", nested[i].f, nested[i].expression, diag_text(s->cx));
    ck_assert_msg(fabs(tensor_get(&r.value[0], 0) - nested[i].value) <
                      1e-12 * (1 + fabs(nested[i].value)),
                  "%s\n%s: %.17g, not %.17g", nested[i].f, nested[i].expression,
                  tensor_get(&r.value[0], 0), nested[i].value);
    results_free(&r);
    session_free(s);
  }
}
START_TEST(test_nested) { trapped(nest); }
END_TEST

Suite *pass_suite(void);
Suite *pass_suite(void) {
  Suite *s = suite_create("pass");
  TCase *t = tcase_create("pass");
  tcase_add_checked_fixture(t, fixture_rules, fixture_end);
  tcase_add_loop_test(t, test_rules, 0, COUNT_OF(rules));
  tcase_add_test(t, test_sizes);
  tcase_add_test(t, test_sizes_too_small);
  tcase_add_test(t, test_retype);
  tcase_add_test(t, test_nested);
  suite_add_tcase(s, t);
  return s;
}
