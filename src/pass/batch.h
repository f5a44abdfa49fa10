/* batch.h: what the files of batching share: one function being written again over axes in front.
 */
#ifndef GRADC_BATCH_H
#define GRADC_BATCH_H

#include "ir/walk.h"
#include "pass/pass.h"

typedef struct BatchParts { /* of a bundle: what stands for each of its parts, and whether it is
                               mapped */
  Val *val;
  bool *mapped;
} BatchParts;

typedef struct Batch {
  Builder *b;
  const Fn *f;
  Shape lead;
  Val *to; /* value of f -> its value, with the lead in front where it is mapped */
  bool *mapped;
  BatchParts *parts;
  bool guarded; /* values are chosen behind it: indices aren't checked */
  bool failed;
} Batch;

/* f over the axes `lead`, for inputs mapped as `in` says, whose args have them in front.
 * out tells which outputs are mapped; where it is NULL all of them become so. guarded: not all
 * elements are wanted, and their indices may be outside. False after a diagnostic. */
bool batch_into(Builder *b, const Fn *f, const Shape *lead, bool guarded, const bool *in,
                const Val *args, Val *outs, bool *out);
/* x with the lead in front, whether it is mapped or not. */
Val batch_lift(Builder *b, const Shape *lead, Val x, bool mapped);
/* f over the lead: inputs as flagged; outputs mapped where wanted, or all that depend on a mapped
 * input where want is NULL (out tells which). guarded: not all elements are wanted. NULL after a
 * diagnostic. */
Fn *batch_fn(const Fn *f, const Shape *lead, bool guarded, const bool *in, const bool *want,
             bool *out);
/* Which outputs of f depend on a mapped input. */
void batch_flags(const Fn *f, const bool *in, bool *out);
/* Whether the elements may be done after different numbers of steps; inputs: which of the body's
 * are mapped, count: whether the count is. */
bool batch_lanes(const Loop *l, const bool *inputs, bool count);

/* batch_each.c: whether f over the lead is better a loop over its elements; and as one, outs having
 * the lead in front. */
bool batch_suits_loop(const Fn *f, const Shape *lead);
void batch_by_loop(Builder *b, const Fn *f, const Shape *lead, const bool *mapped, const Val *args,
                   Val *outs);

/* batch_loop.c: loop or branch `in`, with operands and flags as given: fills parts. */
void batch_loop(Batch *g, const Ins *in, const Val *args, const bool *mapped, BatchParts *parts);
void batch_branch(Batch *g, const Ins *in, const Val *args, const bool *mapped, BatchParts *parts);

#endif
