/* cmd_train.c: gradc train FILE.nn --data ...: minimises `loss` over the data. */
#include "cli/job.h"
#include "gradc_rt.h"

#include <stdlib.h>

int cli_all_threads(void) {
  const char *set = getenv("GRADC_THREADS");
  int n = set ? atoi(set) : 0;
  return n > 0 ? n : gradc_rt_cores();
}

int cli_threads(const Cli *cli, OptId id) { return (int)opt_int(cli, id, cli_all_threads()); }

static gradc_status train(const Cli *cli, gradc_context *gc) {
  gradc_job *j;
  gradc_status s = gradc_job_train(gc, &j);
  if (s != GRADC_OK) return s;
  s = cli_job_options(cli, j);
  if (s == GRADC_OK) s = gradc_job_number(j, "seed", (double)opt_int(cli, O_train_seed, 0));
  if (s == GRADC_OK) s = cli_job_data(cli, j, O_train_data);
  for (int i = 0; i < cli->opt[O_train_val].n && s == GRADC_OK; i++)
    s = gradc_job_validation(j, cli->opt[O_train_val].list[i]);
  if (s == GRADC_OK) s = cli_job_run(j);
  gradc_job_free(j);
  return s;
}

Status cmd_train(Cli *cli) {
  Status s;
  gradc_context *gc = cli_context(cli, &s);
  if (!gc) return s;
  gradc_set_threads(gc, cli_threads(cli, O_train_threads));
  s = cli_memory(cli, gc, O_train_memory);
  if (s == ST_OK) s = cli_open(cli, gc, O_train_define, cli->arg[0]);
  if (s == ST_OK) s = cli_outcome(cli, gc, gradc_check(gc));
  if (s == ST_OK) s = cli_outcome(cli, gc, train(cli, gc));
  gradc_free(gc);
  return s;
}
