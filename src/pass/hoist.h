/* hoist.h: what the files of the hoisting pass share: the state of one loop under treatment. */
#ifndef GRADC_HOIST_H
#define GRADC_HOIST_H

#include "pass/steps.h"

typedef enum Known { /* when a value of the body could be known at the earliest */
  KNOWN_ALWAYS,      /* the same in every iteration */
  KNOWN_STEPS,       /* for all iterations before the loop: from slices, captured values, the index */
  KNOWN_INSIDE       /* depends on carried values */
} Known;

typedef struct Addend { /* of what one iteration adds to a carried value */
  Val v;
  bool minus;
} Addend;
typedef struct Sum { /* a carried value that is only added to */
  bool holds;
  Vec(Addend) addend;
} Sum;

typedef struct Hoist {
  Builder *b;     /* the function outside of the loop */
  const Loop *l;
  const Fn *f;    /* its body */
  const Val *arg; /* the operands outside: carried starts, scanned, captured */
  Val count;      /* of a counted loop */
  int ncapture;
  double most;    /* bytes that one value more may take when it is kept for all iterations */
  Known *known;   /* per value of the body, as all below */
  bool *lift;     /* computed before the loop */
  bool *feed;     /* of those: wanted inside, so an input of the new body */
  bool *later;    /* computed after the loop */
  bool *collect;  /* collected for what comes later */
  Val *outside;   /* value outside: wide unless KNOWN_ALWAYS; 0: not made yet */
  Sum *sum;       /* per carried value */
  Val *part;      /* per part of the old loop: its value in the new function */
} Hoist;

static inline const Ins *hoist_ins(const Hoist *h, Val v) { return fn_ins(h->f, v); }
/* The number of steps, when it is certain that all of them run. */
bool hoist_all_run(const Hoist *h);
/* The body's value v outside of the loop, made from what is known there. */
Val hoist_outside(Hoist *h, Val v);
double hoist_wide_bytes(const Hoist *h, Val v); /* of v for all iterations */
bool hoist_is_worth(const Hoist *h, Val contract); /* one large contraction beats many small ones */
int hoist_scan(const Hoist *h, Val v);    /* number of the scanned input v is, or -1 */

/* hoist_after.c */
/* Fills later, collect and sum. */
void hoist_choose_after(Hoist *h);
/* The sum over all iterations of body value v, outside. */
Val hoist_sum_outside(Hoist *h, Val v);

#endif
