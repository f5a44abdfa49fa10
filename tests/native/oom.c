/* oom.c: memory that runs out. A session through all of gradc.h is done again and again; in the
 * n-th run the n-th allocation fails. Every run must end, by a status, with everything given back.
 *
 *   oom FOLDER reference|native EVERY      EVERY: 1, or only every so many-th
 *
 * Allocations of LLVM and of the C++ library are left alone: they end the process by themselves. */
#define _GNU_SOURCE 1
#include <gradc.h>

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t align, size_t n);
extern void __libc_free(void *p);

/* ---- the allocator ---- */
static long count, fail_at; /* 0: count only */
static int counting;
static _Thread_local int inside;
enum { SLOTS = 1 << 16 };
static void *live[SLOTS]; /* what was counted and is not free yet */
static long nlive;

static int reference;

/* What the C library allocates (strdup, fopen) may be for LLVM. */
static int ours(void *caller) {
  Dl_info info;
  if (!counting || inside) return 0;
  inside = 1;
  int yes = dladdr(caller, &info) && info.dli_fname &&
            (strstr(info.dli_fname, "libgradc") || strstr(info.dli_fname, "gradc-llvm.so") ||
             strstr(info.dli_fname, "libz") || strstr(info.dli_fname, "libjansson") ||
             (reference && strstr(info.dli_fname, "libc.so")));
  inside = 0;
  return yes;
}

static size_t slot_of(void *p) {
  size_t i = ((uintptr_t)p >> 4) * 0x9E3779B97F4A7C15u >> 48;
  while (live[i % SLOTS] && live[i % SLOTS] != p) i++;
  return i % SLOTS;
}

static void *counted(void *p) {
  if (!p) return p;
  live[slot_of(p)] = p;
  nlive++;
  return p;
}

static void forget(void *p) {
  size_t i = slot_of(p);
  if (!p || !live[i]) return;
  live[i] = NULL;
  nlive--;
  for (size_t k = (i + 1) % SLOTS; live[k];
       k = (k + 1) % SLOTS) { /* whoever was pushed on by it moves up */
    void *q = live[k];
    live[k] = NULL;
    live[slot_of(q)] = q;
  }
}

static int fails(void) {
  if (++count != fail_at) return 0;
  errno = ENOMEM;
  return 1;
}

static int lock;
static void enter(void) {
  while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE)) continue;
}
static void leave(void) { __atomic_store_n(&lock, 0, __ATOMIC_RELEASE); }

#define ALLOCATE(call)                                                                             \
  if (!ours(__builtin_return_address(0))) return call;                                             \
  enter();                                                                                         \
  void *p_ = fails() ? NULL : counted(call);                                                       \
  leave();                                                                                         \
  return p_

void *malloc(size_t n) { ALLOCATE(__libc_malloc(n)); }
void *calloc(size_t n, size_t size) { ALLOCATE(__libc_calloc(n, size)); }
void *memalign(size_t align, size_t n) { ALLOCATE(__libc_memalign(align, n)); }
void *aligned_alloc(size_t align, size_t n) { ALLOCATE(__libc_memalign(align, n)); }
void *realloc(void *old, size_t n) {
  if (!ours(__builtin_return_address(0))) return __libc_realloc(old, n);
  enter();
  void *p = NULL;
  if (!fails()) {
    forget(old);
    p = counted(__libc_realloc(old, n));
  }
  leave();
  return p;
}
void free(void *p) {
  enter();
  if (counting && p) forget(p);
  leave();
  __libc_free(p);
}

/* ---- the session ---- */
static const char *folder;

static const char *path(const char *name) {
  static char text[4][600];
  static int turn;
  char *t = text[turn++ % 4];
  snprintf(t, sizeof text[0], "%s/%s", folder, name);
  return t;
}

static const char program[] =
    "import \"part.nn\"\n"
    "param W: f32[3, K] ~ glorot()\n"
    "param b: f32[K]\n"
    "fn scores(x: f32[N, 3]) = scaled(x) @ W + b\n"
    "fn loss(x: f32[N, 3], label: i32[N]) = mean(cross_entropy(scores(x), label))\n"
    "fn walk(x: f64) {\n  var y = x\n  for t in 0..4 { y = y * x + 1 }\n  y\n}\n";

#define DO(call)                                                                                   \
  do {                                                                                             \
    gradc_status s_ = (call);                                                                      \
    if (s_ != GRADC_OK) return s_;                                                                 \
  } while (0)

static gradc_status functions(gradc_context *gc) {
  gradc_function *open = NULL, *f = NULL;
  const char *const names[] = {"N"};
  const int64_t numbers[] = {2};
  const char *text;
  float x[6] = {1, 2, 3, 4, 5, 6}, dw[6], db[2];
  int32_t label[2] = {0, 1};
  const void *args[] = {x, label};
  void *results[] = {dw, db};
  DO(gradc_find(gc, "grad(loss)", &open));
  DO(gradc_source(open, &text));
  DO(gradc_specialize(open, names, numbers, 1, &f));
  DO(gradc_compile(f));
  DO(gradc_call(f, args, results));
  if (!reference) {
    void *ws = aligned_alloc(64, (gradc_workspace(f) + 63) / 64 * 64);
    gradc_status s = ws ? gradc_call_in(f, args, results, ws, gradc_workspace(f)) : GRADC_MEMORY;
    free(ws);
    if (s != GRADC_OK) return s;
  }
  gradc_release(f);
  if (!reference) return GRADC_OK;
  double v = 1.5, y;
  const void *one[] = {&v};
  void *result[] = {&y};
  DO(gradc_find(gc, "grad(walk)", &f));
  DO(gradc_call(f, one, result));
  return GRADC_OK;
}

static gradc_status parameters(gradc_context *gc) {
  const gradc_tensor *t;
  float b[2];
  for (int i = 0; i < gradc_param_count(gc); i++) DO(gradc_param(gc, i, &t));
  DO(gradc_param_get(gc, "b", b, sizeof b));
  DO(gradc_param_set(gc, "b", b, sizeof b));
  DO(gradc_params_init(gc, 3));
  DO(gradc_params_save(gc, path("w.safetensors")));
  DO(gradc_params_load(gc, path("w.safetensors")));
  DO(gradc_params_save(gc, path("w.npz")));
  DO(gradc_params_load(gc, path("w.npz")));
  return GRADC_OK;
}

static gradc_status values(gradc_context *gc) {
  gradc_values *v = NULL;
  const char *text;
  gradc_status s = gradc_eval(gc, "line", "scores([[1.0, 2.0, 3.0]])", &v);
  if (s == GRADC_OK) s = gradc_values_text(v, 0, 0, &text, NULL);
  gradc_values_free(v);
  return s;
}

static gradc_status run_jobs(gradc_context *gc, gradc_job *train, gradc_job *predict) {
  static const float x[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 0, 1};
  static const int32_t label[4] = {0, 1, 0, 1};
  const int64_t xs[] = {4, 3}, ls[] = {4};
  DO(gradc_job_array(train, "x", GRADC_F32, 2, xs, x));
  DO(gradc_job_array(train, "label", GRADC_I32, 1, ls, label));
  DO(gradc_job_number(train, "epochs", 1));
  DO(gradc_job_number(train, "batch", 4));
  DO(gradc_job_text(train, "save", path("t.safetensors")));
  DO(gradc_job_text(train, "optimizer", "adam"));
  DO(gradc_job_run(train));
  DO(gradc_job_data(predict, path("d.csv")));
  DO(gradc_job_text(predict, "output", path("out.csv")));
  DO(gradc_job_run(predict));
  (void)gc;
  return GRADC_OK;
}

static gradc_status jobs(gradc_context *gc) {
  gradc_job *train = NULL, *predict = NULL;
  gradc_status s = gradc_job_train(gc, &train);
  if (s == GRADC_OK) s = gradc_job_predict(gc, "scores", &predict);
  if (s == GRADC_OK) s = run_jobs(gc, train, predict);
  gradc_job_free(train);
  gradc_job_free(predict);
  return s;
}

static gradc_status steps(gradc_context *gc) {
  gradc_trainer *t = NULL;
  const char *const names[] = {"N"};
  const int64_t numbers[] = {2};
  float x[6] = {1, 2, 3, 4, 5, 6};
  int32_t label[2] = {0, 1};
  const void *args[] = {x, label};
  double loss;
  gradc_status s = gradc_trainer_new(gc, "loss", "adam", "b", names, numbers, 1, &t);
  if (s == GRADC_OK) s = gradc_trainer_step(t, args, 0.1, &loss);
  gradc_trainer_free(t);
  return s;
}

/* What is wrong with a program needs memory to be said. */
static gradc_status wrong(gradc_context *gc) {
  gradc_status s =
      gradc_declare(gc, "wrong", "fn g(x: f64) = y + (1 +\nfn h(x: f64[3], y: f64[4]) = x + y");
  if (s == GRADC_MEMORY) return s;
  s = gradc_check(gc);
  if (s == GRADC_MEMORY) return s;
  return *gradc_diagnostics_text(gc, 1) || s == GRADC_OK ? GRADC_OK : GRADC_INTERNAL;
}

static gradc_status work(gradc_context *gc) {
  DO(gradc_set_threads(gc, 2));
  DO(gradc_set_reference(gc, reference));
  DO(gradc_define(gc, "K", 2));
  DO(gradc_declare(gc, path("program.nn"), program));
  DO(gradc_check(gc));
  DO(functions(gc));
  if (!reference) DO(steps(gc));
  if (!reference) return jobs(gc);
  DO(parameters(gc));
  DO(values(gc));
  return wrong(gc);
}

static gradc_status session(char *why, size_t room) {
  gradc_context *gc = NULL;
  gradc_status s = gradc_new(&gc);
  if (s == GRADC_OK) s = work(gc);
  snprintf(why, room, "%s", gradc_message(gc));
  gradc_free(gc);
  return s;
}

static int write_file(const char *name, const char *text) {
  FILE *f = fopen(path(name), "w");
  return f && fputs(text, f) >= 0 && !fclose(f);
}

static int all_runs(long every) {
  char why[1300];
  gradc_status s = session(why, sizeof why); /* what is made once per process is made here */
  if (s != GRADC_OK) return printf("FAIL: without a failure: %s\n", why), 1;
  long runs = 0, tolerated = 0;
  for (long n = 1;; n += every, runs++) {
    long before = nlive;
    count = 0, fail_at = n;
    counting = 1;
    s = session(why, sizeof why);
    counting = 0;
    if (nlive != before)
      return printf("FAIL: allocation %ld: %ld blocks are lost (status %d, %s)\n", n,
                    nlive - before, s, why),
             1;
    if (count < n) break;
    if (s == GRADC_OK) tolerated++;
    else if (s != GRADC_MEMORY)
      return printf("FAIL: allocation %ld: status %d, %s\n", n, s, why), 1;
    fail_at = 0;
    if (runs % 50 == 49 && session(why, sizeof why) != GRADC_OK)
      return printf("FAIL: after allocation %ld: %s\n", n, why), 1;
  }
  printf("%s: %ld allocations, %ld of them failed, %ld done without\n",
         reference ? "reference" : "native", count, runs, tolerated);
  return s != GRADC_OK;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  folder = argv[1];
  reference = !strcmp(argv[2], "reference");
  if (!write_file("part.nn", "fn scaled(x) = x * 0.5\n") ||
      !write_file("d.csv", "x_0,x_1,x_2\n1,2,3\n4,5,6\n7,8,9\n1,1,1\n"))
    return 2;
  return all_runs(atol(argv[3]) > 0 ? atol(argv[3]) : 1);
}
