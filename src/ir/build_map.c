/* build_map.c: elementwise instructions: type checks, constant folding, identities. The identities
 * here hold for every value up to the sign of zero; what needs more thought is in pass/simplify.c.
 */
#include "ir/build.h"
#include "ir/build_parts.h"

#include <math.h>

static DType result_type(Builder *b, Op op, const Val *arg) {
  DType t = ir_type(b, arg[0]);
  switch (op_info[op].typing) {
  case TY_COMPARE: return T_BOOL;
  case TY_SELECT: return ir_type(b, arg[1]);
  case TY_BITS: return t == T_F64 ? T_I64 : T_I32;
  case TY_FROM_BITS: return t == T_I64 ? T_F64 : T_F32;
  default: return t;
  }
}

static bool operand_ok(Typing ty, DType t, int i) {
  switch (ty) {
  case TY_NUM: return t != T_BOOL;
  case TY_FLOAT:
  case TY_BITS: return type_is_float(t);
  case TY_INT: return type_is_int(t);
  case TY_FROM_BITS: return t == T_I32 || t == T_I64;
  case TY_LOGIC: return t == T_BOOL;
  case TY_SELECT: return i > 0 || t == T_BOOL;
  default: return true;
  }
}

static void check_operands(Builder *b, Op op, const Val *arg) {
  const OpInfo *info = &op_info[op];
  if (info->kind != KIND_MAP) cx_bug(b->cx, "%s is not elementwise", info->name);
  int first = info->typing == TY_SELECT ? 1 : 0;
  for (int i = 0; i < info->arity; i++) {
    if (arg[i] <= 0 || arg[i] >= b->fn->ins.n)
      cx_bug(b->cx, "operand %d of %s has no value", i, info->name);
    DType t = ir_type(b, arg[i]);
    bool same = i < first || t == ir_type(b, arg[first]);
    if (!same || !operand_ok(info->typing, t, i) ||
        !shape_eq(ir_shape(b, arg[i]), ir_shape(b, arg[0])))
      cx_bug(b->cx, "operand %d of %s is %s, next to %s", i, info->name,
             type_text(b->cx, t, ir_shape(b, arg[i])),
             type_text(b->cx, ir_type(b, arg[0]), ir_shape(b, arg[0])));
  }
}

/* ---- constants ---- */
static Scalar scalar_of(const Ins *c) {
  return type_is_float((DType)c->type) ? (Scalar){.f = c->u.f} : (Scalar){.i = c->u.i};
}

/* What finite numbers make infinite or NaN stays an instruction: --trap-nan can name its line. */
static Val fold_constants(Builder *b, Op op, DType to, const Val *arg) {
  Scalar in[3] = {{0}};
  bool finite = true;
  for (int i = 0; i < op_info[op].arity; i++) {
    const Ins *c = ir_ins(b, arg[i]);
    if (!ins_is_const(c)) return 0;
    in[i] = scalar_of(c);
    if (type_is_float((DType)c->type) && !isfinite(in[i].f)) finite = false;
  }
  Scalar out = ir_map_value(op, ir_type(b, arg[op == OP_select ? 1 : 0]), to, in);
  if (finite && type_is_float(to) && !isfinite(out.f)) return 0;
  Shape s = *ir_shape(b, arg[0]);
  return type_is_float(to) ? ir_const_f(b, to, &s, out.f) : ir_const_i(b, to, &s, out.i);
}

static bool is(Builder *b, Val v, double value) { return ins_is_splat(ir_ins(b, v), value); }
static bool is_op(Builder *b, Val v, Op op) { return ir_ins(b, v)->op == op; }
static Val operand(Builder *b, Val v, int i) { return ir_ins(b, v)->arg[i]; }
static Val constant_like(Builder *b, Val x, double v) {
  Shape s = *ir_shape(b, x);
  return ir_const_f(b, ir_type(b, x), &s, v);
}

/* ---- identities ---- */
/* ... whose reciprocal is a normal number of the type as well */
static bool is_power_of_two(double v, DType t) {
  int e, most = t == T_F32 ? 120 : 1000;
  return v != 0 && fabs(frexp(v, &e)) == 0.5 && e > -most && e < most;
}

static Val identity_pow(Builder *b, Val x, Val y) {
  if (is(b, y, 1)) return x;                                               /* x**1  => x */
  if (is(b, y, 0)) return constant_like(b, x, 1);                          /* x**0  => 1 */
  if (is(b, y, 2)) return ir_map2(b, OP_mul, x, x);                        /* x**2  => x*x */
  if (is(b, y, 3)) return ir_map2(b, OP_mul, ir_map2(b, OP_mul, x, x), x); /* x**3  => x*x*x */
  if (is(b, y, -1)) return ir_map2(b, OP_div, constant_like(b, x, 1), x);  /* x**-1 => 1/x */
  return 0;
}

static Val identity_div(Builder *b, Val x, Val y) {
  if (is(b, y, 1)) return x; /* x/1 => x */
  if (is(b, y, -1)) return ir_map1(b, OP_neg, x);
  const Ins *c = ir_ins(b, y);
  if (ins_is_const(c) && !ins_is_const(ir_ins(b, x)) && is_power_of_two(c->u.f, (DType)c->type))
    return ir_map2(b, OP_mul, x, constant_like(b, x, 1 / c->u.f)); /* x/2^k => x * 2^-k, exact */
  return 0;
}

static Val identity_mul(Builder *b, Val x, Val y) {
  if (is(b, y, 1)) return x;                      /* x*1 => x */
  if (is(b, x, 1)) return y;                      /* 1*y => y */
  if (is(b, y, -1)) return ir_map1(b, OP_neg, x); /* x*-1 => -x */
  if (is(b, x, -1)) return ir_map1(b, OP_neg, y);
  if (!type_is_float(ir_type(b, x)) && (is(b, x, 0) || is(b, y, 0))) return constant_like(b, x, 0);
  if (is_op(b, x, OP_neg) && is_op(b, y, OP_neg)) /* -x * -y => x*y */
    return ir_map2(b, OP_mul, operand(b, x, 0), operand(b, y, 0));
  return 0;
}

/* A negative integer whose opposite is one as well. */
static bool is_less_than_0(Builder *b, Val v, double *opposite) {
  const Ins *in = ir_ins(b, v);
  if (!ins_is_const(in) || in->type != T_I32) return false;
  *opposite = -(double)in->u.i;
  return *opposite > 0 && *opposite <= INT32_MAX;
}

static Val identity_add(Builder *b, Val x, Val y) {
  double c;
  if (is(b, y, 0)) return x;
  if (is(b, x, 0)) return y;
  if (is_op(b, y, OP_neg)) return ir_map2(b, OP_sub, x, operand(b, y, 0)); /* x + -y => x - y */
  if (is_op(b, x, OP_neg)) return ir_map2(b, OP_sub, y, operand(b, x, 0)); /* -x + y => y - x */
  if (is_less_than_0(b, y, &c))                                            /* x + -2 => x - 2 */
    return ir_map2(b, OP_sub, x, constant_like(b, y, c));
  return 0;
}

static Val identity_sub(Builder *b, Val x, Val y) {
  double c;
  if (is(b, y, 0)) return x;
  if (is(b, x, 0)) return ir_map1(b, OP_neg, y);
  if (is_op(b, y, OP_neg)) return ir_map2(b, OP_add, x, operand(b, y, 0)); /* x - -y => x + y */
  if (is_less_than_0(b, y, &c)) return ir_map2(b, OP_add, x, constant_like(b, y, c));
  return 0;
}

static Val identity_logic(Builder *b, Op op, Val x, Val y) {
  double neutral = op == OP_and;
  if (is(b, y, neutral) || x == y) return x;
  if (is(b, x, neutral)) return y;
  if (is(b, x, !neutral) || is(b, y, !neutral)) return constant_like(b, x, !neutral);
  return 0;
}

/* A constant that isn't 0 puts nothing out. */
static Val identity_safe_mul(Builder *b, Val x, Val y) {
  const Ins *cx = ir_ins(b, x), *cy = ir_ins(b, y);
  if (is(b, x, 0) || is(b, y, 0)) return constant_like(b, x, 0);
  bool number = (ins_is_const(cx) && isfinite(cx->u.f)) || (ins_is_const(cy) && isfinite(cy->u.f));
  return number ? ir_map2(b, OP_mul, x, y) : 0;
}

static Val identity(Builder *b, Op op, const Val *arg) {
  Val x = arg[0], y = op_info[op].arity > 1 ? arg[1] : 0;
  switch (op) {
  case OP_add: return identity_add(b, x, y);
  case OP_sub: return identity_sub(b, x, y);
  case OP_mul: return identity_mul(b, x, y);
  case OP_safe_mul: return identity_safe_mul(b, x, y);
  case OP_div: return identity_div(b, x, y);
  case OP_pow: return identity_pow(b, x, y);
  case OP_and:
  case OP_or: return identity_logic(b, op, x, y);
  case OP_min:
  case OP_max: return x == y ? x : 0;
  case OP_neg: return is_op(b, x, OP_neg) ? operand(b, x, 0) : 0; /* -(-x) => x */
  case OP_not: return is_op(b, x, OP_not) ? operand(b, x, 0) : 0;
  case OP_stop: return is_op(b, x, OP_stop) || (!b->opaque && ins_is_const(ir_ins(b, x))) ? x : 0;
  case OP_bounded: return ir_index_inside(b->fn, x, y) ? x : 0;
  case OP_select:
    if (arg[1] == arg[2]) return arg[1]; /* if c then x else x => x */
    if (is(b, x, 1)) return arg[1];
    if (is(b, x, 0)) return arg[2];
    if (is_op(b, x, OP_not)) return ir_map3(b, OP_select, operand(b, x, 0), arg[2], arg[1]);
    return 0;
  default: return 0;
  }
}

static bool commutes(Op op) {
  return op == OP_add || op == OP_mul || op == OP_safe_mul || op == OP_min || op == OP_max ||
         op == OP_eq || op == OP_ne || op == OP_and || op == OP_or || op == OP_bitand ||
         op == OP_bitor || op == OP_bitxor;
}

/* a op b and b op a are one instruction; a constant stands on the right. */
static Val emit_map(Builder *b, Op op, DType to, Val *arg) {
  Ins i = {.op = (uint8_t)op,
           .type = to,
           .nargs = (uint16_t)op_info[op].arity,
           .arg = arg,
           .shape = *ir_shape(b, arg[0])};
  if (commutes(op)) {
    Val swapped[] = {arg[1], arg[0]};
    bool constant_left = ins_is_const(ir_ins(b, arg[0])) && !ins_is_const(ir_ins(b, arg[1]));
    Ins other = i;
    other.arg = swapped;
    Val found = constant_left ? 0 : build_find(b, &other);
    if (found) return b->hint = NULL, found;
    if (constant_left) return build_emit(b, &other);
  }
  return build_emit(b, &i);
}

Val ir_map(Builder *b, Op op, const Val *arg) {
  Val a[3] = {0};
  memcpy(a, arg, (size_t)op_info[op].arity * sizeof *a);
  check_operands(b, op, a);
  DType to = result_type(b, op, a);
  Val v = op == OP_stop || op == OP_bounded ? 0 : fold_constants(b, op, to, a);
  if (!v) v = identity(b, op, a);
  return v ? v : emit_map(b, op, to, a);
}

Val ir_bounded(Builder *b, Val index, Dim extent) {
  Shape s = *ir_shape(b, index);
  return ir_map2(b, OP_bounded, index, ir_size(b, ir_type(b, index), &s, extent));
}

Val ir_opaque(Builder *b, Val v) {
  if (!ins_is_const(ir_ins(b, v)) || !type_is_float(ir_type(b, v))) return v;
  bool outer = b->opaque;
  b->opaque = true;
  v = ir_map1(b, OP_stop, v);
  b->opaque = outer;
  return v;
}

Val ir_map1(Builder *b, Op op, Val x) { return ir_map(b, op, (Val[]){x}); }
Val ir_map2(Builder *b, Op op, Val x, Val y) { return ir_map(b, op, (Val[]){x, y}); }
Val ir_map3(Builder *b, Op op, Val x, Val y, Val z) { return ir_map(b, op, (Val[]){x, y, z}); }

/* A cast of a cast folds where the middle type holds every value of the first. */
static bool widens(DType from, DType to) {
  switch (from) {
  case T_BOOL: return true;
  case T_U8: return to != T_BOOL;
  case T_I32: return to == T_I64 || to == T_F64;
  case T_F32: return to == T_F64;
  default: return false;
  }
}

Val ir_cast(Builder *b, DType t, Val x) {
  if (ir_type(b, x) == t) return x;
  Val v = fold_constants(b, OP_cast, t, &x);
  if (v) return v;
  if (is_op(b, x, OP_cast) && widens(ir_type(b, operand(b, x, 0)), ir_type(b, x)))
    return ir_cast(b, t, operand(b, x, 0));
  if (is_op(b, x, OP_iota) &&
      ir_type(b, x) == T_I32) /* numbers below 2^31, rounded or wrapped once */
    return ir_iota(b, t, ir_shape(b, x)->dim[0]);
  if (is_op(b, x, OP_size)) {
    Shape s = *ir_shape(b, x);
    return ir_size(b, t, &s, ir_ins(b, x)->u.size);
  }
  return emit_map(b, OP_cast, t, &x);
}
