/* dataset.h: data for the arguments of a function. In: where the data are (--data) and the
 * arguments (name, type, shape with named sizes); out: for every argument the array of that name,
 * checked and with its sizes bound, from which batches are gathered in the argument's own type.
 *
 * The batch axis is the first size name that stands as the first extent of an argument: with
 * `x: f32[N, 784], label: i32[N]` it is N. Arguments whose first extent is that name have one row
 * per example; others (`k: f32`, `table: f32[10, 4]`) are whole and the same for every batch.
 *
 * A series is an array with one axis less, text or a recording: [L] for `t: u8[N, 65]`. Its windows
 * are the examples, `step` rows apart (0: one behind the other); what doesn't fill one is left. */
#ifndef GRADC_DATASET_H
#define GRADC_DATASET_H

#include "base/diag.h"
#include "ir/ir.h"
#include "array_file.h"

typedef struct DataSource {
  const char *name;   /* of the argument (NAME=FILE), or NULL: an archive, a table or a folder */
  const char *path;   /* "bytes:FILE": the file's bytes as they are */
  int64_t step;       /* between the windows of a series; 0: they lie one behind the other */
  const Array *array; /* elements in memory for the argument; NULL: they are in the file */
} DataSource;
/* "x=images.gz" or "digits.npz"; text lives as long as the context. */
DataSource data_source(Cx *cx, const char *text);

typedef struct DataInput {
  Input want;
  const Array *array;
  const char *file;
  bool batched;  /* one row per example */
  bool reshaped; /* the rows' axes were merged or split (row-major): [60000, 28, 28] for [N, 784] */
  bool series;   /* the examples are windows of one array */
  int64_t step;  /* rows of a series from one window to the next */
  int64_t row;   /* elements per example, or of the whole */
  int64_t stride; /* elements from one example to the next */
  bool headed;    /* the whole of a table whose columns have names */
} DataInput;

typedef struct Dataset {
  Cx *cx;
  Name batch_name;
  int64_t examples;
  DataInput *in; /* as many and in the order of the arguments */
  int nin;
  SizeBindings sizes; /* all bound ones but the batch axis */
} Dataset;

/* Opens the data of the arguments in[0..nin). `given` (may be NULL) are sizes that are known
 * already: those of the command line, and for validation data those the training data have bound.
 * Without arguments and data there is one example, of nothing.
 * NULL after diagnostics. The data live in memory of their own, given back with the arena. */
Dataset *dataset_open(Cx *cx, Arena *a, const DataSource *src, int nsrc, const Input *in, int nin,
                      const SizeBindings *given);
/* The argument of that name, type and shape, or -1: does another function fit these data? */
int dataset_find(const Dataset *ds, const Input *in);

size_t dataset_batch_bytes(const Dataset *ds, int k, int64_t batch);
/* Writes the rows index[0..n) of argument k to dst, or where index is NULL the rows
 * first..first+n-1. Arguments that are not batched are written whole. */
void dataset_batch(const Dataset *ds, int k, const int64_t *index, int64_t first, int64_t n,
                   void *dst);

/* The order of the examples in an epoch: a permutation of 0..n-1 that depends on seed and epoch
 * alone. s = splitmix64's output function of (that of seed) + epoch; then Fisher-Yates from the
 * end: for i = n-1 .. 1: swap i and floor(next() * (i+1) / 2^64), next() being splitmix64 from s.
 */
void dataset_shuffle(uint64_t seed, uint64_t epoch, int64_t *order, int64_t n);

#endif
