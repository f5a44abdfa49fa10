/* test_check.c: the checker: values of programs by the reference evaluator, the types of symbolic
 * functions, the codes and whole texts of diagnostics, and the rules of the op table. */
#include "fixture.h"
#include "ir/rules.h"
#include "pass/pass.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static Program *program;

static void set_up(void) {
  fixture_bare();
  program = front_new(cx);
  ck_assert_int_eq(diag_errors(cx), 0);
}

static void declare(const char *text) {
  front_declare(program, ast_parse(cx, cx_add_source(cx, "t.nn", text, strlen(text), false)));
}

/* The values of an expression as text, several separated by "; ", or "!" and the first error's
 * code. */
static const char *value(const char *text) {
  bool is_expr;
  Node *n = ast_parse_line(cx, cx_add_source(cx, "line", text, strlen(text), false), &is_expr);
  Fn *f = is_expr ? front_expr(program, n) : NULL;
  const char *broken = f ? ir_verify(f) : NULL;
  if (broken) return name_fmt(cx, "broken: %s", broken);
  Fn *e = f ? pass_expand(f) : NULL;
  if (!e)
    return diag_errors(cx) ? name_fmt(cx, "!%s", diag_code_name(cx->diags->list.at[0]->code)) : "!";
  Tensor in[8], out[16];
  ck_assert_int_le(e->out.n, 16);
  for (int i = 0; i < e->in.n; i++) {
    for (int k = 0; k < front_param_count(program); k++) {
      if (front_param(program, k)->name != e->in.at[i].name) continue;
      Fn *init = front_param_init(program, k, 1);
      ck_assert_ptr_nonnull(init);
      ir_eval(init, cx->arena, NULL, &in[i], NULL);
    }
  }
  ir_eval(e, cx->arena, in, out, NULL);
  Text t = text_new(cx->arena);
  for (int i = 0; i < e->out.n; i++) {
    if (i) text_add(&t, "; ");
    tensor_print(cx, &out[i], 6, &t);
  }
  return text_str(&t);
}

/* ---- values ---- */
typedef struct Case {
  const char *text, *want;
} Case;

static const char prog[] =
    "param w: f64[2] ~ 3.0\n"
    "param c: f64 ~ 2.0\n"
    "param unused: f64\n"
    "const D = 3\n"
    "const table = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]\n"
    "fn cube(x: f64) = x**3\n"
    "fn loss(x: f64[2]) = sum(w * w * x) * c\n"
    "fn per(xs: f64[N, 2]) {\n let g[n] = grad(loss, wrt: w)(xs[n])\n g\n}\n"
    "fn percube(xs: f64[N]) {\n let g[n] = grad(grad(cube))(xs[n])\n g\n}\n"
    "fn penalty(x: f64[2]) {\n let g = grad(loss, wrt: x)(x)\n sum(g * g)\n}\n"
    "fn jac(x: f64[N]) {\n let J[i: 0..3] = vjp(h)(x, f64(iota(3) == i))[1]\n J\n}\n"
    "fn h(x: f64[N]) = [x[0] * x[1], x[1]**2, sum(x)]\n"
    "fn mm(A: f64[M, K], B: f64[K, N]) {\n let C[i, j] = sum(k) A[i, k] * B[k, j]\n C\n}\n"
    "fn soft(x: f64[N, C]) {\n let y[n] = softmax(x[n])\n y\n}\n"
    "fn emb(t: f64[V, D2], ids: i32[T]) {\n let e[t1, d] = t[ids[t1], d]\n e\n}\n"
    "fn tri(n) {\n let m[i: 0..n, j: 0..n] = if j <= i then 1 else 0\n m\n}\n"
    "fn shift(x: f64[N]) {\n let y[i: 0..N] = inside(x[i - 1])\n y\n}\n"
    "fn spread(x: f64[N]) {\n let y[i: 0..2*N] = inside(x[i/2])\n y\n}\n"
    "fn conv(x: f64[N], v: f64[K]) {\n let y[i] = sum(k) x[i + k] * v[k]\n y\n}\n"
    "fn flip(x: f64[N], v: f64[K]) {\n let y[i] = sum(k) x[2*i + K - 1 - k] * v[k]\n y\n}\n"
    "fn batch(x: f64[B, V, E], ids: i32[B, T]) {\n let y[b, t] = x[b, ids[b, t]]\n y\n}\n"
    "fn diag2(x: f64[N, N]) {\n let y[i] = x[i, i]\n y\n}\n"
    "fn far(x: f64[N]) {\n let y[i: 0..3] = prod(k: 1..3) x[i + k]\n y\n}\n"
    "fn twice(f, x) = f(f(x))\n"
    "fn inc(x, by = 1) = x + by\n"
    "fn again(x) = twice(inc, x)\n"
    "fn scaled(x: f32[N]) = x / sqrt(N) + 1 / N\n"
    "fn pair(x) = (x + 1, x * 2)\n"
    "fn take(x) {\n let (a, b) = pair(x)\n a * b\n}\n"
    "fn pick(x, k) = if k == 0 then x[0] else x[k] + x[k - 1]\n";

static const Case values[] = {
    /* numbers known at compile time */
    {"7 // 2 + 7 % 4 - 2**3", "-2"},
    {"-7 // 2", "-4"},
    {"7 / 2", "3.5"},
    {"2**-1", "0.5"},
    {"max(3, 2.5) + sqrt(4)", "5"},
    {"1 < 2 and not (2.0 == 3)", "true"},
    {"4294967296", "!E0317"},
    {"i64(4294967296)", "4294967296"},
    {"f32(1) + 0.5", "1.5"},
    {"u8(255) + 1", "0"},
    {"i32(3)**4", "81"},
    {"true == false", "false"},
    {"bitand(12, 10)", "8"},
    {"(if iota(2) == 0 then 1 else 0.5) * f32(2)", "[2.0, 1.0]"},
    {"zeros(2) + f32(1)", "[1.0, 1.0]"},
    {"f64(zeros(2)) + f32(1)", "!E0301"},
    /* lists, tuples, indexing */
    {"[1, 2.5]", "[1.0, 2.5]"},
    {"f32(2) * [[1, 2], [3, 4]]", "[[2.0, 4.0], [6.0, 8.0]]"},
    {"[iota(2), iota(2) + 1][1, ::-1]", "[2, 1]"},
    {"(1, (2, 3))[1]", "2; 3"},
    {"iota(10)[1:8:3]", "[1, 4, 7]"},
    {"iota(10)[8:1:-3]", "[8, 5, 2]"},
    {"iota(5)[-2:]", "[3, 4]"},
    {"iota(5)[3:1]", "[]"},
    {"iota(5)[-9:99]", "[0, 1, 2, 3, 4]"},
    {"table[..., 1]", "[2.0, 4.0, 6.0]"},
    {"table[-1, 0]", "5"},
    {"table[[2, 0]]", "[[5.0, 6.0], [1.0, 2.0]]"},
    {"table[1:, [1, 1, 0]]", "[[4.0, 4.0, 3.0], [6.0, 6.0, 5.0]]"},
    {"table[[0, 2], [1, 0]]", "[2.0, 5.0]"},
    {"reshape(table, (2, -1))", "[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]"},
    {"transpose(table)[0]", "[1.0, 3.0, 5.0]"},
    {"concat((iota(2), iota(3)), axis: 0)", "[0, 1, 0, 1, 2]"},
    {"pad(iota(2) + 1, axis: 0, before: 1, after: 2)", "[0, 1, 2, 0, 0]"},
    {"gather(table, ([2, 0], [0, 0]), axes: (0, 1))", "[5.0, 1.0]"},
    {"scatter([1.0, 2.0], ([1, 1]), axes: 0, shape: (3))", "[0.0, 3.0, 0.0]"},
    {"expand_dims(iota(2), -1) + iota(2)", "[[0, 1], [1, 2]]"},
    {"(rank(table), shape(table), size(table, (0, 1)))", "2; 3; 2; 6"},
    /* reductions */
    {"sum(table, axis: 0)", "[9.0, 12.0]"},
    {"max(table, axis: (0, 1))", "6"},
    {"sum(table, axis: -1, keepdims: true)", "[[3.0], [7.0], [11.0]]"},
    {"sum(iota(3) > 0)", "2"},
    {"mean(iota(4))", "1.5"},
    {"sum(k: 0..4) k * k", "14"},
    {"prod(k: 1..5) k", "24"},
    {"max(k: 0..3) (0 - k)", "0"},
    {"sum(k: 0..3) 2", "6"},
    /* matrix products */
    {"[1, 2] @ [3, 4]", "11"},
    {"table @ [1, 1]", "[3.0, 7.0, 11.0]"},
    {"shape(zeros((5, 1, 2, 3)) @ zeros((4, 3, 6)))", "5; 4; 2; 6"},
    /* functions */
    {"take(3)", "24"},
    {"again(5)", "7"},
    {"inc(by: 4, x: 1)", "5"},
    {"pick(table, 0)", "[1.0, 2.0]"},
    {"scaled([1.0, 2.0, 3.0, 4.0])", "[0.75, 1.25, 1.75, 2.25]"},
    {"cross_entropy([[0.0, 0.0]], [1])", "[0.693147]"},
    {"argmax([1.0, 3.0, 3.0])", "1"},
    /* index notation */
    {"mm(table, transpose(table))", "[[5.0, 11.0, 17.0], [11.0, 25.0, 39.0], [17.0, 39.0, 61.0]]"},
    {"soft([[0.0, 0.0], [1.0, 1.0]])", "[[0.5, 0.5], [0.5, 0.5]]"},
    {"emb(table, [2, 0])", "[[5.0, 6.0], [1.0, 2.0]]"},
    {"tri(3)", "[[1, 0, 0], [1, 1, 0], [1, 1, 1]]"},
    {"shift([1.0, 2.0, 3.0])", "[0.0, 1.0, 2.0]"},
    {"spread([1.0, 2.0])", "[1.0, 0.0, 2.0, 0.0]"},
    {"conv([1.0, 2.0, 3.0, 4.0], [1.0, 10.0])", "[21.0, 32.0, 43.0]"},
    {"flip([1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 10.0])", "[12.0, 34.0]"},
    {"batch([table, table * 10], [[1], [2]])", "[[[3.0, 4.0]], [[50.0, 60.0]]]"},
    {"diag2(table[1:])", "[3.0, 6.0]"},
    {"far([1.0, 2.0, 3.0, 4.0, 5.0])", "[6.0, 12.0, 20.0]"},
    {"max_pool(reshape(iota(16), (1, 1, 4, 4)))", "[[[[5, 7], [13, 15]]]]"},
    /* derivatives */
    {"grad(cube)(2)", "12"},
    {"grad(grad(cube))(2)", "12"},
    {"grad(loss)([1.0, 2.0])", "[12.0, 24.0]; 27"},
    {"grad(loss, wrt: (c, x))([1.0, 2.0])", "27; [18.0, 18.0]"},
    {"value_and_grad(cube)(2)", "8; 12"},
    {"jvp(cube)(2, 3)", "8; 36"},
    {"vjp(h)([2.0, 3.0], [1.0, 0.0, 0.0])", "[6.0, 9.0, 5.0]; [3.0, 2.0]"},
    {"jvp(grad(cube))(1, 1)", "3; 6"},
    {"per([[1.0, 2.0], [3.0, 4.0]])", "[[12.0, 24.0], [36.0, 48.0]]"},
    {"percube([1.0, 2.0])", "[6.0, 12.0]"},
    {"grad(penalty, wrt: c)([1.0, 1.0])", "648"},
    {"jac([2.0, 3.0])", "[[3.0, 2.0], [0.0, 6.0], [1.0, 1.0]]"},
    {"grad(tanh)(0.0)", "1"},
    {"grad(softplus)(0.0)", "0.5"},
};

START_TEST(computes) {
  declare(prog);
  ck_assert_str_eq(diag_text(cx), "");
  const Case *k = &values[_i];
  const char *got = value(k->text);
  if (*k->want != '!') ck_assert_msg(diag_errors(cx) == 0, "%s\n%s", k->text, diag_text(cx));
  ck_assert_msg(!strcmp(got, k->want), "%s\n got  %s\n want %s", k->text, got, k->want);
}
END_TEST

START_TEST(program_is_clean) {
  declare(prog);
  front_check(program);
  ck_assert_str_eq(diag_text(cx), "");
}
END_TEST

/* ---- symbolic functions ---- */
static const Case signatures[] = {
    {"fn f(x: f32[N, 64], W: f32[64, K]) = x @ W", "f32[N, K]"},
    {"fn f(x: f32[N]) = x[1:]", "f32[N - 1]"},
    {"fn f(x: f32[2*N]) = reshape(x, (N, 2))", "f32[N, 2]"},
    {"fn f(x: f32[N, M]) = reshape(x, -1)", "f32[N*M]"},
    {"fn f(x: f32[N], y: f32[M]) = concat((x, y, x))", "f32[M + 2*N]"},
    {"fn f(x: f32[N], w: f32[K]) {\n let y[i] = sum(k) x[i + k] * w[k]\n y\n}", "f32[N - K + 1]"},
    {"fn f(x: f32[N, C, H, W], w: f32[O, C, 3, 3]) = conv2d(x, w, pad: 1)", "f32[N, O, H, W]"},
    {"fn f(x: f32[N, 28, 28]) = max_pool(reshape(x, (N, 1, 28, 28)))", "f32[N, 1, 14, 14]"},
    {"fn f(x: f32[N, 3]) = mean(x)", "f32"},
    {"fn f(x: f32[N, 3]) = softmax(x, axis: 0)", "f32[N, 3]"},
    {"fn f(x: f32[N], i: i32[T]) = x[i]", "f32[T]"},
    {"fn f(x: f64[N]) = N", "i32"},
    {"fn g(x: f64[N]) = sum(x * x)\nfn f(x: f64[N]) = grad(g)(x)", "f64[N]"},
    {"param W: f32[D, H]\nfn f(x: f32[N, D]) = x @ W", "f32[N, H]"},
    {"const D = 4\nfn f(x: f32[D, 2*D]): f32[8, 4] = transpose(x)", "f32[8, 4]"},
    {"fn g(x: f64[2*K]) = zeros(K)\nfn f(x: f64[2*N + 4]) = g(x)", "f64[N + 2]"},
};

START_TEST(symbolic) {
  declare(signatures[_i].text);
  Fn *f = front_function(program, name_of(cx, "f"));
  ck_assert_str_eq(diag_text(cx), "");
  ck_assert_ptr_nonnull(f);
  ck_assert_msg(!ir_verify(f), "%s", ir_verify(f));
  const Ins *out = fn_ins(f, f->out.at[0].val);
  ck_assert_str_eq(type_text(cx, (DType)out->type, &out->shape), signatures[_i].want);
}
END_TEST

/* ---- diagnostics: the code, and words of the text ---- */
typedef struct Fault {
  const char *text, *code, *words;
} Fault;
static const Fault faults[] = {
    {"fn f(width: f64) = widht", "E0201", "did you mean `width`"},
    {"fn f(x: f64) = sofmax(x)", "E0201", "did you mean `softmax`"},
    {"fn f(x: f64) = 1\nfn f(y: f64) = 2", "E0202", "first here"},
    {"fn f(x: f64, x: f64) = 1", "E0202", "two arguments"},
    {"fn f(x: f64) = x(1)", "E0203", "not a function"},
    {"fn g(a, b) = a\nfn f(x: f64) = g(x)", "E0204", "lacks the argument `b`"},
    {"fn f(x: f64) = sin(x, x)", "E0204", "takes 1 argument, got 2"},
    {"fn f(x: f64[N]) = sum(x, axes: 0)", "E0205", "did you mean `axis`"},
    {"fn f(x: f64[N]) = clip(x, 0, 1, low: 0)", "E0206", "given twice"},
    {"fn f(x: f64) = g(x)\nfn g(x) = f(x)", "E0207", "calls itself"},
    {"const a = b + 1\nconst b = a", "E0208", "defined by itself"},
    {"fn f(x: f32[N], y: f64[N]) = x + y", "E0301", "write f64(x)"},
    {"fn f(x: f32[N], n: i32) = x * n", "E0301", "`n` is i32"},
    {"fn f(n: i32[N]) = n * 0.5", "E0302", "number 0.5"},
    {"fn f(x: bool[N]) = x + 1", "E0301", "truth value"},
    {"fn f(x: bool[N]) = x + x", "E0303", "numbers"},
    {"fn f(x: i32) = exp(x)", "E0303", "floats"},
    {"fn f(x: f32[N, 3], y: f32[M, 3]) = x * y", "E0304",
     "of the first is N, axis 0 of the second is M"},
    {"fn f(x: f32[4, 3], y: f32[4]) = x * y", "E0304", "expand_dims"},
    {"fn f(x: f32[N, 64], W: f32[32, 64]) = x @ W", "E0305", "transpose"},
    {"fn g(x: f64[N]) = x\nfn f(x: f32[N]) = g(x)", "E0306", "f64(..)"},
    {"fn g(x: f64[N], y: f64[N]) = x\nfn f(x: f64[N], y: f64[M]) = g(x, y)", "E0306", "not N"},
    {"fn f(x: f64[N]): f64[N] = sum(x)", "E0307", "declared as f64[N]"},
    {"fn f(x: f64[N]) = sum(x, axis: 1)", "E0308", "no axis 1"},
    {"const a = 1 // 0", "E0309", "division by zero"},
    {"fn f(x: f64) = if x then 1 else 2", "E0310", "f64"},
    {"fn f(x: f64) = sin + x", "E0311", "call it"},
    {"fn f(x: f64) {\n let (a, b) = x\n a\n}", "E0312", "2 names"},
    {"fn f(x: f64[N], k: i32) = x[k:]", "E0313", "compile time"},
    {"fn f(x: f63) = x", "E0314", "did you mean `f64`"},
    {"fn f(a: i32, b: i32) = a / b", "E0315", "`//`"},
    {"fn f(x: f64[4, 3]) = reshape(x, (2, 5))", "E0316", "12 elements, that shape 10"},
    {"const a: i32 = 3000000000", "E0317", "fit into i32"},
    {"fn g(x: f64[N]) = x\nfn f(x: f64[N]) = grad(g)(x)", "E0402", "not a scalar"},
    {"fn g(x: i32) = x\nfn f(x: i32) = grad(g)(x)", "E0403", "i32"},
    {"fn g(x: f64) = x\nfn f(x: f64) = grad(g, wrt: y)(x)", "E0404", "no argument `y`"},
    {"fn g(x: f64) = x\nfn f(x: f64) = grad(g(x))", "E0406", "grad(g)(..)"},
    {"fn g(x: f64[N]) = x\nfn f(x: f64[N]) = jvp(g)(x)", "E0407", "1 tangent"},
    {"fn f(a: f32[3], b: f32[4]) = sum(i) a[i] * b[i]", "E0501", "over 4 here, but over 3"},
    {"fn f(a: f32[3]) {\n let c[i, j] = a[i]\n c\n}", "E0502", "label `j`"},
    {"fn f(x: f32[3]) = x[3]", "E0503", "extent is 3"},
    {"fn f(x: f32[N]) {\n let d[i] = x[i + 1] - x[i]\n d\n}", "E0503", "`i: 0..N - 1`"},
    {"fn f(x: f32[N]) = x[0, 0]", "E0504", "2 indices"},
    {"fn f(x: f32[N]) {\n let y[i] = x[i, 0]\n y\n}", "E0504", "which has 1 axis"},
    {"fn f(x: f32[N], m: bool[N]) = x[m]", "E0505", "where"},
    {"fn f(x: f32[N]): f32[M] = x", "E0506", "`M`"},
    {"fn f(x: f32[N]) = x[::0]", "E0507", "step"},
    {"fn f(x: f32[N]) {\n let d[i, i] = x[i]\n d\n}", "E0508", "twice"},
    {"fn f(x: f32[N]) = inside(x)", "E0509", "one read"},
    {"fn f(x: f32) = iota(-1)", "E0511", "-1"},
    {"fn f(x: f64) = g(1)\nfn g(n) = twice(h, n)\nfn twice(a, n) = a(a(n))\nfn h(n) = g(n)",
     "E0207", "calls itself"},
};

START_TEST(reports) {
  const Fault *k = &faults[_i];
  declare(k->text);
  front_check(program);
  ck_assert_msg(diag_errors(cx) == 1, "%s\n%s", k->text, diag_text(cx));
  const char *code = diag_code_name(cx->diags->list.at[0]->code);
  ck_assert_msg(!strcmp(code, k->code), "%s\n%s", k->text, diag_text(cx));
  ck_assert_msg(strstr(diag_text(cx), k->words) != NULL, "%s\n%s", k->text, diag_text(cx));
}
END_TEST

/* One error each, no cascades, and the next declaration is checked all the same. */
START_TEST(many_errors) {
  declare("param W: f32[3, K2 + ] \n"
          "param V: f33[3]\n"
          "const a = nowhere\n"
          "fn f(x: f32[N]) {\n"
          "  let y = x + nothing\n"
          "  let z = y * V + a\n"
          "  let u = exp(iota(3))\n"
          "  z + u\n"
          "}\n"
          "fn g(x: f32[N]) = f(x) + x[9, 9]\n");
  front_check(program);
  const char *t = diag_text(cx);
  int count = 0;
  for (const char *p = t; (p = strstr(p, "error[E0")); p++) count++;
  ck_assert_msg(strstr(t, "nothing") && strstr(t, "nowhere") && strstr(t, "f33") &&
                    strstr(t, "exp"),
                "%s", t);
  ck_assert_msg(count == 6, "%s", t);
}
END_TEST

START_TEST(points_at_the_users_line) {
  declare("fn f(x: i32[N]) = softmax(x)\n");
  front_check(program);
  ck_assert_int_eq(diag_errors(cx), 1);
  int line, col;
  span_place(cx, cx->diags->list.at[0]->span, &line, &col);
  ck_assert_int_eq(line, 1);
  ck_assert_int_eq(col, 19);
  ck_assert(strstr(diag_text(cx), "<prelude>") != NULL);
}
END_TEST

START_TEST(whole_text) {
  declare("fn scale(x: f32[N, 3], y: f32[N]) =\n  x * y\n");
  front_check(program);
  ck_assert_str_eq(
      diag_text(cx),
      "t.nn:2:3: error[E0304]: `*` of f32[N, 3] and f32[N]: the shapes can't be broadcast\n"
      "   1 | fn scale(x: f32[N, 3], y: f32[N]) =\n"
      "     |          - `x` is f32[N, 3]\n"
      "     |                        - `y` is f32[N]\n"
      "   2 |   x * y\n"
      "     |   ^^^^^\n"
      "     |   - f32[N, 3]\n"
      "     |       - f32[N]\n"
      "     = note: axis 1 of the first is 3, axis 0 of the second is N\n"
      "     = hint: to use one element per row, give it a last axis: expand_dims(.., -1)\n");
}
END_TEST

/* ---- limits ---- */
START_TEST(stays_finite) {
  Text t = text_new(cx->arena);
  text_add(&t, "fn f0(x) = x + x\n");
  for (int i = 1; i < 40; i++) text_fmt(&t, "fn f%d(x) = f%d(x) * f%d(x)\n", i, i - 1, i - 1);
  text_add(&t, "fn f(x: f64) = f39(x)\n");
  declare(text_str(&t));
  front_check(program);
  ck_assert_int_eq(diag_errors(cx), 1);
  ck_assert_str_eq(diag_code_name(cx->diags->list.at[0]->code), "E0813");
}
END_TEST

START_TEST(long_chain) {
  Text t = text_new(cx->arena);
  text_add(&t, "fn f(x: f64) = x");
  for (int i = 0; i < 20000; i++) text_add(&t, " + x");
  declare(text_str(&t));
  front_check(program);
  ck_assert(diag_errors(cx) <= 1); /* a limit may say no; the stack must not */
}
END_TEST

/* ---- rules ---- */
START_TEST(rules_are_whole) {
  static const DType floats[] = {T_F32, T_F64};
  for (int op = 0; op < OP_COUNT; op++) {
    OpKind kind = op_kind((Op)op);
    if (kind != KIND_MAP && kind != KIND_FOLD) continue;
    for (int i = 0; i < 3; i++)
      for (int k = 0; k < 2; k++) {
        const char *text = op_info[op].partial[i];
        const Fn *f = cx->rules->partial(cx, (Op)op, i, floats[k]);
        bool none = !text || !strcmp(text, LINEAR_CAST);
        ck_assert_msg((f == NULL) == none, "%s/%d", op_info[op].name, i);
        if (!f) continue;
        ck_assert_msg(!ir_verify(f), "%s/%d: %s", op_info[op].name, i, ir_verify(f));
        ck_assert_int_eq(fn_ins(f, f->out.at[0].val)->type, floats[k]);
        ck_assert_int_eq(f->in.n, kind == KIND_FOLD ? 2 : op_info[op].arity + 1);
        ck_assert_ptr_eq(f, cx->rules->partial(cx, (Op)op, i, floats[k]));
      }
  }
  const Fn *e = cx->rules->expansion(cx, OP_exp, T_F32);
  ck_assert_ptr_nonnull(e);
  ck_assert_ptr_null(cx->rules->expansion(cx, OP_add, T_F32));
  ck_assert_ptr_null(cx->rules->pattern(cx, "a / b", T_I32));
  ck_assert_ptr_nonnull(cx->rules->pattern(cx, "a / b", T_F64));
  ck_assert_int_eq(diag_errors(cx), 0);
}
END_TEST

START_TEST(expansions_are_whole) {
  static const DType floats[] = {T_F32, T_F64};
  for (int op = 0; op < OP_COUNT; op++)
    for (int k = 0; k < 2; k++) {
      const Fn *f =
          op_kind((Op)op) == KIND_MAP ? cx->rules->expansion(cx, (Op)op, floats[k]) : NULL;
      if (!f) continue;
      ck_assert_msg(!ir_verify(f), "%s: %s", op_info[op].name, ir_verify(f));
      ck_assert_int_eq(f->in.n, op_info[op].arity);
    }
  ck_assert_int_eq(diag_errors(cx), 0);
}
END_TEST

/* ---- parameters ---- */
START_TEST(initial_values) {
  declare("param W: f32[2, 3] ~ he()\nparam V: f32[2, 3] ~ he()\nparam b: f32[3] ~ 0.5\nparam z: "
          "i32\n");
  Tensor w, v, b, z, again;
  ck_assert_int_eq(front_param_count(program), 4);
  ir_eval(front_param_init(program, 0, 7), cx->arena, NULL, &w, NULL);
  ir_eval(front_param_init(program, 0, 7), cx->arena, NULL, &again, NULL);
  ir_eval(front_param_init(program, 1, 7), cx->arena, NULL, &v, NULL);
  ir_eval(front_param_init(program, 2, 7), cx->arena, NULL, &b, NULL);
  ir_eval(front_param_init(program, 3, 7), cx->arena, NULL, &z, NULL);
  ck_assert_int_eq(w.type, T_F32);
  ck_assert_int_eq(tensor_count(&w), 6);
  ck_assert(!memcmp(w.data, again.data, 6 * sizeof(float)));
  ck_assert(memcmp(w.data, v.data, 6 * sizeof(float)));
  ck_assert_double_eq(tensor_get(&b, 2), 0.5);
  ck_assert_int_eq(tensor_get_i(&z, 0), 0);
}
END_TEST

START_TEST(calls_from_outside) {
  Builder b = ir_begin(cx, name_of(cx, "step"));
  Shape s = {.rank = 1, .dim = {4}}, scalar = {0};
  Val args[4], out[4];
  Name names[4] = {0};
  const char *words[] = {"p", "g", "m", "lr"};
  for (int i = 0; i < 4; i++)
    args[i] = ir_input(&b, name_of(cx, words[i]), T_F32, i < 3 ? &s : &scalar, ROLE_ARG, (Span){0});
  names[3] = name_of(cx, "lr");
  int n = front_call(program, &b, name_of(cx, "sgd"), args, names, 4, out, 4, (Span){0});
  ck_assert_str_eq(diag_text(cx), "");
  ck_assert_int_eq(n, 2);
  ck_assert(shape_eq(ir_shape(&b, out[0]), &s));
}
END_TEST

START_TEST(redeclaring) {
  declare("const k = 2\nfn f(x) = x * k");
  ck_assert_str_eq(value("f(3)"), "6");
  declare("const k = 5");
  ck_assert_str_eq(value("f(3)"), "15");
  declare("fn f(x) = x - k");
  ck_assert_str_eq(value("f(3)"), "-2");
  declare("fn relu(x) = x"); /* hides the prelude's for the user, not for the prelude */
  ck_assert_str_eq(value("relu(-1)"), "-1");
  ck_assert_str_eq(diag_text(cx), "");
}
END_TEST

Suite *check_suite(void);
Suite *check_suite(void) {
  Suite *s = suite_create("check");
  TCase *t = tcase_create("check");
  tcase_add_checked_fixture(t, set_up, fixture_end);
  tcase_set_timeout(t, 60);
  tcase_add_loop_test(t, computes, 0, (int)(sizeof values / sizeof *values));
  tcase_add_loop_test(t, symbolic, 0, (int)(sizeof signatures / sizeof *signatures));
  tcase_add_loop_test(t, reports, 0, (int)(sizeof faults / sizeof *faults));
  tcase_add_test(t, program_is_clean);
  tcase_add_test(t, many_errors);
  tcase_add_test(t, points_at_the_users_line);
  tcase_add_test(t, whole_text);
  tcase_add_test(t, stays_finite);
  tcase_add_test(t, long_chain);
  tcase_add_test(t, rules_are_whole);
  tcase_add_test(t, expansions_are_whole);
  tcase_add_test(t, initial_values);
  tcase_add_test(t, calls_from_outside);
  tcase_add_test(t, redeclaring);
  suite_add_tcase(s, t);
  return s;
}
