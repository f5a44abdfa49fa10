/* emit_c_files.h: gradc emit --c. */
#ifndef GRADC_EMIT_C_FILES_H
#define GRADC_EMIT_C_FILES_H

#include "cli/cli.h"

Status emit_c_files(Cli *cli);
/* The file's name without its folder, and without its ending as well. */
const char *path_base(const char *path);
const char *path_stem(Arena *a, const char *path, const char *ending);
/* A command in a comment of a file it makes: nothing in it ends the comment. */
void comment_safe(char *text);

#endif
