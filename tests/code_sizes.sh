#!/bin/sh
# code_sizes.sh: the table of code sizes in docs/EMITTED_C.md, and those by function in docs/CODE_SIZES.md: each
# example, and no others; two small ones measured again, where the compiler is the one that the documents name.
. "${TOP_SRCDIR:-.}/tests/lib.sh"
here=$(cd "$TOP_SRCDIR" && pwd)
table=$(grep '^| `' "$here/docs/EMITTED_C.md")
same "rows" "$(printf '%s\n' "$table" | sed 's/^| `\([a-z_]*\)`.*/\1/' | sort)" \
  "$(cd "$here/examples" && ls *.nn | sed 's/\.nn$//' | sort)"

each=$here/docs/CODE_SIZES.md
same "examples" "$(sed -n 's/^## //p' "$each" | sort)" "$(cd "$here/examples" && ls *.nn | sed 's/\.nn$//' | sort)"
# rows EXAMPLE: of its table, without the head
rows() { awk -v name="$1" '/^## / { on = $2 == name } on && /^\| `/' "$each"; }

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
  for name in rosenbrock newton_root; do
    (cd "$here" && GRADC=$GRADC sh build-aux/code_sizes.sh --functions "examples/$name.nn") | grep '^| `' >"$work/rows"
    same "functions of $name" "$(rows $name | cut -d'|' -f2)" "$(cut -d'|' -f2 "$work/rows")"
    same "arithmetic and workspace of $name" "$(rows $name | cut -d'|' -f5-)" "$(cut -d'|' -f5- "$work/rows")"
    rows $name | paste -d'|' - "$work/rows" | tr -d ' `' >"$work/both"
    while IFS='|' read -r _ function a c _ _ _ _ _ b d _; do
      if near "$a" "$b" && near "$c" "$d"; then ok; else not_ok "$function of $name: $b and $d bytes, and the document says $a and $c"; fi
    done <"$work/both"
  done
fi
finish
