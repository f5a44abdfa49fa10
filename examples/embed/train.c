/* train.c: training on a device: the emitted model, static buffers, no heap. The number of
 * measurements, N in the program, stays open until a call: here it grows as more of them fit into
 * what the device has measured, without another line of code.
 *
 *   gradc emit --c examples/embed/sensor.nn --step adam -o sensor.c
 *   cc -O3 -I. examples/embed/train.c sensor.c -o train -lm && ./train */
#include "sensor.h"

#include <stdio.h>

enum { BATCH = 32, STEPS = 2000 };

/* One workspace for every function and every size: as large as the largest. */
static _Alignas(64) unsigned char workspace[SENSOR_LOSS_ADAM_STEP_WORKSPACE(BATCH) + 64];
static sensor_params params, m, v;

static uint32_t state = 1;
static float noise(void) { /* in -1..1 */
  state = state * 1664525u + 1013904223u;
  return (float)(state >> 8) / 8388608.0f - 1.0f;
}

/* The sign of a product: what no linear model can learn. */
static void measure(float *x, float *y, int n) {
  for (int i = 0; i < n; i++) {
    x[2 * i] = noise();
    x[2 * i + 1] = noise();
    y[i] = x[2 * i] * x[2 * i + 1] > 0 ? 1.0f : -1.0f;
  }
}

int main(void) {
  float x[2 * BATCH], y[BATCH], loss = 0, first = 0, last = 0;
  float *weight = (float *)&params; /* all parameters are float: one array */
  for (size_t i = 0; i < sizeof params / sizeof *weight; i++) weight[i] = 0.5f * noise();
  for (int step = 1; step <= STEPS; step++) {
    int n = step < STEPS / 2 ? BATCH / 2 : BATCH; /* few at first */
    measure(x, y, n);
    int status = sensor_loss_adam_step(n, &params, &m, &v, x, y, 0.01, step, &loss, workspace,
                                       sizeof workspace);
    if (status) {
      fprintf(stderr, "%s\n", sensor_strerror(status));
      return 1;
    }
    if (step <= 100) first += loss / 100;
    if (step > STEPS - 100) last += loss / 100;
  }
  printf("loss %.3f at first, %.3f in the end; %lu bytes of parameters, %lu of workspace\n",
         (double)first, (double)last, (unsigned long)sizeof params,
         (unsigned long)sensor_loss_adam_step_workspace(BATCH));
  return last < 0.5f * first ? 0 : 1;
}
