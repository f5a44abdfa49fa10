/* loopverify.c: the laws of the loop form, checked before a printer sees a program: lanes and types
 * agree, registers and variables are used in their scope, indices name variables in ascending
 * order, a parallel loop stands alone at the top and writes no register from outside. */
#include "loop/loop.h"

typedef struct Check {
  const LoopProgram *p;
  const Kernel *k;
  bool *var, *reg; /* in scope */
  const char *error;
} Check;

static void wrong(Check *c, const char *what, int at) {
  if (!c->error) c->error = name_fmt(c->p->cx, "kernel %s: %s (%d)", c->k->name, what, at);
}

/* A number within reason, or an expression in names: not what arithmetic makes of the latter's
 * handle. */
static bool is_dim(Cx *cx, Dim d) {
  return dim_is_number(d) ? d > -DIM_MAX_NUMBER * 8 && d < DIM_MAX_NUMBER * 8 : dim_is_known(cx, d);
}

static void check_ix(Check *c, const Ix *ix) {
  bool dims = is_dim(c->p->cx, ix->off);
  for (int i = 0; i < ix->n; i++) dims = dims && is_dim(c->p->cx, ix->term[i].coef);
  if (!dims) wrong(c, "an index that is no expression in sizes", ix->n);
  for (int i = 0; i < ix->n; i++) {
    Var v = ix->term[i].var;
    if (v < 0 || v >= c->k->var.n || !c->var[v])
      wrong(c, "an index uses a variable out of scope", v);
    if (i && ix->term[i - 1].var >= v) wrong(c, "the variables of an index don't ascend", v);
    if (ix->term[i].coef == 0) wrong(c, "an index has a coefficient of 0", v);
  }
}

static const ExNode *check_ex(Check *c, Ex e, int depth);

static void check_place(Check *c, Buf b, const Ix *ix, int lanes, Ex dyn, Ex mask, int depth) {
  if (b < 0 || b >= c->p->buf.n) {
    wrong(c, "no such buffer", b);
    return;
  }
  check_ix(c, ix);
  if (dyn) {
    const ExNode *n = check_ex(c, dyn, depth);
    if (n && !(n->type == T_I32 || n->type == T_I64)) wrong(c, "an offset is no integer", dyn);
    if (n && n->lanes != lanes && n->lanes != 1) wrong(c, "an offset of other lanes", dyn);
  }
  if (mask) {
    const ExNode *n = check_ex(c, mask, depth);
    if (n && (n->type != T_BOOL || n->lanes != lanes))
      wrong(c, "a mask of other lanes or type", mask);
  }
}

static void check_map(Check *c, const ExNode *n, Ex e, int depth) {
  if (op_kind(n->op) != KIND_MAP) {
    wrong(c, "not an elementwise operator", e);
    return;
  }
  for (int i = 0; i < op_info[n->op].arity; i++) {
    const ExNode *a = n->arg[i] ? check_ex(c, n->arg[i], depth) : NULL;
    if (!a) wrong(c, "an operand is missing", e);
    else if (a->lanes != n->lanes) wrong(c, "operands of different lanes", e);
    else if (i > 0 && n->op != OP_select && a->type != c->k->ex.at[n->arg[0]].type)
      wrong(c, "operands of different types", e);
  }
}

static const ExNode *check_ex(Check *c, Ex e, int depth) {
  if (e <= 0 || e >= c->k->ex.n || depth > 400) {
    wrong(c, depth > 400 ? "an expression is too deep" : "no such expression", e);
    return NULL;
  }
  const ExNode *n = &c->k->ex.at[e];
  if (n->lanes < 1 || (n->lanes & (n->lanes - 1))) wrong(c, "lanes are no power of two", e);
  switch ((ExKind)n->kind) {
  case EX_IMM:
  case EX_SIZE: break;
  case EX_INDEX:
  case EX_ACTIVE: check_ix(c, &n->ix); break;
  case EX_REG:
    if (n->u.reg < 0 || n->u.reg >= c->k->reg.n || !c->reg[n->u.reg])
      wrong(c, "a register is used out of its scope", n->u.reg);
    else if (c->k->reg.at[n->u.reg].lanes != n->lanes ||
             c->k->reg.at[n->u.reg].type != (DType)n->type)
      wrong(c, "a register has another type", n->u.reg);
    break;
  case EX_LOAD:
    check_place(c, n->buf, &n->ix, n->lanes, n->dyn, n->mask, depth + 1);
    if (!c->error && c->p->buf.at[n->buf].type != (DType)n->type)
      wrong(c, "a load of another type", e);
    break;
  case EX_MAP: check_map(c, n, e, depth + 1); break;
  case EX_SPLAT: {
    const ExNode *a = check_ex(c, n->arg[0], depth + 1);
    if (a && (a->lanes != 1 || a->type != n->type)) wrong(c, "a splat of no scalar", e);
    break;
  }
  case EX_SHUFFLE:
    for (int i = 0; i < 2; i++) {
      const ExNode *a = check_ex(c, n->arg[i], depth + 1);
      if (a && (a->lanes != n->lanes || a->type != n->type || n->lanes == 1 || n->type == T_BOOL))
        wrong(c, "a shuffle of other vectors", e);
    }
    for (int l = 0; l < n->lanes; l++)
      if (n->u.pick[l] >= 2 * n->lanes) wrong(c, "a shuffle of lanes that aren't there", e);
    break;
  case EX_REDUCE: {
    const ExNode *a = check_ex(c, n->arg[0], depth + 1);
    if (a && (n->lanes != 1 || a->type != n->type)) wrong(c, "a reduction to no scalar", e);
    break;
  }
  }
  return n;
}

static void check_bound(Check *c, Ex e) {
  const ExNode *n = e ? check_ex(c, e, 0) : NULL;
  if (n && (n->type != T_I64 || n->lanes != 1)) wrong(c, "a bound is no number of 64 bits", e);
}

static void check_block(Check *c, const Block *b, bool top);

static void check_stmt(Check *c, const Stmt *s, bool alone) {
  switch (s->kind) {
  case ST_FOR:
    check_ix(c, &s->u.loop.lo);
    check_ix(c, &s->u.loop.hi);
    check_bound(c, s->u.loop.from);
    check_bound(c, s->u.loop.to);
    if ((s->u.loop.from || s->u.loop.to) && s->u.loop.kind != FOR_SERIAL)
      wrong(c, "bounds that are computed, of a loop that is shared or unrolled", s->u.loop.var);
    if (s->u.loop.step < 1) wrong(c, "a loop doesn't advance", s->u.loop.var);
    if (s->u.loop.kind == FOR_PARALLEL && !(alone && c->k->parallel))
      wrong(c, "a parallel loop that isn't the kernel", s->u.loop.var);
    if (c->var[s->u.loop.var]) wrong(c, "a variable of two loops", s->u.loop.var);
    c->var[s->u.loop.var] = true;
    check_block(c, &s->u.loop.body, false);
    c->var[s->u.loop.var] = false;
    return;
  case ST_LET:
  case ST_SET: {
    const ExNode *n = check_ex(c, s->u.set.value, 0);
    Reg r = s->u.set.reg;
    if (r < 0 || r >= c->k->reg.n || c->reg[r] != (s->kind == ST_SET)) {
      wrong(c, "a register is set out of its scope or defined twice", r);
      return;
    }
    if (n && (n->lanes != c->k->reg.at[r].lanes || (DType)n->type != c->k->reg.at[r].type))
      wrong(c, "a register gets another type", r);
    c->reg[r] = true;
    return;
  }
  case ST_STORE: {
    const ExNode *n = check_ex(c, s->u.store.value, 0);
    if (!n) return;
    check_place(c, s->u.store.buf, &s->u.store.ix, n->lanes, s->u.store.dyn, s->u.store.mask, 0);
    if (!c->error && c->p->buf.at[s->u.store.buf].type != (DType)n->type)
      wrong(c, "a store of another type", s->u.store.buf);
    if (s->u.store.add && n->lanes != 1) wrong(c, "an adding store of a vector", s->u.store.buf);
    return;
  }
  case ST_TOUCH: check_place(c, s->u.touch.buf, &s->u.touch.ix, 1, 0, 0, 0); return;
  case ST_IF: {
    const ExNode *n = check_ex(c, s->u.cond.cond, 0);
    if (n && (n->type != T_BOOL || n->lanes != 1)) wrong(c, "a condition is no truth value", 0);
    check_block(c, &s->u.cond.then, false);
    check_block(c, &s->u.cond.other, false);
    return;
  }
  }
}

static void check_block(Check *c, const Block *b, bool top) {
  for (int i = 0; i < b->at.n && !c->error; i++) check_stmt(c, b->at.at[i], top && b->at.n == 1);
  for (int i = 0; i < b->at.n; i++)
    if (b->at.at[i]->kind == ST_LET && b->at.at[i]->u.set.reg < c->k->reg.n)
      c->reg[b->at.at[i]->u.set.reg] = false;
}

const char *loop_verify(const LoopProgram *p) {
  for (int i = 0; i < p->kernel.n; i++) {
    const Call *call = p->kernel.at[i]->call;
    const char *inner = call ? loop_verify(call->body) : NULL;
    if (call && call->other && !inner) inner = loop_verify(call->other);
    if (inner) return inner;
    Check c = {.p = p, .k = p->kernel.at[i]};
    c.var = NEWS(p->cx->arena, bool, MAX(1, c.k->var.n));
    c.reg = NEWS(p->cx->arena, bool, MAX(1, c.k->reg.n));
    check_block(&c, &c.k->body, true);
    if (!c.error && c.k->parallel &&
        (c.k->body.at.n != 1 || c.k->body.at.at[0]->kind != ST_FOR ||
         c.k->body.at.at[0]->u.loop.kind != FOR_PARALLEL))
      wrong(&c, "marked parallel, but isn't one parallel loop", i);
    if (c.error) return c.error;
  }
  return NULL;
}
