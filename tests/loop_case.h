/* loop_case.h: a function made with the builder, lowered for machines with and without vectors, for
 * one thread and several, and run by the interpreter of the loop form, which also checks every
 * access against its buffer: it must give what the reference evaluator gives. */
#ifndef GRADC_TEST_LOOP_CASE_H
#define GRADC_TEST_LOOP_CASE_H

#include "fixture.h"
#include "loop/loop.h"

/* The function being built, from case_begin (a new context) to case_end (which v is the result of).
 * The context is for cx_free when the function has been checked. */
extern Builder case_builder;
void case_begin(void);
Fn *case_end(Val v);
Shape case_shape(int rank, ...);
Val case_input(const char *name, DType t, Shape s);
Val case_broadcast(Val v, Shape s);
Val case_over_rows(Val v, Shape s); /* v has the leading axes of s */
Val case_matmul(Val x, Val y);

/* A machine with vectors of so many bytes and small caches, so that small functions are cut. */
Target case_machine(int bytes, int threads);

/* The function keeps its values, in so many kernels; 0: in however many. */
void case_check(Fn *f, int kernels);

/* The random numbers that inputs are made of, too. */
void case_seed(uint64_t from);
uint32_t case_bits(void);
int case_pick(int n);   /* 0 .. n-1 */
double case_real(void); /* within +-1 */

#endif
