#!/bin/sh
# stages.sh: the stages that gradc emit prints, of functions, gradients and whole training steps; and the options that
# are about C alone, which no other stage takes.
. "${TOP_SRCDIR:-.}/tests/lib.sh"
cd "$work" || exit 99
cat >net.nn <<'END'
param W: f32[3, 4]
fn loss(x: f32[N, 3], y: f32[N, 4]) = mean((tanh(x @ W) - y)**2)
fn size2(x: f32[N, 3]) = sum((x @ W)**2)
fn rows(x: f32[N, 3]) = x @ W
fn parts(x: f32[N, 3]) = (sum(x @ W), max(x))
fn nothing(x: f32[N, 3]) = sum(x)
END

# ---- every stage, of each kind of work
for stage in ir dot loops llvm asm plan; do
  for work_on in loss 'grad(loss)' 'value_and_grad(size2)'; do
    run emit --$stage net.nn "$work_on"
    is 0
    same "$what: says something" "$([ -n "$out" ] && echo yes)" yes
  done
  for step in sgd momentum adam adamw; do
    run emit --$stage net.nn size2 --step $step
    is 0
  done
done

# ---- a step
run emit --ir net.nn --step adam # of `loss` where no function is named
is 0
out_has 'fn step'
out_has 'in  W.m: f32[3, 4]'
out_has 'in  W.v: f32[3, 4]'
out_has '  loss'
out_has '  in W.v'
run emit --ir net.nn --step sgd
out_lacks 'W.v'
run emit --loops net.nn size2 --step adam
out_has 'program step'

# Whatever makes steps refuses what can't be made less, in the same words.
for command in 'emit --ir' 'emit --loops' 'bench --seconds 0.001'; do
  for case in 'rows|it is f32[N, 4]' 'parts|it has 2 parts' 'grad(loss)|it is f32[3, 4]'; do
    run $command net.nn "${case%%|*}" --step sgd
    is 3
    err_has 'error[E0704]'
    err_has 'must be a float scalar to be minimised'
    err_has "${case#*|}"
  done
  run $command net.nn nothing --step sgd
  is 3
  err_has 'error[E0703]'
done
for f in rows parts; do
  sed "/^fn loss/d; s/^fn $f/fn loss/" net.nn >other.nn
  for command in 'emit --c' 'build -o other.o' verify; do
    run $command other.nn --step adam
    is 3
    err_has 'error[E0704]'
    err_has '`loss` must be a float scalar to be minimised'
  done
done

# ---- of C alone
about_c=$(sed -n 's/^[A-Z]*([A-Z_, ]* "\([a-z]*\)",.*WITH_C.*/\1/p' "$TOP_SRCDIR/src/api/job.def")
same 'some are found' "$(printf '%s\n' "$about_c" | grep -c -x -e cpu -e prefix -e selftest -e main)" 4
for option in $about_c; do
  case $option in
    cpu) value==generic ;;
    real) value==float ;;
    weights | prefix | functions | cc) value==loss ;;
    embed) value==hex ;;
    *) value= ;;
  esac
  for stage in ir loops asm plan; do
    run emit --$stage net.nn loss --$option$value
    is 2 ''
    err_has "--$option goes with --c"
  done
done
finish
