/* trainer.h: training a program: its loss, its data, its parameters, compiled steps, and the loop
 * of train/ that drives them. */
#ifndef GRADC_TRAINER_H
#define GRADC_TRAINER_H

#include "driver/session.h"
#include "train/train.h"

typedef struct TrainerOptions {
  const DataSource *data;
  int ndata;
  const DataSource *val;
  int nval;
  const char *optimizer, *load, *freeze; /* load, freeze: may be NULL */
  int threads;
  TrainOptions loop;
  void (*about)(void *arg, const char *text); /* told in a line or two what is going to happen */
  void *about_arg;
} TrainerOptions;

typedef struct TrainerReport {
  TrainResult result;
  const char *metric[TRAIN_MAX_METRICS];
  int nmetrics;
  double compile_seconds;
} TrainerReport;

/* Inside session_run. */
Status trainer_run(Session *s, const TrainerOptions *o, TrainerReport *out);

#endif
