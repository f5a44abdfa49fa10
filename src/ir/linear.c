/* linear.c: whether a function is linear in some of its inputs: for the rules that a program gives
 * for derivatives. In: a function. Out: the first instruction that isn't, or that the outputs are.
 *
 * Every value is constant (doesn't depend on them), linear, or anything else. Zero is both. */
#include "ir/ir.h"

typedef enum Degree { CONSTANT, LINEAR, OTHER } Degree;

typedef struct Linear {
  const Fn *f;
  Degree *degree;
  Degree **part; /* of bundles */
  const Ins *culprit;
} Linear;

static bool check_fn(const Fn *f, const Degree *in, Degree *out, const Ins **culprit);

static bool is_zero(const Linear *l, Val v) { return ins_is_splat(fn_ins(l->f, v), 0); }

/* Both terms are linear, or zero. */
static Degree of_sum(const Linear *l, const Ins *in, int first) {
  Degree d = CONSTANT;
  for (int k = first; k < in->nargs; k++) d = MAX(d, l->degree[in->arg[k]]);
  for (int k = first; k < in->nargs && d == LINEAR; k++)
    if (l->degree[in->arg[k]] == CONSTANT && !is_zero(l, in->arg[k])) return OTHER;
  return d;
}

static Degree of_product(Degree x, Degree y) {
  return x == CONSTANT ? y : y == CONSTANT ? x : OTHER;
}

static Degree of_map(const Linear *l, const Ins *in) {
  Degree d[3] = {CONSTANT, CONSTANT, CONSTANT};
  for (int k = 0; k < in->nargs && k < 3; k++) d[k] = l->degree[in->arg[k]];
  if (d[0] == CONSTANT && d[1] == CONSTANT && d[2] == CONSTANT) return CONSTANT;
  switch ((Op)in->op) {
  case OP_add:
  case OP_sub: return of_sum(l, in, 0);
  case OP_neg: return d[0];
  case OP_cast: return type_is_float((DType)in->type) ? d[0] : OTHER;
  case OP_mul:
  case OP_safe_mul: return of_product(d[0], d[1]);
  case OP_div: return d[1] == CONSTANT ? d[0] : OTHER;
  case OP_select: return d[0] == CONSTANT ? of_sum(l, in, 1) : OTHER;
  case OP_fma: {
    Degree p = of_product(d[0], d[1]);
    if (p == OTHER || d[2] == OTHER) return OTHER;
    return p == d[2] || (d[2] == CONSTANT && is_zero(l, in->arg[2])) ? p : OTHER;
  }
  default: return OTHER;
  }
}

/* ---- bodies inside: their outputs for operands of these degrees ----
 */
static void branch_degrees(Linear *l, const Ins *in, Degree *out, int n) {
  const Fn *side[] = {in->u.branch->then, in->u.branch->other};
  Arena *a = l->f->cx->arena;
  Degree *given = NEWS(a, Degree, in->nargs + 1), *got[2];
  const Ins *inner = NULL;
  if (l->degree[in->arg[0]] != CONSTANT) return;
  for (int k = 1; k < in->nargs; k++) given[k - 1] = l->degree[in->arg[k]];
  for (int s = 0; s < 2; s++) check_fn(side[s], given, got[s] = NEWS(a, Degree, n + 1), &inner);
  for (int k = 0; k < n; k++) {
    bool same = got[0][k] == got[1][k];
    for (int s = 0; s < 2; s++) /* zero is as linear as the other side */
      same = same || ins_is_splat(fn_ins(side[s], side[s]->out.at[k].val), 0);
    out[k] = same ? MAX(got[0][k], got[1][k]) : OTHER;
  }
}

/* Until nothing changes; a start of zero is as linear as the rest. */
static void loop_degrees(Linear *l, const Ins *in, Degree *out, int n) {
  const Loop *lp = in->u.loop;
  const Fn *f = lp->body;
  Arena *a = l->f->cx->arena;
  Degree *given = NEWS(a, Degree, f->in.n + 1), *got = NEWS(a, Degree, n + f->out.n + 1);
  const Ins *inner = NULL;
  if (lp->counted && l->degree[in->arg[0]] != CONSTANT) return;
  for (int k = 1; k < f->in.n; k++) given[k] = l->degree[in->arg[lp->counted + k - 1]];
  for (bool more = true; more;) {
    more = false;
    check_fn(f, given, got, &inner);
    for (int k = 0; k < lp->ncarry; k++) {
      bool zero = is_zero(l, in->arg[lp->counted + k]) && given[1 + k] == CONSTANT;
      Degree d = given[1 + k] == got[k] ? got[k] : zero ? LINEAR : OTHER;
      more |= d != given[1 + k];
      given[1 + k] = d;
    }
  }
  for (int k = 0; lp->cond && k < lp->cond->in.n; k++)
    if (given[k <= lp->ncarry ? k : k + lp->nscan] != CONSTANT) return; /* it decides */
  for (int k = 0; k < lp->ncarry; k++) out[k] = given[1 + k];
  for (int k = lp->ncarry; k < lp->ncarry + lp->ncollect; k++) out[k] = got[k];
  if (lp->cond) out[n - 1] = CONSTANT;
}

/* Of a derivative: linear in its seeds where nothing else is. */
static void called_degrees(Linear *l, const Ins *in, Degree *out, int n) {
  const Fn *f = in->u.body->fn;
  Arena *a = l->f->cx->arena;
  Degree *given = NEWS(a, Degree, f->in.n + 1), *got = NEWS(a, Degree, f->out.n + 1);
  Degree values = CONSTANT, seeds = CONSTANT;
  const Ins *inner = NULL;
  for (int k = 0; k < f->in.n; k++) values = MAX(values, given[k] = l->degree[in->arg[k]]);
  for (int k = f->in.n; k < in->nargs; k++) seeds = MAX(seeds, l->degree[in->arg[k]]);
  check_fn(f, given, got, &inner);
  for (int k = 0; k < f->out.n; k++) out[k] = got[k];
  for (int k = f->out.n; k < n; k++) out[k] = values == CONSTANT ? seeds : OTHER;
}

static Degree *of_body(Linear *l, const Ins *in) {
  int n = ins_part_count(in);
  Degree *out = NEWS(l->f->cx->arena, Degree, n + 1), most = CONSTANT;
  for (int k = 0; k < in->nargs; k++) most = MAX(most, l->degree[in->arg[k]]);
  for (int k = 0; k < n; k++) out[k] = most == CONSTANT ? CONSTANT : OTHER;
  if (most != LINEAR) return out;
  if (in->op == OP_branch) branch_degrees(l, in, out, n);
  else if (in->op == OP_loop) loop_degrees(l, in, out, n);
  else called_degrees(l, in, out, n);
  return out;
}

static Degree of_ins(Linear *l, Val v, const Ins *in) {
  Degree first = in->nargs ? l->degree[in->arg[0]] : CONSTANT;
  switch (op_kind((Op)in->op)) {
  case KIND_MAP: return of_map(l, in);
  case KIND_FOLD: return in->op == OP_sum || first == CONSTANT ? first : OTHER;
  case KIND_MOVE:
    for (int k = 1; k < in->nargs; k++)
      if (l->degree[in->arg[k]] != CONSTANT) return OTHER;
    return first;
  case KIND_DOT: return of_product(first, l->degree[in->arg[1]]);
  case KIND_LOOP: l->part[v] = of_body(l, in); return CONSTANT;
  case KIND_LEAF: return in->op == OP_part ? l->part[in->arg[0]][in->u.i] : CONSTANT;
  }
  return OTHER;
}

/* The degrees of the outputs; the first instruction that made a linear operand something else. */
static bool check_fn(const Fn *f, const Degree *in, Degree *out, const Ins **culprit) {
  Arena *a = f->cx->arena;
  Linear l = {.f = f, .degree = NEWS(a, Degree, f->ins.n), .part = NEWS(a, Degree *, f->ins.n)};
  bool good = true;
  for (int i = 0; i < f->in.n; i++) l.degree[f->in.at[i].val] = in[i];
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *i = fn_ins(f, v);
    if (i->op == OP_arg) continue;
    l.degree[v] = of_ins(&l, v, i);
    if (l.degree[v] == OTHER && !*culprit) *culprit = i;
  }
  for (int k = 0; k < f->out.n; k++) {
    Val v = f->out.at[k].val;
    out[k] = l.degree[v];
    good = good && (out[k] == LINEAR || is_zero(&l, v));
  }
  return good;
}

bool ir_is_linear(const Fn *f, int from, int to, const Ins **culprit) {
  Arena *a = f->cx->arena;
  Degree *in = NEWS(a, Degree, f->in.n + 1), *out = NEWS(a, Degree, f->out.n + 1);
  for (int i = from; i < to; i++) in[i] = LINEAR;
  *culprit = NULL;
  return check_fn(f, in, out, culprit);
}
