/* main.c: runs the unit tests. Arguments name suites to run; none means all of them. With
 * --programs FIRST COUNT [WORKERS [LOG [KIND]]] it runs random programs instead, with --source SEED
 * KIND it prints one (bulk.c). */
#include "random_program.h"

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUITE(name) Suite *name##_suite(void);
#include "suites.def"
#undef SUITE

static const struct {
  const char *name;
  Suite *(*make)(void);
} suites[] = {
#define SUITE(name) {#name, name##_suite},
#include "suites.def"
#undef SUITE
};
enum { SUITES = sizeof suites / sizeof *suites };

static bool wanted(const char *name, int argc, char **argv) {
  for (int i = 1; i < argc; i++)
    if (!strcmp(argv[i], name)) return true;
  return argc < 2;
}

int main(int argc, char **argv) {
  setenv("GRADC_LLVM_MODULE", TEST_LLVM_MODULE, 0);
  setenv("GRADC_CACHE", "off", 0); /* what is tested is made now */
  /* A timeout is there to end what hangs: sanitizer builds on a busy machine are slow. */
  setenv("CK_DEFAULT_TIMEOUT", "60", 0);
  setenv("CK_TIMEOUT_MULTIPLIER", "10", 0);
  if (argc > 1 && !strcmp(argv[1], "--programs")) return bulk_main(argc - 2, argv + 2);
  if (argc > 1 && !strcmp(argv[1], "--source")) return source_main(argc - 2, argv + 2);
  SRunner *runner = srunner_create(NULL);
  int chosen = 0;
  for (int i = 0; i < SUITES; i++)
    if (wanted(suites[i].name, argc, argv)) {
      srunner_add_suite(runner, suites[i].make());
      chosen++;
    }
  if (!chosen) {
    fprintf(stderr, "no suite of that name\n");
    return 2;
  }
  srunner_run_all(runner, CK_ENV);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? 1 : 0;
}
