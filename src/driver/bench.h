/* bench.h: how fast a compiled function is, and how near to the machine's limit. */
#ifndef GRADC_BENCH_H
#define GRADC_BENCH_H

#include "driver/compile.h"

typedef struct BenchResult {
  double seconds; /* of one call: the median of the runs */
  double flops, gflops, peak_gflops, fraction_of_peak;
  double bytes; /* of inputs and outputs */
  double compile_seconds;
  size_t workspace_bytes;
  int threads;
} BenchResult;

/* prepared: all sizes numbers. Inputs are filled with numbers near 0 (floats) and small integers.
 * seconds: how long to measure. */
bool bench_function(const Fn *prepared, int threads, double seconds, BenchResult *out);

/* A line about it; ratio: of its time to the forward pass', 0 where there is none. */
void bench_print(Text *out, const char *name, const BenchResult *r, double ratio);

#endif
