/* test_emit.c: random programs as emitted C, many in one file, under every compiler there is,
 * against the machine code of the same loops: not a bit may differ. `make check` runs a fixed
 * share. For more: GRADC_PROGRAMS=5000 GRADC_SEED=7 tests/unit emit A program that is wrong is
 * named by its kind and seed, and tried alone. */
#include "driver/verify_c.h"
#include "front/front.h"
#include "gen_program.h"
#include "pass/pass.h"

#include <check.h>
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
  const char *text = gen_source(cx, &r, false, false);
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

Suite *emit_suite(void);
Suite *emit_suite(void) {
  Suite *s = suite_create("emit");
  TCase *t = tcase_create("emit");
  tcase_set_timeout(t, getenv("GRADC_PROGRAMS") ? 1e6 : 240);
  tcase_add_loop_test(t, test_emitted_programs, 0, COUNT_OF(kinds));
  suite_add_tcase(s, t);
  return s;
}
