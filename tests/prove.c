/* prove.c: random numbers, random tensors, bounded evaluation. See prove.h. */
#include "prove.h"

#include "ir/eval_ops.h"

#include <float.h>
#include <math.h>

/* ---- random numbers: SplitMix64 ---- */
/* The seed is mixed: the streams of seeds that are multiples of the step apart would overlap. */
Rng rng_at(uint64_t seed) {
  uint64_t z = (seed ^ 0xD1B54A32D192ED03u) * 0xFF51AFD7ED558CCDu;
  z = (z ^ (z >> 32)) * 0xC4CEB9FE1A85EC53u;
  return (Rng){z ^ (z >> 29)};
}

uint64_t rng_bits(Rng *r) {
  uint64_t z = r->state += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}
int rng_below(Rng *r, int n) { return n < 2 ? 0 : (int)(rng_bits(r) % (uint64_t)n); }
bool rng_chance(Rng *r, int percent) { return rng_below(r, 100) < percent; }
double rng_between(Rng *r, double lo, double hi) {
  return lo + (hi - lo) * ((double)(rng_bits(r) >> 11) * 0x1p-53);
}

/* ---- tensors ---- */
Shape shape_of(int rank, const Dim *dim) {
  Shape s = {.rank = rank};
  memcpy(s.dim, dim, (size_t)rank * sizeof *dim);
  return s;
}

static double random_float(Rng *r, DType t, Spice spice) {
  static const double nasty[] = {
      NAN,  INFINITY, -INFINITY,           0.0,   -0.0,  1e18,  -1e18,  1e-18, -1e-18, 1.0,
      -1.0, 0.5,      /* extreme: */ 1e30, -1e30, 1e-30, 1e-42, -1e-42, 100,   -100,   3e38};
  double v = spice == SPICE_SMOOTH || rng_chance(r, 40) ? rng_between(r, -1.5, 1.5)
                                                        : (rng_below(r, 33) - 16) / 8.0;
  if (spice >= SPICE_NASTY && rng_chance(r, 30))
    v = nasty[rng_below(r, spice == SPICE_EXTREME ? COUNT_OF(nasty) : 12)];
  return t == T_F32 ? (double)(float)v : v;
}

static int64_t random_int(Rng *r, DType t, Spice spice) {
  static const int64_t nasty[] = {0, -1, 1, INT32_MAX, INT32_MIN, 255, 1000, 31, 32, 64};
  if (t == T_BOOL) return rng_below(r, 2);
  int64_t v = t == T_U8 ? rng_below(r, 9) : rng_below(r, 15) - 5;
  return spice >= SPICE_NASTY && rng_chance(r, 30) ? nasty[rng_below(r, COUNT_OF(nasty))] : v;
}

Tensor tensor_random(Cx *cx, Rng *r, DType t, const Shape *s, Spice spice) {
  Tensor x = tensor_new(cx, cx->arena, t, s);
  int64_t n = tensor_count(&x);
  for (int64_t i = 0; i < n; i++)
    tensor_set(&x, i,
               type_is_float(t) ? random_float(r, t, spice) : (double)random_int(r, t, spice));
  return x;
}

Tensor *random_inputs(const Fn *f, uint64_t seed, Spice spice) {
  Tensor *in = NEWS(f->cx->arena, Tensor, f->in.n + 1);
  for (int i = 0; i < f->in.n; i++) {
    Rng r = rng_at(seed * 31 + (uint64_t)i);
    in[i] = tensor_random(f->cx, &r, f->in.at[i].type, &f->in.at[i].shape, spice);
  }
  return in;
}

/* ---- noise ---- */
typedef enum Noise {
  NOISE_NONE,   /* the operator never rounds */
  NOISE_ROUND,  /* correctly rounded: half a unit in the last place */
  NOISE_APPROX, /* approximated: a few units */
  NOISE_SUM     /* rounds within: its operands are disturbed too */
} Noise;

static Noise noise_of(const Ins *in) {
  if (!type_is_float((DType)in->type)) return NOISE_NONE;
  switch ((Op)in->op) {
  case OP_neg:
  case OP_abs:
  case OP_sign:
  case OP_min:
  case OP_max:
  case OP_floor:
  case OP_ceil:
  case OP_round:
  case OP_copysign:
  case OP_select:
  case OP_stop:
  case OP_from_bits:
  case OP_amax:
  case OP_amin:
  case OP_view:
  case OP_reshape:
  case OP_gather: return NOISE_NONE;
  case OP_add:
  case OP_sub:
  case OP_mul:
  case OP_div:
  case OP_fma:
  case OP_sqrt:
  case OP_mod:
  case OP_idiv:
  case OP_cast: return NOISE_ROUND;
  case OP_sum:
  case OP_prod:
  case OP_scatter:
  case OP_contract: return NOISE_SUM;
  default: return op_kind((Op)in->op) == KIND_LEAF ? NOISE_NONE : NOISE_APPROX;
  }
}

/* Small dyadic numbers come out of additions and products exactly; to disturb them would break the
 * ties they are there for. */
static bool is_simple(double v) { return fabs(v) <= 4096 && v * 256 == rint(v * 256); }

static double smallest_normal(DType t) { return t == T_F32 ? (double)FLT_MIN : DBL_MIN; }
static double unit(DType t) { return t == T_F32 ? (double)FLT_EPSILON : DBL_EPSILON; }

static double disturbed(Rng *r, DType t, Noise kind, double v) {
  if (!isfinite(v)) return v;
  if (kind != NOISE_APPROX && is_simple(v)) return v;
  double tiny = smallest_normal(t);
  if (fabs(v) < tiny) return rng_chance(r, 50) ? v : copysign(rng_between(r, 0, tiny), v);
  double width = (kind == NOISE_APPROX ? 2 : 1) * unit(t);
  return v * (1 + rng_between(r, -width, width));
}

static Tensor disturbed_copy(Cx *cx, Arena *a, Rng *r, Noise kind, const Tensor *x) {
  Tensor y = tensor_new(cx, a, x->type, &x->shape);
  int64_t n = tensor_count(x);
  for (int64_t i = 0; i < n; i++) tensor_set(&y, i, disturbed(r, x->type, kind, tensor_get(x, i)));
  return y;
}

/* ---- one noisy evaluation ---- */
static void eval_one(Cx *cx, Arena *a, const Ins *in, Tensor *const *arg, Tensor *out) {
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

static int64_t common_divisor(int64_t a, int64_t b) { return b ? common_divisor(b, a % b) : a; }

/* The elements in another order along the folded axes (backwards, or by some step, round and round,
 * as accumulators do): an overflow on the way may depend on the order, which is nobody's promise.
 */
static Tensor turned_copy(Cx *cx, Arena *a, Rng *r, const Tensor *x, uint32_t axes) {
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

/* sin, cos and tan are only promised up to 2^45 (loop/vmath.nn). */
static bool beyond_range(const Ins *in, Tensor *const *arg, int64_t i) {
  return (in->op == OP_sin || in->op == OP_cos || in->op == OP_tan) &&
         fabs(tensor_get(arg[0], i)) > 0x1p45;
}

static void add_noise(Rng *r, const Ins *in, Noise kind, Tensor *const *arg, Tensor *out) {
  int64_t n = tensor_count(out);
  for (int64_t i = 0; i < n; i++) {
    double v = tensor_get(out, i);
    /* an underflow that isn't a true zero may as well come out as a tiny number */
    bool underflow = v == 0 && op_kind((Op)in->op) == KIND_MAP &&
                     (in->op == OP_mul || in->op == OP_div || kind == NOISE_APPROX) &&
                     (!has_zero_operand(arg, in->nargs, i) || in->op == OP_exp);
    if (isfinite(v) && beyond_range(in, arg, i)) {
      tensor_set(out, i, rng_chance(r, 75) ? (double)NAN : rng_between(r, -100, 100));
      continue;
    }
    if (underflow && rng_chance(r, 50)) v = rng_between(r, 0, smallest_normal(out->type));
    tensor_set(out, i, disturbed(r, out->type, kind, v));
  }
}

static Tensor magnitudes(Cx *cx, Arena *a, const Tensor *x) {
  Tensor y = tensor_new(cx, a, x->type, &x->shape);
  for (int64_t i = 0, n = tensor_count(x); i < n; i++) tensor_set(&y, i, fabs(tensor_get(x, i)));
  return y;
}

static bool all_simple(const Tensor *x) {
  for (int64_t i = 0, n = tensor_count(x); i < n; i++)
    if (!is_simple(tensor_get(x, i))) return false;
  return true;
}

/* A running sum rounds at every step, by half a unit of what it has reached, and always to the same
 * side where the terms are equal. That shows where the terms cancel in the end: so the noise is in
 * proportion to the sum of magnitudes (at most the number of terms is, Higham 2002, section 4.2;
 * WIDEN makes up for a quarter). */
static void add_rounding_of_sums(Cx *cx, Arena *a, Rng *r, const Ins *in, Tensor *const *arg,
                                 Tensor *out) {
  Tensor *whole[IR_MAX_RANK + 2], copy[IR_MAX_RANK + 2],
      sum = tensor_new(cx, a, out->type, &in->shape);
  bool simple = true;
  for (int k = 0; k < in->nargs; k++) {
    whole[k] = arg[k];
    if (!type_is_float(arg[k]->type)) continue;
    simple = simple && all_simple(arg[k]);
    copy[k] = magnitudes(cx, a, arg[k]);
    whole[k] = &copy[k];
  }
  if (simple) return;
  eval_one(cx, a, in, whole, &sum);
  for (int64_t i = 0, n = tensor_count(out); i < n; i++) {
    double width = unit(out->type) / 4 * tensor_get(&sum, i), v = tensor_get(out, i);
    if (isfinite(v) && isfinite(width)) tensor_set(out, i, v + rng_between(r, -width, width));
  }
}

static Tensor *noisy_parts(const Fn *f, Arena *a, Rng *r, const Ins *in, const Tensor *val) {
  Tensor *arg = NEWS(a, Tensor, in->nargs + 1), *part = NEWS(a, Tensor, ins_part_count(in) + 1);
  for (int k = 0; k < in->nargs; k++) arg[k] = val[in->arg[k]];
  eval_noisy_bundle(f->cx, a, r, in, arg, part);
  return part;
}

void eval_noisy(const Fn *f, Arena *a, Rng *r, const Tensor *in, Tensor *out) {
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
      part[v] = noisy_parts(f, a, r, i, val);
      continue;
    }
    Tensor *arg[IR_MAX_RANK + 2], copy[2];
    Noise kind = r ? noise_of(i) : NOISE_NONE;
    for (int k = 0; k < i->nargs; k++) arg[k] = &val[i->arg[k]];
    for (int k = 0; kind == NOISE_SUM && k < (i->op == OP_contract ? 2 : 1); k++) {
      copy[k] = disturbed_copy(f->cx, a, r, NOISE_ROUND, arg[k]);
      arg[k] = &copy[k];
    }
    if (kind == NOISE_SUM && op_kind((Op)i->op) == KIND_FOLD && rng_chance(r, 50)) {
      copy[1] = turned_copy(f->cx, a, r, arg[0], i->u.axes);
      arg[0] = &copy[1];
    }
    val[v] = tensor_new(f->cx, a, (DType)i->type, &i->shape);
    eval_one(f->cx, a, i, arg, &val[v]);
    if (kind == NOISE_SUM && i->op != OP_prod) add_rounding_of_sums(f->cx, a, r, i, arg, &val[v]);
    if (kind != NOISE_NONE) add_noise(r, i, kind, arg, &val[v]);
  }
  for (int i = 0; i < f->out.n; i++) out[i] = val[f->out.at[i].val];
}

/* ---- the spread ---- */
enum { SAMPLES = 6, WIDEN = 40 };

static double slack_of(DType t, double v, const double *sample) {
  double spread = 0;
  for (int s = 0; s < SAMPLES; s++) {
    if (!isfinite(v) || !isfinite(sample[s])) {
      bool same = v == sample[s] || (v != v && sample[s] != sample[s]);
      if (!same) return INFINITY;
    } else {
      spread = fmax(spread, fabs(v - sample[s]));
    }
  }
  if (!type_is_float(t)) return spread > 0 ? INFINITY : 0;
  if (!isfinite(v)) return 0;
  if (fabs(v) > (t == T_F32 ? (double)FLT_MAX : DBL_MAX) / 64) return INFINITY;
  return WIDEN * spread + 8 * unit(t) * fabs(v) + 4 * smallest_normal(t);
}

void eval_bounded(const Fn *f, const Tensor *in, uint64_t seed, Bounded *out) {
  Cx *cx = f->cx;
  Arena *a = arena_new(cx);
  Tensor *base = NEWS(a, Tensor, f->out.n + 1), *noisy[SAMPLES];
  eval_noisy(f, a, NULL, in, base);
  for (int s = 0; s < SAMPLES; s++) {
    Rng r = rng_at(seed * SAMPLES + (uint64_t)s);
    noisy[s] = NEWS(a, Tensor, f->out.n + 1);
    eval_noisy(f, a, &r, in, noisy[s]);
  }
  for (int i = 0; i < f->out.n; i++) {
    int64_t n = tensor_count(&base[i]);
    out[i].value = base[i];
    out[i].value.data =
        arena_copy(cx->arena, base[i].data, (size_t)(MAX(n, 1) * type_info[base[i].type].bytes));
    out[i].slack = NEWS(cx->arena, double, MAX(n, 1));
    for (int64_t k = 0; k < n; k++) {
      double sample[SAMPLES];
      for (int s = 0; s < SAMPLES; s++) sample[s] = tensor_get(&noisy[s][i], k);
      out[i].slack[k] = slack_of(base[i].type, tensor_get(&base[i], k), sample);
    }
  }
  arena_free(a);
}

static const char *element_differs(Cx *cx, int64_t k, double x, double y, double slack) {
  if (slack == INFINITY || x == y || (x != x && y != y) || fabs(x - y) <= slack) return NULL;
  return text_printf(cx, "element %lld: %.17g and %.17g (slack %.3g)", (long long)k, x, y, slack);
}

const char *differs(Cx *cx, const Bounded *want, const Tensor *got) {
  if (want->value.type != got->type || !shape_eq(&want->value.shape, &got->shape))
    return text_printf(cx, "%s and %s", type_text(cx, want->value.type, &want->value.shape),
                       type_text(cx, got->type, &got->shape));
  const char *wrong = NULL;
  for (int64_t k = 0, n = tensor_count(got); k < n && !wrong; k++)
    wrong = element_differs(cx, k, tensor_get(&want->value, k), tensor_get(got, k), want->slack[k]);
  return wrong;
}

const char *differ_both(Cx *cx, const Bounded *x, const Bounded *y) {
  if (x->value.type != y->value.type || !shape_eq(&x->value.shape, &y->value.shape))
    return text_printf(cx, "%s and %s", type_text(cx, x->value.type, &x->value.shape),
                       type_text(cx, y->value.type, &y->value.shape));
  const char *wrong = NULL;
  for (int64_t k = 0, n = tensor_count(&x->value); k < n && !wrong; k++)
    wrong = element_differs(cx, k, tensor_get(&x->value, k), tensor_get(&y->value, k),
                            x->slack[k] + y->slack[k]);
  return wrong;
}

bool same_bits(const Tensor *x, const Tensor *y) {
  return x->type == y->type && shape_eq(&x->shape, &y->shape) &&
         !memcmp(x->data, y->data, (size_t)(tensor_count(x) * type_info[x->type].bytes));
}

/* ---- text ---- */
const char *text_printf(Cx *cx, const char *fmt, ...) {
  Text t = text_new(cx->arena);
  va_list ap;
  va_start(ap, fmt);
  text_vfmt(&t, fmt, ap);
  va_end(ap);
  return text_str(&t);
}
const char *dump_text(const Fn *f) {
  Text t = text_new(f->cx->arena);
  ir_dump(f, &t);
  return text_str(&t);
}
const char *nn_text(const Fn *f) {
  Text t = text_new(f->cx->arena);
  ir_print_nn(f, &t);
  return text_str(&t);
}
const char *diag_text(Cx *cx) {
  Text t = text_new(cx->arena);
  diag_render_all(cx, false, &t);
  return text_str(&t);
}
