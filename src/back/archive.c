/* archive.c: a static library of object files, in the format of System V that GNU and LLVM
 * linkers read: a member with the index of symbols, then the objects. In: their bytes and their
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

static size_t index_bytes(const CMember *m, int n, int *symbols) {
  size_t names = 0;
  *symbols = 0;
  for (int k = 0; k < n; k++) {
    *symbols += m[k].n;
    for (int i = 0; i < m[k].n; i++) names += strlen(m[k].symbol[i]) + 1;
  }
  return 4 + 4 * (size_t)*symbols + names;
}

void c_archive(Cx *cx, const CMember *m, int n, Text *out) {
  Text index = text_new(cx->arena);
  int symbols;
  size_t size = index_bytes(m, n, &symbols), at = 8 + HEADER + size + size % 2;
  big_endian(&index, (size_t)symbols);
  for (int k = 0; k < n; k++) { /* where the member's header is */
    for (int i = 0; i < m[k].n; i++) big_endian(&index, at);
    at += HEADER + m[k].object->n + m[k].object->n % 2;
  }
  for (int k = 0; k < n; k++)
    for (int i = 0; i < m[k].n; i++) text_add_n(&index, m[k].symbol[i], strlen(m[k].symbol[i]) + 1);
  text_add(out, "!<arch>\n");
  header(out, "/", size);
  text_add_n(out, index.at, index.n);
  pad(out);
  for (int k = 0; k < n; k++) {
    header(out, name_fmt(cx, "%.*s/", MAX_NAME, m[k].name), m[k].object->n);
    text_add_n(out, m[k].object->at, m[k].object->n);
    pad(out);
  }
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
