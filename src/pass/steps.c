/* steps.c: an instruction of a loop's body for all iterations at once. In: the instruction,
 * operands of which some have an axis of steps in front. Out: its result with such an axis.
 * Elementwise operators broadcast what doesn't change from step to step; movement and reductions
 * leave the axis alone; a contraction has one label more, which the engine merges with its
 * neighbours where it can. */
#include "pass/steps.h"

Shape shape_widened(const Shape *s, Dim n) {
  Shape r = {.rank = s->rank + 1, .dim = {n}};
  memcpy(r.dim + 1, s->dim, (size_t)s->rank * sizeof s->dim[0]);
  return r;
}

static int contract_labels(const Ins *in) { return in->u.contract->nlabels; }

bool ins_widens(const Fn *f, const Ins *in) {
  if (in->type == T_BUNDLE || op_kind((Op)in->op) == KIND_LOOP || in->op == OP_part) return false;
  if (in->shape.rank >= IR_MAX_RANK) return false;
  for (int k = 0; k < in->nargs; k++)
    if (fn_ins(f, in->arg[k])->shape.rank >= IR_MAX_RANK) return false;
  if (op_kind((Op)in->op) == KIND_DOT) return contract_labels(in) < IR_MAX_RANK;
  return true;
}

/* x at the wide shape, the same in every step. */
static Val every_step(Builder *b, Val x, Dim n) {
  Shape s = shape_widened(ir_shape(b, x), n);
  int32_t at[IR_MAX_RANK];
  for (int k = 0; k + 1 < s.rank; k++) at[k] = k + 1;
  return ir_spread(b, x, &s, at);
}

static Val widen_map(Builder *b, const Ins *in, const Val *arg, const bool *wide, Dim n) {
  Val all[3];
  for (int k = 0; k < in->nargs; k++) all[k] = wide[k] ? arg[k] : every_step(b, arg[k], n);
  return in->op == OP_cast ? ir_cast(b, (DType)in->type, all[0]) : ir_map(b, (Op)in->op, all);
}

static Val widen_view(Builder *b, const Ins *in, Val x, Dim n) {
  const View *v = in->u.view;
  Shape out = shape_widened(&in->shape, n);
  ViewTerm step = {0, 1};
  ViewDim dim[IR_MAX_RANK] = {{0, 1, 1, &step}};
  for (int d = 0; d < v->rank; d++) {
    ViewTerm *term = NEWS(b->cx->arena, ViewTerm, v->dim[d].n + 1);
    dim[d + 1] = v->dim[d];
    for (int t = 0; t < v->dim[d].n; t++)
      term[t] = (ViewTerm){v->dim[d].term[t].label + 1, v->dim[d].term[t].coef};
    dim[d + 1].term = term;
  }
  View wide = {v->rank + 1, dim, false, v->claim};
  return ir_view(b, x, &out, &wide);
}

/* ---- contractions ----
 */
static Val contract_steps(Builder *b, const Ins *in, const Val *arg, const bool *wide, bool keep) {
  Contract c = {.nlabels = in->u.contract->nlabels + 1, .nout = in->shape.rank + keep};
  uint8_t step = (uint8_t)in->u.contract->nlabels;
  const uint8_t *from[] = {in->u.contract->a, in->u.contract->b};
  uint8_t *to[] = {c.a, c.b};
  for (int k = 0; k < 2; k++) {
    int rank = ir_shape(b, arg[k])->rank - wide[k];
    if (wide[k]) to[k][0] = step;
    memcpy(to[k] + wide[k], from[k], (size_t)rank);
  }
  if (keep) c.out[0] = step;
  memcpy(c.out + keep, in->u.contract->out, (size_t)in->shape.rank);
  return ir_contract(b, arg[0], arg[1], &c);
}

Val widen_contract_sum(Builder *b, const Ins *in, const Val *arg, const bool *wide, Dim n) {
  Val x[] = {arg[0], arg[1]};
  if (wide[0] && wide[1]) return contract_steps(b, in, arg, wide, false);
  (void)n;
  for (int k = 0; k < 2; k++) /* linear in the one that changes: that is summed first */
    if (wide[k]) x[k] = ir_fold(b, OP_sum, x[k], 1);
  return ir_contract(b, x[0], x[1], in->u.contract);
}

/* ---- data-dependent movement ---- */
/* An index of the steps' axis, at the shape of the widened index tensors. */
static Val step_index(Builder *b, Val like) {
  Shape s = *ir_shape(b, like);
  return ir_iota_along(b, ir_type(b, like), &s, 0);
}

static int widen_indices(Builder *b, const Ins *in, const Val *arg, const bool *wide, Dim n,
                         Val *index) {
  const Gather *g = in->u.gather;
  for (int k = 0; k < g->naxes; k++)
    index[k] = wide[k + 1] ? arg[k + 1] : every_step(b, arg[k + 1], n);
  return g->naxes;
}

/* The rows themselves change from step to step: the step is one more index. */
static int index_by_step(Builder *b, const Gather *g, Val *index, int32_t *axis) {
  memmove(index + 1, index, (size_t)g->naxes * sizeof *index);
  index[0] = step_index(b, index[1]);
  axis[0] = 0;
  for (int k = 0; k < g->naxes; k++) axis[k + 1] = g->axis[k] + 1;
  return g->naxes + 1;
}

static Val widen_gather(Builder *b, const Ins *in, const Val *arg, const bool *wide, Dim n) {
  Val index[IR_MAX_RANK + 1];
  int32_t axis[IR_MAX_RANK + 1];
  int naxes = widen_indices(b, in, arg, wide, n, index);
  if (!wide[0]) return ir_gather(b, arg[0], index, in->u.gather->axis, naxes);
  naxes = index_by_step(b, in->u.gather, index, axis);
  return ir_gather(b, arg[0], index, axis, naxes);
}

static Val widen_scatter(Builder *b, const Ins *in, const Val *arg, const bool *wide, Dim n) {
  Val index[IR_MAX_RANK + 1], upd = wide[0] ? arg[0] : every_step(b, arg[0], n);
  int32_t axis[IR_MAX_RANK + 1];
  Shape full = shape_widened(&in->shape, n);
  widen_indices(b, in, arg, wide, n, index);
  int naxes = index_by_step(b, in->u.gather, index, axis);
  return ir_scatter(b, upd, index, axis, naxes, &full);
}

Val widen_ins(Builder *b, const Ins *in, const Val *arg, const bool *wide, Dim n) {
  b->span = in->span;
  Val v = 0;
  switch (op_kind((Op)in->op)) {
  case KIND_MAP: v = widen_map(b, in, arg, wide, n); break;
  case KIND_FOLD: v = ir_fold(b, (Op)in->op, arg[0], in->u.axes << 1); break;
  case KIND_DOT: v = contract_steps(b, in, arg, wide, true); break;
  case KIND_MOVE:
    if (in->op == OP_view) v = widen_view(b, in, arg[0], n);
    else if (in->op == OP_gather) v = widen_gather(b, in, arg, wide, n);
    else if (in->op == OP_scatter) v = widen_scatter(b, in, arg, wide, n);
    else {
      Shape out = shape_widened(&in->shape, n);
      v = ir_reshape(b, arg[0], &out);
    }
    break;
  case KIND_LOOP:
  case KIND_LEAF: cx_bug(b->cx, "%s for all steps at once", op_info[in->op].name);
  }
  ir_name(b, v, in->hint);
  return v;
}
