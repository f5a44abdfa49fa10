/* memplan.c: gives every temporary buffer an offset in one workspace. In: buffers and which kernels
 * use them. Out: first/last kernel, offset, stride of each, and the workspace's size. Buffers whose
 * lifetimes don't meet share bytes: largest first, each at the lowest gap that fits it best. */
#include "loop/lower.h"

enum { ALIGN = 64 };

static Dim bytes_of(const LoopProgram *p, const Buffer *b) {
  Dim bytes = dim_add(p->cx, dim_mul(p->cx, b->count, type_info[b->type].bytes), ALIGN - 1);
  Dim one = dim_mul(p->cx, dim_floor_div(p->cx, bytes, ALIGN), ALIGN);
  return b->kind == BUF_LOCAL ? dim_mul(p->cx, one, MAX(1, p->target.threads)) : one;
}

static void lifetimes(LoopProgram *p) {
  for (int i = 0; i < p->buf.n; i++) p->buf.at[i].first = p->buf.at[i].last = -1;
  for (int k = 0; k < p->kernel.n; k++)
    for (int u = 0; u < p->kernel.at[k]->uses.n; u++) {
      Buffer *b = &p->buf.at[p->kernel.at[k]->uses.at[u]];
      if (b->first < 0) b->first = k;
      b->last = k;
    }
}

static bool meet(const Buffer *a, const Buffer *b) {
  return a->first <= b->last && b->first <= a->last;
}

/* The best offset for buffer b among those placed: the smallest gap that holds it. */
static int64_t place(const LoopProgram *p, const int32_t *placed, int n, const Buffer *b) {
  int64_t size = bytes_of(p, b), best = -1, best_gap = INT64_MAX, at = 0;
  for (int i = 0; i <= n; i++) { /* placed is sorted by offset */
    if (i == n) {
      if (best < 0) best = at;
      break;
    }
    const Buffer *o = &p->buf.at[placed[i]];
    if (!meet(o, b)) continue;
    int64_t gap = o->offset - at;
    if (gap >= size && gap < best_gap) best = at, best_gap = gap;
    at = MAX(at, o->offset + bytes_of(p, o));
  }
  return best;
}

void plan_memory(Low *lw) {
  LoopProgram *p = lw->p;
  lifetimes(p);
  for (int i = 0; i < p->buf.n; i++)
    if (!dim_is_number(p->buf.at[i].count)) {
      plan_named_memory(lw, bytes_of);
      return;
    }
  int32_t *order = NEWS(lw->arena, int32_t, MAX(1, p->buf.n));
  int32_t *placed = NEWS(lw->arena, int32_t, MAX(1, p->buf.n));
  int n = 0, done = 0;
  for (int i = 0; i < p->buf.n; i++) {
    Buffer *b = &p->buf.at[i];
    if (b->kind != BUF_TEMP && b->kind != BUF_LOCAL) continue;
    if (b->kind == BUF_LOCAL) b->stride = bytes_of(p, b) / MAX(1, p->target.threads);
    int k = n++;
    for (; k > 0 && bytes_of(p, &p->buf.at[order[k - 1]]) < bytes_of(p, b); k--)
      order[k] = order[k - 1];
    order[k] = i;
  }
  int64_t total = 0;
  for (int i = 0; i < n; i++) {
    Buffer *b = &p->buf.at[order[i]];
    b->offset = b->first < 0 ? 0 : place(p, placed, done, b);
    if (b->first < 0) continue; /* nobody touches it */
    total = MAX(total, b->offset + bytes_of(p, b));
    int k = done++;
    for (; k > 0 && p->buf.at[placed[k - 1]].offset > b->offset; k--) placed[k] = placed[k - 1];
    placed[k] = order[i];
  }
  p->workspace = total;
}

/* Whether two buffers may share bytes: updated in place, or given the same room by the memory plan. */
static bool overlap(const LoopProgram *p, Buf x, Buf y) {
  const Buffer *a = &p->buf.at[x], *b = &p->buf.at[y];
  bool a_temp = a->kind == BUF_TEMP || a->kind == BUF_LOCAL, b_temp = b->kind == BUF_TEMP || b->kind == BUF_LOCAL;
  if (a_temp != b_temp) return false;
  if (!a_temp) return a->kind != b->kind && (a->same_as == y || b->same_as == x);
  Dim a_end = dim_add(p->cx, a->offset, bytes_of(p, a)), b_end = dim_add(p->cx, b->offset, bytes_of(p, b));
  return dim_le(p->cx, a_end, b->offset) != 1 && dim_le(p->cx, b_end, a->offset) != 1;
}

bool loop_buffer_alone(const LoopProgram *p, const Kernel *k, Buf b) {
  for (int i = 0; i < k->uses.n; i++)
    if (k->uses.at[i] != b && overlap(p, k->uses.at[i], b)) return false;
  return true;
}
