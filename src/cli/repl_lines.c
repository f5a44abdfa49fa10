/* repl_lines.c: lines of standard input as they come: a script, or a terminal without line editing. */
#include "cli/repl.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct Plain {
  Paste got;    /* read, not given out */
  Text peeked;
  bool ended, prompts;
} Plain;

/* False: nothing came. wait: it may take as long as it takes. */
static bool read_more(Plain *p, bool wait) {
  char buf[1 << 14];
  struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
  if (p->ended || (!wait && poll(&in, 1, 0) <= 0)) return false;
  ssize_t n = read(STDIN_FILENO, buf, sizeof buf);
  if (n > 0) paste_add(&p->got, buf, (size_t)n);
  if (n == 0 || (n < 0 && errno != EINTR)) {
    p->ended = true;
    if (p->got.n > p->got.at && p->got.text[p->got.n - 1] != '\n') paste_add(&p->got, "\n", 1);
  }
  return n > 0;
}

static LineEnd plain_next(void *self, bool continued, Text *out) {
  Plain *p = self;
  if (p->prompts) out_text(continued ? ". " : "> ");
  while (!paste_line(&p->got, out)) {
    if (p->ended) return LINE_NONE;
    if (!read_more(p, true) && !p->ended) return LINE_CANCELLED; /* a signal */
  }
  if (out->n && out->at[out->n - 1] == '\r') out->at[--out->n] = 0;
  return LINE_READ;
}

static const char *plain_peek(void *self) {
  Plain *p = self;
  const char *line;
  do line = paste_peek(&p->got, &p->peeked);
  while (!line && (read_more(p, false) || (p->ended && p->got.n > p->got.at)));
  return line;
}

static void plain_close(void *self) {
  Plain *p = self;
  free(p->got.text);
}

bool lines_plain(Lines *out, Arena *a, bool prompts) {
  Plain *p = NEW(a, Plain);
  p->prompts = prompts;
  p->peeked = text_new(a);
  *out = (Lines){p, plain_next, plain_peek, NULL, plain_close};
  return true;
}
