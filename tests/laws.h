/* laws.h: what must hold of every program, checked on one. */
#ifndef GRADC_TEST_LAWS_H
#define GRADC_TEST_LAWS_H

#include "prove.h"

#define LAW_TABLE(_)                                                                               \
  _(NONE, "nothing")                                                                               \
  _(INTERNAL, "no internal error")                                                                 \
  _(ERROR, "no diagnostic")                                                                        \
  _(VERIFY, "the verifier accepts it")                                                             \
  _(PRINT, "parse(print(f)) == f")                                                                 \
  _(PREPARE, "simplified, it has the same values")                                                 \
  _(JIT, "compiled, it has the evaluator's values")                                                \
  _(NAMED, "lowered with names for sizes, it has the evaluator's values")                          \
  _(GUARD, "compiled code writes its outputs only")                                                \
  _(THREADS, "threads don't change a bit")                                                         \
  _(MODES, "<w, J v> == <J'w, v>")                                                                 \
  _(DIFFERENCES, "the tangent is what differences approach")                                       \
  _(SECOND, "<w, H v> == <H'w, v>")                                                                \
  _(SYMMETRY, "second derivatives are symmetric")
typedef enum Law {
#define _(name, text) LAW_##name,
  LAW_TABLE(_)
#undef _
      LAW_COUNT
} Law;
extern const char *const law_text[LAW_COUNT];

enum { CHECK_PRINT = 1, CHECK_JIT = 2, CHECK_DERIVATIVES = 4, CHECK_ALL_WIDTHS = 8, CHECK_ALL = 7 };

typedef struct LawCheck {
  uint64_t seed; /* of inputs and choices */
  bool smooth;   /* differences may be tried */
  Spice spice;
  int what; /* CHECK_ bits */
  /* results */
  Law broken;
  const char *where; /* which derivative, pass, vector width */
  const char *detail;
  const Fn *form; /* the function it broke on: f or one of its derivatives */
  int checks;     /* compiled programs compared */
} LawCheck;

/* False when a law is broken. f may have named sizes (they are bound) and derivative instructions.
 */
bool check_laws(const Fn *f, LawCheck *c);
/* Numbers for the named sizes of f's inputs, drawn with the seed. */
const SizeBindings *law_sizes(const Fn *f, uint64_t seed);
/* The program shrunk, its text, the seed: what to print. */
const char *law_report(const Fn *f, LawCheck *c);

/* <J'w, v> and <w, Jv> of f with respect to all float inputs, as one function in f64 with the two
 * as outputs; its inputs: those of f, tangents, cotangents. NULL where there is nothing to
 * differentiate or after a diagnostic. */
Fn *modes_function(const Fn *f);

#endif
