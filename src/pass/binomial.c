/* binomial.c: the steps of a loop backwards from a fixed number of snapshots. In: a loop's body,
 * the number of snapshots. Out: instructions that take and use them.
 *
 * With s snapshots and no step run more than r times, at most beta(s, r) = C(s + r, s) steps can be
 * undone. n steps that begin at a snapshot are cut in two after m steps, where the next snapshot is
 * taken: what follows has s - 1 snapshots left and is undone first, the m before it then have s
 * again but one run less. So the best m keeps
 *
 *   m <= beta(s, r - 1)   n - m <= beta(s - 1, r)     r the least with n <= beta(s, r)
 *
 * (Griewank and Walther, Algorithm 799: Revolve, 2000.) m = min(beta(s, r - 1), n - beta(s - 1,
 * r - 1)) is one of them. Steps run in all, the first sweep to the last step among them:
 * r*n - beta(s + 1, r - 1).
 *
 * Snapshots are rows of tensors that are carried from step to step; taking one is
 * `if row == k then x else old`, which the lowering does in place (loop/rows.c). The plan is made
 * while the program runs, because the number of steps may be known only then. */
#include "pass/binomial.h"

#include <math.h>

/* ---- the theory ---- */
static double beta(double s, double r) {
  double n = 1;
  for (double i = 1; i <= fmin(s, r); i++) n = n * (fmax(s, r) + i) / i;
  return n;
}

int64_t binomial_repeats(int64_t n, int64_t slots) {
  int64_t r = 0;
  if (slots < 2) return n > 1 ? n - 1 : 0;
  while (beta((double)slots, (double)r) < (double)n) r++;
  return r;
}

double binomial_steps(int64_t n, int64_t slots) {
  int64_t r = binomial_repeats(n, slots);
  return r ? (double)r * (double)n - beta((double)slots + 1, (double)r - 1) : 0;
}

/* ---- small things ---- */
static Val number(Builder *b, int64_t n) { return ir_const_i(b, T_I64, NULL, n); }
static Val real(Builder *b, double n) { return ir_const_f(b, T_F64, NULL, n); }

static Val along(Builder *b, Val scalar, Dim n) {
  Shape s = {1, {n}};
  return ir_broadcast(b, scalar, &s);
}

static int captures(const Loop *l) { return l->body->in.n - 1 - l->ncarry - l->nscan; }
static const Input *carry_in(const Loop *l, int i) { return &l->body->in.at[1 + i]; }

int binomial_shelf(const Binomial *s) { return s->nstate + 3; }
static Val *taken_at(const Binomial *s, Val *shelf) { return &shelf[s->nstate]; }
static Val *held(const Binomial *s, Val *shelf) { return &shelf[s->nstate + 1]; }
static Val *next(const Binomial *s, Val *shelf) { return &shelf[s->nstate + 2]; }

static Shape rows_of(const Binomial *s, int carry) {
  const Shape *one = &carry_in(s->l, carry)->shape;
  Shape all = {.rank = one->rank + 1, .dim = {s->slots}};
  memcpy(all.dim + 1, one->dim, (size_t)one->rank * sizeof one->dim[0]);
  return all;
}

void binomial_empty(Builder *b, const Binomial *s, Val *shelf) {
  int n = 0;
  for (int i = 0; i < s->l->ncarry; i++) {
    if (!s->state[i]) continue;
    Shape all = rows_of(s, i);
    shelf[n++] = ir_const_i(b, carry_in(s->l, i)->type, &all, 0);
  }
  *taken_at(s, shelf) = ir_const_i(b, T_I64, &(Shape){1, {s->slots}}, 0);
  *held(s, shelf) = *next(s, shelf) = number(b, 0);
}

static Val integer_input(Builder *b, const char *name, const Shape *shape) {
  return ir_input(b, name_of(b->cx, name), T_I64, shape, ROLE_ARG, (Span){0});
}

void binomial_inputs(Builder *b, const Binomial *s, Val *shelf) {
  int n = 0;
  for (int i = 0; i < s->l->ncarry; i++) {
    if (!s->state[i]) continue;
    const Input *in = carry_in(s->l, i);
    Shape all = rows_of(s, i);
    Name name = name_fmt(b->cx, "%s_kept", in->name ? in->name : "v");
    shelf[n++] = ir_input(b, name, in->type, &all, ROLE_ARG, in->span);
  }
  *taken_at(s, shelf) = integer_input(b, "kept_at", &(Shape){1, {s->slots}});
  *held(s, shelf) = integer_input(b, "kept", &(Shape){0});
  *next(s, shelf) = integer_input(b, "keep_at", &(Shape){0});
}

/* ---- where the next snapshot is taken ---- */
/* beta(s, q) for q = 0..most: the product of (s + i)/i for i = 1..q, exact after rounding. */
static Val beta_row(Builder *b, Val slots, int64_t most) {
  Shape square = {2, {most + 1, most}};
  Val i = ir_map2(b, OP_add, ir_iota_along(b, T_F64, &square, 1), ir_const_f(b, T_F64, &square, 1));
  Val factor = ir_map2(b, OP_div, ir_map2(b, OP_add, ir_broadcast(b, slots, &square), i), i);
  Val in = ir_map2(b, OP_le, i, ir_iota_along(b, T_F64, &square, 0));
  Val row = ir_map3(b, OP_select, in, factor, ir_const_f(b, T_F64, &square, 1));
  return ir_map1(b, OP_round, ir_fold(b, OP_prod, row, 2));
}

/* Body: (t, until, free) -> the step after t at which a snapshot is taken, -1: none. free: how many
 * there are, that of step t among them. */
static Fn *plan_body(Cx *cx, const Binomial *s) {
  int64_t most = binomial_repeats(s->l->trip, s->slots);
  Builder b = ir_begin(cx, name_of(cx, "plan"));
  Val t = integer_input(&b, "t", &(Shape){0}), until = integer_input(&b, "until", &(Shape){0}),
      left = integer_input(&b, "free", &(Shape){0});
  Val n = ir_cast(&b, T_F64, ir_map2(&b, OP_sub, until, t)), slots = ir_cast(&b, T_F64, left);
  Val row = beta_row(&b, slots, most), few = ir_map2(&b, OP_lt, row, along(&b, n, most + 1));
  /* beta(s, r - 1), and r */
  Val none = ir_zeros_like(&b, row);
  Val before = ir_fold(&b, OP_amax, ir_map3(&b, OP_select, few, row, none), 1);
  Val r = ir_fold(&b, OP_sum, ir_cast(&b, T_F64, few), 1);
  /* beta(s - 1, r - 1) = beta(s, r - 1) * s/(s + r - 1) */
  Val sum = ir_map2(&b, OP_sub, ir_map2(&b, OP_add, slots, r), real(&b, 1));
  Val other = ir_map1(&b, OP_round, ir_map2(&b, OP_div, ir_map2(&b, OP_mul, before, slots), sum));
  Val m = ir_map2(&b, OP_min, before, ir_map2(&b, OP_sub, n, other));
  m = ir_map2(&b, OP_max, m, real(&b, 1)); /* it advances, whatever is rounded */
  Val at = ir_map2(&b, OP_add, t, ir_cast(&b, T_I64, m));
  Val some =
      ir_map2(&b, OP_and, ir_map2(&b, OP_ge, left, number(&b, 2)), ir_map2(&b, OP_lt, at, until));
  ir_output(&b, NULL, ir_map3(&b, OP_select, some, at, number(&b, -1)));
  return ir_finish(&b);
}

static Fn *no_plan_body(Cx *cx) {
  Builder b = ir_begin(cx, name_of(cx, "plan"));
  for (int i = 0; i < 3; i++)
    integer_input(&b, i == 0 ? "t" : i == 1 ? "until" : "free", &(Shape){0});
  ir_output(&b, NULL, number(&b, -1));
  return ir_finish(&b);
}

static Val planned(Builder *b, const Binomial *s, Val t, Val until, Val left) {
  if (s->slots < 2) return number(b, -1);
  Val args[] = {t, until, left};
  Val some = ir_map2(b, OP_and, ir_map2(b, OP_ge, left, number(b, 2)),
                     ir_map2(b, OP_gt, ir_map2(b, OP_sub, until, t), number(b, 1)));
  Val choice = ir_branch(b, plan_body(b->cx, s), no_plan_body(b->cx), some, args, 3);
  return ir_part(b, choice, 0);
}

/* ---- taking snapshots ---- */
/* `rows` with row k replaced by x; nothing where there is no such row. */
static Val with_row(Builder *b, Val rows, Val k, Val x) {
  Shape all = *ir_shape(b, rows);
  int32_t at[IR_MAX_RANK];
  for (int d = 0; d + 1 < all.rank; d++) at[d] = d + 1;
  Val here = ir_map2(b, OP_eq, ir_iota_along(b, T_I64, &all, 0), ir_spread(b, k, &all, at));
  return ir_map3(b, OP_select, here, ir_spread(b, x, &all, at), rows);
}

static Val row_at(Builder *b, Val rows, Val k) { return ir_gather(b, rows, &k, (int32_t[]){0}, 1); }

/* Where the plan goes on after a snapshot at step t. The branch is taken only there. */
static Val next_after(Builder *b, const Binomial *s, Val hit, Val t, Val until, const Val *shelf) {
  Val left = ir_map2(b, OP_sub, number(b, s->slots), *held(s, (Val *)shelf));
  Val asked = ir_map3(b, OP_select, hit, left, number(b, 0)); /* 0 snapshots: no plan is made */
  return ir_map3(b, OP_select, hit, planned(b, s, t, until, asked), *next(s, (Val *)shelf));
}

void binomial_visit(Builder *b, const Binomial *s, Val t, Val until, const Val *x, Val *shelf) {
  Val hit = ir_map2(b, OP_eq, t, *next(s, shelf));
  Val k = ir_map3(b, OP_select, hit, *held(s, shelf), number(b, -1));
  Val then = next_after(b, s, hit, t, until, shelf);
  for (int i = 0, n = 0; i < s->l->ncarry; i++)
    if (s->state[i]) shelf[n] = with_row(b, shelf[n], k, x[i]), n++;
  *taken_at(s, shelf) = with_row(b, *taken_at(s, shelf), k, t);
  *held(s, shelf) = ir_map2(b, OP_add, *held(s, shelf), ir_cast(b, T_I64, hit));
  *next(s, shelf) = then;
}

/* ---- going forward again ---- */
typedef struct Forward { /* inputs of the body */
  Val j, *x, *shelf, first, until, n, *scan, *capture;
} Forward;

static Forward forward_inputs(Builder *b, const Binomial *s) {
  const Loop *l = s->l;
  Arena *a = b->cx->arena;
  Forward f = {.x = NEWS(a, Val, l->ncarry + 1),
               .shelf = NEWS(a, Val, l->ncarry + 4),
               .scan = NEWS(a, Val, l->nscan + 1),
               .capture = NEWS(a, Val, captures(l) + 1)};
  f.j = integer_input(b, "step", &(Shape){0});
  for (int i = 0; i < l->ncarry; i++) {
    const Input *in = carry_in(l, i);
    if (s->state[i]) f.x[i] = ir_input(b, in->name, in->type, &in->shape, ROLE_ARG, in->span);
    else f.x[i] = ir_const_i(b, in->type, &in->shape, 0);
  }
  binomial_inputs(b, s, f.shelf);
  f.first = integer_input(b, "from", &(Shape){0});
  f.until = integer_input(b, "until", &(Shape){0});
  f.n = integer_input(b, "count", &(Shape){0});
  for (int i = 0; i < l->nscan; i++) {
    const Input *in = &l->body->in.at[1 + l->ncarry + i];
    Shape all = {.rank = in->shape.rank + 1, .dim = {l->trip}};
    memcpy(all.dim + 1, in->shape.dim, (size_t)in->shape.rank * sizeof all.dim[0]);
    f.scan[i] = ir_input(b, in->name, in->type, &all, ROLE_ARG, in->span);
  }
  for (int i = 0; i < captures(l); i++) {
    const Input *in = &l->body->in.at[1 + l->ncarry + l->nscan + i];
    f.capture[i] = ir_input(b, in->name, in->type, &in->shape, ROLE_ARG, in->span);
  }
  return f;
}

/* Step from + j of the loop, and the snapshot before it where the plan has one. */
static Fn *forward_body(Cx *cx, const Binomial *s) {
  const Loop *l = s->l;
  Builder b = ir_begin(cx, l->body->name);
  b.fn->span = l->body->span;
  Forward f = forward_inputs(&b, s);
  Val t = ir_map2(&b, OP_add, f.first, f.j), index = t;
  if (l->reverse) index = ir_map2(&b, OP_sub, ir_map2(&b, OP_sub, f.n, t), number(&b, 1));
  binomial_visit(&b, s, t, f.until, f.x, f.shelf);
  Val *args = NEWS(cx->arena, Val, l->body->in.n + 1),
      *outs = NEWS(cx->arena, Val, l->body->out.n + 1);
  int n = 0;
  args[n++] = index;
  for (int i = 0; i < l->ncarry; i++) args[n++] = f.x[i];
  for (int i = 0; i < l->nscan; i++) args[n++] = row_at(&b, f.scan[i], index);
  for (int i = 0; i < captures(l); i++) args[n++] = f.capture[i];
  ir_inline(&b, l->body, args, outs);
  for (int i = 0; i < l->ncarry; i++)
    if (s->state[i]) ir_output(&b, l->body->out.at[i].name, outs[i]);
  for (int i = 0; i < binomial_shelf(s); i++) ir_output(&b, NULL, f.shelf[i]);
  return ir_finish(&b);
}

/* All runs but those of the first sweep, shared among the steps. */
static double typical_steps(const Binomial *s) {
  double n = (double)s->l->trip;
  return fmax(1, (binomial_steps(s->l->trip, s->slots) - n) / n);
}

void binomial_restore(Builder *b, const Binomial *s, Val t, Val n, const Val *scan,
                      const Val *capture, Val *shelf, Val *x) {
  const Loop *l = s->l;
  Val top = ir_map2(b, OP_sub, *held(s, shelf), number(b, 1)),
      first = row_at(b, *taken_at(s, shelf), top), until = ir_map2(b, OP_add, t, number(b, 1));
  Val steps = ir_map2(b, OP_sub, t, first);
  Val *args = NEWS(b->cx->arena, Val, l->body->in.n + 2 * l->ncarry + 8);
  int at = 0;
  args[at++] = steps;
  for (int i = 0, k = 0; i < l->ncarry; i++)
    if (s->state[i]) args[at++] = row_at(b, shelf[k++], top);
  *next(s, shelf) = planned(b, s, first, until, ir_map2(b, OP_sub, number(b, s->slots), top));
  for (int i = 0; i < binomial_shelf(s); i++) args[at++] = shelf[i];
  args[at++] = first, args[at++] = until, args[at++] = n;
  for (int i = 0; i < l->nscan; i++) args[at++] = scan[i];
  for (int i = 0; i < captures(l); i++) args[at++] = capture[i];
  Loop again = {.body = forward_body(b->cx, s),
                .trip = l->trip,
                .ncarry = s->nstate + binomial_shelf(s),
                .counted = true,
                .typical = typical_steps(s)};
  Val loop = ir_loop(b, &again, args, at);
  for (int i = 0, k = 0; i < l->ncarry; i++)
    x[i] = s->state[i] ? ir_part(b, loop, k++)
                       : ir_const_i(b, carry_in(l, i)->type, &carry_in(l, i)->shape, 0);
  for (int i = 0; i < binomial_shelf(s); i++) shelf[i] = ir_part(b, loop, s->nstate + i);
  /* the snapshot of step t itself has served */
  Val served = ir_map2(b, OP_eq, first, t);
  *held(s, shelf) = ir_map2(b, OP_sub, *held(s, shelf), ir_cast(b, T_I64, served));
}
