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
      skip
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

# README's measured ratios are those of the first table of docs/PERFORMANCE.md that names the workload.
# What stands behind the workload's name in brackets is README's own.
figures() {
  awk -F ' *[|] *' '
    FNR == 1 { file++ }
    file == 1 && $2 == "workload" { for (i = 1; i <= NF; i++) if ($i == "best peer / gradc") column = i }
    file == 1 && column && $2 != "workload" && !($2 in ratio) { ratio[$2] = $column }
    file == 2 && /<!-- figures of docs\/PERFORMANCE.md -->/ { inside = 1; next }
    file == 2 && inside && !/^[|]/ { inside = 0 }
    file == 2 && inside && $3 ~ /^[0-9]/ {
      sub(/ \(.*/, "", $2)
      print ($2 in ratio && ratio[$2] == $3 ? "ok" : "not_ok"), $2 ": " $3 ", measured " ratio[$2]
    }' "$TOP_SRCDIR/docs/PERFORMANCE.md" "$1"
}
case " $* " in
  *"/README.md "*)
    figures "$TOP_SRCDIR/README.md" >"$work/figures"
    [ -s "$work/figures" ] || not_ok "README.md: no figures"
    while read -r verdict text; do
      if [ "$verdict" = ok ]; then ok; else not_ok "README.md: $text"; fi
    done <"$work/figures" ;;
esac
# Links between the documents lead to a file that is there, and to a heading of it.
headings() {
  awk '/^```/ { code = !code }
    !code && /^#/ { t = tolower($0); sub(/^#+ */, "", t); gsub(/[^a-z0-9_ -]/, "", t); gsub(/ /, "-", t); print t }' "$1"
}
links() {
  awk '/^```/ { code = !code }
    !code { gsub(/`[^`]*`/, "")
      while (match($0, /\]\([^) ]+\)/)) { print substr($0, RSTART + 2, RLENGTH - 3); $0 = substr($0, RSTART + RLENGTH) } }' "$1"
}
for file; do
  links "$file" >"$work/links"
  while read -r link; do
    case $link in http*) continue ;; esac
    to=${link%%#*}
    if [ -n "$to" ]; then to=${file%/*}/$to; else to=$file; fi
    case $link in
      *#*) headings "$to" 2>/dev/null | grep -qxe "${link#*#}" ;;
      *) [ -e "$to" ] ;;
    esac && ok || not_ok "${file#"$TOP_SRCDIR/"}: a link to $link leads nowhere"
  done <"$work/links"
done

[ "$skipped" -eq 0 ] || printf 'SKIP: %d commands need what is not installed\n' "$skipped"
finish
