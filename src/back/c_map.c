/* c_map.c: elementwise operators as C, on scalars and vectors alike. Integers wrap, so their
 * arithmetic is done without sign. */
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
static const char *int_vec(Map *m, DType like) {
  int bytes = like == T_BOOL ? m->mask_in : type_info[like].bytes;
  return cg_vec(m->g, bytes == 1 ? CE_I8 : bytes == 8 ? CE_I64 : CE_I32, m->lanes);
}

static const char *plain_vec(Map *m) {
  int bytes = type_info[m->from].bytes;
  return cg_vec(m->g, bytes == 1 ? CE_U8 : bytes == 8 ? CE_U64 : CE_U32, m->lanes);
}

static const char *constant(Map *m, DType t, double f, int64_t i) {
  return cg_splat(m->g, cg_number(m->g, t, f, i), cg_elem(m->g, t, 4), m->lanes);
}

/* GCC 12 compares vectors of several registers lane by lane. */
static bool is_wide(Map *m, DType t) {
  int bytes = m->lanes * (t == T_BOOL ? m->mask_in : type_info[t].bytes);
  return m->lanes > 1 && bytes > MAX(m->g->p->target.vector_bytes, 16);
}

/* A new vector that a macro sets: NAME(t, a, b, c) */
static const char *set_by(Map *m, CHelp h, DType t, const char *type, const char *args) {
  CElem e = cg_elem(m->g, t, m->mask_in);
  const char *v = cg_fmt(m->g, "t%d", m->g->temps++), *name = cg_help(m->g, h, e, m->lanes);
  cg_line(m->g, "%s %s = {0};", type, v);
  cg_line(m->g, "%s(%s, %s);", name, v, args);
  return v;
}

/* a where the mask holds, else b; all three are atoms, of the values' width */
static const char *blend(Map *m, DType t, const char *mask, const char *a, const char *b) {
  const char *bits = int_vec(m, t), *type = cg_type(m->g, t, m->lanes, m->mask_in);
  if (is_wide(m, t)) return set_by(m, CH_BLEND, t, type, cg_fmt(m->g, "%s, %s, %s", mask, a, b));
  return cg_fmt(m->g, "(%s)(((%s)%s & %s) | ((%s)%s & ~%s))", type, bits, a, mask, bits, b, mask);
}

/* By a macro of n arguments, of operands and a result of one type. */
static const char *by_macro(Map *m, CHelp h, int n) {
  Text args = text_new(m->g->cx->arena);
  for (int i = 0; i < n; i++) text_fmt(&args, "%s%s", i ? ", " : "", atom(m, i));
  return set_by(m, h, m->from, from_type(m), text_str(&args));
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
  const char *call = cg_fmt(m->g, "for (int l = 0; l < %d; l++) %s[l] = %s(%s[l]", m->lanes, t,
                            function, m->arg[0]);
  for (int i = 1; i < n; i++) call = cg_fmt(m->g, "%s, %s[l]", call, m->arg[i]);
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

static const char *compare_masks(Map *m, Op op) {
  const char *a = m->arg[0], *b = m->arg[1];
  switch (op) {
  case OP_eq: return cg_fmt(m->g, "~(%s ^ %s)", a, b);
  case OP_ne: return cg_fmt(m->g, "(%s ^ %s)", a, b);
  case OP_lt: return cg_fmt(m->g, "(~%s & %s)", a, b);
  case OP_le: return cg_fmt(m->g, "(~%s | %s)", a, b);
  case OP_gt: return cg_fmt(m->g, "(%s & ~%s)", a, b);
  default: return cg_fmt(m->g, "(%s | ~%s)", a, b);
  }
}

static const char *compare(Map *m, Op op) {
  if (m->lanes == 1) return cg_fmt(m->g, "(%s %s %s)", m->arg[0], comparison_symbol(op), m->arg[1]);
  if (m->from == T_BOOL) return compare_masks(m, op);
  if (is_wide(m, m->from)) {
    const char *args = cg_fmt(m->g, "%s, %s", atom(m, 0), m->arg[1] = atom(m, 1));
    return set_by(m, comparison_macro(op), m->from, int_vec(m, m->from), args);
  }
  return cg_fmt(m->g, "(%s)(%s %s %s)", int_vec(m, m->from), m->arg[0], comparison_symbol(op),
                m->arg[1]);
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
  if (m->from == T_BOOL)
    return cg_fmt(m->g, "(%s %s %s)", m->arg[0], m->op == OP_max ? "|" : "&", m->arg[1]);
  const char *a = atom(m, 0), *b = atom(m, 1);
  bool real = type_is_float(m->from);
  if (m->lanes == 1)
    return real ? cg_fmt(m->g, "(%s %s %s || %s != %s ? %s : %s)", a, sign, b, a, a, a, b)
                : cg_fmt(m->g, "(%s %s %s ? %s : %s)", a, sign, b, a, b);
  if (real) {
    const char *v = by_macro(m, m->op == OP_max ? CH_MAX : CH_MIN, 2);
    return blend(m, m->from, test(m, OP_ne, a, a), a, v);
  }
  return blend(m, m->from, test(m, m->op == OP_max ? OP_gt : OP_lt, a, b), a, b);
}

static const char *select(Map *m) {
  if (m->lanes == 1) return cg_fmt(m->g, "(%s ? %s : %s)", m->arg[0], m->arg[1], m->arg[2]);
  const char *type = cg_type(m->g, m->to, m->lanes, m->mask_in);
  const char *mask = cg_atom(m->g, m->arg[0], cg_type(m->g, T_BOOL, m->lanes, m->mask_in));
  const char *a = cg_atom(m->g, m->arg[1], type), *b = cg_atom(m->g, m->arg[2], type);
  return blend(m, m->to, mask, a, b);
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
  const char *ints = int_vec(m, from);
  const char *over = test(m, OP_ge, a, hi), *under = test(m, OP_le, a, lo);
  const char *above = test(m, OP_gt, a, lo), *below = test(m, OP_lt, a, hi);
  const char *safe = cg_fmt(g, "(%s)((%s)%s & %s & %s)", from_type(m), ints, a, above, below);
  const char *v =
      cg_atom(g, cg_convert(g, safe, cg_elem(g, from, 4), cg_elem(g, to, 4), m->lanes), type);
  CElem mask = cg_elem(g, T_BOOL, type_info[from].bytes), e = cg_elem(g, to, 4);
  over = cg_convert(g, over, mask, e, m->lanes);
  under = cg_convert(g, under, mask, e, m->lanes);
  return cg_fmt(g, "(%s | (%s & %s) | (%s & %s))", v, over, cg_splat(g, max, e, m->lanes), under,
                cg_splat(g, min, e, m->lanes));
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
    return cg_fmt(g, "(%s)(%s & (%s)%s)", type, m->arg[0], int_vec(m, to), constant(m, to, 1, 1));
  return cg_convert(g, m->arg[0], cg_elem(g, from, 4), cg_elem(g, to, 4), m->lanes);
}

static const char *bits(Map *m) {
  if (m->lanes > 1) return cg_fmt(m->g, "(%s)%s", cg_type(m->g, m->to, m->lanes, 4), m->arg[0]);
  m->g->scalar_used[m->op][m->from] |= m->g->portable ? 2 : 1;
  return cg_fmt(m->g, "%s_%s_%s(%s)", m->g->prefix, op_info[m->op].name,
                cg_elem_name[cg_elem(m->g, m->from, 4)], m->arg[0]);
}

/* ---- integers ---- */
static const char *wrapping(Map *m, const char *symbol) {
  CGen *g = m->g;
  const char *type = from_type(m);
  if (m->lanes == 1) {
    const char *plain = m->from == T_I64 ? "uint64_t" : "uint32_t";
    return cg_fmt(g, "(%s)((%s)%s %s (%s)%s)", type, plain, m->arg[0], symbol, plain, m->arg[1]);
  }
  if (m->from == T_U8) return cg_fmt(g, "(%s %s %s)", m->arg[0], symbol, m->arg[1]);
  const char *plain = plain_vec(m);
  return cg_fmt(g, "(%s)((%s)%s %s (%s)%s)", type, plain, m->arg[0], symbol, plain, m->arg[1]);
}

static const char *shift(Map *m) {
  CGen *g = m->g;
  int64_t most = type_info[m->from].bytes * 8 - 1;
  const char *type = from_type(m),
             *n = m->by > 0 && m->by <= most
                      ? m->arg[1]
                      : cg_fmt(g, "(%s & %s)", m->arg[1], constant(m, m->from, 0, most));
  bool plain = m->op != OP_shr || m->from == T_U8;
  const char *symbol = m->op == OP_shl ? "<<" : ">>";
  if (!plain) return cg_fmt(g, "(%s >> %s)", m->arg[0], n);
  if (m->lanes == 1) {
    const char *u = m->from == T_U8 ? "uint32_t" : m->from == T_I64 ? "uint64_t" : "uint32_t";
    return cg_fmt(g, "(%s)((%s)%s %s %s)", type, u, m->arg[0], symbol, n);
  }
  const char *u = plain_vec(m);
  return cg_fmt(g, "(%s)((%s)%s %s (%s)%s)", type, u, m->arg[0], symbol, u, n);
}

static const char *truth_op(Map *m) {
  switch (m->op) {
  case OP_add:
  case OP_sub:
  case OP_bitxor: return cg_fmt(m->g, "(%s ^ %s)", m->arg[0], m->arg[1]);
  case OP_mul:
  case OP_and:
  case OP_bitand: return cg_fmt(m->g, "(%s & %s)", m->arg[0], m->arg[1]);
  case OP_or:
  case OP_bitor: return cg_fmt(m->g, "(%s | %s)", m->arg[0], m->arg[1]);
  case OP_not: return cg_fmt(m->g, m->lanes == 1 ? "(!%s)" : "(~%s)", m->arg[0]);
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
  const char *minus = cg_atom(m->g, wrapping(m, "-"), type);
  if (m->lanes == 1) return cg_fmt(m->g, "(%s < 0 ? %s : %s)", a, minus, a);
  return blend(m, m->from, test(m, OP_lt, a, zero), minus, a);
}

/* Of vectors by a positive number, which compilers turn into a product. */
static const char *divided(Map *m) {
  CGen *g = m->g;
  const char *type = from_type(m), *a = atom(m, 0), *by = constant(m, m->from, 0, m->by);
  const char *q = cg_atom(g, cg_fmt(g, "%s / %s", a, by), type);
  if (m->from == T_U8) return m->op == OP_idiv ? q : cg_fmt(g, "(%s - %s * %s)", a, q, by);
  const char *r = cg_atom(g, cg_fmt(g, "%s - %s * %s", a, q, by), type);
  const char *down = test(m, OP_lt, r, constant(m, m->from, 0, 0));
  if (m->op == OP_idiv) return cg_fmt(g, "(%s + %s)", q, down);
  return cg_fmt(g, "(%s + (%s & %s))", r, down, by);
}

static const char *int_op(Map *m) {
  CGen *g = m->g;
  const char *sign = m->op == OP_bitand || m->op == OP_and ? "&"
                     : m->op == OP_bitor || m->op == OP_or ? "|"
                                                           : "^";
  switch (m->op) {
  case OP_add: return wrapping(m, "+");
  case OP_sub: return wrapping(m, "-");
  case OP_mul: return wrapping(m, "*");
  case OP_neg:
    m->arg[1] = m->arg[0];
    m->arg[0] = constant(m, m->from, 0, 0);
    return wrapping(m, "-");
  case OP_idiv:
  case OP_mod:
    if (m->lanes > 1 && m->by > 0) return divided(m);
    g->scalar_used[m->op][m->from] |= g->portable ? 2 : 1;
    return by_function(
        m,
        cg_fmt(g, "%s_%s_%s", g->prefix, op_info[m->op].name, cg_elem_name[cg_elem(g, m->from, 4)]),
        2);
  case OP_abs: return magnitude(m);
  case OP_and:
  case OP_or:
  case OP_bitand:
  case OP_bitor:
  case OP_bitxor: return cg_fmt(g, "(%s %s %s)", m->arg[0], sign, m->arg[1]);
  case OP_not: return cg_fmt(g, m->lanes == 1 ? "(%s)~%s" : "(%s)(~%s)", from_type(m), m->arg[0]);
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
  return m->lanes == 1 ? library(m, name, n) : by_macro(m, h, n);
}

static const char *floored_quotient(Map *m) {
  Map q = *m;
  q.arg[0] = cg_fmt(m->g, "(%s / %s)", m->arg[0], m->arg[1]);
  return known(&q, CH_FLOOR, "floor", 1);
}

static const char *sign_bits(Map *m, const char **most) {
  DType t = m->from == T_F32 ? T_I32 : T_I64;
  *most = cg_splat(m->g, t == T_I32 ? "INT32_MAX" : "INT64_MAX", cg_elem(m->g, t, 4), m->lanes);
  return cg_splat(m->g, t == T_I32 ? "INT32_MIN" : "INT64_MIN", cg_elem(m->g, t, 4), m->lanes);
}

static const char *float_op(Map *m) {
  CGen *g = m->g;
  const char *type = from_type(m), *most, *symbol = NULL;
  switch (m->op) {
  case OP_add: symbol = "+"; break;
  case OP_sub: symbol = "-"; break;
  case OP_mul: symbol = "*"; break;
  case OP_div: symbol = "/"; break;
  case OP_idiv: return floored_quotient(m);
  case OP_mod:
    atom(m, 0), atom(m, 1);
    return cg_fmt(g, "(%s - %s)", m->arg[0],
                  cg_atom(g, cg_fmt(g, "(%s * %s)", m->arg[1], floored_quotient(m)), type));
  case OP_neg: return cg_fmt(g, "(-%s)", m->arg[0]);
  case OP_abs:
    if (m->lanes == 1) return library(m, "fabs", 1);
    sign_bits(m, &most);
    return cg_fmt(g, "(%s)((%s)%s & %s)", type, int_vec(m, m->from), m->arg[0], most);
  case OP_copysign: {
    if (m->lanes == 1) return library(m, "copysign", 2);
    const char *ints = int_vec(m, m->from), *least = sign_bits(m, &most);
    return cg_fmt(g, "(%s)(((%s)%s & %s) | ((%s)%s & %s))", type, ints, m->arg[0], most, ints,
                  m->arg[1], least);
  }
  case OP_floor: return known(m, CH_FLOOR, "floor", 1);
  case OP_ceil: return known(m, CH_CEIL, "ceil", 1);
  case OP_round: return known(m, CH_ROUND, "rint", 1);
  case OP_sqrt: return known(m, CH_SQRT, "sqrt", 1);
  case OP_fma: return known(m, CH_FMA, "fma", 3);
  default: return library(m, op_info[m->op].name, op_info[m->op].arity);
  }
  return cg_fmt(g, "(%s %s %s)", m->arg[0], symbol, m->arg[1]);
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
  const char *ints = int_vec(m, m->from), *one = constant(m, m->from, 1, 1);
  const char *more = test(m, OP_gt, a, zero), *less = test(m, OP_lt, a, zero);
  const char *up = cg_atom(g, cg_fmt(g, "(%s)(%s & (%s)%s)", type, more, ints, one), type);
  const char *down = cg_atom(g, cg_fmt(g, "(%s)(%s & (%s)%s)", type, less, ints, one), type);
  const char *v = cg_atom(g, cg_fmt(g, "%s - %s", up, down), type);
  if (!real) return v;
  return blend(m, m->from, test(m, OP_ne, a, a), a, v);
}

const char *cg_extreme(CGen *g, Op op, DType t, int lanes, const char *a, const char *b) {
  Map m = {.g = g, .from = t, .to = t, .lanes = lanes, .mask_in = 4, .arg = {a, b}};
  return by_macro(&m, op == OP_max ? CH_MAX : CH_MIN, 2);
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
