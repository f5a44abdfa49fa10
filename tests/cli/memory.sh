#!/bin/sh
# memory.sh: --memory BYTES of every command that has it, and emit --plan.
. "${TOP_SRCDIR:-.}/tests/lib.sh"

cat >"$work/ode.nn" <<'END'
fn swing(x0: f64[256], a: f64[256]) {
  var x = x0
  var v = zeros(256)
  for t in 0..10000 {
    v = v - 0.001 * sin(x) * a
    x = x + 0.001 * v
  }
  sum(x * x)
}
fn points(x: f64[N, 8], m: f64[16, 8]) {
  let d[n, k, i] = x[n, i] - m[k, i]
  let q[n, k] = sum(i) d[n, k, i] * d[n, k, i]
  sum(logsumexp(-q, axis: 1))
}
fn three(x0: f64[4]) {
  var x = x0
  for t in 0..1000 { x = x + 0.01 * sin(x) }
  sum(x)
}
END

# workspace TEXT: the bytes of workspace that bench reports for the last run.
workspace() { printf '%s\n' "$out" | sed 's/.*"workspace_bytes": \([0-9]*\).*/\1/'; }
within() {
  n=$(workspace)
  if [ "$n" -le "$1" ] && [ "$n" -gt 0 ]; then ok; else not_ok "$what: workspace of $n bytes, not $1" "$out"; fi
}
more_than() {
  n=$(workspace)
  if [ "$n" -gt "$1" ]; then ok; else not_ok "$what: workspace of $n bytes, which shows nothing" "$out"; fi
}

# A tape of 20 MB; the same gradient in less and less, and in the end in too little.
run bench "$work/ode.nn" 'grad(swing)' --json --seconds 0.001 --threads 1
is 0
more_than 20000000
for room in 4M 2000000 400K 160K; do
  run bench "$work/ode.nn" 'grad(swing)' --json --seconds 0.001 --threads 1 --memory $room
  is 0
  case $room in
    4M) within 4194304 ;;
    2000000) within 2000000 ;;
    400K) within 409600 ;;
    160K) within 163840 ;;
  esac
done
run bench "$work/ode.nn" 'grad(swing)' --seconds 0.001 --threads 1 --memory 9000
is 3 ""
err_has "error[E0706]"
err_has "more than the 9000 bytes that --memory allows"
err_has "\`x\` takes"

# Rows in chunks.
run bench "$work/ode.nn" 'grad(points)' -D N=4096 --json --seconds 0.001 --threads 1
is 0
more_than 1000000
run bench "$work/ode.nn" 'grad(points)' -D N=4096 --json --seconds 0.001 --threads 1 --memory 64K
is 0
within 65536

# What grad prints has loops in loops, and gives the same bits.
run grad "$work/ode.nn" three -o "$work/all.nn"
is 0 ""
run grad "$work/ode.nn" three --memory 6K -o "$work/some.nn"
is 0 ""
out=$(cat "$work/some.nn") what="gradc grad --memory"
out_has "segment in reversed"
run eval "$work/all.nn" --precision 17 'three_grad([0.1, 0.7, -1.3, 2.0])'
is 0
want=$out
run eval "$work/some.nn" --precision 17 'three_grad([0.1, 0.7, -1.3, 2.0])'
is 0 "$want"
run eval "$work/ode.nn" --precision 17 --memory 6K 'grad(three)([0.1, 0.7, -1.3, 2.0])'
is 0 "$want"
run eval "$work/ode.nn" --memory 100 'grad(three)([0.1, 0.7, -1.3, 2.0])'
is 3 ""
err_has "error[E0706]"

# The header of emitted C says what was asked for.
run emit --c "$work/ode.nn" --functions three --memory 8K -o "$work/three.c"
is 0 ""
n=$(sed -n 's/.*THREE_GRAD_WORKSPACE *= *\([0-9]*\).*/\1/p' "$work/three.h")
if [ "${n:-99999}" -le 8192 ]; then ok; else not_ok "the header of three.c states a workspace of ${n:-no} bytes" "$(cat "$work/three.h")"; fi

# Wrong usage.
for room in 0 -5 12Q M "" 3MM; do
  run bench "$work/ode.nn" 'grad(swing)' --memory "$room"
  is 2 ""
  err_has "--memory takes a number of bytes"
done
run grad "$work/ode.nn" points --memory 1M
is 2 ""
err_has "give -D N=NUMBER"

# The plan.
run emit --plan "$work/ode.nn" swing
is 0
out_has "swing: "
out_has "its gradient: "
out_has "the gradient keeps 19.5 MiB"
out_has "saved 19.5 MiB"
out_has "computed again"
out_has "  line 5 "
run emit --plan -D N=4096 --memory 64K "$work/ode.nn" points
is 0
out_has "its gradient: "
run emit --plan --ir "$work/ode.nn" swing
is 2 ""
run emit --plan "$work/ode.nn" nothing
is 3 ""

# Arithmetic: of a triangle what is inside, of a loop the steps it does, of a shelf the row that is put there.
cat >"$work/flops.nn" <<'END'
fn all(x: f64[N]) { let y[i: 0..N] = sum(j: 0..N) exp(x[j] * x[i])
  y }
fn half(x: f64[N]) { let y[i: 0..N] = sum(j: 0..i + 1) exp(x[j] * x[i])
  y }
fn band(x: f64[N]) { let y[i: 0..N] = sum(j: max(0, i - 2)..min(N, i + 3)) x[j] * x[i]
  y }
fn steps(x: f64[N]) {
  var s = 0.0
  for i in 0..N { for j in 0..i { s += x[i] * x[j] } }
  s
}
fn roll(W: f64[32, 32], x: f64[1000, 32]) {
  var h = zeros(32)
  for t in 0..1000 { h = tanh(h @ W + x[t]) }
  sum(h)
}
END
run emit --plan -D N=1000 "$work/flops.nn" all half band steps
out_has "all: 3e+06 FLOP"
out_has "half: 1.501e+06 FLOP"
out_has "band: 9988 FLOP"
out_has "steps: 1.001e+06 FLOP"
run emit --plan --memory 100K "$work/flops.nn" roll
out_has "its gradient: 1.0"

# The workspace of every example is at most 5 % above what lives at one time.
for file in "$TOP_SRCDIR"/examples/*.nn; do
  run emit --plan "$file"
  is 0
  worst=$(printf '%s\n' "$out" | sed -n 's/.* \([0-9.]*\) of what lives at one time$/\1/p' | sort -n | tail -n 1)
  case ${worst:-1.00} in
    1.0[0-5]) ok ;;
    *) not_ok "$file: a workspace of $worst times what lives at one time" ;;
  esac
done
finish
