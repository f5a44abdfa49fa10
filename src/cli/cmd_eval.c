/* cmd_eval.c: gradc eval [FILE.nn] LINE...: declarations and expressions in order; the value of
 * each expression is printed on a line of its own. Ends at the first line with an error. */
#include "cli/cli.h"

static bool is_file(const char *word) {
  size_t n = strlen(word);
  return n > 3 && !strcmp(word + n - 3, ".nn");
}

typedef struct Printing {
  Session *session;
  const Results *results;
  int precision;
  Text out;
} Printing;

static Status print_results(void *arg) {
  Printing *p = arg;
  const Results *r = p->results;
  p->out = text_new(p->session->cx->arena);
  if (r->tuple) text_add(&p->out, "(");
  for (int i = 0; i < r->n; i++) {
    if (i) text_add(&p->out, ", ");
    tensor_print(p->session->cx, &r->value[i], p->precision, &p->out);
  }
  text_add(&p->out, r->tuple ? ")\n" : "\n");
  return ST_OK;
}

static Status eval_line(const Cli *cli, Session *session, int number, const char *text) {
  char label[32];
  snprintf(label, sizeof label, "<line %d>", number);
  Results r = {0};
  Status s = session_line(session, label, text, &r);
  if (s == ST_OK && !r.declaration) {
    Printing p = {session, &r, (int)opt_int(cli, O_eval_precision, 0), {0}};
    s = cx_guard(session->cx, print_results, &p);
    if (s == ST_OK) out_text(text_str(&p.out));
  }
  results_free(&r);
  return cli_report(cli, session, s);
}

Status cmd_eval(Cli *cli) {
  Status s = ST_OK;
  Session *session = cli_session(cli, &s);
  if (!session) return s;
  session->seed = opt_int(cli, O_eval_seed, 0);
  int first = is_file(cli->arg[0]);
  s = cli_memory(cli, session, O_eval_memory, 1);
  if (s == ST_OK) s = cli_report(cli, session, cli_load(cli, session, O_eval_define, first ? cli->arg[0] : NULL));
  for (int i = first; i < cli->n && s == ST_OK; i++)
    s = eval_line(cli, session, i - first + 1, cli->arg[i]);
  session_free(session);
  return s;
}
