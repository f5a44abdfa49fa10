/* test_prompt.c: what include/gradc.h has for programs that read lines from a person: entries,
 * completion, types, declarations, files read again, interruption. */
#include "api_case.h"

#include <check.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void gives(const char *line, const char *wanted) {
  gradc_values *v;
  const char *text;
  OK(gradc_eval(gc, "<line>", line, &v));
  ck_assert_ptr_nonnull(v);
  OK(gradc_values_text(v, 0, 0, &text, NULL));
  ck_assert_str_eq(text, wanted);
  gradc_values_free(v);
}

/* ---- entries ---- */
static const struct {
  const char *text;
  int kind;
} entry[] = {
    {"1 + 2", 0},
    {"", GRADC_BLANK},
    {"  # a remark", GRADC_BLANK},
    {"1 +", GRADC_OPEN},
    {"fn f(x: f64) = {", GRADC_OPEN},
    {"[1, 2", GRADC_OPEN},
    {"fn f(x: f64) = x**2", 0},
    {"+ 3", GRADC_JOINS},
    {"else 2", GRADC_JOINS},
    {")", 0}, /* wrong, and not mended by more */
};

START_TEST(entries) {
  ck_assert_msg(gradc_entry_kind(entry[_i].text) == entry[_i].kind, "\"%s\": %d", entry[_i].text,
                gradc_entry_kind(entry[_i].text));
}
END_TEST

/* ---- completion ---- */
static void completes(const char *text, size_t begin, const char *first) {
  const gradc_completions *c;
  OK(gradc_complete(gc, text, strlen(text), &c));
  ck_assert_uint_eq(c->begin, begin);
  ck_assert_int_gt(c->n, 0);
  ck_assert_str_eq(c->word[0], first);
}

START_TEST(completion) {
  const gradc_completions *c;
  OK(gradc_declare(gc, "f", "fn energy_of(x: f64) = x\nconst ENOUGH = 3"));
  completes("1 + energ", 4, "energy_of");
  completes("ENO", 0, "ENOUGH");
  completes("fn g(x: f6", 8, "f64");
  OK(gradc_complete(gc, "energ and more", 5, &c)); /* only what stands before the cursor counts */
  ck_assert_str_eq(c->word[0], "energy_of");
  OK(gradc_complete(gc, "import \"li", 10, &c));
  ck_assert_int_eq(c->file, 1);
  ck_assert_uint_eq(c->begin, 8);
  OK(gradc_complete(gc, "1 + qqqq", 8, &c));
  ck_assert_int_eq(c->n, 0);
  IS(USAGE, gradc_complete(gc, "abc", 4, &c));
}
END_TEST

/* ---- types and declarations ---- */
START_TEST(types) {
  const char *text;
  OK(gradc_declare(gc, "f", "fn f(x: f32[N, 2], k: f32) = k * sum(x, 0)\nfn id(x) = x"));
  OK(gradc_type_of(gc, NULL, "f", &text));
  ck_assert_str_eq(text, "fn f(x: f32[N, 2], k: f32): f32[2]");
  OK(gradc_type_of(gc, NULL, "id", &text));
  ck_assert_str_eq(text, "fn id(x)");
  OK(gradc_type_of(gc, NULL, "(1.5, iota(3) < 2)", &text));
  ck_assert_str_eq(text, "(f64, bool[3])");
  IS(SOURCE, gradc_type_of(gc, "here", "1 + true", &text));
  ck_assert_ptr_null(text);
  ck_assert_str_eq(gradc_diagnostic_at(gc, 0)->place.file, "here");
}
END_TEST

START_TEST(declarations_as_written) {
  const char *text;
  OK(gradc_declarations(gc, &text));
  ck_assert_str_eq(text, "");
  OK(gradc_declare(gc, "a", "# doubles\nfn f(x: f64) =   2*x"));
  OK(gradc_declare(gc, "b", "const N = 3"));
  OK(gradc_declarations(gc, &text));
  ck_assert_ptr_nonnull(strstr(text, "# doubles\nfn f(x: f64) =   2*x\n"));
  ck_assert_ptr_nonnull(strstr(text, "const N = 3\n"));
}
END_TEST

/* ---- declarations that a person types ---- */
START_TEST(wrong_ones_are_taken_back) {
  OK(gradc_set_interactive(gc, 1));
  OK(gradc_declare(gc, "a", "fn f(x: f64) = 2*x"));
  IS(SOURCE, gradc_declare(gc, "b", "fn f(x: f64) = y"));
  gives("f(4.0)", "8");
  OK(gradc_set_interactive(gc, 0));
  OK(gradc_declare(gc, "c", "fn f(x: f64) = y")); /* said where it is used, or by gradc_check */
  IS(SOURCE, gradc_check(gc));
}
END_TEST

START_TEST(parameters_that_were_loaded_stay) {
  char path[] = "/tmp/gradc-prompt-XXXXXX.npz";
  const int end = 4;
  int fd = mkstemps(path, end);
  ck_assert_int_ge(fd, 0);
  close(fd);
  const double seven = 7;
  OK(gradc_declare(gc, "w", "param w: f64 ~ zeros"));
  OK(gradc_param_set(gc, "w", &seven, sizeof seven));
  OK(gradc_params_save(gc, path));
  OK(gradc_set_interactive(gc, 1));
  gives("w", "7");
  OK(gradc_declare(gc, "f", "fn f(x: f64) = w*x"));
  gives("w", "0"); /* something was declared */
  OK(gradc_params_load(gc, path));
  OK(gradc_declare(gc, "g", "fn g(x: f64) = w + x"));
  gives("w", "7");
  unlink(path);
}
END_TEST

/* ---- a file again ---- */
static void write_file(const char *path, const char *text) {
  FILE *f = fopen(path, "w");
  ck_assert_ptr_nonnull(f);
  fputs(text, f);
  ck_assert_int_eq(fclose(f), 0);
}

START_TEST(files_again) {
  char path[] = "/tmp/gradc-prompt-XXXXXX.nn";
  const int end = 3;
  const char *told;
  int fd = mkstemps(path, end);
  ck_assert_int_ge(fd, 0);
  close(fd);
  IS(USAGE, gradc_reload(gc, &told));
  OK(gradc_set_interactive(gc, 1));
  write_file(path, "fn f(x: f64) = x\nfn old(x: f64) = x");
  OK(gradc_load(gc, path));
  OK(gradc_declare(gc, "typed", "fn typed(x: f64) = old(x)"));
  write_file(path, "fn f(x: f64) = 5*x");
  IS(DATA, gradc_load(gc, "/dev/null/none.nn"));
  OK(gradc_reload(gc, &told)); /* of the last file that was loaded */
  ck_assert_str_eq(told, "`old` is gone, which `typed` uses\n");
  gives("f(2.0)", "10");
  write_file(path, "fn f(x: f64) = ");
  IS(SOURCE, gradc_reload(gc, &told));
  gives("f(2.0)", "10");
  unlink(path);
}
END_TEST

/* ---- values ---- */
START_TEST(groups_and_figures) {
  gradc_values *v;
  const char *text;
  double x = -1;
  OK(gradc_eval(gc, NULL, "(1, (2.5, [3, 4]))", &v));
  ck_assert_str_eq(gradc_values_nest(v), "(.(..))");
  OK(gradc_value_text(v, 1, 0, &text));
  ck_assert_str_eq(text, "2.5");
  IS(USAGE, gradc_value_text(v, 3, 0, &text));
  IS(USAGE, gradc_value_text(v, -1, 0, &text));
  OK(gradc_values_figure(v, "native", &x));
  ck_assert_double_eq(x, 0);
  OK(gradc_values_figure(v, "run-seconds", &x));
  ck_assert_double_ge(x, 0);
  IS(USAGE, gradc_values_figure(v, "colour", &x));
  gradc_values_free(v);
  ck_assert_str_eq(gradc_values_nest(NULL), ".");
}
END_TEST

START_TEST(engines) {
  IS(USAGE, gradc_set_engine(gc, (gradc_engine)3));
  for (int e = GRADC_ENGINE_FIRST; e <= GRADC_ENGINE_NATIVE; e++) {
    OK(gradc_set_engine(gc, (gradc_engine)e));
    gives("sum(i: 0..10) f64(i)", "45");
  }
}
END_TEST

/* ---- jobs about expressions ---- */
START_TEST(jobs_of_expressions_and_sizes) {
  gradc_job *j;
  OK(gradc_declare(gc, "f", "fn f(x: f64[N]) = sum(x)"));
  OK(gradc_job_new(gc, "emit", &j));
  OK(gradc_job_text(j, "expression", "exp(2.0) + 1"));
  OK(gradc_job_number(j, "ir", 1));
  OK(gradc_job_run(j));
  ck_assert_ptr_nonnull(strstr(gradc_job_result(j, "text", NULL), "f64"));
  gradc_job_free(j);
  OK(gradc_job_new(gc, "emit", &j));
  OK(gradc_job_text(j, "function", "f"));
  OK(gradc_job_text(j, "size", "N=17"));
  OK(gradc_job_number(j, "ir", 1));
  OK(gradc_job_run(j));
  ck_assert_ptr_nonnull(strstr(gradc_job_result(j, "text", NULL), "f64[17]"));
  OK(gradc_job_text(j, "size", "N=-1"));
  IS(USAGE, gradc_job_run(j));
  gradc_job_free(j);
}
END_TEST

START_TEST(who_made_it) {
  gradc_job *j;
  OK(gradc_declare(gc, "f", "fn only(x: f64[4]) = sum(x)"));
  OK(gradc_job_new(gc, "emit", &j));
  OK(gradc_job_number(j, "c", 1));
  OK(gradc_job_text(j, "functions", "only"));
  OK(gradc_job_text(j, "made-by", "my tool */ int x; /*\n"));
  OK(gradc_job_run(j));
  const char *source = gradc_job_result(j, "source", NULL);
  ck_assert_ptr_nonnull(strstr(source, "my tool _/ int x; _*_"));
  ck_assert_ptr_nonnull(strstr(source, "only_only(")); /* names begin as the only function's */
  gradc_job_free(j);
}
END_TEST

/* ---- interruption ---- */
static atomic_int started;

static void *ask_from_outside(void *arg) {
  (void)arg;
  while (!atomic_load(&started)) usleep(1000);
  gradc_interrupt(gc, 0);
  return NULL;
}

/* Without an end, were it not for the interruption. */
static const char endless[] = "fn endless(x: f64) = {\n var y = x\n"
                              " for i in 0..2000000000 { y = sin(y) + cos(y)*y }\n y\n}";

START_TEST(from_another_thread) {
  pthread_t other;
  gradc_values *v;
  OK(gradc_set_engine(gc, GRADC_ENGINE_EVALUATOR));
  OK(gradc_declare(gc, "f", endless));
  ck_assert_int_eq(pthread_create(&other, NULL, ask_from_outside, NULL), 0);
  atomic_store(&started, 1);
  IS(INTERRUPTED, gradc_eval(gc, NULL, "endless(0.5)", &v));
  ck_assert_ptr_null(v);
  ck_assert_int_eq(pthread_join(other, NULL), 0);
  ck_assert_int_eq(gradc_interrupted(gc), 1);
  gradc_proceed(gc);
  ck_assert_int_eq(gradc_interrupted(gc), 0);
  gives("1 + 1", "2");
}
END_TEST

static void on_alarm(int sig) { gradc_interrupt(gc, sig); }

START_TEST(from_a_handler_in_machine_code) {
  gradc_values *v;
  OK(gradc_set_engine(gc, GRADC_ENGINE_NATIVE));
  OK(gradc_declare(gc, "f", endless));
  struct sigaction act = {.sa_handler = on_alarm}, before;
  ck_assert_int_eq(sigaction(SIGALRM, &act, &before), 0);
  ualarm(500000, 0);
  gradc_status s = gradc_eval(gc, NULL, "endless(0.5)", &v);
  ualarm(0, 0);
  ck_assert_int_eq(sigaction(SIGALRM, &before, NULL), 0);
  ck_assert_int_eq(s, GRADC_INTERRUPTED);
  gradc_proceed(gc);
  gives("[1, 2] + 1", "[2, 3]");
}
END_TEST

START_TEST(what_cant_be) {
  const char *text;
  IS(USAGE, gradc_set_interactive(NULL, 1));
  IS(USAGE, gradc_set_engine(NULL, GRADC_ENGINE_FIRST));
  IS(USAGE, gradc_type_of(gc, NULL, NULL, &text));
  IS(USAGE, gradc_declarations(gc, NULL));
  IS(USAGE, gradc_complete(gc, NULL, 0, NULL));
  ck_assert_int_eq(gradc_entry_kind(NULL), 0);
  gradc_interrupt(NULL, 0);
  gradc_proceed(NULL);
  ck_assert_int_eq(gradc_interrupted(NULL), 0);
}
END_TEST

Suite *prompt_suite(void);
Suite *prompt_suite(void) {
  Suite *s = suite_create("prompt");
  TCase *t = tcase_create("gradc.h");
  tcase_set_timeout(t, 120);
  tcase_add_checked_fixture(t, api_set_up, api_tear_down);
  tcase_add_loop_test(t, entries, 0, (int)(sizeof entry / sizeof *entry));
  tcase_add_test(t, completion);
  tcase_add_test(t, types);
  tcase_add_test(t, declarations_as_written);
  tcase_add_test(t, wrong_ones_are_taken_back);
  tcase_add_test(t, parameters_that_were_loaded_stay);
  tcase_add_test(t, files_again);
  tcase_add_test(t, groups_and_figures);
  tcase_add_test(t, engines);
  tcase_add_test(t, jobs_of_expressions_and_sizes);
  tcase_add_test(t, who_made_it);
  tcase_add_test(t, from_another_thread);
  tcase_add_test(t, from_a_handler_in_machine_code);
  tcase_add_test(t, what_cant_be);
  suite_add_tcase(s, t);
  return s;
}
