/* compute.c: see compute.h. The two ways give the same values up to the last digit or two: sums are
 * taken in another order, and exp, tanh and the like are other approximations, each within its
 * bound. */
#include "driver/compute.h"
#include "base/diag.h"

#include <time.h>

/* ---- which way ---- */
static double count(const Shape *s) {
  double n = 1;
  for (int d = 0; d < s->rank; d++) n *= dim_is_number(s->dim[d]) ? (double)s->dim[d] : 1;
  return n;
}

/* Measured: an instruction's overhead, and nanoseconds for an element of each kind. */
static double ins_cost(const Fn *f, const Ins *in) {
  const double each = 120e-9;
  double n = in->type == T_BUNDLE ? 0 : count(&in->shape);
  switch (op_kind((Op)in->op)) {
  case KIND_MAP: return each + 3e-9 * n;
  case KIND_FOLD: return each + 4e-9 * count(&fn_ins(f, in->arg[0])->shape);
  case KIND_MOVE: return each + 6e-9 * n;
  case KIND_DOT: { /* every label once: those of the result, and those only the operands have */
    const Contract *c = in->u.contract;
    const Shape *a = &fn_ins(f, in->arg[0])->shape;
    double all = n;
    for (int i = 0; i < a->rank; i++) {
      bool kept = false;
      for (int k = 0; k < in->shape.rank; k++) kept |= c->out[k] == c->a[i];
      if (!kept && dim_is_number(a->dim[i])) all *= (double)a->dim[i];
    }
    return each + 2e-9 * all;
  }
  case KIND_LEAF: return in->op == OP_arg ? 0 : each + 2e-9 * n;
  case KIND_LOOP: break;
  }
  const Fn *body[2];
  double sum = 0,
         trip = in->op == OP_loop && dim_is_number(in->u.loop->trip) ? (double)in->u.loop->trip : 1;
  for (int i = 0, nb = ins_bodies(in, body); i < nb; i++)
    sum += compute_evaluator_cost(body[i]) + 1e-6;
  return each + trip * sum;
}

double compute_evaluator_cost(const Fn *f) {
  double sum = 0;
  for (Val v = 1; v < f->ins.n; v++) sum += ins_cost(f, fn_ins(f, v));
  return sum;
}

/* Contractions become micro-kernels of many instructions. */
static double instructions(const Fn *f) {
  const Fn *body[2];
  double n = 0;
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    n += op_kind((Op)in->op) == KIND_DOT ? 60 : op_kind((Op)in->op) != KIND_LEAF;
    for (int i = 0, nb = ins_bodies(in, body); i < nb; i++) n += 4 + instructions(body[i]);
  }
  return n;
}

double compute_compile_cost(const Fn *f) { return 6e-3 + 0.4e-3 * instructions(f); }

static bool is_native(const Fn *f, const Computing *how) {
  if (!how->native || how->engine == ENGINE_EVALUATOR) return false;
  if (how->engine == ENGINE_NATIVE) return true;
  return compute_evaluator_cost(f) > MAX(how->patience, compute_compile_cost(f));
}

/* ---- doing it ---- */
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Where there is no back end, the evaluator does it all. */
static Compiled *try_compile(const Fn *f) {
  Cx *cx = f->cx;
  int recorded = cx->diags->list.n, errors = cx->diags->errors;
  SizeBindings none = {0};
  Fn *g = compile_prepare(f, &none);
  Target t = compile_target(1);
  Compiled *c = g ? compile_native(g, &t) : NULL;
  if (c) return c;
  cx->diags->list.n = recorded;
  cx->diags->errors = errors;
  return NULL;
}

Computed compute_prepare(const Fn *f, const Computing *how) {
  Computed c = {.fn = f};
  double start = now();
  if (is_native(f, how)) c.code = try_compile(f);
  c.compile_seconds = c.code ? now() - start : 0;
  return c;
}

static Tensor aligned(Arena *a, DType type, const Shape *shape) {
  Tensor t = {type, *shape, NULL};
  size_t bytes = (size_t)type_info[type].bytes;
  char *p = arena_alloc(a, 64 + bytes * (size_t)MAX(tensor_count(&t), 1));
  t.data = p + (64 - (uintptr_t)p % 64) % 64;
  return t;
}

void compute_run(const Computed *c, const Computing *how, Arena *a, const Tensor *in, Tensor *out) {
  Cx *cx = c->fn->cx;
  if (!c->code) {
    ir_eval(c->fn, a, in, out, NULL);
    return;
  }
  const Fn *f = c->code->fn;
  void **from = NEWS(a, void *, f->in.n + 1), **to = NEWS(a, void *, f->out.n + 1);
  for (int i = 0; i < f->in.n; i++) {
    Tensor x = aligned(a, in[i].type, &in[i].shape);
    from[i] =
        memcpy(x.data, in[i].data, (size_t)type_info[x.type].bytes * (size_t)tensor_count(&x));
  }
  for (int i = 0; i < f->out.n; i++) {
    const Ins *y = fn_ins(f, f->out.at[i].val);
    out[i] = aligned(a, (DType)y->type, &y->shape);
    to[i] = out[i].data;
  }
  if (!how->interrupt) compiled_run(c->code, from, to, NULL);
  else if (!interrupt_run(how->interrupt, c->code, from, to)) cx_interrupted(cx);
  if (compiled_verdict(c->code, NULL) != ST_OK) cx_gone_wrong(cx);
}
