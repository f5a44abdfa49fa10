/* check_number.c: arithmetic at compile time: untyped integers exactly, sizes as expressions,
 * floats in f64. What isn't known yet (1/N) stays an untyped expression. */
#include "front/check.h"

#include <math.h>

#include "ir/arith.h"

static bool is_compare(Op op) { return op_info[op].typing == TY_COMPARE; }

static Value fault_number(Check *c, DiagCode code, Span at, const char *text) {
  fault(c, code, at, "%s", text);
  return value_poison();
}

/* ---- integers ---- */
static bool int_power(int64_t base, int64_t n, int64_t *out) {
  int64_t r = 1;
  if (n > 64 && (base > 1 || base < -1)) return false;
  for (n = n > 64 ? 2 + n % 2 : n; n > 0; n--)
    if (__builtin_mul_overflow(r, base, &r)) return false;
  *out = r;
  return true;
}

static Value int_map(Check *c, Op op, const int64_t *a, int n, Span at) {
  int64_t r = 0;
  bool overflow = false;
  switch (op) {
  case OP_add: overflow = __builtin_add_overflow(a[0], a[1], &r); break;
  case OP_sub: overflow = __builtin_sub_overflow(a[0], a[1], &r); break;
  case OP_mul: overflow = __builtin_mul_overflow(a[0], a[1], &r); break;
  case OP_neg: overflow = __builtin_sub_overflow((int64_t)0, a[0], &r); break;
  case OP_pow:
    if (a[1] < 0) return value_float(pow((double)a[0], (double)a[1]));
    overflow = !int_power(a[0], a[1], &r);
    break;
  case OP_idiv:
  case OP_mod:
    if (a[1] == 0) return fault_number(c, E0309, at, "division by zero");
    r = op == OP_idiv ? ir_floor_div(a[0], a[1]) : ir_floor_mod(a[0], a[1]);
    break;
  default: {
    Scalar s[3] = {{0}};
    for (int i = 0; i < n; i++) s[i].i = a[i];
    r = ir_map_value(op, T_I64, T_I64, s).i;
  }
  }
  if (overflow) return fault_number(c, E0317, at, "this integer doesn't fit into 64 bits");
  return value_int(r);
}

static Value int_compare(Op op, int64_t a, int64_t b) {
  Scalar s[2] = {{.i = a}, {.i = b}};
  return value_bool(ir_map_value(op, T_I64, T_BOOL, s).i != 0);
}

/* ---- floats ---- */
static double float_of(const Value *v) { return v->kind == V_INT ? (double)v->u.i : v->u.f; }

static Value float_map(Op op, const Value *v, int n) {
  Scalar s[3] = {{0}};
  for (int i = 0; i < n; i++) s[i].f = float_of(&v[i]);
  if (is_compare(op)) return value_bool(ir_map_value(op, T_F64, T_BOOL, s).i != 0);
  return value_float(ir_map_value(op, T_F64, T_F64, s).f);
}

/* ---- sizes ---- */
/* -1 where it depends on the sizes. */
static int size_compare(Cx *cx, Op op, Dim a, Dim b) {
  int le = dim_le(cx, a, b), ge = dim_le(cx, b, a);
  int lt = dim_le(cx, dim_add(cx, a, 1), b), gt = dim_le(cx, dim_add(cx, b, 1), a);
  int eq = a == b ? 1 : (lt == 1 || gt == 1 || le == 0 || ge == 0) ? 0 : -1;
  switch (op) {
  case OP_eq: return eq;
  case OP_ne: return eq < 0 ? eq : !eq;
  case OP_le: return le;
  case OP_ge: return ge;
  case OP_lt: return lt;
  case OP_gt: return gt;
  default: return -1;
  }
}

static bool size_map(Check *c, Op op, const Dim *d, Span at, Value *out) {
  Cx *cx = c->cx;
  Dim q;
  switch (op) {
  case OP_add: *out = value_size(dim_add(cx, d[0], d[1])); return true;
  case OP_sub: *out = value_size(dim_sub(cx, d[0], d[1])); return true;
  case OP_mul: *out = value_size(dim_mul(cx, d[0], d[1])); return true;
  case OP_neg: *out = value_size(dim_sub(cx, 0, d[0])); return true;
  case OP_min:
  case OP_max: {
    int le = dim_le(cx, d[0], d[1]), ge = dim_le(cx, d[1], d[0]);
    if (le != 1 && ge != 1) return false;
    *out = value_size((le == 1) == (op == OP_min) ? d[0] : d[1]);
    return true;
  }
  case OP_pow:
    if (!dim_is_number(d[1]) || d[1] < 0 || d[1] > 8) return false;
    q = 1;
    for (Dim i = 0; i < d[1]; i++) q = dim_mul(cx, q, d[0]);
    *out = value_size(q);
    return true;
  case OP_idiv:
  case OP_mod:
    if (d[1] == 0) return *out = fault_number(c, E0309, at, "division by zero"), true;
    if (dim_is_number(d[1]) && d[1] > 0) q = dim_floor_div(cx, d[0], d[1]);
    else if (!dim_divides(cx, d[0], d[1], &q)) return false;
    *out = value_size(op == OP_idiv ? q : dim_sub(cx, d[0], dim_mul(cx, q, d[1])));
    return true;
  default: return false;
  }
}

/* ---- the whole ---- */
static bool logic(Op op, const Value *v, int n, Value *out) {
  for (int i = 0; i < n; i++)
    if (v[i].kind != V_BOOL) return false;
  bool a = v[0].u.truth, b = n > 1 && v[1].u.truth;
  switch (op) {
  case OP_and: *out = value_bool(a && b); return true;
  case OP_or: *out = value_bool(a || b); return true;
  case OP_not: *out = value_bool(!a); return true;
  case OP_eq: *out = value_bool(a == b); return true;
  case OP_ne: *out = value_bool(a != b); return true;
  default: return false;
  }
}

/* Operators whose value isn't a number of the same untyped kind; they want tensors. */
static bool wants_tensor(Op op) {
  Typing t = op_info[op].typing;
  return t == TY_BITS || t == TY_FROM_BITS || t == TY_LOGIC || t == TY_CAST;
}

bool number_map(Check *c, Op op, const Value *v, const Span *spans, int n, Span at, Value *out) {
  int ints = 0, sizes = 0, floats = 0;
  for (int i = 0; i < n; i++) {
    if (v[i].kind == V_BOOL) return logic(op, v, n, out);
    ints += v[i].kind == V_INT;
    sizes += v[i].kind == V_SIZE;
    floats += v[i].kind == V_FLOAT || (v[i].kind == V_WEAK && v[i].is_float);
  }
  Typing typing = op_info[op].typing;
  if (wants_tensor(op) || (floats && typing == TY_INT)) return false;
  if (op == OP_stop) return *out = v[0], true;
  bool pure_float = typing == TY_FLOAT && op != OP_pow;
  if (ints == n && !pure_float) {
    int64_t a[3] = {0};
    for (int i = 0; i < n; i++) a[i] = v[i].u.i;
    *out = is_compare(op) ? int_compare(op, a[0], a[1]) : int_map(c, op, a, n, at);
    return true;
  }
  Dim d[3] = {0};
  if (ints + sizes == n && n <= 2 && !pure_float) {
    bool fit = true;
    for (int i = 0; i < n; i++) fit = fit && value_dim(&v[i], &d[i]);
    int truth = fit && is_compare(op) ? size_compare(c->cx, op, d[0], d[1]) : -1;
    if (truth >= 0) return *out = value_bool(truth), true;
    if (fit && !is_compare(op) && size_map(c, op, d, at, out)) return true;
  }
  bool numbers = true;
  for (int i = 0; i < n; i++) numbers = numbers && (v[i].kind == V_INT || v[i].kind == V_FLOAT);
  if (numbers) return *out = float_map(op, v, n), true;
  if (is_compare(op)) return false; /* decided when the sizes are known: a tensor */
  Value result = make_weak(
      c, &(Weak){.kind = WEAK_MAP, .op = op, .n = n, .arg = v, .arg_span = spans, .span = at});
  result.is_float = floats || typing == TY_FLOAT;
  *out = result;
  return true;
}
