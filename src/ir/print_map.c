/* print_map.c: elementwise operations: operators with as few brackets as the grammar allows,
 * literals without their type where the neighbour gives it, and broadcasts left to NumPy's rule
 * where that makes the same of them. */
#include "ir/print.h"

#include <math.h>
#include <stdlib.h>

/* ---- numbers ---- */
bool is_number(const Printer *p, Val v) {
  return ins_of(p, v)->op == OP_const || ins_of(p, v)->op == OP_size;
}

/* Digits that give v when they are read as a double and rounded to the type. */
static void float_text(DType t, double v, Text *out) {
  size_t from = out->n;
  if (v == floor(v) && fabs(v) < 1e6 && !(v == 0 && signbit(v))) {
    text_fmt(out, "%.0f", v);
    return;
  }
  if (t == T_F64) {
    text_f64(out, v);
    return;
  }
  text_f32(out, (float)v);
  if (!isfinite(v) || (float)strtod(out->at + from, NULL) == (float)v) return;
  out->n = from;
  text_f64(out, v);
}

static Prec prec_of_text(const char *s) {
  if (strstr(s, " + ") || strstr(s, " - ")) return PREC_ADD;
  if (*s == '-') return strchr(s, '*') || strchr(s, '/') ? PREC_MUL : PREC_NEG;
  return strchr(s, '*') || strchr(s, '/') ? PREC_MUL : PREC_POSTFIX;
}

Prec print_number(Printer *p, Val v, bool bare, Text *out) {
  const Ins *in = ins_of(p, v);
  DType t = (DType)in->type;
  Text digits = text_new(p->arena);
  bool alone = t == T_BOOL; /* other literals adapt to what they meet */
  if (in->op == OP_size) print_dim(p, in->u.size, &digits);
  else if (type_is_float(t)) float_text(t, in->u.f, &digits);
  else if (t == T_BOOL) text_add(&digits, in->u.i ? "true" : "false");
  else text_fmt(&digits, "%lld", (long long)in->u.i);
  if (!bare && !alone) {
    text_fmt(out, "%s(%s)", type_info[t].word, text_str(&digits));
    return PREC_POSTFIX;
  }
  text_add(out, text_str(&digits));
  return prec_of_text(text_str(&digits));
}

/* ---- operands ---- */
typedef struct Operand {
  Val v;       /* what is printed: the operand, or what it is a broadcast of */
  bool number; /* a literal or size */
  bool bare;   /* without its type */
  bool full;   /* a number broadcast to the whole shape */
} Operand;

/* The shape NumPy's broadcasting gives for what is printed. */
static Shape broadcast_shape(const Printer *p, const Operand *o, int n) {
  Shape r = {0};
  for (int i = 0; i < n; i++) {
    if (o[i].number) continue;
    const Shape *s = &ins_of(p, o[i].v)->shape;
    Shape b = s->rank > r.rank ? *s : r;
    const Shape *small = s->rank > r.rank ? &r : s;
    for (int d = 1; d <= small->rank; d++)
      if (b.dim[b.rank - d] == 1) b.dim[b.rank - d] = small->dim[small->rank - d];
    r = b;
  }
  return r;
}

static void choose_operands(const Printer *p, const Ins *in, bool elements, Operand *o) {
  int first = in->op == OP_select, typed = 0;
  for (int i = 0; i < in->nargs; i++) {
    const Ins *x = ins_of(p, in->arg[i]);
    o[i] = (Operand){.v = in->arg[i], .number = is_number(p, in->arg[i])};
    bool broadcast = !elements && !is_named(p, o[i].v) && x->op == OP_view &&
                     is_right_aligned(x, &ins_of(p, x->arg[0])->shape);
    if (broadcast) o[i].v = x->arg[0];
    if (i >= first) typed += !o[i].number;
  }
  for (int i = 0; i < in->nargs; i++) o[i].bare = o[i].number && (typed || i > first);
  if (elements) return;
  Shape s = broadcast_shape(p, o, in->nargs);
  if (shape_eq(&s, &in->shape)) return;
  for (int i = 0; i < in->nargs; i++) { /* one operand has to show the shape */
    if (!o[i].number && o[i].v == in->arg[i]) continue;
    o[i].full = o[i].number;
    o[i].v = in->arg[i];
    return;
  }
}

static Prec print_operand(Printer *p, const Operand *o, Label *const *labels, Prec least,
                          Text *out) {
  if (!o->number || o->full) return print_value(p, o->v, labels, least, out);
  Text t = text_new(p->arena);
  Prec prec = print_number(p, o->v, o->bare, &t);
  text_fmt(out, prec < least ? "(%s)" : "%s", text_str(&t));
  return prec < least ? PREC_POSTFIX : prec;
}

/* ---- operators ---- */
static Prec prec_of_op(Op op) {
  switch (op) {
  case OP_or: return PREC_OR;
  case OP_and: return PREC_AND;
  case OP_not: return PREC_NOT;
  case OP_add:
  case OP_sub: return PREC_ADD;
  case OP_neg: return PREC_NEG;
  case OP_pow: return PREC_POW;
  case OP_select: return PREC_IF;
  default:
    if (op_info[op].typing == TY_COMPARE) return PREC_COMPARE;
    return *op_info[op].symbol ? PREC_MUL : PREC_POSTFIX;
  }
}

static void print_binary(Printer *p, Op op, const Operand *o, Label *const *labels, Text *out) {
  Prec level = prec_of_op(op), left = level, right = level + 1;
  if (level == PREC_COMPARE) left = level + 1; /* comparisons don't chain */
  if (level == PREC_POW) left = PREC_POSTFIX, right = PREC_POW;
  Text first = text_new(p->arena);
  bool reduction = print_operand(p, &o[0], labels, left, &first) == PREC_REDUCE;
  text_fmt(out, reduction ? "(%s)" : "%s", text_str(&first)); /* shows where it ends */
  text_fmt(out, level == PREC_POW ? "%s" : " %s ", op_info[op].symbol);
  bool second = op == OP_and || op == OP_or;
  p->guarded += second;
  print_operand(p, &o[1], labels, right, out);
  p->guarded -= second;
}

static void print_call(Printer *p, const char *name, const Operand *o, int n, Label *const *labels,
                       Text *out) {
  text_fmt(out, "%s(", name);
  for (int i = 0; i < n; i++) {
    if (i) text_add(out, ", ");
    print_operand(p, &o[i], labels, PREC_IF, out);
  }
  text_add(out, ")");
}

Prec print_map(Printer *p, Val v, Label *const *labels, Text *out) {
  const Ins *in = ins_of(p, v);
  Op op = (Op)in->op;
  Operand o[3];
  choose_operands(p, in, labels != NULL, o);
  if (op == OP_select) {
    text_add(out, "if ");
    print_operand(p, &o[0], labels, PREC_OR, out);
    p->guarded++;
    p->choices++;
    text_add(out, " then ");
    print_operand(p, &o[1], labels, PREC_OR, out);
    text_add(out, " else ");
    print_operand(p, &o[2], labels, PREC_IF, out);
    p->guarded--;
    p->choices--;
  } else if (op == OP_cast && p->node[in->arg[0]].index && in->type != T_BOOL) {
    text_fmt(out, p->counting ? "%.0s%s" : "%s(%s)", type_info[in->type].word,
             p->node[in->arg[0]].name);
    return PREC_POSTFIX;
  } else if (op == OP_cast) {
    print_call(p, type_info[in->type].word, o, 1, labels, out);
    return PREC_POSTFIX;
  } else if (!*op_info[op].symbol) {
    print_call(p, op_info[op].name, o, in->nargs, labels, out);
  } else if (in->nargs == 1) {
    text_fmt(out, op == OP_not ? "%s " : "%s", op_info[op].symbol);
    print_operand(p, &o[0], labels, op == OP_not ? PREC_NOT : PREC_POW, out);
  } else {
    print_binary(p, op, o, labels, out);
  }
  return prec_of_op(op);
}
