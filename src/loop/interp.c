/* interp.c: runs a LoopProgram as it stands, one lane after another, and checks every access
 * against its buffer's size. The oracle of the printers, and the test of the lowering: slow,
 * obvious. In: a pointer per input and output, a workspace of p->workspace bytes. Out: NULL, or
 * what was wrong (in the context's arena). */
#include "ir/arith.h"
#include "loop/interp.h"

#include <stdio.h>

enum { LANES = 128 };

typedef struct Value {
  DType type;
  int lanes;
  Scalar at[LANES];
} Value;

typedef struct Run {
  const LoopProgram *p;
  const Kernel *k;
  void *const *in, *const *out;
  char *workspace;
  int64_t *var;
  Value *reg;
  const char *error;
} Run;

static void fail(Run *r, const char *what, Buf b, int64_t at) {
  if (r->error) return;
  r->error = name_fmt(r->p->cx, "kernel %s: %s %s[%lld] of %lld", r->k->name, what,
                      r->p->buf.at[b].name, (long long)at, (long long)r->p->buf.at[b].count);
}

static char *base_of(Run *r, Buf b) {
  const Buffer *x = &r->p->buf.at[b];
  switch (x->kind) {
  case BUF_INPUT: return r->in[x->slot];
  case BUF_OUTPUT: return r->out[x->slot];
  default: return r->workspace + x->offset; /* everything runs as worker 0 */
  }
}

static Scalar get(const char *p, DType t) {
  Scalar s = {.i = 0};
  switch (t) {
  case T_BOOL:
  case T_U8: s.i = *(const uint8_t *)p; break;
  case T_I32: s.i = *(const int32_t *)(const void *)p; break;
  case T_I64: s.i = *(const int64_t *)(const void *)p; break;
  case T_F32: s.f = *(const float *)(const void *)p; break;
  case T_F64: s.f = *(const double *)(const void *)p; break;
  case T_BUNDLE: break;
  }
  if (t == T_BOOL) s.i = s.i != 0;
  return s;
}

static void put(char *p, DType t, Scalar s) {
  switch (t) {
  case T_BOOL:
  case T_U8: *(uint8_t *)p = (uint8_t)s.i; break;
  case T_I32: *(int32_t *)(void *)p = (int32_t)s.i; break;
  case T_I64: *(int64_t *)(void *)p = s.i; break;
  case T_F32: *(float *)(void *)p = (float)s.f; break;
  case T_F64: *(double *)(void *)p = s.f; break;
  case T_BUNDLE: break;
  }
}

static int64_t ix_value(Run *r, const Ix *ix) {
  int64_t v = ix->off;
  for (int i = 0; i < ix->n; i++) v += ix->term[i].coef * r->var[ix->term[i].var];
  return v;
}

static void eval(Run *r, Ex e, Value *out);

static char *element(Run *r, Buf b, int64_t at, const char *what) {
  const Buffer *x = &r->p->buf.at[b];
  if (at < 0 || at >= x->count) {
    fail(r, what, b, at);
    return NULL;
  }
  return base_of(r, b) + at * type_info[x->type].bytes;
}

static void eval_load(Run *r, const ExNode *n, Value *out) {
  Value mask, dyn;
  if (n->mask) eval(r, n->mask, &mask);
  if (n->dyn) eval(r, n->dyn, &dyn);
  int64_t base = ix_value(r, &n->ix);
  for (int l = 0; l < n->lanes; l++) {
    out->at[l].i = 0;
    if (type_is_float((DType)n->type)) out->at[l].f = 0;
    if (n->mask && !mask.at[l].i) continue;
    int64_t at = base + (n->lanes > 1 ? l * n->lane_stride : 0);
    if (n->dyn) at += dyn.at[dyn.lanes > 1 ? l : 0].i;
    const char *p = element(r, n->buf, at, "load");
    if (p) out->at[l] = get(p, r->p->buf.at[n->buf].type);
  }
}

static void eval_map(Run *r, const ExNode *n, Value *out) {
  Value arg[3];
  int count = 0;
  for (; count < 3 && n->arg[count]; count++) eval(r, n->arg[count], &arg[count]);
  DType operand = arg[n->op == OP_select ? 1 : 0].type;
  for (int l = 0; l < n->lanes; l++) {
    Scalar a[3] = {{0}};
    for (int i = 0; i < count; i++) a[i] = arg[i].at[l];
    out->at[l] = ir_map_value(n->op, operand, (DType)n->type, a);
  }
}

static void eval_reduce(Run *r, const ExNode *n, Value *out) {
  Value v;
  eval(r, n->arg[0], &v);
  for (int half = v.lanes / 2; half >= 1; half /= 2)
    for (int l = 0; l < half; l++)
      v.at[l] = ir_map_value(n->op, v.type, v.type, (Scalar[]){v.at[l], v.at[l + half]});
  out->at[0] = v.at[0];
}

static void eval_shuffle(Run *r, const ExNode *n, Value *out) {
  Value v[2];
  for (int i = 0; i < 2; i++) eval(r, n->arg[i], &v[i]);
  for (int l = 0; l < n->lanes; l++) {
    int from = n->u.pick[l];
    out->at[l] = v[from >= n->lanes].at[from % n->lanes];
  }
}

/* Most values have far fewer lanes than there is room for. */
static void copy_lanes(Value *to, const Value *from) {
  if (to == from) return;
  to->type = from->type;
  to->lanes = from->lanes;
  memcpy(to->at, from->at, (size_t)from->lanes * sizeof *from->at);
}

static void eval(Run *r, Ex e, Value *out) {
  const ExNode *n = &r->k->ex.at[e];
  out->type = (DType)n->type;
  out->lanes = n->lanes;
  bool f = type_is_float(out->type);
  switch ((ExKind)n->kind) {
  case EX_IMM:
  case EX_SIZE:
    for (int l = 0; l < n->lanes; l++) {
      if (n->kind == EX_SIZE) {
        if (f) out->at[l].f = (double)n->ix.off;
        else out->at[l].i = n->ix.off;
      } else if (f) {
        out->at[l].f = out->type == T_F32 ? (double)(float)n->u.f : n->u.f;
      } else {
        out->at[l].i = ir_wrap(out->type, n->u.i);
      }
    }
    return;
  case EX_INDEX:
    for (int l = 0; l < n->lanes; l++) out->at[l].i = ix_value(r, &n->ix) + l * n->lane_stride;
    return;
  case EX_REG: copy_lanes(out, &r->reg[n->u.reg]); return;
  case EX_LOAD: eval_load(r, n, out); return;
  case EX_MAP: eval_map(r, n, out); return;
  case EX_SPLAT: {
    Value s;
    eval(r, n->arg[0], &s);
    for (int l = 0; l < n->lanes; l++) out->at[l] = s.at[0];
    return;
  }
  case EX_ACTIVE:
    for (int l = 0; l < n->lanes; l++) out->at[l].i = l < ix_value(r, &n->ix);
    return;
  case EX_SHUFFLE: eval_shuffle(r, n, out); return;
  case EX_REDUCE: eval_reduce(r, n, out); return;
  }
}

static void run_store(Run *r, const Stmt *s) {
  Value v, mask, dyn;
  eval(r, s->u.store.value, &v);
  if (s->u.store.mask) eval(r, s->u.store.mask, &mask);
  if (s->u.store.dyn) eval(r, s->u.store.dyn, &dyn);
  int64_t base = ix_value(r, &s->u.store.ix);
  DType t = r->p->buf.at[s->u.store.buf].type;
  for (int l = 0; l < v.lanes; l++) {
    if (s->u.store.mask && !mask.at[l].i) continue;
    int64_t at = base + (v.lanes > 1 ? l * s->u.store.lane_stride : 0);
    if (s->u.store.dyn) at += dyn.at[dyn.lanes > 1 ? l : 0].i;
    char *p = element(r, s->u.store.buf, at, "store");
    if (!p) continue;
    Scalar x = v.at[l];
    if (s->u.store.add) x = ir_map_value(OP_add, t, t, (Scalar[]){get(p, t), x});
    put(p, t, x);
  }
}

/* Where a loop begins or ends: computed, or an index. */
static int64_t loop_end(Run *r, Ex e, const Ix *ix) {
  Value v;
  if (!e) return ix_value(r, ix);
  eval(r, e, &v);
  return v.at[0].i;
}

static void run_block(Run *r, const Block *b);

static void run_stmt(Run *r, const Stmt *s) {
  switch (s->kind) {
  case ST_FOR: {
    int64_t lo = loop_end(r, s->u.loop.from, &s->u.loop.lo),
            hi = loop_end(r, s->u.loop.to, &s->u.loop.hi);
    for (int64_t i = lo; i < hi && !r->error; i += s->u.loop.step) {
      r->var[s->u.loop.var] = i;
      run_block(r, &s->u.loop.body);
    }
    return;
  }
  case ST_LET:
  case ST_SET: eval(r, s->u.set.value, &r->reg[s->u.set.reg]); return;
  case ST_STORE: run_store(r, s); return;
  case ST_TOUCH: element(r, s->u.touch.buf, ix_value(r, &s->u.touch.ix), "touch"); return;
  case ST_IF: {
    Value c;
    eval(r, s->u.cond.cond, &c);
    run_block(r, c.at[0].i ? &s->u.cond.then : &s->u.cond.other);
    return;
  }
  }
}

static void run_block(Run *r, const Block *b) {
  for (int i = 0; i < b->at.n && !r->error; i++) run_stmt(r, b->at.at[i]);
}

/* ---- calls ---- */
static size_t size_of(const LoopProgram *p, BufKind kind, int slot) {
  for (int i = 0; i < p->buf.n; i++) {
    const Buffer *b = &p->buf.at[i];
    if (b->kind == kind && b->slot == slot)
      return (size_t)b->count * (size_t)type_info[b->type].bytes;
  }
  return 0;
}

static char *given(Run *r, const Call *c, int i) {
  return (char *)base_of(r, c->in.at[i]) + c->from.at[i];
}

static void call_branch(Run *r, const Call *c, void **in, void **out) {
  for (int i = 0; i < c->in.n; i++) in[i] = given(r, c, i);
  for (int i = 0; i < c->out.n; i++) out[i] = base_of(r, c->out.at[i]);
  const LoopProgram *p = *(uint8_t *)base_of(r, c->flag) ? c->body : c->other;
  r->error = loop_interp(p, in, out, base_of(r, c->workspace));
}

static bool goes_on(Run *r, const Call *c, void **in, int ncarry, int ncapture) {
  void *more = base_of(r, c->more), **few;
  if (!c->other) return true;
  Arena *a = arena_new(r->p->cx);
  few = NEWS(a, void *, 1 + ncarry + ncapture);
  for (int i = 0; i <= ncarry; i++) few[i] = in[i];
  for (int i = 0; i < ncapture; i++) few[1 + ncarry + i] = in[1 + ncarry + c->loop->nscan + i];
  r->error = loop_interp(c->other, few, &more, base_of(r, c->workspace));
  arena_free(a);
  return *(uint8_t *)more != 0 && !r->error;
}

static void call_loop(Run *r, const Call *c, void **in, void **out) {
  const Loop *l = c->loop;
  int nc = l->ncarry, ncapture = c->in.n - nc - l->nscan;
  int64_t n = l->trip, done = 0, *index = (void *)base_of(r, c->index);
  if (c->flag >= 0) n = MAX(0, MIN(n, *(int64_t *)(void *)base_of(r, c->flag)));
  for (int i = 0; i < c->in.n; i++) in[1 + i] = given(r, c, i);
  in[0] = index;
  for (int i = 0; i < nc; i++) {
    void *place = base_of(r, c->ping.at[i]);
    if (!c->stays[i] || in[1 + i] == place) continue;
    memcpy(place, in[1 + i], size_of(c->body, BUF_OUTPUT, i));
    in[1 + i] = place;
  }
  for (int i = nc; i < nc + l->ncollect; i++)
    memset(base_of(r, c->out.at[i]), 0, size_of(c->body, BUF_OUTPUT, i) * (size_t)l->trip);
  for (; done < n; done++) {
    *index = l->reverse ? n - 1 - done : done;
    if (!goes_on(r, c, in, nc, ncapture)) break;
    for (int i = 0; i < l->nscan; i++)
      in[1 + nc + i] =
          given(r, c, nc + i) + size_of(c->body, BUF_INPUT, 1 + nc + i) * (size_t)*index;
    for (int i = 0; i < nc; i++) out[i] = base_of(r, done & 1 ? c->pong.at[i] : c->ping.at[i]);
    for (int i = nc; i < nc + l->ncollect; i++)
      out[i] = base_of(r, c->out.at[i]) + size_of(c->body, BUF_OUTPUT, i) * (size_t)*index;
    r->error = loop_interp(c->body, in, out, base_of(r, c->workspace));
    if (r->error) return;
    for (int i = 0; i < nc; i++) in[1 + i] = out[i];
  }
  for (int i = 0; i < nc; i++)
    if (!call_ends_in_place(c, i))
      memcpy(base_of(r, c->out.at[i]), in[1 + i], size_of(c->body, BUF_OUTPUT, i));
  if (c->other) memcpy(base_of(r, c->out.at[nc + l->ncollect]), &done, sizeof done);
}

static void run_call(Run *r, const Call *c) {
  Arena *a = arena_new(r->p->cx);
  int n = c->in.n + c->out.n + 2;
  (c->loop ? call_loop : call_branch)(r, c, NEWS(a, void *, n), NEWS(a, void *, n));
  arena_free(a);
}

const char *loop_interp(const LoopProgram *p, void *const *in, void *const *out, void *workspace) {
  Run r = {.p = p, .in = in, .out = out, .workspace = workspace};
  Arena *arena = arena_new(p->cx);
  for (int k = 0; k < p->kernel.n && !r.error; k++) {
    r.k = p->kernel.at[k];
    if (r.k->call) {
      run_call(&r, r.k->call);
      continue;
    }
    r.var = NEWS(arena, int64_t, MAX(1, r.k->var.n));
    r.reg = NEWS(arena, Value, MAX(1, r.k->reg.n));
    run_block(&r, &r.k->body);
  }
  arena_free(arena);
  return r.error;
}
