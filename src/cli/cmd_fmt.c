/* cmd_fmt.c: gradc fmt FILE.nn...: each file in the canonical layout. */
#include "cli/cli.h"

typedef struct Formatting {
  const Cli *cli;
  const char *path, *text;
  size_t n;
  bool changed;
} Formatting;

static Status format(Session *s, void *arg) {
  Formatting *f = arg;
  int32_t number = session_read_source(s->cx, f->path, (Span){0});
  if (!number) return ST_DATA;
  if (!front_format(s->cx, number, &f->text, &f->n)) return ST_SOURCE;
  const Source *src = &s->cx->sources.at[number];
  f->changed = (size_t)src->len != f->n || memcmp(src->text, f->text, f->n);
  return ST_OK;
}

static Status deliver(const Formatting *f) {
  bool standard = !strcmp(f->path, "-");
  if (f->cli->opt[O_fmt_check].n) {
    if (!f->changed) return ST_OK;
    out_text(standard ? "<stdin>" : f->path);
    out_text("\n");
    return ST_FINDINGS;
  }
  if (!standard && !f->changed) return ST_OK;
  return output_write_bytes(f->cli, standard ? NULL : f->path, f->text, f->n);
}

static Status format_file(const Cli *cli, const char *path) {
  Status s = ST_OK;
  Session *session = cli_session(cli, &s);
  if (!session) return s;
  Formatting f = {.cli = cli, .path = path};
  s = session_run(session, format, &f);
  Status said = cli_report(cli, session, s);
  if (said == ST_OK) said = deliver(&f);
  session_free(session);
  return said;
}

Status cmd_fmt(Cli *cli) {
  Status worst = ST_OK;
  for (int i = 0; i < cli->n; i++) {
    Status s = format_file(cli, cli->arg[i]);
    worst = MAX(worst, s);
  }
  return worst;
}
