/* ragged.c: rows of different lengths. A function with a loop that is applied element by element
 * becomes one loop for all elements, which goes on until the last is done (check_lanes.c,
 * batch_loop.c): its count is the largest of the elements' own, and an element that is done keeps
 * its values. Where one row of a sparse matrix is long, all rows would go as far. Here such a loop
 * becomes a loop over blocks of LANES elements, each of which runs as long as its own longest.
 * Where it adds to a tensor at computed indices, as the derivative by what all rows read does, a
 * step would go through all of that tensor: then elements go one by one, and change one element of
 * it. That is slower for rows of equal length, so the program looks at the lengths first.
 *
 * In: a function, with numbers for sizes. Out: the same, where the values carried are one for each
 * element, or sums over all of them that nothing in the body reads.
 * needs: no vjp/jvp   keeps: values, up to the order of sums over elements   breaks: nothing */
#include "ir/walk.h"
#include "pass/pass.h"

enum {
  LANES = 32, /* a step's work outweighs what running it costs */
  BLOCKS = 4, /* fewer: what the others wait for is little */
  UNEVEN = 4, /* so many times the steps that are wanted: one by one they take less time */
  STEPS = 16  /* of all that there may be; loops with fewer differ by little */
};

typedef struct Ragged {
  const Fn *f; /* the body */
  const Loop *l;
  Dim rows;
  int n;       /* the input that holds each element's own count */
  int32_t *up; /* union-find: values that have a row for each element, or none of them has */
  bool *fixed; /* per value: it, and with it its class, isn't one for each element */
  bool *sum;   /* per value: a sum over elements */
  int32_t *uses;
} Ragged;

/* ---- which values are one for each element ---- */
static int32_t root(const Ragged *r, int32_t v) {
  while (r->up[v] != v) v = r->up[v];
  return v;
}

static void join(Ragged *r, Val a, Val b) {
  int32_t x = root(r, a), y = root(r, b);
  r->up[x] = y;
  r->fixed[y] |= r->fixed[x];
}

static bool is_laned(const Ragged *r, Val v) {
  return root(r, v) == root(r, r->f->in.at[r->n].val);
}

/* 1: row i of the view is made of row i of its operand; 0: all rows are equal; -1: neither. */
static int rows_of_view(const Ragged *r, const Ins *in) {
  const View *w = in->u.view;
  const Shape *x = &fn_ins(r->f, in->arg[0])->shape;
  int found = 0;
  for (int d = 0; d < w->rank; d++)
    for (int t = 0; t < w->dim[d].n; t++) {
      if (w->dim[d].term[t].label != 0) {
        if (d == 0) return -1;
        continue;
      }
      bool whole = d == 0 && w->dim[d].n == 1 && w->dim[d].term[t].coef == 1 &&
                   w->dim[d].off == 0 && w->dim[d].den == 1 && x->dim[0] == in->shape.dim[0];
      if (!whole) return -1;
      found = 1;
    }
  return found;
}

static bool has_rows(const Ragged *r, Val v) {
  const Shape *s = &fn_ins(r->f, v)->shape;
  return s->rank > 0 && s->dim[0] == r->rows;
}

/* Every use of a constant has one of its own. */
static bool is_constant(const Ins *in) { return in->op == OP_const || in->op == OP_size; }

/* What one instruction says of its operands and result. */
static void relate(Ragged *r, Val v) {
  const Ins *in = fn_ins(r->f, v);
  switch (op_kind((Op)in->op)) {
  case KIND_MAP:
    for (int k = 0; k < in->nargs; k++)
      if (!is_constant(fn_ins(r->f, in->arg[k]))) join(r, v, in->arg[k]);
    break;
  case KIND_FOLD:
    if (in->u.axes & 1) r->sum[v] = in->op == OP_sum, r->fixed[root(r, v)] = true;
    else join(r, v, in->arg[0]);
    break;
  case KIND_MOVE:
    if (in->op == OP_view) {
      int rows = in->shape.rank ? rows_of_view(r, in) : -1;
      if (rows == 1) join(r, v, in->arg[0]);
      else r->fixed[root(r, in->arg[0])] = true;
      if (rows < 0) r->fixed[root(r, v)] = true;
    } else if (in->op == OP_gather) {
      r->fixed[root(r, in->arg[0])] = true;
      for (int k = 1; k < in->nargs; k++) join(r, v, in->arg[k]);
    } else if (in->op == OP_scatter) {
      for (int k = 1; k < in->nargs; k++) join(r, in->arg[0], in->arg[k]);
      r->sum[v] = true, r->fixed[root(r, v)] = true;
    } else {
      r->fixed[root(r, v)] = r->fixed[root(r, in->arg[0])] = true;
    }
    break;
  case KIND_LEAF:
    if (in->op == OP_iota || in->op == OP_part) r->fixed[root(r, v)] = true;
    break;
  default:
    r->fixed[root(r, v)] = true;
    for (int k = 0; k < in->nargs; k++) r->fixed[root(r, in->arg[k])] = true;
  }
}

/* ---- whether an element that is done changes nothing ---- */
/* index < n, for each element. */
static bool is_going(const Ragged *r, Val v) {
  const Ins *in = fn_ins(r->f, v);
  if (in->op == OP_and) return is_going(r, in->arg[0]) || is_going(r, in->arg[1]);
  if (in->op != OP_lt || in->arg[1] != r->f->in.at[r->n].val) return false;
  const Ins *k = fn_ins(r->f, in->arg[0]);
  return k->op == OP_view && k->arg[0] == r->f->in.at[0].val;
}

static bool is_masked(const Ragged *r, Val v, Val otherwise) {
  const Ins *in = fn_ins(r->f, v);
  if (in->op != OP_select || !is_going(r, in->arg[0])) return false;
  return otherwise ? in->arg[2] == otherwise : ins_is_splat(fn_ins(r->f, in->arg[2]), 0);
}

/* carry + a sum over elements of what is 0 for those that are done. */
static bool is_accumulated(const Ragged *r, Val out, Val carry) {
  const Ins *in = fn_ins(r->f, out);
  if (in->op != OP_add || r->uses[carry] != 1 || r->uses[out] != 1) return false;
  int k = in->arg[0] == carry ? 1 : in->arg[1] == carry ? 0 : -1;
  if (k < 0 || !r->sum[in->arg[k]] || r->uses[in->arg[k]] != 1) return false;
  Val term = fn_ins(r->f, in->arg[k])->arg[0];
  return is_laned(r, term) && is_masked(r, term, 0);
}

static bool body_fits(Ragged *r) {
  const Fn *f = r->f;
  for (Val v = 1; v < f->ins.n; v++) relate(r, v);
  for (int k = 0; k < r->l->ncarry; k++) {
    Val carry = f->in.at[1 + k].val, out = f->out.at[k].val;
    if (fn_ins(f, out)->op == OP_select) join(r, carry, out);
  }
  if (r->fixed[root(r, f->in.at[r->n].val)]) return false;
  for (Val v = 1; v < f->ins.n; v++) {
    if (is_laned(r, v) && (!has_rows(r, v) || fn_ins(f, v)->op == OP_iota)) return false;
    const Ins *in = fn_ins(f, v); /* a sum over elements is nothing but added up */
    if (r->sum[v] && is_laned(r, in->arg[0]) && r->uses[v] != 1) return false;
    for (int k = 0; k < in->nargs; k++)
      if (op_kind((Op)in->op) == KIND_FOLD && in->op != OP_sum && (in->u.axes & 1) &&
          is_laned(r, in->arg[k]))
        return false;
  }
  for (int k = 0; k < r->l->ncarry; k++) {
    Val carry = f->in.at[1 + k].val, out = f->out.at[k].val;
    bool own = is_laned(r, carry) && is_laned(r, out) && is_masked(r, out, carry);
    if (!own && (is_laned(r, carry) || !is_accumulated(r, out, carry))) return false;
  }
  return true;
}

/* The sums that are used are all accumulated: as many as there are. */
static bool sums_fit(const Ragged *r) {
  int sums = 0, carried = 0;
  for (Val v = 1; v < r->f->ins.n; v++) sums += r->sum[v] && is_laned(r, fn_ins(r->f, v)->arg[0]);
  for (int k = 0; k < r->l->ncarry; k++) carried += !is_laned(r, r->f->in.at[1 + k].val);
  return sums == carried;
}

/* The loop's count is the largest element of one of its captures, as the body compares it. */
static bool find_ragged(const Fn *f, const Ins *in, Ragged *r) {
  const Loop *l = in->u.loop;
  if (!l->counted || l->cond || l->nscan || l->ncollect || !l->ncarry) return false;
  const Ins *count = fn_ins(f, in->arg[0]);
  if (count->op != OP_amax || !dim_is_number(l->trip) || l->trip < STEPS) return false;
  const Ins *own = fn_ins(f, count->arg[0]);
  if (own->shape.rank != 1 || !dim_is_number(own->shape.dim[0]) ||
      own->shape.dim[0] < (Dim)LANES * BLOCKS)
    return false;
  *r = (Ragged){.f = l->body, .l = l, .rows = own->shape.dim[0]};
  for (int i = 1 + l->ncarry; i < l->body->in.n; i++)
    if (in->arg[i] == count->arg[0]) r->n = i;
  if (!r->n) return false;
  Arena *a = f->cx->arena;
  r->up = NEWS(a, int32_t, l->body->ins.n);
  r->fixed = NEWS(a, bool, l->body->ins.n);
  r->sum = NEWS(a, bool, l->body->ins.n);
  r->uses = fn_uses(l->body);
  for (Val v = 0; v < l->body->ins.n; v++) r->up[v] = v;
  return body_fits(r) && sums_fit(r);
}

/* ---- some rows of the loop ---- */
/* The extents of a row. rows: of so many of them; 0: of one, which has no axis for itself. */
static Shape of_rows(Shape s, Dim rows) {
  if (rows) {
    s.dim[0] = rows;
    return s;
  }
  memmove(s.dim, s.dim + 1, (size_t)(s.rank - 1) * sizeof s.dim[0]);
  s.rank--;
  return s;
}

/* The view in one row of its result; below: of its operand, too. */
static Val view_of_row(Walk *w, const Ins *in, bool below) {
  View v = *in->u.view;
  ViewDim dim[IR_MAX_RANK];
  for (int d = below; d < v.rank; d++) {
    ViewTerm *term = NEWS(w->b.cx->arena, ViewTerm, v.dim[d].n + 1);
    dim[d - below] = v.dim[d];
    dim[d - below].term = term;
    for (int t = 0; t < v.dim[d].n; t++)
      term[t] = (ViewTerm){v.dim[d].term[t].label - 1, v.dim[d].term[t].coef};
  }
  Shape s = of_rows(in->shape, 0);
  return ir_view(&w->b, w->to[in->arg[0]], &s, &(View){.rank = v.rank - below, .dim = dim});
}

static Val copy_of_rows(Walk *w, const Ragged *r, const Ins *given, Dim rows) {
  Ins in = *given;
  Val *arg = walk_args(w, &in);
  for (int k = 0; k < in.nargs && op_kind((Op)in.op) == KIND_MAP; k++) {
    Ins constant = *fn_ins(r->f, in.arg[k]);
    if (!is_constant(&constant)) continue;
    constant.shape = of_rows(constant.shape, rows);
    arg[k] = ir_copy(&w->b, &constant, NULL);
  }
  if (!rows && in.op == OP_view) return view_of_row(w, &in, is_laned(r, in.arg[0]));
  if (!rows && op_kind((Op)in.op) == KIND_FOLD) in.u.axes >>= 1;
  in.shape = of_rows(in.shape, rows);
  return ir_copy(&w->b, &in, arg);
}

/* One element of each axis that is indexed: as the derivative of a read at numbers, `if index == k
 * then x else 0`, of which only that element is added. */
static Val scatter_of_row(Walk *w, const Ins *in) {
  Val *arg = walk_args(w, in), update = arg[0];
  Ins read = *in;
  arg[0] = ir_const_f(&w->b, (DType)in->type, &in->u.gather->full, 0);
  read.op = OP_gather, read.arg = arg;
  return type_is_float((DType)in->type) ? transpose_ins(&w->b, &read, arg, 0, update)
                                        : walk_copy(w, in);
}

static Fn *body_of_rows(const Ragged *r, Dim rows) {
  const Fn *f = r->f;
  Walk w = {.b = ir_begin(f->cx, f->name), .f = f, .to = NEWS(f->cx->arena, Val, f->ins.n)};
  w.b.fn->span = f->span;
  for (int i = 0; i < f->in.n; i++) {
    const Input *in = &f->in.at[i];
    Shape s = is_laned(r, in->val) ? of_rows(in->shape, rows) : in->shape;
    w.to[in->val] = ir_input(&w.b, in->name, in->type, &s, in->role, in->span);
  }
  for (Val v = 1; v < f->ins.n; v++) {
    Ins in = *fn_ins(f, v);
    if (in.op == OP_arg) continue;
    if (is_laned(r, v)) {
      w.to[v] = copy_of_rows(&w, r, &in, rows);
    } else if (r->sum[v] && in.op == OP_sum && !rows && is_laned(r, in.arg[0])) {
      uint32_t axes = in.u.axes >> 1;
      w.to[v] = axes ? ir_fold(&w.b, OP_sum, w.to[in.arg[0]], axes) : w.to[in.arg[0]];
    } else if (r->sum[v] && in.op == OP_scatter && !rows && is_laned(r, in.arg[0])) {
      w.to[v] = scatter_of_row(&w, &in);
    } else {
      w.to[v] = walk_copy(&w, &in);
    }
  }
  return walk_end(&w);
}

/* The loop over `rows` elements; arg[i] is input 1 + i of the body. */
static Val loop_of_rows(Builder *b, const Ragged *r, Dim rows, const Val *arg) {
  int n = 0;
  Loop l = *r->l;
  Val *args = NEWS(b->cx->arena, Val, r->f->in.n + 1);
  args[n++] = rows ? ir_fold(b, OP_amax, arg[r->n - 1], 1) : arg[r->n - 1];
  for (int i = 1; i < r->f->in.n; i++) args[n++] = arg[i - 1];
  l.body = body_of_rows(r, rows);
  return ir_loop(b, &l, args, n);
}

/* Rows from .. from + n of x. */
static Val some_rows(Builder *b, Val x, Dim from, Dim n) {
  Shape s = *ir_shape(b, x);
  ViewDim dim[IR_MAX_RANK];
  ViewTerm term[IR_MAX_RANK];
  for (int d = 0; d < s.rank; d++) {
    term[d] = (ViewTerm){d, 1};
    dim[d] = (ViewDim){.off = d ? 0 : from, .den = 1, .n = 1, .term = &term[d]};
  }
  s.dim[0] = n;
  return ir_view(b, x, &s, &(View){.rank = s.rank, .dim = dim});
}

static Val in_blocks(Builder *b, Val x, Dim blocks) {
  Shape s = *ir_shape(b, x), out = s;
  x = some_rows(b, x, 0, blocks * LANES);
  for (int d = 0; d < s.rank; d++) out.dim[d + 1] = s.dim[d];
  out.rank = s.rank + 1;
  out.dim[0] = blocks, out.dim[1] = LANES;
  return ir_reshape(b, x, &out);
}

static Fn *block_body(Builder *b, const Ragged *r, Dim rows) {
  const Fn *f = r->f;
  Builder o = ir_begin(b->cx, name_of(b->cx, "block"));
  Val *arg = NEWS(b->cx->arena, Val, f->in.n + 1);
  ir_input(&o, NULL, T_I64, &(Shape){0}, ROLE_ARG, f->span);
  for (int kind = 0; kind < 3; kind++) /* sums, rows, what all share */
    for (int i = 1; i < f->in.n; i++) {
      const Input *in = &f->in.at[i];
      Shape s = in->shape;
      bool laned = is_laned(r, in->val), carried = i <= r->l->ncarry;
      if (kind != (laned ? 1 : carried ? 0 : 2)) continue;
      if (laned) s = of_rows(s, rows);
      arg[i - 1] = ir_input(&o, in->name, in->type, &s, in->role, in->span);
    }
  Val loop = loop_of_rows(&o, r, rows, arg);
  for (int kind = 0; kind < 2; kind++)
    for (int k = 0; k < r->l->ncarry; k++)
      if (is_laned(r, f->in.at[1 + k].val) == kind)
        ir_output(&o, f->out.at[k].name, ir_part(&o, loop, k));
  return ir_finish(&o);
}

/* The first rows, then the rest behind them. */
static Val rows_joined(Builder *b, Val x, Val rest, Dim n) {
  Shape s = *ir_shape(b, x), all = s;
  Dim behind = ir_shape(b, rest)->dim[0];
  all.dim[0] = n + behind;
  Val at = ir_iota_along(b, T_I32, &all, 0);
  Val later = ir_map2(b, OP_ge, at, ir_const_i(b, T_I32, &all, n));
  return ir_map3(b, OP_select, later, ir_pad(b, rest, 0, n, 0), ir_pad(b, x, 0, 0, behind));
}

/* parts[k] is carried value k in the end. given: the operands but for the count. rows: as many at
 * a time; 0: one by one. */
static void split_rows(Builder *b, const Ragged *r, Dim rows, const Val *given, Val *parts) {
  const Fn *f = r->f;
  Dim blocks = rows ? r->rows / rows : r->rows, rest = rows ? r->rows % rows : 0;
  int n = 0, ncarry = r->l->ncarry;
  Val *args = NEWS(b->cx->arena, Val, f->in.n + 1), *last = NEWS(b->cx->arena, Val, f->in.n + 1);
  Loop l = {.body = block_body(b, r, rows), .trip = blocks};
  for (int kind = 0; kind < 3; kind++)
    for (int i = 1; i < f->in.n; i++) {
      bool laned = is_laned(r, f->in.at[i].val), carried = i <= ncarry;
      if (kind != (laned ? 1 : carried ? 0 : 2)) continue;
      args[n++] = laned && rows ? in_blocks(b, given[i - 1], blocks) : given[i - 1];
      l.nscan += laned, l.ncollect += laned && carried, l.ncarry += !laned && carried;
    }
  Val loop = ir_loop(b, &l, args, n);
  for (int kind = 0, part = 0; kind < 2; kind++)
    for (int k = 0; k < ncarry; k++) {
      if (is_laned(r, f->in.at[1 + k].val) != kind) continue;
      parts[k] = ir_part(b, loop, part++);
      Shape s = f->in.at[1 + k].shape;
      if (kind) s.dim[0] = r->rows - rest;
      if (kind && rows) parts[k] = ir_reshape(b, parts[k], &s);
    }
  if (!rest) return;
  for (int i = 1; i < f->in.n; i++) {
    bool laned = is_laned(r, f->in.at[i].val);
    last[i - 1] = laned         ? some_rows(b, given[i - 1], blocks * rows, rest)
                  : i <= ncarry ? parts[i - 1]
                                : given[i - 1];
  }
  loop = loop_of_rows(b, r, rest, last);
  for (int k = 0; k < ncarry; k++) {
    Val end = ir_part(b, loop, k);
    parts[k] =
        is_laned(r, f->in.at[1 + k].val) ? rows_joined(b, parts[k], end, blocks * rows) : end;
  }
}

/* ---- which way: the lengths tell, when the program runs ---- */
/* The loop as it was, or one by one, as a body of a branch over its operands. */
static Fn *side(Builder *b, const Ragged *r, const Val *arg, int nargs, bool by_rows) {
  Builder o = ir_begin(b->cx, name_of(b->cx, by_rows ? "rows" : "together"));
  Val *in = NEWS(b->cx->arena, Val, nargs + 1), *parts = NEWS(b->cx->arena, Val, nargs + 1);
  for (int i = 0; i < nargs; i++) {
    Shape s = *ir_shape(b, arg[i]);
    Name name = i ? r->f->in.at[i].name : name_of(b->cx, "steps");
    in[i] = ir_input(&o, name, ir_type(b, arg[i]), &s, ROLE_ARG, r->f->span);
  }
  if (by_rows) split_rows(&o, r, 0, in + 1, parts);
  Val loop = by_rows ? 0 : ir_loop(&o, r->l, in, nargs);
  for (int k = 0; k < r->l->ncarry; k++)
    ir_output(&o, r->f->out.at[k].name, by_rows ? parts[k] : ir_part(&o, loop, k));
  return ir_finish(&o);
}

static void choose_way(Builder *b, const Ragged *r, const Val *arg, int nargs, Val *parts) {
  Val steps = ir_fold(b, OP_sum, arg[r->n], 1), rows = ir_const_i(b, T_I64, NULL, r->rows);
  Val enough = ir_map2(b, OP_mul, steps, ir_const_i(b, T_I64, NULL, UNEVEN));
  Val uneven = ir_map2(b, OP_gt, ir_map2(b, OP_mul, arg[0], rows), enough);
  Val branch =
      ir_branch(b, side(b, r, arg, nargs, true), side(b, r, arg, nargs, false), uneven, arg, nargs);
  for (int k = 0; k < r->l->ncarry; k++) parts[k] = ir_part(b, branch, k);
}

static bool adds_up(const Ragged *r) {
  for (int k = 0; k < r->l->ncarry; k++)
    if (!is_laned(r, r->f->in.at[1 + k].val)) return true;
  return false;
}

static Fn *ragged_body(const Fn *f, void *arg) {
  (void)arg;
  return pass_ragged(f);
}

Fn *pass_ragged(const Fn *f) {
  Walk w = walk_begin(f);
  Val **parts = NEWS(f->cx->arena, Val *, f->ins.n);
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    Ragged r;
    if (in->op == OP_arg) continue;
    if (in->op == OP_loop && find_ragged(f, in, &r)) {
      parts[v] = NEWS(f->cx->arena, Val, r.l->ncarry + 1);
      w.b.span = in->span, w.b.derived = in->derived, w.b.hint = in->hint;
      Val *arg = walk_args(&w, in);
      if (adds_up(&r)) choose_way(&w.b, &r, arg, in->nargs, parts[v]);
      else split_rows(&w.b, &r, LANES, arg + 1, parts[v]);
    } else if (in->op == OP_part && parts[in->arg[0]]) {
      w.to[v] = parts[in->arg[0]][in->u.i];
    } else {
      w.to[v] = walk_copy_bodies(&w, in, ragged_body, NULL);
    }
  }
  return walk_end(&w);
}
