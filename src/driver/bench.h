/* bench.h: how fast a compiled function is, and how near to the machine's limit. */
#ifndef GRADC_BENCH_H
#define GRADC_BENCH_H

#include "driver/compile.h"

typedef struct BenchKernel {
  const char *name;
  double seconds, flops, bytes;
  bool parallel;
} BenchKernel;

typedef struct BenchResult {
  double seconds; /* of one call: a quarter of the runs were faster */
  double flops, gflops, peak_gflops, fraction_of_peak;
  double bytes; /* of inputs and outputs */
  double compile_seconds;
  size_t workspace_bytes;
  int threads;
  int nkernels;        /* where kernels were asked for: each by itself, in the order they run */
  BenchKernel *kernel;
} BenchResult;

/* prepared: all sizes numbers. Inputs are filled with numbers near 0 (floats) and small integers.
 * seconds: how long to measure. */
bool bench_function(const Fn *prepared, int threads, double seconds, bool kernels, BenchResult *out);

#endif
