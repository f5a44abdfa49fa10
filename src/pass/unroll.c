/* unroll.c: short loops inside of loops are written out. In: a function. Out: one with the same
 * values, in which a loop of few steps and little work, in the body of another loop of many, or for
 * each of many rows, has become its steps, one after the other.
 *
 * Handing values from step to step through memory costs such a loop more than its steps, and none
 * of its values can be computed where it is wanted. Written out its steps fuse, what is equal in
 * the way there and the way back is computed once, and the loop around it decides value by value
 * what to save for its way back (tape.c).
 *
 * needs: numbers for sizes to find anything   keeps: values, bit for bit   breaks: nothing */
#include "pass/steps.h"

#include <math.h>

enum {
  MANY_TIMES = 16, /* runs of the loop that pay for compiling its steps one by one */
  MOST_STEPS = 8,
  MOST_INS = 600,     /* instructions all steps become */
  LITTLE_WORK = 8000, /* elements all instructions of a step make */
  MANY_ROWS = 256,
  FEW_A_ROW = 64
};

static double work_of(const Fn *f) {
  double sum = 0;
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (op_kind((Op)in->op) == KIND_LOOP || op_kind((Op)in->op) == KIND_DOT) return 1e9;
    if (in->op != OP_arg && in->op != OP_view) sum += (double)shape_count(f->cx, &in->shape);
  }
  return sum;
}

static bool is_short(const Loop *l) {
  return !l->counted && !l->cond && dim_is_number(l->trip) && l->trip > 1 &&
         l->trip <= MOST_STEPS && l->body->ins.n * l->trip <= MOST_INS;
}

static bool has_numbers(const Fn *f) {
  for (Val v = 1; v < f->ins.n; v++)
    if (fn_ins(f, v)->type != T_BUNDLE && !shape_is_numbers(&fn_ins(f, v)->shape)) return false;
  return true;
}

static bool can_stack(const Loop *l) {
  for (int i = l->ncarry; i < l->body->out.n; i++)
    if (fn_ins(l->body, l->body->out.at[i].val)->shape.rank == IR_MAX_RANK) return false;
  return true;
}

/* Row i along the first axis, which goes. */
static Val row_of(Builder *b, Val x, Dim i) {
  Shape row = *ir_shape(b, x);
  int rank = row.rank;
  ViewDim dim[IR_MAX_RANK] = {{.off = i, .den = 1}};
  ViewTerm term[IR_MAX_RANK];
  for (int d = 1; d < rank; d++) {
    row.dim[d - 1] = row.dim[d];
    term[d] = (ViewTerm){d - 1, 1};
    dim[d] = (ViewDim){.den = 1, .n = 1, .term = &term[d]};
  }
  row.rank--;
  return ir_view(b, x, &row, &(View){.rank = rank, .dim = dim});
}

/* The rows as one tensor, each in its place: chosen by the index, so that every value comes through
 * unchanged. */
static Val stack_rows(Builder *b, const Val *row, int n) {
  Shape one = *ir_shape(b, row[0]), all = one;
  int32_t at[IR_MAX_RANK];
  for (int d = 0; d < one.rank; d++) all.dim[d + 1] = one.dim[d], at[d] = d + 1;
  all.rank = one.rank + 1;
  all.dim[0] = 1;
  Shape first = all;
  all.dim[0] = n;
  Val result = 0, index = ir_iota(b, T_I32, n);
  Val along = ir_spread(b, index, &all, (int32_t[]){0});
  for (int i = 0; i < n; i++) {
    Val wide = ir_pad(b, ir_spread(b, row[i], &first, at), 0, i, n - 1 - i);
    Val here = result ? ir_map2(b, OP_ge, along, ir_const_i(b, T_I32, &all, i)) : 0;
    result = result ? ir_map3(b, OP_select, here, wide, result) : wide;
  }
  return result;
}

/* All steps; parts: carried values, then collected ones. */
static void write_out(Builder *b, const Loop *l, const Val *given, Val *parts) {
  Cx *cx = b->cx;
  int n = (int)l->trip, nin = l->body->in.n, nout = l->body->out.n;
  Val *args = NEWS(cx->arena, Val, nin + 1), *outs = NEWS(cx->arena, Val, nout + 1);
  Val *rows = NEWS(cx->arena, Val, n * l->ncollect + 1);
  for (int k = 1; k < nin; k++) args[k] = given[k - 1];
  for (int it = 0; it < n; it++) {
    int i = l->reverse ? n - 1 - it : it;
    args[0] = ir_const_i(b, T_I64, NULL, i);
    for (int k = 0; k < l->nscan; k++) args[1 + l->ncarry + k] = row_of(b, given[l->ncarry + k], i);
    ir_inline(b, l->body, args, outs);
    for (int k = 0; k < l->ncarry; k++) args[1 + k] = outs[k];
    for (int k = 0; k < l->ncollect; k++) rows[k * n + i] = outs[l->ncarry + k];
  }
  for (int k = 0; k < l->ncarry; k++) parts[k] = args[1 + k];
  for (int k = 0; k < l->ncollect; k++) parts[l->ncarry + k] = stack_rows(b, rows + k * n, n);
}

/* Everything is made for many rows apart, and little of it for each: small systems of equations,
 * one for each of a batch. In one step after the other all rows go through memory; written out a
 * row stays in registers (loop/slim.c). */
static bool by_rows(const Loop *l) {
  Dim rows = 0;
  bool several = false;
  for (int i = 0; i < l->ncarry; i++) {
    const Shape *s = &fn_ins(l->body, l->body->in.at[1 + i].val)->shape;
    if (!s->rank || (i && s->dim[0] != rows)) return false;
    rows = s->dim[0];
    several |= shape_count(l->body->cx, s) > rows;
  }
  if (rows < MANY_ROWS || !several) return false;
  for (Val v = 1; v < l->body->ins.n; v++) {
    const Ins *in = fn_ins(l->body, v);
    OpKind kind = op_kind((Op)in->op);
    if (kind == KIND_LOOP || kind == KIND_DOT || in->op == OP_scatter) return false;
    Dim n = shape_count(l->body->cx, &in->shape);
    if (kind != KIND_LEAF && n > FEW_A_ROW && (in->shape.dim[0] != rows || n > FEW_A_ROW * rows))
      return false;
  }
  return true;
}

static bool to_write_out(const Loop *l, double times) {
  if (!is_short(l) || !has_numbers(l->body) || !can_stack(l)) return false;
  return (times >= MANY_TIMES && work_of(l->body) <= LITTLE_WORK) || by_rows(l);
}

/* Rows of x that p tells apart for each of many rows: x[i, p[i]]. */
static bool chooses_row(const Fn *f, const Ins *in) {
  if (in->op != OP_gather || in->u.gather->naxes != 2) return false;
  const Gather *g = in->u.gather;
  const Ins *count = fn_ins(f, in->arg[1]);
  const Shape *x = &fn_ins(f, in->arg[0])->shape;
  if (x->dim[1] < 1 || x->dim[1] > MOST_STEPS) return false;
  return g->axis[0] == 0 && g->axis[1] == 1 && count->op == OP_iota && count->shape.rank == 1 &&
         count->shape.dim[0] == x->dim[0] && fn_ins(f, in->arg[2])->shape.rank == 1;
}

/* Row k of each x[i]. */
static Val row_of_each(Builder *b, Val x, Dim k) {
  Shape s = *ir_shape(b, x), out = s;
  ViewDim dim[IR_MAX_RANK];
  ViewTerm term[IR_MAX_RANK];
  for (int d = 0; d < s.rank; d++) {
    term[d] = (ViewTerm){d - (d > 1), 1};
    dim[d] = (ViewDim){.off = d == 1 ? k : 0, .den = 1, .n = d != 1, .term = &term[d]};
    if (d > 1) out.dim[d - 1] = s.dim[d];
  }
  out.rank = s.rank - 1;
  return ir_view(b, x, &out, &(View){.rank = s.rank, .dim = dim});
}

/* As a choice among few rows, NaN where there is none of that number: registers have no indices. */
static Val chosen_row(Builder *b, Val x, Val p) {
  Dim rows = ir_shape(b, x)->dim[1];
  DType t = ir_type(b, p);
  Val chosen = 0;
  for (Dim k = 0; k < rows; k++) {
    Val row = row_of_each(b, x, k);
    Shape s = *ir_shape(b, row);
    if (!chosen) chosen = ir_const_f(b, ir_type(b, x), &s, (double)NAN);
    Val own = ir_spread(b, p, &s, (int32_t[]){0});
    Val hit = ir_map2(b, OP_eq, own, ir_const_i(b, t, &s, k));
    chosen = ir_map3(b, OP_select, hit, row, chosen);
  }
  return chosen;
}

static Fn *rows_chosen(const Fn *f) {
  Walk w = walk_begin(f);
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (in->op == OP_arg) continue;
    Val *args = walk_args(&w, in);
    w.b.span = in->span;
    if (chooses_row(f, in) && type_is_float((DType)in->type))
      w.to[v] = chosen_row(&w.b, args[0], args[2]);
    else w.to[v] = ir_copy(&w.b, in, args);
    ir_name(&w.b, w.to[v], in->hint);
  }
  return walk_end(&w);
}

static double times_inside(const Loop *l, double times) {
  return times * dim_estimate(l->body->cx, l->trip);
}

/* Whether f, of which there are so many runs, has such a loop anywhere in its bodies. */
static bool has_short_loops(const Fn *f, double times) {
  const Fn *body[IR_MAX_BODIES];
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    bool loop = in->op == OP_loop;
    if (loop && to_write_out(in->u.loop, times)) return true;
    for (int i = 0, n = ins_bodies(in, body); i < n; i++)
      if (has_short_loops(body[i], loop ? times_inside(in->u.loop, times) : times)) return true;
  }
  return false;
}

static Fn *unroll(const Fn *f, double times);
static Fn *unroll_body(const Fn *f, void *times) { return unroll(f, *(double *)times); }

/* Derivatives and maps still to be expanded: their bodies. */
static Val unroll_derivative(Walk *w, const Ins *in, double times) {
  const Body *body = in->u.body;
  Fn *f = unroll(body->fn, times);
  bool *wrt = NEWS(w->b.cx->arena, bool, f->in.n + 1);
  for (int i = 0; i < f->in.n; i++) wrt[i] = body_wrt(body, i);
  Val *args = walk_args(w, in);
  if (in->op == OP_vmap) return ir_vmap(&w->b, f, wrt, &body->lead, args);
  return (in->op == OP_vjp ? ir_vjp : ir_jvp)(&w->b, f, wrt, args, in->nargs);
}

/* The loop with a body whose own short loops are written out; or its steps: then their parts. */
static Val *unroll_loop(Walk *w, Val v, double times) {
  const Ins *in = fn_ins(w->f, v);
  Loop l = *in->u.loop;
  l.body = unroll(l.body, times_inside(&l, times));
  w->b.span = in->span;
  if (!to_write_out(&l, times)) {
    w->to[v] = ir_loop(&w->b, &l, walk_args(w, in), in->nargs);
    return NULL;
  }
  if (by_rows(&l)) l.body = rows_chosen(l.body);
  Val *parts = NEWS(w->b.cx->arena, Val, l.ncarry + l.ncollect + 1);
  write_out(&w->b, &l, walk_args(w, in), parts);
  return parts;
}

static Fn *unroll(const Fn *f, double times) {
  if (!has_short_loops(f, times)) return (Fn *)f;
  Walk w = walk_begin(f);
  Val **parts = NEWS(f->cx->arena, Val *, f->ins.n);
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (in->op == OP_arg) continue;
    if (in->op == OP_loop) parts[v] = unroll_loop(&w, v, times);
    else if (in->op == OP_part && parts[in->arg[0]]) w.to[v] = parts[in->arg[0]][in->u.i];
    else if (in->op == OP_vjp || in->op == OP_jvp || in->op == OP_vmap)
      w.to[v] = unroll_derivative(&w, in, times);
    else w.to[v] = walk_copy_bodies(&w, in, unroll_body, &times);
  }
  return walk_end(&w);
}

Fn *pass_unroll(const Fn *f, double times) { return unroll(f, times); }
