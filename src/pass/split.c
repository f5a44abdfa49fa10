/* split.c: loops become loops over segments of steps. In: a function. Out: one with the same
 * values, bit for bit, in which a loop of T steps is n loops of L steps inside a loop of n, and
 * once more inside of those for every further level.
 *
 * This is checkpointing: the way back through the outer loop saves what is carried from segment to
 * segment, and runs the steps of a segment again to have what it needs to go back through it. With
 * c bytes carried and s saved a step, that takes n*c + L*s bytes instead of T*s, least where n*c =
 * L*s; each level costs another run of the forward steps (Griewank, Achieving logarithmic growth of
 * temporal and spatial complexity in reverse automatic differentiation, 1992).
 *
 * A loop that may end early goes through segments as long as the one before was full:
 *
 *   for s in 0..n while s*L < limit and done == s*L and cond {      limit: the count, or T
 *     for j in 0..min(limit - s*L, L) while cond { body at s*L + j }
 *   }
 *
 * needs: no vjp/jvp   keeps: values, bit for bit   breaks: nothing */
#include "pass/steps.h"

#include <math.h>

enum { FEW_STEPS = 4 };

typedef struct Ends { /* where a loop's results are */
  Val *carry, *collect;
  Val steps; /* with a condition: how many were done */
} Ends;

typedef struct Split {
  Builder *b;
  const Loop *l;  /* uncounted where all steps run */
  const Val *arg; /* carried starts, scanned, captured */
  Val base;       /* i64: what the index starts from, an operand of its own; 0: none */
  Val limit;      /* i64: the count, of a counted loop */
  double ratio;   /* bytes saved for a step by bytes carried */
  int levels;
} Split;

static int captures(const Loop *l) { return l->body->in.n - 1 - l->ncarry - l->nscan; }
static bool ends_early(const Loop *l) { return l->counted || l->cond; }

static Val number(Builder *b, int64_t n) { return ir_const_i(b, T_I64, NULL, n); }

/* ---- bodies whose index starts elsewhere ---- */
/* f with one captured value more at its end, which is added to its index. */
static Fn *with_base(const Fn *f) {
  Builder b = ir_begin(f->cx, f->name);
  Shape none = {0};
  Val *args = NEWS(f->cx->arena, Val, f->in.n + 1), *outs = NEWS(f->cx->arena, Val, f->out.n + 1);
  b.fn->span = f->span;
  for (int i = 0; i < f->in.n; i++) {
    const Input *in = &f->in.at[i];
    args[i] = ir_input(&b, in->name, in->type, &in->shape, in->role, in->span);
  }
  Val base = ir_input(&b, name_of(f->cx, "from"), T_I64, &none, ROLE_ARG, (Span){0});
  args[0] = ir_map2(&b, OP_add, args[0], base);
  ir_inline(&b, f, args, outs);
  for (int i = 0; i < f->out.n; i++) ir_output(&b, f->out.at[i].name, outs[i]);
  return ir_finish(&b);
}

static bool index_matters(const Loop *l) {
  return fn_uses_input(l->body, 0) || (l->cond && fn_uses_input(l->cond, 0));
}

/* ---- n steps from `first` on, as one loop ---- */
static Ends ends_of(Builder *b, const Loop *l, Val loop) {
  Ends e = {NEWS(b->cx->arena, Val, l->ncarry + 1), NEWS(b->cx->arena, Val, l->ncollect + 1), 0};
  for (int i = 0; i < l->ncarry; i++) e.carry[i] = ir_part(b, loop, i);
  for (int i = 0; i < l->ncollect; i++) e.collect[i] = ir_part(b, loop, l->ncarry + i);
  if (l->cond) e.steps = ir_part(b, loop, l->ncarry + l->ncollect);
  return e;
}

static Ends split(const Split *s);

static Ends plain(const Split *s) {
  const Loop *l = s->l;
  Val *args = NEWS(s->b->cx->arena, Val, l->body->in.n + 3);
  int n = 0;
  if (l->counted) args[n++] = s->limit;
  for (int i = 0; i < l->body->in.n - 1; i++) args[n++] = s->arg[i];
  Loop with = *l;
  if (s->base) {
    args[n++] = s->base;
    with.body = with_base(l->body);
    if (l->cond) with.cond = with_base(l->cond);
  }
  return ends_of(s->b, l, ir_loop(s->b, &with, args, n));
}

/* The same steps of some of the scanned tensors, carrying on from `carry`, the index from `first`
 * on. */
static Ends some_steps(const Split *s, const Val *carry, Val *const *scan, int which, Dim first,
                       Dim n, int levels) {
  Cx *cx = s->b->cx;
  Loop l = *s->l;
  Val *args = NEWS(cx->arena, Val, l.body->in.n + 1);
  l.trip = n;
  for (int i = 0; i < l.ncarry; i++) args[i] = carry[i];
  for (int i = 0; i < l.nscan; i++) args[l.ncarry + i] = scan[which][i];
  for (int i = l.ncarry + l.nscan; i < l.body->in.n - 1; i++) args[i] = s->arg[i];
  Split part = *s;
  part.l = &l;
  part.arg = args;
  part.levels = levels;
  part.base = 0;
  if (index_matters(&l) && (s->base || first))
    part.base = s->base ? ir_map2(s->b, OP_add, s->base, number(s->b, first)) : number(s->b, first);
  return split(&part);
}

/* ---- the loop over segments ---- */
typedef struct Segments {
  const Split *s;
  Dim n, length;
  const Val *carry, *scan; /* operands: scan is [n, length, ..] */
} Segments;

static Val as_input(Builder *b, const Fn *f, int i, int wider, Dim n) {
  const Input *in = &f->in.at[i];
  Shape s = wider ? shape_widened(&in->shape, n) : in->shape;
  return ir_input(b, in->name, in->type, &s, in->role, in->span);
}

static Val scalar_input(Builder *b, const char *name) {
  Shape none = {0};
  return ir_input(b, name_of(b->cx, name), T_I64, &none, ROLE_ARG, (Span){0});
}

/* Inputs: segment, carried (and the steps done), scanned, captured, then base and limit where there
 * are. */
typedef struct Frame {
  Val index, done, base, limit, *arg;
} Frame;

static Frame frame(Builder *b, const Segments *g, bool slices) {
  const Split *s = g->s;
  const Loop *l = s->l;
  Frame f = {.arg = NEWS(b->cx->arena, Val, l->body->in.n + 1)};
  f.index = scalar_input(b, "segment");
  for (int i = 0; i < l->ncarry; i++) f.arg[i] = as_input(b, l->body, 1 + i, 0, 0);
  if (ends_early(l)) f.done = scalar_input(b, "done");
  for (int i = l->ncarry; slices && i < l->ncarry + l->nscan; i++)
    f.arg[i] = as_input(b, l->body, 1 + i, 1, g->length);
  for (int i = l->ncarry + l->nscan; i < l->body->in.n - 1; i++)
    f.arg[i] = as_input(b, l->body, 1 + i, 0, 0);
  if (s->base) f.base = scalar_input(b, "from");
  if (l->counted) f.limit = scalar_input(b, "count");
  return f;
}

/* Steps left for the segments from this one on. */
static Val steps_left(Builder *b, const Segments *g, const Frame *f) {
  Val start = ir_map2(b, OP_mul, f->index, number(b, g->length));
  Val limit =
      f->limit ? ir_map2(b, OP_min, f->limit, number(b, g->s->l->trip)) : number(b, g->s->l->trip);
  return ir_map2(b, OP_sub, limit, start);
}

static Fn *segment_body(const Segments *g) {
  const Split *s = g->s;
  Builder b = ir_begin(s->b->cx, s->l->body->name);
  b.fn->span = s->l->body->span;
  Frame f = frame(&b, g, true);
  Loop l = *s->l;
  Split inner = {.b = &b, .l = &l, .arg = f.arg, .ratio = s->ratio, .levels = s->levels - 1};
  l.trip = g->length;
  if (ends_early(s->l)) {
    l.counted = true;
    l.typical = (double)g->length;
    inner.limit = steps_left(&b, g, &f);
  }
  if (index_matters(&l)) {
    inner.base = ir_map2(&b, OP_mul, f.index, number(&b, g->length));
    if (f.base) inner.base = ir_map2(&b, OP_add, inner.base, f.base);
  }
  Ends e = split(&inner);
  for (int i = 0; i < l.ncarry; i++) ir_output(&b, s->l->body->out.at[i].name, e.carry[i]);
  if (ends_early(s->l)) {
    Val whole = ir_map2(&b, OP_min, inner.limit, number(&b, g->length));
    ir_output(&b, NULL, ir_map2(&b, OP_add, f.done, e.steps ? e.steps : whole));
  }
  for (int i = 0; i < l.ncollect; i++)
    ir_output(&b, s->l->body->out.at[l.ncarry + i].name, e.collect[i]);
  return ir_finish(&b);
}

/* There are steps left, the segment before was full, and the loop's own condition holds. */
static Fn *segment_cond(const Segments *g) {
  const Split *s = g->s;
  const Loop *l = s->l;
  Builder b = ir_begin(s->b->cx, l->cond ? l->cond->name : l->body->name);
  Frame f = frame(&b, g, false);
  Val start = ir_map2(&b, OP_mul, f.index, number(&b, g->length));
  Val more = ir_map2(&b, OP_gt, steps_left(&b, g, &f), number(&b, 0)), own;
  more = ir_map2(&b, OP_and, more, ir_map2(&b, OP_eq, f.done, start));
  if (l->cond) {
    Val *args = NEWS(s->b->cx->arena, Val, l->cond->in.n + 1);
    args[0] = f.base ? ir_map2(&b, OP_add, start, f.base) : start;
    for (int i = 0; i < l->ncarry; i++) args[1 + i] = f.arg[i];
    for (int i = 0; i < captures(l); i++) args[1 + l->ncarry + i] = f.arg[l->ncarry + l->nscan + i];
    ir_inline(&b, l->cond, args, &own);
    more = ir_map2(&b, OP_and, more, own);
  }
  ir_output(&b, NULL, more);
  return ir_finish(&b);
}

/* [n, length, ..] -> [n*length, ..] */
static Val end_to_end(Builder *b, Val v) {
  Shape s = *ir_shape(b, v), t = {.rank = s.rank - 1};
  memcpy(t.dim, s.dim + 1, (size_t)t.rank * sizeof t.dim[0]);
  t.dim[0] = s.dim[0] * s.dim[1];
  return ir_reshape(b, v, &t);
}

static Val in_segments(Builder *b, Val v, Dim n, Dim length) {
  Shape s = *ir_shape(b, v), t = {.rank = s.rank + 1, .dim = {n, length}};
  memcpy(t.dim + 2, s.dim + 1, (size_t)(s.rank - 1) * sizeof t.dim[0]);
  return ir_reshape(b, v, &t);
}

static Ends segments(const Segments *g) {
  const Split *s = g->s;
  const Loop *l = s->l;
  Builder *b = s->b;
  bool early = ends_early(l);
  Loop outer = {.body = segment_body(g),
                .trip = g->n,
                .ncarry = l->ncarry + early,
                .nscan = l->nscan,
                .ncollect = l->ncollect,
                .reverse = l->reverse};
  if (early) outer.cond = segment_cond(g);
  Val *args = NEWS(b->cx->arena, Val, l->body->in.n + 5);
  int n = 0;
  for (int i = 0; i < l->ncarry; i++) args[n++] = g->carry[i];
  if (early) args[n++] = number(b, 0);
  for (int i = 0; i < l->nscan; i++) args[n++] = in_segments(b, g->scan[i], g->n, g->length);
  for (int i = l->ncarry + l->nscan; i < l->body->in.n - 1; i++) args[n++] = s->arg[i];
  if (s->base) args[n++] = s->base;
  if (l->counted) args[n++] = s->limit;
  Val loop = ir_loop(b, &outer, args, n);
  Ends e = ends_of(b, &outer, loop);
  if (early) e.steps = e.carry[l->ncarry];
  for (int i = 0; i < l->ncollect; i++) e.collect[i] = end_to_end(b, e.collect[i]);
  return e;
}

/* ---- what doesn't fill a segment ---- */
/* The first n rows from a, the others from b. */
static Val joined(Builder *b, Val a, Val c, Dim n, Dim rest) {
  Val x = ir_pad(b, a, 0, 0, rest), y = ir_pad(b, c, 0, n, 0);
  Shape s = *ir_shape(b, x);
  Val first = ir_map2(b, OP_lt, ir_iota_along(b, T_I64, &s, 0), ir_const_i(b, T_I64, &s, n));
  return ir_map3(b, OP_select, first, x, y);
}

/* All steps run: n full segments, then the rest; backwards the rest comes first. */
static Ends full_and_rest(const Split *s, Dim n, Dim length) {
  const Loop *l = s->l;
  Builder *b = s->b;
  Dim rest = l->trip - n * length;
  Val *scan[2] = {NEWS(b->cx->arena, Val, l->nscan + 1), NEWS(b->cx->arena, Val, l->nscan + 1)};
  for (int i = 0; i < l->nscan; i++) {
    Val x = s->arg[l->ncarry + i];
    scan[0][i] = rest ? ir_slice(b, x, 0, 0, n * length, 1) : x;
    if (rest) scan[1][i] = ir_slice(b, x, 0, n * length, rest, 1);
  }
  Ends tail = {0}, e;
  if (rest && l->reverse) tail = some_steps(s, s->arg, scan, 1, n * length, rest, 0);
  Segments g = {s, n, length, rest && l->reverse ? tail.carry : s->arg, scan[0]};
  e = segments(&g);
  if (!rest) return e;
  if (!l->reverse) {
    tail = some_steps(s, e.carry, scan, 1, n * length, rest, 0);
    e.carry = tail.carry;
  }
  for (int i = 0; i < l->ncollect; i++)
    e.collect[i] = joined(b, e.collect[i], tail.collect[i], n * length, rest);
  return e;
}

/* It may end early: scanned tensors are padded to full segments, which never run to their end. */
static Ends padded(const Split *s, Dim n, Dim length) {
  const Loop *l = s->l;
  Builder *b = s->b;
  Dim extra = n * length - l->trip;
  Val *scan = NEWS(b->cx->arena, Val, l->nscan + 1);
  for (int i = 0; i < l->nscan; i++) {
    Val x = s->arg[l->ncarry + i];
    scan[i] = extra ? ir_pad(b, x, 0, 0, extra) : x;
  }
  Segments g = {s, n, length, s->arg, scan};
  Ends e = segments(&g);
  for (int i = 0; extra && i < l->ncollect; i++)
    e.collect[i] = ir_slice(b, e.collect[i], 0, 0, l->trip, 1);
  return e;
}

/* n of the formula above, so that all levels take the same: n = (T * ratio) ** (1 / (levels + 1)).
 */
static Dim segment_length(const Split *s) {
  double n = pow((double)s->l->trip * fmax(s->ratio, 1), 1.0 / (s->levels + 1));
  n = fmin(fmax(n, 2), (double)s->l->trip / 2);
  Dim want = MIN((Dim)ceil((double)s->l->trip / n), s->l->trip / 2);
  for (Dim k = want; k > want - want / 4; k--) /* a divisor leaves no rest */
    if (s->l->trip % k == 0) return k;
  return want;
}

static bool ranks_allow(const Loop *l) {
  for (int i = 0; i < l->body->in.n; i++)
    if (l->body->in.at[i].shape.rank + 2 > IR_MAX_RANK) return false;
  for (int i = 0; i < l->body->out.n; i++)
    if (fn_ins(l->body, l->body->out.at[i].val)->shape.rank + 2 > IR_MAX_RANK) return false;
  return true;
}

static Ends split(const Split *s) {
  const Loop *l = s->l;
  bool early = ends_early(l);
  if (s->levels < 1 || l->trip < FEW_STEPS || (early && l->reverse) || !ranks_allow(l))
    return plain(s);
  Dim length = segment_length(s);
  if (early) return padded(s, (l->trip + length - 1) / length, length);
  return full_and_rest(s, l->trip / length, length);
}

/* ---- the pass ---- */
static double carried_bytes(const Loop *l) {
  double sum = 0;
  for (int i = 0; i < l->ncarry; i++)
    sum += ins_bytes(l->body->cx, fn_ins(l->body, l->body->in.at[1 + i].val));
  return sum;
}

typedef struct Splitting {
  Walk w;
  Ends *ends; /* per loop that was split */
  const SplitPlan *plan;
} Splitting;

static Fn *split_body(const Fn *f, void *plan) { return pass_split(f, plan); }

static void split_ins(Splitting *x, Val v) {
  const Ins *in = fn_ins(x->w.f, v);
  double saved = in->op == OP_loop ? x->plan->saved(in->u.loop) : 0;
  bool numbers = in->op == OP_loop && dim_is_number(in->u.loop->trip);
  if (!numbers || saved <= 0) {
    x->w.to[v] = walk_copy_bodies(&x->w, in, split_body, (void *)x->plan);
    return;
  }
  Loop l = *in->u.loop;
  Val *args = walk_args(&x->w, in);
  l.body = pass_split(l.body, x->plan);
  x->w.b.span = in->span;
  Split s = {.b = &x->w.b,
             .l = &l,
             .arg = args + l.counted,
             .limit = l.counted ? args[0] : 0,
             .ratio = saved / fmax(carried_bytes(&l), 1),
             .levels = x->plan->levels};
  x->ends[v] = split(&s);
}

static Val end_part(const Splitting *x, const Ins *part) {
  const Ends *e = &x->ends[part->arg[0]];
  const Loop *l = fn_ins(x->w.f, part->arg[0])->u.loop;
  if (part->u.i < l->ncarry) return e->carry[part->u.i];
  return part->u.i < l->ncarry + l->ncollect ? e->collect[part->u.i - l->ncarry] : e->steps;
}

Fn *pass_split(const Fn *f, const SplitPlan *plan) {
  if (plan->levels < 1) return (Fn *)f;
  Splitting x = {walk_begin(f), NEWS(f->cx->arena, Ends, f->ins.n), plan};
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (in->op == OP_arg) continue;
    if (in->op == OP_part && x.ends[in->arg[0]].carry) {
      x.w.to[v] = end_part(&x, in);
      ir_name(&x.w.b, x.w.to[v], in->hint);
    } else {
      split_ins(&x, v);
    }
  }
  return walk_end(&x.w);
}
