/* testing.c: see testing.h. The test's function is evaluated once by the reference evaluator; its
 * outputs are then compared. */
#include "driver/testing.h"
#include "driver/gradcheck.h"

#include <math.h>

enum { DIGITS = 9, SHOWN = 120 };

static const char *place(Cx *cx, Span at) {
  int line, col;
  span_place(cx, at, &line, &col);
  return name_fmt(cx, "%s:%d", cx->sources.at[at.source].path, line);
}

static const char *shown(Cx *cx, const Tensor *t) {
  Text s = text_new(cx->arena);
  tensor_print(cx, t, DIGITS, &s);
  const char *text = text_str(&s);
  return strlen(text) > SHOWN ? name_fmt(cx, "%.*s ..", SHOWN, text) : text;
}

/* |a - b| <= tol * max(1, |a|, |b|); equal infinities and two NaN are close. */
static bool close_to(double a, double b, double tol) {
  if (a == b || (isnan(a) && isnan(b))) return true;
  return fabs(a - b) <= tol * fmax(1, fmax(fabs(a), fabs(b))) && isfinite(a) && isfinite(b);
}

static bool same(const TestLine *l, const Tensor *a, const Tensor *b, int64_t i) {
  if (!type_is_float(a->type)) return tensor_get_i(a, i) == tensor_get_i(b, i);
  double tol = l->tolerance >= 0 ? l->tolerance : a->type == T_F32 ? 1e-5 : 1e-6;
  double x = tensor_get(a, i), y = tensor_get(b, i);
  return l->kind == TEST_CLOSE ? close_to(x, y, tol) : x == y;
}

static void add(Session *s, TestOutcome *out, const char *line) {
  vec_push(s->cx->arena, &out->wrong, line);
}

static void compare(Session *s, const TestLine *l, const Tensor *a, const Tensor *b,
                    TestOutcome *out) {
  Cx *cx = s->cx;
  int64_t n = tensor_count(a), bad = 0;
  while (bad < n && same(l, a, b, bad)) bad++;
  if (bad == n) return;
  const char *word = l->kind == TEST_CLOSE ? "not close to" : "not";
  if (n == 1) {
    add(s, out,
        name_fmt(cx, "%s: %s is %s %s", place(cx, l->span), shown(cx, a), word, shown(cx, b)));
    return;
  }
  Text t = text_new(cx->arena);
  text_fmt(&t, "%s: element %lld is %.9g, %s %.9g: ", place(cx, l->span), (long long)bad,
           tensor_get(a, bad), word, tensor_get(b, bad));
  text_fmt(&t, "%s and %s", shown(cx, a), shown(cx, b));
  add(s, out, text_str(&t));
}

static void hold(Session *s, const TestLine *l, const Tensor *a, TestOutcome *out) {
  int64_t n = tensor_count(a), bad = 0;
  while (bad < n && tensor_get_i(a, bad)) bad++;
  if (bad < n) add(s, out, name_fmt(s->cx, "%s: not true", place(s->cx, l->span)));
}

static Status check_gradient(Session *s, const TestLine *l, const Tensor *args, TestOutcome *out) {
  GradcheckOptions o = {.tolerance = 1e-5, .samples = 8};
  GradcheckReport r;
  Status status = gradcheck_at(s, l->function, args, &o, &r);
  if (status != ST_OK) return status;
  if (r.skipped)
    add(s, out, name_fmt(s->cx, "%s: nothing to check: %s", place(s->cx, l->span), r.skipped));
  for (int i = 0; !r.skipped && i < r.row.n; i++) {
    const GradcheckRow *row = &r.row.at[i];
    if (!row->ok)
      add(s, out,
          name_fmt(s->cx,
                   "%s: the gradient by `%s` is off: %.1e from differences, %.1e from forward mode",
                   place(s->cx, l->span), row->name, row->differences, row->forward));
  }
  return ST_OK;
}

typedef struct Evaluated {
  Session *s;
  const Fn *fn;
  Results *r;
} Evaluated;

static Status evaluate(void *arg) {
  Evaluated *e = arg;
  return session_evaluate(e->s, e->fn, e->r);
}

/* What went wrong while it ran is a finding of this test: the others are run all the same. */
static void gone_wrong(Session *s, TestOutcome *out, int recorded) {
  Diags *diags = s->cx->diags;
  for (int i = recorded; i < diags->list.n; i++) {
    const Diag *d = diags->list.at[i];
    add(s, out, name_fmt(s->cx, "%s: %s", place(s->cx, d->span), d->text));
    diags->errors -= d->severity == SEV_ERROR;
  }
  diags->list.n = recorded;
}

Status test_run(Session *s, const Node *test, TestOutcome *out) {
  TestPlan plan;
  Results r = {0};
  *out = (TestOutcome){0};
  if (!front_test(s->program, test, &plan)) return ST_SOURCE;
  int recorded = s->cx->diags->list.n;
  Status status = cx_guard(s->cx, evaluate, &(Evaluated){s, plan.fn, &r});
  if (status == ST_FINDINGS) {
    gone_wrong(s, out, recorded);
    return ST_OK;
  }
  if (status != ST_OK && status != ST_SOURCE && status != ST_DATA) cx_unwind_again(s->cx);
  for (int i = 0; i < plan.lines.n && status == ST_OK; i++) {
    const TestLine *l = &plan.lines.at[i];
    const Tensor *a = r.value + l->first;
    if (l->kind == TEST_TRUE) hold(s, l, a, out);
    else if (l->kind == TEST_GRADIENT) status = check_gradient(s, l, a, out);
    else compare(s, l, a, a + 1, out);
  }
  out->passed = !out->wrong.n;
  results_free(&r);
  return status;
}
