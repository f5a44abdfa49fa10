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
  Status s = cli_outcome(cli, gc, gradc_eval(gc, label, line, &v));
  if (s != ST_OK || !v) return s;
  s = cli_outcome(cli, gc, gradc_values_text(v, (int)opt_int(cli, O_eval_precision, 0), &text));
  if (s == ST_OK) {
    out_text(text);
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
  int first = is_file(cli->arg[0]);
  s = cli_open(cli, gc, O_eval_define, first ? cli->arg[0] : NULL);
  for (int i = first; i < cli->n && s == ST_OK; i++) s = eval_line(cli, gc, i - first + 1, cli->arg[i]);
  gradc_free(gc);
  return s;
}
