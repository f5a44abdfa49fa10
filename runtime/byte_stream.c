/* byte_stream.c: reading files and memory, plainly or through zlib's inflate (raw deflate as in zip
 * members, gzip with any number of members). Every failure ends as an error text with a place. */
#include "array_format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- sources ---- */
bool source_open(ByteSource *s, const char *path, ArrayError *err) {
  *s = (ByteSource){.path = path, .fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
  struct stat st;
  if (s->fd < 0) return array_fail(err, path, -1, "can't be opened: %s", strerror(errno));
  const char *why = NULL;
  if (fstat(s->fd, &st)) why = strerror(errno);
  else if (S_ISDIR(st.st_mode)) why = "is a folder, not a file";
  else if (!S_ISREG(st.st_mode)) why = "is not a regular file";
  if (why) {
    source_close(s);
    return array_fail(err, path, -1, "%s", why);
  }
  s->size = st.st_size;
  return true;
}

ByteSource source_of_memory(const void *bytes, size_t n, const char *path) {
  return (ByteSource){.path = path, .fd = -1, .memory = bytes, .size = (int64_t)n};
}

void source_close(ByteSource *s) {
  if (s->fd >= 0) close(s->fd);
  s->fd = -1;
}

bool source_read(const ByteSource *s, int64_t at, void *to, int64_t n, ArrayError *err) {
  if (at < 0 || n < 0 || at > s->size || n > s->size - at)
    return array_fail(err, s->path, s->size, "the file ends early");
  if (s->fd < 0) {
    if (n) memcpy(to, s->memory + at, (size_t)n);
    return true;
  }
  while (n > 0) {
    ssize_t got = pread(s->fd, to, (size_t)(n < (1 << 30) ? n : 1 << 30), (off_t)at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return array_fail(err, s->path, at, "can't be read: %s", strerror(errno));
    if (got == 0) return array_fail(err, s->path, at, "the file became shorter while it was read");
    to = (char *)to + got;
    at += got;
    n -= got;
  }
  return true;
}

/* ---- streams ---- */
bool stream_open(ByteStream *s, const ByteSource *source, int64_t from, int64_t to, StreamKind kind,
                 const char *path, ArrayError *err) {
  *s = (ByteStream){.source = source, .path = path, .kind = kind, .at = from, .end = to};
  if (kind == STREAM_PLAIN) return true;
  s->buffer = malloc(STREAM_BUFFER);
  if (!s->buffer) return array_no_memory(err, path);
  /* window bits: negative is raw deflate, +16 is the gzip wrapper (zlib.h, inflateInit2) */
  if (inflateInit2(&s->z, kind == STREAM_GZIP ? 15 + 16 : -15) != Z_OK) {
    stream_close(s);
    return array_no_memory(err, path);
  }
  s->z_open = true;
  return true;
}

void stream_close(ByteStream *s) {
  if (s->z_open) inflateEnd(&s->z);
  free(s->buffer);
  s->z_open = false;
  s->buffer = NULL;
}

static bool refill(ByteStream *s, ArrayError *err) {
  int64_t n = s->end - s->at < STREAM_BUFFER ? s->end - s->at : STREAM_BUFFER;
  if (!source_read(s->source, s->at, s->buffer, n, err)) return false;
  s->at += n;
  s->z.next_in = s->buffer;
  s->z.avail_in = (uInt)n;
  return true;
}

/* After the end of a gzip member: another one, zero padding, or nothing. */
static bool next_member(ByteStream *s, ArrayError *err) {
  for (;;) {
    if (!s->z.avail_in && s->at < s->end && !refill(s, err)) return false;
    if (!s->z.avail_in) break;
    if (s->kind == STREAM_GZIP && *s->z.next_in == 0x1f) {
      if (inflateReset(&s->z) != Z_OK) return array_no_memory(err, s->path);
      return true;
    }
    if (s->kind != STREAM_GZIP || *s->z.next_in)
      return array_fail(err, s->path, s->at - (int64_t)s->z.avail_in,
                        "bytes follow the end of the compressed data");
    s->z.next_in++;
    s->z.avail_in--;
  }
  s->z_done = true;
  return true;
}

static int64_t inflate_some(ByteStream *s, void *to, int64_t n, ArrayError *err) {
  uInt room = n < (1 << 30) ? (uInt)n : 1u << 30;
  s->z.next_out = to;
  s->z.avail_out = room;
  while (s->z.avail_out && !s->z_done) {
    if (!s->z.avail_in && s->at < s->end && !refill(s, err)) return -1;
    int r = inflate(&s->z, Z_NO_FLUSH);
    if (r == Z_STREAM_END) {
      if (!next_member(s, err)) return -1;
    } else if (r == Z_MEM_ERROR) {
      array_no_memory(err, s->path);
      return -1;
    } else if (r == Z_BUF_ERROR && !s->z.avail_in && s->at >= s->end) {
      array_fail(err, s->path, s->end, "the compressed data end early (is the file truncated?)");
      return -1;
    } else if (r != Z_OK && r != Z_BUF_ERROR) {
      array_fail(err, s->path, s->at - (int64_t)s->z.avail_in,
                 "the compressed data are damaged: %s", s->z.msg ? s->z.msg : "bad stream");
      return -1;
    }
  }
  return (int64_t)(room - s->z.avail_out);
}

static int64_t fetch(ByteStream *s, void *to, int64_t n, ArrayError *err) {
  if (s->kind != STREAM_PLAIN) return inflate_some(s, to, n, err);
  if (n > s->end - s->at) n = s->end - s->at;
  if (!source_read(s->source, s->at, to, n, err)) return -1;
  s->at += n;
  return n;
}

int64_t stream_read(ByteStream *s, void *to, int64_t n, ArrayError *err) {
  int64_t done = 0;
  if (s->npeeked && n) {
    done = n < s->npeeked ? n : s->npeeked;
    memcpy(to, s->peeked, (size_t)done);
    memmove(s->peeked, s->peeked + done, (size_t)(s->npeeked - done));
    s->npeeked -= (int)done;
  }
  while (done < n) {
    int64_t got = fetch(s, (char *)to + done, n - done, err);
    if (got < 0) return -1;
    if (!got) break;
    done += got;
  }
  s->given += done;
  if (s->check) s->crc = (uint32_t)crc32_z(s->crc, to, (size_t)done);
  return done;
}

bool stream_need(ByteStream *s, void *to, int64_t n, const char *what, ArrayError *err) {
  int64_t got = stream_read(s, to, n, err);
  if (got < 0) return false;
  if (got == n) return true;
  return array_fail(err, s->path, s->given, "the file ends in the middle of %s", what);
}

int stream_peek(ByteStream *s, uint8_t to[STREAM_PEEK], ArrayError *err) {
  while (s->npeeked < STREAM_PEEK) {
    int64_t got = fetch(s, s->peeked + s->npeeked, STREAM_PEEK - s->npeeked, err);
    if (got < 0) return -1;
    if (!got) break;
    s->npeeked += (int)got;
  }
  memcpy(to, s->peeked, (size_t)s->npeeked);
  return s->npeeked;
}

int64_t stream_at_most(const ByteStream *s) {
  int64_t left = s->end - s->at, most;
  if (s->kind == STREAM_PLAIN) return left + s->npeeked;
  if (s->z_done) return s->npeeked;
  left += (int64_t)s->z.avail_in;
  /* 1032 to 1 is deflate's limit; what inflate holds back in its window is at most 64 KiB */
  if (__builtin_mul_overflow(left, (int64_t)1032, &most) || most > INT64_MAX - (1 << 20))
    return INT64_MAX;
  return most + s->npeeked + (64 << 10);
}
