/* check_array.c: builtins that rearrange or join whole tensors: flip, move_axis, stack, split, and
 * einsum, whose labels come from a string. */
#include "front/check.h"

static Value tensor_of(Check *c, const Arg *a) { return to_tensor(c, a->value, a->span); }

/* ---- axes ---- */
Value array_flip(Check *c, const Arg *x, const Arg *axis) {
  int k = -1;
  Value v = tensor_of(c, x);
  if (v.kind == V_POISON) return v;
  Shape whole = *ir_shape(c->b, v.u.t.val);
  int own = value_labels(&v)->n;
  if (axis && !axis_number(c, &axis->value, whole.rank - own, axis->span, &k))
    return value_poison();
  ViewDim *dim = NEWS(c->cx->arena, ViewDim, whole.rank);
  ViewTerm *term = NEWS(c->cx->arena, ViewTerm, whole.rank);
  for (int d = 0; d < whole.rank; d++) {
    bool back = d >= own && (k < 0 || d == own + k);
    term[d] = (ViewTerm){d, back ? -1 : 1};
    dim[d] = (ViewDim){
        .den = 1, .n = 1, .term = &term[d], .off = back ? dim_sub(c->cx, whole.dim[d], 1) : 0};
  }
  return value_tensor(view_of(c, v.u.t.val, &whole, dim, false), value_labels(&v));
}

static Value axis_moved(Check *c, const Value *v, int from, int to) {
  int32_t order[IR_MAX_RANK];
  Shape s = tensor_shape(c->b, v), out = s;
  for (int i = 0, next = 0; i < s.rank; i++) {
    next += next == from;
    order[i] = i == to ? from : next++;
  }
  for (int i = 0; i < s.rank; i++) out.dim[i] = s.dim[order[i]];
  return rearrange(c, v, &out, order);
}

Value array_move_axis(Check *c, const Arg *x, const Arg *from, const Arg *to) {
  int a, b;
  Value v = tensor_of(c, x);
  if (v.kind == V_POISON) return v;
  int rank = tensor_rank(c->b, &v);
  if (!axis_number(c, &from->value, rank, from->span, &a) ||
      !axis_number(c, &to->value, rank, to->span, &b))
    return value_poison();
  return axis_moved(c, &v, a, b);
}

/* ---- several tensors ---- */
Value array_stack(Check *c, const Arg *parts, const Arg *axis, Span at) {
  const Value *t = &parts->value;
  int k = 0;
  if (t->kind != V_TUPLE || !t->u.tuple.n) {
    Diag *d = fault(c, E0312, parts->span, "stack takes a tuple of tensors, not %s",
                    value_text(c->cx, c->b, t));
    diag_hint(c->cx, d, "as in stack((a, b), axis: 0)");
    return value_poison();
  }
  Span *spans = NEWS(c->cx->arena, Span, t->u.tuple.n);
  for (int i = 0; i < t->u.tuple.n; i++) spans[i] = parts->span;
  Value v = move_stack(c, t->u.tuple.item, spans, t->u.tuple.n, at);
  if (v.kind == V_POISON || !axis) return v;
  v = to_tensor(c, v, at);
  if (v.kind == V_POISON || !axis_number(c, &axis->value, tensor_rank(c->b, &v), axis->span, &k))
    return value_poison();
  return axis_moved(c, &v, 0, k);
}

static Value part_of(Check *c, const Value *v, int axis, Dim from, Dim extent) {
  Shape out = *ir_shape(c->b, v->u.t.val);
  ViewDim *dim = NEWS(c->cx->arena, ViewDim, out.rank);
  ViewTerm *term = NEWS(c->cx->arena, ViewTerm, out.rank);
  int at = value_labels(v)->n + axis;
  for (int d = 0; d < out.rank; d++) {
    term[d] = (ViewTerm){d, 1};
    dim[d] = (ViewDim){.den = 1, .n = 1, .term = &term[d], .off = d == at ? from : 0};
  }
  out.dim[at] = extent;
  return value_tensor(view_of(c, v->u.t.val, &out, dim, false), value_labels(v));
}

Value array_split(Check *c, const Arg *x, const Arg *parts, const Arg *axis) {
  enum { MAX_PARTS = 256 };
  int k = 0;
  Dim n, each;
  Value v = tensor_of(c, x), zero = value_int(0);
  if (v.kind == V_POISON || !expect_dim(c, &parts->value, parts->span, "the number of parts", &n))
    return value_poison();
  Shape s = tensor_shape(c->b, &v);
  if (!axis_number(c, axis ? &axis->value : &zero, s.rank, axis ? axis->span : x->span, &k))
    return value_poison();
  if (!dim_is_number(n) || n < 1 || n > MAX_PARTS || !dim_divides(c->cx, s.dim[k], n, &each)) {
    Text t = text_new(c->cx->arena);
    dim_print(c->cx, s.dim[k], &t);
    Diag *d =
        fault(c, E0511, parts->span, "an axis of extent %s can't be split like that", text_str(&t));
    diag_note(c->cx, d, "the number of equal parts is from 1 to %d, and divides the extent",
              MAX_PARTS);
    return value_poison();
  }
  Value *items = NEWS(c->cx->arena, Value, n);
  for (Dim i = 0; i < n; i++) items[i] = part_of(c, &v, k, dim_mul(c->cx, i, each), each);
  return value_tuple(c->cx, items, (int)n);
}

/* ---- einsum ---- */
enum { MAX_OPERANDS = 4 };
typedef struct Spec { /* labels as written, a letter each */
  const char *in[MAX_OPERANDS];
  int len[MAX_OPERANDS], n;
  char all[IR_MAX_RANK + 1]; /* those of the result, then those summed over */
  int nall, nout;
  Dim extent[IR_MAX_RANK];
} Spec;

static bool fault_spec(Check *c, const Arg *a, const char *why) {
  Diag *d = fault(c, E0502, a->span, "%s", why);
  diag_hint(c->cx, d, "a letter for each axis, as in einsum(\"ij,jk->ik\", a, b)");
  return false;
}

static bool add_label(Check *c, const Arg *a, Spec *s, char label) {
  if (memchr(s->all, label, (size_t)s->nall)) return true;
  if (s->nall == IR_MAX_RANK) return fault_spec(c, a, "there are too many labels");
  s->all[s->nall++] = label;
  return true;
}

/* Without `->` the labels that occur once are those of the result, in alphabetical order. */
static bool implied_result(Check *c, const Arg *a, Spec *s) {
  for (const char *l = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"; *l; l++) {
    int uses = 0;
    for (int i = 0; i < s->n; i++)
      for (int k = 0; k < s->len[i]; k++) uses += s->in[i][k] == *l;
    if (uses == 1 && !add_label(c, a, s, *l)) return false;
  }
  return true;
}

static bool read_spec(Check *c, const Arg *a, Spec *s) {
  if (a->value.kind != V_STRING) return fault_spec(c, a, "einsum begins with a string of labels");
  Text plain = text_new(c->cx->arena);
  for (const char *t = a->value.u.text; *t; t++)
    if (*t != ' ') text_add_n(&plain, t, 1);
  const char *text = text_str(&plain), *arrow = strstr(text, "->"),
             *end = arrow ? arrow : text + strlen(text);
  for (const char *t = text; t <= end; t += s->len[s->n++] + 1) {
    if (s->n == MAX_OPERANDS) return fault_spec(c, a, "einsum takes at most 4 tensors");
    s->in[s->n] = t;
    s->len[s->n] = (int)strcspn(t, ",-");
  }
  for (const char *t = text; *t; t++)
    if (!(*t >= 'a' && *t <= 'z') && !(*t >= 'A' && *t <= 'Z') && *t != ',' &&
        !(arrow && (t == arrow || t == arrow + 1)))
      return fault_spec(c, a, "labels are letters");
  for (const char *t = arrow ? arrow + 2 : ""; *t; t++) {
    if (memchr(s->all, *t, (size_t)s->nall))
      return fault_spec(c, a, "a label stands twice in the result");
    if (*t == ',' || !add_label(c, a, s, *t))
      return *t == ',' ? fault_spec(c, a, "there is one result") : false;
  }
  if (!arrow && !implied_result(c, a, s)) return false;
  s->nout = s->nall;
  for (int i = 0; i < s->n; i++)
    for (int k = 0; k < s->len[i]; k++)
      if (!add_label(c, a, s, s->in[i][k])) return false;
  return true;
}

static int label_place(const Spec *s, char label) {
  return (int)((const char *)memchr(s->all, label, (size_t)s->nall) - s->all);
}

static bool find_extents(Check *c, const Arg *spec, Spec *s, const Value *v, const Arg *const *x) {
  bool known[IR_MAX_RANK] = {false};
  int by[IR_MAX_RANK] = {0}; /* which tensor gave the extent */
  for (int i = 0; i < s->n; i++) {
    Shape shape = tensor_shape(c->b, &v[i]);
    if (shape.rank != s->len[i]) {
      fault(c, E0504, x[i]->span, "%d labels for %s", s->len[i], value_text(c->cx, c->b, &v[i]));
      return false;
    }
    for (int k = 0; k < s->len[i]; k++) {
      int at = label_place(s, s->in[i][k]);
      if (known[at] && s->extent[at] != shape.dim[k]) {
        Text t = text_new(c->cx->arena), u = text_new(c->cx->arena);
        dim_print(c->cx, s->extent[at], &t);
        dim_print(c->cx, shape.dim[k], &u);
        Diag *d = fault(c, E0501, x[i]->span, "the label `%c` has extent %s here, and %s before",
                        s->all[at], text_str(&u), text_str(&t));
        diag_label(c->cx, d, x[by[at]]->span, "%s", value_text(c->cx, c->b, &v[by[at]]));
        diag_label(c->cx, d, x[i]->span, "%s", value_text(c->cx, c->b, &v[i]));
        fault_declared(c, d, &v[by[at]]);
        fault_declared(c, d, &v[i]);
        return false;
      }
      if (!known[at]) by[at] = i;
      known[at] = true;
      s->extent[at] = shape.dim[k];
    }
  }
  for (int i = 0; i < s->nall; i++)
    if (!known[i]) return fault_spec(c, spec, "a label of the result is in no tensor");
  return true;
}

/* The operand over all labels. */
static Value spread(Check *c, const Spec *s, int i, const Value *v) {
  const Labels *own = value_labels(v);
  Shape out = {.rank = s->nall}, whole;
  for (int k = 0; k < s->nall; k++) out.dim[k] = s->extent[k];
  if (!labelled_shape(c, own, &out, c->b->span, &whole)) return value_poison();
  ViewDim *dim = NEWS(c->cx->arena, ViewDim, own->n + s->len[i]);
  ViewTerm *term = NEWS(c->cx->arena, ViewTerm, own->n + s->len[i]);
  for (int d = 0; d < own->n + s->len[i]; d++) {
    term[d] = (ViewTerm){d < own->n ? d : own->n + label_place(s, s->in[i][d - own->n]), 1};
    dim[d] = (ViewDim){.den = 1, .n = 1, .term = &term[d]};
  }
  return value_tensor(view_of(c, v->u.t.val, &whole, dim, false), own);
}

Value array_einsum(Check *c, const Arg *spec, const Arg *const *x, Span at) {
  Spec s = {.n = 0};
  Value v[MAX_OPERANDS];
  Span spans[MAX_OPERANDS];
  int given = 0;
  while (given < MAX_OPERANDS && x[given]) given++;
  if (!read_spec(c, spec, &s)) return value_poison();
  if (s.n != given) {
    fault(c, E0204, at, "the labels are of %d tensor%s, and %d %s given", s.n, s.n == 1 ? "" : "s",
          given, given == 1 ? "is" : "are");
    return value_poison();
  }
  for (int i = 0; i < s.n; i++) v[i] = x[i]->value, spans[i] = x[i]->span;
  if (!unify_types(c, v, spans, s.n, "einsum", at) || !find_extents(c, spec, &s, v, x))
    return value_poison();
  Value product = value_poison();
  for (int i = 0; i < s.n; i++) {
    Value pair[2] = {product, spread(c, &s, i, &v[i])};
    product = i ? apply_map(c, OP_mul, pair, spans, 2, at) : pair[1];
    if (product.kind == V_POISON) return product;
  }
  uint32_t summed = 0;
  for (int k = s.nout; k < s.nall; k++) summed |= 1u << k;
  return fold_axes(c, OP_sum, &product, summed, false);
}
