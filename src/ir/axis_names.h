/* axis_names.h: what the source calls the axes of a value: the labels it is defined or read by.
 * They go by the value's name and rank, for names are what all passes hand on (x, d_x, t_x);
 * nothing but printed text depends on them. */
#ifndef GRADC_AXIS_NAMES_H
#define GRADC_AXIS_NAMES_H

#include "ir/ir.h"

/* Notes the names of the axes of `value`; NULL: unknown. What was noted first stays. */
void axis_names_note(Cx *cx, Name value, int rank, const Name *axis);
/* The names for a value that is called `value`, or is an adjoint or tangent of one; NULL: none. */
const Name *axis_names(Cx *cx, Name value, int rank);

#endif
