/* lower.c: the lowering's driver and the loops all nests are made of. In: a function without
 * derivatives. Out: a LoopProgram. group.c and fuse.c have decided what is stored and what shares a
 * kernel; here buffers are made, the loops around rows are opened, and each nest is lowered by its
 * kind. */
#include "loop/lower.h"

/* ---- buffers ---- */
Buf low_buffer(Low *lw, Name name, BufKind kind, DType type, Dim count) {
  Buffer b = {.name = name,
              .kind = kind,
              .type = type,
              .count = count,
              .slot = -1,
              .same_as = -1,
              .into = -1};
  vec_push(lw->cx->arena, &lw->p->buf, b);
  return lw->p->buf.n - 1;
}

/* A result of a loop or branch bears the name it has inside, and comes from the line it has there.
 */
static const Ins *origin(const Low *lw, Val v) {
  const Fn *body[8];
  const Ins *in = low_ins(lw, v);
  if (in->op != OP_part || in->hint || ins_bodies(low_ins(lw, in->arg[0]), body) == 0) return in;
  return in->u.i < body[0]->out.n ? fn_ins(body[0], body[0]->out.at[in->u.i].val) : in;
}

/* What a loop carries has the name it is carried under. */
static Name carried_name(const Low *lw, const Ins *in) {
  const Ins *call = in->op == OP_part ? low_ins(lw, in->arg[0]) : NULL;
  bool carried = call && call->op == OP_loop && in->u.i < call->u.loop->ncarry;
  return carried ? call->u.loop->body->in.at[1 + in->u.i].name : NULL;
}

static Name value_name(Low *lw, Val v) {
  const Ins *in = low_ins(lw, v), *from = origin(lw, v);
  Name carried = in->hint ? NULL : carried_name(lw, in);
  if (carried) return carried;
  return from->hint ? from->hint : name_fmt(lw->cx, "%s%d", op_info[in->op].name, (int)v);
}

static void port_buffers(Low *lw) {
  const Fn *f = lw->f;
  for (int i = 0; i < f->in.n; i++) {
    const Input *in = &f->in.at[i];
    Name name = in->name ? in->name : name_fmt(lw->cx, "in%d", i);
    Buf b = low_buffer(lw, name, BUF_INPUT, in->type, shape_count(lw->cx, &in->shape));
    lw->p->buf.at[b].slot = i;
    lw->place[in->val].buf = b;
  }
  for (int i = 0; i < f->out.n; i++) {
    const Ins *in = low_ins(lw, f->out.at[i].val);
    Name name = f->out.at[i].name ? f->out.at[i].name : name_fmt(lw->cx, "out%d", i);
    bool fault = lw->p->check.n && i + 1 == f->out.n;
    Buf b = low_buffer(lw, name, fault ? BUF_TEMP : BUF_OUTPUT, (DType)in->type,
                       shape_count(lw->cx, &in->shape));
    if (fault) lw->p->fault = b;
    lw->p->buf.at[b].slot = i;
    lw->p->buf.at[b].same_as = f->out.at[i].alias;
    Val v = low_base(lw, f->out.at[i].val);
    Place *p = &lw->place[v];
    if (low_ins(lw, v)->op == OP_arg || lw->through_temp[i]) continue;
    if (p->buf < 0) p->buf = b;
    else vec_push(lw->arena, &p->also, b);
  }
}

static void value_buffers(Low *lw) {
  for (Val v = 1; v < lw->f->ins.n; v++) {
    Place *p = &lw->place[v];
    if (!p->root || p->nest < 0 || p->buf >= 0 || !p->outside) continue;
    const Ins *in = low_ins(lw, v);
    const Group *g = &lw->group.at[lw->nest.at[p->nest].group];
    int rows = g->rows;
    if (g->slim && !p->beyond) continue; /* registers */
    bool local = !p->beyond && rows > 0;
    if (local) p->skip = rows;
    if (local && rows == in->shape.rank) continue; /* a register */
    Dim count = 1;
    for (int d = p->skip; d < in->shape.rank; d++) count = dim_mul(lw->cx, count, in->shape.dim[d]);
    p->buf =
        low_buffer(lw, value_name(lw, v), local ? BUF_LOCAL : BUF_TEMP, (DType)in->type, count);
    lw->p->buf.at[p->buf].span = origin(lw, v)->span;
  }
}

static void stash_buffers(Low *lw) {
  for (int i = 0; i < lw->nest.n; i++) {
    Nest *n = &lw->nest.at[i];
    if (n->kind == NEST_COPY && n->copy_to < 0)
      n->stash = low_buffer(lw, value_name(lw, n->anchor), BUF_TEMP,
                            (DType)low_ins(lw, n->anchor)->type, shape_count(lw->cx, &n->shape));
  }
}

/* ---- loops ---- */
KernelMaker low_kernel(Low *lw, Name name, Span span) {
  Kernel *k = NEW(lw->cx->arena, Kernel);
  k->name = name;
  k->span = span;
  vec_push(lw->cx->arena, &k->ex, (ExNode){0});
  vec_push(lw->cx->arena, &lw->p->kernel, k);
  while (lw->memo.n > 0) lw->memo_head[lw->memo.at[--lw->memo.n].v] = -1;
  lw->range.n = 0;
  lw->rows = 0;
  return (KernelMaker){lw->p, k, &k->body};
}

/* The last value of a loop variable, or one beyond it. */
static Dim last_of(Cx *cx, Dim lo, Dim hi, int64_t step) {
  Dim steps;
  if (dim_is_number(lo) && dim_is_number(hi))
    return hi > lo ? lo + (hi - 1 - lo) / step * step : lo;
  bool whole = dim_divides(cx, dim_sub(cx, hi, lo), step, &steps);
  return dim_sub(cx, hi, whole ? step : 1);
}

Var low_for(Low *lw, ForKind kind, const char *name, Dim lo, Dim hi, int64_t step, LoopMark *mark) {
  Var v = var_new(&lw->m, name);
  VarRange r = {lo, last_of(lw->cx, lo, hi, step)};
  vec_push(lw->arena, &lw->range, r);
  Stmt *s = st_for(&lw->m, kind, v, ix_number(lo), ix_number(hi), step);
  mark->outer = low_enter(lw, &s->u.loop.body, &mark->memo);
  return v;
}
void low_end(Low *lw, LoopMark mark) { low_leave(lw, mark.outer, mark.memo); }

ForKind low_outermost(Low *lw) {
  if (!lw->may_parallel || lw->m.at != &lw->m.k->body || lw->m.at->at.n) return FOR_SERIAL;
  lw->may_parallel = false;
  lw->m.k->parallel = true;
  return FOR_PARALLEL;
}

int lanes_for(int lanes, Dim extent) {
  while (lanes > 1 && lanes / 2 >= extent) lanes /= 2;
  return lanes;
}

/* `vectors` whole vectors from element base on. */
static void run_vectors(Low *lw, Ix base, int64_t vectors, int lanes, int unroll, VectorBody body,
                        void *arg) {
  Point pt = {.lanes = lanes, .active = lanes};
  int64_t groups = vectors / unroll;
  for (int part = 0; part < 2; part++) {
    int64_t n = part ? vectors % unroll : groups;
    int u = part ? 1 : unroll;
    if (n == 0) continue;
    LoopMark outer, inner;
    AxisIx ix = {.ix = base, .lane = lanes > 1};
    if (n > 1) {
      Var v = low_for(lw, FOR_SERIAL, "i", 0, n * u * lanes, (int64_t)u * lanes, &outer);
      ix.ix = ix_add_term(&lw->m, ix.ix, v, 1);
    }
    if (u > 1) {
      Var v = low_for(lw, FOR_UNROLL, "u", 0, u, 1, &inner);
      ix.ix = ix_add_term(&lw->m, ix.ix, v, lanes);
    }
    body(lw, arg, ix, pt);
    if (u > 1) low_end(lw, inner);
    if (n > 1) low_end(lw, outer);
    base = ix_plus(&lw->m, base, ix_number(groups * unroll * lanes));
  }
}

static void run_tail(Low *lw, int64_t extent, int lanes, VectorBody body, void *arg) {
  int64_t tail = extent % lanes;
  if (!tail) return;
  Ex mask = ex_let(lw, ex_active(&lw->m, lanes, ix_number(tail)), NULL);
  AxisIx ix = {.ix = ix_number(extent - tail), .lane = 1};
  body(lw, arg, ix, (Point){.lanes = lanes, .active = tail, .vmask = mask});
}

enum { CHUNK_ELEMENTS = 4096 }; /* of one worker's share of a long row */

/* An extent that is a name: the loop over pairs of vectors, the loop over single ones, the masked
 * rest. */
static void run_named(Low *lw, Dim extent, int lanes, double ops, VectorBody body, void *arg) {
  Cx *cx = lw->cx;
  Point pt = {.lanes = lanes, .active = lanes};
  int unroll = ops * 2 <= 64 ? 2 : 1;
  Dim from = 0;
  for (int u = unroll; u > 0; u--) {
    int64_t step = (int64_t)u * lanes;
    Dim to = dim_mul(cx, dim_floor_div(cx, extent, step), step);
    if (from == to) continue;
    LoopMark outer, inner;
    AxisIx ix = axis_var(lw, low_for(lw, FOR_SERIAL, "i", from, to, step, &outer));
    ix.lane = lanes > 1;
    if (u > 1) {
      Var v = low_for(lw, FOR_UNROLL, "u", 0, u, 1, &inner);
      ix.ix = ix_add_term(&lw->m, ix.ix, v, lanes);
    }
    body(lw, arg, ix, pt);
    if (u > 1) low_end(lw, inner);
    low_end(lw, outer);
    from = to;
  }
  if (from == extent) return;
  Ix tail = ix_number(dim_sub(cx, extent, from));
  Stmt *some = st_if(&lw->m, ex_active(&lw->m, 1, tail));
  int32_t memo;
  Block *outer = low_enter(lw, &some->u.cond.then, &memo);
  pt.vmask = ex_let(lw, ex_active(&lw->m, lanes, tail), NULL);
  pt.by_lane = true;
  body(lw, arg, (AxisIx){.ix = ix_number(from), .lane = 1}, pt);
  low_leave(lw, outer, memo);
}

void low_vectors(Low *lw, Dim extent, int lanes, double ops, VectorBody body, void *arg) {
  if (!dim_is_number(extent)) {
    run_named(lw, extent, lanes, ops, body, arg);
    return;
  }
  int64_t vectors = extent / lanes;
  int unroll = 1;
  for (int u = 4; u > 1 && unroll == 1; u /= 2)
    if ((vectors % u == 0 || vectors >= 4 * u) && ops * u <= 64) unroll = u;
  int64_t chunk = CHUNK_ELEMENTS / lanes / unroll * unroll;
  if (chunk == 0 || vectors < 2 * chunk || low_outermost(lw) != FOR_PARALLEL) {
    run_vectors(lw, ix_number(0), vectors, lanes, unroll, body, arg);
    run_tail(lw, extent, lanes, body, arg);
    return;
  }
  int64_t chunks = vectors / chunk, rest = vectors % chunk;
  LoopMark mark;
  Var c = low_for(lw, FOR_PARALLEL, "c", 0, chunks, 1, &mark);
  Ix base = ix_add_term(&lw->m, ix_number(0), c, chunk * lanes);
  run_vectors(lw, base, chunk, lanes, unroll, body, arg);
  if (rest || extent % lanes) { /* the last share has what is left over */
    Ex last[2] = {ex_index(&lw->m, T_I64, 1, axis_var(lw, c).ix, 0),
                  ex_imm_i(&lw->m, T_I64, 1, chunks - 1)};
    Stmt *s = st_if(&lw->m, ex_map(&lw->m, OP_eq, T_BOOL, last, 2));
    int32_t memo;
    Block *outer = low_enter(lw, &s->u.cond.then, &memo);
    run_vectors(lw, ix_number(chunks * chunk * lanes), rest, lanes, unroll, body, arg);
    run_tail(lw, extent, lanes, body, arg);
    low_leave(lw, outer, memo);
  }
  low_end(lw, mark);
}

/* ---- nests ---- */
static bool nest_merge(const Nest *n, int i, int j) {
  for (int k = 0; k < n->side.n; k++) {
    const Side *s = n->side.at[k];
    if (!axes_merge(&s->an, s->kept[i], s->kept[j])) return false;
  }
  return true;
}

int nest_axes(Cx *cx, const Nest *n, int from, LoopAxis *out) {
  int count = 0;
  for (int d = n->shape.rank - 1; d >= from; d--) {
    if (n->shape.dim[d] == 1) continue;
    LoopAxis *inner = count ? &out[count - 1] : NULL;
    /* merging is tried against the axis as it stands in the shape: strides are compared with the
     * extent of its own outermost part, which the reads' strides agree on */
    int outer_part = -1;
    if (inner)
      for (int e = d + 1; e < n->shape.rank && outer_part < 0; e++)
        if (n->shape.dim[e] != 1) outer_part = e;
    if (inner && nest_merge(n, d, outer_part))
      inner->extent = dim_mul(cx, inner->extent, n->shape.dim[d]);
    else out[count++] = (LoopAxis){d, n->shape.dim[d]};
  }
  for (int i = 0; i < count / 2; i++) {
    LoopAxis t = out[i];
    out[i] = out[count - 1 - i];
    out[count - 1 - i] = t;
  }
  return count;
}

int nest_lanes(const Nest *n) {
  if (n->side.n == 0)
    return 1; /* the end of a stashed copy: nothing is known, nothing is hurried */
  int lanes = 1 << 14;
  for (int i = 0; i < n->side.n; i++) lanes = MIN(lanes, n->side.at[i]->an.lanes);
  return lanes;
}

double nest_ops(const Nest *n) {
  double ops = 0;
  for (int i = 0; i < n->side.n; i++) ops += n->side.at[i]->an.ops;
  return ops;
}

void low_store_root(Low *lw, Val v, const AxisIx *at, Point pt, Ex value) {
  Place *p = &lw->place[v];
  const Shape *s = &low_ins(lw, v)->shape;
  Dim lane;
  Ex dyn;
  if (!p->outside) return;
  if (p->buf < 0) { /* local to the row: a register */
    p->reg = st_let(&lw->m, value, low_ins(lw, v)->hint);
    return;
  }
  Ix ix = low_linear(lw, s, p->skip, at, &lane, &dyn);
  st_store(&lw->m, p->buf, ix, lane, 0, pt.vmask, value, false);
  if (p->also.n == 0) return;
  ix = low_linear(lw, s, 0, at, &lane, &dyn);
  for (int i = 0; i < p->also.n; i++)
    st_store(&lw->m, p->also.at[i], ix, lane, 0, pt.vmask, value, false);
}

void low_store_roots(Low *lw, Nest *n, const AxisIx *at, Point pt) {
  Ex value[64];
  for (int i = 0; i < n->root.n; i++) value[i] = value_own(lw, n->root.at[i], at, pt);
  for (int i = 0; i < n->root.n; i++) low_store_root(lw, n->root.at[i], at, pt, value[i]);
}

/* ---- kernels ---- */
/* A side of the nest before number `side` reads the value too. */
static bool read_before(const Nest *n, int side, Val leaf) {
  for (int s = 0; s < side; s++)
    for (int a = 0; a < n->side.at[s]->an.access.n; a++)
      if (n->side.at[s]->an.access.at[a].leaf == leaf) return true;
  return false;
}

static void count_work(Low *lw, const Group *g, Kernel *k) {
  for (int i = 0; i < g->nest.n; i++) {
    const Nest *n = &lw->nest.at[g->nest.at[i]];
    double out = (double)low_number(lw, shape_count(lw->cx, &n->shape));
    for (int s = 0; s < n->side.n; s++) {
      const Analysis *an = &n->side.at[s]->an;
      double domain = 1;
      for (int d = 0; d < an->axes; d++) domain *= (double)low_number(lw, an->extent[d]);
      bool folded = n->kind == NEST_FOLD && n->side.at[s]->of;
      if (folded) domain *= fold_share(lw->f, low_ins(lw, n->side.at[s]->of));
      if (n->kind != NEST_CONTRACT || s >= 2) k->flops += an->ops * domain;
      for (int a = 0; a < an->access.n; a++) {
        const Ins *leaf = low_ins(lw, an->access.at[a].leaf);
        if (read_before(n, s, an->access.at[a].leaf)) continue;
        k->bytes +=
            (double)low_number(lw, shape_count(lw->cx, &leaf->shape)) * type_info[leaf->type].bytes;
      }
      if (folded) k->flops += domain;
      if (n->kind == NEST_CONTRACT && s == 0) {
        double all = 1;
        for (int d = 0; d < an->axes; d++) all *= (double)low_number(lw, an->extent[d]);
        k->flops += 2 * all;
      }
    }
    for (int r = 0; r < n->root.n; r++)
      if (lw->place[n->root.at[r]].buf >= 0)
        k->bytes += out * type_info[low_ins(lw, n->root.at[r])->type].bytes;
  }
}

static void lower_nest(Low *lw, Nest *n) {
  switch (n->kind) {
  case NEST_MAP:
  case NEST_COPY: lower_map(lw, n); return;
  case NEST_FOLD: lower_fold(lw, n); return;
  case NEST_CONTRACT: lower_contract(lw, n); return;
  case NEST_SCATTER: lower_scatter(lw, n); return;
  case NEST_CALL: lower_call(lw, n); return;
  }
}

enum { PARALLEL_US = 30 }; /* less work than this is not worth waking anybody */

bool low_worth_sharing(const Low *lw, double flops, double bytes) {
  double us = flops / 4e4 + bytes / 1.6e4; /* 40 GFLOP/s, 16 GB/s */
  return lw->p->target.threads > 1 && us > PARALLEL_US;
}

static Val group_value(const Low *lw, const Group *g) {
  const Nest *n = &lw->nest.at[g->nest.at[g->nest.n - 1]];
  return n->kind == NEST_COPY || n->kind == NEST_CALL ? n->anchor : n->root.at[n->root.n - 1];
}

static void lower_group(Low *lw, Group *g) {
  Val v = group_value(lw, g);
  Kernel count = {0};
  count_work(lw, g, &count);
  lw->m = low_kernel(lw, value_name(lw, v), low_ins(lw, v)->span);
  lw->may_parallel = low_worth_sharing(lw, count.flops, count.bytes);
  if (g->slim) {
    lower_slim(lw, g);
    lw->m.k->flops = count.flops;
    lw->m.k->bytes = count.bytes;
    return;
  }
  const Shape *s = &lw->nest.at[g->nest.at[0]].shape;
  LoopMark mark[IR_MAX_RANK];
  int loops = 0;
  for (int d = 0; d < g->rows; d++) {
    lw->row[d] = axis_number(0);
    if (s->dim[d] != 1)
      lw->row[d] =
          axis_var(lw, low_for(lw, low_outermost(lw), "r", 0, s->dim[d], 1, &mark[loops++]));
  }
  lw->rows = g->rows;
  if (g->rows) lw->may_parallel = false;
  for (int i = 0; i < g->nest.n; i++) lower_nest(lw, &lw->nest.at[g->nest.at[i]]);
  while (loops > 0) low_end(lw, mark[--loops]);
  if (lw->m.k->call) return;     /* has counted its bodies */
  lw->m.k->flops += count.flops; /* terms that aren't there have been taken off */
  lw->m.k->bytes = count.bytes;
}

static void use(Low *lw, Kernel *k, Buf b) {
  for (int i = 0; i < k->uses.n; i++)
    if (k->uses.at[i] == b) return;
  vec_push(lw->cx->arena, &k->uses, b);
}

typedef struct UseBy {
  Low *lw;
  Kernel *k;
} UseBy;
static void use_by_call(void *arg, Buf b) {
  const UseBy *u = arg;
  use(u->lw, u->k, b);
}

static void uses_of_block(Low *lw, Kernel *k, const Block *b) {
  for (int i = 0; i < b->at.n; i++) {
    Stmt *s = b->at.at[i];
    Block *inner[ST_BLOCKS];
    if (s->kind == ST_STORE) use(lw, k, s->u.store.buf);
    if (s->kind == ST_TOUCH) use(lw, k, s->u.touch.buf);
    for (int j = 0, n = st_blocks(s, inner); j < n; j++) uses_of_block(lw, k, inner[j]);
  }
}

static void find_uses(Low *lw) {
  for (int i = 0; i < lw->p->kernel.n; i++) {
    Kernel *k = lw->p->kernel.at[i];
    if (k->call) call_uses(k->call, use_by_call, &(UseBy){lw, k});
    for (int e = 1; e < k->ex.n; e++)
      if (k->ex.at[e].kind == EX_LOAD) use(lw, k, k->ex.at[e].buf);
    uses_of_block(lw, k, &k->body);
  }
}

LoopProgram *loop_lower(const Fn *given, const Target *t) {
  IndexChecks checks = {0};
  const Fn *f = prepare_checks(given, &checks);
  LoopProgram *p = lower_program(f, t, &checks);
  p->given = given;
  return p;
}

const IndexCheck *loop_fault(const LoopProgram *p, const void *workspace, int64_t *index) {
  int64_t code;
  if (p->fault < 0) return NULL;
  memcpy(&code, (const char *)workspace + p->buf.at[p->fault].offset, sizeof code);
  if (!code) return NULL;
  *index = (int64_t)((uint64_t)code << (64 - INDEX_BITS)) >> (64 - INDEX_BITS);
  return &p->check.at[(code >> INDEX_BITS) - 1];
}

/* What is stored, what shares a kernel, and in which order. */
static Low *low_begin(const Fn *given, const Target *t, const IndexChecks *checks) {
  Cx *cx = given->cx;
  const Fn *f = loop_prepare(given);
  LoopProgram *p = NEW(cx->arena, LoopProgram);
  *p = (LoopProgram){.cx = cx, .name = f->name, .fn = f, .target = *t, .check = *checks};
  p->fault = -1;
  Low *lw = NEW(cx->arena, Low);
  *lw = (Low){.cx = cx, .arena = arena_new(cx), .f = f, .p = p, .slim = -1};
  lw->place = NEWS(lw->arena, Place, f->ins.n);
  lw->memo_head = NEWS(lw->arena, int32_t, f->ins.n);
  for (Val v = 0; v < f->ins.n; v++)
    lw->place[v].nest = lw->place[v].buf = lw->place[v].reg = lw->memo_head[v] = -1;
  group_values(lw);
  find_updates(lw);
  fuse_nests(lw);
  return lw;
}

bool *outputs_in_place(const Fn *f, const Target *t) {
  IndexChecks none = {0};
  Low *lw = low_begin(f, t, &none);
  bool *there = NEWS(f->cx->arena, bool, f->out.n + 1);
  for (int i = 0; i < f->out.n; i++)
    there[i] = f->out.at[i].alias >= 0 && !lw->through_temp[i] && !lw->stashed[i];
  arena_free(lw->arena);
  return there;
}

LoopProgram *lower_program(const Fn *given, const Target *t, const IndexChecks *checks) {
  Low *lw = low_begin(given, t, checks);
  Cx *cx = lw->cx;
  const Fn *f = lw->f;
  LoopProgram *p = lw->p;
  port_buffers(lw);
  value_buffers(lw);
  stash_buffers(lw);
  for (int i = 0; i < lw->group.n; i++) {
    lower_group(lw, &lw->group.at[i]);
    lw->group.at[i].kernel = p->kernel.n - 1; /* those before it pack operands */
  }
  for (int i = 0; i < p->kernel.n; i++) {
    low_first_terms(lw, p->kernel.at[i]);
    low_share(lw, p->kernel.at[i]);
    low_gather_once(lw, p->kernel.at[i]);
  }
  find_uses(lw);
  plan_memory(lw);
  p->stored = NEWS(cx->arena, bool, f->ins.n);
  for (Val v = 1; v < f->ins.n; v++) p->stored[v] = lw->place[v].buf >= 0;
  arena_free(lw->arena);
  return p;
}
