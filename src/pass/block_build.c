/* block_build.c: the function in which each region is a loop over blocks of its batch.
 *
 *   scanned:   what is read from outside and has the batch axes, as [blocks, ..]
 *   captured:  what is the same for all of the batch
 *   collected: what is wanted outside
 *
 * Inside, every value keeps its axes; those of the batch have the extent of a block. So operators
 * and their attributes stay as they are. */
#include "pass/block.h"

typedef struct Given { /* an operand from outside */
  Val v;
  int8_t axis[MOST_BATCH]; /* its batch axes; the first is -1: captured */
  Val input;               /* of the body */
} Given;

typedef struct Build {
  const Blocks *p;
  Builder b;
  Val *to;
  bool *begun;              /* per region */
  bool *wanted;             /* values of regions that are read outside theirs */
  double block, tall, rows; /* bytes, see block.h */
} Build;

typedef struct Block { /* a region under construction */
  Build *x;
  const Region *g;
  int r;
  Dim size[MOST_BATCH], blocks;
  double bytes; /* of the widest value in one block */
  Vec(Given) scan, whole;
  Builder b;
  Val *here;
} Block;

static const Ins *ins_of(const Build *x, Val v) { return fn_ins(x->p->f, v); }

/* As many indices as fit into so many bytes of the widest value, of the last axes first; divisors.
 */
static void choose_size(Block *k, double bytes) {
  double all = 1, want;
  for (int j = 0; j < k->g->nbatch; j++) all *= (double)k->g->extent[j];
  want = bytes / (k->g->widest / all);
  k->blocks = 1;
  k->bytes = k->g->widest;
  for (int j = k->g->nbatch - 1; j >= 0; j--) {
    Dim n = k->g->extent[j], s = (Dim)MAX(1.0, MIN(want, (double)n));
    while (n % s) s--;
    k->size[j] = s;
    k->blocks *= n / s;
    k->bytes *= (double)s / (double)n;
    want = s == n ? want / (double)n : 0;
  }
}

/* ---- [.., batch, ..] <-> [blocks, .., size, ..] ---- */
static Shape cut_shape(const Block *k, const Shape *s, const int8_t *axis) {
  Shape r = *s;
  for (int j = 0; j < k->g->nbatch; j++) r.dim[axis[j]] = k->size[j];
  return r;
}

/* The same without batch axes of extent 1: what the body is given and gives. */
static Shape bare_shape(const Block *k, const Shape *s, const int8_t *axis) {
  Shape r = {0};
  for (int d = 0; d < s->rank; d++) {
    Dim n = s->dim[d];
    for (int j = 0; j < k->g->nbatch; j++)
      if (axis[j] == d) n = k->size[j] == 1 ? 0 : k->size[j];
    if (n) r.dim[r.rank++] = n;
  }
  return r;
}

/* Every batch axis as two: its blocks, and what is in one. first: number of the axis' former. */
static Shape split_shape(const Block *k, const Shape *s, const int8_t *axis, int32_t *outer,
                         int32_t *rest) {
  Shape r = {0};
  int n = 0;
  for (int d = 0; d < s->rank; d++) {
    int batch = -1;
    for (int j = 0; j < k->g->nbatch; j++)
      if (axis[j] == d) batch = j;
    if (batch >= 0) {
      outer[batch] = r.rank;
      r.dim[r.rank++] = s->dim[d] / k->size[batch];
    }
    rest[n++] = r.rank;
    r.dim[r.rank++] = batch >= 0 ? k->size[batch] : s->dim[d];
  }
  return r;
}

/* The order moves axes of extent 1 only. */
static bool stays(const Shape *s, const int32_t *order) {
  for (int i = 0, last = -1; i < s->rank; i++) {
    if (s->dim[order[i]] == 1) continue;
    if (order[i] < last) return false;
    last = order[i];
  }
  return true;
}

static Val to_blocks(Block *k, Val v, const int8_t *axis) {
  Builder *b = &k->x->b;
  Shape s = *ir_shape(b, v), bare = bare_shape(k, &s, axis);
  int32_t order[IR_MAX_RANK];
  Shape split = split_shape(k, &s, axis, order, order + k->g->nbatch);
  Shape all = shape_widened(&bare, k->blocks);
  if (!stays(&split, order)) v = ir_permute(b, ir_reshape(b, v, &split), order);
  return ir_reshape(b, v, &all);
}

static Val from_blocks(Block *k, Val v, const Shape *s, const int8_t *axis) {
  Builder *b = &k->x->b;
  int32_t order[IR_MAX_RANK], back[IR_MAX_RANK];
  Shape split = split_shape(k, s, axis, order, order + k->g->nbatch), all = {.rank = split.rank};
  for (int i = 0; i < split.rank; i++) all.dim[i] = split.dim[order[i]], back[order[i]] = i;
  if (!stays(&split, order)) v = ir_permute(b, ir_reshape(b, v, &all), back);
  return ir_reshape(b, v, s);
}

/* ---- operands ---- */
static bool is_leaf(const Ins *in) {
  return in->op == OP_const || in->op == OP_size || in->op == OP_iota;
}

static Given *given(Block *k, Val u, const int8_t *at) {
  Given g = {.v = u};
  memcpy(g.axis, at, sizeof g.axis);
  for (int i = 0; i < k->scan.n && at[0] >= 0; i++)
    if (k->scan.at[i].v == u && !memcmp(k->scan.at[i].axis, at, (size_t)k->g->nbatch))
      return &k->scan.at[i];
  for (int i = 0; i < k->whole.n && at[0] < 0; i++)
    if (k->whole.at[i].v == u) return &k->whole.at[i];
  if (at[0] >= 0) vec_push(k->b.cx->arena, &k->scan, g);
  else vec_push(k->b.cx->arena, &k->whole, g);
  return at[0] >= 0 ? &k->scan.at[k->scan.n - 1] : &k->whole.at[k->whole.n - 1];
}

static void make_value(Build *x, Val v);

static void note_operands(Block *k, Val v) {
  const Blocks *p = k->x->p;
  for (int i = 0; i < ins_of(k->x, v)->nargs; i++) {
    int8_t at[MOST_BATCH] = {-1, -1, -1, -1};
    Val u = ins_of(k->x, v)->arg[i];
    if (p->in[u] == k->r || is_leaf(ins_of(k->x, u))) continue;
    block_operand(p->f, v, i, k->g->nbatch, p->axis[v], at);
    make_value(k->x, u);
    given(k, u, at);
  }
}

static void make_inputs(Block *k) {
  ir_input(&k->b, name_of(k->b.cx, "block"), T_I64, &(Shape){0}, ROLE_ARG, (Span){0});
  for (int i = 0; i < k->scan.n + k->whole.n; i++) {
    Given *g = i < k->scan.n ? &k->scan.at[i] : &k->whole.at[i - k->scan.n];
    const Ins *in = ins_of(k->x, g->v);
    bool cut = g->axis[0] >= 0;
    Shape s = cut ? bare_shape(k, &in->shape, g->axis) : in->shape;
    Name name = in->op == OP_arg ? k->x->p->f->in.at[in->u.i].name : in->hint;
    if (!name) name = name_of(k->b.cx, "v");
    g->input = ir_input(&k->b, name, (DType)in->type, &s, ROLE_ARG, in->span);
  }
}

static Val operand_here(Block *k, Val v, int i) {
  const Ins *in = ins_of(k->x, v);
  Val u = in->arg[i];
  Ins leaf = *ins_of(k->x, u);
  int8_t at[MOST_BATCH] = {-1, -1, -1, -1};
  if (k->x->p->in[u] == k->r) return k->here[u];
  block_operand(k->x->p->f, v, i, k->g->nbatch, k->x->p->axis[v], at);
  if (!is_leaf(&leaf)) {
    Shape s = leaf.shape;
    if (at[0] >= 0) s = cut_shape(k, &s, at);
    return ir_reshape(&k->b, given(k, u, at)->input, &s);
  }
  if (at[0] >= 0) leaf.shape = cut_shape(k, &leaf.shape, at);
  return ir_copy(&k->b, &leaf, NULL);
}

static Val value_here(Block *k, Val v) {
  const Ins *in = ins_of(k->x, v);
  Val *arg = NEWS(k->b.cx->arena, Val, in->nargs + 1), y;
  Shape s = cut_shape(k, &in->shape, k->x->p->axis[v]);
  for (int i = 0; i < in->nargs; i++) arg[i] = operand_here(k, v, i);
  k->b.span = in->span;
  if (in->op == OP_view) y = ir_view(&k->b, arg[0], &s, in->u.view);
  else if (in->op == OP_reshape) y = ir_reshape(&k->b, arg[0], &s);
  else y = ir_copy(&k->b, in, arg);
  ir_name(&k->b, y, in->hint);
  return y;
}

/* ---- the loop ---- */
static void make_region(Build *x, int r) {
  const Fn *f = x->p->f;
  Arena *a = x->b.cx->arena;
  Block k = {.x = x, .g = &x->p->region[r], .r = r};
  if (x->begun[r]) return;
  x->begun[r] = true;
  k.b = ir_begin(f->cx, f->name);
  k.b.fn->span = f->span;
  k.here = NEWS(a, Val, f->ins.n);
  choose_size(&k, x->block);
  for (Val v = 1; v < f->ins.n; v++)
    if (x->p->in[v] == r) note_operands(&k, v);
  make_inputs(&k);
  Loop l = {.trip = k.blocks, .nscan = k.scan.n};
  for (Val v = 1; v < f->ins.n; v++) {
    if (x->p->in[v] != r) continue;
    k.here[v] = value_here(&k, v);
    if (!x->wanted[v]) continue;
    Shape bare = bare_shape(&k, &ins_of(x, v)->shape, x->p->axis[v]);
    ir_output(&k.b, ins_of(x, v)->hint, ir_reshape(&k.b, k.here[v], &bare));
    l.ncollect++;
  }
  l.body = ir_finish(&k.b);
  if (k.bytes > x->tall) l.body = pass_chunk(l.body, x->rows, x->rows);
  Val *arg = NEWS(a, Val, k.scan.n + k.whole.n + 1);
  for (int i = 0; i < k.scan.n; i++)
    arg[i] = to_blocks(&k, x->to[k.scan.at[i].v], k.scan.at[i].axis);
  for (int i = 0; i < k.whole.n; i++) arg[k.scan.n + i] = x->to[k.whole.at[i].v];
  x->b.span = f->span;
  Val loop = ir_loop(&x->b, &l, arg, k.scan.n + k.whole.n);
  for (Val v = 1, n = 0; v < f->ins.n; v++)
    if (x->p->in[v] == r && x->wanted[v]) {
      const Ins *in = ins_of(x, v);
      Val part = ir_part(&x->b, loop, n++);
      x->to[v] = from_blocks(&k, part, &in->shape, x->p->axis[v]);
    }
}

/* Values in an order in which a region's operands come before it. */
static void make_value(Build *x, Val v) {
  const Ins *in = ins_of(x, v);
  if (x->to[v]) return;
  if (x->p->in[v] >= 0) {
    make_region(x, x->p->in[v]);
    return;
  }
  Val *arg = NEWS(x->b.cx->arena, Val, in->nargs + 1);
  for (int k = 0; k < in->nargs; k++) {
    make_value(x, in->arg[k]);
    arg[k] = x->to[in->arg[k]];
  }
  x->b.span = in->span;
  x->b.derived = (Derived)in->derived;
  x->to[v] = ir_copy(&x->b, in, arg);
  ir_name(&x->b, x->to[v], in->hint);
}

Fn *block_build(const Blocks *p, double block, double tall, double rows) {
  const Fn *f = p->f;
  Arena *a = f->cx->arena;
  Walk w = walk_begin(f);
  Build x = {.p = p, .b = w.b, .to = w.to, .block = block, .tall = tall, .rows = rows};
  x.begun = NEWS(a, bool, MOST_REGIONS);
  x.wanted = NEWS(a, bool, f->ins.n);
  for (Val v = 1; v < f->ins.n; v++)
    for (int k = 0; k < fn_ins(f, v)->nargs; k++) {
      Val u = fn_ins(f, v)->arg[k];
      x.wanted[u] |= p->in[u] >= 0 && p->in[v] != p->in[u];
    }
  for (int i = 0; i < f->out.n; i++) x.wanted[f->out.at[i].val] = true;
  for (Val v = 1; v < f->ins.n; v++)
    if (p->in[v] < 0 || x.wanted[v]) make_value(&x, v);
  w.b = x.b;
  return walk_end(&w);
}
