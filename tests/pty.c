/* pty.c: see pty.h. */
#include "pty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE = 100 }; /* seconds: a busy machine is slow, and only a failure waits so long */

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void become(const char *terminal, const char *const *argv, const char *const *env) {
  setsid();
  int fd = open(terminal, O_RDWR); /* the first a session leader opens controls it */
  struct winsize size = {.ws_row = 24, .ws_col = 80};
  if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) < 0 || ioctl(fd, TIOCSWINSZ, &size) < 0) _exit(126);
  for (int i = 0; i < 3; i++) dup2(fd, i);
  for (int i = 0; env[i]; i++) putenv((char *)env[i]);
  execv(argv[0], (char *const *)argv);
  _exit(127);
}

bool pty_available(void) {
  int fd = posix_openpt(O_RDWR | O_NOCTTY);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

void pty_start(Pty *p, const char *const *argv, const char *const *env) {
  *p = (Pty){.fd = posix_openpt(O_RDWR | O_NOCTTY)};
  if (p->fd < 0 || grantpt(p->fd) || unlockpt(p->fd)) abort();
  fcntl(p->fd, F_SETFD, FD_CLOEXEC);
  char terminal[128];
  if (ptsname_r(p->fd, terminal, sizeof terminal)) abort();
  p->seen = calloc(1, 1);
  p->pid = fork();
  if (p->pid == 0) become(terminal, argv, env);
}

void pty_type_bytes(Pty *p, const char *bytes, size_t n) {
  while (n > 0) {
    ssize_t k = write(p->fd, bytes, n);
    if (k <= 0) return;
    bytes += k, n -= (size_t)k;
  }
}

void pty_type(Pty *p, const char *keys) { pty_type_bytes(p, keys, strlen(keys)); }

void pty_resize(Pty *p, int rows, int columns) {
  struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
  ioctl(p->fd, TIOCSWINSZ, &size);
}

/* What a person sees: without the terminal's control sequences (ESC [ .. letter). */
static void see(Pty *p, const char *from, size_t n) {
  char *more = realloc(p->seen, p->n + n + 1);
  if (!more) abort();
  for (size_t i = 0; i < n; i++) {
    char c = from[i];
    if (c == '\033') p->sequence = 1;
    else if (p->sequence == 1) p->sequence = c == '[' ? 2 : 0;
    else if (p->sequence == 2) p->sequence = c >= '@' && c <= '~' ? 0 : 2;
    else if (c != '\r') more[p->n++] = c;
  }
  p->seen = more;
  p->seen[p->n] = 0;
}

/* False: the other side has gone. */
static bool listen_for(Pty *p, int milliseconds) {
  char buf[4096];
  struct pollfd in = {.fd = p->fd, .events = POLLIN};
  if (poll(&in, 1, milliseconds) <= 0) return true;
  ssize_t n = read(p->fd, buf, sizeof buf);
  if (n <= 0) return n < 0 && errno == EINTR;
  see(p, buf, (size_t)n);
  return true;
}

static bool find(Pty *p, const char *text) {
  const char *at = strstr(p->seen + p->mark, text);
  if (at) p->mark = (size_t)(at - p->seen) + strlen(text);
  return at;
}

bool pty_has(const Pty *p, const char *text) { return strstr(p->seen + p->mark, text); }

bool pty_expect(Pty *p, const char *text) {
  for (double end = now() + PATIENCE; now() < end;) {
    if (find(p, text)) return true;
    if (!listen_for(p, 100)) return find(p, text);
  }
  return false;
}

/* At the beginning of a line: a program's text may have one in the middle. */
static bool find_prompt(Pty *p) {
  for (const char *at = p->seen + p->mark; (at = strstr(at, "> ")); at++)
    if (at == p->seen || at[-1] == '\n') {
      p->mark = (size_t)(at - p->seen) + 2;
      return true;
    }
  return false;
}

bool pty_prompt(Pty *p) {
  for (double end = now() + PATIENCE; now() < end;) {
    if (find_prompt(p)) return true;
    if (!listen_for(p, 100)) return find_prompt(p);
  }
  return false;
}

bool pty_interrupt(Pty *p, const char *text) {
  for (double end = now() + PATIENCE; now() < end;) {
    for (double pause = now() + 0.5; now() < pause;) {
      if (find(p, text)) return true;
      if (!listen_for(p, 50)) return false;
    }
    pty_type(p, "\003");
  }
  return false;
}

int pty_end(Pty *p) {
  int status = 0;
  bool ended = false;
  for (double end = now() + PATIENCE; !ended && now() < end;) {
    listen_for(p, 20);
    ended = waitpid(p->pid, &status, WNOHANG) == p->pid;
  }
  if (!ended) {
    kill(p->pid, SIGKILL);
    waitpid(p->pid, &status, 0);
  }
  close(p->fd);
  free(p->seen);
  return ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
