"""torch_peer.py: PyTorch on the same work: plain eager programs, and torch.compile where there is one,
whichever is faster on the workload."""

import math

import torch
import torch.nn.functional as F

from worker import serve, timed

torch.manual_seed(1)


def compiled(step):
    """The faster of step and torch.compile(step)."""
    if not hasattr(torch, "compile"):
        return step
    try:
        quick = torch.compile(step)
        quick()
        return quick if timed(quick, 0.2) < timed(step, 0.2) else step
    except Exception:
        return step


def training(params, loss, optimizer):
    def step():
        optimizer.zero_grad(set_to_none=True)
        loss().backward()
        optimizer.step()
    return step


def sgd(params):
    return torch.optim.SGD(params, lr=1e-6)


def weight(*shape):
    return (torch.randn(*shape) / math.sqrt(shape[0])).requires_grad_()


def zeros(*shape):
    return torch.zeros(*shape, requires_grad=True)


def mlp(s):
    widths = {"loss2": "AB", "loss3": "ABC", "loss4": "ABCD"}[s["target"]]
    sizes = [s[c] for c in widths] + [s["K"]]
    params = [(weight(i, o), zeros(o)) for i, o in zip(sizes, sizes[1:])]
    x, label = torch.rand(s["BATCH"], sizes[0]), torch.randint(0, s["K"], (s["BATCH"],))

    def loss():
        h = x
        for i, (w, b) in enumerate(params):
            h = torch.addmm(b, h, w)
            h = torch.relu(h) if i + 1 < len(params) else h
        return F.cross_entropy(h, label)
    flat = [t for pair in params for t in pair]
    return compiled(training(flat, loss, sgd(flat)))


def lenet(s):
    k1, c1, k2, c2 = weight(16, 1, 5, 5), zeros(16), weight(32, 16, 5, 5), zeros(32)
    w1, b1, w2, b2 = weight(512, 128), zeros(128), weight(128, 10), zeros(10)
    params = [k1, c1, k2, c2, w1, b1, w2, b2]
    x, label = torch.rand(s["BATCH"], 1, 28, 28), torch.randint(0, 10, (s["BATCH"],))

    def loss():
        h = F.max_pool2d(torch.relu(F.conv2d(x, k1, c1)), 2)
        h = F.max_pool2d(torch.relu(F.conv2d(h, k2, c2)), 2)
        h = torch.relu(torch.addmm(b1, h.reshape(-1, 512), w1))
        return F.cross_entropy(torch.addmm(b2, h, w2), label)
    return compiled(training(params, loss, sgd(params)))


def lstm(s):
    cell = torch.nn.LSTM(s["I"], s["H"])
    head = torch.nn.Linear(s["H"], 1)
    xs, y = torch.rand(s["T"], s["BATCH"], s["I"]), torch.rand(s["BATCH"], 1)
    params = [*cell.parameters(), *head.parameters()]

    def loss():
        _, (h, _) = cell(xs)
        return F.mse_loss(head(h[0]), y)
    return compiled(training(params, loss, sgd(params)))


class Block(torch.nn.Module):
    def __init__(self, d, heads, t):
        super().__init__()
        self.heads = heads
        self.n1, self.n2 = torch.nn.LayerNorm(d), torch.nn.LayerNorm(d)
        self.qkv, self.out = torch.nn.Linear(d, 3 * d), torch.nn.Linear(d, d)
        self.up, self.down = torch.nn.Linear(d, 4 * d), torch.nn.Linear(4 * d, d)
        self.register_buffer("later", torch.ones(t, t).triu(1).bool())

    def attend(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        if hasattr(F, "scaled_dot_product_attention"):
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            scores = (q @ k.transpose(-1, -2)) * (1 / math.sqrt(d // self.heads))
            y = scores.masked_fill(self.later, -math.inf).softmax(-1) @ v
        return self.out(y.transpose(1, 2).reshape(b, t, d))

    def forward(self, x):
        x = x + self.attend(self.n1(x))
        return x + self.down(F.gelu(self.up(self.n2(x)), **GELU))


GELU = {"approximate": "tanh"}


def gpt(s):
    d, t, v = s["D"], s["T"], s["VOCABULARY"]
    words, places = torch.nn.Embedding(v, d), torch.nn.Parameter(torch.randn(t, d) * 0.02)
    torch.nn.init.normal_(words.weight, 0, 0.02)
    blocks, norm = torch.nn.Sequential(*[Block(d, s["HEADS"], t) for _ in range(s["BLOCKS"])]), torch.nn.LayerNorm(d)
    tokens, following = torch.randint(0, v, (s["BATCH"], t)), torch.randint(0, v, (s["BATCH"], t))
    params = [*words.parameters(), places, *blocks.parameters(), *norm.parameters()]
    kind = torch.optim.AdamW if s["step"] == "adamw" else torch.optim.Adam

    def loss():
        x = norm(blocks(words(tokens) + places))
        return F.cross_entropy((x @ words.weight.t()).reshape(-1, v), following.reshape(-1))
    return compiled(training(params, loss, kind(params, lr=1e-6)))


def without_gradient(call):
    def run():
        with torch.no_grad():
            call()
    return run


def matmul(s):
    a, b, c = torch.rand(s["M"], s["K"]), torch.rand(s["K"], s["N"]), torch.empty(s["M"], s["N"])
    return without_gradient(lambda: torch.mm(a, b, out=c))


def conv(s):
    x, w = torch.rand(s["B"], s["C"], s["P"], s["P"]), torch.rand(s["C"], s["C"], 3, 3)
    return without_gradient(lambda: F.conv2d(x, w, padding=1))


def conv_back(s):
    x = torch.rand(s["B"], s["C"], s["P"], s["P"], requires_grad=True)
    w = torch.rand(s["C"], s["C"], 3, 3, requires_grad=True)
    g = torch.rand(s["B"], s["C"], s["P"], s["P"])
    return lambda: torch.autograd.grad(F.conv2d(x, w, padding=1), (x, w), g)


def elementwise(s):
    f = {"vexp": torch.exp, "vlog": torch.log, "vtanh": torch.tanh, "verf": torch.erf, "vgelu": F.gelu}[s["target"]]
    x = torch.rand(s["L"])
    return without_gradient(lambda: f(x))


def softmax(s):
    x = torch.rand(s["R"], s["W"])
    return without_gradient(lambda: torch.softmax(x, -1))


def norm(s):
    x, g, b = torch.rand(s["R"], s["W"]), torch.rand(s["W"]), torch.rand(s["W"])
    return without_gradient(lambda: F.layer_norm(x, (s["W"],), g, b))


def attention(s):
    q, k, v = [torch.rand(s["B"], s["H"], s["T"], s["D"], requires_grad=True) for _ in range(3)]
    g = torch.rand(s["B"], s["H"], s["T"], s["D"])

    def call():
        o = torch.softmax(q @ k.transpose(-1, -2) * s["D"] ** -0.5, -1) @ v
        torch.autograd.grad(o, (q, k, v), g)
    return call


serve(torch.set_num_threads, {"mlp": mlp, "lenet": lenet, "lstm": lstm, "gpt": gpt, "matmul": matmul, "conv": conv,
                              "conv_back": conv_back, "map": elementwise, "softmax": softmax, "norm": norm,
                              "attention": attention})
