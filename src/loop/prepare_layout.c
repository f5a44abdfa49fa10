/* prepare_layout.c: the order in which the axes of intermediate values lie in memory. In: a
 * function whose windows are prepared. Out: an equal one in which the results of convolutions, and
 * what is computed from them element by element, have their channels as the last axis, behind views
 * that give them their own order. Views compose, so nothing is ever copied for it; channels are
 * what vectors run along without gaps, whatever the windows' strides are. Inputs and outputs keep
 * their order.
 *
 * "last" values are those made here: an axis that was not the last is their last one. */
#include "loop/prepare.h"

enum { CHANNELS_WORTH = 8 }; /* fewer channels than this don't fill a vector */

typedef struct Layout {
  Walk w;
  bool *output;
  Vec(Val) last;
} Layout;

static bool is_last(const Layout *l, Val v) {
  for (int i = 0; i < l->last.n; i++)
    if (l->last.at[i] == v) return true;
  return false;
}

/* The axis of v along which the elements of a "last" value lie side by side, where it isn't the
 * last axis of v; else -1. */
static int wanted_axis(const Layout *l, Val v) {
  const Ins *in = ir_ins(&l->w.b, v);
  if (in->op != OP_view || !is_last(l, in->arg[0])) return -1;
  const ViewDim *d = &in->u.view->dim[in->u.view->rank - 1];
  if (d->n != 1 || d->den != 1 || d->term[0].coef != 1) return -1;
  int axis = d->term[0].label;
  for (int k = axis + 1; k < in->shape.rank; k++)
    if (in->shape.dim[k] != 1) return axis;
  return -1;
}

/* perm: all axes but q in their order, then q; back undoes it */
static void axis_last(int rank, int q, int32_t *perm, int32_t *back) {
  int n = 0;
  for (int d = 0; d < rank; d++)
    if (d != q) perm[n++] = d;
  perm[n] = q;
  for (int d = 0; d < rank; d++) back[perm[d]] = d;
}

static Val made_last(Layout *l, Val v, const int32_t *back, Name hint) {
  ir_name(&l->w.b, v, hint);
  vec_push(l->w.b.cx->arena, &l->last, v);
  return ir_permute(&l->w.b, v, back);
}

static Val layout_map(Layout *l, const Ins *in, const Val *arg) {
  int q = -1;
  for (int k = 0; k < in->nargs && q < 0; k++) q = wanted_axis(l, arg[k]);
  if (q < 0) return 0;
  int32_t perm[IR_MAX_RANK], back[IR_MAX_RANK];
  Val moved[3];
  axis_last(in->shape.rank, q, perm, back);
  for (int k = 0; k < in->nargs; k++) moved[k] = ir_permute(&l->w.b, arg[k], perm);
  Ins same = *in;
  for (int d = 0; d < in->shape.rank; d++) same.shape.dim[d] = in->shape.dim[perm[d]];
  return made_last(l, ir_copy(&l->w.b, &same, moved), back, in->hint);
}

static Val layout_fold(Layout *l, const Ins *in, Val x) {
  int q = wanted_axis(l, x), rank = ir_shape(&l->w.b, x)->rank, kept = 0, place = 0;
  if (q < 0 || in->u.axes >> q & 1) return 0;
  for (int d = 0; d < rank; d++) {
    if (in->u.axes >> d & 1) continue;
    if (d == q) place = kept;
    kept++;
  }
  if (place == kept - 1) return 0;
  int32_t perm[IR_MAX_RANK], back[IR_MAX_RANK], unused[IR_MAX_RANK];
  axis_last(rank, q, perm, unused);
  uint32_t axes = 0;
  for (int d = 0; d < rank; d++)
    if (in->u.axes >> perm[d] & 1) axes |= 1u << d;
  axis_last(kept, place, unused, back);
  return made_last(l, ir_fold(&l->w.b, (Op)in->op, ir_permute(&l->w.b, x, perm), axes), back,
                   in->hint);
}

/* Axes joined or cut, but for the last one of the "last" value below. */
static Val layout_reshape(Layout *l, const Ins *in, Val x) {
  int q = wanted_axis(l, x), at = -1, rank = ir_shape(&l->w.b, x)->rank;
  if (q < 0) return 0;
  Shape from = *ir_shape(&l->w.b, x);
  int8_t first[IR_MAX_RANK], count[IR_MAX_RANK];
  if (reshape_split(l->w.b.cx, &in->shape, &from, first, count)) {
    for (int d = 0; d < in->shape.rank; d++)
      if (count[d] == 1 && first[d] == q) at = d;
  } else if (reshape_split(l->w.b.cx, &from, &in->shape, first, count) && count[q] == 1) {
    at = first[q];
  }
  if (at < 0) return 0;
  int32_t perm[IR_MAX_RANK], back[IR_MAX_RANK], unused[IR_MAX_RANK];
  axis_last(rank, q, perm, unused);
  Val z = ir_permute(&l->w.b, x, perm);
  if (!is_last(l, z)) return 0; /* not as it was made */
  Shape joined = {.rank = in->shape.rank};
  axis_last(in->shape.rank, at, perm, back);
  for (int d = 0; d < in->shape.rank; d++) joined.dim[d] = in->shape.dim[perm[d]];
  return made_last(l, ir_reshape(&l->w.b, z, &joined), back, in->hint);
}

/* ---- contractions ---- */
static int out_dim_of(const Contract *c, int label) {
  for (int d = 0; d < c->nout; d++)
    if (c->out[d] == label) return d;
  return -1;
}

/* Places and offsets of a window are in one dimension: places kept, offsets summed. */
static bool slides(const Layout *l, Val v, const Contract *c, const uint8_t *label) {
  const Ins *in = ir_ins(&l->w.b, v);
  if (in->op != OP_view) return false;
  for (int d = 0; d < in->u.view->rank; d++) {
    const ViewDim *x = &in->u.view->dim[d];
    int64_t kept = 0, summed = 0;
    for (int t = 0; t < x->n; t++) {
      int64_t n = dim_expected(l->w.b.cx, in->shape.dim[x->term[t].label], 0);
      if (out_dim_of(c, label[x->term[t].label]) >= 0) kept = MAX(kept, n);
      else summed = MAX(summed, n);
    }
    if (summed && kept >= summed) return true;
  }
  return false;
}

static bool has(const uint8_t *label, int rank, int which) {
  for (int d = 0; d < rank; d++)
    if (label[d] == which) return true;
  return false;
}

static Val layout_contract(Layout *l, const Ins *in, const Val *arg) {
  const Contract *c = in->u.contract;
  int q = -1;
  int64_t most = 0;
  for (int k = 0; k < 2 && q < 0; k++) {
    const uint8_t *mine = k ? c->b : c->a, *other = k ? c->a : c->b;
    int rank = ir_shape(&l->w.b, arg[k])->rank, others = ir_shape(&l->w.b, arg[1 - k])->rank,
        axis = wanted_axis(l, arg[k]);
    bool channels = axis >= 0 && out_dim_of(c, mine[axis]) < 0;
    if (!channels && !slides(l, arg[k], c, mine)) continue;
    int last = c->nout - 1; /* but for phases */
    while (last > 0 && has(other, others, c->out[last]) && !has(mine, rank, c->out[last]) &&
           dim_expected(l->w.b.cx, in->shape.dim[last], 0) <= MOST_PHASES)
      last--;
    if (!has(mine, rank, c->out[last])) continue; /* the other operand's labels are last already */
    for (int d = 0; d < c->nout; d++) {
      int64_t n = dim_expected(l->w.b.cx, in->shape.dim[d], 0);
      if (has(mine, rank, c->out[d]) || !has(other, others, c->out[d]) || n < CHANNELS_WORTH)
        continue;
      if (q < 0 || n > most) q = d, most = n;
    }
  }
  if (q < 0) return 0;
  int32_t perm[IR_MAX_RANK], back[IR_MAX_RANK];
  axis_last(c->nout, q, perm, back);
  Contract moved = *c;
  for (int d = 0; d < c->nout; d++) moved.out[d] = c->out[perm[d]];
  return made_last(l, ir_contract(&l->w.b, arg[0], arg[1], &moved), back, in->hint);
}

static Val layout_of(Layout *l, Val v, const Val *arg) {
  const Ins *in = fn_ins(l->w.f, v);
  if (op_kind(in->op) == KIND_MAP) return layout_map(l, in, arg);
  if (op_kind(in->op) == KIND_FOLD) return layout_fold(l, in, arg[0]);
  if (in->op == OP_reshape) return layout_reshape(l, in, arg[0]);
  if (in->op == OP_contract && !l->output[v]) return layout_contract(l, in, arg);
  return 0;
}

Fn *prepare_layout(const Fn *f) {
  Layout l = {.w = walk_begin(f), .output = NEWS(f->cx->arena, bool, f->ins.n)};
  for (int i = 0; i < f->out.n; i++) l.output[f->out.at[i].val] = true;
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (in->op == OP_arg) continue;
    Val *arg = walk_args(&l.w, in);
    l.w.b.span = in->span;
    Val r = layout_of(&l, v, arg);
    l.w.to[v] = r ? r : ir_copy(&l.w.b, in, arg);
  }
  return walk_end(&l.w);
}
