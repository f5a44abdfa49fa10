/* value.c: making and describing values, sets of labels, affine arithmetic. */
#include "front/value.h"

/* ---- labels ---- */
const Labels no_labels = {0};

bool labels_equal(const Labels *a, const Labels *b) {
  return a->n == b->n && !memcmp(a->at, b->at, (size_t)a->n * sizeof a->at[0]);
}

int labels_find(const Labels *l, const Label *label) {
  for (int i = 0; i < l->n; i++)
    if (l->at[i] == label) return i;
  return -1;
}

bool labels_overlap(const Labels *a, const Labels *b) {
  for (int i = 0; i < a->n; i++)
    if (labels_find(b, a->at[i]) >= 0) return true;
  return false;
}

/* The union is cut off at IR_MAX_RANK labels; labelled_shape then reports the rank. */
const Labels *labels_union(Cx *cx, const Labels *a, const Labels *b) {
  if (!b->n || a == b) return a;
  if (!a->n) return b;
  Labels *u = NEW(cx->arena, Labels);
  int i = 0, j = 0;
  while ((i < a->n || j < b->n) && u->n < IR_MAX_RANK) {
    bool from_a = j == b->n || (i < a->n && a->at[i]->order <= b->at[j]->order);
    Label *next = from_a ? a->at[i] : b->at[j];
    if (i < a->n && a->at[i] == next) i++;
    if (j < b->n && b->at[j] == next) j++;
    u->at[u->n++] = next;
  }
  return u->n == a->n ? a : u->n == b->n ? b : u;
}

/* ---- making ---- */
Value value_tuple(Cx *cx, const Value *items, int n) {
  Value v = {.kind = V_TUPLE};
  v.u.tuple.n = n;
  v.u.tuple.item = n ? arena_copy(cx->arena, items, (size_t)n * sizeof *items) : NULL;
  return v;
}

Value value_affine(Cx *cx, const Affine *a) {
  if (a->n == 0 && a->den == 1) return value_size(a->off);
  return (Value){.kind = V_AFFINE, .u.affine = arena_copy(cx->arena, a, sizeof *a)};
}

/* ---- asking ---- */
bool value_dim(const Value *v, Dim *out) {
  if (v->kind == V_INT && v->u.i <= DIM_MAX_NUMBER && v->u.i >= -DIM_MAX_NUMBER)
    return *out = v->u.i, true;
  if (v->kind == V_SIZE) return *out = v->u.size, true;
  return false;
}

bool affine_is_loop(const Affine *a) {
  for (int i = 0; i < a->n; i++)
    if (!a->term[i].label->loop) return false;
  return a->n > 0;
}

bool value_has_tensor(const Value *v) {
  if (v->kind == V_TENSOR || value_is_loop_number(v)) return true;
  if (v->kind == V_TUPLE)
    for (int i = 0; i < v->u.tuple.n; i++)
      if (value_has_tensor(&v->u.tuple.item[i])) return true;
  if (v->kind == V_WEAK)
    for (int i = 0; i < v->u.weak->n; i++)
      if (value_has_tensor(&v->u.weak->arg[i])) return true;
  return false;
}

const Labels *value_labels(const Value *v) {
  return v->kind == V_TENSOR && v->u.t.labels ? v->u.t.labels : &no_labels;
}

const Labels *labels_within(Cx *cx, const Value *v) {
  const Labels *all = value_labels(v);
  switch (v->kind) {
  case V_AFFINE: return affine_labels(cx, v->u.affine);
  case V_TUPLE:
    for (int i = 0; i < v->u.tuple.n; i++)
      all = labels_union(cx, all, labels_within(cx, &v->u.tuple.item[i]));
    return all;
  case V_WEAK:
    for (int i = 0; i < v->u.weak->n; i++)
      all = labels_union(cx, all, labels_within(cx, &v->u.weak->arg[i]));
    return all;
  default: return all;
  }
}

Shape tensor_shape(const Builder *b, const Value *v) {
  const Shape *s = ir_shape(b, v->u.t.val);
  int skip = v->u.t.labels ? v->u.t.labels->n : 0;
  Shape t = {.rank = s->rank - skip};
  for (int i = 0; i < t.rank; i++) t.dim[i] = s->dim[i + skip];
  return t;
}

int tensor_rank(const Builder *b, const Value *v) {
  return ir_shape(b, v->u.t.val)->rank - (v->u.t.labels ? v->u.t.labels->n : 0);
}

static void print_tuple(Cx *cx, const Builder *b, const Value *v, Text *t) {
  text_add(t, "(");
  for (int i = 0; i < v->u.tuple.n; i++) {
    if (i) text_add(t, ", ");
    text_add(t, value_text(cx, b, &v->u.tuple.item[i]));
  }
  text_add(t, ")");
}

const char *value_text(Cx *cx, const Builder *b, const Value *v) {
  Text t = text_new(cx->arena);
  switch (v->kind) {
  case V_POISON: text_add(&t, "something wrong"); break;
  case V_INT: text_fmt(&t, "the integer %lld", (long long)v->u.i); break;
  case V_SIZE:
    text_add(&t, "the size ");
    dim_print(cx, v->u.size, &t);
    break;
  case V_FLOAT:
    text_add(&t, "the number ");
    text_f64(&t, v->u.f);
    break;
  case V_BOOL: text_add(&t, v->u.truth ? "true" : "false"); break;
  case V_WEAK: text_add(&t, v->is_float ? "an untyped float" : "an untyped integer"); break;
  case V_AFFINE: text_add(&t, "an index"); break;
  case V_TENSOR: {
    Shape s = tensor_shape(b, v);
    type_print(cx, ir_type(b, v->u.t.val), &s, &t);
    break;
  }
  case V_TUPLE: print_tuple(cx, b, v, &t); break;
  case V_FN:
    if (v->u.fn->instance) {
      text_fmt(&t, v->u.fn->kind == FN_LAYERS ? "an array of layers `%s`" : "the layer `%s`",
               v->u.fn->name);
      break;
    }
    text_fmt(&t, "the function `%s`", v->u.fn->name ? v->u.fn->name : "?");
    break;
  case V_STRING: text_fmt(&t, "the text \"%s\"", v->u.text); break;
  }
  return text_str(&t);
}

/* ---- affine arithmetic ---- */
const Labels *affine_labels(Cx *cx, const Affine *a) {
  Labels *l = NEW(cx->arena, Labels);
  for (int i = 0; i < a->n; i++)
    if (!a->term[i].label->loop) l->at[l->n++] = a->term[i].label;
  return l;
}

bool affine_of_value(const Value *v, Affine *out) {
  if (v->kind == V_AFFINE) return *out = *v->u.affine, true;
  *out = (Affine){.den = 1};
  return value_dim(v, &out->off);
}

static bool add_scaled(Cx *cx, const Affine *a, const Affine *b, bool subtract, Affine *out) {
  *out = (Affine){.den = 1};
  out->off = subtract ? dim_sub(cx, a->off, b->off) : dim_add(cx, a->off, b->off);
  int i = 0, j = 0;
  while (i < a->n || j < b->n) {
    bool use_a = i < a->n && (j == b->n || a->term[i].label->order <= b->term[j].label->order);
    bool use_b = j < b->n && (i == a->n || b->term[j].label->order <= a->term[i].label->order);
    AffineTerm t = use_a ? a->term[i] : (AffineTerm){b->term[j].label, 0};
    if (use_b)
      t.coef =
          subtract ? dim_sub(cx, t.coef, b->term[j].coef) : dim_add(cx, t.coef, b->term[j].coef);
    i += use_a, j += use_b;
    if (t.coef == 0) continue;
    if (out->n == IR_MAX_RANK) return false;
    out->term[out->n++] = t;
  }
  return true;
}

static bool scale(Cx *cx, const Affine *a, Dim by, Affine *out) {
  *out = *a;
  out->off = dim_mul(cx, a->off, by);
  out->n = 0;
  for (int i = 0; i < a->n; i++) {
    Dim coef = dim_mul(cx, a->term[i].coef, by);
    if (coef) out->term[out->n++] = (AffineTerm){a->term[i].label, coef};
  }
  return true;
}

bool affine_binary(Cx *cx, Op op, const Affine *a, const Affine *b, Affine *out) {
  if (a->den != 1 || b->den != 1) return false;
  switch (op) {
  case OP_add: return add_scaled(cx, a, b, false, out);
  case OP_sub: return add_scaled(cx, a, b, true, out);
  case OP_mul:
    return b->n == 0 ? scale(cx, a, b->off, out) : a->n == 0 && scale(cx, b, a->off, out);
  case OP_div:
    if (b->n || !dim_is_number(b->off) || b->off < 1) return false;
    *out = *a;
    out->den = b->off;
    return true;
  default: return false;
  }
}
