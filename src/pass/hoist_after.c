/* hoist_after.c: contractions that no later iteration waits for are done once, after the loop. In:
 * the analysed loop. Out: which values are made later, and what the loop collects for them.
 *
 *   collected  y_t = h_t @ W          collect h;   Y  = H @ W             (t and the rows are one
 * axis) summed     dW += a_t' @ b_t       collect b;   dW = sum over t and rows of a, b summed dE
 * += scatter(u_t, i_t)             one scatter of all updates; dW += a_t b_t, an outer product: a
 * product of all of them */
#include "pass/hoist.h"

#include <math.h>

enum { LONG_SUM = 512, CHEAP = 4 };

static bool is_view(const Ins *in) { return in->op == OP_view || in->op == OP_reshape; }

/* ---- carried values that are only added to ---- */
/* Splits v into the carried value and addends. *self counts how often the carried value was met. */
static bool find_addends(const Hoist *h, Val v, Val carried, const bool *holds, bool minus, Sum *s,
                         int *self) {
  const Ins *in = hoist_ins(h, v);
  if (v == carried) return !minus && ++*self == 1;
  if (!holds[v]) {
    Addend a = {v, minus};
    vec_push(h->b->cx->arena, &s->addend, a);
    return true;
  }
  if (in->op != OP_add && in->op != OP_sub) return false;
  return find_addends(h, in->arg[0], carried, holds, minus, s, self) &&
         find_addends(h, in->arg[1], carried, holds, minus != (in->op == OP_sub), s, self);
}

/* holds[v]: the value depends on the carried one. Each of them must have one use, on the way to the
 * output; then none of them is wanted for anything else. */
static bool on_one_way(const Hoist *h, const bool *holds, const int32_t *uses) {
  for (Val v = 1; v < h->f->ins.n; v++)
    if (holds[v] && uses[v] != 1) return false;
  return true;
}

static void find_sums(Hoist *h, const int32_t *uses) {
  for (int i = 0; i < h->l->ncarry; i++) {
    Val carried = h->f->in.at[1 + i].val;
    bool *holds = NEWS(h->b->cx->arena, bool, h->f->ins.n);
    int self = 0;
    if (!type_is_float((DType)hoist_ins(h, carried)->type)) continue;
    holds[carried] = true;
    for (Val v = carried + 1; v < h->f->ins.n; v++)
      for (int k = 0; k < hoist_ins(h, v)->nargs; k++) holds[v] |= holds[hoist_ins(h, v)->arg[k]];
    if (!holds[h->f->out.at[i].val] || !on_one_way(h, holds, uses)) continue;
    h->sum[i].holds =
        find_addends(h, h->f->out.at[i].val, carried, holds, false, &h->sum[i], &self) && self == 1;
  }
}

/* ---- what could be done later ---- */
/* Values no later iteration asks for, and neither does anything that has to stay. */
static bool *movable_values(const Hoist *h) {
  const Fn *f = h->f;
  bool *stays = NEWS(h->b->cx->arena, bool, f->ins.n);
  for (int i = 0; i < h->l->ncarry; i++)
    if (!h->sum[i].holds) stays[f->out.at[i].val] = true;
  for (Val v = f->ins.n; v-- > 1;) {
    const Ins *in = hoist_ins(h, v);
    bool fixed = in->op == OP_arg || !ins_widens(f, in) || h->lift[v];
    stays[v] |= fixed && !h->lift[v];
    for (int k = 0; k < in->nargs; k++) stays[in->arg[k]] |= stays[v];
  }
  for (int i = 0; i < h->l->ncarry; i++) { /* sums stay what they are; their addends may go */
    if (!h->sum[i].holds) continue;
    for (int k = 0; k < h->sum[i].addend.n; k++) {
      Val a = h->sum[i].addend.at[k].v;
      if (hoist_ins(h, a)->op == OP_arg) stays[a] = true;
    }
  }
  for (Val v = 1; v < f->ins.n; v++) stays[v] = !stays[v] && !h->lift[v];
  return stays;
}

/* Whether v is there outside of the loop, or follows cheaply from what is. */
static bool at_hand(const Hoist *h, Val v) {
  const Ins *in = hoist_ins(h, v);
  if (h->known[v] == KNOWN_ALWAYS || h->collect[v] || h->lift[v] || hoist_scan(h, v) >= 0)
    return true;
  if (in->op == OP_arg) return in->u.i == 0;
  if (!ins_widens(h->f, in)) return false;
  OpKind kind = op_kind((Op)in->op);
  if (!is_view(in) && !(kind == KIND_MAP && op_weight((Op)in->op) <= CHEAP)) return false;
  for (int k = 0; k < in->nargs; k++)
    if (!at_hand(h, in->arg[k])) return false;
  return true;
}

/* The value to be collected so that v can be made outside; 0 where nothing need be. Views of what
 * is no larger are taken outside. */
static Val to_collect(const Hoist *h, Val v) {
  if (at_hand(h, v)) return 0;
  const Ins *in = hoist_ins(h, v);
  Cx *cx = h->b->cx;
  if (is_view(in) && ins_widens(h->f, in) &&
      shape_estimate(cx, &hoist_ins(h, in->arg[0])->shape) <= shape_estimate(cx, &in->shape))
    return to_collect(h, in->arg[0]);
  return v;
}

/* Bytes that have to be collected for the operands of v. */
static double collected_bytes(const Hoist *h, Val v) {
  const Ins *in = hoist_ins(h, v);
  double most = 0;
  for (int k = 0; k < in->nargs; k++) {
    Val c = to_collect(h, in->arg[k]);
    if (c && hoist_ins(h, c)->shape.rank >= IR_MAX_RANK) return INFINITY;
    if (c) most = MAX(most, hoist_wide_bytes(h, c));
  }
  return most;
}

/* Elements summed for one of the result: where they are many, adding up the results costs little.
 */
static double summed_elements(const Hoist *h, const Ins *in) {
  const Contract *c = in->u.contract;
  double n = 1;
  for (int d = 0; d < hoist_ins(h, in->arg[0])->shape.rank; d++) {
    bool out = false;
    for (int e = 0; e < c->nout; e++) out |= c->out[e] == c->a[d];
    if (!out) n *= dim_estimate(h->b->cx, hoist_ins(h, in->arg[0])->shape.dim[d]);
  }
  return n;
}

/* ---- what is done later ---- */
/* Linear in one operand: the sum over iterations goes through it. */
static Val linear_in(const Hoist *h, Val v) {
  const Ins *in = hoist_ins(h, v);
  if (is_view(in) || in->op == OP_neg || in->op == OP_cast) return in->arg[0];
  if (in->op == OP_mul && h->known[in->arg[1]] == KNOWN_ALWAYS) return in->arg[0];
  if (in->op == OP_mul && h->known[in->arg[0]] == KNOWN_ALWAYS) return in->arg[1];
  return 0;
}

static Val sum_core(const Hoist *h, Val v) {
  for (Val x; (x = linear_in(h, v)) != 0;) v = x;
  return v;
}

/* What is added has many more elements than what it is made from: an outer product, whose sum over
 * the steps is a product of matrices, or a diagonal. In the loop the whole sum would be read and
 * written in every step, which matters where it is large. Returns the innermost value of it that
 * can be made later, 0: it stays. */
static Val spread_core(const Hoist *h, Val addend, const bool *movable) {
  enum { TIMES = 8, LARGE = 16 << 10 /* of the first cache */ };
  Val v = addend;
  for (Val x; (x = linear_in(h, v)) != 0 && movable[x];) v = x;
  const Ins *in = hoist_ins(h, v);
  bool plain = op_kind((Op)in->op) == KIND_MAP || is_view(in);
  bool wide = ins_bytes(h->b->cx, hoist_ins(h, addend)) >= LARGE &&
              TIMES * collected_bytes(h, v) <= hoist_wide_bytes(h, addend);
  return movable[v] && plain && wide ? v : 0;
}

static void choose_contractions(Hoist *h, const bool *movable) {
  for (int i = 0; i < h->l->ncarry; i++)
    for (int k = 0; h->sum[i].holds && k < h->sum[i].addend.n; k++) {
      Val addend = h->sum[i].addend.at[k].v, v = sum_core(h, addend);
      const Ins *in = hoist_ins(h, v);
      Val core = spread_core(h, addend, movable);
      if (core && h->known[core] != KNOWN_ALWAYS && collected_bytes(h, core) <= h->most)
        h->later[core] = true;
      if (!movable[v] || h->known[v] == KNOWN_ALWAYS) continue;
      bool short_sum = in->op == OP_contract && summed_elements(h, in) < LONG_SUM;
      if ((short_sum || in->op == OP_scatter) && collected_bytes(h, v) <= h->most)
        h->later[v] = true;
    }
  for (Val v = 1; v < h->f->ins.n; v++) {
    const Ins *in = hoist_ins(h, v);
    if (in->op != OP_contract || !movable[v] || h->known[v] != KNOWN_INSIDE) continue;
    bool fixed = h->known[in->arg[0]] == KNOWN_ALWAYS || h->known[in->arg[1]] == KNOWN_ALWAYS;
    if (fixed && hoist_is_worth(h, v) && hoist_wide_bytes(h, v) <= h->most &&
        collected_bytes(h, v) <= h->most)
      h->later[v] = true;
  }
}

/* What hangs on something made later is made later too. A carried sum isn't: its addends are. */
static void spread_later(Hoist *h, const bool *movable) {
  for (Val v = 1; v < h->f->ins.n; v++)
    for (int k = 0; k < hoist_ins(h, v)->nargs && movable[v]; k++)
      h->later[v] |= h->later[hoist_ins(h, v)->arg[k]];
}

static void collect_for_later(Hoist *h) {
  for (Val v = 1; v < h->f->ins.n; v++)
    for (int k = 0; k < hoist_ins(h, v)->nargs && h->later[v]; k++) {
      Val a = hoist_ins(h, v)->arg[k], c = h->later[a] ? 0 : to_collect(h, a);
      if (c) h->collect[c] = true;
    }
}

/* Sums of what is collected anyway: a bias' gradient. */
static bool choose_folds(Hoist *h, const bool *movable) {
  bool any = false;
  for (int i = 0; i < h->l->ncarry; i++)
    for (int k = 0; h->sum[i].holds && k < h->sum[i].addend.n; k++) {
      Val v = sum_core(h, h->sum[i].addend.at[k].v);
      const Ins *in = hoist_ins(h, v);
      if (!movable[v] || h->known[v] == KNOWN_ALWAYS || h->later[v] || in->op != OP_sum ||
          in->shape.rank == 0)
        continue;
      if (at_hand(h, in->arg[0])) any = h->later[v] = true;
    }
  return any;
}

/* The sums themselves are neither: partial_sum of hoist.c writes them anew. */
static void leave_sums(Hoist *h, bool *movable) {
  for (int i = 0; i < h->l->ncarry; i++) {
    if (!h->sum[i].holds) continue;
    bool *holds = NEWS(h->b->cx->arena, bool, h->f->ins.n);
    holds[h->f->in.at[1 + i].val] = true;
    for (Val v = 1; v < h->f->ins.n; v++) {
      for (int k = 0; k < hoist_ins(h, v)->nargs; k++) holds[v] |= holds[hoist_ins(h, v)->arg[k]];
      if (holds[v]) movable[v] = false;
    }
  }
}

void hoist_choose_after(Hoist *h) {
  find_sums(h, fn_uses(h->f));
  bool *movable = movable_values(h);
  leave_sums(h, movable);
  choose_contractions(h, movable);
  spread_later(h, movable);
  collect_for_later(h);
  if (choose_folds(h, movable)) {
    spread_later(h, movable);
    collect_for_later(h);
  }
}

/* ---- sums outside ---- */
static Val scatter_sum(Hoist *h, const Ins *in) {
  const Gather *g = in->u.gather;
  Val arg[IR_MAX_RANK + 1];
  Shape full = in->shape;
  for (int k = 0; k < in->nargs; k++) {
    arg[k] = hoist_outside(h, in->arg[k]);
    if (h->known[in->arg[k]] != KNOWN_ALWAYS) continue;
    Shape s = shape_widened(ir_shape(h->b, arg[k]), h->l->trip);
    int32_t at[IR_MAX_RANK];
    for (int d = 0; d + 1 < s.rank; d++) at[d] = d + 1;
    arg[k] = ir_spread(h->b, arg[k], &s, at);
  }
  return ir_scatter(h->b, arg[0], arg + 1, g->axis, g->naxes, &full);
}

Val hoist_sum_outside(Hoist *h, Val v) {
  const Ins *in = hoist_ins(h, v);
  Builder *b = h->b;
  Val x = linear_in(h, v);
  b->span = in->span;
  if (x && h->known[x] != KNOWN_ALWAYS && (h->later[x] || at_hand(h, x))) {
    Val arg[2];
    for (int k = 0; k < in->nargs; k++)
      arg[k] = in->arg[k] == x ? hoist_sum_outside(h, x) : hoist_outside(h, in->arg[k]);
    return ir_copy(b, in, arg);
  }
  if (in->op == OP_contract) {
    Val arg[2];
    bool wide[2];
    for (int k = 0; k < 2; k++) {
      arg[k] = hoist_outside(h, in->arg[k]);
      wide[k] = h->known[in->arg[k]] != KNOWN_ALWAYS;
    }
    return widen_contract_sum(b, in, arg, wide, h->l->trip);
  }
  if (in->op == OP_sum)
    return ir_fold(b, OP_sum, hoist_outside(h, in->arg[0]), in->u.axes << 1 | 1);
  if (in->op == OP_scatter) return scatter_sum(h, in);
  return ir_fold(b, OP_sum, hoist_outside(h, v), 1);
}
