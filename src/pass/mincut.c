/* mincut.c: Dinic's algorithm (1970): flow along shortest ways until there is none, by levels. */
#include "pass/mincut.h"

Cut cut_new(Arena *a, int32_t nodes) {
  Cut c = {.arena = a, .nodes = nodes, .first = NEWS(a, int32_t, nodes), .level = NEWS(a, int32_t, nodes),
           .at = NEWS(a, int32_t, nodes)};
  for (int32_t i = 0; i < nodes; i++) c.first[i] = -1;
  return c;
}

void cut_edge(Cut *c, int32_t from, int32_t to, int64_t capacity) {
  CutEdge there = {to, c->first[from], capacity};
  c->first[from] = c->edge.n;
  vec_push(c->arena, &c->edge, there);
  CutEdge back = {from, c->first[to], 0};
  c->first[to] = c->edge.n;
  vec_push(c->arena, &c->edge, back);
}

static bool find_levels(Cut *c, int32_t *queue) {
  int head = 0, tail = 0;
  for (int32_t i = 0; i < c->nodes; i++) c->level[i] = -1;
  c->level[0] = 0;
  queue[tail++] = 0;
  while (head < tail) {
    int32_t u = queue[head++];
    for (int32_t e = c->first[u]; e >= 0; e = c->edge.at[e].next) {
      int32_t v = c->edge.at[e].to;
      if (c->edge.at[e].room == 0 || c->level[v] >= 0) continue;
      c->level[v] = c->level[u] + 1;
      queue[tail++] = v;
    }
  }
  return c->level[1] >= 0;
}

/* One way from node 0 to node 1 down the levels; way[i] are its edges. Returns how many, 0: none. */
static int find_way(Cut *c, int32_t *way) {
  int n = 0;
  int32_t u = 0;
  while (u != 1) {
    int32_t e = c->at[u];
    for (; e >= 0; e = c->edge.at[e].next)
      if (c->edge.at[e].room > 0 && c->level[c->edge.at[e].to] == c->level[u] + 1) break;
    c->at[u] = e;
    if (e >= 0) {
      way[n++] = e;
      u = c->edge.at[e].to;
    } else { /* a dead end: back, and never here again */
      if (n == 0) return 0;
      c->level[u] = -1;
      u = c->edge.at[way[--n] ^ 1].to;
    }
  }
  return n;
}

static void push_flow(Cut *c, int32_t *way) {
  for (int n; (n = find_way(c, way)) > 0;) {
    int64_t flow = CUT_NEVER;
    for (int i = 0; i < n; i++) flow = MIN(flow, c->edge.at[way[i]].room);
    for (int i = 0; i < n; i++) {
      c->edge.at[way[i]].room -= flow;
      c->edge.at[way[i] ^ 1].room += flow;
    }
  }
}

bool *cut_far_side(Cut *c) {
  int32_t *queue = NEWS(c->arena, int32_t, c->nodes + 1), *way = NEWS(c->arena, int32_t, c->nodes + 1);
  while (find_levels(c, queue)) {
    memcpy(c->at, c->first, (size_t)c->nodes * sizeof *c->at);
    push_flow(c, way);
  }
  bool *far = NEWS(c->arena, bool, c->nodes);
  int head = 0, tail = 0;
  far[1] = true;
  queue[tail++] = 1;
  while (head < tail) { /* backwards along edges with room */
    int32_t v = queue[head++];
    for (int32_t e = c->first[v]; e >= 0; e = c->edge.at[e].next) {
      int32_t u = c->edge.at[e].to;
      if (far[u] || c->edge.at[e ^ 1].room == 0) continue;
      far[u] = true;
      queue[tail++] = u;
    }
  }
  return far;
}
