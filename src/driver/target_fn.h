/* target_fn.h: the functions a command is about, and sizes for them. */
#ifndef GRADC_TARGET_FN_H
#define GRADC_TARGET_FN_H

#include "driver/session.h"

/* "f", "grad(f)" or "value_and_grad(f)", where bare is the name inside; or another expression whose
 * value is a function, which is its own bare. NULL after diagnostics. */
Fn *target_function(Session *s, const char *text, Name *bare, bool *gradient);

/* A named size of f that has no number in sizes (may be NULL); NULL: there is none. */
Name target_open_size(const Fn *f, const SizeBindings *sizes);

#endif
