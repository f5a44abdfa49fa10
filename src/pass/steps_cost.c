/* steps_cost.c: how large values are, for decisions: named sizes are taken as SIZE_GUESS. */
#include "pass/steps.h"

double dim_estimate(Cx *cx, Dim d) {
  if (dim_is_number(d)) return (double)d;
  SizeBindings names = {0}, guess = {0};
  dim_names(cx, d, cx->arena, &names);
  for (int i = 0; i < names.list.n; i++) size_bind(cx->arena, &guess, names.list.at[i].name, SIZE_GUESS);
  Dim n = dim_subst(cx, d, &guess);
  return dim_is_number(n) ? (double)n : SIZE_GUESS;
}

double shape_estimate(Cx *cx, const Shape *s) {
  double n = 1;
  for (int d = 0; d < s->rank; d++) n *= dim_estimate(cx, s->dim[d]);
  return n;
}

double ins_bytes(Cx *cx, const Ins *in) {
  return in->type == T_BUNDLE ? 0 : shape_estimate(cx, &in->shape) * type_info[in->type].bytes;
}
