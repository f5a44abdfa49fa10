/* print_view.c: views as source: what NumPy's broadcasting, reshape, transpose, slices and pad can
 * say is said so; everything else is a read under labels, x[i + r, 2*j], inside `inside(...)` where
 * elements may lie outside of x. */
#include "ir/print.h"

/* ---- which form ---- */
static bool is_whole(const ViewDim *d) {
  return d->den == 1 && d->off == 0 && d->n == 1 && d->term[0].coef == 1;
}

/* What the source says stays inside is read without `inside`: the reader of the text says it again.
 */
static bool stays_inside(const View *v) { return v->exact || v->claim; }

bool is_spread(const Ins *in, const Shape *x) {
  const View *v = in->u.view;
  uint32_t seen = 0;
  if (!v->exact) return false;
  for (int d = 0; d < v->rank; d++) {
    const ViewDim *dim = &v->dim[d];
    if (dim->n == 0 && dim->off == 0 && dim->den == 1 && x->dim[d] == 1) continue; /* stretched */
    if (!is_whole(dim)) return false;
    int label = dim->term[0].label;
    if (in->shape.dim[label] != x->dim[d] || seen >> label & 1) return false;
    seen |= 1u << label;
  }
  return true;
}

bool is_ascending(const Ins *in) {
  const View *v = in->u.view;
  for (int d = 0; d < v->rank; d++) {
    if (v->dim[d].n != 1) return false;
    if (d && v->dim[d].term[0].label <= v->dim[d - 1].term[0].label) return false;
  }
  return true;
}

bool is_right_aligned(const Ins *in, const Shape *x) {
  const View *v = in->u.view;
  int shift = in->shape.rank - v->rank;
  if (shift < 0 || !is_spread(in, x)) return false;
  for (int d = 0; d < v->rank; d++)
    if (v->dim[d].n && v->dim[d].term[0].label != d + shift) return false;
  return true;
}

/* Only axes of extent 1 come and go. */
static bool is_reshape(const Ins *in, const Shape *x) {
  uint32_t seen = 0;
  int last = -1;
  if (!is_spread(in, x)) return false;
  for (int d = 0; d < in->u.view->rank; d++) {
    const ViewDim *dim = &in->u.view->dim[d];
    if (!dim->n) continue;
    if (dim->term[0].label <= last) return false;
    last = dim->term[0].label;
    seen |= 1u << last;
  }
  for (int i = 0; i < in->shape.rank; i++)
    if (!(seen >> i & 1) && in->shape.dim[i] != 1) return false;
  return true;
}

static bool is_permute(const Ins *in, const Shape *x) {
  if (in->shape.rank != x->rank || !is_spread(in, x)) return false;
  for (int d = 0; d < x->rank; d++)
    if (in->u.view->dim[d].n != 1) return false;
  return true;
}

/* The one padded axis, or -1. */
static int padded_axis(const Ins *in, const Shape *x) {
  const View *v = in->u.view;
  int axis = -1;
  if (in->shape.rank != x->rank) return -1;
  for (int d = 0; d < v->rank; d++) {
    const ViewDim *dim = &v->dim[d];
    bool along = dim->den == 1 && dim->n == 1 && dim->term[0].label == d && dim->term[0].coef == 1;
    bool one = x->dim[d] == 1 && in->shape.dim[d] == 1 && dim->n == 0 && dim->off == 0;
    if (one || (is_whole(dim) && along && in->shape.dim[d] == x->dim[d])) continue;
    if (!along || axis >= 0) return -1;
    axis = d;
  }
  return axis;
}

static bool is_pad(Cx *cx, const Ins *in, const Shape *x) {
  int a = padded_axis(in, x);
  if (a < 0) return false;
  Dim before = dim_sub(cx, 0, in->u.view->dim[a].off);
  Dim after = dim_sub(cx, dim_sub(cx, in->shape.dim[a], x->dim[a]), before);
  return dim_le(cx, 0, before) == 1 && dim_le(cx, 0, after) == 1;
}

/* ---- slices ---- */
/* One operand dimension read along result axis `label` (count elements), as a slice; false where no
 * slice says it. */
static bool slice_text(Cx *cx, const ViewDim *d, Dim extent, Dim count, Text *out) {
  Dim coef = d->n ? d->term[0].coef : 1, off = d->off;
  if (coef == 1 && off == 0 && count == extent) return text_add(out, ":"), true;
  if (coef == -1 && off == dim_sub(cx, extent, 1) && count == extent)
    return text_add(out, "::-1"), true;
  if (!dim_is_number(coef) || coef < 1 || !dim_is_number(off) || off < 0) return false;
  Dim left =
      dim_sub(cx, dim_sub(cx, extent, off), count); /* elements after the last, when coef is 1 */
  if (off) text_fmt(out, "%lld", (long long)off);
  text_add(out, ":");
  if (coef == 1) {
    if (!dim_is_number(left)) {
      if (!dim_is_number(count)) return false;
      text_fmt(out, "%lld", (long long)(off + count));
    } else if (left > 0) {
      if (dim_is_number(count)) text_fmt(out, "%lld", (long long)(off + count));
      else text_fmt(out, "-%lld", (long long)left);
    }
    return !dim_is_number(left) || left >= 0;
  }
  if (!dim_is_number(extent) || !dim_is_number(count)) return false;
  if (off + count * coef < extent) text_fmt(out, "%lld", (long long)(off + (count - 1) * coef + 1));
  text_fmt(out, ":%lld", (long long)coef);
  return true;
}

/* "1:3, :, 0", or false where the view is no slicing of its operand. */
static bool slices_text(Cx *cx, const Ins *in, const Shape *x, Text *out) {
  const View *v = in->u.view;
  int next = 0; /* axis of the result */
  size_t keep = 0;
  if (!stays_inside(v)) return false;
  for (int d = 0; d < v->rank; d++) {
    const ViewDim *dim = &v->dim[d];
    if (dim->den != 1 || dim->n > 1) return false;
    if (d) text_add(out, ", ");
    size_t from = out->n;
    bool unit = dim->n == 0 && next < in->shape.rank && in->shape.dim[next] == 1;
    if (dim->n == 0 && !unit) {
      if (!dim_is_number(dim->off)) return false;
      text_fmt(out, "%lld", (long long)dim->off);
    } else {
      if (dim->n && dim->term[0].label != next) return false;
      if (!slice_text(cx, dim, x->dim[d], in->shape.dim[next], out)) return false;
      next++;
    }
    if (strcmp(out->at + from, ":")) keep = out->n;
  }
  if (next != in->shape.rank || !keep) return false;
  out->n = keep; /* whole axes at the end go without saying */
  out->at[keep] = 0;
  return true;
}

/* ---- array notation ---- */
ViewForm view_form(const Printer *p, Val v) {
  const Ins *in = ins_of(p, v);
  const Shape *x = &arg_of(p, v, 0)->shape;
  Text scratch = text_new(p->arena);
  if (is_reshape(in, x)) return FORM_RESHAPE;
  if (is_right_aligned(in, x)) return FORM_SPREAD;
  if (is_permute(in, x)) return FORM_PERMUTE;
  if (slices_text(p->cx, in, x, &scratch)) return FORM_SLICE;
  return is_pad(p->cx, in, x) ? FORM_PAD : FORM_NONE;
}

static void print_permute(Printer *p, const Ins *in, Text *out) {
  int perm[IR_MAX_RANK], n = in->shape.rank;
  (void)p;
  for (int d = 0; d < n; d++) perm[in->u.view->dim[d].term[0].label] = d;
  if (n == 2) return;
  text_add(out, ", (");
  for (int i = 0; i < n; i++) text_fmt(out, i ? ", %d" : "%d", perm[i]);
  text_add(out, ")");
}

Prec print_view_array(Printer *p, Val v, Text *out) {
  const Ins *in = ins_of(p, v);
  Val x = in->arg[0];
  const Shape *s = &ins_of(p, x)->shape;
  switch (view_form(p, v)) {
  case FORM_SPREAD:
  case FORM_RESHAPE:
    text_add(out, view_form(p, v) == FORM_SPREAD ? "broadcast_to(" : "reshape(");
    print_value(p, x, NULL, PREC_IF, out);
    text_add(out, ", ");
    print_extents(p, &in->shape, out);
    break;
  case FORM_PERMUTE:
    text_add(out, "transpose(");
    print_value(p, x, NULL, PREC_IF, out);
    print_permute(p, in, out);
    break;
  case FORM_SLICE:
    print_value(p, x, NULL, PREC_POSTFIX, out);
    text_add(out, "[");
    slices_text(p->cx, in, s, out);
    text_add(out, "]");
    return PREC_POSTFIX;
  case FORM_PAD: {
    int a = padded_axis(in, s);
    Dim before = dim_sub(p->cx, 0, in->u.view->dim[a].off);
    text_add(out, "pad(");
    print_value(p, x, NULL, PREC_IF, out);
    text_fmt(out, ", axis: %d, before: ", a);
    print_dim(p, before, out);
    text_add(out, ", after: ");
    print_dim(p, dim_sub(p->cx, dim_sub(p->cx, in->shape.dim[a], s->dim[a]), before), out);
    break;
  }
  case FORM_NONE: cx_bug(p->cx, "a view without array notation");
  }
  text_add(out, ")");
  return PREC_POSTFIX;
}

/* ---- element notation ---- */
static void print_term(Printer *p, const ViewTerm *t, Name label, bool first, Text *out) {
  bool minus = dim_is_number(t->coef) && t->coef < 0;
  Dim coef = minus ? -t->coef : t->coef;
  text_add(out, minus ? (first ? "-" : " - ") : first ? "" : " + ");
  if (coef != 1) {
    print_factor(p, coef, out);
    text_add(out, "*");
  }
  text_add(out, label);
}

/* The offset stands first where the first term is negative: N - 1 - i. */
static void print_numerator(Printer *p, const ViewDim *d, Label *const *labels, Text *out) {
  bool lead = d->n && dim_is_number(d->term[0].coef) && d->term[0].coef < 0 && d->off != 0;
  if (lead || !d->n) print_dim(p, d->off, out);
  for (int k = 0; k < d->n; k++)
    print_term(p, &d->term[k], labels[d->term[k].label]->name, k == 0 && !lead, out);
  if (lead || !d->n || d->off == 0) return;
  bool minus = dim_is_number(d->off) && d->off < 0;
  text_add(out, minus ? " - " : " + ");
  print_dim(p, minus ? -d->off : d->off, out);
}

/* A plain index shows the range of its label, when that is the whole extent. */
static void note_use(const Printer *p, const ViewDim *d, Dim extent, bool exact,
                     Label *const *labels) {
  for (int k = 0; k < d->n; k++) {
    Label *l = labels[d->term[k].label];
    if (exact && is_whole(d) && l->extent == extent) note_plain_use(p, l);
    else if (!exact || is_whole(d)) l->unclear = true;
    else if (!p->choices) l->affine = true;
  }
}

Prec print_view_element(Printer *p, Val v, Label *const *labels, Text *out) {
  const Ins *in = ins_of(p, v);
  const View *w = in->u.view;
  const Shape *x = &arg_of(p, v, 0)->shape;
  bool inside = !stays_inside(w);
  if (inside) text_add(out, "inside(");
  bool row = open_name(p, in->arg[0], out);
  if (w->rank) text_add(out, row ? ", " : "[");
  for (int d = 0; d < w->rank; d++) {
    const ViewDim *dim = &w->dim[d];
    if (d) text_add(out, ", ");
    bool several = dim->n > 1 || (dim->n && dim->off != 0);
    if (dim->den != 1 && several) text_add(out, "(");
    print_numerator(p, dim, labels, out);
    if (dim->den != 1) text_fmt(out, several ? ")/%lld" : "/%lld", (long long)dim->den);
    note_use(p, dim, x->dim[d], !inside, labels);
  }
  if (w->rank || row) text_add(out, "]");
  if (inside) text_add(out, ")");
  return PREC_POSTFIX;
}
