#!/bin/sh
# emit_c_options.sh: the options of gradc emit --c: which functions, which steps, other floats, OpenMP, weights,
# the report; what is wrong with each.
. "${TOP_SRCDIR:-.}/tests/lib.sh"
here=$(cd "$TOP_SRCDIR" && pwd)
strict="-std=c11 -Wall -Wextra -pedantic -Werror"
cd "$work" || exit 99
cat >digits.nn <<'END'
param W1: f32[64, 32] ~ he()
param b1: f32[32]
param W2: f32[32, 10] ~ glorot()
param b2: f32[10]
fn logits(x: f32[N, 64]) = relu(x @ W1 + b1) @ W2 + b2
fn loss(x: f32[N, 64], label: i32[N])     = mean(cross_entropy(logits(x), label))
fn accuracy(x: f32[N, 64], label: i32[N]) = mean(argmax(logits(x)) == label)
END

# built FLAGS...: d.c with its main compiles without a warning under gcc and clang, and finds its values.
built() {
  for cc in gcc clang; do
    command -v $cc >/dev/null || continue
    # shellcheck disable=SC2086
    if text=$($cc $strict -O1 "$@" d.c -o d.run -lm 2>&1) && [ -z "$text" ]; then ok; else not_ok "$cc $*" "$text"; return; fi
    if text=$(./d.run); then ok; else not_ok "$cc $*: its values" "$text"; fi
  done
}
header_has() { if grep -q -e "$1" d.h; then ok; else not_ok "d.h lacks $1" "$(cat d.h)"; fi; }
header_lacks() { if grep -q -e "$1" d.h; then not_ok "d.h has $1" "$(cat d.h)"; else ok; fi; }

# ---- functions and steps
run emit --c digits.nn -o d.c --functions logits,loss --step sgd,momentum,adam,adamw --main --prefix net
is 0 ""
built -march=native
for f in net_logits net_loss net_loss_grad net_loss_sgd_step net_loss_momentum_step net_loss_adam_step net_loss_adamw_step; do
  header_has "^int $f("
done
header_lacks net_accuracy
run emit --c digits.nn -o d.c
header_lacks "accuracy_grad(" # it is 0 everywhere
run verify digits.nn --functions loss --step sgd,momentum,adam,adamw
is 0
out_has ", 0 differ"

# ---- other floats
for real in float double; do
  run emit --c digits.nn -o d.c --real $real --step adam --main
  is 0 ""
  built -march=native
done
header_has "double W1\[64 \* 32\];"
run emit --c digits.nn -o d.c --real float
if grep -q double d.h; then not_ok "--real float leaves doubles" "$(grep double d.h)"; else ok; fi
run verify digits.nn --real double
is 0

# ---- OpenMP: with and without, the same bits
run emit --c digits.nn -o d.c --openmp --main -D N=4096 --functions loss
is 0 ""
built -march=native
built -march=native -fopenmp
grep -q 'OMP(omp parallel' d.c && ok || not_ok "no loop is shared out"
run verify digits.nn --openmp -D N=4096 --functions loss
is 0
run verify digits.nn --openmp --functions loss
is 0

# ---- weights
if command -v python3 >/dev/null; then
  python3 - <<'END'
import json, struct
head, data = {}, b""
for name, shape in (("W1", [64, 32]), ("b1", [32]), ("W2", [32, 10]), ("b2", [10])):
    n = 1
    for d in shape: n *= d
    v = struct.pack("<%df" % n, *[((i * 37) % 101 - 50) / 64 for i in range(n)])
    head[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(v)]}
    data += v
head = json.dumps(head).encode()
open("w.safetensors", "wb").write(struct.pack("<Q", len(head)) + head + data)
END
  for embed in none incbin hex; do
    rm -f d.bin
    run emit --c digits.nn -o d.c --functions logits --weights w.safetensors --embed $embed --prefix net
    is 0 ""
    cat >main.c <<'END'
#include "d.h"
#include <stdio.h>
#ifdef LOADED
static net_params net_weights;
#endif
int main(void) {
#ifdef LOADED
  static unsigned char bytes[NET_WEIGHT_BYTES];
  FILE *f = fopen("d.bin", "rb");
  if (!f || fread(bytes, 1, sizeof bytes, f) < sizeof bytes || net_params_load(&net_weights, bytes, sizeof bytes)) return 1;
#endif
  static float x[2 * 64], y[2 * 10];
  static _Alignas(64) unsigned char ws[NET_LOGITS_WORKSPACE(2) + 64];
  for (int i = 0; i < 128; i++) x[i] = (float)(i % 7) / 4;
  if (net_logits(2, &net_weights, x, y, ws, sizeof ws)) return 2;
  for (int i = 0; i < 20; i++) printf("%.9g\n", (double)y[i]);
  return 0;
}
END
    flag=""
    [ $embed = none ] && flag=-DLOADED
    for cc in gcc clang; do
      command -v $cc >/dev/null || continue
      # shellcheck disable=SC2086
      if text=$($cc $strict $flag -O1 -march=native main.c d.c -o m.run -lm 2>&1) && [ -z "$text" ]; then ok; else not_ok "$cc, --embed $embed" "$text"; fi
      ./m.run >$embed.txt && same "--embed $embed by $cc" "$(cat $embed.txt)" "$(cat none.txt)"
    done
    [ $embed = hex ] && [ -f d.bin ] && not_ok "--embed hex writes a d.bin"
  done
  run emit --c digits.nn --weights w.safetensors
  is 2
  run emit --c digits.nn -o d.c --weights w.safetensors -D N=3 --real double --embed hex
  is 0 ""
  sed 's/f32\[32, 10\]/f32[32, 11]/; s/f32\[10\]/f32[11]/' digits.nn >other.nn
  run emit --c other.nn -o d.c --weights w.safetensors
  is 3
  err_has E0624
fi
run emit --c digits.nn -o d.c --weights lost.safetensors
is 3
run emit --c digits.nn -o d.c --embed hex
is 2

# ---- the report
run emit --c digits.nn --report --step adam
is 0
for text in "function" "loss_adam_step" "flash" "RAM" "parameters" "9640 bytes" "-O2" "-Os"; do out_has "$text"; done
# with loss, gradient, accuracy and its Adam step it fits into 64 KiB for every kind of processor
for cpu in native generic x86-64-v3 x86-64-v4; do
  run emit --c digits.nn --report --step adam --cpu $cpu
  is 0
  for n in $(printf '%s\n' "$out" | awk '$1 == "code" {print $2, $3}'); do
    if [ "$n" -gt 1000 ] && [ "$n" -le 65536 ]; then ok; else not_ok "digits with everything for $cpu is $n bytes of code"; fi
  done
done
run emit --c digits.nn --report --cc lost-compiler
is 3
err_has "no such compiler"
run emit --c digits.nn --report --cc false
is 3
err_has E0722

# ---- reads that one condition puts out for all lanes
# Of a row that isn't there the place is the array's first: masked loads far outside take long.
cat >rows.nn <<'END'
fn f(x: f64[64, 64]) = roll(x, 3, axis: 0) + roll(x, -3, axis: 0) + roll(x, 3, axis: 1) + roll(x, -3, axis: 1)
END
for cpu in x86-64-v3 x86-64-v4; do
  run emit --c rows.nn --cpu $cpu
  is 0
  out_has '? (64 * i0 + '
done
finish
