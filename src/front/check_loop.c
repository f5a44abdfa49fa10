/* check_loop.c: `for` and `while`. The body becomes an SSA function, once, whatever the number of
 * steps: variables that it assigns are carried, `ys[t] = e` collects, everything else is captured.
 *
 * A carried variable that begins with a bare literal takes the element type of what the body makes
 * of it: the body is checked on trial, silently, with a value that adapts like a literal. In index
 * notation a carried value may come to depend on labels: then it carries them from the start. Both
 * need the body again; a loop whose variables have types and labels from the start is checked once.
 */
#include "front/check.h"

typedef struct Carried {
  const Var *var;
  Value start; /* of the function around */
  Span at;     /* of the start */
  bool typed, assigned;
  bool is_float; /* untyped: whether a float has been met */
  DType type;
  Shape shape;
  const Labels *labels;
  Val init;  /* start as a tensor */
  Value now; /* what the body assigned */
  Span now_at;
  int number; /* among the inputs of the body */
} Carried;

typedef struct Collected {
  Name name;
  Span at;
  Value value;
} Collected;

struct LoopBody {
  const Node *node, *range, *cond, *limit, *body, *count;
  bool reverse, counted;
  const FnValue *layers; /* the array whose elements the variable is */
  Dim lo, trip;
  Val steps;  /* counted: how many, i64 */
  Value from; /* a start known at run time only; POISON else */
  Vec(Carried) carry;
  Vec(Collected) collected;
  Scope *outer, *entry; /* before the loop; the loop variable's entry in the body */
  Unit unit, cond_unit;
  Builder b, cond_b;
  Fn *cond_fn; /* as built */
};

/* ---- the range ---- */
static bool fault_limit(Check *c, const LoopBody *l, Span at) {
  bool is_while = !l->range;
  Diag *d = fault(c, E0322, at,
                  is_while ? "`while` needs `max N`"
                           : "this range is known at run time only: it needs `max N`");
  diag_note(c->cx, d,
            "no more than N steps are done; N bounds the memory that the derivative takes");
  if (is_while) diag_hint(c->cx, d, "as in `while abs(r) > 1e-9 max 50 { .. }`");
  else diag_hint(c->cx, d, "as in `for %s in 0..n max 1000 { .. }`", l->node->name);
  return false;
}

static bool limit_value(Check *c, LoopBody *l, const Node *n) {
  Value v = eval_expr(c, n);
  if (!expect_dim(c, &v, n->span, "the limit of a loop", &l->trip)) return false;
  if (!dim_is_number(l->trip) || l->trip >= 0) return true;
  fault(c, E0511, n->span, "the limit of a loop can't be negative");
  return false;
}

/* A bound as a number of rank 0; *known when it is one at compile time. */
static bool loop_bound(Check *c, const Node *n, Value *v, Dim *d, bool *known) {
  *v = eval_expr(c, n);
  if (v->kind == V_POISON) return false;
  *known = value_dim(v, d);
  if (*known) return true;
  Value x = v->kind < V_TUPLE && v->kind != V_FLOAT && v->kind != V_BOOL ? to_tensor(c, *v, n->span)
                                                                         : value_poison();
  bool good = x.kind == V_TENSOR && type_is_int(ir_type(c->b, x.u.t.val)) &&
              !ir_shape(c->b, x.u.t.val)->rank;
  if (good) {
    *v = x;
    return true;
  }
  Diag *e = fault(c, E0321, n->span, "a loop's bound must be an integer, not %s",
                  value_text(c->cx, c->b, v));
  fault_declared(c, e, v);
  bool labelled = x.kind == V_TENSOR && value_labels(&x)->n && !tensor_rank(c->b, &x);
  c->split |= labelled;
  if (labelled)
    diag_note(c->cx, e, "it depends on the label `%s`, and there is one loop for all labels",
              value_labels(&x)->at[0]->name);
  else if (v->kind == V_FLOAT || (x.kind == V_TENSOR && !type_is_int(ir_type(c->b, x.u.t.val))))
    diag_hint(c->cx, e, "convert it: i32(..)");
  return false;
}

static bool constant_range(Check *c, LoopBody *l, Dim from, Dim to) {
  l->lo = from;
  Dim n = dim_sub(c->cx, to, from);
  if (dim_le(c->cx, n, -1) == 1) {
    fault(c, E0511, l->range->span, "this range ends before it begins");
    return false;
  }
  if (l->counted) l->steps = ir_size(c->b, T_I64, NULL, n);
  else l->trip = n;
  return true;
}

static Val bound_i64(Check *c, const Value *v, Dim d, bool known) {
  return known ? ir_size(c->b, T_I64, NULL, d) : ir_cast(c->b, T_I64, v->u.t.val);
}

static bool layers_range(Check *c, LoopBody *l, const Node *array) {
  if (!expect_layers(c, array, &l->layers)) return false;
  l->trip = l->layers->instance->lead[l->layers->nat];
  if (!l->cond) return true;
  Diag *d = fault(c, E0218, l->cond->span, "a loop over layers goes through all of them");
  diag_hint(c->cx, d, "to end early count: `for i in 0..n while ..`, and `layers[i]`");
  return false;
}

static bool for_range(Check *c, LoopBody *l) {
  if (l->range->kind != NODE_RANGE) return layers_range(c, l, l->range);
  l->reverse = l->range->u.i == 1;
  if (!l->range->kid[0]) return layers_range(c, l, l->range->kid[1]);
  const Node *from = l->range->kid[0], *to = l->range->kid[1];
  Value a, b;
  Dim x = 0, y = 0;
  bool know_a = false, know_b = false;
  l->counted = l->limit != NULL;
  bool good = loop_bound(c, from, &a, &x, &know_a);
  good = loop_bound(c, to, &b, &y, &know_b) && good;
  if (l->limit) good = limit_value(c, l, l->limit) && good;
  if (!good) return false;
  if (know_a && know_b) return constant_range(c, l, x, y);
  if (!l->limit) return fault_limit(c, l, l->range->span);
  if (know_a) l->lo = x;
  else l->from = a;
  Val n = bound_i64(c, &b, y, know_b);
  if (!know_a || x != 0) n = ir_map2(c->b, OP_sub, n, bound_i64(c, &a, x, know_a));
  l->steps = n;
  return true;
}

/* ---- carried variables ---- */
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
    Carried k = {.var = vars.at[i], .start = import_value(c, s->unit, s->value), .at = s->span};
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
  if (!l->range) return;
  Value v;
  if (l->from.kind == V_TENSOR) {
    Value from = import_value(c, unit->up, l->from);
    v = value_tensor(
        ir_map2(c->b, OP_add, ir_cast(c->b, ir_type(c->b, from.u.t.val), index), from.u.t.val),
        NULL);
  } else {
    Label *label = NEW(c->cx->arena, Label);
    *label = (Label){.name = name,
                     .span = l->node->name_span,
                     .order = ++c->labels,
                     .known = true,
                     .given = true,
                     .lo = l->lo,
                     .extent = l->trip,
                     .why = l->range->span,
                     .loop = unit,
                     .index = index};
    Affine a = {.den = 1, .n = 1};
    a.term[0] = (AffineTerm){label, 1};
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
  return value_tensor(ir_input(c->b, k->var->name, k->type, &whole, ROLE_ARG, k->at), k->labels);
}

/* Opens a body: its inputs are the index and the carried values. */
static void enter(Check *c, LoopBody *l, Unit *unit, Builder *b, bool scans) {
  region_enter(c, unit, b, name_of(c->cx, scans ? "body" : "cond"));
  declare_index(c, l, unit, scans);
  l->entry = c->scope;
  for (int i = 0; i < l->carry.n; i++) {
    Carried *k = &l->carry.at[i];
    assign_value(c, k->var, carried_input(c, unit, k), k->var->span);
  }
}

static void run_body(Check *c, LoopBody *l) {
  if (++c->calls > MAX_CALLS && !c->gave_up) {
    fault(c, E0813, l->node->span, "more than %d calls and loops in one function", MAX_CALLS);
    c->gave_up = true;
  }
  enter(c, l, &l->unit, &l->b, true);
  const Scope *start = c->scope;
  l->collected.n = 0;
  l->unit.loop = l;
  eval_statements(c, l->body);
  for (int i = 0; i < l->carry.n; i++) {
    Carried *k = &l->carry.at[i];
    const Scope *s = var_entry(c->scope, k->var);
    k->assigned = s != var_entry(start, k->var);
    k->now = import_value(c, s->unit, s->value);
    k->now_at = s->span;
  }
  c->scope = l->outer;
}

/* ---- finding types and labels ---- */
static bool untyped_left(const LoopBody *l) {
  for (int i = 0; i < l->carry.n; i++)
    if (!l->carry.at[i].typed) return true;
  return false;
}

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

/* The labels that values have come to depend on; true when there are more. */
static bool adopt_labels(Check *c, LoopBody *l) {
  bool more = false;
  for (int i = 0; i < l->carry.n; i++) {
    Carried *k = &l->carry.at[i];
    const Labels *all = labels_union(c->cx, k->labels, value_labels(&k->now));
    more |= all->n != k->labels->n;
    k->labels = all;
  }
  return more;
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
    run_body(c, l);
    bool good = c->faults == faults && !c->gave_up;
    if (good && !adopt_labels(c, l)) return true;
    region_leave(c);
    if (!good) return false;
  }
}

/* ---- results ---- */
static bool output_carried(Check *c, Carried *k) {
  if (!k->assigned) return true;
  if (!expect_carried(c, k->var, &k->now, k->now_at)) return false;
  Value v =
      adapts(&k->now) ? to_type(c, k->now, k->type, k->now_at) : to_tensor(c, k->now, k->now_at);
  if (v.kind == V_POISON) return false;
  Shape s = tensor_shape(c->b, &v);
  if (ir_type(c->b, v.u.t.val) != k->type || !shape_eq(&s, &k->shape)) {
    fault_changes(c, k->var, type_text(c->cx, k->type, &k->shape), value_text(c->cx, c->b, &v),
                  k->now_at, " in the loop");
    return false;
  }
  ir_output(c->b, k->var->name, align(c, &v, k->labels, &s));
  return true;
}

static bool output_all(Check *c, LoopBody *l) {
  bool good = true;
  for (int i = 0; i < l->carry.n; i++) good = output_carried(c, &l->carry.at[i]) && good;
  for (int i = 0; i < l->collected.n; i++)
    ir_output(c->b, l->collected.at[i].name, l->collected.at[i].value.u.t.val);
  return good;
}

/* The condition as a body of its own, with the same index and carried values. */
static bool build_cond(Check *c, LoopBody *l) {
  Value v;
  enter(c, l, &l->cond_unit, &l->cond_b, false);
  bool good = eval_condition(c, l->cond, "while", &v);
  if (good) v = to_tensor(c, v, l->cond->span);
  if (good) ir_output(c->b, NULL, v.u.t.val);
  c->scope = l->outer;
  region_leave(c);
  if (good) l->cond_fn = ir_finish(&l->cond_b);
  return good;
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

static Val emit_loop(Check *c, LoopBody *l, int *ncarry) {
  RegionInputs scans = {0}, all = {0}, captured = {0};
  Fn *raw = ir_finish(&l->b);
  int *lead = NEWS(c->cx->arena, int, l->carry.n + 1), nlead = 1, n = 0;
  for (int i = 0; i < l->carry.n; i++)
    if (l->carry.at[i].assigned) lead[nlead++] = l->carry.at[i].number;
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
  Val *args = NEWS(c->cx->arena, Val, l->carry.n + all.n + 2);
  if (l->counted) args[n++] = l->steps;
  for (int i = 0; i < l->carry.n; i++)
    if (l->carry.at[i].assigned) args[n++] = l->carry.at[i].init;
  for (int i = 0; i < all.n; i++) args[n++] = all.at[i].outer;
  *ncarry = nlead - 1;
  return ir_loop(c->b, &loop, args, n);
}

/* Rows lie first in what is collected; labels belong there. */
static Value collected_value(Check *c, Val part, const Labels *labels) {
  int32_t perm[IR_MAX_RANK];
  int rank = ir_shape(c->b, part)->rank;
  for (int i = 0; i < rank; i++) perm[i] = i < labels->n ? i + 1 : i == labels->n ? 0 : i;
  return value_tensor(labels->n ? ir_permute(c->b, part, perm) : part, labels);
}

static void bind_results(Check *c, LoopBody *l) {
  int ncarry, part = 0;
  Val bundle = emit_loop(c, l, &ncarry);
  for (int i = 0; i < l->carry.n; i++) {
    const Carried *k = &l->carry.at[i];
    if (k->assigned)
      assign_value(c, k->var, value_tensor(ir_part(c->b, bundle, part++), k->labels), k->now_at);
  }
  for (int i = 0; i < l->collected.n; i++) {
    const Collected *y = &l->collected.at[i];
    Value v = collected_value(c, ir_part(c->b, bundle, part++), value_labels(&y->value));
    name_tensor(c, &v, y->name);
    c->scope = scope_add(c, c->scope, y->name, v, y->at);
  }
  if (!l->count) return;
  Value v = value_tensor(l->cond_fn ? ir_part(c->b, bundle, part) : l->steps, NULL);
  name_tensor(c, &v, l->count->name);
  c->scope = scope_add(c, c->scope, l->count->name, v, l->count->span);
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
    assign_value(c, k->var, v, k->now_at);
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
/* After an error: the names exist, and say nothing more. */
static void bind_poison(Check *c, LoopBody *l) {
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

static bool check_head(Check *c, LoopBody *l) {
  if (l->range && !for_range(c, l)) return false;
  if (!l->range) {
    if (!l->limit) return fault_limit(c, l, span_join(l->node->span, l->cond->span));
    if (!limit_value(c, l, l->limit)) return false;
  }
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
    if (!build_cond(c, l)) return false;
    region_resume(c, body);
  }
  bool good = output_all(c, l);
  region_leave(c);
  if (!good) return false;
  for (int i = 0; i < l->carry.n; i++) {
    Carried *k = &l->carry.at[i];
    k->init = align(c, &k->start, k->labels, &k->shape);
  }
  bind_results(c, l);
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
                  .outer = c->scope};
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
  if (!good) bind_poison(c, l);
  c->b->span = span;
  c->depth--;
}

/* ---- collecting ---- */
/* By the statements of the loop itself, done or still to come; those of inner loops are not names
 * here. */
static bool collects(const Node *n, Name name) {
  if (n->kind == NODE_COLLECT && n->name == name) return true;
  bool statements = n->kind == NODE_BLOCK || n->kind == NODE_CHOICE;
  for (int i = 0; statements && i < n->nkids; i++)
    if (n->kid[i] && collects(n->kid[i], name)) return true;
  return false;
}

bool is_collected(Check *c, Name name) {
  for (const Unit *u = c->unit; u->region; u = u->up)
    if (u->loop && collects(u->loop->body, name)) return true;
  return false;
}

static bool collected_before(const LoopBody *l, Name name) {
  for (int i = 0; i < l->collected.n; i++)
    if (l->collected.at[i].name == name) return true;
  return false;
}

static Diag *fault_collect(Check *c, const Node *n, const char *why) {
  return fault(c, E0217, n->span, "`%s[..] =` collects the values of a loop's steps: %s", n->name,
               why);
}

static bool may_collect(Check *c, const Node *n, const LoopBody *l) {
  const Scope *s = scope_find(c->scope, n->name);
  if (!l) {
    Diag *d = fault_collect(c, n,
                            c->unit->region ? "not under an `if` known at run time"
                                            : "outside of a loop there are none");
    if (c->unit->region)
      diag_hint(c->cx, d, "collect behind the `if` what it leaves in a variable");
    else if (s)
      diag_hint(c->cx, d,
                "elements of a tensor don't change; make a new one, as in `let y[i] = ..`");
    return false;
  }
  if (!l->range) {
    Diag *d = fault_collect(c, n, "`while` has no variable to index them");
    diag_hint(c->cx, d, "write `for t in 0..N while cond { .. }`");
    return false;
  }
  if (s || collected_before(l, n->name)) {
    Diag *d = fault_collect(c, n, s ? "the name must be new" : "and the name is collected already");
    if (s) diag_label(c->cx, d, s->span, "declared here");
    if (s && s->var) diag_hint(c->cx, d, "a variable is assigned as a whole: `%s = ..`", n->name);
    return false;
  }
  const Node *at = n->nkids == 2 ? n->kid[1] : NULL;
  bool same = at && at->kind == NODE_NAME && scope_find(c->scope, at->name) == l->entry;
  if (same) return true;
  Diag *d = fault_collect(c, n, "the index must be the loop's variable alone");
  diag_label(c->cx, d, l->node->name_span, "the loop's variable is `%s`", l->node->name);
  if (n->nkids > 2)
    diag_hint(c->cx, d, "collect a row in an inner loop, then `%s[%s] = row`", n->name,
              l->node->name);
  return false;
}

void eval_collect(Check *c, const Node *n) {
  LoopBody *l = c->unit->loop;
  Value v = eval_expr(c, n->kid[0]);
  if (!may_collect(c, n, l)) return;
  if (v.kind != V_POISON) v = to_tensor(c, v, n->kid[0]->span);
  if (v.kind == V_POISON) return;
  if (ir_shape(c->b, v.u.t.val)->rank == IR_MAX_RANK) {
    fault(c, E0812, n->span, "what is collected would have more than %d axes", IR_MAX_RANK);
    return;
  }
  name_tensor(c, &v, n->name);
  Collected y = {n->name, n->name_span, v};
  vec_push(c->cx->arena, &l->collected, y);
}
