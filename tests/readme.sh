#!/bin/sh
# readme.sh: what README.md and the documents show is what gradc prints.
#
#   readme.sh [FILE.md...]    default: README.md and docs/*.md
#
# A block fenced as ```console holds commands (`$ command`, continued over lines that end in `\`), each
# followed by what it prints; a line `...` there stands for any number of lines. A comment on the line
# above a block says what else is to be known:
#
#   <!-- file: NAME -->        the block is that file, for the commands after it
#   <!-- numbers differ -->    numbers are not compared (times, training on another machine)
#   <!-- output differs -->    the command must succeed and print something
#   <!-- needs WHAT -->        `native` code, `cc`, or `fashion-mnist`: else the block is skipped
#
# The commands run in an empty folder that has the source tree's examples/ in it.
. "${TOP_SRCDIR:-.}/tests/lib.sh"

if [ $# -eq 0 ]; then
  set -- "$TOP_SRCDIR"/README.md "$TOP_SRCDIR"/docs/*.md
fi
D=${GRADC_FASHION_MNIST:-/usr/share/datasets/fashion-mnist}
export D
mkdir "$work/bin" "$work/here"
printf '#!/bin/sh\nexec "%s" "$@"\n' "$GRADC" >"$work/bin/gradc"
chmod +x "$work/bin/gradc"
PATH=$work/bin:$PATH
ln -s "$TOP_SRCDIR/examples" "$work/here/examples"

# Whether what a block needs is there.
there() {
  case " $1 " in *" needs cc "*) command -v cc >/dev/null 2>&1 || return 1 ;; esac
  case " $1 " in
    *" needs native "*) "$GRADC" emit --asm "$work/probe.nn" f >/dev/null 2>&1 || return 1 ;;
  esac
  case " $1 " in
    *" needs fashion-mnist "*) [ -f "$D/train-images-idx3-ubyte.gz" ] || return 1 ;;
  esac
}
printf 'fn f(x: f32) = x + 1\n' >"$work/probe.nn"

skipped=0
for file in "$@"; do
  rm -rf "$work/parts"
  mkdir "$work/parts"
  awk -v dir="$work/parts" -v here="$work/here" -f "$TOP_SRCDIR/tests/readme_split.awk" "$file" || exit 99
  for part in "$work"/parts/*.cmd; do
    [ -e "$part" ] || continue
    base=${part%.cmd}
    mode=$(cat "$base.mode")
    at=$(basename "$file"):$(cat "$base.line")
    if ! there "$mode"; then
      skipped=$((skipped + 1))
      continue
    fi
    if ! (cd "$work/here" && sh "$part") >"$base.got" 2>&1 </dev/null; then
      not_ok "$at: $(cat "$part"): failed" "$(cat "$base.got")"
    elif why=$(awk -v mode="$mode" -f "$TOP_SRCDIR/tests/readme_compare.awk" "$base.want" "$base.got"); then
      ok
    else
      not_ok "$at: $(cat "$part")" "$why"
    fi
  done
done
[ "$skipped" -eq 0 ] || printf 'SKIP: %d commands need what is not installed\n' "$skipped"
finish
