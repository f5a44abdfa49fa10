/* cmd_predict.c: gradc predict FILE.nn FUNCTION --data ... -o OUT: a function over a data set. */
#include "cli/job.h"

static gradc_status predict(const Cli *cli, gradc_context *gc) {
  gradc_job *j;
  gradc_status s = gradc_job_predict(gc, cli->arg[1], &j);
  if (s != GRADC_OK) return s;
  s = cli_job_options(cli, j);
  if (s == GRADC_OK) s = cli_job_data(cli, j, O_predict_data);
  if (s == GRADC_OK) s = cli_job_run(j);
  gradc_job_free(j);
  return s;
}

Status cmd_predict(Cli *cli) {
  Status s;
  if (!cli->opt[O_predict_data].n)
    return usage_error(cli, "no data: give --data NAME=FILE for each argument of the function");
  if (!cli->opt[O_predict_output].n)
    return usage_error(cli, "no --output: where do the results go?");
  gradc_context *gc = cli_context(cli, &s);
  if (!gc) return s;
  gradc_set_threads(gc, cli_threads(cli, O_predict_threads));
  gradc_set_seed(gc, opt_int(cli, O_predict_seed, 0));
  s = cli_open(cli, gc, O_predict_define, cli->arg[0]);
  if (s == ST_OK) s = cli_outcome(cli, gc, predict(cli, gc));
  gradc_free(gc);
  return s;
}
