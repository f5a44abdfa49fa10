/* prepare.h: what the files of the rewrites before the lowering share. Private to src/loop. */
#ifndef GRADC_PREPARE_H
#define GRADC_PREPARE_H

#include "loop/lower.h"
#include "ir/walk.h"

/* prepare_window.c: the sum over `axes` of x, where x is a view. *fine: the result is a reshape of
 * values that lie at a finer shape (0: no). */
Val window_sum(Builder *b, Val x, uint32_t axes, bool *fine);
Val window_base(const Builder *b, Val v); /* below views */
/* The two operands x are views of the same values as y, in any order. */
bool window_same_bases(const Builder *b, const Val *x, const Val *y);
/* Dimension d of a view that a contraction with these labels reads is s*q + p for summed q and kept
 * p, phases that the engine makes code for one by one (contract_phases.c). */
bool window_phases(const Ins *view, int d, const Contract *c, const uint8_t *label);
/* An operand of a contraction whose windows reach outside: windows that don't, of a padded copy. */
Val window_padded(Builder *b, Val x, const Contract *c, const uint8_t *label, double reads);
/* Of the terms of such a contraction that skips those outside, the share that is there; 1 where not
 * all that a view reads outside can be left out by the ends of loops (contract_guards.c). */
double window_share(const Builder *b, const Ins *view, const Contract *c, const uint8_t *label);
/* A view of the same, of a value in whose memory the steps of a loop inside those lie side by side:
 * a copy where need be; 0: there is no such loop, or too few reads for a copy. */
Val window_sum_last(Builder *b, Val x, const Contract *c, const uint8_t *label, double reads);
/* prepare_point.c: what is wanted at one index of an axis. */
Fn *prepare_points(const Fn *f);
/* prepare_layout.c: channels last. */
Fn *prepare_layout(const Fn *f);

#endif
