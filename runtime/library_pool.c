/* library_pool.c: the threads of a native library that was built with --threads: compiled beside
 * it, behind pool.c and with names of its own (GRADC_POOL, GRADC_THREADS), for GRADC_MOST threads
 * at most. The pool is made at the first call that has work to share. One call at a time has it;
 * what runs beside that does its work alone, which gives the same results. */
#include "gradc_rt.h"

#include <pthread.h>
#include <stddef.h>

typedef struct Shared {
  GradcRt rt; /* first: a GradcRt * is a Shared * */
  pthread_mutex_t busy;
  GradcRt *pool; /* NULL: none yet */
  int threads;   /* it will have */
} Shared;

static void share(GradcRt *rt, GradcTask task, void *const *bufs, int64_t n, int64_t grain) {
  Shared *s = (Shared *)rt;
  if (n <= grain || pthread_mutex_trylock(&s->busy)) {
    task(bufs, 0, n, 0);
    return;
  }
  if (!s->pool) s->pool = gradc_rt_new(s->threads);
  if (s->pool) s->pool->parallel(s->pool, task, bufs, n, grain);
  else task(bufs, 0, n, 0);
  pthread_mutex_unlock(&s->busy);
}

static Shared shared = {{share, GRADC_MOST}, PTHREAD_MUTEX_INITIALIZER, NULL, GRADC_MOST};

GradcRt *GRADC_POOL(void);
GradcRt *GRADC_POOL(void) { return &shared.rt; }

/* At most so many threads from now on; 0: as many as there are processors. Returns how many. */
__attribute__((visibility("default"))) int GRADC_THREADS(int n);
int GRADC_THREADS(int n) {
  if (n <= 0) n = gradc_rt_cores();
  if (n > GRADC_MOST) n = GRADC_MOST;
  pthread_mutex_lock(&shared.busy);
  if (shared.threads != n) {
    gradc_rt_free(shared.pool);
    shared.pool = NULL;
    shared.threads = n;
  }
  pthread_mutex_unlock(&shared.busy);
  return n;
}

/* A child has none of the threads: it forgets them. */
static void after_fork(void) {
  shared.pool = NULL;
  pthread_mutex_init(&shared.busy, NULL);
}

__attribute__((constructor)) static void begin(void) { pthread_atfork(NULL, NULL, after_fork); }
__attribute__((destructor)) static void end(void) {
  gradc_rt_free(shared.pool);
  shared.pool = NULL;
}
