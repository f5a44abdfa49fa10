/* prepare.c: rewrites of the function that only matter for the loops it becomes. In: a function
 * without derivatives. Out: an equal one (up to the order of sums), whose sums of products are
 * contractions and whose windows are what prepare_window.c makes of them.
 *
 *   sum of a view of a product  is  sum of the product of views, which may be a contraction
 *   part of a sum over windows  is  sum over part of the windows
 *   a long reduction to few results  is  the reduction of reductions of its parts
 *   f(reshape(x), y)  is  reshape(f(x, reshape(y)))  where x is at the finer shape of phases */
#include "loop/prepare.h"

typedef struct Prepare {
  Walk w;
  int32_t *uses; /* per value of the function: operand slots and outputs that read it */
  Vec(Val) fine; /* reshapes of values at a finer shape, of the new function */
} Prepare;

static Val product_of_views(Builder *b, Val x) {
  Ins in = *ir_ins(b, x);
  if (in.op != OP_view || !in.u.view->exact) return x;
  Ins mul = *ir_ins(b, in.arg[0]);
  if (mul.op != OP_mul) return x;
  Val l = ir_view(b, mul.arg[0], &in.shape, in.u.view);
  Val r = ir_view(b, mul.arg[1], &in.shape, in.u.view);
  return ir_map2(b, OP_mul, l, r);
}

/* v is made of sums whose terms are the products that mul is of: no factor has left the sum, none
 * is summed before. Infinite factors next to zeros tell. */
static bool sums_products(const Builder *b, Val v, Val mul) {
  const Ins *in = ir_ins(b, v), *m = ir_ins(b, mul);
  while (in->op == OP_view || in->op == OP_reshape) in = ir_ins(b, in->arg[0]);
  if (in->op == OP_sum) in = ir_ins(b, window_base(b, in->arg[0]));
  if (in->op != OP_contract && in->op != OP_mul) return false;
  return window_same_bases(b, in->arg, m->arg);
}

/* ---- values at the finer shape of phases ----
 */
static bool is_fine(const Prepare *p, Val v) {
  if (ir_ins(&p->w.b, v)->op != OP_reshape) return false;
  for (int i = 0; i < p->fine.n; i++)
    if (p->fine.at[i] == v) return true;
  return false;
}

static void note_fine(Prepare *p, Val v) {
  if (ir_ins(&p->w.b, v)->op == OP_reshape) vec_push(p->w.b.cx->arena, &p->fine, v);
}

/* An elementwise operator is computed at the finer shape. */
static Val map_fine(Prepare *p, const Ins *in, Val *arg) {
  int at = -1;
  for (int k = 0; k < in->nargs; k++)
    if (is_fine(p, arg[k])) at = k;
  if (at < 0) return 0;
  Shape shape = *ir_shape(&p->w.b, ir_ins(&p->w.b, arg[at])->arg[0]);
  for (int k = 0; k < in->nargs; k++) arg[k] = ir_reshape(&p->w.b, arg[k], &shape);
  Ins finer = *in;
  finer.shape = shape;
  Val v = ir_reshape(&p->w.b, ir_copy(&p->w.b, &finer, arg), &in->shape);
  note_fine(p, v);
  return v;
}

/* A reduction of a reshape, as one over the axes that its axes were cut into. */
static Val fold_fine(Prepare *p, const Ins *in, Val x) {
  if (!is_fine(p, x)) return 0;
  Val base = ir_ins(&p->w.b, x)->arg[0];
  Shape coarse = *ir_shape(&p->w.b, x);
  int8_t first[IR_MAX_RANK], count[IR_MAX_RANK];
  if (!reshape_split(p->w.b.cx, &coarse, ir_shape(&p->w.b, base), first, count)) return 0;
  uint32_t axes = 0;
  for (int d = 0; d < coarse.rank; d++)
    for (int k = 0; in->u.axes >> d & 1 && k < count[d]; k++) axes |= 1u << (first[d] + k);
  return ir_reshape(&p->w.b, ir_fold(&p->w.b, (Op)in->op, base, axes), &in->shape);
}

/* ---- reductions in parts ---- */
/* So long a reduction, to so few results, is cut into so many parts at least and at most: workers
 * can share them, and rounding errors grow less. It depends on the shape alone. */
enum {
  LONG_REDUCTION = 1 << 15,
  FEW_RESULTS = 256,
  PARTS_LEAST = 8,
  PARTS_MOST = 64,
  PARTS_OF_AXIS = 1024
};

/* A reduced axis whose indices are the parts: the first with a good number of them. */
static int part_axis(const Shape *s, uint32_t axes) {
  for (int d = 0; d < s->rank; d++)
    if (axes >> d & 1 && s->dim[d] >= PARTS_LEAST && s->dim[d] <= PARTS_OF_AXIS) return d;
  return -1;
}

/* x with its longest reduced axis cut in two, the parts first; -1 where its extent has no good
 * divisor. */
static int cut_axis(Builder *b, Val *x, uint32_t *axes) {
  Shape s = *ir_shape(b, *x);
  int at = -1;
  int64_t parts = 0;
  for (int d = 0; d < s.rank; d++)
    if (*axes >> d & 1 && (at < 0 || s.dim[d] > s.dim[at])) at = d;
  for (int64_t p = PARTS_MOST; p >= PARTS_LEAST && !parts; p--)
    if (s.dim[at] % p == 0) parts = p;
  if (!parts || s.rank == IR_MAX_RANK) return -1;
  for (int d = s.rank++; d > at + 1; d--) s.dim[d] = s.dim[d - 1];
  s.dim[at + 1] = s.dim[at] / parts;
  s.dim[at] = parts;
  *x = ir_reshape(b, *x, &s);
  *axes = (*axes & ((1u << at) - 1)) | 1u << at | *axes >> at << (at + 1);
  return at;
}

static Val fold_in_parts(Builder *b, Op op, Val x, uint32_t axes) {
  Shape s = *ir_shape(b, x);
  double kept = 1, reduced = 1;
  if (!shape_is_numbers(&s)) return 0;
  for (int d = 0; d < s.rank; d++) *(axes >> d & 1 ? &reduced : &kept) *= (double)s.dim[d];
  if (reduced < LONG_REDUCTION || kept > FEW_RESULTS) return 0;
  int at = part_axis(&s, axes);
  if (at < 0 || (axes & (axes - 1)) == 0) at = cut_axis(b, &x, &axes);
  if (at < 0) return 0;
  Val parts = ir_fold(b, op, x, axes & ~(1u << at));
  uint32_t left = 0; /* the number of axis `at` among those kept so far */
  for (int d = 0, k = 0; d < ir_shape(b, x)->rank; d++) {
    if (d == at) left = 1u << k;
    if (!(axes >> d & 1) || d == at) k++;
  }
  return ir_fold(b, op, ir_map1(b, OP_stop, parts), left); /* or the builder would join the two */
}

/* ---- part of a sum over windows ----
 */
static Val part_of_sum(Prepare *p, const Ins *in, bool *fine) {
  const Ins *sum = fn_ins(p->w.f, in->arg[0]);
  Cx *cx = p->w.f->cx;
  if (!in->u.view->exact || sum->op != OP_sum || p->uses[in->arg[0]] > 1) return 0;
  if (shape_expected(cx, &in->shape) > shape_expected(cx, &sum->shape)) return 0;
  Val x = p->w.to[sum->arg[0]];
  Ins wide = *ir_ins(&p->w.b, x);
  Shape out = in->shape;
  ViewDim dim[IR_MAX_RANK];
  ViewTerm own[IR_MAX_RANK];
  uint32_t axes = 0;
  if (wide.op != OP_view || wide.u.view->exact) return 0;
  for (int d = 0, kept = 0; d < wide.shape.rank; d++) {
    if (!(sum->u.axes >> d & 1)) {
      dim[d] = in->u.view->dim[kept++];
      continue;
    }
    if (out.rank == IR_MAX_RANK) return 0;
    own[d] = (ViewTerm){out.rank, 1};
    dim[d] = (ViewDim){0, 1, 1, &own[d]};
    axes |= 1u << out.rank;
    out.dim[out.rank++] = wide.shape.dim[d];
  }
  View v = {.rank = wide.shape.rank, .dim = dim};
  return window_sum(&p->w.b, ir_view(&p->w.b, x, &out, &v), axes, fine);
}

/* ---- the walk ---- */
/* The operand reaches outside in phases only: nothing has to be read there. */
static bool in_phases(Prepare *p, const Contract *c, int k, Val v) {
  const Ins *in = ir_ins(&p->w.b, v);
  if (!c->skips || in->op != OP_view || !shape_is_numbers(&in->shape)) return false;
  bool some = false;
  const Shape *from = ir_shape(&p->w.b, in->arg[0]);
  for (int d = 0; d < from->rank; d++) {
    Dim lo, hi;
    const ViewDim *x = &in->u.view->dim[d];
    if (window_phases(in, d, c, k ? c->b : c->a)) some = true;
    else if (!view_interval(p->w.b.cx, x, &in->shape, &lo, &hi) || lo < 0 || hi >= from->dim[d])
      return false;
  }
  return some;
}

/* So few of the products are there that tiles had better be of indices that no condition asks for
 * (images), each place being summed by itself. */
static const double FEW_TERMS = 0.9;
enum { ROWS = 4, VECTOR = 8 };

static bool has_label(const uint8_t *label, int rank, int l) {
  for (int d = 0; d < rank; d++)
    if (label[d] == l) return true;
  return false;
}

static bool few_terms(Prepare *p, const Contract *c, int k, const Val *arg) {
  const Ins *in = ir_ins(&p->w.b, arg[k]), *other = ir_ins(&p->w.b, arg[1 - k]);
  const uint8_t *label = k ? c->b : c->a, *others = k ? c->a : c->b;
  if (!c->skips || in->op != OP_view || in->u.view->exact) return false;
  if (window_share(&p->w.b, in, c, label) > FEW_TERMS) return false;
  bool rows = false, vectors = false;
  for (int o = 0; o < c->nout; o++)
    vectors |= has_label(others, other->shape.rank, c->out[o]) &&
               !has_label(label, in->shape.rank, c->out[o]);
  for (int d = 0; d < in->u.view->rank; d++) {
    const ViewDim *x = &in->u.view->dim[d];
    if (x->n != 1 || x->den != 1) continue;
    int l = x->term[0].label;
    rows |= has_label(c->out, c->nout, label[l]) &&
            !has_label(others, other->shape.rank, label[l]) &&
            dim_expected(p->w.b.cx, in->shape.dim[l], 0) >= ROWS;
  }
  return rows && vectors;
}

/* Operand k of a contraction with so many steps, for tiles to read. */
static Val outside_read(Prepare *p, const Contract *c, int k, const Val *arg, double steps) {
  Val last = 0;
  if (few_terms(p, c, k, arg)) last = window_sum_last(&p->w.b, arg[k], c, k ? c->b : c->a, steps);
  return last ? last : window_padded(&p->w.b, arg[k], c, k ? c->b : c->a, steps);
}

static void pad_operands(Prepare *p, const Ins *in, Val *arg) {
  double steps = 1, n[2 * IR_MAX_RANK] = {0};
  for (int k = 0; k < 2; k++) {
    const Shape *s = ir_shape(&p->w.b, arg[k]);
    for (int d = 0; d < s->rank; d++)
      n[(k ? in->u.contract->b : in->u.contract->a)[d]] =
          (double)dim_expected(p->w.b.cx, s->dim[d], 0);
  }
  for (int l = 0; l < in->u.contract->nlabels; l++) steps *= n[l];
  for (int k = 0; k < 2; k++)
    if (!in_phases(p, in->u.contract, k, arg[k]))
      arg[k] = outside_read(p, in->u.contract, k, arg, steps);
}

static Val rewritten(Prepare *p, const Ins *in, Val *arg, bool *fine) {
  Builder *b = &p->w.b;
  if (op_kind(in->op) == KIND_MAP) return map_fine(p, in, arg);
  if (op_kind(in->op) == KIND_FOLD) {
    Val v = fold_fine(p, in, arg[0]);
    if (v || in->op != OP_sum) return v;
    Val products = product_of_views(b, arg[0]);
    if (products != arg[0]) v = window_sum(b, products, in->u.axes, fine);
    if (v && sums_products(b, v, products)) return v;
    return window_sum(b, arg[0], in->u.axes, fine);
  }
  if (in->op == OP_view) return part_of_sum(p, in, fine);
  return 0;
}

/* Sums over windows that slide over an operand, each channel by itself, are tiles of registers like
 * other contractions. */
static Val sum_of_windows(Prepare *p, const Ins *in, Val mul) {
  Contract c;
  Val x[2];
  if (in->op != OP_sum || p->uses[in->arg[0]] > 1 || !shape_is_numbers(&in->shape)) return 0;
  if (!ir_window_operands(&p->w.b, mul, in->u.axes, x, &c)) return 0;
  pad_operands(p, &(Ins){.u.contract = &c}, x);
  return ir_contract_as_it_is(&p->w.b, x[0], x[1], &c);
}

/* Contractions and reductions are made and changed by several rewrites; last they are looked at as
 * they will be lowered. */
static Fn *copy_function(const Fn *f, bool last) {
  Prepare p = {.w = walk_begin(f), .uses = fn_uses(f)};
  Builder *b = &p.w.b;
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (in->op == OP_arg) continue;
    Val *arg = walk_args(&p.w, in), r = 0;
    bool fine = false;
    b->span = in->span;
    if (!last) r = rewritten(&p, in, arg, &fine);
    else if (in->op == OP_contract) pad_operands(&p, in, arg);
    else if (op_kind(in->op) == KIND_FOLD) {
      r = sum_of_windows(&p, in, arg[0]);
      if (!r) r = fold_in_parts(b, (Op)in->op, arg[0], in->u.axes);
    }
    if (r) ir_name(b, r, in->hint);
    if (fine) note_fine(&p, r);
    p.w.to[v] = r ? r : ir_copy(b, in, arg);
  }
  return walk_end(&p.w);
}

Fn *loop_prepare(const Fn *f) {
  return copy_function(prepare_layout(copy_function(prepare_points(f), false)), true);
}
