#!/bin/sh
# code_sizes.sh: the table of code sizes in docs/EMITTED_C.md: a row for each example, and no others; rows of two
# small ones measured again, where the compiler is the one that the document names.
. "${TOP_SRCDIR:-.}/tests/lib.sh"
here=$(cd "$TOP_SRCDIR" && pwd)
table=$(grep '^| `' "$here/docs/EMITTED_C.md")
same "rows" "$(printf '%s\n' "$table" | sed 's/^| `\([a-z_]*\)`.*/\1/' | sort)" \
  "$(cd "$here/examples" && ls *.nn | sed 's/\.nn$//' | sort)"

# near FIGURE OTHER: within a quarter, since what compiles it may be another build of the compiler
near() { [ "${1:-x}" -ge 0 ] 2>/dev/null && [ "${2:-x}" -ge 0 ] 2>/dev/null && [ $(($1 * 4)) -le $(($2 * 5)) ] && [ $(($2 * 4)) -le $(($1 * 5)) ]; }

if gcc -dumpfullversion -dumpversion 2>/dev/null | grep -q '^12\.' && [ "$(uname -m)" = x86_64 ]; then
  for name in rosenbrock newton_root; do
    row=$(cd "$here" && GRADC=$GRADC sh build-aux/code_sizes.sh "examples/$name.nn")
    stated=$(printf '%s\n' "$table" | grep "^| \`$name\`")
    for column in 3 4 5 6 7 8; do
      a=$(printf '%s\n' "$row" | cut -d'|' -f$column | tr -d ' ')
      b=$(printf '%s\n' "$stated" | cut -d'|' -f$column | tr -d ' ')
      if [ "$a" = "$b" ] || near "$a" "$b"; then ok; else not_ok "$name: $a bytes, and the document says $b"; fi
    done
  done
fi
finish
