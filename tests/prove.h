/* prove.h: what the proofs share: repeatable random numbers, random tensors, and an evaluation that
 * knows how far rounding may carry each element, so that two correct ways to compute a value can be
 * told from two different values. */
#ifndef GRADC_TEST_PROVE_H
#define GRADC_TEST_PROVE_H

#include "base/diag.h"
#include "ir/build.h"
#include "ir/eval.h"

typedef struct Rng {
  uint64_t state;
} Rng;
Rng rng_at(uint64_t seed);
uint64_t rng_bits(Rng *r);
int rng_below(Rng *r, int n); /* 0 .. n-1; 0 for n < 2 */
bool rng_chance(Rng *r, int percent);
double rng_between(Rng *r, double lo, double hi);

typedef enum Spice {
  SPICE_PLAIN,  /* many multiples of 1/8 within +-2, so that ties and zeros occur; small integers */
  SPICE_SMOOTH, /* uniform within +-1.5: no two alike */
  SPICE_NASTY, /* NaN, infinities, zeros of both signs, large and small ones among the plain ones */
  SPICE_EXTREME /* ... and such that single products overflow and underflow */
} Spice;
Tensor tensor_random(Cx *cx, Rng *r, DType t, const Shape *s, Spice spice);

Shape shape_of(int rank, const Dim *dim);
#define SHAPE(...) shape_of((int)(sizeof((Dim[]){__VA_ARGS__}) / sizeof(Dim)), (Dim[]){__VA_ARGS__})
#define SCALAR     ((Shape){0})

/* One element's value and how far a correct value may be from it: 0: the same; INFINITY: anything
 * (a comparison that rounding decides, an overflow that rounding decides). */
typedef struct Bounded {
  Tensor value;
  double *slack;
  bool *looked; /* with more samples, after it seemed to differ */
  const struct Origin *from;
  int output;
} Bounded;
/* Evaluates f once as it is and a few times with every rounding disturbed at random by about a unit
 * in the last place (stochastic arithmetic); the spread, widened, is the slack. f: numbers for all
 * sizes, no derivative instructions. f and `in` must last as long as `out`. */
void eval_bounded(const Fn *f, const Tensor *in, uint64_t seed, Bounded *out);
/* NULL where `got` is within the slack of `want` everywhere, else which element isn't. */
const char *differs(Cx *cx, const Bounded *want, const Tensor *got);
/* The same for two bounded values of one thing. */
const char *differ_both(Cx *cx, const Bounded *x, const Bounded *y);
bool same_bits(const Tensor *x, const Tensor *y);

/* f's inputs, drawn with the seed; those of a training seed role like the others. */
Tensor *random_inputs(const Fn *f, uint64_t seed, Spice spice);

const char *dump_text(const Fn *f);
const char *nn_text(const Fn *f);
const char *diag_text(Cx *cx);
const char *text_printf(Cx *cx, const char *fmt, ...) GC_PRINTF(2, 3);

#endif
