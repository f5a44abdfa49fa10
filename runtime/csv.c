/* csv.c: tables of numbers in text. In: lines of fields between commas, semicolons or tabs (the
 * first line decides), with or without a header line; empty lines and lines that begin with # don't
 * count. Out: without a header one matrix [rows, columns]; with one, where the caller asked for
 * columns, an array [rows] per column, and for columns numbered in a row (x0 x1 x2, or pixel1
 * pixel2 ...) also the matrix of them by their common name. Columns of whole numbers are i64,
 * others f64. */
#include "array_format.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHOLE_MAX                                                                                  \
  9007199254740992.0 /* 2^53: beyond it a double no longer has every whole number                  \
                      */

typedef struct Table {
  const char *path;
  ArrayError *err;
  char *text; /* ends in a 0 byte */
  int64_t length;
  char separator;
  int columns;
  char **name;    /* NULL: no header */
  bool *fraction; /* per column: some value isn't a whole number */
  double *value;  /* row by row */
  int64_t n, cap; /* values */
} Table;

static bool fail(Table *t, const char *at, int line, const char *what) {
  return array_fail(t->err, t->path, at - t->text, "line %d: %s", line, what);
}

/* ---- text ---- */
static bool read_all(ByteStream *in, Table *t, int64_t limit) {
  int64_t cap = 1 << 16, got;
  t->text = malloc((size_t)cap + 1);
  while (t->text) {
    got = stream_read(in, t->text + t->length, cap - t->length, t->err);
    if (got < 0) return false;
    t->length += got;
    if (t->length < cap) break;
    if (limit && t->length > 8 * limit + 4096)
      return array_fail(t->err, t->path, t->length, "the text is larger than the limit");
    char *more = realloc(t->text, (size_t)(cap *= 2) + 1);
    if (!more) return array_no_memory(t->err, t->path);
    t->text = more;
  }
  if (!t->text) return array_no_memory(t->err, t->path);
  t->text[t->length] = 0;
  const char *zero = memchr(t->text, 0, (size_t)t->length);
  if (zero)
    return array_fail(t->err, t->path, zero - t->text,
                      "not a format gradc knows (.npy, .npz, IDX, .safetensors, or a table of "
                      "numbers in text)");
  return true;
}

static char *line_end(char *p) { return p + strcspn(p, "\r\n"); }

static char *next_line(char *end) {
  if (*end == '\r' && end[1] == '\n') return end + 2;
  return *end ? end + 1 : end;
}

static bool is_blank(const char *p, const char *end) {
  while (p < end && isspace((unsigned char)*p)) p++;
  return p == end || *p == '#';
}

/* The end of the field at p; quotes protect separators. */
static char *field_end(const Table *t, char *p, char *end) {
  bool quoted = false;
  for (; p < end; p++) {
    if (*p == '"') quoted = !quoted;
    else if (*p == t->separator && !quoted) break;
  }
  return p;
}

static int count_fields(const Table *t, char *p, char *end) {
  int n = 1;
  while ((p = field_end(t, p, end)) < end) n++, p++;
  return n;
}

static void trim(char **p, char **end) {
  while (*p < *end && isspace((unsigned char)**p)) (*p)++;
  while (*end > *p && isspace((unsigned char)(*end)[-1])) (*end)--;
  if (*end - *p >= 2 && **p == '"' && (*end)[-1] == '"') (*p)++, (*end)--;
}

/* A decimal number or nan/inf in any case; strtod alone would take hexadecimal too. */
static bool number(char *p, char *end, double *out) {
  char buf[64], *stop;
  trim(&p, &end);
  size_t n = (size_t)(end - p);
  if (!n || n >= sizeof buf) return false;
  memcpy(buf, p, n);
  buf[n] = 0;
  if (isspace((unsigned char)buf[0]) || strpbrk(buf, "xX(")) return false;
  *out = strtod(buf, &stop);
  return !*stop;
}

/* ---- rows ---- */
static bool is_header(const Table *t, char *p, char *end) {
  double v;
  for (;; p++) {
    char *e = field_end(t, p, end);
    if (!number(p, e, &v)) return true;
    if (e == end) return false;
    p = e;
  }
}

static bool header(Table *t, char *p, char *end, int line) {
  t->name = calloc((size_t)t->columns + 1, sizeof *t->name);
  if (!t->name) return array_no_memory(t->err, t->path);
  for (int k = 0; k < t->columns; k++) {
    char *e = field_end(t, p, end), *from = p, *to = e;
    trim(&from, &to);
    if (!array_name_ok(from, (size_t)(to - from)))
      return fail(t, p, line, "a column without a name (or a field that is no number)");
    t->name[k] = strndup(from, (size_t)(to - from));
    if (!t->name[k]) return array_no_memory(t->err, t->path);
    p = e + 1;
  }
  return true;
}

static bool room_for_row(Table *t) {
  if (t->n + t->columns <= t->cap) return true;
  t->cap = t->cap ? 2 * t->cap : 1024;
  if (t->cap < t->n + t->columns) t->cap = t->n + t->columns;
  double *more = realloc(t->value, sizeof *more * (size_t)t->cap);
  if (!more) return array_no_memory(t->err, t->path);
  t->value = more;
  return true;
}

static bool row(Table *t, char *p, char *end, int line) {
  char what[80];
  int n = count_fields(t, p, end);
  if (n != t->columns) {
    snprintf(what, sizeof what, "%d field%s, the lines before have %d", n, n == 1 ? "" : "s",
             t->columns);
    return fail(t, p, line, what);
  }
  if (!room_for_row(t)) return false;
  for (int k = 0; k < n; k++) {
    char *e = field_end(t, p, end);
    double v = 0;
    if (!number(p, e, &v)) {
      snprintf(what, sizeof what, "field %d is not a number: `%.*s`", k + 1,
               (int)(e - p < 20 ? e - p : 20), p);
      return fail(t, p, line, what);
    }
    if (!(v == floor(v) && fabs(v) <= WHOLE_MAX)) t->fraction[k] = true;
    t->value[t->n++] = v;
    p = e + 1;
  }
  return true;
}

static bool first_row(Table *t, char *p, char *end, int line) {
  size_t n = (size_t)(end - p);
  t->separator = memchr(p, '\t', n) ? '\t' : memchr(p, ';', n) ? ';' : ',';
  t->columns = count_fields(t, p, end);
  if (t->columns > ARRAY_MAX_COUNT) return fail(t, p, line, "too many columns");
  t->fraction = calloc((size_t)t->columns, sizeof *t->fraction);
  if (!t->fraction) return array_no_memory(t->err, t->path);
  return is_header(t, p, end) ? header(t, p, end, line) : row(t, p, end, line);
}

static bool rows(Table *t) {
  char *p = t->text, *end;
  if (!strncmp(p, "\xef\xbb\xbf", 3)) p += 3; /* byte order mark */
  for (int line = 1; *p; line++, p = next_line(end)) {
    end = line_end(p);
    if (is_blank(p, end)) continue;
    if (!(t->columns ? row(t, p, end, line) : first_row(t, p, end, line))) return false;
  }
  if (!t->n) return array_fail(t->err, t->path, t->length, "the table has no rows");
  return true;
}

/* ---- arrays ---- */
/* Columns from..to-1 as one array, [rows] or [rows, columns]. */
static bool give(Table *t, ArraySet *set, const char *name, size_t len, int from, int to,
                 bool matrix) {
  int64_t dim[2] = {t->n / t->columns, to - from};
  bool whole = true;
  for (int k = from; k < to; k++) whole = whole && !t->fraction[k];
  Array *a =
      array_add(set, name, len, whole ? ELEM_I64 : ELEM_F64, matrix ? 2 : 1, dim, t->path, t->err);
  if (!a) return false;
  int64_t at = 0;
  for (int64_t r = 0; r < dim[0]; r++)
    for (int k = from; k < to; k++, at++) {
      double v = t->value[r * t->columns + k];
      if (whole) ((int64_t *)a->data)[at] = (int64_t)v;
      else ((double *)a->data)[at] = v;
    }
  return true;
}

/* "pixel12" is "pixel" and 12; false where no digits end the name or nothing stands before them. */
static bool numbered(const char *name, size_t *base, long *number_out) {
  size_t n = strlen(name), k = n;
  while (k && isdigit((unsigned char)name[k - 1])) k--;
  if (k == n || !k || n - k > 9) return false;
  *base = k;
  *number_out = strtol(name + k, NULL, 10);
  return true;
}

/* How many columns from k on are numbered in a row, from 0 or 1. */
static int run_of(const Table *t, int k, size_t *base) {
  size_t b;
  long first, next;
  if (!numbered(t->name[k], base, &first) || first > 1) return 0;
  int n = 1;
  for (; k + n < t->columns; n++)
    if (!numbered(t->name[k + n], &b, &next) || b != *base || next != first + n ||
        strncmp(t->name[k + n], t->name[k], b))
      break;
  return n > 1 ? n : 0;
}

static bool arrays(Table *t, ArraySet *set) {
  if (!t->name || !set->columns) return give(t, set, "", 0, 0, t->columns, true);
  for (int k = 0, end = 0; k < t->columns; k++) {
    size_t base = 0;
    int n = k < end ? 0 : run_of(t, k, &base); /* x1 x2 behind x0 begin no matrix of their own */
    if (n) end = k + n;
    if (array_wanted(set, t->name[k]) &&
        !give(t, set, t->name[k], strlen(t->name[k]), k, k + 1, false))
      return false;
    if (!n) continue;
    char name[ARRAY_MAX_NAME + 1];
    snprintf(name, sizeof name, "%.*s", (int)base, t->name[k]);
    if (base > 1 && strchr("._", name[base - 1])) name[--base] = 0;
    if (array_wanted(set, name) && !give(t, set, name, base, k, k + n, true)) return false;
  }
  return true;
}

bool csv_read(ByteStream *in, ArraySet *set, ArrayError *err) {
  Table t = {.path = in->path, .err = err};
  bool ok = read_all(in, &t, set->max_bytes) && rows(&t) && arrays(&t, set);
  for (int k = 0; t.name && k < t.columns; k++) free(t.name[k]);
  free(t.name);
  free(t.fraction);
  free(t.value);
  free(t.text);
  return ok;
}
