/* job.c: training and prediction over whole data sets: what `gradc train` and `gradc predict` do.
 */
#include "api/api.h"
#include "driver/predict.h"
#include "driver/trainer.h"
#include "train/convert.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

typedef enum JobKind { JOB_TRAIN = 1, JOB_PREDICT = 2, JOB_BOTH = 3 } JobKind;

typedef enum NumberId {
#define NUMBER(id, name, kinds, whole, least, most) N_##id,
#define TEXT(id, name, kinds)
#include "api/job.def"
#undef NUMBER
#undef TEXT
  N_COUNT
} NumberId;
typedef enum TextId {
#define NUMBER(id, name, kinds, whole, least, most)
#define TEXT(id, name, kinds) X_##id,
#include "api/job.def"
#undef NUMBER
#undef TEXT
  X_COUNT
} TextId;

static const struct {
  const char *name;
  int kinds;
  bool whole;
  double least, most;
} number_info[N_COUNT] = {
#define NUMBER(id, name, kinds, whole, least, most) {name, kinds, whole, least, most},
#define TEXT(id, name, kinds)
#include "api/job.def"
#undef NUMBER
#undef TEXT
};
static const struct {
  const char *name;
  int kinds;
} text_info[X_COUNT] = {
#define NUMBER(id, name, kinds, whole, least, most)
#define TEXT(id, name, kinds) {name, kinds},
#include "api/job.def"
#undef NUMBER
#undef TEXT
};

struct gradc_job {
  gradc_context *gc;
  JobKind kind;
  Arena *arena; /* of what the caller sets */
  const char *function;
  Vec(DataSource) data, val;
  bool has[N_COUNT];
  double number[N_COUNT];
  const char *text[X_COUNT]; /* NULL: not set */
  gradc_progress_fn progress;
  void *progress_arg;
  TrainOut out;
  volatile sig_atomic_t stop;
  bool done;
  TrainerReport trained;
  PredictReport predicted;
};

/* ---- setting up ---- */
static gradc_status new_job(gradc_context *gc, JobKind kind, const char *function,
                            gradc_job **out) {
  API_RETURN_UNLESS(gc && out);
  *out = NULL;
  if (gc->broken != GRADC_OK) return gc->broken;
  gradc_job *j = calloc(1, sizeof *j);
  Arena *a = j ? arena_new(NULL) : NULL;
  if (a) j->function = function ? arena_copy(a, function, strlen(function) + 1) : NULL;
  if (!a || (function && !j->function)) {
    arena_free(a);
    free(j);
    return GRADC_MEMORY;
  }
  j->gc = gc;
  j->kind = kind;
  j->arena = a;
  *out = j;
  return GRADC_OK;
}

gradc_status gradc_job_train(gradc_context *gc, gradc_job **out) {
  return new_job(gc, JOB_TRAIN, NULL, out);
}

gradc_status gradc_job_predict(gradc_context *gc, const char *function, gradc_job **out) {
  API_RETURN_UNLESS(function);
  return new_job(gc, JOB_PREDICT, function, out);
}

void gradc_job_free(gradc_job *j) {
  if (!j) return;
  arena_free(j->arena);
  free(j);
}

typedef struct Adding {
  gradc_job *j;
  const char *source;
  bool val;
  DataSource made;
} Adding;

static Status add_source(Session *s, void *arg) {
  Adding *a = arg;
  DataSource src = a->source ? data_source(s->cx, a->source) : a->made;
  if (a->val) vec_push(s->cx->arena, &a->j->val, src);
  else vec_push(s->cx->arena, &a->j->data, src);
  return ST_OK;
}

gradc_status gradc_job_data(gradc_job *j, const char *source) {
  API_RETURN_UNLESS(j && source);
  Adding a = {.j = j, .source = source};
  return api_run(j->gc, add_source, &a);
}

gradc_status gradc_job_validation(gradc_job *j, const char *source) {
  API_RETURN_UNLESS(j && source);
  if (j->kind != JOB_TRAIN)
    return (gradc_status)api_usage(j->gc, "a prediction has no validation data");
  Adding a = {.j = j, .source = source, .val = true};
  return api_run(j->gc, add_source, &a);
}

typedef struct MemoryArray {
  gradc_job *j;
  const char *name;
  gradc_type type;
  int rank;
  const int64_t *shape;
  const void *elements;
} MemoryArray;

static Status add_array(Session *s, void *arg) {
  const MemoryArray *m = arg;
  Array *a = NEW(s->cx->arena, Array);
  a->name = (char *)name_of(s->cx, m->name);
  a->type = elem_of((DType)m->type);
  a->rank = m->rank;
  for (int i = 0; i < m->rank; i++) a->dim[i] = m->shape[i];
  if (!array_size(a->type, a->rank, a->dim, &a->count, &a->bytes))
    return api_usage(m->j->gc, "the shape given for `%s` can't be that of an array", m->name);
  if (a->count && !m->elements)
    return api_usage(m->j->gc, "the elements of `%s` are a null pointer", m->name);
  a->data = (void *)m->elements;
  Adding add = {.j = m->j, .made = {.name = a->name, .path = "memory", .array = a}};
  return add_source(s, &add);
}

gradc_status gradc_job_array(gradc_job *j, const char *name, gradc_type type, int rank,
                             const int64_t *shape, const void *elements) {
  API_RETURN_UNLESS(j && name);
  if (!gradc_type_size(type) || rank < 0 || rank > ARRAY_MAX_RANK || (rank && !shape))
    return (gradc_status)api_usage(j->gc, "`%s`: the type, or the number of axes, is out of range",
                                   name);
  MemoryArray m = {j, name, type, rank, shape, elements};
  return api_run(j->gc, add_array, &m);
}

/* ---- options ---- */
gradc_status gradc_job_number(gradc_job *j, const char *option, double value) {
  API_RETURN_UNLESS(j && option);
  for (int i = 0; i < N_COUNT; i++) {
    if (strcmp(number_info[i].name, option) || !(number_info[i].kinds & j->kind)) continue;
    bool good = value >= number_info[i].least && value <= number_info[i].most &&
                (!number_info[i].whole || value == floor(value));
    if (!good)
      return (gradc_status)api_usage(j->gc, "%s takes a %snumber from %g to %g, not %g", option,
                                     number_info[i].whole ? "whole " : "", number_info[i].least,
                                     number_info[i].most, value);
    j->number[i] = value;
    j->has[i] = true;
    return GRADC_OK;
  }
  return (gradc_status)api_usage(j->gc, "this job has no option %s that takes a number", option);
}

static const char *const decay_word[] = {"constant", "linear", "cosine"};

static int decay_of(const char *word) {
  for (int i = 0; i < COUNT_OF(decay_word); i++)
    if (word && !strcmp(word, decay_word[i])) return i;
  return -1;
}

gradc_status gradc_job_text(gradc_job *j, const char *option, const char *value) {
  API_RETURN_UNLESS(j && option && value);
  for (int i = 0; i < X_COUNT; i++) {
    if (strcmp(text_info[i].name, option) || !(text_info[i].kinds & j->kind)) continue;
    if (i == X_DECAY && decay_of(value) < 0)
      return (gradc_status)api_usage(j->gc, "decay is constant, linear or cosine, not \"%s\"",
                                     value);
    char *copy = arena_copy(j->arena, value, strlen(value) + 1);
    if (!copy) return GRADC_MEMORY;
    j->text[i] = copy;
    return GRADC_OK;
  }
  return (gradc_status)api_usage(j->gc, "this job has no option %s that takes a text", option);
}

gradc_status gradc_job_on_progress(gradc_job *j, gradc_progress_fn fn, void *arg) {
  API_RETURN_UNLESS(j);
  j->progress = fn;
  j->progress_arg = arg;
  return GRADC_OK;
}

gradc_status gradc_job_on_text(gradc_job *j, gradc_text_fn fn, void *arg, int terminal,
                               int columns) {
  API_RETURN_UNLESS(j);
  j->out = (TrainOut){fn, arg, terminal != 0, columns};
  return GRADC_OK;
}

void gradc_job_stop(gradc_job *j) {
  if (j) j->stop = 1;
}

/* ---- running ---- */
static int64_t whole(const gradc_job *j, NumberId id, int64_t otherwise) {
  return j->has[id] ? (int64_t)j->number[id] : otherwise;
}

static bool train_tick(void *arg, int64_t epoch, int64_t step, int64_t steps, double loss) {
  gradc_job *j = arg;
  gradc_progress p = {epoch, whole(j, N_EPOCHS, 10), step, steps, loss};
  return j->progress(j->progress_arg, &p) != 0;
}

static bool predict_tick(void *arg, int64_t batch, int64_t batches) {
  gradc_job *j = arg;
  gradc_progress p = {1, 1, batch, batches, NAN};
  return j->progress(j->progress_arg, &p) != 0;
}

static void about(void *arg, const char *text) {
  const gradc_job *j = arg;
  if (j->out.write) j->out.write(j->out.arg, text, strlen(text));
}

static Status train(Session *s, gradc_job *j) {
  TrainerOptions o = {.data = j->data.at,
                      .ndata = j->data.n,
                      .val = j->val.at,
                      .nval = j->val.n,
                      .optimizer = j->text[X_OPTIMIZER] ? j->text[X_OPTIMIZER] : "sgd",
                      .load = j->text[X_LOAD],
                      .freeze = j->text[X_FREEZE],
                      .threads = j->gc->threads,
                      .about = about,
                      .about_arg = j};
  double usual_lr = strcmp(o.optimizer, "adam") ? 0.05 : 0.001;
  o.loop = (TrainOptions){.epochs = whole(j, N_EPOCHS, 10),
                          .batch = whole(j, N_BATCH, 64),
                          .steps = whole(j, N_STEPS, 0),
                          .eval_batch = whole(j, N_EVAL_BATCH, 0),
                          .lr = j->has[N_LR] ? j->number[N_LR] : usual_lr,
                          .decay = (TrainDecay)MAX(decay_of(j->text[X_DECAY]), 0),
                          .seed = (uint64_t)whole(j, N_SEED, 0),
                          .in_order = whole(j, N_NO_SHUFFLE, 0) != 0,
                          .save = j->text[X_SAVE],
                          .resume = j->text[X_RESUME],
                          .log = j->text[X_LOG],
                          .plot = j->text[X_PLOT],
                          .log_every = whole(j, N_LOG_EVERY, 0),
                          .snapshot_every = whole(j, N_TRAP_NAN, 0),
                          .stop = &j->stop,
                          .tick = j->progress ? train_tick : NULL,
                          .tick_arg = j,
                          .out = j->out};
  return trainer_run(s, &o, &j->trained);
}

static Status predict(Session *s, gradc_job *j) {
  PredictOptions o = {.function = j->function,
                      .data = j->data.at,
                      .ndata = j->data.n,
                      .load = j->text[X_LOAD],
                      .output = j->text[X_OUTPUT],
                      .batch = whole(j, N_BATCH, 0),
                      .threads = j->gc->threads,
                      .trap_nan = whole(j, N_TRAP_NAN, 0) != 0,
                      .stop = &j->stop,
                      .tick = j->progress ? predict_tick : NULL,
                      .tick_arg = j,
                      .out = j->out};
  if (!o.output) return api_usage(j->gc, "the job has no output: where do the results go?");
  return predict_run(s, &o, &j->predicted);
}

static Status run(Session *s, void *arg) {
  gradc_job *j = arg;
  for (int i = 0; i < j->data.n; i++) j->data.at[i].step = whole(j, N_WINDOW, 0);
  for (int i = 0; i < j->val.n; i++) j->val.at[i].step = whole(j, N_WINDOW, 0);
  return (j->kind == JOB_TRAIN ? train : predict)(s, j);
}

gradc_status gradc_job_run(gradc_job *j) {
  API_RETURN_UNLESS(j);
  if (j->kind == JOB_TRAIN && j->has[N_SEED]) j->gc->session->seed = (int64_t)j->number[N_SEED];
  gradc_status s = api_run(j->gc, run, j);
  j->done = s == GRADC_OK || s == GRADC_INTERRUPTED;
  return s;
}

gradc_status gradc_job_figure(const gradc_job *j, const char *name, double *out) {
  API_RETURN_UNLESS(j && name && out && j->done);
  const TrainResult *r = &j->trained.result;
  const struct {
    int kinds;
    const char *name;
    double value;
  } figure[] = {{JOB_TRAIN, "loss", r->loss},
                {JOB_TRAIN, "epochs", (double)r->epochs},
                {JOB_TRAIN, "steps", (double)r->steps},
                {JOB_TRAIN, "seconds", r->seconds},
                {JOB_PREDICT, "examples", (double)j->predicted.examples},
                {JOB_PREDICT, "seconds", j->predicted.seconds}};
  for (int i = 0; i < COUNT_OF(figure); i++)
    if ((figure[i].kinds & j->kind) && !strcmp(figure[i].name, name))
      return *out = figure[i].value, GRADC_OK;
  for (int i = 0; i < j->trained.nmetrics; i++)
    if (!strcmp(j->trained.metric[i], name)) return *out = r->metric[i], GRADC_OK;
  return GRADC_USAGE;
}
