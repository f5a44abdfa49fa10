/* prepare_window.c: windows and their adjoints. In: a sum over a view. Out:
 * an equal value (up to the order of sums) that does no work known to
 * be zero, makes no tensor of windows, and divides no index:
 *
 *   sum over m of  X[.., m, off + k - s*m, ..] or 0,  where the second dimension has R < M indices
 *     is  sum over r < R of  X[.., (off + k - r)/s, r, ..] or 0
 *   (the adjoint of a window: only R of the M terms can be inside)
 *
 *   sum over r of  X[.., (off + k - r)/s, r, ..] or 0
 *     with k + off = s*K + p, and so r = s*q + p,
 *     is at (K, p)  sum over q of  X[.., K - q, s*q + p, ..] or 0
 *   (the adjoint of a strided window: s phases, each a window of its own; no read is at a fraction)
 *
 *     (and where the places are as many as the phases, no sum at all: the adjoint of cutting an
 * axis in blocks is to join them)
 *
 *   sum of a view of a contraction  is  a contraction of views, that skips what is read outside
 *   (the adjoint of a convolution: a convolution of the incoming gradient) */
#include "loop/prepare.h"

enum { MOST_PLACES = 256 }; /* of a window that has few of its terms at many of them */

static int64_t magnitude(int64_t v) { return v < 0 ? -v : v; }

typedef struct Window {
  Builder *b;
  Val x;         /* what is viewed */
  Shape in;      /* its shape */
  Shape out;     /* of the view */
  uint32_t axes; /* of out: summed */
  ViewDim dim[IR_MAX_RANK];
  /* per kept axis split in two: how many phases, where the wanted part begins, its extent; by
   * number of the first half */
  int64_t phases[IR_MAX_RANK], start[IR_MAX_RANK];
  Dim extent[IR_MAX_RANK];
  bool changed, split;
} Window;

/* ---- fewer terms ---- */
/* The dimension of the view that is label m alone, the one it shares with others and m's
 * coefficient there; false unless there is exactly one of each. */
static bool two_uses(const Window *w, int m, int *alone, int *shared, Dim *coef) {
  *alone = *shared = -1;
  for (int d = 0; d < w->in.rank; d++)
    for (int t = 0; t < w->dim[d].n; t++) {
      if (w->dim[d].term[t].label != m) continue;
      const ViewDim *x = &w->dim[d];
      bool plain = x->n == 1 && x->term[0].coef == 1 && x->off == 0 && x->den == 1;
      int *slot = plain && *alone < 0 ? alone : shared;
      if (*slot >= 0) return false;
      *slot = d;
      if (slot == shared) *coef = x->term[t].coef;
    }
  return *alone >= 0 && *shared >= 0;
}

/* Terms left of a window of so many places, with s phases where the shared index allows them. */
static Dim terms_left(const Window *w, const ViewDim *shared, int m, int64_t s, Dim places) {
  if (!dim_is_number(places) || s > -2 || shared->n != 2) return places;
  ViewTerm other = shared->term[shared->term[0].label == m];
  bool phases = other.coef == 1 && !(w->axes >> other.label & 1) && !w->phases[other.label];
  return phases && w->out.rank < IR_MAX_RANK ? (places - s - 1) / -s : places;
}

/* One summed label replaced by the position in the dimension it shares. */
static void change_label(Window *w, int m) {
  Cx *cx = w->b->cx;
  int alone, shared;
  Dim s = 0;
  if (!two_uses(w, m, &alone, &shared, &s) || w->dim[shared].den != 1 || !dim_is_number(s)) return;
  if (w->in.dim[alone] != w->out.dim[m]) return;
  Dim left = terms_left(w, &w->dim[shared], m, s, w->in.dim[shared]);
  if (dim_le(cx, w->out.dim[m], left) != 0) return;
  /* r = rest + s*m, so m = (r - rest) / s: written with a positive denominator */
  const ViewDim old = w->dim[shared];
  int64_t sign = s < 0 ? -1 : 1;
  ViewTerm *term = NEWS(cx->arena, ViewTerm, old.n + 1), *position = NEW(cx->arena, ViewTerm);
  int n = 0;
  for (int t = 0; t < old.n; t++)
    term[n++] = old.term[t].label == m
                    ? (ViewTerm){m, sign}
                    : (ViewTerm){old.term[t].label, dim_mul(cx, -sign, old.term[t].coef)};
  *position = (ViewTerm){m, 1};
  w->dim[alone] = (ViewDim){dim_mul(cx, -sign, old.off), magnitude(s), n, term};
  w->dim[shared] = (ViewDim){0, 1, 1, position};
  w->out.dim[m] = w->in.dim[shared];
  w->changed = true;
}

/* ---- phases ---- */
/* The index with label k replaced by s*k + p + off, p = k + 1, where all labels above k moved up.
 */
static ViewDim split_index(Cx *cx, const ViewDim *d, int k, int64_t s, int64_t off) {
  ViewTerm *term = NEWS(cx->arena, ViewTerm, d->n + 1);
  ViewDim r = {d->off, d->den, 0, term};
  for (int t = 0; t < d->n; t++) {
    ViewTerm x = d->term[t];
    if (x.label < k) term[r.n++] = x;
    if (x.label > k) term[r.n++] = (ViewTerm){x.label + 1, x.coef};
    if (x.label != k) continue;
    term[r.n++] = (ViewTerm){k, dim_mul(cx, x.coef, s)};
    term[r.n++] = (ViewTerm){k + 1, x.coef};
    r.off = dim_add(cx, r.off, dim_mul(cx, x.coef, off));
  }
  return r;
}

static int64_t floor_div(int64_t a, int64_t by) { return a >= 0 ? a / by : -((by - 1 - a) / by); }

static void insert_axis(Window *w, int at, int64_t extent) {
  for (int i = w->out.rank; i > at; i--) {
    w->out.dim[i] = w->out.dim[i - 1];
    w->phases[i] = w->phases[i - 1], w->start[i] = w->start[i - 1], w->extent[i] = w->extent[i - 1];
  }
  w->out.rank++;
  w->out.dim[at] = extent;
  w->phases[at] = 0;
  w->axes = (w->axes & ((1u << at) - 1)) | (w->axes >> at << (at + 1));
}

/* dim[shared] is (off + k - r)/s for summed r and kept k, and dim[alone] is r. Returns how far r
 * moved. */
static int split_phases(Window *w, int r) {
  Cx *cx = w->b->cx;
  int alone, shared;
  Dim coef = 0;
  if (!two_uses(w, r, &alone, &shared, &coef) || w->out.rank == IR_MAX_RANK) return 0;
  const ViewDim old = w->dim[shared];
  int64_t s = old.den;
  if (s < 2 || old.n != 2 || coef != -1) return 0;
  ViewTerm other = old.term[old.term[0].label == r];
  int k = other.label;
  if (other.coef != 1 || w->axes >> k & 1 || w->phases[k] || !dim_is_number(old.off)) return 0;
  int64_t begin = floor_div(old.off, s), rest = old.off - begin * s;
  Dim extent = w->out.dim[k];
  for (int d = 0; d < w->in.rank; d++)
    if (d != shared && d != alone) w->dim[d] = split_index(cx, &w->dim[d], k, s, -rest);
  insert_axis(w, k + 1, s);
  int moved = r > k;
  r += moved;
  ViewTerm *place = NEWS(cx->arena, ViewTerm, 2), *within = NEWS(cx->arena, ViewTerm, 2);
  place[0] = (ViewTerm){k, 1}, place[1] = (ViewTerm){r, -1};
  within[0] = (ViewTerm){r, s}, within[1] = (ViewTerm){k + 1, 1};
  w->dim[shared] = (ViewDim){begin, 1, 2, place};
  w->dim[alone] = (ViewDim){0, 1, 2, within};
  w->phases[k] = s, w->start[k] = rest, w->extent[k] = extent;
  w->out.dim[k] = dim_floor_div(cx, dim_add(cx, extent, rest + s - 1), s);
  w->out.dim[r] = dim_floor_div(cx, dim_add(cx, w->out.dim[r], s - 1), s);
  w->split = w->changed = true;
  return moved;
}

/* The halves of split axes as one again, cut to what is wanted. v: the kept axes. */
static Val join_phases(Window *w, Val v, bool *fine) {
  Builder *b = w->b;
  Shape joined = {0};
  int32_t axis[IR_MAX_RANK];
  for (int a = 0; a < w->out.rank; a++) {
    if (w->axes >> a & 1) continue;
    axis[joined.rank] = a;
    joined.dim[joined.rank++] = dim_mul(b->cx, w->out.dim[a], w->phases[a] ? w->phases[a] : 1);
    if (w->phases[a]) a++;
  }
  v = ir_reshape(b, v, &joined);
  *fine = true;
  for (int d = 0; d < joined.rank; d++) {
    int a = axis[d];
    if (!w->phases[a] || joined.dim[d] == w->extent[a]) continue;
    v = ir_slice(b, v, d, w->start[a], w->extent[a], 1);
    *fine = false;
  }
  return v;
}

/* ---- contractions ---- */
/* Operand k of the contraction under the view's labels and the contraction's own, which follow. */
static Val operand_view(Window *w, const Ins *dot, int k, const int *own, const Shape *all) {
  const Contract *c = dot->u.contract;
  const uint8_t *label = k ? c->b : c->a;
  ViewDim dim[IR_MAX_RANK];
  int rank = ir_shape(w->b, dot->arg[k])->rank;
  for (int d = 0; d < rank; d++) {
    int out = -1;
    for (int o = 0; o < c->nout; o++)
      if (c->out[o] == label[d]) out = o;
    if (out >= 0) {
      dim[d] = w->dim[out];
      continue;
    }
    ViewTerm *term = NEW(w->b->cx->arena, ViewTerm);
    *term = (ViewTerm){own[label[d]], 1};
    dim[d] = (ViewDim){0, 1, 1, term};
  }
  View v = {.rank = rank, .dim = dim};
  return ir_view(w->b, dot->arg[k], all, &v);
}

/* Whether some read of x is outside of what it views. */
static bool has_fill(const Builder *b, Val x) {
  for (;;) {
    const Ins *in = ir_ins(b, x);
    if (in->op == OP_view && !in->u.view->exact) return true;
    if (in->op != OP_view && in->op != OP_reshape && in->op != OP_stop) return false;
    x = in->arg[0];
  }
}

Val window_base(const Builder *b, Val v) {
  while (ir_ins(b, v)->op == OP_view) v = ir_ins(b, v)->arg[0];
  return v;
}

bool window_same_bases(const Builder *b, const Val *x, const Val *y) {
  Val base[] = {window_base(b, x[0]), window_base(b, x[1]), window_base(b, y[0]),
                window_base(b, y[1])};
  return (base[0] == base[2] && base[1] == base[3]) || (base[0] == base[3] && base[1] == base[2]);
}

/* The contraction below v, which may be behind views that only move its axes, with its terms
 * outside left out. 0: there is none of the operands of dot, of which each term is a product. */
static Val made_skip(Builder *b, Val v, const Ins *dot) {
  const Ins in = *ir_ins(b, v);
  if ((in.op == OP_view && in.u.view->exact) || in.op == OP_reshape) {
    Val inner = made_skip(b, in.arg[0], dot);
    if (!inner) return 0;
    return in.op == OP_view ? ir_view(b, inner, &in.shape, in.u.view)
                            : ir_reshape(b, inner, &in.shape);
  }
  if (in.op != OP_contract) return 0;
  if (!window_same_bases(b, in.arg, dot->arg)) return 0;
  Contract c = *in.u.contract;
  c.skips = true;
  v = ir_contract(b, in.arg[0], in.arg[1], &c);
  return ir_ins(b, v)->op == OP_contract && ir_ins(b, v)->u.contract->skips ? v : 0;
}

/* The sum of the product that open_contraction made: the terms outside are none. 0: they can't be
 * told from others. So it is where an operand has zeros of its own around it, which are factors,
 * and where the sum isn't a contraction of the two. */
static Val skipping_sum(Builder *b, const Ins *dot, Val product, uint32_t axes) {
  if (has_fill(b, dot->arg[0]) || has_fill(b, dot->arg[1])) return 0;
  return made_skip(b, ir_fold(b, OP_sum, product, axes), dot);
}

/* The product of the operands' views instead of the view of the contraction, where that isn't much
 * more work than the contraction was. */
static bool open_contraction(Window *w, Val *product, uint32_t *axes) {
  const Ins dot = *ir_ins(w->b, w->x);
  if (dot.op != OP_contract ||
      shape_expected(w->b->cx, &w->out) > 3 * shape_expected(w->b->cx, &w->in))
    return false;
  const Contract *c = dot.u.contract;
  int own[IR_MAX_RANK * 2];
  Shape all = w->out;
  *axes = w->axes;
  for (int l = 0; l < c->nlabels; l++) {
    bool kept = false;
    for (int o = 0; o < c->nout; o++) kept |= c->out[o] == l;
    if (kept) continue;
    if (all.rank == IR_MAX_RANK) return false;
    for (int k = 0; k < 2; k++) {
      const Shape *s = ir_shape(w->b, dot.arg[k]);
      for (int d = 0; d < s->rank; d++)
        if ((k ? c->b : c->a)[d] == l) all.dim[all.rank] = s->dim[d];
    }
    own[l] = all.rank;
    *axes |= 1u << all.rank++;
  }
  Val x = operand_view(w, &dot, 0, own, &all), y = operand_view(w, &dot, 1, own, &all);
  *product = ir_map2(w->b, OP_mul, x, y);
  return true;
}

Val window_sum(Builder *b, Val x, uint32_t axes, bool *fine) {
  *fine = false;
  Ins in = *ir_ins(b, x);
  if (in.op != OP_view || in.u.view->exact || shape_is_empty(&in.shape))
    return ir_fold(b, OP_sum, x, axes);
  Window w = {.b = b, .x = in.arg[0], .in = *ir_shape(b, in.arg[0]), .out = in.shape, .axes = axes};
  for (int d = 0; d < w.in.rank; d++) w.dim[d] = in.u.view->dim[d];
  for (int m = 0; m < w.out.rank; m++)
    if (axes >> m & 1) change_label(&w, m);
  for (int r = w.out.rank - 1; r >= 0; r--)
    if (w.axes >> r & 1) r += split_phases(&w, r);
  Val product;
  uint32_t summed;
  const Ins dot = *ir_ins(b, w.x);
  Val sum = open_contraction(&w, &product, &summed) ? skipping_sum(b, &dot, product, summed) : 0;
  if (!w.changed && !sum) return ir_fold(b, OP_sum, x, axes);
  View v = {.rank = w.in.rank, .dim = w.dim};
  if (!sum) sum = ir_fold(b, OP_sum, ir_view(b, w.x, &w.out, &v), w.axes);
  return w.split ? join_phases(&w, sum, fine) : sum;
}

/* ---- padding ---- */
static bool is_kept(const Contract *c, int label) {
  for (int o = 0; o < c->nout; o++)
    if (c->out[o] == label) return true;
  return false;
}

bool window_phases(const Ins *view, int d, const Contract *c, const uint8_t *label) {
  const ViewDim *x = &view->u.view->dim[d];
  if (x->den != 1 || x->n != 2 || x->off != 0) return false;
  bool first = is_kept(c, label[x->term[0].label]);
  ViewTerm p = x->term[!first], q = x->term[first];
  if (!is_kept(c, label[p.label]) || is_kept(c, label[q.label])) return false;
  Dim phases = view->shape.dim[p.label];
  return p.coef == 1 && dim_is_number(phases) && q.coef == phases && phases <= MOST_PHASES;
}

/* Reading a copy costs a pass over memory; masks cost every read. */
enum { READS_WORTH_PADDING = 24 };
enum { ENOUGH_STEPS = 8 }; /* of the sum inside loops with computed ends */

/* Of the terms for which dimension d of the view is read, the share inside; -1: it isn't a guard
 * on one summed index beside one kept one. */
static double share_inside(const Builder *b, const Ins *view, int d, const Contract *c,
                           const uint8_t *label) {
  const ViewDim *x = &view->u.view->dim[d];
  Dim extent = ir_shape(b, view->arg[0])->dim[d];
  if (view_dim_inside(b->cx, x, &view->shape, extent)) return 1;
  if (x->den != 1 || x->n != 2) return -1;
  bool first = is_kept(c, label[x->term[0].label]);
  ViewTerm h = x->term[!first], i = x->term[first];
  if (!is_kept(c, label[h.label]) || is_kept(c, label[i.label])) return -1;
  if (!dim_is_number(h.coef) || !dim_is_number(i.coef)) return -1;
  int64_t n = dim_expected(b->cx, view->shape.dim[h.label], 0), sum = 0;
  int64_t all = dim_expected(b->cx, view->shape.dim[i.label], 0);
  int64_t off = dim_expected(b->cx, x->off, 0), size = dim_expected(b->cx, extent, 0);
  if (n <= 0 || all <= 0 || n > MOST_PLACES) return -1;
  for (int64_t k = 0; k < n; k++)
    sum += terms_inside(i.coef, all, size, off + h.coef * k, off + h.coef * k);
  return (double)sum / (double)(n * all);
}

double window_share(const Builder *b, const Ins *view, const Contract *c, const uint8_t *label) {
  double share = 1;
  for (int d = 0; d < view->u.view->rank; d++) {
    double one = window_phases(view, d, c, label) ? 1 : share_inside(b, view, d, c, label);
    if (one < 0) return 1;
    share *= one;
  }
  return share;
}

/* The dimension of the viewed value that a summed label alone reads, the one with most indices; -1
 * where none has enough for a loop to be worth its ends. */
static int summed_dim(const Builder *b, const Ins *view, const Contract *c, const uint8_t *label) {
  int best = -1;
  int64_t most = ENOUGH_STEPS - 1;
  for (int d = 0; d < view->u.view->rank; d++) {
    const ViewDim *x = &view->u.view->dim[d];
    if (x->n != 1 || x->den != 1 || x->off != 0 || x->term[0].coef != 1) continue;
    int64_t n = dim_expected(b->cx, view->shape.dim[x->term[0].label], 0);
    if (!is_kept(c, label[x->term[0].label]) && n > most) best = d, most = n;
  }
  return best;
}

/* Places are kept and the fewer offsets summed: tiles of places read the same elements again and
 * again, one step of the sum after another. */
static bool slides(const Builder *b, const Ins *view, const Contract *c, const uint8_t *label) {
  for (int d = 0; d < view->u.view->rank; d++) {
    const ViewDim *x = &view->u.view->dim[d];
    int64_t most[2] = {0, 0}; /* summed, kept */
    for (int t = 0; t < x->n; t++) {
      int64_t n = dim_expected(b->cx, view->shape.dim[x->term[t].label], 0);
      int64_t *slot = &most[is_kept(c, label[x->term[t].label])];
      *slot = MAX(*slot, n);
    }
    if (most[0] && most[1] >= most[0]) return true;
  }
  return false;
}

/* A view of x by these dimensions, through a copy of x in whose memory dimension q comes last (-1:
 * as it is). Views compose: the operator between the two keeps the copy a value of its own. */
static Val copy_viewed(Builder *b, Val x, int q, const ViewDim *by, const Shape *shape) {
  int32_t perm[IR_MAX_RANK];
  ViewDim dim[IR_MAX_RANK];
  int n = 0, rank = ir_shape(b, x)->rank;
  for (int d = 0; d < rank; d++)
    if (d != q) perm[n++] = d;
  if (q >= 0) perm[n] = q;
  for (int d = 0; d < rank; d++) dim[d] = by[perm[d]];
  View v = {.rank = rank, .dim = dim};
  return ir_view(b, ir_map1(b, OP_stop, ir_permute(b, x, perm)), shape, &v);
}

Val window_sum_last(Builder *b, Val x, const Contract *c, const uint8_t *label, double reads) {
  const Ins in = *ir_ins(b, x);
  Shape from = *ir_shape(b, in.arg[0]);
  int q = summed_dim(b, &in, c, label), last = from.rank - 1;
  while (last > 0 && from.dim[last] == 1) last--;
  if (q < 0 || q == last) return q < 0 ? 0 : x;
  if (shape_expected(b->cx, &from) * READS_WORTH_PADDING > reads) return 0;
  return copy_viewed(b, in.arg[0], q, in.u.view->dim, &in.shape);
}

Val window_padded(Builder *b, Val x, const Contract *c, const uint8_t *label, double reads) {
  Ins in = *ir_ins(b, x);
  if (in.op != OP_view || in.u.view->exact) return x;
  Shape from = *ir_shape(b, in.arg[0]), padded = from;
  ViewDim outer[IR_MAX_RANK], inner[IR_MAX_RANK];
  ViewTerm own[IR_MAX_RANK];
  for (int d = 0; d < from.rank; d++) {
    ViewDim v = in.u.view->dim[d];
    Dim lo, hi, last = dim_sub(b->cx, from.dim[d], 1);
    if (v.den != 1 || !view_interval(b->cx, &v, &in.shape, &lo, &hi)) return x;
    if (dim_le(b->cx, 0, lo) == 1) lo = 0;
    if (dim_le(b->cx, hi, last) == 1) hi = last;
    if (dim_le(b->cx, lo, 0) != 1 || dim_le(b->cx, last, hi) != 1) return x;
    padded.dim[d] = dim_add(b->cx, dim_sub(b->cx, hi, lo), 1);
    own[d] = (ViewTerm){d, 1};
    inner[d] = (ViewDim){lo, 1, 1, &own[d]};
    v.off = dim_sub(b->cx, v.off, lo);
    outer[d] = v;
  }
  if (shape_expected(b->cx, &padded) * READS_WORTH_PADDING > reads) return x;
  View copy = {.rank = from.rank, .dim = inner};
  int q = slides(b, &in, c, label) ? summed_dim(b, &in, c, label) : -1;
  return copy_viewed(b, ir_view(b, in.arg[0], &padded, &copy), q, outer, &in.shape);
}
