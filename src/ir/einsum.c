/* einsum.c: sums of products. sum over K of f1*f2*...*fn, each factor depending on some of the
 * labels only, is rewritten so that no label is carried where it doesn't matter:
 *
 *   a factor without summed labels leaves the sum:
 *     sum_k s_i a_ik         =>  s_i * sum_k a_ik
 *   a label summed in one factor only is summed first:
 *     sum_jk a_ik b_kj       =>  sum_k a_ik (sum_j b_kj)
 *   two factors with labels of their own contract:
 *     sum_k a_ik b_kj        =>  contract(ik,kj->ij)
 *
 * A product in which one factor's labels are all the other's too stays a plain reduction: it is
 * limited by memory, and fuses with what stands around it.
 *
 * A sum over sums and differences of such products is summed term by term, where some become
 * contractions and the others have labels fewer:  sum_k (a_ik b_kj - c_ik d_kj) (products of
 * complex numbers), sum_k (a_ik a_ik - 2 a_ik b_jk + b_jk b_jk). */
#include "ir/build.h"
#include "ir/build_parts.h"

enum { MAX_FACTORS = 8 };

typedef struct Factor {
  Val v;
  uint32_t labels; /* it depends on */
} Factor;

typedef struct Product {
  Factor f[MAX_FACTORS];
  int n;
  Shape shape;
  uint32_t summed;
} Product;

/* more: factors that will come after these for certain, so that a long product is known to be too
 * long before its other end is reached. */
static bool collect(Builder *b, Val v, Product *p, int more) {
  const Ins *i = ir_ins(b, v);
  if (p->n + more >= MAX_FACTORS) return false;
  if (i->op == OP_mul && p->n < MAX_FACTORS - 1) {
    Val x = i->arg[0], y = i->arg[1];
    return collect(b, x, p, more + 1) && collect(b, y, p, more);
  }
  p->f[p->n++] = (Factor){v, labels_used(b, v)};
  return true;
}

static void take_out(Product *p, int i) {
  memmove(&p->f[i], &p->f[i + 1], (size_t)(p->n - i - 1) * sizeof p->f[0]);
  p->n--;
}

/* ---- a factor over few labels, and back ---- */
/* A value over the labels in `order` only. */
typedef struct Small {
  Val v;
  int32_t order[IR_MAX_RANK];
  int n;
  uint32_t labels;
} Small;

static Small small_factor(Builder *b, Factor f) {
  Small s = {.labels = f.labels};
  s.v = restrict_labels(b, f.v, f.labels, s.order);
  s.n = ir_shape(b, s.v)->rank;
  return s;
}

/* x * y where y's labels are among x's. */
static Small absorb(Builder *b, Small x, Small y) {
  int32_t at[IR_MAX_RANK];
  for (int i = 0; i < y.n; i++)
    for (int k = 0; k < x.n; k++)
      if (x.order[k] == y.order[i]) at[i] = k;
  Shape s = *ir_shape(b, x.v);
  x.v = ir_map2(b, OP_mul, x.v, ir_spread(b, y.v, &s, at));
  return x;
}

static Small sum_labels(Builder *b, Small x, uint32_t drop) {
  uint32_t axes = 0;
  int n = 0;
  for (int k = 0; k < x.n; k++) {
    if (drop >> x.order[k] & 1) axes |= 1u << k;
    else x.order[n++] = x.order[k];
  }
  x.v = ir_fold(b, OP_sum, x.v, axes);
  x.n = n;
  x.labels &= ~drop;
  return x;
}

/* Where label l ends up once the summed ones are gone. */
static int result_axis(const Product *p, int label) {
  int axis = 0;
  for (int l = 0; l < label; l++) axis += !(p->summed >> l & 1);
  return axis;
}

static Shape result_shape(const Product *p) {
  Shape s = {0};
  for (int l = 0; l < p->shape.rank; l++)
    if (!(p->summed >> l & 1)) s.dim[s.rank++] = p->shape.dim[l];
  return s;
}

static Val at_result(Builder *b, const Product *p, Small x) {
  int32_t at[IR_MAX_RANK];
  Shape s = result_shape(p);
  for (int k = 0; k < x.n; k++) at[k] = result_axis(p, x.order[k]);
  return ir_spread(b, x.v, &s, at);
}

/* ---- contraction of two factors ---- */
static bool contractible(const Product *p, uint32_t x, uint32_t y) {
  return (x & y & p->summed) && (x & ~y) && (y & ~x) && (x & ~y & ~p->summed) &&
         (y & ~x & ~p->summed);
}

/* Every other factor must fit into one of the two or into the result. */
static bool others_fit(const Product *p, int i, int j) {
  uint32_t x = p->f[i].labels, y = p->f[j].labels;
  for (int k = 0; k < p->n; k++) {
    uint32_t l = p->f[k].labels;
    if (k != i && k != j && (l & ~x) && (l & ~y) && (l & p->summed)) return false;
  }
  return true;
}

/* A summed label nothing depends on any more multiplies; it can't arise from two used factors. */
static Val contract_pair(Builder *b, const Product *p, int i, int j) {
  Small x = small_factor(b, p->f[i]), y = small_factor(b, p->f[j]);
  Val scale = 0;
  for (int k = 0; k < p->n; k++) {
    if (k == i || k == j) continue;
    Small z = small_factor(b, p->f[k]);
    if (!(z.labels & ~x.labels)) x = absorb(b, x, z);
    else if (!(z.labels & ~y.labels)) y = absorb(b, y, z);
    else {
      Val at = at_result(b, p, z);
      scale = scale ? ir_map2(b, OP_mul, scale, at) : at;
    }
  }
  x = sum_labels(b, x, x.labels & ~y.labels & p->summed);
  y = sum_labels(b, y, y.labels & ~x.labels & p->summed);
  Contract c = {0};
  uint32_t all = x.labels | y.labels;
  uint8_t number[IR_MAX_RANK] = {0};
  for (int l = 0; l < p->shape.rank; l++)
    if (all >> l & 1) number[l] = (uint8_t)c.nlabels++;
  for (int k = 0; k < x.n; k++) c.a[k] = number[x.order[k]];
  for (int k = 0; k < y.n; k++) c.b[k] = number[y.order[k]];
  Small r = {.labels = all & ~p->summed};
  for (int l = 0; l < p->shape.rank; l++)
    if (r.labels >> l & 1) c.out[c.nout++] = number[l], r.order[r.n++] = l;
  r.v = ir_contract(b, x.v, y.v, &c);
  Val v = at_result(b, p, r);
  return scale ? ir_map2(b, OP_mul, v, scale) : v;
}

/* ---- factors that leave the sum ---- */
static Val pull_out(Builder *b, Product *p) {
  Val outer = 0;
  uint32_t summed_in_rest = 0;
  for (int i = 0; i < p->n; i++)
    if (p->f[i].labels & p->summed) summed_in_rest |= p->f[i].labels & p->summed;
  if (!summed_in_rest) return 0; /* all constant along the sum: the views' own rule deals with it */
  for (int i = 0; i < p->n;) {
    if (p->f[i].labels & p->summed) {
      i++;
      continue;
    }
    Val at = at_result(b, p, small_factor(b, p->f[i]));
    outer = outer ? ir_map2(b, OP_mul, outer, at) : at;
    take_out(p, i);
  }
  if (!outer) return 0;
  Val rest = p->f[0].v;
  for (int i = 1; i < p->n; i++) rest = ir_map2(b, OP_mul, rest, p->f[i].v);
  return ir_map2(b, OP_mul, ir_fold(b, OP_sum, rest, p->summed), outer);
}

Val einsum_of_product(Builder *b, Val mul, uint32_t axes) {
  Product p = {.shape = *ir_shape(b, mul), .summed = axes};
  if (!type_is_float(ir_type(b, mul)) || !collect(b, mul, &p, 0)) return 0;
  uint32_t used = 0;
  for (int i = 0; i < p.n; i++) used |= p.f[i].labels;
  if (axes & ~used) return 0;
  for (int i = 0; i < p.n; i++)
    for (int j = i + 1; j < p.n; j++)
      if (contractible(&p, p.f[i].labels, p.f[j].labels) && others_fit(&p, i, j))
        return contract_pair(b, &p, i, j);
  return pull_out(b, &p);
}

/* ---- sums and differences of products ---- */
enum { MOST_TERMS = 8, LEAST_EXTENT = 8 };

typedef struct Terms {
  const Shape *shape;
  uint32_t all, summed;
  int n, contractions;
} Terms;

/* Fewer indices than make a tile are as well off in one pass with their neighbours. */
static bool is_wide(const Terms *t, uint32_t labels) {
  Dim n = 1;
  for (int l = 0; l < t->shape->rank; l++) {
    if (!(labels >> l & 1)) continue;
    if (!dim_is_number(t->shape->dim[l])) return true;
    n *= t->shape->dim[l];
  }
  return n >= LEAST_EXTENT;
}

static bool wide_contraction(const Terms *t, const Product *p) {
  for (int i = 0; i < p->n; i++)
    for (int j = i + 1; j < p->n; j++) {
      uint32_t x = p->f[i].labels, y = p->f[j].labels;
      if (contractible(p, x, y) && others_fit(p, i, j))
        return is_wide(t, x & y & p->summed) && is_wide(t, x & ~y & ~p->summed) &&
               is_wide(t, y & ~x & ~p->summed);
    }
  return false;
}

static bool add_terms(Builder *b, Val v, Terms *t) {
  const Ins *i = ir_ins(b, v);
  Product p = {.shape = *t->shape, .summed = t->summed};
  uint32_t used = 0;
  if (i->op == OP_neg) return add_terms(b, i->arg[0], t);
  if (i->op == OP_add || i->op == OP_sub) {
    Val x = i->arg[0], y = i->arg[1];
    return add_terms(b, x, t) && add_terms(b, y, t);
  }
  if (++t->n > MOST_TERMS || !collect(b, v, &p, 0)) return false;
  for (int k = 0; k < p.n; k++) used |= p.f[k].labels;
  bool contracts = wide_contraction(t, &p);
  t->contractions += contracts;
  return contracts || (t->all & ~used & ~t->summed);
}

Val einsum_of_sum(Builder *b, Val sum, uint32_t axes) {
  Ins i = *ir_ins(b, sum); /* building moves instructions */
  Terms t = {.shape = &i.shape, .summed = axes};
  for (int l = 0; l < i.shape.rank; l++)
    if (i.shape.dim[l] != 1) t.all |= 1u << l;
  if (!type_is_float((DType)i.type) || !add_terms(b, sum, &t) || !t.contractions) return 0;
  Val x = ir_fold(b, OP_sum, i.arg[0], axes);
  return ir_map2(b, (Op)i.op, x, ir_fold(b, OP_sum, i.arg[1], axes));
}
