/* deferred.c: the gradient of a function as a derivative instruction, to be expanded later: when sizes are
 * numbers and it is known how much memory there is. */
#include "pass/walk.h"

Fn *pass_gradient_deferred(const Fn *f, const bool *wrt, bool with_value) {
  Walk w = walk_begin(f);
  const Ins *y = fn_ins(f, f->out.at[0].val);
  Val *args = NEWS(f->cx->arena, Val, f->in.n + 2);
  for (int i = 0; i < f->in.n; i++) args[i] = w.to[f->in.at[i].val];
  args[f->in.n] = ir_const_f(&w.b, (DType)y->type, NULL, 1);
  w.b.span = f->span;
  Val whole = ir_vjp(&w.b, (Fn *)f, wrt, args, f->in.n + 1);
  if (with_value) ir_output(&w.b, f->out.at[0].name, ir_part(&w.b, whole, 0));
  for (int i = 0, k = 1; i < f->in.n; i++)
    if (wrt[i]) ir_output(&w.b, name_fmt(f->cx, "d_%s", f->in.at[i].name), ir_part(&w.b, whole, k++));
  return ir_finish(&w.b);
}
