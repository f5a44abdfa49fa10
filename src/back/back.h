/* back.h: the loop form as machine code and as text. The LLVM printer lives in a module of its own
 * (gradc-llvm.so) that is loaded when something is first compiled: starting gradc costs nothing of
 * it. */
#ifndef GRADC_BACK_H
#define GRADC_BACK_H

#include "back/back_c.h"
#include "loop/loop.h"
#include "gradc_rt.h"

typedef struct Native Native; /* a compiled program */

/* Called with one pointer per input and output of the function, a workspace of native_workspace()
 * bytes aligned to 64, and the runtime (threads). 0 is success. */
typedef int32_t (*NativeFn)(void *const *in, void *const *out, void *workspace, GradcRt *rt);

typedef enum LlvmText { LLVM_IR, LLVM_IR_OPTIMISED, LLVM_ASM } LlvmText;

/* LLVM_QUICK: the code as it was printed, without LLVM's optimisations: for what runs once. */
typedef enum LlvmEffort { LLVM_FULL, LLVM_QUICK } LlvmEffort;

/* What the module exports, through: const LlvmBackend *gradc_llvm_backend(void). */
typedef struct LlvmBackend {
  int abi; /* BACK_ABI */
  /* n programs for the same processor as one piece of machine code; NULL on failure, with the
   * reason in err. */
  Native *(*compile)(const LoopProgram *const *p, int n, LlvmEffort effort, char *err, size_t nerr);
  NativeFn (*entry)(Native *n, int program);
  void (*dispose)(Native *n);
  bool (*text)(const LoopProgram *p, LlvmText what, Text *out, char *err, size_t nerr);
  /* An object file with the functions that the C file would have, for the target. */
  bool (*object)(const CFile *f, const Target *t, Text *out, char *err, size_t nerr);
  const char *(*version)(void);  /* "LLVM 19.1.7" */
  const char *(*host_cpu)(void); /* "znver4" */
} LlvmBackend;
enum { BACK_ABI = 3 };

/* jit.c: where the module is looked for; the file need not exist. Nothing is loaded. */
void back_llvm_path(char *path, size_t n);
/* Loads the module on first use (NULL and a reason when there is none). */
const LlvmBackend *back_llvm(char *err, size_t nerr);

#endif
