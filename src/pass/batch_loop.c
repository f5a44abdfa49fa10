/* batch_loop.c: loops and branches over more axes.
 *
 * A loop stays one loop. Where its count or its condition differs between the elements (lanes), it
 * goes on while any of them does, and those that are done keep their values:
 *
 *   act   = going and i < count and cond(i, carried)      per lane
 *   carry = if act then body's else carry                 going = going and (i >= count or cond)
 *
 * Loops that run backwards come the same way: lanes with a smaller count join in later.
 * A branch whose condition is mapped computes both sides and chooses. */
#include "pass/batch.h"

typedef struct Lanes { /* a loop being batched */
  Batch *g;
  const Ins *in;
  const Loop *l;
  bool *inputs;      /* of the body: mapped? */
  bool lanes, count; /* lanes are done at different times; by their counts */
  int ncapture;
  Builder b;               /* of the new body */
  Val going, steps, limit; /* its inputs where lanes differ; 0: none */
} Lanes;

static Shape wide_shape(const Lanes *x, const Shape *s, bool mapped) {
  return mapped ? shape_join(x->g->b->cx, &x->g->lead, s) : *s;
}

/* ---- which values are mapped ---- */
static void find_mapped(Lanes *x, const bool *operand) {
  const Loop *l = x->l;
  bool *outs = NEWS(x->g->b->cx->arena, bool, l->body->out.n + 1), more = true;
  x->count = l->counted && operand[0];
  for (int i = 1; i < l->body->in.n; i++) x->inputs[i] = operand[l->counted + i - 1];
  while (more) {
    more = false;
    x->lanes = batch_lanes(l, x->inputs, x->count);
    batch_flags(l->body, x->inputs, outs);
    for (int k = 0; k < l->ncarry; k++) {
      bool now = x->inputs[1 + k] || outs[k] || x->lanes;
      more |= now != x->inputs[1 + k];
      x->inputs[1 + k] = now;
    }
  }
}

/* ---- inputs of the body or of the condition ---- */
static Val new_input(Builder *b, const Lanes *x, int i) {
  const Input *in = &x->l->body->in.at[i];
  Shape s = wide_shape(x, &in->shape, x->inputs[i]);
  return ir_input(b, in->name, in->type, &s, ROLE_ARG, in->span);
}

static Val lane_input(Builder *b, const Lanes *x, const char *name, DType t) {
  return ir_input(b, name_of(b->cx, name), t, &x->g->lead, ROLE_ARG, x->in->span);
}

/* In the order of a loop's inputs; slices only where it is the body. arg: per input of the old
 * body. */
static void make_inputs(Builder *b, Lanes *x, bool slices, Val *arg) {
  const Loop *l = x->l;
  int carry = 1 + l->ncarry, scan = carry + l->nscan;
  for (int i = 0; i < carry; i++) arg[i] = new_input(b, x, i);
  x->going = x->lanes && l->cond ? lane_input(b, x, "going", T_BOOL) : 0;
  x->steps = x->lanes && l->cond ? lane_input(b, x, "steps", T_I64) : 0;
  for (int i = carry; i < scan && slices; i++) arg[i] = new_input(b, x, i);
  for (int i = scan; i < l->body->in.n; i++) arg[i] = new_input(b, x, i);
  x->limit = x->count ? lane_input(b, x, "limit", T_I64) : 0;
}

/* i < limit, per lane. */
static Val in_range(Builder *b, const Lanes *x, Val index) {
  return ir_map2(b, OP_lt, batch_lift(b, &x->g->lead, index, false), x->limit);
}

static Val both(Builder *b, Val x, Val y) { return !x ? y : !y ? x : ir_map2(b, OP_and, x, y); }

/* The old condition per lane; arg are the inputs of the body. */
static bool lane_condition(Builder *b, const Lanes *x, const Val *arg, Val *out) {
  const Fn *cond = x->l->cond;
  Arena *a = b->cx->arena;
  Val *in = NEWS(a, Val, cond->in.n + 1);
  bool *mapped = NEWS(a, bool, cond->in.n + 1);
  for (int i = 0; i < cond->in.n; i++) {
    int k = i <= x->l->ncarry ? i : i + x->l->nscan;
    in[i] = arg[k];
    mapped[i] = x->inputs[k];
  }
  return batch_into(b, cond, &x->g->lead, true, mapped, in, out, NULL);
}

/* ---- the body ---- */
static Val choose(Builder *b, const Lanes *x, Val act, Val yes, Val no) {
  int32_t at[IR_MAX_RANK];
  Shape s = *ir_shape(b, yes);
  for (int k = 0; k < x->g->lead.rank; k++) at[k] = k;
  return ir_map3(b, OP_select, ir_spread(b, act, &s, at), yes, no);
}

/* The lanes that do this step. *going: those that may do more. */
static bool acting(Lanes *x, const Val *arg, Val *act, Val *going) {
  Builder *b = &x->b;
  Val cond = 0, inside = x->limit ? in_range(b, x, arg[0]) : 0;
  if (x->l->cond && !lane_condition(b, x, arg, &cond)) return false;
  *act = both(b, both(b, x->going, inside), cond);
  if (!x->going) return true;
  *going = inside ? ir_map2(b, OP_or, cond, ir_map1(b, OP_not, inside)) : cond;
  *going = ir_map2(b, OP_and, x->going, *going);
  return true;
}

static Fn *build_body(Lanes *x, bool *collected) {
  const Loop *l = x->l;
  const Fn *f = l->body;
  Arena *a = f->cx->arena;
  Builder *b = &x->b;
  *b = ir_begin(f->cx, f->name);
  b->span = b->fn->span = f->span;
  Val *arg = NEWS(a, Val, f->in.n + 1), *outs = NEWS(a, Val, f->out.n + 1), act = 0, going = 0;
  bool *mapped = NEWS(a, bool, f->out.n + 1);
  make_inputs(b, x, true, arg);
  bool guarded = x->lanes || x->g->guarded; /* those that are done compute, too */
  if (!batch_into(b, f, &x->g->lead, guarded, x->inputs, arg, outs, mapped)) return NULL;
  if (x->lanes && !acting(x, arg, &act, &going)) return NULL;
  for (int k = 0; k < f->out.n; k++) {
    bool carried = k < l->ncarry;
    if (x->lanes || (carried && x->inputs[1 + k]))
      outs[k] = batch_lift(b, &x->g->lead, outs[k], mapped[k]), mapped[k] = true;
    if (x->lanes)
      outs[k] = choose(b, x, act, outs[k], carried ? arg[1 + k] : ir_zeros_like(b, outs[k]));
    if (k == l->ncarry && going) {
      ir_output(b, NULL, going);
      ir_output(b, NULL, ir_map2(b, OP_add, x->steps, ir_cast(b, T_I64, act)));
    }
    ir_output(b, f->out.at[k].name, outs[k]);
    if (!carried) collected[k - l->ncarry] = mapped[k];
  }
  if (f->out.n == l->ncarry && going) {
    ir_output(b, NULL, going);
    ir_output(b, NULL, ir_map2(b, OP_add, x->steps, ir_cast(b, T_I64, act)));
  }
  return ir_finish(b);
}

/* Whether any lane goes on. */
static Fn *build_cond(Lanes *x) {
  const Loop *l = x->l;
  Builder b = ir_begin(l->cond->cx, l->cond->name);
  b.span = b.fn->span = l->cond->span;
  Val *arg = NEWS(b.cx->arena, Val, l->body->in.n + 1), cond;
  bool mapped = false;
  make_inputs(&b, x, false, arg);
  if (x->lanes) {
    if (!lane_condition(&b, x, arg, &cond)) return NULL;
    if (x->limit) { /* a lane that joins later */
      Val later = ir_map1(&b, OP_not, in_range(&b, x, arg[0]));
      if (l->reverse) cond = ir_map2(&b, OP_or, cond, later);
      else cond = ir_map2(&b, OP_and, cond, ir_map1(&b, OP_not, later));
    }
    cond = ir_fold(&b, OP_amax, ir_map2(&b, OP_and, x->going, cond), (1u << x->g->lead.rank) - 1);
  } else {
    Val *in = NEWS(b.cx->arena, Val, l->cond->in.n + 1);
    bool *flags = NEWS(b.cx->arena, bool, l->cond->in.n + 1);
    for (int i = 0; i < l->cond->in.n; i++) in[i] = arg[i <= l->ncarry ? i : i + l->nscan];
    if (!batch_into(&b, l->cond, &x->g->lead, x->g->guarded, flags, in, &cond, &mapped))
      return NULL;
  }
  ir_output(&b, NULL, cond);
  return ir_finish(&b);
}

/* ---- operands and results ---- */
/* Axis n, which is the trip, in front of the n axes of the lead; and back. */
static Val trip_first(Builder *b, Val x, int n) {
  int32_t perm[IR_MAX_RANK];
  int rank = ir_shape(b, x)->rank;
  for (int i = 0; i < rank; i++) perm[i] = i == 0 ? n : i <= n ? i - 1 : i;
  return ir_permute(b, x, perm);
}

static Val lead_first(Builder *b, Val x, int n) {
  int32_t perm[IR_MAX_RANK];
  int rank = ir_shape(b, x)->rank;
  for (int i = 0; i < rank; i++) perm[i] = i < n ? i + 1 : i == n ? 0 : i;
  return ir_permute(b, x, perm);
}

static int operands(Lanes *x, const Val *args, const bool *mapped, Val *out) {
  const Loop *l = x->l;
  Builder *b = x->g->b;
  const Shape *lead = &x->g->lead;
  int n = 0, carry = l->counted + l->ncarry, scan = carry + l->nscan;
  uint32_t all = (1u << lead->rank) - 1;
  if (l->counted) out[n++] = x->count ? ir_fold(b, OP_amax, args[0], all) : args[0];
  for (int k = l->counted; k < carry; k++)
    out[n++] = x->inputs[1 + k - l->counted] ? batch_lift(b, lead, args[k], mapped[k]) : args[k];
  if (x->lanes && l->cond) {
    out[n++] = ir_const_i(b, T_BOOL, lead, 1);
    out[n++] = ir_const_i(b, T_I64, lead, 0);
  }
  for (int k = carry; k < scan; k++)
    out[n++] = mapped[k] ? trip_first(b, args[k], lead->rank) : args[k];
  for (int k = scan; k < x->in->nargs; k++) out[n++] = args[k];
  if (x->count) out[n++] = args[0];
  return n;
}

static void results(Lanes *x, Val loop, const bool *collected, BatchParts *parts) {
  const Loop *l = x->l;
  Builder *b = x->g->b;
  int more = x->lanes && l->cond ? 2 : 0;
  for (int k = 0; k < l->ncarry; k++) {
    parts->val[k] = ir_part(b, loop, k);
    parts->mapped[k] = x->inputs[1 + k];
  }
  for (int k = 0; k < l->ncollect; k++) {
    Val y = ir_part(b, loop, l->ncarry + more + k);
    parts->val[l->ncarry + k] = collected[k] ? lead_first(b, y, x->g->lead.rank) : y;
    parts->mapped[l->ncarry + k] = collected[k];
  }
  if (!l->cond) return;
  int count = l->ncarry + l->ncollect;
  parts->val[count] = ir_part(b, loop, x->lanes ? l->ncarry + 1 : count);
  parts->mapped[count] = x->lanes;
}

void batch_loop(Batch *g, const Ins *in, const Val *args, const bool *mapped, BatchParts *parts) {
  const Loop *l = in->u.loop;
  Arena *a = g->b->cx->arena;
  Lanes x = {.g = g, .in = in, .l = l, .inputs = NEWS(a, bool, l->body->in.n + 1)};
  bool *collected = NEWS(a, bool, l->ncollect + 1);
  find_mapped(&x, mapped);
  Loop wide = *l;
  wide.body = build_body(&x, collected);
  if (l->cond && wide.body) wide.cond = build_cond(&x);
  if (!wide.body || (l->cond && !wide.cond)) {
    g->failed = true;
    return;
  }
  if (x.lanes && l->cond) wide.ncarry += 2;
  Val *operand = NEWS(a, Val, in->nargs + 5);
  int n = operands(&x, args, mapped, operand);
  g->b->span = in->span;
  results(&x, ir_loop(g->b, &wide, operand, n), collected, parts);
}

/* ---- branches ---- */
/* Both sides, and a choice per element. */
static void branch_by_choice(Batch *g, const Ins *in, const Val *args, const bool *mapped,
                             BatchParts *parts) {
  Arena *a = g->b->cx->arena;
  const Fn *side[] = {in->u.branch->then, in->u.branch->other};
  int n = side[0]->out.n;
  Val *out[2];
  int32_t at[IR_MAX_RANK];
  for (int k = 0; k < g->lead.rank; k++) at[k] = k;
  for (int s = 0; s < 2; s++) {
    out[s] = NEWS(a, Val, n + 1);
    if (!batch_into(g->b, side[s], &g->lead, true, mapped + 1, args + 1, out[s], NULL)) {
      g->failed = true;
      return;
    }
  }
  for (int k = 0; k < n; k++) {
    Shape s = *ir_shape(g->b, out[0][k]);
    parts->val[k] =
        ir_map3(g->b, OP_select, ir_spread(g->b, args[0], &s, at), out[0][k], out[1][k]);
    parts->mapped[k] = true;
  }
}

void batch_branch(Batch *g, const Ins *in, const Val *args, const bool *mapped, BatchParts *parts) {
  const Branch *br = in->u.branch;
  if (mapped[0]) {
    branch_by_choice(g, in, args, mapped, parts);
    return;
  }
  int n = br->then->out.n;
  bool *all = NEWS(g->b->cx->arena, bool, n + 1);
  for (int k = 0; k < n; k++) all[k] = true;
  Fn *then = batch_fn(br->then, &g->lead, g->guarded, mapped + 1, all, NULL);
  Fn *other = batch_fn(br->other, &g->lead, g->guarded, mapped + 1, all, NULL);
  if (!then || !other) {
    g->failed = true;
    return;
  }
  Val bundle = ir_branch(g->b, then, other, args[0], args + 1, in->nargs - 1);
  for (int k = 0; k < n; k++) parts->val[k] = ir_part(g->b, bundle, k), parts->mapped[k] = true;
}
