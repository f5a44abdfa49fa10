/* llvm_map.c: elementwise operators as LLVM instructions, on scalars and vectors alike. */
#include "back/llvm_gen.h"

#include <math.h>

/* ---- comparison ---- */
static LLVMValueRef compare(Gen *g, Op op, DType t, LLVMValueRef a, LLVMValueRef b) {
  static const struct {
    Op op;
    LLVMRealPredicate real;
    LLVMIntPredicate sign, plain;
  } table[] = {
      {OP_eq, LLVMRealOEQ, LLVMIntEQ, LLVMIntEQ},   {OP_ne, LLVMRealUNE, LLVMIntNE, LLVMIntNE},
      {OP_lt, LLVMRealOLT, LLVMIntSLT, LLVMIntULT}, {OP_le, LLVMRealOLE, LLVMIntSLE, LLVMIntULE},
      {OP_gt, LLVMRealOGT, LLVMIntSGT, LLVMIntUGT}, {OP_ge, LLVMRealOGE, LLVMIntSGE, LLVMIntUGE},
  };
  int i = 0;
  while (table[i].op != op) i++;
  if (type_is_float(t)) return LLVMBuildFCmp(g->b, table[i].real, a, b, "");
  bool is_signed = t == T_I32 || t == T_I64;
  return LLVMBuildICmp(g->b, is_signed ? table[i].sign : table[i].plain, a, b, "");
}

/* max: a where a > b or a is NaN, else b.  The first choice is one machine instruction. */
static LLVMValueRef extreme(Gen *g, Op op, DType t, LLVMValueRef a, LLVMValueRef b) {
  LLVMValueRef better = compare(g, op == OP_max ? OP_gt : OP_lt, t, a, b);
  LLVMValueRef v = LLVMBuildSelect(g->b, better, a, b, "");
  if (!type_is_float(t)) return v;
  return LLVMBuildSelect(g->b, LLVMBuildFCmp(g->b, LLVMRealUNO, a, a, ""), a, v, "");
}

/* ---- integer division: rounds down; by zero gives 0; by -1 wraps ---- */
static LLVMValueRef constant(LLVMValueRef like, int64_t v) {
  LLVMTypeRef t = LLVMTypeOf(like);
  if (LLVMGetTypeKind(t) != LLVMVectorTypeKind) return LLVMConstInt(t, (uint64_t)v, 1);
  unsigned n = LLVMGetVectorSize(t);
  LLVMValueRef at[256];
  for (unsigned i = 0; i < n; i++) at[i] = LLVMConstInt(LLVMGetElementType(t), (uint64_t)v, 1);
  return LLVMConstVector(at, n);
}

static LLVMValueRef int_quotient(Gen *g, Op op, DType t, LLVMValueRef a, LLVMValueRef b) {
  LLVMBuilderRef ir = g->b;
  LLVMValueRef zero = constant(b, 0), one = constant(b, 1);
  LLVMValueRef by_zero = LLVMBuildICmp(ir, LLVMIntEQ, b, zero, "");
  if (t == T_U8) {
    LLVMValueRef safe = LLVMBuildSelect(ir, by_zero, one, b, "");
    LLVMValueRef v =
        op == OP_idiv ? LLVMBuildUDiv(ir, a, safe, "") : LLVMBuildURem(ir, a, safe, "");
    return LLVMBuildSelect(ir, by_zero, zero, v, "");
  }
  LLVMValueRef minus = LLVMBuildICmp(ir, LLVMIntEQ, b, constant(b, -1), "");
  LLVMValueRef safe = LLVMBuildSelect(ir, LLVMBuildOr(ir, by_zero, minus, ""), one, b, "");
  LLVMValueRef q = LLVMBuildSDiv(ir, a, safe, ""), r = LLVMBuildSRem(ir, a, safe, "");
  LLVMValueRef uneven = LLVMBuildICmp(ir, LLVMIntNE, r, zero, "");
  LLVMValueRef opposed = LLVMBuildICmp(ir, LLVMIntSLT, LLVMBuildXor(ir, r, safe, ""), zero, "");
  LLVMValueRef fix = LLVMBuildAnd(ir, uneven, opposed, "");
  LLVMValueRef v;
  if (op == OP_idiv) {
    v = LLVMBuildSelect(ir, fix, LLVMBuildSub(ir, q, one, ""), q, "");
    v = LLVMBuildSelect(ir, minus, LLVMBuildNeg(ir, a, ""), v, "");
  } else {
    v = LLVMBuildSelect(ir, fix, LLVMBuildAdd(ir, r, safe, ""), r, "");
    v = LLVMBuildSelect(ir, minus, zero, v, "");
  }
  return LLVMBuildSelect(ir, by_zero, zero, v, "");
}

/* ---- conversions ---- */
/* The largest number of the float type below 2^bits. */
static double below_power(DType from, int bits) {
  return ldexp(1, bits) - ldexp(1, MAX(0, bits - (from == T_F32 ? 24 : 53)));
}

/* A vector of integers, saturated, 0 from NaN. LLVM (19 at least) does what its own saturating
 * conversion says lane by lane. */
static LLVMValueRef vector_to_int(Gen *g, DType from, DType to, int lanes, LLVMValueRef a) {
  LLVMTypeRef real = gen_type(g, from, 1), t = gen_type(g, to, lanes);
  LLVMTypeRef wide = to == T_U8 ? gen_type(g, T_I32, lanes) : t;
  int bits = to == T_U8 ? 8 : type_info[to].bytes * 8 - 1;
  double most = below_power(from, bits), power = ldexp(1, bits);
  LLVMValueRef low = gen_splat(g, LLVMConstReal(real, to == T_U8 ? 0 : -power), lanes);
  LLVMValueRef high = gen_splat(g, LLVMConstReal(real, most), lanes);
  LLVMValueRef number = LLVMBuildFCmp(g->b, LLVMRealORD, a, a, "");
  LLVMValueRef v = LLVMBuildSelect(g->b, number, a, LLVMConstNull(LLVMTypeOf(a)), "");
  v = LLVMBuildSelect(g->b, LLVMBuildFCmp(g->b, LLVMRealOGT, v, low, ""), v, low, "");
  v = LLVMBuildSelect(g->b, LLVMBuildFCmp(g->b, LLVMRealOLT, v, high, ""), v, high, "");
  LLVMValueRef whole = LLVMBuildFPToSI(g->b, v, wide, "");
  if (most < power - 1) { /* the largest integers aren't numbers of the float type */
    LLVMValueRef over = LLVMBuildFCmp(g->b, LLVMRealOGT, a, high, "");
    int64_t top = to == T_I32 ? INT32_MAX : INT64_MAX;
    whole = LLVMBuildSelect(g->b, over, constant(whole, top), whole, "");
  }
  return to == T_U8 ? LLVMBuildTrunc(g->b, whole, t, "") : whole;
}

static LLVMValueRef cast(Gen *g, DType from, DType to, int lanes, LLVMValueRef a) {
  LLVMTypeRef t = gen_type(g, to, lanes);
  LLVMValueRef zero = LLVMConstNull(LLVMTypeOf(a));
  if (from == to) return a;
  if (to == T_BOOL)
    return type_is_float(from) ? LLVMBuildFCmp(g->b, LLVMRealUNE, a, zero, "")
                               : LLVMBuildICmp(g->b, LLVMIntNE, a, zero, "");
  bool plain = from == T_BOOL || from == T_U8;
  if (type_is_float(from) && type_is_float(to)) return LLVMBuildFPCast(g->b, a, t, "");
  if (type_is_float(from) && lanes > 1) return vector_to_int(g, from, to, lanes, a);
  if (type_is_float(from)) /* saturates; NaN gives 0 */
    return gen_call(g, to == T_U8 ? "llvm.fptoui.sat" : "llvm.fptosi.sat", LLVMTypeOf(a), t, &a, 1);
  if (type_is_float(to))
    return plain ? LLVMBuildUIToFP(g->b, a, t, "") : LLVMBuildSIToFP(g->b, a, t, "");
  return LLVMBuildIntCast2(g->b, a, t, !plain, "");
}

static LLVMValueRef shift(Gen *g, Op op, DType t, LLVMValueRef a, LLVMValueRef n) {
  n = LLVMBuildAnd(g->b, n, constant(n, type_info[t].bytes * 8 - 1), "");
  if (op == OP_shl) return LLVMBuildShl(g->b, a, n, "");
  return op == OP_ushr || t == T_U8 ? LLVMBuildLShr(g->b, a, n, "") : LLVMBuildAShr(g->b, a, n, "");
}

/* ---- floats ---- */
static LLVMValueRef unary(Gen *g, const char *name, LLVMValueRef a) {
  return gen_call(g, name, NULL, LLVMTypeOf(a), &a, 1);
}

/* LLVM (19 at least) takes lanes for zero that are zero in both operands of a vector's division,
 * and drops the selection of 0 instead of 0/0 in lanes that a mask put out. It can't see through
 * the fence, which becomes no code. */
static LLVMValueRef quotient(Gen *g, LLVMValueRef a, LLVMValueRef b) {
  bool vector = LLVMGetTypeKind(LLVMTypeOf(b)) == LLVMVectorTypeKind;
  if (vector && !LLVMIsConstant(b)) b = unary(g, "llvm.arithmetic.fence", b);
  return LLVMBuildFDiv(g->b, a, b, "");
}

static LLVMValueRef floored_quotient(Gen *g, LLVMValueRef a, LLVMValueRef b) {
  return unary(g, "llvm.floor", quotient(g, a, b));
}

static LLVMValueRef float_op(Gen *g, Op op, LLVMValueRef *a) {
  switch (op) {
  case OP_add: return LLVMBuildFAdd(g->b, a[0], a[1], "");
  case OP_sub: return LLVMBuildFSub(g->b, a[0], a[1], "");
  case OP_mul: return LLVMBuildFMul(g->b, a[0], a[1], "");
  case OP_div: return quotient(g, a[0], a[1]);
  case OP_idiv: return floored_quotient(g, a[0], a[1]);
  case OP_mod:
    return LLVMBuildFSub(g->b, a[0], LLVMBuildFMul(g->b, a[1], floored_quotient(g, a[0], a[1]), ""),
                         "");
  case OP_neg: return LLVMBuildFNeg(g->b, a[0], "");
  case OP_abs: return unary(g, "llvm.fabs", a[0]);
  case OP_floor: return unary(g, "llvm.floor", a[0]);
  case OP_ceil: return unary(g, "llvm.ceil", a[0]);
  case OP_round: return unary(g, "llvm.rint", a[0]);
  case OP_sqrt: return unary(g, "llvm.sqrt", a[0]);
  case OP_copysign: return gen_call(g, "llvm.copysign", NULL, LLVMTypeOf(a[0]), a, 2);
  case OP_fma: return gen_call(g, "llvm.fma", NULL, LLVMTypeOf(a[0]), a, 3);
  default: return NULL;
  }
}

static LLVMValueRef int_op(Gen *g, Op op, DType t, LLVMValueRef *a) {
  switch (op) {
  case OP_add: return LLVMBuildAdd(g->b, a[0], a[1], "");
  case OP_sub: return LLVMBuildSub(g->b, a[0], a[1], "");
  case OP_mul: return LLVMBuildMul(g->b, a[0], a[1], "");
  case OP_neg: return LLVMBuildNeg(g->b, a[0], "");
  case OP_idiv:
  case OP_mod: return int_quotient(g, op, t, a[0], a[1]);
  case OP_abs:
    if (t == T_U8) return a[0];
    return LLVMBuildSelect(g->b, LLVMBuildICmp(g->b, LLVMIntSLT, a[0], constant(a[0], 0), ""),
                           LLVMBuildNeg(g->b, a[0], ""), a[0], "");
  case OP_and:
  case OP_bitand: return LLVMBuildAnd(g->b, a[0], a[1], "");
  case OP_or:
  case OP_bitor: return LLVMBuildOr(g->b, a[0], a[1], "");
  case OP_bitxor: return LLVMBuildXor(g->b, a[0], a[1], "");
  case OP_not: return LLVMBuildNot(g->b, a[0], "");
  case OP_shl:
  case OP_shr:
  case OP_ushr: return shift(g, op, t, a[0], a[1]);
  default: return NULL;
  }
}

/* sign: 1, 0, -1; a NaN stays */
static LLVMValueRef sign(Gen *g, DType t, int lanes, LLVMValueRef a) {
  LLVMTypeRef ty = gen_type(g, t, lanes);
  LLVMValueRef zero = LLVMConstNull(ty), up = compare(g, OP_gt, t, a, zero),
               down = compare(g, OP_lt, t, a, zero);
  LLVMValueRef one = cast(g, T_BOOL, t, lanes, up), other = cast(g, T_BOOL, t, lanes, down);
  if (!type_is_float(t)) return LLVMBuildSub(g->b, one, other, "");
  LLVMValueRef v = LLVMBuildFSub(g->b, one, other, "");
  return LLVMBuildSelect(g->b, LLVMBuildFCmp(g->b, LLVMRealUNO, a, a, ""), a, v, "");
}

/* An operator without an expansion: the C library's function, lane by lane. */
static LLVMValueRef library_call(Gen *g, Op op, DType t, int lanes, LLVMValueRef *arg) {
  char name[40];
  int n = op_info[op].arity, len = 0;
  for (const char *s = op_info[op].name; *s; s++) name[len++] = *s;
  if (t == T_F32) name[len++] = 'f';
  name[len] = 0;
  LLVMTypeRef s = gen_type(g, t, 1), params[] = {s, s, s},
              type = LLVMFunctionType(s, params, (unsigned)n, 0);
  LLVMValueRef f = LLVMGetNamedFunction(g->m, name), v = LLVMGetPoison(gen_type(g, t, lanes));
  if (!f) f = LLVMAddFunction(g->m, name, type);
  if (lanes == 1) return LLVMBuildCall2(g->b, type, f, arg, (unsigned)n, "");
  for (int i = 0; i < lanes; i++) {
    LLVMValueRef at = LLVMConstInt(g->i32, (uint64_t)i, 0), one[3];
    for (int k = 0; k < n; k++) one[k] = LLVMBuildExtractElement(g->b, arg[k], at, "");
    v = LLVMBuildInsertElement(g->b, v, LLVMBuildCall2(g->b, type, f, one, (unsigned)n, ""), at,
                               "");
  }
  return v;
}

LLVMValueRef gen_map(Gen *g, Op op, DType from, DType to, int lanes, LLVMValueRef *arg) {
  switch (op) {
  case OP_select: return LLVMBuildSelect(g->b, arg[0], arg[1], arg[2], "");
  case OP_cast: return cast(g, from, to, lanes, arg[0]);
  case OP_stop: return arg[0];
  case OP_bits:
  case OP_from_bits: return LLVMBuildBitCast(g->b, arg[0], gen_type(g, to, lanes), "");
  case OP_sign: return sign(g, from, lanes, arg[0]);
  case OP_min:
  case OP_max: return extreme(g, op, from, arg[0], arg[1]);
  case OP_eq:
  case OP_ne:
  case OP_lt:
  case OP_le:
  case OP_gt:
  case OP_ge: return compare(g, op, from, arg[0], arg[1]);
  default: break;
  }
  LLVMValueRef v = type_is_float(from) ? float_op(g, op, arg) : int_op(g, op, from, arg);
  if (!v && type_is_float(from)) v = library_call(g, op, from, lanes, arg);
  if (!v) cx_bug(g->cx, "no machine code for %s of %s", op_info[op].name, type_info[from].word);
  return v;
}
