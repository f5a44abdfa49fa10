/* pool.c: threads for compiled programs. threads-1 workers sleep until a kernel has iterations to
 * share. Pieces are taken from a common counter, so that a worker that lost its processor holds up
 * nobody: the others take what it would have taken. Who does which piece changes no result. */
#define _GNU_SOURCE 1 /* sched_getaffinity */
#include "gradc_rt.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

enum { SPINS = 2000, MAX_THREADS = 256 }; /* spinning some microseconds before sleeping */

typedef struct Job {
  GradcTask task;
  void *const *bufs;
  int64_t n, grain;
} Job;

typedef struct Pool {
  GradcRt rt; /* first: a GradcRt * is a Pool * */
  pthread_mutex_t lock;
  pthread_cond_t wake, done;
  Job job;
  _Atomic int64_t next;  /* first iteration nobody has taken */
  _Atomic uint32_t turn; /* counts jobs */
  _Atomic int32_t open;  /* a job may be joined */
  int32_t inside;        /* workers in the current job, under the lock */
  bool quit;
  int32_t nworkers;
  struct Worker {
    struct Pool *pool;
    pthread_t thread;
    int32_t number;
  } worker[];
} Pool;

static void take_pieces(Pool *p, const Job *j, int64_t worker) {
  for (;;) {
    int64_t lo = atomic_fetch_add_explicit(&p->next, j->grain, memory_order_relaxed);
    if (lo >= j->n) return;
    int64_t hi = lo + j->grain < j->n ? lo + j->grain : j->n;
    j->task(j->bufs, lo, hi, worker);
  }
}

/* Waits for a job after `seen`; false: the pool ends. On return the worker is counted inside. */
static bool join_job(Pool *p, uint32_t *seen, Job *j) {
  for (int i = 0; i < SPINS && atomic_load_explicit(&p->turn, memory_order_acquire) == *seen; i++)
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#else
    sched_yield();
#endif
  pthread_mutex_lock(&p->lock);
  while (!p->quit && (atomic_load(&p->turn) == *seen || !atomic_load(&p->open))) {
    *seen = atomic_load(&p->turn);
    pthread_cond_wait(&p->wake, &p->lock);
  }
  bool go = !p->quit;
  if (go) {
    *seen = atomic_load(&p->turn);
    *j = p->job;
    p->inside++;
  }
  pthread_mutex_unlock(&p->lock);
  return go;
}

static void *work(void *arg) {
  struct Worker *w = arg;
  Pool *p = w->pool;
  uint32_t seen = 0;
  Job j;
  while (join_job(p, &seen, &j)) {
    take_pieces(p, &j, w->number);
    pthread_mutex_lock(&p->lock);
    if (--p->inside == 0) pthread_cond_signal(&p->done);
    pthread_mutex_unlock(&p->lock);
  }
  return NULL;
}

static void parallel(GradcRt *rt, GradcTask task, void *const *bufs, int64_t n, int64_t grain) {
  Pool *p = (Pool *)rt;
  if (grain < 1) grain = 1;
  if (p->nworkers == 0 || n <= grain) {
    task(bufs, 0, n, 0);
    return;
  }
  pthread_mutex_lock(&p->lock);
  p->job = (Job){task, bufs, n, grain};
  atomic_store(&p->next, 0);
  atomic_store(&p->open, 1);
  atomic_fetch_add_explicit(&p->turn, 1, memory_order_release);
  pthread_cond_broadcast(&p->wake);
  pthread_mutex_unlock(&p->lock);
  Job j = p->job;
  take_pieces(p, &j, 0);
  pthread_mutex_lock(&p->lock); /* nothing is left to take: only wait for those still inside */
  atomic_store(&p->open, 0);
  while (p->inside) pthread_cond_wait(&p->done, &p->lock);
  pthread_mutex_unlock(&p->lock);
}

int gradc_rt_cores(void) {
#ifdef __linux__
  cpu_set_t set;
  CPU_ZERO(&set);
  if (!sched_getaffinity(0, sizeof set, &set)) return CPU_COUNT(&set);
#endif
  long n = sysconf(_SC_NPROCESSORS_ONLN);
  return n < 1 ? 1 : n > MAX_THREADS ? MAX_THREADS : (int)n;
}

GradcRt *gradc_rt_new(int threads) {
  if (threads < 1) threads = 1;
  if (threads > MAX_THREADS) threads = MAX_THREADS;
  Pool *p = calloc(1, sizeof *p + (size_t)threads * sizeof p->worker[0]);
  if (!p) return NULL;
  p->rt.parallel = parallel;
  pthread_mutex_init(&p->lock, NULL);
  pthread_cond_init(&p->wake, NULL);
  pthread_cond_init(&p->done, NULL);
  for (int i = 0; i < threads - 1; i++) {
    struct Worker *w = &p->worker[i];
    *w = (struct Worker){.pool = p, .number = i + 1};
    if (pthread_create(&w->thread, NULL, work, w)) break; /* fewer threads, same results */
    p->nworkers++;
  }
  p->rt.threads = p->nworkers + 1;
  return &p->rt;
}

void gradc_rt_free(GradcRt *rt) {
  Pool *p = (Pool *)rt;
  if (!p) return;
  pthread_mutex_lock(&p->lock);
  p->quit = true;
  pthread_cond_broadcast(&p->wake);
  pthread_mutex_unlock(&p->lock);
  for (int i = 0; i < p->nworkers; i++) pthread_join(p->worker[i].thread, NULL);
  pthread_mutex_destroy(&p->lock);
  pthread_cond_destroy(&p->wake);
  pthread_cond_destroy(&p->done);
  free(p);
}
