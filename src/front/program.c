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

/* ---- sizes that parameters fix ---- */
bool program_has_size(Program *p, Name name) {
  if (program_find(p, name, false)) return false;
  for (int i = 0; i < p->decls.n; i++) {
    const Decl *d = p->decls.at[i];
    if (d->node && !d->prelude && !d->owner && d->node->kind == NODE_PARAM &&
        ast_mentions(d->node->kid[0], name))
      return true;
  }
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
                     "a `param` stands at the top level, or directly in a layer's body");
      diag_hint(p->cx, d, "inside a function values are named by `let`");
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
  if (old) old->node = NULL;
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
  *info = (ParamInfo){
      .name = d->name, .pattern = d->name, .init = d->node->kid[1], .span = d->node->name_span};
  if (d->owner) layer_enter(&c, d->owner, &frame);
  bool good = resolve_type(&c, d->node->kid[0], TYPE_PARAM, &info->type, &info->shape);
  if (good && d->owner) good = stack_param(&c, d, info);
  d->state = good ? DECL_DONE : DECL_FAILED;
  return good ? info : NULL;
}

static Decl *nth(const Program *p, NodeKind kind, int n) {
  for (int i = 0; i < p->decls.n; i++) {
    Decl *d = p->decls.at[i];
    if (d->node && !d->prelude && d->node->kind == kind && n-- == 0) return d;
  }
  return NULL;
}

static int count(const Program *p, NodeKind kind) {
  int n = 0;
  while (nth(p, kind, n)) n++;
  return n;
}

int front_param_count(const Program *p) { return count(p, NODE_PARAM); }
const ParamInfo *front_param(Program *p, int i) {
  Decl *d = nth(p, NODE_PARAM, i);
  return d ? param_info(p, d) : NULL;
}
int front_fn_count(const Program *p) { return count(p, NODE_FN); }
const Node *front_fn_node(const Program *p, int i) {
  Decl *d = nth(p, NODE_FN, i);
  return d ? d->node : NULL;
}

int front_test_count(const Program *p) { return p->tests.n; }
const Node *front_test_node(const Program *p, int i) { return p->tests.at[i]; }

static Decl *find_fn(const Program *p, Name name) {
  Decl *d = program_find(p, name, false);
  if (!d) d = program_find(p, name, true);
  return d && d->node->kind == NODE_FN ? d : NULL;
}

const Node *front_fn_find(const Program *p, Name name) {
  Decl *d = find_fn(p, name);
  return d ? d->node : NULL;
}

/* ---- functions ---- */
static bool add_outputs(Check *c, const Value *v, Span at) {
  if (v->kind == V_TUPLE) {
    for (int i = 0; i < v->u.tuple.n; i++)
      if (!add_outputs(c, &v->u.tuple.item[i], at)) return false;
    return true;
  }
  Value x = to_tensor(c, *v, at);
  if (x.kind != V_POISON) ir_output(c->b, v->name, x.u.t.val);
  return x.kind != V_POISON;
}

static void add_nest(const Value *v, Text *out) {
  if (v->kind != V_TUPLE) {
    text_add(out, ".");
    return;
  }
  text_add(out, "(");
  for (int i = 0; i < v->u.tuple.n; i++) add_nest(&v->u.tuple.item[i], out);
  text_add(out, ")");
}

Fn *program_finish(Check *c, const Value *v, Span at) {
  if (v->kind == V_POISON || !add_outputs(c, v, at) || c->reported) return NULL;
  Fn *f = ir_finish(c->b);
  Text nest = text_new(c->cx->arena);
  add_nest(v, &nest);
  f->span = at;
  f->nest = text_str(&nest);
  return f;
}

/* The types of fn's arguments as declared, sizes standing for themselves. false: not all have one.
 */
static bool declared_types(Check *c, const FnValue *f, DType *types, Shape *shapes,
                           SizeBindings *sizes) {
  Frame frame = {.fn = f->node, .name = f->name, .prelude = f->prelude, .depth = 1};
  bool good = true;
  c->frame = &frame;
  if (f->instance) layer_enter(c, f, &frame);
  for (int i = 0; i < f->node->nkids - 2 && i < MAX_ARGS; i++) {
    const Node *arg = f->node->kid[2 + i];
    shapes[i] = (Shape){.rank = -1};
    if (!arg->kid[0] && arg->kid[1]) continue; /* its default */
    good = good && arg->kid[0] && resolve_type(c, arg->kid[0], TYPE_ARG, &types[i], &shapes[i]);
  }
  c->frame = NULL;
  c->scope = NULL;
  SizeBindings names = {0};
  for (int i = 0; good && i < f->node->nkids - 2 && i < MAX_ARGS; i++)
    for (int k = 0; k < shapes[i].rank; k++)
      dim_names(c->cx, shapes[i].dim[k], c->cx->arena, &names);
  for (int i = 0; i < names.list.n; i++) {
    Name name = names.list.at[i].name;
    size_bind(c->cx->arena, sizes, name, program_size(c->p, name));
  }
  for (int i = 0; good && i < f->node->nkids - 2 && i < MAX_ARGS; i++)
    for (int k = 0; k < shapes[i].rank; k++)
      shapes[i].dim[k] = dim_subst(c->cx, shapes[i].dim[k], sizes);
  return good;
}

/* f: what is called; decl: whose arguments it takes, f itself or what it is a derivative of. */
static Fn *instance(Check *c, const FnValue *f, const FnValue *decl, const DType *types,
                    const Shape *shapes, int n) {
  Call call = {.arg = NEWS(c->cx->arena, Arg, n + 1)};
  c->b->span = decl->node->name_span;
  for (int i = 0; i < n && i < decl->node->nkids - 2; i++) {
    const Node *arg = decl->node->kid[2 + i];
    if (shapes[i].rank < 0) continue;
    Val in = ir_input(c->b, arg->name, types[i], &shapes[i], ROLE_ARG, arg->span);
    Arg *a = &call.arg[call.n++];
    *a = (Arg){arg->name, arg->span, value_tensor(in, NULL)};
    a->value.name = arg->name, a->value.decl = arg->span;
  }
  Value v = call_fn(c, f, &call);
  return program_finish(c, &v, decl->node->span);
}

/* A name from outside of any source, such as the command line. */
static Fn *unknown_fn(Program *p, Name name) {
  Diag *d = diag(p->cx, E0201, (Span){0}, "there is no function `%s`", name);
  int n = front_fn_count(p);
  const char **names = NEWS(p->cx->arena, const char *, n + 1);
  for (int i = 0; i < n; i++) names[i] = front_fn_node(p, i)->name;
  const char *meant = closest_word(name, names, n);
  if (meant) diag_hint(p->cx, d, "did you mean `%s`?", meant);
  return NULL;
}

static Fn *typed_value(Program *p, const FnValue *value, const FnValue *f) {
  Unit unit = {0};
  Builder b = ir_begin(p->cx, value->name);
  Check c = check_begin(p, &unit, &b);
  DType types[MAX_ARGS];
  Shape shapes[MAX_ARGS];
  SizeBindings sizes = {0};
  int errors = diag_errors(p->cx);
  if (!declared_types(&c, f, types, shapes, &sizes)) {
    if (diag_errors(p->cx) == errors) {
      Diag *e = diag(p->cx, E0209, f->node->name_span,
                     "`%s` has arguments without types: it is a template", f->name);
      diag_hint(p->cx, e,
                "call it with values, or write types such as f32[N, 3] to all its arguments");
    }
    return NULL;
  }
  c.preset = &sizes;
  return instance(&c, value, f, types, shapes, MIN(f->node->nkids - 2, MAX_ARGS));
}

static Fn *typed_function(Program *p, const FnValue *f) { return typed_value(p, f, f); }

/* The declared function whose arguments a function takes; NULL where it takes others as well. */
static const FnValue *arguments_from(const FnValue *f) {
  while (f->kind == FN_DERIV && f->mode != DERIV_JVP && f->mode != DERIV_VJP) f = f->of;
  return f->kind == FN_DECL ? f : NULL;
}

Fn *front_function_value(Program *p, const Node *expr) {
  Unit unit = {0};
  Builder b = ir_begin(p->cx, name_of(p->cx, "function"));
  Check c = check_begin(p, &unit, &b);
  b.span = expr->span;
  Value v = eval_expr(&c, expr);
  if (v.kind == V_POISON) return NULL;
  const FnValue *decl = v.kind == V_FN ? arguments_from(v.u.fn) : NULL;
  if (decl) return typed_value(p, v.u.fn, decl);
  Diag *d =
      diag(p->cx, E0209, expr->span,
           v.kind == V_FN ? "`%s` has no arguments with types of its own" : "%s is no function",
           v.kind == V_FN ? v.u.fn->name : value_text(p->cx, &b, &v));
  diag_hint(p->cx, d, "declare a function that calls it: fn g(x: f32[N]) = ...");
  return NULL;
}

Fn *front_function(Program *p, Name name) {
  Decl *d = find_fn(p, name);
  return d ? typed_function(p, d->fn) : unknown_fn(p, name);
}

Fn *front_instance(Program *p, Name name, const DType *types, const Shape *shapes, int n) {
  Decl *d = find_fn(p, name);
  if (!d) return unknown_fn(p, name);
  Unit unit = {0};
  Builder b = ir_begin(p->cx, name);
  Check c = check_begin(p, &unit, &b);
  return instance(&c, d->fn, d->fn, types, shapes, n);
}

Fn *front_expr(Program *p, const Node *expr) {
  Unit unit = {0};
  Builder b = ir_begin(p->cx, name_of(p->cx, "expr"));
  Check c = check_begin(p, &unit, &b);
  b.span = expr->span;
  Value v = eval_expr(&c, expr);
  return program_finish(&c, &v, expr->span);
}

static int collect_results(Check *c, const Value *v, Val *out, int n, int max, Span at) {
  if (v->kind == V_TUPLE) {
    for (int i = 0; i < v->u.tuple.n; i++)
      n = collect_results(c, &v->u.tuple.item[i], out, n, max, at);
    return n;
  }
  Value x = to_tensor(c, *v, at);
  if (x.kind == V_TENSOR && n < max) out[n++] = x.u.t.val;
  return n;
}

int front_call(Program *p, Builder *b, Name name, const Val *args, const Name *names, int n,
               Val *out, int max, Span at) {
  Decl *d = find_fn(p, name);
  if (!d) return 0;
  Unit unit = {0};
  Check c = check_begin(p, &unit, b);
  Call call = {.n = n, .arg = NEWS(p->cx->arena, Arg, n + 1), .span = at};
  for (int i = 0; i < n; i++)
    call.arg[i] = (Arg){names ? names[i] : NULL, at, value_tensor(args[i], NULL)};
  Value v = call_fn(&c, d->fn, &call);
  return collect_results(&c, &v, out, 0, max, at);
}

/* ---- initial values ---- */
/* A key per parameter: the finaliser of splitmix64 (Steele, Lea, Flood 2014) over seed and
 * position. */
static int64_t init_key(int64_t seed, int position) {
  uint64_t z = (uint64_t)seed + 0x9E3779B97F4A7C15u * (uint64_t)(position + 1);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return (int64_t)((z ^ (z >> 31)) >> 33);
}

static bool has_argument(const FnValue *f, Name name) {
  for (int i = 2; i < f->node->nkids; i++)
    if (f->node->kid[i]->name == name) return true;
  return false;
}

static void add_argument(Check *c, const FnValue *f, Call *call, const char *word, Value v) {
  Name name = name_of(c->cx, word);
  for (int i = 0; i < call->n; i++)
    if (call->arg[i].name == name) return;
  if (has_argument(f, name)) call->arg[call->n++] = (Arg){name, call->span, v};
}

/* `~ f(args)` calls f(args, shape: .., key: ..) where f has such arguments. */
static Value init_value(Check *c, const ParamInfo *info, const Shape *shape, Value key) {
  const Node *n = info->init, *callee = n->kind == NODE_CALL ? n->kid[0] : n;
  Value f = callee->kind == NODE_NAME ? eval_expr(c, callee) : value_poison();
  if (f.kind != V_FN || f.u.fn->kind != FN_DECL) return eval_expr(c, n);
  Call call = {.span = n->span, .name_span = callee->span};
  if (n->kind == NODE_CALL && !eval_args(c, n, &call)) return value_poison();
  Arg *more = NEWS(c->cx->arena, Arg, call.n + 2);
  if (call.n) memcpy(more, call.arg, (size_t)call.n * sizeof *more);
  call.arg = more;
  Value dims[IR_MAX_RANK];
  for (int i = 0; i < shape->rank; i++) dims[i] = value_size(shape->dim[i]);
  add_argument(c, f.u.fn, &call, "shape", value_tuple(c->cx, dims, shape->rank));
  add_argument(c, f.u.fn, &call, "key", key);
  return call_fn(c, f.u.fn, &call);
}

/* One label per array of layers that the parameter is in: the initial value is computed for all
 * elements at once, as in index notation. Each has a key of its own, first + its number. */
static const Labels *element_labels(Check *c, const ParamInfo *info, int64_t first, Value *key) {
  Labels *all = NEW(c->cx->arena, Labels);
  Affine a = {.off = first, .den = 1, .n = info->lead};
  Dim stride = 1;
  for (int i = info->lead - 1; i >= 0; i--) {
    Label *l = NEW(c->cx->arena, Label);
    *l = (Label){.name = name_of(c->cx, "layer"),
                 .span = info->span,
                 .order = i + 1,
                 .known = true,
                 .given = true,
                 .extent = info->shape.dim[i],
                 .why = info->span};
    all->at[i] = l;
    a.term[i] = (AffineTerm){l, stride};
    stride = dim_mul(c->cx, stride, l->extent);
  }
  c->labels = all->n = info->lead;
  *key = value_affine(c->cx, &a);
  return all;
}

Fn *front_param_init(Program *p, int i, int64_t seed) {
  Decl *decl = nth(p, NODE_PARAM, i);
  const ParamInfo *info = front_param(p, i);
  if (!info) return NULL;
  Unit unit = {0};
  Frame frame;
  Builder b = ir_begin(p->cx, info->name);
  Check c = check_begin(p, &unit, &b);
  if (decl->owner) layer_enter(&c, decl->owner, &frame);
  Span at = info->init ? info->init->span : info->span;
  b.span = at;
  int64_t k = init_key(seed, i);
  Value key = value_int(k);
  const Labels *labels = info->lead ? element_labels(&c, info, k >> 1, &key) : &no_labels;
  Shape want = {.rank = info->shape.rank - info->lead};
  for (int d = 0; d < want.rank; d++) want.dim[d] = info->shape.dim[info->lead + d];
  Value v = info->init ? init_value(&c, info, &want, key) : value_int(0);
  if (v.kind != V_POISON) v = cast_value(&c, v, info->type, at);
  if (v.kind == V_POISON) return NULL;
  Shape is = tensor_shape(&b, &v), all;
  if (!broadcast_dims(&is, &want, &all) || !shape_eq(&all, &want)) {
    Diag *d = fault(&c, E0307, at, "the initial value is %s, and `%s` is %s",
                    value_text(c.cx, &b, &v), info->name, type_text(c.cx, info->type, &want));
    diag_label(c.cx, d, info->span, "declared here");
    fault_axes(&c, d, &is, &want, "declared as");
    return NULL;
  }
  v = value_tensor(align(&c, &v, labels, &want), NULL);
  return program_finish(&c, &v, at);
}

/* ---- checking a whole program ---- */
static void check_const(Program *p, Decl *d) {
  Unit unit = {0};
  Builder b = ir_begin(p->cx, d->name);
  Check c = check_begin(p, &unit, &b);
  const_value(&c, d, d->node->span);
}

static bool is_complete(const Node *fn) {
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
  if (!empty && is_complete(f->node)) typed_function(p, f);
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
      if (is_complete(d->node)) front_function(p, d->name);
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
