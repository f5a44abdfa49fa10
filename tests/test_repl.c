/* test_repl.c: gradc repl on a terminal: what somebody types there and sees. What it answers to
 * scripts is in tests/cli/repl.sh. */
#include "config.h"
#include "pty.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/gradc-repl.XXXXXX";
static char state[64];

static void set_up(void) {
  strcpy(folder, "/tmp/gradc-repl.XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(folder));
  snprintf(state, sizeof state, "XDG_STATE_HOME=%s/state", folder);
}

static void tear_down(void) {
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  ck_assert_int_eq(system(command), 0);
}

static const char *terminal = "TERM=xterm";

#if HAVE_LIBEDIT
static const bool edits_lines = true;
#else
static const bool edits_lines = false;
#endif

static void start_with(Pty *p, const char *option) {
  const char *argv[] = {TEST_GRADC, "repl", option, NULL};
  const char *env[] = {state,
                       terminal,
                       "LC_ALL=C",
                       "NO_COLOR=1",
                       "GRADC_LLVM_MODULE=" TEST_LLVM_MODULE,
                       "HOME=/nonexistent",
                       NULL};
  pty_start(p, argv, env);
  ck_assert(pty_expect(p, ":help lists the commands"));
  ck_assert(pty_expect(p, "> "));
}

static void start(Pty *p) { start_with(p, NULL); }

/* Types a line and waits for an answer, and then for the prompt. */
static void ask(Pty *p, const char *line, const char *answer) {
  pty_type(p, line);
  pty_type(p, "\r");
  ck_assert_msg(pty_expect(p, answer), "%s: no %s in what came:\n%s", line, answer,
                p->seen + p->mark);
  ck_assert_msg(pty_prompt(p), "%s: no prompt after it", line);
}

/* Types a line after which the entry goes on. */
static void go_on(Pty *p, const char *line) {
  pty_type(p, line);
  pty_type(p, "\r");
  ck_assert_msg(pty_expect(p, ". "), "%s: the entry doesn't go on", line);
}

static void leave(Pty *p) {
  pty_type(p, "\004");
  ck_assert_int_eq(pty_end(p), 0);
}

START_TEST(dialogue_of_the_readme) {
  Pty p;
  start(&p);
  ask(&p, "fn f(x: f64) = x**3 + 2*x", "\n");
  ask(&p, "f(2.0)", "\n12\n");
  ask(&p, "grad(f)(2.0)", "\n14\n");
  ask(&p, ":plot f -2..2", "      -12 |**\n          +----");
  ask(&p, ":c f", "int f_f_grad(double x, double *value, double *d_x");
  leave(&p);
}
END_TEST

START_TEST(blocks_and_brackets_go_on) {
  Pty p;
  start(&p);
  go_on(&p, "fn g(x: f64) {");
  go_on(&p, "let y = x * x");
  ask(&p, "y + 1 }", "\n");
  ask(&p, "g(3.0)", "\n10\n");
  go_on(&p, "g(");
  ask(&p, "4.0)", "\n17\n");
  leave(&p);
}
END_TEST

START_TEST(history_lasts_from_one_start_to_the_next) {
  Pty p;
  start(&p);
  ask(&p, "const first = 41", "\n");
  ask(&p, "first + 1", "\n42\n");
  leave(&p);
  start(&p);
  pty_type(&p, "\033[A\033[A");
  ask(&p, "", "\n");
  pty_type(&p, "\033[A\033[A");
  ask(&p, "", "\n42\n");
  leave(&p);
}
END_TEST

START_TEST(tab_completes_what_the_grammar_takes) {
  Pty p;
  start(&p);
  ask(&p, "fn softplus_of_mine(x: f64) = log(1 + exp(x))", "\n");
  ask(&p, "softplus_o\t(0.0)", "\n0.6931471805599453\n");
  pty_type(&p, "softm\t([0.0, 0.0])"); /* of the prelude */
  ask(&p, "", "\n[0.5, 0.5]  f64[2]\n");
  pty_type(&p, "softpl\t\t"); /* what they have in common, then all of them */
  ck_assert(pty_expect(&p, "softplus  "));
  ck_assert(pty_expect(&p, "softplus_of_mine\n"));
  pty_type(&p, "\003");
  ck_assert(pty_expect(&p, "> "));
  ask(&p, ":ty\tsoftplus_o\t", "fn softplus_of_mine(x: f64): f64\n");
  /* A type is expected here, so no function is offered: f completes nothing, f6 does. */
  ask(&p, "fn h(x: f6\t) = x", "\n");
  ask(&p, "h(2.5)", "\n2.5\n");
  leave(&p);
}
END_TEST

START_TEST(tab_completes_files) {
  Pty p;
  char line[128];
  snprintf(line, sizeof line, "%s/model_of_mine.nn", folder);
  FILE *f = fopen(line, "w");
  ck_assert_ptr_nonnull(f);
  fputs("fn from_file(x: f64) = 7 * x\n", f);
  fclose(f);
  start(&p);
  snprintf(line, sizeof line, ":load %s/mod\t", folder);
  ask(&p, line, "\n");
  ask(&p, "from_file(2.0)", "\n14\n");
  snprintf(line, sizeof line, "import \"%s/mod\t\"", folder);
  ask(&p, line, "\n");
  leave(&p);
}
END_TEST

/* The text is sent as a terminal sends what is pasted into it. */
START_TEST(pasted_blocks_are_taken_whole) {
  Pty p;
  start(&p);
  pty_type(&p, "\033[200~fn a(x: f64) =\r  x\r    + 1\r\rfn b(x: f64) {\r  # twice\r  2 * "
               "a(x)\r}\rb(3.0)\r1 +\033[201~");
  ck_assert(pty_expect(&p, "\n8\n"));
  ck_assert(pty_expect(&p, "1 +"));
  ask(&p, " 41", "\n42\n");
  leave(&p);
}
END_TEST

/* What can't be text in it is left out. */
START_TEST(pasted_null_bytes_are_dropped) {
  Pty p;
  start(&p);
  static const char paste[] = "\033[200~20 +\0 22\r1 +\0\r1\r\033[201~";
  pty_type_bytes(&p, paste, sizeof paste - 1);
  ck_assert(pty_expect(&p, "\n42\n"));
  ck_assert(pty_expect(&p, "\n2\n"));
  ask(&p, "3", "\n3\n");
  leave(&p);
}
END_TEST

/* Arrays are broken, curves drawn and erring lines cut to what the window has room for. */
START_TEST(narrow_windows) {
  Pty p;
  start(&p);
  pty_resize(&p, 24, 40);
  ask(&p, "iota(20)", "\n[ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,\n 10, 11, 12,");
  ask(&p, ":plot tanh -1..1", "+---------------------------\n");
  pty_type(&p, "sum([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) + unknown * 2 + 3 + 4 + 5\r");
  ck_assert(pty_expect(&p, "   1 | ..."));
  ck_assert(pty_expect(&p, "+ unknown * 2"));
  ck_assert(pty_expect(&p, "^^^^^^^\n"));
  ck_assert(pty_expect(&p, "> "));
  leave(&p);
}
END_TEST

/* Each of them would take minutes at least. */
static void interrupt_session(const char *option, const char *endless) {
  Pty p;
  start_with(&p, option);
  ask(&p, "const kept = 5", "\n");
  pty_type(&p, endless);
  pty_type(&p, "\r");
  ck_assert(pty_interrupt(&p, "interrupted"));
  ck_assert(pty_expect(&p, "> "));
  ask(&p, "kept + 1", "\n6\n");
  leave(&p);
}

START_TEST(ctrl_c_stops_machine_code_in_one_kernel) {
  interrupt_session("--engine=native",
                    "sum({ let y[i: 0..1000000, j: 0..1000000] = sin(f64(i) * f64(j)); y })");
}
END_TEST

START_TEST(ctrl_c_stops_machine_code_in_a_loop) {
  interrupt_session("--engine=native",
                    "{ var x = 1.0; for i in 0..2000000000 { x = sin(x) + kept }; x }");
}
END_TEST

START_TEST(ctrl_c_stops_the_evaluator) {
  interrupt_session("--engine=evaluator",
                    "{ var x = 1.0; for i in 0..2000000000 { x = sin(x) + kept }; x }");
}
END_TEST

START_TEST(ctrl_c_gives_an_entry_up) {
  Pty p;
  start(&p);
  go_on(&p, "fn broken(x: f64) {");
  pty_type(&p, "let y = \003");
  ck_assert(pty_expect(&p, "> "));
  ask(&p, "1 + 1", "\n2\n");
  leave(&p);
}
END_TEST

START_TEST(errors_leave_the_session_going) {
  Pty p;
  start(&p);
  ask(&p, "fn f(x: f64) = 2 * x", "\n");
  ask(&p, "fn f(x: f64) = unknown(x)", "error[E0201]");
  ask(&p, "f(4.0)", "\n8\n");
  leave(&p);
}
END_TEST

/* Without line editing the terminal itself gives lines. */
START_TEST(a_terminal_that_can_do_nothing) {
  Pty p;
  terminal = "TERM=dumb";
  start(&p);
  go_on(&p, "fn f(x: f64) =");
  ask(&p, "x**3 + 2*x", "\n");
  ask(&p, "f(2.0)", "\n12\n");
  pty_type(&p, "f(");
  ck_assert(pty_expect(&p, "f("));
  pty_type(&p, "\003");
  ck_assert(pty_expect(&p, "> "));
  pty_type(&p, "{ var x = 1.0; for i in 0..2000000000 { x = sin(x) + 1 }; x }\r");
  ck_assert(pty_interrupt(&p, "interrupted"));
  ck_assert(pty_expect(&p, "> "));
  ask(&p, "f(1.0)", "\n3\n");
  leave(&p);
  terminal = "TERM=xterm";
}
END_TEST

START_TEST(quit_leaves) {
  Pty p;
  start(&p);
  pty_type(&p, ":quit\r");
  ck_assert_int_eq(pty_end(&p), 0);
}
END_TEST

static void add_editing(TCase *t) {
  tcase_add_test(t, blocks_and_brackets_go_on);
  tcase_add_test(t, history_lasts_from_one_start_to_the_next);
  tcase_add_test(t, tab_completes_what_the_grammar_takes);
  tcase_add_test(t, tab_completes_files);
  tcase_add_test(t, pasted_blocks_are_taken_whole);
  tcase_add_test(t, pasted_null_bytes_are_dropped);
  tcase_add_test(t, narrow_windows);
  tcase_add_test(t, ctrl_c_gives_an_entry_up);
}

Suite *repl_suite(void);
Suite *repl_suite(void) {
  Suite *s = suite_create("repl");
  if (!pty_available()) {
    printf("SKIP: there are no pseudo-terminals here\n");
    return s;
  }
  TCase *t = tcase_create("terminal");
  tcase_set_timeout(t, 120);
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_test(t, dialogue_of_the_readme);
  if (!access(TEST_LLVM_MODULE, R_OK)) {
    tcase_add_test(t, ctrl_c_stops_machine_code_in_one_kernel);
    tcase_add_test(t, ctrl_c_stops_machine_code_in_a_loop);
  }
  tcase_add_test(t, ctrl_c_stops_the_evaluator);
  tcase_add_test(t, errors_leave_the_session_going);
  tcase_add_test(t, quit_leaves);
  tcase_add_test(t, a_terminal_that_can_do_nothing);
  if (!edits_lines) printf("SKIP: the editing of lines: gradc was configured without libedit\n");
  else add_editing(t);
  suite_add_tcase(s, t);
  return s;
}
