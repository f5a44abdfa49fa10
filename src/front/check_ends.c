/* check_ends.c: ranges whose ends depend on labels around, as the triangle 0..i + 1 and the band
 * max(0, i - K)..min(N, i + K + 1). An end is a sum of labels, or the larger or smaller of two
 * ends, and so is what + and - make of these.
 *
 * In: the ends as syntax. Out: the label's range, in one of two forms. Where some start and some
 * end are always equally far apart, the label is that start plus a counter 0..width, so that a
 * reduction does width steps; else it runs over all that any range holds. Either way what lies
 * outside of its own range is left out by a condition, unless it is known never to. */
#include "front/check.h"

#include <math.h>

typedef enum EndKind { END_SUM, END_MAX, END_MIN } EndKind;
struct End {
  EndKind kind;
  Affine a;          /* END_SUM */
  const End *kid[2]; /* of the others */
};

/* ---- reading them ---- */
static const End *end_sum(Check *c, const Affine *a) {
  End *e = NEW(c->cx->arena, End);
  *e = (End){END_SUM, *a, {NULL, NULL}};
  return e;
}

static const End *end_pair(Check *c, EndKind kind, const End *a, const End *b) {
  End *e = NEW(c->cx->arena, End);
  *e = (End){kind, {0}, {a, b}};
  return a && b ? e : NULL;
}

/* a + b or a - b: max(p, q) + b is max(p + b, q + b), and b - max(p, q) is min(b - p, b - q). */
static const End *end_binary(Check *c, Op op, const End *a, const End *b) {
  Affine r;
  if (!a || !b) return NULL;
  if (a->kind != END_SUM)
    return end_pair(c, a->kind, end_binary(c, op, a->kid[0], b), end_binary(c, op, a->kid[1], b));
  if (b->kind == END_SUM) return affine_binary(c->cx, op, &a->a, &b->a, &r) ? end_sum(c, &r) : NULL;
  EndKind kind = op == OP_add ? b->kind : b->kind == END_MAX ? END_MIN : END_MAX;
  return end_pair(c, kind, end_binary(c, op, a, b->kid[0]), end_binary(c, op, a, b->kid[1]));
}

static const End *end_scaled(Check *c, const End *e, const Affine *by, bool less) {
  Affine r;
  if (!e) return NULL;
  if (e->kind == END_SUM)
    return affine_binary(c->cx, OP_mul, &e->a, by, &r) ? end_sum(c, &r) : NULL;
  EndKind kind = !less ? e->kind : e->kind == END_MAX ? END_MIN : END_MAX;
  return end_pair(c, kind, end_scaled(c, e->kid[0], by, less), end_scaled(c, e->kid[1], by, less));
}

static bool is_number(const End *e) { return e->kind == END_SUM && !e->a.n; }

static const End *end_product(Check *c, const End *a, const End *b) {
  if (!a || !b) return NULL;
  if (!is_number(a)) {
    const End *other = a;
    a = b, b = other;
  }
  if (!is_number(a)) return NULL;
  bool less = dim_le(c->cx, a->a.off, 0) == 1;
  if (b->kind != END_SUM && !less && dim_le(c->cx, 0, a->a.off) != 1) return NULL;
  return end_scaled(c, b, &a->a, less);
}

static bool is_extreme(const Node *n) {
  return n->kind == NODE_CALL && n->nkids == 3 && n->kid[0]->kind == NODE_NAME &&
         (!strcmp(n->kid[0]->name, "max") || !strcmp(n->kid[0]->name, "min"));
}

/* Below the operators that ends are made with. */
static bool has_extreme(const Node *n) {
  if (is_extreme(n)) return true;
  if (n->kind != NODE_BINARY && n->kind != NODE_UNARY) return false;
  for (int i = 0; i < n->nkids; i++)
    if (n->kid[i] && has_extreme(n->kid[i])) return true;
  return false;
}

static const End *end_of_value(Check *c, const Value *v) {
  Affine a;
  return affine_of_value(v, &a) && a.den == 1 ? end_sum(c, &a) : NULL;
}

static const End *read_end(Check *c, const Node *n) {
  static const Affine zero = {.den = 1};
  if (is_extreme(n))
    return end_pair(c, !strcmp(n->kid[0]->name, "max") ? END_MAX : END_MIN, read_end(c, n->kid[1]),
                    read_end(c, n->kid[2]));
  if (!has_extreme(n)) {
    Value v = eval_expr(c, n);
    return end_of_value(c, &v);
  }
  if (n->kind == NODE_UNARY)
    return n->u.op == OP_neg ? end_binary(c, OP_sub, end_sum(c, &zero), read_end(c, n->kid[0]))
                             : NULL;
  const End *a = read_end(c, n->kid[0]), *b = read_end(c, n->kid[1]);
  switch (n->u.op) {
  case OP_add:
  case OP_sub: return end_binary(c, n->u.op, a, b);
  case OP_mul: return end_product(c, a, b);
  default: return NULL;
  }
}

const End *end_of(Check *c, const Node *n, const Value *v) {
  return has_extreme(n) ? read_end(c, n) : end_of_value(c, v);
}

const End *end_read(Check *c, const Node *n, Value *v) {
  const End *e = NULL;
  int errors = diag_errors(c->cx);
  *v = value_poison();
  if (has_extreme(n)) e = read_end(c, n);
  if (e || diag_errors(c->cx) > errors) return e;
  *v = eval_expr(c, n);
  return end_of_value(c, v);
}

/* ---- what is known of them ---- */
static Dim smaller(Cx *cx, Dim a, Dim b, bool *sure) {
  *sure = true;
  if (dim_le(cx, a, b) == 1) return a;
  *sure = dim_le(cx, b, a) == 1;
  return *sure ? b : a;
}

bool end_dim(Check *c, const End *e, Dim *out) {
  Dim a, b;
  bool sure;
  if (e->kind == END_SUM) {
    *out = e->a.off;
    return !e->a.n;
  }
  if (!end_dim(c, e->kid[0], &a) || !end_dim(c, e->kid[1], &b)) return false;
  *out = smaller(c->cx, a, b, &sure);
  if (e->kind == END_MAX) *out = *out == a ? b : a;
  return sure;
}

static bool is_known(const End *e) {
  if (e->kind != END_SUM) return is_known(e->kid[0]) && is_known(e->kid[1]);
  for (int i = 0; i < e->a.n; i++)
    if (!e->a.term[i].label->known) return false;
  return true;
}

/* A bound that the end never passes, from below or above: the best that sizes can tell. */
static bool bound(Check *c, const End *e, bool above, Dim *out) {
  Dim a, b;
  bool sure;
  if (e->kind == END_SUM)
    return affine_interval(c->cx, &e->a, NULL, above ? &a : out, above ? out : &b);
  if (!bound(c, e->kid[0], above, &a) || !bound(c, e->kid[1], above, &b)) return false;
  Dim least = smaller(c->cx, a, b, &sure);
  *out = e->kind == END_MIN ? least : least == a ? b : a;
  if (sure) return true;
  if (above == (e->kind == END_MIN)) { /* either of them is a bound */
    bool some_a = dim_le(c->cx, 0, a) == 1, some_b = dim_le(c->cx, 0, b) == 1;
    *out = some_a != some_b ? (some_a ? a : b) : dim_is_number(b) ? b : a;
    return true;
  }
  if (dim_le(c->cx, 0, a) != 1 || dim_le(c->cx, 0, b) != 1) return false;
  *out = above ? dim_add(c->cx, a, b) : 0;
  return true;
}

bool ends_known(const Label *l) { return is_known(l->first) && is_known(l->end); }

static bool of_sizes(const End *e) {
  if (e->kind == END_SUM) return !e->a.n;
  return of_sizes(e->kid[0]) && of_sizes(e->kid[1]);
}

bool ends_of_sizes(const Label *l) { return of_sizes(l->first) && of_sizes(l->end); }

bool ends_hull(Check *c, Label *l) {
  Dim end;
  if (!bound(c, l->first, false, &l->lo) || !bound(c, l->end, true, &end)) return false;
  l->extent = dim_sub(c->cx, end, l->lo);
  if (dim_is_number(l->extent) && l->extent < 0) l->extent = 0;
  return true;
}

bool ends_apart(Check *c, const End *first, const End *end, Dim *out) {
  const End *apart = end_binary(c, OP_sub, end, first);
  return apart && bound(c, apart, true, out);
}

/* ---- a start and an end that are always equally far apart ---- */
enum { MOST_SUMS = 8 };

/* Sums that the end is never on the wrong side of: of a start those that it is the largest of. */
static int strict_sums(const End *e, EndKind kind, const Affine **sum, int n) {
  if (e->kind == END_SUM && n < MOST_SUMS) sum[n++] = &e->a;
  if (e->kind != kind) return n;
  return strict_sums(e->kid[1], kind, sum, strict_sums(e->kid[0], kind, sum, n));
}

void ends_shift(Check *c, Label *l) {
  const Affine *from[MOST_SUMS], *to[MOST_SUMS];
  int n = strict_sums(l->first, END_MAX, from, 0), m = strict_sums(l->end, END_MIN, to, 0);
  Affine width;
  for (int i = 0; i < n; i++)
    for (int k = 0; k < m; k++) {
      if (!from[i]->n || from[i]->n == IR_MAX_RANK ||
          !affine_binary(c->cx, OP_sub, to[k], from[i], &width) || width.n)
        continue;
      if (l->shift && dim_le(c->cx, width.off, l->extent) != 1) continue;
      l->shift = from[i];
      l->extent = dim_is_number(width.off) && width.off < 0 ? 0 : width.off;
      l->known = true;
    }
}

void label_value(Check *c, Label *l, Affine *out) {
  Affine own = {.den = 1, .n = 1};
  own.term[0] = (AffineTerm){l, 1};
  *out = own;
  if (l->shift && !affine_binary(c->cx, OP_add, l->shift, &own, out))
    cx_bug(c->cx, "a label that is a sum of too many");
}

/* ---- inside the body ---- */
/* own - a for a start, a - 1 - own for an end: not negative inside. */
static bool margin(Check *c, const Affine *own, const Affine *a, bool above, Affine *out) {
  if (!affine_binary(c->cx, OP_sub, above ? a : own, above ? own : a, out)) return false;
  if (above) out->off = dim_sub(c->cx, out->off, 1);
  return true;
}

void end_guard(Check *c, const Affine *own, const End *e, bool above) {
  Affine d;
  if (e->kind == END_SUM && margin(c, own, &e->a, above, &d)) guard_push(c, &d);
  if (e->kind != (above ? END_MIN : END_MAX)) return;
  end_guard(c, own, e->kid[0], above);
  end_guard(c, own, e->kid[1], above);
}

void ends_guard(Check *c, const Labels *labels) {
  for (int i = 0; i < labels->n; i++) {
    Label *l = labels->at[i];
    Affine own;
    if (!l->first) continue;
    label_value(c, l, &own);
    end_guard(c, &own, l->first, false);
    end_guard(c, &own, l->end, true);
  }
}

/* POISON stands for what always holds. */
static Value both(Check *c, Value a, Value b, Op op, Span at) {
  Value v[2] = {a, b};
  Span spans[2] = {at, at};
  if (a.kind == V_POISON || b.kind == V_POISON)
    return op == OP_or ? value_poison() : a.kind == V_POISON ? b : a;
  return apply_map(c, op, v, spans, 2, at);
}

static Value inside_end(Check *c, const Affine *own, const End *e, bool above, Span at) {
  Affine d;
  Dim lo, hi;
  if (e->kind != END_SUM) {
    Value a = inside_end(c, own, e->kid[0], above, at),
          b = inside_end(c, own, e->kid[1], above, at);
    return both(c, a, b, e->kind == (above ? END_MIN : END_MAX) ? OP_and : OP_or, at);
  }
  if (margin(c, own, &e->a, above, &d) && affine_interval(c->cx, &d, NULL, &lo, &hi) &&
      dim_le(c->cx, 0, lo) == 1)
    return value_poison();
  Value side[2] = {value_affine(c->cx, own), value_affine(c->cx, &e->a)};
  Span spans[2] = {at, at};
  return apply_map(c, above ? OP_lt : OP_ge, side, spans, 2, at);
}

/* What a reduction of nothing gives. */
static Value neutral(Check *c, Op op, DType t) {
  bool is_float = type_is_float(t);
  double big = op == OP_amax ? -INFINITY : INFINITY;
  int64_t least = t == T_I32 ? INT32_MIN : t == T_I64 ? INT64_MIN : 0;
  int64_t most = t == T_I32 ? INT32_MAX : t == T_I64 ? INT64_MAX : t == T_U8 ? UINT8_MAX : 1;
  if (op == OP_sum || op == OP_prod)
    return value_tensor(ir_const_i(c->b, t, NULL, op == OP_prod), NULL);
  if (is_float) return value_tensor(ir_const_f(c->b, t, NULL, big), NULL);
  return value_tensor(ir_const_i(c->b, t, NULL, op == OP_amax ? least : most), NULL);
}

Value ends_choose(Check *c, Op op, const Labels *labels, Value v, Span at) {
  Value inside = value_poison();
  for (int i = 0; i < labels->n && v.kind == V_TENSOR; i++) {
    Label *l = labels->at[i];
    Affine own;
    if (!l->first) continue;
    label_value(c, l, &own);
    inside = both(c, inside, inside_end(c, &own, l->first, false, at), OP_and, at);
    inside = both(c, inside, inside_end(c, &own, l->end, true, at), OP_and, at);
  }
  if (v.kind != V_TENSOR || inside.kind == V_POISON) return v;
  Value pick[3] = {inside, v, neutral(c, op, ir_type(c->b, v.u.t.val))};
  Span spans[3] = {at, at, at};
  return apply_select(c, pick, spans, at);
}
