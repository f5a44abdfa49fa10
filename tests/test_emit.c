/* test_emit.c: random programs as emitted C, many in one file, under every compiler there is,
 * against the machine code of the same loops: not a bit may differ. `make check` runs a fixed
 * share. For more: GRADC_PROGRAMS=5000 GRADC_SEED=7 tests/unit emit A program that is wrong is
 * named by its kind and seed, and tried alone. */
#include "driver/emit_c.h"
#include "driver/verify_c.h"
#include "front/front.h"
#include "gen_program.h"
#include "loop/digest.h"
#include "pass/pass.h"

#include <check.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
  const char *name;
  GenOptions gen;
  int programs; /* of the share in make check */
  int vector_bytes;
} kinds[] = {
    {"plain", {.size = 14}, 24, 64},
    {"scalar", {.size = 14}, 24, 0},
    {"bodies", {.bodies = true, .size = 8}, 12, 32},
    {"sizes", {.symbolic = true, .size = 8}, 12, 64},
    {"loops", {.loops = true}, 8, 32},
    {"source", {.size = 0}, 12, 16},
};
enum { BATCH = 24 };

static long number_from_env(const char *name, long otherwise) {
  const char *s = getenv(name);
  return s && *s ? strtol(s, NULL, 10) : otherwise;
}

typedef struct Batch {
  Cx *cx;
  int kind, n;
  uint64_t seed; /* of the first */
  VerifyReport report;
  const char *wrong;
} Batch;

static const Fn *program(Cx *cx, int kind, uint64_t seed) {
  Rng r = rng_at(seed);
  const GenOptions *gen = &kinds[kind].gen;
  Program *p = front_new(cx); /* knows the rules of the op table, too */
  if (gen->loops) return gen_loops(cx, &r);
  if (gen->size) return gen_function(cx, &r, gen);
  const char *text = gen_source(cx, &r, FLOW_NONE, false);
  front_declare(p, ast_parse(cx, cx_add_source(cx, "random.nn", text, strlen(text), false)));
  return front_function(p, name_of(cx, "f"));
}

static Status run_batch(void *arg) {
  Batch *b = arg;
  Cx *cx = b->cx;
  CFile file = {.cx = cx,
                .prefix = name_of(cx, "p"),
                .header = name_of(cx, "p.h"),
                .version = "test",
                .command = "test",
                .flags = ""};
  Target t = compile_target(1);
  t.vector_bytes = MIN(kinds[b->kind].vector_bytes, t.vector_bytes);
  for (int i = 0; i < b->n; i++) {
    const Fn *f = program(cx, b->kind, b->seed + (uint64_t)i);
    f = f ? compile_prepare(f, NULL) : NULL;
    if (f && f->ins.n < 300) emit_c_add(&file, f, name_fmt(cx, "f%d", i), &t);
    diag_clear(cx); /* no derivative, or a size that can't be */
  }
  Text source = text_new(cx->arena), header = text_new(cx->arena);
  file.main = verify_c_entries(&file);
  c_print(&file, &source, &header);
  b->report.untimed = true;
  if (!verify_c(&file, text_str(&source), text_str(&header), "-O1 -march=native -ffp-contract=off",
                &b->report)) {
    b->wrong = diag_text(cx);
    return ST_SOURCE;
  }
  if (b->report.failed) b->wrong = text_printf(cx, "%s can't compile it", b->report.failed);
  for (int i = 0; i < b->report.row.n; i++) {
    const VerifyRow *r = &b->report.row.at[i];
    if (!r->wrong) continue;
    b->wrong = text_printf(cx, "%s %s: %lld elements differ", r->compiler, r->function,
                           (long long)r->wrong);
  }
  return ST_OK;
}

/* False after a failure, which was printed. */
static bool fine(int kind, uint64_t seed, int n) {
  Cx *cx = cx_new();
  Batch b = {.cx = cx, .kind = kind, .n = n, .seed = seed};
  Status s = cx_guard(cx, run_batch, &b);
  bool ok = !b.wrong && (s == ST_OK || strstr(cx->trap_text, "rank above"));
  if (!ok && n == 1) {
    const Fn *f = b.wrong ? program(cx, kind, seed) : NULL;
    fprintf(stderr, "---- %s, seed %llu: %s\n%s\n", kinds[kind].name, (unsigned long long)seed,
            b.wrong ? b.wrong : cx->trap_text, f ? dump_text(f) : "");
  }
  cx_free(cx);
  for (int i = 0; !ok && n > 1 && i < n; i++) fine(kind, seed + (uint64_t)i, 1);
  return ok;
}

START_TEST(test_emitted_programs) {
  long asked = number_from_env("GRADC_PROGRAMS", kinds[_i].programs),
       first = number_from_env("GRADC_SEED", 1);
  const char *only = getenv("GRADC_KIND");
  if (only && *only && strcmp(only, kinds[_i].name)) return;
  int failures = 0;
  for (long i = 0; i < asked; i += BATCH) {
    failures += !fine(_i, (uint64_t)(first + i), (int)MIN(BATCH, asked - i));
    if (getenv("GRADC_PROGRAMS"))
      fprintf(stderr, "%s: %ld programs, %d batches wrong\n", kinds[_i].name, MIN(asked, i + BATCH),
              failures);
  }
  ck_assert_msg(!failures, "%d batches of %s programs", failures, kinds[_i].name);
}
END_TEST

/* ---- one path ---- */
/* Where all sizes are numbers, emitted C is of the loops that libgradc compiles of the same
 * function, gradient or step, for the same processor: the bits are the same because it is the same
 * program in the loop form, of which every sum has one order. */
typedef struct Paths {
  const char *path;
  int64_t size;
  int functions, failures;
} Paths;

static DigestValue digest_of(const LoopProgram *p) {
  Digest d = digest_begin();
  loop_digest(p, &d);
  return digest_end(&d);
}

/* As gradc_find and gradc_compile do it. */
static Fn *as_library(Session *s, const char *name) {
  Cx *cx = s->cx;
  size_t n = strlen(name);
  if (n > 5 && !strcmp(name + n - 5, "_step")) {
    StepPlan plan;
    Fn *loss = session_loss(s, "loss");
    return step_build(s->program, loss, name_of(cx, "adam"), NULL, &plan) ? plan.fn : NULL;
  }
  if (n > 5 && !strcmp(name + n - 5, "_grad"))
    return session_function_value(s, name_fmt(cx, "value_and_grad(%.*s)", (int)n - 5, name));
  return session_function(s, name_of(cx, name));
}

/* Gradients come in the order in which the program declares the parameters there, in the order of
 * the function's inputs here. */
static void order_outputs(Fn *f, const Fn *like) {
  for (int i = 0; i < MIN(f->out.n, like->out.n); i++)
    for (int k = i + 1; k < f->out.n && f->out.at[i].name != like->out.at[i].name; k++)
      if (f->out.at[k].name == like->out.at[i].name) {
        Output o = f->out.at[i];
        f->out.at[i] = f->out.at[k];
        f->out.at[k] = o;
      }
}

static Status check_paths(Session *s, void *arg) {
  Paths *k = arg;
  Cx *cx = s->cx;
  const char *flags;
  SizeBindings sizes = {0};
  EmitCOptions o = {.prefix = name_of(cx, "p"), .header = "p.h", .version = "", .command = ""};
  o.sizes = &sizes;
  o.size = k->size;
  o.target = emit_c_target(0, &flags);
  bool steps = front_param_count(s->program) && front_fn_find(s->program, name_of(cx, "loss"));
  CFile file;
  o.step = steps ? "adam" : NULL;
  if (!emit_c(s, &o, &file)) return ST_SOURCE;
  for (int i = 0; i < file.fn.n; i++) {
    const CFunction *c = file.fn.at[i];
    Fn *f = as_library(s, c->name);
    SizeBindings numbers = {0};
    if (f) compile_bind_rest(f, &numbers, k->size);
    f = f ? compile_prepare(f, &numbers) : NULL;
    if (f) order_outputs(f, c->loops->given);
    k->functions++;
    if (f && digest_same(digest_of(loop_lower(f, &o.target)), digest_of(c->loops))) continue;
    fprintf(stderr, "---- %s: %s of %lld is other loops in C\n", k->path, c->name,
            (long long)k->size);
    k->failures++;
  }
  return ST_OK;
}

START_TEST(test_one_path) {
  static const int64_t sizes[] = {5, 64};
  const char *only = getenv("GRADC_ONLY");
  char pattern[4096];
  glob_t found;
  snprintf(pattern, sizeof pattern, "%s/examples/*.nn", getenv("TOP_SRCDIR"));
  ck_assert_int_eq(glob(pattern, 0, NULL, &found), 0);
  int functions = 0, failures = 0;
  for (size_t i = 0; i < found.gl_pathc; i++) {
    Paths k = {.path = found.gl_pathv[i], .size = sizes[_i]};
    if (only && !strstr(k.path, only)) continue;
    Session *s = session_new();
    ck_assert_int_eq(session_load(s, k.path), ST_OK);
    if (session_run(s, check_paths, &k) == ST_SOURCE) /* such as a size it makes no sense for */
      fprintf(stderr, "%s of %lld: %s", k.path, (long long)k.size, diag_text(s->cx));
    session_free(s);
    functions += k.functions;
    failures += k.failures;
  }
  globfree(&found);
  ck_assert_msg(!failures, "%d of %d functions", failures, functions);
  ck_assert(only || functions > 60);
}
END_TEST

Suite *emit_suite(void);
Suite *emit_suite(void) {
  Suite *s = suite_create("emit");
  TCase *t = tcase_create("emit");
  tcase_set_timeout(t, getenv("GRADC_PROGRAMS") ? 1e6 : 240);
  tcase_add_loop_test(t, test_emitted_programs, 0, COUNT_OF(kinds));
  tcase_add_loop_test(t, test_one_path, 0, 2);
  suite_add_tcase(s, t);
  return s;
}
