/* guard.c: the functions of mm.nn as emitted C, for all m, n, k from 1 to MOST (a sample of them
 * without the argument `full`), with every array between two pages that nobody may touch: once its
 * end against the page behind it, once its beginning against the page before. Values are compared
 * with plain loops. */
#define _GNU_SOURCE
#include "mm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST = 70, SLOTS = 6 };
typedef struct Slot {
  unsigned char *first, *end; /* of what may be touched */
} Slot;
static Slot slot[SLOTS];
static int at_end;

static void make_slots(void) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (MOST * MOST * 64 / page + 2) * page;
  for (int i = 0; i < SLOTS; i++) {
    unsigned char *p = mmap(NULL, room + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || mprotect(p + page, room, PROT_READ | PROT_WRITE)) exit(99);
    slot[i] = (Slot){p + page, p + page + room};
  }
}

static void *place(int i, size_t bytes) { return at_end ? slot[i].end - bytes : slot[i].first; }

static unsigned seed = 1;
static double random_value(void) {
  seed = seed * 1664525u + 1013904223u;
  return (double)(seed >> 8) / 8388608.0 - 1;
}
static float *floats(int i, int n) {
  float *p = place(i, sizeof(float) * (size_t)n);
  for (int k = 0; k < n; k++) p[k] = (float)random_value();
  return p;
}

static void *workspace(size_t bytes) { return place(SLOTS - 1, (bytes + 63) / 64 * 64); }

static void wrong(const char *what, int m, int n, int k) {
  printf("%s is wrong for m %d, n %d, k %d\n", what, m, n, k);
  exit(1);
}

static void product(const char *what, int m, int n, int k) {
  size_t ws = mm_nn_workspace(m, k, n) + mm_tn_workspace(k, m, n) + mm_nt_workspace(m, k, n) +
              mm_dense_workspace(m, k, n);
  const float *a = floats(0, m * k), *b = floats(1, k * n), *c = floats(3, n);
  float *y = place(2, sizeof(float) * (size_t)(m * n));
  int status, ta = *what == 't', tb = what[1] == 't', more = *what == 'd';
  memset(y, 0xFF, sizeof(float) * (size_t)(m * n));
  if (ta) status = mm_tn(k, m, n, a, b, y, workspace(ws), ws);
  else if (tb) status = mm_nt(m, k, n, a, b, y, workspace(ws), ws);
  else if (more) status = mm_dense(m, k, n, a, b, c, y, workspace(ws), ws);
  else status = mm_nn(m, k, n, a, b, y, workspace(ws), ws);
  if (status) wrong(mm_strerror(status), m, n, k);
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++) {
      double sum = more ? (double)c[j] : 0;
      for (int l = 0; l < k; l++)
        sum += (double)a[ta ? l * m + i : i * k + l] * (double)b[tb ? j * k + l : l * n + j];
      if (more && sum < 0) sum = 0;
      if (!(fabs((double)y[i * n + j] - sum) <= 1e-5 * (k + 1))) wrong(what, m, n, k);
    }
}

static void wide(int m, int n, int k) {
  double *a = place(0, sizeof(double) * (size_t)(m * k)),
         *b = place(1, sizeof(double) * (size_t)(k * n));
  double *y = place(2, sizeof(double) * (size_t)(m * n));
  size_t ws = mm_wide_workspace(m, k, n);
  for (int i = 0; i < m * k; i++) a[i] = random_value();
  for (int i = 0; i < k * n; i++) b[i] = random_value();
  if (mm_wide(m, k, n, a, b, y, workspace(ws), ws)) wrong("a status", m, n, k);
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++) {
      double sum = 0;
      for (int l = 0; l < k; l++) sum += a[i * k + l] * b[l * n + j];
      if (!(fabs(y[i * n + j] - sum) <= 1e-13 * (k + 1))) wrong("wide", m, n, k);
    }
}

static void rows(int m, int k) {
  const float *a = floats(0, m * k);
  float *soft = place(1, sizeof(float) * (size_t)(m * k)),
        *sums = place(2, sizeof(float) * (size_t)k);
  size_t ws = mm_rows_workspace(m, k);
  if (mm_rows(m, k, a, soft, sums, workspace(ws), ws)) wrong("a status", m, 0, k);
  for (int j = 0; j < k; j++) {
    double sum = 0;
    for (int i = 0; i < m; i++) sum += (double)a[i * k + j];
    if (!(fabs((double)sums[j] - sum) <= 1e-4)) wrong("sums", m, 0, k);
  }
  for (int i = 0; i < m; i++) {
    double sum = 0;
    for (int j = 0; j < k; j++) sum += (double)soft[i * k + j];
    if (!(fabs(sum - 1) <= 1e-4)) wrong("rows", m, 0, k);
  }
}

int main(int argc, char **argv) {
  int full = argc > 1 && !strcmp(argv[1], "full");
  long runs = 0;
  make_slots();
  for (int m = 1; m <= MOST; m++)
    for (int n = 1; n <= MOST; n++)
      for (int k = 1; k <= MOST; k++) {
        if (!full && (m * 71 + n * 5041 + k) % 97) continue;
        for (at_end = 0; at_end < 2; at_end++) {
          product("nn", m, n, k);
          product("tn", m, n, k);
          product("nt", m, n, k);
          product("dense", m, n, k);
          wide(m, n, k);
          if (n == 1 || !full) rows(m, k);
        }
        runs++;
      }
  printf("%ld\n", runs);
  return 0;
}
