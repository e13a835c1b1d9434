"""The cost of reading the heap of glibc's malloc, beside a plain copy of the same memory."""
import json
import time

from plain_copy import copy_s, heap_ranges
from processes import Heap
from reading import median, snapshot_with_peak, trace

KINDS = ("small_chunks", "large_chunks")
IDLE_REPORTS = 5


class Measured:
    """Milliseconds; each list has a value per round."""

    def __init__(self):
        self.copy, self.snapshot, self.nothing = [], [], []
        self.smaps = []  # the kernel's count of the pages, which each report asks for
        self.slept = []  # CPU time for a report of a trace while the target does not run
        self.peak_mib = 0
        self.heap_bytes = 0
        self.chunks = 0


def _smaps_ms(pid):
    start = time.perf_counter()
    with open("/proc/%d/smaps" % pid, "rb") as smaps:
        smaps.read()
    return (time.perf_counter() - start) * 1e3


def _read_once(heap, small, measured, ranges):
    measured.copy.append(copy_s(heap.pid, ranges) * 1e3)
    measured.smaps.append(_smaps_ms(heap.pid) - _smaps_ms(small.pid))
    for pid, times in ((small.pid, measured.nothing), (heap.pid, measured.snapshot)):
        start = time.perf_counter()
        report, peak_mib = snapshot_with_peak(pid)
        times.append((time.perf_counter() - start) * 1e3)
    malloc, = report["malloc"]
    measured.heap_bytes = malloc["heap_bytes"]
    measured.chunks = malloc["in_use"]["chunks"] + malloc["free"]["chunks"]
    measured.peak_mib = max(measured.peak_mib, peak_mib)


def _report_idle_ms(heap):
    """The CPU time that a trace takes for each report after the first, while the target sleeps."""
    tracer = trace(heap, "-i", "0.2")
    before_s = tracer.cpu_s()
    ages = [json.loads(tracer.read_line())["memory"]["age_s"] for _ in range(IDLE_REPORTS)]
    taken_s = tracer.cpu_s() - before_s
    tracer.stop()
    if ages != sorted(ages):
        raise RuntimeError("the target ran")
    return taken_s / IDLE_REPORTS * 1e3


def _measure_heap(build, kind, gib, rounds):
    measured = Measured()
    with Heap(build.path, "full", 0) as small, Heap(build.path, kind, gib) as heap:
        ranges = heap_ranges(heap.pid)
        copy_s(heap.pid, ranges)
        for _ in range(rounds):
            _read_once(heap, small, measured, ranges)
            measured.slept.append(_report_idle_ms(heap))
    return measured


def reading_ms(measured):
    """What a snapshot takes for the heap: the difference from one of a process without it, of which
    starting up and the libraries take the same."""
    return median(measured.snapshot) - median(measured.nothing)


def measure(build, gib, quick):
    """The measurements by kind of heap."""
    rounds = 1 if quick else 5
    found = {}
    print("%g GiB in the heap of glibc's malloc in %s, medians of %d" % (gib, build.name, rounds))
    print("  %-14s %12s %9s %9s %14s %8s %13s %16s %10s" % (
        "heap", "chunks", "a plain", "snapshot", "without heap", "reading", "of which",
        "second, target", "pyfrag's"))
    print("  %-14s %12s %9s %9s %14s %8s %13s %16s %10s" % (
        "", "", "copy", "", "", "/ copy", "smaps", "did not run", "peak RSS"))
    for kind in KINDS:
        found[kind] = measured = _measure_heap(build, kind, gib, rounds)
        print("  %-14s %12d %6.0f ms %6.0f ms %11.0f ms %7.2fx %10.1f ms %13.1f ms %6.0f MiB" % (
            kind, measured.chunks, median(measured.copy), median(measured.snapshot),
            median(measured.nothing), reading_ms(measured) / median(measured.copy),
            median(measured.smaps), median(measured.slept), measured.peak_mib), flush=True)
    return found
