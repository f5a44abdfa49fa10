/* arena.c: bump allocation in blocks that double in size, growable arrays on top of it, and the
 * rooms compiled code works in. */
#define _GNU_SOURCE 1 /* madvise */
#include "base/base.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct Block {
  struct Block *prev;
  size_t used, cap;
  _Alignas(16) unsigned char at[];
} Block;

typedef struct Deferred {
  struct Deferred *prev;
  void (*done)(void *);
  void *arg;
} Deferred;

struct Arena {
  Cx *cx;
  Block *block;
  Deferred *deferred;
  size_t bytes;
  Arena *older, *newer; /* of the same context */
};

enum { FIRST_BLOCK = 16 << 10, LARGEST_BLOCK = 4 << 20 };

static void *fail(Arena *a, size_t bytes) {
  if (a && a->cx && bytes >= LARGEST_BLOCK) cx_no_room(a->cx, (double)bytes);
  if (a && a->cx) cx_out_of_memory(a->cx);
  return NULL;
}

/* A request for more than the whole machine has would be granted all the same where the system
 * overcommits, and the process killed when it fills the memory. */
static bool beyond_machine(size_t bytes) {
  long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
  return pages > 0 && size > 0 && bytes / (size_t)size > (size_t)pages;
}

/* ---- large pages ---- */
enum { LARGE_PAGE = 2 << 20 };

/* What compiled code walks over in many places at once (tiles of a packed operand, rows of a
 * weight matrix) needs more address translations than the processor holds; with pages of 2 MiB they
 * all fit. Measured: products of 1024 cubed gain 5 to 9 %. A hint: the system may do without. */
static void prefer_large_pages(void *at, size_t bytes) {
#ifdef MADV_HUGEPAGE
  const uintptr_t page = 4096, from = ((uintptr_t)at + page - 1) & ~(page - 1);
  uintptr_t to = ((uintptr_t)at + bytes) & ~(page - 1);
  if (to > from && to - from >= LARGE_PAGE) (void)!madvise((void *)from, to - from, MADV_HUGEPAGE);
#else
  (void)at, (void)bytes;
#endif
}

void *room_alloc(size_t bytes) {
  size_t align = bytes >= LARGE_PAGE ? LARGE_PAGE : 64;
  if (bytes > SIZE_MAX - align) return NULL;
  void *p = aligned_alloc(align, (MAX(bytes, 1) + align - 1) & ~(align - 1));
  if (p) prefer_large_pages(p, bytes);
  return p;
}

/* ---- arenas ---- */
Arena *arena_new(Cx *cx) {
  Arena *a = calloc(1, sizeof *a);
  if (!a && cx) cx_out_of_memory(cx);
  if (!a || !cx) return a;
  a->cx = cx;
  a->older = cx->others;
  if (a->older) a->older->newer = a;
  cx->others = a;
  return a;
}

static void leave_context(Arena *a) {
  if (!a->cx) return;
  if (a->older) a->older->newer = a->newer;
  if (a->newer) a->newer->older = a->older;
  else a->cx->others = a->older;
}

void arena_free(Arena *a) {
  if (!a) return;
  leave_context(a);
  while (a->deferred) {
    Deferred *d = a->deferred;
    a->deferred = d->prev;
    d->done(d->arg);
  }
  for (Block *b = a->block; b;) {
    Block *prev = b->prev;
    free(b);
    b = prev;
  }
  free(a);
}

/* Large requests get a block of their own; it goes behind the current one, which keeps its room. */
static Block *add_block(Arena *a, size_t bytes) {
  size_t next = a->block ? MIN(2 * a->block->cap, (size_t)LARGEST_BLOCK) : (size_t)FIRST_BLOCK;
  size_t cap = MAX(next, bytes);
  Block *b = cap > LARGEST_BLOCK && beyond_machine(cap) ? NULL : calloc(1, sizeof *b + cap);
  if (!b) return NULL;
  if (cap > LARGEST_BLOCK) prefer_large_pages(b, sizeof *b + cap);
  b->cap = cap;
  a->bytes += cap;
  if (a->block && bytes > next / 2) {
    b->prev = a->block->prev;
    a->block->prev = b;
  } else {
    b->prev = a->block;
    a->block = b;
  }
  return b;
}

void *arena_alloc(Arena *a, size_t bytes) {
  if (bytes > (SIZE_MAX >> 1)) return fail(a, bytes);
  bytes = (bytes + 15) & ~(size_t)15;
  Block *b = a->block;
  if (!b || b->cap - b->used < bytes) b = add_block(a, bytes);
  if (!b) return fail(a, bytes);
  void *p = b->at + b->used;
  b->used += bytes;
  return p;
}

void *arena_alloc_n(Arena *a, size_t size, int64_t n) {
  size_t bytes;
  if (n < 0 || __builtin_mul_overflow(size, (size_t)n, &bytes)) return fail(a, SIZE_MAX);
  return arena_alloc(a, bytes);
}

void *arena_copy(Arena *a, const void *from, size_t bytes) {
  void *p = arena_alloc(a, bytes);
  if (p && bytes) memcpy(p, from, bytes);
  return p;
}

void arena_defer(Arena *a, void (*done)(void *), void *arg) {
  Deferred *d = NEW(a, Deferred);
  if (!d) return;
  *d = (Deferred){a->deferred, done, arg};
  a->deferred = d;
}

size_t cx_bytes(const Cx *cx) {
  size_t n = cx->arena->bytes;
  for (const Arena *a = cx->others; a; a = a->older) n += a->bytes;
  return n;
}

size_t arena_bytes(const Arena *a) { return a->bytes; }

void *vec_grow_(Arena *a, void *at, int32_t n, int32_t *cap, size_t size) {
  if (*cap > INT32_MAX / 2) return fail(a, 0);
  int32_t more = *cap ? *cap * 2 : 8;
  void *p = arena_alloc_n(a, size, more);
  if (p && n) memcpy(p, at, (size_t)n * size);
  *cap = more;
  return p;
}
