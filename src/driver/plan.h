/* plan.h: where a function's memory and arithmetic go: `gradc emit --plan`, and `:plan` of the REPL. */
#ifndef GRADC_PLAN_H
#define GRADC_PLAN_H

#include "driver/session.h"

/* Inside session_run. What f and, where it has one, its gradient take: workspace, FLOPs, what the gradient
 * saves and what it computes again, per source line. sizes: numbers for all sizes. False after
 * diagnostics. */
bool plan_function(const Fn *f, const SizeBindings *sizes, int threads, Text *out);

#endif
