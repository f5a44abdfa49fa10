/* scope.c: what a name means, and the making of diagnostics that point at the user's line. */
#include "front/check.h"

#include <math.h>

Scope *scope_add(Check *c, Scope *up, Name name, Value v, Span at) {
  Scope *s = NEW(c->cx->arena, Scope);
  if (v.kind != V_POISON && v.kind != V_FN) v.name = name, v.decl = at;
  *s = (Scope){.up = up, .name = name, .value = v, .span = at, .unit = c->unit};
  return s;
}

const Scope *scope_find(const Scope *s, Name name) {
  while (s && s->name != name) s = s->up;
  return s;
}

/* ---- diagnostics ---- */
static bool in_prelude(Check *c, Span at) {
  return at.source > 0 && at.source < c->cx->sources.n && c->cx->sources.at[at.source].prelude;
}

/* What the user's line gives to a function of the prelude. */
static void label_arguments(Check *c, Diag *d, const Frame *f) {
  enum { MOST = 4 };
  if (!f || !f->args || f->args->n > MOST) return;
  for (int i = 0; i < f->args->n; i++) {
    const Arg *a = &f->args->arg[i];
    if (a->value.kind != V_TENSOR || in_prelude(c, a->span)) continue;
    diag_label(c->cx, d, a->span, "%s", value_text(c->cx, f->b, &a->value));
    if (a->value.name && !in_prelude(c, a->value.decl) && a->value.decl.source)
      diag_label(c->cx, d, a->value.decl, "`%s` is declared here", a->value.name);
  }
}

Diag *fault(Check *c, DiagCode code, Span at, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  Text t = text_new(c->cx->arena);
  text_vfmt(&t, fmt, ap);
  va_end(ap);
  const Frame *f = c->frame;
  bool within = in_prelude(c, at);
  Span place = at;
  Name callee = NULL;
  for (; within && f; f = f->up) { /* the call in the user's text that led into the prelude */
    if (!f->call.source) continue;
    place = f->call, callee = f->name;
    if (!in_prelude(c, f->call)) break;
  }
  c->faults++;
  if (c->mute) return NEW(c->cx->arena, Diag); /* nobody sees it */
  c->reported++;
  Diag *d = callee ? diag(c->cx, code, place, "in `%s`: %s", callee, text_str(&t))
                   : diag(c->cx, code, place, "%s", text_str(&t));
  if (callee) label_arguments(c, d, f);
  if (callee) diag_label(c->cx, d, at, "here in the prelude");
  int shown = 0;
  for (f = within && f ? f->up : f; f && shown < 4; f = f->up)
    if (f->call.source && !in_prelude(c, f->call)) {
      diag_label(c->cx, d, f->call, "in this call of `%s`", f->name);
      shown++;
    }
  return d;
}

/* The type of the argument declared there, as it is written; "" where there is none. */
static const char *written_type(Check *c, Span decl) {
  for (const Frame *f = c->frame; f; f = f->up)
    for (int i = 2; f->fn && i < f->fn->nkids; i++) {
      const Node *arg = f->fn->kid[i], *type = arg->kid[0];
      bool here = arg->span.source == decl.source && arg->span.lo == decl.lo;
      if (!here || !type || type->kind != NODE_TYPE) continue;
      const char *text = c->cx->sources.at[decl.source].text;
      return name_of_n(c->cx, text + type->span.lo, (size_t)(type->span.hi - type->span.lo));
    }
  return "";
}

static bool has_letter(const char *sizes) {
  for (; sizes && *sizes; sizes++)
    if (*sizes == '_' || ((*sizes | 32) >= 'a' && (*sizes | 32) <= 'z')) return true;
  return false;
}

void fault_declared(Check *c, Diag *d, const Value *v) {
  if (!v->name || !v->decl.source || in_prelude(c, v->decl)) return;
  const char *is = value_text(c->cx, c->b, v), *declared = written_type(c, v->decl);
  bool by_name = has_letter(strchr(declared, '[')) && !has_letter(strchr(is, '['));
  diag_label(c->cx, d, v->decl, "`%s` is %s%s%s", v->name, is, by_name ? ", declared as " : "",
             by_name ? declared : "");
}

/* Where an instance of a layer was made, and those around it, with the numbers they were given. */
void fault_instance(Check *c, Diag *d, const FnValue *self) {
  for (const Instance *in = self ? self->instance : NULL; in; in = in->up) {
    const Node *layer = in->layer->node;
    Text t = text_new(c->cx->arena);
    for (int i = ast_fixed(NODE_LAYER); i < layer->nkids; i++) {
      const Scope *s = scope_find(in->scope, layer->kid[i]->name);
      if (!s || s->value.kind != V_INT) continue;
      text_fmt(&t, "%s%s is %lld", t.n ? ", " : ", whose ", layer->kid[i]->name,
               (long long)s->value.u.i);
    }
    if (!in_prelude(c, in->made)) diag_label(c->cx, d, in->made, "`%s`%s", in->path, text_str(&t));
  }
}

void fault_sizes(Check *c, Diag *d) {
  const Frame *f = c->frame;
  while (f && in_prelude(c, f->fn ? f->fn->span : (Span){0})) f = f->up;
  if (!f || !f->fn) return;
  Text t = text_new(c->cx->arena);
  for (int i = 0; i < f->sizes.list.n; i++) {
    const SizeBinding *s = &f->sizes.list.at[i];
    if (dim_is_number(s->value))
      text_fmt(&t, "%s%s is %lld", t.n ? ", " : "", s->name, (long long)s->value);
  }
  if (t.n) diag_note(c->cx, d, "%s in this call of `%s`", text_str(&t), f->name);
  fault_instance(c, d, f->self);
}

static const char *dim_text(Cx *cx, Dim d) {
  Text t = text_new(cx->arena);
  dim_print(cx, d, &t);
  return text_str(&t);
}

void fault_axes(Check *c, Diag *d, const Shape *is, const Shape *wanted, const char *what) {
  if (is->rank != wanted->rank) {
    diag_note(c->cx, d, "it has %d ax%s, %s %d", is->rank, is->rank == 1 ? "is" : "es", what,
              wanted->rank);
    return;
  }
  for (int i = 0; i < is->rank; i++)
    if (is->dim[i] != wanted->dim[i]) {
      diag_note(c->cx, d, "axis %d is %s, %s %s", i, dim_text(c->cx, is->dim[i]), what,
                dim_text(c->cx, wanted->dim[i]));
      return;
    }
}

enum { MAX_WORDS = 1024 };

/* Where the diagnostic's place begins with the word itself. */
static void replace_word(Check *c, Diag *d, const char *word, const char *with) {
  size_t n = strlen(word);
  if (d->span.source <= 0 || d->span.source >= c->cx->sources.n) return;
  const Source *src = &c->cx->sources.at[d->span.source];
  if (src->prelude || strncmp(src->text + d->span.lo, word, n)) return;
  diag_fix(c->cx, d, (Span){d->span.source, d->span.lo, d->span.lo + (int32_t)n}, with);
}

void suggest(Check *c, Diag *d, const char *word, const char *const *more, int n) {
  const char **words = NEWS(c->cx->arena, const char *, MAX_WORDS);
  int count = 0;
  for (int i = 0; i < n && count < MAX_WORDS; i++) words[count++] = more[i];
  if (!more) {
    for (const Scope *s = c->scope; s && count < MAX_WORDS; s = s->up) words[count++] = s->name;
    if (c->frame)
      for (int i = 0; i < c->frame->sizes.list.n && count < MAX_WORDS; i++)
        words[count++] = c->frame->sizes.list.at[i].name;
    for (int i = 0; i < c->p->decls.n && count < MAX_WORDS; i++)
      if (c->p->decls.at[i]->node) words[count++] = c->p->decls.at[i]->name;
    builtin_names(c, words, &count, MAX_WORDS);
  }
  const char *close = closest_word(word, words, count);
  if (!close) return;
  diag_hint(c->cx, d, "did you mean `%s`?", close);
  replace_word(c, d, word, close);
}

/* ---- parameters of the model ---- */
static UnitParam new_param(Check *c, Decl *d, const ParamInfo *info) {
  Unit *unit = c->unit;
  UnitParam p = {.decl = d, .value = value_poison(), .outer = value_poison()};
  const Labels *labels = &no_labels;
  if (unit->up) {
    c->unit = unit->up, c->b = unit->up->b;
    p.outer = unit_param(c, d);
    c->unit = unit, c->b = unit->b;
    labels = value_labels(&p.outer);
    if (unit->deriv && !info->state && deriv_wants(unit->deriv, info->name) &&
        type_is_float(info->type))
      labels = labels_union(c->cx, labels, unit->batch);
  }
  Shape s;
  int have = fn_input(c->b->fn, info->name);
  if (have >= 0 && input_is_kept(&c->b->fn->in.at[have]))
    p.value = value_tensor(c->b->fn->in.at[have].val, NULL);
  else if (labelled_shape(c, labels, &info->shape, info->span, &s))
    p.value = value_tensor(ir_input(c->b, info->name, info->type, &s,
                                    info->state ? ROLE_STATE : ROLE_PARAM, info->span),
                           labels);
  p.value.name = info->name, p.value.decl = info->span;
  return p;
}

static Value unit_own_param(Check *c, Decl *d) {
  for (int i = 0; i < c->unit->params.n; i++)
    if (c->unit->params.at[i].decl == d) return c->unit->params.at[i].value;
  const ParamInfo *info = param_info(c->p, d);
  if (!info) return value_poison();
  UnitParam p = new_param(c, d, info);
  vec_push(c->cx->arena, &c->unit->params, p);
  return p.value;
}

/* A value computed in the function around all loops and branches, for use here. */
static Value at_home(Check *c, Value (*get)(Check *c, Decl *d), Decl *d, Unit *home) {
  Unit *unit = c->unit;
  c->unit = home, c->b = home->b;
  Value v = get(c, d);
  c->unit = unit, c->b = unit->b;
  return v;
}

Value home_param(Check *c, Decl *d) { return at_home(c, unit_own_param, d, unit_home(c)); }

/* The same of a parameter or the present value of a state; *home is where it is a value. */
static Value kept_value(Check *c, Decl *d, Unit **home) {
  Value v;
  if (decl_is_state(d) && state_now(c, d, d->name, home, &v)) return v;
  *home = unit_home(c);
  return at_home(c, unit_own_param, d, *home);
}

Value unit_param(Check *c, Decl *d) {
  Unit *home;
  Value v = kept_value(c, d, &home);
  return import_value(c, home, v);
}

/* ---- names ---- */
static Decl *find_decl(Check *c, Name name) {
  bool prelude = c->frame && c->frame->prelude;
  Decl *d = prelude ? NULL : program_find(c->p, name, false);
  return d ? d : program_find(c->p, name, true);
}

static Value own_const(Check *c, Decl *d) { return const_value(c, d, c->b->span); }

static Value decl_value(Check *c, Decl *d, Unit **home) {
  switch (d->node->kind) {
  case NODE_PARAM: return kept_value(c, d, home);
  case NODE_CONST: return at_home(c, own_const, d, *home);
  case NODE_LET: return instance_value(c, d, c->b->span);
  default: return value_fn(d->fn);
  }
}

static bool builtin_constant(Name name, Value *out) {
  if (!strcmp(name, "inf")) return *out = value_float(INFINITY), true;
  if (!strcmp(name, "nan")) return *out = value_float(NAN), true;
  return false;
}

static bool size_value(Check *c, Name name, Value *out) {
  Dim d;
  if (c->frame && size_lookup(&c->frame->sizes, name, &d)) return *out = value_size(d), true;
  return false;
}

bool known_size(Check *c, Name name) {
  return !(c->frame && c->frame->prelude) && program_has_size(c->p, name);
}

/* A comment of another language, of one word: `// word` to the end of the line. */
static bool is_slash_comment(Check *c, const Node *n) {
  const Source *s = &c->cx->sources.at[n->span.source];
  const char *line = s->text + n->span.lo, *rest = s->text + n->span.hi;
  while (line > s->text && (line[-1] == ' ' || line[-1] == '\t')) line--;
  while (*rest == ' ' || *rest == '\t' || *rest == '\r') rest++;
  return line - s->text >= 2 && !strncmp(line - 2, "//", 2) && (*rest == '\n' || !*rest);
}

/* `sum(i) x[i] + y[i]`: it is a label of the reduction before it on the line. */
static bool is_behind_reduction(Check *c, const Node *n) {
  const Node *r = c->reduced;
  if (!r || r->span.source != n->span.source || r->span.hi > n->span.lo) return false;
  const char *text = c->cx->sources.at[n->span.source].text;
  if (memchr(text + r->span.hi, '\n', (size_t)(n->span.lo - r->span.hi))) return false;
  for (int i = 1; i < r->nkids; i++)
    if (r->kid[i]->name == n->name) return true;
  return false;
}

static Value unknown_name(Check *c, const Node *n) {
  if (is_collected(c, n->name)) {
    Diag *d = fault(c, E0217, n->span, "`%s` is being collected: it has its values after the loop",
                    n->name);
    diag_hint(c->cx, d,
              "to use the step before, carry it: `var y = ..` before the loop, `y = ..` and "
              "`%s[t] = y` in it",
              n->name);
    return value_poison();
  }
  Diag *e = fault(c, E0201, n->span, "nothing here is called `%s`", n->name);
  if (is_slash_comment(c, n))
    diag_hint(c->cx, e, "comments begin with `#`; `//` divides and rounds down");
  else if (habit_hint(c, e, HABIT_NAME, n->name)) return value_poison();
  suggest(c, e, n->name, NULL, 0);
  if (is_behind_reduction(c, n))
    diag_hint(c->cx, e, "a reduction ends before `+` and `-`: put all of its body in parentheses");
  else if (c->indexing)
    diag_hint(c->cx, e,
              "a label is declared where its tensor is, `let y[%s] = ..`, or by a reduction, "
              "`sum(%s) ..`",
              n->name, n->name);
  return value_poison();
}

Value name_value(Check *c, const Node *n) {
  Unit *home;
  Value v = home_value(c, n, &home);
  return import_value(c, home, v);
}

Value home_value(Check *c, const Node *n, Unit **home) {
  Value v;
  const Scope *s = scope_find(c->scope, n->name);
  *home = s ? s->unit : unit_home(c);
  if (s) return s->value;
  if (c->frame && c->frame->self && layer_member(c, c->frame->self, n->name, home, &v)) return v;
  if (size_value(c, n->name, &v)) return v;
  Decl *d = find_decl(c, n->name);
  if (d) return decl_value(c, d, home);
  const FnValue *f = builtin_find(c, n->name);
  if (f) return value_fn(f);
  if (builtin_constant(n->name, &v)) return v;
  if (known_size(c, n->name)) return value_size(program_size(c->p, n->name));
  return unknown_name(c, n);
}

Decl *state_find(Check *c, Name name, const FnValue **layer) {
  Decl *d = *layer ? layer_param(*layer, name) : NULL;
  if (!d) {
    if (*layer && layer_has(*layer, name)) return NULL;
    *layer = NULL;
    d = find_decl(c, name);
  }
  return d && decl_is_state(d) ? d : NULL;
}

bool name_value_quiet(Check *c, Name name, Value *out) {
  const Scope *s = scope_find(c->scope, name);
  if (s) return *out = s->value, true;
  if (size_value(c, name, out)) return true;
  Decl *d = find_decl(c, name);
  if (d && d->node->kind == NODE_CONST) return *out = const_value(c, d, d->node->span), true;
  if (!d && known_size(c, name)) return *out = value_size(program_size(c->p, name)), true;
  return false;
}
