/* kernel.c: the constructors of the loop form (loop.h). In: operands already made; out: a new
 * node or statement of the kernel under construction. They fold what costs nothing to fold, so
 * that callers can write the general form. */
#include "ir/arith.h"
#include "loop/loop.h"

static Arena *arena_of(KernelMaker *m) { return m->p->cx->arena; }

static Ex node(KernelMaker *m, ExNode n) {
  if (m->k->ex.n == 0) vec_push(arena_of(m), &m->k->ex, (ExNode){0});
  vec_push(arena_of(m), &m->k->ex, n);
  return m->k->ex.n - 1;
}
static const ExNode *at(KernelMaker *m, Ex e) { return &m->k->ex.at[e]; }

/* ---- affine indices ---- */
Ix ix_number(Dim d) { return (Ix){.off = d}; }

Ix ix_plus(KernelMaker *m, Ix a, Ix b) {
  Cx *cx = m->p->cx;
  Ix r = {.off = dim_add(cx, a.off, b.off)};
  if (a.n == 0) {
    r.n = b.n, r.term = b.term;
    return r;
  }
  if (b.n == 0) {
    r.n = a.n, r.term = a.term;
    return r;
  }
  IxTerm *t = NEWS(arena_of(m), IxTerm, a.n + b.n);
  int i = 0, j = 0;
  while (i < a.n || j < b.n) {
    if (j == b.n || (i < a.n && a.term[i].var < b.term[j].var)) {
      t[r.n++] = a.term[i++];
    } else if (i == a.n || b.term[j].var < a.term[i].var) {
      t[r.n++] = b.term[j++];
    } else {
      Dim c = dim_add(cx, a.term[i].coef, b.term[j].coef);
      if (c != 0) t[r.n++] = (IxTerm){a.term[i].var, c};
      i++, j++;
    }
  }
  r.term = t;
  return r;
}

Ix ix_add_term(KernelMaker *m, Ix ix, Var v, Dim coef) {
  if (coef == 0) return ix;
  IxTerm *t = NEW(arena_of(m), IxTerm);
  *t = (IxTerm){v, coef};
  return ix_plus(m, ix, (Ix){.n = 1, .term = t});
}

Ix ix_scale(KernelMaker *m, Ix a, Dim by) {
  if (by == 1) return a;
  if (by == 0) return ix_number(0);
  Ix r = {.n = a.n, .off = dim_mul(m->p->cx, a.off, by)};
  IxTerm *t = NEWS(arena_of(m), IxTerm, a.n);
  for (int i = 0; i < a.n; i++)
    t[i] = (IxTerm){a.term[i].var, dim_mul(m->p->cx, a.term[i].coef, by)};
  r.term = t;
  return r;
}

/* ---- expressions ---- */
Ex ex_imm_f(KernelMaker *m, DType t, int lanes, double v) {
  return node(m, (ExNode){.kind = EX_IMM, .type = (uint8_t)t, .lanes = (uint16_t)lanes, .u.f = v});
}
Ex ex_imm_i(KernelMaker *m, DType t, int lanes, int64_t v) {
  if (type_is_float(t)) return ex_imm_f(m, t, lanes, (double)v);
  return node(m, (ExNode){.kind = EX_IMM, .type = (uint8_t)t, .lanes = (uint16_t)lanes, .u.i = v});
}
Ex ex_reg(KernelMaker *m, Reg r) {
  const RegInfo *i = &m->k->reg.at[r];
  return node(
      m,
      (ExNode){.kind = EX_REG, .type = (uint8_t)i->type, .lanes = (uint16_t)i->lanes, .u.reg = r});
}
Ex ex_index(KernelMaker *m, DType t, int lanes, Ix ix, Dim lane_stride) {
  if (lanes > 1 && lane_stride == 0) return ex_splat(m, ex_index(m, t, 1, ix, 0), lanes);
  if (lanes == 1 && ix.n == 0 && dim_is_number(ix.off)) return ex_imm_i(m, t, 1, ix.off);
  return node(m, (ExNode){.kind = EX_INDEX,
                          .type = (uint8_t)t,
                          .lanes = (uint16_t)lanes,
                          .ix = ix,
                          .lane_stride = lane_stride});
}
Ex ex_load(KernelMaker *m, Buf b, Ix ix, int lanes, Dim lane_stride, Ex dyn, Ex mask) {
  return node(m, (ExNode){.kind = EX_LOAD,
                          .type = (uint8_t)m->p->buf.at[b].type,
                          .lanes = (uint16_t)lanes,
                          .buf = b,
                          .ix = ix,
                          .lane_stride = lanes > 1 ? lane_stride : 1,
                          .dyn = dyn,
                          .mask = mask});
}
/* Of literals; 0: it isn't folded. Which NaN comes out is left to the machine. */
static Ex folded(KernelMaker *m, Op op, DType result, const Ex *arg, int n) {
  DType operand = (DType)at(m, arg[op == OP_select ? 1 : 0])->type;
  Scalar in[3] = {{0}};
  if (operand == T_BOOL || !loop_machine_op(op, operand)) return 0;
  if (op == OP_fma && operand == T_F32) return 0; /* the evaluator rounds twice */
  for (int i = 0; i < n; i++) {
    const ExNode *x = at(m, arg[i]);
    if (x->kind != EX_IMM) return 0;
    if (!type_is_float((DType)x->type)) in[i].i = ir_wrap((DType)x->type, x->u.i);
    else in[i].f = x->type == T_F32 ? (double)(float)x->u.f : x->u.f;
    if (type_is_float((DType)x->type) && in[i].f != in[i].f) return 0;
  }
  Scalar v = ir_map_value(op, operand, result, in);
  int lanes = at(m, arg[0])->lanes;
  if (!type_is_float(result)) return ex_imm_i(m, result, lanes, v.i);
  return v.f == v.f ? ex_imm_f(m, result, lanes, v.f) : 0;
}

Ex ex_map(KernelMaker *m, Op op, DType result, const Ex *arg, int n) {
  Ex number = folded(m, op, result, arg, n);
  if (number) return number;
  ExNode e = {.kind = EX_MAP, .type = (uint8_t)result, .lanes = at(m, arg[0])->lanes, .op = op};
  for (int i = 0; i < n; i++) {
    if (at(m, arg[i])->lanes != e.lanes)
      cx_bug(m->p->cx, "operands of %s have %d and %d lanes", op_info[op].name, e.lanes,
             at(m, arg[i])->lanes);
    e.arg[i] = arg[i];
    e.height = MAX(e.height, (uint16_t)(at(m, arg[i])->height + 1));
  }
  return node(m, e);
}
Ex ex_splat(KernelMaker *m, Ex scalar, int lanes) {
  const ExNode *s = at(m, scalar);
  if (lanes == 1 || s->lanes == lanes) return scalar;
  if (s->kind == EX_IMM) {
    ExNode imm = *s;
    imm.lanes = (uint16_t)lanes;
    return node(m, imm);
  }
  ExNode e = {.kind = EX_SPLAT, .type = s->type, .lanes = (uint16_t)lanes, .arg = {scalar}};
  return node(m, e);
}
Ex ex_size(KernelMaker *m, DType t, int lanes, Dim d) {
  if (dim_is_number(d)) return ex_imm_i(m, t, lanes, d);
  return node(
      m,
      (ExNode){.kind = EX_SIZE, .type = (uint8_t)t, .lanes = (uint16_t)lanes, .ix = ix_number(d)});
}
Ex ex_active(KernelMaker *m, int lanes, Ix count) {
  return node(m,
              (ExNode){.kind = EX_ACTIVE, .type = T_BOOL, .lanes = (uint16_t)lanes, .ix = count});
}
Ex ex_shuffle(KernelMaker *m, Ex a, Ex b, const uint8_t *pick) {
  const ExNode *x = at(m, a);
  ExNode e = {.kind = EX_SHUFFLE, .type = x->type, .lanes = x->lanes, .arg = {a, b}};
  e.u.pick = arena_copy(arena_of(m), pick, x->lanes);
  return node(m, e);
}
Ex ex_reduce(KernelMaker *m, Op op, Ex vector) {
  const ExNode *v = at(m, vector);
  if (v->lanes == 1) return vector;
  ExNode e = {.kind = EX_REDUCE, .type = v->type, .lanes = 1, .op = op, .arg = {vector}};
  return node(m, e);
}

/* ---- variables, registers, statements ---- */
Var var_new(KernelMaker *m, const char *name) {
  vec_push(arena_of(m), &m->k->var, name_of(m->p->cx, name));
  return m->k->var.n - 1;
}

static Stmt *stmt(KernelMaker *m, StmtKind kind) {
  Stmt *s = NEW(arena_of(m), Stmt);
  s->kind = kind;
  vec_push(arena_of(m), &m->at->at, s);
  return s;
}

Reg st_let(KernelMaker *m, Ex value, Name hint) {
  const ExNode *v = at(m, value);
  RegInfo r = {(DType)v->type, v->lanes, hint};
  vec_push(arena_of(m), &m->k->reg, r);
  Stmt *s = stmt(m, ST_LET);
  s->u.set.reg = m->k->reg.n - 1;
  s->u.set.value = value;
  return s->u.set.reg;
}

void st_set(KernelMaker *m, Reg r, Ex value) {
  if (at(m, value)->kind == EX_REG && at(m, value)->u.reg == r) return; /* a term of 0 was added */
  Stmt *s = stmt(m, ST_SET);
  s->u.set.reg = r;
  s->u.set.value = value;
}

void st_store(KernelMaker *m, Buf b, Ix ix, Dim lane_stride, Ex dyn, Ex mask, Ex value, bool add) {
  Stmt *s = stmt(m, ST_STORE);
  s->u.store.buf = b;
  s->u.store.ix = ix;
  s->u.store.lane_stride = at(m, value)->lanes > 1 ? lane_stride : 1;
  s->u.store.dyn = dyn;
  s->u.store.mask = mask;
  s->u.store.value = value;
  s->u.store.add = add;
}

void st_touch(KernelMaker *m, Buf b, Ix ix, bool write) {
  Stmt *s = stmt(m, ST_TOUCH);
  s->u.touch.buf = b;
  s->u.touch.ix = ix;
  s->u.touch.write = write;
}

Stmt *st_for(KernelMaker *m, ForKind kind, Var v, Ix lo, Ix hi, int64_t step) {
  Stmt *s = stmt(m, ST_FOR);
  s->u.loop.kind = kind;
  s->u.loop.var = v;
  s->u.loop.lo = lo;
  s->u.loop.hi = hi;
  s->u.loop.step = step;
  return s;
}

Stmt *st_if(KernelMaker *m, Ex cond) {
  Stmt *s = stmt(m, ST_IF);
  s->u.cond.cond = cond;
  return s;
}

Block *st_enter(KernelMaker *m, Block *inner) {
  Block *outer = m->at;
  m->at = inner;
  return outer;
}
void st_leave(KernelMaker *m, Block *outer) { m->at = outer; }

/* ---- what printers know ---- */
bool loop_machine_op(Op op, DType operand) {
  bool f = type_is_float(operand), i = type_is_int(operand), b = operand == T_BOOL;
  switch (op) {
  case OP_add:
  case OP_sub:
  case OP_mul:
  case OP_neg:
  case OP_abs:
  case OP_min:
  case OP_max: return f || i;
  case OP_div:
  case OP_fma:
  case OP_floor:
  case OP_ceil:
  case OP_round:
  case OP_copysign:
  case OP_sqrt:
  case OP_bits: return f;
  case OP_idiv:
  case OP_mod:
  case OP_bitand:
  case OP_bitor:
  case OP_bitxor:
  case OP_shl:
  case OP_shr:
  case OP_ushr:
  case OP_from_bits: return i;
  case OP_eq:
  case OP_ne: return f || i || b;
  case OP_lt:
  case OP_le:
  case OP_gt:
  case OP_ge:
  case OP_cast: return f || i;
  case OP_and:
  case OP_or:
  case OP_not: return b;
  case OP_select: return true; /* operand: the condition's type or the branches' */
  default: return false;
  }
}
