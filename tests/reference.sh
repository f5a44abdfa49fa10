#!/bin/sh
# reference.sh: the training of examples/fashion_mlp.nn against an independent one in NumPy (float64),
# from the same weights over the same batches: loss curve and final parameters. Skipped without NumPy.
#
# The example itself, in f32, stays within 1e-4; written in f64, within 1e-8 (the log has nine digits). (Over many epochs f32
# leaves any f64 run: a rounding error that decides on which side of 0 a relu's argument falls is
# soon as large as the step itself. In f64 two epochs of the real data agree to 1e-15.)
#
# With GRADC_REAL_DATA naming the folder of Fashion-MNIST's files, one epoch of it as well.
. "${TOP_SRCDIR:-.}/tests/lib.sh"

reference=$TOP_SRCDIR/tests/reference/fashion_mlp.py
single=$TOP_SRCDIR/examples/fashion_mlp.nn
double=$work/fashion_f64.nn
with_numpy

# compare MODEL TOLERANCE OPTION...: trains both ways on $images and $labels.
compare() {
  model=$1 tolerance=$2
  shift 2
  rm -f "$work/run.jsonl" "$work/final.safetensors"
  run train "$model" --data x="$images" --data label="$labels" --load "$work/init.npz" \
    --no-shuffle --optimizer sgd --save "$work/final.safetensors" --log "$work/run.jsonl" "$@"
  is 0
  if said=$("$python" "$reference" --images "$images" --labels "$labels" \
      --load "$work/init.npz" --compare "$work/final.safetensors" --curve "$work/run.jsonl" \
      --tolerance "$tolerance" "$@" 2>&1); then
    ok
  else
    not_ok "NumPy's training differs for $model $*" "$said"
  fi
}

run train "$single" --epochs 0
case $err in
  *gradc-llvm*"cannot open shared object"*)
    echo "SKIP: built without the LLVM back end"
    exit 77
    ;;
esac

sed 's/f32/f64/g' "$single" >"$double"
"$python" "$reference" --make "$work" || exit 99
images=$work/images.idx labels=$work/labels.idx
compare "$single" 1e-4 --epochs 2 --batch 64 --lr 0.02
compare "$single" 1e-4 --epochs 1 --batch 100 --lr 0.01 # 640 is no multiple of 100: the last is dropped
compare "$double" 1e-8 --epochs 5 --batch 64 --lr 0.02

if [ -n "${GRADC_REAL_DATA-}" ]; then
  images=$GRADC_REAL_DATA/train-images-idx3-ubyte.gz labels=$GRADC_REAL_DATA/train-labels-idx1-ubyte.gz
  compare "$single" 1e-4 --epochs 1 --batch 128 --lr 0.005
  compare "$double" 1e-8 --epochs 2 --batch 128 --lr 0.02
fi
finish
