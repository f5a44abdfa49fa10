/* gradc_rt.h: the little a compiled program asks of its host: somebody to share the work with. */
#ifndef GRADC_RT_H
#define GRADC_RT_H

#include <stdint.h>

typedef struct GradcRt GradcRt;
/* Does iterations lo <= i < hi of a kernel. worker < threads says whose per-worker memory to use.
 */
typedef void (*GradcTask)(void *const *bufs, int64_t lo, int64_t hi, int64_t worker);

struct GradcRt {
  /* Runs task over 0..n in pieces of `grain` iterations, on all workers, the caller among them;
   * returns when all are done. Which worker does which piece never changes a result. */
  void (*parallel)(GradcRt *rt, GradcTask task, void *const *bufs, int64_t n, int64_t grain);
  int32_t threads;
};

/* pool.c: a pool of threads-1 sleeping workers; threads <= 1 or NULL: everything in the caller. */
GradcRt *gradc_rt_new(int threads);
void gradc_rt_free(GradcRt *rt);
int gradc_rt_cores(void); /* processors this process may use */

#endif
