#!/bin/sh
# help_formats.sh: manual pages, completions and syntax files against the tables they are made from.
. "${TOP_SRCDIR:-.}/tests/lib.sh"
cd "$work" || exit 99
tables=$TOP_SRCDIR/src/cli
commands=$(sed -n 's/^COMMAND(\([a-z]*\),.*/\1/p' "$tables/commands.def")
sed -n 's/^OPTION(\([a-z]*\), *[a-z_]*, *"\([a-z-]*\)", *\([^,]*\), *"\([^"]*\)", *\([A-Z]*\),.*/\1 \2 \3 \4 \5/p' \
  "$tables/options.def" | tr -d "'" >options
same "options read of options.def" "$(wc -l <options)" "$(grep -c '^OPTION(' "$tables/options.def")"

# options_of COMMAND: "NAME LETTER ARGUMENT TYPE" of each that it takes.
options_of() { awk -v c="$1" '$1 == c || $1 == "all" { sub(/^[a-z]+ /, ""); print }' options; }
# page_has TEXT: without roff's \- and fonts.
page_has() { has "$page" "$1" page; }

# ---- manual pages ---------------------------------------------------------------------------------
for command in '' $commands; do
  # shellcheck disable=SC2086
  run help --format man $command
  is 0
  page=$(printf '%s\n' "$out" | sed -e 's/\\f[BIR]//g' -e 's/\\-/-/g')
  for part in NAME SYNOPSIS DESCRIPTION OPTIONS 'EXIT STATUS' ENVIRONMENT 'SEE ALSO'; do
    page_has ".SH $part"
  done
  while read -r name letter arg type; do
    [ "$type" ] || { type=$arg; arg=; } # a FLAG has no argument
    page_has "--$name${arg:+=$arg}
"
    [ "$letter" = 0 ] || page_has "-$letter, --$name"
  done <<END
$(options_of "$command")
END
  if command -v groff >/dev/null 2>&1; then
    same "groff -ww of the page of gradc $command" \
      "$(printf '%s\n' "$out" | groff -man -Tutf8 -ww 2>&1 >/dev/null)" ""
  fi
done
run help --format man
page=$(printf '%s\n' "$out" | sed -e 's/\\-/-/g')
for command in $commands; do page_has ".BR gradc-$command (1)"; done
# Every variable of the environment that the sources read is in the page.
for name in $(grep -ho 'getenv("[A-Z_]*")' "$TOP_SRCDIR"/src/*/*.c "$TOP_SRCDIR"/runtime/*.c |
  sed 's/.*"\(.*\)".*/\1/' | sort -u); do
  page_has ".B $name
"
done

# ---- completions ------------------------------------------------------------------------------------
mkdir bin dir.nn.d
printf '#!/bin/sh\nexec "%s" "$@"\n' "$GRADC" >bin/gradc
chmod +x bin/gradc
PATH=$work/bin:$PATH
printf 'fn loss(x: f64) = x\nfn helper(y) = y\n# fn hidden(z) = z\n' >net.nn
: >notes.txt
run help --format bash
is 0
printf '%s\n' "$out" >gradc.bash

# complete WORD...: what the last word can become, sorted, on one line.
cat >complete.bash <<'END'
source ./gradc.bash
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_gradc
printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' '
END
complete() { bash complete.bash "$@"; }
# completes TEXT WORD...
completes() {
  wanted=$1
  shift
  same "completion of: $*" "$(complete "$@")" "$wanted"
}
if command -v bash >/dev/null 2>&1; then
  same "bash -n" "$(bash -n gradc.bash 2>&1)" ""
  same "all commands" "$(complete gradc '')" "$(printf '%s\n' $commands | sort | tr '\n' ' ')"
  for command in $commands; do
    options_of "$command" | awk '{ print "--" $1; if ($2 != "0") print "-" $2 }' | sort >wanted
    same "options of $command" "$(complete gradc "$command" - | tr ' ' '\n' | sed '/^$/d')" "$(cat wanted)"
  done
  completes 'train ' gradc tr
  completes '--color ' gradc --co
  completes '--epochs --eval-batch ' gradc train --e
  completes 'bin/ dir.nn.d/ net.nn ' gradc check ''
  completes 'net.nn ' gradc check n
  completes 'helper loss ' gradc grad net.nn ''
  completes 'loss ' gradc bench --seconds 1 net.nn lo
  completes 'always auto never ' gradc check --color ''
  completes 'always auto ' gradc check --color = a
  completes 'constant cosine ' gradc train net.nn --decay c
  completes 'notes.txt ' gradc train net.nn --save not
  completes ' ' gradc train net.nn --epochs ''
  completes 'E0304 ' gradc explain E0304
  completes 'grad gradcheck ' gradc help gr
else
  echo 'no bash: completions not tried'
fi

run help --format zsh
is 0
same "first line of _gradc" "$(printf '%s\n' "$out" | sed -n 1p)" "#compdef gradc"
for command in $commands; do
  out_has "    '$command:"
  part=$(printf '%s\n' "$out" | sed -n "/^    $command)/,/;;\$/p")
  while read -r name letter arg type; do
    has "$part" "--$name" "zsh's options of $command"
    [ "$letter" = 0 ] || has "$part" "{-$letter" "zsh's options of $command"
  done <<END
$(options_of "$command")
END
done
if command -v zsh >/dev/null 2>&1; then
  printf '%s\n' "$out" >_gradc
  same "zsh -n" "$(zsh -n _gradc 2>&1)" ""
  # Loaded as compinit loads it; what it gives zsh's own functions is what these would offer.
  cat >load.zsh <<'END'
fpath=($PWD $fpath)
autoload -Uz compinit
compinit -u -D
print -r -- "gradc: $_comps[gradc]"
_arguments() {
  [[ $1 == -C ]] && { words=($asked) state=operand; return }
  print -rl -- "$@"
}
_describe() { print -r -- "$1: ${(P)2}" }
asked=(train net.nn)
_gradc >specs
grep -c -- --epochs= specs
words=(grad net.nn)
_gradc_functions
_gradc_codes >codes
grep -o E0304 codes | sort -u
END
  same "zsh with _gradc" "$(zsh -f load.zsh 2>&1)" "gradc: _gradc
1
function: loss helper
E0304"
fi
run help --format bash check
is 2 ""

# ---- syntax -----------------------------------------------------------------------------------------
# Every keyword, element type, builtin, elementwise function and function of the prelude is a word of it.
{
  sed -n 's/^TOKEN([A-Z]*, *"\([a-z][a-z]*\)",.*/\1/p' "$TOP_SRCDIR/grammar/tokens.def" | grep -vx count
  sed -n 's/^DTYPE([A-Z0-9]*, *"\([a-z0-9]*\)".*/\1/p' "$TOP_SRCDIR/src/ir/types.def"
  sed -n 's/^BUILTIN(\([a-z_]*\),.*/\1/p' "$TOP_SRCDIR/src/front/builtin.def"
  sed -n 's/^MAP(\([a-z_0-9]*\),.*TY_[A-Z_0-9, ]*"",.*/\1/p' "$TOP_SRCDIR/src/ir/ops.def"
  sed -n 's/^fn \([a-z_0-9]*\)(.*/\1/p' "$TOP_SRCDIR"/src/front/*.nn
} | sort -u >words
same "enough words" "$([ "$(wc -l <words)" -gt 150 ] && echo yes)" yes
run help --format vim
is 0
printf '%s\n' "$out" >nn.vim
sed -n 's/^syn keyword [A-Za-z]* //p' nn.vim | tr ' ' '\n' | sort >vim_words
same "words that nn.vim lacks" "$(comm -23 words vim_words)" ""
same "words twice in nn.vim" "$(uniq -d vim_words)" ""
run help --format textmate
is 0
printf '%s\n' "$out" >nn.json
sed -n 's/.*"match": "\\\\b(\([a-z0-9|_]*\))\\\\b"}.*/\1/p' nn.json | tr '|' '\n' | sort >textmate_words
same "words that nn.tmLanguage.json lacks" "$(comm -23 words textmate_words)" ""
if command -v python3 >/dev/null 2>&1; then
  for json in nn.json "$TOP_SRCDIR"/editors/vscode/*.json; do
    same "$json is JSON" "$(python3 -m json.tool "$json" 2>&1 >/dev/null)" ""
  done
fi

# What Vim makes of a line: the class of the word at a column.
if command -v vim >/dev/null 2>&1 && vim --version | grep -q '+syntax'; then
  printf 'fn loss(x: f64) = tanh(x)**2 + 1.5e-3 # why\nlet s = "a\\n"; if true then grad(f) else 0..3\n' >try.nn
  cat >try.vim <<'END'
set nocompatible
syntax on
source nn.vim
let out = []
for [l, c] in [[1,1],[1,4],[1,12],[1,19],[1,26],[1,32],[1,40],[2,1],[2,10],[2,11],[2,16],[2,19],[2,29],[2,42]]
  call add(out, synIDattr(synID(l, c, 1), "name"))
endfor
call writefile(out, "got")
qall!
END
  vim -N -u NONE -i NONE -n -es -S try.vim try.nn </dev/null >/dev/null 2>&1
  same "what Vim sees" "$(tr '\n' ' ' <got)" \
    "nnDeclaration nnName nnType nnFunction nnOperator nnNumber nnComment nnDeclaration nnString nnEscape nnControl nnConstant nnDerivative nnNumber "
fi
finish
