/* test_ragged.c: loops that go through rows of different lengths: which of them go block by block
 * or row by row instead of all together (pass/ragged.c), that values stay, and that those stay as
 * they are in which a row may not be done alone. */
#include "fixture.h"
#include "gen_program.h"
#include "pass/pass.h"

/* Rows that begin at r and have a length of their own, one of them a large one. */
#define ROWS(R)                                                                                    \
  " let at[r: 0.." #R "] = (r * 3) % 100\n let n[r: 0.." #R                                        \
  "] = (r * r * 7) % 13 + (if r == 77 then 40 else 0)\n"                                           \
  " let y[r: 0.." #R "] = row(at[r], n[r], x, w)\n sum(y * y)\n}\n"
#define PROGRAM(R, body)                                                                           \
  "fn row(at, n, x, w) {\n" body "}\nfn f(x: f64[200], w: f64[200]) {\n" ROWS(R)

#define DOT " var s = 0.0\n for k in 0..n max 64 { s = s + x[at + k] * w[at] }\n s\n"
#define PRODUCT                                                                                    \
  " var s = 1.0\n var c = 0.5\n for k in 0..n max 64 { s = s * (1 + 0.1 * x[at + k]); c = c + s "  \
  "}\n"                                                                                            \
  " s + c\n"
#define FEW " var s = 0.0\n for k in 0..n max 8 { s = s + x[at + k] * w[at] }\n s\n"

static const Loop *blocks_of(const Fn *g, int64_t trip) {
  for (Val v = 1; v < g->ins.n; v++)
    if (fn_ins(g, v)->op == OP_loop && fn_ins(g, v)->u.loop->trip == trip)
      return fn_ins(g, v)->u.loop;
  return NULL;
}

static void blocks(void) {
  static const struct {
    const char *text;
    int64_t trip; /* of a loop over blocks; 0: there is none */
    int loops;    /* in the end, bodies included */
  } cases[] = {
      {PROGRAM(128, DOT), 4, 2},
      {PROGRAM(140, DOT), 4, 3}, /* the last rows are a loop of their own */
      {PROGRAM(140, PRODUCT), 4, 3},
      {PROGRAM(120, DOT), 0, 1}, /* too few rows */
      {PROGRAM(140, FEW), 0, 1}, /* too few steps */
  };
  SizeBindings none = {0};
  for (int i = 0; i < COUNT_OF(cases); i++) {
    Fn *f = sized(cases[i].text, false, &none), *g = pass_ragged(f);
    const char *text = cases[i].text;
    ck_assert_msg((blocks_of(g, cases[i].trip) != NULL) == (cases[i].trip > 0), "%s\n%s", text,
                  dump_text(g));
    ck_assert_msg(count_op(g, OP_loop, true) == cases[i].loops, "%s\n%s", text, dump_text(g));
    ck_assert_msg(count_op(g, OP_branch, true) == 0, "%s\n%s", text, dump_text(g));
    for (uint64_t seed = 1; seed < 4; seed++) same_values(f, g, seed, text);
  }
}
START_TEST(test_blocks) { trapped(blocks); }
END_TEST

/* What the gradient adds to x and w is added row by row where the rows' lengths differ much, which
 * the program finds out. */
static void gradients(void) {
  static const char *const texts[] = {PROGRAM(140, DOT), PROGRAM(200, DOT), PROGRAM(140, PRODUCT)};
  SizeBindings none = {0};
  for (int i = 0; i < COUNT_OF(texts); i++) {
    Fn *f = sized(texts[i], true, &none), *g = pass_ragged(f);
    if (i < 2) {
      ck_assert_msg(count_op(g, OP_branch, false) == 1, "%s\n%s", texts[i], dump_text(g));
      for (Val v = 1; v < g->ins.n; v++)
        if (fn_ins(g, v)->op == OP_branch) {
          const Fn *rows = fn_ins(g, v)->u.branch->then;
          ck_assert_int_eq(only_loop(rows, 0)->trip, i ? 200 : 140);
          ck_assert_msg(count_op(rows, OP_scatter, true) == 0, "%s", dump_text(rows));
        }
    }
    for (uint64_t seed = 1; seed < 4; seed++) same_values(f, g, seed, texts[i]);
    same_values(f, pass_simplify(g), 5, texts[i]);
  }
}
START_TEST(test_gradients) { trapped(gradients); }
END_TEST

/* Loops as long as the longest of many, in which rows know of each other, or of all steps. */
static void others(void) {
  static const char *const bodies[] = {
      /* all rows do all steps */
      "for k in 0..m max 64 { s = s + w * x[(k * k) % 200] }",
      /* rows that are done go on otherwise */
      "for k in 0..m max 64 { let c = k < n\n s = where(c, s + x[(k * k) % 200], s * 0.5) }",
      /* a row reads its neighbour */
      "for k in 0..m max 64 { let c = k < n\n s = where(c, s + roll(s, 1) * x[(k * k) % 200], s) }",
      /* ... or all of them */
      "for k in 0..m max 64 { let c = k < n\n s = where(c, s + 0.01 * sum(s), s) }",
      /* a sum over rows that they read again */
      "for k in 0..m max 64 { let c = k < n\n s = where(c, s + 0.1 * t, s)\n t = t + sum(where(c, "
      "x[(k * k) % 200] * w, 0)) }",
      /* a sum of what rows that are done add to as well */
      "for k in 0..m max 64 { let c = k < n\n s = where(c, s + x[(k * k) % 200], s)\n t = t + "
      "sum(w * x[(k * k) % 200]) }",
      /* a number of its own, counted by all */
      "for k in 0..m max 64 { let c = k < n\n s = where(c, s + x[(k * k) % 200], s)\n t = t + 1 }",
      /* the number of the row */
      "for k in 0..m max 64 { let c = k < n\n s = where(c, s + f64(iota(140)) * x[(k * k) % 200], "
      "s) }",
  };
  SizeBindings none = {0};
  for (int i = 0; i < COUNT_OF(bodies); i++) {
    Text t = text_new(cx->arena);
    text_fmt(&t,
             "fn f(x: f64[200], w: f64[140]) {\n let r = iota(140)\n"
             " let n = i64((r * r * 7) %% 13)\n let m = max(n)\n var s = w\n var t = 0.0\n %s\n"
             " sum(s * s) + t\n}\n",
             bodies[i]);
    Fn *f = sized(text_str(&t), false, &none), *g = pass_ragged(f);
    ck_assert_msg(only_loop(g, 0)->trip == 64 && count_op(g, OP_loop, true) == 1, "%s\n%s",
                  bodies[i], dump_text(g));
    same_values(f, g, 7, bodies[i]);
  }
}
START_TEST(test_others) { trapped(others); }
END_TEST

static void random_loops(void) {
  for (uint64_t seed = 1; seed <= 40; seed++) {
    Rng r = rng_at(seed);
    Fn *f = gen_loops(cx, &r);
    same_values(f, pass_ragged(f), seed, "block by block");
  }
}
START_TEST(test_random_loops) { trapped(random_loops); }
END_TEST

Suite *ragged_suite(void);
Suite *ragged_suite(void) {
  Suite *s = suite_create("ragged");
  TCase *t = tcase_create("ragged");
  tcase_set_timeout(t, 120);
  tcase_add_checked_fixture(t, fixture_rules, fixture_end);
  tcase_add_test(t, test_blocks);
  tcase_add_test(t, test_gradients);
  tcase_add_test(t, test_others);
  tcase_add_test(t, test_random_loops);
  suite_add_tcase(s, t);
  return s;
}
