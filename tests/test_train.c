/* test_train.c: the training loop, with a model computed here by hand: linear regression with
 * momentum, y = x @ w + b. */
#include "data_case.h"
#include "train/convert.h"
#include "train/train.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

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
  DataSource src = data_source(cx, data_dir);
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
  f->opt.log = in_dir("no/such/data_dir.jsonl");
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

static Status go_under_guard(void *f) { return go(f); }

START_TEST(options_at_the_edge) {
  Fixture *f = fixture();
  f->opt.batch = EXAMPLES + 1; /* a bug of the caller's, who is to say so himself */
  ck_assert_int_eq(cx_guard(cx, go_under_guard, f), ST_INTERNAL);
  f->opt.batch = EXAMPLES;
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

Suite *train_suite(void);
Suite *train_suite(void) {
  Suite *s = suite_create("train");
  TCase *t = tcase_create("train");
  tcase_add_checked_fixture(t, data_set_up, data_tear_down);
  tcase_add_test(t, training_converges);
  tcase_add_test(t, plain_lines_without_a_terminal);
  tcase_add_test(t, a_terminal_line_and_a_curve);
  tcase_add_test(t, the_log_is_json_lines);
  tcase_add_test(t, resuming_is_exact);
  tcase_add_test(t, nan_is_traced_to_its_step);
  tcase_add_test(t, a_diverging_run_stops);
  tcase_add_test(t, options_at_the_edge);
  suite_add_tcase(s, t);
  return s;
}
