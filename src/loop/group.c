/* group.c: which values get a place. In: the function. Out: place[v].root for the values that are
 * computed once and read from there; everything else is recomputed where it is wanted.
 *
 * Roots are what outputs need, contractions, reductions and scatters, what is read at computed
 * positions (operands of gathers and contractions, of reshapes that shuffle axes), and elementwise
 * values wanted at several places whose recomputation costs more than reading them back. */
#include "loop/lower.h"

/* Wanting an elementwise value at a second place costs this many operators at most. */
enum {
  RECOMPUTE_OPS = 8,
  RECOMPUTE_SPREAD_OPS = 4,
  PATTERN_OPS = 8,
  NEXT_TO_NOTHING = 2,
  MANY_ROWS = 32
};

Val low_base(const Low *lw, Val v) {
  while (low_ins(lw, v)->op == OP_reshape) v = low_ins(lw, v)->arg[0];
  return v;
}

/* The view's result is a run of its operand's elements. */
static bool is_run(const Low *lw, const Ins *in, Dim *from) {
  Cx *cx = lw->cx;
  const Shape *x = &low_ins(lw, in->arg[0])->shape;
  Dim stride[IR_MAX_RANK] = {0}, one = 1, off = 0;
  if (!in->u.view->exact) return false;
  for (int d = in->u.view->rank; d-- > 0; one = dim_mul(cx, one, x->dim[d])) {
    const ViewDim *v = &in->u.view->dim[d];
    off = dim_add(cx, off, dim_mul(cx, v->off, one));
    for (int t = 0; t < v->n; t++) {
      Dim *s = &stride[v->term[t].label];
      *s = dim_add(cx, *s, dim_mul(cx, v->term[t].coef, one));
    }
  }
  one = 1;
  for (int l = in->shape.rank; l-- > 0; one = dim_mul(cx, one, in->shape.dim[l]))
    if (in->shape.dim[l] != 1 && stride[l] != one) return false;
  *from = dim_add(cx, *from, off);
  return true;
}

/* The value whose storage holds v's elements one after the other, from element *from on: below
 * reshapes and views that skip nothing and turn nothing. */
static Val low_whole(const Low *lw, Val v, Dim *from) {
  *from = 0;
  for (;;) {
    const Ins *in = low_ins(lw, v);
    if (in->op != OP_reshape && !(in->op == OP_view && is_run(lw, in, from))) return v;
    v = in->arg[0];
  }
}

Val low_operand(const Low *lw, const Ins *call, int k, Dim *from) {
  bool flag = k == 0 && (call->op == OP_branch || (call->op == OP_loop && call->u.loop->counted));
  *from = 0;
  return flag ? low_base(lw, call->arg[0]) : low_whole(lw, call->arg[k], from);
}

/* A literal that is an output as well is never read back: its store may come later in the nest. */
bool low_stored(const Low *lw, Val v) {
  Op op = (Op)low_ins(lw, v)->op;
  return op == OP_arg || (lw->place[v].root && op != OP_const);
}

static void make_root(Low *lw, Val v) {
  v = low_base(lw, v);
  if (low_ins(lw, v)->op != OP_arg) lw->place[v].root = true;
}

/* The stored value below views. */
static Val below_views(Low *lw, Val v) {
  while (low_ins(lw, v)->op == OP_view || low_ins(lw, v)->op == OP_reshape)
    v = low_ins(lw, v)->arg[0];
  return v;
}

static void mark_live(Low *lw) {
  const Fn *f = lw->f;
  for (int i = 0; i < f->out.n; i++) {
    lw->place[f->out.at[i].val].live = true;
    lw->place[f->out.at[i].val].uses++;
  }
  for (Val v = f->ins.n - 1; v > 0; v--) {
    if (!lw->place[v].live) continue;
    const Ins *in = low_ins(lw, v);
    for (int k = 0; k < in->nargs; k++) {
      lw->place[in->arg[k]].live = true;
      lw->place[in->arg[k]].uses++;
    }
  }
}

static void roots_by_kind(Low *lw) {
  const Fn *f = lw->f;
  for (Val v = 1; v < f->ins.n; v++) {
    if (!lw->place[v].live) continue;
    const Ins *in = low_ins(lw, v);
    switch (in->op) {
    case OP_contract:
      make_root(lw, v);
      for (int k = 0; k < 2; k++) {
        Val b = below_views(lw, in->arg[k]);
        OpKind kind = op_kind(low_ins(lw, b)->op);
        if (kind != KIND_LEAF || low_ins(lw, b)->op == OP_iota) make_root(lw, b);
      }
      break;
    case OP_scatter: make_root(lw, v); break;
    case OP_gather: make_root(lw, in->arg[0]); break;
    case OP_reshape: {
      int8_t first[IR_MAX_RANK], count[IR_MAX_RANK];
      const Ins *from = low_ins(lw, in->arg[0]);
      OpKind kind = op_kind(from->op);
      if (kind != KIND_LEAF && !reshape_split(lw->cx, &from->shape, &in->shape, first, count))
        make_root(lw, in->arg[0]);
      break;
    }
    case OP_loop:
    case OP_branch: /* the bodies are called with whole tensors */
      lw->place[v].root = true;
      for (int k = 0; k < in->nargs; k++) {
        Dim from;
        make_root(lw, low_operand(lw, in, k, &from));
      }
      break;
    case OP_part: make_root(lw, v); break;
    case OP_vjp:
    case OP_jvp: cx_bug(lw->cx, "lowering a derivative that was not expanded");
    default:
      if (op_kind(in->op) == KIND_FOLD) make_root(lw, v);
    }
  }
  for (int i = 0; i < f->out.n; i++) make_root(lw, f->out.at[i].val);
}

static float cost_of(Low *lw, Val v) {
  const Ins *in = low_ins(lw, v);
  float c = 0;
  for (int k = 0; k < in->nargs; k++)
    if (!low_stored(lw, in->arg[k])) c += lw->place[in->arg[k]].cost;
  if (op_kind(in->op) == KIND_MAP) c += (float)op_weight(in->op);
  if (in->op == OP_gather) c += 6;
  if (in->op == OP_view && !in->u.view->exact) c += 2;
  return c < 1e6f ? c : 1e6f;
}

/* From outputs down: at how many different places is each value wanted? place_of[v] is the number
 * of the root or view at whose identity it is wanted, MANY when there are several. */
enum { MANY = -1 };
static void want(Low *lw, int32_t *wanted_at, Val v, int32_t where) {
  (void)lw;
  if (wanted_at[v] == 0) wanted_at[v] = where;
  else if (wanted_at[v] != where) wanted_at[v] = MANY;
}

static bool spreads(Low *lw, const Ins *view) {
  const Ins *x = low_ins(lw, view->arg[0]);
  return low_number(lw, shape_count(lw->cx, &view->shape)) >
         low_number(lw, shape_count(lw->cx, &x->shape));
}

/* Vectors that products by a matrix (sums of products with a view that repeats them) read for each
 * of many rows. Made there, q + z - u is three vectors to read instead of one, and the product has
 * nothing else to do than to read. */
static void find_vectors(const Low *lw, bool *vector) {
  for (Val v = 1; v < lw->f->ins.n; v++) {
    const Ins *sum = low_ins(lw, v);
    if (sum->op != OP_sum || !lw->place[v].live) continue;
    const Ins *mul = low_ins(lw, sum->arg[0]);
    if (mul->op != OP_mul) continue;
    for (int k = 0; k < 2; k++) {
      const Ins *view = low_ins(lw, mul->arg[k]);
      if (view->op != OP_view) continue;
      const Shape *s = &low_ins(lw, view->arg[0])->shape;
      vector[view->arg[0]] |= s->rank > 0 && shape_expected(lw->cx, &view->shape) >=
                                                 MANY_ROWS * shape_expected(lw->cx, s);
    }
  }
}

/* Patterns of literals, as the seeds of a Jacobian: where indices are numbers, so are they. */
static void find_patterns(Low *lw, bool *pattern) {
  for (Val v = 1; v < lw->f->ins.n; v++) {
    const Ins *in = low_ins(lw, v);
    OpKind kind = op_kind(in->op);
    pattern[v] = in->op == OP_const || in->op == OP_iota || kind == KIND_MAP || in->op == OP_view;
    for (int k = 0; k < in->nargs; k++) pattern[v] &= pattern[in->arg[k]];
    pattern[v] &= lw->place[v].cost <= PATTERN_OPS;
  }
}

static bool roots_by_cost(Low *lw, const bool *vector) {
  const Fn *f = lw->f;
  bool *pattern = NEWS(lw->arena, bool, f->ins.n);
  int32_t *wanted_at = NEWS(lw->arena, int32_t, f->ins.n);
  bool *spread = NEWS(lw->arena, bool, f->ins.n);
  bool changed = false;
  for (Val v = 1; v < f->ins.n; v++) lw->place[v].cost = cost_of(lw, v);
  find_patterns(lw, pattern);
  for (Val v = f->ins.n - 1; v > 0; v--) {
    Place *p = &lw->place[v];
    const Ins *in = low_ins(lw, v);
    if (!p->live || in->op == OP_arg) continue;
    bool map = op_kind(in->op) == KIND_MAP || in->op == OP_gather;
    if (!p->root && map && !pattern[v] &&
        ((wanted_at[v] == MANY && p->cost >= RECOMPUTE_OPS) ||
         (spread[v] && p->cost >= RECOMPUTE_SPREAD_OPS) ||
         (vector[v] && p->cost >= NEXT_TO_NOTHING)))
      p->root = changed = true;
    int32_t where = p->root || in->op == OP_view || in->op == OP_reshape ? v : wanted_at[v];
    for (int k = 0; k < in->nargs; k++) {
      want(lw, wanted_at, in->arg[k], where);
      spread[in->arg[k]] |=
          !p->root && (in->op == OP_view ? spreads(lw, in) || spread[v] : spread[v]);
    }
    if (in->op == OP_view && p->root) spread[in->arg[0]] |= spreads(lw, in);
    if (!p->root && (in->op == OP_view || in->op == OP_reshape) && wanted_at[v] == MANY)
      want(lw, wanted_at, in->arg[0], MANY);
  }
  return changed;
}

/* A value that was worth a place before its operands had theirs may be a mere step from them now:
 * 1 + tanh(x), where tanh(x) is stored as well. kind: the roots that aren't a matter of cost. */
static void drop_cheap(Low *lw, const bool *kind, const bool *vector) {
  for (Val v = 1; v < lw->f->ins.n; v++) {
    Place *p = &lw->place[v];
    p->cost = cost_of(lw, v);
    double nothing = vector[v] ? NEXT_TO_NOTHING - 1 : NEXT_TO_NOTHING;
    if (p->root && !kind[v] && p->live && p->cost <= nothing) p->root = false;
  }
}

/* What walks an expression recurses: one that is deeper than any stack gets places on the way down.
 * They are next to nothing beside so many operators. */
static void roots_by_depth(Low *lw) {
  enum { DEEPEST = 400 };
  int32_t *depth = NEWS(lw->arena, int32_t, lw->f->ins.n);
  for (Val v = 1; v < lw->f->ins.n; v++) {
    const Ins *in = low_ins(lw, v);
    for (int k = 0; k < in->nargs && !low_stored(lw, v); k++)
      depth[v] = MAX(depth[v], depth[in->arg[k]] + 1);
    if (depth[v] < DEEPEST || !lw->place[v].live || op_kind(in->op) != KIND_MAP) continue;
    lw->place[v].root = true;
    depth[v] = 0;
  }
}

void group_values(Low *lw) {
  mark_live(lw);
  roots_by_kind(lw);
  roots_by_depth(lw); /* first: what is wanted on both sides of one is wanted at several places */
  bool *kind = NEWS(lw->arena, bool, lw->f->ins.n);
  for (Val v = 1; v < lw->f->ins.n; v++) kind[v] = lw->place[v].root;
  bool *vector = NEWS(lw->arena, bool, lw->f->ins.n);
  find_vectors(lw, vector);
  for (int round = 0; round < 8 && roots_by_cost(lw, vector); round++) {
  }
  drop_cheap(lw, kind, vector);
}
