/* npy.c: NumPy's .npy format (NEP 1): a magic number, a version, the length of a header, the header
 * (a Python dictionary with descr, fortran_order and shape), the elements. Object arrays are
 * pickles, programs in effect, and are refused, as is all else that has no type in gradc: strings,
 * records, complex numbers, dates. */
#include "array_format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_HEADER = 64 << 10, NATIVE_BIG = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ };

typedef struct Header {
  ElemType type;
  bool swap, fortran;
  int rank;
  int64_t dim[ARRAY_MAX_RANK];
} Header;

typedef struct Parser { /* of the dictionary */
  const char *at, *start;
  const char *path;
  int64_t offset; /* of start in the file */
  ArrayError *err;
} Parser;

static bool bad(Parser *p, const char *what) {
  return array_fail(p->err, p->path, p->offset + (p->at - p->start), "bad .npy header: %s", what);
}

static void skip_space(Parser *p) {
  while (*p->at == ' ' || *p->at == '\n' || *p->at == '\t') p->at++;
}

static bool accept(Parser *p, char c) {
  skip_space(p);
  if (*p->at != c) return false;
  p->at++;
  return true;
}

static bool word(Parser *p, const char *w) {
  size_t n = strlen(w);
  skip_space(p);
  if (strncmp(p->at, w, n)) return false;
  p->at += n;
  return true;
}

static bool string(Parser *p, char *out, size_t room) {
  skip_space(p);
  char quote = *p->at;
  if (quote != '\'' && quote != '"') return bad(p, "a quoted word was expected");
  size_t n = 0;
  for (p->at++; *p->at && *p->at != quote; p->at++) {
    if (n + 1 >= room || *p->at == '\\') return bad(p, "a word is too long");
    out[n++] = *p->at;
  }
  out[n] = 0;
  return accept(p, quote) || bad(p, "a quote is missing");
}

static bool integer(Parser *p, int64_t *out) {
  skip_space(p);
  if (*p->at < '0' || *p->at > '9') return bad(p, "an extent was expected");
  for (*out = 0; *p->at >= '0' && *p->at <= '9'; p->at++) {
    *out = *out * 10 + (*p->at - '0');
    if (*out > ARRAY_MAX_ELEMENTS) return bad(p, "an extent is too large");
  }
  if (*p->at == 'L') p->at++; /* files of Python 2 */
  return true;
}

/* What gradc has no type for. Objects are pickles, programs in effect, and are never loaded. */
static const char *other_elements(char kind) {
  switch (kind) {
  case 'O': return "Python objects (a pickle)";
  case 'U':
  case 'S':
  case 'a': return "strings";
  case 'c': return "complex numbers";
  case 'M': return "dates";
  case 'm': return "durations";
  case 'V': return "raw bytes";
  default: return NULL;
  }
}

static bool no_numbers(Parser *p, const char *holds) {
  array_fail(p->err, p->path, p->offset + (int64_t)(p->at - p->start),
             "it holds %s, which gradc doesn't read", holds);
  p->err->holds = holds;
  return false;
}

static bool element_type(Parser *p, const char *descr, Header *h) {
  const char *s = descr;
  bool big = NATIVE_BIG;
  if (*s == '<') big = false, s++;
  else if (*s == '>') big = true, s++;
  else if (*s == '=' || *s == '|') s++;
  const char *holds = other_elements(*s);
  if (holds) return no_numbers(p, holds);
  for (int t = 0; t < ELEM_COUNT; t++) {
    if (!elem_info[t].npy || *s != elem_info[t].npy) continue;
    if (s[1] != '0' + elem_info[t].bytes || s[2]) continue;
    h->type = (ElemType)t;
    h->swap = elem_info[t].bytes > 1 && big != NATIVE_BIG;
    return true;
  }
  return array_fail(p->err, p->path, p->offset, "bad .npy header: unknown element type '%s'",
                    descr);
}

static bool shape(Parser *p, Header *h) {
  if (!accept(p, '(')) return bad(p, "the shape must be a tuple");
  for (h->rank = 0; !accept(p, ')');) {
    if (h->rank == ARRAY_MAX_RANK) return bad(p, "more than 32 dimensions");
    if (!integer(p, &h->dim[h->rank++])) return false;
    if (!accept(p, ',')) return accept(p, ')') || bad(p, "a parenthesis is missing");
  }
  return true;
}

static bool value(Parser *p, const char *key, Header *h, unsigned *seen) {
  char descr[32];
  static const char *const keys[] = {"descr", "fortran_order", "shape"};
  int k = 0;
  while (k < 3 && strcmp(key, keys[k])) k++;
  if (k == 3 || *seen >> k & 1) return bad(p, "an unknown or repeated key");
  *seen |= 1u << k;
  if (k == 2) return shape(p, h);
  if (k == 1) {
    h->fortran = word(p, "True");
    return h->fortran || word(p, "False") || bad(p, "fortran_order must be True or False");
  }
  skip_space(p);
  if (*p->at == '[') return no_numbers(p, "records (a structured type)");
  return string(p, descr, sizeof descr) && element_type(p, descr, h);
}

static bool dictionary(Parser *p, Header *h) {
  char key[32];
  unsigned seen = 0;
  if (!accept(p, '{')) return bad(p, "a dictionary was expected");
  while (!accept(p, '}')) {
    if (!string(p, key, sizeof key)) return false;
    if (!accept(p, ':')) return bad(p, "a colon is missing");
    if (!value(p, key, h, &seen)) return false;
    if (!accept(p, ',')) {
      if (!accept(p, '}')) return bad(p, "a brace is missing");
      break;
    }
  }
  skip_space(p);
  if (*p->at) return bad(p, "text follows the dictionary");
  return seen == 7 || bad(p, "descr, fortran_order or shape is missing");
}

static bool read_header(ByteStream *in, Header *h, ArrayError *err) {
  uint8_t b[12];
  char *text = NULL;
  if (!stream_need(in, b, 8, "the .npy header", err)) return false;
  if (memcmp(b, "\x93NUMPY", 6)) return array_fail(err, in->path, 0, "not an .npy file");
  if (b[6] < 1 || b[6] > 3)
    return array_fail(err, in->path, 6, ".npy version %d is not known", b[6]);
  int width = b[6] == 1 ? 2 : 4;
  int64_t n = 0;
  if (!stream_need(in, b, width, "the .npy header", err)) return false;
  for (int i = width - 1; i >= 0; i--) n = n << 8 | b[i];
  if (n > MAX_HEADER || n > stream_at_most(in))
    return array_fail(err, in->path, 8, "an .npy header of %lld bytes can't be", (long long)n);
  text = malloc((size_t)n + 1);
  if (!text) return array_no_memory(err, in->path);
  Parser p = {text, text, in->path, in->given, err};
  bool ok = stream_need(in, text, n, "the .npy header", err);
  if (ok) {
    text[n] = 0;
    ok = (int64_t)strlen(text) == n ? dictionary(&p, h) : bad(&p, "it holds a 0 byte");
  }
  free(text);
  return ok;
}

bool npy_read(ByteStream *in, const char *name, ArraySet *set, ArrayError *err) {
  Header h = {0};
  if (!read_header(in, &h, err)) return false;
  int64_t dim[ARRAY_MAX_RANK];
  for (int i = 0; i < h.rank; i++) dim[i] = h.dim[i];
  Array *a = array_read_payload(in, set, name, h.type, h.rank, dim, err);
  if (!a) return false;
  if (h.swap) array_swap_bytes(a);
  return !h.fortran || array_from_fortran(a) || array_no_memory(err, in->path);
}

/* ---- writing ---- */
size_t npy_header(const ArrayView *a, char *out, size_t room) {
  const ElemInfo *e = &elem_info[a->type];
  if (!e->npy || room < 512) return 0;
  char order = e->bytes == 1 ? '|' : NATIVE_BIG ? '>' : '<';
  size_t n = 10;
  n += (size_t)snprintf(out + n, room - n, "{'descr': '%c%c%d', 'fortran_order': False, 'shape': (",
                        order, e->npy, e->bytes);
  for (int i = 0; i < a->rank; i++)
    n += (size_t)snprintf(out + n, room - n, "%s%lld%s", i ? " " : "", (long long)a->dim[i],
                          a->rank == 1 || i + 1 < a->rank ? "," : "");
  n += (size_t)snprintf(out + n, room - n, "), }");
  while ((n + 1) % 64) out[n++] = ' '; /* the elements begin at a multiple of 64 */
  out[n++] = '\n';
  memcpy(out, "\x93NUMPY\1\0", 8);
  out[8] = (char)((n - 10) & 255);
  out[9] = (char)((n - 10) >> 8);
  return n;
}

bool npy_write(AtomicFile *out, const ArrayView *a, ArrayError *err) {
  char head[1024];
  int64_t count, bytes;
  size_t n = npy_header(a, head, sizeof head);
  if (!n)
    return array_fail(err, out->path, -1, "NumPy's files have no element type %s (array `%s`)",
                      elem_info[a->type].word, a->name);
  array_size(a->type, a->rank, a->dim, &count, &bytes);
  return atomic_write(out, head, n, err) && atomic_write(out, a->data, (size_t)bytes, err);
}
