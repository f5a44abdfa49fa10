#!/bin/sh
# lists.sh: Makefile.am and suites.def name every file there is. Only a git checkout has files that
# could have been forgotten.
. "${TOP_SRCDIR:-.}/tests/lib.sh"
cd "$TOP_SRCDIR" || exit 99
if [ ! -e .git ]; then
  echo "SKIP: not a git checkout"
  exit 77
fi
missing=$(sh build-aux/relist.sh --check 2>&1) && ok || not_ok "run build-aux/relist.sh:" "$missing"
finish
