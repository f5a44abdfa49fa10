#!/bin/sh
# bad_run.sh: what happens to a run from outside: Ctrl-C in training and going on after it, full
# disks, closed pipes, missing back ends, colour.
. "${TOP_SRCDIR:-.}/tests/lib.sh"
cd "$work" || exit 99
GRADC_THREADS=1
export GRADC_THREADS

cat >net.nn <<'END'
param W1: f32[20, 1000] ~ he()
param b1: f32[1000]
param W2: f32[1000] ~ normal()
fn predict(x: f32[N, 20]) = mean(tanh(x @ W1 + b1) * W2, axis: 1)
fn loss(x: f32[N, 20], y: f32[N]) = mean((predict(x) - y)**2)
END
awk 'BEGIN { for (i = 0; i < 2000; i++) { s = ""; for (k = 0; k < 20; k++) s = s sprintf("%.3f,", sin(i * (k + 1.3)))
             print substr(s, 1, length(s) - 1) >"x.csv"; printf "%.3f\n", cos(i) >"y.csv" } }'
run_of() { # EPOCHS OPTION...: a training run; it takes the place of the shell, so signals reach it
  epochs=$1
  shift
  exec "$GRADC" train net.nn --data x=x.csv --data y=y.csv --batch 1 --lr 0.01 --epochs "$epochs" "$@"
}

# Ctrl-C: the step is finished, the weights and the checkpoint are saved, 130 is returned; going on
# ends in the same bits as a run that was left alone. The run that is interrupted would take hours: it
# ends early however late the signal comes, and goes on to the end of the second epoch from there.
lines() { [ -s "$1" ] && [ "$(wc -l <"$1")" -gt "$2" ]; }
run_of 1000000 --save w.safetensors --resume c.safetensors --log log --log-every 500 >out 2>err &
pid=$!
wait_until lines log 15
kill -INT $pid
wait $pid
same "interrupted training: exit code" "$?" 130
same "interrupted training: stderr" "$(cat err)" ""
has "$(cat log)" '"event":"end","status":"interrupted"' "the log"
for f in w.safetensors c.safetensors; do
  run inspect $f
  is 0
done
epochs=$(sed -n 's/.*"interrupted","epoch":\([0-9]*\),.*/\1/p' log)
end=$((epochs + 2))
(run_of $end --save whole.safetensors --resume whole-c.safetensors) >out 2>err
same "an undisturbed run: exit code" "$?" 0
(run_of $end --save w.safetensors --resume c.safetensors) >out 2>err
same "training that goes on: exit code" "$?" 0
has "$(cat out)" "resumed from c.safetensors after" stdout
if cmp w.safetensors whole.safetensors && cmp c.safetensors whole-c.safetensors; then ok
else not_ok "an interrupted and resumed run ends in other bits"; fi
same "files left behind" "$(find . -name '*.tmp*' -o -name '.*' ! -name .)" ""

# A second Ctrl-C ends the program at once; what was saved before stays whole.
rm -f out # the last run left one
run_of 1000000 --save w.safetensors >out 2>err &
pid=$!
wait_until grep -qs '^epoch' out
kill -INT $pid
kill -INT $pid 2>/dev/null
wait $pid
same "two interrupts: exit code" "$?" 130
same "two interrupts: stderr" "$(cat err)" ""
run inspect w.safetensors
is 0

# A disk that is full: an error, and what was there stays.
full() { # COMMAND...: with its standard output on a full disk
  code=0
  "$GRADC" "$@" >/dev/full 2>"$work/err" || code=$?
  out='' err=$(cat "$work/err") what="gradc $* >/dev/full"
  is 4
  err_has "can't write the output: No space left on device"
}
if [ -w /dev/full ]; then
  full eval '1 + 1'
  full explain
  full grad net.nn loss
  full emit --ir net.nn loss
  full gradcheck net.nn loss
  full inspect w.safetensors
  full train net.nn --data x=x.csv --data y=y.csv --epochs 1
  ln -s /dev/full full.npz
  run train net.nn --data x=x.csv --data y=y.csv --epochs 1 --save full.npz
  is 4
  err_has "error[E0621]: full.npz: byte 0: can't be written: No space left on device"
  run train net.nn --data x=x.csv --data y=y.csv --epochs 1 --log /dev/full
  is 0
  err_has "warning[E0627]: /dev/full can't be written: No space left on device"
fi
mkdir small
if [ "$(id -u)" -eq 0 ] && mount -t tmpfs -o size=16k tmpfs small 2>/dev/null; then
  trap 'umount "$work/small"; rm -rf "$work"' EXIT
  cat >big.nn <<'END'
param W: f32[20, 400] ~ he()
fn loss(x: f32[N, 20], y: f32[N]) = mean((mean(x @ W, axis: 1) - y)**2)
END
  echo "what was there" >small/w.npz
  run train big.nn --data x=x.csv --data y=y.csv --epochs 1 --save small/w.npz
  is 4
  err_has "error[E0621]: small/w.npz: byte "
  err_has "can't be written: No space left on device"
  same "a full disk: the old file" "$(cat small/w.npz)" "what was there"
  same "a full disk: files" "$(ls -A small)" "w.npz"
fi

# A reader that has seen enough, no reader, no output at all.
"$GRADC" explain --ops 2>err | head -n 1 >out
same "explain --ops | head: stdout" "$(wc -l <out)" 1
same "explain --ops | head: stderr" "$(cat err)" ""
"$GRADC" check net.nn >&- 2>err
same "check without standard output: exit code" "$?" 0
run eval '1 +' 2>&-
is 3 ""
"$GRADC" eval '1 + 1' >&- 2>err
same "a value that nobody can read: exit code" "$?" 4
same "a value that nobody can read" "$(cat err)" \
  "gradc: can't write the output: Bad file descriptor"
# What is printed never ends up in a file that took the descriptor of a closed stream.
(run_of 2 --batch 500 --log log.jsonl) <&- >&- 2>err
same "a log without standard streams" "$(grep -cv '^{' log.jsonl)" 0

# Folders that can't be written, for those whom that stops.
if [ "$(id -u)" -ne 0 ]; then
  mkdir locked
  chmod 500 locked
  run train net.nn --data x=x.csv --data y=y.csv --epochs 1 --save locked/w.npz
  is 4
  err_has "error[E0621]: locked/w.npz: can't be written: Permission denied"
fi

# No LLVM: what needs machine code says so, the rest works.
module=${GRADC_LLVM_MODULE-}
GRADC_LLVM_MODULE=/nowhere/gradc-llvm.so
export GRADC_LLVM_MODULE
for command in "train net.nn --data x=x.csv --data y=y.csv" "bench net.nn loss" "emit --asm net.nn loss"; do
  # shellcheck disable=SC2086
  run $command
  is 3 ""
  err_has "error[E0701]"
  err_has "/nowhere/gradc-llvm.so"
done
run eval '1 + 1'
is 0 2
run --version
is 0
out_has "machine code: no, there is no /nowhere/gradc-llvm.so"
if [ -n "$module" ]; then GRADC_LLVM_MODULE=$module; else unset GRADC_LLVM_MODULE; fi

# Colour: by option, not in a pipe, never with NO_COLOR.
escape=$(printf '\033')
echo 'fn f(x: f64) = y' >bad.nn
run check bad.nn
case $err in *"$escape"*) not_ok "colour in a pipe" ;; *) ok ;; esac
run check --color=always bad.nn
err_has "$escape[1;31merror[E0201]"
if command -v script >/dev/null; then
  TERM=xterm
  export TERM
  colour() { script -qec "$1 '$GRADC' check bad.nn" /dev/null </dev/null; }
  has "$(colour env)" "$escape[1;31m" "a terminal's output"
  for no in "NO_COLOR=1" "TERM=dumb"; do
    case $(colour "env $no") in *"$escape"*) not_ok "colour with $no" ;; *) ok ;; esac
  done
  # Progress is written over on a terminal, and in plain lines elsewhere.
  seen=$(script -qec "'$GRADC' train net.nn --data x=x.csv --data y=y.csv --batch 1 --epochs 60" /dev/null </dev/null)
  has "$seen" "$escape[K" "a terminal's output"
  TERM=dumb
fi
run train net.nn --data x=x.csv --data y=y.csv --epochs 2
is 0
same "control characters" "$(printf '%s' "$out" | tr -d '\n' | tr -dc '\000-\037')" ""
finish
