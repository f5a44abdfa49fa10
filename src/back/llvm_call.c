/* llvm_call.c: loops and branches: calls of the entries of their bodies, with tables of pointers.
 */
#include "back/llvm_gen.h"

typedef struct CallGen {
  Gen *g;
  const Call *c;
  LLVMValueRef entry;        /* the function under construction */
  LLVMValueRef table, rt;    /* its buffers, and the runtime */
  LLVMValueRef worker;       /* whose index and workspace these are; NULL: there is one of each */
  LLVMValueRef body, other;  /* entries of the bodies */
  LLVMValueRef in, out, few; /* tables for the calls */
} CallGen;

/* Slots live in the first block of the function: a call in a loop must not eat the stack. */
static LLVMValueRef table_of(CallGen *x, int n) {
  LLVMBuilderRef at = LLVMCreateBuilderInContext(x->g->c);
  LLVMBasicBlockRef first = LLVMGetEntryBasicBlock(x->entry);
  LLVMValueRef begin = LLVMGetFirstInstruction(first);
  LLVMPositionBuilder(at, first, begin);
  LLVMValueRef t = LLVMBuildAlloca(at, LLVMArrayType(x->g->ptr, (unsigned)MAX(n, 1)), "");
  LLVMDisposeBuilder(at);
  return t;
}

static LLVMValueRef number(CallGen *x, int64_t n) {
  return LLVMConstInt(x->g->i64, (uint64_t)n, 1);
}

static LLVMValueRef slot(CallGen *x, LLVMValueRef table, int i) {
  LLVMValueRef at = number(x, i);
  return LLVMBuildInBoundsGEP2(x->g->b, x->g->ptr, table, &at, 1, "");
}
static LLVMValueRef get(CallGen *x, LLVMValueRef table, int i) {
  return LLVMBuildLoad2(x->g->b, x->g->ptr, slot(x, table, i), "");
}
static void set(CallGen *x, LLVMValueRef table, int i, LLVMValueRef p) {
  LLVMBuildStore(x->g->b, p, slot(x, table, i));
}
static LLVMValueRef base(CallGen *x, Buf b) {
  const Buffer *buf = &x->g->p->buf.at[b];
  LLVMValueRef first = get(x, x->table, b);
  if (buf->kind != BUF_LOCAL || !x->worker) return first;
  LLVMValueRef shift = LLVMBuildMul(x->g->b, x->worker, gen_dim(x->g, buf->stride), "");
  return LLVMBuildInBoundsGEP2(x->g->b, x->g->i8, first, &shift, 1, "");
}

static LLVMValueRef row(CallGen *x, LLVMValueRef first, Dim bytes, LLVMValueRef i) {
  LLVMValueRef off = LLVMBuildNSWMul(x->g->b, i, gen_dim(x->g, bytes), "");
  return LLVMBuildInBoundsGEP2(x->g->b, x->g->i8, first, &off, 1, "");
}

/* Where operand i begins. */
static LLVMValueRef given(CallGen *x, int i) {
  LLVMValueRef off = gen_dim(x->g, x->c->from.at[i]), b = base(x, x->c->in.at[i]);
  return x->c->from.at[i] ? LLVMBuildInBoundsGEP2(x->g->b, x->g->i8, b, &off, 1, "") : b;
}

static void call(CallGen *x, LLVMValueRef f, LLVMValueRef in, LLVMValueRef out) {
  LLVMValueRef *args = NEWS(x->g->cx->arena, LLVMValueRef, 4 + x->g->sizes.n);
  args[0] = in, args[1] = out, args[2] = base(x, x->c->workspace), args[3] = x->rt;
  LLVMBuildCall2(x->g->b, gen_entry_type(x->g), f, args,
                 (unsigned)gen_add_sizes(x->g, NULL, args, 4), "");
}

static LLVMBasicBlockRef block(CallGen *x, const char *name) {
  return LLVMAppendBasicBlockInContext(x->g->c, x->entry, name);
}

/* ---- branches ---- */
static void gen_branch(CallGen *x) {
  LLVMBuilderRef b = x->g->b;
  for (int i = 0; i < x->c->in.n; i++) set(x, x->in, i, given(x, i));
  for (int i = 0; i < x->c->out.n; i++) set(x, x->out, i, base(x, x->c->out.at[i]));
  LLVMValueRef flag = LLVMBuildLoad2(b, x->g->i8, base(x, x->c->flag), "");
  LLVMBasicBlockRef then = block(x, "then"), other = block(x, "else"), after = block(x, "after");
  LLVMBuildCondBr(b, LLVMBuildIsNotNull(b, flag, ""), then, other);
  LLVMPositionBuilderAtEnd(b, then);
  call(x, x->body, x->in, x->out);
  LLVMBuildBr(b, after);
  LLVMPositionBuilderAtEnd(b, other);
  call(x, x->other, x->in, x->out);
  LLVMBuildBr(b, after);
  LLVMPositionBuilderAtEnd(b, after);
}

/* ---- loops ---- */
static LLVMValueRef trip_count(CallGen *x) {
  LLVMValueRef trip = gen_dim(x->g, x->c->loop->trip);
  if (x->c->flag < 0) return trip;
  LLVMValueRef given = LLVMBuildLoad2(x->g->b, x->g->i64, base(x, x->c->flag), "");
  LLVMValueRef low[] = {given, trip}, high[2] = {NULL, number(x, 0)};
  high[0] = gen_call(x->g, "llvm.smin", NULL, x->g->i64, low, 2);
  return gen_call(x->g, "llvm.smax", NULL, x->g->i64, high, 2);
}

/* A carried value that stays in its place begins there. */
static void to_its_place(CallGen *x, int i) {
  LLVMBuilderRef b = x->g->b;
  LLVMValueRef place = base(x, x->c->ping.at[i]), start = given(x, i);
  LLVMBasicBlockRef copy = block(x, "copy"), there = block(x, "there");
  LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntNE, place, start, ""), copy, there);
  LLVMPositionBuilderAtEnd(b, copy);
  LLVMBuildMemCpy(b, place, 1, start, 1, gen_dim(x->g, loop_port_bytes(x->c->body, BUF_OUTPUT, i)));
  LLVMBuildBr(b, there);
  LLVMPositionBuilderAtEnd(b, there);
  set(x, x->in, 1 + i, place);
}

/* Everything that stands still: the starts of the carried values, the captured ones, the index. */
static void before_loop(CallGen *x) {
  const Loop *l = x->c->loop;
  set(x, x->in, 0, base(x, x->c->index));
  for (int i = 0; i < x->c->in.n; i++) set(x, x->in, 1 + i, given(x, i));
  for (int i = 0; i < l->ncarry; i++)
    if (x->c->stays[i]) to_its_place(x, i);
  for (int i = l->ncarry; i < l->ncarry + l->ncollect; i++) {
    if (!l->counted && !l->cond) break; /* every row will be written */
    Dim bytes = dim_mul(x->g->cx, loop_port_bytes(x->c->body, BUF_OUTPUT, i), l->trip);
    LLVMBuildMemSet(x->g->b, base(x, x->c->out.at[i]), LLVMConstInt(x->g->i8, 0, 0),
                    gen_dim(x->g, bytes), 1);
  }
}

/* Leaves to `done` where the condition doesn't hold. */
static void check_condition(CallGen *x, LLVMBasicBlockRef done) {
  const Loop *l = x->c->loop;
  if (!x->other) return;
  int ncapture = x->c->in.n - l->ncarry - l->nscan;
  for (int i = 0; i <= l->ncarry; i++) set(x, x->few, i, get(x, x->in, i));
  for (int i = 0; i < ncapture; i++)
    set(x, x->few, 1 + l->ncarry + i, get(x, x->in, 1 + l->ncarry + l->nscan + i));
  LLVMValueRef more = base(x, x->c->more);
  set(x, x->out, 0, more);
  call(x, x->other, x->few, x->out);
  LLVMBasicBlockRef go = block(x, "go");
  LLVMValueRef yes = LLVMBuildIsNotNull(x->g->b, LLVMBuildLoad2(x->g->b, x->g->i8, more, ""), "");
  LLVMBuildCondBr(x->g->b, yes, go, done);
  LLVMPositionBuilderAtEnd(x->g->b, go);
}

/* The rows of some steps later are asked for; beyond the last one that does nothing. */
static void ask_for_rows(CallGen *x, LLVMValueRef i) {
  enum { LINE = 64 };
  const Loop *l = x->c->loop;
  for (int k = 0; x->c->asked && k < l->nscan; k++) {
    Dim bytes = loop_port_bytes(x->c->body, BUF_INPUT, 1 + l->ncarry + k);
    int64_t later = l->reverse ? -CALL_AHEAD : CALL_AHEAD;
    if (!x->c->asked[k]) continue;
    LLVMValueRef off =
        LLVMBuildMul(x->g->b, LLVMBuildAdd(x->g->b, i, number(x, later), ""), number(x, bytes), "");
    for (int64_t at = 0; at < bytes; at += LINE) {
      LLVMValueRef line = LLVMBuildAdd(x->g->b, off, number(x, at), "");
      LLVMValueRef first = given(x, l->ncarry + k);
      gen_prefetch(x->g, LLVMBuildGEP2(x->g->b, x->g->i8, first, &line, 1, ""), false);
    }
  }
}

static void one_iteration(CallGen *x, LLVMValueRef it, LLVMValueRef i) {
  const Loop *l = x->c->loop;
  LLVMBuilderRef b = x->g->b;
  ask_for_rows(x, i);
  for (int k = 0; k < l->nscan; k++) {
    int port = 1 + l->ncarry + k;
    set(x, x->in, port,
        row(x, given(x, l->ncarry + k), loop_port_bytes(x->c->body, BUF_INPUT, port), i));
  }
  LLVMValueRef odd = LLVMBuildTrunc(b, it, x->g->i1, "");
  for (int k = 0; k < l->ncarry; k++)
    set(x, x->out, k,
        LLVMBuildSelect(b, odd, base(x, x->c->pong.at[k]), base(x, x->c->ping.at[k]), ""));
  for (int k = l->ncarry; k < l->ncarry + l->ncollect; k++)
    set(x, x->out, k,
        row(x, base(x, x->c->out.at[k]), loop_port_bytes(x->c->body, BUF_OUTPUT, k), i));
  call(x, x->body, x->in, x->out);
  for (int k = 0; k < l->ncarry; k++) set(x, x->in, 1 + k, get(x, x->out, k));
}

static void after_loop(CallGen *x, LLVMValueRef count) {
  const Loop *l = x->c->loop;
  for (int k = 0; k < l->ncarry; k++)
    if (!call_ends_in_place(x->c, k))
      LLVMBuildMemCpy(x->g->b, base(x, x->c->out.at[k]), 1, get(x, x->in, 1 + k), 1,
                      gen_dim(x->g, loop_port_bytes(x->c->body, BUF_OUTPUT, k)));
  if (x->other) LLVMBuildStore(x->g->b, count, base(x, x->c->out.at[l->ncarry + l->ncollect]));
}

/* Iterations begin..n. */
static void gen_loop(CallGen *x, LLVMValueRef begin, LLVMValueRef n) {
  LLVMBuilderRef b = x->g->b;
  before_loop(x);
  LLVMBasicBlockRef from = LLVMGetInsertBlock(b), head = block(x, "iterate"),
                    body = block(x, "body"), done = block(x, "done");
  LLVMBuildBr(b, head);
  LLVMPositionBuilderAtEnd(b, head);
  LLVMValueRef it = LLVMBuildPhi(b, x->g->i64, "it");
  LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntSLT, it, n, ""), body, done);
  LLVMPositionBuilderAtEnd(b, body);
  LLVMValueRef i = it;
  if (x->c->loop->reverse)
    i = LLVMBuildSub(b, LLVMBuildSub(b, trip_count(x), it, ""), number(x, 1), "");
  LLVMBuildStore(b, i, base(x, x->c->index));
  check_condition(x, done);
  one_iteration(x, it, i);
  LLVMValueRef next = LLVMBuildNSWAdd(b, it, number(x, 1), "");
  LLVMValueRef values[] = {begin, next};
  LLVMBasicBlockRef blocks[] = {from, LLVMGetInsertBlock(b)};
  LLVMAddIncoming(it, values, blocks, 2);
  LLVMBuildBr(b, head);
  LLVMPositionBuilderAtEnd(b, done);
  after_loop(x, it);
}

static void make_tables(CallGen *x) {
  x->in = table_of(x, x->c->in.n + 1);
  x->out = table_of(x, MAX(x->c->out.n, 1));
  x->few = table_of(x, x->c->in.n + 1);
}

void gen_call_task(Gen *g, const Call *c, LLVMValueRef task, LLVMValueRef body) {
  CallGen x = {.g = g,
               .c = c,
               .entry = task,
               .table = LLVMGetParam(task, 0),
               .rt = LLVMConstNull(g->ptr),
               .worker = LLVMGetParam(task, 3),
               .body = body};
  make_tables(&x);
  gen_loop(&x, LLVMGetParam(task, 1), LLVMGetParam(task, 2));
}

void gen_call_site(Gen *g, const Call *c, LLVMValueRef entry, LLVMValueRef table, LLVMValueRef body,
                   LLVMValueRef other) {
  CallGen x = {.g = g,
               .c = c,
               .entry = entry,
               .table = table,
               .rt = LLVMGetParam(entry, 3),
               .body = body,
               .other = other};
  make_tables(&x);
  if (c->loop) gen_loop(&x, number(&x, 0), trip_count(&x));
  else gen_branch(&x);
}
