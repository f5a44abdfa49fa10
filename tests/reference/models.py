#!/usr/bin/env python3
"""Values and gradients of the models in examples/, by independent NumPy programs in float64.

  models.py make CASE FOLDER    writes what gradc is to be given there: PARAMS.npz, data, case.nn
                                (more declarations), options (of `gradc train`), defines (of `gradc eval`)
  models.py check CASE FOLDER   compares gradc's gradients in FOLDER/gradient.npz, the value in
                                FOLDER/value, and what `eval` printed in FOLDER/printed

A case is a class with the names and shapes of the parameters, data, and a function `loss` over
arrays of tape.py. Differences count relative to the largest element of the tensor.
"""
import math
import sys

import numpy as np

import tape
from tape import array, cos, cross_entropy, erf, exp, join, log, logsumexp, relu, sigmoid, sin, softmax
from tape import sqrt, stack, tanh, where

TOLERANCE = 1e-10
SEED = 5


# ---- random numbers as gradc draws them --------------------------------------------------------
def threefry(k0, k1, c0, c1):
    """Threefry-2x32 with 20 rounds (Salmon et al. 2011), on arrays of uint32."""
    with np.errstate(over="ignore"):
        k = [np.uint32(k0), np.uint32(k1), np.uint32(k0) ^ np.uint32(k1) ^ np.uint32(0x1BD11BDA)]
        a, b = c0 + k[0], c1 + k[1]
        for i in range(20):
            r = np.uint32(((13, 15, 26, 6), (17, 29, 16, 24))[i // 4 % 2][i % 4])
            a = a + b
            b = (b << r | b >> (np.uint32(32) - r)) ^ a
            if i % 4 == 3:
                n = i // 4 + 1
                a, b = a + k[n % 3], b + k[(n + 1) % 3] + np.uint32(n)
    return a, b


def uniform_pair(shape, key):
    n = np.arange(int(np.prod(shape)), dtype=np.uint32)
    words = threefry(key & 0xFFFFFFFF, 0, n, np.zeros_like(n))
    return [((w >> np.uint32(1)) + 0.5).reshape(shape) / 2.0**31 for w in words]


def uniform(shape, key):
    return uniform_pair(shape, key)[0]


def normal(shape, key):
    u, v = uniform_pair(shape, key)
    return np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * v)


def step_key(seed, step):
    mask = (1 << 64) - 1
    z = (seed * 0xD1B54A32D192ED03 + 0x9E3779B97F4A7C15 * step) & mask
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & mask
    return (z ^ z >> 31) >> 33


# ---- pieces of networks -----------------------------------------------------------------------
def conv3x3(x, w):
    n, c, h, v = x.shape
    side = lambda s: tape.Array(np.zeros(s))
    x = join([side((n, c, 1, v)), x, side((n, c, 1, v))], 2)
    x = join([side((n, c, h + 2, 1)), x, side((n, c, h + 2, 1))], 3)
    windows = [x[:, :, r : r + h, s : s + v] for r in range(3) for s in range(3)]
    cols = stack(windows, 2).transpose(0, 3, 4, 1, 2).reshape(n * h * v, c * 9)
    y = cols @ w.reshape(w.shape[0], c * 9).transpose(1, 0)
    return y.reshape(n, h, v, w.shape[0]).transpose(0, 3, 1, 2)


def max_pool(x):
    n, c, h, w = x.shape
    x = x.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 2, 4, 3, 5)
    return x.reshape(n, c, h // 2, w // 2, 4).max(-1)


def batch_norm(x, p, name, after):
    """With the batch's statistics; puts the running ones into `after`."""
    n = x.value.size // x.shape[1]
    mean = x.mean((0, 2, 3), True)
    d = x - mean
    var = (d * d).mean((0, 2, 3), True)
    for what, now in (("running_mean", mean.value), ("running_var", var.value * n / (n - 1))):
        after[f"{name}.{what}"] = 0.9 * after[f"{name}.{what}"] + 0.1 * now.reshape(-1)
    scale, shift = (p[f"{name}.{k}"].reshape(x.shape[1], 1, 1) for k in ("scale", "shift"))
    return d / sqrt(var + 1e-5) * scale + shift


def layer_norm(x, p, name):
    d = x - x.mean(-1, True)
    return d / sqrt((d * d).mean(-1, True) + 1e-5) * p[name + ".scale"] + p[name + ".shift"]


def linear(x, p, name):
    return x @ p[name + ".W"] + p[name + ".b"]


def element(p, prefix, i):
    """The parameters of one layer out of an array of layers."""
    return {k[len(prefix) + 1 :]: v[i] for k, v in p.items() if k.startswith(prefix + ".")}


def linear_shapes(name, i, o, lead=()):
    return {name + ".W": lead + (i, o), name + ".b": lead + (o,)}


def norm_shapes(name, d, lead=()):
    return {name + ".scale": lead + (d,), name + ".shift": lead + (d,)}


class Case:
    model = ""       # the file in examples/
    define = {}      # constants of the example, as -D NAME=N
    shapes = {}      # of the parameters
    states = {}      # name -> shape; `loss` leaves their new values in self.after
    data = {}        # arrays for --data; str: a text
    batch = 1
    source = ""      # more declarations
    evaluate = ()    # expressions whose values gradc prints, and what they should be
    spread = 0.4     # of the parameters


class Images(Case):
    def __init__(self, n):
        r = np.random.default_rng(3)
        self.data = {"x": r.integers(0, 256, (n, 28, 28)).astype(np.uint8)}
        self.label = r.integers(0, 10, n).astype(np.uint8)
        self.batch = n


class FashionCnn(Images):
    model = "fashion_cnn"
    define = {"C1": 2, "C2": 3, "H": 6}
    shapes = {
        "conv1.K": (2, 1, 3, 3), "norm1.scale": (2,), "norm1.shift": (2,),
        "conv2.K": (3, 2, 3, 3), "norm2.scale": (3,), "norm2.shift": (3,),
        **linear_shapes("hidden", 147, 6), **linear_shapes("out", 6, 10),
    }
    states = {"norm1.running_mean": (2,), "norm1.running_var": (2,),
              "norm2.running_mean": (3,), "norm2.running_var": (3,)}

    def __init__(self):
        super().__init__(5)
        self.data["label"] = self.label

    def loss(self, p):
        x = array((self.data["x"].reshape(-1, 1, 28, 28) - 73.0) / 90)
        h = max_pool(relu(batch_norm(conv3x3(x, p["conv1.K"]), p, "norm1", self.after)))
        h = max_pool(relu(batch_norm(conv3x3(h, p["conv2.K"]), p, "norm2", self.after)))
        h = relu(linear(h.reshape(5, 147), p, "hidden"))
        kept = uniform((5, 6), step_key(SEED, 1)) < 1 - 0.3
        h = where(kept, h / (1 - 0.3), 0)
        return cross_entropy(linear(h, p, "out"), self.label).mean()


class ResidualMlp(Images):
    model = "residual_mlp"
    define = {"D": 8, "BLOCKS": 5}
    shapes = {
        **linear_shapes("first", 784, 8), "blocks.V": (5, 8, 8),
        **norm_shapes("blocks.before", 8, (5,)), **linear_shapes("blocks.up", 8, 8, (5,)),
        **norm_shapes("last", 8), **linear_shapes("out", 8, 10),
    }

    def __init__(self):
        super().__init__(6)
        self.data["label"] = self.label

    def loss(self, p):
        h = linear(array((self.data["x"].reshape(-1, 784) - 73.0) / 90), p, "first")
        for i in range(5):
            b = element(p, "blocks", i)
            h = h + relu(linear(layer_norm(h, b, "before"), b, "up")) @ b["V"]
        return cross_entropy(linear(layer_norm(h, p, "last"), p, "out"), self.label).mean()


class FashionVae(Images):
    model = "fashion_vae"
    define = {"L": 3, "H": 7}
    spread = 0.02
    shapes = {
        **linear_shapes("encode", 784, 7), **linear_shapes("to_mean", 7, 3),
        **linear_shapes("to_log_var", 7, 3), **linear_shapes("expand", 3, 7),
        **linear_shapes("decode", 7, 784),
    }

    def __init__(self):
        super().__init__(4)

    def loss(self, p):
        x = array(self.data["x"].reshape(-1, 784) / 255.0)
        h = relu(linear(x, p, "encode"))
        m, v = linear(h, p, "to_mean"), linear(h, p, "to_log_var")
        z = m + exp(0.5 * v) * normal((4, 3), step_key(SEED, 1))
        s = linear(relu(linear(z, p, "expand")), p, "decode")
        pixels = (log(1 + exp(s)) - x * s).sum(1)
        return (pixels + 0.5 * (m * m + exp(v) - 1 - v).sum(1)).mean()


TEXT = "When we speak of free software, we are referring to freedom, not price.\n"


class Text(Case):
    def __init__(self, t, n):
        self.data = {"text": TEXT}
        self.batch = n
        codes = np.frombuffer(TEXT.encode(), np.uint8)
        self.windows = np.array([codes[i * (t + 1) : (i + 1) * (t + 1)] for i in range(n)]).astype(int)


class CharLstm(Text):
    model = "char_lstm"
    define = {"T": 5, "H": 4}
    shapes = {
        "letters.table": (128, 32), "cell.W": (32, 16), "cell.U": (4, 16), "cell.b": (16,),
        **linear_shapes("out", 4, 128),
    }

    def __init__(self):
        super().__init__(5, 3)

    def loss(self, p):
        h = c = array(np.zeros((3, 4)))
        total = 0
        for t in range(5):
            x = p["letters.table"][self.windows[:, t]]
            g = x @ p["cell.W"] + h @ p["cell.U"] + p["cell.b"]
            c = sigmoid(g[:, :4] + 1) * c + sigmoid(g[:, 4:8]) * tanh(g[:, 8:12])
            h = sigmoid(g[:, 12:]) * tanh(c)
            total = total + cross_entropy(linear(h, p, "out"), self.windows[:, t + 1]).sum()
        return total / 15


class Transformer(Text):
    model = "transformer"
    define = {"T": 5, "D": 8, "HEADS": 2, "BLOCKS": 2}
    shapes = {
        "letters.table": (128, 8), "places.table": (5, 8), **norm_shapes("last", 8),
        **norm_shapes("blocks.norm1", 8, (2,)), **norm_shapes("blocks.norm2", 8, (2,)),
        **linear_shapes("blocks.look.qkv", 8, 24, (2,)), **linear_shapes("blocks.look.mix", 8, 8, (2,)),
        **linear_shapes("blocks.up", 8, 32, (2,)), **linear_shapes("blocks.down", 32, 8, (2,)),
    }

    def __init__(self):
        super().__init__(5, 3)

    def attention(self, x, b):
        y = linear(x, b, "look.qkv").reshape(3, 5, 3, 2, 4).transpose(2, 0, 3, 1, 4)
        q, k, v = y[0], y[1], y[2]
        s = q @ k.transpose(0, 1, 3, 2) * (1 / math.sqrt(4))
        s = where(np.tril(np.ones((5, 5))) > 0, s, -1e30)
        return linear((softmax(s) @ v).transpose(0, 2, 1, 3).reshape(3, 5, 8), b, "look.mix")

    def loss(self, p):
        h = p["letters.table"][self.windows[:, :5]] + p["places.table"]
        for i in range(2):
            b = element(p, "blocks", i)
            h = h + self.attention(layer_norm(h, b, "norm1"), b)
            u = linear(layer_norm(h, b, "norm2"), b, "up")
            h = h + linear(0.5 * u * (1 + erf(u * math.sqrt(0.5))), b, "down")
        scores = layer_norm(h, p, "last") @ p["letters.table"].transpose(1, 0)
        return cross_entropy(scores.reshape(15, 128), self.windows[:, 1:].reshape(-1)).mean()


# ---- ADBench's objectives, after its paper and documents -----------------------------------------
def literal(a):
    return "[" + ", ".join(literal(v) if np.ndim(v) else repr(v) for v in np.asarray(a).tolist()) + "]"


class Objective(Case):
    """A function called `objective`; its first arguments become parameters of case.nn."""

    constants = {}

    def finish(self):
        lines = ["param %s: f64[%s]" % ("p_" + k, ", ".join(map(str, s))) for k, s in self.shapes.items()]
        lines += ["const v_%s = %s" % (k, literal(v)) for k, v in self.constants.items()]
        call = ", ".join(["p_" + k for k in self.shapes] + ["v_" + k for k in self.constants])
        lines.append("fn loss() = objective(%s)" % call)
        self.source = "\n".join(lines) + "\n"
        self.shapes = {"p_" + k: s for k, s in self.shapes.items()}
        self.evaluate = (("loss()", lambda p: self.loss(p).value),)


class Gmm(Objective):
    model = "gmm"
    define = {"M": 2}
    shapes = {"alphas": (3,), "means": (3, 4), "icf": (3, 10)}

    def __init__(self):
        self.constants = {"x": np.random.default_rng(7).normal(size=(13, 4))}
        self.finish()

    def loss(self, p):
        x, (n, d) = self.constants["x"], (13, 4)
        gamma, m = 1.0, 2
        alphas, means, icf = p["p_alphas"], p["p_means"], p["p_icf"]
        exponents, wishart = [], 0
        for k in range(3):
            columns, at = [], d
            for j in range(d):
                parts = [array(np.zeros(j)), exp(icf[k, j]).reshape(1), icf[k, at : at + d - 1 - j]]
                columns.append(join(parts))
                at += d - 1 - j
            factor = stack(columns, 1)
            y = (array(x) - means[k]) @ factor.transpose(1, 0)
            log_det = icf[k, :d].sum()
            exponents.append(alphas[k] + log_det - 0.5 * (y * y).sum(1))
            wishart = wishart + 0.5 * gamma**2 * (factor * factor).sum() - m * log_det
        v = d + m + 1
        multigamma = d * (d - 1) / 4 * math.log(math.pi)
        multigamma += sum(math.lgamma(0.5 * v + 0.5 * (1 - j)) for j in range(1, d + 1))
        wishart = wishart - 3 * (v * d * (math.log(gamma) - 0.5 * math.log(2)) - multigamma)
        points = logsumexp(stack(exponents, 1)).sum()
        return -n * d * 0.5 * math.log(2 * math.pi) + points - n * logsumexp(alphas) + wishart


class BundleAdjustment(Objective):
    model = "bundle_adjustment"
    shapes = {"cameras": (3, 11), "x": (4, 3), "w": (6,)}
    spread = 0.3

    def __init__(self):
        r = np.random.default_rng(8)
        self.constants = {
            "which": np.array([[0, 0], [1, 0], [2, 1], [0, 2], [1, 3], [2, 3]]),
            "seen": r.normal(size=(6, 2)),
        }
        self.finish()
        call = "p_cameras, p_x, p_w, v_which, v_seen"
        self.evaluate += (
            ("residuals(%s)" % call, lambda p: self.residuals(p).value),
            ("weight_errors(p_w)", lambda p: 1 - p["p_w"].value ** 2),
            ("jacobian_blocks(%s)" % call, self.blocks),
        )

    def residual(self, camera, x, w, seen):
        cross = lambda a, b: stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])
        r, v = camera[:3], x - camera[3:6]
        angle = sqrt((r * r).sum())
        axis = r / angle
        v = v * cos(angle) + cross(axis, v) * sin(angle) + axis * ((axis * v).sum() * (1 - cos(angle)))
        u = v[:2] / v[2]
        s = (u * u).sum()
        u = u * (1 + camera[9] * s + camera[10] * s * s)
        return w * (u * camera[6] + camera[7:9] - seen)

    def residuals(self, p):
        return stack([self.residual(p["p_cameras"][c], p["p_x"][q], p["p_w"][i], self.constants["seen"][i])
                      for i, (c, q) in enumerate(self.constants["which"])])

    def blocks(self, p):
        out = []
        for i, (c, q) in enumerate(self.constants["which"]):
            of = [array(p["p_cameras"].value[c]), array(p["p_x"].value[q]), array(p["p_w"].value[i])]
            e = self.residual(*of, self.constants["seen"][i])
            out.append([np.concatenate([g.reshape(-1) for g in tape.gradients(e[k], of)]) for k in range(2)])
        return np.array(out)

    def loss(self, p):
        e, v = self.residuals(p), 1 - p["p_w"] * p["p_w"]
        return (e * e).sum() + (v * v).sum()


class AdbenchLstm(Objective):
    model = "adbench_lstm"
    shapes = {"weights": (4, 12), "extra": (3, 3), "state": (4, 3)}

    def __init__(self):
        self.constants = {"sequence": (np.random.default_rng(9).random((7, 3)) < 0.5) * 1.0}
        self.finish()

    def loss(self, p):
        w, extra, sequence = p["p_weights"], p["p_extra"], self.constants["sequence"]
        state = [p["p_state"][i] for i in range(4)]
        total = 0
        for t in range(6):
            x = array(sequence[t]) * extra[0]
            for i in (0, 2):
                hidden, cell = state[i], state[i + 1]
                part = lambda v, k: v * w[i, 3 * k : 3 * k + 3] + w[i + 1, 3 * k : 3 * k + 3]
                cell = cell * sigmoid(part(x, 0)) + sigmoid(part(hidden, 1)) * tanh(part(hidden, 3))
                x = sigmoid(part(x, 2)) * tanh(cell)
                state[i], state[i + 1] = x, cell
            y = x * extra[1] + extra[2]
            total = total + (sequence[t + 1] * (y - log(exp(y).sum() + 2))).sum()
        return -total / 18


class HandTracking(Objective):
    model = "hand_tracking"
    shapes = {"pose": (4, 3), "turn": (3,), "scale": (3,), "shift": (3,)}

    def __init__(self):
        r = np.random.default_rng(10)
        rigid = np.tile(np.eye(4), (4, 1, 1))
        weight = r.uniform(size=(6, 4))
        self.constants = {
            "parent": np.array([-1, 0, 1, 0]),
            "rest": rigid + np.pad(0.4 * r.normal(size=(4, 3, 4)), ((0, 0), (0, 1), (0, 0))),
            "from_bone": rigid + np.pad(0.4 * r.normal(size=(4, 3, 4)), ((0, 0), (0, 1), (0, 0))),
            "surface": np.concatenate([r.normal(size=(6, 3)), np.ones((6, 1))], 1),
            "weight": weight / weight.sum(1, keepdims=True),
            "of": np.array([5, 0, 3, 3, 1]),
            "point": r.normal(size=(5, 3)),
        }
        self.finish()
        call = ", ".join(["p_" + k for k in ("pose", "turn", "scale", "shift")] + ["v_" + k for k in self.constants])
        self.evaluate += (("residuals(%s)" % call, lambda p: self.residuals(p).value),)

    @staticmethod
    def turn_about(axis, a):
        """By the angle a, in homogeneous coordinates."""
        i, j = (axis + 1) % 3, (axis + 2) % 3
        one = lambda r, c: np.eye(4)[r][:, None] * np.eye(4)[c]
        fixed = one(axis, axis) + one(3, 3)
        return fixed + (one(i, i) + one(j, j)) * cos(a) + (one(j, i) - one(i, j)) * sin(a)

    def residuals(self, p):
        c, place = self.constants, []
        for b, up in enumerate(c["parent"]):
            a = p["p_pose"][b]
            here = array(c["rest"][b]) @ self.turn_about(2, a[2]) @ self.turn_about(1, a[1]) @ self.turn_about(0, a[0])
            place.append(here if up < 0 else place[up] @ here)
        posed = 0
        for b in range(4):  # every bone carries all points; their mean by weight
            carried = array(c["surface"]) @ (place[b] @ c["from_bone"][b]).transpose(1, 0)
            posed = posed + carried * c["weight"][:, b : b + 1]
        w = p["p_turn"]
        angle = sqrt((w * w).sum())
        u, zero = w / angle, array(np.zeros(()))
        cross = stack([stack([zero, -u[2], u[1]]), stack([u[2], zero, -u[0]]), stack([-u[1], u[0], zero])])
        whole = np.eye(3) + cross * sin(angle) + cross @ cross * (1 - cos(angle))
        placed = (posed[:, :3] * p["p_scale"]) @ whole.transpose(1, 0) + p["p_shift"]
        return c["point"] - placed[c["of"]]

    def loss(self, p):
        e = self.residuals(p)
        return (e * e).sum()


CASES = {c.model: c for c in (FashionCnn, ResidualMlp, FashionVae, CharLstm, Transformer, Gmm, BundleAdjustment, AdbenchLstm, HandTracking)}


# ---- the two commands -----------------------------------------------------------------------------
def make(case, folder):
    r = np.random.default_rng(11)
    params = {k: case.spread * (r.normal(size=s) + 0.25) for k, s in case.shapes.items()}
    states = {k: r.uniform(size=s) for k, s in case.states.items()}
    np.savez(folder + "/params.npz", **params, **states)
    defines = ["-D %s=%d" % d for d in case.define.items()]
    options = ["--batch %d" % case.batch] + defines
    for name, a in case.data.items():
        path = "%s/%s.%s" % (folder, name, "txt" if isinstance(a, str) else "npy")
        if isinstance(a, str):
            with open(path, "w") as f:
                f.write(a)
        else:
            np.save(path, a)
        options.append("--data %s=%s" % (name, path))
    with open(folder + "/options", "w") as f:
        f.write(" ".join(options) + "\n")
    with open(folder + "/defines", "w") as f:
        f.write(" ".join(defines) + "\n")
    with open(folder + "/case.nn", "w") as f:
        f.write('import "%s.nn"\n%s' % (case.model, case.source))
        f.write("fn gradient(p, g, lr) = g  # an optimiser that leaves the gradient in the parameter\n")
    with open(folder + "/expressions", "w") as f:
        f.write("".join(e + "\n" for e, _ in case.evaluate))


def difference(got, want):
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    if got.shape != want.shape:
        return math.inf
    return float(np.abs(got - want).max() / max(1e-3, np.abs(want).max())) if want.size else 0.0


def gradient_of(z, name):
    """Arrays of layers are in files element by element."""
    if name in z:
        return z[name]
    head, tail = name.split(".", 1)
    n = sum(1 for k in z.files if k.startswith(head + ".") and k.endswith("." + tail))
    return np.stack([z["%s.%d.%s" % (head, i, tail)] for i in range(n)])


def check(case, folder):
    with np.load(folder + "/params.npz") as z:
        p = {k: array(z[k]) for k in case.shapes}
        case.after = {k: z[k] for k in case.states}
    y = case.loss(p)
    found = []
    with np.load(folder + "/gradient.npz") as z:
        for (k, _), g in zip(p.items(), tape.gradients(y, list(p.values()))):
            found.append(("the gradient by " + k, difference(gradient_of(z, k), g), TOLERANCE))
        for k, s in case.after.items():
            found.append(("the state " + k, difference(z[k], s), TOLERANCE))
    with open(folder + "/value") as f:
        found.append(("the value", difference(float(f.read()), y.value), 1e-8))  # nine digits
    if case.evaluate:
        with open(folder + "/printed") as f:
            for line, (e, want) in zip(f, case.evaluate):
                got = np.array(eval(line, {"__builtins__": {}}))
                found.append((e, difference(got, want(p)), TOLERANCE))
    bad = [f for f in found if not f[1] <= f[2]]
    for what, d, _ in bad or found:
        print("%s: %s differs by %.3g" % (case.model, what, d))
    return not bad


def main():
    if len(sys.argv) != 4 or sys.argv[1] not in ("make", "check") or sys.argv[2] not in CASES:
        sys.exit("usage: models.py make|check %s FOLDER" % "|".join(CASES))
    case = CASES[sys.argv[2]]()
    if sys.argv[1] == "make":
        make(case, sys.argv[3])
    elif not check(case, sys.argv[3]):
        sys.exit(1)


if __name__ == "__main__":
    main()
