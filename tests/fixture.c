/* fixture.c: contexts, traps and functions for suites: see fixture.h. */
#include "fixture.h"
#include "pass/pass.h"

Cx *cx;

void fixture_bare(void) {
  cx = cx_new();
  ck_assert_ptr_nonnull(cx);
}

void fixture_rules(void) {
  fixture_bare();
  front_new(cx);
}

void fixture_end(void) { cx_free(cx); }

typedef struct Work {
  void (*alone)(void);
  void (*at)(int i);
  int i;
} Work;

static Status do_work(void *arg) {
  Work *w = arg;
  if (w->alone) w->alone();
  else w->at(w->i);
  return ST_OK;
}

void trapped(void (*work)(void)) {
  ck_assert_msg(cx_guard(cx, do_work, &(Work){.alone = work}) == ST_OK, "%s", cx->trap_text);
}

void trapped_at(void (*work)(int i), int i) {
  ck_assert_msg(cx_guard(cx, do_work, &(Work){.at = work, .i = i}) == ST_OK, "%s", cx->trap_text);
}

Fn *function_of(const char *text, const char *name) {
  Program *p = front_new(cx);
  front_declare(p, ast_parse(cx, cx_add_source(cx, "test.nn", text, strlen(text), false)));
  Fn *f = diag_errors(cx) ? NULL : front_function(p, name_of(cx, name));
  ck_assert_msg(f && !diag_errors(cx), "%s\n%s", text, diag_text(cx));
  return f;
}

Fn *gradient_of(Fn *f, bool deferred) {
  bool *wrt = NEWS(cx->arena, bool, f->in.n);
  for (int i = 0; i < f->in.n; i++) wrt[i] = type_is_float(f->in.at[i].type);
  Fn *g = deferred ? pass_gradient_deferred(f, wrt, true) : pass_gradient(f, wrt, true);
  ck_assert_msg(g != NULL, "%s", diag_text(cx));
  return g;
}

Fn *sized(const char *text, bool gradient, const SizeBindings *sizes) {
  Fn *f = pass_expand(function_of(text, "f"));
  if (gradient) f = gradient_of(f, false);
  f = pass_bind_sizes(pass_simplify(f), sizes);
  ck_assert_msg(f != NULL, "%s", diag_text(cx));
  return pass_simplify(f);
}

void same_values(const Fn *f, const Fn *g, uint64_t seed, const char *what) {
  ck_assert_msg(!ir_verify(g), "%s, seed %llu: %s\n%s", what, (unsigned long long)seed,
                ir_verify(g), dump_text(g));
  Tensor *in = random_inputs(f, seed, SPICE_SMOOTH);
  Bounded *x = NEWS(cx->arena, Bounded, f->out.n + 1), *y = NEWS(cx->arena, Bounded, f->out.n + 1);
  eval_bounded(f, in, seed, x);
  eval_bounded(g, in, seed, y);
  for (int i = 0; i < f->out.n; i++) {
    const char *wrong = differ_both(cx, &x[i], &y[i]);
    ck_assert_msg(!wrong, "%s, seed %llu: output %d, %s\n%.1500s\nbecomes\n%.1500s", what,
                  (unsigned long long)seed, i, wrong, dump_text(f), dump_text(g));
  }
}

int count_op(const Fn *f, Op op, bool in_bodies) {
  int n = 0;
  for (Val v = 1; v < f->ins.n; v++) {
    const Fn *body[2];
    n += fn_ins(f, v)->op == op;
    for (int i = 0, k = in_bodies ? ins_bodies(fn_ins(f, v), body) : 0; i < k; i++)
      n += count_op(body[i], op, true);
  }
  return n;
}

const Loop *only_loop(const Fn *f, int which) {
  for (Val v = 1; v < f->ins.n; v++)
    if (fn_ins(f, v)->op == OP_loop && which-- == 0) return fn_ins(f, v)->u.loop;
  ck_abort_msg("no such loop:\n%s", dump_text(f));
}
