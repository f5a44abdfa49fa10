/* atomic_file.c: see atomic_file.h. In: bytes; out: the file, whole, or the old one, untouched. */
#include "array_format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { WRITE_BUFFER = 256 << 10 };

/* DIR/.NAME.NUMBER next to the target: hidden, and on the same file system as rename needs it. */
static char *temp_name(const char *target) {
  const char *slash = strrchr(target, '/');
  int dir = slash ? (int)(slash - target) + 1 : 0;
  size_t n = strlen(target) + 48;
  char *s = malloc(n);
  static _Atomic uint32_t made; /* by this process: threads get different numbers */
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  unsigned long long number = ((unsigned long long)getpid() << 40) ^
                              ((unsigned long long)made++ << 30) ^ (unsigned long long)t.tv_nsec;
  if (s) snprintf(s, n, "%.*s.%.200s.%llx", dir, target, target + dir, number);
  return s;
}

/* A file that wasn't there before. Permissions: those of the old file, else what the process' mask
 * leaves. */
static bool open_new(AtomicFile *f, const struct stat *old, ArrayError *err) {
  int why = EEXIST;
  for (int tries = 0; tries < 100 && why == EEXIST; tries++) {
    f->temp = temp_name(f->target);
    if (!f->temp) return array_no_memory(err, f->path);
    f->fd = open(f->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (f->fd >= 0) {
      if (old && fchmod(f->fd, old->st_mode & 07777))
        errno = 0; /* a file system without modes may refuse, no harm */
      return true;
    }
    why = errno;
    free(f->temp);
    f->temp = NULL;
  }
  return array_fail(err, f->path, -1, "can't be written: %s", strerror(why));
}

bool atomic_open(AtomicFile *f, const char *path, ArrayError *err) {
  *f = (AtomicFile){.path = path, .fd = -1};
  struct stat st;
  bool exists = !stat(path, &st);
  if (exists && S_ISDIR(st.st_mode))
    return array_fail(err, path, -1, "is a folder and can't be written as a file");
  f->target = exists ? realpath(path, NULL) : strdup(path);
  f->buffer = malloc(WRITE_BUFFER);
  if (!f->target || !f->buffer) {
    atomic_abort(f);
    return array_no_memory(err, path);
  }
  bool ok;
  if (exists && !S_ISREG(st.st_mode)) {
    f->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    ok = f->fd >= 0 || array_fail(err, path, -1, "can't be written: %s", strerror(errno));
  } else {
    ok = open_new(f, exists ? &st : NULL, err);
  }
  if (!ok) atomic_abort(f);
  return ok;
}

static bool put(AtomicFile *f, const uint8_t *p, size_t n, ArrayError *err) {
  while (n) {
    ssize_t did = write(f->fd, p, n < (1u << 30) ? n : 1u << 30);
    if (did < 0 && errno == EINTR) continue;
    if (did <= 0)
      return array_fail(err, f->path, f->written, "can't be written: %s", strerror(errno));
    p += did;
    n -= (size_t)did;
    f->written += did;
  }
  return true;
}

static bool flush(AtomicFile *f, ArrayError *err) {
  size_t n = f->n;
  f->n = 0;
  return put(f, f->buffer, n, err);
}

bool atomic_write(AtomicFile *f, const void *bytes, size_t n, ArrayError *err) {
  if (n > WRITE_BUFFER - f->n && !flush(f, err)) return false;
  if (n > WRITE_BUFFER) return put(f, bytes, n, err);
  if (n) memcpy(f->buffer + f->n, bytes, n);
  f->n += n;
  return true;
}

/* Without this the rename itself may be lost with the power. Some file systems can't sync a folder;
 * that is no reason to call the write failed. */
static void sync_folder(const char *target) {
  const char *slash = strrchr(target, '/');
  char *dir = slash ? strndup(target, (size_t)(slash - target) + 1) : strdup(".");
  int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  if (fd >= 0) {
    if (fsync(fd)) errno = 0;
    close(fd);
  }
  free(dir);
}

bool atomic_commit(AtomicFile *f, ArrayError *err) {
  bool ok = flush(f, err);
  if (ok && f->temp && fsync(f->fd))
    ok = array_fail(err, f->path, -1, "can't be written to the disk: %s", strerror(errno));
  int fd = f->fd;
  f->fd = -1;
  if (close(fd) && ok) /* network file systems report a full disk here */
    ok = array_fail(err, f->path, -1, "can't be written: %s", strerror(errno));
  if (ok && f->temp) {
    if (rename(f->temp, f->target)) {
      ok = array_fail(err, f->path, -1, "can't be replaced: %s", strerror(errno));
    } else {
      free(f->temp);
      f->temp = NULL;
      sync_folder(f->target);
    }
  }
  atomic_abort(f);
  return ok;
}

void atomic_abort(AtomicFile *f) {
  if (f->fd >= 0) close(f->fd);
  if (f->temp) unlink(f->temp);
  free(f->temp);
  free(f->target);
  free(f->buffer);
  *f = (AtomicFile){.path = f->path, .fd = -1};
}
