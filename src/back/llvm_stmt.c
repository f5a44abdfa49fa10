/* llvm_stmt.c: kernels: loops, registers, stores. */
#include "back/llvm_gen.h"
#include "loop/scale.h"
#include "loop/digest.h"

static void gen_block(Gen *g, const Block *b);

/* ---- registers: values; those that change are stack slots in the entry block ---- */
static void mark_changing(Gen *g, const Block *b) {
  for (int i = 0; i < b->at.n; i++) {
    const Stmt *s = b->at.at[i];
    if (s->kind == ST_SET) g->changes[s->u.set.reg] = true;
    if (s->kind == ST_FOR) mark_changing(g, &s->u.loop.body);
    if (s->kind != ST_IF) continue;
    mark_changing(g, &s->u.cond.then);
    mark_changing(g, &s->u.cond.other);
  }
}

static LLVMValueRef new_slot(Gen *g, LLVMTypeRef t, Name name) {
  LLVMBuilderRef at = LLVMCreateBuilderInContext(g->c);
  LLVMBasicBlockRef entry = LLVMGetEntryBasicBlock(g->fn);
  LLVMPositionBuilder(at, entry, LLVMGetFirstInstruction(entry));
  LLVMValueRef slot = LLVMBuildAlloca(at, t, name ? name : "");
  LLVMDisposeBuilder(at);
  return slot;
}

static void gen_set(Gen *g, Reg r, Ex value) {
  const RegInfo *info = &g->k->reg.at[r];
  LLVMValueRef v = gen_ex(g, value);
  if (!g->changes[r]) {
    g->reg[r] = v;
    return;
  }
  if (!g->reg[r]) g->reg[r] = new_slot(g, gen_type(g, info->type, info->lanes), info->name);
  LLVMBuildStore(g->b, v, g->reg[r]);
}

/* ---- stores ---- */
static LLVMValueRef to_memory(Gen *g, DType t, int lanes, LLVMValueRef v) {
  return t == T_BOOL ? LLVMBuildZExt(g->b, v, gen_memory_type(g, t, lanes), "") : v;
}

static void plain_store(Gen *g, DType t, LLVMValueRef v, LLVMValueRef at) {
  LLVMSetAlignment(LLVMBuildStore(g->b, v, at), (unsigned)type_info[t].bytes);
}

static LLVMValueRef added_to(Gen *g, DType t, LLVMValueRef v, LLVMValueRef at) {
  LLVMValueRef old = LLVMBuildLoad2(g->b, LLVMTypeOf(v), at, ""), arg[] = {old, v};
  LLVMSetAlignment(old, (unsigned)type_info[t].bytes);
  if (t == T_BOOL) return LLVMBuildOr(g->b, old, v, ""); /* of truth values the sum is: either */
  return gen_map(g, OP_add, t, t, 1, arg);
}

static LLVMBasicBlockRef open_if(Gen *g, LLVMValueRef cond, LLVMBasicBlockRef *after) {
  LLVMBasicBlockRef then = LLVMAppendBasicBlockInContext(g->c, g->fn, "then");
  *after = LLVMAppendBasicBlockInContext(g->c, g->fn, "after");
  LLVMBuildCondBr(g->b, cond, then, *after);
  LLVMPositionBuilderAtEnd(g->b, then);
  return then;
}

static void close_if(Gen *g, LLVMBasicBlockRef after) {
  LLVMBuildBr(g->b, after);
  LLVMPositionBuilderAtEnd(g->b, after);
}

/* The mask is known and lets the first lane alone pass. */
static bool is_first_lane(LLVMValueRef mask, int lanes) {
  if (!LLVMIsConstant(mask)) return false;
  for (int i = 0; i < lanes; i++) {
    LLVMValueRef bit = LLVMGetAggregateElement(mask, (unsigned)i);
    if (!bit || !LLVMIsAConstantInt(bit) || LLVMConstIntGetZExtValue(bit) != (i == 0)) return false;
  }
  return true;
}

static void gen_store(Gen *g, const Stmt *s) {
  const ExNode *x = &g->k->ex.at[s->u.store.value];
  DType t = (DType)x->type;
  int lanes = x->lanes;
  LLVMValueRef v = to_memory(g, t, lanes, gen_ex(g, s->u.store.value));
  LLVMValueRef dyn = s->u.store.dyn ? gen_ex(g, s->u.store.dyn) : NULL;
  LLVMValueRef mask = s->u.store.mask ? gen_ex(g, s->u.store.mask) : NULL;
  bool spread = gen_is_spread(dyn, lanes, s->u.store.lane_stride);
  bool apart = spread && gen_one_by_one(g) && !mask && !(dyn && gen_is_vector(dyn));
  int together = apart ? 1 : lanes;
  LLVMValueRef at =
      gen_address(g, s->u.store.buf, &s->u.store.ix, dyn, together, s->u.store.lane_stride);
  if (lanes == 1) {
    LLVMBasicBlockRef after = NULL;
    if (mask) open_if(g, mask, &after);
    plain_store(g, t, s->u.store.add ? added_to(g, t, v, at) : v, at);
    if (mask) close_if(g, after);
    return;
  }
  if (s->u.store.add) cx_bug(g->cx, "an accumulating vector store");
  if (apart) {
    gen_store_apart(g, t, lanes, v, at, s->u.store.lane_stride);
    return;
  }
  if (!spread && !mask) {
    plain_store(g, t, v, at);
    return;
  }
  if (!mask) mask = LLVMConstAllOnes(LLVMVectorType(g->i1, (unsigned)lanes));
  /* One lane is a scalar's store. LLVM 22 makes it one itself, but of the value before a narrowing
   * that it has merged into the masked store: i32 to u8 then writes four bytes. */
  if (!spread && is_first_lane(mask, lanes)) {
    plain_store(g, t, LLVMBuildExtractElement(g->b, v, LLVMConstInt(g->i32, 0, 0), ""), at);
    return;
  }
  gen_masked_store(g, t, v, at, mask, spread);
}

/* ---- loops ---- */
static bool constant_ix(const Ix *ix, int64_t *v) {
  *v = ix->off;
  return ix->n == 0 && dim_is_number(ix->off);
}

/* The multiples that the body of a loop has asked for, now that it is known where it ends. */
static void count_multiples(Gen *g, const GenLoop *l, LLVMValueRef step, LLVMValueRef lo,
                            LLVMBasicBlockRef from) {
  LLVMBasicBlockRef last = LLVMGetInsertBlock(g->b);
  for (int i = 0; i < l->multiple.n; i++) {
    GenMultiple m = l->multiple.at[i];
    LLVMValueRef coef = LLVMConstInt(g->i64, (uint64_t)m.coef, 1);
    LLVMPositionBuilderBefore(g->b, LLVMGetBasicBlockTerminator(from));
    LLVMValueRef first = LLVMBuildNSWMul(g->b, lo, coef, "");
    LLVMPositionBuilderAtEnd(g->b, last);
    LLVMValueRef next = LLVMBuildNSWAdd(g->b, m.value, LLVMBuildNSWMul(g->b, step, coef, ""), "");
    LLVMAddIncoming(m.value, (LLVMValueRef[]){first, next}, (LLVMBasicBlockRef[]){from, last}, 2);
  }
}

/* if (lo < hi) do { body } while ((var += step) < hi), with the variable given by `value` of the
 * counter */
static void counted_loop(Gen *g, const Stmt *s, LLVMValueRef lo, LLVMValueRef hi, LLVMValueRef step,
                         LLVMValueRef base, LLVMValueRef scale) {
  LLVMBasicBlockRef body = LLVMAppendBasicBlockInContext(g->c, g->fn, "loop");
  LLVMBasicBlockRef done = LLVMAppendBasicBlockInContext(g->c, g->fn, "done");
  LLVMBasicBlockRef from = LLVMGetInsertBlock(g->b);
  LLVMBuildCondBr(g->b, LLVMBuildICmp(g->b, LLVMIntSLT, lo, hi, ""), body, done);
  LLVMPositionBuilderAtEnd(g->b, body);
  LLVMValueRef i = LLVMBuildPhi(g->b, g->i64, g->k->var.at[s->u.loop.var]);
  g->var[s->u.loop.var] =
      base ? LLVMBuildNSWAdd(g->b, base, LLVMBuildNSWMul(g->b, i, scale, ""), "") : i;
  GenLoop loop = {.body = body};
  g->loop[s->u.loop.var] = base ? NULL : &loop;
  gen_block(g, &s->u.loop.body);
  g->loop[s->u.loop.var] = NULL;
  count_multiples(g, &loop, step, lo, from);
  LLVMValueRef next = LLVMBuildNSWAdd(g->b, i, step, "");
  LLVMBasicBlockRef last = LLVMGetInsertBlock(g->b);
  LLVMBuildCondBr(g->b, LLVMBuildICmp(g->b, LLVMIntSLT, next, hi, ""), body, done);
  LLVMValueRef values[] = {lo, next};
  LLVMBasicBlockRef blocks[] = {from, last};
  LLVMAddIncoming(i, values, blocks, 2);
  LLVMPositionBuilderAtEnd(g->b, done);
}

static void gen_for(Gen *g, const Stmt *s) {
  int64_t lo = 0, hi = 0, step = s->u.loop.step;
  Ex from = s->u.loop.from, to = s->u.loop.to;
  bool known = !from && !to && constant_ix(&s->u.loop.lo, &lo) && constant_ix(&s->u.loop.hi, &hi);
  bool open = s == loop_open_end(g->k);
  LLVMValueRef stride = LLVMConstInt(g->i64, (uint64_t)step, 1);
  if (s->u.loop.kind == FOR_PARALLEL) { /* this worker's share, in iterations */
    LLVMValueRef base = gen_ix(g, &s->u.loop.lo);
    counted_loop(g, s, g->lo, g->hi, LLVMConstInt(g->i64, 1, 0), base, stride);
    return;
  }
  bool unroll = known && !open && (s->u.loop.kind == FOR_UNROLL || (hi > lo && hi - lo <= step));
  if (!unroll) {
    LLVMValueRef first = from ? gen_ex(g, from) : gen_ix(g, &s->u.loop.lo);
    LLVMValueRef end = open ? g->hi : to ? gen_ex(g, to) : gen_ix(g, &s->u.loop.hi);
    counted_loop(g, s, first, end, stride, NULL, NULL);
    return;
  }
  for (int64_t i = lo; i < hi; i += step) {
    g->var[s->u.loop.var] = LLVMConstInt(g->i64, (uint64_t)i, 1);
    gen_block(g, &s->u.loop.body);
  }
}

static void gen_if(Gen *g, const Stmt *s) {
  LLVMValueRef cond = gen_ex(g, s->u.cond.cond);
  LLVMBasicBlockRef then = LLVMAppendBasicBlockInContext(g->c, g->fn, "then");
  LLVMBasicBlockRef other = LLVMAppendBasicBlockInContext(g->c, g->fn, "else");
  LLVMBasicBlockRef after = LLVMAppendBasicBlockInContext(g->c, g->fn, "after");
  LLVMBuildCondBr(g->b, cond, then, other);
  LLVMPositionBuilderAtEnd(g->b, then);
  gen_block(g, &s->u.cond.then);
  LLVMBuildBr(g->b, after);
  LLVMPositionBuilderAtEnd(g->b, other);
  gen_block(g, &s->u.cond.other);
  LLVMBuildBr(g->b, after);
  LLVMPositionBuilderAtEnd(g->b, after);
}

void gen_prefetch(Gen *g, LLVMValueRef at, bool write) {
  /* to write or not; into the first cache; data */
  LLVMValueRef args[] = {at, LLVMConstInt(g->i32, write, 0), LLVMConstInt(g->i32, 3, 0),
                         LLVMConstInt(g->i32, 1, 0)};
  unsigned id = LLVMLookupIntrinsicID("llvm.prefetch", strlen("llvm.prefetch"));
  LLVMValueRef f = LLVMGetIntrinsicDeclaration(g->m, id, &g->ptr, 1);
  LLVMBuildCall2(g->b, LLVMGlobalGetValueType(f), f, args, 4, "");
}

static void gen_touch(Gen *g, const Stmt *s) {
  gen_prefetch(g, gen_address(g, s->u.touch.buf, &s->u.touch.ix, NULL, 1, 1), s->u.touch.write);
}

static void gen_block(Gen *g, const Block *b) {
  for (int i = 0; i < b->at.n; i++) {
    const Stmt *s = b->at.at[i];
    switch (s->kind) {
    case ST_FOR: gen_for(g, s); break;
    case ST_LET:
    case ST_SET: gen_set(g, s->u.set.reg, s->u.set.value); break;
    case ST_STORE: gen_store(g, s); break;
    case ST_IF: gen_if(g, s); break;
    case ST_TOUCH: gen_touch(g, s); break;
    }
  }
}

/* ---- a kernel ---- */
static void add_attribute(Gen *g, LLVMValueRef f, LLVMAttributeIndex at, const char *name) {
  unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
  LLVMAddAttributeAtIndex(f, at, LLVMCreateEnumAttribute(g->c, kind, 0));
}

LLVMValueRef gen_declare_kernel(Gen *g, const Kernel *k, int number, bool visible) {
  int n = k->uses.n;
  LLVMTypeRef *params = NEWS(g->cx->arena, LLVMTypeRef, n + 2 + g->sizes.n);
  for (int i = 0; i < n; i++) params[i] = g->ptr;
  params[n] = params[n + 1] = g->i64;
  int nparams = gen_add_sizes(g, params, NULL, n + 2);
  char name[160];
  Text t = text_new(g->cx->arena);
  text_fmt(&t, "k%d_%s", number, k->name ? k->name : "kernel");
  memcpy(name, text_str(&t), MIN(t.n + 1, sizeof name));
  name[sizeof name - 1] = 0;
  LLVMValueRef f =
      LLVMAddFunction(g->m, name, LLVMFunctionType(g->nothing, params, (unsigned)nparams, 0));
  if (!visible) LLVMSetLinkage(f, LLVMInternalLinkage);
  add_attribute(g, f, LLVMAttributeFunctionIndex, "nounwind");
  add_attribute(g, f, LLVMAttributeFunctionIndex, "noinline");
  for (int i = 0; i < n; i++) {
    if (loop_buffer_alone(g->p, k, k->uses.at[i]))
      add_attribute(g, f, (LLVMAttributeIndex)i + 1, "noalias");
    add_attribute(g, f, (LLVMAttributeIndex)i + 1, "nonnull");
  }
  return f;
}

/* A call of the kernel for iterations lo..hi where it is parallel, with its pointers taken out of
 * the table of buffers. */
void gen_kernel_call(Gen *g, const Kernel *k, LLVMValueRef kernel, LLVMValueRef table,
                     LLVMValueRef lo, LLVMValueRef hi, LLVMValueRef worker) {
  LLVMValueRef *args = NEWS(g->cx->arena, LLVMValueRef, k->uses.n + 2 + g->sizes.n);
  for (int i = 0; i < k->uses.n; i++) {
    const Buffer *b = &g->p->buf.at[k->uses.at[i]];
    LLVMValueRef at = LLVMConstInt(g->i64, (uint64_t)k->uses.at[i], 0);
    args[i] =
        LLVMBuildLoad2(g->b, g->ptr, LLVMBuildInBoundsGEP2(g->b, g->ptr, table, &at, 1, ""), "");
    if (b->kind != BUF_LOCAL) continue;
    LLVMValueRef shift = LLVMBuildMul(g->b, worker, gen_dim(g, b->stride), "");
    args[i] = LLVMBuildInBoundsGEP2(g->b, g->i8, args[i], &shift, 1, "");
  }
  const Stmt *open = loop_open_end(k);
  args[k->uses.n] = lo;
  args[k->uses.n + 1] = open ? gen_ix(g, &open->u.loop.hi) : hi;
  int n = gen_add_sizes(g, NULL, args, k->uses.n + 2);
  LLVMBuildCall2(g->b, LLVMGlobalGetValueType(kernel), kernel, args, (unsigned)n, "");
}

LLVMValueRef gen_kernel(Gen *g, const Kernel *k, int number, bool visible) {
  Arena *a = g->cx->arena;
  g->k = k;
  g->fn = gen_declare_kernel(g, k, number, visible);
  g->var = NEWS(a, LLVMValueRef, k->var.n + 1);
  g->loop = NEWS(a, GenLoop *, k->var.n + 1);
  g->reg = NEWS(a, LLVMValueRef, k->reg.n + 1);
  g->changes = NEWS(a, bool, k->reg.n + 1);
  mark_changing(g, &k->body);
  g->let = loop_lets(a, k);
  g->buf = NEWS(a, LLVMValueRef, g->p->buf.n + 1);
  for (int i = 0; i < k->uses.n; i++) g->buf[k->uses.at[i]] = LLVMGetParam(g->fn, (unsigned)i);
  gen_take_sizes(g, g->fn);
  g->lo = LLVMGetParam(g->fn, (unsigned)k->uses.n);
  g->hi = LLVMGetParam(g->fn, (unsigned)k->uses.n + 1);
  LLVMBasicBlockRef entry = LLVMAppendBasicBlockInContext(g->c, g->fn, "entry");
  LLVMBasicBlockRef start = LLVMAppendBasicBlockInContext(g->c, g->fn, "start");
  LLVMPositionBuilderAtEnd(g->b, entry); /* holds the registers' slots */
  LLVMBuildBr(g->b, start);
  LLVMPositionBuilderAtEnd(g->b, start);
  gen_block(g, &k->body);
  LLVMBuildRetVoid(g->b);
  return g->fn;
}
