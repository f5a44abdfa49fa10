/* origin.h: where a result that isn't finite began: which instruction, on which line. */
#ifndef GRADC_ORIGIN_H
#define GRADC_ORIGIN_H

#include "base/diag.h"
#include "ir/eval.h"

bool tensor_is_finite(const Tensor *t); /* true for types that aren't floats */

/* Evaluates f again, by the reference evaluator. The first instruction that makes a NaN or an
 * infinity from finite operands, and matters: one whose value is masked later, so that the results
 * would be the same without, is passed over. false: there is none. f as for ir_eval. */
bool origin_find(const Fn *f, const Tensor *in, EvalTrap *trap);
/* In words, as notes of d. Also gives d its place. */
void origin_explain(Diag *d, const Fn *f, const EvalTrap *trap);
/* Both, as E0712, where one of the results isn't finite; NULL where all are. */
Diag *origin_report(const Fn *f, const Tensor *in, const Tensor *results);

#endif
