/* prepare.c: rewrites of the function that only matter for the loops it becomes. In: a function without
 * derivatives. Out: an equal one (up to the order of sums), whose reductions do no work that
 * is known to be zero and whose sums of products are contractions.
 *
 *   sum over m of  X[.., m, k - s*m, ..] or 0,  where the second dimension has R < M indices
 *     is  sum over r < R of  X[.., (k - r)/s, r, ..] or 0
 *   (the adjoint of a window: only R of the M terms can be inside)
 *
 *   sum of a view of a product  is  sum of the product of views, which may be a contraction */
#include "loop/lower.h"

static int64_t magnitude(int64_t v) { return v < 0 ? -v : v; }

/* The dimension of the view that is label m alone, the one it shares with others and m's
 * coefficient there; false unless there is exactly one of each. */
static bool two_uses(const View *v, int m, int *alone, int *shared, Dim *coef) {
  *alone = *shared = -1;
  for (int d = 0; d < v->rank; d++)
    for (int t = 0; t < v->dim[d].n; t++) {
      if (v->dim[d].term[t].label != m) continue;
      const ViewDim *x = &v->dim[d];
      bool plain = x->n == 1 && x->term[0].coef == 1 && x->off == 0 && x->den == 1;
      int *slot = plain && *alone < 0 ? alone : shared;
      if (*slot >= 0 || x->den != 1) return false;
      *slot = d;
      if (slot == shared) *coef = x->term[t].coef;
    }
  return *alone >= 0 && *shared >= 0;
}

/* One summed label replaced by the position in the dimension it shares. */
static bool change_label(Cx *cx, View *v, ViewDim *dim, const Shape *x, Shape *out, int m) {
  int alone, shared;
  Dim s = 0;
  if (!two_uses(v, m, &alone, &shared, &s) || !dim_is_number(s)) return false;
  if (dim_le(cx, out->dim[m], x->dim[shared]) != 0 || x->dim[alone] != out->dim[m]) return false;
  /* r = rest + s*m, so m = (r - rest) / s: written with a positive denominator */
  const ViewDim *old = &dim[shared];
  int64_t sign = s < 0 ? -1 : 1;
  ViewTerm *term = NEWS(cx->arena, ViewTerm, old->n + 1);
  int n = 0;
  for (int t = 0; t < old->n; t++)
    term[n++] = old->term[t].label == m ? (ViewTerm){m, sign}
                                        : (ViewTerm){old->term[t].label, dim_mul(cx, -sign, old->term[t].coef)};
  ViewTerm *position = NEW(cx->arena, ViewTerm);
  *position = (ViewTerm){m, 1};
  dim[alone] = (ViewDim){dim_mul(cx, -sign, old->off), magnitude(s), n, term};
  dim[shared] = (ViewDim){0, 1, 1, position};
  out->dim[m] = x->dim[shared];
  return true;
}

static Val fewer_terms(Builder *b, Val x, uint32_t axes) {
  Ins in = *ir_ins(b, x);
  if (in.op != OP_view || in.u.view->exact) return x;
  const Shape *operand = ir_shape(b, in.arg[0]);
  ViewDim dim[IR_MAX_RANK];
  for (int d = 0; d < in.u.view->rank; d++) dim[d] = in.u.view->dim[d];
  View v = {.rank = in.u.view->rank, .dim = dim};
  Shape out = in.shape;
  bool changed = false;
  for (int m = 0; m < out.rank; m++)
    if (axes >> m & 1) changed |= change_label(b->cx, &v, dim, operand, &out, m);
  return changed ? ir_view(b, in.arg[0], &out, &v) : x;
}

static Val product_of_views(Builder *b, Val x) {
  Ins in = *ir_ins(b, x);
  if (in.op != OP_view || !in.u.view->exact) return x;
  Ins mul = *ir_ins(b, in.arg[0]);
  if (mul.op != OP_mul) return x;
  Val l = ir_view(b, mul.arg[0], &in.shape, in.u.view);
  Val r = ir_view(b, mul.arg[1], &in.shape, in.u.view);
  return ir_map2(b, OP_mul, l, r);
}

Fn *loop_prepare(const Fn *f) {
  Builder b = ir_begin(f->cx, f->name);
  b.fn->span = f->span;
  Val *to = NEWS(f->cx->arena, Val, f->ins.n);
  for (int i = 0; i < f->in.n; i++) {
    const Input *in = &f->in.at[i];
    to[in->val] = ir_input(&b, in->name, in->type, &in->shape, in->role, in->span);
  }
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (in->op == OP_arg) continue;
    Val *arg = NEWS(f->cx->arena, Val, in->nargs + 1);
    for (int k = 0; k < in->nargs; k++) arg[k] = to[in->arg[k]];
    b.span = in->span;
    if (in->op == OP_sum)
      arg[0] = product_of_views(&b, fewer_terms(&b, arg[0], in->u.axes));
    to[v] = ir_copy(&b, in, arg);
  }
  for (int i = 0; i < f->out.n; i++) ir_output(&b, f->out.at[i].name, to[f->out.at[i].val]);
  Fn *g = ir_finish(&b);
  for (int i = 0; i < f->out.n; i++) g->out.at[i].alias = f->out.at[i].alias;
  return g;
}
