/* deriv.h: what the files of derivatives share: a function made into the body of an instruction. */
#ifndef GRADC_FRONT_DERIV_H
#define GRADC_FRONT_DERIV_H

#include "front/check.h"

typedef struct Lifted { /* an input of the body that is an argument */
  Name name;
  Val outer;
  bool direct; /* an argument itself, not a part of a tuple */
  Span span;
} Lifted;

typedef struct Deriv {
  const FnValue *f;
  Span span;
  const Labels *batch;
  Unit unit;
  Builder body;
  Vec(Lifted) in;
  Vec(Value) out; /* the results, one per output of the body but for the states it assigns */
  Fn *fn;
  DType literal; /* of a bare number that is differentiated by */
  bool called; /* the body of a call: every float is differentiable, literals stay what they are */
  bool *wrt;   /* per input */
  Vec(int32_t) order; /* inputs in the order the user sees */
  Vec(int32_t)
      groups; /* per thing that `wrt:` names: -1, or how many of these are a group of parameters */
  Vec(Val) args;
} Deriv;

extern const char *const deriv_word[]; /* by mode */

/* Names of the arguments; -1 where they aren't known (those of a jvp or vjp). */
int deriv_signature(Check *c, const FnValue *f, Name *names, bool *optional);
bool deriv_is_param(Check *c, Name name);
bool deriv_in_group(Name group, Name param); /* net, net.up.W */

/* deriv_body.c */
/* An argument as a value of the body: tensors become inputs, what is known at compile time stays.
 */
Value deriv_lift(Check *c, Deriv *d, Name name, Value v, Span at, bool direct);
/* Whether it is made from a variable whose loop is still looking for its type, on trial. */
bool has_untyped_variable(const Value *v);
/* The element type of a bare number that is differentiated by: that of the floating tensors beside
 * it, where they agree. */
DType deriv_literal(Check *c, const Call *call);
/* A number without a type takes the one that the argument is declared with; false after an error.
 */
bool deriv_adapt(Check *c, const Deriv *d, Name name, Arg *a);
/* The arguments of the call as values of the body; false after an error. */
bool deriv_lift_call(Check *c, Deriv *d, const Call *call, Call *inner);
/* Appends the tensors of a result to d->out. */
bool deriv_flatten(Check *c, Deriv *d, const Value *v, Span at);
/* The same as outputs of the body, with all labels. */
bool deriv_outputs(Check *c, Deriv *d, const Value *v);
/* Makes the body the function under construction, and the one around it again. */
void deriv_enter(Check *c, Deriv *d);
void deriv_leave(Check *c, const Deriv *d);
/* Builds the body for a derivative, and chooses what it is with respect to; false after an error.
 */
bool deriv_build(Check *c, Deriv *d, const Call *call, Value *result);
/* The operand for input i of fn, a body built in d's unit; 0 after an error. */
Val deriv_operand(Check *c, const Deriv *d, const Fn *fn, int i);
/* The operands for the inputs of d->fn. */
bool deriv_operands(Check *c, Deriv *d);
/* Parts in the shape of the result: a tensor, or tuples of them. */
Value deriv_rebuild(Check *c, const Value *like, const Value *parts, int *next);
/* One item per thing that `wrt:` names: a value, or a tuple for a group of parameters. */
int deriv_grouped(Check *c, const Deriv *d, const Value *parts, Value *items);

/* deriv_reach.c: warns of derivatives by what is named in `wrt:` and doesn't reach the result. */
void deriv_warn_zero(Check *c, const Deriv *d);

/* check_jacobian.c, check_vmap.c */
Value call_jacobian(Check *c, const FnValue *f, const Call *call);
Value call_vmap(Check *c, const FnValue *f, const Call *call);

#endif
