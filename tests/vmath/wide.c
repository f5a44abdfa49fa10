/* The f32 reference: loops over the C library's double functions. Compile with -O3 -ffast-math,
 * which lets the compiler use the library's vector functions (4 double ULP, that is 2^-27 f32 ULP).
 */
#include "vmath_test.h"

#include <math.h>

static double normcdf(double x) { return 0.5 * erfc(x * -0.70710678118654752); }
/* At -inf a product by 0; a comparison that passes what is no number on, whichever way it goes. */
static double gelu(double x) {
  double y = x < -200 ? -0.0 : x;
  return y * normcdf(x);
}
static double sigmoid(double x) { return 1.0 / (1.0 + exp(-x)); }

#define WIDE(name, reach, limit, smallest, b32, b64)                                               \
  void vmath_wide_##name(const double *restrict x, double *restrict y, size_t n) {                 \
    for (size_t i = 0; i < n; i++) y[i] = name(x[i]);                                              \
  }
VMATH_ROWS(WIDE)
