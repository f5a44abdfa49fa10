#!/bin/sh
# models.sh: the gradients that `gradc train` computes for the models in examples/, in f64 and with
# small sizes, against independent NumPy programs (tests/reference/models.py). Skipped without NumPy.
. "${TOP_SRCDIR:-.}/tests/lib.sh"

reference=$TOP_SRCDIR/tests/reference/models.py
with_numpy

# Runs one step of an optimiser that leaves the gradient where the parameter was.
model() {
  dir=$work/$1
  mkdir "$dir"
  "$python" "$reference" make "$1" "$dir" || exit 99
  for f in "$TOP_SRCDIR/examples/$1.nn" "$TOP_SRCDIR/examples/layers.nn"; do
    sed 's/f32/f64/g' "$f" >"$dir/${f##*/}"
  done
  set -- "$1" $(cat "$dir/options")
  name=$1
  shift
  run train "$dir/case.nn" "$@" --load "$dir/params.npz" --save "$dir/gradient.npz" --seed 5 \
    --epochs 1 --steps 1 --no-shuffle --optimizer gradient --log "$dir/log"
  case $err in
    *gradc-llvm*"cannot open shared object"*)
      echo "SKIP: built without the LLVM back end"
      exit 77
      ;;
  esac
  is 0
  sed -n 's/^{"event":"epoch","epoch":1,"step":1,"loss":\([-+.0-9e]*\),.*/\1/p' "$dir/log" >"$dir/value"
  if [ -s "$dir/expressions" ]; then
    set -- $(cat "$dir/defines")
    while IFS= read -r line; do set -- "$@" "$line"; done <"$dir/expressions"
    run eval "$dir/case.nn" --load "$dir/params.npz" "$@"
    is 0
    cp "$work/out" "$dir/printed"
  fi
  if said=$("$python" "$reference" check "$name" "$dir" 2>&1); then
    ok
    [ -z "${VERBOSE-}" ] || printf '%s\n' "$said"
  else
    not_ok "NumPy differs" "$said"
  fi
}

for m in gmm bundle_adjustment adbench_lstm hand_tracking fashion_cnn residual_mlp fashion_vae char_lstm transformer; do
  model $m
done
finish
