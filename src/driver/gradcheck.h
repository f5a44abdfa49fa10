/* gradcheck.h: a function's gradient against central differences and against forward mode. */
#ifndef GRADC_GRADCHECK_H
#define GRADC_GRADCHECK_H

#include "driver/session.h"

typedef struct GradcheckOptions {
  double tolerance;          /* largest relative error that passes */
  int samples;               /* single elements tried per input, beside one direction over all */
  const SizeBindings *sizes; /* chosen by the user; the others are picked */
} GradcheckOptions;

typedef struct GradcheckRow { /* one floating-point input */
  Name name;
  const char *type;   /* "f64[3, 4]" */
  int directions;     /* tried */
  double differences; /* worst relative error against central differences */
  double forward;     /* ... and against forward mode */
  bool ok;
} GradcheckRow;

typedef struct GradcheckReport {
  Name name;
  const char *skipped; /* why there was nothing to check; NULL: it was checked */
  const char *sizes;   /* "N = 3, M = 4", "" without named sizes */
  Vec(GradcheckRow) row;
  bool ok;
} GradcheckReport;

/* Checks the declared function, whose arguments all have types, in f64 at random arguments drawn
 * with the session's seed. Inside session_run; ST_SOURCE after a diagnostic. */
Status gradcheck(Session *s, Name name, const GradcheckOptions *o, GradcheckReport *out);

/* The same for a function at given arguments, one per input that is no parameter, in their order;
 * parameters have their initial values. */
Status gradcheck_at(Session *s, const Fn *f, const Tensor *args, const GradcheckOptions *o,
                    GradcheckReport *out);

#endif
