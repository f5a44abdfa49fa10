/* cmd_gradcheck.c: gradc gradcheck FILE.nn [FUNCTION...]: each function's gradient against central
 * differences and against forward mode. Exit code 1 where one is off. */
#include "cli/cli.h"
#include "driver/gradcheck.h"

#include <stdlib.h>

typedef struct Job {
  const Cli *cli;
  GradcheckOptions options;
  SizeBindings sizes;
  int checked, failed;
} Job;

/* --size N=4 */
static Status read_sizes(const Cli *cli, Cx *cx, SizeBindings *out) {
  const OptValue *v = &cli->opt[O_gradcheck_size];
  for (int i = 0; i < v->n; i++) {
    const char *equal = strchr(v->list[i], '=');
    char *end = NULL;
    long n = equal ? strtol(equal + 1, &end, 10) : 0;
    if (!equal || equal == v->list[i] || *end || n < 1 || n > 1000000)
      return usage_error(cli, "--size takes NAME=NUMBER, not \"%s\"", v->list[i]);
    size_bind(cx->arena, out, name_of_n(cx, v->list[i], (size_t)(equal - v->list[i])), n);
  }
  return ST_OK;
}

static void print_report(const GradcheckReport *r, double tolerance) {
  printf("%s%s%s\n", r->name, *r->sizes ? "  with " : "", r->sizes);
  if (r->skipped) printf("  skipped: %s\n", r->skipped);
  for (int i = 0; i < r->row.n; i++) {
    const GradcheckRow *row = &r->row.at[i];
    printf("  %-12s %-18s %3d directions   differences %7.1e   forward mode %7.1e   %s\n",
           row->name, row->type, row->directions, row->differences, row->forward,
           row->ok ? "ok" : "WRONG");
  }
  if (r->row.n && !r->ok) printf("  relative errors above %g\n", tolerance);
  fflush(stdout);
}

static Status check_one(Session *s, Job *job, Name name) {
  GradcheckReport r;
  Status status = gradcheck(s, name, &job->options, &r);
  if (status != ST_OK) return status;
  print_report(&r, job->options.tolerance);
  job->checked += r.row.n > 0;
  job->failed += r.row.n > 0 && !r.ok;
  return ST_OK;
}

/* A function can be checked by itself when all its arguments have types. */
static bool complete(const Node *fn) {
  for (int i = ast_fixed(fn->kind); i < fn->nkids; i++)
    if (!fn->kid[i]->kid[0]) return false;
  return true;
}

static Status work(Session *s, void *arg) {
  Job *job = arg;
  const Cli *cli = job->cli;
  Status status = read_sizes(cli, s->cx, &job->sizes);
  job->options.sizes = &job->sizes;
  for (int i = 1; i < cli->n && status == ST_OK; i++)
    status = check_one(s, job, name_of(s->cx, cli->arg[i]));
  for (int i = 0; cli->n == 1 && i < front_fn_count(s->program) && status == ST_OK; i++) {
    const Node *fn = front_fn_node(s->program, i);
    if (complete(fn)) status = check_one(s, job, fn->name);
  }
  return status;
}

Status cmd_gradcheck(Cli *cli) {
  Status s = ST_OK;
  Session *session = cli_session(cli, &s);
  if (!session) return s;
  Job job = {.cli = cli,
             .options = {.tolerance = opt_real(cli, O_gradcheck_tolerance, 1e-5),
                         .samples = (int)opt_int(cli, O_gradcheck_samples, 8)}};
  session->seed = opt_int(cli, O_gradcheck_seed, 0);
  s = cli_load(cli, session, O_gradcheck_define, cli->arg[0]);
  if (s == ST_OK) s = session_run(session, work, &job);
  s = cli_report(cli, session, s);
  session_free(session);
  if (s != ST_OK) return s;
  if (!job.checked) return cli_error(cli, ST_FINDINGS, "there was no gradient to check");
  printf("%d gradient%s checked, %d wrong\n", job.checked, job.checked == 1 ? "" : "s", job.failed);
  return job.failed ? ST_FINDINGS : ST_OK;
}
