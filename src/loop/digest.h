/* digest.h: what a program in the loop form compiles to, in 128 bits. */
#ifndef GRADC_LOOP_DIGEST_H
#define GRADC_LOOP_DIGEST_H

#include "base/digest.h"
#include "loop/loop.h"

/* Adds all that machine code for the program depends on. Extents that are names count by their
 * handles, which mean something within one context only. */
void loop_digest(const LoopProgram *p, Digest *d);
/* The same of one kernel without the places of its buffers: kernels of one context that are equal
 * in it can share one function. */
DigestValue loop_kernel_digest(const LoopProgram *p, const Kernel *k);
/* The loop at the kernel's top whose end is an argument of its function, so that kernels which
 * differ in nothing else are equal: the first serial one between numbers. NULL: there is none. (Of
 * a parallel kernel both ends are arguments.) */
const Stmt *loop_open_end(const Kernel *k);
/* Adds what is known of the processor this runs on; code that LLVM makes for "the host" differs
 * where it differs. */
void target_host_digest(Digest *d); /* target.c */

#endif
