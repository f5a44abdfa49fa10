#!/bin/sh
# emit_c_sizes.sh: sizes that stay names in emitted C: one compilation serves every N, with the bits of the
# machine code; the workspace is a formula; sizes that make no sense are statuses.
. "${TOP_SRCDIR:-.}/tests/lib.sh"
here=$(cd "$TOP_SRCDIR" && pwd)
strict="-std=c11 -Wall -Wextra -pedantic -Werror"
cd "$work" || exit 99

# ---- the same bits as the machine code of the same loops at each N
for f in "$here/examples/logistic.nn" "$here/examples/softmax_regression.nn" "$here/tests/emit/operators.nn"; do
  for cpu in native generic; do
    run verify --cpu $cpu "$f"
    is 0
    out_has "8 sizes"
    out_has ", 0 differ"
  done
done
run verify --step adam --functions loss "$here/examples/logistic.nn"
is 0

# ---- the self-check with names, and what it finds
run emit --c "$here/examples/softmax_regression.nn" -o m.c --step sgd --main --selftest --cpu generic
is 0 ""
for cc in gcc clang; do
  command -v $cc >/dev/null || continue
  if text=$($cc $strict -O1 m.c -o m.run -lm 2>&1) && [ -z "$text" ]; then ok; else not_ok "$cc" "$text"; fi
  if text=$(./m.run); then ok; else not_ok "main by $cc" "$text"; fi
done
sed 's/softmax_regression_loss_grad_run(in_, out_.*/(void)in_; (void)out_;/' m.c >broken.c
cc -w -O1 broken.c -o broken.run -lm
if text=$(./broken.run); then not_ok "a gradient that does nothing is found" "$text"; else ok; fi

# ---- the header: sizes first, the workspace as a formula
cat >two.nn <<'END'
param W: f32[3, 4] ~ he()
fn f(x: f32[N, 3], s: f32[M], int: f32[N]) = sum(x @ W) * sum(s) + sum(int)
fn window(x: f32[N]) {
  let y[i: 0..(N - 4)] = x[i] + x[i + 4]
  sum(y * y)
}
END
run emit --c two.nn -o two.c --cpu generic
is 0 ""
out=$(cat two.h) what=two.h
out_has "#define TWO_F_WORKSPACE(N, M) ((size_t)("
out_has "size_t two_f_workspace(int64_t N, int64_t M);"
out_has "int two_f(int64_t N, int64_t M, const two_params *params, const float *x, const float *s, const float *int_, float *result, void *workspace, size_t workspace_bytes);"

# ---- what the program requires of its sizes
cat >must.nn <<'END'
fn even(x: f32[N], k: i32) = require(k > 0, "no size", require(N >= 4 and N % 2 == 0, "even, */ at least 4 \\ ??/", sum(x[:N//2])))
fn twice(x: f32[N]) = even(x, 1) + even(x, 2)
fn first(x: f32[N]) = require(N > 2, "at least 3", sum(x[:3]))
fn odd(x: f32[N]) = sum(x)  # what no comment of C may have: */ ??/ /* \\
END
cat >ask.c <<'END'
#include "must.h"
#include <stdio.h>
int main(void) {
  static const float x[] = {1, 2, 3, 4, 5, 6, 7, 8};
  static _Alignas(64) unsigned char ws[4096];
  for (int n = 0; n < 8; n++) {
    float v = -1, d[8];
    int even = must_even(n, x, 1, &v, ws, sizeof ws), twice = must_twice_grad(n, x, &v, d, ws, sizeof ws);
    int small = even && must_even_workspace(n) == SIZE_MAX;
    printf("%d%d%d%d %g;", even, twice, small, must_first(n, x, d, ws, sizeof ws), (double)v);
  }
  return puts(must_strerror(MUST_REQUIRED)) < 0;
}
END
for cpu in generic native; do
  run emit --c must.nn -o must.c --cpu $cpu
  is 0 ""
  out=$(cat must.h) what=must.h
  out_has " * Status MUST_REQUIRED: even, * / at least 4    ?/"
  out_has " * Status MUST_REQUIRED: at least 3"
  out_lacks "REQUIRED: no size"
  same "each condition once" "$(grep -c 'return MUST_REQUIRED' must.c)" 6
  cc $strict -march=native -O1 ask.c must.c -o must.run -lm 2>err.txt || not_ok "ask.c" "$(cat err.txt)"
  want="4414 -1;8818 -1;8818 -1;8810 -1;0000 6;8810 -1;0000 12;8810 -1;the sizes are not what the function requires, as its header says"
  same "statuses for $cpu" "$(./must.run)" "$want"
done
run verify must.nn --functions first,twice
is 0
out_has "first_grad               the same bits"
out_has "6 sizes"
out_has "2 sizes"
for given in "-D N=5" "--size 5"; do
  run emit --c must.nn -o must.c --functions even $given
  is 3
  err_has "E0318"
done
run emit --c must.nn -o must.c --functions even --size 6
is 0 ""
out=$(cat must.h) what=must.h
out_lacks "Status MUST_REQUIRED"

# ---- statuses
cat >status.c <<'END'
#include "two.h"
#include <stdio.h>
#include <stdlib.h>
static two_params p, g;
static float x[40 * 3], s[40], b[40], v, d[40];
static _Alignas(64) unsigned char fixed[TWO_F_GRAD_WORKSPACE(7, 9) + 64];
static void say(const char *what, int status) { printf("%s: %s\n", what, two_strerror(status)); }
int main(void) {
  const size_t n = two_f_grad_workspace(7, 9);
  for (int i = 0; i < 120; i++) x[i] = 1;
  for (int i = 0; i < 40; i++) s[i] = b[i] = 1;
  printf("%d\n", n == TWO_F_GRAD_WORKSPACE(7, 9));
  say("7, 9", two_f_grad(7, 9, &p, x, s, b, &g, &v, fixed, n));
  printf("%g %g\n", (double)v, (double)g.W[5]);
  say("0, 9", two_f_grad(0, 9, &p, x, s, b, &g, &v, fixed, n));
  say("7, -1", two_f_grad(7, -1, &p, x, s, b, &g, &v, fixed, n));
  say("too many", two_f_grad(INT64_MAX, 9, &p, x, s, b, &g, &v, fixed, n));
  say("too many", two_f_grad(7, INT64_MAX / 4, &p, x, s, b, &g, &v, fixed, n));
  say("too long", two_f_grad(7, (int64_t)INT32_MAX + 1, &p, x, s, b, &g, &v, fixed, n));
  printf("%d %d\n", two_f_workspace(-3, 9) == SIZE_MAX, two_f_workspace(INT64_MAX / 2, 1) == SIZE_MAX);
  if (n) say("small", two_f_grad(7, 9, &p, x, s, b, &g, &v, fixed, n - 1));
  say("window of 3", two_window(3, x, &v, fixed, sizeof fixed));
  say("window of 4", two_window(4, x, &v, fixed, sizeof fixed));
  printf("%g\n", (double)v);
  say("window of 6", two_window_grad(6, x, &v, d, fixed, sizeof fixed));
  printf("%g %g\n", (double)v, (double)d[1]);
  return 0;
}
END
cc $strict -O1 status.c two.c -o status.run -lm 2>err.txt || not_ok "status.c" "$(cat err.txt)"
same statuses "$(./status.run)" "1
7, 9: ok
7 63
0, 9: a size is less than 1, or one leaves no room for another
7, -1: a size is less than 1, or one leaves no room for another
too many: the sizes ask for more memory, or a longer axis, than can be addressed
too many: the sizes ask for more memory, or a longer axis, than can be addressed
too long: the sizes ask for more memory, or a longer axis, than can be addressed
1 1
small: the workspace is too small
window of 3: a size is less than 1, or one leaves no room for another
window of 4: ok
0
window of 6: ok
8 4"

# ---- parameters have numbers
cat >open.nn <<'END'
param W: f32[D, 4]
fn f(x: f32[N, D]) = sum(x @ W)
END
run emit --c open.nn -o open.c
is 3
err_has "E0721"
err_has "-D D="
run emit --c open.nn -o open.c -D D=5
is 0
grep -q 'float W\[5 \* 4\]' open.h && grep -q 'OPEN_F_WORKSPACE(N)' open.h && ok || not_ok "D is a number, N a name" "$(cat open.h)"
finish
