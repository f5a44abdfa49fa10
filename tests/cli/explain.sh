#!/bin/sh
# explain.sh: the tables of diagnostics and operators.
. "${TOP_SRCDIR:-.}/tests/lib.sh"

run explain E0401
is 0
out_has "E0401: "
text=$out
run explain e0401
is 0 "$text"
run explain E0401 E0601
is 0
out_has "E0601: "
run explain E9999
is 2 ""
err_has "there is no diagnostic"

# Each row of diag.def is listed once and has a long text of its own.
codes=$(sed -n 's/^DIAG(\([EW][0-9]*\),.*/\1/p' "$TOP_SRCDIR/src/base/diag.def" | sort)
run explain
is 0
same "codes listed" "$(printf '%s\n' "$out" | sed 's/ .*//')" "$codes"
for code_name in $codes; do
  run explain "$code_name"
  is 0
  if [ "$(printf '%s\n' "$out" | wc -l)" -ge 3 ]; then ok; else not_ok "$code_name has no text" "$out"; fi
done

# Each row of ops.def but the empty one is listed, with its derivatives.
run explain --ops
is 0
for op in $(sed -n 's/^\(MAP\|FOLD\|MOVE\|DOT\|LOOP\|LEAF\)(\([a-z_0-9]*\),.*/\2/p' \
    "$TOP_SRCDIR/src/ir/ops.def" | grep -v '^none$'); do
  case $out in *"
  $op "*) ok ;; *) not_ok "explain --ops lacks $op" ;; esac
done
out_has "d/da = 1 - y*y"

# Elementwise functions are documented, and in what goes through every back end.
sed -n '/^## .*Builtins/,$p' "$TOP_SRCDIR/docs/LANGUAGE.md" >"$work/builtins"
for op in $(sed -n 's/^MAP(\([a-z_0-9]*\), *[0-9], [A-Z_0-9, ]*"", .*/\1/p' "$TOP_SRCDIR/src/ir/ops.def"); do
  [ "$op" != cast ] || op=f64 # written as the type's name
  for file in "$work/builtins" "$TOP_SRCDIR/tests/emit/operators.nn"; do
    if grep -qw "$op" "$file"; then ok; else not_ok "${file##*/} lacks $op"; fi
  done
done
finish
