#!/bin/sh
# layers.sh: a file includes headers of its own layer and of those before it, never of a later one. The
# commands see no more of the compiler than a user of the library: gradc.h, and base for texts and memory.
. "${TOP_SRCDIR:-.}/tests/lib.sh"
cd "$TOP_SRCDIR" || exit 99

# Lowest first. `runtime` is what compiled programs use and knows no layer of the compiler.
layers="base ir front pass loop back train driver api cli"

rank() {
  n=0
  for l in $layers; do
    n=$((n + 1))
    [ "$l" = "$1" ] && echo $n && return
  done
  echo 0
}

# bad_includes LAYER FILE...: prints the includes that point to a later layer.
bad_includes() {
  mine=$(rank "$1")
  shift
  later=
  for l in $layers; do
    [ "$(rank "$l")" -gt "$mine" ] && later="$later${later:+|}$l"
  done
  [ -z "$later" ] || grep -nE "^[[:space:]]*#[[:space:]]*include[[:space:]]+\"(\.\./)*($later)/" /dev/null "$@"
}

for layer in $layers; do
  set -- src/"$layer"/*.[ch]
  [ -e "$1" ] || continue
  found=$(bad_includes "$layer" "$@")
  if [ -z "$found" ]; then ok; else not_ok "layer $layer includes a later one:" "$found"; fi
done
# below_api FILE...: includes of the compiler in files that are to go through gradc.h.
below_api() {
  grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]+"(\.\./)*(ir|front|pass|loop|back|train|driver|api)/' \
    /dev/null "$@"
}
found=$(below_api src/cli/*.[ch])
if [ -z "$found" ]; then ok; else not_ok "a command goes below gradc.h:" "$found"; fi

found=$(cd runtime 2>/dev/null &&
  grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]+"(base|ir|front|pass|loop|back|train|driver|cli)/' \
    /dev/null ./*.[ch])
if [ -z "$found" ]; then ok; else not_ok "runtime includes the compiler:" "$found"; fi

# The check itself must see a back edge, or it proves nothing.
printf '#include "front/ast.h"\n' >"$work/edge.c"
if [ -n "$(bad_includes ir "$work/edge.c")" ]; then ok; else not_ok "layers.sh misses a back edge"; fi
if [ -n "$(below_api "$work/edge.c")" ]; then ok; else not_ok "layers.sh misses an include below gradc.h"; fi
finish
