/* test_build.c: the builder's canonical forms: identities, views of views, which sums become
 * contractions; the algebra of sizes; and that the verifier finds what is broken. */
#include "fixture.h"
#include "gen_program.h"
#include "ir/eval_ops.h"
#include "laws.h"

#include <math.h>

static Builder b;
static Val in(const char *name, DType t, Shape s) {
  return ir_input(&b, name_of(cx, name), t, &s, ROLE_ARG, (Span){0});
}
static Val number(double v, Shape s) { return ir_const_f(&b, T_F64, &s, v); }
static void begin(void) { b = ir_begin(cx, name_of(cx, "f")); }

/* ---- identities ---- */
static void identities(void) {
  begin();
  Shape s = SHAPE(3);
  Val x = in("x", T_F64, s), y = in("y", T_F64, s), p = in("p", T_BOOL, s);
  Val zero = number(0, s), one = number(1, s), nx = ir_map1(&b, OP_neg, x);
  ck_assert_int_eq(ir_map2(&b, OP_add, x, zero), x);
  ck_assert_int_eq(ir_map2(&b, OP_add, zero, x), x);
  ck_assert_int_eq(ir_map2(&b, OP_mul, x, one), x);
  ck_assert_int_eq(ir_map2(&b, OP_mul, one, x), x);
  ck_assert_int_eq(ir_map2(&b, OP_sub, x, zero), x);
  ck_assert_int_eq(ir_map2(&b, OP_div, x, one), x);
  ck_assert_int_eq(ir_map1(&b, OP_neg, nx), x);
  ck_assert_int_eq(ir_map2(&b, OP_sub, zero, x), nx);
  ck_assert_int_eq(ir_map2(&b, OP_mul, x, number(-1, s)), nx);
  ck_assert_int_eq(ir_map2(&b, OP_add, x, y), ir_map2(&b, OP_add, y, x)); /* one instruction */
  ck_assert_int_eq(ir_map2(&b, OP_add, y, nx), ir_map2(&b, OP_sub, y, x));
  ck_assert_int_eq(ir_map2(&b, OP_pow, x, number(2, s)), ir_map2(&b, OP_mul, x, x));
  ck_assert_int_eq(ir_map2(&b, OP_pow, x, one), x);
  ck_assert_int_eq(ir_map2(&b, OP_max, x, x), x);
  ck_assert_int_eq(ir_map3(&b, OP_select, p, x, x), x);
  ck_assert_int_eq(ir_map3(&b, OP_select, ir_map1(&b, OP_not, p), x, y),
                   ir_map3(&b, OP_select, p, y, x));
  ck_assert_int_eq(ir_map2(&b, OP_and, p, p), p);
  ck_assert(ins_is_splat(ir_ins(&b, ir_map2(&b, OP_add, one, one)), 2));
  ck_assert(!ins_is_splat(ir_ins(&b, ir_map2(&b, OP_mul, x, zero)), 0)); /* 0 * NaN is NaN */
  ck_assert_int_ne(ir_map2(&b, OP_sub, x, x), zero);                     /* and so is inf - inf */
  ck_assert_int_eq(ir_cast(&b, T_F64, ir_cast(&b, T_F64, x)), x);
  /* x / 2^k is a product only where 2^-k is a number of the type */
  Val z = in("z", T_F32, s);
  ck_assert_int_eq(ir_ins(&b, ir_map2(&b, OP_div, z, ir_const_f(&b, T_F32, &s, 0.25)))->op, OP_mul);
  ck_assert_int_eq(ir_ins(&b, ir_map2(&b, OP_div, z, ir_const_f(&b, T_F32, &s, 0x1p-130)))->op,
                   OP_div);
}
START_TEST(test_identities) { trapped(identities); }
END_TEST

static void empty(void) {
  begin();
  Val x = in("x", T_F64, SHAPE(0, 3)), y = in("y", T_F64, SHAPE(4));
  Shape none = SHAPE(0, 3), four = SHAPE(4);
  ck_assert(ins_is_const(ir_ins(&b, ir_map1(&b, OP_exp, x))));
  ck_assert(ins_is_const(ir_ins(&b, ir_slice(&b, y, 0, 1, 0, 1))));
  ck_assert(ins_is_splat(ir_ins(&b, ir_fold(&b, OP_sum, ir_map1(&b, OP_exp, x), 1)), 0));
  ck_assert(
      ins_is_splat(ir_ins(&b, ir_fold(&b, OP_sum, ir_const_f(&b, T_F64, &none, INFINITY), 3)), 0));
  ViewDim dim[] = {{0, 1, 0, NULL}, {0, 1, 0, NULL}}; /* x[0, 0], which isn't there */
  View v = {2, dim, false, false};
  ck_assert(ins_is_splat(ir_ins(&b, ir_view(&b, x, &four, &v)), 0));
  ViewTerm term = {0, 1};
  ViewDim far = {9, 1, 1, &term}; /* y[i + 9] */
  View w = {1, &far, false, false};
  ck_assert(ins_is_splat(ir_ins(&b, ir_view(&b, y, &four, &w)), 0));
}
START_TEST(test_empty) { trapped(empty); }
END_TEST

/* ---- views of views: against one view after the other ---- */
static void views_of_views(void) {
  for (uint64_t seed = 0; seed < 400; seed++) {
    Rng r = rng_at(seed);
    begin();
    Shape s = gen_shape(cx, &r, 100, false), s1 = gen_shape(cx, &r, 100, false),
          s2 = gen_shape(cx, &r, 100, false);
    Val x = in("x", T_F64, s), y = in("y", T_F64, s1);
    Val inner = gen_view(&b, &r, x, &s1);
    Rng again = r; /* the outer view is drawn twice alike: of the inner one, and of an input */
    Val v = gen_view(&b, &r, inner, &s2), apart = gen_view(&b, &again, y, &s2);
    ir_output(&b, NULL, inner);
    ir_output(&b, NULL, v);
    ir_output(&b, NULL, apart);
    Fn *f = ir_finish(&b);
    ck_assert_msg(!ir_verify(f), "seed %llu: %s", (unsigned long long)seed, ir_verify(f));
    Tensor *args = random_inputs(f, seed, SPICE_SMOOTH), out[3], two[3];
    ir_eval(f, cx->arena, args, out, NULL);
    args[1] = out[0]; /* what the inner view gave */
    ir_eval(f, cx->arena, args, two, NULL);
    ck_assert_msg(same_bits(&out[1], &two[2]), "seed %llu\n%s", (unsigned long long)seed,
                  dump_text(f));
  }
}
START_TEST(test_views_of_views) { trapped(views_of_views); }
END_TEST

static void view_forms(void) {
  begin();
  Val x = in("x", T_F64, SHAPE(4, 6));
  Val t = ir_permute(&b, x, (int32_t[]){1, 0});
  ck_assert_int_eq(ir_permute(&b, t, (int32_t[]){1, 0}), x);
  Val r = ir_slice(&b, x, 1, 5, 6, -1);
  ck_assert_int_eq(ir_slice(&b, r, 1, 5, 6, -1), x);
  ck_assert_int_eq(ir_slice(&b, ir_pad(&b, x, 0, 2, 3), 0, 2, 4, 1), x);
  ck_assert_int_eq(ir_slice(&b, x, 0, 0, 4, 1), x);
  Shape unit = SHAPE(4, 1, 6), flat = SHAPE(24), same = SHAPE(4, 6);
  ck_assert_int_eq(ir_ins(&b, ir_reshape(&b, x, &unit))->op,
                   OP_view); /* unit axes compose with views */
  ck_assert_int_eq(ir_reshape(&b, ir_reshape(&b, x, &unit), &same), x);
  ck_assert_int_eq(ir_reshape(&b, ir_reshape(&b, x, &flat), &same), x);
}
START_TEST(test_view_forms) { trapped(view_forms); }
END_TEST

/* ---- which sums become contractions ---- */
static const struct {
  const char *body; /* of arguments a[I, K] b[K, J] c[I, J] u[I] v[J] s[K] */
  int contractions, sums;
} einsums[] = {
    {"let y[i, j] = sum(k) a[i, k] * b[k, j]\n y", 1, 0},
    {"let y[i, j] = sum(k) 2 * a[i, k] * b[k, j]\n y", 1, 0},
    {"let y[i, j] = sum(k) a[i, k] * s[k] * b[k, j]\n y", 1, 0},
    {"let y[i, j] = sum(k) u[i] * a[i, k] * b[k, j] * v[j]\n y", 1, 0},
    {"let y[i] = sum(k) a[i, k] * s[k]\n y", 0, 1}, /* a vector: limited by memory */
    {"let y[i] = sum(k) a[i, k] * a[i, k]\n y", 0, 1},
    {"sum(k) s[k] * s[k]", 0, 1},
    {"let y[i] = sum(k) u[i] * a[i, k]\n y", 0, 1},
    {"let y[i, j] = sum(k) a[i, k] + b[k, j]\n y", 0, 0},
    {"let y[i, j] = u[i] * v[j]\n y", 0, 0},
    {"a @ b", 1, 0},
    {"let y[i, j] = sum(k) (a[i, k] * b[k, j] - 2 * b[k, j] * a[i, k] * s[k])\n y", 2, 0},
    {"let y[i, j] = sum(k) (a[i, k] * a[i, k] - 2 * a[i, k] * b[k, j] + s[k] * s[k])\n y", 1, 2},
    {"let y[i, j] = sum(k) (a[i, k] * b[k, j] - tanh(a[i, k] + b[k, j]))\n y", 0, 1},
    {"let y[i] = sum(k) (a[i, k] * s[k] - a[i, k] * a[i, k])\n y", 0, 1},
    {"let y[i: 0..3, j: 0..3] = sum(k: 0..2) (a[i, k] * b[k, j] - a[j, k] * b[k, i])\n y", 0, 1},
    {"transpose(b) @ transpose(a)", 1, 0},
};

static void einsum(void) {
  for (int i = 0; i < COUNT_OF(einsums); i++) {
    Program *p = front_new(cx);
    const char *text = text_printf(
        cx,
        "fn f(a: f64[I, K], b: f64[K, J], c: f64[I, J], u: f64[I], v: f64[J], s: f64[K]) {\n%s\n}",
        einsums[i].body);
    front_declare(p, ast_parse(cx, cx_add_source(cx, "einsum", text, strlen(text), false)));
    Fn *f = diag_errors(cx) ? NULL : front_function(p, name_of(cx, "f"));
    if (!f) { /* "sum(k) a + b" is (sum a) + b: out of scope, and said so */
      ck_assert_msg(!einsums[i].contractions && !einsums[i].sums, "%s\n%s", text, diag_text(cx));
      diag_clear(cx);
      continue;
    }
    int contractions = 0, sums = 0;
    for (Val v = 1; v < f->ins.n; v++)
      contractions += fn_ins(f, v)->op == OP_contract, sums += fn_ins(f, v)->op == OP_sum;
    ck_assert_msg(contractions == einsums[i].contractions && sums == einsums[i].sums, "%s\n%s",
                  text, dump_text(f));
  }
}
START_TEST(test_einsum) { trapped(einsum); }
END_TEST

/* ---- sizes ---- */
static Dim random_dim(Rng *r, int depth) {
  static const char *const names[] = {"N", "M", "K"};
  if (!depth || rng_chance(r, 25))
    return rng_chance(r, 40) ? rng_below(r, 7) - 2
                             : dim_named(cx, name_of(cx, names[rng_below(r, 3)]));
  Dim x = random_dim(r, depth - 1), y = random_dim(r, depth - 1);
  switch (rng_below(r, 4)) {
  case 0: return dim_add(cx, x, y);
  case 1: return dim_sub(cx, x, y);
  case 2: return dim_mul(cx, x, y);
  default: return dim_floor_div(cx, x, rng_below(r, 4) + 1);
  }
}
static int64_t floor_of(int64_t a, int64_t by) { return a / by - (a % by < 0); }

/* Each operation commutes with putting numbers in; what is claimed of <= holds at every number. */
static void sizes(void) {
  for (uint64_t seed = 0; seed < 600; seed++) {
    Rng r = rng_at(seed);
    Dim x = random_dim(&r, 3), y = random_dim(&r, 3);
    int by = rng_below(&r, 5) + 1;
    Dim sum = dim_add(cx, x, y), less = dim_sub(cx, x, y), times = dim_mul(cx, x, y),
        part = dim_floor_div(cx, x, by), q;
    int le = dim_le(cx, x, y);
    bool divides = y != 0 && dim_divides(cx, x, y, &q);
    ck_assert(dim_add(cx, less, y) == x);
    ck_assert(dim_add(cx, y, x) == sum && dim_mul(cx, y, x) == times);
    for (int k = 0; k < 12; k++) {
      SizeBindings s = {0};
      for (int i = 0; i < 3; i++)
        size_bind(cx->arena, &s, name_of(cx, (const char *[]){"N", "M", "K"}[i]),
                  rng_below(&r, k < 6 ? 4 : 40) + 1);
      Dim a = dim_subst(cx, x, &s), c = dim_subst(cx, y, &s);
      ck_assert(dim_is_number(a) && dim_is_number(c));
      ck_assert(dim_subst(cx, sum, &s) == a + c);
      ck_assert(dim_subst(cx, less, &s) == a - c);
      ck_assert(dim_subst(cx, times, &s) == a * c);
      ck_assert_msg(dim_subst(cx, part, &s) == floor_of(a, by), "seed %llu",
                    (unsigned long long)seed);
      if (le >= 0)
        ck_assert_msg((a <= c) == le, "seed %llu: <= claimed %d", (unsigned long long)seed, le);
      if (divides) ck_assert(dim_subst(cx, q, &s) * c == a);
    }
  }
  Dim n = dim_named(cx, name_of(cx, "N"));
  ck_assert_int_eq(dim_le(cx, 1, n), 1);
  ck_assert_int_eq(dim_le(cx, n, dim_add(cx, n, 1)), 1);
  ck_assert_int_eq(dim_le(cx, dim_add(cx, n, 1), n), 0);
  ck_assert_int_eq(dim_le(cx, 2, n), -1);
  ck_assert_int_eq(dim_le(cx, dim_floor_div(cx, n, 2), n), 1);
  ck_assert(dim_floor_div(cx, dim_add(cx, dim_mul(cx, n, 4), 3), 2) ==
            dim_add(cx, dim_mul(cx, n, 2), 1));
}
START_TEST(test_sizes) { trapped(sizes); }
END_TEST

static void unify(void) {
  Dim n = dim_named(cx, name_of(cx, "N")), got;
  struct {
    Dim declared, actual;
    int64_t expect; /* -1: can't be */
  } cases[] = {{n, 5, 5},
               {dim_mul(cx, n, 2), 6, 3},
               {dim_mul(cx, n, 2), 7, -1},
               {dim_add(cx, n, 2), 5, 3},
               {dim_add(cx, n, 2), 1, -1},
               {dim_sub(cx, dim_mul(cx, n, 3), 1), 8, 3},
               {4, 4, 0},
               {4, 5, -1}};
  for (int i = 0; i < COUNT_OF(cases); i++) {
    SizeBindings s = {0};
    bool ok = dim_unify(cx, cx->arena, cases[i].declared, cases[i].actual, &s);
    ck_assert_msg(ok == (cases[i].expect >= 0), "case %d", i);
    if (ok && cases[i].expect)
      ck_assert(size_lookup(&s, name_of(cx, "N"), &got) && got == cases[i].expect);
  }
}
START_TEST(test_unify) { trapped(unify); }
END_TEST

/* ---- the verifier: one thing broken at a time ---- */
/* Breaks instruction `in` in some way that must be noticed; false where it can't. */
static bool break_it(Rng *r, Fn *f, Ins *i, Val v) {
  switch (rng_below(r, 6)) {
  case 0: /* an operand that comes later */
    if (!i->nargs) return false;
    i->arg[rng_below(r, i->nargs)] = v + rng_below(r, 2);
    return true;
  case 1: /* another extent */
    if (!i->shape.rank || i->op == OP_view || i->op == OP_const || i->op == OP_iota ||
        i->op == OP_size)
      return false;
    i->shape.dim[rng_below(r, i->shape.rank)] += 1;
    return true;
  case 2: /* another rank */
    if (i->op == OP_view || i->op == OP_const || i->op == OP_iota || i->op == OP_size ||
        i->shape.rank > 4)
      return false;
    i->shape.dim[i->shape.rank++] = 2;
    return true;
  case 3: /* another type */
    if (op_kind((Op)i->op) == KIND_LEAF || i->op == OP_cast || i->type == T_U8) return false;
    i->type = T_U8;
    return true;
  case 4: /* an operand too few */
    if (!i->nargs) return false;
    i->nargs--;
    return true;
  default: /* axes it lacks */
    if (op_kind((Op)i->op) != KIND_FOLD) return false;
    i->u.axes = 1u << fn_ins(f, i->arg[0])->shape.rank;
    return true;
  }
}

static void verifier(void) {
  int broken_ones = 0;
  for (uint64_t seed = 0; seed < 500; seed++) {
    Rng r = rng_at(seed);
    GenOptions o = {.size = 8};
    Fn *f = gen_function(cx, &r, &o);
    ck_assert_msg(!ir_verify(f), "seed %llu: %s", (unsigned long long)seed, ir_verify(f));
    Val v = 1 + rng_below(&r, f->ins.n - 1);
    if (!break_it(&r, f, &f->ins.at[v], v)) continue;
    broken_ones++;
    ck_assert_msg(ir_verify(f), "seed %llu: instruction %%%d is broken and passes\n%s",
                  (unsigned long long)seed, v, dump_text(f));
  }
  ck_assert_int_gt(broken_ones, 100);
}
START_TEST(test_verifier) { trapped(verifier); }
END_TEST

Suite *build_suite(void);
Suite *build_suite(void) {
  Suite *s = suite_create("build");
  TCase *t = tcase_create("build");
  tcase_add_checked_fixture(t, fixture_bare, fixture_end);
  tcase_add_test(t, test_identities);
  tcase_add_test(t, test_empty);
  tcase_add_test(t, test_views_of_views);
  tcase_add_test(t, test_view_forms);
  tcase_add_test(t, test_einsum);
  tcase_add_test(t, test_sizes);
  tcase_add_test(t, test_unify);
  tcase_add_test(t, test_verifier);
  suite_add_tcase(s, t);
  return s;
}
