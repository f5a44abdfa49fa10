/* build.c: making instructions: hash-consing, leaves, bodies, and the end of a function. The rest
 * of the builder is by kind: build_map.c, build_fold.c, build_move.c. */
#include "ir/build.h"
#include "ir/build_parts.h"

/* ---- hash-consing ---- */
static uint64_t mix(uint64_t h, uint64_t x) {
  h = (h ^ x) * 0x9E3779B97F4A7C15u;
  return h ^ (h >> 29);
}

static uint64_t hash_attr(uint64_t h, const Ins *i) {
  switch ((Op)i->op) {
  case OP_view:
    for (int d = 0; d < i->u.view->rank; d++) {
      const ViewDim *v = &i->u.view->dim[d];
      h = mix(mix(h, (uint64_t)v->off), (uint64_t)v->den);
      for (int t = 0; t < v->n; t++)
        h = mix(mix(h, (uint64_t)v->term[t].label), (uint64_t)v->term[t].coef);
    }
    return h;
  case OP_contract: return mix(h, (uint64_t)i->u.contract->nlabels);
  case OP_gather:
  case OP_scatter: return mix(h, (uint64_t)i->u.gather->naxes);
  case OP_loop: return mix(h, (uint64_t)(uintptr_t)i->u.loop->body);
  case OP_branch: return mix(h, (uint64_t)(uintptr_t)i->u.branch->then);
  case OP_vjp:
  case OP_jvp:
  case OP_vmap:
  case OP_call: return mix(h, (uint64_t)(uintptr_t)i->u.body->fn);
  default: return mix(h, (uint64_t)i->u.i);
  }
}

static uint32_t hash_ins(const Ins *i) {
  uint64_t h = mix(i->op, i->type);
  for (int k = 0; k < i->nargs; k++) h = mix(h, (uint64_t)i->arg[k]);
  for (int k = 0; k < i->shape.rank; k++) h = mix(h, (uint64_t)i->shape.dim[k]);
  return (uint32_t)(hash_attr(h, i) >> 16);
}

bool view_eq(const View *a, const View *b) {
  if (a->rank != b->rank) return false;
  for (int d = 0; d < a->rank; d++) {
    const ViewDim *x = &a->dim[d], *y = &b->dim[d];
    if (x->off != y->off || x->den != y->den || x->n != y->n) return false;
    for (int t = 0; t < x->n; t++)
      if (x->term[t].label != y->term[t].label || x->term[t].coef != y->term[t].coef) return false;
  }
  return true;
}

static bool gather_eq(const Gather *a, const Gather *b) {
  return a->naxes == b->naxes && !memcmp(a->axis, b->axis, (size_t)a->naxes * sizeof a->axis[0]) &&
         shape_eq(&a->full, &b->full);
}

static bool body_eq(const Body *a, const Body *b, int ninputs) {
  return a->fn == b->fn && a->adjoint == b->adjoint && a->tangent == b->tangent &&
         a->again == b->again && shape_eq(&a->lead, &b->lead) &&
         !memcmp(a->wrt, b->wrt, (size_t)((ninputs + 63) / 64) * sizeof *a->wrt);
}

static bool loop_eq(const Loop *a, const Loop *b) {
  return a->body == b->body && a->cond == b->cond && a->trip == b->trip && a->ncarry == b->ncarry &&
         a->nscan == b->nscan && a->ncollect == b->ncollect && a->counted == b->counted &&
         a->reverse == b->reverse;
}

static bool attr_eq(const Ins *a, const Ins *b) {
  switch ((Op)a->op) {
  case OP_view: return view_eq(a->u.view, b->u.view);
  case OP_contract: return !memcmp(a->u.contract, b->u.contract, sizeof(Contract));
  case OP_gather:
  case OP_scatter: return gather_eq(a->u.gather, b->u.gather);
  case OP_loop: return loop_eq(a->u.loop, b->u.loop);
  case OP_branch:
    return a->u.branch->then == b->u.branch->then && a->u.branch->other == b->u.branch->other;
  case OP_vjp:
  case OP_jvp:
  case OP_vmap:
  case OP_call: return body_eq(a->u.body, b->u.body, a->u.body->fn->in.n);
  default: return a->u.i == b->u.i; /* floats compare by bits: -0 and 0 are two constants */
  }
}

static bool ins_eq(const Ins *a, const Ins *b) {
  return a->op == b->op && a->type == b->type && a->nargs == b->nargs &&
         (!a->nargs || !memcmp(a->arg, b->arg, a->nargs * sizeof *a->arg)) &&
         shape_eq(&a->shape, &b->shape) && attr_eq(a, b);
}

static void rehash(Builder *b) {
  b->nbuckets = b->nbuckets ? b->nbuckets * 4 : 256;
  b->bucket = NEWS(b->cx->arena, int32_t, b->nbuckets);
  for (Val v = 1; v < b->fn->ins.n; v++) {
    Ins *i = &b->fn->ins.at[v];
    int32_t *slot = &b->bucket[hash_ins(i) & (uint32_t)(b->nbuckets - 1)];
    i->hash_next = *slot;
    *slot = v;
  }
}

Val build_find(Builder *b, const Ins *i) {
  for (Val v = b->bucket[hash_ins(i) & (uint32_t)(b->nbuckets - 1)]; v;
       v = b->fn->ins.at[v].hash_next)
    if (ins_eq(&b->fn->ins.at[v], i)) return v;
  return 0;
}

/* A tensor without elements is computed from nothing: one form, whatever it comes from, so that no
 * later layer meets reads of what isn't there. */
static bool is_vacant(const Ins *i) {
  switch (op_kind((Op)i->op)) {
  case KIND_MAP:
  case KIND_FOLD:
  case KIND_MOVE:
  case KIND_DOT: return shape_is_empty(&i->shape);
  case KIND_LOOP: return false;
  case KIND_LEAF: return (i->op == OP_iota || i->op == OP_size) && shape_is_empty(&i->shape);
  }
  return false;
}

Val build_emit(Builder *b, const Ins *proto) {
  if (is_vacant(proto)) return b->hint = NULL, ir_const_i(b, (DType)proto->type, &proto->shape, 0);
  Val v = build_find(b, proto);
  Name hint = b->hint;
  b->hint = NULL;
  if (v) {
    ir_name(b, v, hint);
    return v;
  }
  if (b->fn->ins.n >= 2 * b->nbuckets) rehash(b);
  Ins i = *proto;
  if (!i.span.source) i.span = b->span;
  if (!i.hint) i.hint = hint;
  i.derived = (uint8_t)b->derived;
  i.arg = i.nargs ? arena_copy(b->cx->arena, i.arg, i.nargs * sizeof *i.arg) : NULL;
  int32_t *slot = &b->bucket[hash_ins(&i) & (uint32_t)(b->nbuckets - 1)];
  i.hash_next = *slot;
  *slot = v = b->fn->ins.n;
  vec_push(b->cx->arena, &b->fn->ins, i);
  return v;
}

void ir_name(Builder *b, Val v, Name hint) {
  Ins *i = &b->fn->ins.at[v];
  if (!i->hint && hint && i->op != OP_const) i->hint = hint;
}

/* ---- beginning and end ---- */
Builder ir_begin(Cx *cx, Name name) {
  Builder b = {.cx = cx, .fn = NEW(cx->arena, Fn)};
  b.fn->cx = cx;
  b.fn->name = name;
  rehash(&b);
  vec_push(cx->arena, &b.fn->ins, ((Ins){.op = OP_none}));
  return b;
}

Val ir_input(Builder *b, Name name, DType t, const Shape *s, InputRole role, Span span) {
  Ins i = {.op = OP_arg, .type = t, .shape = *s, .u.i = b->fn->in.n, .span = span, .hint = name};
  Val v = build_emit(b, &i);
  vec_push(b->cx->arena, &b->fn->in, ((Input){name, t, *s, role, span, v}));
  return v;
}

void ir_output(Builder *b, Name name, Val v) {
  if (v <= 0 || v >= b->fn->ins.n)
    cx_bug(b->cx, "output %d of %s has no value", b->fn->out.n, b->fn->name);
  vec_push(b->cx->arena, &b->fn->out, ((Output){name, v, -1}));
}

/* Operands have smaller numbers, so one sweep from the end finds all that is needed. */
Fn *ir_finish(Builder *b) {
  Fn *f = b->fn;
  Arena *a = b->cx->arena;
  bool *live = NEWS(a, bool, f->ins.n);
  Val *to = NEWS(a, Val, f->ins.n);
  for (int i = 0; i < f->in.n; i++) live[f->in.at[i].val] = true;
  for (int i = 0; i < f->out.n; i++) live[f->out.at[i].val] = true;
  for (Val v = f->ins.n; v-- > 1;)
    for (int k = 0; live[v] && k < f->ins.at[v].nargs; k++) live[f->ins.at[v].arg[k]] = true;
  Val n = 1;
  for (Val v = 1; v < f->ins.n; v++) {
    if (!live[v]) continue;
    Ins i = f->ins.at[v];
    for (int k = 0; k < i.nargs; k++) i.arg[k] = to[i.arg[k]];
    f->ins.at[n] = i;
    to[v] = n++;
  }
  f->ins.n = n;
  for (int i = 0; i < f->in.n; i++) f->in.at[i].val = to[f->in.at[i].val];
  for (int i = 0; i < f->out.n; i++) f->out.at[i].val = to[f->out.at[i].val];
  b->fn = NULL;
  return f;
}

/* ---- leaves ---- */
static Shape shape_or_scalar(const Shape *s) { return s ? *s : (Shape){0}; }

Val ir_const_i(Builder *b, DType t, const Shape *s, int64_t v) {
  if (type_is_float(t)) return ir_const_f(b, t, s, (double)v);
  Ins i = {.op = OP_const, .type = t, .shape = shape_or_scalar(s)};
  Scalar in = {.i = shape_is_empty(&i.shape) ? 0 : v};
  i.u.i = ir_map_value(OP_cast, T_I64, t, &in).i;
  return build_emit(b, &i);
}

Val ir_const_f(Builder *b, DType t, const Shape *s, double v) {
  Ins i = {.op = OP_const, .type = t, .shape = shape_or_scalar(s)};
  Scalar in = {.f = shape_is_empty(&i.shape) ? 0 : v}, out = ir_map_value(OP_cast, T_F64, t, &in);
  if (type_is_float(t)) i.u.f = out.f;
  else i.u.i = out.i;
  return build_emit(b, &i);
}

Val ir_size(Builder *b, DType t, const Shape *s, Dim d) {
  if (dim_is_number(d)) return ir_const_i(b, t, s, d);
  Ins i = {.op = OP_size, .type = t, .shape = shape_or_scalar(s), .u.size = d};
  return build_emit(b, &i);
}

Val ir_iota(Builder *b, DType t, Dim n) {
  Ins i = {.op = OP_iota, .type = t, .shape = {1, {n}}};
  if (n == 1) return ir_const_i(b, t, &i.shape, 0);
  return build_emit(b, &i);
}

Val ir_iota_along(Builder *b, DType t, const Shape *s, int axis) {
  int32_t at[] = {axis};
  Shape out = *s;
  return ir_spread(b, ir_iota(b, t, s->dim[axis]), &out, at);
}
