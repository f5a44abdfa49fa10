/* tangent.c: forward mode, the chain rule over the kinds, forwards:
 *
 *   MAP    dy = sum of da_i * p_i            FOLD   dy = fold sum of da * p
 *   MOVE   dy = the same movement of da      DOT    dy = contract(da, b) + contract(a, db)
 *   LOOP   the same loop over pairs of value and tangent (tangent_loop.c)
 *
 * needs: no vjp/jvp inside (pass_expand)   keeps: the values   breaks: nothing */
#include "ir/rules.h"
#include "pass/tangent.h"

static Val plus(Builder *b, Val x, Val y) { return !x ? y : !y ? x : ir_map2(b, OP_add, x, y); }

static Val tangent_map(Tangent *g, const Ins *in, const Val *args, Val y) {
  if (in->op == OP_cast) return ir_cast(g->b, (DType)in->type, g->dot[in->arg[0]]);
  Val sum = 0;
  for (int i = 0; i < in->nargs; i++) {
    Val da = g->dot[in->arg[i]];
    bool missing;
    if (!da) continue;
    Val p = map_partial(g->b, in, args, y, i, &missing);
    if (missing) {
      report_no_derivative(g->b, in);
      g->failed = true;
    } else if (p) {
      sum = plus(g->b, sum,
                 in->op == OP_safe_mul ? scale_safely(g->b, da, p) : scale_cotangent(g->b, da, p));
    }
  }
  return sum;
}

static Val tangent_fold(Tangent *g, const Ins *in, Val a, Val y) {
  Val da = g->dot[in->arg[0]];
  if (in->op != OP_sum) {
    const Fn *rule = g->b->cx->rules->partial(g->b->cx, (Op)in->op, 0, (DType)in->type);
    if (!rule) cx_bug(g->b->cx, "the partial of %s can't be read", op_info[in->op].name);
    Val p = rule_inline_fold(g->b, rule, a, y, in->u.axes);
    /* what isn't the largest has the partial 0, and may be infinite or have no number */
    da = in->op == OP_prod ? scale_cotangent(g->b, da, p) : scale_safely(g->b, da, p);
  }
  return ir_fold(g->b, OP_sum, da, in->u.axes);
}

static Val tangent_move(Tangent *g, const Ins *in, const Val *args) {
  Val moved[IR_MAX_RANK + 1];
  memcpy(moved, args, in->nargs * sizeof *moved);
  moved[0] = g->dot[in->arg[0]];
  return ir_copy(g->b, in, moved);
}

static Val tangent_dot(Tangent *g, const Ins *in, const Val *args) {
  Val da = g->dot[in->arg[0]], db = g->dot[in->arg[1]];
  Val x = da ? ir_contract(g->b, da, args[1], in->u.contract) : 0;
  Val y = db ? ir_contract(g->b, args[0], db, in->u.contract) : 0;
  return plus(g->b, x, y);
}

static Val tangent_of(Tangent *g, const Ins *in, const Val *args, Val y) {
  switch (op_kind((Op)in->op)) {
  case KIND_MAP: return tangent_map(g, in, args, y);
  case KIND_FOLD: return tangent_fold(g, in, args[0], y);
  case KIND_MOVE: return g->dot[in->arg[0]] ? tangent_move(g, in, args) : 0;
  case KIND_DOT: return tangent_dot(g, in, args);
  case KIND_LOOP:
  case KIND_LEAF: break;
  }
  cx_bug(g->b->cx, "tangent of %s", op_info[in->op].name);
}

static bool has_tangent(const Tangent *g, const Ins *in) {
  for (int k = 0; k < in->nargs; k++)
    if (g->dot[in->arg[k]]) return type_is_float((DType)in->type);
  return false;
}

/* A part of a loop or branch that carries tangents: its value and its tangent are two parts of the
 * copy. */
static void tangent_part(Tangent *g, Val v, const Ins *in) {
  const BundleParts *p = g->parts[in->arg[0]];
  Val bundle = g->to[in->arg[0]];
  g->to[v] = ir_part(g->b, bundle, p->value[in->u.i]);
  if (p->tangent[in->u.i] >= 0) g->dot[v] = ir_part(g->b, bundle, p->tangent[in->u.i]);
}

/* The call as it is; the tangents of its results wait for their parts. */
static void step_call(Tangent *g, Val v, const Ins *in, const Val *args) {
  const Fn *f = in->u.body->fn;
  g->to[v] = ir_copy(g->b, in, args);
  g->derived[v] = NEWS(g->b->cx->arena, Val, f->out.n + 1);
  g->b->span = in->span;
  if (!tangent_call(g, in, g->to[v], args, g->derived[v])) g->failed = true;
}

static void part_of_call(Tangent *g, Val v, const Ins *in) {
  const Fn *f = fn_ins(g->f, in->arg[0])->u.body->fn;
  int k = 0;
  g->to[v] = ir_part(g->b, g->to[in->arg[0]], (int)in->u.i);
  for (int i = 0; i < in->u.i; i++) k += type_is_float((DType)fn_ins(f, f->out.at[i].val)->type);
  if (type_is_float((DType)in->type)) g->dot[v] = g->derived[in->arg[0]][k];
}

static void tangent_step(Tangent *g, Val v, const Ins *in) {
  Val *arg = NEWS(g->b->cx->arena, Val, in->nargs + 1);
  ir_map_args(in, g->to, arg);
  bool carries = false;
  for (int k = 0; k < in->nargs; k++) carries |= g->dot[in->arg[k]] != 0;
  if (in->op == OP_part && g->parts[in->arg[0]]) {
    tangent_part(g, v, in);
  } else if (in->op == OP_part && g->derived[in->arg[0]]) {
    part_of_call(g, v, in);
  } else if (carries && in->op == OP_call) {
    step_call(g, v, in, arg);
  } else if (carries && (in->op == OP_loop || in->op == OP_branch)) {
    g->to[v] = in->op == OP_loop ? tangent_loop(g, v, arg) : tangent_branch(g, v, arg);
  } else {
    g->to[v] = ir_copy(g->b, in, arg);
    g->b->derived = DERIVED_TANGENT;
    if (has_tangent(g, in)) g->dot[v] = tangent_of(g, in, arg, g->to[v]);
  }
  if (g->dot[v] && in->hint) ir_name(g->b, g->dot[v], name_fmt(g->b->cx, "t_%s", in->hint));
}

bool tangent_into(Builder *b, const Fn *f, const bool *wrt, const Val *args, const Val *seeds,
                  Val *values, Val *derived) {
  Arena *a = b->cx->arena;
  if (!derivatives_exist(b, f, wrt)) return false;
  Tangent g = {b,
               f,
               NEWS(a, Val, f->ins.n),
               NEWS(a, Val, f->ins.n),
               NEWS(a, BundleParts *, f->ins.n),
               NEWS(a, Val *, f->ins.n),
               false};
  for (int i = 0, k = 0; i < f->in.n; i++) {
    g.to[f->in.at[i].val] = args[i];
    if (wrt[i]) g.dot[f->in.at[i].val] = seeds[k++];
  }
  for (Val v = 1; v < f->ins.n && !g.failed; v++)
    if (fn_ins(f, v)->op != OP_arg) tangent_step(&g, v, fn_ins(f, v));
  for (int i = 0, k = 0; i < f->out.n && !g.failed; i++) {
    Val v = f->out.at[i].val;
    values[i] = g.to[v];
    if (!type_is_float((DType)fn_ins(f, v)->type)) continue;
    derived[k++] = g.dot[v] ? g.dot[v] : ir_zeros_like(b, g.to[v]);
  }
  return !g.failed;
}

Fn *pass_tangent(const Fn *f, const bool *wrt) {
  Walk w = walk_begin(f);
  Arena *a = f->cx->arena;
  Val *args = NEWS(a, Val, f->in.n + 1), *seeds = NEWS(a, Val, f->in.n + 1);
  Val *values = NEWS(a, Val, f->out.n + 1), *derived = NEWS(a, Val, f->out.n + 1);
  for (int i = 0, k = 0; i < f->in.n; i++) {
    const Input *in = &f->in.at[i];
    args[i] = w.to[in->val];
    if (wrt[i])
      seeds[k++] = ir_input(&w.b, name_fmt(f->cx, "t_%s", in->name), in->type, &in->shape,
                            ROLE_SEED, in->span);
  }
  if (!tangent_into(&w.b, f, wrt, args, seeds, values, derived)) return NULL;
  for (int i = 0; i < f->out.n; i++) ir_output(&w.b, f->out.at[i].name, values[i]);
  for (int i = 0, k = 0; i < f->out.n; i++)
    if (type_is_float((DType)fn_ins(f, f->out.at[i].val)->type))
      ir_output(&w.b, NULL, derived[k++]);
  return fn_without_marks(ir_finish(&w.b));
}
