/* cmd_emit.c: gradc emit FILE.nn [FUNCTION]...: any stage of the compilation as text; of C the
 * source and its header, one after the other where they don't go into files. */
#include "cli/job.h"

static void print_result(const gradc_job *j, const char *name) {
  size_t n;
  const char *text = gradc_job_result(j, name, &n);
  if (text) out_bytes(text, n);
}

static void print_results(const Cli *cli, const gradc_job *j) {
  bool report = cli->opt[O_emit_report].n > 0, file = cli_output_file(cli, O_emit_output) != NULL;
  if (!file) print_result(j, "text");
  if (!file && !report) print_result(j, "source");
  if (!file && !report) print_result(j, "header");
  print_result(j, "report");
}

Status cmd_emit(Cli *cli) {
  Status s;
  gradc_context *gc = cli_context(cli, &s);
  if (!gc) return s;
  gradc_job *j = NULL;
  if (cli->opt[O_emit_threads].n) gradc_set_threads(gc, cli_threads(cli, O_emit_threads));
  s = cli_memory(cli, gc, O_emit_memory);
  if (s == ST_OK) s = cli_open(cli, gc, O_emit_define, cli->arg[0]);
  if (s == ST_OK) s = cli_job(cli, gc, &j);
  if (s == ST_OK) s = cli_outcome(cli, gc, gradc_job_run(j));
  if (s == ST_OK) print_results(cli, j);
  gradc_job_free(j);
  gradc_free(gc);
  return s;
}
