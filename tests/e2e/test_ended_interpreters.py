"""Interpreters that have allocators of their own end. Some of their arenas are unmapped; others
stay behind with blocks in them. The events alone must account for both."""
import shutil
import subprocess
import time

import pytest

from conftest import PYTHONS, TOP
from target import Target
from test_lifecycle import assert_snapshot_agrees
from test_trace_full import assert_complete


def skip_unless_own_allocators(python):
    if python.version < (3, 12):
        pytest.skip("before 3.12 all interpreters share one allocator")


def check(pid, reports, leaves_arenas=False):
    for report in reports:
        assert_complete(report["tracing"])
        assert report["counters"]["stacks_unkept"] == 0
    first, last = reports[0], reports[-1]
    tracing, counters = last["tracing"], last["counters"]
    assert tracing["arenas_unmapped"] + counters["arenas_abandoned"] > 0
    assert counters["events_unplaced"] == 0
    assert counters["arenas_abandoned"] > 0 or not leaves_arenas
    assert last["heap"]["arenas"] - first["heap"]["arenas"] == (
        tracing["arenas_mapped"] - tracing["arenas_unmapped"] - counters["arenas_abandoned"])
    assert_snapshot_agrees(pid, last)


@pytest.mark.slow
@pytest.mark.parametrize("interval", ["100", "0.1"])
def test_interpreters_that_end(target, start_trace, interval):
    """Interpreters may start and end between two readings, or be read in between."""
    skip_unless_own_allocators(target.python)
    trace = start_trace("-p", target.pid, "-i", interval)
    target.run("ended_interpreters", 2)
    target.wait_until_blocked()
    check(target.pid, trace.stop(), leaves_arenas=target.python.version < (3, 13))


@pytest.mark.slow
def test_interpreters_that_end_while_their_heaps_are_read(target, start_trace):
    """There are so many that some end after all interpreters are listed and before their heaps are
    read."""
    skip_unless_own_allocators(target.python)
    trace = start_trace("-p", target.pid, "-i", "0.02")
    target.run("brief_interpreters", 40)
    target.wait_until_blocked()
    check(target.pid, trace.stop())


def test_interpreters_that_take_long_to_end(start_trace):
    """Their blocks are all free, but their arenas stay mapped for several readings, and in the list
    of interpreters they have not ended."""
    python = next((python for python in PYTHONS if python.version >= (3, 14)), None)
    if not python:
        pytest.skip("before 3.14 an interpreter always leaves a block behind")
    library = TOP + "/build/tests/e2e/preload/slow_unmap.so"
    if python.root:
        shutil.copy(library, python.root + "/tmp")
        library = "/tmp/slow_unmap.so"
    with Target(python, env={"LD_PRELOAD": library}) as target:
        trace = start_trace("-p", target.pid, "-i", "0.02")
        target.run("brief_interpreters", 2)
        target.wait_until_blocked()
        reports = trace.stop()
        check(target.pid, reports)
        assert reports[-1]["tracing"]["arenas_unmapped"] >= 4


POOL = """
import sys
from concurrent.futures import InterpreterPoolExecutor
from concurrent import interpreters
sys.stdout.write("ready\\n"); sys.stdout.flush()
sys.stdin.readline()
for _ in range(2):
    with InterpreterPoolExecutor(max_workers=3) as pool:
        sum(pool.map(sum, [list(range(number)) for number in range(300)]))
    interpreter = interpreters.create()
    interpreter.exec("import json; kept = [json.dumps([number]) for number in range(2000)]")
    interpreter.close()
sys.stdout.write("done\\n"); sys.stdout.flush()
sys.stdin.readline()
"""


def test_pool_of_interpreters(python, start_trace):
    if python.version < (3, 14):
        pytest.skip("concurrent.interpreters needs 3.14")
    with subprocess.Popen(python.command + ["-c", POOL], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        trace = start_trace("-p", process.pid, "-i", "0.2")
        process.stdin.write(b"go\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"done\n"
        time.sleep(0.3)
        check(process.pid, trace.stop())
        process.stdin.write(b"end\n")
