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

run eval "$TOP_SRCDIR/examples/cnn.nn" 'shape(logits(u8(full((2, 28, 28), 7))))'
near 1 "(2, 10)"
finish
