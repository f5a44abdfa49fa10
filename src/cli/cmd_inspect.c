/* cmd_inspect.c: gradc inspect FILE...: the tensors of weight and array files. */
#include "cli/cli.h"
#include "train/train.h"

typedef struct Inspection {
  const char *path;
  Text out;
} Inspection;

static Status inspect(Session *s, void *arg) {
  Inspection *i = arg;
  i->out = text_new(s->cx->arena);
  return train_inspect(s->cx, i->path, &i->out);
}

Status cmd_inspect(Cli *cli) {
  Status s = ST_OK;
  Session *session = cli_session(cli, &s);
  if (!session) return s;
  for (int k = 0; k < cli->n && s == ST_OK; k++) {
    Inspection i = {cli->arg[k], {0}};
    s = session_run(session, inspect, &i);
    if (s == ST_OK) out_text(text_str(&i.out));
    if (s == ST_SOURCE) s = ST_DATA;
    s = cli_report(cli, session, s);
  }
  session_free(session);
  return s;
}
