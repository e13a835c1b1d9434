"""The tracers compared: each is a row of the table of slowdowns, with the way to start it on a
process and to stop it."""
import contextlib
import json
import re
import shutil
import time

from machine import FLOOR, PYFRAG
from processes import Tracer

# The usual script: an entry and a return probe on the function that allocates, and an entry probe
# on the one that frees. It prints its counts at the end. In bpftrace 0.17, -p does not filter
# uprobes.
BPFTRACE = """
BEGIN { printf("ready\\n"); }
uprobe:%(file)s:%(malloc)s /pid == %(pid)d/ { @size[tid] = %(size)s; }
uretprobe:%(file)s:%(malloc)s /@size[tid]/ { @allocs = count(); @bytes = sum(@size[tid]); }
uprobe:%(file)s:%(free)s /pid == %(pid)d/ { @frees = count(); }
END { clear(@size); }
"""
# bpftrace reports that it is ready before all its probes are attached.
BPFTRACE_SETTLE_S = 2


class Attached:
    """An attached tracer. When it is stopped: the allocations and frees it saw, or None if it does
    not count."""

    allocs = frees = None


@contextlib.contextmanager
def nothing(program, build):
    yield Attached()


def pyfrag(*options):
    @contextlib.contextmanager
    def attach(program, build):
        attached = Attached()
        tracer = Tracer([PYFRAG, "trace", "-p", str(program.pid), "-i", "5", "--json"] +
                        list(options))
        try:
            yield attached
        finally:
            attached.last = json.loads(tracer.stop()[-1])
            attached.tracing = attached.last["tracing"]
            attached.allocs = attached.tracing["allocs"]
            attached.frees = attached.tracing["frees"]

    return attach


@contextlib.contextmanager
def floor(program, build):
    tracer = Tracer([FLOOR, str(program.pid)])
    try:
        yield Attached()
    finally:
        tracer.stop()


@contextlib.contextmanager
def bpftrace(program, build):
    attached = Attached()
    script = BPFTRACE % {"file": build.code, "malloc": build.malloc, "free": build.free,
                         "size": build.size, "pid": program.pid}
    tracer = Tracer(["bpftrace", "-p", str(program.pid), "-e", script],
                    lambda line: line == "ready\n")
    try:
        time.sleep(BPFTRACE_SETTLE_S)
        yield attached
    finally:
        counts = dict(re.findall(r"@(\w+): (\d+)", "".join(tracer.stop())))
        attached.allocs, attached.frees = int(counts.get("allocs", 0)), int(counts.get("frees", 0))


@contextlib.contextmanager
def tracemalloc(program, build):
    program.ask("tracemalloc", "on")
    try:
        yield Attached()
    finally:
        program.ask("tracemalloc", "off")


def missing_bpftrace(build):
    """Why bpftrace cannot run, or None if it can."""
    if not shutil.which("bpftrace"):
        return "bpftrace: not installed (apt-get install bpftrace)"
    if not build.malloc:
        return "bpftrace on %s: no symbol of its allocator" % build.name
    return None
