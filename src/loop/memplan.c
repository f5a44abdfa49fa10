/* memplan.c: gives every temporary buffer an offset in one workspace. In: buffers and which kernels
 * use them. Out: first/last kernel, offset, stride of each, and the workspace's size. Buffers whose
 * lifetimes don't meet share bytes, and some follow each other in one place (inplace.c). Rooms are
 * placed one after the other in the gap that fits best, in several orders; the order that takes the
 * fewest bytes stands. Where that is more than what lives at one time asks for, the rooms that
 * reach highest are placed earlier, again and again (squeaky wheel: Joslin, Clements 1999). */
#include "loop/lower.h"

#include <stdlib.h>

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
  if (p->fault >= 0) p->buf.at[p->fault].last = p->kernel.n - 1; /* looked at in the end */
}

/* ---- rooms: buffers that follow each other in one place ---- */
typedef struct Room {
  int32_t first, last;
  int64_t bytes, offset;
} Room;

typedef struct Plan {
  const LoopProgram *p;
  Room *room;
  int n;
  int32_t *of; /* per buffer: its room, or -1 */
} Plan;

static bool planned(const Buffer *b) {
  return (b->kind == BUF_TEMP || b->kind == BUF_LOCAL) && b->first >= 0;
}

static Plan make_rooms(Low *lw) {
  const LoopProgram *p = lw->p;
  Plan x = {p, NEWS(lw->arena, Room, p->buf.n + 1), 0, NEWS(lw->arena, int32_t, p->buf.n + 1)};
  for (int i = 0; i < p->buf.n; i++) x.of[i] = -1;
  for (int i = 0; i < p->buf.n; i++) {
    if (!planned(&p->buf.at[i])) continue;
    int root = i;
    while (p->buf.at[root].into >= 0) root = p->buf.at[root].into;
    if (x.of[root] < 0) {
      x.room[x.n] =
          (Room){p->buf.at[root].first, p->buf.at[root].last, bytes_of(p, &p->buf.at[root]), 0};
      x.of[root] = x.n++;
    }
    Room *b = &x.room[x.of[i] = x.of[root]];
    b->last = MAX(b->last, p->buf.at[i].last);
  }
  return x;
}

static bool meet(const Room *a, const Room *b) {
  return a->first <= b->last && b->first <= a->last;
}

/* ---- offsets ---- */
typedef enum Order { LARGEST_FIRST, EARLIEST_FIRST, LONGEST_FIRST, AREA_FIRST, ORDERS } Order;

static double rank_of(const Room *b, Order o) {
  double life = b->last - b->first + 1, size = (double)b->bytes;
  switch (o) {
  case EARLIEST_FIRST: return -(double)b->first;
  case LONGEST_FIRST: return life * 1e15 + size;
  case AREA_FIRST: return life * size;
  case LARGEST_FIRST:
  default: return size;
  }
}

/* The smallest gap between the rooms placed that holds b; the end where none does. */
static int64_t place(const Plan *x, const int32_t *placed, int n, const Room *b) {
  int64_t best = -1, best_gap = INT64_MAX, at = 0;
  for (int i = 0; i < n; i++) { /* placed is sorted by offset */
    const Room *o = &x->room[placed[i]];
    if (!meet(o, b)) continue;
    int64_t gap = o->offset - at;
    if (gap >= b->bytes && gap < best_gap) best = at, best_gap = gap;
    at = MAX(at, o->offset + o->bytes);
  }
  return best < 0 ? at : best;
}

typedef struct Ranked {
  double rank;
  int32_t room;
} Ranked;
static int by_rank(const void *a, const void *b) { /* the highest first, then as they came */
  const Ranked *x = a, *y = b;
  if (x->rank != y->rank) return x->rank < y->rank ? 1 : -1;
  return (x->room > y->room) - (x->room < y->room);
}

/* In that order; returns the end. */
static int64_t place_all(Low *lw, Plan *x, const int32_t *order) {
  int32_t *placed = NEWS(lw->arena, int32_t, x->n + 1);
  int64_t total = 0;
  for (int i = 0; i < x->n; i++) {
    Room *b = &x->room[order[i]];
    b->offset = place(x, placed, i, b);
    total = MAX(total, b->offset + b->bytes);
    int k = i;
    for (; k > 0 && x->room[placed[k - 1]].offset > b->offset; k--) placed[k] = placed[k - 1];
    placed[k] = order[i];
  }
  return total;
}

static void first_order(Low *lw, const Plan *x, Order o, int32_t *order) {
  Ranked *ranked = NEWS(lw->arena, Ranked, x->n + 1);
  for (int i = 0; i < x->n; i++) ranked[i] = (Ranked){rank_of(&x->room[i], o), i};
  qsort(ranked, (size_t)x->n, sizeof *ranked, by_rank);
  for (int i = 0; i < x->n; i++) order[i] = ranked[i].room;
}

/* The rooms that end highest come before half of those that came before them. */
static void move_forward(const Plan *x, int32_t *order, int64_t total) {
  for (int i = 0; i < x->n; i++) {
    int32_t r = order[i], to = i / 2;
    if (x->room[r].offset + x->room[r].bytes != total) continue;
    memmove(order + to + 1, order + to, (size_t)(i - to) * sizeof *order);
    order[to] = r;
  }
}

enum { MANY_ROOMS = 1500, TURNS = 200, PAIRS = 2000000 /* of rooms looked at for an order */ };

/* Returns the end. */
static int64_t place_rooms(Low *lw, Plan *x, int64_t bound) {
  int32_t *order = NEWS(lw->arena, int32_t, x->n + 1), *best = NEWS(lw->arena, int32_t, x->n + 1);
  int64_t least = INT64_MAX, enough = bound + bound / 64;
  int turns = MIN(TURNS, MAX(1, PAIRS / MAX(1, (int64_t)x->n * x->n)));
  for (int o = 0; o < (x->n > MANY_ROOMS ? 1 : ORDERS) && least > bound; o++) {
    first_order(lw, x, (Order)o, order);
    for (int turn = 0; turn < turns && (turn == 0 || least > enough); turn++) {
      int64_t total = place_all(lw, x, order);
      if (total < least) {
        least = total;
        memcpy(best, order, (size_t)x->n * sizeof *order);
      }
      move_forward(x, order, total);
    }
  }
  return place_all(lw, x, best);
}

void plan_memory(Low *lw) {
  LoopProgram *p = lw->p;
  lifetimes(p);
  if (loop_has_names(p)) {
    plan_named_memory(lw, bytes_of);
    return;
  }
  share_places(lw);
  Plan x = make_rooms(lw);
  p->workspace = place_rooms(lw, &x, loop_least_workspace(p));
  for (int i = 0; i < p->buf.n; i++) {
    Buffer *b = &p->buf.at[i];
    if (b->kind == BUF_LOCAL) b->stride = bytes_of(p, b) / MAX(1, p->target.threads);
    if (x.of[i] >= 0) b->offset = x.room[x.of[i]].offset;
  }
}

/* Whether two buffers may share bytes: updated in place, or given the same room by the memory plan.
 */
static bool overlap(const LoopProgram *p, Buf x, Buf y) {
  const Buffer *a = &p->buf.at[x], *b = &p->buf.at[y];
  bool a_temp = a->kind == BUF_TEMP || a->kind == BUF_LOCAL,
       b_temp = b->kind == BUF_TEMP || b->kind == BUF_LOCAL;
  if (a_temp != b_temp) return false;
  if (!a_temp) return a->kind != b->kind && (a->same_as == y || b->same_as == x);
  Dim a_end = dim_add(p->cx, a->offset, bytes_of(p, a)),
      b_end = dim_add(p->cx, b->offset, bytes_of(p, b));
  return dim_le(p->cx, a_end, b->offset) != 1 && dim_le(p->cx, b_end, a->offset) != 1;
}

bool loop_buffer_alone(const LoopProgram *p, const Kernel *k, Buf b) {
  for (int i = 0; i < k->uses.n; i++)
    if (k->uses.at[i] != b && overlap(p, k->uses.at[i], b)) return false;
  return true;
}
