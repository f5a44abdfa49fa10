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
#define MAP(op, operands, type, acc, kinks, cost, sign, on_float, on_int, da, db, dc, text)        \
  [OP_##op] = {.name = #op,                                                                        \
               .kind = KIND_MAP,                                                                   \
               .arity = operands,                                                                  \
               .typing = type,                                                                     \
               .accuracy = acc,                                                                    \
               .smoothness = kinks,                                                                \
               .weight = cost,                                                                     \
               .symbol = sign,                                                                     \
               .partial = {da, db, dc},                                                            \
               .value = (type) == TY_INT || (type) == TY_LOGIC ? #on_int : #on_float,              \
               .doc = text},
#define FOLD(op, type, acc, kinks, start_float, start_int, step, partial_of, text)                 \
  [OP_##op] = {.name = #op,                                                                        \
               .kind = KIND_FOLD,                                                                  \
               .arity = 1,                                                                         \
               .typing = type,                                                                     \
               .accuracy = acc,                                                                    \
               .smoothness = kinks,                                                                \
               .weight = 1,                                                                        \
               .symbol = "",                                                                       \
               .partial = {partial_of},                                                            \
               .value = #step,                                                                     \
               .doc = text},
#define OTHER(op, its_kind, operands, type, text)                                                  \
  [OP_##op] = {.name = #op,                                                                        \
               .kind = its_kind,                                                                   \
               .arity = operands,                                                                  \
               .typing = type,                                                                     \
               .weight = 1,                                                                        \
               .symbol = "",                                                                       \
               .doc = text},
#define MOVE(op, text) OTHER(op, KIND_MOVE, ARITY_OF(OP_##op), TY_SAME, text)
#define DOT(op, text)  OTHER(op, KIND_DOT, ARITY_OF(OP_##op), TY_NUM, text)
#define LOOP(op, text) OTHER(op, KIND_LOOP, -1, TY_SAME, text)
#define LEAF(op, text) OTHER(op, KIND_LEAF, -1, TY_SAME, text)
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
