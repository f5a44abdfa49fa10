"""Reverse-mode differentiation of NumPy programs in float64, as small as can be.

In: a program over Array values, built from array(..), the functions below and the operators. Out:
gradients(loss, [a, b, ..]) as NumPy arrays. Each operation records its operands and a function that
takes the derivative by its result to those by its operands. Independent of gradc in every line: the
tests compare the two.
"""
import math

import numpy as np


class Array:
    __array_ufunc__ = None  # so that ndarray * Array comes here

    def __init__(self, value, operands=(), pull=None):
        self.value = np.asarray(value, dtype=np.float64)
        self.operands = operands
        self.pull = pull  # derivative by the result -> derivatives by the operands

    shape = property(lambda self: self.value.shape)

    def __add__(self, o):
        o = array(o)
        return Array(self.value + o.value, (self, o), lambda d: (d, d))

    def __mul__(self, o):
        o = array(o)
        return Array(self.value * o.value, (self, o), lambda d: (d * o.value, d * self.value))

    def __truediv__(self, o):
        o = array(o)
        y = self.value / o.value
        return Array(y, (self, o), lambda d: (d / o.value, -d * y / o.value))

    def __pow__(self, n):  # a constant exponent
        return Array(self.value**n, (self,), lambda d: (d * n * self.value ** (n - 1),))

    def __neg__(self):
        return Array(-self.value, (self,), lambda d: (-d,))

    def __sub__(self, o):
        return self + -array(o)

    def __rsub__(self, o):
        return array(o) + -self

    def __rtruediv__(self, o):
        return array(o) / self

    __radd__ = __add__
    __rmul__ = __mul__

    def __matmul__(self, o):
        o = array(o)
        a, b = self.value, o.value
        if a.ndim < 2 or b.ndim < 2:
            raise ValueError("matrices only")
        t = lambda m: np.swapaxes(m, -1, -2)
        return Array(a @ b, (self, o), lambda d: (d @ t(b), t(a) @ d))

    def __getitem__(self, at):
        def pull(d):
            g = np.zeros_like(self.value)
            np.add.at(g, at, d)
            return (g,)

        return Array(self.value[at], (self,), pull)

    def reshape(self, *shape):
        return Array(self.value.reshape(*shape), (self,), lambda d: (d.reshape(self.shape),))

    def transpose(self, *axes):
        return Array(
            self.value.transpose(*axes), (self,), lambda d: (d.transpose(np.argsort(axes)),)
        )

    def sum(self, axis=None, keepdims=False):
        def pull(d):
            if axis is not None and not keepdims:
                d = np.expand_dims(d, axis)
            return (np.broadcast_to(d, self.shape),)

        return Array(self.value.sum(axis=axis, keepdims=keepdims), (self,), pull)

    def mean(self, axis=None, keepdims=False):
        s = self.sum(axis, keepdims)
        return s * (s.value.size / self.value.size)

    def max(self, axis, keepdims=False):
        top = self.value.max(axis=axis, keepdims=True)
        hit = self.value == top

        def pull(d):
            if not keepdims:
                d = np.expand_dims(d, axis)
            return (hit * d / hit.sum(axis=axis, keepdims=True),)

        return Array(top if keepdims else np.squeeze(top, axis), (self,), pull)


def array(x):
    return x if isinstance(x, Array) else Array(x)


def elementwise(x, y, slope):
    return Array(y, (x,), lambda d: (d * slope,))


def exp(x):
    y = np.exp(x.value)
    return elementwise(x, y, y)


def log(x):
    return elementwise(x, np.log(x.value), 1 / x.value)


def sqrt(x):
    y = np.sqrt(x.value)
    return elementwise(x, y, 0.5 / y)


def sin(x):
    return elementwise(x, np.sin(x.value), np.cos(x.value))


def cos(x):
    return elementwise(x, np.cos(x.value), -np.sin(x.value))


def tanh(x):
    y = np.tanh(x.value)
    return elementwise(x, y, 1 - y * y)


def sigmoid(x):
    y = 1 / (1 + np.exp(-x.value))
    return elementwise(x, y, y * (1 - y))


def relu(x):
    return elementwise(x, np.maximum(x.value, 0), x.value > 0)


def erf(x):
    y = np.vectorize(math.erf)(x.value) if x.value.size else x.value
    return elementwise(x, y, 2 / np.sqrt(np.pi) * np.exp(-x.value**2))


def where(c, a, b):
    a, b = array(a), array(b)
    return Array(np.where(c, a.value, b.value), (a, b), lambda d: (np.where(c, d, 0), np.where(c, 0, d)))


def join(parts, axis=0):
    ends = np.cumsum([p.shape[axis] for p in parts])[:-1]
    return Array(
        np.concatenate([p.value for p in parts], axis),
        tuple(parts),
        lambda d: tuple(np.split(d, ends, axis)),
    )


def stack(parts, axis=0):
    return join([Array(np.expand_dims(p.value, axis), (p,), lambda d: (d.squeeze(axis),)) for p in parts], axis)


def logsumexp(x, axis=-1):
    top = x.value.max(axis=axis, keepdims=True)
    return log(exp(x - top).sum(axis)) + top.squeeze(axis)


def softmax(x):
    e = exp(x - x.value.max(axis=-1, keepdims=True))
    return e / e.sum(-1, True)


def cross_entropy(scores, label):
    """One number per row of scores [N, C]."""
    return logsumexp(scores) - scores[np.arange(len(label)), label]


def reduced(d, shape):
    """The derivative by something that was broadcast."""
    while d.ndim > len(shape):
        d = d.sum(0)
    for k, n in enumerate(shape):
        if n == 1 and d.shape[k] != 1:
            d = d.sum(k, keepdims=True)
    return d


def gradients(y, by):
    order, seen = [], set()

    def visit(a):  # operands first; with a stack of its own, for long loops
        todo = [(a, False)]
        while todo:
            a, done = todo.pop()
            if done:
                order.append(a)
            elif id(a) not in seen:
                seen.add(id(a))
                todo.append((a, True))
                todo.extend((o, False) for o in a.operands)

    visit(y)
    adjoint = {id(y): np.ones_like(y.value)}
    for a in reversed(order):
        if id(a) not in adjoint or not a.pull:
            continue
        for o, d in zip(a.operands, a.pull(adjoint[id(a)])):
            d = reduced(np.asarray(d, dtype=np.float64), o.shape)
            adjoint[id(o)] = adjoint[id(o)] + d if id(o) in adjoint else d
    return [adjoint.get(id(a), np.zeros_like(a.value)) for a in by]
