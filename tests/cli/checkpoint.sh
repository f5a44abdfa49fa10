#!/bin/sh
# checkpoint.sh: what checkpoint does to memory: the gradient of a deep chain takes less workspace, in
# a loop and written out, and has the same value.
. "${TOP_SRCDIR:-.}/tests/lib.sh"

cat >"$work/chain.nn" <<'EOF'
param W: f32[8, 32, 32] ~ glorot()
fn block(x, W) {
  let a = tanh(x @ W)
  let b = sin(a @ W)
  let c = tanh(b @ W)
  x + c @ W
}
fn plain(x: f32[128, 32]) {
  var h = x
  for t in 0..8 { h = block(h, W[t]) }
  mean(h * h)
}
fn saving(x: f32[128, 32]) {
  var h = x
  for t in 0..8 { h = checkpoint block(h, W[t]) }
  mean(h * h)
}
fn written(x: f32[128, 32]) = mean(block(block(block(block(x, W[0]), W[1]), W[2]), W[3])**2)
fn written_saving(x: f32[128, 32]) =
  mean((checkpoint block(checkpoint block(checkpoint block(checkpoint block(x, W[0]), W[1]), W[2]), W[3]))**2)
fn same(a, b) = max(abs(a - b)) < 1e-6
EOF

workspace() {
  run emit --loops "$work/chain.nn" "grad($1)"
  is 0
  printf '%s\n' "$out" | sed -n '1s/.*workspace \([0-9]*\) bytes.*/\1/p'
}

# less WITH WITHOUT: the gradient WITH checkpoints takes at most two thirds of the workspace.
less() {
  with=$(workspace "$1") without=$(workspace "$2")
  if [ -n "$with" ] && [ -n "$without" ] && [ $((3 * with)) -le $((2 * without)) ]; then
    ok
  else
    not_ok "workspace of grad($1): $with bytes, of grad($2): $without"
  fi
}
less saving plain
less written_saving written

run eval "$work/chain.nn" "same(grad(saving)(ones((128, 32))), grad(plain)(ones((128, 32))))" \
  "same(grad(written_saving)(ones((128, 32))), grad(written)(ones((128, 32))))"
is 0 "true
true"
finish
