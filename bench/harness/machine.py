"""machine.py: the machine: is it quiet, what can it do at best."""

import os
import time


PROCESSOR_TIME = "BENCH_PROCESSOR_TIME"  # in the environment: the clock is that of the process


def environment(threads):
    """What every competitor runs with: its best settings, the same number of threads."""
    env = dict(os.environ)
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):  # left to what it finds
        env.pop(name, None)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "GRADC_THREADS"):
        env[name] = str(threads)
    env["BLIS_ARCH_TYPE"] = "0"
    env["ATEN_CPU_CAPABILITY"] = "avx512"
    flags = f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'} intra_op_parallelism_threads={threads}"
    env["XLA_FLAGS"] = flags
    env["JAX_PLATFORMS"] = "cpu"
    return env


def processors(threads):
    """The first processors this process may use."""
    mine = sorted(os.sched_getaffinity(0))
    return mine[:threads]


def pin(threads):
    """What a child does before it begins."""
    cpus = processors(threads)
    return lambda: os.sched_setaffinity(0, cpus)


def idle_fraction(seconds=1.0):
    """The share of the machine's processor time nobody used, while this process slept."""
    def read():
        with open("/proc/stat") as f:
            ticks = [int(x) for x in f.readline().split()[1:]]
        return ticks[3] + ticks[4], sum(ticks[:8])
    idle0, all0 = read()
    time.sleep(seconds)
    idle1, all1 = read()
    return (idle1 - idle0) / max(1, all1 - all0)


def name():
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "unknown"
