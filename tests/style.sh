#!/bin/sh
# style.sh [DIR]: warns of files and lines beyond the house's budgets; never fails. With STYLE_FORMAT=1
# also of files that clang-format would lay out otherwise.
cd "${1:-.}" || exit 0
find src runtime grammar tests -name '*.[chly]' ! -name '*.def' ! -name 'nn_parse.*' \
  ! -name 'nn_lex.*' -print 2>/dev/null | sort | while read -r file; do
  awk -v file="$file" '
    { line = $0; gsub(/[\200-\277]/, "", line) }
    length(line) > 100 && !long { long = FNR }
    /\t/ && !tab { tab = FNR }
    END {
      if (FNR > 600) printf "style: %s: %d lines (budget 600)\n", file, FNR
      if (long) printf "style: %s:%d: longer than 100 columns\n", file, long
      if (tab) printf "style: %s:%d: a tab\n", file, tab
    }' "$file"
done
if [ -n "${STYLE_FORMAT-}" ]; then
  find src runtime tests -name '*.[ch]' ! -name '*_nn.c' ! -name '*_md.c' ! -name '*.def' -print | sort | while read -r file; do
    n=$(clang-format --style=file "$file" | diff "$file" - | grep -c '^<')
    [ "$n" -eq 0 ] || printf 'style: %s: clang-format would change %d lines\n' "$file" "$n"
  done
fi
exit 0
