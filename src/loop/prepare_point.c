/* prepare_point.c: values of which one index of an axis is wanted. In: a function without
 * derivatives. Out: an equal one, where
 *
 *   a sum of what is 0 but at one index, sum(i) if i == k then x[i] else 0, is x[k];
 *   what goes into row k of a tensor, if i == k then x[i] else old[i], is computed for that row,
 *   where computing it takes sums.
 *
 * The derivative of reading x[k] adds to x what is 0 but at k, and its derivative is the first of
 * these. The index goes down through elementwise operators, movement, sums and contractions to
 * stored tensors, which are read at it. */
#include "loop/prepare.h"

typedef struct Points {
  Walk w;
  int32_t *uses; /* per value of the function: operand slots and outputs that read it */
} Points;

/* Per axis of a value of f: the index at which it is wanted, an i64 of rank 0 of the new function;
 * 0: everywhere. */
typedef struct At {
  Val k[IR_MAX_RANK];
} At;

enum { MOST_DEPTH = 40, FEW = 16 /* elements to choose from: looking at all is as fast */ };

static Val at_index(Points *p, Val v, const At *at, int depth);

static Shape shape_at(const Shape *s, const At *at) {
  Shape r = {0};
  for (int d = 0; d < s->rank; d++)
    if (!at->k[d]) r.dim[r.rank++] = s->dim[d];
  return r;
}

static bool is_anywhere(const Shape *s, const At *at) {
  for (int d = 0; d < s->rank; d++)
    if (at->k[d]) return false;
  return true;
}

/* ---- one index of a value ---- */
/* From what is stored. */
static Val read_at(Points *p, Val v, const At *at) {
  Val index[IR_MAX_RANK];
  int32_t axis[IR_MAX_RANK];
  int n = 0;
  for (int d = 0; d < fn_ins(p->w.f, v)->shape.rank; d++)
    if (at->k[d]) axis[n] = d, index[n++] = at->k[d];
  return ir_gather(&p->w.b, p->w.to[v], index, axis, n);
}

static Val moved(Points *p, Val k, Dim coef, Dim off) {
  Builder *b = &p->w.b;
  k = ir_map2(b, OP_mul, k, ir_size(b, T_I64, NULL, coef));
  return ir_map2(b, OP_add, k, ir_size(b, T_I64, NULL, off));
}

/* Each dimension is read at a known index, or by labels that are still there. */
static Val view_at(Points *p, const Ins *in, const At *at, int depth) {
  const View *view = in->u.view;
  At below = {{0}};
  int label[IR_MAX_RANK], n = 0;
  ViewDim dim[IR_MAX_RANK];
  ViewTerm term[IR_MAX_RANK][IR_MAX_RANK];
  Shape s = shape_at(&in->shape, at);
  View left = {.rank = 0, .dim = dim};
  if (!view->exact) return 0;
  for (int d = 0; d < in->shape.rank; d++) label[d] = at->k[d] ? -1 : n++;
  for (int d = 0; d < view->rank; d++) {
    const ViewDim *vd = &view->dim[d];
    int known = 0;
    for (int t = 0; t < vd->n; t++) known += at->k[vd->term[t].label] != 0;
    if (known) {
      if (vd->n != 1 || vd->den != 1) return 0;
      below.k[d] = moved(p, at->k[vd->term[0].label], vd->term[0].coef, vd->off);
      continue;
    }
    if (vd->n > IR_MAX_RANK) return 0;
    for (int t = 0; t < vd->n; t++)
      term[d][t] = (ViewTerm){label[vd->term[t].label], vd->term[t].coef};
    dim[left.rank++] = (ViewDim){vd->off, vd->den, vd->n, term[d]};
  }
  Val x = at_index(p, in->arg[0], &below, depth + 1);
  return x ? ir_view(&p->w.b, x, &s, &left) : 0;
}

static Val map_at(Points *p, const Ins *in, const At *at, int depth) {
  Val arg[3];
  Ins few = *in;
  few.shape = shape_at(&in->shape, at);
  for (int i = 0; i < in->nargs; i++)
    if (!(arg[i] = at_index(p, in->arg[i], at, depth + 1))) return 0;
  return ir_copy(&p->w.b, &few, arg);
}

static Val fold_at(Points *p, const Ins *in, const At *at, int depth) {
  const Shape *s = &fn_ins(p->w.f, in->arg[0])->shape;
  At below = {{0}};
  uint32_t axes = 0;
  for (int d = 0, kept = 0, left = 0; d < s->rank; d++) {
    bool reduced = in->u.axes >> d & 1;
    if (!reduced) below.k[d] = at->k[kept++];
    if (reduced) axes |= 1u << left;
    if (!below.k[d]) left++;
  }
  Val x = at_index(p, in->arg[0], &below, depth + 1);
  return x ? ir_fold(&p->w.b, (Op)in->op, x, axes) : 0;
}

static Val contract_at(Points *p, const Ins *in, const At *at, int depth) {
  const Contract *c = in->u.contract;
  Val of_label[2 * IR_MAX_RANK] = {0}, x[2];
  int number[2 * IR_MAX_RANK];
  Contract few = {.skips = c->skips};
  if (c->skips) return 0;
  for (int d = 0; d < in->shape.rank; d++) of_label[c->out[d]] = at->k[d];
  for (int l = 0; l < c->nlabels; l++) number[l] = -1;
  for (int k = 0; k < 2; k++) {
    At below = {{0}};
    for (int d = 0, n = 0; d < fn_ins(p->w.f, in->arg[k])->shape.rank; d++) {
      int l = (k ? c->b : c->a)[d];
      below.k[d] = of_label[l];
      if (of_label[l]) continue;
      if (number[l] < 0) number[l] = few.nlabels++;
      (k ? few.b : few.a)[n++] = (uint8_t)number[l];
    }
    if (!(x[k] = at_index(p, in->arg[k], &below, depth + 1))) return 0;
  }
  for (int d = 0; d < in->shape.rank; d++)
    if (!at->k[d]) few.out[few.nout++] = (uint8_t)number[c->out[d]];
  return ir_contract(&p->w.b, x[0], x[1], &few);
}

/* v at these indices, without these axes; 0: it can't be told. */
static Val at_index(Points *p, Val v, const At *at, int depth) {
  const Ins *in = fn_ins(p->w.f, v);
  Shape s = shape_at(&in->shape, at);
  Val x = 0;
  if (is_anywhere(&in->shape, at)) return p->w.to[v];
  if (depth > MOST_DEPTH) return 0;
  switch (op_kind((Op)in->op)) {
  case KIND_MAP: return map_at(p, in, at, depth);
  case KIND_FOLD:
    if (p->uses[v] == 1) x = fold_at(p, in, at, depth);
    return x ? x : read_at(p, v, at);
  case KIND_DOT:
    if (p->uses[v] == 1) x = contract_at(p, in, at, depth);
    return x ? x : read_at(p, v, at);
  default: break;
  }
  switch (in->op) {
  case OP_const: {
    Ins few = *in;
    few.shape = s;
    return ir_copy(&p->w.b, &few, NULL);
  }
  case OP_size: return ir_size(&p->w.b, (DType)in->type, &s, in->u.size);
  case OP_iota: return ir_cast(&p->w.b, (DType)in->type, at->k[0]);
  case OP_view: x = view_at(p, in, at, depth); return x ? x : read_at(p, v, at);
  default: return read_at(p, v, at);
  }
}

/* ---- where ---- */
static Val index_of(Points *p, const Limit *l) {
  Builder *b = &p->w.b;
  Val sum = ir_size(b, T_I64, NULL, l->off);
  for (int i = 0; i < l->n; i++) {
    Val x = ir_cast(b, T_I64, p->w.to[l->scalar[i]]);
    sum = ir_map2(b, OP_add, sum, ir_map2(b, OP_mul, x, ir_const_i(b, T_I64, NULL, l->times[i])));
  }
  return l->wraps ? ir_cast(b, T_I64, ir_cast(b, T_I32, sum)) : sum;
}

/* The axes among `axes` that the box fixes the index of; `inside` becomes whether all are indices.
 */
static uint32_t points(Points *p, const Box *box, const Shape *s, uint32_t axes, At *at,
                       Val *inside) {
  Builder *b = &p->w.b;
  uint32_t fixed = 0;
  *at = (At){{0}};
  *inside = 0;
  for (int i = 0; i < box->n; i++) {
    const Limit *l = &box->limit[i];
    bool alone = l->op == OP_eq && axes >> l->axis & 1 && !(fixed >> l->axis & 1);
    for (int d = 0; d < IR_MAX_RANK; d++) alone &= !l->coef[d];
    if (!alone) continue;
    fixed |= 1u << l->axis;
    Val k = at->k[l->axis] = index_of(p, l);
    Val from = ir_map2(b, OP_ge, k, ir_const_i(b, T_I64, NULL, 0));
    Val to = ir_map2(b, OP_lt, k, ir_size(b, T_I64, NULL, s->dim[l->axis]));
    Val both = ir_map2(b, OP_and, from, to);
    *inside = *inside ? ir_map2(b, OP_and, *inside, both) : both;
  }
  return fixed;
}

static bool are_many(const Points *p, const Shape *s, uint32_t axes) {
  double n = 1;
  for (int d = 0; d < s->rank; d++)
    if (axes >> d & 1) n *= (double)dim_expected(p->w.f->cx, s->dim[d], 0);
  return n > FEW;
}

/* The sum of a value that is 0 but at one index of each axis that is summed. */
static Val sum_at_point(Points *p, const Ins *in) {
  Builder *b = &p->w.b;
  Boxes where;
  At at;
  Val inside;
  if (in->op != OP_sum) return 0;
  const Ins *x = fn_ins(p->w.f, in->arg[0]);
  if (x->op != OP_select || p->uses[in->arg[0]] > 1) return 0;
  if (x->type == T_BOOL || !are_many(p, &x->shape, in->u.axes)) return 0;
  where_other(p->w.f, in->arg[0], 0, &where);
  if (where.n != 1) return 0;
  uint32_t fixed = points(p, &where.box[0], &x->shape, in->u.axes, &at, &inside);
  if (fixed != in->u.axes) return 0;
  Val v = at_index(p, in->arg[0], &at, 0);
  if (!v) return 0;
  Val zero = ir_const_f(b, (DType)in->type, &in->shape, 0);
  return ir_map3(b, OP_select, ir_broadcast(b, inside, &in->shape), v, zero);
}

/* Something of the value that nothing else wants is dearer than reading it. */
static bool has_sums(const Points *p, Val v, int depth) {
  const Ins *in = fn_ins(p->w.f, v);
  OpKind kind = op_kind((Op)in->op);
  if (p->uses[v] > 1 || depth > MOST_DEPTH) return false;
  if (kind == KIND_FOLD || kind == KIND_DOT) return true;
  for (int i = 0; i < in->nargs && (kind == KIND_MAP || in->op == OP_view); i++)
    if (has_sums(p, in->arg[i], depth + 1)) return true;
  return false;
}

/* What replaces part of an input, computed for the part. */
static Val replaced_at_point(Points *p, Val v, Val base) {
  const Ins *in = fn_ins(p->w.f, v);
  Builder *b = &p->w.b;
  Update u;
  At at;
  Val inside;
  if (in->op != OP_select || !update_of(p->w.f, v, base, &u) || u.x == v || !has_sums(p, u.x, 0))
    return 0;
  uint32_t all = (1u << in->shape.rank) - 1,
           fixed = points(p, &u.where.box[0], &in->shape, all, &at, &inside);
  if (!fixed || !are_many(p, &in->shape, fixed)) return 0;
  Val x = at_index(p, u.x, &at, 0);
  if (!x) return 0;
  int32_t kept[IR_MAX_RANK];
  for (int d = 0, n = 0; d < in->shape.rank; d++)
    if (!(fixed >> d & 1)) kept[n++] = d;
  x = ir_spread(b, x, &in->shape, kept);
  bool second = in->arg[2] == base;
  return ir_map3(b, OP_select, p->w.to[in->arg[0]], second ? x : p->w.to[base],
                 second ? p->w.to[base] : x);
}

static Val base_of(const Fn *f, Val v) {
  for (int i = 0; i < f->out.n; i++)
    if (f->out.at[i].val == v && f->out.at[i].alias >= 0) return f->in.at[f->out.at[i].alias].val;
  return 0;
}

Fn *prepare_points(const Fn *f) {
  Points p = {.w = walk_begin(f), .uses = fn_uses(f)};
  Builder *b = &p.w.b;
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (in->op == OP_arg) continue;
    Val base = base_of(f, v);
    b->span = in->span;
    Val r = base ? replaced_at_point(&p, v, base) : sum_at_point(&p, in);
    if (r) ir_name(b, r, in->hint);
    p.w.to[v] = r ? r : walk_copy(&p.w, in);
  }
  return walk_end(&p.w);
}
