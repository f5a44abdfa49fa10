/* library.h: a program as native code in a file: .o, .a or .so, with the header of emitted C. */
#ifndef GRADC_LIBRARY_H
#define GRADC_LIBRARY_H

#include "driver/emit_c.h"

typedef enum BuildKind { BUILD_OBJECT, BUILD_ARCHIVE, BUILD_SHARED } BuildKind;
typedef struct BuildOptions {
  EmitCOptions c;  /* the functions, their names, the target */
  const char *cpu; /* as the user named it; for messages and to find a linker */
  BuildKind kind;
  const char *base; /* the output's name without folder */
} BuildOptions;
/* By a name's ending; false: none of them. */
bool build_kind(const char *path, BuildKind *out);

/* Inside session_run. The bytes of both files; a shared library is linked in a temporary folder. */
Status build_native(Session *s, const BuildOptions *o, Text *bytes, Text *header);

#endif
