/* report.c: errors that have no place in a source, on stderr. */
#include "base/diag.h"
#include "cli/cli.h"

static void prefix(const Cli *cli) {
  fflush(stdout);
  fprintf(stderr, "gradc%s%s: ", cli->command ? " " : "", cli->command ? cli->command->name : "");
}

void usage_hint(const Cli *cli) {
  fprintf(stderr, "Try 'gradc %s%s--help'.\n", cli->command ? cli->command->name : "",
          cli->command ? " " : "");
}

/* Where memory is out there is nothing to build a line of JSON in: then it is text. */
static void say(const Cli *cli, const char *fmt, va_list ap) {
  Arena *a = cli_json(cli) ? arena_new(NULL) : NULL;
  Text message = text_new(a), line = text_new(a);
  if (a) {
    text_vfmt(&message, fmt, ap);
    diag_json_plain("error", text_str(&message), &line);
    fflush(stdout);
    fputs(text_str(&line), stderr);
    arena_free(a);
    return;
  }
  prefix(cli);
  vfprintf(stderr, fmt, ap);
  fputc('\n', stderr);
}

Status usage_error(const Cli *cli, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  say(cli, fmt, ap);
  va_end(ap);
  if (!cli_json(cli)) usage_hint(cli);
  return ST_USAGE;
}

Status cli_error(const Cli *cli, Status s, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  say(cli, fmt, ap);
  va_end(ap);
  return s;
}
