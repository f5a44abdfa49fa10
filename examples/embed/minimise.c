/* minimise.c: minimises a formula that the user types, with its gradient: gradc as a library.
 *
 *   cc examples/embed/minimise.c $(pkg-config --cflags --libs gradc) -lm -o minimise
 *   ./minimise '(1 - x)**2 + 100*(y - x**2)**2' x=-1.2 y=1
 *
 * The formula becomes a function, its gradient is asked for by an expression, both are machine
 * code. The method is gradient descent with Barzilai and Borwein's step lengths (1988), under a
 * line search. */
#include <gradc.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 16, STEPS = 2000 };

typedef struct Problem {
  int n;
  char name[MOST][32];
  double x[MOST];
  gradc_context *gc;
  gradc_function *f; /* value and gradient */
} Problem;

static int usage(void) {
  fputs("usage: minimise FORMULA NAME=START...\n", stderr);
  return 2;
}

static int read_start(Problem *p, const char *word) {
  const char *equal = strchr(word, '=');
  char *end;
  if (!equal || equal == word || equal - word >= (long)sizeof p->name[0] || p->n == MOST) return 0;
  memcpy(p->name[p->n], word, (size_t)(equal - word));
  p->x[p->n] = strtod(equal + 1, &end);
  p->n += end != equal + 1 && !*end;
  return end != equal + 1 && !*end;
}

/* fn formula(x: f64, y: f64) = ... */
static gradc_status compile(Problem *p, const char *formula) {
  char text[4096];
  size_t used = (size_t)snprintf(text, sizeof text, "fn formula(");
  for (int i = 0; i < p->n && used < sizeof text; i++)
    used +=
        (size_t)snprintf(text + used, sizeof text - used, "%s%s: f64", i ? ", " : "", p->name[i]);
  if (used < sizeof text)
    used += (size_t)snprintf(text + used, sizeof text - used, ") = %s", formula);
  if (used >= sizeof text) return GRADC_USAGE;
  gradc_status s = gradc_declare(p->gc, "formula", text);
  if (s == GRADC_OK) s = gradc_find(p->gc, "value_and_grad(formula)", &p->f);
  return s == GRADC_OK ? gradc_compile(p->f) : s;
}

static double evaluate(Problem *p, const double *x, double *gradient) {
  const void *args[MOST];
  void *results[MOST + 1];
  double value;
  results[0] = &value;
  for (int i = 0; i < p->n; i++) args[i] = &x[i], results[i + 1] = &gradient[i];
  return gradc_call(p->f, args, results) == GRADC_OK ? value : NAN;
}

static double dot(const double *a, const double *b, int n) {
  double sum = 0;
  for (int i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

static double minimise(Problem *p, int *steps) {
  double g[MOST], x[MOST], h[MOST], length = 1e-3, best[10];
  double value = evaluate(p, p->x, g);
  for (int k = 0; k < 10; k++) best[k] = value;
  for (*steps = 0; *steps < STEPS && dot(g, g, p->n) > 1e-20; ++*steps) {
    double worst = best[0], down = dot(g, g, p->n), next;
    for (int k = 1; k < 10; k++)
      worst = fmax(worst, best[k]); /* of the last ten: a step may go up a little */
    for (;; length /= 2) {
      for (int i = 0; i < p->n; i++) x[i] = p->x[i] - length * g[i];
      next = evaluate(p, x, h);
      if (next <= worst - 1e-4 * length * down || length < 1e-18) break;
    }
    double ss = 0, sy = 0;
    for (int i = 0; i < p->n; i++) {
      double s = x[i] - p->x[i], y = h[i] - g[i];
      ss += s * s;
      sy += s * y;
      p->x[i] = x[i];
      g[i] = h[i];
    }
    length = sy > 0 ? ss / sy : 1e-3;
    best[*steps % 10] = value = next;
  }
  return value;
}

int main(int argc, char **argv) {
  Problem p = {0};
  int steps = 0;
  for (int i = 2; i < argc; i++)
    if (!read_start(&p, argv[i])) return usage();
  if (argc < 3) return usage();
  gradc_status s = gradc_new(&p.gc);
  if (s == GRADC_OK) s = compile(&p, argv[1]);
  if (s != GRADC_OK) {
    const char *text = gradc_diagnostics_text(p.gc, 0);
    fprintf(stderr, "%s%s", *text ? text : gradc_message(p.gc), *text ? "" : "\n");
    gradc_free(p.gc);
    return s;
  }
  double value = minimise(&p, &steps);
  printf("minimum %.6g after %d steps at", value, steps);
  for (int i = 0; i < p.n; i++) printf(" %s=%.6f", p.name[i], p.x[i]);
  printf("\n");
  gradc_free(p.gc);
  return 0;
}
