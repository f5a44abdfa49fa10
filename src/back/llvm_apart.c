/* llvm_apart.c: vectors of elements that lie a stride apart, fetched and stored one by one. What
 * has no gathers does it so anyway, but LLVM then computes all addresses as one vector and takes
 * them out of it again; here they are one register and constants. */
#include "back/llvm_gen.h"

/* AVX-512 has gathers and scatters that LLVM uses; those of AVX2 are no faster than this. */
bool gen_one_by_one(const Gen *g) { return g->p->target.vector_bytes < 64; }

static LLVMValueRef lane_number(Gen *g, int lane) {
  return LLVMConstInt(g->i32, (uint64_t)lane, 0);
}

static LLVMValueRef lane_address(Gen *g, LLVMTypeRef elem, LLVMValueRef base, Dim stride,
                                 int lane) {
  if (!lane || !stride) return base;
  LLVMValueRef at =
      dim_is_number(stride)
          ? gen_dim(g, lane * stride)
          : LLVMBuildNSWMul(g->b, gen_dim(g, stride), LLVMConstInt(g->i64, (uint64_t)lane, 0), "");
  return LLVMBuildGEP2(g->b, elem, base, &at, 1, "");
}

/* A place to read 0 from. */
static LLVMValueRef nowhere(Gen *g) {
  static const char name[] = "nothing";
  LLVMValueRef at = LLVMGetNamedGlobal(g->m, name);
  if (at) return at;
  at = LLVMAddGlobal(g->m, g->i64, name);
  LLVMSetInitializer(at, LLVMConstNull(g->i64));
  LLVMSetLinkage(at, LLVMPrivateLinkage);
  LLVMSetGlobalConstant(at, 1);
  return at;
}

LLVMValueRef gen_load_apart(Gen *g, DType t, int lanes, LLVMValueRef base, Dim stride,
                            LLVMValueRef mask) {
  LLVMTypeRef elem = gen_memory_type(g, t, 1);
  LLVMValueRef all = LLVMGetPoison(gen_memory_type(g, t, lanes)), zero = mask ? nowhere(g) : NULL;
  for (int i = 0; i < lanes; i++) {
    LLVMValueRef at = lane_address(g, elem, base, stride, i);
    if (mask)
      at = LLVMBuildSelect(g->b, LLVMBuildExtractElement(g->b, mask, lane_number(g, i), ""), at,
                           zero, "");
    LLVMValueRef v = LLVMBuildLoad2(g->b, elem, at, "");
    LLVMSetAlignment(v, (unsigned)type_info[t].bytes);
    all = LLVMBuildInsertElement(g->b, all, v, lane_number(g, i), "");
  }
  return all;
}

void gen_store_apart(Gen *g, DType t, int lanes, LLVMValueRef v, LLVMValueRef base, Dim stride) {
  LLVMTypeRef elem = gen_memory_type(g, t, 1);
  for (int i = 0; i < lanes; i++) {
    LLVMValueRef one = LLVMBuildExtractElement(g->b, v, lane_number(g, i), "");
    LLVMValueRef st = LLVMBuildStore(g->b, one, lane_address(g, elem, base, stride, i));
    LLVMSetAlignment(st, (unsigned)type_info[t].bytes);
  }
}
