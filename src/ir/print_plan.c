/* print_plan.c: which values get a `let` and in which notation. A value used once is written in the
 * expression of its user as long as that stays short and one notation serves all of it; a value
 * that was given a name in the source keeps its `let`. Broadcasts, constants, sizes and counters
 * cost nothing and are written anew at every use.
 *
 * What is written as an element must come back as the same instructions: a view reads a named
 * value, an elementwise operation must depend on all labels (else it would be computed over fewer),
 * and a reduction's labels stand last. */
#include "ir/print.h"

enum { WIDTH = 72, INLINE_WIDTH = 56 };

/* Something is broadcast and nothing else is done. */
static bool is_broadcast(const Printer *p, Val v) {
  const Ins *in = ins_of(p, v);
  const View *w = in->u.view;
  uint32_t seen = 0;
  if (!is_spread(in, &arg_of(p, v, 0)->shape)) return false;
  for (int d = 0; d < w->rank; d++)
    if (w->dim[d].n) seen |= 1u << w->dim[d].term[0].label;
  for (int i = 0; i < in->shape.rank; i++)
    if (!(seen >> i & 1) && in->shape.dim[i] != 1) return true;
  return false;
}

bool is_free(const Printer *p, Val v) {
  const Ins *in = ins_of(p, v);
  if (in->op == OP_const || in->op == OP_size || in->op == OP_iota) return true;
  if (in->op == OP_bounded) return is_number(p, in->arg[1]);
  if (in->op != OP_view) return false;
  bool read = (in->u.view->exact || in->u.view->claim) && view_form(p, v) == FORM_NONE;
  return read || is_broadcast(p, v);
}

void plan_uses(Printer *p) {
  const Fn *f = p->f;
  for (int i = 0; i < f->out.n; i++) p->node[f->out.at[i].val].uses++;
  for (Val v = f->ins.n; v-- > 1;) {
    const Ins *in = ins_of(p, v);
    int uses = is_free(p, v) ? p->node[v].uses : p->node[v].uses > 0;
    for (int i = 0; i < in->nargs; i++) p->node[in->arg[i]].uses += uses;
  }
}

/* Numbers stand as literals in elementwise operations, named or not. */
uint32_t labels_of(const Printer *p, Val v) {
  const Ins *in = ins_of(p, v);
  uint32_t all = (1u << in->shape.rank) - 1, used = 0;
  if (is_number(p, v)) return 0;
  if (is_named(p, v)) return all;
  switch (in->op) {
  case OP_view:
    for (int d = 0; d < in->u.view->rank; d++)
      for (int k = 0; k < in->u.view->dim[d].n; k++) used |= 1u << in->u.view->dim[d].term[k].label;
    return used;
  default: return all;
  }
}

/* ---- what can be written how ---- */
static bool array_cap(const Printer *p, Val v) { return is_named(p, v) || p->node[v].array_ok; }
static bool index_cap(const Printer *p, Val v) { return is_named(p, v) || p->node[v].index_ok; }

static bool all_array(const Printer *p, const Ins *in) {
  for (int i = 0; i < in->nargs; i++)
    if (!array_cap(p, in->arg[i])) return false;
  return true;
}

static bool covers(const Printer *p, const Ins *in) {
  uint32_t used = 0;
  for (int i = 0; i < in->nargs; i++) used |= labels_of(p, in->arg[i]);
  return used == (1u << in->shape.rank) - 1;
}

/* The labels that v, written as an element, is a sum of: what reads the text collects the terms of
 * such a sum, `i + i` as `2*i`. 0: it is none. */
static uint32_t labels_counted(const Printer *p, Val v) {
  const Ins *in = ins_of(p, v);
  uint32_t all = 0;
  if (is_named(p, v) || !type_is_int((DType)in->type)) return 0;
  if (in->op == OP_iota) return labels_of(p, v);
  if (in->op == OP_view)
    return arg_of(p, v, 0)->op == OP_iota && !is_named(p, in->arg[0]) ? labels_of(p, v) : 0;
  if (in->op != OP_add && in->op != OP_sub && in->op != OP_neg && in->op != OP_mul) return 0;
  for (int i = 0; i < in->nargs; i++) {
    uint32_t some = labels_counted(p, in->arg[i]);
    if (!some && !is_number(p, in->arg[i])) return 0;
    all |= some;
  }
  return all;
}

/* An integer that would come back as another sum of the same value. */
static bool is_collected(const Printer *p, const Ins *in) {
  bool linear = in->op == OP_add || in->op == OP_sub || in->op == OP_neg || in->op == OP_mul;
  if (!linear || !type_is_int((DType)in->type)) return false;
  if (in->nargs == 2 && labels_counted(p, in->arg[0]) & labels_counted(p, in->arg[1])) return true;
  for (int i = 0; i < in->nargs && (in->op == OP_mul || in->op == OP_neg); i++)
    if (labels_counted(p, in->arg[i]) && op_kind((Op)ins_of(p, in->arg[i])->op) == KIND_MAP)
      return true;
  return false;
}

static bool map_index_ok(const Printer *p, const Ins *in) {
  if (is_collected(p, in)) return false;
  for (int i = 0; i < in->nargs; i++)
    if (!index_cap(p, in->arg[i])) return false;
  return covers(p, in);
}

static bool view_index_ok(const Printer *p, Val v) {
  const Ins *in = ins_of(p, v);
  Val x = in->arg[0];
  if (is_named(p, x)) return true;
  if (!is_spread(in, &ins_of(p, x)->shape)) return false;
  return is_ascending(in) && index_cap(p, x) &&
         labels_of(p, x) == (1u << ins_of(p, x)->shape.rank) - 1;
}

static bool fold_index_ok(const Printer *p, const Ins *in) {
  Val x = in->arg[0];
  uint32_t all = (1u << ins_of(p, x)->shape.rank) - 1;
  uint32_t trailing = all & ~((1u << in->shape.rank) - 1); /* the labels of a reduction come last */
  return in->u.axes == trailing && index_cap(p, x) && labels_of(p, x) == all;
}

/* NumPy's matmul: out[.., i, j] = sum_k a[.., i, k] * b[.., k, j]. */
static bool is_matmul(const Printer *p, const Ins *in) {
  const Contract *c = in->u.contract;
  int ra = ins_of(p, in->arg[0])->shape.rank, rb = ins_of(p, in->arg[1])->shape.rank;
  int ro = in->shape.rank;
  if (ra < 2 || rb < 2 || ro != (ra > rb ? ra : rb)) return false;
  if (c->out[ro - 2] != c->a[ra - 2] || c->out[ro - 1] != c->b[rb - 1] ||
      c->a[ra - 1] != c->b[rb - 2])
    return false;
  for (int d = 0; d < ra - 2; d++)
    if (c->a[ra - 3 - d] != c->out[ro - 3 - d]) return false;
  for (int d = 0; d < rb - 2; d++)
    if (c->b[rb - 3 - d] != c->out[ro - 3 - d]) return false;
  return true;
}

/* A factor of a contraction as an element: a name, or a read of one (the builder brings the axes of
 * a view in a contraction into an order of its own, so the read gives the same view again). */
static bool factor_index_ok(const Printer *p, Val v) {
  if (is_named(p, v)) return true;
  const Ins *in = ins_of(p, v);
  return in->op == OP_view && is_named(p, in->arg[0]) && (in->u.view->exact || in->u.view->claim);
}

static void find_own_caps(Printer *p, Val v) {
  const Ins *in = ins_of(p, v);
  Node *n = &p->node[v];
  n->array_ok = all_array(p, in);
  n->index_ok = false;
  switch (op_kind((Op)in->op)) {
  case KIND_MAP: n->index_ok = map_index_ok(p, in); return;
  case KIND_FOLD: n->index_ok = fold_index_ok(p, in); return;
  case KIND_DOT:
    n->array_ok = n->array_ok && is_matmul(p, in);
    n->index_ok = factor_index_ok(p, in->arg[0]) && factor_index_ok(p, in->arg[1]);
    return;
  case KIND_MOVE:
    if (in->op != OP_view) return;
    n->array_ok = n->array_ok && view_form(p, v) != FORM_NONE;
    n->index_ok = view_index_ok(p, v);
    return;
  case KIND_LEAF:
    n->index_ok =
        in->op == OP_const || in->op == OP_size || (in->op == OP_iota && in->type == T_I32);
    return;
  case KIND_LOOP: return;
  }
}

/* A scalar written as an element needs no labels, and so can stand in array notation. */
static void find_caps(Printer *p, Val v) {
  Node *n = &p->node[v];
  find_own_caps(p, v);
  n->as_element = !n->array_ok && n->index_ok && !ins_of(p, v)->shape.rank;
  n->array_ok |= n->as_element;
}

/* ---- giving operands names until it can be written ---- */
/* An elementwise operation with an operand that only element notation can say. */
static void prepare_elements(Printer *p, const Ins *in) {
  for (int i = 0; i < in->nargs; i++) {
    Val x = in->arg[i];
    if (index_cap(p, x)) continue;
    bool spread = ins_of(p, x)->op == OP_view && is_free(p, x);
    print_let(p, spread ? ins_of(p, x)->arg[0] : x);
    find_caps(p, x);
  }
  for (int i = 0; i < in->nargs && !covers(p, in); i++)
    if (ins_of(p, in->arg[i])->op == OP_view) print_let(p, in->arg[i]);
}

static void name_operands(Printer *p, const Ins *in, bool all) {
  for (int i = 0; i < in->nargs; i++)
    if ((all && !is_number(p, in->arg[i])) || !array_cap(p, in->arg[i])) print_let(p, in->arg[i]);
}

/* Operands that are views get theirs last: a read can stand in a contraction or an element. */
static void make_writable(Printer *p, Val v) {
  const Ins *in = ins_of(p, v);
  Node *n = &p->node[v];
  bool elements = false;
  find_caps(p, v);
  if (n->array_ok || n->index_ok) return;
  if (op_kind((Op)in->op) == KIND_MAP) {
    for (int i = 0; i < in->nargs; i++)
      elements |= !array_cap(p, in->arg[i]) && ins_of(p, in->arg[i])->op == OP_view;
    if (elements) prepare_elements(p, in);
  } else if (in->op == OP_contract) {
    for (int i = 0; i < 2; i++) {
      const Ins *x = ins_of(p, in->arg[i]);
      if (x->op == OP_view && !is_named(p, in->arg[i]) && (x->u.view->exact || x->u.view->claim))
        print_let(p, x->arg[0]);
      if (!factor_index_ok(p, in->arg[i])) print_let(p, in->arg[i]);
    }
  } else if (in->op == OP_view) {
    print_named_let(p, in->arg[0]);
  }
  find_caps(p, v);
  if (n->array_ok || n->index_ok) return;
  name_operands(p, in, false);
  find_caps(p, v);
  if (n->array_ok || n->index_ok) return;
  name_operands(p, in, true);
  find_caps(p, v);
}

/* ---- width ---- */
static int own_width(const Ins *in) {
  switch (op_kind((Op)in->op)) {
  case KIND_MAP:
    return in->op == OP_select       ? 14
           : *op_info[in->op].symbol ? 3
                                     : (int)strlen(op_info[in->op].name) + 4;
  case KIND_FOLD: return 14;
  case KIND_DOT: return 3;
  case KIND_MOVE: return 4 + 3 * in->shape.rank;
  default: return 4;
  }
}

static int width_of(const Printer *p, Val v) {
  return is_named(p, v) ? (int)strlen(p->node[v].name) : p->node[v].width;
}

static int total_width(const Printer *p, const Ins *in) {
  int w = own_width(in);
  for (int i = 0; i < in->nargs; i++) w += width_of(p, in->arg[i]);
  return w;
}

static Val widest_operand(const Printer *p, const Ins *in) {
  Val widest = 0;
  for (int i = 0; i < in->nargs; i++) {
    Val x = in->arg[i];
    if (is_free(p, x) && ins_of(p, x)->nargs) x = ins_of(p, x)->arg[0];
    if (is_named(p, x) || is_free(p, x)) continue;
    if (!widest || width_of(p, x) > width_of(p, widest)) widest = x;
  }
  return widest;
}

void plan_value(Printer *p, Val v) {
  const Ins *in = ins_of(p, v);
  Node *n = &p->node[v];
  Val wide;
  make_writable(p, v);
  for (n->width = total_width(p, in); n->width > WIDTH && (wide = widest_operand(p, in));
       n->width = total_width(p, in)) {
    print_let(p, wide);
    for (int i = 0; i < in->nargs; i++) {
      if (is_free(p, in->arg[i]) && !is_named(p, in->arg[i])) find_caps(p, in->arg[i]);
      if (!is_named(p, in->arg[i]))
        p->node[in->arg[i]].width = total_width(p, ins_of(p, in->arg[i]));
    }
    make_writable(p, v);
  }
  bool output = false;
  for (int i = 0; i < p->f->out.n; i++) output |= p->f->out.at[i].val == v;
  bool sole_output = output && (p->f->out.n == 1 || p->region);
  if (is_free(p, v) && (!output || sole_output || is_number(p, v))) return;
  bool wants_name = n->uses > 1 || (!sole_output && (output || in->hint));
  if (wants_name || n->width > INLINE_WIDTH + 16 * sole_output) print_let(p, v);
}

/* ---- let ---- */
Name wish_for(const Printer *p, Val v) {
  const Fn *f = p->f;
  for (int i = 0; i < f->out.n && f->out.n > 1; i++)
    if (f->out.at[i].val == v && f->out.at[i].name) return f->out.at[i].name;
  return ins_of(p, v)->hint;
}

static void let_elements(Printer *p, Val v, Name name) {
  const Shape *s = &ins_of(p, v)->shape;
  Label *labels[IR_MAX_RANK];
  Text body = text_new(p->arena);
  for (int i = 0; i < s->rank; i++) labels[i] = new_label(p, s->dim[i], axis_wish(p, v, i));
  print_value(p, v, labels, PREC_IF, &body);
  print_line_of(p, v);
  text_fmt(&p->lets, "  let %s", name);
  if (s->rank) {
    text_add(&p->lets, "[");
    print_labels(p, labels, s->rank, &p->lets);
    text_add(&p->lets, "]");
  }
  text_fmt(&p->lets, " = %s\n", text_str(&body));
  p->labels.list.n = 0;
}

/* A product that the source has under labels, or the adjoint of such a value. */
static bool has_labels(const Printer *p, Val v) {
  const Ins *in = ins_of(p, v);
  const Name *axis = in->op == OP_contract ? axis_names(p->cx, in->hint, in->shape.rank) : NULL;
  for (int d = 0; axis && d < in->shape.rank; d++)
    if (!axis[d]) return false;
  return axis != NULL;
}

void print_named_let(Printer *p, Val v) {
  Node *n = &p->node[v];
  if (n->let || (is_number(p, v) && !ins_of(p, v)->shape.rank)) return; /* literals have no type */
  Text body = text_new(p->arena);
  Name name = fresh_name(p, wish_for(p, v));
  find_caps(p, v);
  if (n->array_ok && !(n->index_ok && has_labels(p, v))) {
    print_value(p, v, NULL, PREC_IF, &body);
    print_line_of(p, v);
    text_fmt(&p->lets, "  let %s = %s\n", name, text_str(&body));
  } else if (n->index_ok) {
    let_elements(p, v, name);
  } else {
    cx_bug(p->cx, "no notation for `%s`", op_info[ins_of(p, v)->op].name);
  }
  n->name = name;
  n->let = true;
}

/* A number is written where it is used; only a read needs a name for it, `inside(one[i])`. */
void print_let(Printer *p, Val v) {
  if (!is_number(p, v)) print_named_let(p, v);
}
