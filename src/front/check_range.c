/* check_range.c: the ranges of labels. Before a definition or reduction is checked, every read
 * `base[.. label ..]` in its body is collected; the extents read give the ranges: plain uses first,
 * then windows such as x[2*i + r], whose one unknown label gets the largest range that stays
 * inside. */
#include "front/check.h"

typedef struct Hidden { /* a name that a block declares, which has no value yet */
  const struct Hidden *up;
  Name name;
} Hidden;
typedef struct Use { /* one read, still to be looked at */
  const Node *node;
  Scope *scope;
  bool inside, done;
  const Hidden *hidden;
  bool guarded; /* below a condition that may keep it inside: it tells a range only where nothing
                   else does */
} Use;
typedef struct Bound { /* 0 <= a < extent */
  Affine a;
  Dim extent;
  Span at;
  Name base;
  bool inside, checked, guarded;
} Bound;
typedef struct Solver {
  Check *c;
  Vec(Use) uses;
  Vec(Bound) bounds;
  Vec(Label *) labels;
  bool failed;
} Solver;

Scope *scope_labels(Check *c, Scope *up, const Labels *labels) {
  for (int i = 0; i < labels->n; i++) {
    Affine a;
    label_value(c, labels->at[i], &a);
    up = scope_add(c, up, labels->at[i]->name, value_affine(c->cx, &a), labels->at[i]->span);
  }
  return up;
}

/* ---- intervals ---- */
bool affine_interval(Cx *cx, const Affine *a, const Label *skip, Dim *lo, Dim *hi) {
  *lo = *hi = a->off;
  for (int i = 0; i < a->n; i++) {
    const Label *l = a->term[i].label;
    Dim coef = a->term[i].coef;
    if (l == skip) continue;
    int sign = dim_le(cx, 0, coef) == 1 ? 1 : dim_le(cx, coef, 0) == 1 ? -1 : 0;
    if (!sign) return false;
    Dim first = dim_mul(cx, coef, l->lo);
    Dim last = dim_mul(cx, coef, dim_add(cx, l->lo, dim_sub(cx, l->extent, 1)));
    *lo = dim_add(cx, *lo, sign > 0 ? first : last);
    *hi = dim_add(cx, *hi, sign > 0 ? last : first);
  }
  return true;
}

/* ---- collecting ---- */
static void given_range(Solver *s, const Node *range, Label *l, bool defines) {
  Check *c = s->c;
  Dim from, to;
  Value a, b;
  const End *first = end_read(c, range->kid[0], &a), *end = end_read(c, range->kid[1], &b);
  l->known = l->given = true;
  l->extent = 1;
  l->why = range->span;
  if (first && end && end_dim(c, first, &from) && end_dim(c, end, &to)) {
    l->lo = from;
    l->extent = dim_sub(c->cx, to, from);
    if (!dim_is_number(l->extent) || l->extent >= 0) return;
    fault(c, E0511, range->span, "this range ends before it begins");
    s->failed = true;
  } else if (first && end) {
    l->first = first, l->end = end;
    l->known = false;
    if (!defines) ends_shift(c, l);
  } else {
    if (!first) expect_dim(c, &a, range->kid[0]->span, "the start of a range", &from);
    if (!end) expect_dim(c, &b, range->kid[1]->span, "the end of a range", &to);
    s->failed = true;
  }
}

/* The labels of a define or reduction; they count as known to the whole solve. */
static const Labels *new_labels(Solver *s, const Node *n) {
  Check *c = s->c;
  Labels *labels = NEW(c->cx->arena, Labels);
  for (int i = 1; i < n->nkids; i++) {
    const Node *k = n->kid[i];
    Label *l = NEW(c->cx->arena, Label);
    *l = (Label){.name = k->name, .span = k->span, .order = ++c->labels};
    for (int j = 0; j < labels->n; j++)
      if (labels->at[j]->name == k->name) {
        fault(c, E0508, k->span, "the label `%s` stands here twice", k->name);
        s->failed = true;
      }
    if (labels->n == IR_MAX_RANK) {
      fault(c, E0812, k->span, "more than %d labels", IR_MAX_RANK);
      s->failed = true;
      break;
    }
    Scope *outer = c->scope;
    c->scope = scope_labels(c, outer, labels); /* those before it */
    if (k->nkids && k->kid[0]) given_range(s, k->kid[0], l, n->kind == NODE_DEFINE);
    c->scope = outer;
    if (n->kind == NODE_DEFINE && l->first) {
      Diag *d = fault(c, E0502, k->span,
                      "the range of a label of a definition can't depend on another label, nor on "
                      "which of two sizes is larger");
      diag_hint(c->cx, d, "give it the largest extent, and choose: `if %s < .. then .. else 0`",
                l->name);
      if (ends_of_sizes(l)) diag_hint(c->cx, d, "%s", size_order_hint);
      s->failed = true;
    }
    if (n->kind == NODE_DEFINE && l->given && l->lo != 0 && !s->failed) {
      Diag *d = fault(c, E0502, k->span, "the range of a label of a definition must begin at 0");
      diag_hint(c->cx, d, "the label is the index of the new tensor; shift it where it is used");
      s->failed = true;
    }
    labels->at[labels->n++] = l;
    vec_push(c->cx->arena, &s->labels, l);
  }
  Ranges *r = NEW(c->cx->arena, Ranges);
  *r = (Ranges){c->ranges, n, labels, false};
  c->ranges = r;
  return labels;
}

static bool is_inside_call(const Node *n) {
  return n->kind == NODE_CALL && n->nkids == 2 && n->kid[0]->kind == NODE_NAME &&
         !strcmp(n->kid[0]->name, "inside") && n->kid[1]->kind == NODE_INDEX;
}

static const Hidden *hide(Solver *s, const Hidden *up, Name name) {
  Hidden *h = NEW(s->c->cx->arena, Hidden);
  *h = (Hidden){up, name};
  return h;
}

/* The reads in a block: those that don't need the block's own names. Its definitions and reductions
 * are solved when they are checked, but what they read tells the ranges of labels around the block.
 * Returns what is hidden behind the statement. */
static const Hidden *collect_block(Solver *s, const Node *n, Scope *scope, const Hidden *hidden,
                                   bool inside) {
  const Hidden *within = hidden;
  if (!n) return hidden;
  switch (n->kind) {
  case NODE_INDEX:
    vec_push(s->c->cx->arena, &s->uses, ((Use){n, scope, inside, false, hidden, false}));
    break;
  case NODE_DEFINE:
  case NODE_REDUCE:
    for (int i = 1; i < n->nkids; i++) within = hide(s, within, n->kid[i]->name);
    break;
  case NODE_FOR: within = hide(s, within, n->name); break;
  default: break;
  }
  bool into = is_inside_call(n);
  for (int i = 0; i < n->nkids; i++)
    within = collect_block(s, n->kid[i], scope, within, into && i == 1);
  switch (n->kind) {
  case NODE_LET:
  case NODE_VAR:
  case NODE_DEFINE:
  case NODE_COLLECT: return hide(s, hidden, n->name);
  case NODE_LETS:
    for (int i = 1; i < n->nkids; i++) hidden = hide(s, hidden, n->kid[i]->name);
    return hidden;
  case NODE_FOR:
  case NODE_WHILE: return n->kid[2] ? hide(s, hidden, n->kid[2]->name) : hidden;
  default: return hidden;
  }
}

static bool mentions_hidden(const Node *n, const Hidden *hidden) {
  if (!n || !hidden) return false;
  for (const Hidden *h = hidden; n->kind == NODE_NAME && h; h = h->up)
    if (h->name == n->name) return true;
  for (int i = 0; i < n->nkids; i++)
    if (mentions_hidden(n->kid[i], hidden)) return true;
  return false;
}

static void collect(Solver *s, const Node *n, Scope *scope, bool inside, bool guarded) {
  if (!n) return;
  Check *c = s->c;
  switch (n->kind) {
  case NODE_BLOCK: collect_block(s, n, scope, NULL, false); return;
  case NODE_DEFINE:
  case NODE_REDUCE: {
    Scope *outer = c->scope;
    c->scope = scope;
    const Labels *labels = new_labels(s, n);
    c->scope = outer;
    collect(s, n->kid[0], scope_labels(c, scope, labels), false, guarded);
    return;
  }
  case NODE_INDEX:
    vec_push(c->cx->arena, &s->uses, ((Use){n, scope, inside, false, NULL, guarded}));
    break;
  default: break;
  }
  bool into = is_inside_call(n),
       second = n->kind == NODE_BINARY && (n->u.op == OP_and || n->u.op == OP_or),
       choice = (n->kind == NODE_IF || second) && guard_is_condition(n->kid[0]);
  for (int i = 0; i < n->nkids; i++)
    collect(s, n->kid[i], scope, into && i == 1, guarded || (choice && i > 0));
}

/* ---- reading the uses ---- */
/* Whether every label that n mentions has its range, so that n can be evaluated. */
static bool ready(Check *c, const Node *n, const Scope *scope) {
  if (!n) return true;
  if (n->kind == NODE_NAME) {
    const Scope *s = scope_find(scope, n->name);
    if (!s || s->value.kind != V_AFFINE) return true;
    for (int i = 0; i < s->value.u.affine->n; i++)
      if (!s->value.u.affine->term[i].label->known) return false;
    return true;
  }
  if (n->kind == NODE_REDUCE)
    for (const Ranges *r = c->ranges; r; r = r->up)
      if (r->node == n)
        for (int i = 0; i < r->labels->n; i++)
          if (!r->labels->at[i]->known) return false;
  for (int i = 0; i < n->nkids; i++)
    if (!ready(c, n->kid[i], scope)) return false;
  return true;
}

static bool mentions_label(const Node *n, const Scope *scope) {
  if (n->kind == NODE_NAME) {
    const Scope *s = scope_find(scope, n->name);
    return s && s->value.kind == V_AFFINE;
  }
  for (int i = 0; i < n->nkids; i++)
    if (n->kid[i] && mentions_label(n->kid[i], scope)) return true;
  return false;
}

/* An index as a sum of labels, without evaluating anything that needs a range. */
static bool affine_of(Check *c, const Node *n, Affine *out) {
  Value v;
  Affine a, b, zero = {.den = 1};
  if (n->kind == NODE_NAME) return name_value_quiet(c, n->name, &v) && affine_of_value(&v, out);
  if (!mentions_label(n, c->scope)) {
    v = eval_expr(c, n);
    return affine_of_value(&v, out);
  }
  switch (n->kind) {
  case NODE_UNARY:
    return n->u.op == OP_neg && affine_of(c, n->kid[0], &a) &&
           affine_binary(c->cx, OP_sub, &zero, &a, out);
  case NODE_BINARY:
    return affine_of(c, n->kid[0], &a) && affine_of(c, n->kid[1], &b) &&
           affine_binary(c->cx, n->u.op, &a, &b, out);
  default: return false;
  }
}

static void read_positions(Solver *s, const Use *u, const Value *base) {
  Check *c = s->c;
  Shape shape = tensor_shape(c->b, base);
  const Node *n = u->node;
  int count = n->nkids - 1, axis = 0, explicit;
  if (!index_count_fits(c, n, base, &explicit)) {
    s->failed = true;
    return;
  }
  for (int i = 1; i <= count; i++) {
    const Node *k = n->kid[i];
    Bound bound = {.at = k->span, .inside = u->inside, .guarded = u->guarded, .base = base->name};
    if (k->kind == NODE_ELLIPSIS) {
      axis += shape.rank - explicit;
      continue;
    }
    bool known = k->kind != NODE_SLICE && !mentions_hidden(k, u->hidden);
    if (known && axis < shape.rank && affine_of(c, k, &bound.a) && bound.a.n) {
      bound.extent = shape.dim[axis];
      vec_push(c->cx->arena, &s->bounds, bound);
    }
    axis++;
  }
}

/* Looks at the reads whose base can be evaluated by now; true when there was one. */
static bool read_uses(Solver *s) {
  Check *c = s->c;
  bool progress = false;
  for (int i = 0; i < s->uses.n; i++) {
    Use *u = &s->uses.at[i];
    if (u->done || !ready(c, u->node->kid[0], u->scope)) continue;
    u->done = progress = true;
    Use use = *u;
    if (mentions_hidden(use.node->kid[0], use.hidden)) continue;
    Scope *outer = c->scope;
    c->scope = use.scope;
    Value base = eval_expr(c, use.node->kid[0]);
    if (value_is_untyped(&base)) base = to_tensor(c, base, use.node->kid[0]->span);
    if (base.kind == V_TENSOR) read_positions(s, &use, &base);
    if (base.kind == V_POISON) s->failed = true;
    c->scope = outer;
  }
  return progress;
}

/* ---- solving ---- */
static const char *dim_text(Cx *cx, Dim d) {
  Text t = text_new(cx->arena);
  dim_print(cx, d, &t);
  return text_str(&t);
}

static void fault_ranges(Solver *s, const Label *l, const Bound *b) {
  Check *c = s->c;
  Diag *d = fault(c, E0501, b->at, "`%s` runs over %s here, but over %s elsewhere", l->name,
                  dim_text(c->cx, b->extent), dim_text(c->cx, l->extent));
  diag_label(c->cx, d, l->why, "this use%s%s%s makes its range 0..%s", l->why_name ? " in `" : "",
             l->why_name ? l->why_name : "", l->why_name ? "`" : "", dim_text(c->cx, l->extent));
  diag_hint(c->cx, d,
            "all plain uses of a label must agree; to read a part, give the range: `%s: from..to`",
            l->name);
  s->failed = true;
}

static bool plain_uses(Solver *s, bool guarded) {
  bool progress = false;
  for (int i = 0; i < s->bounds.n; i++) {
    Bound *b = &s->bounds.at[i];
    if (b->checked || b->guarded != guarded || b->a.n != 1 || b->a.off != 0 || b->a.den != 1 ||
        b->a.term[0].coef != 1)
      continue;
    Label *l = b->a.term[0].label;
    b->checked = true;
    if (!l->known) {
      l->known = progress = true;
      l->lo = 0;
      l->extent = b->extent;
      l->why = b->at;
      l->why_name = b->base;
    } else if (!l->given && !guarded && l->extent != b->extent) {
      fault_ranges(s, l, b);
    }
  }
  return progress;
}

bool affine_room(Cx *cx, const Affine *a, Dim extent, const Label *l, Dim *out) {
  Dim coef = 0, lo, hi;
  if (a->den != 1) return false;
  for (int i = 0; i < a->n; i++) {
    if (a->term[i].label == l) coef = a->term[i].coef;
    else if (!a->term[i].label->known) return false;
  }
  if (!coef || !dim_is_number(coef) || !affine_interval(cx, a, l, &lo, &hi)) return false;
  Dim room = coef > 0 ? dim_sub(cx, dim_sub(cx, extent, 1), hi) : lo;
  *out = dim_add(cx, dim_floor_div(cx, room, coef > 0 ? coef : -coef), 1);
  return true;
}

/* Labels that are counted from a sum of others tell nothing of these. */
static bool shifts(const Bound *b, const Label *l) {
  for (int i = 0; i < b->a.n; i++) {
    const Affine *by = b->a.term[i].label->shift;
    for (int k = 0; by && k < by->n; k++)
      if (by->term[k].label == l) return true;
  }
  return false;
}

/* The extent that bound b leaves to label l, which is its only unknown one. */
static bool window(Solver *s, const Bound *b, const Label *l, Dim *extent) {
  return !b->inside && !shifts(b, l) && affine_room(s->c->cx, &b->a, b->extent, l, extent);
}

/* The smallest extent of all windows; where sizes can't be compared the first, and the others are
 * checked as reads. */
static bool solve_window(Solver *s, Label *l, bool guarded) {
  Check *c = s->c;
  Dim extent;
  bool found = false;
  for (int i = 0; i < s->bounds.n; i++) {
    const Bound *b = &s->bounds.at[i];
    if (b->guarded != guarded || !window(s, b, l, &extent)) continue;
    if (!found || dim_le(c->cx, extent, l->extent) == 1) {
      l->extent = extent;
      l->why = b->at;
      l->why_name = b->base;
    }
    found = true;
    if (!dim_is_number(extent) || extent >= 0) continue;
    fault(c, E0503, b->at, "the window is larger than the axis it slides over: `%s` has no value",
          l->name);
    s->failed = true;
  }
  l->known = found;
  return found;
}

static bool windows(Solver *s, bool guarded) {
  for (int i = 0; i < s->labels.n; i++) {
    Label *l = s->labels.at[i];
    if (!l->known && !l->first && solve_window(s, l, guarded)) return true;
  }
  return false;
}

/* Ranges that depend on labels whose ranges are known by now. */
static bool dependents(Solver *s) {
  for (int i = 0; i < s->labels.n; i++) {
    Label *l = s->labels.at[i];
    if (l->known || !l->first || !ends_known(l) || !ends_hull(s->c, l)) continue;
    return l->known = true;
  }
  return false;
}

static void report_unknown(Solver *s) {
  Check *c = s->c;
  for (int i = 0; i < s->labels.n && !s->failed; i++) {
    const Label *l = s->labels.at[i];
    if (l->known) continue;
    Diag *d = fault(c, E0502, l->span, "nothing tells the range of the label `%s`", l->name);
    diag_note(c->cx, d, "a plain use `x[.., %s, ..]` would, or a window `x[%s + r]` with `r` known",
              l->name, l->name);
    diag_hint(c->cx, d, "give it: `%s: 0..n`", l->name);
    s->failed = true;
  }
}

const Labels *ranges_begin(Check *c, const Node *n, Ranges **mark) {
  *mark = c->ranges;
  for (const Ranges *r = c->ranges; r; r = r->up)
    if (r->node == n) return r->failed ? NULL : r->labels;
  Solver s = {.c = c};
  collect(&s, n, c->scope, false, false);
  bool progress = true;
  while (progress && !c->gave_up)
    progress = dependents(&s) || plain_uses(&s, false) || read_uses(&s) || windows(&s, false) ||
               plain_uses(&s, true) || windows(&s, true);
  report_unknown(&s);
  for (Ranges *r = c->ranges; r != *mark; r = r->up) {
    r->failed = s.failed || c->gave_up;
    if (r->node == n && r->failed) return NULL;
    if (r->node == n) return r->labels;
  }
  return NULL;
}

void ranges_end(Check *c, Ranges *mark) { c->ranges = mark; }
