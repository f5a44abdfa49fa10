/* archive.c: a static library of one object file, in the format of System V that GNU and LLVM
 * linkers read: a member with the index of symbols, then the object. In: the object's bytes and its
 * visible names. Out: the archive's bytes, the same for the same input: no times, no owners. */
#include "back/back_c.h"

enum { HEADER = 60, MAX_NAME = 15 };

/* Fields of fixed width, filled with spaces; ar(5). */
static void header(Text *out, const char *name, size_t size) {
  text_fmt(out, "%-16s%-12d%-6d%-6d%-8s%-10zu`\n", name, 0, 0, 0, "644", size);
}

static void big_endian(Text *out, size_t v) {
  char b[4] = {(char)(v >> 24), (char)(v >> 16), (char)(v >> 8), (char)v};
  text_add_n(out, b, 4);
}

static void pad(Text *out) {
  if (out->n % 2) text_add_n(out, "\n", 1);
}

void c_archive(Cx *cx, const char *member, const Text *object, const char *const *symbol, int n,
               Text *out) {
  Text index = text_new(cx->arena);
  size_t names = 0;
  for (int i = 0; i < n; i++) names += strlen(symbol[i]) + 1;
  size_t size = 4 + 4 * (size_t)n + names, at = 8 + HEADER + size + size % 2;
  big_endian(&index, (size_t)n);
  for (int i = 0; i < n; i++) big_endian(&index, at); /* where the member's header is */
  for (int i = 0; i < n; i++) text_add_n(&index, symbol[i], strlen(symbol[i]) + 1);
  text_add(out, "!<arch>\n");
  header(out, "/", size);
  text_add_n(out, index.at, index.n);
  pad(out);
  header(out, name_fmt(cx, "%.*s/", MAX_NAME, member), object->n);
  text_add_n(out, object->at, object->n);
  pad(out);
}

/* The visible names of the object and of the C file: those that the header declares. */
int c_symbols(const CFile *f, const char ***out) {
  const char **s = NEWS(f->cx->arena, const char *, 2 * f->fn.n + 4);
  int n = 0;
  s[n++] = name_fmt(f->cx, "%s_strerror", f->prefix);
  if (f->param.n) s[n++] = name_fmt(f->cx, "%s_param_table", f->prefix);
  if (f->param.n && f->embed > CEMBED_LOADER) s[n++] = name_fmt(f->cx, "%s_weights", f->prefix);
  for (int i = 0; i < f->fn.n; i++) {
    s[n++] = name_fmt(f->cx, "%s_%s", f->prefix, f->fn.at[i]->name);
    s[n++] = name_fmt(f->cx, "%s_%s_workspace", f->prefix, f->fn.at[i]->name);
  }
  *out = s;
  return n;
}
