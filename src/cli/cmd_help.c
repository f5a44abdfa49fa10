/* cmd_help.c: gradc help [COMMAND]. */
#include "base/diag.h"
#include "cli/cli.h"

Status cmd_help(Cli *cli) {
  if (!cli->n) {
    help_overview(stdout);
    return ST_OK;
  }
  const CommandInfo *c = command_find(cli->arg[0]);
  if (!c) return usage_error(cli, "there is no command \"%s\"", cli->arg[0]);
  help_command(c, stdout);
  return ST_OK;
}
