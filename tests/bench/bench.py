#!/usr/bin/python3
"""What pyfrag takes to read a heap, beside what a plain copy of the same memory takes; and what the
target's own clock shows of it. Prints a table. As root; `make bench`.

    bench.py [--gib SIZE] [--rounds N] [--python PATH]
"""
import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PYFRAG = os.environ.get("PYFRAG", os.path.join(HERE, "../../pyfrag"))


class Heap:
    """A process with a large heap."""

    def __init__(self, python, kind, gib):
        self.process = subprocess.Popen(
            [python, os.path.join(HERE, "heaps.py"), kind, str(gib)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, universal_newlines=True)
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError("the heap cannot be made")
        self.pid = self.process.pid

    def start_clock(self, seconds):
        self.process.stdin.write("%f\n" % seconds)
        self.process.stdin.flush()

    def gaps_us(self):
        return [float(gap) for gap in self.process.stdout.readline().split()] or [0.0]

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.wait()


def run(*args):
    """Runs pyfrag. Returns its first report, the seconds until it was there, and the MiB it took."""
    begin = time.perf_counter()
    process = subprocess.Popen([PYFRAG] + list(args), stdout=subprocess.PIPE)
    line = process.stdout.readline()
    elapsed = time.perf_counter() - begin
    process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError("pyfrag failed")
    return json.loads(line), elapsed, usage.ru_maxrss / 1024


def arena_ranges(pid, arena_bytes):
    """The mappings that hold the arenas: the largest anonymous ones, until there is enough."""
    found = []
    with open("/proc/%d/maps" % pid) as maps:
        for line in maps:
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw-p 0+ 00:00 0\s*$", line)
            if match:
                start, end = (int(part, 16) for part in match.groups())
                found.append((end - start, start))
    total = 0
    for size, start in sorted(found, reverse=True):
        size = min(size, arena_bytes - total)
        yield start, size
        total += size
        if total >= arena_bytes:
            return


def plain_copy(pid, ranges):
    """Seconds that it takes to copy the memory, 4 MiB at a time, and to do nothing with it."""
    buffer = memoryview(bytearray(4 << 20))
    begin = time.perf_counter()
    with open("/proc/%d/mem" % pid, "rb", buffering=0) as memory:
        for start, size in ranges:
            memory.seek(start)
            while size > 0:
                size -= memory.readinto(buffer[:min(size, len(buffer))])
    return time.perf_counter() - begin


def median(values):
    return statistics.median(values)


def measure_reading(heap, rounds):
    first, _, _ = run("snapshot", "-p", str(heap.pid), "--json")
    ranges = list(arena_ranges(heap.pid, first["heap"]["arena_bytes"]))
    plain_copy(heap.pid, ranges)
    copies, snapshots, traces, memory = [], [], [], []
    for _ in range(rounds):
        copies.append(plain_copy(heap.pid, ranges))
        _, elapsed, peak = run("snapshot", "-p", str(heap.pid), "--json")
        snapshots.append(elapsed)
        memory.append(peak)
        _, elapsed, peak = run("trace", "-p", str(heap.pid), "--json", "-d", "0.1")
        traces.append(elapsed)
        memory.append(peak)
    return {
        "report": first, "copy": median(copies), "snapshot": median(snapshots),
        "trace": median(traces), "peak": max(memory),
    }


def measure_gaps(heap, rounds, seconds):
    """The largest gaps of each round: undisturbed, and while snapshots are taken one after another. The
    target has a core for itself, so that nobody else takes its time."""
    alone, watched = [], []
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(heap.pid, cores[:1])
        os.sched_setaffinity(0, cores[1:])
    for _ in range(rounds):
        heap.start_clock(seconds)
        time.sleep(seconds)
        alone.append(heap.gaps_us())
        heap.start_clock(seconds)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            run("snapshot", "-p", str(heap.pid), "--json")
        watched.append(heap.gaps_us())
    os.sched_setaffinity(0, cores)
    return alone, watched


def describe_machine():
    with open("/proc/cpuinfo") as info:
        model = re.search(r"model name\s*: (.*)", info.read())
    return "%d cores (%s), Linux %s" % (
        os.cpu_count(), model.group(1) if model else "unknown", platform.release())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--gib", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--python", default="/usr/bin/python3")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("reading another process takes root: sudo make bench")

    version = subprocess.run([options.python, "-V"], stdout=subprocess.PIPE, check=True,
                             universal_newlines=True).stdout.strip()
    print("%s, %g GiB of arenas; %s; medians of %d runs" % (
        version, options.gib, describe_machine(), options.rounds))
    print()
    print("%-12s %8s %10s %12s %12s %14s %10s %10s" % (
        "heap", "arenas", "blocks", "plain copy", "snapshot", "trace's first", "snapshot/", "pyfrag's"))
    print("%-12s %8s %10s %12s %12s %14s %10s %10s" % ("", "", "", "", "", "report", "copy", "peak RSS"))
    for kind in ("full", "fragmented"):
        with Heap(options.python, kind, options.gib) as heap:
            measured = measure_reading(heap, options.rounds)
            shown = measured["report"]["heap"]
            print("%-12s %8d %10d %10.0fms %10.0fms %12.0fms %9.2fx %7.0fMiB" % (
                kind, shown["arenas"], shown["live_blocks"], measured["copy"] * 1e3,
                measured["snapshot"] * 1e3, measured["trace"] * 1e3,
                measured["snapshot"] / measured["copy"], measured["peak"]), flush=True)
            if kind == "fragmented":
                alone, watched = measure_gaps(heap, options.rounds, 2)
    print()
    print("The target's own clock, 2 s at a time: the largest gaps between two looks, median of the rounds")
    print("  undisturbed:               largest %6.0f us, tenth %6.0f us" % (
        median(gaps[0] for gaps in alone), median(gaps[min(9, len(gaps) - 1)] for gaps in alone)))
    print("  snapshot after snapshot:   largest %6.0f us, tenth %6.0f us" % (
        median(gaps[0] for gaps in watched),
        median(gaps[min(9, len(gaps) - 1)] for gaps in watched)))


if __name__ == "__main__":
    main()
