/* tape.c: what a loop saves, and what its way back computes again. In: the loop's body, the values
 * that the body's adjoint uses. Out: the values to save, so that saving them and computing the rest
 * again take the least time.
 *
 * That is a minimum cut. Each value is an edge as wide as its bytes; cut means saved. Its operands
 * are wanted where it is computed again, which is a second edge, from the source to the value, as
 * wide as that takes. What can't be computed again (carried values) or shouldn't be (contractions,
 * reductions, inner loops) hangs on the source for good; what the way back needs hangs on the sink.
 * Slices, captured values and the counter are there anyway, and so is what follows from captured
 * values alone. Among equal cuts the one nearest to the sink is taken: it leaves the least to
 * compute again.
 *
 * A tape that stays in the caches is cheap to write and to read: functions cost more than it does.
 * One that doesn't is as slow as they are, and takes memory: then only bytes count. */
#include "pass/tape.h"

#include "pass/mincut.h"

static int32_t value_in(Val v) { return 2 * v; }
static int32_t value_out(Val v) { return 2 * v + 1; }

typedef struct Tape {
  const Loop *l;
  const Fn *f;
  bool *fixed; /* follows from captured values alone */
  const bool *there;
  bool thrifty;
  double price; /* of an operator's work on an element, in elements saved */
} Tape;

/* Measured: the sigmoid of an f32 (14 by op_weight) takes 0.3 ns, of an f64 1.1; a byte written to
 * the second cache and read again 0.02; memory takes ten times as long. */
static const double WORK_PRICE = 0.2, TAPE_CACHED = 2 << 20;
enum { WORTH_PRICE = 10 }; /* cheaper operators are computed on the way, whatever is saved */

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

/* Computing the value again, in bytes of the tape. */
static int64_t work(const Tape *t, const Ins *in) {
  double weight = op_kind((Op)in->op) == KIND_MAP ? op_weight((Op)in->op) : 0;
  if (t->thrifty || weight < WORTH_PRICE) return 0;
  return (int64_t)MIN(t->price * weight * ins_bytes(t->f->cx, in), 1e15);
}

/* There on the way back without being saved. */
static bool is_free(const Tape *t, Val v) {
  const Ins *in = fn_ins(t->f, v);
  return t->fixed[v] || t->there[v] || (in->op == OP_arg && !is_carried(t->l, in));
}

/* Values 1.. are nodes 2.., so that 0 and 1 are free for source and sink. */
static void add_value(Cut *c, const Tape *t, Val v, bool needed) {
  const Ins *in = fn_ins(t->f, v);
  if (needed && !t->fixed[v] && !t->there[v]) cut_edge(c, value_out(v), 1, CUT_NEVER);
  if (is_free(t, v)) return;
  cut_edge(c, value_in(v), value_out(v), width(t, in));
  if (is_carried(t->l, in) || costly(t, in)) cut_edge(c, 0, value_in(v), CUT_NEVER);
  else if (work(t, in) > 0) cut_edge(c, 0, value_in(v), work(t, in));
  for (int k = 0; k < in->nargs; k++) cut_edge(c, value_out(in->arg[k]), value_in(v), CUT_NEVER);
}

static bool is_piece(const Ins *in, Val v) {
  return op_kind((Op)in->op) == KIND_MOVE && in->nargs == 1 && in->arg[0] == v;
}

static int choose(const Tape *t, const bool *needed, Val *saved) {
  const Fn *f = t->f;
  Cut c = cut_new(f->cx->arena, 2 * f->ins.n);
  for (Val v = 1; v < f->ins.n; v++) add_value(&c, t, v, needed[v]);
  const bool *far = cut_far_side(&c);
  int n = 0;
  for (Val v = 1; v < f->ins.n; v++)
    if (!is_free(t, v) && !far[value_in(v)] && far[value_out(v)]) saved[n++] = v;
  return n;
}

/* Pieces of a carried value that are as wide as all of it: it is saved instead, in one row where it
 * is, and the pieces are views of that. */
static int whole_for_pieces(const Tape *t, Val *saved, int n) {
  for (int i = 0; i < t->l->ncarry; i++) {
    Val v = t->f->in.at[1 + i].val;
    int64_t pieces = 0;
    int kept = 0;
    for (int k = 0; k < n; k++) {
      const Ins *in = fn_ins(t->f, saved[k]);
      if (is_piece(in, v)) pieces += width(t, in);
    }
    if (!pieces || pieces < width(t, fn_ins(t->f, v))) continue;
    for (int k = 0; k < n; k++)
      if (!is_piece(fn_ins(t->f, saved[k]), v)) saved[kept++] = saved[k];
    saved[kept++] = v;
    n = kept;
  }
  return n;
}

int tape_choose(const Loop *l, const bool *needed, const bool *there, bool thrifty, Val *saved) {
  const Fn *f = l->body;
  Tape t = {l, f, NEWS(f->cx->arena, bool, f->ins.n), there, thrifty, WORK_PRICE};
  double bytes = 0;
  find_fixed(&t);
  int n = choose(&t, needed, saved);
  for (int i = 0; i < n; i++) bytes += ins_bytes(f->cx, fn_ins(f, saved[i]));
  if (bytes * dim_estimate(f->cx, l->trip) > TAPE_CACHED) {
    t.price = 0;
    n = choose(&t, needed, saved);
  }
  return whole_for_pieces(&t, saved, n);
}
