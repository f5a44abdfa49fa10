/* build_move.c: data movement: views and the shorthands for common ones, reshape, gather, scatter.
 */
#include "ir/build.h"
#include "ir/build_parts.h"

#include <math.h>

/* ---- views ---- */
bool view_interval(Cx *cx, const ViewDim *d, const Shape *out, Dim *lo, Dim *hi) {
  *lo = *hi = d->off;
  for (int t = 0; t < d->n; t++) {
    Dim top = dim_mul(cx, d->term[t].coef, dim_sub(cx, out->dim[d->term[t].label], 1));
    if (dim_le(cx, 0, d->term[t].coef) == 1) *hi = dim_add(cx, *hi, top);
    else if (dim_le(cx, d->term[t].coef, 0) == 1) *lo = dim_add(cx, *lo, top);
    else return false;
  }
  return true;
}

static bool dim_is_exact(Cx *cx, const ViewDim *d, Dim extent, const Shape *out) {
  Dim lo, hi;
  return d->den == 1 && view_interval(cx, d, out, &lo, &hi) && dim_le(cx, 0, lo) == 1 &&
         dim_le(cx, hi, dim_sub(cx, extent, 1)) == 1;
}

/* No index of the dimension is inside, whatever the labels. */
static bool dim_is_outside(Cx *cx, const ViewDim *d, Dim extent, const Shape *out) {
  Dim lo, hi;
  if (d->n == 0 && dim_is_number(d->off) && d->off % d->den) return true;
  if (!view_interval(cx, d, out, &lo, &hi)) return false;
  return dim_le(cx, hi, -1) == 1 ||
         dim_le(cx, dim_add(cx, dim_mul(cx, dim_sub(cx, extent, 1), d->den), 1), lo) == 1;
}

/* Terms sorted by label, equal labels joined, labels of extent 1 and zero coefficients gone, a
 * common factor with the denominator divided out. */
static ViewDim normal_dim(Cx *cx, const ViewDim *d, const Shape *out) {
  ViewTerm *term = NEWS(cx->arena, ViewTerm, IR_MAX_RANK);
  ViewDim r = {d->off, d->den, 0, term};
  for (int label = 0; label < out->rank; label++) {
    Dim coef = 0;
    for (int t = 0; t < d->n; t++)
      if (d->term[t].label == label) coef = dim_add(cx, coef, d->term[t].coef);
    if (coef != 0 && out->dim[label] != 1) term[r.n++] = (ViewTerm){label, coef};
  }
  bool even = r.den > 1;
  Dim q;
  for (int t = 0; t < r.n; t++) even = even && dim_divides(cx, term[t].coef, r.den, &q);
  even = even && (r.off == 0 || dim_divides(cx, r.off, r.den, &q));
  if (even) {
    for (int t = 0; t < r.n; t++) dim_divides(cx, term[t].coef, r.den, &term[t].coef);
    if (r.off != 0) dim_divides(cx, r.off, r.den, &r.off);
    r.den = 1;
  }
  return r;
}

static const View *normal_view(Builder *b, const Shape *in, const Shape *out, const View *v) {
  Cx *cx = b->cx;
  ViewDim *dim = NEWS(cx->arena, ViewDim, MAX(in->rank, 1));
  bool exact = true;
  for (int d = 0; d < in->rank; d++) {
    dim[d] = normal_dim(cx, &v->dim[d], out);
    bool inside = dim_is_exact(cx, &dim[d], in->dim[d], out);
    if (inside && in->dim[d] == 1) dim[d].n = 0, dim[d].off = 0; /* only one index is inside */
    exact = exact && inside;
  }
  View *r = NEW(cx->arena, View);
  exact = exact || shape_is_empty(out);
  *r = (View){in->rank, dim, exact, v->claim && !exact};
  return r;
}

static bool is_identity(const Shape *in, const Shape *out, const View *v) {
  if (!v->exact || !shape_eq(in, out)) return false;
  for (int d = 0; d < v->rank; d++) {
    const ViewDim *x = &v->dim[d];
    bool same = x->n == 1 && x->term[0].label == d && x->term[0].coef == 1 && x->off == 0;
    if (!same && in->dim[d] != 1) return false;
  }
  return true;
}

ViewDim view_substitute(Cx *cx, const ViewDim *inner, const View *outer) {
  int n = 0;
  for (int t = 0; t < inner->n; t++) n += outer->dim[inner->term[t].label].n;
  ViewTerm *term = NEWS(cx->arena, ViewTerm, MAX(n, 1));
  ViewDim r = {inner->off, inner->den, n, term};
  n = 0;
  for (int t = 0; t < inner->n; t++) {
    const ViewDim *o = &outer->dim[inner->term[t].label];
    r.off = dim_add(cx, r.off, dim_mul(cx, inner->term[t].coef, o->off));
    for (int k = 0; k < o->n; k++)
      term[n++] = (ViewTerm){o->term[k].label, dim_mul(cx, inner->term[t].coef, o->term[k].coef)};
  }
  return r;
}

static Val view_of_view(Builder *b, Val x, const Shape *out, const View *outer) {
  Ins in = *ir_ins(b, x);
  ViewDim dim[IR_MAX_RANK];
  for (int d = 0; d < in.u.view->rank; d++)
    dim[d] = view_substitute(b->cx, &in.u.view->dim[d], outer);
  View v = {in.u.view->rank, dim, false, in.u.view->claim};
  return ir_view(b, in.arg[0], out, &v);
}

/* Where the view x has the axes of what it reads in another order: outer reads them as they were
 * there, so that a read outside (which keeps the two views apart) doesn't need the other order in
 * memory. 0 where they are in order, or aren't one axis each. */
static Val view_in_order(Builder *b, Val x, const Shape *out, const View *outer) {
  const Ins *i = ir_ins(b, x);
  int32_t order[IR_MAX_RANK];
  int n = 0;
  uint32_t seen = 0;
  bool moved = false;
  for (int d = 0; d < i->u.view->rank; d++) {
    const ViewDim *at = &i->u.view->dim[d];
    if (at->n == 0) continue;
    if (at->n > 1 || at->den != 1 || n == i->shape.rank || seen >> at->term[0].label & 1) return 0;
    seen |= 1u << at->term[0].label;
    moved |= n > 0 && order[n - 1] > at->term[0].label;
    order[n++] = at->term[0].label;
  }
  if (!moved || n != i->shape.rank) return 0;
  ViewDim dim[IR_MAX_RANK];
  for (int k = 0; k < n; k++) dim[k] = outer->dim[order[k]];
  View v = {n, dim, false, outer->claim};
  return ir_view(b, relabel(b, x, order, n), out, &v);
}

static bool moves_axes(const View *v, const Shape *in, const Shape *out) {
  uint32_t seen = 0;
  for (int d = 0; d < v->rank; d++) {
    const ViewDim *x = &v->dim[d];
    if (x->n != 1 || x->off != 0 || x->den != 1 || x->term[0].coef != 1) return false;
    if (in->dim[d] != out->dim[x->term[0].label]) return false;
    seen |= 1u << x->term[0].label;
  }
  return v->exact && v->rank == out->rank && seen == (1u << v->rank) - 1;
}

Val ir_view(Builder *b, Val x, const Shape *out, const View *given) {
  const Ins *i = ir_ins(b, x);
  if (given->rank != i->shape.rank)
    cx_bug(b->cx, "a view of rank %d on rank %d", given->rank, i->shape.rank);
  const View *v = normal_view(b, &i->shape, out, given);
  i = ir_ins(b, x);
  if (is_identity(&i->shape, out, v)) return x;
  if (shape_is_empty(&i->shape))
    return ir_const_i(b, (DType)i->type, out, 0); /* nothing but fills */
  for (int d = 0; d < v->rank && !v->claim;
       d++) /* a claim that proves wrong is reported, not folded */
    if (dim_is_outside(b->cx, &v->dim[d], i->shape.dim[d], out))
      return ir_const_i(b, (DType)i->type, out, 0);
  if (ins_is_const(i) && (v->exact || ins_is_splat(i, 0)))
    return type_is_float((DType)i->type) ? ir_const_f(b, (DType)i->type, out, i->u.f)
                                         : ir_const_i(b, (DType)i->type, out, i->u.i);
  if (i->op == OP_size && v->exact) return ir_size(b, (DType)i->type, out, i->u.size);
  if (shape_is_empty(out)) return ir_const_i(b, (DType)i->type, out, 0);
  if (i->op == OP_view && v->exact) return view_of_view(b, x, out, v);
  if (i->op == OP_select) {
    Val side = view_of_choice(b, x, out, v);
    if (side) return side;
    i = ir_ins(b, x);
  }
  if (i->op == OP_view && i->u.view->exact) {
    Val plain = view_in_order(b, x, out, v);
    if (plain) return plain;
    i = ir_ins(b, x);
  }
  Ins ins = {.op = OP_view, .type = i->type, .nargs = 1, .arg = &x, .shape = *out, .u.view = v};
  return build_emit(b, &ins);
}

/* ---- which labels a value depends on (einsum, reductions) ---- */
uint32_t labels_used(const Builder *b, Val v) {
  const Ins *i = ir_ins(b, v);
  uint32_t used = 0;
  if (ins_is_const(i) || i->op == OP_size) return 0;
  if (i->op == OP_view) {
    for (int d = 0; d < i->u.view->rank; d++)
      for (int t = 0; t < i->u.view->dim[d].n; t++) used |= 1u << i->u.view->dim[d].term[t].label;
    return used;
  }
  for (int k = 0; k < i->shape.rank; k++)
    if (i->shape.dim[k] != 1) used |= 1u << k;
  return used;
}

/* Whether label a stands before label b within one dimension: the larger extent first, of equal
 * ones the larger step, so that the order doesn't depend on how the labels are numbered (a window
 * x[2*i + r] has its places before its offsets). */
static bool meets_first(const Ins *i, const ViewTerm *a, const ViewTerm *b) {
  Dim m = i->shape.dim[a->label], n = i->shape.dim[b->label];
  return m != n ? m > n : a->coef > b->coef;
}

/* The labels in the order in which a view's dimensions meet them. Returns how many of those in
 * `keep` it found. */
static int meeting_order(const Ins *i, uint32_t keep, int32_t *order) {
  int n = 0;
  for (int d = 0; d < i->u.view->rank; d++) {
    int first = n;
    const ViewTerm *met[IR_MAX_RANK];
    for (int t = 0; t < i->u.view->dim[d].n; t++) {
      const ViewTerm *term = &i->u.view->dim[d].term[t];
      int k = n - first;
      if (!(keep >> term->label & 1)) continue;
      keep &= ~(1u << term->label);
      for (n++; k > 0 && meets_first(i, term, met[k - 1]); k--) met[k] = met[k - 1];
      met[k] = term;
    }
    for (int k = first; k < n; k++) order[k] = met[k - first]->label;
  }
  return n;
}

/* A view under fewer labels, none of those it uses gone: its own indices under new numbers.
 * (Reading the view itself at 0 along the others would have to prove that they have an element 0.)
 */
static Val relabel_view(Builder *b, Val v, const Shape *out, const int32_t *order) {
  Ins i = *ir_ins(b, v);
  int32_t to[IR_MAX_RANK] = {0};
  ViewDim dim[IR_MAX_RANK];
  ViewTerm term[IR_MAX_RANK][IR_MAX_RANK];
  for (int k = 0; k < out->rank; k++) to[order[k]] = k;
  for (int d = 0; d < i.u.view->rank; d++) {
    dim[d] = i.u.view->dim[d];
    for (int t = 0; t < dim[d].n; t++)
      term[d][t] = (ViewTerm){to[dim[d].term[t].label], dim[d].term[t].coef};
    dim[d].term = term[d];
  }
  View w = {.rank = i.u.view->rank, .dim = dim, .claim = i.u.view->claim};
  return ir_view(b, i.arg[0], out, &w);
}

Val relabel(Builder *b, Val v, const int32_t *order, int n) {
  Shape in = *ir_shape(b, v), out = {.rank = n};
  for (int k = 0; k < n; k++) out.dim[k] = in.dim[order[k]];
  if (ir_ins(b, v)->op == OP_view) return relabel_view(b, v, &out, order);
  ViewDim dim[IR_MAX_RANK];
  ViewTerm term[IR_MAX_RANK];
  for (int d = 0; d < in.rank; d++) dim[d] = (ViewDim){0, 1, 0, NULL};
  for (int k = 0; k < n; k++) {
    term[k] = (ViewTerm){k, 1};
    dim[order[k]].n = 1;
    dim[order[k]].term = &term[k];
  }
  View w = {.rank = in.rank, .dim = dim};
  return ir_view(b, v, &out, &w);
}

Val restrict_labels(Builder *b, Val v, uint32_t keep, int32_t *order) {
  const Ins *i = ir_ins(b, v);
  int n = i->op == OP_view ? meeting_order(i, keep, order) : 0;
  uint32_t done = 0;
  for (int k = 0; k < n; k++) done |= 1u << order[k];
  for (int label = 0; label < i->shape.rank; label++)
    if (keep >> label & 1 && !(done >> label & 1)) order[n++] = label;
  return relabel(b, v, order, n);
}

/* ---- common views ---- */
Val ir_spread(Builder *b, Val x, const Shape *out, const int32_t *at) {
  Shape in = *ir_shape(b, x);
  ViewDim dim[IR_MAX_RANK];
  ViewTerm term[IR_MAX_RANK];
  for (int d = 0; d < in.rank; d++) {
    term[d] = (ViewTerm){at[d], 1};
    bool stretch = in.dim[d] == 1 && out->dim[at[d]] != 1;
    dim[d] = (ViewDim){0, 1, stretch ? 0 : 1, &term[d]};
  }
  View v = {in.rank, dim, false, false};
  return ir_view(b, x, out, &v);
}

Val ir_permute(Builder *b, Val x, const int32_t *perm) {
  Shape in = *ir_shape(b, x), out = {.rank = in.rank};
  int32_t at[IR_MAX_RANK];
  for (int i = 0; i < in.rank; i++) out.dim[i] = in.dim[perm[i]], at[perm[i]] = i;
  return ir_spread(b, x, &out, at);
}

Val ir_broadcast(Builder *b, Val x, const Shape *out) {
  int32_t at[IR_MAX_RANK];
  int rank = ir_shape(b, x)->rank;
  if (rank > out->rank) cx_bug(b->cx, "a broadcast from rank %d to rank %d", rank, out->rank);
  for (int i = 0; i < rank; i++) at[i] = out->rank - rank + i;
  return ir_spread(b, x, out, at);
}

/* x along `axis` is read at off + coef * i for i < count, the other axes as they are. */
static Val along_axis(Builder *b, Val x, int axis, Dim off, Dim coef, Dim count) {
  Shape out = *ir_shape(b, x);
  ViewDim dim[IR_MAX_RANK];
  ViewTerm term[IR_MAX_RANK];
  for (int d = 0; d < out.rank; d++) {
    term[d] = (ViewTerm){d, d == axis ? coef : 1};
    dim[d] = (ViewDim){d == axis ? off : 0, 1, 1, &term[d]};
  }
  out.dim[axis] = count;
  View v = {out.rank, dim, false, false};
  return ir_view(b, x, &out, &v);
}

Val ir_slice(Builder *b, Val x, int axis, Dim start, Dim count, int64_t step) {
  return along_axis(b, x, axis, start, step, count);
}

Val ir_pad(Builder *b, Val x, int axis, Dim before, Dim after) {
  Dim n = dim_add(b->cx, dim_add(b->cx, ir_shape(b, x)->dim[axis], before), after);
  return along_axis(b, x, axis, dim_sub(b->cx, 0, before), 1, n);
}

/* ---- reshape ---- */
/* Shapes that differ only in axes of extent 1: a view, which composes with others. */
static bool as_view(Builder *b, Val x, const Shape *out, Val *result) {
  const Shape *in = ir_shape(b, x);
  int32_t at[IR_MAX_RANK];
  int k = 0;
  for (int d = 0; d < in->rank; d++) {
    if (in->dim[d] == 1) {
      at[d] = -1;
      continue;
    }
    while (k < out->rank && out->dim[k] == 1) k++;
    if (k == out->rank || out->dim[k] != in->dim[d]) return false;
    at[d] = k++;
  }
  while (k < out->rank && out->dim[k] == 1) k++;
  if (k != out->rank) return false;
  ViewDim dim[IR_MAX_RANK];
  ViewTerm term[IR_MAX_RANK];
  for (int d = 0; d < in->rank; d++) {
    term[d] = (ViewTerm){at[d], 1};
    dim[d] = (ViewDim){0, 1, at[d] >= 0, &term[d]};
  }
  View v = {in->rank, dim, false, false};
  *result = ir_view(b, x, out, &v);
  return true;
}

Val ir_reshape(Builder *b, Val x, const Shape *out) {
  const Ins *i = ir_ins(b, x);
  if (shape_count(b->cx, &i->shape) != shape_count(b->cx, out))
    cx_bug(b->cx, "a reshape that changes the number of elements");
  if (shape_eq(&i->shape, out)) return x;
  Val v;
  if (as_view(b, x, out, &v)) return v;
  i = ir_ins(b, x);
  if (ins_is_const(i))
    return type_is_float((DType)i->type) ? ir_const_f(b, (DType)i->type, out, i->u.f)
                                         : ir_const_i(b, (DType)i->type, out, i->u.i);
  if (i->op == OP_size) return ir_size(b, (DType)i->type, out, i->u.size);
  if (i->op == OP_reshape) return ir_reshape(b, i->arg[0], out);
  Ins ins = {.op = OP_reshape, .type = i->type, .nargs = 1, .arg = &x, .shape = *out};
  return build_emit(b, &ins);
}

/* ---- gather and scatter ---- */
static void check_indices(Builder *b, const Val *index, const int32_t *axis, int n, int rank) {
  for (int i = 0; i < n; i++) {
    bool ok = type_is_int(ir_type(b, index[i])) &&
              shape_eq(ir_shape(b, index[i]), ir_shape(b, index[0])) && axis[i] >= 0 &&
              axis[i] < rank && (i == 0 || axis[i] > axis[i - 1]);
    if (!ok) cx_bug(b->cx, "index %d of a gather or scatter is wrong", i);
  }
}

static Shape rest_of(const Shape *full, const int32_t *axis, int n) {
  Shape r = {0};
  for (int d = 0, k = 0; d < full->rank; d++) {
    if (k < n && axis[k] == d) k++;
    else r.dim[r.rank++] = full->dim[d];
  }
  return r;
}

/* Indices are all i32, or all i64 where one of them is. */
static DType index_type(const Builder *b, const Val *index, int n) {
  for (int i = 0; i < n; i++)
    if (ir_type(b, index[i]) == T_I64) return T_I64;
  return T_I32;
}

static Val indexed(Builder *b, Op op, Val x, const Val *index, const int32_t *axis, int n,
                   const Shape *full, const Shape *result) {
  Val arg[IR_MAX_RANK + 1] = {x};
  Gather *g = NEW(b->cx->arena, Gather);
  g->naxes = n;
  g->full = *full;
  DType t = index_type(b, index, n);
  for (int i = 0; i < n; i++) arg[i + 1] = ir_cast(b, t, index[i]), g->axis[i] = axis[i];
  Ins ins = {.op = (uint8_t)op,
             .type = ir_ins(b, x)->type,
             .nargs = (uint16_t)(n + 1),
             .arg = arg,
             .shape = *result,
             .u.gather = g};
  return build_emit(b, &ins);
}

/* v is all of its operand with the axes in another order: to[d] is the operand's axis that is axis
 * d. */
static bool is_permutation(const Builder *b, Val v, int32_t *to) {
  const Ins *i = ir_ins(b, v);
  if (i->op != OP_view || !moves_axes(i->u.view, ir_shape(b, i->arg[0]), &i->shape)) return false;
  for (int d = 0; d < i->u.view->rank; d++) to[i->u.view->dim[d].term[0].label] = d;
  return true;
}

/* A gather from a tensor with permuted axes is one from the tensor, permuted: nothing is moved for
 * it. */
static Val gather_below(Builder *b, Val x, const int32_t *to, const Val *index, const int32_t *axis,
                        int n) {
  int rank = ir_shape(b, x)->rank, lead = ir_shape(b, index[0])->rank, place[IR_MAX_RANK], k = lead;
  Val below_index[IR_MAX_RANK];
  int32_t below_axis[IR_MAX_RANK], perm[IR_MAX_RANK];
  int m = 0;
  for (int d = 0; d < rank; d++) {
    int which = -1;
    for (int i = 0; i < n; i++)
      if (to[axis[i]] == d) which = i;
    if (which < 0) place[d] = k++;
    else below_index[m] = index[which], below_axis[m++] = d;
  }
  for (int i = 0; i < lead; i++) perm[i] = i;
  k = lead;
  for (int d = 0, i = 0; d < rank; d++) {
    if (i < n && axis[i] == d) i++;
    else perm[k++] = place[to[d]];
  }
  return ir_permute_choice(b, ir_gather(b, ir_ins(b, x)->arg[0], below_index, below_axis, n), perm);
}

Val ir_gather(Builder *b, Val x, const Val *index, const int32_t *axis, int n) {
  if (!n) return x;
  Shape full = *ir_shape(b, x), rest = rest_of(&full, axis, n);
  check_indices(b, index, axis, n, full.rank);
  Shape out = shape_join(b->cx, ir_shape(b, index[0]), &rest);
  int32_t to[IR_MAX_RANK];
  if (is_permutation(b, x, to)) return gather_below(b, x, to, index, axis, n);
  bool checked = false; /* somewhere above it is, and that must not be lost */
  for (int i = 0; i < n; i++) checked |= !ins_is_const(ir_ins(b, index[i]));
  if (shape_is_empty(&full) && (!checked || shape_is_empty(&out))) /* every index is outside */
    return ir_const_f(b, ir_type(b, x), &out, type_is_float(ir_type(b, x)) ? (double)NAN : 0);
  Val counted = build_counted_gather(b, x, index, axis, n, &out);
  return counted ? counted : indexed(b, OP_gather, x, index, axis, n, &full, &out);
}

Val ir_scatter(Builder *b, Val upd, const Val *index, const int32_t *axis, int n,
               const Shape *full) {
  if (!n) return upd;
  check_indices(b, index, axis, n, full->rank);
  Shape rest = rest_of(full, axis, n), want = shape_join(b->cx, ir_shape(b, index[0]), &rest);
  if (!shape_eq(&want, ir_shape(b, upd))) cx_bug(b->cx, "a scatter's update has the wrong shape");
  if (ins_is_splat(ir_ins(b, upd), 0) || shape_is_empty(&want))
    return ir_const_f(b, ir_type(b, upd), full, 0);
  return indexed(b, OP_scatter, upd, index, axis, n, full, full);
}
