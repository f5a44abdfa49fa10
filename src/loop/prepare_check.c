/* prepare_check.c: indices that are checked when the program runs. In: a function with `bounded`
 * instructions. Out: the same without them, and one output more: 0, or which of them found an index
 * outside, and the index. Nothing stops there: reads outside give NaN, so the results are worthless
 * but no memory is touched that isn't the program's; who called it looks at the output.
 *
 * The smallest and the largest of an index tensor are compared with the extent, once per tensor. In
 * a loop the first finding is carried along. What a loop's condition reads is looked at in the
 * body, and once more for the last time that it was asked. What is updated in place keeps its old
 * value where something was found: a step of training is done whole or not at all. */
#include "ir/inline.h"
#include "loop/prepare.h"

typedef struct Checks {
  Cx *cx;
  IndexChecks *list;
  const Fn *whole; /* the function that was given, not a body */
  Val *old;        /* per value of it: the input in whose place it goes; 0: none, -1: several */
  Val *code;       /* and what was found when it was made to keep that */
} Checks;

static Val copy_checked(Checks *x, Builder *b, const Fn *f, const Val *args, Val *outs);

/* ---- codes ---- */
static Val number(Builder *b, int64_t n) { return ir_const_i(b, T_I64, NULL, n); }

static Val first_of(Builder *b, Val one, Val other) {
  if (!one || !other) return one ? one : other;
  return ir_map3(b, OP_select, ir_map2(b, OP_ne, one, number(b, 0)), one, other);
}

/* The index, as far as it goes into the bits, under the check's number. */
static Val code_word(Builder *b, int64_t id, Val index) {
  const Shape *s = ir_shape(b, index);
  Shape shape = *s;
  int64_t end = (int64_t)1 << (INDEX_BITS - 1), mask = ((int64_t)1 << INDEX_BITS) - 1;
  bool wide = ir_type(b, index) == T_I64;
  Val i = ir_cast(b, T_I64, index);
  if (wide) i = ir_map2(b, OP_min, i, ir_const_i(b, T_I64, &shape, end - 1));
  if (wide) i = ir_map2(b, OP_max, i, ir_const_i(b, T_I64, &shape, -end));
  i = ir_map2(b, OP_bitand, i, ir_const_i(b, T_I64, &shape, mask));
  return ir_map2(b, OP_bitor, i, ir_const_i(b, T_I64, &shape, id << INDEX_BITS));
}

static Val outside(Builder *b, Val index, Val extent) {
  Val zero = ir_zeros_like(b, index);
  return ir_map2(b, OP_or, ir_map2(b, OP_lt, index, zero), ir_map2(b, OP_ge, index, extent));
}

static Val code_if(Builder *b, Val bad, Val word) {
  return ir_map3(b, OP_select, bad, word, ir_zeros_like(b, word));
}

static bool splat_size(const Ins *in, Dim *n) {
  *n = in->op == OP_const ? in->u.i : in->u.size;
  return in->op == OP_const || in->op == OP_size;
}

static Val code_of(Checks *x, Builder *b, const Ins *in, Val index, Val extent) {
  IndexCheck check = {.span = in->span, .extent = -1};
  bool one = splat_size(ir_ins(b, extent), &check.extent);
  Shape s = *ir_shape(b, index);
  uint32_t all = (1u << s.rank) - 1;
  vec_push(x->cx->arena, x->list, check);
  int64_t id = x->list->n;
  if (!one) {
    Val code = code_if(b, outside(b, index, extent), code_word(b, id, index));
    return s.rank ? ir_fold(b, OP_amax, code, all) : code;
  }
  Val n = ir_size(b, ir_type(b, index), NULL, check.extent), low = index, high = index;
  if (s.rank) low = ir_fold(b, OP_amin, index, all), high = ir_fold(b, OP_amax, index, all);
  Val below = ir_map2(b, OP_lt, low, ir_zeros_like(b, low));
  Val bad = ir_map2(b, OP_or, below, ir_map2(b, OP_ge, high, n));
  return code_if(b, bad, code_word(b, id, ir_map3(b, OP_select, below, low, high)));
}

/* ---- bodies ---- */
static bool has_checks(const Fn *f) {
  const Fn *body[IR_MAX_BODIES];
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (in->op == OP_bounded) return true;
    for (int i = 0, n = ins_bodies(in, body); i < n; i++)
      if (has_checks(body[i])) return true;
  }
  return false;
}

static Val new_input(Builder *b, const Input *in) {
  return ir_input(b, in->name, in->type, &in->shape, in->role, in->span);
}

static Val fault_input(Builder *b, Span at) {
  return ir_input(b, name_of(b->cx, "outside"), T_I64, &(Shape){0}, ROLE_ARG, at);
}

static Builder begin_like(const Fn *f) {
  Builder b = ir_begin(f->cx, f->name);
  b.span = b.fn->span = f->span;
  b.fn->nest = f->nest;
  return b;
}

/* Inputs as f has them, with the carried finding behind the first `lead`. */
static Val inputs_with_fault(Builder *b, const Fn *f, int lead, Val *args) {
  Val fault = 0;
  for (int i = 0; i <= f->in.n; i++) {
    if (i == lead) fault = fault_input(b, f->span);
    if (i < f->in.n) args[i] = new_input(b, &f->in.at[i]);
  }
  return fault;
}

/* The finding of the condition for the inputs of the body. */
static Val cond_code(Checks *x, Builder *b, const Loop *l, const Val *args) {
  if (!l->cond || !has_checks(l->cond)) return 0;
  Val *in = NEWS(x->cx->arena, Val, l->cond->in.n + 1), out;
  for (int i = 0; i < l->cond->in.n; i++) in[i] = args[i <= l->ncarry ? i : i + l->nscan];
  return copy_checked(x, b, l->cond, in, &out);
}

static Fn *checked_body(Checks *x, const Loop *l) {
  const Fn *f = l->body;
  Builder b = begin_like(f);
  Val *args = NEWS(x->cx->arena, Val, f->in.n + 1), *outs = NEWS(x->cx->arena, Val, f->out.n + 1);
  Val fault = inputs_with_fault(&b, f, 1 + l->ncarry, args);
  Val code = cond_code(x, &b, l, args);
  code = first_of(&b, code, copy_checked(x, &b, f, args, outs));
  for (int i = 0; i <= f->out.n; i++) {
    if (i == l->ncarry) ir_output(&b, NULL, first_of(&b, fault, code));
    if (i < f->out.n) ir_output(&b, f->out.at[i].name, outs[i]);
  }
  return ir_finish(&b);
}

static Fn *checked_cond(Checks *x, const Loop *l) {
  Builder b = begin_like(l->cond);
  Val *args = NEWS(x->cx->arena, Val, l->cond->in.n + 1), out;
  int before = x->list->n;
  inputs_with_fault(&b, l->cond, 1 + l->ncarry, args);
  copy_checked(x, &b, l->cond, args, &out);
  x->list->n = before; /* nobody asks for these */
  ir_output(&b, NULL, out);
  return ir_finish(&b);
}

/* ---- loops and branches ---- */
/* What the condition found when it was asked for the last time, and said no. */
static Val last_condition(Checks *x, Builder *b, const Loop *l, const Val *args, Val bundle) {
  if (!l->cond || !has_checks(l->cond)) return 0;
  Val *in = NEWS(x->cx->arena, Val, l->cond->in.n + 1), out;
  Val count = ir_part(b, bundle, l->ncarry + 1 + l->ncollect);
  Val limit = ir_size(b, T_I64, NULL, l->trip);
  if (l->counted) limit = ir_map2(b, OP_min, limit, args[0]);
  in[0] = count;
  if (l->reverse) in[0] = ir_map2(b, OP_sub, ir_map2(b, OP_sub, limit, number(b, 1)), count);
  for (int k = 0; k < l->ncarry; k++) in[1 + k] = ir_part(b, bundle, k);
  for (int i = 1 + l->ncarry; i < l->cond->in.n; i++) in[i] = args[l->counted + i - 1 + l->nscan];
  Val code = copy_checked(x, b, l->cond, in, &out);
  return code_if(b, ir_map2(b, OP_lt, count, limit), code);
}

/* parts: per part of the old instruction. */
static Val checked_loop(Checks *x, Builder *b, const Ins *in, const Val *args, Val *parts) {
  const Loop *l = in->u.loop;
  Loop now = *l;
  Val *operand = NEWS(x->cx->arena, Val, in->nargs + 2);
  int n = 0, lead = l->counted + l->ncarry;
  now.body = checked_body(x, l);
  if (l->cond) now.cond = checked_cond(x, l);
  now.ncarry++;
  for (int i = 0; i <= in->nargs; i++) {
    if (i == lead) operand[n++] = number(b, 0);
    if (i < in->nargs) operand[n++] = args[i];
  }
  Val bundle = ir_loop(b, &now, operand, n);
  for (int k = 0; k < ins_part_count(in); k++) parts[k] = ir_part(b, bundle, k + (k >= l->ncarry));
  return first_of(b, ir_part(b, bundle, l->ncarry), last_condition(x, b, l, args, bundle));
}

static Fn *checked_side(Checks *x, const Fn *f) {
  Builder b = begin_like(f);
  Val *args = NEWS(x->cx->arena, Val, f->in.n + 1), *outs = NEWS(x->cx->arena, Val, f->out.n + 1);
  for (int i = 0; i < f->in.n; i++) args[i] = new_input(&b, &f->in.at[i]);
  Val code = copy_checked(x, &b, f, args, outs);
  for (int i = 0; i < f->out.n; i++) ir_output(&b, f->out.at[i].name, outs[i]);
  ir_output(&b, NULL, code ? code : number(&b, 0));
  return ir_finish(&b);
}

static Val checked_branch(Checks *x, Builder *b, const Ins *in, const Val *args, Val *parts) {
  const Branch *br = in->u.branch;
  Fn *then = checked_side(x, br->then), *other = checked_side(x, br->other);
  Val bundle = ir_branch(b, then, other, args[0], args + 1, in->nargs - 1);
  int n = ins_part_count(in);
  for (int k = 0; k < n; k++) parts[k] = ir_part(b, bundle, k);
  return ir_part(b, bundle, n);
}

/* ---- what is updated in place ---- */
/* It keeps what is there where something was found. */
static Val kept(Builder *b, Val now, Val old, Val code) {
  Shape s = *ir_shape(b, now);
  Val wrong = ir_spread(b, ir_map2(b, OP_ne, code, number(b, 0)), &s, NULL);
  return ir_map3(b, OP_select, wrong, old, now);
}

/* Done where the value is made, so that what is computed from it reads the same value. */
static Val kept_early(Checks *x, Builder *b, const Fn *f, Val v, Val now, Val code) {
  if (f != x->whole || x->old[v] <= 0 || !code || op_kind((Op)fn_ins(f, v)->op) != KIND_MAP)
    return now;
  x->code[v] = code;
  return kept(b, now, x->old[v], code);
}

/* ---- the walk ---- */
/* f into b; returns what it found: a code, or 0 where nothing is checked. */
static Val copy_checked(Checks *x, Builder *b, const Fn *f, const Val *args, Val *outs) {
  Arena *a = x->cx->arena;
  Val *to = NEWS(a, Val, f->ins.n), **parts = NEWS(a, Val *, f->ins.n), code = 0;
  Span outer = b->span;
  for (int i = 0; i < f->in.n; i++) to[f->in.at[i].val] = args[i];
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    const Fn *body[IR_MAX_BODIES];
    if (in->op == OP_arg) continue;
    Val *arg = NEWS(a, Val, in->nargs + 1), found = 0;
    ir_map_args(in, to, arg);
    b->span = in->span;
    bool checks = false;
    for (int i = 0, n = ins_bodies(in, body); i < n; i++) checks |= has_checks(body[i]);
    if (in->op == OP_bounded) {
      to[v] = arg[0];
      if (!ir_index_inside(b->fn, arg[0], arg[1])) found = code_of(x, b, in, arg[0], arg[1]);
    } else if (in->op == OP_part && parts[in->arg[0]]) {
      to[v] = parts[in->arg[0]][in->u.i];
    } else if (checks) {
      parts[v] = NEWS(a, Val, ins_part_count(in) + 1);
      found = (in->op == OP_loop ? checked_loop : checked_branch)(x, b, in, arg, parts[v]);
    } else {
      to[v] = kept_early(x, b, f, v, ir_copy(b, in, arg), code);
    }
    if (to[v]) ir_name(b, to[v], in->hint);
    code = first_of(b, code, found);
  }
  b->span = outer;
  for (int i = 0; i < f->out.n; i++) outs[i] = to[f->out.at[i].val];
  return code;
}

const Fn *prepare_checks(const Fn *f, IndexChecks *list) {
  if (!has_checks(f)) return f;
  Checks x = {.cx = f->cx,
              .list = list,
              .whole = f,
              .old = NEWS(f->cx->arena, Val, f->ins.n),
              .code = NEWS(f->cx->arena, Val, f->ins.n)};
  Builder b = begin_like(f);
  Val *args = NEWS(f->cx->arena, Val, f->in.n + 1), *outs = NEWS(f->cx->arena, Val, f->out.n + 1);
  for (int i = 0; i < f->in.n; i++) args[i] = new_input(&b, &f->in.at[i]);
  for (int i = 0; i < f->out.n; i++) {
    const Output *o = &f->out.at[i];
    if (o->alias >= 0) x.old[o->val] = x.old[o->val] ? -1 : args[o->alias];
  }
  Val code = copy_checked(&x, &b, f, args, outs);
  for (int i = 0; i < f->out.n; i++) {
    const Output *o = &f->out.at[i];
    bool alias = o->alias >= 0 && code && x.code[o->val] != code;
    ir_output(&b, o->name, alias ? kept(&b, outs[i], args[o->alias], code) : outs[i]);
    b.fn->out.at[i].alias = o->alias;
  }
  if (code) ir_output(&b, name_of(f->cx, "outside"), code);
  else list->n = 0;
  return ir_finish(&b);
}
