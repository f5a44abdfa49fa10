/* test_turn.c: passes that change the form of loops for speed: short loops in loops written out,
 * and operands laid out before a loop as it reads them. Values stay; the form is what is asked for.
 */
#include "driver/compile.h"
#include "fixture.h"
#include "gen_program.h"
#include "pass/pass.h"

/* ---- random programs ---- */
static void rewritten_programs(void) {
  for (uint64_t seed = 1; seed <= 40; seed++) {
    Rng r = rng_at(seed);
    Fn *f = gen_loops(cx, &r);
    same_values(f, pass_unroll(f, 1e6), seed, "unrolled");
    same_values(f, pass_turn(f), seed, "turned");
    bool *wrt = NEWS(cx->arena, bool, f->in.n);
    for (int i = 0; i < f->in.n; i++) wrt[i] = type_is_float(f->in.at[i].type);
    if (seed % 4) continue;
    Fn *g = pass_gradient(f, wrt, true);
    same_values(g, pass_turn(pass_unroll(g, 1e6)), seed, "the gradient, unrolled and turned");
    same_values(g, pass_turn(pass_hoist(g, 1e18)), seed, "the gradient, hoisted and turned");
  }
}
START_TEST(test_rewritten_programs) { trapped(rewritten_programs); }
END_TEST

/* ---- loops written out ---- */
static int loops_in(const char *body, bool gradient, bool first) {
  Text t = text_new(cx->arena);
  SizeBindings none = {0};
  text_fmt(&t, "fn f(x: f64[20, 3], u: f64[4, 3], h0: f64[4, 3]) {\n%s}", body);
  Fn *f = sized(text_str(&t), gradient && !first, &none), *g = pass_unroll(f, 1);
  if (gradient && first) { /* the order of a compilation: then the derivative */
    bool *wrt = NEWS(cx->arena, bool, g->in.n);
    for (int i = 0; i < g->in.n; i++) wrt[i] = true;
    g = pass_gradient(g, wrt, true);
    f = sized(text_str(&t), true, &none);
  }
  same_values(f, g, 3, body);
  return count_op(g, OP_loop, true);
}

static void unrolled(void) {
  /* the layers of a step */
  const char *layers = " var h = h0\n for t in 0..20 {\n var z = x[t]\n for l in 0..4 {\n"
                       " z = tanh(z * u[l] + h[l])\n hs[l] = z\n }\n h = hs\n }\n sum(h * h)\n";
  ck_assert_int_eq(loops_in(layers, false, false), 1);
  ck_assert_int_eq(loops_in(layers, true, true), 2);
  ck_assert_int_eq(loops_in(layers, true, false), 2);
  /* backwards, and inside of another short one */
  ck_assert_int_eq(
      loops_in(" var z = x[0]\n for t in 0..20 { for i in 0..2 { for l in reversed(0..4) {"
               " z = sin(z * u[l] + f64(l)) } } }\n sum(z)\n",
               false, false),
      1);
  /* by itself a loop is as short as it is long */
  ck_assert_int_eq(
      loops_in(" var z = x[0]\n for l in 0..4 { z = sin(z * u[l]) }\n sum(z)\n", false, false), 1);
  /* few runs don't pay for compiling so much */
  ck_assert_int_eq(
      loops_in(" var z = x[0]\n for t in 0..3 { for l in 0..4 { z = sin(z * u[l]) } }\n sum(z)\n",
               false, false),
      2);
  /* many steps, contractions, steps that may not happen: they stay */
  ck_assert_int_eq(
      loops_in(" var z = x[0]\n for t in 0..20 { for l in 0..40 { z = sin(z) } }\n sum(z)\n", false,
               false),
      2);
  ck_assert_int_eq(loops_in(" var z = h0\n for t in 0..20 { for l in 0..3 {"
                            " z = sin(z @ (transpose(u) @ z)) } }\n sum(z)\n",
                            false, false),
                   2);
  ck_assert_int_eq(loops_in(" var z = x[0]\n for t in 0..20 { for l in 0..4 while sum(z) < 9.0 {"
                            " z = z + 1 } }\n sum(z)\n",
                            false, false),
                   2);
}
START_TEST(test_unrolled) { trapped(unrolled); }
END_TEST

/* A row for each of many rows, of which registers hold all; NaN where there is none of that number.
 */
static void rows_chosen(void) {
  SizeBindings none = {0};
  Fn *f = sized("fn f(A: f64[300, 3], q: f64[300, 2]) {\n let y[n] = {\n var v = A[n]\n"
                " for t in 0..2 {\n let s = unchecked(v[i32(floor(2 * q[n, t]))])\n"
                " let next[k: 0..3] = if k == t then s else v[k]\n v = next\n }\n v\n }\n y\n}\n",
                false, &none);
  Fn *g = pass_unroll(f, 1);
  ck_assert_int_eq(count_op(f, OP_loop, true), 1);
  ck_assert_int_eq(count_op(f, OP_gather, true), 2); // of q by t too
  ck_assert_int_eq(count_op(g, OP_loop, true) + count_op(g, OP_gather, true), 0);
  for (uint64_t seed = 1; seed <= 8; seed++) same_values(f, g, seed, "rows chosen");
}
START_TEST(test_rows_chosen) { trapped(rows_chosen); }
END_TEST

/* ---- operands laid out before the loop ---- */
/* Captured values of the last loop that have these extents. */
static int captured(const Fn *f, int64_t rows, int64_t columns) {
  int n = 0, last = count_op(f, OP_loop, false) - 1;
  const Loop *l = only_loop(f, last);
  for (int i = 1 + l->ncarry + l->nscan; i < l->body->in.n; i++) {
    const Shape *s = &l->body->in.at[i].shape;
    n += s->rank == 2 && s->dim[0] == rows && s->dim[1] == columns;
  }
  return n;
}

static void turned(void) {
  SizeBindings none = {0};
  /* h @ w reads w along its rows; on the way back it is read along its columns */
  const char *text =
      "fn f(x: f64[9, 3, 16], w: f64[16, 16], v: f64[16, 24]) {\n"
      " var h = x[0]\n for t in 0..9 { h = tanh(x[t] + tanh(h @ v) @ transpose(v)) }\n"
      " sum(h)\n}";
  Fn *f = sized(text, false, &none), *g = pass_turn(f);
  ck_assert_msg(captured(g, 16, 24) == 1 && captured(g, 24, 16) == 1, "%s", dump_text(g));
  same_values(f, g, 5, text);
  text = "fn f(x: f64[9, 3, 16], v: f64[16, 16]) {\n"
         " var h = x[0]\n for t in 0..9 { h = tanh(x[t] + h @ v) }\n sum(h)\n}";
  f = sized(text, false, &none), g = pass_turn(f);
  ck_assert_int_eq(captured(g, 16, 16), 1);
  same_values(f, g, 5, text);
  /* few steps don't pay for it */
  text =
      "fn f(x: f64[2, 3, 16], v: f64[24, 16]) {\n"
      " var h = x[0]\n for t in 0..2 { h = tanh(x[t] + tanh(h @ transpose(v)) @ v) }\n sum(h)\n}";
  g = pass_turn(sized(text, false, &none));
  ck_assert_int_eq(captured(g, 16, 24), 0);
}
START_TEST(test_turned) { trapped(turned); }
END_TEST

Suite *turn_suite(void);
Suite *turn_suite(void) {
  Suite *s = suite_create("turn");
  TCase *t = tcase_create("turn");
  tcase_set_timeout(t, 120);
  tcase_add_checked_fixture(t, fixture_rules, fixture_end);
  tcase_add_test(t, test_rewritten_programs);
  tcase_add_test(t, test_unrolled);
  tcase_add_test(t, test_rows_chosen);
  tcase_add_test(t, test_turned);
  suite_add_tcase(s, t);
  return s;
}
