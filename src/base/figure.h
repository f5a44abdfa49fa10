/* figure.h: a curve or a field of numbers as a drawing: characters for terminals, SVG for files. */
#ifndef GRADC_FIGURE_H
#define GRADC_FIGURE_H

#include "base/base.h"

typedef struct Figure {
  const char *title, *xname, *yname; /* may be "" */
  int64_t n; /* points of the curve (x, y); those that aren't finite are gaps */
  const double *x, *y;
  bool may_log; /* the vertical axis is logarithmic where all y are positive and span more than
                   tenfold */
  bool braille; /* the terminal has Unicode: eight dots to a character */
} Figure;
void figure_text(const Figure *f, int columns, int rows, Text *out);
void figure_svg(const Figure *f, Text *out);

typedef struct Field { /* rows x columns numbers, the first row on top */
  const char *title;
  int64_t rows, columns;
  const double *value;
} Field;
void field_text(const Field *f, int columns, int rows, Text *out);
void field_svg(const Field *f, Text *out);

#endif
