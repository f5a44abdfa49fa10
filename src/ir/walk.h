/* walk.h: the shape every rewrite shares, passes and what prepares a function for the loops: go
 * over the old function, emit into a new one. */
#ifndef GRADC_WALK_H
#define GRADC_WALK_H

#include "ir/inline.h"

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
/* Per value of f: how many operand slots and outputs read it (in the arena). */
int32_t *fn_uses(const Fn *f);

#endif
