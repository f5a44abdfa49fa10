/* program.c: what a file declares, and the interface of the front end (front.h). */
#include "front/check.h"

#include "base/embedded.h"
#include "front/rulebook.h"

/* ---- declarations by name ---- */
static uint32_t hash_name(Name name) {
  uint64_t h = (uint64_t)(uintptr_t)name * 0x9E3779B97F4A7C15u;
  return (uint32_t)(h >> 32);
}

static int32_t *map_slot(const Program *p, const DeclMap *m, Name name) {
  int32_t i = (int32_t)(hash_name(name) & (uint32_t)(m->cap - 1));
  while (m->slot[i] && p->decls.at[m->slot[i] - 1]->name != name) i = (i + 1) & (m->cap - 1);
  return &m->slot[i];
}

static void map_put(Program *p, DeclMap *m, int number) {
  if (4 * (m->n + 1) > 3 * m->cap) {
    DeclMap old = *m;
    m->cap = old.cap ? old.cap * 2 : 64;
    m->slot = NEWS(p->cx->arena, int32_t, m->cap);
    for (int i = 0; i < old.cap; i++)
      if (old.slot[i]) *map_slot(p, m, p->decls.at[old.slot[i] - 1]->name) = old.slot[i];
  }
  int32_t *slot = map_slot(p, m, p->decls.at[number]->name);
  m->n += !*slot;
  *slot = number + 1;
}

Decl *program_find(const Program *p, Name name, bool prelude) {
  const DeclMap *m = prelude ? &p->prelude : &p->user;
  int32_t number = m->cap ? *map_slot(p, m, name) : 0;
  Decl *d = number ? p->decls.at[number - 1] : NULL;
  return d && d->node ? d : NULL;
}

/* ---- functions and parameters by number ---- */
static void list_decl(Program *p, Decl *d) {
  if (!d->node || d->prelude) return;
  if (d->node->kind == NODE_FN) vec_push(p->cx->arena, &p->own.fn, d);
  if (d->node->kind == NODE_PARAM) vec_push(p->cx->arena, &p->own.param, d);
}

static const DeclLists *own_decls(Program *p) {
  if (p->own.version == p->version) return &p->own;
  p->own.fn.n = p->own.param.n = 0;
  for (int i = 0; i < p->decls.n; i++) list_decl(p, p->decls.at[i]);
  p->own.version = p->version;
  return &p->own;
}

/* ---- sizes that parameters fix ---- */
bool program_has_size(Program *p, Name name) {
  if (program_find(p, name, false)) return false;
  const DeclList *params = &own_decls(p)->param;
  for (int i = 0; i < params->n; i++)
    if (!params->at[i]->owner && ast_mentions(params->at[i]->node->kid[0], name)) return true;
  return false;
}

Dim program_size(const Program *p, Name name) {
  Dim d;
  return size_lookup(&p->defines, name, &d) ? d : dim_named(p->cx, name);
}

void front_define(Program *p, Name name, int64_t n) {
  size_bind(p->cx->arena, &p->defines, name, n);
}

static bool in_types(const Node *n, Name name) {
  if (!n) return false;
  if (n->kind == NODE_TYPE) return ast_mentions(n, name);
  for (int i = 0; i < n->nkids; i++)
    if (in_types(n->kid[i], name)) return true;
  return false;
}

bool front_has_size(Program *p, Name name) {
  for (int i = 0; i < p->decls.n; i++) {
    const Decl *d = p->decls.at[i];
    if (!d->node || d->prelude) continue;
    if (d->node->kind == NODE_CONST ? d->name == name : in_types(d->node, name)) return true;
  }
  return false;
}

/* ---- declaring ---- */
static bool arguments_are_good(Program *p, const Node *fn, int first) {
  bool good = fn->nkids - first <= MAX_ARGS;
  if (!good)
    diag(p->cx, E0812, fn->name_span, "`%s` has more than %d arguments", fn->name, MAX_ARGS);
  for (int i = first; i < fn->nkids; i++)
    for (int k = first; k < i; k++)
      if (fn->kid[i]->name == fn->kid[k]->name) {
        Diag *d = diag(p->cx, E0202, fn->kid[i]->span, "`%s` has two arguments called `%s`",
                       fn->name, fn->kid[i]->name);
        diag_label(p->cx, d, fn->kid[k]->span, "the first one");
        good = false;
      }
  return good;
}

/* `param` stands directly in a layer's body alone. */
static bool params_are_placed(Program *p, const Node *n, const Node *body) {
  bool good = true;
  for (int i = 0; i < n->nkids; i++) {
    const Node *k = n->kid[i];
    if (!k) continue;
    if (k->kind == NODE_PARAM && n != body) {
      Diag *d = diag(p->cx, E0218, k->span,
                     "a `%s` stands at the top level, or directly in a layer's body",
                     k->u.i ? "state" : "param");
      diag_hint(p->cx, d,
                k->u.i ? "inside a function `var` declares what it changes"
                       : "inside a function values are named by `let`");
      good = false;
    }
    good = params_are_placed(p, k, body) && good;
  }
  return good;
}

static void set_node(Program *p, Decl *d, const Node *n) {
  d->node = n;
  d->fn = NULL;
  if (n->kind != NODE_FN && n->kind != NODE_LAYER) return;
  FnValue *f = NEW(p->cx->arena, FnValue);
  *f = (FnValue){.kind = n->kind == NODE_FN ? FN_DECL : FN_LAYER,
                 .name = n->name,
                 .node = n,
                 .prelude = d->prelude};
  f->broken = !params_are_placed(p, n, f->kind == FN_LAYER ? n->kid[0]->kid[1] : NULL) ||
              !arguments_are_good(p, n, ast_fixed(n->kind)) ||
              (n->kind == NODE_LAYER && !arguments_are_good(p, n->kid[0], ast_fixed(NODE_FN)));
  const Node *body = n->kind == NODE_FN ? n->kid[1] : n->kid[0]->kid[1];
  f->broken = f->broken || body->kind == NODE_ERROR; /* its arguments may be lost, too */
  d->fn = f;
}

static Decl *add_decl(Program *p, Name name, const Node *n, bool prelude) {
  Decl *d = NEW(p->cx->arena, Decl);
  *d = (Decl){.name = name, .prelude = prelude, .round = p->round};
  vec_push(p->cx->arena, &p->decls, d);
  set_node(p, d, n);
  map_put(p, prelude ? &p->prelude : &p->user, p->decls.n - 1);
  bool listed = p->own.version == p->version;
  if (listed) list_decl(p, d);
  p->version++;
  if (listed) p->own.version = p->version;
  return d;
}

Decl *program_add(Program *p, Name name, const Node *n) { return add_decl(p, name, n, false); }

static void declare(Program *p, const Node *n, bool prelude) {
  Decl *old = program_find(p, n->name, prelude);
  if (old && old->round == p->round) {
    Diag *d = diag(p->cx, E0202, n->name_span, "`%s` is declared twice", n->name);
    diag_label(p->cx, d, old->node->name_span, "first here");
    return;
  }
  if (old && old->node->kind == n->kind) {
    set_node(p, old, n);
    old->round = p->round;
    return;
  }
  if (old) old->node = NULL, p->version++;
  add_decl(p, n->name, n, prelude);
}

/* A file that is read again brings its tests again. */
static void add_test(Program *p, const Node *test) {
  const char *path = p->cx->sources.at[test->span.source].path;
  for (int i = 0; i < p->tests.n; i++) {
    const Node *old = p->tests.at[i];
    bool again = old->name == test->name && old->span.source != test->span.source;
    if (!again || p->cx->sources.at[old->span.source].path != path) continue;
    p->tests.at[i] = test;
    return;
  }
  vec_push(p->cx->arena, &p->tests, test);
}

static void declare_all(Program *p, const Node *file, bool prelude) {
  p->round++;
  p->holes = false;
  for (int i = 0; i < p->decls.n; i++) /* made anew, with what is declared now */
    if (p->decls.at[i]->owner) p->decls.at[i]->node = NULL;
  p->version++;
  for (int i = 0; i < file->nkids; i++) {
    NodeKind k = file->kid[i]->kind;
    bool declares =
        k == NODE_PARAM || k == NODE_CONST || k == NODE_FN || k == NODE_LAYER || k == NODE_LET;
    p->holes |= k == NODE_ERROR;
    if (k == NODE_TEST) add_test(p, file->kid[i]);
    if (declares) declare(p, file->kid[i], prelude);
  }
  for (int i = 0; i < file->nkids; i++)
    if (file->kid[i]->kind == NODE_RULE) rule_declare(p, file->kid[i], prelude);
  for (int i = 0; i < p->decls.n; i++) { /* what was computed may depend on what was replaced */
    Decl *d = p->decls.at[i];
    if (!d->prelude) d->state = DECL_FRESH;
  }
}

void front_declare(Program *p, const Node *file) {
  declare_all(p, file, false);
  program_expand(p);
}

Program *front_new_bare(Cx *cx, bool rules) {
  Program *p = NEW(cx->arena, Program);
  p->cx = cx;
  p->rules = rules;
  return p;
}

Program *front_new(Cx *cx) {
  Program *p = front_new_bare(cx, false);
  int32_t source = cx_add_source(cx, "<prelude>", prelude_nn, prelude_nn_size, true);
  declare_all(p, ast_parse(cx, source), true);
  if (!cx->rules) cx->rules = rules_new(cx);
  return p;
}

/* ---- constants and parameters ---- */
Check check_begin(Program *p, Unit *unit, Builder *b) {
  unit->b = b;
  return (Check){.p = p, .cx = p->cx, .unit = unit, .b = b, .int_type = T_I32, .float_type = T_F64};
}

static Value const_typed(Check *c, const Node *n, Value v) {
  DType t;
  Shape s;
  if (!n->kid[0] || v.kind == V_POISON) return v;
  if (!resolve_type(c, n->kid[0], TYPE_RESULT, &t, &s)) return value_poison();
  Value x = to_type(c, v, t, n->kid[1]->span);
  if (x.kind == V_POISON) return x;
  Shape is = tensor_shape(c->b, &x);
  if (is.rank == 0 && s.rank) return value_tensor(align(c, &x, &no_labels, &s), NULL);
  if (shape_eq(&is, &s)) return x;
  Diag *d = fault(c, E0307, n->kid[1]->span, "the constant `%s` is %s, declared as %s", n->name,
                  value_text(c->cx, c->b, &x), type_text(c->cx, t, &s));
  diag_label(c->cx, d, n->kid[0]->span, "declared here");
  fault_axes(c, d, &is, &s, "declared as");
  return value_poison();
}

Value const_value(Check *c, Decl *d, Span at) {
  if (d->state == DECL_DONE) return d->value;
  if (d->state == DECL_FAILED) return value_poison();
  if (d->state == DECL_BUSY) {
    Diag *e =
        fault(c, E0208, d->node->name_span, "the constant `%s` is defined by itself", d->name);
    diag_label(c->cx, e, at, "used here");
    d->state = DECL_FAILED;
    return value_poison();
  }
  for (int i = 0; i < c->unit->consts.n; i++)
    if (c->unit->consts.at[i].decl == d) return c->unit->consts.at[i].value;
  int mute = c->mute;
  const char *many = states_refuse(c, "it is in the value of a constant");
  c->mute = 0; /* it is checked once: a trial must not hide its faults */
  Frame *outer = c->frame, frame = {.up = outer,
                                    .name = d->name,
                                    .prelude = d->prelude,
                                    .depth = outer ? outer->depth + 1 : 1};
  Scope *scope = c->scope;
  c->frame = &frame;
  c->scope = NULL;
  d->state = DECL_BUSY;
  Dim given;
  bool defined = !d->prelude && size_lookup(&c->p->defines, d->name, &given);
  Value v = const_typed(c, d->node, defined ? value_int(given) : eval_expr(c, d->node->kid[1]));
  c->frame = outer;
  c->scope = scope;
  c->mute = mute;
  c->many = many;
  bool failed = v.kind == V_POISON || d->state == DECL_FAILED;
  v.name = d->name, v.decl = d->node->name_span;
  d->value = v;
  d->state = failed ? DECL_FAILED : value_has_tensor(&v) ? DECL_FRESH : DECL_DONE;
  if (d->state == DECL_FRESH) vec_push(c->cx->arena, &c->unit->consts, ((UnitConst){d, v}));
  return failed ? value_poison() : v;
}

/* In an array of layers: an axis in front that counts them. */
static bool stack_param(Check *c, const Decl *d, ParamInfo *info) {
  const Instance *in = d->owner->instance;
  Shape all = {.rank = in->nlead + info->shape.rank};
  info->lead = in->nlead;
  info->pattern = name_fmt(c->cx, "%s.%s", in->pattern, d->node->name);
  if (all.rank > IR_MAX_RANK) {
    fault(c, E0812, d->node->span, "with the arrays it is in, `%s` has more than %d axes", d->name,
          IR_MAX_RANK);
    return false;
  }
  for (int i = 0; i < all.rank; i++)
    all.dim[i] = i < in->nlead ? in->lead[i] : info->shape.dim[i - in->nlead];
  info->shape = all;
  return check_count(c, &all, d->node->span);
}

const ParamInfo *param_info(Program *p, Decl *d) {
  if (d->state == DECL_DONE) return &d->param;
  if (d->state == DECL_FAILED) return NULL;
  Unit unit = {0};
  Builder b = ir_begin(p->cx, d->name);
  Check c = check_begin(p, &unit, &b);
  ParamInfo *info = &d->param;
  Frame frame;
  *info = (ParamInfo){.name = d->name,
                      .pattern = d->name,
                      .init = d->node->kid[1],
                      .span = d->node->name_span,
                      .state = decl_is_state(d)};
  if (d->owner) layer_enter(&c, d->owner, &frame);
  bool good = resolve_type(&c, d->node->kid[0], TYPE_PARAM, &info->type, &info->shape);
  if (good && d->owner) good = stack_param(&c, d, info);
  d->state = good ? DECL_DONE : DECL_FAILED;
  return good ? info : NULL;
}

Decl *program_param(Program *p, int i) {
  const DeclList *l = &own_decls(p)->param;
  return i >= 0 && i < l->n ? l->at[i] : NULL;
}

int front_param_count(Program *p) { return own_decls(p)->param.n; }
const ParamInfo *front_param(Program *p, int i) {
  Decl *d = program_param(p, i);
  return d ? param_info(p, d) : NULL;
}

int front_fn_count(Program *p) { return own_decls(p)->fn.n; }
const Node *front_fn_node(Program *p, int i) {
  const DeclList *l = &own_decls(p)->fn;
  return i >= 0 && i < l->n ? l->at[i]->node : NULL;
}

int front_test_count(const Program *p) { return p->tests.n; }
const Node *front_test_node(const Program *p, int i) { return p->tests.at[i]; }

Decl *program_fn(const Program *p, Name name) {
  Decl *d = program_find(p, name, false);
  if (!d) d = program_find(p, name, true);
  return d && d->node->kind == NODE_FN ? d : NULL;
}

const Node *front_fn_find(const Program *p, Name name) {
  Decl *d = program_fn(p, name);
  return d ? d->node : NULL;
}

/* ---- checking a whole program ---- */
static void check_const(Program *p, Decl *d) {
  Unit unit = {0};
  Builder b = ir_begin(p->cx, d->name);
  Check c = check_begin(p, &unit, &b);
  const_value(&c, d, d->node->span);
}

bool front_fn_is_complete(const Node *fn) {
  for (int i = 2; i < fn->nkids; i++)
    if (!fn->kid[i]->kid[0] && !fn->kid[i]->kid[1]) return false;
  return true;
}

/* A layer is checked where it has sizes. Of an array any element will do. */
static void check_instance(Program *p, const Decl *d) {
  if (d->state != DECL_DONE || d->value.kind != V_FN) return;
  FnValue *f = arena_copy(p->cx->arena, d->value.u.fn, sizeof *f);
  Value *first = NEWS(p->cx->arena, Value, IR_MAX_RANK);
  for (f->nat = 0; f->nat < f->instance->nlead; f->nat++) first[f->nat] = value_int(0);
  f->kind = FN_DECL;
  f->at = first;
  bool empty = false;
  for (int i = 0; i < f->nat; i++) empty |= f->instance->lead[i] == 0;
  if (!empty && front_fn_is_complete(f->node)) program_function(p, f);
}

/* All declarations, or those of the last call of front_declare alone. */
static void check_decls(Program *p, bool last) {
  int param = 0;
  for (int i = 0; i < p->decls.n; i++) {
    Decl *d = p->decls.at[i];
    if (!d->node || d->prelude) continue;
    int number = d->node->kind == NODE_PARAM ? param++ : 0;
    if (last && d->round != p->round) continue;
    switch (d->node->kind) {
    case NODE_CONST: check_const(p, d); break;
    case NODE_PARAM: front_param_init(p, number, 0); break;
    case NODE_FN:
      if (front_fn_is_complete(d->node)) front_function(p, d->name);
      break;
    case NODE_LET: check_instance(p, d); break;
    default: break;
    }
  }
}

bool front_check(Program *p) {
  if (p->holes) return false;
  check_decls(p, false);
  for (int i = 0; i < p->tests.n; i++) {
    TestPlan plan;
    front_test(p, p->tests.at[i], &plan);
  }
  return true;
}

void front_check_last(Program *p) { check_decls(p, true); }
