#!/bin/sh
# repl.sh: gradc repl with scripts on standard input: values, definitions that are replaced, errors,
# commands, exit codes. What it does on a terminal is in tests/test_repl.c.
. "${TOP_SRCDIR:-.}/tests/lib.sh"
cd "$work" || exit 99

# repl [OPTION...]: a script from standard input; then $code, $out and $err are what came of it.
repl() {
  code=0
  what="gradc repl $*"
  "$GRADC" repl "$@" >out 2>err || code=$?
  out=$(cat out) err=$(cat err)
}
err_is() { same "$what: stderr" "$err" "$1"; }

# ---- values and definitions ---------------------------------------------------------------------------
repl <<'END'
fn f(x: f64) = x**3 + 2*x
f(2.0)
grad(f)(2.0)
grad(grad(f))(2.0)
END
is 0 "12
14
12"
err_is ""

# No prompts, no control characters, also with a terminal's TERM.
printf '1 + 1\n' | TERM=xterm "$GRADC" repl >out 2>err
same "a script: output" "$(od -c out)" "$(printf '2\n' | od -c)"
printf '1 + 1' | "$GRADC" repl >out
same "a last line without an end" "$(cat out)" 2
repl </dev/null
is 0 ""
printf '1 + 1\r\n2 + 2\r\n' | repl
printf '1 + 1\r\n2 + 2\r\n' >dos
repl <dos
is 0 "2
4"

# Entries over several lines: brackets, blocks, operators at an end or at a beginning, comments.
repl <<'END'
# twice its argument
fn g(
  x: f64
) {
  let y = x

  # in between
  y + y
}
g(
  4.0)
1 +
  2
1
  + 2
  * 3
if 1 < 2
  then 10
  else 20

# nothing
fn h(x: f64) =
  x -
    1
h(3.0)
END
is 0 "8
3
7
10
2"
err_is ""

# What is defined anew is used by all that uses it, derivatives too.
repl <<'END'
const k = 2.0
fn f(x: f64) = k * x**2
fn outer(x: f64) = f(x) + 1
outer(3.0)
grad(outer)(3.0)
fn f(x: f64) = k * x**3
outer(3.0)
grad(outer)(3.0)
const k = 10.0
grad(outer)(3.0)
outer(3.0)
outer(3.0)
END
is 0 "19
12
55
54
270
271
271"

# A wrong definition leaves the one before it; the script goes on, and ends with the first error's status.
repl <<'END'
fn f(x: f64) = 2 * x
fn f(x: f64) = unknown_thing(x)
f(4.0)
fn f(x: f64) = (
f(5.0)
)
fn f(x: f64, y: f32[3]) = x + sum(y) + z
f(6.0)
param W: f64[2] ~ missing()
fn f(x: f64) = grad(floor_of)(x)
f(7.0)
END
is 3 "8
12
14"
err_has "<line 2>:1:16: error[E0201]"
err_has "<line 7>:1:"
err_has "<line 9>:1:"
repl <<'END'
let first = 1
fn first(x: f64) = x
first(2.0)
fn second(x: i32) = undefined
layer first(x: f64) { param a: f64[undefined2]
  x }
first(3.0)
const c = c + 1
const c = 4
c
END
is 3 "2
3
4"
# A parameter that can't be keeps its old type and value.
repl <<'END'
param p: f64[2] ~ ones()
p
param p: f64[2] ~ nothing_of_that_name()
p
param p: f64[3] ~ ones()
sum(p)
END
is 3 "[1.0, 1.0]  f64[2]
[1.0, 1.0]  f64[2]
3"
# All of a file or nothing.
printf 'fn a() = 1\nfn b() = nonsense\n' >half.nn
repl <<'END'
fn a() = 5
:load half.nn
a()
b()
END
is 3 "5"
err_has "half.nn:2:10: error[E0201]"
err_has "<line 4>:1:1: error[E0201]"

# ---- how values are written -----------------------------------------------------------------------------
repl <<'END'
[1.0, -2.5, 1000.0]
[[1, 20], [300, 4]]
[true, false]
f32([0.1, 0.25])
1e10 * [1.0, 2.5]
[1.0, inf, nan]
zeros((0, 3))
zeros((2, 2, 2))
(1.5, 2, true)
(1.0, [1.0, 2.0])
1.0 / 3.0
f32(0.1)
iota(1000)[998:]
iota(1001)
zeros((40, 40))
END
is 0 "[   1.0,   -2.5, 1000.0]  f64[3]
[[  1,  20],
 [300,   4]]  i32[2, 2]
[ true, false]  bool[2]
[0.10, 0.25]  f32[2]
[1.0e+10, 2.5e+10]  f64[2]
[1.0, inf, nan]  f64[3]
[]  f64[0, 3]
[[[0.0, 0.0],
  [0.0, 0.0]],

 [[0.0, 0.0],
  [0.0, 0.0]]]  f64[2, 2, 2]
(1.5, 2, true)
#0 =
1
#1 =
[1.0, 2.0]  f64[2]
0.3333333333333333
0.1
[998, 999]  i32[2]
[   0,    1,    2, ...,  998,  999, 1000]  i32[1001]
[[0.0, 0.0, 0.0, ..., 0.0, 0.0, 0.0],
 [0.0, 0.0, 0.0, ..., 0.0, 0.0, 0.0],
 [0.0, 0.0, 0.0, ..., 0.0, 0.0, 0.0],
 ...,
 [0.0, 0.0, 0.0, ..., 0.0, 0.0, 0.0],
 [0.0, 0.0, 0.0, ..., 0.0, 0.0, 0.0],
 [0.0, 0.0, 0.0, ..., 0.0, 0.0, 0.0]]  f64[40, 40]"
repl --precision 3 <<'END'
1.0 / 3.0
[1.0 / 3.0, 2.0]
END
is 0 "0.333
[0.33, 2.00]  f64[2]"

# Either way of computing prints the same arrays; numbers agree to 12 digits.
if printf 'fn f(x: f32) = x + 1\n' >probe.nn && "$GRADC" emit --asm probe.nn f >/dev/null 2>&1; then
  cat >both <<'END'
const A = { let y[i: 0..7, j: 0..9] = sin(f64(i * j) / 3.0); y }
A
A @ transpose(A) @ A
exp(A) / (1 + exp(A))
f32(A) * 3
softmax(A)
tanh(f32(A))
{ let y[i: 0..40] = cumsum(A[:, 3])[i % 7] ; y }
{ var s = A[0]; for i in 0..20 { s = 0.5 * (s + A[i % 7]) }; s }
END
  repl --engine=evaluator <both
  is 0
  evaluator=$out
  repl --engine=native <both
  is 0 "$evaluator"
  printf ':time sum({ let y[i: 0..1000000] = sin(f64(i)); y })\n:time 1 + 1\n' >big
  repl <big
  is 0
  out_has "compiled in"
  out_has "by machine code"
  out_has "by the evaluator"
  out_has "0.2328839780"
  repl --engine=evaluator <big
  is 0
  out_has "0.2328839780"
  printf ':llvm f\n:asm f\n:bench f\n' | sed '1i fn f(x: f32) = x + 1' >native
  repl <native
  is 0
  out_has "define"
  out_has "us a call"
else
  echo "SKIP: no machine code here"
fi

# ---- commands ---------------------------------------------------------------------------------------------
cat >net.nn <<'END'
# the weights
param W: f32[3, 2] ~ normal()
param b: f32[2]
fn forward(x: f32[N, 3]) = tanh(x @ W + b)
fn loss(x: f32[N, 3], y: f32[N, 2]) = mean((forward(x) - y)**2)
fn same(x) = x
test "zero" { b[0] == 0 }
END
repl net.nn <<'END'
:type forward
:type same
:type W @ [1.0, 2.0]
:type value_and_grad(loss)(ones((4, 3)), ones((4, 2)))
:type 1 + 2
:type W @ f64([1, 2])
END
is 3
out_has "fn forward(x: f32[N, 3]): f32[N, 2]"
out_has "fn same(x)"
out_has "i32"
repl net.nn <<'END'
:type f32(1) * W @ f32([1, 2])
:type W
:type sum(W)
:grad loss W
:grad loss
:ir loss
:loops loss N=5
:plan loss N=5
END
is 0
out_has "f32[3]
f32[3, 2]
f32
param W: f32[3, 2] ~ normal()"
out_has "fn loss_grad(x: f32[N, 3], y: f32[N, 2]) {"
out_has "(d_W, d_b)"
out_has "contract %1 %3 ij,jk->ik"
out_has "program loss:"
out_has "loss: "
out_has "FLOP, workspace "
out_has "the gradient keeps "
repl net.nn <<'END'
:params
END
is 0
out_has "W                    f32[3, 2]"
out_has "b                    f32[2]                min 0            max 0            mean 0"

# C: on the screen, or into two files that a C compiler takes.
repl <<'END'
fn f(x: f64) = x**3 + 2*x
:c f
:c f cubic.c
END
is 0
out_has "int f_f_grad(double x, double *value, double *d_x"
out_has "cubic.c and cubic.h"
grep -q '^int cubic_f(double x, double \*result' cubic.h && ok || not_ok ":c f cubic.c: the header" "$(cat cubic.h)"
if command -v cc >/dev/null 2>&1; then
  cat >use.c <<'END'
#include "cubic.h"
#include <stdio.h>
int main(void) {
  double value, slope;
  if (cubic_f_grad(2, &value, &slope, NULL, 0)) return 1;
  printf("%g %g\n", value, slope);
  return 0;
}
END
  cc -std=c11 -Wall -Wextra -Werror -march=native -o use use.c cubic.c -lm 2>cc.err && same "cubic.c runs" "$(./use)" "12 14" ||
    not_ok "cc cubic.c" "$(cat cc.err)"
fi

# Plots: a curve, a heat map, x and y, a file.
repl <<'END'
:plot [0.0, 1.0, 4.0, 9.0]
:plot [[0.0, 1.0], [2.0, 3.0]]
:plot ([1.0, 2.0], [3.0, 5.0])
fn f(x: f64) = x**2
:plot f -1..3
:plot grad(f) 0..1 slope.svg
:plot [[0.0, 1.0], [2.0, 3.0]] heat.svg
END
is 0
out_has "        9 |"
out_has "|  --|
|**@@|
' ' is 0, '@' is 3"
out_has "           -1 "
out_has "slope.svg
heat.svg"
has "$(cat slope.svg)" "<polyline" slope.svg
has "$(cat slope.svg)" "</svg>" slope.svg
has "$(cat heat.svg)" "white is 0, black is 3" heat.svg
repl <<'END'
:plot 3.0
:plot
:plot [1.0] no/such/folder/x.svg
END
is 2
err_has "needs a range: :plot f -2..2"
err_has ":plot takes EXPR"

# Files: load, save, reload, weights both ways.
repl <<'END'
:load net.nn
fn extra(x: f64) = x + 1   # mine
# of two
# lines
fn doc(x: f64) = x
fn extra(x: f64) = x + 2
:save all.nn
:save w.safetensors
:save w.npz
W
END
is 0
weights=$out
same "the saved program" "$(cat all.nn)" "# the weights
param W: f32[3, 2] ~ normal()
param b: f32[2]
fn forward(x: f32[N, 3]) = tanh(x @ W + b)
fn loss(x: f32[N, 3], y: f32[N, 2]) = mean((forward(x) - y)**2)
fn same(x) = x
fn extra(x: f64) = x + 2
# of two
# lines
fn doc(x: f64) = x
test \"zero\" { b[0] == 0 }"
repl all.nn --seed 3 <<'END'
extra(1.0)
:load w.safetensors
W
fn another(x: f64) = x
W
END
is 0 "3
$weights
$weights"
cp net.nn change.nn
cat >script <<'END'
sum(b)
typed(1.0)
END
(printf 'fn typed(x: f64) = x\n:reload\nb\n'; cat script) >script2
repl change.nn <script2
is 0 "[0.0, 0.0]  f32[2]
0
1"
repl <<'END'
:reload
:load nothing.nn
:load nothing.safetensors
:save x.txt
END
is 2
err_has "no file was loaded"
err_has 'can'"'"'t read "nothing.nn"'
err_has ":save takes FILE.nn"

# Commands that aren't, and what they take.
repl <<'END'
:help
:nosuch
:gard
:type
:params now
:grad
:grad f q
:c missing
1 + 1
END
is 2
out_has ":time EXPR"
out_has ":plot EXPR [LO..HI] [FILE.svg]"
out_has "
2"
err_has "there is no command :nosuch"
err_has "did you mean :grad?"
err_has ":type takes EXPR"
err_has ":params takes nothing"
printf ':help plot\n:help :quit\n' >script
repl <script
is 0 ":plot EXPR [LO..HI] [FILE.svg]      draw an array: a curve, or a heat map; with LO..HI a function of a number
:quit                               leave; so does Ctrl-D"
printf '1\n:quit\n2\n' >script
repl <script
is 0 1
printf 'nonsense\n:quit\n' >script
repl <script
is 3 ""

# A program's sizes, and a program that is wrong.
printf 'const N = 3\nfn f() = N * 2\n' >sized.nn
printf 'f()\n' >script
repl -D N=8 sized.nn <script
is 0 16
repl half.nn <script
is 3 ""
repl missing.nn <script
is 4 ""
repl a b
is 2 ""

# Ctrl-C in a script ends it, with the status of interrupted programs.
printf '1 + 2\nsum({ let y[i: 0..1000000, j: 0..1000000] = sin(f64(i) * f64(j)); y })\n1 + 1\n' >script
if [ -f native ]; then
  rm -f out
  "$GRADC" repl <script >out 2>err &
  pid=$!
  wait_until [ -s out ]
  sleep 0.3 # in the long entry by now, most likely
  kill -INT $pid
  code=0
  wait $pid || code=$?
  same "an interrupted script: exit code" "$code" 130
  same "an interrupted script: output" "$(cat out)" 3
  # While it waits for more of a script, too; an earlier error doesn't hide it.
  mkfifo pipe
  rm -f out
  "$GRADC" repl <pipe >out 2>err &
  pid=$!
  exec 3>pipe
  printf 'nonsense\n1 + 1\n' >&3
  wait_until [ -s out ]
  kill -INT $pid
  code=0
  wait $pid || code=$?
  exec 3>&-
  same "a script that is waited for: exit code" "$code" 130
  same "a script that is waited for: output" "$(cat out)" 2
fi

# ---- sizes given to a command: what the function requires of them is asked again
for command in :loops :c; do
  repl <<END
fn left(x: f64[D]) = require(D % 2 == 0, "an even number", x[:D // 2])
$command left D=3
END
  is 3
  err_has "an even number"
done
finish
