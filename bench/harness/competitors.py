"""competitors.py: those who are measured: gradc, which is a command, and peers, which are processes that
wait for orders on standard input, a line each:

    threads N           once
    load KIND JSON      builds the workload and warms it up; answers "ok" or "no REASON"
    time SECONDS        answers the median seconds of a call"""

import json
import os
import pathlib
import select
import subprocess
import sys

from . import machine

BENCH = pathlib.Path(__file__).resolve().parent.parent


class Gradc:
    name = "gradc"

    def __init__(self, command, threads):
        self.command, self.threads, self.last = command, threads, {}

    def load(self, work):
        self.work = work
        self.last = {}
        return ""

    def time(self, seconds):
        w = self.work
        path = BENCH / "workloads" / w.file
        command = [self.command, "bench", str(path), w.target, "--json", "--alone", "--threads", str(self.threads),
                   "--seconds", str(seconds), "--below", str(w.below)]
        command += ["--step", w.step] if w.step else []
        for key, value in w.sizes.items():
            command += ["-D", f"{key}={value}"]
        run = subprocess.run(command, capture_output=True, text=True, env=machine.environment(self.threads),
                             preexec_fn=machine.pin(self.threads))
        if run.returncode:
            raise RuntimeError(run.stderr.strip())
        self.last = json.loads(run.stdout)
        return self.last["cpu_seconds" if os.environ.get(machine.PROCESSOR_TIME) else "seconds"]

    def close(self):
        pass


class Peer:
    def __init__(self, name, command, threads, patience=300):
        self.name, self.patience = name, patience
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        text=True, env=machine.environment(threads), preexec_fn=machine.pin(threads))
        self.alive = self.ask(f"threads {threads}") == "ok"

    def ask(self, line):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return "no the process is gone"
        if not select.select([self.process.stdout], [], [], self.patience)[0]:
            self.process.kill()
            return f"no answer within {self.patience} s"
        return self.process.stdout.readline().strip() or "no the process is gone"

    def load(self, work):
        answer = self.ask(f"load {work.kind} " + json.dumps({**work.sizes, "target": work.target, "step": work.step}))
        return "" if answer == "ok" else answer.removeprefix("no ")

    def time(self, seconds):
        answer = self.ask(f"time {seconds}")
        return float(answer)

    def close(self):
        self.process.kill()
        self.process.wait()


def peer_commands():
    """name -> command, of what is installed here."""
    peers = BENCH / "peers"
    own = BENCH / ".venv" / "bin" / "python"
    pythons = [str(p) for p in (own, pathlib.Path("/usr/bin/python3"), pathlib.Path(sys.executable)) if p.exists()]
    found = {}
    for name, module in (("torch", "torch"), ("jax", "jax"), ("casadi", "casadi")):
        for python in pythons:
            if subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode == 0:
                found[name] = [python, str(peers / f"{name}_peer.py")]
                break
    for program in sorted((BENCH / ".build").glob("*_peer")) if (BENCH / ".build").exists() else []:
        found[program.name.removesuffix("_peer")] = [str(program)]
    return found
