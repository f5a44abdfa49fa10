/* logistic_main.c: calls every kind of function of examples/logistic.nn, built with --step adam,
 * and prints the bits of all results: the same program whatever the functions were made by. */
#include "logistic.h"

#include <stdio.h>
#include <string.h>

enum { MOST = 70 };

static union {
  double align[8];
  unsigned char bytes[1 << 16];
} room;

static void *workspace(void) { return (void *)(((uintptr_t)room.bytes + 63) / 64 * 64); }
static size_t space(void) { return sizeof room - 64; }

static void show(const char *what, const void *bits, size_t n) {
  uint32_t sum = 2166136261u, word;
  for (size_t i = 0; i + 4 <= n; i += 4) {
    memcpy(&word, (const char *)bits + i, 4);
    sum = (sum ^ word) * 16777619u;
  }
  printf("%s %08lx\n", what, (unsigned long)sum);
}

static uint32_t seed = 7;
static void fill(float *a, size_t n) {
  for (size_t i = 0; i < n; i++) {
    seed = seed * 1664525u + 1013904223u;
    a[i] = (float)(seed >> 8) / 8388608.0f - 1.0f;
  }
}

static int run(int64_t n) {
  static float x[MOST * 4], y[MOST], result[MOST];
  static logistic_params p, g, m, v;
  float value = 0;
  int status = 0;
  fill(x, 4 * (size_t)n);
  fill(y, (size_t)n);
  for (int64_t i = 0; i < n; i++) y[i] = y[i] > 0;
  fill((float *)&p, sizeof p / 4);
  memset(&m, 0, sizeof m);
  memset(&v, 0, sizeof v);
  status |= logistic_probability(n, &p, x, result, workspace(), space());
  show("probability", result, 4 * (size_t)n);
  status |= logistic_loss(n, &p, x, y, &value, workspace(), space());
  show("loss", &value, 4);
  status |= logistic_loss_grad(n, &p, x, y, &g, &value, workspace(), space());
  show("gradient", &g, sizeof g);
  for (int t = 1; t <= 3; t++)
    status |= logistic_loss_adam_step(n, &p, &m, &v, x, y, 0.01, t, &value, workspace(), space());
  show("parameters", &p, sizeof p);
  show("moments", &v, sizeof v);
  printf("workspace %lu\n", (unsigned long)logistic_loss_grad_workspace(n));
  return status;
}

int main(void) {
  static float x[4], y[1], value;
  static logistic_params p, g;
  int status = 0;
  for (int i = 0; i < LOGISTIC_PARAMS; i++)
    printf("%s %s %d %ld at %lu, %lu bytes\n", logistic_param_table[i].name,
           logistic_param_table[i].dtype, (int)logistic_param_table[i].rank,
           (long)logistic_param_table[i].shape[0], (unsigned long)logistic_param_table[i].offset,
           (unsigned long)logistic_param_table[i].bytes);
  for (int64_t n = 1; n <= MOST; n += n < 20 ? 1 : 25) status |= run(n);
  printf("%s\n", logistic_strerror(status));
  for (int i = -1; i < 7; i++) printf("%s\n", logistic_strerror(i));
  printf("%d", logistic_loss_grad(1, &p, x, y, &g, &value, workspace(), space()));
  printf("%d", logistic_loss_grad(1, NULL, x, y, &g, &value, workspace(), space()));
  printf("%d", logistic_loss_grad(1, &p, x, y, &g, &value, NULL, space()));
  printf("%d", logistic_loss_grad(1, &p, x, y, &g, &value, (char *)workspace() + 4, space()));
  printf("%d", logistic_loss_grad(1, &p, x, y, &g, &value, workspace(),
                                  logistic_loss_grad_workspace(1) - 1));
  printf("%d", logistic_loss_grad(0, &p, x, y, &g, &value, workspace(), space()));
  printf("%d", logistic_loss_grad(-5, &p, x, y, &g, &value, workspace(), space()));
  printf("%d", logistic_loss_grad(INT64_MAX, &p, x, y, &g, &value, workspace(), space()));
  printf("%d\n", logistic_loss_grad_workspace(0) == (size_t)-1);
  return status;
}
