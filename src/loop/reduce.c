/* reduce.c: lowers reductions. Three forms, chosen by how the operand lies in memory:
 *
 *   across: vectors run along a reduced axis; a fixed number of vector accumulators, added by a
 *           fixed tree, then the lanes of the last one (EX_REDUCE)
 *   along:  vectors run along a kept axis; one accumulator per vector of a block of columns, the
 *           reduced axes are the inner loops
 *   sweep:  the same sums by rows of the operand, with accumulators in memory (reduce_sweep.c)
 *
 * Several reductions of the same elements share the loops, each with accumulators of its own
 * (fold_joins, reduce_plan.c); each goes in the order it would alone, but for the last columns of
 * `along`, in blocks half as wide.
 *
 * The order of every sum depends on shapes and target only. Lanes past the end contribute the
 * identity. Elementwise roots of the nest are computed on the results before they are stored. */
#include "loop/reduce.h"

#include <math.h>

double fold_identity(const Ins *fold) {
  bool f = type_is_float((DType)fold->type);
  switch (fold->op) {
  case OP_prod: return 1;
  case OP_amax: return f ? -INFINITY : 0;
  case OP_amin: return f ? INFINITY : 0;
  default: return 0;
  }
}

static int64_t int_identity(const Ins *fold, DType t) {
  bool max = fold->op == OP_amax;
  switch (fold->op) {
  case OP_prod: return 1;
  case OP_amax:
  case OP_amin: break;
  default: return 0;
  }
  switch ((DType)fold->type == T_BOOL ? T_BOOL : t) {
  case T_BOOL: return max ? 0 : 1;
  case T_U8: return max ? 0 : 255;
  case T_I32: return max ? INT32_MIN : INT32_MAX;
  default: return max ? INT64_MIN : INT64_MAX;
  }
}

/* Truth values are folded as 0 and 1. */
DType fold_acc_type(const Ins *fold) {
  return (DType)fold->type == T_BOOL ? T_I32 : (DType)fold->type;
}

Ex fold_start(Low *lw, const Ins *fold, int lanes) {
  DType t = fold_acc_type(fold);
  return type_is_float(t) ? ex_imm_f(&lw->m, t, lanes, fold_identity(fold))
                          : ex_imm_i(&lw->m, t, lanes, int_identity(fold, t));
}

static Op step_op(Op fold) {
  switch (fold) {
  case OP_prod: return OP_mul;
  case OP_amax: return OP_max;
  case OP_amin: return OP_min;
  default: return OP_add;
  }
}

Ex fold_step(Low *lw, Op fold, Ex acc, Ex x) {
  return low_map(lw, step_op(fold), ex_type(lw, acc), (Ex[]){x, acc}, 2);
}

/* ---- shared pieces ---- */
/* Opens a block for what a step adds, which is left out where the step adds nothing. */
typedef struct Step {
  Block *outer; /* NULL: it is always there */
  int32_t memo;
} Step;

void fold_set_kept(FoldWork *w, int d, AxisIx ix) {
  w->out[d] = ix;
  w->in[w->side->kept[d]] = ix;
}

static Ex operand(Low *lw, FoldWork *w, const FoldPart *p, Point pt) {
  Ex x = value_at(lw, p->fold->arg[0], w->in, pt);
  return (DType)p->fold->type == T_BOOL ? low_map(lw, OP_cast, T_I32, &x, 1) : x;
}

void fold_accumulate(Low *lw, FoldWork *w, int acc, Point pt) {
  for (int i = 0; i < w->nparts; i++) {
    const FoldPart *p = &w->part[i];
    Ex x = operand(lw, w, p, pt);
    if (w->plan.across && pt.vmask) {
      Ex arg[3] = {pt.vmask, x, fold_start(lw, p->fold, pt.lanes)};
      x = low_map(lw, OP_select, ex_type(lw, x), arg, 3);
    }
    st_set(&lw->m, p->acc[acc], fold_step(lw, p->fold->op, ex_reg(&lw->m, p->acc[acc]), x));
  }
}

static void new_accumulators(Low *lw, FoldWork *w, int n, int lanes) {
  for (int k = 0; k < w->nparts; k++)
    for (int i = 0; i < n; i++)
      w->part[k].acc[i] =
          st_let(&lw->m, fold_start(lw, w->part[k].fold, lanes), name_of(lw->cx, "acc"));
}

static Step step_begin(Low *lw, const FoldWork *w, const Along *along, int n) {
  Ex there = w->triangle.n ? triangle_there(lw, &w->triangle, w->in, along, n) : 0;
  Step s = {NULL, 0};
  if (there) s.outer = low_enter(lw, &st_if(&lw->m, there)->u.cond.then, &s.memo);
  return s;
}

/* What is left out of the loop over a reduced axis at either end. */
static Ends ends(Low *lw, const FoldWork *w, int axis, int by_lane, Dim extent, int64_t step) {
  return triangle_ends(lw, &w->triangle, w->in, axis, by_lane, extent, step);
}

static void step_end(Low *lw, Step s) {
  if (s.outer) low_leave(lw, s.outer, s.memo);
}

/* Adds up accumulators from, from + 1, ... by halves; returns the register of the sum. */
static Ex tree(Low *lw, const FoldPart *p, int from, int n) {
  Ex v[ALONG_VECTORS];
  for (int i = 0; i < n; i++) v[i] = ex_reg(&lw->m, p->acc[from + i]);
  for (; n > 1; n = (n + 1) / 2)
    for (int i = 0; i < n / 2; i++)
      v[i] = ex_let(lw, fold_step(lw, p->fold->op, v[i], v[i + (n + 1) / 2]), NULL);
  return v[0];
}

static void bind(Low *lw, FoldWork *w, const FoldPart *p, Ex value, Point pt) {
  if ((DType)p->fold->type == T_BOOL)
    value = low_map(lw, OP_ne, T_BOOL, (Ex[]){value, ex_imm_i(&lw->m, T_I32, pt.lanes, 0)}, 2);
  value = ex_let(lw, value, p->fold->hint);
  value_bind(lw, p->v, w->out, pt, value);
}

/* Accumulators from `from` on have become the results at a point. */
void fold_finish(Low *lw, FoldWork *w, int from, int n, Point pt) {
  for (int i = 0; i < w->nparts; i++) {
    const FoldPart *p = &w->part[i];
    Ex sum = tree(lw, p, from, n);
    if (w->plan.across || w->plan.nkept == 0) sum = ex_reduce(&lw->m, step_op(p->fold->op), sum);
    bind(lw, w, p, sum, pt);
  }
  low_store_roots(lw, w->n, w->out, pt);
}

/* ---- across ---- */
/* An extent that is a name: rounds of all accumulators, then one vector for each of them under the
 * mask of what is left. What the masks keep out adds the identity, so the sum is the one of a
 * number. */
static void across_named(Low *lw, FoldWork *w, LoopAxis red, int lanes, int unroll) {
  Cx *cx = lw->cx;
  int64_t step = (int64_t)unroll * lanes;
  Dim whole = dim_mul(cx, dim_floor_div(cx, red.extent, step), step),
      rest = dim_sub(cx, red.extent, whole);
  LoopMark mark;
  Ends e = ends(lw, w, red.axis, -1, whole, step);
  AxisIx base = axis_var(lw, low_for(lw, FOR_SERIAL, "k", 0, whole, step, &mark));
  low_between(mark.outer, e);
  Step s = step_begin(lw, w, &(Along){red.axis, base, step - 1}, 1);
  base.lane = lanes > 1;
  for (int u = 0; u < unroll; u++) {
    w->in[red.axis] = axis_plus(lw, base, (int64_t)u * lanes);
    fold_accumulate(lw, w, u, (Point){.lanes = lanes, .active = lanes});
  }
  step_end(lw, s);
  low_end(lw, mark);
  for (int u = 0; u < unroll && rest; u++) {
    Ix left = ix_number(dim_sub(cx, rest, (int64_t)u * lanes));
    Stmt *some = st_if(&lw->m, ex_active(&lw->m, 1, left));
    int32_t memo;
    Block *outer = low_enter(lw, &some->u.cond.then, &memo);
    Point pt = {.lanes = lanes, .active = lanes};
    if (lanes > 1) pt.vmask = ex_let(lw, ex_active(&lw->m, lanes, left), NULL);
    pt.by_lane = lanes > 1;
    w->in[red.axis] = axis_number(dim_add(cx, whole, (int64_t)u * lanes));
    w->in[red.axis].lane = lanes > 1;
    fold_accumulate(lw, w, u, pt);
    low_leave(lw, outer, memo);
  }
}

static void across_vectors(Low *lw, FoldWork *w, LoopAxis red, int lanes, int unroll) {
  if (!dim_is_number(red.extent)) {
    across_named(lw, w, red, lanes, unroll);
    return;
  }
  int64_t vectors = red.extent / lanes, tail = red.extent % lanes;
  int64_t groups = vectors / unroll, step = (int64_t)unroll * lanes;
  Point pt = {.lanes = lanes, .active = lanes};
  LoopMark mark;
  if (groups > 0) {
    AxisIx base = axis_number(0);
    if (groups > 1) {
      Ends e = ends(lw, w, red.axis, -1, groups * step, step);
      base = axis_var(lw, low_for(lw, FOR_SERIAL, "k", 0, groups * step, step, &mark));
      low_between(mark.outer, e);
    }
    Step s = {NULL, 0};
    if (groups > 2) s = step_begin(lw, w, &(Along){red.axis, base, step - 1}, 1);
    base.lane = lanes > 1;
    for (int u = 0; u < unroll; u++) {
      w->in[red.axis] = axis_plus(lw, base, (int64_t)u * lanes);
      fold_accumulate(lw, w, u, pt);
    }
    step_end(lw, s);
    if (groups > 1) low_end(lw, mark);
  }
  for (int64_t i = groups * unroll; i < vectors; i++) {
    w->in[red.axis] = axis_number(i * lanes);
    w->in[red.axis].lane = lanes > 1;
    fold_accumulate(lw, w, (int)(i - groups * unroll), pt);
  }
  if (!tail) return;
  pt.active = tail;
  pt.vmask = ex_let(lw, ex_active(&lw->m, lanes, ix_number(tail)), NULL);
  w->in[red.axis] = axis_number(vectors * lanes);
  w->in[red.axis].lane = 1;
  fold_accumulate(lw, w, (int)(vectors % unroll), pt);
}

static void fold_across(Low *lw, FoldWork *w) {
  FoldPlan *p = &w->plan;
  LoopMark mark[IR_MAX_RANK];
  int loops = 0;
  for (int i = 0; i < p->nkept; i++) {
    Var v = low_for(lw, low_outermost(lw), "i", 0, p->kept[i].extent, 1, &mark[loops++]);
    fold_set_kept(w, p->kept[i].axis, axis_var(lw, v));
  }
  LoopAxis red = p->nred ? p->red[p->nred - 1] : (LoopAxis){-1, 1};
  int lanes = p->nred ? lanes_for(p->lanes, red.extent) : 1;
  int unroll = ACROSS_ACCUMULATORS;
  if (dim_is_number(red.extent))
    unroll = (int)MAX(1, MIN(unroll, (red.extent + lanes - 1) / lanes));
  new_accumulators(lw, w, unroll, lanes);
  if (p->nred == 0) { /* nothing to add up */
    fold_accumulate(lw, w, 0, point_scalar());
  } else {
    LoopMark inner[IR_MAX_RANK];
    for (int i = 0; i + 1 < p->nred; i++)
      w->in[p->red[i].axis] =
          axis_var(lw, low_for(lw, FOR_SERIAL, "k", 0, p->red[i].extent, 1, &inner[i]));
    across_vectors(lw, w, red, lanes, unroll);
    for (int i = p->nred - 2; i >= 0; i--) low_end(lw, inner[i]);
  }
  fold_finish(lw, w, 0, unroll, point_scalar());
  while (loops > 0) low_end(lw, mark[--loops]);
}

/* ---- along ---- */
/* Columns base .. base + nvec * lanes, of which the last vector may have only `tail` lanes. */
static void along_block(Low *lw, FoldWork *w, Ix base, int nvec, int lanes, Dim tail) {
  FoldPlan *p = &w->plan;
  LoopAxis kept = p->kept[p->nkept - 1];
  LoopAxis last = p->nred ? p->red[p->nred - 1] : (LoopAxis){-1, 1};
  /* few columns: several rows at a time, so that sums needn't wait for each other */
  int rows = nvec < ACROSS_ACCUMULATORS &&
                     (!dim_is_number(last.extent) || last.extent >= ACROSS_ACCUMULATORS)
                 ? ACROSS_ACCUMULATORS / nvec
                 : 1;
  AxisIx col[ALONG_VECTORS];
  Point pt[ALONG_VECTORS];
  for (int i = 0; i < nvec; i++) {
    col[i] =
        (AxisIx){.ix = ix_plus(&lw->m, base, ix_number((int64_t)i * lanes)), .lane = lanes > 1};
    pt[i] = (Point){.lanes = lanes, .active = lanes};
    if (i == nvec - 1 && tail) {
      if (dim_is_number(tail)) pt[i].active = tail;
      else pt[i].by_lane = true;
      pt[i].vmask = ex_let(lw, ex_active(&lw->m, lanes, ix_number(tail)), NULL);
    }
  }
  new_accumulators(lw, w, nvec * rows, lanes);
  LoopMark mark[IR_MAX_RANK];
  for (int i = 0; i + 1 < p->nred; i++)
    w->in[p->red[i].axis] =
        axis_var(lw, low_for(lw, FOR_SERIAL, "k", 0, p->red[i].extent, 1, &mark[i]));
  Dim whole = dim_mul(lw->cx, dim_floor_div(lw->cx, last.extent, rows), rows);
  for (int part = 0; part < 2; part++) {
    Dim lo = part ? whole : 0, hi = part ? last.extent : whole;
    int step = part ? 1 : rows;
    if (lo == hi) continue;
    LoopMark red;
    bool loop = last.axis >= 0;
    AxisIx k = axis_number(0);
    if (loop) {
      Ends e = part ? (Ends){0, 0} : ends(lw, w, last.axis, w->side->kept[kept.axis], hi, step);
      k = axis_var(lw, low_for(lw, FOR_SERIAL, "k", lo, hi, step, &red));
      low_between(red.outer, e);
    }
    Along along[] = {{last.axis, k, step - 1},
                     {w->side->kept[kept.axis], {.ix = base}, (int64_t)nvec * lanes - 1}};
    Step s = {NULL, 0};
    if (loop && step == rows) s = step_begin(lw, w, along, 2);
    for (int r = 0; r < step; r++)
      for (int i = 0; i < nvec; i++) {
        if (loop) w->in[last.axis] = axis_plus(lw, k, r);
        fold_set_kept(w, kept.axis, col[i]);
        fold_accumulate(lw, w, i * rows + r, pt[i]);
      }
    step_end(lw, s);
    if (loop) low_end(lw, red);
  }
  for (int i = p->nred - 2; i >= 0; i--) low_end(lw, mark[i]);
  for (int i = 0; i < nvec; i++) {
    fold_set_kept(w, kept.axis, col[i]);
    fold_finish(lw, w, i * rows, rows, pt[i]);
  }
}

/* Columns whose number is a name: vectors one by one, then the masked rest. */
static void along_named(Low *lw, FoldWork *w, Dim extent, int lanes) {
  Cx *cx = lw->cx;
  Dim whole = dim_mul(cx, dim_floor_div(cx, extent, lanes), lanes),
      rest = dim_sub(cx, extent, whole);
  LoopMark mark;
  Var v = low_for(lw, FOR_SERIAL, "c", 0, whole, lanes, &mark);
  along_block(lw, w, ix_add_term(&lw->m, ix_number(0), v, 1), 1, lanes, 0);
  low_end(lw, mark);
  if (!rest) return;
  Stmt *some = st_if(&lw->m, ex_active(&lw->m, 1, ix_number(rest)));
  int32_t memo;
  Block *outer = low_enter(lw, &some->u.cond.then, &memo);
  along_block(lw, w, ix_number(whole), 1, lanes, rest);
  low_leave(lw, outer, memo);
}

static void fold_along(Low *lw, FoldWork *w) {
  FoldPlan *p = &w->plan;
  LoopMark mark[IR_MAX_RANK], block;
  int loops = 0;
  for (int i = 0; i + 1 < p->nkept; i++) {
    Var v = low_for(lw, low_outermost(lw), "i", 0, p->kept[i].extent, 1, &mark[loops++]);
    fold_set_kept(w, p->kept[i].axis, axis_var(lw, v));
  }
  LoopAxis kept = p->kept[p->nkept - 1];
  int lanes = lanes_for(p->lanes, kept.extent);
  if (sweep_pays(lw, w)) {
    fold_sweep(lw, w);
    while (loops > 0) low_end(lw, mark[--loops]);
    return;
  }
  if (!dim_is_number(kept.extent)) {
    along_named(lw, w, kept.extent, lanes);
    while (loops > 0) low_end(lw, mark[--loops]);
    return;
  }
  int64_t vectors = kept.extent / lanes, tail = kept.extent % lanes;
  int most = w->side->an.ops > 30 ? 2 : w->nparts > 1 ? ACROSS_ACCUMULATORS : ALONG_VECTORS;
  int nvec = (int)MAX(1, MIN(most, vectors));
  int64_t blocks = vectors / nvec, width = (int64_t)nvec * lanes;
  int rest = (int)(vectors - blocks * nvec) + (tail > 0);
  if (blocks > 0) {
    ForKind kind = rest == 0 && blocks > 1 ? low_outermost(lw) : FOR_SERIAL;
    Ix base = ix_number(0);
    if (blocks > 1) {
      Var v = low_for(lw, kind, "c", 0, blocks, 1, &block);
      base = ix_add_term(&lw->m, base, v, width);
    }
    along_block(lw, w, base, nvec, lanes, 0);
    if (blocks > 1) low_end(lw, block);
  }
  if (rest > 0) along_block(lw, w, ix_number(blocks * width), rest, lanes, tail);
  while (loops > 0) low_end(lw, mark[--loops]);
}

/* Limits of axes that are walked together with others say nothing of the loops there are. */
static void forget_merged(Low *lw, FoldWork *w) {
  const FoldPlan *p = &w->plan;
  const Shape *s = &low_ins(lw, w->side->v)->shape;
  bool alone[IR_MAX_RANK] = {false};
  for (int d = 0; d < s->rank; d++) alone[d] = s->dim[d] == 1;
  for (int d = 0; d < lw->rows; d++) alone[w->side->kept[d]] = true;
  for (int i = 0; i < p->nred; i++)
    alone[p->red[i].axis] = p->red[i].extent == s->dim[p->red[i].axis];
  for (int i = 0; i < p->nkept; i++) {
    int d = w->side->kept[p->kept[i].axis];
    alone[d] = p->kept[i].extent == s->dim[d];
  }
  for (int i = 0; i < w->triangle.boxes.n; i++) {
    Box *b = &w->triangle.boxes.box[i];
    int kept = 0;
    for (int k = 0; k < b->n; k++) {
      bool known = alone[b->limit[k].axis];
      for (int d = 0; d < s->rank; d++) known &= alone[d] || !b->limit[k].coef[d];
      if (known) b->limit[kept++] = b->limit[k];
    }
    b->n = kept;
  }
}

void lower_fold(Low *lw, Nest *n) {
  FoldWork *w = NEW(lw->arena, FoldWork);
  w->n = n;
  w->side = n->side.at[0];
  for (int i = 0; i < n->side.n; i++) {
    Val v = n->side.at[i]->of;
    if (v) w->part[w->nparts++] = (FoldPart){.v = v, .fold = low_ins(lw, v)};
  }
  plan_fold(lw, n, lw->rows, &w->plan);
  w->triangle = triangle_of(lw, w->part[0].fold, w->side->v);
  forget_merged(lw, w);
  for (int d = 0; d < low_ins(lw, w->side->v)->shape.rank; d++) w->in[d] = axis_number(0);
  for (int d = 0; d < n->shape.rank; d++)
    fold_set_kept(w, d, d < lw->rows ? lw->row[d] : axis_number(0));
  if (w->plan.across || w->plan.nkept == 0) fold_across(lw, w);
  else fold_along(lw, w);
}
