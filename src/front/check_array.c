/* check_array.c: builtins that rearrange or join whole tensors: flip, move_axis, stack, split. */
#include "front/check.h"

static Value tensor_of(Check *c, const Arg *a) { return to_tensor(c, a->value, a->span); }

/* ---- axes ---- */
Value array_flip(Check *c, const Arg *x, const Arg *axis) {
  int k = -1;
  Value v = tensor_of(c, x);
  if (v.kind == V_POISON) return v;
  Shape whole = *ir_shape(c->b, v.u.t.val);
  int own = value_labels(&v)->n;
  if (axis && !axis_number(c, &axis->value, whole.rank - own, axis->span, &k))
    return value_poison();
  ViewDim *dim = NEWS(c->cx->arena, ViewDim, whole.rank);
  ViewTerm *term = NEWS(c->cx->arena, ViewTerm, whole.rank);
  for (int d = 0; d < whole.rank; d++) {
    bool back = d >= own && (k < 0 || d == own + k);
    term[d] = (ViewTerm){d, back ? -1 : 1};
    dim[d] = (ViewDim){
        .den = 1, .n = 1, .term = &term[d], .off = back ? dim_sub(c->cx, whole.dim[d], 1) : 0};
  }
  return value_tensor(view_of(c, v.u.t.val, &whole, dim, false), value_labels(&v));
}

static Value axis_moved(Check *c, const Value *v, int from, int to) {
  int32_t order[IR_MAX_RANK];
  Shape s = tensor_shape(c->b, v), out = s;
  for (int i = 0, next = 0; i < s.rank; i++) {
    next += next == from;
    order[i] = i == to ? from : next++;
  }
  for (int i = 0; i < s.rank; i++) out.dim[i] = s.dim[order[i]];
  return rearrange(c, v, &out, order);
}

Value array_move_axis(Check *c, const Arg *x, const Arg *from, const Arg *to) {
  int a, b;
  Value v = tensor_of(c, x);
  if (v.kind == V_POISON) return v;
  int rank = tensor_rank(c->b, &v);
  if (!axis_number(c, &from->value, rank, from->span, &a) ||
      !axis_number(c, &to->value, rank, to->span, &b))
    return value_poison();
  return axis_moved(c, &v, a, b);
}

/* ---- several tensors ---- */
Value array_stack(Check *c, const Arg *parts, const Arg *axis, Span at) {
  const Value *t = &parts->value;
  int k = 0;
  if (t->kind != V_TUPLE || !t->u.tuple.n) {
    Diag *d = fault(c, E0312, parts->span, "stack takes a tuple of tensors, not %s",
                    value_text(c->cx, c->b, t));
    diag_hint(c->cx, d, "as in stack((a, b), axis: 0)");
    return value_poison();
  }
  Span *spans = NEWS(c->cx->arena, Span, t->u.tuple.n);
  for (int i = 0; i < t->u.tuple.n; i++) spans[i] = parts->span;
  Value v = move_stack(c, t->u.tuple.item, spans, t->u.tuple.n, at);
  if (v.kind == V_POISON || !axis) return v;
  v = to_tensor(c, v, at);
  if (v.kind == V_POISON || !axis_number(c, &axis->value, tensor_rank(c->b, &v), axis->span, &k))
    return value_poison();
  return axis_moved(c, &v, 0, k);
}

static Value part_of(Check *c, const Value *v, int axis, Dim from, Dim extent) {
  Shape out = *ir_shape(c->b, v->u.t.val);
  ViewDim *dim = NEWS(c->cx->arena, ViewDim, out.rank);
  ViewTerm *term = NEWS(c->cx->arena, ViewTerm, out.rank);
  int at = value_labels(v)->n + axis;
  for (int d = 0; d < out.rank; d++) {
    term[d] = (ViewTerm){d, 1};
    dim[d] = (ViewDim){.den = 1, .n = 1, .term = &term[d], .off = d == at ? from : 0};
  }
  out.dim[at] = extent;
  return value_tensor(view_of(c, v->u.t.val, &out, dim, false), value_labels(v));
}

Value array_split(Check *c, const Arg *x, const Arg *parts, const Arg *axis) {
  enum { MAX_PARTS = 256 };
  int k = 0;
  Dim n, each;
  Value v = tensor_of(c, x), zero = value_int(0);
  if (v.kind == V_POISON || !expect_dim(c, &parts->value, parts->span, "the number of parts", &n))
    return value_poison();
  Shape s = tensor_shape(c->b, &v);
  if (!axis_number(c, axis ? &axis->value : &zero, s.rank, axis ? axis->span : x->span, &k))
    return value_poison();
  if (!dim_is_number(n) || n < 1 || n > MAX_PARTS || !dim_divides(c->cx, s.dim[k], n, &each)) {
    Text t = text_new(c->cx->arena);
    dim_print(c->cx, s.dim[k], &t);
    Diag *d =
        fault(c, E0511, parts->span, "an axis of extent %s can't be split like that", text_str(&t));
    diag_note(c->cx, d, "the number of equal parts is from 1 to %d, and divides the extent",
              MAX_PARTS);
    return value_poison();
  }
  Value *items = NEWS(c->cx->arena, Value, n);
  for (Dim i = 0; i < n; i++) items[i] = part_of(c, &v, k, dim_mul(c->cx, i, each), each);
  return value_tuple(c->cx, items, (int)n);
}
