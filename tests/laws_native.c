/* laws_native.c: the laws of compiled code. All forms of a program (its values, gradient, tangent,
 * second derivative, for several vector widths) are compiled as one piece, which costs a fraction
 * of compiling each, and then run on copies of their inputs between guards. */
#include "laws.h"

#include "driver/compile.h"

#include <stdlib.h>

typedef enum Runs {
  RUN_ONE,      /* by one thread */
  RUN_BOTH,     /* and by two threads: the same bits */
  RUN_COMPARED, /* compiled for one thread: the bits of the job before */
} Runs;

typedef struct NativeJob {
  struct NativeJob *next;
  const Fn *f;
  const char *where;
  const Tensor *in;
  const Bounded *want;
  LoopProgram *loops;
  Runs runs;
} NativeJob;

/* ---- which ---- */
/* What is decided by size is decided for small tensors too. */
static bool small_cache(const LawCheck *c) {
  Rng r = rng_at(c->seed ^ 0xCAC4E);
  return rng_chance(&r, 50);
}

static void add_job(LawCheck *c, const NativeJob *job, int bytes, int threads, Runs runs) {
  Target t = compile_target(threads);
  t.vector_bytes = MIN(bytes, t.vector_bytes);
  if (small_cache(c)) t.l1 = 1 << 10;
  NativeJob **end = &c->native, *j = arena_copy(job->f->cx->arena, job, sizeof *job);
  while (*end) end = &(*end)->next;
  j->where = text_printf(job->f->cx, "%s, vectors of %d bytes%s", job->where, t.vector_bytes,
                         runs == RUN_COMPARED ? ", for one thread" : "");
  j->loops = loop_lower(job->f, &t);
  j->runs = runs;
  *end = j;
}

static void add_jobs(LawCheck *c, const NativeJob *job) {
  static const int widths[] = {64, 32, 16, 0};
  int number = 0;
  for (NativeJob *j = c->native; j; j = j->next) number++;
  Rng r = rng_at(c->seed ^ 0x717 ^ (uint64_t)number << 32);
  int one = rng_below(&r, COUNT_OF(widths)), threads = rng_below(&r, 100);
  for (int i = 0; i < COUNT_OF(widths); i++) {
    if (!(c->what & CHECK_ALL_WIDTHS) && i != one) continue;
    add_job(c, job, widths[i], 2, threads < 40 ? RUN_BOTH : RUN_ONE);
    if (threads < 12) add_job(c, job, widths[i], 1, RUN_COMPARED);
  }
}

/* ---- all forms as one function ---- */
typedef struct NativeForm {
  struct NativeForm *next;
  const Fn *f; /* as it is before any pass */
  NativeJob job;
} NativeForm;

void law_native_add(const Fn *f, const Fn *prepared, LawCheck *c, const char *where,
                    const Tensor *in, const Bounded *want) {
  NativeForm **end = &c->forms, *n = NEW(f->cx->arena, NativeForm);
  while (*end) end = &(*end)->next;
  *n = (NativeForm){.f = f, .job = {.f = prepared, .where = where, .in = in, .want = want}};
  *end = n;
}

/* An input for input i of f: one there is already, where name and type are the same. */
static Val shared_input(Builder *b, const Input *in) {
  Name name = in->name;
  for (int k; (k = fn_input(b->fn, name)) >= 0; name = name_fmt(b->cx, "%s_", name)) {
    const Input *old = &b->fn->in.at[k];
    if (old->type == in->type && shape_eq(&old->shape, &in->shape)) return old->val;
  }
  return ir_input(b, name, in->type, &in->shape, in->role, in->span);
}

/* The outputs of all forms. */
static Fn *joined(const NativeForm *form) {
  Cx *cx = form->f->cx;
  Builder b = ir_begin(cx, form->f->name);
  for (; form; form = form->next) {
    const Fn *f = form->f;
    Val *args = NEWS(cx->arena, Val, f->in.n + 1), *outs = NEWS(cx->arena, Val, f->out.n + 1);
    for (int i = 0; i < f->in.n; i++) args[i] = shared_input(&b, &f->in.at[i]);
    ir_inline(&b, f, args, outs);
    for (int i = 0; i < f->out.n; i++) ir_output(&b, NULL, outs[i]);
  }
  return ir_finish(&b);
}

enum { MOST_TOGETHER = 600 }; /* instructions */

/* In most programs the forms are one function with all their outputs: what they have in common is
 * compiled once then, and whatever is fused is larger. In the others each is a function. */
static bool add_all_jobs(LawCheck *c) {
  Rng r = rng_at(c->seed ^ 0x7063);
  const NativeForm *all = c->forms;
  bool together = !(c->what & CHECK_ALL_WIDTHS) && all && all->next && rng_chance(&r, 80);
  const Fn *f = together ? joined(all) : NULL;
  const Fn *g = f ? compile_prepare(f, &(SizeBindings){0}) : NULL;
  if (f && !g) return law_declined(f->cx, c, "all forms together");
  if (!g || law_instructions(g) > MOST_TOGETHER) {
    for (const NativeForm *n = all; n; n = n->next) add_jobs(c, &n->job);
    return true;
  }
  NativeJob job = {
      .f = g, .where = "all forms together", .in = random_inputs(g, c->seed, c->spice)};
  Bounded *want = NEWS(g->cx->arena, Bounded, g->out.n + 1);
  eval_bounded(g, job.in, c->seed, want);
  job.want = want;
  add_jobs(c, &job);
  return true;
}

/* ---- running ---- */
enum { GUARD_BYTES = 64, GUARD = 0xA5 };

static void *guarded(Cx *cx, int64_t bytes) {
  char *p = arena_alloc(cx->arena, (size_t)bytes + 2 * GUARD_BYTES);
  memset(p, GUARD, (size_t)bytes + 2 * GUARD_BYTES);
  return p + GUARD_BYTES;
}
static bool guards_stand(const void *data, int64_t bytes) {
  const uint8_t *p = data;
  for (int i = 1; i <= GUARD_BYTES; i++)
    if (p[-i] != GUARD || p[bytes + i - 1] != GUARD) return false;
  return true;
}

static GradcRt *runtime(int threads) {
  static GradcRt *rt[3]; /* threads outlive single programs */
  if (!rt[threads]) rt[threads] = gradc_rt_new(threads);
  return rt[threads];
}

/* Runs on copies of the inputs, with a workspace full of bytes `before`; false when something
 * besides the outputs was written. */
static bool run_native(const Compiled *n, const Tensor *in, Tensor *out, GradcRt *rt, int before) {
  const Fn *f = n->fn;
  Cx *cx = f->cx;
  void **ip = NEWS(cx->arena, void *, f->in.n + 1), **op = NEWS(cx->arena, void *, f->out.n + 1);
  int64_t *ib = NEWS(cx->arena, int64_t, f->in.n + 1), *ob = NEWS(cx->arena, int64_t, f->out.n + 1);
  for (int i = 0; i < f->in.n; i++) {
    ib[i] = tensor_count(&in[i]) * type_info[in[i].type].bytes;
    ip[i] = guarded(cx, ib[i]);
    memcpy(ip[i], in[i].data, (size_t)ib[i]);
  }
  for (int i = 0; i < f->out.n; i++) {
    const Ins *y = fn_ins(f, f->out.at[i].val);
    out[i] = (Tensor){(DType)y->type, y->shape, NULL};
    ob[i] = tensor_count(&out[i]) * type_info[y->type].bytes;
    op[i] = out[i].data = guarded(cx, ob[i]);
  }
  memset(n->workspace, before, n->workspace_bytes);
  char *behind = (char *)n->workspace + n->workspace_bytes; /* compile_loops left it unused */
  memset(behind, GUARD, GUARD_BYTES);
  n->run(ip, op, n->workspace, rt);
  bool ok = true;
  for (int i = 0; i < f->in.n; i++)
    ok = ok && guards_stand(ip[i], ib[i]) && !memcmp(ip[i], in[i].data, (size_t)ib[i]);
  for (int i = 0; i < f->out.n; i++) ok = ok && guards_stand(op[i], ob[i]);
  for (int i = 0; i < GUARD_BYTES; i++) ok = ok && (uint8_t)behind[i] == GUARD;
  return ok;
}

static bool law_bits(LawCheck *c, const NativeJob *j, const Tensor *x, const Tensor *y,
                     const char *what) {
  for (int i = 0; i < j->f->out.n; i++) {
    int64_t at = 0, bytes = type_info[x[i].type].bytes;
    if (same_bits(&x[i], &y[i])) continue;
    while (!memcmp((char *)x[i].data + at * bytes, (char *)y[i].data + at * bytes, (size_t)bytes))
      at++;
    return law_broken(c, LAW_THREADS, j->where,
                      text_printf(j->f->cx, "output %d, element %lld: %.17g and %.17g, %s\n%s", i,
                                  (long long)at, tensor_get(&x[i], at), tensor_get(&y[i], at), what,
                                  dump_text(j->f)));
  }
  return true;
}

/* Before loops are made, sums of products are distributed otherwise once more (loop/prepare.c),
 * which where something isn't finite is another value: inf * (0 + 1) and inf * 0 + inf * 1. So
 * there the evaluator takes what loops are made of. */
static const char *differs_lowered(LawCheck *c, const NativeJob *j, int output, const Tensor *got) {
  Cx *cx = j->f->cx;
  const Fn *f = j->loops->fn;
  Bounded *y = NEWS(cx->arena, Bounded, f->out.n + 1);
  eval_bounded(f, j->in, c->seed, y);
  return differs(cx, &y[output], got);
}

/* out: what it gave; for RUN_COMPARED on entry, what the same gave before. */
static bool run_job(LawCheck *c, const NativeJob *j, const Compiled *n, Tensor *out) {
  Cx *cx = j->f->cx;
  Tensor *again = NEWS(cx->arena, Tensor, j->f->out.n + 1), *y = out;
  c->form = j->f;
  c->checks++;
  if (j->runs == RUN_COMPARED) y = again;
  if (!run_native(n, j->in, y, runtime(1), j->runs == RUN_COMPARED ? 0 : 0xFF))
    return law_broken(c, LAW_GUARD, j->where, dump_text(j->f));
  if (j->runs == RUN_COMPARED)
    return law_bits(c, j, out, y, "compiled for 1 thread, in another workspace");
  for (int i = 0; i < j->f->out.n; i++) {
    const char *wrong = differs(cx, &j->want[i], &y[i]);
    if (wrong && c->spice >= SPICE_NASTY) wrong = differs_lowered(c, j, i, &y[i]);
    if (wrong)
      return law_broken(c, LAW_JIT, j->where,
                        text_printf(cx, "output %d, %s\n%s", i, wrong, dump_text(j->f)));
  }
  if (j->runs == RUN_ONE) return true;
  if (!run_native(n, j->in, again, runtime(2), 0))
    return law_broken(c, LAW_GUARD, j->where, dump_text(j->f));
  return law_bits(c, j, out, again, "run by 2 threads in another workspace");
}

bool law_native_run(LawCheck *c) {
  if (!add_all_jobs(c)) return false;
  if (!c->native) return true;
  Cx *cx = c->native->f->cx;
  int most = 1;
  for (NativeJob *j = c->native; j; j = j->next) most = MAX(most, j->f->out.n);
  Tensor *out = NEWS(cx->arena, Tensor, most);
  bool ok = true;
  /* most programs as LLVM makes them of what was printed: that is cheap, and its passes can hide
   * nothing */
  cx->code_quick = c->seed % 16 != 0;
  cx->code_cache = CODE_CACHE_OFF;
  for (NativeJob *j = c->native; j && ok; j = j->next) {
    Compiled *made = compile_loops(j->f, j->loops);
    ok = made ? run_job(c, j, made, out) : law_declined(cx, c, j->where);
    if (made) compiled_free(made);
  }
  cx->code_quick = false;
  return ok;
}
