/* prove.c: random numbers, random tensors, bounded evaluation. See prove.h. */
#include "prove_noise.h"

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

/* ---- the spread ---- */
enum { SAMPLES = 6, MORE_SAMPLES = 150, WIDEN = 40 };

typedef struct Origin { /* of a value: what it takes to look at it again */
  const Fn *f;
  const Tensor *in;
  uint64_t seed;
} Origin;

static double smallest_normal(DType t) { return t == T_F32 ? (double)FLT_MIN : DBL_MIN; }

/* How far v may be from what it is, for a sample of what it may be. */
static double slack_for(DType t, double v, double sample) {
  if (!isfinite(v) || !isfinite(sample))
    return v == sample || (v != v && sample != sample) ? 0 : INFINITY;
  if (!type_is_float(t)) return v == sample ? 0 : INFINITY;
  return WIDEN * fabs(v - sample);
}

/* The samples' slack is the largest; to it comes what the last instruction rounds. */
static double slack_at_least(DType t, double v) {
  if (!type_is_float(t) || !isfinite(v)) return 0;
  if (fabs(v) > (t == T_F32 ? (double)FLT_MAX : DBL_MAX) / 64) return INFINITY;
  return 8 * noise_unit(t) * fabs(v) + 4 * smallest_normal(t);
}

static void widen(Bounded *out, const Tensor *sample, double *spread) {
  for (int64_t k = 0, n = tensor_count(sample); k < n; k++) {
    double v = tensor_get(&out->value, k);
    spread[k] = fmax(spread[k], slack_for(sample->type, v, tensor_get(sample, k)));
    out->slack[k] = fmax(out->slack[k], spread[k] + slack_at_least(sample->type, v));
  }
}

void eval_bounded(const Fn *f, const Tensor *in, uint64_t seed, Bounded *out) {
  Cx *cx = f->cx;
  Arena *a = arena_new(cx);
  Tensor *base = NEWS(a, Tensor, f->out.n + 1), *noisy = NEWS(a, Tensor, f->out.n + 1);
  double **spread = NEWS(a, double *, f->out.n + 1);
  Origin *from = NEW(cx->arena, Origin);
  *from = (Origin){f, in, seed};
  eval_noisy(f, a, NULL, in, base);
  for (int i = 0; i < f->out.n; i++) {
    size_t n = (size_t)MAX(tensor_count(&base[i]), 1);
    out[i] = (Bounded){.value = base[i],
                       .slack = NEWS(cx->arena, double, n),
                       .looked = NEW(cx->arena, bool),
                       .from = from,
                       .output = i};
    out[i].value.data = arena_copy(cx->arena, base[i].data, n * type_info[base[i].type].bytes);
    spread[i] = NEWS(a, double, n);
  }
  for (int s = 0; s < SAMPLES; s++) {
    Noisy z = {rng_at(seed * SAMPLES + (uint64_t)s), 1};
    eval_noisy(f, a, &z, in, noisy);
    for (int i = 0; i < f->out.n; i++) widen(&out[i], &noisy[i], spread[i]);
  }
  arena_free(a);
}

/* A few samples can miss what rounding may do: all of them may take the same side of a comparison
 * or the same order; and where noise is larger than what a function changes in (sin of a sum that
 * cancels), none may come near where it is large. So what seems to differ is looked at again, with
 * many samples, of smaller noise too. */
static void look_again(Cx *cx, const Bounded *x) {
  if (*x->looked) return;
  *x->looked = true;
  const Fn *f = x->from->f;
  Bounded wide = *x;
  double *spread = NEWS(cx->arena, double, MAX(tensor_count(&x->value), 1));
  for (int s = 0; s < MORE_SAMPLES; s++) {
    Arena *a = arena_new(cx);
    Noisy z = {rng_at(x->from->seed * MORE_SAMPLES + (uint64_t)s + 0x5EC0D), 1};
    if (rng_chance(&z.rng, 60)) z.width = exp2(-rng_between(&z.rng, 0, 60));
    Tensor *noisy = NEWS(a, Tensor, f->out.n + 1);
    eval_noisy(f, a, &z, x->from->in, noisy);
    widen(&wide, &noisy[x->output], spread);
    arena_free(a);
  }
}

/* ---- comparing ---- */
/* y_slack: NULL: y is exact. */
static const char *elements_differ(Cx *cx, const Bounded *x, const Tensor *y,
                                   const double *y_slack) {
  for (int64_t k = 0, n = tensor_count(y); k < n; k++) {
    double v = tensor_get(&x->value, k), w = tensor_get(y, k);
    double slack = x->slack[k] + (y_slack ? y_slack[k] : 0);
    if (slack == INFINITY || v == w || (v != v && w != w) || fabs(v - w) <= slack) continue;
    return text_printf(cx, "element %lld: %.17g and %.17g (slack %.3g)", (long long)k, v, w, slack);
  }
  return NULL;
}

static const char *types_differ(Cx *cx, const Tensor *x, const Tensor *y) {
  if (x->type == y->type && shape_eq(&x->shape, &y->shape)) return NULL;
  return text_printf(cx, "%s and %s", type_text(cx, x->type, &x->shape),
                     type_text(cx, y->type, &y->shape));
}

const char *differs(Cx *cx, const Bounded *want, const Tensor *got) {
  const char *wrong = types_differ(cx, &want->value, got);
  if (wrong || !elements_differ(cx, want, got, NULL)) return wrong;
  look_again(cx, want);
  return elements_differ(cx, want, got, NULL);
}

const char *differ_both(Cx *cx, const Bounded *x, const Bounded *y) {
  const char *wrong = types_differ(cx, &x->value, &y->value);
  if (wrong || !elements_differ(cx, x, &y->value, y->slack)) return wrong;
  look_again(cx, x);
  look_again(cx, y);
  return elements_differ(cx, x, &y->value, y->slack);
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
