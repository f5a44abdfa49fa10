/* layer.c: layers. In: `let up = linear(64, 32)` and `let blocks = [mlp(128, 512); 6]`, at the top
 * level or in a layer's body. Out: instances, functions with parameters of their own, which are
 * declared under their paths (up.W, blocks.up.W) like any parameter of the program.
 *
 * An instance is made once, when the program is declared; its layer's sizes are compile-time
 * values, a scope of its own. Elements of an array share one instance: their parameters are stacked
 * along an axis in front, and an element is the instance together with a number or a loop's
 * variable. A loop over the array so scans the stacked parameters, whatever their number. */
#include "front/check.h"

enum { MAX_INSTANCES = 20000 };

typedef struct Place { /* what an instance about to be made will be */
  const Instance *up;
  Name path, pattern;
  int32_t nlead;
  Dim lead[IR_MAX_RANK];
} Place;

static Value make(Check *c, const Node *n, Place *place);

void layer_enter(Check *c, const FnValue *self, Frame *frame) {
  *frame = (Frame){.up = c->frame,
                   .name = self->name,
                   .prelude = self->prelude,
                   .depth = c->frame ? c->frame->depth + 1 : 1,
                   .self = self};
  c->frame = frame;
  c->scope = self->instance->scope;
}

/* ---- members ---- */
static const Member *find_member(const Instance *in, Name name) {
  for (int i = 0; i < in->members.n; i++)
    if (in->members.at[i].name == name) return &in->members.at[i];
  return NULL;
}

const Member *layer_statement(const Check *c, const Node *n) {
  const FnValue *self = c->frame ? c->frame->self : NULL;
  for (int i = 0; self && i < self->instance->members.n; i++)
    if (self->instance->members.at[i].node == n) return &self->instance->members.at[i];
  return NULL;
}

static Value as_value(Check *c, const FnValue *f, const Value *at, int nat) {
  FnValue *g = arena_copy(c->cx->arena, f, sizeof *f);
  g->at = at, g->nat = nat;
  g->kind = nat < f->instance->nlead ? FN_LAYERS : FN_DECL;
  return value_fn(g);
}

/* What stands behind star number n of a pattern, without further ones. */
static Name behind_star(Check *c, const char *pattern, int n) {
  Text t = text_new(c->cx->arena);
  for (; *pattern && n; pattern++) n -= *pattern == '*';
  for (; *pattern; pattern++)
    if (!strncmp(pattern, ".*", 2)) pattern++;
    else text_add_n(&t, pattern, 1);
  return text_str(&t);
}

Name layer_prefix(Check *c, const FnValue *f) {
  const Value *last = f->nat ? &f->at[f->nat - 1] : NULL;
  if (!last || last->kind != V_AFFINE) return f->instance->path;
  return name_fmt(c->cx, "%s%s", last->u.affine->term[0].label->name,
                  behind_star(c, f->instance->pattern, f->nat));
}

Decl *layer_param(const FnValue *f, Name name) {
  const Member *m = find_member(f->instance, name);
  return m ? m->param : NULL;
}

bool layer_has(const FnValue *f, Name name) { return find_member(f->instance, name) != NULL; }

/* Whether the loop that picks is in the function under construction; numbers always are. */
static bool in_reach(Check *c, const Value *at) {
  if (at->kind != V_AFFINE) return true;
  const Unit *u = c->unit;
  while (u->region && u != at->u.affine->term[0].label->loop) u = u->up;
  return u == at->u.affine->term[0].label->loop;
}

const FnValue *layer_outside(Check *c, const FnValue *f) {
  int n = 0;
  for (int i = 0; i < f->nat && unit_home(c)->up; i++)
    if (!in_reach(c, &f->at[i])) n = i + 1;
  return n ? as_value(c, f, f->at, n).u.fn : NULL;
}

Name layer_state_name(Check *c, const FnValue *outside, const Decl *d) {
  return outside ? name_fmt(c->cx, "%s.%s", layer_prefix(c, outside), d->node->name) : d->name;
}

static Value element_param(Check *c, const FnValue *f, Decl *d, Unit **home);

/* The parameter of an element that a loop around this function picks: an input of the function, as
 * its parameters are, whose operand is the slice there. */
static Value outer_element(Check *c, const FnValue *f, Decl *d, Unit *home) {
  Unit *unit = c->unit, *at;
  for (int i = 0; i < f->nat; i++)
    if (f->at[i].kind == V_AFFINE && in_reach(c, &f->at[i])) {
      fault(c, E0502, c->b->span,
            "an element of `%s` is picked by a loop inside of a derivative or checkpoint, and "
            "behind that by one outside",
            f->name);
      return value_poison();
    }
  region_resume(c, home->up);
  Value outer = element_param(c, f, d, &at);
  outer = import_value(c, at, outer);
  region_resume(c, unit);
  if (outer.kind == V_POISON) return outer;
  for (int i = 0; i < home->captures.n; i++)
    if (home->captures.at[i].outer == outer.u.t.val)
      return value_tensor(home->captures.at[i].inner, value_labels(&outer));
  const Labels *labels = value_labels(&outer), *all = labels;
  Shape s = tensor_shape(home->up->b, &outer), whole = *ir_shape(home->up->b, outer.u.t.val);
  DType t = ir_type(home->up->b, outer.u.t.val);
  Name name = name_fmt(c->cx, "%s.%s", layer_prefix(c, f), d->node->name);
  bool state = decl_is_state(d);
  if (home->deriv && home->batch && !state && deriv_wants(home->deriv, name) && type_is_float(t)) {
    all = labels_union(c->cx, labels, home->batch);
    region_resume(c, home->up);
    outer.u.t.val = align(c, &outer, all, &s);
    whole = *ir_shape(c->b, outer.u.t.val);
    region_resume(c, unit);
  }
  Val in = ir_input(home->b, name, t, &whole, state ? ROLE_STATE : ROLE_PARAM, d->node->name_span);
  Capture taken = {outer.u.t.val, in, (int32_t)ir_ins(home->b, in)->u.i, false};
  vec_push(c->cx->arena, &home->captures, taken);
  Value v = value_tensor(in, all);
  v.name = name, v.decl = d->node->name_span;
  return v;
}

static Value element_param(Check *c, const FnValue *f, Decl *d, Unit **home) {
  const FnValue *outside = layer_outside(c, f);
  int picked = outside ? outside->nat : 0;
  Value v, x = value_poison();
  bool state = decl_is_state(d);
  if (!state || !state_now(c, d, layer_state_name(c, outside, d), home, &v)) {
    *home = unit_home(c);
    v = outside ? outer_element(c, outside, d, *home) : home_param(c, d);
  }
  if (v.kind == V_POISON || f->nat == picked) return v;
  if (!region_pick(c, *home, v, f->at + picked, f->nat - picked, &x))
    x = layer_row(c, f, picked, import_value(c, *home, v));
  *home = c->unit;
  return x;
}

bool layer_member(Check *c, const FnValue *f, Name name, Unit **home, Value *out) {
  const Member *m = find_member(f->instance, name);
  if (!m) return false;
  *home = c->unit;
  if (m->param) *out = element_param(c, f, m->param, home);
  else
    *out = m->value.kind == V_FN && m->value.u.fn->instance->up == f->instance
               ? as_value(c, m->value.u.fn, f->at, f->nat)
               : m->value;
  return true;
}

Name dotted_name(Check *c, const Node *n) {
  if (n->kind == NODE_NAME) return n->name;
  Name base = n->kind == NODE_MEMBER ? dotted_name(c, n->kid[0]) : NULL;
  return base ? name_fmt(c->cx, "%s.%s", base, n->name) : NULL;
}

static bool is_local(Check *c, const Node *n) {
  while (n->kind == NODE_MEMBER) n = n->kid[0];
  const FnValue *self = c->frame ? c->frame->self : NULL;
  const Scope *s = n->kind == NODE_NAME ? scope_find(c->scope, n->name) : NULL;
  return (s && s->value.kind == V_FN) ||
         (self && n->kind == NODE_NAME && find_member(self->instance, n->name));
}

Value eval_member(Check *c, const Node *n) {
  Name path = is_local(c, n) ? NULL : dotted_name(c, n);
  Decl *d = path ? program_find(c->p, path, false) : NULL;
  if (d && d->node->kind == NODE_PARAM) return unit_param(c, d);
  Value base = eval_expr(c, n->kid[0]), v;
  if (base.kind == V_POISON) return base;
  if (base.kind != V_FN || !base.u.fn->instance) {
    Diag *e = fault(c, E0203, n->kid[0]->span, "this is %s, which has no parts with names",
                    value_text(c->cx, c->b, &base));
    fault_declared(c, e, &base);
    if (!habit_hint(c, e, HABIT_MEMBER, n->name))
      diag_hint(c->cx, e, "a function stands before its arguments: %s(..)", n->name);
    return value_poison();
  }
  Unit *home;
  if (layer_member(c, base.u.fn, n->name, &home, &v)) return import_value(c, home, v);
  const Instance *in = base.u.fn->instance;
  const char **names = NEWS(c->cx->arena, const char *, in->members.n + 1);
  for (int i = 0; i < in->members.n; i++) names[i] = in->members.at[i].name;
  Diag *e = fault(c, E0201, n->name_span, "`%s` has no parameter or layer `%s`", base.u.fn->name,
                  n->name);
  suggest(c, e, n->name, names, in->members.n);
  return value_poison();
}

/* ---- elements of arrays ---- */
Value layer_pick(Check *c, const FnValue *f, Value at) {
  Value *all = NEWS(c->cx->arena, Value, f->nat + 1);
  for (int i = 0; i < f->nat; i++) all[i] = f->at[i];
  all[f->nat] = at;
  return as_value(c, f, all, f->nat + 1);
}

Value index_layers(Check *c, const Node *n, const FnValue *f) {
  Dim count = f->instance->lead[f->nat], lo, hi;
  const Node *at = n->nkids == 2 ? n->kid[1] : NULL;
  bool plain = at && at->kind != NODE_SLICE && at->kind != NODE_ELLIPSIS;
  Value v = plain ? eval_expr(c, at) : value_poison();
  if (plain && v.kind == V_POISON) return v;
  Affine a;
  bool loop = value_is_loop_number(&v) && affine_of_value(&v, &a) && a.n == 1 && a.den == 1;
  if (v.kind != V_INT && !loop) {
    Diag *d = fault(c, E0502, n->span,
                    "an element of `%s` is picked by one integer known at compile time, or by the "
                    "variable of a `for`",
                    f->name);
    diag_hint(c->cx, d, "all of them: `for layer in %s { .. }`", f->name);
    return value_poison();
  }
  if (v.kind == V_INT && v.u.i < 0) v.u.i += count;
  bool inside = loop ? affine_interval(c->cx, &a, NULL, &lo, &hi) && dim_le(c->cx, 0, lo) == 1 &&
                           dim_le(c->cx, dim_add(c->cx, hi, 1), count) == 1
                     : v.u.i >= 0 && v.u.i < count;
  if (inside) return layer_pick(c, f, v);
  fault(c, E0503, at->span, "this index is outside of `%s`, which has %lld layer%s", f->name,
        (long long)count, count == 1 ? "" : "s");
  return value_poison();
}

bool expect_layers(Check *c, const Node *n, const FnValue **out) {
  Value v = eval_expr(c, n);
  if (v.kind == V_POISON) return false;
  if (v.kind == V_FN && v.u.fn->kind == FN_LAYERS) return *out = v.u.fn, true;
  Diag *d = fault(c, E0321, n->span, "`for` goes over a range or an array of layers, not over %s",
                  value_text(c->cx, c->b, &v));
  fault_declared(c, d, &v);
  if (v.kind == V_TENSOR)
    diag_hint(c->cx, d, "go over its indices: `for t in 0..size(x, 0)`, and `x[t]`");
  else if (value_is_untyped(&v)) diag_hint(c->cx, d, "a range is written `0..n`");
  return false;
}

Value call_layer(Check *c, const FnValue *f, const Call *call) {
  bool array = f->kind == FN_LAYERS;
  Diag *d = fault(c, E0218, call->span,
                  array ? "`%s` is an array of layers"
                        : "the layer `%s` has no parameters here: an instance of it has",
                  f->name);
  if (array)
    diag_hint(c->cx, d, "apply one after the other: `for layer in %s { x = layer(x) }`", f->name);
  else
    diag_hint(c->cx, d,
              "make one with `let`, at the top level or directly in a layer: `let up = %s(..)`",
              f->name);
  return value_poison();
}

/* ---- making instances ---- */
static bool is_layer_name(Check *c, const Node *n) {
  if (n->kind != NODE_NAME) return false;
  const Scope *s = scope_find(c->scope, n->name);
  if (s) return s->value.kind == V_FN && s->value.u.fn->kind == FN_LAYER;
  bool prelude = c->frame && c->frame->prelude;
  Decl *d = prelude ? NULL : program_find(c->p, n->name, false);
  if (!d) d = program_find(c->p, n->name, true);
  return d && d->node->kind == NODE_LAYER;
}

static bool makes_instance(Check *c, const Node *value) {
  return value->kind == NODE_REPEAT ||
         (value->kind == NODE_CALL && is_layer_name(c, value->kid[0]));
}

static bool is_new_name(Check *c, const Instance *in, const Node *n) {
  const Member *m = find_member(in, n->name);
  const Scope *s = scope_find(in->scope, n->name);
  const Node *fn = in->layer->node->kid[0];
  Span first = m ? m->node->name_span : s ? s->span : (Span){0};
  for (int i = ast_fixed(NODE_FN); i < fn->nkids; i++)
    if (fn->kid[i]->name == n->name) first = fn->kid[i]->span;
  if (!first.source) return true;
  Diag *d = fault(c, E0202, n->name_span, "`%s` is declared twice in the layer `%s`", n->name,
                  in->layer->name);
  diag_label(c->cx, d, first, "first here");
  return false;
}

static bool add_param(Check *c, const FnValue *self, Instance *in, const Node *n) {
  Name name = name_fmt(c->cx, "%s.%s", in->path, n->name);
  Decl *old = program_find(c->p, name, false);
  if (!is_new_name(c, in, n)) return false;
  if (old) {
    Diag *d = fault(c, E0202, n->name_span, "there are two parameters `%s`", name);
    diag_label(c->cx, d, old->node->name_span, "first here");
    return false;
  }
  Decl *d = program_add(c->p, name, n);
  d->owner = self;
  Member m = {.name = n->name, .node = n, .param = d};
  vec_push(c->cx->arena, &in->members, m);
  return true;
}

static bool add_inner(Check *c, Instance *in, const Node *n) {
  Place place = {.up = in,
                 .path = name_fmt(c->cx, "%s.%s", in->path, n->name),
                 .pattern = name_fmt(c->cx, "%s.%s", in->pattern, n->name),
                 .nlead = in->nlead};
  memcpy(place.lead, in->lead, sizeof place.lead);
  if (!is_new_name(c, in, n)) return false;
  Member m = {.name = n->name, .node = n, .value = make(c, n->kid[0], &place)};
  vec_push(c->cx->arena, &in->members, m);
  return m.value.kind != V_POISON;
}

static bool add_members(Check *c, const FnValue *self, Instance *in) {
  const Node *body = in->layer->node->kid[0]->kid[1];
  bool good = true;
  for (int i = 0; body->kind == NODE_BLOCK && i < body->nkids && good && !c->gave_up; i++) {
    const Node *s = body->kid[i];
    if (s->kind == NODE_PARAM) good = add_param(c, self, in, s);
    if (s->kind == NODE_LET && makes_instance(c, s->kid[0])) good = add_inner(c, in, s);
  }
  return good;
}

/* The layer's sizes, by position and name, as a scope. */
static bool bind_sizes(Check *c, const FnValue *f, const Call *call) {
  const Node *node = f->node;
  int first = ast_fixed(NODE_LAYER), n = MIN(node->nkids - first, MAX_ARGS), slot[MAX_ARGS];
  Name names[MAX_ARGS] = {0};
  for (int i = 0; i < n; i++) names[i] = node->kid[first + i]->name;
  if (!bind_slots(c, f->name, names, n, call, slot)) return false;
  c->scope = NULL;
  for (int i = 0; i < n; i++) {
    const Node *arg = node->kid[first + i];
    if (slot[i] < 0 && !arg->kid[1]) {
      Diag *d = fault(c, E0204, call->span, "this instance of `%s` lacks the argument `%s`",
                      f->name, names[i]);
      diag_label(c->cx, d, arg->span, "declared here");
      return false;
    }
    Value v = slot[i] >= 0 ? call->arg[slot[i]].value : eval_expr(c, arg->kid[1]);
    Span at = slot[i] >= 0 ? call->arg[slot[i]].span : arg->span;
    if (v.kind == V_POISON) return false;
    if (value_has_tensor(&v) || arg->kid[0]) {
      Diag *d = fault(c, E0218, arg->kid[0] ? arg->kid[0]->span : at,
                      "what a layer is made with is known at compile time%s",
                      arg->kid[0] ? ", and has no type" : "");
      diag_note(c->cx, d,
                "sizes, numbers, functions, layers and tuples of these; tensors are arguments of "
                "the call");
      return false;
    }
    c->scope = scope_add(c, c->scope, names[i], v, arg->name_span);
  }
  return true;
}

static bool may_make(Check *c, const FnValue *f, const Call *call, const Place *place) {
  for (const Instance *up = place->up; up; up = up->up)
    if (up->layer->node == f->node) {
      fault(c, E0207, call->span, "the layer `%s` contains itself", f->name);
      return false;
    }
  if (++c->p->instances <= MAX_INSTANCES) return true;
  fault(c, E0813, call->span, "more than %d instances of layers", MAX_INSTANCES);
  c->gave_up = true;
  return false;
}

static Value make_instance(Check *c, const FnValue *f, const Call *call, const Place *place) {
  if (f->broken || !may_make(c, f, call, place)) return value_poison();
  Instance *in = NEW(c->cx->arena, Instance);
  FnValue *self = NEW(c->cx->arena, FnValue);
  *in = (Instance){.up = place->up,
                   .layer = f,
                   .made = call->span,
                   .path = place->path,
                   .pattern = place->pattern,
                   .nlead = place->nlead};
  memcpy(in->lead, place->lead, sizeof in->lead);
  *self = (FnValue){.kind = FN_DECL,
                    .name = place->path,
                    .node = f->node->kid[0],
                    .prelude = f->prelude,
                    .instance = in};
  Frame *outer = c->frame, frame;
  Scope *scope = c->scope;
  layer_enter(c, self, &frame);
  frame.call = call->span;
  bool good = bind_sizes(c, f, call);
  in->scope = c->scope;
  good = good && add_members(c, self, in);
  c->frame = outer;
  c->scope = scope;
  return good ? as_value(c, self, NULL, 0) : value_poison();
}

static bool repeat(Check *c, const Node *n, Place *place) {
  Value v = eval_expr(c, n->kid[1]);
  Dim count;
  if (!expect_dim(c, &v, n->kid[1]->span, "the length of an array of layers", &count)) return false;
  if (!dim_is_number(count) || count < 0 || place->nlead == IR_MAX_RANK) {
    Diag *d =
        fault(c, E0511, n->kid[1]->span, "the length of an array of layers is a number from 0 on");
    if (!dim_is_number(count))
      diag_hint(c->cx, d, "declare it: `const n = ..`, which -D can change");
    return false;
  }
  place->pattern = name_fmt(c->cx, "%s.*", place->pattern);
  place->lead[place->nlead++] = count;
  return true;
}

static Value make(Check *c, const Node *n, Place *place) {
  if (n->kind == NODE_ERROR) return value_poison();
  if (n->kind == NODE_REPEAT)
    return repeat(c, n, place) ? make(c, n->kid[0], place) : value_poison();
  if (n->kind == NODE_CALL && is_layer_name(c, n->kid[0])) {
    Value f = eval_expr(c, n->kid[0]);
    Call call;
    if (f.kind != V_FN || !eval_args(c, n, &call)) return value_poison();
    return make_instance(c, f.u.fn, &call, place);
  }
  Value v = eval_expr(c, n);
  bool repeated = place->nlead > (place->up ? place->up->nlead : 0);
  if (v.kind == V_POISON || (v.kind == V_FN && v.u.fn->instance && !repeated)) return v;
  Diag *d = fault(c, E0218, n->span, "this is %s, not a new instance of a layer",
                  value_text(c->cx, c->b, &v));
  if (v.kind == V_FN && v.u.fn->kind == FN_LAYER)
    diag_hint(c->cx, d, "give its sizes: %s(..)", v.u.fn->name);
  else if (!place->up && !repeated)
    diag_hint(c->cx, d, "values outside of functions are declared by `const`");
  return value_poison();
}

/* ---- declarations ---- */
Value instance_value(Check *c, Decl *d, Span at) {
  if (d->state == DECL_DONE) return d->value;
  if (d->state == DECL_FAILED) return value_poison();
  if (d->state == DECL_BUSY) {
    Diag *e = fault(c, E0208, d->node->name_span, "`%s` is defined by itself", d->name);
    diag_label(c->cx, e, at, "used here");
    return value_poison();
  }
  Unit unit = {0};
  Builder b = ir_begin(c->cx, d->name);
  Check own = check_begin(c->p, &unit, &b);
  Place place = {.path = d->name, .pattern = d->name};
  d->state = DECL_BUSY;
  d->value = make(&own, d->node->kid[0], &place);
  d->state = d->value.kind == V_POISON ? DECL_FAILED : DECL_DONE;
  c->gave_up |= own.gave_up;
  return d->value;
}

void program_expand(Program *p) {
  Unit unit = {0};
  Builder b = ir_begin(p->cx, NULL);
  Check c = check_begin(p, &unit, &b);
  p->instances = 0;
  for (int i = 0; i < p->decls.n && !c.gave_up; i++) {
    Decl *d = p->decls.at[i];
    if (d->node && !d->prelude && d->node->kind == NODE_LET) instance_value(&c, d, d->node->span);
  }
}
