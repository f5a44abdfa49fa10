/* cmd_emit.c: gradc emit FILE.nn [FUNCTION]: any stage of the compilation as text. */
#include "cli/emit_c_files.h"
#include "cli/target_fn.h"
#include "driver/plan.h"
#include "driver/stage.h"
#include "ir/dot.h"

typedef struct Emission {
  Cli *cli;
  Text out;
  Vec(const Fn *) graph; /* --dot: one graph of all */
} Emission;

static bool asked(const Cli *cli, OptId id) { return cli->opt[id].n > 0; }

static Stage stage_asked(const Cli *cli) {
  return asked(cli, O_emit_ir)      ? STAGE_IR
         : asked(cli, O_emit_loops) ? STAGE_LOOPS
         : asked(cli, O_emit_asm)   ? STAGE_ASM
                                    : STAGE_LLVM;
}

static Status emit_plan(Emission *e, Session *s, const char *name) {
  SizeBindings sizes = {0};
  Fn *f = session_function(s, name_of(s->cx, name));
  if (!f) return ST_SOURCE;
  if (!target_sizes(e->cli, s, O_emit_define, &sizes)) return ST_USAGE;
  compile_bind_rest(f, &sizes, opt_int(e->cli, O_emit_size, 64));
  return plan_function(f, &sizes, 1, &e->out) ? ST_OK : ST_SOURCE;
}

static Status emit_function(Emission *e, Session *s, const char *name) {
  Name bare;
  bool gradient;
  SizeBindings sizes = {0};
  if (asked(e->cli, O_emit_plan)) return emit_plan(e, s, name);
  Fn *f = target_function(s, name, &bare, &gradient);
  if (!f) return ST_SOURCE;
  if (!target_sizes(e->cli, s, O_emit_define, &sizes)) return ST_USAGE;
  if (asked(e->cli, O_emit_ir) && !target_is_sized(e->cli, f, &sizes)) return ST_USAGE;
  if (!asked(e->cli, O_emit_dot))
    return stage_print(f, stage_asked(e->cli), &sizes, opt_int(e->cli, O_emit_size, 64),
                       (int)opt_int(e->cli, O_emit_threads, 1), &e->out);
  f = compile_prepare(f, sizes.list.n ? &sizes : NULL);
  if (!f) return ST_SOURCE;
  vec_push(s->cx->arena, &e->graph, f);
  return ST_OK;
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
  for (int i = 1; i < e->cli->n && status == ST_OK; i++)
    status = emit_function(e, s, e->cli->arg[i]);
  for (int i = 0; e->cli->n == 1 && i < front_fn_count(s->program) && status == ST_OK; i++)
    if (all_typed(front_fn_node(s->program, i)))
      status = emit_function(e, s, front_fn_node(s->program, i)->name);
  if (status == ST_OK && asked(e->cli, O_emit_dot)) ir_dot(e->graph.at, e->graph.n, &e->out);
  return status;
}

Status cmd_emit(Cli *cli) {
  Status s = ST_OK;
  int stages = asked(cli, O_emit_ir) + asked(cli, O_emit_dot) + asked(cli, O_emit_loops) +
               asked(cli, O_emit_llvm) + asked(cli, O_emit_asm) + asked(cli, O_emit_c) +
               asked(cli, O_emit_plan);
  if (stages != 1)
    return usage_error(
        cli, "one of --ir, --dot, --loops, --llvm, --asm, --plan and --c says what to print");
  if (asked(cli, O_emit_c)) return emit_c_files(cli);
  Session *session = cli_session(cli, &s);
  if (!session) return s;
  Emission e = {.cli = cli};
  s = cli_memory(cli, session, O_emit_memory, 1);
  if (s == ST_OK) s = cli_load(cli, session, O_emit_define, cli->arg[0]);
  if (s == ST_OK) s = session_run(session, emit, &e);
  if (s == ST_OK)
    s = output_write(cli, cli->opt[O_emit_output].n ? cli->opt[O_emit_output].text : NULL,
                     text_str(&e.out));
  s = cli_report(cli, session, s);
  session_free(session);
  return s;
}
