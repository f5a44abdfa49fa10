/* check_state.c: states: what a training step hands to the next one beside the parameters. In:
 * assignments in functions and layers. Out: per function or body under construction the value that
 * each state has come to (Unit.states); loops carry those that their bodies assign, branches join
 * them, and program_fn.c makes outputs of them where a step asks for them.
 *
 * A state is a variable that begins with the stored value. An element of an array of layers is a
 * row of the stacked state: it is read by scanning where nothing in the loop assigns the state;
 * else the whole is carried, a row read by its index and put back in its place. No derivative goes
 * through: a state is never differentiated by, and what is assigned is `stop` of the value. */
#include "front/check.h"

bool decl_is_state(const Decl *d) { return d->node->kind == NODE_PARAM && d->node->u.i; }

/* ---- values ---- */
UnitState *state_entry(Unit *u, const Decl *d, Name name) {
  for (int i = 0; i < u->states.n; i++)
    if (u->states.at[i].decl == d && u->states.at[i].name == name) return &u->states.at[i];
  return NULL;
}

bool state_now(Check *c, const Decl *d, Name name, Unit **home, Value *out) {
  for (Unit *u = c->unit;; u = u->up) {
    const UnitState *s = state_entry(u, d, name);
    if (s) return *home = u, *out = s->value, true;
    if (!u->region) return false;
  }
}

Value state_value(Check *c, const UnitState *s) {
  if (!s->layer) return unit_param(c, s->decl);
  Unit *home;
  Value v = value_poison();
  if (!layer_member(c, s->layer, s->decl->node->name, &home, &v))
    cx_bug(c->cx, "the layer %s lacks its state", s->layer->name);
  return import_value(c, home, v);
}

void state_put(Check *c, const UnitState *s) {
  UnitState *own = state_entry(c->unit, s->decl, s->name);
  if (own) *own = *s;
  else vec_push(c->cx->arena, &c->unit->states, *s);
}

/* ---- rows of what is stacked ---- */
/* Which element a layer is of the arrays behind the first so many, as i64 scalars. */
static bool row_indices(Check *c, const FnValue *f, int from, Span at, Val *index) {
  for (int i = from; i < f->nat; i++) {
    Value v = to_type(c, f->at[i], T_I64, at);
    if (v.kind == V_POISON) return false;
    index[i - from] = v.u.t.val;
  }
  return true;
}

Value layer_row(Check *c, const FnValue *f, int from, Value whole) {
  const Labels *labels = value_labels(&whole);
  Val index[IR_MAX_RANK];
  int32_t axis[IR_MAX_RANK];
  for (int i = from; i < f->nat; i++) axis[i - from] = labels->n + i - from;
  if (!row_indices(c, f, from, c->b->span, index)) return value_poison();
  Value v = value_tensor(ir_gather(c->b, whole.u.t.val, index, axis, f->nat - from), labels);
  v.name = whole.name, v.decl = whole.decl;
  return v;
}

/* The whole with another row there. */
static Val with_row(Check *c, const FnValue *f, int from, Val whole, Val row, Span at) {
  Shape s = *ir_shape(c->b, whole);
  Val index[IR_MAX_RANK], here = 0;
  int32_t place[IR_MAX_RANK], n = f->nat - from;
  if (!row_indices(c, f, from, at, index)) return whole;
  for (int i = 0; i < n; i++) {
    Val same = ir_map2(c->b, OP_eq, ir_iota_along(c->b, T_I64, &s, i),
                       ir_spread(c->b, index[i], &s, NULL));
    here = here ? ir_map2(c->b, OP_and, here, same) : same;
  }
  for (int i = n; i < s.rank; i++) place[i - n] = i;
  return ir_map3(c->b, OP_select, here, ir_spread(c->b, row, &s, place), whole);
}

void state_write(Check *c, Decl *d, const FnValue *layer, Value v, Span at) {
  const FnValue *outside = layer ? layer_outside(c, layer) : NULL;
  int picked = outside ? outside->nat : 0;
  UnitState s = {.name = layer_state_name(c, outside, d),
                 .decl = d,
                 .layer = outside,
                 .value = v,
                 .assigned = true,
                 .at = at};
  if (layer && layer->nat > picked) {
    Value whole = state_value(c, &s);
    if (whole.kind == V_POISON) return;
    s.value = value_tensor(with_row(c, layer, picked, whole.u.t.val, v.u.t.val, at), NULL);
  }
  name_tensor(c, &s.value, s.name);
  state_put(c, &s);
}

/* ---- assignments ---- */
static void fault_many(Check *c, Span at, Name name) {
  Diag *d = fault(c, E0220, at, "the state `%s` can't be assigned here", name);
  diag_note(c->cx, d, "%s", c->many);
}

/* A number adapts in type and shape, a tensor has both. */
static Value as_declared(Check *c, const Node *n, const Value *old, Value v, Name name) {
  DType t = ir_type(c->b, old->u.t.val);
  Shape want = tensor_shape(c->b, old), is, all;
  Span at = n->kid[0]->span;
  bool number = v.kind < V_TUPLE && v.kind != V_TENSOR && (v.kind == V_BOOL) == (t == T_BOOL);
  if (number) v = to_type(c, v, t, at);
  if (v.kind == V_POISON) return v;
  if (v.kind == V_TENSOR && ir_type(c->b, v.u.t.val) == t) {
    is = tensor_shape(c->b, &v);
    bool fits =
        number ? broadcast_dims(&is, &want, &all) && shape_eq(&all, &want) : shape_eq(&is, &want);
    if (fits) return value_tensor(align(c, &v, value_labels(&v), &want), value_labels(&v));
  }
  Diag *d = fault(c, E0320, at, "the state `%s` is %s, and this is %s", name,
                  type_text(c->cx, t, &want), value_text(c->cx, c->b, &v));
  diag_label(c->cx, d, old->decl, "declared here");
  fault_declared(c, d, &v);
  if (v.kind == V_TENSOR && ir_type(c->b, v.u.t.val) != t)
    diag_hint(c->cx, d, "there are no implicit conversions: write %s(..)", type_info[t].word);
  return value_poison();
}

bool state_assign(Check *c, const Node *n, Value v) {
  const FnValue *layer = c->frame ? c->frame->self : NULL;
  Decl *d = state_find(c, n->name, &layer);
  if (!d) return false;
  Value old = name_value(c, &(Node){.kind = NODE_NAME, .name = n->name, .span = n->name_span});
  if (c->many) fault_many(c, n->span, n->name);
  if (c->many || old.kind == V_POISON || v.kind == V_POISON) return true;
  old.decl = d->node->name_span;
  if (n->u.op != OP_none) {
    Value pair[2] = {old, v};
    Span spans[2] = {n->name_span, n->kid[0]->span};
    v = apply_map(c, n->u.op, pair, spans, 2, n->span);
  }
  v = as_declared(c, n, &old, v, n->name);
  if (v.kind == V_POISON) return true;
  if (type_is_float(ir_type(c->b, v.u.t.val))) v.u.t.val = ir_map1(c->b, OP_stop, v.u.t.val);
  state_write(c, d, layer, v, n->span);
  return true;
}

/* ---- bodies that are functions of their own ---- */
int state_outputs(Check *c) {
  const Unit *u = c->unit;
  for (int i = 0; i < u->states.n; i++)
    ir_output(c->b, u->states.at[i].name, u->states.at[i].value.u.t.val);
  return u->states.n;
}

void state_take(Check *c, const Unit *body, Val bundle, int first) {
  for (int i = 0; i < body->states.n; i++) {
    const UnitState *s = &body->states.at[i];
    state_write(c, s->decl, s->layer, value_tensor(ir_part(c->b, bundle, first + i), NULL), s->at);
  }
}

const char *states_refuse(Check *c, const char *why) {
  const char *before = c->many;
  if (!before) c->many = why;
  return before;
}
