/* adjoint_loop.h: how one loop is run backwards. Private to adjoint_loop.c and adjoint_few.c. */
#ifndef GRADC_ADJOINT_LOOP_H
#define GRADC_ADJOINT_LOOP_H

#include "ir/box.h"
#include "pass/adjoint.h"
#include "pass/binomial.h"

typedef struct Undo { /* of a carried value that is restored (adjoint_undo.c) */
  int carry;
  Boxes where; /* it changes */
  int nslices; /* what is collected for it: per box the old part, and its index along each axis */
} Undo;

struct LoopPlan {
  const Loop *l;
  Val *saved; /* values of the body that are collected for the way back */
  int nsaved;
  bool *there; /* per value of the body: it is there on the way back without being saved */
  Undo *undo;  /* carried values that are restored instead */
  int nundo, nslices;
  Binomial *few;                /* or: the carried ones among them, restored from few snapshots */
  double step_bytes;            /* then: what a step would have saved */
  Val copy;                     /* the loop in the new function */
  Fn *back;                     /* the reversed loop's body, with only the inputs it uses */
  bool *keep;                   /* of the inputs build_back made: which it uses */
  bool guarded;                 /* what comes out may be put out */
  bool *carry, *scan, *capture; /* per carried, scanned, captured value: has it an adjoint? */
  bool trial;                   /* the body's adjoint is made to see what it asks for */
  bool *goes_on; /* per captured value: its running sum began with the adjoint it had */
};

static inline int loop_captures(const Loop *l) { return l->body->in.n - 1 - l->ncarry - l->nscan; }
static inline const Input *loop_carry(const Loop *l, int i) { return &l->body->in.at[1 + i]; }
static inline const Input *loop_scan(const Loop *l, int i) {
  return &l->body->in.at[1 + l->ncarry + i];
}
static inline const Input *loop_capture(const Loop *l, int i) {
  return &l->body->in.at[1 + l->ncarry + l->nscan + i];
}
static inline const Ins *loop_ins(const Loop *l, Val v) { return fn_ins(l->body, v); }

/* Parts of the copy: collected value k of the loop; saved value k; how many steps were done. */
static inline int plan_collected(const LoopPlan *p, int k) {
  return p->l->ncarry + (p->few ? binomial_shelf(p->few) : 0) + k;
}
static inline int plan_saved(const LoopPlan *p, int k) {
  return plan_collected(p, p->l->ncollect) + k;
}
static inline int plan_steps(const LoopPlan *p) {
  return p->few ? plan_collected(p, p->l->ncollect) : plan_saved(p, p->nsaved + p->nslices);
}
/* What the way back carries: the adjoints of carried values, running sums, restored values. */
static inline int plan_adjoints(const LoopPlan *p) {
  int n = p->nundo;
  for (int i = 0; i < p->l->ncarry; i++) n += p->carry[i];
  for (int i = 0; i < loop_captures(p->l); i++) n += p->capture[i];
  return n;
}

/* ---- adjoint_undo.c ---- */
/* Which of the carried values among what is saved are restored instead. */
void undo_choose(Cx *cx, LoopPlan *p);
double undo_bytes(const LoopPlan *p);           /* what is collected in a step */
void undo_free(const LoopPlan *p, bool *there); /* marks the values that need not be saved then */
/* Outputs of the collecting body behind what is saved; to: where the body's values are. */
void undo_collect(Builder *b, const LoopPlan *p, const Val *to);
/* Inputs of the way back: the values it carries, the slices; then what these give. */
void undo_inputs(Builder *b, const LoopPlan *p, Val *state);
void undo_slices(Builder *b, const LoopPlan *p, Val *slice);
void undo_given(Builder *b, const LoopPlan *p, const Val *state, const Val *slice, Val *given);

/* ---- adjoint_few.c ---- */
/* Whether a tape of so many bytes a step is too much, under the context's thrift; p->few then. */
void few_choose(Cx *cx, LoopPlan *p, double step_bytes);
/* Once it is known what the way back asks for (p->nsaved): what a snapshot has, and how many. */
void few_settle(Cx *cx, LoopPlan *p);
/* The loop with the snapshots it leaves; its parts as above. */
Val few_forward(Builder *b, LoopPlan *p, const Val *args);
/* The reversed loop's body: inputs as p->back but for the saved values; behind the adjoints it
 * carries the shelf, and at the end it captures what few_operands gives. */
Fn *few_body(Cx *cx, const LoopPlan *p);
int few_operands(Builder *b, const LoopPlan *p, const Val *args, Val *out);

#endif
