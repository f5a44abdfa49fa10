/* csv_write.c: arrays as a table in text. In: arrays with as many rows each, of one axis or two.
 * Out: a header line, then a line per row; a vector `y` is the column y, a matrix the columns y_0,
 * y_1, ..., which csv.c reads back as the matrix y. Floats have as many digits as read back
 * exactly. */
#include "array_format.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t columns_of(const ArrayView *a) { return a->rank == 2 ? a->dim[1] : 1; }

/* A name with a separator or a quote in it would be two columns when it is read. */
static bool plain(const char *name) { return *name && !strpbrk(name, ",;\t\"\r\n#"); }

bool csv_fits(const char *path, const ArrayView *at, int n, ArrayError *err) {
  int64_t columns = 0;
  if (!n) return array_fail(err, path, -1, "there is no array to write");
  for (int i = 0; i < n; i++) {
    if (at[i].rank < 1 || at[i].rank > 2)
      return array_fail(err, path, -1, "a table holds arrays of one axis or two, and `%s` has %d",
                        at[i].name, at[i].rank);
    if (at[i].dim[0] != at[0].dim[0])
      return array_fail(err, path, -1, "`%s` has %lld rows, and `%s` %lld: they make no table",
                        at[0].name, (long long)at[0].dim[0], at[i].name, (long long)at[i].dim[0]);
    if (!plain(at[i].name))
      return array_fail(err, path, -1, "`%s` can't be the name of a column", at[i].name);
    columns += columns_of(&at[i]);
  }
  return columns <= ARRAY_MAX_COUNT ||
         array_fail(err, path, -1, "more than %d columns", ARRAY_MAX_COUNT);
}

static int shortest(char *out, size_t room, double v, int least, int most) {
  int n = 0;
  for (int p = least; p <= most; p++) {
    n = snprintf(out, room, "%.*g", p, v);
    double back = most == 9 ? (double)strtof(out, NULL) : strtod(out, NULL);
    if (back == v) break;
  }
  return n;
}

static int field(char *out, size_t room, const ArrayView *a, int64_t i) {
  int64_t whole = 0;
  switch (a->type) {
  case ELEM_F32: return shortest(out, room, (double)((const float *)a->data)[i], 6, 9);
  case ELEM_F64: return shortest(out, room, ((const double *)a->data)[i], 15, 17);
  case ELEM_I32: whole = ((const int32_t *)a->data)[i]; break;
  case ELEM_I64: whole = ((const int64_t *)a->data)[i]; break;
  default:
    whole = ((const uint8_t *)a->data)[i];
    break; /* bool and u8: all that the language has */
  }
  return snprintf(out, room, "%" PRId64, whole);
}

static bool write_header(AtomicFile *out, const ArrayView *at, int n, ArrayError *err) {
  char text[ARRAY_MAX_NAME + 40];
  for (int i = 0; i < n; i++)
    for (int64_t c = 0; c < columns_of(&at[i]); c++) {
      bool first = !i && !c;
      int len = at[i].rank == 2 ? snprintf(text, sizeof text, "%s%.*s_%lld", first ? "" : ",",
                                           ARRAY_MAX_NAME, at[i].name, (long long)c)
                                : snprintf(text, sizeof text, "%s%.*s", first ? "" : ",",
                                           ARRAY_MAX_NAME, at[i].name);
      if (!atomic_write(out, text, (size_t)len, err)) return false;
    }
  return atomic_write(out, "\n", 1, err);
}

bool csv_write(AtomicFile *out, const ArrayView *at, int n, ArrayError *err) {
  char text[64];
  if (!write_header(out, at, n, err)) return false;
  for (int64_t r = 0; r < at[0].dim[0]; r++) {
    for (int i = 0; i < n; i++)
      for (int64_t c = 0, columns = columns_of(&at[i]); c < columns; c++) {
        int len = field(text + 1, sizeof text - 1, &at[i], r * columns + c);
        bool first = !i && !c;
        text[0] = ',';
        if (!atomic_write(out, text + first, (size_t)(len + !first), err)) return false;
      }
    if (!atomic_write(out, "\n", 1, err)) return false;
  }
  return true;
}
