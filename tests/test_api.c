/* test_api.c: include/gradc.h: what calls give, what they refuse, and that contexts keep to
 * themselves. */
#include "api_case.h"

#include <check.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static gradc_function *sized(const char *expression, int64_t n) {
  gradc_function *open = NULL, *f = NULL;
  const char *const name[] = {"N"};
  OK(gradc_find(gc, expression, &open));
  OK(gradc_specialize(open, name, &n, 1, &f));
  return f;
}

static double call1(const char *expression, double x) {
  gradc_function *f;
  double y = 0;
  const void *args[] = {&x};
  void *results[] = {&y};
  OK(gradc_find(gc, expression, &f));
  OK(gradc_call(f, args, results));
  return y;
}

/* ---- functions ---- */
START_TEST(functions_and_derivatives) {
  OK(gradc_declare(gc, "cube", "fn f(x: f64) = x**3 + 2*x\nfn g(x) = x"));
  for (int reference = 0; reference < 2; reference++) {
    OK(gradc_set_reference(gc, reference));
    ck_assert_double_eq(call1("f", 2), 12);
    ck_assert_double_eq(call1("grad(f)", 2), 14);
    ck_assert_double_eq(call1("grad(grad(f))", 2), 12);
    ck_assert_double_eq(call1("grad(f, wrt: x)", 3), 29);
  }
  ck_assert_int_eq(gradc_function_count(gc), 2);
  ck_assert_str_eq(gradc_function_name(gc, 0), "f");
  ck_assert_ptr_null(gradc_function_name(gc, 2));
  ck_assert_ptr_null(gradc_function_name(gc, -1));
}
END_TEST

START_TEST(descriptions) {
  gradc_function *f, *g;
  OK(gradc_declare(gc, "linear", linear));
  OK(gradc_find(gc, "loss", &f));
  ck_assert_int_eq(gradc_argument_count(f), 2);
  const gradc_tensor *x = gradc_argument(f, 0), *label = gradc_argument(f, 1);
  ck_assert_str_eq(x->name, "x");
  ck_assert_str_eq(x->text, "f32[N, 2]");
  ck_assert_int_eq(x->type, GRADC_F32);
  ck_assert_int_eq(x->rank, 2);
  ck_assert_int_eq(x->shape[0], -1);
  ck_assert_int_eq(x->shape[1], 2);
  ck_assert_uint_eq(x->bytes, 0);
  ck_assert_str_eq(gradc_type_name(label->type), "i32");
  ck_assert_ptr_null(gradc_argument(f, 2));
  ck_assert_int_eq(gradc_result_count(f), 1);
  ck_assert_uint_eq(gradc_result(f, 0)->bytes, 4);
  ck_assert_int_eq(gradc_size_count(f), 1);
  ck_assert_str_eq(gradc_size(f, 0), "N");
  g = sized("value_and_grad(loss, wrt: (x, b))", 5);
  ck_assert_int_eq(gradc_size_count(g), 0);
  ck_assert_int_eq(gradc_result_count(g), 3);
  ck_assert_str_eq(gradc_result(g, 1)->name, "d_x");
  ck_assert_str_eq(gradc_result(g, 1)->text, "f32[5, 2]");
  ck_assert_uint_eq(gradc_result(g, 1)->bytes, 40);
  ck_assert_uint_eq(gradc_argument(g, 0)->count, 10);
}
END_TEST

START_TEST(arrays_are_the_callers) {
  OK(gradc_declare(gc, "linear", linear));
  gradc_function *f = sized("value_and_grad(loss)", 2);
  float x[] = {1, 2, 3, 4}, value = 0, dw[6], db[3], w[6];
  int32_t label[] = {0, 2};
  const void *args[] = {x, label};
  void *results[] = {&value, dw, db};
  OK(gradc_call(f, args, results));
  double first = (double)value, sum = (double)db[0] + (double)db[1] + (double)db[2];
  ck_assert_double_eq_tol(sum, 0, 1e-6); /* softmax minus one-hot */
  /* a step against the gradient goes down: parameters are the context's, and set in place */
  OK(gradc_param_get(gc, "W", w, sizeof w));
  for (int i = 0; i < 6; i++) w[i] -= 0.01f * dw[i];
  OK(gradc_param_set(gc, "W", w, sizeof w));
  OK(gradc_call(f, args, results));
  ck_assert_double_lt((double)value, first);
  const gradc_tensor *t;
  OK(gradc_param_named(gc, "W", &t));
  ck_assert_int_eq(memcmp(t->data, w, sizeof w), 0);
}
END_TEST

START_TEST(same_results_by_the_reference) {
  float x[] = {1, 2, -3, 4, 0.5f, 0}, y[2][9];
  const void *args[] = {x};
  OK(gradc_declare(gc, "linear", linear));
  for (int k = 0; k < 2; k++) {
    void *results[] = {y[k]};
    OK(gradc_set_reference(gc, k));
    OK(gradc_call(sized("scores", 3), args, results));
  }
  for (int i = 0; i < 9; i++) ck_assert_float_eq_tol(y[0][i], y[1][i], 1e-6f);
}
END_TEST

START_TEST(sizes) {
  gradc_function *open, *f;
  const char *const names[] = {"N", "M"};
  const int64_t bad[] = {-1, 1}, good[] = {0, 1};
  double s = 7;
  void *results[] = {&s};
  OK(gradc_declare(gc, "s", "fn s(x: f64[N]) = sum(x)"));
  OK(gradc_find(gc, "s", &open));
  IS(USAGE, gradc_compile(open));
  IS(USAGE, gradc_call(open, NULL, results));
  IS(USAGE, gradc_specialize(open, names, bad, 1, &f));
  ck_assert_ptr_null(f);
  IS(USAGE, gradc_specialize(open, names, good, 2, &f)); /* there is no M */
  IS(USAGE, gradc_specialize(open, NULL, NULL, 0, &f));  /* N is missing */
  IS(USAGE, gradc_specialize(open, NULL, good, 1, &f));
  OK(gradc_specialize(open, names, good, 1, &f)); /* no elements: a sum of nothing */
  OK(gradc_call(f, NULL, results));
  ck_assert_double_eq(s, 0);
}
END_TEST

/* Cotangents and tangents are arguments behind those of the function. */
START_TEST(derivatives_that_take_directions) {
  gradc_function *f;
  OK(gradc_declare(gc, "two",
                   "param w: f64 ~ 3.0\n"
                   "fn two(x: f64[2], ct: f64) = [w * x[0] * x[1], ct * x[0]]\n"
                   "fn quartic(x: f64[2]) = sum(x * x * x * x)"));
  double x[2] = {2, 5}, ct = 7, own[2] = {10, 1}, y[2], d[3] = {0};
  OK(gradc_find(gc, "vjp(two, wrt: (x, w))", &f));
  ck_assert_int_eq(gradc_argument_count(f), 3);
  ck_assert_str_eq(gradc_argument(f, 2)->name, "ct_"); /* `ct` is an argument of the function */
  const void *args[] = {x, &ct, own};
  void *results[3] = {y, d, d + 2};
  OK(gradc_call(f, args, results));
  ck_assert(y[0] == 30 && y[1] == 14);
  ck_assert(d[0] == 10 * 15 + 7 && d[1] == 10 * 6 && d[2] == 10 * 10);

  OK(gradc_find(gc, "jvp(quartic)", &f));
  double t[2] = {1, -1}, value, slope;
  OK(gradc_call(f, (const void *[]){x, t}, (void *[]){&value, &slope}));
  ck_assert(value == 16 + 625 && slope == 4 * 8 - 4 * 125);
  ck_assert_str_eq(gradc_argument(f, 1)->name, "t_x");

  OK(gradc_find(gc, "hvp(quartic)", &f));
  OK(gradc_call(f, (const void *[]){x, t}, (void *[]){d}));
  ck_assert(d[0] == 12 * 4 && d[1] == -12 * 25);
}
END_TEST

START_TEST(source_of_a_derivative) {
  gradc_function *f;
  const char *text;
  OK(gradc_declare(gc, "cube", "fn f(x: f64) = x**3"));
  OK(gradc_find(gc, "grad(f)", &f));
  OK(gradc_source(f, &text));
  OK(gradc_declare(gc, "again", text));
  ck_assert_double_eq(call1("grad_f", 2), 12);
}
END_TEST

typedef struct Caller {
  gradc_function *f;
  float first, y;
  bool wrong;
} Caller;

static void *call_often(void *arg) {
  Caller *c = arg;
  size_t n = (gradc_workspace(c->f) + 63) / 64 * 64;
  void *workspace = aligned_alloc(64, n);
  float x[64];
  for (int i = 0; i < 64; i++) x[i] = c->first + (float)i;
  const void *args[] = {x};
  void *results[] = {&c->y};
  for (int k = 0; k < 2000; k++) {
    c->wrong |= gradc_call_in(c->f, args, results, workspace, n) != GRADC_OK;
    c->wrong |= c->y != 64 * c->first + 2016;
  }
  free(workspace);
  return NULL;
}

START_TEST(one_function_in_several_threads) {
  pthread_t thread[4];
  Caller c[4];
  gradc_function *f;
  OK(gradc_declare(gc, "s", "fn s(x: f32[64]) = sum(x)"));
  OK(gradc_find(gc, "s", &f));
  ck_assert_uint_eq(gradc_workspace(f), 0);
  OK(gradc_compile(f));
  for (int i = 0; i < 4; i++) {
    c[i] = (Caller){f, (float)i, 0, false};
    ck_assert_int_eq(pthread_create(&thread[i], NULL, call_often, &c[i]), 0);
  }
  for (int i = 0; i < 4; i++) pthread_join(thread[i], NULL);
  for (int i = 0; i < 4; i++) ck_assert(!c[i].wrong);
  char small[128] __attribute__((aligned(64)));
  float x[64] = {0}, y;
  const void *args[] = {x};
  void *results[] = {&y};
  IS(USAGE, gradc_call_in(f, args, results, small, 1));
  IS(USAGE, gradc_call_in(f, args, results, small + 4, sizeof small));
  IS(USAGE, gradc_call_in(f, args, results, NULL, 1 << 20));
}
END_TEST

/* ---- contexts ---- */
static void *own_context(void *arg) {
  int number = *(int *)arg;
  char text[64];
  double x = 2, y = 0;
  const void *args[] = {&x};
  void *results[] = {&y};
  gradc_context *mine;
  gradc_function *f;
  snprintf(text, sizeof text, "fn f(x: f64) = x**2 * %d", number);
  for (int k = 0; k < 4; k++) {
    bool good = gradc_new(&mine) == GRADC_OK && gradc_declare(mine, "f", text) == GRADC_OK &&
                gradc_find(mine, "grad(f)", &f) == GRADC_OK &&
                gradc_call(f, args, results) == GRADC_OK;
    gradc_free(mine);
    if (!good || y != 4 * number) return "wrong";
  }
  return NULL;
}

START_TEST(contexts_in_threads) {
  pthread_t thread[4];
  int number[4] = {1, 2, 3, 4};
  for (int i = 0; i < 4; i++)
    ck_assert_int_eq(pthread_create(&thread[i], NULL, own_context, &number[i]), 0);
  for (int i = 0; i < 4; i++) {
    void *wrong;
    pthread_join(thread[i], &wrong);
    ck_assert_ptr_null(wrong);
  }
}
END_TEST

START_TEST(two_contexts_take_turns) {
  gradc_context *other;
  IS(OK, gradc_new(&other));
  OK(gradc_declare(gc, "a", "fn f(x: f64) = x + 1"));
  IS(OK, gradc_declare(other, "b", "fn f(x: f64) = x * 10"));
  ck_assert_double_eq(call1("f", 2), 3);
  gradc_context *first = gc;
  gc = other;
  ck_assert_double_eq(call1("f", 2), 20);
  gc = first;
  ck_assert_double_eq(call1("f", 3), 4);
  gradc_free(other);
}
END_TEST

START_TEST(another_locale) {
  const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "fr_FR"};
  bool found = false;
  for (int i = 0; i < 4 && !found; i++) found = setlocale(LC_NUMERIC, names[i]) != NULL;
  gradc_values *v;
  const char *text;
  OK(gradc_eval(gc, "line", "1.5 + 0.25", &v));
  OK(gradc_values_text(v, 0, 0, &text, NULL));
  ck_assert_str_eq(text, "1.75");
  gradc_values_free(v);
  if (found) {
    char own[16];
    snprintf(own, sizeof own, "%.1f", 0.5); /* the caller's is as it was */
    ck_assert_str_eq(own, "0,5");
  }
  setlocale(LC_NUMERIC, "C");
}
END_TEST

/* ---- what went wrong ---- */
START_TEST(diagnostics_are_data) {
  IS(SOURCE, gradc_declare(gc, "bad.nn", "fn f(x: f32[3], y: f32[4]) = (\n"));
  ck_assert_int_eq(gradc_diagnostic_count(gc), 1);
  OK(gradc_declare(gc, "bad.nn", "fn f(x: f32[3], y: f32[4]) =\n  x + y\n"));
  ck_assert_int_eq(gradc_diagnostic_count(gc), 0);
  ck_assert_str_eq(gradc_message(gc), "");
  IS(SOURCE, gradc_check(gc));
  ck_assert_int_eq(gradc_diagnostic_count(gc), 1);
  const gradc_diagnostic *d = gradc_diagnostic_at(gc, 0);
  ck_assert_int_eq(d->severity, GRADC_ERROR);
  ck_assert_str_eq(d->code, "E0304");
  ck_assert_str_eq(d->place.file, "bad.nn");
  ck_assert_int_eq(d->place.line, 2);
  ck_assert_int_eq(d->place.column, 3);
  ck_assert_int_eq(d->place.end_line, 2);
  ck_assert_int_eq(d->place.end_column, 8);
  ck_assert_int_ge(d->parts, 2);
  ck_assert_int_eq(d->part[0].kind, GRADC_LABEL);
  bool declared = false; /* one part says where a shape comes from */
  for (int i = 0; i < d->parts; i++) declared |= d->part[i].place.line == 1 && *d->part[i].message;
  ck_assert(declared);
  ck_assert_ptr_nonnull(strstr(gradc_message(gc), "bad.nn:2:3: error[E0304]"));
  ck_assert_ptr_nonnull(strstr(gradc_diagnostics_text(gc, 0), "^^^^^"));
  ck_assert_ptr_nonnull(gradc_explain(gc, "E0304"));
  ck_assert_ptr_null(gradc_explain(gc, "E9999"));
  ck_assert_ptr_null(gradc_diagnostic_at(gc, 1));
}
END_TEST

START_TEST(what_cant_be_found) {
  gradc_function *f;
  OK(gradc_declare(gc, "cube", "fn cube(x: f64) = x**3\nfn bare(x) = x"));
  IS(SOURCE, gradc_find(gc, "cbe", &f));
  ck_assert_ptr_null(f);
  ck_assert_ptr_nonnull(strstr(gradc_diagnostics_text(gc, 0), "did you mean `cube`?"));
  const char *const bad[] = {
      "bare", "grad(cbe)",        "grad(cube)(2.0)",    "1 + 1",           "(",
      "",     "fn g(x: f64) = x", "grad(cube, wrt: y)", "grad(jvp(cube))", "vjp(vjp(cube))",
      "sin",  "cube; cube"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    ck_assert_msg(gradc_find(gc, bad[i], &f) == GRADC_SOURCE, "%s", bad[i]);
  IS(DATA, gradc_load(gc, "/none/there.nn"));
  ck_assert_double_eq(call1("cube", 2), 8); /* the context goes on */
}
END_TEST

START_TEST(arguments_that_cant_be) {
  gradc_function *f;
  gradc_values *v;
  gradc_job *j;
  gradc_trainer *t;
  const gradc_tensor *tensor;
  float w[6];
  IS(USAGE, gradc_new(NULL));
  IS(USAGE, gradc_load(gc, NULL));
  IS(USAGE, gradc_load(NULL, "x"));
  IS(USAGE, gradc_declare(gc, "x", NULL));
  IS(USAGE, gradc_define(gc, "N", -1));
  IS(USAGE, gradc_define(gc, "", 1));
  IS(USAGE, gradc_find(gc, NULL, &f));
  IS(USAGE, gradc_find(gc, "f", NULL));
  IS(USAGE, gradc_compile(NULL));
  IS(USAGE, gradc_call(NULL, NULL, NULL));
  IS(USAGE, gradc_set_threads(gc, -1));
  IS(USAGE, gradc_set_threads(gc, 100000));
  IS(USAGE, gradc_eval(gc, NULL, NULL, &v));
  IS(USAGE, gradc_job_predict(gc, NULL, &j));
  IS(USAGE, gradc_trainer_new(gc, NULL, "sgd", NULL, NULL, NULL, 0, &t));
  OK(gradc_declare(gc, "linear", linear));
  IS(USAGE, gradc_param(gc, 2, &tensor));
  IS(USAGE, gradc_param(gc, -1, &tensor));
  IS(USAGE, gradc_param_named(gc, "V", &tensor));
  ck_assert_ptr_null(tensor);
  IS(USAGE, gradc_param_get(gc, "W", w, sizeof w - 1));
  IS(USAGE, gradc_param_set(gc, "W", NULL, sizeof w));
  gradc_function *g = sized("scores", 2);
  float y[6];
  const void *none[] = {NULL}, *args[] = {w};
  void *nowhere[] = {NULL}, *results[] = {y};
  IS(USAGE, gradc_call(g, none, results));
  ck_assert_ptr_nonnull(strstr(gradc_message(gc), "`x` (f32[2, 2])"));
  IS(USAGE, gradc_call(g, args, nowhere));
  IS(USAGE, gradc_call(g, NULL, results));
  IS(USAGE, gradc_trainer_new(gc, "loss", "sgd", NULL, NULL, NULL, 0, &t)); /* N is open */
  IS(SOURCE, gradc_trainer_new(gc, "loss", "sgdd", NULL, NULL, NULL, 0, &t));
  IS(SOURCE, gradc_trainer_new(gc, "scores", "sgd", NULL, NULL, NULL, 0, &t));
  ck_assert_ptr_null(t);
  gradc_free(NULL);
  gradc_release(NULL);
  gradc_values_free(NULL);
  gradc_job_free(NULL);
  gradc_trainer_free(NULL);
  gradc_job_stop(NULL);
  ck_assert_str_eq(gradc_message(NULL), "no context");
  ck_assert_int_eq(
      gradc_param_count(NULL) + gradc_function_count(NULL) + gradc_diagnostic_count(NULL), 0);
}
END_TEST

/* ---- parameters and values ---- */
START_TEST(parameters_last) {
  const gradc_tensor *t;
  float before[6], now[6];
  OK(gradc_declare(gc, "linear", linear));
  ck_assert_int_eq(gradc_param_count(gc), 2);
  OK(gradc_param(gc, 0, &t));
  ck_assert_str_eq(t->name, "W");
  ck_assert_str_eq(t->text, "f32[2, 3]");
  ck_assert_uint_eq((uintptr_t)t->data % 64, 0);
  OK(gradc_param_get(gc, "W", before, sizeof before));
  float mine[6] = {1, 2, 3, 4, 5, 6};
  OK(gradc_param_set(gc, "W", mine, sizeof mine));
  OK(gradc_declare(gc, "more", "fn g(x: f64) = x")); /* other declarations leave them */
  OK(gradc_param_get(gc, "W", now, sizeof now));
  ck_assert_int_eq(memcmp(now, mine, sizeof now), 0);
  OK(gradc_params_init(gc, 0)); /* the same seed, the same values, in the same place */
  ck_assert_int_eq(memcmp(t->data, before, sizeof before), 0);
  OK(gradc_params_init(gc, 1));
  ck_assert_int_ne(memcmp(t->data, before, sizeof before), 0);
  OK(gradc_declare(gc, "again", "param W: f32[2, 3] ~ 0.25"));
  OK(gradc_param_get(gc, "W", now, sizeof now));
  ck_assert_float_eq(now[5], 0.25f);
}
END_TEST

START_TEST(parameters_in_files) {
  char path[64];
  float w[6] = {1, 2, 3, 4, 5, 6}, now[6];
  OK(gradc_declare(gc, "linear", linear));
  OK(gradc_param_set(gc, "W", w, sizeof w));
  const char *const ends[] = {"npz", "safetensors"};
  for (int i = 0; i < 2; i++) {
    snprintf(path, sizeof path, "/tmp/gradc-api-%ld.%s", (long)getpid(), ends[i]);
    OK(gradc_params_save(gc, path));
    OK(gradc_params_init(gc, 5));
    OK(gradc_params_load(gc, path));
    OK(gradc_param_get(gc, "W", now, sizeof now));
    ck_assert_int_eq(memcmp(now, w, sizeof w), 0);
    remove(path);
  }
  IS(DATA, gradc_params_load(gc, path));
  IS(DATA, gradc_params_save(gc, "/tmp/weights.txt"));
}
END_TEST

START_TEST(lines) {
  gradc_values *v;
  const char *text;
  IS(SOURCE, gradc_eval(gc, "line", "1 +", &v));
  ck_assert_ptr_null(v);
  OK(gradc_eval(gc, "line", "fn f(x: f64[2]) = (sum(x), 2 * x)", &v));
  ck_assert_ptr_null(v);
  OK(gradc_eval(gc, "line", "f([1.0, 2.0])", &v));
  ck_assert_int_eq(gradc_value_count(v), 2);
  ck_assert_double_eq(((const double *)gradc_value(v, 1)->data)[1], 4);
  ck_assert_ptr_null(gradc_value(v, 2));
  OK(gradc_values_text(v, 0, 0, &text, NULL));
  ck_assert_str_eq(text, "(3, [2.0, 4.0])");
  gradc_values *bytes;
  size_t n;
  OK(gradc_eval(gc, "line", "u8([72, 0, 33])", &bytes));
  OK(gradc_values_text(bytes, 0, 1, &text, &n));
  ck_assert_uint_eq(n, 3);
  ck_assert_int_eq(memcmp(text, "H\0!", 3), 0);
  gradc_values_free(bytes);
  IS(USAGE, gradc_values_text(v, 99, 0, &text, NULL));
  gradc_values_free(v);
}
END_TEST

Suite *api_suite(void);
Suite *api_suite(void) {
  Suite *s = suite_create("api");
  TCase *t = tcase_create("gradc.h");
  tcase_set_timeout(t, 120);
  tcase_add_checked_fixture(t, api_set_up, api_tear_down);
  tcase_add_test(t, functions_and_derivatives);
  tcase_add_test(t, descriptions);
  tcase_add_test(t, arrays_are_the_callers);
  tcase_add_test(t, same_results_by_the_reference);
  tcase_add_test(t, sizes);
  tcase_add_test(t, derivatives_that_take_directions);
  tcase_add_test(t, source_of_a_derivative);
  tcase_add_test(t, one_function_in_several_threads);
  tcase_add_test(t, contexts_in_threads);
  tcase_add_test(t, two_contexts_take_turns);
  tcase_add_test(t, another_locale);
  tcase_add_test(t, diagnostics_are_data);
  tcase_add_test(t, what_cant_be_found);
  tcase_add_test(t, arguments_that_cant_be);
  tcase_add_test(t, parameters_last);
  tcase_add_test(t, parameters_in_files);
  tcase_add_test(t, lines);
  suite_add_tcase(s, t);
  return s;
}
