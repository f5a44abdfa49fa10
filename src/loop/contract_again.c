/* contract_again.c: sums that leave out what is read outside. In: a contraction that skips terms
 * (struct Contract). Out: the sum with a condition per term.
 *
 * Where a window's adjoint is a convolution of the incoming gradient, the zeros around that are no
 * gradients of anything: next to an infinite weight they must not make 0 * inf. Tiles don't ask:
 * they read zeros, since a term that isn't there only shows where the sum is no number. Then the
 * tile is summed again, term by term, which costs nothing in any other case. */
#include "loop/contract.h"

Ex contract_term(Low *lw, const Ins *in, const AxisIx *ia, const AxisIx *ib, Point pt, Ex sum,
                 Ex old) {
  Ex there =
      mask_and(lw, value_inside(lw, in->arg[0], ia, pt), value_inside(lw, in->arg[1], ib, pt));
  DType t = ex_type(lw, sum);
  if (!there) return sum;
  if (!old) old = ex_imm_i(&lw->m, t, pt.lanes, 0);
  return low_map(lw, OP_select, t, (Ex[]){ex_splat(&lw->m, there, pt.lanes), sum, old}, 3);
}

static bool is_out(const Contract *c, int label) {
  for (int d = 0; d < c->nout; d++)
    if (c->out[d] == label) return true;
  return false;
}

Ex contract_again(Low *lw, const Ins *in, AxisIx *ix, Point pt) {
  const Contract *c = in->u.contract;
  DType t = (DType)in->type;
  LoopMark mark[MAX_AXES];
  AxisIx before[MAX_AXES]; /* of the summed labels */
  int label[MAX_AXES], n = 0;
  Reg acc = st_let(&lw->m, ex_imm_i(&lw->m, t, pt.lanes, 0), name_of(lw->cx, "again"));
  const Shape *shape[] = {&low_ins(lw, in->arg[0])->shape, &low_ins(lw, in->arg[1])->shape};
  for (int d = 0; d < shape[0]->rank; d++) {
    if (is_out(c, c->a[d])) continue;
    label[n] = c->a[d];
    before[n] = ix[label[n]];
    ix[c->a[d]] = axis_var(lw, low_for(lw, FOR_SERIAL, "k", 0, shape[0]->dim[d], 1, &mark[n++]));
  }
  AxisIx at[2][IR_MAX_RANK];
  Ex x[2];
  for (int k = 0; k < 2; k++) {
    for (int d = 0; d < shape[k]->rank; d++) at[k][d] = ix[(k ? c->b : c->a)[d]];
    x[k] = value_reg(lw, in->arg[k], at[k], pt);
  }
  Ex old = ex_reg(&lw->m, acc);
  Ex sum = low_map(lw, OP_add, t, (Ex[]){old, low_map(lw, OP_mul, t, x, 2)}, 2);
  st_set(&lw->m, acc, contract_term(lw, in, at[0], at[1], pt, sum, ex_reg(&lw->m, acc)));
  while (n > 0) {
    low_end(lw, mark[--n]);
    ix[label[n]] = before[n];
  }
  return ex_reg(&lw->m, acc);
}
