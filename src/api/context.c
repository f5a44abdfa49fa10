/* context.c: contexts of libgradc: their life, their settings, declaring programs. */
#include "api/api.h"
#include "driver/explain.h"
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

gradc_status api_leave(gradc_context *gc, Status s) {
  Cx *cx = gc->session->cx;
  gc->locale = uselocale(gc->locale);
  if (s != ST_MEMORY && s != ST_INTERNAL) {
    if (s == ST_OK && diag_errors(cx)) s = ST_SOURCE;
    Status viewed = cx_guard(cx, view_diagnostics, gc);
    if (viewed != ST_OK) s = viewed;
  }
  if (s == ST_MEMORY || s == ST_INTERNAL) gc->broken = (gradc_status)s;
  if (s != ST_OK) set_message(gc, s);
  return (gradc_status)s;
}

gradc_status api_run(gradc_context *gc, Status (*work)(Session *s, void *arg), void *arg) {
  if (!api_enter(gc)) return gc->broken;
  return api_leave(gc, session_run(gc->session, work, arg));
}

Status api_usage(gradc_context *gc, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(gc->message, sizeof gc->message, fmt, ap);
  va_end(ap);
  return ST_USAGE;
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
  gc->session->keep_params = true;
  *out = gc;
  return GRADC_OK;
}

void gradc_free(gradc_context *gc) {
  if (!gc) return;
  session_free(gc->session);
  if (gc->locale) freelocale(gc->locale);
  free(gc);
}

/* ---- settings ---- */
gradc_status gradc_set_threads(gradc_context *gc, int threads) {
  API_RETURN_UNLESS(gc);
  if (threads < 0 || threads > 256)
    return (gradc_status)api_usage(gc, "%d threads: 1 to 256, or 0 for all processors", threads);
  gc->threads = threads ? threads : gradc_rt_cores();
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
  return ST_OK;
}

gradc_status gradc_define(gradc_context *gc, const char *name, int64_t n) {
  API_RETURN_UNLESS(gc && name);
  Define d = {gc, name, n};
  return api_run(gc, define, &d);
}

gradc_status gradc_load(gradc_context *gc, const char *path) {
  API_RETURN_UNLESS(gc && path);
  return api_enter(gc) ? api_leave(gc, session_load(gc->session, path)) : gc->broken;
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
  bool colour;
  const char *text;
} Rendering;

static Status render(void *arg) {
  Rendering *r = arg;
  Text t = text_new(r->cx->arena);
  diag_render_all(r->cx, r->colour, &t);
  r->text = text_str(&t);
  return ST_OK;
}

const char *gradc_diagnostics_text(gradc_context *gc, int colour) {
  if (!gc || !gc->ndiags) return "";
  Rendering r = {gc->session->cx, colour != 0, NULL};
  return cx_guard(r.cx, render, &r) == ST_OK ? r.text : "out of memory";
}

const char *gradc_message(const gradc_context *gc) { return gc ? gc->message : "no context"; }

typedef struct Explaining {
  DiagCode code;
  const char *text;
} Explaining;

static Status explain(Session *s, void *arg) {
  Explaining *e = arg;
  Text out = text_new(s->cx->arena);
  explain_page(e->code, &out);
  e->text = text_str(&out);
  return ST_OK;
}

const char *gradc_explain(gradc_context *gc, const char *code) {
  Explaining e = {0};
  if (!gc || !code || !diag_code_find(code, &e.code)) return NULL;
  return api_run(gc, explain, &e) == GRADC_OK ? e.text : NULL;
}
