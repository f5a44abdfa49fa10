/* cmd_emit.c: gradc emit FILE.nn [FUNCTION]: any stage of the compilation as text. */
#include "cli/emit_c_files.h"
#include "cli/target_fn.h"
#include "driver/stage.h"

typedef struct Emission {
  Cli *cli;
  Text out;
} Emission;

static bool asked(const Cli *cli, OptId id) { return cli->opt[id].n > 0; }

static Stage stage_asked(const Cli *cli) {
  return asked(cli, O_emit_ir) ? STAGE_IR : asked(cli, O_emit_loops) ? STAGE_LOOPS : asked(cli, O_emit_asm) ? STAGE_ASM : STAGE_LLVM;
}

static Status emit_function(Emission *e, Session *s, const char *name) {
  Name bare;
  bool gradient;
  SizeBindings sizes = {0};
  Fn *f = target_function(s, name, &bare, &gradient);
  if (!f) return ST_SOURCE;
  if (!target_sizes(e->cli, s, O_emit_define, &sizes)) return ST_USAGE;
  return stage_print(f, stage_asked(e->cli), &sizes, opt_int(e->cli, O_emit_size, 64), &e->out);
}

static bool all_typed(const Node *fn) {
  for (int i = ast_fixed(NODE_FN); i < fn->nkids; i++)
    if (!fn->kid[i]->kid[0]) return false;
  return true;
}

static Status emit(Session *s, void *arg) {
  Emission *e = arg;
  Status status = ST_OK;
  e->out = text_new(s->cx->arena);
  for (int i = 1; i < e->cli->n && status == ST_OK; i++) status = emit_function(e, s, e->cli->arg[i]);
  for (int i = 0; e->cli->n == 1 && i < front_fn_count(s->program) && status == ST_OK; i++)
    if (all_typed(front_fn_node(s->program, i))) status = emit_function(e, s, front_fn_node(s->program, i)->name);
  return status;
}

Status cmd_emit(Cli *cli) {
  Status s = ST_OK;
  int stages = asked(cli, O_emit_ir) + asked(cli, O_emit_loops) + asked(cli, O_emit_llvm) + asked(cli, O_emit_asm) + asked(cli, O_emit_c);
  if (stages != 1) return usage_error(cli, "one of --ir, --loops, --llvm, --asm and --c says what to print");
  if (asked(cli, O_emit_c)) return emit_c_files(cli);
  Session *session = cli_session(cli, &s);
  if (!session) return s;
  Emission e = {.cli = cli};
  s = cli_load(cli, session, O_emit_define, cli->arg[0]);
  if (s == ST_OK) s = session_run(session, emit, &e);
  if (s == ST_OK) s = output_write(cli, cli->opt[O_emit_output].n ? cli->opt[O_emit_output].text : NULL, text_str(&e.out));
  s = cli_report(cli, session, s);
  session_free(session);
  return s;
}
