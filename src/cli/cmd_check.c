/* cmd_check.c: gradc check FILE.nn...: all diagnostics of each file, each in a context of its own.
 */
#include "cli/cli.h"

static Status check_file(const Cli *cli, const char *path) {
  Status s;
  gradc_context *gc = cli_context(cli, &s);
  if (!gc) return s;
  s = cli_define(cli, gc, O_check_define);
  if (s == ST_OK) s = cli_outcome(cli, gc, gradc_check_file(gc, path));
  gradc_free(gc);
  return s;
}

Status cmd_check(Cli *cli) { return cli_each_file(cli, check_file); }
