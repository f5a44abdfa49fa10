/* deferred.c: the gradient of a function's first output as a derivative instruction, to be expanded
 * later: when sizes are numbers and it is known how much memory there is. */
#include "ir/walk.h"
#include "pass/pass.h"

Fn *pass_gradient_deferred(const Fn *f, const bool *wrt, bool with_value) {
  Walk w = walk_begin(f);
  int n = f->in.n;
  Val *args = NEWS(f->cx->arena, Val, f->in.n + f->out.n + 1);
  for (int i = 0; i < f->in.n; i++) args[i] = w.to[f->in.at[i].val];
  for (int k = 0; k < f->out.n; k++) {
    const Ins *y = fn_ins(f, f->out.at[k].val);
    if (type_is_float((DType)y->type))
      args[n++] = ir_const_f(&w.b, (DType)y->type, &y->shape, k == 0);
  }
  w.b.span = f->span;
  Val whole = ir_vjp(&w.b, (Fn *)f, wrt, args, n);
  for (int k = 0; k < f->out.n && with_value; k++)
    ir_output(&w.b, f->out.at[k].name, ir_part(&w.b, whole, k));
  for (int i = 0, k = f->out.n; i < f->in.n; i++)
    if (wrt[i])
      ir_output(&w.b, name_fmt(f->cx, "d_%s", f->in.at[i].name), ir_part(&w.b, whole, k++));
  return ir_finish(&w.b);
}
