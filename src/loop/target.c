/* target.c: what the machine this runs on offers a compiled program. */
#include "loop/loop.h"

#include <unistd.h>

static int64_t cache_bytes(int name, int64_t otherwise) {
  long v = sysconf(name);
  return v > 0 ? (int64_t)v : otherwise;
}

Target target_host(void) {
  Target t = {.vector_bytes = 16, .vector_regs = 16};
#if defined(__x86_64__) || defined(__i386__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")) {
    t.vector_bytes = 64;
    t.vector_regs = 32;
  } else if (__builtin_cpu_supports("avx2")) {
    t.vector_bytes = 32;
  }
  t.fma = __builtin_cpu_supports("fma");
#elif defined(__aarch64__)
  t.vector_regs = 32;
  t.fma = true;
#else
  t.vector_bytes = 0;
#endif
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  t.threads = cores > 0 ? (int)MIN(cores, 256) : 1;
#ifdef _SC_LEVEL1_DCACHE_SIZE
  t.l1 = cache_bytes(_SC_LEVEL1_DCACHE_SIZE, 32 << 10);
  t.l2 = cache_bytes(_SC_LEVEL2_CACHE_SIZE, 512 << 10);
  t.l3 = cache_bytes(_SC_LEVEL3_CACHE_SIZE, 4 << 20) / t.threads;
#else
  t.l1 = 32 << 10, t.l2 = 512 << 10, t.l3 = 2 << 20;
#endif
  return t;
}

/* ---- processors by name ---- */
static const struct {
  const char *name, *triple, *cpu, *features, *abi;
  int vector_bytes, vector_regs;
  bool fma;
} cpus[] = {
#define CPU(name, triple, cpu, features, abi, bytes, regs, fma)                                    \
  {name, triple, cpu, features, abi, bytes, regs, fma},
#include "loop/cpu.def"
#undef CPU
};

const char *target_cpu_name(int i) { return i >= 0 && i < COUNT_OF(cpus) ? cpus[i].name : NULL; }

bool target_named(const char *name, Target *out) {
  for (int i = 0; i < COUNT_OF(cpus); i++) {
    if (strcmp(cpus[i].name, name)) continue;
    *out = (Target){.triple = cpus[i].triple,
                    .cpu = cpus[i].cpu,
                    .features = cpus[i].features,
                    .abi = cpus[i].abi,
                    .vector_bytes = cpus[i].vector_bytes,
                    .vector_regs = cpus[i].vector_regs,
                    .fma = cpus[i].fma,
                    .l1 = 32 << 10,
                    .l2 = 512 << 10,
                    .l3 = 2 << 20,
                    .threads = 1};
    return true;
  }
  return false;
}
