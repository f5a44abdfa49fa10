/* test_api.c: include/gradc.h: what calls give, what they refuse, and that contexts keep to
 * themselves. */
#include "include/gradc.h"

#include <check.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static gradc_context *gc;

static void set_up(void) {
  setenv("GRADC_LLVM_MODULE", TEST_LLVM_MODULE, 1);
  ck_assert_int_eq(gradc_new(&gc), GRADC_OK);
}
static void tear_down(void) { gradc_free(gc); }

#define OK(call)         ck_assert_msg((call) == GRADC_OK, "%s: %s", #call, gradc_message(gc))
#define IS(status, call) ck_assert_int_eq((call), GRADC_##status)

static const char linear[] =
    "param W: f32[2, 3] ~ glorot()\n"
    "param b: f32[3] ~ 0.5\n"
    "fn scores(x: f32[N, 2]) = x @ W + b\n"
    "fn loss(x: f32[N, 2], label: i32[N]) = mean(cross_entropy(scores(x), label))\n";

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
  const char *const bad[] = {"bare",      "grad(cbe)", "grad(cube)(2.0)",  "1 + 1",
                             "(",         "",          "fn g(x: f64) = x", "grad(cube, wrt: y)",
                             "jvp(cube)", "sin",       "cube; cube"};
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

/* ---- training ---- */
static float xs[8 * 2];
static int32_t labels[8];
static void make_data(void) {
  for (int i = 0; i < 8; i++) {
    xs[2 * i] = (float)(i - 4);
    xs[2 * i + 1] = (float)(i % 3);
    labels[i] = i < 3 ? 0 : i < 6 ? 1 : 2;
  }
}

START_TEST(steps_of_training) {
  gradc_trainer *t;
  const char *const name[] = {"N"};
  const int64_t n[] = {8};
  const void *args[] = {xs, labels};
  double first, last;
  make_data();
  OK(gradc_declare(gc, "linear", linear));
  OK(gradc_trainer_new(gc, "loss", "adam", "b", name, n, 1, &t));
  ck_assert_int_eq(gradc_trainer_argument_count(t), 2);
  ck_assert_str_eq(gradc_trainer_argument(t, 0)->text, "f32[8, 2]");
  ck_assert_int_eq(gradc_trainer_state_count(t), 2); /* of W alone: b is frozen */
  OK(gradc_trainer_step(t, args, 0.05, &first));
  for (int i = 0; i < 200; i++) OK(gradc_trainer_step(t, args, 0.05, &last));
  ck_assert_double_lt(last, 0.5 * first);
  ck_assert_int_eq(gradc_trainer_steps(t), 201);
  float bias[3];
  OK(gradc_param_get(gc, "b", bias, sizeof bias));
  ck_assert_float_eq(bias[1], 0.5f);
  IS(USAGE, gradc_trainer_step(t, args, NAN, &last));
  IS(USAGE, gradc_trainer_step(t, NULL, 0.1, &last));
  gradc_trainer_free(t);
}
END_TEST

typedef struct Watch {
  int calls, stop_at;
  gradc_progress last;
} Watch;

static int watch(void *arg, const gradc_progress *p) {
  Watch *w = arg;
  w->last = *p;
  return ++w->calls == w->stop_at;
}

static gradc_job *training(Watch *w) {
  gradc_job *j;
  const int64_t x_shape[] = {8, 2}, label_shape[] = {8};
  make_data();
  OK(gradc_job_train(gc, &j));
  OK(gradc_job_array(j, "x", GRADC_F32, 2, x_shape, xs));
  OK(gradc_job_array(j, "label", GRADC_I32, 1, label_shape, labels));
  OK(gradc_job_number(j, "batch", 4));
  OK(gradc_job_number(j, "epochs", 5));
  OK(gradc_job_on_progress(j, watch, w));
  return j;
}

START_TEST(whole_trainings) {
  Watch w = {0};
  double loss, epochs;
  OK(gradc_declare(gc, "linear", linear));
  gradc_job *j = training(&w);
  IS(USAGE, gradc_job_figure(j, "loss", &loss)); /* it has not run */
  OK(gradc_job_run(j));
  ck_assert_int_eq(w.calls, 10);
  ck_assert_int_eq(w.last.epoch, 5);
  ck_assert_int_eq(w.last.step, 2);
  OK(gradc_job_figure(j, "loss", &loss));
  OK(gradc_job_figure(j, "epochs", &epochs));
  ck_assert_double_eq(epochs, 5);
  ck_assert_double_eq_tol(loss, w.last.loss, 1e-12);
  IS(USAGE, gradc_job_figure(j, "weight", &loss));
  gradc_job_free(j);
  /* the context's parameters are the trained ones */
  gradc_trainer *t;
  const char *const name[] = {"N"};
  const int64_t n[] = {8};
  const void *args[] = {xs, labels};
  double now;
  OK(gradc_trainer_new(gc, "loss", "sgd", NULL, name, n, 1, &t));
  OK(gradc_trainer_step(t, args, 0, &now));
  ck_assert_double_lt(now, loss);
  gradc_trainer_free(t);
}
END_TEST

START_TEST(a_training_that_is_stopped) {
  Watch w = {.stop_at = 3};
  double steps;
  OK(gradc_declare(gc, "linear", linear));
  gradc_job *j = training(&w);
  IS(INTERRUPTED, gradc_job_run(j));
  OK(gradc_job_figure(j, "steps", &steps));
  ck_assert_double_eq(steps, 3);
  gradc_job_free(j);
}
END_TEST

START_TEST(options_of_jobs) {
  gradc_job *j;
  const int64_t shape[] = {-1};
  OK(gradc_declare(gc, "linear", linear));
  OK(gradc_job_train(gc, &j));
  IS(USAGE, gradc_job_number(j, "epoch", 1));
  IS(USAGE, gradc_job_number(j, "batch", 0));
  IS(USAGE, gradc_job_number(j, "batch", 1.5));
  IS(USAGE, gradc_job_number(j, "lr", NAN));
  IS(USAGE, gradc_job_text(j, "decay", "fast"));
  IS(USAGE, gradc_job_text(j, "output", "x.npz"));
  IS(USAGE, gradc_job_array(j, "x", (gradc_type)99, 1, shape, xs));
  IS(USAGE, gradc_job_array(j, "x", GRADC_F32, 1, shape, xs));
  IS(USAGE, gradc_job_array(j, "x", GRADC_F32, 99, shape, xs));
  IS(DATA, gradc_job_run(j)); /* no data at all */
  ck_assert_ptr_nonnull(strstr(gradc_message(gc), "E0612"));
  gradc_job_free(j);
  OK(gradc_job_predict(gc, "scores", &j));
  IS(USAGE, gradc_job_number(j, "epochs", 1));
  IS(USAGE, gradc_job_validation(j, "x=y.npy"));
  IS(USAGE, gradc_job_run(j)); /* no output */
  gradc_job_free(j);
}
END_TEST

START_TEST(nan_in_training) {
  Watch w = {0};
  OK(gradc_declare(gc, "linear",
                   "param W: f32[2] ~ -1.0\nfn loss(x: f32[N, 2], label: i32[N]) = mean(log(x @ "
                   "W)) + 0 * f32(sum(label))"));
  gradc_job *j = training(&w);
  IS(FINDINGS, gradc_job_run(j));
  ck_assert_str_eq(gradc_diagnostic_at(gc, 0)->code, "E0711");
  gradc_job_free(j);
}
END_TEST

/* ---- what the commands do ---- */
static gradc_job *job(const char *kind) {
  gradc_job *j = NULL;
  OK(gradc_job_new(gc, kind, &j));
  return j;
}

static double cell(const gradc_job *j, int row, const char *name) {
  double v = -1;
  ck_assert_msg(gradc_job_row_number(j, row, name, &v) == GRADC_OK, "row %d: %s", row, name);
  return v;
}

START_TEST(derivatives_as_text) {
  OK(gradc_declare(gc, "f", "fn f(x: f64[3], w: f64) = w * sum(x * x)"));
  gradc_job *j = job("grad");
  IS(USAGE, gradc_job_run(j)); /* of which function? */
  OK(gradc_job_text(j, "function", "f"));
  OK(gradc_job_text(j, "wrt", "w"));
  ck_assert_ptr_null(gradc_job_result(j, "text", NULL));
  OK(gradc_job_run(j));
  ck_assert_ptr_nonnull(strstr(gradc_job_result(j, "text", NULL), "sum(x * x)"));
  OK(gradc_job_text(j, "wrt", "y"));
  IS(USAGE, gradc_job_run(j));
  ck_assert_ptr_nonnull(strstr(gradc_message(gc), "no argument or parameter \"y\""));
  gradc_job_free(j);
}
END_TEST

START_TEST(gradients_that_are_checked) {
  OK(gradc_declare(gc, "linear", linear));
  gradc_job *j = job("gradcheck");
  OK(gradc_job_text(j, "function", "loss"));
  OK(gradc_job_text(j, "size", "N=2"));
  OK(gradc_job_run(j));
  ck_assert_int_eq(gradc_job_row_count(j), 3);
  ck_assert_str_eq(gradc_job_row_text(j, 1, "input"), "W");
  ck_assert_str_eq(gradc_job_row_text(j, 1, "sizes"), "N = 2");
  ck_assert(cell(j, 1, "ok") == 1 && cell(j, 1, "differences") < 1e-5);
  ck_assert_ptr_null(gradc_job_row_text(j, 1, "ok"));
  ck_assert_ptr_null(gradc_job_row_text(j, 3, "input"));
  double v;
  IS(USAGE, gradc_job_row_number(j, 0, "input", &v));
  gradc_job_free(j);

  OK(gradc_declare(gc, "wrong", "fn g(x: f64) = x * x\nadjoint g(x; y, dy) = 3 * x * dy"));
  j = job("gradcheck");
  OK(gradc_job_text(j, "function", "g"));
  IS(FINDINGS, gradc_job_run(j));
  ck_assert(cell(j, 0, "ok") == 0);
  gradc_job_free(j);
}
END_TEST

START_TEST(test_blocks) {
  OK(gradc_declare(gc, "t", "test \"good\" { 1 + 1 == 2 }\ntest \"bad\" { 1 + 1 == 3 }"));
  gradc_job *j = job("test");
  IS(FINDINGS, gradc_job_run(j));
  ck_assert_int_eq(gradc_job_row_count(j), 2);
  ck_assert_str_eq(gradc_job_row_text(j, 1, "test"), "bad");
  ck_assert(cell(j, 0, "ok") == 1 && cell(j, 1, "ok") == 0);
  ck_assert_ptr_nonnull(strstr(gradc_job_row_text(j, 1, "wrong"), "2"));
  gradc_job_free(j);
}
END_TEST

START_TEST(stages_and_code) {
  size_t n = 0;
  OK(gradc_declare(gc, "linear", linear));
  gradc_job *j = job("emit");
  IS(USAGE, gradc_job_run(j)); /* which stage? */
  OK(gradc_job_number(j, "ir", 1));
  OK(gradc_job_text(j, "function", "grad(loss)"));
  OK(gradc_job_run(j));
  ck_assert_ptr_nonnull(strstr(gradc_job_result(j, "text", &n), "fn loss_grad"));
  ck_assert_uint_eq(n, strlen(gradc_job_result(j, "text", NULL)));
  gradc_job_free(j);

  j = job("emit");
  OK(gradc_job_number(j, "c", 1));
  OK(gradc_job_text(j, "step", "sgd"));
  OK(gradc_job_text(j, "prefix", "line"));
  IS(USAGE, gradc_job_text(j, "cpu", "z80"));
  OK(gradc_job_run(j));
  ck_assert_ptr_nonnull(strstr(gradc_job_result(j, "source", NULL), "line_loss_sgd_step("));
  ck_assert_ptr_nonnull(strstr(gradc_job_result(j, "header", NULL), "line_params"));
  ck_assert_ptr_null(gradc_job_result(j, "library", NULL));
  OK(gradc_job_text(j, "prefix", "while"));
  IS(USAGE, gradc_job_run(j));
  gradc_job_free(j);

  j = job("build");
  IS(USAGE, gradc_job_run(j)); /* into which file? */
  OK(gradc_job_text(j, "output", "/no/such/folder/line.o"));
  IS(DATA, gradc_job_run(j));
  gradc_job_free(j);
}
END_TEST

START_TEST(speed) {
  OK(gradc_declare(gc, "linear", linear));
  gradc_job *j = job("bench");
  OK(gradc_job_text(j, "function", "grad(loss)"));
  OK(gradc_job_number(j, "seconds", 0.01));
  OK(gradc_job_number(j, "kernels", 1));
  OK(gradc_job_run(j));
  ck_assert_str_eq(gradc_job_row_text(j, 0, "function"), "grad(loss)");
  ck_assert(cell(j, 0, "seconds") > 0 && cell(j, 0, "gradient-to-forward") > 0);
  ck_assert_ptr_nonnull(gradc_job_row_text(j, 1, "kernel"));
  ck_assert_ptr_nonnull(strstr(gradc_job_result(j, "json", NULL), "\"gflops\""));
  gradc_job_free(j);
}
END_TEST

START_TEST(bounded_memory) {
  gradc_function *f;
  const char program[] = "fn orbit(x0: f64[64]) {\n  var x = x0\n"
                         "  for t in 0..1000 { x = x + 0.01 * sin(x) }\n  sum(x)\n}";
  OK(gradc_declare(gc, "orbit", program));
  OK(gradc_find(gc, "grad(orbit)", &f));
  OK(gradc_compile(f));
  size_t whole = gradc_workspace(f);
  IS(USAGE, gradc_set_memory(gc, -1));
  OK(gradc_set_memory(gc, 100000));
  OK(gradc_find(gc, "grad(orbit)", &f));
  OK(gradc_compile(f));
  ck_assert(whole > 500000 && gradc_workspace(f) < 101000);
  OK(gradc_set_memory(gc, 100));
  OK(gradc_find(gc, "grad(orbit)", &f));
  IS(SOURCE, gradc_compile(f));
  ck_assert_str_eq(gradc_diagnostic_at(gc, 0)->code, "E0706");
}
END_TEST

START_TEST(values_that_are_trapped) {
  gradc_values *v;
  OK(gradc_eval(gc, NULL, "log(0.0) * 2", &v));
  gradc_values_free(v);
  OK(gradc_set_trap_nan(gc, 1));
  IS(SOURCE, gradc_eval(gc, NULL, "log(0.0) * 2", &v));
  ck_assert_str_eq(gradc_diagnostic_at(gc, 0)->code, "E0712");
}
END_TEST

START_TEST(texts_without_a_program) {
  const char *text;
  size_t n;
  int changed;
  OK(gradc_format(gc, "f", "fn f( x:f64 )=x+1\n", &text, &n, &changed));
  ck_assert_str_eq(text, "fn f(x: f64) = x + 1\n");
  ck_assert(changed && n == strlen(text));
  OK(gradc_format(gc, "f", text, &text, &n, &changed));
  ck_assert(!changed);
  IS(SOURCE, gradc_format(gc, "f", "fn f(", &text, &n, &changed));
  ck_assert_ptr_null(text);
  IS(DATA, gradc_inspect(gc, "/no/such/file.npz", &text));
  ck_assert_ptr_nonnull(strstr(gradc_diagnostics_json(gc), "\"code\""));
  bool sine = false;
  for (int i = 0; gradc_word(gc, "function", i); i++)
    sine |= !strcmp(gradc_word(gc, "function", i), "sin");
  ck_assert(sine);
  ck_assert_ptr_null(gradc_word(gc, "verb", 0));
  ck_assert_ptr_nonnull(strstr(gradc_explain(gc, "operators"), "tanh"));
}
END_TEST

START_TEST(definitions) {
  OK(gradc_define(gc, "N", 3));
  OK(gradc_define(gc, "M", 4));
  OK(gradc_declare(gc, "linear", linear));
  IS(SOURCE, gradc_check_defines(gc));
  ck_assert_ptr_nonnull(strstr(gradc_message(gc), "`M`"));
  gradc_function *f;
  OK(gradc_find(gc, "loss", &f));
  ck_assert_int_eq(gradc_size_count(f), 0);
}
END_TEST

Suite *api_suite(void) {
  Suite *s = suite_create("api");
  TCase *t = tcase_create("gradc.h");
  tcase_set_timeout(t, 120);
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_test(t, derivatives_as_text);
  tcase_add_test(t, gradients_that_are_checked);
  tcase_add_test(t, test_blocks);
  tcase_add_test(t, stages_and_code);
  tcase_add_test(t, speed);
  tcase_add_test(t, bounded_memory);
  tcase_add_test(t, values_that_are_trapped);
  tcase_add_test(t, texts_without_a_program);
  tcase_add_test(t, definitions);
  tcase_add_test(t, functions_and_derivatives);
  tcase_add_test(t, descriptions);
  tcase_add_test(t, arrays_are_the_callers);
  tcase_add_test(t, same_results_by_the_reference);
  tcase_add_test(t, sizes);
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
  tcase_add_test(t, steps_of_training);
  tcase_add_test(t, whole_trainings);
  tcase_add_test(t, a_training_that_is_stopped);
  tcase_add_test(t, options_of_jobs);
  tcase_add_test(t, nan_in_training);
  suite_add_tcase(s, t);
  return s;
}
