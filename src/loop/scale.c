/* scale.c: p * 2^floor(n/2) * 2^ceil(n/2), as vmath.nn ends exp, exp2 and what is made of them, is
 * one instruction where processors have AVX-512. In: the product. Out: p and n, where the value has
 * the same bits if it is made that way.
 *
 * The factors are made of the bits of s = n + magic. That n is what they say, and both are normal
 * numbers, follows from the range of n, so it has to be seen: s is x + magic or fma(x, c, magic),
 * and x was clamped between literals; p is a polynomial that begins with 1. The first product is
 * then exact, and the second one rounds once, which is what the instruction does. */
#include "loop/scale.h"

typedef struct Format {
  int mantissa;     /* bits */
  double magic;     /* 1.5 * 2^mantissa + 2 * bias */
  double most;      /* |n| */
  int64_t exponent; /* where the exponent lies */
} Format;
static const Format f32_format = {23, 0x1.8001fcp+23, 252, 0x7f800000},
                    f64_format = {52, 0x1.80000000007fep+52, 2044, 0x7ff0000000000000};

typedef struct Search {
  const Kernel *k;
  const Ex *let;
} Search;

static void find_lets(const Block *b, Ex *let) {
  for (int i = 0; i < b->at.n; i++) {
    const Stmt *s = b->at.at[i];
    if (s->kind == ST_LET || s->kind == ST_SET) {
      Ex *first = &let[s->u.set.reg];
      *first = s->kind == ST_LET && (*first == 0 || *first == s->u.set.value) ? s->u.set.value : -1;
    }
    Block *inner[ST_BLOCKS];
    for (int k = 0, n = st_blocks(b->at.at[i], inner); k < n; k++) find_lets(inner[k], let);
  }
}

Ex *loop_lets(Arena *a, const Kernel *k) {
  Ex *let = NEWS(a, Ex, k->reg.n + 1);
  find_lets(&k->body, let);
  for (int r = 0; r < k->reg.n; r++) let[r] = MAX(let[r], 0);
  return let;
}

/* What it was defined as, if it is a register. */
static Ex meaning(const Search *s, Ex e) {
  const ExNode *x = &s->k->ex.at[e];
  return x->kind == EX_REG && s->let[x->u.reg] ? s->let[x->u.reg] : e;
}

/* Operand i of the operator; 0: it is something else. */
static Ex operand(const Search *s, Ex e, Op op, int i) {
  const ExNode *x = &s->k->ex.at[meaning(s, e)];
  return e && x->kind == EX_MAP && x->op == op ? x->arg[i] : 0;
}

static const ExNode *literal(const Search *s, Ex e) {
  const ExNode *x = &s->k->ex.at[meaning(s, e)];
  if (x->kind == EX_SPLAT) x = &s->k->ex.at[meaning(s, x->arg[0])];
  return e && x->kind == EX_IMM ? x : NULL;
}
static bool is_int(const Search *s, Ex e, int64_t n) {
  const ExNode *x = literal(s, e);
  return x && !type_is_float((DType)x->type) && x->u.i == n;
}
static bool is_real(const Search *s, Ex e, double *n) {
  const ExNode *x = literal(s, e);
  if (!x || !type_is_float((DType)x->type)) return false;
  *n = x->u.f;
  return true;
}

static bool same(const Search *s, Ex a, Ex b) {
  const ExNode *x = &s->k->ex.at[a], *y = &s->k->ex.at[b];
  return a && b && (a == b || (x->kind == EX_REG && y->kind == EX_REG && x->u.reg == y->u.reg));
}

/* The bits of what float moved up by so many places: that float. */
static Ex moved(const Search *s, Ex e, int places) {
  if (!is_int(s, operand(s, e, OP_shl, 1), places)) return 0;
  return operand(s, operand(s, e, OP_shl, 0), OP_bits, 0);
}
/* s of 2^floor(n/2), as bits. */
static Ex low_half(const Search *s, const Format *f, Ex e) {
  if (!is_int(s, operand(s, e, OP_bitand, 1), f->exponent)) return 0;
  return moved(s, operand(s, e, OP_bitand, 0), f->mantissa - 1);
}

/* x as it leaves `if b < lo then lo else b` or the same with > and hi: what went in, and the limit.
 */
static Ex clamped(const Search *s, Ex x, Op which, double *limit) {
  Ex cond = operand(s, x, OP_select, 0), in = operand(s, x, OP_select, 2);
  double other;
  if (!is_real(s, operand(s, x, OP_select, 1), limit)) return 0;
  bool right = same(s, operand(s, cond, which, 0), in) &&
               is_real(s, operand(s, cond, which, 1), &other) && other == *limit;
  return right ? in : 0;
}

/* n = round(c x) lies where both factors are normal numbers. */
static bool n_in_range(const Search *s, const Format *f, Ex sum) {
  double lo, hi, c = 1, magic;
  Ex x = operand(s, sum, OP_add, 0);
  if (x) {
    if (!is_real(s, operand(s, sum, OP_add, 1), &magic)) return false;
  } else {
    x = operand(s, sum, OP_fma, 0);
    if (!is_real(s, operand(s, sum, OP_fma, 1), &c)) return false;
    if (!is_real(s, operand(s, sum, OP_fma, 2), &magic)) return false;
  }
  Ex b = clamped(s, x, OP_lt, &lo);
  if (magic != f->magic || !b || !clamped(s, b, OP_gt, &hi)) return false;
  return c > 0 && lo <= hi && c * lo >= -f->most && c * hi <= f->most;
}

/* The first product must be written where the second is: its own operands may have changed since.
 */
bool loop_scaled(const Kernel *k, const Ex *let, Ex e, LoopScaled *out) {
  Search s = {k, let};
  const ExNode *x = &k->ex.at[e];
  if (x->kind != EX_MAP || x->op != OP_mul || !type_is_float((DType)x->type)) return false;
  const ExNode *first = &k->ex.at[x->arg[0]];
  if (first->kind != EX_MAP || first->op != OP_mul) return false;
  const Format *f = x->type == T_F64 ? &f64_format : &f32_format;
  *out = (LoopScaled){first->arg[0], first->arg[1], x->arg[1], 0, f->magic};
  Ex low = operand(&s, out->low, OP_from_bits, 0), high = operand(&s, out->high, OP_from_bits, 0);
  Ex sum = out->sum = low_half(&s, f, low);
  if (!sum || k->ex.at[sum].kind != EX_REG || !let[k->ex.at[sum].u.reg]) return false;
  if (!same(&s, low_half(&s, f, operand(&s, high, OP_sub, 1)), sum)) return false;
  if (!same(&s, moved(&s, operand(&s, high, OP_sub, 0), f->mantissa), sum)) return false;
  double one;
  bool near_one = is_real(&s, operand(&s, out->p, OP_fma, 2), &one) && one == 1;
  return near_one && n_in_range(&s, f, sum);
}
