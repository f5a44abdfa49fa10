/* emit_c_target.c: what emitted C is made for: vectors, and the flags a compiler is to be given. */
#include "driver/emit_c.h"

static const char *const cpu_word[] = {"native", "generic", "x86-64-v3", "x86-64-v4"};

int emit_c_cpu(const char *word) {
  for (int i = 0; i < COUNT_OF(cpu_word); i++)
    if (!strcmp(cpu_word[i], word)) return i;
  return -1;
}

Target emit_c_target(int which, const char **flags) {
  enum { NATIVE, GENERIC, V3, V4 };
  Target t = compile_target(1);
  *flags = "-O3 -march=native -mprefer-vector-width=512 -ffp-contract=off";
  if (which == NATIVE) {
    if (t.vector_bytes < 64) *flags = "-O3 -march=native -ffp-contract=off";
    return t;
  }
  t.l1 = 32 << 10, t.l2 = 512 << 10, t.l3 = 2 << 20;
  t.vector_bytes = which == GENERIC ? 0 : which == V3 ? 32 : 64;
  t.vector_regs = which == V4 ? 32 : 16;
  t.fma = which != GENERIC;
  *flags = which == GENERIC ? "-O3 -ffp-contract=off"
           : which == V3    ? "-O3 -march=x86-64-v3 -ffp-contract=off"
                            : "-O3 -march=x86-64-v4 -mprefer-vector-width=512 -ffp-contract=off";
  return t;
}
