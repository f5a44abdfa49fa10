#!/bin/sh
# emit_guard.sh: emitted kernels touch nothing but their arrays: run with every array against pages that
# nobody may touch, for products of m x k and k x n. GRADC_GUARD=full tries all m, n, k from 1 to 70 (minutes).
. "${TOP_SRCDIR:-.}/tests/lib.sh"
here=$(cd "$TOP_SRCDIR" && pwd)
cd "$work" || exit 99
for cpu in native generic x86-64-v3; do
  run emit --c "$here/tests/guard/mm.nn" --cpu $cpu -o mm.c
  is 0 ""
  for cc in gcc clang; do
    command -v $cc >/dev/null || continue
    if text=$($cc -std=c11 -Wall -Wextra -Werror -O2 -march=native -ffp-contract=off -I. "$here/tests/guard/guard.c" mm.c -o guard.run -lm 2>&1); then ok; else not_ok "$cc" "$text"; continue; fi
    if text=$(./guard.run ${GRADC_GUARD:-} 2>&1); then ok; else not_ok "$cpu by $cc: exit $?" "$text"; fi
    [ -z "${GRADC_GUARD:-}" ] || printf '%s by %s: %s shapes\n' $cpu $cc "$text"
  done
done
finish
