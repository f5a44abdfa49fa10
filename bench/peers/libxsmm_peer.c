/* libxsmm_peer.c: small matrix products by a kernel that libxsmm compiles for the sizes.
 * Column-major, so the operands change places. */
#include "worker.h"

#include <libxsmm.h>

static float *a, *b, *c;
static libxsmm_smmfunction kernel;

static void set_threads(int threads) { (void)threads; }

static const char *load(const char *kind, const char *sizes) {
  if (strcmp(kind, "matmul")) return "such workload here";
  long m = size_of(sizes, "M", 0), k = size_of(sizes, "K", 0), n = size_of(sizes, "N", 0);
  float one = 1, zero = 0;
  if (m > 128 || n > 128 || k > 128) return "kernel: it is for small products";
  libxsmm_init();
  kernel = libxsmm_smmdispatch((int)n, (int)m, (int)k, NULL, NULL, NULL, &one, &zero, NULL, NULL);
  if (!kernel) return "kernel for these sizes";
  free(a), free(b), free(c);
  a = numbers(sizeof *a * (size_t)(m * k));
  b = numbers(sizeof *b * (size_t)(k * n));
  c = numbers(sizeof *c * (size_t)(m * n));
  return NULL;
}

static void call(void) { kernel(b, a, c); }
