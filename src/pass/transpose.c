/* transpose.c: the transposes of the linear and bilinear instructions. All stay gathers: even the
 * adjoint of a window or of a strided view is a sum of reads, with zeros where a read falls
 * outside. Only the adjoint of a read at data-dependent places needs a scatter, and that of picking
 * one element per row doesn't: it is a comparison with the index. */
#include "pass/derive.h"

/* ---- view^T ----
 * y[i] = a[e(i)] with e_d(i) = (off_d + sum_k c_dk i_k) / den_d.  The adjoint is
 *   da[p] = sum of dy[i] over all i with e(i) = p.
 * For every dimension d one label k is solved for (its pivot): i_k = (den_d p_d - off_d - rest) /
 * c. The labels that no dimension solves for are summed over; a dimension left without a label to
 * solve for is an equation that must hold, put as the index of an axis of extent 1. */
typedef struct Affine { /* (off + sum of coef[l] * label l + sum of at_p[d] * p_d) / den */
  Dim off, label[IR_MAX_RANK], p[IR_MAX_RANK];
  int64_t den;
  bool solved;
} Affine;

typedef struct Transposer {
  Builder *b;
  Shape in, out;                /* of the view's operand and result */
  Affine solution[IR_MAX_RANK]; /* per label */
  Affine equation[IR_MAX_RANK]; /* that must be 0 */
  int nequations;
} Transposer;

static Affine affine_of(const ViewDim *d) {
  Affine e = {.off = d->off, .den = 1};
  for (int t = 0; t < d->n; t++) e.label[d->term[t].label] = d->term[t].coef;
  return e;
}

static void scale_numerator(Cx *cx, Affine *e, int64_t by) {
  e->off = dim_mul(cx, e->off, by);
  for (int k = 0; k < IR_MAX_RANK; k++) {
    e->label[k] = dim_mul(cx, e->label[k], by);
    e->p[k] = dim_mul(cx, e->p[k], by);
  }
  e->den *= by;
}

/* e without the labels that are solved already. A solution may name labels that were solved after
 * it, which come in anew; those were solved in terms of others, so there is an end. */
static Affine with_solutions(Transposer *t, Affine e) {
  Cx *cx = t->b->cx;
  for (int l = 0; l < t->out.rank; l++) {
    Dim c = e.label[l];
    if (c == 0 || !t->solution[l].solved) continue;
    const Affine *s = &t->solution[l];
    if (s->den != 1) scale_numerator(cx, &e, s->den); /* c * den * (S / den) = c * S */
    e.label[l] = 0;
    e.off = dim_add(cx, e.off, dim_mul(cx, c, s->off));
    for (int k = 0; k < IR_MAX_RANK; k++) {
      e.label[k] = dim_add(cx, e.label[k], dim_mul(cx, c, s->label[k]));
      e.p[k] = dim_add(cx, e.p[k], dim_mul(cx, c, s->p[k]));
    }
    l = -1; /* from the first label again */
  }
  return e;
}

/* The best label to solve for: smallest coefficient, then largest extent, so that the sum is short.
 */
static int pick_pivot(Transposer *t, const Affine *e) {
  int best = -1;
  for (int l = 0; l < t->out.rank; l++) {
    Dim c = e->label[l];
    if (c == 0 || !dim_is_number(c) || t->solution[l].solved) continue;
    if (best < 0) {
      best = l;
      continue;
    }
    int64_t size = c < 0 ? -c : c, old = e->label[best] < 0 ? -e->label[best] : e->label[best];
    Dim n = t->out.dim[l], m = t->out.dim[best];
    bool longer = dim_is_number(m) && (!dim_is_number(n) || n > m);
    if (size < old || (size == old && longer)) best = l;
  }
  return best;
}

/* With e = num/E:  c*i_k = den*E*p_d - num without its k-term; signs are kept in the numerator. */
static void solve_dimension(Transposer *t, const ViewDim *d, int dim) {
  Cx *cx = t->b->cx;
  Affine e = with_solutions(t, affine_of(d));
  int k = pick_pivot(t, &e);
  Dim c = k < 0 ? 1 : e.label[k], sign = c < 0 ? 1 : -1;
  if (k >= 0) e.label[k] = 0;
  Affine s = {.off = dim_mul(cx, e.off, sign), .den = c < 0 ? -c : c, .solved = true};
  for (int l = 0; l < IR_MAX_RANK; l++) {
    s.label[l] = dim_mul(cx, e.label[l], sign);
    s.p[l] = dim_mul(cx, e.p[l], sign);
  }
  s.p[dim] = dim_sub(cx, s.p[dim], dim_mul(cx, d->den * e.den, sign));
  if (k >= 0) t->solution[k] = s;
  else t->equation[t->nequations++] = s;
}

static void close_solutions(Transposer *t) {
  for (int l = 0; l < t->out.rank; l++)
    if (t->solution[l].solved) t->solution[l] = with_solutions(t, t->solution[l]);
  for (int i = 0; i < t->nequations; i++) t->equation[i] = with_solutions(t, t->equation[i]);
}

/* An index of the transposed view: result axes are the operand's dimensions, then the free labels.
 */
static ViewDim index_of(Transposer *t, const Affine *e, const int *free_axis) {
  ViewTerm *term = NEWS(t->b->cx->arena, ViewTerm, 2 * IR_MAX_RANK);
  ViewDim d = {e->off, e->den, 0, term};
  for (int p = 0; p < t->in.rank; p++)
    if (e->p[p] != 0) term[d.n++] = (ViewTerm){p, e->p[p]};
  for (int l = 0; l < t->out.rank; l++)
    if (e->label[l] != 0) term[d.n++] = (ViewTerm){free_axis[l], e->label[l]};
  return d;
}

static uint32_t unused_labels(const View *v, int rank) {
  uint32_t unused = (1u << rank) - 1;
  for (int d = 0; d < v->rank; d++)
    for (int t = 0; t < v->dim[d].n; t++) unused &= ~(1u << v->dim[d].term[t].label);
  return unused;
}

/* dy with an axis of extent 1 appended per equation. */
static Val with_unit_axes(Builder *b, Val dy, int n) {
  Shape s = *ir_shape(b, dy);
  for (int i = 0; i < n; i++) s.dim[s.rank++] = 1;
  return n ? ir_reshape(b, dy, &s) : dy;
}

static Val read_transposed(Transposer *t, Val dy) {
  Builder *b = t->b;
  Shape out = t->in;
  ViewDim dim[2 * IR_MAX_RANK];
  int free_axis[IR_MAX_RANK];
  uint32_t summed = 0;
  for (int l = 0; l < t->out.rank; l++) {
    if (t->solution[l].solved) continue;
    if (out.rank == IR_MAX_RANK)
      cx_bug(b->cx, "the adjoint of a view needs a rank above %d", IR_MAX_RANK);
    free_axis[l] = out.rank;
    summed |= 1u << out.rank;
    out.dim[out.rank++] = t->out.dim[l];
  }
  for (int l = 0; l < t->out.rank; l++) {
    Affine own = {.den = 1};
    own.label[l] = 1;
    dim[l] = index_of(t, t->solution[l].solved ? &t->solution[l] : &own, free_axis);
  }
  for (int i = 0; i < t->nequations; i++)
    dim[t->out.rank + i] = index_of(t, &t->equation[i], free_axis);
  View v = {t->out.rank + t->nequations, dim, false, false};
  Val wide = ir_view(b, with_unit_axes(b, dy, t->nequations), &out, &v);
  return ir_fold(b, OP_sum, wide, summed);
}

/* An axis of extent 1 that is always read at 0 says nothing about the labels. */
static bool says_nothing(const ViewDim *d, Dim extent) {
  return extent == 1 && d->n == 0 && d->off == 0;
}

/* ---- axes that count on ----
 * An index a*n*i + a*j with j in 0..n is a*m with m = n*i + j: the two axes of dy, one behind the
 * other, are one. Not where n is small, as in pooling: there a sum over j of reads, of which one is
 * inside, is made of n phases that each go along i (loop/prepare_window.c), which is faster. */
enum { FEW_PHASES = 4 };

static int uses_of_label(const View *v, int label) {
  int n = 0;
  for (int d = 0; d < v->rank; d++)
    for (int t = 0; t < v->dim[d].n; t++) n += v->dim[d].term[t].label == label;
  return n;
}

static bool find_run(Cx *cx, const View *v, const Shape *out, int *dim, int *i, int *j) {
  for (int d = 0; d < v->rank; d++) {
    const ViewDim *x = &v->dim[d];
    for (int p = 0; p < x->n; p++)
      for (int q = 0; q < x->n; q++) {
        int inner = x->term[q].label;
        if (dim_is_number(out->dim[inner]) && out->dim[inner] <= FEW_PHASES) continue;
        if (p == q || x->term[p].coef != dim_mul(cx, x->term[q].coef, out->dim[inner]) ||
            uses_of_label(v, x->term[p].label) > 1 || uses_of_label(v, inner) > 1)
          continue;
        *dim = d, *i = p, *j = q;
        return true;
      }
  }
  return false;
}

static Val transpose_view(Builder *b, const View *v, const Shape *in, Val dy);

/* The view's terms i (outer) and j (inner) of dimension `at` are one, and so are dy's axes. */
static Val transpose_run(Builder *b, const View *v, const Shape *in, Val dy, int at, int i, int j) {
  Shape out = *ir_shape(b, dy), merged = {0};
  int outer = v->dim[at].term[i].label, inner = v->dim[at].term[j].label;
  int32_t perm[IR_MAX_RANK], to[IR_MAX_RANK];
  for (int l = 0, k = 0; l < out.rank; l++) {
    if (l == inner) continue;
    to[l] = merged.rank;
    merged.dim[merged.rank++] =
        l == outer ? dim_mul(b->cx, out.dim[l], out.dim[inner]) : out.dim[l];
    perm[k++] = l;
    if (l == outer) perm[k++] = inner;
  }
  to[inner] = to[outer];
  ViewDim dim[IR_MAX_RANK];
  for (int d = 0; d < v->rank; d++) {
    ViewTerm *term = NEWS(b->cx->arena, ViewTerm, v->dim[d].n + 1);
    dim[d] = v->dim[d];
    dim[d].n = 0;
    dim[d].term = term;
    for (int t = 0; t < v->dim[d].n; t++)
      if (d != at || t != i)
        term[dim[d].n++] = (ViewTerm){to[v->dim[d].term[t].label], v->dim[d].term[t].coef};
  }
  View joined = {v->rank, dim, v->exact, false};
  return transpose_view(b, &joined, in, ir_reshape(b, ir_permute(b, dy, perm), &merged));
}

static Val transpose_view(Builder *b, const View *v, const Shape *in, Val dy) {
  Shape out = *ir_shape(b, dy);
  uint32_t unused = unused_labels(v, out.rank);
  if (unused) { /* what was broadcast is summed first */
    int32_t to[IR_MAX_RANK];
    Val small = ir_fold(b, OP_sum, dy, unused);
    for (int l = 0, k = 0; l < out.rank; l++) to[l] = unused >> l & 1 ? -1 : k++;
    ViewDim dim[IR_MAX_RANK];
    for (int d = 0; d < v->rank; d++) {
      ViewTerm *term = NEWS(b->cx->arena, ViewTerm, v->dim[d].n + 1);
      dim[d] = v->dim[d];
      for (int t = 0; t < dim[d].n; t++)
        term[t] = (ViewTerm){to[v->dim[d].term[t].label], v->dim[d].term[t].coef};
      dim[d].term = term;
    }
    View narrow = {v->rank, dim, v->exact, false};
    return transpose_view(b, &narrow, in, small);
  }
  int at, outer, inner;
  if (find_run(b->cx, v, &out, &at, &outer, &inner))
    return transpose_run(b, v, in, dy, at, outer, inner);
  Transposer *t = NEW(b->cx->arena, Transposer);
  *t = (Transposer){.b = b, .in = *in, .out = out};
  for (int pass = 0; pass < 2;
       pass++) /* dimensions of one label first: their solutions are the simplest */
    for (int d = 0; d < v->rank; d++)
      if ((v->dim[d].n == 1) == (pass == 0) && !says_nothing(&v->dim[d], in->dim[d]))
        solve_dimension(t, &v->dim[d], d);
  close_solutions(t);
  return read_transposed(t, dy);
}

/* ---- contract^T: exchange the result with the operand ---- */
static Val transpose_contract(Builder *b, const Ins *in, const Val *args, int i, Val dy) {
  const Contract *c = in->u.contract;
  int rank = ir_shape(b, args[i])->rank;
  Contract t = {.nlabels = c->nlabels, .nout = rank};
  memcpy(t.a, c->out, sizeof t.a);
  memcpy(t.b, i == 0 ? c->b : c->a, sizeof t.b);
  memcpy(t.out, i == 0 ? c->a : c->b, sizeof t.out);
  if (i == 0) return ir_contract(b, dy, args[1], &t);
  /* the operand stands first, as the source reads: x^T dy */
  memcpy(t.a, c->a, sizeof t.a);
  memcpy(t.b, c->out, sizeof t.b);
  return ir_contract(b, args[0], dy, &t);
}

/* ---- gather^T ---- */
/* The axis of the index tensors along which v counts 0, 1, 2, ..., or -1. */
static int counts_along(const Builder *b, Val v) {
  const Ins *i = ir_ins(b, v);
  if (i->op == OP_iota) return 0;
  if (i->op != OP_view || !i->u.view->exact || ir_ins(b, i->arg[0])->op != OP_iota) return -1;
  const ViewDim *d = &i->u.view->dim[0];
  return d->n == 1 && d->off == 0 && d->term[0].coef == 1 ? d->term[0].label : -1;
}

/* For every axis s of the index tensors, the gathered axis that counts along it; false if one has
 * none. */
static bool rows_of(const Builder *b, const Ins *in, const Val *args, int32_t *axis_of) {
  const Gather *g = in->u.gather;
  const Shape *s = ir_shape(b, args[1]), *full = ir_shape(b, args[0]);
  for (int k = 0; k < s->rank; k++) axis_of[k] = -1;
  for (int j = 0; j < g->naxes; j++) {
    int k = counts_along(b, args[j + 1]);
    if (k >= 0 && axis_of[k] < 0 && full->dim[g->axis[j]] == s->dim[k]) axis_of[k] = g->axis[j];
  }
  for (int k = 0; k < s->rank; k++)
    if (axis_of[k] < 0) return false;
  return true;
}

static bool is_row_axis(const int32_t *axis_of, int n, int axis) {
  for (int k = 0; k < n; k++)
    if (axis_of[k] == axis) return true;
  return false;
}

/* One element per row: da = if index == axis then dy else 0. */
static Val transpose_pick(Builder *b, const Ins *in, const Val *args, const int32_t *axis_of,
                          Val dy) {
  const Gather *g = in->u.gather;
  Shape full = *ir_shape(b, args[0]);
  int ns = ir_shape(b, args[1])->rank, at_n = ns;
  int32_t at[IR_MAX_RANK];
  memcpy(at, axis_of, (size_t)ns * sizeof *at);
  for (int axis = 0, j = 0; axis < full.rank; axis++) {
    if (j < g->naxes && g->axis[j] == axis) j++;
    else at[at_n++] = axis;
  }
  Val wide = ir_spread(b, dy, &full, at), mask = 0;
  for (int j = 0; j < g->naxes; j++) {
    if (is_row_axis(axis_of, ns, g->axis[j])) continue;
    DType t = ir_type(b, args[j + 1]);
    Val hit = ir_map2(b, OP_eq, ir_spread(b, args[j + 1], &full, axis_of),
                      ir_iota_along(b, t, &full, g->axis[j]));
    mask = mask ? ir_map2(b, OP_and, mask, hit) : hit;
  }
  return mask ? ir_map3(b, OP_select, mask, wide, ir_zeros_like(b, wide)) : wide;
}

static Val transpose_gather(Builder *b, const Ins *in, const Val *args, Val dy) {
  int32_t axis_of[IR_MAX_RANK];
  Shape full = *ir_shape(b, args[0]);
  if (rows_of(b, in, args, axis_of)) return transpose_pick(b, in, args, axis_of, dy);
  return ir_scatter(b, dy, args + 1, in->u.gather->axis, in->u.gather->naxes, &full);
}

/* ---- scatter^T: a gather, with zeros where the update was dropped ---- */
static Val transpose_scatter(Builder *b, const Ins *in, const Val *args, Val dy) {
  const Gather *g = in->u.gather;
  Val got = ir_gather(b, dy, args + 1, g->axis, g->naxes), inside = 0;
  Shape s = *ir_shape(b, args[1]);
  for (int j = 0; j < g->naxes; j++) {
    DType t = ir_type(b, args[j + 1]);
    if (ir_index_below(b->fn, args[j + 1], in->shape.dim[g->axis[j]])) continue;
    Val low = ir_map2(b, OP_ge, args[j + 1], ir_const_i(b, t, &s, 0));
    Val high = ir_map2(b, OP_lt, args[j + 1], ir_size(b, t, &s, in->shape.dim[g->axis[j]]));
    Val both = ir_map2(b, OP_and, low, high);
    inside = inside ? ir_map2(b, OP_and, inside, both) : both;
  }
  if (!inside) return got;
  int32_t at[IR_MAX_RANK];
  Shape wide = *ir_shape(b, got);
  for (int k = 0; k < s.rank; k++) at[k] = k;
  return ir_map3(b, OP_select, ir_spread(b, inside, &wide, at), got, ir_zeros_like(b, got));
}

Val transpose_ins(Builder *b, const Ins *in, const Val *args, int i, Val dy) {
  Shape operand = *ir_shape(b, args[i]);
  switch ((Op)in->op) {
  case OP_view: return transpose_view(b, in->u.view, &operand, dy);
  case OP_reshape: return ir_reshape(b, dy, &operand);
  case OP_gather: return i == 0 ? transpose_gather(b, in, args, dy) : 0;
  case OP_scatter: return i == 0 ? transpose_scatter(b, in, args, dy) : 0;
  case OP_contract: return transpose_contract(b, in, args, i, dy);
  default: cx_bug(b->cx, "%s has no transpose", op_info[in->op].name);
  }
}
