/* dot.h: functions as a graph for Graphviz. */
#ifndef GRADC_DOT_H
#define GRADC_DOT_H

#include "ir/ir.h"

/* dot.c: a graph with one frame for each function; bodies of loops and branches are frames inside.
 */
void ir_dot(const Fn *const *fns, int n, Text *out);

#endif
