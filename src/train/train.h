/* train.h: the training loop, whatever computes a step. In: data, the memory of the parameters and
 * of the optimiser's state, a Stepper (compiled code, or anything else that can do a step),
 * options. Out: trained parameters in that memory and in files, progress on a terminal or in plain
 * lines, a log.
 *
 * What can be relied on:
 *  - batches: each epoch goes through dataset_shuffle(seed, epoch); examples that don't fill the
 * last batch are left out of that epoch (another order leaves out others in the next)
 *  - evaluation covers every example exactly once; the value of a metric is the mean of its
 * batches' values weighted with their sizes, so a metric must be a mean over the examples
 *  - a run that was interrupted and resumed ends in the same bits as one that was not
 *  - parameters that hold a NaN or an infinity are never kept and never saved */
#ifndef GRADC_TRAIN_H
#define GRADC_TRAIN_H

#include "train/dataset.h"
#include "train/weights.h"

#include <signal.h>

typedef struct Stepper {
  void *self;
  /* One step on a batch: updates parameters and optimiser state in place and gives the loss before
   * the update. inputs: one pointer (aligned to 64) per argument of the data set; batch is always
   * TrainOptions.batch; t counts steps from 1. Anything but ST_OK ends the training. */
  Status (*step)(void *self, void *const *inputs, int64_t batch, double lr, int64_t t,
                 double *loss);
  /* Metric number `metric` with the present parameters. batch is eval_batch, or less for the last.
   */
  Status (*evaluate)(void *self, int metric, void *const *inputs, int64_t batch, double *value);
  /* May be NULL. Called when a step gave a NaN or infinite loss or parameter; the parameters and
   * the state are those before that step, inputs its batch. Adds to d which instruction and which
   * line of the source did it (it may set d->span). */
  void (*explain)(void *self, Diag *d, void *const *inputs, int64_t batch, double lr, int64_t t);
} Stepper;

typedef struct TrainOut {                               /* where progress goes */
  void (*write)(void *arg, const char *text, size_t n); /* NULL: nowhere */
  void *arg;
  bool terminal; /* may one line be written over and over? */
  int columns;   /* of the terminal; 0: 80 */
} TrainOut;

/* How the learning rate goes over a run of T steps; step t counts from 0.
 *   constant lr     linear lr (1 - t/T)     cosine lr (1 + cos(pi t/T)) / 2 */
typedef enum TrainDecay { DECAY_CONSTANT, DECAY_LINEAR, DECAY_COSINE } TrainDecay;

typedef struct TrainOptions {
  int64_t epochs, batch;
  int64_t steps;      /* of an epoch at most; 0: as many as the data fill, 100 without data */
  int64_t eval_batch; /* 0: as batch */
  double lr;          /* of the first step */
  TrainDecay decay;
  uint64_t seed;
  bool in_order;          /* no shuffling */
  const char *save;       /* weights: after each epoch and at the end; NULL: not */
  const char *resume;     /* checkpoint: continue from it where it exists; written as `save` is */
  const char *log;        /* JSON lines; NULL: not */
  const char *plot;       /* "-": a curve in text at the end; a file name: SVG; NULL: not */
  int64_t log_every;      /* also a log line every so many steps; 0: only epochs */
  int64_t snapshot_every; /* steps between copies of the last good weights; 0: 200 */
  const volatile sig_atomic_t *stop; /* not 0: finish the step, save, return ST_INTERRUPTED */
  /* May be NULL. Called after every step; true: as if `stop` were set. */
  bool (*tick)(void *arg, int64_t epoch, int64_t step, int64_t steps, double mean_loss);
  void *tick_arg;
  TrainOut out;
} TrainOptions;

typedef struct TrainJob {
  Cx *cx;
  const Dataset *data;
  const Dataset *val; /* may be NULL */
  Weight *param;
  int nparams;
  Weight *state; /* the optimiser's tensors, each with a name of its own */
  int nstate;
  const char *const *metric; /* names; metric 0 is the loss */
  int nmetrics;
  Stepper stepper;
} TrainJob;

enum { TRAIN_MAX_METRICS = 32 };
typedef struct TrainResult {
  int64_t epochs, steps; /* completed, also by the runs before a resume */
  double loss;           /* mean of the last epoch's steps */
  /* metrics after the last epoch: of the validation data, else of the training data (then metric 0
   * is measured too); NaN where nothing was measured */
  double metric[TRAIN_MAX_METRICS];
  double seconds; /* of this run */
} TrainResult;

/* Steps in an epoch. */
int64_t train_steps(const TrainJob *job, const TrainOptions *opt);
/* Whether the files the options name can be written, before hours are spent; ST_DATA after a
 * diagnostic. */
Status train_can_write(Cx *cx, const TrainOptions *opt);

/* ST_OK; ST_INTERRUPTED; ST_FINDINGS when the loss became NaN; ST_DATA when a file can't be used;
 * ST_USAGE for options out of range; or what a step returned. Everything but OK and INTERRUPTED has
 * left a diagnostic, except what the stepper's functions returned themselves. */
Status train_run(const TrainJob *job, const TrainOptions *opt, TrainResult *result);

/* All examples of ds through metrics 0..n-1; stops early when *stop is set (ST_INTERRUPTED). */
Status train_evaluate(Cx *cx, const Stepper *s, const Dataset *ds, int nmetrics, int64_t batch,
                      const volatile sig_atomic_t *stop, double *value);

/* inspect.c: the tensors of a file as a table for `gradc inspect`. */
Status train_inspect(Cx *cx, const char *path, Text *out);

#endif
