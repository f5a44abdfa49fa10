/* source_file.c: the text of a file becomes a source of the context, or a diagnostic says why not.
 */
#include "driver/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { SOURCE_MAX = 16 << 20 };

static void cant_read(Cx *cx, const char *path, Span at, int why) {
  if (why == ENOMEM) cx_out_of_memory(cx);
  Diag *d = diag(cx, E0601, at, "can't read \"%s\": %s", path, strerror(why));
  if (why == ENOENT)
    diag_hint(cx, d,
              at.source ? "a path is seen from the folder of the file that imports it"
                        : "is the path right as seen from the current folder?");
}

/* Reads to the end of f. Not by its size: pipes have none, and a file may grow meanwhile. */
static bool read_all(Cx *cx, FILE *f, const char *path, Span at, Text *out) {
  char buf[1 << 14];
  size_t n;
  while ((n = fread(buf, 1, sizeof buf, f)) > 0) {
    text_add_n(out, buf, n);
    if (out->n > SOURCE_MAX) {
      diag(cx, E0603, at, "\"%s\" is larger than %d MiB", path, SOURCE_MAX >> 20);
      return false;
    }
  }
  if (ferror(f)) cant_read(cx, path, at, errno);
  return !ferror(f);
}

/* The buffer's arena, and with it the file, is freed also when memory runs out half-way. */
static void close_file(void *f) {
  if (*(FILE **)f) fclose(*(FILE **)f);
}

int32_t session_read_source(Cx *cx, const char *path, Span at) {
  bool standard = !strcmp(path, "-");
  Arena *a = arena_new(cx);
  FILE **file = NEW(a, FILE *), *f = NULL;
  arena_defer(a, close_file, file);
  f = standard ? stdin : (*file = fopen(path, "rb"));
  int32_t source = 0;
  struct stat st;
  Text text = text_new(a);
  if (!f) cant_read(cx, path, at, errno);
  else if (!fstat(fileno(f), &st) && S_ISDIR(st.st_mode))
    diag(cx, E0602, at, "\"%s\" is a folder, not a file", path);
  else if (read_all(cx, f, path, at, &text))
    source = cx_add_source(cx, standard ? "<stdin>" : path, text_str(&text), text.n, false);
  arena_free(a);
  return source;
}
