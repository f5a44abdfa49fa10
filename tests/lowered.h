/* lowered.h: what the lowering makes of a program on a given machine, as the loop form's text, and
 * questions about it. */
#ifndef GRADC_TEST_LOWERED_H
#define GRADC_TEST_LOWERED_H

#include "fixture.h"
#include "loop/loop.h"

/* A core with vectors of 64 bytes, caches of 32 KiB and 1 MiB. */
Target wide(int threads);

/* The loop form of the function f of a program, of a step of training it, and of what a command
 * that runs it makes of it. */
const char *loops_of(const char *text, Target target);
const char *step_of(const char *text, const char *optimizer, Target target);
const char *run_loops_of(const char *text, Target target);

void has(const char *loops, const char *what);
void has_not(const char *loops, const char *what);
/* The place of a in the text, which must be there, is before that of b. */
void before(const char *loops, const char *a, const char *b);
int times(const char *loops, const char *what); /* how often it is there */

#endif
