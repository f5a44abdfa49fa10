/* test_code.c: compiled code as objects: what stands for a program, linking, files. The command's
 * view is tests/cli/cache.sh. */
#include "back/code.h"
#include "driver/compile.h"
#include "driver/session.h"
#include "loop/digest.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- digests ---- */
/* The bytes 0, 1, .. n-1 under the key 0, 1, .. 15; the results as OpenSSL's SIPHASH prints them.
 */
START_TEST(digest_is_siphash) {
  static const struct {
    int n;
    const char *says;
  } known[] = {{0, "a3817f04ba25a8e66df67214c7550293"},
               {1, "da87c1d86b99af44347659119b22fc45"},
               {15, "5493e99933b0a8117e08ec0f97cfc3d9"},
               {63, "5150d1772f50834a503e069a973fbd7c"}};
  unsigned char bytes[64];
  for (int i = 0; i < 64; i++) bytes[i] = (unsigned char)i;
  for (int k = 0; k < COUNT_OF(known); k++) {
    Digest d = digest_begin_keyed(0x0706050403020100u, 0x0f0e0d0c0b0a0908u);
    for (int at = 0, n; at < known[k].n; at += n) { /* in pieces of 1, 2, 3.. */
      n = MIN(at % 11 + 1, known[k].n - at);
      digest_add(&d, bytes + at, (size_t)n);
    }
    DigestValue v = digest_end(&d);
    char text[33] = "";
    for (int i = 0; i < 16; i++)
      snprintf(text + 2 * i, 3, "%02x", (unsigned)(v.word[i / 8] >> (i % 8 * 8) & 255));
    ck_assert_str_eq(text, known[k].says);
  }
}
END_TEST

/* ---- programs ---- */
typedef struct Made {
  Session *s;
  LoopProgram *p;
  const char *text;
} Made;

static Status lower(Session *s, void *arg) {
  Made *m = arg;
  SizeBindings none = {0};
  Fn *f = session_function(s, name_of(s->cx, "f"));
  Fn *g = f ? compile_prepare(f, &none) : NULL;
  Target t = compile_target(2);
  m->p = g ? loop_lower(g, &t) : NULL;
  return ST_OK;
}

static Made program(const char *text) {
  Made m = {.s = session_new(), .text = text};
  ck_assert_int_eq(session_declare_text(m.s, "f.nn", text), ST_OK);
  ck_assert_int_eq(session_run(m.s, lower, &m), ST_OK);
  ck_assert_ptr_nonnull(m.p);
  return m;
}

static DigestValue digest_of(const char *text) {
  Made m = program(text);
  Digest d = digest_begin();
  loop_digest(m.p, &d);
  session_free(m.s);
  return digest_end(&d);
}

START_TEST(different_programs_differ) {
  static const char *const text[] = {
      "fn f(a: f32[9], b: f32[9]) = a + b",
      "fn f(a: f32[9], b: f32[9]) = a - b",
      "fn f(a: f32[9], b: f32[9]) = b - a",
      "fn f(a: f64[9], b: f64[9]) = a + b",
      "fn f(a: f32[10], b: f32[10]) = a + b",
      "fn f(a: f32[9], b: f32[9]) = a + b + 1",
      "fn f(a: f32[9], b: f32[9]) = a + b + 2",
      "fn f(a: i32[9], b: i32[9]) = a + b + 1",
      "fn f(a: i32[9], b: i32[9]) = a + b + 2",
      "fn f(a: f32[9], b: f32[9]) = sum(a + b)",
      "fn f(a: f32[9], b: f32[9]) = max(a + b)",
      "fn f(a: f32[9], b: f32[9]) = a[::-1] + b",
      "fn f(a: f32[8, 8], b: f32[8, 8]) = a @ b",
      "fn f(a: f32[8, 8], b: f32[8, 8]) = a @ transpose(b)",
      "fn f(a: f32[64, 8], b: f32[8, 8]) = a @ b",
      "fn f(a: f64[9]) {\n  var s = 0.0\n  for i in 0..9 { s = sin(s) + a[i] }\n  s\n}",
      "fn f(a: f64[9]) {\n  var s = 0.0\n  for i in 0..8 { s = sin(s) + a[i] }\n  s\n}",
      "fn f(a: f64[9]) {\n  var s = 0.0\n  for i in 0..9 { s = cos(s) + a[i] }\n  s\n}",
      "fn f(a: f64[9]) {\n  var s = 1.0\n  while s < 99.0 max 50 { s = s + a[0] }\n  s\n}",
      "fn f(a: f64[9]) {\n  var s = 1.0\n  while s < 98.0 max 50 { s = s + a[0] }\n  s\n}",
      "fn f(a: f64[9]) {\n  var s = 1.0\n  if a[0] > 0 { s = sum(a) } else { s = a[1] }\n  s\n}",
      "fn f(a: f64[9]) {\n  var s = 1.0\n  if a[0] > 0 { s = sum(a) } else { s = a[2] }\n  s\n}",
  };
  DigestValue v[COUNT_OF(text)];
  for (int i = 0; i < COUNT_OF(text); i++) {
    v[i] = digest_of(text[i]);
    ck_assert_msg(digest_same(v[i], digest_of(text[i])), "not the same twice: %s", text[i]);
    for (int k = 0; k < i; k++)
      ck_assert_msg(!digest_same(v[i], v[k]), "the same digest:\n%s\n%s", text[k], text[i]);
  }
}
END_TEST

START_TEST(names_and_places_do_not_count) {
  DigestValue v = digest_of("fn f(a: f32[9, 4], b: f32[4]) = tanh(a + b) @ b");
  ck_assert(digest_same(v, digest_of("# the same\n\nfn g(x: f32[9, 4]) = tanh(x)\n"
                                     "fn f(left: f32[9, 4], right: f32[4]) = "
                                     "g(left + right) @ right")));
}
END_TEST

/* Whatever the printers read of these is in loop/digest.c. Where a size has changed, look there
 * first, then write the new one down here. */
START_TEST(no_field_was_added_unnoticed) {
  if (sizeof(void *) != 8) return;
  ck_assert_uint_eq(sizeof(ExNode), 80);
  ck_assert_uint_eq(sizeof(Stmt), 96);
  ck_assert_uint_eq(sizeof(Buffer), 80);
  ck_assert_uint_eq(sizeof(Call), 152);
  ck_assert_uint_eq(sizeof(Kernel), 136);
  ck_assert_uint_eq(sizeof(Loop), 48);
}
END_TEST

/* Two contractions of one shape are one kernel over different buffers. */
START_TEST(equal_kernels_are_equal) {
  Made m = program("fn f(a: f32[32, 32], b: f32[32, 32], c: f32[32, 32]) = (a @ b) @ (b @ c)");
  int same = 0;
  for (int i = 0; i < m.p->kernel.n; i++)
    for (int k = 0; k < i; k++)
      same += digest_same(loop_kernel_digest(m.p, m.p->kernel.at[i]),
                          loop_kernel_digest(m.p, m.p->kernel.at[k]));
  ck_assert_int_ge(same, 1);
  session_free(m.s);
}
END_TEST

/* ---- linking ---- */
static const LlvmBackend *llvm;
static char why[600];

static CodeObjects compiled(const Made *m) {
  CodeObjects o = {.arena = arena_new(NULL)};
  if (!llvm) llvm = back_llvm(why, sizeof why);
  ck_assert_msg(llvm != NULL, "%s", why);
  ck_assert_msg(llvm->compile(m->p, &o, why, sizeof why), "%s", why);
  ck_assert_int_ge(o.n, 1);
  return o;
}

/* Rows that the loop doesn't reach are 0: a call of memset, in the C library. */
static const char *const ROWS = "fn f(x: f64[5]) {\n  var s = x[0]\n"
                                "  for t in 0..5000 while s < 99 {\n"
                                "    s = s + tanh(x[1])\n    ys[t] = s\n  }\n  sum(ys)\n}";
static double x[5] = {1.5, 2.5, 3.5, 4.5, 5.5};

static double run(NativeFn f, const Made *m) {
  double y = 0;
  void *in[] = {x}, *out[] = {&y};
  void *workspace = aligned_alloc(64, ((size_t)m->p->workspace + 127) / 64 * 64);
  ck_assert_int_eq(f(in, out, workspace, NULL), 0);
  free(workspace);
  return y;
}

START_TEST(both_linkers_agree) {
  Made m = program(ROWS);
  CodeObjects o = compiled(&m);
  LlvmLinked *l = llvm->link(&o, why, sizeof why);
  ck_assert_msg(l != NULL, "%s", why);
  double by_llvm = run(llvm->entry(l), &m);
  double sum = 0;
  for (double y = x[0]; y < 99;) sum += y += tanh(x[1]);
  ck_assert_double_eq_tol(by_llvm, sum, 1e-9);
  llvm->unlink(l);
  if (link_knows_host()) {
    Linked own;
    ck_assert_msg(link_objects(&o, &own, why, sizeof why), "%s", why);
    ck_assert_double_eq(run(own.entry, &m), by_llvm);
    link_free(&own);
  }
  arena_free(o.arena);
  session_free(m.s);
}
END_TEST

/* An object that was cut off or changed is refused or linked, but nothing outside it is read or
 * written (which the sanitizers would see). */
START_TEST(damaged_objects_harm_nobody) {
  if (!link_knows_host()) return;
  Made m = program(ROWS);
  CodeObjects o = compiled(&m);
  size_t n = o.object[0].n;
  unsigned char *copy = malloc(n);
  Linked l;
  for (size_t cut = 0; cut < n; cut += cut / 16 + 1) {
    unsigned char *part = malloc(cut ? cut : 1);
    memcpy(part, o.object[0].at, cut);
    CodeObjects bad = {.arena = arena_new(NULL), .n = 1, .object = {{part, cut}}};
    ck_assert(!link_objects(&bad, &l, why, sizeof why));
    arena_free(bad.arena);
    free(part);
  }
  uint64_t seed = 1;
  for (int i = 0; i < 3000; i++) {
    memcpy(copy, o.object[0].at, n);
    for (int k = 0; k < 3; k++) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      copy[(seed >> 33) % n] = (unsigned char)(seed >> 24);
    }
    CodeObjects bad = {.arena = arena_new(NULL), .n = 1, .object = {{copy, n}}};
    if (link_objects(&bad, &l, why, sizeof why)) link_free(&l);
    arena_free(bad.arena);
  }
  free(copy);
  arena_free(o.arena);
  session_free(m.s);
}
END_TEST

START_TEST(a_symbol_nobody_has_is_an_error) {
  if (!link_knows_host()) return;
  Made m = program(ROWS);
  CodeObjects o = compiled(&m);
  CodeObjects none = {.arena = o.arena};
  Linked l;
  ck_assert(!link_objects(&none, &l, why, sizeof why));
  arena_free(o.arena);
  session_free(m.s);
}
END_TEST

/* ---- files ---- */
static void write_file(const char *path, const char *text) {
  FILE *f = fopen(path, "w");
  ck_assert_ptr_nonnull(f);
  fputs(text, f);
  fclose(f);
}

START_TEST(kept_until_a_maker_changes) {
  char folder[] = "/tmp/gradc-code.XXXXXX", maker[64], command[80];
  ck_assert_ptr_nonnull(mkdtemp(folder));
  setenv("GRADC_CACHE", folder, 1);
  snprintf(maker, sizeof maker, "%s/maker", folder);
  write_file(maker, "one");
  const char *makers[] = {maker};
  DigestValue key = {{0x123456789abcdef0u, 7}};
  CodeObjects o = {.arena = arena_new(NULL), .n = 2, .object = {{"12345678abc", 11}, {"x", 1}}},
              got = {.arena = o.arena};
  ck_assert(!code_cache_read(key, &got));
  code_cache_write(key, &o, makers, 1);
  ck_assert(code_cache_read(key, &got));
  ck_assert_int_eq(got.n, 2);
  ck_assert_mem_eq(got.object[0].at, "12345678abc", 11);
  ck_assert_mem_eq(got.object[1].at, "x", 1);
  ck_assert(!code_cache_read((DigestValue){{0x123456789abcdef0u, 8}}, &got));
  write_file(maker, "another");
  ck_assert(!code_cache_read(key, &got));
  code_cache_write(key, &o, makers, 1);
  ck_assert(code_cache_read(key, &got));
  unlink(maker);
  ck_assert(!code_cache_read(key, &got));
  code_cache_write(key, &o, makers, 1); /* by nobody: nothing is kept */
  ck_assert(!code_cache_read(key, &got));
  arena_free(o.arena);
  setenv("GRADC_CACHE", "off", 1);
  snprintf(command, sizeof command, "rm -r %s", folder);
  ck_assert_int_eq(system(command), 0);
}
END_TEST

Suite *code_suite(void);
Suite *code_suite(void) {
  Suite *s = suite_create("code");
  TCase *t = tcase_create("code");
  tcase_add_test(t, digest_is_siphash);
  tcase_add_test(t, different_programs_differ);
  tcase_add_test(t, names_and_places_do_not_count);
  tcase_add_test(t, no_field_was_added_unnoticed);
  tcase_add_test(t, equal_kernels_are_equal);
  tcase_add_test(t, both_linkers_agree);
  tcase_add_test(t, damaged_objects_harm_nobody);
  tcase_add_test(t, a_symbol_nobody_has_is_an_error);
  tcase_add_test(t, kept_until_a_maker_changes);
  suite_add_tcase(s, t);
  return s;
}
