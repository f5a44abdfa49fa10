/* llvm_expr.c: expressions of the loop form as LLVM values. */
#include "back/llvm_gen.h"

/* ---- types ---- */
static LLVMTypeRef scalar_type(Gen *g, DType t) {
  switch (t) {
  case T_BOOL: return g->i1;
  case T_U8: return g->i8;
  case T_I32: return g->i32;
  case T_I64: return g->i64;
  case T_F32: return LLVMFloatTypeInContext(g->c);
  case T_F64: return LLVMDoubleTypeInContext(g->c);
  case T_BUNDLE: break;
  }
  cx_bug(g->cx, "a loop form value without a machine type");
}

static LLVMTypeRef with_lanes(LLVMTypeRef t, int lanes) {
  return lanes == 1 ? t : LLVMVectorType(t, (unsigned)lanes);
}

LLVMTypeRef gen_type(Gen *g, DType t, int lanes) { return with_lanes(scalar_type(g, t), lanes); }

LLVMTypeRef gen_memory_type(Gen *g, DType t, int lanes) {
  return with_lanes(t == T_BOOL ? g->i8 : scalar_type(g, t), lanes);
}

/* ---- small things ---- */
LLVMValueRef gen_splat(Gen *g, LLVMValueRef scalar, int lanes) {
  if (lanes == 1) return scalar;
  LLVMTypeRef t = LLVMVectorType(LLVMTypeOf(scalar), (unsigned)lanes);
  LLVMValueRef none = LLVMGetPoison(t), zero = LLVMConstInt(g->i32, 0, 0);
  LLVMValueRef one = LLVMBuildInsertElement(g->b, none, scalar, zero, "");
  return LLVMBuildShuffleVector(g->b, one, none,
                                LLVMConstNull(LLVMVectorType(g->i32, (unsigned)lanes)), "");
}

LLVMValueRef gen_call(Gen *g, const char *intrinsic, LLVMTypeRef overload, LLVMTypeRef result,
                      LLVMValueRef *args, int n) {
  unsigned id = LLVMLookupIntrinsicID(intrinsic, strlen(intrinsic));
  if (!id) cx_bug(g->cx, "LLVM has no %s", intrinsic);
  LLVMTypeRef over[2] = {result, overload};
  int novers = overload == result || !overload ? 1 : 2;
  LLVMValueRef f = LLVMGetIntrinsicDeclaration(g->m, id, over, (size_t)novers);
  return LLVMBuildCall2(g->b, LLVMGlobalGetValueType(f), f, args, (unsigned)n, "");
}

/* coef times the variable of a loop, which counts it along. */
static LLVMValueRef counted(Gen *g, GenLoop *l, int64_t coef) {
  for (int i = 0; i < l->multiple.n; i++)
    if (l->multiple.at[i].coef == coef) return l->multiple.at[i].value;
  LLVMBasicBlockRef here = LLVMGetInsertBlock(g->b);
  LLVMPositionBuilderBefore(g->b, LLVMGetFirstInstruction(l->body));
  GenMultiple m = {coef, LLVMBuildPhi(g->b, g->i64, "")};
  LLVMPositionBuilderAtEnd(g->b, here);
  vec_push(g->cx->arena, &l->multiple, m);
  return m.value;
}

static LLVMValueRef gen_term(Gen *g, const IxTerm *t) {
  LLVMValueRef v = g->var[t->var];
  if (t->coef == 1) return v;
  if (g->loop[t->var] && dim_is_number(t->coef)) return counted(g, g->loop[t->var], t->coef);
  return LLVMBuildNSWMul(g->b, v, gen_dim(g, t->coef), "");
}

LLVMValueRef gen_ix(Gen *g, const Ix *ix) {
  LLVMValueRef sum = NULL;
  for (int i = 0; i < ix->n; i++) {
    LLVMValueRef v = gen_term(g, &ix->term[i]);
    sum = sum ? LLVMBuildNSWAdd(g->b, sum, v, "") : v;
  }
  if (!sum) return gen_dim(g, ix->off);
  return ix->off ? LLVMBuildNSWAdd(g->b, sum, gen_dim(g, ix->off), "") : sum;
}

/* 0, step, 2 step, .. of an integer type */
static LLVMValueRef lane_numbers(Gen *g, LLVMTypeRef t, int lanes, Dim step) {
  LLVMValueRef at[256];
  int64_t by = dim_is_number(step) ? step : 1;
  for (int i = 0; i < lanes; i++) at[i] = LLVMConstInt(t, (uint64_t)(i * by), 1);
  LLVMValueRef all = LLVMConstVector(at, (unsigned)lanes);
  if (dim_is_number(step)) return all;
  LLVMValueRef times = LLVMBuildIntCast2(g->b, gen_dim(g, step), t, 1, "");
  return LLVMBuildMul(g->b, all, gen_splat(g, times, lanes), "");
}

/* ---- memory ---- */
bool gen_is_vector(LLVMValueRef v) { return LLVMGetTypeKind(LLVMTypeOf(v)) == LLVMVectorTypeKind; }

bool gen_is_spread(LLVMValueRef dyn, int lanes, Dim lane_stride) {
  return lanes > 1 && (lane_stride != 1 || (dyn && gen_is_vector(dyn)));
}

/* Term by term, outer loops' first: what doesn't change in an inner loop leaves it. The constant
 * part comes last and alone: unrolled accesses share the rest, and it becomes part of their
 * instructions. */
static LLVMValueRef moved(Gen *g, LLVMTypeRef elem, LLVMValueRef base, const Ix *ix) {
  for (int i = 0; i < ix->n; i++) {
    LLVMValueRef at = gen_term(g, &ix->term[i]);
    base = LLVMBuildGEP2(g->b, elem, base, &at, 1, "");
  }
  LLVMValueRef off = gen_dim(g, ix->off);
  return ix->off ? LLVMBuildGEP2(g->b, elem, base, &off, 1, "") : base;
}

/* The address of the element, or one per lane where the lanes are not side by side. */
LLVMValueRef gen_address(Gen *g, Buf b, const Ix *ix, LLVMValueRef dyn, int lanes,
                         Dim lane_stride) {
  LLVMTypeRef elem = gen_memory_type(g, g->p->buf.at[b].type, 1);
  if (!dyn && !gen_is_spread(dyn, lanes, lane_stride) && dim_is_number(ix->off))
    return moved(g, elem, g->buf[b], ix);
  LLVMValueRef at = gen_ix(g, ix);
  bool spread = gen_is_spread(dyn, lanes, lane_stride), one_dyn = dyn && !gen_is_vector(dyn);
  if (one_dyn)
    at = LLVMBuildAdd(g->b, at, LLVMBuildSExt(g->b, dyn, g->i64, ""),
                      ""); /* moves all lanes alike */
  if (spread) {
    at = gen_splat(g, at, lanes);
    if (lane_stride) at = LLVMBuildAdd(g->b, at, lane_numbers(g, g->i64, lanes, lane_stride), "");
  }
  if (dyn && !one_dyn)
    at = LLVMBuildAdd(g->b, at,
                      LLVMBuildSExt(g->b, dyn, LLVMVectorType(g->i64, (unsigned)lanes), ""), "");
  return LLVMBuildInBoundsGEP2(g->b, elem, g->buf[b], &at, 1, "");
}

static LLVMValueRef from_memory(Gen *g, DType t, LLVMValueRef v) {
  if (t != T_BOOL) return v;
  return LLVMBuildICmp(g->b, LLVMIntNE, v, LLVMConstNull(LLVMTypeOf(v)), "");
}

static LLVMValueRef plain_load(Gen *g, DType t, int lanes, LLVMValueRef at) {
  LLVMValueRef v = LLVMBuildLoad2(g->b, gen_memory_type(g, t, lanes), at, "");
  LLVMSetAlignment(v, (unsigned)type_info[t].bytes);
  return v;
}

/* A scalar load that must not happen where the mask is false: a branch around it. */
static LLVMValueRef guarded_load(Gen *g, DType t, LLVMValueRef at, LLVMValueRef mask) {
  LLVMBasicBlockRef from = LLVMGetInsertBlock(g->b);
  LLVMBasicBlockRef load = LLVMAppendBasicBlockInContext(g->c, g->fn, "inside");
  LLVMBasicBlockRef join = LLVMAppendBasicBlockInContext(g->c, g->fn, "joined");
  LLVMBuildCondBr(g->b, mask, load, join);
  LLVMPositionBuilderAtEnd(g->b, load);
  LLVMValueRef v = plain_load(g, t, 1, at);
  LLVMBuildBr(g->b, join);
  LLVMPositionBuilderAtEnd(g->b, join);
  LLVMValueRef phi = LLVMBuildPhi(g->b, LLVMTypeOf(v), "");
  LLVMValueRef values[] = {v, LLVMConstNull(LLVMTypeOf(v))};
  LLVMBasicBlockRef blocks[] = {load, from};
  LLVMAddIncoming(phi, values, blocks, 2);
  return phi;
}

/* The masked intrinsics took the alignment as an operand up to LLVM 21; later ones as an attribute
 * of the pointer. `at` is operand number `pos` either way. */
static LLVMValueRef call_masked(Gen *g, const char *name, LLVMTypeRef *over, LLVMValueRef *args,
                                int n, int pos, DType t) {
  unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
  LLVMValueRef f = LLVMGetIntrinsicDeclaration(g->m, id, over, 2), with_align[5];
  LLVMTypeRef type = LLVMGlobalGetValueType(f);
  uint64_t align = (uint64_t)type_info[t].bytes;
  if ((int)LLVMCountParamTypes(type) == n) {
    LLVMValueRef call = LLVMBuildCall2(g->b, type, f, args, (unsigned)n, "");
    unsigned kind = LLVMGetEnumAttributeKindForName("align", 5);
    LLVMAddCallSiteAttribute(call, (LLVMAttributeIndex)pos + 1,
                             LLVMCreateEnumAttribute(g->c, kind, align));
    return call;
  }
  for (int i = 0, k = 0; i < n; i++) {
    with_align[k++] = args[i];
    if (i == pos) with_align[k++] = LLVMConstInt(g->i32, align, 0);
  }
  return LLVMBuildCall2(g->b, type, f, with_align, (unsigned)n + 1, "");
}

static LLVMValueRef masked_load(Gen *g, DType t, int lanes, LLVMValueRef at, LLVMValueRef mask,
                                bool gather) {
  LLVMTypeRef vec = gen_memory_type(g, t, lanes), over[] = {vec, LLVMTypeOf(at)};
  LLVMValueRef args[] = {at, mask, LLVMConstNull(vec)};
  return call_masked(g, gather ? "llvm.masked.gather" : "llvm.masked.load", over, args, 3, 0, t);
}

void gen_masked_store(Gen *g, DType t, LLVMValueRef v, LLVMValueRef at, LLVMValueRef mask,
                      bool scatter) {
  LLVMTypeRef over[] = {LLVMTypeOf(v), LLVMTypeOf(at)};
  LLVMValueRef args[] = {v, at, mask};
  call_masked(g, scatter ? "llvm.masked.scatter" : "llvm.masked.store", over, args, 3, 1, t);
}

/* Where one condition holds for all lanes or for none, and for none the place may be far from the
 * buffer: a masked load of pages that aren't there does nothing, but takes hundreds of cycles. */
static LLVMValueRef near_address(Gen *g, const ExNode *x, LLVMValueRef at) {
  const ExNode *mask = &g->k->ex.at[x->mask];
  if (!x->mask || mask->kind != EX_SPLAT) return at;
  return LLVMBuildSelect(g->b, gen_ex(g, mask->arg[0]), at, g->buf[x->buf], "");
}

static LLVMValueRef gen_load(Gen *g, const ExNode *x) {
  DType t = (DType)x->type;
  int lanes = x->lanes;
  LLVMValueRef dyn = x->dyn ? gen_ex(g, x->dyn) : NULL;
  LLVMValueRef mask = x->mask ? gen_ex(g, x->mask) : NULL;
  bool spread = gen_is_spread(dyn, lanes, x->lane_stride);
  if (spread && gen_one_by_one(g) && !(dyn && gen_is_vector(dyn))) {
    LLVMValueRef base = gen_address(g, x->buf, &x->ix, dyn, 1, 1);
    return from_memory(g, t, gen_load_apart(g, t, lanes, base, x->lane_stride, mask));
  }
  LLVMValueRef at = gen_address(g, x->buf, &x->ix, dyn, lanes, x->lane_stride);
  LLVMValueRef v;
  if (lanes == 1) v = mask ? guarded_load(g, t, at, mask) : plain_load(g, t, 1, at);
  else if (!spread && !mask) v = plain_load(g, t, lanes, at);
  else {
    if (!mask) mask = LLVMConstAllOnes(LLVMVectorType(g->i1, (unsigned)lanes));
    v = masked_load(g, t, lanes, spread ? at : near_address(g, x, at), mask, spread);
  }
  return from_memory(g, t, v);
}

/* ---- the other kinds ---- */
static LLVMValueRef immediate(Gen *g, const ExNode *x) {
  DType t = (DType)x->type;
  LLVMTypeRef s = scalar_type(g, t);
  LLVMValueRef v =
      type_is_float(t) ? LLVMConstReal(s, x->u.f) : LLVMConstInt(s, (uint64_t)x->u.i, 1);
  if (t == T_F32 && x->u.f != x->u.f) v = LLVMConstReal(s, x->u.f);
  if (x->lanes == 1) return v;
  LLVMValueRef at[256];
  for (int i = 0; i < x->lanes; i++) at[i] = v;
  return LLVMConstVector(at, x->lanes);
}

static LLVMValueRef size_value(Gen *g, const ExNode *x) {
  bool real = type_is_float((DType)x->type);
  if (dim_is_number(x->ix.off)) {
    ExNode imm = *x;
    if (real) imm.u.f = (double)x->ix.off;
    else imm.u.i = x->ix.off;
    return immediate(g, &imm);
  }
  LLVMTypeRef t = scalar_type(g, (DType)x->type);
  LLVMValueRef v = gen_dim(g, x->ix.off);
  return gen_splat(g, real ? LLVMBuildSIToFP(g->b, v, t, "") : LLVMBuildIntCast2(g->b, v, t, 1, ""),
                   x->lanes);
}

static LLVMValueRef index_value(Gen *g, const ExNode *x) {
  DType t = type_is_float((DType)x->type) ? T_I64 : (DType)x->type;
  LLVMTypeRef s = scalar_type(g, t);
  LLVMValueRef v = LLVMBuildIntCast2(g->b, gen_ix(g, &x->ix), s, 1, "");
  if (x->lanes > 1) {
    v = gen_splat(g, v, x->lanes);
    if (x->lane_stride) v = LLVMBuildAdd(g->b, v, lane_numbers(g, s, x->lanes, x->lane_stride), "");
  }
  return t == (DType)x->type ? v
                             : LLVMBuildSIToFP(g->b, v, gen_type(g, (DType)x->type, x->lanes), "");
}

static LLVMValueRef known_lanes(Gen *g, int64_t count, int lanes) {
  LLVMValueRef bit[128];
  for (int i = 0; i < lanes; i++) bit[i] = LLVMConstInt(g->i1, i < count, 0);
  return LLVMConstVector(bit, (unsigned)lanes);
}

/* lane < count, for counts that may be negative or beyond the lanes */
static LLVMValueRef active_lanes(Gen *g, const ExNode *x) {
  LLVMValueRef n = gen_ix(g, &x->ix);
  if (x->lanes == 1) return LLVMBuildICmp(g->b, LLVMIntSGT, n, LLVMConstNull(g->i64), "");
  if (LLVMIsAConstantInt(n)) return known_lanes(g, LLVMConstIntGetSExtValue(n), x->lanes);
  LLVMValueRef args[] = {n, LLVMConstInt(g->i64, x->lanes, 0)};
  n = gen_call(g, "llvm.smin", NULL, g->i64, args, 2);
  n = gen_splat(g, LLVMBuildTrunc(g->b, n, g->i32, ""), x->lanes);
  return LLVMBuildICmp(g->b, LLVMIntSLT, lane_numbers(g, g->i32, x->lanes, 1), n, "");
}

/* The upper half onto the lower, until one lane is left: the order every back end follows. */
static LLVMValueRef reduce(Gen *g, const ExNode *x) {
  const ExNode *vec = &g->k->ex.at[x->arg[0]];
  LLVMValueRef v = gen_ex(g, x->arg[0]);
  for (int n = vec->lanes / 2; n >= 1; n /= 2) {
    LLVMValueRef low[128], high[128];
    for (int i = 0; i < n; i++) {
      low[i] = LLVMConstInt(g->i32, (uint64_t)i, 0);
      high[i] = LLVMConstInt(g->i32, (uint64_t)(i + n), 0);
    }
    LLVMValueRef none = LLVMGetPoison(LLVMTypeOf(v)), arg[2];
    arg[0] = LLVMBuildShuffleVector(g->b, v, none, LLVMConstVector(low, (unsigned)n), "");
    arg[1] = LLVMBuildShuffleVector(g->b, v, none, LLVMConstVector(high, (unsigned)n), "");
    v = gen_map(g, x->op, (DType)x->type, (DType)x->type, n, arg);
    if (n == 1) return LLVMBuildExtractElement(g->b, v, LLVMConstInt(g->i32, 0, 0), "");
  }
  return v;
}

/* How many shuffles one after the other made the value. */
static int shuffles_in(LLVMValueRef v) {
  if (!LLVMIsAShuffleVectorInst(v)) return 0;
  int a = shuffles_in(LLVMGetOperand(v, 0)), b = shuffles_in(LLVMGetOperand(v, 1));
  return 1 + MAX(a, b);
}

/* Two in a row are left to LLVM, which finds good instructions for them. Of longer chains it tries
 * all sequences without finding better ones: the transpose of 16 vectors takes twice the time. */
static LLVMValueRef shuffle(Gen *g, const ExNode *x) {
  LLVMValueRef a = gen_ex(g, x->arg[0]), b = gen_ex(g, x->arg[1]), pick[128];
  for (int l = 0; l < x->lanes; l++) pick[l] = LLVMConstInt(g->i32, x->u.pick[l], 0);
  LLVMValueRef v = LLVMBuildShuffleVector(g->b, a, b, LLVMConstVector(pick, x->lanes), "");
  if (!type_is_float((DType)x->type) || shuffles_in(v) < 2) return v;
  return gen_call(g, "llvm.arithmetic.fence", NULL, LLVMTypeOf(v), &v, 1);
}

LLVMValueRef gen_ex(Gen *g, Ex e) {
  const ExNode *x = &g->k->ex.at[e];
  LLVMValueRef arg[3];
  switch ((ExKind)x->kind) {
  case EX_IMM: return immediate(g, x);
  case EX_SIZE: return size_value(g, x);
  case EX_INDEX: return index_value(g, x);
  case EX_REG:
    if (!g->changes[x->u.reg]) return g->reg[x->u.reg];
    return LLVMBuildLoad2(g->b, gen_type(g, (DType)x->type, x->lanes), g->reg[x->u.reg], "");
  case EX_LOAD: return gen_load(g, x);
  case EX_SPLAT: return gen_splat(g, gen_ex(g, x->arg[0]), x->lanes);
  case EX_ACTIVE: return active_lanes(g, x);
  case EX_SHUFFLE: return shuffle(g, x);
  case EX_REDUCE: return reduce(g, x);
  case EX_MAP: break;
  }
  LLVMValueRef scaled = gen_scaled(g, e);
  if (scaled) return scaled;
  DType from = (DType)x->type;
  for (int i = 0; i < 3 && x->arg[i]; i++) {
    arg[i] = gen_ex(g, x->arg[i]);
    if (i == 0 || x->op == OP_select) from = (DType)g->k->ex.at[x->arg[i]].type;
  }
  return gen_map(g, x->op, from, (DType)x->type, x->lanes, arg);
}
