#!/bin/sh
# layers.sh: layers from outside: training them, their names in weight files, code that doesn't grow
# with the number of blocks; import; -D; gradc test.
. "${TOP_SRCDIR:-.}/tests/lib.sh"
cd "$work" || exit 99
GRADC_THREADS=1
export GRADC_THREADS

cat >net.nn <<'END'
const L = 3
layer linear(I, O)(x: f32[N, I]) {
  param W: f32[I, O] ~ glorot()
  param b: f32[O]
  x @ W + b
}
layer block(D, H)(x: f32[N, D]) {
  let up = linear(D, H)
  let down = linear(H, D)
  x + down(tanh(up(x)))
}
let blocks = [block(4, 8); L]
let head = linear(4, 1)
fn predict(x: f32[N, 4]) {
  var h = x
  for b in blocks { h = b(h) }
  head(h)
}
fn loss(x: f32[N, 4], y: f32[N, 1]) = mse(predict(x), y)
END
awk 'BEGIN { for (i = 0; i < 64; i++) { printf "%.3f,%.3f,%.3f,%.3f\n", sin(i), cos(i), sin(2*i), i / 64 >"x.csv"
             printf "%.3f\n", sin(3*i) >"y.csv" } }'

# ---- weight files hold one tensor for each element
run train net.nn --data x=x.csv --data y=y.csv --epochs 2 --batch 16 --save w.safetensors --resume c.safetensors
is 0
run inspect w.safetensors
out_has 'blocks.0.up.W'
out_has 'blocks.2.down.b'
out_has 'head.W'
run inspect c.safetensors
out_has 'blocks.up.W'
run train net.nn --data x=x.csv --data y=y.csv --epochs 1 --batch 16 --load w.safetensors --lr 0 --save w2.safetensors
is 0 
same "weights that were loaded and saved" "$(cmp w.safetensors w2.safetensors && echo equal)" equal
run train net.nn --data x=x.csv --data y=y.csv --epochs 1 --batch 16 --load c.safetensors --lr 0 --save w3.safetensors
is 0
same "weights of a checkpoint" "$(cmp w.safetensors w3.safetensors && echo equal)" equal
run train net.nn -D L=4 --data x=x.csv --data y=y.csv --epochs 1 --batch 16 --load w.safetensors
is 4
err_has 'blocks.3.up.W'
run train net.nn --data x=x.csv --data y=y.csv --epochs 1 --batch 16 --freeze 'blocks.*' --load w.safetensors --save w4.safetensors
is 0

# ---- a loss that draws: a key for each step, the same in the same run
sed -e 's/^fn loss.*//' net.nn >drop.nn
cat >>drop.nn <<'END'
fn loss(x: f32[N, 4], y: f32[N, 1], key: i32) = mse(predict(dropout(x, 0.25, key)), y)
fn error(x: f32[N, 4], y: f32[N, 1]) = mse(predict(x), y)
END
run train drop.nn --data x=x.csv --data y=y.csv --epochs 2 --batch 16 --seed 3 --save d1.safetensors
is 0
run train drop.nn --data x=x.csv --data y=y.csv --epochs 2 --batch 16 --seed 3 --save d2.safetensors
is 0
same "two runs with one seed" "$(cmp d1.safetensors d2.safetensors && echo equal)" equal
run train net.nn --data x=x.csv --data y=y.csv --epochs 2 --batch 16 --seed 3 --save d3.safetensors
cmp -s d1.safetensors d3.safetensors && not_ok "dropout changes nothing" || ok

# ---- what is compiled does not depend on how many blocks there are
lines() { "$GRADC" emit --loops -D L="$1" -D N=16 net.nn 'value_and_grad(loss)' | wc -l; }
same "lines of loops for 48 blocks" "$(lines 48)" "$(lines 2)"

# ---- the gradient is a program with the same parameters
run grad net.nn loss --value -D N=8 -o g.nn
is 0
run check g.nn
is 0
run gradcheck net.nn loss
is 0

# ---- -D
run eval -D L=7 net.nn 'shape(blocks.up.b)'
is 0 '(7, 8)'
run eval -D M=7 net.nn 'L'
is 3
err_has 'E0201'
run eval -D L=x net.nn 'L'
is 2

# ---- import
mkdir parts
printf 'import "base.nn"\nfn twice(x) = 2 * one(x)\ntest "of the part" { twice(1) == 3 }\n' >parts/twice.nn
printf 'fn one(x) = x\n' >parts/base.nn
printf 'import "parts/twice.nn"\nimport "parts/base.nn"\nfn f(x: f64) = twice(x) + one(x)\n' >all.nn
run eval all.nn 'f(1.0)'
is 0 3
printf 'import "b.nn"\n' >a.nn
printf 'import "c.nn"\n' >b.nn
printf 'import "a.nn"\n' >c.nn
run check a.nn
is 3
err_has 'c.nn:1:1: error[E0604]: "a.nn" imports itself'
printf 'import "parts/base.nn"\nfn one(x) = 1\n' >clash.nn
run check clash.nn
is 3
err_has 'clash.nn:2:4: error[E0202]: `one` is declared twice'
err_has '::: parts/base.nn:1'
printf 'import "nothing.nn"\n' >lost.nn
run check lost.nn
is 4
err_has 'lost.nn:1:1: error[E0601]'

# ---- tests
cat >tests.nn <<'END'
import "parts/twice.nn"
param w: f32[2] ~ 3.0
fn cube(x: f64) = x ** 3
fn wrong(x) = x * stop(x)
test "cubes" {
  let x = 2.0
  cube(x) == 8
  grad(cube)(x) ~= 12
  cube(0.1) ~= 0.001 tol 1e-9
  check grad cube(x)
  check grad sum(exp([1.0, 2.0]))
  (1, [1, 2]) == (1, [1, 2])
  w == 3
  nan ~= nan
  w > 0
}
END
run test tests.nn
is 0 'ok    cubes
1 passed, 0 failed'
cat >>tests.nn <<'END'
test "wrong" {
  cube(2) == 9
  [1, 2, 3] == [1, 2, 4]
  sqrt(2.0) ~= 1.41 tol 1e-3
  nan == nan
  w < 0
  check grad wrong(3.0)
}
END
run test tests.nn
is 1 'ok    cubes
FAIL  wrong
      tests.nn:18: 8 is not 9
      tests.nn:19: element 2 is 3, not 4: [1, 2, 3] and [1, 2, 4]
      tests.nn:20: 1.41421356 is not close to 1.41
      tests.nn:21: nan is not nan
      tests.nn:22: not true
      tests.nn:23: the gradient by `x` is off: 5.0e-01 from differences, 0.0e+00 from forward mode
1 passed, 1 failed'
run test tests.nn --only cubes
is 0
run test net.nn
is 1
err_has 'no test'
printf 'test "t" { 1 + 1 }\n' >bad.nn
run test bad.nn
is 3
err_has '[E0219]'
printf 'fn f(x: f64) {\n  x ~= 1\n  x\n}\n' >bad.nn
run check bad.nn
is 3
err_has '[E0219]'
printf 'fn f(x: f64) {\n  param w: f64\n  x\n}\n' >bad.nn
run check bad.nn
err_has '[E0218]'
finish
