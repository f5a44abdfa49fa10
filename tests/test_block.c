/* test_block.c: what is too large for the caches is made in blocks of the batch (pass/block.c). The
 * values stay; scores of attention take the room of one head; what can't be computed an index of
 * the batch at a time isn't. */
#include "driver/compile.h"
#include "fixture.h"
#include "gen_program.h"
#include "pass/block.h"

/* ---- helpers ---- */
/* Function f of the text, or its gradient, with T = n. */
static Fn *with_rows(const char *text, bool gradient, int64_t n) {
  SizeBindings s = {0};
  size_bind(cx->arena, &s, name_of(cx, "T"), n);
  return sized(text, gradient, &s);
}

static int loops_of(const Fn *f) {
  int n = 0;
  for (Val v = 1; v < f->ins.n; v++) n += fn_ins(f, v)->op == OP_loop;
  return n;
}

/* Regions that use up what they make, in blocks of so many bytes; all rows of an index at once. */
static Fn *blocked(const Fn *f, double wide, double block, double tall) {
  Blocks p = block_plan(f, wide);
  return p.n ? block_build(&p, block, tall, tall) : (Fn *)f;
}

/* ---- programs ---- */
static const struct {
  const char *text;
  int forward, gradient; /* loops made of the function and of its gradient */
} programs[] = {
    /* heads first, heads behind, one mask for all */
    {"fn f(q: f64[2, 3, T, 2], k: f64[2, 3, T, 2], v: f64[2, 3, T, 2]) {\n"
     " let p = softmax(q @ transpose(k, (0, 1, 3, 2)))\n sum((p @ v)**2)\n}",
     1, 1},
    {"fn f(q: f64[2, T, 3, 2], k: f64[2, T, 3, 2], v: f64[2, T, 3, 2]) {\n"
     " let s[b, h, i, j] = sum(d) q[b, i, h, d] * k[b, j, h, d]\n"
     " let m[b, h, i, j] = if j <= i then s[b, h, i, j] else -inf\n let p = softmax(m)\n"
     " let o[b, i, h, d] = sum(j) p[b, h, i, j] * v[b, j, h, d]\n sum(o**2)\n}",
     1, 1},
    /* the way back of the first needs the second's: each has two regions */
    {"fn f(x: f64[4, T, 3], w: f64[3, 3]) {\n let p = softmax(x @ transpose(x, (0, 2, 1)))\n"
     " let y = tanh(reshape(p @ x, (-1, 3)) @ w)\n let z = reshape(y, (4, T, 3))\n"
     " let r = softmax(z @ transpose(z, (0, 2, 1)))\n sum((r @ z)**2)\n}",
     2, 3},
    /* a maximum over the batch lies between: nothing is used up on one side */
    {"fn f(x: f64[4, T, 3]) {\n let s = x @ transpose(x, (0, 2, 1))\n"
     " let p = s / (1 + max(s * s))\n sum((p @ x)**2)\n}",
     0, 0},
    /* products with the same weights have no batch */
    {"fn f(x: f64[4, T, 3], w: f64[3, 90]) {\n let h = tanh(reshape(x, (-1, 3)) @ w)\n"
     " sum((h @ transpose(w))**2)\n}",
     0, 0},
};

static void blocked_values(void) {
  for (int i = 0; i < COUNT_OF(programs); i++)
    for (int gradient = 0; gradient < 2; gradient++) {
      Fn *f = with_rows(programs[i].text, gradient, 12);
      const char *what = programs[i].text;
      for (double block = 100; block <= 5000; block *= 7) {
        same_values(f, blocked(f, 4000, block, 1e9), 3, what);
        same_values(f, blocked(f, 4000, block, 500), 4, what);
      }
    }
}
START_TEST(test_blocked_values) { trapped(blocked_values); }
END_TEST

static void blocked_regions(void) {
  for (int i = 0; i < COUNT_OF(programs); i++)
    for (int gradient = 0; gradient < 2; gradient++) {
      Fn *f = with_rows(programs[i].text, gradient, 12), *g = blocked(f, 4000, 2000, 1e9);
      int want = gradient ? programs[i].gradient : programs[i].forward;
      ck_assert_msg(loops_of(g) == want, "%s\n%d loops, not %d\n%s", programs[i].text, loops_of(g),
                    want, dump_text(g));
      ck_assert_int_eq(loops_of(blocked(f, 1e9, 1e9, 1e9)), 0);
    }
}
START_TEST(test_blocked_regions) { trapped(blocked_regions); }
END_TEST

/* The scores of twelve heads are 3 MB for 256 places and 12 MB for 512; the gradient has several of
 * them. */
static void blocked_room(void) {
  const char *text = "fn f(q: f32[12, T, 64], k: f32[12, T, 64], v: f32[12, T, 64]) {\n"
                     " let p = softmax(q @ transpose(k, (0, 2, 1)))\n sum((p @ v)**2)\n}";
  Target t = compile_target(1);
  for (int64_t n = 256; n <= 512; n *= 2) {
    int64_t bytes = loop_lower(pass_block(with_rows(text, true, n)), &t)->workspace;
    int64_t rows = 12 * n * 64 * 4; /* one of q, k, v, .. */
    ck_assert_msg(bytes < 4 * rows + (2 << 20), "%lld bytes for %lld places", (long long)bytes,
                  (long long)n);
  }
}
START_TEST(test_blocked_room) { trapped(blocked_room); }
END_TEST

/* ---- iterations by workers ---- */
static const char attention[] =
    "fn f(q: f32[12, T, 64], k: f32[12, T, 64], v: f32[12, T, 64]) {\n"
    " let p = softmax(q @ transpose(k, (0, 2, 1)))\n sum((p @ v)**2)\n}";

static const Call *first_call(const LoopProgram *p) {
  for (int i = 0; i < p->kernel.n; i++)
    if (p->kernel.at[i]->call) return p->kernel.at[i]->call;
  ck_abort_msg("no loop");
}

static const Call *loop_for(const char *text, int64_t n, int threads) {
  Target t = compile_target(threads);
  return first_call(loop_lower(pass_block(with_rows(text, true, n)), &t));
}

/* Iterations that make rows of their own are shared where their number comes out even and there is
 * enough to do; those that hand on values aren't. */
static void shared_iterations(void) {
  const char *little = "fn f(x: f32[12, 8]) {\n for t in 0..12 { y[t] = x[t] * x[t] }\n sum(y)\n}",
             *handed = "fn f(x: f32[12, T, 64], w: f32[64, 64]) {\n var h = x[0]\n"
                       " for t in 0..12 { h = tanh(x[t] + h @ w) }\n sum(h)\n}";
  ck_assert(!loop_for(attention, 256, 1)->shared);
  for (int threads = 2; threads <= 4; threads++) {
    const Call *c = loop_for(attention, 256, threads);
    ck_assert(c->shared);
    ck_assert_int_eq(c->body->target.threads, 1);
  }
  ck_assert(!loop_for(attention, 256, 5)->shared); /* three turns for five workers' twelve */
  ck_assert(!loop_for(little, 0, 2)->shared);
  ck_assert(!loop_for(handed, 256, 2)->shared);
  cx->bound.bytes = 64 << 20; /* room counts: one workspace */
  ck_assert(!loop_for(attention, 256, 2)->shared);
  cx->bound.bytes = 0;
}
START_TEST(test_shared_iterations) { trapped(shared_iterations); }
END_TEST

/* One, two or three threads give the same bits, also where code for three runs alone. */
static void shared_bits(void) {
  const Fn *f = pass_block(with_rows(attention, true, 256));
  Tensor *in = random_inputs(f, 5, SPICE_SMOOTH);
  void **ip = NEWS(cx->arena, void *, f->in.n), *first[8], *out[8];
  for (int i = 0; i < f->in.n; i++) ip[i] = in[i].data;
  for (int run = 0; run < 4; run++) {
    int threads = run < 3 ? run + 1 : 3;
    Target t = compile_target(threads);
    GradcRt *rt = gradc_rt_new(threads);
    const Compiled *c = compile_native(f, &t);
    ck_assert_ptr_nonnull(c);
    ck_assert_int_le(f->out.n, COUNT_OF(out));
    for (int i = 0; i < f->out.n; i++) {
      const Ins *y = fn_ins(f, f->out.at[i].val);
      Tensor room = tensor_new(cx, cx->arena, (DType)y->type, &y->shape);
      out[i] = room.data;
      if (run == 0) first[i] = out[i];
    }
    c->run(ip, out, c->workspace, run < 3 ? rt : NULL);
    for (int i = 0; i < f->out.n; i++)
      ck_assert(!memcmp(first[i], out[i], (size_t)ins_bytes(cx, fn_ins(f, f->out.at[i].val))));
    gradc_rt_free(rt);
  }
}
START_TEST(test_shared_bits) { trapped(shared_bits); }
END_TEST

/* What an input of a convolution gets back is summed from windows that are never made: it is not
 * large, however many there are. */
static void windows_are_not_wide(void) {
  const char *text = "fn f(x: f32[32, 16, T, T], w: f32[16, 16, 3, 3]) =\n"
                     " sum(conv2d(x, w, pad: 1)**2)";
  ck_assert_int_eq(loops_of(pass_block(with_rows(text, true, 32))), 0);
}
START_TEST(test_windows_are_not_wide) { trapped(windows_are_not_wide); }
END_TEST

Suite *block_suite(void);
Suite *block_suite(void) {
  Suite *s = suite_create("block");
  TCase *t = tcase_create("block");
  tcase_add_checked_fixture(t, fixture_rules, fixture_end);
  tcase_set_timeout(t, 120);
  tcase_add_test(t, test_blocked_values);
  tcase_add_test(t, test_blocked_regions);
  tcase_add_test(t, test_blocked_room);
  tcase_add_test(t, test_shared_iterations);
  tcase_add_test(t, test_shared_bits);
  tcase_add_test(t, test_windows_are_not_wide);
  suite_add_tcase(s, t);
  return s;
}
