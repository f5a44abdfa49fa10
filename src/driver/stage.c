/* stage.c: see stage.h. */
#include "driver/stage.h"
#include "base/diag.h"

static Status print_native(const LoopProgram *p, LlvmText what, Text *out) {
  Cx *cx = p->cx;
  char why[600] = "";
  const LlvmBackend *llvm = back_llvm_for(cx, why, sizeof why);
  if (llvm && llvm->text(p, what, out, why, sizeof why)) return ST_OK;
  diag_note(
      cx,
      diag(cx, E0701, p->fn->span, "`%s` can't be shown as machine code", p->name ? p->name : "it"),
      "%s", why);
  return ST_SOURCE;
}

Status stage_print(const Fn *f, Stage stage, SizeBindings *sizes, int64_t rest, int threads,
                   Text *out) {
  if (stage != STAGE_IR) compile_bind_rest(f, sizes, rest);
  f = compile_prepare(f, stage != STAGE_IR || sizes->list.n || f->cx->bound.bytes ? sizes : NULL);
  if (!f) return ST_SOURCE;
  if (stage == STAGE_IR) {
    ir_dump(f, out);
    return ST_OK;
  }
  Target t = compile_target(threads);
  LoopProgram *p = loop_lower(f, &t);
  if (stage != STAGE_LOOPS)
    return print_native(p, stage == STAGE_ASM ? LLVM_ASM : LLVM_IR_OPTIMISED, out);
  loop_dump(p, out);
  return ST_OK;
}
