/* contract.c: the contraction engine: matrix products, batched ones, convolutions and all their
 * adjoints. In: a nest around a contraction, planned by contract_plan.c. Out: loops over register
 * tiles; in a tile the accumulators are registers, the innermost loop is the sum. Operands are read
 * through the index rewriting of value.c (windows, transposes, padding cost no copy) or from copies
 * in tile order. Ends of axes get tiles of their exact size; the last vector is masked. The nest's
 * elementwise roots are computed on the accumulators before anything is stored. */
#include "loop/contract.h"

typedef struct Reach { /* the tiles of an axis that the loops walk */
  AxisIx first;
  int64_t tiles;
  bool rest; /* the incomplete one behind them as well */
} Reach;

typedef struct TileWork {
  ContractPlan *p;
  AxisIx ix[MAX_AXES];      /* index of every label of the contraction */
  Reach reach[MAX_AXES];    /* by merged axis */
  AxisIx base[MAX_AXES];    /* where the tile begins */
  AxisIx tile_no[MAX_AXES]; /* its number */
  AxisIx copied[2];         /* the tile that an operand's copy begins with */
  int64_t size[MAX_AXES];   /* and how many indices it has */
  int64_t phase[MAX_AXES];  /* of an axis of phases: which one */
  Dim tail; /* of the last vector along an axis whose extent is a name: lanes that count; else 0 */
} TileWork;

static AxisIx *label_ix(TileWork *w, int axis) { return &w->ix[w->p->at[axis].label]; }

/* ---- reading an operand ---- */
static Ex read_packed(Low *lw, TileWork *w, int k, int i, Point pt) {
  ContractPlan *p = w->p;
  const Pack *pack = &p->pack[k];
  Ix ix = ix_number(0);
  for (int a = 0; a < p->count; a++) {
    if (!p->at[a].in[k]) continue;
    if (a != pack->tile_axis)
      ix = ix_plus(&lw->m, ix, ix_scale(&lw->m, label_ix(w, a)->ix, pack->stride[a]));
    else {
      Ix tile = ix_plus(&lw->m, w->tile_no[a].ix, ix_scale(&lw->m, w->copied[k].ix, -1));
      ix = ix_plus(&lw->m, ix, ix_scale(&lw->m, tile, pack->stride[a]));
    }
  }
  ix = ix_plus(&lw->m, ix, ix_number(i));
  bool vector = pack->tile_axis == p->vec && pack->tile_axis >= 0;
  if (pack->ahead && i == 0)
    st_touch(&lw->m, pack->buf, ix_plus(&lw->m, ix, ix_number(pack->ahead)), false);
  return ex_load(&lw->m, pack->buf, ix, vector ? pt.lanes : 1, 1, 0, 0);
}

static Ex read_operand(Low *lw, TileWork *w, int k, int within, Point pt) {
  ContractPlan *p = w->p;
  const Contract *c = p->in->u.contract;
  Ex e;
  if (p->pack[k].on) {
    e = ex_let(lw, read_packed(lw, w, k, within, pt), NULL);
  } else {
    AxisIx at[IR_MAX_RANK];
    int rank = low_ins(lw, p->in->arg[k])->shape.rank;
    for (int d = 0; d < rank; d++) at[d] = w->ix[(k ? c->b : c->a)[d]];
    lw->inside = contract_inside(p, k);
    e = value_reg(lw, p->in->arg[k], at, pt);
    lw->inside = (Inside){0};
  }
  return ex_let(lw, ex_splat(&lw->m, e, pt.lanes), NULL);
}

static Ex multiply_add(Low *lw, Ex a, Ex b, Ex acc) {
  DType t = ex_type(lw, acc);
  if (type_is_float(t) && lw->p->target.fma) return low_map(lw, OP_fma, t, (Ex[]){a, b, acc}, 3);
  return low_map(lw, OP_add, t, (Ex[]){acc, low_map(lw, OP_mul, t, (Ex[]){a, b}, 2)}, 2);
}

/* ---- one tile ---- */
typedef struct Tile {
  int m, c, v; /* rows, columns, vectors */
  Reg acc[TILE_MAX];
  Point pt[8]; /* per vector */
} Tile;

static int acc_of(const Tile *t, int i, int j, int q) { return (i * t->c + j) * t->v + q; }

static void set_point(Low *lw, TileWork *w, int i, int j, int q) {
  ContractPlan *p = w->p;
  if (p->row >= 0) *label_ix(w, p->row) = axis_plus(lw, w->base[p->row], i);
  if (p->col >= 0) *label_ix(w, p->col) = axis_plus(lw, w->base[p->col], j);
  if (p->vec >= 0 && !p->dot) {
    AxisIx x = axis_plus(lw, w->base[p->vec], (int64_t)q * p->lanes);
    x.lane = p->lanes > 1;
    *label_ix(w, p->vec) = x;
  }
}

/* Adds one step of the sum to all accumulators. */
static void tile_step(Low *lw, TileWork *w, Tile *t, Ex only) {
  ContractPlan *p = w->p;
  Ex cache[2][TILE_MAX] = {{0}};
  for (int i = 0; i < t->m; i++)
    for (int j = 0; j < t->c; j++)
      for (int q = 0; q < t->v; q++) {
        Ex x[2];
        for (int k = 1; k >= 0; k--) {
          bool row = p->row >= 0 && p->at[p->row].in[k], col = p->col >= 0 && p->at[p->col].in[k];
          bool vec = p->vec >= 0 && p->at[p->vec].in[k] && !p->dot;
          int slot = acc_of(t, row ? i : 0, col ? j : 0, vec ? q : 0);
          if (!cache[k][slot]) {
            set_point(lw, w, i, j, q);
            int within = p->pack[k].tile_axis == p->row ? i : q * p->lanes;
            cache[k][slot] = read_operand(lw, w, k, within, t->pt[q]);
          }
          x[k] = cache[k][slot];
        }
        Reg acc = t->acc[acc_of(t, i, j, q)];
        Ex old = ex_reg(&lw->m, acc), sum = multiply_add(lw, x[0], x[1], old);
        if (only)
          sum = low_map(lw, OP_select, ex_type(lw, old), (Ex[]){only, sum, ex_reg(&lw->m, acc)}, 3);
        st_set(&lw->m, acc, sum);
      }
}

/* The dot form: the sum's own axis by vectors. */
static void dot_steps(Low *lw, TileWork *w, Tile *t) {
  ContractPlan *p = w->p;
  Cx *cx = lw->cx;
  Dim extent = p->at[p->vec].extent,
      whole = dim_mul(cx, dim_floor_div(cx, extent, p->lanes), p->lanes);
  Dim rest = dim_sub(cx, extent, whole);
  LoopMark mark;
  t->pt[0] = (Point){.lanes = p->lanes, .active = p->lanes};
  if (whole != 0) {
    AxisIx x = axis_var(lw, low_for(lw, FOR_SERIAL, "k", 0, whole, p->lanes, &mark));
    x.lane = p->lanes > 1;
    *label_ix(w, p->vec) = x;
    tile_step(lw, w, t, 0);
    low_end(lw, mark);
  }
  if (rest == 0) return;
  Ex mask = ex_let(lw, ex_active(&lw->m, p->lanes, ix_number(rest)), NULL);
  t->pt[0] =
      (Point){.lanes = p->lanes, .active = dim_is_number(rest) ? rest : p->lanes, .vmask = mask};
  t->pt[0].by_lane = !dim_is_number(rest);
  *label_ix(w, p->vec) = axis_number(whole);
  label_ix(w, p->vec)->lane = 1;
  tile_step(lw, w, t, mask);
}

/* Steps of a summed axis in the present phases. */
static Dim terms_of(const TileWork *w, int axis) {
  const ContractPlan *p = w->p;
  Dim n = p->at[axis].extent;
  for (int i = 0; i < p->count; i++)
    if (p->at[i].phase_of == axis) n = MIN(n, p->at[i].terms[w->phase[i]]);
  return n;
}

static void sum_loops(Low *lw, TileWork *w, Tile *t) {
  ContractPlan *p = w->p;
  int order[MAX_AXES], n = contract_sum_order(p, order);
  AxisIx first[MAX_AXES]; /* of the tile's indices */
  LoopMark mark[MAX_AXES];
  Ends ends[MAX_AXES];
  for (int i = 0; i < p->count; i++)
    first[i] = i == p->row || i == p->col || i == p->vec ? w->base[i] : *label_ix(w, i);
  for (int i = 0; i < n; i++) {
    if (terms_of(w, order[i]) == 0) return; /* the sum of nothing */
    ends[i] = contract_ends(lw, p, order[i], terms_of(w, order[i]), first, w->size);
  }
  for (int i = 0; i < n; i++) {
    *label_ix(w, order[i]) =
        axis_var(lw, low_for(lw, FOR_SERIAL, "k", 0, terms_of(w, order[i]), 1, &mark[i]));
    low_between(mark[i].outer, ends[i]);
  }
  if (p->dot) dot_steps(lw, w, t);
  else tile_step(lw, w, t, 0);
  while (n > 0) low_end(lw, mark[--n]);
}

static void finish_at(Low *lw, TileWork *w, Ex value, Point pt) {
  ContractPlan *p = w->p;
  AxisIx out[IR_MAX_RANK];
  for (int d = 0; d < p->in->shape.rank; d++) out[d] = w->ix[p->in->u.contract->out[d]];
  value_bind(lw, p->n->anchor, out, pt, value);
  low_store_roots(lw, p->n, out, pt);
}

/* Roots of many operators are not spelt once per accumulator: these go through a small buffer and a
 * loop over the rows; scalars through loops over all of them. */
static void finish_rolled(Low *lw, TileWork *w, Tile *t) {
  ContractPlan *p = w->p;
  int lanes = t->pt[0].lanes, axis[3] = {p->row, p->col, p->vec};
  int extent[3] = {t->m, lanes == 1 ? t->c : 1, lanes == 1 ? t->v : 1};
  int step[3] = {t->c * t->v * lanes, t->v * lanes, lanes};
  Buf buf = low_buffer(lw, name_of(lw->cx, "tile"), BUF_LOCAL, (DType)p->in->type,
                       (int64_t)t->m * t->c * t->v * lanes);
  for (int a = 0; a < t->m * t->c * t->v; a++)
    st_store(&lw->m, buf, ix_number((int64_t)a * lanes), 1, 0, 0, ex_reg(&lw->m, t->acc[a]), false);
  LoopMark mark[3];
  Var v[3];
  for (int d = 0; d < 3; d++)
    if (extent[d] > 1) v[d] = low_for(lw, FOR_SERIAL, "m", 0, extent[d], 1, &mark[d]);
  for (int j = 0; j < t->c / extent[1]; j++)
    for (int q = 0; q < t->v / extent[2]; q++) {
      set_point(lw, w, 0, j, q);
      Ix ix = ix_number((int64_t)acc_of(t, 0, j, q) * lanes);
      for (int d = 0; d < 3; d++) {
        if (extent[d] == 1) continue;
        label_ix(w, axis[d])->ix = ix_add_term(&lw->m, label_ix(w, axis[d])->ix, v[d], 1);
        ix = ix_add_term(&lw->m, ix, v[d], step[d]);
      }
      finish_at(lw, w, ex_let(lw, ex_load(&lw->m, buf, ix, lanes, 1, 0, 0), NULL), t->pt[q]);
    }
  for (int d = 2; d >= 0; d--)
    if (extent[d] > 1) low_end(lw, mark[d]);
}

/* Where the result's rows lie side by side but the vectors' elements don't, vectors are turned
 * before they are finished: `m` rows of one vector become one vector of m elements per lane. */
static void finish_turned(Low *lw, TileWork *w, Tile *t, int q, int first, int m) {
  ContractPlan *p = w->p;
  int lanes = p->lanes;
  Ex v[TILE_MAX * 2];
  for (int i = 0; i < m; i++) v[i] = ex_reg(&lw->m, t->acc[acc_of(t, first + i, 0, q)]);
  low_transpose(lw, v, m);
  Point pt = {.lanes = lanes, .active = m};
  if (m < lanes) pt.vmask = ex_let(lw, ex_active(&lw->m, lanes, ix_number(m)), NULL);
  AxisIx rows = axis_plus(lw, w->base[p->row], first);
  rows.lane = 1;
  for (int l = 0; l < t->pt[q].active; l++) {
    *label_ix(w, p->row) = rows;
    *label_ix(w, p->vec) = axis_plus(lw, w->base[p->vec], (int64_t)q * lanes + l);
    finish_at(lw, w, v[l], pt);
  }
}

/* So many operators on each sum are spelt once for many of them. */
static bool many_ops(const ContractPlan *p) { return p->ops > 10; }

bool contract_turns(const ContractPlan *p, int m, int c) {
  if (p->dot || p->row < 0 || p->vec < 0 || p->lanes < 4 || c != 1 || many_ops(p)) return false;
  return p->at[p->row].out_stride == 1 && p->at[p->vec].out_stride != 1 && 2 * m >= p->lanes;
}

/* Asks for the lines that finish_at will read and write. */
static void touch_results(Low *lw, TileWork *w, const Tile *t) {
  ContractPlan *p = w->p;
  Touched to[MAX_TOUCHED];
  int n = contract_touched(lw, p->n, to);
  for (int b = 0; b < n; b++)
    for (int i = 0; i < t->m; i++)
      for (int j = 0; j < t->c; j++)
        for (int q = 0; q < t->v; q++) {
          AxisIx at[IR_MAX_RANK];
          Dim lane;
          Ex dyn;
          set_point(lw, w, i, j, q);
          for (int d = 0; d < p->in->shape.rank; d++) at[d] = w->ix[p->in->u.contract->out[d]];
          Ix ix = low_linear(lw, to[b].shape, 0, at, &lane, &dyn);
          st_touch(&lw->m, to[b].buf, ix, to[b].write);
        }
}

/* One row and column of a tile summed again, into a buffer of the tile's shape. */
static void again_at(Low *lw, TileWork *w, const Tile *t, Var row, Var col, Buf buf) {
  const ContractPlan *p = w->p;
  int lanes = p->lanes;
  for (int q = 0; q < t->v; q++) {
    set_point(lw, w, 0, 0, q);
    Ix ix = ix_number((int64_t)q * lanes);
    ix = ix_add_term(&lw->m, ix_add_term(&lw->m, ix, row, (int64_t)t->c * t->v * lanes), col,
                     (int64_t)t->v * lanes);
    if (p->row >= 0) {
      *label_ix(w, p->row) = w->base[p->row];
      label_ix(w, p->row)->ix = ix_add_term(&lw->m, label_ix(w, p->row)->ix, row, 1);
    }
    if (p->col >= 0) {
      *label_ix(w, p->col) = w->base[p->col];
      label_ix(w, p->col)->ix = ix_add_term(&lw->m, label_ix(w, p->col)->ix, col, 1);
    }
    Ex sum = contract_again(lw, p->in, w->ix, p->dot ? point_scalar() : t->pt[q]);
    if (p->dot) { /* the lanes are added up later */
      Ex first = ex_active(&lw->m, lanes, ix_number(1)),
         zero = ex_imm_i(&lw->m, ex_type(lw, sum), lanes, 0);
      sum = low_map(lw, OP_select, ex_type(lw, sum),
                    (Ex[]){first, ex_splat(&lw->m, sum, lanes), zero}, 3);
    }
    st_store(&lw->m, buf, ix, 1, 0, 0, sum, false);
  }
}

/* The sum of all that the tile holds. Lanes beyond the last element are left out: in a packed
 * operand nobody has written them, so they have whatever was in that memory before. */
static Ex sum_of_tile(Low *lw, const TileWork *w, const Tile *t, DType type, int lanes) {
  Ex all = 0;
  for (int q = 0; q < t->v; q++) {
    const Point *pt = &t->pt[q];
    Ex sum = ex_reg(&lw->m, t->acc[q]);
    for (int a = q + t->v; a < t->m * t->c * t->v; a += t->v)
      sum = low_map(lw, OP_add, type, (Ex[]){sum, ex_reg(&lw->m, t->acc[a])}, 2);
    if (pt->vmask) {
      Ex there = ex_active(&lw->m, lanes, ix_number(pt->by_lane ? w->tail : pt->active));
      sum = low_map(lw, OP_select, type, (Ex[]){there, sum, ex_imm_i(&lw->m, type, lanes, 0)}, 3);
    }
    all = q ? low_map(lw, OP_add, type, (Ex[]){all, sum}, 2) : sum;
  }
  return all;
}

/* Where a sum of the tile is no number, all are made again without the terms that aren't there. */
static void sum_again(Low *lw, TileWork *w, Tile *t) {
  DType type = (DType)w->p->in->type;
  int lanes = w->p->lanes, count = t->m * t->c * t->v;
  if (!type_is_float(type)) return;
  Ex all = ex_let(lw, sum_of_tile(lw, w, t, type, lanes), NULL);
  if (lanes > 1) all = ex_let(lw, ex_reduce(&lw->m, OP_add, all), NULL);
  Buf buf = low_buffer(lw, name_of(lw->cx, "again"), BUF_LOCAL, type, (int64_t)count * lanes);
  Stmt *none = st_if(&lw->m, low_map(lw, OP_ne, T_BOOL, (Ex[]){all, all}, 2));
  int32_t memo;
  LoopMark mark[2];
  Block *outer = low_enter(lw, &none->u.cond.then, &memo);
  Var row = low_for(lw, FOR_SERIAL, "m", 0, t->m, 1, &mark[0]);
  Var col = low_for(lw, FOR_SERIAL, "c", 0, t->c, 1, &mark[1]);
  again_at(lw, w, t, row, col, buf);
  low_end(lw, mark[1]);
  low_end(lw, mark[0]);
  set_point(lw, w, 0, 0, 0); /* no index has their variables any more */
  for (int a = 0; a < count; a++)
    st_set(&lw->m, t->acc[a], ex_load(&lw->m, buf, ix_number((int64_t)a * lanes), lanes, 1, 0, 0));
  low_leave(lw, outer, memo);
}

static void emit_tile(Low *lw, TileWork *w) {
  ContractPlan *p = w->p;
  DType type = (DType)p->in->type;
  Tile t = {.m = p->row < 0 ? 1 : (int)w->size[p->row],
            .c = p->col < 0 ? 1 : (int)w->size[p->col],
            .v = 1};
  t.pt[0] = (Point){.lanes = p->lanes, .active = p->lanes};
  if (p->vec >= 0 && !p->dot) {
    int64_t n = w->size[p->vec];
    t.v = (int)((n + p->lanes - 1) / p->lanes);
    for (int q = 0; q < t.v; q++) t.pt[q] = (Point){.lanes = p->lanes, .active = p->lanes};
    if (w->tail) {
      t.pt[0].vmask = ex_let(lw, ex_active(&lw->m, p->lanes, ix_number(w->tail)), NULL);
      t.pt[0].by_lane = true;
    }
    if (n % p->lanes) {
      Point *last = &t.pt[t.v - 1];
      last->active = n % p->lanes;
      last->vmask = ex_let(lw, ex_active(&lw->m, p->lanes, ix_number(last->active)), NULL);
    }
  }
  Ex zero = ex_imm_i(&lw->m, type, p->lanes, 0);
  for (int a = 0; a < t.m * t.c * t.v; a++) t.acc[a] = st_let(&lw->m, zero, name_of(lw->cx, "acc"));
  if (p->touch) touch_results(lw, w, &t);
  sum_loops(lw, w, &t);
  if (p->in->u.contract->skips && !(contract_all_inside(p, 0) && contract_all_inside(p, 1)))
    sum_again(lw, w, &t);
  if (contract_turns(p, t.m, t.c) && !w->tail) {
    for (int q = 0; q < t.v; q++)
      for (int i = 0; i < t.m; i += p->lanes)
        finish_turned(lw, w, &t, q, i, MIN(p->lanes, t.m - i));
    return;
  }
  if (!p->dot && many_ops(p) && (t.m > 2 || (p->lanes == 1 && t.m * t.c * t.v > 2))) {
    finish_rolled(lw, w, &t);
    return;
  }
  for (int i = 0; i < t.m; i++)
    for (int j = 0; j < t.c; j++)
      for (int q = 0; q < t.v; q++) {
        set_point(lw, w, i, j, q);
        Ex sum = ex_reg(&lw->m, t.acc[acc_of(&t, i, j, q)]);
        if (p->dot) sum = ex_let(lw, ex_reduce(&lw->m, OP_add, sum), NULL);
        finish_at(lw, w, sum, p->dot ? point_scalar() : t.pt[q]);
      }
}

/* ---- the loops over tiles ---- */
static void tile_loops(Low *lw, TileWork *w, int level);

/* A loop over `count` pieces, and one more piece, the rest, behind it; where workers share the
 * loop the rest is a piece like the others. */
typedef struct Share {
  ForKind kind;
  Var v;
  LoopMark mark;
  Stmt *which; /* one of the others, or the rest */
  Block *outer;
  int32_t memo;
} Share;

static Share pieces_begin(Low *lw, const char *name, int64_t count, bool rest) {
  Share x = {.kind = count + rest > 1 ? low_outermost(lw) : FOR_SERIAL, .v = -1};
  bool one = x.kind == FOR_PARALLEL && rest;
  if (count > 1 || x.kind == FOR_PARALLEL)
    x.v = low_for(lw, x.kind, name, 0, count + one, 1, &x.mark);
  if (!one) return x;
  Ex some[2] = {ex_index(&lw->m, T_I64, 1, axis_var(lw, x.v).ix, 0),
                ex_imm_i(&lw->m, T_I64, 1, count)};
  x.which = st_if(&lw->m, ex_map(&lw->m, OP_lt, T_BOOL, some, 2));
  x.outer = low_enter(lw, &x.which->u.cond.then, &x.memo);
  return x;
}

static void pieces_rest(Low *lw, Share *x) {
  if (x->which) {
    low_leave(lw, x->outer, x->memo);
    x->outer = low_enter(lw, &x->which->u.cond.other, &x->memo);
  } else if (x->v >= 0) {
    low_end(lw, x->mark);
    x->v = -1;
  }
}

static void pieces_end(Low *lw, Share *x) {
  if (x->which) low_leave(lw, x->outer, x->memo);
  if (x->v >= 0) low_end(lw, x->mark);
}

/* The tiles of one block, after the copies of what is copied block by block. */
static void one_block(Low *lw, TileWork *w, int level, int axis) {
  const Reach *reach = &w->reach[axis];
  for (int k = 0; k < 2; k++) {
    if (!w->p->pack[k].by_block || w->p->pack[k].tile_axis != axis) continue;
    contract_pack_block(lw, w->p, k, reach->first, reach->tiles, reach->rest);
    w->copied[k] = reach->first;
  }
  tile_loops(lw, w, level + 1);
}

static void block_loops(Low *lw, TileWork *w, int level) {
  int axis = BLOCKS_OF(w->p->level[level]);
  Reach *reach = &w->reach[axis], all = *reach;
  int64_t block = w->p->block[axis], count = all.tiles / block, left = all.tiles % block;
  Share x = pieces_begin(lw, axis == w->p->row ? "mb" : "nb", count, left || all.rest);
  if (count > 0) {
    *reach = (Reach){axis_number(0), block, false};
    if (x.v >= 0) reach->first.ix = ix_add_term(&lw->m, ix_number(0), x.v, block);
    one_block(lw, w, level, axis);
  }
  if (left || all.rest) {
    pieces_rest(lw, &x);
    *reach = (Reach){axis_number(count * block), left, all.rest};
    one_block(lw, w, level, axis);
  }
  pieces_end(lw, &x);
  *reach = all;
}

/* Tiles of `size` indices of an axis from one index to another. */
static void tiles_between(Low *lw, TileWork *w, int level, Dim from, Dim to, int64_t size) {
  LoopMark mark;
  if (from == to) return;
  w->base[w->p->level[level]] = axis_var(lw, low_for(lw, FOR_SERIAL, "m", from, to, size, &mark));
  w->size[w->p->level[level]] = size;
  tile_loops(lw, w, level + 1);
  low_end(lw, mark);
}

/* What whole tiles leave of an axis whose extent is a name: rows one by one, or vectors one by one
 * and the last under a mask. */
static void rest_named(Low *lw, TileWork *w, int level, Dim from) {
  Cx *cx = lw->cx;
  int axis = w->p->level[level];
  Dim extent = w->p->at[axis].extent;
  bool vec = axis == w->p->vec && !w->p->dot;
  int64_t lanes = vec ? w->p->lanes : 1;
  Dim to = dim_mul(cx, dim_floor_div(cx, extent, lanes), lanes), rest = dim_sub(cx, extent, to);
  tiles_between(lw, w, level, from, to, lanes);
  if (rest == 0) return;
  Stmt *some = st_if(&lw->m, ex_active(&lw->m, 1, ix_number(rest)));
  int32_t memo;
  Block *outer = low_enter(lw, &some->u.cond.then, &memo);
  w->base[axis] = axis_number(to);
  w->size[axis] = lanes;
  w->tail = rest;
  tile_loops(lw, w, level + 1);
  w->tail = 0;
  low_leave(lw, outer, memo);
}

/* Shared out, the rest is one piece more than there are whole tiles, of which there may be none. */
static void tiles_named(Low *lw, TileWork *w, int level) {
  Cx *cx = lw->cx;
  int axis = w->p->level[level];
  int64_t size = contract_tile_size(w->p, axis);
  Dim count = dim_floor_div(cx, w->p->at[axis].extent, size), whole = dim_mul(cx, count, size);
  if (low_outermost(lw) != FOR_PARALLEL) {
    tiles_between(lw, w, level, 0, whole, size);
    rest_named(lw, w, level, whole);
    return;
  }
  LoopMark mark;
  AxisIx t = axis_var(lw, low_for(lw, FOR_PARALLEL, "m", 0, dim_add(cx, count, 1), 1, &mark));
  Stmt *s = st_if(
      &lw->m, ex_active(&lw->m, 1, ix_plus(&lw->m, ix_number(count), ix_scale(&lw->m, t.ix, -1))));
  for (int part = 0; part < 2; part++) {
    int32_t memo;
    Block *outer = low_enter(lw, part ? &s->u.cond.other : &s->u.cond.then, &memo);
    w->base[axis].ix = ix_scale(&lw->m, t.ix, size);
    w->size[axis] = size;
    if (part) rest_named(lw, w, level, whole);
    else tile_loops(lw, w, level + 1);
    low_leave(lw, outer, memo);
  }
  low_end(lw, mark);
}

/* Code for each phase by itself: their sums have different lengths. */
static void each_phase(Low *lw, TileWork *w, int level) {
  int axis = w->p->level[level];
  for (int64_t i = 0; i < w->p->at[axis].number; i++) {
    *label_ix(w, axis) = axis_number(i);
    w->phase[axis] = i;
    tile_loops(lw, w, level + 1);
  }
}

/* An axis that tiles have one index of. */
static void batch_loop(Low *lw, TileWork *w, int level) {
  int axis = w->p->level[level];
  LoopMark mark;
  Var v = low_for(lw, low_outermost(lw), "b", 0, w->p->at[axis].extent, 1, &mark);
  *label_ix(w, axis) = axis_var(lw, v);
  tile_loops(lw, w, level + 1);
  low_end(lw, mark);
}

static void whole_tiles(Low *lw, TileWork *w, int level) {
  int axis = w->p->level[level];
  const Reach *reach = &w->reach[axis];
  int64_t size = contract_tile_size(w->p, axis), extent = w->p->at[axis].extent;
  Share x = pieces_begin(lw, axis == w->p->row ? "m" : "n", reach->tiles, reach->rest);
  if (reach->tiles > 0) {
    w->tile_no[axis] = reach->first;
    if (x.v >= 0) w->tile_no[axis].ix = ix_add_term(&lw->m, reach->first.ix, x.v, 1);
    w->base[axis].ix = ix_scale(&lw->m, w->tile_no[axis].ix, size);
    w->size[axis] = size;
    tile_loops(lw, w, level + 1);
  }
  if (reach->rest) {
    pieces_rest(lw, &x);
    w->tile_no[axis] = axis_number(extent / size);
    w->base[axis] = axis_number(extent / size * size);
    w->size[axis] = extent % size;
    tile_loops(lw, w, level + 1);
  }
  pieces_end(lw, &x);
}

static void tile_loops(Low *lw, TileWork *w, int level) {
  const ContractPlan *p = w->p;
  if (level == p->nlevels) {
    Block *here = lw->m.at;
    int32_t memo = lw->memo.n;
    emit_tile(lw, w);
    low_leave(lw, here, memo);
    return;
  }
  int axis = p->level[level];
  if (axis < 0) block_loops(lw, w, level);
  else if (contract_has_phases(p, axis)) each_phase(lw, w, level);
  else if (axis != p->vec && axis != p->row && axis != p->col) batch_loop(lw, w, level);
  else if (!dim_is_number(p->at[axis].extent)) tiles_named(lw, w, level);
  else whole_tiles(lw, w, level);
}

void lower_contract(Low *lw, Nest *n) {
  ContractPlan *p = NEW(lw->arena, ContractPlan);
  TileWork *w = NEW(lw->arena, TileWork);
  if (shape_count(lw->cx, &n->shape) == 0) return;
  contract_plan(lw, n, p);
  lw->m.k->flops -= contract_flops_left_out(p);
  contract_pack(lw, p);
  contract_guard_loops(p);
  w->p = p;
  for (int l = 0; l < MAX_AXES; l++) w->ix[l] = axis_number(0);
  w->copied[0] = w->copied[1] = axis_number(0);
  for (int i = 0; i < p->count; i++) {
    int64_t size = contract_tile_size(p, i);
    w->reach[i] = (Reach){axis_number(0), p->at[i].number / size, p->at[i].number % size > 0};
  }
  tile_loops(lw, w, 0);
}
