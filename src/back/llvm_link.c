/* llvm_link.c: objects linked in memory by LLVM's JIT, for machines that link.c doesn't know. In:
 * the objects of a program. Out: its entry. */
#include "back/llvm_gen.h"

#include <llvm-c/Error.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>

#include <stdlib.h>

struct LlvmLinked {
  LLVMOrcLLJITRef jit;
  NativeFn entry;
};

static bool failed(LLVMErrorRef e, const char *what, char *err, size_t nerr) {
  if (!e) return false;
  char *why = LLVMGetErrorMessage(e);
  gen_set_err(err, nerr, what, why);
  LLVMDisposeErrorMessage(why);
  return true;
}

static LLVMOrcLLJITRef new_jit(char *err, size_t nerr) {
  LLVMOrcLLJITRef jit = NULL;
  gen_set_up_native();
  if (failed(LLVMOrcCreateLLJIT(&jit, NULL), "LLVM's JIT can't be set up", err, nerr)) return NULL;
  LLVMOrcDefinitionGeneratorRef process = NULL; /* the C library's mathematics, memset */
  if (!failed(LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(
                  &process, LLVMOrcLLJITGetGlobalPrefix(jit), NULL, NULL),
              "the process' symbols can't be read", err, nerr))
    LLVMOrcJITDylibAddGenerator(LLVMOrcLLJITGetMainJITDylib(jit), process);
  return jit;
}

static bool add_object(LLVMOrcLLJITRef jit, const CodeObject *o, char *err, size_t nerr) {
  LLVMMemoryBufferRef bytes = LLVMCreateMemoryBufferWithMemoryRangeCopy(o->at, o->n, "gradc");
  return !failed(LLVMOrcLLJITAddObjectFile(jit, LLVMOrcLLJITGetMainJITDylib(jit), bytes),
                 "LLVM's JIT refused the code", err, nerr);
}

LlvmLinked *gen_link(const CodeObjects *o, char *err, size_t nerr) {
  LlvmLinked *l = calloc(1, sizeof *l);
  LLVMOrcExecutorAddress at = 0;
  if (!l) {
    gen_set_err(err, nerr, "the code can't be linked", "no memory");
    return NULL;
  }
  l->jit = new_jit(err, nerr);
  bool ok = l->jit != NULL;
  for (int i = 0; i < o->n && ok; i++) ok = add_object(l->jit, &o->object[i], err, nerr);
  ok = ok && !failed(LLVMOrcLLJITLookup(l->jit, &at, NATIVE_ENTRY), "the code can't be linked", err,
                     nerr);
  l->entry = (NativeFn)(uintptr_t)at;
  if (ok) return l;
  gen_unlink(l);
  return NULL;
}

NativeFn gen_linked_entry(LlvmLinked *l) { return l->entry; }

void gen_unlink(LlvmLinked *l) {
  if (l->jit) LLVMConsumeError(LLVMOrcDisposeLLJIT(l->jit));
  free(l);
}
