/* shape.c: shapes: comparison, size, text. */
#include "ir/ir.h"

bool shape_eq(const Shape *a, const Shape *b) {
  if (a->rank != b->rank) return false;
  for (int i = 0; i < a->rank; i++)
    if (a->dim[i] != b->dim[i]) return false;
  return true;
}

Dim shape_count(Cx *cx, const Shape *s) {
  Dim n = 1;
  for (int i = 0; i < s->rank; i++) n = dim_mul(cx, n, s->dim[i]);
  return n;
}

bool shape_is_empty(const Shape *s) {
  for (int i = 0; i < s->rank; i++)
    if (s->dim[i] == 0) return true;
  return false;
}

bool shape_is_numbers(const Shape *s) {
  for (int i = 0; i < s->rank; i++)
    if (!dim_is_number(s->dim[i])) return false;
  return true;
}

void shape_print(Cx *cx, const Shape *s, Text *out) {
  text_add(out, "[");
  for (int i = 0; i < s->rank; i++) {
    if (i) text_add(out, ", ");
    dim_print(cx, s->dim[i], out);
  }
  text_add(out, "]");
}

void type_print(Cx *cx, DType t, const Shape *s, Text *out) {
  text_add(out, t == T_BUNDLE ? "results" : type_info[t].word);
  if (s->rank) shape_print(cx, s, out);
}

const char *type_text(Cx *cx, DType t, const Shape *s) {
  Text out = text_new(cx->arena);
  type_print(cx, t, s, &out);
  return text_str(&out);
}

Shape shape_join(Cx *cx, const Shape *a, const Shape *b) {
  if (a->rank + b->rank > IR_MAX_RANK) cx_bug(cx, "a rank above %d", IR_MAX_RANK);
  Shape r = *a;
  for (int i = 0; i < b->rank; i++) r.dim[r.rank++] = b->dim[i];
  return r;
}

bool reshape_split(Cx *cx, const Shape *from, const Shape *to, int8_t *first, int8_t *count) {
  int j = 0;
  for (int d = 0; d < from->rank; d++) {
    first[d] = (int8_t)j;
    count[d] = 0;
    if (from->dim[d] == 1) continue;
    if (from->dim[d] == 0) return false;
    Dim product = 1, rest;
    while (product != from->dim[d] && j < to->rank) {
      product = dim_mul(cx, product, to->dim[j++]);
      count[d]++;
      if (product == 0 || !dim_divides(cx, from->dim[d], product, &rest)) return false;
    }
    if (product != from->dim[d]) return false;
  }
  return true;
}
