/* bench.c: warm, repeated, the time that the fastest quarter stays below. The peak is measured in the same run, of as many cores as
 * threads. One thread is timed by its processor time, so that other work on the machine only costs
 * what it takes from the caches; several by the clock on the wall. */
#include "driver/bench.h"

#include <stdlib.h>
#include <time.h>

enum { MAX_SAMPLES = 1000 };

static double seconds_of(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
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

/* Calls are timed in groups that last at least some microseconds, so that the clock's own time vanishes.
 * Not the least of all: where processors are shared, clocks of processor time slip now and then. */
static double fast_time(Cx *cx, NativeFn run, void *const *in, void *const *out, void *workspace, GradcRt *rt,
                        double budget) {
  clockid_t clock = rt->threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
  double *sample = NEWS(cx->arena, double, MAX_SAMPLES);
  run(in, out, workspace, rt);
  double start = seconds_of(clock), begin = start, end = start;
  run(in, out, workspace, rt);
  double once = MAX(seconds_of(clock) - start, 1e-8);
  int64_t group = MAX((int64_t)(20e-6 / once), (int64_t)1);
  int n = 0;
  while (n < MAX_SAMPLES && (n < 5 || end - begin < budget)) {
    start = seconds_of(clock);
    for (int64_t i = 0; i < group; i++) run(in, out, workspace, rt);
    end = seconds_of(clock);
    sample[n++] = (end - start) / (double)group;
  }
  qsort(sample, (size_t)n, sizeof *sample, by_value);
  return sample[n / 4];
}

/* Each kernel is compiled once more, as a program of its own over the same buffers. */
static void time_kernels(const Compiled *c, void *const *in, void *const *out, GradcRt *rt, double budget,
                         BenchResult *r) {
  Cx *cx = c->fn->cx;
  char why[600];
  const LlvmBackend *llvm = back_llvm(why, sizeof why);
  int n = c->loops->kernel.n;
  r->kernel = NEWS(cx->arena, BenchKernel, n + 1);
  for (int i = 0; i < n; i++) {
    LoopProgram alone = *c->loops;
    alone.kernel.n = 1;
    alone.kernel.at = &c->loops->kernel.at[i];
    Native *native = llvm->compile(&alone, why, sizeof why);
    if (!native) cx_bug(cx, "a kernel alone: %s", why);
    const Kernel *k = c->loops->kernel.at[i];
    BenchKernel *b = &r->kernel[r->nkernels++];
    *b = (BenchKernel){.name = k->name, .flops = k->flops, .bytes = k->bytes, .parallel = k->parallel};
    b->seconds = fast_time(cx, llvm->entry(native), in, out, c->workspace, rt, budget / n);
    llvm->dispose(native);
  }
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

bool bench_function(const Fn *f, int threads, double seconds, bool kernels, BenchResult *r) {
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
  r->seconds = fast_time(cx, c->run, in, out, c->workspace, rt, seconds);
  if (kernels) time_kernels(c, in, out, rt, seconds, r);
  r->peak_gflops = machine_peak_gflops(widest_float(f), &t) * rt->threads;
  r->flops = fn_flops(f);
  r->bytes = io_bytes(f);
  r->gflops = r->flops / r->seconds * 1e-9;
  r->fraction_of_peak = r->gflops / r->peak_gflops;
  gradc_rt_free(rt);
  return true;
}
