/* llvm_jit.c: the module's one exported function: LLVM modules to machine code, as objects or as
 * text. */
#include "back/llvm_gen.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/Error.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <llvm/Config/llvm-config.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the machine ---- */
void gen_set_err(char *err, size_t n, const char *what, const char *why) {
  snprintf(err, n, "%s: %s", what, why ? why : "no reason given");
}

/* ---- optimisation: what loops need, without the vectorisers, which have nothing left to do ----
 */
#define PASSES                                                                                     \
  "function(sroa,early-cse<memssa>,instcombine<no-verify-fixpoint>,simplifycfg,loop-mssa(licm),"   \
  "early-cse,adce)"
/* Unoptimised code as well keeps accumulators in registers: from loads of one place beside each
 * other, all in vain but for a lane, LLVM 19's instruction selection doesn't come back. */
#define QUICK_PASSES "function(mem2reg)"

static bool run_passes(LLVMModuleRef m, LLVMTargetMachineRef tm, const char *passes, char *err,
                       size_t nerr) {
  LLVMPassBuilderOptionsRef o = LLVMCreatePassBuilderOptions();
  LLVMErrorRef e = LLVMRunPasses(m, passes, tm, o);
  LLVMDisposePassBuilderOptions(o);
  if (!e) return true;
  char *why = LLVMGetErrorMessage(e);
  gen_set_err(err, nerr, "LLVM's passes failed", why);
  LLVMDisposeErrorMessage(why);
  return false;
}

bool gen_optimise(LLVMModuleRef m, LLVMTargetMachineRef tm, char *err, size_t nerr) {
  return run_passes(m, tm, PASSES, err, nerr);
}

LLVMMemoryBufferRef gen_emit(LLVMModuleRef m, LLVMTargetMachineRef tm, LLVMCodeGenFileType what,
                             char *err, size_t nerr) {
  LLVMMemoryBufferRef buf;
  char *why = NULL;
  if (!LLVMTargetMachineEmitToMemoryBuffer(tm, m, what, &why, &buf)) return buf;
  gen_set_err(err, nerr, "LLVM makes no machine code", why);
  LLVMDisposeMessage(why);
  return NULL;
}

bool gen_emit_to(LLVMModuleRef m, LLVMTargetMachineRef tm, LLVMCodeGenFileType what, Text *out,
                 char *err, size_t nerr) {
  LLVMMemoryBufferRef buf = gen_emit(m, tm, what, err, nerr);
  if (!buf) return false;
  text_add_n(out, LLVMGetBufferStart(buf), LLVMGetBufferSize(buf));
  LLVMDisposeMemoryBuffer(buf);
  return true;
}

/* Vectors are as wide as we wrote them, whatever the processor's default preference. */
static void prefer_wide_vectors(LLVMContextRef c, LLVMModuleRef m) {
  for (LLVMValueRef f = LLVMGetFirstFunction(m); f; f = LLVMGetNextFunction(f)) {
    if (LLVMIsDeclaration(f)) continue;
    const char *names[] = {"prefer-vector-width", "min-legal-vector-width"};
    for (int i = 0; i < 2; i++)
      LLVMAddAttributeAtIndex(
          f, LLVMAttributeFunctionIndex,
          LLVMCreateStringAttribute(c, names[i], (unsigned)strlen(names[i]), "512", 3));
  }
}

LLVMModuleRef gen_complete(LLVMContextRef c, LLVMModuleRef m, LLVMTargetMachineRef tm, char *err,
                           size_t nerr) {
  LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(tm);
  LLVMSetModuleDataLayout(m, layout);
  LLVMDisposeTargetData(layout);
  char *triple = LLVMGetTargetMachineTriple(tm);
  LLVMSetTarget(m, triple);
  LLVMDisposeMessage(triple);
  prefer_wide_vectors(c, m);
  char *why = NULL;
  if (LLVMVerifyModule(m, LLVMReturnStatusAction, &why)) {
    gen_set_err(err, nerr, "the generated LLVM code is not valid", why);
    LLVMDisposeMessage(why);
    LLVMDisposeModule(m);
    return NULL;
  }
  LLVMDisposeMessage(why);
  return m;
}

/* A module for p. */
static LLVMModuleRef module_for(LLVMContextRef c, const LoopProgram *p, LLVMTargetMachineRef tm,
                                char *err, size_t nerr) {
  return gen_complete(c, gen_module(p->cx, c, p), tm, err, nerr);
}

/* ---- as objects ---- */
typedef struct Compiling { /* what must be given back, also when memory runs out meanwhile */
  const LoopProgram *p;
  CodeObjects *out;
  char *err;
  size_t nerr;
  GenUnit unit[MOST_UNITS];
  LLVMMemoryBufferRef object[MOST_UNITS];
  char why[MOST_UNITS][300];
  int n;
  GaveUp gave[MOST_UNITS];
  atomic_int next; /* unit that nobody has begun with */
} Compiling;

typedef struct UnitWork { /* of a thread: which unit it is at */
  Compiling *w;
  int i;
  LLVMTargetMachineRef tm; /* its own; made for the first unit */
} UnitWork;

static LLVMMemoryBufferRef object_of(const GenUnit *u, LLVMTargetMachineRef tm, bool quick,
                                     char *err, size_t nerr) {
  LLVMModuleRef m = gen_complete(u->c, u->m, tm, err, nerr);
  bool ok = m && run_passes(m, tm, quick ? QUICK_PASSES : PASSES, err, nerr);
  return ok ? gen_emit(m, tm, LLVMObjectFile, err, nerr) : NULL;
}

static void compile_unit(void *arg) {
  UnitWork *u = arg;
  Compiling *w = u->w;
  char *why = w->why[u->i];
  size_t room = sizeof w->why[0];
  bool quick = w->p->cx->code_quick;
  if (!u->tm) u->tm = gen_machine(&w->p->target, LLVMCodeModelDefault, quick, why, room);
  if (u->tm) w->object[u->i] = object_of(&w->unit[u->i], u->tm, quick, why, room);
}

/* Every unit is a context of its own, so threads meet nowhere; which of them compiles a unit
 * changes nothing of its code. A unit in which LLVM gave up is left alone. */
static void *compile_units(void *arg) {
  Compiling *w = arg;
  UnitWork unit = {.w = w};
  while ((unit.i = atomic_fetch_add(&w->next, 1)) < w->n) {
    int i = unit.i;
    w->gave[i] = gen_caught(compile_unit, &unit, w->why[i], sizeof w->why[i]);
    if (w->gave[i] == GAVE_NOT_UP) continue;
    w->unit[i] = (GenUnit){.c = NULL}, w->object[i] = NULL;
    unit.tm = NULL;
  }
  if (unit.tm) LLVMDisposeTargetMachine(unit.tm);
  return NULL;
}

/* As many threads as the program will have; where one can't be had, there is one less. */
static void compile_together(Compiling *w) {
  pthread_t thread[MOST_UNITS];
  int n = 0;
  while (n + 1 < MIN(w->n, w->p->target.threads) && gen_thread(&thread[n], compile_units, w)) n++;
  compile_units(w);
  for (int i = 0; i < n; i++) pthread_join(thread[i], NULL);
}

static Status compile_guarded(void *arg) {
  Compiling *w = arg;
  w->n = gen_units(w->p->cx, w->p, w->unit);
  compile_together(w);
  for (int i = 0; i < w->n; i++) {
    if (w->gave[i] == GAVE_UP_MEMORY) return gen_out_of_memory(w->p->cx);
    if (!w->object[i]) {
      snprintf(w->err, w->nerr, "%s", w->why[i]);
      return ST_SOURCE;
    }
    size_t n = LLVMGetBufferSize(w->object[i]);
    const void *at = arena_copy(w->out->arena, LLVMGetBufferStart(w->object[i]), n);
    if (!at) cx_out_of_memory(w->p->cx);
    w->out->object[w->out->n++] = (CodeObject){at, n};
  }
  return ST_OK;
}

/* Better than to run out in the middle: to find out before. */
static bool has_room(void) {
  enum { ROOM = 48 << 20 }; /* what compiling a training step takes, generously */
  void *room = malloc(ROOM);
  free(room);
  return room != NULL;
}

static bool compile(const LoopProgram *p, CodeObjects *out, char *err, size_t nerr) {
  Compiling *w = has_room() ? calloc(1, sizeof *w) : NULL;
  if (!w) cx_out_of_memory(p->cx);
  w->p = p, w->out = out, w->err = err, w->nerr = nerr;
  gen_set_up_native();
  gen_set_up_loops();
  GuardEnd end = gen_guarded(p->cx, compile_guarded, w, err, nerr);
  for (int i = 0; i < w->n; i++)
    if (w->object[i]) LLVMDisposeMemoryBuffer(w->object[i]);
  if (!end.lost) gen_end_units(w->unit);
  free(w);
  if (end.status != ST_OK && end.status != ST_SOURCE) cx_unwind_again(p->cx);
  return end.status == ST_OK;
}

/* ---- as text ---- */
static bool emit_text(LLVMModuleRef m, LLVMTargetMachineRef tm, LlvmText what, Text *out, char *err,
                      size_t nerr) {
  if (what != LLVM_ASM) {
    char *s = LLVMPrintModuleToString(m);
    text_add(out, s);
    LLVMDisposeMessage(s);
    return true;
  }
  return gen_emit_to(m, tm, LLVMAssemblyFile, out, err, nerr);
}

static bool print(const LoopProgram *p, LlvmText what, Text *out, char *err, size_t nerr) {
  if (!p->target.triple) gen_set_up_loops();
  LLVMTargetMachineRef tm = gen_machine(&p->target, LLVMCodeModelDefault, false, err, nerr);
  if (!tm) return false;
  LLVMContextRef c = LLVMContextCreate();
  LLVMModuleRef m = module_for(c, p, tm, err, nerr);
  bool ok = m && (what == LLVM_IR || gen_optimise(m, tm, err, nerr)) &&
            emit_text(m, tm, what, out, err, nerr);
  if (m) LLVMDisposeModule(m);
  LLVMContextDispose(c);
  LLVMDisposeTargetMachine(tm);
  return ok;
}

typedef struct Printing {
  const LoopProgram *p;
  LlvmText what;
  Text *out;
  char *err;
  size_t nerr;
} Printing;

static Status print_guarded(void *arg) {
  Printing *w = arg;
  return print(w->p, w->what, w->out, w->err, w->nerr) ? ST_OK : ST_SOURCE;
}

static bool text(const LoopProgram *p, LlvmText what, Text *out, char *err, size_t nerr) {
  Printing w = {p, what, out, err, nerr};
  Status s = gen_guarded(p->cx, print_guarded, &w, err, nerr).status;
  if (s != ST_OK && s != ST_SOURCE) cx_unwind_again(p->cx);
  return s == ST_OK;
}

static const char *version(void) { return "LLVM " LLVM_VERSION_STRING; }

static const char *library(void) {
  Dl_info info;
  return dladdr((void *)(uintptr_t)LLVMContextCreate, &info) ? info.dli_fname : NULL;
}

__attribute__((visibility("default"))) const LlvmBackend *gradc_llvm_backend(void);
const LlvmBackend *gradc_llvm_backend(void) {
  static const LlvmBackend backend = {BACK_ABI, compile,    gen_link, gen_linked_entry, gen_unlink,
                                      text,     gen_object, version,  gen_host_cpu,     library};
  return &backend;
}
