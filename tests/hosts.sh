#!/bin/sh
# hosts.sh: programs as others write them around libgradc and native libraries: a trainer in C++ that saves and
# restores, a server of eight threads, a host that redefines its model for ever, one that shows what is wrong, Python
# without a wrapper, a static executable and link-time optimisation.
. "${TOP_SRCDIR:-.}/tests/lib.sh"
here=$(cd "$TOP_SRCDIR" && pwd)
build=$(cd "$(dirname "$GRADC")" && pwd)
cd "$work" || exit 99
lib=$build/.libs/libgradc.so
have cc && [ -e "$lib" ] || { echo "SKIP: no C compiler, or no shared library in $build/.libs"; exit 77; }
if grep -q -a __asan_init "$lib"; then echo "SKIP: programs without the address sanitizer can't load a library that has it"; exit 77; fi

flags="-I$here/src/include -L$build/.libs -lgradc -Wl,-rpath,$build/.libs"
strict="-std=gnu11 -Wall -Wextra -pedantic -Werror -O1 -g"

run build "$here/examples/embed/sensor.nn" --step adam -o sensor.so
case $err in
  *gradc-llvm*) echo "SKIP: built without the LLVM back end"; exit 77 ;;
esac
is 0 ""

# ---- a trainer that stops and goes on
if have c++; then
  # shellcheck disable=SC2086
  compiled "trainer.cpp" c++ -std=c++17 -Wall -Wextra -pedantic -Werror -O1 -I. "$here/examples/embed/trainer.cpp" ./sensor.so $flags \
    -Wl,-rpath,"$work" -lm -o trainer
  shows "trainer" "libgradc: learns, and goes on with the same bits
the compiled model: learns, and goes on with the same bits" ./trainer "$here/examples/embed/sensor.nn"
  : >trainer.moments
  if ./trainer /no/such.nn >out 2>&1; then not_ok "a trainer without a program"; else has "$(cat out)" "no/such.nn" "its message"; fi
else
  skip
fi

# ---- a host whose model changes all the time
# shellcheck disable=SC2086
compiled "host_redefine.c" cc $strict "$here/tests/native/host_redefine.c" $flags -o redefine
shows "a thousand models" "bounded, renewed" ./redefine 1000 reference
shows "models as machine code" "bounded, renewed" ./redefine 300
if have valgrind; then
  cat >loader.supp <<'END'
{
  the loader reads its own strings by words
  Memcheck:Addr8
  fun:strncmp
  fun:is_dst
}
END
  shows "models under valgrind" "bounded, renewed" valgrind --suppressions=loader.supp -q --error-exitcode=99 --leak-check=full \
    --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect ./redefine 300 reference
else
  skip
fi

# ---- what is wrong, as data
# shellcheck disable=SC2086
compiled "host_errors.c" cc $strict "$here/tests/native/host_errors.c" $flags -o errors
shows "errors as data" "right" ./errors

# ---- a server
# shellcheck disable=SC2086
compiled "host_server.c" cc $strict "$here/tests/native/host_server.c" $flags -pthread -o server
shows "the server" "own contexts: 0 of 8 wrong; one function: 0 wrong" ./server 2
# shellcheck disable=SC2086
if cc $strict -fsanitize=thread "$here/tests/native/host_server.c" $flags -pthread -o tsan 2>/dev/null && ./tsan 0 >/dev/null 2>&1; then
  shows "the server under the thread sanitizer" "own contexts: 0 of 8 wrong; one function: 0 wrong" ./tsan 1
else
  skip
fi

# ---- a native library from Python, with all sizes
if have python3; then
  run build "$here/tests/native/statuses.nn" -o statuses.so
  is 0 ""
  shows "statuses.py" "" python3 "$here/tests/native/statuses.py" ./statuses.so
else
  skip
fi

# ---- weights built in; two models in one program; a static executable; link-time optimisation
cat >scale.nn <<'END'
param w: f32[4] ~ uniform(1.0, 2.0)
fn out(x: f32[N, 4]) = tanh(x @ w)
fn loss(x: f32[N, 4]) = mean(out(x)**2)
END
cat >two.cpp <<'END'
#include "one.h"
#include "two.h"
#include <cstdio>
static float x[8 * 4], a[8], b[8];
alignas(64) static unsigned char ws[1 << 16];
int main() {
  one_params other = one_weights;
  other.w[0] += 1;
  for (int i = 0; i < 32; i++) x[i] = static_cast<float>(i % 5) / 8;
  if (one_out(8, &one_weights, x, a, ws, sizeof ws) || two_out(8, reinterpret_cast<two_params *>(&other), x, b, ws, sizeof ws)) return 1;
  float least = 1;
  for (int i = 0; i < 8; i++) least = b[i] - a[i] < least ? b[i] - a[i] : least;
  std::printf("%d\n", a[0] > 0.5f && least >= 0 && one_weights.w[0] >= 1 && one_weights.w[0] <= 2);
  return 0;
}
END
if have c++ && have ar; then
  printf '#include <gradc.h>\nint main(void) { gradc_context *gc; return gradc_new(&gc) || gradc_load(gc, "scale.nn") || gradc_params_save(gc, "w.safetensors"); }\n' >save.c
  # shellcheck disable=SC2086
  compiled "save.c" cc save.c $flags -o save
  ./save || not_ok "weights can't be saved"
  for end in o a; do
    run build scale.nn --prefix one --static-weights w.safetensors -o one.$end
    is 0 ""
    run build scale.nn --prefix two --cpu x86-64 -o two.$end
    case $err in *x86-64*) run build scale.nn --prefix two -o two.$end ;; esac
    is 0 ""
    compiled "two models as .$end, optimised when linked" c++ -std=c++17 -Wall -Wextra -O2 -flto two.cpp one.$end two.$end -lm -o two.run
    shows "two models as .$end" 1 ./two.run
    if echo 'int main(void) { return 0; }' >s.c && cc -static s.c -o s.run 2>/dev/null; then
      compiled "two models as .$end in a static executable" c++ -std=c++17 -Wall -Wextra -O1 -static two.cpp one.$end two.$end -lm -o two.run
      shows "two models as .$end, statically" 1 ./two.run
    else
      skip
    fi
  done
else
  skip
fi
[ "$skipped" -eq 0 ] || printf 'SKIP: %d parts need what is not installed\n' "$skipped"
finish
