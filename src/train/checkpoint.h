/* checkpoint.h: where a run stands, in memory (a snapshot, to go back to) and in a file (to
 * continue after the process has ended). Both hold parameters, optimiser state and position;
 * together with the seed that is all a run depends on. */
#ifndef GRADC_CHECKPOINT_H
#define GRADC_CHECKPOINT_H

#include "train/train.h"

typedef struct Position {
  int64_t epoch;    /* completed epochs */
  int64_t step;     /* completed steps of the epoch that is under way */
  int64_t t;        /* completed steps in all */
  double loss_sum;  /* of the steps of this epoch */
  double last_loss; /* mean of the epoch before */
} Position;

typedef struct Snapshot {
  Position at;
  char *bytes; /* of all weights, one after the other */
  size_t size;
} Snapshot;

bool snapshot_new(Snapshot *s, const TrainJob *job); /* false: out of memory */
void snapshot_free(Snapshot *s);
void snapshot_take(Snapshot *s, const TrainJob *job, const Position *at);
void snapshot_restore(const Snapshot *s, const TrainJob *job, Position *at);

/* *found says whether there was a checkpoint; without one nothing changes and the result is ST_OK.
 */
Status checkpoint_load(const TrainJob *job, const TrainOptions *opt, Position *at, bool *found);
bool checkpoint_can_save(Cx *cx, const char *path); /* a diagnostic where not */
Status checkpoint_save(const TrainJob *job, const TrainOptions *opt, const Position *at);

#endif
