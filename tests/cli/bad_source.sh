#!/bin/sh
# bad_source.sh: programs that are wrong: message, place, caret line and hint of each, and its exit
# code. Every code of diag.def must be provoked somewhere.
. "${TOP_SRCDIR:-.}/tests/lib.sh"

golden "$TOP_SRCDIR/tests/golden/source.txt"
finish
