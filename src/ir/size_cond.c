/* size_cond.c: see size_cond.h. A comparison of integers asks whether a difference is at least 0,
 * or 0, so that what asks for a condition at run time knows two questions and three words. */
#include "ir/size_cond.h"

static const SizeCond *make(const Builder *b, SizeCond c) {
  SizeCond *made = NEW(b->cx->arena, SizeCond);
  *made = c;
  return made;
}

static const SizeCond *joined(const Builder *b, SizeCondKind kind, const SizeCond *x,
                              const SizeCond *y) {
  return x && y ? make(b, (SizeCond){.kind = kind, .a = x, .b = y}) : NULL;
}

static const SizeCond *negated(const Builder *b, const SizeCond *x) {
  return x ? make(b, (SizeCond){.kind = SC_NOT, .a = x}) : NULL;
}

/* x <= y */
static const SizeCond *ordered(const Builder *b, Dim x, Dim y) {
  return make(b, (SizeCond){.kind = SC_LEAST, .d = dim_sub(b->cx, y, x)});
}

static bool is_size(const Ins *x, Dim *out) {
  bool small = x->op == OP_const && type_is_int((DType)x->type) && x->u.i > -DIM_MAX_NUMBER &&
               x->u.i < DIM_MAX_NUMBER;
  if (x->op == OP_size && type_is_int((DType)x->type)) *out = x->u.size;
  else if (small) *out = x->u.i;
  return small || (x->op == OP_size && type_is_int((DType)x->type));
}

static const SizeCond *compared(const Builder *b, Op op, Dim x, Dim y) {
  switch (op) {
  case OP_le: return ordered(b, x, y);
  case OP_ge: return ordered(b, y, x);
  case OP_lt: return ordered(b, dim_add(b->cx, x, 1), y);
  case OP_gt: return ordered(b, dim_add(b->cx, y, 1), x);
  case OP_eq: return make(b, (SizeCond){.kind = SC_ZERO, .d = dim_sub(b->cx, y, x)});
  case OP_ne: return negated(b, compared(b, OP_eq, x, y));
  default: return NULL;
  }
}

const SizeCond *size_cond_of(const Builder *b, Val v) {
  const Ins *x = ir_ins(b, v);
  Dim l, r;
  if (x->type != T_BOOL) return NULL;
  if (x->op == OP_const) return ordered(b, 0, x->u.i ? 0 : -1);
  switch (x->op) {
  case OP_and:
  case OP_or:
    return joined(b, x->op == OP_and ? SC_AND : SC_OR, size_cond_of(b, x->arg[0]),
                  size_cond_of(b, x->arg[1]));
  case OP_not: return negated(b, size_cond_of(b, x->arg[0]));
  case OP_le:
  case OP_ge:
  case OP_lt:
  case OP_gt:
  case OP_eq:
  case OP_ne:
    if (!is_size(ir_ins(b, x->arg[0]), &l) || !is_size(ir_ins(b, x->arg[1]), &r)) return NULL;
    return compared(b, (Op)x->op, l, r);
  default: return NULL;
  }
}

static bool is_question(const SizeCond *c) { return c->kind == SC_LEAST || c->kind == SC_ZERO; }

int size_cond_holds(Cx *cx, const SizeCond *c, const SizeBindings *numbers) {
  if (is_question(c)) {
    Dim d = dim_subst(cx, c->d, numbers);
    int most = c->kind == SC_LEAST ? 1 : dim_le(cx, d, 0), least = dim_le(cx, 0, d);
    return most == 1 && least == 1 ? 1 : most == 0 || least == 0 ? 0 : -1;
  }
  int a = size_cond_holds(cx, c->a, numbers);
  if (c->kind == SC_NOT) return a < 0 ? a : !a;
  int b = size_cond_holds(cx, c->b, numbers), decides = c->kind == SC_OR;
  if (a == decides || b == decides) return decides;
  return a < 0 || b < 0 ? -1 : !decides;
}

bool size_cond_same(const SizeCond *x, const SizeCond *y) {
  if (!x || !y) return x == y;
  return x->kind == y->kind && x->d == y->d && size_cond_same(x->a, y->a) &&
         size_cond_same(x->b, y->b);
}

const SizeCond *size_cond_subst(Cx *cx, const SizeCond *c, const SizeBindings *numbers) {
  SizeCond *made = NEW(cx->arena, SizeCond);
  made->kind = c->kind;
  if (is_question(c)) made->d = dim_subst(cx, c->d, numbers);
  if (c->a) made->a = size_cond_subst(cx, c->a, numbers);
  if (c->b) made->b = size_cond_subst(cx, c->b, numbers);
  return made;
}

void size_cond_names(Cx *cx, const SizeCond *c, SizeBindings *out) {
  if (is_question(c)) dim_names(cx, c->d, cx->arena, out);
  if (c->a) size_cond_names(cx, c->a, out);
  if (c->b) size_cond_names(cx, c->b, out);
}

void size_cond_print_c(Cx *cx, const SizeCond *c, const DimC *how, Text *out) {
  switch (c->kind) {
  case SC_LEAST:
  case SC_ZERO:
    dim_print_c(cx, c->d, how, out);
    text_add(out, c->kind == SC_LEAST ? " >= 0" : " == 0");
    return;
  case SC_NOT:
    text_add(out, "!(");
    size_cond_print_c(cx, c->a, how, out);
    text_add(out, ")");
    return;
  case SC_AND:
  case SC_OR:
    text_add(out, "(");
    size_cond_print_c(cx, c->a, how, out);
    text_add(out, c->kind == SC_AND ? ") && (" : ") || (");
    size_cond_print_c(cx, c->b, how, out);
    text_add(out, ")");
  }
}
