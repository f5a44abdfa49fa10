/* sleef_peer.c: elementwise functions by SLEEF's vectors of the widest kind, at its 1 ULP accuracy.
 */
#include "worker.h"

#include <immintrin.h>
#include <sleef.h>

static float *x, *y;
static long length;
static void (*run)(void);

static void set_threads(int threads) { (void)threads; }

#ifdef __AVX512F__
#define OVER(name, f)                                                                              \
  static void name(void) {                                                                         \
    for (long i = 0; i < length; i += 16) _mm512_storeu_ps(y + i, f(_mm512_loadu_ps(x + i)));      \
  }
OVER(run_exp, Sleef_expf16_u10)
OVER(run_log, Sleef_logf16_u10)
OVER(run_tanh, Sleef_tanhf16_u10)
OVER(run_erf, Sleef_erff16_u10)
#else
#define OVER(name, f)                                                                              \
  static void name(void) {                                                                         \
    for (long i = 0; i < length; i += 8) _mm256_storeu_ps(y + i, f(_mm256_loadu_ps(x + i)));       \
  }
OVER(run_exp, Sleef_expf8_u10)
OVER(run_log, Sleef_logf8_u10)
OVER(run_tanh, Sleef_tanhf8_u10)
OVER(run_erf, Sleef_erff8_u10)
#endif

static const char *load(const char *kind, const char *sizes) {
  static const struct {
    const char *name;
    void (*run)(void);
  } functions[] = {
      {"\"vexp\"", run_exp}, {"\"vlog\"", run_log}, {"\"vtanh\"", run_tanh}, {"\"verf\"", run_erf}};
  run = NULL;
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
    if (strstr(sizes, functions[i].name)) run = functions[i].run;
  if (strcmp(kind, "map") || !run) return "such workload here";
  length = size_of(sizes, "L", 0) / 16 * 16;
  free(x), free(y);
  x = numbers(sizeof *x * (size_t)length);
  y = numbers(sizeof *y * (size_t)length);
  return NULL;
}

static void call(void) { run(); }
