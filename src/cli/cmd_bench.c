/* cmd_bench.c: gradc bench FILE.nn FUNCTION...: times compiled functions or their gradients. */
#include "cli/job.h"

Status cmd_bench(Cli *cli) {
  Status s;
  gradc_context *gc = cli_context(cli, &s);
  if (!gc) return s;
  gradc_set_threads(gc, cli_threads(cli, O_bench_threads));
  s = cli_memory(cli, gc, O_bench_memory);
  if (s == ST_OK) s = cli_open(cli, gc, O_bench_define, cli->arg[0]);
  if (s == ST_OK) s = cli_show_job(cli, gc, cli->opt[O_bench_json].n ? "json" : "text");
  gradc_free(gc);
  return s;
}
