/* slim.c: groups whose values have few elements a row. In: nests that share their leading axes (the
 * rows) and are small beyond them: points of three coordinates, blocks of a Jacobian, small systems
 * of equations, one for each of many rows. Out: one kernel that walks the rows by vectors, a row a
 * lane, with all other axes unrolled: reductions and contractions over them are sums of registers,
 * indices are numbers, so that what an element has none of (the zeros of a concatenation) is known,
 * and nothing between the first load and the last store has a place in memory. */
#include "loop/contract.h"

#define SCALAR 0.5 /* an operator of one number beside one of a vector: more are in flight */

enum { MOST_INNER = 64, MOST_OPS = 8000, LANE_VECTORS = 2, FEW = 5 };

/* ---- which nests ---- */
static double extents(const Low *lw, const Shape *s, int from, int to) {
  double n = 1;
  for (int d = from; d < to; d++) n *= (double)low_number(lw, s->dim[d]);
  return n;
}

static bool numbers_from(const Shape *s, int from) {
  for (int d = from; d < s->rank; d++)
    if (!dim_is_number(s->dim[d])) return false;
  return true;
}

static bool label_in(const uint8_t *label, int n, int l) {
  for (int d = 0; d < n; d++)
    if (label[d] == l) return true;
  return false;
}

/* Terms of each element of the anchor; 0 where the anchor can't be unrolled. */
static double terms_of(Low *lw, const Nest *n, int rows) {
  const Ins *in = low_ins(lw, n->anchor);
  double terms = 1;
  if (n->kind == NEST_MAP) return 1;
  if (n->kind == NEST_FOLD) {
    const Shape *s = &low_ins(lw, in->arg[0])->shape;
    if (nest_folds(n) > 1) return 0;
    for (int d = 0; d < s->rank; d++) {
      if (!(in->u.axes >> d & 1)) continue;
      if (!dim_is_number(s->dim[d])) return 0;
      terms *= (double)s->dim[d];
    }
    return terms;
  }
  if (n->kind != NEST_CONTRACT) return 0;
  const Contract *c = in->u.contract;
  const Shape *a = &low_ins(lw, in->arg[0])->shape, *b = &low_ins(lw, in->arg[1])->shape;
  for (int d = 0; d < rows; d++)
    if (!label_in(c->a, a->rank, c->out[d]) || !label_in(c->b, b->rank, c->out[d])) return 0;
  for (int d = 0; d < a->rank; d++) {
    if (label_in(c->out, c->nout, c->a[d])) continue;
    if (!dim_is_number(a->dim[d])) return 0;
    terms *= (double)a->dim[d];
  }
  return terms;
}

bool slim_nest(Low *lw, const Nest *n, int rows) {
  if (rows < 1 || rows > n->shape.rank || !numbers_from(&n->shape, rows)) return false;
  int lanes = nest_lanes(n);
  if (lanes < 2 || low_number(lw, n->shape.dim[rows - 1]) < LANE_VECTORS * lanes) return false;
  double inner = extents(lw, &n->shape, rows, n->shape.rank), terms = terms_of(lw, n, rows);
  return inner > 0 && terms > 0 && inner * terms <= MOST_INNER;
}

int slim_rows(Low *lw, const Nest *n) {
  int rows = n->shape.rank;
  while (rows > 0 && !slim_nest(lw, n, rows)) rows--;
  return rows;
}

static double nest_unrolled(Low *lw, const Nest *n, int rows) {
  double inner = extents(lw, &n->shape, rows, n->shape.rank);
  return inner * (terms_of(lw, n, rows) * (1 + n->side.at[0]->an.ops) + nest_ops(n) -
                  n->side.at[0]->an.ops);
}

/* ---- what it costs: vector operations and loads for all rows ---- */
/* rows: leading axes that are loops around all nests of the group. What has no other axis, such as
 * the logarithm of a row's sum, is computed as a scalar there. */
static double plain_cost(Low *lw, const Nest *n, int rows) {
  double all = extents(lw, &n->shape, 0, n->shape.rank);
  int lanes = nest_lanes(n);
  LoopAxis axis[IR_MAX_RANK];
  int count = nest_axes(lw->cx, n, rows, axis);
  double out = all, cost = 0;
  if (count) {
    double extent = (double)low_number(lw, axis[count - 1].extent);
    int l = lanes_for(lanes, axis[count - 1].extent);
    double vectors = (double)((int64_t)(extent + l - 1) / l) / extent;
    out = all * vectors;
    for (int i = 0; i < n->side.n; i++) {
      const Side *s = n->side.at[i];
      if (s->of) continue;
      double one = s->an.ops;
      for (int k = 0; k < s->an.access.n; k++)
        one += access_lane_cost(&s->an.access.at[k], s->kept[axis[count - 1].axis], l);
      cost += one * out;
    }
  }
  for (int i = 0; i < n->side.n && !count && rows; i++)
    if (!n->side.at[i]->of) cost += SCALAR * n->side.at[i]->an.ops * all;
  if (n->kind == NEST_FOLD) cost += fold_cost(lw, n, rows);
  if (n->kind == NEST_CONTRACT) cost += 4 * all * terms_of(lw, n, 0) / lanes;
  return cost + out * n->root.n;
}

/* Reads of values from elsewhere, each element once, and stores of what is wanted elsewhere. */
static double slim_traffic(Low *lw, const Group *g, const Nest *n, int lanes) {
  double cost = 0;
  for (int i = 0; i < n->side.n; i++) {
    const Side *s = n->side.at[i];
    for (int k = 0; k < s->an.access.n; k++) {
      const Access *a = &s->an.access.at[k];
      const Place *p = &lw->place[a->leaf];
      if (p->nest >= 0 && lw->nest.at[p->nest].group == n->group) continue;
      double elements = 1;
      for (int d = 0; d < s->an.axes; d++) {
        bool row = false;
        for (int r = 0; r < g->slim; r++) row |= s->kept[r] == d;
        if (!row && a->stride[d] != 0) elements *= (double)low_number(lw, s->an.extent[d]);
      }
      cost += elements * access_lane_cost(a, s->kept[g->slim - 1], lanes);
    }
  }
  for (int r = 0; r < n->root.n; r++) {
    double inner = extents(lw, &n->shape, g->slim, n->shape.rank);
    if (lw->place[n->root.at[r]].beyond) cost += inner * (inner > 1 ? 3 : 1);
  }
  return cost;
}

bool slim_pays(Low *lw, const Group *g) {
  const Nest *first = &lw->nest.at[g->nest.at[0]];
  int lanes = nest_lanes(first), rows = g->plain && g->nest.n > 1 ? g->rows : 0;
  double plain = 0, slim = 0;
  for (int i = 0; i < g->nest.n; i++) lanes = MIN(lanes, nest_lanes(&lw->nest.at[g->nest.at[i]]));
  for (int i = 0; i < g->nest.n; i++) {
    const Nest *n = &lw->nest.at[g->nest.at[i]];
    plain += plain_cost(lw, n, rows);
    slim += nest_unrolled(lw, n, g->slim) + slim_traffic(lw, g, n, lanes);
  }
  slim *= extents(lw, &first->shape, 0, g->slim) / lanes;
  return slim < 0.8 * plain;
}

bool slim_join(Low *lw, const Group *g, const Nest *c) {
  double ops = nest_unrolled(lw, c, g->slim);
  if (!slim_nest(lw, c, g->slim)) return false;
  for (int i = 0; i < g->nest.n; i++) {
    const Nest *n = &lw->nest.at[g->nest.at[i]];
    for (int d = 0; d < g->slim; d++)
      if (n->shape.dim[d] != c->shape.dim[d]) return false;
    ops += nest_unrolled(lw, n, g->slim);
  }
  return ops <= MOST_OPS;
}

/* ---- anchors at a point ---- */
/* Adds up by halves. */
static Ex by_halves(Low *lw, Op fold, Ex *v, int n) {
  for (; n > 1; n = (n + 1) / 2)
    for (int i = 0; i < n / 2; i++)
      v[i] = ex_let(lw, fold_step(lw, fold, v[i], v[i + (n + 1) / 2]), NULL);
  return v[0];
}

static bool next_index(const Shape *s, const int *axis, int n, AxisIx *at) {
  for (int k = n - 1; k >= 0; k--) {
    if (at[axis[k]].ix.off + 1 < s->dim[axis[k]]) {
      at[axis[k]].ix.off++;
      return true;
    }
    at[axis[k]] = axis_number(0);
  }
  return false;
}

static Ex fold_at(Low *lw, const Ins *in, const AxisIx *at, Point pt) {
  const Shape *s = &low_ins(lw, in->arg[0])->shape;
  AxisIx idx[IR_MAX_RANK];
  int axis[IR_MAX_RANK], n = 0, count = 0;
  Ex v[MOST_INNER];
  memset(idx, 0, sizeof idx);
  for (int d = 0, kept = 0; d < s->rank; d++) {
    if (in->u.axes >> d & 1) axis[n++] = d;
    else idx[d] = at[kept++];
  }
  do v[count++] = value_at(lw, in->arg[0], idx, pt);
  while (next_index(s, axis, n, idx));
  return by_halves(lw, in->op, v, count);
}

static Ex contract_at(Low *lw, const Ins *in, const AxisIx *at, Point pt) {
  const Contract *c = in->u.contract;
  const Shape *a = &low_ins(lw, in->arg[0])->shape, *b = &low_ins(lw, in->arg[1])->shape;
  DType t = (DType)in->type;
  AxisIx ia[IR_MAX_RANK], ib[IR_MAX_RANK], of[2 * IR_MAX_RANK];
  int axis[IR_MAX_RANK], n = 0;
  Ex sum = 0;
  memset(of, 0, sizeof of);
  for (int d = 0; d < c->nout; d++) of[c->out[d]] = at[d];
  for (int d = 0; d < a->rank; d++) {
    ia[d] = of[c->a[d]];
    if (!label_in(c->out, c->nout, c->a[d])) axis[n++] = d;
  }
  do {
    for (int d = 0; d < a->rank; d++) of[c->a[d]] = ia[d];
    for (int d = 0; d < b->rank; d++) ib[d] = of[c->b[d]];
    Ex x = value_at(lw, in->arg[0], ia, pt), y = value_at(lw, in->arg[1], ib, pt);
    Ex old = sum;
    if (!sum) sum = low_map(lw, OP_mul, t, (Ex[]){x, y}, 2);
    else if (lw->p->target.fma) sum = low_map(lw, OP_fma, t, (Ex[]){x, y, sum}, 3);
    else sum = low_map(lw, OP_add, t, (Ex[]){low_map(lw, OP_mul, t, (Ex[]){x, y}, 2), sum}, 2);
    if (c->skips) sum = contract_term(lw, in, ia, ib, pt, sum, old);
    sum = ex_let(lw, sum, NULL);
  } while (next_index(a, axis, n, ia));
  return sum;
}

Ex slim_anchor(Low *lw, Val v, const AxisIx *at, Point pt) {
  const Ins *in = low_ins(lw, v);
  return in->op == OP_contract ? contract_at(lw, in, at, pt) : fold_at(lw, in, at, pt);
}

bool slim_holds(const Low *lw, Val v) {
  int32_t nest = lw->place[v].nest;
  return lw->slim >= 0 && nest >= 0 && lw->nest.at[nest].group == lw->slim;
}

/* ---- the kernel ---- */
typedef struct SlimWork {
  Group *g;
  AxisIx at[IR_MAX_RANK]; /* of the rows */
  Vec(Ex) value;          /* of all roots that are stored, one root after the other */
} SlimWork;

/* The elements of all lanes' rows lie side by side, `inner` of them a row. A few a row: each vector
 * of the stretch picks its own out of all. */
static void store_interleaved(Low *lw, Buf b, Ix first, const Ex *v, int inner, Point pt) {
  int lanes = pt.lanes;
  for (int t = 0; t < inner; t++) {
    int64_t count = pt.active * inner - (int64_t)t * lanes;
    Ex sum = v[0];
    if (count <= 0) return;
    for (int c = 1; c < inner; c++) {
      uint8_t pick[128];
      for (int l = 0; l < lanes; l++) {
        int row = (t * lanes + l) / inner, of = (t * lanes + l) % inner;
        pick[l] = (uint8_t)(of == c ? lanes + row : c == 1 ? row : l);
      }
      sum = ex_let(lw, ex_shuffle(&lw->m, sum, v[c], pick), NULL);
    }
    Ex mask = count < lanes ? ex_active(&lw->m, lanes, ix_number(count)) : 0;
    Ix at = ix_plus(&lw->m, first, ix_number((int64_t)t * lanes));
    st_store(&lw->m, b, at, 1, 0, mask, sum, false);
  }
}

/* Many: a square of vectors at a time changes sides, and each row is stored by whole vectors. */
static void store_rows(Low *lw, Buf b, Ix first, Ex *v, int inner, Point pt) {
  int lanes = pt.lanes;
  Ex square[128];
  for (int from = 0; from < inner; from += lanes) {
    int n = MIN(lanes, inner - from);
    Ex mask = n < lanes ? ex_active(&lw->m, lanes, ix_number(n)) : 0;
    for (int i = 0; i < n; i++) square[i] = v[from + i];
    low_transpose(lw, square, n);
    for (int l = 0; l < pt.active; l++) {
      Ix at = ix_plus(&lw->m, first, ix_number((int64_t)l * inner + from));
      st_store(&lw->m, b, at, 1, 0, mask, square[l], false);
    }
  }
}

static void store_value(Low *lw, const SlimWork *w, Val v, Ex *value, int inner, Point pt) {
  const Place *p = &lw->place[v];
  const Shape *s = &low_ins(lw, v)->shape;
  AxisIx at[IR_MAX_RANK] = {{{0}, 0, 0}};
  Dim lane;
  Ex dyn;
  memcpy(at, w->at, sizeof(AxisIx) * (size_t)w->g->slim);
  Ix first = low_linear(lw, s, 0, at, &lane, &dyn);
  bool whole = inner > 1 && !pt.by_lane && (DType)low_ins(lw, v)->type != T_BOOL && pt.lanes > 2;
  for (int i = -1; i < p->also.n; i++) {
    Buf b = i < 0 ? p->buf : p->also.at[i];
    if (whole && inner <= FEW) store_interleaved(lw, b, first, value, inner, pt);
    else if (whole) store_rows(lw, b, first, value, inner, pt);
    for (int k = 0; k < inner && !whole; k++)
      st_store(&lw->m, b, ix_plus(&lw->m, first, ix_number(k)), lane, 0, pt.vmask, value[k], false);
  }
}

/* The values of one root at the row. */
static void slim_values(Low *lw, SlimWork *w, Val v, Point pt) {
  const Shape *s = &low_ins(lw, v)->shape;
  AxisIx at[IR_MAX_RANK] = {{{0}, 0, 0}};
  int axis[IR_MAX_RANK], n = 0;
  memcpy(at, w->at, sizeof(AxisIx) * (size_t)w->g->slim);
  for (int d = w->g->slim; d < s->rank; d++) axis[n++] = d;
  do {
    Ex value = value_own(lw, v, at, pt);
    if (lw->place[v].buf >= 0) vec_push(lw->arena, &w->value, value);
  } while (next_index(s, axis, n, at));
}

/* All values of the row come before all stores: a result may lie where an operand did (an update in
 * place, inplace.c) that the next root still reads. */
static void slim_body(Low *lw, void *arg, AxisIx ix, Point pt) {
  SlimWork *w = arg;
  int32_t from = 0;
  w->at[w->g->slim - 1] = ix;
  w->value.n = 0;
  for (int i = 0; i < w->g->nest.n; i++) {
    const Nest *n = &lw->nest.at[w->g->nest.at[i]];
    for (int r = 0; r < n->root.n; r++) slim_values(lw, w, n->root.at[r], pt);
  }
  for (int i = 0; i < w->g->nest.n; i++) {
    const Nest *n = &lw->nest.at[w->g->nest.at[i]];
    for (int r = 0; r < n->root.n; r++) {
      Val v = n->root.at[r];
      if (lw->place[v].buf < 0) continue;
      int inner = (int)extents(lw, &low_ins(lw, v)->shape, w->g->slim, low_ins(lw, v)->shape.rank);
      store_value(lw, w, v, &w->value.at[from], inner, pt);
      from += inner;
    }
  }
}

void lower_slim(Low *lw, Group *g) {
  const Shape *s = &lw->nest.at[g->nest.at[0]].shape;
  SlimWork w = {.g = g};
  LoopMark mark[IR_MAX_RANK];
  int loops = 0, lanes = 1 << 14;
  double ops = 0;
  for (int i = 0; i < g->nest.n; i++) {
    const Nest *n = &lw->nest.at[g->nest.at[i]];
    lanes = MIN(lanes, nest_lanes(n));
    ops += nest_unrolled(lw, n, g->slim);
  }
  for (int d = 0; d + 1 < g->slim; d++) {
    w.at[d] = axis_number(0);
    if (s->dim[d] != 1)
      w.at[d] = axis_var(lw, low_for(lw, low_outermost(lw), "r", 0, s->dim[d], 1, &mark[loops++]));
  }
  lw->slim = lw->nest.at[g->nest.at[0]].group;
  low_vectors(lw, s->dim[g->slim - 1], lanes, ops, slim_body, &w);
  lw->slim = -1;
  while (loops > 0) low_end(lw, mark[--loops]);
}
