/* build_fold.c: reductions and the bilinear instruction. */
#include "ir/build.h"
#include "ir/build_parts.h"

/* ---- reductions ---- */
static Shape without_axes(const Shape *s, uint32_t axes) {
  Shape r = {0};
  for (int i = 0; i < s->rank; i++)
    if (!(axes >> i & 1)) r.dim[r.rank++] = s->dim[i];
  return r;
}

static Dim extent_of_axes(Cx *cx, const Shape *s, uint32_t axes) {
  Dim n = 1;
  for (int i = 0; i < s->rank; i++)
    if (axes >> i & 1) n = dim_mul(cx, n, s->dim[i]);
  return n;
}

/* The axes in `drop` have extent 1 (or don't matter): x without them. */
static Val drop_axes(Builder *b, Val x, uint32_t drop) {
  int32_t order[IR_MAX_RANK];
  int n = 0, rank = ir_shape(b, x)->rank;
  for (int i = 0; i < rank; i++)
    if (!(drop >> i & 1)) order[n++] = i;
  Ins i = *ir_ins(b, x);
  if (i.op == OP_mul) /* stays a product, in which a sum may find a contraction */
    return ir_map2(b, OP_mul, relabel(b, i.arg[0], order, n), relabel(b, i.arg[1], order, n));
  return relabel(b, x, order, n);
}

static uint32_t axes_of_extent_1(const Shape *s, uint32_t axes) {
  uint32_t ones = 0;
  for (int i = 0; i < s->rank; i++)
    if (axes >> i & 1 && s->dim[i] == 1) ones |= 1u << i;
  return ones;
}

/* fold over A2 of (fold over A1 of x) is one fold over both: A2 numbers the axes left by A1. */
static uint32_t lift_axes(uint32_t inner, uint32_t outer) {
  uint32_t r = inner;
  for (int axis = 0, left = 0; axis < IR_MAX_RANK; axis++) {
    if (inner >> axis & 1) continue;
    if (outer >> left++ & 1) r |= 1u << axis;
  }
  return r;
}

/* Axes a view doesn't depend on: a sum over them multiplies, a maximum ignores them. */
static Val fold_unused(Builder *b, Op op, Val x, uint32_t axes) {
  const Ins *i = ir_ins(b, x);
  if (i->op != OP_view || op == OP_prod) return 0;
  uint32_t unused = axes & ~labels_used(b, x);
  if (!unused) return 0;
  int rank = i->shape.rank;
  Dim n = extent_of_axes(b->cx, &i->shape, unused);
  if (n == 0) return 0;                                   /* times nothing: 0 even of infinities */
  if (op != OP_sum && dim_le(b->cx, 1, n) != 1) return 0; /* the maximum of nothing */
  Val small = drop_axes(b, x, unused);
  uint32_t rest = 0;
  for (int axis = 0, left = 0; axis < rank; axis++) {
    if (unused >> axis & 1) continue;
    if (axes >> axis & 1) rest |= 1u << left;
    left++;
  }
  Val v = ir_fold(b, op, small, rest);
  if (op != OP_sum) return v;
  Shape s = *ir_shape(b, v);
  return ir_map2(b, OP_mul, v, ir_size(b, ir_type(b, v), &s, n));
}

static Val fold_constant(Builder *b, Op op, Val x, uint32_t axes) {
  Ins copy = *ir_ins(b, x); /* building moves instructions */
  const Ins *i = &copy;
  Shape out = without_axes(&i->shape, axes);
  Dim n = extent_of_axes(b->cx, &i->shape, axes);
  if (!ins_is_const(i)) return 0;
  double c = ins_const_value(i);
  DType t = (DType)i->type;
  if (op == OP_sum && n == 0) return ir_const_i(b, t, &out, 0); /* even of infinities */
  if (op == OP_sum) {
    Val k = type_is_float(t) ? ir_const_f(b, t, &out, c) : ir_const_i(b, t, &out, i->u.i);
    return ir_map2(b, OP_mul, k, ir_size(b, t, &out, n));
  }
  if (op == OP_prod) return c == 1 ? ir_const_f(b, t, &out, 1) : 0;
  if (dim_le(b->cx, 1, n) != 1) return 0;
  return type_is_float(t) ? ir_const_f(b, t, &out, c) : ir_const_i(b, t, &out, i->u.i);
}

/* sum(c*x) => c*sum(x), sum(-x) => -sum(x); not where c is 0, which would meet an overflow's
 * infinity */
static Val sum_of_scaled(Builder *b, Val x, uint32_t axes) {
  Ins i = *ir_ins(b, x);
  if (!type_is_float((DType)i.type)) return 0;
  if (i.op == OP_neg) return ir_map1(b, OP_neg, ir_fold(b, OP_sum, i.arg[0], axes));
  bool by_constant = (i.op == OP_mul || i.op == OP_div) && ins_is_const(ir_ins(b, i.arg[1]));
  double c = by_constant ? ins_const_value(ir_ins(b, i.arg[1])) : 0;
  if (c == 0) return 0;
  Shape out = without_axes(&i.shape, axes);
  Val s = ir_fold(b, OP_sum, i.arg[0], axes);
  return ir_map2(b, (Op)i.op, s, ir_const_f(b, (DType)i.type, &out, c));
}

Val ir_fold(Builder *b, Op op, Val x, uint32_t axes) {
  const Ins *i = ir_ins(b, x);
  if (op_info[op].kind != KIND_FOLD) cx_bug(b->cx, "%s is not a reduction", op_info[op].name);
  if (axes >> i->shape.rank) cx_bug(b->cx, "%s over an axis its operand lacks", op_info[op].name);
  if (op_info[op].typing == TY_NUM && i->type == T_BOOL)
    cx_bug(b->cx, "%s of bool", op_info[op].name);
  if (!axes) return x;
  if (op_info[op].typing == TY_NUM && i->type == T_U8) /* equal modulo 256 */
    return ir_cast(b, T_U8, ir_fold(b, op, ir_cast(b, T_I32, x), axes));
  uint32_t ones = axes_of_extent_1(&i->shape, axes);
  if (ones) {
    uint32_t rest = 0;
    for (int axis = 0, left = 0; axis < i->shape.rank; axis++)
      if (!(ones >> axis & 1)) rest |= (axes >> axis & 1) << left++;
    return ir_fold(b, op, drop_axes(b, x, ones), rest);
  }
  if (i->op == op) return ir_fold(b, op, i->arg[0], lift_axes(i->u.axes, axes));
  Val v = fold_constant(b, op, x, axes);
  if (!v) v = fold_unused(b, op, x, axes);
  if (!v && op == OP_sum) v = sum_of_scaled(b, x, axes);
  if (!v && op == OP_sum) v = sum_of_merged(b, x, axes);
  const Ins *in = ir_ins(b, x);
  bool product = in->op == OP_mul && !ins_is_const(ir_ins(b, in->arg[1]));
  bool terms = in->op == OP_add || in->op == OP_sub;
  if (!v && op == OP_sum && product) v = einsum_of_product(b, x, axes);
  if (!v && op == OP_sum && terms) v = einsum_of_sum(b, x, axes);
  if (v) return v;
  i = ir_ins(b, x);
  Ins fold = {.op = (uint8_t)op,
              .type = i->type,
              .nargs = 1,
              .arg = &x,
              .shape = without_axes(&i->shape, axes),
              .u.axes = axes};
  return build_emit(b, &fold);
}

/* ---- contract ---- */
static uint32_t label_set(const uint8_t *label, int n) {
  uint32_t s = 0;
  for (int i = 0; i < n; i++) s |= 1u << label[i];
  return s;
}

static void check_contract(Builder *b, const Ins *x, const Ins *y, const Contract *c, int nout) {
  uint32_t a = label_set(c->a, x->shape.rank), d = label_set(c->b, y->shape.rank),
           o = label_set(c->out, nout);
  for (int l = 0; l < c->nlabels; l++)
    if ((a >> l & 1) + (d >> l & 1) + (o >> l & 1) < 2)
      cx_bug(b->cx, "label %d of a contraction is in one tensor only", l);
  if (x->type != y->type || !type_is_float((DType)x->type))
    cx_bug(b->cx, "a contraction of unequal types");
}

/* Extent of every label; the operands must agree. */
static void label_extents(Builder *b, const Ins *x, const Ins *y, const Contract *c, Dim *extent) {
  for (int i = 0; i < IR_MAX_RANK * 2; i++) extent[i] = -1;
  for (int i = 0; i < x->shape.rank; i++) extent[c->a[i]] = x->shape.dim[i];
  for (int i = 0; i < y->shape.rank; i++) {
    Dim *e = &extent[c->b[i]];
    if (*e != -1 && *e != y->shape.dim[i])
      cx_bug(b->cx, "a contraction's operands disagree about label %d", c->b[i]);
    *e = y->shape.dim[i];
  }
}

/* Both operands over all labels, multiplied and summed: the definition. The builder finds the
 * contraction in it again where there is one, with every needless label gone. */
static Val contract_by_definition(Builder *b, Val x, Val y, const Contract *c, const Dim *extent,
                                  int nout) {
  if (c->nlabels > IR_MAX_RANK) cx_bug(b->cx, "a contraction over %d labels", c->nlabels);
  Shape all = {.rank = c->nlabels};
  int32_t at[IR_MAX_RANK], place[IR_MAX_RANK * 2];
  uint32_t summed = 0, out = label_set(c->out, nout);
  int next = 0;
  for (int i = 0; i < nout; i++)
    place[c->out[i]] = next++; /* result labels first, in their order */
  for (int l = 0; l < c->nlabels; l++)
    if (!(out >> l & 1)) place[l] = next, summed |= 1u << next++;
  for (int l = 0; l < c->nlabels; l++) all.dim[place[l]] = extent[l];
  int rx = ir_shape(b, x)->rank, ry = ir_shape(b, y)->rank;
  for (int i = 0; i < rx; i++) at[i] = place[c->a[i]];
  Val p = ir_spread(b, x, &all, at);
  for (int i = 0; i < ry; i++) at[i] = place[c->b[i]];
  Val q = ir_spread(b, y, &all, at);
  return ir_fold(b, OP_sum, ir_map2(b, OP_mul, p, q), summed);
}

static bool plain_operand(const Builder *b, Val v) {
  const Ins *i = ir_ins(b, v);
  uint32_t all = 0;
  for (int k = 0; k < i->shape.rank; k++)
    if (i->shape.dim[k] != 1) all |= 1u << k;
  if (ins_is_const(i) || i->op == OP_size) return false;
  return labels_used(b, v) == all && all == (1u << i->shape.rank) - 1;
}

/* Labels numbered in the order they are met in a, then b: one contraction, one spelling. */
static const Contract *number_labels(Builder *b, const Contract *c, int na, int nb) {
  uint8_t to[IR_MAX_RANK * 2];
  memset(to, 0xFF, sizeof to);
  Contract *r = NEW(b->cx->arena, Contract);
  r->nlabels = c->nlabels;
  r->nout = c->nout;
  r->skips = c->skips;
  uint8_t next = 0;
  for (int i = 0; i < na; i++) r->a[i] = to[c->a[i]] = next++;
  for (int i = 0; i < nb; i++) {
    if (to[c->b[i]] == 0xFF) to[c->b[i]] = next++;
    r->b[i] = to[c->b[i]];
  }
  for (int i = 0; i < c->nout; i++) r->out[i] = to[c->out[i]];
  return r;
}

/* x with its axes in the one order they have in contractions, `label` rearranged along: a permuted
 * operand is the operand itself under other labels. */
static Val in_order(Builder *b, Val x, uint8_t *label) {
  int32_t order[IR_MAX_RANK];
  uint8_t old[IR_MAX_RANK];
  int rank = ir_shape(b, x)->rank;
  if (ir_ins(b, x)->op != OP_view) return x;
  memcpy(old, label, sizeof old);
  Val v = restrict_labels(b, x, (1u << rank) - 1, order);
  for (int k = 0; k < rank; k++) label[k] = old[order[k]];
  return v;
}

/* Places that are kept and offsets that are summed are in one dimension of what the view reads. */
static bool slides(const Ins *in, uint32_t axes) {
  if (in->op != OP_view) return false;
  for (int d = 0; d < in->u.view->rank; d++) {
    uint32_t labels = 0;
    for (int t = 0; t < in->u.view->dim[d].n; t++) labels |= 1u << in->u.view->dim[d].term[t].label;
    if ((labels & axes) && (labels & ~axes)) return true;
  }
  return false;
}

bool ir_window_operands(Builder *b, Val mul, uint32_t axes, Val x[2], Contract *c) {
  Ins m = *ir_ins(b, mul);
  if (m.op != OP_mul || !type_is_float((DType)m.type)) return false;
  uint32_t used[2], all = (1u << m.shape.rank) - 1;
  bool windows = false;
  for (int k = 0; k < 2; k++) {
    used[k] = labels_used(b, m.arg[k]);
    windows |= slides(ir_ins(b, m.arg[k]), axes);
  }
  if (!windows || (used[0] | used[1]) != all || (used[0] & used[1] & axes) != axes) return false;
  *c = (Contract){.nlabels = m.shape.rank};
  for (int k = 0; k < 2; k++) {
    int32_t order[IR_MAX_RANK];
    x[k] = restrict_labels(b, m.arg[k], used[k], order);
    for (int d = 0; d < ir_shape(b, x[k])->rank; d++) (k ? c->b : c->a)[d] = (uint8_t)order[d];
  }
  for (int d = 0; d < m.shape.rank; d++)
    if (!(axes >> d & 1)) c->out[c->nout++] = (uint8_t)d;
  return true;
}

Val ir_contract_as_it_is(Builder *b, Val x, Val y, const Contract *c) {
  const Ins *xi = ir_ins(b, x), *yi = ir_ins(b, y);
  Dim extent[IR_MAX_RANK * 2];
  check_contract(b, xi, yi, c, c->nout);
  label_extents(b, xi, yi, c, extent);
  Ins i = {.op = OP_contract,
           .type = xi->type,
           .nargs = 2,
           .arg = (Val[]){x, y},
           .u.contract = number_labels(b, c, xi->shape.rank, yi->shape.rank),
           .shape = {.rank = c->nout}};
  for (int k = 0; k < c->nout; k++) i.shape.dim[k] = extent[c->out[k]];
  return build_emit(b, &i);
}

Val ir_contract(Builder *b, Val x, Val y, const Contract *c) {
  const Ins *xi = ir_ins(b, x), *yi = ir_ins(b, y);
  Dim extent[IR_MAX_RANK * 2];
  uint32_t a = label_set(c->a, xi->shape.rank), d = label_set(c->b, yi->shape.rank);
  int nout = c->nout;
  check_contract(b, xi, yi, c, nout);
  label_extents(b, xi, yi, c, extent);
  uint32_t o = label_set(c->out, nout), all = a | d;
  Shape out = {.rank = nout};
  for (int k = 0; k < nout; k++) out.dim[k] = extent[c->out[k]];
  Val moved = delta_contract(b, x, y, c, &out);
  if (moved) return moved;
  bool proper = (all & ~o) && (a & ~d) && (d & ~a) && plain_operand(b, x) && plain_operand(b, y);
  if (!proper) return contract_by_definition(b, x, y, c, extent, nout);
  Contract ordered = *c;
  x = in_order(b, x, ordered.a);
  y = in_order(b, y, ordered.b);
  const Contract *copy = number_labels(b, &ordered, ir_shape(b, x)->rank, ir_shape(b, y)->rank);
  Ins i = {.op = OP_contract,
           .type = ir_ins(b, x)->type,
           .nargs = 2,
           .arg = (Val[]){x, y},
           .u.contract = copy};
  i.shape = out;
  return build_emit(b, &i);
}
