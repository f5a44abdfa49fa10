#!/bin/sh
# cache.sh: machine code is kept on disk and used again; whatever is wrong there, the command does
# its work.
. "${TOP_SRCDIR:-.}/tests/lib.sh"
cd "$work" || exit 99

cat >fit.nn <<'EOF'
param W: f32[8, 3] ~ normal()
const SHIFT = 1
fn loss() = mean((tanh(W) - f32(SHIFT))**2)
EOF
unset XDG_CACHE_HOME
GRADC_THREADS=1 GRADC_CACHE=$work/cache
export GRADC_THREADS GRADC_CACHE

# step WORD ARG...: one training run, whose step was compiled, or taken from the cache; the loss it
# ends with is in $loss. Two programs are compiled: the step, and the loss alone.
step() {
  word=$1
  shift
  run train fit.nn --steps 3 --epochs 1 "$@"
  is 0
  has "$out$err" "step $word" "what it tells"
  loss=$(printf '%s\n' "$out$err" | sed -n 's/.*\(loss [^ ,]*\).*/\1/p' | tail -n 1)
}
files() { find "$GRADC_CACHE" -type f | LC_ALL=C sort; }
count() { files | wc -l | tr -d ' '; }

# If there is no module, nothing is compiled, and nothing can be kept.
run train fit.nn --steps 3 --epochs 1
case $code$err in
  3*E0701*) echo "SKIP: there is no machine code here"; finish; exit ;;
esac
rm -rf cache

# ---- used again ----
step compiled
first=$loss
[ -n "$first" ] || not_ok "the loss was not found" "$out$err"
same "files after one run" "$(count)" 2
step "taken from the cache"
same "the loss with code from the cache" "$loss" "$first"
same "files after the same run" "$(count)" 2
step compiled -D SHIFT=2
same "files after another program's run" "$(count)" 4
step "taken from the cache"

# Taking it needs no LLVM, which takes longer to load than all the rest.
if LD_DEBUG=files "$GRADC" train fit.nn --steps 1 --no-cache 2>&1 | grep -q libLLVM; then
  LD_DEBUG=files "$GRADC" train fit.nn --steps 3 --epochs 1 >log 2>&1
  if grep -q libLLVM log; then not_ok "LLVM is loaded although the code is there"; else ok; fi
fi

# ---- asked not to ----
step compiled --no-cache
same "files after --no-cache" "$(count)" 4
GRADC_CACHE=off
step compiled
run --version
out_has "kept in: no folder"
GRADC_CACHE=$work/cache
run --version
out_has "kept in: $work/cache"

# ---- where it is ----
unset GRADC_CACHE
XDG_CACHE_HOME=$work/xdg HOME=$work/home
export XDG_CACHE_HOME HOME
mkdir home
step compiled
step "taken from the cache"
same "in XDG_CACHE_HOME" "$(find xdg/gradc -type f | wc -l | tr -d ' ')" 2
unset XDG_CACHE_HOME
step compiled
same "in HOME" "$(find home/.cache/gradc -type f | wc -l | tr -d ' ')" 2
same "for the user alone" "$(find home/.cache/gradc -perm /077)" ""
XDG_CACHE_HOME=relative
export XDG_CACHE_HOME
step "taken from the cache" # in HOME: relative names don't count
unset XDG_CACHE_HOME
GRADC_CACHE=$work/cache
export GRADC_CACHE

# ---- what isn't whole isn't used, and is replaced ----
rm -rf cache
step compiled
cp -R cache good
set -- $(files)
# damaged WHAT COMMAND...: each file, F, was changed; the next run compiles, the one after doesn't.
damaged() {
  damage=$1
  for f in $(files); do
    good=good${f#"$GRADC_CACHE"}
    size=$(wc -c <"$good")
    eval "$2"
  done
  step compiled
  same "the loss after $damage" "$loss" "$first"
  step "taken from the cache"
}
invert() {
  byte=$(od -An -tu1 -j "$1" -N 1 "$good" | tr -d ' ')
  # shellcheck disable=SC2059
  printf "$(printf '\\%03o' $((255 - byte)))" | dd of="$f" bs=1 seek="$1" conv=notrunc 2>/dev/null
}
for at in 1 9 20 30 60 'size / 2' 'size - 1'; do
  damaged "a wrong byte at $at" 'invert $(('"$at"'))'
done
for n in 0 10 100 'size - 8'; do
  damaged "the first $n bytes alone" 'dd if="$good" of="$f" bs=1 count=$(('"$n"')) 2>/dev/null'
done
damaged "bytes at the end" '{ cat "$good"; echo more; } >"$f"'
mv "$1" swap
mv "$2" "$1"
mv swap "$2"
damaged "each other's files" :
damaged "links to good ones" 'rm "$f"; ln -s "$work/$good" "$f"'
for f in "$@"; do rm "$f"; mkdir "$f"; done
step compiled # folders have taken the names: nothing can be kept, nothing fails
step compiled
rmdir "$@"

# ---- code is made anew when what makes it has changed ----
module=${GRADC_LLVM_MODULE:-$(GRADC_LLVM_MODULE='' "$GRADC" --version | sed -n 's/^machine code: by //p')}
step compiled
step "taken from the cache"
cp "$module" module.so
before=${GRADC_LLVM_MODULE-}
GRADC_LLVM_MODULE=$work/module.so
export GRADC_LLVM_MODULE
step compiled
step "taken from the cache"
touch -d '2001-02-03 04:05' module.so
step compiled
if [ -n "$before" ]; then GRADC_LLVM_MODULE=$before; else unset GRADC_LLVM_MODULE; fi
step "taken from the cache"

# ---- folders that can't be used ----
# kept_nothing WHAT: two runs that both compile.
kept_nothing() {
  what=$1
  step compiled
  step compiled
}
rm -rf cache
mkdir -m 770 cache
chmod 770 cache
kept_nothing "a folder that others may write"
same "files there" "$(find cache -type f)" ""
rmdir cache
: >cache
kept_nothing "a file in place of the folder"
rm cache
ln -s /nowhere cache
kept_nothing "a link to nowhere"
rm cache
GRADC_CACHE=/dev/full/gradc
kept_nothing "a folder that can't be"
GRADC_CACHE=$work/cache
step compiled
chmod -R a-w cache
step "taken from the cache"
step compiled -D SHIFT=4 # root may write all the same
chmod -R u+w cache
if [ "$(id -u)" = 0 ] && chown 12345 cache 2>/dev/null; then
  step compiled # somebody else's
  chown 0 cache
fi
step "taken from the cache"
find cache -type f -exec chmod g+w {} +
step compiled # somebody else may have written it

# ---- a disk that is full ----
rm -rf cache
what="a limit on files' sizes"
(
  ulimit -f 1
  exec "$GRADC" train fit.nn --steps 3 --epochs 1 >"$work/limited" 2>&1
)
same "$what: exit code" $? 0
same "$what: nothing is left" "$(count)" 0
step compiled
step "taken from the cache"

# ---- several at once ----
rm -rf cache
for i in 1 2 3 4 5 6 7 8; do
  "$GRADC" train fit.nn --steps 3 --epochs 1 >"together.$i" 2>&1 &
done
wait
for i in 1 2 3 4 5 6 7 8; do
  same "run $i of 8 at once" "$(sed -n 's/.*\(loss [^ ,]*\).*/\1/p' "together.$i" | tail -n 1)" "$first"
done
same "files after 8 at once" "$(count)" 2
step "taken from the cache"

# ---- bounded: what wasn't used for the longest time goes first ----
rm -rf cache
GRADC_CACHE_MIB=1 # each of 16 folders holds 64 KiB
export GRADC_CACHE_MIB
for d in 0 1 2 3 4 5 6 7 8 9 a b c d e f; do
  mkdir -m 700 -p "cache/$d"
  dd if=/dev/zero of="cache/$d/unused" bs=1024 count=48 2>/dev/null
  dd if=/dev/zero of="cache/$d/used" bs=1024 count=16 2>/dev/null
  touch -d '2001-02-03 04:05' "cache/$d/unused"
done
step compiled -D SHIFT=5
for d in $(find cache -type f ! -name used ! -name unused | sed 's|/[^/]*$||' | sort -u); do
  if [ -e "$d/used" ] && [ ! -e "$d/unused" ]; then ok; else not_ok "in $d the wrong one went" "$(ls -l "$d")"; fi
  rm "$d/used"
done
for d in cache/*; do # where nothing came, nothing went
  if [ -e "$d/used" ] && [ ! -e "$d/unused" ]; then not_ok "$d lost a file"; else ok; fi
done
step "taken from the cache" -D SHIFT=5
GRADC_CACHE_MIB=0
step compiled -D SHIFT=6
step compiled -D SHIFT=6
finish
