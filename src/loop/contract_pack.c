/* contract_pack.c: copies an operand of a contraction into the order its tiles read it: for every
 * tile, for every step of the sum, the tile's elements side by side. In: the plan. Out: a kernel
 * per copied operand, placed before the contraction's. The copy reads through value.c, so
 * transposes, windows and padding become plain memory here. The end of the last tile is left as it
 * is: nobody looks at the lanes computed from it. Products of one operand that come soon after each
 * other (queries, keys and values) read one copy. */
#include "loop/contract.h"

typedef struct PackWork {
  ContractPlan *p;
  int k;
  AxisIx ix[MAX_AXES]; /* by label of the contraction */
  Ix to;               /* where in the copy the tile's elements begin */
  Ix first;            /* index along the tile axis of its first element */
  int square;          /* axis along which squares are transposed, -1: none */
} PackWork;

enum { SOON = 8 }; /* kernels later: a copy that waits for longer takes room from others */

/* What tells the copy from others: no two of them with the same are different. */
static Copied describe(Low *lw, const ContractPlan *p, int k, int64_t count) {
  const Pack *pack = &p->pack[k];
  const Contract *c = p->in->u.contract;
  Copied x = {.v = p->in->arg[k],
              .kernel = lw->p->kernel.n,
              .tile = pack->tile,
              .count = count,
              .ahead = pack->ahead};
  for (int d = 0; d < low_ins(lw, x.v)->shape.rank; d++)
    for (int a = 0; a < p->count; a++)
      if (p->at[a].label == (k ? c->b : c->a)[d])
        x.stride[d] = a == pack->tile_axis ? -1 - pack->stride[a] : pack->stride[a];
  return x;
}

/* The same copy, made for a product before this one; NULL: there is none. */
static Copied *copied_before(Low *lw, const Copied *x) {
  for (int i = lw->copied.n - 1; i >= 0; i--) {
    Copied *old = &lw->copied.at[i];
    if (old->v == x->v && old->tile == x->tile && old->count == x->count &&
        old->ahead == x->ahead && !memcmp(old->stride, x->stride, sizeof x->stride) &&
        x->kernel - old->kernel <= SOON)
      return old;
  }
  return NULL;
}

/* True where the copy is there already. */
static bool lay_out(Low *lw, ContractPlan *p, int k) {
  Pack *pack = &p->pack[k];
  pack->tile_axis = contract_copied_axis(p, k);
  pack->tile = contract_tile_size(p, pack->tile_axis);
  int64_t stride = pack->tile;
  for (int pass = 0; pass < 2;
       pass++) { /* axes of the sum inside, of the result outside the tile */
    for (int a = p->count - 1; a >= 0; a--) {
      if (!p->at[a].in[k] || a == pack->tile_axis || p->at[a].out != pass) continue;
      pack->stride[a] = stride;
      stride *= p->at[a].extent;
    }
    if (pass == 0) {
      int64_t tiles = (p->at[pack->tile_axis].extent + pack->tile - 1) / pack->tile;
      pack->stride[pack->tile_axis] = stride;
      stride *= pack->by_block ? contract_most_tiles(p, pack->tile_axis) : tiles;
    }
  }
  const Ins *x = low_ins(lw, p->in->arg[k]);
  Name name = name_fmt(lw->cx, "%s_tiles", x->hint ? x->hint : k ? "b" : "a");
  Copied own = describe(lw, p, k, stride), *old = pack->by_block ? NULL : copied_before(lw, &own);
  if (old) {
    old->kernel = own.kernel;
    pack->buf = old->buf;
    return true;
  }
  pack->buf = low_buffer(lw, name, pack->by_block ? BUF_LOCAL : BUF_TEMP, (DType)x->type,
                         stride + pack->ahead);
  own.buf = pack->buf;
  if (!pack->by_block) vec_push(lw->arena, &lw->copied, own);
  return false;
}

static Ex source(Low *lw, PackWork *w, AxisIx i, Point pt) {
  ContractPlan *p = w->p;
  const Contract *c = p->in->u.contract;
  Val v = p->in->arg[w->k];
  AxisIx at[IR_MAX_RANK];
  i.ix = ix_plus(&lw->m, i.ix, w->first);
  w->ix[p->at[p->pack[w->k].tile_axis].label] = i;
  for (int d = 0; d < low_ins(lw, v)->shape.rank; d++) at[d] = w->ix[(w->k ? c->b : c->a)[d]];
  return value_reg(lw, v, at, pt);
}

static void pack_body(Low *lw, void *arg, AxisIx i, Point pt) {
  PackWork *w = arg;
  Ex x = source(lw, w, i, pt);
  st_store(&lw->m, w->p->pack[w->k].buf, ix_plus(&lw->m, w->to, i.ix), 1, 0, pt.vmask, x, false);
}

/* The elements of one tile, of which there are `count`. */
static void pack_tile(Low *lw, PackWork *w, int64_t count) {
  const Label *t = &w->p->at[w->p->pack[w->k].tile_axis];
  bool side_by_side = t->stride[w->k] == 1;
  int lanes = side_by_side ? lanes_for(w->p->lanes, count) : 1;
  low_vectors(lw, count, lanes, 16, pack_body, w);
}

/* ---- elements of a tile that lie far apart, while those of another axis lie side by side ---- */
/* Vectors along the other axis, one for each element of the tile, are transposed. */
static void pack_square(Low *lw, PackWork *w, int axis, AxisIx along, int lanes, AxisIx from,
                        int64_t count) {
  ContractPlan *p = w->p;
  Pack *pack = &p->pack[w->k];
  Ex v[128];
  along.lane = 1;
  w->ix[p->at[axis].label] = along;
  Point pt = {.lanes = lanes, .active = lanes};
  for (int i = 0; i < count; i++)
    v[i] = ex_splat(&lw->m, source(lw, w, axis_plus(lw, from, i), pt), lanes);
  low_transpose(lw, v, (int)count);
  Ex mask = count < lanes ? ex_let(lw, ex_active(&lw->m, lanes, ix_number(count)), NULL) : 0;
  for (int j = 0; j < lanes; j++) {
    Ix to = ix_plus(&lw->m, w->to, ix_scale(&lw->m, along.ix, pack->stride[axis]));
    to = ix_plus(&lw->m, to, ix_plus(&lw->m, from.ix, ix_number(j * pack->stride[axis])));
    st_store(&lw->m, pack->buf, to, 1, 0, mask, v[j], false);
  }
}

static int square_lanes(const PackWork *w) {
  const ContractPlan *p = w->p;
  int lanes = p->full_lanes;
  return lanes > 16 ? 16 : lanes;
}

/* The axis to take squares along, -1: none. */
static int square_axis(const PackWork *w) {
  const ContractPlan *p = w->p;
  const Pack *pack = &p->pack[w->k];
  int lanes = square_lanes(w);
  if (p->at[pack->tile_axis].stride[w->k] == 1 || lanes < 4 || pack->tile < lanes / 2) return -1;
  for (int a = 0; a < p->count; a++)
    if (p->at[a].in[w->k] && a != pack->tile_axis && p->at[a].stride[w->k] == 1 &&
        p->at[a].extent >= lanes)
      return a;
  return -1;
}

static void pack_squares(Low *lw, PackWork *w, int axis, int64_t count) {
  ContractPlan *p = w->p;
  int lanes = square_lanes(w);
  int64_t whole = p->at[axis].extent / lanes * lanes;
  LoopMark mark;
  AxisIx k = axis_var(lw, low_for(lw, FOR_SERIAL, "k", 0, whole, lanes, &mark));
  int64_t squares = count / lanes;
  LoopMark each;
  AxisIx from = axis_number(0);
  if (squares > 1)
    from = axis_var(lw, low_for(lw, FOR_SERIAL, "s", 0, squares * lanes, lanes, &each));
  if (squares > 0) pack_square(lw, w, axis, k, lanes, from, lanes);
  if (squares > 1) low_end(lw, each);
  if (count % lanes)
    pack_square(lw, w, axis, k, lanes, axis_number(squares * lanes), count % lanes);
  low_end(lw, mark);
  if (whole == p->at[axis].extent) return;
  k = axis_var(lw, low_for(lw, FOR_SERIAL, "k", whole, p->at[axis].extent, 1, &mark));
  w->ix[p->at[axis].label] = k;
  Ix to = w->to;
  w->to = ix_plus(&lw->m, to, ix_scale(&lw->m, k.ix, p->pack[w->k].stride[axis]));
  pack_tile(lw, w, count);
  w->to = to;
  low_end(lw, mark);
}

/* Loops over the other axes, result axes outside; then the tile. */
static void pack_axes(Low *lw, PackWork *w, const int *axis, int n, int64_t count) {
  ContractPlan *p = w->p;
  if (n == 0) {
    pack_tile(lw, w, count);
    return;
  }
  if (n == 1 && w->square >= 0) {
    pack_squares(lw, w, w->square, count);
    return;
  }
  LoopMark mark;
  Ix to = w->to;
  Var v = low_for(lw, FOR_SERIAL, "k", 0, p->at[*axis].extent, 1, &mark);
  w->ix[p->at[*axis].label] = axis_var(lw, v);
  w->to = ix_add_term(&lw->m, to, v, p->pack[w->k].stride[*axis]);
  pack_axes(lw, w, axis + 1, n - 1, count);
  low_end(lw, mark);
  w->to = to;
}

/* Whole tiles of an operand whose elements lie side by side along them, the tiles inside: a row is
 * read from one tile's elements to the next one's. */
static void pack_rows(Low *lw, PackWork *w, const int *axis, int n, AxisIx first, int64_t tiles) {
  ContractPlan *p = w->p;
  const Pack *pack = &p->pack[w->k];
  Ix to = w->to;
  LoopMark mark;
  if (n > 0) {
    Var v = low_for(lw, FOR_SERIAL, "k", 0, p->at[*axis].extent, 1, &mark);
    w->ix[p->at[*axis].label] = axis_var(lw, v);
    w->to = ix_add_term(&lw->m, to, v, pack->stride[*axis]);
    pack_rows(lw, w, axis + 1, n - 1, first, tiles);
  } else {
    Var v = low_for(lw, FOR_SERIAL, "t", 0, tiles, 1, &mark);
    w->to = ix_add_term(&lw->m, to, v, pack->stride[pack->tile_axis]);
    w->first = ix_scale(&lw->m, ix_add_term(&lw->m, first.ix, v, 1), pack->tile);
    pack_tile(lw, w, pack->tile);
  }
  low_end(lw, mark);
  w->to = to;
}

static void pack_tiles(Low *lw, ContractPlan *p, int k, AxisIx first, int64_t whole, bool some) {
  PackWork *w = NEW(lw->arena, PackWork);
  Pack *pack = &p->pack[k];
  const Label *t = &p->at[pack->tile_axis];
  *w = (PackWork){.p = p, .k = k};
  int axis[MAX_AXES], n = 0;
  for (int pass = 1; pass >= 0; pass--)
    for (int a = 0; a < p->count; a++)
      if (p->at[a].in[k] && a != pack->tile_axis && p->at[a].out == pass) axis[n++] = a;
  for (int l = 0; l < MAX_AXES; l++) w->ix[l] = axis_number(0);
  w->square = square_axis(w);
  for (int i = 0; i + 1 < n && w->square >= 0; i++) /* innermost */
    if (axis[i] == w->square) axis[i] = axis[i + 1], axis[i + 1] = w->square;
  int64_t rest = some ? t->extent % pack->tile : 0;
  if (pack->by_block && !rest && w->square < 0 && t->stride[k] == 1) {
    w->to = ix_number(0);
    pack_rows(lw, w, axis, n, first, whole);
    return;
  }
  LoopMark mark;
  Var v = low_for(lw, low_outermost(lw), "t", 0, whole + (rest > 0), 1, &mark);
  w->to = ix_add_term(&lw->m, ix_number(0), v, pack->stride[pack->tile_axis]);
  w->first = ix_scale(&lw->m, ix_add_term(&lw->m, first.ix, v, 1), pack->tile);
  if (rest == 0 || whole == 0) {
    pack_axes(lw, w, axis, n, rest ? rest : pack->tile);
  } else {
    Ex full[2] = {ex_index(&lw->m, T_I64, 1, axis_var(lw, v).ix, 0),
                  ex_imm_i(&lw->m, T_I64, 1, whole)};
    Stmt *s = st_if(&lw->m, ex_map(&lw->m, OP_lt, T_BOOL, full, 2));
    for (int part = 0; part < 2; part++) {
      int32_t memo;
      Block *outer = low_enter(lw, part ? &s->u.cond.other : &s->u.cond.then, &memo);
      pack_axes(lw, w, axis, n, part ? rest : pack->tile);
      low_leave(lw, outer, memo);
    }
  }
  low_end(lw, mark);
}

void contract_pack_block(Low *lw, ContractPlan *p, int k, AxisIx first, int64_t tiles, bool rest) {
  Block *here = lw->m.at;
  int32_t memo = lw->memo.n;
  pack_tiles(lw, p, k, first, tiles, rest);
  low_leave(lw, here, memo);
}

static void pack_operand(Low *lw, ContractPlan *p, int k) {
  int axis = p->pack[k].tile_axis;
  int64_t extent = p->at[axis].extent, tile = p->pack[k].tile;
  pack_tiles(lw, p, k, axis_number(0), extent / tile, extent % tile > 0);
}

void contract_pack(Low *lw, ContractPlan *p) {
  for (int k = 0; k < 2; k++) {
    if (!p->pack[k].on) continue;
    if (lay_out(lw, p, k) || p->pack[k].by_block) continue;
    /* a kernel of its own before the contraction's, which is empty so far */
    KernelMaker later = lw->m;
    bool share = lw->may_parallel;
    lw->p->kernel.n--;
    lw->m = low_kernel(lw, lw->p->buf.at[p->pack[k].buf].name, p->in->span);
    lw->m.k->bytes =
        2.0 * (double)lw->p->buf.at[p->pack[k].buf].count * type_info[p->in->type].bytes;
    lw->may_parallel = share && lw->m.k->bytes > 500e3;
    pack_operand(lw, p, k);
    lw->m = later;
    vec_push(lw->cx->arena, &lw->p->kernel, later.k);
    lw->memo.n = 0;
    lw->range.n = 0;
    for (Val v = 0; v < lw->f->ins.n; v++) lw->memo_head[v] = -1;
    lw->may_parallel = share;
  }
}
