/* check_guard.c: what conditions say of labels and loop variables. In `if i + 1 < N then x[i + 1]`
 * the read stays inside because it isn't taken otherwise. In: a condition, as syntax. Out:
 * inequalities a >= 0 over labels, known while a branch of the choice is checked, from which bounds
 * follow. */
#include "front/check.h"

/* ---- affine sides ---- */
static bool is_call(const Node *n, const char *name, int args) {
  return n->kind == NODE_CALL && n->nkids == args + 1 && n->kid[0]->kind == NODE_NAME &&
         !strcmp(n->kid[0]->name, name);
}

/* Half a window, as W // 2: no labels, a size. */
static bool quotient(Check *c, const Affine *a, const Affine *b, Affine *out) {
  bool sizes = a->n == 0 && b->n == 0 && a->den == 1 && b->den == 1;
  if (!sizes || !dim_is_number(b->off) || b->off < 1) return false;
  *out = (Affine){.den = 1, .off = dim_floor_div(c->cx, a->off, b->off)};
  return true;
}

/* size(x), size(x, 0) of a name: what guards in functions of any tensor are made of. */
static bool extent_side(Check *c, const Node *n, Affine *out) {
  if (!is_call(n, "size", 1) && !is_call(n, "size", 2)) return false;
  const Node *axis = n->nkids == 3 ? n->kid[2] : NULL;
  if (axis && axis->kind == NODE_UNARY) axis = axis->kid[0];
  if (n->kid[1]->kind != NODE_NAME || (axis && axis->kind != NODE_INT)) return false;
  Value v, x;
  if (!name_value_quiet(c, n->kid[1]->name, &x) || x.kind != V_TENSOR) return false;
  c->mute++;
  v = eval_expr(c, n);
  c->mute--;
  return affine_of_value(&v, out);
}

/* A sum of labels and integers made of nothing but names and numbers, so that looking costs
 * nothing. */
static bool affine_side(Check *c, const Node *n, Affine *out) {
  Affine a, b, zero = {.den = 1};
  Value v;
  switch (n->kind) {
  case NODE_INT: v = value_int(n->u.i); return affine_of_value(&v, out);
  case NODE_NAME: return name_value_quiet(c, n->name, &v) && affine_of_value(&v, out);
  case NODE_CALL: /* as printed programs have counters: i32(t) */
    if (extent_side(c, n, out)) return true;
    return (is_call(n, type_info[T_I32].word, 1) || is_call(n, type_info[T_I64].word, 1)) &&
           affine_side(c, n->kid[1], out);
  case NODE_UNARY:
    return n->u.op == OP_neg && affine_side(c, n->kid[0], &a) &&
           affine_binary(c->cx, OP_sub, &zero, &a, out);
  case NODE_BINARY:
    if (!affine_side(c, n->kid[0], &a) || !affine_side(c, n->kid[1], &b)) return false;
    if (n->u.op == OP_idiv) return quotient(c, &a, &b, out);
    return (n->u.op == OP_add || n->u.op == OP_sub || n->u.op == OP_mul) &&
           affine_binary(c->cx, n->u.op, &a, &b, out);
  default: return false;
  }
}

/* ---- inequalities ---- */
/* greater - less - by >= 0 */
static void push(Check *c, const Affine *greater, const Affine *less, int by) {
  Affine d;
  if (!affine_binary(c->cx, OP_sub, greater, less, &d) || d.den != 1) return;
  d.off = dim_sub(c->cx, d.off, by);
  guard_push(c, &d);
}

void guard_push(Check *c, const Affine *a) {
  Guard *g = NEW(c->cx->arena, Guard);
  *g = (Guard){c->guards, *a};
  c->guards = g;
}

/* a != b: where one of them is an end of the other's range, the next integer. */
static void differ(Check *c, const Affine *a, const Affine *b) {
  Affine d;
  Dim lo, hi;
  if (!affine_binary(c->cx, OP_sub, a, b, &d) || !affine_interval(c->cx, &d, NULL, &lo, &hi))
    return;
  if (dim_le(c->cx, 0, lo) == 1) push(c, a, b, 1);
  if (dim_le(c->cx, hi, 0) == 1) push(c, b, a, 1);
}

static void compare(Check *c, Op op, const Affine *a, const Affine *b, bool holds) {
  static const Op opposite[][2] = {{OP_lt, OP_ge}, {OP_le, OP_gt}, {OP_gt, OP_le},
                                   {OP_ge, OP_lt}, {OP_eq, OP_ne}, {OP_ne, OP_eq}};
  for (int i = 0; i < COUNT_OF(opposite) && !holds; i++)
    if (opposite[i][0] == op) {
      op = opposite[i][1];
      break;
    }
  switch (op) {
  case OP_lt: push(c, b, a, 1); return;
  case OP_le: push(c, b, a, 0); return;
  case OP_gt: push(c, a, b, 1); return;
  case OP_ge: push(c, a, b, 0); return;
  case OP_eq:
    push(c, a, b, 0);
    push(c, b, a, 0);
    return;
  case OP_ne: differ(c, a, b); return;
  default: return;
  }
}

/* ---- magnitudes and extremes ---- */
static bool compare_nodes(Check *c, Op op, const Node *x, const Node *y, bool holds);

/* abs(e) <= b is e <= b and -e <= b, max(e, f) <= b and min(e, f) >= b are so of both. */
static bool compare_each(Check *c, Op op, const Node *x, const Node *y, bool holds) {
  bool below = holds ? op == OP_le || op == OP_lt : op == OP_ge || op == OP_gt;
  bool above = holds ? op == OP_ge || op == OP_gt : op == OP_le || op == OP_lt;
  Affine a, b, zero = {.den = 1}, minus;
  if (below && is_call(x, "abs", 1)) {
    if (!affine_side(c, x->kid[1], &a) || !affine_side(c, y, &b) ||
        !affine_binary(c->cx, OP_sub, &zero, &a, &minus))
      return false;
    compare(c, op, &a, &b, holds);
    compare(c, op, &minus, &b, holds);
    return true;
  }
  if (!(below && is_call(x, "max", 2)) && !(above && is_call(x, "min", 2))) return false;
  bool first = compare_nodes(c, op, x->kid[1], y, holds);
  return compare_nodes(c, op, x->kid[2], y, holds) || first;
}

/* False: nothing is known of it. */
static bool compare_nodes(Check *c, Op op, const Node *x, const Node *y, bool holds) {
  Affine a, b;
  if (affine_side(c, x, &a) && affine_side(c, y, &b)) {
    compare(c, op, &a, &b, holds);
    return true;
  }
  return compare_each(c, op, x, y, holds) || compare_each(c, op_turned(op), y, x, holds);
}

void guard_condition(Check *c, const Node *n, bool holds) {
  if (n->kind == NODE_UNARY && n->u.op == OP_not) {
    guard_condition(c, n->kid[0], !holds);
  } else if (n->kind == NODE_BINARY && n->u.op == (holds ? OP_and : OP_or)) {
    guard_condition(c, n->kid[0], holds);
    guard_condition(c, n->kid[1], holds);
  } else if (n->kind == NODE_BINARY && op_info[n->u.op].typing == TY_COMPARE) {
    compare_nodes(c, n->u.op, n->kid[0], n->kid[1], holds);
  }
}

static bool never_negative(Check *c, const Affine *a) {
  Dim lo, hi;
  return a->den == 1 && affine_interval(c->cx, a, NULL, &lo, &hi) && dim_le(c->cx, 0, lo) == 1;
}

/* How often g is in a, by the first label of g: once, or as often as its coefficient says. */
static Dim times(Check *c, const Affine *a, const Affine *g) {
  Dim q;
  for (int i = 0; g->n && i < a->n; i++)
    if (a->term[i].label == g->term[0].label &&
        dim_divides(c->cx, a->term[i].coef, g->term[0].coef, &q) && dim_le(c->cx, 1, q) == 1)
      return q;
  return 1;
}

/* Whether a >= 0 follows from `most` of the inequalities from g on, each taken so often as is
 * useful: where the difference is never negative. */
static bool follows(Check *c, const Affine *a, const Guard *g, int most) {
  Affine d, part, n = {.den = 1};
  for (; g; g = g->up) {
    n.off = times(c, a, &g->a);
    if (affine_binary(c->cx, OP_mul, &g->a, &n, &part) &&
        affine_binary(c->cx, OP_sub, a, &part, &d) &&
        (never_negative(c, &d) || (most > 1 && follows(c, &d, g->up, most - 1))))
      return true;
  }
  return false;
}

/* Two at a time are enough for k <= j and j < n. */
bool guard_proves(Check *c, const Affine *a) { return follows(c, a, c->guards, 2); }

bool guard_inside(Check *c, const Affine *a, Dim extent, Dim lo, Dim hi) {
  Affine last = {.den = 1, .off = dim_sub(c->cx, extent, 1)}, room;
  bool below = dim_le(c->cx, 0, lo) == 1, above = dim_le(c->cx, dim_add(c->cx, hi, 1), extent) == 1;
  if ((below && above) || a->den != 1 || !affine_binary(c->cx, OP_sub, &last, a, &room))
    return false;
  return (below || guard_proves(c, a)) && (above || guard_proves(c, &room));
}

/* The value of the guard where a is smallest (below) or largest; false where it isn't told by a. */
static bool guard_at(Check *c, const Affine *g, const Affine *a, bool below, Dim *out) {
  *out = g->off;
  for (int i = 0; i < g->n; i++) {
    int k = 0;
    while (k < a->n && a->term[k].label != g->term[i].label) k++;
    if (k == a->n || a->term[k].label->shift) return false;
    const Label *l = a->term[k].label;
    bool first = (dim_le(c->cx, 0, a->term[k].coef) == 1) == below;
    Dim v = first ? l->lo : dim_add(c->cx, l->lo, dim_sub(c->cx, l->extent, 1));
    *out = dim_add(c->cx, *out, dim_mul(c->cx, g->term[i].coef, v));
  }
  return g->n > 0;
}

bool guard_excludes(Check *c, const Affine *a, bool below) {
  enum { LARGE = 1000 };
  Dim v;
  if (c->guarded)
    for (const Guard *g = c->guards; g; g = g->up)
      if (guard_at(c, &g->a, a, below, &v) && dim_expected(c->cx, v, LARGE) < 0) return true;
  return false;
}

bool guard_mentions(const Check *c, const Label *label) {
  for (const Guard *g = c->guards; g; g = g->up)
    for (int i = 0; i < g->a.n; i++)
      if (g->a.term[i].label == label) return true;
  return false;
}

bool guard_is_condition(const Node *n) {
  if (n->kind == NODE_UNARY) return n->u.op == OP_not && guard_is_condition(n->kid[0]);
  if (n->kind != NODE_BINARY) return false;
  if (n->u.op == OP_and || n->u.op == OP_or)
    return guard_is_condition(n->kid[0]) || guard_is_condition(n->kid[1]);
  return op_info[n->u.op].typing == TY_COMPARE;
}
