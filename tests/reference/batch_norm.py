#!/usr/bin/env python3
"""An independent training with batch norm (tests/states.sh): NumPy, float64, gradients by tape.py.

  batch_norm.py make FOLDER     writes data.npz, init.npz and row.npz there
  batch_norm.py check FOLDER    trains from init.npz as `gradc train --no-shuffle --optimizer sgd
                                --batch 8 --epochs 3 --lr 0.05` does, and compares the weights and
                                running statistics in FOLDER/final.npz, the predictions in
                                FOLDER/predicted.npz, and those for one example in FOLDER/row_predicted.npz
"""
import sys

import numpy as np

import tape
from tape import array, sqrt, tanh

MOMENTUM, EPS, BATCH, EPOCHS, LR = 0.1, 1e-5, 8, 3, 0.05
LAYERS = 3


def make(folder):
    r = np.random.default_rng(4)
    x = r.normal(size=(40, 4)) * [1, 2, 3, 0.5] + [0, 1, -1, 2]
    np.savez(folder + "/data.npz", x=x, y=np.sin(x.sum(1)))
    np.savez(folder + "/row.npz", x=x[5:6])
    p = {"last": r.normal(size=(4, 1))}
    for i in range(LAYERS):
        b = f"blocks.{i}."
        p[b + "W"] = r.normal(size=(4, 4)) / 2
        p[b + "norm.scale"] = 1 + 0.1 * r.normal(size=4)
        p[b + "norm.shift"] = 0.1 * r.normal(size=4)
        p[b + "norm.running_mean"] = 0.1 * r.normal(size=4)
        p[b + "norm.running_var"] = 1 + r.uniform(size=4)
    np.savez(folder + "/init.npz", **p)


def network(p, state, x, train):
    """The prediction; with train also the new states."""
    h, after = array(x), dict(state)
    for i in range(LAYERS):
        b = f"blocks.{i}."
        z = h @ p[b + "W"]
        mean, var = array(state[b + "norm.running_mean"]), array(state[b + "norm.running_var"])
        if train:
            n = len(x)
            mean = z.mean(0, True)
            var = ((z - mean) * (z - mean)).mean(0, True)
            for name, now in (("mean", mean.value[0]), ("var", var.value[0] * n / (n - 1))):
                old = state[b + "norm.running_" + name]
                after[b + "norm.running_" + name] = (1 - MOMENTUM) * old + MOMENTUM * now
        h = h + tanh((z - mean) / sqrt(var + EPS) * p[b + "norm.scale"] + p[b + "norm.shift"])
    return (h @ p["last"]).reshape(len(x)), after


def train(p, state, x, y):
    velocity = {k: np.zeros_like(v) for k, v in p.items()}
    for _ in range(EPOCHS):
        for at in range(0, len(x), BATCH):
            a = {k: array(v) for k, v in p.items()}
            out, state = network(a, state, x[at : at + BATCH], True)
            e = out - y[at : at + BATCH]
            for k, g in zip(a, tape.gradients((e * e).mean(), list(a.values()))):
                velocity[k] = 0.9 * velocity[k] + g
                p[k] = p[k] - LR * velocity[k]
    return p, state


def compare(what, got, want, bad):
    got = np.asarray(got)
    d = np.abs(got - want).max() / max(1e-3, np.abs(want).max()) if got.shape == want.shape else np.inf
    if not d <= 1e-10:
        bad.append(f"{what} differs by {d:.3g}")


def check(folder):
    data, row, init = (np.load(f"{folder}/{f}.npz") for f in ("data", "row", "init"))
    x, y, bad = data["x"], data["y"], []
    p = {k: init[k] for k in init.files if ".running_" not in k}
    state = {k: init[k] for k in init.files if ".running_" in k}
    p, state = train(p, state, x, y)
    final = np.load(folder + "/final.npz")
    for k, want in (p | state).items():
        compare(k, final[k], want, bad)
    want = network({k: array(v) for k, v in p.items()}, state, x, False)[0].value
    compare("predictions", np.load(folder + "/predicted.npz")["net"], want, bad)
    compare("the prediction for one", np.load(folder + "/row_predicted.npz")["net"], want[5:6], bad)
    print("\n".join(bad))
    return not bad


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("make", "check"):
        sys.exit("usage: batch_norm.py make|check FOLDER")
    if sys.argv[1] == "make":
        make(sys.argv[2])
    elif not check(sys.argv[2]):
        sys.exit(1)


if __name__ == "__main__":
    main()
