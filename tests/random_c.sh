#!/bin/sh
# random_c.sh [FIRST [COUNT]]: random programs as C: the machine code, and what each compiler found
# makes of the C, give the same bits (`gradc verify`). Each seed gives a text of three kinds. Without
# arguments a few of them.
. "${TOP_SRCDIR:-.}/tests/lib.sh"

seed=${1:-1}
last=$((seed + ${2:-2} - 1))
unit=$(dirname "$GRADC")/tests/unit
while [ -x "$unit" ] && [ "$seed" -le "$last" ]; do
  for kind in source calls flow; do
    "$unit" --source "$seed" "$kind" >"$work/f.nn" || not_ok "no text for $kind, seed $seed"
    run verify --size 5 -f f "$work/f.nn"
    what="$kind, seed $seed"
    is 0
    [ "$code" = 0 ] || cat "$work/f.nn"
  done
  seed=$((seed + 1))
done
finish
