/* train.c: the training loop. See train.h for what it promises. */
#include "train/train.h"

#include "train/checkpoint.h"
#include "train/progress.h"

#include <math.h>
#include <stdlib.h>

typedef struct Batches { /* memory for the batches of a data set */
  const Dataset *ds;
  void **in; /* one per argument, aligned to 64 */
  Arena *arena;
} Batches;

typedef struct Run {
  const TrainJob *job;
  const TrainOptions *opt;
  Cx *cx;
  Batches train;
  int64_t *order;
  int64_t order_of; /* the epoch `order` belongs to; -1: none */
  int64_t steps;    /* per epoch */
  Position at;
  Snapshot good;
  bool *was_finite; /* per parameter: no NaN or infinity at the start */
  double value[TRAIN_MAX_METRICS];
  Progress *progress;
} Run;

/* ---- batches ---- */
static void batches_free(Batches *b) {
  arena_free(b->arena);
  b->arena = NULL;
}

static void batches_new(Batches *b, const Dataset *ds, int64_t batch) {
  *b = (Batches){ds, NULL, arena_new(ds->cx)};
  b->in = NEWS(b->arena, void *, ds->nin + 1);
  for (int k = 0; k < ds->nin; k++) {
    char *at = arena_alloc(b->arena, dataset_batch_bytes(ds, k, batch) + 64);
    b->in[k] = at + (64 - (uintptr_t)at % 64) % 64;
  }
}

static void batches_fill(const Batches *b, const int64_t *index, int64_t first, int64_t n) {
  for (int k = 0; k < b->ds->nin; k++) dataset_batch(b->ds, k, index, first, n, b->in[k]);
}

static bool stopped(const volatile sig_atomic_t *stop) { return stop && *stop; }

/* What a function has just found wrong in its data (E0713), or NULL. */
static Diag *finding(const Run *r, Status s) {
  int n = r->cx->diags->list.n;
  return s == ST_FINDINGS && n ? r->cx->diags->list.at[n - 1] : NULL;
}

/* ---- evaluation ---- */
static Status evaluate_batches(const Stepper *s, const Batches *b, int first, int last,
                               int64_t batch, const volatile sig_atomic_t *stop, double *value) {
  int64_t n = b->ds->examples;
  for (int m = first; m < last; m++) value[m] = 0;
  for (int64_t at = 0; at < n; at += batch) {
    int64_t now = MIN(batch, n - at);
    if (stopped(stop)) return ST_INTERRUPTED;
    batches_fill(b, NULL, at, now);
    for (int m = first; m < last; m++) {
      double v = 0;
      Status st = s->evaluate(s->self, m, b->in, now, &v);
      if (st != ST_OK) return st;
      value[m] += v * (double)now;
    }
  }
  for (int m = first; m < last; m++) value[m] /= (double)n;
  return ST_OK;
}

static Status evaluate(const Stepper *s, const Dataset *ds, int first, int last, int64_t batch,
                       const volatile sig_atomic_t *stop, double *value) {
  Batches b;
  batch = MIN(batch, ds->examples);
  if (first >= last) return ST_OK;
  batches_new(&b, ds, batch);
  Status st = evaluate_batches(s, &b, first, last, batch, stop, value);
  batches_free(&b);
  return st;
}

Status train_evaluate(Cx *cx, const Stepper *s, const Dataset *ds, int nmetrics, int64_t batch,
                      const volatile sig_atomic_t *stop, double *value) {
  (void)cx;
  return evaluate(s, ds, 0, nmetrics, batch, stop, value);
}

/* Validation data: after every epoch. Without them: the training data, after the last epoch. */
static Status measure(Run *r) {
  const TrainJob *j = r->job;
  int64_t batch = r->opt->eval_batch ? r->opt->eval_batch : r->opt->batch;
  for (int m = 0; m < j->nmetrics; m++) r->value[m] = NAN;
  if (!j->val && r->at.epoch < r->opt->epochs) return ST_OK;
  const Dataset *ds = j->val ? j->val : j->data;
  Status s = evaluate(&j->stepper, ds, 0, j->nmetrics, batch, r->opt->stop, r->value);
  Diag *found = finding(r, s);
  if (found)
    diag_note(r->cx, found, "where the functions were measured on the %s data, after epoch %lld",
              j->val ? "validation" : "training", (long long)r->at.epoch);
  if (s != ST_OK)
    for (int m = 0; m < j->nmetrics; m++) r->value[m] = NAN;
  return s;
}

/* ---- one step ---- */
static void fill_step(Run *r, const Position *at) {
  if (!r->job->data->nin) return;
  if (r->order_of != at->epoch) {
    if (r->opt->in_order)
      for (int64_t i = 0; i < r->job->data->examples; i++) r->order[i] = i;
    else dataset_shuffle(r->opt->seed, (uint64_t)at->epoch, r->order, r->job->data->examples);
    r->order_of = at->epoch;
  }
  batches_fill(&r->train, r->order + at->step * r->opt->batch, 0, r->opt->batch);
}

/* The learning rate of the step after position at. */
static double learning_rate(const Run *r, const Position *at) {
  const TrainOptions *o = r->opt;
  double total = (double)o->epochs * (double)r->steps;
  double done = total > 0 ? (double)at->t / total : 0;
  switch (o->decay) {
  case DECAY_LINEAR: return o->lr * fmax(0, 1 - done);
  case DECAY_COSINE: return o->lr * 0.5 * (1 + cos(3.14159265358979323846 * fmin(done, 1)));
  case DECAY_CONSTANT: break;
  }
  return o->lr;
}

static Status step(Run *r, double *loss) {
  const Stepper *s = &r->job->stepper;
  fill_step(r, &r->at);
  Status st =
      s->step(s->self, r->train.in, r->opt->batch, learning_rate(r, &r->at), r->at.t + 1, loss);
  Diag *found = finding(r, st);
  if (found)
    diag_note(r->cx, found, "in epoch %lld, step %lld; the weights kept are those before this step",
              (long long)r->at.epoch + 1, (long long)r->at.step + 1);
  if (st != ST_OK) return st;
  r->at.step++;
  r->at.t++;
  r->at.loss_sum += *loss;
  return ST_OK;
}

static int bad_param(const Run *r) {
  for (int i = 0; i < r->job->nparams; i++)
    if (r->was_finite[i] && !weight_is_finite(&r->job->param[i])) return i;
  return -1;
}

/* ---- values that are not numbers ---- */
static void report(Run *r, const Position *at, double loss, int param) {
  Diag *d;
  Span place = param >= 0 ? r->job->param[param].span : (Span){0};
  long long epoch = at->epoch + 1, n = at->step + 1;
  if (!isfinite(loss))
    d = diag(r->cx, E0711, (Span){0}, "the loss became %s in epoch %lld, step %lld",
             isnan(loss) ? "NaN" : "infinite", epoch, n);
  else
    d = diag(r->cx, E0711, place,
             "the parameter `%s` became NaN or infinite in epoch %lld, step %lld",
             param >= 0 ? r->job->param[param].name : "?", epoch, n);
  const Stepper *s = &r->job->stepper;
  if (s->explain)
    s->explain(s->self, d, r->train.in, r->opt->batch, learning_rate(r, at), at->t + 1);
  diag_note(r->cx, d, "the weights kept are those before this step");
}

/* Something became NaN or infinite at or before the present step, and after the last snapshot.
 * Steps are deterministic: doing them again from the snapshot, and looking after each, finds the
 * one. The run is left in the state before it. */
static Status find_culprit(Run *r) {
  Position end = r->at;
  snapshot_restore(&r->good, r->job, &r->at);
  while (r->at.t < end.t) {
    Position before = r->at;
    double loss = 0;
    Status st = step(r, &loss);
    if (st != ST_OK) return st;
    int param = bad_param(r);
    if (isfinite(loss) && param < 0) {
      snapshot_take(&r->good, r->job, &r->at);
      continue;
    }
    snapshot_restore(&r->good, r->job, &r->at);
    fill_step(r, &before);
    report(r, &before, loss, param);
    return ST_FINDINGS;
  }
  diag(r->cx, E0711, (Span){0}, "a value was not finite, but not when the steps were done again");
  return ST_FINDINGS;
}

static Status keep_good(Run *r) {
  if (bad_param(r) >= 0) return find_culprit(r);
  snapshot_take(&r->good, r->job, &r->at);
  return ST_OK;
}

/* ---- files ---- */
static Status save(Run *r) {
  Status s = ST_OK;
  if (r->opt->save) s = weights_save(r->cx, r->opt->save, r->job->param, r->job->nparams);
  if (s == ST_OK && r->opt->resume) s = checkpoint_save(r->job, r->opt, &r->at);
  return s;
}

/* ---- epochs ---- */
static Status steps_of_epoch(Run *r) {
  int64_t every = r->opt->snapshot_every ? r->opt->snapshot_every : 200;
  while (r->at.step < r->steps) {
    double loss = 0;
    if (stopped(r->opt->stop)) return ST_INTERRUPTED;
    Status s = step(r, &loss);
    if (s != ST_OK) return s;
    if (!isfinite(loss)) return find_culprit(r);
    if (r->at.t % every == 0 && (s = keep_good(r)) != ST_OK) return s;
    double mean = r->at.loss_sum / (double)r->at.step;
    progress_step(r->progress, r->at.epoch + 1, r->at.step, r->at.t, loss, mean);
    if (r->opt->tick && r->opt->tick(r->opt->tick_arg, r->at.epoch + 1, r->at.step, r->steps, mean))
      return ST_INTERRUPTED;
  }
  return ST_OK;
}

static Status epoch(Run *r) {
  double began = progress_clock();
  Status s = steps_of_epoch(r);
  if (s != ST_OK) return s;
  Position next = {.epoch = r->at.epoch + 1, .t = r->at.t};
  next.last_loss = r->steps ? r->at.loss_sum / (double)r->steps : (double)NAN;
  if ((s = keep_good(r)) != ST_OK) return s;
  r->at = next;
  r->good.at = next;
  /* saved before it is measured: a long evaluation must not put the epoch's work at risk */
  if ((s = save(r)) != ST_OK) return s;
  s = measure(r);
  if (s == ST_OK || s == ST_INTERRUPTED)
    progress_epoch(r->progress, r->at.epoch, r->at.t, r->at.last_loss, r->value,
                   r->job->val != NULL, progress_clock() - began);
  return s;
}

static Status epochs(Run *r) {
  Status s = ST_OK;
  while (s == ST_OK && r->at.epoch < r->opt->epochs) s = epoch(r);
  /* a finished checkpoint was resumed, or no epoch was asked for: still say how good the weights
   * are */
  if (s == ST_OK && isnan(r->value[0])) s = measure(r);
  if (s != ST_INTERRUPTED && s != ST_FINDINGS) return s;
  /* Interrupted weights are checked like others: the last steps may have spoiled them. */
  Status found = s == ST_INTERRUPTED ? keep_good(r) : ST_OK;
  if (found != ST_OK) s = found;
  Status saved = save(r);
  return saved != ST_OK ? saved : s;
}

int64_t train_steps(const TrainJob *job, const TrainOptions *opt) {
  enum { WITHOUT_DATA = 100 };
  if (!job->data->nin) return opt->steps ? opt->steps : WITHOUT_DATA;
  int64_t whole = job->data->examples / opt->batch;
  return opt->steps ? MIN(opt->steps, whole) : whole;
}

/* ---- the run ---- */
Status train_can_write(Cx *cx, const TrainOptions *opt) {
  if (opt->save && !weights_can_save(cx, opt->save)) return ST_DATA;
  return opt->resume && !checkpoint_can_save(cx, opt->resume) ? ST_DATA : ST_OK;
}

/* Whoever takes options from a user has refused such ones with words of its own. */
static void check_options(const TrainJob *job, const TrainOptions *opt) {
  bool good = opt->epochs >= 0 && opt->batch >= 1 && isfinite(opt->lr) && opt->steps >= 0 &&
              opt->eval_batch >= 0 && opt->snapshot_every >= 0 && opt->log_every >= 0 &&
              (!job->data->nin || opt->batch <= job->data->examples);
  if (!good) cx_bug(job->cx, "training options out of range");
}

static bool set_up(Run *r) {
  const TrainJob *j = r->job;
  r->order = malloc(sizeof *r->order * (size_t)j->data->examples);
  r->was_finite = calloc((size_t)j->nparams + 1, sizeof *r->was_finite);
  if (!r->order || !r->was_finite || !snapshot_new(&r->good, j)) return false;
  batches_new(&r->train, j->data, r->opt->batch);
  return true;
}

static void tear_down(Run *r) {
  batches_free(&r->train);
  snapshot_free(&r->good);
  free(r->order);
  free(r->was_finite);
}

static Status run(Run *r, TrainResult *result) {
  bool resumed = false;
  Status s = ST_OK;
  if (r->opt->resume) s = checkpoint_load(r->job, r->opt, &r->at, &resumed);
  if (s != ST_OK) return s;
  for (int i = 0; i < r->job->nparams; i++) r->was_finite[i] = weight_is_finite(&r->job->param[i]);
  for (int i = 0; i < TRAIN_MAX_METRICS; i++) r->value[i] = NAN;
  snapshot_take(&r->good, r->job, &r->at);
  progress_start(r->progress, r->job, r->opt, r->steps, r->at.t);
  if (resumed)
    progress_say(r->progress, "resumed from %s after %lld steps", r->opt->resume,
                 (long long)r->at.t);
  s = epochs(r);
  *result = (TrainResult){.epochs = r->at.epoch, .steps = r->at.t, .loss = r->at.last_loss};
  if (r->at.step) result->loss = r->at.loss_sum / (double)r->at.step;
  memcpy(result->metric, r->value, sizeof r->value);
  result->seconds = progress_clock() - r->progress->began;
  progress_end(r->progress, s, result);
  return s;
}

typedef struct Guarded {
  Run *r;
  TrainResult *result;
  bool done;
} Guarded;

static Status run_guarded(void *arg) {
  Guarded *g = arg;
  Status s = set_up(g->r) ? run(g->r, g->result) : ST_MEMORY;
  g->done = true;
  return s;
}

Status train_run(const TrainJob *job, const TrainOptions *opt, TrainResult *result) {
  *result = (TrainResult){.loss = NAN};
  if (job->nmetrics > TRAIN_MAX_METRICS) cx_bug(job->cx, "more than 32 metrics");
  check_options(job, opt);
  Status s = train_can_write(job->cx, opt);
  if (s != ST_OK) return s;
  Run r = {.job = job, .opt = opt, .cx = job->cx, .order_of = -1};
  r.at.last_loss = NAN;
  r.steps = train_steps(job, opt);
  r.progress = NEW(job->cx->arena, Progress);
  /* guarded: what is not the context's is given back also when memory runs out on the way */
  Guarded g = {.r = &r, .result = result};
  s = cx_guard(job->cx, run_guarded, &g);
  bool unwound = !g.done;
  progress_close(r.progress);
  tear_down(&r);
  if (unwound) cx_unwind_again(job->cx);
  return s;
}
