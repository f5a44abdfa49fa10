/* worker.h: the C peers' side of the conversation: see harness/competitors.py. A peer defines
 * load(), which reads the sizes it needs by size_of() and prepares, and call(), which does the work
 * once. */
#ifndef BENCH_WORKER_H
#define BENCH_WORKER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *load(const char *kind, const char *sizes); /* NULL, or why it can't */
static void call(void);
static void set_threads(int n);

static double now(void) {
  struct timespec t;
  clock_gettime(getenv("BENCH_PROCESSOR_TIME") ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The number of "key": in the sizes, or `otherwise`. */
static inline long size_of(const char *sizes, const char *key, long otherwise) {
  char quoted[64];
  snprintf(quoted, sizeof quoted, "\"%s\": ", key);
  const char *at = strstr(sizes, quoted);
  return at ? atol(at + strlen(quoted)) : otherwise;
}

static inline void *numbers(size_t bytes) {
  float *p = aligned_alloc(64, (bytes + 63) / 64 * 64);
  if (!p) exit(1);
  for (size_t i = 0; i < bytes / sizeof *p; i++) p[i] = (float)(i % 97) / 97;
  return p;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median_time(double seconds) {
  enum { MOST = 1000 };
  static double sample[MOST];
  double start = now();
  call();
  double once = now() - start, begin = now();
  long group = once > 50e-6 ? 1 : (long)(50e-6 / (once > 1e-8 ? once : 1e-8));
  int n = 0;
  while (n < 5 || (n < MOST && now() - begin < seconds)) {
    start = now();
    for (long i = 0; i < group; i++) call();
    sample[n++] = (now() - start) / (double)group;
  }
  qsort(sample, (size_t)n, sizeof *sample, ascending);
  return sample[n / 2];
}

int main(void) {
  static char line[4096];
  while (fgets(line, sizeof line, stdin)) {
    char word[64] = "", kind[64] = "";
    sscanf(line, "%63s %63s", word, kind);
    if (!strcmp(word, "threads")) {
      set_threads(atoi(kind));
      puts("ok");
    } else if (!strcmp(word, "load")) {
      const char *why = load(kind, line);
      for (int i = 0; !why && i < 3; i++) call();
      printf(why ? "no %s\n" : "ok\n", why);
    } else if (!strcmp(word, "time")) {
      printf("%.12g\n", median_time(atof(kind)));
    }
    fflush(stdout);
  }
  return 0;
}

#endif
