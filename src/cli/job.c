/* job.c: see job.h. Progress goes to stdout: one line written over and over on a terminal, plain
 * lines elsewhere. */
#include "cli/job.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static gradc_job *volatile running; /* for the handler of signals, which takes no argument */

static void on_interrupt(int sig) {
  gradc_job_stop(running);
  signal(sig, SIG_DFL);
}

static void write_out(void *arg, const char *text, size_t n) {
  (void)arg;
  out_bytes(text, n);
}

static int terminal_columns(void) {
  struct winsize w;
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 ? w.ws_col : 0;
}

static bool to_terminal(void) {
  const char *term = getenv("TERM");
  return isatty(STDOUT_FILENO) && term && strcmp(term, "dumb");
}

static bool is_elsewhere(const OptInfo *o) {
  static const char *const names[] = {"data", "val", "define", "seed", "memory", "json"};
  for (int i = 0; i < COUNT_OF(names); i++)
    if (!strcmp(o->name, names[i])) return true;
  return !strcmp(o->name, "threads") && strcmp(o->command, "build"); /* there of what is made */
}

static gradc_status set_option(gradc_job *j, const OptInfo *o, const OptValue *v) {
  gradc_status s = GRADC_OK;
  if (o->type == OPT_FLAG) return gradc_job_number(j, o->name, 1);
  if (o->type == OPT_INT || o->type == OPT_REAL) return gradc_job_number(j, o->name, v->r);
  if (o->type != OPT_LIST) return gradc_job_text(j, o->name, v->text);
  for (int i = 0; i < v->n && s == GRADC_OK; i++) s = gradc_job_text(j, o->name, v->list[i]);
  return s;
}

gradc_status cli_job_options(const Cli *cli, gradc_job *j) {
  gradc_status s = GRADC_OK;
  for (int id = 0; id < O_COUNT && s == GRADC_OK; id++) {
    const OptInfo *o = &opt_info[id];
    const OptValue *v = &cli->opt[id];
    if (!v->n || strcmp(o->command, cli->command->name) || is_elsewhere(o)) continue;
    bool standard = !strcmp(o->name, "output") && !strcmp(v->text, "-");
    if (!standard) s = set_option(j, o, v);
  }
  return s;
}

gradc_status cli_job_data(const Cli *cli, gradc_job *j, OptId data) {
  gradc_status s = GRADC_OK;
  for (int i = 0; i < cli->opt[data].n && s == GRADC_OK; i++)
    s = gradc_job_data(j, cli->opt[data].list[i]);
  return s;
}

gradc_status cli_job_run(gradc_job *j) {
  gradc_job_on_text(j, write_out, NULL, to_terminal(), terminal_columns());
  running = j;
  signal(SIGINT, on_interrupt);
  gradc_status s = gradc_job_run(j);
  signal(SIGINT, SIG_DFL);
  running = NULL;
  return s;
}

gradc_status cli_job_stream(gradc_job *j) {
  gradc_job_on_text(j, write_out, NULL, 0, 0);
  return gradc_job_run(j);
}

Status cli_job(const Cli *cli, gradc_context *gc, gradc_job **out) {
  gradc_status s = gradc_job_new(gc, cli->command->name, out);
  if (s == GRADC_OK) s = cli_job_options(cli, *out);
  for (int i = 1; i < cli->n && s == GRADC_OK; i++)
    s = gradc_job_text(*out, "function", cli->arg[i]);
  return s == GRADC_OK ? ST_OK : cli_outcome(cli, gc, s);
}

Status cli_show_job(const Cli *cli, gradc_context *gc, const char *result) {
  gradc_job *j = NULL;
  size_t n;
  Status s = cli_job(cli, gc, &j);
  if (s == ST_OK) s = cli_outcome(cli, gc, gradc_job_run(j));
  bool file = false;
  for (int id = 0; id < O_COUNT; id++)
    file |= !strcmp(opt_info[id].name, "output") &&
            !strcmp(opt_info[id].command, cli->command->name) &&
            cli_output_file(cli, (OptId)id) != NULL;
  const char *text = s == ST_OK && !file ? gradc_job_result(j, result, &n) : NULL;
  if (text) out_bytes(text, n);
  gradc_job_free(j);
  return s;
}

Status cli_follow_job(const Cli *cli, gradc_context *gc) {
  gradc_job *j = NULL;
  Status s = cli_job(cli, gc, &j);
  if (s == ST_OK) s = cli_outcome(cli, gc, cli_job_stream(j));
  gradc_job_free(j);
  return s;
}
