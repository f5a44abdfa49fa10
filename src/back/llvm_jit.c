/* llvm_jit.c: the module's one exported function: LLVM modules to machine code, in memory or as
 * text. */
#include "back/llvm_gen.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/Error.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <llvm/Config/llvm-config.h>

#include <stdio.h>
#include <stdlib.h>

struct Native {
  LLVMOrcLLJITRef jit;
  NativeFn entry;
};

/* ---- the machine ---- */
void gen_set_err(char *err, size_t n, const char *what, const char *why) {
  snprintf(err, n, "%s: %s", what, why ? why : "no reason given");
}

/* ---- optimisation: what loops need, without the vectorisers, which have nothing left to do ----
 */
#define PASSES                                                                                     \
  "function(sroa,early-cse<memssa>,instcombine<no-verify-fixpoint>,simplifycfg,loop-mssa(licm),"   \
  "early-cse,adce)"

bool gen_optimise(LLVMModuleRef m, LLVMTargetMachineRef tm, char *err, size_t nerr) {
  LLVMPassBuilderOptionsRef o = LLVMCreatePassBuilderOptions();
  LLVMErrorRef e = LLVMRunPasses(m, PASSES, tm, o);
  LLVMDisposePassBuilderOptions(o);
  if (!e) return true;
  char *why = LLVMGetErrorMessage(e);
  gen_set_err(err, nerr, "LLVM's passes failed", why);
  LLVMDisposeErrorMessage(why);
  return false;
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

/* ---- in memory ---- */
static bool failed(LLVMErrorRef e, const char *what, char *err, size_t nerr) {
  if (!e) return false;
  char *why = LLVMGetErrorMessage(e);
  gen_set_err(err, nerr, what, why);
  LLVMDisposeErrorMessage(why);
  return true;
}

static LLVMOrcLLJITRef new_jit(const Target *t, char *err, size_t nerr) {
  LLVMTargetMachineRef tm = gen_machine(t, LLVMCodeModelJITDefault, err, nerr);
  if (!tm) return NULL;
  LLVMOrcLLJITBuilderRef builder = LLVMOrcCreateLLJITBuilder();
  LLVMOrcLLJITBuilderSetJITTargetMachineBuilder(
      builder, LLVMOrcJITTargetMachineBuilderCreateFromTargetMachine(tm));
  LLVMOrcLLJITRef jit = NULL;
  if (failed(LLVMOrcCreateLLJIT(&jit, builder), "LLVM's JIT can't be set up", err, nerr))
    return NULL;
  LLVMOrcDefinitionGeneratorRef process = NULL; /* the C library's mathematics, memset */
  if (!failed(LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(
                  &process, LLVMOrcLLJITGetGlobalPrefix(jit), NULL, NULL),
              "the process' symbols can't be read", err, nerr))
    LLVMOrcJITDylibAddGenerator(LLVMOrcLLJITGetMainJITDylib(jit), process);
  return jit;
}

static LLVMOrcThreadSafeContextRef new_context(LLVMContextRef *c) {
#if LLVM_VERSION_MAJOR >= 21
  *c = LLVMContextCreate();
  return LLVMOrcCreateNewThreadSafeContextFromLLVMContext(*c);
#else
  LLVMOrcThreadSafeContextRef ts = LLVMOrcCreateNewThreadSafeContext();
  *c = LLVMOrcThreadSafeContextGetContext(ts);
  return ts;
#endif
}

typedef struct Compiling { /* what must be given back, also when memory runs out while the module is
                              made */
  const LoopProgram *p;
  char *err;
  size_t nerr;
  Native *n;
  LLVMOrcThreadSafeContextRef ts;
  LLVMTargetMachineRef tm;
} Compiling;

static bool add_program(Compiling *w) {
  LLVMContextRef c;
  LLVMOrcLLJITRef jit = w->n->jit;
  w->ts = new_context(&c);
  w->tm = gen_machine(&w->p->target, LLVMCodeModelJITDefault, w->err, w->nerr);
  LLVMModuleRef m = w->tm ? module_for(c, w->p, w->tm, w->err, w->nerr) : NULL;
  bool ok = m && gen_optimise(m, w->tm, w->err, w->nerr);
  if (ok) {
    LLVMOrcThreadSafeModuleRef tsm = LLVMOrcCreateNewThreadSafeModule(m, w->ts);
    ok = !failed(LLVMOrcLLJITAddLLVMIRModule(jit, LLVMOrcLLJITGetMainJITDylib(jit), tsm),
                 "LLVM's JIT refused the code", w->err, w->nerr);
  } else if (m) {
    LLVMDisposeModule(m);
  }
  return ok;
}

static void dispose(Native *n) {
  if (!n) return;
  if (n->jit) LLVMConsumeError(LLVMOrcDisposeLLJIT(n->jit));
  free(n);
}

static Status compile_guarded(void *arg) {
  Compiling *w = arg;
  LLVMOrcExecutorAddress at = 0;
  w->n->jit = new_jit(&w->p->target, w->err, w->nerr);
  bool ok = w->n->jit && add_program(w) &&
            !failed(LLVMOrcLLJITLookup(w->n->jit, &at, "gradc_entry"), "the code can't be linked",
                    w->err, w->nerr);
  w->n->entry = (NativeFn)(uintptr_t)at;
  return ok ? ST_OK : ST_SOURCE;
}

/* Better than to run out in the middle: to find out before. */
static void *reserve(void) {
  enum { ROOM = 48 << 20 }; /* what compiling a training step takes, generously */
  void *room = malloc(ROOM);
  free(room);
  return room ? calloc(1, sizeof(Native)) : NULL;
}

static Native *compile(const LoopProgram *p, char *err, size_t nerr) {
  Compiling w = {.p = p, .err = err, .nerr = nerr, .n = reserve()};
  if (!w.n) cx_out_of_memory(p->cx);
  GuardEnd end = gen_guarded(p->cx, compile_guarded, &w, err, nerr);
  if (end.lost) {
    free(w.n);
  } else {
    if (w.tm) LLVMDisposeTargetMachine(w.tm);
    if (w.ts) LLVMOrcDisposeThreadSafeContext(w.ts);
    if (end.status == ST_OK) return w.n;
    dispose(w.n);
  }
  if (end.status != ST_SOURCE) cx_unwind_again(p->cx);
  return NULL;
}

static NativeFn entry(Native *n) { return n->entry; }

/* ---- as text ---- */
static bool emit_text(LLVMModuleRef m, LLVMTargetMachineRef tm, LlvmText what, Text *out, char *err,
                      size_t nerr) {
  if (what != LLVM_ASM) {
    char *s = LLVMPrintModuleToString(m);
    text_add(out, s);
    LLVMDisposeMessage(s);
    return true;
  }
  LLVMMemoryBufferRef buf;
  char *why = NULL;
  if (LLVMTargetMachineEmitToMemoryBuffer(tm, m, LLVMAssemblyFile, &why, &buf)) {
    gen_set_err(err, nerr, "no assembly", why);
    LLVMDisposeMessage(why);
    return false;
  }
  text_add_n(out, LLVMGetBufferStart(buf), LLVMGetBufferSize(buf));
  LLVMDisposeMemoryBuffer(buf);
  return true;
}

static bool print(const LoopProgram *p, LlvmText what, Text *out, char *err, size_t nerr) {
  LLVMTargetMachineRef tm = gen_machine(&p->target, LLVMCodeModelDefault, err, nerr);
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

static const char *host_cpu(void) {
  static char name[64]; /* written once with the same text by whoever comes first */
  char *cpu = LLVMGetHostCPUName();
  snprintf(name, sizeof name, "%s", cpu);
  LLVMDisposeMessage(cpu);
  return name;
}

__attribute__((visibility("default"))) const LlvmBackend *gradc_llvm_backend(void);
const LlvmBackend *gradc_llvm_backend(void) {
  static const LlvmBackend backend = {BACK_ABI, compile,    entry,   dispose,
                                      text,     gen_object, version, host_cpu};
  return &backend;
}
