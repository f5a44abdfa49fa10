/* test_snapshots.c: loops undone from few snapshots (pass/binomial.c): as few steps are run again
 * as the theory says, snapshots stay within what is allowed, and gradients keep every bit, whatever
 * the loop: backwards, with a count, with a condition, inside of another. */
#include "driver/compile.h"
#include "fixture.h"
#include "gen_program.h"
#include "laws.h"
#include "loop/loop.h"
#include "pass/binomial.h"
#include "pass/pass.h"

#include <math.h>

/* ---- the schedule ---- */
enum { MOST_STEPS = 60, MOST_SLOTS = 9 };

/* The fewest runs of a step that undo n steps, by trying every place for the next snapshot. */
static void find_optimum(int64_t best[MOST_STEPS + 1][MOST_SLOTS + 1]) {
  for (int s = 1; s <= MOST_SLOTS; s++)
    for (int n = 1; n <= MOST_STEPS; n++) {
      best[n][s] = (int64_t)n * (n - 1) / 2;
      for (int m = 1; m < n && s > 1; m++)
        best[n][s] = MIN(best[n][s], m + best[n - m][s - 1] + best[m][s]);
    }
}

START_TEST(test_theory) {
  int64_t best[MOST_STEPS + 1][MOST_SLOTS + 1];
  find_optimum(best);
  for (int s = 2; s <= MOST_SLOTS; s++)
    for (int n = 1; n <= MOST_STEPS; n++)
      ck_assert_msg(binomial_steps(n, s) == (double)best[n][s], "n %d, s %d: %g, not %lld", n, s,
                    binomial_steps(n, s), (long long)best[n][s]);
  ck_assert_int_eq(binomial_repeats(126, 5), 4); /* C(9, 5) */
  ck_assert_int_eq(binomial_repeats(127, 5), 5);
}
END_TEST

/* A loop that counts: the value carried into step t is t. */
static Loop counting(int64_t trip) {
  Builder b = ir_begin(cx, name_of(cx, "count"));
  Shape none = {0};
  ir_input(&b, name_of(cx, "i"), T_I64, &none, ROLE_ARG, (Span){0});
  Val x = ir_input(&b, name_of(cx, "x"), T_I64, &none, ROLE_ARG, (Span){0});
  ir_output(&b, NULL, ir_map2(&b, OP_add, x, ir_const_i(&b, T_I64, NULL, 1)));
  return (Loop){.body = ir_finish(&b), .trip = trip, .ncarry = 1};
}

static Val scalar(Builder *b, const char *name) {
  return ir_input(b, name_of(b->cx, name), T_I64, &(Shape){0}, ROLE_ARG, (Span){0});
}

/* Body of a reversed loop: (t, runs, wrong, shelf) -> the runs of a step so far, whether some step
 * was restored wrongly, the shelf. In the theory the first sweep ends before the last step, so that
 * it needn't be restored: it isn't counted. */
static Fn *undoing(const Binomial *s) {
  Builder b = ir_begin(cx, name_of(cx, "undo"));
  Val shelf[8], x, t = scalar(&b, "t"), runs = scalar(&b, "runs"), wrong = scalar(&b, "wrong");
  binomial_inputs(&b, s, shelf);
  Val one = ir_const_i(&b, T_I64, NULL, 1), top = ir_map2(&b, OP_sub, shelf[2], one);
  Val first = ir_gather(&b, shelf[1], &top, (int32_t[]){0}, 1);
  Val last = ir_map2(&b, OP_eq, t, ir_const_i(&b, T_I64, NULL, s->l->trip - 1));
  Val again =
      ir_map3(&b, OP_select, last, ir_const_i(&b, T_I64, NULL, 0), ir_map2(&b, OP_sub, t, first));
  runs = ir_map2(&b, OP_add, runs, again);
  binomial_restore(&b, s, t, ir_const_i(&b, T_I64, NULL, s->l->trip), NULL, NULL, shelf, &x);
  wrong = ir_map2(&b, OP_add, wrong, ir_cast(&b, T_I64, ir_map2(&b, OP_ne, x, t)));
  ir_output(&b, NULL, runs);
  ir_output(&b, NULL, wrong);
  for (int i = 0; i < binomial_shelf(s); i++) ir_output(&b, NULL, shelf[i]);
  return ir_finish(&b);
}

/* Body of the first sweep: (t, x, shelf). */
static Fn *sweeping(const Binomial *s) {
  Builder b = ir_begin(cx, name_of(cx, "sweep"));
  Val shelf[8], t = scalar(&b, "t"), x = scalar(&b, "x");
  binomial_inputs(&b, s, shelf);
  binomial_visit(&b, s, t, ir_const_i(&b, T_I64, NULL, s->l->trip), &x, shelf);
  ir_output(&b, NULL, ir_map2(&b, OP_add, x, ir_const_i(&b, T_I64, NULL, 1)));
  for (int i = 0; i < binomial_shelf(s); i++) ir_output(&b, NULL, shelf[i]);
  return ir_finish(&b);
}

static Fn *runs_of(int64_t n, int64_t slots) {
  bool state = true;
  Loop l = counting(n);
  Binomial s = {.l = &l, .slots = slots, .state = &state, .nstate = 1};
  Builder b = ir_begin(cx, name_of(cx, "runs"));
  int shelf = binomial_shelf(&s);
  Val args[8] = {ir_const_i(&b, T_I64, NULL, 0)};
  binomial_empty(&b, &s, args + 1);
  Loop there = {.body = sweeping(&s), .trip = n, .ncarry = 1 + shelf};
  Val loop = ir_loop(&b, &there, args, 1 + shelf);
  args[0] = args[1] = ir_const_i(&b, T_I64, NULL, 0);
  for (int i = 0; i < shelf; i++) args[2 + i] = ir_part(&b, loop, 1 + i);
  Loop back = {.body = undoing(&s), .trip = n, .ncarry = 2 + shelf, .reverse = true};
  loop = ir_loop(&b, &back, args, 2 + shelf);
  ir_output(&b, NULL, ir_part(&b, loop, 0));
  ir_output(&b, NULL, ir_part(&b, loop, 1));
  return ir_finish(&b);
}

static void optimal_schedules(void) {
  static const int64_t steps[] = {2, 3, 7, 20, 35, 36, 100, 211}, slots[] = {1, 2, 3, 4, 7};
  for (int i = 0; i < COUNT_OF(steps); i++)
    for (int k = 0; k < COUNT_OF(slots); k++) {
      int64_t n = steps[i], s = MIN(slots[k], n);
      Fn *f = runs_of(n, s);
      Tensor out[2];
      ck_assert_msg(!ir_verify(f), "%s", ir_verify(f));
      ir_eval(f, cx->arena, NULL, out, NULL);
      double least =
          (s == 1 ? (double)n * (double)(n - 1) / 2 : binomial_steps(n, s)) - (double)(n - 1);
      ck_assert_int_eq(*(int64_t *)out[1].data, 0);
      ck_assert_msg((double)*(int64_t *)out[0].data == least, "n %lld, s %lld: %lld runs, not %g",
                    (long long)n, (long long)s, (long long)*(int64_t *)out[0].data, least);
    }
}
START_TEST(test_optimal_schedules) { trapped(optimal_schedules); }
END_TEST

/* ---- gradients ---- */
static Fn *undone(const char *text) {
  return gradient_of(pass_expand(function_of(text, "f")), true);
}

static Fn *with_thrift(const Fn *f, Thrift thrift) {
  cx->thrift = &thrift;
  Fn *g = pass_expand(f);
  cx->thrift = NULL;
  ck_assert_msg(g && !ir_verify(g), "%s", g ? ir_verify(g) : diag_text(cx));
  return g;
}

static bool same_tensors(const Tensor *a, const Tensor *b) {
  size_t bytes = (size_t)tensor_count(a) * (size_t)type_info[a->type].bytes;
  return shape_eq(&a->shape, &b->shape) && !memcmp(a->data, b->data, bytes);
}

static const char *const programs[] = {
    "fn f(x0: f64[3], a: f64[3], n: i64) {\n var x = x0\n for t in 0..37 { x = sin(x) + a * t }\n "
    "sum(x)\n}",
    "fn f(x0: f64[3], a: f64[37, 3], n: i64) {\n var x = x0\n var s = 0.0\n for t in "
    "reversed(0..37) "
    "{\n x = sin(x) + a[t] * t\n s = s + sum(x * x)\n y[t] = x * t\n }\n sum(x) + sum(y * y) + "
    "s\n}",
    "fn f(x0: f64[3], a: f64[37, 3], n: i64) {\n var x = x0\n for t in 0..n max 37 {\n x = sin(x) "
    "+ "
    "a[t] * t\n y[t] = x\n }\n sum(x) + sum(cos(y))\n}",
    "fn f(x0: f64[3], a: f64[37, 3], n: i64) {\n var x = x0\n for t in reversed(0..n max 37) {\n x "
    "= "
    "sin(x) + a[t] * t\n y[t] = x\n }\n sum(x) + sum(cos(y))\n}",
    "fn f(x0: f64[3], a: f64[3], n: i64) {\n var x = x0\n while sum(abs(x)) > 0.01 max 37 { x = "
    "0.8 "
    "* x * cos(a * x) }\n sum(x)\n}",
    "fn f(x0: f64[3], a: f64[37, 3], n: i64) {\n var x = x0\n for t in reversed(0..n max 37) while "
    "sum(x * x) < 9.0 + f64(n) count steps {\n x = x + x * x * a[t] * a[t]\n y[t] = x\n }\n sum(x) "
    "* "
    "f64(steps) + sum(y)\n}",
    "fn f(x0: f64[3], a: f64[3], n: i64) {\n var x = x0\n for t in 0..37 { for s in 0..5 { x = "
    "sin(x) + a * (t - s) } }\n sum(x)\n}",
    /* a carried whole number, and a carried truth value, decide what a step does */
    "fn f(x0: f64[3], a: f64[3], n: i64) {\n var x = x0\n var k = 0\n var up = true\n for t in "
    "0..37 "
    "{\n x = if up then sin(x) + a else cos(x) * f64(k)\n k = k + 2\n up = sum(x) < 1\n }\n "
    "sum(x)\n}",
};

static Tensor *inputs_with_count(const Fn *f, int64_t n) {
  Tensor *in = random_inputs(f, (uint64_t)n + 5, SPICE_SMOOTH);
  for (int i = 0; i < f->in.n; i++)
    if (f->in.at[i].type == T_I64) *(int64_t *)in[i].data = n;
  return in;
}

static void every_bit(void) {
  static const double bytes[] = {33, 64, 100, 200, 700};
  static const int64_t counts[] = {0, 1, 2, 17, 36, 37, 50};
  for (int i = 0; i < COUNT_OF(programs); i++) {
    Fn *later = undone(programs[i]), *whole = pass_expand(later);
    for (int k = 0; k < COUNT_OF(bytes); k++) {
      Fn *g = with_thrift(later, (Thrift){.snapshots = bytes[k]});
      ck_assert_msg(!ir_equal(whole, g), "%s\nkeeps its tape", programs[i]);
      for (int c = 0; c < COUNT_OF(counts); c++) {
        Tensor *in = inputs_with_count(whole, counts[c]);
        Tensor *x = NEWS(cx->arena, Tensor, whole->out.n),
               *y = NEWS(cx->arena, Tensor, whole->out.n);
        ir_eval(whole, cx->arena, in, x, NULL);
        ir_eval(g, cx->arena, in, y, NULL);
        for (int o = 0; o < whole->out.n; o++)
          ck_assert_msg(same_tensors(&x[o], &y[o]), "%s\n%g bytes, n %lld: output %d", programs[i],
                        bytes[k], (long long)counts[c], o);
      }
    }
  }
}
START_TEST(test_every_bit) { trapped(every_bit); }
END_TEST

/* ---- compiled ---- */
static void keeps_laws(const Fn *f, const char *what) {
  LawCheck c = {
      .seed = 7, .spice = SPICE_SMOOTH, .what = CHECK_PRINT | CHECK_JIT | CHECK_ALL_WIDTHS};
  ck_assert_msg(check_laws(f, &c), "%s\n%s", what, law_report(f, &c));
}

static void compiled_gradients(void) {
  for (int i = 0; i < COUNT_OF(programs); i++)
    keeps_laws(with_thrift(undone(programs[i]), (Thrift){.snapshots = 150}), programs[i]);
}
START_TEST(test_compiled_gradients) { trapped(compiled_gradients); }
END_TEST

/* Tensors of which a step replaces a row: at places that are outside too, read before and after,
 * with whole numbers, several of them, in a loop inside of another, captured by it. */
static const char *const tables[] = {
    "fn f(x: f64[5, 3]) {\n var y = x\n for t in 0..9 {\n let z[i, j] = if i == (3 * t) - 2 then "
    "y[0, j] "
    "+ t else y[i, j]\n y = z\n }\n y\n}",
    "fn f(x: i32[6]) {\n var y = x\n for t in reversed(0..9) {\n let z[i] = if (5 * t) % 6 == i "
    "then t "
    "else y[i]\n y = z\n }\n y\n}",
    "fn f(x: f32[4, 2, 7]) {\n var y = x\n var s = 0.0\n for t in 0..5 {\n let z[i, j, k] = if i "
    "== t "
    "then s + f32(k + 10 * j) else y[i, j, k]\n s = s + sum(y[(t + 1) % 4])\n y = z\n }\n (y, "
    "s)\n}",
    "fn f(x: f64[4, 3]) {\n var y = x\n for t in 0..3 {\n for s in 0..2 {\n let z[i, j] = if i == "
    "t + s "
    "then y[i, j] + s else y[i, j]\n y = z\n }\n }\n y\n}",
    "fn f(x: f64[4, 3]) {\n var y = x\n for t in 0..3 {\n let old = y\n for s in 0..2 {\n let z[i, "
    "j] = "
    "if i == t + s then old[s, j] else y[i, j]\n y = z\n }\n }\n y + x\n}",
    "fn f(x: f64[4], n: i64) {\n var y = x\n var u = 2 * x\n for t in 0..n max 6 while sum(y) < 9 "
    "{\n let "
    "z[i] = if i == t then u[i] + 1 else y[i]\n let w[i] = if i == t then y[i] else u[i]\n y = z\n "
    "u = w\n "
    "}\n (y, u, x)\n}",
};

static void replaced_rows(void) {
  for (int i = 0; i < COUNT_OF(tables); i++) {
    keeps_laws(function_of(tables[i], "f"), tables[i]);
  }
}
START_TEST(test_replaced_rows) { trapped(replaced_rows); }
END_TEST

/* The snapshots are what a loop of many steps takes: they lie in one place, not in two. */
static void room(void) {
  const char *text =
      "fn f(x0: f64[1000]) {\n var x = x0\n for t in 0..5000 { x = sin(x) }\n sum(x)\n}";
  Target t = compile_target(1);
  const SizeBindings none = {0};
  double allowed = 50 * 1000 * 8;
  Fn *g = pass_bind_sizes(pass_simplify(with_thrift(undone(text), (Thrift){.snapshots = allowed})),
                          &none);
  int64_t bytes = loop_lower(g, &t)->workspace;
  ck_assert_msg((double)bytes > 0.9 * allowed && (double)bytes < 1.3 * allowed, "%lld of %g bytes",
                (long long)bytes, allowed);
}
START_TEST(test_room) { trapped(room); }
END_TEST

/* ---- under a bound ---- */
/* The same loop with 400 steps. */
static const char *longer(const char *text) {
  Text t = text_new(cx->arena);
  for (const char *p = text; *p; p++) {
    bool number = p[0] == '3' && p[1] == '7';
    text_add_n(&t, number ? "400" : p, number ? 3 : 1);
    p += number;
  }
  return text_str(&t);
}

/* In a half of the room, and in less and less: each loop keeps to the bound and to its values,
 * until there is no way; what a program returns or is given back is never too small for the bound.
 */
static void bounds(void) {
  const SizeBindings none = {0};
  Target t = compile_target(1);
  cx->bound.threads = 1;
  for (int i = 0; i < COUNT_OF(programs); i++) {
    const char *text = longer(programs[i]);
    Fn *later = undone(text);
    const Fn *whole = pass_expand(later), *g = whole;
    int64_t bytes = loop_lower(compile_prepare(whole, &none), &t)->workspace;
    Tensor *in = inputs_with_count(whole, 390);
    Tensor *x = NEWS(cx->arena, Tensor, whole->out.n), *y = NEWS(cx->arena, Tensor, whole->out.n);
    ir_eval(whole, cx->arena, in, x, NULL);
    int fitted = 0;
    for (int part = 2; g && part <= 1024; part *= 2) {
      cx->bound.bytes = MAX(bytes / part, 1);
      g = compile_prepare(later, &none);
      cx->bound.bytes = 0;
      if (!g) break;
      ck_assert_int_le(loop_lower(g, &t)->workspace, bytes / part);
      ir_eval(g, cx->arena, in, y, NULL);
      for (int o = 0; o < whole->out.n; o++)
        ck_assert_msg(same_tensors(&x[o], &y[o]), "%s\na part of %d: output %d", text, part, o);
      fitted++;
    }
    /* adjoints of what is collected have to be there at one time */
    ck_assert_msg(fitted >= (strstr(text, "y[t]") ? 0 : 2) && !g,
                  "%s\nfits %d times, of %lld bytes", text, fitted, (long long)bytes);
    ck_assert_int_eq(cx->diags->list.at[0]->code, E0706);
    diag_clear(cx);
  }
}
START_TEST(test_bounds) { trapped(bounds); }
END_TEST

Suite *snapshots_suite(void);
Suite *snapshots_suite(void) {
  Suite *s = suite_create("snapshots");
  TCase *t = tcase_create("snapshots");
  tcase_set_timeout(t, 120);
  tcase_add_checked_fixture(t, fixture_rules, fixture_end);
  tcase_add_test(t, test_theory);
  tcase_add_test(t, test_optimal_schedules);
  tcase_add_test(t, test_every_bit);
  tcase_add_test(t, test_compiled_gradients);
  tcase_add_test(t, test_replaced_rows);
  tcase_add_test(t, test_room);
  tcase_add_test(t, test_bounds);
  suite_add_tcase(s, t);
  return s;
}
