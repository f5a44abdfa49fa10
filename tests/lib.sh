# lib.sh: what the shell tests share; sourced by them. GRADC and TOP_SRCDIR come from make check.
: "${GRADC:=$PWD/gradc}" "${TOP_SRCDIR:=.}"
unset NO_COLOR CLICOLOR_FORCE
LC_ALL=C TERM=dumb
export LC_ALL TERM
passed=0 failed=0
work=$(mktemp -d "${TMPDIR:-/tmp}/gradc-test.XXXXXX") || exit 99
trap 'rm -rf "$work"' EXIT
trap 'exit 99' HUP INT TERM

ok() { passed=$((passed + 1)); }
not_ok() {
  failed=$((failed + 1))
  printf 'FAIL: %s\n' "$1"
  [ -z "${2-}" ] || printf '%s\n' "$2" | sed 's/^/    /'
}

# run ARG...: runs gradc; its exit code, stdout and stderr are then in $code, $out and $err.
run() {
  code=0
  "$GRADC" "$@" >"$work/out" 2>"$work/err" </dev/null || code=$?
  out=$(cat "$work/out") err=$(cat "$work/err")
  what="gradc $*"
}

# is CODE [OUT]: the last run's exit code, and its whole stdout where given.
is() {
  if [ "$code" -ne "$1" ]; then
    not_ok "$what: exit code $code instead of $1" "$out$err"
  elif [ $# -gt 1 ] && [ "$out" != "$2" ]; then
    not_ok "$what: printed" "$out
instead of
$2"
  else
    ok
  fi
}

# out_has TEXT, err_has TEXT: the last run's output contains the text.
out_has() { has "$out" "$1" stdout; }
err_has() { has "$err" "$1" stderr; }
has() {
  case $1 in
    *"$2"*) ok ;;
    *) not_ok "$what: $3 lacks \"$2\"" "$1" ;;
  esac
}

# same WHAT GOT WANTED
same() {
  if [ "$2" = "$3" ]; then ok; else not_ok "$1: got" "$2
instead of
$3"; fi
}

finish() {
  printf '%d passed, %d failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ]
  exit
}
