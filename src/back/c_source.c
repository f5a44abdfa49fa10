/* c_source.c: the program's text in comments of emitted C: what a comment can't have is replaced,
 * so that nothing of the program can end one. */
#include "back/c_gen.h"

const char *c_comment_name(Cx *cx, const char *name) {
  char *s = arena_copy(cx->arena, name, strlen(name) + 1);
  for (char *c = s; *c; c++)
    if (!(*c == '_' || *c == '.' || (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') ||
          (*c >= 'A' && *c <= 'Z')))
      *c = '_';
  return s;
}

/* No end or beginning of a comment, no trigraph, and no backslash, which may splice lines. */
void c_comment_text(const char *s, size_t n, Text *out) {
  for (const char *end = s + n; s < end; s++) {
    char next = s + 1 < end ? s[1] : 0;
    bool slash_star = (*s == '*' && next == '/') || (*s == '/' && next == '*');
    bool splices = *s == '\\' || (*s == '?' && next == '?');
    text_fmt(out, slash_star ? "%c " : "%c", splices || *s < ' ' || *s > '~' ? ' ' : *s);
  }
}

const char *c_source_line(Cx *cx, Span span) {
  enum { MOST = 80 };
  int line, column;
  if (span.source <= 0) return "";
  span_place(cx, span, &line, &column);
  const Source *s = &cx->sources.at[span.source];
  const char *slash = strrchr(s->path, '/');
  const char *file = s->prelude ? "prelude" : slash ? slash + 1 : s->path;
  Text t = text_new(cx->arena);
  text_fmt(&t, "%s:%d: ", c_comment_name(cx, file), line);
  const char *at = s->text + s->line[line - 1];
  at += strspn(at, " \t");
  size_t all = strcspn(at, "\r\n"), n = t.n < MOST ? MIN(all, MOST - t.n) : 0;
  c_comment_text(at, n, &t);
  if (n < all) text_add(&t, " ..");
  return text_str(&t);
}
