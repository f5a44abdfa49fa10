#!/bin/sh
# bad_source.sh: programs that are wrong: message, place, caret line and hint of each, and its exit
# code. Every code of diag.def must be provoked somewhere.
. "${TOP_SRCDIR:-.}/tests/lib.sh"

golden "$TOP_SRCDIR/tests/golden/source.txt"

# Every code is what some test gets to see from the program, or from the library.
for one in $(sed -n 's/^DIAG(\([EW][0-9]*\),.*/\1/p' "$TOP_SRCDIR/src/base/diag.def"); do
  if grep -q "\[$one\]" "$TOP_SRCDIR"/tests/golden/*.txt "$TOP_SRCDIR"/tests/cli/*.sh ||
    grep -qw "$one" "$TOP_SRCDIR"/tests/*.sh || grep -q "says [0-9] $one " "$TOP_SRCDIR"/tests/cli/*.sh || grep -qw "$one" "$TOP_SRCDIR"/tests/test_*.c; then
    ok
  else
    not_ok "no test provokes $one"
  fi
done
finish
