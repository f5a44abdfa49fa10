/* walk.h: the shape every pass shares: go over the old function, emit into a new one. */
#ifndef GRADC_WALK_H
#define GRADC_WALK_H

#include "ir/inline.h"
#include "pass/pass.h"

typedef struct Walk {
  Builder b;
  const Fn *f;
  Val *to; /* old value -> new */
} Walk;

/* A new function of the same name, with the inputs of f. */
Walk walk_begin(const Fn *f);
/* The operands of `in` in the new function (in the arena). */
Val *walk_args(Walk *w, const Ins *in);
/* The instruction copied as it is (the builder may fold it). */
Val walk_copy(Walk *w, const Ins *in);
/* Loops, branches and calls: what is left with bodies when derivatives are expanded. */
static inline bool ins_has_bodies(const Ins *in) {
  return in->op == OP_loop || in->op == OP_branch || in->op == OP_call;
}
/* The same, with the bodies of such an instruction replaced by what pass gives for them. */
Val walk_copy_bodies(Walk *w, const Ins *in, Fn *(*pass)(const Fn *body, void *arg), void *arg);
/* f with all instructions copied into a new function whose inputs are chosen by keep: inputs that
 * nothing uses can be left out. Outputs and their order stay. */
Fn *fn_keep_inputs(const Fn *f, const bool *keep);
/* The constants that derivatives took for values (ir_opaque) are constants again. */
Fn *fn_without_marks(Fn *f);
/* Outputs as in f, then ends it. */
Fn *walk_end(Walk *w);

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

/* batch.c: f over the axes `lead`, for inputs mapped as `in` says, whose args have them in front.
 * out tells which outputs are mapped; where it is NULL all of them become so. guarded: not all
 * elements are wanted, and their indices may be outside. False after a diagnostic. */
bool batch_into(Builder *b, const Fn *f, const Shape *lead, bool guarded, const bool *in,
                const Val *args, Val *outs, bool *out);

/* The partial of MAP instruction `in` for operand i: 0 where it is zero. *missing: there is none.
 */
Val map_partial(Builder *b, const Ins *in, const Val *args, Val y, int i, bool *missing);
void report_no_derivative(Builder *b, const Ins *in);
/* False after a diagnostic where a float output depends on a wrt input through an operator without
 * a derivative, also by way of integers (from_bits(bits(x))): never a silent zero. */
bool derivatives_exist(Builder *b, const Fn *f, const bool *wrt);

#endif
