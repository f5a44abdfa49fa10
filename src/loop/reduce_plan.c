/* reduce_plan.c: how reductions are walked. In: a nest of reductions. Out: the form (reduce.c has
 * them), axes merged, the axis of vectors, a cost; and which reductions share a nest's loops. */
#include "loop/reduce.h"

enum {
  MOST_UNROLLED = 64, /* elements that slim.c may write out */
  FEW_VECTORS = 4
};

static double vector_cost(const Low *lw, const Analysis *an, int axis, Dim dim, int lanes) {
  int64_t extent = low_number(lw, dim);
  int l = lanes_for(lanes, extent);
  int64_t vectors = (extent + l - 1) / l;
  double loads = 1 + an->ops;
  for (int k = 0; k < an->access.n; k++) loads += access_lane_cost(&an->access.at[k], axis, l);
  return loads * (double)vectors / (double)MAX(1, extent);
}

int nest_folds(const Nest *n) {
  int folds = 0;
  for (int i = 0; n->kind == NEST_FOLD && i < n->side.n; i++) folds += n->side.at[i]->of != 0;
  return folds;
}

/* The operands of all its folds can be walked along axes i and j as along one. */
static bool operands_merge(const Nest *n, int i, int j) {
  for (int k = 0; k < n->side.n; k++)
    if (n->side.at[k]->of && !axes_merge(&n->side.at[k]->an, i, j)) return false;
  return true;
}

static double operands_cost(const Low *lw, const Nest *n, int axis, Dim dim, int lanes) {
  double cost = 0;
  for (int k = 0; k < n->side.n; k++)
    if (n->side.at[k]->of) cost += vector_cost(lw, &n->side.at[k]->an, axis, dim, lanes);
  return cost;
}

static void reduced_axes(const Nest *n, const Ins *fold, FoldPlan *p) {
  const Analysis *an = &n->side.at[0]->an;
  int last = -1; /* outermost part of the axis being merged */
  p->nred = 0;
  for (int i = an->axes - 1; i >= 0; i--) {
    if (!(fold->u.axes >> i & 1) || an->extent[i] == 1) continue;
    LoopAxis *r = &p->red[MAX(0, p->nred - 1)];
    if (last >= 0 && operands_merge(n, i, last))
      r->extent = dim_mul(an->cx, r->extent, an->extent[i]);
    else p->red[p->nred++] = (LoopAxis){i, an->extent[i]};
    last = i;
  }
  for (int i = 0; i < p->nred / 2; i++) {
    LoopAxis t = p->red[i];
    p->red[i] = p->red[p->nred - 1 - i];
    p->red[p->nred - 1 - i] = t;
  }
}

void plan_fold(Low *lw, const Nest *n, int rows, FoldPlan *p) {
  const Side *s = n->side.at[0];
  reduced_axes(n, low_ins(lw, n->anchor), p);
  p->nkept = nest_axes(lw->cx, n, rows, p->kept);
  p->lanes = nest_lanes(n);
  double across = 1e30, along = 1e30;
  if (p->nred) {
    /* vectors along the reduced axis that reads best */
    int best = p->nred - 1;
    for (int i = 0; i < p->nred; i++) {
      double c = operands_cost(lw, n, p->red[i].axis, p->red[i].extent, p->lanes);
      if (c < across) across = c, best = i;
    }
    LoopAxis t = p->red[best];
    for (int i = best; i + 1 < p->nred; i++) p->red[i] = p->red[i + 1];
    p->red[p->nred - 1] = t;
    double total = 1;
    for (int i = 0; i < p->nred; i++) total *= (double)low_number(lw, p->red[i].extent);
    int tree = 2; /* over the lanes, once a result */
    for (int l = lanes_for(p->lanes, p->red[p->nred - 1].extent); l > 1; l /= 2) tree += 2;
    across += tree / MAX(1, total);
  }
  if (p->nkept) {
    LoopAxis k = p->kept[p->nkept - 1];
    along = operands_cost(lw, n, s->kept[k.axis], k.extent, p->lanes);
  }
  p->ratio = across / along;
  p->cost = MIN(across, along);
  p->across = p->ratio < 1 || (p->nred && p->lanes == 1);
}

double fold_cost(Low *lw, const Nest *n, int rows) {
  const Analysis *an = &n->side.at[0]->an;
  FoldPlan p;
  double all = 1;
  plan_fold(lw, n, rows, &p);
  for (int d = 0; d < an->axes; d++) all *= (double)low_number(lw, an->extent[d]);
  return all * p.cost;
}

bool fold_wants_row_axis(Low *lw, Val fold, int rows) {
  const Nest *n = &lw->nest.at[lw->place[fold].nest];
  FoldPlan all, inner;
  plan_fold(lw, n, 0, &all);
  if (all.across || all.ratio < 2) return false;
  plan_fold(lw, n, rows, &inner);
  return inner.across || inner.nkept == 0 ||
         low_number(lw, inner.kept[inner.nkept - 1].extent) * 2 <
             low_number(lw, all.kept[all.nkept - 1].extent);
}

/* ---- several in the same loops ---- */
static bool axes_eq(const LoopAxis *a, const LoopAxis *b, int n) {
  for (int i = 0; i < n; i++)
    if (a[i].axis != b[i].axis || a[i].extent != b[i].extent) return false;
  return true;
}

static bool plans_eq(const FoldPlan *a, const FoldPlan *b) {
  return a->across == b->across && a->lanes == b->lanes && a->nkept == b->nkept &&
         a->nred == b->nred && axes_eq(a->kept, b->kept, a->nkept) &&
         axes_eq(a->red, b->red, a->nred);
}

/* Alone and together they go through the elements in the same way. */
static bool plans_agree(Low *lw, const Nest *n, Side *s) {
  Nest one = {.kind = NEST_FOLD, .anchor = s->of, .shape = n->shape}, all = *n;
  FoldPlan plan[3];
  memset(&all.side, 0, sizeof all.side);
  for (int i = 0; i < n->side.n; i++) vec_push(lw->arena, &all.side, n->side.at[i]);
  vec_push(lw->arena, &all.side, s);
  vec_push(lw->arena, &one.side, s);
  plan_fold(lw, n, 0, &plan[0]);
  plan_fold(lw, &one, 0, &plan[1]);
  plan_fold(lw, &all, 0, &plan[2]);
  return plans_eq(&plan[0], &plan[1]) && plans_eq(&plan[0], &plan[2]);
}

/* Some operand of the nest reads at the same indices what s does. */
static bool reads_agree(const Nest *n, const Side *s) {
  for (int i = 0; i < n->side.n; i++) {
    const Side *t = n->side.at[i];
    for (int k = 0; t->of && k < t->an.access.n; k++)
      for (int j = 0; j < s->an.access.n; j++)
        if (access_same(&s->an, &s->an.access.at[j], &t->an.access.at[k])) return true;
  }
  return false;
}

bool fold_no_triangle(Low *lw, Val v) {
  const Ins *fold = low_ins(lw, v);
  Triangle t = triangle_of(lw, fold, fold->arg[0]);
  return t.n == 0 && (t.boxes.n != 1 || t.boxes.box[0].n == 0);
}

bool fold_joins(Low *lw, const Nest *n, Val v, Side *s) {
  const Ins *fold = low_ins(lw, v), *first = low_ins(lw, n->anchor);
  const Shape *whole = &low_ins(lw, fold->arg[0])->shape;
  double elements = (double)low_number(lw, shape_count(lw->cx, whole)), kept = 1, ops = s->an.ops;
  int folds = nest_folds(n);
  if (fold->u.axes != first->u.axes || !shape_eq(whole, &low_ins(lw, first->arg[0])->shape))
    return false;
  for (int i = 0; i < n->side.n; i++)
    if (n->side.at[i]->of) ops += n->side.at[i]->an.ops;
  /* accumulators have half of the registers */
  if (folds >= MIN(MOST_TOGETHER, lw->p->target.vector_regs / 2 / ACROSS_ACCUMULATORS) ||
      ops > MOST_OPS_TOGETHER)
    return false;
  for (int d = 0; d < n->shape.rank; d++) kept *= (double)low_number(lw, n->shape.dim[d]);
  if (n->shape.rank > 0 && elements <= MOST_UNROLLED * kept) return false;
  bool few = elements <= FEW_VECTORS * s->an.lanes; /* they share the kernel's call */
  return (few || reads_agree(n, s)) && fold_no_triangle(lw, v) && fold_no_triangle(lw, n->anchor) &&
         plans_agree(lw, n, s);
}
