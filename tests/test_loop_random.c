/* test_loop_random.c: the lowering of random functions against the reference evaluator: views,
 * contractions, reshapes, gathers, scatters, folds and maps in any order, outputs in place.
 * LOOP_RANDOM=COUNT and LOOP_FROM=FIRST run others. */
#include "loop_case.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct Pool {
  Val v[64];
  int n;
} Pool;

static Val any(Pool *p) { return p->v[case_pick(p->n)]; }
static Val any_float(Pool *p) {
  for (;;) {
    Val v = any(p);
    if (ir_type(&case_builder, v) == T_F32) return v;
  }
}

static Val random_view(Val x) {
  Shape in = *ir_shape(&case_builder, x), out = {.rank = in.rank};
  ViewDim dim[IR_MAX_RANK];
  ViewTerm term[IR_MAX_RANK][2];
  int32_t perm[IR_MAX_RANK];
  for (int i = 0; i < in.rank; i++) perm[i] = i;
  for (int i = in.rank - 1; i > 0; i--) {
    int j = case_pick(i + 1), t = perm[i];
    perm[i] = perm[j], perm[j] = t;
  }
  for (int d = 0; d < in.rank; d++) {
    static const int coefs[] = {1, 1, 1, 2, -1, 3};
    int label = perm[d], c = coefs[case_pick(6)];
    out.dim[label] = case_pick(4) ? MAX(1, in.dim[d]) : case_pick(20) + 1;
    term[d][0] = (ViewTerm){label, c};
    dim[d] = (ViewDim){c < 0 ? in.dim[d] - 1 : case_pick(3) - 1, case_pick(6) ? 1 : 2, 1, term[d]};
  }
  if (in.rank && out.rank < 5 && !case_pick(3)) { /* a window */
    int d = case_pick(in.rank);
    out.dim[out.rank] = case_pick(3) + 1;
    term[d][1] = (ViewTerm){out.rank++, 1};
    dim[d].n = 2;
  }
  View v = {.rank = in.rank, .dim = dim};
  return ir_view(&case_builder, x, &out, &v);
}

static Val random_contract(Pool *p) {
  Val x = any_float(p), y = any_float(p);
  const Shape *a = ir_shape(&case_builder, x), *w = ir_shape(&case_builder, y);
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
      if (extent[l] == w->dim[d] && !in_b[l] && case_pick(3)) same = l;
    if (same < 0) extent[same = c.nlabels++] = w->dim[d];
    in_b[same] = true;
    c.b[d] = (uint8_t)same;
  }
  int64_t count = 1;
  uint8_t order[24];
  for (int l = 0; l < c.nlabels; l++) {
    count *= MAX(1, extent[l]);
    if (in_a[l] && in_b[l] && case_pick(3)) continue;
    if (nout == 6) return 0;
    order[nout++] = (uint8_t)l;
  }
  if (count > 30000) return 0;
  for (int i = nout - 1; i > 0; i--) {
    int j = case_pick(i + 1);
    uint8_t t = order[i];
    order[i] = order[j], order[j] = t;
  }
  c.nout = nout;
  memcpy(c.out, order, (size_t)nout);
  return ir_contract(&case_builder, x, y, &c);
}

static Val random_reshape(Val x) {
  const Shape *in = ir_shape(&case_builder, x);
  int64_t n = shape_count(cx, in);
  Shape out = {0};
  while (n > 1 && out.rank < 4) {
    int64_t f = n;
    for (int64_t q = 2; q <= n; q++)
      if (n % q == 0 && case_pick(2)) {
        f = q;
        break;
      }
    if (out.rank == 3) f = n;
    out.dim[out.rank++] = f;
    n /= f;
  }
  if (n == 0) out.dim[out.rank++] = 0;
  return ir_reshape(&case_builder, x, &out);
}

static Val random_gather(Pool *p) {
  Val x = any_float(p);
  const Shape *s = ir_shape(&case_builder, x);
  if (s->rank == 0 || s->rank > 3) return 0;
  int32_t axis = case_pick(s->rank);
  Shape is = case_shape(case_pick(3), case_pick(6) + 1, case_pick(4) + 1);
  Val idx = case_input(name_fmt(cx, "i%d", case_pick(1 << 20)), case_pick(2) ? T_I32 : T_I64, is);
  return ir_gather(&case_builder, x, &idx, &axis, 1);
}

static Val random_scatter(Pool *p) {
  Val u = any_float(p);
  Shape s = *ir_shape(&case_builder, u), full = {0};
  if (s.rank == 0 || s.rank > 3) return 0;
  int nidx = case_pick(s.rank + 1);
  Shape is = {.rank = nidx};
  for (int d = 0; d < nidx; d++) is.dim[d] = s.dim[d];
  full.rank = s.rank - nidx + 1;
  int32_t axis = case_pick(full.rank);
  for (int d = 0, rest = nidx; d < full.rank; d++) full.dim[d] = d == axis ? 4 : s.dim[rest++];
  Val idx = case_input(name_fmt(cx, "s%d", case_pick(1 << 20)), T_I32, is);
  return ir_scatter(&case_builder, u, &idx, &axis, 1, &full);
}

static Val random_spread(Val x) {
  Shape s = *ir_shape(&case_builder, x), out = {0};
  int32_t at[IR_MAX_RANK];
  if (s.rank > 3) return 0;
  for (int d = 0; d < s.rank; d++) {
    if (!case_pick(3)) out.dim[out.rank++] = case_pick(9) + 1;
    at[d] = out.rank;
    out.dim[out.rank++] = s.dim[d];
  }
  if (!case_pick(3)) out.dim[out.rank++] = case_pick(18) + 1;
  return ir_spread(&case_builder, x, &out, at);
}

static Val random_map(Pool *p) {
  static const Op one[] = {OP_neg, OP_tanh, OP_exp, OP_abs, OP_sqrt, OP_sigmoid, OP_cos};
  static const Op two[] = {OP_add, OP_mul, OP_sub, OP_max, OP_min, OP_add, OP_div};
  Val x = any_float(p);
  Val same[64];
  int n = 0;
  for (int i = 0; i < p->n; i++)
    if (ir_type(&case_builder, p->v[i]) == T_F32 &&
        shape_eq(ir_shape(&case_builder, p->v[i]), ir_shape(&case_builder, x)))
      same[n++] = p->v[i];
  if (!case_pick(3)) return ir_map1(&case_builder, one[case_pick(7)], x);
  Val y = same[case_pick(n)];
  if (case_pick(4)) return ir_map2(&case_builder, two[case_pick(7)], x, y);
  return ir_map3(&case_builder, OP_select, ir_map2(&case_builder, OP_lt, x, y), x,
                 same[case_pick(n)]);
}

static void random_program(int size) {
  case_begin();
  Pool p = {0};
  static const int extents[] = {1, 2, 3, 4, 5, 7, 16, 17, 20, 33, 0};
  int inputs = case_pick(3) + 1;
  Shape s = {.rank = case_pick(4)};
  for (int d = 0; d < s.rank; d++) s.dim[d] = extents[case_pick(40) ? case_pick(10) : 10];
  for (int i = 0; i < inputs; i++) {
    if (!case_pick(3)) {
      s.rank = case_pick(4);
      for (int d = 0; d < s.rank; d++) s.dim[d] = extents[case_pick(10)];
    }
    p.v[p.n++] = case_input(name_fmt(cx, "x%d", i), T_F32, s);
  }
  for (int i = 0; i < size; i++) {
    Val v = 0;
    switch (case_pick(12)) {
    case 0: v = random_view(any_float(&p)); break;
    case 1: v = random_contract(&p); break;
    case 2: v = random_reshape(any_float(&p)); break;
    case 3: v = random_gather(&p); break;
    case 4: v = random_scatter(&p); break;
    case 5:
    case 6: v = random_spread(any_float(&p)); break;
    case 7: {
      Val x = any_float(&p);
      int rank = ir_shape(&case_builder, x)->rank;
      static const Op ops[] = {OP_sum, OP_amax, OP_amin, OP_sum};
      if (rank)
        v = ir_fold(&case_builder, ops[case_pick(4)], x, 1 + case_bits() % ((1u << rank) - 1));
      break;
    }
    default: v = random_map(&p);
    }
    if (v && shape_count(cx, ir_shape(&case_builder, v)) < 6000 &&
        ir_shape(&case_builder, v)->rank <= 6)
      p.v[p.n++] = v;
  }
  ir_output(&case_builder, NULL, p.v[p.n - 1]);
  for (int i = case_pick(3); i > 0; i--) ir_output(&case_builder, NULL, any(&p));
  Fn *f = ir_finish(&case_builder);
  for (int i = 0; i < f->out.n; i++) { /* sometimes in place */
    const Ins *v = fn_ins(f, f->out.at[i].val);
    int k = case_pick(f->in.n);
    bool taken =
        case_pick(2) || v->type != f->in.at[k].type || !shape_eq(&v->shape, &f->in.at[k].shape);
    for (int j = 0; j < i; j++) taken |= f->out.at[j].alias == k;
    if (!taken) f->out.at[i].alias = k;
  }
  case_check(f, 0);
  cx_free(cx);
}

START_TEST(random_programs) {
  const char *env = getenv("LOOP_RANDOM");
  int n = env ? atoi(env) : 400, from = getenv("LOOP_FROM") ? atoi(getenv("LOOP_FROM")) : 1;
  for (int i = from; i < from + n; i++) {
    case_seed((uint64_t)i * 0x9e3779b97f4a7c15u + 77);
    if (env) fprintf(stderr, "random %d\n", i);
    random_program(2 + case_pick(14));
  }
}
END_TEST

Suite *loop_random_suite(void);
Suite *loop_random_suite(void) {
  Suite *s = suite_create("loop_random");
  TCase *t = tcase_create("loop_random");
  tcase_set_timeout(t, 120);
  tcase_add_test(t, random_programs);
  suite_add_tcase(s, t);
  return s;
}
