/* bare_main.c: calls functions of examples/logistic.nn, built with --step sgd -D N=7, and writes
 * the bits of their results to standard output. With -DBARE it needs no C library at all, so that
 * objects for other processors can be run where nothing but an emulator is installed. */
#include "logistic.h"

enum { N = 7 };

#ifdef BARE
/* A call of the kernel on the processors that take the number and three values in registers. */
#define CALL3(call, NUMBER, A, B, C)                                                               \
  register long ra __asm__(A) = a, rb __asm__(B) = b, rc __asm__(C) = c,                           \
                   rn __asm__(NUMBER) = number;                                                    \
  __asm__ volatile(call : "+r"(ra) : "r"(rb), "r"(rc), "r"(rn) : "memory");                        \
  return ra

static long call3(long number, long a, long b, long c) {
#if defined(__aarch64__)
  CALL3("svc 0", "x8", "x0", "x1", "x2");
#elif defined(__arm__)
  CALL3("svc 0", "r7", "r0", "r1", "r2");
#elif defined(__riscv)
  CALL3("ecall", "a7", "a0", "a1", "a2");
#elif defined(__powerpc64__)
  register long r0 __asm__("r0") = number, r3 __asm__("r3") = a, r4 __asm__("r4") = b,
                   r5 __asm__("r5") = c;
  __asm__ volatile("sc"
                   : "+r"(r0), "+r"(r3), "+r"(r4), "+r"(r5)
                   :
                   : "memory", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "cr0", "ctr");
  return r3;
#elif defined(__i386__)
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
  return result;
#endif
}

#if defined(__aarch64__) || defined(__riscv)
enum { WRITE = 64, EXIT = 93 };
#else
enum { WRITE = 4, EXIT = 1 };
#endif

void *memset(void *to, int value, size_t n) {
  for (volatile char *c = to; n; n--) *c++ = (char)value;
  return to;
}
void *memcpy(void *to, const void *from, size_t n) {
  const volatile char *f = from;
  for (char *c = to; n; n--) *c++ = *f++;
  return to;
}

#ifdef __i386__
/* Exact: the product of two floats fits a double; the sum is rounded to odd first (Boldo, Melquiond
 * 2008). */
float fmaf(float a, float b, float c) {
  double p = (double)a * b, s = p + c, t = s - p, rest = (p - (s - t)) + (c - t);
  union {
    double d;
    uint64_t bits;
  } u = {s};
  if (rest != 0 && !(u.bits & 1)) u.bits += (rest > 0) == (s > 0) ? 1 : (uint64_t)-1;
  return (float)u.d;
}
__asm__(".globl _start\n_start:\n\tandl $-16, %esp\n\tcall begin\n");
void begin(void);
#define begin_ begin
#else
void _start(void);
#define begin_ _start
#endif

static void put(const void *bytes, size_t n) { call3(WRITE, 1, (long)(uintptr_t)bytes, (long)n); }
#else
#include <stdio.h>
static void put(const void *bytes, size_t n) { fwrite(bytes, 1, n, stdout); }
#endif

static _Alignas(64) unsigned char workspace[1 << 14];

static int run(void) {
  static float x[N * 4], y[N], p[N];
  static logistic_params w, g;
  float value = 0;
  int status = 0;
  for (int i = 0; i < N * 4; i++) x[i] = (float)((i * 7) % 11 - 5) / 4;
  for (int i = 0; i < N; i++) y[i] = (float)(i % 2);
  for (int i = 0; i < 4; i++) w.w[i] = (float)(i - 2) / 8;
  w.b = 0.25f;
  status |= logistic_probability(&w, x, p, workspace, sizeof workspace);
  status |= logistic_loss_grad(&w, x, y, &g, &value, workspace, sizeof workspace);
  put(p, sizeof p);
  put(&g, sizeof g);
  put(&value, sizeof value);
  status |= logistic_loss_sgd_step(&w, &g, x, y, 0.125, 1, &value, workspace, sizeof workspace);
  put(&w, sizeof w);
  if (logistic_loss_grad(0, x, y, &g, &value, workspace, sizeof workspace) != LOGISTIC_NULL_POINTER)
    status = 99;
  if (logistic_param_table[1].offset != offsetof(logistic_params, b) ||
      logistic_param_table[0].name[0] != 'w')
    status = 98;
  return status;
}

#ifdef BARE
void begin_(void) {
  call3(EXIT, run(), 0, 0);
  for (;;) continue;
}
#else
int main(void) { return run(); }
#endif
