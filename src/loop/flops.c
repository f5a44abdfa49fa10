/* flops.c: the arithmetic a function whose sizes are numbers asks for: what bench divides by time.
 */
#include "ir/cost.h"
#include "loop/loop.h"

double fn_flops(const Fn *f) {
  Cost c = fn_cost(f);
  return cost_number(&c);
}

double ins_flops(const Fn *f, Val v) {
  Cost c = ins_cost(f, fn_ins(f, v));
  return cost_number(&c);
}
