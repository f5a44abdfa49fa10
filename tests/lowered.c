/* lowered.c: see lowered.h. */
#include "lowered.h"

#include "driver/compile.h"
#include "laws.h"
#include "pass/pass.h"

#include <stdio.h>

Target wide(int threads) {
  return (Target){.vector_bytes = 64,
                  .vector_regs = 32,
                  .fma = true,
                  .l1 = 32 << 10,
                  .l2 = 1 << 20,
                  .l3 = 16 << 20,
                  .threads = threads};
}

typedef struct Lowering {
  const char *text;
  const char *optimizer; /* the step of training by it is meant; NULL: the function */
  bool all_passes;       /* that commands which run a program go through */
  Target target;
  const char *loops; /* out */
} Lowering;

static Status lower_it(void *arg) {
  Lowering *w = arg;
  Program *p = front_new(cx);
  front_declare(p, ast_parse(cx, cx_add_source(cx, "test.nn", w->text, strlen(w->text), false)));
  Fn *f = front_function(p, name_of(cx, "f"));
  if (!f || diag_errors(cx)) return ST_SOURCE;
  Text t = text_new(cx->arena);
  StepPlan plan;
  SizeBindings none = {0};
  if (w->optimizer && !step_build(p, f, name_of(cx, w->optimizer), NULL, &plan)) return ST_SOURCE;
  const Fn *g = w->optimizer    ? compile_once(plan.fn, &none)
                : w->all_passes ? compile_once(f, &none)
                                : pass_simplify(pass_inline_calls(pass_expand(f)));
  loop_dump(loop_lower(g, &w->target), &t);
  w->loops = text_str(&t);
  return ST_OK;
}

static const char *lowered(Lowering w) {
  ck_assert_msg(cx_guard(cx, lower_it, &w) == ST_OK, "%s\n%s%s", w.text, diag_text(cx),
                cx->trap_text);
  return w.loops;
}

const char *loops_of(const char *text, Target target) {
  return lowered((Lowering){.text = text, .target = target});
}
const char *step_of(const char *text, const char *optimizer, Target target) {
  return lowered((Lowering){.text = text, .optimizer = optimizer, .target = target});
}
const char *run_loops_of(const char *text, Target target) {
  return lowered((Lowering){.text = text, .all_passes = true, .target = target});
}

void has(const char *loops, const char *what) {
  ck_assert_msg(strstr(loops, what) != NULL, "no `%s` in\n%s", what, loops);
}
void has_not(const char *loops, const char *what) {
  ck_assert_msg(strstr(loops, what) == NULL, "`%s` in\n%s", what, loops);
}

void before(const char *loops, const char *a, const char *b) {
  const char *x = strstr(loops, a), *y = strstr(loops, b);
  ck_assert_msg(x && y && x < y, "`%s` isn't before `%s` in\n%s", a, b, loops);
}

int times(const char *loops, const char *what) {
  int n = 0;
  for (const char *at = loops; (at = strstr(at, what)); at++) n++;
  return n;
}
