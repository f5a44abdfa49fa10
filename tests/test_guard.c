/* test_guard.c: compiled kernels touch nothing but their arrays: products of m x k and k x n for
 * sizes up to 70 with every array against pages that nobody may touch. All k of one m and n are
 * one module of machine code, since making a module costs more than a product in it. A fixed sample
 * of m and n; GRADC_GUARD=full tries all 343,000, GRADC_GUARD=I/N every N-th m and n from number I
 * on, so that the whole can be done in parts. emit_guard.sh does the same for emitted C. */
#include "driver/compile.h"
#include "front/front.h"
#include "ir/build.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST = 70, SLOTS = 3 * MOST + 1 };

static unsigned char *first[SLOTS], *end[SLOTS];

static void make_slots(void) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  for (int i = 0; i < SLOTS; i++) {
    size_t elements = i < SLOTS - 1 ? MOST * MOST : 64 * MOST * MOST;
    size_t room = (elements * 8 / page + 1) * page;
    unsigned char *p = mmap(NULL, room + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(p != MAP_FAILED && !mprotect(p + page, room, PROT_READ | PROT_WRITE));
    first[i] = p + page;
    end[i] = p + page + room;
  }
}

typedef struct Product {
  int k;
  DType type;
  bool ta, tb;
} Product;
typedef struct Job {
  Cx *cx;
  int m, n;
  int vector_bytes;
  Product product[MOST];
} Job;

static Val operand(Builder *b, const char *name, DType t, bool swap, int rows, int columns) {
  Shape s = {.rank = 2, .dim = {swap ? columns : rows, swap ? rows : columns}};
  Val x = ir_input(b, name_of(b->cx, name), t, &s, ROLE_ARG, (Span){0});
  int32_t order[2] = {1, 0};
  return swap ? ir_permute(b, x, order) : x;
}

static double at(const void *p, DType t, int i) {
  return t == T_F32 ? (double)((const float *)p)[i] : ((const double *)p)[i];
}

static void check_values(const Job *j, const Product *p, void *const *in, const void *y) {
  for (int r = 0; r < j->m; r++)
    for (int c = 0; c < j->n; c++) {
      double sum = 0, got = at(y, p->type, r * j->n + c);
      for (int l = 0; l < p->k; l++)
        sum += at(in[0], p->type, p->ta ? l * j->m + r : r * p->k + l) *
               at(in[1], p->type, p->tb ? c * p->k + l : l * j->n + c);
      if (sum < 0) sum = 0;
      ck_assert_msg(fabs(got - sum) <= 1e-5 * (p->k + 1), "m %d, n %d, k %d: %g, not %g", j->m,
                    j->n, p->k, got, sum);
    }
}

static Fn *make_function(const Job *j) {
  Builder b = ir_begin(j->cx, name_of(j->cx, "f"));
  for (int i = 0; i < MOST; i++) {
    const Product *p = &j->product[i];
    Val x = operand(&b, name_fmt(j->cx, "a%d", i), p->type, p->ta, j->m, p->k),
        y = operand(&b, name_fmt(j->cx, "b%d", i), p->type, p->tb, p->k, j->n);
    Contract dot = {.nlabels = 3, .nout = 2, .a = {0, 1}, .b = {1, 2}, .out = {0, 2}};
    Val zero = ir_const_f(&b, p->type, &(Shape){.rank = 2, .dim = {j->m, j->n}}, 0);
    ir_output(&b, NULL, ir_map2(&b, OP_max, ir_contract(&b, x, y, &dot), zero));
  }
  return ir_finish(&b);
}

static void fill(void *p, DType t, size_t n, unsigned *seed) {
  for (size_t e = 0; e < n; e++) {
    *seed = *seed * 1664525u + 1013904223u;
    double v = (double)(*seed >> 8) / 8388608.0 - 1;
    if (t == T_F32) ((float *)p)[e] = (float)v;
    else ((double *)p)[e] = v;
  }
}

/* Everything against the pages before it, or behind it. */
static void run_at(const Job *j, const Compiled *c, bool at_end) {
  void *in[2 * MOST], *out[MOST];
  unsigned seed = 1;
  for (int i = 0; i < MOST; i++) {
    const Product *p = &j->product[i];
    size_t size = (size_t)type_info[p->type].bytes;
    size_t n[3] = {(size_t)(j->m * p->k), (size_t)(p->k * j->n), (size_t)(j->m * j->n)};
    void *at[3];
    for (int a = 0; a < 3; a++) at[a] = at_end ? end[3 * i + a] - size * n[a] : first[3 * i + a];
    for (int a = 0; a < 2; a++) fill(in[2 * i + a] = at[a], p->type, n[a], &seed);
    out[i] = memset(at[2], 0xFF, size * n[2]);
  }
  size_t ws = (c->workspace_bytes + 63) / 64 * 64;
  ck_assert((size_t)(end[SLOTS - 1] - first[SLOTS - 1]) >= ws);
  c->run(in, out, at_end ? end[SLOTS - 1] - ws : first[SLOTS - 1], NULL);
  for (int i = 0; i < MOST; i++) check_values(j, &j->product[i], &in[2 * i], out[i]);
}

static Status run(void *arg) {
  Job *j = arg;
  front_new(j->cx); /* knows the rules of the op table */
  Target t = compile_target(1);
  t.vector_bytes = MIN(t.vector_bytes, j->vector_bytes);
  const Fn *f = compile_prepare(make_function(j), &(SizeBindings){0});
  Compiled *c = f ? compile_native(f, &t) : NULL;
  if (!c) return ST_SOURCE;
  run_at(j, c, false);
  run_at(j, c, true);
  return ST_OK;
}

static void try_all_k(int m, int n, unsigned choice) {
  static const int widths[] = {64, 32, 16, 0};
  Job j = {.cx = cx_new(), .m = m, .n = n, .vector_bytes = widths[choice >> 5 & 3]};
  for (int i = 0; i < MOST; i++) {
    choice = choice * 1664525u + 1013904223u;
    unsigned c = choice >> 16;
    j.product[i] = (Product){i + 1, c % 5 ? T_F32 : T_F64, c >> 3 & 1, c >> 4 & 1};
  }
  Status s = cx_guard(j.cx, run, &j);
  ck_assert_msg(s == ST_OK, "m %d, n %d: %s", m, n, j.cx->trap_text);
  cx_free(j.cx);
}

START_TEST(test_products_between_guard_pages) {
  const char *part = getenv("GRADC_GUARD");
  int from = 5, every = 1600, number = 0, runs = 0;
  if (part && !strcmp(part, "full")) from = 0, every = 1;
  else if (part) ck_assert(sscanf(part, "%d/%d", &from, &every) == 2 && every > 0);
  make_slots();
  for (int m = 1; m <= MOST; m++)
    for (int n = 1; n <= MOST; n++)
      if (number++ % every == from % every) {
        try_all_k(m, n, ((unsigned)number * 2654435761u) >> 8);
        runs += MOST;
      }
  if (part) fprintf(stderr, "%d products\n", runs);
}
END_TEST

Suite *guard_suite(void);
Suite *guard_suite(void) {
  Suite *s = suite_create("guard");
  TCase *t = tcase_create("guard");
  tcase_set_timeout(t, getenv("GRADC_GUARD") ? 1e6 : 120);
  tcase_add_test(t, test_products_between_guard_pages);
  suite_add_tcase(s, t);
  return s;
}
