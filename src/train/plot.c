/* plot.c: the curve of the loss, as text for terminals and as SVG for files. The vertical axis is
 * logarithmic where all values are positive and span more than a factor of ten. */
#include "train/progress.h"

#include <math.h>

static void add_point(Curve *c, double step, double loss) {
  if (c->n == CURVE_POINTS) {
    for (int i = 0; i < CURVE_POINTS / 2; i++) {
      CurvePoint a = c->at[2 * i], b = c->at[2 * i + 1];
      c->at[i] = (CurvePoint){(a.step + b.step) / 2, (a.loss + b.loss) / 2};
    }
    c->n /= 2;
    c->per_point *= 2;
  }
  c->at[c->n++] = (CurvePoint){step, loss};
}

void curve_add(Curve *c, double step, double loss) {
  if (!isfinite(loss)) return;
  c->sum_step += step;
  c->sum_loss += loss;
  if (++c->in_sum < c->per_point) return;
  add_point(c, c->sum_step / (double)c->in_sum, c->sum_loss / (double)c->in_sum);
  c->sum_step = c->sum_loss = 0;
  c->in_sum = 0;
}

typedef struct Scale {
  double x0, x1, y0, y1; /* y already as a logarithm where log */
  bool log;
} Scale;

static double height(const Scale *s, double loss) { return s->log ? log10(loss) : loss; }

static bool scale_of(const Curve *c, Scale *s) {
  if (!c->n) return false;
  double lo = INFINITY, hi = -INFINITY;
  for (int i = 0; i < c->n; i++) lo = fmin(lo, c->at[i].loss), hi = fmax(hi, c->at[i].loss);
  *s = (Scale){c->at[0].step, c->at[c->n - 1].step, lo, hi, lo > 0 && hi > 10 * lo};
  if (s->log) s->y0 = log10(lo), s->y1 = log10(hi);
  if (!(s->y1 > s->y0)) s->y0 -= 0.5, s->y1 += 0.5; /* a flat curve in the middle */
  if (!(s->x1 > s->x0)) s->x0 -= 0.5, s->x1 += 0.5;
  return true;
}

static double label(const Scale *s, double part) {
  double y = s->y0 + part * (s->y1 - s->y0);
  return s->log ? pow(10, y) : y;
}

/* ---- text ------------------------------------------------------------------------------------ */
enum { MAX_COLUMNS = 200, MARGIN = 10 };

/* The mean height, 0..1, of the points in each column; NaN where there are none. */
static void columns_of(const Curve *c, const Scale *s, int n, double *mean) {
  int count[MAX_COLUMNS] = {0};
  for (int k = 0; k < n; k++) mean[k] = 0;
  for (int i = 0; i < c->n; i++) {
    int k = (int)((c->at[i].step - s->x0) / (s->x1 - s->x0) * (n - 1) + 0.5);
    k = MIN(MAX(k, 0), n - 1);
    mean[k] += (height(s, c->at[i].loss) - s->y0) / (s->y1 - s->y0);
    count[k]++;
  }
  for (int k = 0; k < n; k++) mean[k] = count[k] ? mean[k] / count[k] : (double)NAN;
}

void curve_text(const Curve *c, int columns, int rows, Text *out) {
  Scale s;
  double mean[MAX_COLUMNS];
  if (!scale_of(c, &s)) return;
  int n = MIN(MAX(columns - MARGIN - 2, 10), MAX_COLUMNS);
  columns_of(c, &s, n, mean);
  rows = MAX(rows, 3);
  for (int r = rows - 1; r >= 0; r--) {
    bool named = r == 0 || r == rows - 1 || r == rows / 2;
    if (named)
      text_fmt(out, "%*.4g |", MARGIN - 2, label(&s, (double)r / (rows - 1)));
    else
      text_fmt(out, "%*s |", MARGIN - 2, "");
    int end = 0;
    char line[MAX_COLUMNS + 1];
    for (int k = 0; k < n; k++) {
      int at = isnan(mean[k]) ? -1 : (int)(mean[k] * (rows - 1) + 0.5);
      line[k] = at == r ? '*' : ' ';
      if (at == r) end = k + 1;
    }
    text_add_n(out, line, (size_t)end);
    text_add(out, "\n");
  }
  text_fmt(out, "%*s +", MARGIN - 2, "loss");
  for (int k = 0; k < n; k++) text_add(out, "-");
  text_fmt(out, "\n%*s%-*.0f%.0f steps\n", MARGIN, "", n - 12, c->at[0].step, c->at[c->n - 1].step);
}

/* ---- SVG ------------------------------------------------------------------------------------- */
enum { WIDTH = 720, HEIGHT = 400, LEFT = 80, RIGHT = 20, TOP = 40, BOTTOM = 50, LINES = 5 };

static void grid(const Scale *s, Text *out) {
  for (int i = 0; i <= LINES; i++) {
    double part = (double)i / LINES, y = HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM);
    double x = LEFT + part * (WIDTH - LEFT - RIGHT);
    text_fmt(out, "<path d='M%d %.1fH%d' stroke='#ddd'/>\n", LEFT, y, WIDTH - RIGHT);
    text_fmt(out, "<text x='%d' y='%.1f' text-anchor='end'>%.4g</text>\n", LEFT - 8, y + 4,
             label(s, part));
    text_fmt(out, "<text x='%.1f' y='%d' text-anchor='middle'>%.0f</text>\n", x,
             HEIGHT - BOTTOM + 18, s->x0 + part * (s->x1 - s->x0));
  }
}

void curve_svg(const Curve *c, const char *title, Text *out) {
  Scale s;
  text_fmt(out,
           "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d' font-family='sans-serif' "
           "font-size='12' fill='#333'>\n<rect width='100%%' height='100%%' fill='#fff'/>\n"
           "<text x='%d' y='24' font-size='15'>%s</text>\n"
           "<text x='%d' y='%d' text-anchor='end'>step</text>\n",
           WIDTH, HEIGHT, LEFT, title, WIDTH - RIGHT, HEIGHT - 10);
  if (scale_of(c, &s)) {
    grid(&s, out);
    text_add(out, "<polyline fill='none' stroke='#2563eb' stroke-width='1.5' points='");
    for (int i = 0; i < c->n; i++) {
      double x = (c->at[i].step - s.x0) / (s.x1 - s.x0);
      double y = (height(&s, c->at[i].loss) - s.y0) / (s.y1 - s.y0);
      text_fmt(out, "%s%.1f,%.1f", i ? " " : "", LEFT + x * (WIDTH - LEFT - RIGHT),
               HEIGHT - BOTTOM - y * (HEIGHT - TOP - BOTTOM));
    }
    text_add(out, "'/>\n");
  }
  text_add(out, "</svg>\n");
}
