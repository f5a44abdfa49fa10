/* library_pool.c: see library_pool.h. */
#include "driver/library_pool.h"
#include "base/embedded.h"

#include <stdio.h>

const char *library_pool_source(Cx *cx, const char *folder) {
  const char *path = name_fmt(cx, "%s/pool.c", folder);
  FILE *f = fopen(path, "wb");
  if (!f) return NULL;
  bool ok = fwrite(library_pool_c, 1, library_pool_c_size, f) == library_pool_c_size;
  return !fclose(f) && ok ? path : NULL;
}

/* Two libraries in one process have a pool each: everything that isn't static gets the prefix. */
const char *const *library_pool_command(Cx *cx, const LibraryPool *pool, const char *compiler,
                                        const char *source, const char *object) {
  static const char *const renamed[] = {"gradc_rt_new", "gradc_rt_free", "gradc_rt_cores"};
  static const char *const flags[] = {"-std=gnu11", "-O2", "-fPIC",
                                      "-pthread",   "-w",  "-fvisibility=hidden"};
  const char **word = NEWS(cx->arena, const char *, 32);
  int n = 0;
  word[n++] = compiler;
  for (int i = 0; i < COUNT_OF(flags); i++) word[n++] = flags[i];
  for (int i = 0; i < COUNT_OF(renamed); i++)
    word[n++] = name_fmt(cx, "-D%s=%s_%s", renamed[i], pool->prefix, renamed[i] + strlen("gradc_"));
  word[n++] = name_fmt(cx, "-DGRADC_POOL=%s_pool", pool->prefix);
  word[n++] = name_fmt(cx, "-DGRADC_THREADS=%s_threads", pool->prefix);
  word[n++] = name_fmt(cx, "-DGRADC_MOST=%d", pool->threads);
  word[n++] = "-c";
  word[n++] = "-o";
  word[n++] = object;
  word[n++] = source;
  word[n] = NULL;
  return word;
}
