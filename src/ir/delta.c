/* delta.c: contractions with a basis. The directions of a Jacobian are 1 where two labels are equal
 * and 0 elsewhere: a view of a single 1, read at their difference. Contracting with it only renames
 * a label of the other operand, so that the Jacobian of a linear map is the map's own tensor,
 * moved:
 *
 *   sum_q delta[p, q] y[q, ..]  =>  y[p, ..] */
#include "ir/build.h"
#include "ir/build_parts.h"

typedef struct Pair { /* labels of the contraction that must be equal */
  int gone, stays;
} Pair;

static bool has(const uint8_t *label, int n, int l) {
  for (int i = 0; i < n; i++)
    if (label[i] == l) return true;
  return false;
}

/* An index l - m over two labels of one extent. */
static bool is_difference(const Ins *d, const ViewDim *e, int axis[2]) {
  if (e->n != 2 || e->off != 0 || e->den != 1) return false;
  Dim x = e->term[0].coef, y = e->term[1].coef;
  axis[0] = e->term[0].label, axis[1] = e->term[1].label;
  return ((x == 1 && y == -1) || (x == -1 && y == 1)) &&
         d->shape.dim[axis[0]] == d->shape.dim[axis[1]];
}

/* The pairs of a basis d whose labels are `own`; `other`: those of what it is contracted with. -1
 * where d is none, or a pair doesn't just rename. */
static int find_pairs(Builder *b, const Ins *d, const uint8_t *own, const uint8_t *other,
                      int nother, const Contract *c, Pair *pair) {
  int n = 0, axis[2];
  uint32_t seen = 0;
  if (d->op != OP_view || !ins_is_splat(ir_ins(b, d->arg[0]), 1)) return -1;
  const Shape *one = ir_shape(b, d->arg[0]);
  for (int k = 0; k < d->u.view->rank; k++) {
    if (one->dim[k] != 1) return -1;
    if (d->u.view->dim[k].n == 0 && d->u.view->dim[k].off == 0) continue;
    if (!is_difference(d, &d->u.view->dim[k], axis)) return -1;
    int x = own[axis[0]], y = own[axis[1]];
    if (has(other, nother, x)) x = own[axis[1]], y = own[axis[0]];
    bool renames = has(other, nother, y) && !has(c->out, c->nout, y) && has(c->out, c->nout, x) &&
                   !has(other, nother, x);
    uint32_t both = 1u << axis[0] | 1u << axis[1];
    if (!renames || (seen & both)) return -1;
    seen |= both;
    pair[n++] = (Pair){y, x};
  }
  for (int i = 0; i < d->shape.rank; i++) /* the others only broadcast */
    if (!(seen >> i & 1) && !has(c->out, c->nout, own[i])) return -1;
  return n;
}

Val delta_contract(Builder *b, Val x, Val y, const Contract *c, const Shape *out) {
  for (int side = 0; side < 2; side++) {
    const Ins d = *ir_ins(b, side ? y : x);
    Val other = side ? x : y;
    const uint8_t *own = side ? c->b : c->a, *label = side ? c->a : c->b;
    int32_t at[IR_MAX_RANK];
    Pair pair[IR_MAX_RANK];
    int rank = ir_shape(b, other)->rank, n = find_pairs(b, &d, own, label, rank, c, pair);
    if (n <= 0) continue;
    for (int i = 0; i < rank; i++) {
      int l = label[i];
      for (int k = 0; k < n; k++)
        if (pair[k].gone == label[i]) l = pair[k].stays;
      at[i] = -1;
      for (int k = 0; k < c->nout; k++)
        if (c->out[k] == l) at[i] = k;
      if (at[i] < 0) return 0;
    }
    return ir_spread(b, other, out, at);
  }
  return 0;
}
