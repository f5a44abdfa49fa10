#!/bin/sh
# programs.sh: the test blocks of tests/programs/*.nn, one file for each class of bugs that fuzzers of
# deep-learning compilers have published; and that fused code stays fused. Every function in them goes
# through the compiler in tests/test_programs.c.
. "${TOP_SRCDIR:-.}/tests/lib.sh"

for f in "$TOP_SRCDIR"/tests/programs/*.nn; do
  run check "$f"
  is 0 ""
  run test "$f"
  is 0
  out_has ", 0 failed"
done

# Slower than unoptimised code: values that need no memory have none, whatever is written.
# kernels FUNCTION KERNELS TEMPORARIES
cat >"$work/fused.nn" <<'END'
fn chain(x: f32[N]) = sum(tanh(x * 2 + 1) ** 2 / (1 + exp(-x)))
fn norm(x: f32[N, 64]) = layer_norm(x) * 2 + 1
fn dense(x: f32[N, 64], w: f32[64, 64], b: f32[64]) = relu(x @ w + b) * 2
fn padded(x: f32[N]) = pad(x * 2, axis: 0, before: 3, after: 3)[2:] + 1
fn loss(x: f32[N, 64], y: i32[N]) = mean(cross_entropy(x, y))
END
kernels() {
  run emit --loops "$work/fused.nn" "$1" -D N=32
  same "kernels of $1" "$(printf '%s\n' "$out" | grep -c '^kernel')" "$2"
  same "temporaries of $1" "$(printf '%s\n' "$out" | grep -c '^  temp')" "$3"
}
kernels chain 1 0
kernels norm 1 0
kernels dense 1 0
kernels padded 1 0
finish
