/* cmd_gradcheck.c: gradc gradcheck FILE.nn [FUNCTION...]: each function's gradient against central
 * differences and against forward mode. Exit code 1 where one is off. */
#include "cli/job.h"

Status cmd_gradcheck(Cli *cli) {
  Status s;
  gradc_context *gc = cli_context(cli, &s);
  if (!gc) return s;
  gradc_set_seed(gc, opt_int(cli, O_gradcheck_seed, 0));
  s = cli_open(cli, gc, O_gradcheck_define, cli->arg[0]);
  if (s == ST_OK) s = cli_follow_job(cli, gc);
  gradc_free(gc);
  return s;
}
