/* build_loop.c: instructions with bodies: derivatives to be expanded, loops, branches, and the
 * taking out of their results. */
#include "ir/build.h"
#include "ir/build_parts.h"

/* ---- what a bundle holds ---- */
bool body_wrt(const Body *body, int input) { return body->wrt[input / 64] >> (input % 64) & 1; }

int ins_bodies(const Ins *b, const Fn **body) {
  switch ((Op)b->op) {
  case OP_loop:
    body[0] = b->u.loop->body;
    body[1] = b->u.loop->cond;
    return 1 + (body[1] != NULL);
  case OP_branch:
    body[0] = b->u.branch->then;
    body[1] = b->u.branch->other;
    return 2;
  case OP_vjp:
  case OP_jvp:
  case OP_vmap: body[0] = b->u.body->fn; return 1;
  case OP_call: {
    const Fn *rule[] = {b->u.body->adjoint, b->u.body->tangent};
    int n = 0;
    body[n++] = b->u.body->fn;
    for (int i = 0; i < 2; i++)
      if (rule[i]) body[n++] = rule[i];
    return n;
  }
  default: return 0;
  }
}

int fn_float_outputs(const Fn *f) {
  int n = 0;
  for (int i = 0; i < f->out.n; i++) n += type_is_float((DType)fn_ins(f, f->out.at[i].val)->type);
  return n;
}

int fn_float_inputs(const Fn *f) {
  int n = 0;
  for (int i = 0; i < f->in.n; i++) n += type_is_float(f->in.at[i].type);
  return n;
}

int ins_part_count(const Ins *b) {
  switch ((Op)b->op) {
  case OP_loop: return b->u.loop->ncarry + b->u.loop->ncollect + (b->u.loop->cond != NULL);
  case OP_branch: return b->u.branch->then->out.n;
  case OP_vjp:
  case OP_jvp:
  case OP_vmap:
  case OP_call: return b->u.body->nparts;
  default: return 0;
  }
}

/* The k-th wrt input's (vjp) or float output's (jvp) instruction. */
static const Ins *derived_like(const Ins *bundle, int64_t k) {
  const Fn *f = bundle->u.body->fn;
  if (bundle->op == OP_vjp) {
    for (int i = 0; i < f->in.n; i++)
      if (body_wrt(bundle->u.body, i) && k-- == 0) return fn_ins(f, f->in.at[i].val);
  } else {
    for (int i = 0; i < f->out.n; i++) {
      const Ins *y = fn_ins(f, f->out.at[i].val);
      if (type_is_float((DType)y->type) && k-- == 0) return y;
    }
  }
  return NULL;
}

static bool loop_part(Cx *cx, const Loop *l, int64_t k, DType *type, Shape *shape) {
  if (k == l->ncarry + l->ncollect) {
    *type = T_I64;
    *shape = (Shape){0};
    return l->cond != NULL;
  }
  const Ins *y = fn_ins(l->body, l->body->out.at[k].val);
  *type = (DType)y->type;
  *shape = y->shape;
  if (k < l->ncarry) return true;
  if (shape->rank == IR_MAX_RANK) cx_bug(cx, "a loop collects values of rank %d", IR_MAX_RANK);
  memmove(shape->dim + 1, shape->dim, (size_t)shape->rank * sizeof shape->dim[0]);
  shape->dim[0] = l->trip;
  shape->rank++;
  return true;
}

bool ins_part(Cx *cx, const Ins *b, int64_t k, DType *type, Shape *shape) {
  if (k < 0 || k >= ins_part_count(b)) return false;
  if (b->op == OP_loop) return loop_part(cx, b->u.loop, k, type, shape);
  const Fn *f = b->op == OP_branch ? b->u.branch->then : b->u.body->fn;
  const Ins *y = k < f->out.n ? fn_ins(f, f->out.at[k].val) : derived_like(b, k - f->out.n);
  if (!y) return false;
  *type = (DType)y->type;
  *shape = y->shape;
  if (b->op == OP_vmap) *shape = shape_join(cx, &b->u.body->lead, &y->shape);
  return true;
}

/* A branch whose condition is known is the body it takes: its result k. */
static Val part_of_known_branch(Builder *b, const Ins *branch, bool taken, int k) {
  const Fn *f = taken ? branch->u.branch->then : branch->u.branch->other;
  Val *args = NEWS(b->cx->arena, Val, f->in.n + 1), *outs = NEWS(b->cx->arena, Val, f->out.n + 1);
  for (int i = 0; i < f->in.n; i++) args[i] = branch->arg[i + 1];
  ir_inline(b, f, args, outs);
  return outs[k];
}

Val ir_part(Builder *b, Val bundle, int k) {
  const Ins *of = ir_ins(b, bundle), *cond = of->op == OP_branch ? ir_ins(b, of->arg[0]) : NULL;
  if (cond && ins_is_const(cond) && k >= 0 && k < ins_part_count(of)) {
    Ins branch = *of;
    return part_of_known_branch(b, &branch, !ins_is_splat(cond, 0), k);
  }
  Ins i = {.op = OP_part, .nargs = 1, .arg = &bundle, .u.i = k};
  DType t;
  if (!ins_part(b->cx, ir_ins(b, bundle), k, &t, &i.shape))
    cx_bug(b->cx, "an instruction with a body has no part %d", k);
  i.type = (uint8_t)t;
  return build_emit(b, &i);
}

static void need_like(Builder *b, const char *what, int k, DType t, const Shape *s, Val got) {
  if (ir_type(b, got) != t || !shape_eq(ir_shape(b, got), s))
    cx_bug(b->cx, "%s %d is %s, not %s", what, k,
           type_text(b->cx, ir_type(b, got), ir_shape(b, got)), type_text(b->cx, t, s));
}

/* ---- derivatives to be expanded ---- */
static Val with_body(Builder *b, Op op, Fn *fn, const bool *wrt, const Val *args, int nargs) {
  Body *body = NEW(b->cx->arena, Body);
  body->fn = fn;
  body->wrt = NEWS(b->cx->arena, uint64_t, (fn->in.n + 63) / 64 + 1);
  for (int i = 0; i < fn->in.n; i++)
    if (wrt[i]) body->wrt[i / 64] |= (uint64_t)1 << (i % 64), body->nwrt++;
  int nfloat = fn_float_outputs(fn);
  int want = fn->in.n + (op == OP_vjp ? nfloat : body->nwrt);
  if (nargs != want)
    cx_bug(b->cx, "%s of %s takes %d operands, got %d", op_info[op].name, fn->name, want, nargs);
  body->nparts = fn->out.n + (op == OP_vjp ? body->nwrt : nfloat);
  Ins i = {.op = (uint8_t)op,
           .type = T_BUNDLE,
           .nargs = (uint16_t)nargs,
           .arg = (Val *)args,
           .u.body = body};
  return build_emit(b, &i);
}

Val ir_vjp(Builder *b, Fn *fn, const bool *wrt, const Val *args, int nargs) {
  return with_body(b, OP_vjp, fn, wrt, args, nargs);
}

Val ir_jvp(Builder *b, Fn *fn, const bool *wrt, const Val *args, int nargs) {
  return with_body(b, OP_jvp, fn, wrt, args, nargs);
}

/* ---- functions that are mapped or called ---- */
Val ir_vmap(Builder *b, Fn *fn, const bool *mapped, const Shape *lead, const Val *args) {
  Body *body = NEW(b->cx->arena, Body);
  *body = (Body){.fn = fn,
                 .nparts = fn->out.n,
                 .lead = *lead,
                 .wrt = NEWS(b->cx->arena, uint64_t, fn->in.n / 64 + 2)};
  for (int i = 0; i < fn->in.n; i++) {
    Shape s = fn->in.at[i].shape;
    if (mapped[i]) {
      body->wrt[i / 64] |= (uint64_t)1 << (i % 64), body->nwrt++;
      s = shape_join(b->cx, lead, &s);
    }
    need_like(b, "a mapped function's operand", i, fn->in.at[i].type, &s, args[i]);
  }
  Ins i = {.op = OP_vmap,
           .type = T_BUNDLE,
           .nargs = (uint16_t)fn->in.n,
           .arg = (Val *)args,
           .u.body = body};
  return build_emit(b, &i);
}

Val ir_call(Builder *b, Fn *fn, Fn *adjoint, Fn *tangent, bool again, const Val *args) {
  Body *body = NEW(b->cx->arena, Body);
  *body = (Body){.fn = fn,
                 .nparts = fn->out.n,
                 .adjoint = adjoint,
                 .tangent = tangent,
                 .again = again,
                 .wrt = NEWS(b->cx->arena, uint64_t, fn->in.n / 64 + 2)};
  int nin = fn_float_inputs(fn), nout = fn_float_outputs(fn);
  if ((adjoint && (adjoint->in.n != fn->in.n + fn->out.n + nout || adjoint->out.n != nin)) ||
      (tangent && (tangent->in.n != fn->in.n + nin + fn->out.n || tangent->out.n != nout)))
    cx_bug(b->cx, "a rule doesn't fit %s", fn->name);
  for (int i = 0; i < fn->in.n; i++)
    need_like(b, "a called function's operand", i, fn->in.at[i].type, &fn->in.at[i].shape, args[i]);
  Ins i = {.op = OP_call,
           .type = T_BUNDLE,
           .nargs = (uint16_t)fn->in.n,
           .arg = (Val *)args,
           .u.body = body};
  return build_emit(b, &i);
}

/* ---- loops ---- */
static void check_loop(Builder *b, const Loop *l, const Val *args, int nargs) {
  const Fn *f = l->body;
  int first = l->counted, ncapture = f->in.n - 1 - l->ncarry - l->nscan;
  if (ncapture < 0 || nargs != first + f->in.n - 1 || f->out.n != l->ncarry + l->ncollect)
    cx_bug(b->cx, "a loop's operands or outputs don't fit its body");
  if (l->counted) need_like(b, "the count", 0, T_I64, &(Shape){0}, args[0]);
  for (int i = 0; i < f->in.n - 1; i++) {
    Shape s = f->in.at[i + 1].shape;
    if (i >= l->ncarry && i < l->ncarry + l->nscan) {
      memmove(s.dim + 1, s.dim, (size_t)s.rank * sizeof s.dim[0]);
      s.dim[0] = l->trip;
      s.rank++;
    }
    need_like(b, "a loop's operand", i, f->in.at[i + 1].type, &s, args[first + i]);
  }
  for (int k = 0; k < l->ncarry; k++) {
    const Ins *y = fn_ins(f, f->out.at[k].val);
    if (y->type != f->in.at[k + 1].type || !shape_eq(&y->shape, &f->in.at[k + 1].shape))
      cx_bug(b->cx, "carried value %d of a loop changes its type or shape", k);
  }
}

/* ---- constants go where they are used ---- */
static bool is_leaf(const Ins *i) {
  return i->op == OP_const || i->op == OP_size || i->op == OP_iota;
}

/* The body with leaves in place of inputs; leaf[i] is NULL for one that stays. The slice of a
 * constant is the constant at the slice's shape. */
static Fn *with_leaves(Cx *cx, const Fn *f, const Ins *const *leaf) {
  Builder b = ir_begin(cx, f->name);
  Val *args = NEWS(cx->arena, Val, f->in.n + 1), *outs = NEWS(cx->arena, Val, f->out.n + 1);
  b.fn->span = f->span;
  for (int i = 0; i < f->in.n; i++) {
    const Input *in = &f->in.at[i];
    Ins at_shape;
    if (leaf[i]) {
      at_shape = *leaf[i];
      at_shape.shape = in->shape;
      args[i] = ir_copy(&b, &at_shape, NULL);
    } else {
      args[i] = ir_input(&b, in->name, in->type, &in->shape, in->role, in->span);
    }
  }
  ir_inline(&b, f, args, outs);
  for (int i = 0; i < f->out.n; i++) {
    ir_output(&b, f->out.at[i].name, outs[i]);
    b.fn->out.at[i].alias = f->out.at[i].alias;
  }
  return ir_finish(&b);
}

/* Which scanned and captured operands (from operand `first` on) are leaves; copies, as building may
 * move the instructions. NULL where none is. */
static const Ins **find_leaves(Builder *b, const Val *args, int nargs, int first, int nscan) {
  const Ins **leaf = NEWS(b->cx->arena, const Ins *, nargs + 1);
  bool any = false;
  for (int k = first; k < nargs; k++) {
    const Ins *i = ir_ins(b, args[k]);
    if (!is_leaf(i) || (k < first + nscan && i->op == OP_iota)) continue;
    leaf[k] = arena_copy(b->cx->arena, i, sizeof *i);
    any = true;
  }
  return any ? leaf : NULL;
}

static int drop_leaves(Val *args, int nargs, const Ins *const *leaf) {
  int n = 0;
  for (int k = 0; k < nargs; k++)
    if (!leaf[k]) args[n++] = args[k];
  return n;
}

/* A loop without leaves among its operands, so that its bodies know them. */
static int sink_into_loop(Builder *b, Loop *l, Val *args, int nargs) {
  int lead = l->counted + l->ncarry, ncond = l->body->in.n - l->nscan, scans = 0;
  const Ins **leaf = find_leaves(b, args, nargs, lead, l->nscan);
  if (!leaf) return nargs;
  const Ins **body = NEWS(b->cx->arena, const Ins *, l->body->in.n + 1);
  const Ins **cond = NEWS(b->cx->arena, const Ins *, ncond + 1);
  for (int k = 1; k < l->body->in.n; k++) body[k] = leaf[l->counted + k - 1];
  for (int k = 1 + l->ncarry; k < ncond; k++) cond[k] = leaf[l->counted + k - 1 + l->nscan];
  l->body = with_leaves(b->cx, l->body, body);
  if (l->cond) l->cond = with_leaves(b->cx, l->cond, cond);
  for (int k = lead; k < lead + l->nscan; k++) scans += !leaf[k];
  l->nscan = scans;
  return drop_leaves(args, nargs, leaf);
}

/* ---- an operand given twice is given once ---- */
/* The body (or condition) where input i is input same[i]. */
static Fn *with_same(Cx *cx, const Fn *f, const int *same) {
  Builder b = ir_begin(cx, f->name);
  Val *args = NEWS(cx->arena, Val, f->in.n + 1), *outs = NEWS(cx->arena, Val, f->out.n + 1);
  b.fn->span = f->span;
  for (int i = 0; i < f->in.n; i++) {
    const Input *in = &f->in.at[i];
    args[i] = same[i] < i ? args[same[i]]
                          : ir_input(&b, in->name, in->type, &in->shape, in->role, in->span);
  }
  ir_inline(&b, f, args, outs);
  for (int i = 0; i < f->out.n; i++) ir_output(&b, f->out.at[i].name, outs[i]);
  return ir_finish(&b);
}

/* Slices of one tensor, and captures of one value, are one input of the body. */
static int merge_operands(Builder *b, Loop *l, Val *args, int nargs) {
  int inputs = l->body->in.n, scan = 1 + l->ncarry, capture = scan + l->nscan, n = 0;
  int *body = NEWS(b->cx->arena, int, inputs + 1), *cond = NEWS(b->cx->arena, int, inputs + 1);
  bool any = false;
  const Val *operand = args + l->counted - 1; /* of input i */
  for (int i = 0; i < inputs; i++) {
    body[i] = i;
    for (int k = i < capture ? scan : capture; i >= scan && k < i; k++)
      if (operand[k] == operand[i] && body[i] == i) body[i] = k, any = true;
    if (i < scan) cond[i] = i;
    else if (i >= capture) cond[i - l->nscan] = body[i] - l->nscan;
  }
  if (!any) return nargs;
  l->body = with_same(b->cx, l->body, body);
  if (l->cond) l->cond = with_same(b->cx, l->cond, cond);
  int scans = l->nscan;
  for (int k = 0; k < nargs; k++) {
    int i = k - l->counted + 1;
    bool goes = i >= scan && body[i] < i;
    if (goes && i < scan + scans) l->nscan--;
    if (!goes) args[n++] = args[k];
  }
  return n;
}

Val ir_loop(Builder *b, const Loop *loop, const Val *args, int nargs) {
  check_loop(b, loop, args, nargs);
  Loop *l = arena_copy(b->cx->arena, loop, sizeof *loop);
  Val *operands = arena_copy(b->cx->arena, args, (size_t)nargs * sizeof *args);
  const Ins *count = l->counted ? ir_ins(b, operands[0]) : NULL;
  if (count && ins_is_const(count) && count->u.i < 0) /* no step at all, as it is printed */
    operands[0] = ir_const_i(b, T_I64, NULL, 0);
  nargs = sink_into_loop(b, l, operands, nargs);
  nargs = build_scan_rows(b, l, &operands, nargs);
  nargs = merge_operands(b, l, operands, nargs);
  Ins i = {.op = OP_loop, .type = T_BUNDLE, .nargs = (uint16_t)nargs, .arg = operands, .u.loop = l};
  return build_emit(b, &i);
}

/* Captures of one value are one input of both bodies. arg: n of them; returns how many are left. */
static int merge_captures(Builder *b, Branch *br, Val *arg, int n) {
  int *same = NEWS(b->cx->arena, int, n + 1), left = 0;
  for (int i = 0; i < n; i++) {
    same[i] = 0;
    while (arg[same[i]] != arg[i]) same[i]++;
    left += same[i] == i;
  }
  if (left == n) return n;
  *br = (Branch){with_same(b->cx, br->then, same), with_same(b->cx, br->other, same)};
  for (int i = left = 0; i < n; i++)
    if (same[i] == i) arg[left++] = arg[i];
  return left;
}

Val ir_branch(Builder *b, Fn *then, Fn *other, Val cond, const Val *captures, int n) {
  if (then->in.n != n || other->in.n != n || then->out.n != other->out.n ||
      ir_type(b, cond) != T_BOOL || ir_shape(b, cond)->rank)
    cx_bug(b->cx, "a branch's operands don't fit its bodies");
  Val *args = NEWS(b->cx->arena, Val, n + 1);
  args[0] = cond;
  for (int i = 0; i < n; i++) {
    args[i + 1] = captures[i];
    need_like(b, "a branch's operand", i, then->in.at[i].type, &then->in.at[i].shape, captures[i]);
    need_like(b, "a branch's operand", i, other->in.at[i].type, &other->in.at[i].shape,
              captures[i]);
  }
  Branch *br = NEW(b->cx->arena, Branch);
  *br = (Branch){then, other};
  const Ins **leaf = find_leaves(b, args, n + 1, 1, 0);
  if (leaf) {
    *br = (Branch){with_leaves(b->cx, then, leaf + 1), with_leaves(b->cx, other, leaf + 1)};
    n = drop_leaves(args, n + 1, leaf) - 1;
  }
  n = merge_captures(b, br, args + 1, n);
  Ins i = {
      .op = OP_branch, .type = T_BUNDLE, .nargs = (uint16_t)(n + 1), .arg = args, .u.branch = br};
  return build_emit(b, &i);
}
