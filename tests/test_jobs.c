/* test_jobs.c: the jobs of include/gradc.h: training, and what the commands do. */
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

Suite *jobs_suite(void);
Suite *jobs_suite(void) {
  Suite *s = suite_create("jobs");
  TCase *t = tcase_create("jobs");
  tcase_set_timeout(t, 120);
  tcase_add_checked_fixture(t, api_set_up, api_tear_down);
  tcase_add_test(t, steps_of_training);
  tcase_add_test(t, whole_trainings);
  tcase_add_test(t, a_training_that_is_stopped);
  tcase_add_test(t, options_of_jobs);
  tcase_add_test(t, nan_in_training);
  tcase_add_test(t, derivatives_as_text);
  tcase_add_test(t, gradients_that_are_checked);
  tcase_add_test(t, test_blocks);
  tcase_add_test(t, stages_and_code);
  tcase_add_test(t, speed);
  tcase_add_test(t, bounded_memory);
  tcase_add_test(t, values_that_are_trapped);
  tcase_add_test(t, texts_without_a_program);
  tcase_add_test(t, definitions);
  suite_add_tcase(s, t);
  return s;
}
