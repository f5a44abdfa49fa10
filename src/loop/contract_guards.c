/* contract_guards.c: sums that do only the products that are there. In: a contraction that skips
 * what is read outside. Out: for each guard
 *
 *   0 <= off + a * (index h of the result) + c * (summed index i) < extent
 *
 * between which i it can hold: the ends of the loop over i. The data gradient of a convolution
 * without padding has such guards, dX[h, w] = sum over i, j of dY[h - i, w - j] * K[i, j]: at the
 * edges few of the terms are there.
 *
 * Where h stands still in a tile the ends are exact: all terms between them are there, nothing is
 * read outside and no condition is asked. Along an axis of the tile the ends are those of its first
 * and its last index together, and what is read beyond an edge is 0. */
#include "loop/contract.h"

enum {
  INNER_STEPS = 8,     /* of the sum inside a loop with computed ends, which then cost little */
  MOST_POSITIONS = 256 /* of tiles along an axis, looked at for the average */
};
static const double WORTH_ENDS = 0.97; /* of all products, those left */

/* ---- finding them ---- */
static Form *own_forms(Low *lw, const uint8_t *label, int rank) {
  Form *f = NEWS(lw->arena, Form, MAX(1, rank));
  for (int d = 0; d < rank; d++) f[d].coef[label[d]] = 1;
  return f;
}

/* The index in one dimension of what is viewed. */
static Form through(Low *lw, const ViewDim *vd, const Form *at, int labels) {
  Form r = {.off = vd->off, .opaque = vd->den != 1};
  for (int k = 0; k < vd->n; k++) {
    const Form *x = &at[vd->term[k].label];
    Dim by = vd->term[k].coef;
    r.opaque |= x->opaque;
    r.off = dim_add(lw->cx, r.off, dim_mul(lw->cx, by, x->off));
    for (int l = 0; l < labels; l++)
      r.coef[l] = dim_add(lw->cx, r.coef[l], dim_mul(lw->cx, by, x->coef[l]));
  }
  return r;
}

/* The merged axis that is label l alone; -1. */
static int axis_of(const ContractPlan *p, int l) {
  for (int i = 0; i < p->count; i++)
    if (p->at[i].label == l && p->at[i].outer == l) return i;
  return -1;
}

/* False where the form is anything but one summed index, and at most one of the result. */
static bool set_guard(Low *lw, const ContractPlan *p, const Form *f, SumGuard *g) {
  g->out = g->summed = -1;
  if (f->opaque) return false;
  g->off = f->off;
  g->expected_off = low_number(lw, f->off);
  g->expected_extent = low_number(lw, g->extent);
  for (int l = 0; l < p->in->u.contract->nlabels; l++) {
    if (f->coef[l] == 0 || p->side[0]->an.extent[l] == 1) continue;
    int axis = axis_of(p, l);
    if (axis < 0 || !dim_is_number(f->coef[l])) return false;
    int *slot = p->at[axis].out ? &g->out : &g->summed;
    if (*slot >= 0) return false;
    *slot = axis;
    *(p->at[axis].out ? &g->out_coef : &g->coef) = f->coef[l];
  }
  return g->summed >= 0;
}

/* The guards of the first view below operand k that reads outside, or that its padded copy was made
 * by: the same that value_inside asks for. */
static void guards_of(Low *lw, ContractPlan *p, int k) {
  const Contract *c = p->in->u.contract;
  SumGuards *all = p->guards;
  Val v = p->in->arg[k];
  const Form *at = own_forms(lw, k ? c->b : c->a, low_ins(lw, v)->shape.rank);
  for (;;) {
    const Ins *in = low_ins(lw, v);
    bool copy = in->op == OP_stop && !all->padded[k];
    if (in->op != OP_view && !copy) return;
    v = in->arg[0];
    all->padded[k] |= copy;
    if (copy) continue;
    const View *view = in->u.view;
    const Shape *s = &low_ins(lw, v)->shape;
    Form *to = NEWS(lw->arena, Form, MAX(1, view->rank));
    for (int d = 0; d < view->rank; d++) {
      to[d] = through(lw, &view->dim[d], at, c->nlabels);
      if (view->exact || view_dim_inside(lw->cx, &view->dim[d], &in->shape, s->dim[d])) continue;
      SumGuard g = {.operand = k, .view = in, .dim = d, .extent = s->dim[d]};
      if (all->n == MOST_SUM_GUARDS || !set_guard(lw, p, &to[d], &g)) all->others[k] = true;
      else if (g.out < 0 || p->at[g.out].phase_of != g.summed) all->at[all->n++] = g;
    }
    if (!view->exact) return;
    at = to;
  }
}

void contract_guards(Low *lw, ContractPlan *p) {
  p->guards = NEW(lw->arena, SumGuards);
  for (int k = 0; k < 2 && p->in->u.contract->skips; k++) guards_of(lw, p, k);
}

/* ---- what they leave ---- */
static int64_t down(int64_t a, int64_t by) { return a >= 0 ? a / by : -((by - 1 - a) / by); }

int64_t terms_inside(int64_t coef, int64_t all, int64_t extent, int64_t lo, int64_t hi) {
  int64_t c = coef < 0 ? -coef : coef;
  int64_t above = coef < 0 ? extent - 1 - lo : hi, below = coef < 0 ? hi : extent - 1 - lo;
  return MAX(0, MIN(all, down(below, c) + 1) - MAX(0, -down(above, c)));
}

/* The average over tiles of so many indices, of all terms; the last tile counts by its indices. */
static double share_left(const ContractPlan *p, SumGuard *g, int64_t size) {
  if (size > MOST_TILE) return 1;
  if (g->share[size] > 0) return g->share[size];
  int64_t n = g->out < 0 ? 1 : p->at[g->out].number, tiles = (n + size - 1) / size;
  int64_t step = (tiles + MOST_POSITIONS - 1) / MOST_POSITIONS;
  double sum = 0, all = 0;
  for (int64_t t = 0; t < tiles; t += step) {
    int64_t end = MIN(n, (t + 1) * size);
    int64_t first = g->expected_off + g->out_coef * t * size;
    int64_t last = g->expected_off + g->out_coef * (end - 1);
    double indices = (double)(end - t * size), number = (double)p->at[g->summed].number;
    sum += indices * (double)terms_inside(g->coef, p->at[g->summed].number, g->expected_extent,
                                          MIN(first, last), MAX(first, last));
    all += indices * number;
  }
  g->share[size] = MAX(1e-3, sum / MAX(1, all));
  return g->share[size];
}

static bool in_tile(const ContractPlan *p, int axis) {
  return axis >= 0 && (axis == p->row || axis == p->col || axis == p->vec);
}

bool contract_is_guarded(const ContractPlan *p, int axis) {
  for (int i = 0; i < p->guards->n; i++)
    if (p->guards->at[i].summed == axis && !p->guards->padded[p->guards->at[i].operand])
      return true;
  return false;
}

void contract_guard_loops(ContractPlan *p) {
  int order[MAX_AXES], n = contract_sum_order(p, order);
  for (int i = 0; i < p->guards->n; i++) {
    SumGuard *g = &p->guards->at[i];
    double steps = 1;
    int k = n;
    while (k > 0 && order[k - 1] != g->summed) steps *= (double)p->at[order[--k]].number;
    g->loop = k > 0 && steps >= INNER_STEPS;
  }
}

static double share_of(const ContractPlan *p, SumGuard *g) {
  return share_left(p, g, g->out < 0 ? 1 : contract_tile_size(p, g->out));
}

/* The loop over its summed index has computed ends. */
static bool has_ends(const ContractPlan *p, SumGuard *g) {
  return g->loop && share_of(p, g) <= WORTH_ENDS;
}

double contract_guard_share(const ContractPlan *p) {
  double share = 1;
  for (int i = 0; i < p->guards->n; i++)
    if (has_ends(p, &p->guards->at[i])) share *= share_of(p, &p->guards->at[i]);
  return share;
}

double contract_flops_left_out(const ContractPlan *p) {
  double share = contract_phase_share(p), all = 2;
  for (int i = 0; i < p->guards->n; i++) share *= share_left(p, &p->guards->at[i], 1);
  for (int i = 0; i < p->count; i++) all *= (double)p->at[i].number;
  return all * (1 - share);
}

bool contract_asks(const ContractPlan *p, int k) {
  return !p->guards->padded[k] && !p->pack[k].on && !contract_all_inside(p, k);
}

bool contract_all_inside(const ContractPlan *p, int k) {
  for (int i = 0; i < p->guards->n; i++) {
    SumGuard *g = &p->guards->at[i];
    if (g->operand == k && (in_tile(p, g->out) || !has_ends(p, g))) return false;
  }
  return !p->guards->others[k];
}

Inside contract_inside(const ContractPlan *p, int k) {
  Inside r = {0};
  for (int i = 0; i < p->guards->n; i++) {
    SumGuard *g = &p->guards->at[i];
    if (g->operand != k || in_tile(p, g->out) || !has_ends(p, g)) continue;
    r.view = g->view;
    r.dims |= 1u << g->dim;
  }
  return r;
}

/* ---- ends ---- */
static Ex number(Low *lw, int64_t n) { return ex_imm_i(&lw->m, T_I64, 1, n); }

static Ex at_most(Low *lw, Ix ix, int64_t by) { /* the quotient rounded down */
  Ex e = ex_index(&lw->m, T_I64, 1, ix, 0);
  return by == 1 ? e : low_map2(lw, OP_idiv, T_I64, e, number(lw, by));
}

Ends contract_ends(Low *lw, const ContractPlan *p, int axis, Dim terms, const AxisIx *first,
                   const int64_t *size) {
  Ends e = {0, 0};
  for (int i = 0; i < p->guards->n; i++) {
    SumGuard *g = &p->guards->at[i];
    if (g->summed != axis || !has_ends(p, g)) continue;
    Ix lo = ix_number(g->off), hi;
    int64_t more = 0, c = g->coef < 0 ? -g->coef : g->coef;
    if (g->out >= 0) {
      lo = ix_plus(&lw->m, lo, ix_scale(&lw->m, first[g->out].ix, g->out_coef));
      if (in_tile(p, g->out)) more = g->out_coef * (size[g->out] - 1);
    }
    hi = ix_plus(&lw->m, lo, ix_number(MAX(0, more)));
    lo = ix_plus(&lw->m, lo, ix_number(MIN(0, more)));
    Ix room = ix_plus(&lw->m, ix_number(dim_sub(lw->cx, g->extent, 1)), ix_scale(&lw->m, lo, -1));
    Ex below = at_most(lw, g->coef < 0 ? room : hi, c),
       most = at_most(lw, g->coef < 0 ? hi : room, c);
    Ex from = low_map2(lw, OP_sub, T_I64, number(lw, 0), below);
    Ex to = low_map2(lw, OP_add, T_I64, most, number(lw, 1));
    if (!e.from) e.from = number(lw, 0);
    if (!e.to) e.to = dim_is_number(terms) ? number(lw, terms) : ex_dim(lw, T_I64, 1, terms);
    e.from = low_map2(lw, OP_max, T_I64, e.from, from);
    e.to = low_map2(lw, OP_min, T_I64, e.to, to);
  }
  if (e.from) e.from = ex_let(lw, e.from, NULL);
  if (e.to) e.to = ex_let(lw, e.to, NULL);
  return e;
}
