/* llvm_size.c: sizes that are known at run time only. A function that needs them has the named
 * sizes as its last parameters; extents are computed from these where they are used, and the
 * optimiser keeps one copy of each. Needs what c_file.c checks first: sizes from 1 on that don't
 * overflow. */
#include "back/llvm_gen.h"

void gen_take_sizes(Gen *g, LLVMValueRef f) {
  unsigned first = LLVMCountParams(f) - (unsigned)g->sizes.n;
  g->size = NEWS(g->cx->arena, LLVMValueRef, g->sizes.n + 1);
  for (int i = 0; i < g->sizes.n; i++) g->size[i] = LLVMGetParam(f, first + (unsigned)i);
}

int gen_add_sizes(Gen *g, LLVMTypeRef *types, LLVMValueRef *args, int n) {
  for (int i = 0; i < g->sizes.n; i++, n++) {
    if (types) types[n] = g->i64;
    if (args) args[n] = g->size[i];
  }
  return n;
}

static LLVMValueRef size_named(Gen *g, Name name) {
  for (int i = 0; i < g->sizes.n; i++)
    if (g->sizes.at[i] == name) return g->size[i];
  cx_bug(g->cx, "the named size %s reached machine code", name);
}

static LLVMValueRef number(Gen *g, int64_t n) { return LLVMConstInt(g->i64, (uint64_t)n, 1); }

/* Division truncates: a negative number is first moved down by what rounding up would add. */
static LLVMValueRef floor_div(Gen *g, Dim over, int64_t by) {
  LLVMValueRef x = gen_dim(g, over);
  if (dim_le(g->cx, 0, over) != 1) {
    LLVMValueRef below = LLVMBuildICmp(g->b, LLVMIntSLT, x, number(g, 0), "");
    x = LLVMBuildSelect(g->b, below, LLVMBuildNSWSub(g->b, x, number(g, by - 1), ""), x, "");
  }
  return LLVMBuildSDiv(g->b, x, number(g, by), "");
}

LLVMValueRef gen_dim(Gen *g, Dim d) {
  if (dim_is_number(d)) return number(g, d);
  LLVMValueRef sum = NULL;
  for (int i = 0, n = dim_term_count(g->cx, d); i < n; i++) {
    DimTerm t = dim_term(g->cx, d, i);
    LLVMValueRef v = number(g, t.coef);
    for (int k = 0; k < t.n; k++) {
      LLVMValueRef a = t.atom[k].name ? size_named(g, t.atom[k].name)
                                      : floor_div(g, t.atom[k].over, t.atom[k].by);
      v = k || t.coef != 1 ? LLVMBuildNSWMul(g->b, v, a, "") : a;
    }
    sum = sum ? LLVMBuildNSWAdd(g->b, sum, v, "") : v;
  }
  return sum ? sum : number(g, 0);
}

LLVMValueRef gen_dim_magnitude(Gen *g, Dim d) {
  LLVMTypeRef real = LLVMDoubleTypeInContext(g->c);
  LLVMValueRef sum = LLVMConstReal(real, 0);
  for (int i = 0, n = dim_term_count(g->cx, d); i < n; i++) {
    DimTerm t = dim_term(g->cx, d, i);
    LLVMValueRef v = LLVMConstReal(real, t.coef < 0 ? -(double)t.coef : (double)t.coef);
    for (int k = 0; k < t.n; k++) {
      LLVMValueRef a = t.atom[k].name
                           ? LLVMBuildSIToFP(g->b, size_named(g, t.atom[k].name), real, "")
                           : LLVMBuildFDiv(g->b, gen_dim_magnitude(g, t.atom[k].over),
                                           LLVMConstReal(real, (double)t.atom[k].by), "");
      v = LLVMBuildFMul(g->b, v, a, "");
    }
    sum = LLVMBuildFAdd(g->b, sum, v, "");
  }
  return sum;
}
