/* mincut.h: the cheapest set of edges whose removal leaves no way from node 0 to node 1. */
#ifndef GRADC_MINCUT_H
#define GRADC_MINCUT_H

#include "base/base.h"

#define CUT_NEVER ((int64_t)1 << 60) /* the capacity of an edge that can't be cut */

typedef struct CutEdge {
  int32_t to, next; /* next: of the same node, -1 at the end; the reverse edge is number ^ 1 */
  int64_t room;
} CutEdge;
typedef struct Cut {
  Arena *arena;
  Vec(CutEdge) edge;
  int32_t *first, nodes;
  int32_t *level, *at;
} Cut;

Cut cut_new(Arena *a, int32_t nodes);
void cut_edge(Cut *c, int32_t from, int32_t to, int64_t capacity);
/* Nodes on the far side: those that still reach node 1. Of all cheapest cuts the one nearest to node 1. */
bool *cut_far_side(Cut *c);

#endif
