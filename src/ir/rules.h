/* rules.h: small functions written in gradc's own notation that other layers inline: the partial
 * derivatives of the op table and the expansions of elementwise operators (ir/vmath.nn). The
 * front end parses them once and hangs the book into the context, so that no layer reaches back. */
#ifndef GRADC_RULES_H
#define GRADC_RULES_H

#include "ir/build.h"

struct RuleBook {
  /* The partial of op with respect to operand i for operands of type t (operand 0's type for
   * select: the branches'), NULL where the table has none.
   * MAP: inputs are the operands and the result y, all rank 0; one rank-0 output.
   * FOLD: inputs are a: t[K] and y: t (rank 0); output t[K]; folds inside it run over the axes
   * folded. */
  const Fn *(*partial)(Cx *cx, Op op, int i, DType t);
  /* The expansion of a MAP operator into simpler ones for type t, NULL where the machine has it.
   * Inputs: the operands, rank 0; one rank-0 output. */
  const Fn *(*expansion)(Cx *cx, Op op, DType t);
  /* An expression over a b c (rank 0, type t; those it doesn't name are inputs all the same): one
   * side of a rule of pass/simplify.def. */
  const Fn *(*pattern)(Cx *cx, const char *text, DType t);
};

/* Emits rule (of a MAP) at the shape of its arguments; returns its value. */
Val rule_inline_map(Builder *b, const Fn *rule, const Val *args, int nargs);
/* Emits the partial of a FOLD: a is the operand, y the result, axes those folded. */
Val rule_inline_fold(Builder *b, const Fn *rule, Val a, Val y, uint32_t axes);

#endif
