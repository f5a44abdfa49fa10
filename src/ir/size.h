/* size.h: extents. A Dim is either a plain number or an expression over named sizes (N, 2*H + 1,
 * floor((W - 3)/2) + 1), interned so that equal expressions are equal Dims.
 *
 * Expressions are polynomials with integer coefficients over atoms; an atom is a named size or a
 * floor division that did not come out even. Normal form makes equality a comparison of handles. */
#ifndef GRADC_SIZE_H
#define GRADC_SIZE_H

#include "base/base.h"

typedef int64_t Dim; /* |d| < DIM_SYMBOLIC: a number; otherwise a handle into the context's table */
#define DIM_SYMBOLIC ((int64_t)1 << 60)
#define DIM_MAX_NUMBER                                                                             \
  (((int64_t)1 << 48) - 1)   /* the largest size, and product of extents, allowed */
#define EXTENT_MAX INT32_MAX /* of one axis: indices are i32 */

static inline bool dim_is_number(Dim d) { return d < DIM_SYMBOLIC; }

Dim dim_named(Cx *cx, Name name); /* the size called `name` */
Dim dim_add(Cx *cx, Dim a, Dim b);
Dim dim_sub(Cx *cx, Dim a, Dim b);
Dim dim_mul(Cx *cx, Dim a, Dim b);
Dim dim_floor_div(Cx *cx, Dim a, int64_t by); /* by > 0 */
/* Exact quotient a / b when b divides a as polynomials; false otherwise. */
bool dim_divides(Cx *cx, Dim a, Dim b, Dim *quotient);

/* d as an expression in k, which stands for the expression c: 2*N*M - 1 is 2*K - 1 for c = N*M.
 * What c doesn't account for stays as it is. k has none of c's names. */
Dim dim_in_terms(Cx *cx, Dim d, Dim c, Dim k);

/* What is known of a <= b for all sizes >= 1: 1 always, 0 never, -1 depends (or not provable). */
int dim_le(Cx *cx, Dim a, Dim b);

/* Solves e == value for the one unbound name in e when e is linear in it: used to bind sizes from
 * argument shapes. */
typedef struct SizeBinding {
  Name name;
  Dim value;
} SizeBinding;
typedef struct SizeBindings {
  Vec(SizeBinding) list;
} SizeBindings;
bool size_lookup(const SizeBindings *b, Name name, Dim *out);
void size_bind(Arena *a, SizeBindings *b, Name name, Dim value);
/* d with every bound name replaced; unbound names stay. */
Dim dim_subst(Cx *cx, Dim d, const SizeBindings *b);
int64_t dim_expected(Cx *cx, Dim d, int64_t n); /* the names standing at n; 0: at what is usual */
/* Unifies the declared extent d (may have one unbound name, linearly) with the actual one.
 * Returns false where they can't be equal or where d can't be solved. */
bool dim_unify(Cx *cx, Arena *a, Dim declared, Dim actual, SizeBindings *b);
/* The names that occur in d are added to out (each once). */
void dim_names(Cx *cx, Dim d, Arena *a, SizeBindings *out);

/* As an expression of C: names between `before` and `after`. What a floor divides is never negative
 * (see dim_floor_div), so that C's division rounds as it does. */
typedef struct DimC {
  const char *before, *after;
  Name (*word)(Cx *cx, const char *name); /* what the name is in C; NULL: itself */
  bool magnitude; /* every term by its absolute value: nothing on the way to d is larger */
} DimC;
void dim_print_c(Cx *cx, Dim d, const DimC *how, Text *out);
/* The same for who makes other code of it: an expression is a sum of terms, each a coefficient
 * times atoms, and an atom is a name or floor(over / by). A number is one term without atoms; 0 has
 * no term. */
enum { DIM_MAX_ATOMS = 12 };
typedef struct DimAtom {
  Name name; /* NULL: a floor division */
  Dim over;
  int64_t by;
} DimAtom;
typedef struct DimTerm {
  int64_t coef;
  int n;
  DimAtom atom[DIM_MAX_ATOMS];
} DimTerm;
int dim_term_count(Cx *cx, Dim d);
DimTerm dim_term(Cx *cx, Dim d, int i);
bool dim_is_known(Cx *cx, Dim d);         /* a symbolic d is the handle of an expression */
void dim_print(Cx *cx, Dim d, Text *out); /* as .nn: "2*N + 1", "(W - 3)//2 + 1" */

#endif
