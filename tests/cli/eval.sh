#!/bin/sh
# eval.sh: gradc eval and gradc check: values, order, files, errors and their exit codes.
. "${TOP_SRCDIR:-.}/tests/lib.sh"

run eval 'fn f(x: f64) = x**3 + 2*x' 'f(2.0)' 'grad(f)(2.0)' 'grad(grad(f))(2.0)'
is 0 "12
14
12"
same "$what: stderr" "$err" ""

run eval 'const D = 3' 'D * 2' 'D = 4'
is 3
out_has 6
err_has "<line 3>:1:"
run eval '(1.5, 2)'
is 0 "(1.5, 2)"
run eval '[1.0, 2.0] * 2'
is 0 "[2.0, 4.0]"
run eval '1.0 / 3.0'
is 0 "0.3333333333333333"
run eval --precision 3 '1.0 / 3.0'
is 0 "0.333"
run eval --precision=17 '0.1'
is 0 "0.10000000000000001"
run eval -- '-2.0 + 1'
is 0 "-1"
run eval '-2.0 + 1'
is 2 ""
err_has "put -- before"
run eval --precision 18 1.0
is 2 ""
err_has 'whole number from 0 to 17, not "18"'
run eval --precision x 1.0
is 2 ""
run eval
is 2 ""
err_has "operands are missing"

# An error ends the run, after what came before it was printed.
run eval 1.5 'nonsense_name' 2.5
is 3 "1.5"
err_has "<line 2>:1:1: error[E02"
run eval '1 +'
is 3 ""
err_has "error[E01"
err_has "^"

# A file first; its parameters have the same values in every line, others with another seed.
cat >"$work/m.nn" <<'END'
param W: f32[2, 2] ~ normal()
param b: f32[2]
fn f(x: f64) = 2 * x
END
run eval "$work/m.nn" 'f(1.0)' 'b' 'sum(W - W)'
is 0 "2
[0.0, 0.0]
0"
run eval "$work/m.nn" W
is 0
first=$out
run eval "$work/m.nn" W
is 0 "$first"
run eval --seed 1 "$work/m.nn" W
is 0
if [ "$out" != "$first" ]; then ok; else not_ok "--seed changes nothing"; fi

# check
run check "$work/m.nn"
is 0 ""
same "$what: stderr" "$err" ""
printf 'fn f(x: f32[3], y: f32[4]) = x + y\nfn g(x: f32[2]) = unknown(x)\n' >"$work/bad.nn"
run check "$work/bad.nn"
is 3 ""
err_has "bad.nn:1:"
err_has "error[E0304]"
err_has "bad.nn:2:"
same "control characters" "$(printf '%s' "$err" | tr -d '\n' | tr -dc '\000-\037')" ""
run check --color=always "$work/bad.nn"
is 3 ""
err_has "$(printf '\033[')"
code=0
"$GRADC" check "$work/m.nn" "$work/bad.nn" >/dev/null 2>&1 || code=$?
what="check of two files"
is 3

# Files that can't be read.
run check "$work/none.nn"
is 4 ""
err_has "error[E0601]"
err_has "No such file"
run check "$work"
is 4 ""
err_has "error[E0602]"
run eval "$work/none.nn" 1.0
is 4 ""
head -c 17000000 /dev/zero >"$work/large.nn"
run check "$work/large.nn"
is 4 ""
err_has "error[E0603]"
if [ "$(id -u)" -ne 0 ]; then
  chmod 000 "$work/m.nn"
  run check "$work/m.nn"
  is 4 ""
  err_has "Permission denied"
fi
code=0
out=$(printf 'fn f(x: f64) = x\n' | "$GRADC" check -) || code=$?
err='' what="check of standard input"
is 0 ""

# Whatever the bytes, no crash.
for bytes in '\000' '\377\376' 'fn' 'fn f(' '((((((((' '"' 'param W:' '\033[31m' 'let x = 1' '}' '#'; do
  # shellcheck disable=SC2059
  printf "$bytes" >"$work/odd.nn"
  run check "$work/odd.nn"
  case $code in 0|3) ok ;; *) not_ok "check of '$bytes': exit code $code" "$err" ;; esac
done
finish
