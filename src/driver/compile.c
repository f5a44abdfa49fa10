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

/* What is lowered of f needs no more workspace than that: however large its values are, they have
 * no place. Asked of one processor, wherever gradc runs: whether sums are made in chunks is part of
 * their order. */
static bool needs_little(const Fn *f, double bytes) {
  Target t;
  return target_named("x86-64-v3", &t) && (double)loop_lower(f, &t)->workspace <= bytes;
}

/* Rows in chunks, where values of all rows would take too much room. */
static Fn *chunked(Fn *f, const Thrift *thrift) {
  Fn *cut = pass_chunk(f, thrift->above, thrift->chunk);
  return cut == f || needs_little(f, thrift->above) ? f : cut;
}

/* Derivatives that have waited so long are taken of numbers: what they keep depends on sizes, and
 * short loops in loops are gone by then. */
Fn *compile_once(const Fn *f, const SizeBindings *sizes) {
  const Thrift *thrift = f->cx->thrift;
  Thrift free = THRIFT_NONE;
  Fn *g = sizes ? pass_bind_sizes(f, sizes) : (Fn *)f;
  if (g && sizes) g = pass_unroll(g, 1);
  if (g) g = pass_expand(g);
  if (g) g = pass_simplify(pass_inline_calls(g));
  if (!g || !sizes) return g;
  if (!thrift) thrift = &free;
  Fn *flat = pass_unroll(g, 1); /* those that derivatives brought */
  if (flat != g) g = pass_simplify(flat);
  g = pass_ragged(g);
  g = pass_hoist(g, thrift->hoist);
  return g ? pass_turn(pass_block(chunked(g, thrift))) : NULL; /* not to be hoisted again */
}

Fn *compile_prepare(const Fn *f, const SizeBindings *sizes) {
  return f->cx->bound.bytes && sizes ? compile_within(f, sizes) : compile_once(f, sizes);
}

void compile_bind_rest(const Fn *f, SizeBindings *sizes, int64_t number) {
  SizeBindings names = {0};
  fn_size_names(f, &names);
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
  Native *native;
  void *workspace;
} NativeHold;

static void let_go(void *arg) {
  NativeHold *h = arg;
  native_dispose(h->native);
  free(h->workspace);
  h->native = NULL;
  h->workspace = NULL;
}

Status compiled_verdict(const Compiled *c, const void *workspace) {
  int64_t index;
  const IndexCheck *k = loop_fault(c->loops, workspace ? workspace : c->workspace, &index);
  if (!k) return ST_OK;
  ir_index_outside(c->fn->cx, k->span, index, k->extent);
  return ST_FINDINGS;
}

void compiled_free(Compiled *c) { let_go(c->hold); }

Compiled *compile_native(const Fn *prepared, const Target *t) {
  double start = now();
  Compiled *c = compile_loops(prepared, loop_lower(prepared, t));
  if (c) c->seconds = now() - start;
  return c;
}

Compiled *compile_loops(const Fn *prepared, LoopProgram *loops) {
  Cx *cx = prepared->cx;
  char why[600] = "";
  double start = now();
  Compiled *c = NEW(cx->arena, Compiled);
  c->fn = prepared;
  c->loops = loops;
  const char *wrong = loop_verify(c->loops);
  if (wrong) cx_bug(cx, "loops of %s: %s", prepared->name ? prepared->name : "the program", wrong);
  NativeHold *hold = c->hold = NEW(cx->arena, NativeHold);
  arena_defer(cx->arena, let_go, hold);
  hold->native = native_compile(c->loops, cx->code_cache, why, sizeof why);
  if (!hold->native) return no_code(cx, prepared, why);
  c->cached = native_was_cached(hold->native);
  c->workspace_bytes = (size_t)c->loops->workspace;
  hold->workspace = room_alloc(c->workspace_bytes + 64);
  if (!hold->workspace) cx_no_room(cx, (double)c->workspace_bytes);
  c->workspace = hold->workspace;
  c->run = native_entry(hold->native);
  c->seconds = now() - start;
  return c;
}
