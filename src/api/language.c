/* language.c: what needs no program: the long forms of diagnostics, the words of the language, the
 * layout of a text, the tensors of a file. */
#include "api/api.h"
#include "driver/explain.h"
#include "driver/words.h"
#include "train/train.h"
#include "config.h"

#include <stdio.h>
#include <unistd.h>

/* ---- what this gradc is ---- */
/* What decides about speed and results' reproduction, found without loading anything. */
size_t gradc_about(char *text, size_t n) {
  Target t = target_host();
  char module[4096], kept[4096];
  back_llvm_path(module, sizeof module);
  bool keeps = code_cache_folder(kept, sizeof kept);
  int all = snprintf(text, n,
                     "gradc %s\nprocessor: %d-bit vectors%s, %d thread%s\nmachine code: %s%s\n"
                     "kept in: %s\n",
                     PACKAGE_VERSION, 8 * t.vector_bytes, t.fma ? " with fused multiply-add" : "",
                     t.threads, t.threads == 1 ? "" : "s",
                     access(module, R_OK) ? "no, there is no " : "by ", module,
                     keeps ? kept : "no folder");
  return all < 0 ? 0 : (size_t)all;
}

/* ---- explain ---- */
typedef struct Explaining {
  gradc_context *gc;
  DiagCode code;
  bool operators;
  const char *text;
} Explaining;

static Status explain(void *arg) {
  Explaining *e = arg;
  Text out = text_new(e->gc->session->cx->arena);
  if (e->operators) explain_operators(&out);
  else explain_page(e->code, &out);
  e->text = text_str(&out);
  return ST_OK;
}

/* Not a call of its own: who asks what a diagnostic means still goes through the others. */
const char *gradc_explain(gradc_context *gc, const char *code) {
  Explaining e = {.gc = gc};
  if (!gc || !code || gc->broken != GRADC_OK) return NULL;
  e.operators = !strcmp(code, "operators");
  if (!e.operators && !diag_code_find(code, &e.code)) return NULL;
  Status s = cx_guard(gc->session->cx, explain, &e);
  if (s != ST_OK) gc->broken = api_tell(gc, s);
  return s == ST_OK ? e.text : NULL;
}

/* ---- words ---- */
typedef struct Listing {
  gradc_context *gc;
  const char *class;
} Listing;

static Status list(Session *s, void *arg) {
  static const char *const classes[CLASSES] = {"declaration", "control",    "logic",   "constant",
                                               "type",        "derivative", "function"};
  Listing *l = arg;
  for (int i = 0; i < CLASSES; i++) {
    if (strcmp(classes[i], l->class)) continue;
    Words w = language_words(s->cx->arena, (WordClass)i);
    l->gc->words = (ApiWords){classes[i], w.at, w.n};
    return ST_OK;
  }
  return api_usage(l->gc, "there is no class of words \"%s\"", l->class);
}

const char *gradc_word(gradc_context *gc, const char *class, int i) {
  if (!gc || !class || i < 0) return NULL;
  Listing l = {gc, class};
  bool known = gc->words.class && !strcmp(gc->words.class, class);
  if (!known && api_run(gc, list, &l) != GRADC_OK) return NULL;
  return i < gc->words.n ? gc->words.at[i] : NULL;
}

/* ---- format ---- */
typedef struct Formatting {
  const char *label, *given, *text;
  size_t n;
  bool changed;
} Formatting;

static Status format(Session *s, void *arg) {
  Formatting *f = arg;
  int32_t number = f->given ? cx_add_source(s->cx, f->label, f->given, strlen(f->given), false)
                            : session_read_source(s->cx, f->label, (Span){0});
  if (!number) return ST_DATA;
  if (!front_format(s->cx, number, &f->text, &f->n)) return ST_SOURCE;
  const Source *src = &s->cx->sources.at[number];
  f->changed = (size_t)src->len != f->n || memcmp(src->text, f->text, f->n);
  return ST_OK;
}

gradc_status gradc_format(gradc_context *gc, const char *label, const char *text, const char **out,
                          size_t *n, int *changed) {
  API_RETURN_UNLESS(gc && label && out);
  Formatting f = {.label = label, .given = text};
  gradc_status s = api_run(gc, format, &f);
  *out = s == GRADC_OK ? f.text : NULL;
  if (n) *n = s == GRADC_OK ? f.n : 0;
  if (changed) *changed = s == GRADC_OK && f.changed;
  return s;
}

/* ---- inspect ---- */
typedef struct Inspection {
  const char *path;
  Text out;
} Inspection;

static Status inspect(Session *s, void *arg) {
  Inspection *i = arg;
  i->out = text_new(s->cx->arena);
  Status status = train_inspect(s->cx, i->path, &i->out);
  return status == ST_OK && diag_errors(s->cx) ? ST_DATA : status;
}

gradc_status gradc_inspect(gradc_context *gc, const char *path, const char **out) {
  API_RETURN_UNLESS(gc && path && out);
  Inspection i = {path, {0}};
  gradc_status s = api_run(gc, inspect, &i);
  *out = s == GRADC_OK ? text_str(&i.out) : NULL;
  return s;
}
