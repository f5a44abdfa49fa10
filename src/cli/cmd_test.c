/* cmd_test.c: gradc test FILE.nn...: runs the `test` blocks of each file, a line for each, and
 * below it what doesn't hold. */
#include "cli/cli.h"
#include "driver/testing.h"

typedef struct Tests {
  const Cli *cli;
  const char *path;
  int passed, failed;
  Text out;
} Tests;

static bool asked_for(const Cli *cli, const char *title) {
  const OptValue *v = &cli->opt[O_test_only];
  for (int i = 0; i < v->n; i++)
    if (!strcmp(v->list[i], title)) return true;
  return !v->n;
}

static Status run_tests(Session *s, void *arg) {
  Tests *t = arg;
  for (int i = 0; i < front_test_count(s->program); i++) {
    const Node *n = front_test_node(s->program, i);
    const char *source = s->cx->sources.at[n->span.source].path;
    TestOutcome r;
    if (strcmp(source, t->path) || !asked_for(t->cli, n->name))
      continue; /* those of imported files are theirs */
    Status status = test_run(s, n, &r);
    if (status != ST_OK) return status;
    *(r.passed ? &t->passed : &t->failed) += 1;
    text_fmt(&t->out, "%s  %s\n", r.passed ? "ok  " : "FAIL", n->name);
    for (int k = 0; k < r.wrong.n; k++) text_fmt(&t->out, "      %s\n", r.wrong.at[k]);
  }
  return ST_OK;
}

static Status test_file(Tests *t, const char *path) {
  Status s = ST_OK;
  Session *session = cli_session(t->cli, &s);
  if (!session) return s;
  session->seed = opt_int(t->cli, O_test_seed, 0);
  t->path = strcmp(path, "-") ? path : "<stdin>";
  t->out = text_new(session->cx->arena);
  s = cli_load(t->cli, session, O_test_define, path);
  if (s == ST_OK) s = session_check(session);
  if (s == ST_OK) s = session_run(session, run_tests, t);
  out_text(text_str(&t->out));
  s = cli_report(t->cli, session, s);
  session_free(session);
  return s;
}

Status cmd_test(Cli *cli) {
  Status worst = ST_OK;
  Tests t = {.cli = cli};
  for (int i = 0; i < cli->n; i++) {
    Status s = test_file(&t, cli->arg[i]);
    worst = MAX(worst, s);
  }
  printf("%d passed, %d failed\n", t.passed, t.failed);
  if (worst != ST_OK) return worst;
  if (!t.passed && !t.failed) return cli_error(cli, ST_FINDINGS, "there was no test to run");
  return t.failed ? ST_FINDINGS : ST_OK;
}
