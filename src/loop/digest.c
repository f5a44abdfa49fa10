/* digest.c: what a program compiles to, in 128 bits. In: the loop form. Out: equal digests for what
 * the printers of machine code spell alike: names and spans don't count, and a kernel's buffers
 * count by their place among its pointers, so that equal kernels over different buffers are equal.
 * All that back/llvm_*.c reads of a program must be added here. */
#include "loop/digest.h"

typedef struct Walk {
  Digest d;
  const LoopProgram *p;
  const Kernel *k;
} Walk;

static void add(Walk *w, int64_t v) { digest_i64(&w->d, v); }

static void add_ix(Walk *w, const Ix *ix) {
  add(w, ix->n);
  add(w, ix->off);
  for (int i = 0; i < ix->n; i++) {
    add(w, ix->term[i].var);
    add(w, ix->term[i].coef);
  }
}

static void add_buffer(Walk *w, Buf b) {
  int i = 0;
  while (i < w->k->uses.n && w->k->uses.at[i] != b) i++;
  add(w, i);
}

static void add_ex(Walk *w, const ExNode *x) {
  int64_t head[] = {x->kind, x->type, x->lanes, x->op, x->lane_stride, x->dyn, x->mask};
  digest_add(&w->d, head, sizeof head);
  digest_add(&w->d, x->arg, sizeof x->arg);
  switch ((ExKind)x->kind) {
  case EX_IMM:
    if (type_is_float((DType)x->type)) digest_f64(&w->d, x->u.f);
    else add(w, x->u.i);
    break;
  case EX_SIZE:
  case EX_INDEX:
  case EX_ACTIVE: add_ix(w, &x->ix); break;
  case EX_REG: add(w, x->u.reg); break;
  case EX_LOAD:
    add_buffer(w, x->buf);
    add_ix(w, &x->ix);
    break;
  case EX_SHUFFLE: digest_add(&w->d, x->u.pick, x->lanes); break;
  case EX_MAP:
  case EX_SPLAT:
  case EX_REDUCE: break;
  }
}

static void add_block(Walk *w, const Block *b);

static void add_stmt(Walk *w, const Stmt *s) {
  add(w, s->kind);
  switch (s->kind) {
  case ST_FOR:
    add(w, s->u.loop.kind);
    add(w, s->u.loop.var);
    add_ix(w, &s->u.loop.lo);
    if (s->u.loop.kind != FOR_PARALLEL && s != loop_open_end(w->k)) add_ix(w, &s->u.loop.hi);
    add(w, s->u.loop.from);
    add(w, s->u.loop.to);
    add(w, s->u.loop.step);
    add_block(w, &s->u.loop.body);
    break;
  case ST_LET:
  case ST_SET:
    add(w, s->u.set.reg);
    add(w, s->u.set.value);
    break;
  case ST_STORE:
    add_buffer(w, s->u.store.buf);
    add_ix(w, &s->u.store.ix);
    add(w, s->u.store.lane_stride);
    add(w, s->u.store.dyn);
    add(w, s->u.store.mask);
    add(w, s->u.store.value);
    add(w, s->u.store.add);
    break;
  case ST_TOUCH:
    add_buffer(w, s->u.touch.buf);
    add_ix(w, &s->u.touch.ix);
    add(w, s->u.touch.write);
    break;
  case ST_IF:
    add(w, s->u.cond.cond);
    add_block(w, &s->u.cond.then);
    add_block(w, &s->u.cond.other);
    break;
  }
}

static void add_block(Walk *w, const Block *b) {
  add(w, b->at.n);
  for (int i = 0; i < b->at.n; i++) add_stmt(w, b->at.at[i]);
}

static bool is_number(const Ix *ix) { return ix->n == 0 && dim_is_number(ix->off); }

const Stmt *loop_open_end(const Kernel *k) {
  for (int i = 0; i < k->body.at.n; i++) {
    const Stmt *s = k->body.at.at[i];
    if (s->kind != ST_FOR || s->u.loop.kind == FOR_UNROLL) continue;
    bool runs = s->u.loop.kind == FOR_SERIAL && !s->u.loop.from && !s->u.loop.to &&
                is_number(&s->u.loop.lo) && is_number(&s->u.loop.hi) &&
                s->u.loop.hi.off - s->u.loop.lo.off > s->u.loop.step;
    return runs ? s : NULL;
  }
  return NULL;
}

DigestValue loop_kernel_digest(const LoopProgram *p, const Kernel *k) {
  Walk w = {digest_begin(), p, k};
  add(&w, k->uses.n);
  for (int i = 0; i < k->uses.n; i++) {
    add(&w, p->buf.at[k->uses.at[i]].type);
    add(&w, loop_buffer_alone(p, k, k->uses.at[i]));
  }
  add(&w, k->reg.n);
  for (int i = 0; i < k->reg.n; i++) {
    add(&w, k->reg.at[i].type);
    add(&w, k->reg.at[i].lanes);
  }
  add(&w, k->var.n);
  add(&w, k->ex.n);
  for (int i = 1; i < k->ex.n; i++) add_ex(&w, &k->ex.at[i]);
  add(&w, k->parallel);
  add_block(&w, &k->body);
  return digest_end(&w.d);
}

/* ---- programs ---- */
static void add_program(Walk *w, const LoopProgram *p);

static void add_bufs(Walk *w, const Buf *b, int n) {
  add(w, n);
  for (int i = 0; i < n; i++) add(w, b[i]);
}

static void add_call(Walk *w, const Call *c) {
  const Loop *l = c->loop;
  add(w, l != NULL);
  if (l) {
    int64_t all[] = {l->trip,    l->ncarry,  l->nscan,        l->ncollect,
                     l->counted, l->reverse, l->cond != NULL, 0};
    digest_add(&w->d, all, sizeof all);
  }
  add(w, c->flag);
  add_bufs(w, c->in.at, c->in.n);
  add(w, c->from.n);
  for (int i = 0; i < c->from.n; i++) add(w, c->from.at[i]);
  add_bufs(w, c->out.at, c->out.n);
  add_bufs(w, c->ping.at, c->ping.n);
  add_bufs(w, c->pong.at, c->pong.n);
  for (int i = 0; c->stays && l && i < l->ncarry; i++) add(w, c->stays[i]);
  add(w, c->index);
  add(w, c->more);
  add(w, c->workspace);
  for (int i = 0; c->asked && i < l->nscan; i++) add(w, c->asked[i]);
  add(w, c->shared);
  add_program(w, c->body);
  add(w, c->other != NULL);
  if (c->other) add_program(w, c->other);
}

static void add_program(Walk *w, const LoopProgram *p) {
  add(w, p->buf.n);
  for (int i = 0; i < p->buf.n; i++) {
    const Buffer *b = &p->buf.at[i];
    int64_t all[] = {b->kind, b->type, b->slot, b->count, b->offset, b->stride};
    digest_add(&w->d, all, sizeof all);
  }
  add(w, p->kernel.n);
  for (int i = 0; i < p->kernel.n; i++) {
    const Kernel *k = p->kernel.at[i];
    add(w, k->call != NULL);
    if (k->call) {
      add_call(w, k->call);
      continue;
    }
    const Stmt *open = loop_open_end(k);
    digest_value(&w->d, loop_kernel_digest(p, k));
    add(w, open ? open->u.loop.hi.off : 0);
    if (k->parallel) add_ix(w, &k->body.at.at[0]->u.loop.hi);
    add_bufs(w, k->uses.at, k->uses.n);
    digest_f64(&w->d, k->flops);
    digest_f64(&w->d, k->bytes);
  }
}

void loop_digest(const LoopProgram *p, Digest *d) {
  Walk w = {.d = *d};
  digest_text(&w.d, p->target.triple);
  digest_text(&w.d, p->target.cpu);
  digest_text(&w.d, p->target.features);
  digest_text(&w.d, p->target.abi);
  add_program(&w, p);
  *d = w.d;
}
