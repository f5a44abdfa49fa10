/* stay.c: carried values that stay where they are. A loop that replaces a row of a carried tensor
 * in each step, `if row == k then x else old`, would copy the others from one place to the other.
 * Such a tensor has one place, of which only what changes is written (update.c). A running sum has
 * one place too: two would be twice as much to go through. In: a loop's body. Out: which carried
 * values stay.
 *
 * Others may read the old tensor in the same step, if all of them can do so before it is changed:
 * whether there is such an order of kernels is found by trying. A branch leaves a tensor in its
 * place where both of its bodies do. */
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
  return update_by_parts(&u) && !update_small(f, v, t) ? PERHAPS : NO;
}

/* ---- bodies ---- */
/* input[k]: the input that output k of f may replace where it lies, -1. Drops those that can't. */
static void try_in_place(const Fn *f, int *input, int n, const Target *t) {
  bool unsure = false;
  for (int k = 0; k < n; k++) {
    Stays one = input[k] >= 0 ? stays(f, k, input[k], t) : NO;
    if (one == NO) input[k] = -1;
    unsure |= one == PERHAPS;
  }
  while (unsure) { /* each time fewer, if not for good */
    const bool *there = outputs_in_place(body_in_place(f, input, n), t);
    unsure = false;
    for (int k = 0; k < n; k++)
      if (input[k] >= 0 && !there[k]) input[k] = -1, unsure = true;
  }
}

bool *carried_that_stay(Cx *cx, const Loop *l, const Target *t) {
  bool *s = NEWS(cx->arena, bool, l->ncarry + 1);
  int *input = NEWS(cx->arena, int, l->ncarry + 1);
  for (int i = 0; i < l->ncarry; i++) input[i] = l->body->in.at[1 + i].shape.rank > 0 ? 1 + i : -1;
  try_in_place(l->body, input, l->ncarry, t);
  for (int i = 0; i < l->ncarry; i++) s[i] = input[i] >= 0;
  return s;
}

int *branch_inputs(const Ins *call, const Target *t) {
  const Fn *body[2] = {call->u.branch->then, call->u.branch->other};
  int n = body[0]->out.n;
  int *input = NEWS(body[0]->cx->arena, int, n + 1), *one = NEWS(body[0]->cx->arena, int, n + 1);
  for (int k = 0; k < n; k++) {
    input[k] = -1;
    const Ins *y = fn_ins(body[0], body[0]->out.at[k].val);
    for (int j = 0; j < body[0]->in.n && input[k] < 0 && y->shape.rank > 0; j++) {
      const Input *x = &body[0]->in.at[j];
      if (x->type != (DType)y->type || !shape_eq(&x->shape, &y->shape)) continue;
      if (!given_once(call, call->arg[1 + j]) || stays(body[0], k, j, t) == NO ||
          stays(body[1], k, j, t) == NO)
        continue;
      input[k] = j;
      for (int i = 0; i < k; i++)
        if (input[i] == j) input[k] = -1;
    }
  }
  for (int side = 0; side < 2; side++) {
    memcpy(one, input, sizeof *one * (size_t)n);
    try_in_place(body[side], one, n, t);
    for (int k = 0; k < n; k++) input[k] = MIN(input[k], one[k]);
  }
  return input;
}

bool part_stays(const Fn *f, Val v, Val arg, const Target *t) {
  const Ins *in = fn_ins(f, v);
  if (in->op != OP_part) return false;
  const Ins *call = fn_ins(f, in->arg[0]);
  if (!given_once(call, arg)) return false;
  if (call->op == OP_branch) {
    int j = branch_inputs(call, t)[in->u.i];
    return j >= 0 && call->arg[1 + j] == arg;
  }
  const Loop *l = call->op == OP_loop ? call->u.loop : NULL;
  return l && in->u.i < l->ncarry && call->arg[l->counted + in->u.i] == arg &&
         carried_that_stay(f->cx, l, t)[in->u.i];
}

Fn *body_in_place(const Fn *body, const int *input, int n) {
  Cx *cx = body->cx;
  Fn *f = arena_copy(cx->arena, body, sizeof *f);
  if (f->out.n == 0) return f; /* a loop that nobody asks for anything but a count or a check */
  f->out.at = arena_copy(cx->arena, f->out.at, sizeof(Output) * (size_t)f->out.n);
  f->out.cap = f->out.n;
  for (int k = 0; k < n; k++)
    if (input[k] >= 0) f->out.at[k].alias = input[k];
  return f;
}
