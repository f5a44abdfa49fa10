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
  while (*at == ' ' || *at == '\t') at++;
  for (; *at && *at != '\n' && *at != '\r' && t.n < MOST; at++) {
    bool slash_star = (at[0] == '/' && at[1] == '*') || (at[0] == '*' && at[1] == '/');
    char c = *at >= ' ' && *at < 0x7f ? *at : '?';
    text_fmt(&t, slash_star ? "%c " : "%c", c);
  }
  if (*at && *at != '\n' && *at != '\r') text_add(&t, " ..");
  return text_str(&t);
}
