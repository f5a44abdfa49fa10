/* laws.h: what must hold of every program, checked on one. */
#ifndef GRADC_TEST_LAWS_H
#define GRADC_TEST_LAWS_H

#include "front/front.h"
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

/* What checks of one context share: the front end that reads printed programs back. */
typedef struct LawDesk {
  Cx *cx; /* whose; NULL: nobody's yet */
  Program *reader;
  ProgramMark *mark; /* as it was when it knew the prelude alone */
} LawDesk;

typedef struct LawCheck {
  uint64_t seed; /* of inputs and choices */
  bool smooth;   /* differences may be tried */
  Spice spice;
  int what;      /* CHECK_ bits */
  LawDesk *desk; /* NULL: one of its own */
  /* results */
  Law broken;
  const char *where; /* which derivative, pass, vector width */
  const char *detail;
  const Fn *form; /* the function it broke on: f or one of its derivatives */
  int checks;     /* compiled programs compared */
  struct NativeForm *forms;
  struct NativeJob *native; /* what is to be compiled: laws_native.c */
} LawCheck;

/* False when a law is broken. f may have named sizes (they are bound) and derivative instructions.
 */
bool check_laws(const Fn *f, LawCheck *c);
/* Numbers for the named sizes of f's inputs, drawn with the seed. */
const SizeBindings *law_sizes(const Fn *f, uint64_t seed);
/* The program shrunk, its text, the seed: what to print. */
const char *law_report(const Fn *f, LawCheck *c);

/* A front end that knows the prelude and nothing else, until it is next asked for. */
Program *law_reader(Cx *cx, LawDesk *d);

/* ---- what laws.c and laws_native.c share ---- */
/* Writes down what broke; false. */
bool law_broken(LawCheck *c, Law law, const char *where, const char *detail);
/* A pass gave NULL: a diagnostic. An operator without derivative is a proper answer. */
bool law_declined(Cx *cx, LawCheck *c, const char *where);
/* With those of bodies. */
int law_instructions(const Fn *f);
/* Whether f isn't too much to be checked. */
bool law_is_tractable(const Fn *f);
/* Which inputs are floats, and how many; how many outputs. */
bool *law_all_floats(const Fn *f, int *n);
int law_float_outputs(const Fn *f);
/* laws_named.c: f, which has named sizes, and its adjoint at the sizes given, and sometimes at ones
 * that take several vectors. */
bool law_names(const Fn *f, LawCheck *c, const SizeBindings *sizes);
/* f, prepared, is to give `want` for `in` as machine code, too; law_native_run compiles and runs
 * all that was said so. */
void law_native_add(const Fn *f, const Fn *prepared, LawCheck *c, const char *where,
                    const Tensor *in, const Bounded *want);
bool law_native_run(LawCheck *c);

/* <J'w, v> and <w, Jv> of f with respect to all float inputs, as one function in f64 with the two
 * as outputs; its inputs: those of f, tangents, cotangents. NULL where there is nothing to
 * differentiate or after a diagnostic. */
Fn *modes_function(const Fn *f);

#endif
