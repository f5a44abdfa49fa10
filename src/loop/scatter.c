/* scatter.c: lowers scatters: zeros, then the updates added in the order of their index, so that it
 * is the same sum every time. The last axis that isn't scattered is walked by vectors: its elements
 * are distinct; workers share it by columns, so each element's updates stay in order. What falls
 * outside is dropped. */
#include "loop/lower.h"

typedef struct ScatterWork {
  Val upd, out;
  Buf buf;
  AxisIx at[IR_MAX_RANK], to[IR_MAX_RANK];
  int axis, to_axis;
  Ix first;      /* index along that axis at which this worker's columns begin, */
  int64_t width; /* and how many they are */
} ScatterWork;

static void zero_body(Low *lw, void *arg, AxisIx ix, Point pt) {
  ScatterWork *w = arg;
  DType t = (DType)low_ins(lw, w->out)->type;
  st_store(&lw->m, w->buf, ix_plus(&lw->m, w->first, ix.ix), ix.lane, 0, pt.vmask,
           ex_imm_i(&lw->m, t, pt.lanes, 0), false);
}

static void scatter_body(Low *lw, void *arg, AxisIx ix, Point pt) {
  ScatterWork *w = arg;
  ix.ix = ix_plus(&lw->m, w->first, ix.ix);
  if (w->axis >= 0) w->at[w->axis] = w->to[w->to_axis] = ix;
  Ex value = value_reg(lw, w->upd, w->at, pt);
  Dim lane;
  Ex dyn;
  Ix lin = low_linear(lw, &low_ins(lw, w->out)->shape, 0, w->to, &lane, &dyn);
  if (dyn) dyn = ex_let(lw, dyn, NULL);
  DType t = ex_type(lw, value);
  if (pt.lanes == 1 && t != T_BOOL) {
    st_store(&lw->m, w->buf, lin, 1, dyn, 0, value, true);
    return;
  }
  Ex old = ex_load(&lw->m, w->buf, lin, pt.lanes, lane, dyn, pt.vmask);
  Ex sum = low_map(lw, t == T_BOOL ? OP_or : OP_add, t, (Ex[]){old, value}, 2);
  st_store(&lw->m, w->buf, lin, lane, dyn, pt.vmask, sum, false);
}

/* The index of every scattered axis of the result, and whether all are inside (0: no axis). */
static Ex scattered(Low *lw, ScatterWork *w, const Ins *in) {
  const Gather *g = in->u.gather;
  Ex inside = 0;
  for (int k = 0; k < g->naxes; k++) {
    Ex i = value_reg(lw, in->arg[k + 1], w->at, point_scalar());
    DType t = ex_type(lw, i);
    Dim extent = in->shape.dim[g->axis[k]];
    Ex lo = low_map(lw, OP_ge, T_BOOL, (Ex[]){i, ex_imm_i(&lw->m, t, 1, 0)}, 2);
    Ex hi = low_map(lw, OP_lt, T_BOOL, (Ex[]){i, ex_dim(lw, t, 1, extent)}, 2);
    inside = mask_and(lw, inside, mask_and(lw, lo, hi));
    w->to[g->axis[k]] = (AxisIx){.dyn = ex_let(lw, low_map(lw, OP_cast, T_I32, &i, 1), NULL)};
  }
  return inside;
}

/* The axes that aren't scattered: axis first + k of the updates is axis to_axis[k] of the result.
 */
static void rest_axes(Low *lw, ScatterWork *w, int first, const int *to_axis, int lanes) {
  const Shape *us = &low_ins(lw, w->upd)->shape;
  int loops = 0;
  LoopMark mark[IR_MAX_RANK];
  for (int d = first; d < us->rank; d++) {
    w->to[to_axis[d - first]] = axis_number(0);
    if (us->dim[d] == 1) continue;
    bool last = true;
    for (int e = d + 1; e < us->rank; e++) last &= us->dim[e] == 1;
    if (last) {
      w->axis = d;
      w->to_axis = to_axis[d - first];
    } else {
      Var v = low_for(lw, FOR_SERIAL, "i", 0, us->dim[d], 1, &mark[loops++]);
      w->at[d] = w->to[to_axis[d - first]] = axis_var(lw, v);
    }
  }
  if (w->axis < 0) scatter_body(lw, w, axis_number(0), point_scalar());
  else
    low_vectors(lw, w->width ? w->width : us->dim[w->axis], lanes_for(lanes, us->dim[w->axis]), 8,
                scatter_body, w);
  while (loops > 0) low_end(lw, mark[--loops]);
}

/* Columns of the result that one worker makes: the last axis isn't scattered and has several
 * vectors; 0: one worker makes all. */
static int64_t columns(Low *lw, const Ins *in) {
  const Gather *g = in->u.gather;
  int rank = in->shape.rank, lanes = target_lanes(&lw->p->target, (DType)in->type);
  if (rank == 0 || g->axis[g->naxes - 1] == rank - 1 || !lw->may_parallel) return 0;
  Dim n = in->shape.dim[rank - 1];
  for (int parts = dim_is_number(n) ? 4 : 1; parts >= 2; parts--)
    if (n % ((int64_t)parts * lanes) == 0) return n / parts;
  return 0;
}

static void clear(Low *lw, ScatterWork *w) {
  const Ins *in = low_ins(lw, w->out);
  Dim count = shape_count(lw->cx, &in->shape),
      n = in->shape.rank ? in->shape.dim[in->shape.rank - 1] : 1, others = 0;
  int lanes = target_lanes(&lw->p->target, (DType)in->type);
  if (!w->width) {
    low_vectors(lw, count, lanes_for(lanes, count), 1, zero_body, w);
    return;
  }
  LoopMark mark;
  Ix first = w->first;
  dim_divides(lw->cx, count, n, &others);
  Var row = low_for(lw, FOR_SERIAL, "i", 0, others, 1, &mark);
  w->first = ix_add_term(&lw->m, first, row, n);
  low_vectors(lw, w->width, lanes, 1, zero_body, w);
  low_end(lw, mark);
  w->first = first;
}

static void add_updates(Low *lw, ScatterWork *w, Nest *n) {
  const Ins *in = low_ins(lw, n->anchor);
  const Gather *g = in->u.gather;
  const Shape *us = &low_ins(lw, in->arg[0])->shape;
  int nidx = low_ins(lw, in->arg[1])->shape.rank, loops = 0, rest = 0;
  int to_axis[IR_MAX_RANK];
  for (int d = 0, k = 0; d < in->shape.rank; d++) {
    if (k < g->naxes && g->axis[k] == d) k++;
    else to_axis[rest++] = d;
  }
  LoopMark mark[IR_MAX_RANK];
  for (int d = 0; d < us->rank; d++) w->at[d] = axis_number(0);
  for (int d = 0; d < nidx; d++)
    if (us->dim[d] != 1)
      w->at[d] = axis_var(lw, low_for(lw, FOR_SERIAL, "s", 0, us->dim[d], 1, &mark[loops++]));
  Ex inside = scattered(lw, w, in);
  int32_t memo = 0;
  Stmt *guard = inside ? st_if(&lw->m, inside) : NULL;
  Block *outer = guard ? low_enter(lw, &guard->u.cond.then, &memo) : NULL;
  rest_axes(lw, w, nidx, to_axis, nest_lanes(n));
  if (guard) low_leave(lw, outer, memo);
  while (loops > 0) low_end(lw, mark[--loops]);
}

void lower_scatter(Low *lw, Nest *n) {
  const Ins *in = low_ins(lw, n->anchor);
  ScatterWork w = {.upd = in->arg[0], .out = n->anchor, .buf = lw->place[n->anchor].buf};
  w.axis = w.to_axis = -1;
  if (w.buf < 0) return; /* nobody reads it */
  w.width = columns(lw, in);
  LoopMark mark;
  if (w.width) {
    Var c = low_for(lw, low_outermost(lw), "c", 0, in->shape.dim[in->shape.rank - 1] / w.width, 1,
                    &mark);
    w.first = ix_add_term(&lw->m, ix_number(0), c, w.width);
  }
  lw->may_parallel = false;
  clear(lw, &w);
  add_updates(lw, &w, n);
  if (w.width) low_end(lw, mark);
}
