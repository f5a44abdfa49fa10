#!/bin/sh
# run.sh: the exactness of the vector mathematics, from what `gradc emit --c` prints: builds `exhaustive`
# in a scratch directory and runs it with the arguments given (f32|f64|all, names of functions).
#
#   GRADC=build/gradc sh tests/vmath/run.sh f32 exp tanh
set -eu
here=$(cd "$(dirname "$0")" && pwd)
gradc=$(realpath "${GRADC:-gradc}")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
one=$(sed -n 's/^ *X(\([a-z0-9]*\),.*/\1/p' "$here/vmath_test.h")
for t in f32 f64; do
  for f in $one; do echo "fn ${f}_$t(x: $t[2048]) = $f(x)"; done
  for f in pow atan2; do echo "fn ${f}_$t(a: $t[2048], b: $t[2048]) = $f(a, b)"; done
done | sed 's/= pow(a, b)/= a ** b/' >kernels.nn
"$gradc" emit --c kernels.nn --prefix k -o k.c
{
  echo '#include "k.h"'
  echo '#include "vmath_test.h"'
  for t in f32 f64; do
    case $t in f32) c=float ;; *) c=double ;; esac
    for f in $one; do
      echo "static void u_${f}_$t(const $c *x, $c *y, size_t n) {"
      echo "  for (size_t i = 0; i < n; i += 2048) k_${f}_$t(x + i, y + i, NULL, 0);"
      echo "}"
    done
    for f in pow atan2; do
      echo "static void u_${f}_$t(const $c *a, const $c *b, $c *y, size_t n) {"
      echo "  for (size_t i = 0; i < n; i += 2048) k_${f}_$t(a + i, b + i, y + i, NULL, 0);"
      echo "}"
    done
  done
  echo 'const VmathUnary vmath_unary[] = {'
  for f in $one; do echo "  {\"$f\", u_${f}_f32, u_${f}_f64},"; done
  echo '  {NULL, NULL, NULL}};'
  echo 'const VmathBinary vmath_binary[] = {'
  for f in pow atan2; do echo "  {\"$f\", u_${f}_f32, u_${f}_f64},"; done
  echo '  {NULL, NULL, NULL}};'
} >kernels.c
cc=${CC:-gcc}
$cc -O2 -I"$here" -c "$here/reference.c" "$here/sampled.c" kernels.c
$cc -O2 -march=native -ffp-contract=off -c k.c
$cc -O3 -march=native -ffast-math -c "$here/wide.c"
$cc -O3 -march=native -fno-math-errno -fno-trapping-math -c "$here/exhaustive.c"
$cc -o exhaustive exhaustive.o sampled.o reference.o wide.o kernels.o k.o -lm -lpthread
./exhaustive "$@"
