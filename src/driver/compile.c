/* compile.c: the pipeline behind every command that runs something. */
#include "driver/compile.h"
#include "pass/pass.h"

#include <stdlib.h>
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Under thrift derivatives wait for numbers: what they may keep depends on them. */
Fn *compile_once(const Fn *f, const SizeBindings *sizes) {
  const Thrift *thrift = f->cx->thrift;
  Thrift free = THRIFT_NONE;
  Fn *g = thrift && sizes ? pass_bind_sizes(f, sizes) : (Fn *)f;
  if (g) g = pass_expand(g);
  if (g) g = pass_simplify(pass_inline_calls(g));
  if (!g || !sizes) return g;
  if (!thrift) thrift = &free;
  g = pass_bind_sizes(g, sizes);
  if (g) g = pass_simplify(g); /* extents of 1 and exact reads are known only now */
  if (g) g = pass_chunk(g, thrift->above, thrift->chunk);
  return g ? pass_hoist(g, thrift->hoist) : NULL;
}

Fn *compile_prepare(const Fn *f, const SizeBindings *sizes) {
  return f->cx->bound.bytes && sizes ? compile_within(f, sizes) : compile_once(f, sizes);
}

void compile_bind_rest(const Fn *f, SizeBindings *sizes, int64_t number) {
  SizeBindings names = {0};
  for (int i = 0; i < f->in.n; i++)
    for (int d = 0; d < f->in.at[i].shape.rank; d++)
      dim_names(f->cx, f->in.at[i].shape.dim[d], f->cx->arena, &names);
  for (int i = 0; i < names.list.n; i++) {
    Dim known;
    if (!size_lookup(sizes, names.list.at[i].name, &known))
      size_bind(f->cx->arena, sizes, names.list.at[i].name, number);
  }
}

Target compile_target(int threads) {
  Target t = target_host();
  t.threads = threads < 1 ? 1 : threads;
  return t;
}

static void *no_code(Cx *cx, const Fn *f, const char *why) {
  Diag *d = diag(cx, E0701, f->span, "`%s` can't be compiled to machine code",
                 f->name ? f->name : "the program");
  diag_note(cx, d, "%s", why);
  return NULL;
}

typedef struct NativeHold {
  const LlvmBackend *llvm;
  Native *native;
  void *workspace;
} NativeHold;

static void let_go(void *arg) {
  NativeHold *h = arg;
  h->llvm->dispose(h->native);
  free(h->workspace);
  h->native = NULL;
  h->workspace = NULL;
}

void compiled_free(Compiled *c) { let_go(c->hold); }

Compiled *compile_native(const Fn *prepared, const Target *t) {
  char why[600] = "";
  back_llvm(why, sizeof why); /* loads it the first time: not compilation */
  double start = now();
  Compiled *c = compile_loops(prepared, loop_lower(prepared, t));
  if (c) c->seconds = now() - start;
  return c;
}

enum { WORKSPACE_ALIGN = 64 };

/* One block for all workspaces, each followed by at least WORKSPACE_ALIGN bytes nobody uses. */
static void place_workspaces(Cx *cx, NativeHold *hold, Compiled *c, int n) {
  size_t bytes = 0;
  for (int i = 0; i < n; i++) {
    size_t own = c[i].workspace_bytes = (size_t)c[i].loops->workspace;
    bytes += ((own + WORKSPACE_ALIGN - 1) & ~(size_t)(WORKSPACE_ALIGN - 1)) + WORKSPACE_ALIGN;
  }
  char *at = hold->workspace = aligned_alloc(WORKSPACE_ALIGN, bytes);
  if (!at) cx_no_room(cx, (double)bytes);
  for (int i = 0; i < n; i++) {
    c[i].workspace = at;
    at += ((c[i].workspace_bytes + WORKSPACE_ALIGN - 1) & ~(size_t)(WORKSPACE_ALIGN - 1)) +
          WORKSPACE_ALIGN;
  }
}

Compiled *compile_together(const Fn *const *f, LoopProgram *const *loops, int n,
                           LlvmEffort effort) {
  Cx *cx = f[0]->cx;
  char why[600] = "";
  const LlvmBackend *llvm = back_llvm(why, sizeof why);
  double start = now();
  if (!llvm) return no_code(cx, f[0], why);
  Compiled *c = NEWS(cx->arena, Compiled, n);
  for (int i = 0; i < n; i++) {
    const char *wrong = loop_verify(loops[i]);
    if (wrong) cx_bug(cx, "loops of %s: %s", f[i]->name ? f[i]->name : "the program", wrong);
  }
  NativeHold *hold = NEW(cx->arena, NativeHold);
  hold->llvm = llvm;
  arena_defer(cx->arena, let_go, hold);
  hold->native = llvm->compile((const LoopProgram *const *)loops, n, effort, why, sizeof why);
  if (!hold->native) return no_code(cx, f[0], why);
  for (int i = 0; i < n; i++)
    c[i] = (Compiled){
        .fn = f[i], .loops = loops[i], .run = llvm->entry(hold->native, i), .hold = hold};
  place_workspaces(cx, hold, c, n);
  c->seconds = now() - start;
  return c;
}

Compiled *compile_loops(const Fn *prepared, LoopProgram *loops) {
  return compile_together(&prepared, &loops, 1, LLVM_FULL);
}
