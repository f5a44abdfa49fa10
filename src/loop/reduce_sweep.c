/* reduce_sweep.c: sums along columns of a large matrix. In: reductions whose vectors lie along a
 * kept axis, over rows that lie far apart in memory. Out: loops that go through the rows as they
 * lie, a few at a time, with the accumulators of all columns (or of a block that the first cache
 * holds) in memory.
 *
 * A block of columns for itself would go down the matrix with a step of a whole row: no prefetcher
 * follows from page to page (4096 x 1024 f32: 600 to 1120 us that way, 270 to 330 by rows). Each
 * column is added up in the order of its rows either way, so no bit differs. */
#include "loop/reduce.h"

enum { ROWS = 4, LEAST_ROWS = 16, LEAST_STEP = 1024 /* bytes from row to row */ };

typedef struct Sweep {
  FoldWork *w;
  LoopAxis kept, red;
  AxisIx row;
  int rows;
  Ix base; /* the block's first column */
  Buf buf[MOST_TOGETHER];
  enum { BEGIN, ADD, END } what;
} Sweep;

/* Rows far apart, and more of them than caches hold. */
static bool reads_afar(const Low *lw, const Analysis *an, int axis, int column) {
  for (int i = 0; i < an->access.n; i++) {
    const Access *a = &an->access.at[i];
    const Ins *leaf = low_ins(lw, a->leaf);
    double bytes = type_info[leaf->type].bytes;
    if (a->stride[column] == 1 && low_number(lw, a->stride[axis]) * bytes >= LEAST_STEP &&
        shape_expected(lw->cx, &leaf->shape) * bytes >= (double)lw->p->target.l2 / 2)
      return true;
  }
  return false;
}

bool sweep_pays(const Low *lw, const FoldWork *w) {
  const FoldPlan *p = &w->plan;
  if (!p->nred || !p->nkept) return false;
  LoopAxis kept = p->kept[p->nkept - 1], red = p->red[p->nred - 1];
  bool far = false;
  if (!dim_is_number(kept.extent) || kept.extent < 2 * ALONG_VECTORS * p->lanes ||
      !dim_is_number(red.extent) || red.extent < LEAST_ROWS || w->triangle.n ||
      (w->triangle.boxes.n == 1 && w->triangle.boxes.box[0].n))
    return false;
  for (int i = 0; i < w->n->side.n; i++) {
    const Side *s = w->n->side.at[i];
    far |= s->of && reads_afar(lw, &s->an, red.axis, s->kept[kept.axis]);
  }
  return far;
}

/* One vector of columns: the accumulators begin, take in some rows, or are the results. */
static void sweep_vector(Low *lw, void *arg, AxisIx ix, Point pt) {
  Sweep *s = arg;
  FoldWork *w = s->w;
  Ix at = ix.ix;
  ix.ix = ix_plus(&lw->m, s->base, ix.ix);
  fold_set_kept(w, s->kept.axis, ix);
  for (int i = 0; i < w->nparts; i++) {
    FoldPart *p = &w->part[i];
    Ex start = s->what == BEGIN ? fold_start(lw, p->fold, pt.lanes)
                                : ex_load(&lw->m, s->buf[i], at, pt.lanes, 1, 0, 0);
    p->acc[0] = st_let(&lw->m, start, name_of(lw->cx, "acc"));
  }
  for (int r = 0; r < s->rows && s->what == ADD; r++) {
    w->in[s->red.axis] = axis_plus(lw, s->row, r);
    fold_accumulate(lw, w, 0, pt);
  }
  if (s->what == END) fold_finish(lw, w, 0, 1, pt);
  for (int i = 0; i < w->nparts && s->what != END; i++)
    st_store(&lw->m, s->buf[i], at, 1, 0, 0, ex_reg(&lw->m, w->part[i].acc[0]), false);
}

static void sweep_columns(Low *lw, Sweep *s, Dim columns, double ops) {
  int lanes = lanes_for(s->w->plan.lanes, columns);
  low_vectors(lw, columns, lanes, ops, sweep_vector, s);
}

static void sweep_block(Low *lw, Sweep *s, Ix base, int64_t columns) {
  const FoldPlan *p = &s->w->plan;
  LoopMark mark[IR_MAX_RANK];
  s->base = base;
  s->what = BEGIN;
  sweep_columns(lw, s, columns, 1);
  s->what = ADD;
  for (int i = 0; i + 1 < p->nred; i++)
    s->w->in[p->red[i].axis] =
        axis_var(lw, low_for(lw, FOR_SERIAL, "k", 0, p->red[i].extent, 1, &mark[i]));
  int64_t whole = s->red.extent / ROWS * ROWS;
  for (int part = 0; part < 2; part++) {
    int64_t lo = part ? whole : 0, hi = part ? s->red.extent : whole;
    LoopMark red;
    s->rows = part ? 1 : ROWS;
    if (lo == hi) continue;
    s->row = axis_var(lw, low_for(lw, FOR_SERIAL, "k", lo, hi, s->rows, &red));
    sweep_columns(lw, s, columns, ROWS * (1 + nest_ops(s->w->n)));
    low_end(lw, red);
  }
  for (int i = p->nred - 2; i >= 0; i--) low_end(lw, mark[i]);
  s->what = END;
  sweep_columns(lw, s, columns, 1 + nest_ops(s->w->n));
}

/* Columns of a block: their accumulators take half of the first cache, and workers have a block
 * each. */
static int64_t block_columns(const Low *lw, const FoldWork *w, int64_t columns) {
  int64_t bytes = 0, unit = (int64_t)ALONG_VECTORS * w->plan.lanes;
  for (int i = 0; i < w->nparts; i++) bytes += type_info[fold_acc_type(w->part[i].fold)].bytes;
  int64_t most = MAX(unit, lw->p->target.l1 / 2 / bytes / unit * unit);
  int workers = lw->may_parallel ? lw->p->target.threads : 1;
  return MIN(columns, MIN(most, (columns + workers * unit - 1) / (workers * unit) * unit));
}

void fold_sweep(Low *lw, FoldWork *w) {
  const FoldPlan *p = &w->plan;
  Sweep s = {.w = w, .kept = p->kept[p->nkept - 1], .red = p->red[p->nred - 1]};
  int64_t columns = block_columns(lw, w, s.kept.extent), blocks = s.kept.extent / columns;
  int64_t rest = s.kept.extent - blocks * columns;
  LoopMark mark;
  Ix base = ix_number(0);
  int64_t room = (columns + p->lanes - 1) / p->lanes * p->lanes;
  for (int i = 0; i < w->nparts; i++)
    s.buf[i] =
        low_buffer(lw, name_of(lw->cx, "sums"), BUF_LOCAL, fold_acc_type(w->part[i].fold), room);
  if (blocks > 1) {
    ForKind kind = rest ? FOR_SERIAL : low_outermost(lw);
    Var v = low_for(lw, kind, "c", 0, blocks, 1, &mark);
    base = ix_add_term(&lw->m, base, v, columns);
  }
  bool parallel = lw->may_parallel;
  lw->may_parallel = false; /* the loops inside aren't */
  sweep_block(lw, &s, base, columns);
  if (blocks > 1) low_end(lw, mark);
  if (rest) sweep_block(lw, &s, ix_number(blocks * columns), rest);
  lw->may_parallel = parallel;
}
