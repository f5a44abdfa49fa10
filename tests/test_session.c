/* test_session.c: a session that goes on for long: renewed it is the one it was, in less memory; a
 * file that is read again replaces what it declared. */
#include "driver/session.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static Session *s;
static char path[] = "/tmp/gradc-session.XXXXXX";

static void set_up(void) {
  strcpy(path, "/tmp/gradc-session.XXXXXX");
  int fd = mkstemp(path);
  ck_assert_int_ge(fd, 0);
  close(fd);
  s = session_new();
  ck_assert_ptr_nonnull(s);
  s->careful = true;
}

static void tear_down(void) {
  session_free(s);
  unlink(path);
}

static Status enter(const char *text, double *value) {
  Results r;
  Status status = session_line(s, "<line>", text, &r);
  if (status == ST_OK && !r.declaration && value) *value = tensor_get(&r.value[0], 0);
  results_free(&r);
  return status;
}

static void take(const char *text) { ck_assert_msg(enter(text, NULL) == ST_OK, "%s", text); }

static double value(const char *text) {
  double v = -1;
  ck_assert_msg(enter(text, &v) == ST_OK, "%s", text);
  return v;
}

static void renew(void) {
  Session *fresh = session_renew(s);
  ck_assert_ptr_nonnull(fresh);
  session_free(s);
  s = fresh;
}

static void file_holds(const char *text) {
  FILE *f = fopen(path, "w");
  ck_assert_ptr_nonnull(f);
  fputs(text, f);
  fclose(f);
}

static void reload(const char *told) {
  const char *got;
  ck_assert_int_eq(session_reload(s, path, &got), ST_OK);
  ck_assert_str_eq(got, told);
}

START_TEST(renewed_it_is_the_same) {
  front_define(s->program, name_of(s->cx, "H"), 3);
  s->seed = 5;
  take("const H = 2");
  take("fn f(x: f64) = 1\nfn f2(x: f64) = f(x) + 1");
  take("fn f(x: f64) = x**2 # the second"); /* which f2 follows */
  take("adjoint f(x; y, dy) = 10 * dy");
  take("layer scaled(N)(x: f64[N]) {\n  param g: f64[N] ~ normal()\n  x * g\n}");
  take("let q = scaled(3)");
  take("param w: f64[H] ~ normal()");
  take("adjoint square(x; y, dy) = 0.5 * dy"); /* of a function of the prelude */
  take("test \"t\" { assert(f(2.0) == 4) }");
  double w = value("w[2]"), y = value("q([1.0, 1.0, 1.0])");
  renew();
  ck_assert_double_eq(value("f2(3.0)"), 10);
  ck_assert_double_eq(value("grad(f2)(3.0)"), 10);
  ck_assert_double_eq(value("grad(square)(3.0)"), 0.5);
  ck_assert_double_eq(value("w[2]"), w);
  ck_assert_double_eq(value("q([1.0, 1.0, 1.0])"), y);
  ck_assert_int_eq(front_test_count(s->program), 1);
  ck_assert_int_eq(enter("fn g(x: f64) = nothing(x)", NULL), ST_SOURCE); /* still careful */
}
END_TEST

START_TEST(values_that_were_loaded_stay) {
  take("param w: f64[2]");
  s->keep_params = true;
  ck_assert_double_eq(value("w[1]"), 0);
  ((double *)s->list.at[0].value.data)[1] = 7;
  renew();
  ck_assert_double_eq(value("w[1]"), 7);
  take("fn other(x: f64) = x");
  ck_assert_double_eq(value("w[1]"), 7);
  take("param w: f64[2] ~ ones()");
  renew();
  ck_assert_double_eq(value("w[1]"), 1);
}
END_TEST

START_TEST(what_was_passed_is_given_back) {
  renew();
  size_t before = session_bytes(s);
  char line[64];
  for (int i = 0; i < 1000; i++) {
    snprintf(line, sizeof line, "fn f(x: f64) = x**2 + %d", i);
    take(line);
    snprintf(line, sizeof line, "grad(f)(%d.0)", i);
    ck_assert_double_eq(value(line), 2 * i);
  }
  size_t grown = session_bytes(s);
  renew();
  ck_assert_double_eq(value("f(2.0)"), 1003);
  ck_assert_msg(grown > 4 * before, "%zu, from %zu: nothing to give back", grown, before);
  ck_assert_msg(session_bytes(s) < before + before / 4, "%zu, from %zu", session_bytes(s), before);
}
END_TEST

START_TEST(definitions_gone_from_the_file_are_gone) {
  file_holds("fn f(x: f64) = x\nfn g(x: f64) = f(x)\ntest \"t\" { assert(f(2.0) == 2) }\n");
  ck_assert_int_eq(session_load(s, path), ST_OK);
  take("fn typed(x: f64) = g(x) + f(x)");
  take("fn too(x) = f(x)");
  take("fn apart(f: f64) = f");
  ck_assert_double_eq(value("typed(1.0)"), 2);
  renew(); /* what came from the file is still known */
  file_holds("fn g(x: f64) = 3 * x\n");
  reload("`f` is gone, which `typed` and `too` use\n");
  ck_assert_double_eq(value("g(1.0)"), 3);
  ck_assert_int_eq(enter("typed(1.0)", NULL), ST_SOURCE);
  ck_assert_int_eq(front_test_count(s->program), 0);
  file_holds("fn g(x: f64) = 4 * x\nfn f(x: f64) = x\n");
  reload("");
  ck_assert_double_eq(value("typed(1.0)"), 5);
  take("fn g(x: f64) = 7.0"); /* typed: the file has it no more */
  file_holds("fn f(x: f64) = x\n");
  reload("");
  ck_assert_double_eq(value("typed(1.0)"), 8);
}
END_TEST

START_TEST(a_file_with_an_error_changes_nothing) {
  file_holds("fn f(x: f64) = x\ntest \"t\" { assert(f(2.0) == 2) }\n");
  ck_assert_int_eq(session_load(s, path), ST_OK);
  const char *told;
  file_holds("fn h(x: f64) = f(x)\n"); /* f isn't there */
  ck_assert_int_eq(session_reload(s, path, &told), ST_SOURCE);
  ck_assert_double_eq(value("f(3.0)"), 3);
  ck_assert_int_eq(front_test_count(s->program), 1);
  ck_assert_ptr_nonnull(front_test_node(s->program, 0));
  unlink(path);
  ck_assert_int_eq(session_reload(s, path, &told), ST_DATA);
  ck_assert_double_eq(value("f(3.0)"), 3);
}
END_TEST

Suite *session_suite(void) {
  Suite *suite = suite_create("session");
  TCase *t = tcase_create("sessions");
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_test(t, renewed_it_is_the_same);
  tcase_add_test(t, values_that_were_loaded_stay);
  tcase_add_test(t, what_was_passed_is_given_back);
  tcase_add_test(t, definitions_gone_from_the_file_are_gone);
  tcase_add_test(t, a_file_with_an_error_changes_nothing);
  suite_add_tcase(suite, t);
  return suite;
}
