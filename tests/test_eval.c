/* test_eval.c: the reference evaluator against values worked out by hand and against plain loops;
 * dump, verifier and structural equality besides. */
#include "fixture.h"
#include "ir/arith.h"

#include <math.h>
#include <stdio.h>

/* ---- helpers ---- */

static Val input(Builder *b, const char *name, DType t, Shape s) {
  return ir_input(b, name_of(cx, name), t, &s, ROLE_ARG, (Span){0});
}

static Tensor tensor(DType t, Shape s, const double *v) {
  Tensor x = tensor_new(cx, cx->arena, t, &s);
  for (int64_t i = 0; i < tensor_count(&x); i++) tensor_set(&x, i, v[i]);
  return x;
}

/* Irregular but repeatable values. */
static Tensor numbered(DType t, Shape s) {
  Tensor x = tensor_new(cx, cx->arena, t, &s);
  for (int64_t i = 0; i < tensor_count(&x); i++) tensor_set(&x, i, (double)((i * 7 + 3) % 11) - 5);
  return x;
}

typedef struct Run {
  const Fn *f;
  const Tensor *in;
  Tensor out[4];
  EvalTrap *trap;
} Run;

static Status run_eval(void *arg) {
  Run *r = arg;
  ir_eval(r->f, cx->arena, r->in, r->out, r->trap);
  return ST_OK;
}

/* Finishes b with v as its output and evaluates it. */
static Tensor eval1(Builder *b, Val v, const Tensor *in) {
  ir_output(b, NULL, v);
  Run r = {.f = ir_finish(b), .in = in};
  ck_assert_ptr_null(ir_verify(r.f));
  ck_assert_msg(cx_guard(cx, run_eval, &r) == ST_OK, "%s", cx->trap_text);
  return r.out[0];
}

static const char *text_of(const Tensor *t) {
  Text s = text_new(cx->arena);
  tensor_print(cx, t, 0, &s);
  return text_str(&s);
}
#define SAYS(tensor_, expected)                                                                    \
  do {                                                                                             \
    Tensor t_ = (tensor_);                                                                         \
    ck_assert_str_eq(text_of(&t_), expected);                                                      \
  } while (0)

static double scalar(Op op, DType t, double x, double y, double z) {
  double v[] = {x, y, z};
  Scalar a[3];
  bool choice = op == OP_select;
  DType result = op_info[op].typing == TY_COMPARE ? T_BOOL : t;
  for (int i = 0; i < 3; i++) {
    if (type_is_float(t) && !(choice && i == 0)) a[i].f = v[i];
    else a[i].i = (int64_t)v[i];
  }
  Scalar r = ir_map_value(op, t, result, a);
  return type_is_float(result) ? r.f : (double)r.i;
}

static bool same(double a, double b) { return a == b || (a != a && b != b); }

/* ---- elementwise ---- */
static const struct {
  Op op;
  DType t;
  double x, y, z, expect;
} values[] = {
    {OP_add, T_I32, 2147483647, 1, 0, -2147483648.0},
    {OP_sub, T_U8, 3, 5, 0, 254},
    {OP_mul, T_I32, 65536, 65536, 0, 0},
    {OP_mul, T_I64, 3037000500.0, 3037000500.0, 0, -9223372036709301616.0},
    {OP_neg, T_I32, -2147483648.0, 0, 0, -2147483648.0},
    {OP_abs, T_I64, -5, 0, 0, 5},
    {OP_idiv, T_I32, -7, 2, 0, -4},
    {OP_idiv, T_I32, 7, -2, 0, -4},
    {OP_idiv, T_I32, 7, 0, 0, 0},
    {OP_idiv, T_I32, -2147483648.0, -1, 0, -2147483648.0},
    {OP_idiv, T_F64, -7, 2, 0, -4},
    {OP_mod, T_I32, -7, 3, 0, 2},
    {OP_mod, T_I32, 7, -3, 0, -2},
    {OP_mod, T_I32, 7, 0, 0, 0},
    {OP_mod, T_F64, -7, 3, 0, 2},
    {OP_sign, T_F64, -0.5, 0, 0, -1},
    {OP_sign, T_F64, NAN, 0, 0, NAN},
    {OP_sign, T_I32, 7, 0, 0, 1},
    {OP_min, T_F32, NAN, 1, 0, NAN},
    {OP_min, T_F32, 1, NAN, 0, NAN},
    {OP_max, T_F64, NAN, INFINITY, 0, NAN},
    {OP_max, T_I64, -3, 4, 0, 4},
    {OP_max, T_BOOL, 0, 1, 0, 1},
    {OP_fma, T_F64, 2, 3, 4, 10},
    {OP_floor, T_F32, -1.5, 0, 0, -2},
    {OP_ceil, T_F32, -1.5, 0, 0, -1},
    {OP_round, T_F64, 2.5, 0, 0, 2},
    {OP_round, T_F64, -3.5, 0, 0, -4},
    {OP_copysign, T_F64, 3, -0.0, 0, -3},
    {OP_div, T_F64, 1, 0, 0, INFINITY},
    {OP_pow, T_F64, 2, 10, 0, 1024},
    {OP_exp2, T_F32, -1, 0, 0, 0.5},
    {OP_log2, T_F64, 8, 0, 0, 3},
    {OP_sigmoid, T_F64, 0, 0, 0, 0.5},
    {OP_sigmoid, T_F32, -1000, 0, 0, 0},
    {OP_tanh, T_F64, 0, 0, 0, 0},
    {OP_erf, T_F64, INFINITY, 0, 0, 1},
    {OP_atan2, T_F64, 0, 1, 0, 0},
    {OP_eq, T_F64, NAN, NAN, 0, 0},
    {OP_ne, T_F64, NAN, NAN, 0, 1},
    {OP_lt, T_U8, 200, 100, 0, 0},
    {OP_ge, T_I32, -1, -1, 0, 1},
    {OP_and, T_BOOL, 1, 0, 0, 0},
    {OP_or, T_BOOL, 1, 0, 0, 1},
    {OP_not, T_BOOL, 0, 0, 0, 1},
    {OP_select, T_F32, 1, 2.5, NAN, 2.5},
    {OP_select, T_I32, 0, 1, 2, 2},
    {OP_stop, T_F32, 1.5, 0, 0, 1.5},
    {OP_bitand, T_I32, 12, 10, 0, 8},
    {OP_bitor, T_U8, 12, 10, 0, 14},
    {OP_bitxor, T_I64, 12, 10, 0, 6},
    {OP_shl, T_I32, 1, 31, 0, -2147483648.0},
    {OP_shl, T_I32, 1, 32, 0, 1},
    {OP_shl, T_U8, 255, 4, 0, 240},
    {OP_shr, T_I32, -8, 1, 0, -4},
    {OP_ushr, T_I32, -1, 28, 0, 15},
    {OP_ushr, T_U8, 240, 4, 0, 15},
};

START_TEST(test_map_values) {
  for (int i = 0; i < COUNT_OF(values); i++) {
    double r = scalar(values[i].op, values[i].t, values[i].x, values[i].y, values[i].z);
    ck_assert_msg(same(r, values[i].expect), "%s %s row %d: %.17g instead of %.17g",
                  op_info[values[i].op].name, type_info[values[i].t].word, i, r, values[i].expect);
  }
}
END_TEST

/* f32 is computed in float, not in double and rounded. */
START_TEST(test_map_f32) {
  ck_assert(scalar(OP_exp, T_F32, 1, 0, 0) == (double)expf(1.0f));
  ck_assert(scalar(OP_add, T_F32, 16777216, 1, 0) == 16777216);
  ck_assert(scalar(OP_div, T_F32, 1, 3, 0) == (double)(1.0f / 3.0f));
  ck_assert(scalar(OP_exp, T_F64, 1, 0, 0) == exp(1.0));
}
END_TEST

static const struct {
  DType from, to;
  double x, expect;
} casts[] = {
    {T_F64, T_I32, 2.9, 2},
    {T_F64, T_I32, -2.9, -2},
    {T_F64, T_I32, 1e10, 2147483647},
    {T_F64, T_I32, -1e10, -2147483648.0},
    {T_F64, T_I32, NAN, 0},
    {T_F32, T_I64, INFINITY, 9223372036854775807.0},
    {T_F64, T_U8, -1, 0},
    {T_F64, T_U8, 255.9, 255},
    {T_F64, T_U8, 300, 255},
    {T_F64, T_BOOL, NAN, 1},
    {T_F64, T_BOOL, -0.0, 0},
    {T_I32, T_BOOL, 256, 1},
    {T_I64, T_I32, 4294967298.0, 2},
    {T_I32, T_U8, -1, 255},
    {T_I32, T_F32, 16777217, 16777216},
    {T_F64, T_F32, 1e300, INFINITY},
    {T_BOOL, T_F64, 1, 1},
    {T_U8, T_I64, 200, 200},
};

START_TEST(test_casts) {
  for (int i = 0; i < COUNT_OF(casts); i++) {
    bool from = type_is_float(casts[i].from), to = type_is_float(casts[i].to);
    Scalar x = from ? (Scalar){.f = casts[i].x} : (Scalar){.i = (int64_t)casts[i].x};
    Scalar r = ir_cast_value(casts[i].from, casts[i].to, x);
    ck_assert_msg(same(to ? r.f : (double)r.i, casts[i].expect), "row %d", i);
  }
  ck_assert_int_eq(ir_map_value(OP_bits, T_F32, T_I32, (Scalar[]){{.f = 1}}).i, 0x3F800000);
  ck_assert(ir_map_value(OP_from_bits, T_I64, T_F64, (Scalar[]){{.i = 0x4000000000000000}}).f == 2);
}
END_TEST

START_TEST(test_map_arrays) {
  Builder b = ir_begin(cx, name_of(cx, "f"));
  Val x = input(&b, "x", T_F32, SHAPE(2, 2)), y = input(&b, "y", T_F32, SHAPE(2, 2));
  Val c = ir_map2(&b, OP_lt, x, y);
  Val v = ir_map3(&b, OP_select, c, ir_map2(&b, OP_mul, x, y),
                  ir_const_f(&b, T_F32, &(Shape){2, {2, 2}}, -1));
  Tensor in[] = {tensor(T_F32, SHAPE(2, 2), (double[]){1, 2, 3, NAN}),
                 tensor(T_F32, SHAPE(2, 2), (double[]){4, 1, 5, 1})};
  SAYS(eval1(&b, v, in), "[[4.0, -1.0], [15.0, -1.0]]");
}
END_TEST

/* ---- reductions ---- */
static Tensor fold(Op op, DType t, Shape s, uint32_t axes, const double *v) {
  Builder b = ir_begin(cx, name_of(cx, "f"));
  Val x = input(&b, "x", t, s);
  Tensor in = v ? tensor(t, s, v) : numbered(t, s);
  return eval1(&b, ir_fold(&b, op, x, axes), &in);
}

START_TEST(test_folds) {
  const double six[] = {1, 2, 3, 4, 5, 6};
  SAYS(fold(OP_sum, T_F64, SHAPE(2, 3), 1, six), "[5.0, 7.0, 9.0]");
  SAYS(fold(OP_sum, T_I32, SHAPE(2, 3), 2, six), "[6, 15]");
  SAYS(fold(OP_prod, T_F32, SHAPE(2, 3), 3, six), "720");
  SAYS(fold(OP_amax, T_U8, SHAPE(2, 3), 1, six), "[4, 5, 6]");
  SAYS(fold(OP_amin, T_I64, SHAPE(2, 3), 2, six), "[1, 4]");
  SAYS(fold(OP_amax, T_F32, SHAPE(3), 1, (double[]){1, NAN, 2}), "nan");
  SAYS(fold(OP_amin, T_F64, SHAPE(3), 1, (double[]){NAN, -1, 2}), "nan");
  SAYS(fold(OP_amax, T_BOOL, SHAPE(3), 1, (double[]){0, 1, 0}), "true");
  SAYS(fold(OP_sum, T_I32, SHAPE(2), 1, (double[]){2147483647, 1}), "-2147483648");
}
END_TEST

START_TEST(test_empty_folds) {
  SAYS(fold(OP_sum, T_F32, SHAPE(2, 0), 2, NULL), "[0.0, 0.0]");
  SAYS(fold(OP_prod, T_I32, SHAPE(0), 1, NULL), "1");
  SAYS(fold(OP_amax, T_F64, SHAPE(0), 1, NULL), "-inf");
  SAYS(fold(OP_amin, T_F32, SHAPE(0), 1, NULL), "inf");
  SAYS(fold(OP_amax, T_I32, SHAPE(0), 1, NULL), "-2147483648");
  SAYS(fold(OP_amin, T_I64, SHAPE(0), 1, NULL), "9223372036854775807");
  SAYS(fold(OP_amin, T_U8, SHAPE(0), 1, NULL), "255");
  SAYS(fold(OP_amax, T_BOOL, SHAPE(0), 1, NULL), "false");
  SAYS(fold(OP_sum, T_F32, SHAPE(0, 3), 2, NULL), "[]");
}
END_TEST

/* Every set of axes of a rank-3 tensor against nested loops; a long f32 sum keeps its digits. */
START_TEST(test_fold_axes) {
  Shape s = SHAPE(3, 20, 5);
  Tensor x = numbered(T_I32, s);
  for (uint32_t axes = 1; axes < 8; axes++) {
    int64_t expect[300] = {0}, n = 1;
    for (int i = 0; i < 3; i++)
      if (!(axes >> i & 1)) n *= s.dim[i];
    for (int64_t k = 0; k < 300; k++) {
      int64_t at[] = {k / 100, k / 5 % 20, k % 5}, to = 0;
      for (int i = 0; i < 3; i++)
        if (!(axes >> i & 1)) to = to * s.dim[i] + at[i];
      expect[to] += tensor_get_i(&x, k);
    }
    Tensor r = fold(OP_sum, T_I32, s, axes, NULL);
    ck_assert_int_eq(tensor_count(&r), n);
    for (int64_t k = 0; k < n; k++) ck_assert_int_eq(tensor_get_i(&r, k), expect[k]);
  }
  Builder b = ir_begin(cx, name_of(cx, "f"));
  Val v = input(&b, "x", T_F32, SHAPE(1000000));
  Tensor tenths = tensor_new(cx, cx->arena, T_F32, &(Shape){1, {1000000}});
  for (int i = 0; i < 1000000; i++) tensor_set(&tenths, i, 0.1);
  Tensor sum = eval1(&b, ir_fold(&b, OP_sum, v, 1), &tenths);
  ck_assert_double_eq_tol(tensor_get(&sum, 0), 1e6 * (double)0.1f, 0.02);
}
END_TEST

/* ---- movement ---- */
START_TEST(test_views) {
  const double six[] = {1, 2, 3, 4, 5, 6};
  Tensor in = tensor(T_F64, SHAPE(2, 3), six);
  Builder b = ir_begin(cx, name_of(cx, "f"));
  Val x = input(&b, "x", T_F64, SHAPE(2, 3));
  SAYS(eval1(&b, ir_permute(&b, x, (int32_t[]){1, 0}), &in),
       "[[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]");
  b = ir_begin(cx, name_of(cx, "f"));
  x = input(&b, "x", T_F64, SHAPE(2, 3));
  SAYS(eval1(&b, ir_slice(&b, x, 1, 2, 2, -2), &in), "[[3.0, 1.0], [6.0, 4.0]]");
  b = ir_begin(cx, name_of(cx, "f"));
  x = input(&b, "x", T_F64, SHAPE(2, 3));
  SAYS(eval1(&b, ir_pad(&b, x, 0, 1, 1), &in),
       "[[0.0, 0.0, 0.0], [1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [0.0, 0.0, 0.0]]");
  b = ir_begin(cx, name_of(cx, "f"));
  x = input(&b, "x", T_F64, SHAPE(2, 3));
  Shape out = SHAPE(2, 2, 3);
  SAYS(eval1(&b, ir_broadcast(&b, x, &out), &in),
       "[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]");
}
END_TEST

/* out[i, j] = x[(i - j + 1)/2]: fill where it doesn't divide and where it is outside. */
START_TEST(test_view_division) {
  Builder b = ir_begin(cx, name_of(cx, "f"));
  Val x = input(&b, "x", T_I32, SHAPE(2));
  ViewTerm term[] = {{0, 1}, {1, -1}};
  ViewDim dim = {1, 2, 2, term};
  View v = {.rank = 1, .dim = &dim};
  Shape out = SHAPE(4, 3);
  Tensor in = tensor(T_I32, SHAPE(2), (double[]){7, 9});
  /* i - j + 1: rows 1 0 -1 | 2 1 0 | 3 2 1 | 4 3 2 */
  SAYS(eval1(&b, ir_view(&b, x, &out, &v), &in), "[[0, 7, 0], [9, 0, 7], [0, 9, 0], [0, 0, 9]]");
}
END_TEST

START_TEST(test_gather_scatter) {
  Builder b = ir_begin(cx, name_of(cx, "f"));
  Val x = input(&b, "x", T_F32, SHAPE(3, 2)), i = input(&b, "i", T_I32, SHAPE(4));
  Tensor in[] = {tensor(T_F32, SHAPE(3, 2), (double[]){1, 2, 3, 4, 5, 6}),
                 tensor(T_I32, SHAPE(4), (double[]){2, 0, 3, -1})};
  SAYS(eval1(&b, ir_gather(&b, x, &i, (int32_t[]){0}, 1), in),
       "[[5.0, 6.0], [1.0, 2.0], [nan, nan], [nan, nan]]");

  b = ir_begin(cx, name_of(cx, "f"));
  x = input(&b, "x", T_I32, SHAPE(3, 2)), i = input(&b, "i", T_I32, SHAPE(4));
  in[0] = tensor(T_I32, SHAPE(3, 2), (double[]){1, 2, 3, 4, 5, 6});
  in[1] = tensor(T_I32, SHAPE(4), (double[]){1, 1, 0, 5});
  SAYS(eval1(&b, ir_gather(&b, x, &i, (int32_t[]){1}, 1), in),
       "[[2, 4, 6], [2, 4, 6], [1, 3, 5], [0, 0, 0]]");

  b = ir_begin(cx, name_of(cx, "f"));
  Val u = input(&b, "u", T_F64, SHAPE(4)), j = input(&b, "j", T_I64, SHAPE(4)),
      k = input(&b, "k", T_I64, SHAPE(4));
  Shape full = SHAPE(2, 3);
  Tensor upd[] = {tensor(T_F64, SHAPE(4), (double[]){1, 2, 4, 8}),
                  tensor(T_I64, SHAPE(4), (double[]){0, 1, 0, 2}),
                  tensor(T_I64, SHAPE(4), (double[]){1, 2, 1, 0})};
  SAYS(eval1(&b, ir_scatter(&b, u, (Val[]){j, k}, (int32_t[]){0, 1}, 2, &full), upd),
       "[[0.0, 5.0, 0.0], [0.0, 0.0, 2.0]]");
}
END_TEST

START_TEST(test_leaves) {
  Builder b = ir_begin(cx, name_of(cx, "f"));
  SAYS(eval1(&b, ir_iota(&b, T_F32, 3), NULL), "[0.0, 1.0, 2.0]");
  b = ir_begin(cx, name_of(cx, "f"));
  Val x = input(&b, "x", T_U8, SHAPE(2, 3));
  Shape out = SHAPE(3, 2);
  Tensor in = tensor(T_U8, SHAPE(2, 3), (double[]){1, 2, 3, 4, 5, 6});
  SAYS(eval1(&b, ir_reshape(&b, x, &out), &in), "[[1, 2], [3, 4], [5, 6]]");
  b = ir_begin(cx, name_of(cx, "f"));
  SAYS(eval1(&b, ir_const_i(&b, T_BOOL, &(Shape){1, {2}}, 1), NULL), "[true, true]");
}
END_TEST

/* ---- contractions ---- */
static void contract_case(DType t, const char *spec, const Dim *extent) {
  /* spec "ik,kj->ij"; extent by letter from 'i' */
  Contract c = {0};
  Shape s[3] = {{0}};
  uint8_t *label[3] = {c.a, c.b, c.out};
  int which = 0;
  uint8_t number[26];
  memset(number, 0xFF, sizeof number);
  for (const char *p = spec; *p; p++) {
    if (*p == ',' || *p == '>') which++;
    if (*p < 'i' || *p > 'z') continue;
    int l = *p - 'i';
    if (number[l] == 0xFF) number[l] = (uint8_t)c.nlabels++;
    label[which][s[which].rank] = number[l];
    s[which].dim[s[which].rank++] = extent[l];
  }
  c.nout = s[2].rank;
  Builder b = ir_begin(cx, name_of(cx, "f"));
  Val x = input(&b, "x", t, s[0]), y = input(&b, "y", t, s[1]);
  Tensor in[] = {numbered(t, s[0]), numbered(t, s[1])};
  Tensor r = eval1(&b, ir_contract(&b, x, y, &c), in);
  Dim by_number[26] = {0};
  for (int l = 0; l < 18; l++)
    if (number[l] != 0xFF) by_number[number[l]] = extent[l];
  double expect[4096] = {0};
  int64_t total = 1;
  for (int l = 0; l < c.nlabels; l++) total *= by_number[l];
  for (int64_t k = 0; k < total; k++) {
    int64_t at[26], rest = k, off[3] = {0};
    for (int l = 0; l < c.nlabels; l++) at[l] = rest % by_number[l], rest /= by_number[l];
    for (int w = 0; w < 3; w++)
      for (int i = 0; i < s[w].rank; i++) off[w] = off[w] * s[w].dim[i] + at[label[w][i]];
    expect[off[2]] += tensor_get(&in[0], off[0]) * tensor_get(&in[1], off[1]);
  }
  for (int64_t k = 0; k < tensor_count(&r); k++)
    ck_assert_msg(tensor_get(&r, k) == expect[k], "%s element %d", spec, (int)k);
}

START_TEST(test_contract) {
  const Dim e[] = {3, 4, 5, 2, 3, 2};
  const char *specs[] = {"ik,kj->ij", "ki,kj->ij", "ik,jk->ji",     "lik,lkj->lij", "ik,k->i",
                         "k,k->",     "i,j->ij",   "iklm,jlmk->ji", "lik,kj->lij",  "ij,ij->ij"};
  for (int i = 0; i < COUNT_OF(specs); i++) {
    contract_case(T_F64, specs[i], e);
    contract_case(T_F32, specs[i], e);
  }
}
END_TEST

/* ---- traps and bugs ---- */
START_TEST(test_trap) {
  Builder b = ir_begin(cx, name_of(cx, "f"));
  Val x = input(&b, "x", T_F64, SHAPE(3));
  Val masked = ir_map2(&b, OP_min, x, ir_const_f(&b, T_F64, &(Shape){1, {3}}, INFINITY));
  Val l = ir_map1(&b, OP_log, masked);
  Val e = ir_map1(&b, OP_neg, l);
  ir_output(&b, NULL, e);
  EvalTrap trap = {0};
  Tensor in = tensor(T_F64, SHAPE(3), (double[]){1, 0, -1});
  Run r = {.f = ir_finish(&b), .in = &in, .trap = &trap};
  ck_assert_int_eq(cx_guard(cx, run_eval, &r), ST_OK);
  ck_assert_str_eq(op_info[fn_ins(r.f, trap.val)->op].name, "log");
  ck_assert_int_eq(trap.element, 1);
  ck_assert(isinf(trap.value));
  in = tensor(T_F64, SHAPE(3), (double[]){1, 2, 3});
  ck_assert_int_eq(cx_guard(cx, run_eval, &r), ST_OK);
  ck_assert_int_eq(trap.val, 0);
  ck_assert_ptr_nonnull(r.out[0].data);
}
END_TEST

START_TEST(test_symbolic_is_a_bug) {
  Builder b = ir_begin(cx, name_of(cx, "f"));
  ir_output(&b, NULL, ir_size(&b, T_F32, NULL, dim_named(cx, name_of(cx, "N"))));
  Run r = {.f = ir_finish(&b)};
  ck_assert_int_eq(cx_guard(cx, run_eval, &r), ST_INTERNAL);
  ck_assert_ptr_nonnull(strstr(cx->trap_text, "size"));
}
END_TEST

/* ---- text ---- */
START_TEST(test_tensor_print) {
  Tensor t = tensor(T_F64, SHAPE(3), (double[]){0.1, 3, -INFINITY});
  SAYS(t, "[0.1, 3.0, -inf]");
  Text s = text_new(cx->arena);
  tensor_print(cx, &t, 17, &s);
  ck_assert_str_eq(text_str(&s), "[0.10000000000000001, 3.0, -inf]");
  SAYS(tensor(T_I64, (Shape){0}, (double[]){-5}), "-5");
  SAYS(tensor(T_F32, SHAPE(2, 0), NULL), "[[], []]");
  SAYS(tensor(T_F32, SHAPE(1, 1), (double[]){0.1}), "[[0.1]]");
}
END_TEST

/* ---- verifier, dump, equality ---- */
/* logits = x @ w; y = relu-like; two outputs. */
static Fn *sample(const char *hidden, bool swap) {
  Builder b = ir_begin(cx, name_of(cx, "f"));
  Dim n = dim_named(cx, name_of(cx, "N"));
  Val x = input(&b, "x", T_F32, SHAPE(n, 4)), w = input(&b, "w", T_F32, SHAPE(4, 3)),
      c = input(&b, "c", T_F32, SHAPE(3));
  Contract mm = {.nlabels = 3, .nout = 2, .a = {0, 1}, .b = {1, 2}, .out = {0, 2}};
  Val h = ir_contract(&b, x, w, &mm);
  ir_name(&b, h, name_of(cx, hidden));
  Shape s = SHAPE(n, 3);
  Val cc = ir_broadcast(&b, c, &s);
  Val y = swap ? ir_map2(&b, OP_add, cc, h) : ir_map2(&b, OP_add, h, cc);
  ir_output(&b, name_of(cx, "y"), y);
  ir_output(&b, NULL, ir_fold(&b, OP_amax, y, 2));
  return ir_finish(&b);
}

START_TEST(test_dump) {
  Text t = text_new(cx->arena);
  ir_dump(sample("h", false), &t);
  ck_assert_str_eq(text_str(&t), "fn f\n"
                                 "  in  x: f32[N, 4] = %1\n"
                                 "  in  w: f32[4, 3] = %2\n"
                                 "  in  c: f32[3] = %3\n"
                                 "  %4 f32[N, 3] = contract %1 %2 ij,jk->ik   # h\n"
                                 "  %5 f32[N, 3] = view %3 [i, j] -> [j]\n"
                                 "  %6 f32[N, 3] = add %4 %5\n"
                                 "  %7 f32[N] = amax %6 axes (1)\n"
                                 "  out %6  y\n"
                                 "  out %7\n");
}
END_TEST

START_TEST(test_equal) {
  Fn *f = sample("h", false);
  ck_assert(ir_equal(f, f));
  ck_assert(ir_equal(f, sample("other", true)));
  Fn *g = sample("h", false);
  g->out.n = 1;
  ck_assert(!ir_equal(f, g));
  g = sample("h", false);
  g->ins.at[6].op = OP_sub;
  ck_assert(!ir_equal(f, g));
}
END_TEST

static const char *broken(int law) {
  Fn *f = sample("h", false);
  Ins *contract = &f->ins.at[4], *view = &f->ins.at[5], *add = &f->ins.at[6],
      *fold_ = &f->ins.at[7];
  View v = *view->u.view;
  Contract c = *contract->u.contract;
  switch (law) {
  case 0: add->arg[1] = 6; break;
  case 1: add->type = T_F64; break;
  case 2: add->shape.rank = 1; break;
  case 3: fold_->u.axes = 4; break;
  case 4: fold_->shape.dim[0] = 7; break;
  case 5: v.rank = 2, view->u.view = &v; break;
  case 6: c.b[1] = 1, contract->u.contract = &c; break;
  case 7: c.nlabels = 9, contract->u.contract = &c; break;
  case 8: add->nargs = 1; break;
  case 9: f->out.at[0].val = 99; break;
  case 10: f->in.at[0].val = 2; break;
  case 11: contract->shape.dim[0] = -1; break;
  case 12: add->op = OP_and; break;
  case 13: f->ins.at[1].type = T_BUNDLE; break;
  default: return "";
  }
  return ir_verify(f);
}

START_TEST(test_verify) {
  ck_assert_ptr_null(ir_verify(sample("h", false)));
  for (int law = 0; law < 14; law++) ck_assert_msg(broken(law) != NULL, "law %d", law);
}
END_TEST

Suite *eval_suite(void);
Suite *eval_suite(void) {
  Suite *s = suite_create("eval");
  TCase *t = tcase_create("eval");
  tcase_add_checked_fixture(t, fixture_bare, fixture_end);
  tcase_add_test(t, test_map_values);
  tcase_add_test(t, test_map_f32);
  tcase_add_test(t, test_casts);
  tcase_add_test(t, test_map_arrays);
  tcase_add_test(t, test_folds);
  tcase_add_test(t, test_empty_folds);
  tcase_add_test(t, test_fold_axes);
  tcase_add_test(t, test_views);
  tcase_add_test(t, test_view_division);
  tcase_add_test(t, test_gather_scatter);
  tcase_add_test(t, test_leaves);
  tcase_add_test(t, test_contract);
  tcase_add_test(t, test_trap);
  tcase_add_test(t, test_symbolic_is_a_bug);
  tcase_add_test(t, test_tensor_print);
  tcase_add_test(t, test_dump);
  tcase_add_test(t, test_equal);
  tcase_add_test(t, test_verify);
  suite_add_tcase(s, t);
  return s;
}
