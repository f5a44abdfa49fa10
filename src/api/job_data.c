/* job_data.c: jobs over whole data sets: training and prediction. */
#include "api/job.h"
#include "train/convert.h"

#include <math.h>

/* ---- data ---- */
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

static bool train_tick(void *arg, int64_t epoch, int64_t step, int64_t steps, double loss) {
  gradc_job *j = arg;
  gradc_progress p = {epoch, job_whole(j, N_EPOCHS, 10), step, steps, loss};
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

static void use_windows(gradc_job *j) {
  for (int i = 0; i < j->data.n; i++) j->data.at[i].step = job_whole(j, N_WINDOW, 0);
  for (int i = 0; i < j->val.n; i++) j->val.at[i].step = job_whole(j, N_WINDOW, 0);
}

Status job_train(Session *s, gradc_job *j) {
  use_windows(j);
  TrainerOptions o = {.data = j->data.at,
                      .ndata = j->data.n,
                      .val = j->val.at,
                      .nval = j->val.n,
                      .optimizer = job_text(j, X_OPTIMIZER) ? job_text(j, X_OPTIMIZER) : "sgd",
                      .load = job_text(j, X_LOAD),
                      .freeze = job_text(j, X_FREEZE),
                      .threads = j->gc->threads,
                      .about = about,
                      .about_arg = j};
  double usual_lr = strcmp(o.optimizer, "adam") ? 0.05 : 0.001;
  o.loop = (TrainOptions){.epochs = job_whole(j, N_EPOCHS, 10),
                          .batch = job_whole(j, N_BATCH, 0),
                          .steps = job_whole(j, N_STEPS, 0),
                          .eval_batch = job_whole(j, N_EVAL_BATCH, 0),
                          .lr = j->has[N_LR] ? j->number[N_LR] : usual_lr,
                          .decay = (TrainDecay)job_choice(j, X_DECAY),
                          .seed = (uint64_t)job_whole(j, N_SEED, 0),
                          .in_order = job_whole(j, N_NO_SHUFFLE, 0) != 0,
                          .save = job_text(j, X_SAVE),
                          .resume = job_text(j, X_RESUME),
                          .log = job_text(j, X_LOG),
                          .plot = job_text(j, X_PLOT),
                          .log_every = job_whole(j, N_LOG_EVERY, 0),
                          .snapshot_every = job_whole(j, N_TRAP_NAN, 0),
                          .stop = &j->stop,
                          .tick = j->progress ? train_tick : NULL,
                          .tick_arg = j,
                          .out = j->out};
  return trainer_run(s, &o, &j->trained);
}

Status job_predict(Session *s, gradc_job *j) {
  use_windows(j);
  PredictOptions o = {.function = job_text(j, X_FUNCTION),
                      .data = j->data.at,
                      .ndata = j->data.n,
                      .load = job_text(j, X_LOAD),
                      .output = job_text(j, X_OUTPUT),
                      .batch = job_whole(j, N_BATCH, 0),
                      .threads = j->gc->threads,
                      .trap_nan = job_is(j, N_TRAP_NAN),
                      .stop = &j->stop,
                      .tick = j->progress ? predict_tick : NULL,
                      .tick_arg = j,
                      .out = j->out};
  if (!o.output) return api_usage(j->gc, "the job has no output: where do the results go?");
  return predict_run(s, &o, &j->predicted);
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
