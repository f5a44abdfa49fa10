#!/bin/sh
# emit_c_unit.sh: several emitted files in one translation unit, whatever they were made for, in any order and among
# the program's own names: as embedders do who build everything as one file. Also names of a program's functions that
# look like those a file needs for itself.
. "${TOP_SRCDIR:-.}/tests/lib.sh"
strict="-std=c11 -Wall -Wextra -pedantic -Werror"
cd "$work" || exit 99

# checked TITLE COMMAND...: it compiles without a word, and what it makes runs well.
checked() {
  title=$1
  shift
  rm -f unit.run
  if text=$("$@" -o unit.run -lm 2>&1) && [ -z "$text" ]; then ok; else not_ok "$title: $*" "$(printf '%s\n' "$text" | head -20)"; return; fi
  if text=$(./unit.run 2>&1); then ok; else not_ok "$title: its values" "$text"; fi
}

cat >small.nn <<'END'
fn f(x: f64[N], k: i32[N]) = sum(exp(x)) + f64(sum(k // 3 + k % 5)) + prod(min(x, 2.0))
fn g(x: f32[6], i: i32) {
  var a = x[0]
  for j in 0..6 { a = max(a * 0.5 + tan(x[j]), f32(i // 3)) }
  a
}
END
cat >net.nn <<'END'
param W: f32[4, 3] ~ he()
fn loss(x: f32[N, 4], y: i32[N]) = mean(cross_entropy(x @ W, y))
END
for cpu in generic x86-64-v3 x86-64-v4; do
  p=${cpu##*-}
  run emit --c small.nn --cpu $cpu --prefix "$p" --selftest -o "$p.c"
  is 0 ""
  run emit --c net.nn --cpu $cpu --prefix "net_$p" --selftest --step adam -o "net_$p.c"
  is 0 ""
done

# The program's own types and macros have the names that they have in the files.
cat >unit.c <<'END'
typedef float f32;
typedef struct { double at[2]; } f32x8, ADD_f32x8;
#include FIRST
#include SECOND
#include THIRD
#include FOURTH
#define LOOP 1
#define MAY_ALIAS 2
#define NOINLINE 3
#define RESTRICT 4
#define KEEP 5
int main(void) {
  const f32 one = LOOP;
  const f32x8 two = {{MAY_ALIAS, KEEP}};
  const ADD_f32x8 three = {{NOINLINE, RESTRICT}};
  return v3_selftest() || v4_selftest() || generic_selftest() || OTHER || one != 1 || two.at[0] != 2 || three.at[0] != 3;
}
END
one='-DFIRST="v3.c" -DSECOND="v4.c" -DTHIRD="net_v4.c" -DFOURTH="generic.c" -DOTHER=net_v4_selftest()'
two='-DFIRST="generic.c" -DSECOND="net_v3.c" -DTHIRD="v4.c" -DFOURTH="v3.c" -DOTHER=net_v3_selftest()'
# shellcheck disable=SC2086
for cc in gcc clang; do
  have $cc || continue
  checked "one unit" $cc $strict -O1 -march=native $one unit.c
  checked "one unit, a part of it portable" $cc $strict -O0 -DV3_PORTABLE $two unit.c
done
# shellcheck disable=SC2086
checked "one unit, other parts portable" cc $strict -O0 -march=native -DV4_PORTABLE -DNET_V4_PORTABLE $one unit.c

# no macro is left but the constants of the headers
printf '#include "net_v4.h"\n#include <math.h>\n#include <string.h>\n' >before.c
for how in -Unone -DNET_V4_PORTABLE; do
  cc -std=c11 $how -dM -E before.c 2>/dev/null | sort >before.txt
  cc -std=c11 $how -dM -E net_v4.c 2>/dev/null | sort >after.txt
  same "macros left behind" "$(comm -13 before.txt after.txt | grep -v ' _*[A-Z_]*INTRIN' | head -5)" ""
done

# ---- functions with names such as these
cat >names.nn <<'END'
param f32x8: f32[3] ~ he()
param ADD_f32x4: f32[3] ~ he()
param i32x16u: f32
fn max_f32(x: f32[N], f64x2: f32) = max(x[0], f64x2) * max(x) + sum(f32x8 * ADD_f32x4) * i32x16u
fn min_f32(x: f32) = min(x, 2.0)
fn bits_f32(x: f32) = bits(tan(x))
fn idiv_i32(x: i32) = x // 3
fn check_min_f32(x: f32) = min(x, 3.0)
fn workspace(x: f32) = x * x
fn checks(x: f32[N]) {
  var a = x[0]
  for j in 0..N { a = a * tan(x[j]) }
  a
}
fn checks_p1(x: f32) = x + 1
fn fill_f32(x: f32) = x + 1
fn take(x: f32) = x + 1
END
for cpu in generic native; do
  run emit --c names.nn --cpu $cpu --prefix p --main -o names.c
  is 0 ""
  for how in -Unone -DP_PORTABLE; do
    # shellcheck disable=SC2086
    checked "names of a program, $cpu" cc $strict -O0 -march=native $how names.c
  done
done
for name in f_run_k0 f_run_p1; do
  printf 'fn f(x: f32) = x * x\nfn %s(x: f32) = x + 1\n' $name >clash.nn
  run emit --c clash.nn -o clash.c
  is 3
  err_has "E0723"
done
printf 'fn f(x: f32) = x * x\nfn f_run_kind(x: f32) = x + 1\n' >fine.nn
run emit --c fine.nn -o fine.c
is 0 ""
finish
