/* repl_plot.c: :plot EXPR [LO..HI] [FILE.svg]. Arrays of one axis are curves, a tuple of two such
 * is a curve y over x, arrays of two axes are heat maps. With a range the expression is a function
 * of one number, which is evaluated in gradc's own index notation. */
#include "base/diag.h"
#include "cli/repl.h"
#include "train/figure.h"

#include <stdlib.h>

enum { SAMPLES = 401, TEXT_ROWS = 16, FIELD_ROWS = 32 };

typedef struct Plot {
  Repl *r;
  const char *title, *path;
  const char *expr;
  bool range;
  double lo, hi;
  Results results;
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
static double *numbers(Arena *a, const Tensor *t) {
  double *v = NEWS(a, double, tensor_count(t) + 1);
  for (int64_t i = 0; i < tensor_count(t); i++) v[i] = tensor_get(t, i);
  return v;
}

static double *places(Arena *a, const Plot *p, int64_t n) {
  double *x = NEWS(a, double, n + 1);
  for (int64_t i = 0; i < n; i++)
    x[i] = p->range ? p->lo + (double)i * (p->hi - p->lo) / (SAMPLES - 1) : (double)i;
  return x;
}

static void draw_curve(Plot *p, Arena *a) {
  const Tensor *y = &p->results.value[p->results.n - 1];
  Figure f = {.title = p->title,
              .xname = "",
              .yname = "",
              .n = y->shape.dim[0],
              .y = numbers(a, y),
              .braille = repl_unicode()};
  f.x = p->results.n == 2 ? numbers(a, &p->results.value[0]) : places(a, p, f.n);
  if (p->path) figure_svg(&f, &p->out);
  else figure_text(&f, MIN(repl_columns(), 100), TEXT_ROWS, &p->out);
}

static void draw_field(Plot *p, Arena *a) {
  const Tensor *t = &p->results.value[0];
  Field f = {p->title, t->shape.dim[0], t->shape.dim[1], numbers(a, t)};
  if (p->path) field_svg(&f, &p->out);
  else field_text(&f, repl_columns(), FIELD_ROWS, &p->out);
}

static Status draw(Session *s, void *arg) {
  Plot *p = arg;
  const Results *r = &p->results;
  p->out = text_new(r->arena);
  bool pair = r->n == 2 && r->value[0].shape.rank == 1 && r->value[1].shape.rank == 1 &&
              r->value[0].shape.dim[0] == r->value[1].shape.dim[0];
  if (pair || (r->n == 1 && r->value[0].shape.rank == 1)) {
    draw_curve(p, r->arena);
  } else if (r->n == 1 && r->value[0].shape.rank == 2) {
    draw_field(p, r->arena);
  } else {
    Text is = text_new(s->cx->arena);
    for (int i = 0; i < r->n; i++)
      text_fmt(&is, "%s%s", i ? ", " : "", type_text(s->cx, r->value[i].type, &r->value[i].shape));
    return cli_error(p->r->cli, ST_USAGE,
                     ":plot draws an array of one or two axes, or two arrays x and y; this is %s%s",
                     text_str(&is),
                     r->n == 1 && !r->value[0].shape.rank
                         ? ". A function of a number needs a range: :plot f -2..2"
                         : "");
  }
  return ST_OK;
}

Status repl_plot(Repl *r, const char *args) {
  Plot p = {.r = r};
  read_arguments(&p, r->cli->arena, args);
  Status s = session_line(r->session, r->label, p.expr, &p.results);
  if (s == ST_OK && p.results.declaration) s = repl_usage(r, repl_command_find(":plot", &args));
  else if (s == ST_OK) s = session_run(r->session, draw, &p);
  if (s == ST_OK && p.path) {
    s = output_write(r->cli, p.path, text_str(&p.out));
    if (s == ST_OK) printf("%s\n", p.path);
  } else if (s == ST_OK) {
    out_text(text_str(&p.out));
  }
  results_free(&p.results);
  return fflush(stdout), s;
}
