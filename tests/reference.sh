#!/bin/sh
# reference.sh: the training of examples/fashion_mlp.nn against an independent one in NumPy, from the
# same weights over the same batches: loss curve and final parameters to 1e-4. Skipped without NumPy.
. "${TOP_SRCDIR:-.}/tests/lib.sh"

reference=$TOP_SRCDIR/tests/reference/fashion_mlp.py
python=
for p in python3 /usr/bin/python3; do
  if "$p" -c 'import numpy' 2>/dev/null; then python=$p; break; fi
done
if [ -z "$python" ]; then
  echo "SKIP: no python3 with NumPy"
  exit 77
fi

# compare OPTION...: trains both ways.
compare() {
  rm -f "$work/run.jsonl" "$work/final.safetensors"
  run train "$TOP_SRCDIR/examples/fashion_mlp.nn" --data x="$work/images.idx" \
    --data label="$work/labels.idx" --load "$work/init.npz" --no-shuffle --optimizer sgd \
    --save "$work/final.safetensors" --log "$work/run.jsonl" "$@"
  is 0
  if said=$("$python" "$reference" --images "$work/images.idx" --labels "$work/labels.idx" \
      --load "$work/init.npz" --compare "$work/final.safetensors" --curve "$work/run.jsonl" \
      "$@" 2>&1); then
    ok
  else
    not_ok "NumPy's training differs for $*" "$said"
  fi
}

"$python" "$reference" --make "$work" || exit 99
compare --epochs 2 --batch 64 --lr 0.02
compare --epochs 1 --batch 100 --lr 0.01 # 640 is no multiple of 100: the last batch is dropped
finish
