#!/bin/sh
# native.sh: gradc build: objects, archives and shared libraries are what emitted C is: the same header, the
# same bits, the same statuses; nothing but the C library behind them; other processors; bad input.
. "${TOP_SRCDIR:-.}/tests/lib.sh"
here=$(cd "$TOP_SRCDIR" && pwd)
cd "$work" || exit 99
have cc && have nm || { echo "SKIP: no C compiler"; exit 77; }

old_path=$PATH

logistic=$here/examples/logistic.nn main=$here/tests/native/logistic_main.c
run build "$logistic" --step adam -o logistic.o
case $err in
  *gradc-llvm*) echo "SKIP: built without the LLVM back end"; exit 77 ;;
esac
is 0 ""

# supported CPU: this machine can run code for it
supported() {
  case $1 in
    native | x86-64) grep -q -m1 x86 /proc/cpuinfo 2>/dev/null || [ "$1" = native ] || [ "$(uname -m)" = x86_64 ] ;;
    x86-64-v2) grep -q -m1 sse4_2 /proc/cpuinfo ;;
    x86-64-v3) grep -m1 avx2 /proc/cpuinfo | grep -q fma ;;
    x86-64-v4) grep -m1 avx512dq /proc/cpuinfo | grep -q avx512vl ;;
  esac
}

# ---- a program that links either is the same program: bits of all results for sizes known at run time, table, statuses
for cpu in native x86-64-v3 x86-64-v4; do
  supported $cpu || { skip; continue; }
  rm -f logistic.*
  run emit --c "$logistic" --step adam --cpu $cpu -o logistic.c
  is 0
  flags=$(sed -n 's/^ \* For full speed and the same bits as gradc itself: \(.*\) \*\/$/\1/p' logistic.h)
  compiled "emitted C for $cpu" cc -w $flags -I. "$main" logistic.c -o c.run -lm
  sed '1,/^#ifndef/d' logistic.h >c.h
  ./c.run >want
  for end in o a so; do
    rm -f logistic.h
    run build "$logistic" --step adam --cpu $cpu -o logistic.$end
    is 0 ""
    compiled "logistic.$end for $cpu" cc -Wall -Wextra -O2 -I. "$main" ./logistic.$end -o n.run -lm -Wl,-rpath,"$work"
    ./n.run >got
    same "results of logistic.$end for $cpu" "$(cat got)" "$(cat want)"
    same "header of logistic.$end" "$(sed '1,/^#ifndef/d' logistic.h | cksum)" "$(cksum <c.h)"
  done
done
compiled "the header as C++" c++ -Wall -Wextra -pedantic -Werror -fsyntax-only -x c++ logistic.h

# ---- AVX-512 has one instruction for the two powers of two that exp ends with; it gives the same bits from
# nothing through denormals to infinity. Where nobody clamped the exponent it isn't used
if supported x86-64-v4 && have objdump; then
  cat >powers.nn <<'END'
fn grow(x: f32[8192], y: f64[8192]) = (exp(x), exp2(x), exp(8 * y), sigmoid(8 * y))
END
  cat >own.nn <<'END'
fn own(p: f32[64], x: f32[64]) {
  let s = x + 0x1.8001fcp+23
  let low = bitand(shl(bits(s), 22), 2139095040)
  p * from_bits(low) * from_bits(shl(bits(s), 23) - low)
}
END
  cat >powers_main.c <<'END'
#include <stdio.h>
#include <string.h>
#include "powers.h"
int main(void) {
  static float x[8192], a[2][8192];
  static double y[8192], b[2][8192];
  unsigned long long sum = 0, bits;
  for (int i = 0; i < 8192; i++) y[i] = x[i] = (float)(i - 4500) / 30;
  powers_grow(x, y, a[0], a[1], b[0], b[1], NULL, 0);
  for (int k = 0; k < 2; k++)
    for (int i = 0; i < 8192; i++) {
      unsigned word;
      memcpy(&word, &a[k][i], 4), memcpy(&bits, &b[k][i], 8);
      sum = sum * 31 + word * 7 + bits;
    }
  printf("%llx\n", sum);
  return 0;
}
END
  run emit --c powers.nn --cpu x86-64-v4 -o powers.c
  compiled "exp as C" cc -w -O2 -march=x86-64-v4 -ffp-contract=off powers_main.c powers.c -o c.run -lm
  run build powers.nn --cpu x86-64-v4 -o powers.o
  compiled "exp as an object" cc -w -O2 powers_main.c powers.o -o n.run -lm
  same "exp by one instruction and by two products" "$(./n.run)" "$(./c.run)"
  objdump -d powers.o | grep -q vscalef && ok || not_ok "exp for x86-64-v4 has no vscalef"
  run build own.nn --cpu x86-64-v4 -o own.o
  is 0 ""
  objdump -d own.o | grep -q vscalef && not_ok "an exponent without bounds goes through vscalef" || ok
else
  skip
fi

# ---- threads: the library has a pool of its own, and gives the bits of the one without
cat >wide.nn <<'END'
param W: f32[256, 512] ~ he()
param V: f32[512, 256] ~ he()
fn loss(x: f32[N, 256]) = mean((tanh(x @ W) @ V - x)**2)
END
run build wide.nn --step adam --prefix one -o one.o
is 0 ""
[ ! -d /proc/self/task ] || count=count
for end in o a so; do
  run build wide.nn --step adam --prefix four --threads 4 -o four.$end
  is 0 ""
  compiled "four.$end" cc -Wall -Wextra -O1 -I. "$here/tests/native/threads_main.c" one.o ./four.$end -o threads.run -pthread -lm -Wl,-rpath,"$work"
  if text=$(./threads.run ${count:-} 2>&1); then same "four.$end" "$text" "the same bits"; else not_ok "four.$end" "$text"; fi
done
same "visible names of four.so" "$(nm -D --defined-only four.so | awk '$3 !~ /^four_/ { print $3 }')" ""
same "the pool is hidden" "$(nm -D four.so | grep -E 'four_(pool|rt_)')" ""
run build wide.nn --threads 4 --prefix one -o plain.so
is 0 ""
compiled "a library that is unloaded" cc -Wall -Wextra -x c - -o unload.run -ldl <<'END'
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/wait.h>
int main(void) {
  for (int i = 0; i < 3; i++) {
    void *so = dlopen("./plain.so", RTLD_NOW);
    int (*threads)(int) = so ? (int (*)(int))dlsym(so, "one_threads") : 0;
    int (*loss)(long, const void *, const void *, void *, void *, size_t) =
        so ? (int (*)(long, const void *, const void *, void *, void *, size_t))dlsym(so, "one_loss") : 0;
    if (!loss || threads(2) != 2) return 1;
    void *p = calloc(1, 1 << 21), *x = calloc(1, 1 << 20), *ws = aligned_alloc(64, 1 << 24);
    float y = 1;
    if (loss(512, p, x, &y, ws, 1 << 24) || y != 0) return 2;
    free(p), free(x), free(ws), dlclose(so);
    if (fork() == 0) _exit(0); /* what the library had to do with forks has gone with it */
    int state;
    if (wait(&state) < 0 || state) return 3;
  }
  return 0;
}
END
if ./unload.run; then ok; else not_ok "a library that is unloaded: status $?"; fi
mkdir bin && ln -s "$(command -v cat)" bin/cat # no compiler
PATH=$work/bin; export PATH
run build wide.nn --threads 2 -o none.a
PATH=$old_path; export PATH
is 4
err_has "threads need a C compiler"

# ---- what the file shows and what it needs: the C library; fma only where the processor has none
run build "$logistic" --step adam -o logistic.so
extra=$(nm -D --defined-only logistic.so | awk '$3 !~ /^logistic_/ { print $3 }')
same "foreign symbols of logistic.so" "$extra" ""
header=$(tr -c 'a-z0-9_' '\n' <logistic.h | grep '^logistic_' | grep -vE '_(params|tensor)$|_h$' | sort -u)
same "symbols and header" "$(nm -D --defined-only logistic.so | awk '{ print $3 }' | sort -u)" "$header"
readelf -d logistic.so | grep -q 'SONAME.*\[logistic.so\]' && ok || not_ok "soname" "$(readelf -d logistic.so)"
readelf -lW logistic.so | grep -q 'GNU_STACK.*RW ' && ok || not_ok "an executable stack" "$(readelf -lW logistic.so)"
for f in examples/softmax_regression tests/emit/operators; do
  for cpu in native x86-64-v2 x86-64-v3 i686 aarch64 armv7 riscv64 ppc64le; do
    run build "$here/$f.nn" --cpu $cpu --prefix p -o p.o
    is 0 ""
    allowed='memcpy|memset|memmove|bcmp|_GLOBAL_OFFSET_TABLE_|\.TOC\.'
    case $cpu in x86-64-v2 | i686) allowed="$allowed|fmaf?|floorf?|ceilf?|rintf?" ;; esac
    case $cpu in # of the compiler's own library: what the processor has no instruction for
      i686) allowed="$allowed|__(u?divdi3|u?moddi3|(fixunss?|fixunsd|floatun?di)[sd]?f?(di)?|ashldi3)" ;;
      armv7) allowed="$allowed|__aeabi_[a-z0-9]+|floorf?|ceilf?|rintf?|__fix[sd]fdi|__floatdi[sd]f" ;;
      riscv64) allowed="$allowed|floorf?|ceilf?|rintf?" ;;
      native) supported x86-64-v3 || allowed="$allowed|fmaf?" ;;
    esac
    extra=$(nm -u p.o | awk '{ print $2 }' | grep -vxE "$allowed")
    same "$f for $cpu needs" "$extra" ""
  done
done

# ---- all operators: the self-check of emitted C, its functions replaced by those of the object
for f in examples/logistic examples/rosenbrock examples/softmax_regression tests/emit/operators examples/polyfit; do
  run emit --c "$here/$f.nn" --size 5 --prefix p --main --cpu generic -o p.c
  is 0
  compiled "$f" cc -w -O0 -fPIC -fsemantic-interposition -c p.c -o weak.o
  objcopy --weaken weak.o
  for cpu in native x86-64 x86-64-v3 x86-64-v4; do
    supported $cpu || { skip; continue; }
    run build "$here/$f.nn" --size 5 --prefix p --cpu $cpu -o p.o
    is 0
    compiled "$f for $cpu" cc weak.o p.o -o self.run -lm
    nm self.run | grep -q ' W p_' && not_ok "$f: functions of the C file are left" || ok
    if text=$(./self.run); then ok; else not_ok "$f for $cpu" "$text"; fi
  done
done

# ---- the same bytes each time
for end in o a; do
  run build "$logistic" -o logistic.$end
  cp logistic.$end first.$end
  run build "$logistic" -o logistic.$end
  cmp -s logistic.$end first.$end && ok || not_ok "other bytes the second time: .$end"
done
same "the archive's index" "$(nm -s logistic.a | awk '/ in / { print $1 }' | sort | tr '\n' ' ')" \
  "$(nm logistic.a | awk '$2 == "T" || $2 == "D" || $2 == "R" { print $3 }' | sort | tr '\n' ' ')"

# ---- other processors, run by an emulator where there is one: the results of emitted C to rounding
floats() { od -An -v -tf4 -w4 "$1"; }
run emit --c "$logistic" --step sgd -D N=7 --cpu generic -o logistic.c
compiled "bare_main.c" cc -O1 -I. "$here/tests/native/bare_main.c" logistic.c -o c.run -lm
./c.run >want.bits
floats want.bits >want
for pair in aarch64:aarch64 armv7:arm riscv64:riscv64 ppc64le:ppc64le i686:i386; do
  cpu=${pair%:*} emulator=qemu-${pair#*:}
  run build "$logistic" --step sgd -D N=7 --cpu $cpu -o logistic.o
  is 0
  if ! have $emulator || ! have clang || ! have ld.lld; then skip; continue; fi
  case $cpu in
    armv7) target=armv7-linux-gnueabihf ;;
    ppc64le) target=powerpc64le-linux-gnu ;;
    riscv64) target="riscv64-linux-gnu -march=rv64gc -mabi=lp64d -mno-relax" ;;
    i686) target="i686-linux-gnu -msse2 -mfpmath=sse" ;;
    *) target=$cpu-linux-gnu ;;
  esac
  # shellcheck disable=SC2086
  compiled "bare_main.c for $cpu" clang --target=$target -DBARE -O1 -ffreestanding -fno-stack-protector -nostdlib -static \
    -fuse-ld=lld -Wno-unused-command-line-argument -I. "$here/tests/native/bare_main.c" logistic.o -o bare.run
  if $emulator ./bare.run >got.bits; then ok; else not_ok "$cpu: status $?"; continue; fi
  floats got.bits >got
  if paste want got | awk '{ d = $1 - $2; if (NF != 2 || d > 1e-6 || d < -1e-6) exit 1 }'; then ok; else
    not_ok "$cpu: other results" "$(paste want got)"
  fi
done
if have ld.lld; then
  run build "$logistic" --cpu aarch64 -o logistic.so
  is 0 ""
  readelf -h logistic.so | grep -q AArch64 && ok || not_ok "not for AArch64" "$(readelf -h logistic.so)"
else
  skip
fi

# ---- weights built in
printf 'x,y\n1,3\n2,5\n3,7\n4,9\n' >xy.csv
cat >line.nn <<'END'
param a: f32 ~ 1.5
param c: f64[2, 2] ~ 0.75
fn f(x: f32[N]) = a * x + f32(c[1, 0])
fn loss(x: f32[N], y: f32[N]) = mean((f(x) - y)**2)
END
run train line.nn --data xy.csv --batch 4 --epochs 3 --lr 0.05 --save w.safetensors
is 0
run build line.nn --static-weights w.safetensors -o line.o
is 0 ""
cat >line_main.c <<'END'
#include "line.h"
#include <stdio.h>
int main(void) {
  static union { double d; unsigned char bytes[4096]; } room;
  float x[3] = {1, 2, 3}, y[3];
  void *ws = (void *)(((uintptr_t)room.bytes + 63) / 64 * 64);
  int status = line_f(3, &line_weights, x, y, ws, 2048);
  printf("y\n%.9g\n%.9g\n%.9g\n", y[0], y[1], y[2]);
  return status;
}
END
compiled "line_main.c" cc -Wall -I. line_main.c line.o -o line.run
printf 'x\n1\n2\n3\n' >x.csv
run predict line.nn f --data x.csv --load w.safetensors -o y.csv
is 0
./line.run | paste - y.csv | awk -F'\t' 'NR > 1 && ($1 - $2 > 1e-6 || $2 - $1 > 1e-6) { exit 1 }' && ok || not_ok "weights" "$(./line.run) and $(cat y.csv)"

# ---- bad input
run build "$logistic" --functions lost -o x.o
is 3
err_has "lost"
for bad in int 9a a-b _x ''; do
  run build "$logistic" --prefix "$bad" -o x.o
  is 2
done
for bad in x x.c .so x.so.1 dir/; do
  run build "$logistic" -o "$bad"
  is 2
done
run build "$logistic"
is 2
run build "$logistic" -o x.o --cpu z80
is 2
err_has "aarch64"
run build "$logistic" -o x.o --step adams
is 3
err_has "did you mean"
run build "$logistic" -o none/x.o
is 4
run build none.nn -o x.o
is 4
run build line.nn --static-weights none.npz -o x.o
is 4
run build "$logistic" --static-weights w.safetensors -o x.o
is 4
run build "$logistic" -D N=-1 -o x.o
is 2
run build "$logistic" --size 0 -o x.o
is 2
printf 'fn f(x: f32[N]) = lost(x)\n' >bad.nn
run build bad.nn -o x.o
is 3
if [ -w /dev/full ]; then
  ln -s /dev/full full.o
  run build "$logistic" -o full.o
  is 4
  err_has "No space left"
fi
(
  PATH=$work/empty
  "$GRADC" build "$logistic" -o x.so
) >out 2>err
same "status without a linker" "$?" 4
grep -q 'E0731' err && ok || not_ok "no linker: what it says" "$(cat err)"
same "files left by what failed" "$(ls x.o x.a x.so x.h 2>/dev/null)" ""
[ "$skipped" -eq 0 ] || printf 'SKIP: %d cases need another processor, or an emulator, clang and ld.lld\n' "$skipped"
finish
