/* cmd_check.c: gradc check FILE.nn...: all diagnostics of each file, each in a session of its own. */
#include "cli/cli.h"

static Status check_file(const Cli *cli, const char *path) {
  Status s = ST_OK;
  Session *session = cli_session(cli, &s);
  if (!session) return s;
  s = cli_load(cli, session, O_check_define, path);
  if (s == ST_OK || s == ST_SOURCE) { /* what could be parsed is checked all the same */
    Status checked = session_check(session);
    if (checked != ST_OK) s = checked;
  }
  s = cli_report(cli, session, s);
  session_free(session);
  return s;
}

Status cmd_check(Cli *cli) {
  Status worst = ST_OK;
  for (int i = 0; i < cli->n; i++) {
    Status s = check_file(cli, cli->arg[i]);
    worst = MAX(worst, s);
  }
  return worst;
}
