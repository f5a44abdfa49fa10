/* test_roundtrip.c: the law parse(print(f)) == f, on functions and on their derivatives: what is
 * printed is declared in a second program and must give the same function, instruction by
 * instruction. */
#include "fixture.h"
#include "pass/pass.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- programs ---- */
static Program *program_of(const char *label, const char *text) {
  Program *p = front_new(cx);
  int32_t source = cx_add_source(cx, label, text, strlen(text), false);
  front_declare(p, ast_parse(cx, source));
  ck_assert_msg(!diag_errors(cx), "%.3000s\n%.3000s", text, diag_text(cx));
  return p;
}

static void check_law(const Fn *f) {
  const char *wrong = ir_verify(f);
  ck_assert_msg(!wrong, "%s", wrong);
  if (getenv("ROUNDTRIP_DUMP")) fputs(dump_text(f), stderr);
  const char *text = nn_text(f);
  Fn *g = front_function(program_of("printed", text), f->name);
  ck_assert_msg(g != NULL, "%.3000s\n%.3000s", text, diag_text(cx));
  ck_assert_msg(ir_equal(f, g), "%.3000s\n%.3000s\n%.3000s", text, dump_text(f), dump_text(g));
}

/* The gradient with respect to all float inputs, and its gradient, where the result is a scalar. */
static void check_derivatives(const Fn *f, int order) {
  const Ins *y = fn_ins(f, f->out.at[0].val);
  if (f->out.n > 1 || y->shape.rank || !type_is_float((DType)y->type) || !order) return;
  bool *wrt = NEWS(cx->arena, bool, f->in.n + 1), any = false;
  for (int i = 0; i < f->in.n; i++) any |= wrt[i] = type_is_float(f->in.at[i].type);
  if (!any) return;
  Fn *d = pass_gradient(f, wrt, true);
  if (!d) return;
  check_law(d);
  d = pass_simplify(d);
  check_law(d);
  /* the second: of the sum of the first gradient */
  Builder b = ir_begin(cx, name_fmt(cx, "%s_second", f->name));
  Val args[64], outs[64], sum = 0;
  ck_assert_int_lt(d->in.n, 64);
  for (int i = 0; i < d->in.n; i++) {
    const Input *in = &d->in.at[i];
    args[i] = ir_input(&b, in->name, in->type, &in->shape, in->role, in->span);
  }
  ir_inline(&b, d, args, outs);
  DType t = ir_type(&b, outs[0]);
  for (int i = 1; i < d->out.n; i++) {
    if (ir_type(&b, outs[i]) != t) continue;
    Val part = ir_fold(&b, OP_sum, outs[i], (1u << ir_shape(&b, outs[i])->rank) - 1);
    sum = sum ? ir_map2(&b, OP_add, sum, part) : part;
  }
  if (!sum) return;
  ir_output(&b, NULL, sum);
  check_derivatives(ir_finish(&b), order - 1);
}

static Status check_program(void *arg) {
  Program *p = arg;
  for (int i = 0; i < front_fn_count(p); i++) {
    Fn *f = front_function(p, front_fn_node(p, i)->name);
    if (!f) {
      diag_clear(cx); /* not all arguments have types */
      continue;
    }
    check_law(f);
    Fn *d = pass_expand(f);
    if (d) {
      check_law(d);
      check_derivatives(d, 2);
    }
    diag_clear(cx); /* some have no derivative */
  }
  return ST_OK;
}

static void check_source(const char *label, const char *text) {
  Program *p = program_of(label, text);
  Status s = cx_guard(cx, check_program, p);
  ck_assert_msg(s == ST_OK, "%s: %s", label, cx->trap_text);
}

/* ---- sources ---- */
static const char *const sources[] = {
#define F(text) text
    F("fn f(x: f64, y: f64) = (x + y) * (x - y) / (x - (y - 1)) ** 2 - -x"),
    /* a function that was printed within another, where a value has its name */
    F("fn m(x: f64[2]) = x / (x * x + 1)\nfn g(x: f64[2], t: f64[2]) = jvp(m)(x, t)[1]\n"
      "fn h(v) { let m = stop(v)\n v * m }\n"
      "fn f(v: f64[2], w: f64[2, 2]) { let d = h(v)\n let a = vmap(g, over: t)(d, w)\n"
      "let (y, dx) = vjp(m)(sum(a, axis: 0), d)\n sum(dx * y) }"),
    /* axes that were merged, and their parts */
    F("fn f(p: f64[2, 5, 3], v: f64[3, 8]) { let y[t, c] = sum(u) p[c // 4, t, u] * v[u, c]\n "
      "sum(y ** 3) }"),
    F("fn f(q: f64[6, 2, 5], k: f64[2, 3, 5]) { let y[a, t, u] = sum(d) q[a, t, d] * k[a % 2, u, "
      "d]\n sum(y ** 3) }"),
    F("fn f(x: f64[N, 3 * 8]) { let y[n, h: 0..3, d: 0..8] = x[n, 8 * h + d]\n sum(y ** 3) }"),
    /* vmap, jacobian, hessian, hvp */
    F("fn g(x: f64[N], y: f64[3]) = tanh(x) * sum(y * y)\nfn f(x: f64[N], y: f64[3]) = "
      "jacobian(g)(x, y)[0]"),
    F("fn g(x: f64[N], y: f64[3]) = sum(x) * y * y\nfn f(x: f64[N], y: f64[3]) = jacobian(g, wrt: "
      "y)(x, y)"),
    F("fn g(x: f64[2, 3]) = x * sum(x)\nfn f(x: f64[2, 3]) = sum(jacobian(g)(x) ** 2)"),
    F("fn g(x: f64[2, 3]) = sum(x) ** 3\nfn f(x: f64[2, 3]) = sum(hessian(g, mode: reverse)(x) ** "
      "2)"),
    F("fn g(x: f64[N]) = sum(x ** 3)\nfn f(x: f64[N], v: f64[N]) = sum(hvp(g)(x, v))"),
    F("param W: f64[3, 2]\nfn g(x: f64[3]) = sin(x @ W)\nfn f(x: f64[N, 3]) = sum(vmap(g)(x))"),
    F("fn g(x: f64[3], k: f64) = (sin(x * k), sum(x))\nfn f(x: f64[N, 3], k: f64) { let (a, b) = "
      "vmap(g, over: x)(x, k)\n sum(a) * sum(b) }"),
    F("fn root(a: f64) { var x = a\n while abs(x * x - a) > 1e-9 max 60 { x = 0.5 * (x + a / x) "
      "}\n x }\n"
      "fn f(a: f64[N]) = sum(vmap(root)(a) ** 2)"),
    /* sizes that no call finds: the printed function has a size of its own for the expression */
    F("fn f(x: f64[N, M]) = median(x)"),
    F("fn f(x: f64[N, N]) = quantile(x, 0.3)"),
    F("fn q(v: f64[K]) = sum(v[1:] * v[:K - 1]) / K\n"
      "fn f(x: f64[2, N, M + 1]) = checkpoint q(reshape(x, -1))"),
    F("fn half(v) = v[:size(v) // 2]\nadjoint half(v; y, dy) = pad(dy, axis: 0, before: 0, "
      "after: size(v) - size(v) // 2)\nfn f(x: f64[2, N, M]) = sum(half(reshape(x, -1)) ** 2)"),
    F("fn soft(x: f64[H, W]) = log(1 + exp(x))\nadjoint soft(x; y, dy) = dy * sigmoid(x)\n"
      "fn f(x: f64[1, 1, H, W]) = sum(soft(max_pool(max_pool(x, 2), 2)[0, 0]) ** 2)"),
    F("fn soft(x: f64[A], y: f64[B, C]) = log(1 + exp(x)) + sum(y)\n"
      "adjoint soft(x, y; z, dz) = (dz * sigmoid(x), dz[0] * y)\n"
      "fn f(x: f64[N], y: f64[M], z: f64[N, M]) = "
      "sum(soft(concat((x, y, y[1:]), axis: 0), z[1:, 1:]))"),
    F("fn run(v: f64[K, L]) { var s = v\n while sum(s * s) > 1 max K { s = s * 0.5 }\n s @ "
      "transpose(v) }\n"
      "fn f(x: f64[N, M]) = sum(vmap(run)(reshape(x, (1, N * M, 1))))"),
    /* rules and checkpoints */
    F("fn soft(x) = log(1 + exp(x))\nadjoint soft(x; y, dy) = dy * sigmoid(x)\nfn f(x: f64[N]) = "
      "sum(soft(x) ** 2)"),
    F("fn soft(x) = log(1 + exp(x))\ntangent soft(x, dx; y) = dx * sigmoid(x)\nfn f(x: f64[N]) = "
      "sum(soft(x) ** 2)"),
    F("fn pair(a, b) = (a * b, a + b)\nadjoint pair(a, b; y, dy) = (dy[0] * b + dy[1], dy[0] * a + "
      "dy[1])\n"
      "fn f(a: f64[N], b: f64[N]) { let (p, q) = pair(a, b)\n sum(p * q) }"),
    F("param w: f64[N]\nfn scale(x) = w * x\nadjoint scale(x, w; y, dy) = (dy * w, dy * x)\nfn "
      "f(x: f64[N]) = sum(scale(x) ** 2)"),
    F("fn block(h, W) = tanh(h @ W) + h\nfn f(h: f64[2, 3], W: f64[4, 3, 3]) { var y = h\n for t "
      "in 0..4 { y = checkpoint block(y, W[t]) }\n sum(y * y) }"),
    F("fn block(h) = (sin(h), h * h)\nfn f(h: f64[3]) { let (a, b) = checkpoint block(h)\n sum(a * "
      "b) }"),
    F("fn f(x: f32[N, 3], c: f32[3]) = exp(x + c) * 0.1 - 1e-7"),
    F("fn f(x: f32[N]) = sum(x) / N + f32(N * N - 1)"),
    F("fn f(x: f64[N, M]) = sum(exp(x - max(x, axis: 1, keepdims: true)))"),
    F("fn f(x: f32[N, M]) = softmax(x, axis: 1)"),
    F("fn f(x: f32[N, M], l: i32[N]) = mean(cross_entropy(x, l))"),
    F("fn f(a: f32[I, K], b: f32[K, J]) = a @ b"),
    F("fn f(a: f32[B, I, K], b: f32[B, K, J]) = sum(tanh(a @ b))"),
    F("fn f(a: f32[B, I, K], b: f32[K, J]) = sum((a @ b) ** 3)"),
    F("fn f(a: f64[I, K], b: f64[K]) = sum(sin(a @ b))"),
    F("fn f(a: f64[K], b: f64[K]) = a @ b"),
    F("fn f(a: f64[I], b: f64[J]) { let c[i, j] = a[i] * b[j]\n sum(exp(c)) }"),
    F("fn f(x: f64[N, C, H + 2, W + 2], w: f64[O, C, 3, 3]) {\n"
      "let y[n, o, i, j] = sum(c, r, s) x[n, c, i + r, j + s] * w[o, c, r, s]\n sum(tanh(y)) }"),
    F("fn f(x: f64[2, 3, 8, 8]) { let p[n, c, i, j] = max(r: 0..2, s: 0..2) x[n, c, 2*i + r, 2*j + "
      "s]\n sum(p * p) }"),
    F("fn f(t: f32[V, D], ids: i32[T]) { let e[t_, d] = t[ids[t_], d]\n sum(exp(e)) }"),
    F("fn f(t: f32[V, D], ids: i32[T]) = sum(t[ids] ** 2)"),
    F("fn f(s: f64[N, N]) { let m[i, j] = if j <= i then s[i, j] else -inf\n sum(exp(m)) }"),
    /* a read under a condition doesn't tell the range that another one would */
    F("fn f(x: f32[4, 33], v: f32[5, 2, 7]) { let t[i: 0..5, j: 0..2, k: 0..7] = if x[3 - j, i + "
      "2*k] == 0 then v[i, j, k] else 0\n t }"),
    F("fn f(x: f64[10]) = sum(x[1:4] * x[7:4:-1]) + x[0] * x[-1]"),
    F("fn f(x: f64[10, 4]) = sum(x[::2, 1] * x[1::2, 2])"),
    F("fn f(x: f64[N + 2]) { let d[i] = x[i + 2] - 2 * x[i + 1] + x[i]\n sum(d * d) }"),
    F("fn f(x: f64[4, 6]) = sum(exp(reshape(x, (3, 8))) @ reshape(x, (8, 3)))"),
    F("fn f(x: f64[4, 6]) = sum(exp(transpose(x)) * reshape(x, (6, 4)))"),
    F("fn f(x: f64[4]) = sum(exp(pad(x, axis: 0, before: 1, after: 2)))"),
    F("fn f(x: f64[N]) = prod(x) + max(x) * min(x)"),
    F("fn f(x: f64[N], y: f64[N]) = [sum(x * y), min(x @ y, 1)]"),
    F("fn f(x: f64[3], y: f64[3]) = sum([x, y] * [y, x])"),
    F("fn f(x: f64[3], y: f64[2]) = sum(exp(concat((x, y), axis: 0)))"),
    /* parts side by side: of any axis, equal ones, nested, some of them numbers */
    F("fn f(x: f64[N, 3], y: f64[N, 2]) = sum(exp(concat((x * x, y, sin(x)), axis: 1)))"),
    F("fn f(x: f64[N], y: f64[M]) = sum(exp(concat((x, concat((y, y)), x[1:]))))"),
    F("fn f(x: f64, y: f64) = sum(exp([x, x, x]) + exp([x, y, 2.5]) + [sin(y), 0.0, x])"),
    F("fn f(x: f64[3]) { let a = [x[0] * x[1], x[1], x[2] * x[2]]\n a @ [[a[2], x[0], 1], [a, "
      "a][1], "
      "x] @ a }"),
    F("fn f(x: f64[N, 1, 4], y: f64[N, 1, 4]) = sum(stack((x, y, x * y), axis: 1) ** 3)"),
    F("fn f(x: f64[1, 4], y: f64[1, 4]) = sum(concat((x, y * x, y), axis: 0) ** 3)"),
    F("fn f(x: i32[N], y: i32[3], b: bool[2]) = (concat((x, y, x)), concat((b, b, not b)))"),
    F("fn f(x: f64[N], y: f64[N]) { let r[i] = sum([x[i], y[i], x[i] * y[i]] ** 2)\n r }"),
    F("fn f(x: f64[5]) = sum(roll(x, 2) * x) + sum(concat((x[3:], x[:3])) ** 3)"),
    /* choices that are no parts side by side */
    F("fn f(x: f64[N]) { let y[i: 0..N] = if i >= 3 then x[i] else 0\n sum(y * y) }"),
    F("fn f(x: f64[M], y: f64[N]) { let z[i: 0..M + N] = if i >= M then y[i - M] else x[i]\n "
      "sum(z * z) }"),
    F("fn f(x: f64[4], y: f64[4]) { let z[i: 0..7] = if i >= 3 then y[i - 3] else x[i]\n sum(z * "
      "z) "
      "}"),
    /* what a loop carries and leaves alone, or carries for nobody */
    F("fn f(x: f64[N]) { var s = 0.0\n var z = x\n for t in 0..10 { s = s + sum(z); z = sin(z) * x "
      "}\n s }"),
    F("fn f(x: f64) { var a = x\n var b = 2 * x\n var c = 0.0\n while a < 9 max 20 count n { a = a "
      "+ b; c "
      "= "
      "c + a; b = b }\n a * b + f64(n) }"),
    F("fn f(x: f64[4]) { var a = x\n var b = x * x\n for t in 0..3 { let k = a\n a = b; b = k }\n "
      "sum(a * b) }"),
    F("fn f(x: i32[N], y: i32[N]) = (x // y + x % y, bitxor(shl(x, 3), ushr(y, 2)), -2147483648)"),
    F("fn f(x: f32, b: bool) = if b and not x < 0 or x == 1 then x else (if b then 0 else 1)"),
    F("fn f(x: f32[N]) = (argmax(x), f64(x), bool(x), i64(5), u8(x), true)"),
    F("fn f(x: f64) = stop(x) * x + floor(x) + erf(x) + atan2(x, 2) + copysign(x, -0.0)"),
    F("fn f(x: f64) = sin(x) * exp(x)\nfn g(x: f64) = grad(f)(x)\nfn h(x: f64) = grad(g)(x)"),
    F("param w: f64[3]\nfn f(x: f64[3]) = sum(tanh(x * w))\nfn g(x: f64[3]) = "
      "value_and_grad(f)(x)\n"
      "fn h(x: f64[3]) = jvp(f)(x, x)\nfn k(x: f64[3]) = vjp(f, wrt: x)(x, 2)"),
    F("param W1: f32[8, 4]\nparam b1: f32[4]\nparam W2: f32[4, 3]\n"
      "fn loss(x: f32[N, 8], l: i32[N]) = mean(cross_entropy(relu(x @ W1 + b1) @ W2, l))"),
    /* states: read, assigned, in a loop, in a derivative, in a checkpoint */
    F("state m: f64[3] ~ 1.0\nstate n: i32\nparam w: f64[3]\nfn f(x: f64[N, 3]) { n += 1; m = 0.5 "
      "* "
      "m + mean(x, axis: 0)\n sum((x - m) * w * w) * f64(n) }\n"
      "fn g(x: f64[N, 3]) { var s = 0.0\n for t in 0..4 { s = s + f(x) }\n s }\n"
      "fn h(x: f64[N, 3]) = (grad(f)(x), n)\nfn k(x: f64[N, 3]) = (checkpoint f(x), m)"),
    F("fn f(x: f64[N, D], g: f64[D]) = sum(layer_norm(x) * g)"),
    F("fn f(x: f64[2, 1, 6, 6], w: f64[2, 1, 3, 3]) = sum(max_pool(conv2d(x, w, stride: 1, pad: "
      "1), 2))"),
    F("fn f(a: f64) { var x = a\n while abs(x*x - a) > 1e-12 max 100 { x = 0.5 * (x + a / x) }\n x "
      "}"),
    F("fn f(a: f64) { var x = a\n while { let r = x*x - a; let s = exp(r); s + s*r > 2 } max 100 "
      "count n "
      "{ x = 0.5 * (x + a / x) }\n x + f64(n) }"),
    F("param Wx: f32[2, 3]\nparam Wh: f32[3, 3]\nfn f(xs: f32[T, N, 2]) { var h = zeros((N, 3))\n"
      "for t in 0..T { h = tanh(xs[t] @ Wx + h @ Wh)\n ys[t] = h * 2 }\n sum(h) + sum(ys) }"),
    F("fn f(x: f64[N, M]) { var s = 0.0\n for i in 0..N { for j in 0..M { s += x[i, j] * sin(s + "
      "i) }\n"
      "r[i] = s }\n sum(r * r) }"),
    F("fn f(x: f64[N], n: i32) { var s = 0.0; var p = 1.0\n for t in reversed(0..n max N) { let q "
      "= p\n"
      "p = s + x[t]; s = q * t }\n s * p }"),
    F("fn f(x: f64[N], c: bool) { var a = sum(x); var b = x\n if c { b = x * 2; a = a * a } else { "
      "b = exp(b) }\n"
      "a + sum(b) }"),
    F("fn f(x: f64, n: i64) { var y = x\n for t in 0..n max 20 { if y > 1 { y = y / 2 } else if y "
      "< 0 { y = 3.0 } "
      "else { y = x * y } }\n y }"),
    F("fn f(x: f64[T + 2, N]) { for t in 1..T + 1 { d[t] = x[t + 1] - 2 * x[t] + x[t - 1] }\n "
      "sum(d * d) }"),
    F("fn f(x: f64[T], k: i32[T]) { var s = 0.0\n for t in 0..T { s = s * x[k[t]] + inside(x[t - "
      "1]) }\n s }"),
    F("fn f(x: f64[N, T]) { let y[n] = { var s = 0.0; for t in 0..T { s = tanh(s + x[n, t]) }; s "
      "}\n sum(y) }"),
    F("fn g(w: f64[D], x: f64[D]) = tanh(w @ x)\n"
      "fn f(x: f64[D]) { var w = x\n for t in 0..5 { w = w - 0.1 * grad(g, wrt: w)(w, x) }\n "
      "sum(w) }"),
    F("fn f(x: f64[N]) { var a = x[0]; var b = x[1]\n for t in 0..N while a < 9 { let c = a; a = "
      "b; b = c + x[t]\n"
      "y[t] = b }\n sum(y) + a + b }"),
    F("fn f(x: f64[3]) { for t in 0..4 { y[t] = t; z[t] = 2.0; w[t] = x }\n (y, z, w) }"),
#undef F
};

START_TEST(test_sources) {
  char label[32];
  snprintf(label, sizeof label, "source %d", _i);
  check_source(label, sources[_i]);
}
END_TEST

static const char *const examples[] = {"fashion_mlp", "logistic",           "polyfit",
                                       "rosenbrock",  "softmax_regression", "cnn"};

/* The sections of a file, which lines of dashes part; without the lines that hold expressions and
 * expectations. Returns how many. */
static int read_file(const char *folder, const char *name, Text *section, int max) {
  char path[1024], line[4096];
  int n = 0;
  snprintf(path, sizeof path, "%s/%s/%s.nn", TEST_SRCDIR, folder, name);
  FILE *file = fopen(path, "r");
  ck_assert_msg(file != NULL, "%s", path);
  section[n++] = text_new(cx->arena);
  while (fgets(line, sizeof line, file)) {
    if (!strncmp(line, "---", 3) && n < max) section[n++] = text_new(cx->arena);
    else if (!strchr(">=~!", *line)) text_add(&section[n - 1], line);
  }
  fclose(file);
  return n;
}

static void check_file(const char *folder, const char *name) {
  Text section[64];
  int n = read_file(folder, name, section, COUNT_OF(section));
  for (int i = 0; i < n; i++) check_source(name, text_str(&section[i]));
}

START_TEST(test_examples) { check_file("examples", examples[_i]); }
END_TEST

static const char *const lang[] = {"broadcasting",   "control_flow", "derivatives", "functions",
                                   "index_notation", "indexing",     "prelude",     "rearranging",
                                   "reductions",     "science",      "special"};

START_TEST(test_lang) { check_file("tests/lang", lang[_i]); }
END_TEST

Suite *roundtrip_suite(void);
Suite *roundtrip_suite(void) {
  Suite *s = suite_create("roundtrip");
  TCase *t = tcase_create("roundtrip");
  tcase_add_checked_fixture(t, fixture_bare, fixture_end);
  tcase_add_loop_test(t, test_sources, 0, COUNT_OF(sources));
  tcase_add_loop_test(t, test_examples, 0, COUNT_OF(examples));
  tcase_add_loop_test(t, test_lang, 0, COUNT_OF(lang));
  suite_add_tcase(s, t);
  return s;
}
