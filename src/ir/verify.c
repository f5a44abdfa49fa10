/* verify.c: checks the laws of ir.h on a finished function, instruction by instruction: numbering,
 * operand counts, typing, shapes, attributes. Returns what is wrong in words, for the bug report of
 * whoever built it. */
#include "ir/ir.h"

typedef struct Check {
  Cx *cx;
  const Fn *f;
  Val v;
  const Ins *in;
  const char *wrong; /* the first thing found */
} Check;

GC_PRINTF(2, 3) static bool fail(Check *c, const char *fmt, ...) {
  if (c->wrong) return false;
  Text t = text_new(c->cx->arena);
  text_fmt(&t, "%s: ", c->f->name ? c->f->name : "fn");
  if (c->in) text_fmt(&t, "%%%d %s: ", c->v, op_info[c->in->op].name);
  va_list ap;
  va_start(ap, fmt);
  text_vfmt(&t, fmt, ap);
  va_end(ap);
  c->wrong = text_str(&t);
  return false;
}

static const Ins *operand(const Check *c, int i) { return fn_ins(c->f, c->in->arg[i]); }
static DType operand_type(const Check *c, int i) { return (DType)operand(c, i)->type; }
static const char *operand_text(const Check *c, int i) {
  return type_text(c->cx, operand_type(c, i), &operand(c, i)->shape);
}
static const char *result_text(const Check *c) {
  return type_text(c->cx, (DType)c->in->type, &c->in->shape);
}

static bool need_shape(Check *c, const Shape *want) {
  if (shape_eq(&c->in->shape, want)) return true;
  Text t = text_new(c->cx->arena);
  shape_print(c->cx, want, &t);
  return fail(c, "the result is %s where its operands give the shape %s", result_text(c),
              text_str(&t));
}

static bool need_operands(Check *c, int n) {
  return c->in->nargs == n || fail(c, "%d operands instead of %d", c->in->nargs, n);
}

static bool need_type(Check *c, bool ok) {
  if (ok) return true;
  Text t = text_new(c->cx->arena);
  for (int i = 0; i < c->in->nargs; i++) text_fmt(&t, "%s%s", i ? ", " : "", operand_text(c, i));
  return fail(c, "(%s) -> %s is no typing of it", text_str(&t), result_text(c));
}

/* ---- elementwise and reductions ---- */
static bool is_number(DType t) { return type_is_int(t) || type_is_float(t); }

static bool typing_ok(const Check *c) {
  DType r = (DType)c->in->type, a = operand_type(c, 0);
  DType last = operand_type(c, c->in->nargs - 1);
  Typing ty = op_info[c->in->op].typing;
  for (int i = ty == TY_SELECT ? 2 : 1; i < c->in->nargs; i++)
    if (operand_type(c, i) != last || (ty == TY_SELECT && operand_type(c, 1) != last)) return false;
  if (ty != TY_SELECT && last != a) return false;
  switch (ty) {
  case TY_NUM: return is_number(a) && r == a;
  case TY_FLOAT: return type_is_float(a) && r == a;
  case TY_INT: return type_is_int(a) && r == a;
  case TY_ORD:
  case TY_SAME: return a < DTYPE_COUNT && r == a;
  case TY_COMPARE: return a < DTYPE_COUNT && r == T_BOOL;
  case TY_LOGIC: return a == T_BOOL && r == T_BOOL;
  case TY_SELECT: return a == T_BOOL && last < DTYPE_COUNT && r == last;
  case TY_CAST: return a < DTYPE_COUNT && r < DTYPE_COUNT;
  case TY_BITS: return (a == T_F32 && r == T_I32) || (a == T_F64 && r == T_I64);
  case TY_FROM_BITS: return (a == T_I32 && r == T_F32) || (a == T_I64 && r == T_F64);
  }
  return false;
}

static bool check_map(Check *c) {
  if (!need_operands(c, op_info[c->in->op].arity) || !need_type(c, typing_ok(c))) return false;
  for (int i = 0; i < c->in->nargs; i++)
    if (!shape_eq(&operand(c, i)->shape, &c->in->shape))
      return fail(c, "operand %d is %s, the result %s", i, operand_text(c, i), result_text(c));
  return true;
}

static bool check_fold(Check *c) {
  if (!need_operands(c, 1) || !need_type(c, typing_ok(c))) return false;
  const Shape *s = &operand(c, 0)->shape;
  if (!c->in->u.axes || c->in->u.axes >> s->rank)
    return fail(c, "axes %#x of %s", c->in->u.axes, operand_text(c, 0));
  Shape kept = {0};
  for (int i = 0; i < s->rank; i++)
    if (!(c->in->u.axes >> i & 1)) kept.dim[kept.rank++] = s->dim[i];
  return need_shape(c, &kept);
}

/* ---- movement ---- */
/* 1: every index of dimension d is inside and divisible, 0: not every one, -1: not known. */
static int dim_exact(Check *c, int d) {
  const ViewDim *v = &c->in->u.view->dim[d];
  const Shape *s = &c->in->shape;
  Dim low = v->off, high = v->off, extent = operand(c, 0)->shape.dim[d];
  if (v->den != 1 || !dim_is_number(v->off) || !dim_is_number(extent)) return -1;
  for (int k = 0; k < v->n; k++) {
    Dim coef = v->term[k].coef, n = s->dim[v->term[k].label];
    if (!dim_is_number(coef) || !dim_is_number(n)) return -1;
    Dim *end = coef > 0 ? &high : &low;
    *end = dim_add(c->cx, *end, dim_mul(c->cx, coef, n - 1));
  }
  return low >= 0 && high < extent;
}

static bool check_view(Check *c) {
  if (!need_operands(c, 1) || !need_type(c, typing_ok(c))) return false;
  const View *v = c->in->u.view;
  int rank = operand(c, 0)->shape.rank;
  if (v->rank != rank) return fail(c, "%d index expressions for rank %d", v->rank, rank);
  for (int d = 0; d < rank; d++) {
    const ViewDim *dim = &v->dim[d];
    if (dim->den < 1) return fail(c, "dimension %d is divided by %lld", d, (long long)dim->den);
    for (int k = 0; k < dim->n; k++) {
      int label = dim->term[k].label;
      if (label < 0 || label >= c->in->shape.rank || (k && label <= dim->term[k - 1].label))
        return fail(c, "dimension %d names axis %d out of place", d, label);
      if (!dim->term[k].coef) return fail(c, "dimension %d has a coefficient 0", d);
    }
    if (v->exact && dim_exact(c, d) == 0 && !shape_is_empty(&c->in->shape))
      return fail(c, "it claims to stay inside, but dimension %d doesn't", d);
  }
  return true;
}

static bool check_reshape(Check *c) {
  if (!need_operands(c, 1) || !need_type(c, typing_ok(c))) return false;
  Dim from = shape_count(c->cx, &operand(c, 0)->shape), to = shape_count(c->cx, &c->in->shape);
  return from == to ||
         fail(c, "%s has not as many elements as %s", operand_text(c, 0), result_text(c));
}

static bool check_gather(Check *c) {
  const Gather *g = c->in->u.gather;
  bool scatter = c->in->op == OP_scatter;
  if (c->in->nargs < 2) return fail(c, "no index");
  const Shape *x = &operand(c, 0)->shape, *idx = &operand(c, 1)->shape;
  const Shape *full = scatter ? &g->full : x;
  if (g->naxes != c->in->nargs - 1 || g->naxes < 1)
    return fail(c, "%d axes for %d indices", g->naxes, c->in->nargs - 1);
  Shape picked = *idx;
  int k = 0;
  for (int i = 0; i < full->rank; i++) {
    if (k < g->naxes && g->axis[k] == i) k++;
    else if (picked.rank == IR_MAX_RANK) return fail(c, "rank above %d", IR_MAX_RANK);
    else picked.dim[picked.rank++] = full->dim[i];
  }
  if (k != g->naxes) return fail(c, "its axes don't ascend within the rank");
  for (int i = 1; i < c->in->nargs; i++)
    if ((operand_type(c, i) != T_I32 && operand_type(c, i) != T_I64) ||
        !shape_eq(&operand(c, i)->shape, idx))
      return fail(c, "index %d is %s", i - 1, operand_text(c, i));
  if (!need_type(c, operand_type(c, 0) == (DType)c->in->type && c->in->type < DTYPE_COUNT))
    return false;
  if (!scatter) return need_shape(c, &picked);
  if (!shape_eq(x, &picked))
    return fail(c, "the update is %s, which its indices don't select", operand_text(c, 0));
  return need_shape(c, full);
}

static bool check_move(Check *c) {
  switch (c->in->op) {
  case OP_view: return check_view(c);
  case OP_reshape: return check_reshape(c);
  default: return check_gather(c);
  }
}

/* ---- contractions ---- */
static bool check_contract(Check *c) {
  if (!need_operands(c, 2) || !need_type(c, typing_ok(c))) return false;
  const Contract *k = c->in->u.contract;
  const uint8_t *label[3] = {k->a, k->b, k->out};
  const Shape *shape[3] = {&operand(c, 0)->shape, &operand(c, 1)->shape, &c->in->shape};
  int count[3 * IR_MAX_RANK] = {0};
  Dim extent[3 * IR_MAX_RANK];
  if (k->nlabels < 0 || k->nlabels > COUNT_OF(count)) return fail(c, "%d labels", k->nlabels);
  for (int t = 0; t < 3; t++) {
    uint64_t here = 0;
    for (int i = 0; i < shape[t]->rank; i++) {
      int l = label[t][i];
      if (l >= k->nlabels || here >> l & 1)
        return fail(c, "label %d is wrong or twice in one tensor", l);
      here |= (uint64_t)1 << l;
      if (count[l]++ && extent[l] != shape[t]->dim[i])
        return fail(c, "label %d has two extents", l);
      extent[l] = shape[t]->dim[i];
    }
  }
  for (int l = 0; l < k->nlabels; l++)
    if (count[l] < 2) return fail(c, "label %d is in one tensor only", l);
  return true;
}

/* ---- leaves and instructions with bodies ---- */
static bool need_operand_like(Check *c, int i, DType t, const Shape *s) {
  if (i >= c->in->nargs) return fail(c, "too few operands");
  if (operand_type(c, i) == t && shape_eq(&operand(c, i)->shape, s)) return true;
  return fail(c, "operand %d is %s instead of %s", i, operand_text(c, i), type_text(c->cx, t, s));
}

static bool check_derivative(Check *c) {
  const Body *b = c->in->u.body;
  const Fn *f = b->fn;
  int n = f->in.n, nwrt = 0, nfloat = 0;
  for (int i = 0; i < n; i++)
    if (!need_operand_like(c, i, f->in.at[i].type, &f->in.at[i].shape)) return false;
  for (int i = 0; i < f->in.n; i++) {
    if (!(b->wrt[i / 64] >> (i % 64) & 1)) continue;
    nwrt++;
    if (!type_is_float(f->in.at[i].type)) return fail(c, "derivative with respect to input %d", i);
    if (c->in->op == OP_jvp && !need_operand_like(c, n++, f->in.at[i].type, &f->in.at[i].shape))
      return false;
  }
  for (int i = 0; i < f->out.n; i++) {
    const Ins *r = fn_ins(f, f->out.at[i].val);
    if (!type_is_float((DType)r->type)) continue;
    nfloat++;
    if (c->in->op == OP_vjp && !need_operand_like(c, n++, (DType)r->type, &r->shape)) return false;
  }
  if (!need_operands(c, n)) return false;
  if (b->nwrt != nwrt) return fail(c, "%d bits of wrt are set, not %d", nwrt, b->nwrt);
  int nparts = f->out.n + (c->in->op == OP_vjp ? nwrt : nfloat);
  if (b->nparts != nparts) return fail(c, "it has %d parts, not %d", nparts, b->nparts);
  const char *inner = ir_verify(f);
  return inner ? fail(c, "%s", inner) : true;
}

/* The body once per index of the axes in front. */
static bool check_vmap(Check *c) {
  const Body *b = c->in->u.body;
  const Fn *f = b->fn;
  if (!need_operands(c, f->in.n)) return false;
  for (int i = 0; i < f->in.n; i++) {
    Shape s = f->in.at[i].shape;
    if (body_wrt(b, i)) s = shape_join(c->cx, &b->lead, &s);
    if (!need_operand_like(c, i, f->in.at[i].type, &s)) return false;
  }
  const char *inner = ir_verify(f);
  return inner ? fail(c, "%s", inner) : true;
}

static bool check_input_like(Check *c, const Fn *rule, int i, DType t, const Shape *s) {
  if (i < rule->in.n && rule->in.at[i].type == t && shape_eq(&rule->in.at[i].shape, s)) return true;
  return fail(c, "input %d of a rule isn't %s", i, type_text(c->cx, t, s));
}

/* Inputs of a rule: those of fn, then for an adjoint its outputs and their cotangents, for a
 * tangent the tangents of the inputs and then the outputs. */
static bool check_rule(Check *c, const Fn *f, const Fn *rule, bool adjoint) {
  int k = 0, n = 0;
  for (int i = 0; i < f->in.n; i++)
    if (!check_input_like(c, rule, k++, f->in.at[i].type, &f->in.at[i].shape)) return false;
  for (int i = 0; i < f->in.n; i++) {
    const Input *in = &f->in.at[i];
    if (!type_is_float(in->type)) continue;
    if (!adjoint && !check_input_like(c, rule, k++, in->type, &in->shape)) return false;
    if (!adjoint) continue;
    const Ins *y = n < rule->out.n ? fn_ins(rule, rule->out.at[n].val) : NULL;
    if (!y || y->type != in->type || !shape_eq(&y->shape, &in->shape))
      return fail(c, "adjoint %d doesn't fit", n);
    n++;
  }
  for (int i = 0; i < f->out.n; i++) {
    const Ins *y = fn_ins(f, f->out.at[i].val);
    if (!check_input_like(c, rule, k++, (DType)y->type, &y->shape)) return false;
  }
  for (int i = 0; i < f->out.n; i++) {
    const Ins *y = fn_ins(f, f->out.at[i].val);
    if (!type_is_float((DType)y->type)) continue;
    if (adjoint && !check_input_like(c, rule, k++, (DType)y->type, &y->shape)) return false;
    if (adjoint) continue;
    const Ins *t = n < rule->out.n ? fn_ins(rule, rule->out.at[n].val) : NULL;
    if (!t || t->type != y->type || !shape_eq(&t->shape, &y->shape))
      return fail(c, "tangent %d doesn't fit", n);
    n++;
  }
  if (k != rule->in.n || n != rule->out.n)
    return fail(c, "a rule has %d inputs and %d outputs", rule->in.n, rule->out.n);
  const char *inner = ir_verify(rule);
  return inner ? fail(c, "%s", inner) : true;
}

static bool check_call(Check *c) {
  const Body *b = c->in->u.body;
  if (!need_operands(c, b->fn->in.n)) return false;
  for (int i = 0; i < b->fn->in.n; i++)
    if (!need_operand_like(c, i, b->fn->in.at[i].type, &b->fn->in.at[i].shape)) return false;
  if (b->adjoint && !check_rule(c, b->fn, b->adjoint, true)) return false;
  if (b->tangent && !check_rule(c, b->fn, b->tangent, false)) return false;
  const char *inner = ir_verify(b->fn);
  return inner ? fail(c, "%s", inner) : true;
}

/* Carried values keep their types; slices are the scanned tensors without their first axis. */
static bool check_loop(Check *c) {
  const Loop *l = c->in->u.loop;
  const Fn *f = l->body;
  int first = l->counted;
  if (f->in.n < 1 + l->ncarry + l->nscan || f->out.n != l->ncarry + l->ncollect)
    return fail(c, "its body has %d inputs and %d outputs", f->in.n, f->out.n);
  if (!need_operands(c, first + f->in.n - 1)) return false;
  if (l->counted && !need_operand_like(c, 0, T_I64, &(Shape){0})) return false;
  for (int i = 1; i < f->in.n; i++) {
    Shape s = f->in.at[i].shape;
    if (i > l->ncarry && i <= l->ncarry + l->nscan) {
      memmove(s.dim + 1, s.dim, (size_t)s.rank * sizeof s.dim[0]);
      s.dim[0] = l->trip;
      s.rank++;
    }
    if (!need_operand_like(c, first + i - 1, f->in.at[i].type, &s)) return false;
  }
  const char *inner = ir_verify(f);
  if (!inner && l->cond) inner = ir_verify(l->cond);
  return inner ? fail(c, "%s", inner) : true;
}

static bool check_branch(Check *c) {
  const Branch *b = c->in->u.branch;
  const Fn *bodies[] = {b->then, b->other};
  if (!need_operand_like(c, 0, T_BOOL, &(Shape){0})) return false;
  for (int k = 0; k < 2; k++) {
    const Fn *f = bodies[k];
    if (!need_operands(c, f->in.n + 1)) return false;
    for (int i = 0; i < f->in.n; i++)
      if (!need_operand_like(c, i + 1, f->in.at[i].type, &f->in.at[i].shape)) return false;
    const char *inner = ir_verify(f);
    if (inner) return fail(c, "%s", inner);
  }
  for (int i = 0; i < b->then->out.n; i++) {
    const Ins *x = fn_ins(b->then, b->then->out.at[i].val),
              *y = fn_ins(b->other, b->other->out.at[i].val);
    if (x->type != y->type || !shape_eq(&x->shape, &y->shape))
      return fail(c, "its bodies' results %d differ", i);
  }
  return b->then->out.n == b->other->out.n ||
         fail(c, "its bodies have different numbers of results");
}

static bool check_body(Check *c) {
  if (c->in->type != T_BUNDLE || c->in->shape.rank) return fail(c, "its result is no bundle");
  if (c->in->op == OP_loop) return check_loop(c);
  if (c->in->op == OP_vmap) return check_vmap(c);
  if (c->in->op == OP_call) return check_call(c);
  return c->in->op == OP_branch ? check_branch(c) : check_derivative(c);
}

static bool check_part(Check *c) {
  DType t = T_BUNDLE;
  Shape s = {0};
  if (!need_operands(c, 1)) return false;
  if (op_kind((Op)operand(c, 0)->op) != KIND_LOOP) return fail(c, "its operand has no parts");
  if (!ins_part(c->cx, operand(c, 0), c->in->u.i, &t, &s))
    return fail(c, "no part %lld", (long long)c->in->u.i);
  return need_type(c, (DType)c->in->type == t) && need_shape(c, &s);
}

static bool const_fits(DType t, int64_t v) {
  switch (t) {
  case T_BOOL: return v == 0 || v == 1;
  case T_U8: return v >= 0 && v <= UINT8_MAX;
  case T_I32: return v >= INT32_MIN && v <= INT32_MAX;
  default: return true;
  }
}

static bool check_leaf(Check *c) {
  const Ins *in = c->in;
  if (in->op == OP_part) return check_part(c);
  if (!need_operands(c, 0)) return false;
  if (in->op == OP_none) return true;
  if (in->type >= DTYPE_COUNT) return fail(c, "a bundle");
  switch (in->op) {
  case OP_const:
    if (in->type == T_F32 && in->u.f == in->u.f && (double)(float)in->u.f != in->u.f)
      return fail(c, "no value of an f32");
    if (!type_is_float((DType)in->type) && !const_fits((DType)in->type, in->u.i))
      return fail(c, "out of the type's range");
    return true;
  case OP_iota: return in->shape.rank == 1 || fail(c, "of rank %d", in->shape.rank);
  case OP_arg: {
    if (in->u.i < 0 || in->u.i >= c->f->in.n) return fail(c, "no input %lld", (long long)in->u.i);
    const Input *d = &c->f->in.at[in->u.i];
    if (d->val != c->v)
      return fail(c, "input %lld is instruction %%%d", (long long)in->u.i, d->val);
    return need_type(c, d->type == (DType)in->type) && need_shape(c, &d->shape);
  }
  default: return true;
  }
}

/* ---- functions ---- */
static bool check_ins(Check *c) {
  const Ins *in = c->in;
  if (in->op >= OP_COUNT) return fail(c, "no operator");
  for (int i = 0; i < in->nargs; i++) {
    if (in->arg[i] <= 0 || in->arg[i] >= c->v) return fail(c, "operand %d is %%%d", i, in->arg[i]);
    if (operand_type(c, i) == T_BUNDLE && in->op != OP_part)
      return fail(c, "operand %d is a bundle", i);
  }
  if (in->shape.rank < 0 || in->shape.rank > IR_MAX_RANK) return fail(c, "rank %d", in->shape.rank);
  for (int i = 0; i < in->shape.rank; i++) {
    Dim d = in->shape.dim[i];
    if (dim_is_number(d) && (d < 0 || d > DIM_MAX_NUMBER))
      return fail(c, "extent %lld", (long long)d);
  }
  switch (op_kind((Op)in->op)) {
  case KIND_MAP: return check_map(c);
  case KIND_FOLD: return check_fold(c);
  case KIND_MOVE: return check_move(c);
  case KIND_DOT: return check_contract(c);
  case KIND_LOOP: return check_body(c);
  case KIND_LEAF: return check_leaf(c);
  }
  return true;
}

const char *ir_verify(const Fn *f) {
  Check c = {.cx = f->cx, .f = f};
  if (!f->ins.n || f->ins.at[0].op != OP_none)
    return fail(&c, "instruction 0 is not `none`"), c.wrong;
  for (c.v = 1; c.v < f->ins.n; c.v++) {
    c.in = fn_ins(f, c.v);
    if (!check_ins(&c)) return c.wrong;
    if (c.in->op == OP_none) return fail(&c, "in the middle"), c.wrong;
  }
  c.in = NULL;
  for (int i = 0; i < f->in.n; i++) {
    Val v = f->in.at[i].val;
    if (v <= 0 || v >= f->ins.n || fn_ins(f, v)->op != OP_arg || fn_ins(f, v)->u.i != i)
      return fail(&c, "input %d has no instruction of its own", i), c.wrong;
  }
  for (int i = 0; i < f->out.n; i++) {
    const Output *o = &f->out.at[i];
    if (o->val <= 0 || o->val >= f->ins.n || fn_ins(f, o->val)->type >= DTYPE_COUNT)
      return fail(&c, "output %d is no value", i), c.wrong;
    if (o->alias < -1 || o->alias >= f->in.n)
      return fail(&c, "output %d aliases input %d", i, o->alias), c.wrong;
  }
  return NULL;
}
