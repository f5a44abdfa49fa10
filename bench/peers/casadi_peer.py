"""casadi_peer.py: CasADi on the same work, in its fastest form: the derivative as the C it generates,
compiled with all optimisation, called from C where there are many of them."""

import ctypes
import pathlib
import subprocess
import tempfile

import casadi as ca
import numpy as np

from worker import serve

FOLDER = tempfile.TemporaryDirectory()
FLAGS = ["-O3", "-march=native", "-ffast-math", "-fno-math-errno", "-shared", "-fPIC"]


def compiled(function, more=""):
    """The library of the C generated for the function, and of what is to call it."""
    folder = pathlib.Path(FOLDER.name)
    generator = ca.CodeGenerator(f"{function.name()}.c", {"with_header": False})
    generator.add(function)
    generator.generate(f"{folder}/")
    source = folder / f"{function.name()}.c"
    source.write_text(source.read_text() + more)
    library = source.with_suffix(".so")
    subprocess.run(["gcc", *FLAGS, "-o", str(library), str(source), "-lm"], check=True)
    return ctypes.CDLL(str(library))


def pointers(arrays):
    return (ctypes.POINTER(ctypes.c_double) * max(1, len(arrays)))(
        *[a.ctypes.data_as(ctypes.POINTER(ctypes.c_double)) for a in arrays])


def caller(function, inputs, outputs):
    code = getattr(compiled(function), function.name())
    arguments = pointers(inputs), pointers(outputs)
    integers = (ctypes.c_longlong * max(1, function.sz_iw()))()
    reals = (ctypes.c_double * max(1, function.sz_w()))()
    # the tables have room for what the function keeps in them
    given = (ctypes.POINTER(ctypes.c_double) * max(1, function.sz_arg()))(*arguments[0])
    taken = (ctypes.POINTER(ctypes.c_double) * max(1, function.sz_res()))(*arguments[1])
    return lambda: (inputs, outputs, code(given, taken, integers, reals, 0))


def rosenbrock(size):
    n = size["N"]
    x = ca.SX.sym("x", n)
    f = ca.sumsqr(10 * (x[1:] - x[:-1] ** 2)) + ca.sumsqr(1 - x[:-1])
    return caller(ca.Function("rosenbrock_gradient", [x], [ca.gradient(f, x)]), [np.linspace(-1, 1, n)], [np.zeros(n)])


def rate(s, p):
    return ca.vertcat(p[0] * s[0] - p[1] * s[0] * s[1], p[3] * s[0] * s[1] - p[2] * s[1])


def shoot(size):
    s, p, h = ca.SX.sym("s", 2), ca.SX.sym("p", 4), 0.01
    k1 = rate(s, p)
    k2 = rate(s + h / 2 * k1, p)
    k3 = rate(s + h / 2 * k2, p)
    k4 = rate(s + h * k3, p)
    step = ca.Function("step", [s, p], [s + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)])
    steps = step.fold(size["STEPS"])
    s0, q, goal = ca.MX.sym("s0", 2), ca.MX.sym("p", 4), ca.MX.sym("goal", 2)
    end = steps(s0, ca.repmat(q, 1, size["STEPS"]))
    f = ca.sumsqr(end - goal)
    gradient = ca.Function("shoot_gradient", [s0, q, goal], [ca.gradient(f, s0), ca.gradient(f, q), ca.gradient(f, goal)])
    inputs = [np.array([10.0, 5.0]), np.array([1.1, 0.4, 0.4, 0.1]), np.array([9.0, 4.0])]
    return caller(gradient, inputs, [np.zeros(2), np.zeros(4), np.zeros(2)])


def rotate(r, x):
    angle = ca.sqrt(ca.dot(r, r))
    w = r / angle
    return x * ca.cos(angle) + ca.cross(w, x) * ca.sin(angle) + w * (ca.dot(w, x) * (1 - ca.cos(angle)))


BLOCKS = """
void blocks(long p, long n, long m, const double *cam, const double *x, const double *w, const double *seen,
            double *jac, long long *iw, double *rw) {
  for (long i = 0; i < p; i++) {
    const double *arg[64] = {cam + 11 * (i % n), x + 3 * (i % m), w + i, seen + 2 * i};
    double *res[64] = {jac + 30 * i};
    block(arg, res, iw, rw, 0);
  }
}
"""


def bundle(size):
    camera, x, w, seen = ca.SX.sym("camera", 11), ca.SX.sym("x", 3), ca.SX.sym("w"), ca.SX.sym("seen", 2)
    v = rotate(camera[0:3], x - camera[3:6])
    u = v[0:2] / v[2]
    s = ca.dot(u, u)
    e = w * (u * (1 + camera[9] * s + camera[10] * s * s) * camera[6] + camera[7:9] - seen)
    jacobian = ca.densify(ca.jacobian(e, ca.vertcat(camera, x, w))).T  # by columns, so that rows lie side by side
    block = ca.Function("block", [camera, x, w, seen], [jacobian])
    p, n, m = size["P"], size["N"], size["M"]
    code = compiled(block, BLOCKS).blocks
    double = np.random.default_rng(1).standard_normal
    given = [double(n * 11), double(m * 3), double(p), double(p * 2), np.zeros(p * 30), np.zeros(1 + block.sz_iw(), np.int64),
             np.zeros(1 + block.sz_w())]
    arguments = [ctypes.c_long(p), ctypes.c_long(n), ctypes.c_long(m), *[ctypes.c_void_p(a.ctypes.data) for a in given]]
    return lambda: (given, code(*arguments))


serve(lambda threads: None, {"rosenbrock": rosenbrock, "shoot": shoot, "ba": bundle})
