/* contract_plan.c: how a contraction is cut into register tiles. In: its labels, how both operands
 * and the result lie in memory. Out: the vector axis, the row and column axes of the tile, their
 * counts, and which operands are copied into tile order first.
 *
 * Every axis is tried as the vector axis, every tile that fits the registers as the tile, and the
 * cheapest by a small model of the inner loop is taken: per step of the sum a tile of r rows and v
 * vectors does r*v multiply-adds and reads r broadcast elements and v vectors; sums need enough
 * independent accumulators to hide the latency of an addition. */
#include "loop/contract.h"

/* ---- axes ---- */
static int out_dim(const ContractPlan *p, int label) {
  const Contract *c = p->in->u.contract;
  for (int d = 0; d < p->in->shape.rank; d++)
    if (c->out[d] == label) return d;
  return -1;
}

/* Elements from one index of a dimension of the result to the next. */
static Dim out_step(Cx *cx, const ContractPlan *p, int dim) {
  Dim stride = 1;
  for (int d = p->in->shape.rank - 1; d > dim; d--)
    stride = dim_mul(cx, stride, p->in->shape.dim[d]);
  return stride;
}

static bool can_merge(const ContractPlan *p, const Label *outer, const Label *inner) {
  if (outer->in[0] != inner->in[0] || outer->in[1] != inner->in[1] || outer->out != inner->out)
    return false;
  int i = outer->label, j = inner->outer;
  for (int k = 0; k < 2; k++)
    if (!axes_merge(&p->side[k]->an, i, j)) return false;
  if (!outer->out) return true;
  if (p->in->u.contract->skips) return false; /* contract_again.c asks for the index of each */
  int di = out_dim(p, i), dj = out_dim(p, j);
  Cx *cx = p->n->side.at[0]->an.cx;
  if (out_step(cx, p, di) != dim_mul(cx, out_step(cx, p, dj), p->in->shape.dim[dj])) return false;
  for (int k = 2; k < p->n->side.n; k++)
    if (!axes_merge(&p->n->side.at[k]->an, di, dj)) return false;
  return true;
}

static void find_labels(ContractPlan *p) {
  const Contract *c = p->in->u.contract;
  for (int l = 0; l < c->nlabels; l++) {
    Label x = {.label = l, .outer = l, .extent = p->side[0]->an.extent[l]};
    if (x.extent == 1) continue;
    int d = out_dim(p, l);
    x.out = d >= 0;
    p->at[p->count++] = x;
  }
}

static void merge_labels(ContractPlan *p) {
  for (bool again = true; again;) {
    again = false;
    for (int i = 0; i < p->count && !again; i++)
      for (int j = 0; j < p->count && !again; j++) {
        if (i == j || !can_merge(p, &p->at[i], &p->at[j])) continue;
        p->at[j].extent = dim_mul(p->n->side.at[0]->an.cx, p->at[j].extent, p->at[i].extent);
        p->at[j].outer = p->at[i].outer;
        for (int k = i; k + 1 < p->count; k++) p->at[k] = p->at[k + 1];
        p->count--;
        again = true;
      }
  }
}

static bool has_label(const uint8_t *labels, int rank, int label) {
  for (int d = 0; d < rank; d++)
    if (labels[d] == label) return true;
  return false;
}

static void measure_labels(Low *lw, ContractPlan *p) {
  for (int i = 0; i < p->count; i++) {
    Label *x = &p->at[i];
    x->number = low_number(lw, x->extent);
    for (int k = 0; k < 2; k++) {
      const Analysis *an = &p->side[k]->an;
      x->lane_cost[k] = 0.1;
      for (int a = 0; a < an->access.n; a++) {
        x->lane_cost[k] += access_lane_cost(&an->access.at[a], x->label, p->lanes);
        x->stride[k] = low_number(lw, an->access.at[a].stride[x->label]);
      }
    }
    if (x->out) x->out_stride = low_number(lw, out_step(lw->cx, p, out_dim(p, x->label)));
  }
}

static double distinct_count(const Low *lw, const ContractPlan *p, int k);

static void measure_ends(Low *lw, ContractPlan *p) {
  Touched t[MAX_TOUCHED];
  for (int i = 2; i < p->n->side.n; i++) p->ops += p->n->side.at[i]->an.ops;
  p->ends = MAX(1, contract_touched(lw, p->n, t));
  for (int k = 0; k < 2; k++) p->distinct[k] = distinct_count(lw, p, k);
}

/* ---- the model ---- */
static double steps(const ContractPlan *p, int lanes) { /* of the sum, for one tile */
  double n = 1;
  for (int i = 0; i < p->count; i++) {
    if (p->at[i].out) continue;
    double e = (double)p->at[i].number;
    n *= i == p->vec ? (double)((p->at[i].number + lanes - 1) / lanes) : e;
  }
  return n * contract_phase_share(p) * contract_guard_share(p);
}

/* Elements the operands move by one step along a summed axis. */
static int64_t step_of(const ContractPlan *p, int axis) {
  int64_t sum = 0;
  for (int k = 0; k < 2; k++) {
    int64_t s = p->pack[k].on ? p->pack[k].stride[axis] : p->at[axis].stride[k];
    sum += s < 0 ? -s : s;
  }
  return sum;
}

/* The axis with the smallest steps is innermost, those that decide whether anything is read outside
 * of an operand come first. */
static bool goes_outside(const ContractPlan *p, int a, int b) {
  bool asks_a = contract_is_guarded(p, a), asks_b = contract_is_guarded(p, b);
  return asks_a != asks_b ? asks_a : step_of(p, a) > step_of(p, b);
}

int contract_sum_order(const ContractPlan *p, int *order) {
  int n = 0;
  for (int i = 0; i < p->count; i++)
    if (!p->at[i].out && i != p->vec) order[n++] = i;
  for (int i = 1; i < n; i++)
    for (int j = i; j > 0; j--) {
      if (!goes_outside(p, order[j], order[j - 1])) break;
      int s = order[j];
      order[j] = order[j - 1];
      order[j - 1] = s;
    }
  return n;
}

static double operand_count(const ContractPlan *p, int k) {
  double n = 1;
  for (int i = 0; i < p->count; i++)
    if (p->at[i].in[k]) n *= (double)p->at[i].number;
  return n;
}

/* Elements of memory operand k is read from: windows overlap. */
static double distinct_count(const Low *lw, const ContractPlan *p, int k) {
  const Analysis *an = &p->side[k]->an;
  double n = 0;
  for (int a = 0; a < an->access.n; a++)
    n += shape_expected(lw->cx, &low_ins(lw, an->access.at[a].leaf)->shape);
  return MIN(n, operand_count(p, k));
}

static bool depends(const ContractPlan *p, int k, int axis) {
  return axis >= 0 && p->at[axis].in[k];
}

/* Copies have a fixed layout. */
static bool named_operand(const ContractPlan *p, int k) {
  for (int i = 0; i < p->count; i++)
    if (p->at[i].in[k] && !dim_is_number(p->at[i].extent)) return true;
  return false;
}

static double read_cost(const ContractPlan *p, int k) {
  if (!depends(p, k, p->vec)) return 0.5;
  return p->pack[k].on ? 1 : p->at[p->vec].lane_cost[k];
}

/* Cache lines of operand k that one tile reads: those an axis of long steps goes through, times
 * those that the axes of short steps cover together. */
static double tile_lines(const ContractPlan *p, int k, const int size[3]) {
  double lines = 1, span = 0, bytes = type_info[p->in->type].bytes;
  const int axis[3] = {p->row, p->col, p->dot ? -1 : p->vec};
  for (int i = 0; i < p->count; i++) {
    const Label *x = &p->at[i];
    if (!x->in[k]) continue;
    double n = x->out ? 1 : (double)x->extent;
    for (int j = 0; j < 3; j++)
      if (axis[j] == i) n = size[j];
    double step = (double)(x->stride[k] < 0 ? -x->stride[k] : x->stride[k]) * bytes;
    if (p->pack[k].on) span += n > 1 ? (n - 1) * (1 + span) : 0; /* side by side */
    else if (step >= 64) lines *= n;
    else span += (n - 1) * step;
  }
  return p->pack[k].on ? (span + 1) * bytes / 64 : lines * (1 + span / 64);
}

static double reuse(const ContractPlan *p, int k) { /* how often each element is read again */
  double n = 1;
  for (int i = 0; i < p->count; i++)
    if (!p->at[i].in[k]) n *= (double)p->at[i].number;
  return n;
}

enum { PACK_REUSE = 64 }; /* an operand read so often is copied where it lies badly */

/* Rows whose distance is a multiple of a large power of two fall into few sets of the first cache:
 * how many of m rows throw each other out, so that every element read comes from the second. */
static double conflicting(const ContractPlan *p, int k, int m) {
  if (p->row < 0 || !p->at[p->row].in[k] || p->pack[k].on || reuse(p, k) >= PACK_REUSE) return 0;
  int64_t step = p->at[p->row].stride[k] * type_info[p->in->type].bytes, way = 4096;
  while (step % way) way /= 2;
  int64_t rows = (m * way + 4095) / 4096, ways = p->l1 / 4096;
  return way >= 64 && rows > ways - 2 ? m : 0;
}

enum { ASKING = 2 }; /* cycles of a condition on each read, and more: they break up the loop */

/* Cycles of one tile of m rows, c columns and v vectors. */
static double tile_cost(const ContractPlan *p, int m, int c, int v) {
  double fma = (double)m * c * v, loads = 0, lines = 0, thrown = 0;
  for (int k = 0; k < 2; k++) {
    double n = (depends(p, k, p->row) ? m : 1) * (depends(p, k, p->col) ? c : 1) *
               (depends(p, k, p->vec) && !p->dot ? v : 1);
    loads += n * (read_cost(p, k) + (contract_asks(p, k) ? ASKING : 0));
    lines += tile_lines(p, k, (int[]){m, c, v * p->lanes});
    thrown += conflicting(p, k, m);
  }
  /* measured: loads cost little below about one for two multiply-adds */
  double step = MAX(MAX(1.02 * fma + 0.4 * MAX(0, loads - 0.45 * fma), loads), 5) + 0.4;
  step += 4.5 * thrown; /* measured */
  double out = p->dot ? fma * 12 : fma;
  if (!p->dot && p->vec >= 0 && p->at[p->vec].out_stride != 1)
    out *= 1.8 * p->lanes * (contract_turns(p, m, c) ? 1 : p->ends);
  /* what the tile reads stays in the first cache until the next tile, or has to come from the
   * second */
  double far = 64 * lines > 0.75 * (double)p->l1 ? lines : 0;
  return step * steps(p, p->lanes) + far + out + 8;
}

/* ---- copies for the caches' sake ---- */
/* So many lines, `step` bytes apart, are more than twice what the sets hold that they fall into.
 * (With fewer it costs less to read them from the third cache again than to copy them; measured.)
 */
static bool overflows(int64_t step, int64_t lines, int64_t cache) {
  int64_t apart = 64;
  while (apart < cache / 8 && step % (2 * apart) == 0) apart *= 2;
  return lines * apart > 2 * cache;
}

/* Steps of the sum after which the rows' elements lie `step` bytes further fall into so few sets
 * that no cache keeps what the next tile reads beside it. Farther apart the machine follows by
 * itself, as it does where the distance is no such number (measured: 128 rows by 4096x1024 at 40
 * GFLOP/s of 118, by 4096x1040 at 86). */
static bool rows_overflow(int64_t step, int64_t steps, int64_t cache) {
  return -8192 <= step && step <= 8192 && overflows(step, steps, 2 * cache);
}

/* Rows that lie side by side along the sum, and whose other operand stays in the second cache: each
 * tile is read from memory once, from where its few rows lie. */
static bool rows_pass_once(const ContractPlan *p, int k) {
  bool along = false;
  for (int i = 0; i < p->count; i++)
    along |= !p->at[i].out && p->at[i].in[k] && p->at[i].stride[k] == 1;
  double other = p->distinct[1 - k] * type_info[p->in->type].bytes;
  return along && !depends(p, k, p->vec) && other <= (double)p->l2 / 2;
}

/* What one tile reads of operand k doesn't stay in the first cache: some summed axis has more lines
 * than the sets hold that they fall into. */
static bool tile_overflows(const ContractPlan *p, int k) {
  int bytes = type_info[p->in->type].bytes;
  for (int i = 0; i < p->count; i++) {
    const Label *x = &p->at[i];
    int64_t step = (x->stride[k] < 0 ? -x->stride[k] : x->stride[k]) * bytes, apart = 64;
    if (x->out || !x->in[k] || step < 64) continue;
    while (apart < p->l1 / 8 && step % (2 * apart) == 0) apart *= 2;
    if (apart * x->number > p->l1) return true;
  }
  return false;
}

/* Vectors shorter than a line leave registers for few rows: a step of the sum is a line of each
 * operand and so little arithmetic that lines from the second cache hold it up, but for those that
 * the prefetchers see coming. So what doesn't stay in the first cache is copied where it is read
 * often (measured with vectors of 32 bytes: the weights for 128 rows by 1024x300 at 49 % of the
 * peak, with a copy at 84; with vectors of 64 bytes such tiles are at 95 and more as they are). For
 * 64 rows it doesn't pay yet (768x768: 0.71 of the speed). A copy of rows is made of short pieces
 * and costs as much as eight readings that it spares. */
static bool copied_for_lines(const ContractPlan *p, int k) {
  bool windows = operand_count(p, k) > 1.01 * p->distinct[k];
  double often = (depends(p, k, p->vec) ? 1.5 : 8) * PACK_REUSE;
  return p->full_lanes * type_info[p->in->type].bytes < 64 && !windows && reuse(p, k) >= often &&
         tile_overflows(p, k);
}

/* Copies that pay though the tile could read the operand as it lies: rows a large power of two
 * apart fall into few sets of the caches, and operands much larger than the second cache are walked
 * through too many pages. */
static bool copied_for_caches(const ContractPlan *p, int k) {
  int bytes = type_info[p->in->type].bytes;
  if (p->dot || p->vec < 0 || p->pack[k].on || !p->side[k]->an.access.n || named_operand(p, k))
    return false;
  bool vector = depends(p, k, p->vec), hostile = false, few_sets = false;
  if (!vector && !depends(p, k, p->row)) return false;
  if (copied_for_lines(p, k)) return true;
  int64_t sum = 1;
  for (int i = 0; i < p->count; i++) {
    const Label *x = &p->at[i];
    bool walks = vector ? !x->out : i == p->row;
    if (walks && x->in[k] && x->stride[k]) {
      int64_t step = x->stride[k] * bytes;
      hostile |= vector ? overflows(step, x->number, p->l2) : step % 2048 == 0;
      few_sets |= vector && step % 1024 == 0;
    }
    if (!x->out) sum *= x->number;
    if (!vector && !x->out && x->in[k])
      hostile |= rows_overflow(x->stride[k] * bytes, x->number, p->l2);
  }
  int64_t stripe = sum * (vector ? (int64_t)p->nv * p->lanes : p->mr) * bytes;
  bool tight = stripe >= p->l1 * (vector ? 2 : 1), over = 4 * stripe > 3 * p->l1;
  bool large = p->distinct[k] * bytes > 3 * (double)p->l2 && !rows_pass_once(p, k);
  return (hostile && tight && reuse(p, k) >= PACK_REUSE) ||
         ((large || (few_sets && over)) && reuse(p, k) >= 192);
}

/* ---- all tiles ---- */
static double total_cost(const ContractPlan *p) {
  double outer = 1, cost = 0;
  for (int i = 0; i < p->count; i++)
    if (p->at[i].out && i != p->vec && i != p->row && i != p->col) outer *= (double)p->at[i].number;
  int64_t er = p->row < 0 ? 1 : p->at[p->row].number, ec = p->col < 0 ? 1 : p->at[p->col].number;
  int64_t ev = p->dot || p->vec < 0 ? 1 : (p->at[p->vec].number + p->lanes - 1) / p->lanes;
  int kinds = 0;
  for (int i = 0; i < 8; i++) {
    int64_t nr = i & 1 ? er % p->mr > 0 : er / p->mr, m = i & 1 ? er % p->mr : p->mr;
    int64_t ncol = i & 2 ? ec % p->nc > 0 : ec / p->nc, c = i & 2 ? ec % p->nc : p->nc;
    int64_t nvec = i & 4 ? ev % p->nv > 0 : ev / p->nv, v = i & 4 ? ev % p->nv : p->nv;
    if (!nr || !ncol || !nvec) continue;
    kinds++;
    cost += (double)nr * (double)ncol * (double)nvec * tile_cost(p, (int)m, (int)c, (int)v);
  }
  cost *= outer * (1 + 0.01 * kinds);
  for (int k = 0; k < 2; k++)
    cost += operand_count(p, k) * (p->pack[k].on ? 1.5 : copied_for_caches(p, k) ? 0.25 : 0);
  return cost;
}

static void try_tiles(ContractPlan *p, ContractPlan *best, int regs) {
  int64_t er = p->row < 0 ? 1 : p->at[p->row].number, ec = p->col < 0 ? 1 : p->at[p->col].number;
  int64_t ev = p->dot || p->vec < 0 ? 1 : (p->at[p->vec].number + p->lanes - 1) / p->lanes;
  for (int m = 1; m <= MIN(er, regs); m++)
    for (int c = 1; c <= MIN(ec, 6); c++)
      for (int v = 1; v <= MIN(ev, 8); v++) {
        if (m * c * v + MIN(m, c * v) + 2 > regs || m * c * v > TILE_MAX) break;
        p->mr = m, p->nc = c, p->nv = v;
        p->cost = total_cost(p);
        if (p->cost < best->cost) *best = *p;
      }
}

/* The result axes that only operand k has, other than the vector axis; -1 alone where there is
 * none. */
static int tile_axes(const ContractPlan *p, int k, int *axis) {
  int n = 0;
  for (int i = 0; i < p->count; i++) {
    const Label *x = &p->at[i];
    if (x->out && i != p->vec && x->in[k] && !x->in[1 - k] && x->phase_of < 0) axis[n++] = i;
  }
  if (!n) axis[n++] = -1;
  return n;
}

/* Copies pay when vectors would have to be gathered and are read often. */
static void try_copies(ContractPlan *p, ContractPlan *best, int regs) {
  const Label *x = p->vec >= 0 ? &p->at[p->vec] : NULL;
  for (int copy = 0; copy < 4; copy++) {
    bool sensible = true;
    for (int k = 0; k < 2; k++) {
      p->pack[k].on = copy >> k & 1;
      if (p->pack[k].on &&
          (!depends(p, k, p->vec) || x->lane_cost[k] < 2 || p->dot || named_operand(p, k)))
        sensible = false;
    }
    if (!sensible) continue;
    contract_guard_loops(p);
    try_tiles(p, best, regs);
  }
}

/* Phases, and sums that are shorter in some: walked an index at a time. */
static bool in_phases(const ContractPlan *p, int axis) {
  bool some = contract_has_phases(p, axis);
  for (int i = 0; i < p->count && axis >= 0; i++) some |= p->at[i].phase_of == axis;
  return some;
}

static void try_vec(Low *lw, ContractPlan *p, ContractPlan *best, int vec) {
  int regs = lw->p->target.vector_regs > 0 ? lw->p->target.vector_regs : 16;
  const Label *x = vec >= 0 ? &p->at[vec] : NULL;
  p->vec = vec;
  p->lanes = x ? lanes_for(p->lanes, x->extent) : 1;
  p->dot = x && !x->out;
  /* rows are of the operand that isn't read by vectors, columns of the other */
  bool both = x && !p->dot && x->in[0] && x->in[1];
  int mine = x && !p->dot && x->in[1], row[MAX_AXES], col[MAX_AXES] = {-1};
  int nrow = tile_axes(p, x && !p->dot ? 1 - mine : 0, row), ncol = 1;
  if (!both) ncol = tile_axes(p, x && !p->dot ? mine : 1, col);
  else if (row[0] < 0) nrow = tile_axes(p, mine, row);
  for (int i = 0; i < nrow; i++)
    for (int j = 0; j < ncol; j++) {
      p->row = row[i], p->col = col[j];
      try_copies(p, best, regs);
    }
}

void contract_plan(Low *lw, Nest *n, ContractPlan *p) {
  const Ins *in = low_ins(lw, n->anchor);
  const Contract *c = in->u.contract;
  *p = (ContractPlan){.n = n,
                      .in = in,
                      .side = {n->side.at[0], n->side.at[1]},
                      .vec = -1,
                      .l1 = lw->p->target.l1,
                      .l2 = lw->p->target.l2};
  p->lanes = p->full_lanes = nest_lanes(n);
  for (int k = 0; k < 2; k++)
    for (int l = 0; l < c->nlabels; l++) /* both operands know all extents */
      if (p->side[k]->an.extent[l] == 0) p->count = -1;
  p->count = 0;
  find_labels(p);
  for (int i = 0; i < p->count; i++) {
    p->at[i].in[0] = has_label(c->a, low_ins(lw, in->arg[0])->shape.rank, p->at[i].label);
    p->at[i].in[1] = has_label(c->b, low_ins(lw, in->arg[1])->shape.rank, p->at[i].label);
  }
  merge_labels(p);
  measure_labels(lw, p);
  contract_phases(lw, p);
  contract_guards(lw, p);
  measure_ends(lw, p);
  ContractPlan best = *p, work;
  best.cost = 1e300;
  for (int v = -1; v < p->count; v++) {
    work = *p;
    if (v >= 0 && target_lanes(&lw->p->target, (DType)in->type) == 1) break;
    if (in_phases(p, v)) continue;
    try_vec(lw, &work, &best, v);
  }
  *p = best;
  bool copied[] = {copied_for_caches(p, 0), copied_for_caches(p, 1)};
  for (int k = 0; k < 2; k++) p->pack[k].on |= copied[k];
  contract_order(lw, p);
}
