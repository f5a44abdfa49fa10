/* block.h: what the files of the blocking pass share. */
#ifndef GRADC_BLOCK_H
#define GRADC_BLOCK_H

#include "pass/steps.h"

enum { MOST_REGIONS = 64, MOST_BATCH = 4 };

typedef struct Region { /* values made together, an index of the batch axes after the other */
  int nbatch;
  Dim extent[MOST_BATCH];
  uint64_t needs; /* regions it reads from, directly or by way of values outside */
  double widest;  /* bytes of its largest value */
  bool pays;      /* such a value is made and used up inside */
} Region;

typedef struct Blocks {
  const Fn *f;
  Region region[MOST_REGIONS];
  int n;
  int8_t *in;                 /* per value: its region, -1 */
  int8_t (*axis)[MOST_BATCH]; /* per value in a region: which of its axes the batch axes are */
  uint64_t *needs;            /* per value outside: the regions it depends on */
} Blocks;

/* block_plan.c */
Blocks block_plan(const Fn *f, double wide);
/* Where operand k of v has the batch axes that v has at axis[]: into at[]. All -1: it is the same
 * for all of them. False where that can't be said. */
bool block_operand(const Fn *f, Val v, int k, int nbatch, const int8_t *axis, int8_t *at);

/* block_build.c */
/* Bytes of a region's widest value: block: in one block, where that has indices enough; tall: above
 * that its rows are cut too, into chunks of so many bytes. */
Fn *block_build(const Blocks *p, double block, double tall, double rows);

#endif
