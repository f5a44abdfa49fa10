/* npz.c: NumPy's .npz: a zip archive of .npy members, stored or deflated. The archive is read from
 * its central directory (PKWARE's APPNOTE 6.3, sections 4.3 to 4.5, with the zip64 records), and
 * every member's local header, size and checksum must agree with it; members that overlap, the
 * stuff of zip bombs, are refused. Written members are stored, so that others can map them. */
#include "array_format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Member {
  char name[ARRAY_MAX_NAME + 5]; /* with its .npy */
  int method;
  uint32_t crc;
  int64_t packed, size;  /* bytes in the archive, and inflated */
  int64_t header, start; /* offsets of the local header and of the data */
} Member;

typedef struct Directory {
  int64_t count, size, at;
} Directory;

typedef struct Zip {
  const ByteSource *src;
  ArraySet *set;
  ArrayError *err;
  Member *member;
  int n;
} Zip;

static uint64_t le(const uint8_t *p, int n) {
  uint64_t v = 0;
  for (int i = n - 1; i >= 0; i--) v = v << 8 | p[i];
  return v;
}

static bool bad(Zip *z, int64_t at, const char *what) {
  return array_fail(z->err, z->src->path, at, "bad .npz archive: %s", what);
}

/* ---- the directory ---- */
enum { END_SIZE = 22, END64_SIZE = 56, LOCATOR_SIZE = 20, CENTRAL_SIZE = 46, LOCAL_SIZE = 30 };

/* The end record is last, but for a comment of up to 65535 bytes that says its own length. */
static bool find_end(Zip *z, uint8_t end[END_SIZE], int64_t *at) {
  enum { TAIL = END_SIZE + 65535 };
  int64_t n = z->src->size < TAIL ? z->src->size : TAIL, base = z->src->size - n;
  uint8_t *tail = malloc((size_t)n + 1);
  if (!tail) return array_no_memory(z->err, z->src->path);
  bool found = false;
  if (source_read(z->src, base, tail, n, z->err)) {
    for (int64_t i = n - END_SIZE; i >= 0 && !found; i--) {
      if (memcmp(tail + i, "PK\5\6", 4)) continue;
      if ((int64_t)le(tail + i + 20, 2) != n - i - END_SIZE) continue;
      memcpy(end, tail + i, END_SIZE);
      *at = base + i;
      found = true;
    }
    if (!found) bad(z, z->src->size, "its directory is missing (is the file truncated?)");
  }
  free(tail);
  return found;
}

static bool zip64_end(Zip *z, int64_t end_at, Directory *d) {
  uint8_t b[END64_SIZE];
  if (end_at < LOCATOR_SIZE) return bad(z, end_at, "the zip64 locator is missing");
  if (!source_read(z->src, end_at - LOCATOR_SIZE, b, LOCATOR_SIZE, z->err)) return false;
  if (memcmp(b, "PK\6\7", 4)) return bad(z, end_at, "the zip64 locator is missing");
  uint64_t at = le(b + 8, 8);
  if (at > (uint64_t)end_at) return bad(z, end_at, "the zip64 record lies outside the file");
  if (!source_read(z->src, (int64_t)at, b, END64_SIZE, z->err)) return false;
  if (memcmp(b, "PK\6\6", 4)) return bad(z, (int64_t)at, "the zip64 record is missing");
  uint64_t count = le(b + 32, 8), size = le(b + 40, 8), start = le(b + 48, 8);
  if (count > INT32_MAX || size > INT64_MAX / 2 || start > INT64_MAX / 2)
    return bad(z, (int64_t)at, "a number in the zip64 record is too large");
  *d = (Directory){(int64_t)count, (int64_t)size, (int64_t)start};
  return true;
}

static bool find_directory(Zip *z, Directory *d) {
  uint8_t end[END_SIZE];
  int64_t at = 0;
  if (!find_end(z, end, &at)) return false;
  *d = (Directory){(int64_t)le(end + 10, 2), (int64_t)le(end + 12, 4), (int64_t)le(end + 16, 4)};
  bool big = d->count == 0xffff || d->size == 0xffffffff || d->at == 0xffffffff;
  if (big && !zip64_end(z, at, d)) return false;
  if (d->at > at || d->size > at - d->at) return bad(z, at, "the directory lies outside the file");
  if (d->count > ARRAY_MAX_COUNT) return bad(z, at, "too many members");
  return true;
}

/* Fields of all ones stand for values in the zip64 extra field, which holds only those, in order.
 */
static bool zip64_extra(Zip *z, Member *m, const uint8_t *extra, int n, int64_t at) {
  int64_t *field[3] = {&m->size, &m->packed, &m->header};
  const uint8_t *p = NULL;
  int left = 0;
  for (int i = 0; i + 4 <= n; i += 4 + (int)le(extra + i + 2, 2)) {
    if (le(extra + i, 2) != 1) continue;
    left = (int)le(extra + i + 2, 2);
    p = extra + i + 4;
    if (left > n - i - 4) return bad(z, at, "an extra field is cut short");
    break;
  }
  for (int k = 0; k < 3; k++) {
    if (*field[k] != 0xffffffff) continue;
    if (left < 8) return bad(z, at, "a zip64 size is missing");
    uint64_t v = le(p, 8);
    if (v > INT64_MAX / 2) return bad(z, at, "a zip64 size is too large");
    *field[k] = (int64_t)v;
    p += 8;
    left -= 8;
  }
  return true;
}

/* One entry of the directory; b has `room` bytes left. Returns its length, 0 on error. */
static int64_t entry(Zip *z, const uint8_t *b, int64_t room, int64_t at) {
  if (room < CENTRAL_SIZE || memcmp(b, "PK\1\2", 4))
    return bad(z, at, "a directory entry is damaged"), 0;
  int flags = (int)le(b + 8, 2), name = (int)le(b + 28, 2), extra = (int)le(b + 30, 2);
  int64_t length = CENTRAL_SIZE + name + extra + (int64_t)le(b + 32, 2);
  if (length > room) return bad(z, at, "a directory entry is cut short"), 0;
  const char *text = (const char *)b + CENTRAL_SIZE;
  if (name < 5 || memcmp(text + name - 4, ".npy", 4)) return length; /* not an array: not ours */
  if (!array_name_ok(text, (size_t)name - 4)) return bad(z, at, "a member's name is bad"), 0;
  Member *m = &z->member[z->n++];
  *m = (Member){.method = (int)le(b + 10, 2), .crc = (uint32_t)le(b + 16, 4)};
  m->packed = (int64_t)le(b + 20, 4);
  m->size = (int64_t)le(b + 24, 4);
  m->header = (int64_t)le(b + 42, 4);
  memcpy(m->name, text, (size_t)name);
  if (flags & 1) return bad(z, at, "it is encrypted"), 0;
  if (m->method && m->method != 8)
    return bad(z, at, "a member is compressed by a method other than deflate"), 0;
  return zip64_extra(z, m, (const uint8_t *)text + name, extra, at) ? length : 0;
}

static bool read_directory(Zip *z, const Directory *d) {
  uint8_t *b = malloc((size_t)d->size + 1);
  z->member = calloc((size_t)d->count + 1, sizeof *z->member);
  bool ok = b && z->member ? source_read(z->src, d->at, b, d->size, z->err)
                           : array_no_memory(z->err, z->src->path);
  int64_t at = 0;
  for (int64_t i = 0; ok && i < d->count; i++) {
    int64_t length = entry(z, b + at, d->size - at, d->at + at);
    at += length;
    ok = length > 0;
  }
  if (ok && at != d->size) ok = bad(z, d->at + at, "the directory is longer than its entries");
  free(b);
  return ok;
}

/* ---- members ---- */
static bool locate(Zip *z, Member *m, int64_t limit) {
  uint8_t b[LOCAL_SIZE];
  if (m->header > limit - LOCAL_SIZE) return bad(z, m->header, "a member lies outside the file");
  if (!source_read(z->src, m->header, b, LOCAL_SIZE, z->err)) return false;
  if (memcmp(b, "PK\3\4", 4)) return bad(z, m->header, "a member's local header is missing");
  if ((int)le(b + 8, 2) != m->method) return bad(z, m->header, "two headers disagree");
  int name = (int)le(b + 26, 2);
  char text[sizeof m->name] = {0};
  m->start = m->header + LOCAL_SIZE + name + (int64_t)le(b + 28, 2);
  if (m->start > limit || m->packed > limit - m->start)
    return bad(z, m->header, "a member's data lie outside the file");
  if (name != (int)strlen(m->name)) return bad(z, m->header, "two headers disagree");
  if (!source_read(z->src, m->header + LOCAL_SIZE, text, name, z->err)) return false;
  return !strcmp(text, m->name) || bad(z, m->header, "two headers disagree");
}

static int by_place(const void *a, const void *b) {
  const Member *x = a, *y = b;
  return x->header < y->header ? -1 : x->header > y->header;
}

/* An array of what gradc has no type for, where the caller only wants to know of it. */
static bool is_listed(Zip *z, const char *name) {
  char text[80];
  if (!z->err->holds || !z->set->others) return false;
  snprintf(text, sizeof text, "%s, not read", z->err->holds);
  *z->err = (ArrayError){0};
  return array_add_meta(z->set, name, text) || array_no_memory(z->err, z->src->path);
}

static bool read_member(Zip *z, const Member *m) {
  ByteStream in;
  char path[ARRAY_MAX_NAME + 400], name[ARRAY_MAX_NAME + 1];
  snprintf(name, sizeof name, "%.*s", (int)strlen(m->name) - 4, m->name);
  if (!array_wanted(z->set, name)) return true;
  snprintf(path, sizeof path, "%.250s(%s)", z->src->path, m->name);
  if (m->method ? m->size / 1032 > m->packed + 64 : m->size != m->packed)
    return bad(z, m->header, "a member's two sizes can't both be right");
  StreamKind kind = m->method ? STREAM_DEFLATE : STREAM_PLAIN;
  if (!stream_open(&in, z->src, m->start, m->start + m->packed, kind, path, z->err)) return false;
  in.check = true;
  bool ok = npy_read(&in, name, z->set, z->err);
  if (ok && in.given != m->size) ok = bad(z, m->header, "a member's size is not what it says");
  if (ok && in.crc != m->crc) ok = bad(z, m->header, "a member's checksum is wrong");
  stream_close(&in);
  return ok || is_listed(z, name);
}

bool npz_read(const ByteSource *src, ArraySet *set, ArrayError *err) {
  Zip z = {.src = src, .set = set, .err = err};
  Directory d;
  if (!find_directory(&z, &d)) return false;
  bool ok = read_directory(&z, &d);
  for (int i = 0; ok && i < z.n; i++) ok = locate(&z, &z.member[i], d.at);
  if (ok) qsort(z.member, (size_t)z.n, sizeof *z.member, by_place);
  for (int i = 1; ok && i < z.n; i++)
    if (z.member[i].header < z.member[i - 1].start + z.member[i - 1].packed)
      ok = bad(&z, z.member[i].header, "members overlap");
  for (int i = 0; ok && i < z.n; i++) ok = read_member(&z, &z.member[i]);
  free(z.member);
  return ok;
}

/* ---- writing ---- */
static void put(uint8_t *p, uint64_t v, int n) {
  for (int i = 0; i < n; i++) p[i] = (uint8_t)(v >> 8 * i);
}

/* The fields local header and directory entry share: version 2.0, UTF-8 names, stored, 1980-01-01.
 */
static void common(uint8_t *p, const Member *m) {
  put(p, 20, 2);
  put(p + 2, 0x800, 2);
  put(p + 4, 0, 2);
  put(p + 6, 0, 2);
  put(p + 8, 0x21, 2);
  put(p + 10, m->crc, 4);
  put(p + 14, (uint64_t)m->size, 4);
  put(p + 18, (uint64_t)m->size, 4);
  put(p + 22, strlen(m->name), 2);
}

static bool write_member(AtomicFile *out, const ArrayView *a, Member *m, int64_t *at,
                         ArrayError *err) {
  char head[1024];
  uint8_t local[LOCAL_SIZE] = "PK\3\4";
  int64_t count, bytes;
  size_t n = npy_header(a, head, sizeof head);
  if (!n || !array_name_ok(a->name, strlen(a->name)))
    return array_fail(err, out->path, -1, "the array `%s` can't be in an .npz file: its %s",
                      a->name, n ? "name is too long" : "element type is unknown to NumPy");
  array_size(a->type, a->rank, a->dim, &count, &bytes);
  snprintf(m->name, sizeof m->name, "%s.npy", a->name);
  m->size = (int64_t)n + bytes;
  m->header = *at;
  *at += LOCAL_SIZE + (int64_t)strlen(m->name) + m->size;
  if (*at > 0xfffffff0)
    return array_fail(err, out->path, -1, "over 4 GiB: use a .safetensors file");
  m->crc = (uint32_t)crc32_z(crc32_z(0, (Bytef *)head, n), a->data, (size_t)bytes);
  common(local + 4, m);
  return atomic_write(out, local, sizeof local, err) &&
         atomic_write(out, m->name, strlen(m->name), err) && atomic_write(out, head, n, err) &&
         atomic_write(out, a->data, (size_t)bytes, err);
}

static bool write_directory(AtomicFile *out, const Member *m, int n, int64_t at, ArrayError *err) {
  int64_t size = 0;
  for (int i = 0; i < n; i++) {
    uint8_t b[CENTRAL_SIZE] = "PK\1\2";
    put(b + 4, 20, 2);
    common(b + 6, &m[i]);
    put(b + 42, (uint64_t)m[i].header, 4);
    size += CENTRAL_SIZE + (int64_t)strlen(m[i].name);
    if (!atomic_write(out, b, sizeof b, err)) return false;
    if (!atomic_write(out, m[i].name, strlen(m[i].name), err)) return false;
  }
  if (at + size > 0xfffffff0)
    return array_fail(err, out->path, -1, "over 4 GiB: use a .safetensors file");
  uint8_t end[END_SIZE] = "PK\5\6";
  put(end + 8, (uint64_t)n, 2);
  put(end + 10, (uint64_t)n, 2);
  put(end + 12, (uint64_t)size, 4);
  put(end + 16, (uint64_t)at, 4);
  return atomic_write(out, end, sizeof end, err);
}

bool npz_write(AtomicFile *out, const ArrayView *at, int n, ArrayError *err) {
  if (n > ARRAY_MAX_COUNT) return array_fail(err, out->path, -1, "too many arrays");
  Member *m = calloc((size_t)n + 1, sizeof *m);
  if (!m) return array_no_memory(err, out->path);
  int64_t offset = 0;
  bool ok = true;
  for (int i = 0; ok && i < n; i++) ok = write_member(out, &at[i], &m[i], &offset, err);
  ok = ok && write_directory(out, m, n, offset, err);
  free(m);
  return ok;
}
