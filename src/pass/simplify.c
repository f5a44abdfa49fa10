/* simplify.c: rewrites by the rules of simplify.def, and the few that aren't elementwise:
 * a choice inside a choice on the same condition, a constant factor in a contraction. The builder
 * folds the rest (identities, constants, views of views, equal instructions) as the walk goes.
 * needs: no vjp/jvp inside   keeps: values up to rounding   breaks: nothing */
#include "ir/rules.h"
#include "ir/walk.h"
#include "pass/pass.h"

typedef struct Rule {
  const char *pattern, *becomes;
} Rule;
static const Rule rules[] = {
#define RULE(pattern, becomes, differ) {pattern, becomes},
#include "pass/simplify.def"
#undef RULE
};

enum { LETTERS = 3, MAX_ROUNDS = 8 };

/* ---- matching ---- */
typedef struct Match {
  Builder *b;
  const Fn *pattern;
  Val bound[LETTERS];
} Match;

static bool match(Match *m, Val p, Val v) {
  const Ins *pi = fn_ins(m->pattern, p), *vi = ir_ins(m->b, v);
  if (pi->op == OP_arg) {
    Val *slot = &m->bound[pi->u.i];
    if (*slot) return *slot == v;
    *slot = v;
    return true;
  }
  if (pi->op == OP_const) return ins_is_splat(vi, ins_const_value(pi));
  if (pi->op != vi->op || pi->type != vi->type) return false;
  for (int k = 0; k < pi->nargs; k++)
    if (!match(m, pi->arg[k], vi->arg[k])) return false;
  return true;
}

static Val apply_rule(Builder *b, const Rule *r, Val v, DType t) {
  Match m = {b, b->cx->rules->pattern(b->cx, r->pattern, t), {0}};
  if (!m.pattern || !match(&m, m.pattern->out.at[0].val, v)) return 0;
  const Fn *to = b->cx->rules->pattern(b->cx, r->becomes, t);
  Val args[LETTERS];
  for (int i = 0; i < LETTERS; i++) args[i] = m.bound[i] ? m.bound[i] : v;
  return rule_inline_map(b, to, args, LETTERS);
}

/* Whether any rule's pattern begins with this operator, for this type: most don't. */
static bool may_match(Builder *b, const Rule *r, const Ins *in, DType t) {
  const Fn *p = b->cx->rules->pattern(b->cx, r->pattern, t);
  return p && fn_ins(p, p->out.at[0].val)->op == in->op;
}

static Val by_rules(Builder *b, Val v) {
  const Ins *in = ir_ins(b, v);
  DType t = (DType)in->type;
  if (op_kind((Op)in->op) != KIND_MAP || !type_is_float(t)) return 0;
  for (int i = 0; i < COUNT_OF(rules); i++)
    if (may_match(b, &rules[i], ir_ins(b, v), t)) {
      Val w = apply_rule(b, &rules[i], v, t);
      if (w && w != v) return w;
    }
  return 0;
}

/* ---- choices and constant factors ---- */
/* if c then a else (if c then x else b)  =>  if c then a else b, and so for the other branch */
static Val nested_choice(Builder *b, Val v) {
  Ins s = *ir_ins(b, v);
  if (s.op != OP_select) return 0;
  Ins yes = *ir_ins(b, s.arg[1]), no = *ir_ins(b, s.arg[2]);
  Val x = yes.op == OP_select && yes.arg[0] == s.arg[0] ? yes.arg[1] : s.arg[1];
  Val y = no.op == OP_select && no.arg[0] == s.arg[0] ? no.arg[2] : s.arg[2];
  return x == s.arg[1] && y == s.arg[2] ? 0 : ir_map3(b, OP_select, s.arg[0], x, y);
}

/* contract(k*x, y) => k * contract(x, y): the factor is applied once per result. Not 0, which would
 * meet the infinity that a contraction of large numbers is. */
static Val scaled_contract(Builder *b, Val v) {
  Ins c = *ir_ins(b, v);
  if (c.op != OP_contract) return 0;
  for (int i = 0; i < 2; i++) {
    Ins x = *ir_ins(b, c.arg[i]);
    bool negated = x.op == OP_neg;
    bool scaled = x.op == OP_mul && ins_is_const(ir_ins(b, x.arg[1])) &&
                  !ins_is_splat(ir_ins(b, x.arg[1]), 0);
    if (!negated && !scaled) continue;
    Val args[] = {c.arg[0], c.arg[1]};
    args[i] = x.arg[0];
    double k = negated ? -1 : ins_const_value(ir_ins(b, x.arg[1]));
    Val inner = ir_contract(b, args[0], args[1], c.u.contract);
    Shape s = *ir_shape(b, inner);
    return ir_map2(b, OP_mul, inner, ir_const_f(b, (DType)c.type, &s, k));
  }
  return 0;
}

/* (if c then x else 0) + (if c then 0 else y): a choice's tangent, side by side. */
static Val joined_choice(Builder *b, Val v) {
  const Ins s = *ir_ins(b, v);
  if (s.op != OP_add || !type_is_float((DType)s.type)) return 0;
  const Ins x = *ir_ins(b, s.arg[0]), y = *ir_ins(b, s.arg[1]);
  if (x.op != OP_select || y.op != OP_select || x.arg[0] != y.arg[0]) return 0;
  for (int k = 1; k <= 2; k++)
    if (ins_is_splat(ir_ins(b, x.arg[3 - k]), 0) && ins_is_splat(ir_ins(b, y.arg[k]), 0))
      return ir_map3(b, OP_select, x.arg[0], k == 1 ? x.arg[1] : y.arg[1],
                     k == 1 ? y.arg[2] : x.arg[2]);
  return 0;
}

static Val improve(Builder *b, Val v) {
  for (int i = 0; i < MAX_ROUNDS; i++) {
    Val w = by_rules(b, v);
    if (!w) w = nested_choice(b, v);
    if (!w) w = joined_choice(b, v);
    if (!w) w = scaled_contract(b, v);
    if (!w || w == v) break;
    ir_name(b, w, ir_ins(b, v)->hint);
    v = w;
  }
  return v;
}

static Fn *simplify_body(const Fn *f, void *arg) {
  (void)arg;
  return pass_simplify(f);
}

Fn *pass_simplify(const Fn *f) {
  for (int round = 0; round < MAX_ROUNDS; round++) {
    Walk w = walk_begin(f);
    bool changed = false;
    for (Val v = 1; v < f->ins.n; v++) {
      const Ins *in = fn_ins(f, v);
      if (in->op == OP_arg) continue;
      Val copy = walk_copy_bodies(&w, in, simplify_body, NULL);
      w.to[v] = improve(&w.b, copy);
      changed |= w.to[v] != copy;
    }
    Fn *g = walk_end(&w), *h = pass_still(g);
    if (!changed && h == g) return g;
    f = h;
  }
  return (Fn *)f;
}
