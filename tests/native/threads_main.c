/* threads_main.c: a library built with --threads beside the same program built without (prefixes
 * `four` and `one`): the same bits whatever the number of threads and sizes, from several threads
 * at once, in a child process. With an argument, also that its threads are there (Linux). */
#include "four.h"
#include "one.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 700, WIDTH = 256 };
static one_params params;
static float x[MOST * WIDTH];

static void fill(float *p, size_t n, unsigned seed) {
  for (size_t i = 0; i < n; i++) {
    seed = seed * 1664525u + 1013904223u;
    p[i] = ((float)(seed >> 8) / 16777216.0f - 0.5f) / 8;
  }
}

static void *room(size_t n) {
  void *p = aligned_alloc(64, (n + 63) / 64 * 64 + 64);
  if (!p) exit(9);
  return p;
}

static int gradients_agree(int64_t n) {
  float value[2];
  one_params *g = room(2 * sizeof *g);
  size_t a = one_loss_grad_workspace(n), b = four_loss_grad_workspace(n);
  void *wa = room(a), *wb = room(b);
  memset(g, 0xFF, 2 * sizeof *g);
  int s = one_loss_grad(n, &params, x, &g[0], &value[0], wa, a);
  if (!s) s = four_loss_grad(n, (four_params *)&params, x, (four_params *)&g[1], &value[1], wb, b);
  int same = !s && !memcmp(&g[0], &g[1], sizeof *g) && !memcmp(&value[0], &value[1], sizeof *value);
  free(g), free(wa), free(wb);
  return same;
}

static int steps_agree(int64_t n) {
  one_params *p = room(6 * sizeof *p);
  float loss[2];
  size_t a = one_loss_adam_step_workspace(n), b = four_loss_adam_step_workspace(n);
  void *wa = room(a), *wb = room(b);
  memset(p, 0, 6 * sizeof *p);
  p[0] = p[3] = params;
  int s = 0;
  for (int t = 1; t <= 3 && !s; t++) {
    s = one_loss_adam_step(n, &p[0], &p[1], &p[2], x, 0.01, t, &loss[0], wa, a);
    four_params *q = (four_params *)&p[3];
    if (!s) s = four_loss_adam_step(n, q, q + 1, q + 2, x, 0.01, t, &loss[1], wb, b);
  }
  int same = !s && !memcmp(p, p + 3, 3 * sizeof *p) && !memcmp(&loss[0], &loss[1], sizeof *loss);
  free(p), free(wa), free(wb);
  return same;
}

static void *many(void *good) {
  static const int64_t n[] = {1, 7, 64, 333, MOST};
  for (int r = 0; r < 3; r++)
    for (int i = 0; i < 5; i++)
      if (!gradients_agree(n[i])) *(int *)good = 0;
  return NULL;
}

static int threads_there(void) {
  int n = 0;
  DIR *d = opendir("/proc/self/task");
  for (struct dirent *e; d && (e = readdir(d));) n += *e->d_name != '.';
  if (d) closedir(d);
  return n;
}

int main(int argc, char **argv) {
  (void)argv;
  fill((float *)&params, sizeof params / sizeof(float), 1);
  fill(x, MOST * WIDTH, 2);
  static const int threads[] = {4, 1, 2, 3, 100};
  for (int i = 0; i < 5; i++) {
    int n = four_threads(threads[i]);
    if (n != (threads[i] < 4 ? threads[i] : 4))
      return printf("%d threads are %d\n", threads[i], n), 1;
    if (!gradients_agree(MOST) || !gradients_agree(65) || !steps_agree(MOST))
      return printf("with %d threads the bits differ\n", n), 1;
    if (argc > 1 && threads_there() != n)
      return printf("%d threads for %d\n", threads_there(), n), 1;
  }
  if (four_threads(0) < 1) return puts("no processor"), 1;
  four_threads(4);
  int good[3] = {1, 1, 1};
  pthread_t t[3];
  for (int i = 0; i < 3; i++)
    if (pthread_create(&t[i], NULL, many, &good[i])) return 9;
  for (int i = 0; i < 3; i++) pthread_join(t[i], NULL);
  if (!good[0] || !good[1] || !good[2]) return puts("calls at the same time disturb each other"), 1;
  pid_t child = fork();
  if (child == 0) _exit(gradients_agree(MOST) ? 0 : 1);
  int state;
  if (waitpid(child, &state, 0) != child || state) return puts("a child process fails"), 1;
  puts("the same bits");
  return 0;
}
