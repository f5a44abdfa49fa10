/* check_move.c: builtins that move data: reshape, transpose, broadcast, pad, stack, concat, gather,
 * scatter. Axes are those the program sees; the labels' axes lie before them. */
#include "front/check.h"

static const char *shape_text(Cx *cx, const Shape *s) {
  Text t = text_new(cx->arena);
  shape_print(cx, s, &t);
  return s->rank ? text_str(&t) : "[]";
}

/* ---- reshape ---- */
static Value fault_reshape(Check *c, const Value *v, const Shape *want, Span at) {
  Shape s = tensor_shape(c->b, v);
  Text have = text_new(c->cx->arena), asked = text_new(c->cx->arena);
  dim_print(c->cx, shape_count(c->cx, &s), &have);
  Diag *d = fault(c, E0316, at, "%s can't be reshaped to %s", value_text(c->cx, c->b, v),
                  shape_text(c->cx, want));
  bool open = false;
  for (int i = 0; i < want->rank; i++) open = open || want->dim[i] == -1;
  if (!open) dim_print(c->cx, shape_count(c->cx, want), &asked);
  if (open) diag_note(c->cx, d, "no extent in place of -1 gives its %s elements", text_str(&have));
  else diag_note(c->cx, d, "it has %s elements, that shape %s", text_str(&have), text_str(&asked));
  fault_declared(c, d, v);
  fault_sizes(c, d);
  return value_poison();
}

Value move_reshape(Check *c, const Arg *x, const Arg *shape, Span at) {
  Shape want, whole;
  Value v = to_tensor(c, x->value, x->span);
  if (v.kind == V_POISON || !dims_of_value(c, &shape->value, shape->span, "an extent", &want))
    return value_poison();
  Shape s = tensor_shape(c->b, &v);
  Dim count = shape_count(c->cx, &s), rest = 1, q;
  int open = -1;
  for (int i = 0; i < want.rank; i++) {
    bool negative = dim_is_number(want.dim[i]) && want.dim[i] < 0;
    if (negative && (open >= 0 || want.dim[i] != -1)) return fault_reshape(c, &v, &want, at);
    if (negative) open = i;
    else rest = dim_mul(c->cx, rest, want.dim[i]);
  }
  if (open >= 0) {
    if (rest == 0 || !dim_divides(c->cx, count, rest, &q)) return fault_reshape(c, &v, &want, at);
    want.dim[open] = q;
  } else if (rest != count) {
    return fault_reshape(c, &v, &want, at);
  }
  const Labels *own = value_labels(&v);
  if (!labelled_shape(c, own, &want, at, &whole)) return value_poison();
  return value_tensor(ir_reshape(c->b, v.u.t.val, &whole), own);
}

/* ---- transpose, broadcast, pad ---- */
Value move_transpose(Check *c, const Arg *x, const Arg *perm) {
  Value v = to_tensor(c, x->value, x->span);
  if (v.kind == V_POISON) return v;
  Shape s = tensor_shape(c->b, &v), out = {.rank = s.rank};
  int32_t from[IR_MAX_RANK];
  uint32_t seen = 0;
  for (int i = 0; i < s.rank; i++) from[i] = s.rank - 1 - i;
  if (perm) {
    const Value *p = &perm->value;
    if (p->kind != V_TUPLE || p->u.tuple.n != s.rank) {
      fault(c, E0308, perm->span, "the order of axes must be a tuple of %d numbers", s.rank);
      return value_poison();
    }
    for (int i = 0; i < s.rank; i++) {
      int k;
      if (!axis_number(c, &p->u.tuple.item[i], s.rank, perm->span, &k)) return value_poison();
      from[i] = k;
      seen |= 1u << k;
    }
    if (seen != (1u << s.rank) - 1) {
      fault(c, E0308, perm->span, "every axis must be named once");
      return value_poison();
    }
  }
  for (int i = 0; i < s.rank; i++) out.dim[i] = s.dim[from[i]];
  return rearrange(c, &v, &out, from);
}

Value move_broadcast(Check *c, const Arg *x, const Arg *shape, Span at) {
  Shape want, got, whole;
  if (x->value.kind == V_POISON ||
      !dims_of_value(c, &shape->value, shape->span, "an extent", &want))
    return value_poison();
  for (int i = 0; i < want.rank; i++)
    if (dim_is_number(want.dim[i]) && want.dim[i] < 0) {
      fault(c, E0511, shape->span, "an extent can't be %lld", (long long)want.dim[i]);
      return value_poison();
    }
  if (value_is_untyped(&x->value) && !value_has_tensor(&x->value)) {
    Shape scalar = {0};
    bool is_scalar = x->value.kind != V_WEAK;
    if (is_scalar && broadcast_dims(&scalar, &want, &got))
      return make_weak(c, &(Weak){.kind = WEAK_BROADCAST,
                                  .op = OP_none,
                                  .n = 1,
                                  .arg = &x->value,
                                  .shape = want,
                                  .span = at});
  }
  Value v = to_tensor(c, x->value, x->span);
  if (v.kind == V_POISON) return v;
  Shape s = tensor_shape(c->b, &v);
  if (value_is_untyped(&x->value) && shape_eq(&s, &want)) return x->value; /* a list of literals */
  if (s.rank > want.rank || !broadcast_dims(&s, &want, &got) || !shape_eq(&got, &want)) {
    Diag *d = fault(c, E0304, at, "%s can't be broadcast to %s", value_text(c->cx, c->b, &v),
                    shape_text(c->cx, &want));
    fault_declared(c, d, &v);
    return value_poison();
  }
  const Labels *own = value_labels(&v);
  if (!labelled_shape(c, own, &want, at, &whole)) return value_poison();
  return value_tensor(align(c, &v, own, &want), own);
}

Value move_pad(Check *c, const Arg *x, const Arg *axis, const Arg *before, const Arg *after,
               Span at) {
  int k;
  Dim n = 0, m = 0;
  Value v = to_tensor(c, x->value, x->span);
  if (v.kind == V_POISON || !axis_number(c, &axis->value, tensor_rank(c->b, &v), axis->span, &k))
    return value_poison();
  if (before && !expect_dim(c, &before->value, before->span, "the padding", &n))
    return value_poison();
  if (after && !expect_dim(c, &after->value, after->span, "the padding", &m)) return value_poison();
  if ((dim_is_number(n) && n < 0) || (dim_is_number(m) && m < 0)) {
    Diag *d = fault(c, E0511, at, "the padding is negative");
    diag_hint(c->cx, d, "a slice takes elements away: x[1:-1]");
    return value_poison();
  }
  const Labels *own = value_labels(&v);
  return value_tensor(ir_pad(c->b, v.u.t.val, own->n + k, n, m), own);
}

/* ---- stack and concat ---- */
/* Parts laid out along `axis`, part i from place[i] on: chosen by the index, so that every value,
 * NaN and -0 included, comes through unchanged. */
static Val lay_out(Check *c, const Val *part, const Dim *place, int n, int axis, const Shape *out) {
  Val r = 0, index = ir_iota_along(c->b, T_I32, out, axis);
  for (int i = 0; i < n; i++) {
    Dim extent = ir_shape(c->b, part[i])->dim[axis];
    Dim after = dim_sub(c->cx, out->dim[axis], dim_add(c->cx, place[i], extent));
    Val wide = ir_pad(c->b, part[i], axis, place[i], after);
    Val here = r ? ir_map2(c->b, OP_ge, index, ir_size(c->b, T_I32, out, place[i])) : 0;
    r = r ? ir_map3(c->b, OP_select, here, wide, r) : wide;
  }
  return r;
}

/* All shapes are the first one's, but for `axis` (-1: there as well). */
static bool parts_agree(Check *c, const Value *v, const Span *spans, int n, int axis, Span at) {
  Shape first = tensor_shape(c->b, &v[0]);
  for (int i = 1; i < n; i++) {
    Shape s = tensor_shape(c->b, &v[i]), same = s;
    if (s.rank == first.rank && axis >= 0 && axis < s.rank) same.dim[axis] = first.dim[axis];
    if (shape_eq(&same, &first)) continue;
    Diag *d = fault(c, E0316, at, "the parts have the shapes %s and %s", shape_text(c->cx, &first),
                    shape_text(c->cx, &s));
    diag_label(c->cx, d, spans[0], "%s", value_text(c->cx, c->b, &v[0]));
    diag_label(c->cx, d, spans[i], "%s", value_text(c->cx, c->b, &v[i]));
    fault_axes(c, d, &same, &first, "that of the first");
    fault_sizes(c, d);
    return false;
  }
  return true;
}

static Value join(Check *c, Value *v, const Span *spans, int n, int axis, Span at) {
  if (!parts_agree(c, v, spans, n, axis, at)) return value_poison();
  Val *part = NEWS(c->cx->arena, Val, n);
  Dim *place = NEWS(c->cx->arena, Dim, n), total = 0;
  const Labels *all = &no_labels;
  Shape whole;
  for (int i = 0; i < n; i++) {
    Shape s = tensor_shape(c->b, &v[i]);
    place[i] = total;
    total = dim_add(c->cx, total, s.dim[axis]);
    all = labels_union(c->cx, all, value_labels(&v[i]));
  }
  for (int i = 0; i < n; i++) {
    Shape s = tensor_shape(c->b, &v[i]);
    if (!labelled_shape(c, all, &s, at, &whole)) return value_poison();
    part[i] = align(c, &v[i], all, &s);
  }
  whole.dim[all->n + axis] = total;
  return value_tensor(lay_out(c, part, place, n, all->n + axis, &whole), all);
}

Value move_stack(Check *c, const Value *items, const Span *spans, int n, Span at) {
  bool untyped = true;
  if (!n) {
    Diag *d = fault(c, E0316, at, "an empty list has no element type");
    diag_hint(c->cx, d, "zeros((0,)) has");
    return value_poison();
  }
  for (int i = 0; i < n; i++) untyped = untyped && value_is_untyped(&items[i]);
  if (untyped)
    return make_weak(c, &(Weak){.kind = WEAK_STACK,
                                .op = OP_none,
                                .n = n,
                                .arg = items,
                                .arg_span = spans,
                                .span = at});
  Value *v = arena_copy(c->cx->arena, items, (size_t)n * sizeof *items);
  if (!unify_types(c, v, spans, n, "a list", at) || !parts_agree(c, v, spans, n, -1, at))
    return value_poison();
  Val same = v[0].u.t.val;
  for (int i = 0; i < n; i++) {
    Shape s = tensor_shape(c->b, &v[i]), out = {.rank = s.rank + 1};
    int32_t from[IR_MAX_RANK + 1] = {-1};
    if (s.rank == IR_MAX_RANK) {
      fault(c, E0812, at, "more than %d axes", IR_MAX_RANK);
      return value_poison();
    }
    if (v[i].u.t.val != same || !labels_equal(value_labels(&v[i]), value_labels(&v[0]))) same = 0;
    out.dim[0] = 1;
    for (int k = 0; k < s.rank; k++) out.dim[k + 1] = s.dim[k], from[k + 1] = k;
    v[i] = rearrange(c, &v[i], &out, from);
    if (v[i].kind == V_POISON) return v[i];
  }
  if (same) { /* equal parts: one broadcast */
    Shape out = tensor_shape(c->b, &v[0]);
    out.dim[0] = n;
    return value_tensor(align(c, &v[0], value_labels(&v[0]), &out), value_labels(&v[0]));
  }
  return join(c, v, spans, n, 0, at);
}

Value move_concat(Check *c, const Arg *parts, const Arg *axis, Span at) {
  int k = 0;
  const Value *t = &parts->value;
  if (t->kind != V_TUPLE || !t->u.tuple.n) {
    Diag *d = fault(c, E0312, parts->span, "concat takes a tuple of tensors, not %s",
                    value_text(c->cx, c->b, t));
    diag_hint(c->cx, d, "as in concat((a, b), axis: 0)");
    return value_poison();
  }
  int n = t->u.tuple.n;
  Value *v = arena_copy(c->cx->arena, t->u.tuple.item, (size_t)n * sizeof *v);
  Span *spans = NEWS(c->cx->arena, Span, n);
  for (int i = 0; i < n; i++) spans[i] = parts->span;
  if (!unify_types(c, v, spans, n, "concat", at)) return value_poison();
  int rank = tensor_rank(c->b, &v[0]);
  Value zero = value_int(0);
  if (!axis_number(c, axis ? &axis->value : &zero, rank, axis ? axis->span : at, &k))
    return value_poison();
  return join(c, v, spans, n, k, at);
}

/* ---- gather and scatter in their general form ---- */
typedef struct Indices {
  int n;
  Value v[IR_MAX_RANK], given[IR_MAX_RANK];
  int32_t axis[IR_MAX_RANK];
  Shape shape;
  const Labels *labels;
} Indices;

static bool read_indices(Check *c, const Arg *index, const Arg *axes, int rank, Indices *out) {
  const Value *v = &index->value;
  int n = 1, k;
  Span spans[IR_MAX_RANK];
  if (v->kind == V_TUPLE) n = v->u.tuple.n, v = v->u.tuple.item;
  bool list = axes && axes->value.kind == V_TUPLE;
  int naxes = !axes ? n : list ? axes->value.u.tuple.n : 1;
  if (n < 1 || n > rank || naxes != n) {
    fault(c, E0504, index->span, "%d index tensors for %d of %d axes", n, naxes, rank);
    return false;
  }
  *out = (Indices){.n = n, .labels = &no_labels};
  DType t = T_I32;
  for (int i = 0; i < n; i++) {
    Value at = list ? axes->value.u.tuple.item[i] : axes ? axes->value : value_int(i);
    out->given[i] = v[i];
    out->v[i] = to_tensor(c, v[i], index->span);
    spans[i] = index->span;
    if (out->v[i].kind == V_POISON) return false;
    if (!axis_number(c, &at, rank, axes ? axes->span : index->span, &k)) return false;
    if (i && k <= out->axis[i - 1]) {
      fault(c, E0308, axes->span, "the axes must be given in ascending order");
      return false;
    }
    out->axis[i] = k;
    DType ti = ir_type(c->b, out->v[i].u.t.val);
    if (!type_is_int(ti)) {
      fault(c, E0505, index->span, "an index must be an integer, not %s",
            value_text(c->cx, c->b, &out->v[i]));
      return false;
    }
    if (ti == T_I64) t = T_I64;
    out->labels = labels_union(c->cx, out->labels, value_labels(&out->v[i]));
  }
  for (int i = 0; i < n; i++) out->v[i] = cast_value(c, out->v[i], t, index->span);
  return broadcast_shapes(c, out->v, spans, n, "indices", index->span, &out->shape);
}

/* The index tensors at their common shape; outside of full is an error. */
static void align_indices(Check *c, const Indices *ix, const Shape *full, Span at, Val *out) {
  for (int i = 0; i < ix->n; i++) {
    Affine a;
    Dim extent = full->dim[ix->axis[i]];
    bool proven = affine_of_value(&ix->given[i], &a) && surely_inside(c, &a, extent);
    Value v = proven ? ix->v[i] : bounded_index(c, &ix->v[i], extent, at);
    out[i] = align(c, &v, &no_labels, &ix->shape);
  }
}

Value move_gather(Check *c, const Arg *x, const Arg *index, const Arg *axes, Span at) {
  Indices ix;
  Value v = to_tensor(c, x->value, x->span);
  if (v.kind == V_POISON || !read_indices(c, index, axes, tensor_rank(c->b, &v), &ix))
    return value_poison();
  const Labels *all = labels_union(c->cx, ix.labels, value_labels(&v));
  if (all->n) { /* the index notation has the general form for labels */
    fault(c, E0509, at, "inside index notation write x[ids[i], ..] instead of gather(..)");
    return value_poison();
  }
  Val idx[IR_MAX_RANK];
  Shape s = tensor_shape(c->b, &v);
  align_indices(c, &ix, &s, index->span, idx);
  if (ix.shape.rank + s.rank - ix.n > IR_MAX_RANK) {
    fault(c, E0812, at, "the result would have more than %d axes", IR_MAX_RANK);
    return value_poison();
  }
  return value_tensor(ir_gather(c->b, v.u.t.val, idx, ix.axis, ix.n), NULL);
}

/* The update has the indices' axes, then the axes of the result that aren't indexed. */
Value move_scatter(Check *c, const Arg *x, const Arg *index, const Arg *axes, const Arg *shape,
                   Span at) {
  Shape full, want = {0};
  Indices ix;
  Value v = to_tensor(c, x->value, x->span);
  if (v.kind == V_POISON || !dims_of_value(c, &shape->value, shape->span, "an extent", &full) ||
      !read_indices(c, index, axes, full.rank, &ix))
    return value_poison();
  if (ix.labels->n || value_labels(&v)->n) {
    fault(c, E0509, at, "scatter(..) can't depend on the labels of index notation");
    return value_poison();
  }
  want = ix.shape;
  for (int i = 0, k = 0; i < full.rank; i++) {
    if (k < ix.n && ix.axis[k] == i) k++;
    else if (want.rank < IR_MAX_RANK) want.dim[want.rank++] = full.dim[i];
  }
  Shape s = tensor_shape(c->b, &v);
  if (!shape_eq(&s, &want)) {
    Diag *d = fault(c, E0304, at, "the updates are %s; these indices and axes ask for the shape %s",
                    value_text(c->cx, c->b, &v), shape_text(c->cx, &want));
    fault_declared(c, d, &v);
    return value_poison();
  }
  Val idx[IR_MAX_RANK];
  align_indices(c, &ix, &full, index->span, idx);
  return value_tensor(ir_scatter(c->b, v.u.t.val, idx, ix.axis, ix.n, &full), NULL);
}
