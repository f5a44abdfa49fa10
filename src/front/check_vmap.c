/* check_vmap.c: functions applied element by element, as one instruction. vmap(f, over: (x, y)): f
 * for every element of the first axis of x and y, which all results get in front. Without `over:`
 * all tensors among the arguments are mapped. One instruction, which pass/batch.c writes out: also
 * loops and branches that differ between the elements. */
#include "front/deriv.h"

typedef struct Mapped {
  Deriv d;
  Shape lead;
  bool any;       /* the lead is known */
  Vec(bool) over; /* per argument among the inputs */
  Span first;
} Mapped;

/* Without `over:` what has the axes: numbers alone are the same for all elements. */
static bool maps(Check *c, const FnValue *f, Name name, const Value *v, Span at) {
  if (f->wrt.n) return deriv_wants(f, name);
  if (v->kind != V_TENSOR && v->kind != V_WEAK) return false;
  Value x = to_tensor(c, *v, at);
  return x.kind == V_TENSOR && tensor_rank(c->b, &x) >= f->axes;
}

static bool axes_disagree(Check *c, const Mapped *m, const Value *v, const Shape *s, Span at) {
  Diag *d;
  if (s->rank < m->d.f->axes) {
    d = fault(c, E0308, at, "`vmap` goes over the first ax%s of this, which is %s",
              m->d.f->axes == 1 ? "is" : "es", value_text(c->cx, c->b, v));
    diag_hint(
        c->cx, d,
        "`over:` names the arguments that are mapped; the others are the same for all elements");
  } else {
    d = fault(c, E0304, at, "`vmap` goes over axes of different extents");
    diag_label(c->cx, d, m->first, "this one decides");
    diag_note(c->cx, d, "this is %s", value_text(c->cx, c->b, v));
  }
  fault_declared(c, d, v);
  return false;
}

/* The axes that are mapped, in front of the labels; the value inside lacks them. */
static bool lift_mapped(Check *c, Mapped *m, Name name, Value v, Span at, Value *out) {
  bool floating = v.kind == V_FLOAT || (v.kind == V_WEAK && v.is_float);
  Value x = floating ? to_type(c, v, m->d.literal, at) : to_tensor(c, v, at);
  if (x.kind == V_POISON) return false;
  const Labels *labels = value_labels(&x);
  int n = m->d.f->axes, nl = labels->n;
  Shape s = tensor_shape(c->b, &x), lead = {.rank = n}, inner = {0};
  if (s.rank < n) return axes_disagree(c, m, &x, &s, at);
  for (int i = 0; i < n; i++) lead.dim[i] = s.dim[i];
  if (m->any && !shape_eq(&lead, &m->lead)) return axes_disagree(c, m, &x, &s, at);
  if (!m->any) m->lead = lead, m->any = true, m->first = at;
  int32_t perm[IR_MAX_RANK];
  for (int i = 0; i < nl + s.rank; i++) perm[i] = i < n ? nl + i : i < n + nl ? i - n : i;
  Val outer = ir_permute(c->b, x.u.t.val, perm);
  for (int i = n; i < nl + s.rank; i++) inner.dim[inner.rank++] = ir_shape(c->b, outer)->dim[i];
  Val in = ir_input(&m->d.body, name, ir_type(c->b, outer), &inner, ROLE_ARG, at);
  vec_push(c->cx->arena, &m->d.in, ((Lifted){name, outer, false, at}));
  *out = value_tensor(in, labels);
  out->name = v.name, out->decl = v.decl;
  vec_push(c->cx->arena, &m->over, true);
  return true;
}

static bool lift_arguments(Check *c, Mapped *m, const Call *call, Call *inner) {
  Name names[MAX_ARGS];
  bool optional[MAX_ARGS];
  int n = deriv_signature(c, m->d.f->of, names, optional);
  *inner = *call;
  inner->arg = NEWS(c->cx->arena, Arg, call->n + 1);
  m->d.literal = deriv_literal(c, call);
  for (int i = 0; i < call->n; i++) {
    Arg a = call->arg[i];
    Name name = a.name ? a.name : i < n ? names[i] : name_fmt(c->cx, "x%d", i);
    if (!deriv_adapt(c, &m->d, name, &a)) return false;
    if (maps(c, m->d.f, name, &a.value, a.span)) {
      if (!lift_mapped(c, m, name, a.value, a.span, &a.value)) return false;
    } else {
      a.value = deriv_lift(c, &m->d, name, a.value, a.span, false);
      if (a.value.kind == V_POISON) return false;
      while (m->over.n < m->d.in.n) vec_push(c->cx->arena, &m->over, false);
    }
    inner->arg[i] = a;
  }
  if (m->any) return true;
  Diag *d = fault(c, E0406, call->span, "none of these arguments has axes for `vmap` to go over");
  if (m->d.f->wrt.n) diag_note(c->cx, d, "it goes over those that `over:` names");
  return false;
}

/* The results as outputs: with their own labels in front. */
static bool outputs(Check *c, Mapped *m, const Value *result) {
  if (result->kind == V_POISON || !deriv_flatten(c, &m->d, result, m->d.span)) return false;
  for (int i = 0; i < m->d.out.n; i++) {
    const Value *v = &m->d.out.at[i];
    if (ir_shape(c->b, v->u.t.val)->rank + m->lead.rank > IR_MAX_RANK) {
      fault(c, E0812, m->d.span, "a result of this has more than %d axes", IR_MAX_RANK);
      return false;
    }
    ir_output(c->b, v->name, v->u.t.val);
  }
  return true;
}

static Value taken_out(Check *c, const Mapped *m, Val bundle, int k) {
  const Labels *labels = value_labels(&m->d.out.at[k]);
  int32_t perm[IR_MAX_RANK];
  Val x = ir_part(c->b, bundle, k);
  int rank = ir_shape(c->b, x)->rank, n = m->lead.rank, nl = labels->n;
  for (int i = 0; i < rank; i++) perm[i] = i < nl ? n + i : i < n + nl ? i - nl : i;
  Value v = value_tensor(ir_permute(c->b, x, perm), labels);
  v.name = m->d.out.at[k].name;
  if (v.name) ir_name(c->b, v.u.t.val, v.name);
  return v;
}

Value call_vmap(Check *c, const FnValue *f, const Call *call) {
  Mapped m = {.d = {.f = f, .span = call->span, .batch = c->unit->batch}};
  Call inner;
  Scope *scope = c->scope;
  m.d.body = ir_begin(c->cx, f->of->name);
  m.d.body.span = c->b->span;
  if (!lift_arguments(c, &m, call, &inner)) return value_poison();
  deriv_enter(c, &m.d);
  m.d.unit.deriv = NULL;
  const char *many = states_refuse(c, "`vmap` computes the values for all elements at once");
  Value result = call_fn(c, f->of, &inner);
  c->many = many;
  bool good = outputs(c, &m, &result);
  if (good) m.d.fn = ir_finish(&m.d.body);
  deriv_leave(c, &m.d);
  c->scope = scope;
  if (!good || !deriv_operands(c, &m.d)) return value_poison();
  bool *over = NEWS(c->cx->arena, bool, m.d.fn->in.n + 1);
  for (int i = 0; i < m.over.n; i++) over[i] = m.over.at[i];
  Val bundle = ir_vmap(c->b, m.d.fn, over, &m.lead, m.d.args.at);
  Value *parts = NEWS(c->cx->arena, Value, m.d.out.n + 1);
  int next = 0;
  for (int k = 0; k < m.d.out.n; k++) parts[k] = taken_out(c, &m, bundle, k);
  return deriv_rebuild(c, &result, parts, &next);
}
