#!/bin/sh
# deep.sh: a chain of thousands of operators, one on the other, is compiled on whatever stack the
# process began with: expressions get places on their way down, and LLVM, which recurses along
# them, runs on a stack of its own, a smaller one where address space is short.
. "${TOP_SRCDIR:-.}/tests/lib.sh"

awk 'BEGIN {
  print "fn chain(x: f64[4], w: f64[4]) {\n  var y = x"
  for (i = 0; i < 6000; i++) print "  y = y * w + x"
  print "  y\n}"
}' >"$work/chain.nn"
echo 'import "chain.nn"
fn total(x: f64[4], w: f64[4]) = sum(chain(x, w))' >"$work/deep.nn"

check() { # what it is, limits
  out=$(eval "$2"; "$GRADC" eval "$work/deep.nn" 'chain(ones(4), ones(4))' \
    'grad(total, wrt: x)(ones(4), ones(4))' 2>&1)
  code=$?
  case $code:$out in
    0:"[6001.0, 6001.0, 6001.0, 6001.0]
[6001.0, 6001.0, 6001.0, 6001.0]") ok ;;
    *) not_ok "$1" "exit code $code: $out" ;;
  esac
}
check "a deep chain" :
check "on a small stack" "ulimit -s 2048"
check "in little address space" "ulimit -v 1500000"

if "$GRADC" build "$work/chain.nn" -o "$work/deep.o" >"$work/log" 2>&1; then ok
else not_ok "an object file of it" "$(cat "$work/log")"; fi
finish
