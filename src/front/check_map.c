/* check_map.c: element types: untyped numbers become tensors, operands agree on a type, and
 * elementwise operators are applied with broadcasting over labels and trailing axes. */
#include "front/check.h"

/* ---- untyped values as tensors ---- */
Value make_weak(Check *c, const Weak *w) {
  Weak *copy = arena_copy(c->cx->arena, w, sizeof *w);
  copy->arg = arena_copy(c->cx->arena, w->arg, (size_t)w->n * sizeof *w->arg);
  if (w->arg_span)
    copy->arg_span = arena_copy(c->cx->arena, w->arg_span, (size_t)w->n * sizeof *w->arg_span);
  Value v = {.kind = V_WEAK, .u.weak = copy};
  for (int i = w->kind == WEAK_MAP && w->op == OP_select ? 1 : 0; i < w->n; i++)
    v.is_float |= w->arg[i].kind == V_FLOAT || (w->arg[i].kind == V_WEAK && w->arg[i].is_float);
  return v;
}

static Value weak_tensor(Check *c, const Weak *w, DType t) {
  bool whole_only = w->kind == WEAK_MAP && op_info[w->op].typing == TY_INT;
  if (whole_only && type_is_float(t)) { /* shl(1, k) where a float is asked for: exact, then cast */
    Value x = weak_tensor(c, w, T_I64);
    return x.kind == V_POISON ? x : value_tensor(ir_cast(c->b, t, x.u.t.val), value_labels(&x));
  }
  Value *v = arena_copy(c->cx->arena, w->arg, (size_t)w->n * sizeof *w->arg);
  Span *spans = NEWS(c->cx->arena, Span, w->n + 1);
  bool select = w->kind == WEAK_MAP && w->op == OP_select;
  for (int i = 0; i < w->n; i++) {
    spans[i] = w->arg_span ? w->arg_span[i] : w->span;
    if (!(select && i == 0)) v[i] = to_type(c, v[i], t, spans[i]);
    if (v[i].kind == V_POISON) return v[i];
  }
  switch (w->kind) {
  case WEAK_MAP: return apply_map(c, w->op, v, spans, w->n, w->span);
  case WEAK_BROADCAST:
    return value_tensor(align(c, v, value_labels(v), &w->shape), value_labels(v));
  case WEAK_STACK: return move_stack(c, v, spans, w->n, w->span);
  case WEAK_VARIABLE: {
    Shape whole;
    if (!labelled_shape(c, w->labels, &w->shape, w->span, &whole)) return value_poison();
    Val in = ir_input(w->unit->b, NULL, t, &whole, ROLE_ARG, w->span);
    return import_value(c, w->unit, value_tensor(in, w->labels));
  }
  }
  return value_poison();
}

/* The number that makes an untyped value a float. */
static Span float_place(const Value *v, Span at) {
  const Weak *w = v->kind == V_WEAK ? v->u.weak : NULL;
  for (int i = 0; w && w->arg_span && i < w->n; i++) {
    bool is_float = w->arg[i].kind == V_FLOAT || (w->arg[i].kind == V_WEAK && w->arg[i].is_float);
    if (is_float) return float_place(&w->arg[i], w->arg_span[i]);
  }
  return at;
}

static Value fault_type(Check *c, const Value *v, DType t, Span at) {
  const char *word = type_info[t].word, *text = value_text(c->cx, c->b, v);
  bool floating = v->kind == V_FLOAT || (v->kind == V_WEAK && v->is_float);
  if (floating && type_is_int(t)) {
    Diag *d = fault(c, E0302, float_place(v, at), "%s can't be an %s", text, word);
    diag_hint(c->cx, d, "convert the integers: f32(..) or f64(..), or write an integer here");
  } else if (value_is_untyped(v) && t == T_BOOL) {
    Diag *d = fault(c, E0301, at, "%s stands where a truth value (bool) is needed", text);
    diag_hint(c->cx, d, "compare it with something, as in `x != 0`");
  } else {
    Diag *d = fault(c, E0301, at, "this is %s where %s is needed",
                    v->kind == V_AFFINE ? "an index (i32)" : text, word);
    if (v->kind == V_TENSOR || v->kind == V_AFFINE || v->kind == V_BOOL)
      diag_hint(c->cx, d, "there are no implicit conversions: write %s(..)", word);
    fault_declared(c, d, v);
  }
  return value_poison();
}

static Value fault_not_number(Check *c, const Value *v, Span at) {
  Diag *d = fault(c, E0311, at, "%s stands where a tensor or number is needed",
                  value_text(c->cx, c->b, v));
  if (v->kind == V_FN && v->u.fn->name) diag_hint(c->cx, d, "call it: %s(..)", v->u.fn->name);
  if (v->kind == V_TUPLE) diag_hint(c->cx, d, "take the parts by `let (a, b) = ..` or by an index");
  return value_poison();
}

static Value int_tensor(Check *c, const Value *v, DType t, Span at) {
  if (type_is_float(t)) return value_tensor(ir_const_f(c->b, t, NULL, (double)v->u.i), NULL);
  int64_t i = v->u.i;
  bool fits = t == T_I64 || (t == T_I32 && i == (int32_t)i) || (t == T_U8 && i == (uint8_t)i);
  if (!fits) {
    Diag *d = fault(c, E0317, at, "%lld doesn't fit into %s", (long long)i, type_info[t].word);
    if (t != T_I64) diag_hint(c->cx, d, "i64 holds it: write i64(%lld)", (long long)i);
    return value_poison();
  }
  return value_tensor(ir_const_i(c->b, t, NULL, i), NULL);
}

Value to_type(Check *c, Value v, DType t, Span at) {
  Value r = value_poison();
  switch (v.kind) {
  case V_POISON: return v;
  case V_INT:
    if (t == T_BOOL) return fault_type(c, &v, t, at);
    r = int_tensor(c, &v, t, at);
    break;
  case V_SIZE:
    if (t == T_BOOL) return fault_type(c, &v, t, at);
    r = value_tensor(ir_size(c->b, t, NULL, v.u.size), NULL);
    break;
  case V_FLOAT:
    if (!type_is_float(t)) return fault_type(c, &v, t, at);
    r = value_tensor(ir_const_f(c->b, t, NULL, v.u.f), NULL);
    break;
  case V_BOOL:
    if (t != T_BOOL) return fault_type(c, &v, t, at);
    r = value_tensor(ir_const_i(c->b, T_BOOL, NULL, v.u.truth), NULL);
    break;
  case V_WEAK:
    if (t == T_BOOL || (v.is_float && !type_is_float(t))) return fault_type(c, &v, t, at);
    r = weak_tensor(c, v.u.weak, t);
    break;
  case V_AFFINE:
    if (t == T_BOOL || (!type_is_int(t) && !value_is_loop_number(&v)))
      return fault_type(c, &v, t, at);
    r = affine_tensor(c, v.u.affine, type_is_int(t) ? t : T_I64);
    if (type_is_float(t) && r.kind == V_TENSOR) r.u.t.val = ir_cast(c->b, t, r.u.t.val);
    break;
  case V_TENSOR: return ir_type(c->b, v.u.t.val) == t ? v : fault_type(c, &v, t, at);
  default: return fault_not_number(c, &v, at);
  }
  if (r.kind == V_TENSOR) r.name = v.name, r.decl = v.decl;
  return r;
}

/* The type of a value that stands alone. */
static DType own_type(Check *c, const Value *v) {
  switch (v->kind) {
  case V_TENSOR: return ir_type(c->b, v->u.t.val);
  case V_BOOL: return T_BOOL;
  case V_FLOAT: return c->float_type;
  case V_WEAK: return v->is_float ? c->float_type : c->int_type;
  case V_AFFINE: return T_I32;
  default: return c->int_type;
  }
}

Value to_tensor(Check *c, Value v, Span at) { return to_type(c, v, own_type(c, &v), at); }

Value cast_value(Check *c, Value v, DType t, Span at) {
  if (v.kind == V_POISON) return v;
  bool direct =
      (value_is_integer(&v) && t != T_BOOL) ||
      ((v.kind == V_FLOAT || (v.kind == V_WEAK && t != T_BOOL && !v.is_float)) &&
       type_is_float(t)) ||
      (v.kind == V_WEAK && v.is_float && type_is_float(t)) ||
      (v.kind == V_WEAK && !v.is_float && t == T_I64) ||
      (v.kind == V_AFFINE && (type_is_int(t) || (value_is_loop_number(&v) && t != T_BOOL)));
  if (direct) return to_type(c, v, t, at);
  Value x = to_tensor(c, v, at);
  if (x.kind == V_POISON) return x;
  Value r = value_tensor(ir_cast(c->b, t, x.u.t.val), value_labels(&x));
  r.name = NULL;
  return r;
}

/* ---- one type for several operands ---- */
static void fault_mixed(Check *c, const Value *a, const Value *b, Span sa, Span sb,
                        const char *what, Span at) {
  const char *ta = value_text(c->cx, c->b, a), *tb = value_text(c->cx, c->b, b);
  DType x = own_type(c, a), y = own_type(c, b);
  Diag *d = fault(c, E0301, at, "%s of %s and %s: the element types differ", what, ta, tb);
  diag_label(c->cx, d, sa, "%s", ta);
  diag_label(c->cx, d, sb, "%s", tb);
  fault_declared(c, d, a);
  fault_declared(c, d, b);
  DType wider = MAX(x, y);
  const Value *narrow = x < y ? a : b;
  if (x == T_BOOL || y == T_BOOL)
    diag_hint(c->cx, d, "there are no implicit conversions: write %s(%s)", type_info[wider].word,
              narrow->name ? narrow->name : "..");
  else
    diag_hint(c->cx, d, "there are no implicit conversions: write %s(%s), or convert the other",
              type_info[wider].word, narrow->name ? narrow->name : "..");
}

/* Which of the values decides the type: a tensor, else an index, else a float. */
static int deciding(const Value *v, int n) {
  for (int i = 0; i < n; i++)
    if (v[i].kind == V_TENSOR || v[i].kind == V_BOOL) return i;
  for (int i = 0; i < n; i++)
    if (v[i].kind == V_AFFINE && !value_is_loop_number(&v[i])) return i;
  for (int i = 0; i < n; i++)
    if (v[i].kind == V_FLOAT || (v[i].kind == V_WEAK && v[i].is_float)) return i;
  return 0;
}

bool unify_types(Check *c, Value *v, const Span *spans, int n, const char *what, Span at) {
  for (int i = 0; i < n; i++) {
    if (v[i].kind == V_POISON) return false;
    if (v[i].kind < V_TUPLE) continue;
    fault_not_number(c, &v[i], spans[i]);
    return false;
  }
  int lead = deciding(v, n);
  DType t = own_type(c, &v[lead]);
  for (int i = 0; i < n; i++) {
    bool typed = v[i].kind == V_TENSOR || v[i].kind == V_BOOL ||
                 (v[i].kind == V_AFFINE && !type_is_int(t) && !value_is_loop_number(&v[i]));
    if (typed && own_type(c, &v[i]) != t) {
      int first = MIN(i, lead), second = MAX(i, lead);
      fault_mixed(c, &v[first], &v[second], spans[first], spans[second], what, at);
      return false;
    }
  }
  for (int i = 0; i < n; i++) {
    v[i] = to_type(c, v[i], t, spans[i]);
    if (v[i].kind == V_POISON) return false;
  }
  return true;
}

/* ---- elementwise operators ---- */
static bool typing_fits(Typing typing, DType t) {
  switch (typing) {
  case TY_NUM: return t != T_BOOL;
  case TY_FLOAT: return type_is_float(t);
  case TY_INT: return type_is_int(t);
  case TY_LOGIC: return t == T_BOOL;
  case TY_BITS: return type_is_float(t);
  case TY_FROM_BITS: return t == T_I32 || t == T_I64;
  default: return true;
  }
}

static const char *op_word(Op op) {
  return op == OP_neg || !*op_info[op].symbol ? op_info[op].name : op_info[op].symbol;
}

static Value fault_operand(Check *c, Op op, const Value *v, const Span *spans, int n, Span at) {
  DType t = ir_type(c->b, v[0].u.t.val);
  Typing typing = op_info[op].typing;
  if (op == OP_div) {
    Diag *d = fault(c, E0315, at, "`/` of %s: integers have no exact quotient",
                    value_text(c->cx, c->b, &v[0]));
    for (int i = 0; i < n; i++) fault_declared(c, d, &v[i]);
    diag_hint(c->cx, d, "write `//` to round down, or convert first: f32(..) / f32(..)");
    return value_poison();
  }
  const char *needs = typing == TY_FLOAT || typing == TY_BITS      ? "floats"
                      : typing == TY_INT || typing == TY_FROM_BITS ? "integers"
                      : typing == TY_LOGIC                         ? "truth values (bool)"
                                                                   : "numbers";
  Diag *d = fault(c, E0303, at, "`%s` works on %s, not on %s", op_word(op), needs,
                  value_text(c->cx, c->b, &v[0]));
  for (int i = 0; i < n; i++) {
    diag_label(c->cx, d, spans[i], "%s", value_text(c->cx, c->b, &v[i]));
    fault_declared(c, d, &v[i]);
  }
  if (typing == TY_FLOAT && t != T_BOOL) diag_hint(c->cx, d, "convert it: f32(..) or f64(..)");
  if (typing == TY_NUM) diag_hint(c->cx, d, "convert it: i32(..) or f32(..)");
  if (typing == TY_LOGIC) diag_hint(c->cx, d, "compare first, as in `x != 0`");
  return value_poison();
}

/* Whether every operand is an integer known at compile time or a label's: index arithmetic. */
static bool affine_map(Check *c, Op op, const Value *v, int n, Value *out) {
  bool labelled = false;
  for (int i = 0; i < n; i++) {
    if (v[i].kind != V_AFFINE && !value_is_integer(&v[i])) return false;
    labelled = labelled || v[i].kind == V_AFFINE;
  }
  if (!labelled || n > 2 || (op == OP_div && !c->dividing)) return false;
  Affine a, b, r, zero = {.den = 1};
  if (!affine_of_value(&v[0], &a) || (n == 2 && !affine_of_value(&v[1], &b))) return false;
  bool done = op == OP_neg ? affine_binary(c->cx, OP_sub, &zero, &a, &r)
                           : n == 2 && affine_binary(c->cx, op, &a, &b, &r);
  if (done) *out = value_affine(c->cx, &r);
  return done;
}

/* x ** n of an integer tensor by repeated squaring. */
static Value int_tensor_power(Check *c, const Value *x, int64_t n) {
  Val base = x->u.t.val, r = 0;
  Shape s = *ir_shape(c->b, base);
  for (; n > 0; n >>= 1) {
    if (n & 1) r = r ? ir_map2(c->b, OP_mul, r, base) : base;
    if (n > 1) base = ir_map2(c->b, OP_mul, base, base);
  }
  if (!r) r = ir_const_i(c->b, ir_type(c->b, x->u.t.val), &s, 1);
  return value_tensor(r, value_labels(x));
}

static Value map_tensors(Check *c, Op op, const Value *v, const Span *spans, int n, Span at) {
  char what[32];
  Shape trailing, whole;
  const Labels *all = &no_labels;
  Val arg[3];
  strcpy(what, "`");
  strcat(what, op_word(op));
  strcat(what, "`");
  if (!broadcast_shapes(c, v, spans, n, op == OP_select ? "`if`" : what, at, &trailing))
    return value_poison();
  for (int i = 0; i < n; i++) all = labels_union(c->cx, all, value_labels(&v[i]));
  if (!labelled_shape(c, all, &trailing, at, &whole)) return value_poison();
  for (int i = 0; i < n; i++) arg[i] = align(c, &v[i], all, &trailing);
  return value_tensor(ir_map(c->b, op, arg), all);
}

Value apply_select(Check *c, const Value *operand, const Span *spans, Span at) {
  Value v[3] = {operand[0], operand[1], operand[2]};
  for (int i = 0; i < 3; i++)
    if (v[i].kind == V_POISON) return v[i];
  v[0] = to_type(c, v[0], T_BOOL, spans[0]);
  if (v[0].kind == V_POISON) return v[0];
  if (v[1].kind == V_TUPLE && v[2].kind == V_TUPLE && v[1].u.tuple.n == v[2].u.tuple.n) {
    Value items[MAX_ARGS];
    int n = MIN(v[1].u.tuple.n, MAX_ARGS);
    for (int i = 0; i < n; i++) {
      Value part[3] = {v[0], v[1].u.tuple.item[i], v[2].u.tuple.item[i]};
      items[i] = apply_select(c, part, spans, at);
    }
    return value_tuple(c->cx, items, n);
  }
  if (value_is_untyped(&v[1]) && value_is_untyped(&v[2]))
    return make_weak(
        c, &(Weak){
               .kind = WEAK_MAP, .op = OP_select, .n = 3, .arg = v, .arg_span = spans, .span = at});
  if (!unify_types(c, v + 1, spans + 1, 2, "`if` with branches", at)) return value_poison();
  return map_tensors(c, OP_select, v, spans, 3, at);
}

Value apply_map(Check *c, Op op, const Value *operand, const Span *spans, int n, Span at) {
  Value v[3], out;
  bool typed = false;
  if (op == OP_select) return apply_select(c, operand, spans, at);
  for (int i = 0; i < n; i++) {
    if (operand[i].kind == V_POISON) return operand[i];
    v[i] = operand[i];
    typed = typed || v[i].kind == V_TENSOR || v[i].kind >= V_TUPLE ||
            (v[i].kind == V_AFFINE && !value_is_loop_number(&v[i]));
  }
  if (affine_map(c, op, v, n, &out)) return out;
  if (!typed && number_map(c, op, v, spans, n, at, &out)) return out;
  bool integer_base =
      v[0].kind == V_AFFINE || (v[0].kind == V_TENSOR && type_is_int(ir_type(c->b, v[0].u.t.val)));
  if (op == OP_pow && integer_base && v[1].kind == V_INT && v[1].u.i >= 0) {
    Value x = to_tensor(c, v[0], spans[0]);
    return x.kind == V_POISON ? x : int_tensor_power(c, &x, v[1].u.i);
  }
  for (int i = 0; i < n && op_info[op].typing == TY_LOGIC; i++)
    if (v[i].kind == V_TENSOR && ir_type(c->b, v[i].u.t.val) != T_BOOL)
      return fault_operand(c, op, &v[i], &spans[i], 1, at);
  char what[32] = "`";
  strcat(what, op_word(op));
  strcat(what, "`");
  if (!unify_types(c, v, spans, n, what, at)) return value_poison();
  if (!typing_fits(op_info[op].typing, ir_type(c->b, v[0].u.t.val)))
    return fault_operand(c, op, v, spans, n, at);
  return map_tensors(c, op, v, spans, n, at);
}
