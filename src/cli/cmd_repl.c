/* cmd_repl.c: gradc repl [FILE.nn]: reads entries, evaluates or declares them, answers. On a
 * terminal it has prompts and goes on after errors and Ctrl-C; standard input of any other kind is
 * a script, whose errors decide the exit status. */
#include "cli/repl.h"
#include "config.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- Ctrl-C ---- */
static gradc_context *watched; /* of the process: signals have no argument */

static void on_interrupt(int sig) { gradc_interrupt(watched, sig); }

static void watch_interrupts(gradc_context *gc) {
  struct sigaction act = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};
  watched = gc;
  sigemptyset(&act.sa_mask);
  sigaction(SIGINT, &act, NULL);
}

/* ---- entries ---- */
Status repl_told(const Repl *r, gradc_status s) {
  if (s == GRADC_INTERRUPTED)
    return r->interactive ? cli_error(r->cli, ST_INTERRUPTED, "interrupted") : ST_INTERRUPTED;
  bool command = s == GRADC_USAGE && !gradc_diagnostic_count(r->gc); /* not that of the shell */
  return command ? cli_error(r->cli, ST_USAGE, "%s", gradc_message(r->gc))
                 : cli_outcome(r->cli, r->gc, s);
}

Status repl_print(const Repl *r, gradc_values *v) {
  Arena *a = arena_new(NULL);
  if (!a) return cli_error(r->cli, ST_MEMORY, "%s", status_text(ST_MEMORY));
  Text out = text_new(a);
  bool all = repl_value_print(v, (int)opt_int(r->cli, O_repl_precision, 0), &out);
  if (all) out_text(text_str(&out));
  arena_free(a);
  return all ? ST_OK : repl_told(r, GRADC_MEMORY);
}

Status repl_eval(const Repl *r, const char *line, gradc_values **out) {
  Status s = repl_told(r, gradc_eval(r->gc, r->label, line, out));
  return s == ST_OK && *out ? repl_print(r, *out) : s;
}

static Status take_line(Repl *r, const char *text) {
  gradc_values *values;
  Status s = repl_eval(r, text, &values);
  gradc_values_free(values);
  return s;
}

static Status answer(Repl *r, const Entry *e) {
  const char *text = text_str((Text *)&e->text);
  snprintf(r->label, sizeof r->label, "<line %lld>", (long long)e->line);
  return *text == ':' ? repl_command_run(r, text) : take_line(r, text);
}

/* A context's memory grows by each entry. Renewing it takes some milliseconds and is due when it
 * has doubled, so that in the long run it costs next to nothing. */
static void give_back(Repl *r) {
  enum { ROOM = 24 << 20 };
  if (gradc_bytes(r->gc) < 2 * r->usual + ROOM) return;
  gradc_renew(r->gc); /* where memory is too short for it, it stays as it is */
  r->usual = gradc_bytes(r->gc);
}

/* False: that was the last one. */
static bool one_entry(Repl *r) {
  Arena *a = arena_new(NULL);
  if (!a) return false;
  Entry e = {.text = text_new(a)};
  LineEnd end = entry_read(r, &e);
  if (end == LINE_READ && e.text.n) {
    if (r->lines.entered) r->lines.entered(r->lines.self, text_str(&e.text));
    if (r->interactive) gradc_proceed(r->gc); /* it was for the line */
    Status s = answer(r, &e);
    if (r->worst == ST_OK) r->worst = s;
    give_back(r);
  }
  if (r->interactive) gradc_proceed(r->gc); /* and this for the entry */
  else if (gradc_interrupted(r->gc)) r->worst = ST_INTERRUPTED, r->quit = true;
  arena_free(a);
  return end != LINE_NONE && !r->quit;
}

/* ---- the back end ---- */
static void *load_back_end(void *none) {
  gradc_warm_up();
  return none;
}

/* Loading LLVM takes longer than most answers: it begins while the user still thinks. Signals are
 * the main thread's. */
static bool begin_loading(pthread_t *thread) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool begun = !pthread_create(thread, NULL, load_back_end, NULL);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return begun;
}

/* ---- the command ---- */
static bool is_terminal(void) { return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO); }

static void open_lines(Repl *r, Arena *a) {
  const char *term = getenv("TERM");
  r->interactive = is_terminal();
  bool edits = r->interactive && term && *term && strcmp(term, "dumb");
  if (!edits || !lines_edited(&r->lines, a, r)) lines_plain(&r->lines, a, r);
}

/* With the file's program. */
static Status open_program(Repl *r) {
  const OptValue *engine = &r->cli->opt[O_repl_engine];
  gradc_set_seed(r->gc, opt_int(r->cli, O_repl_seed, 0));
  gradc_set_trap_nan(r->gc, r->cli->opt[O_repl_trap_nan].n > 0);
  gradc_set_interactive(r->gc, 1);
  gradc_set_engine(r->gc, engine->n ? (gradc_engine)engine->choice : GRADC_ENGINE_FIRST);
  watch_interrupts(r->gc);
  return cli_open(r->cli, r->gc, O_repl_define, r->file);
}

Status cmd_repl(Cli *cli) {
  Repl *r = NEW(cli->arena, Repl);
  Status s = ST_OK;
  *r = (Repl){.cli = cli, .file = cli->n ? cli->arg[0] : NULL};
  r->gc = cli_context(cli, &s);
  if (!r->gc) return s;
  s = open_program(r);
  r->usual = gradc_bytes(r->gc);
  open_lines(r, cli->arena);
  pthread_t loader;
  bool loading = r->interactive && begin_loading(&loader);
  if (r->interactive) {
    out_text("gradc " PACKAGE_VERSION
             ": type an expression or a definition; :help lists the commands\n");
    s = ST_OK; /* the file can be mended and read again */
  }
  if (s == ST_OK)
    while (one_entry(r)) {
    }
  r->lines.close(r->lines.self);
  if (loading) pthread_join(loader, NULL);
  signal(SIGINT, SIG_DFL);
  gradc_free(r->gc);
  if (s != ST_OK) return s;
  return r->interactive ? ST_OK : r->worst;
}
