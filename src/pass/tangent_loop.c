/* tangent_loop.c: forward mode of loops and branches: the same loop over pairs. Every carried float
 * has a tangent beside it; scanned and captured values have one where theirs isn't zero. */
#include "pass/tangent.h"

typedef struct Pairs {
  Tangent *g;
  const Ins *in;
  const Fn *f; /* the body */
  bool *wrt;   /* its inputs that have a tangent */
  Builder b;
  Val *args, *seeds, *values, *derived;
} Pairs;

static Pairs begin_pairs(Tangent *g, const Ins *in, const Fn *f) {
  Arena *a = g->b->cx->arena;
  return (Pairs){.g = g,
                 .in = in,
                 .f = f,
                 .wrt = NEWS(a, bool, f->in.n + 1),
                 .b = ir_begin(f->cx, f->name),
                 .args = NEWS(a, Val, f->in.n + 1),
                 .seeds = NEWS(a, Val, f->in.n + 1),
                 .values = NEWS(a, Val, f->out.n + 1),
                 .derived = NEWS(a, Val, f->out.n + 1)};
}

/* Inputs from..to of the body, then the tangents of those that have one; nseeds counts these. */
static void pair_inputs(Pairs *p, int from, int to, int *nseeds) {
  for (int i = from; i < to; i++) {
    const Input *in = &p->f->in.at[i];
    p->args[i] = ir_input(&p->b, in->name, in->type, &in->shape, ROLE_ARG, in->span);
  }
  for (int i = from; i < to; i++) {
    const Input *in = &p->f->in.at[i];
    Name name = name_fmt(p->b.cx, "t_%s", in->name ? in->name : "v");
    if (p->wrt[i])
      p->seeds[(*nseeds)++] = ir_input(&p->b, name, in->type, &in->shape, ROLE_ARG, in->span);
  }
}

static bool is_float_out(const Fn *f, int i) {
  return type_is_float((DType)fn_ins(f, f->out.at[i].val)->type);
}

/* Outputs from..to, then the tangents of the float ones; part numbers are noted. */
static int pair_outputs(Pairs *p, BundleParts *parts, int from, int to, int part) {
  int k = 0;
  for (int i = 0; i < from; i++) k += is_float_out(p->f, i);
  for (int i = from; i < to; i++) {
    ir_output(&p->b, p->f->out.at[i].name, p->values[i]);
    parts->value[i] = part++;
  }
  for (int i = from; i < to; i++) {
    parts->tangent[i] = -1;
    if (!is_float_out(p->f, i)) continue;
    ir_output(&p->b, NULL, p->derived[k++]);
    parts->tangent[i] = part++;
  }
  return part;
}

static BundleParts *new_parts(Tangent *g, Val v) {
  Arena *a = g->b->cx->arena;
  int n = ins_part_count(fn_ins(g->f, v));
  BundleParts *p = g->parts[v] = NEW(a, BundleParts);
  p->value = NEWS(a, int, n + 1);
  p->tangent = NEWS(a, int, n + 1);
  return p;
}

/* ---- loops ---- */
/* The condition over the longer lists of carried and captured values, of which it reads the old
 * ones. */
static Fn *wider_condition(const Loop *l, const Loop *wide) {
  Cx *cx = l->body->cx;
  Builder b = ir_begin(cx, l->cond->name);
  int ncapture = l->body->in.n - 1 - l->ncarry - l->nscan, n = 0;
  Val *args = NEWS(cx->arena, Val, l->cond->in.n + 1), out;
  for (int i = 0; i < wide->body->in.n; i++) {
    const Input *in = &wide->body->in.at[i];
    bool scanned = i > wide->ncarry && i <= wide->ncarry + wide->nscan;
    if (scanned) continue;
    Val v = ir_input(&b, in->name, in->type, &in->shape, ROLE_ARG, in->span);
    int capture = i - 1 - wide->ncarry - wide->nscan;
    bool old = i <= l->ncarry || (capture >= 0 && capture < ncapture);
    if (old) args[n++] = v;
  }
  ir_inline(&b, l->cond, args, &out);
  ir_output(&b, NULL, out);
  return ir_finish(&b);
}

/* Operands from..to of the old loop, then the tangents of those whose input has one. */
static int pair_operands(Tangent *g, const Pairs *p, const Val *args, int counted, int from, int to,
                         Val *out, int n) {
  for (int i = from; i < to; i++) out[n++] = args[counted + i - 1];
  for (int i = from; i < to; i++) {
    if (!p->wrt[i]) continue;
    Val v = p->in->arg[counted + i - 1], dot = g->dot[v];
    out[n++] = dot ? dot : ir_zeros_like(g->b, args[counted + i - 1]);
  }
  return n;
}

Val tangent_loop(Tangent *g, Val v, const Val *args) {
  const Ins *in = fn_ins(g->f, v);
  const Loop *l = in->u.loop;
  Pairs p = begin_pairs(g, in, l->body);
  int carry = 1 + l->ncarry, scan = carry + l->nscan, all = l->body->in.n, nseeds = 0, n = 0;
  for (int i = 1; i < all; i++) {
    bool moves = g->dot[in->arg[l->counted + i - 1]] != 0;
    p.wrt[i] = i < carry ? type_is_float(l->body->in.at[i].type) : moves;
  }
  Loop wide = *l;
  pair_inputs(&p, 0, 1, &nseeds);
  pair_inputs(&p, 1, carry, &nseeds);
  wide.ncarry = p.b.fn->in.n - 1;
  pair_inputs(&p, carry, scan, &nseeds);
  wide.nscan = p.b.fn->in.n - 1 - wide.ncarry;
  pair_inputs(&p, scan, all, &nseeds);
  if (!tangent_into(&p.b, l->body, p.wrt, p.args, p.seeds, p.values, p.derived))
    return g->failed = true, 0;
  BundleParts *parts = new_parts(g, v);
  int part = pair_outputs(&p, parts, 0, l->ncarry, 0);
  part = pair_outputs(&p, parts, l->ncarry, l->ncarry + l->ncollect, part);
  wide.ncollect = part - wide.ncarry;
  wide.body = ir_finish(&p.b);
  if (l->cond) {
    wide.cond = wider_condition(l, &wide);
    parts->value[l->ncarry + l->ncollect] = part;
    parts->tangent[l->ncarry + l->ncollect] = -1;
  }
  Val *operand = NEWS(g->b->cx->arena, Val, 2 * in->nargs + 2);
  if (l->counted) operand[n++] = args[0];
  n = pair_operands(g, &p, args, l->counted, 1, carry, operand, n);
  n = pair_operands(g, &p, args, l->counted, carry, scan, operand, n);
  n = pair_operands(g, &p, args, l->counted, scan, all, operand, n);
  g->b->span = in->span;
  return ir_loop(g->b, &wide, operand, n);
}

/* ---- branches ---- */
static Fn *branch_body(Tangent *g, const Ins *in, const Fn *f, BundleParts *parts) {
  Pairs p = begin_pairs(g, in, f);
  int nseeds = 0;
  for (int i = 0; i < f->in.n; i++) p.wrt[i] = g->dot[in->arg[i + 1]] != 0;
  pair_inputs(&p, 0, f->in.n, &nseeds);
  if (!tangent_into(&p.b, f, p.wrt, p.args, p.seeds, p.values, p.derived)) return NULL;
  pair_outputs(&p, parts, 0, f->out.n, 0);
  return ir_finish(&p.b);
}

Val tangent_branch(Tangent *g, Val v, const Val *args) {
  const Ins *in = fn_ins(g->f, v);
  BundleParts *parts = new_parts(g, v);
  Fn *then = branch_body(g, in, in->u.branch->then, parts),
     *other = branch_body(g, in, in->u.branch->other, parts);
  if (!then || !other) return g->failed = true, 0;
  Val *operand = NEWS(g->b->cx->arena, Val, 2 * in->nargs + 2);
  int n = 0;
  for (int i = 1; i < in->nargs; i++) operand[n++] = args[i];
  for (int i = 1; i < in->nargs; i++)
    if (g->dot[in->arg[i]]) operand[n++] = g->dot[in->arg[i]];
  g->b->span = in->span;
  return ir_branch(g->b, then, other, args[0], operand, n);
}
