/* llvm_scale.c: a product by two powers of two (loop/scale.c) as the one instruction of AVX-512
 * that gives the same bits. In: the product. Out: its value, or NULL where it is another product
 * or the target has no such instruction. */
#include "back/llvm_gen.h"
#include "loop/scale.h"

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

LLVMValueRef gen_scaled(Gen *g, Ex e) {
  const ExNode *x = &g->k->ex.at[e];
  DType t = (DType)x->type;
  int lanes = x->lanes, bytes = lanes * type_info[t].bytes;
  LoopScaled s;
  if (x->op != OP_mul || lanes == 1 || g->p->target.vector_bytes != 64) return NULL;
  if ((bytes != 16 && bytes != 32 && bytes != 64) || !loop_scaled(g->k, g->let, e, &s)) return NULL;
  LLVMValueRef magic = gen_splat(g, LLVMConstReal(gen_type(g, t, 1), s.magic), lanes);
  LLVMValueRef p = gen_ex(g, s.p);
  return scale(g, t, lanes, p, LLVMBuildFSub(g->b, gen_ex(g, s.sum), magic, ""));
}
