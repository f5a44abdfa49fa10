/* cmd_grad.c: gradc grad FILE.nn FUNCTION: the derivative as source. */
#include "cli/job.h"

Status cmd_grad(Cli *cli) {
  Status s;
  gradc_context *gc = cli_context(cli, &s);
  if (!gc) return s;
  s = cli_memory(cli, gc, O_grad_memory);
  if (s == ST_OK) s = cli_open(cli, gc, O_grad_define, cli->arg[0]);
  if (s == ST_OK) s = cli_show_job(cli, gc, "text");
  gradc_free(gc);
  return s;
}
