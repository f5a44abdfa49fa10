#!/bin/sh
# bad_data.sh: data, weights and outputs that don't do: each with its message, its exit code, and
# nothing else done.
. "${TOP_SRCDIR:-.}/tests/lib.sh"
cd "$work" || exit 99
GRADC_THREADS=1
export GRADC_THREADS

# npy FILE TYPE SHAPE BYTES: a NumPy file; BYTES as printf has them.
npy() {
  printf '\223NUMPY\001\000\166\000%-117s\n' "{'descr': '$2', 'fortran_order': False, 'shape': $3, }" >"$1"
  # shellcheck disable=SC2059
  printf "$4" >>"$1"
}
one='\000\000\000\000\000\000\360\077'
npy x.npy '<f8' '(4,)' "$one$one$one$one"
npy y.npy '<f8' '(4,)' "$one$one$one$one"
npy short.npy '<f8' '(4,)' "$one$one$one"
npy huge.npy '<f8' '(4, 1000000000000, 1000000000000)' "$one"
printf 'x,y\n1,2\n2,3\n3,4\n4,5\n' >xy.csv
printf 'x,y\n1,2\n2,3\n3,4\n4,5\n5,6\n' >long.csv
printf 'x,y\n1,2\n2,nan\n3,4\n4,5\n' >nan.csv
printf 'x,y\n1,2\n2\n3,4\n' >ragged.csv
printf '1\ntwo\n3\n' >words.csv
printf 'name,x\na,1\nb,2\n' >mixed.csv
printf '1,NA\n2,3\n' >missing.csv
printf 'labl\n1\n2\n' >labl.csv
printf '1\n2\n3000000000\n4\n' >big.csv
printf '\000\000\010\003\000\000\000\002\000\000\000\002\000\000\000\00212345678' >x.idx
printf '\000\000\010\003\000\000\000\002\000\000\000\002\000\000\000\003123456789abc' >wide.idx
printf '\000\000\010\001\000\000\000\002\001\002' >label.idx
printf '\000\000\010\001\000\000\000\003\001\002\003' >three.idx
printf '\000\000\010\001\000\000\000\000' >none.idx
head -c 20 x.idx >short.idx
cat x.idx label.idx >long.idx
printf '\000\000\007\001\000\000\000\002\001\002' >type.idx
gzip -nc short.idx >short.idx.gz
gzip -nc x.idx | head -c 25 >cut.idx.gz
printf '\177ELF\002\001\001\000garbage\377\376' >garbage
printf 'PK\003\004 and no more' >bad.npz
printf '\377\000\000\000\000\000\000\000{}' >bad.safetensors
: >empty.npy
mkdir folder empty folder.npz

cat >lin.nn <<'END'
param w: f64 ~ 0.5
param b: f64
fn loss(x: f64[N], y: f64[N]) = mean((w * x + b - y)**2)
END
cat >img.nn <<'END'
param W: f32[4, 3] ~ glorot()
fn logits(x: u8[N, 2, 2]) = f32(reshape(x, (N, 4))) @ W
fn loss(x: u8[N, 2, 2], label: u8[N]) = mean(cross_entropy(logits(x), label))
END
cat >narrow.nn <<'END'
param w: f64
fn loss(n: i32[N], x: f64[N]) = mean((w * x - f64(n))**2)
END
sed 's/b/bias/g' lin.nn >other.nn
sed 's/param w: f64/param w: f64[1]/' lin.nn >shape.nn
sed -e '/param b/d' -e 's/ + b//' lin.nn >fewer.nn

run train lin.nn --data xy.csv --batch 4 --epochs 1 --lr 0.01 --save w.safetensors --resume c.safetensors
is 0
head -c 90 w.safetensors >short.safetensors
sum=$(cat c.safetensors w.safetensors | cksum)

golden "$TOP_SRCDIR/tests/golden/data.txt"

# Nothing was written where nothing should be, and what was there is as it was.
same "weights and checkpoint after the errors" "$(cat c.safetensors w.safetensors | cksum)" "$sum"
same "files left behind" "$(find . -name '*.tmp*' -o -name '.*' ! -name . | sort)" ""
finish
