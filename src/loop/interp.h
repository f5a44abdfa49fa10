/* interp.h: the interpreter of the loop form. */
#ifndef GRADC_INTERP_H
#define GRADC_INTERP_H

#include "loop/loop.h"

/* Runs p on in[], out[] and a workspace of p->workspace bytes. NULL, or what was wrong. */
const char *loop_interp(const LoopProgram *p, void *const *in, void *const *out, void *workspace);

#endif
