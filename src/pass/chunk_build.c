/* chunk_build.c: the function that was planned, as a loop over chunks of rows.
 *
 *   carried:   the sums over rows so far
 *   scanned:   what is cut into chunks, as [chunks, .., size, ..]
 *   captured:  what has no rows
 *   collected: what is wanted as a whole
 *
 * Rows that don't fill a chunk are done behind the loop by the same instructions at their number.
 */
#include "pass/chunk.h"

typedef struct Slice { /* an operand that is cut, and along which axis */
  Val v;
  int axis;
  Val input; /* of the body */
} Slice;

typedef struct Build {
  const Chunking *c;
  Builder *b; /* the function outside */
  Dim size, chunks, rest;
  Val *to; /* values outside; sums and collected ones once the loop is built */
  bool *collect;
  Vec(Slice) slice;
  Vec(Val) whole; /* captured */
  Vec(Val) sum, row;
} Build;

typedef struct Rows { /* instructions for a number of rows */
  Build *x;
  Builder *b;
  Dim size;
  Val *to;      /* values of the chunk */
  Val *whole;   /* captured values by their number outside */
  Slice *slice; /* as x->slice, with the values here */
} Rows;

static const Ins *ins_of(const Build *x, Val v) { return fn_ins(x->c->f, v); }

/* ---- what the loop is given ---- */
static void note_slice(Build *x, Val v, int axis) {
  for (int i = 0; i < x->slice.n; i++)
    if (x->slice.at[i].v == v && x->slice.at[i].axis == axis) return;
  Slice s = {v, axis, 0};
  vec_push(x->b->cx->arena, &x->slice, s);
}

static void note_whole(Build *x, Val v) {
  for (int i = 0; i < x->whole.n; i++)
    if (x->whole.at[i] == v) return;
  vec_push(x->b->cx->arena, &x->whole, v);
}

static void note_operands(Build *x, Val v) {
  for (int k = 0; k < ins_of(x, v)->nargs; k++) {
    int axis;
    Val a = ins_of(x, v)->arg[k];
    Use use = chunk_use(x->c, v, k, &axis);
    if (use == USE_ROWS && ins_of(x, a)->op == OP_arg) note_slice(x, a, x->c->axis[a]);
    if (use == USE_SLICE) note_slice(x, a, axis);
    if (use == USE_WHOLE) note_whole(x, a);
    if (use == USE_REMADE && ins_of(x, a)->op == OP_view) note_whole(x, ins_of(x, a)->arg[0]);
  }
}

static void note_all(Build *x) {
  for (Val v = 1; v < x->c->f->ins.n; v++) {
    bool made =
        (x->c->part[v] == PART_ROWS && ins_of(x, v)->op != OP_arg) || x->c->part[v] == PART_SUM;
    if (made) note_operands(x, v);
    if (x->c->part[v] == PART_SUM) vec_push(x->b->cx->arena, &x->sum, v);
    if (x->collect[v]) vec_push(x->b->cx->arena, &x->row, v);
  }
}

/* ---- instructions at a chunk's shape ---- */
static Shape cut(const Shape *s, int axis, Dim size) {
  Shape r = *s;
  if (axis >= 0) r.dim[axis] = size;
  return r;
}

static Val slice_here(const Rows *r, Val v, int axis) {
  for (int i = 0; i < r->x->slice.n; i++)
    if (r->slice[i].v == v && r->slice[i].axis == axis) return r->slice[i].input;
  cx_bug(r->b->cx, "a chunk has no such slice");
}

static Val remade(Rows *r, const Ins *x, int axis) {
  Shape s = cut(&x->shape, axis, r->size);
  Ins leaf = *x;
  leaf.shape = s;
  if (x->op == OP_view) return ir_view(r->b, r->whole[x->arg[0]], &s, x->u.view);
  return ir_copy(r->b, &leaf, NULL);
}

/* 0, 1, .. at the shape of the index tensors beside it. */
static Val row_count(Rows *r, Val v, int k) {
  const Ins *in = ins_of(r->x, v), *x = ins_of(r->x, in->arg[k]);
  Shape s = cut(&x->shape, r->x->c->axis[v], r->size);
  return ir_iota_along(r->b, (DType)x->type, &s, r->x->c->axis[v]);
}

static Val operand_here(Rows *r, Val v, int k) {
  int axis;
  Val a = ins_of(r->x, v)->arg[k];
  switch (chunk_use(r->x->c, v, k, &axis)) {
  case USE_ROWS:
    return ins_of(r->x, a)->op == OP_arg ? slice_here(r, a, r->x->c->axis[a]) : r->to[a];
  case USE_WHOLE: return r->whole[a];
  case USE_SLICE: return slice_here(r, a, axis);
  case USE_REMADE: return remade(r, ins_of(r->x, a), axis);
  case USE_COUNT: return row_count(r, v, k);
  case USE_NEVER: break;
  }
  cx_bug(r->b->cx, "an operand that can't be cut");
}

static Val value_here(Rows *r, Val v) {
  const Ins *in = ins_of(r->x, v);
  Val *arg = NEWS(r->b->cx->arena, Val, in->nargs + 1);
  Shape s = cut(&in->shape, r->x->c->axis[v], r->size);
  for (int k = 0; k < in->nargs; k++) arg[k] = operand_here(r, v, k);
  r->b->span = in->span;
  Val y;
  if (in->op == OP_view) y = ir_view(r->b, arg[0], &s, in->u.view);
  else if (in->op == OP_reshape) y = ir_reshape(r->b, arg[0], &s);
  else y = ir_copy(r->b, in, arg);
  ir_name(r->b, y, in->hint);
  return y;
}

static void all_values(Rows *r) {
  for (Val v = 1; v < r->x->c->f->ins.n; v++) {
    bool rows = r->x->c->part[v] == PART_ROWS && ins_of(r->x, v)->op != OP_arg;
    if (rows || r->x->c->part[v] == PART_SUM) r->to[v] = value_here(r, v);
  }
}

/* ---- the loop ---- */
static Name name_or(Cx *cx, Name n, const char *other) { return n ? n : name_of(cx, other); }

static Fn *chunk_body(Build *x) {
  Cx *cx = x->b->cx;
  Builder b = ir_begin(cx, x->c->f->name);
  Rows r = {x,
            &b,
            x->size,
            NEWS(cx->arena, Val, x->c->f->ins.n),
            NEWS(cx->arena, Val, x->c->f->ins.n),
            x->slice.at};
  Shape none = {0};
  b.fn->span = x->c->f->span;
  ir_input(&b, name_of(cx, "chunk"), T_I64, &none, ROLE_ARG, (Span){0});
  Val *acc = NEWS(cx->arena, Val, x->sum.n + 1);
  for (int i = 0; i < x->sum.n; i++) {
    const Ins *in = ins_of(x, x->sum.at[i]);
    acc[i] =
        ir_input(&b, name_or(cx, in->hint, "sum"), (DType)in->type, &in->shape, ROLE_ARG, in->span);
  }
  for (int i = 0; i < x->slice.n; i++) {
    const Ins *in = ins_of(x, x->slice.at[i].v);
    Shape s = cut(&in->shape, x->slice.at[i].axis, x->size);
    x->slice.at[i].input =
        ir_input(&b, name_or(cx, in->hint, "rows"), (DType)in->type, &s, ROLE_ARG, in->span);
  }
  for (int i = 0; i < x->whole.n; i++) {
    const Ins *in = ins_of(x, x->whole.at[i]);
    r.whole[x->whole.at[i]] =
        ir_input(&b, name_or(cx, in->hint, "v"), (DType)in->type, &in->shape, ROLE_ARG, in->span);
  }
  all_values(&r);
  for (int i = 0; i < x->sum.n; i++)
    ir_output(&b, NULL, ir_map2(&b, OP_add, acc[i], r.to[x->sum.at[i]]));
  for (int i = 0; i < x->row.n; i++)
    ir_output(&b, ins_of(x, x->row.at[i])->hint, r.to[x->row.at[i]]);
  return ir_finish(&b);
}

/* [.., rows, ..] -> [chunks, .., size, ..] */
static Val in_chunks(Build *x, Val v, int axis) {
  Val all = x->to[v];
  if (x->rest) all = ir_slice(x->b, all, axis, 0, x->chunks * x->size, 1);
  Shape s = *ir_shape(x->b, all), split = {.rank = s.rank + 1};
  int32_t perm[IR_MAX_RANK] = {axis};
  for (int d = 0, k = 0; d < s.rank; d++) {
    if (d == axis) split.dim[k++] = x->chunks, split.dim[k++] = x->size;
    else split.dim[k++] = s.dim[d];
  }
  for (int d = 0, k = 1; d < split.rank; d++)
    if (d != axis) perm[k++] = d;
  all = ir_reshape(x->b, all, &split);
  return axis ? ir_permute(x->b, all, perm) : all;
}

/* The way back. */
static Val from_chunks(Build *x, Val part, int axis) {
  Shape s = *ir_shape(x->b, part), all = {.rank = s.rank - 1};
  int32_t perm[IR_MAX_RANK];
  for (int d = 0, k = 1; d < s.rank; d++) perm[d] = d == axis ? 0 : k++;
  if (axis) part = ir_permute(x->b, part, perm);
  s = *ir_shape(x->b, part);
  for (int d = 0, k = 0; k < all.rank; d++) {
    all.dim[k] = s.dim[d];
    if (d == axis) all.dim[k] = s.dim[d] * s.dim[d + 1], d++;
    k++;
  }
  return ir_reshape(x->b, part, &all);
}

static Val chunk_loop(Build *x) {
  Cx *cx = x->b->cx;
  Fn *body = chunk_body(x);
  Loop l = {.body = body,
            .trip = x->chunks,
            .ncarry = x->sum.n,
            .nscan = x->slice.n,
            .ncollect = x->row.n};
  Val *args = NEWS(cx->arena, Val, x->sum.n + x->slice.n + x->whole.n + 1);
  int n = 0;
  for (int i = 0; i < x->sum.n; i++) {
    const Ins *in = ins_of(x, x->sum.at[i]);
    args[n++] = ir_const_f(x->b, (DType)in->type, &in->shape, 0);
  }
  for (int i = 0; i < x->slice.n; i++)
    args[n++] = in_chunks(x, x->slice.at[i].v, x->slice.at[i].axis);
  for (int i = 0; i < x->whole.n; i++) args[n++] = x->to[x->whole.at[i]];
  return ir_loop(x->b, &l, args, n);
}

/* ---- what is left over ---- */
static void left_over(Build *x, Rows *r) {
  Cx *cx = x->b->cx;
  *r = (Rows){x,       x->b,
              x->rest, NEWS(cx->arena, Val, x->c->f->ins.n),
              x->to,   NEWS(cx->arena, Slice, x->slice.n + 1)};
  for (int i = 0; i < x->slice.n; i++) {
    r->slice[i] = x->slice.at[i];
    r->slice[i].input = ir_slice(x->b, x->to[x->slice.at[i].v], x->slice.at[i].axis,
                                 x->chunks * x->size, x->rest, 1);
  }
  all_values(r);
}

/* a above b along the axis, by padding and adding: each element is one of the two. */
static Val joined(Build *x, Val a, Val b, int axis) {
  Val top = ir_pad(x->b, a, axis, 0, x->rest),
      bottom = ir_pad(x->b, b, axis, x->chunks * x->size, 0);
  if (type_is_float(ir_type(x->b, a)) || type_is_int(ir_type(x->b, a)))
    return ir_map2(x->b, OP_add, top, bottom);
  return ir_map2(x->b, OP_or, top, bottom);
}

static void take_results(Build *x, Val loop) {
  Rows r;
  if (x->rest) left_over(x, &r);
  for (int i = 0; i < x->sum.n; i++) {
    Val v = x->sum.at[i];
    x->to[v] = ir_part(x->b, loop, i);
    if (x->rest) x->to[v] = ir_map2(x->b, OP_add, x->to[v], r.to[v]);
    ir_name(x->b, x->to[v], ins_of(x, v)->hint);
  }
  for (int i = 0; i < x->row.n; i++) {
    Val v = x->row.at[i];
    x->to[v] = from_chunks(x, ir_part(x->b, loop, x->sum.n + i), x->c->axis[v]);
    if (x->rest) x->to[v] = joined(x, x->to[v], r.to[v], x->c->axis[v]);
  }
}

Fn *chunk_build(const Chunking *c, Dim size) {
  Walk w = walk_begin(c->f);
  Build x = {.c = c,
             .b = &w.b,
             .size = size,
             .chunks = c->rows / size,
             .rest = c->rows % size,
             .to = w.to,
             .collect = chunk_collected(c)};
  note_all(&x);
  for (Val v = 1; v < c->f->ins.n; v++)
    if (c->part[v] == PART_BEFORE && fn_ins(c->f, v)->op != OP_arg)
      w.to[v] = walk_copy(&w, fn_ins(c->f, v));
  w.b.span = c->f->span;
  take_results(&x, chunk_loop(&x));
  for (Val v = 1; v < c->f->ins.n; v++)
    if (c->part[v] == PART_AFTER) w.to[v] = walk_copy(&w, fn_ins(c->f, v));
  return walk_end(&w);
}
