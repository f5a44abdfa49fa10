/* print_lines.c: where a printed statement comes from: `# net.nn:7: let h = tanh(x @ W)`. A
 * derivative has many statements for one line of the source; each run of them has one comment. */
#include "ir/print.h"

enum { MOST = 72 }; /* characters of the source shown */

/* The number of the line, from 1, and where it begins. */
static int32_t line_of(const char *text, int32_t at, int32_t *start) {
  int32_t line = 1;
  *start = 0;
  for (int32_t i = 0; i < at; i++)
    if (text[i] == '\n') line++, *start = i + 1;
  return line;
}

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

void print_line_of(Printer *p, Val v) {
  Span at = ins_of(p, v)->span;
  int32_t start;
  if (!p->globals->lines || !at.source || p->cx->sources.at[at.source].prelude) return;
  const char *text = p->cx->sources.at[at.source].text;
  int32_t line = line_of(text, at.lo, &start);
  if (at.source == p->source && line == p->line) return;
  p->source = at.source, p->line = line;
  text += start;
  text += strspn(text, " \t");
  size_t n = strcspn(text, "\r\n");
  bool cut = n > MOST;
  if (cut)
    for (n = MOST; n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80;) n--; /* whole characters */
  text_fmt(&p->lets, "  # %s:%d: %.*s%s\n", base_name(p->cx->sources.at[at.source].path), (int)line,
           (int)n, text, cut ? ".." : "");
}
