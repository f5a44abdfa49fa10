/* openblas_peer.c: matrix products by OpenBLAS. */
#include "worker.h"

#include <cblas.h>

static float *a, *b, *c;
static int m, k, n;

static void set_threads(int threads) { openblas_set_num_threads(threads); }

static const char *load(const char *kind, const char *sizes) {
  if (strcmp(kind, "matmul")) return "such workload here";
  m = (int)size_of(sizes, "M", 0), k = (int)size_of(sizes, "K", 0), n = (int)size_of(sizes, "N", 0);
  free(a), free(b), free(c);
  a = numbers(sizeof *a * (size_t)m * (size_t)k);
  b = numbers(sizeof *b * (size_t)k * (size_t)n);
  c = numbers(sizeof *c * (size_t)m * (size_t)n);
  return NULL;
}

static void call(void) {
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1, a, k, b, n, 0, c, n);
}
