/* test_loop.c: the lowering of single constructs against the reference evaluator: elementwise,
 * reductions, rows, contractions, convolutions, scatters, updates in place. */
#include "loop_case.h"

START_TEST(elementwise) {
  static const int extents[] = {0, 1, 3, 15, 16, 17, 31, 33, 64, 100, 257};
  for (int i = 0; i < COUNT_OF(extents); i++) {
    case_begin();
    Shape s = case_shape(2, 3, extents[i]);
    Val x = case_input("x", T_F32, s), y = case_input("y", T_F32, case_shape(1, extents[i]));
    Val z = ir_map2(&case_builder, OP_mul, x, case_broadcast(y, s));
    ir_output(&case_builder, NULL, ir_map2(&case_builder, OP_max, z, x));
    case_check(case_end(ir_map1(&case_builder, OP_neg, z)), 1);
    cx_free(cx);
  }
}
END_TEST

/* Rows become columns: squares of whole vectors, what is left of either axis, zeros around, another
 * operand that lies as the result does, types of other widths. */
START_TEST(transposed) {
  static const int extents[][2] = {{16, 16}, {20, 33}, {33, 20}, {40, 7}, {9, 50}, {64, 31}};
  static const DType types[] = {T_F32, T_F64, T_I32, T_U8};
  for (int i = 0; i < COUNT_OF(extents) * COUNT_OF(types); i++)
    for (int form = 0; form < 4; form++) {
      int m = extents[i / 4][0], n = extents[i / 4][1];
      DType type = types[i % 4];
      case_begin();
      Builder *b = &case_builder;
      Val x = case_input("x", type, case_shape(3, 2, n, m));
      Val y = case_input("y", type, case_shape(3, 2, n, m));
      Val z = ir_map2(b, OP_add, x, ir_map2(b, OP_mul, x, y));
      if (form & 1) z = ir_pad(b, ir_pad(b, z, 1, 1, 2), 2, 2, 1);
      z = ir_permute(b, z, (int32_t[]){0, 2, 1});
      if (form & 2) z = ir_map2(b, OP_max, z, case_input("w", type, *ir_shape(b, z)));
      case_check(case_end(z), 0);
      cx_free(cx);
    }
}
END_TEST

START_TEST(parallel_rows) {
  case_begin();
  Val x = case_input("x", T_F32, case_shape(1, 70001));
  case_check(case_end(ir_map1(&case_builder, OP_exp, ir_map2(&case_builder, OP_add, x, x))), 1);
  cx_free(cx);
}
END_TEST

START_TEST(every_operator) {
  for (Op op = 0; op < OP_COUNT; op++) {
    if (op_kind(op) != KIND_MAP || op == OP_cast || op == OP_bounded) continue;
    for (DType t = 0; t < DTYPE_COUNT; t++) {
      Typing ty = op_info[op].typing;
      bool f = type_is_float(t), n = type_is_int(t);
      bool fits = ty == TY_NUM                      ? f || n
                  : ty == TY_FLOAT || ty == TY_BITS ? f
                  : ty == TY_INT                    ? n
                  : ty == TY_FROM_BITS              ? t == T_I32 || t == T_I64
                  : ty == TY_LOGIC                  ? t == T_BOOL
                                                    : true;
      if (!fits) continue;
      case_begin();
      Val a[3] = {case_input("a", ty == TY_SELECT ? T_BOOL : t, case_shape(1, 37)),
                  case_input("b", t, case_shape(1, 37)), case_input("c", t, case_shape(1, 37))};
      case_check(case_end(ir_map(&case_builder, op, a)), 1);
      cx_free(cx);
    }
  }
  for (DType t = 0; t < DTYPE_COUNT; t++)
    for (DType u = 0; u < DTYPE_COUNT; u++) {
      case_begin();
      case_check(case_end(ir_cast(&case_builder, u, case_input("a", t, case_shape(1, 21)))), 0);
      cx_free(cx);
    }
}
END_TEST

START_TEST(reductions) {
  static const Op ops[] = {OP_sum, OP_prod, OP_amax, OP_amin};
  for (int o = 0; o < 4; o++)
    for (int k = 0; k < 5; k++)
      for (uint32_t axes = 1; axes < 8; axes++) {
        static const int e[][3] = {{2, 3, 5}, {4, 17, 33}, {1, 64, 1}, {3, 0, 5}, {2, 40, 130}};
        DType t = o < 2 ? (k & 1 ? T_F64 : T_F32) : (DType[]){T_F32, T_I32, T_BOOL, T_U8, T_I64}[k];
        if (type_is_int(t) && k == 3 && o >= 2) continue; /* extremes of nothing */
        case_begin();
        Val x = case_input("x", t, case_shape(3, e[k][0], e[k][1], e[k][2]));
        Val r = ir_fold(&case_builder, ops[o], x, axes);
        if (t == T_F32) r = ir_map2(&case_builder, OP_add, r, r);
        case_check(case_end(r), 1);
        cx_free(cx);
      }
}
END_TEST

/* A sum of -0 alone is 0, and its reciprocal shows the sign. Inputs are above -1. */
START_TEST(sums_of_minus_zero) {
  static const int extents[] = {2, 8, 16, 32, 70};
  for (int k = 0; k < COUNT_OF(extents); k++)
    for (int square = 0; square < 2; square++) {
      case_begin();
      Builder *b = &case_builder;
      Val x = case_input("x", k & 1 ? T_F64 : T_F32, case_shape(2, 5, extents[k]));
      Val small = ir_map2(b, OP_mul, x, ir_const_f(b, ir_type(b, x), ir_shape(b, x), 0.001));
      Val zero = ir_map1(b, OP_ceil, ir_map1(b, OP_neg, ir_map1(b, OP_abs, small)));
      if (square) zero = ir_map2(b, OP_mul, zero, ir_map2(b, OP_mul, x, x));
      Val sum = ir_fold(b, OP_sum, zero, 2);
      Val one = ir_const_f(b, ir_type(b, sum), ir_shape(b, sum), 1);
      case_check(case_end(ir_map2(b, OP_div, one, sum)), 0);
      cx_free(cx);
    }
}
END_TEST

static Val softmax(Val x, Shape s) {
  uint32_t last = 1u << (s.rank - 1);
  Val m = ir_fold(&case_builder, OP_amax, x, last);
  Val e = ir_map1(&case_builder, OP_exp, ir_map2(&case_builder, OP_sub, x, case_over_rows(m, s)));
  return ir_map2(&case_builder, OP_div, e,
                 case_over_rows(ir_fold(&case_builder, OP_sum, e, last), s));
}

START_TEST(softmax_rows) {
  static const int e[][2] = {{4, 10}, {8, 100}, {64, 33}, {1, 16}, {0, 7}};
  for (int i = 0; i < COUNT_OF(e); i++) {
    case_begin();
    Shape s = case_shape(2, e[i][0], e[i][1]);
    case_check(case_end(softmax(case_input("x", T_F32, s), s)), e[i][0] > 0);
    cx_free(cx);
  }
  case_begin();
  Shape s = case_shape(3, 3, 5, 40);
  case_check(case_end(softmax(case_input("x", T_F64, s), s)), 1);
  cx_free(cx);
}
END_TEST

START_TEST(layer_norm_rows) {
  case_begin();
  Shape s = case_shape(2, 9, 70), r = case_shape(1, 9);
  Val x = case_input("x", T_F32, s), g = case_input("g", T_F32, case_shape(1, 70));
  Val scale = ir_const_f(&case_builder, T_F32, &r, 1 / 70.0);
  Val mean = ir_map2(&case_builder, OP_mul, ir_fold(&case_builder, OP_sum, x, 2), scale);
  Val c = ir_map2(&case_builder, OP_sub, x, case_over_rows(mean, s));
  Val var = ir_map2(&case_builder, OP_mul,
                    ir_fold(&case_builder, OP_sum, ir_map2(&case_builder, OP_mul, c, c), 2), scale);
  Val one = ir_const_f(&case_builder, T_F32, &r, 1);
  Val sd = ir_map1(&case_builder, OP_sqrt,
                   ir_map2(&case_builder, OP_add, var, ir_const_f(&case_builder, T_F32, &r, 1e-5)));
  Val y =
      ir_map2(&case_builder, OP_mul, c, case_over_rows(ir_map2(&case_builder, OP_div, one, sd), s));
  case_check(case_end(ir_map2(&case_builder, OP_mul, y, case_broadcast(g, s))), 1);
  cx_free(cx);
}
END_TEST

/* x at its place in a wider tensor, along the last axis; 0 elsewhere. */
static Val padded(Val x, const Shape *wide, int before) {
  View v = {
      .rank = 2,
      .dim = (ViewDim[]){{0, 1, 1, (ViewTerm[]){{0, 1}}}, {-before, 1, 1, (ViewTerm[]){{1, 1}}}}};
  return ir_view(&case_builder, x, wide, &v);
}

/* Parts side by side, as a sum of padded ones and as a choice by the index, of all small sizes. */
START_TEST(joined_parts) {
  for (int round = 0; round < 60; round++) {
    int a = 1 + case_pick(40), b = 1 + case_pick(40), rows = 1 + case_pick(4);
    case_begin();
    Shape wide = case_shape(2, rows, a + b), along = case_shape(1, a + b);
    Val x = case_input("x", T_F32, case_shape(2, rows, a)),
        y = case_input("y", T_F32, case_shape(2, rows, b));
    Val sum = ir_map2(&case_builder, OP_add, padded(ir_map1(&case_builder, OP_exp, x), &wide, 0),
                      padded(y, &wide, a));
    Val at = ir_iota(&case_builder, T_I64, a + b), edge = ir_size(&case_builder, T_I64, &along, a);
    static const Op ops[] = {OP_lt, OP_le, OP_gt, OP_ge, OP_eq, OP_ne};
    Op op = ops[case_pick(COUNT_OF(ops))];
    Val first =
        case_pick(2) ? ir_map2(&case_builder, op, at, edge) : ir_map2(&case_builder, op, edge, at);
    Val chosen =
        ir_map3(&case_builder, OP_select, ir_spread(&case_builder, first, &wide, (int32_t[]){1}),
                padded(x, &wide, 0), padded(y, &wide, a));
    ir_output(&case_builder, NULL, sum);
    ir_output(&case_builder, NULL, chosen);
    case_check(ir_finish(&case_builder), 0);
    cx_free(cx);
  }
}
END_TEST

/* Points of few coordinates, one for each of many rows, in ways that only unrolled axes allow in
 * one kernel: x[which[n]] by a small matrix of the row's own, an element of that put before it, its
 * length, all coordinates by that; stored by interleaving (3, 4) or by turned squares (9). */
START_TEST(slim_rows) {
  static const int rows[] = {1, 3, 16, 32, 37, 64, 71, 200};
  for (int i = 0; i < COUNT_OF(rows); i++)
    for (int k = 0; k < 2; k++) {
      DType t = k ? T_F64 : T_F32;
      int n = rows[i];
      case_begin();
      Shape row = case_shape(1, n), point = case_shape(2, n, 3), more = case_shape(2, n, 4);
      Val ids = case_input("which", T_I32, row), m = case_input("m", t, case_shape(3, n, 3, 3));
      Val x = ir_gather(&case_builder, case_input("x", t, case_shape(2, 6, 3)), &ids,
                        (int32_t[]){0}, 1);
      Contract c = {.nlabels = 3, .a = {0, 1, 2}, .b = {0, 2}, .nout = 2, .out = {0, 1}};
      Val y = ir_contract(&case_builder, m, x, &c);
      Val length = ir_fold(&case_builder, OP_sum, ir_map2(&case_builder, OP_mul, y, y), 2);
      Val one = ir_const_f(&case_builder, t, &row, 1);
      length = ir_map1(&case_builder, OP_sqrt, ir_map2(&case_builder, OP_add, length, one));
      Val unit = ir_map2(&case_builder, OP_div, y, case_over_rows(length, point));
      Val first = ir_slice(&case_builder, unit, 1, 2, 1, -1);
      View put = {
          .rank = 2,
          .dim = (ViewDim[]){{0, 1, 1, (ViewTerm[]){{0, 1}}}, {0, 1, 1, (ViewTerm[]){{1, 1}}}}};
      View rest = {
          .rank = 2,
          .dim = (ViewDim[]){{0, 1, 1, (ViewTerm[]){{0, 1}}}, {-1, 1, 1, (ViewTerm[]){{1, 1}}}}};
      Val both = ir_map2(&case_builder, OP_add, ir_view(&case_builder, first, &more, &put),
                         ir_view(&case_builder, unit, &more, &rest));
      Shape square = case_shape(3, n, 3, 3);
      Contract outer = {.nlabels = 3, .a = {0, 1}, .b = {0, 2}, .nout = 3, .out = {0, 1, 2}};
      Val block = ir_map1(&case_builder, OP_exp, ir_contract(&case_builder, unit, y, &outer));
      ir_output(&case_builder, NULL, both);
      ir_output(&case_builder, NULL, ir_fold(&case_builder, OP_amax, unit, 2));
      ir_output(&case_builder, NULL,
                ir_map2(&case_builder, OP_add, block, case_over_rows(length, square)));
      Fn *f = ir_finish(&case_builder);
      case_check(f, 0);
      if (n >= 2 * 16) { /* a row a lane: one kernel, and nothing in memory */
        Target wide = case_machine(64, 1);
        LoopProgram *p = loop_lower(f, &wide);
        ck_assert_int_eq(p->kernel.n, 1);
        ck_assert_int_eq((int)p->workspace, 0);
      }
      cx_free(cx);
    }
}
END_TEST

/* Several results for each row, the first of them where an operand was that only the second reads:
 * an output over an input, and a temporary over one that dies there. */
START_TEST(slim_rows_in_place) {
  static const int rows[] = {4, 5, 37, 64};
  for (int i = 0; i < COUNT_OF(rows); i++) {
    int n = rows[i];
    Contract c = {.nlabels = 3, .a = {0, 1, 2}, .b = {0, 2}, .nout = 2, .out = {0, 1}};
    case_begin();
    Val m = case_input("m", T_F64, case_shape(3, n, 3, 3)),
        v = case_input("v", T_F64, case_shape(2, n, 3));
    Val x = case_input("x", T_F64, case_shape(2, n, 3)), y = ir_contract(&case_builder, m, v, &c);
    ir_output(&case_builder, NULL, ir_map1(&case_builder, OP_tanh, y));
    ir_output(&case_builder, NULL, ir_map2(&case_builder, OP_mul, x, y));
    Fn *f = ir_finish(&case_builder);
    f->out.at[0].alias = 2;
    case_check(f, 1);
    cx_free(cx);
    case_begin();
    Shape s = case_shape(2, n, 9);
    x = ir_map1(&case_builder, OP_exp, case_input("x", T_F64, s));
    Val w = case_input("w", T_F64, case_shape(2, 9, 9)),
        before = ir_fold(&case_builder, OP_sum, case_matmul(x, w), 1);
    Val b = case_broadcast(before, s), z = case_input("z", T_F64, s);
    Val other = ir_map1(&case_builder, OP_exp, ir_map2(&case_builder, OP_mul, z, b));
    Val both = ir_map1(&case_builder, OP_exp,
                       ir_map2(&case_builder, OP_mul, x, ir_map2(&case_builder, OP_sub, z, b)));
    ir_output(&case_builder, NULL, case_matmul(other, w));
    ir_output(&case_builder, NULL, case_matmul(both, w));
    case_check(ir_finish(&case_builder), 0);
    cx_free(cx);
  }
}
END_TEST

/* ---- contractions ---- */
/* In the last two the larger operand is copied block by block. */
START_TEST(matmuls) {
  static const int e[][3] = {{1, 1, 1},     {2, 3, 4},     {5, 17, 33},   {14, 32, 8},
                             {29, 70, 41},  {1, 40, 30},   {40, 1, 30},   {1, 1, 77},
                             {33, 31, 1},   {3, 4, 0},     {0, 4, 4},     {64, 10, 20},
                             {100, 33, 5},  {2, 130, 9},   {70, 100, 64}, {29, 256, 80},
                             {100, 29, 50}, {70, 256, 64}, {66, 64, 260}};
  for (int i = 0; i < COUNT_OF(e); i++)
    for (int form = 0; form < 8; form++) { /* operands and result transposed or not */
      int m = e[i][0], n = e[i][1], k = e[i][2];
      case_begin();
      Contract c = {.nlabels = 3, .a = {0, 2}, .b = {2, 1}, .nout = 2, .out = {0, 1}};
      Shape a = case_shape(2, m, k), w = case_shape(2, k, n);
      if (form & 1) a = case_shape(2, k, m), c.a[0] = 2, c.a[1] = 0;
      if (form & 2) w = case_shape(2, n, k), c.b[0] = 1, c.b[1] = 2;
      if (form & 4) c.out[0] = 1, c.out[1] = 0;
      Val x = case_input("x", i & 1 ? T_F64 : T_F32, a),
          y = case_input("y", i & 1 ? T_F64 : T_F32, w);
      case_check(case_end(ir_contract(&case_builder, x, y, &c)), 0);
      cx_free(cx);
    }
}
END_TEST

START_TEST(bias_relu_is_one_kernel) {
  case_begin();
  Shape s = case_shape(2, 20, 40);
  Val x = case_input("x", T_F32, case_shape(2, 20, 30)),
      w = case_input("w", T_F32, case_shape(2, 30, 40));
  Val z = ir_map2(&case_builder, OP_add, case_matmul(x, w),
                  case_broadcast(case_input("b", T_F32, case_shape(1, 40)), s));
  Val zero = ir_const_f(&case_builder, T_F32, &s, 0);
  ir_output(&case_builder, NULL, ir_map1(&case_builder, OP_tanh, z));
  case_check(case_end(ir_map2(&case_builder, OP_max, z, zero)), 1);
  cx_free(cx);
}
END_TEST

START_TEST(update_in_place) {
  case_begin();
  Shape s = case_shape(2, 30, 40);
  Val x = case_input("x", T_F32, case_shape(2, 30, 9)),
      d = case_input("d", T_F32, case_shape(2, 9, 40));
  Val p = case_input("p", T_F32, s), m = case_input("m", T_F32, s);
  Val g = case_matmul(x, d);
  Val m2 = ir_map2(&case_builder, OP_add,
                   ir_map2(&case_builder, OP_mul, m, ir_const_f(&case_builder, T_F32, &s, 0.9)), g);
  Val p2 = ir_map2(&case_builder, OP_sub, p,
                   ir_map2(&case_builder, OP_mul, m2, ir_const_f(&case_builder, T_F32, &s, 0.1)));
  Val use =
      ir_contract(&case_builder, case_input("q", T_F32, case_shape(2, 5, 30)), p,
                  &(Contract){.nlabels = 3, .a = {0, 2}, .b = {2, 1}, .nout = 2, .out = {0, 1}});
  ir_output(&case_builder, NULL, p2);
  ir_output(&case_builder, NULL, m2);
  ir_output(&case_builder, NULL, use);
  Fn *f = ir_finish(&case_builder);
  f->out.at[0].alias = 2;
  f->out.at[1].alias = 3;
  case_check(f, 2);
  cx_free(cx);
  /* an update that reads its input elsewhere goes through a copy; swapped inputs too */
  case_begin();
  p = case_input("p", T_F32, case_shape(1, 50)), m = case_input("m", T_F32, case_shape(1, 50));
  ir_output(&case_builder, NULL,
            ir_map2(&case_builder, OP_add, p, ir_slice(&case_builder, p, 0, 49, 50, -1)));
  ir_output(&case_builder, NULL, ir_map2(&case_builder, OP_add, p, m));
  f = ir_finish(&case_builder);
  f->out.at[0].alias = 0;
  f->out.at[1].alias = 1;
  case_check(f, 0);
  cx_free(cx);
  case_begin();
  p = case_input("p", T_F32, case_shape(1, 50)), m = case_input("m", T_F32, case_shape(1, 50));
  ir_output(&case_builder, NULL,
            ir_map2(&case_builder, OP_add, m, ir_slice(&case_builder, m, 0, 49, 50, -1)));
  ir_output(&case_builder, NULL,
            ir_map2(&case_builder, OP_add, p, ir_slice(&case_builder, p, 0, 49, 50, -1)));
  f = ir_finish(&case_builder);
  f->out.at[0].alias = 0;
  f->out.at[1].alias = 1;
  case_check(f, 0);
  cx_free(cx);
}
END_TEST

/* A convolution: windows by a view, with and without padding, then its weight gradient. */
START_TEST(convolutions) {
  for (int pad = 0; pad < 2; pad++)
    for (int step = 1; step < 3; step++) {
      case_begin();
      int n = 2, ci = 3, co = 5, h = 9, kw = 3, o = (h + 2 * pad - kw) / step + 1;
      Val x = case_input("x", T_F32, case_shape(4, n, ci, h, h)),
          w = case_input("w", T_F32, case_shape(4, co, ci, kw, kw));
      ViewDim dim[4] = {{0, 1, 1, (ViewTerm[]){{0, 1}}},
                        {0, 1, 1, (ViewTerm[]){{1, 1}}},
                        {-pad, 1, 2, (ViewTerm[]){{2, step}, {4, 1}}},
                        {-pad, 1, 2, (ViewTerm[]){{3, step}, {5, 1}}}};
      View v = {.rank = 4, .dim = dim};
      Shape s = case_shape(6, n, ci, o, o, kw, kw);
      Val win = ir_view(&case_builder, x, &s, &v);
      /* n o i j c r s = 0..6 */
      Contract c = {
          .nlabels = 7, .a = {0, 4, 2, 3, 5, 6}, .b = {1, 4, 5, 6}, .nout = 4, .out = {0, 1, 2, 3}};
      Val y = ir_contract(&case_builder, win, w, &c);
      ir_output(&case_builder, NULL, y);
      Contract cw = {
          .nlabels = 7, .a = {0, 4, 2, 3, 5, 6}, .b = {0, 1, 2, 3}, .nout = 4, .out = {1, 4, 5, 6}};
      ir_output(&case_builder, NULL,
                ir_contract(&case_builder, win, case_input("dy", T_F32, case_shape(4, n, co, o, o)),
                            &cw));
      case_check(ir_finish(&case_builder), 0);
      cx_free(cx);
    }
}
END_TEST

/* The gradient of a table that rows were looked up in: large enough to be shared out by columns. */
START_TEST(scattered_columns) {
  case_begin();
  Shape full = case_shape(2, 500, 256);
  Val upd = case_input("dy", T_F32, case_shape(2, 60, 256)),
      ids = case_input("ids", T_I32, case_shape(1, 60));
  case_check(case_end(ir_scatter(&case_builder, upd, &ids, (int32_t[]){0}, 1, &full)), 1);
  cx_free(cx);
}
END_TEST

Suite *loop_suite(void);
Suite *loop_suite(void) {
  Suite *s = suite_create("loop");
  TCase *t = tcase_create("loop");
  tcase_set_timeout(t, 120);
  tcase_add_test(t, elementwise);
  tcase_add_test(t, transposed);
  tcase_add_test(t, parallel_rows);
  tcase_add_test(t, every_operator);
  tcase_add_test(t, reductions);
  tcase_add_test(t, sums_of_minus_zero);
  tcase_add_test(t, softmax_rows);
  tcase_add_test(t, layer_norm_rows);
  tcase_add_test(t, joined_parts);
  tcase_add_test(t, slim_rows);
  tcase_add_test(t, slim_rows_in_place);
  tcase_add_test(t, matmuls);
  tcase_add_test(t, bias_relu_is_one_kernel);
  tcase_add_test(t, update_in_place);
  tcase_add_test(t, convolutions);
  tcase_add_test(t, scattered_columns);
  suite_add_tcase(s, t);
  return s;
}
