/* peak.c: what lies in the workspace when it is fullest. In: a planned program. Out: its largest
 * buffers there, those of loops' bodies among them. */
#include "loop/loop.h"

static int64_t bytes_of(const LoopProgram *p, const Buffer *b) {
  int64_t one = (b->count * type_info[b->type].bytes + 63) / 64 * 64;
  return b->kind == BUF_LOCAL ? one * MAX(1, p->target.threads) : one;
}

static bool in_workspace(const Buffer *b) {
  return (b->kind == BUF_TEMP || b->kind == BUF_LOCAL) && b->first >= 0;
}

/* At kernel k the buffer comes into the place of another, which dies there. */
static bool joins(const LoopProgram *p, const Buffer *b, int k) {
  return b->into >= 0 && p->buf.at[b->into].last == k && b->first == k;
}

/* The kernel while which most bytes live, and how many. */
static int fullest(const LoopProgram *p, int64_t *most) {
  int64_t *change = NEWS(p->cx->arena, int64_t, p->kernel.n + 2), sum = 0;
  int at = 0;
  for (int i = 0; i < p->buf.n; i++) {
    const Buffer *b = &p->buf.at[i];
    if (!in_workspace(b) || b->first < 0 || b->last < b->first) continue;
    change[b->first + joins(p, b, b->first)] += bytes_of(p, b);
    change[b->last + 1] -= bytes_of(p, b);
  }
  *most = -1;
  for (int k = 0; k < p->kernel.n; k++) {
    sum += change[k];
    if (sum > *most) *most = sum, at = k;
  }
  return at;
}

int64_t loop_least_workspace(const LoopProgram *p) {
  int64_t most;
  fullest(p, &most);
  return MAX(most, 0);
}

static void add_item(PeakItem *item, int *n, int most, PeakItem x) {
  int k = *n < most ? (*n)++ : most;
  for (; k > 0 && item[k - 1].bytes < x.bytes; k--)
    if (k < most) item[k] = item[k - 1];
  if (k < most) item[k] = x;
}

static void collect(const LoopProgram *p, PeakItem *item, int *n, int most) {
  if (!p->kernel.n) return;
  int64_t most_bytes;
  int at = fullest(p, &most_bytes);
  const Call *c = p->kernel.at[at]->call;
  for (int i = 0; i < p->buf.n; i++) {
    const Buffer *b = &p->buf.at[i];
    if (!in_workspace(b) || b->first > at || b->last < at || (c && c->workspace == i)) continue;
    if (joins(p, b, at)) continue; /* what it takes the place of is listed */
    add_item(item, n, most, (PeakItem){b->name, b->span, bytes_of(p, b)});
  }
  if (!c) return;
  collect(c->other && c->other->workspace > c->body->workspace ? c->other : c->body, item, n, most);
}

int loop_peak(const LoopProgram *p, PeakItem *item, int most) {
  int n = 0;
  collect(p, item, &n, most);
  return n;
}
