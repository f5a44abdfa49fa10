/* test_prove.c: what the bounds of prove.h let pass, and what they don't: the random programs show
 * as much as these can tell right from wrong. */
#include "front/front.h"
#include "prove.h"

#include <check.h>
#include <math.h>

#define NOTHING 12345.678 /* no value to try */

/* f of a vector x: values it may have when it is compiled, and values it may not. */
static const struct {
  const char *body;
  double x[4], right[4], wrong[2];
  int n, rights; /* elements of x, values in `right` */
} cases[] = {
    /* rounding */
    {"sum(x)", {0.1, 0.2, 0.3}, {0.6, 0.6000000000000001}, {0.6 + 1e-13, 0.6 - 1e-13}, 3, 2},
    {"sum(x * 3)", {0.5, 0.25}, {2.25}, {2.25 + 1e-13, 2.25 - 1e-13}, 2, 1},
    {"exp(x[0])", {1}, {2.718281828459045, 2.7182818284590455}, {2.71828182846, 2.8}, 1, 2},
    {"x[0] + x[1]", {1e-320, 0}, {1e-320, 0}, {1e-300, -1e-300}, 2, 2},
    {"sum(x[0] + f64(iota(100000) // 100000))",
     {0.1},
     {10000, 10000.00000002},
     {10000.01, 9999.99},
     1,
     2},
    {"if x[0] + x[1] > 0.3 then 1.0 else 2.0", {0.1, 0.2}, {1, 2}, {NOTHING, NOTHING}, 2, 2},
    {"if x[0] + x[1] > 0.75 then 1.0 else 2.0", {0.25, 0.5}, {2}, {1, 0}, 2, 1},
    /* noise larger than what the function changes in: anything that f takes near 0 */
    {"tame(sum(x))", {1e18, 0.5, -1e18}, {0, 0.4, -0.4}, {100, -100}, 3, 3},
    {"if sin(sum(x)) > 0.5 then 1.0 else 2.0",
     {1e18, 0.5, -1e18},
     {1, 2},
     {NOTHING, NOTHING},
     3,
     2},
    /* order */
    {"sum(x)",
     {1.5e308, 1.5e308, -1.5e308, -1.5e308},
     {0, INFINITY, -INFINITY, NAN},
     {NOTHING, NOTHING},
     4,
     4},
    {"atan(sum(x))", {1.5e308, 1.5e308, 1e308}, {1.5707963267948966}, {0, NAN}, 3, 1},
    {"atan(sum(x))", {INFINITY, 1}, {1.5707963267948966}, {0, NAN}, 2, 1},
    {"atan(sum(x))", {INFINITY, -INFINITY}, {NAN}, {1.5707963267948966, 0}, 2, 1},
    {"atan(sum(x * x))", {1e200, 1}, {1.5707963267948966}, {0, NAN}, 2, 1},
    /* factors in common */
    {"sum(-(x * x[1]) * exp(broadcast_to(x[0], 3)))",
     {1000, 1, -1},
     {NAN, INFINITY, -INFINITY},
     {NOTHING, NOTHING},
     3,
     3},
    /* far arguments, and signs of NaN */
    {"if tan(x[0]) == 0 then 1.0 else 2.0", {1e18}, {1, 2}, {100, NAN}, 1, 2},
    {"cos(x[0])", {1e18}, {1, 0.11837199021871073}, {NAN, -100}, 1, 2},
    {"copysign(2.0, x[0] / x[1])", {0, 0}, {2, -2}, {NAN, INFINITY}, 2, 2},
    {"copysign(2.0, x[0])", {-0.0}, {-2}, {2, 0}, 1, 1},
};

static const Fn *function(Cx *cx, const char *body, int n) {
  const char *text =
      text_printf(cx, "fn tame(x) = x / (1 + x * x)\nfn f(x: f64[%d]) = %s\n", n, body);
  Program *p = front_new(cx);
  front_declare(p, ast_parse(cx, cx_add_source(cx, "case.nn", text, strlen(text), false)));
  return front_function(p, name_of(cx, "f"));
}

START_TEST(test_bounds) {
  Cx *cx = cx_new();
  const Fn *f = function(cx, cases[_i].body, cases[_i].n);
  ck_assert_msg(f != NULL, "%s", diag_text(cx));
  Shape vector = SHAPE(cases[_i].n);
  Tensor in = tensor_new(cx, cx->arena, T_F64, &vector), got;
  for (int i = 0; i < cases[_i].n; i++) tensor_set(&in, i, cases[_i].x[i]);
  got = tensor_new(cx, cx->arena, T_F64, &(Shape){0});
  for (int k = 0; k < cases[_i].rights + 2; k++) {
    bool right = k < cases[_i].rights;
    double v = right ? cases[_i].right[k] : cases[_i].wrong[k - cases[_i].rights];
    Bounded y;
    if (v == NOTHING) continue;
    eval_bounded(f, &in, (uint64_t)_i, &y);
    tensor_set(&got, 0, v);
    ck_assert_msg(!differs(cx, &y, &got) == right, "%s: %.17g is %s; %s", cases[_i].body, v,
                  right ? "refused" : "let pass", right ? differs(cx, &y, &got) : "");
  }
  cx_free(cx);
}
END_TEST

Suite *prove_suite(void);
Suite *prove_suite(void) {
  Suite *s = suite_create("prove");
  TCase *t = tcase_create("prove");
  tcase_add_loop_test(t, test_bounds, 0, COUNT_OF(cases));
  suite_add_tcase(s, t);
  return s;
}
