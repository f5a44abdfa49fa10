/* bench.c: warm, repeated, median. The peak is measured in the same run, of as many cores as threads. */
#include "driver/bench.h"

#include <stdlib.h>
#include <time.h>

enum { MAX_SAMPLES = 1000 };

static double now_of(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
static double now(void) { return now_of(CLOCK_MONOTONIC); }
static double processor_time(void) { return now_of(CLOCK_PROCESS_CPUTIME_ID); }

/* splitmix64: the same numbers in every run */
static uint64_t next_random(uint64_t *s) {
  uint64_t z = (*s += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

static void fill(Tensor *t, int64_t below, uint64_t *seed) {
  int64_t n = tensor_count(t);
  for (int64_t i = 0; i < n; i++) {
    uint64_t r = next_random(seed);
    tensor_set(t, i, type_is_float(t->type) ? (double)(r >> 11) * 0x1p-53 - 0.5 : (double)(r % (uint64_t)below));
  }
}

static Tensor aligned_tensor(Cx *cx, DType t, const Shape *s) {
  Tensor x = tensor_new(cx, cx->arena, t, &(Shape){0});
  x.shape = *s;
  size_t bytes = (size_t)tensor_count(&x) * (size_t)type_info[t].bytes;
  char *p = arena_alloc(cx->arena, bytes + 64);
  x.data = p + (64 - (uintptr_t)p % 64) % 64;
  return x;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void many(const Compiled *c, void *const *in, void *const *out, GradcRt *rt, int64_t calls) {
  for (int64_t i = 0; i < calls; i++) compiled_run(c, in, out, rt);
}

/* Calls are timed in groups that last at least some microseconds, so that the clocks' own time vanishes.
 * The first ones warm caches, pages and branch predictors, and bring the processor to its clock. */
static void measure(const Compiled *c, void *const *in, void *const *out, GradcRt *rt, double budget, BenchResult *r) {
  double begin = now(), once = 1e9;
  for (int i = 0; i < 3 || (i < 1000 && now() - begin < budget / 10); i++) {
    double start = now();
    many(c, in, out, rt, 1);
    once = MIN(once, MAX(now() - start, 1e-8));
  }
  int64_t group = MAX((int64_t)(50e-6 / once), (int64_t)1);
  double *sample = NEWS(c->fn->cx->arena, double, MAX_SAMPLES);
  int n = 0;
  r->cpu_seconds = 1e9;
  begin = now();
  while (n < MAX_SAMPLES && (n < 5 || now() - begin < budget)) {
    double start = now(), worked = processor_time();
    many(c, in, out, rt, group);
    worked = processor_time() - worked;
    sample[n++] = (now() - start) / (double)group;
    r->cpu_seconds = MIN(r->cpu_seconds, worked / (double)group);
  }
  qsort(sample, (size_t)n, sizeof *sample, by_value);
  r->seconds = sample[n / 2];
}

static double io_bytes(const Fn *f) {
  double sum = 0;
  for (int i = 0; i < f->in.n; i++)
    sum += (double)shape_count(f->cx, &f->in.at[i].shape) * type_info[f->in.at[i].type].bytes;
  for (int i = 0; i < f->out.n; i++) {
    const Ins *y = fn_ins(f, f->out.at[i].val);
    sum += (double)shape_count(f->cx, &y->shape) * type_info[y->type].bytes;
  }
  return sum;
}

static DType widest_float(const Fn *f) {
  for (int i = 0; i < f->in.n; i++)
    if (f->in.at[i].type == T_F64 && f->in.at[i].role != ROLE_SEED) return T_F64;
  return T_F32;
}

/* Where input i lies, and its value at the start. NULL after a diagnostic. */
static void *input_place(const Fn *f, int i, const BenchOptions *o, uint64_t *seed) {
  const Input *in = &f->in.at[i];
  Tensor x = aligned_tensor(f->cx, in->type, &in->shape);
  if (in->role == ROLE_PARAM) {
    const Tensor *value = session_param(o->session, in->name);
    if (!value) return NULL;
    memcpy(x.data, value->data, (size_t)tensor_count(&x) * (size_t)type_info[x.type].bytes);
  } else if (in->role == ROLE_STATE || in->role == ROLE_SEED) {
    bool number = in->name == name_of(f->cx, "t");
    for (int64_t k = 0; k < tensor_count(&x); k++) tensor_set(&x, k, number);
  } else {
    fill(&x, o->below, seed);
  }
  return x.data;
}

static bool lay_out(const Fn *f, const BenchOptions *o, void **in, void **out) {
  uint64_t seed = 1;
  for (int i = 0; i < f->in.n; i++)
    if (!(in[i] = input_place(f, i, o, &seed))) return false;
  for (int i = 0; i < f->out.n; i++) {
    const Ins *y = fn_ins(f, f->out.at[i].val);
    int32_t alias = f->out.at[i].alias;
    out[i] = alias >= 0 ? in[alias] : aligned_tensor(f->cx, (DType)y->type, &y->shape).data;
  }
  return true;
}

static bool measure_with(const Fn *f, const BenchOptions *o, GradcRt *rt, BenchResult *r) {
  Cx *cx = f->cx;
  Target t = compile_target(rt->threads);
  Compiled *c = compile_native(f, &t);
  void **in = NEWS(cx->arena, void *, f->in.n + 1), **out = NEWS(cx->arena, void *, f->out.n + 1);
  if (!c || !lay_out(f, o, in, out)) return false;
  *r = (BenchResult){.threads = rt->threads, .compile_seconds = c->seconds, .workspace_bytes = c->workspace_bytes};
  measure(c, in, out, rt, o->seconds, r);
  r->peak_gflops = machine_peak_gflops(widest_float(f), &t) * rt->threads;
  r->flops = fn_flops(f);
  r->bytes = io_bytes(f);
  r->gflops = r->flops / r->seconds * 1e-9;
  r->fraction_of_peak = r->gflops / r->peak_gflops;
  return true;
}

bool bench_function(const Fn *prepared, const BenchOptions *o, BenchResult *out) {
  GradcRt *rt = gradc_rt_new(o->threads);
  if (!rt) cx_out_of_memory(prepared->cx);
  bool ok = measure_with(prepared, o, rt, out);
  gradc_rt_free(rt);
  return ok;
}
