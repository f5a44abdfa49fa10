"""statuses.py LIBRARY: what a native library answers to sizes, workspaces and pointers that make no sense, asked
by ctypes as a program in another language would. tests/native/statuses.nn is the model. Prints nothing if all is well.
"""
import ctypes
import sys

OK, NULL_POINTER, MISALIGNED, TOO_SMALL, BAD_SIZE, TOO_LARGE, BAD_WEIGHTS, INDEX, REQUIRED = range(9)  # as in the header
NONE = ctypes.c_size_t(-1).value
lib = ctypes.CDLL(sys.argv[1])
lib.statuses_strerror.restype = ctypes.c_char_p
wrong = []


def floats(*values):
    return (ctypes.c_float * max(len(values), 1))(*values)


def query(name, *sizes):
    f = getattr(lib, f"statuses_{name}_workspace")
    f.restype = ctypes.c_size_t
    return f(*(ctypes.c_int64(n) for n in sizes))


memory = ctypes.create_string_buffer(1 << 16)
aligned = ctypes.addressof(memory) + -ctypes.addressof(memory) % 64


def call(name, sizes, *args, workspace=aligned, given=1 << 15):
    values = [ctypes.c_int64(n) for n in sizes] + [a if isinstance(a, ctypes.c_int32) else ctypes.cast(a, ctypes.c_void_p)
                                                   for a in args]
    return getattr(lib, "statuses_" + name)(*values, ctypes.c_void_p(workspace), ctypes.c_size_t(given))


def expect(what, got, want):
    if got != want:
        wrong.append(f"{what}: {got!r} instead of {want!r}")
    elif type(got) is int and got in range(9) and not lib.statuses_strerror(got):
        wrong.append(f"status {got} has no text")


params = (ctypes.c_double * 2)(0.0, 3.0)  # the array without elements takes one in C; then a
params_of = ctypes.addressof(params)
result = floats(0.0)
big = 1 << 62

# sizes of an array with two axes
x = floats(*range(1, 13))
expect("3 by 4", call("whole", (3, 4), params_of, x, result), OK)
expect("its value", result[0], 3 * 78.0)
for n, m, want in ((0, 4, BAD_SIZE), (3, 0, BAD_SIZE), (-1, 4, BAD_SIZE), (3, -(1 << 63), BAD_SIZE), (1 << 31, 1, TOO_LARGE),
                   ((1 << 31) - 1, (1 << 31) - 1, TOO_LARGE), (big, big, TOO_LARGE), ((1 << 63) - 1, 1, TOO_LARGE)):
    result[0] = 5.0
    expect(f"whole {n} by {m}", call("whole", (n, m), params_of, x, result), want)
    expect(f"whole_grad {n} by {m}", call("whole_grad", (n, m), params_of, x, params_of, result), want)
    expect(f"workspace of {n} by {m}", query("whole", n, m), NONE)
    expect("the result after a status", result[0], 5.0)

# sizes in terms of one another, and what is empty
expect("tail of 1", call("tail", (1,), params_of, x, result), BAD_SIZE)
expect("tail of 2", call("tail", (2,), params_of, x, result), OK)
expect("its value", result[0], 0.0)
expect("tail of 4", call("tail", (4,), params_of, x, result), OK)
expect("its value", result[0], 3 * 7.0)
expect("fewer than 3", call("fewer", (2,), x, x, result), BAD_SIZE)
expect("none and 3", call("fewer", (3,), x, x, result), OK)
expect("its value", result[0], 6.0)
for n, want in ((1, BAD_SIZE), (2, BAD_SIZE), (3, OK), (5, OK)):
    expect(f"the first 3 of {n}", call("first", (n,), x, result), want)
expect("their sum", result[0], 6.0)

# what the program itself requires of its sizes
for n, want in ((0, BAD_SIZE), (2, REQUIRED), (3, REQUIRED), (4, OK), (5, REQUIRED), (6, OK), (1 << 31, TOO_LARGE)):
    result[0] = 5.0
    expect(f"even of {n}", call("even", (n,), x, result), want)
    expect(f"even_grad of {n}", call("even_grad", (n,), x, result, floats(*[0.0] * 6)), want)
    expect(f"even's workspace for {n}", query("even", n) == NONE, want != OK)
    expect(f"even's value of {n}", result[0], {4: 3.0, 6: 6.0}.get(n, 5.0))
for n, m, want in ((3, 3, REQUIRED), (3, 4, OK), (7, 7, REQUIRED), (8, 8, OK)):
    expect(f"differ of {n}, {m}", call("differ", (n, m), x, x, result), want)

expect("a huge product", call("product", ((1 << 31) - 1, (1 << 31) - 1), x, x, result), TOO_LARGE)

# the workspace
n = 1000
many, out = floats(*[0.5] * n), floats(*[0.0] * n)
bytes_ = query("scaled", n)
expect("enough", call("scaled", (n,), many, out, given=bytes_), OK)
expect("its value", abs(out[n - 1] - 0.5 / 251) < 1e-8, True)
if bytes_:
    expect("a byte too few", call("scaled", (n,), many, out, given=bytes_ - 1), TOO_SMALL)
    expect("none", call("scaled", (n,), many, out, given=0), TOO_SMALL)
    for off in (1, 4, 16, 32):
        expect(f"off by {off}", call("scaled", (n,), many, out, workspace=aligned + off, given=bytes_), MISALIGNED)
    expect("a null workspace", call("scaled", (n,), many, out, workspace=None, given=bytes_), NULL_POINTER)
else:
    wrong.append("the function takes no workspace")
expect("no argument", call("scaled", (n,), None, out), NULL_POINTER)
expect("no result", call("scaled", (n,), many, None), NULL_POINTER)
expect("no parameters", call("whole", (3, 4), None, x, result), NULL_POINTER)

# computed indices
for k, want in ((0, OK), (2, OK), (3, INDEX), (-1, INDEX), (-(1 << 31), INDEX), ((1 << 31) - 1, INDEX)):
    expect(f"pick {k}", call("pick", (), x, ctypes.c_int32(k), result), want)

print("\n".join(wrong), end="")
sys.exit(bool(wrong))
