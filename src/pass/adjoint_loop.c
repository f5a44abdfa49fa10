/* adjoint_loop.c: reverse mode of loops and branches.
 *
 * The adjoint of a loop is a loop that runs the other way. Its body is the adjoint of the loop's
 * body, for which it needs the values of the iteration it undoes. Of those, the carried values at
 * the iteration's start and what was costly to compute (contractions, reductions, inner loops), or
 * fewer bytes from which the rest follows (tape.c), are collected by the forward loop and handed
 * back slice by slice; the rest is computed again.
 *
 *   carried:   the adjoints of the carried values; a running sum per captured value
 *   scanned:   collected values, the scanned tensors, the adjoints of what the loop collected
 *   captured:  what the loop captured
 *   collected: the adjoints of the scanned tensors
 *
 * A branch's adjoint is the branch of its bodies' adjoints; the other one is not run, so it
 * contributes exactly nothing. */
#include "pass/adjoint_loop.h"
#include "pass/tape.h"

/* ---- the body of the way back ---- */
typedef struct Back {
  Builder b;
  const LoopPlan *p;
  Val *args, *given, *seeds; /* for adjoint_with */
  Val index, *dcarry, *sum;  /* inputs: adjoints of carried values, running sums */
  Val *state, *slice;        /* of what is restored */
} Back;

static Val like(Back *k, const char *prefix, const char *name, const Ins *of) {
  Name n = name_fmt(k->b.cx, "%s%s", prefix, name ? name : "v");
  return ir_input(&k->b, n, (DType)of->type, &of->shape, ROLE_ARG, of->span);
}

/* Inputs in the order the loop wants them: index, carried, scanned, captured. */
static void make_inputs(Back *k) {
  const Loop *l = k->p->l;
  const Fn *f = l->body;
  k->index = like(k, "", f->in.at[0].name, loop_ins(l, f->in.at[0].val));
  k->args[0] = k->index;
  for (int i = 0; i < l->ncarry; i++)
    if (k->p->carry[i])
      k->dcarry[i] = like(k, "d_", loop_carry(l, i)->name, loop_ins(l, loop_carry(l, i)->val));
  for (int i = 0; i < loop_captures(l); i++)
    if (k->p->capture[i])
      k->sum[i] = like(k, "d_", loop_capture(l, i)->name, loop_ins(l, loop_capture(l, i)->val));
  undo_inputs(&k->b, k->p, k->state);
  for (int i = 0; i < k->p->nsaved; i++) {
    Val v = k->p->saved[i];
    const Ins *in = loop_ins(l, v);
    k->given[v] = like(k, "", in->hint, in);
  }
  undo_slices(&k->b, k->p, k->slice);
  for (int i = 0; i < l->nscan; i++)
    k->args[1 + l->ncarry + i] =
        like(k, "", loop_scan(l, i)->name, loop_ins(l, loop_scan(l, i)->val));
  for (int i = 0; i < l->ncollect; i++) {
    const Ins *y = loop_ins(l, f->out.at[l->ncarry + i].val);
    if (type_is_float((DType)y->type)) k->seeds[l->ncarry + i] = like(k, "d_", y->hint, y);
  }
  for (int i = 0; i < loop_captures(l); i++)
    k->args[1 + l->ncarry + l->nscan + i] =
        like(k, "", loop_capture(l, i)->name, loop_ins(l, loop_capture(l, i)->val));
  undo_given(&k->b, k->p, k->state, k->slice, k->given);
  for (int i = 0; i < l->ncarry; i++) k->args[1 + i] = k->given[loop_carry(l, i)->val];
}

/* Cotangents of the body's float outputs, in order. */
static void gather_seeds(Back *k, Val *seed) {
  const Loop *l = k->p->l;
  for (int i = 0, n = 0; i < l->body->out.n; i++) {
    const Ins *y = loop_ins(l, l->body->out.at[i].val);
    if (!type_is_float((DType)y->type)) continue;
    Val s = i < l->ncarry ? k->dcarry[i] : k->seeds[i];
    seed[n++] = s ? s : ir_const_f(&k->b, (DType)y->type, &y->shape, 0);
  }
}

static Fn *build_back(Cx *cx, const LoopPlan *p) {
  const Loop *l = p->l;
  const Fn *f = l->body;
  Arena *a = cx->arena;
  Back k = {.b = ir_begin(cx, f->name),
            .p = p,
            .args = NEWS(a, Val, f->in.n + 1),
            .given = NEWS(a, Val, f->ins.n + 1),
            .seeds = NEWS(a, Val, f->out.n + 1),
            .dcarry = NEWS(a, Val, l->ncarry + 1),
            .state = NEWS(a, Val, p->nundo + 1),
            .slice = NEWS(a, Val, p->nslices + 1),
            .sum = NEWS(a, Val, loop_captures(l) + 1)};
  make_inputs(&k);
  bool *wrt = NEWS(a, bool, f->in.n + 1);
  for (int i = 0; i < l->ncarry; i++) wrt[1 + i] = p->carry[i];
  for (int i = 0; i < l->nscan; i++) wrt[1 + l->ncarry + i] = p->scan[i];
  for (int i = 0; i < loop_captures(l); i++) wrt[1 + l->ncarry + l->nscan + i] = p->capture[i];
  Val *seed = NEWS(a, Val, f->out.n + 1), *value = NEWS(a, Val, f->out.n + 1),
      *derived = NEWS(a, Val, f->in.n + 1);
  gather_seeds(&k, seed);
  Val *sum = NEWS(a, Val, f->in.n + 1);
  for (int i = 0; i < loop_captures(l); i++) sum[1 + l->ncarry + l->nscan + i] = k.sum[i];
  AdjointOf of = {.f = f,
                  .wrt = wrt,
                  .args = k.args,
                  .given = k.given,
                  .sum = sum,
                  .seeds = seed,
                  .trial = p->trial,
                  .guarded = p->guarded};
  if (!adjoint_with(&k.b, &of, value, derived)) return NULL;
  int n = 0, first_scan, first_capture;
  for (int i = 0; i < l->ncarry; i++)
    if (p->carry[i]) ir_output(&k.b, NULL, derived[n++]);
  first_scan = n;
  for (int i = 0; i < l->nscan; i++) n += p->scan[i];
  first_capture = n;
  for (int i = 0; i < loop_captures(l); i++)
    if (p->capture[i]) ir_output(&k.b, NULL, derived[first_capture++]);
  for (int i = 0; i < p->nundo; i++)
    ir_output(&k.b, NULL, k.given[loop_carry(l, p->undo[i].carry)->val]);
  for (int i = 0; i < l->nscan; i++)
    if (p->scan[i]) ir_output(&k.b, NULL, derived[first_scan++]);
  return ir_finish(&k.b);
}

/* ---- what is collected ---- */
static void save_all(Cx *cx, LoopPlan *p) {
  const Fn *f = p->l->body;
  p->saved = NEWS(cx->arena, Val, f->ins.n + 1);
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    bool carried = in->op == OP_arg && in->u.i >= 1 && in->u.i <= p->l->ncarry;
    bool leaf = op_kind((Op)in->op) == KIND_LEAF && in->op != OP_part && !carried;
    if (!leaf && in->type != T_BUNDLE && in->shape.rank < IR_MAX_RANK) p->saved[p->nsaved++] = v;
  }
}

/* A trial with every value of the body at hand shows which of them the way back uses. Loops inside
 * take part in it without a trial of their own, so that nesting doesn't double the work. */
static bool choose_saved(Cx *cx, LoopPlan *p) {
  const Fn *f = p->l->body;
  save_all(cx, p);
  p->trial = true;
  const Fn *back = build_back(cx, p);
  p->trial = false;
  if (!back) return false;
  bool *needed = NEWS(cx->arena, bool, f->ins.n);
  int first = 1;
  for (int i = 0; i < p->l->ncarry; i++) first += p->carry[i];
  for (int i = 0; i < loop_captures(p->l); i++) first += p->capture[i];
  for (int i = 0; i < p->nsaved; i++) needed[p->saved[i]] = fn_uses_input(back, first + i);
  bool thrifty = cx->thrift && cx->thrift->recompute;
  p->there = NEWS(cx->arena, bool, f->ins.n);
  p->nsaved = tape_choose(p->l, needed, p->there, thrifty, p->saved);
  undo_choose(cx, p);
  undo_free(p, p->there);
  if (p->nundo) p->nsaved = tape_choose(p->l, needed, p->there, thrifty, p->saved);
  for (int i = 0; i < p->l->ncarry;
       i++) { /* build_back takes them as slices; unused ones go later */
    Val v = loop_carry(p->l, i)->val;
    bool there = p->there[v];
    for (int k = 0; k < p->nsaved; k++) there |= p->saved[k] == v;
    if (!there) p->saved[p->nsaved++] = v;
  }
  return true;
}

static double saved_bytes(const LoopPlan *p) {
  double sum = undo_bytes(p);
  for (int i = 0; i < p->nsaved; i++) sum += ins_bytes(p->l->body->cx, loop_ins(p->l, p->saved[i]));
  return sum;
}

double adjoint_tape_bytes(const Loop *l) {
  Cx *cx = l->body->cx;
  Arena *a = cx->arena;
  LoopPlan p = {.l = l,
                .carry = NEWS(a, bool, l->ncarry + 1),
                .scan = NEWS(a, bool, l->nscan + 1),
                .capture = NEWS(a, bool, loop_captures(l) + 1),
                .goes_on = NEWS(a, bool, loop_captures(l) + 1)};
  for (int i = 0; i < l->ncarry; i++) p.carry[i] = type_is_float(loop_carry(l, i)->type);
  for (int i = 0; i < l->nscan; i++) p.scan[i] = type_is_float(loop_scan(l, i)->type);
  for (int i = 0; i < loop_captures(l); i++) p.capture[i] = type_is_float(loop_capture(l, i)->type);
  int errors = diag_errors(cx);
  if (!choose_saved(cx, &p) || diag_errors(cx) > errors)
    return 0; /* the derivative itself will say it again */
  return saved_bytes(&p);
}

/* ---- the way there, collecting ---- */
static Fn *collecting_body(const LoopPlan *p) {
  Walk w = walk_begin(p->l->body);
  const Fn *f = p->l->body;
  for (Val v = 1; v < f->ins.n; v++)
    if (fn_ins(f, v)->op != OP_arg) w.to[v] = walk_copy(&w, fn_ins(f, v));
  for (int i = 0; i < f->out.n; i++) ir_output(&w.b, f->out.at[i].name, w.to[f->out.at[i].val]);
  for (int i = 0; i < p->nsaved; i++) ir_output(&w.b, NULL, w.to[p->saved[i]]);
  undo_collect(&w.b, p, w.to);
  return ir_finish(&w.b);
}

/* Which inputs of `back` are adjoints that always stay (index, carried ones), and which of the
 * others are used at all: what isn't need not be collected. */
static void drop_unused(Cx *cx, LoopPlan *p, Fn *back) {
  int fixed = 1 + plan_adjoints(p), at, n = 0;
  p->keep = NEWS(cx->arena, bool, back->in.n + 1);
  for (int i = 0; i < back->in.n; i++) p->keep[i] = i < fixed || fn_uses_input(back, i);
  at = fixed;
  for (int i = 0; i < p->nsaved; i++)
    if (p->keep[at + i]) p->saved[n++] = p->saved[i];
  /* the flags of what is no longer saved go; the others move up */
  bool *keep = NEWS(cx->arena, bool, back->in.n + 1);
  memcpy(keep, p->keep, (size_t)back->in.n * sizeof *keep);
  p->back = fn_keep_inputs(back, keep);
  memmove(p->keep + at + n, p->keep + at + p->nsaved,
          (size_t)(back->in.n - at - p->nsaved) * sizeof *keep);
  for (int i = 0; i < n; i++) p->keep[at + i] = true;
  p->nsaved = n;
}

static LoopPlan *new_plan(Adjoint *g, Val v) {
  Arena *a = g->b->cx->arena;
  const Ins *in = fn_ins(g->f, v);
  const Loop *l = in->u.loop;
  LoopPlan *p = NEW(a, LoopPlan);
  *p = (LoopPlan){.l = l,
                  .guarded = adjoint_is_guarded(g, v),
                  .carry = NEWS(a, bool, l->ncarry + 1),
                  .scan = NEWS(a, bool, l->nscan + 1),
                  .capture = NEWS(a, bool, loop_captures(l) + 1),
                  .goes_on = NEWS(a, bool, loop_captures(l) + 1)};
  const Val *arg = in->arg + l->counted;
  for (int i = 0; i < l->ncarry; i++) p->carry[i] = type_is_float(loop_carry(l, i)->type);
  for (int i = 0; i < l->nscan; i++) p->scan[i] = g->active[arg[l->ncarry + i]];
  for (int i = 0; i < loop_captures(l); i++)
    p->capture[i] = g->active[arg[l->ncarry + l->nscan + i]];
  return p;
}

Val adjoint_copy_loop(Adjoint *g, Val v, const Val *args) {
  const Ins *in = fn_ins(g->f, v);
  LoopPlan *p = g->plan[v] = new_plan(g, v);
  bool chosen = true;
  if (g->trial) save_all(g->b->cx, p), p->trial = true;
  else chosen = choose_saved(g->b->cx, p) && (few_choose(g->b->cx, p, saved_bytes(p)), true);
  Fn *back = chosen ? build_back(g->b->cx, p) : NULL;
  if (!back) {
    g->failed = true;
    return ir_copy(g->b, in, args);
  }
  drop_unused(g->b->cx, p, back);
  few_settle(g->b->cx, p);
  if (p->few) return p->copy = few_forward(g->b, p, args);
  Loop l = *p->l;
  l.body = collecting_body(p);
  l.ncollect += p->nsaved + p->nslices;
  g->b->span = in->span;
  return p->copy = ir_loop(g->b, &l, args, in->nargs);
}

int adjoint_loop_part(const Adjoint *g, Val v, int k) {
  const Loop *l = fn_ins(g->f, v)->u.loop;
  const LoopPlan *p = g->plan[v];
  if (!p || k < l->ncarry) return k;
  return k == l->ncarry + l->ncollect ? plan_steps(p) : plan_collected(p, k - l->ncarry);
}

/* ---- the way back ---- */
static Val part_or_zero(Adjoint *g, Val v, int k) {
  Val bar = g->part_bar[v][k];
  DType t;
  Shape s;
  if (bar) return bar;
  ins_part(g->b->cx, fn_ins(g->f, v), k, &t, &s);
  return ir_const_f(g->b, t, &s, 0);
}

/* The running sum of a captured value goes on from what its adjoint is already, so that the order
 * of additions is the same however the loop is split. (Two operands may be one value.) */
static Val sum_so_far(Adjoint *g, Val v, int i, const Val *arg) {
  LoopPlan *p = g->plan[v];
  int first = p->l->counted + p->l->ncarry + p->l->nscan;
  const Val *outer = fn_ins(g->f, v)->arg + first;
  p->goes_on[i] = g->bar[outer[i]] != 0;
  for (int k = 0; k < i; k++) p->goes_on[i] &= outer[k] != outer[i];
  return p->goes_on[i] ? g->bar[outer[i]]
                       : ir_zeros_like(g->b, arg[p->l->ncarry + p->l->nscan + i]);
}

/* The operands of the reversed loop, as build_back laid out its inputs; those not kept are left
 * out. */
static int back_operands(Adjoint *g, Val v, const Val *args, Val *out) {
  const LoopPlan *p = g->plan[v];
  const Loop *l = p->l;
  Arena *a = g->b->cx->arena;
  int n = 0, total = 0, kept = 0;
  Val *all = NEWS(a, Val, 2 * l->body->in.n + l->body->out.n + p->nsaved + p->nslices + 4);
  if (l->cond) out[kept++] = ir_part(g->b, p->copy, plan_steps(p)); /* steps done */
  else if (l->counted) out[kept++] = args[0];
  const Val *arg = args + l->counted;
  for (int i = 0; i < l->ncarry; i++)
    if (p->carry[i]) all[total++] = part_or_zero(g, v, i);
  for (int i = 0; i < loop_captures(l); i++)
    if (p->capture[i]) all[total++] = sum_so_far(g, v, i, arg);
  for (int i = 0; i < p->nundo; i++) all[total++] = ir_part(g->b, p->copy, p->undo[i].carry);
  int adjoints = total;
  for (int i = 0; i < p->nsaved + p->nslices; i++)
    all[total++] = p->few ? 0 : ir_part(g->b, p->copy, plan_saved(p, i));
  for (int i = 0; i < l->nscan; i++) all[total++] = arg[l->ncarry + i];
  for (int i = 0; i < l->ncollect; i++)
    if (type_is_float((DType)loop_ins(l, l->body->out.at[l->ncarry + i].val)->type))
      all[total++] = part_or_zero(g, v, l->ncarry + i);
  for (int i = 0; i < loop_captures(l); i++) all[total++] = arg[l->ncarry + l->nscan + i];
  for (n = 0; n < total; n++) {
    for (int i = 0; p->few && n == adjoints && i < binomial_shelf(p->few); i++)
      out[kept++] = ir_part(g->b, p->copy, l->ncarry + i);
    if (p->keep[n + 1] && all[n]) out[kept++] = all[n];
  }
  return p->few ? kept + few_operands(g->b, p, args, out + kept) : kept;
}

/* ---- loops that run backwards and stop early ----
 * Of n steps such a loop does those with the indices n-1 .. n-done. Its adjoint runs forwards over
 * as many, from 0; offset = n - done is where the first of them belongs. */
typedef struct Shift {
  Builder *b;
  Val offset; /* i64 */
  Dim trip;
} Shift;

static Val places(const Shift *s) {
  Shape rows = {1, {s->trip}};
  return ir_map2(s->b, OP_add, ir_iota(s->b, T_I64, s->trip), ir_broadcast(s->b, s->offset, &rows));
}

/* Row i of the result is row i + offset; what lies beyond is not read. */
static Val rows_from_offset(const Shift *s, Val x) {
  Val at = places(s);
  return ir_gather(s->b, x, &at, (int32_t[]){0}, 1);
}

/* Back to their places; the rows of steps that were not done are 0. */
static Val rows_to_offset(const Shift *s, Val x) {
  Val at = places(s);
  Shape full = *ir_shape(s->b, x);
  return ir_scatter(s->b, x, &at, (int32_t[]){0}, 1, &full);
}

static Val number(Builder *b, Dim n) { return ir_size(b, T_I64, &(Shape){0}, n); }

static Shift shift_of(Adjoint *g, Val v, const Val *args) {
  const LoopPlan *p = g->plan[v];
  const Loop *l = p->l;
  Builder *b = g->b;
  Val n = number(b, l->trip), done = ir_part(b, p->copy, plan_steps(p));
  if (l->counted) n = ir_map2(b, OP_max, ir_map2(b, OP_min, args[0], n), number(b, 0));
  return (Shift){b, ir_map2(b, OP_sub, n, done), l->trip};
}

/* The body at index + offset, the offset being one more captured value. */
static Fn *shifted_body(const Fn *f) {
  Builder b = ir_begin(f->cx, f->name);
  Val *args = NEWS(f->cx->arena, Val, f->in.n + 1), *outs = NEWS(f->cx->arena, Val, f->out.n + 1);
  b.fn->span = f->span;
  for (int i = 0; i < f->in.n; i++) {
    const Input *in = &f->in.at[i];
    args[i] = ir_input(&b, in->name, in->type, &in->shape, in->role, in->span);
  }
  Val offset = ir_input(&b, name_of(f->cx, "offset"), T_I64, &(Shape){0}, ROLE_ARG, f->span);
  args[0] = ir_map2(&b, OP_add, args[0], offset);
  ir_inline(&b, f, args, outs);
  for (int i = 0; i < f->out.n; i++) ir_output(&b, f->out.at[i].name, outs[i]);
  return ir_finish(&b);
}

static int kept_between(const LoopPlan *p, int from, int n) {
  int kept = 0;
  for (int i = from; i < from + n; i++) kept += p->keep[i];
  return kept;
}

/* What the reversed loop found goes to what loop v was given. */
static void give_parts(Adjoint *g, Val v, Val loop, const Shift *shift) {
  const LoopPlan *p = g->plan[v];
  const Loop *l = p->l;
  const Val *outer = fn_ins(g->f, v)->arg + l->counted;
  int part = 0;
  for (int i = 0; i < l->ncarry; i++) part += p->carry[i];
  for (int i = 0; i < loop_captures(l); i++) {
    Val x = outer[l->ncarry + l->nscan + i];
    if (!p->capture[i]) continue;
    if (p->goes_on[i]) g->bar[x] = 0; /* it is in the sum */
    adjoint_give(g, x, ir_part(g->b, loop, part++));
  }
  part += p->nundo;
  if (p->few) part += binomial_shelf(p->few);
  for (int i = 0; i < l->nscan; i++)
    if (p->scan[i]) {
      Val d = ir_part(g->b, loop, part++);
      adjoint_give(g, outer[l->ncarry + i], shift ? rows_to_offset(shift, d) : d);
    }
  part = 0;
  for (int i = 0; i < l->ncarry; i++)
    if (p->carry[i]) {
      Val d = ir_part(g->b, loop, part++);
      if (g->active[outer[i]]) adjoint_give(g, outer[i], d);
    }
}

void adjoint_loop(Adjoint *g, Val v) {
  const LoopPlan *p = g->plan[v];
  const Ins *in = fn_ins(g->f, v);
  if (g->failed || !p || !p->back) return;
  const Loop *l = p->l;
  Arena *a = g->b->cx->arena;
  Val *args = NEWS(a, Val, in->nargs + 1),
      *operand = NEWS(a, Val, 4 * l->body->in.n + l->body->out.n + p->nsaved + p->nslices + 8);
  ir_map_args(in, g->to, args);
  g->b->span = in->span;
  int nargs = back_operands(g, v, args, operand), adjoints = plan_adjoints(p), nscan = 0,
      nfloat = 0;
  for (int i = 0; i < l->nscan; i++) nscan += p->scan[i];
  for (int i = 0; i < l->ncollect; i++)
    nfloat += type_is_float((DType)loop_ins(l, l->body->out.at[l->ncarry + i].val)->type);
  int shelf = p->few ? binomial_shelf(p->few) : 0;
  Loop back = {.body = p->few ? few_body(g->b->cx, p) : p->back,
               .trip = l->trip,
               .ncarry = adjoints + shelf,
               .ncollect = nscan,
               .reverse = !l->reverse,
               .counted = l->counted || l->cond,
               .nscan = kept_between(p, 1 + adjoints, p->nsaved + p->nslices + l->nscan + nfloat)};
  if (p->few) back.nscan -= p->nsaved;
  bool shifted = l->reverse && l->cond;
  Shift shift = {0};
  if (shifted) {
    shift = shift_of(g, v, args);
    int first = 1 + back.ncarry; /* the count, what is carried */
    for (int i = first; i < first + back.nscan; i++)
      operand[i] = rows_from_offset(&shift, operand[i]);
    operand[nargs++] = shift.offset;
    back.body = shifted_body(back.body);
  }
  Val loop = ir_loop(g->b, &back, operand, nargs);
  give_parts(g, v, loop, shifted ? &shift : NULL);
}

/* ---- branches ---- */
/* The adjoint of one body: inputs as it, then the cotangents of its float outputs. */
static Fn *back_body(Adjoint *g, const Fn *f, const bool *wrt, bool guarded) {
  Walk w = walk_begin(f);
  Arena *a = f->cx->arena;
  Val *args = NEWS(a, Val, f->in.n + 1), *seed = NEWS(a, Val, f->out.n + 1),
      *value = NEWS(a, Val, f->out.n + 1);
  Val *derived = NEWS(a, Val, f->in.n + 1);
  for (int i = 0; i < f->in.n; i++) args[i] = w.to[f->in.at[i].val];
  for (int i = 0, n = 0; i < f->out.n; i++) {
    const Ins *y = fn_ins(f, f->out.at[i].val);
    if (type_is_float((DType)y->type))
      seed[n++] = ir_input(&w.b, name_fmt(f->cx, "d_%s", y->hint ? y->hint : "y"), (DType)y->type,
                           &y->shape, ROLE_ARG, y->span);
  }
  AdjointOf of = {.f = f, .wrt = wrt, .args = args, .seeds = seed, .guarded = guarded};
  if (!adjoint_with(&w.b, &of, value, derived)) {
    g->failed = true;
    return NULL;
  }
  for (int i = 0, n = 0; i < f->in.n; i++)
    if (wrt[i]) ir_output(&w.b, NULL, derived[n++]);
  return ir_finish(&w.b);
}

void adjoint_branch(Adjoint *g, Val v) {
  const Ins *in = fn_ins(g->f, v);
  const Branch *br = in->u.branch;
  Arena *a = g->b->cx->arena;
  int n = in->nargs - 1, total = n;
  bool *wrt = NEWS(a, bool, n + 1);
  for (int i = 0; i < n; i++) wrt[i] = g->active[in->arg[i + 1]];
  bool guarded = adjoint_is_guarded(g, v);
  Fn *then = back_body(g, br->then, wrt, guarded), *other = back_body(g, br->other, wrt, guarded);
  if (!then || !other) return;
  Val *args = NEWS(a, Val, in->nargs + br->then->out.n + 1);
  ir_map_args(in, g->to, args);
  for (int i = 0; i < br->then->out.n; i++)
    if (type_is_float((DType)fn_ins(br->then, br->then->out.at[i].val)->type))
      args[1 + total++] = part_or_zero(g, v, i);
  g->b->span = in->span;
  Val back = ir_branch(g->b, then, other, args[0], args + 1, total);
  for (int i = 0, k = 0; i < n; i++)
    if (wrt[i]) adjoint_give(g, in->arg[i + 1], ir_part(g->b, back, k++));
}
