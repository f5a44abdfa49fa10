#!/bin/sh
# emit_c_cross.sh: emitted C on other machines, with the compilers that are installed: 32 bits, big-endian,
# microcontrollers. What qemu-user can run checks its own values. GRADC_CROSS=full tries each example for each
# machine, else for one of each kind.
. "${TOP_SRCDIR:-.}/tests/lib.sh"
here=$(cd "$TOP_SRCDIR" && pwd)
strict="-std=c11 -Wall -Wextra -pedantic -Werror -ffp-contract=off"
cd "$work" || exit 99
missing=""

# runs COMPILER QEMU FILE.c [FLAG]: built for the machine without a warning, it finds its values there.
runs() {
  have "$1" && have "$2" || { missing="$missing $1/$2"; return; }
  # shellcheck disable=SC2086
  if text=$($1 $strict ${4:-} -static -O1 "$3" -o cross.run -lm 2>&1) && [ -z "$text" ]; then ok; else not_ok "$1 $3" "$text"; return; fi
  if text=$($2 ./cross.run); then ok; else not_ok "$2 $3" "$text"; fi
}

# compiles FILE.c COMMAND...: without a warning, and to an object that calls nothing but the C library's
# mathematics and memory functions and the compiler's own arithmetic.
compiles() {
  file=$1
  shift
  have "$1" || { missing="$missing $1"; return; }
  # shellcheck disable=SC2086
  if text=$("$@" $strict -Os -c "$file" -o bare.o 2>&1) && [ -z "$text" ]; then ok; else not_ok "$* $file" "$text"; return; fi
  nm=${1%gcc}nm
  text=$($nm -u bare.o | awk '{print $2}' | grep -Ev '^(__[a-z0-9_]+|mem(cpy|set|move)|fmaf?|sqrtf?|floorf?|ceilf?|rintf?|fabsf?|copysignf?)$')
  same "undefined symbols of $file by $1" "$text" ""
}

for f in tests/emit/operators.nn examples/softmax_regression.nn; do
  for cpu in generic x86-64-v3; do
    run emit --c "$here/$f" -o p.c --main --cpu $cpu --step sgd
    [ "$code" = 3 ] && run emit --c "$here/$f" -o p.c --main --cpu $cpu # nothing to train
    is 0 ""
    runs arm-linux-gnueabihf-gcc qemu-arm p.c
    runs s390x-linux-gnu-gcc qemu-s390x p.c
  done
done

# a step of training on four kinds of machine
run emit --c "$here/examples/logistic.nn" -o p.c --main --cpu generic --functions loss --step adam
is 0 ""
runs arm-linux-gnueabihf-gcc qemu-arm p.c
runs s390x-linux-gnu-gcc qemu-s390x p.c
runs aarch64-linux-gnu-gcc qemu-aarch64 p.c
runs riscv64-linux-gnu-gcc qemu-riscv64 p.c

# mine LIST: of the machines for the example number $turn those that are tried.
mine() {
  if [ -n "${GRADC_CROSS:-}" ]; then echo "$@"; return; fi
  shift $((turn % $#))
  echo "$1"
}

# all examples; what two of them check of themselves takes the evaluator seconds
turn=0
for f in "$here"/examples/*.nn; do
  name=$(basename "$f" .nn)
  turn=$((turn + 1))
  case $name in bundle_adjustment | transformer) [ -n "${GRADC_CROSS:-}" ] || continue ;; esac
  run emit --c "$f" -o p.c --main --cpu generic --step sgd
  [ "$code" = 3 ] && run emit --c "$f" -o p.c --main --cpu generic # nothing to train
  is 0 ""
  for t in $(mine arm-linux-gnueabihf/arm s390x-linux-gnu/s390x aarch64-linux-gnu/aarch64 riscv64-linux-gnu/riscv64); do
    runs ${t%/*}-gcc qemu-${t#*/} p.c
  done
  run emit --c "$f" -o m.c --cpu generic --real float
  is 0 ""
  for t in $(mine m4 rv32 m0 rv64); do
    case $t in
      m4) compiles m.c arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -mfpu=fpv4-sp-d16 -mfloat-abi=hard ;;
      m0) compiles m.c arm-none-eabi-gcc -mcpu=cortex-m0 -mthumb ;;
      rv32) compiles m.c riscv64-unknown-elf-gcc --specs=picolibc.specs -march=rv32imac -mabi=ilp32 ;;
      rv64) compiles m.c riscv64-unknown-elf-gcc --specs=picolibc.specs -march=rv64gc -mabi=lp64d ;;
    esac
  done
done

# weights of either byte order
cat >w.nn <<'END'
param W: f32[2, 3] ~ he()
param b: f64[2] ~ uniform(1.0, 2.0)
fn f(x: f32[N, 2]) = sum(x @ W) + f32(sum(b))
END
if have python3; then
  python3 - <<'END'
import json, struct
w = struct.pack("<6f", 1, 2, 3, 4, 5, 6.5)
b = struct.pack("<2d", 0.25, -3)
head = json.dumps({"W": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
                   "b": {"dtype": "F64", "shape": [2], "data_offsets": [24, 40]}}).encode()
open("w.safetensors", "wb").write(struct.pack("<Q", len(head)) + head + w + b)
END
  cat >main.c <<'END'
#include <stdio.h>
#include "w.h"
int main(int argc, char **argv) {
  static unsigned char bytes[W_WEIGHT_BYTES + 1];
  static w_params p;
  FILE *f = argc > 1 ? fopen(argv[1], "rb") : NULL;
  size_t n = f ? fread(bytes, 1, sizeof bytes, f) : 0;
  if (w_params_load(&p, bytes, n - 1) != W_BAD_WEIGHTS || w_params_load(&p, bytes, n)) return 1;
  printf("%g %g %g\n", (double)p.W[5], p.b[0], p.b[1]);
  return 0;
}
END
  run emit --c w.nn -o w.c --cpu generic --weights w.safetensors
  is 0 ""
  # shellcheck disable=SC2086
  cc $strict main.c w.c -o w.run -lm && same "weights" "$(./w.run w.bin)" "6.5 0.25 -3"
  for t in arm-linux-gnueabihf-gcc/qemu-arm s390x-linux-gnu-gcc/qemu-s390x; do
    have ${t%/*} && have ${t#*/} || continue
    # shellcheck disable=SC2086
    ${t%/*} $strict -static main.c w.c -o w.run -lm && same "weights on ${t%/*}" "$(${t#*/} ./w.run w.bin)" "6.5 0.25 -3"
  done
fi

# a file with vectors where there are none
run emit --c "$here/examples/embed/sensor.nn" -o v.c --prefix p --main --cpu x86-64-v3
runs arm-linux-gnueabihf-gcc qemu-arm v.c -DP_PORTABLE
runs s390x-linux-gnu-gcc qemu-s390x v.c -DP_PORTABLE
runs s390x-linux-gnu-gcc qemu-s390x v.c
run emit --c "$here/examples/embed/sensor.nn" -o v.c --prefix p --real float --cpu x86-64-v3
compiles v.c arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -mfpu=fpv4-sp-d16 -mfloat-abi=hard -DP_PORTABLE
compiles v.c riscv64-unknown-elf-gcc --specs=picolibc.specs -march=rv64gc -mabi=lp64d -DP_PORTABLE

for f in tests/emit/operators.nn examples/softmax_regression.nn examples/embed/sensor.nn; do
  run emit --c "$here/$f" -o m.c --cpu generic --real float --selftest
  is 0 ""
  compiles m.c arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -mfpu=fpv4-sp-d16 -mfloat-abi=hard
  compiles m.c arm-none-eabi-gcc -mcpu=cortex-m0 -mthumb
  compiles m.c riscv64-unknown-elf-gcc --specs=picolibc.specs -march=rv32imac -mabi=ilp32
  compiles m.c riscv64-unknown-elf-gcc --specs=picolibc.specs -march=rv64gc -mabi=lp64d
done
run emit --c "$here/examples/embed/sensor.nn" -o m.c --cpu generic --real float --step adam
is 0 ""
compiles m.c arm-none-eabi-gcc -mcpu=cortex-m33 -mthumb -mfpu=fpv5-sp-d16 -mfloat-abi=hard
compiles m.c arm-none-eabi-gcc -mcpu=cortex-m7 -mthumb -mfpu=fpv5-d16 -mfloat-abi=hard
[ -z "$missing" ] || printf 'not installed, so not tried: %s\n' "$(printf '%s\n' $missing | sort -u | tr '\n' ' ')"
finish
