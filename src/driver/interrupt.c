/* interrupt.c: see interrupt.h. */
#include "driver/interrupt.h"

void interrupt_init(Interrupt *i) {
  atomic_init(&i->asked, 0);
  i->armed = 0;
  i->owner = pthread_self();
}

/* The system may hand the signal to any thread: only the computing one can jump. */
void interrupt_ask(Interrupt *i, int sig) {
  atomic_store(&i->asked, 1);
  if (!pthread_equal(pthread_self(), i->owner)) pthread_kill(i->owner, sig);
  else if (i->armed) siglongjmp(i->back, 1);
}

bool interrupt_run(Interrupt *i, const Compiled *c, void *const *in, void *const *out) {
  if (sigsetjmp(i->back, 1)) {
    i->armed = 0;
    return false;
  }
  i->armed = 1;
  if (!atomic_load(&i->asked)) compiled_run(c, in, out, NULL);
  i->armed = 0;
  return !atomic_load(&i->asked);
}
