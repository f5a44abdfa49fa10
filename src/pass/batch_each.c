/* batch_each.c: a function for every element of an axis by a loop over them, where its own loops
 * carry large values. One element's vectors are long enough there, what it carries changes in place
 * and stays in caches; step by step over all elements each step would go through everything.
 *
 *   y[b] = f(x[b], c)  for b in 0..lead: y scanned from x, c captured, nothing carried */
#include "pass/batch.h"

enum { LARGE = 128 * 128 }; /* elements */

static bool is_large(Cx *cx, const Shape *s) {
  Dim n = shape_count(cx, s);
  return dim_is_number(n) && n >= LARGE;
}

static bool carries_much(const Fn *f) {
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    const Fn *inner[IR_MAX_BODIES];
    for (int i = 0, n = ins_bodies(in, inner); i < n; i++)
      if (carries_much(inner[i])) return true;
    for (int i = 0; in->op == OP_loop && i < in->u.loop->ncarry; i++)
      if (is_large(f->cx, &in->u.loop->body->in.at[1 + i].shape)) return true;
  }
  return false;
}

bool batch_suits_loop(const Fn *f, const Shape *lead) {
  return lead->rank == 1 && dim_is_number(lead->dim[0]) && carries_much(f);
}

static Fn *body_for_each(const Fn *f, const bool *mapped) {
  Builder b = ir_begin(f->cx, f->name);
  Val *args = NEWS(f->cx->arena, Val, f->in.n + 1), *outs = NEWS(f->cx->arena, Val, f->out.n + 1);
  b.span = b.fn->span = f->span;
  ir_input(&b, name_of(f->cx, "each"), T_I64, &(Shape){0}, ROLE_ARG, f->span);
  for (int scanned = 1; scanned >= 0; scanned--)
    for (int i = 0; i < f->in.n; i++) {
      const Input *x = &f->in.at[i];
      if (mapped[i] == scanned)
        args[i] = ir_input(&b, x->name, x->type, &x->shape, ROLE_ARG, x->span);
    }
  ir_inline(&b, f, args, outs);
  for (int i = 0; i < f->out.n; i++) ir_output(&b, f->out.at[i].name, outs[i]);
  return ir_finish(&b);
}

void batch_by_loop(Builder *b, const Fn *f, const Shape *lead, const bool *mapped, const Val *args,
                   Val *outs) {
  Loop l = {.body = body_for_each(f, mapped), .trip = lead->dim[0], .ncollect = f->out.n};
  Val *operand = NEWS(b->cx->arena, Val, f->in.n + 1);
  int n = 0;
  for (int i = 0; i < f->in.n; i++)
    if (mapped[i]) operand[n++] = args[i];
  l.nscan = n;
  for (int i = 0; i < f->in.n; i++)
    if (!mapped[i]) operand[n++] = args[i];
  Val loop = ir_loop(b, &l, operand, n);
  for (int i = 0; i < f->out.n; i++) outs[i] = ir_part(b, loop, i);
}
