/* figure.c: curves, see figure.h. */
#include "base/figure.h"

#include <math.h>
#include <stdio.h>

typedef struct Scale {
  double x0, x1, y0, y1; /* y already as a logarithm where log */
  bool log;
} Scale;

static double height(const Scale *s, double y) { return s->log ? log10(y) : y; }

static bool is_point(const Figure *f, int64_t i) { return isfinite(f->x[i]) && isfinite(f->y[i]); }

static bool scale_of(const Figure *f, Scale *s) {
  double lo = INFINITY, hi = -INFINITY, left = INFINITY, right = -INFINITY;
  for (int64_t i = 0; i < f->n; i++) {
    if (!is_point(f, i)) continue;
    lo = fmin(lo, f->y[i]), hi = fmax(hi, f->y[i]);
    left = fmin(left, f->x[i]), right = fmax(right, f->x[i]);
  }
  if (!(lo <= hi)) return false;
  *s = (Scale){left, right, lo, hi, f->may_log && lo > 0 && hi > 10 * lo};
  if (s->log) s->y0 = log10(lo), s->y1 = log10(hi);
  if (!(s->y1 > s->y0)) s->y0 -= 0.5, s->y1 += 0.5; /* a flat curve in the middle */
  if (!(s->x1 > s->x0)) s->x0 -= 0.5, s->x1 += 0.5;
  return true;
}

static double label(const Scale *s, double part) {
  double y = s->y0 + part * (s->y1 - s->y0);
  return s->log ? pow(10, y) : y;
}

/* ---- text ---- */
enum { MAX_COLUMNS = 200, MAX_ROWS = 60, MARGIN = 11 };

typedef struct Grid { /* of dots; character cells hold across x down of them */
  int columns, rows, across, down;
  uint8_t cell[MAX_ROWS][MAX_COLUMNS]; /* a bit a dot */
} Grid;

/* Unicode numbers the dots of a braille cell so (standard, chapter 21.1). */
static const uint8_t braille_bit[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};

static void set_dot(Grid *g, int x, int y) {
  int down = g->rows * g->down - 1 - y;
  g->cell[down / g->down][x / g->across] |= braille_bit[down % g->down][x % g->across];
}

/* All dots between two of the curve's, so that it is one line. */
static void draw_line(Grid *g, double xa, double ya, double xb, double yb) {
  int steps = (int)ceil(fmax(fabs(xb - xa), fabs(yb - ya)));
  for (int k = 0; k <= steps; k++) {
    double part = steps ? (double)k / steps : 0;
    set_dot(g, (int)lround(xa + part * (xb - xa)), (int)lround(ya + part * (yb - ya)));
  }
}

static void draw_curve(const Figure *f, const Scale *s, Grid *g) {
  double w = g->columns * g->across - 1, h = g->rows * g->down - 1, px = 0, py = 0;
  bool before = false;
  for (int64_t i = 0; i < f->n; i++) {
    bool here = is_point(f, i);
    double x = here ? (f->x[i] - s->x0) / (s->x1 - s->x0) * w : 0;
    double y = here ? (height(s, f->y[i]) - s->y0) / (s->y1 - s->y0) * h : 0;
    if (here) draw_line(g, before ? px : x, before ? py : y, x, y);
    px = x, py = y, before = here;
  }
}

static void put_cell(Text *out, const Figure *f, uint8_t dots) {
  if (!dots) {
    text_add(out, " ");
  } else if (!f->braille) {
    text_add(out, "*");
  } else { /* U+2800 + dots in UTF-8 */
    char utf8[] = {(char)0xE2, (char)(0xA0 | dots >> 6), (char)(0x80 | (dots & 0x3F)), 0};
    text_add(out, utf8);
  }
}

void figure_text(const Figure *f, int columns, int rows, Text *out) {
  Scale s;
  Grid g = {.columns = MIN(MAX(columns - MARGIN - 2, 10), MAX_COLUMNS),
            .rows = MIN(MAX(rows, 3), MAX_ROWS),
            .across = f->braille ? 2 : 1,
            .down = f->braille ? 4 : 1};
  if (!scale_of(f, &s)) return;
  draw_curve(f, &s, &g);
  for (int r = 0; r < g.rows; r++) {
    bool named = r == 0 || r == g.rows - 1 || r == g.rows / 2;
    if (named) text_fmt(out, "%*.4g |", MARGIN - 2, label(&s, 1 - (double)r / (g.rows - 1)));
    else text_fmt(out, "%*s |", MARGIN - 2, "");
    int end = g.columns;
    while (end && !g.cell[r][end - 1]) end--;
    for (int k = 0; k < end; k++) put_cell(out, f, g.cell[r][k]);
    text_add(out, "\n");
  }
  text_fmt(out, "%*s +", MARGIN - 2, f->yname);
  for (int k = 0; k < g.columns; k++) text_add(out, "-");
  char right[64];
  int n = snprintf(right, sizeof right, "%.6g%s%s", s.x1, *f->xname ? " " : "", f->xname);
  text_fmt(out, "\n%*s%-*.6g%s\n", MARGIN, "", MAX(g.columns - n, 8), s.x0, right);
}

/* ---- SVG ---- */
enum { WIDTH = 720, HEIGHT = 400, LEFT = 80, RIGHT = 20, TOP = 40, BOTTOM = 50, LINES = 5 };

static void escaped(const char *s, Text *out) {
  for (; *s; s++) {
    if (*s == '<') text_add(out, "&lt;");
    else if (*s == '&') text_add(out, "&amp;");
    else if ((unsigned char)*s >= ' ') text_add_n(out, s, 1);
    else text_add(out, " ");
  }
}

static void grid_lines(const Scale *s, Text *out) {
  for (int i = 0; i <= LINES; i++) {
    double part = (double)i / LINES, y = HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM);
    double x = LEFT + part * (WIDTH - LEFT - RIGHT);
    text_fmt(out, "<path d='M%d %.1fH%d' stroke='#ddd'/>\n", LEFT, y, WIDTH - RIGHT);
    text_fmt(out, "<text x='%d' y='%.1f' text-anchor='end'>%.4g</text>\n", LEFT - 8, y + 4,
             label(s, part));
    text_fmt(out, "<text x='%.1f' y='%d' text-anchor='middle'>%.4g</text>\n", x,
             HEIGHT - BOTTOM + 18, s->x0 + part * (s->x1 - s->x0));
  }
}

static void polylines(const Figure *f, const Scale *s, Text *out) {
  bool open = false;
  for (int64_t i = 0; i <= f->n; i++) {
    bool here = i < f->n && is_point(f, i);
    if (open && !here) text_add(out, "'/>\n");
    if (!open && here)
      text_add(out, "<polyline fill='none' stroke='#2563eb' stroke-width='1.5' points='");
    if (here) {
      double x = (f->x[i] - s->x0) / (s->x1 - s->x0),
             y = (height(s, f->y[i]) - s->y0) / (s->y1 - s->y0);
      text_fmt(out, "%s%.1f,%.1f", open ? " " : "", LEFT + x * (WIDTH - LEFT - RIGHT),
               HEIGHT - BOTTOM - y * (HEIGHT - TOP - BOTTOM));
    }
    open = here;
  }
}

static void svg_begin(Text *out, const char *title, int width, int height_) {
  text_fmt(out,
           "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d' font-family='sans-serif' "
           "font-size='12' fill='#333'>\n<rect width='100%%' height='100%%' fill='#fff'/>\n"
           "<text x='%d' y='24' font-size='15'>",
           width, height_, LEFT);
  escaped(title, out);
  text_add(out, "</text>\n");
}

void figure_svg(const Figure *f, Text *out) {
  Scale s;
  svg_begin(out, f->title, WIDTH, HEIGHT);
  text_fmt(out, "<text x='%d' y='%d' text-anchor='end'>%s</text>\n", WIDTH - RIGHT, HEIGHT - 10,
           f->xname);
  if (scale_of(f, &s)) {
    grid_lines(&s, out);
    polylines(f, &s, out);
  }
  text_add(out, "</svg>\n");
}

/* ---- fields ---- */
typedef struct Extent {
  double lo, hi;
} Extent;

static Extent extent_of(const Field *f) {
  Extent e = {INFINITY, -INFINITY};
  for (int64_t i = 0; i < f->rows * f->columns; i++)
    if (isfinite(f->value[i])) e.lo = fmin(e.lo, f->value[i]), e.hi = fmax(e.hi, f->value[i]);
  return e;
}

/* The mean of the numbers a cell stands for, between 0 and 1; NaN where none is finite. */
static double cell_mean(const Field *f, const Extent *e, int64_t r0, int64_t r1, int64_t c0,
                        int64_t c1) {
  double sum = 0, n = 0;
  for (int64_t r = r0; r < r1; r++)
    for (int64_t c = c0; c < c1; c++) {
      double v = f->value[r * f->columns + c];
      if (isfinite(v)) sum += v, n++;
    }
  if (!(n > 0)) return NAN;
  return e->hi > e->lo ? (sum / n - e->lo) / (e->hi - e->lo) : 0.5;
}

/* Cells are two characters wide, so that they are about square; what isn't a number is a question
 * mark. */
void field_text(const Field *f, int columns, int rows, Text *out) {
  static const char ramp[] = " .:-=+*#%@";
  Extent e = extent_of(f);
  int64_t nr = MIN(f->rows, (int64_t)MAX(rows, 3)),
          nc = MIN(f->columns, (int64_t)MAX((columns - 2) / 2, 4));
  for (int64_t r = 0; r < nr; r++) {
    text_add(out, "|");
    for (int64_t c = 0; c < nc; c++) {
      double v = cell_mean(f, &e, r * f->rows / nr, (r + 1) * f->rows / nr, c * f->columns / nc,
                           (c + 1) * f->columns / nc);
      int level = isnan(v) ? -1 : MIN((int)(v * 10), 9);
      char two[] = {level < 0 ? '?' : ramp[level], level < 0 ? '?' : ramp[level], 0};
      text_add(out, two);
    }
    text_add(out, "|\n");
  }
  if (e.lo <= e.hi) text_fmt(out, "' ' is %.4g, '@' is %.4g\n", e.lo, e.hi);
}

void field_svg(const Field *f, Text *out) {
  enum { MOST = 400 };
  Extent e = extent_of(f);
  int64_t nr = MIN(f->rows, (int64_t)MOST), nc = MIN(f->columns, (int64_t)MOST);
  double side =
      fmin((double)(WIDTH - LEFT - RIGHT) / (double)MAX(nc, 1), 600.0 / (double)MAX(nr, 1));
  svg_begin(out, f->title, WIDTH, TOP + (int)ceil(side * (double)nr) + BOTTOM);
  for (int64_t r = 0; r < nr; r++)
    for (int64_t c = 0; c < nc; c++) {
      double v = cell_mean(f, &e, r * f->rows / nr, (r + 1) * f->rows / nr, c * f->columns / nc,
                           (c + 1) * f->columns / nc);
      int grey = isnan(v) ? 0 : 255 - (int)(v * 255);
      text_fmt(out, "<rect x='%.2f' y='%.2f' width='%.2f' height='%.2f' fill='#%02x%02x%02x'/>\n",
               LEFT + side * (double)c, TOP + side * (double)r, side, side, isnan(v) ? 255 : grey,
               grey, isnan(v) ? 0 : grey);
    }
  if (e.lo <= e.hi)
    text_fmt(out, "<text x='%d' y='%d'>white is %.4g, black is %.4g</text>\n", LEFT,
             TOP + (int)ceil(side * (double)nr) + 24, e.lo, e.hi);
  text_add(out, "</svg>\n");
}
