/* output.c: what the program writes. A full disk or a closed pipe is an error that is said, never a
 * short file that looks complete. */
#include "cli/cli.h"

#include <errno.h>

void out_text(const char *text) {
  fputs(text, stdout);
  fflush(stdout);
}

Status output_finish(Status s) {
  bool bad = ferror(stdout) != 0;
  errno = 0;
  if ((fclose(stdout) || bad) && errno != EBADF) {
    fprintf(stderr, "gradc: can't write the output: %s\n", errno ? strerror(errno) : "write error");
    return s == ST_OK ? ST_DATA : s;
  }
  return s;
}
