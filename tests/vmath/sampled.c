/* Sampled tests of the vector mathematics: f64 functions and functions of two arguments. Points:
 * every pair of special values, random bit patterns, magnitudes spread evenly over the exponents,
 * evenly spread values in the range that matters, and neighbours of multiples of pi/2. */
#include "vmath_test.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 4096 };

static const double special[] = {0.0,       0x1p-1074,    0x1p-149, 0x1p-1022, 0x1p-126, 0x1p-54,
                                 0x1p-24,   0.5,          1.0,      1.5,       2.0,      3.0,
                                 4.0,       1e10,         1e15 + 1, 0x1p53,    0x1p24,   16777215.0,
                                 0x1p45,    FLT_MAX,      DBL_MAX,  INFINITY,  NAN,      0.25,
                                 1.0 / 3.0, 88.722839355, 709.78,   710.47,    745.13,   103.97};
enum { SPECIALS = sizeof special / sizeof *special };

static uint64_t random_bits(uint64_t *state) { /* Marsaglia's xorshift with a multiplier */
  uint64_t x = *state;
  x ^= x >> 12, x ^= x << 25, x ^= x >> 27;
  *state = x;
  return x * 0x2545f4914f6cdd1du;
}

static double random_unit(uint64_t *state) { return (double)(random_bits(state) >> 11) * 0x1p-53; }

static double random_sign(uint64_t *state, double x) { return random_bits(state) >> 63 ? -x : x; }

static double random_pattern(uint64_t *state) {
  uint64_t u = random_bits(state);
  double d;
  memcpy(&d, &u, sizeof d);
  return d;
}

/* Magnitude 2^e * [1, 2) with e uniform in [lo, hi) */
static double random_scale(uint64_t *state, int lo, int hi) {
  int e = lo + (int)(random_bits(state) >> 33) % (hi - lo);
  return random_sign(state, ldexp(1 + random_unit(state), e));
}

static double random_point(uint64_t *s, const VmathRef *ref) {
  switch (random_bits(s) >> 61) {
  case 0: return random_pattern(s);
  case 1: return random_scale(s, -60, 12);
  case 2: return random_sign(s, 1 + random_scale(s, -50, 0));
  case 3:
    if (ref->limit > 0) {
      long double k = floorl((long double)fabs(random_scale(s, 0, 44)));
      double x = (double)(k * 1.57079632679489661923132169163975144L);
      return random_sign(s, x * (1 + (double)((int)(random_bits(s) >> 62) - 1) * 0x1p-53));
    }
    return random_sign(s, random_unit(s) * 3);
  case 4: return random_sign(s, random_unit(s));
  default: return random_sign(s, random_unit(s) * ref->reach);
  }
}

/* |got - want| in units of the spacing at want of a format with `digits` bits, least exponent
 * `least` (of the smallest normal number) and greatest value below 2^most. */
static double ulp_error(long double got, long double want, int digits, int least, int most) {
  long double top = ldexpl(1.0L, most);
  got = got > top ? top : got < -top ? -top : got;
  want = want > top ? top : want < -top ? -top : want;
  if (got == want || got != got || want != want) return 0;
  int e = want == 0 ? least : ilogbl(want);
  e = e < least ? least : e >= most ? most - 1 : e;
  return (double)ldexpl(fabsl(got - want), digits - 1 - e);
}

static int wrong_class(long double got, long double want) {
  if ((got != got) != (want != want)) return 1;
  return got == 0 && !signbit(got) != !signbit(want);
}

static VmathWorst one_f64(double a, double b, double got, long double want) {
  VmathWorst w = {ulp_error(got, want, 53, -1022, 1024), a, b, got, want, 0, a, b};
  w.wrong = (uint64_t)wrong_class(got, want);
  return w;
}

VmathWorst vmath_sample_f64(const VmathUnary *k, const VmathRef *ref, size_t points) {
  static double x[BLOCK], y[BLOCK];
  VmathWorst worst = {0};
  uint64_t state = 0x9e3779b97f4a7c15u;
  for (size_t done = 0; done < points; done += BLOCK) {
    for (size_t i = 0; i < BLOCK; i++) x[i] = random_point(&state, ref);
    if (done == 0) {
      for (size_t i = 0; i < SPECIALS; i++) x[2 * i] = special[i], x[2 * i + 1] = -special[i];
    }
    k->f64(x, y, BLOCK);
    for (size_t i = 0; i < BLOCK; i++) {
      int beyond = ref->limit > 0 && fabs(x[i]) > ref->limit && isfinite(x[i]);
      long double want = beyond && fabs(y[i]) <= 1 ? (long double)y[i] : ref->exact(x[i]);
      if (fabsl(want) < ldexpl(ref->smallest, -896)) continue;
      VmathWorst w = one_f64(x[i], 0, y[i], want);
      vmath_worst_join(&worst, &w);
    }
  }
  return worst;
}

/* Pairs for pow and atan2; `range` is the largest useful |b log2 a|. */
static void random_pair(uint64_t *s, double range, int digits, double *a, double *b) {
  *a = random_pattern(s), *b = random_pattern(s);
  switch (random_bits(s) >> 61) {
  case 0: return;
  case 1: /* near 1, with large exponents */
    *a = 1 + random_scale(s, -digits, 0) / 2;
    *b = random_sign(s, random_unit(s) * range) / log2(fabs(*a));
    return;
  case 2: /* whole exponents */
    *a = random_scale(s, -3, 4);
    *b = rint(random_sign(s, random_unit(s) * range / 3));
    return;
  case 3: *a = random_scale(s, -20, 20), *b = random_scale(s, -20, 20); return;
  case 4: /* any base, even denormal */
    *a = ldexp(1 + random_unit(s), (int)(range * (2 * random_unit(s) - 1)));
    *b = random_sign(s, random_unit(s) * range) / log2(*a);
    return;
  default:
    *a = random_unit(s) * 4;
    *b = random_sign(s, random_unit(s) * range) / log2(fabs(*a));
    return;
  }
}

static void pair_at(uint64_t *s, size_t at, double range, int digits, double *a, double *b) {
  if (at >= 4u * SPECIALS * SPECIALS) {
    random_pair(s, range, digits, a, b);
    return;
  }
  *a = special[at / 4 % SPECIALS] * (at & 1 ? -1 : 1);
  *b = special[at / 4 / SPECIALS] * (at & 2 ? -1 : 1);
}

VmathWorst vmath_sample2_f32(const VmathBinary *k, const VmathRef2 *ref, size_t points) {
  static float a[BLOCK], b[BLOCK], y[BLOCK];
  VmathWorst worst = {0};
  uint64_t state = 0x9e3779b97f4a7c15u;
  for (size_t done = 0; done < points; done += BLOCK) {
    for (size_t i = 0; i < BLOCK; i++) {
      double p, q;
      pair_at(&state, done + i, 150, 24, &p, &q);
      a[i] = (float)p, b[i] = (float)q;
    }
    k->f32(a, b, y, BLOCK);
    for (size_t i = 0; i < BLOCK; i++) {
      long double want = ref->exact(a[i], b[i]);
      VmathWorst w = {ulp_error(y[i], want, 24, -126, 128), a[i], b[i], y[i], want, 0, a[i], b[i]};
      w.wrong = (uint64_t)wrong_class(y[i], want);
      vmath_worst_join(&worst, &w);
    }
  }
  return worst;
}

VmathWorst vmath_sample2_f64(const VmathBinary *k, const VmathRef2 *ref, size_t points) {
  static double a[BLOCK], b[BLOCK], y[BLOCK];
  VmathWorst worst = {0};
  uint64_t state = 0x9e3779b97f4a7c15u;
  for (size_t done = 0; done < points; done += BLOCK) {
    for (size_t i = 0; i < BLOCK; i++) pair_at(&state, done + i, 1076, 53, &a[i], &b[i]);
    k->f64(a, b, y, BLOCK);
    for (size_t i = 0; i < BLOCK; i++) {
      VmathWorst w = one_f64(a[i], b[i], y[i], ref->exact(a[i], b[i]));
      vmath_worst_join(&worst, &w);
    }
  }
  return worst;
}
