/* chunk_plan.c: which values can be made a chunk of rows at a time. In: a function whose sizes are
 * numbers, an input and the axis of it that is called rows. Out: for every value, whether it has
 * the rows as an axis, each row from the same row of others; whether it is a sum over them; or
 * neither. */
#include "pass/chunk.h"

static const Ins *ins_of(const Chunking *c, Val v) { return fn_ins(c->f, v); }

/* ---- which axis of the result the rows are ---- */
enum { AXIS_NONE = -1, AXIS_SUMMED = -2, AXIS_LOST = -3 };

static int view_axis(const Chunking *c, const Ins *in, int axis) {
  const ViewDim *d = &in->u.view->dim[axis];
  if (d->n != 1 || d->off != 0 || d->den != 1 || d->term[0].coef != 1) return AXIS_LOST;
  int label = d->term[0].label;
  if (in->shape.dim[label] != c->rows) return AXIS_LOST;
  for (int e = 0; e < in->u.view->rank; e++)
    for (int t = 0; e != axis && t < in->u.view->dim[e].n; t++)
      if (in->u.view->dim[e].term[t].label == label) return AXIS_LOST;
  return label;
}

static int reshape_axis(const Chunking *c, const Shape *from, const Shape *to, int axis) {
  Dim before = 1, n = 1;
  for (int d = 0; d < axis; d++) before *= from->dim[d];
  for (int d = 0; d < to->rank && n <= before; n *= to->dim[d++])
    if (n == before && to->dim[d] == c->rows) return d;
  return AXIS_LOST;
}

static int fold_axis(const Ins *in, int axis) {
  int out = 0;
  if (in->u.axes >> axis & 1) return in->op == OP_sum ? AXIS_SUMMED : AXIS_LOST;
  for (int d = 0; d < axis; d++) out += !(in->u.axes >> d & 1);
  return out;
}

static int contract_axis(const Ins *in, int k, int axis) {
  uint8_t label = (k ? in->u.contract->b : in->u.contract->a)[axis];
  for (int d = 0; d < in->u.contract->nout; d++)
    if (in->u.contract->out[d] == label) return d;
  return AXIS_SUMMED;
}

/* Axis of the index tensors along which v counts 0, 1, 2, .., or -1. */
static int counts_along(const Chunking *c, Val v) {
  const Ins *in = ins_of(c, v);
  if (in->op == OP_iota) return 0;
  if (in->op != OP_view || !in->u.view->exact || ins_of(c, in->arg[0])->op != OP_iota) return -1;
  const ViewDim *d = &in->u.view->dim[0];
  return d->n == 1 && d->off == 0 && d->term[0].coef == 1 ? d->term[0].label : -1;
}

/* Which operand of a gather is the index of axis `axis` of its data, or 0. */
static int index_of_axis(const Gather *g, int axis) {
  for (int j = 0; j < g->naxes; j++)
    if (g->axis[j] == axis) return j + 1;
  return 0;
}

static int rest_axis(const Gather *g, int index_rank, int axis) {
  int out = index_rank;
  for (int d = 0; d < axis; d++) out += !index_of_axis(g, d);
  return out;
}

static int gather_axis(const Chunking *c, const Ins *in, int k, int axis) {
  const Gather *g = in->u.gather;
  if (k > 0) return axis;
  int index = index_of_axis(g, axis), rank = ins_of(c, in->arg[1])->shape.rank;
  if (!index) return rest_axis(g, rank, axis);
  int along = counts_along(c, in->arg[index]); /* row n is read in row n */
  return along >= 0 && ins_of(c, in->arg[index])->shape.dim[along] == c->rows ? along : AXIS_LOST;
}

static int scatter_axis(const Chunking *c, const Ins *in, int k, int axis) {
  int rank = ins_of(c, in->arg[1])->shape.rank;
  return k > 0 || axis < rank ? AXIS_SUMMED : AXIS_LOST;
}

static int result_axis(const Chunking *c, Val v, int k, int axis) {
  const Ins *in = ins_of(c, v);
  switch (op_kind((Op)in->op)) {
  case KIND_MAP: return axis;
  case KIND_FOLD: return fold_axis(in, axis);
  case KIND_DOT: return contract_axis(in, k, axis);
  case KIND_MOVE:
    if (in->op == OP_view) return view_axis(c, in, axis);
    if (in->op == OP_reshape)
      return reshape_axis(c, &ins_of(c, in->arg[0])->shape, &in->shape, axis);
    return in->op == OP_gather ? gather_axis(c, in, k, axis) : scatter_axis(c, in, k, axis);
  default: return AXIS_LOST;
  }
}

/* ---- how an operand is taken ---- */
/* The axis of operand k that has to be cut where the result (or the sum) has the rows at `out`; -1:
 * none. A contraction that sums the rows says which label they are. */
static int operand_axis(const Chunking *c, Val v, int k, int out, int label) {
  const Ins *in = ins_of(c, v);
  const Shape *s = &ins_of(c, in->arg[k])->shape;
  switch (op_kind((Op)in->op)) {
  case KIND_MAP: return out;
  case KIND_DOT:
    for (int d = 0; d < s->rank; d++)
      if ((k ? in->u.contract->b : in->u.contract->a)[d] ==
          (out >= 0 ? in->u.contract->out[out] : label))
        return d;
    return -1;
  case KIND_MOVE:
    if (in->op == OP_gather && k > 0) return out < s->rank ? out : -1;
    if (in->op == OP_scatter) return label;
    return -1;
  default: return -1;
  }
}

/* The rows' label or axis in the operands of a sum over them. */
static int summed_label(const Chunking *c, Val v) {
  const Ins *in = ins_of(c, v);
  for (int k = 0; k < in->nargs; k++) {
    int axis = c->axis[in->arg[k]];
    if (axis < 0) continue;
    if (in->op == OP_contract) return (k ? in->u.contract->b : in->u.contract->a)[axis];
    return axis;
  }
  return -1;
}

static bool same_in_all_rows(const Ins *view, int axis) {
  for (int d = 0; d < view->u.view->rank; d++)
    for (int t = 0; t < view->u.view->dim[d].n; t++)
      if (view->u.view->dim[d].term[t].label == axis) return false;
  return true;
}

Use chunk_use(const Chunking *c, Val v, int k, int *axis) {
  const Ins *in = ins_of(c, v);
  Val a = in->arg[k];
  const Ins *x = ins_of(c, a);
  int out = c->part[v] == PART_SUM ? -1 : c->axis[v];
  *axis = operand_axis(c, v, k, out, out < 0 ? summed_label(c, v) : -1);
  if (in->op == OP_gather && k > 0 && c->axis[in->arg[0]] >= 0 &&
      index_of_axis(in->u.gather, c->axis[in->arg[0]]) == k)
    return USE_COUNT;
  if (c->part[a] == PART_ROWS) {
    bool fits = *axis < 0 || *axis == c->axis[a];
    return fits ? USE_ROWS : USE_NEVER;
  }
  if (c->part[a] != PART_BEFORE || x->type == T_BUNDLE) return USE_NEVER;
  if (*axis < 0) return USE_WHOLE;
  if (*axis >= x->shape.rank || x->shape.dim[*axis] != c->rows) return USE_NEVER;
  if (x->op == OP_const || x->op == OP_size) return USE_REMADE;
  if (x->op == OP_view && same_in_all_rows(x, *axis)) return USE_REMADE;
  return x->shape.rank < IR_MAX_RANK ? USE_SLICE : USE_NEVER;
}

/* ---- the walk ---- */
static void plan_value(Chunking *c, Val v) {
  const Ins *in = ins_of(c, v);
  int found = AXIS_NONE, axis;
  bool after = false;
  for (int k = 0; k < in->nargs; k++) {
    Part p = c->part[in->arg[k]];
    after |= p == PART_SUM || p == PART_AFTER;
    if (p != PART_ROWS) continue;
    int r = result_axis(c, v, k, c->axis[in->arg[k]]);
    if (found == AXIS_NONE) found = r;
    else if (found != r) found = AXIS_LOST;
  }
  c->axis[v] = -1;
  c->part[v] = after || found == AXIS_LOST ? PART_AFTER
               : found == AXIS_NONE        ? PART_BEFORE
               : found == AXIS_SUMMED      ? PART_SUM
                                           : PART_ROWS;
  if (c->part[v] == PART_SUM && !type_is_float((DType)in->type)) c->part[v] = PART_AFTER;
  if (c->part[v] == PART_ROWS) {
    c->axis[v] = (int8_t)found;
    if (in->shape.rank >= IR_MAX_RANK || in->shape.dim[found] != c->rows) c->part[v] = PART_AFTER;
  }
  for (int k = 0; k < in->nargs && (c->part[v] == PART_ROWS || c->part[v] == PART_SUM); k++)
    if (chunk_use(c, v, k, &axis) == USE_NEVER) c->part[v] = PART_AFTER;
  if (c->part[v] != PART_ROWS) c->axis[v] = -1;
}

Chunking chunk_plan(const Fn *f, const int8_t *axes, Dim rows) {
  Arena *a = f->cx->arena;
  Chunking c = {f, rows, NEWS(a, Part, f->ins.n), NEWS(a, int8_t, f->ins.n)};
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    c.axis[v] = in->op == OP_arg ? axes[in->u.i] : -1;
    if (in->op != OP_arg) plan_value(&c, v);
    else if (c.axis[v] >= 0) c.part[v] = PART_ROWS;
  }
  return c;
}

bool *chunk_collected(const Chunking *c) {
  bool *want = NEWS(c->f->cx->arena, bool, c->f->ins.n);
  for (Val v = 1; v < c->f->ins.n; v++)
    for (int k = 0; k < ins_of(c, v)->nargs && c->part[v] == PART_AFTER; k++)
      want[ins_of(c, v)->arg[k]] = true;
  for (int i = 0; i < c->f->out.n; i++) want[c->f->out.at[i].val] = true;
  for (Val v = 1; v < c->f->ins.n; v++)
    want[v] &= c->part[v] == PART_ROWS && ins_of(c, v)->op != OP_arg;
  return want;
}
