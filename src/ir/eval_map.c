/* eval_map.c: the value of every MAP operator, made by expanding the value columns of ops.def once
 * per element type: one tight loop an operator and type. Scalars are arrays of one element. */
#include "ir/arith.h"

#include <tgmath.h>

/* Integer values are computed in 128 bits, where no sum or product of two of them can overflow, and
 * then wrapped by the store. */
__extension__ typedef __int128 Wide;

/* ops.def writes shifts without the width, which is that of the element type at hand. */
#define ir_shl(a, b)  ir_shl_at((int64_t)(a), (int64_t)(b), width)
#define ir_shr(a, b)  ir_shr_at((int64_t)(a), (int64_t)(b), width)
#define ir_ushr(a, b) ir_ushr_at((int64_t)(a), (int64_t)(b), width)

/* T: type in memory, W: type computed in. The condition of select is a bool whatever T is. */
#define MAP_ROW(name, arity, typing, T, W, value)                                                  \
  case OP_##name:                                                                                  \
    for (int64_t i = 0; i < n; i++) {                                                              \
      const W a = (typing) == TY_SELECT ? (W)cond[i] : (W)pa[i];                                   \
      const W b = (arity) >= 2 ? (W)pb[i] : (W)0;                                                  \
      const W c = (arity) >= 3 ? (W)pc[i] : (W)0;                                                  \
      (void)a, (void)b, (void)c;                                                                   \
      if ((typing) == TY_COMPARE) truth[i] = (uint8_t)(value);                                     \
      else po[i] = (T)(value);                                                                     \
    }                                                                                              \
    break;

#define MAP_OPERANDS(T)                                                                            \
  const uint8_t *cond = arg[0];                                                                    \
  const T *pa = arg[0], *pb = arg[1], *pc = arg[2];                                                \
  T *po = out;                                                                                     \
  uint8_t *truth = out;                                                                            \
  const int width = 8 * (int)sizeof(T);                                                            \
  (void)width;

#define FOLD(name, typing, accuracy, smooth, start_float, start_int, step, partial, doc)
#define MOVE(name, doc)
#define DOT(name, doc)
#define LOOP(name, doc)
#define LEAF(name, doc)

static void map_f32(Op op, int64_t n, const void *const *arg, void *out) {
  MAP_OPERANDS(float)
  switch (op) {
#define MAP(name, arity, typing, accuracy, smooth, weight, symbol, on_float, on_int, da, db, dc,   \
            doc)                                                                                   \
  MAP_ROW(name, arity, typing, float, float, on_float)
#include "ir/ops.def"
#undef MAP
  default: break;
  }
}

static void map_f64(Op op, int64_t n, const void *const *arg, void *out) {
  MAP_OPERANDS(double)
  switch (op) {
#define MAP(name, arity, typing, accuracy, smooth, weight, symbol, on_float, on_int, da, db, dc,   \
            doc)                                                                                   \
  MAP_ROW(name, arity, typing, double, double, on_float)
#include "ir/ops.def"
#undef MAP
  default: break;
  }
}

static void map_u8(Op op, int64_t n, const void *const *arg, void *out) {
  MAP_OPERANDS(uint8_t)
  switch (op) {
#define MAP(name, arity, typing, accuracy, smooth, weight, symbol, on_float, on_int, da, db, dc,   \
            doc)                                                                                   \
  MAP_ROW(name, arity, typing, uint8_t, Wide, on_int)
#include "ir/ops.def"
#undef MAP
  default: break;
  }
}

static void map_i32(Op op, int64_t n, const void *const *arg, void *out) {
  MAP_OPERANDS(int32_t)
  switch (op) {
#define MAP(name, arity, typing, accuracy, smooth, weight, symbol, on_float, on_int, da, db, dc,   \
            doc)                                                                                   \
  MAP_ROW(name, arity, typing, int32_t, Wide, on_int)
#include "ir/ops.def"
#undef MAP
  default: break;
  }
}

static void map_i64(Op op, int64_t n, const void *const *arg, void *out) {
  MAP_OPERANDS(int64_t)
  switch (op) {
#define MAP(name, arity, typing, accuracy, smooth, weight, symbol, on_float, on_int, da, db, dc,   \
            doc)                                                                                   \
  MAP_ROW(name, arity, typing, int64_t, Wide, on_int)
#include "ir/ops.def"
#undef MAP
  default: break;
  }
}

#undef FOLD
#undef MOVE
#undef DOT
#undef LOOP
#undef LEAF

/* ---- casts ----
 */
#define CAST_ROW(to, TO, expression)                                                               \
  case to: {                                                                                       \
    TO *o = out;                                                                                   \
    for (int64_t i = 0; i < n; i++) o[i] = (TO)(expression);                                       \
    break;                                                                                         \
  }
#define FLOAT_CASTS(function, T)                                                                   \
  static void function(DType result, int64_t n, const T *x, void *out) {                           \
    switch (result) {                                                                              \
      CAST_ROW(T_BOOL, uint8_t, x[i] != 0)                                                         \
      CAST_ROW(T_U8, uint8_t, ir_float_to_int((double)x[i], 0, UINT8_MAX))                         \
      CAST_ROW(T_I32, int32_t, ir_float_to_int((double)x[i], INT32_MIN, INT32_MAX))                \
      CAST_ROW(T_I64, int64_t, ir_float_to_int((double)x[i], INT64_MIN, INT64_MAX))                \
      CAST_ROW(T_F32, float, x[i])                                                                 \
      CAST_ROW(T_F64, double, x[i])                                                                \
    default: break;                                                                                \
    }                                                                                              \
  }
#define INT_CASTS(function, T)                                                                     \
  static void function(DType result, int64_t n, const T *x, void *out) {                           \
    switch (result) {                                                                              \
      CAST_ROW(T_BOOL, uint8_t, x[i] != 0)                                                         \
      CAST_ROW(T_U8, uint8_t, (uint64_t)x[i])                                                      \
      CAST_ROW(T_I32, int32_t, (uint32_t)x[i])                                                     \
      CAST_ROW(T_I64, int64_t, x[i])                                                               \
      CAST_ROW(T_F32, float, x[i])                                                                 \
      CAST_ROW(T_F64, double, x[i])                                                                \
    default: break;                                                                                \
    }                                                                                              \
  }
FLOAT_CASTS(cast_f32, float)
FLOAT_CASTS(cast_f64, double)
INT_CASTS(cast_u8, uint8_t)
INT_CASTS(cast_i32, int32_t)
INT_CASTS(cast_i64, int64_t)

static void cast_array(DType from, DType to, int64_t n, const void *x, void *out) {
  switch (from) {
  case T_BOOL:
  case T_U8: cast_u8(to, n, x, out); break;
  case T_I32: cast_i32(to, n, x, out); break;
  case T_I64: cast_i64(to, n, x, out); break;
  case T_F32: cast_f32(to, n, x, out); break;
  case T_F64: cast_f64(to, n, x, out); break;
  default: break;
  }
}

/* ---- entry points ---- */
void ir_map_array(Op op, DType operand, DType result, int64_t n, const void *const *arg,
                  void *out) {
  const void *none[3] = {NULL, NULL, NULL};
  for (int i = 0; i < op_info[op].arity; i++) none[i] = arg[i];
  switch (op_info[op].typing) {
  case TY_CAST: cast_array(operand, result, n, arg[0], out); return;
  case TY_BITS:
  case TY_FROM_BITS: memmove(out, arg[0], (size_t)n * (size_t)type_info[result].bytes); return;
  default: break;
  }
  switch (operand) {
  case T_BOOL:
  case T_U8: map_u8(op, n, none, out); break;
  case T_I32: map_i32(op, n, none, out); break;
  case T_I64: map_i64(op, n, none, out); break;
  case T_F32: map_f32(op, n, none, out); break;
  case T_F64: map_f64(op, n, none, out); break;
  default: break;
  }
}

typedef union Cell { /* one element in memory */
  uint8_t b;
  int32_t i32;
  int64_t i64;
  float f32;
  double f64;
} Cell;

static Cell cell_of(DType t, Scalar s) {
  Cell c = {.i64 = 0};
  switch (t) {
  case T_BOOL:
  case T_U8: c.b = (uint8_t)s.i; break;
  case T_I32: c.i32 = (int32_t)s.i; break;
  case T_I64: c.i64 = s.i; break;
  case T_F32: c.f32 = (float)s.f; break;
  case T_F64: c.f64 = s.f; break;
  default: break;
  }
  return c;
}

static Scalar scalar_of(DType t, const Cell *c) {
  switch (t) {
  case T_BOOL:
  case T_U8: return (Scalar){.i = c->b};
  case T_I32: return (Scalar){.i = c->i32};
  case T_I64: return (Scalar){.i = c->i64};
  case T_F32: return (Scalar){.f = (double)c->f32};
  default: return (Scalar){.f = c->f64};
  }
}

Scalar ir_map_value(Op op, DType operand, DType result, const Scalar *arg) {
  Cell in[3], out = {.i64 = 0};
  const void *at[3];
  bool choice = op_info[op].typing == TY_SELECT;
  if (choice) operand = result;
  for (int i = 0; i < op_info[op].arity; i++) {
    in[i] = cell_of(choice && i == 0 ? T_BOOL : operand, arg[i]);
    at[i] = &in[i];
  }
  ir_map_array(op, operand, result, 1, at, &out);
  return scalar_of(result, &out);
}

Scalar ir_cast_value(DType from, DType to, Scalar v) { return ir_map_value(OP_cast, from, to, &v); }
