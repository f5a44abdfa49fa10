/* compile.h: from tensor SSA to something that runs: passes, loops, machine code. All of it inside
 * session_run (or another trap). */
#ifndef GRADC_COMPILE_H
#define GRADC_COMPILE_H

#include "back/back.h"
#include "ir/eval.h"

/* Expands derivatives, simplifies, and (sizes not NULL) replaces named sizes by numbers, lets work
 * leave loops, and keeps to cx->bound. NULL after diagnostics. */
Fn *compile_prepare(const Fn *f, const SizeBindings *sizes);
/* compile.c: the same without regard to cx->bound; cx->thrift says what may be kept. */
Fn *compile_once(const Fn *f, const SizeBindings *sizes);
/* budget.c: the same within cx->bound; NULL after E0706 where that can't be. */
Fn *compile_within(const Fn *f, const SizeBindings *sizes);
/* A number for every named size of f's inputs that `sizes` lacks. */
void compile_bind_rest(const Fn *f, SizeBindings *sizes, int64_t number);

typedef struct Compiled {
  const Fn *fn; /* prepared; all sizes numbers */
  LoopProgram *loops;
  NativeFn run;
  void *workspace; /* aligned to 64 */
  size_t workspace_bytes;
  double seconds; /* from prepared SSA to machine code */
  bool cached;    /* which was made by an earlier run */
  struct NativeHold *hold;
} Compiled;

/* The target of this process' programs: the host, for so many threads. */
Target compile_target(int threads);
/* Machine code for a prepared function; freed with the context. NULL after a diagnostic (E0701). */
Compiled *compile_native(const Fn *prepared, const Target *t);
/* Gives machine code and workspace back now; it may not run after that. */
void compiled_free(Compiled *c);
/* The same of loops that are made already; f: the function they stand for, with the same sizes. */
Compiled *compile_loops(const Fn *f, LoopProgram *loops);
/* Gives machine code and workspace back now; it may not run after that. */
void compiled_free(Compiled *c);
/* What the run that just ended found outside, as E0713: ST_FINDINGS; else ST_OK. workspace: the one
 * it ran in, NULL: the program's own. */
Status compiled_verdict(const Compiled *c, const void *workspace);
static inline void compiled_run(const Compiled *c, void *const *in, void *const *out, GradcRt *rt) {
  c->run(in, out, c->workspace, rt);
}

/* peak.c: GFLOP/s of fused multiply-adds one core does in the type, measured now (about 20 ms). */
double machine_peak_gflops(DType t, const Target *target);

/* step.c: one step of training as a function. Inputs: the parameters and states the loss uses
 * (input_is_kept), the optimiser's tensors for each parameter that isn't frozen (ROLE_SLOT), the
 * loss' arguments (ROLE_ARG), and the scalars lr and t (ROLE_SEED, f64). Outputs: the loss, then
 * new states, then new parameters and optimiser's tensors, each with the number of the input it
 * replaces as alias. */
#include "front/front.h"
typedef struct StepPlan {
  Fn *fn;
  const Fn *loss; /* expanded */
  int nparams;    /* the first inputs: parameters and states */
  int nstate;     /* the next ones: the optimiser's */
  int nargs;      /* then the arguments */
} StepPlan;
/* Whether f is a float scalar, its new states left aside; false after diagnostics. */
bool step_minimises(Program *p, const Fn *f);
/* loss: from session_loss. frozen: one per input of it (may be NULL). False after diagnostics. */
bool step_build(Program *p, const Fn *loss, Name optimizer, const bool *frozen, StepPlan *out);

#endif
