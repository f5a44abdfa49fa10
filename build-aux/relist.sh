#!/bin/sh
# relist.sh [--check]: writes the lists of files in Makefile.am, and the rows of tests/suites.def,
# from the folders' contents. With --check it only says whether they are up to date. To be run from
# the root of the source tree, after adding, moving or removing files.
set -eu
LC_ALL=C
export LC_ALL

# files_of VARIABLE: the files that belong into the list, one a line.
files_of() {
  case $1 in
    back_sources) ls src/back/* | grep -Ev '/llvm[._]' ;;
    back_llvm_sources) ls src/back/llvm_* ;;
    grammar_sources) ls grammar/* | grep -Ev '/nn_(parse|lex)\.' ;;
    grammar_generated) [ ! -f grammar/nn.y ] || printf 'grammar/nn_%s\n' lex.c lex.h parse.c parse.h ;;
    embedded_texts) ls src/front/*.nn src/ir/*.nn ;;
    diagnostic_pages) ls docs/diagnostics/*.md ;;
    man_pages) echo man/gradc.1; sed -n 's,^COMMAND(\([a-z]*\)\,.*,man/gradc-\1.1,p' src/cli/commands.def ;;
    editor_files) find editors -type f ;;
    embedded_sources)
      echo src/front/prelude_nn.c
      ls src/ir/*.nn | sed 's/\.nn$/_nn.c/'
      [ ! -d docs/diagnostics ] || echo src/driver/diagnostics_md.c
      echo src/driver/library_pool_c.c ;;
    cli_sources) ls src/cli/* | grep -v '/main\.c$' ;;
    runtime_sources) ls runtime/*.[ch] | grep -v /library_pool ;;
    *_sources) layer=${1%_sources}; ls src/"$layer"/*.c src/"$layer"/*.h src/"$layer"/*.def | grep -Ev '_(nn|md|pool_c)\.c$' ;;
    test_files) ls tests/*.[ch] tests/suites.def | grep -v /embed_sample ;;
    shell_tests) ls tests/*.sh tests/cli/*.sh | grep -Ev '/(driver|lib)\.sh$' ;;
    data_files) find docs/*.md examples bench tests/lang tests/programs tests/reference tests/fuzz tests/vmath \
                  tests/golden tests/data tests/emit tests/guard tests/native tests/*.awk -type f ! -name '*.pyc' ! -name '*.o' |
                  grep -v -e '^bench/\.' -e '^bench/out/' ;;
  esac 2>/dev/null | sort -u
}

# Rewrites each list between the marks of Makefile.am.
relisted() {
  inside=
  skip=
  while IFS= read -r line; do
    case $line in
      '# [lists]') inside=1 ;;
      '# [end of lists]') inside= ;;
    esac
    if [ -n "$skip" ]; then # the rest of a list that was written already
      case $line in *\\) ;; *) skip= ;; esac
      continue
    fi
    name=${line%% =*}
    case $inside$line in
      1*' ='*)
        files_of "$name" | awk -v name="$name" '
          BEGIN { text = name " =" }
          { if (!n++) { text = text " \\\n "; col = 1 }
            if (col + length($0) > 96) { text = text " \\\n "; col = 1 }
            text = text " " $0; col += length($0) + 1 }
          END { print text }'
        case $line in *\\) skip=1 ;; esac ;;
      *) printf '%s\n' "$line" ;;
    esac
  done <Makefile.am
}

suites() {
  sed '/^SUITE(/d' tests/suites.def
  ls tests/test_*.c | sed 's,^tests/test_\(.*\)\.c$,SUITE(\1),'
}

temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
relisted >"$temp/Makefile.am"
suites >"$temp/suites.def"
if [ "${1-}" = --check ]; then
  diff Makefile.am "$temp/Makefile.am" && diff tests/suites.def "$temp/suites.def"
else
  cmp -s Makefile.am "$temp/Makefile.am" || cat "$temp/Makefile.am" >Makefile.am
  cmp -s tests/suites.def "$temp/suites.def" || cat "$temp/suites.def" >tests/suites.def
fi
