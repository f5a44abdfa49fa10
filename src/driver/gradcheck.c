/* gradcheck.c: see gradcheck.h.
 *
 * Differences: (f(x + h) - f(x - h)) / 2h with h = 1e-6 max(1, |x|): truncation is h^2 f'''/6, rounding
 * eps |f| / h, together about 1e-10 |f|. Where the two one-sided differences disagree, h is made
 * smaller; where they go on disagreeing the function has a corner there (relu at 0) and no derivative
 * to compare with: the entry counts as a kink. */
#include "driver/gradcheck.h"
#include "pass/pass.h"

#include <math.h>

typedef struct Check {
  Session *s;
  Cx *cx;
  const GradcheckOptions *o;
  const Fn *value, *gradient, *tangent; /* in f64, all sizes numbers */
  Tensor *in;
  bool *wrt;
  uint64_t random;
} Check;

static double uniform(Check *c) { /* -1 .. 1, splitmix64 */
  uint64_t z = (c->random += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return (double)((z ^ (z >> 31)) >> 11) * 0x1p-52 - 1;
}

/* ---- inputs ------------------------------------------------------------------------------------------- */
static bool fill_input(Check *c, int i) {
  const Input *in = &c->value->in.at[i];
  c->in[i] = tensor_new(c->cx, c->cx->arena, in->type, &in->shape);
  int64_t n = tensor_count(&c->in[i]);
  const Tensor *p = NULL;
  if (in->role == ROLE_PARAM && !(p = session_param(c->s, in->name))) return false;
  for (int64_t k = 0; k < n; k++) {
    double v = p ? tensor_get(p, k) : uniform(c);
    /* parameters that begin at zero would hide mistakes: all are moved a little */
    if (p && type_is_float(in->type)) v += 0.1 * uniform(c);
    if (!type_is_float(in->type) && !p) v = floor((v + 1) * (in->type == T_BOOL ? 1 : 1.5)); /* 0, 1 or 2 */
    tensor_set(&c->in[i], k, v);
  }
  return true;
}

static double value_at(Check *c) {
  Arena *a = arena_new(c->cx);
  Tensor y;
  ir_eval(c->value, a, c->in, &y, NULL);
  double v = tensor_get(&y, 0);
  arena_free(a);
  return v;
}

static double moved(Check *c, int i, int64_t k, double x) {
  double old = tensor_get(&c->in[i], k);
  tensor_set(&c->in[i], k, x);
  double v = value_at(c);
  tensor_set(&c->in[i], k, old);
  return v;
}

/* ---- one entry -------------------------------------------------------------------------------------------- */
static double relative(double a, double b, double scale) { return fabs(a - b) / fmax(scale, fmax(fabs(a), fabs(b))); }

/* The derivative by differences; *kink where the function has none. */
static double difference(Check *c, int i, int64_t k, double f0, double analytic, double scale, bool *kink) {
  double x = tensor_get(&c->in[i], k), best = 0, least = INFINITY;
  *kink = true;
  for (double h = 1e-5 * fmax(1, fabs(x)); h > 1e-8; h /= 10) {
    double up = moved(c, i, k, x + h), down = moved(c, i, k, x - h);
    double central = (up - down) / (2 * h), error = relative(central, analytic, scale);
    double noise = 1e-15 * fmax(1, fabs(f0)) / h, curvature = h * 1e4;
    if (error < least) least = error, best = central;
    if (fabs((up - f0) / h - (f0 - down) / h) < 10 * noise + (curvature + 1e-3) * fmax(scale, fabs(central))) *kink = false;
    if (error < 0.1 * c->o->tolerance) break;
  }
  if (least <= c->o->tolerance) *kink = false;
  return best;
}

static void check_input(Check *c, int i, const Tensor *g, double f0, GradcheckReport *out) {
  const Input *in = &c->value->in.at[i];
  GradcheckRow row = {.input = in->name, .type = in->type, .shape = in->shape, .good = true};
  int64_t n = tensor_count(g), count = n < c->o->entries ? n : c->o->entries;
  double scale = 0;
  for (int64_t k = 0; k < n; k++) scale = fmax(scale, fabs(tensor_get(g, k)));
  scale = fmax(1e-3 * scale, 1e-8 * fmax(1, fabs(f0))); /* an entry is measured against its tensor's largest */
  for (int64_t j = 0; j < count; j++) {
    int64_t k = n <= c->o->entries ? j : (int64_t)((uniform(c) + 1) / 2 * (double)(n - 1));
    bool kink;
    double a = tensor_get(g, k), d = difference(c, i, k, f0, a, scale, &kink), e = relative(a, d, scale);
    if (kink) {
      row.kinks++;
      continue;
    }
    row.checked++;
    bool worse = !(e <= row.worst);
    if (worse) row.worst = e, row.at = k, row.analytic = a, row.numeric = d;
    row.good = row.good && e <= c->o->tolerance;
  }
  out->good = out->good && row.good;
  vec_push(c->cx->arena, &out->rows, row);
}

/* ---- reverse against forward: <gradient, v> and the tangent along v ---------------------------------------- */
static void check_modes(Check *c, const Tensor *grad, GradcheckReport *out) {
  const Fn *t = c->tangent;
  Tensor *in = NEWS(c->cx->arena, Tensor, t->in.n), *y = NEWS(c->cx->arena, Tensor, t->out.n);
  double dot = 0, size = 0;
  int extra = c->value->in.n;
  memcpy(in, c->in, (size_t)c->value->in.n * sizeof *in);
  for (int i = 0, g = 0; i < c->value->in.n; i++) {
    if (!c->wrt[i]) continue;
    in[extra] = tensor_new(c->cx, c->cx->arena, c->in[i].type, &c->in[i].shape);
    for (int64_t k = 0; k < tensor_count(&in[extra]); k++) {
      double v = uniform(c), d = tensor_get(&grad[g], k);
      tensor_set(&in[extra], k, v);
      dot += v * d;
      size += fabs(v * d);
    }
    extra++;
    g++;
  }
  Arena *a = arena_new(c->cx);
  ir_eval(t, a, in, y, NULL);
  double forward = tensor_get(&y[1], 0);
  out->modes = fabs(forward - dot) / fmax(size, 1e-300);
  if (forward == dot) out->modes = 0;
  out->good = out->good && out->modes <= 1e-10;
  arena_free(a);
}

/* ---- a function ----------------------------------------------------------------------------------------------- */
static const Fn *in_doubles(const Fn *f, const SizeBindings *sizes) {
  Fn *g = pass_expand(f);
  if (g) g = pass_bind_sizes(g, sizes);
  return g ? pass_to_f64(g) : NULL;
}

Status gradcheck_function(Session *s, const Fn *f, const SizeBindings *sizes, const GradcheckOptions *o,
                          GradcheckReport *out) {
  Check c = {.s = s, .cx = s->cx, .o = o, .random = o->seed * 0x9E3779B97F4A7C15u + 1};
  *out = (GradcheckReport){.function = f->name, .good = true};
  c.value = in_doubles(f, sizes);
  if (!c.value) return ST_SOURCE;
  int n = c.value->in.n;
  bool any = false;
  c.wrt = NEWS(s->cx->arena, bool, n + 1);
  c.in = NEWS(s->cx->arena, Tensor, n + 1);
  for (int i = 0; i < n; i++) any |= c.wrt[i] = type_is_float(c.value->in.at[i].type);
  for (int i = 0; i < n; i++)
    if (!fill_input(&c, i)) return ST_SOURCE;
  if (!any) return ST_OK;
  c.gradient = pass_gradient(c.value, c.wrt, true);
  c.tangent = pass_tangent(c.value, c.wrt);
  if (!c.gradient || !c.tangent) return ST_SOURCE;
  Tensor *g = NEWS(s->cx->arena, Tensor, c.gradient->out.n);
  ir_eval(c.gradient, s->cx->arena, c.in, g, NULL);
  out->value = tensor_get(&g[0], 0);
  for (int i = 0, k = 1; i < n; i++)
    if (c.wrt[i]) check_input(&c, i, &g[k++], out->value, out);
  check_modes(&c, g + 1, out);
  return ST_OK;
}
