/* cmd_repl.c: gradc repl [FILE.nn]: reads entries, evaluates or declares them, answers. On a
 * terminal it has prompts and goes on after errors and Ctrl-C; standard input of any other kind is
 * a script, whose errors decide the exit status. */
#include "base/diag.h"
#include "cli/repl.h"
#include "config.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- Ctrl-C ---- */
static Interrupt interrupt; /* of the process: signals have no argument */

static void on_interrupt(int sig) { interrupt_ask(&interrupt, sig); }

static void watch_interrupts(Session *s) {
  interrupt_init(&interrupt);
  s->cx->stop = &interrupt.asked;
  s->how.interrupt = &interrupt;
  struct sigaction act = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};
  sigemptyset(&act.sa_mask);
  sigaction(SIGINT, &act, NULL);
}

/* ---- entries ---- */
typedef struct Printing {
  const Repl *r;
  const Results *results;
  Text out;
} Printing;

static Status print_results(void *arg) {
  Printing *p = arg;
  Cx *cx = p->r->session->cx;
  p->out = text_new(p->results->arena);
  repl_value_print(cx, p->results, (int)opt_int(p->r->cli, O_repl_precision, 0), &p->out);
  return ST_OK;
}

Status repl_print(const Repl *r, const Results *results) {
  Printing p = {r, results, {0}};
  Status s = cx_guard(r->session->cx, print_results, &p);
  if (s == ST_OK) out_text(text_str(&p.out));
  return s;
}

/* Said as after a call of the library. */
Status repl_report(const Repl *r, Status s) {
  r->gc->message[0] = 0;
  r->gc->ndiags = 0;
  gradc_status told = api_tell(r->gc, s);
  bool said = told == GRADC_USAGE || told == GRADC_DATA || told == GRADC_FINDINGS;
  if (gradc_diagnostic_count(r->gc) || !said) cli_outcome(r->cli, r->gc, told);
  diag_clear(r->session->cx);
  return (Status)told;
}

static Status take_line(Repl *r, const char *text) {
  Results results = {0};
  Status s = session_line(r->session, r->label, text, &results);
  if (s == ST_OK && !results.declaration) s = repl_print(r, &results);
  results_free(&results);
  return s;
}

static Status answer(Repl *r, const Entry *e) {
  const char *text = text_str((Text *)&e->text);
  snprintf(r->label, sizeof r->label, "<line %lld>", (long long)e->line);
  Status s = *text == ':' ? repl_command_run(r, text) : take_line(r, text);
  if (s == ST_INTERRUPTED) {
    diag_clear(r->session->cx);
    return r->interactive ? cli_error(r->cli, s, "interrupted") : s;
  }
  return repl_report(r, s);
}

/* A session's memory grows by each entry. Renewing it takes some milliseconds and is due when it
 * has doubled, so that in the long run it costs next to nothing. */
static void give_back(Repl *r) {
  enum { ROOM = 24 << 20 };
  if (session_bytes(r->session) < 2 * r->usual + ROOM) return;
  api_renew(r->gc);
  r->session = r->gc->session;
  r->usual = session_bytes(r->session);
}

/* False: that was the last one. */
static bool one_entry(Repl *r) {
  Arena *a = arena_new(NULL);
  if (!a) return false;
  Entry e = {.text = text_new(a)};
  LineEnd end = entry_read(r, &e);
  if (end == LINE_READ && e.text.n) {
    if (r->lines.entered) r->lines.entered(r->lines.self, text_str(&e.text));
    if (r->interactive) atomic_store(&interrupt.asked, 0); /* it was for the line */
    Status s = answer(r, &e);
    if (r->worst == ST_OK) r->worst = s;
    give_back(r);
  }
  if (r->interactive) atomic_store(&interrupt.asked, 0); /* and this for the entry */
  else if (atomic_load(&interrupt.asked)) r->worst = ST_INTERRUPTED, r->quit = true;
  arena_free(a);
  return end != LINE_NONE && !r->quit;
}

/* ---- the back end ---- */
static void *load_back_end(void *none) {
  char why[8];
  back_llvm(why, sizeof why);
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
static Status open_session(Repl *r) {
  Session *session = r->session = r->gc->session;
  gradc_set_seed(r->gc, opt_int(r->cli, O_repl_seed, 0));
  gradc_set_trap_nan(r->gc, r->cli->opt[O_repl_trap_nan].n > 0);
  session->keep_params = false; /* a file that is loaded again begins anew */
  session->careful = true;
  session->how.patience = 0; /* its lines are entered again, and changed a little */
  session->how.engine =
      r->cli->opt[O_repl_engine].n ? (Engine)r->cli->opt[O_repl_engine].choice : ENGINE_AUTO;
  watch_interrupts(session);
  return cli_open(r->cli, r->gc, O_repl_define, r->file);
}

Status cmd_repl(Cli *cli) {
  Repl *r = NEW(cli->arena, Repl);
  Status s = ST_OK;
  *r = (Repl){.cli = cli, .file = cli->n ? cli->arg[0] : NULL};
  r->gc = cli_context(cli, &s);
  if (!r->gc) return s;
  s = open_session(r);
  r->usual = session_bytes(r->session);
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
  gradc_free(r->gc);
  signal(SIGINT, SIG_DFL);
  if (s != ST_OK) return s;
  return r->interactive ? ST_OK : r->worst;
}
