/* cmd_eval.c: gradc eval [FILE.nn] LINE...: declarations and expressions in order; the value of
 * each expression is printed on a line of its own. Ends at the first line with an error. */
#include "cli/cli.h"

static bool is_file(const char *word) {
  size_t n = strlen(word);
  return n > 3 && !strcmp(word + n - 3, ".nn");
}

static Status eval_line(const Cli *cli, gradc_context *gc, int number, const char *line) {
  char label[32];
  snprintf(label, sizeof label, "<line %d>", number);
  gradc_values *v;
  const char *text;
  size_t n;
  Status s = cli_outcome(cli, gc, gradc_eval(gc, label, line, &v));
  if (s != ST_OK || !v) return s;
  int digits = (int)opt_int(cli, O_eval_precision, 0), strings = cli->opt[O_eval_text].n;
  s = cli_outcome(cli, gc, gradc_values_text(v, digits, strings, &text, &n));
  if (s == ST_OK) {
    out_bytes(text, n);
    out_text("\n");
  }
  gradc_values_free(v);
  return s;
}

Status cmd_eval(Cli *cli) {
  Status s;
  gradc_context *gc = cli_context(cli, &s);
  if (!gc) return s;
  gradc_set_seed(gc, opt_int(cli, O_eval_seed, 0));
  gradc_set_trap_nan(gc, cli->opt[O_eval_trap_nan].n > 0);
  int first = is_file(cli->arg[0]);
  s = cli_memory(cli, gc, O_eval_memory);
  if (s == ST_OK) s = cli_open(cli, gc, O_eval_define, first ? cli->arg[0] : NULL);
  if (s == ST_OK && cli->opt[O_eval_load].n)
    s = cli_outcome(cli, gc, gradc_params_load(gc, cli->opt[O_eval_load].text));
  for (int i = first; i < cli->n && s == ST_OK; i++)
    s = eval_line(cli, gc, i - first + 1, cli->arg[i]);
  gradc_free(gc);
  return s;
}
