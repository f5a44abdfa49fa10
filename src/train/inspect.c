/* inspect.c: what is in a file of arrays, as a table: names, types, shapes, range, mean, and how
 * many elements are NaN or infinite. */
#include "base/utf8.h"
#include "train/convert.h"
#include "train/train.h"

#include <math.h>
#include <stdio.h>

typedef struct Stats {
  double min, max, mean; /* of the finite elements; NaN when there are none */
  int64_t nan, inf;
} Stats;

static Stats stats_of(const Array *a) {
  enum { CHUNK = 4096 };
  double v[CHUNK], sum = 0;
  Stats s = {INFINITY, -INFINITY, NAN, 0, 0};
  int64_t finite = 0;
  for (int64_t at = 0; at < a->count; at += CHUNK) {
    int64_t n = MIN((int64_t)CHUNK, a->count - at);
    convert(a->type, (const char *)a->data + at * elem_info[a->type].bytes, T_F64, v, n);
    for (int64_t i = 0; i < n; i++) {
      if (isnan(v[i])) s.nan++;
      else if (isinf(v[i])) s.inf++;
      else s.min = fmin(s.min, v[i]), s.max = fmax(s.max, v[i]), sum += v[i], finite++;
    }
  }
  if (finite) s.mean = sum / (double)finite;
  else s.min = s.max = NAN;
  return s;
}

static void cell(char *out, size_t room, double v) {
  if (isnan(v)) snprintf(out, room, "-");
  else snprintf(out, room, "%.6g", v);
}

/* Names come from files: nothing in them may move the cursor. */
static const char *printable(Cx *cx, const char *name) {
  Text t = text_new(cx->arena);
  for (const unsigned char *p = (const unsigned char *)name; *p; p++) {
    bool bad = *p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f);
    char c = bad ? '?' : (char)*p;
    text_add_n(&t, &c, 1);
  }
  return t.n ? text_str(&t) : "(unnamed)";
}

static int columns_of(const char *s) {
  int wide = 0, n = (int)strlen(s);
  for (int32_t code; n > 0;) {
    int bytes = utf8_read(s, n, &code);
    int columns = utf8_columns(code);
    wide += columns < 0 ? 1 : columns; /* a terminal shows something where it can't show it */
    s += bytes, n -= bytes;
  }
  return wide;
}

static void table(Cx *cx, const ArraySet *set, Text *out) {
  int wide = 4;
  size_t typed = 4;
  char type[160], lo[32], hi[32], mean[32];
  for (int i = 0; i < set->n; i++) {
    const Array *a = &set->at[i];
    array_type_text(a->type, a->rank, a->dim, type, sizeof type);
    wide = MAX(wide, columns_of(printable(cx, a->name)));
    typed = MAX(typed, strlen(type));
  }
  wide = MIN(wide, 60);
  text_fmt(out, "%-*s  %-*s %13s %13s %13s %6s %6s\n", wide, "name", (int)typed, "type", "min",
           "max", "mean", "NaN", "inf");
  for (int i = 0; i < set->n; i++) {
    const Array *a = &set->at[i];
    Stats s = stats_of(a);
    array_type_text(a->type, a->rank, a->dim, type, sizeof type);
    cell(lo, sizeof lo, s.min), cell(hi, sizeof hi, s.max), cell(mean, sizeof mean, s.mean);
    const char *name = printable(cx, a->name);
    text_fmt(out, "%s%*s  %-*s %13s %13s %13s %6lld %6lld\n", name, MAX(wide - columns_of(name), 0),
             "", (int)typed, type, lo, hi, mean, (long long)s.nan, (long long)s.inf);
  }
}

Status train_inspect(Cx *cx, const char *path, Text *out) {
  ArraySet set = {.columns = true, .others = true};
  ArrayError err;
  if (!array_load(path, &set, &err)) {
    if (err.memory) return ST_MEMORY;
    diag(cx, E0611, (Span){0}, "%s", err.text);
    return ST_DATA;
  }
  int64_t count = 0, bytes = 0;
  for (int i = 0; i < set.n; i++) count += set.at[i].count, bytes += set.at[i].bytes;
  table(cx, &set, out);
  text_fmt(out, "%d array%s, %lld element%s, %lld bytes\n", set.n, set.n == 1 ? "" : "s",
           (long long)count, count == 1 ? "" : "s", (long long)bytes);
  for (int i = 0; i < set.nmeta; i++)
    text_fmt(out, "%s: %s\n", printable(cx, set.meta[i].key), printable(cx, set.meta[i].value));
  array_set_free(&set);
  return ST_OK;
}
