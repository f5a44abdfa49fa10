#!/bin/sh
# dot.sh: gradc emit --dot: a graph that Graphviz reads, with every instruction, type and cost.
. "${TOP_SRCDIR:-.}/tests/lib.sh"
cd "$work" || exit 99
cat >net.nn <<'END'
param W: f32[3, 4]
fn loss(x: f32[N, 3], y: f32[N, 4]) = mean((tanh(x @ W) - y)**2)
fn roll(xs: f64[T], n: i32) {
  var y = 0.0
  var k = 0.0
  for t in 0..T while y < 3 count steps {
    if n > 3 { y += xs[t] } else { y = y * 2 }
    k = k + 1
    ys[t] = y
  }
  (ys, k, steps)
}
fn long(x: f64) {
  var y = x
  for t in 0..1000 { y = sin(y) * y }
  y
}
END

# sound: every node an arrow names is declared, none twice, braces and quotes match.
sound() {
  sed -n 's/^ *\([a-z0-9_]*\) \[label=.*/\1/p' out.dot | sort >nodes
  sed -n 's/^  \([a-z0-9_]*\) -> \([a-z0-9_]*\).*/\1\n\2/p' out.dot | sort -u >named
  same "$what: nodes named but not declared" "$(comm -13 nodes named)" ""
  same "$what: nodes declared twice" "$(uniq -d nodes)" ""
  same "$what: braces" "$(tr -dc '{' <out.dot | wc -c)" "$(tr -dc '}' <out.dot | wc -c)"
  same "$what: lines that are none of a graph's" \
    "$(grep -vE '^(digraph gradc \{|\}| *(subgraph cluster_[a-z0-9_]* \{|\}|label="[^"]*";|(node|edge) \[.*\];|fontname="monospace";)| *[a-z0-9_]+ \[label="[^"]*".*\];|  [a-z0-9_]+ -> [a-z0-9_]+( \[[^]]*\])?;)$' out.dot)" ""
  if command -v nop >/dev/null 2>&1; then # Graphviz's parser alone: layouts take long
    same "$what: nop" "$(nop -p out.dot 2>&1)" ""
  fi
}
graph() {
  run emit --dot "$@"
  is 0
  cp out out.dot
  sound
}

graph net.nn loss
out_has 'label="loss: 40*N + 1 flops"'
out_has 'label="contract ij,jk->ik\nf32[N, 4]\n24*N flops"'
out_has 'label="W (parameter)\nf32[3, 4]"'
out_has 'label="sum axes (0, 1)\nf32\n4*N flops"'
# As many instructions as --ir shows: inputs, instructions, results.
instructions=$("$GRADC" emit --ir net.nn loss | grep -cE '^  (in|out|%[0-9]+) ')
same "nodes" "$(wc -l <nodes)" "$instructions"
if command -v dot >/dev/null 2>&1; then # a layout of a small one
  same "dot: nodes that are drawn" "$(dot -Tplain out.dot 2>&1 | grep -c '^node ')" "$instructions"
fi
graph -D N=10 net.nn loss
out_has 'label="loss: 401 flops"'
graph net.nn 'grad(loss)'

# A loop and a branch are frames in the frame of their function, a loop's next step a dashed arrow.
graph net.nn roll
out_has '  subgraph cluster_f0 {
    label="roll: 4*T flops";'
out_has '      label="loop";'
out_has '        label="body: 3 flops";'
out_has '            label="then: 1 flop";'
out_has '            label="else: 1 flop";'
out_has '        label="while: 1 flop";'
same "what the loop carries" "$(grep -c 'label="next"' out.dot)" 2
graph net.nn long
out_has 'label="long: 2000 flops"'
graph net.nn 'grad(long)'
graph net.nn
same "a frame for each function" "$(grep -c '^  subgraph' out.dot)" 3
run emit --dot --ir net.nn
is 2 ""
run emit --dot -o net.dot net.nn loss
is 0 ""
same "--dot -o" "$(sed -n 1p net.dot)" "digraph gradc {"
# The examples, derivatives included.
for example in "$TOP_SRCDIR"/examples/*.nn; do graph "$example"; done
finish
