/* cmd_gradcheck.c: gradc gradcheck FILE.nn [FUNCTION]...: a table per function; status 1 when one fails. */
#include "cli/target_fn.h"
#include "driver/compile.h"
#include "driver/gradcheck.h"

typedef struct Gradcheck {
  Cli *cli;
  Text out;
  int failed, checked;
} Gradcheck;

static void print_report(Cx *cx, const GradcheckReport *r, Text *out) {
  text_fmt(out, "%s = %.6g\n", r->function, r->value);
  text_fmt(out, "  %-20s %-20s %8s %12s\n", "with respect to", "type", "checked", "worst error");
  for (int i = 0; i < r->rows.n; i++) {
    const GradcheckRow *row = &r->rows.at[i];
    text_fmt(out, "  %-20s %-20s %8lld %12.2g%s", row->input, type_text(cx, row->type, &row->shape),
             (long long)row->checked, row->worst, row->good ? "" : "  WRONG");
    if (row->kinks) text_fmt(out, "  (%lld at a corner left out)", (long long)row->kinks);
    text_add(out, "\n");
    if (!row->good)
      text_fmt(out, "    element %lld: gradient %.9g, difference %.9g\n", (long long)row->at, row->analytic, row->numeric);
  }
  text_fmt(out, "  reverse mode against forward mode: %.2g%s\n", r->modes, r->modes <= 1e-10 ? "" : "  WRONG");
}

static Status check_function(Gradcheck *g, Session *s, const char *text) {
  SizeBindings sizes = {0};
  Name bare;
  bool gradient;
  Fn *f = target_function(s, text, &bare, &gradient);
  if (!f) return ST_SOURCE;
  const Ins *y = fn_ins(f, f->out.at[0].val);
  if (f->out.n != 1 || !type_is_float((DType)y->type) || y->shape.rank) {
    if (g->cli->n == 1) return ST_OK; /* of all functions, those that have a gradient */
    return cli_error(g->cli, ST_USAGE, "%s is not a float scalar", text);
  }
  if (!target_sizes(g->cli, s, O_gradcheck_define, &sizes)) return ST_USAGE;
  compile_bind_rest(f, &sizes, 3);
  GradcheckOptions o = {.seed = (uint64_t)opt_int(g->cli, O_gradcheck_seed, 0),
                        .tolerance = opt_real(g->cli, O_gradcheck_tolerance, 1e-6),
                        .entries = (int)opt_int(g->cli, O_gradcheck_entries, 20)};
  GradcheckReport r;
  Status status = gradcheck_function(s, f, &sizes, &o, &r);
  if (status != ST_OK || !r.rows.n) return status;
  print_report(s->cx, &r, &g->out);
  g->checked++;
  g->failed += !r.good;
  return ST_OK;
}

static bool all_typed(const Node *fn) {
  for (int i = ast_fixed(NODE_FN); i < fn->nkids; i++)
    if (!fn->kid[i]->kid[0]) return false;
  return true;
}

static Status gradcheck(Session *s, void *arg) {
  Gradcheck *g = arg;
  Status status = ST_OK;
  g->out = text_new(s->cx->arena);
  for (int i = 1; i < g->cli->n && status == ST_OK; i++) status = check_function(g, s, g->cli->arg[i]);
  for (int i = 0; g->cli->n == 1 && i < front_fn_count(s->program) && status == ST_OK; i++)
    if (all_typed(front_fn_node(s->program, i))) status = check_function(g, s, front_fn_node(s->program, i)->name);
  return status;
}

Status cmd_gradcheck(Cli *cli) {
  Status s = ST_OK;
  Session *session = cli_session(cli, &s);
  if (!session) return s;
  session->seed = opt_int(cli, O_gradcheck_seed, 0);
  Gradcheck g = {.cli = cli};
  s = session_load(session, cli->arg[0]);
  if (s == ST_OK) s = session_check(session);
  if (s == ST_OK) s = session_run(session, gradcheck, &g);
  if (s == ST_OK) {
    out_text(text_str(&g.out));
    if (!g.checked) out_text("nothing to check: no function with arguments of known types is a float scalar\n");
    if (g.failed) s = ST_FINDINGS;
  }
  s = cli_report(cli, session, s);
  session_free(session);
  return s;
}
