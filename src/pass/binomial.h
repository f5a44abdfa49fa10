/* binomial.h: a loop's steps from few snapshots, for adjoint_loop.c. */
#ifndef GRADC_BINOMIAL_H
#define GRADC_BINOMIAL_H

#include "pass/derive.h"

typedef struct Binomial {
  const Loop *l;
  int64_t slots; /* snapshots held at one time, the start among them */
  bool *state;   /* per carried value: a step needs it, so that it belongs to a snapshot */
  int nstate;
} Binomial;

/* The fewest times r that a step is run so that n steps can be undone with so many snapshots:
 * n <= C(slots + r, slots); and how many runs of a step that makes, the first sweep among them. */
int64_t binomial_repeats(int64_t n, int64_t slots);
double binomial_steps(int64_t n, int64_t slots);

/* A shelf is the snapshots and three numbers. Its values in a row: a tensor [slots, ..] per carried
 * value that is state, the steps at which they were taken, how many there are, and the step at
 * which the next will be taken. */
int binomial_shelf(const Binomial *s);
/* An empty shelf, before n steps. */
void binomial_empty(Builder *b, const Binomial *s, Val *shelf);
/* Inputs of a body that are a shelf. */
void binomial_inputs(Builder *b, const Binomial *s, Val *shelf);
/* Step number t begins with the carried values x: they are stored where the plan says so, which
 * expects the steps before `until` to be undone first. shelf becomes what it is then. */
void binomial_visit(Builder *b, const Binomial *s, Val t, Val until, const Val *x, Val *shelf);
/* The carried values at the beginning of step t, from the snapshot before it; x: per carried value,
 * zeros for what isn't state. scan, capture: operands of the loop; n: its number of steps. shelf
 * becomes one that serves step t - 1. */
void binomial_restore(Builder *b, const Binomial *s, Val t, Val n, const Val *scan,
                      const Val *capture, Val *shelf, Val *x);

#endif
