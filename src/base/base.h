/* base.h: what every layer stands on: memory, names, text, and the compilation context.
 *
 * All memory of a compilation comes from arenas and is given back at once; passes free nothing.
 * There is one way out that is not a return: cx_guard() sets a trap, and running out of memory or
 * a broken invariant (cx_bug) unwinds to it. Errors of the user never unwind: they are recorded
 * as diagnostics (diag.h) and the work goes on. The same way out serves a user who interrupts: work
 * that can be long asks cx_poll() now and then whether it is still wanted. */
#ifndef GRADC_BASE_H
#define GRADC_BASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__)
#define GC_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define GC_NORETURN     __attribute__((noreturn))
#else
#define GC_PRINTF(f, a)
#define GC_NORETURN
#endif

typedef struct Cx Cx;
typedef struct Arena Arena;

/* ---- status: the one table of ways a call of the library can end; exit codes of the contract ---
 */
#define STATUS_TABLE(_)                                                                            \
  _(OK, 0, "ok")                                                                                   \
  _(FINDINGS, 1, "a check failed")                                                                 \
  _(USAGE, 2, "wrong usage")                                                                       \
  _(SOURCE, 3, "the program has errors")                                                           \
  _(DATA, 4, "a file or its data can't be used")                                                   \
  _(INTERNAL, 5, "internal error")                                                                 \
  _(MEMORY, 6, "out of memory")                                                                    \
  _(INTERRUPTED, 130, "interrupted")
typedef enum Status {
#define _(name, code, text) ST_##name = code,
  STATUS_TABLE(_)
#undef _
} Status;
const char *status_text(Status s);

/* ---- arenas ---- */
/* A fresh arena; cx may be NULL (then allocation failure returns NULL instead of unwinding). An
 * arena that is never freed, because something unwound past it, goes with its context. */
Arena *arena_new(Cx *cx);
void arena_free(
    Arena *a); /* runs the deferred clean-ups, newest first, then gives all memory back */
void *arena_alloc(Arena *a, size_t bytes); /* zeroed, aligned to 16 */
void *arena_copy(Arena *a, const void *from, size_t bytes);
/* Calls done(arg) when the arena is freed: for what isn't memory (files, LLVM modules). */
void arena_defer(Arena *a, void (*done)(void *), void *arg);
size_t arena_bytes(const Arena *a); /* taken from the system so far */
size_t cx_bytes(const Cx *cx);      /* by all arenas of the context */
#define NEW(arena, T)     ((T *)arena_alloc((arena), sizeof(T)))
#define NEWS(arena, T, n) ((T *)arena_alloc_n((arena), sizeof(T), (n)))
void *arena_alloc_n(Arena *a, size_t size, int64_t n); /* n * size, overflow is out of memory */

/* A room for compiled code to work in, aligned to 64, not cleared; NULL: there is none. For free().
 */
void *room_alloc(size_t bytes);

/* ---- growable arrays: Vec(T) v = {0}; vec_push(arena, &v, x); v.at[i], v.n ---- */
#define Vec(T)                                                                                     \
  struct {                                                                                         \
    T *at;                                                                                         \
    int32_t n, cap;                                                                                \
  }
#define vec_push(arena, v, x)                                                                      \
  ((v)->n == (v)->cap                                                                              \
       ? (void)((v)->at = vec_grow_((arena), (v)->at, (v)->n, &(v)->cap, sizeof *(v)->at))         \
       : (void)0,                                                                                  \
   (v)->at[(v)->n++] = (x))
void *vec_grow_(Arena *a, void *at, int32_t n, int32_t *cap, size_t size);

/* ---- interned names: equal text is the same pointer ----
 */
typedef const char *Name;
Name name_of(Cx *cx, const char *text);
Name name_of_n(Cx *cx, const char *text, size_t n);
Name name_fmt(Cx *cx, const char *fmt, ...) GC_PRINTF(2, 3);

/* ---- text buffers ---- */
typedef struct Text {
  Arena *arena;
  char *at; /* always ends in a 0 byte once something was written */
  size_t n, cap;
} Text;
Text text_new(Arena *a);
void text_add(Text *t, const char *s);
void text_add_n(Text *t, const char *s, size_t n);
void text_fmt(Text *t, const char *fmt, ...) GC_PRINTF(2, 3);
void text_vfmt(Text *t, const char *fmt, va_list ap);
/* The shortest decimal that reads back as the same float/double; always has a '.', 'e', inf or nan.
 */
void text_f64(Text *t, double v);
void text_f32(Text *t, float v);
void text_json(Text *t, const char *s); /* as a JSON string, quoted; what isn't UTF-8 is replaced */
const char *text_str(Text *t);          /* "" when empty */

/* ---- sources and spans ----
 */
typedef struct Span { /* bytes lo..hi of a source; source 0 is "no place" */
  int32_t source, lo, hi;
} Span;
typedef struct Source {
  const char *path; /* as the user named it */
  const char *text; /* ends in a 0 byte */
  int32_t len;
  bool prelude;        /* part of gradc itself: diagnostics prefer the user's own line */
  const int32_t *line; /* where each begins; NULL: nobody has asked yet */
  int32_t lines;
} Source;

/* ---- the compilation context ----
 */
typedef struct Diags Diags;
typedef struct SizeTable SizeTable; /* ir/size.h */
typedef struct RuleBook RuleBook;   /* ir/rules.h */
typedef struct AxisTable AxisTable; /* ir/axis_names.c */
typedef struct NameTable NameTable;
typedef struct Thrift Thrift; /* pass/pass.h */

/* What is done about machine code on disk (back/code.h). */
typedef enum CodeCache {
  CODE_CACHE_USE,   /* it is looked for there, and kept where it had to be made */
  CODE_CACHE_RENEW, /* made and kept */
  CODE_CACHE_OFF    /* made */
} CodeCache;

struct Cx {
  Arena *arena;  /* lives as long as the context */
  Arena *others; /* the newest of those that were made with the context and not freed yet */
  NameTable *names;
  Vec(Source) sources; /* [0] is "no place" */
  Diags *diags;
  SizeTable *sizes;
  RuleBook *rules;
  AxisTable *axis_table;
  const Thrift *thrift; /* NULL: nothing is to be saved */
  struct {
    int64_t bytes; /* of workspace that a compiled function may take; 0: any */
    int threads;
  } bound;
  CodeCache code_cache;
  bool code_quick; /* machine code as it is printed, without optimisation: for what runs once */
  jmp_buf *trap;   /* where out of memory and cx_bug unwind to */
  Status trap_why; /* ST_MEMORY, ST_INTERNAL, ST_INTERRUPTED or ST_FINDINGS */
  const atomic_int *stop; /* set from outside, by a signal's handler or a thread: end the work;
                             NULL: nobody can */
  char trap_text[512];
};

Cx *cx_new(void); /* NULL when out of memory */
void cx_free(Cx *cx);
/* Runs work(arg) with a trap set (nests). Returns work's status, or ST_MEMORY / ST_INTERNAL with
 * the text in cx->trap_text, or ST_INTERRUPTED, when it unwound. */
Status cx_guard(Cx *cx, Status (*work)(void *arg), void *arg);
GC_NORETURN void cx_bug(Cx *cx, const char *fmt, ...) GC_PRINTF(2, 3);
GC_NORETURN void cx_out_of_memory(Cx *cx);
GC_NORETURN void cx_interrupted(Cx *cx); /* unwinds with ST_INTERRUPTED */
/* Ends a computation that its program made go wrong: unwinds with ST_FINDINGS. A diagnostic says
 * why. */
GC_NORETURN void cx_gone_wrong(Cx *cx);
GC_NORETURN void
cx_unwind_again(Cx *cx); /* goes on with the unwinding that a cx_guard inside stopped */
GC_NORETURN void cx_no_room(Cx *cx,
                            double bytes); /* out of memory; the text says how much was asked for */
static inline bool cx_stopping(const Cx *cx) {
  return cx->stop && atomic_load_explicit(cx->stop, memory_order_relaxed);
}
static inline void cx_poll(Cx *cx) {
  if (cx_stopping(cx)) cx_interrupted(cx);
}
/* Registers a source text (copied). Returns its number. */
int32_t cx_add_source(Cx *cx, const char *path, const char *text, size_t len, bool prelude);
/* 1-based line and column (column in bytes) of a span's start. */
void span_place(Cx *cx, Span s, int *line, int *col);
Span span_join(Span a, Span b); /* smallest span of both, which must be of one source */

#define MIN(a, b)   ((a) < (b) ? (a) : (b))
#define MAX(a, b)   ((a) > (b) ? (a) : (b))
#define COUNT_OF(a) ((int)(sizeof(a) / sizeof *(a)))

#endif
