/* repl_paste.c: text that came in one piece -> lines. */
#include "cli/repl.h"

#include <stdlib.h>

void paste_add(Paste *p, const char *text, size_t n) {
  size_t left = p->n - p->at;
  char *joined = malloc(left + n + 1);
  if (!joined) return; /* what can't be held is lost, as with a terminal whose queue is full */
  if (left) memcpy(joined, p->text + p->at, left);
  memcpy(joined + left, text, n);
  joined[left + n] = 0;
  free(p->text);
  *p = (Paste){joined, left + n, 0};
}

static bool line_at(const Paste *p, size_t *len) {
  const char *end = p->n > p->at ? memchr(p->text + p->at, '\n', p->n - p->at) : NULL;
  if (!end) return false;
  *len = (size_t)(end - (p->text + p->at));
  return true;
}

bool paste_line(Paste *p, Text *out) {
  size_t n;
  if (!line_at(p, &n)) return false;
  text_add_n(out, p->text + p->at, n);
  p->at += n + 1;
  return true;
}

const char *paste_peek(Paste *p, Text *out) {
  size_t n;
  if (!line_at(p, &n)) return NULL;
  out->n = 0;
  text_add_n(out, p->text + p->at, n);
  return text_str(out);
}
