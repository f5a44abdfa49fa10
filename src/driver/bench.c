/* bench.c: warm, repeated, median. The peak is measured in the same run, of as many cores as
 * threads. */
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
    tensor_set(t, i,
               type_is_float(t->type) ? (double)(r >> 11) * 0x1p-53 - 0.5
                                      : (double)(r % (uint64_t)below));
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

typedef struct Timing {
  double median, least, cpu; /* seconds of a call: by the clock; the least of processor time */
} Timing;

typedef struct Callee {
  NativeFn run;
  void *const *in, *const *out;
  void *workspace;
  GradcRt *rt;
} Callee;

static void many(const Callee *c, int64_t calls) {
  for (int64_t i = 0; i < calls; i++) c->run(c->in, c->out, c->workspace, c->rt);
}

/* The first calls warm caches, pages and branch predictors, and bring the processor to its clock.
 */
static double warm_up(const Callee *c, double budget) {
  double begin = now(), once = 1e9;
  for (int i = 0; i < 3 || (i < 1000 && now() - begin < budget); i++) {
    double start = now();
    many(c, 1);
    once = MIN(once, MAX(now() - start, 1e-8));
  }
  return once;
}

/* Calls are timed in groups that last at least some microseconds, so that the clocks' own time
 * vanishes. */
static Timing measure(Cx *cx, const Callee *c, double budget) {
  int64_t group = MAX((int64_t)(50e-6 / warm_up(c, budget / 10)), (int64_t)1);
  double *sample = NEWS(cx->arena, double, MAX_SAMPLES), begin = now();
  Timing t = {.least = 1e9, .cpu = 1e9};
  int n = 0;
  while (n < MAX_SAMPLES && (n < 5 || now() - begin < budget) && !(n && cx_stopping(cx))) {
    double start = now(), worked = processor_time();
    many(c, group);
    worked = processor_time() - worked;
    sample[n] = (now() - start) / (double)group;
    t.least = MIN(t.least, sample[n]);
    n++;
    t.cpu = MIN(t.cpu, worked / (double)group);
  }
  qsort(sample, (size_t)n, sizeof *sample, by_value);
  t.median = sample[n / 2];
  return t;
}

/* ---- kernels ---- */
typedef struct KernelTimer {
  Cx *cx;
  int64_t below;
  BenchResult *r;
} KernelTimer;

static void time_kernels(KernelTimer *x, const LoopProgram *p, Callee callee, double budget,
                         int depth);

/* A body by itself, one iteration of it: over buffers of its own, for what it is called with has
 * been changed by the run that came before. */
static void time_body(KernelTimer *x, const LoopProgram *p, GradcRt *rt, double budget, int depth) {
  const Fn *f = p->fn;
  uint64_t seed = 1;
  void **in = NEWS(x->cx->arena, void *, f->in.n + 1);
  void **out = NEWS(x->cx->arena, void *, f->out.n + 1);
  for (int i = 0; i < f->in.n; i++) {
    Tensor t = aligned_tensor(x->cx, f->in.at[i].type, &f->in.at[i].shape);
    fill(&t, x->below, &seed);
    in[i] = t.data;
  }
  for (int i = 0; i < f->out.n; i++) {
    const Ins *y = fn_ins(f, f->out.at[i].val);
    int32_t alias = f->out.at[i].alias;
    out[i] = alias >= 0 ? in[alias] : aligned_tensor(x->cx, (DType)y->type, &y->shape).data;
  }
  Shape bytes = {.rank = 1, .dim = {MAX(p->workspace, 1)}};
  Callee callee = {NULL, in, out, aligned_tensor(x->cx, T_U8, &bytes).data, rt};
  time_kernels(x, p, callee, budget, depth);
}

/* One after the other as in a run, so that each finds in the caches what those before it left. Adds
 * to `least` the least time of each, by the clock the lines use, less what the clock itself takes.
 */
static void time_in_turn(const Callee *c, NativeFn *run, int n, double budget, double *least) {
  clockid_t clock = c->rt->threads > 1 ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID;
  double begin = now(), idle = 1e9;
  for (int i = 0; i < n; i++) least[i] = 1e9;
  for (int round = 0; round < 3 || (round < MAX_SAMPLES && now() - begin < budget); round++) {
    double last = now_of(clock), t = now_of(clock);
    idle = MIN(idle, t - last);
    for (int i = 0; i < n; i++) {
      last = now_of(clock);
      run[i](c->in, c->out, c->workspace, c->rt);
      t = now_of(clock);
      least[i] = MIN(least[i], t - last);
    }
  }
  for (int i = 0; i < n; i++) least[i] = MAX(least[i] - idle, 0);
}

/* Each kernel is compiled once more, as a program of its own over the same buffers. */
static void time_kernels(KernelTimer *x, const LoopProgram *p, Callee callee, double budget,
                         int depth) {
  Cx *cx = x->cx;
  BenchResult *r = x->r;
  char why[600] = "";
  int n = p->kernel.n;
  Native **native = NEWS(cx->arena, Native *, n + 1);
  NativeFn *run = NEWS(cx->arena, NativeFn, n + 1);
  double *turn = NEWS(cx->arena, double, n + 1);
  for (int i = 0; i < n; i++) {
    LoopProgram alone = *p;
    alone.kernel.n = 1;
    alone.kernel.at = &p->kernel.at[i];
    if (!(native[i] = native_compile(&alone, CODE_CACHE_OFF, why, sizeof why)))
      cx_bug(cx, "a kernel alone: %s", why);
    run[i] = native_entry(native[i]);
  }
  time_in_turn(&callee, run, n, budget / 2, turn);
  for (int i = 0; i < n; i++) {
    const Kernel *k = p->kernel.at[i];
    callee.run = run[i];
    Timing t = measure(cx, &callee, budget / 2 / n);
    BenchKernel line = {.name = k->name,
                        .seconds = callee.rt->threads > 1 ? t.least : t.cpu,
                        .turn_seconds = turn[i],
                        .flops = k->flops,
                        .bytes = k->bytes,
                        .depth = depth,
                        .parallel = k->parallel};
    vec_push(cx->arena, &r->kernel, line);
    native_dispose(native[i]);
    if (!k->call) continue;
    time_body(x, k->call->body, callee.rt, budget / n, depth + 1);
    if (k->call->other) time_body(x, k->call->other, callee.rt, budget / n, depth + 1);
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
    if (f->in.at[i].type == T_F64 && f->in.at[i].role != ROLE_SEED) return T_F64;
  return T_F32;
}

/* Where input i lies, and its value at the start. NULL after a diagnostic. */
static void *input_place(const Fn *f, int i, const BenchOptions *o, uint64_t *seed) {
  const Input *in = &f->in.at[i];
  Tensor x = aligned_tensor(f->cx, in->type, &in->shape);
  if (input_is_kept(in)) {
    const Tensor *value = session_param(o->session, in->name);
    if (!value) return NULL;
    memcpy(x.data, value->data, (size_t)tensor_count(&x) * (size_t)type_info[x.type].bytes);
  } else if (in->role == ROLE_SLOT || in->role == ROLE_SEED) {
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

/* Not out of the cache; and then once more out of it, where it may be used. */
static Compiled *compile_anew(const Fn *f, const Target *t, double *reload) {
  Cx *cx = f->cx;
  CodeCache how = cx->code_cache;
  if (how == CODE_CACHE_USE) cx->code_cache = CODE_CACHE_RENEW;
  Compiled *c = compile_native(f, t), *again = NULL;
  cx->code_cache = how;
  char folder[4096];
  if (c && how == CODE_CACHE_USE && code_cache_folder(folder, sizeof folder))
    again = compile_native(f, t);
  if (again && again->cached) *reload = again->seconds;
  if (again) compiled_free(again);
  return c;
}

static bool measure_with(const Fn *f, const BenchOptions *o, GradcRt *rt, BenchResult *r) {
  Cx *cx = f->cx;
  Target t = compile_target(rt->threads);
  double reload = 0;
  Compiled *c = compile_anew(f, &t, &reload);
  void **in = NEWS(cx->arena, void *, f->in.n + 1), **out = NEWS(cx->arena, void *, f->out.n + 1);
  if (!c || !lay_out(f, o, in, out)) return false;
  *r = (BenchResult){.threads = rt->threads,
                     .compile_seconds = c->seconds,
                     .reload_seconds = reload,
                     .workspace_bytes = c->workspace_bytes};
  Callee callee = {c->run, in, out, c->workspace, rt};
  Timing time = measure(cx, &callee, o->seconds);
  r->seconds = time.median;
  r->least_seconds = time.least;
  r->cpu_seconds = time.cpu;
  KernelTimer each = {cx, o->below, r};
  if (o->kernels) time_kernels(&each, c->loops, callee, o->seconds, 0);
  r->peak_gflops = machine_peak_gflops(widest_float(f), &t) * rt->threads;
  r->flops = MIN(fn_flops(f), fn_flops(c->loops->fn)); /* work known to be zero does not count */
  r->bytes = io_bytes(f);
  r->gflops = r->flops / r->seconds * 1e-9;
  r->fraction_of_peak = r->gflops / r->peak_gflops;
  r->at_most = fn_flops_at_most(f) || r->fraction_of_peak > 1; /* work may be left out as it runs */
  return true;
}

typedef struct Measuring {
  const Fn *prepared;
  const BenchOptions *o;
  GradcRt *rt;
  BenchResult *out;
  bool ok;
} Measuring;

static Status measure_guarded(void *arg) {
  Measuring *m = arg;
  m->ok = measure_with(m->prepared, m->o, m->rt, m->out);
  return ST_OK;
}

bool bench_function(const Fn *prepared, const BenchOptions *o, BenchResult *out) {
  GradcRt *rt = gradc_rt_new(o->threads);
  if (!rt) cx_out_of_memory(prepared->cx);
  Measuring m = {prepared, o, rt, out, false};
  Status s = cx_guard(prepared->cx, measure_guarded, &m);
  gradc_rt_free(rt); /* its threads end whatever happened */
  if (s != ST_OK) cx_unwind_again(prepared->cx);
  cx_poll(prepared->cx);
  return m.ok;
}

static void print_kernels(Text *out, const BenchResult *r) {
  if (r->kernel.n) text_fmt(out, "  %10s     %10s\n", "alone", "in turn");
  for (int i = 0; i < r->kernel.n; i++) {
    const BenchKernel *k = &r->kernel.at[i];
    text_fmt(out, "  %10.3f us  %10.3f us  %6.2f GFLOP/s  %6.2f GB/s  %*s%s%s\n", 1e6 * k->seconds,
             1e6 * k->turn_seconds, k->flops / k->seconds * 1e-9, k->bytes / k->seconds * 1e-9,
             2 * k->depth, "", k->name, k->parallel ? " (shared out)" : "");
  }
}

void bench_print(Text *out, const char *name, const BenchResult *r, double ratio) {
  text_fmt(out, "%s: %.3f us a call (%.3f of processor time), ", name, 1e6 * r->seconds,
           1e6 * r->cpu_seconds);
  if (r->at_most) text_fmt(out, "at most %.3g FLOP", r->flops);
  else
    text_fmt(out, "%.3g FLOP, %.2f GFLOP/s = %.1f %% of the %.1f measured at peak", r->flops,
             r->gflops, 100 * r->fraction_of_peak, r->peak_gflops);
  text_fmt(out, "; %d thread%s, %.1f KiB in and out, %.1f KiB workspace, compiled in %.1f ms",
           r->threads, r->threads == 1 ? "" : "s", r->bytes / 1024,
           (double)r->workspace_bytes / 1024, 1e3 * r->compile_seconds);
  if (r->reload_seconds > 0) text_fmt(out, ", again in %.1f ms", 1e3 * r->reload_seconds);
  if (ratio > 0) text_fmt(out, "; %.2f times the forward pass", ratio);
  text_add(out, "\n");
  print_kernels(out, r);
}

void bench_json(Text *out, const char *name, const BenchResult *r, double ratio) {
  text_add(out, "{\"function\": ");
  text_json(out, name);
  text_fmt(out,
           ", \"seconds\": %.9g, \"least_seconds\": %.9g, \"cpu_seconds\": %.9g, \"flops\": %.0f, "
           "\"gflops\": %.6g, \"peak_gflops\": %.6g",
           r->seconds, r->least_seconds, r->cpu_seconds, r->flops, r->gflops, r->peak_gflops);
  text_fmt(out, ", \"fraction_of_peak\": %.6g, \"bytes\": %.0f, \"workspace_bytes\": %zu",
           r->fraction_of_peak, r->bytes, r->workspace_bytes);
  if (r->at_most) text_add(out, ", \"flops_at_most\": true");
  text_fmt(out, ", \"compile_seconds\": %.6g, \"threads\": %d", r->compile_seconds, r->threads);
  if (r->reload_seconds > 0) text_fmt(out, ", \"reload_seconds\": %.6g", r->reload_seconds);
  for (int i = 0; i < r->kernel.n; i++) {
    const BenchKernel *k = &r->kernel.at[i];
    text_add(out, i ? ", {\"name\": " : ", \"kernels\": [{\"name\": ");
    text_json(out, k->name);
    text_fmt(out, ", \"seconds\": %.9g, \"flops\": %.0f, \"bytes\": %.0f, \"depth\": %d}",
             k->seconds, k->flops, k->bytes, k->depth);
    if (i + 1 == r->kernel.n) text_add(out, "]");
  }
  if (ratio > 0) text_fmt(out, ", \"gradient_to_forward\": %.4g", ratio);
  text_add(out, "}\n");
}
