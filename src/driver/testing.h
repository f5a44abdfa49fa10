/* testing.h: runs the `test` blocks of a program. */
#ifndef GRADC_TESTING_H
#define GRADC_TESTING_H

#include "driver/session.h"

typedef struct TestOutcome {
  bool passed;
  Vec(const char *) wrong; /* one line per assertion that doesn't hold: "f.nn:12: 3.0 is not 4.0" */
} TestOutcome;

/* Inside session_run; ST_SOURCE after a diagnostic. */
Status test_run(Session *s, const Node *test, TestOutcome *out);

#endif
