/* gen_loop.c: random programs around a loop, through the builder: recurrences over slices and
 * captured matrices, sums that are only added to, collected results, gathers by a slice of indices,
 * loops in loops. In: a random state. Out: a smooth function in f64 of a few small inputs; its
 * outputs are the loop's parts and a scalar made of all of them. */
#include "gen_program.h"

enum { MOST_VALUES = 64, MOST_CARRIED = 4 };

typedef struct LoopGen {
  Cx *cx;
  Rng *r;
  Dim steps, rows, width; /* xs: [steps, rows, width], matrices: [width, width] */
  int depth;
} LoopGen;

typedef struct Pool { /* values of one body, by shape */
  Builder b;
  Val rows[MOST_VALUES], matrix[MOST_VALUES], vector[MOST_VALUES], scalar[MOST_VALUES], index[4];
  int nrows, nmatrix, nvector, nscalar, nindex;
} Pool;

static Val pick(LoopGen *g, const Val *from, int n) { return from[rng_below(g->r, n)]; }
static void keep(Val *to, int *n, Val v) {
  if (*n < MOST_VALUES) to[(*n)++] = v;
}

static Shape rows_shape(const LoopGen *g) { return SHAPE(g->rows, g->width); }
static Shape matrix_shape(const LoopGen *g) { return SHAPE(g->width, g->width); }
static Shape vector_shape(const LoopGen *g) { return SHAPE(g->width); }

static Val to_rows(LoopGen *g, Pool *p, Val v) {
  Shape s = rows_shape(g);
  return ir_broadcast(&p->b, v, &s);
}

/* Keeps recurrences tame: 2 v / (1 + v v), or tanh. */
static Val bounded(Pool *p, Val v) {
  const Shape *s = ir_shape(&p->b, v);
  if (s->rank == 1) return ir_map1(&p->b, OP_tanh, v);
  Val one = ir_const_f(&p->b, T_F64, s, 1), square = ir_map2(&p->b, OP_mul, v, v);
  return ir_map2(&p->b, OP_div, ir_map2(&p->b, OP_add, v, v), ir_map2(&p->b, OP_add, one, square));
}

static Val matmul(Pool *p, Val x, Val w, bool turned) {
  Contract c = {.nlabels = 3, .nout = 2, .a = {0, 1}, .b = {1, 2}, .out = {0, 2}};
  if (turned) c.b[0] = 2, c.b[1] = 1;
  return ir_contract(&p->b, x, w, &c);
}

static Val outer_sum(Pool *p, Val x, Val y) { /* x' y: what a weight's gradient is */
  Contract c = {.nlabels = 3, .nout = 2, .a = {0, 1}, .b = {0, 2}, .out = {1, 2}};
  return ir_contract(&p->b, x, y, &c);
}

static void loop_in(LoopGen *g, Pool *p);

static void one_value(LoopGen *g, Pool *p) {
  Builder *b = &p->b;
  Val x = pick(g, p->rows, p->nrows), y = pick(g, p->rows, p->nrows),
      w = pick(g, p->matrix, p->nmatrix);
  switch (rng_below(g->r, 12)) {
  case 0:
  case 1:
  case 2: keep(p->rows, &p->nrows, matmul(p, x, w, rng_chance(g->r, 30))); return;
  case 3: keep(p->rows, &p->nrows, ir_map2(b, OP_add, x, y)); return;
  case 4: keep(p->rows, &p->nrows, ir_map2(b, OP_mul, x, bounded(p, y))); return;
  case 5: keep(p->rows, &p->nrows, bounded(p, x)); return;
  case 6:
    keep(p->rows, &p->nrows, ir_map2(b, OP_add, x, to_rows(g, p, pick(g, p->vector, p->nvector))));
    return;
  case 7: keep(p->vector, &p->nvector, bounded(p, ir_fold(b, OP_sum, x, 1))); return;
  case 8:
    keep(p->scalar, &p->nscalar, bounded(p, ir_fold(b, OP_sum, ir_map2(b, OP_mul, x, y), 3)));
    return;
  case 9:
    keep(p->matrix, &p->nmatrix,
         bounded(p, rng_chance(g->r, 50) ? outer_sum(p, x, y)
                                         : matmul(p, w, pick(g, p->matrix, p->nmatrix), false)));
    return;
  case 10:
    if (p->nindex) {
      int32_t axis = 0;
      Val i = pick(g, p->index, p->nindex);
      keep(p->rows, &p->nrows, ir_gather(b, pick(g, p->matrix, p->nmatrix), &i, &axis, 1));
    }
    return;
  default:
    if (g->depth < 1 && rng_chance(g->r, 40)) loop_in(g, p);
    else
      keep(p->rows, &p->nrows,
           ir_map2(b, OP_sub, x, to_rows(g, p, pick(g, p->scalar, p->nscalar))));
  }
}

/* ---- a loop ----
 */
typedef struct Operands {
  Val arg[32];
  int n;
} Operands;

static Val body_input(LoopGen *g, Pool *p, Operands *o, Val outside, const Builder *out,
                      bool slice) {
  Shape s = *ir_shape(out, outside);
  if (slice) memmove(s.dim, s.dim + 1, (size_t)--s.rank * sizeof s.dim[0]);
  o->arg[o->n++] = outside;
  return ir_input(&p->b, name_fmt(g->cx, "v%d", o->n), ir_type(out, outside), &s, ROLE_ARG,
                  (Span){0});
}

/* Every value stacked over the steps: what a loop can take slices of. */
static Val stacked(LoopGen *g, Builder *b, Val v) {
  Shape s = *ir_shape(b, v), wide = {.rank = s.rank + 1, .dim = {g->steps}};
  int32_t at[4];
  memcpy(wide.dim + 1, s.dim, (size_t)s.rank * sizeof s.dim[0]);
  for (int k = 0; k < s.rank; k++) at[k] = k + 1;
  Val count = ir_cast(b, T_F64, ir_iota_along(b, T_I32, &wide, 0));
  Val x = ir_spread(b, v, &wide, at);
  return ir_map2(b, OP_mul, x, ir_map1(b, OP_cos, count));
}

static void add_to_pool(LoopGen *g, Pool *p, Val v) {
  const Shape *s = ir_shape(&p->b, v);
  if (ir_type(&p->b, v) == T_I32) p->index[p->nindex++] = v;
  else if (s->rank == 0) keep(p->scalar, &p->nscalar, v);
  else if (s->rank == 1) keep(p->vector, &p->nvector, v);
  else if (s->dim[0] == g->rows && g->rows != g->width) keep(p->rows, &p->nrows, v);
  else keep(p->matrix, &p->nmatrix, v);
}

static Val new_carried(LoopGen *g, Pool *in, Val old, int kind) {
  const Shape *s = ir_shape(&in->b, old);
  Val x = s->rank == 0           ? pick(g, in->scalar, in->nscalar)
          : s->rank == 1         ? pick(g, in->vector, in->nvector)
          : s->dim[0] == g->rows ? pick(g, in->rows, in->nrows)
                                 : pick(g, in->matrix, in->nmatrix);
  if (s->rank == 2 && s->dim[0] == g->width && kind == 0)
    x = outer_sum(in, pick(g, in->rows, in->nrows), pick(g, in->rows, in->nrows));
  if (kind == 0) return ir_map2(&in->b, rng_chance(g->r, 80) ? OP_add : OP_sub, old, x);
  return bounded(in, x);
}

static void loop_in(LoopGen *g, Pool *p) {
  Pool in = {.b = ir_begin(g->cx, name_of(g->cx, "body"))};
  Operands o = {{0}, 0};
  Shape none = SCALAR;
  Loop l = {.trip = g->steps, .reverse = rng_chance(g->r, 30)};
  g->depth++;
  Val index = ir_input(&in.b, name_of(g->cx, "t"), T_I64, &none, ROLE_ARG, (Span){0});
  Val carried[MOST_CARRIED];
  int kind[MOST_CARRIED];
  l.ncarry = 1 + rng_below(g->r, MOST_CARRIED);
  for (int i = 0; i < l.ncarry; i++) {
    Val start = i == 0                 ? pick(g, p->rows, p->nrows)
                : rng_chance(g->r, 40) ? pick(g, p->matrix, p->nmatrix)
                : rng_chance(g->r, 50) ? pick(g, p->vector, p->nvector)
                                       : pick(g, p->scalar, p->nscalar);
    carried[i] = body_input(g, &in, &o, start, &p->b, false);
    kind[i] = rng_below(g->r, 3); /* 0: only added to, unless the pool has it as well */
    if (i == 0 || kind[i]) add_to_pool(g, &in, carried[i]);
  }
  l.nscan = 2 + rng_below(g->r, 2);
  for (int i = 0; i < l.nscan; i++) {
    Val v = i == 0   ? pick(g, p->rows, p->nrows)
            : i == 1 ? pick(g, p->scalar, p->nscalar)
                     : pick(g, p->matrix, p->nmatrix);
    add_to_pool(g, &in, body_input(g, &in, &o, stacked(g, &p->b, v), &p->b, true));
  }
  if (p->nindex)
    add_to_pool(g, &in, body_input(g, &in, &o, pick(g, p->index, p->nindex), &p->b, false));
  add_to_pool(g, &in, body_input(g, &in, &o, pick(g, p->matrix, p->nmatrix), &p->b, false));
  add_to_pool(g, &in, body_input(g, &in, &o, pick(g, p->matrix, p->nmatrix), &p->b, false));
  add_to_pool(g, &in, body_input(g, &in, &o, pick(g, p->vector, p->nvector), &p->b, false));
  add_to_pool(g, &in, bounded(&in, ir_cast(&in.b, T_F64, index)));
  int n = 4 + rng_below(g->r, 10);
  for (int i = 0; i < n; i++) one_value(g, &in);
  for (int i = 0; i < l.ncarry; i++)
    ir_output(&in.b, NULL, new_carried(g, &in, carried[i], kind[i]));
  l.ncollect = rng_below(g->r, 3);
  for (int i = 0; i < l.ncollect; i++)
    ir_output(&in.b, NULL,
              rng_chance(g->r, 60) ? pick(g, in.rows, in.nrows) : pick(g, in.matrix, in.nmatrix));
  l.body = ir_finish(&in.b);
  g->depth--;
  Val args[33], *arg = args;
  if (rng_chance(g->r, 15)) {
    l.counted = true;
    *arg++ = ir_const_i(&p->b, T_I64, NULL, g->steps - rng_below(g->r, 3));
  }
  memcpy(arg, o.arg, (size_t)o.n * sizeof *arg);
  Val loop = ir_loop(&p->b, &l, args, o.n + l.counted);
  for (int i = 0; i < l.ncarry + l.ncollect; i++) {
    Val v = ir_part(&p->b, loop, i);
    if (i >= l.ncarry) v = ir_fold(&p->b, OP_sum, v, 1);
    add_to_pool(g, p, v);
  }
}

/* ---- the function ----
 */
static Val total(Pool *p) {
  Val sum = 0;
  struct {
    const Val *at;
    int n;
  } all[] = {{p->rows, p->nrows},
             {p->matrix, p->nmatrix},
             {p->vector, p->nvector},
             {p->scalar, p->nscalar}};
  for (int k = 0; k < COUNT_OF(all); k++)
    for (int i = 0; i < all[k].n; i++) {
      Val v = ir_map1(&p->b, OP_sin, all[k].at[i]);
      v = ir_fold(&p->b, OP_sum, v, (1u << ir_shape(&p->b, v)->rank) - 1);
      sum = sum ? ir_map2(&p->b, OP_add, sum, v) : v;
    }
  return sum;
}

static Val gen_input(LoopGen *g, Pool *p, const char *name, DType t, Shape s) {
  return ir_input(&p->b, name_of(g->cx, name), t, &s, ROLE_ARG, (Span){0});
}

Fn *gen_loops(Cx *cx, Rng *r) {
  LoopGen g = {.cx = cx,
               .r = r,
               .steps = 2 + rng_below(r, 6),
               .rows = 2 + rng_below(r, 3),
               .width = 5 + rng_below(r, 3)};
  Pool p = {.b = ir_begin(cx, name_of(cx, "f"))};
  add_to_pool(&g, &p, gen_input(&g, &p, "x", T_F64, rows_shape(&g)));
  add_to_pool(&g, &p, gen_input(&g, &p, "w", T_F64, matrix_shape(&g)));
  add_to_pool(&g, &p, gen_input(&g, &p, "b", T_F64, vector_shape(&g)));
  add_to_pool(&g, &p, gen_input(&g, &p, "s", T_F64, SCALAR));
  Val index = gen_input(&g, &p, "i", T_I32, SHAPE(g.rows));
  if (rng_chance(r, 50)) { /* made to lie inside */
    Shape s = SHAPE(g.rows);
    add_to_pool(&g, &p, ir_map2(&p.b, OP_mod, index, ir_const_i(&p.b, T_I32, &s, g.width)));
  }
  for (int i = rng_below(r, 3); i > 0; i--) one_value(&g, &p);
  loop_in(&g, &p);
  ir_output(&p.b, name_of(cx, "y"), total(&p));
  return ir_finish(&p.b);
}
