#!/bin/sh
# bad_text.sh: sources that no one writes by hand: huge, deep, endless, binary. Each ends soon, in a
# diagnostic or in a value, never in a crash.
. "${TOP_SRCDIR:-.}/tests/lib.sh"
cd "$work" || exit 99

# many N TEXT: the text N times, on one line.
many() {
  case $2 in
    ?) head -c "$1" /dev/zero | tr '\000' "$2" ;;
    *) awk -v n="$1" -v t="$2" 'BEGIN { for (i = 0; i < n; i++) printf "%s", t }' ;;
  esac
}

# says CODE DIAGNOSTIC FILE: checks it; the diagnostics are short, whatever the source is.
says() {
  run check "$3"
  is "$1" ""
  [ -z "$2" ] || err_has "error[$2]"
  if [ "$(printf '%s' "$err" | wc -c)" -lt 8000 ]; then ok; else not_ok "$what: much output"; fi
}

# Brackets and expressions that are nested deeply.
for pair in '( )' '[ ]'; do
  { printf 'fn f(x: f64) = '; many 100000 "${pair% *}"; printf x; many 100000 "${pair#* }"; echo; } >deep.nn
  says 3 E0801 deep.nn
done
{ printf 'fn f(x: f64) = '; many 100000 '('; } >open.nn
says 3 E0105 open.nn
for text in '-' 'not ' 'if x > 0 then ' 'if x > 0 then x else ' '2 ** ' 'x + ' 'x * ' 'f(' 'x[' 'sum(k) '; do
  { printf 'fn f(x: f64) = '; many 20000 "$text"; echo x; } >deep.nn
  run check deep.nn
  is 3 ""
  err_has 'error[E0'
done
{ printf 'fn f(x: f64) '; many 5000 '{ '; printf x; many 5000 ' }'; echo; } >deep.nn
says 3 '' deep.nn

# Calls: deep, and doubling with every step.
awk 'BEGIN { print "fn f0(x) = x"; for (i = 1; i < 3000; i++) printf "fn f%d(x) = f%d(x) + 1\n", i, i - 1
             print "fn g(x: f64) = f2999(x)" }' >calls.nn
says 3 E0811 calls.nn
awk 'BEGIN { print "fn f0(x) = x * x"; for (i = 1; i < 60; i++) printf "fn f%d(x) = f%d(x) + f%d(x)\n", i, i - 1, i - 1
             print "fn g(x: f64) = f59(x)" }' >calls.nn
says 3 E0813 calls.nn

# One line of ten megabytes: a comment, a name, a string, numbers, an error at its end.
{ printf '# '; many 10000000 c; echo; } >line.nn
says 0 '' line.nn
{ printf 'fn f(x: f64) = '; many 10000000 y; echo; } >line.nn
says 3 E0201 line.nn
{ printf 'fn f(x: f64) = "'; many 10000000 s; echo; } >line.nn
says 3 E0102 line.nn
{ printf 'const c = '; many 10000000 9; echo; } >line.nn
says 3 E0104 line.nn
{ printf 'const c = 0.'; many 1000000 3; echo; } >line.nn
says 0 '' line.nn
{ printf 'fn f(x: f64) = x'; many 10000000 ' '; echo '+ ^'; } >line.nn
says 3 E0101 line.nn
{ printf 'const c = ['; many 1000000 '1, '; echo '2]'; } >line.nn
run check line.nn
case $code in 0|3) ok ;; *) not_ok "a list of a million numbers: exit code $code" "$err" ;; esac

# Many errors are counted, not all shown.
awk 'BEGIN { for (i = 0; i < 5000; i++) printf "fn f%d(x: f64) = y%d\n", i, i }' >many.nn
says 3 E0201 many.nn
err_has "and 4980 more errors"

# Numbers at the ends of their types.
run eval -- 'i64(9223372036854775807)' 'i64(-9223372036854775807 - 1)' '1e308 * 10' '1e-400' '-0.0'
is 0 '9223372036854775807
-9223372036854775808
inf
0
-0'
run eval '9223372036854775808'
is 3 ""
err_has 'error[E0104]'
run eval '2 ** 100000'
is 3 ""
run eval '1 // 0'
is 3 ""
err_has 'error[E0309]'

# Binary files, all bytes, truncated UTF-8, no end of line, other ends of lines.
: >empty.nn
says 0 '' empty.nn
run eval empty.nn '1 + 1'
is 0 2
head -c 100000 "$GRADC" >binary.nn
says 3 '' binary.nn
case $err in *"$(printf '\033')"*) not_ok "control characters in the diagnostics of a binary file" ;; *) ok ;; esac
awk 'BEGIN { for (i = 0; i < 256; i++) printf "%c", i }' >bytes.nn
says 3 '' bytes.nn
printf 'fn f(x: f64) = x \303' >utf8.nn
says 3 E0101 utf8.nn
printf 'fn f(x: f64) = x\000 + 1\n' >nul.nn
says 3 E0101 nul.nn
printf 'fn f(x: f64) = 2 * x' >no_end.nn
says 0 '' no_end.nn
printf 'fn f(x: f64) = {\r\n  let y = 2 * x\r\n  y\r\n}\r\n' | sed 's/= {/{/' >crlf.nn
says 0 '' crlf.nn
run eval crlf.nn 'f(3.0)'
is 0
printf 'fn f(x: f64) = y\r\n' >crlf.nn
says 3 E0201 crlf.nn
same "carriage returns in diagnostics" "$(printf '%s' "$err" | tr -dc '\r')" ""
printf 'fn f(x: f64) = \033[31my\033[0m\n' >escape.nn
says 3 E0101 escape.nn
same "escapes in diagnostics" "$(printf '%s' "$err" | tr -dc '\033')" ""
run check "$(printf 'no\033[31m.nn')"
is 4 ""
same "escapes in names of files" "$(printf '%s' "$err" | tr -dc '\033')" ""

# Loops of links, names that are too long, a pipe with nothing in it.
ln -s loop.nn loop.nn
run check loop.nn
is 4 ""
err_has 'error[E0601]'
run check "$(many 5000 n).nn"
is 4 ""
err_has 'error[E0601]'
finish
