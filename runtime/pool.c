/* pool.c: threads for compiled programs. threads-1 workers wait until a kernel has iterations to
 * share. Everybody begins with a part of his own, the same in every kernel, so that what he wrote
 * is found in his own cache, and goes on with what is left of the others': a worker that lost its
 * processor holds up nobody. Who does which piece changes no result.
 *
 * A job is opened and closed in one word, together with the number of workers inside, so nobody
 * takes a lock while everybody is awake: a worker enters by raising that number while the job is
 * open, and what a job consists of changes only while none is inside. Whoever waits spins for some
 * microseconds, which is how long the kernels between two shared ones take, and sleeps then: a
 * processor that others want, or that a descheduled worker could run on, is not kept busy. To be
 * woken takes as long as many kernels, so who slept and would have been called soon spins longer
 * from then on, and who slept long spins less. */
#define _GNU_SOURCE 1 /* sched_getaffinity */
#include "gradc_rt.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SPIN_LEAST_NS = 30000, SPIN_MOST_NS = 200000, LINE = 64, MAX_THREADS = 256 };

typedef struct Job {
  GradcTask task;
  void *const *bufs;
  int64_t grain;
} Job;

typedef struct Part {                  /* of the iterations: one worker's own */
  _Alignas(LINE) _Atomic int64_t next; /* the first that nobody has taken */
  int64_t end;
} Part;

typedef struct Worker {
  struct Pool *pool;
  pthread_t thread;
  int32_t number;
  int64_t patience; /* how long it spins, in nanoseconds */
} Worker;

/* The words that change while kernels run lie in cache lines of their own. */
typedef struct Pool {
  GradcRt rt; /* first: a GradcRt * is a Pool * */
  Job job;    /* changes only while no worker is inside */
  Worker *worker;
  Part *part; /* of the caller, then of the workers */
  int32_t nworkers;
  int64_t patience;                      /* the caller's */
  _Alignas(LINE) _Atomic uint64_t state; /* turn << 32 | OPEN | workers inside */
  _Alignas(LINE) _Atomic int32_t asleep; /* workers that wait for `wake` */
  _Atomic bool waiting;                  /* the caller waits for `done` */
  _Atomic bool quit;
  pthread_mutex_t lock; /* of going to sleep and being woken */
  pthread_cond_t wake, done;
} Pool;

#define OPEN ((uint64_t)1 << 31)
static uint32_t turn_of(uint64_t state) { return (uint32_t)(state >> 32); }
static uint64_t inside(uint64_t state) { return state & (OPEN - 1); }

static void take_pieces(Pool *p, int64_t worker) {
  const Job *j = &p->job;
  for (int32_t i = 0; i <= p->nworkers; i++) {
    Part *from = &p->part[(worker + i) % (p->nworkers + 1)];
    for (;;) {
      int64_t lo = atomic_load_explicit(&from->next, memory_order_relaxed);
      if (lo >= from->end) break;
      lo = atomic_fetch_add_explicit(&from->next, j->grain, memory_order_relaxed);
      if (lo >= from->end) break;
      j->task(j->bufs, lo, lo + j->grain < from->end ? lo + j->grain : from->end, worker);
    }
  }
}

/* Equal numbers of whole pieces. */
static void share_out(Pool *p, int64_t n, int64_t grain) {
  int64_t pieces = (n + grain - 1) / grain, from = 0;
  for (int32_t i = 0; i <= p->nworkers; i++) {
    int64_t to = pieces * (i + 1) / (p->nworkers + 1) * grain;
    atomic_store_explicit(&p->part[i].next, from, memory_order_relaxed);
    p->part[i].end = from = to < n ? to : n;
  }
}

/* ---- waiting ---- */
static int64_t nanoseconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void rest(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* Looks for so long whether it has come; true when it has. *since: when that began, where it
 * hasn't.
 */
static bool spin(Pool *p, bool (*come)(Pool *p, uint32_t seen), uint32_t seen, int64_t patience,
                 int64_t *since) {
  int64_t until = 0;
  for (;;) {
    for (int i = 0; i < 32; i++) {
      if (come(p, seen)) return true;
      rest();
    }
    int64_t now = nanoseconds();
    if (!until) *since = now, until = now + patience;
    if (now >= until) return false;
  }
}

/* After a sleep: how long to spin next time. */
static int64_t patience_after(int64_t patience, int64_t since) {
  int64_t waited = nanoseconds() - since;
  if (waited < SPIN_MOST_NS) return 2 * waited < SPIN_MOST_NS ? 2 * waited : SPIN_MOST_NS;
  return patience / 2 > SPIN_LEAST_NS ? patience / 2 : SPIN_LEAST_NS;
}

static bool work_came(Pool *p, uint32_t seen) {
  uint64_t s = atomic_load(&p->state);
  return ((s & OPEN) && turn_of(s) != seen) || atomic_load(&p->quit);
}

static bool all_left(Pool *p, uint32_t seen) {
  (void)seen;
  return inside(atomic_load(&p->state)) == 0;
}

/* ---- workers ---- */
/* Enters the next job after `seen`; false: the pool ends. */
static bool enter(Worker *w, uint32_t *seen) {
  Pool *p = w->pool;
  int64_t since;
  for (;;) {
    if (!spin(p, work_came, *seen, w->patience, &since)) {
      pthread_mutex_lock(&p->lock);
      atomic_fetch_add(&p->asleep,
                       1); /* before the last look: the caller looks here after opening */
      while (!work_came(p, *seen)) pthread_cond_wait(&p->wake, &p->lock);
      atomic_fetch_sub(&p->asleep, 1);
      pthread_mutex_unlock(&p->lock);
      w->patience = patience_after(w->patience, since);
    }
    if (atomic_load(&p->quit)) return false;
    uint64_t s = atomic_load(&p->state);
    while ((s & OPEN) && turn_of(s) != *seen)
      if (atomic_compare_exchange_weak(&p->state, &s, s + 1)) {
        *seen = turn_of(s);
        return true;
      }
  }
}

static void leave(Pool *p) {
  uint64_t s = atomic_fetch_sub(&p->state, 1);
  if (inside(s) != 1 || (s & OPEN) || !atomic_load(&p->waiting)) return;
  pthread_mutex_lock(&p->lock);
  pthread_cond_signal(&p->done);
  pthread_mutex_unlock(&p->lock);
}

static void *work(void *arg) {
  Worker *w = arg;
  uint32_t seen = 0;
  while (enter(w, &seen)) {
    take_pieces(w->pool, w->number);
    leave(w->pool);
  }
  return NULL;
}

/* ---- the caller ---- */
static void open_job(Pool *p) {
  uint64_t turn = (uint64_t)turn_of(atomic_load(&p->state)) + 1;
  atomic_store(&p->state, turn << 32 | OPEN);
  if (!atomic_load(&p->asleep)) return;
  pthread_mutex_lock(&p->lock);
  pthread_cond_broadcast(&p->wake);
  pthread_mutex_unlock(&p->lock);
}

/* Nothing is left to take: only those still inside are waited for. */
static void close_job(Pool *p) {
  int64_t since;
  if (inside(atomic_fetch_and(&p->state, ~OPEN)) == 0 || spin(p, all_left, 0, p->patience, &since))
    return;
  pthread_mutex_lock(&p->lock);
  atomic_store(&p->waiting, true); /* before the last look: the last one inside looks here after */
  while (!all_left(p, 0)) pthread_cond_wait(&p->done, &p->lock);
  atomic_store(&p->waiting, false);
  pthread_mutex_unlock(&p->lock);
  p->patience = patience_after(p->patience, since);
}

static void parallel(GradcRt *rt, GradcTask task, void *const *bufs, int64_t n, int64_t grain) {
  Pool *p = (Pool *)rt;
  if (grain < 1) grain = 1;
  if (p->nworkers == 0 || n <= grain) {
    task(bufs, 0, n, 0);
    return;
  }
  p->job = (Job){task, bufs, grain};
  share_out(p, n, grain);
  open_job(p);
  take_pieces(p, 0);
  close_job(p);
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
  Pool *p = aligned_alloc(LINE, sizeof *p);
  if (!p) return NULL;
  memset(p, 0, sizeof *p);
  p->rt.parallel = parallel;
  p->patience = SPIN_LEAST_NS;
  p->worker = calloc((size_t)threads, sizeof *p->worker);
  p->part = aligned_alloc(LINE, sizeof *p->part * (size_t)threads);
  if (!p->worker || !p->part) {
    free(p->worker);
    free(p->part);
    free(p);
    return NULL;
  }
  pthread_mutex_init(&p->lock, NULL);
  pthread_cond_init(&p->wake, NULL);
  pthread_cond_init(&p->done, NULL);
  for (int i = 0; i < threads - 1; i++) {
    Worker *w = &p->worker[i];
    *w = (Worker){.pool = p, .number = i + 1, .patience = SPIN_LEAST_NS};
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
  atomic_store(&p->quit, true);
  pthread_cond_broadcast(&p->wake);
  pthread_mutex_unlock(&p->lock);
  for (int i = 0; i < p->nworkers; i++) pthread_join(p->worker[i].thread, NULL);
  pthread_mutex_destroy(&p->lock);
  pthread_cond_destroy(&p->wake);
  pthread_cond_destroy(&p->done);
  free(p->worker);
  free(p->part);
  free(p);
}
