/* cmd_train.c: gradc train FILE.nn --data ...: minimises `loss` over the data. Progress goes to
 * stdout: one line written over and over on a terminal, a plain line per epoch elsewhere. */
#include "cli/cli.h"
#include "driver/trainer.h"
#include "gradc_rt.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static volatile sig_atomic_t stop_asked;

/* The first Ctrl-C asks the loop to finish its step and save; a second one ends the process. */
static void on_interrupt(int sig) {
  stop_asked = 1;
  signal(sig, SIG_DFL);
}

static void write_out(void *arg, const char *text, size_t n) {
  (void)arg;
  out_bytes(text, n);
}

static void about(void *arg, const char *text) { write_out(arg, text, strlen(text)); }

static int terminal_columns(void) {
  struct winsize w;
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 ? w.ws_col : 0;
}

static bool to_terminal(void) {
  const char *term = getenv("TERM");
  return isatty(STDOUT_FILENO) && term && strcmp(term, "dumb");
}

/* --threads, else GRADC_THREADS, else all processors. */
int cli_all_threads(void) {
  const char *set = getenv("GRADC_THREADS");
  int n = set ? atoi(set) : 0;
  return n > 0 ? n : gradc_rt_cores();
}

int cli_threads(const Cli *cli, OptId id) { return (int)opt_int(cli, id, cli_all_threads()); }

static const char *text_or(const Cli *cli, OptId id, const char *otherwise) {
  return cli->opt[id].n ? cli->opt[id].text : otherwise;
}

static TrainerOptions options_of(const Cli *cli) {
  TrainerOptions o = {.data = cli->opt[O_train_data].list,
                      .ndata = cli->opt[O_train_data].n,
                      .val = cli->opt[O_train_val].list,
                      .nval = cli->opt[O_train_val].n,
                      .window_step = opt_int(cli, O_train_window_step, 0),
                      .optimizer = text_or(cli, O_train_optimizer, "sgd"),
                      .load = text_or(cli, O_train_load, NULL),
                      .freeze = text_or(cli, O_train_freeze, NULL),
                      .threads = cli_threads(cli, O_train_threads),
                      .about = about};
  o.loop = (TrainOptions){.epochs = opt_int(cli, O_train_epochs, 10),
                          .batch = opt_int(cli, O_train_batch, 64),
                          .steps = opt_int(cli, O_train_steps, 0),
                          .eval_batch = opt_int(cli, O_train_eval_batch, 0),
                          .lr = opt_real(cli, O_train_lr, strcmp(o.optimizer, "adam") ? 0.05 : 0.001),
                          .decay = (TrainDecay)cli->opt[O_train_decay].choice,
                          .seed = (uint64_t)opt_int(cli, O_train_seed, 0),
                          .in_order = cli->opt[O_train_no_shuffle].n > 0,
                          .save = text_or(cli, O_train_save, NULL),
                          .resume = text_or(cli, O_train_resume, NULL),
                          .log = text_or(cli, O_train_log, NULL),
                          .plot = text_or(cli, O_train_plot, NULL),
                          .snapshot_every = cli->opt[O_train_trap_nan].n ? 1 : 0,
                          .log_every = opt_int(cli, O_train_log_every, 0),
                          .stop = &stop_asked,
                          .out = {write_out, NULL, to_terminal(), terminal_columns()}};
  return o;
}

typedef struct Training {
  TrainerOptions options;
  TrainerReport report;
} Training;

static Status train(Session *s, void *arg) {
  Training *t = arg;
  return trainer_run(s, &t->options, &t->report);
}

Status cmd_train(Cli *cli) {
  Status s = ST_OK;
  Session *session = cli_session(cli, &s);
  if (!session) return s;
  session->seed = opt_int(cli, O_train_seed, 0);
  Training t = {.options = options_of(cli)};
  signal(SIGINT, on_interrupt);
  s = cli_memory(cli, session, O_train_memory, t.options.threads);
  if (s == ST_OK) s = cli_load(cli, session, O_train_define, cli->arg[0]);
  if (s == ST_OK) s = session_check(session);
  if (s == ST_OK) s = session_run(session, train, &t);
  s = cli_report(cli, session, s);
  session_free(session);
  return s;
}
