#!/bin/sh
# clean.sh: no invalid access and no lost memory on the ways most used, and little memory and time
# for the commands that compile nothing.
. "${TOP_SRCDIR:-.}/tests/lib.sh"
command -v valgrind >/dev/null || {
  echo "SKIP: no valgrind"
  exit 77
}
if grep -q -a __asan_init "$GRADC"; then
  echo "SKIP: a build with the address sanitizer"
  exit 77
fi
if valgrind "$GRADC" --version 2>&1 | grep -q "debuginfo reader: Possibly corrupted"; then
  echo "SKIP: this valgrind can't read what this compiler writes for debuggers"
  exit 77
fi
cd "$work" || exit 99
real=$GRADC
cat >clean <<END
#!/bin/sh
exec valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect \\
  --errors-for-leak-kinds=definite,indirect "$real" "\$@"
END
chmod +x clean
GRADC=$work/clean

run --version
is 0
run check "$TOP_SRCDIR/examples/cnn.nn"
is 0 ""
run eval 'fn f(x: f64) = x**3 + 2*x' 'grad(grad(f))(2.0)' 'mean(softmax([1.0, 2.0, 3.0]))'
is 0 "12
0.3333333333333333"
run eval 'param W: f64[1000000, 1000000] ~ ones' 'W[0, 0]'
is 6 ""
run eval '1 +'
is 3 ""
run grad "$TOP_SRCDIR/examples/softmax_regression.nn" loss
is 0
run gradcheck "$TOP_SRCDIR/examples/logistic.nn"
is 0
printf 'fn f(x: f32[3], y: f32[4]) = x + y\nfn g(x: f32[2]) = unknwon(x)\nfn h(x) = (\n' >bad.nn
run check bad.nn
is 3 ""
run inspect bad.nn
is 4 ""
finish
