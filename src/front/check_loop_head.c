/* check_loop_head.c: what a loop goes over: a range known at compile time, one whose ends are known
 * at run time only, or an array of layers. In: the head of a `for`. Out: its start and its number
 * of steps. An end may depend on labels: then each has its own number of steps; it may depend on
 * the variables of loops around, whose ranges say how many steps there are at most. */
#include "front/loop_body.h"

static bool fault_limit(Check *c, const LoopBody *l, Span at) {
  bool is_while = !l->range;
  Diag *d = fault(c, E0322, at,
                  is_while ? "`while` needs `max N`"
                           : "this range is known at run time only: it needs `max N`");
  diag_note(c->cx, d,
            "no more than N steps are done; N bounds the memory that the derivative takes");
  if (is_while) diag_hint(c->cx, d, "as in `while abs(r) > 1e-9 max 50 { .. }`");
  else diag_hint(c->cx, d, "as in `for %s in 0..n max 1000 { .. }`", l->node->name);
  return false;
}

static bool limit_value(Check *c, LoopBody *l, const Node *n) {
  Value v = eval_expr(c, n);
  if (!expect_dim(c, &v, n->span, "the limit of a loop", &l->trip)) return false;
  if (!dim_is_number(l->trip) || l->trip >= 0) return true;
  fault(c, E0511, n->span, "the limit of a loop can't be negative");
  return false;
}

/* A bound as a number of rank 0; *known when it is one at compile time, *affine when it is a sum of
 * labels. */
static bool loop_bound(Check *c, const Node *n, Value *v, Dim *d, bool *known, LoopEnd *end) {
  *v = eval_expr(c, n);
  if (v->kind == V_POISON) return false;
  *known = value_dim(v, d);
  end->affine = affine_of_value(v, &end->a) && end->a.den == 1;
  end->end = end_of(c, n, v);
  if (*known) return true;
  Value x = v->kind < V_TUPLE && v->kind != V_FLOAT && v->kind != V_BOOL ? to_tensor(c, *v, n->span)
                                                                         : value_poison();
  bool good = x.kind == V_TENSOR && type_is_int(ir_type(c->b, x.u.t.val)) && !tensor_rank(c->b, &x);
  if (good) {
    *v = x;
    return true;
  }
  Diag *e = fault(c, E0321, n->span, "a loop's bound must be an integer, not %s",
                  value_text(c->cx, c->b, v));
  fault_declared(c, e, v);
  if (v->kind == V_FLOAT || (x.kind == V_TENSOR && !type_is_int(ir_type(c->b, x.u.t.val))))
    diag_hint(c->cx, e, "convert it: i32(..)");
  return false;
}

static bool constant_range(Check *c, LoopBody *l, Dim from, Dim to) {
  l->lo = from;
  Dim n = dim_sub(c->cx, to, from);
  if (dim_le(c->cx, n, -1) == 1) {
    fault(c, E0511, l->range->span, "this range ends before it begins");
    return false;
  }
  if (l->counted) l->steps = value_tensor(ir_size(c->b, T_I64, NULL, n), NULL);
  else l->trip = n;
  return true;
}

static Value bound_i64(Check *c, const Value *v, Dim d, const Node *n) {
  return value_is_integer(v) ? value_tensor(ir_size(c->b, T_I64, NULL, d), NULL)
                             : cast_value(c, *v, T_I64, n->span);
}

static bool layers_range(Check *c, LoopBody *l, const Node *array) {
  if (!expect_layers(c, array, &l->layers)) return false;
  l->trip = l->layers->instance->lead[l->layers->nat];
  if (!l->cond) return true;
  Diag *d = fault(c, E0218, l->cond->span, "a loop over layers goes through all of them");
  diag_hint(c->cx, d, "to end early count: `for i in 0..n while ..`, and `layers[i]`");
  return false;
}

/* The most steps of a range between sums of labels. False where that isn't known. */
static bool most_steps(Check *c, LoopBody *l) {
  Cx *cx = c->cx;
  Dim hi;
  if (!l->first.end || !l->end.end || !ends_apart(c, l->first.end, l->end.end, &hi)) return false;
  if (dim_is_number(hi) && hi < 0) hi = 0;
  if (dim_le(cx, 0, hi) != 1)
    hi = dim_add(cx, hi, 1); /* i < N, where N is a name: N is no mistake */
  if (dim_le(cx, 0, hi) != 1) return false;
  l->trip = hi;
  return l->counted = true;
}

bool loop_head(Check *c, LoopBody *l) {
  if (!l->range)
    return l->limit ? limit_value(c, l, l->limit)
                    : fault_limit(c, l, span_join(l->node->span, l->cond->span));
  if (l->range->kind != NODE_RANGE) return layers_range(c, l, l->range);
  l->reverse = l->range->u.i == 1;
  if (!l->range->kid[0]) return layers_range(c, l, l->range->kid[1]);
  const Node *from = l->range->kid[0], *to = l->range->kid[1];
  Value a, b;
  Dim x = 0, y = 0;
  bool know_a = false, know_b = false;
  l->counted = l->limit != NULL;
  bool good = loop_bound(c, from, &a, &x, &know_a, &l->first);
  good = loop_bound(c, to, &b, &y, &know_b, &l->end) && good;
  if (l->limit) good = limit_value(c, l, l->limit) && good;
  if (!good) return false;
  if (know_a && know_b) return constant_range(c, l, x, y);
  if (!l->limit && !most_steps(c, l)) return fault_limit(c, l, l->range->span);
  if (know_a) l->lo = x;
  else l->from = a;
  Affine steps; /* in one form, however the range was written */
  if (l->first.affine && l->end.affine &&
      affine_binary(c->cx, OP_sub, &l->end.a, &l->first.a, &steps)) {
    if (!steps.n && !l->limit) { /* as many wherever it starts */
      l->counted = false;
      return true;
    }
    Value v = to_tensor(c, value_affine(c->cx, &steps), l->range->span);
    l->steps = cast_value(c, v, T_I64, l->range->span);
    return l->steps.kind != V_POISON;
  }
  Value n[2] = {bound_i64(c, &b, y, to), bound_i64(c, &a, x, from)};
  Span spans[2] = {to->span, from->span};
  l->steps = know_a && x == 0 ? n[0] : apply_map(c, OP_sub, n, spans, 2, l->range->span);
  return true;
}
