/* test_laws.c: random programs under all laws of laws.h. `make check` runs a fixed share. For more:
 *   GRADC_PROGRAMS=1000 GRADC_SEED=7 tests/unit laws
 * runs that many of each kind from that seed on, going on after failures and reporting each;
 * bulk.c runs many more, by several processes. */
#include "random_program.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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

static long number_from_env(const char *name, long otherwise) {
  const char *s = getenv(name);
  return s && *s ? strtol(s, NULL, 10) : otherwise;
}

/* False after a failure, which was printed. */
static bool one_program(RandomDesk *d, int kind, uint64_t seed, bool all_widths) {
  now_kind = random_kind[kind].name, now_seed = seed;
  const char *wrong = random_program(d, kind, seed, all_widths);
  if (!wrong) return true;
  fputs(wrong, stderr);
  random_desk_clear(d);
  return false;
}

START_TEST(test_programs) {
  signal(SIGSEGV, on_crash), signal(SIGBUS, on_crash), signal(SIGILL, on_crash),
      signal(SIGFPE, on_crash);
  const RandomKind *k = &random_kind[_i];
  long asked = number_from_env("GRADC_PROGRAMS", 0), first = number_from_env("GRADC_SEED", 1);
  const char *only = getenv("GRADC_KIND");
  if (only && *only && strcmp(only, k->name)) return;
  int failures = 0, n = 0;
  RandomDesk desk = {0};
  for (; asked ? n < asked : n < k->share && !failures; n++)
    failures += !one_program(&desk, _i, (uint64_t)(first + n), asked && n % 16 == 5);
  random_desk_clear(&desk);
  if (asked) fprintf(stderr, "%s: %d programs, %d failures\n", k->name, n, failures);
  ck_assert_msg(!failures, "%d of %d %s programs", failures, n, k->name);
}
END_TEST

Suite *laws_suite(void);
Suite *laws_suite(void) {
  Suite *s = suite_create("laws");
  TCase *t = tcase_create("laws");
  tcase_set_timeout(t, getenv("GRADC_PROGRAMS") ? 1e6 : 900);
  tcase_add_loop_test(t, test_programs, 0, random_kinds());
  suite_add_tcase(s, t);
  return s;
}
