/* check_type.c: types as they are written: element types, sizes, and the binding of named sizes by
 * the arguments of a call. */
#include "front/check.h"

static const char *dim_text(Cx *cx, Dim d) {
  Text t = text_new(cx->arena);
  dim_print(cx, d, &t);
  return text_str(&t);
}

/* ---- sizes in types ---- */
/* A name in a size: bound names stay names (dim_unify and dim_subst replace them), constants and
 * compile-time integers are their values. */
static bool named_size(Check *c, const Node *n, TypeUse use, Dim *out) {
  Value v;
  Dim d;
  bool bound = c->frame && size_lookup(&c->frame->sizes, n->name, &d);
  if (!bound && name_value_quiet(c, n->name, &v) && v.kind != V_TENSOR && v.kind != V_FN) {
    if (v.kind == V_POISON) return false;
    return expect_dim(c, &v, n->span, "a size", out);
  }
  bool closed = use == TYPE_RESULT || (use == TYPE_PARAM && c->frame && c->frame->self);
  if (!bound && closed && !known_size(c, n->name)) {
    Diag *e = fault(c, E0506, n->span, "the size `%s` is bound by no argument", n->name);
    suggest(c, e, n->name, NULL, 0);
    return false;
  }
  *out = dim_named(c->cx, n->name);
  return true;
}

static bool size_expr(Check *c, const Node *n, TypeUse use, Dim *out) {
  Dim a, b;
  switch (n->kind) {
  case NODE_ERROR: return false;
  case NODE_INT:
    if (n->u.i < 0 || n->u.i > DIM_MAX_NUMBER) {
      fault(c, E0511, n->span, "an extent can't be %lld", (long long)n->u.i);
      return false;
    }
    *out = n->u.i;
    return true;
  case NODE_NAME: return named_size(c, n, use, out);
  case NODE_BINARY:
    if (!size_expr(c, n->kid[0], use, &a) || !size_expr(c, n->kid[1], use, &b)) return false;
    switch (n->u.op) {
    case OP_add: *out = dim_add(c->cx, a, b); return true;
    case OP_sub: *out = dim_sub(c->cx, a, b); return true;
    case OP_mul: *out = dim_mul(c->cx, a, b); return true;
    case OP_idiv:
      if (dim_is_number(b) && b > 0) return *out = dim_floor_div(c->cx, a, b), true;
      if (dim_divides(c->cx, a, b, out)) return true;
      break;
    default: break;
    }
    break;
  default: break;
  }
  Diag *d = fault(c, E0506, n->span, "this can't be a size");
  diag_hint(c->cx, d, "sizes are integers, names, and + - * // of them");
  return false;
}

bool check_count(Check *c, const Shape *s, Span at) {
  double n = 1;
  bool long_axis = false;
  for (int i = 0; i < s->rank; i++) {
    if (!dim_is_number(s->dim[i])) continue;
    n *= (double)s->dim[i];
    long_axis |= s->dim[i] > EXTENT_MAX;
  }
  if (n <= (double)DIM_MAX_NUMBER && !long_axis) return true;
  Text text = text_new(c->cx->arena);
  shape_print(c->cx, s, &text);
  Diag *d = fault(c, E0814, at, "a tensor of the shape %s is too large", text_str(&text));
  if (long_axis)
    diag_note(c->cx, d, "an axis has at most %d elements: indices are i32", EXTENT_MAX);
  else diag_note(c->cx, d, "it would have %.3g elements", n);
  return false;
}

bool resolve_type(Check *c, const Node *type, TypeUse use, DType *t, Shape *s) {
  *s = (Shape){0};
  if (!type || type->kind != NODE_TYPE) return false;
  if (!type_find(type->name, t)) {
    const char *words[DTYPE_COUNT];
    for (int i = 0; i < DTYPE_COUNT; i++) words[i] = type_info[i].word;
    Diag *d = fault(c, E0314, type->span, "there is no element type `%s`", type->name);
    if (!habit_hint(c, d, HABIT_TYPE, type->name)) suggest(c, d, type->name, words, DTYPE_COUNT);
    diag_note(c->cx, d, "element types are bool, u8, i32, i64, f32 and f64");
    return false;
  }
  if (type->nkids > IR_MAX_RANK) {
    fault(c, E0812, type->span, "%d axes; the limit is %d", type->nkids, IR_MAX_RANK);
    return false;
  }
  for (int i = 0; i < type->nkids; i++) {
    Dim d;
    if (!size_expr(c, type->kid[i], use, &d)) return false;
    if (dim_is_number(d) && d < 0) {
      fault(c, E0511, type->kid[i]->span, "an extent can't be %lld", (long long)d);
      return false;
    }
    s->dim[s->rank++] = d;
  }
  return check_count(c, s, type->span);
}

/* ---- named sizes of a call ---- */
/* Names of sizes fixed by the program (those of parameters) keep their own value in every call. */
static void bind_globals(Check *c, Dim d) {
  SizeBindings names = {0};
  Dim have;
  dim_names(c->cx, d, c->cx->arena, &names);
  for (int i = 0; i < names.list.n; i++) {
    Name name = names.list.at[i].name;
    if (known_size(c, name) && !size_lookup(&c->frame->sizes, name, &have))
      size_bind(c->cx->arena, &c->frame->sizes, name, program_size(c->p, name));
  }
}

/* An extent that may be a compile-time argument is not a size to be bound. */
static bool uses_arguments(const Node *type, const Node *fn) {
  for (int i = 2; i < fn->nkids; i++)
    if (ast_mentions(type, fn->kid[i]->name)) return true;
  return false;
}

/* Returns whether a size became known. */
static bool bind_one(Check *c, const Node *type, const Arg *given) {
  DType t;
  Shape s;
  SizeBindings *sizes = &c->frame->sizes;
  int before = sizes->list.n;
  if (!resolve_type(c, type, TYPE_ARG, &t, &s)) return false;
  Value v = to_type(c, given->value, t, given->span);
  if (v.kind != V_TENSOR) return false;
  Shape actual = tensor_shape(c->b, &v);
  if (s.rank != actual.rank) return false;
  for (int i = 0; i < s.rank; i++) {
    int had = sizes->list.n;
    bind_globals(c, s.dim[i]);
    if (!dim_unify(c->cx, c->cx->arena, s.dim[i], actual.dim[i], sizes)) sizes->list.n = had;
  }
  return sizes->list.n > before;
}

void bind_call_sizes(Check *c, const Node *fn, const Call *call, const int *slot) {
  bool compound = false, more = true;
  for (int i = 2; i < fn->nkids; i++)
    for (int k = 0; fn->kid[i]->kid[0] && k < fn->kid[i]->kid[0]->nkids; k++)
      compound = compound || fn->kid[i]->kid[0]->kid[k]->kind == NODE_BINARY;
  if (!compound) return; /* each argument's own extents bind its sizes */
  c->mute++;
  while (more) {
    more = false;
    for (int i = 2; i < fn->nkids && i - 2 < MAX_ARGS; i++) {
      const Node *type = fn->kid[i]->kid[0];
      const Arg *given = slot[i - 2] >= 0 ? &call->arg[slot[i - 2]] : NULL;
      if (type && given && given->value.kind < V_TUPLE && !uses_arguments(type, fn))
        more = bind_one(c, type, given) || more;
    }
  }
  c->mute--;
}

/* ---- arguments ---- */
static Diag *fault_argument(Check *c, const Node *arg, const Value *v, Span at, DType t,
                            const Shape *s, const char *why) {
  const char *is = value_text(c->cx, c->b, v);
  Diag *d = fault(c, E0306, at, "argument `%s` is %s, declared as %s: %s", arg->name, is,
                  type_text(c->cx, t, s), why);
  diag_label(c->cx, d, arg->span, "declared here");
  fault_declared(c, d, v);
  if (v->kind == V_TENSOR && ir_type(c->b, v->u.t.val) != t)
    diag_hint(c->cx, d, "there are no implicit conversions: write %s(..)", type_info[t].word);
  else if (c->frame) fault_instance(c, d, c->frame->self);
  return d;
}

/* Other arguments of the call that have a say in an extent. */
static void label_binders(Check *c, Diag *d, const Node *arg, Dim declared) {
  const Frame *f = c->frame;
  SizeBindings names = {0};
  Dim value;
  dim_names(c->cx, declared, c->cx->arena, &names);
  for (int i = 2; f->args && i < f->fn->nkids && i - 2 < MAX_ARGS; i++) {
    const Node *other = f->fn->kid[i];
    const Arg *given = f->slot[i - 2] >= 0 ? &f->args->arg[f->slot[i - 2]] : NULL;
    if (other == arg || !given || !given->span.source || given->value.kind >= V_TUPLE) continue;
    bool typed = given->value.kind == V_TENSOR;
    for (int k = 0; k < names.list.n; k++) {
      Name size = names.list.at[k].name;
      if (!ast_mentions(other->kid[0], size) || !size_lookup(&f->sizes, size, &value)) continue;
      diag_label(c->cx, d, given->span, "`%s`%s%s: %s is %s", other->name, typed ? " is " : "",
                 typed ? value_text(c->cx, f->b, &given->value) : "", size, dim_text(c->cx, value));
      break;
    }
  }
}

static const char *why_extent(Check *c, int axis, Dim declared, Dim actual) {
  Text t = text_new(c->cx->arena);
  Dim value = dim_subst(c->cx, declared, &c->frame->sizes);
  text_fmt(&t, "axis %d has extent %s, not %s", axis, dim_text(c->cx, actual),
           dim_text(c->cx, declared));
  if (value != declared) text_fmt(&t, " = %s", dim_text(c->cx, value));
  return text_str(&t);
}

Value check_argument(Check *c, const Node *arg, Value v, Span at) {
  DType t;
  Shape s;
  if (v.kind == V_POISON || !arg->kid[0]) return v;
  if (!resolve_type(c, arg->kid[0], TYPE_ARG, &t, &s)) return value_poison();
  const char *why = NULL;
  if (v.kind == V_TUPLE || v.kind == V_FN || v.kind == V_STRING) why = "a tensor is needed";
  else if (v.kind == V_TENSOR && ir_type(c->b, v.u.t.val) != t) why = "the element types differ";
  Value x = why ? v : to_type(c, v, t, at);
  if (x.kind == V_POISON) return x;
  Shape actual = {0};
  if (!why) actual = tensor_shape(c->b, &x);
  if (!why && actual.rank != s.rank)
    why = name_fmt(c->cx, "%d ax%s instead of %d", actual.rank, actual.rank == 1 ? "is" : "es",
                   s.rank);
  if (why) {
    fault_argument(c, arg, &x, at, t, &s, why);
    return value_poison();
  }
  for (int i = 0; i < s.rank; i++) {
    bind_globals(c, s.dim[i]);
    if (dim_unify(c->cx, c->cx->arena, s.dim[i], actual.dim[i], &c->frame->sizes)) continue;
    why = why_extent(c, i, s.dim[i], actual.dim[i]);
    label_binders(c, fault_argument(c, arg, &x, at, t, &s, why), arg, s.dim[i]);
    return value_poison();
  }
  return x;
}

Value check_result(Check *c, const Node *fn, Value v, Span at) {
  DType t;
  Shape s;
  if (v.kind == V_POISON || !fn->kid[0]) return v;
  if (!resolve_type(c, fn->kid[0], TYPE_RESULT, &t, &s)) return value_poison();
  const char *is = value_text(c->cx, c->b, &v), *declared = type_text(c->cx, t, &s);
  bool tensor = v.kind < V_TUPLE;
  Value x = tensor && (v.kind != V_TENSOR || ir_type(c->b, v.u.t.val) == t) ? to_type(c, v, t, at)
                                                                            : value_poison();
  if (tensor && v.kind != V_TENSOR && x.kind == V_POISON) return x;
  Shape actual = {0};
  bool fits = x.kind == V_TENSOR;
  if (fits) actual = tensor_shape(c->b, &x);
  fits = fits && actual.rank == s.rank;
  for (int i = 0; fits && i < s.rank; i++) {
    bind_globals(c, s.dim[i]);
    fits = dim_subst(c->cx, s.dim[i], &c->frame->sizes) == actual.dim[i];
  }
  if (fits) return x;
  Diag *d = fault(c, E0307, at, "the result of `%s` is %s, declared as %s", fn->name, is, declared);
  diag_label(c->cx, d, fn->kid[0]->span, "declared here");
  if (v.kind == V_TENSOR && ir_type(c->b, v.u.t.val) != t) {
    diag_hint(c->cx, d, "there are no implicit conversions: write %s(..)", type_info[t].word);
  } else if (x.kind == V_TENSOR) {
    for (int i = 0; i < s.rank; i++) s.dim[i] = dim_subst(c->cx, s.dim[i], &c->frame->sizes);
    fault_axes(c, d, &actual, &s, "declared as");
    fault_sizes(c, d);
  }
  return value_poison();
}
