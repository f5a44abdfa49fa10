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

/* before: of which order the derivative f is already. */
static void fault_not_scalar(const Fn *f, int before) {
  Cx *cx = f->cx;
  const Ins *y = fn_ins(f, f->out.at[0].val);
  const char *what = before ? name_fmt(cx, "of order %d of `%s`", before + 1, f->name)
                            : name_fmt(cx, "of `%s`", f->name);
  const char *is = before ? name_fmt(cx, "which at order %d", before) : "whose result";
  Diag *d = f->out.n > 1
                ? diag(cx, E0402, f->span, "the gradient %s, %s has %d parts and is not a scalar",
                       what, is, f->out.n)
                : diag(cx, E0402, f->span, "the gradient %s, %s is %s and not a scalar", what, is,
                       type_text(cx, (DType)y->type, &y->shape));
  diag_hint(cx, d,
            before
                ? "--wrt with one scalar has gradients of any order; of others `jvp(grad(f))`, "
                  "`hvp(f)` and `hessian(f)` are the second derivatives"
                : "take its mean or sum; --forward gives the derivative along a direction of any "
                  "function");
}

/* What the language says of grad(f) holds for the command as well. */
static bool may_derive(const Fn *f, const DeriveOptions *o, const bool *wrt, int before) {
  Cx *cx = f->cx;
  bool any = false;
  for (int i = 0; i < f->in.n; i++) {
    const Input *in = &f->in.at[i];
    any |= wrt[i];
    if (!wrt[i] || type_is_float(in->type)) continue;
    diag(cx, E0403, in->span, "`%s` is %s: only floats have a derivative", in->name,
         type_text(cx, in->type, &in->shape));
    return false;
  }
  const Ins *y = fn_ins(f, f->out.at[0].val);
  bool scalar = f->out.n == 1 && y->shape.rank == 0, floating = type_is_float((DType)y->type);
  if (!any) {
    Diag *d = diag(cx, E0405, f->span, "there is nothing to differentiate `%s` by", f->name);
    diag_note(cx, d, "it uses no parameters, and none of its arguments is a float");
  } else if (o->forward || (scalar && floating)) {
    return true;
  } else if (!scalar) {
    fault_not_scalar(f, before);
  } else {
    diag(cx, E0403, f->span, "the gradient of `%s`, whose result is %s and not a float", f->name,
         type_text(cx, (DType)y->type, &y->shape));
  }
  return false;
}

/* loss_grad, loss_grad2, loss_tangent: the names emitted code uses as well. */
static Fn *renamed(Fn *d, const Fn *f, const DeriveOptions *o) {
  Fn *copy = arena_copy(f->cx->arena, d, sizeof *d);
  copy->name = name_fmt(f->cx, o->order == 1 ? "%s_%s" : "%s_%s%d", f->name,
                        o->forward ? "tangent" : "grad", o->order);
  return copy;
}

/* Until sizes are numbers: what the gradient keeps depends on them. */
static bool waits(const Fn *f, const DeriveOptions *o) {
  return (f->cx->bound.bytes || o->deferred) && !o->forward;
}

static Fn *derive_once(const Fn *f, const DeriveOptions *o, const bool *wrt, int before) {
  if (!may_derive(f, o, wrt, before)) return NULL;
  if (waits(f, o)) return pass_gradient_deferred(f, wrt, o->value);
  Fn *d = o->forward ? pass_tangent(f, wrt) : pass_gradient(f, wrt, o->value);
  return d ? pass_simplify(d) : NULL;
}

const char *derive_wrt(const Fn *f, const char *list, bool *wrt) {
  for (const char *word = list;; word++) {
    size_t n = strcspn(word, ",");
    int i = fn_input(f, name_of_n(f->cx, word, n));
    if (i < 0) {
      Text has = text_new(f->cx->arena);
      text_fmt(&has, "%s has no argument or parameter \"%.*s\"; it has %s", f->name, (int)n, word,
               f->in.n ? "" : "none");
      for (int k = 0; k < f->in.n; k++) text_fmt(&has, "%s%s", k ? ", " : "", f->in.at[k].name);
      return text_str(&has);
    }
    wrt[i] = true;
    word += n;
    if (!*word) return NULL;
  }
}

Fn *derive(const Fn *f, const DeriveOptions *o) {
  const bool *wrt = o->wrt ? o->wrt : default_wrt(f);
  Fn *d = waits(f, o) ? (Fn *)f : pass_expand(f);
  for (int k = 0; k < o->order && d; k++) {
    int inputs = d->in.n;
    d = derive_once(d, o, wrt, k);
    if (d) wrt = widened(d, wrt, inputs);
  }
  return d ? renamed(d, f, o) : NULL;
}
