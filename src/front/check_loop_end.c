/* check_loop_end.c: what a loop becomes once its body is settled: the outputs of the body, the
 * instruction with its operands, and the names that stand for its results. */
#include "front/loop_body.h"

/* ---- results ---- */
static bool output_carried(Check *c, const LoopBody *l, Carried *k) {
  if (!k->assigned) return true;
  if (!expect_carried(c, k->var, &k->now, k->now_at)) return false;
  Value v = value_is_untyped(&k->now) ? to_type(c, k->now, k->type, k->now_at)
                                      : to_tensor(c, k->now, k->now_at);
  if (v.kind == V_POISON) return false;
  Shape s = tensor_shape(c->b, &v);
  if (ir_type(c->b, v.u.t.val) != k->type || !shape_eq(&s, &k->shape)) {
    if (k->state) cx_bug(c->cx, "the state %s changes in a loop", k->name);
    fault_changes(c, k->var, type_text(c->cx, k->type, &k->shape), value_text(c->cx, c->b, &v),
                  k->now_at, " in the loop");
    return false;
  }
  Value was = value_tensor(k->in, k->labels);
  if (l->lanes->n) v = lanes_choose(c, l, &v, &was);
  ir_output(c->b, k->name, align(c, &v, k->labels, &s));
  return true;
}

bool loop_outputs(Check *c, LoopBody *l) {
  bool good = true;
  for (int i = 0; i < l->carry.n; i++) good = output_carried(c, l, &l->carry.at[i]) && good;
  if (l->going.in) ir_output(c->b, NULL, l->goes_on);
  if (l->done.in) ir_output(c->b, NULL, lanes_count(c, l));
  for (int i = 0; i < l->collected.n; i++) {
    Value *v = &l->collected.at[i].value;
    if (l->lanes->n) *v = lanes_choose(c, l, v, NULL);
    ir_output(c->b, l->collected.at[i].name, v->u.t.val);
  }
  return good;
}

bool loop_condition(Check *c, LoopBody *l) {
  loop_enter(c, l, &l->cond_unit, &l->cond_b, false);
  Val v = lanes_condition(c, l);
  if (v) ir_output(c->b, NULL, v);
  c->scope = l->outer;
  region_leave(c);
  if (v) l->cond_fn = ir_finish(&l->cond_b);
  return v != 0;
}

/* ---- the instruction ---- */
/* A variable that turned out to keep its value is captured. */
static void capture_unchanged(Check *c, LoopBody *l, RegionInputs *in) {
  for (int i = 0; i < l->carry.n; i++) {
    Carried *k = &l->carry.at[i];
    if (k->assigned) continue;
    region_add(c, in, k->init, false, 0, k->number);
    if (l->cond_fn) region_add(c, in, k->init, false, 1, k->number);
  }
}

/* The numbers of the inputs that come first: the index, and what is carried. */
static int lead_inputs(const LoopBody *l, int *lead) {
  int n = 0;
  lead[n++] = 0;
  for (int i = 0; i < l->carry.n; i++)
    if (l->carry.at[i].assigned) lead[n++] = l->carry.at[i].number;
  if (l->going.in) lead[n++] = l->going.number;
  if (l->done.in) lead[n++] = l->done.number;
  return n;
}

static int starts(Check *c, const LoopBody *l, Val *args) {
  Shape none = {0}, lanes;
  int n = 0;
  labelled_shape(c, l->lanes, &none, l->node->span, &lanes);
  if (l->counted) args[n++] = lanes_steps(c, l);
  for (int i = 0; i < l->carry.n; i++)
    if (l->carry.at[i].assigned) args[n++] = l->carry.at[i].init;
  if (l->going.in) args[n++] = ir_const_i(c->b, T_BOOL, &lanes, 1);
  if (l->done.in) args[n++] = ir_const_i(c->b, T_I64, &lanes, 0);
  return n;
}

static Val emit_loop(Check *c, LoopBody *l) {
  RegionInputs scans = {0}, all = {0}, captured = {0};
  Fn *raw = ir_finish(&l->b);
  int *lead = NEWS(c->cx->arena, int, l->carry.n + 3), nlead = lead_inputs(l, lead);
  region_captures(c, &l->unit, raw, 0, true, &scans);
  region_captures(c, &l->unit, raw, 0, false, &captured);
  if (l->cond_fn) region_captures(c, &l->cond_unit, l->cond_fn, 1, false, &captured);
  capture_unchanged(c, l, &captured);
  for (int i = 0; i < scans.n; i++) vec_push(c->cx->arena, &all, scans.at[i]);
  for (int i = 0; i < captured.n; i++) vec_push(c->cx->arena, &all, captured.at[i]);
  Loop loop = {.body = region_fn(c, raw, 0, lead, nlead, &all),
               .trip = l->trip,
               .ncarry = nlead - 1,
               .nscan = scans.n,
               .ncollect = l->collected.n,
               .counted = l->counted,
               .reverse = l->reverse};
  if (l->cond_fn) loop.cond = region_fn(c, l->cond_fn, 1, lead, nlead, &captured);
  Val *args = NEWS(c->cx->arena, Val, l->carry.n + all.n + 4);
  int n = starts(c, l, args);
  for (int i = 0; i < all.n; i++) args[n++] = all.at[i].outer;
  return ir_loop(c->b, &loop, args, n);
}

/* Rows lie first in what is collected; labels belong there. */
static Value collected_value(Check *c, Val part, const Labels *labels) {
  int32_t perm[IR_MAX_RANK];
  int rank = ir_shape(c->b, part)->rank;
  for (int i = 0; i < rank; i++) perm[i] = i < labels->n ? i + 1 : i == labels->n ? 0 : i;
  return value_tensor(labels->n ? ir_permute(c->b, part, perm) : part, labels);
}

static Value count_value(Check *c, const LoopBody *l, Val bundle, int done, int last) {
  if (!l->cond_fn) return l->steps;
  return l->done.in ? value_tensor(ir_part(c->b, bundle, done), l->lanes)
                    : value_tensor(ir_part(c->b, bundle, last), NULL);
}

void loop_results(Check *c, LoopBody *l) {
  Val bundle = emit_loop(c, l);
  int part = 0, done;
  for (int i = 0; i < l->carry.n; i++) {
    const Carried *k = &l->carry.at[i];
    if (k->assigned)
      loop_assign(c, k, value_tensor(ir_part(c->b, bundle, part++), k->labels), k->now_at);
  }
  part += l->going.in != 0;
  done = part;
  part += l->done.in != 0;
  for (int i = 0; i < l->collected.n; i++) {
    const Collected *y = &l->collected.at[i];
    Value v = collected_value(c, ir_part(c->b, bundle, part++), value_labels(&y->value));
    name_tensor(c, &v, y->name);
    c->scope = scope_add(c, c->scope, y->name, v, y->at);
  }
  if (!l->count) return;
  Value v = count_value(c, l, bundle, done, part);
  name_tensor(c, &v, l->count->name);
  c->scope = scope_add(c, c->scope, l->count->name, v, l->count->span);
}

void loop_poison(Check *c, LoopBody *l) {
  c->scope = l->outer;
  Vars vars = assigned_vars(c, &l->body, 1);
  for (int i = 0; i < vars.n; i++) assign_value(c, vars.at[i], value_poison(), l->node->span);
  for (int i = 0; i < l->body->nkids; i++) {
    const Node *s = l->body->kid[i];
    if (s->kind == NODE_COLLECT && !scope_find(c->scope, s->name))
      c->scope = scope_add(c, c->scope, s->name, value_poison(), s->name_span);
  }
  if (l->count) c->scope = scope_add(c, c->scope, l->count->name, value_poison(), l->count->span);
}
