/* bench.h: how fast a compiled function is, and how near to the machine's limit. */
#ifndef GRADC_BENCH_H
#define GRADC_BENCH_H

#include "driver/compile.h"
#include "driver/session.h"

typedef struct BenchOptions {
  int threads;
  double seconds;   /* how long to measure */
  int64_t below;    /* integer arguments are filled with numbers below it */
  bool kernels;     /* each kernel by itself as well */
  Session *session; /* whose parameters' values are taken for inputs that are parameters */
} BenchOptions;

typedef struct BenchKernel {
  const char *name;
  double seconds;      /* by itself, again and again */
  double turn_seconds; /* with the others in turn, as in a run */
  double flops, bytes;
  int depth; /* bodies of loops and branches it lies in: their kernels follow it, one iteration */
  bool parallel;
} BenchKernel;

typedef struct BenchResult {
  double seconds;       /* of one call: the median of the runs, by the clock */
  double least_seconds; /* the least of the runs': what a machine that others use lets through */
  double cpu_seconds; /* of one call: processor time of the whole process, the least of the runs' */
  double flops, gflops, peak_gflops, fraction_of_peak;
  bool at_most; /* flops and what follows from them are no more than bounds */
  double bytes; /* of inputs and outputs */
  double compile_seconds;
  double reload_seconds; /* the same from the cache; 0: there is none */
  size_t workspace_bytes;
  int threads;
  Vec(BenchKernel) kernel; /* where they were asked for: each by itself, in the order they run */
} BenchResult;

/* prepared: all sizes numbers. Floating arguments are filled with numbers near 0; outputs with an
 * alias take the place of that input, as a training step's do; its rate is 0, so that the work
 * stays the same. */
bool bench_function(const Fn *prepared, const BenchOptions *o, BenchResult *out);
/* A line about it; ratio: of its time to the forward pass', 0 where there is none. */
void bench_print(Text *out, const char *name, const BenchResult *r, double ratio);
/* The same as an object of JSON. */
void bench_json(Text *out, const char *name, const BenchResult *r, double ratio);

#endif
