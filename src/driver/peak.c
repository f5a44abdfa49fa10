/* peak.c: what one core of this machine can do at best: independent chains of fused multiply-adds
 * on its widest vectors, enough of them to hide the latency. The yardstick of `gradc bench`. */
#include "driver/compile.h"

#include <time.h>

enum { CHAINS = 12, ROUNDS = 200000 };

static double seconds_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* what others run here costs no cycles of ours */
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Products and sums are fused here, against how the rest is compiled; each compiler has its own
 * word for it. */
#if defined(__clang__)
#define FUSED_HERE _Pragma("clang fp contract(fast)")
#define FUSED
#else
#define FUSED_HERE
#define FUSED , optimize("fp-contract=fast")
#endif

/* a[i] = a[i]*m + c, CHAINS at a time; the values stay near 1. */
#define CHAINS_OF(name, attribute, elem, bytes)                                                    \
  attribute static elem name(long rounds, elem start) {                                            \
    FUSED_HERE                                                                                     \
    typedef elem V __attribute__((vector_size(bytes)));                                            \
    V a0 = (V){0} + start, a1 = a0 + 1, a2 = a0 + 2, a3 = a0 + 3, a4 = a0 + 4, a5 = a0 + 5;        \
    V a6 = a0 + 6, a7 = a0 + 7, a8 = a0 + 8, a9 = a0 + 9, a10 = a0 + 10, a11 = a0 + 11;            \
    V m = (V){0} + (elem)0.999, c = (V){0} + (elem)0.001;                                          \
    for (long i = 0; i < rounds; i++) {                                                            \
      a0 = a0 * m + c, a1 = a1 * m + c, a2 = a2 * m + c, a3 = a3 * m + c;                          \
      a4 = a4 * m + c, a5 = a5 * m + c, a6 = a6 * m + c, a7 = a7 * m + c;                          \
      a8 = a8 * m + c, a9 = a9 * m + c, a10 = a10 * m + c, a11 = a11 * m + c;                      \
      __asm__ volatile("" : "+m"(rounds)); /* keeps the loop a loop */                             \
    }                                                                                              \
    V s = a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11;                             \
    return s[0];                                                                                   \
  }
#if defined(__x86_64__)
#define WITH_512 __attribute__((target("avx512f,fma"), noinline FUSED))
#define WITH_256 __attribute__((target("avx2,fma"), noinline FUSED))
CHAINS_OF(chains_f32_512, WITH_512, float, 64)
CHAINS_OF(chains_f64_512, WITH_512, double, 64)
CHAINS_OF(chains_f32_256, WITH_256, float, 32)
CHAINS_OF(chains_f64_256, WITH_256, double, 32)
#endif
CHAINS_OF(chains_f32_128, __attribute__((noinline)), float, 16)
CHAINS_OF(chains_f64_128, __attribute__((noinline)), double, 16)

static volatile double sink, start_value = 2; /* where no compiler can foresee a chain */

static void run_chains(DType t, int bytes, long rounds) {
  double x = start_value;
#if defined(__x86_64__)
  if (bytes == 64)
    sink = t == T_F64 ? chains_f64_512(rounds, x) : (double)chains_f32_512(rounds, (float)x);
  if (bytes == 32)
    sink = t == T_F64 ? chains_f64_256(rounds, x) : (double)chains_f32_256(rounds, (float)x);
#endif
  if (bytes == 16)
    sink = t == T_F64 ? chains_f64_128(rounds, x) : (double)chains_f32_128(rounds, (float)x);
}

double machine_peak_gflops(DType t, const Target *target) {
  int bytes = target->vector_bytes >= 64 ? 64 : target->vector_bytes >= 32 ? 32 : 16;
#if !defined(__x86_64__)
  bytes = 16;
#endif
  double best = 0, flops = 2.0 * CHAINS * ROUNDS * bytes / type_info[t].bytes;
  for (int i = 0; i < 7; i++) {
    double start = seconds_now();
    run_chains(t, bytes, ROUNDS);
    double s = seconds_now() - start;
    best = MAX(best, flops / s * 1e-9);
  }
  return best;
}
