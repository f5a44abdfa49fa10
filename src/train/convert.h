/* convert.h: from the element types of files to those of the language. A conversion keeps values:
 * it is free where every value fits, checked where only some do (a 64-bit label into i32), and
 * refused where it would have to decide something (a fraction into an integer). The one exception
 * is f64 into f32, which rounds: the data sets and weights of others are often written in f64. */
#ifndef GRADC_CONVERT_H
#define GRADC_CONVERT_H

#include "ir/ir.h"
#include "array_file.h"

typedef enum ConvertRule { CONVERT_NO, CONVERT_CHECK, CONVERT_YES } ConvertRule;

ConvertRule convert_rule(ElemType from, DType to);
/* The first of n elements that doesn't fit, or -1. Only asked where the rule is CONVERT_CHECK. */
int64_t convert_misfit(ElemType from, const void *src, int64_t n, DType to);
/* n elements; src and dst don't overlap. */
void convert(ElemType from, const void *src, DType to, void *dst, int64_t n);

ElemType elem_of(DType t);
/* An element as text, for messages. */
void elem_text(ElemType type, const void *data, int64_t at, char *out, size_t room);

#endif
