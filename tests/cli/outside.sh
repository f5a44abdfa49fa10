#!/bin/sh
# outside.sh: indices from data that are outside of what they read: eval, train, predict and test say
# so with the place, the index and the extent and end with exit code 1; a step of training that meets
# one changes nothing; functions of emitted C and of built objects return the status.
. "${TOP_SRCDIR:-.}/tests/lib.sh"
cd "$work" || exit 99
GRADC_THREADS=1
export GRADC_THREADS

cat >m.nn <<'END'
param table: f32[5, 3] ~ normal(0.0, 1.0)
fn logits(word: i32[N]) = table[word]
fn loss(word: i32[N], label: i32[N]) = mean(cross_entropy(logits(word), label))
test "inside" { shape(logits(i32([4, 0]))) == (2, 3) }
test "outside" { sum(logits(i32([4, 5]))) > 0 }
test "after it" { shape(logits(i32([1]))) == (1, 3) }
END
cat >good.csv <<'END'
word,label
0,1
4,2
3,0
2,2
END
sed 's/^3,0/3,7/' good.csv >bad.csv

# ---- the evaluator, and tests
run eval m.nn 'loss(i32([0, 4]), i32([1, 2])) > 0'
is 0 true
run eval m.nn 'loss(i32([0, 4]), i32([1, 3]))'
is 1 ""
err_has "m.nn:3:45: error[E0713]: index 3 is outside: the extent is 3"
run test m.nn
is 1 "ok    inside
FAIL  outside
      m.nn:2: index 5 is outside: the extent is 5
ok    after it
2 passed, 1 failed"

# ---- machine code
run train m.nn --data good.csv --batch 4 --epochs 1 --save w.npz
case $err in
  *gradc-llvm*) echo "SKIP: built without the LLVM back end"; exit 77 ;;
esac
is 0
run train m.nn --data bad.csv --batch 4 --epochs 1 --save bad.npz
is 1
err_has "m.nn:3:45: error[E0713]: index 7 is outside: the extent is 3"
err_has "note: in epoch 1, step 1; the weights kept are those before this step"
run train m.nn --data good.csv --val bad.csv --batch 4 --epochs 2
is 1
err_has "note: where the functions were measured on the validation data, after epoch 1"
run predict m.nn logits --load w.npz --data bad.csv -o y.npz
is 0
sed 's/^3,7/-2,0/' bad.csv >below.csv
run predict m.nn logits --load w.npz --data below.csv -o z.npz
is 1
err_has "m.nn:2:33: error[E0713]: index -2 is outside: the extent is 5"
if [ -e z.npz ]; then not_ok "a file that nothing was computed for"; else ok; fi
printf '%s\n' 'loss(i32([0, 4]), i32([1, 9]))' '1 + 1' >lines
code=0
out=$("$GRADC" repl --engine native m.nn <lines 2>err) || code=$?
err=$(cat err) what="the REPL"
err_has "index 9 is outside: the extent is 3"
out_has 2

# ---- emitted C, and an object
cat >use.c <<'END'
#include "m.h"
#include <stdio.h>
#include <string.h>
static _Alignas(64) unsigned char ws[M_LOSS_SGD_STEP_WORKSPACE];
int main(void) {
  static m_params p, before, m;
  int32_t word[4] = {0, 4, 3, 2}, label[4] = {1, 2, 0, 2};
  float loss;
  for (int i = 0; i < 15; i++) p.table[i] = (float)i / 8;
  int wrong = m_loss_sgd_step(&p, &m, word, label, 0.5, 1, &loss, ws, sizeof ws) != M_OK;
  before = p;
  label[2] = 3;
  wrong |= m_loss_sgd_step(&p, &m, word, label, 0.5, 2, &loss, ws, sizeof ws) != M_INDEX;
  wrong |= memcmp(&p, &before, sizeof p) != 0;
  label[2] = 0, word[1] = -1;
  wrong |= m_loss_sgd_step(&p, &m, word, label, 0.5, 2, &loss, ws, sizeof ws) != M_INDEX;
  wrong |= memcmp(&p, &before, sizeof p) != 0;
  word[1] = 1;
  wrong |= m_loss_sgd_step(&p, &m, word, label, 0.5, 2, &loss, ws, sizeof ws) != M_OK;
  wrong |= memcmp(&p, &before, sizeof p) == 0;
  puts(m_strerror(M_INDEX));
  return wrong;
}
END
for cpu in native generic; do
  run emit --c m.nn --functions loss --step sgd -D N=4 --cpu $cpu -o m.c
  is 0 ""
  if cc -std=c11 -Wall -Wextra -pedantic -Werror -O1 m.c use.c -o use -lm >log 2>&1 && ./use >out; then
    same "strerror" "$(cat out)" "an index is outside of what it reads; parameters and states are as they were"
  else
    not_ok "the step of $cpu C" "$(cat log)"
  fi
done
run build m.nn --functions loss --step sgd -D N=4 -o m.o
is 0
if cc -std=c11 -Wall -O1 use.c m.o -o use -lm >log 2>&1 && ./use >out; then ok; else not_ok "the object" "$(cat log)"; fi
finish
