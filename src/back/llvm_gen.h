/* llvm_gen.h: what the files of the LLVM printer share. The printer is dumb on purpose: one loop
 * form construct, one way to spell it; what is fast or exact was decided before (loop/loop.h). */
#ifndef GRADC_LLVM_GEN_H
#define GRADC_LLVM_GEN_H

#include "back/back.h"
#include "base/digest.h"

#include <llvm-c/Core.h>
#include <llvm-c/TargetMachine.h>

#include <pthread.h>
#include <setjmp.h>

/* A module of its own, in a context of its own, that can be compiled beside others. */
typedef struct GenUnit {
  LLVMContextRef c;
  LLVMModuleRef m;
  LLVMBuilderRef b;
  double cost; /* of the kernels in it, in expressions and statements */
} GenUnit;
enum { MOST_UNITS = 8 };

typedef struct GenKernel { /* a kernel that has a function */
  DigestValue digest;
  LLVMValueRef kernel; /* as the first unit knows it */
} GenKernel;

/* A loop being printed, and multiples of its variable that its body asks for. They are counted
 * along: LLVM's own pass for this takes a fifth of its time. */
typedef struct GenMultiple {
  int64_t coef;
  LLVMValueRef value; /* a phi */
} GenMultiple;
typedef struct GenLoop {
  LLVMBasicBlockRef body;
  Vec(GenMultiple) multiple;
} GenLoop;

typedef struct Gen {
  Cx *cx;
  const LoopProgram *p;
  LLVMContextRef c;
  LLVMModuleRef m;
  LLVMBuilderRef b;
  LLVMTypeRef i1, i8, i32, i64, ptr, nothing;
  GenUnit *unit; /* [0] has the entry, kernels lie in any; NULL: there is one module, m */
  int nunits;
  Vec(GenKernel) made;
  bool alone;         /* there is no runtime: parallel kernels are run by the caller */
  Vec(Name) sizes;    /* named sizes; every function takes them as its last arguments */
  LLVMValueRef *size; /* their values in the function being made */
  /* the kernel being printed */
  const Kernel *k;
  LLVMValueRef fn;
  LLVMValueRef *var;   /* loop variable -> its value (i64) */
  GenLoop **loop;      /* loop variable -> its loop; NULL: its value isn't counted */
  LLVMValueRef *reg;   /* register -> its value, or its stack slot where it changes */
  bool *changes;       /* register -> is it ever set anew */
  const Ex *let;       /* register -> its definition; see loop/scale.h */
  LLVMValueRef *buf;   /* buffer -> its base pointer */
  LLVMValueRef lo, hi; /* the share of a parallel kernel */
} Gen;

/* llvm_expr.c */
LLVMTypeRef gen_type(Gen *g, DType t, int lanes);        /* as a value: bool is i1 */
LLVMTypeRef gen_memory_type(Gen *g, DType t, int lanes); /* as stored: bool is i8 */
LLVMValueRef gen_ix(Gen *g, const Ix *ix);               /* i64 */
/* llvm_size.c: an extent in the present function, i64; as a double with every term by its absolute
 * value. */
LLVMValueRef gen_dim(Gen *g, Dim d);
LLVMValueRef gen_dim_magnitude(Gen *g, Dim d);
void gen_take_sizes(Gen *g, LLVMValueRef f); /* the function's last parameters are its sizes */
int gen_add_sizes(Gen *g, LLVMTypeRef *types, LLVMValueRef *args,
                  int n); /* appends them; either may be NULL */
LLVMValueRef gen_ex(Gen *g, Ex e);
/* Whether the lanes of an access lie apart, so that gen_address gives an address each. */
bool gen_is_spread(LLVMValueRef dyn, int lanes, Dim lane_stride);
bool gen_is_vector(LLVMValueRef v);
LLVMValueRef gen_address(Gen *g, Buf b, const Ix *ix, LLVMValueRef dyn, int lanes, Dim lane_stride);
LLVMValueRef gen_splat(Gen *g, LLVMValueRef scalar, int lanes);
LLVMValueRef gen_call(Gen *g, const char *intrinsic, LLVMTypeRef overload, LLVMTypeRef result,
                      LLVMValueRef *args, int n); /* llvm.NAME.<overload> */
void gen_masked_store(Gen *g, DType t, LLVMValueRef v, LLVMValueRef at, LLVMValueRef mask,
                      bool scatter);
void gen_prefetch(Gen *g, LLVMValueRef at, bool write); /* the line is wanted soon: a hint */
/* llvm_apart.c: whether the processor is better off with lanes that lie a stride apart fetched and
 * stored one by one; and how. base: the address of lane 0. Lanes that the mask (may be NULL) leaves
 * out are 0, and nothing is read for them. */
bool gen_one_by_one(const Gen *g);
LLVMValueRef gen_load_apart(Gen *g, DType t, int lanes, LLVMValueRef base, Dim stride,
                            LLVMValueRef mask);
void gen_store_apart(Gen *g, DType t, int lanes, LLVMValueRef v, LLVMValueRef base, Dim stride);
/* llvm_map.c */
LLVMValueRef gen_map(Gen *g, Op op, DType from, DType to, int lanes, LLVMValueRef *arg);
/* llvm_scale.c: the product as one instruction, where it is one by two powers of two; else NULL. */
LLVMValueRef gen_scaled(Gen *g, Ex e);
/* llvm_stmt.c */
LLVMValueRef gen_kernel(Gen *g, const Kernel *k, int number, bool visible);
LLVMValueRef gen_declare_kernel(Gen *g, const Kernel *k, int number, bool visible);
void gen_kernel_call(Gen *g, const Kernel *k, LLVMValueRef kernel, LLVMValueRef table,
                     LLVMValueRef lo, LLVMValueRef hi, LLVMValueRef worker);
/* llvm_call.c: a loop or branch in the entry function of its program. */
void gen_call_site(Gen *g, const Call *c, LLVMValueRef entry, LLVMValueRef table, LLVMValueRef body,
                   LLVMValueRef other);
/* The iterations lo..hi of a shared loop, in a task of one worker. */
void gen_call_task(Gen *g, const Call *c, LLVMValueRef task, LLVMValueRef body);
/* llvm_module.c: the whole program; its entry is the function "gradc_entry". */
LLVMModuleRef gen_module(Cx *cx, LLVMContextRef c, const LoopProgram *p);
/* The same in as many units as are worth it, at most MOST_UNITS; returns how many. What is in
 * `unit` is to be given back by gen_end_units, also where making them unwinds. */
int gen_units(Cx *cx, const LoopProgram *p, GenUnit *unit);
void gen_end_units(GenUnit *unit);
/* A generator with an empty module; gen_end gives back what isn't the module. */
Gen gen_begin(Cx *cx, LLVMContextRef c, const char *name);
void gen_end(Gen *g);
/* Adds a program's functions; the entry, which is returned, is visible only where `visible`. */
LLVMValueRef gen_program(Gen *g, const LoopProgram *p, const char *name, bool visible);
LLVMTypeRef gen_entry_type(Gen *g);
/* llvm_machine.c: the target's code generator; NULL and a reason: there is none. */
LLVMTargetMachineRef gen_machine(const Target *t, LLVMCodeModel model, bool quick, char *err,
                                 size_t nerr); /* quick: code without optimisation */
const char *gen_host_cpu(void);
/* Runs work(arg), in which LLVM is called and nothing unwinds, in whatever thread. Where LLVM gave
 * up in the middle, nothing that it had there may be used or disposed of; but for memory `why` says
 * more. */
typedef enum GaveUp { GAVE_NOT_UP, GAVE_UP, GAVE_UP_MEMORY } GaveUp;
GaveUp gen_caught(void (*work)(void *arg), void *arg, char *why, size_t nwhy);
Status gen_out_of_memory(Cx *cx); /* the status, with its reason, for gen_guarded's callers */
/* Runs work(arg), in which LLVM is called, under a trap. lost: LLVM gave up in the middle; status
 * is then ST_MEMORY, or ST_SOURCE with a reason, and nothing that LLVM had may be used or disposed
 * of. */
typedef struct GuardEnd {
  Status status;
  bool lost;
} GuardEnd;
/* It has a large stack. */
GuardEnd gen_guarded(Cx *cx, Status (*work)(void *arg), void *arg, char *err, size_t nerr);
/* llvm_stack.c: begins a thread with a stack for LLVM, to be joined; false: none can be had. */
bool gen_thread(pthread_t *thread, void *(*work)(void *arg), void *arg);
/* llvm_jit.c */
void gen_set_up_native(void);
void gen_set_up_loops(void); /* for code that is made for this machine */
void gen_set_err(char *err, size_t n, const char *what, const char *why);
/* The module gets the machine's layout, and is verified; NULL and disposed of where it isn't valid.
 */
LLVMModuleRef gen_complete(LLVMContextRef c, LLVMModuleRef m, LLVMTargetMachineRef tm, char *err,
                           size_t nerr);
bool gen_optimise(LLVMModuleRef m, LLVMTargetMachineRef tm, char *err, size_t nerr);
/* The module as an object file or as assembly; NULL and a reason. */
LLVMMemoryBufferRef gen_emit(LLVMModuleRef m, LLVMTargetMachineRef tm, LLVMCodeGenFileType what,
                             char *err, size_t nerr);
/* The same at the end of a text. */
bool gen_emit_to(LLVMModuleRef m, LLVMTargetMachineRef tm, LLVMCodeGenFileType what, Text *out,
                 char *err, size_t nerr);
/* llvm_link.c */
LlvmLinked *gen_link(const CodeObjects *o, char *err, size_t nerr);
NativeFn gen_linked_entry(LlvmLinked *l);
void gen_unlink(LlvmLinked *l);
/* llvm_object.c */
bool gen_object(const CFile *f, const Target *t, Text *out, char *err, size_t nerr);

#endif
