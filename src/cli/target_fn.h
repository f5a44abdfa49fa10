/* target_fn.h: the function a command is about: its name, or the gradient of it, with named sizes
 * set by -D NAME=NUMBER. */
#ifndef GRADC_TARGET_FN_H
#define GRADC_TARGET_FN_H

#include "cli/cli.h"

/* "f", "grad(f)" or "value_and_grad(f)"; bare is the name inside. NULL after diagnostics. */
Fn *target_function(Session *s, const char *text, Name *bare, bool *gradient);
/* -D NAME=NUMBER words; false after a usage error was printed. */
bool target_sizes(const Cli *cli, Session *s, OptId id, SizeBindings *sizes);

/* Memory is bounded in numbers: with --memory every named size needs one. False after a usage
 * error. */
bool target_is_sized(const Cli *cli, const Fn *f, const SizeBindings *sizes);

#endif
