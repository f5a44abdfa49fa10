/* llvm_module.c: a loop program as an LLVM module: one function per kernel and an entry that calls
 * them in order, handing parallel ones to the runtime. */
#include "back/llvm_gen.h"
#include "loop/digest.h"
#include "loop/lower.h"

static LLVMTypeRef task_type(Gen *g) {
  LLVMTypeRef params[] = {g->ptr, g->i64, g->i64, g->i64};
  return LLVMFunctionType(g->nothing, params, 4, 0);
}

/* Named sizes go to tasks through the table of buffers: its slot behind the last one points to
 * them.
 */
static LLVMValueRef sizes_slot(Gen *g, LLVMValueRef table) {
  LLVMValueRef slot = LLVMConstInt(g->i64, (uint64_t)g->p->buf.n, 0);
  return LLVMBuildInBoundsGEP2(g->b, g->ptr, table, &slot, 1, "");
}

static LLVMValueRef size_place(Gen *g, LLVMValueRef sizes, int i) {
  LLVMValueRef at = LLVMConstInt(g->i64, (uint64_t)i, 0);
  return LLVMBuildInBoundsGEP2(g->b, g->i64, sizes, &at, 1, "");
}

static void store_sizes(Gen *g, LLVMValueRef table) {
  if (!g->sizes.n) return;
  LLVMValueRef sizes = LLVMBuildAlloca(g->b, LLVMArrayType(g->i64, (unsigned)g->sizes.n), "sizes");
  for (int i = 0; i < g->sizes.n; i++) LLVMBuildStore(g->b, g->size[i], size_place(g, sizes, i));
  LLVMBuildStore(g->b, sizes, sizes_slot(g, table));
}

static void load_sizes(Gen *g, LLVMValueRef table) {
  if (!g->sizes.n) return;
  LLVMValueRef sizes = LLVMBuildLoad2(g->b, g->ptr, sizes_slot(g, table), "");
  g->size = NEWS(g->cx->arena, LLVMValueRef, g->sizes.n);
  for (int i = 0; i < g->sizes.n; i++)
    g->size[i] = LLVMBuildLoad2(g->b, g->i64, size_place(g, sizes, i), "");
}

/* What the runtime calls for a share of a parallel kernel, or of a loop: of its body, then. */
static LLVMValueRef gen_task(Gen *g, const Kernel *k, LLVMValueRef kernel) {
  LLVMValueRef f = LLVMAddFunction(g->m, "task", task_type(g));
  LLVMSetLinkage(f, LLVMInternalLinkage);
  LLVMPositionBuilderAtEnd(g->b, LLVMAppendBasicBlockInContext(g->c, f, "entry"));
  load_sizes(g, LLVMGetParam(f, 0));
  if (k->call) gen_call_task(g, k->call, f, kernel);
  else
    gen_kernel_call(g, k, kernel, LLVMGetParam(f, 0), LLVMGetParam(f, 1), LLVMGetParam(f, 2),
                    LLVMGetParam(f, 3));
  LLVMBuildRetVoid(g->b);
  return f;
}

/* The table of base pointers: inputs and outputs are the caller's, the rest lies in the workspace.
 */
static LLVMValueRef buffer_table(Gen *g, LLVMValueRef entry) {
  int n = g->p->buf.n;
  LLVMTypeRef type = LLVMArrayType(g->ptr, (unsigned)n + 1);
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

/* How often a parallel kernel's loop goes around; with names as these are expected to be, for
 * decisions. */
static Dim iterations_of(Gen *g, const Kernel *k) {
  const Stmt *s = k->body.at.at[0];
  Dim span = dim_sub(g->cx, s->u.loop.hi.off, s->u.loop.lo.off);
  return dim_floor_div(g->cx, dim_add(g->cx, span, s->u.loop.step - 1), s->u.loop.step);
}

static int64_t iterations(Gen *g, const Kernel *k) {
  return MAX(0, dim_expected(g->cx, iterations_of(g, k), g->p->target.expected));
}

static LLVMValueRef iterations_at_run_time(Gen *g, const Kernel *k) {
  Dim n = iterations_of(g, k);
  if (dim_is_number(n)) return LLVMConstInt(g->i64, (uint64_t)MAX(0, n), 0);
  LLVMValueRef args[] = {gen_dim(g, n), LLVMConstInt(g->i64, 0, 0)};
  return gen_call(g, "llvm.smax", NULL, g->i64, args, 2);
}

/* A piece of work should be worth waking somebody up for. */
static int64_t grain_of(const Kernel *k, int64_t n) {
  const double worth = 400e3; /* operations, some ten microseconds */
  double each = MAX(k->flops, k->bytes) / (double)MAX(n, 1);
  double grain = each > 0 ? worth / each : (double)n;
  return grain < 1 ? 1 : grain > (double)n ? MAX(n, 1) : (int64_t)grain;
}

/* rt->parallel(rt, task, table, count, grain), that being its first member. */
static void share_out(Gen *g, LLVMValueRef rt, LLVMValueRef task, LLVMValueRef table,
                      LLVMValueRef count, int64_t grain) {
  LLVMTypeRef params[] = {g->ptr, g->ptr, g->ptr, g->i64, g->i64};
  LLVMTypeRef type = LLVMFunctionType(g->nothing, params, 5, 0);
  LLVMValueRef args[] = {rt, task, table, count, LLVMConstInt(g->i64, (uint64_t)grain, 0)};
  LLVMBuildCall2(g->b, type, LLVMBuildLoad2(g->b, g->ptr, rt, ""), args, 5, "");
}

/* A shared loop; without a runtime one worker does all of it. */
static void call_loop_parallel(Gen *g, const Kernel *k, LLVMValueRef entry, LLVMValueRef task,
                               LLVMValueRef table) {
  LLVMValueRef zero = LLVMConstInt(g->i64, 0, 0), count = gen_dim(g, k->call->loop->trip);
  LLVMValueRef rt = LLVMGetParam(entry, 3), args[] = {table, zero, count, zero};
  LLVMBasicBlockRef many = LLVMAppendBasicBlockInContext(g->c, entry, "parallel");
  LLVMBasicBlockRef one = LLVMAppendBasicBlockInContext(g->c, entry, "alone");
  LLVMBasicBlockRef after = LLVMAppendBasicBlockInContext(g->c, entry, "after");
  LLVMBuildCondBr(g->b, LLVMBuildIsNull(g->b, rt, ""), one, many);
  LLVMPositionBuilderAtEnd(g->b, many);
  share_out(g, rt, task, table, count, 1);
  LLVMBuildBr(g->b, after);
  LLVMPositionBuilderAtEnd(g->b, one);
  LLVMBuildCall2(g->b, task_type(g), task, args, 4, "");
  LLVMBuildBr(g->b, after);
  LLVMPositionBuilderAtEnd(g->b, after);
}

static void call_parallel(Gen *g, const Kernel *k, LLVMValueRef entry, LLVMValueRef kernel,
                          LLVMValueRef task, LLVMValueRef table) {
  LLVMValueRef zero = LLVMConstInt(g->i64, 0, 0);
  if (g->alone) {
    gen_kernel_call(g, k, kernel, table, zero, iterations_at_run_time(g, k), zero);
    return;
  }
  int64_t n = iterations(g, k);
  LLVMValueRef rt = LLVMGetParam(entry, 3), count = iterations_at_run_time(g, k);
  LLVMBasicBlockRef many = LLVMAppendBasicBlockInContext(g->c, entry, "parallel");
  LLVMBasicBlockRef one = LLVMAppendBasicBlockInContext(g->c, entry, "alone");
  LLVMBasicBlockRef after = LLVMAppendBasicBlockInContext(g->c, entry, "after");
  LLVMBuildCondBr(g->b, LLVMBuildIsNull(g->b, rt, ""), one, many);
  LLVMPositionBuilderAtEnd(g->b, many);
  share_out(g, rt, task, table, count, grain_of(k, n));
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

/* ---- units: what of the program is compiled together ---- */
/* Expressions and statements as often as they are written down. */
static double block_cost(const Kernel *k, const Block *b) {
  double n = 0;
  for (int i = 0; i < b->at.n; i++) {
    const Stmt *s = b->at.at[i];
    n += 1;
    if (s->kind == ST_IF) n += block_cost(k, &s->u.cond.then) + block_cost(k, &s->u.cond.other);
    if (s->kind != ST_FOR) continue;
    double times = 1;
    if (s->u.loop.kind == FOR_UNROLL && s->u.loop.hi.n == 0 && dim_is_number(s->u.loop.hi.off))
      times = (double)(s->u.loop.hi.off - s->u.loop.lo.off) / (double)s->u.loop.step;
    n += 4 + times * block_cost(k, &s->u.loop.body);
  }
  return n;
}
static double kernel_cost(const Kernel *k) { return 20 + block_cost(k, &k->body); }

static double program_cost(const LoopProgram *p) {
  double n = 0;
  for (int i = 0; i < p->kernel.n; i++) {
    const Kernel *k = p->kernel.at[i];
    n += k->call ? 100 + program_cost(k->call->body) +
                       (k->call->other ? program_cost(k->call->other) : 0)
                 : kernel_cost(k);
  }
  return n;
}

/* Goes on in another unit. Names of the first one's values must not be used meanwhile. */
static void enter(Gen *g, int u) {
  if (!g->unit) return;
  g->c = g->unit[u].c;
  g->m = g->unit[u].m;
  g->b = g->unit[u].b;
  g->i1 = LLVMInt1TypeInContext(g->c);
  g->i8 = LLVMInt8TypeInContext(g->c);
  g->i32 = LLVMInt32TypeInContext(g->c);
  g->i64 = LLVMInt64TypeInContext(g->c);
  g->ptr = LLVMPointerTypeInContext(g->c, 0);
  g->nothing = LLVMVoidTypeInContext(g->c);
}

static LLVMValueRef kernel_in_a_unit(Gen *g, const Kernel *k, int number) {
  int least = 0;
  for (int u = 1; u < g->nunits; u++)
    if (g->unit[u].cost < g->unit[least].cost) least = u;
  if (g->unit) g->unit[least].cost += kernel_cost(k);
  if (least == 0) return gen_kernel(g, k, number, false);
  enter(g, least);
  gen_kernel(g, k, number, true);
  enter(g, 0);
  return gen_declare_kernel(g, k, number, true);
}

/* The kernel's function: equal ones share one. Names of sizes are its arguments too. */
static LLVMValueRef kernel_code(Gen *g, const Kernel *k) {
  Digest d = digest_begin();
  digest_value(&d, loop_kernel_digest(g->p, k));
  digest_add(&d, g->sizes.at, (size_t)g->sizes.n * sizeof *g->sizes.at);
  GenKernel made = {.digest = digest_end(&d)};
  for (int i = 0; i < g->made.n; i++)
    if (digest_same(g->made.at[i].digest, made.digest)) return g->made.at[i].kernel;
  made.kernel = kernel_in_a_unit(g, k, g->made.n);
  vec_push(g->cx->arena, &g->made, made);
  return made.kernel;
}

static StepCode gen_step(Gen *g, const Kernel *k) {
  StepCode s = {0};
  if (k->call) {
    s.body = gen_program(g, k->call->body, "body", false);
    if (k->call->other) s.other = gen_program(g, k->call->other, "other", false);
    if (k->call->shared && !g->alone) s.task = gen_task(g, k, s.body);
  } else {
    s.kernel = kernel_code(g, k);
    if (k->parallel && !g->alone) s.task = gen_task(g, k, s.kernel);
  }
  return s;
}

static void gen_entry(Gen *g, LLVMValueRef entry, const StepCode *step) {
  gen_take_sizes(g, entry);
  LLVMPositionBuilderAtEnd(g->b, LLVMAppendBasicBlockInContext(g->c, entry, "entry"));
  LLVMValueRef table = buffer_table(g, entry);
  store_sizes(g, table);
  LLVMValueRef zero = LLVMConstInt(g->i64, 0, 0);
  for (int i = 0; i < g->p->kernel.n; i++) {
    const Kernel *k = g->p->kernel.at[i];
    if (k->call && step[i].task) {
      call_loop_parallel(g, k, entry, step[i].task, table);
    } else if (k->call) {
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
  for (int i = 0; i < p->kernel.n; i++) step[i] = gen_step(g, p->kernel.at[i]);
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

static GenUnit begin_unit(const char *name) {
  GenUnit u = {.c = LLVMContextCreate()};
  u.m = LLVMModuleCreateWithNameInContext(name, u.c);
  u.b = LLVMCreateBuilderInContext(u.c);
  return u;
}

int gen_units(Cx *cx, const LoopProgram *p, GenUnit *unit) {
  const double worth = 800; /* some 30 ms of LLVM's time */
  double all = program_cost(p);
  int n = all > MOST_UNITS * worth ? MOST_UNITS : MAX(1, (int)(all / worth));
  const char *name = p->name ? p->name : "gradc";
  for (int u = 0; u < n; u++) unit[u] = begin_unit(name);
  Gen g = {.cx = cx, .unit = unit, .nunits = n};
  enter(&g, 0);
  gen_program(&g, p, NATIVE_ENTRY, true);
  return n;
}

void gen_end_units(GenUnit *unit) {
  for (int u = 0; u < MOST_UNITS; u++) {
    if (!unit[u].c) continue;
    LLVMDisposeBuilder(unit[u].b);
    LLVMContextDispose(unit[u].c); /* and its module */
  }
}

LLVMModuleRef gen_module(Cx *cx, LLVMContextRef c, const LoopProgram *p) {
  Gen g = gen_begin(cx, c, p->name ? p->name : "gradc");
  gen_program(&g, p, NATIVE_ENTRY, true);
  gen_end(&g);
  return g.m;
}
