/* cmd_build.c: gradc build FILE.nn -o NAME.so|.a|.o: native code, and the header of emitted C
 * beside it. */
#include "cli/job.h"

Status cmd_build(Cli *cli) {
  Status s;
  gradc_context *gc = cli_context(cli, &s);
  if (!gc) return s;
  s = cli_memory(cli, gc, O_build_memory);
  if (s == ST_OK) s = cli_open(cli, gc, O_build_define, cli->arg[0]);
  if (s == ST_OK) s = cli_show_job(cli, gc, "text");
  gradc_free(gc);
  return s;
}
