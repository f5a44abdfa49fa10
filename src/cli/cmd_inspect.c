/* cmd_inspect.c: gradc inspect FILE...: the tensors of weight and array files. */
#include "cli/cli.h"

Status cmd_inspect(Cli *cli) {
  Status s;
  const char *text;
  gradc_context *gc = cli_context(cli, &s);
  if (!gc) return s;
  for (int k = 0; k < cli->n && s == ST_OK; k++) {
    s = cli_outcome(cli, gc, gradc_inspect(gc, cli->arg[k], &text));
    if (s == ST_OK) out_text(text);
  }
  gradc_free(gc);
  return s;
}
