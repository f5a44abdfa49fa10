/* llvm_module.c: a loop program as an LLVM module: one function per kernel and an entry that calls
 * them in order, handing parallel ones to the runtime. */
#include "back/llvm_gen.h"

static LLVMTypeRef task_type(Gen *g) {
  LLVMTypeRef params[] = {g->ptr, g->i64, g->i64, g->i64};
  return LLVMFunctionType(g->nothing, params, 4, 0);
}

/* What the runtime calls for a share of a parallel kernel. */
static LLVMValueRef gen_task(Gen *g, const Kernel *k, LLVMValueRef kernel) {
  LLVMValueRef f = LLVMAddFunction(g->m, "task", task_type(g));
  LLVMSetLinkage(f, LLVMInternalLinkage);
  LLVMPositionBuilderAtEnd(g->b, LLVMAppendBasicBlockInContext(g->c, f, "entry"));
  gen_kernel_call(g, k, kernel, LLVMGetParam(f, 0), LLVMGetParam(f, 1), LLVMGetParam(f, 2),
                  LLVMGetParam(f, 3));
  LLVMBuildRetVoid(g->b);
  return f;
}

/* The table of base pointers: inputs and outputs are the caller's, the rest lies in the workspace.
 */
static LLVMValueRef buffer_table(Gen *g, LLVMValueRef entry) {
  int n = g->p->buf.n;
  LLVMTypeRef type = LLVMArrayType(g->ptr, (unsigned)MAX(n, 1));
  LLVMValueRef table = LLVMBuildAlloca(g->b, type, "bufs");
  for (int i = 0; i < n; i++) {
    const Buffer *b = &g->p->buf.at[i];
    LLVMValueRef at;
    if (b->kind == BUF_INPUT || b->kind == BUF_OUTPUT) {
      LLVMValueRef slot = LLVMConstInt(g->i64, (uint64_t)b->slot, 0);
      LLVMValueRef list = LLVMGetParam(entry, b->kind == BUF_INPUT ? 0 : 1);
      at = LLVMBuildLoad2(g->b, g->ptr, LLVMBuildInBoundsGEP2(g->b, g->ptr, list, &slot, 1, ""),
                          b->name ? b->name : "");
    } else {
      LLVMValueRef off = gen_dim(g, b->offset);
      at = LLVMBuildInBoundsGEP2(g->b, g->i8, LLVMGetParam(entry, 2), &off, 1,
                                 b->name ? b->name : "");
    }
    LLVMValueRef slot = LLVMConstInt(g->i64, (uint64_t)i, 0);
    LLVMBuildStore(g->b, at, LLVMBuildInBoundsGEP2(g->b, g->ptr, table, &slot, 1, ""));
  }
  return table;
}

static int64_t iterations(const Kernel *k) {
  const Stmt *s = k->body.at.at[0];
  Dim lo = s->u.loop.lo.off, hi = s->u.loop.hi.off;
  return hi > lo ? (hi - lo + s->u.loop.step - 1) / s->u.loop.step : 0;
}

/* The same where the extent has names. */
static LLVMValueRef iterations_at_run_time(Gen *g, const Kernel *k) {
  const Stmt *s = k->body.at.at[0];
  Dim span = dim_sub(g->cx, s->u.loop.hi.off, s->u.loop.lo.off);
  LLVMValueRef n =
      gen_dim(g, dim_floor_div(g->cx, dim_add(g->cx, span, s->u.loop.step - 1), s->u.loop.step));
  LLVMValueRef args[] = {n, LLVMConstInt(g->i64, 0, 0)};
  return gen_call(g, "llvm.smax", NULL, g->i64, args, 2);
}

/* A piece of work should be worth waking somebody up for. */
static int64_t grain_of(const Kernel *k, int64_t n) {
  const double worth = 400e3; /* operations, some ten microseconds */
  double each = MAX(k->flops, k->bytes) / (double)MAX(n, 1);
  double grain = each > 0 ? worth / each : (double)n;
  return grain < 1 ? 1 : grain > (double)n ? MAX(n, 1) : (int64_t)grain;
}

static void call_parallel(Gen *g, const Kernel *k, LLVMValueRef entry, LLVMValueRef kernel,
                          LLVMValueRef task, LLVMValueRef table) {
  LLVMValueRef zero = LLVMConstInt(g->i64, 0, 0);
  if (g->alone) {
    gen_kernel_call(g, k, kernel, table, zero, iterations_at_run_time(g, k), zero);
    return;
  }
  int64_t n = iterations(k);
  LLVMValueRef rt = LLVMGetParam(entry, 3), count = LLVMConstInt(g->i64, (uint64_t)n, 0);
  LLVMBasicBlockRef many = LLVMAppendBasicBlockInContext(g->c, entry, "parallel");
  LLVMBasicBlockRef one = LLVMAppendBasicBlockInContext(g->c, entry, "alone");
  LLVMBasicBlockRef after = LLVMAppendBasicBlockInContext(g->c, entry, "after");
  LLVMBuildCondBr(g->b, LLVMBuildIsNull(g->b, rt, ""), one, many);
  LLVMPositionBuilderAtEnd(g->b, many); /* rt->parallel is its first member */
  LLVMTypeRef params[] = {g->ptr, g->ptr, g->ptr, g->i64, g->i64};
  LLVMTypeRef type = LLVMFunctionType(g->nothing, params, 5, 0);
  LLVMValueRef args[] = {rt, task, table, count, LLVMConstInt(g->i64, (uint64_t)grain_of(k, n), 0)};
  LLVMBuildCall2(g->b, type, LLVMBuildLoad2(g->b, g->ptr, rt, ""), args, 5, "");
  LLVMBuildBr(g->b, after);
  LLVMPositionBuilderAtEnd(g->b, one);
  gen_kernel_call(g, k, kernel, table, zero, count, zero);
  LLVMBuildBr(g->b, after);
  LLVMPositionBuilderAtEnd(g->b, after);
}

/* What a step of a program is in the module: a kernel (and its task, where it can be shared out:
 * every function costs the code generator half a millisecond), or the entries of a call's bodies.
 */
typedef struct StepCode {
  LLVMValueRef kernel, task, body, other;
} StepCode;

static StepCode gen_step(Gen *g, const Kernel *k, int number) {
  StepCode s = {0};
  if (k->call) {
    s.body = gen_program(g, k->call->body, "body", false);
    if (k->call->other) s.other = gen_program(g, k->call->other, "other", false);
  } else {
    s.kernel = gen_kernel(g, k, number);
    if (k->parallel && !g->alone) s.task = gen_task(g, k, s.kernel);
  }
  return s;
}

static void gen_entry(Gen *g, LLVMValueRef entry, const StepCode *step) {
  gen_take_sizes(g, entry);
  LLVMPositionBuilderAtEnd(g->b, LLVMAppendBasicBlockInContext(g->c, entry, "entry"));
  LLVMValueRef table = buffer_table(g, entry), zero = LLVMConstInt(g->i64, 0, 0);
  for (int i = 0; i < g->p->kernel.n; i++) {
    const Kernel *k = g->p->kernel.at[i];
    if (k->call) {
      gen_call_site(g, k->call, entry, table, step[i].body, step[i].other);
    } else if (k->parallel) {
      call_parallel(g, k, entry, step[i].kernel, step[i].task, table);
    } else {
      gen_kernel_call(g, k, step[i].kernel, table, zero, zero, zero);
    }
  }
  LLVMBuildRet(g->b, LLVMConstInt(g->i32, 0, 0));
}

LLVMTypeRef gen_entry_type(Gen *g) {
  LLVMTypeRef *params = NEWS(g->cx->arena, LLVMTypeRef, 4 + g->sizes.n);
  for (int i = 0; i < 4; i++) params[i] = g->ptr; /* inputs, outputs, workspace, runtime */
  return LLVMFunctionType(g->i32, params, (unsigned)gen_add_sizes(g, params, NULL, 4), 0);
}

/* The programs of loops' bodies come before the one that calls them. */
LLVMValueRef gen_program(Gen *g, const LoopProgram *p, const char *name, bool visible) {
  const LoopProgram *outer = g->p;
  g->p = p;
  StepCode *step = NEWS(g->cx->arena, StepCode, p->kernel.n + 1);
  for (int i = 0; i < p->kernel.n; i++) step[i] = gen_step(g, p->kernel.at[i], i);
  LLVMValueRef entry = LLVMAddFunction(g->m, name, gen_entry_type(g));
  LLVMAddAttributeAtIndex(
      entry, LLVMAttributeFunctionIndex,
      LLVMCreateEnumAttribute(g->c, LLVMGetEnumAttributeKindForName("nounwind", 8), 0));
  if (!visible) LLVMSetLinkage(entry, LLVMInternalLinkage);
  gen_entry(g, entry, step);
  g->p = outer;
  return entry;
}

Gen gen_begin(Cx *cx, LLVMContextRef c, const char *name) {
  Gen g = {.cx = cx, .c = c};
  g.m = LLVMModuleCreateWithNameInContext(name, c);
  g.b = LLVMCreateBuilderInContext(c);
  g.i1 = LLVMInt1TypeInContext(c);
  g.i8 = LLVMInt8TypeInContext(c);
  g.i32 = LLVMInt32TypeInContext(c);
  g.i64 = LLVMInt64TypeInContext(c);
  g.ptr = LLVMPointerTypeInContext(c, 0);
  g.nothing = LLVMVoidTypeInContext(c);
  return g;
}

void gen_end(Gen *g) { LLVMDisposeBuilder(g->b); }

LLVMModuleRef gen_module(Cx *cx, LLVMContextRef c, const LoopProgram *p) {
  Gen g = gen_begin(cx, c, p->name ? p->name : "gradc");
  gen_program(&g, p, NATIVE_ENTRY, true);
  gen_end(&g);
  return g.m;
}
