/* test_print.c: functions printed as .nn source: the notation chosen, names, brackets, literals. */
#include "fixture.h"

#include <math.h>

static Dim size(const char *name) { return dim_named(cx, name_of(cx, name)); }
static Builder begin(void) { return ir_begin(cx, name_of(cx, "f")); }
static Val input(Builder *b, const char *name, DType t, Shape s) {
  return ir_input(b, name_of(cx, name), t, &s, ROLE_ARG, (Span){0});
}
static Val param(Builder *b, const char *name, DType t, Shape s) {
  return ir_input(b, name_of(cx, name), t, &s, ROLE_PARAM, (Span){0});
}
static Val named(Builder *b, const char *name, Val v) {
  ir_name(b, v, name_of(cx, name));
  return v;
}

typedef struct Print {
  const Fn *f;
  Text out;
} Print;
static Status print_it(void *arg) {
  Print *p = arg;
  ir_print_nn(p->f, &p->out);
  return ST_OK;
}

static const char *text_of(Fn *f) {
  Print p = {f, text_new(cx->arena)};
  ck_assert_ptr_null(ir_verify(f));
  ck_assert_msg(cx_guard(cx, print_it, &p) == ST_OK, "%s", cx->trap_text);
  return text_str(&p.out);
}
static const char *print1(Builder *b, Val v) {
  ir_output(b, NULL, v);
  return text_of(ir_finish(b));
}

/* ---- elementwise ---- */
START_TEST(test_brackets) {
  Builder b = begin();
  Val x = input(&b, "x", T_F64, SCALAR), y = input(&b, "y", T_F64, SCALAR);
  Val a = ir_map2(&b, OP_mul, ir_map2(&b, OP_add, x, y), ir_map2(&b, OP_sub, x, y));
  Val c = ir_map2(&b, OP_sub, a,
                  ir_map2(&b, OP_sub, ir_map1(&b, OP_neg, ir_map2(&b, OP_pow, x, y)), y));
  Val d = ir_map2(
      &b, OP_div, c,
      ir_map2(&b, OP_div, x, ir_map2(&b, OP_pow, ir_map1(&b, OP_neg, x), ir_map1(&b, OP_neg, y))));
  ck_assert_str_eq(print1(&b, d), "fn f(x: f64, y: f64) = "
                                  "((x + y) * (x - y) - (-x**y - y)) / (x / (-x)**(-y))\n");
}
END_TEST

START_TEST(test_logic) {
  Builder b = begin();
  Val x = input(&b, "x", T_F32, SCALAR), y = input(&b, "y", T_F32, SCALAR);
  Val p =
      ir_map2(&b, OP_and, ir_map2(&b, OP_lt, x, y), ir_map1(&b, OP_not, ir_map2(&b, OP_eq, x, y)));
  Val q =
      ir_map2(&b, OP_eq, p, ir_map2(&b, OP_or, ir_map2(&b, OP_ge, x, y), ir_map2(&b, OP_ne, x, y)));
  Val v = ir_map3(&b, OP_select, q, ir_map2(&b, OP_add, x, ir_map3(&b, OP_select, p, x, y)),
                  ir_map2(&b, OP_max, x, y));
  ck_assert_str_eq(print1(&b, v),
                   "fn f(x: f32, y: f32) {\n"
                   "  let t1 = x < y and not x == y\n"
                   "  if t1 == (x >= y or x != y) then x + (if t1 then x else y) else max(x, y)\n"
                   "}\n");
}
END_TEST

START_TEST(test_literals) {
  Builder b = begin();
  Val x = input(&b, "x", T_F32, SHAPE(3)), k = input(&b, "k", T_I64, SCALAR);
  Shape s = SHAPE(3);
  Val v = ir_map2(&b, OP_mul, x, ir_const_f(&b, T_F32, &s, 0.1));
  v = ir_map2(&b, OP_sub, ir_const_f(&b, T_F32, &s, 2), v);
  v = ir_map3(&b, OP_select, ir_map2(&b, OP_gt, v, ir_const_f(&b, T_F32, &s, -1)),
              ir_const_f(&b, T_F32, &s, -INFINITY), ir_const_f(&b, T_F32, &s, 1e30));
  ir_output(&b, NULL, v);
  ir_output(&b, NULL, ir_map2(&b, OP_sub, ir_const_i(&b, T_I64, NULL, INT64_MIN), k));
  ir_output(&b, NULL, ir_const_f(&b, T_F32, &s, 0));
  ir_output(&b, NULL, ir_const_f(&b, T_F64, NULL, 0.5));
  ir_output(&b, NULL, ir_const_i(&b, T_U8, NULL, 3));
  ir_output(&b, NULL, ir_const_i(&b, T_BOOL, &s, 1));
  ck_assert_str_eq(text_of(ir_finish(&b)),
                   "fn f(x: f32[3], k: i64) {\n"
                   "  let t1 = if 2 - x * 0.1 > -1 then f32(-inf) else 1e+30\n"
                   "  let t2 = -9223372036854775808 - k\n"
                   "  (t1, t2, broadcast_to(f32(0), 3), f64(0.5), u8(3), broadcast_to(true, 3))\n"
                   "}\n");
}
END_TEST

START_TEST(test_broadcasts) {
  Builder b = begin();
  Dim n = size("N");
  Val x = input(&b, "x", T_F32, SHAPE(n, 4)), c = input(&b, "c", T_F32, SHAPE(4)),
      r = input(&b, "r", T_F32, SHAPE(n));
  Shape s = SHAPE(n, 4);
  Val v = ir_map2(&b, OP_add, x, ir_broadcast(&b, c, &s));
  ir_output(&b, name_of(cx, "right"), v);
  ir_output(&b, name_of(cx, "left"), ir_map2(&b, OP_sub, v, ir_spread(&b, r, &s, (int32_t[]){0})));
  ir_output(&b, name_of(cx, "wide"), ir_map1(&b, OP_exp, ir_broadcast(&b, c, &s)));
  ir_output(&b, name_of(cx, "tall"), ir_map1(&b, OP_exp, ir_spread(&b, r, &s, (int32_t[]){0})));
  ck_assert_str_eq(text_of(ir_finish(&b)), "fn f(x: f32[N, 4], c: f32[4], r: f32[N]) {\n"
                                           "  let right = x + c\n"
                                           "  let left[i, j] = right[i, j] - r[i]\n"
                                           "  let wide = exp(broadcast_to(c, (N, 4)))\n"
                                           "  let t1[i, j: 0..4] = r[i]\n"
                                           "  let tall = exp(t1)\n"
                                           "  (right, left, wide, tall)\n"
                                           "}\n");
}
END_TEST

START_TEST(test_sizes) {
  Builder b = begin();
  Dim n = size("N");
  Val x = input(&b, "x", T_F32, SHAPE(n));
  Val m = ir_map2(&b, OP_div, ir_fold(&b, OP_sum, x, 1), ir_size(&b, T_F32, NULL, n));
  ir_output(&b, NULL, m);
  ir_output(&b, NULL, ir_size(&b, T_F64, NULL, dim_sub(cx, dim_mul(cx, 2, n), 1)));
  ir_output(&b, NULL, ir_map1(&b, OP_sqrt, ir_size(&b, T_F32, NULL, n)));
  ck_assert_str_eq(text_of(ir_finish(&b)), "fn f(x: f32[N]) {\n"
                                           "  let t1 = sum(x) / N\n"
                                           "  let t2 = sqrt(f32(N))\n"
                                           "  (t1, f64(2*N - 1), t2)\n"
                                           "}\n");
}
END_TEST

/* ---- a network ---- */
START_TEST(test_network) {
  Builder b = ir_begin(cx, name_of(cx, "loss"));
  Dim n = size("N");
  Val x = input(&b, "x", T_F32, SHAPE(n, 8)), w = param(&b, "W1", T_F32, SHAPE(8, 4)),
      c = param(&b, "b1", T_F32, SHAPE(4));
  Val d = input(&b, "d_h", T_F32, SHAPE(n, 4));
  Contract mm = {.nlabels = 3, .nout = 2, .a = {0, 1}, .b = {1, 2}, .out = {0, 2}};
  Contract outer = {.nlabels = 3, .nout = 2, .a = {0, 1}, .b = {0, 2}, .out = {1, 2}};
  Shape s = SHAPE(n, 4);
  Val h = named(&b, "h", ir_map2(&b, OP_add, ir_contract(&b, x, w, &mm), ir_broadcast(&b, c, &s)));
  Val m = ir_fold(&b, OP_amax, h, 2);
  Val e = named(&b, "h",
                ir_map1(&b, OP_exp, ir_map2(&b, OP_sub, h, ir_spread(&b, m, &s, (int32_t[]){0}))));
  ir_output(&b, name_of(cx, "e"), e);
  ir_output(&b, name_of(cx, "d_W1"), ir_contract(&b, x, d, &outer));
  ir_output(&b, name_of(cx, "d_b1"), ir_fold(&b, OP_sum, d, 1));
  ck_assert_str_eq(text_of(ir_finish(&b)), "param W1: f32[8, 4]\n"
                                           "param b1: f32[4]\n"
                                           "fn loss(x: f32[N, 8], d_h: f32[N, 4]) {\n"
                                           "  let h = x @ W1 + b1\n"
                                           "  let e[i, j] = exp(h[i, j] - max(k) h[i, k])\n"
                                           "  let d_W1[i, j] = sum(k) x[k, i] * d_h[k, j]\n"
                                           "  let d_b1 = sum(d_h, axis: 0)\n"
                                           "  (e, d_W1, d_b1)\n"
                                           "}\n");
}
END_TEST

/* ---- movement ---- */
static Val view(Builder *b, Val x, Shape out, int rank, const ViewDim *dim) {
  View v = {.rank = rank, .dim = dim};
  return ir_view(b, x, &out, &v);
}

START_TEST(test_views) {
  Builder b = begin();
  Val x = input(&b, "x", T_F32, SHAPE(6, 8));
  ir_output(&b, NULL, ir_permute(&b, x, (int32_t[]){1, 0}));
  ir_output(&b, NULL, ir_slice(&b, x, 0, 1, 2, 2));
  ir_output(&b, NULL, ir_slice(&b, x, 1, 7, 8, -1));
  ir_output(&b, NULL, ir_pad(&b, x, 1, 1, 2));
  ir_output(
      &b, NULL,
      view(&b, x, SHAPE(8), 2, (ViewDim[]){{.off = 2, .den = 1}, {0, 1, 1, (ViewTerm[]){{0, 1}}}}));
  ir_output(
      &b, NULL,
      view(&b, x, SHAPE(2, 3), 2,
           (ViewDim[]){{0, 1, 2, (ViewTerm[]){{0, 1}, {1, 2}}}, {5, 1, 1, (ViewTerm[]){{1, -1}}}}));
  ir_output(&b, NULL,
            view(&b, x, SHAPE(11, 8), 2,
                 (ViewDim[]){{-1, 2, 1, (ViewTerm[]){{0, 1}}}, {0, 1, 1, (ViewTerm[]){{1, 1}}}}));
  Shape s = SHAPE(6, 1, 8), r = SHAPE(48);
  ir_output(&b, NULL, ir_reshape(&b, x, &s));
  ir_output(&b, NULL, ir_reshape(&b, x, &r));
  ck_assert_str_eq(text_of(ir_finish(&b)), "fn f(x: f32[6, 8]) {\n"
                                           "  let t1 = transpose(x)\n"
                                           "  let t2 = x[1:4:2]\n"
                                           "  let t3 = x[:, ::-1]\n"
                                           "  let t4 = pad(x, axis: 1, before: 1, after: 2)\n"
                                           "  let t5 = x[2]\n"
                                           "  let t6[i: 0..2, j: 0..3] = x[i + 2*j, 5 - j]\n"
                                           "  let t7[i: 0..11, j: 0..8] = inside(x[(i - 1)/2, j])\n"
                                           "  let t8 = reshape(x, (6, 1, 8))\n"
                                           "  let t9 = reshape(x, 48)\n"
                                           "  (t1, t2, t3, t4, t5, t6, t7, t8, t9)\n"
                                           "}\n");
}
END_TEST

START_TEST(test_symbolic_slices) {
  Builder b = begin();
  Dim n = size("N");
  Val x = input(&b, "x", T_F32, SHAPE(dim_add(cx, n, 2)));
  ir_output(&b, NULL, ir_slice(&b, x, 0, 1, dim_add(cx, n, 1), 1));
  ir_output(&b, NULL, ir_slice(&b, x, 0, 0, dim_add(cx, n, 1), 1));
  ir_output(&b, NULL, ir_slice(&b, x, 0, dim_add(cx, n, 1), dim_add(cx, n, 2), -1));
  ir_output(&b, NULL,
            ir_map2(&b, OP_sub, ir_slice(&b, x, 0, 2, n, 1), ir_slice(&b, x, 0, 0, n, 1)));
  ck_assert_str_eq(text_of(ir_finish(&b)), "fn f(x: f32[N + 2]) {\n"
                                           "  let t1 = x[1:]\n"
                                           "  let t2 = x[:-1]\n"
                                           "  let t3 = x[::-1]\n"
                                           "  let t4 = x[2:] - x[:-2]\n"
                                           "  (t1, t2, t3, t4)\n"
                                           "}\n");
}
END_TEST

/* A convolution: the window is read inside the sum. */
START_TEST(test_convolution) {
  Builder b = begin();
  Val x = input(&b, "x", T_F32, SHAPE(2, 3, 8, 8)), w = input(&b, "w", T_F32, SHAPE(4, 3, 3, 3));
  ViewTerm rows[] = {{2, 1}, {3, 1}}, cols[] = {{4, 1}, {5, 1}};
  ViewDim dim[] = {{0, 1, 1, (ViewTerm[]){{0, 1}}},
                   {0, 1, 1, (ViewTerm[]){{1, 1}}},
                   {0, 1, 2, rows},
                   {0, 1, 2, cols}};
  Val win = view(&b, x, SHAPE(2, 3, 6, 3, 6, 3), 4, dim);
  /* n c i r j s, o c r s -> n o i j */
  Contract c = {
      .nlabels = 7, .nout = 4, .a = {0, 1, 2, 3, 4, 5}, .b = {6, 1, 3, 5}, .out = {0, 6, 2, 4}};
  ck_assert_str_eq(
      print1(&b, ir_contract(&b, win, w, &c)),
      "fn f(x: f32[2, 3, 8, 8], w: f32[4, 3, 3, 3]) {\n"
      "  let t1[i, j, k: 0..6, l: 0..6] = sum(m, n, o) x[i, m, k + n, l + o] * w[j, m, n, o]\n"
      "  t1\n"
      "}\n");
}
END_TEST

START_TEST(test_gather) {
  Builder b = begin();
  Val x = input(&b, "x", T_F32, SHAPE(6, 8)), i = input(&b, "ids", T_I32, SHAPE(5)),
      j = input(&b, "j", T_I32, SHAPE(5));
  Shape full = SHAPE(6, 8);
  Val rows = ir_bounded(&b, i, 6), columns = ir_bounded(&b, j, 8);
  Val g = ir_gather(&b, x, &rows, (int32_t[]){0}, 1),
      h = ir_gather(&b, x, (Val[]){rows, columns}, (int32_t[]){0, 1}, 2);
  ir_output(&b, NULL, g);
  ir_output(&b, NULL, ir_gather(&b, x, &i, (int32_t[]){1}, 1));
  ir_output(&b, NULL, h);
  ir_output(&b, NULL, ir_scatter(&b, g, &rows, (int32_t[]){0}, 1, &full));
  ir_output(&b, NULL, ir_scatter(&b, h, (Val[]){i, j}, (int32_t[]){0, 1}, 2, &full));
  ck_assert_str_eq(text_of(ir_finish(&b)),
                   "fn f(x: f32[6, 8], ids: i32[5], j: i32[5]) {\n"
                   "  let t1 = x[ids]\n"
                   "  let t2 = x[ids, j]\n"
                   "  let t3 = unchecked(gather(x, ids, axes: 1))\n"
                   "  let t4 = scatter(t1, ids, axes: 0, shape: (6, 8))\n"
                   "  let t5 = unchecked(scatter(t2, (ids, j), axes: (0, 1), shape: (6, 8)))\n"
                   "  (t1, t3, t2, t4, t5)\n"
                   "}\n");
}
END_TEST

START_TEST(test_mask) {
  Builder b = begin();
  Dim n = size("N");
  Val x = input(&b, "x", T_F32, SHAPE(n, n));
  Shape s = SHAPE(n, n);
  Val below = ir_map2(&b, OP_le, ir_iota_along(&b, T_I32, &s, 1), ir_iota_along(&b, T_I32, &s, 0));
  Val v = ir_map3(&b, OP_select, below, x, ir_const_f(&b, T_F32, &s, -INFINITY));
  ck_assert_str_eq(print1(&b, v), "fn f(x: f32[N, N]) {\n"
                                  "  let t1[i: 0..N, j: 0..N] = if j <= i then x[i, j] else -inf\n"
                                  "  t1\n"
                                  "}\n");
}
END_TEST

/* ---- reductions ---- */
START_TEST(test_reductions) {
  Builder b = begin();
  Val x = input(&b, "x", T_F32, SHAPE(4, 5, 6)), r = input(&b, "r", T_F32, SHAPE(4));
  Shape s = SHAPE(4, 5, 6);
  Val d = ir_map2(&b, OP_sub, x, ir_spread(&b, r, &s, (int32_t[]){0}));
  ir_output(&b, NULL, ir_fold(&b, OP_sum, x, 5));
  ir_output(&b, NULL, ir_fold(&b, OP_amin, x, 7));
  ir_output(&b, NULL, ir_fold(&b, OP_sum, d, 6));
  ir_output(&b, NULL, ir_fold(&b, OP_prod, ir_map1(&b, OP_neg, d), 4));
  ck_assert_str_eq(text_of(ir_finish(&b)), "fn f(x: f32[4, 5, 6], r: f32[4]) {\n"
                                           "  let t1[i, j, k] = x[i, j, k] - r[i]\n"
                                           "  let t2 = sum(x, axis: (0, 2))\n"
                                           "  let t3 = min(x)\n"
                                           "  let t4 = sum(t1, axis: (1, 2))\n"
                                           "  let t5 = prod(-t1, axis: 2)\n"
                                           "  (t2, t3, t4, t5)\n"
                                           "}\n");
  b = begin();
  x = input(&b, "x", T_F32, SHAPE(4, 5, 6)), r = input(&b, "r", T_F32, SHAPE(4));
  d = ir_map2(&b, OP_sub, x, ir_spread(&b, r, &s, (int32_t[]){0}));
  ck_assert_str_eq(print1(&b, ir_fold(&b, OP_prod, ir_map1(&b, OP_exp, ir_map1(&b, OP_neg, d)), 4)),
                   "fn f(x: f32[4, 5, 6], r: f32[4]) {\n"
                   "  let t1[i, j] = prod(k) exp(-(x[i, j, k] - r[i]))\n"
                   "  t1\n"
                   "}\n");
}
END_TEST

/* ---- names ---- */
START_TEST(test_names) {
  Builder b = ir_begin(cx, name_of(cx, "sum"));
  Dim n = size("N");
  Val x = input(&b, "N", T_F32, SHAPE(n)), y = input(&b, "let", T_F32, SHAPE(n)),
      z = input(&b, "up.W", T_F32, SHAPE(n));
  Val i = input(&b, "i", T_F32, SHAPE(n, n));
  Val h = named(&b, "max", ir_map2(&b, OP_mul, ir_map2(&b, OP_add, x, y), z));
  Val g = named(&b, "f32", ir_map1(&b, OP_exp, h));
  Shape s = SHAPE(n, n);
  Val v = ir_map2(&b, OP_mul, i, ir_spread(&b, g, &s, (int32_t[]){0}));
  ck_assert_str_eq(print1(&b, v),
                   "fn sum2(N2: f32[N], let2: f32[N], up_W: f32[N], i: f32[N, N]) {\n"
                   "  let max2 = (N2 + let2) * up_W\n"
                   "  let f322 = exp(max2)\n"
                   "  let t1[j, k] = i[j, k] * f322[j]\n"
                   "  t1\n"
                   "}\n");
}
END_TEST

START_TEST(test_long_expressions) {
  Builder b = begin();
  Val x = input(&b, "some_input", T_F32, SCALAR), v = x;
  for (int i = 0; i < 40; i++) v = ir_map2(&b, OP_add, ir_map1(&b, OP_sin, v), x);
  const char *t = print1(&b, v);
  int width = 0;
  for (const char *s = t; *s; s++) {
    width = *s == '\n' ? 0 : width + 1;
    ck_assert_int_le(width, 100);
  }
}
END_TEST

/* ---- derivative instructions ---- */
static Fn *square_sum(void) {
  Builder b = ir_begin(cx, name_of(cx, "loss"));
  Val x = input(&b, "x", T_F32, SHAPE(3)), w = param(&b, "w", T_F32, SHAPE(3));
  ir_output(&b, NULL, ir_fold(&b, OP_sum, ir_map1(&b, OP_exp, ir_map2(&b, OP_mul, x, w)), 1));
  return ir_finish(&b);
}

START_TEST(test_derivatives) {
  Fn *body = square_sum();
  Builder b = ir_begin(cx, name_of(cx, "g"));
  Val x = input(&b, "x", T_F32, SHAPE(3)), w = param(&b, "w", T_F32, SHAPE(3));
  bool wrt[] = {true, true};
  Val bundle = ir_vjp(&b, body, wrt, (Val[]){x, w, ir_const_f(&b, T_F32, NULL, 1)}, 3);
  Val tangents = ir_jvp(&b, body, (bool[]){false, true}, (Val[]){x, w, ir_part(&b, bundle, 2)}, 3);
  ir_output(&b, name_of(cx, "d_w"), ir_part(&b, bundle, 2));
  ir_output(&b, NULL, ir_part(&b, tangents, 1));
  ck_assert_str_eq(text_of(ir_finish(&b)),
                   "param w: f32[3]\n"
                   "fn loss(x: f32[3]) = sum(exp(x * w))\n"
                   "fn g(x: f32[3]) {\n"
                   "  let (t1, t2, d_w) = vjp(loss, wrt: (x, w))(x, f32(1))\n"
                   "  let (t3, t4) = jvp(loss, wrt: w)(x, d_w)\n"
                   "  (d_w, t4)\n"
                   "}\n");
}
END_TEST

/* Every elementwise operator has a printed form. */
START_TEST(test_all_operators) {
  for (int op = 0; op < OP_COUNT; op++) {
    if (op_kind((Op)op) != KIND_MAP || op == OP_cast) continue;
    Builder b = begin();
    Typing ty = op_info[op].typing;
    DType t = ty == TY_INT || ty == TY_FROM_BITS ? T_I32 : ty == TY_LOGIC ? T_BOOL : T_F32;
    Val a[3];
    for (int i = 0; i < 3; i++)
      a[i] = input(&b, (const char *[]){"a", "b", "c"}[i], ty == TY_SELECT && i == 0 ? T_BOOL : t,
                   SHAPE(2));
    const char *s = print1(&b, ir_map(&b, (Op)op, a));
    const char *shown = *op_info[op].symbol ? op_info[op].symbol : op_info[op].name;
    ck_assert_msg(strstr(s, shown) != NULL, "%s: %s", op_info[op].name, s);
  }
}
END_TEST

Suite *print_suite(void);
Suite *print_suite(void) {
  Suite *s = suite_create("print");
  TCase *t = tcase_create("print");
  tcase_add_checked_fixture(t, fixture_bare, fixture_end);
  tcase_add_test(t, test_brackets);
  tcase_add_test(t, test_logic);
  tcase_add_test(t, test_literals);
  tcase_add_test(t, test_broadcasts);
  tcase_add_test(t, test_sizes);
  tcase_add_test(t, test_network);
  tcase_add_test(t, test_views);
  tcase_add_test(t, test_symbolic_slices);
  tcase_add_test(t, test_convolution);
  tcase_add_test(t, test_gather);
  tcase_add_test(t, test_mask);
  tcase_add_test(t, test_reductions);
  tcase_add_test(t, test_names);
  tcase_add_test(t, test_long_expressions);
  tcase_add_test(t, test_derivatives);
  tcase_add_test(t, test_all_operators);
  suite_add_tcase(s, t);
  return s;
}
