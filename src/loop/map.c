/* map.c: lowers elementwise nests and copies. In: a nest without an anchor. Out: loops over the
 * axes of its shape, merged where all reads allow, the last one by vectors. Axes along which parts
 * are put together are walked part by part (pieces.c). */
#include "loop/lower.h"

/* So many vectors are walked side by side where no loop goes over them, and so much work on each is
 * worth it: a function. */
enum { MAX_VECTORS = 4, LONG_OPS = 14, SQUARE_OPS = 12 };

typedef struct MapWork {
  Nest *n;
  AxisIx at[IR_MAX_RANK];
  int axis;
  Dim from;   /* where the part of the axis begins */
  int across; /* axis walked inside the vectors, a few indices at a time, or -1 */
  Ix across_from;
  int64_t across_n;
  bool squares; /* as many as a vector has lanes: what is read lies side by side along that axis */
  Block *block; /* straight-line code of a few vectors goes there; */
  int end[MAX_VECTORS], nend; /* that of each ends at .. */
} MapWork;

static void map_point(Low *lw, MapWork *w, Point pt) {
  if (w->n->kind != NEST_COPY) {
    low_store_roots(lw, w->n, w->at, pt);
    return;
  }
  Val v = w->n->anchor;
  Dim lane;
  Ex dyn;
  Ix lin = low_linear(lw, &low_ins(lw, v)->shape, 0, w->at, &lane, &dyn);
  int32_t from = w->n->copy_from;
  Ex value = from < 0 ? value_reg(lw, v, w->at, pt)
                      : ex_load(&lw->m, lw->nest.at[from].stash, lin, pt.lanes, lane, 0, pt.vmask);
  Buf to = w->n->copy_to < 0 ? w->n->stash : lw->f->in.n + w->n->copy_to;
  st_store(&lw->m, to, lin, lane, 0, pt.vmask, value, false);
}

static void map_body(Low *lw, void *arg, AxisIx ix, Point pt) {
  MapWork *w = arg;
  if (w->axis >= 0) w->at[w->axis] = axis_plus(lw, ix, w->from);
  if (w->across < 0) {
    map_point(lw, w, pt);
    if (w->block == lw->m.at && w->nend < MAX_VECTORS) w->end[w->nend++] = w->block->at.n;
    return;
  }
  LoopMark mark;
  Var v = low_for(lw, FOR_SERIAL, "j", 0, w->across_n, 1, &mark);
  w->at[w->across].ix = ix_add_term(&lw->m, w->across_from, v, 1);
  map_point(lw, w, pt);
  low_end(lw, mark);
}

/* An outer axis along which something is read side by side that the vector axis reads far apart: a
 * transpose. Walking a few indices of it inside the vectors uses the cache lines while they are
 * there. */
static int across_axis(const Low *lw, const Nest *n, const LoopAxis *axis, int count) {
  for (int i = 0; i + 1 < count; i++)
    for (int k = 0; k < n->side.n && dim_is_number(axis[i].extent); k++) {
      const Side *s = n->side.at[k];
      for (int a = 0; a < s->an.access.n; a++) {
        int64_t inner = low_number(lw, s->an.access.at[a].stride[s->kept[axis[count - 1].axis]]);
        if (s->an.access.at[a].stride[s->kept[axis[i].axis]] == 1 && (inner > 4 || inner < -4))
          return i;
      }
    }
  return -1;
}

enum { ACROSS = 8 };

/* What is read far apart along the vectors' axis, but side by side along the other, is more than
 * what is read the other way round: vectors along the other axis are made, a square of them, and
 * turned before they are stored. */
static bool turns(const Low *lw, const Nest *n, LoopAxis across, LoopAxis vec) {
  int lanes = nest_lanes(n), far = 0, near = 0;
  if (n->kind != NEST_MAP || n->root.n != 1 || lanes < 8 || nest_ops(n) > SQUARE_OPS) return false;
  DType t = (DType)low_ins(lw, n->root.at[0])->type;
  if (t == T_BOOL) return false; /* masks aren't shuffled */
  if (lanes * type_info[t].bytes > lw->p->target.vector_bytes)
    return false; /* a narrow type among wider ones */
  if (!dim_is_number(vec.extent) || vec.extent < lanes / 2 || across.extent < lanes) return false;
  for (int k = 0; k < n->side.n; k++) {
    const Side *s = n->side.at[k];
    for (int a = 0; a < s->an.access.n; a++) {
      const Dim *stride = s->an.access.at[a].stride;
      int64_t inner = low_number(lw, stride[s->kept[vec.axis]]);
      int64_t outer = low_number(lw, stride[s->kept[across.axis]]);
      if (outer == 1 && (inner > 4 || inner < -4)) far++;
      else if (outer != 0) near++;
    }
  }
  return far > near;
}

/* Rows from..from + count of the vectors' axis, as many as lanes or fewer. */
static void map_square(Low *lw, MapWork *w, Ix from, int64_t count) {
  Val v = w->n->root.at[0];
  int lanes = (int)w->across_n;
  Ex x[128];
  Point pt = {.lanes = lanes, .active = lanes}, turned = {.lanes = lanes, .active = count};
  w->at[w->across] = (AxisIx){.ix = w->across_from, .lane = 1};
  for (int64_t r = 0; r < count; r++) {
    w->at[w->axis] = (AxisIx){.ix = ix_plus(&lw->m, from, ix_number(r))};
    x[r] = ex_let(lw, ex_splat(&lw->m, value_own(lw, v, w->at, pt), lanes), NULL);
  }
  low_transpose(lw, x, (int)count);
  if (count < lanes) turned.vmask = ex_let(lw, ex_active(&lw->m, lanes, ix_number(count)), NULL);
  w->at[w->axis] = (AxisIx){.ix = from, .lane = 1};
  for (int c = 0; c < lanes; c++) {
    w->at[w->across] = (AxisIx){.ix = ix_plus(&lw->m, w->across_from, ix_number(c))};
    low_store_root(lw, v, w->at, turned, x[c]);
  }
}

static void map_squares(Low *lw, MapWork *w, Dim from, int64_t extent) {
  int64_t lanes = w->across_n, whole = extent / lanes * lanes;
  LoopMark mark;
  if (whole > 0) {
    Var i = low_for(lw, FOR_SERIAL, "i", 0, whole, lanes, &mark);
    map_square(lw, w, ix_add_term(&lw->m, ix_number(from), i, 1), lanes);
    low_end(lw, mark);
  }
  if (whole < extent) map_square(lw, w, ix_number(dim_add(lw->cx, from, whole)), extent - whole);
}

/* How much of an axis is walked by vectors of so many lanes, the last under a mask: all of it, or
 * what leaves two shorter vectors at most, where these cost less. (A store under a mask holds up
 * the next one's reads where the mask is off: there the next row begins.) */
enum { FEW_OPS = 12 };

static Dim whole_part(const Low *lw, Dim extent, int lanes, double ops) {
  if (!dim_is_number(extent) || lw->may_parallel || ops > FEW_OPS) return extent;
  int64_t rest = extent % lanes, last = rest & -rest;
  return ((rest - last) & (rest - last - 1)) == 0 ? extent - rest : extent;
}

static void map_vectors(Low *lw, MapWork *w, LoopAxis vec) {
  int lanes = nest_lanes(w->n);
  w->axis = vec.axis;
  /* a plain transpose moves one element as fast as a gather moves each of its own */
  if (w->across >= 0 && nest_ops(w->n) == 0 && !w->squares) lanes = 1;
  Pieces cut = axis_pieces(lw, w->n, w->at, vec, lanes);
  w->block = lw->m.at;
  w->nend = 0;
  int start = w->block->at.n;
  for (int i = 0; i < cut.n; i++) {
    Dim extent = dim_sub(lw->cx, cut.at[i + 1], cut.at[i]),
        whole = whole_part(lw, extent, lanes, cut.ops[i]);
    w->from = cut.at[i];
    if (w->squares && extent >= lanes / 2) {
      map_squares(lw, w, w->from, extent);
      continue;
    }
    low_vectors(lw, whole, lanes_for(lanes, whole), cut.ops[i], map_body, w);
    for (int n = lanes / 2; n > 0 && whole != extent; n /= 2) {
      if (extent - whole < n) continue;
      w->from = cut.at[i] + whole;
      low_vectors(lw, n, n, cut.ops[i], map_body, w);
      whole += n;
    }
  }
  if (w->n->kind == NEST_MAP && nest_ops(w->n) >= LONG_OPS)
    st_interleave(&lw->m, start, w->end, w->nend);
}

static void map_across(Low *lw, MapWork *w, LoopAxis across, LoopAxis vec) {
  int64_t n = ACROSS;
  w->squares = turns(lw, w->n, across, vec);
  for (int64_t d = ACROSS; d >= ACROSS / 2; d--) /* no rest, if possible */
    if (across.extent % d == 0) {
      n = d;
      break;
    }
  if (w->squares) n = nest_lanes(w->n);
  int64_t blocks = across.extent / n, rest = across.extent % n;
  w->across = across.axis;
  if (blocks > 0) {
    LoopMark mark;
    Var v = low_for(lw, rest ? FOR_SERIAL : low_outermost(lw), "i", 0, blocks, 1, &mark);
    w->across_from = ix_add_term(&lw->m, ix_number(0), v, n);
    w->across_n = n;
    lw->may_parallel = false;
    map_vectors(lw, w, vec);
    low_end(lw, mark);
  }
  if (!rest) return;
  w->squares = false;
  w->across_from = ix_number(blocks * n);
  w->across_n = rest;
  lw->may_parallel = false;
  map_vectors(lw, w, vec);
}

/* The axes from number i on; the last one by vectors, all parts of one before the next. */
static void map_axes(Low *lw, MapWork *w, const LoopAxis *axis, int i, int count, int across) {
  if (i == across) i++;
  if (i + 1 >= count) {
    if (across >= 0) map_across(lw, w, axis[across], axis[count - 1]);
    else map_vectors(lw, w, axis[count - 1]);
    return;
  }
  Pieces cut = axis_pieces(lw, w->n, w->at, axis[i], 1);
  for (int k = 0; k < cut.n; k++) {
    LoopMark mark;
    bool one = cut.n > 1 && cut.at[k + 1] == cut.at[k] + 1;
    ForKind kind = cut.n > 1 ? FOR_SERIAL : low_outermost(lw);
    w->at[axis[i].axis] = axis_number(cut.at[k]);
    if (!one)
      w->at[axis[i].axis] =
          axis_var(lw, low_for(lw, kind, "i", cut.at[k], cut.at[k + 1], 1, &mark));
    map_axes(lw, w, axis, i + 1, count, across);
    if (!one) low_end(lw, mark);
  }
}

void lower_map(Low *lw, Nest *n) {
  MapWork w = {.n = n, .axis = -1, .across = -1};
  LoopAxis axis[IR_MAX_RANK];
  if (lower_update(lw, n)) return;
  int count = nest_axes(lw->cx, n, lw->rows, axis);
  for (int d = 0; d < n->shape.rank; d++) w.at[d] = d < lw->rows ? lw->row[d] : axis_number(0);
  for (int i = 0; i + 1 < count && lw->may_parallel; i++)
    if (low_number(lw, axis[i].extent) >
        low_number(lw, axis[0].extent)) { /* workers share the longest of the outer axes */
      LoopAxis t = axis[0];
      axis[0] = axis[i];
      axis[i] = t;
    }
  if (count == 0) {
    map_point(lw, &w, point_scalar());
    return;
  }
  map_axes(lw, &w, axis, 0, count, across_axis(lw, n, axis, count));
}
