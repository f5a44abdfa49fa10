/* llvm_stack.c: threads with stacks large enough for LLVM. In: work that calls it. Out: a thread
 * that does it.
 *
 * Instruction selection recurses along chains of operands, and an unrolled tile or a long
 * expression makes them as long as it likes: 8 MiB, what a process usually begins with, are not
 * enough for some thousand operators, and who calls libgradc may have less. Address space costs
 * nothing until it is touched, so the stack is as large as can be had. Where address space is
 * limited (ulimit -v), the limit is what LLVM's own memory is in as well: a stack takes a part of
 * it only. */
#include "back/llvm_gen.h"

#include <signal.h>
#include <sys/resource.h>

enum { LEAST = 8 << 20, MOST = 256 << 20, PART_OF_LIMIT = 32 };

static size_t largest(void) {
  struct rlimit space;
  if (getrlimit(RLIMIT_AS, &space) || space.rlim_cur == RLIM_INFINITY) return MOST;
  size_t size = LEAST;
  while (size < MOST && 2 * size <= space.rlim_cur / PART_OF_LIMIT) size *= 2;
  return size;
}

bool gen_thread(pthread_t *thread, void *(*work)(void *arg), void *arg) {
  pthread_attr_t attr;
  sigset_t all, before;
  bool begun = false;
  if (pthread_attr_init(&attr)) return false;
  sigfillset(&all); /* signals are for whoever waits */
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (size_t size = largest(); size >= LEAST && !begun; size /= 2)
    begun = !pthread_attr_setstacksize(&attr, size) && !pthread_create(thread, &attr, work, arg);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attr);
  return begun;
}
