/* cmd_grad.c: gradc grad FILE.nn FUNCTION: the derivative as source. */
#include "cli/target_fn.h"
#include "driver/compile.h"

typedef struct Grad {
  const Cli *cli;
  Text out;
} Grad;

/* Marks the inputs that --wrt names, "a,b" and repeated. */
static Status read_wrt(const Cli *cli, const Fn *f, bool *wrt) {
  const OptValue *v = &cli->opt[O_grad_wrt];
  for (int k = 0; k < v->n; k++) {
    const char *wrong = derive_wrt(f, v->list[k], wrt);
    if (wrong) return usage_error(cli, "%s", wrong);
  }
  return ST_OK;
}

static Status differentiate(Session *s, void *arg) {
  Grad *g = arg;
  const Cli *cli = g->cli;
  Fn *f = session_function(s, name_of(s->cx, cli->arg[1]));
  if (!f) return ST_SOURCE;
  bool *wrt = NEWS(s->cx->arena, bool, f->in.n);
  Status status = read_wrt(cli, f, wrt);
  if (status != ST_OK) return status;
  DeriveOptions o = {.wrt = cli->opt[O_grad_wrt].n ? wrt : NULL,
                     .order = (int)opt_int(cli, O_grad_order, 1),
                     .forward = cli->opt[O_grad_forward].n > 0,
                     .value = cli->opt[O_grad_value].n > 0};
  Fn *d = derive(f, &o);
  if (d && !target_is_sized(cli, d, NULL)) return ST_USAGE;
  if (d && s->cx->bound.bytes)
    d = compile_prepare(d, &(SizeBindings){0}); /* what is compiled is shown */
  if (!d) return ST_SOURCE;
  g->out = text_new(s->cx->arena);
  print_program(s, d, &g->out);
  return ST_OK;
}

Status cmd_grad(Cli *cli) {
  Status s = ST_OK;
  Session *session = cli_session(cli, &s);
  if (!session) return s;
  Grad g = {.cli = cli};
  s = cli_memory(cli, session, O_grad_memory, 1);
  if (s == ST_OK) s = cli_load(cli, session, O_grad_define, cli->arg[0]);
  if (s == ST_OK) s = session_run(session, differentiate, &g);
  if (s == ST_OK) s = output_write(cli, cli->opt[O_grad_output].text, text_str(&g.out));
  s = cli_report(cli, session, s);
  session_free(session);
  return s;
}
