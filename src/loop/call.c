/* call.c: loops and branches: their bodies are lowered as programs of their own, and the kernel in
 * the caller says which buffers they are called with. */
#include "ir/cost.h"
#include "loop/lower.h"

#include <math.h>

static Buf operand(const Low *lw, const Ins *in, int k, Dim *from) {
  Buf b = lw->place[low_operand(lw, in, k, from)].buf;
  *from = dim_mul(lw->cx, *from, type_info[low_ins(lw, in->arg[k])->type].bytes);
  return b;
}

/* Where part k goes: its value's storage, or a place nobody reads. */
static Buf part_buf(Low *lw, Val bundle, int k) {
  for (Val u = bundle + 1; u < lw->f->ins.n; u++) {
    const Ins *in = low_ins(lw, u);
    if (in->op == OP_part && in->arg[0] == bundle && in->u.i == k && lw->place[u].buf >= 0)
      return lw->place[u].buf;
  }
  DType t;
  Shape s;
  ins_part(lw->cx, low_ins(lw, bundle), k, &t, &s);
  return low_buffer(lw, name_of(lw->cx, "unread"), BUF_TEMP, t, shape_count(lw->cx, &s));
}

static Dim larger_workspace(Low *lw, const Call *c) {
  Dim a = c->body->workspace, b = c->other ? c->other->workspace : 0;
  if (dim_le(lw->cx, a, b) == 1) return b;
  return dim_le(lw->cx, b, a) == 1 ? a : dim_add(lw->cx, a, b);
}

/* Two places per carried value. Where all iterations run, the last one's is where the value goes in
 * the end; of a single iteration there is one place only. */
static void carried_places(Low *lw, Call *c) {
  const Loop *l = c->loop;
  bool certain = !l->counted && !l->cond && dim_is_number(l->trip) && l->trip > 0;
  for (int i = 0; i < l->ncarry; i++) {
    if (c->stays[i]) {
      vec_push(lw->cx->arena, &c->ping, c->out.at[i]);
      vec_push(lw->cx->arena, &c->pong, c->out.at[i]);
      continue;
    }
    const Input *in = &l->body->in.at[1 + i];
    Dim n = shape_count(lw->cx, &in->shape);
    bool last_is_pong = (l->trip - 1) & 1;
    for (int pong = 0; pong < 2; pong++) {
      Name name = name_fmt(lw->cx, "%s'%c", in->name ? in->name : "v", 'a' + pong);
      bool last = certain && (pong == last_is_pong || l->trip == 1);
      Buf b = last ? c->out.at[i] : low_buffer(lw, name, BUF_TEMP, in->type, n);
      if (pong) vec_push(lw->cx->arena, &c->pong, b);
      else vec_push(lw->cx->arena, &c->ping, b);
    }
  }
}

/* Iterations that only make rows of their own run beside each other, where that is worth it and
 * comes out even: kernels need no meeting then, and what an iteration makes stays in the caches of
 * one worker. Where room is short there is one workspace. */
static bool shares_iterations(const Low *lw, const Loop *l, double flops) {
  bool alone = l->ncarry || l->counted || l->cond || !l->ncollect || !dim_is_number(l->trip);
  if (alone || lw->cx->bound.bytes || !low_worth_sharing(lw, flops, 0)) return false;
  return low_unevenness((double)l->trip, lw->p->target.threads) <= 1.15;
}

/* A step reads a short row of each of many tensors, often from the last to the first: too many and
 * too slow streams for the processor to foresee. Where they come from memory they are asked for
 * some steps before. Measured (21 rows of 14 f64, backwards, 550 ns a step): 590 instead of 780 to
 * 1040 ns with 1, 2 or 4 steps between. Long rows the processor foresees by itself. */
static const bool *rows_asked_for(Low *lw, const Call *c) {
  enum { ROW = 512, LINE = 64, LINES = 64 };
  const Loop *l = c->loop;
  double all = 0, lines = 0;
  if (!dim_is_number(l->trip)) return NULL;
  for (int i = 0; i < l->nscan + l->ncollect; i++) {
    Dim n = i < l->nscan ? loop_port_bytes(c->body, BUF_INPUT, 1 + l->ncarry + i)
                         : loop_port_bytes(c->body, BUF_OUTPUT, l->ncarry + i - l->nscan);
    if (!dim_is_number(n)) return NULL;
    all += (double)n * (double)l->trip;
  }
  if (all <= (double)lw->p->target.l2) return NULL;
  bool *asked = NEWS(lw->cx->arena, bool, l->nscan + 1), any = false;
  for (int i = 0; i < l->nscan; i++) {
    Dim row = loop_port_bytes(c->body, BUF_INPUT, 1 + l->ncarry + i);
    double more = ceil((double)row / LINE);
    if (!row || row > ROW || lines + more > LINES) continue;
    lines += more;
    asked[i] = any = true;
  }
  return any ? asked : NULL;
}

static const int *carried_inputs(Cx *cx, const Call *c) {
  int *input = NEWS(cx->arena, int, c->loop->ncarry + 1);
  for (int i = 0; i < c->loop->ncarry; i++) input[i] = c->stays[i] ? 1 + i : -1;
  return input;
}

/* The inputs whose place a branch's results go to, where they may change it. */
static const int *branch_places(Low *lw, Val bundle) {
  const Ins *call = low_ins(lw, bundle);
  int *input = branch_inputs(call, &lw->p->target), n = call->u.branch->then->out.n;
  bool *there = NEWS(lw->arena, bool, n + 1);
  for (Val u = bundle + 1; u < lw->f->ins.n; u++) {
    const Ins *in = low_ins(lw, u);
    const Place *p = &lw->place[u];
    if (in->op != OP_part || in->arg[0] != bundle || p->buf < 0 || input[in->u.i] < 0) continue;
    const Buffer *b = &lw->p->buf.at[p->buf];
    there[in->u.i] = b->kind == BUF_OUTPUT && b->same_as >= 0 &&
                     lw->f->in.at[b->same_as].val == call->arg[1 + input[in->u.i]];
  }
  for (int k = 0; k < n; k++)
    if (!there[k]) input[k] = -1;
  return input;
}

void lower_call(Low *lw, Nest *n) {
  const Ins *in = low_ins(lw, n->anchor);
  bool loop = in->op == OP_loop;
  Call *c = NEW(lw->cx->arena, Call);
  Kernel *k = lw->m.k;
  *c = (Call){.loop = loop ? in->u.loop : NULL, .flag = -1};
  IndexChecks none = {0};
  Dim names;
  double times = loop ? loop_steps(in->u.loop, &names) * (double)low_number(lw, names) : 1;
  k->flops = times * fn_flops(loop ? in->u.loop->body : in->u.branch->then);
  Target inside = lw->p->target;
  c->shared = loop && shares_iterations(lw, in->u.loop, k->flops);
  if (c->shared) inside.threads = 1;
  if (loop) c->stays = carried_that_stay(lw->cx, in->u.loop, &lw->p->target);
  const int *input = loop ? carried_inputs(lw->cx, c) : branch_places(lw, n->anchor);
  int nplaces = loop ? in->u.loop->ncarry : in->u.branch->then->out.n;
  const Fn *first_body = loop ? in->u.loop->body : in->u.branch->then;
  c->body = lower_program(body_in_place(first_body, input, nplaces), &inside, &none);
  const Fn *second = loop ? in->u.loop->cond : body_in_place(in->u.branch->other, input, nplaces);
  c->other = second ? lower_program(second, &inside, &none) : NULL;
  int first = !loop || in->u.loop->counted;
  Dim from;
  if (first) c->flag = operand(lw, in, 0, &from);
  for (int i = first; i < in->nargs; i++) {
    vec_push(lw->cx->arena, &c->in, operand(lw, in, i, &from));
    vec_push(lw->cx->arena, &c->from, from);
  }
  for (int i = 0; i < ins_part_count(in); i++)
    vec_push(lw->cx->arena, &c->out, part_buf(lw, n->anchor, i));
  BufKind own = c->shared ? BUF_LOCAL : BUF_TEMP;
  c->index = low_buffer(lw, name_of(lw->cx, "index"), own, T_I64, 1);
  c->more = low_buffer(lw, name_of(lw->cx, "more"), BUF_TEMP, T_BOOL, 1);
  if (loop) carried_places(lw, c);
  if (loop) c->asked = rows_asked_for(lw, c);
  c->workspace = low_buffer(lw, name_of(lw->cx, "inner"), own, T_U8, larger_workspace(lw, c));
  k->call = c;
}

void call_uses(const Call *c, void (*use)(void *arg, Buf b), void *arg) {
  if (c->flag >= 0) use(arg, c->flag);
  for (int i = 0; i < c->in.n; i++) use(arg, c->in.at[i]);
  for (int i = 0; i < c->out.n; i++) use(arg, c->out.at[i]);
  for (int i = 0; i < c->ping.n; i++) use(arg, c->ping.at[i]);
  for (int i = 0; i < c->pong.n; i++) use(arg, c->pong.at[i]);
  use(arg, c->index);
  use(arg, c->more);
  use(arg, c->workspace);
}

Dim loop_port_bytes(const LoopProgram *p, BufKind kind, int port) {
  for (int i = 0; i < p->buf.n; i++) {
    const Buffer *b = &p->buf.at[i];
    if (b->kind == kind && b->slot == port)
      return dim_mul(p->cx, b->count, type_info[b->type].bytes);
  }
  return 0;
}
