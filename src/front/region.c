/* region.c: the bodies of loops and branches while they are under construction. A body is an SSA
 * function of its own, but it sees the names around it: a tensor from there becomes an input of the
 * body, captured once. In: values with the function they are of. Out: the same as values of the
 * function under construction, and the lists of captures that become operands. */
#include "front/check.h"

void region_enter(Check *c, Unit *r, Builder *b, Name name) {
  *b = ir_begin(c->cx, name);
  b->span = c->b->span;
  *r = (Unit){.up = c->unit, .b = b, .batch = c->unit->batch, .region = true};
  region_resume(c, r);
}

void region_resume(Check *c, Unit *r) {
  c->unit = r;
  c->b = r->b;
}

void region_leave(Check *c) {
  c->unit = c->unit->up;
  c->b = c->unit->b;
}

Unit *unit_home(Check *c) {
  Unit *u = c->unit;
  while (u->region) u = u->up;
  return u;
}

/* ---- captures ---- */
static Val capture(Unit *r, Val outer, bool scan) {
  Arena *a = r->b->cx->arena;
  for (int i = 0; i < r->captures.n; i++) {
    const Capture *have = &r->captures.at[i];
    if (have->outer == outer && have->scan == scan) return have->inner;
  }
  const Ins from = *ir_ins(r->up->b, outer);
  if (!scan && (from.op == OP_const || from.op == OP_size || from.op == OP_iota))
    return ir_copy(r->b, &from, NULL);
  Shape s = from.shape;
  if (scan) {
    memmove(s.dim, s.dim + 1, (size_t)(s.rank - 1) * sizeof s.dim[0]);
    s.rank--;
  }
  Val inner = ir_input(r->b, from.hint, (DType)from.type, &s, ROLE_ARG, from.span);
  Capture new = {outer, inner, (int32_t)ir_ins(r->b, inner)->u.i, scan};
  vec_push(a, &r->captures, new);
  return inner;
}

static Val import(Unit *to, Unit *home, Val v) {
  if (to == home) return v;
  if (!to->region) cx_bug(to->b->cx, "a value of another function");
  return capture(to, import(to->up, home, v), false);
}

static Value *import_all(Check *c, Unit *home, const Value *v, int n) {
  Value *to = NEWS(c->cx->arena, Value, n + 1);
  for (int i = 0; i < n; i++) to[i] = import_value(c, home, v[i]);
  return to;
}

Value import_value(Check *c, Unit *home, Value v) {
  if (home == c->unit || !value_has_tensor(&v)) return v;
  Span span = c->b->span; /* copying a constant sets it */
  if (v.kind == V_TENSOR) v.u.t.val = import(c->unit, home, v.u.t.val);
  if (v.kind == V_TUPLE) v.u.tuple.item = import_all(c, home, v.u.tuple.item, v.u.tuple.n);
  if (v.kind == V_WEAK) {
    Weak *w = arena_copy(c->cx->arena, v.u.weak, sizeof *w);
    w->arg = import_all(c, home, w->arg, w->n);
    v.u.weak = w;
  }
  c->b->span = span;
  return v;
}

/* ---- slices that a loop scans ---- */
/* Names and sums of them: what can be evaluated twice at no cost. */
static bool is_simple(const Node *n) {
  switch (n->kind) {
  case NODE_NAME:
  case NODE_INT: return true;
  case NODE_UNARY: return is_simple(n->kid[0]);
  case NODE_BINARY: return n->u.op != OP_contract && is_simple(n->kid[0]) && is_simple(n->kid[1]);
  default: return false;
  }
}

/* An index that is the variable of the loop r, scaled and shifted, and not known to be outside.
 * *inside: what is outside is 0; so it is under a condition that keeps the reads inside. */
static bool scanned_index(Check *c, const Unit *r, const Node *n, bool *inside, Dim extent,
                          Affine *a) {
  Dim lo, hi;
  if (!r->label || !is_simple(n)) return false;
  c->dividing = *inside;
  Value v = eval_expr(c, n);
  c->dividing = false;
  if (!affine_of_value(&v, a) || a->n != 1 || a->term[0].label != r->label) return false;
  if (*inside) return true;
  if (!affine_interval(c->cx, a, NULL, &lo, &hi)) return false;
  if (dim_le(c->cx, r->label->extent, 0) == 1) return true; /* no iteration */
  if (guard_inside(c, a, extent, lo, hi)) return *inside = true;
  int below = dim_le(c->cx, 0, lo), above = dim_le(c->cx, dim_add(c->cx, hi, 1), extent);
  if (guard_mentions(c, r->label))
    return below == 1 && above == 1; /* else it is looked at when it runs */
  return below != 0 && above != 0;
}

/* Rows a(0), a(1), .. of axis `axis` of v, in front of all others. */
static Val scanned_rows(Check *c, Builder *b, Val v, int axis, const Affine *a, bool inside) {
  Shape s = *ir_shape(b, v), out = s;
  const Label *l = a->term[0].label;
  ViewDim *dim = NEWS(c->cx->arena, ViewDim, s.rank);
  ViewTerm *term = NEWS(c->cx->arena, ViewTerm, s.rank);
  for (int d = 0; d < s.rank; d++) {
    int place = d == axis ? 0 : d + (d < axis);
    term[d] = (ViewTerm){place, 1};
    dim[d] = (ViewDim){.den = 1, .n = 1, .term = &term[d]};
    out.dim[place] = s.dim[d];
  }
  out.dim[0] = l->extent;
  term[axis].coef = a->term[0].coef;
  dim[axis].off = dim_add(c->cx, a->off, dim_mul(c->cx, a->term[0].coef, l->lo));
  dim[axis].den = a->den;
  View view = {.rank = s.rank, .dim = dim, .claim = !inside};
  return ir_view(b, v, &out, &view);
}

bool loop_slice(Check *c, const Node *n, bool inside, Value *out, int *used) {
  Unit *home, *path[IR_MAX_RANK * 8];
  int depth = 0;
  *used = 0;
  if (!c->unit->region || n->kid[0]->kind != NODE_NAME) return false;
  for (Unit *u = c->unit; u->region; u = u->up) depth += u->label != NULL;
  if (!depth) return false;
  Value base = home_value(c, n->kid[0], &home);
  if (base.kind == V_WEAK && home != c->unit) { /* literals broadcast to a shape */
    Unit *unit = c->unit;
    region_resume(c, home);
    base = to_tensor(c, base, n->kid[0]->span);
    region_resume(c, unit);
  }
  if (base.kind != V_TENSOR || home == c->unit || n->nkids - 1 > tensor_rank(home->b, &base))
    return false;
  depth = 0;
  for (Unit *u = c->unit; u != home; u = u->up) {
    if (depth == COUNT_OF(path)) return false;
    path[depth++] = u;
  }
  const Labels *labels = value_labels(&base);
  Val v = base.u.t.val;
  while (depth > 0) {
    Unit *r = path[--depth];
    Affine a;
    bool more = *used + 1 < n->nkids;
    Dim extent = more ? ir_shape(r->up->b, v)->dim[labels->n] : 0;
    bool filled = inside;
    bool scan = more && scanned_index(c, r, n->kid[*used + 1], &filled, extent, &a);
    if (scan) v = scanned_rows(c, r->up->b, v, labels->n, &a, filled), ++*used;
    v = capture(r, v, scan);
  }
  *out = value_tensor(v, labels);
  out->name = base.name, out->decl = base.decl;
  return *used > 0;
}

/* ---- elements of stacked parameters ---- */
static Val row(Check *c, Builder *b, Val v, int axis, Dim at) {
  Shape s = *ir_shape(b, v), out = s;
  ViewDim *dim = NEWS(c->cx->arena, ViewDim, s.rank);
  ViewTerm *term = NEWS(c->cx->arena, ViewTerm, s.rank);
  for (int d = 0; d < s.rank; d++) {
    int place = d - (d > axis);
    term[d] = (ViewTerm){place, 1};
    dim[d] = (ViewDim){.den = 1, .n = d != axis, .term = &term[d], .off = d == axis ? at : 0};
    if (d != axis) out.dim[place] = s.dim[d];
  }
  out.rank--;
  View view = {.rank = s.rank, .dim = dim};
  return ir_view(b, v, &out, &view);
}

bool region_pick(Check *c, Unit *home, Value v, const Value *at, int n, Value *out) {
  const Labels *labels = value_labels(&v);
  Unit **path = NULL, *u = c->unit;
  int depth = 0, k = 0;
  for (; u != home; u = u->up) depth++;
  path = NEWS(c->cx->arena, Unit *, depth + 1);
  for (u = c->unit; u != home; u = u->up) path[--depth] = u;
  Val x = v.u.t.val;
  for (int i = 0;; i++) {
    Unit *r = path[i];
    Affine a;
    Builder *b = r ? r->up->b : c->b;
    for (; k < n && at[k].kind == V_INT; k++) x = row(c, b, x, labels->n, at[k].u.i);
    if (!r) break;
    bool scan =
        k < n && r->label && affine_of_value(&at[k], &a) && a.n == 1 && a.term[0].label == r->label;
    if (scan) x = scanned_rows(c, b, x, labels->n, &a, false), k++;
    x = capture(r, x, scan);
  }
  *out = value_tensor(x, labels);
  out->name = v.name, out->decl = v.decl;
  return k == n;
}

/* ---- operands ---- */
void region_add(Check *c, RegionInputs *in, Val outer, bool scan, int which, int number) {
  for (int i = 0; i < in->n; i++)
    if (in->at[i].outer == outer && in->at[i].scan == scan) {
      in->at[i].number[which] = number;
      return;
    }
  RegionInput x = {outer, scan, {-1, -1}};
  x.number[which] = number;
  vec_push(c->cx->arena, in, x);
}

void region_captures(Check *c, const Unit *r, const Fn *raw, int which, bool scan,
                     RegionInputs *in) {
  for (int i = 0; i < r->captures.n; i++) {
    const Capture *x = &r->captures.at[i];
    if (x->scan == scan && fn_uses_input(raw, x->number))
      region_add(c, in, x->outer, scan, which, x->number);
  }
}

static Val add_input(Builder *b, const Input *in) {
  return ir_input(b, in->name, in->type, &in->shape, ROLE_ARG, in->span);
}

/* An input that only the other body uses. */
static Val unused_input(Builder *b, const Ins *outer, bool scan) {
  Shape s = outer->shape;
  if (scan) {
    memmove(s.dim, s.dim + 1, (size_t)(s.rank - 1) * sizeof s.dim[0]);
    s.rank--;
  }
  return ir_input(b, outer->hint, (DType)outer->type, &s, ROLE_ARG, outer->span);
}

Fn *region_fn(Check *c, const Fn *raw, int which, const int *lead, int nlead,
              const RegionInputs *in) {
  Builder b = ir_begin(c->cx, raw->name);
  Val *args = NEWS(c->cx->arena, Val, raw->in.n + 1),
      *outs = NEWS(c->cx->arena, Val, raw->out.n + 1);
  b.span = c->b->span;
  b.fn->span = c->b->span;
  for (int i = 0; i < nlead; i++) args[lead[i]] = add_input(&b, &raw->in.at[lead[i]]);
  for (int i = 0; i < in->n; i++) {
    const RegionInput *x = &in->at[i];
    int number = x->number[which];
    if (number >= 0) args[number] = add_input(&b, &raw->in.at[number]);
    else unused_input(&b, ir_ins(c->b, x->outer), x->scan);
  }
  /* what nothing uses needs no value, but inlining wants one of the type */
  for (int i = 0; i < raw->in.n; i++)
    if (!args[i]) args[i] = ir_const_i(&b, raw->in.at[i].type, &raw->in.at[i].shape, 0);
  ir_inline(&b, raw, args, outs);
  for (int i = 0; i < raw->out.n; i++) ir_output(&b, raw->out.at[i].name, outs[i]);
  return ir_finish(&b);
}
