/* block_plan.c: which values are made an index of the batch at a time. In: a function whose sizes
 * are numbers. Out: regions of values. A region grows around a contraction whose result is larger
 * than its operands and too large for the caches (the scores of attention), along what is computed
 * from it for each index of its batch axes alone, to the contractions and reductions that use it
 * up.
 *
 * A value joins a region only where nothing outside lies between: what it reads from outside must
 * not depend on the region. So the two passes of a gradient through a network are regions of their
 * own, and a region can be computed at one time. */
#include "pass/block.h"

static const Ins *ins_of(const Blocks *p, Val v) { return fn_ins(p->f, v); }

/* ---- where an operand has the batch axes ---- */
static bool view_operand(const Ins *in, const Shape *x, int label, int8_t *at) {
  *at = -1;
  for (int d = 0; d < in->u.view->rank; d++) {
    const ViewDim *vd = &in->u.view->dim[d];
    for (int t = 0; t < vd->n; t++) {
      if (vd->term[t].label != label) continue;
      if (*at >= 0 || vd->n != 1 || vd->off != 0 || vd->den != 1 || vd->term[t].coef != 1)
        return false;
      if (x->dim[d] != in->shape.dim[label]) return false;
      *at = (int8_t)d;
    }
  }
  return true;
}

static int fold_operand(const Ins *in, int axis) {
  int d = 0;
  for (int kept = 0; in->u.axes >> d & 1 || kept < axis; d++) kept += !(in->u.axes >> d & 1);
  return d;
}

static int contract_operand(const Ins *in, const Shape *x, int k, int axis) {
  const Contract *c = in->u.contract;
  for (int d = 0; d < x->rank; d++)
    if ((k ? c->b : c->a)[d] == c->out[axis]) return d;
  return -1;
}

bool block_operand(const Fn *f, Val v, int k, int nbatch, const int8_t *axis, int8_t *at) {
  const Ins *in = fn_ins(f, v);
  const Shape *x = &fn_ins(f, in->arg[k])->shape;
  int found = 0;
  for (int j = 0; j < nbatch; j++) {
    switch (op_kind((Op)in->op)) {
    case KIND_MAP: at[j] = axis[j]; break;
    case KIND_FOLD: at[j] = (int8_t)fold_operand(in, axis[j]); break;
    case KIND_DOT:
      at[j] = (int8_t)contract_operand(in, x, k, axis[j]);
      if (at[j] < 0) return false;
      break;
    default:
      if (in->op == OP_view && !view_operand(in, x, axis[j], &at[j])) return false;
      if (in->op != OP_reshape) break;
      for (int d = 0; d <= axis[j]; d++)
        if (d >= x->rank || x->dim[d] != in->shape.dim[d]) return false;
      at[j] = axis[j];
    }
    found += at[j] >= 0;
  }
  return found == 0 || found == nbatch;
}

/* ---- where a result has them ---- */
static int result_axis(const Ins *in, int k, int axis) {
  const Contract *c = in->u.contract;
  int out = 0;
  switch (op_kind((Op)in->op)) {
  case KIND_MAP: return axis;
  case KIND_FOLD:
    for (int d = 0; d < axis; d++) out += !(in->u.axes >> d & 1);
    return in->u.axes >> axis & 1 ? -1 : out;
  case KIND_DOT:
    for (int d = 0; d < c->nout; d++)
      if (c->out[d] == (k ? c->b : c->a)[axis]) return d;
    return -1;
  default: break;
  }
  if (in->op == OP_reshape) return axis < in->shape.rank ? axis : -1;
  if (in->op != OP_view || in->u.view->dim[axis].n != 1) return -1;
  return in->u.view->dim[axis].term[0].label;
}

static bool can_be_inside(const Ins *in) {
  OpKind kind = op_kind((Op)in->op);
  return kind == KIND_MAP || kind == KIND_FOLD || kind == KIND_DOT || in->op == OP_view ||
         in->op == OP_reshape;
}

static bool is_leaf(const Ins *in) {
  return in->op == OP_const || in->op == OP_size || in->op == OP_iota;
}

/* All regions that must be done before a value or region with these needs. */
static uint64_t all_needs(const Blocks *p, uint64_t needs) {
  uint64_t all = needs;
  for (int q = 0; q < p->n; q++)
    if (needs >> q & 1) all |= p->region[q].needs; /* which is closed */
  return all;
}

/* v with the batch axes at axis[] fits into region r: extents, operands, dependences. */
static bool fits(const Blocks *p, Val v, int r, const int8_t *axis) {
  const Region *g = &p->region[r];
  const Ins *in = ins_of(p, v);
  if (in->shape.rank + g->nbatch + 1 > IR_MAX_RANK) return false;
  for (int j = 0; j < g->nbatch; j++) {
    if (axis[j] < 0 || in->shape.dim[axis[j]] != g->extent[j]) return false;
    for (int i = 0; i < j; i++)
      if (axis[i] == axis[j]) return false;
  }
  for (int k = 0; k < in->nargs; k++) {
    Val u = in->arg[k];
    int8_t at[MOST_BATCH];
    const Ins *x = ins_of(p, u);
    if (!block_operand(p->f, v, k, g->nbatch, axis, at)) return false;
    if (is_leaf(x)) continue;
    if (x->type == T_BUNDLE || x->shape.rank + g->nbatch + 1 > IR_MAX_RANK) return false;
    if (p->in[u] == r) {
      if (memcmp(at, p->axis[u], (size_t)g->nbatch)) return false;
    } else {
      uint64_t needs = p->in[u] >= 0 ? p->region[p->in[u]].needs : p->needs[u];
      if (all_needs(p, needs) >> r & 1) return false;
    }
    for (int j = 0; j < g->nbatch; j++)
      if (at[j] >= 0 && x->shape.dim[at[j]] != g->extent[j]) return false;
  }
  return true;
}

/* ---- growing ---- */
static double bytes_of(const Blocks *p, Val v) { return ins_bytes(p->f->cx, ins_of(p, v)); }

/* Batch labels of a contraction: those both operands and the result have. */
static int batch_axes(const Ins *in, const Fn *f, int8_t *axis) {
  int n = 0;
  for (int d = 0; d < in->u.contract->nout && n < MOST_BATCH; d++) {
    bool both = true;
    for (int k = 0; k < 2; k++)
      both &= contract_operand(in, &fn_ins(f, in->arg[k])->shape, k, d) >= 0;
    if (both && in->shape.dim[d] > 1) axis[n++] = (int8_t)d;
  }
  return n;
}

static void join(Blocks *p, Val v, int r, const int8_t *axis, double wide) {
  Region *g = &p->region[r];
  const Ins *in = ins_of(p, v);
  bool uses_up = in->op == OP_contract || op_kind((Op)in->op) == KIND_FOLD;
  p->in[v] = (int8_t)r;
  memcpy(p->axis[v], axis, (size_t)g->nbatch);
  if (bytes_of(p, v) >= wide) g->widest = MAX(g->widest, bytes_of(p, v));
  for (int k = 0; k < in->nargs; k++) {
    Val u = in->arg[k];
    if (p->in[u] == r) g->pays |= uses_up && bytes_of(p, u) >= wide;
    else g->needs |= p->in[u] >= 0 ? 1ull << p->in[u] : p->needs[u];
  }
  g->needs = all_needs(p, g->needs);
  for (int q = 0; q < p->n; q++) /* what needs this one needs what it needs */
    if (p->region[q].needs >> r & 1) p->region[q].needs |= g->needs;
}

/* Near: the value is wide, uses up one that is, or comes from the region alone. */
static bool near(const Blocks *p, Val v, int r, double wide) {
  const Ins *in = ins_of(p, v);
  bool all = true, some = bytes_of(p, v) >= wide;
  for (int k = 0; k < in->nargs; k++) {
    bool inside = p->in[in->arg[k]] == r;
    some |= inside && bytes_of(p, in->arg[k]) >= wide;
    all &= inside || is_leaf(ins_of(p, in->arg[k]));
  }
  return all || some;
}

static bool join_by_operand(Blocks *p, Val v, double wide) {
  const Ins *in = ins_of(p, v);
  for (int k = 0; k < in->nargs; k++) {
    int8_t axis[MOST_BATCH];
    int r = p->in[in->arg[k]];
    if (r < 0 || !near(p, v, r, wide)) continue;
    for (int j = 0; j < p->region[r].nbatch; j++)
      axis[j] = (int8_t)result_axis(in, k, p->axis[in->arg[k]][j]);
    if (!fits(p, v, r, axis)) continue;
    join(p, v, r, axis, wide);
    return true;
  }
  return false;
}

static void join_as_seed(Blocks *p, Val v, double wide) {
  const Ins *in = ins_of(p, v);
  int8_t axis[MOST_BATCH];
  int n = batch_axes(in, p->f, axis);
  if (n == 0 || bytes_of(p, v) < wide) return;
  for (int r = p->n - 1; r >= 0; r--)
    if (p->region[r].nbatch == n && fits(p, v, r, axis)) {
      join(p, v, r, axis, wide);
      return;
    }
  double given = 0;
  for (int k = 0; k < 2; k++) given += bytes_of(p, in->arg[k]);
  if (given > bytes_of(p, v) || p->n == MOST_REGIONS) return;
  Region *g = &p->region[p->n];
  *g = (Region){.nbatch = n};
  for (int j = 0; j < n; j++) g->extent[j] = in->shape.dim[axis[j]];
  if (fits(p, v, p->n, axis)) join(p, v, p->n++, axis, wide);
}

Blocks block_plan(const Fn *f, double wide) {
  Arena *a = f->cx->arena;
  Blocks p = {.f = f, .in = NEWS(a, int8_t, f->ins.n), .needs = NEWS(a, uint64_t, f->ins.n)};
  p.axis = arena_alloc(a, sizeof *p.axis * (size_t)f->ins.n);
  for (Val v = 0; v < f->ins.n; v++) p.in[v] = -1;
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = ins_of(&p, v);
    bool inside = can_be_inside(in) && join_by_operand(&p, v, wide);
    if (!inside && in->op == OP_contract) join_as_seed(&p, v, wide);
    for (int k = 0; k < in->nargs && p.in[v] < 0; k++) {
      int q = p.in[in->arg[k]];
      p.needs[v] |= q >= 0 ? p.region[q].needs | 1ull << q : p.needs[in->arg[k]];
    }
  }
  bool any = false;
  for (Val v = 1; v < f->ins.n; v++) {
    if (p.in[v] >= 0 && !p.region[p.in[v]].pays) p.in[v] = -1;
    any |= p.in[v] >= 0;
  }
  if (!any) p.n = 0;
  return p;
}
