"""jax_others.py: the programs of bench/workloads/others.nn in JAX. In: a program's name. Out: the function
and its arguments."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

RANDOM = np.random.default_rng(0)
relu = jax.nn.relu
total = jax.ops.segment_sum


def floats(*shape):
    return jnp.asarray(0.1 * RANDOM.normal(size=shape), jnp.float32)


def below(n, *shape):
    return jnp.asarray(RANDOM.integers(0, n, shape), jnp.int32)


def cross_entropy(z, y):
    return jnp.mean(jax.nn.logsumexp(z, -1) - jnp.take_along_axis(z, y[:, None], -1)[:, 0])


def softmax_regression(W, b, X, y):
    return cross_entropy(X @ W + b, y % 10)


def distances(x, y):
    return jnp.sum(x * x, 1)[:, None] - 2 * x @ y.T + jnp.sum(y * y, 1)[None]


def k_means(x, c):
    own = jnp.argmin(distances(x, c), 1)
    return total(x, own, 32) / jnp.maximum(total(jnp.ones(len(x)), own, 32), 1)[:, None]


def nearest(x, y):
    d = distances(x, y)
    return jnp.min(d, 1), jnp.argmin(d, 1)


def heat(u, a):
    def step(u, _):
        p = jnp.pad(u, 1)
        return u + a * (p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:] - 4 * u), None
    u, _ = lax.scan(step, u, None, length=50)
    return jnp.sum(u * u)


def heat3(u, a):
    def step(u, _):
        p = jnp.pad(u, 1)
        near = p[:-2, 1:-1, 1:-1] + p[2:, 1:-1, 1:-1] + p[1:-1, :-2, 1:-1] + p[1:-1, 2:, 1:-1]
        return u + a * (near + p[1:-1, 1:-1, :-2] + p[1:-1, 1:-1, 2:] - 6 * u), None
    u, _ = lax.scan(step, u, None, length=20)
    return jnp.sum(u * u)


def apart(x):
    d = x[None] - x[:, None]
    return d, jnp.sum(d * d, -1) + 0.01


def attraction(x, m):
    d, r = apart(x)
    return jnp.sum((m[None] * r**-1.5)[:, :, None] * d, 1)


def energy(x, m):
    return jnp.sum(m[None] * m[:, None] / jnp.sqrt(apart(x)[1]))


def asian_option(s0, sigma, r, z):
    def step(carried, z):
        s, mean = carried
        s = s * jnp.exp((r - 0.5 * sigma * sigma) * 0.02 + sigma * 0.1414 * z)
        return (s, mean + s / 50), None
    nothing = jnp.zeros(z.shape[1])
    (_, mean), _ = lax.scan(step, (nothing + s0, nothing), z)
    return jnp.mean(jnp.maximum(mean - 1, 0))


def gru(W, U, b, d, xs):
    def step(h, x):
        r, z, n = jnp.split(x @ W + b, 3, -1)
        hr, hz, hn = jnp.split(h @ U + d, 3, -1)
        keep = jax.nn.sigmoid(z + hz)
        return keep * h + (1 - keep) * jnp.tanh(n + jax.nn.sigmoid(r + hr) * hn), None
    h, _ = lax.scan(step, jnp.zeros((32, 128)), xs)
    return jnp.mean(h * h)


def scan(A, x, dt, B, C):
    def step(h, now):
        x, dt, B, C = now
        h = jnp.exp(dt[:, :, None] * A) * h + (dt * x)[:, :, None] * B[:, None]
        return h, jnp.einsum("bdn,bn->bd", h, C)
    _, ys = lax.scan(step, jnp.zeros((4, 128, 16)), (x, dt, B, C))
    return jnp.mean(ys * ys)


def gcn(W1, W2, x, start, end, y):
    h = relu(total((x @ W1)[start], end, 5000))
    return cross_entropy(total((h @ W2)[start], end, 5000), y % 16)


def convolve(x, w):
    return lax.conv_general_dilated(x, w, (1, 1), [(1, 1)] * 2, dimension_numbers=("NCHW", "OIHW", "NCHW"))


def batch_norm(x, g, b):
    m = jnp.mean(x, (0, 2, 3), keepdims=True)
    v = jnp.mean((x - m) ** 2, (0, 2, 3), keepdims=True)
    return (x - m) / jnp.sqrt(v + 1e-5) * g[:, None, None] + b[:, None, None]


def residual(w1, w2, g1, b1, g2, b2, x):
    h = relu(batch_norm(convolve(x, w1), g1, b1))
    y = relu(x + batch_norm(convolve(h, w2), g2, b2))
    return jnp.mean(y * y)


def unet(w1, w2, w3, w4, x, y):
    a = relu(convolve(x, w1))
    half = lax.reduce_window(a, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
    b = relu(convolve(half, w2))
    c = relu(convolve(jnp.concatenate((a, jnp.repeat(jnp.repeat(b, 2, 2), 2, 3)), 1), w3))
    return jnp.mean((convolve(c, w4) - y) ** 2)


def kalman(F, Q, H, R, zs):
    def step(carried, z):
        m, P, ll = carried
        mp = m @ F.T
        Pp = jnp.einsum("ij,bjk,lk->bil", F, P, F) + Q
        e = z - mp @ H.T
        PH = jnp.einsum("bij,oj->bio", Pp, H)
        S = R + jnp.einsum("oi,bip->bop", H, PH)
        det = S[:, 0, 0] * S[:, 1, 1] - S[:, 0, 1] * S[:, 1, 0]
        rows = [jnp.stack([S[:, 1, 1], -S[:, 0, 1]], -1), jnp.stack([-S[:, 1, 0], S[:, 0, 0]], -1)]
        Si = jnp.stack(rows, -2) / det[:, None, None]
        K = jnp.einsum("bip,bpo->bio", PH, Si)
        quadratic = jnp.einsum("bo,bop,bp->b", e, Si, e)
        m = mp + jnp.einsum("bio,bo->bi", K, e)
        return (m, Pp - jnp.einsum("bio,bjo->bij", K, PH), ll - 0.5 * (jnp.log(det) + quadratic)), None
    start = (jnp.zeros((256, 4)), jnp.broadcast_to(jnp.eye(4), (256, 4, 4)), jnp.zeros(256))
    return jnp.mean(lax.scan(step, start, zs)[0][2])


def systems(A, b):
    return jnp.sum(jnp.linalg.solve(A, b[..., None]) ** 2)


def process(x, y, scale, height):
    z = x / scale
    K = height * jnp.exp(-0.5 * jnp.sum((z[:, None] - z[None]) ** 2, -1)) + 0.1 * jnp.eye(len(x))
    L = jnp.linalg.cholesky(K)
    z = jax.scipy.linalg.solve_triangular(L, y, lower=True)
    return 0.5 * jnp.sum(z * z) + jnp.sum(jnp.log(jnp.diag(L)))


def warp(im, flow, target):
    n = jnp.arange(512, dtype=jnp.float32)
    Y, X = jnp.clip(n[:, None] + flow[..., 0], 0, 510.9), jnp.clip(n + flow[..., 1], 0, 510.9)
    y, x = jnp.floor(Y).astype(jnp.int32), jnp.floor(X).astype(jnp.int32)
    u, v = Y - jnp.floor(Y), X - jnp.floor(X)
    above = (1 - v) * im[y, x] + v * im[y, x + 1]
    below = (1 - v) * im[y + 1, x] + v * im[y + 1, x + 1]
    return jnp.mean(((1 - u) * above + u * below - target) ** 2)


def contrast(a, b):
    s = 0.1 * a @ b.T
    d = jnp.diag(s)
    return jnp.mean(jax.nn.logsumexp(s, 1) - d) + jnp.mean(jax.nn.logsumexp(s, 0) - d)


def fourier(x):
    i = np.arange(256)
    angle = 2 * np.pi * (i[:, None] * i % 256) / 256
    c, s = jnp.asarray(np.cos(angle), jnp.float32), jnp.asarray(-np.sin(angle), jnp.float32)
    re, im = x @ c, x @ s
    return jnp.sum((c @ re - s @ im) ** 2 + (c @ im + s @ re) ** 2)


def image_weights(*widths):
    return [floats(o, i, 3, 3) for o, i in widths]


def arguments(name):
    f32 = jnp.float32
    return {
        "softmax_regression_back": lambda: (floats(32, 10), floats(10), floats(100000, 32), below(5000, 100000)),
        "k_means": lambda: (floats(20000, 16), floats(32, 16)),
        "nearest": lambda: (floats(2000, 32), floats(3000, 32)),
        "heat_back": lambda: (floats(512, 512), f32(0.1)),
        "heat3_back": lambda: (floats(64, 64, 64), f32(0.1)),
        "attraction": lambda: (floats(1000, 3), floats(1000)),
        "energy_back": lambda: (floats(1000, 3), floats(1000)),
        "asian_option_back": lambda: (f32(1), f32(0.2), f32(0.05), floats(50, 20000)),
        "gru_back": lambda: (floats(64, 384), floats(128, 384), floats(384), floats(384), floats(64, 32, 64)),
        "scan_back": lambda: (floats(128, 16), floats(256, 4, 128), floats(256, 4, 128), floats(256, 4, 16),
                              floats(256, 4, 16)),
        "gcn_back": lambda: (floats(64, 64), floats(64, 16), floats(5000, 64), below(5000, 40000),
                             below(5000, 40000), below(5000, 5000)),
        "residual_back": lambda: (*image_weights((32, 32), (32, 32)), *[floats(32) for _ in range(4)],
                                  floats(16, 32, 28, 28)),
        "unet_back": lambda: (*image_weights((16, 3), (32, 16), (16, 48), (1, 16)), floats(4, 3, 64, 64),
                              floats(4, 1, 64, 64)),
        "systems_back": lambda: (jnp.eye(6) + floats(10000, 6, 6), floats(10000, 6)),
        "process_back": lambda: (floats(500, 8), floats(500), 1 + floats(8), f32(1)),
        "warp_back": lambda: (floats(512, 512), floats(512, 512, 2), floats(512, 512)),
        "contrast_back": lambda: (floats(4096, 128), floats(4096, 128)),
        "fourier": lambda: (floats(16, 256, 256),),
        "kalman_back": lambda: (jnp.eye(4), 0.1 * jnp.eye(4), floats(2, 4), jnp.eye(2), floats(100, 256, 2)),
    }[name]()


# By which of its arguments a program is differentiated.
BY = {"softmax_regression": (0, 1), "heat": (0, 1), "heat3": (0, 1), "energy": 0, "asian_option": (0, 1, 2),
      "gru": (0, 1, 2, 3), "scan": (0, 1, 2, 3, 4), "gcn": (0, 1), "residual": tuple(range(7)),
      "unet": (0, 1, 2, 3), "kalman": (0, 1, 2, 3), "systems": (0, 1), "process": (2, 3), "warp": (0, 1), "contrast": (0, 1)}


def program(name):
    f = globals()[name.removesuffix("_back")]
    if name.endswith("_back"):
        f = jax.value_and_grad(f, BY[name.removesuffix("_back")])
    return f, arguments(name)
