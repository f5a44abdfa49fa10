#!/bin/sh
# pages.sh: docs/diagnostics: each code has a page; what the page shows as wrong gives that diagnostic,
# with exactly the text of tests/golden/pages.txt; what it shows as right is accepted. With
# GOLDEN_UPDATE=1 that file is written anew: read the difference.
. "${TOP_SRCDIR:-.}/tests/lib.sh"
GRADC_THREADS=1
export GRADC_THREADS
pages=$TOP_SRCDIR/docs/diagnostics golden=$TOP_SRCDIR/tests/golden/pages.txt
mkdir "$work/bin"
printf '#!/bin/sh\nexec "%s" "$@"\n' "$GRADC" >"$work/bin/gradc"
chmod +x "$work/bin/gradc"
PATH=$work/bin:$PATH

# attempt WHICH: runs the page's commands in a folder of their own.
attempt() {
  rm -rf "$work/try"
  mkdir "$work/try"
  cp "$work"/page/*.nn "$work/try" 2>/dev/null
  code=0
  (cd "$work/try" && sh "$work/page/$1.sh") >"$work/out" 2>"$work/err" </dev/null || code=$?
}

: >"$work/new"
for one in $(sed -n 's/^DIAG(\([EW][0-9]*\),.*/\1/p' "$TOP_SRCDIR/src/base/diag.def" | sort); do
  page=$pages/$one.md
  if [ ! -f "$page" ]; then
    not_ok "docs/diagnostics/$one.md is missing: say why it happens, with a wrong and a right example"
    continue
  fi
  title=$(sed -n "s/^DIAG($one, *SEV_[A-Z]*, *\"\(.*\)\").*/\1/p" "$TOP_SRCDIR/src/base/diag.def")
  same "$one.md: first line" "$(sed -n 1p "$page")" "# $one: $title"
  rm -rf "$work/page"
  mkdir "$work/page"
  same "$one.md: blocks" "$(awk -v dir="$work/page" -f "$TOP_SRCDIR/tests/pages_split.awk" "$page" 2>&1)" ""
  if [ -f "$work/page/right.sh" ]; then
    attempt right
    what="$one.md: right"
    is 0
    case $(cat "$work/err") in *"[$one]"*) not_ok "$one.md: the right example gives it, too" ;; *) ok ;; esac
  else
    not_ok "$one.md has no right example"
  fi
  if [ -f "$work/page/wrong.sh" ]; then
    attempt wrong
    what="$one.md: wrong" err=$(awk '/(error|warning)\[/ { on = 1 } on' "$work/err")
    err_has "[$one]: "
    { printf '==== %s\n' "$one"; printf '%s\n' "$err" | without_prelude_lines; } >>"$work/new"
  else
    not_ok "$one.md has no wrong example"
  fi
done
for page in "$pages"/*.md; do
  one=$(basename "$page" .md)
  grep -q "^DIAG($one," "$TOP_SRCDIR/src/base/diag.def" || not_ok "$one.md is of no diagnostic"
done
if [ -n "${GOLDEN_UPDATE-}" ]; then cp "$work/new" "$golden"; fi
same "all texts" "$(diff "$golden" "$work/new")" ""

# `gradc explain` prints the page as text: its paragraphs, its programs indented.
run explain E0304
is 0
same "explain E0304" "$(printf '%s\n' "$out" | sed -n '1p; /^Wrong:/,$p')" "E0304: shapes can't be broadcast
Wrong:

    fn f(x: f32[N, 3], y: f32[N]) = x * y

Right:

    # one y for each row of x
    fn f(x: f32[N, 3], y: f32[N]) = x * expand_dims(y, -1)"
finish
