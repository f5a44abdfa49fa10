/* prove_noise.h: what the files of the noisy evaluation share. */
#ifndef GRADC_TEST_PROVE_NOISE_H
#define GRADC_TEST_PROVE_NOISE_H

#include "prove.h"

typedef struct Noisy {
  Rng rng;
  double width; /* of the noise, as a part of the largest that rounding explains: 0..1 */
} Noisy;

/* One evaluation, of which z disturbs every rounding; NULL: none. Results may be shared with
 * inputs. */
void eval_noisy(const Fn *f, Arena *a, Noisy *z, const Tensor *in, Tensor *out);
/* prove_loop.c: the parts of a loop or branch, likewise. */
void eval_noisy_bundle(Cx *cx, Arena *a, Noisy *z, const Ins *in, const Tensor *arg, Tensor *part);
/* One instruction without bodies, as it is. */
void eval_one(Cx *cx, Arena *a, const Ins *in, Tensor *const *arg, Tensor *out);

/* Small dyadic numbers come out of additions and products exactly; to disturb them would break the
 * ties they are there for. */
bool noise_is_simple(double v);
double noise_unit(DType t);

/* prove_sums.c: a folded operand in another order. */
Tensor sum_turned(Cx *cx, Arena *a, Rng *r, const Tensor *x, uint32_t axes);
/* What rounding and order can make of a sum, scatter or contraction (value v of f) besides. */
void sum_noise(const Fn *f, Arena *a, Noisy *z, const Ins *in, Tensor *const *arg, Tensor *out);

#endif
