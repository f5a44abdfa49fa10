#!/bin/sh
# lang.sh: runs the programs in documents and language tests through `gradc eval` and compares.
#
#   lang.sh [FILE...]    default: docs/LANGUAGE.md, the other documents, tests/lang/*.nn
#
# In a .md file each block fenced as ```nn is a program; in a .nn file the parts between lines `---`
# are. A line of a program says what it is by its first characters:
#   > expression    evaluated after the program was loaded (or one more declaration)
#   = text          what that prints; numbers with a point or exponent are compared to 1e-6
#   ! E0304 text    it gives a diagnostic whose code begins so and whose text contains `text`;
#                   before the first `>`: `gradc check` of the program does
#   ~ python        where the value comes from, for tests/reference/lang_values.py; ignored here
# Anything else is the program's own. A program without expectations must pass `gradc check`.
. "${TOP_SRCDIR:-.}/tests/lib.sh"
here=$TOP_SRCDIR/tests

if [ $# -eq 0 ]; then
  set -- "$TOP_SRCDIR"/docs/*.md "$TOP_SRCDIR"/tests/lang/*.nn
fi

# Evaluates the expressions in the file $1 (one a line) after loading $2.
eval_lines() {
  list=$1 program=$2
  set --
  while IFS= read -r line; do set -- "$@" "$line"; done <"$list"
  run eval -- "$program" "$@"
}

# Checks the diagnostic of the last run against "CODE TEXT".
diagnosed() {
  want_code=${1%% *} want_text=
  case $1 in *" "*) want_text=${1#* } ;; esac
  want_exit=3
  case $want_code in E0713) want_exit=1 ;; esac # found when it ran
  case $code:$err in
    $want_exit:*"error[$want_code"*"$want_text"*) ok ;;
    *) not_ok "$2: expected $1, exit code $want_exit" "exit code $code
$out
$err" ;;
  esac
}

for file in "$@"; do
  rm -rf "$work/parts"
  mkdir "$work/parts"
  awk -v dir="$work/parts" -f "$here/lang_split.awk" "$file" || exit 99
  for part in "$work"/parts/*.nn; do
    [ -e "$part" ] || continue
    base=${part%.nn}
    at=$file:$(cat "$base.line")
    if [ -e "$base.check" ]; then  # diagnostics of the program itself, or none
      run check "$part"
      if [ -s "$base.check" ]; then
        while IFS= read -r want; do diagnosed "$want" "$at"; done <"$base.check"
      elif [ "$code" -eq 0 ]; then
        ok
      else
        not_ok "$at: check" "$err"
      fi
    fi
    if [ -s "$base.good" ]; then
      eval_lines "$base.good" "$part"
      if [ "$code" -eq 0 ]; then
        cp "$work/out" "$base.got"
      else  # one at a time, so that one failure does not hide the others
        : >"$base.got"
        n=$(wc -l <"$base.good")
        i=0
        while [ "$i" -lt "$n" ]; do
          i=$((i + 1))
          awk -v n=$i '/^(fn|const|param) / ? NR <= n : NR == n' "$base.good" >"$base.one"
          kind=$(sed -n "${i}p" "$base.good")
          case $kind in "fn "* | "const "* | "param "*) continue ;; esac
          eval_lines "$base.one" "$part"
          if [ "$code" -eq 0 ]; then
            tail -n 1 "$work/out" >>"$base.got"
          else
            printf 'exit code %s: %s\n' "$code" "$(tr '\n' '~' <"$work/err")" >>"$base.got"
          fi
        done
      fi
      awk -v file="$file" -f "$here/lang_compare.awk" "$base.want" "$base.got" >"$base.result"
      passed=$((passed + $(grep -c '^ok$' "$base.result")))
      failed=$((failed + $(grep -c '^FAIL: ' "$base.result")))
      grep -v '^ok$' "$base.result" | tr '~' '\n'
    fi
    if [ -e "$base.bad" ]; then
      while IFS='	' read -r line want expr; do
        printf '%s\n' "$expr" >"$base.one"
        eval_lines "$base.one" "$part"
        diagnosed "$want" "$file:$line: $expr"
      done <"$base.bad"
    fi
  done
done
finish
