/* repl_plot.c: :plot EXPR [LO..HI] [FILE.svg]. Arrays of one axis are curves, a tuple of two such
 * is a curve y over x, arrays of two axes are heat maps. With a range the expression is a function
 * of one number, which is evaluated in gradc's own index notation. */
#include "base/figure.h"
#include "cli/repl.h"

#include <stdlib.h>

enum { SAMPLES = 401, TEXT_ROWS = 16, FIELD_ROWS = 32 };

typedef struct Plot {
  Repl *r;
  const char *title, *path;
  const char *expr;
  bool range;
  double lo, hi;
  gradc_values *values;
  Text out;
} Plot;

/* ---- arguments ---- */
static bool is_svg(const char *word) {
  size_t n = strlen(word);
  return n > 4 && !strcmp(word + n - 4, ".svg");
}

static bool read_range(const char *word, double *lo, double *hi) {
  char *end;
  const char *dots = strstr(word, "..");
  if (!dots || dots == word) return false;
  *lo = strtod(word, &end);
  if (end != dots && !(end == dots + 1 && end[-1] == '.'))
    return false; /* strtod takes the 3. of 3..4 */
  *hi = strtod(dots + 2, &end);
  return end != dots + 2 && !*end && *hi > *lo;
}

static bool is_range(const char *word) {
  double lo, hi;
  return read_range(word, &lo, &hi);
}

/* The function at equidistant numbers, as source. */
static const char *sampled(Arena *a, const Plot *p) {
  Text t = text_new(a);
  text_fmt(&t, "{ let y[i: 0..%d] = %s(f64(", SAMPLES, p->expr);
  text_f64(&t, p->lo);
  text_add(&t, ") + f64(i) * ");
  text_f64(&t, (p->hi - p->lo) / (SAMPLES - 1));
  text_add(&t, "); y }");
  return text_str(&t);
}

static void read_arguments(Plot *p, Arena *a, const char *args) {
  const char *rest = repl_rest(a, args), *word;
  char *text = arena_copy(a, rest, strlen(rest) + 1);
  p->path = repl_cut_last(a, text, is_svg);
  word = repl_cut_last(a, text, is_range);
  p->range = word && read_range(word, &p->lo, &p->hi);
  p->expr = p->title = repl_rest(a, text);
  if (p->range) p->expr = sampled(a, p);
}

/* ---- drawing ---- */
static double *numbers(Arena *a, const gradc_tensor *t) {
  double *v = NEWS(a, double, t->count + 1);
  for (size_t i = 0; i < t->count; i++) v[i] = repl_number(t, (int64_t)i);
  return v;
}

static double *places(Arena *a, const Plot *p, int64_t n) {
  double *x = NEWS(a, double, n + 1);
  for (int64_t i = 0; i < n; i++)
    x[i] = p->range ? p->lo + (double)i * (p->hi - p->lo) / (SAMPLES - 1) : (double)i;
  return x;
}

static void draw_curve(Plot *p, Arena *a) {
  int n = gradc_value_count(p->values);
  const gradc_tensor *y = gradc_value(p->values, n - 1);
  Figure f = {.title = p->title,
              .xname = "",
              .yname = "",
              .n = y->shape[0],
              .y = numbers(a, y),
              .braille = repl_unicode()};
  f.x = n == 2 ? numbers(a, gradc_value(p->values, 0)) : places(a, p, f.n);
  if (p->path) figure_svg(&f, &p->out);
  else figure_text(&f, MIN(repl_columns(), 100), TEXT_ROWS, &p->out);
}

static void draw_field(Plot *p, Arena *a) {
  const gradc_tensor *t = gradc_value(p->values, 0);
  Field f = {p->title, t->shape[0], t->shape[1], numbers(a, t)};
  if (p->path) field_svg(&f, &p->out);
  else field_text(&f, repl_columns(), FIELD_ROWS, &p->out);
}

static Status cannot_draw(const Plot *p, Arena *a) {
  Text is = text_new(a);
  int n = gradc_value_count(p->values);
  for (int i = 0; i < n; i++) text_fmt(&is, "%s%s", i ? ", " : "", gradc_value(p->values, i)->text);
  return cli_error(p->r->cli, ST_USAGE,
                   ":plot draws an array of one or two axes, or two arrays x and y; this is %s%s",
                   text_str(&is),
                   n == 1 && !gradc_value(p->values, 0)->rank
                       ? ". A function of a number needs a range: :plot f -2..2"
                       : "");
}

static Status draw(Plot *p, Arena *a) {
  int n = gradc_value_count(p->values);
  const gradc_tensor *x = gradc_value(p->values, 0), *y = gradc_value(p->values, 1);
  bool pair = n == 2 && x->rank == 1 && y->rank == 1 && x->shape[0] == y->shape[0];
  p->out = text_new(a);
  if (pair || (n == 1 && x->rank == 1)) draw_curve(p, a);
  else if (n == 1 && x->rank == 2) draw_field(p, a);
  else return cannot_draw(p, a);
  if (!p->path) return out_text(text_str(&p->out)), ST_OK;
  Status s = output_write(p->r->cli, p->path, text_str(&p->out));
  if (s == ST_OK) printf("%s\n", p->path);
  return fflush(stdout), s;
}

Status repl_plot(Repl *r, const char *args) {
  Plot p = {.r = r};
  Arena *a = arena_new(NULL);
  if (!a) return cli_error(r->cli, ST_MEMORY, "%s", status_text(ST_MEMORY));
  read_arguments(&p, a, args);
  Status s = repl_told(r, gradc_eval(r->gc, r->label, p.expr, &p.values));
  if (s == ST_OK) s = p.values ? draw(&p, a) : repl_usage(r, repl_command_find(":plot", &args));
  gradc_values_free(p.values);
  arena_free(a);
  return s;
}
