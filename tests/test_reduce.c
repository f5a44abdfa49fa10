/* test_reduce.c: reductions that share their loops, and sums of columns that go by rows: their
 * values are those of the reference evaluator, infinities and what is no number among them; and
 * when they are lowered so. */
#include "loop_case.h"
#include "lowered.h"

enum { PLAIN, NOT_NUMBERS, INFINITIES, FORMS };

/* x, or numbers of it that are none, or infinite. */
static Val nasty(Val x, int form) {
  Builder *b = &case_builder;
  Val zero = ir_map2(b, OP_sub, x, x);
  if (form == NOT_NUMBERS) return ir_map1(b, OP_log, x);
  if (form == INFINITIES)
    return ir_map2(b, OP_div, x, ir_map2(b, OP_min, zero, ir_map1(b, OP_neg, zero)));
  return x;
}

/* Sum, least, greatest and sum of squares (each with a use of its own), in so many kernels. */
static void check_together(DType t, Shape s, uint32_t axes, int form, int kernels) {
  static const Op ops[] = {OP_sum, OP_amin, OP_amax};
  case_begin();
  Builder *b = &case_builder;
  Val x = nasty(case_input("x", t, s), form);
  for (int i = 0; i < COUNT_OF(ops); i++) {
    Val r = ir_fold(b, ops[i], x, axes);
    ir_output(b, NULL, ir_map2(b, OP_add, r, r));
  }
  case_check(case_end(ir_fold(b, OP_sum, ir_map2(b, OP_mul, x, x), axes)), kernels);
  cx_free(cx);
}

START_TEST(together) {
  static const int e[][2] = {{1, 100}, {3, 700}, {130, 40}, {70, 257}};
  for (int i = 0; i < COUNT_OF(e); i++)
    for (uint32_t axes = 1; axes < 4; axes++)
      for (int form = 0; form < FORMS; form++) {
        check_together(T_F32, case_shape(2, e[i][0], e[i][1]), axes, form, 0);
        check_together(T_F64, case_shape(2, e[i][0], e[i][1]), axes, form, 0);
      }
  check_together(T_I32, case_shape(2, 70, 257), 1, PLAIN, 0);
}
END_TEST

/* Two fit into the registers of every machine. */
START_TEST(two_are_one_kernel) {
  for (uint32_t axes = 1; axes < 4; axes++) {
    case_begin();
    Val x = case_input("x", T_F32, case_shape(2, 90, 257));
    ir_output(&case_builder, NULL, ir_fold(&case_builder, OP_amax, x, axes));
    case_check(case_end(ir_fold(&case_builder, OP_sum, x, axes)), 1);
    cx_free(cx);
  }
}
END_TEST

/* Truth values, and another type beside: what is folded as integers and what isn't. */
START_TEST(of_truth_values) {
  case_begin();
  Builder *b = &case_builder;
  Val x = case_input("x", T_F32, case_shape(2, 5, 300));
  Val y = case_input("y", T_F32, case_shape(2, 5, 300));
  Val less = ir_map2(b, OP_lt, x, y);
  ir_output(b, NULL, ir_fold(b, OP_amax, less, 2));
  ir_output(b, NULL, ir_fold(b, OP_amin, less, 2));
  ir_output(b, NULL, ir_fold(b, OP_sum, ir_cast(b, T_I32, less), 2));
  case_check(case_end(ir_fold(b, OP_sum, ir_map2(b, OP_mul, x, y), 2)), 0);
  cx_free(cx);
}
END_TEST

/* Columns of matrices that the small caches of the tests' machines don't hold. */
START_TEST(columns_by_rows) {
  static const int e[][3] = {{1, 17, 700}, {1, 64, 512}, {3, 21, 1030}, {2, 18, 4100}};
  for (int i = 0; i < COUNT_OF(e); i++)
    for (int form = 0; form < FORMS; form++)
      for (uint32_t axes = 2; axes < 4; axes++) {
        check_together(T_F32, case_shape(3, e[i][0], e[i][1], e[i][2]), axes, form, 0);
        case_begin();
        Val x = nasty(case_input("x", T_F64, case_shape(3, e[i][0], e[i][1], e[i][2])), form);
        case_check(case_end(ir_fold(&case_builder, OP_sum, x, axes)), 1);
        cx_free(cx);
      }
}
END_TEST

/* ---- when ---- */
START_TEST(reductions_of_the_same_elements_read_them_once) {
  const char *loops =
      loops_of("fn f(x: f32[1048576]) = (mean(x), min(x), max(x), sum(x * x))\n", wide(1));
  ck_assert_int_eq(times(loops, " by 64"), 1);
  ck_assert_int_eq(times(loops, "kernel "), 2); /* the parts, and the parts together */
  loops = loops_of(
      "fn f(x: f32[99, 4096], y: f32[99, 4096]) = (sum(x * y, axis: 1), sum(y, axis: 1))\n",
      wide(1));
  ck_assert_int_eq(times(loops, " by 64"), 1);
}
END_TEST

/* One that needs the other; functions, which have the registers; too many accumulators; other
 * elements. */
START_TEST(others_go_by_themselves) {
  static const char *const two[] = {
      "fn f(x: f32[4096]) = (mean(x), var(x))\n",
      "fn f(x: f32[4096]) = (sum(tanh(x)), sum(sin(x)))\n",
      "fn f(x: f32[4096]) = (sum(x), sum(x * x), sum(x * x * x), min(x), max(x))\n",
      "fn f(x: f32[4096], y: f32[4096]) = (sum(x), sum(y))\n",
      "fn f(x: f32[4096]) = (sum(x), sum(f64(x)))\n",
  };
  for (int i = 0; i < COUNT_OF(two); i++)
    ck_assert_int_eq(times(loops_of(two[i], wide(1)), "for k"), 2);
}
END_TEST

START_TEST(columns_of_large_matrices_are_summed_by_rows) {
  const char *loops = loops_of("fn f(x: f32[4096, 1024]) = sum(x, axis: 0)\n", wide(1));
  has(loops, "local  sums");
  has(loops, "in 0..4096 by 4");
  loops = loops_of("fn f(x: f32[4096, 65536]) = sum(x, axis: 0)\n", wide(1));
  has(loops, "in 0..16 {"); /* blocks of columns whose sums stay in the first cache */
  loops = loops_of("fn f(x: f32[4096, 1024]) = sum(x, axis: 0)\n", wide(2));
  has(loops, "parallel");
  has_not(loops_of("fn f(x: f32[64, 512]) = sum(x, axis: 0)\n", wide(1)), "sums");   /* few */
  has_not(loops_of("fn f(x: f32[99999, 64]) = sum(x, axis: 0)\n", wide(1)), "sums"); /* short */
}
END_TEST

/* The logarithm of each row's sum would be one of a single number: rows are lanes. */
START_TEST(short_rows_with_functions_of_their_sums_are_lanes) {
  const char *loops = run_loops_of("fn f(x: f32[2048, 8]) = log_softmax(x)\n", wide(1));
  has(loops, "in 0..2048 by 16");
  has_not(loops, "lanes_add");
  has(run_loops_of("fn f(x: f32[2048, 48]) = log_softmax(x)\n", wide(1)), "lanes_add");
}
END_TEST

Suite *reduce_suite(void);
Suite *reduce_suite(void) {
  Suite *s = suite_create("reduce");
  TCase *t = tcase_create("reduce");
  tcase_set_timeout(t, 120);
  tcase_add_test(t, together);
  tcase_add_test(t, two_are_one_kernel);
  tcase_add_test(t, of_truth_values);
  tcase_add_test(t, columns_by_rows);
  suite_add_tcase(s, t);
  t = tcase_create("when");
  tcase_add_checked_fixture(t, fixture_bare, fixture_end);
  tcase_add_test(t, reductions_of_the_same_elements_read_them_once);
  tcase_add_test(t, others_go_by_themselves);
  tcase_add_test(t, columns_of_large_matrices_are_summed_by_rows);
  tcase_add_test(t, short_rows_with_functions_of_their_sums_are_lanes);
  suite_add_tcase(s, t);
  return s;
}
