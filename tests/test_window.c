/* test_window.c: windows and what their adjoints become: convolutions and pooling over many
 * extents, strides, paddings, dilations and groups, as text, compiled for every vector width and
 * compared with the reference evaluator: values, gradients and tangents (the laws of laws.h). */
#include "front/front.h"
#include "laws.h"

#include <check.h>
#include <stdio.h>

static const char *const programs[] = {
    /* n c o h w, k s p d */
    "fn f(x: f32[%2$d, %3$d, %5$d, %6$d], w: f32[%4$d, %3$d, %7$d, %7$d]) = conv2d(x, w, stride: "
    "%8$d, pad: %9$d)",
    "fn f(x: f32[%2$d, %3$d, %5$d, %6$d]) = sum(max_pool(x, k: %7$d, stride: %8$d, pad: 0), axis: "
    "(0, 1))",
    "fn f(x: f32[%2$d, %3$d, %5$d, %6$d]) = avg_pool(x, k: %7$d, stride: %8$d, pad: %9$d)",
    /* dilated, along one axis, bias and relu behind */
    "fn f(x: f32[%2$d, %3$d, %5$d], w: f32[%4$d, %3$d, %7$d], b: f32[%4$d]) {\n"
    "  let y[n, o, i: 0..(%5$d - %10$d * (%7$d - 1) - 1) // %8$d + 1] =\n"
    "    sum(c, r) x[n, c, %8$d * i + %10$d * r] * w[o, c, r]\n"
    "  tanh(y + expand_dims(b, 1))\n}",
    /* each channel by itself */
    "fn f(x: f32[%2$d, %3$d, %5$d, %6$d], w: f32[%3$d, %7$d, %7$d]) {\n"
    "  let xp = zero_border(x, %9$d)\n"
    "  let y[n, c, i: 0..(%5$d + 2 * %9$d - %7$d) // %8$d + 1, j: 0..(%6$d + 2 * %9$d - %7$d) // "
    "%8$d + 1] =\n"
    "    sum(r, s) xp[n, c, %8$d * i + r, %8$d * j + s] * w[c, r, s]\n  y\n}",
    /* a pool of a convolution, its values looked at again */
    "fn f(x: f32[%2$d, %3$d, %5$d, %6$d], w: f32[%4$d, %3$d, 3, 3]) {\n"
    "  let y = relu(conv2d(x, w, pad: 1))\n  let p = max_pool(y, k: %7$d, stride: %8$d)\n"
    "  sum(p * p) + sum(y)\n}",
    /* two convolutions, a norm over channels between them, then all in one row */
    "fn f(x: f32[%2$d, %3$d, %5$d, %6$d], w: f32[%4$d, %3$d, %7$d, %7$d], v: f32[9, %4$d, 1, 1]) "
    "{\n"
    "  let y = conv2d(x, w, stride: %8$d, pad: %9$d)\n"
    "  let z = y - mean(y, axis: (0, 2, 3), keepdims: true)\n"
    "  let u = conv2d(tanh(z), v)\n  sum(reshape(u, (%2$d, size(u) // %2$d)), axis: 0)\n}",
};

typedef struct Sizes {
  int n, c, o, h, w, k, s, p, d;
} Sizes;

static Status declare(void *arg) {
  const char *text = ((void **)arg)[1];
  Cx *cx = ((void **)arg)[0];
  Program *p = front_new(cx);
  front_declare(p, ast_parse(cx, cx_add_source(cx, "window.nn", text, strlen(text), false)));
  ((void **)arg)[2] = diag_errors(cx) ? NULL : front_function(p, name_of(cx, "f"));
  return ((void **)arg)[2] ? ST_OK : ST_SOURCE;
}

static void check_program(int which, Sizes z, uint64_t seed) {
  char text[1024];
  Cx *cx = cx_new();
  snprintf(text, sizeof text, programs[which], which, z.n, z.c, z.o, z.h, z.w, z.k, z.s, z.p, z.d);
  void *job[3] = {cx, text, NULL};
  ck_assert_msg(cx_guard(cx, declare, job) == ST_OK, "%s\n%s%s", text, diag_text(cx),
                cx->trap_text);
  LawCheck c = {.seed = seed,
                .spice = seed % 2 ? SPICE_PLAIN : SPICE_SMOOTH,
                .what = CHECK_JIT | CHECK_DERIVATIVES | CHECK_ALL_WIDTHS};
  Fn *f = job[2];
  if (check_laws(f, &c)) {
    cx_free(cx);
    return;
  }
  const char *report = law_report(f, &c);
  fprintf(stderr, "%s\n%s\n", text, report);
  ck_abort_msg("%.1000s\n%.3000s", text, report);
}

START_TEST(test_windows) {
  Rng r = rng_at((uint64_t)_i + 1);
  for (int i = 0; i < 5;
       i++) { /* with few channels and with enough for them to be made the last axis */
    Sizes z = {.n = 1 + rng_below(&r, 3),
               .c = 1 + rng_below(&r, 4),
               .o = rng_chance(&r, 50) ? 8 + rng_below(&r, 10) : 1 + rng_below(&r, 6),
               .k = 1 + rng_below(&r, 4),
               .s = 1 + rng_below(&r, 3),
               .d = 1 + rng_below(&r, 3)};
    z.p = rng_below(&r, z.k);
    z.h = z.d * (z.k - 1) + 1 + rng_below(&r, 9);
    z.w = z.d * (z.k - 1) + 1 + rng_below(&r, 19);
    check_program(_i, z, (uint64_t)i);
  }
}
END_TEST

/* Kernels about as large as what they slide over, whose adjoints have few of their terms at most
 * places (contract_guards.c): many images for tiles to be made of, channels for vectors and for the
 * sum inside, sizes around both. */
START_TEST(test_few_terms) {
  Rng r = rng_at((uint64_t)_i + 100);
  for (int i = 0; i < 3; i++) {
    Sizes z = {.n = 1 + rng_below(&r, 9),
               .c = rng_chance(&r, 70) ? 8 + rng_below(&r, 10) : 1 + rng_below(&r, 4),
               .o = rng_chance(&r, 70) ? 8 + rng_below(&r, 10) : 1 + rng_below(&r, 4),
               .k = 2 + rng_below(&r, 4),
               .s = rng_chance(&r, 70) ? 1 : 1 + rng_below(&r, 6),
               .d = 1 + rng_below(&r, 3)};
    z.p = rng_chance(&r, 70) ? 0 : rng_below(&r, z.k);
    z.h = z.d * (z.k - 1) + 1 + rng_below(&r, 4);
    z.w = z.d * (z.k - 1) + 1 + rng_below(&r, 4);
    check_program(_i, z, (uint64_t)i);
  }
}
END_TEST

Suite *window_suite(void);
Suite *window_suite(void) {
  Suite *s = suite_create("window");
  TCase *t = tcase_create("window");
  tcase_set_timeout(t, 240);
  tcase_add_loop_test(t, test_windows, 0, (int)(sizeof programs / sizeof *programs));
  tcase_add_loop_test(t, test_few_terms, 0, (int)(sizeof programs / sizeof *programs));
  suite_add_tcase(s, t);
  return s;
}
