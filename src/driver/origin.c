/* origin.c: see origin.h. */
#include "driver/origin.h"

#include <math.h>

enum { MOST_PLACES = 24 };

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
  Tensor *results; /* as they are */
  bool found;
} Search;

/* Whether the results are others when these places give finite values. */
static bool matter(Search *s, const EvalPlace *place, int n) {
  Tensor *out = NEWS(s->a, Tensor, s->f->out.n + 1);
  EvalTrap mend = {.spared = place, .nspared = n, .mend = true};
  ir_eval(s->f, s->a, s->in, out, &mend);
  for (int i = 0; i < s->f->out.n; i++)
    if (!same_bytes(&out[i], &s->results[i])) return true;
  return false;
}

/* The places in the order in which they are met, until they matter together. */
static int gather(Search *s, EvalPlace *place, EvalTrap *seen) {
  Tensor *out = NEWS(s->a, Tensor, s->f->out.n + 1);
  for (int n = 0; n < MOST_PLACES; n++) {
    seen[n] = (EvalTrap){.spared = place, .nspared = n};
    ir_eval(s->f, s->a, s->in, out, &seen[n]);
    if (!seen[n].val) return n;
    place[n] = (EvalPlace){seen[n].fn, seen[n].val};
    if (matter(s, place, n + 1)) return n + 1;
  }
  return MOST_PLACES;
}

/* The first of the places without which the others matter less: those before it are masked. */
static Status search(void *arg) {
  Search *s = arg;
  EvalPlace place[MOST_PLACES];
  EvalTrap seen[MOST_PLACES];
  s->results = NEWS(s->a, Tensor, s->f->out.n + 1);
  ir_eval(s->f, s->a, s->in, s->results, NULL);
  int n = gather(s, place, seen), first = 0;
  while (first + 1 < n && matter(s, place + first + 1, n - first - 1)) first++;
  s->found = n > 0;
  if (n) *s->trap = seen[first];
  s->trap->spared = NULL;
  return ST_OK;
}

bool origin_find(const Fn *f, const Tensor *in, EvalTrap *trap) {
  Search s = {.f = f, .in = in, .a = arena_new(f->cx), .trap = trap};
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
              in->role == ROLE_PARAM   ? "a parameter"
              : in->role == ROLE_STATE ? "a state"
                                       : "the data",
              in->name, index.n ? " at " : "", text_str(&index), value_word(trap->value));
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

Diag *origin_report(const Fn *f, const Tensor *in, const Tensor *results) {
  EvalTrap trap;
  int bad = 0;
  while (bad < f->out.n && tensor_is_finite(&results[bad])) bad++;
  if (bad == f->out.n) return NULL;
  Diag *d = diag(f->cx, E0712, f->span, "the result isn't finite");
  if (origin_find(f, in, &trap)) origin_explain(d, f, &trap);
  else if (has_such_constant(f))
    diag_note(f->cx, d, "it comes from a constant: `inf`, `nan`, or arithmetic on constants");
  else diag_note(f->cx, d, "by the reference evaluator it is: the machine code's rounding differs");
  return d;
}
