/* test_loops.c: loops and branches of the SSA: what they compute, and their derivatives in both
 * modes, to second order, against differences and against each other. The bodies are made with the
 * builder. */
#include "driver/compile.h"
#include "fixture.h"
#include "loop/interp.h"
#include "pass/pass.h"

#include <math.h>

/* ---- helpers ---- */
enum { T = 5, D = 3, MAX_IN = 8, MAX_N = T * D };
static const Shape VECTOR = {1, {D}}, ROWS = {2, {T, D}}, MATRIX = {2, {D, D}};

static Val in(Builder *b, const char *name, DType t, const Shape *s) {
  return ir_input(b, name_of(cx, name), t, s, ROLE_ARG, (Span){0});
}

static Val matvec(Builder *b, Val m, Val v) { /* m v by spread, multiply, sum */
  int32_t at[] = {1};
  return ir_fold(b, OP_sum, ir_map2(b, OP_mul, m, ir_spread(b, v, &MATRIX, at)), 2);
}

static Val sum_all(Builder *b, Val v) {
  return ir_fold(b, OP_sum, v, (1u << ir_shape(b, v)->rank) - 1);
}

typedef struct Point {
  Tensor t[MAX_IN];
  int n;
} Point;

static uint64_t seed;
static double uniform(void) {
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return (double)(seed >> 11) * 0x1p-53 * 2 - 1;
}

static Point point_for(const Fn *f) {
  Point p = {.n = f->in.n};
  seed = 7;
  for (int i = 0; i < f->in.n; i++) {
    p.t[i] = tensor_new(cx, cx->arena, f->in.at[i].type, &f->in.at[i].shape);
    for (int64_t k = 0; k < tensor_count(&p.t[i]); k++)
      tensor_set(&p.t[i], k, 0.7 * uniform() + 0.2);
  }
  return p;
}

static double value(const Fn *f, const Point *p) {
  Tensor out[MAX_IN];
  ir_eval(f, cx->arena, p->t, out, NULL);
  return tensor_get(&out[0], 0);
}

/* The gradient of f's scalar output by its float inputs, against central differences; then the
 * gradient of the sum of squares of the gradient (second order) against differences of that; then
 * both against forward mode. */
static bool *floats(const Fn *f) {
  bool *wrt = NEWS(cx->arena, bool, f->in.n);
  for (int i = 0; i < f->in.n; i++) wrt[i] = type_is_float(f->in.at[i].type);
  return wrt;
}

/* The loop form (by its interpreter) and the machine code compute what the evaluator does. */
static void check_compiled(const Fn *f, const Tensor *inputs) {
  Target t = compile_target(1);
  Fn *simple = pass_simplify(f);
  Compiled *c = compile_native(simple, &t);
  ck_assert_ptr_nonnull(c);
  Tensor want[2 * MAX_IN];
  void *in_data[2 * MAX_IN], *out_data[2 * MAX_IN];
  ir_eval(f, cx->arena, inputs, want, NULL);
  for (int i = 0; i < f->in.n; i++) in_data[i] = inputs[i].data;
  for (int way = 0; way < 2; way++) {
    for (int i = 0; i < f->out.n; i++)
      out_data[i] = tensor_new(cx, cx->arena, want[i].type, &want[i].shape).data;
    if (way) {
      compiled_run(c, in_data, out_data, NULL);
    } else {
      const char *wrong = loop_interp(c->loops, in_data, out_data, c->workspace);
      ck_assert_msg(!wrong, "%s", wrong);
    }
    for (int i = 0; i < f->out.n; i++)
      for (int64_t k = 0; k < tensor_count(&want[i]); k++) {
        Tensor got = {want[i].type, want[i].shape, out_data[i]};
        double a = tensor_get(&got, k), b = tensor_get(&want[i], k);
        ck_assert_msg(fabs(a - b) <= 1e-12 * fmax(1, fabs(b)),
                      "%s: output %d[%d] is %.15g, not %.15g", way ? "machine code" : "loop form",
                      i, (int)k, a, b);
      }
  }
}

static void check_gradient(const Fn *f, double tolerance) {
  Point p = point_for(f);
  const bool *wrt = floats(f);
  Fn *g = pass_gradient(f, wrt, false), *t = pass_tangent(f, wrt);
  ck_assert_ptr_nonnull(g);
  ck_assert_ptr_nonnull(t);
  ck_assert_msg(!ir_verify(g), "%s", ir_verify(g));
  ck_assert_msg(!ir_verify(t), "%s", ir_verify(t));
  Tensor d[MAX_IN], in_t[2 * MAX_IN], out_t[2];
  ir_eval(g, cx->arena, p.t, d, NULL);
  memcpy(in_t, p.t, sizeof p.t);
  double dot = 0;
  int extra = f->in.n;
  for (int i = 0, k = 0; i < f->in.n; i++) {
    if (!wrt[i]) continue;
    in_t[extra] = tensor_new(cx, cx->arena, T_F64, &p.t[i].shape);
    for (int64_t e = 0; e < tensor_count(&p.t[i]); e++) {
      double x = tensor_get(&p.t[i], e), h = 1e-6, up, down, v = uniform();
      tensor_set(&p.t[i], e, x + h), up = value(f, &p);
      tensor_set(&p.t[i], e, x - h), down = value(f, &p);
      tensor_set(&p.t[i], e, x);
      double numeric = (up - down) / (2 * h), exact = tensor_get(&d[k], e);
      ck_assert_msg(fabs(numeric - exact) <= tolerance * fmax(1, fabs(exact)),
                    "input %d, element %d: %.12g, by differences %.12g", i, (int)e, exact, numeric);
      tensor_set(&in_t[extra], e, v);
      dot += v * exact;
    }
    extra++, k++;
  }
  check_compiled(f, p.t);
  check_compiled(g, p.t);
  check_compiled(t, in_t);
  ir_eval(t, cx->arena, in_t, out_t, NULL);
  ck_assert_double_eq_tol(tensor_get(&out_t[1], 0), dot, 1e-11 * fmax(1, fabs(dot)));
}

/* sum of squares of all gradients, as a function */
static Fn *squared_gradient(const Fn *f) {
  Fn *g = pass_gradient(f, floats(f), false);
  ck_assert_ptr_nonnull(g);
  Builder b = ir_begin(cx, name_of(cx, "g2"));
  Val args[MAX_IN], outs[MAX_IN], sum = 0;
  for (int i = 0; i < f->in.n; i++)
    args[i] =
        ir_input(&b, f->in.at[i].name, f->in.at[i].type, &f->in.at[i].shape, ROLE_ARG, (Span){0});
  ir_inline(&b, g, args, outs);
  for (int i = 0; i < g->out.n; i++) {
    Val s = sum_all(&b, ir_map2(&b, OP_mul, outs[i], outs[i]));
    sum = sum ? ir_map2(&b, OP_add, sum, s) : s;
  }
  ir_output(&b, NULL, sum);
  return ir_finish(&b);
}

static void check_derivatives(const Fn *f) {
  ck_assert_msg(!ir_verify(f), "%s", ir_verify(f));
  check_gradient(f, 1e-8);
  check_gradient(squared_gradient(f), 1e-6);
}

/* ---- programs ---- */
/* h <- tanh(W h + x_t), ys_t = h * h_before; the loss takes the last h and all ys. */
static Fn *recurrent(bool reverse, bool counted, bool bounded) {
  Builder k = ir_begin(cx, name_of(cx, "body"));
  Val i = in(&k, "i", T_I64, &SCALAR), h = in(&k, "h", T_F64, &VECTOR),
      x = in(&k, "x", T_F64, &VECTOR);
  Val w = in(&k, "W", T_F64, &MATRIX);
  Val scale = ir_spread(&k, ir_cast(&k, T_F64, i), &VECTOR, (int32_t[]){0});
  Val z = ir_map2(&k, OP_add, matvec(&k, w, h), x);
  Val next = ir_map1(
      &k, OP_tanh,
      ir_map2(&k, OP_add, z, ir_map2(&k, OP_mul, scale, ir_const_f(&k, T_F64, &VECTOR, 0.1))));
  ir_output(&k, NULL, next);
  ir_output(&k, NULL, ir_map2(&k, OP_mul, next, h));
  Loop l = {.body = ir_finish(&k),
            .trip = T,
            .ncarry = 1,
            .nscan = 1,
            .ncollect = 1,
            .reverse = reverse,
            .counted = counted};
  if (bounded) { /* while sum(h) < 1.2 */
    Builder c = ir_begin(cx, name_of(cx, "cond"));
    in(&c, "i", T_I64, &SCALAR);
    Val ch = in(&c, "h", T_F64, &VECTOR);
    in(&c, "W", T_F64, &MATRIX);
    ir_output(&c, NULL, ir_map2(&c, OP_lt, sum_all(&c, ch), ir_const_f(&c, T_F64, &SCALAR, 1.2)));
    l.cond = ir_finish(&c);
  }
  Builder b = ir_begin(cx, name_of(cx, "recurrent"));
  Val args[5], n = 0, loop;
  if (counted) args[n++] = ir_const_i(&b, T_I64, &SCALAR, 3);
  args[n++] = in(&b, "h0", T_F64, &VECTOR);
  args[n++] = in(&b, "xs", T_F64, &ROWS);
  args[n++] = in(&b, "W", T_F64, &MATRIX);
  loop = ir_loop(&b, &l, args, n);
  Val last = sum_all(&b, ir_part(&b, loop, 0)), ys = ir_part(&b, loop, 1);
  ir_output(&b, NULL,
            ir_map2(&b, OP_add, ir_map2(&b, OP_mul, last, last),
                    sum_all(&b, ir_map2(&b, OP_mul, ys, ys))));
  return ir_finish(&b);
}

/* y <- y * x, T times: x to the T, and its derivatives */
START_TEST(test_power) {
  Builder k = ir_begin(cx, name_of(cx, "body"));
  in(&k, "i", T_I64, &SCALAR);
  Val y = in(&k, "y", T_F64, &SCALAR), x = in(&k, "x", T_F64, &SCALAR);
  ir_output(&k, NULL, ir_map2(&k, OP_mul, y, x));
  Loop l = {.body = ir_finish(&k), .trip = T, .ncarry = 1};
  Builder b = ir_begin(cx, name_of(cx, "power"));
  Val args[] = {ir_const_f(&b, T_F64, &SCALAR, 1), in(&b, "x", T_F64, &SCALAR)};
  ir_output(&b, NULL, ir_part(&b, ir_loop(&b, &l, args, 2), 0));
  Fn *f = ir_finish(&b);
  check_derivatives(f);
  Fn *g = pass_gradient(f, floats(f), false);
  double two = 2;
  Tensor at = {T_F64, {0}, &two}, out;
  ir_eval(f, cx->arena, &at, &out, NULL);
  ck_assert_double_eq(tensor_get(&out, 0), 32);
  ir_eval(g, cx->arena, &at, &out, NULL);
  ck_assert_double_eq(tensor_get(&out, 0), 80); /* 5 * 2^4 */
}
END_TEST

START_TEST(test_recurrent) { check_derivatives(recurrent(_i & 1, _i & 2, false)); }
END_TEST

START_TEST(test_while) {
  Fn *f = recurrent(false, false, true);
  check_derivatives(f);
}
END_TEST

/* A loop in a loop: the inner one runs on what the outer one carries. */
START_TEST(test_nested) {
  Builder k = ir_begin(cx, name_of(cx, "inner"));
  in(&k, "i", T_I64, &SCALAR);
  Val y = in(&k, "y", T_F64, &VECTOR), w = in(&k, "W", T_F64, &MATRIX);
  ir_output(&k, NULL, ir_map1(&k, OP_sin, matvec(&k, w, y)));
  Loop inner = {.body = ir_finish(&k), .trip = 2, .ncarry = 1};
  Builder o = ir_begin(cx, name_of(cx, "outer"));
  in(&o, "t", T_I64, &SCALAR);
  Val z = in(&o, "z", T_F64, &VECTOR), ow = in(&o, "W", T_F64, &MATRIX), args[] = {z, ow};
  Val r = ir_part(&o, ir_loop(&o, &inner, args, 2), 0);
  ir_output(&o, NULL, ir_map2(&o, OP_add, r, z));
  ir_output(&o, NULL, sum_all(&o, r));
  Loop outer = {.body = ir_finish(&o), .trip = 3, .ncarry = 1, .ncollect = 1};
  Builder b = ir_begin(cx, name_of(cx, "nested"));
  Val oargs[] = {in(&b, "z0", T_F64, &VECTOR), in(&b, "W", T_F64, &MATRIX)};
  Val loop = ir_loop(&b, &outer, oargs, 2);
  Val s = sum_all(&b, ir_part(&b, loop, 1));
  ir_output(&b, NULL, ir_map2(&b, OP_mul, s, sum_all(&b, ir_part(&b, loop, 0))));
  check_derivatives(ir_finish(&b));
}
END_TEST

/* if x > 0 then log(x) * y else x * y * y: at x < 0 the log must not be heard of */
START_TEST(test_branch) {
  Fn *body[2];
  for (int i = 0; i < 2; i++) {
    Builder k = ir_begin(cx, name_of(cx, i ? "else" : "then"));
    Val x = in(&k, "x", T_F64, &SCALAR), y = in(&k, "y", T_F64, &SCALAR);
    Val v = i ? ir_map2(&k, OP_mul, ir_map2(&k, OP_mul, x, y), y)
              : ir_map2(&k, OP_mul, ir_map1(&k, OP_log, x), y);
    ir_output(&k, NULL, v);
    body[i] = ir_finish(&k);
  }
  Builder b = ir_begin(cx, name_of(cx, "branchy"));
  Val x = in(&b, "x", T_F64, &SCALAR), y = in(&b, "y", T_F64, &SCALAR), args[] = {x, y};
  Val cond = ir_map2(&b, OP_gt, x, ir_const_f(&b, T_F64, &SCALAR, _i ? 10 : 0));
  ir_output(&b, NULL, ir_part(&b, ir_branch(&b, body[0], body[1], cond, args, 2), 0));
  Fn *f = ir_finish(&b);
  check_derivatives(f);
  Fn *g = pass_gradient(f, floats(f), false);
  double at[] = {-2, 3};
  Tensor inputs[] = {{T_F64, {0}, &at[0]}, {T_F64, {0}, &at[1]}}, out[2];
  ir_eval(g, cx->arena, inputs, out, NULL);
  ck_assert_double_eq(tensor_get(&out[0], 0), 9);
  ck_assert_double_eq(tensor_get(&out[1], 0), -12);
}
END_TEST

/* Passes reach the bodies: sizes, double precision, simplification. */
START_TEST(test_passes) {
  Dim n = dim_named(cx, name_of(cx, "N"));
  Shape row = {1, {n}};
  Builder k = ir_begin(cx, name_of(cx, "body"));
  in(&k, "i", T_I64, &SCALAR);
  Val y = in(&k, "y", T_F32, &row);
  ir_output(&k, NULL, ir_map2(&k, OP_add, y, ir_size(&k, T_F32, &row, n)));
  Loop l = {.body = ir_finish(&k), .trip = n, .ncarry = 1};
  Builder b = ir_begin(cx, name_of(cx, "sized"));
  Val args[] = {in(&b, "y0", T_F32, &row)};
  ir_output(&b, NULL, ir_fold(&b, OP_sum, ir_part(&b, ir_loop(&b, &l, args, 1), 0), 1));
  SizeBindings sizes = {0};
  size_bind(cx->arena, &sizes, name_of(cx, "N"), 4);
  Fn *f = pass_simplify(pass_to_f64(pass_bind_sizes(ir_finish(&b), &sizes)));
  ck_assert_msg(!ir_verify(f), "%s", ir_verify(f));
  Tensor zeros = tensor_new(cx, cx->arena, T_F64, &(Shape){1, {4}}), out;
  ir_eval(f, cx->arena, &zeros, &out, NULL);
  ck_assert_int_eq(out.type, T_F64);
  ck_assert_double_eq(tensor_get(&out, 0), 4 * 4 * 4);
}
END_TEST

/* What is read by the counter comes to a loop row by row, however the source says so; what may be
 * outside, or is no multiple of the counter, doesn't. */
static const struct {
  const char *body; /* of a loop over t in 0..4, with x: f64[9, 3], y: f64[4], n: i32[4] */
  int scans, gathers;
} reads[] = {
    {"row(x, t)", 1, 0},
    {"row(x, t + 5)", 1, 0},
    {"row(x, 3 - t)", 1, 0},
    {"row(x, 2 * (t + 1) - 1)", 1, 0},
    {"row(x, size(y) - t)", 1, 0},
    {"row(x, t) + row(x, t)", 1, 0},
    {"row(x, t) + row(x, t + 1)", 2, 0},
    {"row(x, t) * row(y, t) + x[7]", 2, 0},
    {"row(x, n[t])", 1, 1}, /* n is scanned */
    {"row(x, t % 2)", 0, 1},
    {"row(x, t * t // 2)", 0, 1},
};

START_TEST(test_rows) {
  Text text = text_new(cx->arena);
  text_fmt(&text,
           "fn row(a, i) = a[i]\n"
           "fn f(x: f64[9, 3], y: f64[4], n: i32[4]) {\n"
           "  var h = x[0]\n"
           "  for t in 0..4 { h = h * 0.5 + %s }\n"
           "  sum(h * h)\n}\n",
           reads[_i].body);
  const char *source = text_str(&text);
  Program *p = front_new(cx);
  front_declare(p, ast_parse(cx, cx_add_source(cx, "rows.nn", source, strlen(source), false)));
  Fn *f = front_function(p, name_of(cx, "f"));
  int gathers = 0, loops = 0;
  for (Val v = 1; f && v < f->ins.n; v++) {
    if (fn_ins(f, v)->op != OP_loop) continue;
    const Loop *l = fn_ins(f, v)->u.loop;
    for (Val w = 1; w < l->body->ins.n; w++) gathers += fn_ins(l->body, w)->op == OP_gather;
    ck_assert_int_eq(l->nscan, reads[_i].scans);
    loops++;
  }
  ck_assert_int_eq(loops, 1);
  ck_assert_int_eq(gathers, reads[_i].gathers);
  check_derivatives(f);
}
END_TEST

Suite *loops_suite(void);
Suite *loops_suite(void) {
  Suite *s = suite_create("loops");
  TCase *t = tcase_create("loops");
  tcase_add_checked_fixture(t, fixture_rules, fixture_end);
  tcase_set_timeout(t, 60);
  tcase_add_test(t, test_power);
  tcase_add_loop_test(t, test_recurrent, 0, 4);
  tcase_add_test(t, test_while);
  tcase_add_test(t, test_nested);
  tcase_add_loop_test(t, test_branch, 0, 2);
  tcase_add_test(t, test_passes);
  tcase_add_loop_test(t, test_rows, 0, COUNT_OF(reads));
  suite_add_tcase(s, t);
  return s;
}
