/* contract_order.c: in which order the tiles of a contraction are walked. In: the tile and the
 * copies. Out: the loops from the outermost in, which of them is shared out among workers (the
 * outermost), how many tiles make a block, and whether results are asked for early.
 *
 * Inside, one operand's share of a tile stays in the first cache while the other's goes by. What
 * goes by is read again in every round, so it is taken in blocks that stay in the second cache.
 * Small results are walked down their columns, with the vectors' operand staying; large ones along
 * their rows, where the machine's prefetchers follow. Workers share the axis that gives each the
 * same work and makes them read least of what another has just written. */
#include "loop/contract.h"

/* ---- sizes ---- */
static int64_t sum_steps(const ContractPlan *p) {
  int64_t n = 1;
  for (int i = 0; i < p->count; i++)
    if (!p->at[i].out) n *= p->at[i].number;
  return n;
}

static double operand_bytes(const ContractPlan *p, int k) {
  double n = type_info[p->in->type].bytes;
  for (int i = 0; i < p->count; i++)
    if (p->at[i].in[k]) n *= (double)p->at[i].number;
  return n;
}

int64_t contract_tile_size(const ContractPlan *p, int axis) {
  if (axis == p->row) return p->mr;
  if (axis == p->col) return p->nc;
  return axis == p->vec && !p->dot ? (int64_t)p->nv * p->lanes : 1;
}

static double tiles_of(const ContractPlan *p, int axis) {
  return (double)p->at[axis].number / (double)contract_tile_size(p, axis);
}

/* ---- results ---- */
static Buf memory_of(const Low *lw, Buf b) { /* an output in an input's storage is that input */
  Buf in = lw->p->buf.at[b].same_as;
  return in >= 0 ? lw->place[lw->f->in.at[in].val].buf : b;
}

static int add_touched(Low *lw, Touched *out, int n, Val v, bool write) {
  const Place *pl = &lw->place[v];
  if (pl->buf < 0 || pl->skip || (write && !pl->outside)) return n;
  Touched t = {memory_of(lw, pl->buf), &low_ins(lw, v)->shape, write};
  for (int i = 0; i < n; i++)
    if (out[i].buf == t.buf) {
      out[i].write |= write;
      return n;
    }
  if (n < MAX_TOUCHED) out[n++] = t;
  return n;
}

int contract_touched(Low *lw, const Nest *nest, Touched *out) {
  int n = 0;
  for (int i = 0; i < nest->root.n; i++) n = add_touched(lw, out, n, nest->root.at[i], true);
  for (int k = 2; k < nest->side.n; k++) {
    const Analysis *an = &nest->side.at[k]->an;
    for (int a = 0; a < an->access.n; a++)
      if (access_identity(an, &an->access.at[a]))
        n = add_touched(lw, out, n, an->access.at[a].leaf, false);
  }
  return n;
}

static double touched_bytes(Low *lw, const ContractPlan *p) {
  Touched t[MAX_TOUCHED];
  double bytes = 0, count = 1;
  for (int i = 0; i < p->count; i++)
    if (p->at[i].out) count *= (double)p->at[i].number;
  for (int i = contract_touched(lw, p->n, t); i-- > 0;)
    bytes += count * type_info[lw->p->buf.at[t[i].buf].type].bytes;
  return bytes;
}

/* What the end of a tile reads and writes lies in as many rows as the tile has, where no prefetcher
 * sees a pattern, and all the accumulators wait for it. Where it is too large to be in the second
 * cache the sum's time is used to fetch it. */
static void choose_touch(Low *lw, ContractPlan *p, double bytes) {
  p->touch = !p->dot && p->vec >= 0 && p->at[p->vec].out_stride == 1 &&
             bytes > (double)lw->p->target.l2 / 4 && sum_steps(p) >= 32;
}

/* ---- blocks ---- */
/* Tiles along an axis that half the second cache holds of its operand; 0: all of them. */
static int64_t block_of(const Low *lw, const ContractPlan *p, int axis, int workers) {
  if (axis < 0 || !dim_is_number(p->at[axis].extent)) return 0;
  int64_t tile = sum_steps(p) * contract_tile_size(p, axis) * type_info[p->in->type].bytes;
  int64_t all = (int64_t)tiles_of(p, axis), most = MAX(1, lw->p->target.l2 / 2 / MAX(1, tile));
  if (workers > 1) most = MIN(most, MAX(1, all / (2 * workers)));
  if (all <= most) return 0;
  for (int64_t b = most; b > most / 2; b--) /* whole blocks only, if that is cheap to have */
    if (all % b == 0) return b;
  return most;
}

/* ---- sharing ---- */
double low_unevenness(double tiles, int workers) {
  double pieces = tiles, most = 0;
  if (pieces > 32.0 * workers) return 1;
  double load[64] = {0};
  workers = MIN(workers, 64);
  for (; pieces > 0; pieces--) {
    int least = 0;
    for (int i = 1; i < workers; i++)
      if (load[i] < load[least]) least = i;
    load[least] += MIN(1, pieces);
    most = MAX(most, load[least]);
  }
  return most * workers / tiles;
}

/* Cycles until all workers are done, with half a cycle for each byte of an operand that all of them
 * read: part of it lies in another's cache, where it was made. */
static double shared_cost(Low *lw, const ContractPlan *p, int axis) {
  int workers = lw->p->target.threads;
  double cost = p->cost / workers * low_unevenness(tiles_of(p, axis), workers);
  for (int k = 0; k < 2; k++)
    if (!p->at[axis].in[k]) cost += 0.5 * operand_bytes(p, k) * (workers - 1) / workers;
  return cost;
}

static bool is_batch(const ContractPlan *p, int i) {
  return p->at[i].out && i != p->vec && i != p->row && i != p->col;
}

/* The axis to share out, -1: none. */
static int shared_axis(Low *lw, const ContractPlan *p) {
  int best = -1;
  double least = 0;
  for (int i = 0; i < p->count; i++) {
    bool column = i == p->col && p->nc != 1;
    if (!p->at[i].out || column || contract_has_phases(p, i)) continue;
    double cost = shared_cost(lw, p, i);
    if (!is_batch(p, i)) cost *= 1.02; /* batches share nothing at all */
    if (best >= 0 && cost >= least) continue;
    best = i;
    least = cost;
  }
  return best;
}

/* ---- copies ---- */
int64_t contract_most_tiles(const ContractPlan *p, int axis) {
  int64_t size = contract_tile_size(p, axis), block = p->block[axis];
  int64_t extent = p->at[axis].extent, left = extent / size % block + (extent % size > 0);
  return extent / size < block ? left : MAX(block, left);
}

static bool has_level(const ContractPlan *p, int level) {
  for (int i = 0; i < p->nlevels; i++)
    if (p->level[i] == level) return true;
  return false;
}

/* The operand has no axes of the result but that of its tiles. */
static bool tiles_only(const ContractPlan *p, int k) {
  for (int i = 0; i < p->count; i++)
    if (p->at[i].in[k] && p->at[i].out && i != contract_copied_axis(p, k)) return false;
  return true;
}

enum { AHEAD = 8192 }; /* bytes: measured; of 1 to 32 KB it matters little */

/* An operand whose blocks are each read in one round of the outermost loop is copied block by
 * block: memory is read once, and the copy stays in the second cache. Beside blocks of vectors rows
 * come by from beyond that cache in every round and are asked for ahead: the prefetchers keep up
 * with vectors, but not with elements that are broadcast (measured). */
static void choose_copies(const Low *lw, ContractPlan *p) {
  bool rows_go_by = has_level(p, BLOCKS_OF(p->vec));
  for (int k = 0; k < 2; k++) {
    Pack *pack = &p->pack[k];
    int axis = pack->on ? contract_copied_axis(p, k) : -1;
    if (axis < 0) continue;
    pack->by_block = p->nlevels > 0 && p->level[0] == BLOCKS_OF(axis) && tiles_only(p, k);
    if (axis == p->row && rows_go_by && operand_bytes(p, k) > (double)lw->p->target.l2)
      pack->ahead = AHEAD / type_info[p->in->type].bytes;
  }
}

/* The operand read by vectors is copied and the larger one, and it doesn't stay in the second
 * cache: it is to be copied block by block. */
static bool large_copy(const Low *lw, const ContractPlan *p, int vec) {
  for (int k = 0; k < 2 && vec >= 0; k++)
    if (p->pack[k].on && p->at[vec].in[k])
      return operand_bytes(p, k) > MAX(operand_bytes(p, 1 - k), (double)lw->p->target.l2);
  return false;
}

/* ---- the order ---- */
static void add_level(ContractPlan *p, int level) {
  if (!has_level(p, level)) p->level[p->nlevels++] = level;
}

static int blocks(ContractPlan *p, int axis, int64_t block) {
  p->block[axis] = block;
  return BLOCKS_OF(axis);
}

/* The loops over tiles of rows and vectors; where one of them is shared it is the first. */
static int tile_levels(Low *lw, ContractPlan *p, int shared, bool large, int *level) {
  int n = 0, vec = p->dot ? -1 : p->vec, workers = lw->p->target.threads;
  bool copied = large_copy(lw, p, vec), both = vec >= 0 && p->row >= 0, by_vec = shared == vec,
       by_row = shared == p->row;
  large |= copied;
  both = both && tiles_of(p, vec) > 1 && tiles_of(p, p->row) > 1; /* else nothing is read again */
  int64_t vecs = both && large && !by_row ? block_of(lw, p, vec, by_vec ? workers : 1) : 0;
  int64_t rows = both && !large && !by_vec ? block_of(lw, p, p->row, by_row ? workers : 1) : 0;
  if (vecs > 1 || (vecs == 1 && copied && !by_vec)) level[n++] = blocks(p, vec, vecs);
  if (rows > 1 || (rows == 1 && !by_row)) level[n++] = blocks(p, p->row, rows);
  bool rows_outside = by_row ? rows <= 1 : by_vec ? vecs > 1 : large && vecs != 1;
  if (rows_outside && p->row >= 0) level[n++] = p->row;
  if (vec >= 0) level[n++] = vec;
  if (!rows_outside && p->row >= 0) level[n++] = p->row;
  return n;
}

void contract_order(Low *lw, ContractPlan *p) {
  double bytes = touched_bytes(lw, p);
  int vec = p->dot ? -1 : p->vec, tile[4];
  bool large = vec >= 0 && p->row >= 0 && p->at[vec].out_stride == 1 &&
               p->at[p->row].out_stride != 1 && bytes >= (double)lw->p->target.l2;
  int shared = lw->may_parallel ? shared_axis(lw, p) : -1;
  bool tiles_shared = shared >= 0 && (shared == vec || shared == p->row);
  int n = tile_levels(lw, p, shared, large, tile);
  choose_touch(lw, p, bytes);
  if (shared >= 0) add_level(p, tiles_shared ? tile[0] : shared);
  for (int i = 0; i < p->count; i++)
    if (is_batch(p, i)) add_level(p, i);
  /* a column at a time: neighbouring vectors of one column are neighbours in the result */
  if (p->col >= 0 && p->nc == 1) add_level(p, p->col);
  for (int i = 0; i < n; i++) {
    add_level(p, tile[i]);
    if (tile[i] == vec && p->col >= 0) add_level(p, p->col);
  }
  if (p->col >= 0) add_level(p, p->col);
  choose_copies(lw, p);
}
