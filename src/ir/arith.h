/* arith.h: the arithmetic of one element: the helper functions the value columns of ops.def name,
 * and the value of a MAP operator on scalars and on arrays. The evaluator, the builder's constant
 * folding and the tests share it, so a folded constant is what the program would have computed.
 *
 * Integers are two's complement and wrap at their type's width; dividing by zero gives 0; shift
 * counts are taken modulo the width. Nothing here can trap. */
#ifndef GRADC_ARITH_H
#define GRADC_ARITH_H

#include "ir/ir.h"

#include <math.h>

/* NaN if either is NaN; in double, which is exact for float operands as well. */
static inline double ir_fmin(double a, double b) { return a < b || a != a ? a : b; }
static inline double ir_fmax(double a, double b) { return a > b || a != a ? a : b; }

/* 0 where either is 0, whatever the other one is. */
#define ir_safe_mul(a, b) ((a) == 0 || (b) == 0 ? 0 : (a) * (b))

/* A step of amax and amin, on any type: once NaN, always NaN. */
#define ir_max_step(acc, a) ((a) > (acc) || (a) != (a) ? (a) : (acc))
#define ir_min_step(acc, a) ((a) < (acc) || (a) != (a) ? (a) : (acc))

/* erfc(z) / 2 at z = -a/sqrt(2), to first order in what z lacks of the exact quotient: far out,
 * erfc would make of that rounding an error 2 z^2 times as large. */
static inline double ir_normcdf(double a) {
  const double root = 0.70710678118654752, rest = -4.8336466567264567e-17; /* 1/sqrt(2) */
  double z = -a * root, lost = fma(-a, root, -z) - a * rest;
  double tail = fabs(z) < 30 ? 0.56418958354775629 * exp(-z * z) * lost : 0;
  return 0.5 * erfc(z) - tail;
}

/* a normcdf(a) and its derivative; both limits are at infinity, not NaN. */
static inline double ir_gelu(double a) { return a < -40 ? -0.0 : a * ir_normcdf(a); }
static inline double ir_gelu_slope(double a) {
  double tail = fabs(a) < 40 ? 0.3989422804014327 * a * exp(-0.5 * a * a) : 0;
  return ir_normcdf(a) + tail;
}

static inline int64_t ir_floor_div(int64_t a, int64_t b) {
  if (b == 0) return 0;
  if (b == -1) return (int64_t)(0 - (uint64_t)a); /* INT64_MIN wraps to itself */
  int64_t q = a / b;
  return q - (a % b != 0 && (a < 0) != (b < 0));
}

static inline int64_t ir_floor_mod(int64_t a, int64_t b) {
  if (b == 0 || b == -1) return 0;
  int64_t r = a % b;
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

/* Shifts of a value of `width` bits; the result is narrowed to the width by who stores it. */
static inline int64_t ir_shl_at(int64_t a, int64_t count, int width) {
  return (int64_t)((uint64_t)a << (count & (width - 1)));
}
static inline int64_t ir_shr_at(int64_t a, int64_t count, int width) {
  return a >> (count & (width - 1));
}
static inline int64_t ir_ushr_at(int64_t a, int64_t count, int width) {
  uint64_t bits = width == 64 ? (uint64_t)a : (uint64_t)a & (((uint64_t)1 << width) - 1);
  return (int64_t)(bits >> (count & (width - 1)));
}

/* A float as an integer of lo..hi: truncated, saturated, NaN is 0. */
static inline int64_t ir_float_to_int(double v, int64_t lo, int64_t hi) {
  if (v != v) return 0;
  if (v <= (double)lo) return lo;
  if (v >= (double)hi) return hi; /* INT64_MAX rounds up to 2^63, the first value too large */
  return (int64_t)v;
}

/* v wrapped to the integer type t (bool: v != 0). */
static inline int64_t ir_wrap(DType t, int64_t v) {
  switch (t) {
  case T_BOOL: return v != 0;
  case T_U8: return (uint8_t)v;
  case T_I32: return (int32_t)(uint32_t)v;
  default: return v;
  }
}

typedef union Scalar { /* f for float types (f32: a value a float holds), i for the others */
  double f;
  int64_t i;
} Scalar;

/* The value of MAP operator op. `operand` is the type of its operands (of select: of the branches;
 * the condition is arg[0].i), `result` the type of the result. f32 results are rounded to float. */
Scalar ir_map_value(Op op, DType operand, DType result, const Scalar *arg);

/* v of type `from` as a value of type `to`, as cast does it. */
Scalar ir_cast_value(DType from, DType to, Scalar v);

/* The same on n elements of the C types of types.def; out may be arg[k]'s storage where the element
 * sizes are equal. */
void ir_map_array(Op op, DType operand, DType result, int64_t n, const void *const *arg, void *out);

#endif
