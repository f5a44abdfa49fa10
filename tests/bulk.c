/* bulk.c: very many random programs, by several processes, with a log that is also the record of
 * what was done: run again with the same log it goes on where it was ended. The seed of a program
 * chooses its kind. Lines of the log:
 *
 *   done FIRST LAST FAILURES      all seeds of a piece were run
 *   ---- ...                      a failure, and its report
 *
 * A crash and a program that never ends are failures as well; the rest of the piece goes on. */
#define _GNU_SOURCE 1 /* MAP_ANONYMOUS */
#include "random_program.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 64, MOST_WORKERS = 64, MOST_SECONDS = 120 };

typedef struct Slot { /* of one worker: where it is */
  long at, end;       /* at == end: it needs a piece */
  long first;         /* of the piece */
  int failures;       /* in the piece */
} Slot;

typedef struct Shared {
  atomic_long next, programs, failures;
  Slot slot[MOST_WORKERS];
} Shared;

typedef struct Bulk {
  long first, count;
  int workers, kind, log;
  bool *done; /* pieces */
  Shared *shared;
} Bulk;

static long pieces(const Bulk *b) { return (b->count + PIECE - 1) / PIECE; }

/* One write each: several processes append to the log. */
static void log_text(int log, const char *text) {
  size_t n = strlen(text);
  if (write(log, text, n) != (ssize_t)n) _exit(3);
}

/* ---- a worker ---- */
static Slot *own; /* the worker's, for its signals */
static int own_log;
static const char *own_kind = "";

static void on_signal(int number) {
  char text[160];
  snprintf(text, sizeof text, "---- %s, seed %ld: %s\n", own_kind, own->at,
           number == SIGPROF ? "doesn't end" : "crash");
  log_text(own_log, text);
  _exit(100);
}

static void watch(void) { /* the time starts anew with each program */
  struct itimerval t = {.it_value = {.tv_sec = MOST_SECONDS}};
  setitimer(ITIMER_PROF, &t, NULL);
}

static bool take_piece(Bulk *b, Slot *s) {
  long n;
  do n = atomic_fetch_add(&b->shared->next, 1);
  while (n < pieces(b) && b->done[n]);
  if (n >= pieces(b)) return false;
  s->first = s->at = b->first + n * PIECE;
  s->end = MIN(s->at + PIECE, b->first + b->count);
  s->failures = 0;
  return true;
}

static void work(Bulk *b, Slot *s) {
  static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGPROF};
  RandomDesk desk = {0};
  own = s, own_log = b->log;
  mallopt(M_TRIM_THRESHOLD, 1 << 30), mallopt(M_TOP_PAD, 32 << 20); /* memory is kept */
  for (int i = 0; i < COUNT_OF(fatal); i++) signal(fatal[i], on_signal);
  for (;;) {
    for (; s->at < s->end; s->at++) {
      uint64_t seed = (uint64_t)s->at;
      int kind = b->kind < 0 ? random_kind_of(seed) : b->kind;
      own_kind = random_kind[kind].name;
      watch();
      const char *wrong = random_program(&desk, kind, seed, seed % 64 == 5);
      atomic_fetch_add(&b->shared->programs, 1);
      if (!wrong) continue;
      log_text(b->log, wrong);
      s->failures++;
      atomic_fetch_add(&b->shared->failures, 1);
      random_desk_clear(&desk);
    }
    if (s->end) {
      char text[100];
      snprintf(text, sizeof text, "done %ld %ld %d\n", s->first, s->end - 1, s->failures);
      log_text(b->log, text);
    }
    if (!take_piece(b, s)) break;
  }
  random_desk_clear(&desk);
}

/* ---- the parent ---- */
static void start_worker(Bulk *b, int i, pid_t *pid) {
  pid[i] = fork();
  if (pid[i]) return;
  work(b, &b->shared->slot[i]);
  _exit(0);
}

/* A worker that died left its program behind: a failure; another one goes on. */
static void one_ended(Bulk *b, int i, int status, pid_t *pid) {
  Slot *s = &b->shared->slot[i];
  pid[i] = 0;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  if (!(WIFEXITED(status) && WEXITSTATUS(status) == 100)) { /* it couldn't say so itself */
    char text[100];
    snprintf(text, sizeof text, "---- seed %ld: the process ended, status %d\n", s->at, status);
    log_text(b->log, text);
  }
  s->at++, s->failures++;
  atomic_fetch_add(&b->shared->programs, 1);
  atomic_fetch_add(&b->shared->failures, 1);
  if (s->at <= s->end) start_worker(b, i, pid); /* else it died behind its last program */
}

static void progress(const Bulk *b, double seconds) {
  long n = atomic_load(&b->shared->programs);
  fprintf(stderr, "%ld programs, %ld failures, %.1f a second\n", n,
          atomic_load(&b->shared->failures), (double)n / seconds);
}

static double seconds_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void run_all(Bulk *b) {
  pid_t pid[MOST_WORKERS] = {0};
  double start = seconds_now(), said = start;
  for (int i = 0; i < b->workers; i++) start_worker(b, i, pid);
  for (int running = b->workers; running;) {
    int status;
    pid_t ended = waitpid(-1, &status, WNOHANG);
    if (ended <= 0) {
      nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
      if (seconds_now() - said > 20) progress(b, seconds_now() - start), said = seconds_now();
      continue;
    }
    for (int i = 0; i < b->workers; i++) {
      if (pid[i] != ended) continue;
      one_ended(b, i, status, pid);
      running -= !pid[i];
    }
  }
  progress(b, seconds_now() - start);
}

/* What earlier runs with this log did of the same pieces. Returns their failures. */
static long read_log(Bulk *b, const char *path) {
  char *line = NULL;
  size_t room = 0;
  long failures = 0;
  FILE *f = fopen(path, "r");
  while (f && getline(&line, &room, f) > 0) {
    long lo, hi, bad;
    if (sscanf(line, "done %ld %ld %ld", &lo, &hi, &bad) != 3) continue;
    long n = (lo - b->first) / PIECE;
    if (lo < b->first || (lo - b->first) % PIECE || n >= pieces(b) || b->done[n]) continue;
    b->done[n] = true;
    failures += bad;
    atomic_fetch_add(&b->shared->programs, hi - lo + 1);
  }
  free(line);
  if (f) fclose(f);
  return failures;
}

static int kind_named(const char *name) {
  for (int i = 0; i < random_kinds(); i++)
    if (!strcmp(name, random_kind[i].name)) return i;
  return -1;
}

int source_main(int argc, char **argv) {
  int kind = argc > 1 ? kind_named(argv[1]) : -1;
  if (argc < 1 || kind < 0 || random_kind[kind].gen.size) return 2;
  Cx *cx = cx_new();
  Rng r = rng_at((uint64_t)strtol(argv[0], NULL, 10));
  fputs(gen_text(cx, &r, &random_kind[kind].gen), stdout);
  cx_free(cx);
  return 0;
}

int bulk_main(int argc, char **argv) {
  Bulk b = {.first = argc > 0 ? strtol(argv[0], NULL, 10) : 1,
            .count = argc > 1 ? strtol(argv[1], NULL, 10) : 1,
            .workers = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 1,
            .kind = argc > 4 ? kind_named(argv[4]) : -1,
            .log = 2};
  b.workers = MAX(1, MIN(b.workers, MOST_WORKERS));
  b.done = calloc((size_t)pieces(&b) + 1, sizeof *b.done);
  b.shared =
      mmap(NULL, sizeof *b.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (!b.done || b.shared == MAP_FAILED || b.first < 0 || b.count < 1) return 2;
  if (argc > 3) {
    atomic_fetch_add(&b.shared->failures, read_log(&b, argv[3]));
    b.log = open(argv[3], O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (b.log < 0) return fprintf(stderr, "%s: %s\n", argv[3], strerror(errno)), 2;
  }
  run_all(&b);
  return atomic_load(&b.shared->failures) != 0;
}
