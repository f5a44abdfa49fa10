/* size_cond.h: a condition over named sizes: N > 3 and N % 2 == 0. Immutable, in an arena. */
#ifndef GRADC_SIZE_COND_H
#define GRADC_SIZE_COND_H

#include "ir/build.h"

typedef enum SizeCondKind { SC_LEAST, SC_ZERO, SC_AND, SC_OR, SC_NOT } SizeCondKind;
typedef struct SizeCond {
  SizeCondKind kind;
  Dim d;                        /* LEAST: it is at least 0; ZERO: it is 0 */
  const struct SizeCond *a, *b; /* the others' operands; b not of NOT */
} SizeCond;

/* What a truth value under construction says of sizes; NULL where it depends on anything else. */
const SizeCond *size_cond_of(const Builder *b, Val v);
/* Of the condition with those numbers: 1 it holds, 0 it doesn't, -1 it depends on other names. */
int size_cond_holds(Cx *cx, const SizeCond *c, const SizeBindings *numbers);
bool size_cond_same(const SizeCond *x, const SizeCond *y);
/* Names become numbers. */
const SizeCond *size_cond_subst(Cx *cx, const SizeCond *c, const SizeBindings *numbers);
void size_cond_names(Cx *cx, const SizeCond *c, SizeBindings *out); /* each once */
void size_cond_print_c(Cx *cx, const SizeCond *c, const DimC *how, Text *out);

#endif
