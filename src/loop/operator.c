/* operator.c: an operator on expressions as what a processor has. In: the operator, its operands.
 * Out: an expression: of machine operators alone, with what literals decide decided, functions by
 * their rules (the rule book's expansions). */
#include "loop/lower.h"

DType ex_type(Low *lw, Ex e) { return (DType)lw->m.k->ex.at[e].type; }
int ex_lanes(Low *lw, Ex e) { return lw->m.k->ex.at[e].lanes; }

Ex ex_let(Low *lw, Ex value, Name hint) {
  ExKind k = (ExKind)lw->m.k->ex.at[value].kind;
  if (k == EX_REG || k == EX_IMM) return value;
  return ex_reg(&lw->m, st_let(&lw->m, value, hint));
}

bool ex_same(Low *lw, Ex a, Ex b) {
  if (a == b) return true;
  if (!a || !b) return false;
  const ExNode *x = &lw->m.k->ex.at[a], *y = &lw->m.k->ex.at[b];
  return x->kind == EX_REG && y->kind == EX_REG && x->u.reg == y->u.reg;
}

/* ---- operators ---- */
Ex low_map1(Low *lw, Op op, DType t, Ex a) { return low_map(lw, op, t, &a, 1); }
Ex low_map2(Low *lw, Op op, DType t, Ex a, Ex b) { return low_map(lw, op, t, (Ex[]){a, b}, 2); }
Ex low_map3(Low *lw, Op op, DType t, Ex a, Ex b, Ex c) {
  return low_map(lw, op, t, (Ex[]){a, b, c}, 3);
}
Ex low_literal(Low *lw, DType t, int lanes, double v) {
  return type_is_float(t) ? ex_imm_f(&lw->m, t, lanes, v) : ex_imm_i(&lw->m, t, lanes, (int64_t)v);
}

bool ex_is_literal(Low *lw, Ex e) { return lw->m.k->ex.at[e].kind == EX_IMM; }
bool ex_never(Low *lw, Ex e) { return e && ex_is_literal(lw, e) && !lw->m.k->ex.at[e].u.i; }
bool ex_always(Low *lw, Ex e) { return e && ex_is_literal(lw, e) && lw->m.k->ex.at[e].u.i; }

Ex mask_and(Low *lw, Ex a, Ex b) {
  if (!a || !b) return a ? a : b;
  if (ex_same(lw, a, b) || ex_never(lw, a) || ex_always(lw, b)) return a;
  if (ex_never(lw, b) || ex_always(lw, a)) return b;
  int lanes = MAX(ex_lanes(lw, a), ex_lanes(lw, b));
  return ex_let(
      lw, low_map2(lw, OP_and, T_BOOL, ex_splat(&lw->m, a, lanes), ex_splat(&lw->m, b, lanes)),
      NULL);
}

/* Inlines an expansion (a function of rank-0 values) on expressions. */
static Ex inline_rule(Low *lw, const Fn *rule, const Ex *arg) {
  int n = rule->ins.n;
  Ex *value = NEWS(lw->arena, Ex, n);
  int32_t *uses = NEWS(lw->arena, int32_t, n);
  for (int v = 1; v < n; v++)
    for (int i = 0; i < rule->ins.at[v].nargs; i++) uses[rule->ins.at[v].arg[i]]++;
  int lanes = ex_lanes(lw, arg[0]);
  for (int v = 1; v < n; v++) {
    const Ins *in = &rule->ins.at[v];
    switch (op_kind(in->op)) {
    case KIND_MAP: {
      Ex a[3];
      for (int i = 0; i < in->nargs; i++) a[i] = value[in->arg[i]];
      value[v] = low_map(lw, in->op, (DType)in->type, a, in->nargs);
      break;
    }
    case KIND_LEAF:
      if (in->op == OP_arg) value[v] = arg[in->u.i];
      else if (in->op == OP_const)
        value[v] = type_is_float((DType)in->type)
                       ? ex_imm_f(&lw->m, (DType)in->type, lanes, in->u.f)
                       : ex_imm_i(&lw->m, (DType)in->type, lanes, in->u.i);
      else cx_bug(lw->cx, "an expansion uses %s", op_info[in->op].name);
      break;
    default: cx_bug(lw->cx, "an expansion uses %s", op_info[in->op].name);
    }
    if (uses[v] > 1) value[v] = ex_let(lw, value[v], in->hint);
  }
  return value[rule->out.at[0].val];
}

/* Which of two truth values is less, or the larger, by logic. */
static Ex map_bool(Low *lw, Op op, const Ex *a) {
  KernelMaker *m = &lw->m;
  Ex x = ex_let(lw, a[0], NULL), y = ex_let(lw, a[1], NULL);
  switch (op) {
  case OP_min: return ex_map(m, OP_and, T_BOOL, (Ex[]){x, y}, 2);
  case OP_max: return ex_map(m, OP_or, T_BOOL, (Ex[]){x, y}, 2);
  case OP_lt: return low_map2(lw, OP_and, T_BOOL, low_map1(lw, OP_not, T_BOOL, x), y);
  case OP_gt: return low_map2(lw, OP_and, T_BOOL, x, low_map1(lw, OP_not, T_BOOL, y));
  case OP_le: return low_map2(lw, OP_or, T_BOOL, low_map1(lw, OP_not, T_BOOL, x), y);
  default: /* ge */ return low_map2(lw, OP_or, T_BOOL, x, low_map1(lw, OP_not, T_BOOL, y));
  }
}

Ex low_cast(Low *lw, DType to, Ex a) {
  DType from = ex_type(lw, a);
  int lanes = ex_lanes(lw, a);
  if (from == to) return a;
  if (from == T_BOOL)
    return low_map3(lw, OP_select, to, a, low_literal(lw, to, lanes, 1),
                    low_literal(lw, to, lanes, 0));
  if (to == T_BOOL) return low_map2(lw, OP_ne, T_BOOL, a, low_literal(lw, from, lanes, 0));
  return ex_map(&lw->m, OP_cast, to, &a, 1);
}

static Ex map_sign(Low *lw, Ex a) {
  DType t = ex_type(lw, a);
  int lanes = ex_lanes(lw, a);
  a = ex_let(lw, a, NULL);
  Ex zero = low_literal(lw, t, lanes, 0);
  Ex rest = type_is_float(t)
                ? low_map3(lw, OP_select, t, low_map2(lw, OP_ne, T_BOOL, a, a), a, zero)
                : zero;
  Ex neg = t == T_U8 ? rest
                     : low_map3(lw, OP_select, t, low_map2(lw, OP_lt, T_BOOL, a, zero),
                                low_literal(lw, t, lanes, -1), rest);
  return low_map3(lw, OP_select, t, low_map2(lw, OP_gt, T_BOOL, a, zero),
                  low_literal(lw, t, lanes, 1), neg);
}

/* ---- what literals decide ---- */
static double number_of(Low *lw, Ex e) {
  const ExNode *x = &lw->m.k->ex.at[e];
  return type_is_float((DType)x->type) ? x->u.f : (double)x->u.i;
}

static int compared(Op op, double a, double b) {
  switch (op) {
  case OP_eq: return a == b;
  case OP_ne: return a != b;
  case OP_lt: return a < b;
  case OP_le: return a <= b;
  case OP_gt: return a > b;
  case OP_ge: return a >= b;
  default: return -1;
  }
}

/* Choices whose condition is known, comparisons and logic of literals, what has no effect: indices
 * that are numbers decide these where axes are unrolled. 0: nothing is known. */
static Ex map_known(Low *lw, Op op, DType result, const Ex *arg, int n) {
  bool first = ex_is_literal(lw, arg[0]), second = n > 1 && ex_is_literal(lw, arg[1]);
  int lanes = ex_lanes(lw, arg[0]);
  DType t = ex_type(lw, arg[0]);
  bool small = t == T_I32 || t == T_U8 || t == T_BOOL || type_is_float(t);
  if (op == OP_select && first) return arg[ex_always(lw, arg[0]) ? 1 : 2];
  if (n == 2 && first && second && small) {
    int known = compared(op, number_of(lw, arg[0]), number_of(lw, arg[1]));
    if (known >= 0) return ex_imm_i(&lw->m, T_BOOL, lanes, known);
  }
  if (op == OP_not && first) return ex_imm_i(&lw->m, T_BOOL, lanes, !ex_always(lw, arg[0]));
  if (op == OP_and && (first || second))
    return ex_never(lw, arg[0]) || ex_always(lw, arg[1]) ? arg[0] : arg[1];
  if (op == OP_or && (first || second))
    return ex_always(lw, arg[0]) || ex_never(lw, arg[1]) ? arg[0] : arg[1];
  if (op == OP_cast && first && t == T_I32 && result != T_BOOL && result != T_U8)
    return low_literal(lw, result, lanes, number_of(lw, arg[0]));
  if (type_is_int(result) && t == result) {
    bool none = second && number_of(lw, arg[1]) == 0, one = second && number_of(lw, arg[1]) == 1;
    if (op == OP_add && first && number_of(lw, arg[0]) == 0) return arg[1];
    if (op == OP_mul && first && number_of(lw, arg[0]) == 1) return arg[1];
    if ((none && (op == OP_add || op == OP_sub)) || (one && op == OP_mul)) return arg[0];
  }
  if (!type_is_float(result)) return 0;
  if (op == OP_add && first && number_of(lw, arg[0]) == 0) return arg[1];
  if ((op == OP_add || op == OP_sub) && second && number_of(lw, arg[1]) == 0) return arg[0];
  if (op == OP_mul && first && number_of(lw, arg[0]) == 1) return arg[1];
  if ((op == OP_mul || op == OP_div) && second && number_of(lw, arg[1]) == 1) return arg[0];
  if (op == OP_fma &&
      ((first && number_of(lw, arg[0]) == 1) || (second && number_of(lw, arg[1]) == 1)))
    return low_map2(lw, OP_add, result, arg[first && number_of(lw, arg[0]) == 1], arg[2]);
  if (op == OP_safe_mul && first && number_of(lw, arg[0]) == 0) return arg[0];
  return 0;
}

Ex low_map(Low *lw, Op op, DType result, const Ex *arg, int n) {
  DType t = ex_type(lw, arg[op == OP_select ? 1 : 0]);
  if (op == OP_stop) return arg[0];
  Ex known = map_known(lw, op, result, arg, n);
  if (known) return known;
  if (op == OP_cast) return low_cast(lw, result, arg[0]);
  if (op == OP_sign) return map_sign(lw, arg[0]);
  if (op == OP_select && t == T_BOOL) {
    Ex c = ex_let(lw, arg[0], NULL);
    return low_map2(lw, OP_or, T_BOOL, low_map2(lw, OP_and, T_BOOL, c, arg[1]),
                    low_map2(lw, OP_and, T_BOOL, low_map1(lw, OP_not, T_BOOL, c), arg[2]));
  }
  if (loop_machine_op(op, t)) return ex_map(&lw->m, op, result, arg, n);
  if (t == T_BOOL && n == 2) return map_bool(lw, op, arg);
  if (type_is_float(t) && op == OP_idiv)
    return low_map1(lw, OP_floor, t, low_map2(lw, OP_div, t, arg[0], arg[1]));
  if (type_is_float(t) && op == OP_mod) {
    Ex a = ex_let(lw, arg[0], NULL), b = ex_let(lw, arg[1], NULL);
    Ex q = low_map1(lw, OP_floor, t, low_map2(lw, OP_div, t, a, b));
    return low_map2(lw, OP_sub, t, a, low_map2(lw, OP_mul, t, b, q));
  }
  const RuleBook *rules = lw->cx->rules;
  const Fn *rule = rules && rules->expansion ? rules->expansion(lw->cx, op, t) : NULL;
  if (!rule) return ex_map(&lw->m, op, result, arg, n);
  Ex a[3];
  for (int i = 0; i < n; i++) a[i] = ex_let(lw, arg[i], NULL);
  return inline_rule(lw, rule, a);
}
