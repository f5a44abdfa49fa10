/* prove_sums.c: what correct implementations may make of a sum, a scatter or a contraction: the
 * order of the terms is theirs to choose, so are the places of the roundings, and a factor that all
 * terms have in common may be applied to the sum (ir/einsum.c). */
#include "prove_noise.h"

#include <math.h>

static int64_t common_divisor(int64_t a, int64_t b) { return b ? common_divisor(b, a % b) : a; }

/* The elements in another order along the folded axes: backwards, or by some step, round and round,
 * as accumulators do. */
Tensor sum_turned(Cx *cx, Arena *a, Rng *r, const Tensor *x, uint32_t axes) {
  Tensor y = tensor_new(cx, a, x->type, &x->shape);
  int64_t n = tensor_count(x), step[IR_MAX_RANK], first[IR_MAX_RANK];
  for (int d = 0; d < x->shape.rank; d++) {
    int64_t e = x->shape.dim[d];
    bool turned = axes >> d & 1 && e > 1;
    step[d] = !turned ? 1 : rng_chance(r, 40) ? e - 1 : 1 + rng_below(r, (int)e - 1);
    while (turned && common_divisor(step[d], e) > 1) step[d]--;
    first[d] = turned ? rng_below(r, (int)e) : 0;
  }
  for (int64_t i = 0; i < n; i++) {
    int64_t rest = i, to = 0, stride = 1;
    for (int d = x->shape.rank; d-- > 0;) {
      int64_t e = x->shape.dim[d];
      to += stride * ((first[d] + step[d] * (rest % e)) % e);
      rest /= e;
      stride *= e;
    }
    tensor_set(&y, to, tensor_get(x, i));
  }
  return y;
}

/* ---- the same sum of changed operands ---- */
typedef struct Sum {
  Cx *cx;
  Arena *a;
  const Ins *in;
  Tensor *const *arg;
} Sum;

static double magnitude(double v) { return fabs(v); }
static double positive(double v) { return isfinite(v) && v > 0 ? v : 0; }
static double negative(double v) { return isfinite(v) && v < 0 ? -v : 0; }

/* With each float operand k changed by change[k]. */
static Tensor sum_of(const Sum *s, double (*const change[2])(double)) {
  Tensor *arg[IR_MAX_RANK + 2], copy[IR_MAX_RANK + 2];
  for (int k = 0; k < s->in->nargs; k++) {
    arg[k] = s->arg[k];
    if (!type_is_float(arg[k]->type)) continue;
    copy[k] = tensor_new(s->cx, s->a, arg[k]->type, &arg[k]->shape);
    for (int64_t i = 0, n = tensor_count(arg[k]); i < n; i++)
      tensor_set(&copy[k], i, change[k](tensor_get(arg[k], i)));
    arg[k] = &copy[k];
  }
  Tensor sum = tensor_new(s->cx, s->a, (DType)s->in->type, &s->in->shape);
  eval_one(s->cx, s->a, s->in, arg, &sum);
  return sum;
}

static bool all_simple(const Sum *s) {
  for (int k = 0; k < s->in->nargs; k++)
    for (int64_t i = 0, n = type_is_float(s->arg[k]->type) ? tensor_count(s->arg[k]) : 0; i < n;
         i++)
      if (!noise_is_simple(tensor_get(s->arg[k], i))) return false;
  return true;
}

/* How many terms an element has, at most. */
static double terms(const Sum *s) {
  double n = 1;
  if (s->in->op == OP_scatter) return (double)tensor_count(s->arg[1]);
  if (s->in->op == OP_sum)
    return (double)tensor_count(s->arg[0]) / (double)MAX(shape_count(s->cx, &s->in->shape), 1);
  const Contract *c = s->in->u.contract;
  for (int d = 0; d < s->arg[0]->shape.rank; d++)
    if (!memchr(c->out, c->a[d], (size_t)c->nout)) n *= (double)s->arg[0]->shape.dim[d];
  return n;
}

/* ---- rounding ---- */
/* What is left of a sum that cancels: 0, or something of any size up to the rounding of its terms.
 * A function of it that is large near 0 alone would else hardly be seen there. */
static double cancelled(Noisy *z, double width) {
  if (rng_chance(&z->rng, 35)) return 0;
  return ldexp(rng_between(&z->rng, -width, width), -rng_below(&z->rng, 24));
}

/* A running sum rounds at every step, by half a unit of what it has reached, and always to the same
 * side where the terms are equal. That shows where the terms cancel in the end: so the noise is in
 * proportion to the sum of magnitudes; and it may come out as just 0, which safe_mul and
 * comparisons tell from all others. The bound is half a unit for each of the n terms (Higham 2002,
 * section 4.2); what is drawn here will be widened by 40 (prove.c). */
static void add_rounding(const Sum *s, Noisy *z, const Tensor *whole, Tensor *out) {
  double part = fmax(0.25, terms(s) / 80) * z->width * noise_unit(out->type);
  for (int64_t i = 0, n = tensor_count(out); i < n; i++) {
    double width = part * tensor_get(whole, i), v = tensor_get(out, i);
    if (!isfinite(v) || !isfinite(width)) continue;
    if (fabs(v) <= width && rng_chance(&z->rng, 40)) tensor_set(out, i, cancelled(z, width));
    else tensor_set(out, i, v + rng_between(&z->rng, -width, width));
  }
}

/* ---- overflow ---- */
static double anything(Rng *r, double v) {
  const double all[] = {v, INFINITY, -INFINITY, NAN};
  return all[rng_below(r, COUNT_OF(all))];
}

static Tensor sum_both(const Sum *s, const Tensor *x, const Tensor *y) {
  Tensor sum = tensor_new(s->cx, s->a, x->type, &x->shape);
  for (int64_t i = 0, n = tensor_count(x); i < n; i++)
    tensor_set(&sum, i, tensor_get(x, i) + tensor_get(y, i));
  return sum;
}

/* Where the positive terms alone overflow, and there are negative ones, or the other way round, the
 * order decides: the sum may be either infinity, what it truly is, or NaN when two accumulators
 * meet. */
static void add_overflow(const Sum *s, Noisy *z, const Tensor *whole, Tensor *out) {
  static double (*const plus[2])(double) = {positive, positive},
                        (*const minus[2])(double) = {negative, negative},
                        (*const mixed[2])(double) = {positive, negative},
                        (*const other[2])(double) = {negative, positive};
  bool overflow = false;
  for (int64_t i = 0, n = tensor_count(out); i < n; i++) overflow |= isinf(tensor_get(whole, i));
  if (!overflow) return;
  Tensor p = sum_of(s, plus), m = sum_of(s, minus);
  if (s->in->op == OP_contract) {
    Tensor pm = sum_of(s, mixed), mp = sum_of(s, other);
    p = sum_both(s, &p, &m);
    m = sum_both(s, &pm, &mp);
  }
  for (int64_t i = 0, n = tensor_count(out); i < n; i++) {
    double above = tensor_get(&p, i), below = tensor_get(&m, i), v = tensor_get(out, i);
    if ((isinf(above) && (below > 0 || v == -INFINITY)) ||
        (isinf(below) && (above > 0 || v == INFINITY)))
      tensor_set(out, i, anything(&z->rng, v));
  }
}

/* ---- factors in common ---- */
/* Whether elements of v at different places along the axis may differ. */
static bool varies_along(const Fn *f, Val v, int axis) {
  const Ins *in = fn_ins(f, v);
  if (in->op == OP_const || in->op == OP_size) return false;
  if (in->op == OP_view) {
    for (int d = 0; d < in->u.view->rank; d++)
      for (int k = 0; k < in->u.view->dim[d].n; k++)
        if (in->u.view->dim[d].term[k].label == axis) return true;
    return false;
  }
  if (op_kind((Op)in->op) != KIND_MAP) return true;
  for (int k = 0; k < in->nargs; k++)
    if (varies_along(f, in->arg[k], axis)) return true;
  return false;
}

/* Whether v is a product in which some factor is the same along one of the axes. */
static bool has_common_factor(const Fn *f, Val v, uint32_t axes, bool within) {
  const Ins *in = fn_ins(f, v);
  bool product = in->op == OP_mul || in->op == OP_div || in->op == OP_safe_mul;
  for (int d = 0; within && !product && d < in->shape.rank; d++)
    if (axes >> d & 1 && !varies_along(f, v, d)) return true;
  if (!product && in->op != OP_neg) return false;
  for (int k = 0; k < in->nargs; k++)
    if (has_common_factor(f, in->arg[k], axes, within || product)) return true;
  return false;
}

/* inf * (1 - 2) and inf * 1 - inf * 2, 0 * (inf + 1) and 0 * inf + 0: neither is finite, but one
 * may be NaN where the other is infinite. */
static void move_factors(const Fn *f, Noisy *z, const Ins *in, Tensor *out) {
  if (in->op != OP_sum || !has_common_factor(f, in->arg[0], in->u.axes, false)) return;
  for (int64_t i = 0, n = tensor_count(out); i < n; i++)
    if (!isfinite(tensor_get(out, i))) tensor_set(out, i, anything(&z->rng, tensor_get(out, i)));
}

void sum_noise(const Fn *f, Arena *a, Noisy *z, const Ins *in, Tensor *const *arg, Tensor *out) {
  static double (*const magnitudes[2])(double) = {magnitude, magnitude};
  Sum s = {f->cx, a, in, arg};
  if (all_simple(&s)) return;
  Tensor whole = sum_of(&s, magnitudes);
  add_rounding(&s, z, &whole, out);
  add_overflow(&s, z, &whole, out);
  move_factors(f, z, in, out);
}
