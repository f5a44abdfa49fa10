/* explain.h: the long form of a diagnostic, and what operators there are. */
#ifndef GRADC_EXPLAIN_H
#define GRADC_EXPLAIN_H

#include "base/diag.h"

/* The page of docs/diagnostics as text: paragraphs as they are, programs and commands indented
 * under "Wrong:" and "Right:". */
void explain_page(DiagCode code, Text *out);
/* The table of operators for people. */
void explain_operators(Text *out);

#endif
