/* back.h: the loop form as machine code and as text. The LLVM printer lives in a module of its own
 * (gradc-llvm.so) that is loaded when something is first compiled: starting gradc costs nothing of
 * it, nor does running a program whose code is in the cache (code.h). */
#ifndef GRADC_BACK_H
#define GRADC_BACK_H

#include "back/back_c.h"
#include "loop/loop.h"
#include "gradc_rt.h"

/* Called with one pointer per input and output of the function, a workspace of as many bytes as the
 * program says, aligned to 64, and the runtime (threads). 0 is success. */
typedef int32_t (*NativeFn)(void *const *in, void *const *out, void *workspace, GradcRt *rt);
#define NATIVE_ENTRY "gradc_entry" /* the symbol of the function that runs a program */

typedef enum LlvmText { LLVM_IR, LLVM_IR_OPTIMISED, LLVM_ASM } LlvmText;

/* The relocatable objects that a program was compiled to. */
enum { MOST_OBJECTS = 32 };
typedef struct CodeObject {
  const void *at;
  size_t n;
} CodeObject;
typedef struct CodeObjects {
  Arena *arena; /* what they lie in; of no context: allocation returns NULL where it fails */
  int n;
  CodeObject object[MOST_OBJECTS];
} CodeObjects;

typedef struct LlvmLinked LlvmLinked; /* objects that LLVM's JIT has linked */

/* What the module exports, through: const LlvmBackend *gradc_llvm_backend(void). */
typedef struct LlvmBackend {
  int abi; /* BACK_ABI */
  /* Appends the program's objects; false on failure, with the reason in err. */
  bool (*compile)(const LoopProgram *p, CodeObjects *out, char *err, size_t nerr);
  /* For machines that link.c doesn't know. NULL on failure. */
  LlvmLinked *(*link)(const CodeObjects *o, char *err, size_t nerr);
  NativeFn (*entry)(LlvmLinked *l);
  void (*unlink)(LlvmLinked *l);
  bool (*text)(const LoopProgram *p, LlvmText what, Text *out, char *err, size_t nerr);
  /* An object file with the functions that the C file would have, for the target. */
  bool (*object)(const CFile *f, const Target *t, Text *out, char *err, size_t nerr);
  const char *(*version)(void);  /* "LLVM 19.1.7" */
  const char *(*host_cpu)(void); /* "znver4" */
  const char *(*library)(void);  /* the file that LLVM's code was loaded from; NULL: not known */
} LlvmBackend;
enum { BACK_ABI = 3 };

/* native.c: a compiled program. */
typedef struct Native Native;
/* From the cache where it is there and may be used, else by LLVM. NULL on failure, with the reason
 * in err. */
Native *native_compile(const LoopProgram *p, CodeCache how, char *err, size_t nerr);
NativeFn native_entry(const Native *n);
bool native_was_cached(const Native *n);
void native_dispose(Native *n);

/* code_cache.c: the folder in which code is kept; false where none is. */
bool code_cache_folder(char *path, size_t n);

/* jit.c: where the module is looked for; the file need not exist. Nothing is loaded. */
void back_llvm_path(char *path, size_t n);
/* Loads the module on first use (NULL and a reason when there is none). */
const LlvmBackend *back_llvm(char *err, size_t nerr);
/* The same for a compilation, which runs out of memory where the module can't be loaded for want of
 * it. */
const LlvmBackend *back_llvm_for(Cx *cx, char *err, size_t nerr);

#endif
