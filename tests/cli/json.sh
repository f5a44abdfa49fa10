#!/bin/sh
# json.sh: --diagnostics json: a line of JSON for each diagnostic, with what the text form says; fixes
# are what a program can apply.
. "${TOP_SRCDIR:-.}/tests/lib.sh"
cd "$work" || exit 99

# field NAME: the value of a field of the first object, as it stands there.
field() { printf '%s\n' "$err" | sed -n "1s/.*\"$1\": \(\"[^\"]*\"\|[0-9a-z]*\).*/\1/p"; }
head_of() { printf '%s\n' "$err" | sed -n 1p | sed 's/, "spans".*//'; }

printf '# \346\227\245\nfn f(value: f32[N]) = vale * 2\n' >a.nn
run check --diagnostics json a.nn
is 3 ""
same "one line" "$(printf '%s\n' "$err" | wc -l)" 1
same "the head" "$(head_of)" \
  '{"severity": "error", "code": "E0201", "message": "nothing here is called `vale`", "file": "a.nn", "line": 2, "col": 23'
err_has '"spans": [{"file": "a.nn", "start": 28, "end": 32, "line": 2, "col": 23, "endline": 2, "endcol": 27, "primary": true, "label": null}]'
err_has '"hints": ["did you mean `value`?"]'
err_has '"fixes": [{"file": "a.nn", "start": 28, "end": 32, "line": 2, "col": 23, "endline": 2, "endcol": 27, "replacement": "value"}]'

# Secondary places have labels; notes are a list of their own.
printf 'fn f(x: f32[3], y: f32[4]) = x + y\n' >b.nn
run check --diagnostics=json b.nn
is 3 ""
err_has '"primary": false, "label": "`x` is f32[3]"'
err_has '"notes": ["'

# Each error is a line; what is cut off is said in one; a line alone is an expression's.
i=0
: >c.nn
while [ $i -lt 30 ]; do echo "fn f$i(x: f32) = nothing$i(x)"; i=$((i + 1)); done >c.nn
run check --diagnostics json c.nn
is 3 ""
same "lines" "$(printf '%s\n' "$err" | wc -l)" 21
err_has '{"severity": "note", "code": null, "message": "and 10 more errors", "file": null'
run eval --diagnostics json '1 + unknown'
is 3 ""
err_has '"file": "<line 1>"'

# What has no place in a source, and what is no diagnostic of a program.
run check --diagnostics json missing.nn
is 4 ""
same "a missing file" "$(field code) $(field file)" '"E0601" null'
run check --diagnostics json
is 2 ""
same "usage" "$(field severity) $(field code)" '"error" null'
run check --diagnostics xml a.nn
is 2 ""
err_has "takes one of text|json"

# Text that JSON must write otherwise.
printf 'fn f(x) = "a\\qb\t"\nfn g(x) = \377\n' >d.nn
run check --diagnostics json d.nn
is 3
err_has 'the escapes are \\n, \\t, \\\" and \\\\'
same "control characters" "$(printf '%s' "$err" | tr -d '\n' | tr -dc '\000-\037\177')" ""

# Every fix that is offered, applied, leaves a program without that error.
fix() {
  printf '%s\n' "$1" >fix.nn
  run check --diagnostics json fix.nn
  is 3 ""
  start=$(printf '%s\n' "$err" | sed -n '1s/.*"fixes": \[{"file": "fix.nn", "start": \([0-9]*\).*/\1/p')
  end=$(printf '%s\n' "$err" | sed -n '1s/.*"fixes": \[{"file": "fix.nn", "start": [0-9]*, "end": \([0-9]*\).*/\1/p')
  with=$(printf '%s\n' "$err" | sed -n '1s/.*"replacement": "\([^"]*\)"}\]}$/\1/p')
  [ -n "$start" ] || { not_ok "no fix for: $1" "$err"; return; }
  { head -c "$start" fix.nn; printf %s "$with"; tail -c +$((end + 1)) fix.nn; } >fixed.nn
  same "fixed: $1" "$(cat fixed.nn)" "$2"
  run check fixed.nn
  is 0 ""
}
fix 'fn f(x: f64) = x ^ 2' 'fn f(x: f64) = x ** 2'
fix 'fn f(x: f64) = if x>0&&x<1 then 1 else 0' 'fn f(x: f64) = if x>0 and x<1 then 1 else 0'
fix 'fn f(x: f64) = if x > 0 || x < 1 then 1 else 0' 'fn f(x: f64) = if x > 0 or x < 1 then 1 else 0'
fix 'fn f(x: bool) = !x' 'fn f(x: bool) = not x'
fix 'fn f(x: f64)-> f64 = x' 'fn f(x: f64): f64 = x'
fix 'fn f(x: f64) = x × 2' 'fn f(x: f64) = x * 2'
fix 'fn f(x: f64) == x' 'fn f(x: f64) = x'
fix 'fn f(x: f64[N]) = softmx(x)' 'fn f(x: f64[N]) = softmax(x)'
fix 'fn f(x: f64[N]) = sum(x, axs: 0)' 'fn f(x: f64[N]) = sum(x, axis: 0)'
fix 'fn f(x: f6[N]) = sum(x)' 'fn f(x: f64[N]) = sum(x)'
fix 'fn f(x: f64) { var total = x; totl = 2; total }' 'fn f(x: f64) { var total = x; total = 2; total }'
finish
