/* stay.c: carried values that stay where they are. A loop that replaces a row of a carried tensor
 * in each step, `if row == k then x else old`, would copy the others from one place to the other.
 * Such a tensor has one place, of which only what changes is written (update.c). A running sum has
 * one place too: two would be twice as much to go through. In: a loop's body. Out: which carried
 * values stay.
 *
 * Others may read the old tensor in the same step, if all of them can do so before it is changed:
 * whether there is such an order of kernels is found by trying. */
#include "loop/lower.h"

static bool given_once(const Ins *in, Val v) {
  int n = 0;
  for (int i = 0; i < in->nargs; i++) n += in->arg[i] == v;
  return n == 1;
}

static bool used_once(const Fn *f, Val v) {
  int n = 0;
  for (int i = 0; i < f->out.n; i++) n += f->out.at[i].val == v;
  for (Val u = 1; u < f->ins.n; u++)
    for (int k = 0; k < fn_ins(f, u)->nargs; k++) n += fn_ins(f, u)->arg[k] == v;
  return n == 1;
}

/* v is made from arg element by element, and nothing else of it: a running sum. */
static bool updates_elements(const Fn *f, Val v, Val arg) {
  const Ins *in = fn_ins(f, v);
  if (!used_once(f, v) || op_kind((Op)in->op) != KIND_MAP) return v == arg && used_once(f, arg);
  bool some = false;
  for (int k = 0; k < in->nargs && !some; k++)
    some = in->arg[k] <= v && updates_elements(f, in->arg[k], arg);
  return some;
}

enum { SMALL = 1024 }; /* bytes: as fast copied as looked after */

static bool is_large(const Fn *f, Val v) {
  const Ins *in = fn_ins(f, v);
  return shape_expected(f->cx, &in->shape) * type_info[in->type].bytes >= SMALL;
}

typedef enum Stays { NO, PERHAPS, YES } Stays;

/* Output `out` of f is input `input`, or that with some parts replaced, or what it becomes element
 * by element. */
static Stays stays(const Fn *f, int out, int input, const Target *t) {
  Val v = f->out.at[out].val, arg = f->in.at[input].val;
  Update u;
  if (v == arg) return YES;
  if (part_stays(f, v, arg, t)) return used_once(f, arg) ? YES : PERHAPS;
  if (updates_elements(f, v, arg)) return YES;
  if (!update_of(f, v, arg, &u)) return NO;
  if (used_once(f, arg)) return YES;
  return update_by_parts(&u) && is_large(f, v) ? PERHAPS : NO;
}

bool part_stays(const Fn *f, Val v, Val arg, const Target *t) {
  const Ins *in = fn_ins(f, v);
  if (in->op != OP_part) return false;
  const Ins *call = fn_ins(f, in->arg[0]);
  const Loop *l = call->op == OP_loop ? call->u.loop : NULL;
  if (!l || in->u.i >= l->ncarry || call->arg[l->counted + in->u.i] != arg) return false;
  return given_once(call, arg) && carried_that_stay(f->cx, l, t)[in->u.i];
}

bool *carried_that_stay(Cx *cx, const Loop *l, const Target *t) {
  bool *s = NEWS(cx->arena, bool, l->ncarry + 1), unsure = false;
  for (int i = 0; i < l->ncarry; i++) {
    Stays one = l->body->in.at[1 + i].shape.rank > 0 ? stays(l->body, i, 1 + i, t) : NO;
    s[i] = one != NO;
    unsure |= one == PERHAPS;
  }
  while (unsure) { /* each time fewer, if not for good */
    const bool *there = outputs_in_place(body_in_place(l, s), t);
    unsure = false;
    for (int i = 0; i < l->ncarry; i++)
      if (s[i] && !there[i]) s[i] = false, unsure = true;
  }
  return s;
}

Fn *body_in_place(const Loop *l, const bool *stay) {
  Cx *cx = l->body->cx;
  Fn *f = arena_copy(cx->arena, l->body, sizeof *f);
  f->out.at = arena_copy(cx->arena, f->out.at, sizeof(Output) * (size_t)MAX(1, f->out.n));
  f->out.cap = f->out.n;
  for (int i = 0; i < l->ncarry; i++)
    if (stay[i]) f->out.at[i].alias = 1 + i;
  return f;
}
