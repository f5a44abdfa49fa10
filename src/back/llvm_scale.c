/* llvm_scale.c: p * 2^floor(n/2) * 2^ceil(n/2), as loop/vmath.nn ends exp, exp2 and what is made of
 * them, is one instruction where processors have AVX-512. In: the product's two operands. Out: the
 * value with the same bits, or NULL where they aren't those two factors.
 *
 * The factors are made of the bits of s = n + MAGIC. That n is what they say, and both are normal
 * numbers, follows from the range of n, so it has to be seen: s is x + MAGIC or fma(x, c, MAGIC),
 * and x was clamped between literals; p is a polynomial that begins with 1. The first product is
 * then exact, and the second one rounds once, which is what the instruction does. */
#include "back/llvm_gen.h"

typedef struct Format {
  int mantissa;      /* bits */
  double magic;      /* 1.5 * 2^mantissa + 2 * bias */
  double most;       /* |n| */
  uint64_t exponent; /* where the exponent lies */
} Format;
static const Format f32_format = {23, 0x1.8001fcp+23, 252, 0x7f800000},
                    f64_format = {52, 0x1.80000000007fep+52, 2044, 0x7ff0000000000000};

static LLVMValueRef operand(LLVMValueRef v, LLVMOpcode op, int i) {
  if (!v || !LLVMIsAInstruction(v) || LLVMGetInstructionOpcode(v) != op) return NULL;
  return LLVMGetOperand(v, (unsigned)i);
}

static LLVMValueRef lane(LLVMValueRef v) {
  return v && LLVMIsConstant(v) ? LLVMGetAggregateElement(v, 0) : NULL;
}
static bool is_int(LLVMValueRef v, uint64_t n) {
  LLVMValueRef one = lane(v);
  return one && LLVMIsAConstantInt(one) && LLVMConstIntGetZExtValue(one) == n;
}
static bool is_real(LLVMValueRef v, double *n) {
  LLVMBool loses;
  LLVMValueRef one = lane(v);
  if (!one || !LLVMIsAConstantFP(one)) return false;
  *n = LLVMConstRealGetDouble(one, &loses);
  return true;
}

/* The bits of what float moved up by so many places: that float. */
static LLVMValueRef moved(LLVMValueRef v, int places) {
  if (!is_int(operand(v, LLVMShl, 1), (uint64_t)places)) return NULL;
  return operand(operand(v, LLVMShl, 0), LLVMBitCast, 0);
}
/* s of 2^floor(n/2), as bits. */
static LLVMValueRef low_half(const Format *f, LLVMValueRef v) {
  if (!is_int(operand(v, LLVMAnd, 1), f->exponent)) return NULL;
  return moved(operand(v, LLVMAnd, 0), f->mantissa - 1);
}

/* x as it leaves `if b < lo then lo else b` or the same with > and hi: what went in, and the limit.
 */
static LLVMValueRef clamped(LLVMValueRef x, LLVMRealPredicate which, double *limit) {
  LLVMValueRef cond = operand(x, LLVMSelect, 0), in = operand(x, LLVMSelect, 2);
  double other;
  if (!is_real(operand(x, LLVMSelect, 1), limit) || !LLVMIsAFCmpInst(cond)) return NULL;
  bool same = LLVMGetFCmpPredicate(cond) == which && LLVMGetOperand(cond, 0) == in &&
              is_real(LLVMGetOperand(cond, 1), &other) && other == *limit;
  return same ? in : NULL;
}

/* The operands of a fused multiply-add; NULL: it is something else. */
static LLVMValueRef fma_operand(LLVMValueRef v, unsigned i) {
  LLVMValueRef call = v ? LLVMIsACallInst(v) : NULL;
  unsigned fma = LLVMLookupIntrinsicID("llvm.fma", strlen("llvm.fma"));
  bool is = call && LLVMGetIntrinsicID(LLVMGetCalledValue(call)) == fma;
  return is ? LLVMGetOperand(call, i) : NULL;
}

/* A polynomial that begins with 1: neither huge nor tiny. */
static bool is_near_one(LLVMValueRef p) {
  double one;
  return is_real(fma_operand(p, 2), &one) && one == 1;
}

/* n = round(c x) lies where both factors are normal numbers. */
static bool n_in_range(const Format *f, LLVMValueRef s) {
  double lo, hi, c = 1, magic;
  LLVMValueRef x = operand(s, LLVMFAdd, 0);
  if (x) {
    if (!is_real(LLVMGetOperand(s, 1), &magic)) return false;
  } else {
    x = fma_operand(s, 0);
    if (!is_real(fma_operand(s, 1), &c) || !is_real(fma_operand(s, 2), &magic)) return false;
  }
  LLVMValueRef b = clamped(x, LLVMRealOLT, &lo);
  if (magic != f->magic || !b || !clamped(b, LLVMRealOGT, &hi)) return false;
  return c > 0 && lo <= hi && c * lo >= -f->most && c * hi <= f->most;
}

static LLVMValueRef scale(Gen *g, DType t, int lanes, LLVMValueRef p, LLVMValueRef n) {
  static const char *const name[2][3] = {
      {"llvm.x86.avx512.mask.scalef.ps.128", "llvm.x86.avx512.mask.scalef.ps.256",
       "llvm.x86.avx512.mask.scalef.ps.512"},
      {"llvm.x86.avx512.mask.scalef.pd.128", "llvm.x86.avx512.mask.scalef.pd.256",
       "llvm.x86.avx512.mask.scalef.pd.512"}};
  int bytes = lanes * type_info[t].bytes, width = bytes / 32;
  const char *is = name[t == T_F64][width];
  unsigned id = LLVMLookupIntrinsicID(is, strlen(is));
  if (!id) return NULL;
  LLVMTypeRef mask = LLVMIntTypeInContext(g->c, (unsigned)MAX(8, lanes));
  LLVMValueRef arg[] = {p, n, p, LLVMConstAllOnes(mask), LLVMConstInt(g->i32, 4, 0)};
  LLVMValueRef f = LLVMGetIntrinsicDeclaration(g->m, id, NULL, 0);
  /* 4: rounded as everything else is; only the widest form says so */
  return LLVMBuildCall2(g->b, LLVMGlobalGetValueType(f), f, arg, width == 2 ? 5 : 4, "");
}

LLVMValueRef gen_scaled(Gen *g, DType t, int lanes, LLVMValueRef a, LLVMValueRef b) {
  int bytes = lanes * type_info[t].bytes;
  if (g->p->target.vector_bytes != 64 || (bytes != 16 && bytes != 32 && bytes != 64)) return NULL;
  const Format *f = t == T_F64 ? &f64_format : &f32_format;
  LLVMValueRef low = operand(operand(a, LLVMFMul, 1), LLVMBitCast, 0),
               high = operand(b, LLVMBitCast, 0), s = low_half(f, low);
  if (!s || low_half(f, operand(high, LLVMSub, 1)) != s) return NULL;
  if (moved(operand(high, LLVMSub, 0), f->mantissa) != s || !n_in_range(f, s)) return NULL;
  LLVMValueRef p = LLVMGetOperand(a, 0);
  if (!is_near_one(p)) return NULL;
  LLVMValueRef magic = LLVMIsACallInst(s) ? LLVMGetOperand(s, 2) : LLVMGetOperand(s, 1);
  return scale(g, t, lanes, p, LLVMBuildFSub(g->b, s, magic, ""));
}
