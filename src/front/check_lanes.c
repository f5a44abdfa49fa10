/* check_lanes.c: `if` and loops whose conditions depend on labels. Every label is a lane:
 *
 *   if c { a } else { b }    both blocks are computed, and each variable is chosen per lane
 *   while c { .. }           one loop, which goes on while any lane does; lanes that are done keep
 *                            what they have:
 *
 *     act   = going and i < count and c(i, carried)
 *     carry = if act then the body's else carry         going = going and (i >= count or c)
 *
 * A loop that runs backwards comes the same way: lanes with fewer steps join in later. */
#include "front/loop_body.h"

static Value both(Check *c, Value a, Value b, Op op) {
  if (a.kind != V_TENSOR || b.kind != V_TENSOR) return a.kind == V_TENSOR ? a : b;
  Value v[2] = {a, b};
  Span spans[2] = {{0}};
  return apply_map(c, op, v, spans, 2, (Span){0});
}

static Value not(Check * c, Value v) {
  return value_tensor(ir_map1(c->b, OP_not, v.u.t.val), value_labels(&v));
}

/* ---- what differs ---- */
bool lanes_find(Check *c, LoopBody *l) {
  Value v;
  bool good = true;
  if (l->counted) l->lanes = labels_union(c->cx, l->lanes, value_labels(&l->steps));
  if (!l->cond) return true;
  loop_enter(c, l, &l->cond_unit, &l->cond_b, false);
  good = eval_condition(c, l->cond, "while", &v);
  if (good) l->lanes = labels_union(c->cx, l->lanes, value_labels(&v));
  c->scope = l->outer;
  region_leave(c);
  return good;
}

static LaneInput lane_input(Check *c, const LoopBody *l, const char *name, DType t) {
  Shape none = {0}, lanes;
  labelled_shape(c, l->lanes, &none, l->node->span, &lanes);
  int number = c->b->fn->in.n;
  return (LaneInput){ir_input(c->b, name_of(c->cx, name), t, &lanes, ROLE_ARG, l->node->span),
                     number};
}

void lanes_enter(Check *c, LoopBody *l) {
  l->going = l->done = (LaneInput){0};
  if (!l->lanes->n || !l->cond) return;
  l->going = lane_input(c, l, "going", T_BOOL);
  if (l->count) l->done = lane_input(c, l, "done", T_I64);
}

/* ---- conditions ---- */
/* i < count, where the counts differ; POISON: they don't. */
static Value in_range(Check *c, const LoopBody *l) {
  if (!l->counted || !value_labels(&l->steps)->n) return value_poison();
  Value v[2] = {value_tensor(l->index, NULL), import_value(c, c->unit->up, l->steps)};
  Span spans[2] = {l->node->span, l->node->span};
  return apply_map(c, OP_lt, v, spans, 2, l->node->span);
}

static Value going(const LoopBody *l) {
  return l->going.in ? value_tensor(l->going.in, l->lanes) : value_poison();
}

/* The condition as a tensor; POISON: there is none, or it is wrong. */
static Value condition(Check *c, const LoopBody *l) {
  Value v = value_poison();
  bool lanes = l->lanes->n > 0;
  c->guarded += lanes;
  if (l->cond && eval_condition(c, l->cond, "while", &v)) v = to_tensor(c, v, l->cond->span);
  c->guarded -= lanes;
  return v;
}

void lanes_act(Check *c, LoopBody *l) {
  Shape none = {0};
  if (!l->lanes->n) return;
  Value inside = in_range(c, l), cond = condition(c, l), on = cond;
  if (l->cond && cond.kind == V_POISON) return;
  l->act = both(c, both(c, going(l), inside, OP_and), cond, OP_and);
  if (!l->going.in) return;
  if (inside.kind == V_TENSOR) on = both(c, cond, not(c, inside), OP_or);
  on = both(c, going(l), on, OP_and);
  l->goes_on = align(c, &on, l->lanes, &none);
}

Val lanes_condition(Check *c, LoopBody *l) {
  Shape none = {0};
  Value v = condition(c, l), inside;
  if (v.kind != V_TENSOR || !l->lanes->n) return v.kind == V_TENSOR ? v.u.t.val : 0;
  inside = in_range(c, l);
  if (inside.kind == V_TENSOR)
    v = l->reverse ? both(c, v, not(c, inside), OP_or) : both(c, v, inside, OP_and);
  v = both(c, going(l), v, OP_and);
  return ir_fold(c->b, OP_amax, align(c, &v, l->lanes, &none), (1u << l->lanes->n) - 1);
}

Val lanes_steps(Check *c, const LoopBody *l) {
  int n = value_labels(&l->steps)->n;
  return n ? ir_fold(c->b, OP_amax, l->steps.u.t.val, (1u << n) - 1) : l->steps.u.t.val;
}

/* ---- values ---- */
Value lanes_choose(Check *c, const LoopBody *l, const Value *now, const Value *was) {
  const Labels *all = labels_union(c->cx, value_labels(now), l->lanes);
  Shape s = tensor_shape(c->b, now);
  Val yes = align(c, now, all, &s), act = align(c, &l->act, all, &s);
  Val no = was ? align(c, was, all, &s) : ir_zeros_like(c->b, yes);
  Value v = value_tensor(ir_map3(c->b, OP_select, act, yes, no), all);
  if (now->name) name_tensor(c, &v, now->name);
  return v;
}

Val lanes_count(Check *c, const LoopBody *l) {
  Shape none = {0};
  Val act = align(c, &l->act, l->lanes, &none);
  return ir_map2(c->b, OP_add, l->done.in, ir_cast(c->b, T_I64, act));
}
