/* broadcast.c: tensors with labels brought to one shape: alignment, NumPy's broadcasting of the
 * trailing axes, reductions and matrix products over them. */
#include "front/check.h"

bool labelled_shape(Check *c, const Labels *labels, const Shape *trailing, Span at, Shape *out) {
  int rank = labels->n + trailing->rank;
  if (rank > IR_MAX_RANK) {
    Diag *d =
        fault(c, E0812, at, "this value would have %d axes; the limit is %d", rank, IR_MAX_RANK);
    if (labels->n) diag_note(c->cx, d, "each label it depends on (%d here) is an axis", labels->n);
    return false;
  }
  *out = (Shape){.rank = rank};
  for (int i = 0; i < labels->n; i++) out->dim[i] = labels->at[i]->extent;
  for (int i = 0; i < trailing->rank; i++) out->dim[labels->n + i] = trailing->dim[i];
  return check_count(c, out, at);
}

Val view_of(Check *c, Val x, const Shape *out, const ViewDim *dims, bool claim) {
  View v = {.rank = ir_shape(c->b, x)->rank, .dim = dims, .claim = claim};
  return ir_view(c->b, x, out, &v);
}

static ViewDim along(Check *c, int axis) {
  ViewTerm *t = NEW(c->cx->arena, ViewTerm);
  *t = (ViewTerm){axis, 1};
  return (ViewDim){.den = 1, .n = 1, .term = t};
}

static ViewDim *dims_of(Check *c, int rank) {
  ViewDim *d = NEWS(c->cx->arena, ViewDim, rank + 1);
  for (int i = 0; i < rank; i++) d[i].den = 1;
  return d;
}

Val align(Check *c, const Value *v, const Labels *labels, const Shape *trailing) {
  const Labels *own = v->u.t.labels ? v->u.t.labels : &no_labels;
  Shape from = tensor_shape(c->b, v), out;
  if (!labelled_shape(c, labels, trailing, (Span){0}, &out)) return 0;
  if (own->n == labels->n && shape_eq(&from, trailing)) return v->u.t.val;
  ViewDim *dim = dims_of(c, own->n + from.rank);
  for (int i = 0; i < own->n; i++) dim[i] = along(c, labels_find(labels, own->at[i]));
  int shift = trailing->rank - from.rank;
  for (int i = 0; i < from.rank; i++)
    if (from.dim[i] == trailing->dim[shift + i]) dim[own->n + i] = along(c, labels->n + shift + i);
  return view_of(c, v->u.t.val, &out, dim, false);
}

bool broadcast_dims(const Shape *a, const Shape *b, Shape *out) {
  Shape r = {.rank = MAX(a->rank, b->rank)};
  for (int i = 1; i <= r.rank; i++) {
    Dim x = i <= a->rank ? a->dim[a->rank - i] : 1, y = i <= b->rank ? b->dim[b->rank - i] : 1;
    if (x != y && x != 1 && y != 1) return false;
    r.dim[r.rank - i] = x == 1 ? y : x;
  }
  *out = r;
  return true;
}

/* Which dimension from the right is in the way, 1 the last. */
static int clash(const Shape *a, const Shape *b, Dim *x, Dim *y) {
  for (int i = 1; i <= MIN(a->rank, b->rank); i++) {
    *x = a->dim[a->rank - i], *y = b->dim[b->rank - i];
    if (*x != *y && *x != 1 && *y != 1) return i;
  }
  return 0;
}

static const char *dim_text(Cx *cx, Dim d) {
  Text t = text_new(cx->arena);
  dim_print(cx, d, &t);
  return text_str(&t);
}

static void fault_shapes(Check *c, const Value *a, const Value *b, Span sa, Span sb,
                         const char *what, Span at) {
  Shape s = tensor_shape(c->b, a), t = tensor_shape(c->b, b);
  Dim x = 0, y = 0;
  int from_right = clash(&s, &t, &x, &y);
  const char *ta = value_text(c->cx, c->b, a), *tb = value_text(c->cx, c->b, b);
  Diag *d = fault(c, E0304, at, "%s of %s and %s: the shapes can't be broadcast", what, ta, tb);
  diag_label(c->cx, d, sa, "%s", ta);
  diag_label(c->cx, d, sb, "%s", tb);
  fault_declared(c, d, a);
  fault_declared(c, d, b);
  diag_note(c->cx, d, "axis %d of the first is %s, axis %d of the second is %s",
            s.rank - from_right, dim_text(c->cx, x), t.rank - from_right, dim_text(c->cx, y));
  fault_sizes(c, d);
  if (s.rank + t.rank == 3 && s.dim[0] == t.dim[0])
    diag_hint(c->cx, d, "to use one element per row, give it a last axis: expand_dims(.., -1)");
  else if (!dim_is_number(x) || !dim_is_number(y))
    diag_hint(c->cx, d,
              "named sizes must be equal as expressions; give both arguments the same name");
  else diag_hint(c->cx, d, "only an extent of 1 stretches");
}

bool broadcast_shapes(Check *c, const Value *v, const Span *spans, int n, const char *what, Span at,
                      Shape *out) {
  *out = (Shape){0};
  for (int i = 0; i < n; i++) {
    Shape s = tensor_shape(c->b, &v[i]);
    if (broadcast_dims(out, &s, out)) continue;
    int other = 0;
    Dim x, y;
    for (int k = 0; k < i; k++) {
      Shape t = tensor_shape(c->b, &v[k]);
      if (clash(&t, &s, &x, &y)) other = k;
    }
    fault_shapes(c, &v[other], &v[i], spans[other], spans[i], what, at);
    return false;
  }
  return true;
}

Value rearrange(Check *c, const Value *v, const Shape *out, const int32_t *from) {
  const Labels *own = value_labels(v);
  Shape whole;
  if (!labelled_shape(c, own, out, c->b->span, &whole)) return value_poison();
  int rank = tensor_rank(c->b, v);
  ViewDim *dim = dims_of(c, own->n + rank);
  for (int i = 0; i < own->n; i++) dim[i] = along(c, i);
  for (int i = 0; i < out->rank; i++)
    if (from[i] >= 0) dim[own->n + from[i]] = along(c, own->n + i);
  return value_tensor(view_of(c, v->u.t.val, &whole, dim, false), own);
}

/* ---- reductions ---- */
Value fold_axes(Check *c, Op op, const Value *v, uint32_t axes, bool keepdims) {
  Val x = v->u.t.val;
  DType t = ir_type(c->b, x);
  if ((op == OP_sum || op == OP_prod) && (t == T_BOOL || t == T_U8)) x = ir_cast(c->b, T_I32, x);
  const Labels *own = value_labels(v);
  Shape s = tensor_shape(c->b, v);
  if (axes) x = ir_fold(c->b, op, x, axes << own->n);
  Value r = value_tensor(x, own);
  if (!keepdims || !axes) return r;
  int32_t from[IR_MAX_RANK], kept = 0;
  for (int i = 0; i < s.rank; i++) {
    bool folded = axes >> i & 1;
    from[i] = folded ? -1 : kept++;
    if (folded) s.dim[i] = 1;
  }
  return rearrange(c, &r, &s, from);
}

/* ---- matrix products ---- */
typedef struct MatSide { /* one operand: which of its trailing axes stay, and their labels */
  Value v;
  Shape s;
  Shape kept;
  int32_t from[IR_MAX_RANK];
  uint8_t id[IR_MAX_RANK];
} MatSide;

static void keep(MatSide *m, int axis, int id) {
  m->from[m->kept.rank] = axis;
  m->id[m->kept.rank] = (uint8_t)id;
  m->kept.dim[m->kept.rank++] = m->s.dim[axis];
}

static Val contract_side(Check *c, MatSide *m, const Labels *all, uint8_t *ids) {
  Value v = m->v;
  if (m->kept.rank < m->s.rank) v = rearrange(c, &v, &m->kept, m->from); /* stretched extents 1 */
  const Labels *own = value_labels(&v);
  for (int i = 0; i < own->n; i++) ids[i] = (uint8_t)labels_find(all, own->at[i]);
  for (int i = 0; i < m->kept.rank; i++) ids[own->n + i] = m->id[i];
  return v.u.t.val;
}

static Value fault_matmul(Check *c, const Value *v, const Span *spans, Span at, const char *why) {
  const char *ta = value_text(c->cx, c->b, &v[0]), *tb = value_text(c->cx, c->b, &v[1]);
  Diag *d = fault(c, E0305, at, "%s @ %s: %s", ta, tb, why);
  diag_label(c->cx, d, spans[0], "%s", ta);
  diag_label(c->cx, d, spans[1], "%s", tb);
  fault_declared(c, d, &v[0]);
  fault_declared(c, d, &v[1]);
  Shape s = tensor_shape(c->b, &v[0]), t = tensor_shape(c->b, &v[1]);
  int inner = MAX(t.rank - 2, 0);
  if (s.rank && t.rank && s.dim[s.rank - 1] != t.dim[inner])
    diag_note(c->cx, d, "axis %d of the first is %s, axis %d of the second is %s", s.rank - 1,
              dim_text(c->cx, s.dim[s.rank - 1]), inner, dim_text(c->cx, t.dim[inner]));
  fault_sizes(c, d);
  if (s.rank >= 1 && t.rank >= 2 && s.dim[s.rank - 1] == t.dim[t.rank - 1])
    diag_hint(c->cx, d, "the second operand fits when transposed: @ transpose(..)");
  else if (s.rank == 0 || t.rank == 0) diag_hint(c->cx, d, "to multiply by a scalar, write *");
  return value_poison();
}

/* Integers have no contraction: spread to all labels, multiply, sum over k. */
static Value integer_product(Check *c, Val x, Val y, const Contract *k, const Labels *all,
                             Span at) {
  Shape space = {.rank = k->nlabels};
  bool summed[IR_MAX_RANK + 1];
  if (k->nlabels > IR_MAX_RANK) {
    fault(c, E0812, at, "this product of integers needs more than %d axes", IR_MAX_RANK);
    return value_poison();
  }
  memset(summed, true, sizeof summed);
  const uint8_t *ids[2] = {k->a, k->b};
  Val v[2] = {x, y};
  for (int side = 0; side < 2; side++)
    for (int i = 0; i < ir_shape(c->b, v[side])->rank; i++)
      space.dim[ids[side][i]] = ir_shape(c->b, v[side])->dim[i];
  for (int side = 0; side < 2; side++) {
    int rank = ir_shape(c->b, v[side])->rank;
    ViewDim *dim = dims_of(c, rank);
    for (int i = 0; i < rank; i++) dim[i] = along(c, ids[side][i]);
    v[side] = view_of(c, v[side], &space, dim, false);
  }
  uint32_t axes = 0;
  for (int i = 0; i < k->nout; i++) summed[k->out[i]] = false;
  for (int i = 0; i < k->nlabels; i++) axes |= (uint32_t)summed[i] << i;
  return value_tensor(ir_fold(c->b, OP_sum, ir_map2(c->b, OP_mul, v[0], v[1]), axes), all);
}

Value matmul(Check *c, const Value *operand, const Span *spans, Span at) {
  Value v[2] = {operand[0], operand[1]};
  if (!unify_types(c, v, spans, 2, "@", at)) return value_poison();
  MatSide a = {.v = v[0], .s = tensor_shape(c->b, &v[0])};
  MatSide b = {.v = v[1], .s = tensor_shape(c->b, &v[1])};
  int ra = a.s.rank, rb = b.s.rank;
  if (!ra || !rb) return fault_matmul(c, v, spans, at, "an operand is a scalar");
  if (ir_type(c->b, v[0].u.t.val) == T_BOOL)
    return fault_matmul(c, v, spans, at, "truth values have no product");
  int kb = rb >= 2 ? rb - 2 : 0;
  if (a.s.dim[ra - 1] != b.s.dim[kb])
    return fault_matmul(c, v, spans, at,
                        "the last axis of the first must be the last but one of the second");
  const Labels *la = value_labels(&v[0]), *all = labels_union(c->cx, la, value_labels(&v[1]));
  int nbatch = MAX(MAX(ra, rb) - 2, 0), id = all->n;
  Shape out = {0};
  uint8_t out_id[IR_MAX_RANK];
  for (int i = nbatch; i >= 1; i--, id++) { /* i-th batch axis from the right */
    int xa = ra - 2 - i, xb = rb - 2 - i;
    Dim ea = xa >= 0 ? a.s.dim[xa] : 1, eb = xb >= 0 ? b.s.dim[xb] : 1;
    if (ea != eb && ea != 1 && eb != 1)
      return fault_matmul(c, v, spans, at, "the axes before the last two can't be broadcast");
    if (xa >= 0 && (ea != 1 || eb == 1)) keep(&a, xa, id);
    if (xb >= 0 && (eb != 1 || ea == 1)) keep(&b, xb, id);
    out_id[out.rank] = (uint8_t)id;
    out.dim[out.rank++] = ea == 1 ? eb : ea;
  }
  if (ra >= 2) {
    keep(&a, ra - 2, id);
    out_id[out.rank] = (uint8_t)id++;
    out.dim[out.rank++] = a.s.dim[ra - 2];
  }
  keep(&a, ra - 1, id);
  keep(&b, kb, id++);
  if (rb >= 2) {
    keep(&b, rb - 1, id);
    out_id[out.rank] = (uint8_t)id++;
    out.dim[out.rank++] = b.s.dim[rb - 1];
  }
  Shape whole;
  if (!labelled_shape(c, all, &out, at, &whole)) return value_poison();
  Contract k = {.nlabels = id, .nout = all->n + out.rank};
  Val x = contract_side(c, &a, all, k.a), y = contract_side(c, &b, all, k.b);
  for (int i = 0; i < all->n; i++) k.out[i] = (uint8_t)i;
  for (int i = 0; i < out.rank; i++) k.out[all->n + i] = out_id[i];
  if (!type_is_float(ir_type(c->b, x))) return integer_product(c, x, y, &k, all, at);
  return value_tensor(ir_contract(c->b, x, y, &k), all);
}

/* ---- labels as numbers ---- */
/* The value of a loop variable, without the start of its range. */
static Val loop_index(Check *c, const Label *l, DType t, const Shape *s) {
  Value v = import_value(c, l->loop, value_tensor(l->index, NULL));
  return ir_broadcast(c->b, ir_cast(c->b, t, v.u.t.val), s);
}

Value affine_tensor(Check *c, const Affine *a, DType t) {
  const Labels *l = affine_labels(c->cx, a);
  Shape s, scalar = {0};
  if (!labelled_shape(c, l, &scalar, c->b->span, &s)) return value_poison();
  Val sum = 0;
  Dim off = a->off;
  for (int i = 0; i < a->n; i++) {
    const AffineTerm *term = &a->term[i];
    Val x = term->label->loop ? loop_index(c, term->label, t, &s)
                              : ir_iota_along(c->b, t, &s, labels_find(l, term->label));
    if (term->coef != 1) x = ir_map2(c->b, OP_mul, x, ir_size(c->b, t, &s, term->coef));
    sum = sum ? ir_map2(c->b, OP_add, sum, x) : x;
    off = dim_add(c->cx, off, dim_mul(c->cx, term->coef, term->label->lo));
  }
  Val constant = ir_size(c->b, t, &s, off);
  if (!sum) sum = constant;
  else if (off != 0) sum = ir_map2(c->b, OP_add, sum, constant);
  return value_tensor(sum, l);
}
