/* progress.h: what a training run says of itself: a line that is written over on terminals, a plain
 * line per epoch elsewhere, JSON lines in a log, and a curve of the loss. */
#ifndef GRADC_PROGRESS_H
#define GRADC_PROGRESS_H

#include "train/train.h"

#include <stdio.h>

typedef struct CurvePoint {
  double step, loss;
} CurvePoint;

/* A curve of bounded size: when it is full, neighbours are merged and from then on twice as many
 * steps go into a point. */
enum { CURVE_POINTS = 1024 };
typedef struct Curve {
  CurvePoint at[CURVE_POINTS];
  int n;
  int64_t per_point;
  double sum_step, sum_loss; /* of the point in the making */
  int64_t in_sum;
} Curve;
void curve_add(Curve *c, double step, double loss);
/* plot.c. Both also work for no points at all. */
void curve_text(const Curve *c, int columns, int rows, Text *out);
void curve_svg(const Curve *c, const char *title, Text *out);

typedef struct Progress {
  Cx *cx;
  const TrainOptions *opt;
  const TrainJob *job;
  FILE *log;
  double began, drawn;                            /* seconds of the monotonic clock */
  int64_t steps_per_epoch, first_step, last_step; /* of this run */
  bool line_open;                                 /* a line without an end stands on the terminal */
  Curve curve;
} Progress;

double progress_clock(void);
/* Opens the log; a log that can't be opened is a warning. */
void progress_start(Progress *p, const TrainJob *job, const TrainOptions *opt,
                    int64_t steps_per_epoch, int64_t first_step);
void progress_step(Progress *p, int64_t epoch, int64_t step_in_epoch, int64_t t, double loss,
                   double mean_loss);
/* value: nmetrics numbers from which NaN is left out; on_val: of the validation data. */
void progress_epoch(Progress *p, int64_t epoch, int64_t t, double loss, const double *value,
                    bool on_val, double seconds);
void progress_say(Progress *p, const char *fmt, ...) GC_PRINTF(2, 3);
void progress_close(Progress *p); /* the log, where something unwound past progress_end */
void progress_end(Progress *p, Status why, const TrainResult *r);

#endif
