/* context.c: contexts of libgradc: their life, their settings, declaring programs. */
#include "api/api.h"
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

/* The public statuses are those of base.h, one by one. */
#define _(name, code, text)                                                                        \
  _Static_assert((int)GRADC_##name == (int)ST_##name, "gradc.h and base.h differ");
STATUS_TABLE(_)
#undef _

const char *gradc_version(void) { return PACKAGE_VERSION; }
const char *gradc_status_text(gradc_status status) { return status_text((Status)status); }

/* ---- in and out ---- */
bool api_enter(gradc_context *gc) {
  if (gc->broken != GRADC_OK) return false;
  gc->message[0] = 0;
  gc->ndiags = 0;
  diag_clear(gc->session->cx);
  gc->locale = uselocale(gc->locale); /* the two are exchanged until api_leave */
  gc->interrupt.owner = pthread_self();
  return true;
}

static gradc_place place_of(Cx *cx, Span at) {
  gradc_place p = {.file = ""};
  int line, column;
  if (at.source <= 0 || at.source >= cx->sources.n) return p;
  p.file = cx->sources.at[at.source].path;
  span_place(cx, at, &line, &column);
  p.line = line, p.column = column;
  span_place(cx, (Span){at.source, at.hi, at.hi}, &line, &column);
  p.end_line = line, p.end_column = column;
  return p;
}

static void view_diagnostic(Cx *cx, const Diag *d, gradc_diagnostic *out) {
  gradc_part *part = NEWS(cx->arena, gradc_part, d->parts.n + 1);
  for (int i = 0; i < d->parts.n; i++) {
    const DiagPart *from = &d->parts.at[i];
    part[i] = (gradc_part){(gradc_part_kind)from->kind, place_of(cx, from->span), from->text};
  }
  *out = (gradc_diagnostic){.severity = d->severity == SEV_ERROR ? GRADC_ERROR : GRADC_WARNING,
                            .code = diag_code_name(d->code),
                            .message = d->text,
                            .place = place_of(cx, d->span),
                            .part = part,
                            .parts = d->parts.n};
}

static Status view_diagnostics(void *arg) {
  gradc_context *gc = arg;
  Cx *cx = gc->session->cx;
  int n = cx->diags->list.n;
  gradc_diagnostic *all = n ? NEWS(cx->arena, gradc_diagnostic, n) : NULL;
  for (int i = 0; i < n; i++) view_diagnostic(cx, cx->diags->list.at[i], &all[i]);
  gc->diag = all;
  gc->ndiags = n;
  return ST_OK;
}

static void set_message(gradc_context *gc, Status s) {
  const Cx *cx = gc->session->cx;
  if (s == ST_MEMORY || s == ST_INTERNAL) {
    snprintf(gc->message, sizeof gc->message, "%s",
             cx->trap_text[0] ? cx->trap_text : status_text(s));
    return;
  }
  for (int i = 0; i < gc->ndiags; i++) {
    const gradc_diagnostic *d = &gc->diag[i];
    if (d->severity != GRADC_ERROR) continue;
    if (d->place.line)
      snprintf(gc->message, sizeof gc->message, "%s:%d:%d: error[%s]: %s", d->place.file,
               d->place.line, d->place.column, d->code, d->message);
    else snprintf(gc->message, sizeof gc->message, "error[%s]: %s", d->code, d->message);
    return;
  }
  if (!gc->message[0]) snprintf(gc->message, sizeof gc->message, "%s", status_text(s));
}

gradc_status api_tell(gradc_context *gc, Status s) {
  Cx *cx = gc->session->cx;
  if (s != ST_MEMORY && s != ST_INTERNAL) {
    if (s == ST_OK && diag_errors(cx)) s = ST_SOURCE;
    Status viewed = cx_guard(cx, view_diagnostics, gc);
    if (viewed != ST_OK) s = viewed;
  }
  if (s != ST_OK) set_message(gc, s);
  return (gradc_status)s;
}

gradc_status api_leave(gradc_context *gc, Status s) {
  gc->locale = uselocale(gc->locale);
  gradc_status told = api_tell(gc, s);
  if (told == GRADC_MEMORY || told == GRADC_INTERNAL) gc->broken = told;
  return told;
}

gradc_status api_run(gradc_context *gc, Status (*work)(Session *s, void *arg), void *arg) {
  if (!api_enter(gc)) return gc->broken;
  return api_leave(gc, session_run(gc->session, work, arg));
}

typedef struct Verdict {
  const Compiled *code;
  const void *workspace;
} Verdict;

static Status give_verdict(Session *s, void *arg) {
  const Verdict *v = arg;
  (void)s;
  return compiled_verdict(v->code, v->workspace);
}

gradc_status api_verdict(gradc_context *gc, const Compiled *c, const void *workspace) {
  int64_t index;
  if (!loop_fault(c->loops, workspace ? workspace : c->workspace, &index)) return GRADC_OK;
  Verdict v = {c, workspace};
  return api_run(gc, give_verdict, &v);
}

Status api_usage(gradc_context *gc, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(gc->message, sizeof gc->message, fmt, ap);
  va_end(ap);
  return ST_USAGE;
}

Status api_says(gradc_context *gc, Status s, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(gc->message, sizeof gc->message, fmt, ap);
  va_end(ap);
  return s;
}

const char *path_base(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

const char *path_stem(Arena *a, const char *path, const char *ending) {
  const char *base = path_base(path);
  size_t n = strlen(base), e = strlen(ending);
  if (n > e && !strcmp(base + n - e, ending)) n -= e;
  char *s = arena_alloc(a, n + 1);
  memcpy(s, base, n);
  return s;
}

/* ---- life ---- */
gradc_status gradc_new(gradc_context **out) {
  API_RETURN_UNLESS(out);
  *out = NULL;
  gradc_context *gc = calloc(1, sizeof *gc);
  if (!gc) return GRADC_MEMORY;
  gc->threads = 1;
  gc->session = session_new();
  locale_t base = duplocale(LC_GLOBAL_LOCALE); /* character types as the process has them */
  gc->locale = base ? newlocale(LC_NUMERIC_MASK, "C", base) : base;
  if (base && !gc->locale) freelocale(base);
  if (!gc->session || !gc->locale) {
    gradc_free(gc);
    return GRADC_MEMORY;
  }
  interrupt_init(&gc->interrupt);
  gc->session->keep_params = true;
  gc->session->cx->stop = &gc->interrupt.asked;
  gc->session->how.interrupt = &gc->interrupt;
  *out = gc;
  return GRADC_OK;
}

void gradc_free(gradc_context *gc) {
  if (!gc) return;
  session_free(gc->session);
  if (gc->locale) freelocale(gc->locale);
  free(gc);
}

/* What the context keeps in the session's memory, for another session's. */
static Status keep_own(Session *s, void *arg) {
  gradc_context *gc = arg;
  SizeBindings old = gc->defined;
  const char *path = gc->path ? name_of(s->cx, gc->path) : NULL;
  gc->defined = (SizeBindings){0};
  for (int i = 0; i < old.list.n; i++)
    size_bind(s->cx->arena, &gc->defined, name_of(s->cx, old.list.at[i].name),
              old.list.at[i].value);
  gc->path = path;
  return ST_OK;
}

/* The context goes on with a session made anew of what it holds; as it was, and false, where memory
 * is short. */
static bool renew(gradc_context *gc) {
  Session *s = session_renew(gc->session);
  gradc_context kept = *gc;
  if (!s) return false;
  if (session_run(s, keep_own, gc) != ST_OK) {
    session_free(s);
    *gc = kept;
    return false;
  }
  session_free(gc->session);
  gc->session = s;
  gc->ndiags = 0;
  gc->words = (ApiWords){0};
  gc->rt = NULL; /* it went with the old session's arena */
  return true;
}

size_t gradc_bytes(const gradc_context *gc) { return gc ? session_bytes(gc->session) : 0; }

gradc_status gradc_renew(gradc_context *gc) {
  API_RETURN_UNLESS(gc);
  if (!api_enter(gc)) return gc->broken;
  bool done = renew(gc);
  gradc_status s = api_leave(gc, ST_OK);
  if (done || s != GRADC_OK) return s;
  return (gradc_status)api_says(gc, ST_MEMORY, "no memory for the renewed context");
}

/* ---- settings ---- */
gradc_status gradc_set_threads(gradc_context *gc, int threads) {
  API_RETURN_UNLESS(gc);
  if (threads < 0 || threads > 256)
    return (gradc_status)api_usage(gc, "%d threads: 1 to 256, or 0 for all processors", threads);
  gc->threads = threads ? threads : gradc_rt_cores();
  gc->session->cx->bound.threads = gc->threads;
  return GRADC_OK;
}

gradc_status gradc_set_memory(gradc_context *gc, int64_t bytes) {
  API_RETURN_UNLESS(gc);
  if (bytes < 0) return (gradc_status)api_usage(gc, "%lld bytes of memory", (long long)bytes);
  gc->session->cx->bound.bytes = bytes;
  gc->session->cx->bound.threads = gc->threads;
  return GRADC_OK;
}

gradc_status gradc_set_trap_nan(gradc_context *gc, int yes) {
  API_RETURN_UNLESS(gc);
  gc->session->trap_nan = yes != 0;
  return GRADC_OK;
}

gradc_status gradc_set_engine(gradc_context *gc, gradc_engine engine) {
  static const Engine of[] = {ENGINE_AUTO, ENGINE_EVALUATOR, ENGINE_NATIVE};
  API_RETURN_UNLESS(gc);
  if ((int)engine < 0 || (int)engine >= COUNT_OF(of))
    return (gradc_status)api_usage(gc, "there is no engine number %d", (int)engine);
  gc->session->how.engine = of[engine];
  return GRADC_OK;
}

gradc_status gradc_set_columns(gradc_context *gc, int columns) {
  API_RETURN_UNLESS(gc);
  if (columns < 0) return (gradc_status)api_usage(gc, "%d columns", columns);
  gc->session->cx->diags->columns = columns;
  return GRADC_OK;
}

gradc_status gradc_set_reference(gradc_context *gc, int yes) {
  API_RETURN_UNLESS(gc);
  gc->reference = yes != 0;
  return GRADC_OK;
}

gradc_status gradc_set_cache(gradc_context *gc, int yes) {
  API_RETURN_UNLESS(gc);
  gc->session->cx->code_cache = yes ? CODE_CACHE_USE : CODE_CACHE_OFF;
  return GRADC_OK;
}

gradc_status gradc_set_seed(gradc_context *gc, int64_t seed) {
  API_RETURN_UNLESS(gc);
  gc->session->seed = seed;
  return GRADC_OK;
}

static void free_runtime(void *rt) { gradc_rt_free(rt); }

Target api_target(gradc_context *gc) {
  if (!gc->rt || gc->rt_threads != gc->threads) {
    GradcRt *rt = gradc_rt_new(gc->threads); /* older ones serve what was compiled for them */
    if (!rt) cx_out_of_memory(gc->session->cx);
    arena_defer(gc->session->cx->arena, free_runtime, rt);
    gc->rt = rt;
    gc->rt_threads = gc->threads;
  }
  return compile_target(gc->rt->threads);
}

/* ---- programs ---- */
typedef struct Define {
  gradc_context *gc;
  const char *name;
  int64_t n;
} Define;

static Status define(Session *s, void *arg) {
  const Define *d = arg;
  if (!*d->name || d->n < 0 || d->n > DIM_MAX_NUMBER)
    return api_usage(d->gc, "%s = %lld: a size is a name and a number from 0", d->name,
                     (long long)d->n);
  front_define(s->program, name_of(s->cx, d->name), d->n);
  size_bind(s->cx->arena, &d->gc->defined, name_of(s->cx, d->name), d->n);
  return ST_OK;
}

gradc_status gradc_define(gradc_context *gc, const char *name, int64_t n) {
  API_RETURN_UNLESS(gc && name);
  Define d = {gc, name, n};
  return api_run(gc, define, &d);
}

static Status keep_path(Session *s, void *arg) {
  gradc_context *gc = ((void **)arg)[0];
  gc->path = name_of(s->cx, ((void **)arg)[1]);
  return ST_OK;
}

static Status load(gradc_context *gc, const char *path) {
  void *kept[] = {gc, (void *)(uintptr_t)path};
  Status s = session_load(gc->session, path);
  if (s != ST_OK && gc->path) return s; /* the last one stays what gradc_reload() reads */
  Status keeping = session_run(gc->session, keep_path, kept);
  return s != ST_OK ? s : keeping;
}

gradc_status gradc_load(gradc_context *gc, const char *path) {
  API_RETURN_UNLESS(gc && path);
  return api_enter(gc) ? api_leave(gc, load(gc, path)) : gc->broken;
}

static Status check_defines(Session *s, void *arg) {
  const gradc_context *gc = arg;
  for (int i = 0; i < gc->defined.list.n; i++) {
    Name name = gc->defined.list.at[i].name;
    if (!front_has_size(s->program, name))
      diag(s->cx, E0201, (Span){0}, "-D %s=%lld: the program has no constant and no size `%s`",
           name, (long long)gc->defined.list.at[i].value, name);
  }
  return ST_OK;
}

gradc_status gradc_check_defines(gradc_context *gc) {
  API_RETURN_UNLESS(gc);
  return api_run(gc, check_defines, gc);
}

/* What could be parsed is checked in any case, and all is told together. */
gradc_status gradc_check_file(gradc_context *gc, const char *path) {
  API_RETURN_UNLESS(gc && path);
  if (!api_enter(gc)) return gc->broken;
  Status s = load(gc, path);
  if (s == ST_OK) s = session_run(gc->session, check_defines, gc);
  Status checked = s == ST_OK || s == ST_SOURCE ? session_check(gc->session) : s;
  return api_leave(gc, checked != ST_OK ? checked : s);
}

gradc_status gradc_declare(gradc_context *gc, const char *label, const char *text) {
  API_RETURN_UNLESS(gc && text);
  if (!api_enter(gc)) return gc->broken;
  return api_leave(gc, session_declare_text(gc->session, label ? label : "<text>", text));
}

gradc_status gradc_check(gradc_context *gc) {
  API_RETURN_UNLESS(gc);
  return api_enter(gc) ? api_leave(gc, session_check(gc->session)) : gc->broken;
}

/* ---- what went wrong ---- */
int gradc_diagnostic_count(const gradc_context *gc) { return gc ? gc->ndiags : 0; }

const gradc_diagnostic *gradc_diagnostic_at(gradc_context *gc, int i) {
  return gc && i >= 0 && i < gc->ndiags ? &gc->diag[i] : NULL;
}

typedef struct Rendering {
  Cx *cx;
  bool colour, json;
  const char *text;
} Rendering;

/* Where there were very many, only the first are kept. */
static int left_out(const Cx *cx) {
  int n = cx->diags->errors;
  for (int i = 0; i < cx->diags->list.n; i++) n -= cx->diags->list.at[i]->severity == SEV_ERROR;
  return n;
}

static Status render(void *arg) {
  Rendering *r = arg;
  Text t = text_new(r->cx->arena);
  const Diag *const *d = diag_sorted(r->cx);
  for (int i = 0; i < r->cx->diags->list.n; i++)
    if (r->json) diag_json(r->cx, d[i], &t);
    else diag_render(r->cx, d[i], r->colour, &t);
  int more = left_out(r->cx);
  if (more > 0) {
    const char *text = name_fmt(r->cx, "and %d more error%s", more, more == 1 ? "" : "s");
    if (r->json) diag_json_plain("note", text, &t);
    else text_fmt(&t, "%s\n", text);
  }
  r->text = text_str(&t);
  return ST_OK;
}

static const char *rendered(gradc_context *gc, bool colour, bool json) {
  if (!gc || !gc->ndiags) return "";
  Rendering r = {gc->session->cx, colour, json, NULL};
  return cx_guard(r.cx, render, &r) == ST_OK ? r.text : "out of memory\n";
}

const char *gradc_diagnostics_text(gradc_context *gc, int colour) {
  return rendered(gc, colour != 0, false);
}
const char *gradc_diagnostics_json(gradc_context *gc) { return rendered(gc, false, true); }

const char *gradc_message(const gradc_context *gc) { return gc ? gc->message : "no context"; }
