/* print_expr.c: values as expressions, but for elementwise operations (print_map.c) and views
 * (print_view.c): names, reductions, contractions, gathers, counters. */
#include "ir/build.h"
#include "ir/print.h"

/* ---- names and labels ---- */
Label *new_label(Printer *p, Dim extent, Name wish) {
  Label *l = NEW(p->arena, Label);
  l->extent = extent;
  l->name = fresh_label(p, wish);
  return l;
}

/* The axis of operand k of v that is axis d of v, or -1. */
static int axis_below(const Printer *p, Val v, int d, int k) {
  const Ins *in = ins_of(p, v);
  const Shape *s = &ins_of(p, in->arg[k])->shape;
  switch (op_kind((Op)in->op)) {
  case KIND_MAP: return d;
  case KIND_FOLD:
    for (int i = 0; i < s->rank; i++)
      if (!(in->u.axes >> i & 1) && d-- == 0) return i;
    return -1;
  case KIND_DOT:
    for (int i = 0; i < s->rank; i++)
      if ((k ? in->u.contract->b : in->u.contract->a)[i] == in->u.contract->out[d]) return i;
    return -1;
  default: break;
  }
  for (int i = 0; in->op == OP_view && i < in->u.view->rank; i++) {
    const ViewDim *x = &in->u.view->dim[i];
    if (x->n == 1 && x->den == 1 && x->off == 0 && x->term[0].coef == 1 && x->term[0].label == d)
      return i;
  }
  return -1;
}

static Name wish_within(const Printer *p, Val v, int d, int steps) {
  const Ins *in = ins_of(p, v);
  const Name *known = axis_names(p->cx, in->hint, in->shape.rank);
  if (known && known[d]) return known[d];
  OpKind kind = op_kind((Op)in->op);
  bool follows = kind == KIND_MAP || kind == KIND_FOLD || kind == KIND_DOT || in->op == OP_view;
  for (int k = 0; follows && steps && k < in->nargs; k++) {
    int e = axis_below(p, v, d, k);
    Name name = e >= 0 ? wish_within(p, in->arg[k], e, steps - 1) : NULL;
    if (name) return name;
  }
  return NULL;
}

Name axis_wish(const Printer *p, Val v, int d) {
  enum { FAR = 6 }; /* each step may have several operands */
  return wish_within(p, v, d, FAR);
}

/* The same of a label that a contraction sums over. */
static Name summed_wish(const Printer *p, const Ins *in, int label) {
  for (int k = 0; k < 2; k++)
    for (int i = 0; i < ins_of(p, in->arg[k])->shape.rank; i++) {
      bool same = (k ? in->u.contract->b : in->u.contract->a)[i] == label;
      Name name = same ? axis_wish(p, in->arg[k], i) : NULL;
      if (name) return name;
    }
  return NULL;
}

void print_labels(Printer *p, Label *const *labels, int n, Text *out) {
  for (int i = 0; i < n; i++) {
    text_fmt(out, i ? ", %s" : "%s", labels[i]->name);
    const Label *l = labels[i];
    if (!l->unclear && (l->plain || (l->maybe && !l->affine))) continue;
    text_add(out, ": 0..");
    print_factor(p, labels[i]->extent, out);
  }
}

void note_plain_use(const Printer *p, Label *l) {
  if (p->choices) l->maybe = true;
  else l->plain = true;
}

bool open_name(const Printer *p, Val v, Text *out) {
  const Node *n = &p->node[v];
  text_add(out, n->name);
  if (n->row) text_fmt(out, "[%s", n->row);
  return n->row != NULL;
}

void print_name(Printer *p, Val v, Label *const *labels, Text *out) {
  const Shape *s = &ins_of(p, v)->shape;
  bool open = open_name(p, v, out);
  for (int i = 0; labels && i < s->rank; i++) {
    text_fmt(out, "%s%s", open ? ", " : "[", labels[i]->name);
    open = true;
    if (labels[i]->extent == s->dim[i]) note_plain_use(p, labels[i]);
    else labels[i]->unclear = true;
  }
  if (open) text_add(out, "]");
}

/* "2" or "(0, 2)" */
void print_set(uint64_t bits, Text *out) {
  bool one = (bits & (bits - 1)) == 0, first = true;
  if (!one) text_add(out, "(");
  for (int i = 0; i < 64; i++) {
    if (!(bits >> i & 1)) continue;
    text_fmt(out, first ? "%d" : ", %d", i);
    first = false;
  }
  if (!one) text_add(out, ")");
}

/* ---- reductions and contractions ---- */
static const char *fold_word(Op op) {
  switch (op) {
  case OP_amax: return "max";
  case OP_amin: return "min";
  default: return op_info[op].name;
  }
}

static Prec print_fold(Printer *p, const Ins *in, Label *const *labels, Text *out) {
  Val x = in->arg[0];
  int rank = ins_of(p, x)->shape.rank;
  text_add(out, fold_word((Op)in->op));
  text_add(out, "(");
  if (!labels) {
    print_value(p, x, NULL, PREC_IF, out);
    if (in->shape.rank) {
      text_add(out, ", axis: ");
      print_set(in->u.axes, out);
    }
    text_add(out, ")");
    return PREC_POSTFIX;
  }
  Label *all[IR_MAX_RANK];
  Text body = text_new(p->arena);
  int scope = p->labels.list.n, n = in->shape.rank; /* the folded axes come last */
  for (int i = 0; i < n; i++) all[i] = labels[i];
  for (int i = n; i < rank; i++)
    all[i] = new_label(p, ins_of(p, x)->shape.dim[i], axis_wish(p, x, i));
  print_value(p, x, all, PREC_MUL, &body);
  p->labels.list.n = scope;
  print_labels(p, all + n, rank - n, out);
  bool minus = *text_str(&body) == '-'; /* `sum(k) -x` would be a subtraction */
  text_fmt(out, minus ? ") (%s)" : ") %s", text_str(&body));
  return PREC_REDUCE;
}

static void print_factors(Printer *p, const Ins *in, Label **of, Text *out) {
  const Contract *c = in->u.contract;
  const uint8_t *number[2] = {c->a, c->b};
  for (int k = 0; k < 2; k++) {
    Label *labels[IR_MAX_RANK];
    int rank = ins_of(p, in->arg[k])->shape.rank;
    for (int i = 0; i < rank; i++) labels[i] = of[number[k][i]];
    if (k) text_add(out, " * ");
    print_value(p, in->arg[k], labels, PREC_POSTFIX, out);
  }
}

static Prec print_contract(Printer *p, const Ins *in, Label *const *labels, Text *out) {
  if (!labels) {
    print_value(p, in->arg[0], NULL, PREC_MUL, out);
    text_add(out, " @ ");
    print_value(p, in->arg[1], NULL, PREC_NEG, out);
    return PREC_MUL;
  }
  const Contract *c = in->u.contract;
  Label *of[3 * IR_MAX_RANK] = {NULL}, *summed[IR_MAX_RANK];
  int n = 0, scope = p->labels.list.n;
  for (int i = 0; i < c->nout; i++) of[c->out[i]] = labels[i];
  for (int i = 0; i < ins_of(p, in->arg[0])->shape.rank; i++)
    if (!of[c->a[i]])
      of[c->a[i]] = summed[n++] =
          new_label(p, ins_of(p, in->arg[0])->shape.dim[i], summed_wish(p, in, c->a[i]));
  Text body = text_new(p->arena);
  print_factors(p, in, of, &body);
  p->labels.list.n = scope;
  text_add(out, "sum(");
  print_labels(p, summed, n, out);
  text_fmt(out, ") %s", text_str(&body));
  return PREC_REDUCE;
}

/* ---- gather and scatter ---- */
bool is_counting(const Printer *p, Val v) {
  const Ins *in = ins_of(p, v);
  if (is_number(p, v)) return true;
  if (is_named(p, v)) return false;
  if (in->op == OP_cast) return in->type == T_I32 && p->node[in->arg[0]].index;
  if (in->op != OP_add && in->op != OP_sub && in->op != OP_mul) return false;
  return is_counting(p, in->arg[0]) && is_counting(p, in->arg[1]);
}

static Dim indexed_extent(const Printer *p, const Ins *in, int i) {
  const Gather *g = in->u.gather;
  const Shape *full = in->op == OP_gather ? &ins_of(p, in->arg[0])->shape : &g->full;
  return full->dim[g->axis[i]];
}

/* bounded(i, n) where the index goes into an axis of that extent: i says it, since it is checked.
 */
static bool is_check(const Printer *p, const Ins *in, int i) {
  const Ins *x = ins_of(p, in->arg[i + 1]);
  if (x->op != OP_bounded || !is_number(p, x->arg[1])) return false;
  const Ins *n = ins_of(p, x->arg[1]);
  Dim extent = indexed_extent(p, in, i);
  return n->op == OP_size ? n->u.size == extent : dim_is_number(extent) && n->u.i == extent;
}

/* Whether the text comes back as it is without `unchecked`. */
static bool is_checked(const Printer *p, const Ins *in) {
  for (int i = 0; i < in->u.gather->naxes; i++) {
    Val v = in->arg[i + 1];
    bool counts = is_counting(p, v) && !is_number(p, v);
    if (!counts && !ir_index_below(p->f, v, indexed_extent(p, in, i)) && !is_check(p, in, i))
      return false;
  }
  return true;
}

static void print_indices(Printer *p, const Ins *in, Text *out) {
  bool outer = p->counting;
  for (int i = 1; i < in->nargs; i++) {
    Val v = in->arg[i];
    bool bare = !p->guarded && is_check(p, in, i - 1) && !is_named(p, v);
    if (i > 1) text_add(out, ", ");
    p->counting = is_counting(p, v);
    print_value(p, bare ? ins_of(p, v)->arg[0] : v, NULL, PREC_IF, out);
    p->counting = outer;
  }
}

/* x[i, j]: the first axes are indexed, by tensors that nobody can take for compile-time integers.
 */
static bool is_plain_gather(const Printer *p, const Ins *in) {
  const Gather *g = in->u.gather;
  for (int i = 0; i < g->naxes; i++)
    if (g->axis[i] != i || is_number(p, in->arg[i + 1])) return false;
  return in->op == OP_gather;
}

static void print_general_gather(Printer *p, const Ins *in, Text *out) {
  const Gather *g = in->u.gather;
  uint64_t axes = 0;
  for (int i = 0; i < g->naxes; i++) axes |= (uint64_t)1 << g->axis[i];
  text_fmt(out, "%s(", op_info[in->op].name);
  print_value(p, in->arg[0], NULL, PREC_IF, out);
  text_add(out, g->naxes > 1 ? ", (" : ", ");
  print_indices(p, in, out);
  text_add(out, g->naxes > 1 ? "), axes: " : ", axes: ");
  print_set(axes, out);
  if (in->op == OP_scatter) {
    text_add(out, ", shape: ");
    print_extents(p, &g->full, out);
  }
  text_add(out, ")");
}

static Prec print_gather(Printer *p, const Ins *in, Text *out) {
  bool unchecked = !p->guarded && !is_checked(p, in);
  if (unchecked) text_add(out, "unchecked(");
  p->guarded += unchecked;
  if (is_plain_gather(p, in)) {
    print_value(p, in->arg[0], NULL, PREC_POSTFIX, out);
    text_add(out, "[");
    print_indices(p, in, out);
    text_add(out, "]");
  } else {
    print_general_gather(p, in, out);
  }
  p->guarded -= unchecked;
  if (unchecked) text_add(out, ")");
  return PREC_POSTFIX;
}

/* ---- leaves ---- */
static Prec print_leaf(Printer *p, Val v, Label *const *labels, Text *out) {
  const Ins *in = ins_of(p, v);
  if (in->op == OP_iota) {
    const char *cast = in->type == T_I32 ? NULL : type_info[in->type].word;
    if (labels) {
      labels[0]->unclear = true; /* a number doesn't show a range */
      text_add(out, labels[0]->name);
      return PREC_POSTFIX;
    }
    if (cast) text_fmt(out, "%s(", cast);
    text_add(out, "iota(");
    print_dim(p, in->shape.dim[0], out);
    text_add(out, cast ? "))" : ")");
    return PREC_POSTFIX;
  }
  if (!is_number(p, v)) cx_bug(p->cx, "`%s` stands alone", op_info[in->op].name);
  if (labels || !in->shape.rank) return print_number(p, v, false, out);
  text_add(out, "broadcast_to(");
  print_number(p, v, false, out);
  text_add(out, ", ");
  print_extents(p, &in->shape, out);
  text_add(out, ")");
  return PREC_POSTFIX;
}

static Prec print_reshape(Printer *p, const Ins *in, Text *out) {
  if (in->nargs > 1) return print_join(p, in, out);
  text_add(out, "reshape(");
  print_value(p, in->arg[0], NULL, PREC_IF, out);
  text_add(out, ", ");
  print_extents(p, &in->shape, out);
  text_add(out, ")");
  return PREC_POSTFIX;
}

static Prec print_unnamed(Printer *p, Val v, Label *const *labels, Text *out);

/* A broadcast of something that isn't named: the same elements under fewer labels. */
static Prec print_view(Printer *p, Val v, Label *const *labels, Text *out) {
  const Ins *in = ins_of(p, v);
  Val x = in->arg[0];
  if (!labels) return print_view_array(p, v, out);
  if (is_named(p, x)) return print_view_element(p, v, labels, out);
  Label *of[IR_MAX_RANK];
  for (int d = 0; d < in->u.view->rank; d++) of[d] = labels[in->u.view->dim[d].term[0].label];
  return print_unnamed(p, x, of, out);
}

static Prec print_unnamed(Printer *p, Val v, Label *const *labels, Text *out) {
  const Ins *in = ins_of(p, v);
  switch (op_kind((Op)in->op)) {
  case KIND_MAP: return print_map(p, v, labels, out);
  case KIND_FOLD: return print_fold(p, in, labels, out);
  case KIND_DOT: return print_contract(p, in, labels, out);
  case KIND_LEAF: return print_leaf(p, v, labels, out);
  case KIND_MOVE:
    if (in->op == OP_view) return print_view(p, v, labels, out);
    return in->op == OP_reshape ? print_reshape(p, in, out) : print_gather(p, in, out);
  case KIND_LOOP: break;
  }
  cx_bug(p->cx, "`%s` is no expression", op_info[in->op].name);
}

Prec print_value(Printer *p, Val v, Label *const *labels, Prec least, Text *out) {
  if (is_named(p, v)) {
    if (p->node[v].index) text_fmt(out, "%s(%s)", type_info[T_I64].word, p->node[v].name);
    else print_name(p, v, labels, out);
    return PREC_POSTFIX;
  }
  Text t = text_new(p->arena);
  Label *const none[] = {NULL};
  if (!labels && p->node[v].as_element) labels = none;
  Prec prec = print_unnamed(p, v, labels, &t);
  text_fmt(out, prec < least ? "(%s)" : "%s", text_str(&t));
  return prec < least ? PREC_POSTFIX : prec;
}
