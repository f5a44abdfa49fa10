/* host_server.c: a server of eight threads: each with a context of its own, compiling and calling;
 * and all on one compiled function with workspaces of their own. Every answer is compared with the
 * one that a single thread gives.
 *
 *   host_server [ROUNDS [reference]] */
#include <gradc.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 8, N = 37, WIDTH = 16 };
static int rounds = 5, reference;
static const char program[] =
    "param W: f32[16, 16] ~ he()\n"
    "fn energy(x: f32[N, 16]) = mean(tanh(x @ W)**2) + logsumexp(sum(x, axis: 1))\n"
    "fn wrong(x: f32[N]) = x + y\n";

typedef struct Answer {
  float value, gradient[N * WIDTH];
} Answer;

typedef struct Client {
  int number, bad;
  gradc_function *shared; /* NULL: a context of its own */
  const Answer *want;
} Client;

static void request(int number, float *x) {
  unsigned seed = (unsigned)number + 1;
  for (int i = 0; i < N * WIDTH; i++) {
    seed = seed * 1664525u + 1013904223u;
    x[i] = (float)(seed >> 8) / 8388608.0f - 1.0f;
  }
}

static gradc_function *open_function(gradc_context *gc) {
  gradc_function *open = NULL, *f = NULL;
  const char *const size[] = {"N"};
  const int64_t n[] = {N};
  gradc_set_reference(gc, reference);
  gradc_set_cache(gc, 0);
  if (gradc_declare(gc, "server", program) || gradc_params_init(gc, 7)) return NULL;
  if (gradc_find(gc, "value_and_grad(energy, wrt: x)", &open)) return NULL;
  if (gradc_specialize(open, size, n, 1, &f) || gradc_compile(f)) return NULL;
  return f;
}

static gradc_status answered(gradc_function *f, int number, Answer *a, void *workspace,
                             size_t bytes) {
  float x[N * WIDTH];
  const void *args[] = {x};
  void *results[] = {&a->value, a->gradient};
  request(number, x);
  if (!workspace) return gradc_call(f, args, results);
  return gradc_call_in(f, args, results, workspace, bytes);
}

/* Compiles, asks, makes a mistake, asks again. */
static int with_own(Client *c) {
  for (int i = 0; i < rounds; i++) {
    Answer a;
    gradc_context *gc;
    gradc_function *f;
    int bad = 0;
    if (gradc_new(&gc)) return 1;
    f = open_function(gc);
    if (!f || answered(f, c->number, &a, NULL, 0) || memcmp(&a, c->want, sizeof a)) bad = 1;
    if (gradc_find(gc, "wrong", &f) != GRADC_SOURCE || !strstr(gradc_message(gc), "`y`")) bad = 1;
    gradc_free(gc);
    if (bad) return 1;
  }
  return 0;
}

static int with_shared(Client *c) {
  size_t bytes = gradc_workspace(c->shared);
  void *workspace = aligned_alloc(64, (bytes / 64 + 1) * 64);
  int bad = !workspace;
  for (int i = 0; i < 100 * rounds && !bad; i++) {
    Answer a;
    bad = answered(c->shared, c->number, &a, workspace, bytes) || memcmp(&a, c->want, sizeof a);
  }
  free(workspace);
  return bad;
}

static void *serve(void *arg) {
  Client *c = arg;
  c->bad = c->shared ? with_shared(c) : with_own(c);
  return NULL;
}

static int run(const Client *all) {
  Client c[THREADS];
  pthread_t thread[THREADS];
  int bad = 0;
  memcpy(c, all, sizeof c);
  for (int i = 0; i < THREADS; i++)
    if (pthread_create(&thread[i], NULL, serve, &c[i])) exit(9);
  for (int i = 0; i < THREADS; i++) {
    pthread_join(thread[i], NULL);
    bad += c[i].bad;
  }
  return bad;
}

int main(int argc, char **argv) {
  static Answer want[THREADS];
  Client client[THREADS];
  gradc_context *gc;
  if (argc > 1) rounds = atoi(argv[1]);
  reference = argc > 2;
  if (gradc_new(&gc)) return 2;
  gradc_function *f = open_function(gc);
  if (!f) return printf("%s\n", gradc_message(gc)), 1;
  for (int i = 0; i < THREADS; i++) {
    if (answered(f, i, &want[i], NULL, 0)) return printf("%s\n", gradc_message(gc)), 1;
    client[i] = (Client){.number = i, .want = &want[i]};
  }
  int own = run(client), shared = 0;
  for (int i = 0; i < THREADS; i++) client[i].shared = f;
  if (!reference) shared = run(client);
  printf("own contexts: %d of %d wrong; one function: %d wrong\n", own, THREADS, shared);
  gradc_free(gc);
  return own + shared;
}
