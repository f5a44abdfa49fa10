/* The table of references for the vector mathematics tests: bounds, ranges, and the C library's
 * long double functions. (Not to be compiled with -ffast-math: see wide.c.) */
#include "vmath_test.h"

#include <math.h>
#include <string.h>

static long double sigmoidl(long double x) { return 1.0L / (1.0L + expl(-x)); }

#define ROW(name, reach, limit, b32, b64)                                                          \
  {#name, vmath_wide_##name, name##l, reach, limit, b32, b64},
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
