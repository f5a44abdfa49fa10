#!/bin/sh
# grad.sh: gradc grad and gradc gradcheck.
. "${TOP_SRCDIR:-.}/tests/lib.sh"

cat >"$work/m.nn" <<'END'
param W: f64[3, 2] ~ normal()
param b: f64[2]
fn loss(x: f64[N, 3], y: f64[N, 2]) = mean((tanh(x @ W + b) - y)**2)
fn cube(x: f64) = x**3
fn rotate(x: f64[2]) = [cos(x[0]) * x[1], sin(x[0])]
fn count(n: i32) = n + 1
END

# What grad prints is a program, and its value is the gradient's.
run grad "$work/m.nn" cube -o "$work/d.nn"
is 0 ""
run check "$work/d.nn"
is 0
name=$(sed -n 's/^fn \([a-z_0-9A-Z]*\)(.*/\1/p' "$work/d.nn")
run eval "$work/d.nn" "$name(2.0)"
is 0 "12"
run grad "$work/m.nn" cube --order 2 -o "$work/d2.nn"
is 0 ""
name=$(sed -n 's/^fn \([a-z_0-9A-Z]*\)(.*/\1/p' "$work/d2.nn")
run eval "$work/d2.nn" "$name(2.0)"
is 0 "12"
run grad "$work/m.nn" cube --value
is 0
printf '%s\n' "$out" >"$work/v.nn"
name=$(sed -n 's/^fn \([a-z_0-9A-Z]*\)(.*/\1/p' "$work/v.nn")
run eval "$work/v.nn" "$name(2.0)"
is 0 "(8, 12)"
run grad "$work/m.nn" cube --forward
is 0
printf '%s\n' "$out" >"$work/t.nn"
name=$(sed -n 's/^fn \([a-z_0-9A-Z]*\)(.*/\1/p' "$work/t.nn")
run eval "$work/t.nn" "$name(2.0, 1.0)"
is 0 "(8, 12)"

run grad "$work/m.nn" loss
is 0
out_has "d_W"
out_has "d_b"
run grad "$work/m.nn" loss --wrt x
is 0
out_has "d_x"
case $out in *d_W*) not_ok "--wrt x gives d_W" "$out" ;; *) ok ;; esac
run grad "$work/m.nn" loss --wrt W,x
is 0
out_has "d_W"
out_has "d_x"

# A rolled tensor is a choice between two reads, each of which gets back what was read: no choice is
# left in the gradient.
cat >"$work/rolled.nn" <<'END'
fn f(x: f64[N, 8], w: f64[8]) = sum(roll(x, 3, axis: 1) * w)
fn g(x: f64[8], w: f64[8]) {
  let y[i: 0..8] = x[(i + 6) % 8]
  sum(y * w)
}
END
for f in f g; do
  run grad "$work/rolled.nn" $f --wrt x
  is 0
  out_has "inside("
  case $out in *if*) not_ok "the gradient of a rolled tensor chooses" "$out" ;; *) ok ;; esac
done

# Labels are those of the source, also where axes get them from what the values are made of.
cat >"$work/labels.nn" <<'END'
fn energy(x: f64[A, B], w: f64[B, C], gate: f64[A]) {
  let y[n, o] = sum(d) x[n, d] * w[d, o]
  let z[n, o] = gate[n] * y[n, o] * y[n, o]
  sum(z)
}
END
run grad "$work/labels.nn" energy
is 0
out_has "let y[n, o] = sum(d) x[n, d] * w[d, o]"
out_has "let d_x[n, d] = sum(o) d_y[n, o] * w[d, o]"
out_has "let d_w[d, o] = sum(n) x[n, d] * d_y[n, o]"

run grad "$work/m.nn" loss --wrt Q
is 2 ""
err_has 'no argument or parameter "Q"'
err_has "x, y, W, b"
run grad "$work/m.nn" lost
is 3 ""
err_has "loss"
run grad "$work/m.nn" rotate
is 3 ""
err_has "error[E04"
run grad "$work/m.nn" count
is 3 ""
err_has "error[E04"
run grad "$work/m.nn"
is 2 ""
run grad "$work/m.nn" cube -o "$work/none/d.nn"
is 4 ""

# It is laid out as gradc fmt would lay it out.
for of in softmax_regression:loss heat_pinn:loss newton_root:anomaly cnn:loss gmm:objective; do
  run grad "$TOP_SRCDIR/examples/${of%:*}.nn" "${of#*:}" -o "$work/d.nn"
  is 0
  run fmt --check "$work/d.nn"
  is 0 ""
done

# gradcheck: all functions, one, the sizes, and a wrong tolerance.
run gradcheck "$work/m.nn"
is 0
out_has "loss  with N = 3"
out_has "rotate"
out_has "skipped: it has no floating-point result"
out_has "3 gradients checked, 0 wrong"
run gradcheck "$work/m.nn" loss --size N=5
is 0
out_has "with N = 5"
out_has "1 gradient checked, 0 wrong"
run gradcheck "$work/m.nn" loss --tolerance 0
is 1
out_has WRONG
out_has "1 gradient checked, 1 wrong"
run gradcheck "$work/m.nn" loss --size N
is 2 ""
err_has "NAME=NUMBER"
run gradcheck "$work/m.nn" count
is 1
# Written as a reader would: parts side by side are concat and lists, their slices are the parts', and
# loops carry only what changes and is wanted.
cat >"$work/r.nn" <<'END'
fn joined(x: f64[N], y: f64[M]) = sum(concat((x * x, sin(y)))**2)
fn vector(x: f64[3], y: f64[3]) = sum(cross(x, y)**2)
fn listed(x: f64, y: f64) = sum(stack((x * x, sin(y), x * y)) * [1.0, 2.0, 3.0])
fn steps(x: f64[N]) {
  var s = 0.0
  var z = x
  for t in 0..10 { s = s + sum(z); z = sin(z) * x }
  s
}
END
run grad "$work/r.nn" joined
is 0
out_has "concat((x * x, sin(y)), axis: 0)"
out_lacks "iota"
out_lacks "pad("
run grad "$work/r.nn" vector
is 0
out_has "= [t"
out_lacks "iota"
out_lacks "else"
run grad "$work/r.nn" listed
is 0
out_has "let d_y = x * 3 + cos(y) * 2"
out_lacks "iota"
run grad "$work/r.nn" steps
is 0
out_lacks "d_s ="
out_lacks "var s ="
for f in joined vector listed steps; do
  run grad "$work/r.nn" $f -o "$work/g.nn"
  is 0 ""
  run gradcheck "$work/r.nn" $f
  is 0
  run check "$work/g.nn"
  is 0
done

# Ten thousand statements, each on the last and on one before: neither the printer nor the lowering
# goes down as deep as the chain is long, and names stay short.
awk 'BEGIN {
  n = 10000
  print "fn f(x: f32[16], y: f32[16]) {\n  let a0 = x\n  let a1 = y"
  for (i = 2; i < n; i++) printf "  let a%d = sin(a%d) * a%d\n", i, i - 1, int(i / 2)
  printf "  sum(a%d)\n}\n", n - 1
}' >"$work/long.nn"
run emit --loops "$work/long.nn" f
is 0
out_has "program f"
run grad "$work/long.nn" f
is 0
out_has "fn f_grad"

# A higher order of what has several derivatives: it says at which order, and what there is instead.
printf 'fn two(x: f64, y: f64) = x * x * y\nfn cubes(x: f64[3]) = sum(x**3)\n' >"$work/order.nn"
run grad "$work/order.nn" two --order 2
is 3
err_has 'error[E0402]: the gradient of order 2 of `two`, which at order 1 has 2 parts and is not a scalar'
run grad "$work/order.nn" cubes --order 2
is 3
err_has 'the gradient of order 2 of `cubes`, which at order 1 is f64[3] and not a scalar'
run grad "$work/order.nn" two --order 2 --wrt x
is 0
out_has 'fn two_grad2'

finish
