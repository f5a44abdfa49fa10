/* emit_c_files.h: gradc emit --c. */
#ifndef GRADC_EMIT_C_FILES_H
#define GRADC_EMIT_C_FILES_H

#include "cli/cli.h"

Status emit_c_files(Cli *cli);

#endif
