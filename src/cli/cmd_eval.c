/* cmd_eval.c: gradc eval [FILE.nn] LINE...: declarations and expressions in order; the value of
 * each expression is printed on a line of its own. Ends at the first line with an error. */
#include "cli/cli.h"
#include "train/weights.h"

static bool is_file(const char *word) {
  size_t n = strlen(word);
  return n > 3 && !strcmp(word + n - 3, ".nn");
}

typedef struct Printing {
  Session *session;
  const Results *results;
  int precision;
  bool text;
  Text out;
} Printing;

/* One value, or a tuple of them; (a,) is one of one item. */
static void print_nest(Printing *p, const char **nest, int *next) {
  char c = *(*nest)++;
  int n = 0;
  if (c != '(') {
    const Tensor *v = &p->results->value[(*next)++];
    if (p->text && v->type == T_U8 && v->shape.rank == 1) text_add_n(&p->out, v->data, (size_t)tensor_count(v));
    else tensor_print(p->session->cx, v, p->precision, &p->out);
    return;
  }
  text_add(&p->out, "(");
  for (; **nest != ')'; n++) {
    if (n) text_add(&p->out, ", ");
    print_nest(p, nest, next);
  }
  (*nest)++;
  text_add(&p->out, n == 1 ? ",)" : ")");
}

static Status print_results(void *arg) {
  Printing *p = arg;
  const Results *r = p->results;
  p->out = text_new(p->session->cx->arena);
  const char *nest = r->nest;
  int next = 0;
  print_nest(p, &nest, &next);
  text_add(&p->out, "\n");
  return ST_OK;
}

static Status eval_line(const Cli *cli, Session *session, int number, const char *text) {
  char label[32];
  snprintf(label, sizeof label, "<line %d>", number);
  Results r = {0};
  Status s = session_line(session, label, text, &r);
  if (s == ST_OK && !r.declaration) {
    Printing p = {session, &r, (int)opt_int(cli, O_eval_precision, 0), cli->opt[O_eval_text].n > 0, {0}};
    s = cx_guard(session->cx, print_results, &p);
    if (s == ST_OK) out_bytes(text_str(&p.out), p.out.n);
  }
  results_free(&r);
  return cli_report(cli, session, s);
}

static Status load_weights(Session *s, void *path) {
  int n;
  Weight *w = session_weights(s, &n);
  s->keep_params = true;
  return w ? weights_load(s->cx, path, w, n) : ST_SOURCE;
}

Status cmd_eval(Cli *cli) {
  Status s = ST_OK;
  Session *session = cli_session(cli, &s);
  if (!session) return s;
  session->seed = opt_int(cli, O_eval_seed, 0);
  session->trap_nan = cli->opt[O_eval_trap_nan].n > 0;
  int first = is_file(cli->arg[0]);
  s = cli_memory(cli, session, O_eval_memory, 1);
  if (s == ST_OK) s = cli_report(cli, session, cli_load(cli, session, O_eval_define, first ? cli->arg[0] : NULL));
  if (s == ST_OK && cli->opt[O_eval_load].n)
    s = cli_report(cli, session, session_run(session, load_weights, (void *)cli->opt[O_eval_load].text));
  for (int i = first; i < cli->n && s == ST_OK; i++)
    s = eval_line(cli, session, i - first + 1, cli->arg[i]);
  session_free(session);
  return s;
}
