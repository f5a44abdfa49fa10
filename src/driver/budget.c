/* budget.c: a program is made to fit into a number of bytes. In: a function, perhaps with
 * derivatives still to be expanded; sizes. Out: the cheapest of the ways to compute it whose
 * workspace is small enough.
 *
 * The ways are tried in the order of what they cost; the workspace of each is not guessed but that
 * of the program it becomes:
 *
 *   keep less for what leaves loops; cut rows into smaller chunks    (no arithmetic more)
 *   save only what loops carry                                       (contractions once more)
 *   run loops in segments before they are differentiated, 1, 2, .. deep
 *                                                       (the forward steps once more for each)
 *   restore steps from binomial snapshots, as many as fit     (as many runs as that makes)
 *
 * Of the last two the cheaper is taken: nesting saves all of its innermost segment, so that a step
 * needn't be run once more where it is undone; snapshots share their room among all depths. */
#include "driver/compile.h"
#include "pass/pass.h"

#include <math.h>

enum { MOST_LEVELS = 6, NOTED = 5 };

static int64_t workspace(const Fn *f, int threads) {
  Target t = compile_target(threads);
  return loop_lower(f, &t)->workspace;
}

static bool has_loop(const Fn *f) {
  const Fn *body[8];
  for (Val v = 1; v < f->ins.n; v++) {
    if (fn_ins(f, v)->op == OP_loop) return true;
    for (int i = 0, n = ins_bodies(fn_ins(f, v), body); i < n; i++)
      if (has_loop(body[i])) return true;
  }
  return false;
}

typedef struct Fit {
  const Fn *f;
  const SizeBindings *sizes;
  const Fn *best; /* the smallest so far */
  int64_t bytes;  /* its workspace */
  int64_t last;   /* workspace of the one tried last */
  double runs;    /* it fits, but a step would be run so many times; 0: it doesn't */
} Fit;

/* True where it fits, or can't be compiled at all (best is NULL then). */
static bool try_thrift(Fit *fit, const Thrift *t) {
  Cx *cx = fit->f->cx;
  cx->thrift = t;
  const Fn *g = compile_once(fit->f, fit->sizes);
  cx->thrift = NULL;
  int64_t bytes = fit->last = g ? workspace(g, cx->bound.threads) : 0;
  if (!g || !fit->best || bytes < fit->bytes) fit->best = g, fit->bytes = bytes;
  return !g || bytes <= cx->bound.bytes;
}

/* One depth of segments, with larger and smaller chunks of rows. */
static bool try_depth(Fit *fit, int levels, bool recompute) {
  double most = (double)fit->f->cx->bound.bytes;
  static const double share[] = {8, 32, 256};
  int64_t before = -1;
  for (int i = 0; i < COUNT_OF(share); i++) {
    Thrift t = {.levels = levels,
                .recompute = recompute,
                .hoist = i ? 0 : most / share[i],
                .above = most / share[i],
                .chunk = most / share[i]};
    if (try_thrift(fit, &t)) return true;
    if (fit->bytes == before) break; /* smaller chunks change nothing */
    before = fit->bytes;
  }
  return false;
}

enum { SNAPSHOT_TRIES = 8, MOST_RUNS = 100 }; /* of a step: beyond that nobody waits for it */

/* As many snapshots as fit; what that costs in runs of a step. Infinite: it doesn't help. */
static double try_snapshots(Fit *fit) {
  double most = (double)fit->f->cx->bound.bytes, room = most;
  for (int i = 0; i < SNAPSHOT_TRIES && room >= 1; i++) {
    struct Again again = {0};
    Thrift t = {.recompute = true,
                .snapshots = room,
                .again = &again,
                .above = most / 32,
                .chunk = most / 32};
    bool fits = try_thrift(fit, &t);
    if (again.runs <= 0) break; /* no loop is so long */
    if (fits && again.runs <= MOST_RUNS) return again.cost;
    if (fits) {
      fit->runs = again.runs;
      break;
    }
    double over = (double)fit->last - most;
    room = over < 0.9 * room ? room - 1.02 * over : i + 2 < SNAPSHOT_TRIES ? room / 8 : 1;
  }
  return INFINITY;
}

static const char *size_text(Cx *cx, int64_t bytes) {
  if (bytes < 10 << 10) return name_fmt(cx, "%lld bytes", (long long)bytes);
  if (bytes < 10 << 20) return name_fmt(cx, "%.1f KiB", (double)bytes / 1024);
  return name_fmt(cx, "%.1f MiB", (double)bytes / (1 << 20));
}

static void refuse(const Fit *fit) {
  Cx *cx = fit->f->cx;
  Target target = compile_target(cx->bound.threads);
  LoopProgram *p = loop_lower(fit->best, &target);
  Diag *d = diag(cx, E0706, fit->f->span,
                 "`%s` needs %s of workspace, more than the %s that --memory allows",
                 fit->f->name ? fit->f->name : "the program", size_text(cx, fit->bytes),
                 size_text(cx, cx->bound.bytes));
  if (fit->runs > 0)
    diag_note(cx, d, "it would fit if each step of a loop were run about %.0f times", fit->runs);
  PeakItem item[NOTED];
  int n = loop_peak(p, item, NOTED);
  for (int i = 0; i < n; i++) {
    const char *text =
        name_fmt(cx, "`%s` takes %s of it", item[i].name, size_text(cx, item[i].bytes));
    if (item[i].span.source && !cx->sources.at[item[i].span.source].prelude)
      diag_label(cx, d, item[i].span, "%s", text);
    else diag_note(cx, d, "%s", text);
  }
}

Fn *compile_within(const Fn *f, const SizeBindings *sizes) {
  Fit fit = {.f = f, .sizes = sizes};
  Thrift free = THRIFT_NONE;
  if (try_thrift(&fit, &free)) return (Fn *)fit.best;
  bool loops = has_loop(fit.best);
  for (int recompute = 0; recompute <= loops; recompute++)
    if (try_depth(&fit, 0, recompute)) return (Fn *)fit.best;
  Fit few = fit;
  double cost = loops ? try_snapshots(&few) : INFINITY;
  for (int levels = 1; loops && levels <= MOST_LEVELS; levels++)
    for (int recompute = 0; recompute <= loops; recompute++)
      if (levels + recompute <= cost && try_depth(&fit, levels, recompute)) return (Fn *)fit.best;
  if (cost < INFINITY) return (Fn *)few.best;
  fit.runs = few.runs;
  refuse(&fit);
  return NULL;
}
