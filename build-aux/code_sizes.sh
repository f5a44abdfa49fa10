#!/bin/sh
# code_sizes.sh F.nn..: the rows of the table of code sizes in docs/EMITTED_C.md: what a program takes up as
# emitted C, all its functions with their gradients and, where `loss` has parameters, its Adam step. In bytes:
# code of --cpu generic by -O2 and -Os, code of --cpu x86-64-v3 likewise, constants (generic, -O2), parameters.
#
#   GRADC=build/gradc sh build-aux/code_sizes.sh examples/*.nn
#
# With --functions first: the tables of docs/CODE_SIZES.md, a row for each function, as --report has them for
# --cpu generic.
set -eu
gradc=${GRADC:-gradc} cc=${CC:-gcc}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# section NAME OBJECT: bytes of all sections that begin with .NAME
section() { size -A "$2" | awk -v name="^\\\\.$1" '$1 ~ name { n += $2 } END { print n + 0 }'; }

# emitted F.nn CPU: p.c and p.h, with the step if there is one
emitted() {
  "$gradc" emit --c --prefix p --cpu "$2" --step adam "$1" -o "$dir/p.c" 2>"$dir/why" ||
    "$gradc" emit --c --prefix p --cpu "$2" "$1" -o "$dir/p.c"
}

# code F.nn CPU OPTION: bytes of code; the object stays
code() {
  case $2 in generic) arch= ;; *) arch=-march=$2 ;; esac
  $cc -std=c11 "$3" $arch -ffp-contract=off -c "$dir/p.c" -o "$dir/p.o"
  section text "$dir/p.o"
}

parameters() {
  grep -q '} p_params;' "$dir/p.h" || { echo 0; return; }
  printf '#include <stdio.h>\n#include "p.h"\nint main(void) { printf("%%zu\\n", sizeof(p_params)); }\n' >"$dir/n.c"
  $cc -I"$dir" "$dir/n.c" -o "$dir/n" && "$dir/n"
}

# functions F.nn: the rows of --report as a table, under the file's name
functions() {
  "$gradc" emit --c --report --prefix p --cpu generic --step adam "$1" >"$dir/report" 2>"$dir/why" ||
    "$gradc" emit --c --report --prefix p --cpu generic "$1" >"$dir/report"
  printf '\n## %s\n\n| function | `-O2` | `-Os` | arithmetic | workspace |\n|---|--:|--:|--:|---|\n' "$(basename "$1" .nn)"
  awk 'NR > 2 && $1 == "shared" { shared = 1 } NR > 2 && !shared {
    line = $0; sub(/^[^ ]+ +[^ ]+ +[^ ]+ +[^ ]+ +/, "", line)
    printf "| `%s` | %s | %s | %s | `%s` |\n", $1, $2, $3, $4, line }
    $1 == "flash" { printf "\nFlash: %s bytes (`-O2`), %s (`-Os`)", $(NF - 1), $NF }
    $1 == "RAM" { printf "; RAM: %s bytes.\n", $NF }' "$dir/report"
}

if [ "${1:-}" = --functions ]; then
  shift
  for file in "$@"; do functions "$file"; done
  exit
fi

for file in "$@"; do
  emitted "$file" generic
  small=$(code "$file" generic -Os)
  fast=$(code "$file" generic -O2)
  constants=$(section rodata "$dir/p.o")
  bytes=$(parameters)
  emitted "$file" x86-64-v3
  printf '| `%s` | %s | %s | %s | %s | %s | %s |\n' "$(basename "$file" .nn)" "$fast" "$small" \
    "$(code "$file" x86-64-v3 -O2)" "$(code "$file" x86-64-v3 -Os)" "$constants" "$bytes"
done
