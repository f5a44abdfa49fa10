/* tensor.c: tensors of numbers as the evaluator and the command line use them: making, reading,
 * writing elements, and their text in NumPy's manner. */
#include "ir/eval_ops.h"

#include <math.h>

int64_t tensor_count(const Tensor *t) {
  int64_t n = 1;
  for (int i = 0; i < t->shape.rank; i++) n *= t->shape.dim[i];
  return n;
}

Tensor tensor_new(Cx *cx, Arena *a, DType type, const Shape *shape) {
  Tensor t = {type, shape ? *shape : (Shape){0}, NULL};
  for (int i = 0; i < t.shape.rank; i++)
    if (!dim_is_number(t.shape.dim[i])) cx_bug(cx, "tensor_new: axis %d has no number", i);
  t.data = arena_alloc_n(a, (size_t)type_info[type].bytes, MAX(tensor_count(&t), 1));
  return t;
}

double tensor_get(const Tensor *t, int64_t i) {
  switch (t->type) {
  case T_F32: return (double)((const float *)t->data)[i];
  case T_F64: return ((const double *)t->data)[i];
  default: return (double)tensor_get_i(t, i);
  }
}

int64_t tensor_get_i(const Tensor *t, int64_t i) {
  switch (t->type) {
  case T_BOOL:
  case T_U8: return ((const uint8_t *)t->data)[i];
  case T_I32: return ((const int32_t *)t->data)[i];
  case T_I64: return ((const int64_t *)t->data)[i];
  default: return ir_float_to_int(tensor_get(t, i), INT64_MIN, INT64_MAX);
  }
}

static void set_scalar(DType t, void *data, int64_t i, Scalar v) {
  switch (t) {
  case T_BOOL:
  case T_U8: ((uint8_t *)data)[i] = (uint8_t)v.i; break;
  case T_I32: ((int32_t *)data)[i] = (int32_t)v.i; break;
  case T_I64: ((int64_t *)data)[i] = v.i; break;
  case T_F32: ((float *)data)[i] = (float)v.f; break;
  case T_F64: ((double *)data)[i] = v.f; break;
  default: break;
  }
}

void tensor_set(Tensor *t, int64_t i, double v) {
  set_scalar(t->type, t->data, i, ir_cast_value(T_F64, t->type, (Scalar){.f = v}));
}

void tensor_fill(DType t, void *data, int64_t n, double f, int64_t i) {
  Scalar v = type_is_float(t) ? ir_cast_value(T_F64, t, (Scalar){.f = f})
                              : ir_cast_value(T_I64, t, (Scalar){.i = i});
  for (int64_t k = 0; k < n; k++) set_scalar(t, data, k, v);
}

void tensor_strides(const Shape *s, int64_t *stride) {
  int64_t step = 1;
  for (int i = s->rank - 1; i >= 0; i--) {
    stride[i] = step;
    step *= s->dim[i];
  }
}

int64_t *offset_table(Arena *tmp, int rank, const int64_t *extent, const int64_t *stride,
                      int64_t *count) {
  int64_t n = 1, at[IR_MAX_RANK] = {0}, off = 0;
  for (int i = 0; i < rank; i++) n *= extent[i];
  int64_t *table = NEWS(tmp, int64_t, MAX(n, 1));
  for (int64_t k = 0; k < n; k++) {
    table[k] = off;
    for (int i = rank - 1; i >= 0; i--) {
      off += stride[i];
      if (++at[i] < extent[i]) break;
      off -= at[i] * stride[i];
      at[i] = 0;
    }
  }
  *count = n;
  return table;
}

/* ---- text ---- */
/* A number alone is written as people write it: 12, not 12.0. Inside of an array the point stays:
 * it tells floats from integers. */
static void drop_point_zero(Text *out) {
  if (out->n > 2 && !strcmp(out->at + out->n - 2, ".0")) out->at[out->n -= 2] = 0;
}

static void print_element(const Tensor *t, int64_t i, int precision, Text *out) {
  double v = tensor_get(t, i);
  if (t->type == T_BOOL) {
    text_add(out, tensor_get_i(t, i) ? "true" : "false");
  } else if (!type_is_float(t->type)) {
    text_fmt(out, "%lld", (long long)tensor_get_i(t, i));
  } else if (precision > 0 && isfinite(v)) {
    size_t from = out->n;
    text_fmt(out, "%.*g", precision, v);
    if (!strpbrk(out->at + from, ".e")) text_add(out, ".0");
  } else if (t->type == T_F32) {
    text_f32(out, (float)v);
  } else {
    text_f64(out, v);
  }
  if (t->shape.rank == 0 && type_is_float(t->type)) drop_point_zero(out);
}

static void print_axis(const Tensor *t, int axis, int64_t *next, int precision, Text *out) {
  if (axis == t->shape.rank) {
    print_element(t, (*next)++, precision, out);
    return;
  }
  text_add(out, "[");
  for (int64_t i = 0; i < t->shape.dim[axis]; i++) {
    if (i) text_add(out, ", ");
    print_axis(t, axis + 1, next, precision, out);
  }
  text_add(out, "]");
}

void tensor_print(Cx *cx, const Tensor *t, int precision, Text *out) {
  (void)cx;
  int64_t next = 0;
  print_axis(t, 0, &next, precision, out);
}
