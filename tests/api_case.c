/* api_case.c: see api_case.h. */
#include "api_case.h"

#include <check.h>
#include <stdlib.h>

gradc_context *gc;

void api_set_up(void) {
  setenv("GRADC_LLVM_MODULE", TEST_LLVM_MODULE, 1);
  ck_assert_int_eq(gradc_new(&gc), GRADC_OK);
}
void api_tear_down(void) { gradc_free(gc); }

const char linear[] =
    "param W: f32[2, 3] ~ glorot()\n"
    "param b: f32[3] ~ 0.5\n"
    "fn scores(x: f32[N, 2]) = x @ W + b\n"
    "fn loss(x: f32[N, 2], label: i32[N]) = mean(cross_entropy(scores(x), label))\n";
