/* named.c: programs whose sizes are names. In: extents that are expressions in names. Out: numbers,
 * for decisions: those expected of them; for running: those that they have. */
#include "loop/prepare.h"

double shape_expected(Cx *cx, const Shape *s) {
  double n = 1;
  for (int d = 0; d < s->rank; d++) n *= (double)dim_expected(cx, s->dim[d], 0);
  return n;
}

int64_t low_number(const Low *lw, Dim d) { return dim_expected(lw->cx, d, lw->p->target.expected); }

Ex ex_dim(Low *lw, DType t, int lanes, Dim d) { return ex_size(&lw->m, t, lanes, d); }

/* ---- the same program with numbers ---- */
typedef struct Binder {
  Cx *cx;
  const SizeBindings *sizes;
} Binder;

static Dim bound(const Binder *b, Dim d) { return dim_subst(b->cx, d, b->sizes); }

static Ix bound_ix(const Binder *b, Ix ix) {
  IxTerm *term = NEWS(b->cx->arena, IxTerm, MAX(1, ix.n));
  Ix r = {0, term, bound(b, ix.off)};
  for (int i = 0; i < ix.n; i++) {
    Dim coef = bound(b, ix.term[i].coef);
    if (coef) term[r.n++] = (IxTerm){ix.term[i].var, coef};
  }
  return r;
}

static Block bound_block(const Binder *b, const Block *from);
static LoopProgram *bound_program(const Binder *b, const LoopProgram *from);

static Stmt *bound_stmt(const Binder *b, const Stmt *from) {
  Stmt *s = NEW(b->cx->arena, Stmt);
  *s = *from;
  switch (s->kind) {
  case ST_FOR:
    s->u.loop.lo = bound_ix(b, s->u.loop.lo);
    s->u.loop.hi = bound_ix(b, s->u.loop.hi);
    s->u.loop.body = bound_block(b, &from->u.loop.body);
    break;
  case ST_STORE:
    s->u.store.ix = bound_ix(b, s->u.store.ix);
    s->u.store.lane_stride = bound(b, s->u.store.lane_stride);
    break;
  case ST_TOUCH: s->u.touch.ix = bound_ix(b, s->u.touch.ix); break;
  case ST_IF:
    s->u.cond.then = bound_block(b, &from->u.cond.then);
    s->u.cond.other = bound_block(b, &from->u.cond.other);
    break;
  case ST_LET:
  case ST_SET: break;
  }
  return s;
}

static Block bound_block(const Binder *b, const Block *from) {
  Block to = {0};
  for (int i = 0; i < from->at.n; i++) {
    Stmt *s = bound_stmt(b, from->at.at[i]);
    vec_push(b->cx->arena, &to.at, s);
  }
  return to;
}

static Call *bound_call(const Binder *b, const Call *from) {
  Call *c = arena_copy(b->cx->arena, from, sizeof *from);
  if (c->loop) {
    Loop *l = arena_copy(b->cx->arena, from->loop, sizeof *from->loop);
    l->trip = bound(b, l->trip);
    c->loop = l;
  }
  c->from.at = NEWS(b->cx->arena, Dim, MAX(1, from->from.n));
  c->from.cap = from->from.n;
  for (int i = 0; i < c->from.n; i++) c->from.at[i] = bound(b, from->from.at[i]);
  c->body = bound_program(b, from->body);
  if (from->other) c->other = bound_program(b, from->other);
  return c;
}

static Kernel *bound_kernel(const Binder *b, const Kernel *from) {
  Kernel *k = arena_copy(b->cx->arena, from, sizeof *from);
  k->ex.at = arena_copy(b->cx->arena, from->ex.at, sizeof(ExNode) * (size_t)MAX(1, from->ex.n));
  k->ex.cap = from->ex.n;
  for (int i = 1; i < k->ex.n; i++) {
    ExNode *e = &k->ex.at[i];
    e->ix = bound_ix(b, e->ix);
    e->lane_stride = bound(b, e->lane_stride);
  }
  k->body = bound_block(b, &from->body);
  if (from->call) k->call = bound_call(b, from->call);
  return k;
}

static LoopProgram *bound_program(const Binder *b, const LoopProgram *from) {
  LoopProgram *p = arena_copy(b->cx->arena, from, sizeof *from);
  p->buf.at = arena_copy(b->cx->arena, from->buf.at, sizeof(Buffer) * (size_t)MAX(1, from->buf.n));
  p->buf.cap = from->buf.n;
  for (int i = 0; i < p->buf.n; i++) {
    Buffer *x = &p->buf.at[i];
    x->count = bound(b, x->count);
    x->offset = bound(b, x->offset);
    x->stride = bound(b, x->stride);
  }
  p->kernel.at = NEWS(b->cx->arena, Kernel *, MAX(1, from->kernel.n));
  p->kernel.cap = from->kernel.n;
  for (int i = 0; i < p->kernel.n; i++) p->kernel.at[i] = bound_kernel(b, from->kernel.at[i]);
  p->workspace = bound(b, p->workspace);
  p->check.at = NEWS(b->cx->arena, IndexCheck, MAX(1, from->check.n));
  p->check.cap = from->check.n;
  for (int i = 0; i < p->check.n; i++)
    p->check.at[i] = (IndexCheck){from->check.at[i].span, bound(b, from->check.at[i].extent)};
  return p;
}

LoopProgram *loop_bind(const LoopProgram *p, const Fn *f, const SizeBindings *sizes) {
  Binder b = {p->cx, sizes};
  LoopProgram *q = bound_program(&b, p);
  q->fn = q->given = f;
  return q;
}

bool loop_has_names(const LoopProgram *p) {
  for (int i = 0; i < p->buf.n; i++)
    if (!dim_is_number(p->buf.at[i].count)) return true;
  return false;
}

/* ---- where buffers lie ---- */
typedef struct Slot { /* room that buffers use one after another */
  Dim bytes;
  Vec(Buf) buf;
} Slot;
typedef Vec(Slot) SlotList;

static bool slot_takes(const LoopProgram *p, const Slot *s, const Buffer *b, Dim bytes) {
  if (dim_le(p->cx, bytes, s->bytes) != 1) return false;
  for (int i = 0; i < s->buf.n; i++) {
    const Buffer *o = &p->buf.at[s->buf.at[i]];
    if (o->first <= b->last && b->first <= o->last) return false;
  }
  return true;
}

static void put_in_slot(Low *lw, SlotList *slots, Buf b, Dim bytes) {
  int best = -1;
  for (int i = 0; i < slots->n; i++)
    if (slot_takes(lw->p, &slots->at[i], &lw->p->buf.at[b], bytes) &&
        (best < 0 || low_number(lw, slots->at[i].bytes) < low_number(lw, slots->at[best].bytes)))
      best = i;
  if (best < 0) {
    best = slots->n;
    vec_push(lw->arena, slots, ((Slot){.bytes = bytes}));
  }
  vec_push(lw->arena, &slots->at[best].buf, b);
}

/* Which of two named sizes is larger may depend on the names, so a buffer shares the room of others
 * only where it is known to fit. */
void plan_named_memory(Low *lw, Dim (*bytes_of)(const LoopProgram *p, const Buffer *b)) {
  LoopProgram *p = lw->p;
  SlotList slots = {0};
  int32_t *order = NEWS(lw->arena, int32_t, MAX(1, p->buf.n));
  int n = 0;
  for (int i = 0; i < p->buf.n; i++) {
    Buffer *b = &p->buf.at[i];
    if (b->kind != BUF_TEMP && b->kind != BUF_LOCAL) continue;
    Dim bytes = bytes_of(p, b);
    b->offset = 0;
    b->stride = bytes;
    if (b->first < 0) continue; /* nobody touches it */
    int k = n++;
    for (; k > 0 && low_number(lw, p->buf.at[order[k - 1]].stride) < low_number(lw, bytes); k--)
      order[k] = order[k - 1];
    order[k] = i;
  }
  for (int i = 0; i < n; i++) put_in_slot(lw, &slots, order[i], p->buf.at[order[i]].stride);
  p->workspace = 0;
  for (int i = 0; i < slots.n; i++) {
    for (int k = 0; k < slots.at[i].buf.n; k++)
      p->buf.at[slots.at[i].buf.at[k]].offset = p->workspace;
    p->workspace = dim_add(p->cx, p->workspace, slots.at[i].bytes);
  }
  for (int i = 0; i < n; i++) {
    Buffer *b = &p->buf.at[order[i]];
    Dim one = 0;
    if (b->kind == BUF_LOCAL) dim_divides(p->cx, b->stride, MAX(1, p->target.threads), &one);
    b->stride = one;
  }
}
