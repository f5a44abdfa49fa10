/* diagnose.c: what a call of the library has to say, on stderr: its diagnostics, or its message. */
#include "cli/cli.h"

#include <sys/ioctl.h>
#include <unistd.h>

/* Of the terminal that standard error is; 0: it is none. */
static int error_columns(void) {
  struct winsize w;
  return isatty(STDERR_FILENO) && ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 ? w.ws_col : 0;
}

gradc_context *cli_context(const Cli *cli, Status *s) {
  gradc_context *gc;
  *s = (Status)gradc_new(&gc);
  if (!gc) cli_error(cli, *s, "%s", status_text(*s));
  else if (cli->opt[O_all_no_cache].n) gradc_set_cache(gc, 0);
  return gc;
}

Status cli_outcome(const Cli *cli, gradc_context *gc, gradc_status s) {
  const char *message = gradc_message(gc);
  if (s == GRADC_INTERNAL)
    return cli_error(cli, ST_INTERNAL,
                     "internal error: %s\nThis is a bug of gradc: please report it "
                     "with the program that shows it.",
                     message);
  if (s == GRADC_MEMORY) return cli_error(cli, ST_MEMORY, "%s", message);
  if (gradc_diagnostic_count(gc)) {
    gradc_set_columns(gc, error_columns());
    fflush(stdout);
    fputs(cli_json(cli) ? gradc_diagnostics_json(gc) : gradc_diagnostics_text(gc, cli->colour),
          stderr);
  } else if (s == GRADC_USAGE) {
    return usage_error(cli, "%s", message);
  } else if (s != GRADC_OK && strcmp(message, gradc_status_text(s))) {
    cli_error(cli, (Status)s, "%s", message); /* has words of its own */
  }
  return (Status)s;
}
