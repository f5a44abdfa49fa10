/* print_lines.c: where a printed statement comes from: `# net.nn:7: let h = tanh(x @ W)`. A
 * derivative has many statements for one line of the source; each run of them has one comment. */
#include "ir/print.h"

enum { MOST = 72 }; /* characters of the source shown */

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

void print_line_of(Printer *p, Val v) {
  Span at = ins_of(p, v)->span;
  int line, col;
  if (!p->globals->lines || !at.source || p->cx->sources.at[at.source].prelude) return;
  const char *text = p->cx->sources.at[at.source].text;
  span_place(p->cx, at, &line, &col);
  if (at.source == p->source && line == p->line) return;
  p->source = at.source, p->line = line;
  text += at.lo - (col - 1);
  text += strspn(text, " \t");
  size_t n = strcspn(text, "\r\n");
  bool cut = n > MOST;
  if (cut)
    for (n = MOST; n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80;) n--; /* whole characters */
  text_fmt(&p->lets, "  # %s:%d: %.*s%s\n", base_name(p->cx->sources.at[at.source].path), (int)line,
           (int)n, text, cut ? ".." : "");
}
