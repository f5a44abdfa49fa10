/* test_range.c: which indices need a check when the program runs: those of which instructions don't
 * tell that they are inside. */
#include "fixture.h"

#include <stdio.h>

static const struct {
  const char
      *index; /* of x: f64[10, 5] along its first axis; k: i32, u: f32, d: f64, b: u8, per row */
  bool checked;
} indices[] = {
    {"k[i]", true},
    {"k[i] % 10", false},
    {"k[i] % 11", true},
    {"clip(k[i], 0, 9)", false},
    {"clip(k[i], 0, 10)", true},
    {"clip(k[i], -1, 9)", true},
    {"clip(k[i], 0, 8) + 1", false},
    {"clip(k[i], 0, 9) + 1", true},
    {"max(k[i], 0)", true},
    {"min(k[i], 9)", true},
    {"9 - clip(k[i], 0, 9)", false},
    {"-clip(k[i], -9, 0)", false},
    {"clip(k[i], 0, 2) * 3 + clip(k[i], 0, 3)", false},
    {"clip(k[i], 0, 2) * 4 + clip(k[i], 0, 3)", true},
    {"clip(k[i], 0, 19) // 2", false},
    {"clip(k[i], 0, 20) // 2", true},
    {"k[i] // 1000000000 + 4", true},
    {"i32(b[i])", true},
    {"i32(b[i]) // 32", false},
    {"i32(b[i] // 32)", false},
    {"i32(d[i] > 0)", false},
    {"if d[i] > 0 then 9 else clip(k[i], 3, 4)", false},
    {"if d[i] > 0 then 10 else 0", true},
    /* by way of floats; NaN becomes 0 */
    {"i32(d[i])", true},
    {"i32(clip(d[i], 0, 9.99))", false},
    {"i32(clip(d[i], 0, 10))", true},
    {"i32(floor(clip(d[i], 0, 8.9))) + 1", false},
    {"i32(ceil(clip(d[i], -0.9, 9)))", false},
    {"i32(ceil(clip(d[i], 0, 9.01)))", true},
    {"i32(round(clip(d[i], 0, 9.4)))", false},
    {"i32(round(clip(d[i], 0, 9.6)))", true},
    {"i32(clip(u[i], 0, 1) * 9.5)", false},
    {"i32(clip(u[i], 0, 1) * 10)", true},
    {"i32(clip(u[i], 0, 1) * 9)", false},
    {"i32(f32(clip(d[i], 0, 9.9999999999)))", true}, /* rounds to 10 */
    {"i32(clip(d[i], 0, 9.9999999999))", false},
    {"i32(abs(clip(d[i], -9.5, 3)))", false},
    {"i32(clip(d[i], -1e300, 1e300))", true},
    {"i32(min(d[i], 5)) + 4", true},
    {"i32(clip(d[i], 12, 13)) - 4", true}, /* NaN is 0 - 4 */
};

START_TEST(test_indices) {
  char text[400];
  snprintf(text, sizeof text,
           "fn f(x: f64[10, 5], k: i32[N], u: f32[N], d: f64[N], b: u8[N]) {\n"
           "  let y[i, c] = x[%s, c]\n  y\n}\n",
           indices[_i].index);
  ck_assert_msg((count_op(function_of(text, "f"), OP_bounded, true) > 0) == indices[_i].checked,
                "x[%s] %s", indices[_i].index,
                indices[_i].checked ? "isn't checked" : "is checked");
}
END_TEST

Suite *range_suite(void) {
  Suite *s = suite_create("range");
  TCase *t = tcase_create("indices");
  tcase_add_checked_fixture(t, fixture_rules, fixture_end);
  tcase_add_loop_test(t, test_indices, 0, COUNT_OF(indices));
  suite_add_tcase(s, t);
  return s;
}
