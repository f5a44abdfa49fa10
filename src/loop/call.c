/* call.c: loops and branches: their bodies are lowered as programs of their own, and the kernel in the
 * caller says which buffers they are called with. */
#include "loop/lower.h"

static Buf buf_of(const Low *lw, Val v) { return lw->place[low_base(lw, v)].buf; }

/* Where part k goes: its value's storage, or a place nobody reads. */
static Buf part_buf(Low *lw, Val bundle, int k) {
  for (Val u = bundle + 1; u < lw->f->ins.n; u++) {
    const Ins *in = low_ins(lw, u);
    if (in->op == OP_part && in->arg[0] == bundle && in->u.i == k && lw->place[u].buf >= 0) return lw->place[u].buf;
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

static void carried_places(Low *lw, Call *c) {
  for (int i = 0; i < c->loop->ncarry; i++) {
    const Input *in = &c->loop->body->in.at[1 + i];
    Dim n = shape_count(lw->cx, &in->shape);
    vec_push(lw->cx->arena, &c->ping, low_buffer(lw, name_fmt(lw->cx, "%s'a", in->name ? in->name : "v"), BUF_TEMP, in->type, n));
    vec_push(lw->cx->arena, &c->pong, low_buffer(lw, name_fmt(lw->cx, "%s'b", in->name ? in->name : "v"), BUF_TEMP, in->type, n));
  }
}

void lower_call(Low *lw, Nest *n) {
  const Ins *in = low_ins(lw, n->anchor);
  bool loop = in->op == OP_loop;
  Call *c = NEW(lw->cx->arena, Call);
  Kernel *k = lw->m.k;
  *c = (Call){.loop = loop ? in->u.loop : NULL, .flag = -1};
  c->body = loop_lower(loop ? in->u.loop->body : in->u.branch->then, &lw->p->target);
  const Fn *second = loop ? in->u.loop->cond : in->u.branch->other;
  c->other = second ? loop_lower(second, &lw->p->target) : NULL;
  int first = !loop || in->u.loop->counted;
  if (first) c->flag = buf_of(lw, in->arg[0]);
  for (int i = first; i < in->nargs; i++) vec_push(lw->cx->arena, &c->in, buf_of(lw, in->arg[i]));
  for (int i = 0; i < ins_part_count(in); i++) vec_push(lw->cx->arena, &c->out, part_buf(lw, n->anchor, i));
  c->index = low_buffer(lw, name_of(lw->cx, "index"), BUF_TEMP, T_I64, 1);
  c->more = low_buffer(lw, name_of(lw->cx, "more"), BUF_TEMP, T_BOOL, 1);
  if (loop) carried_places(lw, c);
  c->workspace = low_buffer(lw, name_of(lw->cx, "inner"), BUF_TEMP, T_U8, larger_workspace(lw, c));
  k->call = c;
  k->flops = loop ? fn_flops(in->u.loop->body) * (double)low_number(lw, in->u.loop->trip) : fn_flops(in->u.branch->then);
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
