/* gen_source.h: what the files share that write random programs as text. */
#ifndef GRADC_TEST_GEN_SOURCE_H
#define GRADC_TEST_GEN_SOURCE_H

#include "gen_program.h"

enum { MAX_RANK = 5, MAX_VARS = 32, MAX_LOOPS = 3 };

typedef struct Type {
  DType t;
  int rank;
  const char *dim[MAX_RANK + 1]; /* as written: "N" or a number */
} Type;

typedef struct Writer {
  Cx *cx;
  Rng *r;
  Text body; /* statements so far */
  struct {
    const char *name;
    Type type;
  } var[MAX_VARS];
  int nvars, next;
  struct {
    const char *name, *trip; /* the steps are 0 .. trip - 1, or where trip is NULL unknown */
  } loop[MAX_LOOPS];
  int nloops;
  int changes; /* of a hundred assignments, those that change part of a variable */
  bool calls;  /* gen_calls.c takes part */
  bool layers; /* ... and there are layers to be called, of layer_type */
  DType layer_type;
  bool labelled; /* may be called with labels: no condition depends on data */
} Writer;

#define F(...) text_printf(s->cx, __VA_ARGS__)

/* An expression of type t; it may put statements before the place where it stands. */
const char *write_expr(Writer *s, Type t, int depth);
/* A new name for such an expression. */
const char *write_named(Writer *s, Type t, int depth);
/* Makes a variable known from here on. */
void write_known(Writer *s, const char *name, Type t);
/* One that is known, or NULL. */
const char *write_variable(Writer *s, const Type *t);
Type write_type(Writer *s, DType t, int most_rank);
Type type_with_axis(Type t, int at, const char *dim);

/* An extent: a number, or N. */
const char *write_dim(Writer *s);
/* gen_calls.c: an expression; and the declarations that such expressions use. */
const char *write_call(Writer *s, Type t, int depth);
void write_callees(Writer *s, Text *out, DType t);

/* gen_flow.c: a statement of control flow: a loop, a `while`, an `if`, with the variables it
 * assigns; afterwards these are known. */
void write_flow(Writer *s, DType main_type, int depth);

/* gen_parts.c: a statement that changes part of the variable, which has a rank. */
void write_change(Writer *s, const char *name, Type type);

#endif
