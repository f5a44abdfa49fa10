/* inline.h: copying between functions, for passes. */
#ifndef GRADC_INLINE_H
#define GRADC_INLINE_H

#include "ir/build.h"

/* As ir_copy, with every named size in shapes and attributes replaced by its binding. */
Val ir_copy_with(Builder *b, const Ins *in, const Val *arg, const SizeBindings *sizes);
/* arg[k] = to[in->arg[k]] */
void ir_map_args(const Ins *in, const Val *to, Val *arg);

#endif
