#!/bin/sh
# examples.sh: every example is sound, and what its header says about values holds.
. "${TOP_SRCDIR:-.}/tests/lib.sh"

for f in "$TOP_SRCDIR"/examples/*.nn; do
  run check "$f"
  is 0 ""
done

# near LINE WANTED: the numbers in that line of the last output, each to 1e-6.
near() {
  got=$(printf '%s\n' "$out" | sed -n "$1p")
  if [ "$code" -eq 0 ] && printf '%s\n%s\n' "$2" "$got" | awk '
      { gsub(/[][(),]/, " "); n[NR] = split($0, x, " "); for (i in x) v[NR, i] = x[i] }
      END {
        bad = NR != 2 || n[1] != n[2]
        for (i = 1; i <= n[1]; i++) {
          d = v[1, i] - v[2, i]
          if (v[2, i] !~ /^-?[0-9]/ || d > 1e-6 || d < -1e-6) bad = 1
        }
        exit bad
      }'; then
    ok
  else
    not_ok "$what: line $1 is $got instead of $2" "$err"
  fi
}

run eval "$TOP_SRCDIR/examples/rosenbrock.nn" 'f(-1.0, 1.0)' 'gradient(-1.0, 1.0)' \
  'hessian(-1.0, 1.0)' 'newton5(-1.2, 1.0)'
near 1 "4"
near 2 "(-4, 0)"
near 3 "[[802, 400], [400, 200]]"
near 4 "(0.9999956956536854, 0.9999913913257503)"

run eval "$TOP_SRCDIR/examples/polyfit.nn" 'loss(zeros(4), xs, ys)' 'slope(zeros(4), xs, ys)' \
  'fit(xs, ys)'
near 1 "0.468619336626401"
near 2 "[-0.2050065472, 0.4640783756, 0.7568456032, 0.9471627100]"
near 3 "[0.8980212814, -0.3071462998, -1.3042927731, 0.4205857861]"

run eval "$TOP_SRCDIR/examples/logistic.nn" 'probability([[0.5, 1.0, -1.0, 2.0]])' \
  'loss([[0.5, 1.0, -1.0, 2.0]], [1.0])' 'grad(loss)([[0.5, 1.0, -1.0, 2.0]], [1.0])'
near 1 "[0.5]"
near 2 "0.6931471806"
near 3 "([-0.25, -0.5, 0.5, -1], -0.5)"

# Ten scores from nothing are all 0: the loss is log(10), whatever the images.
run eval "$TOP_SRCDIR/examples/softmax_regression.nn" \
  'loss(u8(full((2, 28, 28), 7)), u8([3, 0]))' 'accuracy(u8(full((2, 28, 28), 7)), u8([3, 0]))'
near 1 "2.302585093"
near 2 "0.5"

run eval "$TOP_SRCDIR/examples/fashion_mlp.nn" 'shape(logits(u8(full((2, 28, 28), 7))))' \
  'abs(std(W1) - sqrt(2.0 / 784)) < 0.001' 'loss(u8(full((2, 28, 28), 73)), u8([3, 0]))'
is 0
near 1 "(2, 10)"
near 3 "2.302585093"

# The tests in examples; what they print has a line for each, and no failure.
for f in adbench_lstm bundle_adjustment gmm hand_tracking heat_pinn newton_cg newton_root ode_fit; do
  run test "$TOP_SRCDIR/examples/$f.nn"
  is 0
  out_has ", 0 failed"
done

# Networks at their full size, as they are before training: 50 blocks, causal attention, the recurrent
# one writing letters, pictures drawn.
pictures='u8(full((2, 28, 28), 7))'
run eval "$TOP_SRCDIR/examples/fashion_cnn.nn" "shape(logits($pictures))"
near 1 "(2, 10)"
run eval "$TOP_SRCDIR/examples/residual_mlp.nn" "shape(logits($pictures))" 'shape(blocks.up.W)'
near 1 "(2, 10)"
near 2 "(50, 64, 64)"
run eval "$TOP_SRCDIR/examples/transformer.nn" -D T=8 'shape(scores(zeros_like(i32(full((2, 8), 1)))))' \
  'const a = scores([[1, 2, 3, 4, 5, 6, 7, 8]])' 'const b = scores([[1, 2, 3, 4, 9, 9, 9, 9]])' \
  'max(abs(a[0, :4] - b[0, :4])) == 0' 'max(abs(a[0, 4:] - b[0, 4:])) > 0.001'
near 1 "(2, 8, 128)"
same "what comes later is not seen" "$(printf '%s\n' "$out" | tail -n 2 | tr '\n' ' ')" "true true "
run eval "$TOP_SRCDIR/examples/char_lstm.nn" 'shape(write(5, 1))' 'sum(i32(write(5, 1) == write(5, 1)))'
near 1 "5"
near 2 "5"
run eval --text "$TOP_SRCDIR/examples/fashion_vae.nn" 'draw(1, 1)'
is 0
same "lines of a picture" "$(printf '%s\n' "$out" | grep -c '^[ .:=+*#%@-]\{28\}$')" 14

run eval "$TOP_SRCDIR/examples/cnn.nn" 'shape(logits(u8(full((2, 28, 28), 7))))'
near 1 "(2, 10)"
finish
