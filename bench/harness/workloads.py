"""workloads.py: what is measured: one row each, the same work for gradc and for every peer.

A row's `sizes` are given to gradc as -D and to the peers' builders as a dictionary; `goal` is in
microseconds on a core of 256 GFLOP/s (f32) and is scaled to the peak measured here; `over` is how many
times faster than the best peer it should be."""

from dataclasses import dataclass, field


@dataclass
class Workload:
    name: str
    file: str               # under bench/workloads, or another folder of the project
    target: str             # a function, or grad(...) of one
    sizes: dict = field(default_factory=dict)
    step: str = ""          # an optimiser: a whole training step
    below: int = 2          # integer arguments are below it
    goal: float = 0.0       # microseconds
    over: float = 0.0
    peak: float = 0.0       # fraction of the FMA peak to reach
    flops: float = 0.0      # multiply-adds counted twice, where the peers' measure needs it
    kind: str = "net"       # which builder of a peer
    threads: tuple = (1, 2)
    quick: bool = True      # part of --quick


def mlp(name, depth, sizes, goal, over, quick=True):
    return Workload(name, "mlp.nn", f"loss{depth}", sizes, "descend", sizes["K"], goal, over, kind="mlp", quick=quick)


def product(m, k, n, peak, quick=False):
    size = {"M": m, "K": k, "N": n}
    return Workload(f"sgemm {m}x{k}x{n}", "kernels.nn", "matmul", size, goal=2e-3 * m * k * n / 256 / peak, peak=peak,
                    flops=2.0 * m * k * n, kind="matmul", threads=(1, 2) if m * k * n >= 512**3 else (1,), quick=quick)


def convolution(c, p, back, quick=False):
    size = {"B": 8, "C": c, "P": p}
    flops = 2.0 * 8 * p * p * c * c * 9 * (3 if back else 1)
    peak = 0.87 if back else 0.95
    return Workload(f"conv 3x3 {c}@{p} {'forward+gradients' if back else 'forward'}", "kernels.nn",
                    "conv_back" if back else "conv", size, goal=flops / 256e3 / peak, peak=peak, flops=flops,
                    kind="conv_back" if back else "conv", quick=quick)


def adbench(name, file, target, sizes, over, kind, quick=True):
    return Workload(name, f"../../examples/{file}", target, sizes, below=sizes.get("N", 2) if kind == "ba" else 2, over=over,
                    kind=kind, threads=(1,), quick=quick)


def elementwise(name, ns):
    return Workload(f"{name} of 8192", "kernels.nn", f"v{name}", {"L": 8192}, goal=ns * 8.192, kind="map", threads=(1,))


def other(name, target):
    return Workload(f"other: {name}", "others.nn", target, below=5000, over=1.5, kind="other", threads=(1,), quick=False)


LENET = {"BATCH": 64}
LSTM = {"T": 32, "BATCH": 32, "I": 64, "H": 128}
GPT = {"D": 128, "HEADS": 4, "BLOCKS": 4, "T": 64, "BATCH": 8, "VOCABULARY": 96}
GPT2 = {"D": 768, "HEADS": 12, "BLOCKS": 12, "T": 64, "BATCH": 4, "VOCABULARY": 50257}

WORKLOADS = [
    mlp("MLP 2-16-2, batch 32", 2, {"A": 2, "B": 16, "K": 2, "BATCH": 32}, 2, 30),
    mlp("MLP 64-32-10, batch 32", 2, {"A": 64, "B": 32, "K": 10, "BATCH": 32}, 5, 14),
    mlp("MLP 784-128-10, batch 64", 2, {"A": 784, "B": 128, "K": 10, "BATCH": 64}, 130, 1.9),
    mlp("MLP 784-512-256-10, batch 128", 3, {"A": 784, "B": 512, "C": 256, "K": 10, "BATCH": 128}, 1400, 1.4),
    mlp("MLP 1024x4-10, batch 256", 4, {"A": 1024, "B": 1024, "C": 1024, "D": 1024, "K": 10, "BATCH": 256}, 19500, 1.24,
        False),
    Workload("LeNet, batch 64", "lenet.nn", "loss", LENET, "descend", 10, 6000, 2, kind="lenet"),
    Workload("LSTM 64-128, T 32, batch 32", "lstm.nn", "loss", LSTM, "descend", 2, 3400, 2.2, kind="lstm"),
    Workload("GPT 4x128, T 64, batch 8, Adam", "gpt.nn", "loss", GPT, "adam", 96, 14000, 1.7, kind="gpt"),
    Workload("GPT-2 124M, T 64, batch 4, AdamW", "gpt.nn", "loss", GPT2, "adamw", 50257, 1.9 * 650000, 0, kind="gpt",  # 650000 by two threads
             threads=(2,), quick=False),
    adbench("GMM 1k, d 32, K 100: gradient", "gmm.nn", "grad(objective)", {"N": 1000, "D": 32, "K": 100}, 4, "gmm"),
    adbench("GMM 10k, d 32, K 100: gradient", "gmm.nn", "grad(objective)", {"N": 10000, "D": 32, "K": 100}, 4, "gmm", False),
    adbench("ADBench LSTM l 4, c 4096: gradient", "adbench_lstm.nn", "grad(objective)", {"L": 4, "T": 4096, "B": 14}, 5,
            "adlstm"),
    adbench("BA 5: Jacobian", "bundle_adjustment.nn", "jacobian_blocks", {"N": 257, "M": 65132, "P": 225911}, 1.25, "ba"),
    Workload("Rosenbrock of 1000: gradient", "scalars.nn", "grad(rosenbrock)", {"N": 1000}, kind="rosenbrock", threads=(1,)),
    Workload("Lotka-Volterra, 400 steps: gradient", "scalars.nn", "grad(shoot)", {"STEPS": 400}, kind="shoot", threads=(1,)),
    *[product(n, n, n, 0.92, n == 512) for n in (512, 1024, 2048)],
    *[product(n, n, n, 0.97, n == 64) for n in (32, 64, 128)],
    product(64, 768, 768, 0.97, True),
    product(32, 784, 256, 0.97, True),
    *[convolution(c, p, back, c == 64) for c, p in ((64, 56), (128, 28), (256, 14)) for back in (False, True)],
    *[elementwise(name, ns) for name, ns in (("exp", 0.13), ("log", 0.19), ("tanh", 0.25), ("erf", 0.35), ("gelu", 0.25))],
    Workload("attention 2x12x256x64: forward+gradients", "kernels.nn", "attend_back", {"B": 2, "H": 12, "T": 256, "D": 64},
             goal=7000, kind="attention", threads=(1, 2)),
    Workload("softmax 256x768", "kernels.nn", "rows_softmax", {"R": 256, "W": 768}, goal=40, kind="softmax", threads=(1,)),
    Workload("layer norm 256x768", "kernels.nn", "rows_norm", {"R": 256, "W": 768}, goal=20, kind="norm", threads=(1,)),
    *[other(name, target) for name, target in (
        ("softmax regression, 100k rows", "softmax_regression_back"), ("k-means step", "k_means"),
        ("nearest of 3000 points", "nearest"), ("heat 512x512, 50 steps: gradient", "heat_back"),
        ("heat 64x64x64, 20 steps: gradient", "heat3_back"), ("1000 bodies: forces", "attraction"),
        ("1000 bodies: gradient of the energy", "energy_back"), ("Asian option, 20k paths: gradient", "asian_option_back"),
        ("GRU 64-128, T 64, batch 32: gradient", "gru_back"), ("selective scan, T 256: gradient", "scan_back"),
        ("graph convolution, 40k edges: gradient", "gcn_back"), ("residual block, batch norm: gradient", "residual_back"),
        ("U-Net of two levels: gradient", "unet_back"), ("Kalman filter, batch 256: gradient", "kalman_back"),
        ("10,000 systems of 6 equations: gradient", "systems_back"),
        ("Gaussian process, 500 points: gradient", "process_back"),
        ("image warp 512x512: gradient", "warp_back"), ("contrastive loss, 4096 pairs: gradient", "contrast_back"),
        ("Fourier transforms of 16 images", "fourier"))],
]
