/* sign.c: which floating values can't be negative, and which are at least a small positive number,
 * as far as their instructions tell: squares and their sums, magnitudes, roots, what adds a
 * positive number to them. In: a function, and what is known of its inputs. Out: a sign per value.
 *
 * It is about numbers: whether a value may be NaN or infinite is another question (guard.c). */
#include "pass/sign.h"

/* The least that counts as positive: its powers and reciprocals are numbers in f32 too. */
static const double least = 1e-12;

static Sign smaller(Sign a, Sign b) { return a < b ? a : b; }

static Sign of_number(double x) {
  return x >= least ? SIGN_POSITIVE : x >= 0 ? SIGN_NOT_NEGATIVE : SIGN_ANY;
}

static Sign of_map(const Ins *in, const Sign *known) {
  Sign a = in->nargs > 0 ? known[in->arg[0]] : SIGN_ANY;
  Sign b = in->nargs > 1 ? known[in->arg[1]] : SIGN_ANY;
  bool neither = a && b; /* is negative */
  switch ((Op)in->op) {
  case OP_add: return neither ? MAX(a, b) : SIGN_ANY;
  case OP_mul: return neither || in->arg[0] == in->arg[1] ? SIGN_NOT_NEGATIVE : SIGN_ANY;
  case OP_safe_mul:
  case OP_div: return neither ? SIGN_NOT_NEGATIVE : SIGN_ANY;
  case OP_max: return MAX(a, b);
  case OP_min: return smaller(a, b);
  case OP_select: return smaller(b, known[in->arg[2]]);
  case OP_abs: return MAX(a, SIGN_NOT_NEGATIVE);
  case OP_exp:
  case OP_exp2:
  case OP_sigmoid: return SIGN_NOT_NEGATIVE;
  case OP_sqrt:
  case OP_cast:
  case OP_stop: return a;
  default: return SIGN_ANY;
  }
}

static bool has_elements(const Shape *s) {
  for (int i = 0; i < s->rank; i++)
    if (!dim_is_number(s->dim[i]) || s->dim[i] < 1) return false;
  return true;
}

static Sign of_ins(const Fn *f, const Ins *in, const Sign *known) {
  Sign a = in->nargs > 0 ? known[in->arg[0]] : SIGN_ANY;
  if (!type_is_float((DType)in->type)) return SIGN_ANY;
  switch ((Op)in->op) {
  case OP_const: return of_number(in->u.f);
  case OP_size: return SIGN_NOT_NEGATIVE;
  case OP_reshape: return a;
  case OP_view: return in->u.view->exact ? a : smaller(a, SIGN_NOT_NEGATIVE);
  case OP_sum:
  case OP_amax:
  case OP_amin:
    if (has_elements(&fn_ins(f, in->arg[0])->shape)) return a;
    return in->op == OP_sum ? smaller(a, SIGN_NOT_NEGATIVE) : SIGN_ANY;
  default: return op_kind((Op)in->op) == KIND_MAP ? of_map(in, known) : SIGN_ANY;
  }
}

Sign *signs_find(const Fn *f, const Sign *input) {
  Sign *known = NEWS(f->cx->arena, Sign, f->ins.n + 1);
  for (int i = 0; input && i < f->in.n; i++) known[f->in.at[i].val] = input[i];
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (in->op != OP_arg && in->type != T_BUNDLE) known[v] = of_ins(f, in, known);
  }
  return known;
}
