/* interrupt.h: ending a computation from a signal's handler without losing anything else.
 *
 * gradc's own code is asked: it looks at `asked` through cx_poll and unwinds by the context's trap.
 * Machine code is not: it would have to look in every loop. It holds no lock and no memory of its
 * own, writes to nothing but its outputs and workspace, and here runs on one thread; so the handler
 * may leave it by a jump wherever it is, and what it had written is thrown away. */
#ifndef GRADC_INTERRUPT_H
#define GRADC_INTERRUPT_H

#include "driver/compile.h"

#include <pthread.h>
#include <signal.h>

typedef struct Interrupt {
  atomic_int asked;            /* cx->stop points here */
  volatile sig_atomic_t armed; /* machine code is running */
  pthread_t owner;             /* the thread that computes */
  sigjmp_buf back;
} Interrupt;

void interrupt_init(Interrupt *i); /* on the thread that will compute */
/* From a handler of signal `sig`: does not return where machine code is running. */
void interrupt_ask(Interrupt *i, int sig);
/* Runs on this thread alone; false when it was interrupted: the outputs hold nothing of use. */
bool interrupt_run(Interrupt *i, const Compiled *c, void *const *in, void *const *out);

#endif
