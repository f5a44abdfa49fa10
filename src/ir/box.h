/* box.h: the elements that a step changes of a tensor, as boxes of indices (box.c). */
#ifndef GRADC_BOX_H
#define GRADC_BOX_H

#include "ir/ir.h"

enum { MOST_SCALARS = 4, MOST_LIMITS = 8, MOST_GUARDS = 3, MOST_BOXES = 4 };

typedef struct Limit { /* index of axis op off + sum coef * index + sum times * scalar */
  Op op;               /* eq, lt, le, gt, ge */
  int axis;
  Dim off;
  int64_t coef[IR_MAX_RANK]; /* of axes further out */
  int n;
  Val scalar[MOST_SCALARS]; /* of rank 0 */
  int64_t times[MOST_SCALARS];
  bool wraps; /* the right side, as an integer of 32 bits */
} Limit;

typedef struct Box { /* the indices that keep all limits, where all guards are as wanted */
  int n, nguards;
  Limit limit[MOST_LIMITS];
  Val guard[MOST_GUARDS]; /* truth values of rank 0 */
  bool want[MOST_GUARDS];
  bool exact; /* all of it changes */
} Box;

typedef struct Boxes {
  int n;
  Box box[MOST_BOXES];
} Boxes;

typedef struct Update { /* v is base but for what lies in one of the boxes */
  Val v, base;
  Val x; /* what v is there: a value of its own, or v */
  Boxes where;
  double share; /* of all elements, roughly */
  bool whole;   /* some box is as large as the tensor */
} Update;

/* Boxes of indices outside of which v is that number. */
void where_other(const Fn *f, Val v, double number, Boxes *out);
/* The share of a tensor's elements that is in the boxes, roughly: half of an axis that the program
 * limits at one end, a quarter where it does at both. */
double boxes_share(const Fn *f, const Shape *s, const Boxes *b);
/* v, which is computed from base, leaves most of it as it is. */
bool update_of(const Fn *f, Val v, Val base, Update *u);

#endif
