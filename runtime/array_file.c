/* array_file.c: sets of arrays, the recognition of formats, and what all formats need: error texts,
 * checked sizes, byte order, the order of axes. */
#include "array_format.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const ElemInfo elem_info[ELEM_COUNT] = {
#define ELEM(name, word, ctype, bytes, npy, st, idx) {word, bytes, npy, st, idx},
    ELEM_TABLE(ELEM)
#undef ELEM
};

/* ---- errors ---- */
/* A file may hold names that move a terminal's cursor: control characters, also the two-byte ones
 * (U+0080..U+009F), become question marks. */
static void make_printable(char *s) {
  for (unsigned char *p = (unsigned char *)s; *p; p++) {
    if (*p < 0x20 || *p == 0x7f) *p = '?';
    if (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f) p[0] = p[1] = '?';
  }
}

bool array_fail(ArrayError *err, const char *path, int64_t offset, const char *fmt, ...) {
  va_list ap;
  int n = offset < 0 ? snprintf(err->text, sizeof err->text, "%.300s: ", path)
                     : snprintf(err->text, sizeof err->text, "%.300s: byte %lld: ", path,
                                (long long)offset);
  va_start(ap, fmt);
  if (n >= 0 && (size_t)n < sizeof err->text)
    vsnprintf(err->text + n, sizeof err->text - (size_t)n, fmt, ap);
  va_end(ap);
  make_printable(err->text);
  err->memory = false;
  err->holds = NULL;
  return false;
}

bool array_no_memory(ArrayError *err, const char *path) {
  array_fail(err, path, -1, "there is not enough memory to read or write it");
  err->memory = true;
  return false;
}

/* ---- sizes and names ---- */
bool array_size(ElemType type, int rank, const int64_t *dim, int64_t *count, int64_t *bytes) {
  int64_t all = 1;
  bool empty = false;
  if (rank < 0 || rank > ARRAY_MAX_RANK) return false;
  for (int i = 0; i < rank; i++) {
    if (dim[i] < 0 || dim[i] > ARRAY_MAX_ELEMENTS) return false;
    if (!dim[i]) empty = true;
    /* an empty array's other extents count too: code that multiplies them must not overflow */
    else if (__builtin_mul_overflow(all, dim[i], &all) || all > ARRAY_MAX_ELEMENTS) return false;
  }
  *count = empty ? 0 : all;
  *bytes = *count * elem_info[type].bytes;
  return true;
}

void array_type_text(ElemType type, int rank, const int64_t *dim, char *out, size_t n) {
  size_t k = (size_t)snprintf(out, n, "%s", elem_info[type].word);
  for (int i = 0; i < rank && k < n; i++)
    k += (size_t)snprintf(out + k, n - k, "%s%lld%s", i ? ", " : "[", (long long)dim[i],
                          i + 1 == rank ? "]" : "");
}

bool array_name_ok(const char *name, size_t n) {
  return n > 0 && n <= ARRAY_MAX_NAME && !memchr(name, 0, n);
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

bool array_names_unique(const ArraySet *set, const char *path, ArrayError *err) {
  char **names = malloc(sizeof *names * (size_t)(set->n + 1));
  if (!names) return array_no_memory(err, path);
  for (int i = 0; i < set->n; i++) names[i] = set->at[i].name;
  qsort(names, (size_t)set->n, sizeof *names, by_name);
  bool ok = true;
  for (int i = 1; i < set->n && ok; i++)
    if (!strcmp(names[i - 1], names[i]))
      ok = array_fail(err, path, -1, "two arrays are called `%s`", names[i]);
  free(names);
  return ok;
}

/* ---- sets ---- */
bool array_wanted(const ArraySet *set, const char *name) {
  return !set->want || set->want(set->want_arg, name);
}

static bool within_limit(const ArraySet *set, int64_t bytes) {
  int64_t sum = bytes;
  if (!set->max_bytes) return true;
  for (int i = 0; i < set->n; i++) sum += set->at[i].bytes;
  return sum <= set->max_bytes;
}

Array *array_add(ArraySet *set, const char *name, size_t name_len, ElemType type, int rank,
                 const int64_t *dim, const char *path, ArrayError *err) {
  Array a = {.type = type, .rank = rank};
  if (!array_size(type, rank, dim, &a.count, &a.bytes) || !within_limit(set, a.bytes)) {
    array_fail(err, path, -1, "the array `%.*s` is larger than the limit", (int)name_len, name);
    return NULL;
  }
  if (set->n >= ARRAY_MAX_COUNT) {
    array_fail(err, path, -1, "there are more than %d arrays", ARRAY_MAX_COUNT);
    return NULL;
  }
  if (set->n == set->cap) {
    int cap = set->cap ? 2 * set->cap : 8;
    Array *at = realloc(set->at, sizeof *at * (size_t)cap);
    if (!at) return array_no_memory(err, path), NULL;
    set->at = at;
    set->cap = cap;
  }
  memcpy(a.dim, dim, sizeof *dim * (size_t)rank);
  a.name = strndup(name, name_len);
  /* not zeroed: pages are only taken as the bytes really arrive, whatever a header claims */
  if (a.name) a.data = aligned_alloc(64, (size_t)(a.bytes + 63) / 64 * 64 + 64);
  if (!a.data) {
    free(a.name);
    return array_no_memory(err, path), NULL;
  }
  set->at[set->n++] = a;
  return &set->at[set->n - 1];
}

bool array_add_meta(ArraySet *set, const char *key, const char *value) {
  if (set->nmeta == set->meta_cap) {
    int cap = set->meta_cap ? 2 * set->meta_cap : 8;
    ArrayMeta *meta = realloc(set->meta, sizeof *meta * (size_t)cap);
    if (!meta) return false;
    set->meta = meta;
    set->meta_cap = cap;
  }
  ArrayMeta m = {strdup(key), strdup(value)};
  if (m.key && m.value) {
    set->meta[set->nmeta++] = m;
    return true;
  }
  free(m.key);
  free(m.value);
  return false;
}

void array_set_free(ArraySet *set) {
  for (int i = 0; i < set->n; i++) free(set->at[i].name), free(set->at[i].data);
  for (int i = 0; i < set->nmeta; i++) free(set->meta[i].key), free(set->meta[i].value);
  free(set->at);
  free(set->meta);
  set->at = NULL, set->meta = NULL;
  set->n = set->cap = set->nmeta = set->meta_cap = 0;
}

Array *array_find(const ArraySet *set, const char *name) {
  for (int i = 0; i < set->n; i++)
    if (!strcmp(set->at[i].name, name)) return &set->at[i];
  return NULL;
}

const char *array_meta(const ArraySet *set, const char *key) {
  for (int i = 0; i < set->nmeta; i++)
    if (!strcmp(set->meta[i].key, key)) return set->meta[i].value;
  return NULL;
}

/* ---- payloads ---- */
Array *array_read_payload(ByteStream *in, ArraySet *set, const char *name, ElemType type, int rank,
                          const int64_t *dim, ArrayError *err) {
  int64_t count, bytes;
  char more;
  if (!array_size(type, rank, dim, &count, &bytes)) {
    array_fail(err, in->path, in->given, "the shape is too large");
    return NULL;
  }
  int64_t most = stream_at_most(in);
  if (bytes > most || (in->kind == STREAM_PLAIN && bytes != most)) {
    char text[160];
    array_type_text(type, rank, dim, text, sizeof text);
    array_fail(err, in->path, in->given, "%s needs %lld bytes, the file has %s%lld more%s", text,
               (long long)bytes, in->kind == STREAM_PLAIN ? "" : "at most ", (long long)most,
               bytes > most ? " (is it truncated?)" : "");
    return NULL;
  }
  Array *a = array_add(set, name, strlen(name), type, rank, dim, in->path, err);
  if (!a || !stream_need(in, a->data, bytes, "the elements", err)) return NULL;
  int64_t rest = stream_read(in, &more, 1, err); /* also makes inflate check its checksum */
  if (rest > 0) array_fail(err, in->path, in->given - 1, "more bytes follow the last element");
  return rest ? NULL : a;
}

void array_swap_bytes(Array *a) {
  int size = elem_info[a->type].bytes;
  for (int64_t i = 0; i < a->count; i++) {
    char *p = (char *)a->data + i * size;
    if (size == 2) *(uint16_t *)(void *)p = __builtin_bswap16(*(uint16_t *)(void *)p);
    if (size == 4) *(uint32_t *)(void *)p = __builtin_bswap32(*(uint32_t *)(void *)p);
    if (size == 8) *(uint64_t *)(void *)p = __builtin_bswap64(*(uint64_t *)(void *)p);
  }
}

/* The file's first axis varies fastest; walk it in our order, last axis fastest. */
bool array_from_fortran(Array *a) {
  if (a->rank < 2 || a->count < 2) return true;
  int size = elem_info[a->type].bytes, last = a->rank - 1;
  int64_t at[ARRAY_MAX_RANK] = {0}, stride[ARRAY_MAX_RANK], from = 0;
  char *old = a->data, *new = aligned_alloc(64, (size_t)(a->bytes + 63) / 64 * 64 + 64);
  if (!new) return false;
  stride[0] = size;
  for (int k = 1; k < a->rank; k++) stride[k] = stride[k - 1] * a->dim[k - 1];
  for (int64_t i = 0; i < a->count; i++) {
    memcpy(new + i *size, old + from, (size_t)size);
    for (int k = last; k >= 0; k--) {
      from += stride[k];
      if (++at[k] < a->dim[k]) break;
      from -= stride[k] * a->dim[k];
      at[k] = 0;
    }
  }
  free(old);
  a->data = new;
  return true;
}

void array_normalise(Array *a) {
  if (a->type != ELEM_BOOL) return;
  uint8_t *p = a->data;
  for (int64_t i = 0; i < a->count; i++) p[i] = p[i] != 0;
}

/* ---- formats ---- */
static bool read_stream(ByteStream *in, ArraySet *set, ArrayError *err) {
  uint8_t head[STREAM_PEEK] = {0};
  int n = stream_peek(in, head, err);
  if (n < 0) return false;
  if (n >= 6 && !memcmp(head, "\x93NUMPY", 6)) return npy_read(in, "", set, err);
  if (n >= 4 && !head[0] && !head[1]) return idx_read(in, set, err);
  return csv_read(in, set, err);
}

/* safetensors has no magic number: eight bytes of header length, then the header's brace. */
static bool is_safetensors(const uint8_t *head, int64_t n, int64_t size) {
  uint64_t len = 0;
  for (int i = 7; i >= 0; i--) len = len << 8 | head[i];
  return n >= 9 && head[8] == '{' && len <= (uint64_t)size - 8;
}

static bool ends_in(const char *path, const char *end) {
  size_t n = strlen(path), m = strlen(end);
  return n >= m && !strcasecmp(path + n - m, end);
}

static bool is_text(const char *path) { return ends_in(path, ".txt") || ends_in(path, ".txt.gz"); }

static bool load(const ByteSource *src, ArraySet *set, ArrayError *err) {
  uint8_t head[9] = {0};
  int64_t n = src->size < 9 ? src->size : 9;
  if (!source_read(src, 0, head, n, err)) return false;
  if (!n) return array_fail(err, src->path, 0, "the file is empty");
  bool zip = n >= 4 && !memcmp(head, "PK", 2) &&
             (!memcmp(head + 2, "\3\4", 2) || !memcmp(head + 2, "\5\6", 2));
  bool as_bytes = set->bytes || (!set->table && is_text(src->path));
  if (!as_bytes && (zip || ends_in(src->path, ".npz"))) return npz_read(src, set, err);
  if (!as_bytes && (ends_in(src->path, ".safetensors") || is_safetensors(head, n, src->size)))
    return safetensors_read(src, set, err);
  ByteStream in;
  bool gzip = n >= 2 && head[0] == 0x1f && head[1] == 0x8b;
  if (!stream_open(&in, src, 0, src->size, gzip ? STREAM_GZIP : STREAM_PLAIN, src->path, err))
    return false;
  bool ok = as_bytes ? bytes_read(&in, set, err) : read_stream(&in, set, err);
  stream_close(&in);
  return ok;
}

static bool load_all(const ByteSource *src, ArraySet *set, ArrayError *err) {
  bool ok = load(src, set, err) && array_names_unique(set, src->path, err);
  for (int i = 0; ok && i < set->n; i++) array_normalise(&set->at[i]);
  if (!ok) array_set_free(set);
  return ok;
}

bool array_load(const char *path, ArraySet *set, ArrayError *err) {
  ByteSource src;
  *err = (ArrayError){0};
  if (!source_open(&src, path, err)) return false;
  bool ok = load_all(&src, set, err);
  source_close(&src);
  return ok;
}

bool array_load_memory(const void *bytes, size_t n, const char *path, ArraySet *set,
                       ArrayError *err) {
  ByteSource src = source_of_memory(bytes, n, path);
  *err = (ArrayError){0};
  return load_all(&src, set, err);
}

static bool save(AtomicFile *out, const ArrayView *at, int n, const ArrayMeta *meta, int nmeta,
                 ArrayError *err) {
  if (ends_in(out->path, ".npz")) return npz_write(out, at, n, err);
  if (ends_in(out->path, ".safetensors")) return safetensors_write(out, at, n, meta, nmeta, err);
  if (ends_in(out->path, ".csv")) return csv_write(out, at, n, err);
  return npy_write(out, at, err);
}

bool array_fits_format(const char *path, const ArrayView *at, int n, ArrayError *err) {
  *err = (ArrayError){0};
  if (ends_in(path, ".npz") || ends_in(path, ".safetensors")) return true;
  if (ends_in(path, ".npy") && n == 1) return true;
  if (ends_in(path, ".npy"))
    return array_fail(err, path, -1,
                      "a .npy file holds one array, and there are %d; .npz holds several", n);
  if (ends_in(path, ".csv")) return csv_fits(path, at, n, err);
  return array_fail(err, path, -1,
                    "its name must end in .safetensors, .npz, .csv or (one array only) .npy");
}

bool array_save(const char *path, const ArrayView *at, int n, const ArrayMeta *meta, int nmeta,
                ArrayError *err) {
  AtomicFile out;
  int64_t count, bytes;
  *err = (ArrayError){0};
  for (int i = 0; i < n; i++)
    if (!array_size(at[i].type, at[i].rank, at[i].dim, &count, &bytes))
      return array_fail(err, path, -1, "the array `%s` is too large to be written", at[i].name);
  if (!array_fits_format(path, at, n, err) || !atomic_open(&out, path, err)) return false;
  if (save(&out, at, n, meta, nmeta, err)) return atomic_commit(&out, err);
  atomic_abort(&out);
  return false;
}

bool array_can_save(const char *path, ArrayError *err) {
  AtomicFile out;
  *err = (ArrayError){0};
  bool ok = atomic_open(&out, path, err);
  if (ok) atomic_abort(&out);
  return ok;
}
