/* walk.c: what the passes share. */
#include "pass/walk.h"
#include "ir/rules.h"

Walk walk_begin(const Fn *f) {
  Walk w = {.b = ir_begin(f->cx, f->name), .f = f, .to = NEWS(f->cx->arena, Val, f->ins.n)};
  w.b.fn->span = f->span;
  for (int i = 0; i < f->in.n; i++) {
    const Input *in = &f->in.at[i];
    w.to[in->val] = ir_input(&w.b, in->name, in->type, &in->shape, in->role, in->span);
  }
  return w;
}

Val *walk_args(Walk *w, const Ins *in) {
  Val *arg = NEWS(w->b.cx->arena, Val, in->nargs + 1);
  ir_map_args(in, w->to, arg);
  return arg;
}

Val walk_copy(Walk *w, const Ins *in) { return ir_copy(&w->b, in, walk_args(w, in)); }

Val walk_copy_bodies(Walk *w, const Ins *in, Fn *(*pass)(const Fn *body, void *arg), void *arg) {
  cx_poll(w->b.cx);
  Val *args = walk_args(w, in);
  if (!ins_has_bodies(in)) return ir_copy(&w->b, in, args);
  Ins copy = *in;
  Loop loop;
  Branch branch;
  Body call;
  if (in->op == OP_loop) {
    loop = *in->u.loop;
    loop.body = pass(loop.body, arg);
    if (loop.cond) loop.cond = pass(loop.cond, arg);
    copy.u.loop = &loop;
  } else if (in->op == OP_call) {
    call = *in->u.body;
    call.fn = pass(call.fn, arg);
    if (call.adjoint) call.adjoint = pass(call.adjoint, arg);
    if (call.tangent) call.tangent = pass(call.tangent, arg);
    copy.u.body = &call;
  } else {
    branch = (Branch){pass(in->u.branch->then, arg), pass(in->u.branch->other, arg)};
    copy.u.branch = &branch;
  }
  return ir_copy(&w->b, &copy, args);
}

Fn *fn_keep_inputs(const Fn *f, const bool *keep) {
  Walk w = {.b = ir_begin(f->cx, f->name), .f = f, .to = NEWS(f->cx->arena, Val, f->ins.n)};
  w.b.fn->span = f->span;
  for (int i = 0; i < f->in.n; i++) {
    const Input *in = &f->in.at[i];
    if (keep[i]) w.to[in->val] = ir_input(&w.b, in->name, in->type, &in->shape, in->role, in->span);
  }
  for (Val v = 1; v < f->ins.n; v++)
    if (fn_ins(f, v)->op != OP_arg) w.to[v] = walk_copy(&w, fn_ins(f, v));
  return walk_end(&w);
}

Fn *walk_end(Walk *w) {
  for (int i = 0; i < w->f->out.n; i++) {
    const Output *o = &w->f->out.at[i];
    ir_output(&w->b, o->name, w->to[o->val]);
    w->b.fn->out.at[i].alias = o->alias;
  }
  w->b.fn->nest = w->f->nest;
  return ir_finish(&w->b);
}

/* Constants that were marked as values (ir_opaque). */
static bool has_marks(const Fn *f) {
  const Fn *body[IR_MAX_BODIES];
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (in->op == OP_stop && ins_is_const(fn_ins(f, in->arg[0]))) return true;
    for (int i = 0, n = ins_bodies(in, body); i < n; i++)
      if (has_marks(body[i])) return true;
  }
  return false;
}

/* Copied, they are constants again: the builder folds the marks away. */
static Fn *copy_without_marks(const Fn *f, void *arg) {
  Walk w = walk_begin(f);
  for (Val v = 1; v < f->ins.n; v++)
    if (fn_ins(f, v)->op != OP_arg)
      w.to[v] = walk_copy_bodies(&w, fn_ins(f, v), copy_without_marks, arg);
  return walk_end(&w);
}

Fn *fn_without_marks(Fn *f) { return has_marks(f) ? copy_without_marks(f, NULL) : f; }

/* ---- derivatives' common ground ---- */
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
