/* still.c: what a loop carries without changing it is captured, and its value in the end is its
 * start; what it carries or collects and nobody asks for is carried or collected no more.
 * Derivatives make such: the cotangent of a sum that a loop adds up is the same in all steps, and
 * the sum itself isn't wanted; nor is the tape of a loop whose cotangents turn out to be 0. In: f.
 * Out: f where it has none, else a copy; bodies are left as they are. */
#include "ir/walk.h"

typedef enum Fate { CARRIED, STILL, IDLE } Fate;

/* ---- which are ---- */
static bool is_still(const Loop *l, int k) {
  const Ins *y = fn_ins(l->body, l->body->out.at[k].val);
  return y->op == OP_arg && y->u.i == 1 + k;
}

/* Marks all that wanted values are made of, and which inputs these are. */
static void mark_inputs(const Fn *f, bool *wanted, bool *input) {
  for (Val v = f->ins.n - 1; v >= 1; v--) {
    const Ins *in = fn_ins(f, v);
    if (!wanted[v]) continue;
    if (in->op == OP_arg) input[in->u.i] = true;
    for (int k = 0; k < in->nargs; k++) wanted[in->arg[k]] = true;
  }
}

/* Which carried values the results that are used depend on. used: per part. */
static void find_wanted(const Loop *l, const bool *used, bool *want) {
  const Fn *f = l->body;
  Arena *a = f->cx->arena;
  bool *input = NEWS(a, bool, f->in.n + 1), *wanted = NEWS(a, bool, f->ins.n);
  for (int k = 0; k < l->ncarry; k++) want[k] = used[k];
  if (l->cond) {
    bool *tests = NEWS(a, bool, l->cond->ins.n), *asked = NEWS(a, bool, l->cond->in.n + 1);
    for (int i = 0; i < l->cond->out.n; i++) tests[l->cond->out.at[i].val] = true;
    mark_inputs(l->cond, tests, asked);
    for (int k = 0; k < l->ncarry; k++) want[k] |= asked[1 + k];
  }
  for (int k = l->ncarry; k < f->out.n; k++)
    if (used[k]) wanted[f->out.at[k].val] = true;
  for (bool more = true; more;) {
    more = false;
    for (int k = 0; k < l->ncarry; k++) wanted[f->out.at[k].val] |= want[k];
    mark_inputs(f, wanted, input);
    for (int k = 0; k < l->ncarry; k++)
      if (input[1 + k] && !want[k]) want[k] = more = true;
  }
}

/* Per loop of f what becomes of what it carries and, behind that, collects; NULL where all of it
 * stays. */
static Fate **find_fates(const Fn *f) {
  Arena *a = f->cx->arena;
  bool **used = NEWS(a, bool *, f->ins.n);
  Fate **fate = NEWS(a, Fate *, f->ins.n);
  bool any = false;
  for (Val v = 1; v < f->ins.n; v++)
    if (fn_ins(f, v)->op == OP_loop) used[v] = NEWS(a, bool, ins_part_count(fn_ins(f, v)) + 1);
  for (Val v = 1; v < f->ins.n; v++)
    if (fn_ins(f, v)->op == OP_part && used[fn_ins(f, v)->arg[0]])
      used[fn_ins(f, v)->arg[0]][fn_ins(f, v)->u.i] = true;
  for (Val v = 1; v < f->ins.n; v++) {
    if (!used[v]) continue;
    const Loop *l = fn_ins(f, v)->u.loop;
    bool *want = NEWS(a, bool, l->ncarry + 1), some = false;
    Fate *own = NEWS(a, Fate, l->ncarry + l->ncollect + 1);
    find_wanted(l, used[v], want);
    for (int k = 0; k < l->ncarry + l->ncollect; k++) {
      if (k >= l->ncarry) own[k] = used[v][k] ? CARRIED : IDLE;
      else own[k] = !want[k] ? IDLE : is_still(l, k) ? STILL : CARRIED;
      some |= own[k] != CARRIED;
    }
    if (some) fate[v] = own, any = true;
  }
  return any ? fate : NULL;
}

/* ---- the loop without them ---- */
/* The body or condition: what is still is an input behind all others. */
static Fn *with_captures(const Loop *l, const Fn *f, const Fate *fate) {
  Builder b = ir_begin(f->cx, f->name);
  Val *args = NEWS(f->cx->arena, Val, f->in.n + 1), *outs = NEWS(f->cx->arena, Val, f->out.n + 1);
  b.fn->span = f->span;
  for (Fate what = CARRIED; what <= STILL; what++)
    for (int i = 0; i < f->in.n; i++) {
      const Input *in = &f->in.at[i];
      if ((i >= 1 && i <= l->ncarry ? fate[i - 1] : CARRIED) == what)
        args[i] = ir_input(&b, in->name, in->type, &in->shape, in->role, in->span);
    }
  for (int i = 1; i <= l->ncarry; i++) { /* what is made of it isn't wanted either */
    const Input *in = &f->in.at[i];
    if (fate[i - 1] == IDLE)
      args[i] = type_is_float(in->type) ? ir_const_f(&b, in->type, &in->shape, 0)
                                        : ir_const_i(&b, in->type, &in->shape, 0);
  }
  ir_inline(&b, f, args, outs);
  for (int i = 0; i < f->out.n; i++)
    if (f != l->body || fate[i] == CARRIED) ir_output(&b, f->out.at[i].name, outs[i]);
  b.fn->nest = f->nest;
  return ir_finish(&b);
}

/* parts[k] is what its part k becomes. */
static void fix_loop(Walk *w, const Ins *in, const Fate *fate, Val *parts) {
  const Loop *old = in->u.loop;
  Loop l = *old;
  Val *given = walk_args(w, in), *args = NEWS(w->b.cx->arena, Val, in->nargs + 1);
  int n = 0, first = old->counted, part = 0;
  for (Fate what = CARRIED; what <= STILL; what++)
    for (int i = 0; i < in->nargs; i++) {
      int k = i - first;
      if ((k >= 0 && k < old->ncarry ? fate[k] : CARRIED) == what) args[n++] = given[i];
    }
  for (int k = 0; k < old->ncarry; k++) l.ncarry -= fate[k] != CARRIED;
  for (int k = 0; k < old->ncollect; k++) l.ncollect -= fate[old->ncarry + k] != CARRIED;
  l.body = with_captures(old, old->body, fate);
  if (l.cond) l.cond = with_captures(old, old->cond, fate);
  Val loop = ir_loop(&w->b, &l, args, n);
  for (int k = 0; k < ins_part_count(in); k++) {
    bool gone = k < old->ncarry + old->ncollect && fate[k] != CARRIED;
    if (!gone) parts[k] = ir_part(&w->b, loop, part++);
    else if (k < old->ncarry) parts[k] = given[first + k];
  }
}

Fn *pass_still(const Fn *f) {
  Fate **fate = find_fates(f);
  if (!fate) return (Fn *)f;
  Walk w = walk_begin(f);
  Val **parts = NEWS(f->cx->arena, Val *, f->ins.n);
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (in->op == OP_arg) continue;
    if (fate[v]) {
      parts[v] = NEWS(f->cx->arena, Val, ins_part_count(in) + 1);
      w.b.span = in->span, w.b.derived = in->derived, w.b.hint = in->hint;
      fix_loop(&w, in, fate[v], parts[v]);
    } else if (in->op == OP_part && parts[in->arg[0]]) {
      w.to[v] = parts[in->arg[0]][in->u.i];
      ir_name(&w.b, w.to[v], in->hint);
    } else {
      w.to[v] = walk_copy(&w, in);
    }
  }
  return walk_end(&w);
}
