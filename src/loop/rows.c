/* rows.c: carried values that stay where they are. A loop that replaces one row of a carried tensor
 * in each step, `if row == k then x else old`, would copy the others from one place to the other.
 * Here such a tensor has one place, of which only row k is written. A running sum has one place
 * too: two would be twice as much to go through. In: a loop's body. Out: which carried values stay;
 * the stores of one row. */
#include "loop/lower.h"

/* ---- which ---- */
/* v[i, ..] = k for all i, k a scalar. */
static Val spread_scalar(const Fn *f, Val v) {
  const Ins *in = fn_ins(f, v);
  if (in->shape.rank == 0) return v;
  return in->op == OP_view && fn_ins(f, in->arg[0])->shape.rank == 0 ? in->arg[0] : 0;
}

/* The view is its operand along the first axis, the same for all others. */
static bool is_along_rows(const Fn *f, const Ins *view) {
  if (view->op != OP_view || fn_ins(f, view->arg[0])->shape.rank != 1) return false;
  const ViewDim *d = &view->u.view->dim[0];
  return d->off == 0 && d->den == 1 && d->n == 1 && d->term[0].label == 0 && d->term[0].coef == 1 &&
         fn_ins(f, view->arg[0])->shape.dim[0] == view->shape.dim[0];
}

static const Ins *below_rows(const Fn *f, Val v) {
  const Ins *in = fn_ins(f, v);
  return is_along_rows(f, in) ? fn_ins(f, in->arg[0]) : in;
}

bool row_update(const Fn *f, Val v, RowUpdate *u) {
  const Ins *in = fn_ins(f, v);
  if (in->op != OP_select || in->shape.rank == 0) return false;
  const Ins *here = below_rows(f, in->arg[0]);
  if (here->op != OP_eq) return false;
  for (int i = 0; i < 2; i++) {
    Val k = spread_scalar(f, here->arg[1 - i]);
    if (!k || below_rows(f, here->arg[i])->op != OP_iota) continue;
    *u = (RowUpdate){.k = k, .x = in->arg[1], .rows = in->arg[2]};
    return true;
  }
  return false;
}

static bool given_once(const Ins *in, Val v) {
  int n = 0;
  for (int i = 0; i < in->nargs; i++) n += in->arg[i] == v;
  return n == 1;
}

static bool used_once(const Fn *f, Val v) {
  int n = 0;
  for (int i = 0; i < f->out.n; i++) n += f->out.at[i].val == v;
  for (Val u = 1; u < f->ins.n; u++)
    for (int k = 0; k < fn_ins(f, u)->nargs; k++) n += fn_ins(f, u)->arg[k] == v;
  return n == 1;
}

/* v is made from arg element by element, and nothing else of it: a running sum. */
static bool updates_elements(const Fn *f, Val v, Val arg) {
  const Ins *in = fn_ins(f, v);
  if (!used_once(f, v) || op_kind((Op)in->op) != KIND_MAP) return v == arg && used_once(f, arg);
  bool some = false;
  for (int k = 0; k < in->nargs && !some; k++)
    some = in->arg[k] <= v && updates_elements(f, in->arg[k], arg);
  return some;
}

/* Output `out` of f is input `input`, or that with some of its rows replaced, which nothing reads,
 * or what it becomes element by element. */
static bool stays(const Fn *f, int out, int input) {
  Val v = f->out.at[out].val, arg = f->in.at[input].val;
  RowUpdate u;
  if (v == arg) return true;
  if (row_update(f, v, &u)) return u.rows == arg && used_once(f, arg);
  return part_stays(f, v, arg) || updates_elements(f, v, arg);
}

bool part_stays(const Fn *f, Val v, Val arg) {
  const Ins *in = fn_ins(f, v);
  if (in->op != OP_part) return false;
  const Ins *call = fn_ins(f, in->arg[0]);
  const Loop *l = call->op == OP_loop ? call->u.loop : NULL;
  if (!l || in->u.i >= l->ncarry || call->arg[l->counted + in->u.i] != arg) return false;
  return given_once(call, arg) && stays(l->body, (int)in->u.i, 1 + (int)in->u.i);
}

bool *carried_that_stay(Cx *cx, const Loop *l) {
  bool *s = NEWS(cx->arena, bool, l->ncarry + 1);
  for (int i = 0; i < l->ncarry; i++)
    s[i] = l->body->in.at[1 + i].shape.rank > 0 && stays(l->body, i, 1 + i);
  return s;
}

Fn *body_in_place(const Loop *l, const bool *stay) {
  Cx *cx = l->body->cx;
  Fn *f = arena_copy(cx->arena, l->body, sizeof *f);
  f->out.at = arena_copy(cx->arena, f->out.at, sizeof(Output) * (size_t)MAX(1, f->out.n));
  f->out.cap = f->out.n;
  for (int i = 0; i < l->ncarry; i++)
    if (stay[i]) f->out.at[i].alias = 1 + i;
  return f;
}

/* ---- the stores ---- */
typedef struct RowWork {
  Val v, x;
  AxisIx at[IR_MAX_RANK];
  int axis;
} RowWork;

static void row_body(Low *lw, void *arg, AxisIx ix, Point pt) {
  RowWork *w = arg;
  if (w->axis > 0) w->at[w->axis] = ix;
  Ex value = value_reg(lw, w->x, w->at, pt);
  Dim lane;
  Ex dyn;
  Ix lin = low_linear(lw, &low_ins(lw, w->v)->shape, 0, w->at, &lane, &dyn);
  if (dyn) dyn = ex_let(lw, dyn, NULL);
  st_store(&lw->m, lw->place[w->v].buf, lin, lane, dyn, pt.vmask, value, false);
}

/* Only where the value's place is that of the rows it replaces. */
static bool updates_in_place(const Low *lw, Val v, RowUpdate *u) {
  const Place *p = &lw->place[v];
  if (!row_update(lw->f, v, u) || p->buf < 0 || p->skip || p->also.n) return false;
  const Buffer *b = &lw->p->buf.at[p->buf];
  return b->kind == BUF_OUTPUT && b->same_as >= 0 && lw->f->in.at[b->same_as].val == u->rows;
}

static void store_row(Low *lw, const Nest *n, Val v, const RowUpdate *u) {
  const Shape *s = &low_ins(lw, v)->shape;
  RowWork w = {.v = v, .x = u->x};
  Ex k = value_reg(lw, u->k, w.at, point_scalar());
  DType t = ex_type(lw, k);
  Ex from = low_map(lw, OP_ge, T_BOOL, (Ex[]){k, ex_imm_i(&lw->m, t, 1, 0)}, 2);
  Ex to = low_map(lw, OP_lt, T_BOOL, (Ex[]){k, ex_dim(lw, t, 1, s->dim[0])}, 2);
  Stmt *some = st_if(&lw->m, mask_and(lw, from, to));
  int32_t memo;
  Block *outer = low_enter(lw, &some->u.cond.then, &memo);
  w.at[0] = (AxisIx){.dyn = ex_let(lw, low_map(lw, OP_cast, T_I32, &k, 1), NULL)};
  LoopMark mark[IR_MAX_RANK];
  int loops = 0;
  for (int d = 1; d < s->rank; d++) {
    w.at[d] = axis_number(0);
    if (s->dim[d] == 1) continue;
    if (w.axis)
      w.at[w.axis] =
          axis_var(lw, low_for(lw, FOR_SERIAL, "i", 0, s->dim[w.axis], 1, &mark[loops++]));
    w.axis = d;
  }
  if (w.axis)
    low_vectors(lw, s->dim[w.axis], lanes_for(nest_lanes(n), s->dim[w.axis]), nest_ops(n), row_body,
                &w);
  else row_body(lw, &w, axis_number(0), point_scalar());
  while (loops > 0) low_end(lw, mark[--loops]);
  low_leave(lw, outer, memo);
}

bool lower_rows(Low *lw, const Nest *n) {
  RowUpdate u;
  if (n->kind != NEST_MAP || lw->rows || n->root.n != 1) return false;
  if (!updates_in_place(lw, n->root.at[0], &u)) return false;
  lw->may_parallel = false;
  store_row(lw, n, n->root.at[0], &u);
  return true;
}
