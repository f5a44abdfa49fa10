/* target.c: what the machine this runs on offers a compiled program. */
#include "loop/digest.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#elif defined(__linux__)
#include <sys/auxv.h>
#endif
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

/* ---- which processor it is ---- */
#if defined(__x86_64__) || defined(__i386__)
static int64_t both(unsigned high, unsigned low) { return (int64_t)((uint64_t)high << 32 | low); }

/* The leaves that tell the family and what it can do. Leaf 1's second word has the number of the
 * core that was asked. */
static void add_processor(Digest *d) {
  static const unsigned leaf[][2] = {{0, 0},   {1, 0},    {7, 0},          {7, 1},
                                     {0xd, 1}, {0x24, 0}, {0x80000001, 0}, {0x80000008, 0}};
  unsigned a = 0, b, c = 0, e;
  for (int i = 0; i < COUNT_OF(leaf); i++) {
    if (!__get_cpuid_count(leaf[i][0], leaf[i][1], &a, &b, &c, &e)) a = b = c = e = 0;
    digest_i64(d, both(a, c));
    digest_i64(d, leaf[i][0] == 1 ? e : both(b, e));
    if (leaf[i][0] != 1 || !(c & bit_OSXSAVE)) continue;
    unsigned low, high; /* the registers that the system saves */
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    digest_i64(d, both(high, low));
  }
}
#elif defined(__linux__)
/* What the system says: capabilities, and the name of the model where it has one. */
static void add_processor(Digest *d) {
  const char *platform = (const char *)getauxval(AT_PLATFORM);
  digest_i64(d, (int64_t)getauxval(AT_HWCAP));
  digest_i64(d, (int64_t)getauxval(AT_HWCAP2));
  digest_text(d, platform);
}
#else
static void add_processor(Digest *d) { (void)d; }
#endif

void target_host_digest(Digest *d) {
  Target t = target_host();
  digest_i64(d, t.vector_bytes);
  digest_i64(d, t.vector_regs);
  digest_i64(d, t.fma);
  add_processor(d);
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
