/* host_redefine.c: a host whose user types the model anew, N times: what was compiled for the last
 * one is released, and the context is renewed when it has grown. Its memory stays within a bound
 * that doesn't depend on N, and a parameter, which no model declares anew, keeps its value.
 *
 *   host_redefine N [reference] */
#include <gradc.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 8 << 20 };

static gradc_status redefine(gradc_context *gc, int i, double *value, double *gradient) {
  char text[200];
  gradc_function *f;
  const void *args[1];
  void *results[] = {value, gradient};
  const double x[] = {1, 2, 3};
  args[0] = x;
  snprintf(text, sizeof text, "const K = %d\nfn model(x: f64[3]) = K * sum(x * w) + x[%d]**2",
           i % 7 + 1, i % 3);
  gradc_status s = gradc_declare(gc, "model", text);
  if (!s) s = gradc_find(gc, "value_and_grad(model, wrt: x)", &f);
  if (!s) s = gradc_call(f, args, results);
  if (!s) gradc_release(f);
  return s;
}

static int fine(int i, double value, const double *g) {
  const double w[] = {0.5, 0.25, -1}, k = i % 7 + 1, at = i % 3 + 1;
  for (int d = 0; d < 3; d++)
    if (g[d] != k * w[d] + (d == i % 3 ? 2 * at : 0)) return 0;
  return value == k * (0.5 + 0.5 - 3) + at * at;
}

int main(int argc, char **argv) {
  const int n = argc > 1 ? atoi(argv[1]) : 100, reference = argc > 2;
  const double w[] = {0.5, 0.25, -1};
  gradc_context *gc;
  int renewed = 0;
  size_t most = 0, usual;
  if (n < 1 || gradc_new(&gc)) return 2;
  usual = gradc_bytes(gc);
  gradc_set_reference(gc, reference);
  gradc_set_cache(gc, 0);
  gradc_status s = gradc_define(gc, "N", 4);
  for (int i = 0; i < n && !s; i++) {
    double value, gradient[3];
    if (i == 0) s = gradc_declare(gc, "first", "param w: f64[3]");
    if (i == 0 && !s) s = gradc_param_set(gc, "w", w, sizeof w);
    if (!s) s = redefine(gc, i, &value, gradient);
    if (!s && !fine(i, value, gradient)) return printf("model %d is wrong\n", i), 1;
    if (!s && i % 50 == 7) { /* a mistake leaves the model that was there */
      if (gradc_declare(gc, "model", "fn model(x: f64[3]) = x[") != GRADC_SOURCE) return 1;
    }
    if (gradc_bytes(gc) > most) most = gradc_bytes(gc);
    if (!s && gradc_bytes(gc) > usual + ROOM)
      s = gradc_renew(gc), renewed++; /* it takes as long as some models */
  }
  if (s) printf("%s\n", gradc_message(gc));
  else
    printf("%s, %s\n", most < usual + 2 * ROOM ? "bounded" : "grows",
           renewed > 0 || n < 300 ? "renewed" : "never renewed");
  gradc_free(gc);
  return s != GRADC_OK;
}
