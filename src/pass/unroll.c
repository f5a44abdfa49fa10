/* unroll.c: short loops inside of loops are written out. In: a function. Out: one with the same
 * values, in which a loop of few steps and little work, in the body of another loop of many, has
 * become its steps, one after the other.
 *
 * Handing values from step to step through memory costs such a loop more than its steps, and none
 * of its values can be computed where it is wanted. Written out its steps fuse, what is equal in
 * the way there and the way back is computed once, and the loop around it decides value by value
 * what to save for its way back (tape.c).
 *
 * needs: numbers for sizes to find anything   keeps: values, bit for bit   breaks: nothing */
#include "pass/steps.h"

enum {
  MANY_TIMES = 16, /* runs of the loop that pay for compiling its steps one by one */
  MOST_STEPS = 8,
  MOST_INS = 600,    /* instructions all steps become */
  LITTLE_WORK = 8000 /* elements all instructions of a step make */
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

static bool to_write_out(const Loop *l) {
  return is_short(l) && has_numbers(l->body) && can_stack(l) && work_of(l->body) <= LITTLE_WORK;
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
    if (loop && times >= MANY_TIMES && to_write_out(in->u.loop)) return true;
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
  if (times < MANY_TIMES || !to_write_out(&l)) {
    w->to[v] = ir_loop(&w->b, &l, walk_args(w, in), in->nargs);
    return NULL;
  }
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
