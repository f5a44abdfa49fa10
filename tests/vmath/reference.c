/* The table of references for the vector mathematics tests: bounds, ranges, and the C library's
 * long double functions. (Not to be compiled with -ffast-math: see wide.c.) */
#include "vmath_test.h"

#include <math.h>
#include <string.h>

/* erfc(z) / 2 at z = -x/sqrt(2), to first order in the rounding of z: it has a weight of 2 z^2. */
static long double normcdfl(long double x) {
  const long double root = 0.70710678118654752440084436210485L, rest = 2.7965744L * 0x1p-67L;
  long double z = -x * root, lost = fmal(-x, root, -z) - x * rest;
  return 0.5L * erfcl(z) -
         (z < 100 && z > -100 ? 0.56418958354775628695L * expl(-z * z) * lost : 0);
}
static long double gelul(long double x) { return x < -200 ? -0.0L : x * normcdfl(x); }
static long double sigmoidl(long double x) { return 1.0L / (1.0L + expl(-x)); }

#define ROW(name, reach, limit, smallest, b32, b64)                                                \
  {#name, vmath_wide_##name, name##l, reach, limit, smallest, b32, b64},
static const VmathRef rows[] = {VMATH_ROWS(ROW)};

static const VmathRef2 rows2[] = {{"pow", powl, 2, 2}, {"atan2", atan2l, 2, 2}};

const VmathRef *vmath_ref(const char *name) {
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (strcmp(rows[i].name, name) == 0) return &rows[i];
  return NULL;
}

const VmathRef2 *vmath_ref2(const char *name) {
  for (size_t i = 0; i < sizeof rows2 / sizeof *rows2; i++)
    if (strcmp(rows2[i].name, name) == 0) return &rows2[i];
  return NULL;
}
