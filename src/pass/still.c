/* still.c: what a loop carries without changing it is captured, and its value in the end is its
 * start. Derivatives make such: the cotangent of a sum that a loop adds up is the same in all
 * steps. In: f. Out: f where it has none, else a copy; bodies are left as they are. */
#include "pass/walk.h"

static bool is_still(const Loop *l, int k) {
  const Ins *y = fn_ins(l->body, l->body->out.at[k].val);
  return y->op == OP_arg && y->u.i == 1 + k;
}

static bool any_still(const Ins *in) {
  if (in->op != OP_loop) return false;
  for (int k = 0; k < in->u.loop->ncarry; k++)
    if (is_still(in->u.loop, k)) return true;
  return false;
}

/* The body or condition with those inputs behind all others; outputs that are still go. */
static Fn *with_captures(const Loop *l, const Fn *f) {
  Builder b = ir_begin(f->cx, f->name);
  Val *args = NEWS(f->cx->arena, Val, f->in.n + 1), *outs = NEWS(f->cx->arena, Val, f->out.n + 1);
  b.fn->span = f->span;
  for (int late = 0; late < 2; late++)
    for (int i = 0; i < f->in.n; i++) {
      const Input *in = &f->in.at[i];
      bool still = i >= 1 && i <= l->ncarry && is_still(l, i - 1);
      if (still == late) args[i] = ir_input(&b, in->name, in->type, &in->shape, in->role, in->span);
    }
  ir_inline(&b, f, args, outs);
  for (int i = 0; i < f->out.n; i++)
    if (f != l->body || i >= l->ncarry || !is_still(l, i))
      ir_output(&b, f->out.at[i].name, outs[i]);
  b.fn->nest = f->nest;
  return ir_finish(&b);
}

/* The loop without them; parts[k] is what its part k becomes. */
static void fix_loop(Walk *w, const Ins *in, Val *parts) {
  const Loop *old = in->u.loop;
  Loop l = *old;
  Val *given = walk_args(w, in), *args = NEWS(w->b.cx->arena, Val, in->nargs + 1);
  int n = 0, first = old->counted, part = 0;
  for (int late = 0; late < 2; late++)
    for (int i = 0; i < in->nargs; i++) {
      int k = i - first;
      bool still = k >= 0 && k < old->ncarry && is_still(old, k);
      if (still == late) args[n++] = given[i];
      if (still && late) l.ncarry--;
    }
  l.body = with_captures(old, old->body);
  if (l.cond) l.cond = with_captures(old, old->cond);
  Val loop = ir_loop(&w->b, &l, args, n);
  for (int k = 0; k < ins_part_count(in); k++)
    parts[k] =
        k < old->ncarry && is_still(old, k) ? given[first + k] : ir_part(&w->b, loop, part++);
}

Fn *pass_still(const Fn *f) {
  bool any = false;
  for (Val v = 1; v < f->ins.n; v++) any = any || any_still(fn_ins(f, v));
  if (!any) return (Fn *)f;
  Walk w = walk_begin(f);
  Val **parts = NEWS(f->cx->arena, Val *, f->ins.n);
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (in->op == OP_arg) continue;
    if (any_still(in)) {
      parts[v] = NEWS(f->cx->arena, Val, ins_part_count(in) + 1);
      w.b.span = in->span, w.b.derived = in->derived, w.b.hint = in->hint;
      fix_loop(&w, in, parts[v]);
    } else if (in->op == OP_part && parts[in->arg[0]]) {
      w.to[v] = parts[in->arg[0]][in->u.i];
      ir_name(&w.b, w.to[v], in->hint);
    } else {
      w.to[v] = walk_copy(&w, in);
    }
  }
  return walk_end(&w);
}
