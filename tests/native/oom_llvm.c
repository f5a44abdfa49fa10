/* oom_llvm.c: memory that runs out inside LLVM. A function is compiled again and again; each time
 * another one of the allocations that LLVM and the C++ library make fails. Every time the status
 * must be GRADC_MEMORY, and the next context must work.
 *
 *   oom_llvm TIMES */
#define _GNU_SOURCE 1
#include <gradc.h>

#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t align, size_t n);

static long count, fail_at;
static int counting, nranges;
static struct { uintptr_t from, to; } range[32]; /* the code of LLVM and of the C++ library */

static int add_range(struct dl_phdr_info *o, size_t size, void *arg) {
  (void)size, (void)arg;
  if (!strstr(o->dlpi_name, "libLLVM") && !strstr(o->dlpi_name, "libstdc++")) return 0;
  for (int i = 0; i < o->dlpi_phnum && nranges < 32; i++) {
    const ElfW(Phdr) *h = &o->dlpi_phdr[i];
    if (h->p_type != PT_LOAD || !(h->p_flags & PF_X)) continue;
    range[nranges].from = o->dlpi_addr + h->p_vaddr;
    range[nranges].to = range[nranges].from + h->p_memsz;
    nranges++;
  }
  return 0;
}

static int fails(void *caller) {
  int theirs = 0;
  for (int i = 0; i < nranges && counting; i++)
    theirs |= (uintptr_t)caller >= range[i].from && (uintptr_t)caller < range[i].to;
  if (!theirs || ++count != fail_at) return 0;
  errno = ENOMEM;
  return 1;
}

#define HERE __builtin_return_address(0)
void *malloc(size_t n) { return fails(HERE) ? NULL : __libc_malloc(n); }
void *calloc(size_t n, size_t size) { return fails(HERE) ? NULL : __libc_calloc(n, size); }
void *realloc(void *p, size_t n) { return fails(HERE) ? NULL : __libc_realloc(p, n); }
void *memalign(size_t a, size_t n) { return fails(HERE) ? NULL : __libc_memalign(a, n); }
void *aligned_alloc(size_t a, size_t n) { return fails(HERE) ? NULL : __libc_memalign(a, n); }
int posix_memalign(void **out, size_t a, size_t n) {
  if (fails(HERE)) return ENOMEM;
  *out = __libc_memalign(a, n);
  return *out ? 0 : ENOMEM;
}

/* Compiles; where that was well, the value must be right too. */
static gradc_status session(long n) {
  gradc_context *gc;
  gradc_function *f = NULL;
  double x = 3, y = 0;
  const void *args[] = {&x};
  void *results[] = {&y};
  gradc_status s = gradc_new(&gc);
  static int number; /* another function each time: none is in the cache of compiled code */
  char text[200];
  snprintf(text, sizeof text,
           "fn f(x: f64) { let y[i: 0..40] = sin(f64(i)); x * x * %d + x * sum(y) }", ++number);
  if (s == GRADC_OK) s = gradc_declare(gc, "f", text);
  if (s == GRADC_OK) s = gradc_find(gc, "f", &f);
  count = 0, fail_at = n, counting = 1;
  if (s == GRADC_OK) s = gradc_compile(f);
  counting = 0;
  if (s == GRADC_OK) s = gradc_call(f, args, results);
  if (s == GRADC_OK && !(y > 9 * number && y < 9 * number + 7)) s = GRADC_INTERNAL;
  gradc_free(gc);
  return s;
}

int main(int argc, char **argv) {
  long times = argc > 1 ? atol(argv[1]) : 20, memory = 0, unseen = 0;
  setenv("GRADC_CACHE", "off", 1);
  if (session(0)) return 2; /* loads LLVM, and fills its lists */
  dl_iterate_phdr(add_range, NULL);
  if (session(0)) return 2;
  long all = count;
  for (long i = 0; i < times; i++) {
    long n = 1 + (long)((double)i / (double)times * (double)all);
    gradc_status s = session(n);
    if (s == GRADC_MEMORY) memory++;
    else if (s == GRADC_OK) unseen++; /* LLVM did without */
    else return printf("allocation %ld of %ld: status %d\n", n, all, (int)s), 1;
  }
  if (session(0)) return puts("nothing works any more"), 1;
  printf("%ld allocations; of %ld that failed, %ld were statuses\n", all, times, memory);
  return memory + unseen == times && memory > 0 ? 0 : 1;
}
