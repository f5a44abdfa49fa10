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
  const Tensor *t;
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
static int element(const Format *f, int64_t i, char *to, size_t n) {
  const Tensor *t = f->t;
  if (t->type == T_BOOL) return snprintf(to, n, "%s", tensor_get_i(t, i) ? "true" : "false");
  if (!type_is_float(t->type)) return snprintf(to, n, "%lld", (long long)tensor_get_i(t, i));
  double v = tensor_get(t, i);
  if (isnan(v)) return snprintf(to, n, "nan");
  if (isinf(v)) return snprintf(to, n, v > 0 ? "inf" : "-inf");
  return snprintf(to, n, f->scientific ? "%.*e" : "%.*f", f->digits, v);
}

/* ---- the elements that are shown ---- */
typedef struct Each {
  const Tensor *t;
  bool summary;
  void (*visit)(void *arg, int64_t i);
  void *arg;
} Each;

static bool left_out(bool summary, int64_t extent, int64_t i) {
  return summary && extent > 2 * EDGE && i >= EDGE && i < extent - EDGE;
}

static void each_shown(const Each *e, int axis, int64_t at) {
  const Shape *s = &e->t->shape;
  if (axis == s->rank) {
    e->visit(e->arg, at);
    return;
  }
  for (int64_t i = 0; i < s->dim[axis]; i++) {
    if (left_out(e->summary, s->dim[axis], i)) i = s->dim[axis] - EDGE;
    each_shown(e, axis + 1, at * s->dim[axis] + i);
  }
}

/* ---- the format ---- */
typedef struct Range {
  const Tensor *t;
  double least, most; /* of the finite ones' amounts, zeros left out */
  int any;
} Range;

static void see_range(void *arg, int64_t i) {
  Range *r = arg;
  double v = fabs(tensor_get(r->t, i));
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
  double v = tensor_get(d->f->t, i);
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
  bool floating = type_is_float(f->t->type), narrow = f->t->type == T_F32;
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
  const Shape *s = &f->t->shape;
  int64_t n = s->dim[axis];
  put(f, "[");
  if (axis == s->rank - 1) {
    print_row(f, at, n, axis + 1, closing + 1);
  } else {
    for (int64_t i = 0; i < n; i++) {
      if (i) {
        put(f, ",");
        for (int k = s->rank - 1 - axis; k > 1; k--) text_add(f->out, "\n");
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

static void print_array(Cx *cx, const Tensor *t, int precision, Text *out) {
  Format f = {
      .t = t, .summary = tensor_count(t) > SUMMARISE, .columns = repl_columns(), .out = out};
  if (tensor_count(t)) {
    choose(&f, precision);
    print_axis(&f, 0, 0, 0);
  } else {
    text_add(out, "[]");
  }
  text_add(out, "  ");
  type_print(cx, t->type, &t->shape, out);
}

/* ---- results ---- */
static void print_one(Cx *cx, const Tensor *t, int precision, Text *out) {
  if (t->shape.rank) print_array(cx, t, precision, out);
  else tensor_print(cx, t, precision, out);
}

static bool is_tuple(const Results *r) { return r->nest[0] == '('; }

static bool all_scalars(const Results *r) {
  for (int i = 0; i < r->n; i++)
    if (r->value[i].shape.rank) return false;
  return true;
}

/* A tuple of numbers is one line; else each part stands on lines of its own, under its name. */
void repl_value_print(Cx *cx, const Results *r, int precision, Text *out) {
  bool one_line = is_tuple(r) && all_scalars(r);
  if (one_line) text_add(out, "(");
  for (int i = 0; i < r->n; i++) {
    if (is_tuple(r) && !one_line) {
      if (r->name && r->name[i]) text_fmt(out, "%s =\n", r->name[i]);
      else text_fmt(out, "#%d =\n", i);
    }
    print_one(cx, &r->value[i], precision, out);
    text_add(out, !one_line ? "\n" : i + 1 < r->n ? ", " : ")\n");
  }
  if (one_line && !r->n) text_add(out, ")\n");
}
