#!/usr/bin/python3
"""How much slower programs run while they are traced, by their own account: each is measured without and
with, in turns, in one process. Prints a table of ratios. As root; `make bench`.

    overhead.py [--rounds N] [--seconds N] [--python PATH ...]
"""
import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time

from bench import HERE, PYFRAG, describe_machine

FLOOR = os.path.join(HERE, "../../build/tests/bench/floor")
PROGRAMS = ("json_churn", "object_churn", "web_mix")
BPFTRACE = """uprobe:%(file)s:%(malloc)s { @size = arg1; } uretprobe:%(file)s:%(malloc)s { @a = retval; }
uprobe:%(file)s:%(free)s { @f = arg1; }"""


class Program:
    def __init__(self, python, name, environment=None):
        self.process = subprocess.Popen(
            [python, os.path.join(HERE, "programs.py"), name], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, universal_newlines=True,
            env=dict(os.environ, **(environment or {})))
        self.process.stdout.readline()
        self.pid = self.process.pid

    def rate(self, seconds):
        self.process.stdin.write("%f\n" % seconds)
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.wait()


class Tracer:
    """What traces; ready when it has said something."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        if not self.process.stdout.readline():
            raise RuntimeError("%s failed" % command[0])

    def stop(self):
        """Lets it detach: a tracer that is killed while it does may leave its breakpoints behind."""
        self.process.stdin.close()
        try:
            self.process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGINT)
        self.process.stdout.read()
        self.process.wait()


def pyfrag(*options):
    return lambda pid: [PYFRAG, "trace", "-p", str(pid), "-i", "5", "--json"] + list(options)


def tracers(python):
    """Name and command for each tracer that is here; and the names of those that are not."""
    found = [
        ("watch, budget 0", pyfrag("--budget", "0")),
        ("watch, budget 0.5 %", pyfrag("--budget", "0.5%")),
        ("watch, budget 2 %", pyfrag()),
        ("watch, budget 10 %", pyfrag("--budget", "10%")),
        ("full", pyfrag("--mode", "full")),
        ("floor", lambda pid: [FLOOR, str(pid)]),
    ]
    skipped = []
    if shutil.which("bpftrace"):
        script = BPFTRACE % {"file": os.path.realpath(python), "malloc": "PyObject_Malloc",
                             "free": "PyObject_Free"}
        found.append(("bpftrace", lambda pid: ["bpftrace", "-p", str(pid), "-e",
                                               'BEGIN { printf("ready\\n"); } ' + script]))
    else:
        skipped.append("bpftrace")
    return found, skipped


def measure_tracer(program, command, rounds, seconds):
    """Medians of the slowdowns of paired runs."""
    ratios = []
    for _ in range(rounds):
        without = program.rate(seconds)
        tracer = Tracer(command(program.pid))
        try:
            ratios.append(without / program.rate(seconds))
        finally:
            tracer.stop()
    return statistics.median(ratios)


def measure_tracemalloc(python, name, rounds, seconds):
    ratios = []
    with Program(python, name) as plain, \
            Program(python, name, {"PYTHONTRACEMALLOC": "1"}) as traced:
        for _ in range(rounds):
            ratios.append(plain.rate(seconds) / traced.rate(seconds))
    return statistics.median(ratios)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--python", action="append")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("tracing another process takes root: sudo make bench")
    for python in options.python or ["/usr/bin/python3"]:
        version = subprocess.run([python, "-V"], stdout=subprocess.PIPE, check=True,
                                 universal_newlines=True).stdout.strip()
        print("Slowdown (%s; %s); medians of %d paired runs of %g s" % (
            version, describe_machine(), options.rounds, options.seconds))
        print("%-20s" % "" + "".join("%14s" % name for name in PROGRAMS))
        found, skipped = tracers(python)
        for label, command in found:
            print("%-20s" % label, end="", flush=True)
            for name in PROGRAMS:
                with Program(python, name) as program:
                    time.sleep(0.5)
                    ratio = measure_tracer(program, command, options.rounds, options.seconds)
                    print("%13.3fx" % ratio, end="", flush=True)
            print()
        print("%-20s" % "tracemalloc", end="", flush=True)
        for name in PROGRAMS:
            print("%13.3fx" % measure_tracemalloc(python, name, options.rounds, options.seconds / 3),
                  end="", flush=True)
        print()
        for name in skipped + ["memray (Debian 12 has none)"]:
            print("skipped: %s" % name)


if __name__ == "__main__":
    main()
