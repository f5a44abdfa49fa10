/* test_guard.c: compiled kernels touch nothing but their arrays: products of m x k and k x n for
 * sizes up to 70 with every array against pages that nobody may touch. A fixed sample;
 * GRADC_GUARD=full tries every m and n with eight k (minutes). emit_guard.sh does the same for
 * emitted C. */
#include "driver/compile.h"
#include "front/front.h"
#include "ir/build.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST = 70, SLOTS = 4 };

static unsigned char *first[SLOTS], *end[SLOTS];

static void make_slots(void) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), room = ((size_t)MOST * MOST * 32 / page + 2) * page;
  for (int i = 0; i < SLOTS; i++) {
    unsigned char *p = mmap(NULL, room + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(p != MAP_FAILED && !mprotect(p + page, room, PROT_READ | PROT_WRITE));
    first[i] = p + page;
    end[i] = p + page + room;
  }
}

typedef struct Job {
  Cx *cx;
  int m, n, k;
  DType type;
  bool ta, tb;
  int vector_bytes;
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

static void check_values(const Job *j, void *const *in, const void *y) {
  for (int r = 0; r < j->m; r++)
    for (int c = 0; c < j->n; c++) {
      double sum = 0, got = at(y, j->type, r * j->n + c);
      for (int l = 0; l < j->k; l++)
        sum += at(in[0], j->type, j->ta ? l * j->m + r : r * j->k + l) *
               at(in[1], j->type, j->tb ? c * j->k + l : l * j->n + c);
      if (sum < 0) sum = 0;
      ck_assert_msg(fabs(got - sum) <= 1e-5 * (j->k + 1), "m %d, n %d, k %d: %g, not %g", j->m,
                    j->n, j->k, got, sum);
    }
}

static Status run(void *arg) {
  Job *j = arg;
  front_new(j->cx); /* knows the rules of the op table */
  Builder b = ir_begin(j->cx, name_of(j->cx, "f"));
  Val x = operand(&b, "a", j->type, j->ta, j->m, j->k),
      y = operand(&b, "b", j->type, j->tb, j->k, j->n);
  Contract dot = {.nlabels = 3, .nout = 2, .a = {0, 1}, .b = {1, 2}, .out = {0, 2}};
  Val zero = ir_const_f(&b, j->type, &(Shape){.rank = 2, .dim = {j->m, j->n}}, 0);
  ir_output(&b, NULL, ir_map2(&b, OP_max, ir_contract(&b, x, y, &dot), zero));
  Target t = compile_target(1);
  t.vector_bytes = MIN(t.vector_bytes, j->vector_bytes);
  const Fn *f = compile_prepare(ir_finish(&b), &(SizeBindings){0});
  Compiled *c = f ? compile_native(f, &t) : NULL;
  if (!c) return ST_SOURCE;
  size_t size = (size_t)type_info[j->type].bytes,
         bytes[3] = {size * (size_t)(j->m * j->k), size * (size_t)(j->k * j->n),
                     size * (size_t)(j->m * j->n)};
  size_t ws = (c->workspace_bytes + 63) / 64 * 64;
  unsigned seed = 1;
  for (int side = 0; side < 2; side++) {
    void *p[3];
    for (int i = 0; i < 3; i++) p[i] = side ? end[i] - bytes[i] : first[i];
    for (int i = 0; i < 2; i++)
      for (size_t e = 0; e < bytes[i] / size; e++) {
        seed = seed * 1664525u + 1013904223u;
        double v = (double)(seed >> 8) / 8388608.0 - 1;
        if (j->type == T_F32) ((float *)p[i])[e] = (float)v;
        else ((double *)p[i])[e] = v;
      }
    memset(p[2], 0xFF, bytes[2]);
    c->run(p, p + 2, side ? end[3] - ws : first[3], NULL);
    check_values(j, p, p[2]);
  }
  return ST_OK;
}

static void try_one(int m, int n, int k, unsigned choice) {
  static const int widths[] = {64, 32, 16, 0};
  Cx *cx = cx_new();
  Job j = {cx,
           m,
           n,
           k,
           choice % 5 ? T_F32 : T_F64,
           choice >> 3 & 1,
           choice >> 4 & 1,
           widths[choice >> 5 & 3]};
  Status s = cx_guard(cx, run, &j);
  ck_assert_msg(s == ST_OK, "m %d, n %d, k %d: %s", m, n, k, cx->trap_text);
  cx_free(cx);
}

START_TEST(test_products_between_guard_pages) {
  static const int inner[] = {1, 2, 7, 16, 17, 33, 64, 70};
  const char *full = getenv("GRADC_GUARD");
  bool all = full && !strcmp(full, "full");
  unsigned long runs = 0;
  unsigned choice = 1;
  make_slots();
  for (int m = 1; m <= MOST; m++)
    for (int n = 1; n <= MOST; n++)
      for (int i = 0; i < COUNT_OF(inner); i++) {
        choice = choice * 1664525u + 1013904223u;
        if (!all && (choice >> 8) % 311) continue;
        try_one(m, n, inner[i], choice >> 16);
        runs++;
      }
  if (all) fprintf(stderr, "%lu products\n", runs);
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
