#!/bin/sh
# usage.sh: help, version, and the ways to get a command line wrong.
. "${TOP_SRCDIR:-.}/tests/lib.sh"

for flag in --version -V; do
  run $flag
  is 0
  same "$what: first line" "$(printf '%s\n' "$out" | sed -n 1p | grep -cE '^gradc [0-9.]+$')" 1
  out_has "-bit vectors"
  out_has "machine code: "
  same "$what: stderr" "$err" ""
done

run --help
is 0
out_has "Usage: gradc COMMAND"
out_has "Exit status:"
overview=$out
run help
is 0 "$overview"
run
is 2 ""
err_has "Usage: gradc COMMAND"

# Every command of the table has help of its own, the same in both forms.
commands=$(sed -n 's/^COMMAND(\([a-z]*\),.*/\1/p' "$TOP_SRCDIR/src/cli/commands.def")
[ -n "$commands" ] || not_ok "no command found in commands.def"
for command in $commands; do
  case $overview in *"
  $command "*) ok ;; *) not_ok "gradc --help does not list $command" ;; esac
  run "$command" --help
  is 0
  out_has "Usage: gradc $command "
  long=$out
  run help "$command"
  is 0 "$long"
done

# No help line is wider than 80 columns, nor ends in a space.
for command in $commands; do
  run help "$command"
  same "$what: long lines" "$(printf '%s\n' "$out" | grep -E '.{81}| $')" ""
done

# Every option of the table is listed, refuses nonsense, and is what a slip of its name suggests.
sed -n 's/^OPTION(\([a-z]*\), *[a-z_]*, *"\([a-z-]*\)", *\([^,]*\), *\("[^"]*"\), *\([A-Z]*\),.*/\1 \2 \3 \4 \5/p' \
  "$TOP_SRCDIR/src/cli/options.def" >"$work/options"
same "options read of options.def" "$(wc -l <"$work/options")" "$(grep -c '^OPTION(' "$TOP_SRCDIR/src/cli/options.def")"
while read -r command long letter arg type; do
  of=$command
  [ "$command" != all ] || of=check
  run help "$of"
  arg=${arg#\"} arg=${arg%\"}
  out_has "--$long${arg:+=$arg}"
  case $letter in 0) ;; *) out_has "-$(printf %s "$letter" | tr -d "'"), --$long" ;; esac
  [ ${#long} -gt 1 ] || continue # a letter more is another word
  run "$of" "--${long}q"
  is 2 ""
  err_has "did you mean --$long?"
  case $type in
    FLAG) run "$of" "--$long=yes" && err_has "takes no argument" ;;
    INT | REAL | CHOICE)
      for bad in nonsense '' 1x 1e999 nan -inf; do
        run "$of" "--$long=$bad" x
        is 2 ""
        err_has "--$long takes "
      done ;;
  esac
  [ "$type" = FLAG ] || { run "$of" "--$long"; err_has "needs an argument"; }
  is 2 ""
done <"$work/options"

run explian
is 2 ""
err_has 'did you mean "explain"?'
err_has "Try 'gradc --help'."
run help explian
is 2 ""
run frobnicate
is 2 ""
err_has 'there is no command "frobnicate"'
run --hepl
is 2 ""
err_has "did you mean --help?"
run explain --opps
is 2 ""
err_has "did you mean --ops?"
err_has "Try 'gradc explain --help'."
run explain --ops=yes
is 2 ""
err_has "--ops takes no argument"
run explain -x
is 2 ""
err_has "there is no option -x"
run explain --color
is 2 ""
err_has "needs an argument"
run explain --color=blue
is 2 ""
err_has 'takes one of auto|always|never, not "blue"'
run help explain explain
is 2 ""
err_has "one operand too many"

# A disk that is full is an error, not a short file.
if [ -w /dev/full ]; then
  code=0
  "$GRADC" --help >/dev/full 2>"$work/err" || code=$?
  out='' err=$(cat "$work/err") what="gradc --help >/dev/full"
  is 4
  err_has "can't write the output"
fi

# Without a terminal there are no control characters.
run --help
same "control characters" "$(printf '%s' "$out" | tr -d '\n' | tr -dc '\000-\037')" ""
finish
