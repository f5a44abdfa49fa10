/* adjoint_undo.c: carried values that the way back restores step by step. In: a loop that in each
 * step replaces rows, columns or elements of a carried tensor. Out: what takes the place of saving
 * the whole tensor in every step.
 *
 * The way back carries the tensor too, beginning with what the loop left. Where a step has changed
 * rows, the forward loop saves these rows as they were, and their number; the step backwards puts
 * them back. What is put back may be more than what changed, since all of it is as it was: so only
 * the points of a box count (ir/box.h), not its ranges and conditions. */
#include "ir/box.h"
#include "pass/adjoint_loop.h"
#include "pass/steps.h"

/* ---- which ---- */
/* The limits that fix the index of an axis, each axis once; returns how many. */
static int points_of(const Box *b, const Limit **point) {
  int n = 0;
  for (int i = 0; i < b->n; i++) {
    const Limit *l = &b->limit[i];
    bool fixed = l->op == OP_eq;
    for (int d = 0; d < IR_MAX_RANK; d++) fixed &= !l->coef[d];
    for (int k = 0; k < n; k++) fixed &= point[k]->axis != l->axis;
    if (fixed) point[n++] = l;
  }
  for (int i = 1; i < n; i++)
    for (int k = i; k > 0 && point[k - 1]->axis > point[k]->axis; k--) {
      const Limit *l = point[k];
      point[k] = point[k - 1];
      point[k - 1] = l;
    }
  return n;
}

static double bytes_of_part(Cx *cx, const Ins *whole, const Limit *const *point, int n) {
  Ins part = *whole;
  for (int i = 0; i < n; i++) part.shape.dim[point[i]->axis] = 1;
  return ins_bytes(cx, &part) + n * type_info[T_I64].bytes;
}

/* How a carried value is restored; false: it isn't, or that would save little. */
static bool undo_of(const Loop *l, int carry, Undo *u) {
  const Fn *f = l->body;
  const Input *arg = loop_carry(l, carry);
  Update how;
  if (arg->shape.rank == 0 || !update_of(f, f->out.at[carry].val, arg->val, &how)) return false;
  const Ins *whole = fn_ins(f, arg->val);
  double bytes = 0;
  *u = (Undo){.carry = carry, .where = how.where};
  for (int i = 0; i < how.where.n; i++) {
    const Limit *point[MOST_LIMITS];
    int n = points_of(&how.where.box[i], point);
    if (!n) return false;
    bytes += bytes_of_part(f->cx, whole, point, n);
    u->nslices += 1 + n;
  }
  return 2 * bytes <= ins_bytes(f->cx, whole);
}

void undo_choose(Cx *cx, LoopPlan *p) {
  p->undo = NEWS(cx->arena, Undo, p->l->ncarry + 1);
  p->nundo = p->nslices = 0;
  for (int i = 0; i < p->l->ncarry; i++) {
    bool saved = false;
    for (int k = 0; k < p->nsaved; k++) saved |= p->saved[k] == loop_carry(p->l, i)->val;
    Undo *u = &p->undo[p->nundo];
    if (!saved || !undo_of(p->l, i, u)) continue;
    p->nundo++;
    p->nslices += u->nslices;
  }
}

double undo_bytes(const LoopPlan *p) {
  double sum = 0;
  for (int i = 0; i < p->nundo; i++) {
    const Undo *u = &p->undo[i];
    const Ins *whole = loop_ins(p->l, loop_carry(p->l, u->carry)->val);
    for (int k = 0; k < u->where.n; k++) {
      const Limit *point[MOST_LIMITS];
      int n = points_of(&u->where.box[k], point);
      sum += bytes_of_part(p->l->body->cx, whole, point, n);
    }
  }
  return sum;
}

void undo_free(const LoopPlan *p, bool *there) {
  for (int i = 0; i < p->nundo; i++) {
    there[loop_carry(p->l, p->undo[i].carry)->val] = true;
    there[p->l->body->out.at[p->undo[i].carry].val] = true;
  }
}

/* ---- the way there ---- */
/* The index that the limit allows; `to`: where the body's values are. */
static Val index_of(Builder *b, const Limit *l, const Val *to) {
  Val sum = ir_size(b, T_I64, NULL, l->off);
  for (int i = 0; i < l->n; i++) {
    Val x = ir_cast(b, T_I64, to[l->scalar[i]]);
    sum = ir_map2(b, OP_add, sum, ir_map2(b, OP_mul, x, ir_const_i(b, T_I64, NULL, l->times[i])));
  }
  return l->wraps ? ir_cast(b, T_I64, ir_cast(b, T_I32, sum)) : sum;
}

void undo_collect(Builder *b, const LoopPlan *p, const Val *to) {
  for (int i = 0; i < p->nundo; i++) {
    const Undo *u = &p->undo[i];
    for (int k = 0; k < u->where.n; k++) {
      const Limit *point[MOST_LIMITS];
      int n = points_of(&u->where.box[k], point);
      Val index[MOST_LIMITS];
      int32_t axis[MOST_LIMITS];
      for (int d = 0; d < n; d++) {
        axis[d] = point[d]->axis;
        index[d] = index_of(b, point[d], to);
      }
      Val old = ir_gather(b, to[loop_carry(p->l, u->carry)->val], index, axis, n);
      ir_output(b, NULL, old);
      for (int d = 0; d < n; d++) ir_output(b, NULL, index[d]);
    }
  }
}

/* ---- the way back ---- */
void undo_inputs(Builder *b, const LoopPlan *p, Val *state) {
  for (int i = 0; i < p->nundo; i++) {
    const Input *in = loop_carry(p->l, p->undo[i].carry);
    state[i] = ir_input(b, in->name, in->type, &in->shape, ROLE_ARG, in->span);
  }
}

void undo_slices(Builder *b, const LoopPlan *p, Val *slice) {
  Cx *cx = b->cx;
  for (int i = 0; i < p->nundo; i++) {
    const Undo *u = &p->undo[i];
    const Input *in = loop_carry(p->l, u->carry);
    const char *name = in->name ? in->name : "v";
    for (int k = 0; k < u->where.n; k++) {
      const Limit *point[MOST_LIMITS];
      int n = points_of(&u->where.box[k], point);
      Shape rest = {0};
      for (int d = 0, at = 0; d < in->shape.rank; d++) {
        if (at < n && point[at]->axis == d) at++;
        else rest.dim[rest.rank++] = in->shape.dim[d];
      }
      *slice++ = ir_input(b, name_fmt(cx, "old_%s", name), in->type, &rest, ROLE_ARG, in->span);
      for (int d = 0; d < n; d++)
        *slice++ = ir_input(b, name_fmt(cx, "at_%s", name), T_I64, &(Shape){0}, ROLE_ARG, in->span);
    }
  }
}

/* The tensor with one box of it put back. */
static Val put_back(Builder *b, Val state, const Box *box, const Val *slice) {
  const Limit *point[MOST_LIMITS];
  int n = points_of(box, point);
  Shape s = *ir_shape(b, state);
  int32_t at[IR_MAX_RANK];
  Val here = 0;
  for (int d = 0, k = 0, rest = 0; d < s.rank; d++) {
    if (k == n || point[k]->axis != d) {
      at[rest++] = d;
      continue;
    }
    Shape line = {1, {s.dim[d]}};
    Val is = ir_map2(b, OP_eq, ir_iota(b, T_I64, s.dim[d]), ir_broadcast(b, slice[1 + k++], &line));
    is = ir_spread(b, is, &s, (int32_t[]){d});
    here = here ? ir_map2(b, OP_and, here, is) : is;
  }
  return ir_map3(b, OP_select, here, ir_spread(b, slice[0], &s, at), state);
}

void undo_given(Builder *b, const LoopPlan *p, const Val *state, const Val *slice, Val *given) {
  for (int i = 0; i < p->nundo; i++) {
    const Undo *u = &p->undo[i];
    Val old = state[i];
    for (int k = 0; k < u->where.n; k++) {
      const Limit *point[MOST_LIMITS];
      old = put_back(b, old, &u->where.box[k], slice);
      slice += 1 + points_of(&u->where.box[k], point);
    }
    given[p->l->body->out.at[u->carry].val] = state[i];
    given[loop_carry(p->l, u->carry)->val] = old;
  }
}
