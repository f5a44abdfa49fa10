/* reduce.h: what the files of reductions share (reduce_plan.c, reduce.c, reduce_sweep.c). */
#ifndef GRADC_REDUCE_H
#define GRADC_REDUCE_H

#include "loop/lower.h"

enum {
  ACROSS_ACCUMULATORS = 4,
  ALONG_VECTORS = 8,
  MOST_TOGETHER = 8,
  MOST_OPS_TOGETHER = 30 /* of operands together: what they need in registers is there too */
};

typedef struct FoldPlan {
  bool across;
  LoopAxis kept[IR_MAX_RANK]; /* axes of the result, merged; along: the last is walked by vectors */
  int nkept;
  LoopAxis red[IR_MAX_RANK]; /* axes of the operand, merged; across: the last by vectors */
  int nred;
  int lanes;
  double ratio; /* estimated cost of across to that of along */
  double cost;  /* of the better one, vector operations an element */
} FoldPlan;

typedef struct FoldPart { /* one of the reductions */
  Val v;
  const Ins *fold;
  Reg acc[ALONG_VECTORS];
} FoldPart;
typedef struct FoldWork {
  Nest *n;
  const Side *side; /* of the first */
  FoldPlan plan;
  AxisIx out[IR_MAX_RANK], in[IR_MAX_RANK]; /* the point of the results and of the operands */
  FoldPart part[MOST_TOGETHER];
  int nparts;
  Triangle triangle; /* of the only one */
} FoldWork;

/* reduce_plan.c: rows of the nest's leading axes stand still. */
void plan_fold(Low *lw, const Nest *n, int rows, FoldPlan *p);
bool fold_no_triangle(Low *lw, Val v); /* every step adds something */

/* reduce.c: pieces that all forms are made of */
DType fold_acc_type(const Ins *fold);
Ex fold_start(Low *lw, const Ins *fold, int lanes); /* an accumulator's first value */
void fold_set_kept(FoldWork *w, int d, AxisIx ix);  /* axis d of the results */
/* Adds what the operands are at a point to accumulator `acc` of each reduction. */
void fold_accumulate(Low *lw, FoldWork *w, int acc, Point pt);
/* The n accumulators from `from` on have become the results at a point. */
void fold_finish(Low *lw, FoldWork *w, int from, int n, Point pt);

/* reduce_sweep.c: the axes of the result but the last are open. */
bool sweep_pays(const Low *lw, const FoldWork *w);
void fold_sweep(Low *lw, FoldWork *w);

#endif
