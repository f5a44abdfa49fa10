/* print_join.c: tensors laid out one after the other, as concat((a, b), axis: k) or [a, b]. In: a
 * function. Out: the function the printer goes by, in which the choice between padded parts that
 * the front end makes of such is one instruction over the parts: a reshape with several operands,
 * which exists nowhere else. Only what comes back as the same choice is taken for one. */
#include "ir/print.h"

typedef struct Join {
  const Fn *f;
  int axis, n;
  Dim end; /* where the parts found so far begin: they are found from the last one on */
  Val *part;
} Join;

/* v is the part from `from` on to where the others begin, zeros around it. */
static bool take_part(Join *j, Val v, Dim from) {
  Cx *cx = j->f->cx;
  const Ins *in = fn_ins(j->f, v);
  if (in->op != OP_view || in->u.view->claim) return false;
  const Shape *x = &fn_ins(j->f, in->arg[0])->shape;
  if (x->rank != in->shape.rank || x->dim[j->axis] != dim_sub(cx, j->end, from)) return false;
  for (int d = 0; d < x->rank; d++) {
    const ViewDim *at = &in->u.view->dim[d];
    bool whole = at->n == 1 && at->term[0].label == d && at->term[0].coef == 1 && at->den == 1;
    bool one = in->shape.dim[d] == 1 && x->dim[d] == 1 && at->n == 0 && at->off == 0;
    if (d == j->axis ? !whole || at->off != dim_sub(cx, 0, from)
                     : !one && (!whole || at->off != 0 || x->dim[d] != in->shape.dim[d]))
      return false;
  }
  j->part[j->n++] = in->arg[0];
  j->end = from;
  return true;
}

/* The condition that the index along the axis is at `place` or behind. */
static bool is_behind(Join *j, Val v, Dim *place) {
  const Ins *in = fn_ins(j->f, v);
  if (in->op != OP_ge) return false;
  const Ins *i = fn_ins(j->f, in->arg[0]), *n = fn_ins(j->f, in->arg[1]);
  int axis = 0;
  if (i->type != T_I32 || (n->op != OP_const && n->op != OP_size)) return false;
  if (i->op == OP_view) {
    const ViewDim *at = &i->u.view->dim[0];
    if (fn_ins(j->f, i->arg[0])->op != OP_iota || !i->u.view->exact) return false;
    if (at->n != 1 || at->off != 0 || at->den != 1 || at->term[0].coef != 1) return false;
    axis = at->term[0].label;
  } else if (i->op != OP_iota) {
    return false;
  }
  *place = n->op == OP_size ? n->u.size : n->u.i;
  if (j->n == 0) j->axis = axis, j->end = in->shape.dim[axis];
  return axis == j->axis;
}

static bool find_join(Join *j, Val v) {
  const Ins *in = fn_ins(j->f, v);
  Dim place;
  if (in->op != OP_select) return false;
  for (; in->op == OP_select; v = in->arg[2], in = fn_ins(j->f, v))
    if (!is_behind(j, in->arg[0], &place) || !take_part(j, in->arg[1], place)) return false;
  return take_part(j, v, 0);
}

/* What the part is a new first axis of; 0: it is none. */
static Val below_first(const Fn *f, Val part) {
  const Ins *in = fn_ins(f, part);
  if (in->op != OP_view || in->shape.dim[0] != 1 || !in->u.view->exact) return 0;
  const Shape *x = &fn_ins(f, in->arg[0])->shape;
  if (x->rank + 1 != in->shape.rank) return 0;
  for (int d = 0; d < x->rank; d++) {
    const ViewDim *at = &in->u.view->dim[d];
    bool one = x->dim[d] == 1 && in->shape.dim[d + 1] == 1 && at->n == 0 && at->off == 0;
    bool whole = at->n == 1 && at->term[0].label == d + 1 && at->term[0].coef == 1 &&
                 at->off == 0 && at->den == 1 && x->dim[d] == in->shape.dim[d + 1];
    if (!one && !whole) return 0;
  }
  return in->arg[0];
}

/* [a, b, c] where all parts are such and some differ: equal ones would be broadcast. */
static bool as_list(const Join *j, Val *item) {
  bool differ = false;
  for (int i = 0; i < j->n; i++) {
    item[i] = j->axis ? 0 : below_first(j->f, j->part[i]);
    if (!item[i]) return false;
    differ |= item[i] != item[0];
  }
  return differ;
}

const Fn *with_joins(const Fn *f) {
  Arena *a = f->cx->arena;
  Fn *g = NULL;
  for (Val v = 1; v < f->ins.n; v++) {
    if (fn_ins(f, v)->op != OP_select) continue;
    Join j = {.f = f, .part = NEWS(a, Val, v + 1)};
    if (!find_join(&j, v)) continue;
    Val *arg = NEWS(a, Val, j.n), *item = NEWS(a, Val, j.n);
    for (int i = 0; i < j.n / 2; i++) { /* the first one first */
      Val last = j.part[j.n - 1 - i];
      j.part[j.n - 1 - i] = j.part[i], j.part[i] = last;
    }
    bool list = as_list(&j, item);
    memcpy(arg, list ? item : j.part, (size_t)j.n * sizeof *arg);
    if (!g) {
      g = arena_copy(a, f, sizeof *f);
      g->ins.at = arena_copy(a, f->ins.at, (size_t)f->ins.n * sizeof *f->ins.at);
    }
    Ins *in = &g->ins.at[v];
    in->op = OP_reshape;
    in->arg = arg, in->nargs = (uint16_t)j.n;
    in->u.i = list ? -1 : j.axis;
  }
  return g ? g : f;
}

Prec print_join(Printer *p, const Ins *in, Text *out) {
  bool list = in->u.i < 0;
  text_add(out, list ? "[" : "concat((");
  for (int i = 0; i < in->nargs; i++) {
    if (i) text_add(out, ", ");
    print_value(p, in->arg[i], NULL, PREC_IF, out);
  }
  if (list) text_add(out, "]");
  else text_fmt(out, "), axis: %d)", (int)in->u.i);
  return PREC_POSTFIX;
}
