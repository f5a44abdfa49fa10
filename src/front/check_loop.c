/* check_loop.c: `for` and `while`. The body becomes an SSA function, once, whatever the number of
 * steps: variables that it assigns are carried, `ys[t] = e` collects, everything else is captured.
 *
 * A carried variable that begins with a bare literal takes the element type of what the body makes
 * of it: the body is checked on trial, silently, with a value that adapts like a literal. In index
 * notation a carried value may come to depend on labels: then it carries them from the start. Both
 * need the body again; a loop whose variables have types and labels from the start is checked once.
 */
#include "front/loop_body.h"

/* ---- carried variables ---- */
void loop_assign(Check *c, const Carried *k, Value v, Span at) {
  if (!k->state) {
    assign_value(c, k->var, v, at);
    return;
  }
  UnitState s = *k->state;
  s.value = v, s.assigned = true, s.at = at;
  state_put(c, &s);
}

static bool is_floating(const Value *v) {
  return v->kind == V_FLOAT || (v->kind == V_WEAK && v->is_float);
}

/* Literals and what is computed from them: they take the type that the loop asks for. */
static bool adapts(const Value *v) { return value_is_untyped(v); }

static bool start_as(Check *c, Carried *k, DType t) {
  Value x = to_type(c, k->start, t, k->at);
  if (x.kind == V_POISON) return false;
  k->type = t;
  k->typed = true;
  k->start = x;
  return true;
}

static bool find_carried(Check *c, LoopBody *l) {
  Vars vars = assigned_vars(c, &l->body, 1);
  for (int i = 0; i < vars.n; i++) {
    const Scope *s = var_entry(c->scope, vars.at[i]);
    Carried k = {.name = vars.at[i]->name,
                 .var = vars.at[i],
                 .start = import_value(c, s->unit, s->value),
                 .at = s->span};
    if (!expect_carried(c, k.var, &k.start, l->node->span)) return false;
    k.typed = !adapts(&k.start);
    k.is_float = is_floating(&k.start);
    Value x = to_tensor(c, k.start, k.at);
    if (x.kind == V_POISON) return false;
    k.shape = tensor_shape(c->b, &x);
    k.labels = value_labels(&x);
    if (k.typed) k.start = x, k.type = ir_type(c->b, x.u.t.val);
    vec_push(c->cx->arena, &l->carry, k);
  }
  return true;
}

/* ---- the inside of the body ---- */
static void declare_index(Check *c, LoopBody *l, Unit *unit, bool scans) {
  Shape scalar = {0};
  Name name = l->range ? l->node->name : name_of(c->cx, "step");
  Val index = ir_input(c->b, name, T_I64, &scalar, ROLE_ARG, l->node->span);
  l->index = index;
  if (!l->range) return;
  Value v;
  bool moved = l->from.kind == V_TENSOR && l->first.affine;
  if (l->from.kind == V_TENSOR && !moved) {
    Value at[2] = {value_tensor(index, NULL), import_value(c, unit->up, l->from)};
    Span spans[2] = {l->node->name_span, l->range->span};
    at[0] = cast_value(c, at[0], ir_type(c->b, at[1].u.t.val), spans[0]);
    v = apply_map(c, OP_add, at, spans, 2, l->range->span);
  } else {
    Label *label = NEW(c->cx->arena, Label);
    *label = (Label){.name = name,
                     .span = l->node->name_span,
                     .order = ++c->labels,
                     .known = true,
                     .given = true,
                     .lo = moved ? 0 : l->lo,
                     .extent = l->trip,
                     .why = l->range->span,
                     .loop = unit,
                     .partly = l->counted && l->first.end && l->end.end,
                     .index = index};
    Affine a = {.den = 1, .n = 1}, step = a;
    a.term[0] = step.term[0] = (AffineTerm){label, 1};
    if (moved && !affine_binary(c->cx, OP_add, &l->first.a, &step, &a))
      cx_bug(c->cx, "a loop from a start that is no sum of labels");
    v = value_affine(c->cx, &a);
    if (l->layers) v = layer_pick(c, l->layers, v);
    if (scans) unit->label = label;
  }
  c->scope = scope_add(c, c->scope, name, v, l->node->name_span);
}

static Value carried_input(Check *c, Unit *unit, Carried *k) {
  if (!k->typed) {
    Value v = make_weak(c, &(Weak){.kind = WEAK_VARIABLE,
                                   .shape = k->shape,
                                   .span = k->at,
                                   .unit = unit,
                                   .labels = k->labels});
    v.is_float = k->is_float;
    return v;
  }
  Shape whole;
  if (!labelled_shape(c, k->labels, &k->shape, k->at, &whole)) return value_poison();
  k->number = c->b->fn->in.n;
  k->in = ir_input(c->b, k->name, k->type, &whole, ROLE_ARG, k->at);
  return value_tensor(k->in, k->labels);
}

void loop_enter(Check *c, LoopBody *l, Unit *unit, Builder *b, bool scans) {
  region_enter(c, unit, b, name_of(c->cx, scans ? "body" : "cond"));
  declare_index(c, l, unit, scans);
  l->entry = c->scope;
  for (int i = 0; i < l->carry.n; i++) {
    Carried *k = &l->carry.at[i];
    loop_assign(c, k, carried_input(c, unit, k), k->at);
    if (k->state) unit->states.at[unit->states.n - 1].assigned = false;
  }
  lanes_enter(c, l);
}

static bool untyped_left(const LoopBody *l) {
  for (int i = 0; i < l->carry.n; i++)
    if (!l->carry.at[i].typed) return true;
  return false;
}

/* While the body is checked: the variable is before the end of the range. */
static void guard_range(Check *c, const LoopBody *l) {
  Value v;
  Affine at;
  if (!l->counted || !l->end.end || !l->range || !name_value_quiet(c, l->node->name, &v)) return;
  if (affine_of_value(&v, &at)) end_guard(c, &at, l->end.end, true);
}

static void run_body(Check *c, LoopBody *l) {
  if (++c->calls > MAX_CALLS && !c->gave_up) {
    fault(c, E0813, l->node->span, "more than %d calls and loops in one function", MAX_CALLS);
    c->gave_up = true;
  }
  loop_enter(c, l, &l->unit, &l->b, true);
  if (!untyped_left(l)) lanes_act(c, l);
  const Scope *start = c->scope;
  l->collected.n = 0;
  l->unit.loop = l;
  bool lanes = l->lanes->n > 0; /* those that are done compute, too */
  const Guard *outer = c->guards;
  c->guarded += lanes;
  guard_range(c, l);
  eval_statements(c, l->body);
  c->guards = outer;
  c->guarded -= lanes;
  for (int i = 0; i < l->carry.n; i++) {
    Carried *k = &l->carry.at[i];
    if (k->state) {
      const UnitState *now = state_entry(&l->unit, k->state->decl, k->name);
      k->assigned = now->assigned, k->now = now->value, k->now_at = now->at;
      continue;
    }
    const Scope *s = var_entry(c->scope, k->var);
    k->assigned = s != var_entry(start, k->var);
    k->now = import_value(c, s->unit, s->value);
    k->now_at = s->span;
  }
  c->scope = l->outer;
}

/* ---- finding types and labels ---- */
/* What a trial showed of an untyped variable. */
typedef struct Shown {
  bool any;
  DType type;
  Shape shape;
} Shown;

static Shown shown_type(Check *c, Carried *k) {
  Shown s = {.any = !k->typed && (k->now.kind == V_TENSOR || k->now.kind == V_BOOL),
             .type = T_BOOL};
  if (s.any && k->now.kind == V_TENSOR) {
    s.type = ir_type(c->b, k->now.u.t.val);
    s.shape = tensor_shape(c->b, &k->now);
  }
  k->is_float |= is_floating(&k->now);
  return s;
}

/* After a trial: the types that it showed; none shown: those of literals that stand alone. A single
 * number takes the shape as well. */
static bool adopt_types(Check *c, LoopBody *l) {
  bool progress = false, good = true;
  Shown *shown = NEWS(c->cx->arena, Shown, l->carry.n + 1);
  for (int i = 0; i < l->carry.n; i++) {
    shown[i] = shown_type(c, &l->carry.at[i]);
    progress |= shown[i].any;
  }
  region_leave(c);
  for (int i = 0; i < l->carry.n; i++) {
    Carried *k = &l->carry.at[i];
    if (k->typed) continue;
    if (!progress) good &= start_as(c, k, k->is_float ? c->float_type : c->int_type);
    if (!progress || !shown[i].any) continue;
    if (!k->shape.rank) k->shape = shown[i].shape;
    good &= start_as(c, k, shown[i].type);
  }
  return good;
}

/* The labels that values have come to depend on, and those of the lanes, which keep a value each;
 * true when there are more. */
static bool adopt_labels(Check *c, LoopBody *l) {
  bool more = false;
  for (int i = 0; i < l->carry.n; i++) {
    Carried *k = &l->carry.at[i];
    const Labels *all = labels_union(c->cx, k->labels, value_labels(&k->now));
    if (k->assigned) all = labels_union(c->cx, all, l->lanes);
    more |= all->n != k->labels->n;
    k->labels = all;
  }
  return more;
}

/* States that the body has assigned and that aren't carried yet; after leaving it. */
static bool adopt_states(Check *c, LoopBody *l) {
  int before = l->carry.n;
  for (int i = 0; i < l->unit.states.n; i++) {
    const UnitState *s = &l->unit.states.at[i];
    bool known = !s->assigned;
    for (int k = 0; k < before && !known; k++) {
      const UnitState *have = l->carry.at[k].state;
      known = have && have->decl == s->decl && have->name == s->name;
    }
    if (known) continue;
    Carried k = {.name = s->name,
                 .state = arena_copy(c->cx->arena, s, sizeof *s),
                 .start = state_value(c, s),
                 .at = s->at,
                 .typed = true,
                 .labels = &no_labels};
    k.type = ir_type(c->b, k.start.u.t.val);
    k.shape = tensor_shape(c->b, &k.start);
    vec_push(c->cx->arena, &l->carry, k);
  }
  return l->carry.n > before;
}

/* Checks the body until its carried values are settled; the body stays open. */
static bool settle(Check *c, LoopBody *l) {
  while (untyped_left(l)) {
    c->mute++;
    run_body(c, l);
    c->mute--;
    if (!adopt_types(c, l) || c->gave_up) return false;
  }
  for (;;) {
    int faults = c->faults;
    bool good = lanes_find(c, l);
    run_body(c, l);
    good = good && c->faults == faults && !c->gave_up;
    bool settled = good && !adopt_labels(c, l);
    region_leave(c);
    if (!good) return false;
    if (adopt_states(c, l) || !settled) continue;
    region_resume(c, &l->unit);
    return true;
  }
}
/* ---- loops inside of a trial ---- */
static Value stand_in(Check *c, DType t, const Shape *shape, const Labels *labels, Span at) {
  Shape whole;
  if (!labelled_shape(c, labels, shape, at, &whole)) return value_poison();
  return value_tensor(ir_input(c->b, NULL, t, &whole, ROLE_ARG, at), labels);
}

static Value trial_row(Check *c, const LoopBody *l, const Collected *y) {
  Shape s = tensor_shape(l->unit.b, &y->value);
  memmove(s.dim + 1, s.dim, (size_t)s.rank * sizeof s.dim[0]);
  s.dim[0] = l->trip;
  s.rank++;
  return stand_in(c, ir_type(l->unit.b, y->value.u.t.val), &s, value_labels(&y->value), y->at);
}

/* The results as far as one look at the body tells: what is still untyped stays so. Each loop
 * around asks only once, else the work would double with every level. */
static void try_loop(Check *c, LoopBody *l) {
  run_body(c, l);
  Shown *shown = NEWS(c->cx->arena, Shown, l->carry.n + 1);
  for (int i = 0; i < l->carry.n; i++) shown[i] = shown_type(c, &l->carry.at[i]);
  region_leave(c);
  for (int i = 0; i < l->carry.n; i++) {
    Carried *k = &l->carry.at[i];
    const Labels *labels = labels_union(c->cx, k->labels, value_labels(&k->now));
    if (!k->assigned) continue;
    if (shown[i].any && !k->shape.rank) k->shape = shown[i].shape;
    if (shown[i].any) k->typed = true, k->type = shown[i].type;
    k->labels = labels;
    Value v = k->typed ? stand_in(c, k->type, &k->shape, labels, k->now_at)
                       : carried_input(c, c->unit, k);
    loop_assign(c, k, v, k->now_at);
  }
  for (int i = 0; i < l->unit.states.n; i++) {
    UnitState s = l->unit.states.at[i];
    Shape shape = tensor_shape(l->unit.b, &s.value);
    s.value = stand_in(c, ir_type(l->unit.b, s.value.u.t.val), &shape, &no_labels, s.at);
    state_put(c, &s);
  }
  for (int i = 0; i < l->collected.n; i++) {
    const Collected *y = &l->collected.at[i];
    c->scope = scope_add(c, c->scope, y->name, trial_row(c, l, y), y->at);
  }
  Shape scalar = {0};
  if (l->count)
    c->scope = scope_add(c, c->scope, l->count->name,
                         stand_in(c, T_I64, &scalar, &no_labels, l->count->span), l->count->span);
}
/* ---- the statement ---- */
static bool check_head(Check *c, LoopBody *l) {
  if (!loop_head(c, l)) return false;
  if (l->count && !l->cond && !l->counted) {
    Diag *d = fault(c, E0214, l->count->span, "`count` is for loops that may end early");
    diag_note(c->cx, d, "this one does all steps of its range");
    return false;
  }
  return find_carried(c, l);
}

static bool check_loop(Check *c, LoopBody *l) {
  if (!check_head(c, l)) return false;
  if (c->mute && untyped_left(l)) return try_loop(c, l), true;
  if (!settle(c, l)) return false;
  if (l->cond) { /* in the function around, while the body is still open */
    Unit *body = c->unit;
    region_leave(c);
    if (!loop_condition(c, l)) return false;
    region_resume(c, body);
  }
  bool good = loop_outputs(c, l);
  region_leave(c);
  if (!good) return false;
  for (int i = 0; i < l->carry.n; i++) {
    Carried *k = &l->carry.at[i];
    k->init = align(c, &k->start, k->labels, &k->shape);
  }
  loop_results(c, l);
  return true;
}

void eval_loop_statement(Check *c, const Node *n) {
  bool is_for = n->kind == NODE_FOR;
  LoopBody *l = NEW(c->cx->arena, LoopBody);
  *l = (LoopBody){.node = n,
                  .range = is_for ? n->kid[0] : NULL,
                  .cond = is_for ? n->kid[1] : n->kid[0],
                  .limit = is_for ? NULL : n->kid[1],
                  .count = n->kid[2],
                  .body = n->kid[3],
                  .outer = c->scope,
                  .lanes = &no_labels};
  if (is_for && l->range->kind == NODE_RANGE && l->range->nkids > 2) l->limit = l->range->kid[2];
  Unit *unit = c->unit;
  Span span = c->b->span;
  if (++c->depth > MAX_EVAL_DEPTH) {
    fault(c, E0811, n->span, "statements are nested too deeply here");
    c->gave_up = true;
  }
  if (!c->cx->sources.at[n->span.source].prelude) c->b->span = n->span;
  bool good = !c->gave_up && (!is_for || l->range->kind != NODE_ERROR) && check_loop(c, l);
  region_resume(c, unit);
  if (!good) loop_poison(c, l);
  c->b->span = span;
  c->depth--;
}
