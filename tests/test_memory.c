/* test_memory.c: passes that decide what is kept and for how long: hoisting out of loops, sums of
 * rows in chunks, what a loop saves. Each must keep the values; what it is for is asked for by
 * itself. */
#include "driver/compile.h"
#include "fixture.h"
#include "gen_program.h"
#include "pass/chunk.h"
#include "pass/mincut.h"
#include "pass/pass.h"

#include <math.h>

/* ---- hoisting ---- */
static const double NO_BOUND = 1e18;

static void hoisted_programs(void) {
  for (uint64_t seed = 1; seed <= 60; seed++) {
    Rng r = rng_at(seed);
    Fn *f = gen_loops(cx, &r);
    same_values(f, pass_hoist(f, NO_BOUND), seed, "hoisted");
    bool *wrt = NEWS(cx->arena, bool, f->in.n);
    for (int i = 0; i < f->in.n; i++) wrt[i] = type_is_float(f->in.at[i].type);
    if (seed % 4) continue;
    Fn *g = pass_gradient(f, wrt, true), *t = pass_tangent(f, wrt);
    same_values(g, pass_hoist(g, NO_BOUND), seed, "the gradient, hoisted");
    same_values(t, pass_hoist(t, NO_BOUND), seed, "the tangent, hoisted");
    same_values(g, pass_simplify(pass_hoist(pass_hoist(g, NO_BOUND), NO_BOUND)), seed,
                "hoisted twice");
  }
}
START_TEST(test_hoisted_programs) { trapped(hoisted_programs); }
END_TEST

/* What stands inside of the loops before and after: contractions, sums, scatters; and carried
 * values. */
static const struct {
  const char *text;
  bool gradient;
  Op op;
  int inside[2], carried; /* before, after; carried by the last loop, after */
} shapes[] = {
    /* the input projection leaves the loop, the recurrence stays */
    {"fn f(x: f64[6, 3, 4], w: f64[4, 5], u: f64[5, 5]) {\n var h = zeros((3, 5))\n"
     " for t in 0..6 { h = tanh(x[t] @ w + h @ u) }\n sum(h)\n}",
     false,
     OP_contract,
     {2, 1},
     1},
    /* so does the output projection */
    {"fn f(x: f64[6, 3, 5], u: f64[5, 5], w: f64[5, 2]) {\n var h = zeros((3, 5))\n"
     " for t in 0..6 {\n h = tanh(x[t] + h @ u)\n y[t] = h @ w\n }\n sum(sin(y))\n}",
     false,
     OP_contract,
     {2, 1},
     1},
    /* of the gradient, only the recurrence's own contraction and its transpose stay */
    {"fn f(x: f64[6, 3, 4], w: f64[4, 5], u: f64[5, 5]) {\n var h = zeros((3, 5))\n"
     " for t in 0..6 { h = tanh(x[t] @ w + h @ u) }\n sum(h)\n}",
     true,
     OP_contract,
     {6, 2},
     1},
    /* a bias' gradient goes where its operand is collected */
    {"fn f(x: f64[6, 3, 5], u: f64[5, 5], b: f64[5]) {\n var h = zeros((3, 5))\n"
     " for t in 0..6 { h = tanh(x[t] + h @ u + b) }\n sum(h)\n}",
     true,
     OP_sum,
     {1, 0},
     1},
    /* the gradient of a table of rows is one scatter */
    {"fn f(i: i32[6, 3], e: f64[9, 5], u: f64[5, 5]) {\n var h = zeros((3, 5))\n"
     " for t in 0..6 {\n let x[n, d] = e[i[t, n] % 9, d]\n h = tanh(x + h @ u)\n }\n sum(h)\n}",
     true,
     OP_scatter,
     {1, 0},
     1},
    /* what never changes is computed once, also out of an inner loop */
    {"fn f(x: f64[6, 3, 5], u: f64[5, 5]) {\n var h = zeros((3, 5))\n"
     " for t in 0..6 { for s in 0..4 { h = tanh(x[t] + h @ tanh(u @ u)) } }\n sum(h)\n}",
     false,
     OP_contract,
     {2, 1},
     1},
    /* an array's products that no step waits for become one batched product */
    {"fn f(v: f64[6, 5, 5], u: f64[6, 5, 5]) {\n var h = zeros((3, 5)) + 1\n"
     " for t in 0..6 { h = tanh(h @ (v[t] @ u[t])) }\n sum(h)\n}",
     false,
     OP_contract,
     {2, 1},
     1},
    /* the sum of outer products, and of diagonals, is one product behind the loop */
    {"fn f(A: f64[48, 48], b: f64[48]) {\n var x = b\n"
     " for t in 0..6 { x = tanh(A @ x + diagonal(A)) }\n sum(x)\n}",
     true,
     OP_contract,
     {0, 0},
     1},
    /* what later steps ask for stays, and only what spreads it is made behind the loop */
    {"fn f(A: f64[48, 48], b: f64[48]) {\n var x = b\n"
     " for t in 0..6 { x = 0.5 * (A @ x + diagonal(A)) }\n sum(x)\n}",
     true,
     OP_contract,
     {0, 0},
     1},
    /* but not where the factors are hardly smaller */
    {"fn f(A: f64[4, 4], b: f64[4]) {\n var x = b\n for t in 0..6 { x = tanh(A @ x) }\n sum(x)\n}",
     true,
     OP_contract,
     {0, 0},
     2},
    /* a condition may end the loop: only what never changes leaves */
    {"fn f(x: f64[6, 3, 4], w: f64[4, 5], u: f64[5, 5]) {\n var h = zeros((3, 5))\n"
     " for t in 0..6 while sum(h) < 100.0 { h = h + x[t] @ w + h @ (u @ u) }\n sum(h)\n}",
     false,
     OP_contract,
     {3, 2},
     1},
};

static void hoisted_shapes(void) {
  SizeBindings none = {0};
  for (int i = 0; i < COUNT_OF(shapes); i++) {
    Fn *f = sized(shapes[i].text, shapes[i].gradient, &none), *g = pass_hoist(f, NO_BOUND);
    int outside[] = {count_op(f, shapes[i].op, false), count_op(g, shapes[i].op, false)};
    int inside[] = {count_op(f, shapes[i].op, true) - outside[0],
                    count_op(g, shapes[i].op, true) - outside[1]};
    ck_assert_msg(inside[0] == shapes[i].inside[0] && inside[1] == shapes[i].inside[1],
                  "%s\n%d inside, then %d\n%s\n%s", shapes[i].text, inside[0], inside[1],
                  dump_text(f), dump_text(g));
    ck_assert_msg(only_loop(g, shapes[i].gradient)->ncarry == shapes[i].carried, "%s\n%s",
                  shapes[i].text, dump_text(g));
    same_values(f, g, 5, shapes[i].text);
  }
}
START_TEST(test_hoisted_shapes) { trapped(hoisted_shapes); }
END_TEST

/* What may be kept for all iterations is bounded: then the contraction stays. */
static void hoisting_bound(void) {
  SizeBindings none = {0};
  Fn *f = sized(shapes[0].text, false, &none);
  int64_t bytes = 6 * 3 * 5 * 8;
  ck_assert_int_eq(count_op(pass_hoist(f, (double)bytes - 1), OP_contract, false), 0);
  ck_assert_int_eq(count_op(pass_hoist(f, (double)bytes), OP_contract, false), 1);
}
START_TEST(test_hoisting_bound) { trapped(hoisting_bound); }
END_TEST

/* ---- what loops save ---- */
/* The cheapest cut of a small graph by trying all subsets of nodes. */
static int64_t cut_by_trying(int n, const int64_t cap[8][8]) {
  int64_t best = INT64_MAX;
  for (int far = 0; far < 1 << n; far++) {
    int64_t sum = 0;
    if ((far & 1) || !(far & 2)) continue;
    for (int u = 0; u < n; u++)
      for (int v = 0; v < n; v++)
        if (!(far >> u & 1) && (far >> v & 1)) sum += cap[u][v];
    best = MIN(best, sum);
  }
  return best;
}

static void cuts(void) {
  for (uint64_t seed = 1; seed <= 400; seed++) {
    Rng r = rng_at(seed);
    int n = 2 + rng_below(&r, 6);
    int64_t cap[8][8] = {{0}}, sum = 0;
    Cut c = cut_new(cx->arena, n);
    for (int e = rng_below(&r, 20); e > 0; e--) {
      int u = rng_below(&r, n), v = rng_below(&r, n), w = rng_below(&r, 9);
      if (u == v) continue;
      cap[u][v] += w;
      cut_edge(&c, u, v, w);
    }
    const bool *far = cut_far_side(&c);
    ck_assert(far[1] && !far[0]);
    for (int u = 0; u < n; u++)
      for (int v = 0; v < n; v++)
        if (!far[u] && far[v]) sum += cap[u][v];
    ck_assert_int_eq(sum, cut_by_trying(n, cap));
  }
}
START_TEST(test_cuts) { trapped(cuts); }
END_TEST

/* Bytes a step of the forward loop collects for the way back. */
static const struct {
  const char *text;
  int64_t bytes;
} saved[] = {
    /* x is carried, and exp is dearer than a tape that stays in the cache */
    {"fn f(x0: f64[7]) {\n var x = x0\n for t in 0..5 { x = x + 0.1 * exp(sin(x)) }\n sum(x)\n}",
     2 * 7 * 8},
    /* on a tape that doesn't x is alone; exp(x) and sin(x) follow */
    {"fn f(x0: f64[700]) {\n var x = x0\n for t in 0..5000 { x = x + 0.1 * exp(sin(x)) }\n "
     "sum(x)\n}",
     700 * 8},
    /* x alone: literals are no values to keep */
    {"fn f(x0: f64[700], a: f64[700]) {\n var x = x0\n"
     " for t in 0..5000 { x = x + 0.001 * sin(x) * a }\n sum(x)\n}",
     700 * 8},
    /* nothing: the derivative doesn't depend on x */
    {"fn f(x0: f64[7], c: f64[7]) {\n var x = x0\n for t in 0..5 { x = 0.5 * x + exp(c) }\n "
     "sum(x)\n}",
     0},
    /* two contractions whose sum is all that is wanted: the sum's tanh; h and its tanh for the
     * gradients of u and v */
    {"fn f(h0: f64[3, 4], u: f64[4, 4], v: f64[4, 4]) {\n var h = h0\n"
     " for t in 0..5 { h = tanh(h @ u + tanh(h) @ v) }\n sum(h)\n}",
     3 * 3 * 4 * 8},
    /* a truth value is smaller than what it was made of */
    {"fn f(h0: f64[8], u: f64[8, 8]) {\n var h = h0\n for t in 0..5 { h = relu(stop(u) @ h) }\n "
     "sum(h)\n}",
     8},
    /* a contraction of what never changes is not saved for each step */
    {"fn f(h0: f64[8, 8], u: f64[8, 8]) {\n var h = h0\n for t in 0..5 { h = h * (u @ u) }\n "
     "sum(h)\n}",
     8 * 8 * 8},
};

static void tapes(void) {
  SizeBindings none = {0};
  for (int i = 0; i < COUNT_OF(saved); i++) {
    Fn *f = sized(saved[i].text, true, &none);
    const Loop *l = only_loop(f, 0);
    int64_t bytes = 0;
    for (int k = l->ncarry; k < l->body->out.n; k++) {
      const Ins *in = fn_ins(l->body, l->body->out.at[k].val);
      bytes += shape_count(cx, &in->shape) * type_info[in->type].bytes;
    }
    if (count_op(f, OP_loop, false) < 2)
      bytes = l->reverse ? 0 : bytes; /* the forward loop is gone */
    ck_assert_msg(bytes == saved[i].bytes, "%s\n%lld bytes a step\n%s", saved[i].text,
                  (long long)bytes, dump_text(f));
  }
}
START_TEST(test_tapes) { trapped(tapes); }
END_TEST

/* Pieces of a carried value that are all of it are one collected value. */
static void whole_rows(void) {
  SizeBindings none = {0};
  const char *text = "fn f(h0: f64[2, 700]) {\n var h = h0\n for t in 0..5000 {\n"
                     "  let a = sin(h[0]) * h[1]\n  let b = sin(h[1]) + h[0]\n"
                     "  let n[i: 0..2, j] = if i == 0 then a[j] else b[j]\n  h = n\n }\n sum(h)\n}";
  const Loop *l = only_loop(sized(text, true, &none), 0);
  ck_assert_int_eq(l->ncollect, 1);
  const Ins *in = fn_ins(l->body, l->body->out.at[l->ncarry].val);
  ck_assert_int_eq(shape_count(cx, &in->shape), 2 * 700);
}
START_TEST(test_whole_rows) { trapped(whole_rows); }
END_TEST

/* ---- rows in chunks ---- */
static void try_chunks(const Fn *f, uint64_t seed, Rng *r, int *built) {
  for (int i = 0; i < f->in.n; i++)
    for (int d = 0; d < f->in.at[i].shape.rank; d++) {
      Dim n = f->in.at[i].shape.dim[d];
      if (n < 2) continue;
      int8_t *axes = NEWS(cx->arena, int8_t, f->in.n + 1);
      for (int k = 0; k < f->in.n; k++) axes[k] = k == i ? (int8_t)d : -1;
      Chunking c = chunk_plan(f, axes, n);
      bool any = false;
      for (Val v = 1; v < f->ins.n; v++)
        any |= c.part[v] == PART_SUM || (c.part[v] == PART_ROWS && fn_ins(f, v)->op != OP_arg);
      if (!any) continue;
      Fn *g = chunk_build(&c, 1 + rng_below(r, (int)n));
      same_values(f, g, seed, "in chunks");
      ++*built;
    }
}

static void chunked_programs(void) {
  int built = 0;
  for (uint64_t seed = 1; seed <= 250; seed++) {
    Rng r = rng_at(seed);
    GenOptions o = {.size = 8, .smooth = true};
    try_chunks(gen_function(cx, &r, &o), seed, &r, &built);
  }
  ck_assert_msg(built > 40, "only %d programs were cut", built);
}
START_TEST(test_chunked_programs) { trapped(chunked_programs); }
END_TEST

/* The last one's rows wait for a mean over all of them: nothing is to be gained. */
static const char *const by_rows[] = {
    "fn f(x: f64[N, 5], w: f64[5, 4], y: f64[N, 4]) = mean((tanh(x @ w) - y)**2)",
    "fn f(x: f64[N, 5], w: f64[5, 4], i: i32[N]) = mean(cross_entropy(x @ w, i % 4))",
    ("fn f(x: f64[N, 5], m: f64[4, 5]) {\n let d[n, k, i] = x[n, i] - m[k, i]\n"
     " let q[n, k] = sum(i) d[n, k, i] * d[n, k, i]\n sum(logsumexp(-q, axis: 1))\n}"),
    "fn f(e: f64[9, 5], w: f64[5, 5], i: i32[N]) {\n let x[n, d] = e[i[n] % 9, d]\n sum(tanh(x @ "
    "w)**2)\n}",
    "fn f(x: f64[5, N], w: f64[4, 5]) = sum(sigmoid(w @ x))",
    "fn f(x: f64[N, 2, 3], w: f64[6, 4]) = sum(tanh(reshape(x, (-1, 6)) @ w))",
    "fn f(x: f64[N, 5], w: f64[5, 5]) {\n let h = tanh(x @ w)\n let c = h - mean(h, axis: 0)\n "
    "sum(c**4)\n}",
};

static void chunked_gradients(void) {
  for (int i = 0; i < COUNT_OF(by_rows); i++)
    for (int n = 96; n <= 101; n += 5) {
      SizeBindings s = {0};
      size_bind(cx->arena, &s, name_of(cx, "N"), n);
      Fn *f = sized(by_rows[i], true, &s), *g = pass_chunk(f, 0, 200);
      bool cut = count_op(g, OP_loop, false) == 1, want = i + 1 < COUNT_OF(by_rows);
      ck_assert_msg(cut == want, "%s\nis%s cut\n%s", by_rows[i], want ? " not" : "", dump_text(f));
      same_values(f, g, 3, by_rows[i]);
      ck_assert_ptr_eq(pass_chunk(f, 1e9, 1e6), f);
    }
}
START_TEST(test_chunked_gradients) { trapped(chunked_gradients); }
END_TEST

/* A thousand times the rows, and hardly more room. */
static int64_t workspace_of(const char *text, bool gradient, int64_t n) {
  SizeBindings s = {0};
  size_bind(cx->arena, &s, name_of(cx, "N"), n);
  Target t = compile_target(1);
  const Fn *f = compile_prepare(sized(text, gradient, &s), &s);
  return loop_lower(f, &t)->workspace;
}

static void chunked_room(void) {
  const char *text =
      "fn f(x: f64[N, 16], m: f64[50, 16], l: f64[50, 16, 16]) {\n"
      " let d[n, k, i] = x[n, i] - m[k, i]\n let y[n, k, i] = sum(j) l[k, i, j] * d[n, k, j]\n"
      " let q[n, k] = sum(i) y[n, k, i] * y[n, k, i]\n sum(logsumexp(-q, axis: 1))\n}";
  int64_t few = workspace_of(text, true, 100), many = workspace_of(text, true, 100000);
  ck_assert_msg(many < few + 100000 * 16 * 8 + (8 << 20),
                "%lld bytes for 100 rows, %lld for 100000", (long long)few, (long long)many);
}
START_TEST(test_chunked_room) { trapped(chunked_room); }
END_TEST

/* ---- loops in segments ---- */
static double any_bytes(const Loop *l) {
  (void)l;
  return 64;
}

static const char *tensor_text(const Tensor *t) {
  Text out = text_new(cx->arena);
  tensor_print(cx, t, 17, &out);
  return text_str(&out);
}

/* The same bits, by the evaluator. */
static void same_bits_of(const Fn *f, const Fn *g, uint64_t seed, const char *what) {
  ck_assert_msg(!ir_verify(g), "%s, seed %llu: %s\n%s", what, (unsigned long long)seed,
                ir_verify(g), dump_text(g));
  Tensor *in = random_inputs(f, seed, SPICE_SMOOTH);
  Tensor *x = NEWS(cx->arena, Tensor, f->out.n + 1), *y = NEWS(cx->arena, Tensor, f->out.n + 1);
  ir_eval(f, cx->arena, in, x, NULL);
  ir_eval(g, cx->arena, in, y, NULL);
  for (int i = 0; i < f->out.n; i++)
    ck_assert_msg(same_bits(&x[i], &y[i]),
                  "%s, seed %llu: output %d\n%.800s\nis\n%.800s\n%.1500s\nbecomes\n%.1500s", what,
                  (unsigned long long)seed, i, tensor_text(&x[i]), tensor_text(&y[i]), dump_text(f),
                  dump_text(g));
}

static void split_programs(void) {
  for (uint64_t seed = 1; seed <= 60; seed++) {
    Rng r = rng_at(seed);
    Fn *f = gen_loops(cx, &r);
    SplitPlan plan = {1 + rng_below(&r, 3), any_bytes};
    Fn *g = pass_split(f, &plan);
    same_bits_of(f, g, seed, "in segments");
    if (seed % 3) continue;
    bool *wrt = NEWS(cx->arena, bool, f->in.n);
    for (int i = 0; i < f->in.n; i++) wrt[i] = type_is_float(f->in.at[i].type);
    same_bits_of(pass_gradient(f, wrt, true), pass_gradient(g, wrt, true), seed,
                 "the gradient, in segments");
    same_bits_of(pass_tangent(f, wrt), pass_tangent(g, wrt), seed, "the tangent, in segments");
  }
}
START_TEST(test_split_programs) { trapped(split_programs); }
END_TEST

/* Trip counts with and without a rest, backwards, with a count, with a condition, with the index
 * used. */
static const char *const segmented[] = {
    "fn f(x0: f64[3], a: f64[3], n: i64) {\n var x = x0\n for t in 0..%d { x = sin(x) + a * t }\n "
    "sum(x)\n}",
    "fn f(x0: f64[3], a: f64[%d, 3], n: i64) {\n var x = x0\n for t in reversed(0..%d) {\n x = "
    "sin(x) + a[t] * t\n y[t] = x * t\n }\n"
    " sum(x) + sum(y * y)\n}",
    "fn f(x0: f64[3], a: f64[%d, 3], n: i64) {\n var x = x0\n for t in 0..n max %d {\n x = sin(x) "
    "+ a[t] * t\n y[t] = x\n }\n"
    " sum(x) + sum(cos(y))\n}",
    "fn f(x0: f64[3], a: f64[3], n: i64) {\n var x = x0\n while sum(abs(x)) > 0.05 max %d { x = "
    "0.8 * x * cos(a * x) }\n sum(x)\n}",
    "fn f(x0: f64[3], a: f64[%d, 3], n: i64) {\n var x = x0\n for t in 0..n max %d while sum(x * "
    "x) < 900.0 count steps {\n"
    " x = x + a[t] * a[t] + 1\n y[t] = x\n }\n sum(x) * f64(steps) + sum(y)\n}",
    "fn f(x0: f64[3], a: f64[3], n: i64) {\n var x = x0\n for t in 0..%d { for s in 0..%d { x = "
    "sin(x) + a * (t - s) } }\n sum(x)\n}",
};

static const char *with_number(const char *text, int n) {
  Text t = text_new(cx->arena);
  for (const char *p = text; *p; p++) {
    if (p[0] == '%' && p[1] == 'd') text_fmt(&t, "%d", n), p++;
    else text_add_n(&t, p, 1);
  }
  return text_str(&t);
}

static void split_loops(void) {
  static const int trips[] = {4, 5, 7, 12, 13, 30};
  SizeBindings none = {0};
  for (int i = 0; i < COUNT_OF(segmented); i++)
    for (int k = 0; k < COUNT_OF(trips); k++)
      for (int levels = 1; levels <= 3; levels++) {
        const char *text = with_number(segmented[i], trips[k]);
        Thrift thrift = {.levels = levels, .recompute = levels == 2};
        Fn *f = sized(text, false, &none), *d = sized(text, true, &none);
        same_bits_of(f, pass_split(f, &(SplitPlan){levels, any_bytes}), (uint64_t)k, text);
        cx->thrift = &thrift;
        Fn *g = sized(text, true, &none);
        cx->thrift = NULL;
        ck_assert_msg(count_op(g, OP_loop, true) > count_op(d, OP_loop, true), "%s\nis not split",
                      text);
        same_bits_of(d, g, (uint64_t)k, text);
      }
}
START_TEST(test_split_loops) { trapped(split_loops); }
END_TEST

/* ---- a bound ---- */
/* Gradients of loops in a half of the room they take, and in less and less: each way keeps to the
 * bound and to the values, and in the end there is none. */
static void bounded_programs(void) {
  SizeBindings none = {0};
  Target t = compile_target(1);
  for (int i = 0; i < COUNT_OF(segmented) - 1; i++) {
    const char *text = with_number(segmented[i], 300);
    Fn *f = function_of(text, "f");
    bool *wrt = NEWS(cx->arena, bool, f->in.n);
    for (int k = 0; k < f->in.n; k++) wrt[k] = type_is_float(f->in.at[k].type);
    Fn *later = pass_gradient_deferred(f, wrt, true);
    const Fn *whole = pass_expand(later), *g = whole;
    int64_t bytes = loop_lower(compile_prepare(whole, &none), &t)->workspace;
    int fitted = 0;
    cx->bound.threads = 1;
    for (int part = 2; g && part <= 1024; part *= 2) {
      cx->bound.bytes = MAX(bytes / part, 1);
      g = compile_prepare(later, &none);
      cx->bound.bytes = 0;
      if (!g) break;
      ck_assert_int_le(loop_lower(g, &t)->workspace, bytes / part);
      same_values(whole, g, 3, text);
      fitted++;
    }
    int least = strstr(text, "y[t]") ? 0 : 2; /* what is collected has to be there in the end */
    ck_assert_msg(fitted >= least && !g, "%s\nfits %d times, of %lld bytes", text, fitted,
                  (long long)bytes);
    ck_assert_int_eq(cx->diags->list.at[0]->code, E0706);
    diag_clear(cx);
  }
}
START_TEST(test_bounded_programs) { trapped(bounded_programs); }
END_TEST

/* ---- the memory plan ---- */
/* The workspace is at most 5 % above what lives at one time, in the bodies of loops too. */
static void near_bound(const LoopProgram *p, const char *what) {
  int64_t least = loop_least_workspace(p);
  ck_assert_msg(p->workspace >= least && (double)p->workspace <= 1.05 * (double)least + 64,
                "%s: %lld bytes, %lld live", what, (long long)p->workspace, (long long)least);
  for (int k = 0; k < p->kernel.n; k++) {
    const Call *c = p->kernel.at[k]->call;
    if (c) near_bound(c->body, what);
    if (c && c->other) near_bound(c->other, what);
  }
}

static void workspaces(void) {
  Target t = compile_target(2);
  for (uint64_t seed = 1; seed <= 120; seed++) {
    Rng r = rng_at(seed);
    GenOptions o = {.size = 14, .smooth = true};
    Fn *f = seed % 2 ? gen_loops(cx, &r) : gen_function(cx, &r, &o);
    bool *wrt = NEWS(cx->arena, bool, f->in.n);
    for (int i = 0; i < f->in.n; i++) wrt[i] = type_is_float(f->in.at[i].type);
    const char *what = text_printf(cx, "seed %llu", (unsigned long long)seed);
    near_bound(loop_lower(pass_simplify(f), &t), what);
    Fn *g = pass_adjoint(f, wrt);
    if (g) near_bound(loop_lower(pass_simplify(g), &t), what);
    diag_clear(cx);
  }
}
START_TEST(test_workspaces) { trapped(workspaces); }
END_TEST

/* A chain of elementwise values between contractions takes two places, not one for each. */
static void in_place(void) {
  const char *text =
      "fn f(x: f64[64, 64], w: f64[64, 64]) {\n let a = exp(x @ w)\n let b = tanh(a * sum(a))\n"
      " let c = tanh(b * sum(b))\n let d = tanh(c * sum(c))\n d * sum(d)\n}";
  SizeBindings none = {0};
  Target t = compile_target(1);
  LoopProgram *p = loop_lower(sized(text, false, &none), &t);
  int into = 0;
  for (int i = 0; i < p->buf.n; i++) into += p->buf.at[i].into >= 0;
  ck_assert_msg(into >= 2 && p->workspace < 2 * 64 * 64 * 8, "%d in place, %lld bytes", into,
                (long long)p->workspace);
}
START_TEST(test_in_place) { trapped(in_place); }
END_TEST

/* Rows that a loop reads from memory are asked for some steps before: short ones, of tensors that
 * the second cache doesn't hold together with what the loop makes. */
static void asked_rows(void) {
  static const struct {
    int64_t row, steps;
    bool asked;
  } cases[] = {{14, 40000, true}, {14, 400, false}, {1, 400000, true}, {640, 2000, false}};
  const char *text = "fn f(xs: f64[T, B], h0: f64[B]) {\n var h = h0\n"
                     " for t in reversed(0..T) { h = tanh(h + xs[t]) }\n h\n}";
  for (int i = 0; i < COUNT_OF(cases); i++) {
    SizeBindings sizes = {0};
    size_bind(cx->arena, &sizes, name_of(cx, "B"), cases[i].row);
    size_bind(cx->arena, &sizes, name_of(cx, "T"), cases[i].steps);
    Target t = compile_target(1);
    t.l2 = 1 << 20;
    LoopProgram *p = loop_lower(sized(text, false, &sizes), &t);
    const Call *c = NULL;
    for (int k = 0; k < p->kernel.n; k++) c = p->kernel.at[k]->call ? p->kernel.at[k]->call : c;
    ck_assert_msg(c && (c->asked && c->asked[0]) == cases[i].asked, "%lld steps of %lld numbers",
                  (long long)cases[i].steps, (long long)cases[i].row);
  }
}
START_TEST(test_asked_rows) { trapped(asked_rows); }
END_TEST

Suite *memory_suite(void);
Suite *memory_suite(void) {
  Suite *s = suite_create("memory");
  TCase *t = tcase_create("memory");
  tcase_set_timeout(t, 120);
  tcase_add_checked_fixture(t, fixture_rules, fixture_end);
  tcase_add_test(t, test_hoisted_programs);
  tcase_add_test(t, test_hoisted_shapes);
  tcase_add_test(t, test_hoisting_bound);
  tcase_add_test(t, test_cuts);
  tcase_add_test(t, test_tapes);
  tcase_add_test(t, test_whole_rows);
  tcase_add_test(t, test_chunked_programs);
  tcase_add_test(t, test_chunked_gradients);
  tcase_add_test(t, test_chunked_room);
  tcase_add_test(t, test_split_programs);
  tcase_add_test(t, test_split_loops);
  tcase_add_test(t, test_bounded_programs);
  tcase_add_test(t, test_workspaces);
  tcase_add_test(t, test_in_place);
  tcase_add_test(t, test_asked_rows);
  suite_add_tcase(s, t);
  return s;
}
