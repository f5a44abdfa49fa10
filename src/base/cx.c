/* cx.c: the compilation context: its trap, its interned names, its sources. */
#include "base/base.h"
#include "base/diag.h"

#include <stdio.h>
#include <stdlib.h>

const char *status_text(Status s) {
  switch (s) {
#define _(name, code, text)                                                                        \
  case ST_##name: return text;
    STATUS_TABLE(_)
#undef _
  }
  return "unknown status";
}

/* ---- the trap ----
 */
GC_NORETURN static void unwind(Cx *cx, Status why) {
  cx->trap_why = why;
  if (cx->trap) longjmp(*cx->trap, 1);
  abort(); /* only reachable from code that never set a trap: a bug of the embedding layer */
}

void cx_bug(Cx *cx, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(cx->trap_text, sizeof cx->trap_text, fmt, ap);
  va_end(ap);
  unwind(cx, ST_INTERNAL);
}

void cx_out_of_memory(Cx *cx) {
  snprintf(cx->trap_text, sizeof cx->trap_text, "out of memory");
  unwind(cx, ST_MEMORY);
}

void cx_interrupted(Cx *cx) {
  cx->trap_text[0] = 0;
  unwind(cx, ST_INTERRUPTED);
}

void cx_gone_wrong(Cx *cx) {
  cx->trap_text[0] = 0;
  unwind(cx, ST_FINDINGS);
}

void cx_unwind_again(Cx *cx) { unwind(cx, cx->trap_why); }

void cx_no_room(Cx *cx, double bytes) {
  if (bytes < 1 << 20) cx_out_of_memory(cx);
  static const char *const unit[] = {"MiB", "GiB", "TiB", "PiB", "EiB"};
  int u = 0;
  for (bytes /= 1 << 20; bytes >= 1024 && u + 1 < COUNT_OF(unit); u++) bytes /= 1024;
  snprintf(cx->trap_text, sizeof cx->trap_text, "out of memory: %.4g %s were needed at once", bytes,
           unit[u]);
  unwind(cx, ST_MEMORY);
}

Status cx_guard(Cx *cx, Status (*work)(void *arg), void *arg) {
  jmp_buf env;
  jmp_buf *outer = cx->trap;
  if (setjmp(env)) {
    cx->trap = outer;
    return cx->trap_why;
  }
  cx->trap = &env;
  Status s = work(arg);
  cx->trap = outer;
  return s;
}

/* ---- names: open addressing, FNV-1a ----
 */
struct NameTable {
  Name *slot;
  uint32_t n, cap; /* cap is a power of two */
};

static uint32_t hash_text(const char *s, size_t n) {
  uint32_t h = 2166136261u;
  for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)s[i]) * 16777619u;
  return h;
}

static Name *name_slot(NameTable *t, const char *s, size_t n) {
  uint32_t i = hash_text(s, n) & (t->cap - 1);
  while (t->slot[i] && (strncmp(t->slot[i], s, n) || t->slot[i][n])) i = (i + 1) & (t->cap - 1);
  return &t->slot[i];
}

static void grow_names(Cx *cx) {
  NameTable *t = cx->names, old = *t;
  t->cap = old.cap ? old.cap * 2 : 512;
  t->slot = NEWS(cx->arena, Name, t->cap);
  for (uint32_t i = 0; i < old.cap; i++)
    if (old.slot[i]) *name_slot(t, old.slot[i], strlen(old.slot[i])) = old.slot[i];
}

Name name_of_n(Cx *cx, const char *text, size_t n) {
  NameTable *t = cx->names;
  if (4 * t->n >= 3 * t->cap) grow_names(cx);
  Name *slot = name_slot(t, text, n);
  if (!*slot) {
    char *copy = arena_alloc(cx->arena, n + 1);
    memcpy(copy, text, n);
    *slot = copy;
    t->n++;
  }
  return *slot;
}

Name name_of(Cx *cx, const char *text) { return name_of_n(cx, text, strlen(text)); }

Name name_fmt(Cx *cx, const char *fmt, ...) {
  char buf[256];
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(buf, sizeof buf, fmt, ap);
  va_end(ap);
  return name_of_n(cx, buf, (size_t)MAX(0, MIN(n, (int)sizeof buf - 1)));
}

/* ---- sources ---- */
int32_t cx_add_source(Cx *cx, const char *path, const char *text, size_t len, bool prelude) {
  if (len > INT32_MAX - 1) cx_out_of_memory(cx);
  char *copy = arena_alloc(cx->arena, len + 1);
  memcpy(copy, text, len);
  Source s = {.path = name_of(cx, path), .text = copy, .len = (int32_t)len, .prelude = prelude};
  vec_push(cx->arena, &cx->sources, s);
  return cx->sources.n - 1;
}

/* Where lines begin: looked for once, since places are asked for by the thousand. */
static void find_lines(Cx *cx, Source *s) {
  int32_t n = 1;
  for (int32_t i = 0; i < s->len; i++) n += s->text[i] == '\n';
  int32_t *line = NEWS(cx->arena, int32_t, n);
  s->lines = 1;
  for (int32_t i = 0; i < s->len; i++)
    if (s->text[i] == '\n') line[s->lines++] = i + 1;
  s->line = line;
}

void span_place(Cx *cx, Span s, int *line, int *col) {
  *line = 0, *col = 0;
  if (s.source <= 0 || s.source >= cx->sources.n) return;
  Source *src = &cx->sources.at[s.source];
  if (!src->line) find_lines(cx, src);
  int32_t at = MIN(MAX(s.lo, 0), src->len), below = 0, above = src->lines;
  while (above - below > 1) { /* the last line that doesn't begin behind it */
    int32_t middle = below + (above - below) / 2;
    if (src->line[middle] <= at) below = middle;
    else above = middle;
  }
  *line = below + 1;
  *col = at - src->line[below] + 1;
}

Span span_join(Span a, Span b) {
  if (!a.source) return b;
  if (!b.source || a.source != b.source) return a;
  return (Span){a.source, MIN(a.lo, b.lo), MAX(a.hi, b.hi)};
}

/* ---- life ---- */
static Status set_up(void *arg) {
  Cx *cx = arg;
  cx->arena = arena_new(cx);
  cx->names = NEW(cx->arena, NameTable);
  vec_push(cx->arena, &cx->sources, ((Source){.path = "", .text = ""}));
  cx->diags = diags_new(cx);
  return ST_OK;
}

Cx *cx_new(void) {
  Cx *cx = calloc(1, sizeof *cx);
  if (cx && cx_guard(cx, set_up, cx) != ST_OK) {
    cx_free(cx);
    cx = NULL;
  }
  return cx;
}

void cx_free(Cx *cx) {
  if (!cx) return;
  while (cx->others && cx->others != cx->arena)
    arena_free(cx->others); /* newest first; the context's is the oldest */
  arena_free(cx->arena);
  free(cx);
}
