/* derive.h: what both directions of differentiation share. */
#ifndef GRADC_DERIVE_H
#define GRADC_DERIVE_H

#include "ir/walk.h"
#include "pass/pass.h"

/* dy * p, where what can't matter is never multiplied: an element that a selection has put out
 * stays exactly 0, whatever p is there (0 * inf would be NaN). */
Val scale_cotangent(Builder *b, Val dy, Val p);
/* The same where dy was summed or spread since: 0 wherever it is 0. */
Val scale_safely(Builder *b, Val dy, Val p);

/* adjoint.c, tangent.c: the same into a builder in the middle of other work. args are the inputs;
 * seeds the cotangents per float output, or the tangents per wrt input. values: per output of f.
 * derived: an adjoint per wrt input, or a tangent per float output. False after a diagnostic. */
bool adjoint_into(Builder *b, const Fn *f, const bool *wrt, const Val *args, const Val *seeds,
                  Val *values, Val *derived);
bool tangent_into(Builder *b, const Fn *f, const bool *wrt, const Val *args, const Val *seeds,
                  Val *values, Val *derived);

/* The partial of MAP instruction `in` for operand i: 0 where it is zero. *missing: there is none.
 */
Val map_partial(Builder *b, const Ins *in, const Val *args, Val y, int i, bool *missing);
void report_no_derivative(Builder *b, const Ins *in);
/* False after a diagnostic where a float output depends on a wrt input through an operator without
 * a derivative, also by way of integers (from_bits(bits(x))): never a silent zero. */
bool derivatives_exist(Builder *b, const Fn *f, const bool *wrt);

#endif
