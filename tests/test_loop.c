/* test_loop.c: the lowering against the reference evaluator, run by the interpreter of the loop
 * form, which also checks every access against its buffer. */
#include "ir/build.h"
#include "ir/eval.h"
#include "loop/interp.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef SHOW
#define SHOW 0
#endif

static Cx *cx;
static Builder bld;

/* ---- harness ---- */
static uint64_t seed = 1;
static uint32_t rnd(void) {
  seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
  return (uint32_t)(seed >> 20);
}
static int pick(int n) { return (int)(rnd() % (uint32_t)n); }
static double real(void) { return (double)(rnd() % 2001) / 1000 - 1; }

static Target machine(int bytes, int threads) {
  return (Target){.vector_bytes = bytes,
                  .vector_regs = bytes == 64 ? 32 : 16,
                  .fma = bytes >= 32,
                  .l1 = 1 << 10,
                  .l2 = 16 << 10,
                  .l3 = 1 << 20,
                  .threads = threads};
}

static void fill(Tensor *t) {
  for (int64_t i = 0; i < tensor_count(t); i++)
    tensor_set(t, i, type_is_float(t->type) ? real() : t->type == T_BOOL ? pick(2) : pick(7) - 1);
}

static bool close_to(double a, double b, DType t) {
  if (isnan(a) || isnan(b)) return isnan(a) && isnan(b);
  if (a == b) return true;
  double tol = t == T_F32 ? 2e-4 : 1e-9;
  return type_is_float(t) && fabs(a - b) <= tol * (1 + fabs(a) + fabs(b));
}

static void dump(const Fn *f, LoopProgram *p) {
  Text t = text_new(f->cx->arena);
  loop_dump(p, &t);
  fprintf(stderr, "%s\n", text_str(&t));
}

typedef struct Job {
  const Fn *f;
  int kernels; /* expected, or 0 */
} Job;

static void compare(const Fn *f, LoopProgram *p, Tensor *in, Tensor *want, const char *what) {
  void **ip = NEWS(cx->arena, void *, f->in.n + 1), **op = NEWS(cx->arena, void *, f->out.n + 1);
  Tensor *got = NEWS(cx->arena, Tensor, f->out.n + 1);
  for (int i = 0; i < f->in.n; i++) {
    size_t bytes = (size_t)tensor_count(&in[i]) * (size_t)type_info[in[i].type].bytes;
    ip[i] = memcpy(arena_alloc(cx->arena, bytes + 1), in[i].data, bytes);
  }
  for (int i = 0; i < f->out.n; i++) {
    const Ins *v = fn_ins(f, f->out.at[i].val);
    got[i] = tensor_new(cx, cx->arena, (DType)v->type, &v->shape);
    memset(got[i].data, 0x5a, (size_t)tensor_count(&got[i]) * (size_t)type_info[v->type].bytes);
    if (f->out.at[i].alias >= 0) got[i].data = ip[f->out.at[i].alias];
    op[i] = got[i].data;
  }
  char *work = arena_alloc(cx->arena, (size_t)p->workspace + 64);
  memset(work, 0xff, (size_t)p->workspace);
  const char *error = loop_verify(p);
  if (!error) error = loop_interp(p, ip, op, work);
  if (error) {
    dump(f, p);
    ck_abort_msg("%s: %s", what, error);
  }
  for (int i = 0; i < f->out.n; i++)
    for (int64_t k = 0; k < tensor_count(&got[i]); k++)
      if (!close_to(tensor_get(&want[i], k), tensor_get(&got[i], k), got[i].type)) {
        Text t = text_new(cx->arena);
        ir_dump(f, &t);
        fprintf(stderr, "%s\n", text_str(&t));
        dump(f, p);
        ck_abort_msg("%s: output %d [%lld] is %.9g, not %.9g", what, i, (long long)k,
                     tensor_get(&got[i], k), tensor_get(&want[i], k));
      }
}

static Status check_job(void *arg) {
  Job *job = arg;
  const Fn *f = job->f;
  Tensor *in = NEWS(cx->arena, Tensor, f->in.n + 1), *want = NEWS(cx->arena, Tensor, f->out.n + 1);
  for (int i = 0; i < f->in.n; i++) {
    in[i] = tensor_new(cx, cx->arena, f->in.at[i].type, &f->in.at[i].shape);
    fill(&in[i]);
  }
  ir_eval(f, cx->arena, in, want, NULL);
  static const int bytes[] = {0, 16, 32, 64};
  for (int b = 0; b < 4; b++)
    for (int threads = 1; threads <= 4; threads += 3) {
      Target t = machine(bytes[b], threads);
      LoopProgram *p = loop_lower(f, &t);
      if (SHOW && b == 3 && threads == 1) dump(f, p);
      char what[64];
      snprintf(what, sizeof what, "%d bytes, %d threads", bytes[b], threads);
      compare(f, p, in, want, what);
      if (job->kernels && p->kernel.n != job->kernels) {
        dump(f, p);
        ck_abort_msg("%s: %d kernels, not %d", what, p->kernel.n, job->kernels);
      }
    }
  return ST_OK;
}

static void check_fn(Fn *f, int kernels) {
  Job job = {f, kernels};
  const char *error = ir_verify(f);
  if (error) ck_abort_msg("ir_verify: %s", error);
  Status s = cx_guard(f->cx, check_job, &job);
  if (s != ST_OK) {
    Text t = text_new(f->cx->arena);
    ir_dump(f, &t);
    ck_abort_msg("%s\n%s", f->cx->trap_text, text_str(&t));
  }
}

static void begin(void) {
  cx = cx_new();
  bld = ir_begin(cx, name_of(cx, "f"));
}
static Shape shape(int rank, ...) {
  Shape s = {.rank = rank};
  va_list ap;
  va_start(ap, rank);
  for (int i = 0; i < rank; i++) s.dim[i] = va_arg(ap, int);
  va_end(ap);
  return s;
}
static Val input(const char *name, DType t, Shape s) {
  return ir_input(&bld, name_of(cx, name), t, &s, ROLE_ARG, (Span){0});
}
static Fn *end(Val v) {
  ir_output(&bld, NULL, v);
  return ir_finish(&bld);
}
static Val broadcast(Val v, Shape s) { return ir_broadcast(&bld, v, &s); }
static Val over_rows(Val v, Shape s) { /* v has the leading axes of s */
  int32_t at[IR_MAX_RANK];
  for (int i = 0; i < IR_MAX_RANK; i++) at[i] = i;
  return ir_spread(&bld, v, &s, at);
}
static Val matmul(Val x, Val y) {
  Contract c = {.nlabels = 3, .a = {0, 2}, .b = {2, 1}, .nout = 2, .out = {0, 1}};
  return ir_contract(&bld, x, y, &c);
}

/* ---- single things ---- */
START_TEST(elementwise) {
  static const int extents[] = {0, 1, 3, 15, 16, 17, 31, 33, 64, 100, 257};
  for (int i = 0; i < COUNT_OF(extents); i++) {
    begin();
    Shape s = shape(2, 3, extents[i]);
    Val x = input("x", T_F32, s), y = input("y", T_F32, shape(1, extents[i]));
    Val z = ir_map2(&bld, OP_mul, x, broadcast(y, s));
    ir_output(&bld, NULL, ir_map2(&bld, OP_max, z, x));
    check_fn(end(ir_map1(&bld, OP_neg, z)), 1);
    cx_free(cx);
  }
}
END_TEST

START_TEST(parallel_rows) {
  begin();
  Val x = input("x", T_F32, shape(1, 70001));
  check_fn(end(ir_map1(&bld, OP_exp, ir_map2(&bld, OP_add, x, x))), 1);
  cx_free(cx);
}
END_TEST

START_TEST(every_operator) {
  for (Op op = 0; op < OP_COUNT; op++) {
    if (op_kind(op) != KIND_MAP || op == OP_cast || op == OP_bounded) continue;
    for (DType t = 0; t < DTYPE_COUNT; t++) {
      Typing ty = op_info[op].typing;
      bool f = type_is_float(t), n = type_is_int(t);
      bool fits = ty == TY_NUM                      ? f || n
                  : ty == TY_FLOAT || ty == TY_BITS ? f
                  : ty == TY_INT                    ? n
                  : ty == TY_FROM_BITS              ? t == T_I32 || t == T_I64
                  : ty == TY_LOGIC                  ? t == T_BOOL
                                                    : true;
      if (!fits) continue;
      begin();
      Val a[3] = {input("a", ty == TY_SELECT ? T_BOOL : t, shape(1, 37)),
                  input("b", t, shape(1, 37)), input("c", t, shape(1, 37))};
      check_fn(end(ir_map(&bld, op, a)), 1);
      cx_free(cx);
    }
  }
  for (DType t = 0; t < DTYPE_COUNT; t++)
    for (DType u = 0; u < DTYPE_COUNT; u++) {
      begin();
      check_fn(end(ir_cast(&bld, u, input("a", t, shape(1, 21)))), 0);
      cx_free(cx);
    }
}
END_TEST

START_TEST(reductions) {
  static const Op ops[] = {OP_sum, OP_prod, OP_amax, OP_amin};
  for (int o = 0; o < 4; o++)
    for (int k = 0; k < 5; k++)
      for (uint32_t axes = 1; axes < 8; axes++) {
        static const int e[][3] = {{2, 3, 5}, {4, 17, 33}, {1, 64, 1}, {3, 0, 5}, {2, 40, 130}};
        DType t = o < 2 ? (k & 1 ? T_F64 : T_F32) : (DType[]){T_F32, T_I32, T_BOOL, T_U8, T_I64}[k];
        if (type_is_int(t) && k == 3 && o >= 2) continue; /* extremes of nothing */
        begin();
        Val x = input("x", t, shape(3, e[k][0], e[k][1], e[k][2]));
        Val r = ir_fold(&bld, ops[o], x, axes);
        if (t == T_F32) r = ir_map2(&bld, OP_add, r, r);
        check_fn(end(r), 1);
        cx_free(cx);
      }
}
END_TEST

static Val softmax(Val x, Shape s) {
  uint32_t last = 1u << (s.rank - 1);
  Val m = ir_fold(&bld, OP_amax, x, last);
  Val e = ir_map1(&bld, OP_exp, ir_map2(&bld, OP_sub, x, over_rows(m, s)));
  return ir_map2(&bld, OP_div, e, over_rows(ir_fold(&bld, OP_sum, e, last), s));
}

START_TEST(softmax_rows) {
  static const int e[][2] = {{4, 10}, {8, 100}, {64, 33}, {1, 16}, {0, 7}};
  for (int i = 0; i < COUNT_OF(e); i++) {
    begin();
    Shape s = shape(2, e[i][0], e[i][1]);
    check_fn(end(softmax(input("x", T_F32, s), s)), e[i][0] > 0);
    cx_free(cx);
  }
  begin();
  Shape s = shape(3, 3, 5, 40);
  check_fn(end(softmax(input("x", T_F64, s), s)), 1);
  cx_free(cx);
}
END_TEST

START_TEST(layer_norm_rows) {
  begin();
  Shape s = shape(2, 9, 70), r = shape(1, 9);
  Val x = input("x", T_F32, s), g = input("g", T_F32, shape(1, 70));
  Val scale = ir_const_f(&bld, T_F32, &r, 1 / 70.0);
  Val mean = ir_map2(&bld, OP_mul, ir_fold(&bld, OP_sum, x, 2), scale);
  Val c = ir_map2(&bld, OP_sub, x, over_rows(mean, s));
  Val var = ir_map2(&bld, OP_mul, ir_fold(&bld, OP_sum, ir_map2(&bld, OP_mul, c, c), 2), scale);
  Val one = ir_const_f(&bld, T_F32, &r, 1);
  Val sd = ir_map1(&bld, OP_sqrt, ir_map2(&bld, OP_add, var, ir_const_f(&bld, T_F32, &r, 1e-5)));
  Val y = ir_map2(&bld, OP_mul, c, over_rows(ir_map2(&bld, OP_div, one, sd), s));
  check_fn(end(ir_map2(&bld, OP_mul, y, broadcast(g, s))), 1);
  cx_free(cx);
}
END_TEST

/* x at its place in a wider tensor, along the last axis; 0 elsewhere. */
static Val padded(Val x, const Shape *wide, int before) {
  View v = {
      .rank = 2,
      .dim = (ViewDim[]){{0, 1, 1, (ViewTerm[]){{0, 1}}}, {-before, 1, 1, (ViewTerm[]){{1, 1}}}}};
  return ir_view(&bld, x, wide, &v);
}

/* Parts side by side, as a sum of padded ones and as a choice by the index, of all small sizes. */
START_TEST(joined_parts) {
  for (int round = 0; round < 60; round++) {
    int a = 1 + pick(40), b = 1 + pick(40), rows = 1 + pick(4);
    begin();
    Shape wide = shape(2, rows, a + b), along = shape(1, a + b);
    Val x = input("x", T_F32, shape(2, rows, a)), y = input("y", T_F32, shape(2, rows, b));
    Val sum =
        ir_map2(&bld, OP_add, padded(ir_map1(&bld, OP_exp, x), &wide, 0), padded(y, &wide, a));
    Val at = ir_iota(&bld, T_I64, a + b), edge = ir_size(&bld, T_I64, &along, a);
    static const Op ops[] = {OP_lt, OP_le, OP_gt, OP_ge, OP_eq, OP_ne};
    Op op = ops[pick(COUNT_OF(ops))];
    Val first = pick(2) ? ir_map2(&bld, op, at, edge) : ir_map2(&bld, op, edge, at);
    Val chosen = ir_map3(&bld, OP_select, ir_spread(&bld, first, &wide, (int32_t[]){1}),
                         padded(x, &wide, 0), padded(y, &wide, a));
    ir_output(&bld, NULL, sum);
    ir_output(&bld, NULL, chosen);
    check_fn(ir_finish(&bld), 0);
    cx_free(cx);
  }
}
END_TEST

/* Points of few coordinates, one for each of many rows, in ways that only unrolled axes allow in
 * one kernel: x[which[n]] by a small matrix of the row's own, an element of that put before it, its
 * length, all coordinates by that; stored by interleaving (3, 4) or by turned squares (9). */
START_TEST(slim_rows) {
  static const int rows[] = {1, 3, 16, 32, 37, 64, 71, 200};
  for (int i = 0; i < COUNT_OF(rows); i++)
    for (int k = 0; k < 2; k++) {
      DType t = k ? T_F64 : T_F32;
      int n = rows[i];
      begin();
      Shape row = shape(1, n), point = shape(2, n, 3), more = shape(2, n, 4);
      Val ids = input("which", T_I32, row), m = input("m", t, shape(3, n, 3, 3));
      Val x = ir_gather(&bld, input("x", t, shape(2, 6, 3)), &ids, (int32_t[]){0}, 1);
      Contract c = {.nlabels = 3, .a = {0, 1, 2}, .b = {0, 2}, .nout = 2, .out = {0, 1}};
      Val y = ir_contract(&bld, m, x, &c);
      Val length = ir_fold(&bld, OP_sum, ir_map2(&bld, OP_mul, y, y), 2);
      Val one = ir_const_f(&bld, t, &row, 1);
      length = ir_map1(&bld, OP_sqrt, ir_map2(&bld, OP_add, length, one));
      Val unit = ir_map2(&bld, OP_div, y, over_rows(length, point));
      Val first = ir_slice(&bld, unit, 1, 2, 1, -1);
      View put = {
          .rank = 2,
          .dim = (ViewDim[]){{0, 1, 1, (ViewTerm[]){{0, 1}}}, {0, 1, 1, (ViewTerm[]){{1, 1}}}}};
      View rest = {
          .rank = 2,
          .dim = (ViewDim[]){{0, 1, 1, (ViewTerm[]){{0, 1}}}, {-1, 1, 1, (ViewTerm[]){{1, 1}}}}};
      Val both = ir_map2(&bld, OP_add, ir_view(&bld, first, &more, &put),
                         ir_view(&bld, unit, &more, &rest));
      Shape square = shape(3, n, 3, 3);
      Contract outer = {.nlabels = 3, .a = {0, 1}, .b = {0, 2}, .nout = 3, .out = {0, 1, 2}};
      Val block = ir_map1(&bld, OP_exp, ir_contract(&bld, unit, y, &outer));
      ir_output(&bld, NULL, both);
      ir_output(&bld, NULL, ir_fold(&bld, OP_amax, unit, 2));
      ir_output(&bld, NULL, ir_map2(&bld, OP_add, block, over_rows(length, square)));
      Fn *f = ir_finish(&bld);
      check_fn(f, 0);
      if (n >= 2 * 16) { /* a row a lane: one kernel, and nothing in memory */
        Target wide = machine(64, 1);
        LoopProgram *p = loop_lower(f, &wide);
        ck_assert_int_eq(p->kernel.n, 1);
        ck_assert_int_eq((int)p->workspace, 0);
      }
      cx_free(cx);
    }
}
END_TEST

/* Several results for each row, the first of them where an operand was that only the second reads:
 * an output over an input, and a temporary over one that dies there. */
START_TEST(slim_rows_in_place) {
  static const int rows[] = {4, 5, 37, 64};
  for (int i = 0; i < COUNT_OF(rows); i++) {
    int n = rows[i];
    Contract c = {.nlabels = 3, .a = {0, 1, 2}, .b = {0, 2}, .nout = 2, .out = {0, 1}};
    begin();
    Val m = input("m", T_F64, shape(3, n, 3, 3)), v = input("v", T_F64, shape(2, n, 3));
    Val x = input("x", T_F64, shape(2, n, 3)), y = ir_contract(&bld, m, v, &c);
    ir_output(&bld, NULL, ir_map1(&bld, OP_tanh, y));
    ir_output(&bld, NULL, ir_map2(&bld, OP_mul, x, y));
    Fn *f = ir_finish(&bld);
    f->out.at[0].alias = 2;
    check_fn(f, 1);
    cx_free(cx);
    begin();
    Shape s = shape(2, n, 9);
    x = ir_map1(&bld, OP_exp, input("x", T_F64, s));
    Val w = input("w", T_F64, shape(2, 9, 9)), before = ir_fold(&bld, OP_sum, matmul(x, w), 1);
    Val b = broadcast(before, s), z = input("z", T_F64, s);
    Val other = ir_map1(&bld, OP_exp, ir_map2(&bld, OP_mul, z, b));
    Val both = ir_map1(&bld, OP_exp, ir_map2(&bld, OP_mul, x, ir_map2(&bld, OP_sub, z, b)));
    ir_output(&bld, NULL, matmul(other, w));
    ir_output(&bld, NULL, matmul(both, w));
    check_fn(ir_finish(&bld), 0);
    cx_free(cx);
  }
}
END_TEST

/* ---- contractions ---- */
START_TEST(matmuls) {
  static const int e[][3] = {{1, 1, 1},   {2, 3, 4},    {5, 17, 33},  {14, 32, 8}, {29, 70, 41},
                             {1, 40, 30}, {40, 1, 30},  {1, 1, 77},   {33, 31, 1}, {3, 4, 0},
                             {0, 4, 4},   {64, 10, 20}, {100, 33, 5}, {2, 130, 9}};
  for (int i = 0; i < COUNT_OF(e); i++)
    for (int form = 0; form < 8; form++) { /* operands and result transposed or not */
      int m = e[i][0], n = e[i][1], k = e[i][2];
      begin();
      Contract c = {.nlabels = 3, .a = {0, 2}, .b = {2, 1}, .nout = 2, .out = {0, 1}};
      Shape a = shape(2, m, k), w = shape(2, k, n);
      if (form & 1) a = shape(2, k, m), c.a[0] = 2, c.a[1] = 0;
      if (form & 2) w = shape(2, n, k), c.b[0] = 1, c.b[1] = 2;
      if (form & 4) c.out[0] = 1, c.out[1] = 0;
      Val x = input("x", i & 1 ? T_F64 : T_F32, a), y = input("y", i & 1 ? T_F64 : T_F32, w);
      check_fn(end(ir_contract(&bld, x, y, &c)), 0);
      cx_free(cx);
    }
}
END_TEST

START_TEST(bias_relu_is_one_kernel) {
  begin();
  Shape s = shape(2, 20, 40);
  Val x = input("x", T_F32, shape(2, 20, 30)), w = input("w", T_F32, shape(2, 30, 40));
  Val z = ir_map2(&bld, OP_add, matmul(x, w), broadcast(input("b", T_F32, shape(1, 40)), s));
  Val zero = ir_const_f(&bld, T_F32, &s, 0);
  ir_output(&bld, NULL, ir_map1(&bld, OP_tanh, z));
  check_fn(end(ir_map2(&bld, OP_max, z, zero)), 1);
  cx_free(cx);
}
END_TEST

START_TEST(update_in_place) {
  begin();
  Shape s = shape(2, 30, 40);
  Val x = input("x", T_F32, shape(2, 30, 9)), d = input("d", T_F32, shape(2, 9, 40));
  Val p = input("p", T_F32, s), m = input("m", T_F32, s);
  Val g = matmul(x, d);
  Val m2 = ir_map2(&bld, OP_add, ir_map2(&bld, OP_mul, m, ir_const_f(&bld, T_F32, &s, 0.9)), g);
  Val p2 = ir_map2(&bld, OP_sub, p, ir_map2(&bld, OP_mul, m2, ir_const_f(&bld, T_F32, &s, 0.1)));
  Val use =
      ir_contract(&bld, input("q", T_F32, shape(2, 5, 30)), p,
                  &(Contract){.nlabels = 3, .a = {0, 2}, .b = {2, 1}, .nout = 2, .out = {0, 1}});
  ir_output(&bld, NULL, p2);
  ir_output(&bld, NULL, m2);
  ir_output(&bld, NULL, use);
  Fn *f = ir_finish(&bld);
  f->out.at[0].alias = 2;
  f->out.at[1].alias = 3;
  check_fn(f, 2);
  cx_free(cx);
  /* an update that reads its input elsewhere goes through a copy; swapped inputs too */
  begin();
  p = input("p", T_F32, shape(1, 50)), m = input("m", T_F32, shape(1, 50));
  ir_output(&bld, NULL, ir_map2(&bld, OP_add, p, ir_slice(&bld, p, 0, 49, 50, -1)));
  ir_output(&bld, NULL, ir_map2(&bld, OP_add, p, m));
  f = ir_finish(&bld);
  f->out.at[0].alias = 0;
  f->out.at[1].alias = 1;
  check_fn(f, 0);
  cx_free(cx);
  begin();
  p = input("p", T_F32, shape(1, 50)), m = input("m", T_F32, shape(1, 50));
  ir_output(&bld, NULL, ir_map2(&bld, OP_add, m, ir_slice(&bld, m, 0, 49, 50, -1)));
  ir_output(&bld, NULL, ir_map2(&bld, OP_add, p, ir_slice(&bld, p, 0, 49, 50, -1)));
  f = ir_finish(&bld);
  f->out.at[0].alias = 0;
  f->out.at[1].alias = 1;
  check_fn(f, 0);
  cx_free(cx);
}
END_TEST

/* A convolution: windows by a view, with and without padding, then its weight gradient. */
START_TEST(convolutions) {
  for (int pad = 0; pad < 2; pad++)
    for (int step = 1; step < 3; step++) {
      begin();
      int n = 2, ci = 3, co = 5, h = 9, kw = 3, o = (h + 2 * pad - kw) / step + 1;
      Val x = input("x", T_F32, shape(4, n, ci, h, h)),
          w = input("w", T_F32, shape(4, co, ci, kw, kw));
      ViewDim dim[4] = {{0, 1, 1, (ViewTerm[]){{0, 1}}},
                        {0, 1, 1, (ViewTerm[]){{1, 1}}},
                        {-pad, 1, 2, (ViewTerm[]){{2, step}, {4, 1}}},
                        {-pad, 1, 2, (ViewTerm[]){{3, step}, {5, 1}}}};
      View v = {.rank = 4, .dim = dim};
      Shape s = shape(6, n, ci, o, o, kw, kw);
      Val win = ir_view(&bld, x, &s, &v);
      /* n o i j c r s = 0..6 */
      Contract c = {
          .nlabels = 7, .a = {0, 4, 2, 3, 5, 6}, .b = {1, 4, 5, 6}, .nout = 4, .out = {0, 1, 2, 3}};
      Val y = ir_contract(&bld, win, w, &c);
      ir_output(&bld, NULL, y);
      Contract cw = {
          .nlabels = 7, .a = {0, 4, 2, 3, 5, 6}, .b = {0, 1, 2, 3}, .nout = 4, .out = {1, 4, 5, 6}};
      ir_output(&bld, NULL, ir_contract(&bld, win, input("dy", T_F32, shape(4, n, co, o, o)), &cw));
      check_fn(ir_finish(&bld), 0);
      cx_free(cx);
    }
}
END_TEST

/* The gradient of a table that rows were looked up in: large enough to be shared out by columns. */
START_TEST(scattered_columns) {
  begin();
  Shape full = shape(2, 500, 256);
  Val upd = input("dy", T_F32, shape(2, 60, 256)), ids = input("ids", T_I32, shape(1, 60));
  check_fn(end(ir_scatter(&bld, upd, &ids, (int32_t[]){0}, 1, &full)), 1);
  cx_free(cx);
}
END_TEST

/* ---- random programs ---- */
typedef struct Pool {
  Val v[64];
  int n;
} Pool;

static Val any(Pool *p) { return p->v[pick(p->n)]; }
static Val any_float(Pool *p) {
  for (;;) {
    Val v = any(p);
    if (ir_type(&bld, v) == T_F32) return v;
  }
}

static Val random_view(Val x) {
  Shape in = *ir_shape(&bld, x), out = {.rank = in.rank};
  ViewDim dim[IR_MAX_RANK];
  ViewTerm term[IR_MAX_RANK][2];
  int32_t perm[IR_MAX_RANK];
  for (int i = 0; i < in.rank; i++) perm[i] = i;
  for (int i = in.rank - 1; i > 0; i--) {
    int j = pick(i + 1), t = perm[i];
    perm[i] = perm[j], perm[j] = t;
  }
  for (int d = 0; d < in.rank; d++) {
    static const int coefs[] = {1, 1, 1, 2, -1, 3};
    int label = perm[d], c = coefs[pick(6)];
    out.dim[label] = pick(4) ? MAX(1, in.dim[d]) : pick(20) + 1;
    term[d][0] = (ViewTerm){label, c};
    dim[d] = (ViewDim){c < 0 ? in.dim[d] - 1 : pick(3) - 1, pick(6) ? 1 : 2, 1, term[d]};
  }
  if (in.rank && out.rank < 5 && !pick(3)) { /* a window */
    int d = pick(in.rank);
    out.dim[out.rank] = pick(3) + 1;
    term[d][1] = (ViewTerm){out.rank++, 1};
    dim[d].n = 2;
  }
  View v = {.rank = in.rank, .dim = dim};
  return ir_view(&bld, x, &out, &v);
}

static Val random_contract(Pool *p) {
  Val x = any_float(p), y = any_float(p);
  const Shape *a = ir_shape(&bld, x), *w = ir_shape(&bld, y);
  Contract c = {0};
  int64_t extent[24];
  bool in_a[24] = {0}, in_b[24] = {0};
  int nout = 0;
  for (int d = 0; d < a->rank; d++) {
    extent[c.nlabels] = a->dim[d];
    in_a[c.nlabels] = true;
    c.a[d] = (uint8_t)c.nlabels++;
  }
  for (int d = 0; d < w->rank; d++) {
    int same = -1;
    for (int l = 0; l < a->rank; l++)
      if (extent[l] == w->dim[d] && !in_b[l] && pick(3)) same = l;
    if (same < 0) extent[same = c.nlabels++] = w->dim[d];
    in_b[same] = true;
    c.b[d] = (uint8_t)same;
  }
  int64_t count = 1;
  uint8_t order[24];
  for (int l = 0; l < c.nlabels; l++) {
    count *= MAX(1, extent[l]);
    if (in_a[l] && in_b[l] && pick(3)) continue;
    if (nout == 6) return 0;
    order[nout++] = (uint8_t)l;
  }
  if (count > 30000) return 0;
  for (int i = nout - 1; i > 0; i--) {
    int j = pick(i + 1);
    uint8_t t = order[i];
    order[i] = order[j], order[j] = t;
  }
  c.nout = nout;
  memcpy(c.out, order, (size_t)nout);
  return ir_contract(&bld, x, y, &c);
}

static Val random_reshape(Val x) {
  const Shape *in = ir_shape(&bld, x);
  int64_t n = shape_count(cx, in);
  Shape out = {0};
  while (n > 1 && out.rank < 4) {
    int64_t f = n;
    for (int64_t q = 2; q <= n; q++)
      if (n % q == 0 && pick(2)) {
        f = q;
        break;
      }
    if (out.rank == 3) f = n;
    out.dim[out.rank++] = f;
    n /= f;
  }
  if (n == 0) out.dim[out.rank++] = 0;
  return ir_reshape(&bld, x, &out);
}

static Val random_gather(Pool *p) {
  Val x = any_float(p);
  const Shape *s = ir_shape(&bld, x);
  if (s->rank == 0 || s->rank > 3) return 0;
  int32_t axis = pick(s->rank);
  Shape is = shape(pick(3), pick(6) + 1, pick(4) + 1);
  Val idx = input(name_fmt(cx, "i%d", pick(1 << 20)), pick(2) ? T_I32 : T_I64, is);
  return ir_gather(&bld, x, &idx, &axis, 1);
}

static Val random_scatter(Pool *p) {
  Val u = any_float(p);
  Shape s = *ir_shape(&bld, u), full = {0};
  if (s.rank == 0 || s.rank > 3) return 0;
  int nidx = pick(s.rank + 1);
  Shape is = {.rank = nidx};
  for (int d = 0; d < nidx; d++) is.dim[d] = s.dim[d];
  full.rank = s.rank - nidx + 1;
  int32_t axis = pick(full.rank);
  for (int d = 0, rest = nidx; d < full.rank; d++) full.dim[d] = d == axis ? 4 : s.dim[rest++];
  Val idx = input(name_fmt(cx, "s%d", pick(1 << 20)), T_I32, is);
  return ir_scatter(&bld, u, &idx, &axis, 1, &full);
}

static Val random_spread(Val x) {
  Shape s = *ir_shape(&bld, x), out = {0};
  int32_t at[IR_MAX_RANK];
  if (s.rank > 3) return 0;
  for (int d = 0; d < s.rank; d++) {
    if (!pick(3)) out.dim[out.rank++] = pick(9) + 1;
    at[d] = out.rank;
    out.dim[out.rank++] = s.dim[d];
  }
  if (!pick(3)) out.dim[out.rank++] = pick(18) + 1;
  return ir_spread(&bld, x, &out, at);
}

static Val random_map(Pool *p) {
  static const Op one[] = {OP_neg, OP_tanh, OP_exp, OP_abs, OP_sqrt, OP_sigmoid, OP_cos};
  static const Op two[] = {OP_add, OP_mul, OP_sub, OP_max, OP_min, OP_add, OP_div};
  Val x = any_float(p);
  Val same[64];
  int n = 0;
  for (int i = 0; i < p->n; i++)
    if (ir_type(&bld, p->v[i]) == T_F32 && shape_eq(ir_shape(&bld, p->v[i]), ir_shape(&bld, x)))
      same[n++] = p->v[i];
  if (!pick(3)) return ir_map1(&bld, one[pick(7)], x);
  Val y = same[pick(n)];
  if (pick(4)) return ir_map2(&bld, two[pick(7)], x, y);
  return ir_map3(&bld, OP_select, ir_map2(&bld, OP_lt, x, y), x, same[pick(n)]);
}

static void random_program(int size) {
  begin();
  Pool p = {0};
  static const int extents[] = {1, 2, 3, 4, 5, 7, 16, 17, 20, 33, 0};
  int inputs = pick(3) + 1;
  Shape s = {.rank = pick(4)};
  for (int d = 0; d < s.rank; d++) s.dim[d] = extents[pick(40) ? pick(10) : 10];
  for (int i = 0; i < inputs; i++) {
    if (!pick(3)) {
      s.rank = pick(4);
      for (int d = 0; d < s.rank; d++) s.dim[d] = extents[pick(10)];
    }
    p.v[p.n++] = input(name_fmt(cx, "x%d", i), T_F32, s);
  }
  for (int i = 0; i < size; i++) {
    Val v = 0;
    switch (pick(12)) {
    case 0: v = random_view(any_float(&p)); break;
    case 1: v = random_contract(&p); break;
    case 2: v = random_reshape(any_float(&p)); break;
    case 3: v = random_gather(&p); break;
    case 4: v = random_scatter(&p); break;
    case 5:
    case 6: v = random_spread(any_float(&p)); break;
    case 7: {
      Val x = any_float(&p);
      int rank = ir_shape(&bld, x)->rank;
      static const Op ops[] = {OP_sum, OP_amax, OP_amin, OP_sum};
      if (rank) v = ir_fold(&bld, ops[pick(4)], x, 1 + rnd() % ((1u << rank) - 1));
      break;
    }
    default: v = random_map(&p);
    }
    if (v && shape_count(cx, ir_shape(&bld, v)) < 6000 && ir_shape(&bld, v)->rank <= 6)
      p.v[p.n++] = v;
  }
  ir_output(&bld, NULL, p.v[p.n - 1]);
  for (int i = pick(3); i > 0; i--) ir_output(&bld, NULL, any(&p));
  Fn *f = ir_finish(&bld);
  for (int i = 0; i < f->out.n; i++) { /* sometimes in place */
    const Ins *v = fn_ins(f, f->out.at[i].val);
    int k = pick(f->in.n);
    bool taken = pick(2) || v->type != f->in.at[k].type || !shape_eq(&v->shape, &f->in.at[k].shape);
    for (int j = 0; j < i; j++) taken |= f->out.at[j].alias == k;
    if (!taken) f->out.at[i].alias = k;
  }
  check_fn(f, 0);
  cx_free(cx);
}

START_TEST(random_programs) {
  const char *env = getenv("LOOP_RANDOM");
  int n = env ? atoi(env) : 400, from = getenv("LOOP_FROM") ? atoi(getenv("LOOP_FROM")) : 1;
  for (int i = from; i < from + n; i++) {
    seed = (uint64_t)i * 0x9e3779b97f4a7c15u + 77;
    for (int k = 0; k < 8; k++) rnd();
    if (env) fprintf(stderr, "random %d\n", i);
    random_program(2 + pick(14));
  }
}
END_TEST

Suite *loop_suite(void) {
  Suite *s = suite_create("loop");
  TCase *t = tcase_create("loop");
  tcase_set_timeout(t, 120);
  tcase_add_test(t, elementwise);
  tcase_add_test(t, parallel_rows);
  tcase_add_test(t, every_operator);
  tcase_add_test(t, reductions);
  tcase_add_test(t, softmax_rows);
  tcase_add_test(t, layer_norm_rows);
  tcase_add_test(t, joined_parts);
  tcase_add_test(t, slim_rows);
  tcase_add_test(t, slim_rows_in_place);
  tcase_add_test(t, matmuls);
  tcase_add_test(t, bias_relu_is_one_kernel);
  tcase_add_test(t, update_in_place);
  tcase_add_test(t, convolutions);
  tcase_add_test(t, scattered_columns);
  tcase_add_test(t, random_programs);
  suite_add_tcase(s, t);
  return s;
}
