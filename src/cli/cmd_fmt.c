/* cmd_fmt.c: gradc fmt FILE.nn...: each file in the canonical layout. */
#include "cli/cli.h"

static Status deliver(const Cli *cli, const char *path, const char *text, size_t n, bool changed) {
  bool standard = !strcmp(path, "-");
  if (cli->opt[O_fmt_check].n) {
    if (!changed) return ST_OK;
    out_text(standard ? "<stdin>" : path);
    out_text("\n");
    return ST_FINDINGS;
  }
  if (!standard && !changed) return ST_OK;
  return output_write_bytes(cli, standard ? NULL : path, text, n);
}

static Status format_file(const Cli *cli, const char *path) {
  Status s;
  gradc_context *gc = cli_context(cli, &s);
  const char *text;
  size_t n;
  int changed;
  if (!gc) return s;
  s = cli_outcome(cli, gc, gradc_format(gc, path, NULL, &text, &n, &changed));
  if (s == ST_OK) s = deliver(cli, path, text, n, changed != 0);
  gradc_free(gc);
  return s;
}

Status cmd_fmt(Cli *cli) { return cli_each_file(cli, format_file); }
