/* diagnose.c: what a session has to say, on stderr: its diagnostics, or why it unwound. */
#include "base/diag.h"
#include "cli/cli.h"

#include <sys/ioctl.h>
#include <unistd.h>

/* Of the terminal that standard error is; 0: it is none. */
static int error_columns(void) {
  struct winsize w;
  return isatty(STDERR_FILENO) && ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 ? w.ws_col : 0;
}

typedef struct Rendering {
  Cx *cx;
  bool colour, json;
  Text out;
} Rendering;

static int left_out(const Cx *cx) {
  int n = cx->diags->errors;
  for (int i = 0; i < cx->diags->list.n; i++) n -= cx->diags->list.at[i]->severity == SEV_ERROR;
  return n;
}

static Status render(void *arg) {
  Rendering *r = arg;
  r->out = text_new(r->cx->arena);
  const Diag *const *d = diag_sorted(r->cx);
  for (int i = 0; i < r->cx->diags->list.n; i++)
    if (r->json) diag_json(r->cx, d[i], &r->out);
    else diag_render(r->cx, d[i], r->colour, &r->out);
  int more = left_out(r->cx);
  if (more <= 0) return ST_OK;
  const char *text = name_fmt(r->cx, "and %d more error%s", more, more == 1 ? "" : "s");
  if (r->json) diag_json_plain("note", text, &r->out);
  else text_fmt(&r->out, "%s\n", text);
  return ST_OK;
}

Status cli_report(const Cli *cli, Session *session, Status s) {
  Cx *cx = session->cx;
  if (s == ST_INTERNAL)
    return cli_error(cli, s,
                     "internal error: %s\nThis is a bug of gradc: please report it "
                     "with the program that shows it.",
                     cx->trap_text);
  if (s == ST_MEMORY)
    return cli_error(cli, s, "%s", cx->trap_text[0] ? cx->trap_text : status_text(s));
  cx->diags->columns = error_columns();
  Rendering r = {.cx = cx, .colour = cli->colour, .json = cli_json(cli)};
  Status printed = cx_guard(cx, render, &r);
  if (printed != ST_OK) return cli_error(cli, printed, "%s", cx->trap_text);
  fflush(stdout);
  fputs(text_str(&r.out), stderr);
  if (s == ST_OK && diag_errors(cx)) s = ST_SOURCE;
  diag_clear(cx);
  return s;
}

Session *cli_session(const Cli *cli, Status *s) {
  Session *session = session_new();
  if (!session) *s = cli_error(cli, ST_MEMORY, "%s", status_text(ST_MEMORY));
  return session;
}

gradc_context *cli_context(const Cli *cli, Status *s) {
  gradc_context *gc;
  *s = (Status)gradc_new(&gc);
  if (!gc) cli_error(cli, *s, "%s", status_text(*s));
  return gc;
}

Status cli_outcome(const Cli *cli, gradc_context *gc, gradc_status s) {
  if (s == GRADC_USAGE && !gradc_diagnostic_count(gc))
    return cli_error(cli, ST_USAGE, "%s", gradc_message(gc));
  return cli_report(cli, gc->session, (Status)s);
}
