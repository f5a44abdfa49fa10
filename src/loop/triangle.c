/* triangle.c: reductions over triangles. A range that depends on another label, as in
 * sum(j: 0..i + 1), and a causal mask are choices between a value and the identity of the fold, by
 * comparisons of indices. In: the operand of a fold, and the block of indices that a step of its
 * loops adds. Out: whether the step adds anything, as a condition to be asked when the program
 * runs.
 *
 * What is compared is linear in the indices, so over a block it is largest and smallest at corners:
 * a comparison that holds at no corner holds nowhere inside. To leave a step out changes no bit: an
 * accumulator that begins at the identity keeps its value when the identity is added to it. */
#include "loop/lower.h"

enum { MOST_CONDITIONS = 4, MOST_DEPTH = 12 };

static Val below_views(const Low *lw, Val v) {
  for (;;) {
    const Ins *in = low_ins(lw, v);
    if (in->op != OP_view || !in->u.view->exact) return v;
    for (int d = 0; d < in->u.view->rank; d++)
      if (in->u.view->dim[d].den != 1) return v;
    v = in->arg[0];
  }
}

/* An integer that is a linear function of the indices. */
static bool is_linear(const Low *lw, Val v, int depth) {
  const Ins *in = low_ins(lw, below_views(lw, v));
  if (depth > MOST_DEPTH || (in->type != T_I32 && in->type != T_I64)) return false;
  switch (in->op) {
  case OP_iota:
  case OP_const:
  case OP_size: return true;
  case OP_cast:
  case OP_neg: return is_linear(lw, in->arg[0], depth + 1);
  case OP_add:
  case OP_sub: return is_linear(lw, in->arg[0], depth + 1) && is_linear(lw, in->arg[1], depth + 1);
  case OP_mul:
    for (int k = 0; k < 2; k++) {
      Op op = low_ins(lw, below_views(lw, in->arg[k]))->op;
      if ((op == OP_const || op == OP_size) && is_linear(lw, in->arg[1 - k], depth + 1))
        return true;
    }
    return false;
  default: return false;
  }
}

/* Conditions of the kind among those that all have to be as wanted for v to be `want`. */
static void add_conditions(const Low *lw, Val v, bool want, Triangle *t) {
  const Ins *in = low_ins(lw, v);
  if (in->op == OP_not) {
    add_conditions(lw, in->arg[0], !want, t);
  } else if (in->op == (want ? OP_and : OP_or)) {
    add_conditions(lw, in->arg[0], want, t);
    add_conditions(lw, in->arg[1], want, t);
  } else if (t->n < MOST_CONDITIONS) {
    in = low_ins(lw, below_views(lw, v));
    bool compares = in->op == OP_lt || in->op == OP_le || in->op == OP_gt || in->op == OP_ge;
    if (!compares || !is_linear(lw, in->arg[0], 0) || !is_linear(lw, in->arg[1], 0)) return;
    t->cond[t->n] = v;
    t->want[t->n++] = want;
  }
}

Triangle triangle_of(const Low *lw, const Ins *fold, Val operand) {
  Triangle t = {.n = 0, .boxes = {.n = 1}};
  const Ins *in = low_ins(lw, operand);
  if (in->op != OP_select || low_stored(lw, operand)) return t;
  for (int k = 1; k <= 2 && !t.n; k++)
    if (ins_is_splat(low_ins(lw, below_views(lw, in->arg[k])), fold_identity(fold)) &&
        type_is_float((DType)fold->type))
      add_conditions(lw, in->arg[0], k == 2, &t);
  if (type_is_float((DType)fold->type)) where_other(lw->f, operand, fold_identity(fold), &t.boxes);
  return t;
}

/* ---- ends ---- */

/* The limit can be told before the axis is walked: nothing in it differs by lane. */
static bool is_told(const Limit *l, int axis, int by_lane) {
  if (l->axis == by_lane || (by_lane >= 0 && l->coef[by_lane])) return false;
  return l->axis == axis || (l->axis != axis && !l->coef[axis]);
}

Ends triangle_ends(Low *lw, const Triangle *t, const AxisIx *in, int axis, int by_lane, Dim extent,
                   int64_t step) {
  Ends e = {0, 0};
  Ex some = 0;
  if (t->boxes.n != 1) return e;
  const Box *b = &t->boxes.box[0];
  look_at_scalars(lw, &t->boxes);
  for (int i = 0; i < b->n; i++) {
    const Limit *l = &b->limit[i];
    if (!is_told(l, axis, by_lane)) continue;
    Ex right = limit_right(lw, l, in);
    if (l->axis == axis) {
      limit_ends(lw, l, right, extent, &e);
    } else {
      Ex at = axis_value(lw, &in[l->axis], 1);
      some = mask_and(lw, some,
                      low_map2(lw, l->op, T_BOOL, low_map(lw, OP_cast, T_I64, &at, 1), right));
    }
  }
  Ex none = ex_imm_i(&lw->m, T_I64, 1, 0);
  if (some && !e.to)
    e.to =
        dim_is_number(extent) ? ex_imm_i(&lw->m, T_I64, 1, extent) : ex_dim(lw, T_I64, 1, extent);
  if (some) e.to = low_map(lw, OP_select, T_I64, (Ex[]){some, e.to, none}, 3);
  if (e.from) {
    Ex by = ex_imm_i(&lw->m, T_I64, 1, step);
    e.from = low_map2(lw, OP_mul, T_I64, low_map2(lw, OP_idiv, T_I64, e.from, by), by);
    e.from = ex_let(lw, e.from, NULL);
  }
  if (e.to) e.to = ex_let(lw, e.to, NULL);
  return e;
}

/* The condition at a corner of the block: bit k of `corner` says which end of axis k. */
static Ex at_corner(Low *lw, Val cond, bool want, AxisIx *at, const Along *along, int n,
                    int corner) {
  for (int k = 0; k < n; k++) {
    at[along[k].axis] = axis_plus(lw, along[k].from, corner >> k & 1 ? along[k].more : 0);
    at[along[k].axis].lane = 0;
  }
  Ex c = value_at(lw, cond, at, point_scalar());
  return want ? c : low_map(lw, OP_not, T_BOOL, &c, 1);
}

Ex triangle_there(Low *lw, const Triangle *t, const AxisIx *in, const Along *along, int n) {
  Ex all = 0;
  AxisIx at[IR_MAX_RANK];
  memcpy(at, in, sizeof at);
  for (int i = 0; i < t->n; i++) {
    Ex some = 0;
    for (int corner = 0; corner < 1 << n; corner++) {
      bool twice = false;
      for (int k = 0; k < n; k++) twice |= (corner >> k & 1) && along[k].more == 0;
      if (twice) continue;
      Ex c = at_corner(lw, t->cond[i], t->want[i], at, along, n, corner);
      some = some ? low_map(lw, OP_or, T_BOOL, (Ex[]){some, c}, 2) : c;
    }
    all = all ? low_map(lw, OP_and, T_BOOL, (Ex[]){all, some}, 2) : some;
  }
  if (!all || (lw->m.k->ex.at[all].kind == EX_IMM && lw->m.k->ex.at[all].u.i)) return 0;
  return ex_let(lw, all, NULL);
}
