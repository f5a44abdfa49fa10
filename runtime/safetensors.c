/* safetensors.c: the .safetensors format: the header's length as a 64-bit little-endian number, the
 * header in JSON ({name: {dtype, shape, data_offsets}}, and strings under __metadata__), the
 * elements in little-endian order. The tensors must cover the payload exactly, without gaps and
 * without overlaps: a file in which bytes could hide is refused. */
#include "array_format.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_HEADER = 100 << 20 }; /* the limit of the reference implementation */

typedef struct Entry {
  const char *name;
  const char
      *dtype; /* NULL, or the word for a type that gradc hasn't, which only who wants it misses */
  ElemType type;
  int rank;
  int64_t dim[ARRAY_MAX_RANK];
  int64_t from, to;
} Entry;

typedef struct Reader {
  const ByteSource *src;
  ArraySet *set;
  ArrayError *err;
  Entry *entry;
  int n;
} Reader;

static bool bad(Reader *r, const char *name, const char *what) {
  return array_fail(r->err, r->src->path, 8, "bad .safetensors header: tensor `%.100s`: %s", name,
                    what);
}

/* ---- the header ---- */
static bool integer(const json_t *v, int64_t *out) {
  if (!json_is_integer(v) || json_integer_value(v) < 0) return false;
  *out = json_integer_value(v);
  return true;
}

static bool shape(Reader *r, Entry *e, const json_t *v) {
  if (!json_is_array(v)) return bad(r, e->name, "its shape is not a list");
  if (json_array_size(v) > ARRAY_MAX_RANK) return bad(r, e->name, "it has more than 32 dimensions");
  e->rank = (int)json_array_size(v);
  for (int i = 0; i < e->rank; i++)
    if (!integer(json_array_get(v, (size_t)i), &e->dim[i]))
      return bad(r, e->name, "an extent is not a number");
  return true;
}

static bool element_type(Reader *r, Entry *e, const json_t *v) {
  const char *word = json_string_value(v);
  for (int t = 0; word && t < ELEM_COUNT; t++)
    if (!strcmp(word, elem_info[t].safetensors)) return e->type = (ElemType)t, true;
  if (!word) return bad(r, e->name, "its dtype is not a word");
  e->dtype = word;
  return true;
}

static bool unknown_type(Reader *r, const Entry *e) {
  return array_fail(r->err, r->src->path, 8,
                    "bad .safetensors header: tensor `%.100s`: its dtype %.20s is not known",
                    e->name, e->dtype);
}

/* Where the caller only wants to know of it. */
static bool list_unknown(Reader *r, const Entry *e) {
  char text[64];
  snprintf(text, sizeof text, "elements of %.20s, not read", e->dtype);
  return array_add_meta(r->set, e->name, text) || array_no_memory(r->err, r->src->path);
}

static bool tensor(Reader *r, const char *name, const json_t *v) {
  Entry *e = &r->entry[r->n++];
  int64_t count, bytes;
  e->name = name;
  if (!array_name_ok(name, strlen(name))) return bad(r, name, "its name is empty or too long");
  if (!json_is_object(v) || json_object_size(v) != 3)
    return bad(r, name, "dtype, shape and data_offsets were expected");
  const json_t *range = json_object_get(v, "data_offsets");
  if (!element_type(r, e, json_object_get(v, "dtype"))) return false;
  if (!shape(r, e, json_object_get(v, "shape"))) return false;
  if (json_array_size(range) != 2 || !integer(json_array_get(range, 0), &e->from) ||
      !integer(json_array_get(range, 1), &e->to))
    return bad(r, name, "its data_offsets are not two numbers");
  if (e->to < e->from) return bad(r, name, "its data_offsets don't fit its shape");
  if (e->dtype) return true;
  if (!array_size(e->type, e->rank, e->dim, &count, &bytes))
    return bad(r, name, "its shape is too large");
  if (e->to - e->from != bytes) return bad(r, name, "its data_offsets don't fit its shape");
  return true;
}

static bool metadata(Reader *r, json_t *v) {
  const char *key;
  json_t *value;
  if (!json_is_object(v)) return bad(r, "__metadata__", "not an object");
  json_object_foreach(v, key, value) {
    if (!json_is_string(value)) return bad(r, "__metadata__", "a value is not a string");
    if (!array_add_meta(r->set, key, json_string_value(value)))
      return array_no_memory(r->err, r->src->path);
  }
  return true;
}

static bool entries(Reader *r, json_t *root) {
  const char *key;
  json_t *value;
  if (!json_is_object(root)) return bad(r, "", "the header is not an object");
  if (json_object_size(root) > ARRAY_MAX_COUNT) return bad(r, "", "too many tensors");
  r->entry = calloc(json_object_size(root) + 1, sizeof *r->entry);
  if (!r->entry) return array_no_memory(r->err, r->src->path);
  json_object_foreach(root, key, value) {
    bool ok = strcmp(key, "__metadata__") ? tensor(r, key, value) : metadata(r, value);
    if (!ok) return false;
  }
  return true;
}

/* ---- the payload ---- */
static int by_place(const void *a, const void *b) {
  const Entry *x = a, *y = b;
  if (x->from != y->from) return x->from < y->from ? -1 : 1;
  return x->to < y->to ? -1 : x->to > y->to;
}

static bool covers(Reader *r, int64_t payload) {
  int64_t at = 0;
  qsort(r->entry, (size_t)r->n, sizeof *r->entry, by_place);
  for (int i = 0; i < r->n; i++) {
    if (r->entry[i].from != at)
      return bad(r, r->entry[i].name,
                 r->entry[i].from < at ? "it overlaps another tensor" : "a gap lies before it");
    at = r->entry[i].to;
  }
  if (at == payload) return true;
  return array_fail(r->err, r->src->path, 8, "the tensors need %lld bytes, the file has %lld%s",
                    (long long)at, (long long)payload, at > payload ? " (is it truncated?)" : "");
}

static bool payload(Reader *r, int64_t base) {
  for (int i = 0; i < r->n; i++) {
    const Entry *e = &r->entry[i];
    if (!array_wanted(r->set, e->name)) continue;
    if (e->dtype && !r->set->others) return unknown_type(r, e);
    if (e->dtype) {
      if (!list_unknown(r, e)) return false;
      continue;
    }
    Array *a =
        array_add(r->set, e->name, strlen(e->name), e->type, e->rank, e->dim, r->src->path, r->err);
    if (!a || !source_read(r->src, base + e->from, a->data, a->bytes, r->err)) return false;
    if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) array_swap_bytes(a);
  }
  return true;
}

bool safetensors_read(const ByteSource *src, ArraySet *set, ArrayError *err) {
  Reader r = {.src = src, .set = set, .err = err};
  uint8_t b[8];
  uint64_t n = 0;
  json_error_t why;
  if (src->size < 8)
    return array_fail(err, src->path, src->size, "the file ends in its first number");
  if (!source_read(src, 0, b, 8, err)) return false;
  for (int i = 7; i >= 0; i--) n = n << 8 | b[i];
  if (n > MAX_HEADER || n > (uint64_t)src->size - 8)
    return array_fail(err, src->path, 0,
                      "the header should have %llu bytes, more than the file (is it truncated?)",
                      (unsigned long long)n);
  char *text = malloc((size_t)n + 1);
  if (!text) return array_no_memory(err, src->path);
  bool ok = source_read(src, 8, text, (int64_t)n, err);
  errno = 0; /* what jansson makes of an allocation that failed is often a syntax error */
  json_t *root = ok ? json_loadb(text, (size_t)n, JSON_REJECT_DUPLICATES, &why) : NULL;
  free(text);
  if (ok && !root)
    ok =
        errno == ENOMEM || json_error_code(&why) == json_error_out_of_memory
            ? array_no_memory(err, src->path)
            : array_fail(err, src->path, 8 + why.position, "bad .safetensors header: %s", why.text);
  int64_t base = 8 + (int64_t)n;
  ok = ok && entries(&r, root) && covers(&r, src->size - base) && payload(&r, base);
  free(r.entry);
  json_decref(root);
  return ok;
}

/* ---- writing ---- */
/* Wider elements first, else in the given order: then each tensor is aligned to its elements. */
static int *writing_order(const ArrayView *at, int n) {
  int *order = malloc(sizeof *order * (size_t)(n + 1)), k = 0;
  for (int size = 8; order && size; size /= 2)
    for (int i = 0; i < n; i++)
      if (elem_info[at[i].type].bytes == size) order[k++] = i;
  return order;
}

/* The header's text. (Made here: jansson loses keys without a word when memory runs out.) */
typedef struct Header {
  char *text;
  size_t n, cap;
  bool memory; /* ran out */
} Header;

static void put(Header *h, const char *s, size_t n) {
  if (h->n + n + 1 > h->cap && !h->memory) {
    size_t cap = 2 * h->cap + n + 256;
    char *more = realloc(h->text, cap);
    h->memory = !more;
    if (more) h->text = more, h->cap = cap;
  }
  if (h->memory) return;
  memcpy(h->text + h->n, s, n);
  h->text[h->n += n] = 0;
}
static void put_text(Header *h, const char *s) { put(h, s, strlen(s)); }
static void put_number(Header *h, int64_t v) {
  char text[24];
  put(h, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)v));
}

static void put_string(Header *h, const char *s) {
  put_text(h, "\"");
  for (; *s; s++) {
    char escape[8];
    unsigned char c = (unsigned char)*s;
    if (c == '"' || c == '\\') put(h, escape, (size_t)snprintf(escape, sizeof escape, "\\%c", c));
    else if (c < 0x20) put(h, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04X", c));
    else put(h, s, 1);
  }
  put_text(h, "\"");
}

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
static bool is_utf8(const char *s) {
  for (const unsigned char *p = (const unsigned char *)s; *p;) {
    int more = *p < 0x80                 ? 0
               : *p >= 0xC2 && *p < 0xE0 ? 1
               : *p >= 0xE0 && *p < 0xF0 ? 2
               : *p >= 0xF0 && *p < 0xF5 ? 3
                                         : -1;
    if (more < 0) return false;
    unsigned low = *p == 0xE0   ? 0xA0
                   : *p == 0xF0 ? 0x90
                                : 0x80,
             high = *p == 0xED   ? 0x9F
                    : *p == 0xF4 ? 0x8F
                                 : 0xBF;
    for (p++; more > 0; more--, p++, low = 0x80, high = 0xBF)
      if (*p < low || *p > high) return false;
  }
  return true;
}

static void put_entry(Header *h, const ArrayView *a, int64_t from, int64_t bytes) {
  put_string(h, a->name);
  put_text(h, ":{\"dtype\":\"");
  put_text(h, elem_info[a->type].safetensors);
  put_text(h, "\",\"shape\":[");
  for (int i = 0; i < a->rank; i++) {
    if (i) put_text(h, ",");
    put_number(h, a->dim[i]);
  }
  put_text(h, "],\"data_offsets\":[");
  put_number(h, from);
  put_text(h, ",");
  put_number(h, from + bytes);
  put_text(h, "]}");
}

static Header header_text(const ArrayView *at, const int *order, int n, const ArrayMeta *meta,
                          int nmeta) {
  Header h = {0};
  int64_t from = 0, count, bytes;
  put_text(&h, "{");
  if (nmeta) put_text(&h, "\"__metadata__\":{");
  for (int i = 0; i < nmeta; i++) {
    if (i) put_text(&h, ",");
    put_string(&h, meta[i].key);
    put_text(&h, ":");
    put_string(&h, meta[i].value);
  }
  if (nmeta) put_text(&h, n ? "}," : "}");
  for (int i = 0; i < n; i++) {
    const ArrayView *a = &at[order[i]];
    array_size(a->type, a->rank, a->dim, &count, &bytes);
    if (i) put_text(&h, ",");
    put_entry(&h, a, from, bytes);
    from += bytes;
  }
  put_text(&h, "}");
  return h;
}

static bool names_are_text(const ArrayView *at, int n, const ArrayMeta *meta, int nmeta) {
  for (int i = 0; i < n; i++)
    if (!is_utf8(at[i].name)) return false;
  for (int i = 0; i < nmeta; i++)
    if (!is_utf8(meta[i].key) || !is_utf8(meta[i].value)) return false;
  return true;
}

static bool write_elements(AtomicFile *out, const ArrayView *a, ArrayError *err) {
  int64_t count, bytes;
  array_size(a->type, a->rank, a->dim, &count, &bytes);
  if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
    return atomic_write(out, a->data, (size_t)bytes, err);
  int size = elem_info[a->type].bytes;
  for (int64_t i = 0; i < count; i++) {
    uint8_t e[8];
    for (int k = 0; k < size; k++) e[k] = ((const uint8_t *)a->data)[i * size + size - 1 - k];
    if (!atomic_write(out, e, (size_t)size, err)) return false;
  }
  return true;
}

bool safetensors_write(AtomicFile *out, const ArrayView *at, int n, const ArrayMeta *meta,
                       int nmeta, ArrayError *err) {
  if (!names_are_text(at, n, meta, nmeta))
    return array_fail(err, out->path, -1, "the header can't be made: a name is not UTF-8");
  int *order = writing_order(at, n);
  Header h = order ? header_text(at, order, n, meta, nmeta) : (Header){.memory = true};
  char *text = h.text;
  bool ok = !h.memory || array_no_memory(err, out->path);
  if (ok) {
    size_t len = strlen(text), padded = (len + 8 + 63) / 64 * 64 - 8;
    uint8_t b[8];
    for (int i = 0; i < 8; i++) b[i] = (uint8_t)((uint64_t)padded >> 8 * i);
    ok = atomic_write(out, b, 8, err) && atomic_write(out, text, len, err);
    for (size_t i = len; ok && i < padded; i++) ok = atomic_write(out, " ", 1, err);
  }
  for (int i = 0; ok && i < n; i++) ok = write_elements(out, &at[order[i]], err);
  free(text);
  free(order);
  return ok;
}
