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
  case OP_safe_mul:
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

/* How the inputs of a function are told: by name, by position, or, in the body of a loop or branch,
 * by the keys given for them. depth: of the body, so that inputs of nested bodies differ. */
typedef struct Inputs {
  bool by_name;
  const Name *key;
  int depth;
} Inputs;

static Name fn_key(const Fn *f, const Inputs *inputs);

static void const_key(const Ins *in, Text *t) {
  uint64_t bits;
  memcpy(&bits, &in->u, sizeof bits);
  if (type_is_float((DType)in->type) && in->u.f != in->u.f)
    bits = 1; /* one NaN is as good as another */
  text_fmt(t, " %llx", (unsigned long long)bits);
}

/* What a loop's or branch's bodies capture is told by what it is outside: the order of the
 * operands, and operands that no body uses, don't count. */
static void loop_key(const Fn *f, const Ins *in, const Inputs *up, const Name *key, Text *t) {
  const Loop *l = in->u.loop;
  int n = l->body->in.n, first = l->counted, k = 0;
  Inputs inputs = {.depth = up->depth + 1};
  Name *body = NEWS(f->cx->arena, Name, n + 1), *cond = NEWS(f->cx->arena, Name, n + 1);
  text_fmt(t, "%d.%d.%d.%d ", l->ncarry, l->ncollect, l->counted, l->reverse);
  dim_print(f->cx, l->trip, t);
  for (int i = 0; i < first + l->ncarry; i++) text_fmt(t, " %p", (const void *)key[in->arg[i]]);
  for (int i = 0; i < n; i++) {
    bool scan = i > l->ncarry && i <= l->ncarry + l->nscan;
    if (i <= l->ncarry) body[i] = name_fmt(f->cx, "loop %d.%d", inputs.depth, i);
    else body[i] = key[in->arg[first + i - 1]];
    if (scan) body[i] = name_fmt(f->cx, "scan %d %p", inputs.depth, (const void *)body[i]);
    else cond[k++] = body[i];
  }
  inputs.key = body;
  text_fmt(t, " %p", (const void *)fn_key(l->body, &inputs));
  inputs.key = cond;
  if (l->cond) text_fmt(t, " %p", (const void *)fn_key(l->cond, &inputs));
}

static void branch_key(const Fn *f, const Ins *in, const Inputs *up, const Name *key, Text *t) {
  Name *captured = NEWS(f->cx->arena, Name, in->nargs + 1);
  for (int i = 1; i < in->nargs; i++) captured[i - 1] = key[in->arg[i]];
  Inputs inputs = {.key = captured, .depth = up->depth};
  text_fmt(t, " %p", (const void *)key[in->arg[0]]);
  text_fmt(t, " %p", (const void *)fn_key(in->u.branch->then, &inputs));
  text_fmt(t, " %p", (const void *)fn_key(in->u.branch->other, &inputs));
}

static Name ins_key(const Fn *f, const Ins *in, const Inputs *inputs, const Name *key, Text *t) {
  if (in->op == OP_arg && inputs->key) return inputs->key[in->u.i];
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
  if (in->op == OP_loop || in->op == OP_branch) {
    (in->op == OP_loop ? loop_key : branch_key)(f, in, inputs, key, t);
    return name_of(f->cx, text_str(t));
  }
  if (in->op == OP_const) const_key(in, t);
  else if (in->op == OP_arg && inputs->by_name) text_add(t, f->in.at[in->u.i].name);
  else ir_attr_print(f, in, t);
  const Fn *body[IR_MAX_BODIES];
  for (int i = ins_bodies(in, body); i-- > 0;)
    text_fmt(t, " %p", (const void *)fn_key(body[i], &(Inputs){.by_name = false}));
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
static Name fn_key(const Fn *f, const Inputs *inputs) {
  Cx *cx = f->cx;
  Text t = text_new(cx->arena);
  Name *key = NEWS(cx->arena, Name, MAX(f->ins.n, 1));
  bool by_position = !inputs->by_name && !inputs->key;
  for (Val v = 1; v < f->ins.n; v++) key[v] = ins_key(f, fn_ins(f, v), inputs, key, &t);
  t.n = 0;
  text_fmt(&t, "fn %d", inputs->key ? 0 : f->in.n);
  for (int i = 0; i < f->in.n && by_position; i++) {
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
  Inputs inputs = {.by_name = by_name};
  return fn_key(f, &inputs) == fn_key(g, &inputs);
}
