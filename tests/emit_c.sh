#!/bin/sh
# emit_c.sh: emitted C: the same bits as the machine code under each compiler there is, no warning, clean
# under the sanitizers, the same bytes each time; bad input.
. "${TOP_SRCDIR:-.}/tests/lib.sh"
here=$(cd "$TOP_SRCDIR" && pwd)
strict="-std=c11 -Wall -Wextra -pedantic -Werror"

programs="$here/tests/emit/operators.nn $here/examples/logistic.nn $here/examples/rosenbrock.nn $here/examples/polyfit.nn
  $here/examples/softmax_regression.nn"

# ---- the same bits as the machine code, with vectors and without
for f in $programs; do
  for cpu in native generic; do
    run verify --size 19 --cpu $cpu "$f"
    is 0
    out_has ", 0 differ"
  done
done
both="$here/tests/emit/operators.nn $here/examples/logistic.nn"
for f in $both; do
  run verify --size 19 --cpu portable "$f"
  is 0
  out_has ", 0 differ"
done
run verify --size 19 --step adam --functions loss "$here/examples/logistic.nn"
is 0

# ---- clean code that agrees with the evaluator
cd "$work" || exit 99
for f in $programs; do
  b=$(basename "$f" .nn)
  for cpu in generic native x86-64-v3; do
    run emit --c "$f" -o "$b.c" --main --size 5 --cpu $cpu --prefix p
    is 0 ""
    for cc in gcc clang; do
      have $cc || continue
      flags=-march=native
      [ $cpu != generic ] || flags=
      compiled "$b for $cpu" $cc $strict -O1 $flags "$b.c" -o "$b.run" -lm
      if text=$("./$b.run"); then ok; else not_ok "$b for $cpu by $cc" "$text"; fi
    done
  done
  compiled "$b's header as C++" c++ -Wall -Wextra -pedantic -Werror -fsyntax-only -x c++ "$b.h"
done

# ---- the other half of a file with vectors: plain C, for compilers without extensions
for f in $both; do
  b=$(basename "$f" .nn)
  run emit --c "$f" -o "$b.c" --main --size 5 --cpu x86-64-v4 --prefix p
  for cc in gcc clang; do
    have $cc || continue
    for how in -DP_PORTABLE -UP_PORTABLE; do # without vectors; with those that the machine has
      compiled "$b $how" $cc $strict -O1 $how "$b.c" -o "$b.run" -lm
      if text=$("./$b.run"); then ok; else not_ok "$b $how by $cc" "$text"; fi
    done
  done
done

# masks that are conjunctions are bits of a mask register for AVX-512, and choose the same elements everywhere
for p in bits half plain; do
  cpu=x86-64-v4
  [ $p != plain ] || cpu=generic
  run emit --c "$here/tests/emit/operators.nn" --functions guarded --cpu $cpu --prefix $p -o $p.c
  is 0 ""
done
if grep -q ' = AND_BITS_i32x16(' bits.c; then ok; else not_ok "no conjunction of masks"; fi
cat >guarded.c <<'END'
#include "bits.c"
#define HALF_PORTABLE
#include "half.c"
#include "plain.c"
#include <stdio.h>
enum { MOST = 70, A = MOST * 37, ALL = A + 9 * MOST };
static float x[MOST];
static double y[MOST], out[3][ALL];
static union { double aligned; _Alignas(64) unsigned char bytes[1 << 20]; } room;
#define RUN(p, to) \
  p##_guarded(m, x, y, (float *)to, (float *)(to + A), to + A + 3 * MOST, (float *)(to + A + 6 * MOST), room.bytes, sizeof room)
int main(void) {
  for (int i = 0; i < MOST; i++) y[i] = x[i] = (float)(i * 7 % 11) - 4;
  for (int m = 1; m <= MOST; m++)
    if (RUN(bits, out[0]) || RUN(half, out[1]) || RUN(plain, out[2]) || memcmp(out[0], out[1], sizeof *out) ||
        memcmp(out[0], out[2], sizeof *out))
      return printf("M = %d\n", m);
  return 0;
}
END
for cc in gcc clang; do
  have $cc || continue
  compiled "guarded" $cc $strict -O1 -march=native guarded.c -o guarded.run -lm
  if text=$(./guarded.run); then ok; else not_ok "elements that are put out, by $cc" "$text"; fi
done

# no word of GNU C is left where the compiler isn't GNU's
run emit --c "$here/examples/logistic.nn" -o plain.c --cpu x86-64-v4
cc -std=c11 -U__GNUC__ -E plain.c 2>/dev/null | awk '/^# /{on = /"plain.c"/} on' >plain.i
text=$(grep -nE '__attribute__|__builtin_[cps]|vector_size|__restrict|_mm[0-9]*_' plain.i | head -5)
same "GNU C in the portable half" "$text" ""
if grep -q 'for (int l = 0; l < 16; l++)' plain.i; then ok; else not_ok "no loops over lanes in it"; fi

# ---- sanitizers, on one program with a training step and one with everything
for f in logistic operators; do
  src=$here/examples/$f.nn step="--step adam"
  [ -f "$src" ] || { src=$here/tests/emit/$f.nn step="--step sgd"; }
  run emit --c "$src" -o s.c --main --size 7 $step
  is 0 ""
  compiled "$f with sanitizers" cc $strict -O1 -g -march=native -fsanitize=address,undefined -fno-sanitize-recover s.c -o s.run -lm
  if text=$(ASAN_OPTIONS=detect_leaks=0 ./s.run 2>&1); then ok; else not_ok "$f under the sanitizers" "$text"; fi
done
if have cppcheck; then
  run emit --c "$here/examples/logistic.nn" -o s.c --step sgd --cpu generic --selftest
  compiled "cppcheck" cppcheck --quiet --error-exitcode=1 --enable=warning,portability s.c
  run emit --c "$here/tests/emit/operators.nn" -o s.c --functions casts --cpu x86-64-v4
  is 0 ""
  compiled "cppcheck of a file with vectors" cppcheck --quiet --error-exitcode=1 --enable=warning,portability s.c
fi

# GCC's analyser takes the lanes of a vector for the bits of a number when it sees one shifted.
if have gcc; then
  for cpu in generic x86-64-v3; do
    run emit --c "$here/examples/logistic.nn" -o s.c --step adam --selftest --cpu $cpu
    is 0 ""
    flags=-fanalyzer
    [ $cpu = generic ] || flags="-fanalyzer -Wno-analyzer-shift-count-overflow -march=x86-64-v3"
    compiled "-fanalyzer for $cpu" gcc $strict -O1 $flags -c s.c -o s.o
  done
fi

# ---- what reviewers have warned about beyond that, for a firmware's floats. Left out are declarations behind statements
# (C99), comparisons of floats with == (the program's, or with 0 and infinity on purpose), and what newer clang says of
# C11 and of every pointer; of clang-tidy neighbouring arguments of one type and memcpy.
more="-Wcast-qual -Wconversion -Wsign-conversion -Wdouble-promotion -Wshadow -Wundef -Wstrict-prototypes -Wmissing-prototypes -Wvla
  -Wbad-function-cast -Wswitch-default"
every="-Weverything -Wno-unknown-warning-option -Wno-declaration-after-statement -Wno-float-equal -Wno-pre-c11-compat
  -Wno-unsafe-buffer-usage"
tidy="-*,bugprone-*,clang-analyzer-*,cert-*,-bugprone-easily-swappable-parameters,-bugprone-implicit-widening-of-multiplication-result"
tidy="$tidy,-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling"
for cpu in generic x86-64-v3; do
  run emit --c "$here/examples/logistic.nn" -o s.c --step adam --selftest --real float --cpu $cpu
  is 0 ""
  flags=
  [ $cpu = generic ] || flags=-march=x86-64-v3
  ! have gcc || compiled "more warnings of gcc for $cpu" gcc $strict $more -Wcast-align=strict $flags -O1 -c s.c -o s.o
  ! have clang || compiled "every warning of clang for $cpu" clang $strict $every $flags -O1 -c s.c -o s.o
  if have clang-tidy; then
    text=$(clang-tidy --quiet -checks="$tidy" s.c -- -std=c11 $flags 2>&1 | grep -E 'warning:|error:')
    same "clang-tidy for $cpu" "$text" ""
  fi
done
for std in c++98 c++11 c++17 c++20; do
  for cc in g++ clang++; do
    ! have $cc || compiled "the header as $std by $cc" $cc -std=$std -Wall -Wextra -pedantic -Werror -fsyntax-only -x c++ s.h
  done
done

# ---- the same bytes; nothing of the folder; names and workspace in the header
run emit --c "$here/examples/logistic.nn" -o one.c --cpu generic --size 64
mkdir -p deep && cp "$here/examples/logistic.nn" deep/ && cp one.c one.first
(cd deep && "$GRADC" emit --c logistic.nn -o one.c --cpu generic --size 64)
same "the emitted bytes" "$(cksum <deep/one.c)" "$(cksum <one.first)"
out=$(cat one.h) what=one.h
out_has "LOGISTIC_LOSS_GRAD_WORKSPACE ="
out_has "extern \"C\""
out_has "int logistic_loss(const logistic_params *params, const float *x, const float *y, float *result, void *workspace, size_t workspace_bytes);"

# ---- statuses
run emit --c "$here/examples/logistic.nn" -o one.c --size 64
cat >status.c <<'END'
#include "one.h"
#include <stdio.h>
static _Alignas(64) unsigned char ws[LOGISTIC_LOSS_GRAD_WORKSPACE + 64];
int main(void) {
  static logistic_params p, g;
  static float x[64 * 4], y[64], v;
  size_t n = logistic_loss_grad_workspace();
  printf("%s\n", logistic_strerror(logistic_loss_grad(&p, x, y, &g, &v, ws, n)));
  printf("%s\n", logistic_strerror(logistic_loss_grad(&p, x, y, &g, &v, ws + 4, n)));
  printf("%s\n", logistic_strerror(logistic_loss_grad(&p, x, y, &g, &v, ws, n - 1)));
  printf("%s\n", logistic_strerror(logistic_loss_grad(&p, x, y, &g, &v, NULL, n)));
  printf("%s\n", logistic_strerror(logistic_loss_grad(&p, NULL, y, &g, &v, ws, n)));
  printf("%s\n", logistic_strerror(77));
  return 0;
}
END
cc -std=c11 status.c one.c -o status.run -lm -march=native 2>/dev/null
same "statuses" "$(./status.run)" "ok
the workspace is not aligned to 64 bytes
the workspace is too small
an argument is a null pointer
an argument is a null pointer
unknown status"

# ---- an emitted model trained by a bare C program
run emit --c "$here/examples/embed/sensor.nn" --step adam -o sensor.c
is 0 ""
compiled "examples/embed/train.c" cc $strict -O2 -I. "$here/examples/embed/train.c" sensor.c -o train.run -lm
if text=$(./train.run); then ok; else not_ok "examples/embed/train.c" "$text"; fi

# ---- bad input
run emit --c "$here/examples/logistic.nn" --functions lost
is 3
err_has "lost"
for bad in 'int' '9a' 'a-b' '_x' ''; do
  run emit --c "$here/examples/logistic.nn" --prefix "$bad"
  is 2
done
run emit --c "$here/examples/logistic.nn" --step adams
is 3
err_has "did you mean"
run emit --c "$here/examples/logistic.nn" -o "$work/none/x.c"
is 4
run emit --c "$here/examples/logistic.nn" -o "$work/x.h"
is 2
run emit --c --ir "$here/examples/logistic.nn"
is 2
if [ -w /dev/full ]; then
  ln -s /dev/full full.c
  run emit --c "$here/examples/logistic.nn" -o full.c
  is 4
  err_has "No space left"
fi
for name in strerror params f_grad f_workspace f_run F; do
  printf 'fn f(x: f32) = x * x\nfn %s(x: f32) = x + 1\n' $name >clash.nn
  run emit --c clash.nn -o clash.c
  is 3
  err_has "E0723"
  run build clash.nn -o clash.o
  is 3
done
run emit --c clash.nn --functions f -o clash.c
is 0 ""
cat >words.nn <<'END'
param static: f32[3]
param int: f32 ~ 1.0
fn double(register: f32[3], N: f32, workspace: f32, params: f32) = sum(static * register) * int + N * workspace * params
fn main(class: f32[N], new: f32) = sum(class) * new
fn restrict(size_t: f64, uint8_t: f64, fma: f64) = size_t * uint8_t + fma
END
run emit --c words.nn -o words.c
is 0 ""
compiled "words of C" cc $strict -O1 -c words.c -o words.o
! have c++ || compiled "words of C++" c++ -Wall -Wextra -pedantic -Werror -fsyntax-only -x c++ words.h

# names of the macros and variables of all headers, which whoever includes ours may have included before
cat >macros.nn <<'END'
param M_PI: f32[3]
param errno: f32[3]
param INT_MAX: f32[3]
param INT32_MAX: f32[3]
param INFINITY: f32[3]
param math_errhandling: f32[3]
param signgam: f32[3]
param FP_NAN: f32[3]
param offsetof: f32[3]
param memset: f32[3]
param r0: f32[3]
fn total(N: f32[N, 3]) = sum(N * M_PI * errno * INT_MAX * INT32_MAX * INFINITY * math_errhandling * signgam * FP_NAN * offsetof * memset * r0)
fn loss(I: f32[K], EOF: f32[K], FLT_MAX: f32[K], SIZE_MAX: f32, NAN: f32, y0: f32, j1: f32, memcpy: f32, in_: f32, ws: f32, outside: f32, AT: f32, n_K: f32, d0: f32, t0: f32, b0: f32, i0: f32, p: f32) =
  sum(I * EOF * FLT_MAX) * SIZE_MAX * NAN * y0 * j1 * memcpy * in_ * ws * outside * AT * n_K * d0 * t0 * b0 * i0 * p
fn linux(unix: f32[linux]) = sum(unix)
fn BUFSIZ(x: f32[errno, SEEK_SET]) = sum(x)
END
cat >all.c <<'END'
#include <assert.h>
#include <complex.h>
#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "macros.h"
int main(void) { return MACROS_OK; }
END
run emit --c macros.nn -o macros.c --cpu x86-64-v3
is 0 ""
compiled "names of macros" cc -std=gnu11 -Wall -Wextra -pedantic -Werror -march=x86-64-v3 -c macros.c -o macros.o
compiled "names of macros after all headers" cc -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -pedantic -Werror -c all.c -o all.o

# all macros of the headers of C and unistd.h that aren't called, as parameters
for h in assert complex errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg stdatomic stdbool \
  stddef stdint stdio stdlib stdnoreturn string tgmath threads time uchar unistd wchar wctype; do
  printf '#ifdef __has_include\n#if __has_include(<%s.h>)\n#include <%s.h>\n#endif\n#endif\n' $h $h
done >all.h
cc -std=gnu11 -dM -E -x c all.h 2>/dev/null | awk '$1 == "#define" && $2 ~ /^[A-Za-z][A-Za-z0-9_]*$/ { print $2 }' |
  grep -vxE 'and|or|not|true|false|bool' | sort -u >names.txt
{ sed 's/.*/param &: f32/' names.txt; printf 'fn f(x: f32) = x'; sed 's/.*/ * &/' names.txt | tr -d '\n'; echo; } >each.nn
run emit --c each.nn --functions f -o each.c --cpu generic
is 0 ""
printf '#include "all.h"\n#include "each.h"\nint main(void) { return EACH_OK; }\n' >each_main.c
compiled "parameters with the names of $(wc -l <names.txt) macros" cc -std=gnu11 -Wall -Wextra -pedantic -Werror -fsyntax-only each_main.c

# names of files that #include can't have: the text for standard output names another, a file is refused
for name in 'new
line' 'quote"' 'back\' 'tri??)' 'end*'; do
  printf 'fn f(x: f32[N]) = sum(x)\n' >"$name.nn"
  run emit --c "$name.nn" --cpu generic --prefix q
  is 0
  printf '%s\n' "$out" >named.c
  run emit --c "$name.nn" --cpu generic --prefix q -o inner.c
  is 0 ""
  cp inner.h "$(sed -n 's/^#include "\(.*\)"$/\1/p' named.c)"
  # shellcheck disable=SC2086
  compiled "#include for $name" cc $strict -trigraphs -fsyntax-only named.c
done
run emit --c "$here/examples/logistic.nn" -o 'quote".c'
is 2
err_has "#include"

printf 'fn open(x) = sum(x)\n' >bare.nn
run emit --c bare.nn --main --selftest -o bare.c
is 0 ""
compiled "a file without functions" cc $strict bare.c -o bare.run
./bare.run && ok || not_ok "its check"
printf 'fn f(x: f64[N]) = sum(x)\n' >wide.nn
run emit --c wide.nn --cpu generic -o wide.c
printf '#include <math.h>\n#include <stddef.h>\n#include <stdint.h>\n#include <string.h>\n#define double float\n' >small.h
if cc -std=c11 -include ./small.h -c wide.c -o wide.o 2>err; then not_ok "a target without f64 is not refused"; else
  grep -q 'assert' err && ok || not_ok "a target without f64" "$(cat err)"
fi
run emit --c wide.nn --cpu generic --real float -o wide.c
compiled "the same in float" cc -std=c11 -include ./small.h -Wall -Werror -c wide.c -o wide.o
run verify "$work/none.nn"
is 4
finish
