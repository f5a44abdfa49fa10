/* repl_lines.c: lines of standard input as they come: a script, or a terminal without line editing.
 */
#include "cli/repl.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct Plain {
  Paste got; /* read, not given out */
  Text peeked;
  bool ended;
  Repl *r;
} Plain;

/* Waits for input or for Ctrl-C; false: it was that. The signal is let in only while waiting and
 * its flag is looked at before, so that none is missed between the two. */
static bool wait_for_input(const Plain *p, struct pollfd *in) {
  sigset_t interrupt, before;
  sigemptyset(&interrupt);
  sigaddset(&interrupt, SIGINT);
  pthread_sigmask(SIG_BLOCK, &interrupt, &before);
  bool came = !gradc_interrupted(p->r->gc) && ppoll(in, 1, NULL, &before) > 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return came;
}

/* False: nothing came. wait: it may take as long as it takes. */
static bool read_more(Plain *p, bool wait) {
  char buf[1 << 14];
  struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
  if (p->ended || !(wait ? wait_for_input(p, &in) : poll(&in, 1, 0) > 0)) return false;
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
  if (p->r->interactive) out_text(continued ? ". " : "> ");
  while (!paste_line(&p->got, out)) {
    if (!p->ended && (read_more(p, true) || p->ended)) continue;
    if (p->r->interactive) out_text("\n");
    return p->ended ? LINE_NONE : LINE_CANCELLED;
  }
  if (out->n && out->at[out->n - 1] == '\r') out->at[--out->n] = 0;
  return LINE_READ;
}

static const char *plain_peek(void *self) {
  Plain *p = self;
  const char *line = paste_peek(&p->got, &p->peeked);
  while (!line && !p->ended) {
    bool more = read_more(p, false);
    line = paste_peek(&p->got, &p->peeked);
    if (!more) break;
  }
  return line;
}

static void plain_close(void *self) {
  Plain *p = self;
  free(p->got.text);
}

bool lines_plain(Lines *out, Arena *a, Repl *r) {
  Plain *p = NEW(a, Plain);
  p->r = r;
  p->peeked = text_new(a);
  *out = (Lines){p, plain_next, plain_peek, NULL, plain_close};
  return true;
}
