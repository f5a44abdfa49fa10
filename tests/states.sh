#!/bin/sh
# states.sh: states in training: the running statistics of batch norm against an independent NumPy
# program; one step, four ways, the same bits; weights files, resumed and frozen training.
. "${TOP_SRCDIR:-.}/tests/lib.sh"
here=$(cd "$TOP_SRCDIR" && pwd)
build=$(cd "$(dirname "$GRADC")" && pwd)
cd "$work" || exit 99

# In f64: blocks with batch norm, an array of layers, and a state that counts.
sed 's/f32/f64/g' "$here/examples/layers.nn" >layers.nn
cat >blocks.nn <<'END'
import "layers.nn"

layer block(D)(x, train = false) {
  param W: f64[D, D] ~ he()
  let norm = batch_norm(D)
  x + tanh(norm(x @ W, train: train))
}
let blocks = [block(4); 3]
param last: f64[4, 1] ~ he()
fn net(x: f64[N, 4], train = false) {
  var h = x
  for b in blocks { h = b(h, train: train) }
  (h @ last)[:, 0]
}
END
cat >net.nn <<'END'
import "blocks.nn"

fn loss(x: f64[N, 4], y: f64[N]) = mean((net(x, train: true) - y)**2)
END
cat >line.nn <<'END'
import "blocks.nn"

state batches: i32
fn wide(a, b) {
  let x[i, j: 0..4] = if j < 2 then a[i] + f64(j) else b[i] * f64(j)
  x
}
fn loss(a: f64[N], b: f64[N], y: f64[N]) {
  batches += 1
  mean((net(wide(a, b), train: true) - y)**2)
}
fn predicted(a: f64[N], b: f64[N]) = net(wide(a, b))
fn error(a: f64[N], b: f64[N], y: f64[N]) = mean(abs(predicted(a, b) - y))
END
awk 'BEGIN {
  print "a,b,y" >"line.csv"
  for (i = 0; i < 32; i++) {
    a[i] = (i * 7 % 13) / 4 - 1; b[i] = (i * 5 % 11) / 2; y[i] = a[i] * b[i]
    print a[i] "," b[i] "," y[i] >"line.csv"
  }
  for (i = 0; i < 32; i++) { as = as a[i] ", "; bs = bs b[i] ", "; ys = ys y[i] ", " }
  print "static const double a[32] = {" as "};\nstatic const double b[32] = {" bs "};" >"data.h"
  print "static const double y[32] = {" ys "};" >"data.h"
}'
line="line.nn --data line.csv --batch 8 --no-shuffle --lr 0.01 --optimizer adam"

# shellcheck disable=SC2086
run train $line --epochs 1 --save init.npz # where all of what follows begins
case $err in
  *gradc-llvm*"cannot open shared object"*)
    echo "SKIP: built without the LLVM back end"
    exit 77
    ;;
esac
is 0
# shellcheck disable=SC2086
run train $line --epochs 3 --load init.npz --save final.npz
is 0
has "$out$err" "76 parameters, 25 numbers of state" "what it says"
run eval line.nn --load final.npz batches 'min(abs(blocks.norm.running_mean)) > 0' 'shape(blocks.norm.running_var)'
is 0 "16
true
(3, 4)"

# Evaluated, a function assigns nothing that lasts.
run eval line.nn --load final.npz 'loss([1.0], [2.0], [3.0]) > 0' 'shape(grad(loss)([1.0], [2.0], [3.0])[0])' batches
is 0 "true
(4, 1)
16"

# ---- resumed, frozen, and weights from before there was a state
# shellcheck disable=SC2086
run train $line --epochs 2 --load init.npz --resume part.safetensors
is 0
# shellcheck disable=SC2086
run train $line --epochs 3 --resume part.safetensors --save resumed.npz
is 0
cmp -s final.npz resumed.npz && ok || not_ok "a resumed run differs"
# shellcheck disable=SC2086
run train $line --epochs 1 --load init.npz --freeze 'batches,blocks.norm.running_mean' --save frozen.npz
is 0
run eval line.nn --load init.npz batches blocks.norm.running_mean blocks.norm.running_var
was=$out
run eval line.nn --load frozen.npz batches blocks.norm.running_mean blocks.norm.running_var
is 0
same "frozen states" "$(printf '%s\n' "$out" | head -n 2)" "$(printf '%s\n' "$was" | head -n 2)"
[ "$out" != "$was" ] && ok || not_ok "states that aren't frozen stay" "$out"
sed '/batches/d' line.nn >before.nn
run train before.nn --data line.csv --batch 8 --epochs 1 --save before.npz
is 0
run eval line.nn --load before.npz 1
is 4
has "$err" "E0622" stderr
has "$err" "\`batches\` is a state" stderr

# ---- one example is predicted as it is in a batch, but for the order of sums
for n in 1 5 32; do
  run predict line.nn predicted --load final.npz --data line.csv --batch $n -o by$n.csv
  is 0
  same "predictions in batches of $n and one by one" "$(paste -d, by$n.csv by1.csv | awk -F, '
    NR == 1 || ($1 - $2)^2 < 1e-24 { n++ } END { print n }')" 33
done

# ---- emitted C, an object, the library: a step is a step
cat >steps.c <<'END'
#include "init.h"
#include "final.h"
#include <stdio.h>
#include <string.h>
#include "data.h"

static init_params p, m, v;
static _Alignas(64) unsigned char workspace[INIT_LOSS_ADAM_STEP_WORKSPACE + 64];

int main(void) {
  double loss;
  int states = 0;
  p = init_weights;
  for (int t = 0; t < 12; t++) {
    const int at = t % 4 * 8;
    const int status = init_loss_adam_step(&p, &m, &v, a + at, b + at, y + at, 0.01, t + 1, &loss, workspace, sizeof workspace);
    if (status) return puts(init_strerror(status)), 1;
  }
  for (int i = 0; i < INIT_PARAMS; i++) {
    const init_tensor *q = &init_param_table[i];
    states += q->state;
    if (memcmp((char *)&p + q->offset, (const char *)&final_weights + q->offset, q->bytes)) printf("%s differs\n", q->name);
    for (size_t k = 0; q->state && k < q->bytes; k++)
      if (((char *)&m)[q->offset + k]) return printf("%s has a moment\n", q->name);
  }
  printf("%d states, %d batches\n", states, (int)p.batches);
  return 0;
}
END
if have cc; then
  run emit --c line.nn -D N=8 --step adam --prefix init --weights init.npz --embed hex -o init.c
  is 0
  run emit --c line.nn -D N=8 --prefix final --weights final.npz --embed hex -o final.c
  is 0
  flags=$(sed -n 's/^ \* For full speed and the same bits as gradc itself: \(.*\) \*\/$/\1/p' init.h)
  # shellcheck disable=SC2086
  if said=$(cc -w $flags steps.c init.c final.c -o steps -lm 2>&1); then ok; else not_ok "steps.c" "$said"; fi
  same "steps of emitted C" "$(./steps)" "3 states, 16 batches"
  run build line.nn -D N=8 --step adam --prefix init --static-weights init.npz -o init.o
  is 0
  if said=$(cc -w -O1 steps.c init.o final.c -o built -lm 2>&1); then ok; else not_ok "init.o" "$said"; fi
  same "steps of the object" "$(./built)" "3 states, 16 batches"
fi
cat >api.c <<'END'
#include <gradc.h>
#include <stdio.h>
#include <string.h>
#include "data.h"

static gradc_context *open_with(const char *weights) {
  gradc_context *gc = NULL;
  if (gradc_new(&gc) || gradc_load(gc, "line.nn") || gradc_params_load(gc, weights)) puts(gc ? gradc_message(gc) : "no memory");
  return gc;
}

int main(void) {
  gradc_context *gc = open_with("init.npz"), *want = open_with("final.npz");
  gradc_trainer *t;
  const char *name = "N";
  const int64_t n = 8;
  int states = 0;
  if (gradc_trainer_new(gc, "loss", "adam", NULL, &name, &n, 1, &t)) return puts(gradc_message(gc));
  for (int i = 0; i < 12; i++) {
    const void *args[] = {a + i % 4 * 8, b + i % 4 * 8, y + i % 4 * 8};
    if (gradc_trainer_step(t, args, 0.01, NULL)) return puts(gradc_message(gc));
  }
  for (int i = 0; i < gradc_param_count(gc); i++) {
    const gradc_tensor *p, *q;
    if (gradc_param(gc, i, &p) || gradc_param(want, i, &q)) return puts(gradc_message(gc));
    states += p->state;
    if (memcmp(p->data, q->data, p->bytes)) printf("%s differs\n", p->name);
  }
  printf("%d states\n", states);
  gradc_trainer_free(t);
  gradc_free(want);
  gradc_free(gc);
  return 0;
}
END
lib=$build/.libs/libgradc.so
if have cc && [ -e "$lib" ] && ! grep -q -a __asan_init "$lib"; then
  if said=$(cc -w -O1 -I"$here/src/include" api.c -L"$build/.libs" -lgradc -Wl,-rpath,"$build/.libs" -o api 2>&1); then ok; else not_ok "api.c" "$said"; fi
  same "steps of the library" "$(./api)" "3 states"
fi

# ---- against NumPy
for python in python3 /usr/bin/python3; do
  "$python" -c 'import numpy' 2>/dev/null && break
  python=
done
if [ -n "$python" ]; then
  reference=$here/tests/reference/batch_norm.py
  "$python" "$reference" make . || exit 99
  run train net.nn --data data.npz --load init.npz --save final.npz --no-shuffle --optimizer sgd --batch 8 --epochs 3 --lr 0.05
  is 0
  run predict net.nn net --load final.npz --data data.npz -o predicted.npz
  is 0
  run predict net.nn net --load final.npz --data row.npz -o row_predicted.npz
  is 0
  if said=$("$python" "$reference" check . 2>&1); then ok; else not_ok "NumPy's training differs" "$said"; fi
fi
finish
