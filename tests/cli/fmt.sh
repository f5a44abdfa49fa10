#!/bin/sh
# fmt.sh: gradc fmt: in place, --check, standard input; programs of the tests and documents keep
# their meaning, their comments, and a second run changes nothing.
. "${TOP_SRCDIR:-.}/tests/lib.sh"
cd "$work" || exit 99

printf 'fn f( x:f64 )=x**2  # square\n' >a.nn
printf 'fn f(x: f64) = x**2  # square\n' >good.nn
cp a.nn b.nn
run fmt --check a.nn good.nn
is 1 a.nn
same "fmt --check leaves the file" "$(cat a.nn)" "$(cat b.nn)"
chmod 640 a.nn
run fmt a.nn good.nn
is 0 ""
same "fmt" "$(cat a.nn)" "$(cat good.nn)"
same "the file's permissions" "$(ls -l a.nn | cut -c1-10)" "-rw-r-----"
run fmt --check a.nn good.nn
is 0 ""
stamp=$(ls -i a.nn)
run fmt a.nn
same "a file that is right is not written" "$(ls -i a.nn)" "$stamp"
"$GRADC" fmt - <b.nn >out
same "fmt - writes what it read" "$(cat out)" "$(cat good.nn)"
"$GRADC" fmt --check - <b.nn >out
same "fmt --check -" "$? $(cat out)" "1 <stdin>"
ln -s b.nn link.nn
run fmt link.nn
same "a link is followed" "$(readlink link.nn) $(cat b.nn)" "b.nn $(cat good.nn)"

# What can't be parsed or read stays as it is, and doesn't keep the others from being done.
printf 'fn f(x = 1\n' >bad.nn
printf 'fn f(x)=1\n' >c.nn
cp bad.nn kept
run fmt bad.nn c.nn
is 3 ""
err_has "bad.nn:1:5: error[E0105]"
same "a wrong program stays" "$(cat bad.nn)" "$(cat kept)"
same "the others are formatted" "$(cat c.nn)" "fn f(x) = 1"
run fmt missing.nn c.nn
is 4 ""
err_has "error[E0601]"
run fmt
is 2 ""
# Names and types aren't asked for: a program in the making can be formatted.
printf 'fn f(x)=unknown(x)\n' >d.nn
run fmt d.nn
is 0 ""

# Every program of the language tests and documents.
count=0
for file in "$TOP_SRCDIR"/tests/lang/*.nn "$TOP_SRCDIR"/docs/*.md; do
  rm -rf parts
  mkdir parts
  awk -v dir=parts -f "$TOP_SRCDIR/tests/lang_split.awk" "$file" || exit 99
  for part in parts/*.nn; do
    [ -e "$part" ] || continue
    "$GRADC" fmt - <"$part" >one 2>err
    case $? in
      0)
        count=$((count + 1))
        "$GRADC" fmt - <one >two
        same "$file: $part: fmt of fmt" "$(cat two)" "$(cat one)" ;;
      3) ;; # a syntax error that is meant
      *) not_ok "fmt $file: $part" "$(cat err)" ;;
    esac
  done
done
same "enough programs were formatted" "$([ "$count" -gt 100 ] && echo yes || echo "$count")" yes

# The examples mean what they meant.
cp "$TOP_SRCDIR"/examples/*.nn .
for example in cnn fashion_mlp logistic polyfit rosenbrock softmax_regression; do
  "$GRADC" emit --ir "$example.nn" >before.ir 2>&1
  run fmt "$example.nn"
  is 0 ""
  "$GRADC" emit --ir "$example.nn" >after.ir 2>&1
  same "emit --ir after fmt $example.nn" "$(cat after.ir)" "$(cat before.ir)"
done
# gradc's own programs are laid out so.
cd "$TOP_SRCDIR"
run fmt --check examples/*.nn examples/embed/*.nn src/front/*.nn src/ir/*.nn bench/workloads/*.nn
is 0 ""
finish
