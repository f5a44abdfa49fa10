/* plot.c: the curve of the loss: a bounded number of points, and its drawing (figure.h). */
#include "base/figure.h"
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

static Figure figure_of(const Curve *c, const char *title, double (*at)[CURVE_POINTS]) {
  for (int i = 0; i < c->n; i++) at[0][i] = c->at[i].step, at[1][i] = c->at[i].loss;
  return (Figure){.title = title,
                  .xname = "steps",
                  .yname = "loss",
                  .n = c->n,
                  .x = at[0],
                  .y = at[1],
                  .may_log = true};
}

void curve_text(const Curve *c, int columns, int rows, Text *out) {
  double at[2][CURVE_POINTS];
  Figure f = figure_of(c, "", at);
  figure_text(&f, columns, rows, out);
}

void curve_svg(const Curve *c, const char *title, Text *out) {
  double at[2][CURVE_POINTS];
  Figure f = figure_of(c, title, at);
  figure_svg(&f, out);
}
