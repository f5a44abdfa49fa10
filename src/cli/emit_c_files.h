/* emit_c_files.h: gradc emit --c. */
#ifndef GRADC_EMIT_C_FILES_H
#define GRADC_EMIT_C_FILES_H

#include "cli/cli.h"
#include "driver/emit_c.h"

Status emit_c_files(Cli *cli);
/* The lanes of each choice of --cpu, by its number (only native, 0, asks the machine), and the flags that
 * a compiler of the C file is to be given. */
Target emit_c_target(int which, const char **flags);
Status emit_c_text(Session *s, const EmitCOptions *o, Text *source, Text *header);

#endif
