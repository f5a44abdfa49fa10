/* tape.c: what a loop saves, and what its way back computes again. In: the loop's body, the values that
 * the body's adjoint uses. Out: the values to save, as few bytes as can be.
 *
 * That is a minimum cut. Each value is an edge as wide as its bytes; cut means saved. What can't be
 * computed again (carried values) or shouldn't be (contractions, reductions, inner loops) hangs on the
 * source; what the way back needs hangs on the sink. Slices, captured values and the counter are there
 * anyway, and so is what follows from captured values alone. Among equal cuts the one nearest to the
 * sink is taken: it leaves the least to compute again. */
#include "pass/tape.h"

#include "pass/mincut.h"

static int32_t value_in(Val v) { return 2 * v; }
static int32_t value_out(Val v) { return 2 * v + 1; }

typedef struct Tape {
  const Loop *l;
  const Fn *f;
  bool *fixed; /* follows from captured values alone */
  bool thrifty;
} Tape;

static bool is_carried(const Loop *l, const Ins *in) {
  return in->op == OP_arg && in->u.i >= 1 && in->u.i <= l->ncarry;
}

static void find_fixed(Tape *t) {
  for (Val v = 1; v < t->f->ins.n; v++) {
    const Ins *in = fn_ins(t->f, v);
    t->fixed[v] = in->op == OP_arg ? in->u.i > t->l->ncarry + t->l->nscan : true;
    for (int k = 0; k < in->nargs; k++) t->fixed[v] &= t->fixed[in->arg[k]];
  }
}

static bool costly(const Tape *t, const Ins *in) {
  if (t->thrifty) return false;
  OpKind kind = op_kind((Op)in->op);
  return kind == KIND_DOT || kind == KIND_FOLD || in->op == OP_part || in->op == OP_scatter;
}

static int64_t width(const Tape *t, const Ins *in) {
  if (in->type == T_BUNDLE || in->shape.rank >= IR_MAX_RANK) return CUT_NEVER;
  return (int64_t)MIN(ins_bytes(t->f->cx, in), 1e15);
}

/* There on the way back without being saved. */
static bool is_free(const Tape *t, Val v) {
  const Ins *in = fn_ins(t->f, v);
  return t->fixed[v] || (in->op == OP_arg && !is_carried(t->l, in));
}

/* Values 1.. are nodes 2.., so that 0 and 1 are free for source and sink. */
static void add_value(Cut *c, const Tape *t, Val v, bool needed) {
  const Ins *in = fn_ins(t->f, v);
  if (needed && !t->fixed[v]) cut_edge(c, value_out(v), 1, CUT_NEVER);
  if (is_free(t, v)) return;
  cut_edge(c, value_in(v), value_out(v), width(t, in));
  if (is_carried(t->l, in) || costly(t, in)) cut_edge(c, 0, value_in(v), CUT_NEVER);
  for (int k = 0; k < in->nargs; k++) cut_edge(c, value_out(in->arg[k]), value_in(v), CUT_NEVER);
}

int tape_choose(const Loop *l, const bool *needed, bool thrifty, Val *saved) {
  const Fn *f = l->body;
  Arena *a = f->cx->arena;
  Tape t = {l, f, NEWS(a, bool, f->ins.n), thrifty};
  find_fixed(&t);
  Cut c = cut_new(a, 2 * f->ins.n);
  for (Val v = 1; v < f->ins.n; v++) add_value(&c, &t, v, needed[v]);
  const bool *far = cut_far_side(&c);
  int n = 0;
  for (Val v = 1; v < f->ins.n; v++)
    if (!is_free(&t, v) && !far[value_in(v)] && far[value_out(v)]) saved[n++] = v;
  return n;
}
