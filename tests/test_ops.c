/* test_ops.c: the op table proved row by row: every partial derivative against central differences,
 * forward against reverse mode, second derivatives, chosen nasty inputs and shapes; every kind of
 * data movement against its transpose; contractions against their definition. A new row of ops.def
 * is tested by being there. */
#include "fixture.h"
#include "gen_program.h"
#include "ir/arith.h"
#include "laws.h"
#include "pass/pass.h"

#include <math.h>

/* ---- what a row takes ---- */
static bool takes_floats(Op op) {
  switch (op_info[op].typing) {
  case TY_NUM:
  case TY_FLOAT:
  case TY_ORD:
  case TY_SELECT:
  case TY_SAME:
  case TY_CAST: return true;
  default: return false; /* the result isn't a float, or no operand is */
  }
}
static DType operand_type(Op op, int k, DType t) { return op == OP_select && k == 0 ? T_BOOL : t; }
static DType any_operand_type(Op op, int k) {
  switch (op_info[op].typing) {
  case TY_INT: return T_I32;
  case TY_LOGIC: return T_BOOL;
  case TY_FROM_BITS: return T_I32;
  default: return operand_type(op, k, T_F32);
  }
}
static bool is_zero_text(const char *text) { return text && !strcmp(text, "0"); }

/* y = op(a, b, c) on operands of shape s; the cast goes to the other float type and back. */
static Fn *row_function(Op op, DType t, Shape s) {
  static const char *const names[] = {"a", "b", "c"};
  Builder b = ir_begin(cx, name_of(cx, "f"));
  Val arg[3];
  int n = op_info[op].arity;
  for (int k = 0; k < n; k++)
    arg[k] = ir_input(&b, name_of(cx, names[k]), operand_type(op, k, t), &s, ROLE_ARG, (Span){0});
  Val y = op == OP_cast ? ir_cast(&b, t == T_F32 ? T_F64 : T_F32, arg[0]) : ir_map(&b, op, arg);
  ir_output(&b, NULL, y);
  return ir_finish(&b);
}

static bool *floats_of(const Fn *f) {
  bool *wrt = NEWS(cx->arena, bool, f->in.n + 1);
  for (int i = 0; i < f->in.n; i++) wrt[i] = type_is_float(f->in.at[i].type);
  return wrt;
}

static Tensor filled(DType t, Shape s, double v) {
  Tensor x = tensor_new(cx, cx->arena, t, &s);
  for (int64_t i = 0; i < tensor_count(&x); i++) tensor_set(&x, i, v);
  return x;
}

/* ---- points: where the row and its partials are finite and without a kink ---- */
enum { POINTS = 240 };

static double value_at(Op op, const double *x) {
  Scalar arg[3];
  for (int k = 0; k < op_info[op].arity; k++) {
    if (op == OP_select && k == 0) arg[k].i = x[k] > 0;
    else arg[k].f = x[k];
  }
  return ir_map_value(op, T_F64, T_F64, arg).f;
}

/* Chosen numbers, then random ones over several ranges. Representable in f32. */
static double random_point(Rng *r, int i) {
  static const double chosen[] = {0.5, 1, 1.5, -0.5, -1, 2, -2, 0.25, 0.75, 3, -3, 0.125};
  static const double range[] = {1, 3, 0.01, 20};
  if (i % 4 == 0) return chosen[rng_below(r, COUNT_OF(chosen))];
  double v = range[i / 4 % COUNT_OF(range)] * rng_between(r, rng_chance(r, 50) ? 0 : -1, 1);
  return (double)(float)v;
}

/* The derivative for operand k by differences; false where there is a kink, a jump or no value. */
static bool difference(Op op, const double *x, int k, double *out) {
  double h = 1e-5 * fmax(fabs(x[k]), 0.01), v[5];
  for (int s = 0; s < 5; s++) {
    double y[3] = {x[0], x[1], x[2]};
    y[k] += (s - 2) * h;
    v[s] = value_at(op, y);
    if (!isfinite(v[s]) || fabs(v[s]) > 1e6) return false;
  }
  double wide = (v[4] - v[0]) / (4 * h), narrow = (v[3] - v[1]) / (2 * h);
  double left = (v[2] - v[1]) / h, right = (v[3] - v[2]) / h;
  *out = narrow + (narrow - wide) / 3;
  double scale = 1 + fabs(*out);
  return fabs(left - right) < 0.05 * scale && fabs(wide - narrow) < 0.001 * scale;
}

static void check_partials(Op op, DType t) {
  int n = op_info[op].arity, good = 0;
  Fn *f = row_function(op, t, SHAPE(POINTS));
  Fn *g = pass_adjoint(f, floats_of(f));
  ck_assert_msg(g != NULL, "%s: %s", op_info[op].name, diag_text(cx));
  ck_assert_ptr_null(ir_verify(g));
  Rng r = rng_at(op);
  Tensor in[4], *out = NEWS(cx->arena, Tensor, g->out.n + 1);
  double x[POINTS][3] = {{0}};
  for (int k = 0; k < n; k++) in[k] = filled(operand_type(op, k, t), SHAPE(POINTS), 0);
  for (int i = 0; i < POINTS; i++)
    for (int k = 0; k < n; k++) {
      x[i][k] = random_point(&r, i + k);
      tensor_set(&in[k], i, op == OP_select && k == 0 ? x[i][k] > 0 : x[i][k]);
    }
  in[n] = filled(g->in.at[n].type, SHAPE(POINTS), 1);
  ir_eval(g, cx->arena, in, out, NULL);
  for (int k = op == OP_select, slot = 1; k < n; k++, slot++) {
    for (int i = 0; i < POINTS; i++) {
      double want, got = tensor_get(&out[slot], i);
      if (op == OP_cast || op == OP_stop) want = op == OP_cast;
      else if (!difference(op, x[i], k, &want)) continue;
      if (t == T_F32 && fabs(want) > 1e4) continue;
      good++;
      double tolerance = (t == T_F64 ? 2e-6 : 3e-5) * (1 + fabs(want) + fabs(value_at(op, x[i])));
      ck_assert_msg(fabs(got - want) <= tolerance,
                    "%s in %s, operand %d at (%g, %g, %g): partial %.12g, differences %.12g",
                    op_info[op].name, type_info[t].word, k, x[i][0], x[i][1], x[i][2], got, want);
    }
  }
  ck_assert_msg(good >= POINTS / 8, "%s: only %d points to compare at", op_info[op].name, good);
}

/* ---- rows of maps ---- */
static void partials_of(int i) {
  Op op = (Op)i;
  if (op_kind(op) != KIND_MAP || !takes_floats(op)) return;
  check_partials(op, T_F64);
  check_partials(op, T_F32);
}
START_TEST(test_partials) { trapped_at(partials_of, _i); }
END_TEST

/* All the laws, second derivatives and machine code included, at plain, smooth and nasty inputs,
 * for scalars, extents 1, 0 and odd ones. */
static void laws_of_row(int i) {
  Op op = (Op)i;
  const Shape shapes[] = {SCALAR, SHAPE(1), SHAPE(0), SHAPE(3, 1, 5), SHAPE(33)};
  if (op_kind(op) != KIND_MAP || !takes_floats(op)) return;
  for (int t = T_F32; t <= T_F64; t++)
    for (int s = 0; s < COUNT_OF(shapes); s++)
      for (int spice = SPICE_PLAIN; spice <= SPICE_EXTREME; spice++) {
        bool chosen = s == 4 ? spice >= SPICE_NASTY : (s + spice + t + i) % 8 == 0;
        if (!chosen) continue; /* a few of each are enough */
        Fn *f = row_function(op, (DType)t, shapes[s]);
        LawCheck c = {
            .seed = (uint64_t)(i * 100 + spice), .spice = (Spice)spice, .what = CHECK_ALL};
        ck_assert_msg(check_laws(f, &c), "%s: broken: %s (%s)\n%s", op_info[op].name,
                      law_text[c.broken], c.where, c.detail);
      }
}
START_TEST(test_row_laws) { trapped_at(laws_of_row, _i); }
END_TEST

/* Without derivatives: integers, truth values, bit patterns. */
static void values_of_row(int i) {
  Op op = (Op)i;
  if (op_kind(op) != KIND_MAP) return;
  if (op == OP_bounded) return; /* most numbers end it: tests/lang/outside.nn */
  for (DType t = T_BOOL; t < DTYPE_COUNT; t++) {
    Typing ty = op_info[op].typing;
    bool number = t != T_BOOL, fits = ty == TY_NUM                      ? number
                                      : ty == TY_FLOAT || ty == TY_BITS ? type_is_float(t)
                                      : ty == TY_INT                    ? type_is_int(t)
                                      : ty == TY_LOGIC                  ? t == T_BOOL
                                      : ty == TY_FROM_BITS              ? t == T_I32 || t == T_I64
                                                                        : true;
    if (!fits || op == OP_cast) continue;
    if (type_is_float(t) && takes_floats(op)) continue; /* in the laws above */
    for (int spice = SPICE_PLAIN; spice <= SPICE_NASTY; spice += 2) {
      LawCheck c = {.seed = (uint64_t)(i * 10 + spice),
                    .spice = (Spice)spice,
                    .what = CHECK_PRINT | CHECK_JIT};
      ck_assert_msg(check_laws(row_function(op, t, SHAPE(41)), &c), "%s of %s: broken: %s (%s)\n%s",
                    op_info[op].name, type_info[t].word, law_text[c.broken], c.where, c.detail);
    }
  }
}
START_TEST(test_row_values) { trapped_at(values_of_row, _i); }
END_TEST

/* Every cast, at the numbers where types end. */
static void cast_of(int i) {
  DType from = (DType)(i / DTYPE_COUNT), to = (DType)(i % DTYPE_COUNT);
  if (from == to) return;
  Builder b = ir_begin(cx, name_of(cx, "f"));
  Shape s = SHAPE(37);
  Val x = ir_input(&b, name_of(cx, "x"), from, &s, ROLE_ARG, (Span){0});
  ir_output(&b, NULL, ir_cast(&b, to, x));
  Fn *f = ir_finish(&b);
  for (int spice = SPICE_PLAIN; spice <= SPICE_EXTREME; spice += 3) {
    LawCheck c = {.seed = (uint64_t)(i + spice), .spice = (Spice)spice, .what = CHECK_ALL};
    ck_assert_msg(check_laws(f, &c), "%s to %s: broken: %s (%s)\n%s", type_info[from].word,
                  type_info[to].word, law_text[c.broken], c.where, c.detail);
  }
}
START_TEST(test_casts) { trapped_at(cast_of, _i); }
END_TEST

/* ---- partials "0" and NONE ---- */
static void no_derivative(int i) {
  Op op = (Op)i;
  if (op_kind(op) != KIND_MAP || op == OP_cast) return;
  for (int k = 0; k < op_info[op].arity; k++) {
    const char *text = op_info[op].partial[k];
    if (text && !is_zero_text(text)) continue;
    /* x reaches operand k by a path that a derivative would have to follow, the result an f32 */
    Builder b = ir_begin(cx, name_of(cx, "f"));
    Shape s = SHAPE(3);
    Val x = ir_input(&b, name_of(cx, "x"), T_F32, &s, ROLE_ARG, (Span){0});
    DType t = any_operand_type(op, k);
    b.span = (Span){1, 10, 14};
    Val into = t == T_F32   ? x
               : t == T_I32 ? ir_map1(&b, OP_bits, x)
                            : ir_map2(&b, OP_gt, x, ir_const_f(&b, T_F32, &s, 0));
    if (t == T_F32) b.span = (Span){1, 20, 24};
    Val arg[3];
    for (int j = 0; j < op_info[op].arity; j++)
      arg[j] = j == k ? into : ir_const_f(&b, any_operand_type(op, j), &s, 1);
    b.span = (Span){1, 20, 24};
    Val y = ir_map(&b, op, arg);
    b.span = (Span){0};
    if (ir_ins(&b, y)->op != op) continue; /* it folded: x & x and the like */
    ir_output(&b, NULL, ir_cast(&b, T_F32, y));
    Fn *f = ir_finish(&b), *g = pass_adjoint(f, (bool[]){true}),
       *h = pass_tangent(f, (bool[]){true});
    if (!text) {
      ck_assert_msg(!g && !h && diag_errors(cx) > 0,
                    "%s, operand %d: a derivative of what has none", op_info[op].name, k);
      const Diag *d = cx->diags->list.at[0];
      ck_assert_int_eq(d->code, E0401);
      ck_assert_int_eq(d->span.lo, t == T_I32 ? 10 : 20); /* where the path ended first */
    } else {
      ck_assert_msg(g && h && !diag_errors(cx), "%s, operand %d: %s", op_info[op].name, k,
                    diag_text(cx));
      ck_assert(ins_is_splat(fn_ins(g, g->out.at[1].val), 0));
      ck_assert(ins_is_splat(fn_ins(h, h->out.at[1].val), 0));
    }
    diag_clear(cx);
  }
}
START_TEST(test_no_derivative) { trapped_at(no_derivative, _i); }
END_TEST

/* ---- chosen derivatives at special places ---- */
static const struct {
  const char *f, *at, *value; /* as typed into gradc eval */
} special[] = {
    {"fn f(x: f64[4]) = max(x)", "[1.0, 3.0, 3.0, 2.0]", "0 0.5 0.5 0"},
    {"fn f(x: f64[4]) = min(x)", "[1.0, 1.0, 1.0, 1.0]", "0.25 0.25 0.25 0.25"},
    {"fn f(x: f64[2]) = max(x[0], x[1])", "[2.0, 2.0]", "0.5 0.5"},
    {"fn f(x: f64[3]) = prod(x)", "[2.0, 0.0, 3.0]", "0 6 0"},
    {"fn f(x: f64[3]) = prod(x)", "[0.0, 0.0, 3.0]", "0 0 0"},
    {"fn f(x: f64[3]) = prod(x)", "[2.0, 5.0, 3.0]", "15 6 10"},
    {"fn f(x: f64[1]) = sum(abs(x))", "[0.0]", "0"},
    {"fn f(x: f64[2]) = sum(relu(x))", "[0.0, -1.0]", "0 0"},
    {"fn f(x: f64[2]) = sum(x ** 0)", "[0.0, 2.0]", "0 0"},
    {"fn f(x: f64[2]) = sum(x ** 1.5)", "[0.0, 4.0]", "0 3"},
    {"fn f(x: f64[2]) = sum(2 ** x)", "[0.0, 1.0]", "0.693147 1.38629"},
    {"fn f(x: f64[2]) = sum(if x > 0 then log(x) else x)", "[2.0, 0.0]", "0.5 1"},
    {"fn f(x: f64[2]) = sum(if x > 0 then sqrt(x) else 0)", "[4.0, 0.0]", "0.25 0"},
    {"fn f(x: f64[2]) = sum(x % 2)", "[3.5, -0.5]", "1 1"},
    {"fn f(x: f64[2]) = sum(stop(x) * x)", "[3.0, -2.0]", "3 -2"},
    {"fn f(x: f64[2]) = norm(x)", "[0.0, 0.0]", "0 0"},
    {"fn f(x: f64[3]) = logsumexp(x)", "[1000.0, 1000.0, -1000.0]", "0.5 0.5 0"},
    {"fn f(x: f64[3]) = sum(x[1:1])", "[1.0, 2.0, 3.0]", "0 0 0"},
};

static void special_gradient(int i) {
  Program *p = front_new(cx);
  const char *text = text_printf(cx, "%s\nfn g() = grad(f)(%s)\n", special[i].f, special[i].at);
  front_declare(p, ast_parse(cx, cx_add_source(cx, "special", text, strlen(text), false)));
  const Fn *g = diag_errors(cx) ? NULL : front_function(p, name_of(cx, "g"));
  g = g ? pass_expand(g) : NULL;
  ck_assert_msg(g != NULL, "%s\n%s", text, diag_text(cx));
  Tensor out[1];
  ir_eval(g, cx->arena, NULL, out, NULL);
  Text got = text_new(cx->arena);
  for (int64_t k = 0; k < tensor_count(&out[0]); k++)
    text_fmt(&got, "%s%g", k ? " " : "", tensor_get(&out[0], k) + 0.0);
  ck_assert_msg(!strcmp(text_str(&got), special[i].value), "%s at %s: %s instead of %s",
                special[i].f, special[i].at, text_str(&got), special[i].value);
}
START_TEST(test_special) { trapped_at(special_gradient, _i); }
END_TEST

/* ---- reductions ---- */
static void laws_of_fold(int i) {
  Op op = (Op)i;
  if (op_kind(op) != KIND_FOLD) return;
  const struct {
    Shape shape;
    uint32_t axes;
  } cases[] = {{SHAPE(1), 1},       {SHAPE(7), 1},        {SHAPE(0), 1},    {SHAPE(3, 0), 2},
               {SHAPE(3, 0), 1},    {SHAPE(5, 3), 1},     {SHAPE(5, 3), 2}, {SHAPE(5, 3), 3},
               {SHAPE(2, 9, 3), 5}, {SHAPE(2, 17, 3), 2}, {SHAPE(41), 1}};
  for (DType t = T_BOOL; t < DTYPE_COUNT; t++)
    for (int k = 0; k < COUNT_OF(cases); k++)
      for (int spice = SPICE_PLAIN; spice <= SPICE_NASTY; spice++) {
        if (op_info[op].typing == TY_NUM && (t == T_BOOL || t == T_U8))
          continue; /* the language sums them in i32 */
        if ((k + spice + (int)t) % (type_is_float(t) ? 3 : 6)) continue;
        Builder b = ir_begin(cx, name_of(cx, "f"));
        Val x = ir_input(&b, name_of(cx, "x"), t, &cases[k].shape, ROLE_ARG, (Span){0});
        ir_output(&b, NULL, ir_fold(&b, op, x, cases[k].axes));
        LawCheck c = {.seed = (uint64_t)(k * 4 + spice), .spice = (Spice)spice, .what = CHECK_ALL};
        c.smooth = spice == SPICE_SMOOTH;
        ck_assert_msg(check_laws(ir_finish(&b), &c), "%s: broken: %s (%s)\n%s", op_info[op].name,
                      law_text[c.broken], c.where, c.detail);
      }
}
START_TEST(test_folds) { trapped_at(laws_of_fold, _i); }
END_TEST

/* ---- movement: <w, Jv> == <J'w, v> to 1e-12 ---- */
/* The two inner products of f, whose inputs are drawn; NAN where a gather outside makes one. */
static void check_transpose(const Fn *f, uint64_t seed) {
  Fn *m = modes_function(f);
  ck_assert_msg(m != NULL, "%s\n%s", diag_text(cx), dump_text(f));
  ck_assert_msg(!ir_verify(m), "%s\n%s", ir_verify(m), dump_text(f));
  Tensor *in = random_inputs(m, seed, SPICE_PLAIN), out[2];
  ir_eval(m, cx->arena, in, out, NULL);
  double x = tensor_get(&out[0], 0), y = tensor_get(&out[1], 0);
  if (x != x || y != y) return;
  int64_t n = 1;
  for (int i = 0; i < m->in.n; i++) n += tensor_count(&in[i]);
  ck_assert_msg(fabs(x - y) <= 1e-12 * (double)n,
                "seed %llu: <J'w, v> = %.17g, <w, Jv> = %.17g\n%s", (unsigned long long)seed, x, y,
                dump_text(f));
}

enum { MOVES_EACH = 60, MOVE_BATCHES = 10 };
typedef Val Mover(Builder *b, Rng *r, Val x);

static Val move_view(Builder *b, Rng *r, Val x) {
  Shape s = gen_shape(cx, r, 200, false);
  return gen_view(b, r, x, &s);
}
static Val move_window_of_windows(Builder *b, Rng *r, Val x) {
  return move_view(b, r, move_view(b, r, x));
}
static Val move_pad_and_slice(Builder *b, Rng *r, Val x) {
  int rank = ir_shape(b, x)->rank;
  if (!rank) return x;
  int axis = rng_below(r, rank);
  x = ir_pad(b, x, axis, rng_below(r, 3), rng_below(r, 3));
  Dim n = ir_shape(b, x)->dim[axis];
  int64_t step = rng_below(r, 3) + 1, count = (n + step - 1) / step;
  if (rng_chance(r, 50)) return ir_slice(b, x, axis, 0, count, step);
  return ir_slice(b, x, axis, MAX(n - 1, 0), count, -step);
}
/* The same elements in another order of axes, flat, and back. */
static Val move_reshape(Builder *b, Rng *r, Val x) {
  Shape s = *ir_shape(b, x), flat = {1, {shape_count(cx, &s)}}, turned = {0};
  for (int d = s.rank; d-- > 0;) turned.dim[turned.rank++] = s.dim[d];
  Val y = ir_map1(b, OP_neg, ir_reshape(b, x, &turned));
  return ir_reshape(b, y, rng_chance(r, 50) ? &flat : &s);
}
static Val move_gather(Builder *b, Rng *r, Val x) {
  Shape full = *ir_shape(b, x), s = gen_shape(cx, r, 12, false);
  Val index[IR_MAX_RANK];
  int32_t axis[IR_MAX_RANK];
  if (!full.rank) return x;
  int n = gen_indices(b, r, &full, &s, index, axis);
  return ir_gather(b, x, index, axis, n);
}
/* x[n, label[n]]: the transpose needs no scatter */
static Val move_pick(Builder *b, Rng *r, Val x) {
  Shape full = *ir_shape(b, x);
  if (full.rank < 2) return x;
  Shape rows = {1, {full.dim[0]}};
  Val n = ir_iota(b, T_I32, full.dim[0]);
  Val label =
      ir_map2(b, OP_mod, ir_map2(b, OP_mul, n, ir_const_i(b, T_I32, &rows, rng_below(r, 7) + 1)),
              ir_size(b, T_I32, &rows, full.dim[1]));
  return ir_gather(b, x, (Val[]){n, label}, (int32_t[]){0, 1}, 2);
}
static Val move_scatter(Builder *b, Rng *r, Val x) {
  Shape full = gen_shape(cx, r, 40, false), s = gen_shape(cx, r, 9, false), want = s;
  Val index[IR_MAX_RANK];
  int32_t axis[IR_MAX_RANK];
  if (!full.rank) return x;
  int n = gen_indices(b, r, &full, &s, index, axis);
  for (int d = 0, k = 0; d < full.rank; d++) {
    if (k < n && axis[k] == d) k++;
    else want.dim[want.rank++] = full.dim[d];
  }
  return ir_scatter(b, gen_view(b, r, x, &want), index, axis, n, &full);
}
static Mover *const movers[] = {
    move_view,   move_window_of_windows, move_pad_and_slice, move_reshape, move_gather, move_pick,
    move_scatter};

static void moves(int i) {
  Mover *move = movers[i / MOVE_BATCHES];
  for (int k = 0; k < MOVES_EACH; k++) {
    uint64_t seed = (uint64_t)(i * MOVES_EACH + k);
    Rng r = rng_at(seed);
    Builder b = ir_begin(cx, name_of(cx, "f"));
    Shape s = gen_shape(cx, &r, 150, false);
    Val x = ir_input(&b, name_of(cx, "x"), T_F64, &s, ROLE_ARG, (Span){0});
    ir_output(&b, NULL, move(&b, &r, x));
    check_transpose(ir_finish(&b), seed);
  }
}
START_TEST(test_moves) { trapped_at(moves, _i); }
END_TEST

/* ---- contractions: value by definition, both adjoints against the tangent ---- */
/* sum over all labels that aren't in the result, element by element. */
static void by_definition(const Contract *c, const Tensor *x, const Tensor *y, const Shape *out,
                          double *sum) {
  int64_t extent[IR_MAX_RANK * 2] = {0}, at[IR_MAX_RANK * 2] = {0}, total = 1;
  for (int k = 0; k < x->shape.rank; k++) extent[c->a[k]] = x->shape.dim[k];
  for (int k = 0; k < y->shape.rank; k++) extent[c->b[k]] = y->shape.dim[k];
  for (int l = 0; l < c->nlabels; l++) total *= extent[l];
  for (int64_t n = 0; n < total; n++) {
    int64_t rest = n, ix = 0, iy = 0, io = 0;
    for (int l = c->nlabels; l-- > 0;) at[l] = rest % extent[l], rest /= extent[l];
    for (int k = 0; k < x->shape.rank; k++) ix = ix * x->shape.dim[k] + at[c->a[k]];
    for (int k = 0; k < y->shape.rank; k++) iy = iy * y->shape.dim[k] + at[c->b[k]];
    for (int k = 0; k < out->rank; k++) io = io * out->dim[k] + at[c->out[k]];
    sum[io] += tensor_get(x, ix) * tensor_get(y, iy);
  }
}

static void contractions(int i) {
  for (int k = 0; k < MOVES_EACH; k++) {
    uint64_t seed = (uint64_t)(i * MOVES_EACH + k);
    Rng r = rng_at(seed);
    int n = rng_below(&r, 5) + 1;
    Contract c = {.nlabels = n};
    Shape sx = {0}, sy = {0}, out = {0};
    int order[5];
    Dim extent[5];
    for (int l = 0; l < n; l++) {
      int at = rng_below(&r, l + 1);
      static const Dim extents[] = {1, 2, 3, 4, 5, 2, 3, 0};
      order[l] = order[at], order[at] = l,
      extent[l] = extents[rng_below(&r, rng_chance(&r, 10) ? 8 : 7)];
    }
    int where[5];
    for (int l = 0; l < n; l++) where[l] = (int[]){3, 5, 6, 7}[rng_below(&r, 4)];
    for (int l = 0; l < n; l++)
      if (where[l] & 1) c.a[sx.rank] = (uint8_t)l, sx.dim[sx.rank++] = extent[l];
    for (int l = 0; l < n; l++)
      if (where[order[l]] & 2)
        c.b[sy.rank] = (uint8_t)order[l], sy.dim[sy.rank++] = extent[order[l]];
    for (int l = n; l-- > 0;)
      if (where[order[l]] & 4)
        c.out[c.nout++] = (uint8_t)order[l], out.dim[out.rank++] = extent[order[l]];
    Builder b = ir_begin(cx, name_of(cx, "f"));
    Val x = ir_input(&b, name_of(cx, "x"), T_F64, &sx, ROLE_ARG, (Span){0});
    Val y = ir_input(&b, name_of(cx, "y"), T_F64, &sy, ROLE_ARG, (Span){0});
    Val v = ir_contract(&b, x, y, &c);
    ck_assert(shape_eq(ir_shape(&b, v), &out));
    ir_output(&b, NULL, v);
    Fn *f = ir_finish(&b);
    Tensor *in = random_inputs(f, seed, SPICE_SMOOTH), got[1];
    ir_eval(f, cx->arena, in, got, NULL);
    double *want = NEWS(cx->arena, double, tensor_count(&got[0]) + 1);
    by_definition(&c, &in[0], &in[1], &out, want);
    for (int64_t e = 0; e < tensor_count(&got[0]); e++)
      ck_assert_msg(fabs(tensor_get(&got[0], e) - want[e]) < 1e-11,
                    "seed %llu, element %lld: %.17g, not %.17g\n%s", (unsigned long long)seed,
                    (long long)e, tensor_get(&got[0], e), want[e], dump_text(f));
    check_transpose(f, seed);
  }
}
START_TEST(test_contractions) { trapped_at(contractions, _i); }
END_TEST

Suite *ops_suite(void);
Suite *ops_suite(void) {
  Suite *s = suite_create("ops");
  TCase *t = tcase_create("ops");
  tcase_set_timeout(t, 120);
  tcase_add_checked_fixture(t, fixture_rules, fixture_end);
  tcase_add_loop_test(t, test_partials, 0, OP_COUNT);
  tcase_add_loop_test(t, test_row_laws, 0, OP_COUNT);
  tcase_add_loop_test(t, test_row_values, 0, OP_COUNT);
  tcase_add_loop_test(t, test_casts, 0, DTYPE_COUNT * DTYPE_COUNT);
  tcase_add_loop_test(t, test_no_derivative, 0, OP_COUNT);
  tcase_add_loop_test(t, test_special, 0, COUNT_OF(special));
  tcase_add_loop_test(t, test_folds, 0, OP_COUNT);
  tcase_add_loop_test(t, test_moves, 0, COUNT_OF(movers) * MOVE_BATCHES);
  tcase_add_loop_test(t, test_contractions, 0, MOVE_BATCHES);
  suite_add_tcase(s, t);
  return s;
}
