/* check_builtin.c: the functions that are part of the checker: reductions and what is known of
 * shapes; those that move data are in check_move.c. */
#include "front/check.h"

#include <stdlib.h>

const Builtin builtins[BUILTIN_COUNT] = {
#define BUILTIN(name, params, doc) [BI_##name] = {BI_##name, #name, params, doc},
#include "front/builtin.def"
#undef BUILTIN
};

/* ---- finding ---- */
static bool is_rule_word(BuiltinId id) { return id == BI_total || id == BI_product; }

static FnValue *new_fn(Check *c, FnKind kind, Name name) {
  FnValue *f = NEW(c->cx->arena, FnValue);
  f->kind = kind;
  f->name = name;
  return f;
}

const FnValue *builtin_find(Check *c, Name name) {
  Op op;
  DType t;
  for (int i = 0; i < BUILTIN_COUNT; i++)
    if (!strcmp(builtins[i].name, name) && (c->p->rules || !is_rule_word(builtins[i].id))) {
      FnValue *f = new_fn(c, FN_BUILTIN, name);
      f->builtin = &builtins[i];
      return f;
    }
  if (type_find(name, &t)) {
    FnValue *f = new_fn(c, FN_CAST, name);
    f->type = t;
    return f;
  }
  if (op_find(name, &op) && op_kind(op) == KIND_MAP && op != OP_cast) {
    FnValue *f = new_fn(c, FN_MAP, name);
    f->op = op;
    return f;
  }
  return NULL;
}

void builtin_names(Check *c, const char **out, int *n, int max) {
  (void)c;
  for (int i = 0; i < BUILTIN_COUNT && *n < max; i++)
    if (!is_rule_word(builtins[i].id)) out[(*n)++] = builtins[i].name;
  for (int i = 0; i < DTYPE_COUNT && *n < max; i++) out[(*n)++] = type_info[i].word;
  for (int op = 0; op < OP_COUNT && *n < max; op++)
    if (op_kind((Op)op) == KIND_MAP && op != OP_cast) out[(*n)++] = op_info[op].name;
}

int builtin_params(Check *c, const Builtin *b, Name *names, bool *optional) {
  int n = 0;
  for (const char *p = b->params; *p;) {
    size_t len = strcspn(p, " ");
    optional[n] = p[len - 1] == '?';
    names[n] = name_of_n(c->cx, p, len - optional[n]);
    n++;
    p += len;
    p += *p == ' ';
  }
  return n;
}

/* ---- reading arguments ---- */
bool axis_number(Check *c, const Value *v, int rank, Span at, int *out) {
  Dim d;
  if (!expect_dim(c, v, at, "an axis", &d)) return false;
  if (!dim_is_number(d) || d < -rank || d >= rank) {
    Diag *e;
    if (!dim_is_number(d)) e = fault(c, E0308, at, "an axis must be a plain number");
    else if (!rank) e = fault(c, E0308, at, "a scalar has no axis %lld", (long long)d);
    else e = fault(c, E0308, at, "there is no axis %lld: the tensor has %d", (long long)d, rank);
    if (rank)
      diag_note(c->cx, e, "axes are 0 .. %d, or -%d .. -1 counted from the end", rank - 1, rank);
    return false;
  }
  *out = (int)(d < 0 ? d + rank : d);
  return true;
}

/* An axis or a tuple of them as a bit set; all where absent. */
static bool axis_set(Check *c, const Arg *a, int rank, uint32_t *out) {
  int k;
  *out = 0;
  if (!a) return *out = (1u << rank) - 1, true;
  if (a->value.kind != V_TUPLE)
    return axis_number(c, &a->value, rank, a->span, &k) && (*out = 1u << k, true);
  for (int i = 0; i < a->value.u.tuple.n; i++) {
    if (!axis_number(c, &a->value.u.tuple.item[i], rank, a->span, &k)) return false;
    if (*out >> k & 1) {
      fault(c, E0308, a->span, "axis %d is named twice", k);
      return false;
    }
    *out |= 1u << k;
  }
  return true;
}

bool dims_of_value(Check *c, const Value *v, Span at, const char *what, Shape *out) {
  const Value *item = v;
  int n = 1;
  *out = (Shape){0};
  if (v->kind == V_TUPLE) item = v->u.tuple.item, n = v->u.tuple.n;
  if (n > IR_MAX_RANK) {
    fault(c, E0812, at, "%d axes; the limit is %d", n, IR_MAX_RANK);
    return false;
  }
  for (int i = 0; i < n; i++) {
    if (!expect_dim(c, &item[i], at, what, &out->dim[i])) return false;
    out->rank++;
  }
  if (!check_count(c, out, at)) return false;
  return true;
}

static bool truth(Check *c, const Arg *a, bool *out) {
  *out = false;
  if (!a) return true;
  if (a->value.kind != V_BOOL) {
    fault(c, E0313, a->span, "this must be true or false, known at compile time");
    return false;
  }
  *out = a->value.u.truth;
  return true;
}

/* ---- reductions ---- */
static Value reduce(Check *c, Op op, const Arg *x, const Arg *axis, const Arg *keepdims) {
  uint32_t axes;
  bool kept;
  Value v = to_tensor(c, x->value, x->span);
  if (v.kind == V_POISON) return v;
  if (!axis_set(c, axis, tensor_rank(c->b, &v), &axes) || !truth(c, keepdims, &kept))
    return value_poison();
  return fold_axes(c, op, &v, axes, kept);
}

static Value extremum(Check *c, Op fold, Op map, const Arg **a, Span at) {
  if (!a[1]) return reduce(c, fold, a[0], a[2], a[3]);
  Value v[2] = {a[0]->value, a[1]->value};
  Span spans[2] = {a[0]->span, a[1]->span};
  if (a[2] || a[3]) {
    Diag *d =
        fault(c, E0204, at, "the elementwise `%s` of two arguments has no axis", op_info[map].name);
    diag_hint(c->cx, d, "name the axis: %s(x, axis: 0)", op_info[map].name);
    return value_poison();
  }
  return apply_map(c, map, v, spans, 2, at);
}

/* ---- what is known of shapes ---- */
static Value shape_tuple(Check *c, const Shape *s) {
  Value v[IR_MAX_RANK];
  for (int i = 0; i < s->rank; i++) v[i] = value_size(s->dim[i]);
  return value_tuple(c->cx, v, s->rank);
}

static Value count_of(Check *c, const Shape *s, uint32_t axes) {
  Dim n = 1;
  for (int i = 0; i < s->rank; i++)
    if (axes >> i & 1) n = dim_mul(c->cx, n, s->dim[i]);
  return value_size(n);
}

static Value inquire(Check *c, BuiltinId id, const Arg *x, const Arg *axis) {
  Value items[IR_MAX_RANK];
  uint32_t axes;
  Value v = to_tensor(c, x->value, x->span);
  if (v.kind == V_POISON) return v;
  Shape s = tensor_shape(c->b, &v);
  DType t = ir_type(c->b, v.u.t.val);
  switch (id) {
  case BI_rank: return value_int(s.rank);
  case BI_shape: return shape_tuple(c, &s);
  case BI_axes:
    for (int i = 0; i < s.rank; i++) items[i] = value_int(i);
    return value_tuple(c->cx, items, s.rank);
  case BI_is_float: return value_bool(type_is_float(t));
  case BI_dtype: return value_fn(builtin_find(c, name_of(c->cx, type_info[t].word)));
  default: return axis_set(c, axis, s.rank, &axes) ? count_of(c, &s, axes) : value_poison();
  }
}

/* What depends on data or on a size without a number isn't known. */
static Value is_known(Check *c, const Arg *holds) {
  const Value *v = &holds->value;
  if (v->kind == V_BOOL) return *v;
  if (v->kind == V_TENSOR && ir_type(c->b, v->u.t.val) == T_BOOL) return value_bool(false);
  fault(c, E0310, holds->span, "what may be known must be true or false, not %s",
        value_text(c->cx, c->b, v));
  return value_poison();
}

/* ---- making tensors ---- */
static Value make_iota(Check *c, const Arg *n) {
  Dim d;
  if (!expect_dim(c, &n->value, n->span, "the length", &d)) return value_poison();
  if (dim_is_number(d) && d < 0) {
    fault(c, E0511, n->span, "the length is %lld", (long long)d);
    return value_poison();
  }
  if (!check_count(c, &(Shape){1, {d}}, n->span)) return value_poison();
  return value_tensor(ir_iota(c->b, T_I32, d), NULL);
}

static Value make_index(Check *c, const Arg *x, const Arg *axis) {
  int k;
  Value v = to_tensor(c, x->value, x->span);
  if (v.kind == V_POISON || !axis_number(c, &axis->value, tensor_rank(c->b, &v), axis->span, &k))
    return value_poison();
  Shape s = tensor_shape(c->b, &v);
  return value_tensor(ir_iota_along(c->b, T_I32, &s, k), NULL);
}

static Value expand(Check *c, const Arg *x, const Arg *axis) {
  int k;
  int32_t from[IR_MAX_RANK + 1];
  Value v = to_tensor(c, x->value, x->span);
  if (v.kind == V_POISON) return v;
  Shape s = tensor_shape(c->b, &v), out = {0};
  if (!axis_number(c, &axis->value, s.rank + 1, axis->span, &k)) return value_poison();
  if (s.rank == IR_MAX_RANK) {
    fault(c, E0812, x->span, "more than %d axes", IR_MAX_RANK);
    return value_poison();
  }
  for (int i = 0; i <= s.rank; i++) {
    from[i] = i == k ? -1 : i - (i > k);
    out.dim[out.rank++] = i == k ? 1 : s.dim[from[i]];
  }
  return rearrange(c, &v, &out, from);
}

/* ---- the dispatch ---- */
static Value run(Check *c, BuiltinId id, const Arg **a, Span at) {
  switch (id) {
  case BI_sum: return reduce(c, OP_sum, a[0], a[1], a[2]);
  case BI_prod: return reduce(c, OP_prod, a[0], a[1], a[2]);
  case BI_total: return reduce(c, OP_sum, a[0], NULL, NULL);
  case BI_product: return reduce(c, OP_prod, a[0], NULL, NULL);
  case BI_max: return extremum(c, OP_amax, OP_max, a, at);
  case BI_min: return extremum(c, OP_amin, OP_min, a, at);
  case BI_rank:
  case BI_shape:
  case BI_axes:
  case BI_is_float:
  case BI_dtype: return inquire(c, id, a[0], NULL);
  case BI_size: return inquire(c, id, a[0], a[1]);
  case BI_known: return is_known(c, a[0]);
  case BI_reshape: return move_reshape(c, a[0], a[1], at);
  case BI_transpose: return move_transpose(c, a[0], a[1]);
  case BI_broadcast_to: return move_broadcast(c, a[0], a[1], at);
  case BI_expand_dims: return expand(c, a[0], a[1]);
  case BI_pad: return move_pad(c, a[0], a[1], a[2], a[3], at);
  case BI_concat: return move_concat(c, a[0], a[1], at);
  case BI_stack: return array_stack(c, a[0], a[1], at);
  case BI_split: return array_split(c, a[0], a[1], a[2]);
  case BI_flip: return array_flip(c, a[0], a[1]);
  case BI_move_axis: return array_move_axis(c, a[0], a[1], a[2]);
  case BI_einsum: return array_einsum(c, a[0], a + 1, at);
  case BI_gather: return move_gather(c, a[0], a[1], a[2], at);
  case BI_scatter: return move_scatter(c, a[0], a[1], a[2], a[3], at);
  case BI_iota: return make_iota(c, a[0]);
  case BI_index_along: return make_index(c, a[0], a[1]);
  default: /* derivatives and inside have a form of their own (check_call.c) */
    cx_bug(c->cx, "`%s` is called like a plain function", builtins[id].name);
  }
}

Value call_builtin(Check *c, const FnValue *f, const Call *call) {
  enum { MAX_PARAMS = EINSUM_MAX + 1 };
  Name names[MAX_PARAMS];
  bool optional[MAX_PARAMS];
  int slot[MAX_PARAMS];
  const Arg *arg[MAX_PARAMS] = {0};
  int n = builtin_params(c, f->builtin, names, optional);
  Call whole = gather_sizes(c, names, n, call);
  call = &whole;
  if (!bind_slots(c, f->name, names, n, call, slot)) return value_poison();
  for (int i = 0; i < n; i++) {
    if (slot[i] >= 0) arg[i] = &call->arg[slot[i]];
    if (slot[i] >= 0 || optional[i]) continue;
    fault(c, E0204, call->span, "this call of `%s` lacks the argument `%s`", f->name, names[i]);
    return value_poison();
  }
  return run(c, f->builtin->id, arg, call->span);
}
