/* llvm_object.c: an object file with the functions, tables and checks that c_file.c prints as C:
 * the same names, arguments and statuses, so that one header serves both. In: the description of
 * the file (back_c.h) and a target, which need not be this machine. Out: the bytes of a relocatable
 * object. */
#include "back/llvm_gen.h"

#include <llvm-c/Target.h>

typedef struct Obj {
  Gen g;
  const CFile *f;
  LLVMTargetDataRef layout;
  LLVMTypeRef word;    /* size_t */
  LLVMTypeRef params;  /* struct PREFIX_params; NULL where there is no parameter */
  const CFunction *fn; /* being generated */
  LLVMValueRef entry;
  LLVMValueRef sizes_check; /* of fn: the status of its named sizes; NULL where it has none */
  int first;                /* number of the first argument after the sizes */
} Obj;

static void set_abi(Obj *o, const char *abi) {
  if (!abi || !*abi) return;
  LLVMValueRef name = LLVMMDStringInContext(o->g.c, abi, (unsigned)strlen(abi));
  LLVMAddModuleFlag(o->g.m, LLVMModuleFlagBehaviorError, "target-abi", 10,
                    LLVMValueAsMetadata(name));
}

/* ---- data ---- */
static LLVMValueRef word(Obj *o, uint64_t v) { return LLVMConstInt(o->word, v, 0); }

static LLVMValueRef text(Obj *o, const char *s) {
  unsigned n = (unsigned)strlen(s);
  LLVMValueRef v = LLVMConstStringInContext(o->g.c, s, n, 0);
  LLVMValueRef at = LLVMAddGlobal(o->g.m, LLVMTypeOf(v), "text");
  LLVMSetInitializer(at, v);
  LLVMSetGlobalConstant(at, 1);
  LLVMSetLinkage(at, LLVMPrivateLinkage);
  LLVMSetUnnamedAddress(at, LLVMGlobalUnnamedAddr);
  return at;
}

static LLVMValueRef constant(Obj *o, const char *name, LLVMValueRef value, bool visible) {
  LLVMValueRef at = LLVMAddGlobal(o->g.m, LLVMTypeOf(value), name);
  LLVMSetInitializer(at, value);
  LLVMSetGlobalConstant(at, 1);
  if (!visible) LLVMSetLinkage(at, LLVMInternalLinkage);
  return at;
}

static int64_t count_of(const Shape *s) {
  int64_t n = 1;
  for (int i = 0; i < s->rank; i++) n *= s->dim[i];
  return n;
}

/* As the header declares it: arrays, of one element where there is none; scalars as they are. */
static void make_params(Obj *o) {
  int n = o->f->param.n;
  if (!n) return;
  LLVMTypeRef *field = NEWS(o->g.cx->arena, LLVMTypeRef, n);
  for (int i = 0; i < n; i++) {
    const CParam *p = &o->f->param.at[i];
    int64_t count = count_of(&p->shape);
    LLVMTypeRef elem = gen_memory_type(&o->g, p->type, 1);
    field[i] = p->shape.rank ? LLVMArrayType(elem, (unsigned)(count ? count : 1)) : elem;
  }
  o->params = LLVMStructTypeInContext(o->g.c, field, (unsigned)n, 0);
}

static void make_param_table(Obj *o) {
  int n = o->f->param.n;
  if (!n) return;
  Arena *a = o->g.cx->arena;
  LLVMValueRef *row = NEWS(a, LLVMValueRef, n);
  for (int i = 0; i < n; i++) {
    const CParam *p = &o->f->param.at[i];
    LLVMValueRef dim[IR_MAX_RANK];
    for (int d = 0; d < IR_MAX_RANK; d++)
      dim[d] = LLVMConstInt(o->g.i64, (uint64_t)(d < p->shape.rank ? p->shape.dim[d] : 0), 0);
    LLVMValueRef item[] = {text(o, p->name),
                           text(o, type_info[p->type].word),
                           LLVMConstInt(o->g.i32, (uint64_t)p->shape.rank, 0),
                           LLVMConstInt(o->g.i32, (uint64_t)p->state, 0),
                           LLVMConstArray(o->g.i64, dim, IR_MAX_RANK),
                           word(o, LLVMOffsetOfElement(o->layout, o->params, (unsigned)i)),
                           word(o, (uint64_t)(count_of(&p->shape) * type_info[p->type].bytes))};
    row[i] = LLVMConstStructInContext(o->g.c, item, COUNT_OF(item), 0);
  }
  constant(o, name_fmt(o->g.cx, "%s_param_table", o->f->prefix),
           LLVMConstArray(LLVMTypeOf(row[0]), row, (unsigned)n), true);
}

/* The struct's bytes as the target has them. */
static void make_weights(Obj *o) {
  if (o->f->embed <= CEMBED_LOADER || !o->params) return;
  size_t bytes = (size_t)LLVMABISizeOfType(o->layout, o->params);
  bool swap = LLVMByteOrder(o->layout) == LLVMBigEndian;
  char *all = arena_alloc(o->g.cx->arena, bytes);
  for (int i = 0; i < o->f->param.n; i++) {
    const CParam *p = &o->f->param.at[i];
    size_t size = (size_t)type_info[p->type].bytes, n = (size_t)count_of(&p->shape);
    char *to = all + LLVMOffsetOfElement(o->layout, o->params, (unsigned)i);
    const char *from = p->value;
    for (size_t e = 0; e < n * size; e++)
      to[e] = from[swap ? e / size * size + (size - 1 - e % size) : e];
  }
  LLVMValueRef at = constant(o, name_fmt(o->g.cx, "%s_weights", o->f->prefix),
                             LLVMConstStringInContext(o->g.c, all, (unsigned)bytes, 1), true);
  LLVMSetAlignment(at, 64);
}

/* ---- strerror ---- */
static void add_attribute(Obj *o, LLVMValueRef f, LLVMAttributeIndex at, const char *name) {
  unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
  LLVMAddAttributeAtIndex(f, at, LLVMCreateEnumAttribute(o->g.c, kind, 0));
}

/* Several ABIs want narrow integers widened by whoever passes or returns them. */
static void widen(Obj *o, LLVMValueRef f, LLVMAttributeIndex at, LLVMTypeRef t) {
  if (t == o->g.i32) add_attribute(o, f, at, "signext");
  if (t == o->g.i8) add_attribute(o, f, at, "zeroext");
}

static LLVMValueRef new_function(Obj *o, const char *name, LLVMTypeRef result, LLVMTypeRef *params,
                                 int n) {
  LLVMValueRef f = LLVMAddFunction(o->g.m, name, LLVMFunctionType(result, params, (unsigned)n, 0));
  add_attribute(o, f, LLVMAttributeFunctionIndex, "nounwind");
  widen(o, f, LLVMAttributeReturnIndex, result);
  for (int i = 0; i < n; i++) widen(o, f, (LLVMAttributeIndex)i + 1, params[i]);
  LLVMPositionBuilderAtEnd(o->g.b, LLVMAppendBasicBlockInContext(o->g.c, f, "entry"));
  o->entry = f;
  return f;
}

static void make_strerror(Obj *o) {
  static const char *const words[] = {
#define _(name, says) says,
      C_STATUS_TABLE(_)
#undef _
  };
  enum { N = COUNT_OF(words) };
  Gen *g = &o->g;
  LLVMValueRef at[N + 1];
  for (int i = 0; i < N; i++) at[i] = text(o, words[i]);
  at[N] = text(o, "unknown status");
  LLVMValueRef table = constant(o, name_fmt(g->cx, "%s_status_texts", o->f->prefix),
                                LLVMConstArray(g->ptr, at, N + 1), false);
  LLVMValueRef f =
      new_function(o, name_fmt(g->cx, "%s_strerror", o->f->prefix), g->ptr, &g->i32, 1);
  LLVMValueRef status = LLVMGetParam(f, 0), n = LLVMConstInt(g->i32, N, 0);
  LLVMValueRef known = LLVMBuildICmp(g->b, LLVMIntULT, status, n, "");
  LLVMValueRef i = LLVMBuildZExt(g->b, LLVMBuildSelect(g->b, known, status, n, ""), g->i64, "");
  LLVMBuildRet(g->b, LLVMBuildLoad2(g->b, g->ptr,
                                    LLVMBuildInBoundsGEP2(g->b, g->ptr, table, &i, 1, ""), ""));
}

/* ---- exported functions ---- */
static LLVMTypeRef arg_type(Obj *o, const CArg *a) {
  return a->kind == CARG_VALUE ? gen_memory_type(&o->g, a->type, 1) : o->g.ptr;
}

/* Returns the status where the condition holds, and goes on where not. */
static void fail_if(Obj *o, LLVMValueRef condition, CStatus status) {
  Gen *g = &o->g;
  LLVMBasicBlockRef bad = LLVMAppendBasicBlockInContext(g->c, o->entry, "bad");
  LLVMBasicBlockRef good = LLVMAppendBasicBlockInContext(g->c, o->entry, "good");
  LLVMBuildCondBr(g->b, condition, bad, good);
  LLVMPositionBuilderAtEnd(g->b, bad);
  LLVMBuildRet(g->b, LLVMConstInt(g->i32, status, 0));
  LLVMPositionBuilderAtEnd(g->b, good);
}

static LLVMValueRef argument(Obj *o, int i) {
  return LLVMGetParam(o->entry, (unsigned)(o->first + i));
}

/* The workspace in bytes, as size_t. */
static LLVMValueRef workspace_bytes(Obj *o) {
  return LLVMBuildIntCast2(o->g.b, gen_dim(&o->g, o->fn->loops->workspace), o->word, 1, "");
}

/* Returns what the sizes deserve, where it isn't OK. */
static void check_sizes(Obj *o, LLVMValueRef (*result)(Obj *o, LLVMValueRef status)) {
  Gen *g = &o->g;
  if (!o->sizes_check) return;
  LLVMValueRef status = LLVMBuildCall2(g->b, LLVMGlobalGetValueType(o->sizes_check), o->sizes_check,
                                       g->size, (unsigned)g->sizes.n, "");
  LLVMBasicBlockRef bad = LLVMAppendBasicBlockInContext(g->c, o->entry, "bad");
  LLVMBasicBlockRef good = LLVMAppendBasicBlockInContext(g->c, o->entry, "good");
  LLVMBuildCondBr(g->b, LLVMBuildIsNull(g->b, status, ""), good, bad);
  LLVMPositionBuilderAtEnd(g->b, bad);
  LLVMBuildRet(g->b, result(o, status));
  LLVMPositionBuilderAtEnd(g->b, good);
}

static LLVMValueRef the_status(Obj *o, LLVMValueRef status) { return (void)o, status; }
static LLVMValueRef no_workspace(Obj *o, LLVMValueRef status) {
  return (void)status, LLVMConstAllOnes(o->word);
}

static void check_arguments(Obj *o, LLVMValueRef workspace, LLVMValueRef bytes) {
  Gen *g = &o->g;
  check_sizes(o, the_status);
  for (int i = 0; i < o->fn->arg.n; i++)
    if (o->fn->arg.at[i].kind != CARG_VALUE)
      fail_if(o, LLVMBuildIsNull(g->b, argument(o, i), ""), CST_NULL_POINTER);
  if (o->fn->loops->workspace == 0) return;
  fail_if(o, LLVMBuildIsNull(g->b, workspace, ""), CST_NULL_POINTER);
  LLVMValueRef low =
      LLVMBuildAnd(g->b, LLVMBuildPtrToInt(g->b, workspace, o->word, ""), word(o, 63), "");
  fail_if(o, LLVMBuildICmp(g->b, LLVMIntNE, low, word(o, 0), ""), CST_MISALIGNED);
  fail_if(o, LLVMBuildICmp(g->b, LLVMIntULT, bytes, workspace_bytes(o), ""), CST_TOO_SMALL);
}

static LLVMValueRef field_address(Obj *o, int arg, int field) {
  return LLVMBuildStructGEP2(o->g.b, o->params, argument(o, arg), (unsigned)field, "");
}

static LLVMValueRef port_address(Obj *o, const LLVMValueRef *value, CPort p) {
  const CArg *a = &o->fn->arg.at[p.arg];
  if (a->kind == CARG_STRUCT) return field_address(o, p.arg, p.field);
  return a->kind == CARG_VALUE ? value[p.arg] : argument(o, p.arg);
}

static LLVMValueRef pointer_table(Obj *o, const LLVMValueRef *value, const CPort *port, int n) {
  Gen *g = &o->g;
  LLVMValueRef table = LLVMBuildAlloca(g->b, LLVMArrayType(g->ptr, (unsigned)(n ? n : 1)), "");
  for (int i = 0; i < n; i++) {
    LLVMValueRef k = LLVMConstInt(g->i64, (uint64_t)i, 0);
    LLVMBuildStore(g->b, port_address(o, value, port[i]),
                   LLVMBuildInBoundsGEP2(g->b, g->ptr, table, &k, 1, ""));
  }
  return table;
}

/* One bit. */
static LLVMValueRef size_condition(Gen *g, const SizeCond *c) {
  if (c->kind == SC_LEAST || c->kind == SC_ZERO)
    return LLVMBuildICmp(g->b, c->kind == SC_LEAST ? LLVMIntSGE : LLVMIntEQ, gen_dim(g, c->d),
                         LLVMConstInt(g->i64, 0, 0), "");
  LLVMValueRef a = size_condition(g, c->a);
  if (c->kind == SC_NOT) return LLVMBuildNot(g->b, a, "");
  LLVMValueRef b = size_condition(g, c->b);
  return c->kind == SC_AND ? LLVMBuildAnd(g->b, a, b, "") : LLVMBuildOr(g->b, a, b, "");
}

/* As c_file.c has it: bytes are added as double, which doesn't overflow. */
static void make_sizes_check(Obj *o) {
  Gen *g = &o->g;
  const CFunction *fn = o->fn;
  o->sizes_check = NULL;
  if (!fn->size.n) return;
  LLVMTypeRef *params = NEWS(g->cx->arena, LLVMTypeRef, g->sizes.n);
  int n = gen_add_sizes(g, params, NULL, 0);
  LLVMValueRef f =
      new_function(o, name_fmt(g->cx, "%s_%s_sizes", o->f->prefix, fn->name), g->i32, params, n);
  LLVMSetLinkage(f, LLVMInternalLinkage);
  gen_take_sizes(g, f);
  for (int i = 0; i < n; i++)
    fail_if(o, LLVMBuildICmp(g->b, LLVMIntSLT, g->size[i], LLVMConstInt(g->i64, 1, 0), ""),
            CST_BAD_SIZE);
  for (int i = 0; i < n; i++)
    fail_if(o, LLVMBuildICmp(g->b, LLVMIntSGT, g->size[i], LLVMConstInt(g->i64, EXTENT_MAX, 0), ""),
            CST_TOO_LARGE);
  LLVMValueRef bytes = gen_dim_magnitude(g, fn->loops->workspace);
  for (int i = 0; i < fn->loops->buf.n; i++) {
    const Buffer *b = &fn->loops->buf.at[i];
    if (dim_is_number(b->count) || (b->kind != BUF_INPUT && b->kind != BUF_OUTPUT)) continue;
    bytes = LLVMBuildFAdd(
        g->b, bytes, gen_dim_magnitude(g, dim_mul(g->cx, b->count, type_info[b->type].bytes)), "");
  }
  double most = LLVMPointerSize(o->layout) == 4 ? 0x1p30 : 0x1p62;
  fail_if(o, LLVMBuildFCmp(g->b, LLVMRealOGT, bytes, LLVMConstReal(LLVMTypeOf(bytes), most), ""),
          CST_TOO_LARGE);
  for (int i = 0; i < fn->require.n; i++)
    fail_if(o, LLVMBuildNot(g->b, size_condition(g, fn->require.at[i].holds), ""), CST_REQUIRED);
  for (int i = 0; i < fn->check.n; i++)
    fail_if(o,
            LLVMBuildICmp(g->b, LLVMIntSLT, gen_dim(g, fn->check.at[i]), LLVMConstInt(g->i64, 0, 0),
                          ""),
            CST_BAD_SIZE);
  LLVMBuildRet(g->b, LLVMConstInt(g->i32, CST_OK, 0));
  o->sizes_check = f;
}

static void make_query(Obj *o) {
  Gen *g = &o->g;
  LLVMTypeRef *params = NEWS(g->cx->arena, LLVMTypeRef, g->sizes.n + 1);
  int n = gen_add_sizes(g, params, NULL, 0);
  LLVMValueRef f = new_function(o, name_fmt(g->cx, "%s_%s_workspace", o->f->prefix, o->fn->name),
                                o->word, params, n);
  gen_take_sizes(g, f);
  check_sizes(o, no_workspace);
  LLVMBuildRet(g->b, workspace_bytes(o));
}

static void zero_fields(Obj *o) {
  for (int i = 0; i < o->fn->zero.n; i++) {
    CPort z = o->fn->zero.at[i];
    const CParam *p = &o->f->param.at[z.field];
    uint64_t bytes = (uint64_t)(MAX(count_of(&p->shape), 1) * type_info[p->type].bytes);
    LLVMBuildMemSet(o->g.b, field_address(o, z.arg, z.field), LLVMConstInt(o->g.i8, 0, 0),
                    word(o, bytes), 1);
  }
}

/* What the program left in the workspace about its indices. */
static void fail_where_outside(Obj *o, LLVMValueRef workspace) {
  Gen *g = &o->g;
  const LoopProgram *p = o->fn->loops;
  if (p->fault < 0) return;
  LLVMValueRef at = gen_dim(g, p->buf.at[p->fault].offset);
  LLVMValueRef place = LLVMBuildInBoundsGEP2(g->b, g->i8, workspace, &at, 1, "");
  LLVMValueRef outside = LLVMBuildLoad2(g->b, g->i64, place, "");
  fail_if(o, LLVMBuildIsNotNull(g->b, outside, ""), CST_INDEX);
}

/* Whoever shares the work out; the pool is made by driver/library_pool.c. */
static LLVMValueRef runtime(Obj *o) {
  Gen *g = &o->g;
  if (o->f->threads <= 1) return LLVMConstNull(g->ptr);
  const char *name = name_fmt(g->cx, "%s_pool", o->f->prefix);
  LLVMTypeRef type = LLVMFunctionType(g->ptr, NULL, 0, 0);
  LLVMValueRef f = LLVMGetNamedFunction(g->m, name);
  if (!f) f = LLVMAddFunction(g->m, name, type);
  LLVMSetVisibility(f, LLVMHiddenVisibility);
  return LLVMBuildCall2(g->b, type, f, NULL, 0, "");
}

static void make_function(Obj *o, LLVMValueRef run) {
  Gen *g = &o->g;
  const CFunction *fn = o->fn;
  int n = gen_add_sizes(g, NULL, NULL, 0);
  LLVMTypeRef *params = NEWS(g->cx->arena, LLVMTypeRef, n + fn->arg.n + 2);
  LLVMValueRef *value = NEWS(g->cx->arena, LLVMValueRef, fn->arg.n + 1),
               *args = NEWS(g->cx->arena, LLVMValueRef, n + 4);
  gen_add_sizes(g, params, NULL, 0);
  o->first = n;
  for (int i = 0; i < fn->arg.n; i++) params[n++] = arg_type(o, &fn->arg.at[i]);
  params[n++] = g->ptr;
  params[n++] = o->word;
  LLVMValueRef f =
      new_function(o, name_fmt(g->cx, "%s_%s", o->f->prefix, fn->name), g->i32, params, n);
  LLVMValueRef workspace = LLVMGetParam(f, (unsigned)n - 2);
  for (int i = 0; i < o->first; i++) g->size[i] = LLVMGetParam(f, (unsigned)i);
  for (int i = 0; i < fn->arg.n; i++) { /* the program reads its inputs through pointers */
    if (fn->arg.at[i].kind != CARG_VALUE) continue;
    value[i] = LLVMBuildAlloca(g->b, params[o->first + i], "");
    LLVMBuildStore(g->b, argument(o, i), value[i]);
  }
  check_arguments(o, workspace, LLVMGetParam(f, (unsigned)n - 1));
  zero_fields(o);
  args[0] = pointer_table(o, value, fn->in.at, fn->in.n);
  args[1] = pointer_table(o, value, fn->out.at, fn->out.n);
  args[2] = workspace;
  args[3] = runtime(o);
  LLVMBuildCall2(g->b, LLVMGlobalGetValueType(run), run, args,
                 (unsigned)gen_add_sizes(g, NULL, args, 4), "");
  fail_where_outside(o, workspace);
  LLVMBuildRet(g->b, LLVMConstInt(g->i32, CST_OK, 0));
}

static void make_all(Obj *o) {
  make_params(o);
  make_strerror(o);
  make_param_table(o);
  make_weights(o);
  for (int i = 0; i < o->f->fn.n; i++) {
    o->fn = o->f->fn.at[i];
    o->g.sizes.n = 0;
    for (int k = 0; k < o->fn->size.n; k++)
      vec_push(o->g.cx->arena, &o->g.sizes, o->fn->size.at[k]);
    make_sizes_check(o);
    LLVMValueRef run = gen_program(
        &o->g, o->fn->loops, name_fmt(o->g.cx, "%s_%s_run", o->f->prefix, o->fn->name), false);
    make_query(o);
    make_function(o, run);
  }
}

static bool make_object(const CFile *f, const Target *t, Text *out, char *err, size_t nerr) {
  LLVMTargetMachineRef tm = gen_machine(t, LLVMCodeModelDefault, false, err, nerr);
  if (!tm) return false;
  LLVMContextRef c = LLVMContextCreate();
  Obj o = {.g = gen_begin(f->cx, c, f->prefix), .f = f, .layout = LLVMCreateTargetDataLayout(tm)};
  o.g.alone = f->threads <= 1;
  o.word = LLVMIntPtrTypeInContext(c, o.layout);
  LLVMSetModuleDataLayout(o.g.m, o.layout);
  set_abi(&o, t->abi);
  make_all(&o);
  gen_end(&o.g);
  LLVMModuleRef m = gen_complete(c, o.g.m, tm, err, nerr);
  bool ok =
      m && gen_optimise(m, tm, err, nerr) && gen_emit_to(m, tm, LLVMObjectFile, out, err, nerr);
  if (m) LLVMDisposeModule(m);
  LLVMDisposeTargetData(o.layout);
  LLVMContextDispose(c);
  LLVMDisposeTargetMachine(tm);
  return ok;
}

typedef struct Making {
  const CFile *f;
  const Target *t;
  Text *out;
  char *err;
  size_t nerr;
} Making;

static Status make_guarded(void *arg) {
  Making *w = arg;
  return make_object(w->f, w->t, w->out, w->err, w->nerr) ? ST_OK : ST_SOURCE;
}

bool gen_object(const CFile *f, const Target *t, Text *out, char *err, size_t nerr) {
  Making w = {f, t, out, err, nerr};
  Status s = gen_guarded(f->cx, make_guarded, &w, err, nerr).status;
  if (s != ST_OK && s != ST_SOURCE) cx_unwind_again(f->cx);
  return s == ST_OK;
}
