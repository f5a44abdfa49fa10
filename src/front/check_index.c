/* check_index.c: reads of tensors: x[0], x[1:3, ..., ::2], x[2*i + r - 1], table[ids], and the
 * definitions and reductions of index notation. A read is at most one view, one gather and one
 * permutation. */
#include "front/check.h"
#include "ir/axis_names.h"

#include <math.h>

typedef enum PosKind { POS_SLICE, POS_AFFINE, POS_TENSOR } PosKind;
typedef struct Pos { /* what stands for one axis of the base */
  PosKind kind;
  Span span;
  bool whole;    /* POS_SLICE: all of the axis */
  bool guarded;  /* POS_AFFINE: only a condition around keeps it inside */
  bool open;     /* a condition around says too little: it is looked at when the program runs */
  bool deferred; /* POS_AFFINE: read by the gather, as its labels occur in index tensors */
  bool proven;   /* POS_TENSOR: of loop variables, and surely inside */
  Dim start, count;
  int64_t step;
  Affine a;
  Value t;
  int axis; /* among the trailing axes after the view */
} Pos;
typedef struct Read {
  Value base;
  Shape shape; /* trailing, of the base */
  Span span;
  bool inside;
  int n;
  Pos pos[IR_MAX_RANK];
  int first;              /* axes before these that a loop's slice took */
  const Labels *gathered; /* labels of the index tensors */
} Read;

static const char *dim_text(Cx *cx, Dim d) {
  Text t = text_new(cx->arena);
  dim_print(cx, d, &t);
  return text_str(&t);
}

static const char *base_name(const Read *r) { return r->base.name ? r->base.name : "the tensor"; }

/* ---- slices ---- */
/* A bound of a slice as NumPy takes it: from the end where negative, clipped where both are known.
 */
static Dim clip_bound(Cx *cx, Dim d, Dim extent, Dim low, Dim high) {
  if (dim_is_number(d) && d < 0) d = dim_add(cx, d, extent);
  if (dim_le(cx, d, low) == 1) return low;
  if (dim_le(cx, high, d) == 1) return high;
  return d;
}

static bool read_slice(Check *c, const Node *n, Dim extent, Pos *p) {
  Cx *cx = c->cx;
  Dim bound[3] = {0, 0, 1};
  static const char *const what[] = {"the start of a slice", "the end of a slice",
                                     "the step of a slice"};
  for (int i = 0; i < 3; i++) {
    if (!n->kid[i]) continue;
    Value v = eval_expr(c, n->kid[i]);
    if (!expect_dim(c, &v, n->kid[i]->span, what[i], &bound[i])) return false;
  }
  p->kind = POS_SLICE;
  p->step = bound[2];
  if (!dim_is_number(p->step) || p->step == 0) {
    fault(c, E0507, n->span, "the step of a slice must be a number other than 0");
    return false;
  }
  bool back = p->step < 0;
  Dim last = dim_sub(cx, extent, 1), low = back ? -1 : 0, high = back ? last : extent;
  p->start = n->kid[0] ? clip_bound(cx, bound[0], extent, low, high) : back ? last : 0;
  Dim end = n->kid[1] ? clip_bound(cx, bound[1], extent, low, high) : back ? -1 : extent;
  Dim span = back ? dim_sub(cx, p->start, end) : dim_sub(cx, end, p->start);
  int64_t step = back ? -p->step : p->step;
  p->count = dim_floor_div(cx, dim_add(cx, span, step - 1), step);
  if (dim_le(cx, p->count, 0) == 1) p->count = 0, p->start = 0;
  p->whole = p->start == 0 && p->step == 1 && p->count == extent;
  return true;
}

/* ---- affine positions ---- */
/* A range that would do, for a label whose range was only inferred. */
static bool hint_range(Check *c, Diag *d, const Read *r, const Pos *p, int axis, bool below) {
  for (int i = 0; i < p->a.n; i++) {
    const Label *l = p->a.term[i].label;
    bool down = dim_le(c->cx, p->a.term[i].coef, 0) == 1;
    Dim room;
    if (l->given || below != down || !affine_room(c->cx, &p->a, r->shape.dim[axis], l, &room) ||
        dim_le(c->cx, 1, room) == 0)
      continue;
    diag_hint(c->cx, d, "give the label the range that stays inside: `%s: 0..%s`", l->name,
              dim_text(c->cx, room));
    return true;
  }
  return false;
}

static void fault_outside(Check *c, const Read *r, const Pos *p, int axis, bool below, Dim value) {
  Diag *d = fault(c, E0503, p->span, "this reads `%s` at index %s of axis %d, whose extent is %s",
                  base_name(r), dim_text(c->cx, value), axis + r->first,
                  dim_text(c->cx, r->shape.dim[axis]));
  Text at = text_new(c->cx->arena);
  for (int i = 0; i < p->a.n; i++) {
    const Label *l = p->a.term[i].label;
    bool first = (dim_le(c->cx, 0, p->a.term[i].coef) == 1) == below;
    Dim v = first ? l->lo : dim_add(c->cx, l->lo, dim_sub(c->cx, l->extent, 1));
    if (l->shift) continue; /* it has a value for each of the others */
    text_fmt(&at, "%s%s = %s", at.n ? ", " : "", l->name, dim_text(c->cx, v));
    if (l->why.source && !l->given)
      diag_label(c->cx, d, l->why, "this use makes the range of `%s` 0..%s", l->name,
                 dim_text(c->cx, l->extent));
  }
  fault_declared(c, d, &r->base);
  if (!p->a.n) {
    diag_note(c->cx, d, "indices are 0 .. extent - 1, or -extent .. -1 counted from the end");
    return;
  }
  diag_note(c->cx, d, "when %s", text_str(&at));
  if (!hint_range(c, d, r, p, axis, below))
    diag_hint(c->cx, d, "pad the tensor with zeros, or read inside(..), which is 0 outside");
}

static bool check_bounds(Check *c, const Read *r, Pos *p, int axis) {
  Cx *cx = c->cx;
  Dim extent = r->shape.dim[axis], lo, hi;
  if (r->inside) return true;
  if (p->a.n == 0 && dim_is_number(p->a.off) && p->a.off < 0) {
    Dim from_end = dim_add(cx, p->a.off, extent);
    if (dim_le(cx, 0, from_end) == 0) return fault_outside(c, r, p, axis, true, p->a.off), false;
    p->a.off = from_end;
  }
  for (int i = 0; i < p->a.n; i++)
    if (dim_le(cx, p->a.term[i].label->extent, 0) == 1) return true; /* reads nothing */
  if (!affine_interval(cx, &p->a, NULL, &lo, &hi)) return true;
  if (p->a.n && guard_inside(c, &p->a, extent, lo, hi)) return p->guarded = true;
  if ((dim_le(cx, 0, lo) != 1 && guard_excludes(c, &p->a, true)) ||
      (dim_le(cx, dim_add(cx, hi, 1), extent) != 1 && guard_excludes(c, &p->a, false)))
    return p->open = true; /* as well */
  for (int i = 0; i < p->a.n; i++)
    if (p->a.term[i].label->partly) return true; /* it is looked at when the program runs */
  if (dim_le(cx, 0, lo) == 0) return fault_outside(c, r, p, axis, true, lo), false;
  if (dim_le(cx, dim_add(cx, hi, 1), extent) == 0)
    return fault_outside(c, r, p, axis, false, hi), false;
  return true;
}

/* Numbers that are known, of a list: outside of the axis they are a mistake. */
static bool literal_inside(Check *c, const Read *r, const Value *v, int axis, Span at) {
  Dim extent = r->shape.dim[axis];
  if (v->kind == V_WEAK) {
    const Weak *w = v->u.weak;
    for (int i = 0; (w->kind == WEAK_STACK || w->kind == WEAK_BROADCAST) && i < w->n; i++)
      if (!literal_inside(c, r, &w->arg[i], axis, at)) return false;
    return true;
  }
  if (v->kind != V_INT || !dim_is_number(extent) || (v->u.i >= 0 && v->u.i < extent)) return true;
  Diag *d = fault(c, E0503, at, "this reads `%s` at index %lld of axis %d, whose extent is %lld",
                  base_name(r), (long long)v->u.i, axis + r->first, (long long)extent);
  fault_declared(c, d, &r->base);
  if (v->u.i < 0)
    diag_note(c->cx, d,
              "in an index tensor numbers count from 0: there is no counting from the end");
  return false;
}

bool surely_inside(Check *c, const Affine *a, Dim extent) {
  Dim lo, hi;
  return affine_interval(c->cx, a, NULL, &lo, &hi) && dim_le(c->cx, 0, lo) == 1 &&
         dim_le(c->cx, dim_add(c->cx, hi, 1), extent) == 1;
}

static bool read_index(Check *c, Read *r, const Node *n, int axis, Pos *p) {
  c->dividing = r->inside;
  Value v = eval_expr(c, n);
  c->dividing = false;
  if (v.kind == V_POISON) return false;
  p->kind = POS_AFFINE;
  bool affine = affine_of_value(&v, &p->a), runs = false;
  for (int i = 0; affine && i < p->a.n; i++) runs |= p->a.term[i].label->loop != NULL;
  if (affine && !check_bounds(c, r, p, axis)) return false;
  if (affine && !runs && !p->open) return true;
  p->kind = POS_TENSOR;
  p->proven = affine && (p->guarded || surely_inside(c, &p->a, r->shape.dim[axis]));
  if (!literal_inside(c, r, &v, axis, n->span)) return false;
  p->t = to_tensor(c, v, n->span);
  if (p->t.kind == V_POISON) return false;
  DType t = ir_type(c->b, p->t.u.t.val);
  if (!type_is_int(t)) {
    Diag *d = fault(c, E0505, n->span, "an index must be an integer, not %s",
                    value_text(c->cx, c->b, &v));
    fault_declared(c, d, &v);
    if (t == T_BOOL) diag_hint(c->cx, d, "to choose by a condition write where(c, a, b)");
    else diag_hint(c->cx, d, "convert it: i32(..)");
    return false;
  }
  if (r->inside) {
    Diag *d = fault(c, E0509, n->span, "inside(..) takes indices made of labels and integers only");
    if (runs) diag_hint(c->cx, d, "a loop variable can stand in the first index, without labels");
    return false;
  }
  if (t == T_U8) p->t = cast_value(c, p->t, T_I32, n->span);
  return true;
}

/* ---- all positions ---- */
static void whole_axis(const Read *r, int axis, Span at, Pos *p) {
  *p = (Pos){.kind = POS_SLICE, .span = at, .whole = true, .count = r->shape.dim[axis], .step = 1};
}

bool index_count_fits(Check *c, const Node *n, const Value *base, int *count) {
  int explicit = 0, dots = 0, rank = tensor_rank(c->b, base);
  for (int i = 1; i < n->nkids; i++) {
    bool dot = n->kid[i]->kind == NODE_ELLIPSIS;
    explicit += !dot;
    dots += dot;
  }
  *count = explicit;
  if (explicit <= rank && dots <= 1) return true;
  const char *is = value_text(c->cx, c->b, base);
  Diag *d = dots > 1 ? fault(c, E0504, n->span, "`...` stands here twice")
                     : fault(c, E0504, n->span, "%d ind%s for %s, which has %d ax%s", explicit,
                             explicit == 1 ? "ex" : "ices", is, rank, rank == 1 ? "is" : "es");
  fault_declared(c, d, base);
  for (int i = 1; i < n->nkids; i++)
    if (n->kid[i]->kind == NODE_NAME && !strcmp(n->kid[i]->name, "None"))
      diag_hint(c->cx, d, "a new axis, here axis %d, is made by expand_dims(.., %d)", i - 1, i - 1);
  return false;
}

static bool read_all(Check *c, const Node *n, Read *r) {
  int explicit;
  if (!index_count_fits(c, n, &r->base, &explicit)) return false;
  bool good = true;
  for (int i = 1; i < n->nkids; i++) {
    const Node *k = n->kid[i];
    if (k->kind == NODE_ELLIPSIS) {
      for (int j = explicit; j < r->shape.rank; j++, r->n++)
        whole_axis(r, r->n, k->span, &r->pos[r->n]);
      continue;
    }
    Pos *p = &r->pos[r->n];
    p->span = k->span;
    c->indexing = k->kind == NODE_NAME;
    good &= k->kind == NODE_SLICE ? read_slice(c, k, r->shape.dim[r->n], p)
                                  : read_index(c, r, k, r->n, p);
    c->indexing = false;
    r->n++;
  }
  for (; r->n < r->shape.rank; r->n++) whole_axis(r, r->n, n->span, &r->pos[r->n]);
  return good;
}

/* The labels of the index tensors; an affine index that shares one is read by the gather, too. */
static void find_gathered(Check *c, Read *r) {
  r->gathered = &no_labels;
  bool any = false;
  for (int i = 0; i < r->n; i++)
    if (r->pos[i].kind == POS_TENSOR) {
      any = true;
      r->gathered = labels_union(c->cx, r->gathered, value_labels(&r->pos[i].t));
    }
  for (bool more = any; more;) {
    more = false;
    for (int i = 0; i < r->n; i++) {
      Pos *p = &r->pos[i];
      if (p->kind != POS_AFFINE || p->deferred || !p->a.n) continue;
      const Labels *own = affine_labels(c->cx, &p->a);
      if (!labels_overlap(own, r->gathered)) continue;
      p->deferred = more = true;
      r->gathered = labels_union(c->cx, r->gathered, own);
    }
  }
}

/* ---- the view: slices and affine indices ---- */
static ViewDim read_dim(Check *c, const Affine *a, const Labels *all, int slice_axis,
                        int64_t step) {
  ViewTerm *t = NEWS(c->cx->arena, ViewTerm, IR_MAX_RANK + 1);
  ViewDim d = {.off = a->off, .den = a->den, .term = t};
  for (int i = 0; i < a->n; i++) {
    t[d.n++] = (ViewTerm){labels_find(all, a->term[i].label), a->term[i].coef};
    d.off = dim_add(c->cx, d.off, dim_mul(c->cx, a->term[i].coef, a->term[i].label->lo));
  }
  if (slice_axis >= 0) t[d.n++] = (ViewTerm){slice_axis, step};
  return d;
}

static Value apply_view(Check *c, Read *r) {
  const Labels *own = value_labels(&r->base), *all = own;
  Shape out = {0}, whole;
  for (int i = 0; i < r->n; i++) {
    Pos *p = &r->pos[i];
    if (p->kind == POS_AFFINE && !p->deferred)
      all = labels_union(c->cx, all, affine_labels(c->cx, &p->a));
    else
      p->axis = out.rank, out.dim[out.rank++] = p->kind == POS_SLICE ? p->count : r->shape.dim[i];
  }
  if (!labelled_shape(c, all, &out, r->span, &whole)) return value_poison();
  ViewDim *dim = NEWS(c->cx->arena, ViewDim, own->n + r->n + 1);
  for (int i = 0; i < own->n; i++) {
    Affine a = {.den = 1};
    dim[i] = read_dim(c, &a, all, labels_find(all, own->at[i]), 1);
  }
  for (int i = 0; i < r->n; i++) {
    const Pos *p = &r->pos[i];
    bool affine = p->kind == POS_AFFINE && !p->deferred;
    bool slice = p->kind == POS_SLICE;
    Affine a = {.den = 1, .off = slice ? p->start : 0};
    dim[own->n + i] = affine ? read_dim(c, &p->a, all, -1, 0)
                             : read_dim(c, &a, all, all->n + p->axis, slice ? p->step : 1);
  }
  bool claim = !r->inside; /* what a condition keeps inside is 0 where it isn't taken */
  for (int i = 0; i < r->n; i++) claim = claim && !r->pos[i].guarded;
  return value_tensor(view_of(c, r->base.u.t.val, &whole, dim, claim), all);
}

/* ---- the gather ---- */
typedef struct GatherPlan {
  int n; /* index operands */
  Value index[2 * IR_MAX_RANK];
  Span span[2 * IR_MAX_RANK];
  int32_t axis[2 * IR_MAX_RANK];
  Shape shape;                /* trailing, of the indices together */
  bool trailing[IR_MAX_RANK]; /* which trailing axes of the base are gathered */
} GatherPlan;

Value bounded_index(Check *c, const Value *index, Dim extent, Span at) {
  if (c->guarded) return *index;
  Span outer = c->b->span;
  if (!c->cx->sources.at[at.source].prelude) c->b->span = at;
  Value v = value_tensor(ir_bounded(c->b, index->u.t.val, extent), value_labels(index));
  c->b->span = outer;
  return v;
}

static bool plan_gather(Check *c, const Read *r, const Value *base, GatherPlan *g) {
  const Labels *own = value_labels(base);
  DType t = T_I32;
  *g = (GatherPlan){0};
  for (int i = 0; i < own->n; i++) { /* the base's own axis of a label: at the label's place */
    if (labels_find(r->gathered, own->at[i]) < 0) continue;
    Affine a = {.den = 1, .n = 1, .off = dim_sub(c->cx, 0, own->at[i]->lo)};
    a.term[0] = (AffineTerm){own->at[i], 1};
    g->axis[g->n] = i;
    g->span[g->n] = r->span;
    g->index[g->n++] = affine_tensor(c, &a, T_I32);
  }
  for (int i = 0; i < r->n; i++) {
    const Pos *p = &r->pos[i];
    if (p->kind == POS_SLICE || (p->kind == POS_AFFINE && !p->deferred)) continue;
    g->axis[g->n] = own->n + p->axis;
    g->span[g->n] = p->span;
    g->trailing[p->axis] = true;
    g->index[g->n] = p->kind == POS_TENSOR ? p->t : affine_tensor(c, &p->a, T_I32);
    if (g->index[g->n].kind == V_POISON) return false;
    if (p->kind == POS_TENSOR && !p->proven)
      g->index[g->n] = bounded_index(c, &g->index[g->n], r->shape.dim[i], p->span);
    if (ir_type(c->b, g->index[g->n].u.t.val) == T_I64) t = T_I64;
    g->n++;
  }
  for (int i = 0; i < g->n; i++) g->index[i] = cast_value(c, g->index[i], t, g->span[i]);
  return broadcast_shapes(c, g->index, g->span, g->n, "the indices", r->span, &g->shape);
}

/* Where the axes of the indices go among the trailing axes that stay (NumPy's rule): in place of
 * the first index tensor when these stand side by side, else in front. */
static int gather_place(const Read *r) {
  int place = 0, first = -1, last = -1;
  for (int i = 0; i < r->n; i++) {
    if (r->pos[i].kind != POS_TENSOR) continue;
    if (first < 0) first = i;
    last = i;
  }
  for (int i = first; i <= last; i++)
    if (r->pos[i].kind == POS_SLICE) return 0;
  for (int i = 0; i < first; i++) place += r->pos[i].kind == POS_SLICE;
  return place;
}

static Value apply_gather(Check *c, const Read *r, const Value *base) {
  GatherPlan g;
  if (!plan_gather(c, r, base, &g)) return value_poison();
  const Labels *own = value_labels(base), *all = labels_union(c->cx, own, r->gathered);
  Shape rest = tensor_shape(c->b, base), whole;
  int stay = 0;
  for (int i = 0; i < rest.rank; i++) stay += !g.trailing[i];
  if (all->n + g.shape.rank + stay > IR_MAX_RANK ||
      !labelled_shape(c, r->gathered, &g.shape, r->span, &whole)) {
    fault(c, E0812, r->span, "this read would have more than %d axes", IR_MAX_RANK);
    return value_poison();
  }
  Val idx[2 * IR_MAX_RANK];
  for (int i = 0; i < g.n; i++) idx[i] = align(c, &g.index[i], r->gathered, &g.shape);
  Val x = ir_gather(c->b, base->u.t.val, idx, g.axis, g.n);
  /* x: labels of the indices, axes of the indices, other labels, other axes */
  int32_t perm[IR_MAX_RANK], ng = r->gathered->n, n = 0, others = 0;
  int first_rest = ng + g.shape.rank;
  for (int i = 0; i < own->n; i++) first_rest += labels_find(r->gathered, own->at[i]) < 0;
  for (int i = 0; i < all->n; i++) {
    int k = labels_find(r->gathered, all->at[i]);
    perm[n++] = k >= 0 ? k : ng + g.shape.rank + others++;
  }
  int place = gather_place(r);
  for (int i = 0; i <= stay; i++) {
    for (int k = 0; i == place && k < g.shape.rank; k++) perm[n++] = ng + k;
    if (i < stay) perm[n++] = first_rest + i;
  }
  return value_tensor(ir_permute_choice(c->b, x, perm), all);
}

/* ---- reads ---- */
static Value slice_tuple(Check *c, const Node *n, const Value *base) {
  Pos p;
  if (!read_slice(c, n, base->u.tuple.n, &p)) return value_poison();
  if (!dim_is_number(p.start) || !dim_is_number(p.count)) {
    fault(c, E0504, n->span, "the bounds of a slice of a tuple must be numbers");
    return value_poison();
  }
  Value *item = NEWS(c->cx->arena, Value, p.count + 1);
  for (int64_t i = 0; i < p.count; i++) item[i] = base->u.tuple.item[p.start + i * p.step];
  return value_tuple(c->cx, item, (int)p.count);
}

static Value index_tuple(Check *c, const Node *n, const Value *base) {
  Dim d;
  const Node *at = n->kid[1];
  if (n->nkids != 2 || at->kind == NODE_ELLIPSIS) {
    fault(c, E0504, n->span, "a tuple has one index");
    return value_poison();
  }
  if (at->kind == NODE_SLICE) return slice_tuple(c, at, base);
  Value v = eval_expr(c, at);
  if (expect_dim(c, &v, at->span, "the index of a tuple", &d)) {
    int count = base->u.tuple.n;
    if (dim_is_number(d) && d >= -count && d < count)
      return base->u.tuple.item[d < 0 ? d + count : d];
    fault(c, E0503, at->span, "the tuple has %d parts", count);
  }
  return value_poison();
}

/* The same read without the first indices. */
static const Node *rest_of(Check *c, const Node *n, int used) {
  Node *r = arena_copy(c->cx->arena, n, sizeof *n);
  r->nkids = n->nkids - used;
  r->kid = NEWS(c->cx->arena, Node *, r->nkids);
  r->kid[0] = n->kid[0];
  for (int i = 1; i < r->nkids; i++) r->kid[i] = n->kid[i + used];
  return r;
}

/* x[n, 2*i + r] calls the first axis of x by the name n. */
static void note_axes(Check *c, const Read *r) {
  const Labels *own = value_labels(&r->base);
  Name axis[IR_MAX_RANK] = {0};
  if ((c->frame && c->frame->prelude) || !r->base.name || own->n + r->n > IR_MAX_RANK) return;
  for (int i = 0; i < r->n; i++) {
    const Pos *p = &r->pos[i];
    bool plain = p->kind == POS_AFFINE && p->a.n == 1 && p->a.off == 0 && p->a.den == 1;
    if (plain && p->a.term[0].coef == 1 && !p->a.term[0].label->loop)
      axis[own->n + i] = p->a.term[0].label->name;
  }
  for (int i = 0; i < own->n; i++) axis[i] = own->at[i]->name;
  axis_names_note(c->cx, r->base.name, own->n + r->n, axis);
}

Value eval_index(Check *c, const Node *n, bool inside) {
  int used = 0;
  Value base;
  if (!loop_slice(c, n, inside, &base, &used)) base = eval_expr(c, n->kid[0]);
  if (used == n->nkids - 1) return base;
  if (used) n = rest_of(c, n, used);
  if (base.kind == V_TUPLE) return index_tuple(c, n, &base);
  if (base.kind == V_FN && base.u.fn->kind == FN_LAYERS) return index_layers(c, n, base.u.fn);
  if (base.kind == V_FN) {
    Diag *d = fault(c, E0311, n->kid[0]->span, "this is %s, which has no elements",
                    value_text(c->cx, c->b, &base));
    diag_hint(c->cx, d, "a call is written with parentheses: %s(..)", base.u.fn->name);
    return value_poison();
  }
  Value tensor = to_tensor(c, base, n->kid[0]->span);
  if (tensor.kind == V_POISON) return tensor;
  tensor.name = base.name, tensor.decl = base.decl;
  Read r = {.base = tensor,
            .shape = tensor_shape(c->b, &tensor),
            .span = n->span,
            .inside = inside,
            .first = used};
  if (!read_all(c, n, &r)) return value_poison();
  note_axes(c, &r);
  find_gathered(c, &r);
  Value v = apply_view(c, &r);
  if (v.kind == V_POISON) return v;
  for (int i = 0; i < r.n; i++)
    if (r.pos[i].kind == POS_TENSOR) return apply_gather(c, &r, &v);
  return v;
}

/* ---- definitions and reductions ---- */
static Value labelled_body(Check *c, const Node *n, const Labels *labels) {
  Scope *outer = c->scope;
  c->scope = scope_labels(c, outer, labels);
  Value v = eval_expr(c, n->kid[0]);
  c->scope = outer;
  return v.kind == V_POISON ? v : to_tensor(c, v, n->kid[0]->span);
}

bool eval_define(Check *c, const Node *n, Value *out) {
  Ranges *mark;
  Shape whole;
  const Labels *labels = ranges_begin(c, n, &mark);
  Value v = labels ? labelled_body(c, n, labels) : value_poison();
  ranges_end(c, mark);
  if (v.kind == V_POISON) return false;
  const Labels *all = labels_union(c->cx, value_labels(&v), labels);
  Shape s = tensor_shape(c->b, &v);
  if (!labelled_shape(c, all, &s, n->span, &whole)) return false;
  Val x = align(c, &v, all, &s);
  name_axes(c, x, all, n->name);
  Labels *outer = arena_copy(c->cx->arena, all, sizeof *all); /* its own labels come last */
  outer->n = all->n - labels->n;
  *out = value_tensor(x, outer);
  return true;
}

static bool reduce_op(const Node *n, Op *op) {
  static const struct {
    const char *word;
    Op op;
  } ops[] = {{"sum", OP_sum}, {"prod", OP_prod}, {"max", OP_amax}, {"min", OP_amin}};
  for (int i = 0; i < COUNT_OF(ops); i++)
    if (!strcmp(n->name, ops[i].word)) return *op = ops[i].op, true;
  return false;
}

Value eval_reduce(Check *c, const Node *n) {
  Ranges *mark;
  Op op;
  Shape whole;
  if (!reduce_op(n, &op)) cx_bug(c->cx, "a reduction called `%s`", n->name);
  const Guard *outer = c->guards;
  const Labels *labels = ranges_begin(c, n, &mark);
  if (labels) ends_guard(c, labels);
  Value v = labels ? labelled_body(c, n, labels) : value_poison();
  if (labels) v = ends_choose(c, op, labels, v, n->span);
  c->guards = outer;
  ranges_end(c, mark);
  c->reduced = n;
  if (v.kind == V_POISON) return v;
  const Labels *all = labels_union(c->cx, value_labels(&v), labels);
  Shape s = tensor_shape(c->b, &v);
  if (!labelled_shape(c, all, &s, n->span, &whole)) return value_poison();
  Val x = align(c, &v, all, &s);
  DType t = ir_type(c->b, x);
  if ((op == OP_sum || op == OP_prod) && (t == T_BOOL || t == T_U8)) x = ir_cast(c->b, T_I32, x);
  uint32_t axes = 0;
  Labels *left = NEW(c->cx->arena, Labels);
  for (int i = 0; i < all->n; i++) {
    if (labels_find(labels, all->at[i]) >= 0) axes |= 1u << i;
    else left->at[left->n++] = all->at[i];
  }
  return value_tensor(ir_fold(c->b, op, x, axes), left);
}
