#!/bin/sh
# style.sh: no line is longer than 100 columns (160 in the grammar, whose rules are a table),
# no tab indents, and, where the clang-format that the house uses is at hand (version 14), every C
# file is laid out as it would lay it out. Files beyond the budget of 600 lines are only named.
. "${TOP_SRCDIR:-.}/tests/lib.sh"
cd "$TOP_SRCDIR" || exit 99

files=$(find src runtime grammar tests bench examples -name '*.[chly]' ! -name '*_nn.c' ! -name '*_md.c' \
  ! -name 'nn_parse.*' ! -name 'nn_lex.*' ! -name 'embed_sample.c' ! -path '*/.venv/*' | sort)

for file in $files; do
  case $file in *.[ly]) width=160 ;; *) width=100 ;; esac
  found=$(awk -v file="$file" -v width=$width '
    { line = $0; gsub(/[\200-\277]/, "", line) }
    length(line) > width { printf "%s:%d: longer than %d columns\n", file, FNR, width }
    /\t/ { printf "%s:%d: a tab\n", file, FNR }
    END { if (FNR > 600) printf "%s: %d lines (budget 600)\n", file, FNR > "/dev/stderr" }' "$file")
  if [ -z "$found" ]; then ok; else not_ok "layout" "$found"; fi
done

case $(clang-format --version 2>/dev/null) in
  *'version 14.'*)
    for file in $files; do
      case $file in *.[ch]) ;; *) continue ;; esac
      n=$(clang-format --style=file "$file" | diff "$file" - | grep -c '^<')
      if [ "$n" -eq 0 ]; then ok; else not_ok "$file: clang-format -i would change $n lines"; fi
    done
    ;;
esac

# The check itself must see a long line, or it proves nothing.
awk 'BEGIN { while (i++ < 101) printf "x" }' | awk 'length($0) > 100 { bad = 1 } END { exit !bad }' && ok
finish
