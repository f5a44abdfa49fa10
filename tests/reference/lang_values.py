#!/usr/bin/env python3
"""The values expected by tests/lang/*.nn, computed by NumPy and SciPy.

In the tests, `~ python` under an expression says where its value comes from. Without an option this
recomputes each of them and reports lines `=` that differ; --write puts them in.

Derivatives are taken by complex steps (f(x + ih).imag / h has no cancellation), so the functions
below are written to work on complex numbers: they decide by the real part.
"""
import re
import sys

import numpy as np
from scipy import special

STEP = 1e-30


def diff(f, *args, wrt=0):
    """The derivative of scalar f by argument number wrt, of that argument's shape."""
    args = [np.asarray(a, complex) for a in args]
    x = args[wrt]
    out = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        moved = x.copy()
        moved[i] += 1j * STEP
        out[i] = np.imag(f(*args[:wrt], moved, *args[wrt + 1 :])) / STEP
    return out


def diff2(f, x, h=1e-4):
    """The second derivative of a scalar f of one number: the slope of diff, to order h**4."""
    d = lambda t: diff(f, t)
    return (8 * (d(x + h) - d(x - h)) - (d(x + 2 * h) - d(x - 2 * h))) / (12 * h)


def tangent(f, x, dx):
    """The derivative of f along dx."""
    return np.imag(f(np.asarray(x) + 1j * STEP * np.asarray(dx))) / STEP


def hessian(f, x, h=1e-4):
    x = np.asarray(x, float)
    rows = []
    for e in np.eye(len(x)) * h:
        d = lambda k: diff(f, x + k * e)
        rows.append((8 * (d(1) - d(-1)) - (d(2) - d(-2))) / (12 * h))
    return np.array(rows)


def relu(x):
    return np.where(np.real(x) > 0, x, 0)


def softplus(x):
    return np.where(np.real(x) > 0, x, 0) + np.log1p(np.exp(np.where(np.real(x) > 0, -x, x)))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def elu(x, alpha=1.0):
    return np.where(np.real(x) > 0, x, alpha * (np.exp(np.where(np.real(x) > 0, 0, x)) - 1))


def phi(x):
    return (1 + special.erf(x / np.sqrt(2))) / 2


def gelu(x):
    return x * phi(x)


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def lstm_cell(x, h, c, W, U, b):
    i, f, a, o = np.split(x @ W + h @ U + b, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(a)
    return (sigmoid(o) * np.tanh(c), c)


def gru_cell(x, h, W, U, b, d):
    r, z, n = np.split(x @ W + b, 3, axis=-1)
    hr, hz, hn = np.split(h @ U + d, 3, axis=-1)
    keep = sigmoid(z + hz)
    return keep * h + (1 - keep) * np.tanh(n + sigmoid(r + hr) * hn)


def lse(x, axis=-1):
    m = np.real(x).max(axis=axis, keepdims=True)
    return (np.log(np.exp(x - m).sum(axis=axis, keepdims=True)) + m).squeeze(axis)


def softmax(x, axis=-1):
    e = np.exp(x - np.real(x).max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def xent(z, label):
    z = np.asarray(z)
    return lse(z) - np.take_along_axis(z, np.asarray(label)[..., None], -1)[..., 0]


def bce(z, t):
    return softplus(np.asarray(z)) - np.asarray(z) * np.asarray(t)


def huber(e, delta=1.0):
    a = np.where(np.real(e) < 0, -e, e)
    return np.mean(np.where(np.real(a) <= delta, 0.5 * e * e, delta * (a - 0.5 * delta)))


def layer_norm(x, gamma=1, beta=0, eps=1e-5):
    d = x - x.mean(-1, keepdims=True)
    return d / np.sqrt((d * d).mean(-1, keepdims=True) + eps) * gamma + beta


def conv2d(x, w, stride=1, pad=0):
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    r, s = w.shape[2:]
    h, v = (x.shape[2] - r) // stride + 1, (x.shape[3] - s) // stride + 1
    y = np.zeros((x.shape[0], w.shape[0], h, v), np.result_type(x, w))
    for i in range(h):
        for j in range(v):
            part = x[:, :, i * stride : i * stride + r, j * stride : j * stride + s]
            y[:, :, i, j] = np.einsum("ncrs,ocrs->no", part, w)
    return y


def pool(x, k, stride, pad, how, fill):
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)), constant_values=fill)
    h, v = (x.shape[2] - k) // stride + 1, (x.shape[3] - k) // stride + 1
    y = np.zeros(x.shape[:2] + (h, v), x.dtype)
    for i in range(h):
        for j in range(v):
            y[:, :, i, j] = how(x[:, :, i * stride : i * stride + k, j * stride : j * stride + k],
                                axis=(2, 3))
    return y


def ramp(*shape):
    """The tensor the tests call ramp(shape): 0, 1, 2, ... in f64."""
    return np.arange(np.prod(shape), dtype=float).reshape(shape)


def wave(*shape):
    """The tensor the tests call wave(shape): sin of 1, 2, 3, ..."""
    return np.sin(1 + np.arange(np.prod(shape), dtype=float)).reshape(shape)


def threefry(k0, k1, c0, c1):
    """Threefry-2x32, 20 rounds, on unsigned arrays."""
    m = 0xFFFFFFFF
    c0, c1 = np.broadcast_arrays(np.asarray(c0, np.uint64), np.asarray(c1, np.uint64))
    ks = [k0 & m, k1 & m, (k0 ^ k1 ^ 0x1BD11BDA) & m]
    x0, x1 = (c0 + ks[0]) & m, (c1 + ks[1]) & m
    turns = [13, 15, 26, 6, 17, 29, 16, 24]
    for r in range(20):
        t = turns[r % 8]
        x0 = (x0 + x1) & m
        x1 = ((x1 << t) | (x1 >> (32 - t))) & m
        x1 = x1 ^ x0
        if r % 4 == 3:
            k = r // 4 + 1
            x0, x1 = (x0 + ks[k % 3]) & m, (x1 + ks[(k + 1) % 3] + k) & m
    return x0, x1


def unit(word):
    return ((word >> np.uint64(1)).astype(float) + 0.5) / 2**31


def uniform(low, high, shape, key):
    a, _ = threefry(key, 0, np.arange(np.prod(shape, dtype=int)), np.zeros(1, int))
    return low + (high - low) * unit(a).reshape(shape)


def normal(mean, std, shape, key):
    a, b = threefry(key, 0, np.arange(np.prod(shape, dtype=int)), np.zeros(1, int))
    z = np.sqrt(-2 * np.log(unit(a))) * np.cos(2 * np.pi * unit(b))
    return mean + std * z.reshape(shape)


def signed(word):
    return int(word) - 2**32 if int(word) >= 2**31 else int(word)


def show(v):
    if isinstance(v, tuple):
        return "(" + ", ".join(show(e) for e in v) + ")"
    v = np.asarray(v)
    if v.ndim:
        return "[" + ", ".join(show(e) for e in v) + "]"
    if v.dtype == bool:
        return "true" if v else "false"
    if np.issubdtype(v.dtype, np.integer):
        return str(int(v))
    v = float(np.real(v))
    return "nan" if v != v else "%.10g" % (v + 0.0)


def main():
    write = "--write" in sys.argv
    bad = count = 0
    env = dict(globals())
    for path in [a for a in sys.argv[1:] if not a.startswith("--")]:
        lines = open(path).read().split("\n")
        out = []
        i = 0
        while i < len(lines):
            line = lines[i]
            out.append(line)
            i += 1
            if not line.startswith("~ "):
                continue
            with np.errstate(all="ignore"):
                value = "= " + show(eval(line[2:], env))
            count += 1
            have = lines[i] if i < len(lines) and lines[i].startswith("= ") else None
            if have is not None:
                i += 1
                if have != value:
                    bad += 1
                    print("%s:%d: has    %s\n    should %s" % (path, i, have, value))
            out.append(value)
        if write:
            open(path, "w").write("\n".join(out))
    print("%d values, %d differed" % (count, bad))
    return 0 if write or not bad else 1


if __name__ == "__main__":
    sys.exit(main())
