/* steps.h: one instruction of a loop's body, for all iterations at once; and what it costs. */
#ifndef GRADC_STEPS_H
#define GRADC_STEPS_H

#include "pass/derive.h"

/* A value "wide" over n steps has one more axis in front, of extent n. */
Shape shape_widened(const Shape *s, Dim n);
/* Whether widen_ins has a form for the instruction: those with bodies have none, nor has one whose
 * ranks would grow beyond the limit. */
bool ins_widens(const Fn *f, const Ins *in);
/* The instruction for all steps; wide[k]: operand k is wide (at least one is). */
Val widen_ins(Builder *b, const Ins *in, const Val *arg, const bool *wide, Dim n);
/* The sum over the steps of contraction `in`: the steps are one more summed label. */
Val widen_contract_sum(Builder *b, const Ins *in, const Val *arg, const bool *wide, Dim n);

/* steps_cost.c: estimates; a named size counts as SIZE_GUESS. */
enum { SIZE_GUESS = 64 };
double dim_estimate(Cx *cx, Dim d);
double shape_estimate(Cx *cx, const Shape *s); /* elements */
double ins_bytes(Cx *cx, const Ins *in);       /* of its result */

#endif
