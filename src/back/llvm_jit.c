/* llvm_jit.c: the module's one exported function: LLVM modules to machine code, in memory or as
 * text. */
#include "back/llvm_gen.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/Error.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>
#include <llvm-c/Target.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <llvm/Config/llvm-config.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct Native {
  LLVMOrcLLJITRef jit;
  NativeFn *entry; /* one for each program */
};

/* ---- the machine ---- */
void gen_set_err(char *err, size_t n, const char *what, const char *why) {
  snprintf(err, n, "%s: %s", what, why ? why : "no reason given");
}

/* What LLVM says of the host: asking the processor is slow inside of virtual machines. The texts
 * are LLVM's and stay. */
static struct { char *triple, *cpu, *features; } host;

static void set_up_native(void) {
  LLVMInitializeNativeTarget();
  LLVMInitializeNativeAsmPrinter();
  host.triple = LLVMGetDefaultTargetTriple();
  host.cpu = LLVMGetHostCPUName();
  host.features = LLVMGetHostCPUFeatures();
}

/* LLVM's list of targets is the process': filled once, whatever number of threads compile. */
static pthread_once_t native_once = PTHREAD_ONCE_INIT;

static LLVMTargetMachineRef machine_for(const Target *t, LLVMCodeModel model, LlvmEffort effort,
                                        char *err, size_t nerr) {
  pthread_once(&native_once, set_up_native);
  char *why = NULL;
  LLVMTargetRef target;
  LLVMTargetMachineRef tm = NULL;
  if (LLVMGetTargetFromTriple(host.triple, &target, &why))
    gen_set_err(err, nerr, "no LLVM target", why);
  else
    tm = LLVMCreateTargetMachine(
        target, host.triple, t->cpu ? t->cpu : host.cpu, t->features ? t->features : host.features,
        effort == LLVM_QUICK ? LLVMCodeGenLevelNone : LLVMCodeGenLevelDefault, LLVMRelocPIC, model);
  LLVMDisposeMessage(why);
  return tm;
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

/* A module for n programs. */
static LLVMModuleRef module_for(LLVMContextRef c, const LoopProgram *const *p, int n,
                                LLVMTargetMachineRef tm, char *err, size_t nerr) {
  return gen_complete(c, gen_module(p[0]->cx, c, p, n), tm, err, nerr);
}

/* ---- in memory ---- */
static bool failed(LLVMErrorRef e, const char *what, char *err, size_t nerr) {
  if (!e) return false;
  char *why = LLVMGetErrorMessage(e);
  gen_set_err(err, nerr, what, why);
  LLVMDisposeErrorMessage(why);
  return true;
}

static LLVMOrcLLJITRef new_jit(const Target *t, LlvmEffort effort, char *err, size_t nerr) {
  LLVMTargetMachineRef tm = machine_for(t, LLVMCodeModelJITDefault, effort, err, nerr);
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
  const LoopProgram *const *p;
  int np;
  LlvmEffort effort;
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
  w->tm = machine_for(&w->p[0]->target, LLVMCodeModelJITDefault, w->effort, w->err, w->nerr);
  LLVMModuleRef m = w->tm ? module_for(c, w->p, w->np, w->tm, w->err, w->nerr) : NULL;
  bool ok = m && (w->effort == LLVM_QUICK || gen_optimise(m, w->tm, w->err, w->nerr));
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
  free(n->entry);
  free(n);
}

static Status compile_guarded(void *arg) {
  Compiling *w = arg;
  w->n->jit = new_jit(&w->p[0]->target, w->effort, w->err, w->nerr);
  bool ok = w->n->jit && add_program(w);
  for (int i = 0; i < w->np && ok; i++) {
    LLVMOrcExecutorAddress at = 0;
    char name[32];
    gen_entry_name(name, i);
    ok = !failed(LLVMOrcLLJITLookup(w->n->jit, &at, name), "the code can't be linked", w->err,
                 w->nerr);
    w->n->entry[i] = (NativeFn)(uintptr_t)at;
  }
  return ok ? ST_OK : ST_SOURCE;
}

/* LLVM ends the process when memory runs out inside it: better to find out before. */
static Native *reserve(int programs) {
  enum { ROOM = 48 << 20 }; /* what compiling a training step takes, generously */
  void *room = malloc(ROOM);
  free(room);
  Native *n = room ? calloc(1, sizeof *n) : NULL;
  if (n) n->entry = calloc((size_t)programs, sizeof *n->entry);
  if (!n || n->entry) return n;
  free(n);
  return NULL;
}

static Native *compile(const LoopProgram *const *p, int n, LlvmEffort effort, char *err,
                       size_t nerr) {
  Cx *cx = p[0]->cx;
  Compiling w = {.p = p, .np = n, .effort = effort, .err = err, .nerr = nerr, .n = reserve(n)};
  if (!w.n) cx_out_of_memory(cx);
  Status s = cx_guard(cx, compile_guarded, &w);
  if (w.tm) LLVMDisposeTargetMachine(w.tm);
  if (w.ts) LLVMOrcDisposeThreadSafeContext(w.ts);
  if (s == ST_OK) return w.n;
  dispose(w.n);
  if (s != ST_SOURCE) cx_unwind_again(cx);
  return NULL;
}

static NativeFn entry(Native *n, int program) { return n->entry[program]; }

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

static bool text(const LoopProgram *p, LlvmText what, Text *out, char *err, size_t nerr) {
  LLVMTargetMachineRef tm = machine_for(&p->target, LLVMCodeModelDefault, LLVM_FULL, err, nerr);
  if (!tm) return false;
  LLVMContextRef c = LLVMContextCreate();
  LLVMModuleRef m = module_for(c, &p, 1, tm, err, nerr);
  bool ok = m && (what == LLVM_IR || gen_optimise(m, tm, err, nerr)) &&
            emit_text(m, tm, what, out, err, nerr);
  if (m) LLVMDisposeModule(m);
  LLVMContextDispose(c);
  LLVMDisposeTargetMachine(tm);
  return ok;
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
