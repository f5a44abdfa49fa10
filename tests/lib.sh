# lib.sh: what the shell tests share; sourced by them. GRADC and TOP_SRCDIR come from make check.
: "${GRADC:=$PWD/gradc}" "${TOP_SRCDIR:=.}"
unset NO_COLOR CLICOLOR_FORCE
LC_ALL=C TERM=dumb GRADC_CACHE=off
export LC_ALL TERM GRADC_CACHE
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

# out_lacks TEXT: the last run's output doesn't contain it.
out_lacks() {
  case $out in
    *"$1"*) not_ok "$what: stdout has \"$1\"" "$out" ;;
    *) ok ;;
  esac
}

# same WHAT GOT WANTED
same() {
  if [ "$2" = "$3" ]; then ok; else not_ok "$1: got" "$2
instead of
$3"; fi
}

# wait_until COMMAND...: until the command succeeds, however busy the machine is; false: it never did.
wait_until() {
  tries=0
  until "$@"; do
    tries=$((tries + 1))
    [ $tries -lt 12000 ] || return 1
    sleep 0.01
  done
}

# without_prelude_lines: text with # for the digits of line numbers of the prelude, which every edit of it moves.
without_prelude_lines() {
  sed -e '/::: <prelude>:/{' -e 's/[0-9]/#/g;n' -e ':again' -e 's/^\( [ #]*\)[0-9]/\1#/;tagain' -e '}'
}

# golden FILE: runs the cases of a file of golden outputs and compares all that they print.
#
#   ==== title           begins a case; the lines after it are the program bad.nn
#   ---- 3 check bad.nn  runs that command line, which must end in exit code 3 and print
#   error[...]: ...      these lines: stdout, then stderr
#
# Times are replaced by #, line numbers of the prelude too. Commands are shell words and run in $work, which the caller
# may have filled with files. A case without a program keeps the last one. With GOLDEN_UPDATE=1 the file is rewritten
# from what is printed now: read the difference before you commit it.
golden() {
  [ -x "$GRADC" ] || { echo "there is no program $GRADC"; exit 99; }
  rm -rf "$work/golden"
  mkdir "$work/golden"
  awk -v dir="$work/golden" -f "$TOP_SRCDIR/tests/golden_split.awk" "$1" || exit 99
  [ -z "${GOLDEN_UPDATE-}" ] || : >"$work/golden/new"
  while IFS='	' read -r kind part line rest; do
    case $kind in
      title)
        title=$rest
        [ ! -s "$part" ] || cp "$part" "$work/bad.nn"
        [ -z "${GOLDEN_UPDATE-}" ] || { printf '==== %s\n' "$title"; cat "$part"; } >>"$work/golden/new" ;;
      note) [ -z "${GOLDEN_UPDATE-}" ] || cat "$part" >>"$work/golden/new" ;;
      run) golden_run "$1:$line: $title" "$part" "${rest%% *}" "${rest#* }" ;;
    esac
  done <"$work/golden/list"
  if [ -n "${GOLDEN_UPDATE-}" ]; then cp "$work/golden/new" "$1"; fi
}
golden_run() {
  code=0
  (cd "$work" && eval "\"\$GRADC\" $4") >"$work/out" 2>"$work/err" </dev/null || code=$?
  cat "$work/out" "$work/err" | sed -e 's/compiled in [0-9.]* ms/compiled in # ms/' \
    -e 's/  [0-9.]* s$/  # s/' | without_prelude_lines >"$work/both"
  if [ -n "${GOLDEN_UPDATE-}" ]; then
    { printf -- '---- %s %s\n' "$code" "$4"; cat "$work/both"; } >>"$work/golden/new"
  elif [ "$code" -ne "$3" ]; then
    not_ok "$1: gradc $4: exit code $code instead of $3" "$(cat "$work/both")"
  elif cmp -s "$2" "$work/both"; then
    ok
  else
    not_ok "$1: gradc $4" "$(diff "$2" "$work/both")"
  fi
}

finish() {
  printf '%d passed, %d failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ]
  exit
}

# ---- tests that need other programs
have() { command -v "$1" >/dev/null 2>&1; }

# skip: one check can't be made here; $skipped counts them.
skipped=0
skip() { skipped=$((skipped + 1)); }

# compiled WHAT COMMAND...: the command ends well and says nothing.
compiled() {
  title=$1
  shift
  if text=$("$@" 2>&1) && [ -z "$text" ]; then ok; else not_ok "$title: $*" "$(printf '%s\n' "$text" | head -20)"; fi
}

# shows WHAT WANTED COMMAND...: the command ends well and prints that.
shows() {
  title=$1 wanted=$2
  shift 2
  if text=$("$@" 2>&1); then same "$title" "$text" "$wanted"; else not_ok "$title: status $?" "$text"; fi
}

# with_numpy: sets $python to one that has NumPy; without any the test is skipped.
with_numpy() {
  for python in python3 /usr/bin/python3; do
    if "$python" -c 'import numpy' 2>/dev/null; then return; fi
  done
  echo "SKIP: no python3 with NumPy"
  exit 77
}
