/* hoist.c: work leaves loops. In: a function. Out: an equal one (up to the order of sums), where
 *
 *   what is the same in every iteration is computed before the loop, once;
 *   a contraction of slices with what doesn't change (x[t] @ W) is one contraction of the whole
 * tensor before the loop, whose slices the loop reads; a contraction that no later iteration waits
 * for (h @ Wo collected; dW += a' b) is one contraction after the loop, over operands the loop
 * collects (hoist_after.c).
 *
 * Many small contractions become few large ones: that is where recurrent networks win. What has to
 * be kept for all iterations must not take more than `most` bytes each. needs: no vjp/jvp   keeps:
 * values up to the order of sums   breaks: nothing */
#include "pass/hoist.h"

enum {
  FEW_ROWS = 256,     /* a contraction with as many rows a step gains nothing from more */
  TINY_FLOPS = 20000, /* a call costs as much as this */
  WORTH_STORING = 6   /* operators: cheaper values are computed where they are wanted */
};

bool hoist_all_run(const Hoist *h) { return !h->l->counted && !h->l->cond; }

int hoist_scan(const Hoist *h, Val v) {
  const Ins *in = hoist_ins(h, v);
  int i = in->op == OP_arg ? (int)in->u.i - 1 - h->l->ncarry : -1;
  return i >= 0 && i < h->l->nscan ? i : -1;
}

double hoist_wide_bytes(const Hoist *h, Val v) {
  return ins_bytes(h->b->cx, hoist_ins(h, v)) * dim_estimate(h->b->cx, h->l->trip);
}

/* ---- when values are known ---- */
static Known input_known(const Hoist *h, int i) {
  if (i == 0) return KNOWN_STEPS;
  if (i <= h->l->ncarry) return KNOWN_INSIDE;
  return i <= h->l->ncarry + h->l->nscan ? KNOWN_STEPS : KNOWN_ALWAYS;
}

static void find_known(Hoist *h) {
  for (Val v = 1; v < h->f->ins.n; v++) {
    const Ins *in = hoist_ins(h, v);
    if (in->op == OP_arg) h->known[v] = input_known(h, (int)in->u.i);
    for (int k = 0; k < in->nargs; k++) h->known[v] = MAX(h->known[v], h->known[in->arg[k]]);
    if (h->known[v] == KNOWN_STEPS && in->op != OP_arg && !ins_widens(h->f, in))
      h->known[v] = KNOWN_INSIDE;
  }
}

/* ---- values outside ---- */
static Val input_outside(Hoist *h, int i) {
  if (i == 0) return ir_iota(h->b, T_I64, h->l->trip);
  if (i <= h->l->ncarry) cx_bug(h->b->cx, "a carried value outside of its loop");
  return h->arg[i - 1];
}

Val hoist_outside(Hoist *h, Val v) {
  const Ins *in = hoist_ins(h, v);
  if (h->outside[v]) return h->outside[v];
  if (in->op == OP_arg) return h->outside[v] = input_outside(h, (int)in->u.i);
  Val *arg = NEWS(h->b->cx->arena, Val, in->nargs + 1);
  bool *wide = NEWS(h->b->cx->arena, bool, in->nargs + 1), any = false;
  for (int k = 0; k < in->nargs; k++) {
    arg[k] = hoist_outside(h, in->arg[k]);
    any |= wide[k] = h->known[in->arg[k]] != KNOWN_ALWAYS;
  }
  return h->outside[v] = any ? widen_ins(h->b, in, arg, wide, h->l->trip) : ir_copy(h->b, in, arg);
}

/* ---- what is computed before ---- */
/* Multiplications of one step, and the result's elements that the other operand, which changes
 * from step to step, gives: the rows. */
bool hoist_is_worth(const Hoist *h, Val v) {
  const Ins *in = hoist_ins(h, v);
  Cx *cx = h->b->cx;
  const Contract *c = in->u.contract;
  double all = 1, rows = 1;
  bool fixed[2];
  for (int k = 0; k < 2; k++) fixed[k] = h->known[in->arg[k]] == KNOWN_ALWAYS;
  for (int k = 0; k < 2; k++) {
    const Shape *s = &hoist_ins(h, in->arg[k])->shape;
    const uint8_t *own = k ? c->b : c->a, *first = c->a;
    int nfirst = hoist_ins(h, in->arg[0])->shape.rank;
    for (int d = 0; d < s->rank; d++) {
      bool seen = false, out = false;
      for (int e = 0; k && e < nfirst; e++) seen |= first[e] == own[d];
      for (int e = 0; e < c->nout; e++) out |= c->out[e] == own[d];
      if (!seen) all *= dim_estimate(cx, s->dim[d]);
      if (out && !fixed[k]) rows *= dim_estimate(cx, s->dim[d]);
    }
  }
  if (2 * all < TINY_FLOPS) return true;
  return (fixed[0] || fixed[1]) && rows < FEW_ROWS;
}

static double own_cost(const Ins *in) {
  return op_kind((Op)in->op) == KIND_MAP ? op_weight((Op)in->op) : 0;
}

static bool is_view(const Ins *in) { return in->op == OP_view || in->op == OP_reshape; }

/* Values that don't change and are worth storing; below: the largest of such operands' sizes. */
static void lift_fixed(Hoist *h, double *cost) {
  Cx *cx = h->b->cx;
  for (Val v = 1; v < h->f->ins.n; v++) {
    const Ins *in = hoist_ins(h, v);
    OpKind kind = op_kind((Op)in->op);
    if (h->known[v] != KNOWN_ALWAYS || kind == KIND_LEAF) {
      h->lift[v] = in->op == OP_part && h->known[v] == KNOWN_ALWAYS;
      continue;
    }
    double below = 0;
    bool stored = false;
    cost[v] = own_cost(in);
    for (int k = 0; k < in->nargs; k++) {
      Val a = in->arg[k];
      while (is_view(hoist_ins(h, a))) a = hoist_ins(h, a)->arg[0];
      if (h->lift[a])
        stored = true, below = MAX(below, shape_estimate(cx, &hoist_ins(h, a)->shape));
      else cost[v] += cost[in->arg[k]];
    }
    double size = shape_estimate(cx, &in->shape);
    bool heavy = kind == KIND_DOT || kind == KIND_FOLD || kind == KIND_LOOP ||
                 in->op == OP_scatter || in->op == OP_gather;
    bool rises = stored && size <= below;
    h->lift[v] = !is_view(in) && (heavy || rises || cost[v] >= WORTH_STORING ||
                                  (in->shape.rank == 0 && cost[v] > 0));
  }
}

static void lift_steps(Hoist *h) {
  for (Val v = 1; v < h->f->ins.n; v++) {
    const Ins *in = hoist_ins(h, v);
    if (h->known[v] != KNOWN_STEPS || in->op == OP_arg || hoist_wide_bytes(h, v) > h->most)
      continue;
    bool lift = in->op == OP_contract && hoist_is_worth(h, v);
    double size = shape_estimate(h->b->cx, &in->shape), below = 0;
    for (int k = 0; k < in->nargs && !lift; k++)
      if (h->lift[in->arg[k]] && h->known[in->arg[k]] == KNOWN_STEPS)
        below = MAX(below, shape_estimate(h->b->cx, &hoist_ins(h, in->arg[k])->shape));
    h->lift[v] = lift || size <= below;
  }
}

/* Lifted values that something inside still asks for. */
static void find_feeds(Hoist *h) {
  for (Val v = 1; v < h->f->ins.n; v++) {
    const Ins *in = hoist_ins(h, v);
    for (int k = 0; k < in->nargs && !h->lift[v] && !h->later[v]; k++)
      h->feed[in->arg[k]] = h->lift[in->arg[k]];
  }
  for (int i = 0; i < h->f->out.n; i++) {
    Val v = h->f->out.at[i].val;
    if (i < h->l->ncarry || !hoist_all_run(h) || h->known[v] == KNOWN_ALWAYS)
      h->feed[v] = h->lift[v];
  }
  for (Val v = 1; v < h->f->ins.n; v++)
    if (h->collect[v] && h->lift[v]) h->collect[v] = false; /* it is outside already */
}

/* ---- the loop that remains ---- */
typedef struct Rest {
  Hoist *h;
  Builder b;
  Val *to;
  Loop l;
  Vec(Val) operand;
  Vec(Val) scan, capture;         /* operands outside */
  int *carry_part, *collect_part; /* number of the new part, or -1 */
} Rest;

static Val rest_input(Rest *r, Name name, const Ins *like) {
  return ir_input(&r->b, name, (DType)like->type, &like->shape, ROLE_ARG, like->span);
}

static bool carry_goes(const Hoist *h, int i) {
  const Sum *s = &h->sum[i];
  if (!s->holds) return false;
  for (int k = 0; k < s->addend.n; k++)
    if (!h->later[s->addend.at[k].v]) return false;
  return true;
}

static void old_input(Rest *r, int i) {
  const Input *in = &r->h->f->in.at[i];
  r->to[in->val] = rest_input(r, in->name, hoist_ins(r->h, in->val));
}

static void rest_inputs(Rest *r) {
  Hoist *h = r->h;
  const Loop *l = h->l;
  old_input(r, 0);
  for (int i = 0; i < l->ncarry; i++) {
    if (carry_goes(h, i)) continue;
    old_input(r, 1 + i);
    vec_push(h->b->cx->arena, &r->operand, h->arg[i]);
    r->l.ncarry++;
  }
  for (int part = 0; part < 2;
       part++) { /* slices, then captured values: the old ones, then the new */
    int from = 1 + l->ncarry + (part ? l->nscan : 0), n = part ? h->ncapture : l->nscan;
    for (int i = from; i < from + n; i++) {
      old_input(r, i);
      vec_push(h->b->cx->arena, &r->operand, h->arg[i - 1]);
    }
    for (Val v = 1; v < h->f->ins.n; v++) {
      const Ins *in = hoist_ins(h, v);
      if (!h->feed[v] || (h->known[v] == KNOWN_ALWAYS) != (part == 1) || in->type == T_BUNDLE)
        continue;
      r->to[v] = rest_input(r, in->hint ? in->hint : name_of(h->b->cx, "v"), in);
      vec_push(h->b->cx->arena, &r->operand, hoist_outside(h, v));
      n++;
    }
    if (part == 0) r->l.nscan = n;
  }
}

static void rest_values(Rest *r) {
  const Hoist *h = r->h;
  for (Val v = 1; v < h->f->ins.n; v++) {
    const Ins *in = hoist_ins(h, v);
    if (in->op == OP_arg || r->to[v] || h->later[v]) continue;
    Val *arg = NEWS(h->b->cx->arena, Val, in->nargs + 1);
    bool known = true;
    for (int k = 0; k < in->nargs; k++) known &= (arg[k] = r->to[in->arg[k]]) != 0;
    if (known) r->to[v] = ir_copy(&r->b, in, arg); /* else it hangs on a sum that is made later */
  }
}

/* The carried value plus those addends that stay. */
static Val partial_sum(Rest *r, int i) {
  const Hoist *h = r->h;
  Val acc = r->to[h->f->in.at[1 + i].val];
  for (int k = 0; k < h->sum[i].addend.n; k++) {
    Addend a = h->sum[i].addend.at[k];
    if (!h->later[a.v]) acc = ir_map2(&r->b, a.minus ? OP_sub : OP_add, acc, r->to[a.v]);
  }
  return acc;
}

static bool sum_is_split(const Hoist *h, int i) {
  const Sum *s = &h->sum[i];
  for (int k = 0; s->holds && k < s->addend.n; k++)
    if (h->later[s->addend.at[k].v]) return true;
  return false;
}

static void rest_outputs(Rest *r, int *collected) {
  Hoist *h = r->h;
  const Loop *l = h->l;
  int n = 0;
  for (int i = 0; i < l->ncarry; i++) {
    r->carry_part[i] = -1;
    if (carry_goes(h, i)) continue;
    Val v = sum_is_split(h, i) ? partial_sum(r, i) : r->to[h->f->out.at[i].val];
    ir_output(&r->b, h->f->out.at[i].name, v);
    r->carry_part[i] = n++;
  }
  for (int i = 0; i < l->ncollect; i++) {
    Val v = h->f->out.at[l->ncarry + i].val;
    bool gone = h->later[v] || (h->lift[v] && hoist_all_run(h) && h->known[v] == KNOWN_STEPS);
    r->collect_part[i] = -1;
    if (gone) continue;
    ir_output(&r->b, h->f->out.at[l->ncarry + i].name, r->to[v]);
    r->collect_part[i] = n++;
    collected[v] = r->collect_part[i] + 1;
  }
  for (Val v = 1; v < h->f->ins.n; v++) {
    if (!h->collect[v] || collected[v]) continue;
    ir_output(&r->b, hoist_ins(h, v)->hint, r->to[v]);
    collected[v] = ++n;
  }
  r->l.ncollect = n - r->l.ncarry;
}

/* The condition over the longer list of captured values. */
static Fn *wider_cond(Rest *r) {
  const Hoist *h = r->h;
  const Fn *c = h->l->cond;
  Builder b = ir_begin(c->cx, c->name);
  Val *arg = NEWS(c->cx->arena, Val, c->in.n + 1), out;
  for (int i = 0; i < c->in.n; i++) {
    const Input *in = &c->in.at[i];
    arg[i] = ir_input(&b, in->name, in->type, &in->shape, in->role, in->span);
  }
  for (int i = 1 + r->l.ncarry + r->l.nscan + h->ncapture; i < r->b.fn->in.n; i++) {
    const Input *in = &r->b.fn->in.at[i];
    ir_input(&b, in->name, in->type, &in->shape, in->role, in->span);
  }
  ir_inline(&b, c, arg, &out);
  ir_output(&b, NULL, out);
  return ir_finish(&b);
}

/* Slices and captured values that nobody reads any more go, with their operands. */
static void drop_inputs(Rest *r) {
  Cx *cx = r->h->b->cx;
  int lead = 1 + r->l.ncarry, scans = r->l.nscan, n = 0;
  bool *keep = NEWS(cx->arena, bool, r->l.body->in.n + 1);
  for (int i = 0; i < r->l.body->in.n; i++) {
    keep[i] = i < lead || fn_uses_input(r->l.body, i);
    if (!keep[i] && i < lead + scans) r->l.nscan--;
    if (i > 0 && keep[i]) r->operand.at[n++] = r->operand.at[i - 1];
  }
  r->operand.n = n;
  r->l.body = fn_keep_inputs(r->l.body, keep);
}

static Val build_rest(Hoist *h, Rest *r, int *collected) {
  Cx *cx = h->b->cx;
  rest_inputs(r);
  rest_values(r);
  rest_outputs(r, collected);
  if (h->l->cond) r->l.cond = wider_cond(r);
  r->l.body = ir_finish(&r->b);
  if (!h->l->cond) drop_inputs(r);
  if (r->l.body->out.n == 0) return 0;
  Val *args = NEWS(cx->arena, Val, r->operand.n + 2);
  int n = 0;
  if (h->l->counted) args[n++] = h->count;
  for (int i = 0; i < r->operand.n; i++) args[n++] = r->operand.at[i];
  return ir_loop(h->b, &r->l, args, n);
}

static void take_parts(Hoist *h, const Rest *r, Val loop) {
  const Loop *l = h->l;
  for (int i = 0; i < l->ncarry; i++) {
    Val v = r->carry_part[i] < 0 ? h->arg[i] : ir_part(h->b, loop, r->carry_part[i]);
    for (int k = 0; h->sum[i].holds && k < h->sum[i].addend.n; k++) {
      Addend a = h->sum[i].addend.at[k];
      if (h->later[a.v]) v = ir_map2(h->b, a.minus ? OP_sub : OP_add, v, hoist_sum_outside(h, a.v));
    }
    ir_name(h->b, v, h->f->in.at[1 + i].name);
    h->part[i] = v;
  }
  for (int i = 0; i < l->ncollect; i++) {
    Val v = h->f->out.at[l->ncarry + i].val;
    h->part[l->ncarry + i] =
        r->collect_part[i] < 0 ? hoist_outside(h, v) : ir_part(h->b, loop, r->collect_part[i]);
  }
  if (l->cond) h->part[l->ncarry + l->ncollect] = ir_part(h->b, loop, r->l.ncarry + r->l.ncollect);
}

static void split_loop(Hoist *h) {
  Cx *cx = h->b->cx;
  Rest r = {.h = h,
            .b = ir_begin(cx, h->f->name),
            .to = NEWS(cx->arena, Val, h->f->ins.n),
            .l = *h->l,
            .carry_part = NEWS(cx->arena, int, h->l->ncarry + 1),
            .collect_part = NEWS(cx->arena, int, h->l->ncollect + 1)};
  r.b.fn->span = h->f->span;
  r.l.ncarry = r.l.nscan = r.l.ncollect = 0;
  int *collected = NEWS(cx->arena, int, h->f->ins.n);
  Val loop = build_rest(h, &r, collected);
  for (Val v = 1; v < h->f->ins.n; v++)
    if (collected[v] && h->collect[v]) h->outside[v] = ir_part(h->b, loop, collected[v] - 1);
  take_parts(h, &r, loop);
}

/* ---- the pass ---- */
typedef struct Hoisting {
  Walk w;
  Val **part; /* per old loop that was split: its parts */
  double most;
} Hoisting;

static bool anything(const Hoist *h) {
  for (Val v = 1; v < h->f->ins.n; v++)
    if (h->feed[v] || h->later[v] || h->lift[v]) return true;
  return false;
}

/* Handles loop v of the old function, whose body is `body` by now. False: nothing leaves it. */
static bool hoist_loop(Hoisting *x, Val v, Loop *l, const Val *args) {
  Cx *cx = x->w.b.cx;
  Arena *a = cx->arena;
  const Fn *f = l->body;
  if (dim_is_number(l->trip) && l->trip <= 1) return false;
  Hoist h = {.b = &x->w.b,
             .l = l,
             .f = f,
             .arg = args + l->counted,
             .count = l->counted ? args[0] : 0,
             .ncapture = f->in.n - 1 - l->ncarry - l->nscan,
             .most = x->most,
             .known = NEWS(a, Known, f->ins.n),
             .lift = NEWS(a, bool, f->ins.n),
             .feed = NEWS(a, bool, f->ins.n),
             .later = NEWS(a, bool, f->ins.n),
             .collect = NEWS(a, bool, f->ins.n),
             .outside = NEWS(a, Val, f->ins.n),
             .sum = NEWS(a, Sum, l->ncarry + 1),
             .part = NEWS(a, Val, l->ncarry + l->ncollect + 2)};
  find_known(&h);
  lift_fixed(&h, NEWS(a, double, f->ins.n));
  if (hoist_all_run(&h)) {
    lift_steps(&h);
    hoist_choose_after(&h);
  }
  find_feeds(&h);
  if (!anything(&h)) return false;
  split_loop(&h);
  x->part[v] = h.part;
  return true;
}

typedef struct BodyPass {
  double most;
} BodyPass;
static Fn *hoist_body(const Fn *f, void *arg) { return pass_hoist(f, ((BodyPass *)arg)->most); }

static void hoist_ins_of(Hoisting *x, Val v) {
  const Ins *in = fn_ins(x->w.f, v);
  BodyPass body = {x->most};
  if (in->op != OP_loop) {
    x->w.to[v] = walk_copy_bodies(&x->w, in, hoist_body, &body);
    return;
  }
  Loop l = *in->u.loop;
  l.body = pass_hoist(l.body, x->most);
  Val *args = walk_args(&x->w, in);
  x->w.b.span = in->span;
  if (!hoist_loop(x, v, &l, args)) x->w.to[v] = ir_loop(&x->w.b, &l, args, in->nargs);
}

static bool has_loop(const Fn *f) {
  for (Val v = 1; v < f->ins.n; v++)
    if (fn_ins(f, v)->op == OP_loop || fn_ins(f, v)->op == OP_branch) return true;
  return false;
}

Fn *pass_hoist(const Fn *f, double most) {
  if (!has_loop(f)) return (Fn *)f;
  Hoisting x = {walk_begin(f), NEWS(f->cx->arena, Val *, f->ins.n), most};
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (in->op == OP_arg) continue;
    if (in->op == OP_part && x.part[in->arg[0]]) {
      x.w.to[v] = x.part[in->arg[0]][in->u.i];
      ir_name(&x.w.b, x.w.to[v], in->hint);
    } else {
      hoist_ins_of(&x, v);
    }
  }
  return walk_end(&x.w);
}
