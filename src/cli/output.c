/* output.c: what the program writes. A full disk or a closed pipe is an error that is said, never a
 * short file that looks complete. */
#include "array_file.h"
#include "atomic_file.h"
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* What the first failed write said; the stream itself only remembers that there was one. */
static int write_error;

void output_begin(void) {
  /* Opened the wrong way round, so that writing to what is closed fails as it did. (Nothing can be
   * done where this fails; then there are no files to protect either.) */
  static const int mode[] = {O_WRONLY, O_RDONLY, O_RDONLY};
  for (int fd = 0; fd < 3; fd++)
    if (fcntl(fd, F_GETFD) == -1 && errno == EBADF && open("/dev/null", mode[fd]) != fd) return;
}

void out_bytes(const char *text, size_t n) {
  errno = 0;
  if ((fwrite(text, 1, n, stdout) < n || fflush(stdout)) && !write_error) write_error = errno;
}

void out_text(const char *text) { out_bytes(text, strlen(text)); }

Status output_write(const Cli *cli, const char *path, const char *text) {
  return output_write_bytes(cli, path, text, strlen(text));
}

Status output_write_bytes(const Cli *cli, const char *path, const char *text, size_t n) {
  if (!path || !strcmp(path, "-")) {
    out_bytes(text, n);
    return ST_OK;
  }
  AtomicFile f;
  ArrayError err;
  if (!atomic_open(&f, path, &err)) return cli_error(cli, ST_DATA, "%s", err.text);
  bool ok = atomic_write(&f, text, n, &err) && atomic_commit(&f, &err);
  atomic_abort(&f);
  return ok ? ST_OK : cli_error(cli, ST_DATA, "%s", err.text);
}

Status output_finish(Status s) {
  bool bad = ferror(stdout) != 0;
  errno = 0;
  bool closed = !fclose(stdout);
  int why = write_error ? write_error : errno;
  if (!closed || bad) {
    fprintf(stderr, "gradc: can't write the output: %s\n", why ? strerror(why) : "write error");
    return s == ST_OK ? ST_DATA : s;
  }
  return s;
}
