/* flops.c: the arithmetic a function asks for, by its mathematics: a multiply-add is two, an
 * elementwise operator one, a reduction one per element. What bench divides by time. */
#include "loop/loop.h"

static double count(const Shape *s) {
  double n = 1;
  for (int d = 0; d < s->rank; d++) n *= dim_is_number(s->dim[d]) ? (double)s->dim[d] : 1;
  return n;
}

/* A loop's body as often as it may run; of a branch the dearer body. */
static double bodies_flops(const Ins *in) {
  if (in->op == OP_loop) {
    double one = fn_flops(in->u.loop->body) + (in->u.loop->cond ? fn_flops(in->u.loop->cond) : 0);
    return one * (dim_is_number(in->u.loop->trip) ? (double)in->u.loop->trip : 1);
  }
  if (in->op != OP_branch) return 0;
  double a = fn_flops(in->u.branch->then), b = fn_flops(in->u.branch->other);
  return MAX(a, b);
}

static double contract_flops(const Fn *f, const Ins *in) { /* every label once */
  const Contract *c = in->u.contract;
  double n = 2 * count(&f->ins.at[in->arg[0]].shape);
  const Shape *b = &f->ins.at[in->arg[1]].shape, *a = &f->ins.at[in->arg[0]].shape;
  for (int i = 0; i < b->rank; i++) {
    bool in_a = false;
    for (int k = 0; k < a->rank; k++) in_a |= c->a[k] == c->b[i];
    if (!in_a && dim_is_number(b->dim[i])) n *= (double)b->dim[i];
  }
  return n;
}

double ins_flops(const Fn *f, Val v) {
  const Ins *in = &f->ins.at[v];
  switch (op_kind(in->op)) {
  case KIND_MAP: return in->op != OP_stop ? count(&in->shape) : 0;
  case KIND_FOLD: return count(&f->ins.at[in->arg[0]].shape);
  case KIND_DOT: return contract_flops(f, in);
  case KIND_MOVE: return in->op == OP_scatter ? count(&f->ins.at[in->arg[0]].shape) : 0;
  case KIND_LOOP: return bodies_flops(in);
  default: return 0;
  }
}

double fn_flops(const Fn *f) {
  double flops = 0;
  for (Val v = 1; v < f->ins.n; v++) flops += ins_flops(f, v);
  return flops;
}
