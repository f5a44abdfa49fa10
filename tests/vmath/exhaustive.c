/* Exactness test of the vector mathematics: runs every f32 function of one argument over all 2^32
 * inputs, and the f64 and two-argument functions over samples, against the C library in higher
 * precision. Input: the kernel tables vmath_unary and vmath_binary of the object it is linked with.
 * Output: one line per kernel; exit status 1 when a bound is exceeded.
 *
 *   exhaustive [f32|f64|all] [name ...] */
#define _POSIX_C_SOURCE 200809L
#include "vmath_test.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BLOCK = 4096, THREADS = 2, POINTS = 10000000 };

#define WRONG 1e9

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void vmath_worst_join(VmathWorst *into, const VmathWorst *from) {
  if (from->wrong && !into->wrong) into->wrong_a = from->wrong_a, into->wrong_b = from->wrong_b;
  into->wrong += from->wrong;
  if (!(from->ulp > into->ulp)) return;
  into->ulp = from->ulp;
  into->a = from->a, into->b = from->b, into->got = from->got, into->want = from->want;
}

static inline double from_bits(uint64_t u) {
  double d;
  memcpy(&d, &u, sizeof d);
  return d;
}

static inline uint64_t to_bits(double d) {
  uint64_t u;
  memcpy(&u, &d, sizeof u);
  return u;
}

/* Infinity counts as 2^128, so that overflow one rounding too early or too late is one ULP. */
static inline double clamp_range(double x) {
  double t = x > 0x1p128 ? 0x1p128 : x;
  return t < -0x1p128 ? -0x1p128 : t;
}

/* |got - want| in units of the f32 spacing at want; 1e9 for a result of the wrong class: NaN where
 * a number is due or the reverse, or a zero of the wrong sign. Free of branches, to be vectorised.
 */
static inline double ulp_error(float got, double want) {
  const uint64_t least = (uint64_t)(1023 - 126) << 52, most = (uint64_t)(1023 + 127) << 52;
  double g = got;
  uint64_t e = to_bits(want) & 0x7ff0000000000000u;
  e = e < least ? least : e;
  e = e > most ? most : e;
  double per_ulp = from_bits(((uint64_t)(2 * 1023 + 23) << 52) - e);
  double d = fabs(clamp_range(g) - clamp_range(want)) * per_ulp;
  double zero = to_bits(g) << 1 == 0 && (to_bits(g) ^ to_bits(want)) >> 63 ? WRONG : d;
  double nan = want != want ? 0 : WRONG;
  return ((g != g) | (want != want)) ? (g != g ? nan : WRONG) : zero;
}

typedef struct Job {
  const VmathUnary *kernel;
  const VmathRef *ref;
  uint32_t first; /* block number */
  VmathWorst worst;
} Job;

typedef struct Buffers {
  float x[BLOCK], y[BLOCK];
  double wide[BLOCK], want[BLOCK], error[BLOCK];
} Buffers;

/* Beyond the limit of a periodic function any finite value in [-1, 1] will do. */
static void apply_limit(Buffers *b, double limit) {
  for (size_t i = 0; i < BLOCK; i++) {
    if (fabs(b->wide[i]) > limit && isfinite(b->x[i]) && fabs((double)b->y[i]) <= 1)
      b->want[i] = b->y[i];
  }
}

static void apply_smallest(Buffers *b, double smallest) {
  for (size_t i = 0; i < BLOCK; i++)
    if (fabs(b->want[i]) < smallest && fabs((double)b->y[i]) <= smallest) b->want[i] = b->y[i];
}

static void compare(Buffers *b, VmathWorst *worst) {
  double top = 0;
  for (size_t i = 0; i < BLOCK; i++) b->error[i] = ulp_error(b->y[i], b->want[i]);
  for (size_t i = 0; i < BLOCK; i++) top = b->error[i] > top ? b->error[i] : top;
  if (top <= worst->ulp) return;
  for (size_t i = 0; i < BLOCK; i++) {
    VmathWorst one = {b->error[i], b->x[i], 0, b->y[i], b->want[i], 0, 0, 0};
    if (b->error[i] == WRONG) one.ulp = 0, one.wrong = 1, one.wrong_a = b->x[i];
    vmath_worst_join(worst, &one);
  }
}

static void *run_job(void *arg) {
  Job *job = arg;
  Buffers *b = malloc(sizeof *b);
  if (!b) return NULL;
  for (uint64_t block = job->first; block < (1ull << 32) / BLOCK; block += THREADS) {
    for (uint32_t i = 0; i < BLOCK; i++) {
      uint32_t u = (uint32_t)(block * BLOCK) + i;
      memcpy(&b->x[i], &u, sizeof u);
      b->wide[i] = b->x[i];
    }
    job->kernel->f32(b->x, b->y, BLOCK);
    job->ref->wide(b->wide, b->want, BLOCK);
    if (job->ref->limit > 0) apply_limit(b, job->ref->limit);
    if (job->ref->smallest > 0) apply_smallest(b, job->ref->smallest);
    compare(b, &job->worst);
  }
  free(b);
  return job;
}

static int all_f32(const VmathUnary *k, const VmathRef *ref, VmathWorst *worst) {
  pthread_t thread[THREADS];
  Job job[THREADS];
  int ok = 1;
  for (uint32_t t = 0; t < THREADS; t++) {
    job[t] = (Job){.kernel = k, .ref = ref, .first = t};
    if (pthread_create(&thread[t], NULL, run_job, &job[t]) != 0) return 0;
  }
  for (uint32_t t = 0; t < THREADS; t++) {
    void *done = NULL;
    pthread_join(thread[t], &done);
    ok &= done != NULL;
    vmath_worst_join(worst, &job[t].worst);
  }
  return ok;
}

/* Nanoseconds an element over arrays that stay in the first-level cache; the best of several runs.
 */
static double speed_f32(const VmathUnary *k) {
  static float x[BLOCK], y[BLOCK];
  double best = 1e9;
  for (size_t i = 0; i < BLOCK; i++) x[i] = (float)(i + 1) / BLOCK * 4;
  for (int run = 0; run < 20; run++) {
    double t = seconds();
    for (int i = 0; i < 20; i++) k->f32(x, y, BLOCK);
    t = (seconds() - t) / (20.0 * BLOCK) * 1e9;
    best = t < best ? t : best;
  }
  return best;
}

static double speed_f64(const VmathUnary *k) {
  static double x[BLOCK / 2], y[BLOCK / 2];
  double best = 1e9;
  for (size_t i = 0; i < BLOCK / 2; i++) x[i] = (double)(i + 1) / BLOCK * 8;
  for (int run = 0; run < 20; run++) {
    double t = seconds();
    for (int i = 0; i < 20; i++) k->f64(x, y, BLOCK / 2);
    t = (seconds() - t) / (10.0 * BLOCK) * 1e9;
    best = t < best ? t : best;
  }
  return best;
}

static int report(const char *name, const char *type, double bound, const VmathWorst *w,
                  double speed) {
  int bad = !(w->ulp <= bound) || w->wrong;
  printf("%-8s %s  %.3f ULP (bound %g) at %La", name, type, w->ulp, bound, w->a);
  if (w->b != 0) printf(", %La", w->b);
  printf(": %La, not %La;", w->got, w->want);
  if (w->wrong)
    printf(" %llu of the wrong class, as at %La, %La;", (unsigned long long)w->wrong, w->wrong_a,
           w->wrong_b);
  if (speed > 0) printf(" %.3f ns", speed);
  printf(" %s\n", bad ? "FAIL" : "ok");
  fflush(stdout);
  return bad;
}

static int chosen(int argc, char **argv, const char *name) {
  for (int i = 2; i < argc; i++)
    if (strcmp(argv[i], name) == 0) return 1;
  return argc <= 2;
}

static int test_unary(const VmathUnary *k, int f32, int f64) {
  const VmathRef *ref = vmath_ref(k->name);
  int bad = 0;
  if (!ref) return fprintf(stderr, "%s: no reference\n", k->name), 1;
  if (f32 && k->f32) {
    VmathWorst w = {0};
    if (!all_f32(k, ref, &w)) return fprintf(stderr, "no thread or memory\n"), 1;
    bad |= report(k->name, "f32", ref->bound32, &w, speed_f32(k));
  }
  if (f64 && k->f64) {
    VmathWorst w = vmath_sample_f64(k, ref, POINTS);
    bad |= report(k->name, "f64", ref->bound64, &w, speed_f64(k));
  }
  return bad;
}

static int test_binary(const VmathBinary *k, int f32, int f64) {
  const VmathRef2 *ref = vmath_ref2(k->name);
  int bad = 0;
  if (!ref) return fprintf(stderr, "%s: no reference\n", k->name), 1;
  if (f32 && k->f32) {
    VmathWorst w = vmath_sample2_f32(k, ref, POINTS);
    bad |= report(k->name, "f32", ref->bound32, &w, 0);
  }
  if (f64 && k->f64) {
    VmathWorst w = vmath_sample2_f64(k, ref, POINTS);
    bad |= report(k->name, "f64", ref->bound64, &w, 0);
  }
  return bad;
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "all";
  int f32 = strcmp(what, "f64") != 0, f64 = strcmp(what, "f32") != 0, bad = 0;
  for (const VmathUnary *k = vmath_unary; k->name; k++)
    if (chosen(argc, argv, k->name)) bad |= test_unary(k, f32, f64);
  for (const VmathBinary *k = vmath_binary; k->name; k++)
    if (chosen(argc, argv, k->name)) bad |= test_binary(k, f32, f64);
  return bad;
}
