"""jax_peer.py: JAX on the same work: the whole step under jit, parameters donated, every call waited for."""

import functools
import math

import jax
import jax.numpy as jnp

import jax_others
from worker import serve

KEY = jax.random.PRNGKey(1)


def weight(*shape):
    return jax.random.normal(KEY, shape, jnp.float32) / math.sqrt(shape[0])


def zeros(*shape):
    return jnp.zeros(shape, jnp.float32)


def labels(n, *shape):
    return jax.random.randint(KEY, shape, 0, n)


def cross_entropy(z, label):
    return jnp.mean(jax.nn.logsumexp(z, -1) - jnp.take_along_axis(z, label[:, None], -1)[:, 0])


def descend(params, g, state):
    return jax.tree_util.tree_map(lambda p, d: p - 1e-6 * d, params, g), state


def adam(decay, params, g, state):
    m, v, t = state
    t = t + 1
    tree = jax.tree_util.tree_map
    m = tree(lambda a, d: 0.9 * a + 0.1 * d, m, g)
    v = tree(lambda a, d: 0.999 * a + 0.001 * d * d, v, g)
    c1, c2 = 1 - 0.9**t, 1 - 0.999**t
    params = tree(lambda p, a, b: p - 1e-6 * (a / c1 / (jnp.sqrt(b / c2) + 1e-8) + decay * p), params, m, v)
    return params, (m, v, t)


def training(params, loss, update, state, data):
    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def step(params, state, *data):
        value, g = jax.value_and_grad(loss)(params, *data)
        params, state = update(params, g, state)
        return params, state, value

    held = jax.tree_util.tree_map(lambda a: jnp.array(a, copy=True), [params, state])  # no two the same buffer

    def call():
        held[0], held[1], value = step(held[0], held[1], *data)
        value.block_until_ready()
        jax.block_until_ready(held[0])
    return call


def mlp(s):
    widths = {"loss2": "AB", "loss3": "ABC", "loss4": "ABCD"}[s["target"]]
    sizes = [s[c] for c in widths] + [s["K"]]
    params = [(weight(i, o), zeros(o)) for i, o in zip(sizes, sizes[1:])]

    def loss(params, x, label):
        h = x
        for i, (w, b) in enumerate(params):
            h = h @ w + b
            h = jax.nn.relu(h) if i + 1 < len(params) else h
        return cross_entropy(h, label)
    return training(params, loss, descend, (), (jnp.ones((s["BATCH"], sizes[0])), labels(s["K"], s["BATCH"])))


def convolve(x, w, pad=0):
    return jax.lax.conv_general_dilated(x, w, (1, 1), [(pad, pad)] * 2, dimension_numbers=("NCHW", "OIHW", "NCHW"))


def pool(x):
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")


def lenet(s):
    params = [weight(16, 1, 5, 5), zeros(16, 1, 1), weight(32, 16, 5, 5), zeros(32, 1, 1), weight(512, 128), zeros(128),
              weight(128, 10), zeros(10)]

    def loss(params, x, label):
        k1, c1, k2, c2, w1, b1, w2, b2 = params
        h = pool(jax.nn.relu(convolve(x, k1) + c1))
        h = pool(jax.nn.relu(convolve(h, k2) + c2))
        return cross_entropy(jax.nn.relu(h.reshape(-1, 512) @ w1 + b1) @ w2 + b2, label)
    return training(params, loss, descend, (), (jnp.ones((s["BATCH"], 1, 28, 28)), labels(10, s["BATCH"])))


def lstm(s):
    i, h = s["I"], s["H"]
    params = [weight(i, 4 * h), weight(h, 4 * h), zeros(4 * h), weight(h, 1), zeros(1)]

    def loss(params, xs, y):
        wx, wh, b, wo, bo = params
        projected = xs @ wx + b

        def cell(carry, x):
            hidden, memory = carry
            z = x + hidden @ wh
            i, f, g, o = jnp.split(z, 4, -1)
            memory = jax.nn.sigmoid(f) * memory + jax.nn.sigmoid(i) * jnp.tanh(g)
            return (jax.nn.sigmoid(o) * jnp.tanh(memory), memory), None
        start = (jnp.zeros((s["BATCH"], h)),) * 2
        (hidden, _), _ = jax.lax.scan(cell, start, projected)
        return jnp.mean((hidden @ wo + bo - y) ** 2)
    return training(params, loss, descend, (), (jnp.ones((s["T"], s["BATCH"], i)), jnp.ones((s["BATCH"], 1))))


def layer_norm(x, g, b):
    m = x.mean(-1, keepdims=True)
    d = x - m
    return d * jax.lax.rsqrt((d * d).mean(-1, keepdims=True) + 1e-5) * g + b


def gpt(s):
    d, t, v, heads, n = s["D"], s["T"], s["VOCABULARY"], s["HEADS"], s["BLOCKS"]
    one, shapes = jnp.ones((n, d)), {"qkv": (d, 3 * d), "out": (d, d), "up": (d, 4 * d), "down": (4 * d, d)}
    block = {k: 0.02 * jax.random.normal(KEY, (n, *shape)) for k, shape in shapes.items()}
    block |= {k + "_b": zeros(n, shape[1]) for k, shape in shapes.items()}
    block |= {"g1": one, "b1": 0 * one, "g2": one, "b2": 0 * one}
    params = {"words": 0.02 * jax.random.normal(KEY, (v, d)), "places": zeros(t, d), "g": jnp.ones(d), "b": zeros(d), "block": block}
    later = jnp.triu(jnp.ones((t, t), bool), 1)

    def one_block(x, p):
        b = x.shape[0]
        z = (layer_norm(x, p["g1"], p["b1"]) @ p["qkv"] + p["qkv_b"]).reshape(b, t, 3, heads, d // heads)
        q, k, w = z.transpose(2, 0, 3, 1, 4)
        scores = jnp.where(later, -jnp.inf, q @ k.swapaxes(-1, -2) / math.sqrt(d // heads))
        y = (jax.nn.softmax(scores) @ w).transpose(0, 2, 1, 3).reshape(b, t, d)
        x = x + y @ p["out"] + p["out_b"]
        h = jax.nn.gelu(layer_norm(x, p["g2"], p["b2"]) @ p["up"] + p["up_b"], approximate=True)
        return x + h @ p["down"] + p["down_b"], None

    def loss(params, tokens, following):
        x = params["words"][tokens] + params["places"]
        x, _ = jax.lax.scan(one_block, x, params["block"])
        z = layer_norm(x, params["g"], params["b"]) @ params["words"].T
        return cross_entropy(z.reshape(-1, v), following.reshape(-1))
    nothing = lambda: jax.tree_util.tree_map(jnp.zeros_like, params)
    update = functools.partial(adam, 0.01 if s["step"] == "adamw" else 0.0)
    data = (labels(v, s["BATCH"], t), labels(v, s["BATCH"], t))
    return training(params, loss, update, (nothing(), nothing(), jnp.zeros(())), data)


def plain(f, *data):
    f = jax.jit(f)
    return lambda: jax.block_until_ready(f(*data))


def uniform(*shape):
    return jax.random.uniform(KEY, shape)


def matmul(s):
    return plain(jnp.matmul, uniform(s["M"], s["K"]), uniform(s["K"], s["N"]))


def conv(s):
    x, w = uniform(s["B"], s["C"], s["P"], s["P"]), uniform(s["C"], s["C"], 3, 3)
    return plain(lambda x, w: convolve(x, w, 1), x, w)


def conv_back(s):
    x, w = uniform(s["B"], s["C"], s["P"], s["P"]), uniform(s["C"], s["C"], 3, 3)

    def both(x, w, g):
        y, back = jax.vjp(lambda x, w: convolve(x, w, 1), x, w)
        return jnp.sum(y * g), back(g)
    return plain(both, x, w, x)


def elementwise(s):
    f = {"vexp": jnp.exp, "vlog": jnp.log, "vtanh": jnp.tanh, "verf": jax.scipy.special.erf,
         "vgelu": functools.partial(jax.nn.gelu, approximate=False)}[s["target"]]
    return plain(f, uniform(s["L"]))


def softmax(s):
    return plain(jax.nn.softmax, uniform(s["R"], s["W"]))


def norm(s):
    return plain(layer_norm, uniform(s["R"], s["W"]), uniform(s["W"]), uniform(s["W"]))


def doubles():
    return jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64()


def in_doubles(f, *given):
    """A call of the jitted gradient by all arguments in f64, which JAX has to be asked for."""
    with doubles():
        data = [jnp.asarray(a, jnp.float64) for a in given]
        g = jax.jit(jax.grad(f, argnums=tuple(range(len(given)))))
        g(*data)

    def call():
        with doubles():
            jax.block_until_ready(g(*data))
    return call


def rosenbrock(size):
    def f(x):
        return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
    return in_doubles(f, [i / size["N"] - 0.5 for i in range(size["N"])])


def shoot(size):
    def rate(s, p):
        return jnp.stack([p[0] * s[0] - p[1] * s[0] * s[1], p[3] * s[0] * s[1] - p[2] * s[1]])

    def f(s0, p, goal):
        h = 0.01

        def step(s, _):
            k1 = rate(s, p)
            k2 = rate(s + h / 2 * k1, p)
            k3 = rate(s + h / 2 * k2, p)
            k4 = rate(s + h * k3, p)
            return s + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), None
        return jnp.sum((jax.lax.scan(step, s0, None, size["STEPS"])[0] - goal) ** 2)
    return in_doubles(f, [10.0, 5.0], [1.1, 0.4, 0.4, 0.1], [9.0, 4.0])


def attention(s):
    def attend(q, k, v):
        return jax.nn.softmax(q @ jnp.swapaxes(k, -1, -2) / math.sqrt(s["D"])) @ v

    def both(q, k, v, g):
        o, back = jax.vjp(attend, q, k, v)
        return o, back(g)
    return plain(both, *[uniform(s["B"], s["H"], s["T"], s["D"]) for _ in range(4)])


def other(s):
    f, data = jax_others.program(s["target"])
    return plain(f, *data)


serve(lambda n: None, {"mlp": mlp, "lenet": lenet, "lstm": lstm, "gpt": gpt, "matmul": matmul, "conv": conv,
                       "conv_back": conv_back, "map": elementwise, "softmax": softmax, "norm": norm,
                       "attention": attention, "rosenbrock": rosenbrock, "shoot": shoot,
                       "other": other})
