/* loop_body.h: what the files of loops share: one `for` or `while` while it is checked. */
#ifndef GRADC_FRONT_LOOP_BODY_H
#define GRADC_FRONT_LOOP_BODY_H

#include "front/check.h"

typedef struct Carried {
  Name name;
  const Var *var;         /* or */
  const UnitState *state; /* a state that the body assigns */
  Value start;            /* of the function around */
  Span at;                /* of the start */
  bool typed, assigned;
  bool is_float; /* untyped: whether a float has been met */
  DType type;
  Shape shape;
  const Labels *labels;
  Val init;  /* start as a tensor */
  Val in;    /* as the body gets it */
  Value now; /* what the body assigned */
  Span now_at;
  int number; /* among the inputs of the body */
} Carried;

typedef struct Collected {
  Name name;
  Span at;
  Value value;
} Collected;

typedef struct LaneInput { /* one value per lane, carried */
  Val in;
  int number;
} LaneInput;

typedef struct LoopEnd { /* an end of a range */
  bool affine;
  Affine a;       /* where it is a sum of labels */
  const End *end; /* ... or the largest or smallest of such; NULL: neither */
} LoopEnd;

struct LoopBody {
  const Node *node, *range, *cond, *limit, *body, *count;
  bool reverse, counted;
  const FnValue *layers; /* the array whose elements the variable is */
  Dim lo, trip;
  Value steps;        /* counted: how many, i64 */
  Value from;         /* a start known at run time only; POISON else */
  LoopEnd first, end; /* of the range */
  Vec(Carried) carry;
  Vec(Collected) collected;
  Scope *outer, *entry; /* before the loop; the loop variable's entry in the body */
  Unit unit, cond_unit;
  Builder b, cond_b;
  Fn *cond_fn; /* as built */

  /* check_lanes.c */
  const Labels *lanes;   /* labels whose loops may end at different times; none: all end at once */
  Val index;             /* of the function under construction */
  LaneInput going, done; /* whether the condition has held so far; how many steps were done */
  Value act;             /* in the body: which lanes do this step */
  Val goes_on;           /* in the body: the next `going` */
};

/* ---- check_loop_head.c: the range ---- */
/* How many steps, and from where; false after an error. */
bool loop_head(Check *c, LoopBody *l);

/* ---- check_lanes.c: labels whose loops end at different times ---- */
/* The labels that the condition depends on become lanes; false after an error in it. */
bool lanes_find(Check *c, LoopBody *l);
/* The inputs of a body or condition that lanes add, behind the carried ones. */
void lanes_enter(Check *c, LoopBody *l);
/* At the start of the body: which lanes do this step. */
void lanes_act(Check *c, LoopBody *l);
/* The condition of the loop: whether any lane goes on. 0 after an error. */
Val lanes_condition(Check *c, LoopBody *l);
/* `now` where the lane does the step, else what it was, or 0. */
Value lanes_choose(Check *c, const LoopBody *l, const Value *now, const Value *was);
/* How many steps each lane has done after this one. */
Val lanes_count(Check *c, const LoopBody *l);
/* The largest number of steps. */
Val lanes_steps(Check *c, const LoopBody *l);

/* ---- check_loop.c ---- */
/* In the function around: the value of what is carried. */
void loop_assign(Check *c, const Carried *k, Value v, Span at);
/* Opens a body: its inputs are the index and the carried values. */
void loop_enter(Check *c, LoopBody *l, Unit *unit, Builder *b, bool scans);

/* ---- check_loop_end.c: outputs, the instruction, results ---- */
/* The outputs of the body; false after an error. */
bool loop_outputs(Check *c, LoopBody *l);
/* The condition as a body of its own, with the same index and carried values. */
bool loop_condition(Check *c, LoopBody *l);
/* The instruction, and the names that the loop leaves. */
void loop_results(Check *c, LoopBody *l);
/* After an error: the names exist, and say nothing more. */
void loop_poison(Check *c, LoopBody *l);

#endif
