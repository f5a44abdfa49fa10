/* equal.c: whether two functions are the same program: equal outputs up to the numbering of
 * instructions, the order of commutative operands and the naming of contraction labels. Names,
 * hints and spans don't count; inputs are matched by name where both have the same names, and by
 * position otherwise.
 *
 * Every instruction gets a key: the interned text of its operator, type, attributes and the keys of
 * its operands. Equal values have the same key, so comparing outputs compares everything. */
#include "ir/ir.h"

static bool is_commutative(Op op) {
  switch (op) {
  case OP_add:
  case OP_mul:
  case OP_min:
  case OP_max:
  case OP_eq:
  case OP_ne:
  case OP_and:
  case OP_or:
  case OP_bitand:
  case OP_bitor:
  case OP_bitxor:
  case OP_fma: return true; /* fma: its first two */
  default: return false;
  }
}

/* Labels in the order in which out, then x, then y first show them. */
static void contract_key(const Fn *f, const Ins *in, bool swap, const Name *key, Text *t) {
  const Contract *c = in->u.contract;
  const uint8_t *label[3] = {c->out, swap ? c->b : c->a, swap ? c->a : c->b};
  int rank[3] = {in->shape.rank, fn_ins(f, in->arg[swap])->shape.rank,
                 fn_ins(f, in->arg[!swap])->shape.rank};
  int number[3 * IR_MAX_RANK], next = 0;
  memset(number, -1, sizeof number);
  for (int k = 0; k < 3; k++)
    for (int i = 0; i < rank[k]; i++) {
      int *n = &number[label[k][i]];
      if (*n < 0) *n = next++;
      text_fmt(t, i ? ".%d" : " %d", *n);
    }
  text_fmt(t, " %p %p", (const void *)key[in->arg[swap]], (const void *)key[in->arg[!swap]]);
}

static Name fn_key(const Fn *f, bool by_name);

static void const_key(const Ins *in, Text *t) {
  uint64_t bits;
  memcpy(&bits, &in->u, sizeof bits);
  if (type_is_float((DType)in->type) && in->u.f != in->u.f)
    bits = 1; /* one NaN is as good as another */
  text_fmt(t, " %llx", (unsigned long long)bits);
}

static Name ins_key(const Fn *f, const Ins *in, bool by_name, const Name *key, Text *t) {
  t->n = 0;
  text_fmt(t, "%s ", op_info[in->op].name);
  type_print(f->cx, (DType)in->type, &in->shape, t);
  text_add(t, " ");
  if (in->op == OP_contract) {
    size_t start = t->n;
    contract_key(f, in, false, key, t);
    Text other = text_new(t->arena);
    contract_key(f, in, true, key, &other);
    if (strcmp(text_str(&other), t->at + start) < 0) {
      t->n = start;
      text_add(t, text_str(&other));
    }
    return name_of(f->cx, text_str(t));
  }
  if (in->op == OP_const)
    const_key(in, t);
  else if (in->op == OP_arg && by_name)
    text_add(t, f->in.at[in->u.i].name);
  else
    ir_attr_print(f, in, t);
  const Fn *body[2];
  for (int i = ins_bodies(in, body); i-- > 0;)
    text_fmt(t, " %p", (const void *)fn_key(body[i], false));
  const Name *first = NULL;
  Name swapped[2];
  if (is_commutative((Op)in->op)) {
    bool swap = key[in->arg[0]] > key[in->arg[1]];
    swapped[0] = key[in->arg[swap]], swapped[1] = key[in->arg[!swap]];
    first = swapped;
  }
  for (int i = 0; i < in->nargs; i++)
    text_fmt(t, " %p", (const void *)(first && i < 2 ? first[i] : key[in->arg[i]]));
  return name_of(f->cx, text_str(t));
}

/* The key of the whole function: its inputs' types and its outputs' keys. */
static Name fn_key(const Fn *f, bool by_name) {
  Cx *cx = f->cx;
  Text t = text_new(cx->arena);
  Name *key = NEWS(cx->arena, Name, MAX(f->ins.n, 1));
  for (Val v = 1; v < f->ins.n; v++) key[v] = ins_key(f, fn_ins(f, v), by_name, key, &t);
  t.n = 0;
  text_fmt(&t, "fn %d", f->in.n);
  for (int i = 0; i < f->in.n && !by_name; i++) {
    text_add(&t, " ");
    type_print(cx, f->in.at[i].type, &f->in.at[i].shape, &t);
  }
  for (int i = 0; i < f->out.n; i++) text_fmt(&t, " %p", (const void *)key[f->out.at[i].val]);
  return name_of(cx, text_str(&t));
}

static bool same_input_names(const Fn *f, const Fn *g) {
  for (int i = 0; i < f->in.n; i++) {
    int found = 0;
    for (int k = 0; k < f->in.n; k++)
      found += (g->in.at[k].name == f->in.at[i].name) + (f->in.at[k].name == f->in.at[i].name);
    if (!f->in.at[i].name || found != 2) return false;
    const Input *a = &f->in.at[i], *b = a;
    for (int k = 0; k < g->in.n; k++)
      if (g->in.at[k].name == a->name) b = &g->in.at[k];
    if (a->type != b->type || !shape_eq(&a->shape, &b->shape)) return false;
  }
  return true;
}

bool ir_equal(const Fn *f, const Fn *g) {
  if (f->cx != g->cx || f->in.n != g->in.n || f->out.n != g->out.n) return false;
  bool by_name = same_input_names(f, g);
  return fn_key(f, by_name) == fn_key(g, by_name);
}
