/* emit_c_files.h: gradc emit --c. */
#ifndef GRADC_EMIT_C_FILES_H
#define GRADC_EMIT_C_FILES_H

#include "cli/cli.h"
#include "driver/emit_c.h"

Status emit_c_files(Cli *cli);
/* The file's name without its folder, and without its ending as well. */
const char *path_base(const char *path);
const char *path_stem(Arena *a, const char *path, const char *ending);
/* A command in a comment of a file it makes: nothing in it ends the comment. */
void comment_safe(char *text);
/* The lanes of each choice of --cpu, by its number (only native, 0, asks the machine), and the
 * flags that a compiler of the C file is to be given. */
Target emit_c_target(int which, const char **flags);
Status emit_c_text(Session *s, const EmitCOptions *o, Text *source, Text *header);

#endif
