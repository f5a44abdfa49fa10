/* system_cc.h: a folder of our own for a while, and the system's compilers run in it. */
#ifndef GRADC_SYSTEM_CC_H
#define GRADC_SYSTEM_CC_H

#include "base/base.h"

/* In TMPDIR or /tmp. NULL after a diagnostic. */
const char *scratch_open(Cx *cx);
/* A file in it; false after a diagnostic. */
bool scratch_write(Cx *cx, const char *folder, const char *name, const char *text);
/* Removes the folder and the files in it. */
void scratch_close(const char *folder);

/* Runs a command of words with spaces between, output to a file or (NULL) nowhere. Its exit code;
 * 127 where there is no such program. */
int run_quietly(Cx *cx, const char *command, const char *output);
/* The first C compiler there is: gcc, clang, cc; NULL: none. */
const char *system_cc(Cx *cx);
/* The contents of a file; NULL where it can't be read. */
char *read_whole(Cx *cx, const char *path, size_t *n);

#endif
