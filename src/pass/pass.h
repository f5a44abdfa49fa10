/* pass.h: SSA -> SSA. Every pass takes a finished function and returns a new one; NULL after a
 * diagnostic was recorded. Each states what it needs, keeps and breaks. */
#ifndef GRADC_PASS_H
#define GRADC_PASS_H

#include "base/diag.h"
#include "ir/build.h"

/* expand.c: replaces every vjp and jvp, innermost first, by the derivative it stands for.
 * needs: nothing   breaks: nothing   after it: no LOOP-kind derivative instruction is left */
Fn *pass_expand(const Fn *f);

/* calls.c: every call by the body it calls, when no derivative will be taken any more.
 * needs: nothing   breaks: derivative rules and checkpoints   after it: no call is left */
Fn *pass_inline_calls(const Fn *f);

/* adjoint.c: values of f's outputs, then the adjoints of the wrt inputs. Inputs: those of f, then a
 * cotangent (ROLE_SEED) per float output. */
Fn *pass_adjoint(const Fn *f, const bool *wrt);
/* tangent.c: values of f's outputs, then the tangents of its float outputs. Inputs: those of f,
 * then a tangent (ROLE_SEED) per wrt input. */
Fn *pass_tangent(const Fn *f, const bool *wrt);
/* The gradient of f's only output, a float scalar, with respect to the wrt inputs: outputs are the
 * value (with_value) and one gradient per wrt input, named d_NAME. E0402/E0403 when it isn't so. */
Fn *pass_gradient(const Fn *f, const bool *wrt, bool with_value);

/* The same as an instruction, for pass_expand to expand. */
Fn *pass_gradient_deferred(const Fn *f, const bool *wrt, bool with_value);

/* simplify.c: algebra on values, to a fixed point.
 * keeps: the evaluator's values up to rounding   breaks: nothing */
Fn *pass_simplify(const Fn *f);

/* still.c: what a loop carries without changing it is captured; what it carries for nobody goes.
 * keeps: values, bit for bit */
Fn *pass_still(const Fn *f);

/* ragged.c: a loop for many elements, which goes on until the last of them is done, goes block by
 * block. needs: no vjp/jvp, numbers   keeps: values up to the order of sums   breaks: nothing */
Fn *pass_ragged(const Fn *f);

/* hoist.c: work that no iteration has to wait for leaves its loop, in larger contractions; each
 * value kept for that takes at most `most` bytes. needs: no vjp/jvp   keeps: the evaluator's values
 * up to rounding   breaks: nothing */
Fn *pass_hoist(const Fn *f, double most);

/* turn.c: operands of contractions that stand still during a loop are laid out before it as they
 * are read. needs: no vjp/jvp   keeps: the evaluator's values up to the order of sums */
Fn *pass_turn(const Fn *f);

/* unroll.c: loops of few steps and little work that are run often, inside of loops or because f is,
 * become their steps. times: how often f is run. needs: numbers   keeps: values, bit for bit
 * breaks: nothing */
Fn *pass_unroll(const Fn *f, double times);

/* block.c: batched contractions whose results are larger than their operands and than the caches
 * are made, and used up, for some indices of the batch at a time. needs: no vjp/jvp, numbers keeps:
 * the evaluator's values up to rounding   breaks: nothing */
Fn *pass_block(const Fn *f);

/* chunk.c: where a value computed row by row is larger than `above` bytes and only summed over the
 * rows, that is done in chunks, in which it has about `bytes`; more where weights would be read too
 * often, unless above <= bytes: then room is all that counts. needs: no vjp/jvp, numbers   keeps:
 * the evaluator's values up to rounding   breaks: nothing */
Fn *pass_chunk(const Fn *f, double above, double bytes);
/* The same for speed: only where chunks of at most `most` bytes are large beside what each of them
 * goes through again. */
Fn *pass_chunk_cached(const Fn *f, double above, double bytes, double most);

/* split.c: loops whose saved() bytes a step are not 0 become loops over segments, nested `levels`
 * deep. needs: no vjp/jvp   keeps: values, bit for bit   breaks: nothing */
typedef struct SplitPlan {
  int levels;
  double (*saved)(const Loop *l);
} SplitPlan;
Fn *pass_split(const Fn *f, const SplitPlan *plan);

/* How much derivatives and passes may keep to save work. Hangs in the context (Cx.thrift; NULL: as
 * much as pays) while a program is made to fit into memory (driver/budget.c). */
struct Again {
  double runs; /* of a step, beside the first */
  double cost; /* in runs of a step, with what it takes to handle snapshots */
};
struct Thrift {
  int levels;       /* loops are run in segments, nested as deep, before they are differentiated */
  bool recompute;   /* loops save what they carry; all else is computed again */
  double snapshots; /* a loop that would save more bytes keeps that many in binomial snapshots;
                       0: none does */
  struct Again *again; /* such loops report here what that costs; or NULL */
  double hoist;        /* as for pass_hoist */
  double above, chunk; /* as for pass_chunk */
};
/* Hoisting may keep 64 MB for a value; larger ones than 16 MB are made in chunks that fit into a
 * cache. */
#define THRIFT_NONE ((Thrift){.hoist = 64 << 20, .above = 16 << 20, .chunk = 1 << 20})

/* sizes.c: every named size replaced by its number; recomputes exactness of views and reports
 * E05xx where a read would leave its tensor. */
Fn *pass_bind_sizes(const Fn *f, const SizeBindings *sizes);

/* retype.c: all f32 become f64 (for checks in double precision). */
Fn *pass_to_f64(const Fn *f);
Fn *pass_retype(const Fn *f, DType to); /* the same with f32 or f64 */

/* transpose.c: the adjoint of one MOVE or DOT instruction: what operand i gets for cotangent dy of
 * instruction `in`, whose operands in b are args. */
Val transpose_ins(Builder *b, const Ins *in, const Val *args, int i, Val dy);

#endif
