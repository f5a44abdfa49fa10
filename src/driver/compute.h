/* compute.h: the values of a function whose inputs are all parameters, by whichever way is done
 * first: the reference evaluator, which begins at once, or machine code, which has to be compiled.
 */
#ifndef GRADC_COMPUTE_H
#define GRADC_COMPUTE_H

#include "driver/compile.h"
#include "driver/interrupt.h"

typedef enum Engine { ENGINE_AUTO, ENGINE_EVALUATOR, ENGINE_NATIVE } Engine;

typedef struct Computing { /* how a session computes; zero: by the evaluator, without an end */
  bool native;             /* machine code may be used */
  Engine engine;
  double patience;      /* seconds the evaluator may take before machine code is thought of */
  Interrupt *interrupt; /* NULL: nobody interrupts */
} Computing;

typedef struct Computed { /* what is kept of a function so that the next call only runs */
  const Fn *fn;           /* expanded */
  Compiled *code;         /* NULL: by the evaluator */
  double compile_seconds;
} Computed;

/* f has no derivative instructions. Decides, and compiles where that was decided. */
Computed compute_prepare(const Fn *f, const Computing *how);
/* out[i].data are in a. Unwinds with ST_INTERRUPTED when told to stop. */
void compute_run(const Computed *c, const Computing *how, Arena *a, const Tensor *in, Tensor *out);

/* Estimates, in seconds, of the evaluator's work on f and of compiling it. */
double compute_evaluator_cost(const Fn *f);
double compute_compile_cost(const Fn *f);

#endif
