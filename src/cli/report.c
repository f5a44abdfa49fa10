/* report.c: errors that have no place in a source, on stderr. */
#include "cli/cli.h"

static void prefix(const Cli *cli) {
  fflush(stdout);
  fprintf(stderr, "gradc%s%s: ", cli->command ? " " : "", cli->command ? cli->command->name : "");
}

void usage_hint(const Cli *cli) {
  fprintf(stderr, "Try 'gradc %s%s--help'.\n", cli->command ? cli->command->name : "",
          cli->command ? " " : "");
}

Status usage_error(const Cli *cli, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  prefix(cli);
  vfprintf(stderr, fmt, ap);
  fputc('\n', stderr);
  va_end(ap);
  usage_hint(cli);
  return ST_USAGE;
}

Status cli_error(const Cli *cli, Status s, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  prefix(cli);
  vfprintf(stderr, fmt, ap);
  fputc('\n', stderr);
  va_end(ap);
  return s;
}
