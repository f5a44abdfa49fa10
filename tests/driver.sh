#!/bin/sh
# driver.sh: what `make check` runs each test through (automake's protocol for custom drivers).
# A test ends in the line of the Check library, "100%: Checks: 12, Failures: 0, Errors: 0", or in
# "12 passed, 0 failed"; the single checks are what is counted and summed up. A test without either
# counts as one check; exit code 77 means skipped.
set -u
name= log= trs=
while [ $# -gt 0 ]; do
  case $1 in
    --test-name) name=$2; shift ;;
    --log-file) log=$2; shift ;;
    --trs-file) trs=$2; shift ;;
    --color-tests|--expect-failure|--enable-hard-errors|--collect-skipped-logs) shift ;;
    --) shift; break ;;
    *) break ;;
  esac
  shift
done

mkdir -p "$(dirname "$log")"
"$@" >"$log" 2>&1
code=$?

counts=$(sed -n \
  -e 's/^[0-9]*%: Checks: \([0-9]*\), Failures: \([0-9]*\), Errors: \([0-9]*\)$/\1 \2 \3 check/p' \
  -e 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2 0 shell/p' "$log" | tail -n 1)
summary=$(grep -E '^[0-9]*%: Checks: |^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -n 1)
skips=$(grep -c '^SKIP: ' "$log")
set -- ${counts:-none}
pass=0 fail=0
case ${4-none} in
  check) fail=$(($2 + $3)) pass=$(($1 - $2 - $3)) ;;
  shell) pass=$1 fail=$2 ;;
  *) case $code in 0) pass=1 ;; 77) skips=1 ;; esac ;;
esac
# A test that died, or failed without saying in which check, is a failure too.
case $code in 0|77) ;; *) [ "$fail" -gt 0 ] || fail=1 ;; esac

result=PASS
[ "$skips" -gt 0 ] && [ "$pass" -eq 0 ] && result=SKIP
[ "$fail" -gt 0 ] && result=FAIL
printf '%s: %s  %s\n' "$result" "$name" "$summary"
[ $result = PASS ] || tail -n 60 "$log" | sed 's/^/  | /'

{
  awk -v p="$pass" -v f="$fail" -v s="$skips" 'BEGIN {
    while (p-- > 0) print ":test-result: PASS"
    while (f-- > 0) print ":test-result: FAIL"
    while (s-- > 0) print ":test-result: SKIP"
  }'
  printf ':global-test-result: %s\n:recheck: %s\n:copy-in-global-log: %s\n' "$result" \
    "$([ $result = FAIL ] && echo yes || echo no)" "$([ $result = PASS ] && echo no || echo yes)"
} >"$trs"
