"""The cost of reading a heap with pyfrag, beside a plain copy of the same memory and beside tools
that walk the heap from within; pyfrag's own CPU time and memory meanwhile; and the effect on the
target's own clock."""
import json
import os
import statistics
import subprocess
import time

from machine import PYFRAG
from plain_copy import arena_ranges, copy_s
from processes import Heap, Tracer

INTERVAL_S = 5  # the default


class Measured:
    """Milliseconds; each list has a value per round."""

    def __init__(self):
        self.copy, self.snapshot, self.first_report = [], [], []
        self.first, self.slept, self.unchanged = [], [], []  # durations, from the reports
        self.peak_mib = 0
        self.arena_bytes = 0


def median(values):
    return statistics.median(values)


def trace(heap, *options):
    return Tracer([PYFRAG, "trace", "-p", str(heap.pid), "--json"] + list(options))


def snapshot(pid):
    out = subprocess.run([PYFRAG, "snapshot", "-p", str(pid), "--json"], stdout=subprocess.PIPE,
                         check=True)
    return json.loads(out.stdout)


def snapshot_with_peak(pid):
    """The report, and pyfrag's own peak memory in MiB."""
    command = [PYFRAG, "snapshot", "-p", str(pid), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError("%s: exit status %d" % (" ".join(command), process.returncode))
    return json.loads(out), usage.ru_maxrss / 1024


def _reading_ms(line, slept):
    """The duration of a report's reading, if the target slept or ran before it, as @slept says."""
    told = json.loads(line)["snapshot"]
    if told["target_slept"] != slept:
        raise RuntimeError("the target %s" % ("ran" if slept else "slept"))
    return told["duration_ms"]


def _read_once(heap, measured, ranges):
    measured.copy.append(copy_s(heap.pid, ranges) * 1e3)
    start = time.perf_counter()
    snapshot(heap.pid)
    measured.snapshot.append((time.perf_counter() - start) * 1e3)
    start = time.perf_counter()
    tracer = trace(heap, "-i", "1")
    measured.first_report.append((time.perf_counter() - start) * 1e3)
    measured.first.append(_reading_ms(tracer.lines[-1], False))
    measured.slept.append(_reading_ms(tracer.read_line(), True))
    heap.begin("clock", 1.5)
    measured.unchanged.append(_reading_ms(tracer.read_line(), False))
    measured.peak_mib = max(measured.peak_mib, tracer.peak_mib())
    tracer.stop()
    heap.end()


def measure_heap(heap, rounds):
    measured = Measured()
    measured.arena_bytes = snapshot(heap.pid)["heap"]["arena_bytes"]
    ranges = arena_ranges(heap.pid, measured.arena_bytes)
    copy_s(heap.pid, ranges)
    for _ in range(rounds):
        _read_once(heap, measured, ranges)
    return measured


def allowed_mib(measured):
    return 0.02 * measured.arena_bytes / 2**20 + 32


def own_share(heap, work, intervals):
    """The share of a core that a trace with the default options uses, while the target sleeps or
    does @work."""
    seconds = intervals * INTERVAL_S + 0.5
    tracer = trace(heap)
    time.sleep(0.5)
    if work:
        heap.begin(work, seconds)
    before_s, start = tracer.cpu_s(), time.perf_counter()
    time.sleep(seconds)
    share = (tracer.cpu_s() - before_s) / (time.perf_counter() - start)
    if work:
        heap.end()
    tracer.stop()
    return share


def largest_gaps_us(heap, rounds, seconds=2):
    """The largest gap of each round: undisturbed, and while snapshots are taken one after another.
    The target has a core of its own, so that only pyfrag can cause gaps."""
    alone, watched = [], []
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(heap.pid, cores[:1])
        os.sched_setaffinity(0, cores[1:])
    for _ in range(rounds):
        alone.append(_largest_gap(heap.ask("clock", seconds)))
        heap.begin("clock", seconds)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            snapshot(heap.pid)
        watched.append(_largest_gap(heap.end()))
    os.sched_setaffinity(0, cores)
    return alone, watched


def _largest_gap(line):
    return max([float(gap) for gap in line.split()] or [0.0])


def _print_heading():
    print("  %-12s %9s %9s %14s %13s %18s %18s %10s" % (
        "heap", "a plain", "snapshot", "trace's first", "its reading", "second, target",
        "second, target",
        "pyfrag's"))
    print("  %-12s %9s %9s %14s %13s %18s %18s %10s" % (
        "", "copy", "", "report", "alone", "ran, same heap", "did not run", "peak RSS"))


def _print_heap(kind, measured):
    copy = median(measured.copy)

    def ratio(values, to):
        return "%.2fx" % (median(values) / to)

    first = median(measured.first)
    print("  %-12s %6.0f ms %6.0f ms %11.0f ms %10.0f ms %15.1f ms %15.1f ms %6.0f MiB" % (
        kind, copy, median(measured.snapshot), median(measured.first_report), first,
        median(measured.unchanged), median(measured.slept), measured.peak_mib))
    print("  %-12s %9s %9s %14s %13s %18s %18s %10s" % (
        "  / copy", "1x", ratio(measured.snapshot, copy), ratio(measured.first_report, copy),
        ratio(measured.first, copy), ratio(measured.unchanged, copy), ratio(measured.slept, copy),
        ""))
    print("  %-12s %9s %9s %14s %13s %18s %18s %10s" % (
        "  / first", "", "", "", "1x", ratio(measured.unchanged, first),
        ratio(measured.slept, first), ""),
        flush=True)


def measure(build, gib, quick):
    """The measurements by kind of heap, and the share of a core by what the target does."""
    rounds = 1 if quick else 5
    print("%g GiB of arenas of %s, medians of %d" % (gib, build.name, rounds))
    _print_heading()
    heaps, shares = {}, {}
    for kind in ("full", "fragmented"):
        with Heap(build.path, kind, gib) as heap:
            heaps[kind] = measure_heap(heap, rounds)
            _print_heap(kind, heaps[kind])
            if kind == "fragmented":
                for what, work in (("sleeps", None), ("runs", "clock"), ("churns", "churn")):
                    shares[what] = own_share(heap, work, 1 if quick else 12)
                alone, watched = largest_gaps_us(heap, rounds)
    print("pyfrag's own CPU time at the default options, the fragmented heap, as a share of a "
          "core: %s" % ", ".join("target %s %.2f %%" % (what, 100 * share)
                           for what, share in shares.items()))
    print("Largest gap between two clock readings by the process, within 2 s: undisturbed %.0f us; "
          "during snapshots %.0f us" % (median(alone), median(watched)))
    return heaps, shares


def measure_from_within(build, gib):
    """Tools that run inside the target and stop it meanwhile. Returns what was skipped."""
    with Heap(build.path, "tracked", gib) as heap:
        start = time.perf_counter()
        snapshot(heap.pid)
        from_outside = time.perf_counter() - start
        census, guppy = heap.ask("census"), heap.ask("guppy").strip()
    print("%g GiB of objects that the garbage collector knows: pyfrag snapshot, from outside, "
          "%.0f ms;" % (gib, from_outside * 1e3))
    print("  from inside the process, which stops meanwhile: gc.get_objects() and their types "
          "%.0f ms%s" % (
        float(census) * 1e3, "" if guppy == "none"
        else "; guppy3's heap() %.0f ms" % (float(guppy) * 1e3)))
    return ["guppy3: not installed in %s (Debian 12 has no package of it)" % build.name] \
        if guppy == "none" else []
