/* eval_move.c: linear data movement: views, gather and its transpose. */
#include "ir/eval_ops.h"

#include <math.h>

/* Copies element `from` of x to element `to` of out; both are arrays of elements of `bytes`. */
static inline void copy_element(void *out, int64_t to, const void *x, int64_t from, int bytes) {
  switch (bytes) {
  case 1: ((uint8_t *)out)[to] = ((const uint8_t *)x)[from]; break;
  case 4: memcpy((char *)out + 4 * to, (const char *)x + 4 * from, 4); break;
  default: memcpy((char *)out + 8 * to, (const char *)x + 8 * from, 8); break;
  }
}

/* ---- view ---- */
typedef struct Walk { /* numerators of the operand's indices at the current element of the result */
  const Ins *in;
  const Tensor *x;
  int64_t stride[IR_MAX_RANK];
  int64_t num[IR_MAX_RANK];
  int64_t coef[IR_MAX_RANK][IR_MAX_RANK]; /* [axis of the result][dimension of the operand] */
} Walk;

static Walk walk_start(Cx *cx, const Ins *in, const Tensor *x) {
  const View *v = in->u.view;
  Walk w = {.in = in, .x = x};
  if (v->rank != x->shape.rank) cx_bug(cx, "view of rank %d on rank %d", v->rank, x->shape.rank);
  tensor_strides(&x->shape, w.stride);
  for (int d = 0; d < v->rank; d++) {
    const ViewDim *dim = &v->dim[d];
    w.num[d] = dim->off;
    for (int k = 0; k < dim->n; k++) w.coef[dim->term[k].label][d] = dim->term[k].coef;
  }
  return w;
}

/* The operand's element at the current place, or -1 where it is outside. */
static inline int64_t walk_element(const Walk *w) {
  const View *v = w->in->u.view;
  int64_t at = 0;
  for (int d = 0; d < v->rank; d++) {
    int64_t i = w->num[d], den = v->dim[d].den;
    if (den != 1) {
      if (i % den) return -1;
      i /= den;
    }
    if (i < 0 || i >= w->x->shape.dim[d]) return -1;
    at += i * w->stride[d];
  }
  return at;
}

/* Moves to the next element in row-major order. */
static inline void walk_next(Walk *w, int64_t *at) {
  const Shape *s = &w->in->shape;
  for (int i = s->rank - 1; i >= 0; i--) {
    if (++at[i] < s->dim[i]) {
      for (int d = 0; d < w->x->shape.rank; d++) w->num[d] += w->coef[i][d];
      return;
    }
    for (int d = 0; d < w->x->shape.rank; d++) w->num[d] -= (s->dim[i] - 1) * w->coef[i][d];
    at[i] = 0;
  }
}

void eval_view(Cx *cx, const Ins *in, const Tensor *x, Tensor *out) {
  Walk w = walk_start(cx, in, x);
  int64_t n = tensor_count(out), at[IR_MAX_RANK] = {0};
  int bytes = type_info[out->type].bytes;
  for (int64_t k = 0; k < n; k++) {
    int64_t from = walk_element(&w);
    if (from >= 0) copy_element(out->data, k, x->data, from, bytes);
    else if (in->u.view->exact) cx_bug(cx, "an exact view reads outside its operand");
    else memset((char *)out->data + k * bytes, 0, (size_t)bytes);
    walk_next(&w, at);
  }
}

/* ---- gather and scatter ---- */
typedef struct Indexed { /* which elements of the indexed tensor each index tuple selects */
  int64_t nindex, nrest;
  int64_t *base; /* per index tuple: offset of its first element, -1 where it is outside */
  int64_t *rest; /* offsets over the axes that are not indexed */
} Indexed;

/* full: shape of the indexed tensor; index: one tensor per axis of g. */
static Indexed indexed(Arena *tmp, const Gather *g, const Shape *full, const Tensor *const *index) {
  Indexed r = {.nindex = tensor_count(index[0])};
  int64_t stride[IR_MAX_RANK], extent[IR_MAX_RANK], step[IR_MAX_RANK];
  int rank = 0, k = 0;
  tensor_strides(full, stride);
  for (int i = 0; i < full->rank; i++) {
    if (k < g->naxes && g->axis[k] == i) {
      k++;
      continue;
    }
    extent[rank] = full->dim[i];
    step[rank++] = stride[i];
  }
  r.rest = offset_table(tmp, rank, extent, step, &r.nrest);
  r.base = NEWS(tmp, int64_t, MAX(r.nindex, 1));
  for (int64_t s = 0; s < r.nindex; s++)
    for (k = 0; k < g->naxes && r.base[s] >= 0; k++) {
      int64_t i = tensor_get_i(index[k], s);
      bool inside = i >= 0 && i < full->dim[g->axis[k]];
      r.base[s] = inside ? r.base[s] + i * stride[g->axis[k]] : -1;
    }
  return r;
}

void eval_gather(Cx *cx, Arena *tmp, const Ins *in, const Tensor *const *arg, Tensor *out) {
  const Tensor *x = arg[0];
  Indexed ix = indexed(tmp, in->u.gather, &x->shape, arg + 1);
  int bytes = type_info[out->type].bytes;
  if (ix.nindex * ix.nrest != tensor_count(out)) cx_bug(cx, "gather: wrong shape of the result");
  for (int64_t s = 0, to = 0; s < ix.nindex; s++) {
    if (ix.base[s] < 0) {
      tensor_fill(out->type, (char *)out->data + to * bytes, ix.nrest, (double)NAN, 0);
      to += ix.nrest;
      continue;
    }
    for (int64_t r = 0; r < ix.nrest; r++, to++)
      copy_element(out->data, to, x->data, ix.base[s] + ix.rest[r], bytes);
  }
}

/* Integers wrap: they are added as unsigned numbers of their width; bool is or. */
#define SCATTER(T, combine)                                                                        \
  for (int64_t s = 0; s < ix.nindex; s++)                                                          \
    for (int64_t r = 0; ix.base[s] >= 0 && r < ix.nrest; r++) {                                    \
      T *o = (T *)out->data + ix.base[s] + ix.rest[r];                                             \
      const T u = ((const T *)upd->data)[s * ix.nrest + r];                                        \
      *o = (T)(combine);                                                                           \
    }

void eval_scatter(Cx *cx, Arena *tmp, const Ins *in, const Tensor *const *arg, Tensor *out) {
  const Tensor *upd = arg[0];
  Indexed ix = indexed(tmp, in->u.gather, &in->u.gather->full, arg + 1);
  if (ix.nindex * ix.nrest != tensor_count(upd)) cx_bug(cx, "scatter: wrong shape of the update");
  memset(out->data, 0, (size_t)(tensor_count(out) * type_info[out->type].bytes));
  switch (out->type) {
  case T_BOOL: SCATTER(uint8_t, *o | u) break;
  case T_U8: SCATTER(uint8_t, *o + u) break;
  case T_I32: SCATTER(uint32_t, *o + u) break;
  case T_I64: SCATTER(uint64_t, *o + u) break;
  case T_F32: SCATTER(float, *o + u) break;
  case T_F64: SCATTER(double, *o + u) break;
  default: cx_bug(cx, "scatter of a bundle");
  }
}
