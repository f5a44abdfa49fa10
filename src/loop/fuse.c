/* fuse.c: roots -> nests -> kernels. In: the values that have a place. Out: lw->nest (each makes
 * values of one shape around at most one anchor), lw->order (respecting data and updates in place)
 * and lw->group (nests that share a kernel).
 *
 * Reductions of the same elements share a nest where none needs another: x is read once for its
 * mean, its least and its greatest element.
 *
 * An elementwise root joins the nest of the value it depends on last when it reads everything made
 * there at its own index: that is how bias, activation and the optimiser's update end up on the
 * accumulators of a contraction. Nests join a kernel when their leading axes (rows) agree and what
 * they read of each other lies in the same row: softmax and normalisations become one pass. */
#include "loop/lower.h"

enum { MAX_ROOTS = 16, MAX_NESTS = 24 };

/* ---- nests ---- */
static void add_dep(Low *lw, Nest *n, int32_t self, Val leaf) {
  int32_t d = lw->place[leaf].nest;
  if (d < 0 || d == self) return;
  for (int i = 0; i < n->dep.n; i++)
    if (n->dep.at[i] == d) return;
  vec_push(lw->arena, &n->dep, d);
}

static Side *side_new(Low *lw, Val v, const Shape *domain) {
  Side *s = NEW(lw->arena, Side);
  s->v = v;
  analysis_begin(lw, &s->an, domain);
  return s;
}

static Side *side_identity(Low *lw, Val v, bool top) {
  const Ins *in = low_ins(lw, v);
  Side *s = side_new(lw, v, &in->shape);
  Form at[IR_MAX_RANK] = {{0}};
  for (int i = 0; i < in->shape.rank; i++) {
    at[i].coef[i] = 1;
    s->kept[i] = i;
  }
  analyse(lw, &s->an, v, at, top);
  return s;
}

static void attach(Low *lw, int32_t nest, Side *s) {
  Nest *n = &lw->nest.at[nest];
  vec_push(lw->arena, &n->side, s);
  for (int i = 0; i < s->an.access.n; i++) add_dep(lw, n, nest, s->an.access.at[i].leaf);
}

static void add_root(Low *lw, int32_t nest, Val v) {
  vec_push(lw->arena, &lw->nest.at[nest].root, v);
  lw->place[v].nest = nest;
}

static int32_t nest_new(Low *lw, NestKind kind, Val anchor, const Shape *shape) {
  Nest n = {.kind = kind, .anchor = anchor, .shape = *shape, .group = -1, .copy_from = -1};
  vec_push(lw->arena, &lw->nest, n);
  return lw->nest.n - 1;
}

/* The nest made last of those that a side reads, -1. */
static int32_t last_read(const Low *lw, const Side *s) {
  int32_t last = -1;
  for (int i = 0; i < s->an.access.n; i++)
    last = MAX(last, lw->place[s->an.access.at[i].leaf].nest);
  return last;
}

/* A nest of reductions that neither need v nor are needed by it, and go over the same elements. */
static int32_t fold_beside(Low *lw, Val v, Side *s) {
  for (int32_t i = lw->nest.n - 1, last = last_read(lw, s); i > last; i--) {
    const Nest *n = &lw->nest.at[i];
    if (n->kind == NEST_FOLD && !n->alone && n->root.n < MAX_ROOTS && fold_joins(lw, n, v, s))
      return i;
  }
  return -1;
}

static void fold_nest(Low *lw, Val v) {
  const Ins *in = low_ins(lw, v);
  Side *s = side_identity(lw, in->arg[0], false);
  int rank = low_ins(lw, in->arg[0])->shape.rank;
  s->of = v;
  for (int i = 0, d = 0; i < rank; i++)
    if (!(in->u.axes >> i & 1)) s->kept[d++] = i;
  int32_t n = fold_beside(lw, v, s);
  if (n < 0) n = nest_new(lw, NEST_FOLD, v, &in->shape);
  attach(lw, n, s);
  add_root(lw, n, v);
}

static void contract_nest(Low *lw, Val v) {
  const Ins *in = low_ins(lw, v);
  const Contract *c = in->u.contract;
  int32_t n = nest_new(lw, NEST_CONTRACT, v, &in->shape);
  for (int k = 0; k < 2; k++) {
    const Shape *s = &low_ins(lw, in->arg[k])->shape;
    Side *side = NEW(lw->arena, Side);
    side->v = in->arg[k];
    side->of = v;
    Form at[IR_MAX_RANK] = {{0}};
    const uint8_t *label = k ? c->b : c->a;
    Shape none = {0};
    analysis_begin(lw, &side->an, &none);
    side->an.axes = c->nlabels;
    if (c->nlabels > MAX_AXES) cx_bug(lw->cx, "a contraction of %d labels", c->nlabels);
    for (int j = 0; j < 2; j++) {
      const Shape *t = &low_ins(lw, in->arg[j])->shape;
      for (int d = 0; d < t->rank; d++) side->an.extent[(j ? c->b : c->a)[d]] = t->dim[d];
    }
    for (int d = 0; d < s->rank; d++) at[d].coef[label[d]] = 1;
    for (int d = 0; d < in->shape.rank; d++) side->kept[d] = c->out[d];
    analyse(lw, &side->an, in->arg[k], at, false);
    attach(lw, n, side);
  }
  add_root(lw, n, v);
}

static void scatter_nest(Low *lw, Val v) {
  const Ins *in = low_ins(lw, v);
  int32_t n = nest_new(lw, NEST_SCATTER, v, &in->shape);
  for (int k = 0; k < in->nargs; k++) attach(lw, n, side_identity(lw, in->arg[k], false));
  add_root(lw, n, v);
}

/* A loop or branch makes all its parts at once. */
static void call_nest(Low *lw, Val v) {
  const Ins *in = low_ins(lw, v);
  int32_t n = nest_new(lw, NEST_CALL, v, &in->shape);
  for (int k = 0; k < in->nargs; k++) {
    attach(lw, n, side_identity(lw, in->arg[k], false));
    Dim from; /* literals too are stored for it */
    add_dep(lw, &lw->nest.at[n], n, low_operand(lw, in, k, &from));
  }
  lw->place[v].nest = n;
  for (Val u = v + 1; u < lw->f->ins.n; u++) {
    const Ins *part = low_ins(lw, u);
    if (part->op == OP_part && part->arg[0] == v && lw->place[u].live) add_root(lw, n, u);
  }
}

/* The nest v can be computed in, or -1. */
static int32_t nest_to_join(Low *lw, Val v, const Side *s) {
  int32_t last = last_read(lw, s);
  if (last < 0) return -1;
  const Nest *n = &lw->nest.at[last];
  if (n->kind == NEST_SCATTER || n->kind == NEST_CALL || n->root.n >= MAX_ROOTS || n->alone)
    return -1;
  if (!shape_eq(&n->shape, &low_ins(lw, v)->shape)) return -1;
  for (int i = 0; i < s->an.access.n; i++)
    if (lw->place[s->an.access.at[i].leaf].nest == last &&
        !access_identity(&s->an, &s->an.access.at[i]))
      return -1;
  return last;
}

/* A few vectors: less work than calling another kernel and loading its literals. */
static bool is_tiny(Low *lw, const Nest *n, Val v) {
  enum { VECTORS = 4 };
  int64_t count = low_number(lw, shape_count(lw->cx, &n->shape));
  return count <= (int64_t)VECTORS * target_lanes(&lw->p->target, (DType)low_ins(lw, v)->type);
}

/* Both read a stored value of their own shape at their own index; or both are tiny. */
static bool share_reads(const Low *lw, const Nest *n, const Side *s, bool tiny) {
  bool shared = tiny;
  for (int i = 0; i < s->an.access.n; i++) {
    const Access *a = &s->an.access.at[i];
    if (!shape_eq(&low_ins(lw, a->leaf)->shape, &n->shape)) continue;
    if (!access_identity(&s->an, a)) return false;
    for (int k = 0; k < n->side.n && !shared; k++)
      for (int j = 0; j < n->side.at[k]->an.access.n && !shared; j++)
        shared = n->side.at[k]->an.access.at[j].leaf == a->leaf;
  }
  return shared;
}

/* An elementwise nest that doesn't need v, nor v it, but reads the same: one pass over memory. Or
 * one that is as small: one kernel. */
static int32_t nest_beside(Low *lw, Val v, const Side *s) {
  for (int32_t i = lw->nest.n - 1, last = last_read(lw, s); i > last; i--) {
    const Nest *n = &lw->nest.at[i];
    if (n->kind == NEST_MAP && !n->alone && n->root.n < MAX_ROOTS && n->shape.rank > 0 &&
        shape_eq(&n->shape, &low_ins(lw, v)->shape) && share_reads(lw, n, s, is_tiny(lw, n, v)))
      return i;
  }
  return -1;
}

/* Other tensors of its shape are changed under the same condition: it is one step, as of an
 * optimiser, which goes through memory once. */
static bool changed_together(const Low *lw, const Update *u) {
  for (int i = 0; i < lw->f->out.n; i++) {
    const Update *x = lw->update[low_base(lw, lw->f->out.at[i].val)];
    if (!x || x == u || !x->whole || x->where.n != 1 || u->where.n != 1) continue;
    const Box *a = &x->where.box[0], *b = &u->where.box[0];
    if (a->nguards == 1 && b->nguards == 1 && a->guard[0] == b->guard[0] &&
        shape_eq(&low_ins(lw, x->v)->shape, &low_ins(lw, u->v)->shape))
      return true;
  }
  return false;
}

/* What changes parts of a tensor in its place has loops of its own over them. Where it is all or
 * nothing (a step of training is done or not) that spares the stores of a step that isn't done, and
 * costs in all others a pass over what is read at the same index and was just made, or is read for
 * others: then it joins them. */
static bool stays_apart(const Low *lw, Val v, int32_t join) {
  const Update *u = lw->update[v];
  return u && !(u->whole && (join >= 0 || changed_together(lw, u)));
}

static void map_nest(Low *lw, Val v) {
  Side *s = side_identity(lw, v, true);
  int32_t n = nest_to_join(lw, v, s);
  bool alone = stays_apart(lw, v, n);
  if (alone) n = -1;
  if (n < 0 && !alone) n = nest_beside(lw, v, s);
  if (n < 0) n = nest_new(lw, NEST_MAP, 0, &low_ins(lw, v)->shape);
  lw->nest.at[n].alone |= alone;
  add_root(lw, n, v);
  attach(lw, n, s);
}

/* Numbers that follow from inputs alone, such as what an optimiser makes of the number of its step.
 * They come first, so that a kernel that needs one of them can be any that is made later: the
 * update of a parameter is computed where its gradient is. */
static bool *find_early(Low *lw) {
  bool *early = NEWS(lw->arena, bool, lw->f->ins.n);
  for (Val v = 1; v < lw->f->ins.n; v++) {
    const Ins *in = low_ins(lw, v);
    OpKind kind = op_kind((Op)in->op);
    early[v] = (kind == KIND_LEAF && in->op != OP_part) ||
               (in->shape.rank == 0 && (kind == KIND_MAP || in->op == OP_view));
    for (int k = 0; k < in->nargs; k++) early[v] &= early[in->arg[k]];
  }
  return early;
}

static void make_nest(Low *lw, Val v) {
  Op op = (Op)low_ins(lw, v)->op;
  if (op_kind(op) == KIND_FOLD) fold_nest(lw, v);
  else if (op == OP_contract) contract_nest(lw, v);
  else if (op == OP_scatter) scatter_nest(lw, v);
  else if (op == OP_loop || op == OP_branch) call_nest(lw, v);
  else if (op != OP_part) map_nest(lw, v);
}

static void make_nests(Low *lw) {
  const bool *early = find_early(lw);
  for (int pass = 1; pass >= 0; pass--)
    for (Val v = 1; v < lw->f->ins.n; v++) {
      const Place *p = &lw->place[v];
      if (p->root && p->live && early[v] == pass) make_nest(lw, v);
    }
  for (Val v = 1; v < lw->f->ins.n; v++)
    if (lw->update[v] && !lw->nest.at[lw->place[v].nest].alone) lw->update[v] = NULL;
}

/* ---- updates in place, and the order ---- */
bool nest_reads(const Nest *n, Val input) {
  for (int i = 0; i < n->side.n; i++)
    for (int k = 0; k < n->side.at[i]->an.access.n; k++)
      if (n->side.at[i]->an.access.at[k].leaf == input) return true;
  return false;
}

bool reads_in_place(const Nest *n, Val input) {
  for (int i = 0; i < n->side.n; i++) {
    const Side *s = n->side.at[i];
    bool operand = s->of || n->kind == NEST_SCATTER || n->kind == NEST_CALL;
    for (int k = 0; k < s->an.access.n; k++)
      if (s->an.access.at[k].leaf == input &&
          (operand || !access_identity(&s->an, &s->an.access.at[k])))
        return false;
  }
  return true;
}

static int32_t writer_of(const Low *lw, int out) { /* nest that stores output `out` */
  for (int i = 0; i < lw->nest.n; i++)
    if (lw->nest.at[i].kind == NEST_COPY && lw->nest.at[i].copy_to == out) return i;
  return lw->place[low_base(lw, lw->f->out.at[out].val)].nest;
}

static void copy_nests(Low *lw) {
  while (lw->nest.n && lw->nest.at[lw->nest.n - 1].kind == NEST_COPY) lw->nest.n--;
  for (int i = 0; i < lw->f->out.n; i++) {
    Val v = low_base(lw, lw->f->out.at[i].val);
    bool arg = low_ins(lw, v)->op == OP_arg;
    int32_t alias = lw->f->out.at[i].alias;
    if (arg && alias >= 0 && lw->f->in.at[alias].val == v) continue; /* it is there already */
    if (!arg && !lw->through_temp[i]) continue;
    int32_t n = nest_new(lw, NEST_COPY, v, &low_ins(lw, v)->shape);
    lw->nest.at[n].copy_to = i;
    attach(lw, n, side_identity(lw, v, false));
    if (!lw->stashed[i]) continue;
    lw->nest.at[n].copy_to = -1; /* this one saves the input; another writes the output */
    int32_t m = nest_new(lw, NEST_COPY, v, &low_ins(lw, v)->shape);
    lw->nest.at[m].copy_to = i;
    lw->nest.at[m].copy_from = n;
    vec_push(lw->arena, &lw->nest.at[m].dep, n);
  }
}

static void order_updates(Low *lw) {
  for (int i = 0; i < lw->nest.n; i++) lw->nest.at[i].soft.n = 0;
  for (int i = 0; i < lw->f->out.n; i++) {
    int32_t alias = lw->f->out.at[i].alias;
    if (alias < 0) continue;
    int32_t w = writer_of(lw, i);
    if (w < 0) continue;
    Val input = lw->f->in.at[alias].val;
    for (int k = 0; k < lw->nest.n; k++)
      if (k != w && nest_reads(&lw->nest.at[k], input))
        vec_push(lw->arena, &lw->nest.at[w].soft, k);
  }
}

/* Kahn's algorithm, first nests first. Returns -1, or a nest that waits for a reader in a cycle. */
static int32_t sort_nests(Low *lw) {
  bool *done = NEWS(lw->arena, bool, MAX(1, lw->nest.n));
  lw->order.n = 0;
  while (lw->order.n < lw->nest.n) {
    int32_t pick = -1, stuck = -1;
    for (int i = 0; i < lw->nest.n && pick < 0; i++) {
      if (done[i]) continue;
      const Nest *n = &lw->nest.at[i];
      bool hard = true, soft = true;
      for (int k = 0; k < n->dep.n; k++) hard &= done[n->dep.at[k]];
      for (int k = 0; k < n->soft.n; k++) soft &= done[n->soft.at[k]];
      if (hard && soft) pick = i;
      if (hard && !soft && stuck < 0) stuck = i;
    }
    if (pick < 0) return stuck;
    done[pick] = true;
    vec_push(lw->arena, &lw->order, pick);
  }
  return -1;
}

/* Some output stored by nest n in place is copied at the end instead. */
static bool give_up_in_place(Low *lw, int32_t n) {
  for (int i = 0; i < lw->f->out.n; i++) {
    if (lw->f->out.at[i].alias < 0 || writer_of(lw, i) != n) continue;
    bool *way = lw->nest.at[n].kind == NEST_COPY ? lw->stashed : lw->through_temp;
    if (!way[i]) return way[i] = true;
  }
  return false;
}

/* Scatters and calls build a result in one buffer; further outputs of it are copies. So are those
 * of a value that changes parts of an input where that lies. */
static void copy_second_outputs(Low *lw) {
  for (int i = 0; i < lw->f->out.n; i++) {
    const Output *out = &lw->f->out.at[i];
    const Update *u = lw->update[low_base(lw, out->val)];
    bool there = u && out->alias >= 0 && lw->f->in.at[out->alias].val == u->base;
    if (u && !there) lw->through_temp[i] = true;
  }
  for (int i = 0; i < lw->f->out.n; i++) {
    Val v = low_base(lw, lw->f->out.at[i].val);
    Op op = (Op)low_ins(lw, v)->op;
    for (int k = 0; k < i && (op == OP_scatter || op == OP_part); k++)
      if (low_base(lw, lw->f->out.at[k].val) == v) lw->through_temp[i] = true;
  }
}

/* Nest n is a loop that changes the input only by replacing rows where they are. */
static bool replaces_rows(const Low *lw, const Nest *n, Val v, Val input) {
  int readers = 0;
  for (int i = 0; i < n->side.n; i++)
    for (int k = 0; k < n->side.at[i]->an.access.n; k++)
      readers += n->side.at[i]->an.access.at[k].leaf == input;
  return n->kind == NEST_CALL && readers == 1 && part_stays(lw->f, v, input, &lw->p->target);
}

/* Nest n changes parts of the input, which it may make apart first. */
static bool replaces_parts(const Low *lw, Val v, Val input) {
  const Update *u = lw->update[v];
  return u && u->base == input && update_by_parts(u);
}

static void schedule(Low *lw) {
  copy_second_outputs(lw);
  for (int i = 0; i < lw->f->out.n; i++) {
    int32_t alias = lw->f->out.at[i].alias, w = writer_of(lw, i);
    if (alias < 0 || w < 0) continue;
    Val input = lw->f->in.at[alias].val;
    Val v = low_base(lw, lw->f->out.at[i].val);
    if (!reads_in_place(&lw->nest.at[w], input) && !replaces_parts(lw, v, input) &&
        !replaces_rows(lw, &lw->nest.at[w], v, input))
      lw->through_temp[i] = true;
  }
  for (;;) {
    copy_nests(lw);
    order_updates(lw);
    int32_t stuck = sort_nests(lw);
    if (stuck < 0) return;
    if (!give_up_in_place(lw, stuck)) cx_bug(lw->cx, "no order of the kernels exists");
  }
}

/* ---- kernels ---- */
static int64_t inner_count(const Low *lw, const Shape *s, int rows) {
  int64_t n = 1;
  for (int d = rows; d < s->rank; d++) n *= low_number(lw, s->dim[d]);
  return n;
}

static bool row_suits(Low *lw, const Nest *n, int rows) {
  if (n->kind == NEST_FOLD) return !fold_wants_row_axis(lw, n->anchor, rows);
  return n->kind == NEST_MAP;
}

/* Work inside a row: elements of the widest expression. */
static int64_t row_work(Low *lw, const Nest *n, int rows) {
  if (n->kind == NEST_FOLD) {
    const Shape *s = &low_ins(lw, low_ins(lw, n->anchor)->arg[0])->shape;
    int64_t all = low_number(lw, shape_count(lw->cx, s)), outer = 1;
    for (int d = 0; d < rows; d++) outer *= low_number(lw, n->shape.dim[d]);
    return outer ? all / outer : 0;
  }
  return inner_count(lw, &n->shape, rows);
}

static bool row_reads(const Low *lw, const Nest *c, int32_t group, int rows) {
  for (int i = 0; i < c->side.n; i++) {
    const Side *s = c->side.at[i];
    for (int k = 0; k < s->an.access.n; k++) {
      const Access *a = &s->an.access.at[k];
      int32_t made = lw->place[a->leaf].nest;
      if (made < 0 || &lw->nest.at[made] == c || lw->nest.at[made].group != group) continue;
      if (!access_row_identity(&s->an, a, s->kept, rows)) return false;
    }
  }
  return true;
}

static bool rows_agree(Low *lw, const Group *g, int32_t group, const Nest *c, int rows) {
  int64_t work = row_work(lw, c, rows);
  if (!row_suits(lw, c, rows)) return false;
  for (int i = 0; i < g->nest.n; i++) {
    const Nest *n = &lw->nest.at[g->nest.at[i]];
    if (n->shape.rank < rows || !row_suits(lw, n, rows)) return false;
    for (int d = 0; d < rows; d++)
      if (n->shape.dim[d] != c->shape.dim[d]) return false;
    work = MAX(work, row_work(lw, n, rows));
  }
  return work >= 4 && row_reads(lw, c, group, rows);
}

/* A nest that overwrites its input doesn't share a kernel with others that read it. */
static bool updates_apart(const Group *g, const Nest *c) {
  for (int i = 0; i < g->nest.n; i++)
    for (int k = 0; k < c->soft.n; k++)
      if (c->soft.at[k] == g->nest.at[i]) return false;
  return true;
}

/* How many rows nest c and the group can have in common; 0: they can't share a kernel. */
static int rows_with(Low *lw, const Group *g, int32_t group, const Nest *c) {
  if (!g->plain || (c->kind != NEST_MAP && c->kind != NEST_FOLD)) return 0;
  if (g->nest.n >= MAX_NESTS || !updates_apart(g, c)) return 0;
  int rows = MIN(g->rows, c->shape.rank);
  while (rows > 0 && !rows_agree(lw, g, group, c, rows)) rows--;
  return rows;
}

static bool join_group(Low *lw, int32_t group, int32_t nest, bool only_slim) {
  Group *g = &lw->group.at[group];
  Nest *c = &lw->nest.at[nest];
  int rows = only_slim ? 0 : rows_with(lw, g, group, c);
  bool slim = g->slim && !lw->stout[nest] && updates_apart(g, c) && slim_join(lw, g, c) &&
              row_reads(lw, c, group, g->slim);
  if (!rows && !slim) return false;
  g->plain = rows > 0;
  g->rows = rows;
  if (!slim) g->slim = 0;
  c->group = group;
  vec_push(lw->arena, &g->nest, nest);
  return true;
}

/* The kernel nest n joins: that of what it reads last; where it is slim also a later one. */
static bool join_some(Low *lw, int32_t nest) {
  const Nest *n = &lw->nest.at[nest];
  int32_t last = -1;
  for (int k = 0; k < n->dep.n; k++) last = MAX(last, lw->nest.at[n->dep.at[k]].group);
  for (int k = 0; k < n->soft.n; k++) last = MAX(last, lw->nest.at[n->soft.at[k]].group);
  if (last >= 0 && join_group(lw, last, nest, false)) return true;
  if (lw->stout[nest] || !slim_rows(lw, n)) return false;
  for (int32_t g = lw->group.n - 1; g > last; g--)
    if (lw->group.at[g].slim && join_group(lw, g, nest, true)) return true;
  return false;
}

static void group_nests(Low *lw) {
  lw->group.n = 0;
  for (int i = 0; i < lw->nest.n; i++) lw->nest.at[i].group = -1;
  for (int i = 0; i < lw->order.n; i++) {
    int32_t nest = lw->order.at[i];
    Nest *n = &lw->nest.at[nest];
    if (!n->alone && join_some(lw, nest)) continue;
    Group g = {.rows = n->shape.rank, .plain = !n->alone};
    g.slim = lw->stout[nest] || n->alone ? 0 : slim_rows(lw, n);
    vec_push(lw->arena, &g.nest, nest);
    n->group = lw->group.n;
    vec_push(lw->arena, &lw->group, g);
  }
}

static void mark_readers(Low *lw);

/* Groups that are better off nest by nest than by slim rows; true where nests have to be grouped
 * anew for it. */
static bool give_up_slim(Low *lw) {
  bool again = false;
  for (int i = 0; i < lw->group.n; i++) {
    Group *g = &lw->group.at[i];
    if (!g->slim || slim_pays(lw, g)) continue;
    g->slim = 0;
    if (g->plain) continue;
    for (int k = 0; k < g->nest.n; k++) lw->stout[g->nest.at[k]] = again = true;
  }
  return again;
}

static void make_groups(Low *lw) {
  lw->stout = NEWS(lw->arena, bool, MAX(1, lw->nest.n));
  do {
    group_nests(lw);
    mark_readers(lw);
  } while (give_up_slim(lw));
  for (int i = 0; i < lw->group.n; i++)
    if (lw->group.at[i].nest.n == 1 || lw->group.at[i].slim) lw->group.at[i].rows = 0;
}

/* ---- who reads what from where ---- */
static void mark_readers(Low *lw) {
  for (Val v = 0; v < lw->f->ins.n; v++) lw->place[v].outside = lw->place[v].beyond = false;
  for (int i = 0; i < lw->nest.n; i++) {
    const Nest *n = &lw->nest.at[i];
    const Ins *call = low_ins(lw, n->kind == NEST_CALL ? n->anchor : 0);
    for (int k = 0; k < call->nargs; k++) { /* bodies are called with whole tensors in memory */
      Dim from;
      Place *p = &lw->place[low_operand(lw, call, k, &from)];
      p->outside = p->beyond = true;
    }
    for (int s = 0; s < n->side.n; s++)
      for (int k = 0; k < n->side.at[s]->an.access.n; k++) {
        Val leaf = n->side.at[s]->an.access.at[k].leaf;
        Place *p = &lw->place[leaf];
        if (p->nest < 0) continue;
        if (p->nest != i) p->outside = true;
        if (lw->nest.at[p->nest].group != n->group) p->beyond = true;
      }
  }
  for (int i = 0; i < lw->f->out.n; i++) {
    Place *p = &lw->place[low_base(lw, lw->f->out.at[i].val)];
    p->outside = p->beyond = true;
  }
}

void fuse_nests(Low *lw) {
  lw->through_temp = NEWS(lw->arena, bool, MAX(1, lw->f->out.n));
  lw->stashed = NEWS(lw->arena, bool, MAX(1, lw->f->out.n));
  make_nests(lw);
  schedule(lw);
  make_groups(lw);
}
