/* walk.c: what every rewrite of a function begins with, does to most of its instructions, and ends
 * with. */
#include "ir/walk.h"

Walk walk_begin(const Fn *f) {
  Walk w = {.b = ir_begin(f->cx, f->name), .f = f, .to = NEWS(f->cx->arena, Val, f->ins.n)};
  w.b.fn->span = f->span;
  for (int i = 0; i < f->in.n; i++) {
    const Input *in = &f->in.at[i];
    w.to[in->val] = ir_input(&w.b, in->name, in->type, &in->shape, in->role, in->span);
  }
  return w;
}

Val *walk_args(Walk *w, const Ins *in) {
  Val *arg = NEWS(w->b.cx->arena, Val, in->nargs + 1);
  ir_map_args(in, w->to, arg);
  return arg;
}

Val walk_copy(Walk *w, const Ins *in) { return ir_copy(&w->b, in, walk_args(w, in)); }

Val walk_copy_bodies(Walk *w, const Ins *in, Fn *(*pass)(const Fn *body, void *arg), void *arg) {
  cx_poll(w->b.cx);
  Val *args = walk_args(w, in);
  if (!ins_has_bodies(in)) return ir_copy(&w->b, in, args);
  Ins copy = *in;
  Loop loop;
  Branch branch;
  Body call;
  if (in->op == OP_loop) {
    loop = *in->u.loop;
    loop.body = pass(loop.body, arg);
    if (loop.cond) loop.cond = pass(loop.cond, arg);
    copy.u.loop = &loop;
  } else if (in->op == OP_call) {
    call = *in->u.body;
    call.fn = pass(call.fn, arg);
    if (call.adjoint) call.adjoint = pass(call.adjoint, arg);
    if (call.tangent) call.tangent = pass(call.tangent, arg);
    copy.u.body = &call;
  } else {
    branch = (Branch){pass(in->u.branch->then, arg), pass(in->u.branch->other, arg)};
    copy.u.branch = &branch;
  }
  return ir_copy(&w->b, &copy, args);
}

Fn *fn_keep_inputs(const Fn *f, const bool *keep) {
  Walk w = {.b = ir_begin(f->cx, f->name), .f = f, .to = NEWS(f->cx->arena, Val, f->ins.n)};
  w.b.fn->span = f->span;
  for (int i = 0; i < f->in.n; i++) {
    const Input *in = &f->in.at[i];
    if (keep[i]) w.to[in->val] = ir_input(&w.b, in->name, in->type, &in->shape, in->role, in->span);
  }
  for (Val v = 1; v < f->ins.n; v++)
    if (fn_ins(f, v)->op != OP_arg) w.to[v] = walk_copy(&w, fn_ins(f, v));
  return walk_end(&w);
}

Fn *walk_end(Walk *w) {
  for (int i = 0; i < w->f->out.n; i++) {
    const Output *o = &w->f->out.at[i];
    ir_output(&w->b, o->name, w->to[o->val]);
    w->b.fn->out.at[i].alias = o->alias;
  }
  w->b.fn->nest = w->f->nest;
  return ir_finish(&w->b);
}

/* Constants that were marked as values (ir_opaque). */
static bool has_marks(const Fn *f) {
  const Fn *body[IR_MAX_BODIES];
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (in->op == OP_stop && ins_is_const(fn_ins(f, in->arg[0]))) return true;
    for (int i = 0, n = ins_bodies(in, body); i < n; i++)
      if (has_marks(body[i])) return true;
  }
  return false;
}

/* Copied, they are constants again: the builder folds the marks away. */
static Fn *copy_without_marks(const Fn *f, void *arg) {
  Walk w = walk_begin(f);
  for (Val v = 1; v < f->ins.n; v++)
    if (fn_ins(f, v)->op != OP_arg)
      w.to[v] = walk_copy_bodies(&w, fn_ins(f, v), copy_without_marks, arg);
  return walk_end(&w);
}

Fn *fn_without_marks(Fn *f) { return has_marks(f) ? copy_without_marks(f, NULL) : f; }

int32_t *fn_uses(const Fn *f) {
  int32_t *uses = NEWS(f->cx->arena, int32_t, f->ins.n);
  for (Val v = 1; v < f->ins.n; v++)
    for (int k = 0; k < fn_ins(f, v)->nargs; k++) uses[fn_ins(f, v)->arg[k]]++;
  for (int i = 0; i < f->out.n; i++) uses[f->out.at[i].val]++;
  return uses;
}
