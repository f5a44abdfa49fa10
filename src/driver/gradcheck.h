/* gradcheck.h: a gradient against what doesn't need one: central differences of the function, and the
 * derivative in forward mode. All in double precision, by the reference evaluator. */
#ifndef GRADC_GRADCHECK_H
#define GRADC_GRADCHECK_H

#include "driver/session.h"

typedef struct GradcheckOptions {
  uint64_t seed;
  double tolerance; /* of the differences; the two modes must agree to 1e-10 */
  int entries;      /* checked per input */
} GradcheckOptions;

typedef struct GradcheckRow { /* an input */
  Name input;
  DType type;
  Shape shape;
  int64_t checked, kinks; /* entries; those where the function has a corner are left out */
  double worst;           /* relative error against differences */
  double analytic, numeric; /* where it is worst */
  int64_t at;
  bool good;
} GradcheckRow;

typedef struct GradcheckReport {
  Name function;
  double value;
  Vec(GradcheckRow) rows;
  double modes; /* relative difference of <gradient, direction> between reverse and forward mode */
  bool good;
} GradcheckReport;

/* f: a float scalar function as front_function gives it, named sizes bound by `sizes`. Parameters
 * have the session's values, arguments random ones. Inside session_run. */
Status gradcheck_function(Session *s, const Fn *f, const SizeBindings *sizes, const GradcheckOptions *o,
                          GradcheckReport *out);

#endif
