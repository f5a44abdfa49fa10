/* Interface of the vector mathematics tests: what the code under test provides (two tables of
 * array kernels) and what the reference provides (one row per function). */
#ifndef VMATH_TEST_H
#define VMATH_TEST_H

#include <stddef.h>
#include <stdint.h>

/* The code under test. A NULL kernel is skipped; a NULL name ends the table. */
typedef struct VmathUnary {
  const char *name; /* "exp" */
  void (*f32)(const float *x, float *y, size_t n);
  void (*f64)(const double *x, double *y, size_t n);
} VmathUnary;

typedef struct VmathBinary {
  const char *name; /* "pow" */
  void (*f32)(const float *a, const float *b, float *y, size_t n);
  void (*f64)(const double *a, const double *b, double *y, size_t n);
} VmathBinary;

extern const VmathUnary vmath_unary[];
extern const VmathBinary vmath_binary[];

/* The reference. `wide` serves f32 (arrays of double, vectorised where the C library can),
 * `exact` serves f64. */
typedef struct VmathRef {
  const char *name;
  void (*wide)(const double *x, double *y, size_t n);
  long double (*exact)(long double x);
  double reach;    /* f64 samples are dense in [-reach, reach] */
  double limit;    /* the error bound holds up to here, 0: everywhere; beyond, within [-1, 1] */
  double smallest; /* the bound holds for f32 results at least so large, f64's by 2^-896 */
  double bound32;  /* ULP */
  double bound64;
} VmathRef;

typedef struct VmathRef2 {
  const char *name;
  long double (*exact)(long double a, long double b);
  double bound32;
  double bound64;
} VmathRef2;

/* One-argument functions: name, reach, limit, smallest, f32 bound, f64 bound. gelu multiplies by
 * normcdf, which is denormal below -13.1: its own results have some quanta of error there. */
#define VMATH_ROWS(X)                                                                              \
  X(exp, 746, 0, 0, 1, 1)                                                                          \
  X(exp2, 1076, 0, 0, 1, 1)                                                                        \
  X(expm1, 100, 0, 0, 2, 2)                                                                        \
  X(log, 4, 0, 0, 1, 1)                                                                            \
  X(log2, 4, 0, 0, 2, 2)                                                                           \
  X(log1p, 4, 0, 0, 2, 2)                                                                          \
  X(tanh, 20, 0, 0, 2, 2)                                                                          \
  X(sigmoid, 40, 0, 0, 2, 2)                                                                       \
  X(sin, 30, 0x1p45, 0, 1, 1)                                                                      \
  X(cos, 30, 0x1p45, 0, 1, 1)                                                                      \
  X(tan, 30, 0x1p45, 0, 2, 2)                                                                      \
  X(erf, 6, 0, 0, 2, 2)                                                                            \
  X(erfc, 28, 0, 0, 4, 4)                                                                          \
  X(normcdf, 40, 0, 0, 4, 4)                                                                       \
  X(gelu, 40, 0, 0x1p-122, 3, 5)                                                                   \
  X(sinh, 711, 0, 0, 2, 2)                                                                         \
  X(cosh, 711, 0, 0, 2, 2)                                                                         \
  X(asin, 1, 0, 0, 2, 2)                                                                           \
  X(acos, 1, 0, 0, 2, 2)                                                                           \
  X(atan, 8, 0, 0, 2, 2)

#define VMATH_WIDE(name, reach, limit, smallest, b32, b64)                                         \
  void vmath_wide_##name(const double *restrict x, double *restrict y, size_t n);
VMATH_ROWS(VMATH_WIDE)

const VmathRef *vmath_ref(const char *name);   /* NULL when unknown */
const VmathRef2 *vmath_ref2(const char *name); /* NULL when unknown */

/* The worst deviation seen. `wrong` counts results of the wrong class: NaN against number, or a
 * zero of the wrong sign. */
typedef struct VmathWorst {
  double ulp;
  long double a, b, got, want;
  uint64_t wrong;
  long double wrong_a, wrong_b;
} VmathWorst;

void vmath_worst_join(VmathWorst *into, const VmathWorst *from);

/* Sampled tests (sampled.c); `points` per kernel. */
VmathWorst vmath_sample_f64(const VmathUnary *k, const VmathRef *ref, size_t points);
VmathWorst vmath_sample2_f32(const VmathBinary *k, const VmathRef2 *ref, size_t points);
VmathWorst vmath_sample2_f64(const VmathBinary *k, const VmathRef2 *ref, size_t points);

#endif
