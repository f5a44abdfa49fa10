/* repl_value.c: values as NumPy writes them, but in gradc's notation, so that they can be typed
 * back: columns aligned, large arrays shortened, the type behind an array. A number alone is
 * written in full, as by `gradc eval`. */
#include "cli/repl.h"

#include <langinfo.h>
#include <math.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

int repl_columns(void) {
  struct winsize w;
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col >= 20 ? w.ws_col : 80;
}

bool repl_unicode(void) { return !strcmp(nl_langinfo(CODESET), "UTF-8"); }

enum {
  SUMMARISE = 1000, /* elements; NumPy's threshold */
  EDGE = 3          /* shown at each end of an axis */
};

typedef struct Format { /* of all elements of an array */
  const gradc_tensor *t;
  bool scientific;
  int digits; /* behind the point */
  int width;  /* of an element */
  bool summary;
  int columns;
  int type_width; /* what must fit behind the last bracket */
  Text *out;
  int col;
} Format;

/* ---- one element ---- */
static bool is_float(const gradc_tensor *t) { return t->type >= GRADC_F32; }

static int64_t whole(const gradc_tensor *t, int64_t i) {
  switch (t->type) {
  case GRADC_BOOL:
  case GRADC_U8: return ((const uint8_t *)t->data)[i];
  case GRADC_I32: return ((const int32_t *)t->data)[i];
  case GRADC_I64: return ((const int64_t *)t->data)[i];
  case GRADC_F32:
  case GRADC_F64: break;
  }
  return 0;
}

double repl_number(const gradc_tensor *t, int64_t i) {
  if (t->type == GRADC_F32) return (double)((const float *)t->data)[i];
  return t->type == GRADC_F64 ? ((const double *)t->data)[i] : (double)whole(t, i);
}

static int element(const Format *f, int64_t i, char *to, size_t n) {
  const gradc_tensor *t = f->t;
  if (t->type == GRADC_BOOL) return snprintf(to, n, "%s", whole(t, i) ? "true" : "false");
  if (!is_float(t)) return snprintf(to, n, "%lld", (long long)whole(t, i));
  double v = repl_number(t, i);
  if (isnan(v)) return snprintf(to, n, "nan");
  if (isinf(v)) return snprintf(to, n, v > 0 ? "inf" : "-inf");
  return snprintf(to, n, f->scientific ? "%.*e" : "%.*f", f->digits, v);
}

/* ---- the elements that are shown ---- */
typedef struct Each {
  const gradc_tensor *t;
  bool summary;
  void (*visit)(void *arg, int64_t i);
  void *arg;
} Each;

static bool left_out(bool summary, int64_t extent, int64_t i) {
  return summary && extent > 2 * EDGE && i >= EDGE && i < extent - EDGE;
}

static void each_shown(const Each *e, int axis, int64_t at) {
  if (axis == e->t->rank) {
    e->visit(e->arg, at);
    return;
  }
  int64_t n = e->t->shape[axis];
  for (int64_t i = 0; i < n; i++) {
    if (left_out(e->summary, n, i)) i = n - EDGE;
    each_shown(e, axis + 1, at * n + i);
  }
}

/* ---- the format ---- */
typedef struct Range {
  const gradc_tensor *t;
  double least, most; /* of the finite ones' amounts, zeros left out */
  int any;
} Range;

static void see_range(void *arg, int64_t i) {
  Range *r = arg;
  double v = fabs(repl_number(r->t, i));
  if (!isfinite(v) || v == 0) return;
  r->least = r->any ? fmin(r->least, v) : v;
  r->most = r->any ? fmax(r->most, v) : v;
  r->any = 1;
}

/* How many digits behind the point the number needs, `most` at most. */
static int digits_needed(bool scientific, double v, int most) {
  char buf[400];
  int n = snprintf(buf, sizeof buf, scientific ? "%.*e" : "%.*f", most, v);
  if (scientific) n = (int)(strchr(buf, 'e') - buf);
  while (n && buf[n - 1] == '0') n--;
  const char *point = memchr(buf, '.', (size_t)n);
  return point ? (int)(buf + n - point) - 1 : 0;
}

typedef struct Digits {
  Format *f;
  int most;
} Digits;

static void see_digits(void *arg, int64_t i) {
  Digits *d = arg;
  double v = repl_number(d->f->t, i);
  if (isfinite(v)) d->f->digits = MAX(d->f->digits, digits_needed(d->f->scientific, v, d->most));
}

static void see_width(void *arg, int64_t i) {
  Format *f = arg;
  char buf[400];
  f->width = MAX(f->width, element(f, i, buf, sizeof buf));
}

/* As many digits as both ways of computing agree on: 12 of an f64, of which NumPy's 8 at most are
 * behind the point; 6 of an f32. The rule for exponents is NumPy's too. */
static void choose(Format *f, int precision) {
  Range r = {.t = f->t};
  Each e = {f->t, f->summary, see_range, &r};
  bool floating = is_float(f->t), narrow = f->t->type == GRADC_F32;
  if (floating) {
    each_shown(&e, 0, 0);
    int all = precision ? precision
              : narrow  ? 6
                        : 12,
        behind = precision ? precision
                 : narrow  ? 6
                           : 8;
    f->scientific = r.any && (r.most >= 1e8 || r.least < 1e-4 || r.most / r.least > 1e6);
    int before = r.any && r.most >= 1 ? (int)floor(log10(r.most)) + 1 : 1;
    Digits d = {f, f->scientific ? MIN(behind, all - 1) : MAX(1, MIN(behind, all - before))};
    f->digits = 1;
    e.visit = see_digits, e.arg = &d;
    each_shown(&e, 0, 0);
  }
  e.visit = see_width, e.arg = f;
  each_shown(&e, 0, 0);
}

/* ---- layout ---- */
static void put(Format *f, const char *s) {
  text_add(f->out, s);
  f->col += (int)strlen(s);
}

static void new_line(Format *f, int indent) {
  text_fmt(f->out, "\n%*s", indent, "");
  f->col = indent;
}

/* The innermost axis: as many to a line as there is room. */
static void print_row(Format *f, int64_t at, int64_t n, int indent, int closing) {
  for (int64_t i = 0; i < n; i++) {
    char buf[400];
    bool gap = left_out(f->summary, n, i);
    if (gap) i = n - EDGE - 1;
    int len = gap ? snprintf(buf, sizeof buf, "...") : element(f, at * n + i, buf, sizeof buf);
    int behind = i + 1 < n ? 1 : closing;
    int pad = gap ? 0 : MAX(0, f->width - len);
    if (i && f->col + 1 + pad + len + behind > f->columns) new_line(f, indent);
    else if (i) put(f, " ");
    text_fmt(f->out, "%*s", pad, "");
    f->col += pad;
    put(f, buf);
    if (i + 1 < n) put(f, ",");
  }
}

static void print_axis(Format *f, int axis, int64_t at, int closing) {
  int64_t n = f->t->shape[axis];
  put(f, "[");
  if (axis == f->t->rank - 1) {
    print_row(f, at, n, axis + 1, closing + 1);
  } else {
    for (int64_t i = 0; i < n; i++) {
      if (i) {
        put(f, ",");
        for (int k = f->t->rank - 1 - axis; k > 1; k--) text_add(f->out, "\n");
        new_line(f, axis + 1);
      }
      if (left_out(f->summary, n, i)) {
        put(f, "...");
        i = n - EDGE - 1;
        continue;
      }
      print_axis(f, axis + 1, at * n + i, i + 1 < n ? 1 : closing + 1);
    }
  }
  put(f, "]");
}

static void print_array(const gradc_tensor *t, int precision, Text *out) {
  Format f = {.t = t, .summary = t->count > SUMMARISE, .columns = repl_columns(), .out = out};
  if (t->count) {
    choose(&f, precision);
    print_axis(&f, 0, 0, 0);
  } else {
    text_add(out, "[]");
  }
  text_fmt(out, "  %s", t->text);
}

/* ---- results ---- */
static bool print_one(gradc_values *v, int i, int precision, Text *out) {
  const gradc_tensor *t = gradc_value(v, i);
  const char *number;
  if (t->rank) return print_array(t, precision, out), true;
  if (gradc_value_text(v, i, precision, &number) != GRADC_OK) return false;
  text_add(out, number);
  return true;
}

static bool all_scalars(const gradc_values *v) {
  for (int i = 0; i < gradc_value_count(v); i++)
    if (gradc_value(v, i)->rank) return false;
  return true;
}

/* A tuple of numbers is one line; else each part stands on lines of its own, under its name. */
bool repl_value_print(gradc_values *v, int precision, Text *out) {
  int n = gradc_value_count(v);
  bool tuple = *gradc_values_nest(v) == '(', one_line = tuple && all_scalars(v);
  if (one_line) text_add(out, "(");
  for (int i = 0; i < n; i++) {
    const char *name = gradc_value(v, i)->name;
    if (tuple && !one_line && *name) text_fmt(out, "%s =\n", name);
    else if (tuple && !one_line) text_fmt(out, "#%d =\n", i);
    if (!print_one(v, i, precision, out)) return false;
    text_add(out, !one_line ? "\n" : i + 1 < n ? ", " : ")\n");
  }
  if (one_line && !n) text_add(out, ")\n");
  return true;
}
