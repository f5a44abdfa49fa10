/* adjoint_few.c: reverse mode of a loop whose steps are restored from few snapshots (binomial.c).
 *
 * Instead of collecting what each step had, the forward loop carries a shelf of snapshots and
 * leaves it behind. A step of the way back restores the carried values of the step it undoes, by
 * running the loop's body from the newest snapshot, which may put further snapshots on the shelf;
 * the rest of what it needs follows from the carried values within the step.
 *
 *   carried:   the adjoints and running sums; the shelf
 *   scanned:   as ever, but for the saved values
 *   captured:  as ever; the number of steps, and the scanned and captured tensors for running again
 *
 * Where the number of steps isn't known before the loop ends (`while`), the first sweep plans for
 * the most there can be; from then on the plan is for those that were done. */
#include "ir/cost.h"
#include "pass/adjoint_loop.h"
#include "pass/steps.h"

#include <math.h>

/* ---- whether ---- */
/* What a step needs to be run: the carried values among what is saved, and what these come from. */
static void find_state(const LoopPlan *p, bool *state) {
  const Loop *l = p->l;
  const Fn *f = l->body;
  bool *wanted = NEWS(f->cx->arena, bool, f->ins.n);
  for (int i = 0; i < p->nsaved; i++) wanted[p->saved[i]] = true;
  for (bool more = true; more;) {
    more = false;
    for (int i = 0; i < l->ncarry; i++) {
      if (!wanted[loop_carry(l, i)->val] || state[i]) continue;
      state[i] = more = true;
      wanted[f->out.at[i].val] = true;
    }
    for (Val v = f->ins.n; v-- > 1;)
      for (int k = 0; wanted[v] && k < fn_ins(f, v)->nargs; k++)
        wanted[fn_ins(f, v)->arg[k]] = true;
  }
}

static bool ranks_allow(const Loop *l) {
  for (int i = 0; i < l->ncarry + l->nscan; i++)
    if (l->body->in.at[1 + i].shape.rank + 1 >= IR_MAX_RANK) return false;
  return true;
}

static double state_bytes(const Loop *l, const bool *state) {
  double sum = type_info[T_I64].bytes; /* the number of the step */
  for (int i = 0; i < l->ncarry; i++)
    if (!state || state[i]) sum += ins_bytes(l->body->cx, loop_ins(l, loop_carry(l, i)->val));
  return sum;
}

static double bytes_allowed(const Cx *cx) { return cx->thrift ? cx->thrift->snapshots : 0; }

void few_choose(Cx *cx, LoopPlan *p, double step_bytes) {
  const Loop *l = p->l;
  double most = bytes_allowed(cx);
  if (most <= 0 || !dim_is_number(l->trip) || !ranks_allow(l)) return;
  if ((double)l->trip * step_bytes <= most || (double)l->trip * state_bytes(l, NULL) <= most)
    return;
  p->step_bytes = step_bytes;
  p->nundo = p->nslices = 0;
  p->few = NEW(cx->arena, Binomial);
  *p->few = (Binomial){.l = l, .state = NEWS(cx->arena, bool, l->ncarry + 1)};
  p->nsaved = 0;
  for (int i = 0; i < l->ncarry; i++) p->saved[p->nsaved++] = loop_carry(l, i)->val;
}

/* Beside the first sweep, for each step: as many as the theory says, and one in which the step is
 * undone, unless what it carries is all that it would have saved. */
static double runs_added(const LoopPlan *p) {
  double n = (double)p->l->trip, again = binomial_steps(p->l->trip, p->few->slots) / n - 1;
  return fmax(again, 0) + (p->step_bytes > state_bytes(p->l, p->few->state));
}

/* Asking the plan takes some 50 ns a step, in the first sweep, in each run, and where the step is
 * restored; a step takes 15 and one for each operation (measured with loops of 4 to 1000 elements).
 */
static double handling(const LoopPlan *p, double runs) {
  Cost step = fn_cost(p->l->body);
  return (2 + runs) * 50 / (15 + cost_number(&step));
}

void few_settle(Cx *cx, LoopPlan *p) {
  if (p->few && !p->nsaved) p->few = NULL; /* the way back asks for nothing */
  if (!p->few) return;
  Binomial *few = p->few;
  find_state(p, few->state);
  for (int i = 0; i < p->l->ncarry; i++) few->nstate += few->state[i];
  double slots = bytes_allowed(cx) / state_bytes(p->l, few->state);
  few->slots = (int64_t)fmax(1, fmin(floor(slots), (double)p->l->trip));
  struct Again *again = cx->thrift->again;
  if (!again) return;
  double runs = runs_added(p), cost = runs + handling(p, runs);
  again->runs = fmax(again->runs, runs);
  again->cost = fmax(again->cost, cost);
}

/* ---- the way there ---- */
static Val number(Builder *b, Dim n) { return ir_size(b, T_I64, &(Shape){0}, n); }

/* How many steps there are, if none of them ends the loop. */
static Val all_steps(Builder *b, const Loop *l, const Val *args) {
  if (!l->counted) return number(b, l->trip);
  return ir_map2(b, OP_max, ir_map2(b, OP_min, args[0], number(b, l->trip)), number(b, 0));
}

static Val same_input(Builder *b, const Fn *f, int i) {
  const Input *in = &f->in.at[i];
  return ir_input(b, in->name, in->type, &in->shape, in->role, in->span);
}

static Val integer_input(Builder *b, const char *name) {
  return ir_input(b, name_of(b->cx, name), T_I64, &(Shape){0}, ROLE_ARG, (Span){0});
}

static Val step_of(Builder *b, const Loop *l, Val index, Val n) {
  if (!l->reverse) return index;
  return ir_map2(b, OP_sub, ir_map2(b, OP_sub, n, index), ir_const_i(b, T_I64, NULL, 1));
}

/* Inputs and outputs of the loop's body, with the shelf behind what is carried; then the number of
 * steps. */
static Fn *visiting_body(const LoopPlan *p) {
  const Loop *l = p->l;
  const Fn *f = l->body;
  Cx *cx = f->cx;
  Builder b = ir_begin(cx, f->name);
  b.fn->span = f->span;
  Val *args = NEWS(cx->arena, Val, f->in.n + 1), *outs = NEWS(cx->arena, Val, f->out.n + 1),
      *shelf = NEWS(cx->arena, Val, binomial_shelf(p->few));
  for (int i = 0; i < f->in.n; i++) {
    if (i == 1 + l->ncarry) binomial_inputs(&b, p->few, shelf);
    args[i] = same_input(&b, f, i);
  }
  if (f->in.n == 1 + l->ncarry) binomial_inputs(&b, p->few, shelf);
  Val n = integer_input(&b, "count");
  binomial_visit(&b, p->few, step_of(&b, l, args[0], n), n, args + 1, shelf);
  ir_inline(&b, f, args, outs);
  for (int i = 0; i < l->ncarry; i++) ir_output(&b, f->out.at[i].name, outs[i]);
  for (int i = 0; i < binomial_shelf(p->few); i++) ir_output(&b, NULL, shelf[i]);
  for (int i = l->ncarry; i < f->out.n; i++) ir_output(&b, f->out.at[i].name, outs[i]);
  return ir_finish(&b);
}

/* The condition, which looks at neither the shelf nor the number of steps. */
static Fn *visiting_cond(const LoopPlan *p) {
  const Fn *f = p->l->cond;
  if (!f) return NULL;
  Builder b = ir_begin(f->cx, f->name);
  b.fn->span = f->span;
  Val *args = NEWS(f->cx->arena, Val, f->in.n + 1), out,
      *shelf = NEWS(f->cx->arena, Val, binomial_shelf(p->few));
  int first = 1 + p->l->ncarry;
  for (int i = 0; i < first; i++) args[i] = same_input(&b, f, i);
  binomial_inputs(&b, p->few, shelf);
  for (int i = first; i < f->in.n; i++) args[i] = same_input(&b, f, i);
  integer_input(&b, "count");
  ir_inline(&b, f, args, &out);
  ir_output(&b, NULL, out);
  return ir_finish(&b);
}

Val few_forward(Builder *b, LoopPlan *p, const Val *args) {
  const Loop *l = p->l;
  int shelf = binomial_shelf(p->few), n = 0, given = l->counted + l->body->in.n - 1;
  Val *operand = NEWS(b->cx->arena, Val, given + shelf + 2), count = all_steps(b, l, args);
  for (int i = 0; i < l->counted + l->ncarry; i++) operand[n++] = args[i];
  binomial_empty(b, p->few, operand + n);
  n += shelf;
  for (int i = l->counted + l->ncarry; i < given; i++) operand[n++] = args[i];
  operand[n++] = count;
  Loop with = *l;
  with.body = visiting_body(p);
  with.cond = visiting_cond(p);
  with.ncarry += shelf;
  return ir_loop(b, &with, operand, n);
}

/* ---- the way back ---- */
Fn *few_body(Cx *cx, const LoopPlan *p) {
  const Loop *l = p->l;
  const Fn *f = p->back;
  Arena *a = cx->arena;
  Builder b = ir_begin(cx, f->name);
  b.fn->span = f->span;
  int fixed = 1 + plan_adjoints(p), shelf = binomial_shelf(p->few);
  Val *args = NEWS(a, Val, f->in.n + 1), *outs = NEWS(a, Val, f->out.n + 1),
      *kept = NEWS(a, Val, shelf), *x = NEWS(a, Val, l->ncarry + 1),
      *scan = NEWS(a, Val, l->nscan + 1), *capture = NEWS(a, Val, loop_captures(l) + 1);
  for (int i = 0; i < fixed; i++) args[i] = same_input(&b, f, i);
  binomial_inputs(&b, p->few, kept);
  for (int i = fixed + p->nsaved; i < f->in.n; i++) args[i] = same_input(&b, f, i);
  Val n = integer_input(&b, "count");
  for (int i = 0; i < l->nscan; i++) {
    const Input *in = loop_scan(l, i);
    Shape all = shape_widened(&in->shape, l->trip);
    scan[i] = ir_input(&b, in->name, in->type, &all, ROLE_ARG, in->span);
  }
  for (int i = 0; i < loop_captures(l); i++)
    capture[i] = same_input(&b, l->body, 1 + l->ncarry + l->nscan + i);
  binomial_restore(&b, p->few, step_of(&b, l, args[0], n), n, scan, capture, kept, x);
  for (int i = 0; i < p->nsaved; i++) args[fixed + i] = x[loop_ins(l, p->saved[i])->u.i - 1];
  ir_inline(&b, f, args, outs);
  for (int i = 0; i < fixed - 1; i++) ir_output(&b, f->out.at[i].name, outs[i]);
  for (int i = 0; i < shelf; i++) ir_output(&b, NULL, kept[i]);
  for (int i = fixed - 1; i < f->out.n; i++) ir_output(&b, f->out.at[i].name, outs[i]);
  return ir_finish(&b);
}

int few_operands(Builder *b, const LoopPlan *p, const Val *args, Val *out) {
  const Loop *l = p->l;
  int n = 0;
  out[n++] = all_steps(b, l, args);
  for (int i = l->counted + l->ncarry; i < l->counted + l->body->in.n - 1; i++) out[n++] = args[i];
  return n;
}
