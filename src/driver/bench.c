/* bench.c: warm, repeated, median. The peak is measured in the same run, of as many cores as threads. */
#include "driver/bench.h"

#include <stdlib.h>
#include <time.h>

enum { MAX_SAMPLES = 1000 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* splitmix64: the same numbers in every run */
static uint64_t next_random(uint64_t *s) {
  uint64_t z = (*s += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

static void fill(Tensor *t, uint64_t *seed) {
  int64_t n = tensor_count(t);
  for (int64_t i = 0; i < n; i++) {
    uint64_t r = next_random(seed);
    tensor_set(t, i, type_is_float(t->type) ? (double)(r >> 11) * 0x1p-53 - 0.5 : (double)(r & 1));
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

/* Calls are timed in groups that last at least some microseconds, so that the clock's own time vanishes. */
static double median_time(const Compiled *c, void *const *in, void *const *out, GradcRt *rt, double budget) {
  compiled_run(c, in, out, rt);
  double start = now();
  compiled_run(c, in, out, rt);
  double once = MAX(now() - start, 1e-8);
  int64_t group = MAX((int64_t)(20e-6 / once), (int64_t)1);
  double *sample = NEWS(c->fn->cx->arena, double, MAX_SAMPLES);
  int n = 0;
  double begin = now();
  while (n < MAX_SAMPLES && (n < 5 || now() - begin < budget)) {
    start = now();
    for (int64_t i = 0; i < group; i++) compiled_run(c, in, out, rt);
    sample[n++] = (now() - start) / (double)group;
  }
  qsort(sample, (size_t)n, sizeof *sample, by_value);
  return sample[n / 2];
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
    if (f->in.at[i].type == T_F64) return T_F64;
  return T_F32;
}

bool bench_function(const Fn *f, int threads, double seconds, BenchResult *r) {
  Cx *cx = f->cx;
  GradcRt *rt = gradc_rt_new(threads);
  if (!rt) cx_out_of_memory(cx);
  Target t = compile_target(rt->threads);
  Compiled *c = compile_native(f, &t);
  if (!c) {
    gradc_rt_free(rt);
    return false;
  }
  void **in = NEWS(cx->arena, void *, f->in.n + 1), **out = NEWS(cx->arena, void *, f->out.n + 1);
  uint64_t seed = 1;
  for (int i = 0; i < f->in.n; i++) {
    Tensor x = aligned_tensor(cx, f->in.at[i].type, &f->in.at[i].shape);
    fill(&x, &seed);
    in[i] = x.data;
  }
  for (int i = 0; i < f->out.n; i++) {
    const Ins *y = fn_ins(f, f->out.at[i].val);
    out[i] = aligned_tensor(cx, (DType)y->type, &y->shape).data;
  }
  *r = (BenchResult){.threads = rt->threads, .compile_seconds = c->seconds, .workspace_bytes = c->workspace_bytes};
  r->seconds = median_time(c, in, out, rt, seconds);
  r->peak_gflops = machine_peak_gflops(widest_float(f), &t) * rt->threads;
  r->flops = fn_flops(f);
  r->bytes = io_bytes(f);
  r->gflops = r->flops / r->seconds * 1e-9;
  r->fraction_of_peak = r->gflops / r->peak_gflops;
  gradc_rt_free(rt);
  return true;
}

void bench_print(Text *out, const char *name, const BenchResult *r, double ratio) {
  text_fmt(out, "%s: %.3f us a call, %.3g FLOP, %.2f GFLOP/s = %.1f %% of the %.1f measured at peak", name,
           1e6 * r->seconds, r->flops, r->gflops, 100 * r->fraction_of_peak, r->peak_gflops);
  text_fmt(out, "; %d thread%s, %.1f KiB in and out, %.1f KiB workspace, compiled in %.1f ms", r->threads,
           r->threads == 1 ? "" : "s", r->bytes / 1024, (double)r->workspace_bytes / 1024, 1e3 * r->compile_seconds);
  if (ratio > 0) text_fmt(out, "; %.2f times the forward pass", ratio);
  text_add(out, "\n");
}
