/* gen_program.h: random well-typed programs, as SSA through the builder and as .nn source. */
#ifndef GRADC_TEST_GEN_PROGRAM_H
#define GRADC_TEST_GEN_PROGRAM_H

#include "prove.h"

typedef struct GenOptions {
  bool smooth;   /* only operators without kinks and jumps, kept inside their domains; all in f64 */
  bool bodies;   /* derivative instructions among the others */
  bool symbolic; /* named sizes among the extents */
  int size;      /* instructions asked for, about */
  bool calls;    /* of a text: gen_calls.c takes part */
  bool changes;  /* of a text: most assignments change part of a variable */
  bool loops;    /* a program around a loop: gen_loop.c */
  bool rows;     /* a text: gen_rows.c */
} GenOptions;

/* A function of one to four inputs; about o->size instructions; one to three outputs. */
Fn *gen_function(Cx *cx, Rng *r, const GenOptions *o);

/* A view of x at the shape `out`, its index expressions drawn at random: permutations, broadcasts,
 * strides 1..3 forwards and backwards, windows, diagonals, fills, denominators. */
Val gen_view(Builder *b, Rng *r, Val x, const Shape *out);
/* rank 0..4, sometimes 5; extents 0, 1 and odd ones among them; at most `most` elements. */
Shape gen_shape(Cx *cx, Rng *r, int most, bool symbolic);
/* A contraction of x and y (or of views of them) with random labels. */
Val gen_contract(Builder *b, Rng *r, Val x, Val y);
/* Index tensors of shape s for the axes of `full`; mostly inside. */
int gen_indices(Builder *b, Rng *r, const Shape *full, const Shape *s, Val *index, int32_t *axis);

/* The text of a file that declares `fn f` with typed arguments; flow: with loops and branches;
 * calls: with functions of functions and layers. */
typedef enum GenFlow { FLOW_NONE, FLOW_SOME, FLOW_CHANGES /* of parts of variables */ } GenFlow;
const char *gen_source(Cx *cx, Rng *r, GenFlow flow, bool calls);

/* gen_rows.c: the same about something small for each of many rows. */
const char *gen_rows(Cx *cx, Rng *r);
/* What the options ask for, of a size of 0. */
const char *gen_text(Cx *cx, Rng *r, const GenOptions *o);

/* gen_loop.c: a smooth function in f64 with a loop, or loops in a loop; one scalar output. */
Fn *gen_loops(Cx *cx, Rng *r);

/* shrink_source.c: such a text with as few statements as possible. */
const char *shrink_source(Cx *cx, const char *text,
                          bool (*still_fails)(const char *text, void *arg), void *arg);

/* f without what doesn't matter: outputs dropped and instructions cut (replaced by inputs, operands
 * or zeros) one by one as long as still_fails says so. */
const Fn *shrink_function(const Fn *f, bool (*still_fails)(const Fn *f, void *arg), void *arg);

#endif
