/* tape.h: what a loop saves for its way back. */
#ifndef GRADC_TAPE_H
#define GRADC_TAPE_H

#include "pass/steps.h"

/* Values of the body whose saving gives the way back all that it needs: few bytes, from which the
 * rest follows by cheap work. needed: per value of the body. thrifty: all work counts as cheap,
 * so that little more than the carried values is saved. there: values that need no saving. Returns
 * how many are in saved[]. */
int tape_choose(const Loop *l, const bool *needed, const bool *there, bool thrifty, Val *saved);

#endif
