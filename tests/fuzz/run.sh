#!/bin/sh
# Builds the fuzz targets of the array files with libFuzzer, AddressSanitizer and UBSan, and runs each
# for some seconds:   tests/fuzz/run.sh [SECONDS] [FORMAT...]
# Needs clang with its run-time library (Debian: clang-19 libclang-rt-19-dev).
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-20}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- npy npz idx safetensors csv
cc=${FUZZ_CC:-clang-19}
out=${FUZZ_OUT:-${TMPDIR:-/tmp}/gradc-fuzz.$$}
mkdir -p "$out"
for f in "$@"; do
  "$cc" -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
    -Iruntime -o "$out/fuzz_$f" "tests/fuzz/fuzz_$f.c" runtime/array_file.c runtime/atomic_file.c \
    runtime/byte_stream.c runtime/csv.c runtime/idx.c runtime/npy.c runtime/npz.c \
    runtime/safetensors.c -ljansson -lz
  mkdir -p "$out/corpus_$f"
  cp "tests/fuzz/corpus/"*."$f" "$out/corpus_$f/" 2>/dev/null || true
  echo "fuzz_$f: $seconds s"
  (cd "$out" && "./fuzz_$f" -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=5 -verbosity=0 \
    -print_final_stats=1 "corpus_$f" 2>&1 | grep -E 'executed_units|peak_rss|ERROR|SUMMARY' || true)
  if ls "$out"/crash-* "$out"/leak-* "$out"/timeout-* "$out"/oom-* >/dev/null 2>&1; then
    echo "fuzz_$f found an input, kept in $out" >&2
    exit 1
  fi
done
