#!/bin/sh
# train.sh: what `gradc train` takes for data, and how long it goes on; weights given to `eval`.
. "${TOP_SRCDIR:-.}/tests/lib.sh"
cd "$work" || exit 99

# A text: its bytes in windows. The mean of the letters' numbers is learnt, in windows that overlap.
cat >letters.nn <<'END'
const T = 4
param w: f32
fn loss(text: u8[N, T]) = mean(square(w - f32(text)))
fn level(text: u8[N, T]) = mean(f32(text))
END
printf 'aaaabbbbcc' >ab.txt
run train letters.nn --data text=ab.txt --epochs 400 --batch 2 --lr 0.05 --save w.npz
case $err in
  *gradc-llvm*"cannot open shared object"*)
    echo "SKIP: built without the LLVM back end"
    exit 77
    ;;
esac
is 0
out_has "2 examples; 1 parameter"
out_has "train level 97.5"
run eval letters.nn --load w.npz 'abs(w - 97.5) < 0.01'
is 0 true
# The batch that is taken where none is asked for is no larger than the data.
run train letters.nn --data text=ab.txt --epochs 1
is 0
out_has "batches of 2"
run train letters.nn --data text=ab.txt --epochs 1 --batch 3
is 4
err_has "a batch of 3 is more than the 2 examples there are"
run train letters.nn --data text=ab.txt --epochs 1 --batch 2 --window-step 3
out_has "3 examples"
run train letters.nn --data text=bytes:letters.nn --epochs 1 --batch 2 -D T=8
is 0
gzip -k ab.txt
run train letters.nn --data text=ab.txt.gz --epochs 1 --batch 2
out_has "2 examples"
run train letters.nn --data text=ab.txt --epochs 1 -D T=11
is 4
err_has "the series is shorter than one example"

# What a function requires of named sizes is asked again when the data give them numbers.
cat >even.nn <<'END'
param w: f64
fn half(x) = require(size(x, 1) % 2 == 0, "an even number of columns", x[:, :size(x, 1) // 2])
fn loss(x: f64[N, D]) = mean(w * half(x))
fn left(x: f64[N, D]) = half(x)
END
printf '1,2,3\n4,5,6\n' >three.csv
printf '1,2,3,4\n4,5,6,7\n' >four.csv
run check even.nn
is 0
run train even.nn --data x=three.csv --epochs 1
is 3
err_has "E0318"
err_has "an even number of columns"
run predict even.nn left --data x=three.csv -o left.npy
is 3
err_has "E0318"
run train even.nn --data x=four.csv --epochs 1
is 0
run predict even.nn left --data x=four.csv -o left.npy
is 0

# No data: the loss draws its own examples. The slope of a line is learnt.
cat >line.nn <<'END'
const POINTS = 16
param slope: f64
fn loss(key: i32) {
  let x = uniform(shape: (POINTS), key: key)
  mean(square(slope * x - 3 * x))
}
fn error() = abs(slope - 3)
END
run train line.nn --epochs 3 --steps 50 --lr 0.1 --save w.npz --log log
is 0
out_has "no data; 1 parameter"
same "steps" "$(tail -n 1 log | sed 's/.*"step":\([0-9]*\).*/\1/')" 150
run eval line.nn --load w.npz 'error() < 0.01'
is 0 true
# Going on is the same as going through.
run train line.nn --epochs 2 --steps 50 --lr 0.1 --resume part.safetensors
is 0
run train line.nn --epochs 3 --steps 50 --lr 0.1 --resume part.safetensors --save resumed.npz
is 0
cmp -s w.npz resumed.npz && ok || not_ok "a resumed run without data differs"
run train line.nn --epochs 3 --steps 60 --lr 0.1 --resume part.safetensors
is 4
err_has "number of steps in an epoch"
run train line.nn --data x=ab.txt
is 4
err_has "data are given for"
# With data, --steps bounds an epoch.
run train letters.nn --data text=ab.txt --epochs 2 --batch 1 --steps 1 --log log
same "steps" "$(tail -n 1 log | sed 's/.*"step":\([0-9]*\).*/\1/')" 2

# A gradient that is the sum of many rows, all of whose columns fit into registers at once.
cat >columns.nn <<'END'
param b: f32[128]
fn loss(x: u8[N, 128]) = sum(square(f32(x) + b)) / N
END
head -c 600000 /dev/zero >zeros.bin
GRADC_THREADS=2 run train columns.nn --data x=bytes:zeros.bin --batch 4096 --epochs 1
is 0
out_has "train loss 0.0000"

# Text that a program makes, as text.
run eval --text 'u8([72, 105, 33])' '[72, 105]'
is 0 'Hi!
[72, 105]'
run eval letters.nn --load none.npz w
is 4
finish
