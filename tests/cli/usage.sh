#!/bin/sh
# usage.sh: what the program says before any command runs.
. "${TOP_SRCDIR:-.}/tests/lib.sh"

run --version
is 0
out_has "gradc 0.1.0"
run
is 2
finish
