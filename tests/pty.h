/* pty.h: a program on a pseudo-terminal, and somebody who types: for the tests of what gradc does
 * on a terminal. */
#ifndef GRADC_TESTS_PTY_H
#define GRADC_TESTS_PTY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef struct Pty {
  int fd; /* the terminal's other side */
  pid_t pid;
  char *seen; /* all that was to be seen, without control sequences; ends in a 0 byte */
  size_t n, mark;
  int sequence; /* inside of a control sequence */
} Pty;

bool pty_available(void); /* the system has pseudo-terminals */
/* argv and env end in NULL; env is added to the environment, "NAME=value". 80 columns, 24 lines. */
void pty_start(Pty *p, const char *const *argv, const char *const *env);
void pty_type(Pty *p, const char *keys);
void pty_type_bytes(Pty *p, const char *bytes, size_t n);
void pty_resize(Pty *p, int rows, int columns);
/* Waits until the text stands behind what was found last; false where it never comes. */
bool pty_expect(Pty *p, const char *text);
bool pty_prompt(Pty *p); /* waits for `> ` at the beginning of a line */
/* Whether the text stands behind what was found last, in what was written so far. */
bool pty_has(const Pty *p, const char *text);
/* Types Ctrl-C twice a second until the text comes: the first may be too early to be a signal. */
bool pty_interrupt(Pty *p, const char *text);
/* Waits for the program's end; its exit status, or -1 where it had to be killed. */
int pty_end(Pty *p);

#endif
