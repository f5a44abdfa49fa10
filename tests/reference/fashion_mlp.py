#!/usr/bin/env python3
"""An independent training of examples/fashion_mlp.nn: NumPy, float64, gradients by hand.

In:  the images and labels, and the initial weights, so that both start alike. --make DIR writes a
     small data set (images.idx, labels.idx) and weights (init.npz) there instead, and ends.
Out: one JSON line per epoch on standard output, the mean loss over its steps and (with --val) the
     test accuracy; final weights with --save; with --compare FILE the largest difference from the
     weights in FILE, and exit code 1 where it is above --tolerance.

Batches are consecutive and unshuffled unless --order names a file of example numbers (text, one
epoch after the other); a last batch that isn't full is dropped.

  gradc train examples/fashion_mlp.nn $DATA --load init.npz --no-shuffle --epochs 2 \\
    --batch 128 --lr 0.02 --optimizer sgd --save final.safetensors --log run.jsonl
  tests/reference/fashion_mlp.py --images I --labels L --load init.npz --epochs 2 \\
    --batch 128 --lr 0.02 --compare final.safetensors --curve run.jsonl
"""
import argparse
import gzip
import json
import struct
import sys

import numpy as np

NAMES = ("W1", "b1", "W2", "b2")


def read_idx(path):
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as f:
        data = f.read()
    rank = data[3]
    shape = struct.unpack(">%dI" % rank, data[4 : 4 + 4 * rank])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def read_images(path):
    images = read_idx(path)
    return images.reshape(len(images), -1)


def read_weights(path):
    """The parameters in a .npz or .safetensors file, in float64."""
    if path.endswith(".npz"):
        with np.load(path) as z:
            return {k: z[k].astype(np.float64) for k in NAMES}
    with open(path, "rb") as f:
        data = f.read()
    (n,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8 : 8 + n]), data[8 + n :]
    types = {"F32": np.float32, "F64": np.float64}
    out = {}
    for k in NAMES:
        a, b = header[k]["data_offsets"]
        t = types[header[k]["dtype"]]
        out[k] = np.frombuffer(body[a:b], t).reshape(header[k]["shape"]).astype(np.float64)
    return out


def write_idx(path, a):
    with open(path, "wb") as f:
        f.write(bytes([0, 0, 8, a.ndim]) + struct.pack(">%dI" % a.ndim, *a.shape))
        f.write(a.astype(np.uint8).tobytes())


def make(folder, examples=640, hidden=128):
    """Ten random patterns with noise over them, and weights with the example's spread."""
    r = np.random.default_rng(1)
    label = r.integers(0, 10, examples)
    pattern = r.integers(0, 256, (10, 28, 28))
    noise = r.integers(0, 256, (examples, 28, 28))
    write_idx(folder + "/images.idx", (pattern[label] + 2 * noise) // 3)
    write_idx(folder + "/labels.idx", label)
    np.savez(
        folder + "/init.npz",
        W1=(r.normal(size=(784, hidden)) * np.sqrt(2 / 784)).astype(np.float32),
        b1=np.zeros(hidden, np.float32),
        W2=(r.uniform(-1, 1, (hidden, 10)) * np.sqrt(6 / (hidden + 10))).astype(np.float32),
        b2=np.zeros(10, np.float32),
    )


def forward(p, x):
    z = x @ p["W1"] + p["b1"]
    h = np.where(z > 0, z, 0.0)
    return z, h, h @ p["W2"] + p["b2"]


def loss_and_gradient(p, x, label):
    n = len(label)
    z, h, logits = forward(p, x)
    shifted = logits - logits.max(axis=1, keepdims=True)
    e = np.exp(shifted)
    total = e.sum(axis=1, keepdims=True)
    loss = np.mean(np.log(total[:, 0]) - shifted[np.arange(n), label])
    d = e / total
    d[np.arange(n), label] -= 1
    d /= n
    dz = (d @ p["W2"].T) * (z > 0)
    return loss, {"W2": h.T @ d, "b2": d.sum(0), "W1": x.T @ dz, "b1": dz.sum(0)}


def accuracy(p, x, label):
    hits = 0
    for i in range(0, len(label), 1000):
        hits += np.sum(forward(p, (x[i : i + 1000] - 73.0) / 90.0)[2].argmax(1) == label[i : i + 1000])
    return hits / len(label)


def compare_curve(path, losses, tolerance):
    """The `loss` of the log's lines that carry an epoch, against ours."""
    theirs = []
    with open(path) as f:
        for line in f:
            entry = json.loads(line)
            if entry.get("event") == "epoch":
                theirs.append(entry["loss"])
    if len(theirs) != len(losses):
        print("the log has %d epochs, not %d" % (len(theirs), len(losses)))
        return False
    worst = max(abs(a - b) for a, b in zip(theirs, losses))
    print("largest difference of the loss curve: %.3g" % worst)
    return worst <= tolerance


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("--make", metavar="DIR", help="write a small data set and weights, and end")
    a.add_argument("--images")
    a.add_argument("--labels")
    a.add_argument("--val-images")
    a.add_argument("--val-labels")
    a.add_argument("--load", help="initial weights, .safetensors or .npz")
    a.add_argument("--order", help="text file of example numbers instead of 0, 1, 2, ...")
    a.add_argument("--epochs", type=int, default=1)
    a.add_argument("--batch", type=int, default=128)
    a.add_argument("--lr", type=float, default=0.02)
    a.add_argument("--momentum", type=float, default=0.9)
    a.add_argument("--save", help="final weights, .npz")
    a.add_argument("--compare", help="final weights of gradc to compare with")
    a.add_argument("--curve", help="the log of gradc train to compare with")
    a.add_argument("--tolerance", type=float, default=1e-4)
    o = a.parse_args()
    if o.make:
        make(o.make)
        return 0
    if not (o.images and o.labels and o.load):
        a.error("--images, --labels and --load are needed")

    x, label = read_images(o.images), read_idx(o.labels).astype(np.int64)
    p = read_weights(o.load)
    m = {k: np.zeros_like(v) for k, v in p.items()}
    order = np.loadtxt(o.order, dtype=np.int64) if o.order else None
    losses = []
    for epoch in range(o.epochs):
        ids = order[epoch * len(x) : (epoch + 1) * len(x)] if o.order else np.arange(len(x))
        step_losses = []
        for i in range(0, len(ids) - o.batch + 1, o.batch):
            rows = ids[i : i + o.batch]
            value, g = loss_and_gradient(p, (x[rows] - 73.0) / 90.0, label[rows])
            for k in NAMES:
                m[k] = o.momentum * m[k] + g[k]
                p[k] = p[k] - o.lr * m[k]
            step_losses.append(value)
        losses.append(float(np.mean(step_losses)))
        entry = {"epoch": epoch + 1, "loss": losses[-1]}
        if o.val_images:
            val_label = read_idx(o.val_labels).astype(np.int64)
            entry["val_accuracy"] = float(accuracy(p, read_images(o.val_images), val_label))
        print(json.dumps(entry), flush=True)

    good = True
    if o.save:
        np.savez(o.save, **p)
    if o.compare:
        theirs = read_weights(o.compare)
        for k in NAMES:
            worst = float(np.abs(theirs[k] - p[k]).max())
            print("%s: largest difference %.3g" % (k, worst))
            good = good and worst <= o.tolerance
    if o.curve:
        good = compare_curve(o.curve, losses, o.tolerance) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
