/* cmd_emit.c: gradc emit FILE.nn [FUNCTION]: any stage of the compilation as text. */
#include "cli/emit_c_files.h"
#include "cli/target_fn.h"
#include "driver/compile.h"
#include "driver/plan.h"
#include "pass/pass.h"

typedef struct Emission {
  Cli *cli;
  Text out;
} Emission;

static bool asked(const Cli *cli, OptId id) { return cli->opt[id].n > 0; }

static Status emit_native_text(Cx *cx, const LoopProgram *p, LlvmText what, Text *out) {
  char why[600] = "";
  const LlvmBackend *llvm = back_llvm(why, sizeof why);
  if (llvm && llvm->text(p, what, out, why, sizeof why)) return ST_OK;
  diag_note(cx, diag(cx, E0701, p->fn->span, "`%s` can't be shown as machine code", p->name ? p->name : "it"), "%s", why);
  return ST_SOURCE;
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
  const Cli *cli = e->cli;
  bool loops = asked(cli, O_emit_loops) || asked(cli, O_emit_llvm) || asked(cli, O_emit_asm);
  if (loops) compile_bind_rest(f, &sizes, opt_int(cli, O_emit_size, 64));
  if (!loops && !target_is_sized(cli, f, &sizes)) return ST_USAGE;
  f = compile_prepare(f, loops || sizes.list.n || s->cx->bound.bytes ? &sizes : NULL);
  if (!f) return ST_SOURCE;
  if (!loops) {
    ir_dump(f, &e->out);
    return ST_OK;
  }
  Target t = compile_target(1);
  LoopProgram *p = loop_lower(f, &t);
  if (asked(cli, O_emit_loops)) {
    loop_dump(p, &e->out);
    return ST_OK;
  }
  LlvmText what = asked(cli, O_emit_asm) ? LLVM_ASM : LLVM_IR_OPTIMISED;
  return emit_native_text(s->cx, p, what, &e->out);
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
  int stages = asked(cli, O_emit_ir) + asked(cli, O_emit_loops) + asked(cli, O_emit_llvm) + asked(cli, O_emit_asm) + asked(cli, O_emit_c) + asked(cli, O_emit_plan);
  if (stages != 1) return usage_error(cli, "one of --ir, --loops, --llvm, --asm, --plan and --c says what to print");
  if (asked(cli, O_emit_c)) return emit_c_files(cli);
  Session *session = cli_session(cli, &s);
  if (!session) return s;
  Emission e = {.cli = cli};
  s = cli_memory(cli, session, O_emit_memory, 1);
  if (s == ST_OK) s = cli_load(cli, session, O_emit_define, cli->arg[0]);
  if (s == ST_OK) s = session_run(session, emit, &e);
  if (s == ST_OK) s = output_write(cli, cli->opt[O_emit_output].n ? cli->opt[O_emit_output].text : NULL, text_str(&e.out));
  s = cli_report(cli, session, s);
  session_free(session);
  return s;
}
