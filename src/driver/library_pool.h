/* library_pool.h: the threads of a native library: runtime/pool.c and library_pool.c, of which
 * gradc carries the text, compiled by the system's compiler under names of the library's own. */
#ifndef GRADC_LIBRARY_POOL_H
#define GRADC_LIBRARY_POOL_H

#include "base/base.h"

typedef struct LibraryPool {
  const char *prefix;
  int threads; /* at most */
} LibraryPool;

/* Writes the text into the folder and returns its path; NULL: it can't be written. */
const char *library_pool_source(Cx *cx, const char *folder);
/* The words of the command that compiles it. The object has PREFIX_pool, which machine code asks
 * for its runtime, and PREFIX_threads of the header. */
const char *const *library_pool_command(Cx *cx, const LibraryPool *pool, const char *compiler,
                                        const char *source, const char *object);

#endif
