#!/bin/sh
# embed.sh: libgradc as others see it: what it exports, pkg-config, C and C++ and NumPy programs built against
# it, no leak, and memory that runs out anywhere.
. "${TOP_SRCDIR:-.}/tests/lib.sh"
here=$(cd "$TOP_SRCDIR" && pwd)
build=$(cd "$(dirname "$GRADC")" && pwd)
cd "$work" || exit 99
lib=$build/.libs/libgradc.so
have cc && [ -e "$lib" ] || { echo "SKIP: no C compiler, or no shared library in $build/.libs"; exit 77; }
asan=
if grep -q -a __asan_init "$lib"; then asan=yes; fi

# ---- the library shows what its header declares, and nothing else
declared=$(tr '\n' ' ' <"$here/src/include/gradc.h" | sed 's/#define GRADC_API//g' |
  grep -o 'GRADC_API [^;(]*(' | sed 's/.*[ *]\(gradc_[a-z_]*\)($/\1/' | sort)
same "exported symbols" "$(nm -D --defined-only "$lib" | awk '{ print $3 }' | sort)" "$declared"
readelf -d "$lib" | grep -q 'SONAME.*libgradc\.so\.0\]' && ok || not_ok "soname" "$(readelf -d "$lib" | grep SONAME)"
extra=$(nm -D --undefined-only "$lib" | awk '{ sub(/@.*/, "", $2); print $2 }' |
  grep -xE '_?exit|_Exit|quick_exit|puts|printf|perror|putchar|stderr|system|setlocale|signal|sigaction')
same "calls that a library doesn't make" "$extra" ""
printf '#include <gradc.h>\nint main(void) { return gradc_status_text(GRADC_OK) == 0; }\n' >h.c
for std in c99 c11 c17; do compiled "gradc.h as $std" cc -std=$std -Wall -Wextra -pedantic -Werror -Wstrict-prototypes -fsyntax-only -I "$here/src/include" h.c; done
cp h.c h.cpp
for std in c++11 c++20; do compiled "gradc.h as $std" c++ -std=$std -Wall -Wextra -pedantic -Werror -fsyntax-only -I "$here/src/include" h.cpp; done

flags="-I$here/src/include -L$build/.libs -lgradc -Wl,-rpath,$build/.libs"
if have pkg-config; then
  got=$(PKG_CONFIG_PATH=$build pkg-config --define-variable=libdir="$build/.libs" --define-variable=includedir="$here/src/include" --cflags --libs gradc)
  case " $got " in *"-I$here/src/include "*-lgradc*) ok ;; *) not_ok "pkg-config" "$got" ;; esac
  flags="$got -Wl,-rpath,$build/.libs"
else
  skip
fi
[ -z "$asan" ] || { echo "SKIP: programs without the address sanitizer can't load a library that has it"; finish; }
strict="-std=c11 -Wall -Wextra -pedantic -Werror"

# ---- a formula typed by the user
# shellcheck disable=SC2086
compiled "minimise.c" cc $strict -O2 "$here/examples/embed/minimise.c" $flags -lm -o minimise
if ./minimise 'x' x=1 2>&1 | grep -q gradc-llvm; then echo "SKIP: built without the LLVM back end"; exit 77; fi
if text=$(./minimise '(1 - x)**2 + 100*(y - x**2)**2' x=-1.2 y=1); then ok; else not_ok "minimise" "$text"; fi
case $text in *"at x=1.000000 y=1.000000") ok ;; *) not_ok "Rosenbrock's minimum" "$text" ;; esac
case $(./minimise 'cosh(a - 2) + a*b + b**2' a=0 b=0) in "minimum -"*) ok ;; *) not_ok "minimise with cosh" ;; esac
text=$(./minimise '(1 - x' x=1 2>&1)
same "status of a formula that is none" $? 3
what="minimise '(1 - x'"
has "$text" "formula:1:" "stderr"
text=$(./minimise 'x + z' x=1 2>&1)
same "status of a formula with an unknown name" $? 3
has "$text" "\`z\`" "stderr"
./minimise 'x' x 2>/dev/null
same "status of a wrong start" $? 2

# ---- C++ with a header that gradc wrote, and gradc.h
run build "$here/examples/embed/sensor.nn" --step adam -o sensor.o
is 0 ""
# shellcheck disable=SC2086
compiled "model.cpp" c++ -std=c++17 -Wall -Wextra -pedantic -Werror -O2 -I. "$here/examples/embed/model.cpp" sensor.o $flags -lm -o model
if text=$(./model "$here/examples/embed/sensor.nn"); then ok; else not_ok "model" "$text"; fi
what=model
has "$text" "differ by" stdout

# ---- NumPy by ctypes
python=
for p in python3 /usr/bin/python3; do
  if [ -z "$python" ] && "$p" -c 'import numpy' 2>/dev/null; then python=$p; fi
done
if [ -n "$python" ]; then
  run build "$here/examples/embed/regression.nn" -o regression.so
  is 0 ""
  shows "regression.py" "a size of 0: a size is less than 1, or one leaves no room for another
fitted to True and the gradient is NumPy's to 1e-12" "$python" "$here/examples/embed/regression.py" ./regression.so
else
  skip
fi

# ---- the guide's programs
awk -v dir="$work" '
  /^<!-- program: / { name = $3; next }
  /^```/ { if (name && !inside) { inside = 1; next } if (inside) { close(dir "/" name); inside = 0; name = "" } next }
  inside { print >(dir "/" name) }' "$here/docs/EMBEDDING.md"
for f in guide_*.c; do
  [ -e "$f" ] || { not_ok "EMBEDDING.md has no program"; break; }
  # shellcheck disable=SC2086
  compiled "$f of EMBEDDING.md" cc $strict -O1 -I. "$f" $flags -lm -o "${f%.c}"
  if text=$("./${f%.c}" 2>&1); then ok; else not_ok "$f: status $?" "$text"; fi
  want=${f%.c}.txt
  [ ! -e "$want" ] || same "$f" "$text" "$(cat "$want")"
done

# ---- nothing is lost: with machine code and without
# shellcheck disable=SC2086
compiled "oom.c" cc -O1 -Wall "$here/tests/native/oom.c" $flags -ldl -o oom
if have valgrind; then
  cat >loader.supp <<'END'
{
  the loader reads its own strings by words
  Memcheck:Addr8
  fun:strncmp
  fun:is_dst
}
END
  for program in ./guide_call ./guide_errors; do
    text=$(valgrind --suppressions=loader.supp -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect \
      --errors-for-leak-kinds=definite,indirect $program 2>&1) && ok || not_ok "$program under valgrind" "$text"
  done
else
  skip
fi

# ---- memory that runs out: each allocation of a session, and every 40th of one with machine code (GRADC_OOM=1: each)
mkdir oomdir
if text=$(./oom oomdir reference 1); then ok; else not_ok "memory that runs out" "$text"; fi
if text=$(./oom oomdir native "${GRADC_OOM:-40}"); then ok; else not_ok "memory that runs out, with machine code" "$text"; fi
# ... and inside LLVM, which would end the process by itself
# shellcheck disable=SC2086
compiled "oom_llvm.c" cc -O1 -Wall "$here/tests/native/oom_llvm.c" $flags -o oom_llvm
if text=$(./oom_llvm "${GRADC_OOM_LLVM:-60}"); then ok; else not_ok "memory that runs out in LLVM" "$text"; fi
same "files left behind" "$(find oomdir -name '.*' ! -name . | sort)" ""
[ "$skipped" -eq 0 ] || printf 'SKIP: %d parts need what is not installed\n' "$skipped"
finish
