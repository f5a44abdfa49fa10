"""worker.py: the peers' side of the conversation: see harness/competitors.py."""

import json
import os
import statistics
import sys
import time


now = time.process_time if os.environ.get("BENCH_PROCESSOR_TIME") else time.perf_counter


def timed(call, seconds):
    """The median of a call, calls being timed in groups of at least 50 microseconds."""
    start = now()
    call()
    once = max(now() - start, 1e-8)
    group = max(1, int(50e-6 / once))
    samples, begin = [], now()
    while len(samples) < 5 or (now() - begin < seconds and len(samples) < 1000):
        start = now()
        for _ in range(group):
            call()
        samples.append((now() - start) / group)
    return statistics.median(samples)


def serve(set_threads, builders):
    """builders: kind -> function of the sizes that returns a call; the call does all of the work and waits for it."""
    call = None
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        try:
            if word == "threads":
                set_threads(int(rest))
                answer = "ok"
            elif word == "load":
                kind, _, sizes = rest.partition(" ")
                if kind in builders:
                    call = builders[kind](json.loads(sizes))
                    for _ in range(3):
                        call()
                    answer = "ok"
                else:
                    answer = "no such workload here"
            elif word == "time":
                answer = repr(timed(call, float(rest)))
            else:
                answer = "no such order"
        except Exception as error:  # the harness prints why
            answer = "no " + " ".join(str(error).split())[:300]
        print(answer, flush=True)
