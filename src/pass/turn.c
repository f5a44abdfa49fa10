/* turn.c: what a loop reads in every step lies as it is read. In: a function. Out: an equal one,
 * bit for bit up to the order of sums, where tensors that stand still during a loop are laid out
 * before it for the contractions inside.
 *
 * A contraction goes along the last axis of its result by vectors. An operand that has this axis,
 * but another as its last, would be gathered, or copied into another order, in every step: x @
 * transpose(W) on the way back through x @ W. If it is the same in all steps the loop is given the
 * tensor with that axis last; then it is copied once. So is what a loop inside the loop is given,
 * where that is a view which lies nowhere.
 *
 * needs: no vjp/jvp   keeps: the evaluator's values up to the order of sums   breaks: nothing */
#include "pass/steps.h"

enum { FEW_STEPS = 3, FEW_ELEMENTS = 64 };

typedef struct Turned { /* a value of the body that doesn't change, to be had from outside */
  Val v;
  int32_t last; /* the axis to lie last; -1: as it is */
  Val inside;   /* the new body's input */
} Turned;

typedef struct Turning {
  const Loop *l;
  const Fn *f;    /* its body */
  const Val *arg; /* operands outside: carried starts, scanned, captured */
  Builder *b;     /* outside */
  Vec(Turned) list;
} Turning;

/* v is a captured value, or a view of one that has no more elements than it. */
static bool stands_still(const Turning *t, Val v) {
  const Ins *in = fn_ins(t->f, v);
  if (in->op == OP_arg) return in->u.i > t->l->ncarry + t->l->nscan;
  if (in->op != OP_view || !in->u.view->exact || !stands_still(t, in->arg[0])) return false;
  const Shape *below = &fn_ins(t->f, in->arg[0])->shape;
  return shape_estimate(t->f->cx, &in->shape) <= shape_estimate(t->f->cx, below);
}

static Val outside(const Turning *t, Val v) {
  const Ins *in = fn_ins(t->f, v);
  if (in->op == OP_arg) return t->arg[in->u.i - 1];
  return ir_view(t->b, outside(t, in->arg[0]), &in->shape, in->u.view);
}

static Turned *turned(Turning *t, Val v, int32_t last) {
  for (int i = 0; i < t->list.n; i++)
    if (t->list.at[i].v == v && t->list.at[i].last == last) return &t->list.at[i];
  return NULL;
}

static void want(Turning *t, Val v, int32_t last) {
  if (turned(t, v, last)) return;
  vec_push(t->f->cx->arena, &t->list, ((Turned){v, last, 0}));
}

static int32_t axis_of(const uint8_t *labels, int rank, int label) {
  for (int d = 0; d < rank; d++)
    if (labels[d] == label) return d;
  return -1;
}

/* The axis of operand k that ought to be its last; -1: it is, or it doesn't matter. */
static int32_t axis_to_turn(const Turning *t, const Ins *in, int k) {
  const Contract *c = in->u.contract;
  const Shape *s = &fn_ins(t->f, in->arg[k])->shape, *other = &fn_ins(t->f, in->arg[1 - k])->shape;
  int d = c->nout;
  while (d > 0 && in->shape.dim[d - 1] == 1) d--;
  if (d == 0 || s->rank < 2) return -1;
  int label = c->out[d - 1], end = s->rank;
  while (end > 0 && s->dim[end - 1] == 1) end--;
  int32_t at = axis_of(k ? c->b : c->a, s->rank, label);
  if (at < 0 || at + 1 >= end || axis_of(k ? c->a : c->b, other->rank, label) >= 0) return -1;
  return shape_estimate(t->f->cx, s) >= FEW_ELEMENTS ? at : -1;
}

static void find(Turning *t) {
  for (Val v = 1; v < t->f->ins.n; v++) {
    const Ins *in = fn_ins(t->f, v);
    if (in->op == OP_contract)
      for (int k = 0; k < 2; k++) {
        int32_t last = axis_to_turn(t, in, k);
        if (last >= 0 && stands_still(t, in->arg[k])) want(t, in->arg[k], last);
      }
    for (int k = 0; in->op == OP_loop && k < in->nargs; k++)
      if (fn_ins(t->f, in->arg[k])->op == OP_view && stands_still(t, in->arg[k]))
        want(t, in->arg[k], -1);
  }
}

/* With axis `last` behind all others. */
static void permutation(int rank, int32_t last, int32_t *perm) {
  int n = 0;
  for (int d = 0; d < rank; d++)
    if (d != last) perm[n++] = d;
  if (last >= 0) perm[n] = last;
}

static Val give(const Turning *t, const Turned *x) {
  Val v = outside(t, x->v);
  int32_t perm[IR_MAX_RANK];
  permutation(fn_ins(t->f, x->v)->shape.rank, x->last, perm);
  return x->last < 0 ? v : ir_permute(t->b, v, perm);
}

/* ---- the new body ---- */
static void take(Turning *t, Walk *w) {
  for (int i = 0; i < t->list.n; i++) {
    Turned *x = &t->list.at[i];
    const Ins *in = fn_ins(t->f, x->v);
    Shape s = in->shape;
    int32_t perm[IR_MAX_RANK];
    permutation(s.rank, x->last, perm);
    for (int d = 0; x->last >= 0 && d < s.rank; d++) s.dim[d] = in->shape.dim[perm[d]];
    Name name = in->hint ? in->hint : in->op == OP_arg ? t->f->in.at[in->u.i].name : NULL;
    x->inside = ir_input(&w->b, name, (DType)in->type, &s, ROLE_ARG, in->span);
    if (x->last < 0) w->to[x->v] = x->inside;
  }
}

/* The contraction with operands whose axes are in another order: labels are numbered as they are
 * met. */
static Val contract_turned(Turning *t, Walk *w, const Ins *in) {
  const Contract *c = in->u.contract;
  Contract n = {.nlabels = c->nlabels, .nout = c->nout};
  Val arg[2];
  int number[2 * IR_MAX_RANK], met = 0;
  for (int i = 0; i < 2 * IR_MAX_RANK; i++) number[i] = -1;
  for (int k = 0; k < 2; k++) {
    int32_t last = axis_to_turn(t, in, k), perm[IR_MAX_RANK];
    const Turned *x = last >= 0 ? turned(t, in->arg[k], last) : NULL;
    int rank = fn_ins(t->f, in->arg[k])->shape.rank;
    permutation(rank, x ? last : -1, perm);
    arg[k] = x ? x->inside : w->to[in->arg[k]];
    for (int d = 0; d < rank; d++) {
      int old = (k ? c->b : c->a)[perm[d]];
      if (number[old] < 0) number[old] = met++;
      (k ? n.b : n.a)[d] = (uint8_t)number[old];
    }
  }
  for (int d = 0; d < c->nout; d++) n.out[d] = (uint8_t)number[c->out[d]];
  return ir_contract(&w->b, arg[0], arg[1], &n);
}

static Fn *new_body(Turning *t) {
  Walk w = walk_begin(t->f);
  take(t, &w);
  for (Val v = 1; v < t->f->ins.n; v++) {
    const Ins *in = fn_ins(t->f, v);
    if (in->op == OP_arg || w.to[v]) continue;
    w.b.span = in->span;
    w.to[v] = in->op == OP_contract ? contract_turned(t, &w, in) : walk_copy(&w, in);
    ir_name(&w.b, w.to[v], in->hint);
  }
  return walk_end(&w);
}

/* The loop without captured values that its new body doesn't read. */
static Val new_loop(Turning *t, const Ins *in, const Val *args) {
  Cx *cx = t->f->cx;
  Loop l = *t->l;
  Fn *f = new_body(t);
  int fixed = 1 + l.ncarry + l.nscan, n = 0;
  bool *keep = NEWS(cx->arena, bool, f->in.n + 1);
  Val *all = NEWS(cx->arena, Val, f->in.n + 2);
  if (l.counted) all[n++] = args[0];
  for (int i = 0; i < f->in.n; i++) {
    keep[i] = i < fixed || fn_uses_input(f, i);
    if (!keep[i] || i == 0) continue;
    all[n++] = i < t->f->in.n ? t->arg[i - 1] : give(t, &t->list.at[i - t->f->in.n]);
  }
  l.body = fn_keep_inputs(f, keep);
  t->b->span = in->span;
  return ir_loop(t->b, &l, all, n);
}

/* ---- the pass ---- */
static Fn *turn_body(const Fn *f, void *arg) {
  (void)arg;
  return pass_turn(f);
}

static Val turn_loop(Walk *w, const Ins *in) {
  Loop l = *in->u.loop;
  Val *args = walk_args(w, in);
  l.body = pass_turn(l.body);
  Turning t = {.l = &l, .f = l.body, .arg = args + l.counted, .b = &w->b};
  if (!l.cond && dim_estimate(l.body->cx, l.trip) > FEW_STEPS) find(&t);
  w->b.span = in->span;
  return t.list.n ? new_loop(&t, in, args) : ir_loop(&w->b, &l, args, in->nargs);
}

Fn *pass_turn(const Fn *f) {
  bool bodies = false;
  for (Val v = 1; v < f->ins.n; v++) bodies |= ins_has_bodies(fn_ins(f, v));
  if (!bodies) return (Fn *)f;
  Walk w = walk_begin(f);
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (in->op == OP_arg) continue;
    w.to[v] = in->op == OP_loop ? turn_loop(&w, in) : walk_copy_bodies(&w, in, turn_body, NULL);
    ir_name(&w.b, w.to[v], in->hint);
  }
  return walk_end(&w);
}
