/* cmd_explain.c: gradc explain [CODE]... and --ops: the pages of docs/diagnostics and the table
 * of operators for people. */
#include "base/diag.h"
#include "cli/cli.h"

#include <stdlib.h>

static Status explain_code(const Cli *cli, gradc_context *gc, const char *name) {
  const char *page = gradc_explain(gc, name), *names[DIAG_COUNT];
  if (page) {
    out_text(page);
    return ST_OK;
  }
  for (int i = 0; i < DIAG_COUNT; i++) names[i] = diag_code_name((DiagCode)i);
  const char *meant = closest_word(name, names, DIAG_COUNT);
  if (meant)
    return usage_error(cli, "there is no diagnostic \"%s\"; did you mean %s?", name, meant);
  return usage_error(cli, "there is no diagnostic \"%s\"; 'gradc explain' lists them all", name);
}

static int by_name(const void *a, const void *b) {
  return strcmp(diag_code_name(*(const DiagCode *)a), diag_code_name(*(const DiagCode *)b));
}

static Status list_codes(void) {
  DiagCode code[DIAG_COUNT];
  for (int i = 0; i < DIAG_COUNT; i++) code[i] = (DiagCode)i;
  qsort(code, DIAG_COUNT, sizeof *code, by_name);
  for (int i = 0; i < DIAG_COUNT; i++)
    printf("%s  %s\n", diag_code_name(code[i]), diag_code_title(code[i]));
  return ST_OK;
}

static Status explain(const Cli *cli, gradc_context *gc) {
  if (cli->opt[O_explain_ops].n) {
    const char *text = gradc_explain(gc, "operators");
    if (!text) return cli_error(cli, ST_MEMORY, "%s", status_text(ST_MEMORY));
    out_text(text);
    return ST_OK;
  }
  Status s = ST_OK;
  for (int i = 0; i < cli->n && s == ST_OK; i++) {
    if (i) out_text("\n");
    s = explain_code(cli, gc, cli->arg[i]);
  }
  return s;
}

Status cmd_explain(Cli *cli) {
  Status s = ST_OK;
  if (!cli->n && !cli->opt[O_explain_ops].n) return list_codes();
  gradc_context *gc = cli_context(cli, &s);
  if (!gc) return s;
  s = explain(cli, gc);
  gradc_free(gc);
  return s;
}
