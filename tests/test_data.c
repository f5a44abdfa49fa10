/* test_data.c: arrays of files matched to the arguments of a function, weights there and back, and
 * what is shown of them. */
#include "data_case.h"
#include "train/convert.h"
#include "train/train.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- conversions ---- */
START_TEST(conversions) {
  const uint8_t u8[3] = {0, 7, 255};
  const int64_t i64[3] = {-1, INT32_MAX, (int64_t)INT32_MAX + 1};
  const uint64_t u64[1] = {UINT64_MAX};
  const double f64[2] = {1e300, 0.1};
  const uint16_t f16[5] = {0x3c00, 0xc000, 0x0001, 0x7c00, 0x7e00}, bf16[1] = {0x3fc0};
  const int32_t i32[2] = {1 << 24, (1 << 24) + 1};
  float f[8];
  double d[8];
  for (int t = 0; t < DTYPE_COUNT; t++)
    ck_assert_int_eq(convert_rule(elem_of((DType)t), (DType)t), CONVERT_YES);
  ck_assert_int_eq(convert_rule(ELEM_U8, T_F32), CONVERT_YES);
  ck_assert_int_eq(convert_rule(ELEM_F32, T_I32), CONVERT_NO);
  ck_assert_int_eq(convert_rule(ELEM_F16, T_BOOL), CONVERT_NO);
  ck_assert_int_eq(convert_rule(ELEM_I8, T_U8), CONVERT_CHECK);
  ck_assert_int_eq(convert_rule(ELEM_U32, T_I64), CONVERT_YES);
  convert(ELEM_U8, u8, T_F32, f, 3);
  ck_assert_float_eq(f[2], 255);
  ck_assert_int_eq(convert_misfit(ELEM_I64, i64, 2, T_I32), -1);
  ck_assert_int_eq(convert_misfit(ELEM_I64, i64, 3, T_I32), 2);
  ck_assert_int_eq(convert_misfit(ELEM_I64, i64, 3, T_U8), 0);
  ck_assert_int_eq(convert_misfit(ELEM_U64, u64, 1, T_I64), 0);
  ck_assert_int_eq(convert_misfit(ELEM_U64, u64, 1, T_F64), 0);
  ck_assert_int_eq(convert_misfit(ELEM_I32, i32, 2, T_F32), 1);
  ck_assert_int_eq(convert_misfit(ELEM_F64, f64, 2, T_F32), 0);
  ck_assert_int_eq(convert_misfit(ELEM_U8, u8, 3, T_BOOL), 1);
  convert(ELEM_F16, f16, T_F64, d, 5);
  ck_assert_double_eq(d[0], 1);
  ck_assert_double_eq(d[1], -2);
  ck_assert_double_eq(d[2], 0x1p-24);
  ck_assert(isinf(d[3]) && isnan(d[4]));
  convert(ELEM_BF16, bf16, T_F32, f, 1);
  ck_assert_float_eq(f[0], 1.5f);
}
END_TEST

START_TEST(shuffling) {
  enum { N = 1000 };
  int64_t a[N], b[N], seen[N] = {0};
  dataset_shuffle(7, 3, a, N);
  dataset_shuffle(7, 3, b, N);
  ck_assert_mem_eq(a, b, sizeof a);
  for (int i = 0; i < N; i++) seen[a[i]]++;
  for (int i = 0; i < N; i++) ck_assert_int_eq(seen[i], 1);
  dataset_shuffle(7, 4, b, N);
  ck_assert_mem_ne(a, b, sizeof a);
  dataset_shuffle(8, 3, b, N);
  ck_assert_mem_ne(a, b, sizeof a);
  /* the definition in dataset.h, done by an independent program (Python integers) */
  int64_t small[8];
  static const int64_t want[8] = {6, 2, 4, 3, 5, 0, 1, 7};
  dataset_shuffle(1, 2, small, 8);
  ck_assert_mem_eq(small, want, sizeof want);
}
END_TEST

/* ---- data sets ---- */
static void write_pair(void) { /* x: u8[3, 2, 2], label: i64[3] */
  uint8_t x[12];
  int64_t label[3] = {2, 0, 1};
  for (int i = 0; i < 12; i++) x[i] = (uint8_t)i;
  save_array(in_dir("x.npy"), "x", ELEM_U8, 3, (int64_t[]){3, 2, 2}, x);
  save_array(in_dir("label.npy"), "label", ELEM_I64, 1, (int64_t[]){3}, label);
}

START_TEST(data_from_a_folder) {
  write_pair();
  Dim n = dim_named(cx, name_of(cx, "N")), d = dim_named(cx, name_of(cx, "D"));
  Input in[2] = {arg("x", T_F32, 2, n, d), arg("label", T_I32, 1, n, 0)};
  DataSource src = data_source(cx, data_dir);
  ck_assert_ptr_null(src.name);
  Dataset *ds = dataset_open(cx, cx->arena, &src, 1, in, 2, NULL);
  expect_none();
  ck_assert_ptr_nonnull(ds);
  ck_assert_str_eq(ds->batch_name, "N");
  ck_assert_int_eq(ds->examples, 3);
  ck_assert(ds->in[0].reshaped && !ds->in[1].reshaped);
  Dim bound;
  ck_assert(size_lookup(&ds->sizes, name_of(cx, "D"), &bound));
  ck_assert_int_eq(bound, 4);
  float x[8];
  int32_t label[3];
  ck_assert_uint_eq(dataset_batch_bytes(ds, 0, 2), sizeof x);
  dataset_batch(ds, 0, (int64_t[]){2, 0}, 0, 2, x);
  ck_assert_float_eq(x[0], 8);
  ck_assert_float_eq(x[7], 3);
  dataset_batch(ds, 1, NULL, 1, 2, label);
  ck_assert_int_eq(label[0], 0);
  ck_assert_int_eq(label[1], 1);
  ck_assert_int_eq(dataset_find(ds, &in[1]), 1);
  Input other = arg("x", T_F64, 2, n, d);
  ck_assert_int_eq(dataset_find(ds, &other), -1);
}
END_TEST

START_TEST(data_by_name_and_from_archives) {
  write_pair();
  Dim n = dim_named(cx, name_of(cx, "N"));
  Input in[2] = {arg("x", T_U8, 2, n, 4), arg("label", T_F64, 1, n, 0)};
  DataSource src[2] = {data_source(cx, name_fmt(cx, "x=%s", in_dir("x.npy"))),
                       data_source(cx, name_fmt(cx, "label=%s", in_dir("label.npy")))};
  ck_assert_str_eq(src[0].name, "x");
  ck_assert_ptr_nonnull(dataset_open(cx, cx->arena, src, 2, in, 2, NULL));
  expect_none();
  const char *table = "x1,x2,x3,x4,label\n1,2,3,4,0\n5,6,7,8,1\n";
  FILE *f = fopen(in_dir("t.csv"), "w");
  fputs(table, f);
  fclose(f);
  src[0] = data_source(cx, in_dir("t.csv"));
  Dataset *ds = dataset_open(cx, cx->arena, src, 1, in, 2, NULL);
  expect_none();
  uint8_t x[4];
  dataset_batch(ds, 0, NULL, 1, 1, x);
  ck_assert_int_eq(x[3], 8);
}
END_TEST

static void refused(const Input *in, int nin, const char *source, DiagCode code, const char *word) {
  DataSource src = data_source(cx, source);
  ck_assert_ptr_null(dataset_open(cx, cx->arena, &src, 1, in, nin, NULL));
  expect_diag(code, word);
}

START_TEST(data_that_do_not_fit) {
  write_pair();
  Dim n = dim_named(cx, name_of(cx, "N"));
  Input x = arg("x", T_F32, 2, n, 4), label = arg("label", T_I32, 1, n, 0);
  Input in[2] = {x, label};
  refused(in, 2, name_fmt(cx, "x=%s", in_dir("x.npy")), E0612, "`label: i32[N]`");
  refused(in, 2, "x=/nonexistent", E0611, "No such file");
  refused(in, 2, "lable=x.npy", E0618, "`lable`");
  refused(in, 2, in_dir("x.npy"), E0618, "without a name");
  in[0] = arg("x", T_F32, 2, n, 5);
  refused(in, 2, data_dir, E0614, "u8[3, 2, 2], the argument is f32[N, 5]");
  in[0] = arg("x", T_F32, 2, 3, 4);
  refused(in, 1, data_dir, E0617, "batch axis");
  in[0] = arg("x", T_F32, 2, n, n);
  refused(in, 1, data_dir, E0617, "first extent");
  in[0] = x;
  in[1] = arg("label", T_BOOL, 1, n, 0);
  refused(in, 2, data_dir, E0616, "element 0 is 2, which bool can't hold");
  in[1] = label;
  save_array(in_dir("label.npy"), "label", ELEM_F64, 1, (int64_t[]){3}, (double[]){1, 2, 3});
  refused(in, 2, data_dir, E0613, "f64[3], the argument is i32[N]");
  save_array(in_dir("label.npy"), "label", ELEM_I64, 1, (int64_t[]){2}, (int64_t[]){1, 2});
  refused(in, 2, data_dir, E0615, "number of examples");
  save_array(in_dir("label.npy"), "label", ELEM_I64, 0, (int64_t[]){0}, (int64_t[]){1});
  refused(in, 2, data_dir, E0614, "no axis");
}
END_TEST

START_TEST(whole_arguments_and_given_sizes) {
  Dim n = dim_named(cx, name_of(cx, "N")), k = dim_named(cx, name_of(cx, "K"));
  Input in[2] = {arg("t", T_F64, 1, k, 0), arg("x", T_F64, 1, n, 0)};
  SizeBindings given = {0};
  size_bind(cx->arena, &given, name_of(cx, "K"), 2);
  save_array(in_dir("x.npy"), "", ELEM_F32, 1, (int64_t[]){3}, (float[]){1, 2, 3});
  save_array(in_dir("t.npy"), "", ELEM_F64, 1, (int64_t[]){2}, (double[]){8, 9});
  DataSource src = data_source(cx, data_dir);
  Dataset *ds = dataset_open(cx, cx->arena, &src, 1, in, 2, &given);
  expect_none();
  ck_assert_str_eq(ds->batch_name, "N");
  double t[2];
  dataset_batch(ds, 0, (int64_t[]){1}, 0, 1, t);
  ck_assert_double_eq(t[1], 9);
  size_bind(cx->arena, &given, name_of(cx, "K"), 5);
  given.list.at[0].value = 5;
  ck_assert_ptr_null(dataset_open(cx, cx->arena, &src, 1, in, 2, &given));
  expect_diag(E0614, "dimension 0 is 2");
}
END_TEST

/* One long array gives windows; the bytes of a text are such an array. */
START_TEST(data_of_a_series) {
  Dim n = dim_named(cx, name_of(cx, "N"));
  Input in[1] = {arg("t", T_I32, 2, n, 4)};
  FILE *f = fopen(in_dir("t.txt"), "w");
  fputs("abcdefghij", f);
  fclose(f);
  DataSource src = data_source(cx, name_fmt(cx, "t=%s", in_dir("t.txt")));
  Dataset *ds = dataset_open(cx, cx->arena, &src, 1, in, 1, NULL);
  expect_none();
  ck_assert_int_eq(ds->examples, 2); /* abcd efgh */
  int32_t t[8];
  dataset_batch(ds, 0, (int64_t[]){1, 0}, 0, 2, t);
  ck_assert_int_eq(t[0], 'e');
  ck_assert_int_eq(t[7], 'd');
  src.step = 3;
  ds = dataset_open(cx, cx->arena, &src, 1, in, 1, NULL);
  ck_assert_int_eq(ds->examples, 3); /* abcd defg ghij */
  dataset_batch(ds, 0, NULL, 1, 2, t);
  ck_assert_int_eq(t[0], 'd');
  ck_assert_int_eq(t[7], 'j');
  in[0] = arg("t", T_I32, 2, n, 11);
  refused(in, 1, name_fmt(cx, "t=%s", in_dir("t.txt")), E0614, "shorter than one example");
  /* rows of several numbers; and a file whose name says nothing */
  save_array(in_dir("r.npy"), "", ELEM_F32, 2, (int64_t[]){3, 2}, (float[]){1, 2, 3, 4, 5, 6});
  Input rows[1] = {arg("r", T_F32, 3, n, 2)};
  rows[0].shape.dim[2] = 2;
  src = data_source(cx, name_fmt(cx, "r=%s", in_dir("r.npy")));
  src.step = 1;
  ds = dataset_open(cx, cx->arena, &src, 1, rows, 1, NULL);
  expect_none();
  ck_assert_int_eq(ds->examples, 2);
  float r[4];
  dataset_batch(ds, 0, NULL, 1, 1, r);
  ck_assert_float_eq(r[0], 3);
  ck_assert_float_eq(r[3], 6);
  in[0] = arg("t", T_U8, 2, n, 5);
  src = data_source(cx, name_fmt(cx, "t=bytes:%s", in_dir("t.txt")));
  ds = dataset_open(cx, cx->arena, &src, 1, in, 1, NULL);
  expect_none();
  ck_assert_int_eq(ds->examples, 2);
}
END_TEST

/* ---- weights ---- */
START_TEST(weights_there_and_back) {
  float w[6] = {1, 2, 3, 4, 5, 6}, b[2] = {7, 8};
  Weight ws[2] = {weight("W", T_F32, 2, 2, 3, w), weight("b", T_F32, 1, 2, 0, b)};
  const char *files[] = {in_dir("w.safetensors"), in_dir("w.npz")};
  for (int i = 0; i < 2; i++) {
    ck_assert_int_eq(weights_save(cx, files[i], ws, 2), ST_OK);
    memset(w, 0, sizeof w), memset(b, 0, sizeof b);
    ck_assert_int_eq(weights_load(cx, files[i], ws, 2), ST_OK);
    expect_none();
    ck_assert_float_eq(w[5], 6);
    ck_assert_float_eq(b[1], 8);
  }
  ck_assert_int_eq(weights_load(cx, files[0], ws, 1), ST_OK); /* b is too much: a warning */
  expect_diag(E0623, "`b`");
  Weight more[3] = {ws[0], ws[1], weight("bb", T_F32, 0, 0, 0, w)};
  ck_assert_int_eq(weights_load(cx, files[0], more, 3), ST_DATA);
  expect_diag(E0622, "`bb`");
  Weight turned = weight("W", T_F32, 2, 3, 2, w);
  Weight wrong[2] = {turned, ws[1]};
  w[0] = 99;
  ck_assert_int_eq(weights_load(cx, files[0], wrong, 2), ST_DATA);
  ck_assert_float_eq(w[0], 99); /* nothing was loaded */
  ck_assert_int_eq(cx->diags->list.at[0]->parts.n, 1);
  expect_diag(E0624, "f32[2, 3], the parameter is f32[3, 2]");
  ck_assert_int_eq(weights_save(cx, in_dir("w.txt"), ws, 2), ST_DATA);
  expect_diag(E0621, ".safetensors");
  ck_assert_int_eq(weights_load(cx, in_dir("none.npz"), ws, 2), ST_DATA);
  expect_diag(E0621, "No such file");
  ck_assert(!weights_can_save(cx, in_dir("no/such.npz")));
  expect_diag(E0621, "No such file");
  ck_assert_int_eq(weights_freeze(cx, ws, 2, "W,b"), ST_OK);
  ck_assert(ws[0].frozen && ws[1].frozen);
  ws[0].frozen = ws[1].frozen = false;
  ck_assert_int_eq(weights_freeze(cx, ws, 2, "b*"), ST_OK);
  ck_assert(!ws[0].frozen && ws[1].frozen);
  ck_assert_int_eq(weights_freeze(cx, ws, 2, "w1"), ST_USAGE);
  expect_diag(E0625, "`w1`");
}
END_TEST

/* ---- inspect ---- */
START_TEST(inspecting) {
  Text t = text_new(cx->arena);
  float x[4] = {1, NAN, -3, INFINITY};
  save_array(in_dir("x.safetensors"), "W\033[2J", ELEM_F32, 2, (int64_t[]){2, 2}, x);
  ck_assert_int_eq(train_inspect(cx, in_dir("x.safetensors"), &t), ST_OK);
  const char *s = text_str(&t);
  ck_assert_msg(strstr(s, "W?[2J") && strstr(s, "f32[2, 2]"), "%s", s);
  ck_assert_ptr_null(strchr(s, '\033'));
  ck_assert_ptr_nonnull(strstr(s, "1 array, 4 elements, 16 bytes"));
  char row[6][20];
  const char *line = strchr(s, '\n') + 1;
  ck_assert_int_eq(sscanf(line, "W?[2J f32[2, 2] %19s %19s %19s %19s %19s", row[0], row[1], row[2],
                          row[3], row[4]),
                   5);
  ck_assert_str_eq(row[0], "-3");
  ck_assert_str_eq(row[1], "1");
  ck_assert_str_eq(row[2], "-1");
  ck_assert_str_eq(row[3], "1");
  ck_assert_str_eq(row[4], "1");
  ck_assert_int_eq(train_inspect(cx, in_dir("none"), &t), ST_DATA);
  expect_diag(E0611, "No such file");
}
END_TEST

Suite *data_suite(void);
Suite *data_suite(void) {
  Suite *s = suite_create("data");
  TCase *t = tcase_create("data");
  tcase_add_checked_fixture(t, data_set_up, data_tear_down);
  tcase_add_test(t, conversions);
  tcase_add_test(t, shuffling);
  tcase_add_test(t, data_from_a_folder);
  tcase_add_test(t, data_by_name_and_from_archives);
  tcase_add_test(t, data_that_do_not_fit);
  tcase_add_test(t, whole_arguments_and_given_sizes);
  tcase_add_test(t, data_of_a_series);
  tcase_add_test(t, weights_there_and_back);
  tcase_add_test(t, inspecting);
  suite_add_tcase(s, t);
  return s;
}
