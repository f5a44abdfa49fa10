/* prove_noise.c: one evaluation in which every rounding is disturbed at random (stochastic
 * arithmetic), by what two correct implementations may differ. What that is for sums is said in
 * prove_sums.c. */
#include "prove_noise.h"

#include "ir/arith.h"
#include "ir/eval_ops.h"

#include <float.h>
#include <math.h>

/* ---- kinds of noise ---- */
typedef enum Noise {
  NOISE_NONE,   /* the operator never rounds */
  NOISE_ROUND,  /* correctly rounded: half a unit in the last place */
  NOISE_APPROX, /* approximated: a few units */
  NOISE_SUM     /* rounds within: its operands are disturbed too */
} Noise;

static Noise noise_of(const Ins *in) {
  const OpInfo *op = &op_info[in->op];
  if (!type_is_float((DType)in->type)) return NOISE_NONE;
  switch (op->kind) {
  case KIND_FOLD: return op->accuracy == EXACT ? NOISE_NONE : NOISE_SUM;
  case KIND_MOVE: return in->op == OP_scatter ? NOISE_SUM : NOISE_NONE;
  case KIND_DOT: return NOISE_SUM;
  case KIND_MAP:
    if (op->accuracy != APPROX) return op->accuracy == EXACT ? NOISE_NONE : NOISE_ROUND;
    return NOISE_APPROX;
  case KIND_LEAF: return NOISE_NONE;
  default: return NOISE_APPROX;
  }
}

bool noise_is_simple(double v) { return fabs(v) <= 4096 && v * 256 == rint(v * 256); }

static double smallest_normal(DType t) { return t == T_F32 ? (double)FLT_MIN : DBL_MIN; }
double noise_unit(DType t) { return t == T_F32 ? (double)FLT_EPSILON : DBL_EPSILON; }

/* Of a NaN that an operator makes or hands on, the sign is nobody's promise: 0/0 has the one on one
 * processor and the other on another. These pass the bits on, or change the sign alone. */
static bool keeps_sign_of_nan(Op op) {
  return op == OP_neg || op == OP_abs || op == OP_copysign || op == OP_select || op == OP_stop ||
         op == OP_from_bits || op == OP_view || op == OP_reshape || op == OP_gather ||
         op_kind(op) == KIND_LEAF;
}

/* exact: that v is simple means that it was not rounded. */
static double disturbed(Noisy *z, DType t, Noise kind, bool exact, double v) {
  if (!isfinite(v)) return v;
  if (kind != NOISE_APPROX && noise_is_simple(v) && (exact || v == 0)) return v;
  double tiny = smallest_normal(t);
  if (fabs(v) < tiny)
    return rng_chance(&z->rng, 50) ? v : copysign(rng_between(&z->rng, 0, tiny), v);
  double width = (kind == NOISE_APPROX ? 2 : 1) * z->width * noise_unit(t);
  return v * (1 + rng_between(&z->rng, -width, width));
}

static Tensor disturbed_copy(Cx *cx, Arena *a, Noisy *z, Noise kind, const Tensor *x) {
  Tensor y = tensor_new(cx, a, x->type, &x->shape);
  int64_t n = tensor_count(x);
  for (int64_t i = 0; i < n; i++)
    tensor_set(&y, i, disturbed(z, x->type, kind, true, tensor_get(x, i)));
  return y;
}

/* ---- one noisy evaluation ---- */
void eval_one(Cx *cx, Arena *a, const Ins *in, Tensor *const *arg, Tensor *out) {
  const void *data[3] = {NULL, NULL, NULL};
  switch (op_kind((Op)in->op)) {
  case KIND_MAP:
    for (int i = 0; i < in->nargs; i++) data[i] = arg[i]->data;
    ir_map_array((Op)in->op, arg[in->nargs - 1]->type, out->type, tensor_count(out), data,
                 out->data);
    return;
  case KIND_FOLD: eval_fold(cx, a, in, arg[0], out); return;
  case KIND_DOT: eval_contract(cx, in, arg[0], arg[1], out); return;
  case KIND_MOVE:
    if (in->op == OP_view) eval_view(cx, in, arg[0], out);
    else if (in->op == OP_gather) eval_gather(cx, a, in, (const Tensor *const *)arg, out);
    else if (in->op == OP_scatter) eval_scatter(cx, a, in, (const Tensor *const *)arg, out);
    else memcpy(out->data, arg[0]->data, (size_t)(tensor_count(out) * type_info[out->type].bytes));
    return;
  case KIND_LEAF:
    for (int64_t i = 0, n = tensor_count(out); i < n; i++) {
      Scalar v = {.i = in->op == OP_iota ? i : in->op == OP_size ? in->u.size : in->u.i};
      if (in->op == OP_const && type_is_float(out->type)) v.f = in->u.f;
      else if (type_is_float(out->type)) v.f = (double)v.i;
      tensor_fill(out->type, (char *)out->data + i * type_info[out->type].bytes, 1, v.f, v.i);
    }
    return;
  case KIND_LOOP: cx_bug(cx, "%s has no result of its own", op_info[in->op].name);
  }
}

static bool has_zero_operand(Tensor *const *arg, int n, int64_t i) {
  for (int k = 0; k < n; k++)
    if (tensor_get(arg[k], i) == 0) return true;
  return false;
}

/* Compiled code takes finite arguments of sin, cos and tan beyond 2^45 as 0 (ir/vmath.nn); what
 * is computed at compile time has the true value. */
static bool beyond_range(const Ins *in, Tensor *const *arg, int64_t i) {
  return (in->op == OP_sin || in->op == OP_cos || in->op == OP_tan) &&
         fabs(tensor_get(arg[0], i)) > 0x1p45;
}

/* 1 + 1e-18 is 1, a simple number, but rounded: what is lost shows where the 1 is taken away again.
 * The error of a sum of two is a number (Knuth 1998, 4.2.2, theorem B). */
static bool sum_is_exact(const Ins *in, Tensor *const *arg, int64_t i) {
  if (in->op != OP_add && in->op != OP_sub) return true;
  double a = tensor_get(arg[0], i), b = tensor_get(arg[1], i);
  if (in->op == OP_sub) b = -b;
  volatile double s = a + b, b_there = s - a, a_there = s - b_there;
  double error = (a - a_there) + (b - b_there);
  return error == 0;
}

/* The slope of gelu is a difference of two terms, as precise as they are, also near its zero. */
static double slope_noise(Noisy *z, DType t, double a) {
  double term = ir_normcdf(a);
  return disturbed(z, t, NOISE_APPROX, true, term) - term;
}

static bool all_simple(const Tensor *x) {
  for (int64_t i = 0, n = tensor_count(x); i < n; i++)
    if (!noise_is_simple(tensor_get(x, i))) return false;
  return true;
}

static void add_noise(Noisy *z, const Ins *in, Noise kind, Tensor *const *arg, Tensor *out) {
  Rng *r = &z->rng;
  int64_t n = tensor_count(out);
  bool simple = true;
  for (int k = 0; kind == NOISE_SUM && k < in->nargs && simple; k++) simple = all_simple(arg[k]);
  for (int64_t i = 0; i < n; i++) {
    double v = tensor_get(out, i);
    /* an underflow that isn't a true zero may as well come out as a tiny number */
    bool underflow = v == 0 && op_kind((Op)in->op) == KIND_MAP &&
                     (in->op == OP_mul || in->op == OP_div || kind == NOISE_APPROX) &&
                     (!has_zero_operand(arg, in->nargs, i) || in->op == OP_exp);
    if (isfinite(v) && beyond_range(in, arg, i) && rng_chance(r, 50)) {
      tensor_set(out, i, in->op == OP_cos);
      continue;
    }
    if (underflow && rng_chance(r, 50)) v = rng_between(r, 0, smallest_normal(out->type));
    bool exact = kind == NOISE_SUM ? simple : sum_is_exact(in, arg, i);
    double w = disturbed(z, out->type, kind, exact, v);
    if (in->op == OP_gelu_slope) w += slope_noise(z, out->type, tensor_get(arg[0], i));
    tensor_set(out, i, w);
  }
}

static void turn_nans(Noisy *z, Tensor *x) {
  for (int64_t i = 0, n = tensor_count(x); i < n; i++)
    if (isnan(tensor_get(x, i)))
      tensor_set(x, i, rng_chance(&z->rng, 50) ? (double)NAN : -(double)NAN);
}

/* Nor is the sign of a sum that is 0, nor that of a product: a sum of 0 * x[i] may be made 0 *
 * sum(x), and that of 0 * x for all i as often as there are i. */
static bool may_turn_zeros(const Ins *in) {
  bool some = in->op == OP_sum || in->op == OP_scatter || in->op == OP_contract || in->op == OP_mul;
  return some && type_is_float((DType)in->type);
}

static void turn_zeros(Noisy *z, Tensor *x) {
  for (int64_t i = 0, n = tensor_count(x); i < n; i++)
    if (tensor_get(x, i) == 0) tensor_set(x, i, rng_chance(&z->rng, 50) ? 0.0 : -0.0);
}

static Tensor *noisy_parts(const Fn *f, Arena *a, Noisy *z, const Ins *in, const Tensor *val) {
  Tensor *arg = NEWS(a, Tensor, in->nargs + 1), *part = NEWS(a, Tensor, ins_part_count(in) + 1);
  for (int k = 0; k < in->nargs; k++) arg[k] = val[in->arg[k]];
  eval_noisy_bundle(f->cx, a, z, in, arg, part);
  return part;
}

void eval_noisy(const Fn *f, Arena *a, Noisy *z, const Tensor *in, Tensor *out) {
  Tensor *val = NEWS(a, Tensor, f->ins.n), **part = NEWS(a, Tensor *, f->ins.n);
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *i = fn_ins(f, v);
    if (i->op == OP_arg) {
      val[v] = in[i->u.i];
      continue;
    }
    if (i->op == OP_part) {
      val[v] = part[i->arg[0]][i->u.i];
      continue;
    }
    if (op_kind((Op)i->op) == KIND_LOOP) {
      part[v] = noisy_parts(f, a, z, i, val);
      continue;
    }
    Tensor *arg[IR_MAX_RANK + 2], copy[2];
    Noise kind = z ? noise_of(i) : NOISE_NONE;
    for (int k = 0; k < i->nargs; k++) arg[k] = &val[i->arg[k]];
    for (int k = 0; kind == NOISE_SUM && k < (i->op == OP_contract ? 2 : 1); k++) {
      copy[k] = disturbed_copy(f->cx, a, z, NOISE_ROUND, arg[k]);
      arg[k] = &copy[k];
    }
    if (kind == NOISE_SUM && op_kind((Op)i->op) == KIND_FOLD && rng_chance(&z->rng, 50)) {
      copy[1] = sum_turned(f->cx, a, &z->rng, arg[0], i->u.axes);
      arg[0] = &copy[1];
    }
    val[v] = tensor_new(f->cx, a, (DType)i->type, &i->shape);
    eval_one(f->cx, a, i, arg, &val[v]);
    if (kind == NOISE_SUM && i->op != OP_prod) sum_noise(f, a, z, i, arg, &val[v]);
    if (kind != NOISE_NONE) add_noise(z, i, kind, arg, &val[v]);
    if (z && may_turn_zeros(i)) turn_zeros(z, &val[v]);
    if (z && type_is_float((DType)i->type) && !keeps_sign_of_nan((Op)i->op)) turn_nans(z, &val[v]);
  }
  for (int i = 0; i < f->out.n; i++) out[i] = val[f->out.at[i].val];
}
