/* cmd_test.c: gradc test FILE.nn...: runs the `test` blocks of each file, a line for each, and
 * below it what doesn't hold. */
#include "cli/job.h"

typedef struct Tests {
  const Cli *cli;
  int passed, failed;
} Tests;

static void count(Tests *t, const gradc_job *j) {
  double ok;
  for (int i = 0; gradc_job_row_number(j, i, "ok", &ok) == GRADC_OK; i++)
    *(ok ? &t->passed : &t->failed) += 1;
}

static Status run_tests(Tests *t, gradc_context *gc) {
  gradc_job *j;
  gradc_status s = gradc_job_new(gc, "test", &j);
  if (s == GRADC_OK) s = cli_job_options(t->cli, j);
  if (s == GRADC_OK) s = cli_job_stream(j);
  count(t, j);
  gradc_job_free(j);
  Status said = cli_outcome(t->cli, gc, s);
  return said == ST_FINDINGS ? ST_OK : said; /* counted */
}

static Status test_file(Tests *t, const char *path) {
  Status s;
  gradc_context *gc = cli_context(t->cli, &s);
  if (!gc) return s;
  gradc_set_seed(gc, opt_int(t->cli, O_test_seed, 0));
  s = cli_open(t->cli, gc, O_test_define, path);
  if (s == ST_OK) s = cli_outcome(t->cli, gc, gradc_check(gc));
  if (s == ST_OK) s = run_tests(t, gc);
  gradc_free(gc);
  return s;
}

Status cmd_test(Cli *cli) {
  Status worst = ST_OK;
  Tests t = {.cli = cli};
  for (int i = 0; i < cli->n; i++) {
    Status s = test_file(&t, cli->arg[i]);
    worst = MAX(worst, s);
  }
  printf("%d passed, %d failed\n", t.passed, t.failed);
  if (worst != ST_OK) return worst;
  if (!t.passed && !t.failed) return cli_error(cli, ST_FINDINGS, "there was no test to run");
  return t.failed ? ST_FINDINGS : ST_OK;
}
