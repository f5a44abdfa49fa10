/* prompt.c: what a program needs that reads lines of .nn from a person, beside gradc_eval():
 * whether an entry is complete, what may follow, types, declarations, reading a file again,
 * interruption.
 */
#include "api/api.h"

/* ---- settings ---- */
gradc_status gradc_set_interactive(gradc_context *gc, int yes) {
  API_RETURN_UNLESS(gc);
  session_interactive(gc->session, yes != 0);
  return GRADC_OK;
}

void gradc_warm_up(void) {
  char why[8];
  back_llvm(why, sizeof why);
}

/* ---- entries ---- */
/* Looking at a text costs memory of a context; this one lives as long as the look. */
typedef struct Look {
  Cx *cx;
  const char *text;
  int kind;
} Look;

static Status take_look(void *arg) {
  Look *l = arg;
  int32_t source = cx_add_source(l->cx, "<entry>", l->text, strlen(l->text), false);
  if (ast_is_blank(l->cx, source)) l->kind |= GRADC_BLANK;
  if (ast_incomplete(l->cx, source)) l->kind |= GRADC_OPEN;
  if (ast_joins(l->cx, source)) l->kind |= GRADC_JOINS;
  return ST_OK;
}

int gradc_entry_kind(const char *text) {
  Look l = {text ? cx_new() : NULL, text, 0};
  if (l.cx) cx_guard(l.cx, take_look, &l);
  cx_free(l.cx);
  return l.kind;
}

/* ---- completion ---- */
typedef struct Completing {
  gradc_context *gc;
  const char *text;
  size_t n;
} Completing;

static Status complete(Session *s, void *arg) {
  const Completing *q = arg;
  Completions c = front_complete(s->program, q->text, q->n);
  q->gc->completions =
      (gradc_completions){.word = c.words.at, .n = c.words.n, .file = c.file, .begin = c.begin};
  return ST_OK;
}

gradc_status gradc_complete(gradc_context *gc, const char *text, size_t n,
                            const gradc_completions **out) {
  API_RETURN_UNLESS(gc && text && out && n <= strlen(text));
  Completing q = {gc, text, n};
  gradc_status s = api_run(gc, complete, &q);
  *out = s == GRADC_OK ? &gc->completions : NULL;
  return s;
}

/* ---- types ---- */
typedef struct TypeQuery {
  const char *label, *text;
  Text out;
} TypeQuery;

static void source_of(Cx *cx, Span s, Text *out) {
  text_add_n(out, cx->sources.at[s.source].text + s.lo, (size_t)(s.hi - s.lo));
}

static void type_of_outputs(const Fn *f, Text *out) {
  if (f->out.n != 1) text_add(out, "(");
  for (int i = 0; i < f->out.n; i++) {
    const Ins *y = fn_ins(f, f->out.at[i].val);
    if (i) text_add(out, ", ");
    type_print(f->cx, (DType)y->type, &y->shape, out);
  }
  if (f->out.n != 1) text_add(out, ")");
}

/* A function: its arguments as they are declared, and where they all have types, its result. */
static Status type_of_function(Session *s, TypeQuery *t, const Node *fn) {
  bool typed = true;
  text_fmt(&t->out, "fn %s(", fn->name);
  for (int i = ast_fixed(NODE_FN); i < fn->nkids; i++) {
    if (i > ast_fixed(NODE_FN)) text_add(&t->out, ", ");
    source_of(s->cx, fn->kid[i]->span, &t->out);
    typed = typed && fn->kid[i]->kid[0];
  }
  text_add(&t->out, ")");
  const Fn *f = typed ? front_function(s->program, fn->name) : NULL;
  if (f) text_add(&t->out, ": ");
  if (f) type_of_outputs(f, &t->out);
  return f || !typed ? ST_OK : ST_SOURCE;
}

static Status find_type(Session *s, void *arg) {
  TypeQuery *t = arg;
  t->out = text_new(s->cx->arena);
  const Node *fn = front_fn_find(s->program, name_of(s->cx, t->text));
  if (fn) return type_of_function(s, t, fn);
  const Fn *f = session_expr(s, t->label, t->text);
  if (!f) return ST_SOURCE;
  type_of_outputs(f, &t->out);
  return ST_OK;
}

gradc_status gradc_type_of(gradc_context *gc, const char *label, const char *text,
                           const char **out) {
  API_RETURN_UNLESS(gc && text && out);
  TypeQuery t = {.label = label ? label : "<line>", .text = text};
  gradc_status s = api_run(gc, find_type, &t);
  *out = s == GRADC_OK ? text_str(&t.out) : NULL;
  return s;
}

/* ---- declarations ---- */
/* Each as it was typed, with the comments above it. */
static void print_declaration(Cx *cx, const Node *n, Text *out) {
  if (n->doc) {
    for (const char *line = n->doc; *line; line += strcspn(line, "\n"), line += *line == '\n')
      text_fmt(out, "# %.*s\n", (int)strcspn(line, "\n"), line);
  }
  source_of(cx, n->span, out);
  text_add(out, "\n");
}

static Status print_declarations(Session *s, void *arg) {
  Text *out = arg;
  *out = text_new(s->cx->arena);
  int n;
  const Node **decl = front_declarations(s->program, s->cx->arena, &n);
  for (int i = 0; i < n; i++) print_declaration(s->cx, decl[i], out);
  return ST_OK;
}

gradc_status gradc_declarations(gradc_context *gc, const char **out) {
  API_RETURN_UNLESS(gc && out);
  Text text = {0};
  gradc_status s = api_run(gc, print_declarations, &text);
  *out = s == GRADC_OK ? text_str(&text) : NULL;
  return s;
}

gradc_status gradc_reload(gradc_context *gc, const char **told) {
  API_RETURN_UNLESS(gc && told);
  *told = NULL;
  if (!gc->path) return (gradc_status)api_usage(gc, "no file was loaded");
  if (!api_enter(gc)) return gc->broken;
  return api_leave(gc, session_reload(gc->session, gc->path, told));
}

/* ---- interruption ---- */
void gradc_interrupt(gradc_context *gc, int signal) {
  if (!gc) return;
  if (signal) interrupt_ask(&gc->interrupt, signal);
  else atomic_store(&gc->interrupt.asked, 1);
}

int gradc_interrupted(const gradc_context *gc) { return gc && atomic_load(&gc->interrupt.asked); }

void gradc_proceed(gradc_context *gc) {
  if (gc) atomic_store(&gc->interrupt.asked, 0);
}
