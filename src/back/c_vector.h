/* c_vector.h: what the files share that define the operations on vectors of emitted C. */
#ifndef GRADC_C_VECTOR_H
#define GRADC_C_VECTOR_H

#include "back/c_gen.h"

/* A row: the name; what it gives (v a vector, m masks as wide, 0 nothing); its arguments and what
 * each of them is: v m as above, i j indices of 32 and 64 bits, n a number, p a place that the
 * upper half finds further on, q one that both halves have in common. Then what a lane does, what
 * the language's operators make of the whole, and both for integers where that differs; NULL: there
 * are no such. */
typedef struct VecForm {
  const char *word;
  char result;
  const char *args, *kind, *lane, *oper, *int_lane, *int_oper;
} VecForm;

typedef struct VecOp { /* a row for vectors of one type */
  CGen *g;
  const VecForm *form;
  CHelp h;
  CElem e;
  int lanes, bytes;
  const char *type;
} VecOp;
VecOp vec_op(CGen *g, CHelp h, CElem e, int log_lanes);
const char *vec_arg_type(const VecOp *w, char kind, int lanes);
typedef enum VecHow { VEC_WHOLE, VEC_LANE, VEC_PLAIN } VecHow; /* PLAIN: of a struct's array */
const char *vec_text(const VecOp *w, const char *text, VecHow how);
const char *vec_lane(const VecOp *w, VecHow how);
/* c_instr.c, c_plain.c: the definition. */
void vec_macro(const VecOp *w, Text *out);
void vec_function(const VecOp *w, Text *out);
/* c_convert.c: what has two types, or none that matters; plain: without vector extensions. */
void cg_conversions(CGen *g, bool plain, Text *out);

#endif
