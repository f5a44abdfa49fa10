/* ops.c: the tables that ops.def and types.def expand to, and the few questions asked of them. */
#include "ir/ir.h"

#include <math.h>

const TypeInfo type_info[DTYPE_COUNT] = {
#define DTYPE(name, word, ctype, bytes, class) {word, bytes, class},
#include "ir/types.def"
#undef DTYPE
};

#define ARITY_OF(op) ((op) == OP_view || (op) == OP_reshape ? 1 : (op) == OP_contract ? 2 : -1)

const OpInfo op_info[OP_COUNT] = {
#define MAP(name, arity, typing, symbol, on_float, on_int, da, db, dc, doc)                        \
  [OP_##name] = {#name,                                                                            \
                 KIND_MAP,                                                                         \
                 arity,                                                                            \
                 typing,                                                                           \
                 symbol,                                                                           \
                 {da, db, dc},                                                                     \
                 (typing) == TY_INT || (typing) == TY_LOGIC ? #on_int : #on_float,                 \
                 doc},
#define FOLD(name, typing, start_float, start_int, step, partial, doc)                             \
  [OP_##name] = {#name, KIND_FOLD, 1, typing, "", {partial, NULL, NULL}, #step, doc},
#define MOVE(name, doc)                                                                            \
  [OP_##name] = {#name, KIND_MOVE, ARITY_OF(OP_##name), TY_SAME, "", {NULL, NULL, NULL}, NULL, doc},
#define DOT(name, doc)                                                                             \
  [OP_##name] = {#name, KIND_DOT, ARITY_OF(OP_##name), TY_NUM, "", {NULL, NULL, NULL}, NULL, doc},
#define LOOP(name, doc)                                                                            \
  [OP_##name] = {#name, KIND_LOOP, -1, TY_SAME, "", {NULL, NULL, NULL}, NULL, doc},
#define LEAF(name, doc)                                                                            \
  [OP_##name] = {#name, KIND_LEAF, -1, TY_SAME, "", {NULL, NULL, NULL}, NULL, doc},
#include "ir/ops.def"
#undef MAP
#undef FOLD
#undef MOVE
#undef DOT
#undef LOOP
#undef LEAF
};

bool op_find(const char *name, Op *out) {
  for (int i = 0; i < OP_COUNT; i++)
    if (!strcmp(op_info[i].name, name)) {
      *out = (Op)i;
      return true;
    }
  return false;
}

bool type_find(const char *word, DType *out) {
  for (int i = 0; i < DTYPE_COUNT; i++)
    if (!strcmp(type_info[i].word, word)) {
      *out = (DType)i;
      return true;
    }
  return false;
}

double op_weight(Op op) {
  switch (op) {
  case OP_div:
  case OP_sqrt:
  case OP_idiv:
  case OP_mod: return 4;
  case OP_exp:
  case OP_exp2:
  case OP_log:
  case OP_log2:
  case OP_sigmoid:
  case OP_expm1:
  case OP_log1p: return 14;
  case OP_tanh:
  case OP_erf:
  case OP_sin:
  case OP_cos: return 20;
  case OP_tan:
  case OP_asin:
  case OP_acos:
  case OP_atan:
  case OP_atan2:
  case OP_sinh:
  case OP_cosh:
  case OP_erfc:
  case OP_normcdf:
  case OP_pow: return 30;
  case OP_stop: return 0;
  default: return 1;
  }
}

double ins_const_value(const Ins *i) {
  return type_is_float((DType)i->type) ? i->u.f : (double)i->u.i;
}

bool ins_is_splat(const Ins *i, double value) {
  return i->op == OP_const && ins_const_value(i) == value;
}

int fn_input(const Fn *f, Name name) {
  for (int i = 0; i < f->in.n; i++)
    if (f->in.at[i].name == name) return i;
  return -1;
}

void fn_size_names(const Fn *f, SizeBindings *out) {
  for (int i = 0; i < f->in.n; i++)
    for (int d = 0; d < f->in.at[i].shape.rank; d++)
      dim_names(f->cx, f->in.at[i].shape.dim[d], f->cx->arena, out);
}

bool fn_uses_input(const Fn *f, int i) {
  Val v = f->in.at[i].val;
  for (int k = 0; k < f->out.n; k++)
    if (f->out.at[k].val == v) return true;
  for (Val u = v + 1; u < f->ins.n; u++)
    for (int k = 0; k < fn_ins(f, u)->nargs; k++)
      if (fn_ins(f, u)->arg[k] == v) return true;
  return false;
}

/* ---- comparisons ---- */
Op op_opposite(Op op) {
  switch (op) {
  case OP_lt: return OP_ge;
  case OP_le: return OP_gt;
  case OP_gt: return OP_le;
  case OP_ge: return OP_lt;
  case OP_eq: return OP_ne;
  default: return OP_eq;
  }
}

Op op_turned(Op op) {
  switch (op) {
  case OP_lt: return OP_gt;
  case OP_le: return OP_ge;
  case OP_gt: return OP_lt;
  case OP_ge: return OP_le;
  default: return op;
  }
}
