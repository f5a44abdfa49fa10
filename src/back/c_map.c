/* c_map.c: elementwise operators as C: with the language's operators on scalars, of vectors with
 * the operations of c_macro.c. Integers wrap, so their arithmetic is done without sign. */
#include "back/c_gen.h"

typedef struct Map { /* an operator being printed */
  CGen *g;
  Op op;
  DType from, to;
  int lanes, mask_in, mask_out;
  int64_t by; /* operand 1 where it is a number that isn't 0 in all lanes, else 0 */
  const char *arg[3];
} Map;

/* ---- small things ---- */
static const char *from_type(Map *m) { return cg_type(m->g, m->from, m->lanes, m->mask_in); }

static const char *atom(Map *m, int i) {
  return m->arg[i] = cg_atom(m->g, m->arg[i], from_type(m));
}

/* The signed integers as wide as the operand. */
static CElem int_elem(Map *m, DType like) {
  return cg_mask_elem(like == T_BOOL ? m->mask_in : type_info[like].bytes);
}
static const char *int_vec(Map *m, DType like) { return cg_vec(m->g, int_elem(m, like), m->lanes); }

static CElem from_elem(Map *m) { return cg_elem(m->g, m->from, m->mask_in); }

/* An operation on vectors of elements of a kind. */
static const char *op1(Map *m, CHelp h, CElem e, const char *a) {
  return cg_op(m->g, h, e, m->lanes, a, NULL, NULL, NULL);
}
static const char *op2(Map *m, CHelp h, CElem e, const char *a, const char *b) {
  return cg_op(m->g, h, e, m->lanes, a, b, NULL, NULL);
}

static const char *constant(Map *m, DType t, double f, int64_t i) {
  return cg_splat(m->g, cg_number(m->g, t, f, i), cg_elem(m->g, t, 4), m->lanes);
}

/* a where the mask holds, else b; the mask is as wide as the values */
static const char *blend(Map *m, DType t, const char *mask, const char *a, const char *b) {
  return cg_op(m->g, CH_BLEND, cg_elem(m->g, t, m->mask_in), m->lanes, mask, a, b, NULL);
}

/* By an operation of n arguments, of operands and a result of one type. */
static const char *by_operation(Map *m, CHelp h, int n) {
  return cg_op(m->g, h, from_elem(m), m->lanes, m->arg[0], n > 1 ? m->arg[1] : NULL,
               n > 2 ? m->arg[2] : NULL, NULL);
}

/* A function of scalars, lane by lane. */
static const char *by_function(Map *m, const char *function, int n) {
  if (m->lanes == 1) {
    if (n == 3) return cg_fmt(m->g, "%s(%s, %s, %s)", function, m->arg[0], m->arg[1], m->arg[2]);
    if (n == 2) return cg_fmt(m->g, "%s(%s, %s)", function, m->arg[0], m->arg[1]);
    return cg_fmt(m->g, "%s(%s)", function, m->arg[0]);
  }
  for (int i = 0; i < n; i++) atom(m, i);
  const char *t = cg_fmt(m->g, "t%d", m->g->temps++);
  cg_line(m->g, "%s %s = {0};", from_type(m), t);
  const char *call = cg_fmt(m->g, "for (int l = 0; l < %d; l++) AT(%s, l) = %s(AT(%s, l)", m->lanes,
                            t, function, m->arg[0]);
  for (int i = 1; i < n; i++) call = cg_fmt(m->g, "%s, AT(%s, l)", call, m->arg[i]);
  cg_line(m->g, "%s);", call);
  return t;
}

/* ---- comparison ---- */
static const char *comparison_symbol(Op op) {
  switch (op) {
  case OP_eq: return "==";
  case OP_ne: return "!=";
  case OP_lt: return "<";
  case OP_le: return "<=";
  case OP_gt: return ">";
  default: return ">=";
  }
}

static CHelp comparison_macro(Op op) {
  switch (op) {
  case OP_eq: return CH_EQ;
  case OP_ne: return CH_NE;
  case OP_lt: return CH_LT;
  case OP_le: return CH_LE;
  case OP_gt: return CH_GT;
  default: return CH_GE;
  }
}

/* Of lanes that are all 0 or all ones. */
static const char *compare_masks(Map *m, Op op) {
  CElem e = from_elem(m);
  const char *a = m->arg[0], *b = m->arg[1];
  switch (op) {
  case OP_eq: return op1(m, CH_NOT, e, op2(m, CH_XOR, e, a, b));
  case OP_ne: return op2(m, CH_XOR, e, a, b);
  case OP_lt: return op2(m, CH_AND, e, op1(m, CH_NOT, e, a), b);
  case OP_le: return op2(m, CH_OR, e, op1(m, CH_NOT, e, a), b);
  case OP_gt: return op2(m, CH_AND, e, a, op1(m, CH_NOT, e, b));
  default: return op2(m, CH_OR, e, a, op1(m, CH_NOT, e, b));
  }
}

static const char *compare(Map *m, Op op) {
  if (m->lanes == 1) return cg_fmt(m->g, "(%s %s %s)", m->arg[0], comparison_symbol(op), m->arg[1]);
  if (m->from == T_BOOL) return compare_masks(m, op);
  return op2(m, comparison_macro(op), from_elem(m), m->arg[0], m->arg[1]);
}

/* a op b as an atom: a mask as wide as the operands. */
static const char *test(Map *m, Op op, const char *a, const char *b) {
  Map q = *m;
  q.arg[0] = a;
  q.arg[1] = b;
  return cg_atom(m->g, compare(&q, op), int_vec(m, m->from));
}

/* max: a where a > b or a is NaN, else b */
static const char *extreme(Map *m) {
  const char *sign = m->op == OP_max ? ">" : "<";
  if (m->from == T_BOOL && m->lanes > 1)
    return by_operation(m, m->op == OP_max ? CH_OR : CH_AND, 2);
  if (m->from == T_BOOL)
    return cg_fmt(m->g, "(%s %s %s)", m->arg[0], m->op == OP_max ? "|" : "&", m->arg[1]);
  const char *a = atom(m, 0), *b = atom(m, 1);
  bool real = type_is_float(m->from);
  if (m->lanes == 1)
    return real ? cg_fmt(m->g, "(%s %s %s || %s != %s ? %s : %s)", a, sign, b, a, a, a, b)
                : cg_fmt(m->g, "(%s %s %s ? %s : %s)", a, sign, b, a, b);
  if (real) {
    const char *v = by_operation(m, m->op == OP_max ? CH_MAX : CH_MIN, 2);
    return blend(m, m->from, test(m, OP_ne, a, a), a, v);
  }
  return blend(m, m->from, test(m, m->op == OP_max ? OP_gt : OP_lt, a, b), a, b);
}

static const char *select(Map *m) {
  if (m->lanes == 1) return cg_fmt(m->g, "(%s ? %s : %s)", m->arg[0], m->arg[1], m->arg[2]);
  return blend(m, m->to, m->arg[0], m->arg[1], m->arg[2]);
}

/* ---- conversions ---- */
/* Float to integer: saturates, NaN gives 0. */
static const char *saturated(Map *m) {
  CGen *g = m->g;
  DType to = m->to, from = m->from;
  double low = to == T_U8    ? 0
               : to == T_I32 ? -0x1p31
                             : -0x1p63,
         high = to == T_U8    ? 255
                : to == T_I32 ? 0x1p31
                              : 0x1p63;
  int64_t least = to == T_U8 ? 0 : to == T_I32 ? INT32_MIN : INT64_MIN;
  int64_t most = to == T_U8 ? 255 : to == T_I32 ? INT32_MAX : INT64_MAX;
  const char *a = atom(m, 0), *lo = constant(m, from, low, 0), *hi = constant(m, from, high, 0);
  const char *type = cg_type(g, to, m->lanes, 4), *min = cg_number(g, to, 0, least);
  const char *max = most == INT64_MAX ? "INT64_MAX" : cg_number(g, to, 0, most);
  if (m->lanes == 1)
    return cg_fmt(g, "(%s >= %s ? %s : %s > %s ? (%s)%s : %s == %s ? %s : 0)", a, hi, max, a, lo,
                  type, a, a, a, min);
  CElem own = cg_elem(g, from, 4), ints = int_elem(m, from);
  const char *over = test(m, OP_ge, a, hi), *under = test(m, OP_le, a, lo);
  const char *above = test(m, OP_gt, a, lo), *below = test(m, OP_lt, a, hi);
  const char *safe = op2(m, CH_AND, ints, cg_as(g, a, own, ints, m->lanes), above);
  safe = cg_as(g, op2(m, CH_AND, ints, safe, below), ints, own, m->lanes);
  const char *v = cg_convert(g, safe, own, cg_elem(g, to, 4), m->lanes);
  CElem mask = cg_elem(g, T_BOOL, type_info[from].bytes), e = cg_elem(g, to, 4);
  over = cg_convert(g, over, mask, e, m->lanes);
  under = cg_convert(g, under, mask, e, m->lanes);
  over = op2(m, CH_AND, e, over, cg_splat(g, max, e, m->lanes));
  under = op2(m, CH_AND, e, under, cg_splat(g, min, e, m->lanes));
  return op2(m, CH_OR, e, op2(m, CH_OR, e, v, over), under);
}

static const char *cast(Map *m) {
  CGen *g = m->g;
  DType from = m->from, to = m->to;
  if (from == to) return m->arg[0];
  const char *type = cg_type(g, to, m->lanes, m->mask_out);
  if (to == T_BOOL) {
    m->arg[1] = constant(m, from, 0, 0);
    const char *v = compare(m, OP_ne);
    int bytes = type_info[from].bytes;
    if (m->lanes == 1 || bytes == m->mask_out) return v;
    return cg_convert(g, v, cg_elem(g, T_BOOL, bytes), cg_elem(g, T_BOOL, m->mask_out), m->lanes);
  }
  if (type_is_float(from) && !type_is_float(to)) return saturated(m);
  if (m->lanes == 1) return cg_fmt(g, "(%s)%s", type, m->arg[0]);
  if (from == T_BOOL) /* the bits of 1 where the mask holds */
  {
    CElem e = cg_elem(g, to, 4), ints = int_elem(m, to);
    const char *one = cg_as(g, constant(m, to, 1, 1), e, ints, m->lanes);
    return cg_as(g, op2(m, CH_AND, ints, m->arg[0], one), ints, e, m->lanes);
  }
  return cg_convert(g, m->arg[0], cg_elem(g, from, 4), cg_elem(g, to, 4), m->lanes);
}

static const char *bits(Map *m) {
  if (m->lanes > 1) return cg_as(m->g, m->arg[0], from_elem(m), cg_elem(m->g, m->to, 4), m->lanes);
  m->g->scalar_used[m->op][m->from] = true;
  return cg_fmt(m->g, "%s_%s_%s(%s)", op_info[m->op].name, cg_elem_name[cg_elem(m->g, m->from, 4)],
                m->g->prefix, m->arg[0]);
}

/* ---- integers ---- */
static const char *wrapping(Map *m, CHelp h, const char *symbol) {
  CGen *g = m->g;
  if (m->lanes > 1) return by_operation(m, h, 2);
  const char *type = from_type(m), *plain = m->from == T_I64 ? "uint64_t" : "uint32_t";
  return cg_fmt(g, "(%s)((%s)%s %s (%s)%s)", type, plain, m->arg[0], symbol, plain, m->arg[1]);
}

static const char *shift(Map *m) {
  CGen *g = m->g;
  int64_t most = type_info[m->from].bytes * 8 - 1;
  bool known = m->by > 0 && m->by <= most, plain = m->op != OP_shr || m->from == T_U8;
  const char *type = from_type(m), *limit = constant(m, m->from, 0, most);
  if (m->lanes > 1) {
    if (!known) m->arg[1] = op2(m, CH_AND, from_elem(m), m->arg[1], limit);
    return by_operation(m, m->op == OP_shl ? CH_SHL : plain ? CH_USHR : CH_SHR, 2);
  }
  const char *n = known ? m->arg[1] : cg_fmt(g, "(%s & %s)", m->arg[1], limit);
  if (!plain) return cg_fmt(g, "(%s >> %s)", m->arg[0], n);
  const char *u = m->from == T_I64 ? "uint64_t" : "uint32_t";
  return cg_fmt(g, "(%s)((%s)%s %s %s)", type, u, m->arg[0], m->op == OP_shl ? "<<" : ">>", n);
}

static const char *truth_op(Map *m) {
  bool one = m->lanes == 1;
  switch (m->op) {
  case OP_add:
  case OP_sub:
  case OP_bitxor:
    if (!one) return by_operation(m, CH_XOR, 2);
    return cg_fmt(m->g, "(%s ^ %s)", m->arg[0], m->arg[1]);
  case OP_mul:
  case OP_and:
  case OP_bitand:
    if (!one) return by_operation(m, CH_AND, 2);
    return cg_fmt(m->g, "(%s & %s)", m->arg[0], m->arg[1]);
  case OP_or:
  case OP_bitor:
    if (!one) return by_operation(m, CH_OR, 2);
    return cg_fmt(m->g, "(%s | %s)", m->arg[0], m->arg[1]);
  case OP_not: return one ? cg_fmt(m->g, "(!%s)", m->arg[0]) : by_operation(m, CH_NOT, 1);
  case OP_neg:
  case OP_abs: return m->arg[0];
  default: return NULL;
  }
}

static const char *magnitude(Map *m) {
  if (m->from == T_U8) return m->arg[0];
  const char *a = atom(m, 0), *zero = constant(m, m->from, 0, 0), *type = from_type(m);
  m->arg[1] = a;
  m->arg[0] = zero;
  const char *minus = cg_atom(m->g, wrapping(m, CH_SUB, "-"), type);
  if (m->lanes == 1) return cg_fmt(m->g, "(%s < 0 ? %s : %s)", a, minus, a);
  return blend(m, m->from, test(m, OP_lt, a, zero), minus, a);
}

/* Of vectors by a positive number, which compilers turn into a product. */
static const char *divided(Map *m) {
  CGen *g = m->g;
  const char *type = from_type(m), *a = atom(m, 0), *by = constant(m, m->from, 0, m->by);
  CElem e = from_elem(m);
  const char *q = cg_atom(g, op2(m, CH_DIV, e, a, by), type);
  if (m->from == T_U8 && m->op == OP_idiv) return q;
  const char *rest = op2(m, CH_SUB, e, a, op2(m, CH_MUL, e, q, by));
  if (m->from == T_U8) return rest;
  const char *r = cg_atom(g, rest, type);
  const char *down = test(m, OP_lt, r, constant(m, m->from, 0, 0));
  if (m->op == OP_idiv) return op2(m, CH_ADD, e, q, down);
  return op2(m, CH_ADD, e, r, op2(m, CH_AND, e, down, by));
}

static const char *int_op(Map *m) {
  CGen *g = m->g;
  bool both = m->op == OP_bitand || m->op == OP_and, any = m->op == OP_bitor || m->op == OP_or;
  switch (m->op) {
  case OP_add: return wrapping(m, CH_ADD, "+");
  case OP_sub: return wrapping(m, CH_SUB, "-");
  case OP_mul: return wrapping(m, CH_MUL, "*");
  case OP_neg:
    m->arg[1] = m->arg[0];
    m->arg[0] = constant(m, m->from, 0, 0);
    return wrapping(m, CH_SUB, "-");
  case OP_idiv:
  case OP_mod:
    if (m->lanes > 1 && m->by > 0) return divided(m);
    g->scalar_used[m->op][m->from] = true;
    return by_function(
        m,
        cg_fmt(g, "%s_%s_%s", op_info[m->op].name, cg_elem_name[cg_elem(g, m->from, 4)], g->prefix),
        2);
  case OP_abs: return magnitude(m);
  case OP_and:
  case OP_or:
  case OP_bitand:
  case OP_bitor:
  case OP_bitxor:
    if (m->lanes > 1) return by_operation(m, both ? CH_AND : any ? CH_OR : CH_XOR, 2);
    return cg_fmt(g, "(%s %s %s)", m->arg[0], both ? "&" : any ? "|" : "^", m->arg[1]);
  case OP_not:
    if (m->lanes > 1) return by_operation(m, CH_NOT, 1);
    return cg_fmt(g, "(%s)~%s", from_type(m), m->arg[0]);
  case OP_shl:
  case OP_shr:
  case OP_ushr: return shift(m);
  default: return NULL;
  }
}

/* ---- floats ---- */
/* The C library's function, or a macro around the processor's instruction for vectors. */
static const char *library(Map *m, const char *name, int n) {
  return by_function(m, cg_fmt(m->g, m->from == T_F32 ? "%sf" : "%s", name), n);
}

static const char *known(Map *m, CHelp h, const char *name, int n) {
  return m->lanes == 1 ? library(m, name, n) : by_operation(m, h, n);
}

static const char *floored_quotient(Map *m) {
  Map q = *m;
  if (m->lanes > 1) q.arg[0] = by_operation(m, CH_DIV, 2);
  else q.arg[0] = cg_fmt(m->g, "(%s / %s)", m->arg[0], m->arg[1]);
  return known(&q, CH_FLOOR, "floor", 1);
}

static const char *sign_bits(Map *m, const char **most) {
  DType t = m->from == T_F32 ? T_I32 : T_I64;
  *most = cg_splat(m->g, t == T_I32 ? "INT32_MAX" : "INT64_MAX", cg_elem(m->g, t, 4), m->lanes);
  return cg_splat(m->g, t == T_I32 ? "INT32_MIN" : "INT64_MIN", cg_elem(m->g, t, 4), m->lanes);
}

/* a - b * floor(a / b) */
static const char *remainder_of(Map *m) {
  const char *a = atom(m, 0), *b = atom(m, 1), *q = floored_quotient(m);
  if (m->lanes > 1) return op2(m, CH_SUB, from_elem(m), a, op2(m, CH_MUL, from_elem(m), b, q));
  return cg_fmt(m->g, "(%s - %s)", a, cg_atom(m->g, cg_fmt(m->g, "(%s * %s)", b, q), from_type(m)));
}

/* The bits of a's magnitude, or of the sign of arg i. */
static const char *masked(Map *m, int i, const char *which) {
  CElem e = from_elem(m), ints = int_elem(m, m->from);
  return op2(m, CH_AND, ints, cg_as(m->g, m->arg[i], e, ints, m->lanes), which);
}

static const char *arithmetic(Map *m, CHelp h, const char *symbol) {
  if (m->lanes > 1) return by_operation(m, h, 2);
  return cg_fmt(m->g, "(%s %s %s)", m->arg[0], symbol, m->arg[1]);
}

static const char *float_op(Map *m) {
  CElem e = from_elem(m), ints = int_elem(m, m->from);
  const char *most;
  switch (m->op) {
  case OP_add: return arithmetic(m, CH_ADD, "+");
  case OP_sub: return arithmetic(m, CH_SUB, "-");
  case OP_mul: return arithmetic(m, CH_MUL, "*");
  case OP_div: return arithmetic(m, CH_DIV, "/");
  case OP_idiv: return floored_quotient(m);
  case OP_mod: return remainder_of(m);
  case OP_neg: return m->lanes > 1 ? by_operation(m, CH_NEG, 1) : cg_fmt(m->g, "(-%s)", m->arg[0]);
  case OP_abs:
    if (m->lanes == 1) return library(m, "fabs", 1);
    sign_bits(m, &most);
    return cg_as(m->g, masked(m, 0, most), ints, e, m->lanes);
  case OP_copysign: {
    if (m->lanes == 1) return library(m, "copysign", 2);
    const char *least = sign_bits(m, &most);
    const char *v = op2(m, CH_OR, ints, masked(m, 0, most), masked(m, 1, least));
    return cg_as(m->g, v, ints, e, m->lanes);
  }
  case OP_floor: return known(m, CH_FLOOR, "floor", 1);
  case OP_ceil: return known(m, CH_CEIL, "ceil", 1);
  case OP_round: return known(m, CH_ROUND, "rint", 1);
  case OP_sqrt: return known(m, CH_SQRT, "sqrt", 1);
  case OP_fma: return known(m, CH_FMA, "fma", 3);
  default: return library(m, op_info[m->op].name, op_info[m->op].arity);
  }
}

/* sign: 1, 0, -1; a NaN stays */
static const char *sign(Map *m) {
  CGen *g = m->g;
  const char *a = atom(m, 0), *type = from_type(m), *zero = constant(m, m->from, 0, 0);
  bool real = type_is_float(m->from);
  if (m->lanes == 1) {
    const char *v = cg_fmt(g, "(%s)((%s > 0) - (%s < 0))", type, a, a);
    return real ? cg_fmt(g, "(%s != %s ? %s : %s)", a, a, a, v) : v;
  }
  CElem e = from_elem(m), ints = int_elem(m, m->from);
  const char *one = cg_as(m->g, constant(m, m->from, 1, 1), e, ints, m->lanes);
  const char *more = test(m, OP_gt, a, zero), *less = test(m, OP_lt, a, zero);
  const char *up = cg_as(m->g, op2(m, CH_AND, ints, more, one), ints, e, m->lanes);
  const char *down = cg_as(m->g, op2(m, CH_AND, ints, less, one), ints, e, m->lanes);
  const char *v = op2(m, CH_SUB, e, up, down);
  if (!real) return v;
  return blend(m, m->from, test(m, OP_ne, a, a), a, v);
}

const char *cg_extreme(CGen *g, Op op, DType t, int lanes, const char *a, const char *b) {
  Map m = {.g = g, .from = t, .to = t, .lanes = lanes, .mask_in = 4, .arg = {a, b}};
  if (lanes == 1) {
    CElem e = cg_elem(g, t, 4);
    g->extreme_used[op == OP_max][e] = true;
    const char *word = op == OP_max ? "max" : "min";
    return cg_fmt(g, "%s_%s_%s(%s, %s)", word, cg_elem_name[e], g->prefix, cg_bare(g, a),
                  cg_bare(g, b));
  }
  return by_operation(&m, op == OP_max ? CH_MAX : CH_MIN, 2);
}

const char *cg_map(CGen *g, Op op, DType from, DType to, int lanes, const char **arg, int64_t by,
                   int mask_in, int mask_out) {
  Map m = {.g = g,
           .op = op,
           .from = from,
           .to = to,
           .lanes = lanes,
           .by = by,
           .mask_in = mask_in,
           .mask_out = mask_out};
  int n = op_info[op].arity;
  for (int i = 0; i < n; i++) m.arg[i] = arg[i];
  const char *v = NULL;
  switch (op) {
  case OP_select: return select(&m);
  case OP_cast: return cast(&m);
  case OP_stop: return arg[0];
  case OP_bits:
  case OP_from_bits: return bits(&m);
  case OP_sign: return sign(&m);
  case OP_min:
  case OP_max: return extreme(&m);
  case OP_eq:
  case OP_ne:
  case OP_lt:
  case OP_le:
  case OP_gt:
  case OP_ge: return compare(&m, op);
  default: break;
  }
  v = type_is_float(from) ? float_op(&m) : from == T_BOOL ? truth_op(&m) : int_op(&m);
  if (!v) cx_bug(g->cx, "no C for %s of %s", op_info[op].name, type_info[from].word);
  return v;
}
