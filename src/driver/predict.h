/* predict.h: a function over a data set, batch by batch, its results into a file. */
#ifndef GRADC_PREDICT_H
#define GRADC_PREDICT_H

#include "driver/session.h"
#include "train/dataset.h"
#include "train/train.h"

typedef struct PredictOptions {
  const char *function; /* its name, or a derivative: "grad(loss)" */
  const DataSource *data;
  int ndata;
  const char *load;   /* weights; NULL: the parameters as they are */
  const char *output; /* .npy, .npz, .safetensors or .csv */
  int64_t batch;      /* 0: 256, or all examples at once where a result isn't one row for each */
  int threads;
  bool trap_nan; /* a result that isn't finite is E0712, which says where it first arose */
  const volatile sig_atomic_t *stop; /* not 0: end without writing; may be NULL */
  bool (*tick)(void *arg, int64_t batch,
               int64_t batches); /* after each batch; true: stop. May be NULL */
  void *tick_arg;
  TrainOut out;
} PredictOptions;

typedef struct PredictReport {
  int64_t examples;
  double seconds; /* without compiling */
} PredictReport;

/* Inside session_run. ST_INTERRUPTED when it was stopped. */
Status predict_run(Session *s, const PredictOptions *o, PredictReport *out);

#endif
