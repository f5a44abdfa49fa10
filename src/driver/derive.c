/* derive.c: the derivative of a function, of any order, in reverse or forward mode. In: a function
 * as front_function gives it. Out: a simplified function without derivative instructions. */
#include "driver/session.h"
#include "pass/pass.h"

static bool *all_of(const Fn *f, InputRole role, bool *any) {
  bool *wrt = NEWS(f->cx->arena, bool, f->in.n);
  *any = false;
  for (int i = 0; i < f->in.n; i++) {
    wrt[i] = f->in.at[i].role == role && type_is_float(f->in.at[i].type);
    *any |= wrt[i];
  }
  return wrt;
}

/* The language's default: the parameters the function uses; where it uses none, its arguments. */
static const bool *default_wrt(const Fn *f) {
  bool any;
  bool *wrt = all_of(f, ROLE_PARAM, &any);
  return any ? wrt : all_of(f, ROLE_ARG, &any);
}

/* The same inputs of a function that has more of them behind. */
static const bool *widened(const Fn *f, const bool *wrt, int n) {
  bool *wide = NEWS(f->cx->arena, bool, f->in.n);
  for (int i = 0; i < n; i++) wide[i] = wrt[i];
  return wide;
}

Fn *derive(const Fn *f, const DeriveOptions *o) {
  const bool *wrt = o->wrt ? o->wrt : default_wrt(f);
  Fn *d = pass_expand(f);
  for (int k = 0; k < o->order && d; k++) {
    int inputs = d->in.n;
    d = o->forward ? pass_tangent(d, wrt) : pass_gradient(d, wrt, o->value);
    if (d) d = pass_simplify(d);
    if (d) wrt = widened(d, wrt, inputs);
  }
  return d;
}
