/* cmd_verify.c: gradc verify FILE.nn: the emitted C, compiled by the system's compilers, against
 * the machine code. Exit status 1 where a bit differs. */
#include "cli/job.h"

Status cmd_verify(Cli *cli) {
  Status s;
  gradc_context *gc = cli_context(cli, &s);
  if (!gc) return s;
  s = cli_open(cli, gc, O_verify_define, cli->arg[0]);
  if (s == ST_OK) s = cli_follow_job(cli, gc);
  gradc_free(gc);
  return s;
}
