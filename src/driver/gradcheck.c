/* gradcheck.c: see gradcheck.h. The function y = f(x) with results of any shape is made a scalar by
 * fixed random weights w, L(x) = <w, f(x)>, so that one check serves all functions:
 *
 *   reverse mode   <J'w, v>        of pass_adjoint
 *   forward mode   <w, J v>        of pass_tangent: equal up to rounding
 *   differences    (L(x + h v) - L(x - h v)) / 2h, with the best of three steps h
 *
 * for v a random direction over the whole input, and for single elements of it. */
#include "driver/gradcheck.h"
#include "pass/pass.h"

#include <math.h>

/* A difference of two values of size 1 has about 1e-16/h of rounding error: derivatives smaller
 * than this, relative to the result, can't be told from zero and are compared absolutely. */
static const double FLOOR = 1e-4;

typedef struct Check {
  Session *s;
  const Fn *f, *adjoint, *tangent; /* expanded, f64, sizes bound */
  bool *wrt;
  int nwrt, nseeds;
  Tensor *in;     /* of f; the adjoint's and tangent's further inputs follow in copies */
  Tensor *weight; /* one per float output */
  uint64_t random;
} Check;

/* ---- random numbers: splitmix64 ---- */
static uint64_t next_bits(Check *c) {
  uint64_t z = c->random += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

static double next_uniform(Check *c) { return ((double)(next_bits(c) >> 11) + 0.5) * 0x1p-53; }

static double next_normal(Check *c) { /* Box and Muller */
  double r = sqrt(-2 * log(next_uniform(c)));
  return r * cos(6.283185307179586 * next_uniform(c));
}

/* ---- evaluating ---- */
static Tensor *eval(const Fn *f, Arena *a, const Tensor *in) {
  Tensor *out = NEWS(a, Tensor, f->out.n);
  ir_eval(f, a, in, out, NULL);
  return out;
}

static double dot(const Tensor *a, const Tensor *b) {
  double sum = 0;
  for (int64_t i = 0, n = tensor_count(a); i < n; i++) sum += tensor_get(a, i) * tensor_get(b, i);
  return sum;
}

static bool float_output(const Fn *f, int i) {
  return type_is_float((DType)fn_ins(f, f->out.at[i].val)->type);
}

/* <w, y> over the float ones of f's outputs. */
static double weigh(const Check *c, const Tensor *out) {
  double sum = 0;
  for (int i = 0, k = 0; i < c->f->out.n; i++)
    if (float_output(c->f, i)) sum += dot(&c->weight[k++], &out[i]);
  return sum;
}

static double value_at(Check *c, const Tensor *in) {
  Arena *a = arena_new(c->s->cx);
  double y = weigh(c, eval(c->f, a, in));
  arena_free(a);
  return y;
}

/* ---- arguments ---- */
/* Ways to draw arguments, tried in turn until the results are finite: integers may be class numbers
 * or indices into something short, floats may have to be positive. */
static const struct {
  int most;      /* integers are 0..most */
  bool positive; /* floats in (0.1, 0.9) instead of normal */
} draws[] = {{9, false}, {1, false}, {0, false}, {9, true}, {1, true}, {0, true}};

static void draw(Check *c, Tensor *t, int way) {
  for (int64_t i = 0, n = tensor_count(t); i < n; i++) {
    double v;
    if (type_is_float(t->type))
      v = draws[way].positive ? 0.1 + 0.8 * next_uniform(c) : next_normal(c);
    else v = (double)(next_bits(c) % (uint64_t)(draws[way].most + 1));
    tensor_set(t, i, v);
  }
}

/* A parameter's initial value, moved a little: zeros sit on kinks and hide terms. */
static void draw_param(Check *c, Tensor *t, const Tensor *initial) {
  for (int64_t i = 0, n = tensor_count(t); i < n; i++)
    tensor_set(t, i, tensor_get(initial, i) + (type_is_float(t->type) ? 0.05 * next_normal(c) : 0));
}

typedef struct Tried {
  Check *c;
  Arena *arena;
  Tensor *out;
} Tried;

static Status try_arguments(void *arg) {
  Tried *t = arg;
  t->out = eval(t->c->f, t->arena, t->c->in);
  return ST_OK;
}

/* Nor do they lead to an index outside. */
static bool finite_results(Check *c) {
  Cx *cx = c->s->cx;
  Arena *a = arena_new(cx);
  Tried t = {c, a, NULL};
  int recorded = cx->diags->list.n, errors = cx->diags->errors;
  Status status = cx_guard(cx, try_arguments, &t);
  Tensor *out = t.out;
  bool ok = status == ST_OK;
  if (status == ST_FINDINGS) {
    cx->diags->list.n = recorded, cx->diags->errors = errors;
    arena_free(a);
    return false;
  }
  if (!ok) cx_unwind_again(cx);
  for (int i = 0; i < c->f->out.n; i++)
    for (int64_t k = 0, n = tensor_count(&out[i]); k < n && ok; k++)
      ok = isfinite(tensor_get(&out[i], k));
  arena_free(a);
  return ok;
}

static void copy_values(Tensor *to, const Tensor *from) {
  for (int64_t i = 0, n = tensor_count(to); i < n; i++) tensor_set(to, i, tensor_get(from, i));
}

static bool shape_as_initial(const Input *in, const Tensor *initial) {
  return shape_eq(&in->shape, &initial->shape);
}

/* False after a diagnostic, or with *skipped set. */
static bool make_inputs(Check *c, const char **skipped) {
  Cx *cx = c->s->cx;
  c->in = NEWS(cx->arena, Tensor, c->f->in.n);
  for (int way = 0; way < COUNT_OF(draws); way++) {
    for (int i = 0; i < c->f->in.n; i++) {
      const Input *input = &c->f->in.at[i];
      if (!c->in[i].data) c->in[i] = tensor_new(cx, cx->arena, input->type, &input->shape);
      const Tensor *initial = input_is_kept(input) ? session_param(c->s, input->name) : NULL;
      if (input_is_kept(input) && !initial) return false;
      bool fits = initial && shape_as_initial(input, initial);
      if (fits && input->role == ROLE_STATE) copy_values(&c->in[i], initial);
      else if (fits) draw_param(c, &c->in[i], initial);
      else draw(c, &c->in[i], way);
    }
    if (finite_results(c)) return true;
  }
  *skipped = "no random arguments gave finite results";
  return false;
}

/* Given arguments, and initial values as they are. */
static bool take_inputs(Check *c, const Tensor *args, const char **skipped) {
  Cx *cx = c->s->cx;
  c->in = NEWS(cx->arena, Tensor, c->f->in.n);
  for (int i = 0, k = 0; i < c->f->in.n; i++) {
    const Input *input = &c->f->in.at[i];
    const Tensor *from = input_is_kept(input) ? session_param(c->s, input->name) : &args[k++];
    if (!from) return false;
    c->in[i] = tensor_new(cx, cx->arena, input->type, &input->shape);
    copy_values(&c->in[i], from);
  }
  if (!finite_results(c)) *skipped = "the results are not finite";
  return !*skipped;
}

static void make_weights(Check *c) {
  Cx *cx = c->s->cx;
  c->weight = NEWS(cx->arena, Tensor, c->f->out.n);
  for (int i = 0; i < c->f->out.n; i++) {
    if (!float_output(c->f, i)) continue;
    const Ins *y = fn_ins(c->f, c->f->out.at[i].val);
    Tensor *w = &c->weight[c->nseeds++];
    *w = tensor_new(cx, cx->arena, (DType)y->type, &y->shape);
    for (int64_t k = 0, n = tensor_count(w); k < n; k++)
      tensor_set(w, k, y->shape.rank ? next_normal(c) : 1);
  }
}

/* ---- comparing ---- */
static double error_of(double a, double b, double scale) {
  double size = fmax(fmax(fabs(a), fabs(b)), FLOOR * fmax(scale, 1e-3));
  double e = fabs(a - b) / size;
  return isnan(e) ? INFINITY : e;
}

static double difference(Check *c, int input, const Tensor *v, double h) {
  Tensor *in = arena_copy(c->s->cx->arena, c->in, (size_t)c->f->in.n * sizeof *c->in);
  Arena *a = arena_new(c->s->cx);
  Tensor moved = tensor_new(c->s->cx, a, v->type, &v->shape);
  double y[2];
  in[input] = moved;
  for (int side = 0; side < 2; side++) {
    for (int64_t i = 0, n = tensor_count(v); i < n; i++)
      tensor_set(&moved, i, tensor_get(&c->in[input], i) + (side ? -h : h) * tensor_get(v, i));
    y[side] = value_at(c, in);
  }
  arena_free(a);
  return (y[0] - y[1]) / (2 * h);
}

/* <w, J v> where v moves one input and the others stand still. */
static double forward(Check *c, int input, const Tensor *v) {
  Arena *a = arena_new(c->s->cx);
  Tensor *in = NEWS(a, Tensor, c->tangent->in.n);
  int n = c->f->in.n;
  for (int i = 0, k = n; i < n; i++) {
    in[i] = c->in[i];
    if (c->wrt[i])
      in[k++] = i == input ? *v : tensor_new(c->s->cx, a, c->in[i].type, &c->in[i].shape);
  }
  double y = weigh(c, eval(c->tangent, a, in) + c->f->out.n);
  arena_free(a);
  return y;
}

typedef struct Direction {
  Check *c;
  int input;
  const Tensor *gradient, *v;
  double scale; /* |L| */
} Direction;

static void try_direction(const Direction *d, GradcheckRow *row) {
  double reverse = dot(d->gradient, d->v), best = INFINITY;
  for (double h = 1e-4; h > 0.5e-6; h /= 10)
    best = fmin(best, error_of(reverse, difference(d->c, d->input, d->v, h), d->scale));
  row->differences = fmax(row->differences, best);
  row->forward = fmax(row->forward, error_of(reverse, forward(d->c, d->input, d->v), d->scale));
  row->directions++;
}

static void check_input(Check *c, int input, const Tensor *gradient, const GradcheckOptions *o,
                        GradcheckRow *row) {
  Tensor v = tensor_new(c->s->cx, c->s->cx->arena, T_F64, &gradient->shape);
  int64_t n = tensor_count(&v);
  Direction d = {c, input, gradient, &v, fabs(value_at(c, c->in))};
  double length = 0;
  for (int64_t i = 0; i < n; i++) {
    tensor_set(&v, i, next_normal(c));
    length += tensor_get(&v, i) * tensor_get(&v, i);
  }
  for (int64_t i = 0; i < n; i++) tensor_set(&v, i, tensor_get(&v, i) / sqrt(length));
  if (n) try_direction(&d, row);
  memset(v.data, 0, (size_t)n * sizeof(double));
  for (int k = 0; k < o->samples && k < n; k++) { /* all of them where they are few */
    int64_t i = n <= o->samples ? k : (int64_t)(next_bits(c) % (uint64_t)n);
    tensor_set(&v, i, 1);
    try_direction(&d, row);
    tensor_set(&v, i, 0);
  }
  row->ok = row->differences <= o->tolerance && row->forward <= o->tolerance;
}

/* ---- the whole check ---- */
/* Numbers for the named sizes: the user's, else small ones, all different, that no literal is
 * likely to equal by chance. */
static SizeBindings pick_sizes(Cx *cx, const Fn *f, const SizeBindings *given, Text *said) {
  SizeBindings names = {{0}}, all = {{0}};
  fn_size_names(f, &names);
  for (int i = 0; i < names.list.n; i++) {
    Name name = names.list.at[i].name;
    Dim d = 3 + i;
    if (given) size_lookup(given, name, &d);
    size_bind(cx->arena, &all, name, d);
    text_fmt(said, "%s%s = %lld", i ? ", " : "", name, (long long)d);
  }
  return all;
}

static const char *choose_wrt(Check *c) {
  c->wrt = NEWS(c->s->cx->arena, bool, c->f->in.n);
  bool any = false;
  for (int i = 0; i < c->f->out.n; i++) any |= float_output(c->f, i);
  if (!any) return "it has no floating-point result";
  for (int i = 0; i < c->f->in.n; i++) {
    const Input *in = &c->f->in.at[i];
    c->nwrt += c->wrt[i] = type_is_float(in->type) && in->role != ROLE_STATE;
  }
  return c->nwrt ? NULL : "it has no floating-point argument or parameter";
}

static bool derive_both(Check *c) {
  c->adjoint = pass_adjoint(c->f, c->wrt);
  c->tangent = c->adjoint ? pass_tangent(c->f, c->wrt) : NULL;
  if (c->tangent) c->adjoint = pass_simplify(c->adjoint);
  if (c->tangent && c->adjoint) c->tangent = pass_simplify(c->tangent);
  return c->adjoint && c->tangent;
}

static void check_all(Check *c, const GradcheckOptions *o, GradcheckReport *out) {
  Cx *cx = c->s->cx;
  Arena *a = arena_new(cx);
  Tensor *in = NEWS(a, Tensor, c->adjoint->in.n);
  memcpy(in, c->in, (size_t)c->f->in.n * sizeof *in);
  memcpy(in + c->f->in.n, c->weight, (size_t)c->nseeds * sizeof *in);
  Tensor *gradient = eval(c->adjoint, a, in) + c->f->out.n;
  out->ok = true;
  for (int i = 0, k = 0; i < c->f->in.n; i++) {
    if (!c->wrt[i]) continue;
    const Input *input = &c->f->in.at[i];
    GradcheckRow row = {.name = input->name, .type = type_text(cx, input->type, &input->shape)};
    check_input(c, i, &gradient[k++], o, &row);
    out->ok = out->ok && row.ok;
    vec_push(cx->arena, &out->row, row);
  }
  arena_free(a);
}

static Status check_bound(Session *s, const Fn *f, const Tensor *args, const GradcheckOptions *o,
                          GradcheckReport *out) {
  Check c = {.s = s, .f = f, .random = (uint64_t)s->seed};
  out->skipped = choose_wrt(&c);
  if (out->skipped) return ST_OK;
  if (!derive_both(&c)) return ST_SOURCE;
  bool made = args ? take_inputs(&c, args, &out->skipped) : make_inputs(&c, &out->skipped);
  if (!made) return out->skipped ? ST_OK : ST_SOURCE;
  make_weights(&c);
  check_all(&c, o, out);
  return ST_OK;
}

Status gradcheck_at(Session *s, const Fn *f, const Tensor *args, const GradcheckOptions *o,
                    GradcheckReport *out) {
  *out = (GradcheckReport){.name = f->name, .sizes = ""};
  f = pass_expand(f);
  return f ? check_bound(s, pass_to_f64(f), args, o, out) : ST_SOURCE;
}

Status gradcheck(Session *s, Name name, const GradcheckOptions *o, GradcheckReport *out) {
  Cx *cx = s->cx;
  *out = (GradcheckReport){.name = name, .sizes = ""};
  const Fn *f = session_function(s, name);
  if (f) f = pass_expand(f);
  if (!f) return ST_SOURCE;
  Text sizes = text_new(cx->arena);
  SizeBindings numbers = pick_sizes(cx, f, o->sizes, &sizes);
  out->sizes = text_str(&sizes);
  int errors = diag_errors(cx);
  f = pass_bind_sizes(pass_to_f64(f), &numbers);
  if (!f || diag_errors(cx) > errors) return ST_SOURCE;
  session_sizes(s, arena_copy(cx->arena, &numbers, sizeof numbers));
  return check_bound(s, f, NULL, o, out);
}
