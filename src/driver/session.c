/* session.c: loading, checking and evaluating. In: paths and lines of text. Out: tensors, and
 * diagnostics in the session's context. */
#include "driver/session.h"
#include "driver/compile.h"
#include "driver/origin.h"
#include "pass/pass.h"

#include <stdlib.h>
#include <time.h>

/* Seconds that a line may take by the evaluator, whose values are the same everywhere, before
 * machine code is made. */
static const double PATIENCE = 0.5;

/* ---- life ---- */
static Status make_program(Session *s, void *arg) {
  (void)arg;
  s->program = front_new(s->cx);
  return ST_OK;
}

Session *session_new(void) {
  Session *s = calloc(1, sizeof *s);
  if (!s) return NULL;
  s->cx = cx_new();
  s->how = (Computing){.native = true, .patience = PATIENCE};
  if (s->cx && session_run(s, make_program, NULL) != ST_MEMORY) return s;
  session_free(s);
  return NULL;
}

void session_interactive(Session *s, bool yes) {
  s->careful = yes;
  s->keep_params = !yes;
  s->how.patience = yes ? 0 : PATIENCE; /* its lines are entered again, and changed a little */
}

static void forget_params(Session *s) {
  if (s->keep_params) return;
  arena_free(s->params);
  s->params = NULL;
  s->list.n = s->list.cap = 0;
  s->list.at = NULL;
}

static void forget_lines(Session *s) {
  for (int i = 0; i < COUNT_OF(s->known); i++) {
    if (s->known[i].computed.code) compiled_free(s->known[i].computed.code);
    s->known[i] = (KnownLine){0};
  }
}

void session_free(Session *s) {
  if (!s) return;
  s->keep_params = false;
  if (s->cx) forget_params(s);
  cx_free(s->cx);
  free(s);
}

typedef struct Work {
  Session *s;
  Status (*work)(Session *s, void *arg);
  void *arg;
} Work;

static Status do_work(void *arg) {
  Work *w = arg;
  return w->work(w->s, w->arg);
}

Status session_run(Session *s, Status (*work)(Session *s, void *arg), void *arg) {
  int before = diag_errors(s->cx);
  Work w = {s, work, arg};
  Status status = cx_guard(s->cx, do_work, &w);
  if (s->program && (status == ST_INTERRUPTED || status == ST_MEMORY)) front_settle(s->program);
  return status == ST_OK && diag_errors(s->cx) > before ? ST_SOURCE : status;
}

static void forget_values(Session *s) {
  forget_params(s);
  forget_lines(s);
}

/* ---- declaring ---- */
/* What was just declared, and what a derivative in it asks for. */
static void check_last(Session *s, const Node *file) {
  int before = diag_errors(s->cx);
  front_check_last(s->program);
  for (int i = 0; i < file->nkids && diag_errors(s->cx) == before; i++) {
    const Node *fn = file->kid[i];
    const Fn *f = fn->kind == NODE_FN && front_fn_is_complete(fn)
                      ? front_function(s->program, fn->name)
                      : NULL;
    if (f) pass_expand(f);
  }
}

typedef struct Declaring {
  Session *s;
  const Node *file;
  int errors; /* there were before it was parsed */
  bool (*gone)(const Node *n, void *arg);
  void *arg;
} Declaring;

static Status withdraw_and_declare(const Declaring *d) {
  if (d->gone) front_withdraw(d->s->program, d->gone, d->arg);
  return session_declare(d->s, d->file);
}

static Status declare_and_check(void *arg) {
  Declaring *d = arg;
  Status status = withdraw_and_declare(d);
  if (status == ST_OK && diag_errors(d->s->cx) == d->errors) check_last(d->s, d->file);
  return status == ST_OK && diag_errors(d->s->cx) > d->errors ? ST_SOURCE : status;
}

/* All of it or nothing: also where it ends by unwinding. */
static Status declare_carefully(Declaring *d) {
  Session *s = d->s;
  Arena *a = arena_new(s->cx);
  const ProgramMark *mark = front_mark(s->program, a);
  Status status = cx_guard(s->cx, declare_and_check, d);
  if (status != ST_OK) front_undo(s->program, mark);
  else forget_values(s);
  arena_free(a);
  if (status == ST_INTERRUPTED || status == ST_MEMORY || status == ST_INTERNAL)
    cx_unwind_again(s->cx);
  return status;
}

static Status take(Declaring *d) {
  if (d->s->careful) return declare_carefully(d);
  forget_values(d->s);
  return withdraw_and_declare(d);
}

Status session_replace(Session *s, int32_t source, bool (*gone)(const Node *n, void *arg),
                       void *arg) {
  int errors = diag_errors(s->cx);
  Declaring d = {s, ast_parse(s->cx, source), errors, gone, arg};
  return take(&d);
}

/* ---- files ---- */
static Status load(Session *s, void *path) {
  int32_t source = session_read_source(s->cx, path, (Span){0});
  Status status = source ? session_replace(s, source, NULL, NULL) : ST_DATA;
  if (status != ST_OK) return status;
  s->files.n = 0;
  for (int i = source; i < s->cx->sources.n; i++)
    vec_push(s->cx->arena, &s->files, name_of(s->cx, s->cx->sources.at[i].path));
  return ST_OK;
}

Status session_load(Session *s, const char *path) { return session_run(s, load, (void *)path); }

typedef struct SourceText {
  const char *label, *text;
} SourceText;

static Status declare_text(Session *s, void *arg) {
  const SourceText *t = arg;
  int32_t source = cx_add_source(s->cx, t->label, t->text, strlen(t->text), false);
  return session_replace(s, source, NULL, NULL);
}

Status session_declare_text(Session *s, const char *label, const char *text) {
  SourceText t = {label, text};
  return session_run(s, declare_text, &t);
}

/* Derivatives too: an operator without one is an error of the program like any other. */
static Status check(Session *s, void *arg) {
  (void)arg;
  int before = diag_errors(s->cx);
  if (!front_check(s->program) || diag_errors(s->cx) > before) return ST_SOURCE;
  int n;
  const Node **decl = front_declarations(s->program, s->cx->arena, &n);
  for (int i = 0; i < n; i++) {
    bool whole = decl[i]->kind == NODE_FN && front_fn_is_complete(decl[i]);
    const Fn *f = whole ? front_function(s->program, decl[i]->name) : NULL;
    if (f) pass_expand(f);
  }
  return ST_OK;
}

Status session_check(Session *s) { return session_run(s, check, NULL); }

Fn *session_function(Session *s, Name name) {
  if (front_fn_find(s->program, name)) return front_function(s->program, name);
  int n = front_fn_count(s->program);
  const char **names = NEWS(s->cx->arena, const char *, n + 1);
  for (int i = 0; i < n; i++) names[i] = front_fn_node(s->program, i)->name;
  Diag *d = diag(s->cx, E0201, (Span){0}, "the program has no function `%s`", name);
  const char *near = closest_word(name, names, n);
  if (near) diag_hint(s->cx, d, "did you mean `%s`?", near);
  return NULL;
}

/* Names of C and of the language from "grad(loss, wrt: x)": the function bears it in listings and
 * code. */
static Name plain_name(Cx *cx, const char *text) {
  Text t = text_new(cx->arena);
  for (const char *s = text; *s; s++) {
    bool letter = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
                  (*s >= '0' && *s <= '9') || *s == '_';
    if (letter) text_add_n(&t, s, 1);
    else if (t.n && t.at[t.n - 1] != '_') text_add(&t, "_");
  }
  while (t.n > 1 && t.at[t.n - 1] == '_') t.n--;
  return name_of_n(cx, text_str(&t), t.n);
}

static Fn *function_of(Session *s, const char *text, bool updates) {
  Cx *cx = s->cx;
  int32_t source = cx_add_source(cx, "<function>", text, strlen(text), false);
  int before = diag_errors(cx);
  bool is_expr = false;
  const Node *node = ast_parse_line(cx, source, &is_expr);
  if (diag_errors(cx) > before) return NULL;
  bool name = is_expr && node->kind == NODE_NAME;
  if (name && (!updates || !front_fn_find(s->program, node->name)))
    return session_function(s, node->name);
  if (is_expr) {
    Fn *f = (updates ? front_function_updates : front_function_value)(s->program, node);
    if (f && !name) f->name = plain_name(cx, text);
    return f;
  }
  Diag *d = diag(cx, E0209, node->span, "a declaration is no function");
  diag_hint(cx, d, "declare it first, and then ask for it by its name");
  return NULL;
}

Fn *session_function_value(Session *s, const char *text) { return function_of(s, text, false); }
Fn *session_loss(Session *s, const char *text) { return function_of(s, text, true); }

/* ---- values ---- */
typedef struct Evaluation {
  const Computed *computed;
  const Computing *how;
  const Tensor *in;
  Results r;
} Evaluation;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static Status run_evaluation(void *arg) {
  Evaluation *e = arg;
  Results *r = &e->r;
  r->value = NEWS(r->arena, Tensor, r->n + 1);
  Name *name = NEWS(r->arena, Name, r->n + 1);
  for (int i = 0; i < r->n; i++) name[i] = e->computed->fn->out.at[i].name;
  r->name = name;
  double start = now();
  compute_run(e->computed, e->how, r->arena, e->in, r->value);
  r->run_seconds = now() - start;
  return ST_OK;
}

/* The results' memory goes back where the evaluation runs out of it. */
static Results evaluate(Session *s, const Computed *c, const Computing *how, const Tensor *in) {
  Evaluation e = {c, how, in, {.n = c->fn->out.n, .arena = arena_new(s->cx)}};
  e.r.native = c->code != NULL;
  e.r.compile_seconds = c->compile_seconds;
  if (cx_guard(s->cx, run_evaluation, &e) == ST_OK) return e.r;
  arena_free(e.r.arena);
  cx_unwind_again(s->cx);
}

/* -1: it is declared no more. */
static int find_param(Session *s, Name name) {
  for (int i = 0; i < front_param_count(s->program); i++) {
    const ParamInfo *p = front_param(s->program, i);
    if (p && p->name == name) return i;
  }
  return -1;
}

static int param_number(Session *s, Name name) {
  int i = find_param(s, name);
  if (i < 0) cx_bug(s->cx, "a function uses the parameter %s, which the program lacks", name);
  return i;
}

/* The initial value as a function of nothing, with numbers for all sizes. */
static const Fn *param_init(Session *s, Name name) {
  int number = param_number(s, name);
  const Fn *init = front_param_init(s->program, number, s->seed);
  const ParamInfo *p = front_param(s->program, number);
  if (init) init = pass_expand(init);
  if (init && s->sizes && !shape_is_numbers(&p->shape)) init = pass_bind_sizes(init, s->sizes);
  if (!init || shape_is_numbers(&fn_ins(init, init->out.at[0].val)->shape)) return init;
  Diag *d = diag(s->cx, E0506, p->span, "the shape of `%s` has a size that isn't known here", name);
  diag_note(s->cx, d, "it is %s", type_text(s->cx, p->type, &p->shape));
  diag_hint(s->cx, d,
            "training takes such sizes from the data; elsewhere declare them: `const N = ...`");
  return NULL;
}

void session_sizes(Session *s, const SizeBindings *sizes) {
  int kept = 0;
  for (int i = 0; i < s->list.n && !s->keep_params; i++) {
    const ParamInfo *p = front_param(s->program, param_number(s, s->list.at[i].name));
    if (shape_is_numbers(&p->shape)) s->list.at[kept++] = s->list.at[i];
  }
  if (!s->keep_params) s->list.n = kept;
  s->sizes = sizes;
}

/* Declarations may have changed under values that were kept. */
bool session_param_fits(Session *s, const ParamValue *v) {
  int number = find_param(s, v->name);
  if (number < 0) return false;
  const ParamInfo *p = front_param(s->program, number);
  Shape shape = p->shape;
  for (int i = 0; s->sizes && i < shape.rank; i++)
    shape.dim[i] = dim_subst(s->cx, shape.dim[i], s->sizes);
  bool same = p->span.source == v->span.source && p->span.lo == v->span.lo;
  return same && p->type == v->value.type && shape_eq(&shape, &v->value.shape);
}

/* A copy of the value, aligned to a cache line. */
static const Tensor *keep_value(Session *s, Name name, const Tensor *value) {
  if (!s->params) s->params = arena_new(s->cx);
  ParamValue p = {name, *value, front_param(s->program, param_number(s, name))->span};
  size_t bytes = (size_t)tensor_count(value) * (size_t)type_info[value->type].bytes;
  char *at = arena_alloc(s->params, bytes + 64);
  p.value.data = at + (64 - (uintptr_t)at % 64) % 64;
  if (bytes) memcpy(p.value.data, value->data, bytes);
  vec_push(s->params, &s->list, p);
  return &s->list.at[s->list.n - 1].value;
}

const Tensor *session_param(Session *s, Name name) {
  for (int i = 0; i < s->list.n; i++) {
    ParamValue *v = &s->list.at[i];
    if (v->name == name && (!s->keep_params || session_param_fits(s, v))) return &v->value;
    if (v->name == name) *v = s->list.at[--s->list.n]; /* its memory may still be in use */
  }
  const Fn *init = param_init(s, name);
  if (!init) return NULL;
  Results r = evaluate(s, &(Computed){.fn = init}, &(Computing){0}, NULL);
  const Tensor *kept = keep_value(s, name, &r.value[0]);
  results_free(&r);
  return kept;
}

void session_set_param(Session *s, Name name, const Tensor *value) {
  int number = find_param(s, name);
  const ParamInfo *p = number >= 0 ? front_param(s->program, number) : NULL;
  if (p && p->type == value->type && shape_eq(&p->shape, &value->shape)) keep_value(s, name, value);
}

Status session_redraw(Session *s, int64_t seed) {
  s->seed = seed;
  for (int i = 0; i < s->list.n; i++) {
    ParamValue *v = &s->list.at[i];
    Computed init = {.fn = session_param_fits(s, v) ? param_init(s, v->name) : NULL};
    Computing how = {0};
    if (!init.fn) continue;
    Results r = evaluate(s, &init, &how, NULL);
    memcpy(v->value.data, r.value[0].data,
           (size_t)tensor_count(&v->value) * (size_t)type_info[v->value.type].bytes);
    results_free(&r);
  }
  return ST_OK;
}

static Status evaluate_known(Session *s, const Computed *c, Results *out) {
  const Fn *f = c->fn;
  Tensor *in = NEWS(s->cx->arena, Tensor, f->in.n + 1);
  for (int i = 0; i < f->in.n; i++) {
    const Tensor *p = session_param(s, f->in.at[i].name);
    if (!p) return ST_SOURCE;
    in[i] = *p;
  }
  *out = evaluate(s, c, &s->how, in);
  if (s->trap_nan && origin_report(f, in, out->value)) return ST_SOURCE;
  out->nest = f->nest;
  out->tuple = f->nest ? *f->nest == '(' : out->n != 1;
  return ST_OK;
}

/* In place of the oldest, so that the code has an owner. text: the line it stands for, or NULL. */
static const Computed *remember(Session *s, const char *text, const Computed *c) {
  KnownLine *k = &s->known[s->next_known++ % COUNT_OF(s->known)];
  if (k->computed.code) compiled_free(k->computed.code);
  *k = (KnownLine){text ? name_of(s->cx, text) : NULL, *c};
  return &k->computed;
}

/* Without derivative instructions; where memory is bounded, as it would be compiled. */
static const Fn *expanded(Session *s, const Fn *f) {
  return s->cx->bound.bytes ? compile_prepare(f, &(SizeBindings){0}) : pass_expand(f);
}

Status session_evaluate(Session *s, const Fn *f, Results *out) {
  f = expanded(s, f);
  if (!f) return ST_SOURCE;
  Computed c = compute_prepare(f, &s->how);
  return evaluate_known(s, c.code ? remember(s, NULL, &c) : &c, out);
}

void results_free(Results *r) {
  arena_free(r->arena);
  *r = (Results){0};
}

/* ---- lines ---- */
typedef struct Line {
  const char *label, *text;
  Results *out;
} Line;

static const Node *parse_line(Session *s, const char *label, const char *text, bool *is_expr) {
  int before = diag_errors(s->cx);
  int32_t source = cx_add_source(s->cx, label, text, strlen(text), false);
  const Node *node = ast_parse_line(s->cx, source, is_expr);
  return diag_errors(s->cx) > before ? NULL : node;
}

static const Fn *expr_function(Session *s, const Node *node) {
  const Fn *f = front_expr(s->program, node);
  return f ? expanded(s, f) : NULL;
}

const Fn *session_expr(Session *s, const char *label, const char *text) {
  bool is_expr = false;
  const Node *node = parse_line(s, label, text, &is_expr);
  if (node && is_expr) return expr_function(s, node);
  if (node) diag(s->cx, E0110, node->span, "this is no expression");
  return NULL;
}

static const Computed *find_known(Session *s, const char *text) {
  for (int i = 0; i < COUNT_OF(s->known); i++)
    if (s->known[i].text && !strcmp(s->known[i].text, text)) return &s->known[i].computed;
  return NULL;
}

static Status take_expr(Session *s, const Node *node, const char *text, Results *out) {
  const Fn *f = expr_function(s, node);
  if (!f) return ST_SOURCE;
  Computed c = compute_prepare(f, &s->how);
  return evaluate_known(s, c.code ? remember(s, text, &c) : &c, out);
}

static Status take_line(Session *s, void *arg) {
  const Line *l = arg;
  bool is_expr = false;
  const Computed *known = find_known(s, l->text);
  if (known) return evaluate_known(s, known, l->out);
  const Node *node = parse_line(s, l->label, l->text, &is_expr);
  if (!node) return ST_SOURCE;
  if (is_expr) return take_expr(s, node, l->text, l->out);
  l->out->declaration = true;
  Declaring d = {.s = s, .file = node, .errors = diag_errors(s->cx)};
  return take(&d);
}

Status session_line(Session *s, const char *label, const char *text, Results *out) {
  *out = (Results){0};
  Line l = {label, text, out};
  return session_run(s, take_line, &l);
}
