#!/bin/sh
# predict.sh: gradc predict: a function over a data set gives for each example what it gives for that
# example alone, whatever the batch, in each format; several results; weights; gradients.
. "${TOP_SRCDIR:-.}/tests/lib.sh"
cd "$work" || exit 99
GRADC_THREADS=1
export GRADC_THREADS

cat >m.nn <<'END'
param W: f32[2, 3] ~ glorot()
param b: f32[3] ~ 0.25
fn logits(x: f32[N, 2]) = x @ W + b
fn both(x: f32[N, 2], k: i32[N]) {
  let best = argmax(logits(x))
  let sure = max(softmax(logits(x)), axis: 1)
  (best, sure, best == k)
}
fn loss(x: f32[N, 2], k: i32[N]) = mean(cross_entropy(logits(x), k))
fn first(x: f32[N, 2], k: i32[N]) = x[:, 0]
fn noise(x: f32[N, 2], key: i32) = x + f32(key)
END
run predict m.nn logits --data x=none.csv -o y.npz
case $err in
  *gradc-llvm*) echo "SKIP: built without the LLVM back end"; exit 77 ;;
esac

# 700 examples: not a multiple of any batch below
awk 'BEGIN { print "x_0,x_1,k"; for (i = 0; i < 700; i++) printf "%d.5,%d,%d\n", i % 17 - 8, i % 5 - 2, i % 3 }' >d.csv

# ---- the same rows whatever the batch; the last batch is smaller
run predict m.nn both --data d.csv --batch 700 -o all.csv
is 0 "700 examples -> all.csv: best i32[700], sure f32[700], result3 bool[700]"
# near WHAT A B: two tables with the same header and numbers within 1e-6. (A sum's order depends on the
# shape alone, and a batch of another size is another shape.)
near() {
  if paste -d, "$2" "$3" | awk -F, '
      NR == 1 { for (i = 1; i <= NF / 2; i++) if ($i != $(i + NF / 2)) exit 1; next }
      { for (i = 1; i <= NF / 2; i++) { d = $i - $(i + NF / 2); if (d > 1e-6 || d < -1e-6) exit 1 } }'
  then ok; else not_ok "$1" "$(diff "$2" "$3" | head -5)"; fi
}
for batch in 1 64 256 699 1000; do
  run predict m.nn both --data d.csv --batch $batch -o some.csv
  is 0
  near "both in batches of $batch" some.csv all.csv
done
run predict m.nn both --data d.csv -o some.csv
near "both in batches of the usual size" some.csv all.csv
same "lines" "$(wc -l <all.csv | tr -d ' ')" 701
same "header" "$(sed -n 1p all.csv)" "best,sure,result3"

# ---- row 5 is what the function gives for example 5
run predict m.nn logits --data d.csv -o y.csv
is 0 "700 examples -> y.csv: logits f32[700, 3]"
same "header of a matrix" "$(sed -n 1p y.csv)" "logits_0,logits_1,logits_2"
run eval m.nn 'logits([[-3.5, -2.0]])'
printf 'a,b,c\n%s\n' "$(sed -n 7p y.csv)" >row.csv
printf 'a,b,c\n%s\n' "$out" | tr -d '[] ' >want.csv
near "row 5" row.csv want.csv

# ---- each format holds the same
for end in npy npz safetensors; do
  run predict m.nn logits --data d.csv -o y.$end
  is 0
  run inspect y.$end
  is 0
  out_has "f32[700, 3]"
  # what was written is read again: as data of a function that returns it
  printf 'fn same(logits: f32[N, 3]) = logits\n' >same.nn
  data=y.$end
  [ $end = npz ] || [ $end = safetensors ] || data=logits=y.$end
  run predict same.nn same --data "$data" -o again.csv
  is 0
  same "y.$end" "$(sed 1d again.csv | cksum)" "$(sed 1d y.csv | cksum)"
done
rm again.csv
run predict same.nn same --data y.csv -o again.csv
is 0
same "y.csv read again" "$(sed 1d again.csv | cksum)" "$(sed 1d y.csv | cksum)"

# ---- results that aren't a row for each example: once, on all of them
run predict m.nn loss --data d.csv -o loss.npy
is 0 "700 examples -> loss.npy: loss f32"
run predict m.nn 'grad(loss)' --data d.csv -o grad.safetensors
is 0 "700 examples -> grad.safetensors: d_W f32[2, 3], d_b f32[3]"
run predict m.nn loss --data d.csv --batch 64 -o loss.npy
is 3
run predict m.nn loss --data d.csv --batch 700 -o loss.npy
is 0

# ---- weights; a key is given, not data; an argument that isn't used
run train m.nn --data d.csv --epochs 2 --save w.npz
is 0
run predict m.nn logits --data d.csv --load w.npz -o trained.csv
is 0
if cmp -s trained.csv y.csv; then not_ok "--load changed nothing"; else ok; fi
run predict m.nn first --data d.csv -o first.csv
same "first" "$(sed -n 2p first.csv)" "-8.5"
run predict m.nn noise --data d.csv -o noise.csv
same "a function with a key" "$(sed -n 2p noise.csv)" "-8.5,-2"

# ---- --trap-nan: where a result that isn't finite began, in the program and in the data
cat >roots.nn <<'END'
fn roots(x: f32[N, 2]) = sqrt(x[:, 0] + 8)
fn length(x: f32[N, 2]) = sum(sqrt(sum(x * x, axis: 1)))
fn same(x: f32[N, 2]) = x
END
run predict roots.nn roots --data d.csv -o roots.npy
is 0
rm roots.npy
run predict roots.nn roots --data d.csv -o roots.npy --trap-nan --batch 60
is 3
err_has 'roots.nn:1:26: error[E0712]'
err_has 'the first is the result of `sqrt`, of type f32[60]: element [0] is NaN'
err_has 'in the batch of the examples 0 to 59 (the first of all is 0)'
same "no file" "$(ls roots.npy 2>/dev/null)" ""
printf 'x_0,x_1\n3,4\n0,0\n' >zero.csv
run predict roots.nn 'grad(length)' --data zero.csv -o g.npy --trap-nan
is 3
err_has 'in the gradient (adjoint): element [1] is infinite'
printf 'x_0,x_1\n3,4\n1,nan\n' >nan.csv
run predict roots.nn same --data nan.csv -o g.npy --trap-nan
is 3
err_has 'it comes from the data: `x` at [1, 1] is NaN'
run predict roots.nn same --data zero.csv -o g.npy --trap-nan
is 0

# ---- tables as others write them: columns that are no numbers, a text file of numbers
cat >plain.nn <<'END'
fn both(x: f64[N], n: i64[N]) = (2 * x, n)
fn sums(x: f64[N, M]) = sum(x, axis: 1)
END
printf ',when,"what, why",x,n\r\n0,2020-01-01,"a, b",1.5,9007199254740993\r\n1,2020-01-02,"c\nd",2,-1\r\n' >odd.csv
run predict plain.nn both --data odd.csv -o both.csv
same "columns by name" "$(tail -n +2 both.csv | tr '\n' ' ')" "3,9007199254740993 4,-1 "
printf '%s\n' '# made by savetxt' '1.0e+00 2.0e+00' '3.0e+00 4.5e+00' >table.txt
run predict plain.nn sums --data x=table.txt -o sums.csv
same "a table in text" "$(tail -n +2 sums.csv | tr '\n' ' ')" "3 7.5 "

# ---- a file that was there stays until the new one is complete
cp y.csv keep.csv
run predict m.nn logits --data d.csv --load none.npz -o keep.csv
is 4
same "the old file" "$(cksum <keep.csv)" "$(cksum <y.csv)"
same "files left behind" "$(find . -name '*.tmp*' -o -name '.*' ! -name . | sort)" ""
finish
