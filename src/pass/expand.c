/* expand.c: replaces vjp, jvp and vmap by what they stand for, innermost first, so that the
 * derivative passes never meet one: a derivative of a derivative is a derivative of plain code.
 * needs: nothing   keeps: the values   breaks: nothing   after it: no vjp, jvp or vmap is left */
#include "pass/batch.h"
#include "pass/derive.h"

typedef struct Expander {
  Walk w;
  Val **parts; /* per old vjp/jvp: its results in the new function */
  bool failed;
} Expander;

static bool is_derivative(const Ins *in) {
  return in->op == OP_vjp || in->op == OP_jvp || in->op == OP_vmap;
}

/* Also inside of loops, branches and calls. */
static bool has_derivatives(const Fn *f) {
  const Fn *body[IR_MAX_BODIES];
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (is_derivative(in)) return true;
    for (int i = 0, n = ins_bodies(in, body); i < n; i++)
      if (has_derivatives(body[i])) return true;
  }
  return false;
}

static Fn *expand_body(const Fn *f, void *failed) {
  Fn *g = pass_expand(f);
  if (!g) *(bool *)failed = true;
  return g ? g : (Fn *)f;
}

static bool mapped(Builder *b, const Fn *f, const Shape *lead, const bool *wrt, const Val *args,
                   Val *parts) {
  if (!batch_suits_loop(f, lead)) return batch_into(b, f, lead, false, wrt, args, parts, NULL);
  batch_by_loop(b, f, lead, wrt, args, parts);
  return true;
}

static void expand_ins(Expander *x, Val v) {
  const Ins *in = fn_ins(x->w.f, v);
  const Body *body = in->u.body;
  Arena *a = x->w.b.cx->arena;
  const Fn *f = pass_expand(body->fn);
  if (!f) {
    x->failed = true;
    return;
  }
  Val *args = walk_args(&x->w, in), *parts = NEWS(a, Val, body->nparts + 1);
  bool *wrt = NEWS(a, bool, f->in.n + 1);
  for (int i = 0; i < f->in.n; i++) wrt[i] = body_wrt(body, i);
  Builder *b = &x->w.b;
  bool ok = in->op == OP_vmap ? mapped(b, f, &body->lead, wrt, args, parts)
            : in->op == OP_vjp
                ? adjoint_into(b, f, wrt, args, args + f->in.n, parts, parts + f->out.n)
                : tangent_into(b, f, wrt, args, args + f->in.n, parts, parts + f->out.n);
  x->failed |= !ok;
  x->parts[v] = parts;
}

Fn *pass_expand(const Fn *f) {
  if (!has_derivatives(f)) return (Fn *)f;
  Expander x = {walk_begin(f), NEWS(f->cx->arena, Val *, f->ins.n), false};
  for (Val v = 1; v < f->ins.n && !x.failed; v++) {
    const Ins *in = fn_ins(f, v);
    if (in->op == OP_arg) continue;
    if (is_derivative(in)) expand_ins(&x, v);
    else if (in->op == OP_part && x.parts[in->arg[0]]) x.w.to[v] = x.parts[in->arg[0]][in->u.i];
    else x.w.to[v] = walk_copy_bodies(&x.w, in, expand_body, &x.failed);
  }
  if (x.failed) return NULL;
  Fn *e = walk_end(&x.w);
  return fn_without_marks(e);
}
