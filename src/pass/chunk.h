/* chunk.h: what the files of the chunking pass share. */
#ifndef GRADC_CHUNK_H
#define GRADC_CHUNK_H

#include "pass/steps.h"

typedef enum Part {              /* where a value of the function is made */
                    PART_BEFORE, /* from no rows */
                    PART_ROWS,   /* chunk by chunk: it has the rows' axis */
                    PART_SUM,    /* summed over the rows: what a chunk gives is added up */
                    PART_AFTER   /* from sums, or from all rows at once */
} Part;

typedef enum Use {             /* how a value made by chunks takes an operand that isn't */
                   USE_ROWS,   /* it is */
                   USE_WHOLE,  /* it has no rows' axis: captured */
                   USE_SLICE,  /* the chunk's rows of it */
                   USE_REMADE, /* a literal, or a view that is the same in all rows: made at the
                                  chunk's shape */
                   USE_COUNT, /* counts the rows of an operand that is read at them: 0, 1, .. of the
                                 chunk */
                   USE_NEVER
} Use;

typedef struct Chunking {
  const Fn *f;
  Dim rows;     /* extent of the axis that is cut */
  Part *part;   /* per value */
  int8_t *axis; /* PART_ROWS: which axis the rows are, else -1 */
} Chunking;

/* chunk_plan.c */
/* Everything by rows that follows from the inputs of which axes[] names an axis: it has that many
 * rows. */
Chunking chunk_plan(const Fn *f, const int8_t *axes, Dim rows);
/* How instruction v, made by chunks or summed, takes operand k; *axis: the rows' axis of it. */
Use chunk_use(const Chunking *c, Val v, int k, int *axis);
/* Values by rows that are wanted as a whole. */
bool *chunk_collected(const Chunking *c);

/* chunk.c */
/* Values that somebody reads other than by a view that is only summed: the adjoint of windows, a
 * contraction whose terms the loops add up where they belong (prepare_window.c), is no tensor of
 * windows. */
bool *chunk_read_whole(const Fn *f);

/* chunk_build.c */
/* The function with a loop over chunks of `size` rows, and what is left over behind it. */
Fn *chunk_build(const Chunking *c, Dim size);

#endif
