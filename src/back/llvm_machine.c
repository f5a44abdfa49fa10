/* llvm_machine.c: the processors LLVM makes code for, and what is done where LLVM gives up.
 *
 * LLVM's way of giving up is to end the process: where memory runs out inside it, and where a code
 * generator lacks something. It asks a handler first, and so does the C++ library, which LLVM
 * allocates by. While LLVM works for us these handlers jump back to gen_guarded. What LLVM had
 * allocated by then is lost, and the objects it was at work on may be left alone, but not used or
 * disposed of. The handlers belong to the process: they are there only while something is being
 * compiled, and leave alone what other threads run into. */
#include "back/llvm_gen.h"

#include <llvm-c/ErrorHandling.h>
#include <llvm-c/Support.h>
#include <llvm-c/Target.h>

#include <pthread.h>
#include <stdio.h>

/* ---- processors ---- */
/* What LLVM says of the host: asking the processor is slow inside of virtual machines. The texts
 * are LLVM's and stay. */
static struct { char *triple, *cpu, *features; } host;

static void set_up_host(void) {
  LLVMInitializeNativeTarget();
  LLVMInitializeNativeAsmPrinter();
  host.triple = LLVMGetDefaultTargetTriple();
  host.cpu = LLVMGetHostCPUName();
  host.features = LLVMGetHostCPUFeatures();
}
static void set_up_all(void) {
  LLVMInitializeAllTargetInfos();
  LLVMInitializeAllTargets();
  LLVMInitializeAllTargetMCs();
  LLVMInitializeAllAsmPrinters();
}

/* Loops come with their multiples counted along (llvm_expr.c): looking for them again takes LLVM a
 * fifth of its time and, where instructions add an index and a constant, finds nothing. The switch
 * is one of the process; code for other processors is as right without. */
static void leave_loops_alone(void) {
#if defined(__x86_64__)
  static const char *const words[] = {"gradc", "-disable-lsr"};
  LLVMParseCommandLineOptions(COUNT_OF(words), words, NULL);
#endif
}

/* LLVM's list of targets is the process': filled once, whatever number of threads compile. */
static pthread_once_t host_once = PTHREAD_ONCE_INIT, all_once = PTHREAD_ONCE_INIT;
static pthread_once_t loops_once = PTHREAD_ONCE_INIT;

void gen_set_up_native(void) { pthread_once(&host_once, set_up_host); }

void gen_set_up_loops(void) { pthread_once(&loops_once, leave_loops_alone); }

LLVMTargetMachineRef gen_machine(const Target *t, LLVMCodeModel model, bool quick, char *err,
                                 size_t nerr) {
  gen_set_up_native();
  if (t->triple) pthread_once(&all_once, set_up_all);
  char *why = NULL;
  const char *triple = t->triple ? t->triple : host.triple;
  LLVMTargetRef target;
  LLVMTargetMachineRef tm = NULL;
  if (LLVMGetTargetFromTriple(triple, &target, &why))
    gen_set_err(err, nerr, "this LLVM makes no code for the processor", why);
  else
    tm = LLVMCreateTargetMachine(
        target, triple, t->cpu ? t->cpu : host.cpu, t->features ? t->features : host.features,
        quick ? LLVMCodeGenLevelNone : LLVMCodeGenLevelDefault, LLVMRelocPIC, model);
  LLVMDisposeMessage(why);
  return tm;
}

const char *gen_host_cpu(void) {
  gen_set_up_native();
  return host.cpu;
}

/* ---- giving up ---- */
/* C++ without a C interface: the handlers of operator new and of LLVM's own use of malloc. Weak:
 * where a library hasn't got them, running out of memory ends the process as it did. */
typedef void (*NewHandler)(void);
typedef void (*BadAllocHandler)(void *data, const char *why, bool unwinds);
NewHandler cxx_set_new_handler(NewHandler h) __asm__("_ZSt15set_new_handlerPFvvE")
    __attribute__((weak));
void llvm_install_bad_alloc(BadAllocHandler h, void *data) __asm__(
    "_ZN4llvm31install_bad_alloc_error_handlerEPFvPvPKcbES0_") __attribute__((weak));
void llvm_remove_bad_alloc(void) __asm__("_ZN4llvm30remove_bad_alloc_error_handlerEv")
    __attribute__((weak));

typedef struct Escape {
  jmp_buf env;
  bool memory;
  char why[300];
} Escape;
static _Thread_local Escape *escape; /* NULL: LLVM isn't at work for us in this thread */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int guards;          /* under the lock: threads with an escape */
static NewHandler previous; /* what was there before the first of them */

static void on_fatal_error(const char *why) {
  if (!escape) return; /* somebody else's: LLVM goes on as it would */
  snprintf(escape->why, sizeof escape->why, "%.*s", (int)strcspn(why, "\n"), why);
  longjmp(escape->env, 1);
}

static void on_bad_alloc(void *data, const char *why, bool unwinds) {
  (void)data, (void)why, (void)unwinds;
  if (!escape) return;
  escape->memory = true;
  longjmp(escape->env, 1);
}

/* Of another thread: as if we weren't there. operator new asks again after this, and finds what was
 * set before. */
static void on_no_memory(void) {
  if (!escape) {
    cxx_set_new_handler(previous);
    return;
  }
  escape->memory = true;
  longjmp(escape->env, 1);
}

static void add_guard(void) {
  pthread_mutex_lock(&lock);
  if (guards++ == 0) {
    LLVMInstallFatalErrorHandler(on_fatal_error);
    if (llvm_install_bad_alloc) llvm_install_bad_alloc(on_bad_alloc, NULL);
    if (cxx_set_new_handler) previous = cxx_set_new_handler(on_no_memory);
  }
  pthread_mutex_unlock(&lock);
}

static void remove_guard(void) {
  pthread_mutex_lock(&lock);
  if (--guards == 0) {
    LLVMResetFatalErrorHandler();
    if (llvm_remove_bad_alloc) llvm_remove_bad_alloc();
    if (cxx_set_new_handler) cxx_set_new_handler(previous);
  }
  pthread_mutex_unlock(&lock);
}

GaveUp gen_caught(void (*work)(void *arg), void *arg, char *why, size_t nwhy) {
  Escape here = {.memory = false}, *outer = escape;
  add_guard();
  if (setjmp(here.env) == 0) {
    escape = &here;
    work(arg);
    escape = outer;
    remove_guard();
    return GAVE_NOT_UP;
  }
  escape = outer;
  remove_guard();
  if (here.memory) return GAVE_UP_MEMORY;
  gen_set_err(why, nwhy, "LLVM makes no code of it", here.why);
  return GAVE_UP;
}

typedef struct Guarded {
  Cx *cx;
  Status (*work)(void *arg), status;
  void *arg;
  GaveUp gave;
  char *err;
  size_t nerr;
} Guarded;

static void run_guarded(void *arg) {
  Guarded *g = arg;
  g->status = cx_guard(g->cx, g->work, g->arg);
}

static void *run_caught(void *arg) {
  Guarded *g = arg;
  g->gave = gen_caught(run_guarded, g, g->err, g->nerr);
  return NULL;
}

Status gen_out_of_memory(Cx *cx) {
  snprintf(cx->trap_text, sizeof cx->trap_text, "out of memory, in LLVM");
  return cx->trap_why = ST_MEMORY;
}

GuardEnd gen_guarded(Cx *cx, Status (*work)(void *arg), void *arg, char *err, size_t nerr) {
  jmp_buf *trap = cx->trap;
  Guarded g = {.cx = cx, .work = work, .status = ST_SOURCE, .arg = arg, .err = err, .nerr = nerr};
  pthread_t thread;
  if (gen_thread(&thread, run_caught, &g)) pthread_join(thread, NULL);
  else run_caught(&g);
  if (g.gave == GAVE_NOT_UP) return (GuardEnd){g.status, false};
  cx->trap = trap;
  return (GuardEnd){g.gave == GAVE_UP_MEMORY ? gen_out_of_memory(cx) : ST_SOURCE, true};
}
