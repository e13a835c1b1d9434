"""The cost of a census of a heap from outside, beside tools that take it from within."""
import os
import statistics
import subprocess
import tempfile
import time

from machine import PYFRAG
from processes import Heap

ROUNDS = 7
# Seconds of guppy3's heap() and its print for 2.6 million blocks, measured elsewhere; the target is
# stopped meanwhile.
GUPPY_S = 2.3
GIB = 0.125  # of arenas, which hold 2.6 million blocks


def _run_s(pid, *options):
    start = time.perf_counter()
    process = subprocess.Popen([PYFRAG, "snapshot", "-p", str(pid), *options],
                               stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    if status:
        raise RuntimeError("pyfrag snapshot %s failed" % " ".join(options))
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def _print(what, times, peak_mib):
    print("  %-44s %6.0f ms (%.0f..%.0f), %.0f MiB" % (
        what, 1e3 * statistics.median(times), 1e3 * min(times), 1e3 * max(times), peak_mib))
    return statistics.median(times)


def measure(build, quick):
    """Seconds by what was asked for, and what was skipped."""
    rounds = 1 if quick else ROUNDS
    found = {}
    with Heap(build.path, "mixed", GIB) as heap, tempfile.TemporaryDirectory() as directory:
        blocks = int(heap.ask("blocks"))
        print("%.1f million blocks of %s: start to end of pyfrag, and its own memory" % (
            blocks / 1e6, build.name))
        for what, options, cnt in (
                ("snapshot --by type", ("--by", "type"), rounds),
                ("snapshot --paths", ("--paths",), min(3, rounds)),
                ("snapshot -o heap.db", ("-o", directory + "/heap.db"), 1)):
            told = [_run_s(heap.pid, *options) for _ in range(cnt)]
            found[what] = _print(what, [seconds for seconds, _ in told],
                                 max(mib for _, mib in told))
        within = [float(heap.ask("census_with_sizes")) for _ in range(min(3, rounds))]
        print("  from inside the process, which stops meanwhile: gc.get_objects(), types and sizes "
              "of those that are tracked %.0f ms"
              % (1e3 * statistics.median(within)))
        guppy = heap.ask("guppy").strip()
    if guppy == "none":
        return found, GUPPY_S, ["guppy3: not installed in %s; it is held against %.1f s, as was "
                                "measured elsewhere"
                                % (build.name, GUPPY_S)]
    print("  from inside the process: guppy3's heap() %.0f ms" % (1e3 * float(guppy)))
    return found, float(guppy), []
