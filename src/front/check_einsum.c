/* check_einsum.c: the builtin einsum. In: a string of labels, a letter for each axis, `...` for any
 * number of axes that broadcast, and the tensors. Out: the sum of their products. */
#include "front/check.h"

typedef struct Spec { /* labels as written, a letter each; digits for the axes of `...` */
  const char *in[EINSUM_MAX];
  int len[EINSUM_MAX], n;
  const char *result;        /* NULL: implied */
  char all[IR_MAX_RANK + 1]; /* those of the result, then those summed over */
  int nall, nout;
  Dim extent[IR_MAX_RANK];
} Spec;

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
/* The axes of `...` from the last: of two tensors the last ones stand together. */
static const char dots[IR_MAX_RANK + 1] = "0123456789:;";

static bool fault_spec(Check *c, const Arg *a, const char *why) {
  Diag *d = fault(c, E0502, a->span, "%s", why);
  diag_hint(c->cx, d, "a letter for each axis, as in einsum(\"ij,jk->ik\", a, b)");
  return false;
}

/* ---- the text ---- */
/* The text without blanks; its parts in s, `...` still in them. */
static bool read_spec(Check *c, const Arg *a, Spec *s) {
  if (a->value.kind != V_STRING) return fault_spec(c, a, "einsum begins with a string of labels");
  Text plain = text_new(c->cx->arena);
  for (const char *t = a->value.u.text; *t; t++)
    if (*t != ' ') text_add_n(&plain, t, 1);
  const char *text = text_str(&plain), *arrow = strstr(text, "->"),
             *end = arrow ? arrow : text + strlen(text);
  for (const char *t = text; t <= end; t += s->len[s->n++] + 1) {
    if (s->n == EINSUM_MAX) return fault_spec(c, a, "einsum takes at most 12 tensors");
    s->in[s->n] = t;
    s->len[s->n] = (int)strcspn(t, ",-");
  }
  for (const char *t = text; *t; t++) {
    if (!strncmp(t, "...", 3)) t += 2;
    else if (!strchr(LETTERS ",", *t) && !(arrow && (t == arrow || t == arrow + 1)))
      return fault_spec(c, a, *t == '.' ? "`...` are three points" : "labels are letters");
  }
  s->result = arrow ? arrow + 2 : NULL;
  if (s->result && strchr(s->result, ',')) return fault_spec(c, a, "there is one result");
  return true;
}

/* n characters of labels with `...` put in: the last `count` of the dots. *count < 0: there are
 * none. */
static const char *expanded(Check *c, const char *text, int n, int count, bool *any) {
  Text t = text_new(c->cx->arena);
  *any = false;
  for (int i = 0; i < n; i++) {
    if (text[i] != '.') {
      text_add_n(&t, text + i, 1);
      continue;
    }
    for (int k = count - 1; k >= 0 && !*any; k--) text_add_n(&t, &dots[k], 1);
    *any = true;
    i += 2;
  }
  return text_str(&t);
}

/* Each `...` becomes as many labels as its tensor has axes without a letter. */
static bool expand_dots(Check *c, const Arg *a, Spec *s, const Value *v) {
  int most = 0;
  bool any, some = false;
  for (int i = 0; i < s->n; i++) {
    int letters = 0;
    for (int k = 0; k < s->len[i]; k++) letters += s->in[i][k] != '.';
    int rest = tensor_shape(c->b, &v[i]).rank - letters;
    if (s->len[i] - letters > 3) return fault_spec(c, a, "`...` stands twice for one tensor");
    s->in[i] = expanded(c, s->in[i], s->len[i], rest, &any);
    s->len[i] = (int)strlen(s->in[i]);
    if (any && rest > most) most = rest;
    some |= any;
  }
  if (s->result) {
    s->result = expanded(c, s->result, (int)strlen(s->result), most, &any);
    if (any && !some) return fault_spec(c, a, "`...` of the result stands for no tensor's axes");
    if (!any && most)
      return fault_spec(c, a, "the axes that `...` stands for are missing in the result");
    return true;
  }
  Text t = text_new(c->cx->arena); /* those of `...`, then the letters that occur once, in order */
  while (most) text_add_n(&t, &dots[--most], 1);
  for (const char *l = LETTERS; *l; l++) {
    int uses = 0;
    for (int i = 0; i < s->n; i++)
      for (int k = 0; k < s->len[i]; k++) uses += s->in[i][k] == *l;
    if (uses == 1) text_add_n(&t, l, 1);
  }
  s->result = text_str(&t);
  return true;
}

static bool add_label(Check *c, const Arg *a, Spec *s, char label) {
  if (memchr(s->all, label, (size_t)s->nall)) return true;
  if (s->nall == IR_MAX_RANK) return fault_spec(c, a, "there are too many labels");
  s->all[s->nall++] = label;
  return true;
}

static bool number_labels(Check *c, const Arg *a, Spec *s) {
  for (const char *t = s->result; *t; t++) {
    if (memchr(s->all, *t, (size_t)s->nall))
      return fault_spec(c, a, "a label stands twice in the result");
    if (!add_label(c, a, s, *t)) return false;
  }
  s->nout = s->nall;
  for (int i = 0; i < s->n; i++)
    for (int k = 0; k < s->len[i]; k++)
      if (!add_label(c, a, s, s->in[i][k])) return false;
  return true;
}

static int label_place(const Spec *s, char label) {
  return (int)((const char *)memchr(s->all, label, (size_t)s->nall) - s->all);
}

static bool stretches(const Spec *s, int i, int k, Dim extent) {
  return extent == 1 && strchr(dots, s->in[i][k]);
}

static void fault_extents(Check *c, const Spec *s, const Value *v, const Arg *const *x, int i,
                          int by, int at, Dim extent) {
  Text t = text_new(c->cx->arena), u = text_new(c->cx->arena), what = text_new(c->cx->arena);
  dim_print(c->cx, s->extent[at], &t);
  dim_print(c->cx, extent, &u);
  if (strchr(dots, s->all[at])) text_add(&what, "an axis of `...`");
  else text_fmt(&what, "the label `%c`", s->all[at]);
  Diag *d = fault(c, E0501, x[i]->span, "%s has extent %s here, and %s before", text_str(&what),
                  text_str(&u), text_str(&t));
  diag_label(c->cx, d, x[by]->span, "%s", value_text(c->cx, c->b, &v[by]));
  diag_label(c->cx, d, x[i]->span, "%s", value_text(c->cx, c->b, &v[i]));
  fault_declared(c, d, &v[by]);
  fault_declared(c, d, &v[i]);
}

/* ---- the tensors ---- */
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
      if (known[at] && stretches(s, i, k, shape.dim[k])) continue;
      if (known[at] && s->extent[at] != shape.dim[k] && !stretches(s, i, k, s->extent[at])) {
        fault_extents(c, s, v, x, i, by[at], at, shape.dim[k]);
        return false;
      }
      by[at] = i;
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
  Shape out = {.rank = s->nall}, whole, own_shape = tensor_shape(c->b, v);
  for (int k = 0; k < s->nall; k++) out.dim[k] = s->extent[k];
  if (!labelled_shape(c, own, &out, c->b->span, &whole)) return value_poison();
  ViewDim *dim = NEWS(c->cx->arena, ViewDim, own->n + s->len[i]);
  ViewTerm *term = NEWS(c->cx->arena, ViewTerm, own->n + s->len[i]);
  for (int d = 0; d < own->n + s->len[i]; d++) {
    term[d] = (ViewTerm){d < own->n ? d : own->n + label_place(s, s->in[i][d - own->n]), 1};
    dim[d] = (ViewDim){.den = 1, .n = 1, .term = &term[d]};
    if (d < own->n) continue;
    int at = term[d].label - own->n;
    if (own_shape.dim[d - own->n] != s->extent[at]) dim[d].n = 0; /* 1 stretches */
  }
  return value_tensor(view_of(c, v->u.t.val, &whole, dim, false), own);
}

Value array_einsum(Check *c, const Arg *spec, const Arg *const *x, Span at) {
  Spec s = {.n = 0};
  Value v[EINSUM_MAX];
  Span spans[EINSUM_MAX];
  int given = 0;
  while (given < EINSUM_MAX && x[given]) given++;
  if (!read_spec(c, spec, &s)) return value_poison();
  if (s.n != given) {
    fault(c, E0204, at, "the labels are of %d tensor%s, and %d %s given", s.n, s.n == 1 ? "" : "s",
          given, given == 1 ? "is" : "are");
    return value_poison();
  }
  for (int i = 0; i < s.n; i++) v[i] = x[i]->value, spans[i] = x[i]->span;
  if (!unify_types(c, v, spans, s.n, "einsum", at) || !expand_dots(c, spec, &s, v) ||
      !number_labels(c, spec, &s) || !find_extents(c, spec, &s, v, x))
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
