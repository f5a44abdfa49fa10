/* axis_names.c: a table of the labels that the source uses for the axes of its values. */
#include "ir/axis_names.h"

typedef struct Entry {
  struct Entry *next; /* in its bucket */
  Name value;
  int rank;
  Name *axis;
} Entry;

enum { BUCKETS = 1024 };
struct AxisTable {
  Entry *bucket[BUCKETS];
};

static Entry **bucket_of(AxisTable *t, Name value, int rank) {
  uint64_t h = ((uint64_t)(uintptr_t)value ^ (uint64_t)rank) * 0x9E3779B97F4A7C15u;
  return &t->bucket[h >> 54];
}

static Entry *find(Cx *cx, Name value, int rank) {
  if (!cx->axis_table) return NULL;
  Entry *e = *bucket_of(cx->axis_table, value, rank);
  while (e && (e->value != value || e->rank != rank)) e = e->next;
  return e;
}

void axis_names_note(Cx *cx, Name value, int rank, const Name *axis) {
  bool any = false;
  for (int i = 0; i < rank; i++) any = any || axis[i];
  if (!value || !any) return;
  if (!cx->axis_table) cx->axis_table = NEW(cx->arena, AxisTable);
  Entry *e = find(cx, value, rank);
  if (!e) {
    Entry **at = bucket_of(cx->axis_table, value, rank);
    e = NEW(cx->arena, Entry);
    *e = (Entry){*at, value, rank, NEWS(cx->arena, Name, rank)};
    *at = e;
  }
  for (int i = 0; i < rank; i++)
    if (!e->axis[i]) e->axis[i] = axis[i];
}

const Name *axis_names(Cx *cx, Name value, int rank) {
  while (value) {
    const Entry *e = find(cx, value, rank);
    if (e) return e->axis;
    if (strncmp(value, "d_", 2) && strncmp(value, "t_", 2)) break;
    value = name_of(cx, value + 2);
  }
  return NULL;
}
