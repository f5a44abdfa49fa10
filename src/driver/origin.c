/* origin.c: see origin.h. */
#include "driver/origin.h"

#include <math.h>

enum { MOST_SPARED = 24 };

bool tensor_is_finite(const Tensor *t) {
  if (!type_is_float(t->type)) return true;
  int64_t n = tensor_count(t);
  for (int64_t i = 0; i < n; i++)
    if (!isfinite(tensor_get(t, i))) return false;
  return true;
}

static bool same_bytes(const Tensor *a, const Tensor *b) {
  int64_t n = tensor_count(a);
  if (!type_is_float(a->type))
    return !memcmp(a->data, b->data, (size_t)n * (size_t)type_info[a->type].bytes);
  for (int64_t i = 0; i < n; i++) {
    double x = tensor_get(a, i), y = tensor_get(b, i);
    if (x != y && !(isnan(x) && isnan(y))) return false;
  }
  return true;
}

typedef struct Search {
  const Fn *f;
  const Tensor *in;
  Arena *a;
  EvalTrap *trap;
  bool found;
} Search;

/* Whether the results are others when the place gives finite values. */
static bool matters(Search *s, const Tensor *results, EvalPlace place) {
  Tensor *out = NEWS(s->a, Tensor, s->f->out.n + 1);
  EvalTrap mend = {.mend = place};
  ir_eval(s->f, s->a, s->in, out, &mend);
  for (int i = 0; i < s->f->out.n; i++)
    if (!same_bytes(&out[i], &results[i])) return true;
  return false;
}

static Status search(void *arg) {
  Search *s = arg;
  EvalPlace spared[MOST_SPARED];
  Tensor *results = NEWS(s->a, Tensor, s->f->out.n + 1), *out = NEWS(s->a, Tensor, s->f->out.n + 1);
  EvalTrap first = {0};
  ir_eval(s->f, s->a, s->in, results, NULL);
  for (int n = 0; n < MOST_SPARED; n++) {
    *s->trap = (EvalTrap){.spared = spared, .nspared = n};
    ir_eval(s->f, s->a, s->in, out, s->trap);
    if (!s->trap->val) break;
    spared[n] = (EvalPlace){s->trap->fn, s->trap->val};
    if (!n) first = *s->trap;
    s->found = matters(s, results, spared[n]);
    if (s->found) break;
  }
  if (!s->found && first.val)
    *s->trap = first, s->found = true; /* each alone is masked: the first of them */
  s->trap->spared = NULL;
  return ST_OK;
}

bool origin_find(const Fn *f, const Tensor *in, EvalTrap *trap) {
  Search s = {f, in, arena_new(f->cx), trap, false};
  Status status = cx_guard(f->cx, search, &s);
  arena_free(s.a);
  if (status != ST_OK) cx_unwind_again(f->cx);
  return s.found;
}

static const char *value_word(double v) {
  return isnan(v) ? "NaN" : v > 0 ? "infinite" : "-infinite";
}

/* "[2, 0]"; nothing for a scalar. */
static void index_of(const Shape *s, int64_t element, Text *out) {
  int64_t at[IR_MAX_RANK];
  for (int i = s->rank - 1; i >= 0; i--) {
    at[i] = element % s->dim[i];
    element /= s->dim[i];
  }
  for (int i = 0; i < s->rank; i++) text_fmt(out, "%s%lld", i ? ", " : "[", (long long)at[i]);
  if (s->rank) text_add(out, "]");
}

void origin_explain(Diag *d, const Fn *f, const EvalTrap *trap) {
  static const char *const part[] = {"", ", in the derivative along a direction (tangent)",
                                     ", in the gradient (adjoint)"};
  Cx *cx = f->cx;
  const Ins *at = fn_ins(trap->fn, trap->val);
  if (at->span.source) d->span = at->span;
  Text index = text_new(cx->arena);
  index_of(&at->shape, trap->element, &index);
  if (at->op == OP_arg) {
    const Input *in = &trap->fn->in.at[at->u.i];
    diag_note(cx, d, "it comes from %s: `%s`%s%s is %s",
              in->role == ROLE_PARAM ? "a parameter" : "the data", in->name, index.n ? " at " : "",
              text_str(&index), value_word(trap->value));
    return;
  }
  diag_note(cx, d, "the first is the result of `%s`%s%s%s, of type %s%s: %s%s is %s",
            op_info[at->op].name, at->hint ? " (`" : "", at->hint ? at->hint : "",
            at->hint ? "`)" : "", type_text(cx, (DType)at->type, &at->shape), part[at->derived],
            index.n ? "element " : "it", text_str(&index), value_word(trap->value));
  if (trap->step >= 0) diag_note(cx, d, "at step %lld of the loop", (long long)trap->step);
}

static bool has_such_constant(const Fn *f) {
  const Fn *body[2];
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (ins_is_const(in) && !isfinite(ins_const_value(in))) return true;
    for (int i = 0, n = ins_bodies(in, body); i < n; i++)
      if (has_such_constant(body[i])) return true;
  }
  return false;
}

bool origin_report(const Fn *f, const Tensor *in, const Tensor *results) {
  EvalTrap trap;
  int bad = 0;
  while (bad < f->out.n && tensor_is_finite(&results[bad])) bad++;
  if (bad == f->out.n) return false;
  Diag *d = diag(f->cx, E0712, f->span, "the result isn't finite");
  if (origin_find(f, in, &trap)) origin_explain(d, f, &trap);
  else if (has_such_constant(f))
    diag_note(f->cx, d, "it comes from a constant: `inf`, `nan`, or arithmetic on constants");
  else diag_note(f->cx, d, "by the reference evaluator it is: the machine code's rounding differs");
  return true;
}
