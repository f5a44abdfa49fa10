/* load.c: a program with the constants and sizes that the command line sets. */
#include "base/diag.h"
#include "cli/cli.h"

#include <stdlib.h>

typedef struct Defines {
  const Cli *cli;
  OptId id;
} Defines;

static Name define_name(Session *s, const char *word) {
  return name_of_n(s->cx, word, (size_t)(strchr(word, '=') - word));
}

/* The number of NAME=NUMBER; -1 after an error was printed. */
static long long define_number(const Cli *cli, const char *word) {
  const char *eq = strchr(word, '=');
  char *end = NULL;
  long long n = eq ? strtoll(eq + 1, &end, 10) : -1;
  if (eq && eq != word && end != eq + 1 && !*end && n >= 0 && n <= DIM_MAX_NUMBER) return n;
  usage_error(cli, "-D takes NAME=NUMBER, not \"%s\"", word);
  return -1;
}

static Status define(Session *s, void *arg) {
  const Defines *d = arg;
  const OptValue *v = &d->cli->opt[d->id];
  for (int i = 0; i < v->n; i++) {
    long long n = define_number(d->cli, v->list[i]);
    if (n < 0) return ST_USAGE;
    front_define(s->program, define_name(s, v->list[i]), n);
  }
  return ST_OK;
}

static Status check_defines(Session *s, void *arg) {
  const Defines *d = arg;
  const OptValue *v = &d->cli->opt[d->id];
  for (int i = 0; i < v->n; i++) {
    Name name = define_name(s, v->list[i]);
    if (!front_has_size(s->program, name))
      diag(s->cx, E0201, (Span){0}, "-D %s: the program has no constant and no size `%s`",
           v->list[i], name);
  }
  return ST_OK;
}

Status cli_check_defines(const Cli *cli, Session *session, OptId id) {
  Defines d = {cli, id};
  return session_run(session, check_defines, &d);
}

/* 1500, 64K, 30M, 2G; -1 for anything else. */
static int64_t read_bytes(const char *text) {
  char *end;
  double n = strtod(text, &end);
  static const char unit[] = "KMG";
  const char *u = end != text && *end ? strchr(unit, *end) : NULL;
  for (int i = 0; u && i <= u - unit; i++) n *= 1024;
  if (u) end++;
  bool number = end != text && *end == 0 && text[0] >= '0' && text[0] <= '9';
  return number && n >= 1 && n < 1e15 ? (int64_t)n : -1;
}

Status cli_memory(const Cli *cli, Session *session, OptId id, int threads) {
  const OptValue *v = &cli->opt[id];
  if (!v->n) return ST_OK;
  int64_t bytes = read_bytes(v->text);
  if (bytes < 0)
    return usage_error(
        cli, "--memory takes a number of bytes such as 65536, 64K, 30M or 2G, not \"%s\"", v->text);
  session->cx->bound.bytes = bytes;
  session->cx->bound.threads = threads;
  return ST_OK;
}

Status cli_load(const Cli *cli, Session *session, OptId id, const char *path) {
  Defines d = {cli, id};
  Status s = session_run(session, define, &d);
  if (s == ST_OK && path) s = session_load(session, path);
  return s == ST_OK && path ? cli_check_defines(cli, session, id) : s;
}

Status cli_open(const Cli *cli, gradc_context *gc, OptId id, const char *path) {
  const OptValue *v = &cli->opt[id];
  for (int i = 0; i < v->n; i++) {
    long long n = define_number(cli, v->list[i]);
    if (n < 0) return ST_USAGE;
    char *name = arena_copy(cli->arena, v->list[i], strlen(v->list[i]) + 1);
    if (!name) return cli_error(cli, ST_MEMORY, "%s", status_text(ST_MEMORY));
    *strchr(name, '=') = 0;
    Status s = cli_outcome(cli, gc, gradc_define(gc, name, n));
    if (s != ST_OK) return s;
  }
  Status s = path ? cli_outcome(cli, gc, gradc_load(gc, path)) : ST_OK;
  return s == ST_OK && path ? cli_report(cli, gc->session, cli_check_defines(cli, gc->session, id))
                            : s;
}
