/* test_train.c: data sets matched to arguments, weights, and the training loop, with a model
 * computed here by hand: linear regression with momentum, y = x @ w + b. */
#include "train/convert.h"
#include "train/train.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static Cx *cx;
static char dir[64];

static void set_up(void) {
  cx = cx_new();
  strcpy(dir, "/tmp/gradc-test-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void tear_down(void) {
  char command[160];
  cx_free(cx);
  snprintf(command, sizeof command, "rm -rf '%s'", dir);
  ck_assert_int_eq(system(command), 0);
}

static const char *in_dir(const char *name) { return name_fmt(cx, "%s/%s", dir, name); }

static void save_array(const char *path, const char *name, ElemType type, int rank,
                       const int64_t *dim, const void *data) {
  ArrayError err;
  ArrayView v = {name, type, rank, {0}, data};
  memcpy(v.dim, dim, sizeof *dim * (size_t)rank);
  ck_assert_msg(array_save(path, &v, 1, NULL, 0, &err), "%s", err.text);
}

static Input arg(const char *name, DType type, int rank, Dim a, Dim b) {
  return (Input){.name = name_of(cx, name), .type = type, .shape = {rank, {a, b}}};
}

/* The diagnostics so far must be exactly one, of this code, with this word in its text; cleared. */
static void expect_diag(DiagCode code, const char *word) {
  ck_assert_int_eq(cx->diags->list.n, 1);
  const Diag *d = cx->diags->list.at[0];
  ck_assert_msg(d->code == code, "%s: %s", diag_code_name(d->code), d->text);
  ck_assert_msg(strstr(d->text, word) != NULL, "`%s` has no `%s`", d->text, word);
  diag_clear(cx);
}

static void expect_none(void) {
  if (cx->diags->list.n) ck_abort_msg("%s", cx->diags->list.at[0]->text);
}

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
  DataSource src = data_source(cx, dir);
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
  refused(in, 2, dir, E0614, "u8[3, 2, 2], the argument is f32[N, 5]");
  in[0] = arg("x", T_F32, 2, 3, 4);
  refused(in, 1, dir, E0617, "batch axis");
  in[0] = arg("x", T_F32, 2, n, n);
  refused(in, 1, dir, E0617, "first extent");
  in[0] = x;
  in[1] = arg("label", T_BOOL, 1, n, 0);
  refused(in, 2, dir, E0616, "element 0 is 2, which bool can't hold");
  in[1] = label;
  save_array(in_dir("label.npy"), "label", ELEM_F64, 1, (int64_t[]){3}, (double[]){1, 2, 3});
  refused(in, 2, dir, E0613, "f64[3], the argument is i32[N]");
  save_array(in_dir("label.npy"), "label", ELEM_I64, 1, (int64_t[]){2}, (int64_t[]){1, 2});
  refused(in, 2, dir, E0615, "number of examples");
  save_array(in_dir("label.npy"), "label", ELEM_I64, 0, (int64_t[]){0}, (int64_t[]){1});
  refused(in, 2, dir, E0614, "no axis");
}
END_TEST

START_TEST(whole_arguments_and_given_sizes) {
  Dim n = dim_named(cx, name_of(cx, "N")), k = dim_named(cx, name_of(cx, "K"));
  Input in[2] = {arg("t", T_F64, 1, k, 0), arg("x", T_F64, 1, n, 0)};
  SizeBindings given = {0};
  size_bind(cx->arena, &given, name_of(cx, "K"), 2);
  save_array(in_dir("x.npy"), "", ELEM_F32, 1, (int64_t[]){3}, (float[]){1, 2, 3});
  save_array(in_dir("t.npy"), "", ELEM_F64, 1, (int64_t[]){2}, (double[]){8, 9});
  DataSource src = data_source(cx, dir);
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
static Weight weight(const char *name, DType type, int rank, Dim a, Dim b, void *data) {
  return (Weight){.name = name_of(cx, name), .type = type, .shape = {rank, {a, b}}, .data = data};
}

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

/* ---- the training loop ---- */
enum { EXAMPLES = 103, BATCH = 10 };

typedef struct Model {
  double w[2], b, mw[2], mb;
  int64_t steps, bad_step, stop_at;
  int64_t explained; /* the step explain was called for */
  double before;     /* w[0] then */
  volatile sig_atomic_t stop;
  int64_t evaluated;
  char screen[1 << 16];
  size_t n;
} Model;

static Status model_step(void *self, void *const *in, int64_t n, double lr, int64_t t,
                         double *loss) {
  Model *m = self;
  const double *x = in[0], *y = in[1];
  double gw[2] = {0, 0}, gb = 0, sum = 0;
  for (int64_t i = 0; i < n; i++) {
    double e = x[2 * i] * m->w[0] + x[2 * i + 1] * m->w[1] + m->b - y[i];
    sum += e * e;
    gw[0] += 2 * e * x[2 * i], gw[1] += 2 * e * x[2 * i + 1], gb += 2 * e;
  }
  *loss = sum / (double)n;
  for (int k = 0; k < 2; k++) {
    m->mw[k] = 0.5 * m->mw[k] + gw[k] / (double)n;
    m->w[k] -= lr * m->mw[k];
  }
  m->mb = 0.5 * m->mb + gb / (double)n;
  m->b -= lr * m->mb;
  if (t == m->bad_step) m->w[1] = NAN; /* the gradient of this step, as it were */
  m->steps++;
  if (t == m->stop_at) m->stop = 1;
  return ST_OK;
}

static Status model_evaluate(void *self, int metric, void *const *in, int64_t n, double *value) {
  Model *m = self;
  const double *x = in[0], *y = in[1];
  *value = 0;
  for (int64_t i = 0; i < n; i++) {
    double e = x[2 * i] * m->w[0] + x[2 * i + 1] * m->w[1] + m->b - y[i];
    *value += metric ? fabs(e) < 0.5 : e * e;
  }
  *value /= (double)n;
  if (!metric) m->evaluated += n;
  return ST_OK;
}

static void model_explain(void *self, Diag *d, void *const *in, int64_t n, double lr, int64_t t) {
  Model *m = self;
  (void)in, (void)n, (void)lr;
  m->explained = t;
  m->before = m->w[0];
  diag_note(cx, d, "the model said why");
}

static void model_write(void *self, const char *text, size_t n) {
  Model *m = self;
  ck_assert_uint_lt(m->n + n, sizeof m->screen);
  memcpy(m->screen + m->n, text, n);
  m->screen[m->n += n] = 0;
}

typedef struct Fixture {
  Model model;
  Weight param[2], state[2];
  TrainJob job;
  TrainOptions opt;
  TrainResult result;
} Fixture;

static Dataset *regression_data(void) {
  double x[EXAMPLES][2], y[EXAMPLES];
  for (int i = 0; i < EXAMPLES; i++) {
    x[i][0] = sin(i), x[i][1] = cos(3 * i);
    y[i] = 2 * x[i][0] - 3 * x[i][1] + 0.5;
  }
  save_array(in_dir("x.npy"), "", ELEM_F64, 2, (int64_t[]){EXAMPLES, 2}, x);
  save_array(in_dir("y.npy"), "", ELEM_F64, 1, (int64_t[]){EXAMPLES}, y);
  Dim n = dim_named(cx, name_of(cx, "N"));
  Input in[2] = {arg("x", T_F64, 2, n, 2), arg("y", T_F64, 1, n, 0)};
  DataSource src = data_source(cx, dir);
  return dataset_open(cx, cx->arena, &src, 1, in, 2, NULL);
}

static Fixture *fixture(void) {
  static const char *const metrics[] = {"loss", "close"};
  Fixture *f = NEW(cx->arena, Fixture);
  Model *m = &f->model;
  m->w[0] = m->w[1] = 0.1;
  f->param[0] = weight("w", T_F64, 1, 2, 0, m->w), f->param[1] = weight("b", T_F64, 0, 0, 0, &m->b);
  f->state[0] = weight("m/w", T_F64, 1, 2, 0, m->mw),
  f->state[1] = weight("m/b", T_F64, 0, 0, 0, &m->mb);
  f->job = (TrainJob){.cx = cx,
                      .data = regression_data(),
                      .param = f->param,
                      .nparams = 2,
                      .state = f->state,
                      .nstate = 2,
                      .metric = metrics,
                      .nmetrics = 2,
                      .stepper = {m, model_step, model_evaluate, model_explain}};
  f->opt = (TrainOptions){.epochs = 12,
                          .batch = BATCH,
                          .lr = 0.1,
                          .seed = 5,
                          .stop = &m->stop,
                          .out = {.write = model_write, .arg = m}};
  return f;
}

static Status go(Fixture *f) { return train_run(&f->job, &f->opt, &f->result); }

START_TEST(training_converges) {
  Fixture *f = fixture();
  f->job.val = f->job.data;
  f->opt.eval_batch = 20;
  f->opt.save = in_dir("w.safetensors");
  ck_assert_int_eq(go(f), ST_OK);
  expect_none();
  ck_assert_int_eq(f->result.epochs, 12);
  ck_assert_int_eq(f->result.steps, 12 * (EXAMPLES / BATCH));
  ck_assert_int_eq(f->model.steps, f->result.steps);
  ck_assert_int_eq(f->model.evaluated, 12 * EXAMPLES);
  ck_assert_double_lt(fabs(f->model.w[1] + 3), 0.02);
  double loss;
  void *const all[2] = {f->job.data->in[0].array->data, f->job.data->in[1].array->data};
  model_evaluate(&f->model, 0, all, EXAMPLES, &loss); /* in one batch: the same but for rounding */
  ck_assert_double_lt(fabs(loss - f->result.metric[0]), 1e-12);
  ck_assert_double_eq(f->result.metric[1], 1);
  double w = f->model.w[0];
  f->model.w[0] = 0;
  ck_assert_int_eq(weights_load(cx, f->opt.save, f->param, 2), ST_OK);
  ck_assert_double_eq(f->model.w[0], w);
}
END_TEST

START_TEST(plain_lines_without_a_terminal) {
  Fixture *f = fixture();
  f->opt.epochs = 2;
  ck_assert_int_eq(go(f), ST_OK);
  int lines = 0;
  for (const char *p = f->model.screen; *p; p++) {
    ck_assert_msg(*p == '\n' || (*p >= ' ' && *p < 127), "control character %d", *p);
    lines += *p == '\n';
  }
  ck_assert_int_eq(lines, 2);
  ck_assert_ptr_nonnull(strstr(f->model.screen, "epoch 2/2  loss "));
  ck_assert_ptr_nonnull(
      strstr(f->model.screen, "train close ")); /* no validation data: at the end */
}
END_TEST

START_TEST(a_terminal_line_and_a_curve) {
  Fixture *f = fixture();
  f->opt.out.terminal = true;
  f->opt.out.columns = 60;
  f->opt.plot = "-";
  ck_assert_int_eq(go(f), ST_OK);
  ck_assert_ptr_nonnull(strchr(f->model.screen, '*'));
  for (const char *p = f->model.screen; *p;) {
    size_t n = strcspn(p, "\r\n");
    if (p[n] == '\r') ck_assert_uint_lt(n, 60 + 6); /* what is written over: with two escapes */
    p += n + (p[n] != 0);
  }
  f->opt.plot = in_dir("loss.svg");
  ck_assert_int_eq(go(f), ST_OK);
  FILE *svg = fopen(f->opt.plot, "r");
  char text[4] = "";
  ck_assert_ptr_nonnull(svg);
  ck_assert_uint_eq(fread(text, 1, 4, svg), 4);
  fclose(svg);
  ck_assert_mem_eq(text, "<svg", 4);
}
END_TEST

START_TEST(the_log_is_json_lines) {
  Fixture *f = fixture();
  f->opt.epochs = 3;
  f->opt.log = in_dir("run.jsonl");
  f->opt.log_every = 5;
  ck_assert_int_eq(go(f), ST_OK);
  FILE *log = fopen(f->opt.log, "r");
  char line[1000];
  int n = 0, steps = 0, epochs = 0;
  ck_assert_ptr_nonnull(log);
  while (fgets(line, sizeof line, log)) {
    n++;
    ck_assert(line[0] == '{' && strchr(line, '}') && line[strlen(line) - 1] == '\n');
    steps += strstr(line, "\"event\":\"step\"") != NULL;
    epochs += strstr(line, "\"event\":\"epoch\"") != NULL;
  }
  fclose(log);
  ck_assert_int_eq(steps, 6);
  ck_assert_int_eq(epochs, 3);
  ck_assert_int_eq(n, 6 + 3 + 2);
  f->opt.log = in_dir("no/such/dir.jsonl");
  ck_assert_int_eq(go(f), ST_OK);
  expect_diag(E0627, "No such file");
}
END_TEST

/* Stopped at any step, by the user, and resumed by another process: the same bits in the end. */
START_TEST(resuming_is_exact) {
  Fixture *whole = fixture();
  ck_assert_int_eq(go(whole), ST_OK);
  for (int64_t stop = 1; stop < 30; stop += 4) {
    Fixture *a = fixture(), *b = fixture();
    a->opt.resume = b->opt.resume = in_dir("c.safetensors");
    unlink(a->opt.resume);
    a->model.stop_at = stop;
    ck_assert_int_eq(go(a), ST_INTERRUPTED);
    ck_assert_int_eq(a->result.steps, stop);
    ck_assert_int_eq(go(b), ST_OK);
    expect_none();
    ck_assert_ptr_nonnull(strstr(b->model.screen, "resumed"));
    ck_assert_int_eq(b->model.steps, whole->model.steps - stop);
    ck_assert_mem_eq(b->model.w, whole->model.w, sizeof b->model.w);
    ck_assert_mem_eq(b->model.mw, whole->model.mw, sizeof b->model.mw);
    ck_assert_double_eq(b->result.loss, whole->result.loss);
    ck_assert_double_eq(b->result.metric[0], whole->result.metric[0]);
  }
  Fixture *c = fixture();
  c->opt.resume = in_dir("c.safetensors");
  c->opt.seed = 6;
  ck_assert_int_eq(go(c), ST_DATA);
  expect_diag(E0626, "its seed is 5, here it is 6");
  c->opt.seed = 5;
  ck_assert_int_eq(weights_save(cx, in_dir("p.safetensors"), c->param, 2), ST_OK);
  c->opt.resume = in_dir("p.safetensors");
  ck_assert_int_eq(go(c), ST_DATA);
  expect_diag(E0626, "not a checkpoint");
  ck_assert_int_eq(weights_load(cx, in_dir("c.safetensors"), c->param, 2), ST_OK); /* as weights */
  expect_none();
}
END_TEST

/* A step makes a parameter NaN; the loss shows it one step later; the culprit is the first step,
 * the weights kept are those before it, whatever the distance to the last snapshot. */
START_TEST(nan_is_traced_to_its_step) {
  for (int64_t every = 1; every < 30; every += 7)
    for (int64_t bad = 1; bad < 25; bad += 3) {
      Fixture *f = fixture(), *good = fixture();
      good->model.stop_at = bad - 1;
      if (bad > 1) ck_assert_int_eq(go(good), ST_INTERRUPTED);
      f->model.bad_step = bad;
      f->opt.snapshot_every = every;
      f->opt.save = in_dir("w.npz");
      ck_assert_int_eq(go(f), ST_FINDINGS);
      ck_assert_int_eq(f->model.explained, bad);
      ck_assert_int_eq(f->result.steps, bad - 1);
      ck_assert_mem_eq(f->model.w, good->model.w, sizeof f->model.w);
      ck_assert_mem_eq(f->model.mw, good->model.mw, sizeof f->model.mw);
      ck_assert_double_eq(f->model.before, good->model.w[0]);
      expect_diag(E0711, name_fmt(cx, "epoch %d, step %d", (int)((bad - 1) / 10 + 1),
                                  (int)((bad - 1) % 10 + 1)));
      f->model.w[1] = 0;
      ck_assert_int_eq(weights_load(cx, f->opt.save, f->param, 2), ST_OK);
      ck_assert_double_eq(f->model.w[1], good->model.w[1]);
    }
}
END_TEST

START_TEST(a_diverging_run_stops) {
  Fixture *f = fixture();
  f->opt.lr = 1e10;
  f->opt.epochs = 100;
  ck_assert_int_eq(go(f), ST_FINDINGS);
  ck_assert(isfinite(f->model.w[0]) && isfinite(f->model.b));
  ck_assert_int_gt(f->model.explained, 0);
  expect_diag(E0711, "infinite");
}
END_TEST

START_TEST(options_out_of_range) {
  Fixture *f = fixture();
  f->opt.batch = EXAMPLES + 1;
  ck_assert_int_eq(go(f), ST_USAGE);
  expect_diag(E0628, "--batch 104: there are 103 examples");
  f->opt.batch = EXAMPLES;
  f->opt.epochs = -1;
  ck_assert_int_eq(go(f), ST_USAGE);
  expect_diag(E0628, "--epochs");
  f->opt.epochs = 1;
  f->opt.save = in_dir("w.pt");
  ck_assert_int_eq(go(f), ST_DATA);
  expect_diag(E0621, "w.pt");
  f->opt.save = NULL;
  f->opt.epochs = 0;
  ck_assert_int_eq(go(f), ST_OK); /* measures the weights as they are */
  ck_assert(!isnan(f->result.metric[0]));
  ck_assert_int_eq(f->model.steps, 0);
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

Suite *train_suite(void);
Suite *train_suite(void) {
  Suite *s = suite_create("train");
  TCase *t = tcase_create("train");
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_test(t, conversions);
  tcase_add_test(t, shuffling);
  tcase_add_test(t, data_from_a_folder);
  tcase_add_test(t, data_by_name_and_from_archives);
  tcase_add_test(t, data_that_do_not_fit);
  tcase_add_test(t, whole_arguments_and_given_sizes);
  tcase_add_test(t, data_of_a_series);
  tcase_add_test(t, weights_there_and_back);
  tcase_add_test(t, training_converges);
  tcase_add_test(t, plain_lines_without_a_terminal);
  tcase_add_test(t, a_terminal_line_and_a_curve);
  tcase_add_test(t, the_log_is_json_lines);
  tcase_add_test(t, resuming_is_exact);
  tcase_add_test(t, nan_is_traced_to_its_step);
  tcase_add_test(t, a_diverging_run_stops);
  tcase_add_test(t, options_out_of_range);
  tcase_add_test(t, inspecting);
  suite_add_tcase(s, t);
  return s;
}
