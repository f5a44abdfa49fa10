/* derive.c: what both directions of differentiation share: partials, products with cotangents, and
 * whether there is a derivative at all. */
#include "pass/derive.h"
#include "ir/rules.h"

static bool is_zero(Builder *b, Val v) { return ins_is_splat(ir_ins(b, v), 0); }

/* x is `if c then p else 0` or `if c then 0 else p`, or that behind another condition. */
static bool is_masked(Builder *b, Val x, Ins *sel) {
  Ins inner;
  *sel = *ir_ins(b, x);
  if (sel->op != OP_select) return false;
  return is_zero(b, sel->arg[1]) || is_zero(b, sel->arg[2]) || is_masked(b, sel->arg[1], &inner) ||
         is_masked(b, sel->arg[2], &inner);
}

static Val scaled(Builder *b, Val dy, Val p, Op product) {
  Ins sel;
  if (is_zero(b, dy) || ins_is_splat(ir_ins(b, p), 1)) return dy;
  if (is_zero(b, p)) return p;
  if (is_masked(b, dy, &sel))
    return ir_map3(b, OP_select, sel.arg[0], scaled(b, sel.arg[1], p, product),
                   scaled(b, sel.arg[2], p, product));
  if (ir_ins(b, p)->op == OP_select) {
    sel = *ir_ins(b, p);
    if (is_masked(b, p, &sel) || ins_is_const(ir_ins(b, sel.arg[1])) ||
        ins_is_const(ir_ins(b, sel.arg[2])))
      return ir_map3(b, OP_select, sel.arg[0], scaled(b, dy, sel.arg[1], product),
                     scaled(b, dy, sel.arg[2], product));
  }
  return ir_map2(b, product, dy, p);
}

Val scale_cotangent(Builder *b, Val dy, Val p) { return scaled(b, dy, p, OP_mul); }

Val scale_safely(Builder *b, Val dy, Val p) { return scaled(b, dy, p, OP_safe_mul); }

Val map_partial(Builder *b, const Ins *in, const Val *args, Val y, int i, bool *missing) {
  const char *text = op_info[in->op].partial[i];
  *missing = !text;
  if (!text || !strcmp(text, "0")) return 0;
  Val operand[4];
  int n = op_info[in->op].arity;
  for (int k = 0; k < n; k++) operand[k] = ir_opaque(b, args[k]);
  operand[n] = ir_opaque(b, y);
  const Fn *rule = b->cx->rules->partial(b->cx, (Op)in->op, i, (DType)in->type);
  if (!rule)
    cx_bug(b->cx, "the partial of %s for operand %d can't be read", op_info[in->op].name, i);
  return rule_inline_map(b, rule, operand, n + 1);
}

/* Whether the result of `in` depends on operand k in a way that a derivative would have to follow.
 */
static bool carries(const Ins *in, int k) {
  if (op_kind((Op)in->op) == KIND_MAP) {
    const char *text = op_info[in->op].partial[k];
    return !text || strcmp(text, "0");
  }
  return k == 0 || (in->op != OP_gather && in->op != OP_scatter);
}

bool derivatives_exist(Builder *b, const Fn *f, const bool *wrt) {
  bool *alive = NEWS(b->cx->arena, bool, f->ins.n), good = true;
  Val *lost =
      NEWS(b->cx->arena, Val, f->ins.n); /* where the dependence left the differentiable part */
  for (int i = 0; i < f->in.n; i++) alive[f->in.at[i].val] = wrt[i];
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    for (int k = 0; k < in->nargs; k++) {
      Val a = in->arg[k];
      if (!carries(in, k)) continue;
      alive[v] |= alive[a] && type_is_float((DType)in->type);
      if (alive[a] && op_kind((Op)in->op) == KIND_MAP && !op_info[in->op].partial[k]) lost[v] = v;
      else if (lost[a]) lost[v] = lost[a];
    }
  }
  for (int i = 0; i < f->out.n; i++) {
    Val v = f->out.at[i].val;
    if (!lost[v] || !type_is_float((DType)fn_ins(f, v)->type)) continue;
    report_no_derivative(b, fn_ins(f, lost[v]));
    good = false;
  }
  return good;
}

void report_no_derivative(Builder *b, const Ins *in) {
  Diag *d = diag(b->cx, E0401, in->span, "`%s` has no derivative", op_info[in->op].name);
  diag_hint(b->cx, d, "stop(...) around its operand says that the value counts as a constant");
}
