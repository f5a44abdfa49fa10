"""regression.py: NumPy and a library that gradc built, by ctypes: arrays are passed as they lie in memory.

    gradc build examples/embed/regression.nn -o regression.so
    python3 examples/embed/regression.py ./regression.so

The structs of the header are read from the library's own table of parameters.
"""
import ctypes
import sys

import numpy as np


class Tensor(ctypes.Structure):  # regression_tensor
    _fields_ = [("name", ctypes.c_char_p), ("dtype", ctypes.c_char_p), ("rank", ctypes.c_int32),
                ("state", ctypes.c_int32), ("shape", ctypes.c_int64 * 12), ("offset", ctypes.c_size_t),
                ("bytes", ctypes.c_size_t)]


class Library:
    """The functions of one program; a struct of parameters is a NumPy record."""

    def __init__(self, path, prefix, params):
        self.so = ctypes.CDLL(path)
        self.prefix = prefix
        self.function("strerror").restype = ctypes.c_char_p
        table = (Tensor * params).in_dll(self.so, prefix + "_param_table")
        types = {b"f32": np.float32, b"f64": np.float64, b"i32": np.int32, b"i64": np.int64, b"u8": np.uint8}
        self.params = np.dtype({"names": [t.name.decode() for t in table],
                                "formats": [(types[t.dtype], tuple(t.shape[:t.rank])) for t in table],
                                "offsets": [t.offset for t in table]})

    def function(self, name):
        return getattr(self.so, f"{self.prefix}_{name}")

    def call(self, name, size, *arrays):
        """Calls PREFIX_NAME(size, arrays..., workspace, bytes); arrays written to are the caller's."""
        query = self.function(name + "_workspace")
        query.argtypes, query.restype = [ctypes.c_int64], ctypes.c_size_t
        bytes_ = query(size)
        if bytes_ == ctypes.c_size_t(-1).value:  # no workspace suits such a size: the call says why
            bytes_ = 0
        room = np.empty(bytes_ + 64, np.uint8)
        aligned = room.ctypes.data + -room.ctypes.data % 64
        for a in arrays:
            assert a.flags.c_contiguous, "only dense arrays can be passed without a copy"
        status = self.function(name)(
            ctypes.c_int64(size), *(ctypes.c_void_p(a.ctypes.data) for a in arrays), ctypes.c_void_p(aligned),
            ctypes.c_size_t(bytes_))
        if status:
            raise RuntimeError(self.function("strerror")(status).decode())


def main():
    lib = Library(sys.argv[1], "regression", 2)
    rng = np.random.default_rng(0)
    n = 1000
    x = rng.normal(size=(n, 3))
    true = np.array([2.0, -1.0, 0.5])
    y = x @ true + 3.0
    params, grads = np.zeros(1, lib.params), np.zeros(1, lib.params)
    value = np.zeros(1)
    for _ in range(200):
        lib.call("loss_grad", n, params, x, y, grads, value)
        for name in lib.params.names:
            params[name] -= 0.2 * grads[name]
    predicted = np.empty(n)
    lib.call("predict", n, params, x, predicted)
    # the gradient against NumPy's own arithmetic, at other parameters
    params["w"], params["b"] = [0.3, -0.2, 0.1], 0.7
    lib.call("loss_grad", n, params, x, y, grads, value)
    error = x @ params["w"][0] + params["b"][0] - y
    apart = max(np.abs(grads["w"][0] - 2 * x.T @ error / n).max(), abs(grads["b"][0] - 2 * error.mean()))
    assert apart < 1e-12, apart
    assert np.abs(predicted - y).max() < 1e-6
    try:
        lib.call("loss_grad", 0, params, x, y, grads, value)
        raise SystemExit("a size of 0 was taken")
    except RuntimeError as e:
        print("a size of 0:", e)
    print("fitted to", np.abs(predicted - y).max() < 1e-6, "and the gradient is NumPy's to 1e-12")


if __name__ == "__main__":
    main()
