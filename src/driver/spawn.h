/* spawn.h: running a program of the system, such as a linker. */
#ifndef GRADC_SPAWN_H
#define GRADC_SPAWN_H

#include "base/base.h"

enum { SPAWN_MISSING = 127 };
/* Runs word[0] (looked for in PATH) with the words up to NULL; standard input is empty. Returns its
 * exit code, SPAWN_MISSING where there is no such program; what it printed is added to said. */
int spawn_program(const char *const *word, Text *said);

#endif
