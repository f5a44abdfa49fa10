/* test_programs.c: programs in files under all laws of laws.h: every function whose arguments have
 * types, and its derivatives, evaluated, simplified, compiled for each vector width, on plain and
 * on nasty inputs (one choice of these for each function, all with GRADC_PROGRAMS set). The files
 * are those in tests/programs, one for each class of bugs that fuzzers of deep-learning compilers
 * have published, and the examples. What their functions should give stands in their test blocks,
 * which tests/programs.sh runs. */
#include "driver/session.h"
#include "gen_program.h"
#include "laws.h"
#include "loop/loop.h"
#include "pass/pass.h"

#include <check.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const folders[] = {"/tests/programs/*.nn", "/examples/*.nn"};

typedef struct Checking {
  const char *path;
  int functions, failures;
} Checking;

static void report(Checking *k, const char *name, const char *text) {
  k->failures++;
  fprintf(stderr, "---- %s: %s\n%s\n", k->path, name, text);
}

enum { MOST_WORK = 100000 };

/* Too much for an evaluator that does everything several times over. */
static bool is_large(const Fn *f) {
  const Fn *plain = pass_expand(f);
  return !plain || plain->ins.n > 500 || fn_flops(plain) > MOST_WORK;
}

/* All kinds of inputs and vectors for every function, not one of each. */
static bool thorough(void) { return getenv("GRADC_PROGRAMS") != NULL; }

static void one_function(Checking *k, const Fn *f, Spice spice, uint64_t seed) {
  const Fn *plain = pass_expand(f),
           *bound = plain ? pass_bind_sizes(plain, law_sizes(f, seed)) : NULL;
  if (!bound || is_large(bound)) return;
  LawCheck c = {.seed = seed, .spice = spice, .what = CHECK_ALL};
  if (thorough()) c.what |= CHECK_ALL_WIDTHS;
  for (int i = 0; i < f->in.n;
       i++) /* those that a derivative doesn't use are not its own any more */
    if (f->in.at[i].role == ROLE_PARAM) c.what &= ~CHECK_PRINT;
  if (!check_laws(f, &c)) report(k, f->name, law_report(f, &c));
}

/* Simplified before and after sizes are numbers, and the derivative of either: the same values. */
static bool order_matters(const Fn *f, uint64_t seed, const char **why) {
  Cx *cx = f->cx;
  const Fn *plain = pass_expand(f);
  if (!plain) return false;
  const SizeBindings *sizes = law_sizes(plain, seed);
  const Fn *late = pass_bind_sizes(plain, sizes),
           *early = pass_bind_sizes(pass_simplify(plain), sizes);
  if (!late || !early || is_large(late)) return false;
  const Fn *form[] = {late, pass_simplify(late), early, pass_simplify(early),
                      pass_simplify(pass_simplify(late))};
  Tensor *in = random_inputs(late, seed, SPICE_PLAIN);
  Bounded *y[COUNT_OF(form)];
  for (int k = 0; k < COUNT_OF(form); k++) {
    y[k] = NEWS(cx->arena, Bounded, f->out.n + 1);
    eval_bounded(form[k], in, seed, y[k]);
    for (int i = 0; k && i < f->out.n; i++) {
      const char *wrong = differ_both(cx, &y[0][i], &y[k][i]);
      if (wrong) *why = text_printf(cx, "order %d of passes, output %d: %s", k, i, wrong);
    }
  }
  return *why != NULL;
}

static Status check_functions(Session *s, void *arg) {
  Checking *k = arg;
  for (int i = 0; i < front_fn_count(s->program); i++) {
    const Node *node = front_fn_node(s->program, i);
    bool typed = true;
    for (int a = ast_fixed(NODE_FN); a < node->nkids; a++) typed = typed && node->kid[a]->kid[0];
    const Fn *f =
        typed && node->nkids > ast_fixed(NODE_FN) ? front_function(s->program, node->name) : NULL;
    if (!f) continue;
    const char *why = NULL;
    uint64_t seed = (uint64_t)i + 1;
    k->functions++;
    Spice spice[] = {SPICE_PLAIN, SPICE_SMOOTH, SPICE_NASTY};
    for (int j = 0; j < COUNT_OF(spice); j++)
      if (thorough() || j == i % COUNT_OF(spice))
        one_function(k, f, spice[j], seed + 100 * (uint64_t)j);
    if (order_matters(f, seed, &why)) report(k, f->name, why);
    diag_clear(s->cx);
  }
  return ST_OK;
}

START_TEST(functions_of_files) {
  glob_t found = {0};
  char pattern[4096];
  snprintf(pattern, sizeof pattern, "%s%s", TEST_SRCDIR, folders[_i]);
  const char *only = getenv("GRADC_FILE"); /* part of a path */
  ck_assert_int_eq(glob(pattern, 0, NULL, &found), 0);
  int failures = 0;
  for (size_t i = 0; i < found.gl_pathc; i++) {
    Checking k = {.path = found.gl_pathv[i]};
    if (only && !strstr(k.path, only)) continue;
    Session *s = session_new();
    ck_assert_int_eq(session_load(s, k.path), ST_OK);
    if (session_run(s, check_functions, &k) != ST_OK)
      report(&k, "internal error", s->cx->trap_text);
    session_free(s);
    failures += k.failures;
  }
  globfree(&found);
  ck_assert_int_eq(failures, 0);
}
END_TEST

Suite *programs_suite(void);
Suite *programs_suite(void) {
  Suite *s = suite_create("programs");
  TCase *t = tcase_create("programs");
  tcase_set_timeout(t, 600);
  tcase_add_loop_test(t, functions_of_files, 0, COUNT_OF(folders));
  suite_add_tcase(s, t);
  return s;
}
