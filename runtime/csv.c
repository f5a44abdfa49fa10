/* csv.c: tables of numbers in text. In: lines of fields between commas, semicolons, tabs or blanks
 * (the first line decides), with or without a header line; empty lines and lines that begin with #
 * don't count. Fields may be quoted (RFC 4180). Out: without a header one matrix [rows, columns];
 * with one, where the caller asked for columns, an array [rows] per column, and for columns
 * numbered in a row (x0 x1 x2, or pixel1 pixel2 ...) also the matrix of them by their common name;
 * columns that nobody wants may hold anything. Columns of whole numbers are i64, others f64. */
#include "array_format.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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
  bool *skip;     /* per column: nobody asks for it; its values are 0 */
  double *value;  /* row by row */
  int64_t *exact; /* the same of whole numbers, once there is one beyond WHOLE_MAX; else NULL */
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

static bool is_gap(char c) { return c == ' ' || c == '\t'; }

/* Behind the quote that closes the one at p; NULL where none does. */
static char *quote_end(char *p) {
  for (p++; (p = strchr(p, '"')); p += 2)
    if (p[1] != '"') return p + 1;
  return NULL;
}

/* The end of the line at p. Quotes that open where a field may begin protect line ends. */
static char *line_end(char *p) {
  bool begins = true;
  for (; *p && *p != '\n' && *p != '\r'; p++) {
    char *close = begins && *p == '"' ? quote_end(p) : NULL;
    if (close) p = close - 1;
    begins = strchr(",;\t", *p) || (begins && *p == ' ');
  }
  return p;
}

static char *next_line(char *end, int *line) {
  if (*end) ++*line;
  if (*end == '\r' && end[1] == '\n') return end + 2;
  return *end ? end + 1 : end;
}

static bool is_blank(const char *p, const char *end) {
  while (p < end && isspace((unsigned char)*p)) p++;
  return p == end || *p == '#';
}

/* The end of the field at p; quotes protect separators. */
static char *field_end(const Table *t, char *p, char *end) {
  while (p < end && *p != t->separator && is_gap(*p)) p++;
  char *close = p < end && *p == '"' ? quote_end(p) : NULL;
  if (close && close <= end) p = close;
  while (p < end && *p != t->separator && !(t->separator == ' ' && is_gap(*p))) p++;
  return p;
}

/* Where the field behind the one that ends at `at` begins; NULL: that was the last. */
static char *next_field(const Table *t, char *at, char *end) {
  if (t->separator != ' ') return at < end ? at + 1 : NULL;
  while (at < end && is_gap(*at)) at++;
  return at < end ? at : NULL;
}

/* Blanks at both ends part nothing. */
static void trim_line(const Table *t, char **p, char **end) {
  if (t->separator != ' ') return;
  while (*p < *end && is_gap(**p)) (*p)++;
  while (*end > *p && is_gap((*end)[-1])) (*end)--;
}

static int count_fields(const Table *t, char *p, char *end) {
  int n = 0;
  for (; p; n++) p = next_field(t, field_end(t, p, end), end);
  return n;
}

static void trim(char **p, char **end) {
  while (*p < *end && isspace((unsigned char)**p)) (*p)++;
  while (*end > *p && isspace((unsigned char)(*end)[-1])) (*end)--;
  if (*end - *p >= 2 && **p == '"' && (*end)[-1] == '"') (*p)++, (*end)--;
}

/* A decimal number or nan/inf in any case; strtod alone would take hexadecimal too. Where it is
 * written as a whole number of 64 bits, that too. */
static bool number(char *p, char *end, double *out, int64_t *whole) {
  char *stop;
  trim(&p, &end);
  if (p == end || isspace((unsigned char)*p)) return false;
  char behind = *end;
  *end = 0; /* so that strtod needs no copy, however long */
  *out = strtod(p, &stop);
  bool ok = stop == end && !strpbrk(p, "xX(");
  if (ok && whole && fabs(*out) >= WHOLE_MAX) {
    errno = 0;
    *whole = strtoll(p, &stop, 10);
    if (errno || stop != end) *whole = 0;
  }
  *end = behind;
  return ok;
}

/* What other programs write where a number is missing. */
static bool is_missing(char *p, char *end) {
  static const char *const words[] = {"", "NA", "N/A", "#N/A", "null", "none", "?", "-", "."};
  trim(&p, &end);
  for (size_t k = 0; k < sizeof words / sizeof *words; k++)
    if (strlen(words[k]) == (size_t)(end - p) && !strncasecmp(words[k], p, (size_t)(end - p)))
      return true;
  return false;
}

/* ---- rows ---- */
/* A line with a field that is no number, unless that is a missing number between others. */
static bool is_header(const Table *t, char *p, char *end) {
  int words = 0, missing = 0, numbers = 0;
  double v;
  for (; p; p = next_field(t, field_end(t, p, end), end)) {
    char *e = field_end(t, p, end);
    if (number(p, e, &v, NULL)) numbers++;
    else if (is_missing(p, e) && e > p) missing++;
    else words++;
  }
  return words || (missing && !numbers);
}

/* In a quoted field two quotes stand for one. */
static void one_of_two_quotes(char *s) {
  char *to = s;
  for (; *s; s += 1 + (s[0] == '"' && s[1] == '"')) *to++ = *s;
  *to = 0;
}

/* The first column may lack a name: programs that number their rows leave it out. */
static bool header(Table *t, char *p, char *end, int line, bool columns) {
  t->name = calloc((size_t)t->columns + 1, sizeof *t->name);
  if (!t->name) return array_no_memory(t->err, t->path);
  for (int k = 0; k < t->columns; k++) {
    char *e = field_end(t, p, end), *from = p, *to = e;
    trim(&from, &to);
    bool row_names = columns && !k && from == to && t->columns > 1;
    if (!row_names && !array_name_ok(from, (size_t)(to - from)))
      return fail(t, p, line, "a column without a name (or a field that is no number)");
    t->name[k] = strndup(from, (size_t)(to - from));
    if (!t->name[k]) return array_no_memory(t->err, t->path);
    if (from > p && from[-1] == '"') one_of_two_quotes(t->name[k]);
    p = next_field(t, e, end);
  }
  return true;
}

static bool room_for_row(Table *t) {
  if (t->n + t->columns <= t->cap) return true;
  t->cap = t->cap ? 2 * t->cap : 1024;
  if (t->cap < t->n + t->columns) t->cap = t->n + t->columns;
  double *more = realloc(t->value, sizeof *more * (size_t)t->cap);
  if (more) t->value = more;
  int64_t *exact = t->exact ? realloc(t->exact, sizeof *exact * (size_t)t->cap) : NULL;
  if (exact) t->exact = exact;
  return (more && (exact || !t->exact)) || array_no_memory(t->err, t->path);
}

/* The first whole number that a double can't count on: from here on they are kept beside. */
static bool begin_exact(Table *t) {
  t->exact = malloc(sizeof *t->exact * (size_t)t->cap);
  if (!t->exact) return array_no_memory(t->err, t->path);
  for (int64_t i = 0; i < t->n; i++)
    t->exact[i] = fabs(t->value[i]) <= WHOLE_MAX ? (int64_t)t->value[i] : 0;
  return true;
}

static bool put(Table *t, int column, double v, int64_t whole) {
  bool small = !whole && v == floor(v) && fabs(v) <= WHOLE_MAX;
  if (!small && !whole) t->fraction[column] = true;
  if (whole && !t->exact && !begin_exact(t)) return false;
  if (t->exact) t->exact[t->n] = small ? (int64_t)v : whole;
  t->value[t->n++] = v;
  return true;
}

static bool not_a_number(Table *t, char *p, char *end, int line, int column) {
  char what[120];
  char *from = p, *to = end;
  trim(&from, &to);
  if (from >= to)
    snprintf(what, sizeof what, "field %d is empty: write nan for a missing number", column + 1);
  else
    snprintf(what, sizeof what, "field %d is not a number: `%.*s`%s", column + 1,
             (int)(end - p < 20 ? end - p : 20), p,
             is_missing(p, end) ? ": write nan for a missing one" : "");
  return fail(t, p, line, what);
}

static bool row(Table *t, char *p, char *end, int line) {
  char what[80];
  trim_line(t, &p, &end);
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
    int64_t whole = 0;
    if (!t->skip[k] && !number(p, e, &v, &whole)) return not_a_number(t, p, e, line, k);
    if (!put(t, k, v, whole)) return false;
    p = next_field(t, e, end);
  }
  return true;
}

/* Commas, semicolons or tabs, whatever stands between fields; else blanks, where they part the
 * line into numbers, or into as many fields as the next one. */
static char separator_of(char *p, char *end) {
  Table blanks = {.separator = ' '};
  const char *found = NULL;
  for (char *c = p; c < end; c++) {
    char *close = *c == '"' ? quote_end(c) : NULL;
    if (close && close <= end) c = close - 1;
    else if (*c == '\t' || (*c == ';' && !(found && *found == '\t')) || (*c == ',' && !found))
      found = c;
  }
  if (found) return *found;
  trim_line(&blanks, &p, &end);
  int n = count_fields(&blanks, p, end), line = 0;
  if (n == 1 || !is_header(&blanks, p, end)) return n == 1 ? ',' : ' ';
  do {
    p = next_line(end, &line);
    end = line_end(p);
  } while (*p && is_blank(p, end));
  trim_line(&blanks, &p, &end);
  return *p && count_fields(&blanks, p, end) == n ? ' ' : ',';
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

/* How many columns from k on are numbered in a row, from 0 or 1; `base` is what they have in
 * common. */
static int run_of(const Table *t, int k, char base[ARRAY_MAX_NAME + 1]) {
  size_t len, b;
  long first, next;
  if (!numbered(t->name[k], &len, &first) || first > 1) return 0;
  int n = 1;
  for (; k + n < t->columns; n++)
    if (!numbered(t->name[k + n], &b, &next) || b != len || next != first + n ||
        strncmp(t->name[k + n], t->name[k], b))
      break;
  if (len > 1 && strchr("._", t->name[k][len - 1])) len--;
  snprintf(base, ARRAY_MAX_NAME + 1, "%.*s", (int)len, t->name[k]);
  return n > 1 ? n : 0;
}

/* Columns nobody asks for, by their own name or that of their run. */
static void skip_unwanted(Table *t, const ArraySet *set) {
  char base[ARRAY_MAX_NAME + 1];
  for (int k = 0; k < t->columns; k++)
    t->skip[k] = !t->name[k][0] || !array_wanted(set, t->name[k]);
  for (int k = 0, n; k < t->columns; k += n ? n : 1) {
    n = run_of(t, k, base);
    if (n && array_wanted(set, base)) memset(t->skip + k, 0, (size_t)n * sizeof *t->skip);
  }
}

static bool first_row(Table *t, const ArraySet *set, char *p, char *end, int line) {
  t->separator = separator_of(p, end);
  trim_line(t, &p, &end);
  t->columns = count_fields(t, p, end);
  if (t->columns > ARRAY_MAX_COUNT) return fail(t, p, line, "too many columns");
  t->fraction = calloc((size_t)t->columns, sizeof *t->fraction);
  t->skip = calloc((size_t)t->columns, sizeof *t->skip);
  if (!t->fraction || !t->skip) return array_no_memory(t->err, t->path);
  if (!is_header(t, p, end)) return row(t, p, end, line);
  if (!header(t, p, end, line, set->columns)) return false;
  if (set->columns) skip_unwanted(t, set);
  return true;
}

static bool rows(Table *t, const ArraySet *set) {
  char *p = t->text, *end;
  if (!strncmp(p, "\xef\xbb\xbf", 3)) p += 3; /* byte order mark */
  for (int line = 1; *p; p = next_line(end, &line)) {
    end = line_end(p);
    if (is_blank(p, end)) continue;
    if (!(t->columns ? row(t, p, end, line) : first_row(t, set, p, end, line))) return false;
    for (const char *c = p; (c = memchr(c, '\n', (size_t)(end - c))); c++) line++; /* quoted ones */
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
      int64_t i = r * t->columns + k;
      if (whole) ((int64_t *)a->data)[at] = t->exact ? t->exact[i] : (int64_t)t->value[i];
      else ((double *)a->data)[at] = t->value[i];
    }
  return true;
}

static bool arrays(Table *t, ArraySet *set) {
  char base[ARRAY_MAX_NAME + 1];
  if (!t->name || !set->columns) return give(t, set, "", 0, 0, t->columns, true);
  for (int k = 0, end = 0; k < t->columns; k++) {
    int n = k < end ? 0 : run_of(t, k, base); /* x1 x2 behind x0 begin no matrix of their own */
    if (n) end = k + n;
    if (t->name[k][0] && array_wanted(set, t->name[k]) &&
        !give(t, set, t->name[k], strlen(t->name[k]), k, k + 1, false))
      return false;
    if (n && array_wanted(set, base) && !give(t, set, base, strlen(base), k, k + n, true))
      return false;
  }
  return true;
}

bool csv_read(ByteStream *in, ArraySet *set, ArrayError *err) {
  Table t = {.path = in->path, .err = err};
  bool ok = read_all(in, &t, set->max_bytes) && rows(&t, set) && arrays(&t, set);
  set->headed = t.name != NULL;
  for (int k = 0; t.name && k < t.columns; k++) free(t.name[k]);
  free(t.name);
  free(t.fraction);
  free(t.skip);
  free(t.exact);
  free(t.value);
  free(t.text);
  return ok;
}
