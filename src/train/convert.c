/* convert.c: see convert.h. All loops come from the two type tables: one function per target type,
 * one case per source type. */
#include "train/convert.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3") /* vectorised: these loops run over every example of every epoch */
#endif

static const ElemType elem_table[DTYPE_COUNT] = {
#define DTYPE(name, word, ctype, bytes, class) [T_##name] = ELEM_##name,
#include "ir/types.def"
#undef DTYPE
};

ElemType elem_of(DType t) { return elem_table[t]; }

/* ---- the narrow floats ---- */
/* IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 mantissa bits. */
static double from_f16(uint16_t h) {
  int e = h >> 10 & 31, m = h & 1023;
  double v = e == 31 ? (m ? (double)NAN : (double)INFINITY)
             : e     ? ldexp(1024 + m, e - 25)
                     : ldexp(m, -24);
  return h >> 15 ? -v : v;
}

/* bfloat16 is the upper half of a binary32. */
static float from_bf16(uint16_t h) {
  uint32_t bits = (uint32_t)h << 16;
  float v;
  memcpy(&v, &bits, sizeof v);
  return v;
}

/* ---- rules ---- */
static bool elem_is_float(ElemType t) { return t >= ELEM_F16; }

static void int_range(ElemType t, __int128 *lo, __int128 *hi) {
  bool is_signed = t == ELEM_I8 || t == ELEM_I16 || t == ELEM_I32 || t == ELEM_I64;
  int bits = 8 * elem_info[t].bytes;
  *lo = is_signed ? -((__int128)1 << (bits - 1)) : 0;
  *hi = t == ELEM_BOOL ? 1 : ((__int128)1 << (is_signed ? bits - 1 : bits)) - 1;
}

ConvertRule convert_rule(ElemType from, DType to) {
  ElemType target = elem_of(to);
  __int128 lo, hi, tlo, thi;
  if (from == target) return CONVERT_YES;
  if (elem_is_float(from)) {
    if (!elem_is_float(target)) return CONVERT_NO;
    return from == ELEM_F64 ? CONVERT_CHECK : CONVERT_YES; /* a finite f64 must stay finite */
  }
  int_range(from, &lo, &hi);
  if (elem_is_float(target)) {
    __int128 exact = (__int128)1 << (target == ELEM_F32 ? 24 : 53);
    return -exact <= lo && hi <= exact ? CONVERT_YES : CONVERT_CHECK;
  }
  int_range(target, &tlo, &thi);
  return tlo <= lo && hi <= thi ? CONVERT_YES : CONVERT_CHECK;
}

static __int128 load_int(ElemType t, const void *src, int64_t i) {
  switch (t) {
#define ELEM(name, word, ctype, bytes, npy, st, idx)                                               \
  case ELEM_##name: return (__int128)((const ctype *)src)[i];
    ELEM_TABLE(ELEM)
#undef ELEM
  case ELEM_COUNT: break;
  }
  return 0;
}

int64_t convert_misfit(ElemType from, const void *src, int64_t n, DType to) {
  if (elem_is_float(from)) {
    const double *s = src; /* the only checked one is f64 into f32 */
    for (int64_t i = 0; i < n; i++)
      if (isfinite(s[i]) && !isfinite((float)s[i])) return i;
    return -1;
  }
  __int128 lo, hi;
  bool to_float = type_is_float(to);
  if (!to_float) int_range(elem_of(to), &lo, &hi);
  for (int64_t i = 0; i < n; i++) {
    __int128 v = load_int(from, src, i);
    if (to_float ? v != (to == T_F32 ? (__int128)(float)v : (__int128)(double)v) : v < lo || v > hi)
      return i;
  }
  return -1;
}

/* ---- conversion ---- */
#define DTYPE(name, word, ctype, bytes, class)                                                     \
  static void to_##name(ElemType from, const void *restrict src, ctype *restrict dst, int64_t n) { \
    if (from == ELEM_F16) {                                                                        \
      for (int64_t i = 0; i < n; i++) dst[i] = (ctype)from_f16(((const uint16_t *)src)[i]);        \
      return;                                                                                      \
    }                                                                                              \
    if (from == ELEM_BF16) {                                                                       \
      for (int64_t i = 0; i < n; i++) dst[i] = (ctype)from_bf16(((const uint16_t *)src)[i]);       \
      return;                                                                                      \
    }                                                                                              \
    switch (from) { ELEM_TABLE(ELEM) case ELEM_COUNT : break; }                                    \
  }
#define ELEM(name, word, ctype, bytes, npy, st, idx)                                               \
  case ELEM_##name:                                                                                \
    for (int64_t i = 0; i < n; i++) dst[i] = ((const ctype *)src)[i];                              \
    break;
#include "ir/types.def"
#undef ELEM
#undef DTYPE

void convert(ElemType from, const void *src, DType to, void *dst, int64_t n) {
  if (from == elem_of(to)) {
    if (n) memcpy(dst, src, (size_t)n * (size_t)elem_info[from].bytes);
    return;
  }
  switch (to) {
#define DTYPE(name, word, ctype, bytes, class)                                                     \
  case T_##name:                                                                                   \
    to_##name(from, src, dst, n);                                                                  \
    break;
#include "ir/types.def"
#undef DTYPE
  case DTYPE_COUNT: break;
  }
}

void elem_text(ElemType type, const void *data, int64_t at, char *out, size_t room) {
  const char *p = (const char *)data + at * elem_info[type].bytes;
  if (elem_is_float(type)) {
    double v = 0;
    convert(type, p, T_F64, &v, 1);
    snprintf(out, room, "%.9g", v);
  } else if (type == ELEM_U64) {
    snprintf(out, room, "%" PRIu64, *(const uint64_t *)(const void *)p);
  } else {
    snprintf(out, room, "%" PRId64, (int64_t)load_int(type, p, 0));
  }
}
