/* fixture.h: what most suites begin with: a context for each test, work done under its trap, and
 * functions out of texts. */
#ifndef GRADC_TEST_FIXTURE_H
#define GRADC_TEST_FIXTURE_H

#include "front/front.h"
#include "prove.h"

#include <check.h>

/* The context of the test that runs. */
extern Cx *cx;
void fixture_bare(void);  /* sets up: a context */
void fixture_rules(void); /* sets up: a context with the prelude and the rule book */
void fixture_end(void);

/* Runs it; a broken invariant or a diagnostic that unwinds fails the test in its own words. */
void trapped(void (*work)(void));
void trapped_at(void (*work)(int i), int i);

/* Function `name` of a text without errors. */
Fn *function_of(const char *text, const char *name);
/* The gradient with respect to all float inputs, the value beside it; derivatives of loops are left
 * for later where asked for. */
Fn *gradient_of(Fn *f, bool deferred);
/* Function f of a text with its sizes, or its gradient; simplified and nothing else. */
Fn *sized(const char *text, bool gradient, const SizeBindings *sizes);

/* g is well formed and has f's values up to rounding. */
void same_values(const Fn *f, const Fn *g, uint64_t seed, const char *what);

/* How many instructions of f are this operator, also those in bodies of loops and branches. */
int count_op(const Fn *f, Op op, bool in_bodies);
/* The loop that f has, or of several this one, counted from 0; none fails the test. */
const Loop *only_loop(const Fn *f, int which);

#endif
