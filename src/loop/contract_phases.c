/* contract_phases.c: operands that are read outside at known indices. In: a contraction that skips
 * such terms, whose axes are known. Out: which axes of the result are phases: at index p of such an
 * axis the operand is read at off + s*q + p, and q, which is summed, need not go as far as its
 * extent says: what lies behind the end is skipped. The adjoint of a strided convolution has them:
 * of a window of 3 by 3 with stride 2 the four phases have 4, 2, 2 and 1 of 4 products. Code is
 * made for each phase. */
#include "loop/contract.h"

/* The two axes that dimension f of an operand is read at, by number of the merged axes; false where
 * it is anything else. */
static bool two_axes(const ContractPlan *p, const Analysis *an, const Form *f, int *phase,
                     int *summed) {
  *phase = *summed = -1;
  if (f->opaque || !dim_is_number(f->off)) return false;
  for (int l = 0; l < an->axes; l++) {
    if (!f->coef[l] || an->extent[l] == 1) continue;
    int at = -1;
    for (int i = 0; i < p->count; i++)
      if (p->at[i].label == l && p->at[i].outer == l) at = i;
    if (at < 0 || !dim_is_number(f->coef[l]) || f->coef[l] < 1) return false;
    int *slot = p->at[at].out ? phase : summed;
    if (*slot >= 0) return false;
    *slot = at;
  }
  return *phase >= 0 && *summed >= 0;
}

/* Terms of the sum at each index of the phase axis; true where some have fewer than all. */
static bool count_terms(Label *x, const Form *f, int64_t extent, int64_t terms, int64_t step) {
  bool fewer = false;
  for (int64_t i = 0; i < x->number; i++) {
    int64_t first = f->off + f->coef[x->label] * i;
    if (first < 0) return false;
    int64_t inside = first >= extent ? 0 : (extent - 1 - first) / step + 1;
    x->terms[i] = MIN(inside, terms);
    fewer |= inside < terms;
  }
  return fewer;
}

void contract_phases(Low *lw, ContractPlan *p) {
  for (int i = 0; i < p->count; i++) p->at[i].phase_of = -1;
  if (!p->in->u.contract->skips) return; /* zeros are factors like others: times infinity, NaN */
  for (int k = 0; k < 2; k++) {
    const Analysis *an = &p->side[k]->an;
    if (an->access.n != 1 || !an->access.at[0].masked || an->maps) continue;
    const Access *a = &an->access.at[0];
    const Shape *leaf = &low_ins(lw, a->leaf)->shape;
    for (int d = 0; d < a->rank && !a->linear; d++) {
      const Form *f = &a->dim[d];
      int phase, summed;
      if (!two_axes(p, an, f, &phase, &summed)) continue;
      Label *x = &p->at[phase], *q = &p->at[summed];
      if (!dim_is_number(x->extent) || x->extent > MOST_PHASES || x->in[1 - k] ||
          x->phase_of >= 0 || !dim_is_number(q->extent) || !dim_is_number(leaf->dim[d]))
        continue;
      if (count_terms(x, f, leaf->dim[d], q->number, f->coef[q->label])) x->phase_of = summed;
    }
  }
}

double contract_phase_share(const ContractPlan *p) {
  double share = 1;
  for (int i = 0; i < p->count; i++) {
    const Label *x = &p->at[i];
    if (x->phase_of < 0) continue;
    double sum = 0;
    for (int64_t k = 0; k < x->number; k++) sum += (double)x->terms[k];
    share *= sum / (double)(x->number * p->at[x->phase_of].number);
  }
  return share;
}
