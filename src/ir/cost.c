/* cost.c: see cost.h. */
#include "ir/cost.h"

static void add_term(Cx *cx, Cost *c, double n, Dim size) {
  for (int i = 0; i < c->term.n; i++)
    if (c->term.at[i].size == size) {
      c->term.at[i].n += n;
      return;
    }
  CostTerm t = {n, size};
  if (n != 0) vec_push(cx->arena, &c->term, t);
}

/* Numbers are multiplied as floats, which no product of extents overflows. */
static void times(Cx *cx, CostTerm *t, Dim d) {
  if (dim_is_number(d)) t->n *= (double)d;
  else t->size = dim_mul(cx, t->size, d);
}

static void add_count(Cx *cx, Cost *c, double each, const Shape *s) {
  CostTerm t = {each, 1};
  for (int d = 0; d < s->rank; d++) times(cx, &t, s->dim[d]);
  add_term(cx, c, t.n, t.size);
}

static void add_times(Cx *cx, Cost *c, const Cost *body, double n, Dim size) {
  for (int i = 0; i < body->term.n; i++) {
    CostTerm t = body->term.at[i];
    t.n *= n;
    times(cx, &t, size);
    add_term(cx, c, t.n, t.size);
  }
}

double loop_steps(const Loop *l, Dim *names) {
  bool known = l->counted && l->typical > 0;
  *names = known || dim_is_number(l->trip) ? 1 : l->trip;
  return known ? l->typical : dim_is_number(l->trip) ? (double)l->trip : 1;
}

/* Every label once: those of a, and those of b that a lacks. */
static void add_contract(const Fn *f, Cost *c, const Ins *in) {
  const Contract *k = in->u.contract;
  const Shape *a = &fn_ins(f, in->arg[0])->shape, *b = &fn_ins(f, in->arg[1])->shape;
  Shape all = *a;
  for (int i = 0; i < b->rank; i++) {
    bool in_a = false;
    for (int j = 0; j < a->rank; j++) in_a |= k->a[j] == k->b[i];
    if (!in_a && all.rank < IR_MAX_RANK) all.dim[all.rank++] = b->dim[i];
  }
  add_count(f->cx, c, 2, &all);
}

static void add_bodies(const Fn *f, Cost *c, const Ins *in) {
  if (in->op == OP_loop) {
    Cost body = fn_cost(in->u.loop->body);
    Dim size;
    double n = loop_steps(in->u.loop, &size);
    add_times(f->cx, c, &body, n, size);
    if (!in->u.loop->cond) return;
    Cost cond = fn_cost(in->u.loop->cond);
    add_times(f->cx, c, &cond, n, size);
  } else if (in->op == OP_branch) {
    Cost a = fn_cost(in->u.branch->then), b = fn_cost(in->u.branch->other);
    add_times(f->cx, c, cost_number(&a) >= cost_number(&b) ? &a : &b, 1, 1);
  }
}

static void add_ins(const Fn *f, Cost *c, const Ins *in) {
  switch (op_kind((Op)in->op)) {
  case KIND_MAP:
    if (in->op != OP_stop) add_count(f->cx, c, 1, &in->shape);
    break;
  case KIND_FOLD: add_count(f->cx, c, 1, &fn_ins(f, in->arg[0])->shape); break;
  case KIND_DOT: add_contract(f, c, in); break;
  case KIND_MOVE:
    if (in->op == OP_scatter) add_count(f->cx, c, 1, &fn_ins(f, in->arg[0])->shape);
    break;
  case KIND_LOOP: add_bodies(f, c, in); break;
  case KIND_LEAF: break;
  }
}

Cost ins_cost(const Fn *f, const Ins *in) {
  Cost c = {0};
  add_ins(f, &c, in);
  return c;
}

Cost fn_cost(const Fn *f) {
  Cost c = {0};
  for (Val v = 1; v < f->ins.n; v++) add_ins(f, &c, fn_ins(f, v));
  return c;
}

double cost_number(const Cost *c) {
  double n = 0;
  for (int i = 0; i < c->term.n; i++) n += c->term.at[i].n;
  return n;
}

void cost_print(Cx *cx, const Cost *c, Text *out) {
  if (!c->term.n) text_add(out, "0");
  for (int i = 0; i < c->term.n; i++) {
    const CostTerm *t = &c->term.at[i];
    if (i) text_add(out, " + ");
    if (t->n != 1 || t->size == 1) text_fmt(out, "%.0f", t->n);
    if (t->size == 1) continue;
    Text size = text_new(cx->arena);
    dim_print(cx, t->size, &size);
    bool one_word = !strchr(text_str(&size), ' ');
    text_fmt(out, one_word ? "%s%s" : "%s(%s)", t->n != 1 ? "*" : "", text_str(&size));
  }
}
