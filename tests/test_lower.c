/* test_lower.c: what the lowering decides: which vectors, tiles, copies and kernels a program gets
 * on a given machine, looked for in the loop form as text. That the numbers are right is asked
 * elsewhere (test_loop.c, test_window.c, the laws). */
#include "lowered.h"

#include <stdio.h>

/* ---- vectors ---- */
START_TEST(a_wide_scalar_does_not_shorten_the_vectors) {
  const char *loops =
      loops_of("fn f(W: f32[256], g: f32[256], lr: f64) = W - f32(lr) * g\n", wide(1));
  has(loops, "f32x16");
  has_not(loops, "f32x8");
  loops = loops_of("fn f(x: f32[64, 64], g: f32[64, 64], W: f32[64, 64], lr: f64) =\n"
                   "  W - f32(lr) * (transpose(x) @ g)\n",
                   wide(1));
  has(loops, "f32x16");
  has_not(loops, "f32x8");
}
END_TEST

START_TEST(a_wide_vector_does) {
  has_not(loops_of("fn f(x: f32[256], y: f64[256]) = f64(x) * y\n", wide(1)), "x16");
}
END_TEST

/* Functions of a few vectors go side by side, for a chain of operations leaves time to the next. */
START_TEST(a_few_vectors_of_functions_go_side_by_side) {
  const char *loops = loops_of("fn f(x: f64[14]) = tanh(sigmoid(x))\n", wide(1));
  before(loops, "x[8 : 8]", "out0[0 : 8] =");
  loops = loops_of("fn f(x: f64[14], y: f64[14]) = 2.0 * x + y\n", wide(1));
  before(loops, "out0[0 : 8] =", "x[8 :"); /* no chain: one after the other */
}
END_TEST

/* What is a few vectors long shares a kernel, whatever it reads; what is longer does not. */
/* Two operators on each element are little, but not for each row of a product that only reads. */
START_TEST(a_vector_that_a_matrix_reads_for_each_row_has_a_place) {
  const char *program =
      "fn f(Q: f32[%d, 96], q: f32[96], z: f32[96], u: f32[96]) = Q @ (q + z - u)\n";
  has(loops_of(text_printf(cx, program, 200), wide(1)), "temp ");
  has_not(loops_of(text_printf(cx, program, 8), wide(1)), "temp ");
  has_not(loops_of("fn f(Q: f32[200, 96], q: f32[96], z: f32[96]) = Q @ (q + z)\n", wide(1)),
          "temp ");
}
END_TEST

START_TEST(tiny_values_share_a_kernel) {
  const char *text = "fn f(a: f64[%d], b: f64[%d]) = (exp(a), exp(b))\n";
  char tiny[99], longer[99];
  snprintf(tiny, sizeof tiny, text, 14, 14);
  snprintf(longer, sizeof longer, text, 1400, 1400);
  has(loops_of(tiny, wide(1)), ": 1 kernels");
  has(loops_of(longer, wide(1)), ": 2 kernels");
}
END_TEST

/* ---- parts put together ---- */
START_TEST(what_is_put_together_is_walked_part_by_part) {
  const char *loops = loops_of("fn f(a: f32[32, 128], b: f32[32, 128], c: f32[32, 256]) =\n"
                               "  concat((exp(a), a * b, c), 1)\n",
                               wide(1));
  has(loops, " + 128 : 16] ="); /* each part in loops of its own, without masks */
  has(loops, "in 0..256");
  has_not(loops, "where");
  /* rows of a stack are numbers */
  has_not(loops_of("fn f(a: f32[64], b: f32[64]) = stack((a + b, a * b, a), 0)\n", wide(1)),
          "where");
}
END_TEST

START_TEST(what_lacks_little_at_its_edges_is_not) {
  const char *loops =
      loops_of("fn f(a: f32[40, 40]) = pad(exp(a), axis: 1, before: 1, after: 1)\n", wide(1));
  has(loops, "where");
}
END_TEST

/* ---- tiles ---- */
START_TEST(large_results_are_asked_for_early_and_walked_along_their_rows) {
  const char *text = "fn f(x: f32[128, 784], g: f32[128, 512], W: f32[784, 512]) =\n"
                     "  W - 0.1 * (transpose(x) @ g)\n";
  const char *loops = loops_of(text, wide(1));
  has(loops, "touch to write out0[");
  has(loops, "touch W[");
  before(loops, "touch W[", "for k");
  before(loops, "for m0 in 0..56", "for n1 in 0..16");
}
END_TEST

START_TEST(results_that_stay_in_the_cache_are_not) {
  const char *loops = loops_of("fn f(x: f32[64, 128], y: f32[128, 64]) = x @ y\n", wide(1));
  has_not(loops, "touch");
}
END_TEST

/* Rows of weights 6144 bytes apart fall into 512 lines of the second cache: 768 of them are read
 * from where they are, 4096 of them are copied first. */
START_TEST(weights_are_copied_where_their_rows_overflow_the_sets_they_fall_into) {
  has_not(loops_of("fn f(a: f64[64, 768], b: f64[768, 768]) = a @ b", wide(1)), "b_tiles");
  has(loops_of("fn f(a: f64[64, 4096], b: f64[4096, 256]) = a @ b", wide(1)), "b_tiles");
  has_not(loops_of("fn f(a: f64[64, 4096], b: f64[4096, 250]) = a @ b", wide(1)), "b_tiles");
}
END_TEST

/* A block of columns that is read in one round only is copied at the beginning of that; what all
 * rounds read is copied before them. */
START_TEST(blocks_of_weights_are_copied_where_they_are_read) {
  const char *loops = loops_of("fn f(a: f32[256, 1024], b: f32[1024, 1024]) = a @ b", wide(1));
  has(loops, "kernel a_tiles");
  has_not(loops, "kernel b_tiles");
  before(loops, "for nb0", "b_tiles'4[32*k1 + 32768*t");
  loops = loops_of("fn f(a: f64[64, 4096], b: f64[4096, 256]) = a @ b", wide(1));
  has_not(loops, "kernel b_tiles");
  before(loops, "for nb0", "b_tiles'4[16*k1 + 65536*t");
}
END_TEST

/* The larger operand is read in one round: where that isn't the copied one, the copy is whole. */
START_TEST(a_copy_smaller_than_the_other_operand_is_made_before) {
  const char *loops = loops_of("fn f(x: f32[128, 4096], W: f32[4096, 1040]) = x @ W", wide(1));
  has(loops, "kernel x_tiles");
  has_not(loops, "W_tiles");
}
END_TEST

/* Steps of 4096 bytes, 2048 of them: 14 elements of each are copied side by side. Where the rows of
 * W lie 4160 or 16384 bytes apart, or are few, they are read from where they are. */
START_TEST(short_rows_a_power_of_two_apart_are_copied_where_no_cache_keeps_them) {
  has(loops_of("fn f(x: f32[64, 2048], W: f32[2048, 1024]) = x @ W", wide(1)), "W_tiles");
  has_not(loops_of("fn f(x: f32[64, 2048], W: f32[2048, 1040]) = x @ W", wide(1)), "W_tiles");
  has_not(loops_of("fn f(x: f32[64, 1024], W: f32[1024, 4096]) = x @ W", wide(1)), "W_tiles");
  has_not(loops_of("fn f(x: f32[64, 1024], W: f32[1024, 1024]) = x @ W", wide(1)), "W_tiles");
}
END_TEST

/* Of the terms of a convolution's adjoint few are there at most places of a small image: loops over
 * the window have ends, nothing is read outside, and no sum is looked at again. Where all but a few
 * are there, as in a large image, it is read from a copy with zeros around. */
START_TEST(adjoints_of_convolutions_sum_the_terms_that_are_there) {
  const char *program =
      "fn s(x: f32[%d, 16, %d, %d], w: f32[32, 16, 5, 5]) = sum(conv2d(x, w)**2)\n"
      "fn f(x: f32[%d, 16, %d, %d], w: f32[32, 16, 5, 5]) =\n"
      "  grad(s, wrt: x)(x, w)\n";
  const char *loops = loops_of(text_printf(cx, program, 24, 12, 12, 24, 12, 12), wide(1));
  ck_assert_int_eq(times(loops, " in t."), 2);
  has(loops, " = max(0, ");
  has(loops, " = min(5, ");
  has_not(loops, "again");
  has_not(loops, " where ");
  has_not(loops, "kernel stop");
  loops = loops_of(text_printf(cx, program, 24, 99, 99, 24, 99, 99), wide(1));
  has(loops, "kernel stop");
  /* with a single image places are what tiles are made of */
  loops = loops_of(text_printf(cx, program, 1, 12, 12, 1, 12, 12), wide(1));
  has(loops, "kernel stop");
  has(loops, " in t.");
}
END_TEST

/* Places and taps of a window side by side read the channels that are summed side by side. */
START_TEST(copies_with_zeros_around_have_the_summed_channels_last) {
  has(loops_of("fn f(x: f32[8, 32, 20, 20], w: f32[32, 32, 3, 3]) = conv2d(x, w, pad: 1)", wide(1)),
      "704*k");
}
END_TEST

/* Weights of 256 KB stay in the second cache, so 4 MB of rows pass once; those of 1 MB don't. */
START_TEST(rows_that_pass_once_are_read_where_they_lie) {
  has_not(loops_of("fn f(x: f32[4096, 256], W: f32[256, 256]) = x @ W", wide(1)), "x_tiles");
  has(loops_of("fn f(x: f32[2048, 512], W: f32[512, 512]) = x @ W", wide(1)), "x_tiles");
}
END_TEST

/* Of vectors of 32 bytes few rows make a tile, which waits for lines that aren't in the first
 * cache: of lines 2048 bytes apart it holds 16, of lines 1200 bytes apart 512. Rows, copied in
 * pieces, want to be read oftener. */
START_TEST(what_tiles_of_short_vectors_wait_for_is_copied) {
  Target narrow = wide(1);
  narrow.vector_bytes = 32, narrow.vector_regs = 16;
  const char *long_sum = "fn f(x: f32[128, 784], W: f32[784, 512]) = x @ W";
  has(loops_of(long_sum, narrow), "W_tiles");
  has_not(loops_of(long_sum, wide(1)), "W_tiles");
  has_not(loops_of("fn f(x: f32[128, 500], W: f32[500, 300]) = x @ W", narrow), "W_tiles");
  has_not(loops_of("fn f(x: f32[32, 784], W: f32[784, 512]) = x @ W", narrow), "W_tiles");
  has(loops_of("fn f(x: f32[112, 1024], g: f32[112, 1024]) = transpose(x) @ g", narrow), "x_tiles");
  has_not(loops_of("fn f(x: f32[112, 1024], g: f32[112, 256]) = transpose(x) @ g", narrow),
          "x_tiles");
}
END_TEST

/* The forward loop saves nothing where the cotangents it is for are 0. */
START_TEST(loops_collect_what_is_read) {
  const char *loops = run_loops_of("fn g(y: f64[256], x: f64[256]) = y * x\n"
                                   "adjoint g(y, x; z, dz) = (zeros_like(y), dz * y)\n"
                                   "fn e(x: f64[256]) {\n"
                                   "  var y = x\n"
                                   "  for t in 0..99 { y = sin(y) }\n"
                                   "  sum(g(y, x))\n"
                                   "}\n"
                                   "fn f(x: f64[256]) = grad(e)(x)\n",
                                   wide(1));
  has(loops, "99 times");
  has_not(loops, "f64[25344]");
}
END_TEST

/* Of 2048 rows the tiles come from beyond the second cache in each round; 64 rows stay in it. */
START_TEST(rows_from_beyond_the_cache_are_asked_for_ahead) {
  has(loops_of("fn f(a: f32[2048, 2048], b: f32[2048, 2048]) = a @ b", wide(1)),
      "touch a_tiles'3[");
  has_not(loops_of("fn f(a: f32[64, 2048], b: f32[2048, 2048]) = a @ b", wide(1)), "touch a_tiles");
}
END_TEST

/* Vectors along the rows of d would have their results, and h, 3072 elements apart. */
START_TEST(much_is_computed_on_results_that_lie_side_by_side) {
  has_not(loops_of("fn f(d: f32[256, 768], w: f32[3072, 768], h: f32[256, 3072]) {\n"
                   "  let s = d @ transpose(w)\n"
                   "  s * (0.5 + h * (0.1 + h * (0.2 + h * (0.3 + h * (0.4 + h * (0.5 + h))))))\n"
                   "}\n",
                   wide(1)),
          ": 3072*16]");
}
END_TEST

START_TEST(rows_a_power_of_two_apart_make_lower_tiles) {
  /* rows of 4096 bytes fall into one set of the cache: no more of them than it has ways */
  has(loops_of("fn f(x: f32[252, 1024], W: f32[1024, 10]) = x @ W\n", wide(1)), "x[6144*m0 + k1]");
  has(loops_of("fn f(x: f32[252, 1008], W: f32[1008, 10]) = x @ W\n", wide(1)), "x[28224*m0 + k1]");
}
END_TEST

START_TEST(workers_share_the_axis_that_gives_each_the_same) {
  /* rows: nine tiles of fourteen and two rows more; columns: eight tiles */
  has(loops_of("fn f(x: f32[128, 512], W: f32[512, 256]) = x @ W\n", wide(2)),
      "parallel for n0 in 0..8 {");
  /* four tiles of columns for three workers; a hundred tiles of rows */
  has(loops_of("fn f(x: f32[1400, 512], W: f32[512, 128]) = x @ W\n", wide(3)), "parallel for m");
}
END_TEST

START_TEST(workers_share_large_results_in_blocks_of_columns) {
  const char *loops = loops_of("fn f(x: f32[512, 512], y: f32[512, 512]) = x @ y\n", wide(2));
  has(loops, "parallel for nb0 in 0..4");
  before(loops, "parallel for nb0", "in 0..36");
}
END_TEST

START_TEST(a_few_products_are_shared_by_their_tiles) {
  has(loops_of("fn f(x: f32[3, 256, 256], y: f32[3, 256, 256]) = x @ y\n", wide(2)),
      "parallel for n0 in 0..8");
  has(loops_of("fn f(x: f32[8, 256, 256], y: f32[8, 256, 256]) = x @ y\n", wide(2)),
      "parallel for b0 in 0..8");
}
END_TEST

/* ---- transposes ---- */
/* What lies the other way round is loaded by whole vectors that are turned; what lies as the result
 * does and one operand the other way are not worth it. */
START_TEST(operands_that_lie_the_other_way_are_turned_in_squares) {
  has_not(loops_of("fn f(x: f32[64, 48], y: f32[64, 48]) = transpose(x + y * x)", wide(1)), "*16]");
  has(loops_of("fn f(x: f32[64, 48], y: f32[48, 64]) = transpose(x) * y + y", wide(1)), ": 48*16]");
}
END_TEST

/* ---- gradients ---- */
/* Each element of the larger image is a plain read, and back they are sums of four. */
START_TEST(an_image_enlarged_by_whole_numbers_looks_nothing_up) {
  const char *loops = loops_of("fn up(x: f32[4, 8, 8]) {\n"
                               "  let y[c, i: 0..16, j: 0..16] = x[c, i // 2, j // 2]\n"
                               "  sum(y * y)\n"
                               "}\n"
                               "fn f(x: f32[4, 8, 8]) = grad(up)(x)\n",
                               wide(1));
  has_not(loops, "//");
  has_not(loops, "i32(");
  has_not(loops, "+=");
}
END_TEST

/* Where a relu puts rows out, what is infinite there must not reach the weights. The root of a sum
 * of squares and a number above 0 divides nothing by 0; without the number it may. */
START_TEST(weights_after_a_norm_need_no_masks) {
  const char *text = "fn norm(x) = x / sqrt(mean(square(x), axis: -1, keepdims: true) + %s)\n"
                     "fn g(x: f32[32, 64], w: f32[64, 48]) = sum(relu(relu(norm(x)) @ w))\n"
                     "fn f(x: f32[32, 64], w: f32[64, 48]) = grad(g, wrt: w)(x, w)\n";
  has_not(loops_of(text_printf(cx, text, "0.00001"), wide(1)), "!=");
  has(loops_of(text_printf(cx, text, "0"), wide(1)), "!=");
}
END_TEST

/* ---- phases ---- */
/* How often the loops come by a fused multiply-add. */
static double products(const char *loops) {
  double times[64] = {1}, sum = 0;
  int depth = 0;
  for (const char *line = loops; *line; line += *line == '\n') {
    size_t n = strcspn(line, "\n");
    const char *text = text_printf(cx, "%.*s", (int)n, line), *in = strstr(text, " in ");
    long from, to, by = 1;
    if (strstr(text, "= fma(")) sum += times[depth];
    if (strchr(text, '}')) depth--;
    if (strchr(text, '{')) {
      times[depth + 1] = times[depth];
      if (in && sscanf(in, " in %ld..%ld by %ld", &from, &to, &by) >= 2)
        times[depth + 1] *= (double)((to - from + by - 1) / by);
      depth++;
    }
    line += n;
  }
  return sum;
}

/* Of a 3 by 3 window with stride 2 the phases of its adjoint have 4, 2, 2 and 1 products, not four
 * times 4; of 1 by 1 one phase has any. */
START_TEST(phases_of_strided_windows_sum_what_they_have) {
  static const int window[] = {3, 1};
  for (int i = 0; i < COUNT_OF(window); i++) {
    int r = window[i];
    const char *text = text_printf(
        cx,
        "fn y(x: f32[2, 16, 128, 128], w: f32[32, 16, %d, %d]) = conv2d(x, w, stride: 2, "
        "pad: %d)\n"
        "fn s(x: f32[2, 16, 128, 128], w: f32[32, 16, %d, %d], g: f32[2, 32, 64, 64]) =\n"
        "  sum(y(x, w) * g)\n"
        "fn f(x: f32[2, 16, 128, 128], w: f32[32, 16, %d, %d], g: f32[2, 32, 64, 64]) =\n"
        "  grad(s, wrt: x)(x, w, g)",
        r, r, r / 2, r, r, r, r);
    double least = 2.0 * 32 * 64 * 64 * r * r * 16 / 16, made = products(loops_of(text, wide(1)));
    ck_assert_msg(made >= 0.9 * least && made <= 1.4 * least, "%g products of %g", made, least);
  }
}
END_TEST

/* ---- kernels ---- */
START_TEST(an_update_by_a_number_computed_late_is_made_where_its_gradient_is) {
  const char *loops =
      loops_of("fn f(x: f32[64, 96], g: f32[64, 32], W: f32[96, 32], m: f32[96, 32],\n"
               "     t: f64) {\n"
               "  let m1 = 0.9 * m + 0.1 * (transpose(x) @ g)\n"
               "  let s = f32(1 - 0.9 ** t)\n"
               "  (m1, W - m1 / s)\n"
               "}\n",
               wide(1));
  has(loops, "program f: 2 kernels");
  before(loops, "kernel s ", "for k");
}
END_TEST

/* A step whose labels are checked keeps what it had where one of them is wrong. */
static const char *const checked_step =
    "param W: f32[%d, %d]\n"
    "fn f(x: f32[%d, %d], label: i32[%d]) = mean(cross_entropy(x @ W, label))\n";

START_TEST(a_step_that_is_done_or_not_is_made_where_its_gradient_is) {
  const char *text = text_printf(cx, checked_step, 96, 64, 128, 96, 128);
  for (int i = 0; i < 2; i++) {
    const char *loops = step_of(text, i ? "adam" : "sgd", wide(1));
    has_not(loops, "temp   d_W"); /* the gradient is never stored */
    has(loops, "W[32*n");
  }
}
END_TEST

START_TEST(states_of_an_optimiser_are_not_rows_of_data) {
  const char *text = text_printf(cx, checked_step, 1024, 1024, 256, 1024, 256);
  has_not(step_of(text, "adam", wide(1)), "loop");
}
END_TEST

/* What is computed on a product's accumulators takes no room that chunks of rows would save; what
 * a second product reads does. */
START_TEST(an_update_without_a_place_of_its_own_is_no_rows_of_data) {
  has_not(run_loops_of("fn f(W: f32[1024, 1024], x: f32[256, 1024], g: f32[256, 1024]) =\n"
                       "  W - 0.01 * (transpose(x) @ g)\n",
                       wide(1)),
          "loop ");
  has(run_loops_of("fn f(x: f32[4096, 256], W: f32[256, 1024], V: f32[1024, 256]) =\n"
                   "  relu(x @ W) @ V\n",
                   wide(1)),
      "loop ");
}
END_TEST

START_TEST(large_systems_go_by_blocks) {
  for (int n = 127; n <= 128; n++) {
    const char *all = text_printf(cx, " %d times", n), *block = " 64 times";
    const char *root = text_printf(cx, "fn f(A: f64[%d, %d]) = cholesky(A)\n", n, n);
    const char *many =
        text_printf(cx, "fn f(L: f64[%d, %d], B: f64[%d, 40]) = solve_triangular(L, B)\n", n, n, n);
    const char *any = text_printf(cx, "fn f(A: f64[%d, %d], b: f64[%d]) = solve(A, b)\n", n, n, n);
    has(loops_of(root, wide(1)), n < 128 ? all : block);
    has(loops_of(any, wide(1)), n < 128 ? all : " 32 times");
    has(loops_of(many, wide(1)), n < 128 ? all : block);
  }
  has(loops_of("fn f(L: f64[128, 128], b: f64[128]) = solve_triangular(L, b)\n", wide(1)),
      " 128 times");
}
END_TEST

START_TEST(small_systems_of_many_rows_are_solved_in_registers) {
  static const struct {
    int rows, size;
    bool one;
  } cases[] = {{1000, 6, true}, {256, 3, true}, {100, 6, false}, {1000, 12, false}};
  for (int i = 0; i < COUNT_OF(cases); i++) {
    int b = cases[i].rows, n = cases[i].size;
    const char *text = text_printf(
        cx, "fn f(A: f64[%d, %d, %d], b: f64[%d, %d]) = vmap(solve)(A, b)\n", b, n, n, b, n);
    const char *loops = run_loops_of(text, wide(1));
    (cases[i].one ? has_not : has)(loops, " times {");
  }
  /* nothing of a row but what is asked for has a place in memory */
  has_not(run_loops_of("fn f(A: f64[1000, 4, 4]) = vmap(cholesky)(A)\n", wide(1)), "  temp ");
}
END_TEST

START_TEST(large_systems_are_solved_one_after_the_other) {
  has(run_loops_of("fn f(A: f64[3, 130, 130], b: f64[3, 130]) = vmap(solve)(A, b)\n", wide(1)),
      " 3 times {");
  has(run_loops_of("fn f(A: f64[2, 130, 130]) = vmap(logdet)(A)\n", wide(1)), " 2 times {");
}
END_TEST

static int count_of(const char *text, const char *what) {
  int n = 0;
  for (const char *at = text; (at = strstr(at, what)) != NULL; at++) n++;
  return n;
}

/* A copy that would wait for long while others need the room is made again. */
START_TEST(products_of_one_operand_read_one_copy) {
  const char *head = "fn f(x: f32[2048, 512], a: f32[512, 512], b: f32[512, 512]) {\n";
  const char *soon = text_printf(cx, "%s  (x @ a, x @ b)\n}\n", head);
  const char *late = text_printf(cx,
                                 "%s  let p = tanh(a @ b)\n  let q = tanh(p @ p)\n"
                                 "  let r = tanh(q @ q)\n  let s = tanh(r @ r)\n"
                                 "  let t = tanh(s @ s)\n  let u = tanh(t @ t)\n"
                                 "  let v = tanh(u @ u)\n  let w = tanh(v @ v)\n"
                                 "  let z = x @ a\n  let y = tanh(w @ w * sum(z))\n"
                                 "  let k = tanh(y @ y)\n  let l = tanh(k @ k)\n"
                                 "  let m = tanh(l @ l)\n  let n = tanh(m @ m)\n"
                                 "  (z, x @ tanh(n @ n))\n}\n",
                                 head);
  ck_assert_int_eq(count_of(loops_of(soon, wide(1)), "kernel x_tiles"), 1);
  ck_assert_int_eq(count_of(loops_of(late, wide(1)), "kernel x_tiles"), 2);
}
END_TEST

/* Each channel by itself: nothing is shared out of a row of weights, but places share them. */
START_TEST(windows_of_single_channels_are_summed_in_tiles) {
  const char *loops = loops_of("fn f(x: f32[4, 64, 56, 56], w: f32[64, 3, 3]) {\n"
                               "  let xp = zero_border(x, 1)\n"
                               "  let y[n, c, i: 0..56, j: 0..56] =\n"
                               "    sum(r, s) xp[n, c, i + r, j + s] * w[c, r, s]\n"
                               "  y\n"
                               "}\n",
                               wide(1));
  has(loops, "acc.19 = fma(");
}
END_TEST

/* ---- places ---- */
START_TEST(values_stored_by_one_kernel_have_places_of_their_own) {
  /* p is computed from v element by element, and q is as large; but all come from one kernel */
  const char *loops = loops_of("fn f(y: f64, b: f64[3], c: f64[3], d: f64[3], k: i32) {\n"
                               "  let v[j: 0..3] = if j >= 2 then y / 5 else b[j]\n"
                               "  let w = cos(v)\n"
                               "  let p = exp(c * w)\n"
                               "  let q[j: 0..3] = if j >= 2 then d[j] * w[j] else 0\n"
                               "  (v[k], broadcast_to(p[k], (5, 5, 17)), q[k])\n"
                               "}\n",
                               wide(1));
  has(loops, "v'10: f64[3] at 128");
  has(loops, "p'11: f64[3] at 192");
  has(loops, "q'12: f64[3] at 256");
}
END_TEST

/* ---- what a step of a loop stores ---- */
static const char *body_of(const char *change) {
  static char text[900];
  snprintf(text, sizeof text,
           "fn f(x: f64[64, 64], v: f64[64], p: i32[64]) {\n"
           "  var y = x\n"
           "  for t in 0..64 {\n"
           "    %s\n"
           "    y = new\n"
           "  }\n"
           "  y\n"
           "}\n",
           change);
  return strstr(loops_of(text, wide(1)), "program body");
}

/* One place, and no loop over all of it. */
START_TEST(a_step_stores_what_it_changes) {
  static const char *const change[] = {
      "let new[i, k] = if i == t then v[k] else y[i, k]",
      "let new[i, k] = if k == t and i >= t then v[i] else y[i, k]",
      "let new[i, k] = if not (t != i) then y[i, k] * v[k] else y[i, k]",
      "let new[i, k] = if t != i or v[t] > 0 then y[i, k] else 2 * y[i, k]",
      "let new[i, k] = if i == p[t] and k == 63 - t then y[i, k] + v[t] else y[i, k]",
      "let new[i, k] = if k >= t and k < t + 8 and i == 3 then v[k] else y[i, k]",
      "let new[i, k] = y[i, k] + (if i == t then v[k] else 0)",
      "let new[i, k] = if i == t then sum(y) else y[i, k]",
      "let new[i, k] = if i == t then inside(y[i - 1, k]) else y[i, k]",
      "let new[i, k] = if i == t then y[5, k] else if i == 5 then y[t, k] else y[i, k]",
      "let new[i, k] = if i == t then (sum(m) y[i, m] * y[k, m]) else y[i, k]",
      "var new = y; if v[t] > 0 { let z[i, k] = if i == t then v[k] else y[i, k]; new = z }",
  };
  for (int i = 0; i < COUNT_OF(change); i++) {
    const char *body = body_of(change[i]);
    has(body, "output y: f64[4096] in place of y");
    const char *stores = strstr(body, "kernel new");
    has_not(stores ? stores : "", "in 0..4096");
    ck_assert_msg(strstr(body, "program then") || stores, "%s\n%s", change[i], body);
  }
}
END_TEST

/* Where all is changed, or more than can be made apart, the old tensor stays until the new one is
 * there. */
START_TEST(a_step_that_changes_all_has_another_place) {
  has_not(body_of("let new[i, k] = if i > 0 then inside(y[i - 1, k]) else y[i, k]"), "in place of");
  has_not(body_of("let new[i, k] = if v[i] > 0 then inside(y[i - 1, k]) else y[i, k]"),
          "in place of");
}
END_TEST

/* Nothing is as large as the matrix times the steps. */
START_TEST(the_way_back_keeps_the_columns_that_changed) {
  const char *loops =
      loops_of("fn g(A: f64[64, 64]) {\n"
               "  var L = zeros(64, 64)\n"
               "  for j in 0..64 {\n"
               "    let c[i] = A[i, j] - (sum(k) L[i, k] * L[j, k])\n"
               "    let new[i, k] = if k == j and i >= j then c[i] / sqrt(c[j]) else L[i, k]\n"
               "    L = new\n"
               "  }\n"
               "  sum(L * L)\n"
               "}\n"
               "fn f(A: f64[64, 64]) = grad(g)(A)\n",
               wide(1));
  has_not(loops, "f64[262144]");
  has(loops, "loop backwards");
}
END_TEST

START_TEST(sums_up_to_a_counter_end_there) {
  const char *body = body_of("let s[k] = sum(m) if m < t then y[m, k] * v[m] else 0\n"
                             "    let new[i, k] = if i == t then s[k] else y[i, k]");
  const char *sum = strstr(body, "kernel s "), *ends = strstr(body, "= min(64, ");
  ck_assert_msg(sum && ends > sum && ends < strstr(sum, "kernel new"), "%s", body);
}
END_TEST

/* 0 + x is x unless x is -0: of squares the first one is the sum so far, of what may be -0 it
 * isn't. */
START_TEST(straight_sums_of_squares_begin_with_the_first) {
  const char *loops = loops_of("fn f(x: f32[40, 32], y: f32[50, 32]) {\n"
                               "  let d[i, j] = sum(k) (x[i, k] - y[j, k])**2\n"
                               "  d\n}\n",
                               wide(1));
  has(loops, "acc.0 = (t.2 * t.2)\n");
  has(loops, "acc.1 = (t.3 * t.3)\n");
  loops = loops_of("fn f(x: f32[40, 16], y: f32[40, 16]) = 2 * sum(x / y, axis: 1)\n", wide(1));
  has(loops, " + acc.");
  loops = loops_of("fn f(x: f32[40, 80]) = 2 * sum(x * x, axis: 1)\n", wide(1));
  has(loops, " + acc."); /* the fifth vector is added to the first */
}
END_TEST

/* 16 elements of each matrix, in lanes that lie a matrix apart, wanted for 52 terms. */
START_TEST(elements_apart_are_fetched_once) {
  const char *loops = loops_of("fn f(t: f64[64], m: f64[64, 4, 4]) {\n"
                               "  let c[b, i: 0..4, k: 0..4] =\n"
                               "    if i == k then cos(t[b]) else if i < k then sin(t[b]) else 0\n"
                               "  let y[b, i, k] = sum(j) m[b, i, j] * c[b, j, k]\n"
                               "  y\n}\n",
                               wide(1));
  int fetched = 0;
  for (const char *s = loops; (s = strstr(s, " : 16*8]")) != NULL; s++) fetched++;
  ck_assert_msg(fetched == 16, "%d loads, not 16, in\n%s", fetched, loops);
}
END_TEST

Suite *lower_suite(void);
Suite *lower_suite(void) {
  Suite *s = suite_create("lower");
  TCase *t = tcase_create("lower");
  tcase_add_checked_fixture(t, fixture_bare, fixture_end);
  tcase_add_test(t, a_wide_scalar_does_not_shorten_the_vectors);
  tcase_add_test(t, a_wide_vector_does);
  tcase_add_test(t, what_is_put_together_is_walked_part_by_part);
  tcase_add_test(t, what_lacks_little_at_its_edges_is_not);
  tcase_add_test(t, large_results_are_asked_for_early_and_walked_along_their_rows);
  tcase_add_test(t, results_that_stay_in_the_cache_are_not);
  tcase_add_test(t, rows_a_power_of_two_apart_make_lower_tiles);
  tcase_add_test(t, operands_that_lie_the_other_way_are_turned_in_squares);
  tcase_add_test(t, an_image_enlarged_by_whole_numbers_looks_nothing_up);
  tcase_add_test(t, weights_after_a_norm_need_no_masks);
  tcase_add_test(t, blocks_of_weights_are_copied_where_they_are_read);
  tcase_add_test(t, a_copy_smaller_than_the_other_operand_is_made_before);
  tcase_add_test(t, short_rows_a_power_of_two_apart_are_copied_where_no_cache_keeps_them);
  tcase_add_test(t, adjoints_of_convolutions_sum_the_terms_that_are_there);
  tcase_add_test(t, copies_with_zeros_around_have_the_summed_channels_last);
  tcase_add_test(t, rows_that_pass_once_are_read_where_they_lie);
  tcase_add_test(t, what_tiles_of_short_vectors_wait_for_is_copied);
  tcase_add_test(t, loops_collect_what_is_read);
  tcase_add_test(t, rows_from_beyond_the_cache_are_asked_for_ahead);
  tcase_add_test(t, much_is_computed_on_results_that_lie_side_by_side);
  tcase_add_test(t, weights_are_copied_where_their_rows_overflow_the_sets_they_fall_into);
  tcase_add_test(t, workers_share_the_axis_that_gives_each_the_same);
  tcase_add_test(t, workers_share_large_results_in_blocks_of_columns);
  tcase_add_test(t, an_update_by_a_number_computed_late_is_made_where_its_gradient_is);
  tcase_add_test(t, a_step_that_is_done_or_not_is_made_where_its_gradient_is);
  tcase_add_test(t, states_of_an_optimiser_are_not_rows_of_data);
  tcase_add_test(t, an_update_without_a_place_of_its_own_is_no_rows_of_data);
  tcase_add_test(t, large_systems_go_by_blocks);
  tcase_add_test(t, small_systems_of_many_rows_are_solved_in_registers);
  tcase_add_test(t, large_systems_are_solved_one_after_the_other);
  tcase_add_test(t, products_of_one_operand_read_one_copy);
  tcase_add_test(t, values_stored_by_one_kernel_have_places_of_their_own);
  tcase_add_test(t, a_step_stores_what_it_changes);
  tcase_add_test(t, a_step_that_changes_all_has_another_place);
  tcase_add_test(t, the_way_back_keeps_the_columns_that_changed);
  tcase_add_test(t, sums_up_to_a_counter_end_there);
  tcase_add_test(t, windows_of_single_channels_are_summed_in_tiles);
  tcase_add_test(t, a_few_vectors_of_functions_go_side_by_side);
  tcase_add_test(t, a_vector_that_a_matrix_reads_for_each_row_has_a_place);
  tcase_add_test(t, tiny_values_share_a_kernel);
  tcase_add_test(t, phases_of_strided_windows_sum_what_they_have);
  tcase_add_test(t, a_few_products_are_shared_by_their_tiles);
  tcase_add_test(t, elements_apart_are_fetched_once);
  tcase_add_test(t, straight_sums_of_squares_begin_with_the_first);
  suite_add_tcase(s, t);
  return s;
}
