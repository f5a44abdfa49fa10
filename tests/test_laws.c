/* test_laws.c: random programs under all laws of laws.h. `make check` runs a fixed share. For more:
 *   GRADC_PROGRAMS=100000 GRADC_SEED=7 tests/unit laws
 * runs that many of each kind from that seed on, going on after failures and reporting each. */
#include "driver/compile.h"
#include "front/front.h"
#include "gen_program.h"
#include "laws.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const struct {
  const char *name;
  GenOptions gen;
  Spice spice;
  int seconds; /* of the share in make check */
} kinds[] = {
    {"plain", {false, false, false, 14, false}, SPICE_PLAIN, 8},
    {"smooth", {true, false, false, 10, false}, SPICE_SMOOTH, 4},
    {"nasty", {false, false, false, 6, false}, SPICE_NASTY, 2},
    {"extreme", {false, false, false, 4, false}, SPICE_EXTREME, 1},
    {"bodies", {false, true, false, 8, false}, SPICE_PLAIN, 3},
    {"sizes", {false, false, true, 8, false}, SPICE_PLAIN, 2},
    {"loops", {.smooth = true, .size = 1, .loops = true}, SPICE_SMOOTH, 4},
    {"source", {.size = 0}, SPICE_SMOOTH, 4},               /* as text: gen_source.c */
    {"flow", {.bodies = true, .size = 0}, SPICE_SMOOTH, 8}, /* ... with gen_flow.c */
};

/* A crash in compiled code says nothing of itself. */
static const char *now_kind = "";
static unsigned long long now_seed;
static void on_crash(int signal_number) {
  char text[128];
  int n = snprintf(text, sizeof text, "crash (signal %d) in %s, seed %llu\n", signal_number,
                   now_kind, now_seed);
  if (write(2, text, (size_t)n) < 0) _exit(3);
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

static double seconds_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static long number_from_env(const char *name, long otherwise) {
  const char *s = getenv(name);
  return s && *s ? strtol(s, NULL, 10) : otherwise;
}

typedef struct Made {
  Cx *cx;
  uint64_t seed;
  const GenOptions *gen;
  Fn *f;
  const char *source;
} Made;
static Status make_program(void *arg) {
  Made *m = arg;
  Rng r = rng_at(m->seed);
  Program *p = front_new(m->cx); /* knows the rules of the op table, too */
  if (!m->gen->size) {
    const char *text = gen_source(m->cx, &r, m->gen->bodies);
    front_declare(p,
                  ast_parse(m->cx, cx_add_source(m->cx, "random.nn", text, strlen(text), false)));
    m->f = diag_errors(m->cx) ? NULL : front_function(p, name_of(m->cx, "f"));
    m->source = text;
    return m->f ? ST_OK : ST_SOURCE;
  }
  m->f = m->gen->loops ? gen_loops(m->cx, &r) : gen_function(m->cx, &r, m->gen);
  return ST_OK;
}

static Status read_source(void *arg) {
  Made *m = arg;
  Program *p = front_new(m->cx);
  front_declare(
      p, ast_parse(m->cx, cx_add_source(m->cx, "random.nn", m->source, strlen(m->source), false)));
  m->f = diag_errors(m->cx) ? NULL : front_function(p, name_of(m->cx, "f"));
  return m->f ? ST_OK : ST_SOURCE;
}

/* Whether the text is a program that breaks the same law. */
static bool text_fails(const char *text, void *arg) {
  const LawCheck *failed = arg;
  Cx *cx = cx_new();
  Made m = {cx, 0, NULL, NULL, text};
  LawCheck c = *failed;
  c.broken = LAW_NONE;
  bool fails =
      cx_guard(cx, read_source, &m) == ST_OK && !check_laws(m.f, &c) && c.broken == failed->broken;
  cx_free(cx);
  return fails;
}

/* False after a failure, which was printed. */
static bool one_program(int kind, uint64_t seed, bool all_widths) {
  Cx *cx = cx_new();
  Made m = {cx, seed, &kinds[kind].gen, NULL, NULL};
  now_kind = kinds[kind].name, now_seed = seed;
  bool ok = true;
  LawCheck c = {
      .seed = seed, .smooth = m.gen->smooth, .spice = kinds[kind].spice, .what = CHECK_ALL};
  if (all_widths) c.what |= CHECK_ALL_WIDTHS;
  Status made = cx_guard(cx, make_program, &m);
  if (made == ST_SOURCE) {
    ok = false;
    fprintf(stderr, "---- %s, seed %llu: refused\n%s\n%s\n", kinds[kind].name, now_seed, m.source,
            diag_text(cx));
  } else if (made != ST_OK) {
    ok = strstr(cx->trap_text, "rank above");
    if (!ok)
      fprintf(stderr, "---- %s, seed %llu: made: %s\n", kinds[kind].name, now_seed, cx->trap_text);
  } else if (!check_laws(m.f, &c)) {
    ok = false;
    const char *text = m.source ? shrink_source(cx, m.source, text_fails, &c) : "";
    fprintf(stderr, "---- %s, %s\n%s\n", kinds[kind].name, law_report(m.f, &c), text);
  }
  cx_free(cx);
  return ok;
}

START_TEST(test_programs) {
  signal(SIGSEGV, on_crash), signal(SIGBUS, on_crash), signal(SIGILL, on_crash),
      signal(SIGFPE, on_crash);
  long asked = number_from_env("GRADC_PROGRAMS", 0), first = number_from_env("GRADC_SEED", 1);
  const char *only = getenv("GRADC_KIND");
  if (only && *only && strcmp(only, kinds[_i].name)) return;
  double end = seconds_now() + kinds[_i].seconds;
  int failures = 0, n = 0;
  for (; asked ? n < asked : seconds_now() < end && !failures; n++)
    failures += !one_program(_i, (uint64_t)(first + n), asked && n % 16 == 0);
  if (asked) fprintf(stderr, "%s: %d programs, %d failures\n", kinds[_i].name, n, failures);
  ck_assert_msg(!failures, "%d of %d %s programs", failures, n, kinds[_i].name);
}
END_TEST

Suite *laws_suite(void);
Suite *laws_suite(void) {
  Suite *s = suite_create("laws");
  TCase *t = tcase_create("laws");
  tcase_set_timeout(t, getenv("GRADC_PROGRAMS") ? 1e6 : 120);
  tcase_add_loop_test(t, test_programs, 0, COUNT_OF(kinds));
  suite_add_tcase(s, t);
  return s;
}
