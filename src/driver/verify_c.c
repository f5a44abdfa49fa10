/* verify_c.c: see verify_c.h. In: a C file that emit_c made. It is compiled into a shared object in
 * a folder of its own, loaded, and run on random inputs beside the machine code of the same loops.
 */
#include "driver/verify_c.h"
#include "driver/system_cc.h"

#include <dlfcn.h>
#include <math.h>
#include <time.h>
#include <unistd.h>

typedef void (*EntryFn)(void *const *in, void *const *out, void *ws, const int64_t *sizes);

const char *verify_c_entries(const CFile *f) {
  Text t = text_new(f->cx->arena);
  for (int i = 0; i < f->fn.n; i++) {
    const char *name = f->fn.at[i]->name;
    const char *head = name_fmt(
        f->cx,
        "void gradc_verify_%s(void *const *in, void *const *out, void *ws, const int64_t *n)",
        name);
    text_fmt(&t, "%s;\n%s {\n  (void)n;\n  %s_%s_run(in, out, (unsigned char *)ws", head, head,
             f->prefix, name);
    for (int k = 0; k < f->fn.at[i]->size.n; k++) text_fmt(&t, ", n[%d]", k);
    text_add(&t, ");\n}\n");
  }
  return text_str(&t);
}

/* ---- inputs and results ---- */
static double uniform(uint64_t *seed) {
  *seed = *seed * 6364136223846793005u + 1442695040888963407u;
  return (double)(*seed >> 11) * 0x1p-53;
}

/* Integers are 0 or 1, so that indices stay inside; states and seeds are positive. */
static void fill(Tensor *t, InputRole role, uint64_t *seed) {
  bool real = type_is_float(t->type), any_sign = role == ROLE_ARG || role == ROLE_PARAM;
  for (int64_t i = 0; i < tensor_count(t); i++) {
    double v = uniform(seed);
    tensor_set(t, i, !real ? (double)(v < 0.5) : any_sign ? 2 * v - 1 : v + 0.01);
  }
}

static int64_t ordered(const Tensor *t, int64_t i) {
  if (t->type == T_F32) {
    int32_t b;
    memcpy(&b, (const float *)t->data + i, 4);
    return b < 0 ? (int64_t)INT32_MIN - b : b;
  }
  int64_t b;
  memcpy(&b, (const double *)t->data + i, 8);
  return b < 0 ? INT64_MIN - b : b;
}

static void compare(const Tensor *a, const Tensor *b, int64_t *wrong, double *ulps) {
  size_t bytes = (size_t)type_info[a->type].bytes;
  for (int64_t i = 0; i < tensor_count(a); i++) {
    size_t at = (size_t)i * bytes;
    if (!memcmp((const char *)a->data + at, (const char *)b->data + at, bytes)) continue;
    double x = tensor_get(a, i), y = tensor_get(b, i);
    if (x != x && y != y) continue; /* which NaN it is isn't promised */
    (*wrong)++;
    double d =
        type_is_float(a->type) ? fabs((double)ordered(a, i) - (double)ordered(b, i)) : INFINITY;
    *ulps = fmax(*ulps, x != x || y != y ? INFINITY : d);
  }
}

/* ---- one function ---- */
typedef struct Side { /* the same arguments for each side, since steps change them in place */
  Tensor *in, *out;
  void **in_at, **out_at;
} Side;

static Side make_side(const Fn *f) {
  Arena *a = f->cx->arena;
  uint64_t seed = 42;
  Side s = {NEWS(a, Tensor, f->in.n + 1), NEWS(a, Tensor, f->out.n + 1),
            NEWS(a, void *, f->in.n + 1), NEWS(a, void *, f->out.n + 1)};
  for (int i = 0; i < f->in.n; i++) {
    s.in[i] = tensor_new(f->cx, a, f->in.at[i].type, &f->in.at[i].shape);
    fill(&s.in[i], f->in.at[i].role, &seed);
    s.in_at[i] = s.in[i].data;
  }
  for (int k = 0; k < f->out.n; k++) {
    const Ins *y = fn_ins(f, f->out.at[k].val);
    int alias = f->out.at[k].alias;
    s.out[k] = alias >= 0 ? s.in[alias] : tensor_new(f->cx, a, (DType)y->type, &y->shape);
    s.out_at[k] = s.out[k].data;
  }
  return s;
}

/* Of this thread's work: others on the machine don't count. */
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The two sides' calls, in groups that last long enough for the clock. */
typedef struct Race {
  EntryFn c;
  const Compiled *jit;
  const Side *side;
  void *ws;
  const int64_t *sizes;
  GradcRt *rt;
} Race;

static double group(const Race *r, bool jit, int64_t calls) {
  const Side *s = r->side;
  double begin = now();
  if (jit)
    for (int64_t i = 0; i < calls; i++) compiled_run(r->jit, s->in_at, s->out_at, r->rt);
  else
    for (int64_t i = 0; i < calls; i++) r->c(s->in_at, s->out_at, r->ws, r->sizes);
  return now() - begin;
}

/* The least of each over groups that take turns, so that what else the machine does strikes both:
 * until neither has got better for a while. */
static double time_ratio(const Race *r) {
  enum { STILL = 24 };
  const double shortest = 100e-6, least = 0.03, most = 0.5, better = 0.995;
  double best[2] = {INFINITY, INFINITY}, begin = now();
  int64_t calls = 1;
  for (int still = 0, turn = 0; now() - begin < most; turn++) {
    double took[2];
    for (int k = 0; k < 2; k++) {
      int side = k ^ (turn & 1);
      took[side] = group(r, side, calls);
    }
    if (fmin(took[0], took[1]) < shortest && now() - begin < most / 4) {
      calls *= 2;
      continue;
    }
    for (int k = 0; k < 2; k++) took[k] /= (double)calls;
    bool news = took[0] < best[0] * better || took[1] < best[1] * better;
    for (int k = 0; k < 2; k++) best[k] = fmin(best[k], took[k]);
    still = news ? 0 : still + 1;
    if (still >= STILL && now() - begin > least) break;
  }
  return best[0] / best[1];
}

/* ---- what it must agree with ---- */
/* What the sizes that stay names are tried at: below, at and beyond vectors and tiles. */
static const int64_t tried[] = {1, 2, 3, 7, 16, 19, 37, 64};

typedef struct Reference {
  int64_t size;   /* of all named sizes */
  GradcRt *rt;    /* what the machine code is run by */
  Compiled *jit;  /* machine code of the loops that the C is of */
  Side got;       /* its results */
  int64_t differ; /* elements in which code made for that size alone differs, */
  double ulps;    /* and by how much: its sums may have another order */
} Reference;
typedef Vec(Reference) References;

static bool add_reference(const CFunction *fn, int64_t size, GradcRt *rt, References *out) {
  Cx *cx = fn->loops->cx;
  SizeBindings bound = emit_c_all_sizes(fn, size);
  LoopProgram *loops = emit_c_bound(fn, &bound);
  if (!loops) { /* the function makes no sense for that size: a status */
    diag_clear(cx);
    return true;
  }
  const Fn *f = loops->given;
  Reference r = {.size = size, .rt = rt, .jit = compile_loops(f, loops)};
  if (!r.jit) return false;
  r.got = make_side(f);
  compiled_run(r.jit, r.got.in_at, r.got.out_at, rt);
  if (fn->size.n) {
    const Fn *known = compile_prepare(f, &(SizeBindings){0});
    Compiled *special = known ? compile_native(known, &fn->loops->target) : NULL;
    if (!special) return false;
    Side c = make_side(f);
    compiled_run(special, c.in_at, c.out_at, rt);
    for (int k = 0; k < f->out.n; k++) compare(&r.got.out[k], &c.out[k], &r.differ, &r.ulps);
  }
  vec_push(cx->arena, out, r);
  return true;
}

static bool make_references(const CFunction *fn, GradcRt *rt, References *out) {
  if (!fn->size.n) return add_reference(fn, 0, rt, out);
  for (int i = 0; i < COUNT_OF(tried); i++)
    if (!add_reference(fn, tried[i], rt, out)) return false;
  return true;
}

static void check_function(void *so, const CFunction *fn, const References *refs,
                           const char *compiler, VerifyReport *report) {
  Cx *cx = fn->loops->cx;
  EntryFn entry = (EntryFn)(uintptr_t)dlsym(so, name_fmt(cx, "gradc_verify_%s", fn->name));
  if (!entry) cx_bug(cx, "emitted C without %s", fn->name);
  VerifyRow row = {.compiler = compiler, .function = fn->name};
  for (int i = 0; i < refs->n; i++) {
    const Reference *r = &refs->at[i];
    const Fn *f = r->jit->fn;
    int64_t *sizes = NEWS(cx->arena, int64_t, fn->size.n + 1);
    for (int k = 0; k < fn->size.n; k++) sizes[k] = r->size;
    Side a = make_side(f);
    entry(a.in_at, a.out_at, r->jit->workspace, sizes);
    for (int k = 0; k < f->out.n; k++) compare(&a.out[k], &r->got.out[k], &row.wrong, &row.ulps);
    if (i == refs->n - 1 && !report->untimed)
      row.ratio = time_ratio(&(Race){entry, r->jit, &a, r->jit->workspace, sizes, r->rt});
    row.sizes += fn->size.n > 0;
    row.special += fn->size.n && !r->differ;
    row.special_ulps = fmax(row.special_ulps, r->ulps);
  }
  vec_push(cx->arena, &report->row, row);
}

/* ---- all ---- */
static void with_compiler(const CFile *f, const References *refs, const char *folder,
                          const char *compiler, const char *flags, VerifyReport *out) {
  Cx *cx = f->cx;
  const char *so_path = name_fmt(cx, "%s/%s.so", folder, compiler),
             *c_path = name_fmt(cx, "%s/program.c", folder);
  const char *more = "-std=c11 -w -shared -fPIC -o";
  int code = run_quietly(
      cx, name_fmt(cx, "%s %s %s %s %s -lm", compiler, flags, more, so_path, c_path), NULL);
  if (code == 127) return;
  out->compilers++;
  void *so = code ? NULL
                  : dlopen(so_path, RTLD_NOW | RTLD_LOCAL |
                                        (strstr(flags, "-fopenmp") ? RTLD_NODELETE
                                                                   : 0)); /* its threads stay */
  unlink(so_path);
  if (!so) {
    out->failed = compiler;
    return;
  }
  for (int i = 0; i < f->fn.n; i++) check_function(so, f->fn.at[i], &refs[i], compiler, out);
  dlclose(so);
}

static void free_runtime(void *rt) { gradc_rt_free(rt); }

bool verify_c(const CFile *f, const char *source, const char *header, const char *flags,
              VerifyReport *out) {
  static const char *const compilers[] = {"gcc", "clang", "cc"};
  Cx *cx = f->cx;
  const char *folder = scratch_open(cx);
  bool ok = folder && scratch_write(cx, folder, "program.c", source) &&
            scratch_write(cx, folder, f->header, header);
  References *refs = NEWS(cx->arena, References, f->fn.n + 1);
  GradcRt *rt = gradc_rt_new(1); /* results don't depend on the number of threads */
  if (!rt) cx_no_room(cx, 0);
  arena_defer(cx->arena, free_runtime, rt);
  for (int i = 0; i < f->fn.n && ok; i++) ok = make_references(f->fn.at[i], rt, &refs[i]);
  for (int i = 0; i < COUNT_OF(compilers) && ok; i++)
    if (i < 2 || !out->compilers)
      with_compiler(f, refs, folder, compilers[i], flags, out); /* cc is one of the others */
  if (folder) scratch_close(folder);
  return ok;
}
