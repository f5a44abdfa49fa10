/* api.h: what the files of libgradc share: the context behind include/gradc.h, and the way in and
 * out of it. Every call comes in by api_enter (or runs its work by api_run) and goes out by
 * api_leave, so that statuses, messages, diagnostics and the locale are seen to in one place.
 *
 * The program gradc is linked with the same files, and its commands call the same functions. */
#ifndef GRADC_API_H
#define GRADC_API_H

#include "driver/compile.h"
#include "driver/session.h"
#include "include/gradc.h"

#include <locale.h>

typedef struct ApiWords {
  const char *class; /* NULL: none yet */
  const char *const *at;
  int n;
} ApiWords;

struct gradc_context {
  Session *session;
  locale_t locale;     /* numbers with a point, whatever the process' locale says */
  gradc_status broken; /* not GRADC_OK: memory ran out in the middle of something */
  bool reference;
  int threads;
  GradcRt *rt; /* for rt_threads threads; NULL: none yet */
  int rt_threads;
  Interrupt interrupt;
  gradc_completions completions; /* last asked for */
  SizeBindings defined;          /* by gradc_define */
  const char *path;              /* of the last file loaded; NULL: none */
  ApiWords words;                /* last asked for */
  gradc_diagnostic *diag;
  int ndiags;
  char message[1200];
};

#define API_RETURN_UNLESS(condition)                                                               \
  if (!(condition)) return GRADC_USAGE
/* False where the context can't be used: return gc->broken then. */
bool api_enter(gradc_context *gc);
gradc_status api_leave(gradc_context *gc, Status s);
/* The part of api_leave that makes message and diagnostics. */
gradc_status api_tell(gradc_context *gc, Status s);
/* Both, around session_run. */
gradc_status api_run(gradc_context *gc, Status (*work)(Session *s, void *arg), void *arg);
/* Sets the message; returns ST_USAGE for work, which is GRADC_USAGE; or the status s. */
Status api_usage(gradc_context *gc, const char *fmt, ...) GC_PRINTF(2, 3);
Status api_says(gradc_context *gc, Status s, const char *fmt, ...) GC_PRINTF(3, 4);
/* A path without its folder; without its ending as well, in a. */
const char *path_base(const char *path);
const char *path_stem(Arena *a, const char *path, const char *ending);

/* What a run in the workspace found (NULL: the code's own): GRADC_FINDINGS with the diagnostic. */
gradc_status api_verdict(gradc_context *gc, const Compiled *c, const void *workspace);

/* ---- inside session_run ---- */
gradc_tensor api_tensor(Cx *cx, const char *name, DType type, const Shape *shape, void *data);
/* The target of compiled functions, with the pool of threads it needs. */
Target api_target(gradc_context *gc);
/* Numbers for sizes, as a caller gives them. */
Status api_sizes(gradc_context *gc, const char *const *names, const int64_t *numbers, int n,
                 SizeBindings *out);

#endif
