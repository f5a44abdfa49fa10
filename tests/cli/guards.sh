#!/bin/sh
# guards.sh: reads that conditions keep inside are known to be while sizes are names: none of them is
# an error when the sizes become numbers, whatever these are.
. "${TOP_SRCDIR:-.}/tests/lib.sh"

for n in 1 2 5; do
  for w in 1 2 3; do
    run gradcheck --size N=$n --size W=$w --size M=$w "$TOP_SRCDIR/tests/programs/halos.nn"
    is 0
    out_has '23 gradients checked, 0 wrong'
  done
done
finish
